"""What the key specs of AWS KMS are in terms of algorithms, sizes and strengths."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.model import KeyType, Usage


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One kind of key.

    Strengths: SP 800-57 Part 1 Rev. 5, Table 2 (the row that the size reaches) and Table 3 for HMAC, at most the size
    of the key; FIPS 203 and 204 for ML-KEM and ML-DSA. Post-quantum categories: the same, and NIST's call for
    proposals, which sets categories 1, 3 and 5 to the search for an AES key of 128, 192 and 256 bits.
    """

    algorithm: str
    parameter_set: str
    bits: int
    security_bits: int
    pq_category: int


_SPECS = {
    "SYMMETRIC_DEFAULT": KeySpec("AES", "", 256, 256, 5),
    "RSA_2048": KeySpec("RSA", "", 2048, 112, 0),
    "RSA_3072": KeySpec("RSA", "", 3072, 128, 0),
    "RSA_4096": KeySpec("RSA", "", 4096, 128, 0),
    "ECC_NIST_P256": KeySpec("EC", "P-256", 256, 128, 0),
    "ECC_NIST_P384": KeySpec("EC", "P-384", 384, 192, 0),
    "ECC_NIST_P521": KeySpec("EC", "P-521", 521, 256, 0),
    "ECC_NIST_EDWARDS25519": KeySpec("EC", "edwards25519", 256, 128, 0),
    "ECC_SECG_P256K1": KeySpec("EC", "secp256k1", 256, 128, 0),
    "SM2": KeySpec("SM2", "sm2p256v1", 256, 128, 0),
    "HMAC_224": KeySpec("HMAC", "SHA-224", 224, 192, 3),
    "HMAC_256": KeySpec("HMAC", "SHA-256", 256, 256, 5),
    "HMAC_384": KeySpec("HMAC", "SHA-384", 384, 256, 5),
    "HMAC_512": KeySpec("HMAC", "SHA-512", 512, 256, 5),
    "ML_DSA_44": KeySpec("ML-DSA", "ML-DSA-44", 0, 128, 2),
    "ML_DSA_65": KeySpec("ML-DSA", "ML-DSA-65", 0, 192, 3),
    "ML_DSA_87": KeySpec("ML-DSA", "ML-DSA-87", 0, 256, 5),
    "ML_KEM_512": KeySpec("ML-KEM", "ML-KEM-512", 0, 128, 1),
    "ML_KEM_768": KeySpec("ML-KEM", "ML-KEM-768", 0, 192, 3),
    "ML_KEM_1024": KeySpec("ML-KEM", "ML-KEM-1024", 0, 256, 5),
}

_SYMMETRIC_IN_CHINA = KeySpec("SM4", "", 128, 128, 1)
"""Source: AWS KMS Developer Guide, SYMMETRIC_DEFAULT key spec: in China Regions it is a 128-bit SM4 key."""

_USAGES = {
    "ENCRYPT_DECRYPT": Usage.ENCRYPT,
    "SIGN_VERIFY": Usage.SIGN,
    "GENERATE_VERIFY_MAC": Usage.MAC,
    "KEY_AGREEMENT": Usage.AGREE,
    "ENCAPSULATE_DECAPSULATE": Usage.ENCAPSULATE,
}

_MECHANISMS = {
    "ENCRYPT_DECRYPT": "EncryptionAlgorithms",
    "SIGN_VERIFY": "SigningAlgorithms",
    "GENERATE_VERIFY_MAC": "MacAlgorithms",
    "KEY_AGREEMENT": "KeyAgreementAlgorithms",
    "ENCAPSULATE_DECAPSULATE": "EncapsulationAlgorithms",
}


def key_spec(name: str | None, region: str | None) -> KeySpec | None:
    """The kind of key of that KeySpec; None for one that is not known, or whose meaning the region decides."""
    if name == "SYMMETRIC_DEFAULT":
        if region is None:
            return None
        if region.startswith("cn-"):
            return _SYMMETRIC_IN_CHINA
    return _SPECS.get(name or "")


def usage(key_usage: str | None) -> Usage | None:
    """What a key of that KeyUsage is for."""
    return _USAGES.get(key_usage or "")


def mechanisms_member(key_usage: str | None) -> str | None:
    """The member of DescribeKey's answer that lists the algorithms of a key of that KeyUsage."""
    return _MECHANISMS.get(key_usage or "")


def key_type(spec: str | None, key_usage: str | None) -> KeyType | None:
    """The row of SP 800-57 Part 1 Table 1 for a key.

    A key of KMS that encrypts with a public key mostly carries other keys, and so does a key of a KEM: both are key
    transport. A symmetric key encrypts data or data keys; the period of both rows is the same.
    """
    purpose = usage(key_usage)
    if spec is None or purpose is None:
        return None
    if purpose is Usage.ENCRYPT:
        symmetric = spec == "SYMMETRIC_DEFAULT"
        return KeyType.SYMMETRIC_DATA_ENCRYPTION if symmetric else KeyType.PRIVATE_KEY_TRANSPORT
    return {
        Usage.SIGN: KeyType.PRIVATE_SIGNATURE,
        Usage.MAC: KeyType.SYMMETRIC_AUTHENTICATION,
        Usage.AGREE: KeyType.PRIVATE_STATIC_KEY_AGREEMENT,
        Usage.ENCAPSULATE: KeyType.PRIVATE_KEY_TRANSPORT,
    }[purpose]
