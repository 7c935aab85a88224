"""What roles of Azure and Managed HSM, and permissions of access policies, let a principal do with keys and secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from collectors.azure.answers import Permission
from collectors.wildcards import matches
from evidence.model import Capability


@dataclass(frozen=True, slots=True)
class Duties:
    """The actions of one kind of thing, by what whoever is allowed them may do."""

    data: Mapping[Capability, tuple[str, ...]]
    """Actions on the thing itself."""
    control: Mapping[Capability, tuple[str, ...]]
    """Actions on the store that holds it, in Resource Manager."""


def _actions(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(prefix + name for name in names.split())


_VAULTS = "Microsoft.KeyVault/vaults/"
_HSM = "Microsoft.KeyVault/managedHsm/"
_ASSIGN = "Microsoft.Authorization/roleAssignments/write"

_ADMINISTER_VAULT = {Capability.ADMINISTER: _actions(_VAULTS, "write delete")}

VAULT_KEYS = Duties(
    {
        Capability.ADMINISTER: _actions(
            _VAULTS,
            """keys/update/action keys/create/action keys/import/action keys/recover/action keys/restore/action
            keys/delete keys/purge/action keys/rotate/action keyrotationpolicies/write""",
        ),
        Capability.USE: _actions(_VAULTS, "keys/encrypt/action keys/wrap/action keys/sign/action keys/verify/action"),
        Capability.DECRYPT: _actions(_VAULTS, "keys/decrypt/action keys/unwrap/action keys/release/action"),
    },
    _ADMINISTER_VAULT,
)
"""To administer a key is to change its state, material, dates or life.

Source: Azure's "Azure permissions for Security", Microsoft.KeyVault.
"""

VAULT_SECRETS = Duties(
    {
        Capability.ADMINISTER: _actions(
            _VAULTS,
            """secrets/update/action secrets/recover/action secrets/restore/action secrets/purge/action
            secrets/delete""",
        ),
        Capability.USE: _actions(_VAULTS, "secrets/setSecret/action"),
        Capability.DECRYPT: _actions(_VAULTS, "secrets/getSecret/action"),
    },
    _ADMINISTER_VAULT,
)
"""To use a secret without reading it is to give it a new value."""

HSM_KEYS = Duties(
    {
        Capability.ADMINISTER: _actions(
            _HSM,
            """keys/write/action keys/create keys/delete keys/rotate/action keys/import/action keys/restore/action
            keys/deletedKeys/recover/action keys/deletedKeys/delete""",
        ),
        Capability.USE: _actions(_HSM, "keys/encrypt/action keys/wrap/action keys/sign/action keys/verify/action"),
        Capability.DECRYPT: _actions(
            _HSM, "keys/decrypt/action keys/unwrap/action keys/release/action keys/export/action"
        ),
        Capability.GRANT: _actions(_HSM, "roleAssignments/write/action"),
    },
    {Capability.ADMINISTER: _actions("Microsoft.KeyVault/managedHSMs/", "write delete")},
)
"""Source: Azure's "Managed HSM local RBAC built-in roles"."""

GRANTS_BY_ROLES = (_ASSIGN,)
"""Actions that give others access to a vault whose access goes by roles."""

GRANTS_BY_POLICIES = _actions(_VAULTS, "write accessPolicies/write")
"""The same for a vault whose access goes by access policies: whoever may write the vault may write its policies."""


def allows(permissions: Iterable[Permission], action: str, *, data: bool) -> bool:
    """Whether a role of these permissions allows an action. What one of them leaves out, another may give."""
    return any(_allows(permission, action, data=data) for permission in permissions)


def _allows(permission: Permission, action: str, *, data: bool) -> bool:
    given = (permission.dataActions if data else permission.actions) or ()
    left_out = (permission.notDataActions if data else permission.notActions) or ()
    return any(_matches(p, action) for p in given) and not any(_matches(p, action) for p in left_out)


@lru_cache(maxsize=8192)
def _matches(pattern: str, action: str) -> bool:
    return matches(pattern.lower(), action.lower())


def permits_all(permissions: Iterable[Permission], duties: Mapping[Capability, tuple[str, ...]]) -> bool:
    """A role of these permissions allows every one of these data actions."""
    permissions = tuple(permissions)
    return all(allows(permissions, action, data=True) for actions in duties.values() for action in actions)


def role_id(definition: str) -> str:
    """The GUID by which a role is known everywhere."""
    return definition.rpartition("/")[2].lower()


def _role(data: str = "", actions: str = "", not_actions: str = "", prefix: str = _VAULTS) -> tuple[Permission, ...]:
    return (
        Permission(
            actions=actions.split(),
            notActions=not_actions.split(),
            dataActions=[prefix + name for name in data.split()],
        ),
    )


_READ_VAULTS = "Microsoft.KeyVault/vaults/*/read"

