"""From what AWS answered to rows: the facts, by cases; and what holds whatever AWS answers."""

import json
from datetime import UTC, datetime

import aws_recordings as aws
import pytest
from normalizing import RECEIVED, observation, table, unexplained

from evidence.model import (
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


def rows_of(service, made=None, header=None):
    return aws.RECORDINGS.rows(header or aws.header(service), made or aws.recorded(service))


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
    assert scope.collected_at == datetime.fromisoformat(RECEIVED)


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
    rows = rows_of("secretsmanager", aws.recorded("secretsmanager", exchanges))
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
    made = [aws.RECORDINGS.refused(o) if o.operation == "tag:GetResources" else o for o in aws.recorded("kms")]
    of_key = observation(
        aws.header("kms"),
        aws.arn(aws.ROTATING),
        "kms:ListResourceTags",
        {"Tags": [{"TagKey": "team", "TagValue": "ledger"}], "Truncated": False},
    )
    last = max(n for n, o in enumerate(made) if o.subject == aws.arn(aws.ROTATING))
    rows = table(rows_of("kms", [*made[: last + 1], of_key, *made[last + 1 :]]), "key")
    assert rows[aws.arn(aws.ROTATING)].owner == "ledger"
    assert rows[aws.arn(aws.NEW)].tags is None


def test_a_listed_key_that_was_never_asked_about_is_not_lost():
    made = [o for o in aws.recorded("kms") if o.subject == ""]
    rows = rows_of("kms", made)
    assert set(table(rows, "key")) == set(table(rows_of("kms"), "key"))
    assert rows[-1].table in ("scope", "gap")
    (scope,) = table(rows, "scope").values()
    assert (scope.complete, scope.listed, scope.described) == (None, 10, 1)
    assert unexplained(rows) == []


def test_a_list_that_ends_early_leaves_a_gap():
    listing = {"Keys": [{"KeyArn": aws.arn(aws.NEW), "KeyId": aws.NEW}], "Truncated": True, "NextMarker": "x"}
    rows = rows_of("kms", aws.recorded("kms", [("", "kms:ListKeys", listing)]))
    gaps = [gap for gap in rows if gap.table == "gap" and gap.rows_missing and gap.subject == ""]
    assert {"key", "key_version", "access"} <= {gap.of_table for gap in gaps}
    assert table(rows, "scope")[aws.header("kms").id].listed is None


def test_a_region_without_keys_lacks_nothing():
    exchanges = [
        ("", "kms:ListKeys", {"Keys": [], "Truncated": False}),
        ("", "kms:DescribeCustomKeyStores", {"CustomKeyStores": [], "Truncated": False}),
    ]
    rows = rows_of("kms", aws.recorded("kms", exchanges))
    assert rows[-1].complete is True
    assert not [gap for gap in rows if gap.table == "gap" and gap.rows_missing]
