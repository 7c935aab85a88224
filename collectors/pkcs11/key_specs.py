"""What PKCS#11's types of keys, curves and mechanisms are in terms of algorithms, sizes, strengths and purposes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from collectors import key_types
from collectors.algorithms import (
    CURVES,
    POST_QUANTUM,
    STRENGTHS,
    SYMMETRIC_CATEGORIES,
    KeyAlgorithm,
    aes,
    finite_field,
    hmac,
    rsa,
)
from evidence.model import KeyType, Usage

FAMILIES: Mapping[str, str] = {
    "CKK_RSA": "RSA",
    "CKK_DSA": "DSA",
    "CKK_DH": "DH",
    "CKK_X9_42_DH": "DH",
    "CKK_EC": "EC",
    "CKK_EC_EDWARDS": "EC",
    "CKK_EC_MONTGOMERY": "EC",
    "CKK_GENERIC_SECRET": "generic secret",
    "CKK_AES": "AES",
    "CKK_AES_XTS": "AES",
    "CKK_DES": "DES",
    "CKK_DES2": "2TDEA",
    "CKK_DES3": "3TDEA",
    "CKK_RC2": "RC2",
    "CKK_RC4": "RC4",
    "CKK_RC5": "RC5",
    "CKK_IDEA": "IDEA",
    "CKK_CAST128": "CAST",
    "CKK_SKIPJACK": "SKIPJACK",
    "CKK_BLOWFISH": "Blowfish",
    "CKK_TWOFISH": "Twofish",
    "CKK_CAMELLIA": "Camellia",
    "CKK_ARIA": "ARIA",
    "CKK_SEED": "SEED",
    "CKK_CHACHA20": "ChaCha20",
    "CKK_MD5_HMAC": "HMAC",
    "CKK_ML_DSA": "ML-DSA",
    "CKK_ML_KEM": "ML-KEM",
    "CKK_SLH_DSA": "SLH-DSA",
    "CKK_HSS": "HSS",
    "CKK_XMSS": "XMSS",
    "CKK_XMSSMT": "XMSSMT",
}
"""The algorithm families of types of keys."""

_HMAC_HASHES = {
    "CKK_SHA_1_HMAC": "SHA-1",
    "CKK_SHA224_HMAC": "SHA-224",
    "CKK_SHA256_HMAC": "SHA-256",
    "CKK_SHA384_HMAC": "SHA-384",
    "CKK_SHA512_HMAC": "SHA-512",
}

_FIXED = {
    "CKK_DES": KeyAlgorithm("DES", "", 56, 56, 0),
    "CKK_DES2": KeyAlgorithm("2TDEA", "", 112, STRENGTHS["2TDEA"].security_bits, 0),
    "CKK_DES3": KeyAlgorithm("3TDEA", "", 168, STRENGTHS["3TDEA"].security_bits, 0),
    "CKK_SKIPJACK": KeyAlgorithm("SKIPJACK", "", 80, 80, 0),
    "CKK_IDEA": KeyAlgorithm("IDEA", "", 128, 128, 1),
    "CKK_SEED": KeyAlgorithm("SEED", "", 128, 128, 1),
    "CKK_CHACHA20": KeyAlgorithm("ChaCha20", "", 256, 256, 5),
}
"""Ciphers with one size. The strength of those for which no standard gives one is at most the size of the key."""

_OF_BLOCK_CIPHERS = {"CKK_CAMELLIA": "Camellia", "CKK_ARIA": "ARIA", "CKK_TWOFISH": "Twofish"}
"""Ciphers with keys of 128, 192 and 256 bits, whose strength is the size of the key."""

_CURVES_BY_PARAMETERS: Mapping[str, KeyAlgorithm] = {
    "06082a8648ce3d030107": CURVES["P-256"],
    "06052b81040022": CURVES["P-384"],
    "06052b81040023": CURVES["P-521"],
    "06052b8104000a": CURVES["secp256k1"],
    "06052b81040021": CURVES["P-224"],
    "06082a8648ce3d030101": CURVES["P-192"],
    "06092b2403030208010107": CURVES["brainpoolP256r1"],
    "06092b240303020801010b": CURVES["brainpoolP384r1"],
    "06092b240303020801010d": CURVES["brainpoolP512r1"],
    "06032b6570": CURVES["edwards25519"],
    "06092b06010401da470f01": CURVES["edwards25519"],
    "130c656477617264733235353139": CURVES["edwards25519"],
    "06032b6571": CURVES["edwards448"],
    "130a65647761726473343438": CURVES["edwards448"],
    "06032b656e": CURVES["curve25519"],
    "060a2b060104019755010501": CURVES["curve25519"],
    "130a63757276653235353139": CURVES["curve25519"],
    "06032b656f": CURVES["curve448"],
    "13086375727665343438": CURVES["curve448"],
}
"""By CKA_EC_PARAMS: the DER of a named curve's object identifier, or of its name as a PrintableString.

