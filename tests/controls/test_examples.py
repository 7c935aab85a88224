"""Each control's examples, judged by the whole engine: rows on disk in, verdicts on disk out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from controls.catalogue import EXAMPLE_MOMENTS, Control, load_catalogue
from controls.register import AttestationRecord
from evidence.model import BOOKKEEPING, Row

BUILT_IN = load_catalogue()


def _place(estate: ModuleType, number: int) -> dict[str, str]:
    """Every example has a region to itself, so that none sees another's secrets and gaps."""
    return {"region": f"region-{number}"}


def _blank(row: Any, example: dict[str, Any], facts: tuple[str, ...]) -> Any:
    """The row with the example's values, and nothing known that the control reads and the example does not give."""
    names = {name for name in facts if name not in BOOKKEEPING and hasattr(row, name)}
    return replace(row, **{name: example.get(name) for name in names})


def _rows(estate: ModuleType, control: Control, number: int, example: dict[str, Any]) -> Iterator[Row]:
    """The example's row first, and then the rows from which the view takes what the example says of it."""
    place = _place(estate, number)
    of_secret = control.over in ("secret", "secret_encryption") or example.get("kind") == "secret"
    service = "secretsmanager" if of_secret else "kms"
    scope = estate.scope(service=service, provider=_provider(control, example), **place)
    if control.over == "scope":
        yield _blank(scope, example, control.facts)
        return
    if control.over == "key_store":
        yield _blank(estate.store(estate.key(number, **place)), example, control.facts)
        yield scope
        return
    if control.over in ("account", "credential", "resource_encryption", "certificate", "certificate_life"):
        yield from _beside_keys(estate, control, number, example)
        return
    if control.over == "version_of_key":
        key = estate.key(number, **place)
        yield _blank(estate.version(key), example, control.facts)
        yield scope
        told = {name: example.get(f"key_{name}") for name in ("manager", "state", "type")}
        yield replace(key, manager=told["manager"], state=told["state"], key_type=told["type"])
        return
    row = _blank((estate.secret if of_secret else estate.key)(number, **place), example, control.facts)
    if control.over == "key_dependents":
        row = replace(row, protected_resources=example.get("resources_counted"))
    yield from _around(estate, control, row, example)
    if control.over == "key_custody":
        told = {name: example.get(name) for name in ("validation_standard", "kek_security_bits", "kek_apart")}
        yield estate.store(row, **told)
    if control.over == "key_recovery" and "kept_by_provider" in example:
        yield estate.store(row, kind="AWS KMS" if example["kept_by_provider"] else "PKCS#11 token")
    if control.over == "asset_deletion":
        yield estate.store(row, purge_protection=example.get("purge_protection"))
    yield scope


def _provider(control: Control, example: dict[str, Any]) -> str | None:
    """A provider of which is true what the example says that it offers."""
    if "purge_protection_settable" in control.facts:
        return {True: "azure", False: "aws", None: None}[example.get("purge_protection_settable")]
    return "gcp" if "resources_counted" in control.facts else "aws"


def _around(estate: ModuleType, control: Control, row: Any, example: dict[str, Any]) -> Iterator[Row]:
    over, facts = control.over, control.facts
    if over == "secret_encryption":
        row = replace(row, keys=example.get("keys"))
    yield row
    if over == "key_duty":
        yield from _access(estate, control, row, example)
    if over == "key_period":
        if "longest_use_days" in example:
            yield estate.version(row, created_at=estate.days_before(example["longest_use_days"]))
        else:
            yield estate.rows_gap(row.scope, "key_version", row.id)
    if over == "key_dependents" and {"secrets_encrypted", "environments"} & set(facts):
        environments = example.get("environments")
        secrets = example.get("secrets_encrypted", None if environments is None else len(environments))
        provider = _provider(control, example)
        yield estate.scope(service="secretsmanager", region=row.region, provider=provider)
        if secrets is None:
            yield estate.rows_gap(f"prod/{row.account}/{row.region}/secretsmanager", "secret")
        for place, environment in zip(range(secrets or 0), environments or cycle([""]), strict=False):
            yield estate.secret(place, region=row.region, keys=[row.id], environment=environment)
    aliases = [name for name in example.get("keys", ()) if name.startswith("alias/")]
    if over == "secret_encryption" and aliases and "key_manager" in example:
        known = {"manager": example["key_manager"], "security_bits": example["key_security_bits"]}
        yield estate.key(1, region=row.region, aliases=aliases, **known)
        yield estate.scope(region=row.region)


