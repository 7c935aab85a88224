"""Scopes of AWS as they are recorded, written by hand on the shapes that AWS documents."""

import json
from datetime import UTC, datetime

import normalizing
from normalizing import Recordings, Scope

from collectors.aws.normalize import SERVICES
from collectors.source import Settings
from evidence.recording import ScopeHeader
from keyproof.demo.aws import clusters

ACCOUNT = "111122223333"
STRANGER = "999900001111"
REGION = "eu-west-1"
IDENTITY = f"arn:aws:sts::{ACCOUNT}:assumed-role/audit/keyproof"

SETTINGS = Settings(
    tag_names={
        "owner": ("owner", "team"),
        "business_purpose": ("purpose",),
        "data_class": ("data-class",),
        "environment": ("env",),
    }
)


def header(service, region=REGION, **more):
    fields = {
        "id": f"prod/{ACCOUNT}/{region}/{service}",
        "source": "prod",
        "type": "aws",
        "service": service,
        "account": ACCOUNT,
        "account_name": "Production",
        "region": region,
        "identity": IDENTITY,
    }
    return ScopeHeader(**{**fields, **more})


def recorded(service, exchanges=None):
    """Observations of a scope from (subject, operation, answer), or a fourth of the parameters by which that was asked;
    by default what is recorded of the service."""
    return normalizing.recorded(header(service), EXCHANGES[service] if exchanges is None else exchanges)


def day(text):
    """Seconds since 1970, as AWS's JSON has them."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def arn(key_id, region=REGION, account=ACCOUNT):
    return f"arn:aws:kms:{region}:{account}:key/{key_id}"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [DEFAULT_STATEMENT, *statements]})


DEFAULT_STATEMENT = {
    "Sid": "Enable IAM User Permissions",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "kms:*",
    "Resource": "*",
}


def metadata(key_id, **more):
    """DescribeKey's answer for a symmetric key; `None` leaves a member out."""
    described = {
        "AWSAccountId": ACCOUNT,
        "KeyId": key_id,
        "Arn": arn(key_id),
        "CreationDate": day("2024-03-01"),
        "Enabled": True,
        "Description": "card data",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
        **more,
    }
    return {"KeyMetadata": {name: value for name, value in described.items() if value is not None}}


def rsa(key_id, **more):
    return metadata(
        key_id,
        KeySpec="RSA_2048",
        KeyUsage="SIGN_VERIFY",
        EncryptionAlgorithms=None,
        SigningAlgorithms=["RSASSA_PSS_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256"],
        **more,
    )


ROTATING = "11111111-1111-4111-8111-111111111111"
SIGNING = "22222222-2222-4222-8222-222222222222"
IMPORTED = "33333333-3333-4333-8333-333333333333"
DOOMED = "44444444-4444-4444-8444-444444444444"
PROVIDER = "55555555-5555-4555-8555-555555555555"
PRIMARY = "mrk-66666666666666666666666666666666"
OUTSIDE = "77777777-7777-4777-8777-777777777777"
NEW = "88888888-8888-4888-8888-888888888888"
DISABLED = "99999999-9999-4999-8999-999999999999"

NEVER_USED = {"KeyId": "x", "KeyLastUsage": {}, "TrackingStartDate": day("2026-04-23")}


def of_key(key_id, described, *, status=None, rotations=None, usage=None, policy_text=None, grants=()):
    """The exchanges about one customer key."""
    subject = arn(key_id)
    yield subject, "kms:DescribeKey", described
    if status is not None:
        yield subject, "kms:GetKeyRotationStatus", status
    for page in rotations or ():
        yield subject, "kms:ListKeyRotations", page
    yield subject, "kms:GetKeyLastUsage", usage or NEVER_USED
    yield subject, "kms:GetKeyPolicy", {"Policy": policy_text or policy(), "PolicyName": "default"}
    yield subject, "kms:ListGrants", {"Grants": list(grants), "Truncated": False}