BUILT_IN: Mapping[str, tuple[Permission, ...]] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": _role(actions="*"),
    "b24988ac-6180-42a0-ab88-20f7382dd24c": _role(
        actions="*",
        not_actions="""Microsoft.Authorization/*/Delete Microsoft.Authorization/*/Write
        Microsoft.Authorization/elevateAccess/Action""",
    ),
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": _role(actions="*/read"),
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": _role(actions="*/read Microsoft.Authorization/*"),
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": _role(
        actions="Microsoft.Authorization/roleAssignments/write Microsoft.Authorization/roleAssignments/delete */read"
    ),
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": _role("*", _READ_VAULTS),
    "a4417e6f-fecd-4de8-b567-7b0420556985": _role(
        "certificatecas/* certificates/* certificatecontacts/write", _READ_VAULTS
    ),
    "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba": _role("certificates/read secrets/getSecret/action keys/read"),
    "f25e0fa2-a7c8-4377-a976-54943a77a395": _role(
        actions="Microsoft.KeyVault/*",
        not_actions="""Microsoft.KeyVault/locations/deletedVaults/purge/action Microsoft.KeyVault/hsmPools/*
        Microsoft.KeyVault/managedHsms/*""",
    ),
    "14b46e9e-c2b7-41b4-b07b-48a6ebf60603": _role("keys/* keyrotationpolicies/*", _READ_VAULTS),
    "e147488a-f6f5-4113-8e2d-b22465e65bf6": _role("keys/read keys/wrap/action keys/unwrap/action"),
    "08bbd89e-9f13-488c-ac41-acfcb10c90ab": _role("keys/release/action"),
    "12338af0-0e69-4776-bea7-57ae8d297424": _role(
        """keys/read keys/update/action keys/backup/action keys/encrypt/action keys/decrypt/action keys/wrap/action
        keys/unwrap/action keys/sign/action keys/verify/action"""
    ),
    "8b54135c-b56d-4d72-a534-26097cfdc8d8": _role(
        actions=f"{_ASSIGN} Microsoft.Authorization/roleAssignments/delete {_READ_VAULTS}"
    ),
    "a68e7c17-0ab2-4c09-9a58-125dae29748c": _role(
        actions="Microsoft.KeyVault/locations/deletedVaults/purge/action Microsoft.KeyVault/deletedVaults/read"
    ),
    "21090545-7ca7-4776-b22c-e363652d74d2": _role("*/read secrets/readMetadata/action", _READ_VAULTS),
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": _role("secrets/*", _READ_VAULTS),
    "4633458b-17de-408a-b874-0445c86b69e6": _role("secrets/getSecret/action secrets/readMetadata/action"),
}
"""Owner, Contributor, Reader, User Access Administrator, Role Based Access Control Administrator and the roles of Key
Vault: the permissions that concern vaults, by the role's id. Every other role is asked for.

Source: Azure's "Azure built-in roles", Privileged, General and Security.
"""


POLICY_KEYS: Mapping[Capability, frozenset[str]] = {
    Capability.ADMINISTER: frozenset(
        ["update", "create", "import", "recover", "restore", "delete", "purge", "rotate", "setrotationpolicy"]
    ),
    Capability.USE: frozenset(["encrypt", "wrapkey", "sign", "verify"]),
    Capability.DECRYPT: frozenset(["decrypt", "unwrapkey", "release"]),
}
POLICY_SECRETS: Mapping[Capability, frozenset[str]] = {
    Capability.ADMINISTER: frozenset(["recover", "restore", "delete", "purge"]),
    Capability.USE: frozenset(["set"]),
    Capability.DECRYPT: frozenset(["get"]),
}
"""The permissions of access policies, in lower case. Source: Azure's "Assign a Key Vault access policy"."""

_EVERYTHING = "all"


def policy_capabilities(
    permissions: Iterable[str] | None, duties: Mapping[Capability, frozenset[str]]
) -> list[Capability]:
    """What these permissions of an access policy let a principal do."""
    given = {permission.lower() for permission in permissions or ()}
    return [capability for capability, names in duties.items() if _EVERYTHING in given or names & given]


def policy_permits_all(permissions: Iterable[str] | None, duties: Mapping[Capability, frozenset[str]]) -> bool:
    """These permissions of an access policy are all that there are."""
    given = {permission.lower() for permission in permissions or ()}
    return _EVERYTHING in given or frozenset().union(*duties.values()) <= given


_THINGS = {
    "vaults": "vault",
    "managedhsms": "managed HSM",
    "keys": "key",
    "secrets": "secret",
    "certificates": "certificate",
}


def placed(scope: str, resource: str) -> str | None:
    """Where an assignment of that scope stands, seen from a vault or managed HSM; None where it does not concern it.

    "" is the store or above it; `keys/NAME` or `secrets/NAME` a thing in it.
    """
    outer, store = scope.rstrip("/").lower(), resource.rstrip("/").lower()
    if outer.startswith("/providers/microsoft.management/managementgroups/") or outer == "":
        return ""
    if store == outer or store.startswith(f"{outer}/"):
        return ""
    return outer.removeprefix(f"{store}/") if outer.startswith(f"{store}/") else None


def granted_at(scope: str) -> str:
    """The level of Azure's hierarchy at which a role is assigned, in words."""
    parts = scope.strip("/").lower().split("/")
    if parts == [""]:
        return "root"
    if parts[0] == "providers":
        return "management group"
    if len(parts) >= 8:
        return _THINGS.get(parts[8] if len(parts) > 8 else parts[6], "resource")
    return "resource group" if len(parts) == 4 else "subscription"
