"""What transit's key types are."""

import pytest

from collectors.vault.key_specs import key_spec, mechanisms
from evidence.model import KeyType, Usage

TYPES = [
    ("aes128-gcm96", "AES", "", 128, 128, 1, [Usage.ENCRYPT]),
    ("aes256-gcm96", "AES", "", 256, 256, 5, [Usage.ENCRYPT]),
    ("chacha20-poly1305", "ChaCha20", "", 256, 256, 5, [Usage.ENCRYPT]),
    ("xchacha20-poly1305", "ChaCha20", "", 256, 256, 5, [Usage.ENCRYPT]),
    ("ed25519", "EC", "edwards25519", 256, 128, 0, [Usage.SIGN]),
    ("ecdsa-p256", "EC", "P-256", 256, 128, 0, [Usage.SIGN]),
    ("ecdsa-p521", "EC", "P-521", 521, 256, 0, [Usage.SIGN]),
    ("rsa-2048", "RSA", "", 2048, 112, 0, [Usage.ENCRYPT, Usage.SIGN]),
    ("rsa-4096", "RSA", "", 4096, 128, 0, [Usage.ENCRYPT, Usage.SIGN]),
    ("aes256-cmac", "CMAC", "AES", 256, 256, 5, [Usage.MAC]),
    ("mldsa-65", "ML-DSA", "ML-DSA-65", 0, 192, 3, [Usage.SIGN]),
]


@pytest.mark.parametrize(("type", "algorithm", "parameter_set", "bits", "strength", "category", "usages"), TYPES)
def test_types(
    type: str, algorithm: str, parameter_set: str, bits: int, strength: int, category: int, usages: list[Usage]
) -> None:
    spec = key_spec(type, key_size=0, parameter_set="")
    assert spec is not None
    made = spec.algorithm
    assert (made.algorithm, made.parameter_set, made.bits) == (algorithm, parameter_set, bits)
    assert (made.security_bits, made.pq_category) == (strength, category)
    assert list(spec.usages) == usages


@pytest.mark.parametrize(
    ("size", "bits", "strength", "category"), [(32, 256, 256, 5), (64, 512, 256, 5), (16, 128, 128, 1)]
)
def test_hmac_keys_are_as_strong_as_their_size(size: int, bits: int, strength: int, category: int) -> None:
    spec = key_spec("hmac", key_size=size, parameter_set="")
    assert spec is not None
    assert (spec.algorithm.bits, spec.algorithm.security_bits, spec.algorithm.pq_category) == (bits, strength, category)
    assert spec.key_type is KeyType.SYMMETRIC_AUTHENTICATION


def test_vault_enterprise_tells_the_parameter_set_apart() -> None:
    spec = key_spec("ml-dsa", key_size=0, parameter_set="87")
    assert spec is not None
    assert spec.algorithm.parameter_set == "ML-DSA-87"


def test_an_rsa_key_serves_two_purposes_of_which_the_shorter_cryptoperiod_counts() -> None:
    spec = key_spec("rsa-3072", key_size=0, parameter_set="")
    assert spec is not None
    assert spec.key_type is KeyType.PRIVATE_KEY_TRANSPORT


@pytest.mark.parametrize("type", ["managed_key", "external-key", "hybrid", "ml-dsa", "hmac", ""])
def test_what_is_not_told_is_not_guessed(type: str) -> None:
    assert key_spec(type, key_size=0, parameter_set="") is None


def test_each_request_to_sign_chooses_a_hash_and_a_signature() -> None:
    rsa, ecdsa = mechanisms("rsa-2048"), mechanisms("ecdsa-p384")
    assert {"rsa-2048", "hash_algorithm=sha1", "hash_algorithm=sha2-256", "signature_algorithm=pkcs1v15"} <= set(rsa)
    assert set(rsa) - set(ecdsa) == {"rsa-2048", "signature_algorithm=pkcs1v15", "signature_algorithm=pss"}
    for type in ("aes256-gcm96", "ed25519", "mldsa-65", "hmac", "managed_key"):
        assert mechanisms(type) == [type]
