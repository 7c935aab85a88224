"""What the algorithms, purposes and protection levels of Cloud KMS are in the terms of the inventory."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.algorithms import CURVES, POST_QUANTUM, KeyAlgorithm, aes, hmac, rsa
from evidence.model import KeyType, ProtectionLevel, Rotatable, Usage

_EXACT = {
    "GOOGLE_SYMMETRIC_ENCRYPTION": aes(256),
    "EC_SIGN_P256_SHA256": CURVES["P-256"],
    "EC_SIGN_P384_SHA384": CURVES["P-384"],
    "EC_SIGN_SECP256K1_SHA256": CURVES["secp256k1"],
    "EC_SIGN_ED25519": CURVES["edwards25519"],
    "HMAC_SHA1": hmac("SHA-1", 160),
    "HMAC_SHA224": hmac("SHA-224", 224),
    "HMAC_SHA256": hmac("SHA-256", 256),
    "HMAC_SHA384": hmac("SHA-384", 384),
    "HMAC_SHA512": hmac("SHA-512", 512),
    "ML_KEM_768": POST_QUANTUM["ML-KEM-768"],
    "ML_KEM_1024": POST_QUANTUM["ML-KEM-1024"],
    "KEM_XWING": POST_QUANTUM["X-Wing"],
    "PQ_SIGN_SLH_DSA_SHA2_128S": POST_QUANTUM["SLH-DSA-SHA2-128s"],
    "PQ_SIGN_HASH_SLH_DSA_SHA2_128S_SHA256": POST_QUANTUM["SLH-DSA-SHA2-128s"],
}
"""Source: Cloud KMS documentation, key purposes and algorithms: GOOGLE_SYMMETRIC_ENCRYPTION is AES-256 in GCM."""

_AES_SUFFIXES = ("GCM", "CBC", "CTR", "KWP")


def _all_algorithms() -> dict[str, KeyAlgorithm]:
    found = dict(_EXACT)
    for bits in (128, 256):
        found |= {f"AES_{bits}_{mode}": aes(bits) for mode in _AES_SUFFIXES}
    for size in (2048, 3072, 4096):
        for scheme in ("RSA_SIGN_PSS", "RSA_SIGN_PKCS1", "RSA_DECRYPT_OAEP"):
            found |= {f"{scheme}_{size}_{digest}": rsa(size) for digest in ("SHA1", "SHA256", "SHA512")}
        found[f"RSA_SIGN_RAW_PKCS1_{size}"] = rsa(size)
    for size in (44, 65, 87):
        for variant in ("", "_EXTERNAL_MU"):
            found[f"PQ_SIGN_ML_DSA_{size}{variant}"] = POST_QUANTUM[f"ML-DSA-{size}"]
    return found


ALGORITHMS = _all_algorithms()
"""By the CryptoKeyVersionAlgorithm's name. EXTERNAL_SYMMETRIC_ENCRYPTION is whatever its key manager makes of it."""

_USAGES = {
    "ENCRYPT_DECRYPT": Usage.ENCRYPT,
    "RAW_ENCRYPT_DECRYPT": Usage.ENCRYPT,
    "ASYMMETRIC_SIGN": Usage.SIGN,
    "ASYMMETRIC_DECRYPT": Usage.ENCRYPT,
    "MAC": Usage.MAC,
    "KEY_ENCAPSULATION": Usage.ENCAPSULATE,
    "AES_WRAPPING": Usage.WRAP,
}

_KEY_TYPES = {
    "ENCRYPT_DECRYPT": KeyType.SYMMETRIC_DATA_ENCRYPTION,
    "RAW_ENCRYPT_DECRYPT": KeyType.SYMMETRIC_DATA_ENCRYPTION,
    "ASYMMETRIC_SIGN": KeyType.PRIVATE_SIGNATURE,
    "ASYMMETRIC_DECRYPT": KeyType.PRIVATE_KEY_TRANSPORT,
    "MAC": KeyType.SYMMETRIC_AUTHENTICATION,
    "KEY_ENCAPSULATION": KeyType.PRIVATE_KEY_TRANSPORT,
    "AES_WRAPPING": KeyType.SYMMETRIC_KEY_WRAPPING,
}
"""A key that encrypts with a public key mostly carries other keys, and so does a key of a KEM."""

_PROTECTION = {
    "SOFTWARE": ProtectionLevel.SOFTWARE,
    "HSM": ProtectionLevel.HSM,
    "HSM_SINGLE_TENANT": ProtectionLevel.HSM,
    "EXTERNAL": ProtectionLevel.EXTERNAL,
    "EXTERNAL_VPC": ProtectionLevel.EXTERNAL,
}

_NOT_ROTATED = {
    "ASYMMETRIC_SIGN": Rotatable.ASYMMETRIC,
    "ASYMMETRIC_DECRYPT": Rotatable.ASYMMETRIC,
    "KEY_ENCAPSULATION": Rotatable.ASYMMETRIC,
    "MAC": Rotatable.MAC,
    "RAW_ENCRYPT_DECRYPT": Rotatable.NOT_OFFERED,
    "AES_WRAPPING": Rotatable.NOT_OFFERED,
}

ROTATED = "ENCRYPT_DECRYPT"
"""The one purpose whose keys have a primary version and can rotate on a schedule.

Source: Cloud KMS API reference, CryptoKey.nextRotationTime.
"""


def usage(purpose: str) -> Usage | None:
    """What a key of that purpose is for."""
    return _USAGES.get(purpose)


def key_type(purpose: str) -> KeyType | None:
    """The row of SP 800-57 Part 1 Table 1 for a key of that purpose."""
    return _KEY_TYPES.get(purpose)


def protection(level: str | None) -> ProtectionLevel | None:
    """What protects the material at that protection level."""
    return _PROTECTION.get(level or "")


COORDINATED: Mapping[str, bool] = {
    "CLOUD_KMS": True,
    "MANUAL": False,
    "KEY_MANAGEMENT_MODE_UNSPECIFIED": False,
    "": False,
}
"""By the key management mode of an EKM connection, whether Cloud KMS has its key manager make material; where the mode
is not set, people do. Source: Cloud KMS API reference, EkmConnection.KeyManagementMode.
"""


def rotatable(
    purpose: str, level: ProtectionLevel | None, *, import_only: bool, active: bool, coordinated: bool | None = False
) -> Rotatable | None:
    """Whether Cloud KMS can rotate a key by itself, as it is now; None where its answers do not decide it.

    `coordinated` says that Cloud KMS has the key's external key manager make material; None where that was not read.
    Source: Cloud KMS documentation, key rotation: only symmetric encryption keys rotate on a schedule, and no key does
    whose material is imported, or in an external key manager unless it is coordinated.
    """
    if purpose in _NOT_ROTATED:
        return _NOT_ROTATED[purpose]
    if purpose != ROTATED or level is None:
        return None
    if level is ProtectionLevel.EXTERNAL and not coordinated:
        return None if coordinated is None else Rotatable.EXTERNAL
    if import_only:
        return Rotatable.IMPORTED
    return Rotatable.YES if active else Rotatable.NOT_ACTIVE
