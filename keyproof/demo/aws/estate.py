"""Northwind Payments: an invented company, whose keys and secrets are mostly in order and in places are not.

Everything follows from names and from the `now` it is seeded with, so that two seedings give the same answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from keyproof.demo.aws.clusters import backup, cluster
from keyproof.demo.aws.embedded import ACCESS_KEY, credentials_environment
from keyproof.demo.aws.faults import Rule
from keyproof.demo.aws.holdings import add_alerts, add_certificates, add_datastores, add_users
from keyproof.demo.aws.world import TRACKED_SINCE, Account, KeyRecord, Material, World, parameter_arn
from keyproof.demo.faults import Fault
from keyproof.demo.names import days, stable_hex, stable_id

ESTATE_NOW = datetime(2026, 6, 30, tzinfo=UTC)
"""When the demo's estate is looked at."""
ORGANIZATION_ID = "o-nw4pay7q2x"
PAYMENTS = "111122223333"
DATA = "444455556666"
ACQUIRER = "777788889999"
"""An account of another company, which processes card payments for Northwind."""
MAIN, RECOVERY, EDGE, MILAN = "eu-west-1", "eu-central-1", "us-east-1", "eu-south-1"
REGIONS = (MAIN, RECOVERY, EDGE, MILAN)
"""The regions that the company uses: not all accounts have all of them."""
AUDIT_ROLE = "KeyproofAudit"
CLUSTER = "cluster-q7wz3kd5h2a"
"""The company's HSMs, in which a custom key store keeps its keys."""

SCHEME_KEY = f"arn:aws:kms:{MAIN}:{PAYMENTS}:key/{stable_id('key', PAYMENTS, MAIN, 'prod/scheme-zone-master')}"
"""A key whose material comes from a ceremony of the company's custodians."""

_OUTSIDE_ROLE = f"arn:aws:iam::{ACQUIRER}:role/settlement-import"
_HUMAN = "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_PlatformAdmin_4f1c2d7e9a0b3c58"


def estate(now: datetime = ESTATE_NOW) -> World:
    """A world that holds the company as it is at `now`."""
    world = World(now)
    _add_accounts(world)
    keys = _Keys(world)
    _add_ordinary_keys(keys)
    _add_provider_keys(keys)
    for add in _PARTICULAR_KEYS:
        add(keys)
    _add_key_stores(world)
    _add_cluster(world)
    add_users(world, PAYMENTS, DATA)
    add_certificates(world, PAYMENTS, MAIN)
    add_datastores(world, PAYMENTS, MAIN, keys.arn)
    add_alerts(world, PAYMENTS, MAIN)
    _add_secrets(_Secrets(world, keys))
    _add_parameters(world, keys)
    _add_refusals(world, keys)
    return world


def source(url: str) -> dict[str, object]:
    """The `[[source]]` table for an estate that is served at `url`."""
    return {
        "type": "aws",
        "name": "northwind-aws",
        "regions": list(REGIONS),
        "organization": {"role": AUDIT_ROLE},
        "endpoint_url": url,
    }


def credentials() -> dict[str, str]:
    """The environment variables with which the estate is read."""
    return credentials_environment()


def _add_accounts(world: World) -> None:
    known = frozenset({*REGIONS, "eu-north-1", "ap-southeast-1"})
    for name, account, regions in (
        ("northwind-payments", PAYMENTS, frozenset(REGIONS)),
        ("northwind-data", DATA, frozenset({MAIN, RECOVERY, EDGE})),
    ):
        world.add_account(
            Account(
                id=account,
                name=name,
                created_at=world.now - days(3100 if account == PAYMENTS else 2300),
                email=f"{name}@northwind.example",
                regions=regions,
                known_regions=known,
                opted_in=frozenset({MILAN}) & regions,
            ),
            ACCESS_KEY if account == PAYMENTS else "",
        )
        world.roles.add(f"arn:aws:iam::{account}:role/{AUDIT_ROLE}")
    world.organization = ORGANIZATION_ID


def _number(low: int, high: int, *parts: str) -> int:
    """A number of the range, both ends included, that follows from names alone."""
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    return low + int.from_bytes(digest[:6]) % (high - low + 1)


# Policies


def _root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


