"""The normalize half: what the rows say about keys, versions, stores, secrets and access, and what explains NULL."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from gcp_runs import BY_PROJECT, ONE_BY_ONE, SETTINGS, Collected, collected, gaps, told
from google.cloud import kms_v1
from google.iam.v1 import policy_pb2
from normalizing import unexplained
from small_gcp import BACKUP_RING, HOME, NOW, ORGANIZATION, OTHER, OTHER_RING, REGION, RING, SECOND, served, small_world

from collectors.gcp.normalize import normalize
from evidence.model import NEVER, Row
from evidence.observation import Observation, Status, body_digest
from evidence.reading import group_by_subject
from keyproof.demo.faults import Fault
from keyproof.demo.gcp.faults import Rule
from keyproof.demo.gcp.world import SecretVersion, Version
from keyproof.demo.names import days

KEYS = f"{RING}/cryptoKeys"


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with served() as cloud:
        return collected(cloud).rows()


def _key(rows: list[Row], name: str, ring: str = RING) -> dict[str, Any]:
    return told(rows, "key")[f"{ring}/cryptoKeys/{name}"]


def _made(*versions: Version, **more: Any) -> dict[str, Any]:
    """The row of one key of a world of its own, with its versions' rows."""
    world = small_world()
    name = world.add_key(RING, "made", versions, **more)
    with served(world=world) as cloud:
        rows = collected(cloud, **ONE_BY_ONE).rows()
    found = told(rows, "key_version")
    return {
        **told(rows, "key")[name],
        "versions": [found[id] for id in sorted(found) if id.startswith(f"{name}/")],
        "gaps": [row for row in rows if row.table == "gap" and row.subject == name],  # type: ignore[attr-defined]
    }


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("rotated", {"rotations": 3, "last_rotated_at": NOW - days(1), "rotation_enabled": True}),
        ("rotated", {"rotation_period_days": 90, "rotation_next_at": NOW + days(89), "protected_resources": 2}),
        ("rotated", {"algorithm": "AES", "bits": 256, "mechanisms": ["GOOGLE_SYMMETRIC_ENCRYPTION"]}),
        ("rotated", {"owner": "payments", "data_class": "restricted", "business_purpose": "cards"}),
        ("overdue", {"rotation_enabled": True, "rotation_next_at": NOW - days(220), "rotations": 1}),
        ("by-hand", {"rotation_enabled": False, "rotation_period_days": 0, "rotation_next_at": NEVER}),
        ("by-hand", {"rotations": 2, "last_rotated_at": NOW - days(120), "rotatable": True}),
        ("by-hand", {"external_accounts": ["elsewhere.example"]}),
        ("never-rotated", {"rotations": 0, "last_rotated_at": NOW - days(1500)}),
        ("signing", {"rotatable": False, "rotatable_reason": "asymmetric", "key_type": "private signature"}),
        ("signing-ec", {"rotations": 1, "last_rotated_at": NOW - days(40), "parameter_set": "P-256"}),
        ("signing-pq", {"algorithm": "ML-DSA", "pq_category": 3}),
        ("encapsulation", {"usages": ["encapsulate"], "algorithm": "ML-KEM"}),
        ("mac", {"rotatable_reason": "mac", "usages": ["mac"]}),
        ("hsm", {"protection_level": "hsm", "attestation": "CAVIUM_V2_COMPRESSED"}),
        ("hsm", {"access_reasons": ["CUSTOMER_INITIATED_ACCESS"], "extractable": False}),
        ("single-tenant", {"protection_level": "hsm", "rotatable": True}),
        ("imported", {"origin": "imported", "rotatable_reason": "imported"}),
        ("external", {"origin": "external", "protection_level": "external", "extractable": None, "algorithm": None}),
        ("external", {"rotatable_reason": "external", "rotations": None, "last_rotated_at": None}),
        ("ending", {"state": "pending_deletion", "deletion_at": NOW + days(5)}),
        ("ending", {"deletion_requested_at": NOW - days(25), "rotatable_reason": "not_active"}),
        ("destroyed", {"state": "destroyed", "deletion_at": NOW - days(60), "deletion_requested_at": None}),
        ("disabled", {"state": "suspended", "suspended_at": None, "owner": ""}),
        ("short-window", {"deletion_window_set": True, "deletion_window_days": 1}),
        ("open", {"public": True, "external_accounts": ["*"], "wildcard_access": True}),
        ("both", {"public": False, "external_accounts": [], "wildcard_access": False, "account_delegated": False}),
    ],
)
def test_what_keys_are(rows: list[Row], name: str, facts: dict[str, Any]) -> None:
    row = _key(rows, name)
    assert {column: row[column] for column in facts} == facts


