"""Knowing less may withhold a verdict, never change it: over whole inventories, every control and every view."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from controls.catalogue import Catalogue
from controls.engine import make_statements
from controls.register import COUNTED, OCCURRED, AttestationRecord
from controls.views import VIEWS
from controls.views.encryption import WITHOUT_KEYS_OF_SECRETS
from controls.views.view import CONFIGURED, MOMENT
from evidence.findings import Topic
from evidence.history import HISTORY
from evidence.model import (
    BOOKKEEPING,
    NEVER,
    TABLES,
    Capability,
    KeyType,
    Manager,
    Origin,
    PrincipalKind,
    ProtectionLevel,
    Row,
    State,
    arrow_schema,
    columns,
)

ACCOUNTS = ("111122223333", "444455556666")
REGIONS = ("eu-west-1", "us-east-1")
PRINCIPALS = {
    "user/ada": "human",
    "admins": "group",
    "role/admin": "machine",
    "role/app": "undecided",
    "root": "account",
    "s3": "service",
    "*": "anyone",
}
ENVIRONMENTS = ("", "production", "production", "test")


def _days(draw: st.DrawFn) -> int:
    return draw(st.sampled_from([1, 40, 100, 200, 500, 800, 1200]))


@st.composite
def inventories(draw: st.DrawFn, estate: ModuleType) -> list[Row]:
    """A fully observed inventory: scopes, keys with versions and access, secrets encrypted with them, certificates."""
    rows: list[Row] = []
    places = draw(st.lists(st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(REGIONS)), min_size=1, unique=True))
    providers = {region: draw(st.sampled_from(["aws", "aws", "azure", "gcp"])) for region in REGIONS}
    keys = []
    for account, region in places:
        provider = providers[region]
        for service, held in (("kms", estate.key), ("secretsmanager", estate.secret)):
            rows.append(estate.scope(account, region, service, provider=provider))
            rows.append(_store(draw, estate, held(1, account, region), account, region))
        # What a store has from another, as a key store of AWS KMS from a cluster, stands in a scope of its own.
        cluster = estate.scope(account, region, "cloudhsm", provider=provider)
        rows += [cluster, _store(draw, estate, estate.key(1, account, region), account, region, cluster)]
        for number in range(draw(st.integers(1, 3))):
            key = _key(draw, estate, number, account, region)
            versions = list(_versions(draw, estate, key))
            key = replace(key, last_rotated_at=versions[-1].created_at, material_known_at=versions[-1].created_at)
            keys.append(key)
            rows += [key, *versions, *_access(draw, estate, key)]
    for account, region in places:
        for number in range(draw(st.integers(0, 3))):
            # What a provider encrypts with no key of a customer names none.
            near = () if providers[region] in WITHOUT_KEYS_OF_SECRETS else keys
            rows.append(_secret(draw, estate, number, account, region, near))
        rows += _beside_keys(draw, estate, account, region, providers[region], keys)
    return rows


def _beside_keys(
    draw: st.DrawFn, estate: ModuleType, account: str, region: str, provider: str, keys: Sequence[Any]
) -> Iterator[Row]:
    """A certificate, a data store and a credential, in scopes of their own."""
    near = ["", "arn:aws:kms:eu-west-1:999988887777:key/elsewhere", *(key.id for key in keys if key.region == region)]
    yield estate.scope(account, region, "acm", provider=draw(st.sampled_from([provider, "vault"])))
    yield estate.certificate(
        1,
        account,
        region,
        key=draw(st.sampled_from(["", "key/1"])),
        state=draw(st.sampled_from([State.ACTIVE, State.DEACTIVATED])),
        authority=draw(st.booleans()),
        owner=draw(st.sampled_from(["", "team"])),
        business_purpose="shop",
        publicly_trusted=draw(st.booleans()),
        activated_at=estate.days_before(_days(draw)),
        expires_at=estate.days_before(draw(st.sampled_from([10, -10, -300]))),
        renewal_enabled=draw(st.booleans()),
        renewal_days=draw(st.sampled_from([0, 30])),
    )
    yield estate.scope(account, region, "datastores", provider=provider)
    encrypted = draw(st.booleans())
    key = draw(st.sampled_from(near)) if encrypted else ""
    yield estate.resource(1, account, region, encrypted=encrypted, key=key)
    if region == REGIONS[0]:
        yield estate.scope(account, "global", "iam", provider=provider)
        yield estate.credential(
            int(account),
            account,
            last_rotated_at=estate.days_before(_days(draw)),
            last_used_at=estate.days_before(_days(draw)),
        )


def _store(draw: st.DrawFn, estate: ModuleType, held: Any, account: str, region: str, behind: Any = None) -> Row:
    """The store of a key or secret, or, in the scope `behind`, the one that it may have its keys from."""
    name = f"cluster-{account}-{region}"
    place = {"id": name, "scope": behind.id} if behind else {"backed_by": draw(st.sampled_from(["", "", name]))}
    store: Row = estate.store(
        held,
        kind=draw(st.sampled_from(["AWS KMS", "Azure Key Vault", "PKCS#11 token"])),
        network_public=draw(st.booleans()),
        private_endpoints=draw(st.integers(0, 1)),
        alerted_events=draw(st.sampled_from([[], ["delete", "disable", "policy_change"]])),
        purge_protection=draw(st.booleans()),
        validation_standard=draw(st.sampled_from(["", "FIPS 140-2", "FIPS 140-3"])),
        kek_security_bits=draw(st.sampled_from([0, 112, 256])),
        kek_apart=draw(st.booleans()),
        state=draw(st.sampled_from([State.ACTIVE, State.ACTIVE, State.PENDING_DELETION])),
        activated=draw(st.booleans()),
        logging_enabled=draw(st.booleans()),
        logging_retention_days=draw(st.sampled_from([0, 30, 400])),
        **place,
    )
    return store


def _key(draw: st.DrawFn, estate: ModuleType, number: int, account: str, region: str) -> Any:
    created = estate.days_before(_days(draw) + 1300)
    aliases = [f"alias/other-{number}", f"alias/service-{number}"]  # of one key only, within an account and region
    return estate.key(
        number,
        account,
        region,
        manager=draw(st.sampled_from([Manager.CUSTOMER, Manager.CUSTOMER, Manager.PROVIDER])),
        state=draw(st.sampled_from([*[State.ACTIVE] * 3, State.PENDING_DELETION, State.SUSPENDED, State.COMPROMISED])),
        pq_category=draw(st.sampled_from([0, 3])),
        key_type=draw(st.sampled_from(list(KeyType))),
        aliases=draw(st.sampled_from([aliases[:0], aliases[:1], aliases])),
        created_at=created,
        last_used_at=estate.days_before(_days(draw)),
        rotatable=draw(st.booleans()),
        rotation_enabled=draw(st.booleans()),
        rotation_period_days=draw(st.sampled_from([90, 400])),
        rotation_next_at=draw(st.sampled_from([NEVER, estate.days_before(100)])),
        protected_resources=draw(st.sampled_from([0, 3])),
        public=draw(st.booleans()),
        wildcard_access=draw(st.booleans()),
        external_accounts=draw(st.sampled_from([[], ["999988887777"]])),
        regions=draw(st.sampled_from([[region], [region, "ap-south-1"]])),
        owner=draw(st.sampled_from(["", "team"])),
        environment=draw(st.sampled_from(ENVIRONMENTS)),
        extractable=draw(st.booleans()),
        never_extractable=draw(st.booleans()),
        origin=draw(st.sampled_from(list(Origin))),
        protection_level=draw(st.sampled_from(list(ProtectionLevel))),
        security_bits=draw(st.sampled_from([80, 128])),
        suspended_at=estate.days_before(_days(draw)),
        expiry_settable=draw(st.booleans()),
        expires_at=draw(st.sampled_from([NEVER, estate.days_before(-10)])),
        used=draw(st.booleans()),
        deletion_window_set=draw(st.booleans()),
        deletion_window_days=draw(st.sampled_from([7, 30])),
    )


def _versions(draw: st.DrawFn, estate: ModuleType, key: Any) -> Iterator[Any]:
    ends = sorted(draw(st.lists(st.integers(1, 1300), max_size=3, unique=True)), reverse=True)
    started = key.created_at
    for number, end in enumerate([*ends, None]):
        until = NEVER if end is None else estate.days_before(end) + timedelta(hours=3)
        state = draw(st.sampled_from([State.ACTIVE, State.DEACTIVATED, State.DESTROYED]))
        yield estate.version(key, number, state=state, created_at=started, superseded_at=until)
        started = until


def _access(draw: st.DrawFn, estate: ModuleType, key: Any) -> Iterator[Row]:
    granted = st.tuples(st.sampled_from(sorted(PRINCIPALS)), st.sampled_from(list(Capability)))
    for principal, capability in draw(st.lists(granted, max_size=4, unique=True)):
        public = principal == "*" and draw(st.booleans())
        kind = PrincipalKind(PRINCIPALS[principal])
        store = draw(st.integers(0, 3)) == 0
        yield estate.access(key, principal, capability, store=store, principal_kind=kind, public=public)


def _secret(draw: st.DrawFn, estate: ModuleType, number: int, account: str, region: str, keys: Sequence[Any]) -> Row:
    near = [key for key in keys if key.region == region]
    names = ["arn:aws:kms:eu-west-1:999988887777:key/elsewhere", "alias/unknown"] if keys else []
    for key in near:
        names += [key.id, *(key.id.rsplit(":", 1)[0] + ":" + alias for alias in key.aliases)]
        if key.account == account:
            names += [key.id.rsplit("/", 1)[1], *key.aliases]
    secret: Row = estate.secret(
        number,
        account,
        region,
        keys=draw(st.lists(st.sampled_from(names), max_size=2)) if names else [],
        rotatable=draw(st.booleans()),
        key_settable=draw(st.booleans()),
        kind=draw(st.sampled_from(["secret", "parameter"])),
        manager=draw(st.sampled_from([Manager.CUSTOMER, Manager.CUSTOMER, Manager.PROVIDER])),
        state=draw(st.sampled_from([State.ACTIVE, State.PENDING_DELETION])),
        last_rotated_at=estate.days_before(_days(draw)),
        environment=draw(st.sampled_from(ENVIRONMENTS)),
        rotation_enabled=draw(st.booleans()),
        public=draw(st.booleans()),
        deletion_window_set=draw(st.booleans()),
        deletion_window_days=draw(st.sampled_from([7, 30])),
    )
    return secret


@st.composite
def statements(draw: st.DrawFn, estate: ModuleType, rows: Sequence[Row]) -> list[AttestationRecord]:
    """What people attest of an inventory: of each topic nothing, or one attestation about all, some or one of it."""
    subjects = [
        "*",
        "*",
        "prod/111122223333/*",
        *PRINCIPALS,
        *sorted({row.id for row in rows if row.table != "access"}),
    ]
    return [_statement(draw, estate, topic, subjects) for topic in Topic if draw(st.integers(0, 3))]


def _statement(draw: st.DrawFn, estate: ModuleType, topic: Topic, subjects: Sequence[str]) -> AttestationRecord:
    dated = estate.days_before(_days(draw)).date()
    digests = ["", hashlib.sha256().hexdigest(), "1" * 64]
    record: AttestationRecord = estate.attestation(
        str(topic),
        subjects=draw(st.lists(st.sampled_from(subjects), min_size=1, max_size=3, unique=True)),
        date=dated,
        occurred=dated - timedelta(days=draw(st.integers(0, 3))) if topic in OCCURRED else None,
        target=estate.days_before(draw(st.sampled_from([100, -900, -3000]))).date()
        if topic is Topic.MIGRATION
        else None,
        counts={name: draw(st.integers(0, 3)) for name in COUNTED.get(topic, ())},
        principals_sha256=draw(st.sampled_from(digests)) if topic is Topic.ACCESS_REVIEW else "",
    )
    return record


@st.composite
def forgetting(draw: st.DrawFn, estate: ModuleType, rows: Sequence[Row]) -> list[Row]:
    """The same inventory with less of it observed, and a gap for everything that is not."""
    kept: list[Row] = []
    gaps: dict[str, Row] = {}
    refused = draw(st.sets(st.sampled_from(["key.policy", "key.aliases", "key.tags", "secret.key", "scope.place"])))
    rows_lost, facts_lost = draw(st.sampled_from([(0, 0), (15, 0), (0, 15), (5, 5), (30, 30)]))
    random = draw(st.randoms(use_true_random=False))
    for row in rows:
        if row.table != "scope" and random.randrange(100) < rows_lost:
            gap = _missing(draw, estate, row)
            gaps[gap.id] = gap
            continue
        names = [name for name in _names(row) if _refused(row, name, refused) or random.randrange(100) < facts_lost]
        if names:
            gap = estate.column_gap(row, *names, everywhere=draw(st.booleans()))
            gaps[gap.id] = gap
            row = replace(row, **dict.fromkeys(names))
        kept.append(row)
    return [*kept, *gaps.values()]


WATCHED = {
    "certificate": (
        "key",
        "manager",
        "state",
        "owner",
        "business_purpose",
        "authority",
        "publicly_trusted",
        "activated_at",
        "expires_at",
        "renewal_enabled",
        "renewal_days",
    ),
    "credential": ("kind", "manager", "state", "last_rotated_at", "last_used_at"),
    "protected_resource": ("account", "region", "encrypted", "key"),
    "scope": ("provider", "account", "region", "identity", "asked", "reached", "complete", "collected_at"),
    "key_version": ("key", "state", "created_at", "superseded_at"),
    "access": ("subject", "principal", "principal_kind", "capability", "public"),
    "key_store": (
        "kind",
        "network_public",
        "private_endpoints",
        "alerted_events",
        "purge_protection",
        "validation_standard",
        "backed_by",
        "kek_security_bits",
        "kek_apart",
        "state",
        "activated",
        "logging_enabled",
        "logging_retention_days",
    ),
    "secret": (
        "key_store",
        "deletion_window_set",
        "account",
        "region",
        "keys",
        "manager",
        "state",
        "rotatable",
        "key_settable",
        "last_rotated_at",
        "environment",
        "public",
        "rotation_enabled",
    ),
    "key": (
        "key_store",
        "account",
        "region",
        "aliases",
        "manager",
        "state",
        "key_type",
        "pq_category",
        "created_at",
        "last_rotated_at",
        "material_known_at",
        "last_used_at",
        "rotatable",
        "used",
        "public",
        "rotation_enabled",
        "rotation_period_days",
        "rotation_next_at",
        "protected_resources",
        "wildcard_access",
        "external_accounts",
        "regions",
        "owner",
        "environment",
        "extractable",
        "never_extractable",
        "origin",
        "protection_level",
        "security_bits",
        "suspended_at",
        "expiry_settable",
        "expires_at",
        "deletion_window_set",
        "deletion_window_days",
    ),
}


def _names(row: Row) -> tuple[str, ...]:
    return WATCHED[row.table]


def _refused(row: Row, name: str, refused: set[str]) -> bool:
    groups = {
        "key.policy": ("public", "wildcard_access", "external_accounts"),
        "key.aliases": ("aliases",),
        "key.tags": ("owner",),
        "secret.key": ("keys",),
        "scope.place": ("account", "region"),
    }
    return any(row.table == group.split(".")[0] and name in groups[group] for group in refused)


def _missing(draw: st.DrawFn, estate: ModuleType, row: Any) -> Row:
    """The gap of a row that was not read: of its key, where it belongs to one, or of its scope."""
    owner = {"access": "subject", "key_version": "key"}.get(row.table)
    subject = getattr(row, owner) if owner and draw(st.booleans()) else ""
    gap: Row = estate.rows_gap(row.scope, row.table, subject)
    return gap


def test_what_is_watched_are_columns(estate: ModuleType) -> None:
    key = estate.key()
    rows = [estate.scope(), estate.store(key), key, estate.version(key), estate.secret()]
    for row in [*rows, estate.certificate(), estate.credential(), estate.resource()]:
        assert set(WATCHED[row.table]) <= {column.name for column in columns(type(row))} - set(BOOKKEEPING)


THOROUGH = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@THOROUGH
@given(data=st.data())
def test_knowing_less_withholds_a_verdict_and_never_changes_it(
    data: st.DataObject, estate: ModuleType, catalogue: Catalogue
) -> None:
    rows = data.draw(inventories(estate))
    _compare(estate, catalogue, rows, data.draw(forgetting(estate, rows)), data.draw(statements(estate, rows)))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(THOROUGH, max_examples=80)
@given(data=st.data())
def test_knowing_less_withholds_a_verdict_and_never_changes_it_at_length(
    data: st.DataObject, estate: ModuleType, catalogue: Catalogue
) -> None:
    rows = data.draw(inventories(estate))
    _compare(estate, catalogue, rows, data.draw(forgetting(estate, rows)), data.draw(statements(estate, rows)))


@pytest.fixture(scope="module")
def database(estate: ModuleType) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the moment of assessment; the tables are each inventory's."""
    with duckdb.connect(":memory:", config={"threads": "1"}) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        opened.execute(
            f"CREATE TABLE {MOMENT} AS SELECT TIMESTAMPTZ '2026-06-30T00:00:00Z' AS as_of, "
            "TIMESTAMPTZ '2025-07-01T00:00:00Z' AS period_start, TIMESTAMPTZ '2026-06-30T00:00:00Z' AS period_end"
        )
        happened = (estate.days_before(20).date(), estate.days_before(10).date())
        subjects = ["*/0001", "*/0002"]
        incidents = [
            estate.attestation(topic, subjects=[subject], occurred=happened[0], date=happened[1])
            for topic, subject in zip(OCCURRED, subjects, strict=True)
        ]
        make_statements(opened, incidents)
        opened.execute(
            f"CREATE TABLE {CONFIGURED} AS SELECT 'prod' AS source, '{estate.CONFIGURATION}' AS configuration"
        )
        yield opened


