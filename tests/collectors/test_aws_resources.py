"""Credentials, certificates and data stores of AWS: from what AWS answered to rows."""

from dataclasses import replace

import aws_recordings as aws
import boto3
import pytest
from normalizing import table, unexplained

from collectors.aws.key_specs import CERTIFICATE_KEYS
from collectors.aws.service_readings import _ALL_CERTIFICATES
from evidence.model import NEVER, GapKind, Manager, State


def rows_of(service, exchanges=None, **header):
    observations = aws.recorded(service, exchanges)
    return aws.RECORDINGS.rows(replace(aws.header(service), **header), observations)


def missing(rows, name):
    """Operation and kind of the gaps that say that rows of a table may be missing."""
    return {
        (gap.operation, gap.kind) for gap in table(rows, "gap").values() if gap.rows_missing and gap.of_table == name
    }


def gap_of(rows, subject, column):
    (gap,) = (g for g in table(rows, "gap").values() if g.subject == subject and column in g.columns)
    return gap


def iso(at):
    return at and at.date().isoformat()


@pytest.mark.parametrize("service", ["iam", "acm", "datastores", "kms", "secretsmanager"])
def test_what_is_not_known_of_the_caller_is_explained(service):
    assert unexplained(rows_of(service, account="", account_name=None, identity="")) == []


# IAM


def test_an_account_tells_whether_its_root_user_has_keys():
    rows = rows_of("iam")
    (account,) = table(rows, "account").values()
    assert (account.id, account.name, account.root_credentials) == (aws.ACCOUNT, "Production", 1)
    assert missing(rows, "credential") == {("iam:GetAccountSummary", GapKind.NOT_OFFERED)}


def test_an_account_whose_root_user_has_no_keys_misses_none():
    exchanges = [("", "iam:GetAccountSummary", {"SummaryMap": {"AccountAccessKeysPresent": 0}}), *aws.IAM_EXCHANGES[1:]]
    rows = rows_of("iam", exchanges)
    assert table(rows, "account")[aws.ACCOUNT].root_credentials == 0
    assert missing(rows, "credential") == set()


def test_a_summary_that_does_not_tell_of_the_root_user_is_none():
    exchanges = [("", "iam:GetAccountSummary", {"SummaryMap": {"Users": 3}}), *aws.IAM_EXCHANGES[1:]]
    rows = rows_of("iam", exchanges)
    assert table(rows, "account")[aws.ACCOUNT].root_credentials is None
    assert gap_of(rows, aws.ACCOUNT, "root_credentials").kind is GapKind.FAILED
    assert missing(rows, "credential") == {("iam:GetAccountSummary", GapKind.FAILED)}


def test_an_account_whose_name_was_not_read_has_none():
    rows = rows_of("iam", account_name=None)
    assert table(rows, "account")[aws.ACCOUNT].name is None
    assert gap_of(rows, aws.ACCOUNT, "name").operation == "account:GetAccountInformation"


@pytest.mark.parametrize(
    ("key", "principal", "state", "created", "used", "last"),
    [
        (aws.CALM, "calm", State.ACTIVE, "2026-08-01", True, "2026-11-19"),
        (aws.YOUNG, "calm", State.SUSPENDED, "2026-08-01", False, "2026-08-01"),
        (aws.OLD, "old", State.ACTIVE, "2014-01-01", None, None),
    ],
)
def test_access_keys(key, principal, state, created, used, last):
    rows = rows_of("iam")
    credential = table(rows, "credential")[key]
    assert (credential.principal, credential.state, credential.kind) == (aws.user(principal), state, "access_key")
    assert (iso(credential.created_at), iso(credential.last_rotated_at)) == (created, created)
    assert (credential.used, iso(credential.last_used_at)) == (used, last)
    assert (credential.of_root, credential.expires_at, credential.manager) == (False, NEVER, Manager.CUSTOMER)