def _role(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def _statement(
    sid: str,
    principal: str | Mapping[str, Any],
    actions: Sequence[str],
    condition: Mapping[str, Any] | None = None,
    *,
    resource: str = "*",
) -> dict[str, Any]:
    statement = {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": list(actions), "Resource": resource}
    return statement | ({"Condition": dict(condition)} if condition else {})


_USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")
_SIGN = ("kms:Sign", "kms:Verify", "kms:GetPublicKey", "kms:DescribeKey")
_MAC = ("kms:GenerateMac", "kms:VerifyMac", "kms:DescribeKey")
_AGREE = ("kms:DeriveSharedSecret", "kms:GetPublicKey", "kms:DescribeKey")
_USES = {"ENCRYPT_DECRYPT": _USE, "SIGN_VERIFY": _SIGN, "GENERATE_VERIFY_MAC": _MAC, "KEY_AGREEMENT": _AGREE}
_ADMINISTER = (
    "kms:Describe*",
    "kms:Enable*",
    "kms:List*",
    "kms:Put*",
    "kms:Update*",
    "kms:Revoke*",
    "kms:Disable*",
    "kms:Get*",
    "kms:Delete*",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
    "kms:RotateKeyOnDemand",
)


def _policy(account: str, service: str, usage: str, *more: Mapping[str, Any]) -> str:
    """Administrators administer, the service uses, and the account's own policies may grant more."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Id": f"{service}-key",
            "Statement": [
                _statement("AccountPolicies", {"AWS": _root(account)}, ["kms:*"]),
                _statement("Administration", {"AWS": _role(account, "key-administration")}, _ADMINISTER),
                _statement("Use", {"AWS": _role(account, f"{service}-runtime")}, _USES[usage]),
                *more,
            ],
        }
    )


# Keys


@dataclass(frozen=True, slots=True)
class _Place:
    account: str
    region: str


class _Keys:
    """Adds keys to a world, with what keys of the company have in common."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.by_name: dict[str, Any] = {}

    def ago(self, number: float) -> datetime:
        """So many days before now."""
        return self.world.now - days(number)

    def tags(self, name: str, environment: str, data_class: str) -> dict[str, str]:
        """The tags that the company asks for."""
        owners = ("payments-platform", "risk", "data-platform", "core-banking", "site-reliability")
        return {
            "Owner": f"{owners[_number(0, 4, 'owner', name)]}@northwind.example",
            "Application": name,
            "Environment": environment,
            "DataClassification": data_class,
        }

    def add(
        self,
        place: _Place,
        name: str,
        purpose: str,
        *,
        age: float,
        environment: str = "prod",
        data_class: str = "confidential",
        spec: str = "SYMMETRIC_DEFAULT",
        usage: str = "ENCRYPT_DECRYPT",
        origin: str = "AWS_KMS",
        state: str = "Enabled",
        rotation_days: int = 0,
        materials: Sequence[Material] | None = None,
        used: float | None = 0.5,
        policy: str | None = None,
        tags: Mapping[str, str] | None = None,
        multi_region: bool = False,
        deletion_in: float | None = None,
        **record: Any,
    ) -> Any:
        """Add a key that was created `age` days ago, rotates every `rotation_days` and was used `used` days ago."""
        world, alias = self.world, f"{environment}/{name}"
        created = self.ago(age)
        given = KeyRecord(
            created_at=created,
            materials=list(materials if materials is not None else _rotated(created, rotation_days, world.now)),
            rotation_period_days=rotation_days or 365,
            last_usage=self._usage(spec, usage, used, created),
            **record,
        )
        identity = stable_id("key", place.account, place.region, alias)
        key = world.add_key(
            place.account,
            place.region,
            key_id=f"mrk-{identity.replace('-', '')}" if multi_region else identity,
            record=given,
            spec=spec,
            usage=usage,
            origin=origin,
            state=state,
            description=purpose,
            policy=policy or _policy(place.account, name, usage),
            tags=self.tags(name, environment, data_class) if tags is None else tags,
            aliases=[alias],
            multi_region=multi_region,
            rotation_enabled=bool(rotation_days),
            deletion_at=world.now + days(deletion_in) if deletion_in is not None else None,
        )
        self.by_name[f"{place.account}/{place.region}/{alias}"] = key
        return key

    def named(self, place: _Place, alias: str) -> Any:
        """The key of a place by its alias."""
        return self.by_name[f"{place.account}/{place.region}/{alias}"]

    def arn(self, account: str, region: str, alias: str) -> str:
        """The ARN of a key by its place and alias."""
        return str(self.by_name[f"{account}/{region}/{alias}"].arn)

    def _usage(self, spec: str, usage: str, used: float | None, created: datetime) -> tuple[str, datetime] | None:
        """KMS tells only of use since it tracks it."""
        if used is None or self.ago(used) < max(created, TRACKED_SINCE):
            return None
        operations = {
            "SIGN_VERIFY": "Sign",
            "GENERATE_VERIFY_MAC": "GenerateMac",
            "KEY_AGREEMENT": "DeriveSharedSecret",
        }
        symmetric = "GenerateDataKey" if spec == "SYMMETRIC_DEFAULT" else "Decrypt"
        return operations.get(usage, symmetric), self.ago(used)


def _rotated(created: datetime, period: int, now: datetime) -> list[Material]:
    """The first material, and one for each period that has passed."""
    materials = [Material(at=created)]
    at = created + days(period)
    while period and at <= now:
        materials.append(Material(at=at, rotation="AUTOMATIC"))
        at += days(period)
    return materials


_SERVICES = {
    PAYMENTS: {
        "payments-api": ("Encrypts payment orders and their queues", "cardholder"),
        "ledger": ("Encrypts the double-entry ledger's database", "confidential"),
        "cards-vault": ("Wraps the data keys of stored card numbers", "cardholder"),
        "settlement": ("Encrypts settlement files on their way to the acquirer", "confidential"),
        "fraud-scoring": ("Encrypts features and decisions of fraud scoring", "confidential"),
        "merchant-portal": ("Encrypts merchants' documents and sessions", "personal"),
        "onboarding": ("Encrypts identity documents of new merchants", "personal"),
        "disputes": ("Encrypts evidence in disputes and chargebacks", "personal"),
        "notifications": ("Encrypts the queues of mails and messages", "internal"),
        "audit-log": ("Encrypts the audit trail's bucket", "confidential"),
    },
    DATA: {
        "data-lake": ("Encrypts the raw and curated zones of the data lake", "confidential"),
        "warehouse": ("Encrypts the analytical warehouse", "confidential"),
        "streaming": ("Encrypts event streams", "confidential"),
        "etl": ("Encrypts the scratch space of transformations", "internal"),
        "reporting": ("Encrypts regulatory reports", "confidential"),
        "ml-features": ("Encrypts the feature store", "internal"),
        "exports": ("Encrypts extracts for partners", "confidential"),
    },
}
_NEVER_ROTATED = {"dev/notifications", "dev/etl", "dev/ml-features", "staging/disputes", "prod/exports"}
_UNTAGGED = {"dev/onboarding", "dev/exports", "staging/etl"}
_HALF_TAGGED = {"staging/streaming", "dev/payments-api"}


def _add_ordinary_keys(keys: _Keys) -> None:
    for account, services in _SERVICES.items():
        for service, (purpose, data_class) in services.items():
            for region, environments in (
                (MAIN, ("prod", "staging", "dev")),
                (RECOVERY, ("prod", "staging")),
                (EDGE, ("prod",)),
            ):
                for environment in environments:
                    if region != EDGE or service in ("payments-api", "fraud-scoring", "notifications", "streaming"):
                        _add_ordinary(keys, _Place(account, region), service, environment, purpose, data_class)
    for service in ("payments-api", "onboarding"):
        purpose, data_class = _SERVICES[PAYMENTS][service]
        _add_ordinary(keys, _Place(PAYMENTS, MILAN), service, "prod", purpose, data_class)


def _add_ordinary(keys: _Keys, place: _Place, service: str, environment: str, purpose: str, data_class: str) -> None:
    name = f"{environment}/{service}"
    tags = keys.tags(service, environment, data_class if environment == "prod" else "internal")
    if name in _UNTAGGED:
        tags = {}
    elif name in _HALF_TAGGED:
        tags = {"Environment": tags["Environment"], "CostCenter": "4711"}
    via = _statement(
        "ThroughStorage",
        {"AWS": "*"},
        _USE,
        {
            "StringEquals": {
                "kms:ViaService": [f"{s}.{place.region}.amazonaws.com" for s in ("s3", "rds", "sqs")],
                "kms:CallerAccount": place.account,
            }
        },
    )
    old = environment == "prod"
    keys.add(
        place,
        service,
        purpose,
        age=_number(420 if old else 90, 2200 if old else 1300, "age", *_names(place), name),
        environment=environment,
        rotation_days=0 if name in _NEVER_ROTATED else 180 if data_class == "cardholder" and old else 365,
        used=_number(1, 72, "used", *_names(place), name) / 24 * (1 if old else 8),
        tags=tags,
        policy=_policy(place.account, service, "ENCRYPT_DECRYPT", *([via] if _number(0, 2, "via", name) == 0 else [])),
    )


def _names(place: _Place) -> tuple[str, str]:
    return place.account, place.region


def _add_provider_keys(keys: _Keys) -> None:
    """The keys that AWS makes and rotates for its own services."""
    for account, region, services in (
        (PAYMENTS, MAIN, ("acm", "ebs", "rds", "secretsmanager", "ssm", "sns")),
        (PAYMENTS, RECOVERY, ("ebs", "rds", "secretsmanager")),
        (PAYMENTS, EDGE, ("acm", "ssm")),
        (DATA, MAIN, ("ebs", "redshift", "secretsmanager", "ssm")),
        (DATA, RECOVERY, ("ebs",)),
    ):
        world = keys.world
        for service in services:
            created = keys.ago(_number(900, 2200, "provider", account, region, service))
            principal = {"AWS": "*"}
            condition = {
                "StringEquals": {
                    "kms:CallerAccount": account,
                    "kms:ViaService": f"{service}.{region}.amazonaws.com",
                }
            }
            world.add_key(
                account,
                region,
                key_id=stable_id("provider", account, region, service),
                record=KeyRecord(
                    created_at=created,
                    materials=_rotated(created, 365, world.now),
                    last_usage=("Decrypt", keys.ago(1)),
                ),
                description=f"Default key that protects my {service} data when no other key is defined",
                policy=json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Id": f"auto-{service}-1",
                        "Statement": [_statement(f"Allow access through {service}", principal, _USE, condition)],
                    }
                ),
                aliases=[f"aws/{service}"],
                manager="AWS",
            )
        world.predefined_aliases[account, region] = ["alias/aws/dynamodb", "alias/aws/kinesis"]


