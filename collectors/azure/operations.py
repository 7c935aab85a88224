"""What is asked of Azure, which facts come of it, and which facts Azure does not offer."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.declaration import ServiceDeclaration, all_not_offered, all_operations, declare, facts, whole
from collectors.tags import TAG_FACTS
from evidence.operation import Operation

_POLICY_FACTS = "public external_accounts wildcard_access"
_ROTATION_FACTS = "rotation_enabled rotation_period_days rotation_next_at"
_HISTORY_FACTS = "rotations last_rotated_at"
_KEY_DESCRIBED = f"""name aliases description account region key_store manager managed_by usages key_type algorithm
    parameter_set bits security_bits pq_category mechanisms protection_level state created_at updated_at activated_at
    expires_at expiry_settable suspended_at rotatable rotatable_reason deletion_window_set deletion_window_days
    recovery_level deletion_requested_at deletion_at extractable never_extractable key_settings release_policy
    attestation access_reasons {TAG_FACTS}"""
_KEY_SIZE = "parameter_set bits security_bits pq_category mechanisms"
"""What follows from the size of a symmetric key, which Resource Manager alone tells."""
_VERSION_FACTS = """key state created_at superseded_at cause expires_at destroyed_at algorithm protection_level
    external_key attestation"""
_SECRET_LISTED = f"""name kind content_type description account region key_store managed_by manager state expires_at
    expiry_settable rotatable {_ROTATION_FACTS} rotation_schedule rotation_result deletion_window_set
    deletion_window_days keys key_settable {TAG_FACTS}"""
_CERTIFICATE_LISTED = f"""name account region key_store manager state fingerprint activated_at expires_at created_at
    {TAG_FACTS}"""
_CERTIFICATE_DESCRIBED = """key subject issuer authority publicly_trusted algorithm bits security_bits renewal_enabled
    renewal_days exportable"""
_STORE_FACTS = """kind name account region protection_level validation validation_standard soft_delete
    purge_protection recovery_days backed_by kek_security_bits kek_apart network_public private_endpoints access_model
    activated state deletion_at store_settings"""
_LOGGING = "logging_enabled logging_targets logging_retention_days"

_CREDENTIAL_FACTS = """name kind account principal of_root manager state created_at last_rotated_at expires_at
    reminder_days services_restricted clients_restricted"""

_VAULT_ACCESS = (*facts("key", f"{_POLICY_FACTS} account_delegated"), *facts("secret", _POLICY_FACTS))
_ACCESS_ROWS = ("access.*", *whole("access"))

TENANT = (
    Operation(
        name="arm:Subscriptions_List",
        paged=True,
        facts=("scope.*", *facts("scope", "account listed")),
        permission="Microsoft.Resources/subscriptions/read",
        why="Every subscription that the credential sees",
    ),
)
"""Asked in the scope of a tenant, where all subscriptions are read."""

SUBSCRIPTION = (
    Operation(
        name="arm:Subscriptions_Get",
        facts=facts("scope", "account_name identity"),
        permission="Microsoft.Resources/subscriptions/read",
        why="The subscription's name, so that people recognize it",
    ),
    Operation(
        name="arm:Vaults_ListBySubscription",
        paged=True,
        facts=("scope.*", "scope.listed"),
        permission="Microsoft.KeyVault/vaults/read",
        why="Every vault of the subscription",
    ),
    Operation(
        name="arm:Vaults_ListDeleted",
        paged=True,
        facts=("key_store.*", *facts("key_store", _STORE_FACTS), "scope.listed"),
        permission="Microsoft.KeyVault/deletedVaults/read",
        why="Vaults that have been deleted and can be brought back",
    ),
    Operation(
        name="arm:ManagedHsms_ListBySubscription",
        paged=True,
        facts=("scope.*", "scope.listed"),
        permission="Microsoft.KeyVault/managedHSMs/read",
        why="Every managed HSM of the subscription",
    ),
    Operation(
        name="arm:ManagedHsms_ListDeleted",
        paged=True,
        facts=("key_store.*", *facts("key_store", _STORE_FACTS), "scope.listed"),
        permission="Microsoft.KeyVault/deletedManagedHsms/read",
        why="Managed HSMs that have been deleted and can be brought back",
    ),
)
"""Asked in the scope of a subscription."""

_DIAGNOSTICS = (
    Operation(
        name="arm:DiagnosticSettings_List",
        facts=facts("key_store", _LOGGING),
        permission="Microsoft.Insights/diagnosticSettings/read",
        why="Whether operations on keys and secrets are logged, and where the log goes",
    ),
    Operation(
        name="arm:Workspaces_Get",
        facts=facts("key_store", "logging_retention_days"),
        permission="Microsoft.OperationalInsights/workspaces/read",
        why="For how many days a workspace that takes the log keeps it",
    ),
)

_ASSIGNMENTS = Operation(
    name="arm:RoleAssignments_ListForScope",
    paged=True,
    facts=(*_VAULT_ACCESS, *_ACCESS_ROWS),
    permission="Microsoft.Authorization/roleAssignments/read",
    why="Which roles are assigned on the store, on its keys and secrets, and above it",
)
_DEFINITIONS = Operation(
    name="arm:RoleDefinitions_Get",
    facts=(*_VAULT_ACCESS, *_ACCESS_ROWS),
    permission="Microsoft.Authorization/roleDefinitions/read",
    why="What an assigned role allows, where it is none of the built-in roles that are known",
)

_KEYS = (
    Operation(
        name="keys:GetKeys",
        paged=True,
        facts=(
            "key.*",
            *facts("key", f"{_KEY_DESCRIBED} {_ROTATION_FACTS} {_HISTORY_FACTS}"),
            *facts("key", f"{_POLICY_FACTS} account_delegated"),
            "key_version.*",
            *facts("key_version", _VERSION_FACTS),
            "scope.listed",
        ),
        permission="Microsoft.KeyVault/vaults/keys/read",
        why="Every key, and whether a certificate manages it",
    ),
    Operation(
        name="keys:GetKey",
        facts=(*facts("key", _KEY_DESCRIBED), *facts("key", _ROTATION_FACTS), *facts("key_version", _VERSION_FACTS)),
        permission="Microsoft.KeyVault/vaults/keys/read",
        why="What a key is: type, size or curve, operations, dates, release policy and tags; its public half only",
    ),
    Operation(
        name="keys:GetKeyVersions",
        paged=True,
        facts=(
            *facts("key", f"{_HISTORY_FACTS} created_at activated_at {_ROTATION_FACTS}"),
            "key_version.*",
            *facts("key_version", _VERSION_FACTS),
        ),
        permission="Microsoft.KeyVault/vaults/keys/read",
        why="When a key was in fact rotated, whatever rotated it",
    ),
    Operation(
        name="keys:GetKeyRotationPolicy",
        facts=facts("key", _ROTATION_FACTS),
        permission="Microsoft.KeyVault/vaults/keyrotationpolicies/read",
        why="Whether a key rotates by itself, and how often",
    ),
    Operation(
        name="keys:GetDeletedKeys",
        paged=True,
        facts=(
            "key.*",
            *facts("key", f"{_KEY_DESCRIBED} {_ROTATION_FACTS} {_POLICY_FACTS} account_delegated"),
            "key_version.*",
            "scope.listed",
        ),
        permission="Microsoft.KeyVault/vaults/keys/read",
        why="Keys that have been deleted and can be brought back, and when they will be gone",
    ),
    Operation(
        name="keys:GetDeletedKey",
        facts=facts("key", _KEY_DESCRIBED),
        permission="Microsoft.KeyVault/vaults/keys/read",
        why="What a deleted key is",
    ),
)


def _keys_by_manager(group: str, permission: str) -> tuple[Operation, ...]:
    """Resource Manager's operations on keys, which stand in for a data plane that refuses."""
    return (
        Operation(
            name=f"arm:{group}_List",
            paged=True,
            facts=("key.*", "key_version.*", "scope.listed"),
            permission=f"{permission}/read",
            why="Every key, where the data plane refuses to list them, as behind a firewall",
        ),
        Operation(
            name=f"arm:{group}_Get",
            facts=(*facts("key", f"{_KEY_DESCRIBED} {_ROTATION_FACTS}"), *facts("key_version", _VERSION_FACTS)),
            permission=f"{permission}/read",
            why="What a key is and how it rotates, where the data plane refuses to tell",
        ),
        Operation(
            name=f"arm:{group}_ListVersions",
            paged=True,
            facts=(
                *facts("key", f"{_HISTORY_FACTS} created_at activated_at {_ROTATION_FACTS}"),
                "key_version.*",
                *facts("key_version", _VERSION_FACTS),
            ),
            permission=f"{permission}/versions/read",
            why="The versions of a key, where the data plane refuses to list them",
        ),
    )