FIRST_MATERIAL = {"KeyId": "x", "KeyMaterialId": "a" * 64, "KeyMaterialState": "NON_CURRENT"}
ONCE_ROTATED = {
    "KeyId": "x",
    "KeyMaterialId": "b" * 64,
    "KeyMaterialState": "NON_CURRENT",
    "RotationDate": day("2025-03-01"),
    "RotationType": "AUTOMATIC",
}
TWICE_ROTATED = {
    **ONCE_ROTATED,
    "KeyMaterialId": "c" * 64,
    "KeyMaterialState": "CURRENT",
    "RotationDate": day("2025-09-01"),
    "RotationType": "ON_DEMAND",
}
IMPORTED_MATERIAL = {
    "KeyId": "x",
    "KeyMaterialId": "d" * 64,
    "KeyMaterialState": "CURRENT",
    "ImportState": "IMPORTED",
    "ExpirationModel": "KEY_MATERIAL_EXPIRES",
    "ValidTo": day("2027-01-01"),
}

GRANT = {
    "KeyId": "x",
    "GrantId": "f" * 64,
    "GranteePrincipal": f"arn:aws:iam::{STRANGER}:role/reader",
    "Operations": ["Decrypt", "DescribeKey"],
    "Constraints": {"EncryptionContextSubset": {"app": "ledger"}},
}
SERVICE_GRANT = {
    "KeyId": "x",
    "GrantId": "e" * 64,
    "GranteePrincipal": "rds.eu-west-1.amazonaws.com",
    "Operations": ["Decrypt", "GenerateDataKey", "CreateGrant"],
}

TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/all"
FAR_TRAIL = f"arn:aws:cloudtrail:eu-central-1:{ACCOUNT}:trail/far"


def rule(name, pattern, **more):
    return {"Name": name, "State": "ENABLED", "EventPattern": json.dumps(pattern), **more}


def alert_exchanges(*, trails=None, logging=None, selectors=None, rules=(), targets=None, filters=None, alarms=None):
    """What is asked about alerts; `filters` are of the group `trail`, into which the trail logs."""
    group = {"CloudWatchLogsLogGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:trail:*"}
    custom = {"HasCustomEventSelectors": selectors is not None}
    one = {"TrailARN": TRAIL, **({} if filters is None else group)}
    told = [{**custom, **trail} for trail in ([one] if trails is None else trails)]
    yield "", "cloudtrail:DescribeTrails", {"trailList": told}
    for arn in (trail["TrailARN"] for trail in told):
        yield "", "cloudtrail:GetTrailStatus", {"IsLogging": (logging or {}).get(arn, True)}, {"Name": arn}
        if selectors is not None:
            yield "", "cloudtrail:GetEventSelectors", selectors, {"TrailName": arn}
    yield "", "events:ListRules", {"Rules": list(rules)}
    for name, arns in (targets or {}).items():
        answer = {"Targets": [{"Id": str(number), "Arn": arn} for number, arn in enumerate(arns)]}
        yield "", "events:ListTargetsByRule", answer, {"Rule": name}
    if filters is not None:
        yield "", "logs:DescribeMetricFilters", {"metricFilters": list(filters)}, {"logGroupName": "trail"}
    if alarms is not None:
        yield "", "cloudwatch:DescribeAlarms", {"MetricAlarms": list(alarms), "CompositeAlarms": []}


TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:security"


def metric_filter(pattern, name="KeyChanges", **more):
    metric = {"metricName": name, "metricNamespace": "Trail", "metricValue": "1"}
    return {"filterName": name, "filterPattern": pattern, "metricTransformations": [metric], **more}


def alarm(name="KeyChanges", **more):
    told = {"AlarmName": name, "MetricName": name, "Namespace": "Trail", "ActionsEnabled": True}
    return {**told, "AlarmActions": [TOPIC], **more}


ENDS = {"source": ["aws.kms"], "detail": {"eventName": ["DisableKey", "ScheduleKeyDeletion"]}}
POLICIES = "{ ($.eventSource = kms.amazonaws.com) && (($.eventName = PutKeyPolicy) || ($.eventName = CreateGrant)) }"

