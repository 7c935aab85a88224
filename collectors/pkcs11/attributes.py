"""The attributes that are asked of an object, by its class: an allow list without any secret or private value."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """How an attribute's bytes are told in an observation; bytes that are not of their kind are told as they are."""

    FLAG = "flag"
    """CK_BBOOL: true or false."""
    NUMBER = "number"
    """CK_ULONG: a number."""
    NUMBERS = "numbers"
    """CK_ULONGs: a list of numbers."""
    TEXT = "text"
    """UTF-8: a text."""
    DATE = "date"
    """CK_DATE: eight digits, or "" for none."""
    BYTES = "bytes"
    """Hexadecimal digits."""
    COUNTED = "counted"
    """A big number, of which only the length in bits is told."""


NUMBERS: Mapping[str, int] = {
    "CKA_CLASS": 0x000,
    "CKA_TOKEN": 0x001,
    "CKA_PRIVATE": 0x002,
    "CKA_LABEL": 0x003,
    "CKA_UNIQUE_ID": 0x004,
    "CKA_VALUE": 0x011,
    "CKA_CERTIFICATE_TYPE": 0x080,
    "CKA_TRUSTED": 0x086,
    "CKA_CERTIFICATE_CATEGORY": 0x087,
    "CKA_CHECK_VALUE": 0x090,
    "CKA_KEY_TYPE": 0x100,
    "CKA_ID": 0x102,
    "CKA_SENSITIVE": 0x103,
    "CKA_ENCRYPT": 0x104,
    "CKA_DECRYPT": 0x105,
    "CKA_WRAP": 0x106,
    "CKA_UNWRAP": 0x107,
    "CKA_SIGN": 0x108,
    "CKA_SIGN_RECOVER": 0x109,
    "CKA_VERIFY": 0x10A,
    "CKA_VERIFY_RECOVER": 0x10B,
    "CKA_DERIVE": 0x10C,
    "CKA_START_DATE": 0x110,
    "CKA_END_DATE": 0x111,
    "CKA_MODULUS": 0x120,
    "CKA_PRIME": 0x130,
    "CKA_VALUE_LEN": 0x161,
    "CKA_EXTRACTABLE": 0x162,
    "CKA_LOCAL": 0x163,
    "CKA_NEVER_EXTRACTABLE": 0x164,
    "CKA_ALWAYS_SENSITIVE": 0x165,
    "CKA_KEY_GEN_MECHANISM": 0x166,
    "CKA_MODIFIABLE": 0x170,
    "CKA_COPYABLE": 0x171,
    "CKA_DESTROYABLE": 0x172,
    "CKA_EC_PARAMS": 0x180,
    "CKA_ALWAYS_AUTHENTICATE": 0x202,
    "CKA_WRAP_WITH_TRUSTED": 0x210,
    "CKA_PARAMETER_SET": 0x61D,
    "CKA_OBJECT_VALIDATION_FLAGS": 0x61E,
    "CKA_VALIDATION_TYPE": 0x61F,
    "CKA_VALIDATION_VERSION": 0x620,
    "CKA_VALIDATION_LEVEL": 0x621,
    "CKA_VALIDATION_MODULE_ID": 0x622,
    "CKA_VALIDATION_FLAG": 0x623,
    "CKA_VALIDATION_AUTHORITY_TYPE": 0x624,
    "CKA_VALIDATION_COUNTRY": 0x625,
    "CKA_VALIDATION_CERTIFICATE_IDENTIFIER": 0x626,
    "CKA_VALIDATION_CERTIFICATE_URI": 0x627,
    "CKA_ENCAPSULATE": 0x633,
    "CKA_DECAPSULATE": 0x634,
    "CKA_ALLOWED_MECHANISMS": 0x40000600,
}
"""Source: OASIS PKCS#11 Specification Version 3.2. Prime factors, exponents and the values of keys are not here."""

_OF_KIND: Mapping[Kind, str] = {
    Kind.NUMBER: """CLASS KEY_TYPE CERTIFICATE_TYPE CERTIFICATE_CATEGORY VALUE_LEN KEY_GEN_MECHANISM
        PARAMETER_SET OBJECT_VALIDATION_FLAGS VALIDATION_TYPE VALIDATION_LEVEL VALIDATION_FLAG
        VALIDATION_AUTHORITY_TYPE""",
    Kind.NUMBERS: "ALLOWED_MECHANISMS",
    Kind.TEXT: """LABEL UNIQUE_ID VALIDATION_MODULE_ID VALIDATION_COUNTRY VALIDATION_CERTIFICATE_IDENTIFIER
        VALIDATION_CERTIFICATE_URI""",
    Kind.DATE: "START_DATE END_DATE",
    Kind.BYTES: "ID CHECK_VALUE EC_PARAMS VALUE VALIDATION_VERSION",
    Kind.COUNTED: "MODULUS PRIME",
}
KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(NUMBERS, Kind.FLAG),
    **{f"CKA_{name}": kind for kind, names in _OF_KIND.items() for name in names.split()},
}
"""The kind of each attribute; what no other kind names is a flag."""


