"""What is asked of Google Cloud, which facts come of it, and which facts Google Cloud does not offer."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.declaration import ServiceDeclaration, all_not_offered, all_operations, declare, facts, whole
from collectors.tags import TAG_FACTS
from evidence.operation import Operation

_POLICY_FACTS = "public external_accounts wildcard_access"
_KEY_LISTED = f"""name aliases description account region key_store manager managed_by origin usages key_type
    algorithm parameter_set bits security_bits pq_category mechanisms protection_level created_at expires_at
    expiry_settable rotatable rotatable_reason rotation_enabled rotation_period_days rotation_next_at
    deletion_window_set deletion_window_days extractable never_extractable key_settings release_policy access_reasons
    account_delegated regions {TAG_FACTS}"""
_KEY_OF_VERSIONS = """state activated_at suspended_at rotations last_rotated_at rotatable rotatable_reason origin
    algorithm parameter_set bits security_bits pq_category mechanisms protection_level extractable never_extractable
    attestation deletion_requested_at deletion_at"""
_STORE_FACTS = """kind name account region validation soft_delete purge_protection recovery_days access_model activated
    state deletion_at regions connection_state"""
_SECRET_LISTED = f"""name kind content_type description account region key_store managed_by manager created_at rotatable
    rotation_enabled rotation_period_days rotation_schedule rotation_next_at expires_at expiry_settable
    deletion_window_set deletion_window_days keys key_settable regions {TAG_FACTS}"""
_SECRET_OF_VERSIONS = "state last_rotated_at rotation_result"  # noqa: S105 - names of columns
_CREDENTIAL_FACTS = """name kind account principal of_root manager state created_at last_rotated_at expires_at
    reminder_days services_restricted clients_restricted"""

_WHO_IS_OUTSIDE = (*facts("key", "external_accounts"), *facts("secret", "external_accounts"), "access.external")
_POLICY_OF_BOTH = (*facts("key", _POLICY_FACTS), *facts("secret", _POLICY_FACTS))
_ACCESS = ("access.*", *whole("access"))

_GET_PROJECT = Operation(
    name="resourcemanager:GetProject",
    facts=(
        *facts("scope", "account account_name"),
        *_WHO_IS_OUTSIDE,
        *_POLICY_OF_BOTH,
        "access.*",
        "protected_resource.account",
    ),
    permission="resourcemanager.projects.get",
    why="A project's name, and what it is part of: policies are inherited from there",
)
_GET_FOLDER = Operation(
    name="resourcemanager:GetFolder",
    facts=(*facts("scope", "account_name"), *_WHO_IS_OUTSIDE, *_POLICY_OF_BOTH, "access.*"),
    permission="resourcemanager.folders.get",
    why="What a folder is part of",
)
_GET_ORGANIZATION = Operation(
    name="resourcemanager:GetOrganization",
    facts=(*facts("scope", "account_name"), *_WHO_IS_OUTSIDE),
    permission="resourcemanager.organizations.get",
    why="The organization's domain, which tells an outside member from one of its own",
)
_LIST_FOLDERS = Operation(
    name="resourcemanager:ListFolders",
    paged=True,
    facts=("scope.*", *_WHO_IS_OUTSIDE),
    permission="resourcemanager.folders.list",
    why="The folders below, where Cloud Asset Inventory does not tell",
)
_LIST_PROJECTS = Operation(
    name="resourcemanager:ListProjects",
    paged=True,
    facts=("scope.*", *_WHO_IS_OUTSIDE, "protected_resource.account"),
    permission="resourcemanager.projects.list",
    why="The projects below, each of which is read, where Cloud Asset Inventory does not tell",
)
TELL_WHO_IS_OUTSIDE = tuple(
    operation.name for operation in (_GET_PROJECT, _GET_FOLDER, _GET_ORGANIZATION, _LIST_FOLDERS, _LIST_PROJECTS)
)
"""What is the organization's own follows from them, in the scope where they are asked."""