def test_keys_say_where_they_are(rows: list[Row]) -> None:
    row = _key(rows, "rotated")
    assert (row["account"], row["region"], row["key_store"], row["name"]) == (HOME, REGION, RING, "rotated")
    assert row["regions"] == [REGION]


def test_autokey_is_told_by_its_key_ring_and_its_handles(rows: list[Row]) -> None:
    ring = f"projects/{OTHER}/locations/{REGION}/keyRings/autokey"
    assert _key(rows, f"{OTHER}-storage-bucket-1", ring)["managed_by"] == "Cloud KMS Autokey"
    assert _key(rows, "data", OTHER_RING)["managed_by"] == ""
    settings = json.loads(told(rows, "key_store")[ring]["store_settings"])
    assert settings["autokey_key_project"] == f"projects/{OTHER}"
    assert set(settings["key_handles"].values()) == {"storage.googleapis.com/Bucket"}


def test_versions_follow_one_another(rows: list[Row]) -> None:
    found = told(rows, "key_version")
    versions = [found[f"{KEYS}/by-hand/cryptoKeyVersions/{number}"] for number in (1, 2, 3)]
    assert [v["state"] for v in versions] == ["deactivated", "deactivated", "active"]
    assert [v["superseded_at"] for v in versions] == [NOW - days(500), NOW - days(120), NEVER]
    assert [v["cause"] for v in versions] == ["initial", None, None]
    assert found[f"{KEYS}/signing-ec/cryptoKeyVersions/2"]["cause"] == "manual"
    assert found[f"{KEYS}/signing-ec/cryptoKeyVersions/1"]["state"] == "active", "callers choose the version"
    assert found[f"{KEYS}/imported/cryptoKeyVersions/1"]["cause"] == "import"
    assert found[f"{KEYS}/external/cryptoKeyVersions/1"]["external_key"] == "v0/cards/1"
    assert found[f"{BACKUP_RING}/cryptoKeys/elsewhere/cryptoKeyVersions/1"]["external_key"].startswith("https://ekm.")
    assert found[f"{KEYS}/destroyed/cryptoKeyVersions/1"]["destroyed_at"] == NOW - days(60)


def _version(age: float, **more: Any) -> Version:
    return Version(at=NOW - days(age), **more)


def test_a_newer_version_that_is_not_primary_is_not_in_use() -> None:
    made = _made(_version(300), _version(100), _version(10), primary=2)
    assert made["last_rotated_at"] == NOW - days(100)
    assert [v["state"] for v in made["versions"]] == ["deactivated", "active", "pre_active"]
    assert made["versions"][2]["created_at"] == NEVER
    assert made["state"] == "active"


def test_a_key_whose_primary_version_is_disabled_decrypts_only() -> None:
    made = _made(_version(300), _version(100, state="DISABLED"))
    assert (made["state"], made["rotatable_reason"]) == ("deactivated", "not_active")


@pytest.mark.parametrize(
    ("versions", "state"),
    [
        ([], "pre_active"),
        ([_version(1, state="PENDING_GENERATION")], "pre_active"),
        ([_version(1, state="PENDING_IMPORT")], "pre_active"),
        ([_version(9, state="DESTROYED", destroyed_at=NOW - days(2)), _version(1, state="DISABLED")], "suspended"),
        ([_version(9, state="DISABLED"), _version(1, state="DESTROY_SCHEDULED", destroy_at=NOW)], "suspended"),
        ([_version(9, state="PENDING_EXTERNAL_DESTRUCTION")], "destroyed"),
    ],
)
def test_states_of_a_key_follow_from_those_of_its_versions(versions: list[Version], state: str) -> None:
    made = _made(*versions, purpose="MAC", algorithm="HMAC_SHA256", created_at=NOW - days(9))
    assert made["state"] == state
    if not versions or state == "pre_active":
        assert (made["activated_at"], made["rotations"], made["last_rotated_at"]) == (NEVER, 0, NOW - days(9))