Sources: RFC 5480, RFC 5639, RFC 8410, PKCS#11 section on elliptic curves.
"""

_PARAMETER_SETS = {
    "CKK_ML_KEM": {1: "ML-KEM-512", 2: "ML-KEM-768", 3: "ML-KEM-1024"},
    "CKK_ML_DSA": {1: "ML-DSA-44", 2: "ML-DSA-65", 3: "ML-DSA-87"},
    "CKK_SLH_DSA": {
        number: f"SLH-DSA-{hash}-{size}"
        for number, (size, hash) in enumerate(
            ((size, hash) for size in ("128s", "128f", "192s", "192f", "256s", "256f") for hash in ("SHA2", "SHAKE")), 1
        )
    },
}
"""By CKA_PARAMETER_SET. Source: PKCS#11 Specification Version 3.2, CKP_ constants."""


def by_length(key_type: str, length: int) -> KeyAlgorithm | None:
    """A secret key of that type and of so many bytes; None where neither tells how strong it is."""
    bits = 8 * length
    if key_type in _FIXED:
        return _FIXED[key_type]
    if key_type == "CKK_AES":
        return aes(bits) if bits in SYMMETRIC_CATEGORIES else None
    if key_type in _OF_BLOCK_CIPHERS and bits in SYMMETRIC_CATEGORIES:
        return KeyAlgorithm(_OF_BLOCK_CIPHERS[key_type], "", bits, bits, SYMMETRIC_CATEGORIES[bits])
    if key_type in _HMAC_HASHES:
        return hmac(_HMAC_HASHES[key_type], bits)
    return None


def without_length(key_type: str) -> KeyAlgorithm | None:
    """A secret key of a type that has one size."""
    return _FIXED.get(key_type)


def by_modulus(bits: int) -> KeyAlgorithm:
    """An RSA key."""
    return rsa(bits)


def by_prime(key_type: str, bits: int) -> KeyAlgorithm:
    """A key for DSA or Diffie-Hellman, by its prime."""
    return finite_field(FAMILIES[key_type], bits)


def by_curve(parameters: str) -> KeyAlgorithm | None:
    """A key on a curve, by CKA_EC_PARAMS in hexadecimal; None for one that is not known."""
    return _CURVES_BY_PARAMETERS.get(parameters)


def by_parameter_set(key_type: str, number: int) -> KeyAlgorithm | None:
    """A post-quantum key; None for a parameter set that is not known."""
    return POST_QUANTUM.get(_PARAMETER_SETS.get(key_type, {}).get(number, ""))


def family(key_type: str) -> str | None:
    """The algorithm family of a type of keys; None for a vendor's own or one that is not known."""
    return "HMAC" if key_type.endswith("_HMAC") else FAMILIES.get(key_type)


USAGE_OF_FLAGS: Mapping[str, Usage] = {
    "CKA_ENCRYPT": Usage.ENCRYPT,
    "CKA_DECRYPT": Usage.ENCRYPT,
    "CKA_WRAP": Usage.WRAP,
    "CKA_UNWRAP": Usage.WRAP,
    "CKA_SIGN": Usage.SIGN,
    "CKA_SIGN_RECOVER": Usage.SIGN,
    "CKA_VERIFY": Usage.SIGN,
    "CKA_VERIFY_RECOVER": Usage.SIGN,
    "CKA_DERIVE": Usage.DERIVE,
    "CKA_ENCAPSULATE": Usage.ENCAPSULATE,
    "CKA_DECAPSULATE": Usage.ENCAPSULATE,
}