_INHERITED_POLICY = Operation(
    name="resourcemanager:GetIamPolicy",
    facts=(*_POLICY_OF_BOTH, *_ACCESS, "key_store.logging_enabled"),
    permission=(
        "resourcemanager.projects.getIamPolicy, resourcemanager.folders.getIamPolicy, "
        "resourcemanager.organizations.getIamPolicy"
    ),
    why="Who may administer and use keys and secrets by the policies of project, folders and organization",
)
_LIST_ASSETS = Operation(
    name="asset:ListAssets",
    paged=True,
    facts=(
        *("scope.listed", "key_store.*", "key.*", "key_version.*", "secret.*", *_ACCESS),
        *facts("key_store", f"{_STORE_FACTS} store_settings logging_enabled"),
        *facts("key", f"{_KEY_LISTED} {_KEY_OF_VERSIONS} {_POLICY_FACTS}"),
        *whole("key_version"),
        *facts("secret", f"{_SECRET_LISTED} {_SECRET_OF_VERSIONS} {_POLICY_FACTS}"),
        *("credential.*", *facts("credential", _CREDENTIAL_FACTS), "protected_resource.account"),
    ),
    permission="cloudasset.assets.listResource, cloudasset.assets.listIamPolicy",
    why="Every key, secret, version, policy and credential of an organization, folder or project, a thousand an answer",
)
_SEARCH_RESOURCES = Operation(
    name="asset:SearchAllResources",
    paged=True,
    facts=("protected_resource.*", *whole("protected_resource")),
    permission="cloudasset.assets.searchAllResources",
    why="Buckets, datasets and databases that Google's own keys encrypt, or keys elsewhere: no key that is read",
)
_LIST_VERSIONS = Operation(
    name="kms:ListCryptoKeyVersions",
    paged=True,
    facts=(
        *facts("key", _KEY_OF_VERSIONS),
        "key_version.*",
        *whole("key_version"),
    ),
    permission="cloudkms.cryptoKeyVersions.list",
    why="The versions of a key: state, algorithm, protection, dates, import and attestation",
)
_SUMMARY = Operation(
    name="kmsinventory:GetProtectedResourcesSummary",
    facts=("key.protected_resources", "protected_resource.*"),
    permission="cloudkms.protectedResources.search",
    why="How many resources a key protects",
)
_SEARCH = Operation(
    name="kmsinventory:SearchProtectedResources",
    paged=True,
    facts=("protected_resource.*", *whole("protected_resource")),
    permission="cloudkms.protectedResources.search",
    why="Which resources a key protects, where it protects any",
)
_KEY_HANDLES = Operation(
    name="autokey:ListKeyHandles",
    paged=True,
    facts=("key.managed_by", "key_store.store_settings"),
    permission="cloudkms.keyHandles.list",
    why="Which keys Autokey made, and for what",
)
_AUTOKEY = Operation(
    name="autokey:ShowEffectiveAutokeyConfig",
    facts=("key_store.store_settings",),
    permission="cloudkms.projects.showEffectiveAutokeyConfig",
    why="Where Autokey makes a project's keys",
)
_SECRET_VERSIONS = Operation(
    name="secretmanager:ListSecretVersions",
    paged=True,
    facts=facts("secret", _SECRET_OF_VERSIONS),
    permission="secretmanager.versions.list",
    why="When the versions of a secret were made, and their states; never their values",
)
_KEY_USAGE = (_LIST_VERSIONS, _SUMMARY, _SEARCH)

ROOT = (
    _GET_PROJECT,
    _GET_FOLDER,
    _GET_ORGANIZATION,
    _INHERITED_POLICY,
    _LIST_ASSETS,
    _SEARCH_RESOURCES,
    _LIST_FOLDERS,
    _LIST_PROJECTS,
    Operation(
        name="kms:ListLocations",
        paged=True,
        facts=("scope.*",),
        permission="cloudkms.locations.list",
        why="The locations in which a project can have keys",
    ),
    *_KEY_USAGE,
    _KEY_HANDLES,
    _AUTOKEY,
    _SECRET_VERSIONS,
)
"""Asked in the scope of an organization, a folder or a project, whose keys and secrets it holds where Cloud Asset
Inventory tells of them."""

KMS = (
    Operation(
        name="kms:ListKeyRings",
        paged=True,
        facts=("key_store.*", *facts("key_store", _STORE_FACTS), "key.*", "key_version.*", "access.*", "scope.listed"),
        permission="cloudkms.keyRings.list",
        why="Every key ring of the project and location",
    ),
    Operation(
        name="kms:ListEkmConnections",
        paged=True,
        facts=(
            *("key_store.*", "scope.listed"),
            *facts("key_store", f"{_STORE_FACTS} store_settings"),
            *facts("key", "rotatable rotatable_reason"),
        ),
        permission="cloudkms.ekmConnections.list",
        why="Connections to key managers outside Google Cloud",
    ),
    _INHERITED_POLICY,
    _KEY_HANDLES,
    _AUTOKEY,
    Operation(
        name="kms:ListCryptoKeys",
        paged=True,
        facts=("key.*", "key_version.*", "access.*", *facts("key", _KEY_LISTED), "scope.listed"),
        permission="cloudkms.cryptoKeys.list",
        why="Every key of a key ring, with its rotation, its template and its labels",
    ),
    Operation(
        name="kms:ListImportJobs",
        paged=True,
        facts=("key_store.store_settings",),
        permission="cloudkms.importJobs.list",
        why="How key material is brought into a key ring",
    ),
    *_KEY_USAGE,
    Operation(
        name="kms:GetIamPolicy",
        facts=(*facts("key", _POLICY_FACTS), *_ACCESS),
        permission="cloudkms.keyRings.getIamPolicy, cloudkms.cryptoKeys.getIamPolicy",
        why="Who may administer and use a key, or all keys of a key ring",
    ),
)
"""Asked in the scope of Cloud KMS in one project and location."""