ALERT_EXCHANGES = list(
    alert_exchanges(
        selectors={"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]},
        rules=[rule("ends", ENDS), rule("off", ENDS, State="DISABLED"), {"Name": "daily", "State": "ENABLED"}],
        targets={"ends": [TOPIC]},
        filters=[metric_filter(POLICIES)],
        alarms=[alarm()],
    )
)

KMS_EXCHANGES = [
    ("", "kms:ListKeys", {"Keys": [{"KeyArn": arn(k), "KeyId": k} for k in (ROTATING, SIGNING)], "Truncated": True}),
    ("", "kms:ListKeys", {"Keys": [], "Truncated": True, "NextMarker": "x"}),
    (
        "",
        "kms:ListKeys",
        {
            "Keys": [
                {"KeyArn": arn(k), "KeyId": k} for k in (IMPORTED, DOOMED, PROVIDER, PRIMARY, OUTSIDE, NEW, DISABLED)
            ],
            "Truncated": False,
        },
    ),
    (
        "",
        "kms:ListAliases",
        {
            "Aliases": [
                {"AliasName": "alias/payments", "TargetKeyId": ROTATING},
                {"AliasName": "alias/cards", "TargetKeyId": ROTATING},
                {"AliasName": "alias/aws/s3", "TargetKeyId": PROVIDER},
                {"AliasName": "alias/aws/ebs"},
            ],
            "Truncated": False,
        },
    ),
    (
        "",
        "tag:GetResources",
        {
            "ResourceTagMappingList": [
                {
                    "ResourceARN": arn(ROTATING),
                    "Tags": [{"Key": "Team", "Value": "ledger"}, {"Key": "data-class", "Value": "restricted"}],
                }
            ],
            "PaginationToken": "",
        },
    ),
    (
        "",
        "kms:DescribeCustomKeyStores",
        {
            "CustomKeyStores": [
                {
                    "CustomKeyStoreId": "cks-1234567890abcdef0",
                    "CustomKeyStoreName": "vault",
                    "ConnectionState": "CONNECTED",
                    "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
                    "XksProxyConfiguration": {"Connectivity": "PUBLIC_ENDPOINT"},
                }
            ],
            "Truncated": False,
        },
    ),
    *ALERT_EXCHANGES,
    *of_key(
        ROTATING,
        metadata(ROTATING),
        status={
            "KeyId": ROTATING,
            "KeyRotationEnabled": True,
            "RotationPeriodInDays": 365,
            "NextRotationDate": day("2027-03-01"),
            "OnDemandRotationStartDate": day("2026-11-20"),
        },
        rotations=[
            {"Rotations": [FIRST_MATERIAL, TWICE_ROTATED], "Truncated": True},
            {"Rotations": [ONCE_ROTATED], "Truncated": False},
        ],
        usage={
            "KeyId": ROTATING,
            "KeyLastUsage": {"Operation": "Decrypt", "Timestamp": day("2026-11-19")},
            "TrackingStartDate": day("2026-04-23"),
            "KeyCreationDate": day("2024-03-01"),
        },
        policy_text=policy(
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/ledger"},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
            }
        ),
        grants=[GRANT, SERVICE_GRANT],
    ),
    *of_key(SIGNING, rsa(SIGNING)),
    *of_key(
        IMPORTED,
        metadata(IMPORTED, Origin="EXTERNAL", ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=day("2027-01-01")),
        rotations=[{"Rotations": [IMPORTED_MATERIAL], "Truncated": False}],
        policy_text=policy({"Effect": "Allow", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"}),
    ),
    *of_key(
        DOOMED,
        metadata(DOOMED, KeyState="PendingDeletion", DeletionDate=day("2026-12-10"), Enabled=False),
        rotations=[{"Rotations": [{**FIRST_MATERIAL, "KeyMaterialState": "CURRENT"}], "Truncated": False}],
    ),
    (arn(PROVIDER), "kms:DescribeKey", metadata(PROVIDER, KeyManager="AWS")),
    *of_key(
        PRIMARY,
        metadata(
            PRIMARY,
            MultiRegion=True,
            MultiRegionConfiguration={
                "MultiRegionKeyType": "PRIMARY",
                "PrimaryKey": {"Arn": arn(PRIMARY), "Region": REGION},
                "ReplicaKeys": [{"Arn": arn(PRIMARY, "us-east-1"), "Region": "us-east-1"}],
            },
        ),
        status={"KeyId": PRIMARY, "KeyRotationEnabled": False},
        rotations=[{"Rotations": [{**FIRST_MATERIAL, "KeyMaterialState": "CURRENT"}], "Truncated": False}],
    ),
    *of_key(
        OUTSIDE,
        metadata(
            OUTSIDE,
            Origin="EXTERNAL_KEY_STORE",
            CustomKeyStoreId="cks-1234567890abcdef0",
            XksKeyConfiguration={"Id": "k1"},
        ),
    ),
    *of_key(
        NEW,
        metadata(NEW, CreationDate=day("2026-10-01")),
        status={"KeyId": NEW, "KeyRotationEnabled": True, "RotationPeriodInDays": 90},
        rotations=[{"Rotations": [], "Truncated": False}],
        usage={
            "KeyId": NEW,
            "KeyLastUsage": {},
            "TrackingStartDate": day("2026-10-01"),
            "KeyCreationDate": day("2026-10-01"),
        },
    ),
    *of_key(
        DISABLED,
        metadata(DISABLED, KeyState="Disabled", Enabled=False),
        status={"KeyId": DISABLED, "KeyRotationEnabled": True, "RotationPeriodInDays": 365},
        rotations=[{"Rotations": [{**FIRST_MATERIAL, "KeyMaterialState": "CURRENT"}], "Truncated": False}],
        policy_text=policy(
            {
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": "kms:Decrypt",
                "Resource": "*",
                "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
            }
        ),
    ),
]


def secret_arn(name):
    return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"


def of_secret(name, described, *, versions=None, policy_text=None, policy_asked=True):
    subject = secret_arn(name)
    answer = {"ARN": subject, "Name": name, "CreatedDate": day("2024-01-01"), **described}
    yield subject, "secretsmanager:DescribeSecret", answer
    made = versions or [{"VersionId": "v1", "VersionStages": ["AWSCURRENT"], "CreatedDate": day("2026-10-01")}]
    yield subject, "secretsmanager:ListSecretVersionIds", {"ARN": subject, "Name": name, "Versions": made}
    if policy_asked:
        attached = {"ResourcePolicy": policy_text} if policy_text else {}
        yield subject, "secretsmanager:GetResourcePolicy", {"ARN": subject, "Name": name, **attached}


SECRETS = ("rotating", "plain", "stuck", "deleted", "replica", "managed")

SECRET_EXCHANGES = [
    (
        "",
        "secretsmanager:ListSecrets",
        {"SecretList": [{"ARN": secret_arn(n), "Name": n} for n in SECRETS[:2]], "NextToken": "x"},
    ),
    ("", "secretsmanager:ListSecrets", {"SecretList": [{"ARN": secret_arn(n), "Name": n} for n in SECRETS[2:]]}),
    ("", "cloudtrail:DescribeTrails", {"trailList": []}),
    *of_secret(
        "rotating",
        {
            "Description": "database",
            "KmsKeyId": ROTATING,
            "RotationEnabled": True,
            "RotationRules": {"ScheduleExpression": "rate(12 hours)", "AutomaticallyAfterDays": 1},
            "LastRotatedDate": day("2026-11-19"),
            "NextRotationDate": day("2026-11-21"),
            "LastAccessedDate": day("2026-11-19"),
            "Tags": [{"Key": "OWNER", "Value": "ledger"}],
            "VersionIdsToStages": {"v1": ["AWSCURRENT", "AWSPENDING"]},
        },
        policy_text=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"},
                    "Action": "secretsmanager:GetSecretValue",
                    "Resource": "*",
                },
            }
        ),
    ),
    *of_secret("plain", {"VersionIdsToStages": {"v1": ["AWSCURRENT"]}}),
    *of_secret(
        "stuck",
        {
            "RotationEnabled": True,
            "RotationRules": {"AutomaticallyAfterDays": 30},
            "NextRotationDate": day("2026-12-21"),
            "VersionIdsToStages": {"v1": ["AWSCURRENT"], "v2": ["AWSPENDING"]},
        },
        versions=[
            {"VersionId": "v1", "VersionStages": ["AWSCURRENT"], "CreatedDate": day("2026-10-01")},
            {"VersionId": "v2", "VersionStages": ["AWSPENDING"], "CreatedDate": day("2026-11-11")},
        ],
    ),
    *of_secret("deleted", {"DeletedDate": day("2026-11-12")}, policy_asked=False),
    *of_secret("replica", {"PrimaryRegion": "us-east-1", "KmsKeyId": "alias/replica"}),
    *of_secret("managed", {"OwningService": "rds", "ReplicationStatus": [{"Region": "eu-west-2", "Status": "InSync"}]}),
]


