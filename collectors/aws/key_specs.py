"""What the key specs of AWS KMS are in terms of algorithms, sizes and strengths."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.algorithms import CURVES, POST_QUANTUM, KeyAlgorithm, aes, hmac, rsa
from evidence.model import KeyType, Usage

_SPECS = {
    "SYMMETRIC_DEFAULT": aes(256),
    "RSA_2048": rsa(2048),
    "RSA_3072": rsa(3072),
    "RSA_4096": rsa(4096),
    "ECC_NIST_P256": CURVES["P-256"],
    "ECC_NIST_P384": CURVES["P-384"],
    "ECC_NIST_P521": CURVES["P-521"],
    "ECC_NIST_EDWARDS25519": CURVES["edwards25519"],
    "ECC_SECG_P256K1": CURVES["secp256k1"],
    "SM2": KeyAlgorithm("SM2", "sm2p256v1", 256, 128, 0),
    "HMAC_224": hmac("SHA-224", 224),
    "HMAC_256": hmac("SHA-256", 256),
    "HMAC_384": hmac("SHA-384", 384),
    "HMAC_512": hmac("SHA-512", 512),
    "ML_DSA_44": POST_QUANTUM["ML-DSA-44"],
    "ML_DSA_65": POST_QUANTUM["ML-DSA-65"],
    "ML_DSA_87": POST_QUANTUM["ML-DSA-87"],
    "ML_KEM_512": POST_QUANTUM["ML-KEM-512"],
    "ML_KEM_768": POST_QUANTUM["ML-KEM-768"],
    "ML_KEM_1024": POST_QUANTUM["ML-KEM-1024"],
}

CERTIFICATE_KEYS: Mapping[str, KeyAlgorithm] = {
    "RSA_1024": rsa(1024),
    "RSA_2048": rsa(2048),
    "RSA_3072": rsa(3072),
    "RSA_4096": rsa(4096),
    "EC_prime256v1": CURVES["P-256"],
    "EC_secp384r1": CURVES["P-384"],
    "EC_secp521r1": CURVES["P-521"],
}
"""The kinds of keys of certificates in ACM, all of them, by the names that its lists take."""

_SYMMETRIC_IN_CHINA = KeyAlgorithm("SM4", "", 128, 128, 1)
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


def key_spec(name: str | None, region: str | None) -> KeyAlgorithm | None:
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
