"""A small AWS: one organization of two accounts with a few telling keys, secrets and parameters."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from keyproof.demo.aws.clusters import backup, cluster
from keyproof.demo.aws.embedded import ACCESS_KEY, EmbeddedAws, credentials_environment
from keyproof.demo.aws.faults import Rule
from keyproof.demo.aws.world import Account, KeyRecord, Material, World
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
    world.page_sizes = {
        "kms:ListKeys": 4,
        "kms:ListAliases": 5,
        "kms:ListKeyRotations": 1,
        "kms:ListGrants": 1,
        "secretsmanager:ListSecrets": 2,
        "cloudhsm:DescribeClusters": 1,
        "cloudhsm:DescribeBackups": 2,
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