def _add_signing_keys(keys: _Keys) -> None:
    place = _Place(PAYMENTS, MAIN)
    for name, purpose, spec, usage, age, used in (
        ("settlement-signing", "Signs settlement files", "RSA_3072", "SIGN_VERIFY", 700, 0.4),
        ("statements-signing", "Signs merchants' statements", "RSA_4096", "SIGN_VERIFY", 1150, 2),
        ("partner-gateway", "Decrypts files of the old partner gateway", "RSA_2048", "ENCRYPT_DECRYPT", 2450, 9),
        ("webhook-signing", "Signs webhooks to merchants", "ECC_NIST_P256", "SIGN_VERIFY", 610, 0.02),
        ("token-signing", "Signs access tokens", "ECC_NIST_P384", "SIGN_VERIFY", 340, 0.01),
        ("device-attestation", "Attests payment terminals", "ECC_NIST_EDWARDS25519", "SIGN_VERIFY", 160, 0.3),
        ("firmware-pilot", "Pilot: post-quantum signatures of terminal firmware", "ML_DSA_65", "SIGN_VERIFY", 75, 6),
        ("acquirer-agreement", "Agrees on transport keys with the acquirer", "ECC_NIST_P256", "KEY_AGREEMENT", 410, 3),
        ("session-mac", "Authenticates sessions of the portal", "HMAC_256", "GENERATE_VERIFY_MAC", 520, 0.01),
        ("idempotency-mac", "Authenticates idempotency keys", "HMAC_512", "GENERATE_VERIFY_MAC", 1400, 0.01),
    ):
        keys.add(place, name, purpose, age=age, spec=spec, usage=usage, used=used)
    keys.add(
        _Place(DATA, MAIN), "report-signing", "Signs regulatory reports", age=640, spec="RSA_2048", usage="SIGN_VERIFY"
    )