def test_a_key_that_is_older_than_the_record_of_use_may_have_been_used():
    gap = gap_of(rows_of("iam"), aws.OLD, "used")
    assert (gap.kind, gap.operation) == (GapKind.NOT_OFFERED, "iam:GetAccessKeyLastUsed")


def test_one_key_whose_last_use_is_refused_leaves_the_others_alone():
    made = list(aws.recorded("iam"))
    number = next(n for n, one in enumerate(made) if one.parameters.get("AccessKeyId") == aws.YOUNG)
    made[number] = aws.RECORDINGS.refused(made[number])
    rows = aws.RECORDINGS.rows(aws.header("iam"), made)
    assert gap_of(rows, aws.YOUNG, "used").kind is GapKind.REFUSED
    assert table(rows, "credential")[aws.CALM].used is True
    (scope,) = table(rows, "scope").values()
    assert (scope.listed, scope.described, scope.complete) == (4, 3, None)


def test_a_user_whose_keys_are_refused_leaves_the_credentials_incomplete():
    made = [aws.RECORDINGS.refused(o) if o.operation == "iam:ListAccessKeys" else o for o in aws.recorded("iam")]
    rows = aws.RECORDINGS.rows(aws.header("iam"), made)
    assert table(rows, "credential") == {}
    assert ("iam:ListAccessKeys", GapKind.REFUSED) in missing(rows, "credential")


def test_a_server_certificate_says_of_itself():
    certificate = table(rows_of("iam"), "certificate")[aws.SERVER_CERTIFICATE]
    assert (certificate.name, certificate.subject, certificate.issuer) == (
        "shop",
        "CN=shop.example.com",
        "CN=Example CA",
    )
    assert (certificate.algorithm, certificate.bits, certificate.state) == ("RSA", 2048, State.ACTIVE)
    assert (iso(certificate.created_at), iso(certificate.expires_at)) == ("2026-01-02", "2027-01-01")
    assert (certificate.exportable, certificate.renewal_enabled, certificate.owner) == (False, False, "shop")
    assert (certificate.publicly_trusted, certificate.in_use) == (None, None)


def test_a_server_certificate_that_is_none_is_unknown_but_for_its_end():
    exchanges = list(aws.IAM_EXCHANGES)
    subject, operation, answer = exchanges[-1]
    exchanges[-1] = subject, operation, {"ServerCertificate": {**answer["ServerCertificate"], "CertificateBody": "x"}}
    rows = rows_of("iam", exchanges)
    certificate = table(rows, "certificate")[aws.SERVER_CERTIFICATE]
    assert (certificate.subject, certificate.state, iso(certificate.expires_at)) == (None, None, "2027-01-01")
    assert gap_of(rows, aws.SERVER_CERTIFICATE, "subject").kind is GapKind.FAILED


# ACM


def certificate_of(**members):
    """The row of a certificate in ACM, with members of its description changed, and the gaps."""
    exchanges = [
        ("", "acm:ListCertificates", {"CertificateSummaryList": [{"CertificateArn": aws.certificate_arn("shop")}]}),
        ("", "tag:GetResources", {"ResourceTagMappingList": []}),
        (aws.certificate_arn("shop"), "acm:DescribeCertificate", aws.certificate("shop", **members)),
    ]
    return table(rows_of("acm", exchanges), "certificate")[aws.certificate_arn("shop")]


def test_a_public_certificate():
    certificate = table(rows_of("acm"), "certificate")[aws.certificate_arn("shop")]
    assert (certificate.name, certificate.subject, certificate.issuer) == (
        "shop.example.com",
        "CN=shop.example.com",
        "Amazon",
    )
    assert (certificate.publicly_trusted, certificate.in_use, certificate.exportable) == (True, True, False)
    assert (certificate.renewal_enabled, certificate.renewal_days) == (True, None)
    assert (certificate.algorithm, certificate.bits, certificate.security_bits) == ("RSA", 2048, 112)
    assert (certificate.state, iso(certificate.expires_at)) == (State.ACTIVE, "2026-12-16")
    assert (certificate.manager, certificate.owner) == (Manager.CUSTOMER, "shop")


