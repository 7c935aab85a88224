"""The scope of a transit mount: its keys and their versions."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from collectors.periods import days_begun
from collectors.scope_rows import Tally, fill, without_bodies
from collectors.vault.answers import TransitKey, TransitKeyAnswer
from collectors.vault.facts.barrier import later
from collectors.vault.facts.scope import Setting, names, told
from collectors.vault.key_specs import EXTERNAL, KeySpec, key_spec, mechanisms
from collectors.vault.names import keys_among
from evidence.model import (
    NEVER,
    GapKind,
    Key,
    KeyVersion,
    Origin,
    ProtectionLevel,
    Rotatable,
    Row,
    State,
    VersionCause,
)
from evidence.observation import canonical_json
from evidence.reading import Failure, Reading

LIST = "transit:ListKeys"
KEY = "transit:ReadKey"

_SETTINGS = (
    *("latest_version", "min_available_version", "min_decryption_version", "min_encryption_version"),
    *("exportable", "allow_plaintext_backup", "deletion_allowed", "derived", "convergent_encryption"),
    *("imported_key", "allow_imported_rotation", "soft_deleted"),
)
"""Settings of a key that are kept by their own names."""


def normalize_transit(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: the list comes first, then one reading a key."""
    tally = Tally(setting.operations)
    waiting: dict[str, str] | None = None
    listing = Reading("", [])
    for reading in readings:
        if waiting is None:
            listing = reading if reading.subject == "" else Reading("", [])
            waiting = yield from _list_rows(setting, listing, tally)
            listing = without_bodies(listing)
        if reading.subject in waiting:
            yield from _key_rows(setting, waiting.pop(reading.subject), reading, listing, tally)
        elif reading.subject:
            tally.count(reading)
    if waiting is None:
        waiting = yield from _list_rows(setting, listing, tally)
    for subject, name in waiting.items():
        yield from _key_rows(setting, name, Reading(subject, []), listing, tally)
    yield from tally.rows(setting)


def _list_rows(setting: Setting, reading: Reading, tally: Tally) -> Generator[Row, None, dict[str, str]]:
    """The gaps of the list. Returns what it lists: id → name."""
    found = {setting.id(f"{setting.mount}keys/{name}"): name for name in keys_among(names(reading, LIST))}
    tally.listed = None if LIST in reading.failures else len(found)
    tally.count(reading)
    if LIST in reading.failures:
        anchor = Key(**setting.bookkeeping(setting.header.id, ()))
        for table in ("key", "key_version"):
            yield setting.rows_missing(anchor, table, "", *tally.why(LIST))
    return found


def _key_rows(setting: Setting, name: str, reading: Reading, listing: Reading, tally: Tally) -> Iterator[Row]:
    answer = told(reading, KEY, TransitKeyAnswer)
    row = setting.key(
        setting.id(f"{setting.mount}keys/{name}"),
        name,
        setting.id(setting.mount),
        [*listing.evidence, *reading.evidence],
    )
    if answer is not None:
        fill(row, _described(answer.data))
        row.material_known_at = row.last_rotated_at or _known_at(setting, row.id, answer.data, reading)
        tally.described += 1
    yield from setting.explained(row, [reading, listing])
    if answer is None:
        yield setting.rows_missing(row, "key_version", row.id, KEY, reading.failures[KEY])
    else:
        yield from _version_rows(setting, row, answer.data, reading)
    tally.count(reading)


def _known_at(setting: Setting, id: str, key: TransitKey, reading: Reading) -> datetime | None:
    """Since when, at the latest, its material is in use, where Vault does not tell; None where it has been replaced."""
    observed = datetime.fromisoformat(next(reading.of(KEY)).received_at)
    if key.latest_version > 1 or key.type in EXTERNAL:
        return None
    return setting.settings.in_use_by(setting.header.source, id, observed)