def _add_rotation_cases(keys: _Keys) -> None:
    place = _Place(PAYMENTS, MAIN)
    keys.add(place, "reconciliation", "Encrypts reconciliation runs", age=2190, used=1)
    keys.add(place, "pin-translation", "Wraps PIN translation keys", age=1500, materials=_by_hand(keys, 1500, 640, 255))
    keys.add(place, "chargeback-archive", "Encrypts closed chargebacks", age=1700, materials=_by_hand(keys, 1700, 900))
    mixed = [*_rotated(keys.ago(900), 365, keys.world.now), Material(at=keys.ago(48), rotation="ON_DEMAND")]
    keys.add(place, "tokenization", "Encrypts card tokens", age=900, rotation_days=365, materials=mixed)
    keys.add(
        place,
        "fx-rates",
        "Encrypts rates and hedges",
        age=1210,
        rotation_days=730,
        on_demand_started_at=keys.ago(0.01),
    )
    keys.add(place, "backups", "Encrypts backups of all databases", age=2900, rotation_days=365)
    keys.add(
        _Place(DATA, MAIN), "long-term-archive", "Encrypts records kept for ten years", age=2250, rotation_days=2560
    )


def _by_hand(keys: _Keys, age: float, *ages: float) -> list[Material]:
    return [Material(at=keys.ago(age)), *(Material(at=keys.ago(a), rotation="ON_DEMAND") for a in ages)]


def _add_imported_keys(keys: _Keys) -> None:
    place, now = _Place(PAYMENTS, MAIN), keys.world.now
    keys.add(
        place,
        "scheme-zone-master",
        "Zone master key of the card scheme, from the ceremony of its year",
        age=690,
        origin="EXTERNAL",
        data_class="cardholder",
        materials=[
            Material(at=keys.ago(690), valid_to=now + days(38), description="ceremony 2024-08"),
            Material(at=keys.ago(320), rotation="ON_DEMAND", valid_to=now + days(38), description="ceremony 2025-08"),
        ],
    )
    keys.add(
        place,
        "issuer-exchange",
        "Exchange key with the issuing bank",
        age=980,
        origin="EXTERNAL",
        data_class="cardholder",
        materials=[
            Material(at=keys.ago(980)),
            Material(at=keys.ago(12), pending=True, description="waits for the issuer"),
        ],
    )
    keys.add(
        place, "new-scheme", "For the scheme that joins in autumn", age=9, origin="EXTERNAL", materials=[], used=None
    )
    keys.add(
        _Place(DATA, MAIN),
        "partner-lake",
        "Encrypts a partner's share of the lake; the partner brings the key",
        age=560,
        origin="EXTERNAL",
        materials=[Material(at=keys.ago(560), imported=False, valid_to=keys.ago(4))],
        used=5,
    )


