"""A small AWS: one organization of two accounts with a few telling keys, secrets and parameters."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from keyproof.demo.aws.clusters import backup, cluster, signed_certificate
from keyproof.demo.aws.embedded import ACCESS_KEY, EmbeddedAws, credentials_environment
from keyproof.demo.aws.faults import Rule
from keyproof.demo.aws.world import AccessKey, Account, Alerts, Certificate, KeyRecord, Material, User, World
from keyproof.demo.names import days, stable_id

NOW = datetime(2026, 6, 30, tzinfo=UTC)

HOME, OTHER, REGION = "111122223333", "444455556666", "eu-west-1"
ROLE = "audit"
CLUSTER, NEW_CLUSTER, FAR_CLUSTER = "cluster-kzt4ovyrdq7", "cluster-newerbwm5xa", "cluster-far3ucn6lpe"
FIRST_PASSWORD = "planted-first-password"
TAGS = {"owner": "payments", "purpose": "cards", "data-class": "restricted"}


def _policy(account: str, *more: dict[str, object]) -> str:
    root = {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**root, "Action": "kms:*", "Resource": "*"}, *more]})


def _statement(principal: object, *actions: str) -> dict[str, object]:
    return {"Effect": "Allow", "Principal": principal, "Action": list(actions), "Resource": "*"}


def small_world() -> World:
    """The estate; always the same."""
    world = World(NOW)
    regions = frozenset({REGION})
    for account in (HOME, OTHER):
        world.add_account(
            Account(id=account, name=f"example-{account[:4]}", created_at=NOW - days(3000), regions=regions),
            ACCESS_KEY if account == HOME else "",
        )
        world.roles.add(f"arn:aws:iam::{account}:role/{ROLE}")
    world.organization = "o-example1234"
    role = {"AWS": f"arn:aws:iam::{HOME}:role/payments"}

    def key(name: str, age: float, *rotations: float, account: str = HOME, **more: object) -> object:
        born = NOW - days(age)
        materials = [Material(at=born), *(Material(at=NOW - days(ago), rotation="AUTOMATIC") for ago in rotations)]
        record = KeyRecord(created_at=born, materials=materials)
        used = more.pop("used", None)
        if isinstance(used, int | float):
            record.last_usage = ("Decrypt", NOW - timedelta(days=used))
        arguments = {"tags": TAGS, "aliases": [name], "policy": _policy(account), **more}
        return world.add_key(account, REGION, key_id=stable_id(account, name), record=record, **arguments)  # type: ignore[arg-type]

    key("rotated", 900, 700, 300, rotation_enabled=True, used=2)
    never = key("never-rotated", 1500, used=200)
    key("open", 400, rotation_enabled=True, policy=_policy(HOME, _statement("*", "kms:Decrypt")))
    key("shared", 400, policy=_policy(HOME, _statement({"AWS": "arn:aws:iam::777788889999:root"}, "kms:Decrypt")))
    key("both", 100, policy=_policy(HOME, _statement(role, "kms:PutKeyPolicy", "kms:Decrypt", "kms:CreateGrant")))
    key("signing", 1200, spec="RSA_2048", usage="SIGN_VERIFY", used=10)
    key("mac", 800, spec="HMAC_256", usage="GENERATE_VERIFY_MAC")
    key("ending", 600, state="PendingDeletion", deletion_at=NOW + days(5), used=20)
    key("disabled", 600, state="Disabled", tags={})
    key("data", 20, account=OTHER, rotation_enabled=True)
    key("aws/secretsmanager", 1000, manager="AWS")
    world.add_grant(
        never, "worker", at=NOW - days(30), operations=["Decrypt"], grantee=f"arn:aws:iam::{OTHER}:role/etl"
    )
    world.add_grant(never, "second", at=NOW - days(20), operations=["Decrypt"], grantee=role["AWS"])
    for index, (name, kms_key) in enumerate((("db/main", stable_id(HOME, "rotated")), ("api", ""), ("old", ""))):
        world.add_secret(
            HOME,
            REGION,
            name,
            created_at=NOW - days(500),
            versions=[(NOW - days(400), ["AWSPREVIOUS"]), (NOW - days(30 + 200 * index), ["AWSCURRENT"])],
            kms_key=kms_key,
            tags=TAGS,
        )
    for name in ("/app/token", "/app/dsn"):
        world.add_parameter(HOME, REGION, name, modified_at=NOW - days(100), tags=TAGS, tier="Advanced")
    _add_clusters(world)
    _add_credentials(world)
    _add_certificates(world)
    _add_alerts(world)
    _add_datastores(world, f"arn:aws:kms:{REGION}:{HOME}:key/{stable_id(HOME, 'rotated')}")
    world.page_sizes = {
        "kms:ListKeys": 4,
        "kms:ListAliases": 5,
        "kms:ListKeyRotations": 1,
        "kms:ListGrants": 1,
        "secretsmanager:ListSecrets": 2,
        "cloudhsm:DescribeClusters": 1,
        "cloudhsm:DescribeBackups": 2,
        "iam:ListUsers": 1,
        "acm:ListCertificates": 1,
        "ec2:DescribeVolumes": 1,
        "rds:DescribeDBInstances": 1,
        "elasticfilesystem:DescribeFileSystems": 1,
    }
    world.empty_pages = {"kms:ListKeys"}
    return world


def _add_clusters(world: World) -> None:
    """One cluster that keeps the keys of a custom key store, one that is new, and a backup from another region."""
    zones = ["eu-west-1a", "eu-west-1b"]
    world.clusters[HOME, REGION] = [
        cluster(CLUSTER, created_at=NOW - days(500), zones=zones, tags=TAGS),
        cluster(
            NEW_CLUSTER,
            created_at=NOW - days(1),
            zones=zones,
            mode="NON_FIPS",
            state="UNINITIALIZED",
            retention_days=7,
            hsms=1,
            PreCoPassword=FIRST_PASSWORD,
        ),
    ]
    world.backups[HOME, REGION] = [
        *(backup(CLUSTER, NOW - days(ago)) for ago in (1, 2)),
        backup(FAR_CLUSTER, NOW - days(5), SourceRegion="eu-central-1", SourceCluster=FAR_CLUSTER),
    ]
    world.key_stores[HOME, REGION] = [
        {
            "CustomKeyStoreId": "cks-1234567890abcdef0",
            "CustomKeyStoreName": "own-hsms",
            "CloudHsmClusterId": CLUSTER,
            "ConnectionState": "CONNECTED",
            "CreationDate": NOW - days(490),
            "CustomKeyStoreType": "AWS_CLOUDHSM",
        }
    ]


def _add_credentials(world: World) -> None:
    """A user with a key in use beside one that was switched off, one whose key was never used, and one certificate."""
    world.users[HOME] = [
        User(
            name="deployment",
            created_at=NOW - days(800),
            keys=[
                AccessKey(id="AKIASMALLDEPLOY00001", created_at=NOW - days(400), last_used=(NOW - days(1), "s3")),
                AccessKey(id="AKIASMALLDEPLOY00002", created_at=NOW - days(800), status="Inactive"),
            ],
        ),
        User(
            name="reports",
            created_at=NOW - days(30),
            keys=[AccessKey(id="AKIASMALLREPORTS0001", created_at=NOW - days(30))],
        ),
    ]
    world.root_keys[OTHER] = 1
    name = "gateway"
    world.server_certificates[HOME] = [
        {
            "ServerCertificateMetadata": {
                "Path": "/",
                "ServerCertificateName": name,
                "ServerCertificateId": "ASCASMALLGATEWAY0001",
                "Arn": f"arn:aws:iam::{HOME}:server-certificate/{name}",
                "UploadDate": NOW - days(300),
                "Expiration": NOW - days(10),
            },
            "CertificateBody": signed_certificate(
                "CN=gateway.example.com", "CN=Example CA", NOW - days(310), NOW - days(10)
            ),
            "Tags": [{"Key": "owner", "Value": "payments"}],
        }
    ]


def certificate(name: str, kind: str, key: str, *, age: float, valid: float, **more: object) -> Certificate:
    """A certificate in ACM that was issued `age` days ago for `valid` days."""
    issued = NOW - days(age)
    members: dict[str, object] = {
        "CertificateArn": f"arn:aws:acm:{REGION}:{HOME}:certificate/{stable_id('certificate', name)}",
        "DomainName": name,
        "Subject": f"CN={name}",
        "Issuer": "Amazon" if kind == "AMAZON_ISSUED" else "Example CA",
        "Status": "ISSUED",
        "Type": kind,
        "KeyAlgorithm": key,
        "NotBefore": issued,
        "NotAfter": issued + days(valid),
        "InUseBy": [],
        "RenewalEligibility": "INELIGIBLE",
        **({"ImportedAt": issued} if kind == "IMPORTED" else {"CreatedAt": issued, "IssuedAt": issued}),
    }
    return Certificate(members={**members, **more}, tags=TAGS)


def _add_certificates(world: World) -> None:
    balancer = f"arn:aws:elasticloadbalancing:{REGION}:{HOME}:loadbalancer/app/shop/1"
    renewed = {"InUseBy": [balancer], "RenewalEligibility": "ELIGIBLE", "Options": {"Export": "DISABLED"}}
    world.certificates[HOME, REGION] = [
        certificate("shop.example.com", "AMAZON_ISSUED", "EC_prime256v1", age=100, valid=198, **renewed),
        certificate("partner.example.com", "IMPORTED", "RSA_2048", age=380, valid=397),
    ]


def _add_alerts(world: World) -> None:
    """A rule tells of what ends keys, and an alarm of changed policies; nobody is told of what is imported."""
    pattern = {
        "source": ["aws.kms", "aws.secretsmanager"],
        "detail": {"eventName": ["DisableKey", "ScheduleKeyDeletion", "DeleteSecret"]},
    }
    topic = f"arn:aws:sns:{REGION}:{HOME}:security"
    named = '($.eventName = "PutKeyPolicy") || ($.eventName = "PutResourcePolicy")'
    policies = f"{{ ({named}) && ($.errorCode NOT EXISTS) }}"
    metric = {"metricName": "PolicyChanges", "metricNamespace": "Trail", "metricValue": "1"}
    alarm = {"AlarmName": "policies", "ActionsEnabled": True, "AlarmActions": [topic]}
    world.alerts[HOME, REGION] = Alerts(
        rules=[
            {"Name": "keys-end", "State": "ENABLED", "EventPattern": json.dumps(pattern)},
            {"Name": "nightly", "State": "ENABLED", "ScheduleExpression": "rate(1 day)"},
        ],
        targets={"keys-end": [{"Id": "1", "Arn": topic}]},
        filters=[
            {"filterName": "policies", "filterPattern": policies, "metricTransformations": [metric]}
            | {"logGroupName": "trail"}
        ],
        metric_alarms=[{**alarm, "MetricName": "PolicyChanges", "Namespace": "Trail"}],
    )


def _add_datastores(world: World, key: str) -> None:
    world.volume_keys[HOME, REGION] = key
    place = f"{REGION}:{HOME}"
    entries: dict[str, list[dict[str, object]]] = {
        "ec2:DescribeVolumes": [
            {"VolumeId": "vol-0a", "Encrypted": True, "KmsKeyId": key, "CreateTime": NOW - days(50)},
            {"VolumeId": "vol-0b", "Encrypted": False, "CreateTime": NOW - days(900)},
        ],
        "rds:DescribeDBInstances": [
            {"DBInstanceArn": f"arn:aws:rds:{place}:db:{name}", "InstanceCreateTime": NOW - days(700), **more}
            for name, more in (
                ("legacy", {"StorageEncrypted": False}),
                ("ledger", {"StorageEncrypted": True, "KmsKeyId": key, "DBClusterIdentifier": "ledger"}),
            )
        ],
        "rds:DescribeDBClusters": [
            {
                "DBClusterArn": f"arn:aws:rds:{place}:cluster:ledger",
                "ClusterCreateTime": NOW - days(600),
                "StorageEncrypted": True,
                "KmsKeyId": key,
            }
        ],
        "elasticfilesystem:DescribeFileSystems": [
            {
                "OwnerId": HOME,
                "CreationToken": name,
                "FileSystemId": name,
                "FileSystemArn": f"arn:aws:elasticfilesystem:{place}:file-system/{name}",
                "CreationTime": NOW - days(200),
                "LifeCycleState": "available",
                "NumberOfMountTargets": 1,
                "SizeInBytes": {"Value": 6144},
                "PerformanceMode": "generalPurpose",
                "Encrypted": True,
                "KmsKeyId": key,
                "Tags": [],
            }
            for name in ("fs-0a", "fs-0b")
        ],
        "cloudtrail:DescribeTrails": [
            {
                "Name": "all",
                "TrailARN": f"arn:aws:cloudtrail:{place}:trail/all",
                "S3BucketName": "example-trail",
                "HomeRegion": REGION,
                "IsMultiRegionTrail": True,
                "HasCustomEventSelectors": True,
                "KmsKeyId": key,
                "CloudWatchLogsLogGroupArn": f"arn:aws:logs:{place}:log-group:trail:*",
            }
        ],
    }
    management = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "ExcludeManagementEventSources": []}
    world.event_selectors[f"arn:aws:cloudtrail:{place}:trail/all"] = {"EventSelectors": [management]}
    for operation, listed in entries.items():
        world.datastores[HOME, REGION, operation] = listed


@contextmanager
def served(rules: Sequence[Rule] = (), world: World | None = None) -> Iterator[EmbeddedAws]:
    """The estate while it is served, with only its credentials in the environment."""
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in before:
        del os.environ[name]
    os.environ.update(credentials_environment())
    try:
        with EmbeddedAws(world or small_world(), faults=list(rules)) as aws:
            yield aws
    finally:
        for name in credentials_environment():
            os.environ.pop(name, None)
        os.environ.update(before)


def write_configuration(folder: Path, url: str, **more: str) -> Path:
    """A configuration file for the estate; `more` are further lines of a section, by its name."""
    sections = {
        "organization": 'name = "Example Ltd"',
        "store": 'url = "store"',
        "audit": 'frameworks = ["pci-dss-4.0.1", "soc2"]\nperiod = { start = 2025-07-01, end = 2026-06-30 }',
        **more,
    }
    source = sections.pop("source", "")
    text = "\n\n".join(f"[{name}]\n{lines}" for name, lines in sections.items())
    text += f"""

[[source]]
type = "aws"
name = "prod"
regions = "all"
organization = {{ role = "{ROLE}" }}
endpoint_url = "{url}"
attempts = 1
timeout_seconds = 5
{source}
"""
    path = folder / "keyproof.toml"
    path.write_text(text, encoding="utf-8")
    return path
