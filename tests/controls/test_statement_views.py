"""What the views make of attestations and exceptions, and what they leave open beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from controls.catalogue import Catalogue
from controls.views.review import PRINCIPALS_SQL
from evidence.model import TABLES, Row, arrow_schema

Told = Callable[..., dict[str, Any]]


@pytest.fixture
def tell(tmp_path: Path, estate: ModuleType, catalogue: Catalogue) -> Told:
    """`tell(control, rows, *attested)`: by the row's id, the facts, the verdict, the gaps and the topics awaited.

    Under the empty id, the gaps by which rows may be missing.
    """

    def _tell(control: str, rows: Iterable[Row], *attested: Any, **arguments: Any) -> dict[str, Any]:
        only = estate.only(catalogue, control)
        judged = estate.judge(tmp_path, only, rows, attestations=list(attested), **arguments)
        found: dict[str, Any] = {"": []}
        for finding in judged.of(control):
            if finding["observed"] == "{}":
                found[""] += finding["missing"]
            else:
                found[finding["subject"]] = json.loads(finding["observed"]) | {
                    name: finding[name] for name in ("verdict", "missing", "awaits", "evidence")
                }
        return found

    return _tell


# --- key_statement, key_store_statement, certificate_statement, scope_statement --------------------------------------


def test_an_attestation_is_about_the_subjects_that_it_names(estate: ModuleType, tell: Told) -> None:
    stores = [
        estate.store(key, state="active", activated=True) for key in (estate.key(), estate.key(region="us-east-1"))
    ]
    about = estate.attestation("recovery_exercise", subjects=["arn:aws:kms:eu-*"])
    told = tell("GOV-05", [estate.scope(), estate.scope(region="us-east-1"), *stores], about)
    assert [told[store.id]["verdict"] for store in stores] == ["pass", "inconclusive"]
    assert told[stores[1].id]["awaits"] == ["recovery_exercise"]


def test_the_newest_attestation_tells(estate: ModuleType, tell: Told) -> None:
    key = estate.key(pq_category=0, key_type="private signature")
    plans = [
        estate.attestation(
            "migration",
            id=f"ATT-{days}",
            date=estate.days_before(days).date(),
            target=estate.days_before(-days).date(),
        )
        for days in (300, 20, 200)
    ]
    told = tell("PQC-01", [estate.scope(), key], *plans)[key.id]
    assert told["migration_target_at"] == f"{estate.days_before(-20):%Y-%m-%dT%H:%M:%SZ}"


def test_an_attestation_that_does_not_count_is_none(estate: ModuleType, tell: Told) -> None:
    spoiled = [
        estate.attestation("collector_rights", id="ATT-1", approver="ADA"),
        estate.attestation("collector_rights", id="ATT-2", expires=estate.days_before(1).date()),
        estate.attestation("collector_rights", id="ATT-3", document_problem="its document is not the one attested"),
        estate.attestation("access_review", id="ATT-4"),
    ]
    scope = estate.scope(identity="arn:aws:iam::111122223333:role/keyproof")
    told = tell("EVD-02", [scope], *spoiled)[scope.id]
    assert (told["rights_reviewed_at"], told["verdict"], told["awaits"]) == (None, "inconclusive", ["collector_rights"])


def test_an_attestation_does_not_make_up_for_what_was_not_read(estate: ModuleType, tell: Told) -> None:
    scope = estate.scope(identity=None)
    gap = estate.column_gap(scope, "identity")
    told = tell("EVD-02", [scope, gap], estate.attestation("collector_rights"))[scope.id]
    assert (told["verdict"], told["missing"], told["awaits"]) == ("inconclusive", [gap.id], [])


def test_a_certificate_in_no_register_waits_and_one_without_an_owner_fails(estate: ModuleType, tell: Told) -> None:
    owned = estate.certificate(1, owner="team", business_purpose="shop")
    beside = estate.certificate(2, owner="team", business_purpose="shop")
    nobodys = estate.certificate(3, business_purpose="shop")
    register = estate.attestation("certificate_register", subjects=[owned.id, nobodys.id])
    told = tell("CRT-03", [estate.scope(service="acm"), owned, beside, nobodys], register)
    assert [told[row.id]["verdict"] for row in (owned, beside, nobodys)] == ["pass", "inconclusive", "fail"]


# --- exception --------------------------------------------------------------------------------------------------------


def test_an_exception_is_judged_whether_it_counts_or_not(estate: ModuleType, tell: Told) -> None:
    approved = estate.days_before(10).date()
    register = {
        "EXC-ok": {},
        "EXC-self": {"approver": " ada "},
        "EXC-document": {"document_problem": "its document cannot be read"},
        "EXC-long": {"expires": approved + timedelta(days=366)},
        "EXC-just": {"expires": approved + timedelta(days=365)},
        "EXC-unknown": {"control": "ACME-77"},
        "EXC-over": {"expires": estate.days_before(1).date(), "approver": "Ada"},
        "EXC-last": {"expires": estate.AS_OF.date()},
        "EXC-later": {"approved": estate.days_before(-1).date(), "approver": "Ada"},
    }
    exceptions = [estate.exception(**{"id": name, **facts}) for name, facts in register.items()]
    told = tell("GOV-04", [], exceptions=exceptions)
    assert {name: told[name]["verdict"] for name in register} == {
        "EXC-ok": "pass",
        "EXC-self": "fail",
        "EXC-document": "fail",
        "EXC-long": "fail",
        "EXC-just": "pass",
        "EXC-unknown": "pass",
        "EXC-over": "not_applicable",
        "EXC-last": "pass",
        "EXC-later": "not_applicable",
    }


def test_an_exception_is_in_force_to_the_end_of_its_last_day(estate: ModuleType, tell: Told) -> None:
    last = estate.exception(expires=estate.AS_OF.date())
    for hours, verdict in ((23, "pass"), (24, "not_applicable")):
        told = tell("GOV-04", [], exceptions=[last], as_of=estate.AS_OF + timedelta(hours=hours))
        assert told["EXC-1"]["verdict"] == verdict


def test_an_empty_register_is_known_to_be_empty(estate: ModuleType, tell: Told) -> None:
    gap = estate.rows_gap(estate.scope().id, "key")
    assert tell("GOV-04", [estate.scope(), gap]) == {"": []}


# --- custodian --------------------------------------------------------------------------------------------------------


def _custodian(estate: ModuleType, number: int = 1, principal: str | None = "user/ada", **facts: Any) -> Any:
    known = {"principal_kind": "human", **facts}
    capability = known.pop("capability", "administer")
    row = estate.access(estate.key(number), principal or "", capability or "", **known)
    return replace(row, principal=principal, capability=capability)


def test_a_custodian_of_many_keys_acknowledges_once(estate: ModuleType, tell: Told) -> None:
    rows = [_custodian(estate, number, evidence=[f"OBS-{number}"]) for number in (1, 2, 3)]
    signed = estate.attestation("acknowledgement", subjects=["user/ada"])
    told = tell("GOV-02", [estate.scope(), *rows, _custodian(estate, principal="user/bob")], signed)
    assert told["user/ada"]["verdict"] == "pass"
    assert told["user/ada"]["evidence"] == min(rows, key=lambda row: row.id).evidence
    assert (told["user/bob"]["verdict"], told["user/bob"]["awaits"]) == ("inconclusive", ["acknowledgement"])


@pytest.mark.parametrize(
    ("capability", "is_custodian"),
    [("administer", True), ("export", True), ("use", False), ("decrypt", False), ("grant", False)],
)
def test_whoever_only_uses_keys_has_none_in_charge(
    estate: ModuleType, tell: Told, capability: str, is_custodian: bool
) -> None:
    told = tell("GOV-02", [estate.scope(), _custodian(estate, capability=capability)])
    assert ("user/ada" in told) is is_custodian


@pytest.mark.parametrize("kind", ["account", "service", "machine", "anyone"])
def test_what_is_no_person_acknowledges_nothing(estate: ModuleType, tell: Told, kind: str) -> None:
    told = tell("GOV-02", [estate.scope(), _custodian(estate, principal_kind=kind)])
    assert told["user/ada"]["verdict"] == "not_applicable"


@pytest.mark.parametrize("column", ["principal", "capability"])
def test_a_grant_that_is_half_known_may_hide_a_custodian(estate: ModuleType, tell: Told, column: str) -> None:
    half = _custodian(estate, **{column: None})
    gap = estate.column_gap(half, column)
    beside = estate.column_gap(half, "conditions")
    told = tell("GOV-02", [estate.scope(), half, gap, beside], estate.attestation("acknowledgement"))
    assert told == {"": [gap.id]}


def test_access_that_was_not_read_may_hide_a_custodian(estate: ModuleType, tell: Told) -> None:
    gap = estate.rows_gap(estate.scope().id, "access", estate.key().id)
    assert tell("GOV-02", [estate.scope(), gap]) == {"": [gap.id]}


def test_what_a_principal_is_may_be_unknown(estate: ModuleType, tell: Told) -> None:
    half = _custodian(estate, principal_kind=None)
    gap = estate.column_gap(half, "principal_kind")
    elsewhere = _custodian(estate, 2, principal="user/bob", principal_kind=None)
    beside = estate.column_gap(elsewhere, "principal_kind")
    rows = [estate.scope(), half, gap, elsewhere, beside]
    told = tell("GOV-02", rows, estate.attestation("acknowledgement"))["user/ada"]
    assert (told["verdict"], told["missing"], told["awaits"]) == ("inconclusive", [gap.id], [])
    also = tell("GOV-02", [*rows, _custodian(estate, 3)])["user/ada"]
    assert also["principal_kind"] == "human", "another grant of the scope tells"


@pytest.mark.parametrize(("provider", "kind"), [("azure", None), ("aws", "undecided")])
def test_a_grant_that_was_not_read_may_tell_what_others_leave_undecided(
    estate: ModuleType, tell: Told, provider: str, kind: str | None
) -> None:
    gap = estate.rows_gap(estate.scope().id, "access", operation="arm:RoleAssignments_ListForScope")
    by_policy = _custodian(estate, principal_kind="undecided")
    told = tell("GOV-02", [estate.scope(provider=provider), by_policy, gap])["user/ada"]
    assert (told["principal_kind"], told["missing"]) == (kind, [] if kind else [gap.id])
    by_role = _custodian(estate, 2, principal_kind="machine")
    told = tell("GOV-02", [estate.scope(provider=provider), by_policy, by_role])["user/ada"]
    assert told["principal_kind"] == "machine"


# --- access_review ----------------------------------------------------------------------------------------------------


def _digest(*granted: tuple[str, str]) -> str:
    lines = sorted(json.dumps(list(pair), separators=(",", ":")) for pair in set(granted))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


ADA, BOB = ("user/ada", "administer"), ("user/bob", "use")


def _granted(estate: ModuleType) -> list[Any]:
    """A store with a key and a secret, to which two people have access in several ways."""
    key = estate.key()
    secret = estate.secret(scope=key.scope, key_store=key.key_store)
    return [
        estate.scope(),
        estate.store(key, state="active", activated=True),
        key,
        secret,
        estate.access(key, *ADA),
        estate.access(key, *BOB),
        estate.access(secret, *ADA),
        estate.access(key, *BOB, store=True),
    ]


def _reviewed(estate: ModuleType, tell: Told, *rows: Row, digest: str = "", granted: Sequence[Row] = ()) -> Any:
    review = estate.attestation("access_review", principals_sha256=digest or _digest(ADA, BOB))
    return tell("USE-08", [*(granted or _granted(estate)), *rows], review)[estate.key().key_store]


def test_a_review_covers_the_principals_of_then(estate: ModuleType, tell: Told) -> None:
    told = _reviewed(estate, tell)
    assert (told["principals_sha256"], told["verdict"]) == (_digest(ADA, BOB), "pass")


def test_whoever_was_let_in_since_was_not_reviewed(estate: ModuleType, tell: Told) -> None:
    more = estate.access(estate.key(), "user/ada", "export")
    assert _reviewed(estate, tell, more)["verdict"] == "fail"


def test_whoever_was_shut_out_since_was_reviewed_in_vain(estate: ModuleType, tell: Told) -> None:
    assert _reviewed(estate, tell, digest=_digest(ADA, BOB, ("user/eve", "use")))["verdict"] == "fail"


def test_principals_of_another_store_are_not_of_this_one(estate: ModuleType, tell: Told) -> None:
    elsewhere = estate.key(9, key_store="another")
    assert _reviewed(estate, tell, elsewhere, estate.access(elsewhere, "user/eve", "use"))["verdict"] == "pass"


def test_what_a_store_holds_may_stand_in_another_scope_of_its_source(estate: ModuleType, tell: Told) -> None:
    mount = estate.scope(service="mount")
    key = estate.key(9, scope=mount.id)
    theirs = replace(key, source="audit", scope="audit/mount")
    more = [mount, key, estate.access(key, "user/eve", "use")]
    assert _reviewed(estate, tell, *more)["verdict"] == "fail"
    strange = [mount, theirs, estate.access(theirs, "user/eve", "use", source="audit")]
    assert _reviewed(estate, tell, *strange)["verdict"] == "pass"


def test_a_review_without_a_digest_leaves_it_open(estate: ModuleType, tell: Told) -> None:
    store = estate.key().key_store
    older = estate.attestation(
        "access_review",
        id="ATT-older",
        date=estate.days_before(90).date(),
        principals_sha256=_digest(ADA, BOB),
    )
    told = tell("USE-08", _granted(estate), estate.attestation("access_review"), older)[store]
    assert (told["verdict"], told["awaits"]) == ("inconclusive", ["access_review"])
    assert told["reviewed_principals_sha256"] is None, "an older review says nothing of what the newest saw"


def test_nobody_at_all_is_a_set_of_principals(estate: ModuleType, tell: Told) -> None:
    alone = _granted(estate)[:2]
    assert _reviewed(estate, tell, granted=alone, digest=_digest())["verdict"] == "pass"


@pytest.mark.parametrize("column", ["subject", "principal", "capability"])
def test_a_grant_that_is_half_known_withholds_the_digest(estate: ModuleType, tell: Told, column: str) -> None:
    half = replace(estate.access(estate.key(), "user/eve", "use"), **{column: None})
    gap = estate.column_gap(half, column)
    told = _reviewed(estate, tell, half, gap, estate.column_gap(half, "conditions"))
    assert (told["principals_sha256"], told["missing"], told["awaits"]) == (None, [gap.id], [])


@pytest.mark.parametrize(("table", "of_key"), [("access", True), ("access", False), ("key", False), ("secret", False)])
def test_what_was_not_read_of_a_store_withholds_the_digest(
    estate: ModuleType, tell: Told, table: str, of_key: bool
) -> None:
    gap = estate.rows_gap(estate.scope().id, table, estate.key().id if of_key else "")
    elsewhere = estate.scope(region="us-east-1")
    beside = [elsewhere, estate.rows_gap(elsewhere.id, table), estate.rows_gap(estate.scope().id, "access", "another")]
    told = _reviewed(estate, tell, gap, *beside)
    assert (told["principals_sha256"], told["missing"]) == (None, [gap.id])
    assert _reviewed(estate, tell, *beside)["verdict"] == "pass", "what is beside it hides nobody"


@pytest.mark.parametrize("facts", [{"manager": "provider"}, {"state": "pending_deletion"}, {"state": "destroyed"}])
def test_who_has_access_to_what_nobody_reviews_does_not_count(
    estate: ModuleType, tell: Told, facts: dict[str, str]
) -> None:
    key = estate.key(9, **facts)
    unread = estate.rows_gap(key.scope, "access", key.id)
    assert _reviewed(estate, tell, key, estate.access(key, "user/eve", "use"), unread)["verdict"] == "pass"


@pytest.mark.parametrize("column", ["manager", "state"])
def test_a_key_that_may_be_one_to_review_withholds_the_digest(estate: ModuleType, tell: Told, column: str) -> None:
    half = estate.key(9, **{column: None})
    gap = estate.column_gap(half, column)
    told = _reviewed(estate, tell, half, gap, estate.column_gap(half, "owner"))
    assert (told["principals_sha256"], told["missing"]) == (None, [gap.id])


def test_keys_missing_of_another_store_are_not_of_this_one(estate: ModuleType, tell: Told) -> None:
    cluster = estate.store(estate.key(), id="cluster-1")
    gap = estate.rows_gap(cluster.scope, "key", cluster.id)
    assert _reviewed(estate, tell, cluster, gap)["verdict"] == "pass"


@pytest.mark.parametrize(("provider", "verdict"), [("aws", "pass"), ("vault", "inconclusive")])
def test_only_a_vault_holds_what_is_read_in_other_scopes(
    estate: ModuleType, tell: Told, provider: str, verdict: str
) -> None:
    mount = estate.scope(service="mount", provider=provider)
    rows = [estate.scope(provider=provider), *_granted(estate)[1:], mount, estate.rows_gap(mount.id, "key")]
    assert _reviewed(estate, tell, granted=rows)["verdict"] == verdict


def test_a_key_that_does_not_tell_its_store_may_be_of_this_one(estate: ModuleType, tell: Told) -> None:
    stray = estate.key(9, key_store=None)
    gap = estate.column_gap(stray, "key_store")
    told = _reviewed(estate, tell, stray, gap, estate.column_gap(stray, "owner"))
    assert (told["principals_sha256"], told["missing"]) == (None, [gap.id])


def test_the_digest_is_told_without_an_assessment(estate: ModuleType) -> None:
    with duckdb.connect(":memory:") as database:
        for name, model in TABLES.items():
            of_table = [row for row in _granted(estate) if row.table == name]
            schema = arrow_schema(model)
            columns = [pa.array([getattr(row, f.name) for row in of_table], f.type) for f in schema]
            database.register(name, pa.table(columns, schema=schema))
        told = database.sql(PRINCIPALS_SQL).fetchall()
    assert told == [(estate.scope().id, estate.key().key_store, _digest(ADA, BOB))]


# --- key_incident -----------------------------------------------------------------------------------------------------


def _incident(estate: ModuleType, topic: str, days: int, ago: int = 100, **facts: Any) -> Any:
    """Something that happened `ago` days before the assessment, and `days` later its key had other material."""
    occurred = estate.days_before(ago).date()
    own = {"id": f"ATT-{topic}-{ago}", "occurred": occurred, "date": occurred + timedelta(days=days)}
    return estate.attestation(topic, **{**own, **facts})


def _after(estate: ModuleType, tell: Told, *attested: Any, **facts: Any) -> Any:
    key = estate.key(**{"last_rotated_at": estate.days_before(50), **facts})
    return tell("DES-03", [estate.scope(), key], *attested)[key.id]


def test_a_compromise_that_its_server_tells_waits_for_what_was_done(estate: ModuleType, tell: Told) -> None:
    told = _after(estate, tell, state="compromised")
    assert (told["verdict"], told["awaits"], told["missing"]) == ("inconclusive", ["compromise"], [])
    assert _after(estate, tell, _incident(estate, "compromise", 1), state="compromised")["verdict"] == "pass"


def test_a_key_of_which_nothing_happened_is_not_judged(estate: ModuleType, tell: Told) -> None:
    assert _after(estate, tell)["verdict"] == "not_applicable"
    elsewhere = _incident(estate, "compromise", 9, subjects=["another"])
    assert _after(estate, tell, elsewhere)["verdict"] == "not_applicable"


@pytest.mark.parametrize(
    ("topic", "days", "verdict"),
    [("compromise", 1, "pass"), ("compromise", 2, "fail"), ("departure", 30, "pass"), ("departure", 31, "fail")],
)
def test_compromises_are_more_urgent_than_departures(
    estate: ModuleType, tell: Told, topic: str, days: int, verdict: str
) -> None:
    assert _after(estate, tell, _incident(estate, topic, days))["verdict"] == verdict


def test_each_incident_counts(estate: ModuleType, tell: Told) -> None:
    late = _incident(estate, "compromise", 20, ago=300)
    told = _after(estate, tell, late, _incident(estate, "compromise", 1), _incident(estate, "departure", 5, ago=90))
    assert (told["compromise_days"], told["departure_days"], told["verdict"]) == (20, 5, "fail")


def test_material_that_is_as_old_as_ever_was_not_replaced(estate: ModuleType, tell: Told) -> None:
    departure = _incident(estate, "departure", 5, ago=49)
    assert _after(estate, tell, departure)["verdict"] == "fail"
    assert _after(estate, tell, departure, state="deactivated")["verdict"] == "pass"
    unknown = _after(estate, tell, departure, last_rotated_at=None)
    assert unknown["verdict"] == "inconclusive"


def test_a_key_whose_state_was_not_read_may_be_compromised(estate: ModuleType, tell: Told) -> None:
    key = estate.key(state=None)
    gap = estate.column_gap(key, "state")
    told = tell("DES-03", [estate.scope(), key, gap])[key.id]
    assert (told["compromised"], told["verdict"], told["missing"]) == (None, "inconclusive", [gap.id])
    said = tell("DES-03", [estate.scope(), key, gap], _incident(estate, "compromise", 3))[key.id]
    assert (said["compromised"], said["verdict"]) == (True, "fail"), "its state can make that no better"


# --- reconciliation ---------------------------------------------------------------------------------------------------


def _count(estate: ModuleType, tell: Told, rows: Sequence[Row], *attested: Any) -> dict[str, Any]:
    told = tell("INV-03", [estate.scope(), *rows], *attested)
    return {name.removeprefix(estate.scope().id): facts for name, facts in told.items()}


def test_each_table_of_a_scope_is_reconciled_by_itself(estate: ModuleType, tell: Told) -> None:
    keys = [estate.key(number) for number in (1, 2)]
    counted = estate.attestation("reconciliation", counts={"key": 2, "certificate": 1})
    told = _count(estate, tell, keys, counted)
    assert {name: facts["verdict"] for name, facts in told.items() if name} == {
        "#key": "pass",
        "#secret": "not_applicable",
        "#certificate": "fail",
    }


def test_the_newest_count_of_a_table_tells(estate: ModuleType, tell: Told) -> None:
    old = estate.attestation("reconciliation", id="ATT-old", date=estate.days_before(30).date(), counts={"key": 1})
    new = estate.attestation("reconciliation", id="ATT-new", counts={"key": 7})
    other = estate.attestation("reconciliation", id="ATT-z", date=estate.AS_OF.date(), counts={"secret": 1})
    told = _count(estate, tell, [estate.key()], old, new, other)["#key"]
    assert (told["stated_count"], told["stated_at"]) == (7, f"{estate.days_before(10):%Y-%m-%dT%H:%M:%SZ}")


def test_keys_that_nobody_counted_wait_for_a_count(estate: ModuleType, tell: Told) -> None:
    told = _count(estate, tell, [estate.key()], estate.attestation("reconciliation", subjects=["prod/2*"], counts={}))
    assert (told["#key"]["verdict"], told["#key"]["awaits"]) == ("inconclusive", ["reconciliation"])


def test_a_list_that_was_refused_is_no_count(estate: ModuleType, tell: Told) -> None:
    gap = estate.rows_gap(estate.scope().id, "key")
    beside = estate.rows_gap(estate.scope().id, "secret")
    told = _count(estate, tell, [estate.key(), gap, beside], estate.attestation("reconciliation", counts={"key": 1}))
    assert (told["#key"]["counted"], told["#key"]["missing"], told["#key"]["awaits"]) == (None, [gap.id], [])


@pytest.mark.parametrize("reached", [None, False])
def test_where_nothing_answered_nothing_is_counted(estate: ModuleType, tell: Told, reached: bool | None) -> None:
    scope = estate.scope(reached=reached)
    gap = estate.column_gap(scope, "reached") if reached is None else estate.rows_gap(scope.id, "key")
    told = tell("INV-03", [scope, gap])[f"{scope.id}#certificate"]
    assert (told["counted"], told["verdict"], told["missing"]) == (None, "inconclusive", [gap.id])


def test_a_scope_that_may_not_have_been_asked_for_says_which_gap(estate: ModuleType, tell: Told) -> None:
    scope = estate.scope(asked=None)
    gap = estate.column_gap(scope, "asked")
    told = tell("INV-03", [scope, gap, estate.key()], estate.attestation("reconciliation", counts={"key": 1}))
    assert (told[f"{scope.id}#key"]["verdict"], told[f"{scope.id}#key"]["missing"]) == ("inconclusive", [gap.id])


def test_some_difference_can_be_tolerated(estate: ModuleType, tmp_path: Path, catalogue: Catalogue) -> None:
    parameter = catalogue.controls["INV-03"].parameters["tolerance"].model_copy(update={"value": 1})
    counted = estate.attestation("reconciliation", counts={"key": 2})
    rows = [estate.scope(), *(estate.key(number) for number in range(4))]
    verdicts = []
    for number in (3, 4):
        judged = estate.judge(
            tmp_path / str(number),
            estate.only(catalogue, "INV-03"),
            rows[: number + 1],
            attestations=[counted],
            overrides={"INV-03": {"tolerance": parameter}},
        )
        verdicts.append(judged.verdict("INV-03", f"{estate.scope().id}#key"))
    assert verdicts == ["pass", "fail"]
