"""Every algorithm, purpose and protection level that Google's client knows has its place."""

import pytest
from google.cloud import kms_v1

from collectors.gcp.key_specs import ALGORITHMS, COORDINATED, key_type, protection, rotatable, usage
from evidence.model import ProtectionLevel, Rotatable

_VERSION = kms_v1.CryptoKeyVersion


def _names(enumeration: type) -> list[str]:
    return [member.name for member in enumeration if member.value]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", _names(_VERSION.CryptoKeyVersionAlgorithm))
def test_every_algorithm_is_known(name: str) -> None:
    assert (name in ALGORITHMS) == (name != "EXTERNAL_SYMMETRIC_ENCRYPTION")


@pytest.mark.parametrize(
    ("name", "algorithm", "parameter_set", "bits", "security_bits", "pq_category"),
    [
        ("GOOGLE_SYMMETRIC_ENCRYPTION", "AES", "", 256, 256, 5),
        ("AES_128_GCM", "AES", "", 128, 128, 1),
        ("RSA_SIGN_PSS_2048_SHA256", "RSA", "", 2048, 112, 0),
        ("RSA_DECRYPT_OAEP_3072_SHA1", "RSA", "", 3072, 128, 0),
        ("EC_SIGN_P384_SHA384", "EC", "P-384", 384, 192, 0),
        ("HMAC_SHA1", "HMAC", "SHA-1", 160, 128, 1),
        ("ML_KEM_1024", "ML-KEM", "ML-KEM-1024", 0, 256, 5),
        ("KEM_XWING", "X-Wing", "X25519 and ML-KEM-768", 0, 192, 3),
        ("PQ_SIGN_ML_DSA_87_EXTERNAL_MU", "ML-DSA", "ML-DSA-87", 0, 256, 5),
        ("PQ_SIGN_HASH_SLH_DSA_SHA2_128S_SHA256", "SLH-DSA", "SLH-DSA-SHA2-128s", 0, 128, 1),
    ],
)
def test_algorithms_are_what_they_are(
    name: str, algorithm: str, parameter_set: str, bits: int, security_bits: int, pq_category: int
) -> None:
    found = ALGORITHMS[name]
    assert (found.algorithm, found.parameter_set, found.bits) == (algorithm, parameter_set, bits)
    assert (found.security_bits, found.pq_category) == (security_bits, pq_category)


@pytest.mark.parametrize("name", _names(kms_v1.CryptoKey.CryptoKeyPurpose))
def test_every_purpose_is_known(name: str) -> None:
    assert usage(name) is not None
    assert key_type(name) is not None
    assert rotatable(name, ProtectionLevel.HSM, import_only=False, active=True) is not None


def test_every_protection_level_is_known() -> None:
    assert None not in {protection(name) for name in _names(kms_v1.ProtectionLevel)}
    assert protection("HSM_SINGLE_TENANT") is ProtectionLevel.HSM
    assert protection("9") is None


@pytest.mark.parametrize(
    ("purpose", "level", "import_only", "active", "reason"),
    [
        ("ENCRYPT_DECRYPT", ProtectionLevel.HSM, False, True, Rotatable.YES),
        ("ENCRYPT_DECRYPT", ProtectionLevel.HSM, False, False, Rotatable.NOT_ACTIVE),
        ("ENCRYPT_DECRYPT", ProtectionLevel.HSM, True, True, Rotatable.IMPORTED),
        ("ENCRYPT_DECRYPT", ProtectionLevel.EXTERNAL, False, True, Rotatable.EXTERNAL),
        ("ENCRYPT_DECRYPT", None, False, True, None),
        ("RAW_ENCRYPT_DECRYPT", ProtectionLevel.HSM, False, True, Rotatable.NOT_OFFERED),
        ("ASYMMETRIC_SIGN", None, False, True, Rotatable.ASYMMETRIC),
        ("MAC", ProtectionLevel.SOFTWARE, False, True, Rotatable.MAC),
        ("77", ProtectionLevel.SOFTWARE, False, True, None),
    ],
)
def test_only_symmetric_encryption_keys_rotate_by_themselves(
    purpose: str, level: ProtectionLevel | None, import_only: bool, active: bool, reason: Rotatable | None
) -> None:
    assert rotatable(purpose, level, import_only=import_only, active=active) is reason


@pytest.mark.parametrize(("coordinated", "reason"), [(True, Rotatable.YES), (False, Rotatable.EXTERNAL), (None, None)])
def test_a_coordinated_external_key_rotates(coordinated: bool | None, reason: Rotatable | None) -> None:
    level = ProtectionLevel.EXTERNAL
    found = rotatable("ENCRYPT_DECRYPT", level, import_only=False, active=True, coordinated=coordinated)
    assert found is reason
    assert rotatable("MAC", level, import_only=False, active=True, coordinated=coordinated) is Rotatable.MAC


def test_every_key_management_mode_is_known() -> None:
    assert set(_names(kms_v1.EkmConnection.KeyManagementMode)) <= set(COORDINATED)


def test_no_algorithm_is_made_up() -> None:
    known = set(_names(_VERSION.CryptoKeyVersionAlgorithm))
    made_up = {name for name in ALGORITHMS if name not in known}
    assert all(name.startswith(("AES_", "RSA_")) for name in made_up), "sizes and modes that Google may add"
