"""Each control's examples, judged by the whole engine: rows on disk in, verdicts on disk out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from controls.catalogue import EXAMPLE_MOMENTS, Control, load_catalogue
from controls.register import AttestationRecord
from evidence.findings import Topic, Verdict
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
    if control.over in ("scope", "scope_statement"):
        yield _blank(scope, example, control.facts)
        return
    if control.over in ABOUT_SCOPES:
        yield from ABOUT_SCOPES[control.over](estate, _blank(scope, example, control.facts), example)
        return
    if control.over in ("key_store", "key_store_statement", "access_review"):
        store = _blank(estate.store(estate.key(number, **place)), example, control.facts)
        yield store
        if control.over == "access_review" and "principals_sha256" not in example:
            yield estate.rows_gap(store.scope, "access", store.id)
        yield scope
        return
    if control.over == "certificate_statement":
        yield _blank(estate.certificate(number, **place), example, control.facts)
        yield estate.scope(service="acm", **place)
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


def _custodian(estate: ModuleType, scope: Any, example: dict[str, Any]) -> Iterator[Row]:
    key = estate.key(region=scope.region)
    kind = example.get("principal_kind")
    yield estate.access(key, f"role/{scope.region}", "administer", principal_kind=kind)
    yield scope


def _reconciliation(estate: ModuleType, scope: Any, example: dict[str, Any]) -> Iterator[Row]:
    yield scope
    if "counted" not in example:
        yield estate.rows_gap(scope.id, "key")
    yield from (estate.key(number, region=scope.region) for number in range(example.get("counted", 0)))


ABOUT_SCOPES = {"custodian": _custodian, "reconciliation": _reconciliation}
"""Views of which a row is made of others in a scope."""


def _subject(control: Control, row: Any) -> str:
    """The id of the row of the view that an example's first row makes."""
    if control.over == "custodian":
        return str(row.principal)
    return f"{row.id}#key" if control.over == "reconciliation" else str(row.id)


DATED = {
    "exercised_at": Topic.RECOVERY_EXERCISE,
    "registered_at": Topic.CERTIFICATE_REGISTER,
    "rights_reviewed_at": Topic.COLLECTOR_RIGHTS,
    "acknowledged_at": Topic.ACKNOWLEDGEMENT,
    "transferred_at": Topic.KEY_TRANSFER,
}
"""Column → the topic of the attestation whose day it is."""

DIGESTS = {"of today": hashlib.sha256().hexdigest(), "of then": "1" * 64}
"""Digests of principals as examples name them: that of a store which admits nobody, and another."""


def _attested(estate: ModuleType, row: Any, subject: str, example: dict[str, Any]) -> Iterator[AttestationRecord]:
    """What somebody attests so that the view says what the example says."""
    told: list[tuple[Topic, dict[str, Any]]] = [
        (topic, {"date": example[column].date()}) for column, topic in DATED.items() if column in example
    ]
    if "migration_target_at" in example:
        told.append((Topic.MIGRATION, {"target": example["migration_target_at"].date()}))
    if example.get("stated"):
        counts = {"key": example["stated_count"]}
        told.append((Topic.RECONCILIATION, {"date": example["stated_at"].date(), "counts": counts}))
        subject = row.id
    if "reviewed_at" in example:
        digest = DIGESTS.get(example.get("reviewed_principals_sha256"), "")
        told.append((Topic.ACCESS_REVIEW, {"date": example["reviewed_at"].date(), "principals_sha256": digest}))
    for topic, days in ((Topic.COMPROMISE, "compromise_days"), (Topic.DEPARTURE, "departure_days")):
        if "happened_at" in example and example.get(days):
            happened = example["happened_at"].date()
            told.append((topic, {"occurred": happened, "date": happened + timedelta(days=example[days])}))
    for topic, facts in told:
        yield estate.attestation(str(topic), id=f"ATT-{topic}-{subject}", subjects=[subject], **facts)


ALONE = [control_id for control_id, control in BUILT_IN.controls.items() if not control.view.tables]
"""Controls of what is one for the whole organization, so that each example is assessed by itself."""


@pytest.mark.parametrize("control_id", [name for name in BUILT_IN.controls if name not in ALONE])
def test_every_example_has_its_verdict_in_an_assessment(tmp_path: Path, estate: ModuleType, control_id: str) -> None:
    control = BUILT_IN.controls[control_id]
    rows, expected, attested = [], {}, []
    for number, example in enumerate(control.examples):
        (row, *others) = _rows(estate, control, number, dict(example.row))
        rows += [row, *others]
        subject = _subject(control, row)
        expected[subject] = str(example.verdict)
        attested += _attested(estate, row, subject, dict(example.row))
    verdicts = _verdicts(tmp_path, estate, control_id, rows, attestations=attested)
    assert {subject: verdicts[subject] for subject in expected} == expected


@pytest.mark.parametrize("control_id", [name for name in ALONE if BUILT_IN.controls[name].over == "exception"])
def test_every_example_of_an_exception_has_its_verdict_in_an_assessment(
    tmp_path: Path, estate: ModuleType, control_id: str
) -> None:
    excepted, expected = [], {}
    for number, example in enumerate(BUILT_IN.controls[control_id].examples):
        if example.verdict is Verdict.INCONCLUSIVE:
            continue  # the register is known whole: there, no such fact is unknown
        told = dict(example.row)
        record = estate.exception(
            told["control"],
            id=f"EXC-{number}",
            owner=told["owner"],
            approver=told["approver"],
            approved=told["approved_at"].date(),
            expires=told["expires_at"].date(),
            document_problem="" if told["document_as_recorded"] else "its document is not the one attested",
        )
        excepted.append(record)
        expected[record.id] = str(example.verdict)
    assert _verdicts(tmp_path, estate, control_id, (), exceptions=excepted) == expected


@pytest.mark.parametrize("control_id", [name for name in ALONE if BUILT_IN.controls[name].over == "topic"])
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
