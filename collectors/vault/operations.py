"""What is asked of Vault and OpenBao, which facts come of it, and which facts they do not offer.

A permission is a capability and the path below the namespace on which a policy gives it; `{mount}` stands for a
mount's path.
"""

from __future__ import annotations

from collections.abc import Mapping

from collectors.declaration import ServiceDeclaration, all_not_offered, all_operations, declare, facts, whole
from collectors.tags import TAG_FACTS
from collectors.vault.access_operations import ACCESS
from collectors.vault.engine_operations import (
    DATABASE,
    DATABASE_NOT_OFFERED,
    PKI,
    PKI_NOT_OFFERED,
    SSH,
    SSH_NOT_OFFERED,
)
from evidence.operation import Operation

_STORE_FACTS = """kind name account region protection_level validation soft_delete purge_protection recovery_days
    access_model state deletion_at connection_state store_settings validation_standard backed_by"""
_KEK_FACTS = "kek_security_bits kek_apart"
_LOGGING_FACTS = "logging_enabled logging_targets"
_BARRIER_FACTS = """name aliases description account region key_store manager managed_by origin usages key_type
    algorithm parameter_set bits security_bits pq_category mechanisms protection_level state created_at activated_at
    expires_at expiry_settable suspended_at rotations last_rotated_at deletion_window_set deletion_window_days
    deletion_requested_at deletion_at extractable never_extractable"""
_ROTATION_FACTS = "rotatable rotatable_reason rotation_enabled rotation_period_days rotation_next_at"
_KEY_FACTS = (
    f"{_BARRIER_FACTS} {_ROTATION_FACTS} rotation_requested_at recovery_level release_policy attestation key_settings"
)
_SECRET_FACTS = f"""name kind content_type description account region key_store managed_by manager state created_at
    last_rotated_at rotatable rotation_enabled rotation_period_days rotation_schedule rotation_next_at rotation_result
    expires_at expiry_settable deletion_window_set deletion_window_days keys key_settable {TAG_FACTS}"""

READ_SEAL_STATUS = Operation(
    name="sys:ReadSealStatus",
    facts=("key_store.*", *facts("key_store", f"{_STORE_FACTS} {_KEK_FACTS} activated")),
    permission="-",
    why="How the Vault is sealed, by how many shares it is opened, and whether it is",
)
READ_KEY_STATUS = Operation(
    name="sys:ReadKeyStatus",
    facts=(
        *("key.*", "key_version.*", "secret.keys", *facts("key_store", f"{_KEK_FACTS} backed_by"), "key_store.*"),
        *facts("key", f"{_BARRIER_FACTS} {_ROTATION_FACTS} key_settings"),
        *whole("key_version"),
    ),
    permission="read sys/key-status",
    why="Since when a barrier key, which encrypts all that is stored, is in use, and how often it was rotated",
)
READ_ROTATION_CONFIG = Operation(
    name="sys:ReadRotationConfig",
    facts=facts("key", f"{_ROTATION_FACTS} key_settings"),
    permission="read sys/rotate/config",
    why="After what time a barrier key is rotated",
)
LIST_AUDIT_DEVICES = Operation(
    name="sys:ListAuditDevices",
    facts=facts("key_store", _LOGGING_FACTS),
    permission="read sys/audit, sudo sys/audit",
    why="Where each request is logged",
)

VAULT = (
    READ_SEAL_STATUS,
    Operation(
        name="sys:ReadHealth",
        facts=("key_store.store_settings",),
        permission="-",
        why="Whether the node is the active one, and how it is replicated",
    ),
    Operation(
        name="sys:ReadSealBackends",
        facts=("key_store.store_settings",),
        permission="read sys/seal-backend-status",
        why="Which systems seal a HashiCorp Vault that is sealed by several, and whether they answer",
    ),
    READ_KEY_STATUS,
    READ_ROTATION_CONFIG,
    LIST_AUDIT_DEVICES,
)
"""Asked in the scope of a Vault as a whole."""