VAULT = (
    Operation(
        name="arm:Vaults_Get",
        facts=(
            "key_store.*",
            *facts("key_store", _STORE_FACTS),
            *facts("key", "deletion_window_days deletion_window_set"),
            *facts("secret", "deletion_window_days deletion_window_set"),
            *_VAULT_ACCESS,
            *_ACCESS_ROWS,
        ),
        permission="Microsoft.KeyVault/vaults/read",
        why="What the vault is: protection, soft delete, network, permission model and access policies",
    ),
    *_DIAGNOSTICS,
    _ASSIGNMENTS,
    _DEFINITIONS,
    *_KEYS,
    *_keys_by_manager("Keys", "Microsoft.KeyVault/vaults/keys"),
    Operation(
        name="secrets:GetSecrets",
        paged=True,
        facts=(
            "secret.*",
            *facts("secret", f"{_SECRET_LISTED} created_at last_rotated_at {_POLICY_FACTS}"),
            "scope.listed",
        ),
        permission="Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        why="Every secret's properties; never its value",
    ),
    Operation(
        name="secrets:GetSecretVersions",
        paged=True,
        facts=facts("secret", "created_at last_rotated_at"),
        permission="Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        why="When the value of a secret was changed; never the value",
    ),
    Operation(
        name="secrets:GetDeletedSecrets",
        paged=True,
        facts=("secret.*", *facts("secret", f"{_SECRET_LISTED} {_POLICY_FACTS}"), "scope.listed"),
        permission="Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        why="Secrets that have been deleted and can be brought back",
    ),
    Operation(
        name="arm:Secrets_List",
        paged=True,
        facts=("secret.*", "scope.listed"),
        permission="Microsoft.KeyVault/vaults/secrets/read",
        why="Every secret's properties, where the data plane refuses to list them; never a value",
    ),
    Operation(
        name="certificates:GetCertificates",
        paged=True,
        facts=(
            "certificate.*",
            *facts("certificate", f"{_CERTIFICATE_LISTED} {_CERTIFICATE_DESCRIBED} versions"),
            "scope.listed",
        ),
        permission="Microsoft.KeyVault/vaults/certificates/read",
        why="Every certificate and how long it is valid",
    ),
    Operation(
        name="certificates:GetCertificate",
        facts=facts("certificate", _CERTIFICATE_DESCRIBED),
        permission="Microsoft.KeyVault/vaults/certificates/read",
        why="Subject, issuer, key and lifetime actions of a certificate",
    ),
    Operation(
        name="certificates:GetCertificateVersions",
        paged=True,
        facts=facts("certificate", "versions created_at"),
        permission="Microsoft.KeyVault/vaults/certificates/read",
        why="How often a certificate was renewed",
    ),
    Operation(
        name="certificates:GetDeletedCertificates",
        paged=True,
        facts=("certificate.*", *facts("certificate", _CERTIFICATE_LISTED), "scope.listed"),
        permission="Microsoft.KeyVault/vaults/certificates/read",
        why="Certificates that have been deleted and can be brought back",
    ),
)
"""Asked in the scope of a vault."""

