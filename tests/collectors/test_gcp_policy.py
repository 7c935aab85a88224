"""What IAM policies admit: three-valued, by members, roles and conditions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.gcp.answers import Policy
from collectors.gcp.facts.access import Level, logging_enabled
from collectors.gcp.facts.scope import own_of
from collectors.gcp.iam import PolicyFacts, policy_facts, together
from collectors.gcp.members import Own, member_of
from collectors.gcp.roles import Service, grants_of
from evidence.model import Capability, PrincipalKind

OWN = own_of({"example-payments", "111", "organizations/9"}, "9", known=True, stated=["example.com"])
"""The whole organization is known."""
PARTLY = own_of({"example-payments", "111"}, "9", known=True, stated=["example.com"])
"""Its domains are known, but not all of its projects."""
NOTHING = own_of({"example-payments"}, "", known=False)

DECRYPT = "roles/cloudkms.cryptoKeyDecrypter"
SURE = {"expression": "request.time < timestamp('2030-01-01T00:00:00Z')", "title": "for a while"}


def _facts(*bindings: dict[str, Any], own: Own = OWN, service: Service = "kms", **roles: list[str]) -> PolicyFacts:
    return policy_facts(Policy.model_validate({"bindings": list(bindings)}), service, own, roles)


def _binding(role: str, *members: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "members": list(members), **more}


@pytest.mark.parametrize(
    ("name", "kind", "own", "partly", "nothing"),
    [
        ("user:ada@example.com", PrincipalKind.HUMAN, False, False, None),
        ("user:eve@elsewhere.example", PrincipalKind.HUMAN, True, True, None),
        ("user:eve@gmail.com", PrincipalKind.HUMAN, True, True, True),
        ("group:admins@EXAMPLE.com", PrincipalKind.GROUP, False, False, None),
        ("domain:elsewhere.example", PrincipalKind.GROUP, True, True, None),
        ("allUsers", PrincipalKind.ANYONE, True, True, True),
        ("allAuthenticatedUsers", PrincipalKind.ANYONE, True, True, True),
        ("serviceAccount:w@example-payments.iam.gserviceaccount.com", PrincipalKind.MACHINE, False, False, False),
        ("serviceAccount:w@other-project.iam.gserviceaccount.com", PrincipalKind.MACHINE, True, None, None),
        ("serviceAccount:111-compute@developer.gserviceaccount.com", PrincipalKind.MACHINE, False, False, None),
        ("serviceAccount:222-compute@developer.gserviceaccount.com", PrincipalKind.MACHINE, True, None, None),
        ("serviceAccount:example-payments@appspot.gserviceaccount.com", PrincipalKind.MACHINE, False, False, False),
        ("serviceAccount:service-111@gcp-sa-pubsub.iam.gserviceaccount.com", PrincipalKind.SERVICE, False, False, None),
        ("serviceAccount:service-222@compute-system.iam.gserviceaccount.com", PrincipalKind.SERVICE, True, None, None),
        ("serviceAccount:service-111@evil-project.iam.gserviceaccount.com", PrincipalKind.MACHINE, True, None, None),
        ("serviceAccount:bq-111@evil-project.iam.gserviceaccount.com", PrincipalKind.MACHINE, True, None, None),
        (
            "serviceAccount:service-222@example-payments.iam.gserviceaccount.com",
            PrincipalKind.MACHINE,
            False,
            False,
            False,
        ),
        (
            "serviceAccount:bq-111@bigquery-encryption.iam.gserviceaccount.com",
            PrincipalKind.SERVICE,
            False,
            False,
            None,
        ),
        ("serviceAccount:111@cloudservices.gserviceaccount.com", PrincipalKind.SERVICE, False, False, None),
        ("serviceAccount:example-payments.svc.id.goog[ns/sa]", PrincipalKind.MACHINE, False, False, False),
        ("projectOwner:example-payments", PrincipalKind.GROUP, False, False, False),
        (
            "principal://iam.googleapis.com/projects/222/locations/global/workloadIdentityPools/p/subject/s",
            PrincipalKind.MACHINE,
            True,
            None,
            None,
        ),
        (
            "principalSet://iam.googleapis.com/locations/global/workforcePools/p/group/g",
            PrincipalKind.GROUP,
            None,
            None,
            None,
        ),
        ("principalSet://cloudresourcemanager.googleapis.com/organizations/8", PrincipalKind.GROUP, True, True, None),
        ("user:nobody", PrincipalKind.HUMAN, None, None, None),
        ("robot:x", PrincipalKind.UNDECIDED, None, None, None),
    ],
)
def test_members_are_told_by_their_names(
    name: str, kind: PrincipalKind, own: bool | None, partly: bool | None, nothing: bool | None
) -> None:
    member = member_of(name)
    assert member is not None
    assert member.kind is kind
    assert [known.outside(member) for known in (OWN, PARTLY, NOTHING)] == [own, partly, nothing]


def test_a_domain_that_nobody_stated_may_be_another_of_the_organizations() -> None:
    """Google tells its primary domain alone."""
    own = own_of({"example.com", "example-payments", "organizations/9"}, "9", known=True, stated=["example-data"])
    members = ("user:ada@example.com", "user:ada@example.net", "user:eve@gmail.com")
    outside = [own.outside(member) for member in map(member_of, members) if member is not None]
    assert outside == [False, None, True]


def test_a_deleted_member_is_nobody() -> None:
    assert member_of("deleted:user:eve@elsewhere.example?uid=1") is None
    assert _facts(_binding(DECRYPT, "deleted:user:eve@elsewhere.example?uid=1")).outsiders == ()


def test_an_empty_policy_admits_nobody() -> None:
    assert _facts() == PolicyFacts(public=False, outsiders=(), wildcard_access=False)


@pytest.mark.parametrize(
    ("binding", "public", "outsiders", "wildcard"),
    [
        (_binding(DECRYPT, "user:ada@example.com"), False, (), False),
        (_binding(DECRYPT, "allUsers", "user:eve@elsewhere.example"), True, ("*",), True),
        (_binding(DECRYPT, "user:eve@elsewhere.example"), False, ("elsewhere.example",), False),
        (_binding(DECRYPT, "user:eve@elsewhere.example", condition=SURE), False, None, False),
        (_binding(DECRYPT, "allUsers", condition=SURE), None, None, None),
        (_binding("roles/owner", "user:ada@example.com"), False, (), True),
        (_binding("roles/owner", "user:ada@example.com", condition=SURE), False, (), None),
        (_binding("roles/editor", "user:ada@example.com"), False, (), False),
        (_binding("roles/cloudkms.viewer", "user:eve@elsewhere.example"), False, (), False),
        (_binding("roles/cloudkms.viewer", "allUsers"), True, ("*",), True),
        (_binding("roles/storage.admin", "allUsers"), False, (), False),
        (_binding("roles/cloudkms.newRole", "user:ada@example.com"), False, (), None),
        (_binding("roles/cloudkms.newRole", "user:eve@elsewhere.example"), False, None, None),
        (_binding("roles/cloudkms.newRole", "allUsers"), None, None, None),
        (_binding("projects/p/roles/mine", "user:ada@example.com"), False, (), None),
        (_binding(DECRYPT), False, (), False),
    ],
)
def test_what_a_binding_admits(
    binding: dict[str, Any], public: bool | None, outsiders: tuple[str, ...] | None, wildcard: bool | None
) -> None:
    facts = _facts(binding)
    assert (facts.public, facts.outsiders, facts.wildcard_access) == (public, outsiders, wildcard)


def test_a_custom_role_gives_what_its_permissions_give() -> None:
    role = "organizations/9/roles/custodian"
    permissions = ["cloudkms.cryptoKeys.update", "cloudkms.cryptoKeyVersions.useToSign", "storage.buckets.get"]
    facts = _facts(_binding(role, "user:ada@example.com"), **{role: permissions})
    assert {a.capability for a in facts.admissions} == {Capability.ADMINISTER, Capability.USE}
    assert facts.unknown_roles == ()
    assert _facts(_binding(role, "user:ada@example.com")).unknown_roles == (role,)
    harmless = _facts(_binding(role, "allUsers"), **{role: ["storage.buckets.get"]})
    assert (harmless.public, harmless.admissions) == (False, ())


@pytest.mark.parametrize(
    ("role", "service", "capabilities"),
    [
        ("roles/cloudkms.admin", "kms", {"administer", "grant"}),
        ("roles/cloudkms.cryptoKeyEncrypterDecrypter", "kms", {"use", "decrypt"}),
        ("roles/cloudkms.signerVerifier", "kms", {"use"}),
        ("roles/owner", "kms", {"administer", "use", "decrypt", "grant"}),
        ("roles/editor", "kms", {"administer"}),
        ("roles/iam.securityAdmin", "kms", {"administer", "grant"}),
        ("roles/secretmanager.secretAccessor", "secretmanager", {"decrypt"}),
        ("roles/secretmanager.secretVersionAdder", "secretmanager", {"use"}),
        ("roles/secretmanager.admin", "kms", set()),
        ("roles/cloudkms.admin", "secretmanager", set()),
    ],
)
def test_predefined_roles_are_understood(role: str, service: Service, capabilities: set[str]) -> None:
    grants = grants_of(role, service, {})
    assert grants is not None
    assert {capability.value for capability in grants.capabilities} == capabilities


@pytest.mark.parametrize("service", ["kms", "secretmanager"])
@pytest.mark.parametrize(
    ("role", "known"),
    [
        ("roles/storage.admin", True),
        ("roles/logging.viewer", True),
        ("roles/iam.serviceAccountUser", True),
        ("roles/iam.organizationRoleAdmin", False),
        ("roles/firebase.admin", False),
        ("roles/firebasenotifications.admin", False),
        ("roles/run.serviceAgent", False),
        ("roles/storage.serviceAgent", False),
        ("roles/compute.instanceGroupManagerServiceAgent", False),
        ("roles/composer.worker", False),
        ("roles/", False),
        ("roles/storage", False),
        ("storage.admin", False),
        ("projects/p/roles/storage.admin", False),
    ],
)
def test_only_roles_that_are_known_to_give_nothing_do(role: str, known: bool, service: Service) -> None:
    assert (grants_of(role, service, {}) is not None) is known
    if not known:
        facts = _facts(_binding(role, "user:ada@example.com"), service=service)
        assert (facts.wildcard_access, facts.unknown_roles) == (None, (role,))


def test_a_role_of_service_agents_is_left_out_where_only_own_agents_hold_it() -> None:
    agent = "serviceAccount:service-111@gcp-sa-pubsub.iam.gserviceaccount.com"
    elsewhere = "serviceAccount:service-222@gcp-sa-pubsub.iam.gserviceaccount.com"
    role = "roles/pubsub.serviceAgent"
    told = _facts(_binding(role, agent))
    assert (told.wildcard_access, told.outsiders, told.unknown_roles) == (False, (), ())
    for members, own in (((agent, "user:ada@example.com"), OWN), ((elsewhere,), OWN), ((agent,), NOTHING)):
        assert _facts(_binding(role, *members), own=own).unknown_roles == (role,)
    assert _facts(_binding("roles/firebase.admin", agent)).unknown_roles == ("roles/firebase.admin",)


def _logged(service: str, *exempted: str, log_type: str = "DATA_READ") -> Level:
    log = {"log_type": log_type, "exempted_members": list(exempted)}
    config = {"service": service, "audit_log_configs": [log]}
    return Level("", "", Policy.model_validate({"audit_configs": [config]}))


_KMS, _ALL = "cloudkms.googleapis.com", "allServices"


@pytest.mark.parametrize(
    ("levels", "enabled"),
    [
        ([_logged(_KMS), _logged(_ALL)], True),
        ([_logged(_KMS), _logged(_ALL, "user:ada@example.com")], None),
        ([_logged(_KMS, "user:ada@example.com"), _logged(_ALL)], None),
        ([_logged(_KMS), _logged("storage.googleapis.com", "user:ada@example.com")], True),
        ([_logged(_KMS), _logged(_ALL, "user:ada@example.com", log_type="DATA_WRITE")], True),
        ([_logged(_KMS), Level("", "", None)], None),
        ([_logged("storage.googleapis.com")], False),
    ],
)
def test_audit_logs_and_who_is_exempted_from_them_add_up(levels: list[Level], enabled: bool | None) -> None:
    assert logging_enabled(levels, _KMS) is enabled


_POLICIES = st.lists(
    st.builds(
        _binding,
        st.sampled_from([DECRYPT, "roles/owner", "roles/cloudkms.viewer", "roles/cloudkms.newRole"]),
        st.sampled_from(["allUsers", "user:ada@example.com", "user:eve@elsewhere.example", "robot:x"]),
        condition=st.sampled_from([None, SURE]),
    ),
    max_size=4,
)


@given(_POLICIES)
def test_knowing_less_never_turns_an_answer(bindings: list[dict[str, Any]]) -> None:
    """Neither about the organization, nor about other policies that apply besides."""
    known, less = _facts(*bindings), _facts(*bindings, own=NOTHING)
    unread = together([known, PolicyFacts(public=None, outsiders=None, wildcard_access=None)])
    for facts in (less, unread):
        assert facts.public in (known.public, None)
        assert facts.wildcard_access in (known.wildcard_access, None)
        assert facts.outsiders in (known.outsiders, None) or known.outsiders is None
