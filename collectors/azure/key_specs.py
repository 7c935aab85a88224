"""What the key types of Key Vault and Managed HSM are in terms of algorithms, sizes, uses and strengths."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from collectors import key_types
from collectors.algorithms import CURVES, POST_QUANTUM, KeyAlgorithm, aes, rsa
from evidence.model import KeyType, Usage

_CURVES = {
    "P-256": CURVES["P-256"],
    "P-384": CURVES["P-384"],
    "P-521": CURVES["P-521"],
    "P-256K": CURVES["secp256k1"],
    "SECP256K1": CURVES["secp256k1"],
    "Ed25519": CURVES["edwards25519"],
}
_FAMILIES = {"RSA": "RSA", "EC": "EC", "OKP": "EC", "oct": "AES"}
_USAGES = {
    "encrypt": Usage.ENCRYPT,
    "decrypt": Usage.ENCRYPT,
    "wrapkey": Usage.WRAP,
    "unwrapkey": Usage.WRAP,
    "sign": Usage.SIGN,
    "verify": Usage.SIGN,
    "derivekey": Usage.DERIVE,
    "derivebits": Usage.DERIVE,
    "encapsulate": Usage.ENCAPSULATE,
    "decapsulate": Usage.ENCAPSULATE,
}
_OTHER_OPERATIONS = frozenset(["import", "export", "release"])
"""Operations that move a key and are no use of it."""


def in_hsm(kty: str) -> bool:
    """The key is protected by an HSM, as its type says."""
    return kty.endswith("-HSM")


def family(kty: str, alg: str | None) -> str | None:
    """The algorithm family of a key type; None for one that is not known."""
    name = kty.removesuffix("-HSM")
    if name == "AKP":
        known = POST_QUANTUM.get(alg or "")
        return known.algorithm if known else None
    return _FAMILIES.get(name)


def key_spec(kty: str, *, curve: str | None, bits: int | None, alg: str | None) -> KeyAlgorithm | None:
    """The kind of key; None where its type is not known, or its size is not told.

    `kty` is a JSON Web Key's type, with `-HSM` at its end for a key in an HSM. Source: Azure's "About keys", and
    draft-ietf-cose-dilithium for AKP, whose `alg` names the parameter set.
    """
    name = kty.removesuffix("-HSM")
    if name == "RSA":
        return rsa(bits) if bits and bits > 0 else None
    if name in ("EC", "OKP"):
        return _CURVES.get(curve or "")
    if name == "oct":
        return aes(bits) if bits in (128, 192, 256) else None
    if name == "AKP":
        return POST_QUANTUM.get(alg or "")
    return None


def modulus_bits(modulus: str | None) -> int | None:
    """The size of an RSA key, by its modulus in base64url; None where that is none."""
    if not modulus:
        return None
    try:
        number = int.from_bytes(base64.b64decode(modulus + "=" * (-len(modulus) % 4), altchars=b"-_", validate=True))
    except ValueError:
        return None
    return number.bit_length() or None


def usages(operations: Iterable[str] | None) -> list[Usage] | None:
    """What a key is for, by its operations; None where they are not told, or one of them is not known."""
    if operations is None:
        return None
    names = {operation.lower() for operation in operations} - _OTHER_OPERATIONS
    if not names <= _USAGES.keys():
        return None
    return sorted({_USAGES[name] for name in names})


_SIGNATURES = {
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "secp256k1": ("ES256K",),
    "edwards25519": ("EdDSA",),
}
_RSA_SIGNATURES = ("PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "RSNULL")
_RSA_ENCRYPTION = ("RSA-OAEP", "RSA-OAEP-256", "RSA1_5")


def mechanisms(spec: KeyAlgorithm | None, purposes: list[Usage] | None) -> list[str] | None:
    """The algorithms that a caller may choose with a key of that kind and these purposes, by their names there.

    The service tells a key's operations and leaves the algorithm to each call: whoever may decrypt with an RSA key may
    do so with RSA1_5. Source: Azure's "Key types, algorithms, and operations".
    """
    if spec is None or purposes is None or not {Usage.DERIVE, Usage.ENCAPSULATE}.isdisjoint(purposes):
        return None
    names: set[str] = set()
    if spec.algorithm == "AES":
        names |= {f"A{spec.bits}{mode}" for mode in ("CBC", "CBCPAD", "GCM") if Usage.ENCRYPT in purposes}
        names |= {f"A{spec.bits}KW"} if Usage.WRAP in purposes else set()
    elif spec.algorithm == "RSA":
        names |= set(_RSA_ENCRYPTION) if {Usage.ENCRYPT, Usage.WRAP} & set(purposes) else set()
        names |= set(_RSA_SIGNATURES) if Usage.SIGN in purposes else set()
    elif Usage.SIGN in purposes:
        names |= set(_SIGNATURES.get(spec.parameter_set, (spec.parameter_set,)))
    return sorted(names)


_MADE_FOR = {"AES": Usage.ENCRYPT, "RSA": Usage.WRAP, "ML-KEM": Usage.ENCAPSULATE}
"""Algorithm → its use; those that are not here sign."""


def key_type(algorithm: str | None, purposes: list[Usage] | None) -> KeyType | None:
    """The row of SP 800-57 Part 1 Table 1 for a key.

    One with no purpose at all is taken for what its algorithm is made for.
    """
    if algorithm is None or purposes is None:
        return None
    rows = key_types.SYMMETRIC if algorithm == "AES" else key_types.PRIVATE
    return key_types.key_type(rows, purposes or [_MADE_FOR.get(algorithm, Usage.SIGN)])