def parameter_arn(name):
    return f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{name.lstrip('/')}"


PARAMETER_EXCHANGES = [
    (
        "",
        "ssm:DescribeParameters",
        {
            "Parameters": [
                {
                    "Name": "/app/token",
                    "ARN": parameter_arn("/app/token"),
                    "Type": "SecureString",
                    "KeyId": "alias/aws/ssm",
                    "LastModifiedDate": day("2026-05-01"),
                    "Version": 1,
                    "Tier": "Standard",
                    "Policies": [],
                },
                {
                    "Name": "shared",
                    "Type": "SecureString",
                    "KeyId": arn(ROTATING),
                    "LastModifiedDate": day("2026-06-01"),
                    "Description": "token",
                    "Version": 4,
                    "Tier": "Advanced",
                    "Policies": [
                        {
                            "PolicyType": "Expiration",
                            "PolicyStatus": "Pending",
                            "PolicyText": '{"Type":"Expiration","Version":"1.0",'
                            '"Attributes":{"Timestamp":"2027-02-02T00:00:00.000Z"}}',
                        }
                    ],
                },
            ]
        },
    ),
    (
        "",
        "tag:GetResources",
        {
            "ResourceTagMappingList": [
                {"ResourceARN": parameter_arn("shared"), "Tags": [{"Key": "team", "Value": "web"}]}
            ]
        },
    ),
    (
        parameter_arn("shared"),
        "ssm:GetResourcePolicies",
        {
            "Policies": [
                {
                    "PolicyId": "1",
                    "PolicyHash": "1",
                    "Policy": json.dumps(
                        {
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Principal": {"AWS": STRANGER},
                                    "Action": ["ssm:GetParameter", "ssm:DescribeParameters"],
                                    "Resource": parameter_arn("shared"),
                                }
                            ]
                        }
                    ),
                }
            ]
        },
    ),
]

