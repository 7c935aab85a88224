"""What the algorithms, usage masks, key types and states of KMIP are in the terms of the inventory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from collectors import key_types
from collectors.algorithms import CURVES, POST_QUANTUM, STRENGTHS, KeyAlgorithm, aes, elliptic, finite_field, hmac, rsa
from evidence.model import KeyType, ProtectionLevel, State, Usage

STATES: Mapping[str, State] = {
    "Pre-Active": State.PRE_ACTIVE,
    "Active": State.ACTIVE,
    "Deactivated": State.DEACTIVATED,
    "Compromised": State.COMPROMISED,
    "Destroyed": State.DESTROYED,
    "Destroyed Compromised": State.DESTROYED,
}
"""The states of KMIP are those of SP 800-57; what is destroyed stays so, however it ended."""

_CURVES = {
    "P-256": CURVES["P-256"],
    "P-384": CURVES["P-384"],
    "P-521": CURVES["P-521"],
    "SECP256K1": CURVES["secp256k1"],
    "CURVE25519": CURVES["curve25519"],
    "P-192": CURVES["P-192"],
    "P-224": CURVES["P-224"],
    "BRAINPOOLP256R1": CURVES["brainpoolP256r1"],
    "BRAINPOOLP384R1": CURVES["brainpoolP384r1"],
    "BRAINPOOLP512R1": CURVES["brainpoolP512r1"],
    "CURVE448": CURVES["curve448"],
}
"""By KMIP's names of recommended curves."""

_OF_ONE_SIZE = {
    **POST_QUANTUM,
    "Ed25519": CURVES["edwards25519"],
    "Ed448": CURVES["edwards448"],
}

_ELLIPTIC = frozenset({"EC", "ECDSA", "ECDH", "ECMQV"})
_HMAC_HASHES = {
    "HMAC-SHA1": "SHA-1",
    "HMAC-SHA224": "SHA-224",
    "HMAC-SHA256": "SHA-256",
    "HMAC-SHA384": "SHA-384",
    "HMAC-SHA512": "SHA-512",
}
_TRIPLE_DES = {112: "2TDEA", 128: "2TDEA", 168: "3TDEA", 192: "3TDEA"}
"""By the length that KMIP tells, with or without parity bits: with two keys, and with three."""


def key_algorithm(name: str, length: int | None, curve: str | None) -> KeyAlgorithm | None:
    """What kind of key it is; None where algorithm, length and curve do not decide it."""
    if name in _OF_ONE_SIZE:
        return _OF_ONE_SIZE[name]
    if name in _ELLIPTIC:
        return _elliptic(length, curve)
    return _OF_LENGTH[name](length) if name in _OF_LENGTH and length is not None and length > 0 else None


def _aes(length: int) -> KeyAlgorithm | None:
    return aes(length) if length in (128, 192, 256) else None


def _triple_des(length: int) -> KeyAlgorithm | None:
    if length not in _TRIPLE_DES:
        return None
    return KeyAlgorithm("3DES", "", length, STRENGTHS[_TRIPLE_DES[length]].security_bits, 0)


_OF_LENGTH: Mapping[str, Callable[[int], KeyAlgorithm | None]] = {
    "AES": _aes,
    "3DES": _triple_des,
    "DES": lambda length: KeyAlgorithm("DES", "", length, min(length, 56), 0),
    "RSA": rsa,
    "DSA": partial(finite_field, "DSA"),
    "DH": partial(finite_field, "DH"),
    **{name: partial(hmac, hash) for name, hash in _HMAC_HASHES.items()},
}
"""By the length that KMIP tells."""


def _elliptic(length: int | None, curve: str | None) -> KeyAlgorithm | None:
    if curve is not None and curve in _CURVES:
        return _CURVES[curve]
    if length is None or length <= 0:
        return None
    return elliptic(curve or "", length)


def family(name: str) -> str:
    """The family of an algorithm by KMIP's name, whatever its length."""
    if name in _ELLIPTIC or name.startswith("Ed"):
        return "EC"
    return "HMAC" if name.startswith("HMAC-") else name


_USAGES = {
    "Sign": Usage.SIGN,
    "Verify": Usage.SIGN,
    "Encrypt": Usage.ENCRYPT,
    "Decrypt": Usage.ENCRYPT,
    "FPE Encrypt": Usage.ENCRYPT,
    "FPE Decrypt": Usage.ENCRYPT,
    "Translate Encrypt": Usage.ENCRYPT,
    "Translate Decrypt": Usage.ENCRYPT,
    "Wrap Key": Usage.WRAP,
    "Unwrap Key": Usage.WRAP,
    "Translate Wrap": Usage.WRAP,
    "Translate Unwrap": Usage.WRAP,
    "MAC Generate": Usage.MAC,
    "MAC Verify": Usage.MAC,
    "Generate Cryptogram": Usage.MAC,
    "Validate Cryptogram": Usage.MAC,
    "Derive Key": Usage.DERIVE,
    "Content Commitment": Usage.SIGN,
    "Key Agreement": Usage.AGREE,
    "Certificate Sign": Usage.SIGN,
    "CRL Sign": Usage.SIGN,
    "Authenticate": Usage.SIGN,
}

_ANYTHING = frozenset({"Unrestricted"})
_NO_PURPOSE = frozenset({"Export"})
"""Bits of the mask that are no cryptographic use."""


def usages(mask: Sequence[str]) -> list[Usage] | None:
    """What a key may be used for, sorted; None where the mask has a bit that says something unknown."""
    if not _ANYTHING.isdisjoint(mask):
        return sorted(set(_USAGES.values()))
    named = set(mask) - _NO_PURPOSE
    return sorted({_USAGES[bit] for bit in named}) if named <= set(_USAGES) else None


_NIST_TYPES = {f"{kind.value} key".lower(): kind for kind in KeyType}

_ROWS: Mapping[str, key_types.Rows] = {
    "Symmetric Key": key_types.SYMMETRIC,
    "Split Key": key_types.SYMMETRIC,
    "Private Key": key_types.PRIVATE,
    "Public Key": key_types.PUBLIC,
}


def key_type(nist: str | None, object_type: str, used_for: Sequence[Usage] | None) -> KeyType | None:
    """The row of SP 800-57 Part 1 Table 1: as the server states it, else by its uses."""
    if nist is not None:
        return _NIST_TYPES.get(nist.lower())
    return key_types.key_type(_ROWS.get(object_type, {}), used_for or ())


def protection(mask: Sequence[str] | None) -> ProtectionLevel | None:
    """What protects an object by its protection storage mask, which KMIP tells since 2.0."""
    told = {"Software", "Hardware"} & set(mask or ())
    if len(told) != 1:
        return None
    return ProtectionLevel.HSM if "Hardware" in told else ProtectionLevel.SOFTWARE
