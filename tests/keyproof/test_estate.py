"""The demo's company: the same each time, and with every case that is of interest."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from keyproof.configuration import load_configuration
from keyproof.demo.aws.embedded import EmbeddedAws
from keyproof.demo.aws.estate import (
    AUDIT_ROLE,
    CLUSTER,
    DATA,
    EDGE,
    ESTATE_NOW,
    MILAN,
    PAYMENTS,
    REGIONS,
    credentials,
    estate,
    source,
)
from keyproof.demo.company import FRAMEWORKS, write_configuration

PLACES = [(account, region) for account in (PAYMENTS, DATA) for region in REGIONS]


class Session:
    """The SDK's clients in one account."""

    def __init__(self, aws: EmbeddedAws, account: str) -> None:
        environment = credentials()
        self.aws = aws
        self.keys = (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
        role = f"arn:aws:iam::{account}:role/{AUDIT_ROLE}"
        assumed = self.client("sts", "eu-west-1").assume_role(RoleArn=role, RoleSessionName="keyproof")["Credentials"]
        self.keys = (assumed["AccessKeyId"], assumed["SecretAccessKey"])

    def client(self, service: str, region: str) -> Any:
        key, secret = self.keys
        where = {"endpoint_url": self.aws.url, "region_name": region}
        return boto3.client(service, **where, aws_access_key_id=key, aws_secret_access_key=secret)


def described(aws: EmbeddedAws) -> list[Any]:
    """Everything that a collector could read of the keys and secrets, place by place."""
    found: list[Any] = []
    for account, region in PLACES:
        session = Session(aws, account)
        kms = session.client("kms", region)
        try:
            listed = [key["KeyArn"] for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"]]
        except ClientError as error:
            found.append([account, region, error.response["Error"]])
            continue
        found.append([account, region, _answers(kms, "list_aliases")])
        found += [[arn, *_about(kms, arn)] for arn in listed]
        secrets = session.client("secretsmanager", region)
        found.append(_answers(secrets, "list_secrets", IncludePlannedDeletion=True))
        found.append(_answers(session.client("ssm", region), "describe_parameters"))
        hsms = session.client("cloudhsmv2", region)
        found.append([_answers(hsms, "describe_clusters"), _answers(hsms, "describe_backups")])
        found.append(
            _answers(
                session.client("resourcegroupstaggingapi", region), "get_resources", ResourceTypeFilters=["kms:key"]
            )
        )
    return found


def _about(kms: Any, arn: str) -> list[Any]:
    calls = ("describe_key", "get_key_rotation_status", "get_key_last_usage", "get_key_policy", "list_grants")
    history = _answers(kms, "list_key_rotations", KeyId=arn, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    return [*(_answers(kms, call, KeyId=arn) for call in calls), history]


def _answers(client: Any, call: str, **parameters: Any) -> Any:
    try:
        if client.can_paginate(call):
            return list(client.get_paginator(call).paginate(**parameters))
        return getattr(client, call)(**parameters)
    except ClientError as error:
        return error.response


def text(found: list[Any]) -> str:
    def without_http(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: without_http(v) for k, v in value.items() if k != "HTTPHeaders"}
        return [without_http(item) for item in value] if isinstance(value, list) else value

    return json.dumps(without_http(found), default=str)


@pytest.fixture(scope="module")
def answers() -> list[Any]:
    with EmbeddedAws(estate()) as aws:
        return described(aws)


@pytest.fixture(scope="module")
def metadata(answers: list[Any]) -> dict[str, Any]:
    """Alias → (metadata, everything about the key)."""
    names = {
        (alias["AliasArn"].split(":")[4], alias["AliasArn"].split(":")[3], alias.get("TargetKeyId")): alias["AliasName"]
        for entry in answers
        if len(entry) == 3 and isinstance(entry[2], list)
        for page in entry[2]
        for alias in page["Aliases"]
    }
    found = {}
    for entry in answers:
        if isinstance(entry[0], str) and entry[0].startswith("arn:"):
            key = entry[1]["KeyMetadata"]
            account, region = key["AWSAccountId"], key["Arn"].split(":")[3]
            found[f"{account}/{region}/{names[account, region, key['KeyId']]}"] = entry
    return found


def test_two_seedings_give_the_same_answers(answers: list[Any]) -> None:
    with EmbeddedAws(estate()) as aws:
        assert text(described(aws)) == text(answers)


def test_another_clock_moves_every_date() -> None:
    later = datetime(2026, 9, 30, tzinfo=UTC)
    moved, usual = estate(later).keys, estate().keys
    assert moved.keys() == usual.keys()
    for arn, record in moved.items():
        assert record.created_at - later == usual[arn].created_at - ESTATE_NOW


def test_its_size(metadata: dict[str, Any]) -> None:
    assert 140 <= len(metadata) <= 170
    assert sum(entry[1]["KeyMetadata"]["KeyManager"] == "AWS" for entry in metadata.values()) < 20


def test_every_kind_of_key(metadata: dict[str, Any]) -> None:
    keys = [entry[1]["KeyMetadata"] for entry in metadata.values()]
    assert {key["KeyState"] for key in keys} == {
        "Enabled",
        "Disabled",
        "PendingDeletion",
        "PendingImport",
        "PendingReplicaDeletion",
    }
    assert {key["Origin"] for key in keys} == {"AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"}
    assert {"RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ML_DSA_65", "HMAC_256"} <= {
        k["KeySpec"] for k in keys
    }
    kinds = {key["MultiRegionConfiguration"]["MultiRegionKeyType"] for key in keys if key["MultiRegion"]}
    assert kinds == {"PRIMARY", "REPLICA"}
    rotations = {
        rotation.get("RotationType")
        for entry in metadata.values()
        if isinstance(entry[6], list)
        for page in entry[6]
        for rotation in page["Rotations"]
    }
    assert rotations == {None, "AUTOMATIC", "ON_DEMAND"}


def test_most_keys_are_in_order(metadata: dict[str, Any]) -> None:
    customer = [entry for entry in metadata.values() if entry[1]["KeyMetadata"]["KeyManager"] == "CUSTOMER"]
    rotating = [entry for entry in customer if entry[2].get("KeyRotationEnabled")]
    assert len(rotating) / len(customer) > 0.6


def test_nothing_lies_in_the_future_but_what_is_planned(answers: list[Any]) -> None:
    planned = {"NextRotationDate", "DeletionDate", "ValidTo", "DeletedDate"}

    def check(value: Any, name: str = "") -> None:
        if isinstance(value, dict):
            for member, item in value.items():
                check(item, member)
        elif isinstance(value, list):
            for item in value:
                check(item, name)
        elif isinstance(value, datetime):
            assert name in planned or value <= ESTATE_NOW, name

    check(answers)


def test_what_is_refused(answers: list[Any], metadata: dict[str, Any]) -> None:
    places = {(entry[0], entry[1]): entry[2] for entry in answers if len(entry) == 3}
    assert places[DATA, EDGE]["Code"] == "AccessDeniedException"
    assert places[DATA, MILAN]["Code"] == "UnrecognizedClientException"
    unread = [name for name, entry in metadata.items() if "Policy" not in entry[4]]
    assert unread == [f"{PAYMENTS}/eu-west-1/alias/prod/hr-documents"]


def test_a_secret_is_encrypted_with_a_key_that_is_to_be_destroyed(metadata: dict[str, Any]) -> None:
    doomed = metadata[f"{PAYMENTS}/eu-west-1/alias/prod/legacy-crm"][1]["KeyMetadata"]
    assert doomed["KeyState"] == "PendingDeletion"
    with EmbeddedAws(estate()) as aws:
        secrets = Session(aws, PAYMENTS).client("secretsmanager", "eu-west-1")
        assert secrets.describe_secret(SecretId="legacy-crm/db")["KmsKeyId"] == doomed["Arn"]


def test_a_cluster_of_old_hsms_backs_the_key_store() -> None:
    with EmbeddedAws(estate()) as aws:
        session = Session(aws, PAYMENTS)
        hsms, away = session.client("cloudhsmv2", "eu-west-1"), session.client("cloudhsmv2", "eu-central-1")
        [cluster] = hsms.describe_clusters()["Clusters"]
        [store] = session.client("kms", "eu-west-1").describe_custom_key_stores()["CustomKeyStores"]
        backups = hsms.describe_backups(Filters={"clusterIds": [CLUSTER]})["Backups"]
        [copy] = away.describe_backups()["Backups"]
        assert away.describe_clusters()["Clusters"] == []
    assert cluster["ClusterId"] == store["CloudHsmClusterId"] == CLUSTER
    assert (cluster["HsmType"], cluster["Mode"], cluster["State"]) == ("hsm1.medium", "FIPS", "ACTIVE")
    assert len({hsm["AvailabilityZone"] for hsm in cluster["Hsms"]}) == 2
    assert [backup["CreateTimestamp"] for backup in backups] == sorted(
        (backup["CreateTimestamp"] for backup in backups), reverse=True
    )
    assert sum(backup["NeverExpires"] for backup in backups) == 1
    assert copy["SourceBackup"] in {backup["BackupId"] for backup in backups}
    assert copy["SourceRegion"] == "eu-west-1"


def test_every_kind_of_secret() -> None:
    with EmbeddedAws(estate()) as aws:
        secrets = Session(aws, PAYMENTS).client("secretsmanager", "eu-west-1")
        listed = secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]
        assert any(secret.get("OwningService") == "rds" for secret in listed)
        assert any(secret.get("DeletedDate") for secret in listed)
        assert any("KmsKeyId" not in secret for secret in listed)
        pending = [s["Name"] for s in listed if ["AWSPENDING"] in s["SecretVersionsToStages"].values()]
        assert pending == ["prod/search/admin"]
        public = secrets.get_resource_policy(SecretId="prod/partners/shared")["ResourcePolicy"]
        assert json.loads(public)["Statement"][0]["Principal"] == "*"
        filters = [{"Key": "Type", "Values": ["SecureString"]}]
        ssm = Session(aws, PAYMENTS).client("ssm", "eu-west-1")
        advanced = [
            parameter
            for page in ssm.get_paginator("describe_parameters").paginate(ParameterFilters=filters)
            for parameter in page["Parameters"]
            if parameter["Tier"] == "Advanced"
        ]
        assert DATA in ssm.get_resource_policies(ResourceArn=advanced[0]["ARN"])["Policies"][0]["Policy"]


def test_the_configuration_can_be_read(tmp_path: Path) -> None:
    sources = [source("http://127.0.0.1:4566")]
    path = write_configuration(tmp_path, sources, now=ESTATE_NOW, exceptions="exceptions.toml")
    configuration = load_configuration(path)
    assert configuration.audit.frameworks == list(FRAMEWORKS)
    assert configuration.audit.exceptions == tmp_path / "exceptions.toml"
    assert configuration.audit.attestations is None
    assert (configuration.period[1] - configuration.period[0]).days == 364
    (read,) = configuration.sources
    assert read.configuration.organization.role == AUDIT_ROLE
    assert read.configuration.endpoint_url == "http://127.0.0.1:4566"


def test_what_the_keys_stand_beside() -> None:
    with EmbeddedAws(estate()) as aws:
        session = Session(aws, PAYMENTS)
        iam, acm = session.client("iam", "eu-west-1"), session.client("acm", "eu-west-1")
        held = {
            user["UserName"]: iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
            for user in iam.list_users()["Users"]
        }
        ages = {name: [(ESTATE_NOW - key["CreateDate"]).days for key in keys] for name, keys in held.items()}
        unused = iam.get_access_key_last_used(AccessKeyId=held["load-test"][0]["AccessKeyId"])["AccessKeyLastUsed"]
        listed = acm.list_certificates(Includes={"keyTypes": ["RSA_1024", "RSA_2048", "EC_prime256v1"]})
        certificates = [
            acm.describe_certificate(CertificateArn=one["CertificateArn"])["Certificate"]
            for one in listed["CertificateSummaryList"]
        ]
        instances = session.client("rds", "eu-west-1").describe_db_instances()["DBInstances"]
        by_default = [
            session.client("ec2", region).get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
            for region in ("eu-west-1", "eu-central-1")
        ]
        [rule] = session.client("events", "eu-west-1").list_rules()["Rules"]
        targets = session.client("events", "eu-west-1").list_targets_by_rule(Rule=rule["Name"])["Targets"]
        root = Session(aws, DATA).client("iam", "eu-west-1").get_account_summary()["SummaryMap"]
    assert ages == {"ci-release": [40, 140], "partner-feed": [1210], "load-test": [260], "console-only": []}
    assert unused == {"ServiceName": "N/A", "Region": "N/A"}
    ends = {one["DomainName"]: (one["NotAfter"] - ESTATE_NOW).days for one in certificates if one["InUseBy"]}
    assert {name for name, left in ends.items() if left < 30} == {"sftp.northwind.example"}
    assert {i["DBInstanceIdentifier"]: i["StorageEncrypted"] for i in instances} == {
        "onboarding": True,
        "legacy-crm": False,
        "ledger-1": True,
    }
    assert by_default == [True, False]
    assert (rule["State"], len(targets), root["AccountAccessKeysPresent"]) == ("ENABLED", 1, 1)
