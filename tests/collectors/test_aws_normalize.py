"""From what AWS answered to rows: the facts, by cases; and what holds whatever AWS answers."""

import json
import math
from collections import defaultdict
from dataclasses import fields, replace
from datetime import UTC, datetime

import aws_recordings as aws
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.aws.normalize import normalize
from evidence.inventory import InventoryWriter
from evidence.model import (
    BOOKKEEPING,
    NEVER,
    Capability,
    GapKind,
    KeyType,
    Manager,
    Origin,
    PrincipalKind,
    ProtectionLevel,
    Rotatable,
    RotationResult,
    State,
    Usage,
    VersionCause,
)
from evidence.observation import Status, body_digest

SERVICES = tuple(aws.EXCHANGES)


def observations(service):
    return aws.recorded(aws.header(service).id, aws.EXCHANGES[service])


def rows_of(service, made=None, header=None):
    return list(normalize(header or aws.header(service), aws.readings(made or observations(service)), aws.SETTINGS))


def table(rows, name):
    return {row.id: row for row in rows if row.table == name}


@pytest.fixture(scope="module")
def kms():
    return rows_of("kms")


@pytest.fixture(scope="module")
def keys(kms):
    found = table(kms, "key")
    return lambda key_id: found[aws.arn(key_id)]


@pytest.fixture(scope="module")
def secrets():
    found = table(rows_of("secretsmanager"), "secret")
    return lambda name: found[aws.secret_arn(name)]


@pytest.fixture(scope="module")
def parameters():
    found = table(rows_of("ssm"), "secret")
    return lambda name: found[aws.parameter_arn(name)]


