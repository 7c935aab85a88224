"""Who may do what with what a Vault holds, read of a real OpenBao."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from vault_inventory import Inventory, logged_in

from evidence.model import Access, Capability, Gap, Key, PrincipalKind, Secret
from keyproof.demo.faults import Fault
from keyproof.demo.vault.embedded import EmbeddedVault
from keyproof.demo.vault.faults import Rule
from keyproof.demo.vault.server import Server

POLICIES = {
    "app": """
        path "transit/encrypt/cards" { capabilities = ["update"] }
        path "transit/decrypt/cards" { capabilities = ["update"] }
        path "secret/data/app/*" { capabilities = ["read"] }
    """,
    "operator": """
        path "transit/keys/*" { capabilities = ["create", "update", "delete"] }
        path "transit/keys/root-*" { capabilities = ["deny"] }
    """,
    "exporter": 'path "transit/export/+/+" { capabilities = ["read"] }',
    "security": 'path "sys/policies/acl/*" { capabilities = ["create", "update"] }',
    "super": 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }',
    "mounter": 'path "sys/mounts/*" { capabilities = ["create", "update", "delete"] }',
    "spare": 'path "transit/sign/cards" { capabilities = ["update"] }',
    "own": 'path "secret/data/{{identity.entity.name}}/*" { capabilities = ["read"] }',
    "over": 'path "team/transit/encrypt/+" { capabilities = ["update"] }',
}


def seed(server: Server) -> None:
    """Mounts with a key and a secret each, and one of each kind of principal."""
    for mount in ("transit", "kv-v2"):
        server.write(f"sys/mounts/{'secret' if mount == 'kv-v2' else mount}", {"type": mount})
    server.write("transit/keys/cards")
    server.write("secret/data/app/db", {"data": {"password": "planted"}})
    for name, text in POLICIES.items():
        server.write(f"sys/policies/acl/{name}", {"policy": text})
    for method in ("approle", "userpass", "cert"):
        server.write(f"sys/auth/{method}", {"type": method})
    server.write("auth/approle/role/web", {"token_policies": ["app", "own"]})
    server.write("auth/approle/role/deploy", {"token_policies": ["mounter"], "token_no_default_policy": True})
    server.write("auth/userpass/users/bob", {"password": "planted", "token_policies": ["operator"]})
    server.write("auth/token/roles/batch", {"allowed_policies_glob": ["exp*"]})
    group = server.write("identity/group", {"name": "admins", "policies": ["security"]})["data"]["id"]
    alice = server.write("identity/entity", {"name": "alice", "policies": ["super"]})["data"]["id"]
    bob = server.write("identity/entity", {"name": "robert", "policies": []})["data"]["id"]
    accessor = server.ask("GET", "sys/auth")["data"]["userpass/"]["accessor"]
    server.write("identity/entity-alias", {"name": "bob", "canonical_id": bob, "mount_accessor": accessor})
    server.write(f"identity/group/id/{group}", {"member_entity_ids": [bob], "policies": ["security"], "name": "admins"})
    server.write(f"identity/entity/id/{alice}", {"name": "alice", "policies": ["super"]})
    server.write("sys/namespaces/team")
    server.write("sys/mounts/transit", {"type": "transit"}, namespace="team/")
    server.write("transit/keys/cards", namespace="team/")


@pytest.fixture(scope="module")
def vault() -> Iterator[EmbeddedVault]:
    with logged_in(EmbeddedVault(seed)) as running:
        yield running


@pytest.fixture(scope="module")
def inventory(vault: EmbeddedVault, tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    return Inventory(vault, tmp_path_factory.mktemp("collected"))


TRANSIT = "vault://prod/transit/"
SECRETS = "vault://prod/secret/"
ALICE = "identity/entity/name/alice"
BOB = "auth/userpass/users/bob"
ROBERT = "identity/entity/name/robert"


def test_who_may_do_what_with_the_keys_of_a_mount(inventory: Inventory) -> None:
    assert inventory.may(TRANSIT) == {
        *((ALICE, capability, "super") for capability in Capability),
        (BOB, Capability.ADMINISTER, "operator"),
        (ROBERT, Capability.ADMINISTER, "operator"),
        (ROBERT, Capability.GRANT, "security"),
        ("identity/group/name/admins", Capability.GRANT, "security"),
        ("auth/token/roles/batch", Capability.EXPORT, "exporter"),
        ("auth/approle/role/deploy", Capability.ADMINISTER, "mounter"),
    }


def test_who_may_do_what_with_one_key(inventory: Inventory) -> None:
    assert inventory.may(f"{TRANSIT}keys/cards") == {
        ("auth/approle/role/web", Capability.USE, "app"),
        ("auth/approle/role/web", Capability.DECRYPT, "app"),
        ("sys/policies/acl/spare", Capability.USE, "spare"),
    }


def test_what_narrows_access_is_a_condition(inventory: Inventory) -> None:
    operator = inventory.of(Access, subject=TRANSIT, principal=BOB)
    assert [json.loads(row.conditions) for row in operator] == [{"except": ["root-*"]}]
    web = inventory.of(Access, subject=SECRETS, principal="auth/approle/role/web")
    assert {json.loads(row.conditions)["names"] for row in web} == {"app/*", "{{identity.entity.name}}/*"}
    assert {row.capability for row in web} == {Capability.DECRYPT}


def test_people_and_machines_are_told_apart_where_that_is_known(inventory: Inventory) -> None:
    kinds = {row.principal: row.principal_kind for row in inventory.of(Access)}
    assert kinds["auth/approle/role/web"] is PrincipalKind.MACHINE
    assert kinds[BOB] is PrincipalKind.UNDECIDED
    assert kinds["identity/group/name/admins"] is PrincipalKind.GROUP
    assert kinds["sys/policies/acl/spare"] is PrincipalKind.GROUP


def test_a_namespace_is_governed_by_the_policies_above_it_too(inventory: Inventory) -> None:
    found = inventory.may("vault://prod/team/transit/")
    assert ("sys/policies/acl/over", Capability.USE, "over") in found
    assert {capability for principal, capability, _ in found if principal == ALICE} == set(Capability)
    assert not inventory.may("vault://prod/transit/") & {("sys/policies/acl/over", Capability.USE, "over")}


def test_who_may_turn_the_barrier_key_and_the_log(inventory: Inventory) -> None:
    found = inventory.may("vault://prod/")
    assert (ALICE, Capability.ADMINISTER, "super") in found
    assert (BOB, Capability.ADMINISTER, "operator") not in found


def test_keys_and_secrets_tell_what_policies_say_of_them(inventory: Inventory) -> None:
    rows = [*inventory.of(Key), *inventory.of(Secret)]
    assert {(row.public, tuple(row.external_accounts), row.wildcard_access) for row in rows} == {(False, (), True)}
    assert len(rows) == 4


def test_no_access_is_in_doubt_where_all_was_read(inventory: Inventory) -> None:
    assert [gap for gap in inventory.of(Gap) if gap.of_table == "access"] == []
    assert {row.external for row in inventory.of(Access)} == {False}
    assert {row.public for row in inventory.of(Access)} == {False}


def test_no_secret_stands_in_what_was_recorded(inventory: Inventory) -> None:
    assert not [o.id for o in inventory.collected.observations if "planted" in o.body]


def test_the_requests_about_access_do_not_grow_with_the_keys(vault: EmbeddedVault, inventory: Inventory) -> None:
    about = {name: count for name, count in inventory.requests.items() if name.startswith(("auth:", "identity:"))}
    scopes = 4  # the server and three mounts
    namespaces = scopes + 1  # the mount of the namespace asks in the root too
    assert about["identity:ListEntities"] == namespaces
    assert about["auth:ReadRole"] == 2 * scopes
    assert max(about.values()) <= 2 * namespaces


ONE_BY_ONE = Rule(fault=Fault.REFUSE, operation="sys:ListDetailedPolicies")
"""Policies are not told at once."""


def test_policies_that_are_told_one_by_one_say_the_same(
    vault: EmbeddedVault, inventory: Inventory, tmp_path: Path
) -> None:
    found = Inventory(vault, tmp_path, [ONE_BY_ONE])
    assert found.requests["sys:ReadPolicy"] > len(POLICIES)
    assert inventory.requests["sys:ReadPolicy"] == 0
    assert {row.id for row in found.of(Access)} == {row.id for row in inventory.of(Access)}
    assert [gap for gap in found.of(Gap) if gap.of_table == "access"] == []
    assert {gap.operation for gap in found.of(Gap, kind="refused")} == {"sys:ListDetailedPolicies"}


@pytest.mark.parametrize(
    "operation",
    [
        "sys:ListPolicies",
        "sys:ReadPolicy",
        "sys:ListAuthMethods",
        "auth:ListRoles",
        "auth:ReadUser",
        "identity:ReadGroup",
    ],
)
def test_what_was_refused_leaves_access_in_doubt(vault: EmbeddedVault, tmp_path: Path, operation: str) -> None:
    faults = [ONE_BY_ONE, Rule(fault=Fault.REFUSE, operation=operation)]
    found = Inventory(vault, tmp_path, faults, mounts=["transit", "team/transit"])
    gaps = [gap for gap in found.of(Gap) if gap.of_table == "access" and gap.rows_missing]
    assert {gap.scope for gap in gaps} == {"prod/root/vault", "prod/root/transit/transit", "prod/team/transit/transit"}
    assert {gap.operation for gap in gaps} >= {operation}


def test_a_policy_that_was_not_read_leaves_wildcards_in_doubt(vault: EmbeddedVault, tmp_path: Path) -> None:
    faults = [ONE_BY_ONE, Rule(fault=Fault.REFUSE, operation="sys:ReadPolicy", path="acl/super")]
    found = Inventory(vault, tmp_path, faults, mounts=["transit"])
    assert {key.wildcard_access for key in found.of(Key)} == {None}
    assert {principal for principal, _, _ in found.may(TRANSIT)} >= {BOB}


def test_roles_beyond_the_limit_are_a_gap(vault: EmbeddedVault, tmp_path: Path) -> None:
    found = Inventory(vault, tmp_path, [ONE_BY_ONE], mounts=["transit"], list_limit=3)
    [gap] = found.of(Gap, of_table="access", operation="sys:ReadPolicy", scope="prod/root/vault")
    assert "of them were not asked about" in gap.error


def test_a_source_that_begins_below_others_does_not_know_all_access(vault: EmbeddedVault, tmp_path: Path) -> None:
    found = Inventory(vault, tmp_path, namespace="team")
    of_mount = [gap for gap in found.of(Gap, scope="prod/team/transit/transit") if gap.of_table == "access"]
    assert ["namespaces above" in gap.error for gap in of_mount] == [True]