def test_a_version_in_no_known_state_is_no_fact() -> None:
    rows = _spoiled("kms:ListCryptoKeyVersions", lambda body: body.replace("ENABLED", "WONDERFUL"))
    row = _key(rows, "rotated")
    assert (row["state"], row["rotations"], row["created_at"]) == (None, None, NOW - days(270))
    assert any("WONDERFUL" in str(gap.error) for gap in gaps(rows, "failed"))
    assert unexplained(rows) == []


def test_an_algorithm_that_nobody_knows_yet_is_a_gap_that_another_keyproof_may_close() -> None:
    rows = _spoiled("kms:ListCryptoKeyVersions", lambda body: body.replace("HMAC_SHA256", "HMAC_SHA9000"))
    row = _key(rows, "mac")
    assert (row["algorithm"], row["bits"], row["mechanisms"]) == (None, None, ["HMAC_SHA9000"])
    unknown = {column for gap in gaps(rows, "failed") if gap.subject == f"{KEYS}/mac" for column in gap.columns}
    assert unknown >= {"algorithm", "bits", "parameter_set", "pq_category", "security_bits"}


def test_where_protection_is_not_known_neither_is_where_material_comes_from() -> None:
    rows = _spoiled("kms:ListCryptoKeyVersions", lambda body: body.replace('"SOFTWARE"', '"9"'))
    row = _key(rows, "by-hand")
    assert (row["protection_level"], row["origin"], row["rotations"], row["last_rotated_at"]) == (None,) * 4
    assert told(rows, "key_version")[f"{KEYS}/by-hand/cryptoKeyVersions/1"]["origin"] is None
    assert unexplained(rows) == []


def test_a_deletion_window_that_is_not_stated_is_not_known() -> None:
    rows = _spoiled("kms:ListCryptoKeys", lambda body: body.replace("destroy_scheduled_duration", "other"))
    row = _key(rows, "by-hand")
    assert (row["deletion_window_set"], row["deletion_window_days"]) == (None, None)
    assert unexplained(rows) == []


def test_when_a_version_is_to_be_destroyed_is_not_known_where_it_is_not_told() -> None:
    rows = _spoiled("kms:ListCryptoKeyVersions", lambda body: body.replace("destroy_time", "other"))
    assert told(rows, "key_version")[f"{KEYS}/ending/cryptoKeyVersions/1"]["destroyed_at"] is None
    assert _key(rows, "ending")["deletion_at"] is None
    assert unexplained(rows) == []


@pytest.mark.parametrize("state", ["PENDING_EXTERNAL_DESTRUCTION", "EXTERNAL_DESTRUCTION_FAILED"])
def test_when_an_external_key_manager_destroys_material_is_not_offered(state: str) -> None:
    rows = _spoiled(
        "kms:ListCryptoKeyVersions", lambda body: _with_state(body, state) if "v0/cards/1" in body else body
    )
    version = told(rows, "key_version")[f"{KEYS}/external/cryptoKeyVersions/1"]
    assert (_key(rows, "external")["deletion_at"], version["destroyed_at"]) == (None, None)
    dates = {column for gap in gaps(rows, "not_offered") for column in gap.columns if "/external" in gap.subject}
    assert {"deletion_at", "destroyed_at"} <= dates
    assert unexplained(rows) == []


def _with_state(body: str, state: str) -> str:
    answer = json.loads(body)
    for version in answer["crypto_key_versions"]:
        version |= {"state": state, "destroy_time": "2030-01-01T00:00:00Z"}
    return json.dumps(answer)


def test_a_duration_that_no_date_can_hold_is_no_answer() -> None:
    long = '"destroy_scheduled_duration":"999999999999s"'
    rows = _spoiled("kms:ListCryptoKeys", lambda body: re.sub('"destroy_scheduled_duration":"[0-9]+s"', long, body))
    assert not told(rows, "key")
    assert any("36,525 days" in str(gap.error) for gap in gaps(rows, "failed"))
    assert unexplained(rows) == []