MANAGED_HSM = (
    Operation(
        name="arm:ManagedHsms_Get",
        facts=(
            "key_store.*",
            *facts("key_store", _STORE_FACTS),
            *facts("key", "deletion_window_days deletion_window_set"),
            *_ACCESS_ROWS,
        ),
        permission="Microsoft.KeyVault/managedHSMs/read",
        why="What the managed HSM is: security domain, soft delete, network",
    ),
    Operation(
        name="arm:MHSMRegions_ListByResource",
        paged=True,
        facts=(*facts("key_store", "regions"), *facts("key", "regions")),
        permission="Microsoft.KeyVault/managedHSMs/regions/read",
        why="The regions to which the managed HSM is replicated",
    ),
    *_DIAGNOSTICS,
    _ASSIGNMENTS,
    _DEFINITIONS,
    Operation(
        name="administration:RoleAssignments_ListForScope",
        paged=True,
        facts=(*facts("key", f"{_POLICY_FACTS} account_delegated"), *_ACCESS_ROWS),
        permission="Microsoft.KeyVault/managedHsm/roleAssignments/read/action",
        why="Which local roles are assigned on the managed HSM and its keys",
    ),
    Operation(
        name="administration:RoleDefinitions_List",
        paged=True,
        facts=(*facts("key", _POLICY_FACTS), *_ACCESS_ROWS),
        permission="Microsoft.KeyVault/managedHsm/roleDefinitions/read/action",
        why="What the local roles allow",
    ),
    Operation(
        name="administration:GetEkmConnection",
        facts=("key_store.*", *facts("key_store", "connection_state")),
        permission="Microsoft.KeyVault/managedHsm/ekm/read",
        why="Whether the managed HSM uses keys of a key manager outside Azure, and of which",
    ),
    *_KEYS,
    Operation(
        name="keys:GetKeyAttestation",
        facts=(*facts("key", _KEY_DESCRIBED), *facts("key", _ROTATION_FACTS), *facts("key_version", _VERSION_FACTS)),
        permission="Microsoft.KeyVault/managedHsm/keys/read/action",
        why="What a key of a managed HSM is, and how the HSM vouches for it",
    ),
    *_keys_by_manager("ManagedHsmKeys", "Microsoft.KeyVault/managedHSMs/keys"),
    # The last: why a key itself was not read is the nearer reason.
    Operation(
        name="administration:GetSettings",
        facts=(*facts("key_store", "store_settings"), *facts("key", _KEY_SIZE)),
        permission="Microsoft.KeyVault/managedHsm/settings/read/action",
        why="Settings of the managed HSM: whether Resource Manager may manage its keys, and alone tells some sizes",
    ),
)
"""Asked in the scope of a managed HSM."""

