"""What is asked about PKI, SSH and database mounts, which facts come of it, and which facts they do not offer."""

from __future__ import annotations

from collectors.declaration import facts
from collectors.tags import TAG_FACTS
from evidence.operation import Operation

_SIGNING_KEY = """name aliases description account region key_store manager managed_by usages key_type algorithm
    parameter_set bits security_bits pq_category mechanisms protection_level state expires_at expiry_settable
    suspended_at rotatable rotatable_reason rotation_enabled rotation_period_days rotation_next_at rotation_requested_at
    rotations material_known_at deletion_window_set deletion_window_days recovery_level deletion_requested_at
    deletion_at extractable release_policy attestation access_reasons account_delegated key_settings"""
_VERSION_FACTS = "key state superseded_at expires_at destroyed_at algorithm protection_level external_key attestation"
_CERTIFICATE_FACTS = """name account region key_store key manager state subject issuer authority fingerprint
    algorithm bits security_bits activated_at expires_at renewal_enabled renewal_days exportable versions"""
_SECRET_FACTS = """name kind content_type description account region key_store managed_by manager state last_rotated_at
    rotatable rotation_enabled rotation_period_days rotation_schedule rotation_next_at expires_at expiry_settable
    deletion_window_set deletion_window_days key_settable"""  # noqa: S105 - names of columns

PKI = (
    Operation(
        name="pki:ListKeys",
        facts=("key.*", "key_version.*", "scope.listed"),
        permission="list {mount}keys",
        why="The keys by which a PKI mount signs",
    ),
    Operation(
        name="pki:ReadKey",
        facts=(*facts("key", _SIGNING_KEY), "key_version.*", *facts("key_version", _VERSION_FACTS)),
        permission="read {mount}key/+",
        why="The name and type of such a key; never the key itself",
    ),
    Operation(
        name="pki:ListIssuers",
        facts=(
            *("certificate.*", "certificate.key", "key_version.algorithm"),
            *facts("key", "algorithm parameter_set bits security_bits pq_category material_known_at key_settings"),
        ),
        permission="list {mount}issuers",
        why="The certification authorities of a PKI mount",
    ),
    Operation(
        name="pki:ReadIssuer",
        facts=(
            *facts("certificate", _CERTIFICATE_FACTS),
            *facts("key", "algorithm parameter_set bits security_bits pq_category material_known_at key_settings"),
            *facts("key_version", "algorithm"),
        ),
        permission="read {mount}issuer/+",
        why="The certificate of an authority, the key that it signs with, and what it may be used for",
    ),
    Operation(
        name="pki:ListRoles",
        facts=("key.key_settings",),
        permission="list {mount}roles",
        why="The roles by which certificates are issued",
    ),
    Operation(
        name="pki:ReadRole",
        facts=("key.key_settings",),
        permission="read {mount}roles/+",
        why="For which names, with which keys and for how long a role issues certificates",
    ),
    Operation(
        name="pki:ReadCrlConfig",
        facts=("key.key_settings",),
        permission="read {mount}config/crl",
        why="Whether and how revocations are published",
    ),
    Operation(
        name="pki:ReadAutoTidy",
        facts=("key.key_settings",),
        permission="read {mount}config/auto-tidy",
        why="Whether expired certificates are removed by themselves",
    ),
    Operation(
        name="pki:ListCertificates",
        facts=("certificate.*", "scope.listed"),
        permission="list {mount}certs",
        why="The serial numbers of the certificates that a PKI mount keeps",
    ),
    Operation(
        name="pki:ReadCertificate",
        facts=("certificate.*", *facts("certificate", _CERTIFICATE_FACTS)),
        permission="read {mount}cert/+",
        why="A certificate, and whether it was revoked",
    ),
)
"""Asked in the scope of a PKI mount. That there are no more than `certificates` of the source is read."""

SSH = (
    Operation(
        name="ssh:ListIssuers",
        facts=(
            *("key.*", "key_version.*", "scope.listed"),
            *facts("key", _SIGNING_KEY),
            *facts("key_version", _VERSION_FACTS),
        ),
        permission="list {mount}issuers",
        why="The public keys of an SSH mount's certification authorities, where the server is an OpenBao",
    ),
    Operation(
        name="ssh:ReadCa",
        facts=(
            *("key.*", "key_version.*", "scope.listed"),
            *facts("key", _SIGNING_KEY),
            *facts("key_version", _VERSION_FACTS),
        ),
        permission="read {mount}config/ca",
        why="The public key of the mount's certification authority",
    ),
    Operation(
        name="ssh:ListRoles",
        facts=("key.key_settings",),
        permission="list {mount}roles",
        why="The roles by which keys are signed",
    ),
    Operation(
        name="ssh:ReadRole",
        facts=("key.key_settings",),
        permission="read {mount}roles/+",
        why="For which users and hosts, and for how long, a role signs keys",
    ),
)
"""Asked in the scope of an SSH mount."""

