"""The normalize half: what answers of a Vault come to, and what is left unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from collected import Collected
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_vault import LABELS, NOW, ago, served
from vault_runs import collected, gaps, observed, of_table, rows
from vault_runs import settings as vault_settings

from collectors.source import Settings
from collectors.vault.normalize import normalize
from evidence.model import NEVER, KeyType, Row, Usage
from evidence.observation import body_digest
from evidence.reading import Reading, group_by_subject
from evidence.recording import ScopeHeader
from keyproof.demo.faults import Fault
from keyproof.demo.vault.embedded import EmbeddedVault
from keyproof.demo.vault.faults import Rule, answered
from keyproof.demo.vault.server import Server

KEYS = "vault://prod/transit/keys/"
SECRETS = "vault://prod/secret/"


@pytest.fixture(scope="module")
def run() -> Collected:
    with served() as vault:
        return collected(vault)


@pytest.fixture(scope="module")
def found(run: Collected) -> list[Row]:
    return rows(run)


def _key(found: list[Row], name: str) -> Any:
    return of_table(found, "key")[f"{KEYS}{name}"]


def _secret(found: list[Row], path: str) -> Any:
    return of_table(found, "secret")[f"{SECRETS}{path}"]


def _versions(found: list[Row], key: str) -> list[Any]:
    made = [row for row in of_table(found, "key_version").values() if row.key == f"{KEYS}{key}"]
    return sorted(made, key=lambda row: row.id)


def test_nothing_is_missing(found: list[Row]) -> None:
    assert gaps(found) == []
    assert {row.complete for row in of_table(found, "scope").values()} == {True}


# --- the server -----------------------------------------------------------------------------------------------------


def test_the_vault_is_a_store_with_its_seal(found: list[Row]) -> None:
    store = of_table(found, "key_store")["vault://prod/"]
    assert (store.kind, store.name, store.account) == ("Vault", "vault", "root")
    assert (store.kek_security_bits, store.kek_apart, store.backed_by) == (256, True, "")
    assert (store.logging_enabled, store.logging_targets) == (True, ["file at to-file/"])
    assert store.activated
    settings = json.loads(store.store_settings)
    assert (settings["seal"], settings["seal_shares"], settings["seal_threshold"]) == ("shamir", 5, 3)
    assert settings["version"].startswith("2.")


def test_the_barrier_key_is_a_key(found: list[Row]) -> None:
    key = of_table(found, "key")["vault://prod/sys/key"]
    assert (key.algorithm, key.bits, key.usages) == ("AES", 256, [Usage.ENCRYPT])
    assert (key.rotatable, key.rotation_enabled, key.rotation_period_days) == (True, True, 90)
    assert key.rotation_next_at == key.last_rotated_at + timedelta(days=90)
    assert key.created_at == key.last_rotated_at == key.material_known_at
    assert abs(key.created_at - NOW) < timedelta(hours=2)
    assert (key.key_store, key.extractable, key.never_extractable) == ("vault://prod/", False, True)
    [version] = [row for row in of_table(found, "key_version").values() if row.key == key.id]
    assert (version.id, version.cause, version.superseded_at) == ("vault://prod/sys/key/1", "initial", NEVER)


def test_mounts_are_stores_that_the_vault_backs(found: list[Row]) -> None:
    stores = of_table(found, "key_store")
    for mount, kind, soft in (
        ("transit", "transit mount", False),
        ("secret", "KV mount", True),
        ("kv", "KV mount", False),
    ):
        for namespace in ("", "team-a/"):
            store = stores[f"vault://prod/{namespace}{mount}/"]
            assert (store.kind, store.name, store.soft_delete) == (kind, mount, soft)
            assert (store.backed_by, store.kek_security_bits, store.kek_apart) == ("vault://prod/", 256, True)
            assert (store.logging_enabled, store.access_model) == (True, "ACL policies")
    assert json.loads(stores["vault://prod/transit/"].store_settings)["description"] == "Payments"


def test_a_namespace_with_a_seal_of_its_own_has_its_own_barrier_key(found: list[Row]) -> None:
    store = of_table(found, "key_store")["vault://prod/own/"]
    assert (store.kind, store.kek_apart, store.backed_by) == ("Vault namespace", True, "")
    assert json.loads(store.store_settings) == {"seal": "shamir", "seal_shares": 2, "seal_threshold": 2}
    key = of_table(found, "key")["vault://prod/own/sys/key"]
    assert (key.key_store, key.account) == ("vault://prod/own/", "own")
    assert of_table(found, "key_store")["vault://prod/own/transit/"].backed_by == "vault://prod/own/"
    keys = {row.id.removeprefix("vault://prod/"): row.keys for row in of_table(found, "secret").values()}
    assert keys["own/secret/plain"] == keys["own/kv/top"] == ["vault://prod/own/sys/key"]
    assert keys["team-a/secret/plain"] == keys["secret/plain"] == keys["kv/top"] == ["vault://prod/sys/key"]


def test_whose_barrier_key_it_is_is_not_guessed() -> None:
    """A namespace may have one of its own: where that was refused, nothing tells what backs its mounts."""
    with served([Rule(fault=Fault.REFUSE, operation="sys:ReadKeyStatus", namespace="own/")]) as vault:
        found = rows(collected(vault))
    store = of_table(found, "key_store")["vault://prod/own/transit/"]
    assert (store.backed_by, store.kek_apart, store.kek_security_bits) == (None, None, None)
    assert of_table(found, "secret")["vault://prod/own/secret/plain"].keys is None
    missing = {(gap.scope, gap.of_table) for gap in gaps(found) if gap.rows_missing}
    assert missing == {("prod/own/namespace", table) for table in ("key_store", "key", "key_version")}


# --- transit --------------------------------------------------------------------------------------------------------


def test_a_key_with_its_versions(found: list[Row]) -> None:
    key = _key(found, "rotated")
    made = ago(300, 200, 10)
    assert (key.created_at, key.last_rotated_at, key.rotations) == (made[0], made[2], 2)
    assert (key.rotation_enabled, key.rotation_period_days) == (True, 100)
    assert key.rotation_next_at == made[2] + timedelta(hours=2400)
    assert (key.rotatable, key.state, key.account, key.region) == (True, "active", "root", "global")
    versions = _versions(found, "rotated")
    assert [version.created_at for version in versions] == made
    assert [version.superseded_at for version in versions] == [*made[1:], NEVER]
    assert [version.state for version in versions] == ["deactivated", "deactivated", "active"]
    assert [version.cause for version in versions] == ["initial", None, None]


def test_asymmetric_keys_tell_the_same(found: list[Row]) -> None:
    key = _key(found, "signing")
    assert (key.algorithm, key.usages, key.key_type) == ("EC", [Usage.SIGN], KeyType.PRIVATE_SIGNATURE)
    assert [version.created_at for version in _versions(found, "signing")] == ago(800, 40)
    assert _key(found, "signing-pq").pq_category == 3


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("old", {"rotation_enabled": False, "rotation_period_days": 0, "rotation_next_at": NEVER, "rotations": 0}),
        ("old", {"extractable": False, "never_extractable": True, "origin": "generated"}),
        ("exportable", {"extractable": True, "never_extractable": False}),
        ("backup", {"extractable": True, "never_extractable": False}),
        ("imported", {"origin": "imported", "rotatable": False, "rotatable_reason": "imported"}),
        ("imported", {"extractable": False, "never_extractable": False}),
        ("derived", {"algorithm": "ChaCha20", "bits": 256}),
        ("both", {"usages": [Usage.ENCRYPT, Usage.SIGN], "key_type": KeyType.PRIVATE_KEY_TRANSPORT, "bits": 2048}),
        ("gone", {"state": "suspended", "suspended_at": None, "rotatable": False, "rotatable_reason": "not_active"}),
        ("external", {"origin": "external", "protection_level": "external", "extractable": None, "algorithm": None}),
        ("external", {"rotatable": False, "rotatable_reason": "external", "material_known_at": None}),
        ("mac", {"key_type": KeyType.SYMMETRIC_AUTHENTICATION, "bits": 256, "created_at": None}),
    ],
)
def test_keys_of_every_kind(found: list[Row], name: str, facts: dict[str, Any]) -> None:
    key = _key(found, name)
    assert {column: getattr(key, column) for column in facts} == facts


def test_settings_are_kept_by_their_names(found: list[Row]) -> None:
    assert json.loads(_key(found, "backup").key_settings) == {
        "latest_version": 1,
        "min_available_version": 0,
        "min_decryption_version": 1,
        "min_encryption_version": 0,
        "exportable": True,
        "allow_plaintext_backup": True,
        "deletion_allowed": True,
        "derived": False,
        "convergent_encryption": False,
        "imported_key": False,
        "allow_imported_rotation": False,
        "soft_deleted": False,
    }


def test_versions_that_vault_does_not_tell_are_gaps_and_no_dates(found: list[Row]) -> None:
    key = _key(found, "trimmed")
    made = ago(400, 300, 50)
    assert (key.created_at, key.rotations, key.last_rotated_at) == (None, 2, made[2])
    assert [version.created_at for version in _versions(found, "trimmed")] == made[1:]
    missing = {gap.subject for gap in of_table(found, "gap").values() if gap.rows_missing}  # type: ignore[attr-defined]
    assert missing == {f"{KEYS}{name}" for name in ("trimmed", "mac", "mac-rotated")}


def test_the_age_of_a_key_without_dates_is_what_earlier_runs_show(run: Collected) -> None:
    [observation] = [o for o in run.of("transit:ReadKey") if o.subject == f"{KEYS}mac"]
    received = datetime.fromisoformat(observation.received_at)
    assert _key(rows(run), "mac").material_known_at == received
    seen = {"prod": {f"{KEYS}mac": ago(77)[0], f"{KEYS}mac-rotated": ago(77)[0]}}
    assert _key(rows(run, seen), "mac").material_known_at == ago(77)[0]
    assert _key(rows(run, seen), "mac-rotated").material_known_at is None, "it was rotated, nobody tells when"


def test_an_external_key_is_named(found: list[Row]) -> None:
    [version] = _versions(found, "external")
    assert (version.external_key, version.created_at, version.algorithm) == ("other:root", None, None)


def test_other_key_stores_are_told_with_the_keys_that_are_used_here(found: list[Row]) -> None:
    store = of_table(found, "key_store")["vault://prod/sys/external-keys/configs/other"]
    assert (store.kind, store.name, store.protection_level) == ("key store of external keys", "other", "external")
    assert json.loads(store.store_settings) == {"keys": ["root"]}
    assert (store.kek_apart, store.validation, store.logging_enabled) == (None, None, True)


def test_managed_keys_of_vault_enterprise() -> None:
    """The answer is the one of its API documentation, below the member that all lists have."""
    told = answered(200, {"data": {"keys": ["hsm-key1", "hsm-key2"]}})
    none = answered(404, {"errors": []})
    rules = [
        Rule(operation="sys:ListManagedKeys", namespace="", path="pkcs11", answer=told),
        Rule(operation="sys:ListManagedKeys", namespace="", answer=none),
    ]
    with served(rules) as vault:
        found = rows(collected(vault))
        assert vault.requests["sys:ListManagedKeys"] == 3 + 2, "each kind, and once where there are none"
    stores = {id: row for id, row in of_table(found, "key_store").items() if "managed-keys" in id}
    [(id, store)] = stores.items()
    assert (id, json.loads(store.store_settings)) == (
        "vault://prod/sys/managed-keys/pkcs11",
        {"keys": ["hsm-key1", "hsm-key2"]},
    )


# --- KV -------------------------------------------------------------------------------------------------------------


def test_a_secret_with_its_versions_and_metadata(found: list[Row], run: Collected) -> None:
    secret = _secret(found, "app/database")
    assert (secret.name, secret.kind, secret.key_store) == ("app/database", "KV secret", "vault://prod/secret/")
    assert json.loads(secret.tags) == LABELS
    assert (secret.owner, secret.business_purpose, secret.data_class) == ("payments", "cards", "secret")
    [told] = [o for o in run.of("kv:ListDetailedMetadata", "prod/root/secret/kv") if o.parameters["path"] == "app/"]
    metadata = json.loads(told.body)["data"]["key_info"]["database"]
    assert secret.created_at == _micros(metadata["versions"]["1"]["created_time"])
    assert secret.last_rotated_at == _micros(metadata["versions"]["3"]["created_time"])
    assert secret.created_at < secret.last_rotated_at
    assert secret.evidence == [told.id]


def _micros(text: str) -> datetime:
    """A time with nanoseconds, to the microsecond that is kept."""
    return datetime.fromisoformat(f"{text[:26].rstrip('Z')}+00:00") if len(text) > 20 else datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("plain", "active"),
        ("app/deep/er/token", "active"),
        ("deleted", "suspended"),
        ("destroyed", "destroyed"),
        ("empty", "pre_active"),
    ],
)
def test_states_of_secrets(found: list[Row], path: str, state: str) -> None:
    assert _secret(found, path).state == state


def test_a_secret_that_will_be_deleted_expires(found: list[Row]) -> None:
    secret = _secret(found, "short-lived")
    assert secret.expires_at - secret.last_rotated_at == timedelta(hours=720)
    assert _secret(found, "plain").expires_at == NEVER


def test_a_mount_without_versions_tells_paths_alone(found: list[Row]) -> None:
    secrets = {id: row for id, row in of_table(found, "secret").items() if id.startswith("vault://prod/kv/")}
    assert set(secrets) == {"vault://prod/kv/legacy/password", "vault://prod/kv/top"}
    for row in secrets.values():
        assert (row.kind, row.state, row.expiry_settable) == ("KV secret without versions", "active", False)
        assert (row.created_at, row.last_rotated_at, row.owner, row.tags) == (None, None, None, None)


# --- other servers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seal", "bits", "apart"),
    [
        ({"type": "shamir", "t": 1, "n": 1}, 256, False),
        ({"type": "static"}, 256, False),
        ({"type": "awskms", "recovery_seal": True}, None, True),
        ({"type": "pkcs11", "recovery_seal": True}, None, True),
        ({"type": "transit", "recovery_seal": True}, None, True),
        ({"type": "something new"}, None, None),
    ],
)
def test_seals(seal: dict[str, Any], bits: int | None, apart: bool | None) -> None:
    told = {"initialized": True, "sealed": False, "t": 3, "n": 5, "version": "1.21.0", **seal}
    with served([Rule(operation="sys:ReadSealStatus", answer=answered(200, told))]) as vault:
        stores = of_table(rows(collected(vault, mounts=["nothing"])), "key_store")
    for id in ("vault://prod/", "vault://prod/transit/"):
        assert (stores[id].kek_security_bits, stores[id].kek_apart) == (bits, apart)


@pytest.mark.parametrize(
    ("version", "standard"),
    [
        ("2.7.2", ""),
        ("1.19.5+ent", ""),
        ("1.19.5+ent.fips1402", "FIPS 140-2"),
        ("1.20.0+ent.hsm.fips1403", "FIPS 140-3"),
    ],
)
def test_a_build_for_fips_says_so_in_its_version(version: str, standard: str) -> None:
    told = {"type": "shamir", "initialized": True, "sealed": False, "t": 3, "n": 5, "version": version}
    with served([Rule(operation="sys:ReadSealStatus", answer=answered(200, told))]) as vault:
        store = of_table(rows(collected(vault, mounts=["nothing"])), "key_store")["vault://prod/"]
    assert store.validation_standard == standard
    assert store.validation.startswith(standard)


def test_several_seals_of_vault_enterprise() -> None:
    """The answer is the one of its API documentation."""
    backends = [
        {"name": "hsm", "healthy": True, "configured": True, "disabled": False},
        {"name": "transit", "healthy": False, "unhealthy_since": "2023-09-22T08:34:11Z"},
    ]
    told = answered(200, {"healthy": False, "fully_wrapped": False, "backends": backends})
    with served([Rule(operation="sys:ReadSealBackends", answer=told)]) as vault:
        store = of_table(rows(collected(vault, mounts=["nothing"])), "key_store")["vault://prod/"]
    assert json.loads(store.store_settings)["seal_backends_healthy"] == {"hsm": True, "transit": False}


def test_a_static_seal_and_no_audit_device() -> None:
    """A real one: its key stands in the configuration beside the data."""
    seal = 'seal "static" {\n  current_key_id = "one"\n  current_key = "' + "00" * 32 + '"\n}\n'
    server = Server(audited=False, seal=seal)
    with EmbeddedVault(lambda made: None, server=server) as vault, pytest.MonkeyPatch.context() as patch:
        patch.setenv(next(iter(vault.credentials)), vault.token)
        store = of_table(rows(collected(vault)), "key_store")["vault://prod/"]
    assert json.loads(store.store_settings)["seal"] == "static"
    assert (store.kek_security_bits, store.kek_apart, store.activated) == (256, False, True)
    assert (store.logging_enabled, store.logging_targets) == (False, [])


def test_keys_that_vault_enterprise_alone_has() -> None:
    """Answers as its API documentation gives them: no such server can be had here."""
    common = {
        "latest_version": 1,
        "min_decryption_version": 1,
        "min_encryption_version": 0,
        "min_available_version": 0,
        "exportable": False,
        "allow_plaintext_backup": False,
        "deletion_allowed": False,
        "derived": False,
        "auto_rotate_period": 0,
        "imported_key": False,
        "keys": {"1": {"creation_time": "2026-01-02T03:04:05Z"}},
    }
    managed = answered(200, {"data": {"name": "old", "type": "managed_key", **common}})
    post_quantum = answered(200, {"data": {"name": "old", "type": "ml-dsa", "parameter_set": "65", **common}})
    for answer, facts in (
        (managed, ("external", None, None, False)),
        (post_quantum, ("software", "ML-DSA-65", 3, True)),
    ):
        with served([Rule(operation="transit:ReadKey", path="keys/old", answer=answer)]) as vault:
            key = _key(rows(collected(vault, mounts=["transit"])), "old")
        assert (key.protection_level, key.parameter_set, key.pq_category, key.rotatable) == facts
        assert key.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


# --- answers that are none ------------------------------------------------------------------------------------------


def _header(service: str, mount: str = "") -> ScopeHeader:
    id = f"prod/root/{mount}/{service}" if mount else f"prod/root/{service}"
    return ScopeHeader(id=id, source="prod", type="vault", service=service, account="root", account_name="")


GOOD_KEY: dict[str, Any] = {
    "name": "a",
    "type": "aes256-gcm96",
    "latest_version": 1,
    "min_decryption_version": 1,
    "min_encryption_version": 0,
    "exportable": False,
    "allow_plaintext_backup": False,
    "deletion_allowed": False,
    "derived": False,
    "keys": {"1": 1700000000},
}


@pytest.mark.parametrize(
    "change",
    [
        {"exportable": None},
        {"exportable": "no"},
        {"keys": {"one": 1700000000}},
        {"keys": {"1": 10**30}},
        {"keys": {"1": -1}},
        {"keys": {"1": True}},
        {"keys": {"1": {"public_key": "x"}}},
        {"keys": []},
        {"auto_rotate_period": "soon"},
        {"auto_rotate_period": 10**20},
        {"latest_version": -1},
        {"type": 7},
    ],
)
def test_a_key_that_is_not_as_documented_is_a_gap(change: dict[str, Any]) -> None:
    body = json.dumps({"data": {**GOOD_KEY, **change}})
    readings = [
        Reading("", [observed("transit:ListKeys", '{"data":{"keys":["a"]}}')]),
        Reading(f"{KEYS}a", [observed("transit:ReadKey", body, f"{KEYS}a")]),
    ]
    found = list(normalize(_header("transit", "transit"), iter(readings), Settings()))
    key = of_table(found, "key")[f"{KEYS}a"]
    assert (key.state, key.extractable, key.created_at) == (None, None, None)
    assert {gap.of_table for gap in gaps(found) if gap.rows_missing} - {"access"} == {"key_version"}


@pytest.mark.parametrize("period", ["720h0m0s", "720h", 2592000])
def test_durations_are_numbers_or_texts(period: object) -> None:
    body = json.dumps({"data": {**GOOD_KEY, "auto_rotate_period": period}})
    readings = [
        Reading("", [observed("transit:ListKeys", '{"data":{"keys":["a"]}}')]),
        Reading(f"{KEYS}a", [observed("transit:ReadKey", body, f"{KEYS}a")]),
    ]
    found = list(normalize(_header("transit", "transit"), iter(readings), Settings()))
    assert of_table(found, "key")[f"{KEYS}a"].rotation_period_days == 30


@pytest.mark.parametrize(
    "body",
    ["{}", '{"data":{"keys":null}}', '{"data":null,"errors":null}', '{"data":{"keys":["a"]},"errors":[]}'],
)
def test_a_list_that_is_not_as_documented_is_a_gap(body: str) -> None:
    reading = Reading("", [observed("transit:ListKeys", body)])
    found = list(normalize(_header("transit", "transit"), iter([reading]), Settings()))
    assert {gap.of_table for gap in gaps(found) if gap.rows_missing} - {"access"} == {"key", "key_version"}


@pytest.mark.parametrize("service", ["vault", "namespace", "transit", "kv", "kv-v1"])
def test_nothing_recorded_is_all_gaps(service: str) -> None:
    mount = "m" if service in ("transit", "kv", "kv-v1") else ""
    found = list(normalize(_header(service, mount), iter(()), Settings()))
    [scope] = of_table(found, "scope").values()
    assert (scope.reached, scope.complete) == (False, None)
    assert [gap for gap in gaps(found) if gap.rows_missing]


def test_another_service_is_an_error() -> None:
    with pytest.raises(ValueError, match="no service that is read of a Vault"):
        list(normalize(_header("pubsub"), iter(()), Settings()))


# --- whatever is answered -------------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _members(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The ways to each member of a JSON value, itself included."""
    yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _members(member, (*path, name))
    if isinstance(value, list):
        for index, member in enumerate(value):
            yield from _members(member, (*path, index))


def _replaced(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_answer_stops_the_normalize_half_and_every_null_has_its_gap(run: Collected, data: st.DataObject) -> None:
    """One member of one real answer is replaced by anything: nothing raises, and no NULL is without a reason."""
    scope = data.draw(st.sampled_from(sorted(run.scopes)))
    observations = list(run.scopes[scope])
    at = data.draw(st.integers(0, len(observations) - 1))
    answer = json.loads(observations[at].body)
    path = data.draw(st.sampled_from(list(_members(answer))))
    body = json.dumps(_replaced(answer, path, data.draw(ANYTHING)))
    observations[at] = replace(observations[at], body=body, sha256=body_digest(body))
    made = list(normalize(run.headers[scope], group_by_subject(iter(observations)), vault_settings()))
    [told] = of_table(made, "scope").values()
    assert told.calls == len(observations)
    named = {(gap.of_table, gap.subject, column) for gap in of_table(made, "gap").values() for column in gap.columns}
    for row in (row for row in made if row.table != "gap"):
        for name in row.__dataclass_fields__:
            assert getattr(row, name) is not None or (row.table, row.id, name) in named, (row.id, name)
