"""The scope of data stores in one account and region: what is encrypted at rest, and with which key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collectors.aws.facts.scope import Setting
from collectors.aws.resource_answers import (
    Database,
    DatabaseClusters,
    DatabaseInstances,
    DefaultKey,
    EncryptionByDefault,
    FileSystems,
    Trails,
    Volumes,
)
from collectors.scope_rows import Tally, expect, listed
from evidence.model import ProtectedResource, Row
from evidence.reading import Reading

BY_DEFAULT = "ec2:GetEbsEncryptionByDefault"
DEFAULT_KEY = "ec2:GetEbsDefaultKmsKeyId"
VOLUMES = "ec2:DescribeVolumes"
INSTANCES = "rds:DescribeDBInstances"
CLUSTERS = "rds:DescribeDBClusters"
FILE_SYSTEMS = "elasticfilesystem:DescribeFileSystems"
TRAILS = "cloudtrail:DescribeTrails"

_KEY_ARN = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")
_KEY_ID = re.compile(r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class _Found:
    """One data store, as its service tells it."""

    id: str
    kind: str
    service: str
    encrypted: bool | None
    key: str | None
    """The key as it is named; "" for one that is in no account, or for none."""
    created_at: datetime | None = None
    name: str = ""
    """Its id where it is empty."""


def normalize_datastores(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope. Everything in it is listed at once."""
    observations = [observation for reading in readings for observation in reading.observations]
    tally = Tally(setting.operations)
    missing: list[str] = []
    for operations, found_in in _STORES.items():
        own = Reading("", [o for o in observations if o.operation in operations])
        for evidence, found in found_in(setting, own):
            tally.described += 1
            yield from setting.explained(_row(setting, evidence, found), [own])
        missing.extend({operations[0]} & own.failures.keys())
        tally.count(own)
    anchor = ProtectedResource(**setting.bookkeeping(setting.header.id, ()))
    for operation, failure in dict(tally.why(operation) for operation in missing).items():
        yield setting.rows_missing(anchor, "protected_resource", "", operation, failure)
    tally.listed = None if missing else tally.described
    yield from tally.rows(setting)


def _row(setting: Setting, evidence: Sequence[str], found: _Found) -> ProtectedResource:
    return ProtectedResource(
        **setting.bookkeeping(found.id, evidence),
        name=found.name or found.id,
        kind=found.kind,
        service=found.service,
        account=setting.account_of(found.id),
        region=setting.header.region,
        encrypted=found.encrypted,
        key=None if found.key is None else _key_id(setting, found.key),
        created_at=found.created_at,
    )


def _key_id(setting: Setting, named: str) -> str | None:
    """The id of a key's row: its ARN, which a bare id has in the account and region of what it encrypts.

    None for an alias, as it does not tell its key.
    """
    if named == "" or _KEY_ARN.fullmatch(named):
        return named
    if _KEY_ID.fullmatch(named):
        header = setting.header
        return f"arn:{setting.partition}:kms:{header.region}:{header.account}:key/{named}"
    return None


def _arn(setting: Setting, service: str, resource: str) -> str:
    header = setting.header
    return f"arn:{setting.partition}:{service}:{header.region}:{header.account}:{resource}"


_Told = Iterator[tuple[list[str], _Found]]
"""Ids of the observations that tell a data store, and the data store."""


def _volume_default(setting: Setting, reading: Reading) -> _Told:
    """The encryption of volumes that nobody asks to be encrypted. Where it is off, no key encrypts them."""
    for operation in (BY_DEFAULT, DEFAULT_KEY):
        expect(reading, operation)
    by_default = reading.answer(BY_DEFAULT, EncryptionByDefault)
    key = reading.answer(DEFAULT_KEY, DefaultKey)
    if by_default is not None:
        encrypted = by_default.EbsEncryptionByDefault
        place = f"{setting.header.account}/{setting.header.region}"
        yield (
            reading.evidence,
            _Found(
                id=f"{place}/EBS encryption by default",
                name="EBS encryption by default",
                kind="EBS default",
                service="ec2",
                encrypted=encrypted,
                key=(key.KmsKeyId if key else None) if encrypted else "",
            ),
        )


def _volumes(setting: Setting, reading: Reading) -> _Told:
    for observation, page in listed(reading, VOLUMES, Volumes, lambda page: page.more):
        for volume in page.Volumes:
            arn = _arn(setting, "ec2", f"volume/{volume.VolumeId}")
            key = volume.KmsKeyId if volume.Encrypted else ""
            yield [observation], _Found(arn, "EBS volume", "ec2", volume.Encrypted, key, volume.CreateTime)


def _instances(setting: Setting, reading: Reading) -> _Told:
    """Those on their own: the storage of a cluster's instances is the cluster's."""
    for observation, page in listed(reading, INSTANCES, DatabaseInstances, lambda page: page.more):
        for one in page.DBInstances:
            if not one.DBClusterIdentifier:
                encrypted, key = _storage(one)
                arn, created = one.DBInstanceArn, one.InstanceCreateTime
                yield [observation], _Found(arn, "RDS instance", "rds", encrypted, key, created)


def _clusters(setting: Setting, reading: Reading) -> _Told:
    for observation, page in listed(reading, CLUSTERS, DatabaseClusters, lambda page: page.more):
        for one in page.DBClusters:
            encrypted, key = _storage(one)
            yield [observation], _Found(one.DBClusterArn, "RDS cluster", "rds", encrypted, key, one.ClusterCreateTime)


def _storage(database: Database) -> tuple[bool, str | None]:
    """Whether it is encrypted, and with which key: with one of AWS's own, RDS says that it has no key of an account.

    Source: RDS API reference, StorageEncryptionType: `sse-rds` is encrypted with a key that AWS owns, though
    StorageEncrypted is false.
    """
    if database.StorageEncrypted:
        return True, database.KmsKeyId
    return database.StorageEncryptionType == "sse-rds", ""


def _file_systems(setting: Setting, reading: Reading) -> _Told:
    for observation, page in listed(reading, FILE_SYSTEMS, FileSystems, lambda page: page.more):
        for one in page.FileSystems:
            arn = one.FileSystemArn or _arn(setting, "elasticfilesystem", f"file-system/{one.FileSystemId}")
            key = "" if one.Encrypted is False else one.KmsKeyId
            service = "elasticfilesystem"
            yield [observation], _Found(arn, "EFS file system", service, one.Encrypted, key, one.CreationTime)


def _trails(setting: Setting, reading: Reading) -> _Told:
    """Log files are encrypted in any case: without a key of an account, with one that S3 holds.

    Source: AWS CloudTrail User Guide, encrypting log files with AWS KMS keys.
    """
    expect(reading, TRAILS)
    for observation, answer in reading.answers(TRAILS, Trails):
        for trail in answer.trailList if answer else ():
            yield [observation.id], _Found(trail.TrailARN, "CloudTrail trail", "cloudtrail", True, trail.KmsKeyId)


_STORES: Mapping[tuple[str, ...], Callable[[Setting, Reading], _Told]] = {
    (BY_DEFAULT, DEFAULT_KEY): _volume_default,
    (VOLUMES,): _volumes,
    (INSTANCES,): _instances,
    (CLUSTERS,): _clusters,
    (FILE_SYSTEMS,): _file_systems,
    (TRAILS,): _trails,
}
"""By the operations that tell them, of which the first tells whether there are any."""