ACCOUNT_EXCHANGES = [
    ("", "sts:GetCallerIdentity", {"Account": ACCOUNT, "Arn": IDENTITY, "UserId": "x"}),
    ("", "account:GetAccountInformation", {"AccountName": "Production", "AccountId": ACCOUNT}),
    (
        "",
        "account:ListRegions",
        {"Regions": [{"RegionName": REGION, "RegionOptStatus": "ENABLED_BY_DEFAULT"}]},
    ),
    ("", "organizations:DescribeOrganization", {"Organization": {"Id": "o-exampleorg1"}}),
    ("", "organizations:ListAccounts", {"Accounts": [{"Id": ACCOUNT}]}),
]

CLUSTER, NEW_CLUSTER, GONE_CLUSTER = "cluster-aaaaaaaaaaa", "cluster-bbbbbbbbbbb", "cluster-ccccccccccc"


def hsm(zone, **more):
    return {
        "AvailabilityZone": zone,
        "ClusterId": CLUSTER,
        "SubnetId": "subnet-0123456789abcdef0",
        "EniId": "eni-0123456789abcdef0",
        "EniIp": "10.0.0.11",
        "HsmId": f"hsm-{zone[-1] * 11}",
        "HsmType": "hsm2m.medium",
        "State": "ACTIVE",
        **more,
    }


