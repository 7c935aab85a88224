"""What is asked of a KMIP server, which facts come of it, and which facts KMIP or a server does not offer."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.declaration import ServiceDeclaration, all_not_offered, all_operations, declare, facts, whole
from collectors.tags import TAG_FACTS
from evidence.operation import Operation

_STORE_DISCOVERED = "store_settings protection_level validation validation_standard backed_by"
_KEY_OF_LATER_VERSIONS = """key_type parameter_set pq_category protection_level rotatable rotatable_reason
    rotation_enabled rotation_period_days rotation_next_at extractable never_extractable"""
"""Facts that not even a server that knows them tells in the lowest version, which is spoken where it names none."""
_ROTATION_OF_SECRETS = "rotatable rotation_enabled rotation_period_days rotation_schedule rotation_next_at"
_STORE_FACTS = """kind name account region protection_level validation validation_standard soft_delete purge_protection
    recovery_days access_model activated state deletion_at connection_state store_settings backed_by"""
_KEY_FACTS = f"""name aliases description account region key_store manager managed_by origin usages key_type algorithm
    parameter_set bits security_bits pq_category mechanisms protection_level state created_at updated_at activated_at
    expires_at expiry_settable suspended_at rotatable rotatable_reason rotation_enabled rotation_period_days
    rotation_next_at rotation_requested_at rotations last_rotated_at material_known_at deletion_window_set
    deletion_window_days recovery_level deletion_requested_at deletion_at extractable never_extractable release_policy
    attestation access_reasons account_delegated key_settings {TAG_FACTS}"""
_CERTIFICATE_FACTS = f"""name account region key_store key manager state subject issuer algorithm bits security_bits
    created_at activated_at expires_at exportable versions {TAG_FACTS}"""
_SECRET_FACTS = f"""name kind content_type description account region key_store managed_by manager state created_at
    last_rotated_at rotatable rotation_enabled rotation_period_days rotation_schedule rotation_next_at rotation_result
    expires_at expiry_settable deletion_window_set deletion_window_days {TAG_FACTS}"""

KMIP = (
    Operation(
        name="kmip:Query",
        facts=(*facts("key_store", _STORE_FACTS), "key.protection_level", "key_version.protection_level"),
        permission="Query",
        why="Who made the server, what it can do, and by what it is validated",
    ),
    Operation(
        name="kmip:Locate",
        paged=True,
        facts=(
            *("key.*", "key_version.*", "certificate.*", "secret.*", "scope.listed"),
            *facts("key", "created_at activated_at rotations"),
            *facts("key_version", "superseded_at cause"),
            *facts("certificate", "key exportable created_at versions"),
            "secret.created_at",
        ),
        permission="Locate",
        why="The identifier of every object that the server shows keyproof",
    ),
    Operation(
        name="kmip:GetAttributes",
        facts=(
            *("key.*", "key_version.*", "certificate.*", "secret.*"),
            *facts("key", _KEY_FACTS),
            *whole("key_version"),
            *facts("certificate", _CERTIFICATE_FACTS),
            *facts("secret", _SECRET_FACTS),
        ),
        permission="Get Attributes",
        why="State, dates, algorithm, usage, links and names of each object; never what it holds",
    ),
    # The last: where another operation tells a fact, that one is named first as what would have told it.
    Operation(
        name="kmip:DiscoverVersions",
        facts=(
            *facts("key_store", _STORE_DISCOVERED),
            *facts("key", _KEY_OF_LATER_VERSIONS),
            "key_version.protection_level",
            "certificate.exportable",
            *facts("secret", _ROTATION_OF_SECRETS),
        ),
        permission="Discover Versions",
        why="The versions of KMIP that the server speaks, of which the highest common one is used",
    ),
)
"""Asked in the scope of one server."""

_ACCESS = "KMIP does not tell who else may use an object: operation policies and groups are the server's own affair"
_DATES = "the server does not tell the dates that KMIP requires of the object, so that a missing one says nothing"
_DATE = "the server does not tell this date of the object"
_ALGORITHM = "the server does not tell the object's algorithm and length, or they are none that keyproof knows"
_ROTATION = "the server does not tell whether it rotates the object by itself, which only KMIP 2.1 can"
_CHAIN = "an earlier object of the chain is not on the server any more, or the objects' links contradict each other"
_COPIES = "KMIP does not tell where copies of an object are"
_USE = "KMIP does not tell when an object was used"

_KEY_NOT_OFFERED = {
    **dict.fromkeys(facts("key", "public external_accounts wildcard_access account_delegated"), _ACCESS),
    **dict.fromkeys(facts("key", "used last_used_at usage_tracked_since"), _USE),
    **dict.fromkeys(facts("key", "algorithm parameter_set bits security_bits pq_category"), _ALGORITHM),
    **dict.fromkeys(
        facts("key", "rotatable rotatable_reason rotation_enabled rotation_period_days rotation_next_at"), _ROTATION
    ),
    **dict.fromkeys(facts("key", "created_at last_rotated_at rotations"), f"{_DATE}, or {_CHAIN}"),
    **dict.fromkeys(facts("key", "updated_at activated_at deletion_requested_at deletion_at"), _DATE),
    **dict.fromkeys(facts("key", "expires_at expiry_settable"), _DATES),
    "key.state": "the server does not tell the object's state",
    "key.origin": "KMIP does not tell a key that the server made from one that was brought in",
    "key.usages": "the server does not tell the object's usage mask",
    "key.key_type": "the server does not tell a NIST key type that keyproof knows, nor a use by which one follows",
    "key.mechanisms": "KMIP leaves hash and padding to each request where the key's owner set no such parameters of it",
    "key.protection_level": "the server does not tell whether hardware protects the object",
    "key.extractable": "the server does not tell whether the object can be taken out in clear",
    "key.never_extractable": "the server does not tell whether the object could ever be taken out in clear",
    "key.protected_resources": "KMIP does not tell what is encrypted with a key",
    "key.regions": _COPIES,
}

_VERSION_NOT_OFFERED = {
    **dict.fromkeys(facts("key_version", "created_at superseded_at destroyed_at"), _DATE),
    "key_version.state": "the server does not tell the object's state",
    "key_version.expires_at": _DATES,
    "key_version.cause": "KMIP does not tell whether a schedule or a person replaced an object",
    "key_version.origin": _KEY_NOT_OFFERED["key.origin"],
    "key_version.algorithm": _ALGORITHM,
    "key_version.protection_level": _KEY_NOT_OFFERED["key.protection_level"],
}

_CERTIFICATE_NOT_OFFERED = {
    **dict.fromkeys(facts("certificate", "algorithm bits security_bits"), _ALGORITHM),
    **dict.fromkeys(facts("certificate", "subject issuer"), "the server does not tell the certificate's names"),
    **dict.fromkeys(
        facts("certificate", "renewal_enabled renewal_days"), "KMIP does not tell who renews a certificate"
    ),
    "certificate.fingerprint": "KMIP tells no SHA-1 fingerprint, and the certificate itself is not fetched",
    "certificate.state": "the server does not tell the object's state",
    "certificate.created_at": f"{_DATE}, or {_CHAIN}",
    "certificate.activated_at": _DATE,
    "certificate.expires_at": "KMIP does not tell until when a certificate is valid where no deactivation date is set",
    "certificate.exportable": "the server does not tell whether the private key of it can be taken out in clear",
    "certificate.versions": _CHAIN,
}

_SECRET_NOT_OFFERED = {
    **dict.fromkeys(facts("secret", "public external_accounts wildcard_access"), _ACCESS),
    **dict.fromkeys(facts("secret", "used last_used_at"), _USE),
    **dict.fromkeys(
        facts("secret", "rotatable rotation_enabled rotation_period_days rotation_schedule rotation_next_at"), _ROTATION
    ),
    **dict.fromkeys(facts("secret", "created_at last_rotated_at"), f"{_DATE}, or {_CHAIN}"),
    **dict.fromkeys(facts("secret", "expires_at expiry_settable"), _DATES),
    "secret.rotation_result": "KMIP does not tell how a rotation ended",
    "secret.state": "KMIP has no states of opaque objects, or the server does not tell this one's",
    "secret.keys": "KMIP does not tell what encrypts an object at rest",
    "secret.key_settable": "KMIP does not tell what encrypts an object at rest",
    "secret.regions": _COPIES,
}

NOT_COVERED = {"access": _ACCESS, "protected_resource": _KEY_NOT_OFFERED["key.protected_resources"]}
"""Table → why KMIP tells nothing of it."""

KMIP_NOT_OFFERED = {
    **_KEY_NOT_OFFERED,
    **_VERSION_NOT_OFFERED,
    **_CERTIFICATE_NOT_OFFERED,
    **_SECRET_NOT_OFFERED,
    **dict.fromkeys(
        facts("key_store", "logging_enabled logging_targets logging_retention_days"),
        "KMIP does not tell whether the server writes an audit log",
    ),
    **dict.fromkeys(
        facts("key_store", "kek_security_bits kek_apart"), "KMIP does not tell what encrypts the server's keys"
    ),
    "key_store.backed_by": "the server states no validation of what holds its keys, which KMIP tells in no other way",
    **dict.fromkeys(
        facts("key_store", "network_public private_endpoints"), "KMIP does not tell from where the server is reached"
    ),
    **dict.fromkeys(
        facts("key_store", "validation validation_standard"),
        "only KMIP 1.3 and later tell by what a server is validated",
    ),
    "key_store.protection_level": "the server does not tell whether all of its keys are protected by hardware",
    "key_store.regions": _COPIES,
    "scope.account_name": "KMIP knows no accounts",
}
"""Facts that KMIP does not tell, or that this server does not tell of this object."""

SERVICES: Mapping[str, ServiceDeclaration] = {"kmip": declare(KMIP, KMIP_NOT_OFFERED)}
"""By the `service` of a scope."""

OPERATIONS = all_operations(SERVICES)
"""Every operation that may be called, by name."""

NOT_OFFERED = all_not_offered(SERVICES)
"""`table.column` → why there is no such fact."""
