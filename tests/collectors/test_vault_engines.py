"""PKI, SSH and database mounts, read of a real OpenBao."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis_server import RedisServer, serving
from vault_engines import PASSWORD, add_database, add_pki, add_ssh
from vault_inventory import Inventory, logged_in

from collectors.source import Settings
from collectors.vault.redaction import REDACTIONS
from evidence.model import NEVER, Certificate, Gap, Key, KeyType, KeyVersion, Rotatable, Scope, Secret, State, Usage
from keyproof.demo.faults import Fault
from keyproof.demo.vault.embedded import EmbeddedVault
from keyproof.demo.vault.faults import Rule
from keyproof.demo.vault.server import Server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def vault(redis: RedisServer) -> Iterator[EmbeddedVault]:
    def seed(server: Server) -> None:
        add_pki(server)
        add_ssh(server)
        add_database(server, redis.port)
        server.write("sys/namespaces/empty")
        for type in ("ssh", "pki", "database"):
            server.write(f"sys/mounts/{type}", {"type": type}, namespace="empty/")

    with logged_in(EmbeddedVault(seed)) as running:
        yield running


@pytest.fixture(scope="module")
def inventory(vault: EmbeddedVault, tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    return Inventory(vault, tmp_path_factory.mktemp("collected"))


def _key(inventory: Inventory, name: str) -> Key:
    [key] = inventory.of(Key, name=name)
    assert isinstance(key, Key)
    return key


def _scope_gaps(inventory: Inventory, service: str, *kinds: str) -> list[Gap]:
    found = [gap for gap in inventory.of(Gap) if gap.scope.endswith(f"/{service}")]
    return [gap for gap in found if gap.kind in kinds]


# --- PKI ------------------------------------------------------------------------------------------------------------


def test_the_key_of_an_authority_is_what_its_certificate_says(inventory: Inventory) -> None:
    key = _key(inventory, "root-key")
    assert (key.algorithm, key.parameter_set, key.bits, key.security_bits) == ("EC", "P-384", 384, 192)
    assert (key.key_type, key.usages) == (KeyType.PRIVATE_SIGNATURE, [Usage.SIGN])
    assert (key.rotatable, key.rotatable_reason) == (False, Rotatable.CERTIFICATE)
    assert key.key_store == "vault://prod/pki/"
    [version] = inventory.of(KeyVersion, key=key.id)
    assert (version.state, version.algorithm, version.superseded_at) == (State.ACTIVE, "EC", NEVER)


def test_a_key_without_a_certificate_is_known_by_its_type_alone(inventory: Inventory) -> None:
    rsa, edwards = _key(inventory, "waiting"), _key(inventory, "waiting-too")
    assert (rsa.algorithm, rsa.bits, rsa.pq_category) == ("RSA", None, 0)
    assert (edwards.algorithm, edwards.parameter_set, edwards.bits) == ("EC", "edwards25519", 256)
    [gap] = [gap for gap in inventory.of(Gap, subject=rsa.id) if "bits" in gap.columns]
    assert gap.kind == "not_offered"


def test_a_key_is_as_old_as_its_first_certificate_or_an_earlier_run(
    vault: EmbeddedVault, inventory: Inventory, tmp_path: Path
) -> None:
    key, waiting = _key(inventory, "root-key"), _key(inventory, "waiting")
    [certificate] = inventory.of(Certificate, key=key.id)
    assert key.material_known_at == certificate.activated_at
    assert key.last_rotated_at is None
    assert waiting.material_known_at is not None
    earlier = datetime(2020, 1, 1, tzinfo=UTC)
    settings = Settings(first_seen={"prod": {key.id: earlier, waiting.id: earlier}})
    again = Inventory(vault, tmp_path, settings=settings, mounts=["pki"])
    assert {_key(again, name).material_known_at for name in ("root-key", "waiting")} == {earlier}


def test_the_settings_of_an_authority_tell_by_which_roles_it_issues(inventory: Inventory) -> None:
    settings = json.loads(_key(inventory, "root-key").key_settings or "")
    assert settings["roles"]["web"]["allow_any_name"] is True
    assert settings["roles"]["web"]["max_ttl"] == 720 * 3600
    assert settings["auto_tidy"]["enabled"] is True
    assert settings["crl"]["disable"] is False
    assert [issuer["name"] for issuer in settings["issuers"]] == ["root"]
    assert json.loads(_key(inventory, "waiting").key_settings or "")["roles"] == {}


def test_certificates_are_read_from_what_the_mount_keeps(inventory: Inventory) -> None:
    found = {row.subject: row for row in inventory.of(Certificate)}
    assert set(found) == {"CN=Example Root", "CN=a.example.com", "CN=b.example.com"}
    leaf = found["CN=a.example.com"]
    assert (leaf.issuer, leaf.algorithm, leaf.bits, leaf.key) == ("CN=Example Root", "RSA", 2048, "")
    assert (leaf.authority, found["CN=Example Root"].authority) == (False, True)
    assert leaf.expires_at - leaf.activated_at < timedelta(days=11)
    assert leaf.state is State.ACTIVE
    assert len(leaf.fingerprint) == 40
    assert found["CN=b.example.com"].state is State.DEACTIVATED
    assert found["CN=Example Root"].key == _key(inventory, "root-key").id


def test_certificates_beyond_the_limit_are_one_gap(vault: EmbeddedVault, tmp_path: Path) -> None:
    found = Inventory(vault, tmp_path, mounts=["pki"], certificates=1)
    assert len(found.of(Certificate)) in (1, 2)
    [gap] = [gap for gap in found.of(Gap, of_table="certificate") if gap.rows_missing]
    assert gap.error == "2 certificates are kept beyond those that were to be read"
    [scope] = found.of(Scope, service="pki", account="root")
    assert scope.complete is None


@pytest.mark.parametrize(
    ("operation", "columns"),
    [
        ("pki:ReadIssuer", {"bits", "material_known_at", "key_settings"}),
        ("pki:ListIssuers", {"bits", "material_known_at", "key_settings"}),
        ("pki:ReadRole", {"key_settings"}),
        ("pki:ReadCrlConfig", {"key_settings"}),
        ("pki:ReadKey", {"name", "mechanisms", "extractable"}),
    ],
)
def test_what_was_refused_of_a_pki_mount_is_a_gap(
    vault: EmbeddedVault, tmp_path: Path, operation: str, columns: set[str]
) -> None:
    found = Inventory(vault, tmp_path, [Rule(fault=Fault.REFUSE, operation=operation)], mounts=["pki"])
    gaps = [gap for gap in found.of(Gap, of_table="key", operation=operation) if gap.kind == "refused"]
    assert columns <= {column for gap in gaps for column in gap.columns}
    keys = {key.id: key for key in found.of(Key)}
    assert {getattr(keys[gap.subject], column) for gap in gaps for column in gap.columns} == {None}


def test_an_issuer_that_was_not_read_leaves_open_whose_a_certificate_is(vault: EmbeddedVault, tmp_path: Path) -> None:
    found = Inventory(vault, tmp_path, [Rule(fault=Fault.REFUSE, operation="pki:ReadIssuer")], mounts=["pki"])
    assert {row.key for row in found.of(Certificate)} == {None}
    assert len(found.of(Certificate)) == 3


# --- SSH ------------------------------------------------------------------------------------------------------------


def test_the_key_of_an_ssh_authority_is_known_by_its_public_half(inventory: Inventory) -> None:
    [key] = inventory.of(Key, key_store="vault://prod/ssh/")
    assert (key.algorithm, key.parameter_set, key.security_bits) == ("EC", "edwards25519", 128)
    assert (key.key_type, key.mechanisms) == (KeyType.PRIVATE_SIGNATURE, ["ssh-ed25519"])
    assert list(json.loads(key.key_settings)["roles"]) == ["ops"]


def test_an_empty_mount_is_known_to_be_empty(inventory: Inventory) -> None:
    rows = [*inventory.of(Key), *inventory.of(Secret), *inventory.of(Certificate)]
    assert [row.id for row in rows if "/empty/" in row.id] == []
    scopes = inventory.of(Scope, account="empty")
    of_mounts = {(scope.service, scope.listed, scope.complete) for scope in scopes if scope.service != "namespace"}
    assert of_mounts == {("ssh", 0, True), ("pki", 0, True), ("database", 0, True)}


def test_an_authority_is_read_of_servers_that_have_but_one(vault: EmbeddedVault, tmp_path: Path) -> None:
    """HashiCorp Vault answers that it knows no list of issuers; the key is the same, and none is told to be none."""
    faults = [Rule(fault=Fault.REFUSE, operation="ssh:ListIssuers")]
    found = Inventory(vault, tmp_path, faults, mounts=["ssh", "empty/ssh"])
    [key] = found.of(Key, key_store="vault://prod/ssh/")
    assert key.parameter_set == "edwards25519"
    assert len(found.collected.of("ssh:ReadCa")) == 2
    assert found.of(Gap, operation="ssh:ReadCa") == []


# --- databases ------------------------------------------------------------------------------------------------------


def test_a_static_role_tells_when_its_password_was_rotated(inventory: Inventory, redis: RedisServer) -> None:
    [role] = inventory.of(Secret, kind="password of a static role")
    assert "app" in redis.passwords
    assert (role.rotation_enabled, role.rotation_period_days, role.rotation_schedule) == (True, 2, "")
    assert role.rotation_next_at - role.last_rotated_at == timedelta(hours=36)
    assert role.id == "vault://prod/database/static-roles/app"
    assert role.keys == ["vault://prod/sys/key"]


def test_the_root_password_of_a_connection_is_a_secret_that_nobody_rotates(inventory: Inventory) -> None:
    found = {row.name: row for row in inventory.of(Secret, kind="root password of a database")}
    assert set(found) == {"orders", "ledger"}
    assert {(row.rotation_enabled, row.rotation_period_days, row.rotation_next_at) for row in found.values()} == {
        (False, 0, NEVER)
    }
    assert {row.last_rotated_at for row in found.values()} == {None}
    assert found["ledger"].content_type == "postgresql-database-plugin"


def test_no_password_stands_in_what_was_recorded(inventory: Inventory, redis: RedisServer) -> None:
    planted = {PASSWORD, *redis.passwords.values()}
    assert not [o.id for o in inventory.collected.observations for secret in planted if secret in o.body]
    [ledger] = [o for o in inventory.collected.of("database:ReadConnection") if o.parameters["name"] == "ledger"]
    assert json.loads(ledger.body)["data"]["connection_details"] == {"connection_url": "(withheld)"}


def test_what_is_withheld_leaves_everything_else_as_it_was() -> None:
    redact = REDACTIONS["database:ReadConnection"]
    told = {"data": {"plugin_name": "p", "connection_details": {"username": "root", "private_key": "x"}}}
    told["data"]["connection_details"]["private_key"] = "(withheld)"
    assert json.loads(redact(json.dumps(told))) == told
    assert redact("[1,2") == ""
    assert json.loads(redact('{"connection_details":"secret"}')) == {"connection_details": "(withheld)"}


def test_a_connection_that_was_not_read_is_a_gap(vault: EmbeddedVault, tmp_path: Path) -> None:
    found = Inventory(vault, tmp_path, [Rule(fault=Fault.REFUSE, operation="database:*")], mounts=["database"])
    assert found.of(Secret) == []
    missing = [gap for gap in found.of(Gap, of_table="secret") if gap.rows_missing]
    assert {gap.operation for gap in missing} == {"database:ListConnections", "database:ListStaticRoles"}


# --- access ---------------------------------------------------------------------------------------------------------


def test_all_was_answered_to_the_policy_that_is_printed(inventory: Inventory) -> None:
    for service in ("pki", "ssh", "database"):
        assert _scope_gaps(inventory, service, "refused", "failed") == []
        assert {scope.complete for scope in inventory.of(Scope, service=service)} == {True}


def test_nobody_who_has_not_logged_in_reaches_a_key_or_secret(inventory: Inventory) -> None:
    rows = [row for row in (*inventory.of(Key), *inventory.of(Secret)) if "/sys/" not in row.id]
    assert {(row.public, tuple(row.external_accounts), row.wildcard_access) for row in rows} == {(False, (), False)}