def on(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_key_that_rotates(keys):
    key = keys(aws.ROTATING)
    assert (key.name, key.aliases) == ("alias/cards", ["alias/cards", "alias/payments"])
    assert (key.account, key.region, key.key_store) == (aws.ACCOUNT, aws.REGION, "arn:aws:kms:eu-west-1:111122223333")
    assert (key.manager, key.origin, key.state) == (Manager.CUSTOMER, Origin.GENERATED, State.ACTIVE)
    assert (key.usages, key.key_type) == ([Usage.ENCRYPT], KeyType.SYMMETRIC_DATA_ENCRYPTION)
    assert (key.algorithm, key.bits, key.security_bits, key.pq_category) == ("AES", 256, 256, 5)
    assert (key.rotatable, key.rotatable_reason) == (True, Rotatable.YES)
    assert (key.rotation_enabled, key.rotation_period_days) == (True, 365)
    assert key.rotation_next_at == on("2027-03-01")
    assert key.rotation_requested_at == on("2026-11-20")
    assert (key.rotations, key.last_rotated_at) == (2, on("2025-09-01"))
    assert (key.used, key.last_used_at) == (True, on("2026-11-19"))
    assert (key.suspended_at, key.expires_at, key.deletion_at) == (NEVER, NEVER, NEVER)
    assert (key.deletion_window_set, key.deletion_window_days) == (False, 0)
    assert (key.owner, key.data_class, key.environment) == ("ledger", "restricted", "")
    assert key.business_purpose == "card data"
    assert json.loads(key.tags) == {"Team": "ledger", "data-class": "restricted"}
    assert (key.public, key.wildcard_access, key.account_delegated) == (False, False, True)
    assert key.external_accounts == [aws.STRANGER]
    assert (key.extractable, key.protection_level, key.regions) == (False, ProtectionLevel.HSM, [aws.REGION])


def test_the_material_of_a_key_that_rotates(kms):
    versions = [row for row in kms if row.table == "key_version" and row.key == aws.arn(aws.ROTATING)]
    assert [(v.created_at, v.superseded_at, v.cause, v.state) for v in versions] == [
        (on("2024-03-01"), on("2025-03-01"), VersionCause.INITIAL, State.DEACTIVATED),
        (on("2025-03-01"), on("2025-09-01"), VersionCause.AUTOMATIC, State.DEACTIVATED),
        (on("2025-09-01"), NEVER, VersionCause.ON_DEMAND, State.ACTIVE),
    ]
    assert len({v.id for v in versions}) == 3


def test_a_key_that_cannot_rotate_has_never_done_so(kms, keys):
    key = keys(aws.SIGNING)
    assert (key.rotatable, key.rotatable_reason) == (False, Rotatable.ASYMMETRIC)
    assert (key.rotation_enabled, key.rotation_period_days, key.rotation_next_at) == (False, 0, NEVER)
    assert key.rotation_requested_at == NEVER
    assert (key.rotations, key.last_rotated_at) == (0, key.created_at)
    assert key.mechanisms == ["RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PSS_SHA_256"]
    assert (key.name, key.aliases, key.tags) == (aws.SIGNING, [], "{}")
    (version,) = [row for row in kms if row.table == "key_version" and row.key == key.id]
    assert version.cause is VersionCause.INITIAL


def test_no_use_on_record_is_no_use_only_for_a_key_as_young_as_the_record(keys):
    old, young = keys(aws.SIGNING), keys(aws.NEW)
    assert (old.used, old.last_used_at, old.usage_tracked_since) == (None, None, on("2026-04-23"))
    assert (young.used, young.last_used_at) == (False, young.created_at)


def test_imported_material(kms, keys):
    key = keys(aws.IMPORTED)
    assert (key.origin, key.expires_at, key.expiry_settable) == (Origin.IMPORTED, on("2027-01-01"), True)
    assert key.activated_at is None
    assert (key.rotatable_reason, key.rotations) == (Rotatable.IMPORTED, 0)
    assert (key.public, key.external_accounts, key.wildcard_access) == (True, ["*"], True)
    (version,) = [row for row in kms if row.table == "key_version" and row.key == key.id]
    assert (version.cause, version.created_at, version.expires_at) == (VersionCause.IMPORT, None, on("2027-01-01"))


def test_a_key_that_waits_for_its_destruction(keys):
    key = keys(aws.DOOMED)
    assert (key.state, key.deletion_at) == (State.PENDING_DELETION, on("2026-12-10"))
    assert (key.deletion_window_set, key.deletion_window_days, key.deletion_requested_at) == (True, None, None)
    assert (key.rotatable, key.rotatable_reason, key.rotation_enabled) == (False, Rotatable.NOT_ACTIVE, False)


def test_of_a_key_of_the_provider_only_the_description_is_known(kms, keys):
    key = keys(aws.PROVIDER)
    assert (key.manager, key.rotatable_reason, key.state) == (
        Manager.PROVIDER,
        Rotatable.PROVIDER_MANAGED,
        State.ACTIVE,
    )
    assert (key.rotation_enabled, key.public, key.used) == (None, None, None)
    kinds = {row.kind for row in kms if row.table == "gap" and row.subject == key.id}
    assert kinds == {GapKind.NOT_OFFERED}


def test_a_multi_region_key(keys):
    assert keys(aws.PRIMARY).regions == ["eu-west-1", "us-east-1"]


def test_a_key_in_an_external_store(kms, keys):
    key = keys(aws.OUTSIDE)
    assert (key.key_store, key.origin) == ("cks-1234567890abcdef0", Origin.EXTERNAL)
    assert (key.protection_level, key.extractable) == (ProtectionLevel.EXTERNAL, None)
    assert (key.rotations, key.last_rotated_at) == (None, None)
    store = table(kms, "key_store")["cks-1234567890abcdef0"]
    assert (store.kind, store.connection_state, store.network_public) == ("external key store", "connected", True)


def test_a_disabled_key_under_an_undecided_policy(keys):
    key = keys(aws.DISABLED)
    assert (key.state, key.suspended_at, key.rotatable) == (State.SUSPENDED, None, False)
    assert (key.rotation_enabled, key.rotation_next_at) == (True, None)
    assert (key.public, key.external_accounts, key.wildcard_access) == (None, None, None)


def test_access_to_a_key(kms):
    access = [row for row in kms if row.table == "access" and row.subject == aws.arn(aws.ROTATING)]
    found = {
        (row.principal.rpartition(":")[2], row.via, row.capability, row.principal_kind, row.external) for row in access
    }
    assert {
        ("root", "key policy", Capability.ADMINISTER, PrincipalKind.ACCOUNT, False),
        ("role/ledger", "key policy", Capability.DECRYPT, PrincipalKind.UNDECIDED, False),
        ("role/reader", "grant", Capability.DECRYPT, PrincipalKind.UNDECIDED, True),
        ("rds.eu-west-1.amazonaws.com", "grant", Capability.GRANT, PrincipalKind.SERVICE, False),
    } <= found
    (reader,) = [row for row in access if row.external]
    assert json.loads(reader.conditions) == {"EncryptionContextSubset": {"app": "ledger"}}


def test_the_scope_of_kms(kms):
    scope = kms[-1]
    assert (scope.table, scope.complete, scope.reached, scope.asked) == ("scope", True, True, True)
    assert (scope.listed, scope.described, scope.refused, scope.failed) == (10, 10, 0, 0)
    assert scope.calls == len(aws.KMS_EXCHANGES)
    assert scope.collected_at == datetime.fromisoformat(aws.RECEIVED)


def test_a_secret_that_rotates(secrets):
    secret = secrets("rotating")
    assert (secret.name, secret.kind, secret.state) == ("rotating", "secret", State.ACTIVE)
    assert (secret.rotation_enabled, secret.rotation_period_days) == (True, 1)
    assert (secret.rotation_schedule, secret.rotation_result) == ("rate(12 hours)", RotationResult.SUCCEEDED)
    assert (secret.used, secret.last_used_at, secret.last_rotated_at) == (True, on("2026-11-19"), on("2026-10-01"))
    assert (secret.keys, secret.owner) == ([aws.arn(aws.ROTATING)], "ledger")
    assert (secret.public, secret.external_accounts) == (False, [aws.STRANGER])


def test_a_secret_without_rotation_use_or_policy(secrets):
    secret = secrets("plain")
    assert (secret.rotation_enabled, secret.rotation_period_days, secret.rotation_next_at) == (False, 0, NEVER)
    assert (secret.rotation_result, secret.rotation_schedule) == (RotationResult.NONE, "")
    assert (secret.used, secret.last_used_at) == (False, secret.created_at)
    assert (secret.keys, secret.public, secret.external_accounts, secret.tags) == ([], False, [], "{}")
    assert (secret.deletion_window_set, secret.deletion_window_days) == (False, 0)


def test_a_rotation_that_is_stuck_has_failed(secrets):
    assert secrets("stuck").rotation_result is RotationResult.FAILED


def test_a_rotation_under_way_is_not_decided():
    exchanges = list(
        aws.of_secret(
            "busy",
            {"RotationEnabled": True, "VersionIdsToStages": {"v2": ["AWSPENDING"]}},
            versions=[{"VersionId": "v2", "VersionStages": ["AWSPENDING"], "CreatedDate": aws.day("2026-11-20")}],
        )
    )
    rows = rows_of("secretsmanager", aws.recorded(aws.header("secretsmanager").id, exchanges))
    secret = table(rows, "secret")[aws.secret_arn("busy")]
    assert secret.rotation_result is None
    assert secret.last_rotated_at is None


def test_a_secret_that_waits_for_its_deletion(secrets):
    secret = secrets("deleted")
    assert (secret.state, secret.deletion_window_set, secret.deletion_window_days) == (
        State.PENDING_DELETION,
        True,
        None,
    )
    assert secret.public is None


def test_copies_of_secrets(secrets):
    assert secrets("managed").regions == ["eu-west-1", "eu-west-2"]
    assert secrets("replica").regions is None
    assert secrets("replica").keys == ["alias/replica"]
    assert (secrets("managed").manager, secrets("managed").managed_by) == (Manager.PROVIDER, "rds")


def test_parameters(parameters):
    token, shared = parameters("/app/token"), parameters("shared")
    assert (token.name, token.kind, token.keys) == ("/app/token", "parameter", [])
    assert token.created_at == token.last_rotated_at == on("2026-05-01")
    assert (token.expires_at, token.expiry_settable, token.public) == (NEVER, False, False)
    assert (shared.created_at, shared.last_rotated_at) == (None, on("2026-06-01"))
    assert (shared.expires_at, shared.expiry_settable) == (on("2027-02-02"), True)
    assert (shared.keys, shared.external_accounts, shared.owner) == ([aws.arn(aws.ROTATING)], [aws.STRANGER], "web")


def test_the_scope_of_an_account():
    (scope,) = rows_of("account", header=aws.header("account", region="global", account="", identity=""))
    assert (scope.account, scope.account_name, scope.identity) == (aws.ACCOUNT, "Production", aws.IDENTITY)
    assert scope.complete is True


def test_tags_are_read_key_by_key_where_they_could_not_be_read_at_once():
    made = [aws.refused(o) if o.operation == "tag:GetResources" else o for o in observations("kms")]
    scope = aws.header("kms").id
    of_key = aws.observation(
        scope,
        aws.arn(aws.ROTATING),
        "kms:ListResourceTags",
        {"Tags": [{"TagKey": "team", "TagValue": "ledger"}], "Truncated": False},
    )
    last = max(n for n, o in enumerate(made) if o.subject == aws.arn(aws.ROTATING))
    rows = table(rows_of("kms", [*made[: last + 1], of_key, *made[last + 1 :]]), "key")
    assert rows[aws.arn(aws.ROTATING)].owner == "ledger"
    assert rows[aws.arn(aws.NEW)].tags is None


def test_a_listed_key_that_was_never_asked_about_is_not_lost():
    made = [o for o in observations("kms") if o.subject == ""]
    rows = rows_of("kms", made)
    assert set(table(rows, "key")) == set(table(rows_of("kms"), "key"))
    assert rows[-1].table in ("scope", "gap")
    (scope,) = table(rows, "scope").values()
    assert (scope.complete, scope.listed, scope.described) == (None, 10, 1)
    unexplained(rows)


def test_a_list_that_ends_early_leaves_a_gap():
    listing = {"Keys": [{"KeyArn": aws.arn(aws.NEW), "KeyId": aws.NEW}], "Truncated": True, "NextMarker": "x"}
    rows = rows_of("kms", aws.recorded(aws.header("kms").id, [("", "kms:ListKeys", listing)]))
    gaps = [gap for gap in rows if gap.table == "gap" and gap.rows_missing and gap.subject == ""]
    assert {"key", "key_version", "access"} <= {gap.of_table for gap in gaps}
    assert table(rows, "scope")[aws.header("kms").id].listed is None


def test_a_region_without_keys_lacks_nothing():
    exchanges = [
        ("", "kms:ListKeys", {"Keys": [], "Truncated": False}),
        ("", "kms:DescribeCustomKeyStores", {"CustomKeyStores": [], "Truncated": False}),
    ]
    rows = rows_of("kms", aws.recorded(aws.header("kms").id, exchanges))
    assert rows[-1].complete is True
    assert not [gap for gap in rows if gap.table == "gap" and gap.rows_missing]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("status", [Status.REFUSED, Status.FAILED, Status.SWITCHED_OFF])
def test_a_scope_that_cannot_be_entered_says_so(service, status):
    first = replace(observations(service)[0], status=status, error="no", body="")
    rows = rows_of(service, [first])
    (scope,) = table(rows, "scope").values()
    assert (scope.reached, scope.complete) == (False, None)
    if service != "account":
        assert any(gap.rows_missing and gap.kind == status for gap in table(rows, "gap").values())
    unexplained(rows)


@pytest.mark.parametrize("service", SERVICES)
def test_a_scope_without_any_observation_is_no_empty_scope(service):
    rows = list(normalize(aws.header(service), iter([]), aws.SETTINGS))
    (scope,) = table(rows, "scope").values()
    assert (scope.reached, scope.complete, scope.collected_at) == (False, None, None)
    unexplained(rows)


def test_an_unknown_service_is_an_error():
    with pytest.raises(ValueError, match="no service"):
        list(normalize(aws.header("s3"), iter([]), aws.SETTINGS))


# What holds whatever AWS answers.


def unexplained(rows):
    """Every None has a gap that names it."""
    explained = defaultdict(set)
    for gap in rows:
        if gap.table == "gap":
            explained[gap.of_table, gap.subject].update(gap.columns)
            assert None not in [getattr(gap, field.name) for field in fields(gap)]
    for row in rows:
        unknown = {f.name for f in fields(row) if f.name not in BOOKKEEPING and getattr(row, f.name) is None}
        assert unknown <= explained[row.table, row.id], (row.table, row.id)


def unique(rows):
    ids = [(row.table, row.id) for row in rows]
    assert len(ids) == len(set(ids))


def knows_no_more_than(less, more):
    """Each fact of `less` is one of `more`, and each row of `more` is in `less` or missed by a gap."""
    missing = {(gap.of_table, gap.subject) for gap in less if gap.table == "gap" and gap.rows_missing}
    known = {(row.table, row.id): row for row in less if row.table not in ("gap", "scope")}
    for row in more:
        if row.table in ("gap", "scope"):
            continue
        found = known.pop((row.table, row.id), None)
        if found is None:
            subject = getattr(row, "subject", None) or getattr(row, "key", None) or row.id
            assert (row.table, "") in missing or (row.table, subject) in missing, (row.table, row.id)
            continue
        for field in fields(row):
            value = getattr(found, field.name)
            if field.name not in BOOKKEEPING and value is not None:
                assert value == getattr(row, field.name), (row.id, field.name)
    assert not {key for key in known if key[0] == "access"}


FULL = {service: rows_of(service) for service in SERVICES}
MADE = {service: observations(service) for service in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_every_unknown_is_explained_and_no_id_comes_twice(service):
    unexplained(FULL[service])
    unique(FULL[service])


@pytest.mark.parametrize("service", SERVICES)
def test_the_rows_can_be_written(service, tmp_path):
    with InventoryWriter(tmp_path) as inventory:
        for row in FULL[service]:
            inventory.add(row)


@pytest.mark.parametrize(
    ("service", "number"), [(service, number) for service in SERVICES for number in range(len(MADE[service]))]
)
@pytest.mark.parametrize("spoiled", ["refused", "left out", "null", "{}", "[]", "<html>", '{"Truncated": true}', "[[["])
def test_knowing_less_withholds_and_never_changes(service, number, spoiled):
    made = list(MADE[service])
    if spoiled == "refused":
        made[number] = aws.refused(made[number])
    elif spoiled == "left out":
        left = made.pop(number)
        if any((o.subject, o.operation) == (left.subject, left.operation) for o in made[number:]):
            pytest.skip("no collector records a list that lacks a page before its last")
    else:
        made[number] = replace(made[number], body=spoiled, sha256=body_digest(spoiled))
    rows = rows_of(service, made)
    unexplained(rows)
    unique(rows)
    knows_no_more_than(rows, FULL[service])
    (scope,) = table(rows, "scope").values()
    assert scope.complete is None or (spoiled == "left out" and service == "account")
    if spoiled == "refused":
        assert scope.refused == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SERVICES), st.data())