def _add_ending_keys(keys: _Keys) -> None:
    place = _Place(PAYMENTS, MAIN)
    keys.add(
        place, "sandbox-2023", "Sandbox of 2023", age=1100, environment="dev", state="PendingDeletion", deletion_in=4.5
    )
    keys.add(
        place,
        "legacy-crm",
        "Encrypts the CRM that was replaced",
        age=2100,
        state="PendingDeletion",
        deletion_in=21,
        used=12,
    )
    keys.add(
        _Place(DATA, RECOVERY), "old-warehouse", "Former warehouse", age=1900, state="PendingDeletion", deletion_in=27
    )
    keys.add(place, "voucher-campaign", "Encrypts vouchers", age=830, state="Disabled", rotation_days=365, used=None)
    keys.add(_Place(DATA, MAIN), "ab-tests", "Encrypts experiments", age=610, state="Disabled", used=None)
    keys.add(place, "crypto-payouts", "Product that was not launched", age=50, used=None)
    keys.add(place, "fax-gateway", "Encrypts faxes", age=2600, rotation_days=365, used=None)
    keys.add(_Place(DATA, MAIN), "churn-study", "Encrypts a study", age=41, environment="staging", used=None)


def _add_shared_keys(keys: _Keys) -> None:
    place = _Place(PAYMENTS, MAIN)

    def share(name: str, purpose: str, *statements: Mapping[str, Any], at: _Place = place, age: float = 700) -> None:
        policy = _policy(at.account, name, "ENCRYPT_DECRYPT", *statements)
        keys.add(at, name, purpose, age=age, rotation_days=365, policy=policy)

    share("marketing-assets", "Encrypts images for campaigns", _statement("Everyone", "*", ["kms:Decrypt"]), age=480)
    share("event-bus", "Encrypts events for the data account", _statement("Data", {"AWS": _root(DATA)}, _USE))
    share(
        "acquirer-files",
        "Encrypts files that the acquirer fetches",
        _statement("Acquirer", {"AWS": _OUTSIDE_ROLE}, ["kms:Decrypt", "kms:DescribeKey"]),
    )
    share(
        "golden-images",
        "Encrypts machine images for all accounts",
        _statement("Members", "*", _USE, {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION_ID}}),
    )
    share(
        "trail",
        "Encrypts the organization's trail",
        _statement(
            "Trail",
            {"Service": "cloudtrail.amazonaws.com"},
            ["kms:GenerateDataKey*", "kms:DescribeKey"],
            {"StringEquals": {"aws:SourceAccount": PAYMENTS}},
        ),
    )
    share(
        "ci-artifacts",
        "Encrypts build artifacts",
        _statement("Pipelines", {"AWS": _role(PAYMENTS, "ci")}, ["kms:*"]),
    )
    share("hr-documents", "Encrypts personnel files", age=1300)
    share(
        "partner-extracts",
        "Encrypts extracts for partners",
        _statement(
            "Partners", {"AWS": "*"}, ["kms:Decrypt"], {"StringLike": {"aws:userid": "AROA*:partner-${aws:username}"}}
        ),
        at=_Place(DATA, MAIN),
    )


def _add_replicated_keys(keys: _Keys) -> None:
    place = _Place(PAYMENTS, MAIN)

    def replicated(name: str, purpose: str, regions: Sequence[str], age: float, **more: Any) -> None:
        primary = keys.add(place, name, purpose, age=age, multi_region=True, **more)
        for region in regions:
            record = KeyRecord(
                created_at=keys.ago(age - 3),
                materials=list(keys.world.record(primary).materials),
                rotation_period_days=keys.world.record(primary).rotation_period_days,
                last_usage=("Decrypt", keys.ago(1.5)),
            )
            tags = keys.tags(name, "prod", "cardholder")
            replica = keys.world.add_replica(primary, region, record=record, tags=tags, aliases=[f"prod/{name}"])
            replica.key_state, replica.enabled = "Enabled", True

    replicated("global-tokens", "Encrypts card tokens in all regions", (RECOVERY, EDGE), 830, rotation_days=365)
    replicated("failover-ledger", "Encrypts the ledger's copy for failover", (RECOVERY,), 440)
    replicated(
        "apac-rollout",
        "Rollout that was stopped",
        (EDGE,),
        300,
        state="PendingReplicaDeletion",
        deletion_window_days=14,
        used=None,
    )