def test_stores(rows: list[Row]) -> None:
    stores = told(rows, "key_store")
    ring = stores[RING]
    assert (ring["kind"], ring["name"], ring["account"], ring["region"]) == (
        "Cloud KMS key ring",
        "payments",
        HOME,
        REGION,
    )
    assert [job["state"] for job in json.loads(ring["store_settings"])["import_jobs"]] == ["EXPIRED", "ACTIVE"]
    connection = stores[f"projects/{HOME}/locations/{REGION}/ekmConnections/datacenter"]
    assert (connection["protection_level"], connection["network_public"]) == ("external", False)
    assert json.loads(connection["store_settings"])["hosts"] == ["ekm.example.com"]
    secrets = stores[f"//secretmanager.googleapis.com/projects/{HOME}"]
    assert (secrets["soft_delete"], secrets["recovery_days"]) == (False, 0)


@pytest.mark.parametrize(
    ("exempted", "log_type", "service", "logged"),
    [
        ([], "DATA_READ", "cloudkms.googleapis.com", True),
        ([], "DATA_READ", "allServices", True),
        ([], "DATA_WRITE", "cloudkms.googleapis.com", False),
        (["user:ada@example.com"], "DATA_READ", "cloudkms.googleapis.com", None),
    ],
)
@pytest.mark.parametrize("more", [{}, ONE_BY_ONE], ids=["at once", "one by one"])
def test_audit_logs_are_switched_on_by_policies(
    exempted: list[str], log_type: str, service: str, logged: bool | None, more: dict[str, Any]
) -> None:
    world = small_world()
    [folder] = world.folders
    config = policy_pb2.AuditConfig(
        service=service,
        audit_log_configs=[policy_pb2.AuditLogConfig(log_type=log_type, exempted_members=exempted)],  # type: ignore[arg-type]
    )
    world.policies[folder].audit_configs.append(config)
    with served(world=world) as cloud:
        stores = told(collected(cloud, **more).rows(), "key_store")
    assert stores[RING]["logging_enabled"] is logged
    assert stores[OTHER_RING]["logging_enabled"] is False, "it is not below that folder"


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("database", {"state": "active", "last_rotated_at": NOW - days(10), "rotation_period_days": 30}),
        ("database", {"keys": [f"{KEYS}/rotated"], "rotation_next_at": NOW + days(20), "regions": None}),
        ("by-hand", {"rotation_enabled": False, "rotation_result": "none", "rotation_next_at": NEVER}),
        ("expiring", {"expires_at": NOW + days(10), "expiry_settable": True}),
        (
            "replicated",
            {"regions": [REGION, SECOND], "keys": [f"{KEYS}/rotated", f"{BACKUP_RING}/cryptoKeys/elsewhere"]},
        ),
        ("own-replicas", {"regions": [REGION, SECOND], "keys": []}),
        ("disabled", {"state": "suspended", "last_rotated_at": NOW - days(300)}),
        ("empty", {"state": "pre_active", "last_rotated_at": NOW - days(5)}),
        ("old", {"wildcard_access": True, "owner": ""}),
    ],
)
def test_what_secrets_are(rows: list[Row], name: str, facts: dict[str, Any]) -> None:
    row = told(rows, "secret")[small_world().by_number(f"projects/{HOME}/secrets/{name}")]
    assert {column: row[column] for column in facts} == facts
    assert (row["account"], row["region"]) == (HOME, "global")


def test_a_schedule_names_its_topics(rows: list[Row]) -> None:
    row = told(rows, "secret")[small_world().by_number(f"projects/{HOME}/secrets/database")]
    assert row["rotation_schedule"] == f"every 2592000s, announced to projects/{HOME}/topics/rotate-secrets"


@pytest.mark.parametrize(("seconds", "whole"), [(43_200, 1), (86_400, 1), (91 * 86_400 - 1, 91)])
def test_a_part_of_a_day_between_rotations_is_a_day(seconds: int, whole: int) -> None:
    schedule = {"rotation_period": timedelta(seconds=seconds), "next_rotation_at": NOW + days(9)}
    world = small_world()
    key = world.add_key(RING, "made", [_version(3)], **schedule)  # type: ignore[arg-type]
    secret = world.add_secret(HOME, "made", [], created_at=NOW, topics=["projects/p/topics/t"], **schedule)  # type: ignore[arg-type]
    with served(world=world) as cloud:
        rows = collected(cloud).rows()
    assert told(rows, "key")[key]["rotation_period_days"] == whole
    assert told(rows, "secret")[secret]["rotation_period_days"] == whole


