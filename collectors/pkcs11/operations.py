"""What is asked of a PKCS#11 module, which facts come of it, and which facts PKCS#11 does not offer."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.declaration import ServiceDeclaration, all_not_offered, all_operations, declare, facts, whole
from collectors.tags import TAG_FACTS
from evidence.operation import Operation

USER = "CKU_USER"
PUBLIC = "public session"
"""As whom a token is asked before C_Login, or without."""


def user_name(user: int) -> str:
    """The name of a CK_USER_TYPE: the normal user's, or a vendor's number."""
    return USER if user == 1 else f"CK_USER_TYPE 0x{user:08X}"


_KEY_FOUND = "name aliases material_known_at"
_KEY_READ = """origin usages key_type algorithm parameter_set bits security_bits pq_category mechanisms state
    activated_at expires_at expiry_settable extractable never_extractable key_settings public"""
_VERSION_READ = "state cause expires_at origin algorithm"
_CERTIFICATE_READ = """state subject issuer authority fingerprint algorithm bits security_bits activated_at expires_at
    exportable"""
_CERTIFICATE_FOUND = "name key"

_INITIALIZE = Operation(
    name="pkcs11:C_Initialize",
    facts=("key_store.*", "key.*", "key_version.*", "certificate.*", "access.*", "scope.listed"),
    permission="-",
    why="The module itself, in a process of its own, and its version",
)
_TOKEN_INFO = Operation(
    name="pkcs11:C_GetTokenInfo",
    facts=(
        *("key_store.*", "key.*", "key_version.*", "certificate.*", "access.*", "scope.listed"),
        *facts("key_store", "activated store_settings"),
        *whole("access"),
        "key.public",
    ),
    permission="-",
    why="A token's label, maker, model, serial number, firmware, and the state of its PINs",
)

MODULE = (
    _INITIALIZE,
    Operation(
        name="pkcs11:C_GetSlotList",
        facts=("key_store.*", "key.*", "key_version.*", "certificate.*", "access.*", "scope.listed"),
        permission="-",
        why="The slots that hold a token",
    ),
    _TOKEN_INFO,
)
"""Asked in the scope of a module."""

TOKEN = (
    Operation(
        name="pkcs11:C_GetSlotInfo",
        facts=(
            *facts("key_store", "protection_level store_settings"),
            *("key.protection_level", "key_version.protection_level"),
        ),
        permission="-",
        why="Whether a slot is hardware, by the module's word",
    ),
    _TOKEN_INFO,
    Operation(
        name="pkcs11:C_GetMechanismList",
        facts=(*(f"{table}.protection_level" for table in ("key_store", "key", "key_version")), "key.mechanisms"),
        permission="-",
        why="The algorithms that a token offers for its keys",
    ),
    Operation(
        name="pkcs11:C_GetMechanismInfo",
        facts=(*(f"{table}.protection_level" for table in ("key_store", "key", "key_version")), "key.mechanisms"),
        permission="-",
        why="What each algorithm may be used for, and whether hardware performs it",
    ),
    Operation(
        name="pkcs11:C_Login",
        facts=(
            *("key.*", "key_version.*", "certificate.*", "scope.listed"),
            *facts("key", _KEY_READ),
            *facts("key_version", _VERSION_READ),
            *facts("certificate", "exportable"),
        ),
        permission="the PIN of the normal user, or of a role that only reads",
        why="Private objects, which show after login alone; no PIN is sent where a wrong one was entered before",
    ),
    Operation(
        name="pkcs11:C_FindObjects",
        paged=True,
        facts=(
            *("key.*", "key_version.*", "certificate.*", "scope.listed"),
            *facts("key_store", "validation validation_standard"),
            *facts("key", _KEY_FOUND),
            *facts("certificate", _CERTIFICATE_FOUND),
        ),
        permission="-",
        why="Every object of the token, by its class, type, id and label",
    ),
    Operation(
        name="pkcs11:C_GetAttributeValue",
        facts=(
            *("key.*", "key_version.*", "certificate.*", "scope.listed"),
            *facts("key", _KEY_READ),
            *facts("key_version", _VERSION_READ),
            *facts("certificate", _CERTIFICATE_READ),
            *facts("key_store", "validation validation_standard"),
            "access.*",
        ),
        permission="-",
        why="The attributes of an object, one by one: never the value of a key, nor any part of a private one",
    ),
)
"""Asked in the scope of a token."""

_NO_HISTORY = "PKCS#11 keeps no dates of what was done with a key"
_NO_USE = "PKCS#11 does not tell when a key was used"
_NO_NETWORK = "PKCS#11 does not tell how a token is reached"
_NO_LOG = "PKCS#11 does not tell whether a token keeps an audit log; its maker's own tools do"
_NO_KEK = "PKCS#11 does not tell what encrypts the keys of a token"
_NO_PLACE = "PKCS#11 does not tell where a token is, nor which others hold copies of its keys"
_NO_TAGS = "PKCS#11 objects have no tags"
_NO_PEOPLE = "PKCS#11 has roles, and does not tell who knows their PINs"

PKCS11_NOT_OFFERED = {
    "scope.account": "the token has no serial number",
    "key_store.network_public": _NO_NETWORK,
    "key_store.private_endpoints": _NO_NETWORK,
    "key_store.logging_enabled": _NO_LOG,
    "key_store.logging_targets": _NO_LOG,
    "key_store.logging_retention_days": _NO_LOG,
    "key_store.validation_standard": "the module has no validation objects, which PKCS#11 has since its version 3.2",
    "key_store.regions": _NO_PLACE,
    "key_store.kek_security_bits": _NO_KEK,
    "key_store.kek_apart": _NO_KEK,
    "key_store.protection_level": "the module calls its slot no hardware, and some of its mechanisms hardware",
    "key.protection_level": "the module calls its slot no hardware, and some of its mechanisms hardware",
    "key_version.protection_level": "the module calls its slot no hardware, and some of its mechanisms hardware",
    "key_version.created_at": _NO_HISTORY,
    "key.created_at": _NO_HISTORY,
    "key.updated_at": _NO_HISTORY,
    "key.last_rotated_at": _NO_HISTORY,
    "key.used": _NO_USE,
    "key.last_used_at": _NO_USE,
    "key.usage_tracked_since": _NO_USE,
    "key.protected_resources": "PKCS#11 does not tell what a key protects",
    "key.regions": _NO_PLACE,
    "key.wildcard_access": "the one role that uses keys also manages them; PKCS#11 has no policies that could part it",
    "key.public": "the key is used without login, and PKCS#11 does not tell who reaches the token",
    **dict.fromkeys(facts("key", TAG_FACTS), _NO_TAGS),
    "certificate.created_at": _NO_HISTORY,
    **dict.fromkeys(facts("certificate", TAG_FACTS), _NO_TAGS),
    "access.external": _NO_PEOPLE,
    "access.public": "the token requires no login, and PKCS#11 does not tell who reaches it",
}
"""`table.column` → why PKCS#11 has no such fact."""

SERVICES: Mapping[str, ServiceDeclaration] = {
    "module": declare(MODULE, PKCS11_NOT_OFFERED),
    "token": declare(TOKEN, PKCS11_NOT_OFFERED),
}
"""By the `service` of a scope."""

OPERATIONS = all_operations(SERVICES)
"""Every operation that may be asked, by name."""

NOT_OFFERED = all_not_offered(SERVICES)
"""`table.column` → why there is no such fact."""