def _described(key: TransitKey) -> dict[str, Any]:
    spec = key_spec(key.type, key_size=key.key_size, parameter_set=key.parameter_set)
    facts: dict[str, Any] = {
        "mechanisms": mechanisms(key.type),
        "state": State.SUSPENDED if key.soft_deleted else State.ACTIVE,
        "suspended_at": None if key.soft_deleted else NEVER,
        "rotations": max(key.latest_version - 1, 0),
        "key_settings": canonical_json({name: getattr(key, name) for name in _SETTINGS}),
        **_rotation(key),
        **_held(key),
        **(_material(spec) if spec else {}),
    }
    facts["created_at"] = facts["activated_at"] = _made(key, 1)
    facts["last_rotated_at"] = _made(key, key.latest_version)
    return facts


def _made(key: TransitKey, number: int) -> datetime | None:
    """When a version was made; None where Vault does not tell."""
    version = (key.keys or {}).get(number)
    return version.creation_time if version else None


def _held(key: TransitKey) -> dict[str, Any]:
    """Where its material is, and whether it can be taken out.

    A backup in clear is given of exportable keys alone, and exportable cannot be taken back. Source: OpenBao
    documentation, transit, and what the server answers.
    """
    if key.type in EXTERNAL:
        return {"origin": Origin.EXTERNAL, "protection_level": ProtectionLevel.EXTERNAL}
    return {
        "origin": Origin.IMPORTED if key.imported_key else Origin.GENERATED,
        "protection_level": ProtectionLevel.SOFTWARE,
        "extractable": key.exportable,
        "never_extractable": not key.exportable and not key.imported_key,
    }


def _material(spec: KeySpec) -> dict[str, Any]:
    return {**asdict(spec.algorithm), "usages": sorted(spec.usages), "key_type": spec.key_type}


def _rotation(key: TransitKey) -> dict[str, Any]:
    """Source: OpenBao documentation, transit: an imported key is rotated only where its import allowed that."""
    if key.type in EXTERNAL:
        reason = Rotatable.EXTERNAL
    elif key.soft_deleted:
        reason = Rotatable.NOT_ACTIVE
    elif key.imported_key and not key.allow_imported_rotation:
        reason = Rotatable.IMPORTED
    else:
        reason = Rotatable.YES
    period = key.auto_rotate_period
    newest = _made(key, key.latest_version)
    facts = {
        "rotatable": reason is Rotatable.YES,
        "rotatable_reason": reason,
        "rotation_enabled": period > 0,
        "rotation_period_days": days_begun(period),
    }
    if not period:
        return facts | {"rotation_next_at": NEVER}
    return facts | ({"rotation_next_at": later(newest, period)} if newest else {})


def _version_rows(setting: Setting, row: Key, key: TransitKey, reading: Reading) -> Iterator[Row]:
    """The versions that Vault tells of: those that still decrypt or verify."""
    spec = key_spec(key.type, key_size=key.key_size, parameter_set=key.parameter_set)
    versions = key.keys or {}
    for number in sorted(versions):
        made = KeyVersion(
            **setting.bookkeeping(f"{row.id}/{number}", reading.evidence),
            key=row.id,
            state=_state(key, number),
            created_at=versions[number].creation_time,
            superseded_at=_made(key, number + 1) if number < key.latest_version else NEVER,
            cause=_cause(key, number),
            expires_at=NEVER,
            destroyed_at=NEVER,
            origin=row.origin,
            algorithm=spec.algorithm.algorithm if spec else None,
            protection_level=row.protection_level,
            external_key=versions[number].external_key,
            attestation="",
        )
        yield from setting.explained(made, [reading])
    if len(versions) < key.latest_version:
        untold = Failure(
            GapKind.NOT_OFFERED, "Vault tells of no version of HMAC keys, nor of any that decrypts no longer", ""
        )
        yield setting.rows_missing(row, "key_version", row.id, KEY, untold)


def _state(key: TransitKey, number: int) -> State:
    if number == key.latest_version:
        return State.SUSPENDED if key.soft_deleted else State.ACTIVE
    return State.DEACTIVATED


def _cause(key: TransitKey, number: int) -> VersionCause | None:
    """How it came about. Whether a period or a person made a further version is not told."""
    if key.imported_key and (number == 1 or not key.allow_imported_rotation):
        return VersionCause.IMPORT
    return VersionCause.INITIAL if number == 1 else None
