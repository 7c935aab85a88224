"""What keys are in terms of algorithms, sizes and strengths, whatever each provider calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evidence.standards import Category, Strength, standards


@dataclass(frozen=True, slots=True)
class KeyAlgorithm:
    """One kind of key.

    Strengths and post-quantum categories are those of `evidence/standards/strengths.toml` and `post-quantum.toml`,
    where each figure has its source.
    """

    algorithm: str
    """Its family: AES, RSA, EC, HMAC, ML-DSA, …"""
    parameter_set: str
    """Curve, hash or parameter set in the algorithm's own name; empty where the size says all."""
    bits: int
    """0 where the algorithm has no size of its own."""
    security_bits: int
    pq_category: int
    """0 for what a quantum computer breaks."""


STRENGTHS: Mapping[str, Strength] = {entry.name: entry for entry in standards()["strengths"].strength}
_CATEGORIES: Mapping[str, Category] = {entry.name: entry for entry in standards()["post-quantum"].category}

SYMMETRIC_CATEGORIES: Mapping[int, int] = {
    entry.bits: entry.category for entry in _CATEGORIES.values() if entry.algorithm == "AES" and entry.category
}
"""Size of an AES key → its post-quantum category."""


def symmetric_category(strength: int) -> int:
    """The category of a cipher or MAC that is as strong as so many bits; 0 where even the least is stronger."""
    return max((category for bits, category in SYMMETRIC_CATEGORIES.items() if strength >= bits), default=0)


_BY_SIZE: Mapping[str, Sequence[tuple[int, int]]] = {
    family: sorted(
        (row.bits, row.security_bits) for row in STRENGTHS.values() if row.algorithm == family and not row.parameter_set
    )
    for family in ("RSA", "EC")
}


def _by_size(family: str, bits: int) -> int:
    """The strength of the row that the size reaches; below the smallest there is no strength to speak of."""
    return max((strength for least, strength in _BY_SIZE[family] if bits >= least), default=0)


def aes(bits: int) -> KeyAlgorithm:
    """AES with a key of 128, 192 or 256 bits."""
    return KeyAlgorithm("AES", "", bits, STRENGTHS[f"AES-{bits}"].security_bits, SYMMETRIC_CATEGORIES[bits])


def rsa(bits: int) -> KeyAlgorithm:
    """RSA with a modulus of so many bits."""
    return KeyAlgorithm("RSA", "", bits, _by_size("RSA", bits), 0)


def finite_field(algorithm: str, bits: int) -> KeyAlgorithm:
    """DSA or Diffie-Hellman with a prime of so many bits; it is as strong as RSA with a modulus of that size."""
    return replace(rsa(bits), algorithm=algorithm)


def elliptic(curve: str, bits: int) -> KeyAlgorithm:
    """A curve of so many bits that has no row of its own; its name is empty where it is not told."""
    return KeyAlgorithm("EC", curve, bits, _by_size("EC", bits), 0)


def hmac(hash: str, bits: int) -> KeyAlgorithm:
    """HMAC over SHA-1 to SHA-512, with a key of so many bits."""
    strength = min(STRENGTHS[f"HMAC-{hash}"].security_bits, bits)
    return KeyAlgorithm("HMAC", hash, bits, strength, symmetric_category(strength))


RSA_PKCS1_ENCRYPTION = "RSAES_PKCS1_V1_5"
"""RSA with PKCS #1 v1.5 padding where it encrypts or wraps, for providers whose one name for it is the signature's too.

Source: RFC 8017, section 7.2.
"""

CURVES: Mapping[str, KeyAlgorithm] = {
    row.parameter_set: KeyAlgorithm("EC", row.parameter_set, row.bits, row.security_bits, 0)
    for row in STRENGTHS.values()
    if row.algorithm == "EC" and row.parameter_set
}
"""Elliptic curves by the names of NIST, SEC, RFC 5639, RFC 7748 and RFC 8032, with the size of a key in bits."""

_PARAMETER_SETS = {"X-Wing": "X25519 and ML-KEM-768"}
"""Parameter set of what has another name than it."""

POST_QUANTUM: Mapping[str, KeyAlgorithm] = {
    row.name: KeyAlgorithm(row.algorithm, _PARAMETER_SETS.get(row.name, row.name), 0, row.security_bits, row.category)
    for row in _CATEGORIES.values()
    if not row.bits and row.category and row.security_bits
}
"""By the names of FIPS 203, 204 and 205; X-Wing is at least as strong as the ML-KEM in it."""