def usages(object_class: str, flags: Collection[str]) -> list[Usage]:
    """What an object with these flags set is for. A secret key signs MACs; an asymmetric one derives by agreement."""
    found = {USAGE_OF_FLAGS[flag] for flag in flags if flag in USAGE_OF_FLAGS}
    symmetric = object_class not in ("CKO_PRIVATE_KEY", "CKO_PUBLIC_KEY")
    changes = {Usage.SIGN: Usage.MAC} if symmetric else {Usage.DERIVE: Usage.AGREE}
    return sorted(changes.get(usage, usage) for usage in found)


_ROWS: Mapping[str, key_types.Rows] = {
    "CKO_SECRET_KEY": key_types.SYMMETRIC,
    "CKO_OTP_KEY": key_types.SYMMETRIC,
    "CKO_PRIVATE_KEY": key_types.PRIVATE,
    "CKO_PUBLIC_KEY": key_types.PUBLIC,
}


def key_type_of(object_class: str, purposes: Collection[Usage]) -> KeyType | None:
    """The row of SP 800-57 Part 1 Table 1 for a key; None where it has no purpose."""
    return key_types.key_type(_ROWS.get(object_class, {}), purposes)


_MECHANISMS_OF: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "CKK_RSA": r".*RSA_(?!AES).*|RSA_AES_KEY_WRAP",
        "CKK_DSA": r"DSA|DSA_.*",
        "CKK_DH": r"DH_PKCS_.*",
        "CKK_X9_42_DH": r"X9_42_.*",
        "CKK_EC": r"ECDSA|ECDSA_.*|ECDH.*|ECMQV_.*",
        "CKK_EC_EDWARDS": r"EDDSA|XEDDSA",
        "CKK_EC_MONTGOMERY": r"ECDH.*|XEDDSA",
        "CKK_AES": r"AES_.*",
        "CKK_AES_XTS": r"AES_XTS",
        "CKK_DES": r"DES_.*",
        "CKK_DES2": r"DES3_.*",
        "CKK_DES3": r"DES3_.*",
        "CKK_RC2": r"RC2_.*",
        "CKK_RC4": r"RC4",
        "CKK_RC5": r"RC5_.*",
        "CKK_IDEA": r"IDEA_.*",
        "CKK_CAST128": r"CAST128_.*",
        "CKK_SKIPJACK": r"SKIPJACK_.*",
        "CKK_BLOWFISH": r"BLOWFISH_.*",
        "CKK_TWOFISH": r"TWOFISH_.*",
        "CKK_CAMELLIA": r"CAMELLIA_.*",
        "CKK_ARIA": r"ARIA_.*",
        "CKK_SEED": r"SEED_.*",
        "CKK_CHACHA20": r"CHACHA20.*",
        "CKK_GENERIC_SECRET": r".*_HMAC(_GENERAL)?|(SHA|BLAKE|MD).*_KEY_DERIV.*|CONCATENATE_.*|XOR_.*|HKDF_.*|SP800_.*",
        "CKK_ML_DSA": r"(HASH_)?ML_DSA.*",
        "CKK_ML_KEM": r"ML_KEM.*",
        "CKK_SLH_DSA": r"(HASH_)?SLH_DSA.*",
        "CKK_HSS": r"HSS.*",
        "CKK_XMSS": r"XMSS",
        "CKK_XMSSMT": r"XMSSMT",
    }.items()
}
"""By the type of a key, the mechanisms that take one, as PKCS#11 names them without CKM_."""


def mechanisms_of(key_type: str, mechanisms: Iterable[str]) -> list[str] | None:
    """Of mechanisms by their full names, those that take a key of that type; None for a type that is not known."""
    pattern = _MECHANISMS_OF.get(key_type)
    if key_type.endswith("_HMAC"):
        pattern = re.compile(re.escape(key_type.removeprefix("CKK_")) + "(_GENERAL)?")
    if pattern is None:
        return None
    return sorted(name for name in mechanisms if pattern.fullmatch(name.removeprefix("CKM_")))