STORAGE = (
    Operation(
        name="arm:StorageAccounts_List",
        paged=True,
        facts=(
            *("credential.*", *facts("credential", _CREDENTIAL_FACTS)),
            *("protected_resource.*", *whole("protected_resource")),
            "scope.listed",
        ),
        permission="Microsoft.Storage/storageAccounts/read",
        why="Every storage account: when its keys were made, whether they are taken, and what encrypts it; never a key",
    ),
)
"""Asked in the scope of a subscription's storage accounts."""

_NOT_LOGGED_USE = "the Key Vault API does not tell when a key was used; the audit log does"
_KEYS_NOT_OFFERED = {
    "key.mechanisms": "the algorithms follow from type, size and operations, which the API does not all tell",
    "key.updated_at": "Resource Manager does not tell when a key was last changed",
    "key.recovery_level": "Resource Manager does not tell the recovery level of every key",
    "key.origin": "the Key Vault API does not tell a generated key from an imported one",
    "key.suspended_at": "the Key Vault API does not tell since when a key is disabled",
    "key.used": _NOT_LOGGED_USE,
    "key.last_used_at": _NOT_LOGGED_USE,
    "key.usage_tracked_since": _NOT_LOGGED_USE,
    "key.protected_resources": "the Key Vault API does not tell what its keys protect",
    "key.bits": "the API does not tell the size of a symmetric key",
    "key.security_bits": "the API does not tell the size of a symmetric key",
    "key.pq_category": "the API does not tell the size of a symmetric key",
    "key_version.cause": "the Key Vault API does not tell what made a later version: a policy, a person or an import",
    "key_version.origin": "the Key Vault API does not tell a generated key from an imported one",
    "key_version.attestation": "attestations are given for the version in use",
    "key_store.logging_retention_days": "where the log goes elsewhere than to a workspace, that place decides",
    "key_store.validation_standard": "the Key Vault API does not state a FIPS 140 validation",
    "key_store.kek_security_bits": "the Key Vault API does not tell what encrypts the keys of a store",
    "key_store.kek_apart": "the Key Vault API does not tell what encrypts the keys of a store",
}