def test_an_imported_certificate_is_not_told_to_be_trusted():
    rows = rows_of("acm")
    certificate = table(rows, "certificate")[aws.certificate_arn("partner")]
    assert (certificate.publicly_trusted, certificate.in_use, certificate.exportable) == (None, False, False)
    assert (certificate.renewal_enabled, certificate.renewal_days) == (False, 0)
    assert (certificate.algorithm, certificate.bits, iso(certificate.created_at)) == ("EC", 256, "2026-02-01")
    assert "imported" in gap_of(rows, certificate.id, "publicly_trusted").error


def test_a_private_certificate_may_be_in_use_outside_aws():
    certificate = table(rows_of("acm"), "certificate")[aws.certificate_arn("inner")]
    assert (certificate.publicly_trusted, certificate.exportable, certificate.in_use) == (False, True, None)


def test_a_private_certificate_that_was_never_exported_is_in_use_nowhere():
    exchanges = [
        (
            "",
            "acm:ListCertificates",
            {"CertificateSummaryList": [{"CertificateArn": aws.certificate_arn("inner"), "Exported": False}]},
        ),
        ("", "tag:GetResources", {"ResourceTagMappingList": []}),
        (aws.certificate_arn("inner"), "acm:DescribeCertificate", aws.CERTIFICATES["inner"]),
    ]
    (certificate,) = table(rows_of("acm", exchanges), "certificate").values()
    assert certificate.in_use is False


def test_a_certificate_that_is_not_issued_yet():
    rows = rows_of("acm")
    certificate = table(rows, "certificate")[aws.certificate_arn("new")]
    assert (certificate.state, certificate.activated_at, certificate.expires_at) == (State.PRE_ACTIVE, NEVER, NEVER)
    assert gap_of(rows, certificate.id, "subject").kind is GapKind.NOT_OFFERED


@pytest.mark.parametrize(
    ("members", "state"),
    [
        ({"NotBefore": aws.day("2026-11-21")}, State.PRE_ACTIVE),
        ({"NotAfter": aws.day("2026-11-19")}, State.DEACTIVATED),
        ({"NotAfter": None}, None),
        ({"Status": "EXPIRED"}, State.DEACTIVATED),
        ({"Status": "REVOKED"}, State.DEACTIVATED),
        ({"Status": "REVOKED", "RevocationReason": "KEY_COMPROMISE"}, State.COMPROMISED),
        ({"Status": "INACTIVE"}, State.SUSPENDED),
        ({"Status": "FAILED"}, State.DEACTIVATED),
        ({"Status": "SOMETHING_NEW"}, None),
    ],
)
def test_the_state_of_a_certificate(members, state):
    assert certificate_of(**members).state is state


@pytest.mark.parametrize(
    ("members", "exportable", "in_use"),
    [
        ({"Options": {"Export": "ENABLED"}, "InUseBy": []}, True, None),
        ({"Options": {"Export": "ENABLED"}}, True, True),
        ({"Options": {}, "InUseBy": []}, None, None),
        ({"InUseBy": []}, False, False),
        ({"InUseBy": None}, False, None),
    ],
)
def test_what_can_be_exported_may_be_used_elsewhere(members, exportable, in_use):
    certificate = certificate_of(**members)
    assert (certificate.exportable, certificate.in_use) == (exportable, in_use)


def test_a_certificate_with_a_key_of_an_unknown_kind():
    assert certificate_of(KeyAlgorithm="ML_DSA_65").algorithm is None
    assert certificate_of(KeyAlgorithm="RSA-4096").bits == 4096, "as ACM describes it, beside how it lists it"


