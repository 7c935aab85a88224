"""Which keys can rotate, as AWS KMS documents it."""

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.aws.rotation import rotation_rule
from evidence.model import Rotatable

PLAIN = {
    "manager": "CUSTOMER",
    "spec": "SYMMETRIC_DEFAULT",
    "origin": "AWS_KMS",
    "state": "Enabled",
    "multi_region": None,
}


@pytest.mark.parametrize(
    ("differs", "reason", "status", "history"),
    [
        ({}, Rotatable.YES, True, True),
        ({"multi_region": "PRIMARY"}, Rotatable.YES, True, True),
        ({"multi_region": "REPLICA"}, Rotatable.REPLICA, True, True),
        ({"multi_region": "REPLICA", "state": "PendingDeletion"}, Rotatable.REPLICA, False, True),
        ({"state": "Disabled"}, Rotatable.NOT_ACTIVE, True, True),
        ({"state": "PendingDeletion"}, Rotatable.NOT_ACTIVE, False, True),
        ({"state": "PendingReplicaDeletion"}, Rotatable.NOT_ACTIVE, False, True),
        ({"state": "Updating"}, Rotatable.YES, True, True),
        ({"origin": "EXTERNAL"}, Rotatable.IMPORTED, False, True),
        ({"origin": "EXTERNAL", "state": "PendingImport"}, Rotatable.IMPORTED, False, True),
        ({"origin": "AWS_CLOUDHSM"}, Rotatable.CUSTOM_KEY_STORE, False, False),
        ({"origin": "EXTERNAL_KEY_STORE"}, Rotatable.CUSTOM_KEY_STORE, False, False),
        ({"spec": "RSA_2048"}, Rotatable.ASYMMETRIC, False, False),
        ({"spec": "ECC_NIST_EDWARDS25519"}, Rotatable.ASYMMETRIC, False, False),
        ({"spec": "ML_DSA_65"}, Rotatable.ASYMMETRIC, False, False),
        ({"spec": "SM2"}, Rotatable.ASYMMETRIC, False, False),
        ({"spec": "RSA_2048", "origin": "EXTERNAL"}, Rotatable.ASYMMETRIC, False, False),
        ({"spec": "HMAC_256"}, Rotatable.MAC, False, False),
        ({"manager": "AWS"}, Rotatable.PROVIDER_MANAGED, False, False),
    ],
)
def test_the_rule(differs: dict[str, str], reason: Rotatable, status: bool, history: bool) -> None:
    rule = rotation_rule(**{**PLAIN, **differs})
    assert rule is not None
    assert (rule.reason, rule.status, rule.history) == (reason, status, history)
    assert rule.rotatable == (reason is Rotatable.YES)


@pytest.mark.parametrize(
    "differs", [{"manager": "x"}, {"spec": "KYBER"}, {"origin": "MOON"}, {"spec": None}, {"state": None}]
)
def test_what_is_not_known_is_not_guessed(differs: dict[str, str | None]) -> None:
    assert rotation_rule(**{**PLAIN, **differs}) is None


def test_every_spec_that_aws_names_has_a_rule() -> None:
    model = botocore.session.Session().get_service_model("kms")
    for spec in model.shape_for("KeySpec").enum:
        assert rotation_rule(**{**PLAIN, "spec": spec}) is not None, spec


_ANY = st.none() | st.sampled_from(
    ["AWS", "CUSTOMER", "SYMMETRIC_DEFAULT", "RSA_2048", "HMAC_256", "AWS_KMS", "EXTERNAL", "Enabled", "Disabled", "x"]
)


@given(manager=_ANY, spec=_ANY, origin=_ANY, state=_ANY, multi_region=_ANY)
def test_only_an_active_symmetric_key_of_kms_rotates(
    manager: str | None, spec: str | None, origin: str | None, state: str | None, multi_region: str | None
) -> None:
    rule = rotation_rule(manager=manager, spec=spec, origin=origin, state=state, multi_region=multi_region)
    if rule is not None and rule.rotatable:
        assert (spec, origin) == ("SYMMETRIC_DEFAULT", "AWS_KMS")
        assert manager == "CUSTOMER"
        assert state != "Disabled"
