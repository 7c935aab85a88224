"""Keys by which a PKI or SSH mount signs certificates: what is so of all of them, and their one version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from collectors.algorithms import KeyAlgorithm
from collectors.vault.facts.scope import Setting
from evidence.model import (
    NEVER,
    Key,
    KeyType,
    KeyVersion,
    Manager,
    ProtectionLevel,
    Rotatable,
    Row,
    State,
    Usage,
)
from evidence.reading import Reading


def signing_key(setting: Setting, path: str, name: str, algorithm: KeyAlgorithm | None, evidence: Iterable[str]) -> Key:
    """The key at a path of the mount, whose material stays the same for as long as it is there.

    Vault renews neither such a key nor its certificate by itself, and hands it out at most when it is made.
    """
    row = Key(
        **setting.bookkeeping(setting.id(f"{setting.mount}{path}"), evidence),
        name=name,
        aliases=[],
        description="",
        account=setting.header.account,
        region=setting.header.region,
        key_store=setting.id(setting.mount),
        manager=Manager.CUSTOMER,
        managed_by="",
        usages=[Usage.SIGN],
        key_type=KeyType.PRIVATE_SIGNATURE,
        protection_level=ProtectionLevel.SOFTWARE,
        state=State.ACTIVE,
        expires_at=NEVER,
        expiry_settable=False,
        suspended_at=NEVER,
        rotatable=False,
        rotatable_reason=Rotatable.CERTIFICATE,
        rotation_enabled=False,
        rotation_period_days=0,
        rotation_next_at=NEVER,
        rotation_requested_at=NEVER,
        rotations=0,
        deletion_window_set=False,
        deletion_window_days=0,
        recovery_level="",
        deletion_requested_at=NEVER,
        deletion_at=NEVER,
        extractable=False,
        release_policy="",
        attestation="",
        access_reasons=[],
        account_delegated=False,
    )
    for column, value in (asdict(algorithm) if algorithm else {}).items():
        setattr(row, column, value)
    return row


def key_and_version(setting: Setting, row: Key, readings: list[Reading]) -> Iterator[Row]:
    """The rows of such a key and of its version, with their gaps."""
    yield from setting.explained(row, readings)
    version = KeyVersion(
        **setting.bookkeeping(f"{row.id}/1", row.evidence),
        key=row.id,
        state=row.state,
        superseded_at=NEVER,
        expires_at=NEVER,
        destroyed_at=NEVER,
        algorithm=row.algorithm,
        protection_level=row.protection_level,
        external_key="",
        attestation="",
    )
    yield from setting.explained(version, readings)


def observed_at(reading: Reading) -> datetime:
    """When the last of some exchanges was received."""
    return max(datetime.fromisoformat(observation.received_at) for observation in reading.observations)


def selected(role: Any, names: Iterable[str]) -> bool:
    """A role names the issuer by one of these: its id, its name, or `default` where it is that."""
    return role.issuer_ref in set(names)
