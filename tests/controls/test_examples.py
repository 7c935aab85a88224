"""Each control's examples, judged by the whole engine: rows on disk in, verdicts on disk out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import pytest

from controls.catalogue import EXAMPLE_MOMENTS, Control, Example, load_catalogue
from controls.register import AttestationRecord
from evidence.findings import ParameterValue, Topic, Verdict
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
    if control.over in BESIDE:
        yield from BESIDE[control.over](estate, control, number, example)
    else:
        yield from _keys_and_secrets(estate, control, number, example)


def _keys_and_secrets(estate: ModuleType, control: Control, number: int, example: dict[str, Any]) -> Iterator[Row]:
    place = _place(estate, number)
    of_secret = control.over in ("secret", "secret_encryption") or example.get("kind") == "secret"
    row = _blank((estate.secret if of_secret else estate.key)(number, **place), example, control.facts)
    if control.over == "key_period":
        row = _used(estate, row, example.get("longest_use_days"))
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
    service = "secretsmanager" if of_secret else "kms"
    yield estate.scope(service=service, provider=_provider(control, example), **place)


def _scope(estate: ModuleType, control: Control, number: int, example: dict[str, Any]) -> Iterator[Row]:
    scope = _blank(estate.scope(provider="aws", **_place(estate, number)), example, control.facts)
    if control.over in ABOUT_SCOPES:
        yield from ABOUT_SCOPES[control.over](estate, scope, example)
    else:
        yield scope


def _store(estate: ModuleType, control: Control, number: int, example: dict[str, Any]) -> Iterator[Row]:
    place = _place(estate, number)
    store = _blank(estate.store(estate.key(number, **place)), example, control.facts)
    yield store
    if control.over == "access_review" and "principals_sha256" not in example:
        yield estate.rows_gap(store.scope, "access", store.id)
    yield estate.scope(provider="aws", **place)


def _version(estate: ModuleType, control: Control, number: int, example: dict[str, Any]) -> Iterator[Row]:
    place = _place(estate, number)
    key = estate.key(number, **place)
    yield _blank(estate.version(key), example, control.facts)
    yield estate.scope(provider="aws", **place)
    told = {name: example.get(f"key_{name}") for name in ("manager", "state", "type")}
    yield replace(key, manager=told["manager"], state=told["state"], key_type=told["type"])


def _provider(control: Control, example: dict[str, Any]) -> str | None:
    """A provider of which is true what the example says that it offers."""
    if "purge_protection_settable" in control.facts:
        return {True: "azure", False: "aws", None: None}[example.get("purge_protection_settable")]
    return "gcp" if "resources_counted" in control.facts else "aws"


def _used(estate: ModuleType, key: Any, span: Mapping[str, int] | None) -> Any:
    """The key with dates that bound its longest use so, where its versions are not known."""
    if span is None:
        return replace(key, last_rotated_at=None, created_at=None, material_known_at=None)
    rotated = estate.days_before(span["at_least"])
    created = rotated - timedelta(days=span["at_most"]) if "at_most" in span else None
    if span["at_least"] == span.get("at_most"):
        created = rotated
    return replace(key, last_rotated_at=rotated, material_known_at=rotated, created_at=created)


def _around(estate: ModuleType, control: Control, row: Any, example: dict[str, Any]) -> Iterator[Row]:
    over, facts = control.over, control.facts
    if over == "secret_encryption":
        row = replace(row, keys=example.get("keys"))
    yield row
    if over == "key_duty":
        yield from _access(estate, control, row, example)
    if over == "key_period":
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
    "backup_attested_at": Topic.BACKUP,
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
        if control.over != "certificate_life":
            yield estate.scope(service="acm", **place)
        if held is not None:
            yield estate.scope(service="acm", provider="aws" if held else "vault", **place)


BESIDE = {
    **dict.fromkeys(("scope", "scope_statement", *ABOUT_SCOPES), _scope),
    **dict.fromkeys(("key_store", "key_store_statement", "access_review"), _store),
    **dict.fromkeys(("account", "credential", "resource_encryption"), _beside_keys),
    **dict.fromkeys(("certificate", "certificate_life", "certificate_statement"), _beside_keys),
    "version_of_key": _version,
}
"""View → what makes the rows of an example, where it is about neither keys nor secrets."""


# --- what is judged apart: what the organization states, and what earlier runs show -----------------------------------

Facts: TypeAlias = dict[str, Any]

WEEK_AGO, NOW = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)
"""When the example's earlier run read its scope, and when its own did."""


@dataclass(frozen=True)
class Made:
    """What an assessment needs so that a view comes to what an example says, and the row that is meant."""

    subject: str
    """Beginning of the id of the row."""
    rows: Sequence[Row] = ()
    earlier: Sequence[Row] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)


def _topic(estate: ModuleType, example: Facts) -> Made:
    attested = [estate.attestation(example["topic"], example)] if "attested_at" in example else []
    return Made(example["topic"], arguments={"attestations": attested})


def _past_run(estate: ModuleType, example: Facts) -> Made:
    return Made("run-0", earlier=[estate.past_run(**{"linked": None, **example})])


