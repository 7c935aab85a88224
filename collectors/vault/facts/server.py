"""The scope of a Vault as a whole: its seal, its barrier key, and where it logs requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from collectors.scope_rows import Tally, fill
from collectors.vault.answers import AuditDevices, Health, KeyStatus, RotationConfig, SealBackends, SealStatus
from collectors.vault.facts.barrier import KEY, ROTATION, barrier_rows, kek
from collectors.vault.facts.scope import Setting, told
from collectors.vault.names import server_id
from evidence.model import NEVER, GapKind, Key, KeyStore, ProtectionLevel, Row, State
from evidence.observation import canonical_json
from evidence.reading import Reading

SEAL = "sys:ReadSealStatus"
HEALTH = "sys:ReadHealth"
BACKENDS = "sys:ReadSealBackends"
AUDIT = "sys:ListAuditDevices"
ACCESS_MODEL = "ACL policies"


def normalize_server(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: all stands in its one reading."""
    reading = next(readings, Reading("", []))
    tally = Tally(setting.operations)
    yield from _store_rows(setting, reading)
    status, rotation = told(reading, KEY, KeyStatus), told(reading, ROTATION, RotationConfig)
    if status is not None and status.data is None:
        reading.fail(KEY, GapKind.FAILED, "the answer says that there is no barrier key", next(reading.of(KEY)).id)
    if status is not None and status.data is not None:
        yield from barrier_rows(setting, "", status.data, rotation, reading)
    else:
        anchor = Key(**setting.bookkeeping(setting.header.id, ()))
        for table in ("key", "key_version"):
            yield setting.rows_missing(anchor, table, "", KEY, reading.failures[KEY])
    tally.listed = 2
    tally.described = (SEAL not in reading.failures) + (KEY not in reading.failures)
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
    )
    facts = logging(reading)
    seal, health = told(reading, SEAL, SealStatus), told(reading, HEALTH, Health)
    if seal is not None:
        facts |= kek(seal)
        facts |= {
            "kind": "Vault",
            "name": seal.cluster_name,
            "protection_level": ProtectionLevel.SOFTWARE,
            **_validation(seal.version),
            "backed_by": "",
            "soft_delete": False,
            "purge_protection": False,
            "recovery_days": 0,
            "access_model": ACCESS_MODEL,
            "activated": seal.initialized and not seal.sealed,
            "state": State.ACTIVE,
            "deletion_at": NEVER,
            "connection_state": "none",
        }
    backends = told(reading, BACKENDS, SealBackends)
    if seal is not None and health is not None and backends is not None:
        facts["store_settings"] = canonical_json(_settings(seal, health, backends))
    fill(row, facts)
    yield from setting.explained(row, [reading])


def _validation(version: str) -> Mapping[str, str]:
    """By what its cryptographic module is validated, which the build of a Vault Enterprise has in its version.

    Source: Vault documentation, FIPS: builds for FIPS 140 end in `fips1402` or `fips1403`. OpenBao has none.
    """
    build = re.search(r"\bfips140([23])\b", version)
    if build is None:
        return {"validation": "", "validation_standard": ""}
    standard = f"FIPS 140-{build[1]}"
    return {"validation": f"{standard}, by the name of the build {version}", "validation_standard": standard}


def _settings(seal: SealStatus, health: Health, backends: SealBackends) -> Mapping[str, object]:
    return {
        "version": seal.version,
        "seal": seal.type,
        "seal_shares": seal.n,
        "seal_threshold": seal.t,
        "recovery_seal": seal.recovery_seal,
        "seal_backends_healthy": {backend.name: backend.healthy for backend in backends.backends or ()},
        "storage": seal.storage_type,
        "enterprise": health.enterprise,
        "replication_performance_mode": health.replication_performance_mode,
        "replication_dr_mode": health.replication_dr_mode,
    }
