"""Key specs of KMS: every one that botocore knows is known, with sound strengths."""

import pytest

from collectors.aws.key_specs import key_spec, key_type, mechanisms_member, usage
from evidence.model import KeyType, Usage

KMS = pytest.importorskip("botocore.session").get_session().get_service_model("kms")
SPECS = KMS.shape_for("KeySpec").enum
USAGES = KMS.shape_for("KeyUsageType").enum


@pytest.mark.parametrize("name", SPECS)
def test_every_spec_is_known(name):
    spec = key_spec(name, "eu-west-1")
    assert spec.security_bits >= 112
    assert 0 <= spec.pq_category <= 5


@pytest.mark.parametrize("name", USAGES)
def test_every_usage_is_known(name):
    assert usage(name) is not None
    assert mechanisms_member(name) in KMS.shape_for("KeyMetadata").members
    assert key_type("RSA_2048", name) is not None


def test_what_breaks_with_a_quantum_computer_is_told():
    broken = {name for name in SPECS if key_spec(name, "eu-west-1").pq_category == 0}
    assert broken == {name for name in SPECS if name.startswith(("RSA", "ECC", "SM2"))}


def test_the_symmetric_default_is_another_in_china():
    assert key_spec("SYMMETRIC_DEFAULT", "eu-west-1").algorithm == "AES"
    assert key_spec("SYMMETRIC_DEFAULT", "cn-north-1").algorithm == "SM4"
    assert key_spec("SYMMETRIC_DEFAULT", None) is None


@pytest.mark.parametrize("name", [None, "", "RSA_1024", "constructor", "symmetric_default"])
def test_what_is_not_known_is_not_guessed(name):
    assert key_spec(name, "eu-west-1") is None
    assert usage(name) is None


def test_key_types_follow_usage():
    assert key_type("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT") is KeyType.SYMMETRIC_DATA_ENCRYPTION
    assert key_type("RSA_4096", "ENCRYPT_DECRYPT") is KeyType.PRIVATE_KEY_TRANSPORT
    assert key_type("HMAC_256", "GENERATE_VERIFY_MAC") is KeyType.SYMMETRIC_AUTHENTICATION
    assert key_type("ECC_NIST_P256", "KEY_AGREEMENT") is KeyType.PRIVATE_STATIC_KEY_AGREEMENT
    assert usage("SIGN_VERIFY") is Usage.SIGN