def _audit_period(estate: ModuleType, example: Facts) -> Made:
    """Runs as far apart as the example's lower bound says, and incomplete ones up to its upper bound."""
    period = EXAMPLE_MOMENTS["period_start"], EXAMPLE_MOMENTS["period_end"]
    if not example["begun"]:
        later = tuple(moment + timedelta(days=900) for moment in period)
        return Made("audit period", arguments={"period": later})
    span = example["longest_gap_days"]
    step, most = max(span["at_least"], 1), span.get("at_most", 400)
    ages = range(step, (period[1] - period[0]).days, step)
    runs = [estate.reading(period[0] + timedelta(days=age), complete=age >= most or None) for age in ages]
    if step == most:
        runs = [replace(run, complete=True) for run in runs]
    unknown = span["at_least"] == 0
    return Made("audit period", [estate.scope(collected_at=None if unknown else period[1])], runs)


def _change(estate: ModuleType, example: Facts) -> Made:
    """One scope that two runs read, and one key of it that changed in between as the example says."""
    change = example.get("change")
    scope = estate.scope(collected_at=NOW)
    if example.get("of_table") == "scope":
        return Made(scope.id, [scope], [estate.reading(WEEK_AGO)] if change else [])
    before = estate.key(state=example.get("state_before") or "active")
    after = {
        "state": replace(before, state=example.get("state_after")),
        "destruction": replace(before, state=example.get("state_after")),
        "settings": replace(before, **{name: _other(getattr(before, name)) for name in example.get("facts", ())}),
        "rotation": replace(before, last_rotated_at=NOW),
        "creation": before,
        None: replace(before, rotation_enabled=None),
    }
    attested = [
        estate.attestation(topic, date=example[fact].date())
        for fact, topic in (("authorized_at", "change"), ("approved_at", "destruction"))
        if fact in example
    ]
    seen = [] if change == "creation" else [estate.sighting(before, WEEK_AGO)]
    subject = before.id if change is None else f"key {before.id} {change}"
    rows = [scope] if change == "removal" else [scope, after[change]]
    return Made(subject, rows, [estate.reading(WEEK_AGO), *seen], {"attestations": attested})


def _other(value: object) -> object:
    return not value if isinstance(value, bool) else ["another"]


APART = {"topic": _topic, "past_run": _past_run, "audit_period": _audit_period, "change": _change}
"""View → what makes an example of a control over it."""

EXCEPTION = "exception"


@pytest.mark.parametrize("control_id", [c.id for c in BUILT_IN.controls.values() if c.over not in (*APART, EXCEPTION)])
def test_every_example_has_its_verdict_in_an_assessment(tmp_path: Path, estate: ModuleType, control_id: str) -> None:
    control = BUILT_IN.controls[control_id]
    alike: dict[str, list[int]] = {}
    for number, example in enumerate(control.examples):
        alike.setdefault(repr(example.parameters), []).append(number)
    for place, numbers in enumerate(alike.values()):
        rows, attested, expected = [], [], {}
        for number in numbers:
            example = control.examples[number]
            (row, *others) = _rows(estate, control, number, dict(example.row))
            rows += [row, *others]
            subject = _subject(control, row)
            attested += _attested(estate, row, subject, dict(example.row))
            expected[subject] = str(example.verdict)
        given = {control_id: _given(control.examples[numbers[0]])}
        folder = tmp_path / str(place)
        verdicts = _verdicts(folder, estate, control_id, rows, attestations=attested, overrides=given)
        assert {subject: verdicts[subject] for subject in expected} == expected


def _given(example: Example) -> dict[str, ParameterValue]:
    """The parameters of an example as an organization sets them."""
    return {
        name: ParameterValue(name=name, value=value, source="example", set_by="organization")
        for name, value in example.parameters.items()
    }


@pytest.mark.parametrize("control_id", [c.id for c in BUILT_IN.controls.values() if c.over == EXCEPTION])
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


@pytest.mark.parametrize("control_id", [c.id for c in BUILT_IN.controls.values() if c.over in APART])
def test_every_example_of_what_is_judged_apart_has_its_verdict_in_an_assessment(
    tmp_path: Path, estate: ModuleType, control_id: str
) -> None:
    control = BUILT_IN.controls[control_id]
    for number, example in enumerate(control.examples):
        made = APART[control.over](estate, dict(example.row))
        folder = tmp_path / str(number)
        estate.write_history(folder, made.earlier)
        given = {control_id: _given(example)}
        verdicts = _verdicts(folder, estate, control_id, made.rows, overrides=given, **made.arguments)
        found = [verdict for subject, verdict in verdicts.items() if subject.startswith(made.subject)]
        assert found == [str(example.verdict)], f"example {number + 1}: {example.row}"


def _verdicts(
    folder: Path, estate: ModuleType, control_id: str, rows: Iterable[Row], **arguments: Any
) -> dict[str, str]:
    period = (EXAMPLE_MOMENTS["period_start"], EXAMPLE_MOMENTS["period_end"])
    only = estate.only(BUILT_IN, control_id)
    given = {"as_of": EXAMPLE_MOMENTS["as_of"], "period": period, **arguments}
    judged = estate.judge(folder, only, rows, **given)
    return {finding["subject"]: finding["verdict"] for finding in judged.findings if finding["observed"] != "{}"}