NAMESPACE = (
    Operation(
        name="sys:ListMounts",
        facts=("scope.listed", "key_store.*", *facts("key_store", f"{_STORE_FACTS} activated")),
        permission="read sys/mounts",
        why="Every secrets engine of the namespace",
    ),
    Operation(
        name="sys:ListNamespaces",
        facts=("scope.*",),
        permission="list sys/namespaces",
        why="The namespaces below, each of which is read",
    ),
    READ_SEAL_STATUS,
    READ_KEY_STATUS,
    READ_ROTATION_CONFIG,
    Operation(
        name="sys:ReadNamespaceSeal",
        facts=facts("key_store", _KEK_FACTS),
        permission="read sys/namespaces/+/seal-status",
        why="How a namespace with a seal of its own is sealed",
    ),
    LIST_AUDIT_DEVICES,
    Operation(
        name="sys:ListExternalKeyConfigs",
        facts=("key_store.*",),
        permission="list sys/external-keys/configs",
        why="Which other key stores hold keys that are used here, where the server is an OpenBao",
    ),
    Operation(
        name="sys:ListExternalKeys",
        facts=("key_store.store_settings",),
        permission="list sys/external-keys/configs/+/keys",
        why="Which keys of such a key store are used here",
    ),
    Operation(
        name="sys:ListManagedKeys",
        facts=("key_store.*",),
        permission="list sys/managed-keys/+",
        why="Which keys in other key stores are used here, where the server is a Vault Enterprise",
    ),
)
"""Asked in the scope of a namespace."""

TRANSIT = (
    Operation(
        name="transit:ListKeys",
        facts=("key.*", "key_version.*", "scope.listed"),
        permission="list {mount}keys",
        why="Every key of a transit mount",
    ),
    Operation(
        name="transit:ReadKey",
        facts=("key_version.*", *facts("key", _KEY_FACTS), *whole("key_version")),
        permission="read {mount}keys/+",
        why="A key's type, versions, rotation, and whether it can leave the Vault; never the key itself",
    ),
)
"""Asked in the scope of a transit mount."""

KV2 = (
    READ_KEY_STATUS,
    Operation(
        name="kv:ListDetailedMetadata",
        facts=("secret.*", *facts("secret", _SECRET_FACTS), "scope.listed"),
        permission="list {mount}detailed-metadata/*",
        why="Every secret of a KV mount with its metadata, a folder an answer, where the server is an OpenBao",
    ),
    Operation(
        name="kv:ListMetadata",
        facts=("secret.*", "scope.listed"),
        permission="list {mount}metadata/*",
        why="Every secret of a KV mount, folder by folder; never its value",
    ),
    Operation(
        name="kv:ReadMetadata",
        facts=facts("secret", _SECRET_FACTS),
        permission="read {mount}metadata/*",
        why="When the versions of a secret were made and deleted, and its custom metadata; never its value",
    ),
)
"""Asked in the scope of a KV mount that keeps versions."""

KV1 = (
    READ_KEY_STATUS,
    Operation(
        name="kv:ListSecrets",
        facts=("secret.*", *facts("secret", _SECRET_FACTS), "scope.listed"),
        permission="list {mount}*",
        why="Every secret of a KV mount without versions, folder by folder; never its value",
    ),
)
"""Asked in the scope of a KV mount that keeps no versions."""

_UNKNOWN_IDENTITY = {
    "scope.identity": "the server does not tell whose the token is",
    **dict.fromkeys(facts("scope", "account account_name"), "a namespace has no other name than its path"),
}
_NO_PLACE = "Vault does not tell where its storage and its replicas are"
_ABOVE = "the source begins in a namespace below others, whose policies count here too and are not read"
_NO_USE = "Vault does not tell when a key was used; its audit log does"
_NO_TAGS = "transit keys carry no tags"

_KEY_STORE_NOT_OFFERED = {
    "key_store.network_public": "Vault does not tell from where it can be reached",
    "key_store.logging_retention_days": "Vault does not tell how long its audit logs are kept",
    "key_store.private_endpoints": "Vault does not tell through which endpoints it is reached",
    "key_store.regions": _NO_PLACE,
    "key_store.kek_security_bits": "the system that seals tells what its key is",
    "key_store.kek_apart": "nothing is known of this kind of seal",
}

