"""The barrier key, by which a Vault encrypts all that it stores, and the seal that keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from collectors.algorithms import aes
from collectors.periods import days_begun
from collectors.scope_rows import expect, fill
from collectors.vault.answers import KeyStatus, KeyTerm, RotationConfig, Seal
from collectors.vault.facts.scope import Setting
from collectors.vault.names import barrier_id, path_id, server_id
from evidence.model import (
    NEVER,
    GapKind,
    Key,
    KeyType,
    KeyVersion,
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

KEY = "sys:ReadKeyStatus"
ROTATION = "sys:ReadRotationConfig"

_BARRIER = aes(256)
"""Source: Vault and OpenBao documentation, security model: the barrier encrypts by AES with 256 bits in GCM."""

_BESIDE = frozenset(["static"])
"""Seals whose key lies beside what it seals."""
_ELSEWHERE = frozenset(["alicloudkms", "awskms", "azurekeyvault", "gcpckms", "kmip", "ocikms", "pkcs11", "transit"])
"""Seals whose key is another key store's. Source: Vault and OpenBao documentation, seal configuration."""


def barrier_rows(
    setting: Setting, namespace: str, status: KeyTerm, rotation: RotationConfig | None, reading: Reading
) -> Iterator[Row]:
    """The barrier key of the Vault, or of a namespace with a seal of its own, and its present term."""
    row = setting.key(
        barrier_id(setting.header.source, namespace),
        "barrier key",
        path_id(setting.header.source, namespace, "") if namespace else server_id(setting.header.source),
        reading.evidence,
        origin=Origin.GENERATED,
        usages=[Usage.ENCRYPT],
        key_type=KeyType.SYMMETRIC_DATA_ENCRYPTION,
        **asdict(_BARRIER),
        mechanisms=["AES-256-GCM"],
        protection_level=ProtectionLevel.SOFTWARE,
        state=State.ACTIVE,
        suspended_at=NEVER,
        rotations=max(status.term - 1, 0),
        last_rotated_at=status.install_time,
        extractable=False,
        never_extractable=True,
    )
    if status.term == 1:
        row.created_at = row.activated_at = status.install_time
    fill(row, _rotation(status, rotation))
    yield from setting.explained(row, [reading])
    yield from _version_rows(setting, row, status, reading)


def _rotation(status: KeyTerm, rotation: RotationConfig | None) -> Mapping[str, object]:
    """Rotation after a time. One after a number of encryptions alone has no period."""
    facts: dict[str, object] = {"rotatable": True, "rotatable_reason": Rotatable.YES}
    if rotation is None:
        return facts
    told = rotation.data
    period = told.interval if told.enabled else 0
    return facts | {
        "rotation_enabled": period > 0,
        "rotation_period_days": days_begun(period),
        "rotation_next_at": later(status.install_time, period) if period else NEVER,
        "key_settings": canonical_json(
            {"term": status.term, "rotated_after_encryptions": told.max_operations if told.enabled else 0}
        ),
    }


def later(start: datetime, seconds: int) -> datetime:
    """That many seconds later; NEVER where no calendar reaches so far."""
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError:
        return NEVER


def _version_rows(setting: Setting, key: Key, status: KeyTerm, reading: Reading) -> Iterator[Row]:
    made = KeyVersion(
        **setting.bookkeeping(f"{key.id}/{status.term}", reading.evidence),
        key=key.id,
        state=State.ACTIVE,
        created_at=status.install_time,
        superseded_at=NEVER,
        cause=VersionCause.INITIAL if status.term == 1 else None,
        expires_at=NEVER,
        destroyed_at=NEVER,
        origin=Origin.GENERATED,
        algorithm=_BARRIER.algorithm,
        protection_level=ProtectionLevel.SOFTWARE,
        external_key="",
        attestation="",
    )
    yield from setting.explained(made, [reading])
    if status.term != 1:
        former = Failure(GapKind.NOT_OFFERED, "Vault tells of the present term alone", "")
        yield setting.rows_missing(key, "key_version", key.id, KEY, former)


def kek(seal: Seal) -> dict[str, Any]:
    """What is known of the key by which a seal encrypts the barrier key.

    Shamir's seal has a key of AES with 256 bits, which is split among custodians where more than one share is needed;
    the static seal has one like it in a file or a variable of the same machine.
    """
    if seal.type == "shamir":
        return {"kek_security_bits": _BARRIER.security_bits, "kek_apart": seal.t > 1}
    if seal.type in _BESIDE:
        return {"kek_security_bits": _BARRIER.security_bits, "kek_apart": False}
    return {"kek_apart": True} if seal.type in _ELSEWHERE else {}


def own_barrier(setting: Setting, reading: Reading) -> tuple[str, KeyTerm] | None:
    """The namespace, this one or one above, whose barrier key encrypts what is here, and its term; None for the
    Vault's own. What could not be read is in the failures of `reading`.
    """
    if setting.namespace:
        expect(reading, KEY)
    for observation, status in reading.answers(KEY, KeyStatus):
        if status is not None and status.data is not None:
            return str(observation.parameters.get("namespace", "")), status.data
    return None