def _add_store_keys(keys: _Keys) -> None:
    keys.add(
        _Place(PAYMENTS, MAIN),
        "issuing-master",
        "Master key of card issuing, in our own HSM cluster",
        age=880,
        origin="AWS_CLOUDHSM",
        data_class="cardholder",
        custom_key_store="cks-3fa9c27d10b84e655",
        cloudhsm_cluster=CLUSTER,
    )
    keys.add(
        _Place(DATA, RECOVERY),
        "sovereign-archive",
        "Archive whose key stays in our data center",
        age=270,
        origin="EXTERNAL_KEY_STORE",
        custom_key_store="cks-81d2e6b0f7734c9aa",
        xks_key="nw-archive-2025",
    )


def _add_key_stores(world: World) -> None:
    world.key_stores[PAYMENTS, MAIN] = [
        {
            "CustomKeyStoreId": "cks-3fa9c27d10b84e655",
            "CustomKeyStoreName": "northwind-hsm",
            "CloudHsmClusterId": CLUSTER,
            "TrustAnchorCertificate": "-----BEGIN CERTIFICATE-----\ncustomerCA\n-----END CERTIFICATE-----\n",
            "ConnectionState": "CONNECTED",
            "CreationDate": world.now - days(890),
            "CustomKeyStoreType": "AWS_CLOUDHSM",
        }
    ]
    world.key_stores[DATA, RECOVERY] = [
        {
            "CustomKeyStoreId": "cks-81d2e6b0f7734c9aa",
            "CustomKeyStoreName": "northwind-datacenter",
            "ConnectionState": "CONNECTED",
            "CreationDate": world.now - days(280),
            "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
            "XksProxyConfiguration": {
                "Connectivity": "VPC_ENDPOINT_SERVICE",
                "AccessKeyId": "NWXKSPROXY00000000EXAMPLE",
                "UriEndpoint": "https://xks.northwind.example",
                "UriPath": "/kms/xks/v1",
                "VpcEndpointServiceName": "com.amazonaws.vpce.eu-central-1.vpce-svc-0a1b2c3d4e5f67890",
                "VpcEndpointServiceOwner": DATA,
            },
        }
    ]


def _add_cluster(world: World) -> None:
    """A cluster that should have moved to newer HSMs, with its weekly backups, and a copy in the recovery region."""
    ago = [7 * week + 0.25 for week in range(12)]
    kind = {"HsmType": "hsm1.medium"}
    world.clusters[PAYMENTS, MAIN] = [
        cluster(
            CLUSTER,
            created_at=world.now - days(895),
            zones=["eu-west-1a", "eu-west-1b"],
            hsm_type="hsm1.medium",
            owner="Northwind Payments",
            tags={"Name": "issuing", "Owner": "core-banking@northwind.example", "Environment": "prod"},
        )
    ]
    made = [backup(CLUSTER, world.now - days(age), **kind) for age in ago]
    kept = backup(CLUSTER, world.now - days(890), NeverExpires=True, **kind)
    world.backups[PAYMENTS, MAIN] = [*made, kept]
    source = {"SourceRegion": MAIN, "SourceCluster": CLUSTER, "SourceBackup": made[4]["BackupId"]}
    copied = backup(CLUSTER, world.now - days(ago[4]), CopyTimestamp=world.now - days(ago[4] - 0.5), **kind, **source)
    world.backups[PAYMENTS, RECOVERY] = [copied]


def _add_grants(keys: _Keys) -> None:
    world, place = keys.world, _Place(PAYMENTS, MAIN)
    scaling = _role(PAYMENTS, "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling")
    world.add_grant(
        keys.named(place, "prod/golden-images"),
        "autoscaling",
        at=keys.ago(400),
        grantee=scaling,
        operations=("Decrypt", "GenerateDataKeyWithoutPlaintext", "CreateGrant", "DescribeKey"),
    )
    world.add_grant(
        keys.named(place, "prod/ledger"),
        "rds",
        at=keys.ago(390),
        service=f"rds.{MAIN}.amazonaws.com",
        operations=("Encrypt", "Decrypt", "GenerateDataKey", "DescribeKey"),
        constraints={"EncryptionContextSubset": {"aws:rds:db-id": "db-LEDGER01"}},
    )
    world.add_grant(
        keys.named(place, "prod/disputes"),
        "incident-4711",
        at=keys.ago(33),
        grantee=_role(PAYMENTS, _HUMAN),
        operations=("Decrypt",),
    )
    world.add_grant(
        keys.named(place, "prod/settlement"),
        "acquirer-import",
        at=keys.ago(210),
        grantee=_OUTSIDE_ROLE,
        operations=("Decrypt", "DescribeKey"),
        retiring=_role(PAYMENTS, "key-administration"),
    )