def cluster(id=CLUSTER, **more):
    """An entry of DescribeClusters; `None` leaves a member out."""
    made = datetime(2025, 1, 1, tzinfo=UTC)
    described = {
        "BackupPolicy": "DEFAULT",
        "BackupRetentionPolicy": {"Type": "DAYS", "Value": "90"},
        "ClusterId": id,
        "CreateTimestamp": day("2025-01-01"),
        "Hsms": [hsm("eu-west-1a"), hsm("eu-west-1b")],
        "HsmType": "hsm2m.medium",
        "SecurityGroup": "sg-0123456789abcdef0",
        "State": "ACTIVE",
        "SubnetMapping": {"eu-west-1a": "subnet-0123456789abcdef0"},
        "VpcId": "vpc-0123456789abcdef0",
        "NetworkType": "IPV4",
        "Certificates": clusters.cluster(id, created_at=made, zones=[])["Certificates"],
        "TagList": [{"Key": "Name", "Value": "issuing"}, {"Key": "Owner", "Value": "cards"}],
        "Mode": "FIPS",
        **more,
    }
    return {name: value for name, value in described.items() if value is not None}


def backup(id, of=CLUSTER, made="2026-11-19", **more):
    return {
        "BackupId": f"backup-{id * 11}",
        "BackupState": "READY",
        "ClusterId": of,
        "CreateTimestamp": day(made),
        "NeverExpires": False,
        **more,
    }


CLUSTER_EXCHANGES = [
    ("", "cloudhsm:DescribeClusters", {"Clusters": [cluster()], "NextToken": "2"}),
    (
        "",
        "cloudhsm:DescribeClusters",
        {"Clusters": [cluster(NEW_CLUSTER, State="UNINITIALIZED", Hsms=[], HsmType="hsm3.large", TagList=None)]},
    ),
    (
        "",
        "cloudhsm:DescribeBackups",
        {"Backups": [backup("a"), backup("b", made="2025-02-01", NeverExpires=True)], "NextToken": "2"},
    ),
    (
        "",
        "cloudhsm:DescribeBackups",
        {
            "Backups": [
                backup("c", GONE_CLUSTER, SourceRegion="eu-central-1", SourceCluster=GONE_CLUSTER),
                backup("d", GONE_CLUSTER, BackupState="DELETED"),
            ]
        },
    ),
]

CALM, OLD, YOUNG = "AKIACALM000000000001", "AKIAOLD0000000000001", "AKIAYOUNG00000000001"
SERVER_CERTIFICATE = f"arn:aws:iam::{ACCOUNT}:server-certificate/shop"


def user(name):
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def access_key(id, status="Active", made="2026-08-01"):
    return {"UserName": "x", "AccessKeyId": id, "Status": status, "CreateDate": f"{made}T00:00:00Z"}


def last_use(id, at=None):
    """IAM's answer about the last use of an access key, with the parameter by which it was asked."""
    used = {"ServiceName": "s3", "Region": "eu-west-1", "LastUsedDate": f"{at}T10:00:00Z"}
    return {"AccessKeyLastUsed": used if at else {"ServiceName": "N/A", "Region": "N/A"}}, {"AccessKeyId": id}


PEM = clusters.signed_certificate(
    "CN=shop.example.com", "CN=Example CA", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
)
_METADATA = {
    "Path": "/",
    "ServerCertificateName": "shop",
    "ServerCertificateId": "ASCA",
    "Arn": SERVER_CERTIFICATE,
    "UploadDate": "2026-01-02T00:00:00Z",
    "Expiration": "2027-01-01T00:00:00Z",
}

