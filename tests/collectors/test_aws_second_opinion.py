"""The same estate on two AWS emulators of different authors: what keyproof says of it does not depend on either.

The embedded AWS was written beside the collector, so both could share a mistake; ministack's authors know neither. It
enforces the states of keys, takes imported material only as AWS does, and keeps rotation periods.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pyarrow import parquet
from second_aws import ACCOUNT, CREDENTIALS, REGION, ministack
from small_aws import served

from collectors.aws.collect import AwsCollector
from collectors.aws.configuration import AwsConfiguration
from collectors.aws.operations import OPERATIONS
from collectors.source import Settings
from evidence.model import NEVER, TABLES
from evidence.observation import Observation, Status
from evidence.recording import read_scope, scope_files
from keyproof.collection import Collection
from keyproof.demo.aws.embedded import ACCESS_KEY
from keyproof.demo.aws.world import Account, World
from keyproof.replay import normalize_run

NOW = datetime.now(UTC).replace(microsecond=0)
EXPIRY = NOW + timedelta(days=90)
STRANGER = "999988887777"
SETTINGS = Settings(
    tag_names={"owner": ["owner"], "business_purpose": ["purpose"], "data_class": [], "environment": []},
    organization_accounts=[],
)

UNKNOWN_TO_MINISTACK = {
    "kms:DescribeCustomKeyStores",
    "kms:GetKeyLastUsage",
    "kms:ListKeyRotations",
    "ssm:GetResourcePolicies",
}


@dataclass(frozen=True)
class Told:
    """What one AWS answered, and what normalize makes of it."""

    observations: list[Observation]
    tables: dict[str, list[dict[str, Any]]]

    def named(self, table: str, name: str) -> dict[str, Any]:
        [found] = [row for row in self.tables[table] if row["name"] == name]
        return found

    def gaps(self, table: str, subject: str) -> dict[str, str]:
        """Column → kind of the gap that names it, for one row."""
        gaps = [g for g in self.tables["gap"] if g["of_table"] == table and g["subject"] in ("", subject)]
        return {column: gap["kind"] for gap in gaps for column in gap["columns"]}


def _populate(client: Any, wrap: Wrap) -> None:
    """Keys, secrets and a parameter, through the calls that their owners would make."""
    kms = client("kms")

    def key(name: str, **members: Any) -> str:
        made = kms.create_key(**members)["KeyMetadata"]
        kms.create_alias(
            AliasName=f"alias/{name}", TargetKeyId=made["Arn"]
        )  # moto knows no mrk- here, and no ARN below
        return str(made["KeyId"])

    rotating = key(
        "rotating",
        Description="card data",
        Tags=[{"TagKey": "owner", "TagValue": "payments"}, {"TagKey": "purpose", "TagValue": "cards"}],
    )
    kms.enable_key_rotation(KeyId=rotating, RotationPeriodInDays=120)
    key("plain")
    kms.disable_key(KeyId=key("disabled"))
    kms.schedule_key_deletion(KeyId=key("ending"), PendingWindowInDays=9)
    kms.schedule_key_deletion(KeyId=(kept := key("kept")), PendingWindowInDays=7)
    kms.cancel_key_deletion(KeyId=kept)
    key("waiting", Origin="EXTERNAL")
    _import(kms, key("imported", Origin="EXTERNAL"), wrap)
    _import(kms, key("expiring", Origin="EXTERNAL"), wrap, EXPIRY)
    key("signing", KeySpec="RSA_3072", KeyUsage="SIGN_VERIFY")
    key("transport", KeySpec="RSA_4096", KeyUsage="ENCRYPT_DECRYPT")
    key("curve", KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY")
    key("mac", KeySpec="HMAC_384", KeyUsage="GENERATE_VERIFY_MAC")
    key("everywhere", MultiRegion=True)
    key("shared", Policy=_policy({"AWS": f"arn:aws:iam::{STRANGER}:root"}))
    key("open", Policy=_policy("*"))

    secrets = client("secretsmanager")
    tags = [{"Key": "owner", "Value": "payments"}]
    secrets.create_secret(Name="db/main", SecretString="x", KmsKeyId=rotating, Description="of a database", Tags=tags)
    secrets.create_secret(Name="db/old", SecretString="x")
    secrets.delete_secret(SecretId="db/old", RecoveryWindowInDays=10)
    client("ssm").put_parameter(Name="/app/token", Value="x", Type="SecureString", Tier="Advanced", KeyId=rotating)
    client("ssm").put_parameter(Name="/app/plain", Value="x", Type="String")


def _policy(principal: object) -> str:
    own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    other = {"Effect": "Allow", "Principal": principal, "Action": "kms:Decrypt", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [own, other]})


Wrap = Callable[[Any, str], dict[str, bytes]]
"""Gives ImportKeyMaterial's token and wrapped material for a key."""