_PARTICULAR_KEYS: tuple[Callable[[_Keys], None], ...] = (
    _add_signing_keys,
    _add_rotation_cases,
    _add_imported_keys,
    _add_ending_keys,
    _add_shared_keys,
    _add_replicated_keys,
    _add_store_keys,
    _add_grants,
)


# Secrets and parameters


class _Secrets:
    """Adds secrets to a world, with what secrets of the company have in common."""

    def __init__(self, world: World, keys: _Keys) -> None:
        self.world = world
        self.keys = keys

    def add(
        self,
        place: _Place,
        name: str,
        description: str,
        *,
        age: float,
        changed: Sequence[float] = (),
        every: int = 0,
        rotation: str = "succeeded",
        accessed: float | None = 0,
        key: str = "",
        tags: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Any:
        """Add a secret created `age` days ago whose value changed `changed` days ago, newest last.

        `every` is the days between automatic rotations; `rotation` is how the last went. `key` is the alias of its key.
        """
        ago, application = self.keys.ago, name.split("/")[-2] if "/" in name else name
        times = [ago(number) for number in (age, *changed)][-2:]
        stages = ("AWSPREVIOUS", "AWSCURRENT")[-len(times) :]
        versions = [(at, [stage]) for at, stage in zip(times, stages, strict=True)]
        facts: dict[str, Any] = {}
        if every:
            facts = {
                "RotationEnabled": True,
                "RotationLambdaARN": f"arn:aws:lambda:{place.region}:{place.account}:function:rotate-{application}",
                "RotationRules": {"AutomaticallyAfterDays": every},
                "NextRotationDate": times[-1] + days(every),
                **({"LastRotatedDate": times[-1]} if changed else {}),
            }
        if rotation == "failed":
            versions.append((times[-1] + days(every), ["AWSPENDING"]))
        accesses = {} if accessed is None else {"LastAccessedDate": _midnight(ago(accessed))}
        return self.world.add_secret(
            place.account,
            place.region,
            name,
            created_at=ago(age),
            versions=versions,
            kms_key=self.keys.named(place, key).arn if key else "",
            description=description,
            tags=self.keys.tags(application, "prod", "confidential") if tags is None else tags,
            members=facts | accesses | dict(members or {}),
            **more,
        )


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _add_secrets(secrets: _Secrets) -> None:
    _add_database_secrets(secrets)
    _add_particular_secrets(secrets)


def _add_database_secrets(secrets: _Secrets) -> None:
    for account, region, every in ((PAYMENTS, MAIN, 30), (PAYMENTS, RECOVERY, 30), (DATA, MAIN, 60)):
        for service in list(_SERVICES[account])[: 6 if region == MAIN else 3]:
            last = _number(1, every - 2, "secret", account, region, service)
            secrets.add(
                _Place(account, region),
                f"prod/{service}/database",
                f"Database user of {service}",
                age=_number(300, 1200, "secret age", account, region, service),
                changed=(last + every, last),
                every=every,
                key=f"prod/{service}",
            )


def _add_particular_secrets(secrets: _Secrets) -> None:
    place, data, now = _Place(PAYMENTS, MAIN), _Place(DATA, MAIN), secrets.world.now
    secrets.add(
        place, "prod/acquirer/api-token", "Token for the acquirer's API", age=930, accessed=0, key="prod/settlement"
    )
    secrets.add(
        place, "prod/scheme/sftp", "SFTP user of the card scheme", age=1600, changed=(790,), key="prod/settlement"
    )
    secrets.add(
        place,
        "prod/search/admin",
        "Administrator of the search cluster",
        age=500,
        changed=(96,),
        every=30,
        rotation="failed",
        key="prod/merchant-portal",
    )
    secrets.add(place, "prod/mailer/smtp", "SMTP user", age=25, every=30)
    secrets.add(place, "prod/fraud-scoring/bureau", "Credentials for the credit bureau", age=410, changed=(40,))
    secrets.add(place, "legacy-crm/db", "Database of the old CRM", age=2050, key="prod/legacy-crm", accessed=12)
    secrets.add(place, "dev/playground/token", "Try-outs", age=640, accessed=None, tags={})
    secrets.add(
        place,
        "prod/partners/shared",
        "Credentials that partners fetch",
        age=380,
        changed=(20,),
        policy=_secret_policy("*"),
        key="prod/merchant-portal",
    )
    secrets.add(
        place,
        "prod/acquirer/exchange",
        "Credentials that the acquirer fetches",
        age=300,
        changed=(60,),
        policy=_secret_policy({"AWS": _OUTSIDE_ROLE}),
        key="prod/acquirer-files",
    )
    secrets.add(
        place,
        f"rds!cluster-{stable_id('rds', PAYMENTS)}",
        "Secret associated with primary RDS DB cluster ledger",
        age=700,
        changed=(9, 2),
        key="prod/ledger",
        tags={"aws:secretsmanager:owningService": "rds", "aws:rds:primaryDBClusterArn": "ledger"},
        members={
            "OwningService": "rds",
            "RotationEnabled": True,
            "RotationRules": {"AutomaticallyAfterDays": 7},
            "LastRotatedDate": now - days(2),
            "NextRotationDate": now + days(5),
        },
    )
    secrets.add(
        place,
        "prod/gateway/tls-passphrase",
        "Passphrase of the gateway's TLS key",
        age=330,
        changed=(150,),
        replicas=(RECOVERY,),
    )
    secrets.add(
        place,
        "prod/vouchers/provider",
        "Credentials of the voucher provider",
        age=810,
        accessed=120,
        members={"DeletedDate": now + days(17)},
    )
    secrets.add(data, "prod/lake/partner-upload", "Credentials for partners' uploads", age=450, changed=(100,))
    secrets.add(
        data,
        "prod/warehouse/loader",
        "Loader of the warehouse",
        age=620,
        changed=(11,),
        members={
            "RotationEnabled": True,
            "RotationLambdaARN": f"arn:aws:lambda:{MAIN}:{DATA}:function:rotate-loader",
            "RotationRules": {"ScheduleExpression": "cron(0 4 ? * MON#1 *)", "Duration": "2h"},
            "LastRotatedDate": now - days(11),
            "NextRotationDate": now + days(24),
        },
        key="prod/warehouse",
    )


def _secret_policy(principal: Any) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [_statement("Read", principal, ["secretsmanager:GetSecretValue"])],
    }