def _access(estate: ModuleType, control: Control, row: Any, example: dict[str, Any]) -> Iterator[Row]:
    """What is granted on a key. Of administrators who are not all told, the first is a group."""
    administrators, both = example.get("administrators"), example.get("administrators_who_use")
    if administrators is None and both is None:
        yield estate.rows_gap(row.scope, "access", row.id)
    for principal in both or ():
        yield from (estate.access(row, principal, capability) for capability in ("administer", "decrypt"))
    told = example.get("administrators_told", False)
    for number, principal in enumerate(administrators or ()):
        kind = "group" if number == 0 and not told else "anyone" if principal == "*" else "undecided"
        yield estate.access(row, principal, "administer", principal_kind=kind, public=principal == "*")


def _beside_keys(estate: ModuleType, control: Control, number: int, example: dict[str, Any]) -> Iterator[Row]:
    """What is neither key nor secret nor one of their stores."""
    place = _place(estate, number)
    if control.over == "account":
        yield _blank(estate.account(number), example, control.facts)
    elif control.over == "credential":
        yield _blank(estate.credential(number), example, control.facts)
    elif control.over == "resource_encryption":
        row = replace(estate.resource(number, **place), **{n: example.get(n) for n in ("kind", "encrypted", "key")})
        yield row
        if row.key and "key_manager" in example:
            yield estate.key(number, id=row.key, manager=example["key_manager"], **place)
    else:
        row = _blank(estate.certificate(number, **place), example, control.facts)
        held, due = example.get("held"), example.get("renewal_due_at")
        ahead = (example["expires_at"] - due).days if due and example.get("renewal_enabled") else None
        yield replace(row, key="", renewal_days=ahead)
        if control.over == "certificate":
            yield estate.scope(service="acm", **place)
        if held is not None:
            yield estate.scope(service="acm", provider="aws" if held else "vault", **place)


def _attested(estate: ModuleType, example: Mapping[str, Any], row: Any) -> Iterator[AttestationRecord]:
    """What people say of the example's row."""
    if "backup_attested_at" in example:
        dated = example["backup_attested_at"].date()
        yield estate.attestation("backup", id=f"ATT-{row.id}", subjects=[row.id], date=dated)


ALONE = [control_id for control_id, control in BUILT_IN.controls.items() if not control.view.tables]
"""Controls of what is one for the whole organization, so that each example is assessed by itself."""


@pytest.mark.parametrize("control_id", [name for name in BUILT_IN.controls if name not in ALONE])
def test_every_example_has_its_verdict_in_an_assessment(tmp_path: Path, estate: ModuleType, control_id: str) -> None:
    control = BUILT_IN.controls[control_id]
    rows, attested, expected = [], [], {}
    for number, example in enumerate(control.examples):
        (row, *others) = _rows(estate, control, number, dict(example.row))
        rows += [row, *others]
        attested += _attested(estate, example.row, row)
        expected[row.id] = str(example.verdict)
    verdicts = _verdicts(tmp_path, estate, control_id, rows, attestations=attested)
    assert {subject: verdicts[subject] for subject in expected} == expected


@pytest.mark.parametrize("control_id", ALONE)
def test_every_example_of_a_topic_has_its_verdict_in_an_assessment(
    tmp_path: Path, estate: ModuleType, control_id: str
) -> None:
    for number, example in enumerate(BUILT_IN.controls[control_id].examples):
        row = dict(example.row)
        attested = [estate.attestation(row["topic"], row)] if "attested_at" in row else []
        verdicts = _verdicts(tmp_path / str(number), estate, control_id, (), attestations=attested)
        assert verdicts[row["topic"]] == str(example.verdict), number


def _verdicts(
    folder: Path, estate: ModuleType, control_id: str, rows: Iterable[Row], **arguments: Any
) -> dict[str, str]:
    period = (EXAMPLE_MOMENTS["period_start"], EXAMPLE_MOMENTS["period_end"])
    only = estate.only(BUILT_IN, control_id)
    judged = estate.judge(folder, only, rows, as_of=EXAMPLE_MOMENTS["as_of"], period=period, **arguments)
    return {finding["subject"]: finding["verdict"] for finding in judged.findings if finding["observed"] != "{}"}
