"""What roles and access policies of Azure let a principal do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.azure.answers import Permission
from collectors.azure.roles import (
    BUILT_IN,
    POLICY_KEYS,
    POLICY_SECRETS,
    VAULT_KEYS,
    VAULT_SECRETS,
    allows,
    granted_at,
    permits_all,
    placed,
    policy_capabilities,
    policy_permits_all,
)
from evidence.model import Capability
from keyproof.demo.azure.roles import BUILT_IN as PUBLISHED

ADMINISTER, USE, DECRYPT = Capability.ADMINISTER, Capability.USE, Capability.DECRYPT
EVERY_VAULT_ACTION = [a for duties in (VAULT_KEYS, VAULT_SECRETS) for actions in duties.data.values() for a in actions]
VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"


def _role(data: str = "", actions: str = "", not_data: str = "") -> tuple[Permission, ...]:
    return (Permission(actions=actions.split(), dataActions=data.split(), notDataActions=not_data.split()),)


def _capabilities(permissions, duties):
    return {c for c, actions in duties.data.items() if any(allows(permissions, a, data=True) for a in actions)}


@pytest.mark.parametrize(
    ("name", "keys", "secrets"),
    [
        ("Owner", set(), set()),
        ("Contributor", set(), set()),
        ("Key Vault Administrator", {ADMINISTER, USE, DECRYPT}, {ADMINISTER, USE, DECRYPT}),
        ("Key Vault Crypto Officer", {ADMINISTER, USE, DECRYPT}, set()),
        ("Key Vault Crypto User", {ADMINISTER, USE, DECRYPT}, set()),
        ("Key Vault Crypto Service Encryption User", {USE, DECRYPT}, set()),
        ("Key Vault Crypto Service Release User", {DECRYPT}, set()),
        ("Key Vault Secrets Officer", set(), {ADMINISTER, USE, DECRYPT}),
        ("Key Vault Secrets User", set(), {DECRYPT}),
        ("Key Vault Certificate User", set(), {DECRYPT}),
        ("Key Vault Reader", set(), set()),
        ("Reader", set(), set()),
    ],
)
def test_built_in_roles_are_understood(name, keys, secrets):
    permissions = BUILT_IN[next(role.id for role in PUBLISHED if role.name == name)]
    assert _capabilities(permissions, VAULT_KEYS) == keys
    assert _capabilities(permissions, VAULT_SECRETS) == secrets


@pytest.mark.parametrize("role", [role for role in PUBLISHED if role.id in BUILT_IN], ids=lambda role: role.name)
def test_built_in_roles_allow_what_is_published(role):
    """Of each action that counts, what is known here is what the role's published permissions say."""
    published = (
        Permission(
            actions=list(role.actions),
            notActions=list(role.not_actions),
            dataActions=list(role.data_actions),
            notDataActions=list(role.not_data_actions),
        ),
    )
    for action in EVERY_VAULT_ACTION:
        assert allows(BUILT_IN[role.id], action, data=True) == allows(published, action, data=True), action
    control = (
        "Microsoft.Authorization/roleAssignments/write",
        *(f"Microsoft.KeyVault/vaults/{name}" for name in ("write", "delete", "accessPolicies/write")),
        *(f"Microsoft.KeyVault/managedHSMs/{name}" for name in ("write", "delete")),
    )
    for action in control:
        assert allows(BUILT_IN[role.id], action, data=False) == allows(published, action, data=False), action


def test_what_one_permission_leaves_out_another_may_give():
    keys = "Microsoft.KeyVault/vaults/keys/"
    without = _role(f"{keys}*", not_data=f"{keys}decrypt/action")
    assert not allows(without, f"{keys}decrypt/action", data=True)
    assert allows((*without, *_role(f"{keys}decrypt/action")), f"{keys}decrypt/action", data=True)
    assert allows(_role(f"{keys}DECRYPT/Action"), f"{keys}decrypt/action", data=True), "case makes no difference"
    assert not allows(_role(actions="*"), f"{keys}decrypt/action", data=True), "control is not use"


@pytest.mark.parametrize(
    ("data", "keys", "secrets"),
    [
        ("*", True, True),
        ("Microsoft.KeyVault/vaults/*", True, True),
        ("Microsoft.KeyVault/vaults/keys/* Microsoft.KeyVault/vaults/keyrotationpolicies/*", True, False),
        ("Microsoft.KeyVault/vaults/keys/*", False, False),
        ("Microsoft.KeyVault/vaults/secrets/*", False, True),
    ],
)
def test_everything_is_told_of_keys_and_of_secrets(data, keys, secrets):
    assert permits_all(_role(data), VAULT_KEYS.data) is keys
    assert permits_all(_role(data), VAULT_SECRETS.data) is secrets


def test_access_policies():
    assert policy_capabilities(["Get", "List", "wrapKey"], POLICY_KEYS) == [USE]
    assert policy_capabilities(["all"], POLICY_SECRETS) == [ADMINISTER, USE, DECRYPT]
    assert policy_capabilities(None, POLICY_KEYS) == []
    assert policy_permits_all(["all"], POLICY_KEYS)
    everything = [name for names in POLICY_KEYS.values() for name in names]
    assert policy_permits_all(everything, POLICY_KEYS)
    assert not policy_permits_all(everything[1:], POLICY_KEYS)


@pytest.mark.parametrize(
    ("scope", "place", "level"),
    [
        ("/", "", "root"),
        ("/providers/Microsoft.Management/managementGroups/all", "", "management group"),
        ("/subscriptions/S", "", "subscription"),
        ("/subscriptions/s/resourcegroups/G/", "", "resource group"),
        (VAULT.upper(), "", "vault"),
        (f"{VAULT}/keys/K", "keys/K", "key"),
        (f"{VAULT}/secrets/s", "secrets/s", "secret"),
        (f"{VAULT}2", None, "vault"),
        ("/subscriptions/s2", None, "subscription"),
        ("/subscriptions/s/resourceGroups/g2", None, "resource group"),
    ],
)
def test_where_an_assignment_stands(scope, place, level):
    found = placed(scope, VAULT)
    assert (found if found is None else found.lower()) == (place if place is None else place.lower())
    assert granted_at(scope) == level


@given(st.text(max_size=60))
def test_no_scope_breaks_it(scope):
    placed(scope, VAULT)
    granted_at(scope)
