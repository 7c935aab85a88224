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
    """Observations of a scope from (subject, operation, answer); by default what is recorded of the service."""
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

EXCHANGES = {
    "account": ACCOUNT_EXCHANGES,
    "kms": KMS_EXCHANGES,
    "secretsmanager": SECRET_EXCHANGES,
    "ssm": PARAMETER_EXCHANGES,
    "cloudhsm": CLUSTER_EXCHANGES,
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
    spare=tuple(operation for _, operation, _ in ACCOUNT_EXCHANGES),
)