def _add_parameters(world: World, keys: _Keys) -> None:
    for account, name, purpose, age, version, alias in (
        (PAYMENTS, "/prod/payments-api/signing-seed", "Seed of request signatures", 140, 6, "prod/payments-api"),
        (PAYMENTS, "/prod/payments-api/psp-token", "Token of the fallback provider", 820, 1, "prod/payments-api"),
        (PAYMENTS, "/prod/ledger/posting-key", "Key of the posting service", 75, 9, "prod/ledger"),
        (PAYMENTS, "/prod/notifications/sms-token", "Token of the SMS provider", 1010, 2, ""),
        (PAYMENTS, "/prod/onboarding/register-login", "Login at the company register", 230, 3, "prod/onboarding"),
        (PAYMENTS, "/staging/merchant-portal/cookie-secret", "Cookie secret", 310, 2, ""),
        (PAYMENTS, "/prod/ci/registry-token", "Token of the image registry", 28, 14, "prod/ci-artifacts"),
        (DATA, "/prod/streaming/broker-password", "Broker's password", 60, 7, "prod/streaming"),
        (DATA, "/prod/reporting/regulator-login", "Login at the regulator's portal", 640, 1, "prod/reporting"),
        (DATA, "/dev/etl/source-password", "Password of the test source", 900, 1, ""),
    ):
        place = _Place(account, MAIN)
        world.add_parameter(
            account,
            MAIN,
            name,
            modified_at=keys.ago(age),
            version=version,
            kms_key=keys.named(place, alias).id if alias else "alias/aws/ssm",
            description=purpose,
            tags=keys.tags(name.split("/")[2], name.split("/")[1], "confidential"),
        )
    shared = "/prod/shared/partner-certificate-passphrase"
    world.add_parameter(
        PAYMENTS,
        MAIN,
        shared,
        modified_at=keys.ago(95),
        version=4,
        tier="Advanced",
        kms_key=keys.named(_Place(PAYMENTS, MAIN), "prod/event-bus").arn,
        description="Shared with the data account",
        tags={},
        policies=[_parameter_policy(parameter_arn(PAYMENTS, MAIN, shared))],
    )


def _parameter_policy(arn: str) -> dict[str, Any]:
    statement = _statement("Share", {"AWS": DATA}, ["ssm:GetParameter", "ssm:GetParameters"], resource=arn)
    return {
        "PolicyId": stable_id("parameter policy", arn),
        "PolicyHash": stable_hex(64, "parameter policy", arn),
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    }


def _add_refusals(world: World, keys: _Keys) -> None:
    """One key's policy may not be read, and the data account may not be used in one region at all."""
    personnel = keys.named(_Place(PAYMENTS, MAIN), "prod/hr-documents")
    world.refusals.append(
        Rule(
            fault=Fault.REFUSE,
            operation="kms:GetKeyPolicy",
            subject=personnel.id,
            because="no resource-based policy allows the kms:GetKeyPolicy action",
        )
    )
    world.refusals.append(
        Rule(fault=Fault.REFUSE, account=DATA, region=EDGE, because="of an explicit deny in a service control policy")
    )