IAM_EXCHANGES = [
    ("", "iam:GetAccountSummary", {"SummaryMap": {"Users": 3, "AccountAccessKeysPresent": 1}}),
    ("", "iam:ListUsers", {"Users": [{"Arn": user("calm"), "UserName": "calm"}], "IsTruncated": True, "Marker": "2"}),
    (
        "",
        "iam:ListUsers",
        {"Users": [{"Arn": user(name), "UserName": name} for name in ("old", "none")], "IsTruncated": False},
    ),
    ("", "iam:ListServerCertificates", {"ServerCertificateMetadataList": [_METADATA], "IsTruncated": False}),
    (
        user("calm"),
        "iam:ListAccessKeys",
        {"AccessKeyMetadata": [access_key(CALM), access_key(YOUNG, "Inactive")], "IsTruncated": False},
    ),
    (user("calm"), "iam:GetAccessKeyLastUsed", *last_use(CALM, "2026-11-19")),
    (user("calm"), "iam:GetAccessKeyLastUsed", *last_use(YOUNG)),
    (
        user("old"),
        "iam:ListAccessKeys",
        {"AccessKeyMetadata": [access_key(OLD, made="2014-01-01")], "IsTruncated": False},
    ),
    (user("old"), "iam:GetAccessKeyLastUsed", *last_use(OLD)),
    (user("none"), "iam:ListAccessKeys", {"AccessKeyMetadata": [], "IsTruncated": False}),
    (
        SERVER_CERTIFICATE,
        "iam:GetServerCertificate",
        {
            "ServerCertificate": {
                "ServerCertificateMetadata": _METADATA,
                "CertificateBody": PEM,
                "Tags": [{"Key": "team", "Value": "shop"}],
            }
        },
    ),
]


def certificate_arn(name):
    return f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/{name}"


