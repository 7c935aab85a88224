"""What transit's key types are in terms of algorithms, sizes, uses and strengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collectors.algorithms import CURVES, POST_QUANTUM, KeyAlgorithm, aes, rsa, symmetric_category
from collectors.key_types import PRIVATE, key_type
from evidence.model import KeyType, Usage

EXTERNAL = frozenset(["external-key", "managed_key"])
"""Types of keys whose material is another key store's: OpenBao's external and Vault Enterprise's managed keys."""


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One type of transit keys."""

    algorithm: KeyAlgorithm
    usages: tuple[Usage, ...]
    key_type: KeyType | None


_OF_RSA = (Usage.ENCRYPT, Usage.SIGN)


def _encrypting(algorithm: KeyAlgorithm) -> KeySpec:
    return KeySpec(algorithm, (Usage.ENCRYPT,), KeyType.SYMMETRIC_DATA_ENCRYPTION)


def _signing(algorithm: KeyAlgorithm) -> KeySpec:
    return KeySpec(algorithm, (Usage.SIGN,), KeyType.PRIVATE_SIGNATURE)


def _rsa(bits: int) -> KeySpec:
    return KeySpec(rsa(bits), _OF_RSA, key_type(PRIVATE, _OF_RSA))


def _cmac(bits: int) -> KeySpec:
    algorithm = KeyAlgorithm("CMAC", "AES", bits, bits, aes(bits).pq_category)
    return KeySpec(algorithm, (Usage.MAC,), KeyType.SYMMETRIC_AUTHENTICATION)


def _hmac(size: int) -> KeySpec | None:
    """A key of so many bytes; each caller chooses the hash."""
    bits = size * 8
    if not bits:
        return None
    algorithm = KeyAlgorithm("HMAC", "", bits, min(bits, 256), symmetric_category(bits))
    return KeySpec(algorithm, (Usage.MAC,), KeyType.SYMMETRIC_AUTHENTICATION)


_CHACHA = KeyAlgorithm("ChaCha20", "", 256, 256, 5)
"""RFC 8439; as strong against a search for its key as AES with a key of that size."""

_SPECS: Mapping[str, KeySpec] = {
    "aes128-gcm96": _encrypting(aes(128)),
    "aes256-gcm96": _encrypting(aes(256)),
    "chacha20-poly1305": _encrypting(_CHACHA),
    "xchacha20-poly1305": _encrypting(_CHACHA),
    "ed25519": _signing(CURVES["edwards25519"]),
    "ecdsa-p256": _signing(CURVES["P-256"]),
    "ecdsa-p384": _signing(CURVES["P-384"]),
    "ecdsa-p521": _signing(CURVES["P-521"]),
    **{f"rsa-{bits}": _rsa(bits) for bits in (2048, 3072, 4096)},
    **{f"mldsa-{n}": _signing(POST_QUANTUM[f"ML-DSA-{n}"]) for n in (44, 65, 87)},
    **{f"aes{bits}-cmac": _cmac(bits) for bits in (128, 192, 256)},
}
"""By name. Source: Vault and OpenBao documentation, transit secrets engine, key types. An RSA key of transit both
signs and decrypts."""


_HASHES = ("sha1", *(f"sha{family}-{bits}" for family in (2, 3) for bits in (224, 256, 384, 512)))
_ANY_HASH = tuple(f"hash_algorithm={name}" for name in _HASHES)
_ANY_SIGNATURE = tuple(f"signature_algorithm={name}" for name in ("pss", "pkcs1v15"))


def mechanisms(type: str) -> list[str]:
    """Its type, and the parameters of `sign` that each request may choose, sorted.

    Nothing limits them for one key; a policy may, for those whom it admits. Source: Vault and OpenBao documentation,
    transit secrets engine, Sign Data, and what OpenBao 2.x answers.
    """
    chosen = _ANY_HASH if type.startswith(("rsa-", "ecdsa-")) else ()
    return sorted([type, *chosen, *(_ANY_SIGNATURE if type.startswith("rsa-") else ())])


def key_spec(type: str, *, key_size: int, parameter_set: str) -> KeySpec | None:
    """What a key is; None for a type that is not known, or does not tell what it is."""
    if type == "hmac":
        return _hmac(key_size)
    if type == "ml-dsa":
        known = POST_QUANTUM.get(f"ML-DSA-{parameter_set}")
        return _signing(known) if known else None
    return _SPECS.get(type)
