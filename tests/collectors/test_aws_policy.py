"""Policies of keys and secrets: what they admit, by cases."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.aws.actions import KMS, PARAMETER_STORE, SECRETS_MANAGER
from collectors.aws.callers import Owner
from collectors.aws.policy import policy_facts, principal_kind
from collectors.aws.policy_document import PolicyError
from collectors.wildcards import matches
from evidence.model import Capability, PrincipalKind

OWN = "111122223333"
KIN = "222233334444"
STRANGER = "999900001111"
ORG = "o-exampleorg1"
FOREIGN_ORG = "o-foreignorg9"
KEY = f"arn:aws:kms:eu-west-1:{OWN}:key/1234abcd-12ab-34cd-56ef-1234567890ab"

IN_ORG = Owner(OWN, ORG, frozenset({OWN, KIN}), accounts_known=True)
ALONE = Owner(OWN, "", frozenset({OWN}), accounts_known=True)
ORG_WITHOUT_ACCOUNTS = Owner(OWN, ORG, frozenset({OWN}), accounts_known=False)


def root(account):
    return f"arn:aws:iam::{account}:root"


def role(account, name="app"):
    return f"arn:aws:iam::{account}:role/{name}"


def allow(principal, action="kms:Decrypt", condition=None, **more):
    elements = {"Principal": principal, "Action": action, "Resource": "*", "Condition": condition, **more}
    return {"Effect": "Allow", **{name: value for name, value in elements.items() if value is not None}}


def deny(principal, action="kms:*", condition=None, **more):
    return {**allow(principal, action, condition, **more), "Effect": "Deny"}


def facts(*statements, owner=IN_ORG, service="kms", resource=KEY):
    return policy_facts(json.dumps({"Version": "2012-10-17", "Statement": statements}), resource, service, owner)


DEFAULT = allow({"AWS": root(OWN)}, "kms:*", Sid="Enable IAM User Permissions")


def when(operator, key, *values):
    return {operator: {key: list(values)}}


# name → (statements, public, outsiders, wildcard_access)
CASES = {
    "the default policy": ([DEFAULT], False, (), False),
    "the account by its id": ([allow({"AWS": OWN}, "kms:*")], False, (), False),
    "an own role": ([DEFAULT, allow({"AWS": role(OWN)})], False, (), False),
    "anyone": ([allow("*")], True, ("*",), True),
    "anyone, as AWS": ([allow({"AWS": "*"})], True, ("*",), True),
    "anyone, in a list": ([allow({"AWS": [role(OWN), "*"]})], True, ("*",), True),
    "one public statement decides": (
        [allow("*", condition=when("StringEquals", "aws:Unheard", "x")), allow("*")],
        True,
        ("*",),
        True,
    ),
    "all but one": ([allow(None, NotPrincipal={"AWS": role(OWN)})], True, ("*",), True),
    "anyone, to no action of the service": ([allow("*", "s3:GetObject")], False, (), False),
    "anyone, to another key": ([allow("*", Resource=KEY + "x")], False, (), False),
    "anyone, to every key by pattern": ([allow("*", Resource="arn:aws:kms:*:*:key/*")], True, ("*",), True),
    "anyone, to all but this key": ([allow("*", Resource=None, NotResource=KEY)], False, (), False),
    "a resource by a variable": ([allow("*", Resource="arn:aws:kms:*:${aws:PrincipalAccount}:*")], None, None, None),
    "another account": ([allow({"AWS": root(STRANGER)})], False, (STRANGER,), False),
    "another account by its id": ([allow({"AWS": STRANGER})], False, (STRANGER,), False),
    "a role of another account": ([allow({"AWS": role(STRANGER)})], False, (STRANGER,), False),
    "a session of another account": (
        [allow({"AWS": f"arn:aws:sts::{STRANGER}:assumed-role/x/y"})],
        False,
        (STRANGER,),
        False,
    ),
    "in another partition": ([allow({"AWS": f"arn:aws-cn:iam::{STRANGER}:root"})], False, (STRANGER,), False),
    "an account of the organization": ([allow({"AWS": root(KIN)})], False, (), False),
    "every operation to another account": ([allow({"AWS": root(STRANGER)}, "kms:*")], False, (STRANGER,), True),
    "every operation to a role": ([allow({"AWS": role(OWN)}, "kms:*")], False, (), True),
    "every operation, written *": ([allow({"AWS": role(OWN)}, "*")], False, (), True),
    "every operation, in another case": ([allow({"AWS": role(OWN)}, "KMS:*")], False, (), True),
    "every operation, letter by letter": (
        [allow({"AWS": role(OWN)}, [f"kms:{letter}*" for letter in "CDEGILPRSTUV"])],
        False,
        (),
        True,
    ),
    "all but one operation": ([allow({"AWS": role(OWN)}, None, NotAction="kms:PutKeyPolicy")], False, (), False),
    "a deleted role": ([allow({"AWS": "AROAEXAMPLEEXAMPLE12"})], False, (), False),
    "a service": ([allow({"Service": "logs.eu-west-1.amazonaws.com"})], False, (), False),
    "a service for another account": (
        [
            allow(
                {"Service": "cloudtrail.amazonaws.com"},
                condition=when("StringEquals", "aws:SourceAccount", STRANGER),
            )
        ],
        False,
        (STRANGER,),
        False,
    ),
    "a service for the own account": (
        [
            allow(
                {"Service": "sns.amazonaws.com"},
                condition=when("ArnLike", "aws:SourceArn", f"arn:aws:sns:*:{OWN}:*"),
            )
        ],
        False,
        (),
        False,
    ),
    "an identity provider": (
        [allow({"Federated": f"arn:aws:iam::{OWN}:saml-provider/idp"})],
        False,
        (),
        False,
    ),
    "web identities": ([allow({"Federated": "cognito-identity.amazonaws.com"})], None, None, None),
    "a canonical user": ([allow({"CanonicalUser": "79a59df900b949e5"})], False, None, False),
    "a wildcard within an ARN": ([allow({"AWS": "arn:aws:iam::*:role/app"})], None, None, None),
    "own callers": (
        [allow("*", condition=when("StringEquals", "kms:CallerAccount", OWN))],
        False,
        (),
        False,
    ),
    "own callers, key in another case": (
        [allow("*", condition=when("stringequals", "KMS:calleraccount", OWN))],
        False,
        (),
        False,
    ),
    "own callers by a service": (
        [
            allow(
                {"AWS": "*"},
                ["kms:Encrypt", "kms:Decrypt", "kms:CreateGrant"],
                {
                    "StringEquals": {
                        "kms:CallerAccount": OWN,
                        "kms:ViaService": "ec2.eu-west-1.amazonaws.com",
                    }
                },
            )
        ],
        False,
        (),
        False,
    ),
    "anyone by a service": (
        [allow("*", condition=when("StringEquals", "kms:ViaService", "s3.eu-west-1.amazonaws.com"))],
        True,
        ("*",),
        True,
    ),
    "every operation to all own callers": (
        [allow("*", "kms:*", when("StringEquals", "kms:CallerAccount", OWN))],
        False,
        (),
        True,
    ),
    "callers of another account": (
        [allow("*", condition=when("StringEquals", "aws:PrincipalAccount", OWN, STRANGER))],
        False,
        (STRANGER,),
        False,
    ),
    "callers of the resource's account": (
        [allow("*", condition=when("StringEquals", "aws:PrincipalAccount", "${aws:ResourceAccount}"))],
        False,
        (),
        False,
    ),
    "callers by another variable": (
        [allow("*", condition=when("StringEquals", "aws:PrincipalAccount", "${aws:SourceAccount}"))],
        None,
        None,
        None,
    ),
    "callers of any account": (
        [allow("*", condition=when("StringLike", "kms:CallerAccount", "*"))],
        True,
        ("*",),
        True,
    ),
    "a star that is no pattern": (
        [allow("*", condition=when("StringEquals", "kms:CallerAccount", "*"))],
        False,
        (),
        False,
    ),
    "callers of some accounts": (
        [allow("*", condition=when("StringLike", "kms:CallerAccount", "1111*"))],
        None,
        None,
        None,
    ),
    "all callers but the own": (
        [allow("*", condition=when("StringNotEquals", "kms:CallerAccount", OWN))],
        True,
        ("*",),
        True,
    ),
    "own callers, if the key is there": (
        [allow("*", condition=when("StringEqualsIfExists", "kms:CallerAccount", OWN))],
        False,
        (),
        False,
    ),
    "the organization": (
        [allow("*", condition=when("StringEquals", "aws:PrincipalOrgID", ORG))],
        False,
        (),
        False,
    ),
    "the organization, if the caller has one": (
        [allow("*", condition=when("StringEqualsIfExists", "aws:PrincipalOrgID", ORG))],
        True,
        ("*",),
        True,
    ),
    "the organization, if there, and it is there": (
        [
            allow(
                "*",
                condition={
                    "StringEqualsIfExists": {"aws:PrincipalOrgID": ORG},
                    "Null": {"aws:PrincipalOrgID": "false"},
                },
            )
        ],
        False,
        (),
        False,
    ),
    "every organization": (
        [allow("*", condition=when("StringLike", "aws:PrincipalOrgID", "o-*"))],
        True,
        ("*",),
        True,
    ),
    "another organization": (
        [allow("*", condition=when("StringEquals", "aws:PrincipalOrgID", FOREIGN_ORG))],
        False,
        (FOREIGN_ORG,),
        False,
    ),
    "a part of the organization": (
        [allow("*", condition=when("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", f"{ORG}/r-ab12/ou-ab12-1/*"))],
        False,
        (),
        False,
    ),
    "a part of the organization, for all values": (
        [allow("*", condition=when("ForAllValues:StringLike", "aws:PrincipalOrgPaths", f"{ORG}/*"))],
        True,
        ("*",),
        True,
    ),
    "the resource's organization": (
        [allow("*", condition=when("StringEquals", "aws:PrincipalOrgID", "${aws:ResourceOrgID}"))],
        False,
        (),
        False,
    ),
    "a stranger, if of the organization": (
        [allow({"AWS": root(STRANGER)}, condition=when("StringEquals", "aws:PrincipalOrgID", ORG))],
        False,
        (),
        False,
    ),
    "roles of the own account": (
        [allow("*", condition=when("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{OWN}:role/app-*"))],
        False,
        (),
        False,
    ),
    "roles of that name anywhere": (
        [allow("*", condition=when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/app"))],
        True,
        ("*",),
        True,
    ),
    "roles by text, account open": (
        [allow("*", condition=when("StringLike", "aws:PrincipalArn", f"arn:*:iam::{OWN}:role/app"))],
        None,
        None,
        None,
    ),
    "any principal's ARN": (
        [allow("*", condition=when("StringLike", "aws:PrincipalArn", "*"))],
        True,
        ("*",),
        True,
    ),
    "a fixed user id": (
        [allow("*", condition=when("StringLike", "aws:userid", "AROAEXAMPLEEXAMPLE12:*"))],
        False,
        None,
        False,
    ),
    "anyone with a tag": (
        [allow("*", condition=when("StringEquals", "aws:PrincipalTag/team", "payments"))],
        True,
        ("*",),
        True,
    ),
    "anyone over TLS": ([allow("*", condition=when("Bool", "aws:SecureTransport", "true"))], True, ("*",), True),
    "anyone for services' resources": (
        [allow("*", "kms:CreateGrant", when("Bool", "kms:GrantIsForAWSResource", True))],
        True,
        ("*",),
        True,
    ),
    "anyone with a context": (
        [allow("*", condition=when("StringEquals", "kms:EncryptionContext:app", "x"))],
        True,
        ("*",),
        True,
    ),
    "services only": ([allow("*", condition=when("Bool", "aws:PrincipalIsAWSService", "true"))], False, (), False),
    "no services": (
        [allow("*", condition=when("Bool", "aws:PrincipalIsAWSService", "false"))],
        True,
        ("*",),
        True,
    ),
    "a source's account": (
        [allow("*", condition=when("StringEquals", "AWS:sourceaccount", OWN))],
        False,
        (),
        False,
    ),
    "a source without account": (
        [allow("*", condition=when("ArnEquals", "aws:SourceArn", "arn:aws:s3:::bucket"))],
        False,
        None,
        False,
    ),
    "a network": ([allow("*", condition=when("StringEquals", "aws:SourceVpce", "vpce-1a2b3c4d"))], False, None, False),
    "some addresses": ([allow("*", condition=when("IpAddress", "aws:SourceIp", "203.0.113.0/24"))], None, None, None),
    "all addresses": ([allow("*", condition=when("IpAddress", "aws:SourceIp", "0.0.0.0/0"))], True, ("*",), True),
    "a time": (
        [allow("*", condition=when("DateLessThan", "aws:CurrentTime", "2020-01-01T00:00:00Z"))],
        None,
        None,
        None,
    ),
    "an unknown operator": ([allow("*", condition=when("StringBegins", "kms:CallerAccount", OWN))], None, None, None),
    "no value at all": ([allow("*", condition={"StringEquals": {"kms:CallerAccount": []}})], False, (), False),
    "anyone, denied to all": ([allow("*"), deny("*")], False, (), False),
    "anyone, partly denied": ([allow("*", "kms:*crypt"), deny("*", "kms:Decrypt")], True, ("*",), True),
    "anyone, denied to one": ([allow("*"), deny({"AWS": role(STRANGER)})], True, ("*",), True),
    "anyone, denied outside the organization": (
        [allow("*"), deny("*", condition=when("StringNotEquals", "aws:PrincipalOrgID", ORG))],
        False,
        (),
        False,
    ),
    "anyone, denied outside the organization and services": (
        [
            allow("*"),
            deny(
                "*",
                condition={
                    "StringNotEqualsIfExists": {"aws:PrincipalOrgID": ORG},
                    "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
                },
            ),
        ],
        False,
        (),
        False,
    ),
    "anyone, denied outside the organization but for other actions": (
        [allow("*"), deny("*", "kms:Encrypt", when("StringNotEquals", "aws:PrincipalOrgID", ORG))],
        True,
        ("*",),
        True,
    ),
    "anyone, denied without TLS": (
        [allow("*"), deny("*", condition=when("Bool", "aws:SecureTransport", "false"))],
        True,
        ("*",),
        True,
    ),
    "anyone, denied from elsewhere": (
        [allow("*"), deny("*", condition=when("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"))],
        None,
        None,
        None,
    ),
    "anyone, denied on an unknown condition": (
        [allow("*"), deny("*", condition=when("StringEquals", "aws:Unheard", "x"))],
        None,
        None,
        None,
    ),
    "anyone, denied to all but a role": (
        [allow("*"), deny(None, NotPrincipal={"AWS": role(OWN)})],
        False,
        (),
        False,
    ),
    "a stranger, denied": ([allow({"AWS": role(STRANGER)}), deny({"AWS": root(STRANGER)})], False, (), False),
    "a stranger, a role of it denied": (
        [allow({"AWS": root(STRANGER)}), deny({"AWS": role(STRANGER)})],
        False,
        (STRANGER,),
        False,
    ),
    "a stranger, denied on an unknown condition": (
        [allow({"AWS": root(STRANGER)}), deny("*", condition=when("StringEquals", "aws:Unheard", "x"))],
        False,
        None,
        False,
    ),
    "every operation, one denied": (
        [allow({"AWS": role(OWN)}, "kms:*"), deny({"AWS": role(OWN)}, "kms:ScheduleKeyDeletion")],
        False,
        (),
        False,
    ),
    "hidden in other letters": (
        [allow({"AWS": "*"}, "kms:dEcRyPt", {"STRINGLIKE": {"KMS:CallerACCOUNT": "*"}})],
        True,
        ("*",),
        True,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_policy_admits(name):
    statements, public, outsiders, wildcard_access = CASES[name]
    found = facts(*statements)
    assert (found.public, found.outsiders, found.wildcard_access) == (public, outsiders, wildcard_access)


@pytest.mark.parametrize(
    ("statement", "delegated"),
    [
        (DEFAULT, True),
        (allow({"AWS": OWN}), True),
        (allow({"AWS": root(OWN)}, condition=when("StringEquals", "kms:ViaService", "s3.amazonaws.com")), True),
        (allow({"AWS": role(OWN)}, "kms:*"), False),
        (allow({"AWS": root(STRANGER)}, "kms:*"), False),
        (allow("*", condition=when("StringEquals", "kms:CallerAccount", OWN)), False),
        (allow({"AWS": root(OWN)}, "s3:*"), False),
    ],
)
def test_the_account_decides_where_it_is_admitted_as_a_whole(statement, delegated):
    assert facts(statement).account_delegated is delegated


@pytest.mark.parametrize(
    ("owner", "statement", "outsiders"),
    [
        (ALONE, allow({"AWS": root(KIN)}), (KIN,)),
        (ORG_WITHOUT_ACCOUNTS, allow({"AWS": root(KIN)}), None),
        (ORG_WITHOUT_ACCOUNTS, allow({"AWS": root(OWN)}), ()),
        (ORG_WITHOUT_ACCOUNTS, allow("*"), ("*",)),
        (ALONE, allow("*", condition=when("StringEquals", "aws:PrincipalOrgID", ORG)), None),
        (ORG_WITHOUT_ACCOUNTS, allow("*", condition=when("StringEquals", "aws:PrincipalOrgID", ORG)), ()),
        (ALONE, allow("*", condition=when("StringEquals", "aws:PrincipalOrgID", "${aws:ResourceOrgID}")), ()),
    ],
)
def test_who_is_an_outsider_depends_on_what_is_known_of_the_organization(owner, statement, outsiders):
    found = facts(statement, owner=owner)
    assert found.outsiders == outsiders
    if statement["Principal"] != "*":
        assert found.public is False


def test_an_unknown_organization_leaves_no_key_public():
    found = facts(allow("*", condition=when("StringEquals", "aws:PrincipalOrgID", ORG)), owner=ALONE)
    assert (found.public, found.outsiders) == (False, None)


@pytest.mark.parametrize(
    ("actions", "capabilities"),
    [
        ("kms:*", {"administer", "use", "decrypt", "grant"}),
        ("kms:Create*", {"grant"}),
        ("kms:*Key", {"administer", "use"}),
        (["kms:Describe*", "kms:List*", "kms:Get*"], set()),
        ("kms:ReEncrypt*", {"use", "decrypt"}),
        ("kms:ReEncryptFrom", {"decrypt"}),
        ("kms:GenerateDataKey*", {"use"}),
        ("kms:DeriveSharedSecret", {"decrypt"}),
        ("kms:Sign", {"use"}),
        ("kms:D?crypt", {"decrypt"}),
        (["kms:TagResource", "kms:CreateAlias"], set()),
        ("kms:PutKeyPolicy", {"administer"}),
        ("kms:ReEncrypt", set()),
    ],
)
def test_capabilities_of_actions(actions, capabilities):
    admitted = facts(allow({"AWS": role(OWN)}, actions)).admissions
    assert {capability for admission in admitted for capability in admission.capabilities} == capabilities


def test_capabilities_of_a_secret():
    found = facts(allow({"AWS": role(STRANGER)}, "secretsmanager:GetSecretValue"), service="secretsmanager")
    assert found.admissions[0].capabilities == (Capability.DECRYPT,)
    assert found.outsiders == (STRANGER,)


def test_every_action_of_the_services_is_known():
    session = pytest.importorskip("botocore.session").get_session()
    kms = set(session.get_service_model("kms").operation_names) - {"ReEncrypt"}
    assert KMS.all == kms | {"ReEncryptFrom", "ReEncryptTo", "SynchronizeMultiRegionKey"}
    assert SECRETS_MANAGER.all == set(session.get_service_model("secretsmanager").operation_names)
    assert PARAMETER_STORE.all <= set(session.get_service_model("ssm").operation_names)


def test_an_admission_names_what_the_policy_names():
    condition = when("StringEquals", "kms:ViaService", "s3.eu-west-1.amazonaws.com")
    (admission,) = facts(allow({"AWS": role(STRANGER)}, "kms:Decrypt", condition)).admissions
    assert admission.principal == role(STRANGER)
    assert json.loads(admission.conditions) == condition
    assert admission.outside is True
    assert admission.public is False


def test_a_doubtful_admission_is_left_out_and_said_so():
    found = facts(allow({"AWS": role(OWN)}), deny("*", condition=when("StringEquals", "aws:Unheard", "x")))
    assert found.admissions == ()
    assert found.complete is False
    assert facts(allow({"AWS": role(OWN)})).complete is True


def test_a_deleted_principal_is_listed_without_its_account():
    (admission,) = facts(allow({"AWS": "AIDAEXAMPLEEXAMPLE12"}, "kms:*")).admissions
    assert admission.outside is None
    assert admission.kind is PrincipalKind.HUMAN


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (root(OWN), PrincipalKind.ACCOUNT),
        (OWN, PrincipalKind.ACCOUNT),
        (f"arn:aws:iam::{OWN}:user/ops/alice", PrincipalKind.HUMAN),
        (f"arn:aws:iam::{OWN}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1", PrincipalKind.HUMAN),
        (f"arn:aws:sts::{OWN}:assumed-role/AWSReservedSSO_Admin_1/alice@example.com", PrincipalKind.HUMAN),
        (
            f"arn:aws:iam::{OWN}:role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS",
            PrincipalKind.MACHINE,
        ),
        (f"arn:aws:sts::{OWN}:assumed-role/web/i-0123456789abcdef0", PrincipalKind.MACHINE),
        (role(OWN), PrincipalKind.UNDECIDED),
        ("rds.eu-west-1.amazonaws.com", PrincipalKind.SERVICE),
        ("AROAEXAMPLEEXAMPLE12", PrincipalKind.UNDECIDED),
    ],
)
def test_kinds_of_principals(name, kind):
    assert principal_kind(name) is kind


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (allow("*"), PrincipalKind.ANYONE),
        (allow("*", condition=when("StringEquals", "kms:CallerAccount", OWN)), PrincipalKind.ACCOUNT),
        (allow("*", condition=when("StringEquals", "aws:Unheard", "x")), PrincipalKind.UNDECIDED),
        (allow("*", condition=when("Bool", "aws:PrincipalIsAWSService", "true")), PrincipalKind.SERVICE),
        (allow("*", condition=when("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{OWN}:user/a")), PrincipalKind.HUMAN),
    ],
)
def test_kind_of_anyone_by_its_conditions(statement, kind):
    assert facts(statement).admissions[0].kind is kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"Statement": 1}',
        '{"Statement": [1]}',
        '{"Statement": [{"Effect": "allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": "*", "NotPrincipal": "*", "Action": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": "*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": "someone", "Action": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": {"GCP": "x"}, "Action": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": [1]}, "Action": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Condition": []}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Condition": {"Bool": 1}}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Condition": {"Bool": {"a": null}}}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Condition": {"Any:Bool": {"a": 1}}}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Extra": 1}]}',
        '{"Statement": [{"Effect": "Deny", "Effect": "Allow", "Principal": "*", "Action": "*"}]}',
        '{"Statement": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"Id": "\\ud800", "Id": "", "Statement": []}',
        '{"Statement": 1' + "0" * 10_000 + "}",
    ],
)
def test_what_is_no_policy_is_no_answer(text):
    with pytest.raises(PolicyError):
        policy_facts(text, KEY, "kms", IN_ORG)


def test_lone_surrogates_do_not_reach_the_rows():
    text = '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999900001111:role/\\ud800"},'
    text += '"Action": "kms:Decrypt", "Condition": {"StringEquals": {"kms:EncryptionContext:a": "\\udfff"}}}]}'
    (admission,) = policy_facts(text, KEY, "kms", IN_ORG).admissions
    (admission.principal + admission.conditions).encode()


def test_a_pattern_takes_no_time():
    assert not matches("*a" * 200 + "b", "a" * 2_000)
    assert matches("*a" * 200, "a" * 2_000)


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_a_pattern_matches_as_the_file_system_s_does(pattern, text):
    import fnmatch

    assert matches(pattern, text) is fnmatch.fnmatchcase(text, pattern)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["*", OWN, "kms:*", "Allow"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["AWS", "Service", "StringLike", "Bool", "Null", "kms:CallerAccount", "Statement", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


ELEMENTS = ["Effect", "Principal", "NotPrincipal", "Action", "Resource", "Condition"]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(ELEMENTS), JSON, max_size=4))
def test_no_statement_breaks_it(statement):
    try:
        found = facts({"Effect": "Allow", **statement})
    except PolicyError:
        return
    assert found.public in (True, False, None)


CONDITIONS = st.sampled_from(
    [
        when("StringEquals", "kms:CallerAccount", OWN),
        when("StringEquals", "aws:PrincipalOrgID", ORG),
        when("StringEquals", "aws:Unheard", "x"),
        when("Bool", "aws:SecureTransport", "true"),
        when("IpAddress", "aws:SourceIp", "203.0.113.0/24"),
        None,
    ]
)
ALLOWED = st.builds(
    allow,
    st.sampled_from(["*", {"AWS": root(OWN)}, {"AWS": role(STRANGER)}, {"Service": "s3.amazonaws.com"}]),
    st.sampled_from(["kms:*", "kms:Decrypt", "kms:Encrypt"]),
    CONDITIONS,
)


@given(st.lists(ALLOWED, max_size=4), ALLOWED)
def test_one_more_allowed_never_takes_away(statements, more):
    before, after = facts(*statements), facts(*statements, more)
    assert not (before.public is True and after.public is not True)
    assert not (before.public is None and after.public is False)
    if after.outsiders is not None and before.outsiders is not None:
        assert set(before.outsiders) <= set(after.outsiders) or after.outsiders == ("*",)


@given(st.lists(ALLOWED, max_size=3), st.sampled_from(["*", {"AWS": role(STRANGER)}]), CONDITIONS)
def test_one_more_denied_never_opens(statements, principal, condition):
    before, after = facts(*statements), facts(*statements, deny(principal, condition=condition))
    assert not (before.public is False and after.public is not False)