SECRET_MANAGER = (
    Operation(
        name="secretmanager:ListSecrets",
        paged=True,
        facts=(
            "key_store.*",
            *facts("key_store", _STORE_FACTS),
            "secret.*",
            "access.*",
            *facts("secret", _SECRET_LISTED),
            "scope.listed",
        ),
        permission="secretmanager.secrets.list",
        why="Every secret of the project, with its rotation, replication and labels; never its value",
    ),
    _INHERITED_POLICY,
    _SECRET_VERSIONS,
    Operation(
        name="secretmanager:GetIamPolicy",
        facts=(*facts("secret", _POLICY_FACTS), *_ACCESS),
        permission="secretmanager.secrets.getIamPolicy",
        why="Who may read a secret",
    ),
)
"""Asked in the scope of Secret Manager in one project, or in one location of it."""

SERVICE_ACCOUNTS = (
    Operation(
        name="iam:ListServiceAccounts",
        paged=True,
        facts=("credential.*", "scope.listed"),
        permission="iam.serviceAccounts.list",
        why="The service accounts of a project, each of which may have keys",
    ),
    Operation(
        name="iam:ListServiceAccountKeys",
        facts=("credential.*", *facts("credential", _CREDENTIAL_FACTS), "scope.listed"),
        permission="iam.serviceAccountKeys.list",
        why="The keys of a service account: who manages them, their dates and states; never a private key",
    ),
)
"""Asked in the scope of IAM in one project."""

API_KEYS = (
    Operation(
        name="apikeys:ListKeys",
        paged=True,
        facts=("credential.*", *facts("credential", _CREDENTIAL_FACTS), "scope.listed"),
        permission="apikeys.keys.list",
        why="The API keys of a project, with what they are limited to; never their values",
    ),
)
"""Asked in the scope of API Keys in one project."""

_UNDECIDED = "a condition in the policy depends on more than the policy says"
_OUTSIDE = f"{_UNDECIDED}, or nothing tells whether a member is of the organization"
_UNKNOWN_IDENTITY = {"scope.identity": "the credentials do not tell whose they are"}

_ACCESS_NOT_OFFERED = {
    "access.external": "the member's name does not tell, or nothing tells which domains and projects are one's own",
    "access.public": _UNDECIDED,
}

_KEY_STORE_NOT_OFFERED = {
    "key_store.protection_level": "a key ring holds keys of any protection level; each key tells its own",
    "key_store.validation_standard": "the API does not state a FIPS 140 validation",
    "key_store.kek_security_bits": "the API does not tell what encrypts the keys of a store",
    "key_store.kek_apart": "the API does not tell what encrypts the keys of a store",
    "key_store.network_public": "the API does not tell whether VPC Service Controls fence it in",
    "key_store.logging_enabled": "members are exempted from the audit log, or only some of it is switched on",
    "key_store.logging_targets": "the API does not tell where the audit logs are routed",
    "key_store.logging_retention_days": "the API does not tell how long the audit logs are kept",
    "key_store.private_endpoints": "the API does not tell whether only private endpoints are used",
}

KMS_NOT_OFFERED = {
    **_UNKNOWN_IDENTITY,
    **_KEY_STORE_NOT_OFFERED,
    **_ACCESS_NOT_OFFERED,
    "key_store.activated": "only a test of its connection would tell whether an external key manager answers",
    "key_store.connection_state": "only a test of its connection would tell whether an external key manager answers",
    "key.suspended_at": "Cloud KMS does not tell since when a version is disabled",
    "key.updated_at": "Cloud KMS does not tell when a key was last changed",
    "key.used": "Cloud KMS does not tell when a key was used",
    "key.last_used_at": "Cloud KMS does not tell when a key was used",
    "key.usage_tracked_since": "Cloud KMS does not tell when a key was used",
    "key.deletion_requested_at": "Cloud KMS does not tell when the destruction of a destroyed version was asked for",
    "key.public": _UNDECIDED,
    "key.external_accounts": _OUTSIDE,
    "key.wildcard_access": _UNDECIDED,
    "key_version.cause": "Cloud KMS does not tell whether the schedule or a person made a version",
    "protected_resource.account": "Google does not tell the project of this resource",
    "protected_resource.region": "Google does not tell the location of this resource",
    "protected_resource.created_at": "Google does not tell when this resource was created",
}
"""Facts about keys that Google Cloud does not tell for every key."""

