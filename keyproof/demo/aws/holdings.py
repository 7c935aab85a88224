"""What Northwind Payments holds beside keys and secrets: users of IAM, certificates, and what its keys encrypt."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from keyproof.demo.aws.clusters import signed_certificate
from keyproof.demo.aws.world import AccessKey, Alerts, Certificate, User, World
from keyproof.demo.names import days, stable_hex, stable_id

KeyNamed = Callable[[str, str, str], str]
"""The ARN of a key, from its account, region and alias."""


def add_users(world: World, payments: str, data: str) -> None:
    """Pipelines have young keys; an old partner feed, a forgotten trial and a root key are what should not be."""
    world.users[payments] = [
        _user(world, payments, "ci-release", 900, (40, "Active", 0.2, "ecr"), (140, "Inactive", 41, "ecr")),
        _user(world, payments, "partner-feed", 1400, (1210, "Active", 0.5, "s3")),
        _user(world, payments, "load-test", 260, (260, "Active", None, "")),
        _user(world, payments, "console-only", 700),
    ]
    world.users[data] = [
        _user(world, data, "lake-loader", 620, (75, "Active", 0.1, "s3")),
        _user(world, data, "bi-extract", 800, (800, "Active", 190, "athena")),
    ]
    world.root_keys[data] = 1


def _user(world: World, account: str, name: str, age: float, *keys: tuple[float, str, float | None, str]) -> User:
    """A user with access keys, each by its age, status, the days since its last use, and the service that was used."""
    made = [
        AccessKey(
            id="AKIA" + stable_hex(16, "access key", account, name, str(number)).upper(),
            created_at=world.now - days(key_age),
            status=status,
            last_used=None if used is None else (world.now - days(used), service),
        )
        for number, (key_age, status, used, service) in enumerate(keys)
    ]
    return User(name=name, created_at=world.now - days(age), keys=made)


def add_certificates(world: World, account: str, region: str) -> None:
    """What ACM issues renews itself; what was imported ends soon, and an old one lies in IAM since before ACM."""
    balancer = f"arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/app"
    add = _Certificates(world, account, region)
    add("www.northwind.example", "AMAZON_ISSUED", "EC_prime256v1", 95, 198, [f"{balancer}/www/50dc6c495c0c9188"])
    add("api.northwind.example", "AMAZON_ISSUED", "RSA_2048", 151, 198, [f"{balancer}/api/8a3f1d20b7c96e45"])
    add("sftp.northwind.example", "IMPORTED", "RSA_2048", 377, 397, [f"{balancer}/sftp/3c7712ff0a54d981"])
    add("old-shop.northwind.example", "IMPORTED", "RSA_1024", 800, 730, [])
    name, uploaded, ends = "northwind-legacy-gateway", world.now - days(410), world.now - days(14)
    world.server_certificates[account] = [
        {
            "ServerCertificateMetadata": {
                "Path": "/cloudfront/",
                "ServerCertificateName": name,
                "ServerCertificateId": "ASCA" + stable_hex(17, name).upper(),
                "Arn": f"arn:aws:iam::{account}:server-certificate/cloudfront/{name}",
                "UploadDate": uploaded,
                "Expiration": ends,
            },
            "CertificateBody": signed_certificate(
                "CN=gateway.northwind.example", "CN=Example Public CA", uploaded - days(1), ends
            ),
        }
    ]


class _Certificates:
    """Adds certificates to ACM in one account and region."""

    def __init__(self, world: World, account: str, region: str) -> None:
        self.world = world
        self.account = account
        self.region = region
        self.held = world.certificates.setdefault((account, region), [])

    def __call__(self, name: str, kind: str, key: str, age: float, valid: float, users: list[str]) -> None:
        """Add one that was issued `age` days ago for `valid` days and is presented by `users`."""
        issued = self.world.now - days(age)
        by_amazon = kind == "AMAZON_ISSUED"
        dates = {"CreatedAt": issued, "IssuedAt": issued} if by_amazon else {"ImportedAt": issued}
        ended = issued + days(valid) < self.world.now
        members = {
            "CertificateArn": f"arn:aws:acm:{self.region}:{self.account}:certificate/{stable_id('certificate', name)}",
            "DomainName": name,
            "SubjectAlternativeNames": [name],
            "Subject": f"CN={name}",
            "Issuer": "Amazon" if by_amazon else "Example Public CA",
            "Status": "EXPIRED" if ended else "ISSUED",
            "Type": kind,
            "KeyAlgorithm": key,
            "NotBefore": issued,
            "NotAfter": issued + days(valid),
            "InUseBy": users,
            "RenewalEligibility": "ELIGIBLE" if by_amazon and users else "INELIGIBLE",
            **({"Options": {"Export": "DISABLED"}} if by_amazon else {}),
            **dates,
        }
        tags = {"Owner": "site-reliability@northwind.example", "Environment": "prod"} if users else {}
        self.held.append(Certificate(members=members, tags=tags))


def add_datastores(world: World, account: str, region: str, key: KeyNamed) -> None:
    """Databases, volumes, file systems and the trail, whose keys are the company's, but for what was forgotten."""
    ledger, images = key(account, region, "prod/ledger"), key(account, region, "prod/golden-images")
    onboarding, trail = key(account, region, "prod/onboarding"), key(account, region, "prod/audit-log")
    place, now = f"{region}:{account}", world.now
    world.volume_keys[account, region] = images
    entries: dict[str, list[dict[str, Any]]] = {
        "ec2:DescribeVolumes": [
            *(_volume(now - days(20 + 31 * number), f"app {number}", images) for number in range(4)),
            _volume(now - days(1730), "batch", ""),
        ],
        "rds:DescribeDBInstances": [
            _database("DBInstance", place, "onboarding", now - days(690), onboarding),
            _database("DBInstance", place, "legacy-crm", now - days(2050), ""),
            {**_database("DBInstance", place, "ledger-1", now - days(700), ledger), "DBClusterIdentifier": "ledger"},
        ],
        "rds:DescribeDBClusters": [_database("DBCluster", place, "ledger", now - days(700), ledger)],
        "elasticfilesystem:DescribeFileSystems": [
            _file_system(account, region, "documents", now - days(530), onboarding)
        ],
        "cloudtrail:DescribeTrails": [
            {
                "Name": "northwind",
                "TrailARN": f"arn:aws:cloudtrail:{place}:trail/northwind",
                "S3BucketName": "northwind-audit-trail",
                "HomeRegion": region,
                "IsMultiRegionTrail": True,
                "HasCustomEventSelectors": False,
                "KmsKeyId": trail,
            }
        ],
    }
    for operation, listed in entries.items():
        world.datastores[account, region, operation] = listed