VAULT_NOT_OFFERED = {
    **_KEYS_NOT_OFFERED,
    "key.attestation": "Key Vault gives attestations for keys of managed HSMs",
    "key.extractable": "whether the key of a certificate can be exported stands in the certificate's policy",
    "key.never_extractable": "whether the key of a certificate can be exported stands in the certificate's policy",
    "key.regions": "Key Vault does not tell to which paired region it copies a vault",
    "key_store.regions": "Key Vault does not tell to which paired region it copies a vault",
    "key_store.protection_level": "a premium vault holds keys in software and in HSMs; each key tells its own",
    "secret.regions": "Key Vault does not tell to which paired region it copies a vault",
    "secret.used": "the Key Vault API does not tell when a secret was read; the audit log does",
    "secret.last_used_at": "the Key Vault API does not tell when a secret was read; the audit log does",
    "secret.created_at": "Key Vault does not list the versions of a deleted secret",
    "secret.last_rotated_at": "Key Vault does not list the versions of a deleted secret",
    "certificate.publicly_trusted": "neither the certificate nor its policy shows whether browsers trust its issuer",
    "certificate.authority": "the certificate's extensions cannot be read",
    **dict.fromkeys(
        facts("certificate", "algorithm bits security_bits"),
        "the certificate's key is of a kind that is not known here",
    ),
}
"""Facts of the scopes of vaults that Azure does not tell for every key, secret or store."""

MANAGED_HSM_NOT_OFFERED = {
    **_KEYS_NOT_OFFERED,
    "key_store.connection_state": "the Managed HSM API does not tell whether an external key manager answers",
}
"""Facts of the scopes of managed HSMs that Azure does not tell for every key."""

STORAGE_NOT_OFFERED = {
    **dict.fromkeys(
        facts("credential", "used last_used_at"),
        "Azure Storage does not tell when a key of an account was used; its log does",
    ),
    "credential.last_rotated_at": "Azure does not tell the age of keys that are older than its record of that",
    "credential.clients_restricted": "a network security perimeter decides who reaches the account, and is not read",
}
"""Facts that are not told of every storage account."""

EKM_NOT_OFFERED = dict.fromkeys(
    facts(
        "key_store",
        f"network_public {_LOGGING} private_endpoints activated connection_state regions validation_standard "
        "kek_security_bits kek_apart",
    ),
    "what is outside Azure is its operator's to state",
)
"""Facts that are not told of an external key manager; they come on top of those of its scope."""

DELETED_KEY_NOT_OFFERED = dict.fromkeys(
    facts("key", f"{_HISTORY_FACTS} created_at activated_at attestation"),
    "Key Vault tells neither versions nor attestation of a deleted key",
)
"""Facts that a deleted key does not have; they come on top of those of its scope."""

DELETED_CERTIFICATE_NOT_OFFERED = dict.fromkeys(
    facts("certificate", f"{_CERTIFICATE_DESCRIBED} versions created_at"),
    "a deleted certificate is listed, and no more is told",
)
"""Facts that are not told of a deleted certificate; they come on top of those of its scope."""

PENDING_CERTIFICATE_NOT_OFFERED = dict.fromkeys(
    facts("certificate", "subject authority publicly_trusted algorithm bits security_bits"),
    "Key Vault has no certificate yet, and its policy says what is asked for",
)
"""Facts that are not told of a certificate that was not issued; they come on top of those of its scope."""

DELETED_STORE_NOT_OFFERED = dict.fromkeys(
    facts("key_store", f"{_STORE_FACTS} {_LOGGING} regions connection_state"),
    "Azure tells of a deleted store when it was deleted and when it will be gone, and no more",
)
"""Facts that are not told of a deleted vault or managed HSM."""

SERVICES: Mapping[str, ServiceDeclaration] = {
    "tenant": declare(TENANT, {}),
    "subscription": declare(SUBSCRIPTION, {}),
    "vault": declare(VAULT, VAULT_NOT_OFFERED),
    "managedhsm": declare(MANAGED_HSM, MANAGED_HSM_NOT_OFFERED),
    "storage": declare(STORAGE, STORAGE_NOT_OFFERED),
}
"""By the `service` of a scope."""

OPERATIONS = all_operations(SERVICES)
"""Every operation that may be called, by name."""

NOT_OFFERED = all_not_offered(SERVICES)
"""`table.column` → why Azure has no such fact, over all services."""