@pytest.mark.parametrize(
    ("made", "next_days", "result"),
    [
        ([300, 10], 20, "succeeded"),
        ([300, 200], 20, None),
        ([300, 200], -10, "failed"),
        ([300, 5], -10, "succeeded"),
        ([8], 20, "none"),
    ],
)
def test_how_the_last_rotation_ended(made: list[float], next_days: int, result: str | None) -> None:
    """By the day on which it was asked, not by the world's."""
    today = datetime.now(NOW.tzinfo)
    world = small_world()
    versions = [SecretVersion(at=today - days(age)) for age in made]
    schedule = {"rotation_period": timedelta(days=30), "next_rotation_at": today + days(next_days)}
    name = world.add_secret(HOME, "made", versions, topics=["projects/p/topics/t"], **schedule)  # type: ignore[arg-type]
    with served(world=world) as cloud:
        for more in ({}, ONE_BY_ONE):
            assert told(collected(cloud, **more).rows(), "secret")[name]["rotation_result"] == result


# --- access ---------------------------------------------------------------------------------------------------------


def _access(rows: list[Row], subject: str) -> set[tuple[str, str, str]]:
    return {
        (row["principal"], row["capability"], row["via"])
        for row in told(rows, "access").values()
        if row["subject"] == subject
    }


def test_what_is_granted_on_a_key_stands_at_the_key_and_what_is_inherited_at_its_key_ring(rows: list[Row]) -> None:
    worker = f"serviceAccount:worker@{HOME}.iam.gserviceaccount.com"
    assert _access(rows, f"{KEYS}/rotated") == {(worker, c, "IAM policy of the key") for c in ("use", "decrypt")}
    [folder] = (name.partition("/")[2] for name in small_world().folders)
    assert _access(rows, RING) == {
        ("group:custodians@example.com", "administer", "IAM policy of the key ring"),
        ("group:custodians@example.com", "grant", "IAM policy of the key ring"),
        ("group:custodians@example.com", "administer", f"IAM policy of the folder {folder}"),
        ("group:platform@example.com", "administer", f"IAM policy of the organization {ORGANIZATION}"),
        ("group:platform@example.com", "grant", f"IAM policy of the organization {ORGANIZATION}"),
    }
    assert ("user:ada@example.com", "decrypt", f"IAM policy of the project {OTHER}") in _access(rows, OTHER_RING)
    secrets = f"//secretmanager.googleapis.com/projects/{HOME}"
    assert (worker, "decrypt", f"IAM policy of the project {HOME}") in _access(rows, secrets)


def test_a_condition_stands_beside_what_it_limits(rows: list[Row]) -> None:
    found = [row for row in told(rows, "access").values() if row["subject"] == f"{KEYS}/hsm"]
    assert {row["capability"] for row in found} == {"use", "decrypt"}
    assert all("resource.name.startsWith" in json.loads(row["conditions"])["expression"] for row in found)


# --- what is missing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "rotatable"), [("MANUAL", False), ("CLOUD_KMS", True), ("KEY_MANAGEMENT_MODE_UNSPECIFIED", False)]
)
@pytest.mark.parametrize("more", [{}, ONE_BY_ONE], ids=["at once", "one by one"])
def test_an_external_key_rotates_where_cloud_kms_manages_it(mode: str, rotatable: bool, more: dict[str, Any]) -> None:
    world = small_world()
    name = f"projects/{HOME}/locations/{REGION}/ekmConnections/datacenter"
    world.ekm_connections[name].key_management_mode = kms_v1.EkmConnection.KeyManagementMode[mode]
    with served(world=world) as cloud:
        row = _key(collected(cloud, **more).rows(), "external")
    assert row["rotatable"] is rotatable


def test_whether_an_external_key_rotates_is_not_known_without_its_connection() -> None:
    with served([Rule(fault=Fault.REFUSE, operation="kms:ListEkmConnections")]) as cloud:
        rows = collected(cloud, **ONE_BY_ONE).rows()
    assert (_key(rows, "external")["rotatable"], _key(rows, "rotated")["rotatable"]) == (None, True)
    refused = {(gap.subject, column) for gap in gaps(rows, "refused") for column in gap.columns}
    assert (f"{KEYS}/external", "rotatable") in refused
    assert unexplained(rows) == []