DATABASE = (
    Operation(
        name="database:ListConnections",
        facts=("secret.*", "scope.listed"),
        permission="list {mount}config",
        why="The databases whose passwords a mount changes",
    ),
    Operation(
        name="database:ReadConnection",
        facts=facts("secret", _SECRET_FACTS),
        permission="read {mount}config/+",
        why="By which plugin a database is reached, and whether its root password is rotated; never the password",
    ),
    Operation(
        name="database:ListStaticRoles",
        facts=("secret.*", "scope.listed"),
        permission="list {mount}static-roles",
        why="The users of databases whose passwords are rotated",
    ),
    Operation(
        name="database:ReadStaticRole",
        facts=facts("secret", _SECRET_FACTS),
        permission="read {mount}static-roles/+",
        why="When such a password was rotated, and after what time it will be; never the password",
    ),
)
"""Asked in the scope of a database mount. Other roles keep no password: each lease of theirs has its own."""

_NO_IDENTITY = {"scope.identity": "the server does not tell whose the token is"}
_NO_TAGS = "these carry no tags"
_NO_SIZE = "Vault tells the size of a key by its certificate alone, and has none that tells it"
_UNKNOWN_KEY = "its key is of a kind that is not known"

_SIGNING_KEYS_NOT_OFFERED = {
    **dict.fromkeys(facts("key", "used last_used_at usage_tracked_since"), "Vault does not tell when a key was used"),
    **dict.fromkeys(facts("key", TAG_FACTS), _NO_TAGS),
    **dict.fromkeys(
        facts("key", "created_at activated_at last_rotated_at updated_at"), "Vault tells no dates of such keys"
    ),
    **dict.fromkeys(facts("key", "parameter_set bits security_bits pq_category algorithm"), _NO_SIZE),
    "key.regions": "Vault does not tell where its storage and its replicas are",
    "key.protected_resources": "Vault does not know what is encrypted with its keys",
    "key.origin": "Vault does not tell whether such a key was imported",
    "key.never_extractable": "Vault does not tell whether such a key was handed out when it was made",
    "key.protection_level": "a managed key's own store tells what protects it",
    "key.extractable": "a managed key's own store tells whether it can be taken out",
    "key_version.created_at": "Vault tells no dates of such keys",
    "key_version.cause": "Vault does not tell whether such a key was imported",
    "key_version.origin": "Vault does not tell whether such a key was imported",
    "key_version.algorithm": _UNKNOWN_KEY,
    "key_version.protection_level": "a managed key's own store tells what protects it",
}

PKI_NOT_OFFERED = {
    **_NO_IDENTITY,
    **_SIGNING_KEYS_NOT_OFFERED,
    **dict.fromkeys(facts("certificate", TAG_FACTS), _NO_TAGS),
    **dict.fromkeys(facts("certificate", "algorithm bits security_bits"), _UNKNOWN_KEY),
    "certificate.created_at": "Vault does not tell when it issued a certificate",
}
"""Facts about the keys and certificates of PKI mounts that are not told of every one."""

SSH_NOT_OFFERED = {**_NO_IDENTITY, **_SIGNING_KEYS_NOT_OFFERED}
"""Facts about the keys of SSH mounts that are not told of every one."""

DATABASE_NOT_OFFERED = {
    **_NO_IDENTITY,
    **dict.fromkeys(facts("secret", TAG_FACTS), _NO_TAGS),
    **dict.fromkeys(facts("secret", "used last_used_at"), "Vault does not tell when a password was read"),
    "secret.created_at": "Vault does not tell when a connection or a static role was made",
    "secret.last_rotated_at": "Vault does not tell when the root password of a connection was rotated",
    "secret.rotation_result": "Vault does not tell how a rotation ended",
    "secret.rotation_period_days": "a schedule has no period",
    "secret.rotation_next_at": "Vault tells the next date of a schedule with the password alone",
    "secret.regions": "Vault does not tell where its storage and its replicas are",
}
"""Facts about the passwords of databases that are not told of every one."""