def _tell(database: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> dict[tuple[str, str, str, str], Any]:
    """Every value of every derived column by view, scope, id and column, computed by the views' own SQL."""
    for name, model in {**HISTORY, **TABLES}.items():
        of_table = [row for row in rows if row.table == name]
        schema = arrow_schema(model)
        columns = [pa.array([getattr(row, f.name) for row in of_table], f.type) for f in schema]
        database.register(name, pa.table(columns, schema=schema))
    return {
        (view.name, row["scope"], row["id"], column): row[column]
        for view in VIEWS.values()
        if view.explanations
        for row in database.sql(view.derived or view.sql).to_arrow_table().to_pylist()
        for column in view.explanations
    }


@settings(THOROUGH, max_examples=20)
@given(data=st.data())
def test_no_view_tells_more_than_its_rows_do(
    data: st.DataObject, estate: ModuleType, database: duckdb.DuckDBPyConnection
) -> None:
    rows = data.draw(inventories(estate))
    _compare_views(database, rows, data.draw(forgetting(estate, rows)))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(THOROUGH, max_examples=500)
@given(data=st.data())
def test_no_view_tells_more_than_its_rows_do_at_length(
    data: st.DataObject, estate: ModuleType, database: duckdb.DuckDBPyConnection
) -> None:
    rows = data.draw(inventories(estate))
    _compare_views(database, rows, data.draw(forgetting(estate, rows)))


def _compare_views(database: duckdb.DuckDBPyConnection, rows: Sequence[Row], less: Sequence[Row]) -> None:
    told = _tell(database, rows)
    now = _tell(database, less)
    for place, value in now.items():
        if place not in told:
            # What is no longer told to have stayed the same may have changed: a row that says no more than that.
            assert now[(*place[:3], "change")] is None, place
            continue
        assert value is None or value == told[place] or _is_wider(value, told[place]), place


def _is_wider(value: Any, told: Any) -> bool:
    """Whether a range holds all that another does: knowing less widens it."""
    if not isinstance(value, dict) or not isinstance(told, dict):
        return False
    most = value["at_most"] is None or (told["at_most"] is not None and value["at_most"] >= told["at_most"])
    return bool(most and value["at_least"] <= told["at_least"])


def _compare(
    estate: ModuleType,
    catalogue: Catalogue,
    rows: Sequence[Row],
    less: Sequence[Row],
    attested: Sequence[AttestationRecord],
) -> None:
    """Assess both inventories: every verdict stays or is withheld, no row vanishes unseen, every NULL is explained."""
    frameworks = [name for name in ("pci-dss-4.0.1", "cis-gcp-5.0.0") if name in catalogue.frameworks]
    with tempfile.TemporaryDirectory() as folder:
        known = {"frameworks": frameworks, "attestations": attested}
        for place in ("before", "after"):
            estate.write_history(Path(folder) / place, _earlier(estate, rows))
        before = estate.judge(Path(folder) / "before", catalogue, rows, **known)
        after = estate.judge(Path(folder) / "after", catalogue, less, **known)
        gaps = set(parquet.read_table(Path(folder) / "after" / "inventory" / "gap.parquet")["id"].to_pylist())
    judged = {_identity(finding): finding for finding in after.findings if finding["observed"] != "{}"}
    unseen = {(f["control"], f["variant"], f["scope"]) for f in after.findings if f["observed"] == "{}"}
    for finding in before.findings:
        now = judged.pop(_identity(finding), None)
        if now is None:
            gone = (finding["control"], finding["variant"], finding["scope"]) in unseen
            assert gone or _may_have_changed(finding) in judged, finding
            continue
        assert now["verdict"] in (finding["verdict"], "inconclusive"), (finding, now)
        assert set(now["missing"]) <= gaps
        assert now["missing"] == sorted(set(now["missing"]))
        if now["verdict"] == "inconclusive" != finding["verdict"]:
            assert now["missing"], (finding, now)
    about = {name for name, framework in catalogue.frameworks.items() if framework.about}
    for finding in judged.values():
        # What was left out as another kind of source's is let in as soon as nobody knows of which kind it is, and what
        # is no longer told may have changed.
        changes = catalogue.controls[finding["control"]].over == "change"
        assert changes or finding["variant"] in about, "nothing is judged that was not there"
        assert finding["verdict"] in ("inconclusive", "not_applicable"), finding
        assert finding["missing"] or finding["verdict"] == "not_applicable", finding
    for result in after.assessment.controls:
        incomplete = any((result.id, result.variant) == (control, variant) for control, variant, _ in unseen)
        assert result.population_complete is not incomplete


AWAITING = [name for name, view in VIEWS.items() if view.awaiting]


@settings(THOROUGH, max_examples=4)
@given(data=st.data())
def test_an_attestation_that_nobody_makes_turns_no_verdict(
    data: st.DataObject, estate: ModuleType, catalogue: Catalogue
) -> None:
    """It withholds verdicts, or leaves out what it alone brought up; no failure becomes a pass, no pass a failure."""
    rows = data.draw(inventories(estate))
    attested = data.draw(statements(estate, rows))
    kept = [record for record in attested if data.draw(st.booleans())]
    resting = {name: control for name, control in catalogue.controls.items() if control.over in AWAITING}
    only = replace(catalogue, controls=resting, frameworks={})
    with tempfile.TemporaryDirectory() as folder:
        before = estate.judge(Path(folder), only, rows, attestations=attested)
        after = estate.judge_again(Path(folder), only, "less", attestations=kept)
    judged = {_identity(finding): finding for finding in after.findings}
    assert set(judged) == {_identity(finding) for finding in before.findings}
    for finding in before.findings:
        now = judged[_identity(finding)]
        if now["verdict"] != finding["verdict"]:
            assert now["verdict"] in ("inconclusive", "not_applicable"), (finding, now)
        if now["verdict"] == "inconclusive":
            assert now["awaits"], now
            assert not now["missing"], "everything was read"


def _earlier(estate: ModuleType, rows: Sequence[Row]) -> list[Row]:
    """What an earlier run showed of the same estate: every second key and secret had another state and policy then."""
    then = estate.days_before(30)
    scopes = [estate.reading(then, row.id) for row in rows if row.table == "scope"]
    seen = [row for row in rows if row.table in ("key", "secret") and row.manager == Manager.CUSTOMER]
    as_they_were = [
        replace(row, state=State.PRE_ACTIVE, public=not row.public) if number % 2 else row
        for number, row in enumerate(seen)
    ]
    # What is in use only since then was not seen to be in use then.
    told = {"last_rotated_at": None}
    return [
        *scopes,
        *(estate.sighting(row, then, **(told if row.last_rotated_at > then else {})) for row in as_they_were),
    ]


def _may_have_changed(finding: dict[str, Any]) -> tuple[str, str, str, str]:
    """The finding on a key or secret of which it is no longer told whether it changed as this finding says."""
    subject = " ".join(finding["subject"].split(" ")[1:-2])
    return finding["control"], finding["variant"], finding["scope"], subject


def _identity(finding: dict[str, Any]) -> tuple[str, str, str, str]:
    return finding["control"], finding["variant"], finding["scope"], finding["subject"]
