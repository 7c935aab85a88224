"""What keys are in terms of algorithms, sizes and strengths, whatever each provider calls them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class KeyAlgorithm:
    """One kind of key.

    Strengths: SP 800-57 Part 1 Rev. 5, Table 2 (the row that the size reaches) and Table 3 for HMAC, at most the size
    of the key; FIPS 203, 204 and 205 for ML-KEM, ML-DSA and SLH-DSA. Post-quantum categories: the same, and NIST's
    call for proposals, which sets categories 1, 3 and 5 to the search for an AES key of 128, 192 and 256 bits.
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


_RSA_SIZES = (1024, 2048, 3072, 7680, 15360)
_RSA_STRENGTHS = (0, 80, 112, 128, 192, 256)
_SYMMETRIC_CATEGORIES = {128: 1, 192: 3, 256: 5}
_HASH_STRENGTHS = {"SHA-1": 128, "SHA-224": 192, "SHA-256": 256, "SHA-384": 256, "SHA-512": 256}
"""Of HMAC with a key as long as the hash; above 256 bits no distinction is made."""


def aes(bits: int) -> KeyAlgorithm:
    """AES with a key of 128, 192 or 256 bits."""
    return KeyAlgorithm("AES", "", bits, bits, _SYMMETRIC_CATEGORIES[bits])


def rsa(bits: int) -> KeyAlgorithm:
    """RSA with a modulus of so many bits; below 1024 bits there is no strength to speak of."""
    return KeyAlgorithm("RSA", "", bits, _RSA_STRENGTHS[bisect_right(_RSA_SIZES, bits)], 0)


def finite_field(algorithm: str, bits: int) -> KeyAlgorithm:
    """DSA or Diffie-Hellman with a prime of so many bits; it is as strong as RSA with a modulus of that size."""
    return replace(rsa(bits), algorithm=algorithm)


def hmac(hash: str, bits: int) -> KeyAlgorithm:
    """HMAC over SHA-1 to SHA-512, with a key of so many bits."""
    strength = min(_HASH_STRENGTHS[hash], bits)
    category = next((c for size, c in ((256, 5), (192, 3), (128, 1)) if strength >= size), 0)
    return KeyAlgorithm("HMAC", hash, bits, strength, category)


RSA_PKCS1_ENCRYPTION = "RSAES_PKCS1_V1_5"
"""RSA with PKCS #1 v1.5 padding where it encrypts or wraps, for providers whose one name for it is the signature's too.

Source: RFC 8017, section 7.2.
"""

CURVES: Mapping[str, KeyAlgorithm] = {
    "P-256": KeyAlgorithm("EC", "P-256", 256, 128, 0),
    "P-384": KeyAlgorithm("EC", "P-384", 384, 192, 0),
    "P-521": KeyAlgorithm("EC", "P-521", 521, 256, 0),
    "secp256k1": KeyAlgorithm("EC", "secp256k1", 256, 128, 0),
    "P-192": KeyAlgorithm("EC", "P-192", 192, 80, 0),
    "P-224": KeyAlgorithm("EC", "P-224", 224, 112, 0),
    "brainpoolP256r1": KeyAlgorithm("EC", "brainpoolP256r1", 256, 128, 0),
    "brainpoolP384r1": KeyAlgorithm("EC", "brainpoolP384r1", 384, 192, 0),
    "brainpoolP512r1": KeyAlgorithm("EC", "brainpoolP512r1", 512, 256, 0),
    "edwards25519": KeyAlgorithm("EC", "edwards25519", 256, 128, 0),
    "edwards448": KeyAlgorithm("EC", "edwards448", 456, 224, 0),
    "curve25519": KeyAlgorithm("EC", "curve25519", 256, 128, 0),
    "curve448": KeyAlgorithm("EC", "curve448", 448, 224, 0),
}
"""Elliptic curves by the names of NIST, SEC, RFC 5639, RFC 7748 and RFC 8032, with the size of a key in bits."""

POST_QUANTUM: Mapping[str, KeyAlgorithm] = {
    "ML-DSA-44": KeyAlgorithm("ML-DSA", "ML-DSA-44", 0, 128, 2),
    "ML-DSA-65": KeyAlgorithm("ML-DSA", "ML-DSA-65", 0, 192, 3),
    "ML-DSA-87": KeyAlgorithm("ML-DSA", "ML-DSA-87", 0, 256, 5),
    "ML-KEM-512": KeyAlgorithm("ML-KEM", "ML-KEM-512", 0, 128, 1),
    "ML-KEM-768": KeyAlgorithm("ML-KEM", "ML-KEM-768", 0, 192, 3),
    "ML-KEM-1024": KeyAlgorithm("ML-KEM", "ML-KEM-1024", 0, 256, 5),
    "SLH-DSA-SHA2-128s": KeyAlgorithm("SLH-DSA", "SLH-DSA-SHA2-128s", 0, 128, 1),
    "X-Wing": KeyAlgorithm("X-Wing", "X25519 and ML-KEM-768", 0, 192, 3),
}
"""By the names of FIPS 203, 204 and 205; X-Wing is at least as strong as the ML-KEM in it."""