def add_alerts(world: World, account: str, region: str) -> None:
    """The security team hears of keys and secrets that end, and of changed policies; not of what is imported."""
    names = ["DisableKey", "ScheduleKeyDeletion", "PutKeyPolicy", "DeleteSecret", "PutResourcePolicy"]
    pattern = {
        "source": ["aws.kms", "aws.secretsmanager"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventName": names},
    }
    rule, topic = "keys-and-secrets", f"arn:aws:sns:{region}:{account}:security-alerts"
    world.alerts[account, region] = Alerts(
        rules=[
            {
                "Name": rule,
                "Arn": f"arn:aws:events:{region}:{account}:rule/{rule}",
                "State": "ENABLED",
                "EventPattern": json.dumps(pattern),
                "EventBusName": "default",
            }
        ],
        targets={rule: [{"Id": "security", "Arn": topic}]},
    )


def _encryption(key: str) -> dict[str, Any]:
    return {"KmsKeyId": key} if key else {}


def _volume(created_at: datetime, name: str, key: str) -> dict[str, Any]:
    id = f"vol-{stable_hex(17, 'volume', name)}"
    return {"VolumeId": id, "Encrypted": bool(key), "CreateTime": created_at, **_encryption(key)}


def _database(kind: str, place: str, name: str, created_at: datetime, key: str) -> dict[str, Any]:
    """An instance or a cluster."""
    resource, created = ("db", "InstanceCreateTime") if kind == "DBInstance" else ("cluster", "ClusterCreateTime")
    return {
        f"{kind}Identifier": name,
        f"{kind}Arn": f"arn:aws:rds:{place}:{resource}:{name}",
        "Engine": "aurora-postgresql" if kind == "DBCluster" else "postgres",
        created: created_at,
        "StorageEncrypted": bool(key),
        **_encryption(key),
    }


def _file_system(account: str, region: str, name: str, created_at: datetime, key: str) -> dict[str, Any]:
    id = f"fs-{stable_hex(17, 'file system', name)}"
    return {
        "OwnerId": account,
        "CreationToken": name,
        "FileSystemId": id,
        "FileSystemArn": f"arn:aws:elasticfilesystem:{region}:{account}:file-system/{id}",
        "CreationTime": created_at,
        "LifeCycleState": "available",
        "Name": name,
        "NumberOfMountTargets": 2,
        "SizeInBytes": {"Value": 81_604_378_624},
        "PerformanceMode": "generalPurpose",
        "Encrypted": bool(key),
        "Tags": [{"Key": "Name", "Value": name}],
        **_encryption(key),
    }