def test_what_the_inventory_does_not_cover_is_a_gap(rows: list[Row]) -> None:
    assert [g for g in gaps(rows, "not_offered") if g.of_table == "protected_resource" and g.rows_missing]


def test_a_partial_count_of_what_a_key_protects_is_none() -> None:
    rows = _spoiled(
        "kmsinventory:GetProtectedResourcesSummary",
        lambda body: json.dumps(
            {**json.loads(body), "warnings": [{"warning_code": "INSUFFICIENT_PERMISSIONS_PARTIAL_DATA"}]}
        ),
    )
    row = _key(rows, "rotated")
    assert row["protected_resources"] is None
    assert any("INSUFFICIENT_PERMISSIONS" in str(gap.error) for gap in gaps(rows, "failed"))


def test_resources_that_a_search_does_not_find_are_missed() -> None:
    """Without the organization, only the key's own project can be searched."""
    found = '"protected_resources"'
    rows = _spoiled("kmsinventory:SearchProtectedResources", lambda body: body.replace(found, '"others"'))
    assert _key(rows, "rotated")["protected_resources"] == 2
    [gap] = [g for g in gaps(rows, "failed") if g.of_table == "protected_resource" and g.subject == f"{KEYS}/rotated"]
    assert "2 resources, of which 0 were told" in gap.error


def test_an_asset_that_does_not_tell_what_it_is_part_of_inherits_what_is_not_known() -> None:
    def orphan(body: str) -> str:
        answer = json.loads(body)
        for asset in answer.get("assets", []):
            if asset["asset_type"].startswith("cloudkms"):
                asset["ancestors"] = []
        return json.dumps(answer)

    with served() as cloud:
        rows = _rows_of(collected(cloud), "asset:ListAssets", orphan)
    assert (_key(rows, "both")["public"], _key(rows, "open")["public"]) == (None, True)
    assert RING in {gap.subject for gap in gaps(rows, "failed") if gap.of_table == "access" and gap.rows_missing}
    [scope] = [row for row in rows if row.table == "scope"]
    assert scope.complete is None  # type: ignore[attr-defined]
    assert unexplained(rows) == []


def _untold(kind: str, name: str, *, policies: bool = True) -> list[Row]:
    """The rows of a run in which the inventory does not tell of a resource, nor, if so, of its policy."""

    def leave_out(body: str) -> str:
        answer = json.loads(body)
        kept = [
            asset
            for asset in answer.get("assets", [])
            if not (asset["asset_type"].endswith(f"/{kind}") and asset["name"].endswith(name))
            or (policies and "iam_policy" in asset)
        ]
        return json.dumps({**answer, "assets": kept})

    with served() as cloud:
        return _rows_of(collected(cloud), "asset:ListAssets", leave_out)


@pytest.mark.parametrize(("policies", "public"), [(True, False), (False, None)])
def test_a_key_ring_that_is_not_told_of_is_missed(policies: bool, public: bool | None) -> None:
    rows = _untold("KeyRing", RING, policies=policies)
    assert RING not in told(rows, "key_store")
    assert _key(rows, "both")["public"] is public
    assert _key(rows, "open")["public"] is True
    missing = {(gap.of_table, gap.subject) for gap in gaps(rows, "failed") if gap.rows_missing}
    assert {("key_store", RING), ("access", RING)} <= missing
    assert unexplained(rows) == []


@pytest.mark.parametrize(
    ("kind", "table", "name"),
    [
        ("CryptoKey", "key", f"{KEYS}/by-hand"),
        ("Secret", "secret", small_world().by_number(f"projects/{HOME}/secrets/database")),
    ],
)
def test_what_has_versions_and_is_not_told_of_is_missed(kind: str, table: str, name: str) -> None:
    rows = _untold(kind, name.partition("/")[2].partition("/")[2])
    assert name not in told(rows, table)
    assert (table, name) in {(gap.of_table, gap.subject) for gap in gaps(rows, "failed") if gap.rows_missing}
    [scope] = [row for row in rows if row.table == "scope"]
    assert scope.complete is None  # type: ignore[attr-defined]


def test_a_secret_of_which_nobody_told_versions_is_in_no_known_state() -> None:
    database = small_world().by_number(f"projects/{HOME}/secrets/database")
    rows = _untold("SecretVersion", "")
    row = told(rows, "secret")[database]
    assert (row["state"], row["last_rotated_at"], row["rotation_result"]) == (None, None, None), "it was not asked"
    assert unexplained(rows) == []