def certificate(name, **more):
    """DescribeCertificate's answer for a public certificate in use; `None` leaves a member out."""
    described = {
        "CertificateArn": certificate_arn(name),
        "DomainName": f"{name}.example.com",
        "Subject": f"CN={name}.example.com",
        "Issuer": "Amazon",
        "CreatedAt": day("2026-06-01"),
        "IssuedAt": day("2026-06-01"),
        "NotBefore": day("2026-06-01"),
        "NotAfter": day("2026-12-16"),
        "Status": "ISSUED",
        "KeyAlgorithm": "RSA_2048",
        "InUseBy": [f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/shop/1"],
        "Type": "AMAZON_ISSUED",
        "RenewalEligibility": "ELIGIBLE",
        "Options": {"CertificateTransparencyLoggingPreference": "ENABLED", "Export": "DISABLED"},
        **more,
    }
    return {"Certificate": {name: value for name, value in described.items() if value is not None}}


NOT_ISSUED = dict.fromkeys(("Subject", "Issuer", "IssuedAt", "NotBefore", "NotAfter"))
IMPORT = {"Type": "IMPORTED", "Issuer": "Example CA", "CreatedAt": None, "IssuedAt": None, "Options": None}

CERTIFICATES = {
    "shop": certificate("shop"),
    "partner": certificate(
        "partner",
        **IMPORT,
        ImportedAt=day("2026-02-01"),
        KeyAlgorithm="EC-prime256v1",
        InUseBy=[],
        RenewalEligibility="INELIGIBLE",
    ),
    "inner": certificate("inner", Type="PRIVATE", Issuer="Example internal", InUseBy=[], KeyAlgorithm="EC_secp384r1"),
    "new": certificate("new", **NOT_ISSUED, Status="PENDING_VALIDATION", RenewalEligibility="INELIGIBLE", InUseBy=[]),
}


def _summaries(*names):
    return [{"CertificateArn": certificate_arn(name), "DomainName": f"{name}.example.com"} for name in names]


ACM_EXCHANGES = [
    ("", "acm:ListCertificates", {"CertificateSummaryList": _summaries("shop", "partner"), "NextToken": "2"}),
    ("", "acm:ListCertificates", {"CertificateSummaryList": _summaries("inner", "new")}),
    (
        "",
        "tag:GetResources",
        {
            "ResourceTagMappingList": [
                {"ResourceARN": certificate_arn("shop"), "Tags": [{"Key": "team", "Value": "shop"}]}
            ]
        },
    ),
    *((certificate_arn(name), "acm:DescribeCertificate", answer) for name, answer in CERTIFICATES.items()),
]

DATASTORE_EXCHANGES = [
    ("", "ec2:GetEbsEncryptionByDefault", {"EbsEncryptionByDefault": True}),
    ("", "ec2:GetEbsDefaultKmsKeyId", {"KmsKeyId": "alias/aws/ebs"}),
    (
        "",
        "ec2:DescribeVolumes",
        {
            "Volumes": [
                {
                    "VolumeId": "vol-1",
                    "Encrypted": True,
                    "KmsKeyId": arn(ROTATING),
                    "CreateTime": "2026-01-01T00:00:00Z",
                }
            ],
            "NextToken": "2",
        },
    ),
    (
        "",
        "ec2:DescribeVolumes",
        {"Volumes": [{"VolumeId": "vol-2", "Encrypted": False, "CreateTime": "2026-01-01T00:00:00Z"}]},
    ),
    (
        "",
        "rds:DescribeDBInstances",
        {
            "DBInstances": [
                {
                    "DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}",
                    "InstanceCreateTime": "2025-01-01T00:00:00Z",
                    **more,
                }
                for name, more in {
                    "bare": {"StorageEncrypted": False, "StorageEncryptionType": "none"},
                    "owned": {"StorageEncrypted": False, "StorageEncryptionType": "sse-rds"},
                    "own": {"StorageEncrypted": True, "StorageEncryptionType": "sse-kms", "KmsKeyId": ROTATING},
                    "member": {"StorageEncrypted": True, "KmsKeyId": ROTATING, "DBClusterIdentifier": "ledger"},
                }.items()
            ]
        },
    ),
    (
        "",
        "rds:DescribeDBClusters",
        {
            "DBClusters": [
                {
                    "DBClusterArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:ledger",
                    "ClusterCreateTime": "2025-01-01T00:00:00Z",
                    "StorageEncrypted": True,
                    "KmsKeyId": arn(ROTATING),
                }
            ]
        },
    ),
    (
        "",
        "elasticfilesystem:DescribeFileSystems",
        {
            "FileSystems": [
                {
                    "FileSystemId": "fs-1",
                    "FileSystemArn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/fs-1",
                    "Encrypted": True,
                    "KmsKeyId": arn(ROTATING),
                    "CreationTime": day("2025-01-01"),
                }
            ]
        },
    ),
    (
        "",
        "cloudtrail:DescribeTrails",
        {
            "trailList": [
                {"TrailARN": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/all", "KmsKeyId": arn(ROTATING)},
                {"TrailARN": f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/plain"},
            ]
        },
    ),
]

EXCHANGES = {
    "account": ACCOUNT_EXCHANGES,
    "kms": KMS_EXCHANGES,
    "secretsmanager": SECRET_EXCHANGES,
    "ssm": PARAMETER_EXCHANGES,
    "cloudhsm": CLUSTER_EXCHANGES,
    "iam": IAM_EXCHANGES,
    "acm": ACM_EXCHANGES,
    "datastores": DATASTORE_EXCHANGES,
}
"""By the service of a scope."""

RECORDINGS = Recordings(
    type="aws",
    services=tuple(SERVICES),
    settings=SETTINGS,
    header=header,
    recorded=lambda service: [Scope(header(service), recorded(service))],
    refusal=("AccessDeniedException: no", '{"__type":"AccessDeniedException","message":"no"}'),
    spoiled=('{"Truncated": true}',),
    hostile=("${aws:x}",),
    sdk=("boto3", "botocore"),
    opening=("account",),
    spare=(*(operation for _, operation, _ in ACCOUNT_EXCHANGES), "cloudtrail:DescribeTrails"),
)
