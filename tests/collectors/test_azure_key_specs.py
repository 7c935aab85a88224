"""What Azure's key types are in terms of algorithms, strengths and uses."""

import base64

import pytest

from collectors.azure.key_specs import family, in_hsm, key_spec, key_type, mechanisms, modulus_bits, usages
from evidence.model import KeyType, Usage


@pytest.mark.parametrize(
    ("kty", "more", "algorithm", "parameter_set", "bits", "strength", "category"),
    [
        ("RSA", {"bits": 2048}, "RSA", "", 2048, 112, 0),
        ("RSA-HSM", {"bits": 4096}, "RSA", "", 4096, 128, 0),
        ("EC", {"curve": "P-256"}, "EC", "P-256", 256, 128, 0),
        ("EC-HSM", {"curve": "P-521"}, "EC", "P-521", 521, 256, 0),
        ("EC", {"curve": "P-256K"}, "EC", "secp256k1", 256, 128, 0),
        ("EC-HSM", {"curve": "SECP256K1"}, "EC", "secp256k1", 256, 128, 0),
        ("oct-HSM", {"bits": 256}, "AES", "", 256, 256, 5),
        ("AKP-HSM", {"alg": "ML-DSA-65"}, "ML-DSA", "ML-DSA-65", 0, 192, 3),
    ],
)
def test_a_key_is_what_its_type_says(kty, more, algorithm, parameter_set, bits, strength, category):
    spec = key_spec(kty, **{"curve": None, "bits": None, "alg": None, **more})
    assert (spec.algorithm, spec.parameter_set, spec.bits) == (algorithm, parameter_set, bits)
    assert (spec.security_bits, spec.pq_category) == (strength, category)
    assert family(kty, more.get("alg")) == algorithm
    assert in_hsm(kty) == kty.endswith("-HSM")


@pytest.mark.parametrize(
    ("kty", "more"),
    [
        ("QKD", {"bits": 256}),
        ("RSA", {}),
        ("RSA", {"bits": -1}),
        ("EC", {"curve": "P-9"}),
        ("oct", {"bits": 129}),
        ("oct-HSM", {}),
        ("AKP", {"alg": "ML-DSA-1"}),
        ("", {}),
    ],
)
def test_what_is_not_known_is_no_kind_of_key(kty, more):
    assert key_spec(kty, **{"curve": None, "bits": None, "alg": None, **more}) is None


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_the_size_of_an_rsa_key_is_that_of_its_modulus(bits):
    modulus = ((1 << (bits - 1)) | 1).to_bytes(bits // 8)
    assert modulus_bits(base64.urlsafe_b64encode(modulus).rstrip(b"=").decode()) == bits


@pytest.mark.parametrize("modulus", [None, "", "*", "AA", "é"])
def test_a_modulus_that_is_none_has_no_size(modulus):
    assert modulus_bits(modulus) is None


def test_uses_are_those_of_the_operations():
    assert usages(["sign", "verify"]) == [Usage.SIGN]
    assert usages(["wrapKey", "unwrapKey", "encrypt", "decrypt"]) == [Usage.ENCRYPT, Usage.WRAP]
    assert usages(["import"]) == []
    assert usages(["teleport"]) is None


@pytest.mark.parametrize(
    ("algorithm", "purposes", "row"),
    [
        ("RSA", [Usage.SIGN], KeyType.PRIVATE_SIGNATURE),
        ("RSA", [Usage.ENCRYPT, Usage.SIGN, Usage.WRAP], KeyType.PRIVATE_KEY_TRANSPORT),
        ("RSA", [], KeyType.PRIVATE_KEY_TRANSPORT),
        ("EC", [], KeyType.PRIVATE_SIGNATURE),
        ("ML-DSA", [Usage.SIGN], KeyType.PRIVATE_SIGNATURE),
        ("ML-KEM", [], KeyType.PRIVATE_KEY_TRANSPORT),
        ("AES", [], KeyType.SYMMETRIC_DATA_ENCRYPTION),
        ("AES", [Usage.WRAP], KeyType.SYMMETRIC_KEY_WRAPPING),
        ("AES", [Usage.ENCRYPT, Usage.WRAP], KeyType.SYMMETRIC_DATA_ENCRYPTION),
        ("AES", [Usage.DERIVE], KeyType.SYMMETRIC_MASTER),
        (None, [Usage.SIGN], None),
        ("RSA", None, None),
    ],
)
def test_the_cryptoperiod_follows_from_the_use(algorithm, purposes, row):
    assert key_type(algorithm, purposes) is row


@pytest.mark.parametrize(
    ("kty", "more", "operations", "expected"),
    [
        ("RSA", {"bits": 2048}, ["unwrapKey"], ["RSA-OAEP", "RSA-OAEP-256", "RSA1_5"]),
        ("RSA", {"bits": 2048}, ["sign"], ["PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "RSNULL"]),
        ("EC", {"curve": "P-256"}, ["sign", "verify"], ["ES256"]),
        ("EC-HSM", {"curve": "P-256K"}, ["sign"], ["ES256K"]),
        ("EC", {"curve": "P-384"}, [], []),
        ("oct-HSM", {"bits": 256}, ["wrapKey", "unwrapKey"], ["A256KW"]),
        ("oct-HSM", {"bits": 128}, ["encrypt"], ["A128CBC", "A128CBCPAD", "A128GCM"]),
        ("AKP-HSM", {"alg": "ML-DSA-65"}, ["sign"], ["ML-DSA-65"]),
        ("oct-HSM", {}, ["encrypt"], None),
        ("EC", {"curve": "P-256"}, ["deriveKey"], None),
    ],
)
def test_algorithms_follow_from_type_and_operations(kty, more, operations, expected):
    spec = key_spec(kty, **{"curve": None, "bits": None, "alg": None, **more})
    assert mechanisms(spec, usages(operations)) == expected
