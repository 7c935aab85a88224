"""The scope of CloudHSM in one account and region: its clusters, their backups and certificates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from collectors.aws.answers import Backup, Backups, Cluster, Clusters, Hsm
from collectors.aws.facts.certificate import state_by_dates
from collectors.aws.facts.scope import Setting
from collectors.aws.operations import HELD_IN_CLUSTER, NOT_IN_REGION, UNKNOWN_CERTIFICATE_KEY_NOT_OFFERED
from collectors.scope_rows import Tally, fill, listed
from collectors.tags import tag_facts
from collectors.x509 import X509Facts, read_certificate, read_request
from evidence.model import NEVER, Certificate, GapKind, KeyStore, Manager, ProtectionLevel, Row, State
from evidence.observation import canonical_json
from evidence.reading import Failure, Reading

CLUSTERS = "cloudhsm:DescribeClusters"
BACKUPS = "cloudhsm:DescribeBackups"

_VALIDATIONS = {
    "hsm1.medium": "FIPS 140-2 level 3 (certificate 4218)",
    "hsm2m.medium": "FIPS 140-3 level 3 (certificate 4703)",
}
"""Of HSMs in FIPS mode, by their type. The certificate of hsm1.medium is historical since January 4, 2026.

Source: AWS CloudHSM User Guide, "Compliance validation for AWS CloudHSM".
"""

_FIPS_ONLY = frozenset(["hsm1.medium"])
"""Types that know no other mode. Source: AWS CloudHSM User Guide, "AWS CloudHSM cluster modes"."""

_ACTIVATED = {
    "CREATE_IN_PROGRESS": False,
    "UNINITIALIZED": False,
    "INITIALIZE_IN_PROGRESS": False,
    "INITIALIZED": False,
    "ACTIVE": True,
    "MODIFY_IN_PROGRESS": True,
    "ROLLBACK_IN_PROGRESS": True,
    "DEGRADED": True,
    "DELETE_IN_PROGRESS": False,
    "DELETED": False,
}
"""By its state. An HSM is added to clusters of any kind, and its type is modified in active ones only."""

_KEPT_WITHOUT_KEYS = frozenset(["CREATE_IN_PROGRESS", "UNINITIALIZED", "INITIALIZE_IN_PROGRESS", "INITIALIZED"])
"""States before the activation, in which nobody but its first administrator can log in: it has no key of its own."""

_DELETED_STATES = {"DELETE_IN_PROGRESS": State.PENDING_DELETION, "DELETED": State.DESTROYED}

_RESTORABLE_DAYS = 7
"""Days for which a deleted backup can be restored. Source: AWS CloudHSM API reference, DeleteBackup."""

_ISSUED_BY_OTHERS = {
    "HsmCertificate": Manager.PROVIDER,
    "AwsHardwareCertificate": Manager.PROVIDER,
    "ManufacturerHardwareCertificate": Manager.PROVIDER,
    "ClusterCertificate": Manager.CUSTOMER,
    "ClusterCsr": Manager.CUSTOMER,
}
"""Who decides over each: the owner's certification authority signs the cluster's, from the request.

Source: AWS CloudHSM User Guide, "Verify the identity and authenticity of your cluster's HSM".
"""


@dataclass(slots=True)
class _Region:
    """What both lists tell."""

    reading: Reading
    clusters: dict[str, tuple[str, Cluster]] = field(default_factory=dict)
    """Id → the observation that lists it, and the cluster."""
    backups: dict[str, dict[str, Backup]] = field(default_factory=lambda: defaultdict(dict))
    """Id of the cluster that they were made of, else their own → its backups by id; those deleted left out."""
    evidence: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The same id → the observations that list its backups."""

    @classmethod
    def read(cls, reading: Reading) -> _Region:
        region = cls(reading)
        for observation, clusters in listed(reading, CLUSTERS, Clusters, lambda page: page.more):
            region.clusters.update({cluster.ClusterId: (observation, cluster) for cluster in clusters.Clusters})
        for observation, backups in listed(reading, BACKUPS, Backups, lambda page: page.more):
            for backup in (b for b in backups.Backups if b.BackupState != "DELETED"):
                origin = backup.SourceCluster or backup.ClusterId or backup.BackupId
                region.backups[origin][backup.BackupId] = backup
                region.evidence[origin].append(observation)
        return region

    def backups_of(self, cluster: str) -> list[Backup] | None:
        """Oldest first; None where not all backups were listed."""
        if BACKUPS in self.reading.failures:
            return None
        return sorted(self.backups.get(cluster, {}).values(), key=lambda b: (b.CreateTimestamp or NEVER, b.BackupId))