def _import(kms: Any, key: str, wrap: Wrap, valid_to: datetime | None = None) -> None:
    expiry = {"ValidTo": valid_to} if valid_to else {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    kms.import_key_material(KeyId=key, **wrap(kms, key), **expiry)


def _wrapped(kms: Any, key: str) -> dict[str, bytes]:
    """256 bits from outside, wrapped as AWS asks for it."""
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_4096")
    padding = OAEP(mgf=MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    public_key = load_der_public_key(given["PublicKey"])
    assert isinstance(public_key, RSAPublicKey)
    return {"ImportToken": given["ImportToken"], "EncryptedKeyMaterial": public_key.encrypt(os.urandom(32), padding)}


def _unwrapped(kms: Any, key: str) -> dict[str, bytes]:
    """The embedded AWS takes anything for wrapped material."""
    return {"ImportToken": b"token", "EncryptedKeyMaterial": b"material"}


@contextmanager
def _only(environment: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


def _told(url: str, folder: Path, wrap: Wrap) -> Told:
    """Populate, collect with the real collector, and normalize."""

    session = boto3.Session(region_name=REGION)  # the default one remembers the credentials of other tests

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=url)

    _populate(client, wrap)
    table = {"name": "prod", "regions": [REGION], "endpoint_url": url, "attempts": 1, "timeout_seconds": 20}
    table["services"] = ["kms", "secretsmanager", "ssm"]  # ministack has no CloudHSM
    collector = AwsCollector(AwsConfiguration.model_validate(table))
    Collection(folder / "observations", {"aws": OPERATIONS}, concurrency=4).run(collector.start())
    normalize_run(folder / "observations", folder / "inventory", SETTINGS)
    observations = [o for path in scope_files(folder / "observations") for o in read_scope(path)[1]]
    return Told(
        observations,
        {name: parquet.read_table(folder / "inventory" / f"{name}.parquet").to_pylist() for name in TABLES},
    )


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The estate on ministack."""
    folder = tmp_path_factory.mktemp("ministack")
    with _only(CREDENTIALS), ministack(folder) as url:
        return _told(url, folder, _wrapped)


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The estate on the embedded AWS."""
    world = World(NOW)
    world.add_account(Account(id=ACCOUNT, name="x", created_at=NOW, regions=frozenset({REGION})), ACCESS_KEY)
    with served(world=world) as aws:
        return _told(aws.url, tmp_path_factory.mktemp("embedded"), _unwrapped)


KEYS = {
    "rotating": {
        "state": "active",
        "origin": "generated",
        "rotatable": True,
        "rotation_enabled": True,
        "rotation_period_days": 120,
        "description": "card data",
        "owner": "payments",
        "business_purpose": "cards",
        "tags": '{"owner":"payments","purpose":"cards"}',
    },
    "plain": {"state": "active", "rotation_enabled": False, "rotation_period_days": 0, "rotation_next_at": NEVER},
    "disabled": {"state": "suspended", "rotatable": False, "rotatable_reason": "not_active", "deletion_at": NEVER},
    "ending": {"state": "pending_deletion", "rotatable": False, "rotatable_reason": "not_active"},
    "kept": {"state": "suspended", "deletion_at": NEVER},
    "waiting": {"state": "pre_active", "origin": "imported", "expires_at": NEVER, "rotatable_reason": "imported"},
    "imported": {"state": "active", "origin": "imported", "rotatable": False, "expires_at": NEVER},
    "expiring": {"state": "active", "origin": "imported", "rotatable": False, "expires_at": EXPIRY},
    "signing": {"usages": ["sign"], "algorithm": "RSA", "bits": 3072, "rotatable_reason": "asymmetric"},
    "transport": {"usages": ["encrypt"], "algorithm": "RSA", "bits": 4096, "rotatable_reason": "asymmetric"},
    "curve": {"usages": ["sign"], "parameter_set": "P-384", "rotatable_reason": "asymmetric"},
    "mac": {"usages": ["mac"], "bits": 384, "rotatable_reason": "mac"},
    "everywhere": {"state": "active", "rotatable": True, "regions": [REGION]},
    "shared": {"external_accounts": [STRANGER], "public": False},
    "open": {"external_accounts": ["*"], "public": True, "wildcard_access": True},
}
"""By name, some facts that anybody can check against what `_populate` asks for."""


@pytest.mark.parametrize("name", KEYS)
def test_both_know_a_key_as_it_was_made(name: str, first: Told, second: Told) -> None:
    for told in (first, second):
        key = told.named("key", f"alias/{name}")
        assert {column: key[column] for column in KEYS[name]} == KEYS[name]


def test_a_key_ends_when_its_owner_said(second: Told) -> None:
    ending = second.named("key", "alias/ending")
    assert timedelta(days=8) < ending["deletion_at"] - ending["created_at"] <= timedelta(days=9, hours=1)


OF_ITS_OWN = {"id", "evidence", "key_store", "created_at", "activated_at", "deletion_at", "last_rotated_at", "keys"}
"""Columns that hold ids or times, which differ from one estate to the next."""
STARTED = {"suspended_at", "deletion_requested_at", "last_used_at", "material_known_at"}


@pytest.mark.parametrize("table", ["key", "secret"])
def test_where_both_tell_they_tell_the_same(table: str, first: Told, second: Told) -> None:
    compared = set()
    for row in first.tables[table]:
        other = second.named(table, row["name"])
        for column in row.keys() - OF_ITS_OWN - STARTED:
            if row[column] is not None and other[column] is not None:
                compared.add(column)
                assert row[column] == other[column], (row["name"], column)
    assert len(first.tables[table]) == len(second.tables[table])
    assert len(compared) > (30 if table == "key" else 15)


def test_what_one_does_not_know_is_a_gap_and_no_fact(second: Told) -> None:
    failed = {o.operation for o in second.observations if o.status is not Status.OK}
    assert failed == UNKNOWN_TO_MINISTACK
    for name in ("plain", "rotating"):
        key = second.named("key", f"alias/{name}")
        gaps = second.gaps("key", key["id"])
        for column in ("rotations", "last_rotated_at", "used", "last_used_at"):
            assert key[column] is None
            assert gaps[column] == "failed"
    rotating = second.named("key", "alias/rotating")
    assert rotating["rotation_next_at"] is None, "ministack does not say when, and nothing is made up"
    assert second.gaps("key", rotating["id"])["rotation_next_at"] == "not_offered"


@pytest.mark.parametrize("table", sorted(TABLES.keys() - {"gap", "observation"}))
def test_every_null_has_a_gap_on_either(table: str, first: Told, second: Told) -> None:
    for told in (first, second):
        for row in told.tables[table]:
            unknown = {column for column, value in row.items() if value is None}
            assert unknown <= told.gaps(table, row["id"]).keys(), row["id"]


def test_only_what_is_declared_was_asked(first: Told, second: Told) -> None:
    for told in (first, second):
        assert {o.operation for o in told.observations} <= OPERATIONS.keys()
    assert [row["name"] for row in second.tables["secret"] if row["kind"] == "parameter"] == ["/app/token"]