def test_a_policy_above_that_was_refused_leaves_access_open() -> None:
    refused = Rule(fault=Fault.REFUSE, operation="resourcemanager:GetIamPolicy", subject="folders/")
    with served([refused]) as cloud:
        rows = collected(cloud, **BY_PROJECT).rows()
    row = _key(rows, "both")
    assert (row["public"], row["external_accounts"]) == (None, None)
    assert _key(rows, "open")["public"] is True, "what is known suffices"
    missing = {g.subject for g in gaps(rows, "refused") if g.of_table == "access" and g.rows_missing}
    assert RING in missing
    assert OTHER_RING not in missing


def test_a_policy_of_the_root_that_was_refused_is_missed_at_once_too() -> None:
    with served([Rule(fault=Fault.REFUSE, operation="resourcemanager:GetIamPolicy")]) as cloud:
        rows = collected(cloud).rows()
    assert _key(rows, "both")["wildcard_access"] is None
    [scope] = [row for row in rows if row.table == "scope"]
    assert scope.complete is None  # type: ignore[attr-defined]
    missing = {g.subject for g in gaps(rows, "refused") if g.of_table == "access" and g.rows_missing}
    assert {RING, OTHER_RING, f"//secretmanager.googleapis.com/projects/{HOME}"} <= missing
    assert unexplained(rows) == []


def test_a_project_whose_parents_are_refused_does_not_claim_to_know_them() -> None:
    with served([Rule(fault=Fault.REFUSE, operation="resourcemanager:GetFolder")]) as cloud:
        rows = collected(cloud, **BY_PROJECT).rows()
    assert _key(rows, "both")["public"] is None
    assert _key(rows, "by-hand")["external_accounts"] is None
    assert _key(rows, "data", OTHER_RING)["public"] is False, "it is not in a folder"


def test_domains_and_projects_of_the_configuration_are_ones_own() -> None:
    with served() as cloud:
        run = collected(cloud)
    for stated, external in (("example.com", ["elsewhere.example"]), ("elsewhere.example", []), ("", None)):
        settings = replace(SETTINGS, organization_accounts=(stated,))
        assert _key(run.rows(settings), "by-hand")["external_accounts"] == external


# --- hostile answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.SURROGATES, Fault.WRONG_TYPES, Fault.CUT])
@pytest.mark.parametrize("transport", ["grpc", "rest"])
@pytest.mark.parametrize("more", [{}, ONE_BY_ONE], ids=["at once", "one by one"])
def test_a_service_that_is_hostile_in_all_it_says_breaks_nothing(
    fault: Fault, transport: str, more: dict[str, Any]
) -> None:
    with served([Rule(fault=fault)]) as cloud:
        run = collected(cloud, transport=transport, **more)
    assert unexplained(run.rows()) == []


def test_hostile_texts_reach_the_rows_as_texts_alone() -> None:
    hostile = '=HYPERLINK("http://x")\u202e<script>\x1b[31m'
    world = small_world()
    name = world.add_key(RING, "hostile", [_version(3)], labels={"owner": hostile})
    world.grant(name, "roles/cloudkms.cryptoKeyDecrypter", f"user:{hostile}@example.com")
    with served(world=world) as cloud:
        rows = collected(cloud).rows()
    assert told(rows, "key")[name]["owner"] == hostile
    assert {row["principal"] for row in told(rows, "access").values() if row["subject"] == name} == {
        f"user:{hostile}@example.com"
    }


def _spoiled(operation: str, change: Any) -> list[Row]:
    with served() as cloud:
        return _rows_of(collected(cloud, **ONE_BY_ONE), operation, change)


def _rows_of(run: Collected, operation: str, change: Any) -> list[Row]:
    """The rows of a run in which an operation answered something else."""

    def spoil(observation: Observation) -> Observation:
        if observation.operation != operation or observation.status is not Status.OK:
            return observation
        body = change(observation.body)
        return replace(observation, body=body, sha256=body_digest(body))

    return [
        row
        for scope, header in run.headers.items()
        for row in normalize(header, group_by_subject(map(spoil, run.scopes[scope])), SETTINGS)
    ]
