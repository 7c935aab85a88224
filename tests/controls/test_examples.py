"""Each control's examples, judged by the whole engine: rows on disk in, verdicts on disk out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from controls.catalogue import EXAMPLE_MOMENTS, Control, Example, load_catalogue
from evidence.findings import ParameterValue
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
    row = _blank((estate.secret if of_secret else estate.key)(number, **place), example, control.facts)
    if control.over == "key_dependents":
        row = replace(row, protected_resources=example.get("resources_counted"))
    yield from _around(estate, control, row, example)
    if control.over == "key_custody":
        told = {name: example.get(name) for name in ("validation_standard", "kek_security_bits", "kek_apart")}
        yield estate.store(row, **told)
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
        principals = example.get("administrators_who_use")
        if principals is None:
            yield estate.rows_gap(row.scope, "access", row.id)
        for principal in principals or ():
            yield from (estate.access(row, principal, capability) for capability in ("administer", "decrypt"))
    if over == "key_period":
        if "longest_use_days" in example:
            yield estate.version(row, created_at=estate.days_before(example["longest_use_days"]))
        else:
            yield estate.rows_gap(row.scope, "key_version", row.id)
    if over == "key_dependents" and "secrets_encrypted" in facts:
        secrets = example.get("secrets_encrypted")
        provider = _provider(control, example)
        yield estate.scope(service="secretsmanager", region=row.region, provider=provider)
        if secrets is None:
            yield estate.rows_gap(f"prod/{row.account}/{row.region}/secretsmanager", "secret")
        yield from (estate.secret(place, region=row.region, keys=[row.id]) for place in range(secrets or 0))
    aliases = [name for name in example.get("keys", ()) if name.startswith("alias/")]
    if over == "secret_encryption" and aliases and "key_manager" in example:
        known = {"manager": example["key_manager"], "security_bits": example["key_security_bits"]}
        yield estate.key(1, region=row.region, aliases=aliases, **known)
        yield estate.scope(region=row.region)


ALONE = [control_id for control_id, control in BUILT_IN.controls.items() if not control.view.tables]
"""Controls of what is one for the whole organization, so that each example is assessed by itself."""


@pytest.mark.parametrize("control_id", [name for name in BUILT_IN.controls if name not in ALONE])
def test_every_example_has_its_verdict_in_an_assessment(tmp_path: Path, estate: ModuleType, control_id: str) -> None:
    control = BUILT_IN.controls[control_id]
    alike: dict[str, list[int]] = {}
    for number, example in enumerate(control.examples):
        alike.setdefault(repr(example.parameters), []).append(number)
    for place, numbers in enumerate(alike.values()):
        rows, expected = [], {}
        for number in numbers:
            (row, *others) = _rows(estate, control, number, dict(control.examples[number].row))
            rows += [row, *others]
            expected[row.id] = str(control.examples[number].verdict)
        given = _given(control.examples[numbers[0]])
        verdicts = _verdicts(tmp_path / str(place), estate, control_id, rows, overrides={control_id: given})
        assert {subject: verdicts[subject] for subject in expected} == expected


def _given(example: Example) -> dict[str, ParameterValue]:
    """The parameters of an example as an organization sets them."""
    return {
        name: ParameterValue(name=name, value=value, source="example", set_by="organization")
        for name, value in example.parameters.items()
    }


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
