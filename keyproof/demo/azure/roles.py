"""Azure's built-in roles that matter to vaults, and those of a managed HSM's own role-based access control.

Ids and permissions are those of Microsoft's reference of Azure built-in roles (Security, General, Privileged) and of
"Local RBAC built-in roles for Managed HSM".
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role definition, whose names of actions may hold `*`."""

    id: str
    """A GUID, which is its name in paths."""
    name: str
    description: str = ""
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    custom: bool = False
    scopes: tuple[str, ...] = field(default=("/",))
    """Where it can be assigned."""


_RBAC_ONLY = "Only works for key vaults that use the 'Azure role-based access control' permission model."
_READING = (
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
    "Microsoft.KeyVault/checkNameAvailability/read",
    "Microsoft.KeyVault/deletedVaults/read",
    "Microsoft.KeyVault/locations/*/read",
    "Microsoft.KeyVault/vaults/*/read",
    "Microsoft.KeyVault/operations/read",
)
_KEYS = "Microsoft.KeyVault/vaults/keys"

BUILT_IN = (
    Role(
        id="8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        name="Owner",
        description="Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
        actions=("*",),
    ),
    Role(
        id="b24988ac-6180-42a0-ab88-20f7382dd24c",
        name="Contributor",
        description="Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC.",
        actions=("*",),
        not_actions=(
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
            "Microsoft.Purview/consents/write",
            "Microsoft.Purview/consents/delete",
        ),
    ),
    Role(
        id="acdd72a7-3385-48ef-bd42-f606fba81ae7",
        name="Reader",
        description="View all resources, but does not allow you to make any changes.",
        actions=("*/read",),
    ),
    Role(
        id="18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        name="User Access Administrator",
        description="Lets you manage user access to Azure resources.",
        actions=("*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"),
    ),
    Role(
        id="f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        name="Role Based Access Control Administrator",
        description="Manage access to Azure resources by assigning roles using Azure RBAC.",
        actions=(
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ),
    ),
    Role(
        id="18500a29-7fe2-46b2-a342-b16a415e101d",
        name="Managed HSM contributor",
        description="Lets you manage managed HSM pools, but not access to them.",
        actions=(
            "Microsoft.KeyVault/managedHSMs/*",
            "Microsoft.KeyVault/deletedManagedHsms/read",
            "Microsoft.KeyVault/locations/deletedManagedHsms/read",
            "Microsoft.KeyVault/locations/deletedManagedHsms/purge/action",
            "Microsoft.KeyVault/locations/managedHsmOperationResults/read",
        ),
    ),
    Role(
        id="f25e0fa2-a7c8-4377-a976-54943a77a395",
        name="Key Vault Contributor",
        description="Manage key vaults, but not their keys, secrets and certificates, nor roles in Azure RBAC.",
        actions=(
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.KeyVault/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
        ),
        not_actions=(
            "Microsoft.KeyVault/locations/deletedVaults/purge/action",
            "Microsoft.KeyVault/hsmPools/*",
            "Microsoft.KeyVault/managedHsms/*",
        ),
    ),
    Role(
        id="00482a5a-887f-4fb3-b363-3b7fe8e74483",
        name="Key Vault Administrator",
        description=f"All data plane operations on a key vault and all objects in it. {_RBAC_ONLY}",
        actions=_READING,
        data_actions=("Microsoft.KeyVault/vaults/*",),
    ),
    Role(
        id="21090545-7ca7-4776-b22c-e363652d74d2",
        name="Key Vault Reader",
        description=f"Read metadata of key vaults and its certificates, keys, and secrets. {_RBAC_ONLY}",
        actions=_READING,
        data_actions=("Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
    ),
    Role(
        id="14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
        name="Key Vault Crypto Officer",
        description=f"Perform any action on the keys of a key vault, except manage permissions. {_RBAC_ONLY}",
        actions=_READING,
        data_actions=(f"{_KEYS}/*", "Microsoft.KeyVault/vaults/keyrotationpolicies/*"),
    ),
    Role(
        id="12338af0-0e69-4776-bea7-57ae8d297424",
        name="Key Vault Crypto User",
        description=f"Perform cryptographic operations using keys. {_RBAC_ONLY}",
        data_actions=(
            f"{_KEYS}/read",
            f"{_KEYS}/update/action",
            f"{_KEYS}/backup/action",
            f"{_KEYS}/encrypt/action",
            f"{_KEYS}/decrypt/action",
            f"{_KEYS}/wrap/action",
            f"{_KEYS}/unwrap/action",
            f"{_KEYS}/sign/action",
            f"{_KEYS}/verify/action",
        ),
    ),
    Role(
        id="e147488a-f6f5-4113-8e2d-b22465e65bf6",
        name="Key Vault Crypto Service Encryption User",
        description=f"Read metadata of keys and perform wrap/unwrap operations. {_RBAC_ONLY}",
        actions=(
            "Microsoft.EventGrid/eventSubscriptions/write",
            "Microsoft.EventGrid/eventSubscriptions/read",
            "Microsoft.EventGrid/eventSubscriptions/delete",
        ),
        data_actions=(f"{_KEYS}/read", f"{_KEYS}/wrap/action", f"{_KEYS}/unwrap/action"),
    ),
    Role(
        id="08bbd89e-9f13-488c-ac41-acfcb10c90ab",
        name="Key Vault Crypto Service Release User",
        description=f"Release keys. {_RBAC_ONLY}",
        data_actions=(f"{_KEYS}/release/action",),
    ),
    Role(
        id="b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        name="Key Vault Secrets Officer",
        description=f"Perform any action on the secrets of a key vault, except manage permissions. {_RBAC_ONLY}",
        actions=_READING,
        data_actions=("Microsoft.KeyVault/vaults/secrets/*",),
    ),
    Role(
        id="4633458b-17de-408a-b874-0445c86b69e6",
        name="Key Vault Secrets User",
        description=f"Read secret contents. {_RBAC_ONLY}",
        data_actions=(
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ),
    ),
    Role(
        id="a4417e6f-fecd-4de8-b567-7b0420556985",
        name="Key Vault Certificates Officer",
        description=f"Perform any action on the certificates of a key vault, except manage permissions. {_RBAC_ONLY}",
        actions=_READING,
        data_actions=(
            "Microsoft.KeyVault/vaults/certificatecas/*",
            "Microsoft.KeyVault/vaults/certificates/*",
            "Microsoft.KeyVault/vaults/certificatecontacts/write",
        ),
    ),
    Role(
        id="db79e9a7-68ee-4b58-9aeb-b90e7c24fcba",
        name="Key Vault Certificate User",
        description=f"Read entire certificate contents including secret and key portion. {_RBAC_ONLY}",
        data_actions=(
            "Microsoft.KeyVault/vaults/certificates/read",
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            f"{_KEYS}/read",
        ),
    ),
    Role(
        id="8b54135c-b56d-4d72-a534-26097cfdc8d8",
        name="Key Vault Data Access Administrator",
        description="Manage access to Azure Key Vault by adding or removing role assignments for Key Vault roles.",
        actions=(
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "Microsoft.Authorization/*/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Resources/subscriptions/read",
            "Microsoft.Management/managementGroups/read",
            "Microsoft.Support/*",
            "Microsoft.KeyVault/vaults/*/read",
        ),
    ),
    Role(
        id="a68e7c17-0ab2-4c09-9a58-125dae29748c",
        name="Key Vault Purge Operator",
        description="Allows permanent deletion of soft-deleted vaults.",
        actions=(
            "Microsoft.KeyVault/deletedVaults/read",
            "Microsoft.KeyVault/locations/deletedVaults/read",
            "Microsoft.KeyVault/locations/deletedVaults/purge/action",
            "Microsoft.KeyVault/locations/operationResults/read",
        ),
    ),
)

_HSM = "Microsoft.KeyVault/managedHsm"
_HSM_ROLES = tuple(
    f"{_HSM}/{action}/action"
    for action in (
        "roleAssignments/delete",
        "roleAssignments/read",
        "roleAssignments/write",
        "roleDefinitions/read",
        "roleDefinitions/write",
        "roleDefinitions/delete",
    )
)
_HSM_USES = tuple(f"{_HSM}/keys/{use}/action" for use in ("encrypt", "decrypt", "wrap", "unwrap", "sign", "verify"))

LOCAL = (
    Role(
        id="a290e904-7015-4bba-90c8-60543313cdb4",
        name="Managed HSM Administrator",
        data_actions=(
            *_HSM_ROLES,
            f"{_HSM}/securitydomain/download/action",
            f"{_HSM}/securitydomain/download/read",
            f"{_HSM}/securitydomain/upload/action",
            f"{_HSM}/securitydomain/upload/read",
            f"{_HSM}/securitydomain/transferkey/read",
            f"{_HSM}/backup/start/action",
            f"{_HSM}/restore/start/action",
            f"{_HSM}/backup/status/action",
            f"{_HSM}/restore/status/action",
        ),
    ),
    Role(
        id="515eb02d-2335-4d2d-92f2-b1cbdf9c3778",
        name="Managed HSM Crypto Officer",
        data_actions=(
            *_HSM_ROLES,
            f"{_HSM}/keys/deletedKeys/read/action",
            f"{_HSM}/keys/deletedKeys/recover/action",
            f"{_HSM}/keys/deletedKeys/delete",
            f"{_HSM}/keys/export/action",
        ),
    ),
    Role(
        id="21dbd100-6940-42c2-9190-5d6cb909625b",
        name="Managed HSM Crypto User",
        data_actions=(
            f"{_HSM}/keys/read/action",
            f"{_HSM}/keys/write/action",
            f"{_HSM}/keys/backup/action",
            f"{_HSM}/keys/restore/action",
            f"{_HSM}/keys/create",
            f"{_HSM}/keys/delete",
            f"{_HSM}/keys/import/action",
            f"{_HSM}/keys/release/action",
            *_HSM_USES,
        ),
    ),
    Role(
        id="4bd23610-cdcf-4971-bdee-bdc562cc28e4",
        name="Managed HSM Policy Administrator",
        data_actions=_HSM_ROLES[:4],
    ),
    Role(
        id="2c18b078-7c48-4d3a-af88-5a3a1b3f82b3",
        name="Managed HSM Crypto Auditor",
        data_actions=(f"{_HSM}/keys/read/action", f"{_HSM}/keys/deletedKeys/read/action"),
    ),
    Role(
        id="33413926-3206-4cdd-b39a-83574fe37a17",
        name="Managed HSM Crypto Service Encryption User",
        data_actions=(f"{_HSM}/keys/read/action", f"{_HSM}/keys/wrap/action", f"{_HSM}/keys/unwrap/action"),
    ),
    Role(
        id="7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8",
        name="Managed HSM Backup",
        data_actions=(
            f"{_HSM}/backup/start/action",
            f"{_HSM}/backup/status/action",
            f"{_HSM}/keys/backup/action",
        ),
    ),
)


def built_in(name: str) -> Role:
    """The built-in role of that name, of Azure or of a managed HSM."""
    return next(role for role in (*BUILT_IN, *LOCAL) if role.name == name)