EXTERNAL_KEYS_NOT_OFFERED = {
    **dict.fromkeys(
        facts("key", "rotations last_rotated_at"), "Cloud KMS does not see rotations in an external key manager"
    ),
    **dict.fromkeys(
        (*facts("key", "algorithm parameter_set bits security_bits pq_category"), "key_version.algorithm"),
        "the algorithm of an external key is its key manager's to state",
    ),
    **dict.fromkeys(
        ("key.deletion_at", "key_version.destroyed_at", "key_version.superseded_at"),
        "Cloud KMS does not tell when an external key manager destroys its material",
    ),
    **dict.fromkeys(
        facts("key", "extractable never_extractable"),
        "whether a key outside Google Cloud can be extracted is its key manager's to state",
    ),
}
"""Facts that are not told of keys in external key managers; they come on top of `KMS_NOT_OFFERED`."""

CONNECTIONS_NOT_OFFERED = {
    "key_store.logging_enabled": "uses of external keys are logged where their key ring is, and by their key manager"
}
"""Facts that are not told of connections to external key managers; they come on top of `KMS_NOT_OFFERED`."""

SECRET_MANAGER_NOT_OFFERED = {
    **_UNKNOWN_IDENTITY,
    **_KEY_STORE_NOT_OFFERED,
    **_ACCESS_NOT_OFFERED,
    "secret.used": "Secret Manager does not tell when a secret was read",
    "secret.last_used_at": "Secret Manager does not tell when a secret was read",
    "secret.rotation_result": "Secret Manager does not tell since when a schedule stands, nor whether it was followed",
    "secret.regions": "Google chooses where a secret is kept that is replicated automatically",
    "secret.public": _UNDECIDED,
    "secret.external_accounts": _OUTSIDE,
    "secret.wildcard_access": _UNDECIDED,
}
"""Facts about secrets that Secret Manager does not tell for every secret."""

_USE_NOT_OFFERED = dict.fromkeys(
    facts("credential", "used last_used_at"), "the lists of credentials do not tell when one was used"
)

SERVICE_ACCOUNTS_NOT_OFFERED = {
    **_UNKNOWN_IDENTITY,
    **_USE_NOT_OFFERED,
    "credential.services_restricted": "roles limit what a service account may do, and nothing in its keys does",
    "credential.clients_restricted": "VPC Service Controls limit from where a service account is used, not its keys",
}
"""Facts about the keys of service accounts that IAM does not tell for every key."""

UPLOADED_KEYS_NOT_OFFERED = dict.fromkeys(
    facts("credential", "created_at last_rotated_at"),
    "of a key that was uploaded only its certificate's dates are told, not when that was",
)
"""Facts that are not told of keys that were made elsewhere; they come on top of `SERVICE_ACCOUNTS_NOT_OFFERED`."""

API_KEYS_NOT_OFFERED = {
    **_UNKNOWN_IDENTITY,
    **_USE_NOT_OFFERED,
    "credential.principal": "not every version of the API tells whether an API key is bound to a service account",
}
"""Facts about API keys that Google Cloud does not tell for every key."""

_ROOT = declare(
    ROOT,
    {**SECRET_MANAGER_NOT_OFFERED, **KMS_NOT_OFFERED, **SERVICE_ACCOUNTS_NOT_OFFERED, **API_KEYS_NOT_OFFERED},
)

SERVICES: Mapping[str, ServiceDeclaration] = {
    "organization": _ROOT,
    "folder": _ROOT,
    "project": _ROOT,
    "kms": declare(KMS, KMS_NOT_OFFERED),
    "secretmanager": declare(SECRET_MANAGER, SECRET_MANAGER_NOT_OFFERED),
    "iam": declare(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS_NOT_OFFERED),
    "apikeys": declare(API_KEYS, API_KEYS_NOT_OFFERED),
}
"""By the `service` of a scope."""

OPERATIONS = all_operations(SERVICES)
"""Every operation that may be called, by name."""

NOT_OFFERED = {**all_not_offered(SERVICES), **EXTERNAL_KEYS_NOT_OFFERED, **UPLOADED_KEYS_NOT_OFFERED}
"""`table.column` → why Google Cloud has no such fact, over all services."""
