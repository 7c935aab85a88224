"""KMIP's algorithms, lengths and curves in the terms of SP 800-57."""

from typing import Any

import pytest

from collectors.kmip.key_specs import STATES, family, key_algorithm, key_type, usages
from collectors.kmip.names import ENUMERATIONS, MASKS
from evidence.model import KeyType, Usage


@pytest.mark.parametrize(
    ("name", "length", "curve", "expected"),
    [
        ("AES", 128, None, ("AES", "", 128, 128, 1)),
        ("AES", 256, None, ("AES", "", 256, 256, 5)),
        ("AES", 512, None, None),
        ("AES", None, None, None),
        ("AES", 0, None, None),
        ("AES", -256, None, None),
        ("3DES", 168, None, ("3DES", "", 168, 112, 0)),
        ("3DES", 192, None, ("3DES", "", 192, 112, 0)),
        ("3DES", 112, None, ("3DES", "", 112, 80, 0)),
        ("3DES", 64, None, None),
        ("DES", 64, None, ("DES", "", 64, 56, 0)),
        ("RSA", 2048, None, ("RSA", "", 2048, 112, 0)),
        ("RSA", 3072, None, ("RSA", "", 3072, 128, 0)),
        ("RSA", 512, None, ("RSA", "", 512, 0, 0)),
        ("DSA", 2048, None, ("DSA", "", 2048, 112, 0)),
        ("DH", 3072, None, ("DH", "", 3072, 128, 0)),
        ("HMAC-SHA256", 256, None, ("HMAC", "SHA-256", 256, 256, 5)),
        ("HMAC-SHA1", 80, None, ("HMAC", "SHA-1", 80, 80, 0)),
        ("HMAC-MD5", 128, None, None),
        ("ECDSA", 256, "P-256", ("EC", "P-256", 256, 128, 0)),
        ("ECDH", None, "P-521", ("EC", "P-521", 521, 256, 0)),
        ("EC", 256, None, ("EC", "", 256, 128, 0)),
        ("EC", 521, None, ("EC", "", 521, 256, 0)),
        ("EC", 100, None, ("EC", "", 100, 0, 0)),
        ("EC", 233, "K-233", ("EC", "K-233", 233, 112, 0)),
        ("EC", None, "K-233", None),
        ("EC", None, None, None),
        ("ECDSA", 256, "SECP256K1", ("EC", "secp256k1", 256, 128, 0)),
        ("Ed25519", None, None, ("EC", "edwards25519", 256, 128, 0)),
        ("Ed448", 456, None, ("EC", "edwards448", 456, 224, 0)),
        ("ML-KEM-768", None, None, ("ML-KEM", "ML-KEM-768", 0, 192, 3)),
        ("ML-DSA-65", 1, None, ("ML-DSA", "ML-DSA-65", 0, 192, 3)),
        ("Camellia", 256, None, None),
        ("0x80000001", 256, None, None),
    ],
)
def test_algorithms(name: str, length: int | None, curve: str | None, expected: Any) -> None:
    found = key_algorithm(name, length, curve)
    told = found and (found.algorithm, found.parameter_set, found.bits, found.security_bits, found.pq_category)
    assert told == expected


def test_a_family_is_known_without_a_length() -> None:
    names = ["ECDSA", "EC", "Ed25519", "HMAC-SHA3-256", "AES", "Camellia"]
    assert [family(name) for name in names] == ["EC", "EC", "EC", "HMAC", "AES", "Camellia"]


def test_every_state_of_kmip_is_known() -> None:
    assert set(STATES) == set(ENUMERATIONS["State"].values())


@pytest.mark.parametrize("bit", MASKS["Cryptographic Usage Mask"].values())
def test_every_bit_of_the_usage_mask_is_known(bit: str) -> None:
    assert usages([bit]) is not None


def test_every_key_type_of_the_inventory_is_one_of_kmip() -> None:
    told = {key_type(name, "Symmetric Key", None) for name in ENUMERATIONS["NIST Key Type"].values()}
    assert told - {None} == set(KeyType)


def test_without_a_stated_type_the_uses_tell_it() -> None:
    assert key_type(None, "Private Key", [Usage.ENCRYPT, Usage.WRAP]) is KeyType.PRIVATE_KEY_TRANSPORT
    assert key_type(None, "Private Key", [Usage.SIGN, Usage.ENCRYPT]) is KeyType.PRIVATE_KEY_TRANSPORT
    assert key_type(None, "Split Key", usages(["Unrestricted"])) is KeyType.SYMMETRIC_MASTER
    assert key_type(None, "Private Key", [Usage.MAC]) is None
    assert key_type(None, "PGP Key", [Usage.SIGN]) is None
    assert key_type(None, "Symmetric Key", []) is None
