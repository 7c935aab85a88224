"""The scope of a Vault as a whole: its seal, the barrier key by which it encrypts all that it stores, its audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from collectors.algorithms import aes
from collectors.scope_rows import Tally
from collectors.vault.answers import AuditDevices, Health, KeyStatus, KeyTerm, RotationConfig, SealStatus
from collectors.vault.facts.scope import Setting, told
from collectors.vault.names import barrier_id, server_id
from evidence.model import (
    NEVER,
    GapKind,
    Key,
    KeyStore,
    KeyType,
    KeyVersion,
    Manager,
    Origin,
    ProtectionLevel,
    Rotatable,
    Row,
    State,
    Usage,
    VersionCause,
)
from evidence.observation import canonical_json
from evidence.reading import Failure, Reading

SEAL = "sys:ReadSealStatus"
HEALTH = "sys:ReadHealth"
KEY = "sys:ReadKeyStatus"
ROTATION = "sys:ReadRotationConfig"
AUDIT = "sys:ListAuditDevices"
ACCESS_MODEL = "ACL policies"

_DAY = 86_400
_BARRIER = aes(256)
"""Source: Vault and OpenBao documentation, security model: the barrier encrypts by AES with 256 bits in GCM."""


def normalize_server(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: all stands in its one reading."""
    tally = Tally(setting.operations)
    first: Reading | None = None
    for reading in readings:
        first = first or reading
    reading = first or Reading("", [])
    yield from _store_rows(setting, reading)
    yield from _barrier_rows(setting, reading)
    tally.listed = 2
    tally.described = sum(not reading.failures.keys() & needed for needed in ({SEAL}, {KEY, ROTATION}))
    tally.count(reading)
    yield from tally.rows(setting)


def logging(reading: Reading) -> dict[str, Any]:
    """The columns that the list of audit devices fills."""
    devices = told(reading, AUDIT, AuditDevices)
    if devices is None:
        return {}
    targets = sorted(f"{device.type} at {path}" for path, device in devices.data.items())
    return {"logging_enabled": bool(targets), "logging_targets": targets}


def _store_rows(setting: Setting, reading: Reading) -> Iterator[Row]:
    row = KeyStore(
        **setting.bookkeeping(server_id(setting.header.source), reading.evidence),
        account=setting.header.account,
        region=setting.header.region,
        **logging(reading),
    )
    seal, health = told(reading, SEAL, SealStatus), told(reading, HEALTH, Health)
    if seal is not None:
        row.kind = "Vault"
        row.name = seal.cluster_name
        row.protection_level = ProtectionLevel.SOFTWARE
        row.validation = ""
        row.soft_delete = row.purge_protection = False
        row.recovery_days = 0
        row.access_model = ACCESS_MODEL
        row.activated = seal.initialized and not seal.sealed
        row.state = State.ACTIVE
        row.deletion_at = NEVER
        row.connection_state = "none"
    if seal is not None and health is not None:
        row.store_settings = canonical_json(_settings(seal, health))
    yield from setting.explained(row, [reading])


def _settings(seal: SealStatus, health: Health) -> Mapping[str, object]:
    return {
        "version": seal.version,
        "seal": seal.type,
        "seal_shares": seal.n,
        "seal_threshold": seal.t,
        "recovery_seal": seal.recovery_seal,
        "storage": seal.storage_type,
        "enterprise": health.enterprise,
        "replication_performance_mode": health.replication_performance_mode,
        "replication_dr_mode": health.replication_dr_mode,
    }


def _barrier_rows(setting: Setting, reading: Reading) -> Iterator[Row]:
    status, rotation = told(reading, KEY, KeyStatus), told(reading, ROTATION, RotationConfig)
    row = Key(**setting.bookkeeping(barrier_id(setting.header.source), reading.evidence))
    if status is None:
        for table in ("key", "key_version"):
            yield setting.rows_missing(row, table, "", KEY, reading.failures[KEY])
        return
    for name, value in {**_barrier(setting, status.data), **_rotation(status.data, rotation)}.items():
        setattr(row, name, value)
    yield from setting.explained(row, [reading])
    yield from _version_rows(setting, row, status.data, reading)


def _barrier(setting: Setting, term: KeyTerm) -> Mapping[str, object]:
    first = {"created_at": term.install_time, "activated_at": term.install_time} if term.term == 1 else {}
    return {
        "name": "barrier key",
        "aliases": [],
        "description": "",
        "account": setting.header.account,
        "region": setting.header.region,
        "key_store": server_id(setting.header.source),
        "manager": Manager.CUSTOMER,
        "managed_by": "",
        "origin": Origin.GENERATED,
        "usages": [Usage.ENCRYPT],
        "key_type": KeyType.SYMMETRIC_DATA_ENCRYPTION,
        **asdict(_BARRIER),
        "mechanisms": ["AES-256-GCM"],
        "protection_level": ProtectionLevel.SOFTWARE,
        "state": State.ACTIVE,
        "expires_at": NEVER,
        "expiry_settable": False,
        "suspended_at": NEVER,
        "rotation_requested_at": NEVER,
        "rotations": max(term.term - 1, 0),
        "last_rotated_at": term.install_time,
        "deletion_window_set": False,
        "deletion_window_days": 0,
        "recovery_level": "",
        "deletion_requested_at": NEVER,
        "deletion_at": NEVER,
        "extractable": False,
        "release_policy": "",
        "attestation": "",
        "access_reasons": [],
        "account_delegated": False,
        **first,
    }


def _rotation(term: KeyTerm, rotation: RotationConfig | None) -> Mapping[str, object]:
    """Rotation after a time. One after a number of encryptions alone, which is always on, has no period."""
    facts: dict[str, object] = {"rotatable": True, "rotatable_reason": Rotatable.YES}
    if rotation is None:
        return facts
    period = rotation.data.interval if rotation.data.enabled else 0
    return facts | {
        "rotation_enabled": period > 0,
        "rotation_period_days": -(-period // _DAY),
        "rotation_next_at": later(term.install_time, period) if period else NEVER,
    }


def later(start: datetime, seconds: int) -> datetime:
    """That many seconds later; NEVER where no calendar reaches so far."""
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError:
        return NEVER


def _version_rows(setting: Setting, key: Key, term: KeyTerm, reading: Reading) -> Iterator[Row]:
    made = KeyVersion(
        **setting.bookkeeping(f"{key.id}/{term.term}", reading.evidence),
        key=key.id,
        state=State.ACTIVE,
        created_at=term.install_time,
        superseded_at=NEVER,
        cause=VersionCause.INITIAL if term.term == 1 else None,
        expires_at=NEVER,
        destroyed_at=NEVER,
        origin=Origin.GENERATED,
        algorithm=_BARRIER.algorithm,
        protection_level=ProtectionLevel.SOFTWARE,
        external_key="",
        attestation="",
    )
    yield from setting.explained(made, [reading])
    if term.term != 1:
        former = Failure(GapKind.NOT_OFFERED, "Vault tells of the present term alone", "")
        yield setting.rows_missing(key, "key_version", key.id, KEY, former)