_KEYS_NOT_OFFERED = {
    **dict.fromkeys(facts("key", "used last_used_at usage_tracked_since"), _NO_USE),
    "key.wildcard_access": _ABOVE,
    **dict.fromkeys(facts("key", TAG_FACTS), _NO_TAGS),
    "key.regions": _NO_PLACE,
    "key.updated_at": "Vault does not tell when a key's settings were changed",
    "key.protected_resources": "Vault does not know what is encrypted with its keys",
    "key.suspended_at": "Vault does not tell when a key was softly deleted",
    "key_version.cause": "Vault does not tell whether the period or a person made a version",
    "key_version.superseded_at": "Vault does not tell when versions of such keys were made",
    "key_version.created_at": "Vault does not tell when versions of such keys were made",
}

VAULT_NOT_OFFERED = {
    **_UNKNOWN_IDENTITY,
    **_KEY_STORE_NOT_OFFERED,
    **_KEYS_NOT_OFFERED,
    **dict.fromkeys(facts("key", TAG_FACTS), "the barrier key carries no tags"),
    **dict.fromkeys(
        facts("key", "created_at activated_at"), "Vault tells since when the present term is in use, and no former one"
    ),
    "key_store.store_settings": "a sealed Vault does not tell all of its settings",
}
"""Facts about a Vault and its barrier key that are not told."""

NAMESPACE_NOT_OFFERED = {
    **VAULT_NOT_OFFERED,
    **dict.fromkeys(
        (
            *facts("key_store", "validation validation_standard backed_by soft_delete purge_protection recovery_days"),
            *facts("key_store", "access_model activated"),
        ),
        "the other key store tells",
    ),
    "key_store.connection_state": "only the use of a key would tell whether the other key store answers",
}
"""Facts about mounts that are not told."""

TRANSIT_NOT_OFFERED = {
    **_UNKNOWN_IDENTITY,
    **_KEYS_NOT_OFFERED,
    **dict.fromkeys(
        facts("key", "created_at activated_at last_rotated_at rotation_next_at"),
        "Vault does not tell when versions of such keys, or versions that were trimmed or decrypt no longer, were made",
    ),
    **dict.fromkeys(
        facts("key", "usages key_type algorithm parameter_set bits security_bits pq_category"),
        "an external key's own store tells what it is; other types are unknown",
    ),
    "key.extractable": "an external key's own store tells whether it can be taken out",
    "key.never_extractable": "an external key's own store tells whether it could be taken out",
    "key_version.algorithm": "its type is not known, or its own store's to tell",
}
"""Facts about transit keys that are not told of every key."""

KV2_NOT_OFFERED = {
    **_UNKNOWN_IDENTITY,
    **dict.fromkeys(
        facts("secret", "used last_used_at"), "Vault does not tell when a secret was read; its audit log does"
    ),
    "secret.wildcard_access": _ABOVE,
    "secret.regions": _NO_PLACE,
}
"""Facts about secrets with versions that are not told."""

KV1_NOT_OFFERED = {
    **KV2_NOT_OFFERED,
    **dict.fromkeys(
        facts("secret", f"created_at last_rotated_at {TAG_FACTS}"),
        "a KV mount without versions tells the paths of its secrets and nothing about them",
    ),
}
"""Facts about secrets without versions that are not told."""

SERVICES: Mapping[str, ServiceDeclaration] = {
    "vault": declare((*VAULT, *ACCESS), VAULT_NOT_OFFERED),
    "namespace": declare((*NAMESPACE, *ACCESS), NAMESPACE_NOT_OFFERED),
    "transit": declare((*TRANSIT, *ACCESS), TRANSIT_NOT_OFFERED),
    "kv": declare((*KV2, *ACCESS), KV2_NOT_OFFERED),
    "kv-v1": declare((*KV1, *ACCESS), KV1_NOT_OFFERED),
    "pki": declare((*PKI, *ACCESS), {**PKI_NOT_OFFERED, "key.wildcard_access": _ABOVE}),
    "ssh": declare((*SSH, *ACCESS), {**SSH_NOT_OFFERED, "key.wildcard_access": _ABOVE}),
    "database": declare(
        (*DATABASE, READ_KEY_STATUS, *ACCESS), {**DATABASE_NOT_OFFERED, "secret.wildcard_access": _ABOVE}
    ),
}
"""By the `service` of a scope."""

OPERATIONS = all_operations(SERVICES)
"""Every operation that may be called, by name."""

NOT_OFFERED = all_not_offered(SERVICES)
"""`table.column` → why Vault has no such fact, over all services."""