def normalize_cloudhsm(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope. Everything in it is listed at once."""
    tally = Tally(setting.operations)
    reading = Reading("", [observation for reading in readings for observation in reading.observations])
    if _not_in_region(reading):
        tally.count(reading)
        yield from tally.rows(setting)
        return
    region = _Region.read(reading)
    copies = {} if reading.failures else {c: of for c, of in region.backups.items() if c not in region.clusters}
    tally.count(reading)
    tally.listed = None if reading.failures else len(region.clusters) + len(copies)
    tally.described = len(region.clusters) + len(copies)
    yield from _rows_not_listed(setting, reading, tally)
    for observation, cluster in region.clusters.values():
        yield from _cluster_rows(setting, region, observation, cluster)
    for origin in copies:
        yield from setting.explained(_backups_alone(setting, region, origin), [reading])
    yield from tally.rows(setting)


def _not_in_region(reading: Reading) -> bool:
    """AWS has no CloudHSM in the region, so that nothing is left to be read there."""
    return any(o.status == "switched_off" and o.error.startswith(f"{NOT_IN_REGION}:") for o in reading.of(CLUSTERS))


def _rows_not_listed(setting: Setting, reading: Reading, tally: Tally) -> Iterator[Row]:
    anchor = KeyStore(**setting.bookkeeping(setting.header.id, ()))
    if CLUSTERS in reading.failures:
        for table in ("key_store", "certificate", "key", "key_version", "access"):
            yield setting.rows_missing(anchor, table, "", *tally.why(CLUSTERS))
    elif BACKUPS in reading.failures:
        yield setting.rows_missing(anchor, "key_store", "", *tally.why(BACKUPS))


def _cluster_rows(setting: Setting, region: _Region, observation: str, cluster: Cluster) -> Iterator[Row]:
    tags = {tag.Key: tag.Value for tag in cluster.TagList}
    store = _cluster(setting, region, observation, cluster, tags)
    yield from setting.explained(store, [region.reading])
    if _may_hold_keys(cluster) and store.id not in setting.settings.keys_read_by:
        unread = Failure(GapKind.NOT_OFFERED, HELD_IN_CLUSTER, "")
        for table in ("key", "key_version", "certificate", "access"):
            yield setting.rows_missing(store, table, store.id, CLUSTERS, unread)
    received = next(o.received_at for o in region.reading.observations if o.id == observation)
    for member, manager in _ISSUED_BY_OTHERS.items():
        pem = getattr(cluster.Certificates, member)
        if pem:
            certificate = _certificate(setting, store, member, manager)
            yield from _certificate_rows(setting, region, certificate, _parsed(member, pem), received, tags)


def _may_hold_keys(cluster: Cluster) -> bool:
    """A cluster that was never activated holds no keys, unless it was made from the backup of another."""
    if cluster.State == "DELETED":
        return False
    return cluster.State not in _KEPT_WITHOUT_KEYS or bool(cluster.SourceBackupId)


def _cluster(setting: Setting, region: _Region, observation: str, cluster: Cluster, tags: dict[str, str]) -> KeyStore:
    """A cluster as a store. Its keys lie in its HSMs and in its backups, so that one deleted comes back from a backup.

    Source: AWS CloudHSM User Guide: a cluster's HSMs are reached through network interfaces in the subnets of a VPC;
    a backup of the users and keys is made every day at least, and is kept as long as the retention policy says.
    """
    id = cluster.ClusterId
    deleted = _DELETED_STATES.get(cluster.State or "")
    retention = cluster.BackupRetentionPolicy
    return KeyStore(
        **setting.bookkeeping(id, [observation, *region.evidence.get(id, ())]),
        kind="AWS CloudHSM cluster",
        name=tags.get("Name") or id,
        account=setting.header.account,
        region=setting.header.region,
        protection_level=ProtectionLevel.HSM,
        validation=_validation(cluster),
        validation_standard=_standard(_validation(cluster)),
        backed_by="",
        soft_delete=True,
        purge_protection=False,
        recovery_days=int(retention.Value) if retention else None,
        network_public=False if cluster.NetworkType == "IPV4" else None,
        private_endpoints=None if cluster.Hsms is None else sum(bool(hsm.EniId) for hsm in cluster.Hsms),
        access_model="users of the HSMs, and IAM policies for the cluster",
        activated=_ACTIVATED.get(cluster.State or ""),
        state=None if cluster.State is None else deleted or State.ACTIVE,
        deletion_at=None if cluster.State is None or deleted else NEVER,
        store_settings=_cluster_settings(cluster, tags, region.backups_of(id), setting.settings.keys_read_by.get(id)),
        connection_state="none",
    )


def _validation(cluster: Cluster) -> str | None:
    """The validation of its HSMs; empty where the mode lets them do what was not validated."""
    mode = cluster.Mode or ("FIPS" if cluster.HsmType in _FIPS_ONLY else None)
    if mode == "NON_FIPS":
        return ""
    return _VALIDATIONS.get(cluster.HsmType or "") if mode == "FIPS" else None


def _standard(validation: str | None) -> str | None:
    return validation and validation.partition(" level ")[0]


def _cluster_settings(
    cluster: Cluster, tags: dict[str, str], backups: list[Backup] | None, keys_read_by: str | None
) -> str | None:
    """What has no column; None where one of the lists did not tell all of it."""
    if backups is None or cluster.Hsms is None:
        return None
    retention, rollback = cluster.BackupRetentionPolicy, cluster.HsmTypeRollbackExpiration
    settings = {
        "hsm_type": cluster.HsmType,
        "mode": cluster.Mode,
        "cluster_state": cluster.State,
        "created_at": _moment(cluster.CreateTimestamp),
        "hsms": [_hsm(hsm) for hsm in sorted(cluster.Hsms, key=lambda hsm: hsm.HsmId)],
        "availability_zones": sorted({hsm.AvailabilityZone for hsm in cluster.Hsms if hsm.AvailabilityZone}),
        "network_type": cluster.NetworkType,
        "vpc": cluster.VpcId,
        "subnets": cluster.SubnetMapping,
        "security_group": cluster.SecurityGroup,
        "backup_policy": cluster.BackupPolicy,
        "backup_retention": f"{int(retention.Value)} days" if retention else "without end",
        "made_from_backup": cluster.SourceBackupId or None,
        "hsm_type_rollback_until": _moment(rollback),
        "backups": _backups_summary(backups),
        "tags": tags,
        "keys_read_by": keys_read_by,
    }
    return canonical_json({name: value for name, value in settings.items() if value is not None})


def _hsm(hsm: Hsm) -> dict[str, Any]:
    told = {"id": hsm.HsmId, "availability_zone": hsm.AvailabilityZone, "type": hsm.HsmType, "state": hsm.State}
    return {name: value for name, value in told.items() if value is not None}


def _backups_summary(backups: list[Backup]) -> dict[str, Any]:
    made = [backup.CreateTimestamp for backup in backups if backup.CreateTimestamp is not None]
    summary = {
        "count": len(backups),
        "oldest": _moment(min(made, default=None)),
        "newest": _moment(max(made, default=None)),
        "never_expire": sum(backup.NeverExpires is True for backup in backups),
        "waiting_for_deletion": sum(backup.BackupState == "PENDING_DELETION" for backup in backups),
        "copied_from": sorted({backup.SourceRegion for backup in backups if backup.SourceRegion}),
    }
    return {name: value for name, value in summary.items() if value is not None}


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _backups_alone(setting: Setting, region: _Region, origin: str) -> KeyStore:
    """Backups whose cluster is not in this region: it was deleted, or is in another. They hold its keys all the same.

    They are encrypted under keys that only HSMs of CloudHSM have, and must be restored into a cluster before a key in
    them can be read or used. A deleted backup can be restored for a week, which nobody can shorten.

    Source: AWS CloudHSM User Guide, "AWS CloudHSM cluster backups".
    """
    backups = region.backups_of(origin) or []
    elsewhere = {backup.SourceRegion for backup in backups if backup.SourceRegion}
    doomed = all(backup.BackupState == "PENDING_DELETION" for backup in backups)
    ends = [backup.DeleteTimestamp for backup in backups]
    return KeyStore(
        **setting.bookkeeping(f"{origin}/backups", region.evidence[origin]),
        kind="AWS CloudHSM backups",
        name=f"Backups of {origin}",
        account=setting.header.account,
        region=setting.header.region,
        protection_level=ProtectionLevel.HSM,
        validation="",
        validation_standard="",
        backed_by="",
        soft_delete=True,
        purge_protection=True,
        recovery_days=_RESTORABLE_DAYS,
        network_public=False,
        private_endpoints=0,
        access_model="IAM policies",
        activated=False,
        state=State.PENDING_DELETION if doomed else State.ACTIVE,
        deletion_at=_last(ends) if doomed else NEVER,
        regions=sorted({*elsewhere, setting.header.region}),
        store_settings=canonical_json({"backups": _backups_summary(backups)}),
        connection_state="none",
    )


def _last(ends: list[datetime | None]) -> datetime | None:
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _certificate(setting: Setting, store: KeyStore, member: str, manager: Manager) -> Certificate:
    """A certificate of a cluster. Each is of a key that an HSM made, and that does not leave it."""
    return Certificate(
        **setting.bookkeeping(f"{store.id}/{member}", store.evidence[:1]),
        name=member,
        account=store.account,
        region=store.region,
        key_store=store.id,
        key="",
        manager=manager,
        renewal_enabled=False,
        renewal_days=0,
        exportable=False,
        versions=1,
    )


def _parsed(member: str, pem: str) -> X509Facts | None:
    try:
        return read_request(pem) if member == "ClusterCsr" else read_certificate(pem)
    except ValueError:
        return None


def _certificate_rows(
    setting: Setting,
    region: _Region,
    row: Certificate,
    certificate: X509Facts | None,
    received: str,
    tags: dict[str, str],
) -> Iterator[Row]:
    told: dict[str, Any] = asdict(tag_facts(tags, "", setting.settings))
    if certificate is not None:
        told |= asdict(certificate) | {
            "state": state_by_dates(certificate.activated_at, certificate.expires_at, received)
        }
    fill(row, told)
    yield from setting.explained(row, [region.reading], UNKNOWN_CERTIFICATE_KEY_NOT_OFFERED if certificate else None)