def test_a_service_may_manage_a_certificate():
    assert certificate_of(ManagedBy="CLOUDFRONT").manager is Manager.PROVIDER


def test_certificates_of_all_kinds_are_asked_for():
    model = boto3.client("acm", region_name="eu-west-1").meta.service_model
    assert set(CERTIFICATE_KEYS) == set(model.shape_for("KeyAlgorithm").enum)
    assert set(_ALL_CERTIFICATES["CertificateKeyPairOrigins"]) == set(model.shape_for("CertificateKeyPairOrigin").enum)


# Data stores

RDS = f"arn:aws:rds:{aws.REGION}:{aws.ACCOUNT}"
EBS = f"{aws.ACCOUNT}/{aws.REGION}/EBS encryption by default"


@pytest.mark.parametrize(
    ("id", "kind", "encrypted", "key"),
    [
        (EBS, "EBS default", True, None),
        (f"arn:aws:ec2:{aws.REGION}:{aws.ACCOUNT}:volume/vol-1", "EBS volume", True, aws.arn(aws.ROTATING)),
        (f"arn:aws:ec2:{aws.REGION}:{aws.ACCOUNT}:volume/vol-2", "EBS volume", False, ""),
        (f"{RDS}:db:bare", "RDS instance", False, ""),
        (f"{RDS}:db:owned", "RDS instance", True, ""),
        (f"{RDS}:db:own", "RDS instance", True, aws.arn(aws.ROTATING)),
        (f"{RDS}:cluster:ledger", "RDS cluster", True, aws.arn(aws.ROTATING)),
        (
            f"arn:aws:elasticfilesystem:{aws.REGION}:{aws.ACCOUNT}:file-system/fs-1",
            "EFS file system",
            True,
            aws.arn(aws.ROTATING),
        ),
        (f"arn:aws:cloudtrail:{aws.REGION}:{aws.ACCOUNT}:trail/all", "CloudTrail trail", True, aws.arn(aws.ROTATING)),
        (f"arn:aws:cloudtrail:{aws.REGION}:{aws.ACCOUNT}:trail/plain", "CloudTrail trail", True, ""),
    ],
)
def test_data_stores(id, kind, encrypted, key):
    row = table(rows_of("datastores"), "protected_resource")[id]
    assert (row.kind, row.encrypted, row.key) == (kind, encrypted, key)
    assert (row.account, row.region) == (aws.ACCOUNT, aws.REGION)


def test_an_instance_of_a_cluster_has_its_storage():
    assert f"{RDS}:db:member" not in table(rows_of("datastores"), "protected_resource")


def test_a_key_by_its_alias_is_not_told():
    gap = gap_of(rows_of("datastores"), EBS, "key")
    assert (gap.kind, "alias" in gap.error) == (GapKind.NOT_OFFERED, True)


def test_volumes_that_are_not_encrypted_by_default_have_no_key_by_default():
    off = ("", "ec2:GetEbsEncryptionByDefault", {"EbsEncryptionByDefault": False})
    made = aws.recorded("datastores", [off, *aws.DATASTORE_EXCHANGES[1:]])
    made[1] = aws.RECORDINGS.refused(made[1])
    row = table(aws.RECORDINGS.rows(aws.header("datastores"), made), "protected_resource")[EBS]
    assert (row.encrypted, row.key) == (False, "")


def test_what_one_service_refuses_leaves_the_others_whole():
    made = [
        o if o.operation != "rds:DescribeDBClusters" else aws.RECORDINGS.refused(o) for o in aws.recorded("datastores")
    ]
    rows = aws.RECORDINGS.rows(aws.header("datastores"), made)
    assert missing(rows, "protected_resource") == {("rds:DescribeDBClusters", GapKind.REFUSED)}
    assert len(table(rows, "protected_resource")) == 9
    (scope,) = table(rows, "scope").values()
    assert (scope.listed, scope.described, scope.refused) == (None, 9, 1)
