"""What PKCS#11's numbers and names stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

import pytest
from asn1crypto.core import ObjectIdentifier, PrintableString
from pkcs11 import Attribute, KeyType, Mechanism

from collectors.pkcs11 import cryptoki, key_specs
from collectors.pkcs11.attributes import KINDS, NUMBERS, OF_CLASS


def _plain(name: str) -> str:
    """A name without what the library adds to those that it thinks little of, and in its newer form."""
    newer = {"CAST5": "CAST128", "KEY_DERIVATION": "KEY_DERIVE"}
    for old, new in newer.items():
        name = name.replace(old, new)
    return name.lstrip("_")


@pytest.mark.parametrize(
    ("ours", "theirs"), [(cryptoki.MECHANISMS, Mechanism), (cryptoki.KEY_TYPES, KeyType)], ids=["CKM", "CKK"]
)
def test_names_are_those_of_an_independent_library(ours: Mapping[int, str], theirs: Iterable[IntEnum]) -> None:
    standard = {int(one): one.name for one in theirs if int(one) < cryptoki.VENDOR_DEFINED}
    assert set(standard) <= set(ours)
    assert {_plain(name) for name in standard.values()} == {_plain(ours[number]) for number in standard}
    assert all(_plain(ours[number]) == _plain(name) for number, name in standard.items())


def test_attributes_are_those_of_an_independent_library() -> None:
    numbers = {f"CKA_{attribute.name}": int(attribute) for attribute in Attribute}
    assert {name for name, number in NUMBERS.items() if numbers.get(name, number) != number} == set()
    assert {name for attributes in OF_CLASS.values() for name in attributes} <= set(NUMBERS)
    assert set(KINDS) == set(NUMBERS)


@pytest.mark.parametrize(
    ("dotted", "curve"),
    [
        ("1.2.840.10045.3.1.1", "P-192"),
        ("1.3.132.0.33", "P-224"),
        ("1.2.840.10045.3.1.7", "P-256"),
        ("1.3.132.0.34", "P-384"),
        ("1.3.132.0.35", "P-521"),
        ("1.3.132.0.10", "secp256k1"),
        ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
        ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
        ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1"),
        ("1.3.101.112", "edwards25519"),
        ("1.3.6.1.4.1.11591.15.1", "edwards25519"),
        ("1.3.101.113", "edwards448"),
        ("1.3.101.110", "curve25519"),
        ("1.3.6.1.4.1.3029.1.5.1", "curve25519"),
        ("1.3.101.111", "curve448"),
    ],
)
def test_curves_by_their_object_identifiers(dotted: str, curve: str) -> None:
    spec = key_specs.by_curve(ObjectIdentifier(dotted).dump().hex())
    assert spec is not None
    assert spec.parameter_set == curve


@pytest.mark.parametrize("name", ["edwards25519", "edwards448", "curve25519", "curve448"])
def test_curves_by_their_names(name: str) -> None:
    spec = key_specs.by_curve(PrintableString(name).dump().hex())
    assert spec is not None
    assert spec.parameter_set == name


@pytest.mark.parametrize(
    ("key_type", "number", "name", "strength", "category"),
    [
        ("CKK_ML_KEM", 3, "ML-KEM-1024", 256, 5),
        ("CKK_ML_DSA", 1, "ML-DSA-44", 128, 2),
        ("CKK_SLH_DSA", 1, "SLH-DSA-SHA2-128s", 128, 1),
        ("CKK_SLH_DSA", 4, "SLH-DSA-SHAKE-128f", 128, 1),
        ("CKK_SLH_DSA", 12, "SLH-DSA-SHAKE-256f", 256, 5),
    ],
)
def test_parameter_sets(key_type: str, number: int, name: str, strength: int, category: int) -> None:
    spec = key_specs.by_parameter_set(key_type, number)
    assert spec is not None
    assert (spec.parameter_set, spec.security_bits, spec.pq_category) == (name, strength, category)
    assert key_specs.by_parameter_set(key_type, 99) is None


@pytest.mark.parametrize(
    ("key_type", "mechanism", "takes"),
    [
        ("CKK_RSA", "CKM_SHA1_RSA_PKCS", True),
        ("CKK_RSA", "CKM_RSA_PKCS_OAEP", True),
        ("CKK_RSA", "CKM_ECDSA_SHA1", False),
        ("CKK_DSA", "CKM_ECDSA", False),
        ("CKK_DSA", "CKM_ML_DSA", False),
        ("CKK_DES3", "CKM_DES3_CBC", True),
        ("CKK_DES", "CKM_DES3_CBC", False),
        ("CKK_AES", "CKM_AES_KEY_WRAP", True),
        ("CKK_SHA256_HMAC", "CKM_SHA256_HMAC", True),
        ("CKK_SHA256_HMAC", "CKM_SHA384_HMAC", False),
        ("CKK_GENERIC_SECRET", "CKM_SHA384_HMAC", True),
    ],
)
def test_mechanisms_take_keys_of_their_type(key_type: str, mechanism: str, takes: bool) -> None:
    assert key_specs.mechanisms_of(key_type, [mechanism]) == ([mechanism] if takes else [])


def test_a_vendor_s_own_type_takes_nobody_knows_what() -> None:
    assert key_specs.mechanisms_of("CKK_0x80000001", ["CKM_AES_GCM"]) is None
    assert key_specs.family("CKK_0x80000001") is None