def test_knowing_less_at_several_places_withholds_and_never_changes(service, data):
    made = list(MADE[service])
    for number in data.draw(st.sets(st.integers(0, len(made) - 1), max_size=12)):
        made[number] = aws.refused(made[number])
    rows = rows_of(service, made)
    unexplained(rows)
    knows_no_more_than(rows, FULL[service])


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for key, item in enumerate(value):
            yield from leaves(item, (*path, key))
    if path:
        yield path


def changed(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


HOSTILE = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        10**30,
        1e308,
        math.nan,
        math.inf,
        "",
        "\ud800",
        "\x00\x1b[31m",
        "=cmd|' /C calc'!A0",
        "<script>alert(1)</script>",
        "x" * 100_000,
        "${aws:x}",
        [],
        {},
        [[]],
        {"a": {}},
    ]
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(service=st.sampled_from(SERVICES), data=st.data())
def test_nothing_that_is_answered_breaks_it(service, data, tmp_path_factory):
    made = list(MADE[service])
    number = data.draw(st.integers(0, len(made) - 1))
    answer = json.loads(made[number].body)
    body = json.dumps(changed(answer, data.draw(st.sampled_from(list(leaves(answer)))), data.draw(HOSTILE)))
    made[number] = replace(made[number], body=body)
    rows = rows_of(service, made)
    unexplained(rows)
    with InventoryWriter(tmp_path_factory.mktemp("inventory")) as inventory:
        for row in rows:
            inventory.add(row)


def test_a_deeply_nested_answer_is_a_failure():
    made = list(MADE["kms"])
    for body in ("[" * 100_000, '{"x": "\\ud800", "y": ' + "[" * 100_000 + "]" * 100_000 + "}"):
        made[0] = replace(made[0], body=body)
        rows = rows_of("kms", made)
        assert any(
            gap.operation == "kms:ListKeys" and gap.kind is GapKind.FAILED for gap in table(rows, "gap").values()
        )


def test_the_same_readings_give_the_same_rows():
    assert rows_of("kms") == rows_of("kms")


def test_no_sdk_is_imported():
    import subprocess
    import sys

    program = "import collectors.aws.normalize, sys; sys.exit('botocore' in sys.modules or 'boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