def _names(words: str) -> tuple[str, ...]:
    return tuple(f"CKA_{word}" for word in words.split())


IDENTITY = _names("CLASS KEY_TYPE ID LABEL")
"""What tells an object from others; a class that has no such attribute says so."""

_STORED = _names("CLASS TOKEN PRIVATE MODIFIABLE COPYABLE DESTROYABLE LABEL UNIQUE_ID")
_ANY_KEY = _names(
    "KEY_TYPE ID START_DATE END_DATE DERIVE LOCAL KEY_GEN_MECHANISM ALLOWED_MECHANISMS OBJECT_VALIDATION_FLAGS"
)
_GUARDED = _names("SENSITIVE ALWAYS_SENSITIVE EXTRACTABLE NEVER_EXTRACTABLE WRAP_WITH_TRUSTED DECRYPT UNWRAP SIGN")
_SECRET = (*_STORED, *_ANY_KEY, *_GUARDED, *_names("ENCRYPT WRAP VERIFY TRUSTED CHECK_VALUE VALUE_LEN"))

OF_CLASS: Mapping[str, tuple[str, ...]] = {
    "CKO_SECRET_KEY": _SECRET,
    "CKO_OTP_KEY": _SECRET,
    "CKO_PRIVATE_KEY": (*_STORED, *_ANY_KEY, *_GUARDED, *_names("SIGN_RECOVER DECAPSULATE ALWAYS_AUTHENTICATE")),
    "CKO_PUBLIC_KEY": (*_STORED, *_ANY_KEY, *_names("ENCRYPT WRAP VERIFY VERIFY_RECOVER ENCAPSULATE TRUSTED")),
    "CKO_CERTIFICATE": (
        *_STORED,
        *_names("CERTIFICATE_TYPE CERTIFICATE_CATEGORY TRUSTED ID CHECK_VALUE START_DATE END_DATE VALUE"),
    ),
    "CKO_VALIDATION": (
        *_names("CLASS TOKEN VALIDATION_TYPE VALIDATION_VERSION VALIDATION_LEVEL VALIDATION_MODULE_ID VALIDATION_FLAG"),
        *_names("VALIDATION_AUTHORITY_TYPE VALIDATION_COUNTRY VALIDATION_CERTIFICATE_IDENTIFIER"),
        *_names("VALIDATION_CERTIFICATE_URI"),
    ),
}
"""The attributes that are asked of an object of a class; objects of other classes are counted and not read.

CKA_VALUE is asked of certificates alone, whose value is public.
"""

_ASYMMETRIC = ("CKO_PRIVATE_KEY", "CKO_PUBLIC_KEY")
_OF_KEY_TYPE: Mapping[tuple[str, str], tuple[str, ...]] = {
    **dict.fromkeys(((kind, "CKK_RSA") for kind in _ASYMMETRIC), _names("MODULUS")),
    **dict.fromkeys(
        ((kind, f"CKK_{name}") for kind in _ASYMMETRIC for name in ("EC", "EC_EDWARDS", "EC_MONTGOMERY")),
        _names("EC_PARAMS"),
    ),
    **dict.fromkeys(
        ((kind, f"CKK_{name}") for kind in _ASYMMETRIC for name in ("ML_DSA", "ML_KEM", "SLH_DSA")),
        _names("PARAMETER_SET"),
    ),
    **dict.fromkeys((("CKO_PUBLIC_KEY", f"CKK_{name}") for name in ("DSA", "DH", "X9_42_DH")), _names("PRIME")),
}
"""What tells the size of a key of that class and type. Each is part of the public key: of a modulus and of a prime of
domain parameters only the length is kept."""


def asked(object_class: str, key_type: str) -> tuple[str, ...]:
    """The attributes that are asked of an object; `key_type` is "" where it is no key."""
    return OF_CLASS.get(object_class, ()) + _OF_KEY_TYPE.get((object_class, key_type), ())
