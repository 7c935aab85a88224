"""The scopes of KV mounts: their secrets, folder by folder, and never a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from collectors.scope_rows import Tally, fill, without_bodies
from collectors.tags import tag_facts
from collectors.vault.answers import DetailedListing, SecretMetadata, SecretMetadataAnswer
from collectors.vault.facts.barrier import KEY, own_barrier
from collectors.vault.facts.scope import Setting, names, told
from collectors.vault.names import barrier_id
from evidence.model import NEVER, RotationResult, Row, Secret, State
from evidence.reading import Reading

DETAILED = "kv:ListDetailedMetadata"
METADATA = "kv:ReadMetadata"
FOLDER = "kv:ListMetadata"
FOLDER_WITHOUT_VERSIONS = "kv:ListSecrets"


@dataclass(slots=True)
class _Tree:
    """What has been listed of a mount, and is still to be read."""

    operation: str
    """By which folders are listed."""
    detailed: bool
    """A folder may have been listed with the metadata of its secrets."""
    root: Reading = field(default_factory=lambda: Reading("", []))
    """What was asked about the mount itself, without bodies."""
    keys: list[str] | None = None
    """The barrier key that encrypts all of it; None where that was not read."""
    secrets: dict[str, Reading] = field(default_factory=dict)
    """Secret → the list of its folder, without bodies."""
    folders: set[str] = field(default_factory=set)
    listed: int = 0
    whole: bool = True


def normalize_kv(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of a mount with versions: each folder comes before what is in it."""
    yield from _walked(setting, readings, _Tree(FOLDER, detailed=True))


def normalize_kv1(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of a mount without versions, which tells paths alone."""
    yield from _walked(setting, readings, _Tree(FOLDER_WITHOUT_VERSIONS, detailed=False))


def _walked(setting: Setting, readings: Iterator[Reading], tree: _Tree) -> Iterator[Row]:
    tally = Tally(setting.operations)
    root = setting.id(setting.mount)
    tree.folders.add(root)
    for reading in readings:
        subject = reading.subject or root
        if subject in tree.folders:
            yield from _folder_rows(setting, tree, subject, reading, tally)
        elif subject in tree.secrets:
            yield from _asked_row(setting, tree, subject, reading, tally)
        else:
            tally.count(reading)
    while tree.folders:
        folder = min(tree.folders)
        yield from _folder_rows(setting, tree, folder, Reading("" if folder == root else folder, []), tally)
    for secret in list(tree.secrets):
        yield from _asked_row(setting, tree, secret, Reading(secret, []), tally)
    tally.listed = tree.listed if tree.whole else None
    yield from tally.rows(setting)


def _folder_rows(setting: Setting, tree: _Tree, folder: str, reading: Reading, tally: Tally) -> Iterator[Row]:
    tree.folders.discard(folder)
    detailed = reading.answer(DETAILED, DetailedListing) if tree.detailed else None
    described = detailed.data if detailed is not None and detailed.offered else None
    found = detailed.names if detailed is not None and detailed.offered else names(reading, tree.operation)
    if reading.subject == "":
        own = own_barrier(setting, reading)
        known = own is not None or KEY not in reading.failures
        tree.keys = [barrier_id(setting.header.source, own[0] if own else "")] if known else None
    light = without_bodies(reading)
    if reading.subject == "":
        tree.root = light
    tree.folders.update(f"{folder}{name}" for name in found if name.endswith("/"))
    for name in (name for name in found if not name.endswith("/")):
        tree.listed += 1
        id = f"{folder}{name}"
        if described is not None:
            row = _versioned(setting, tree, id, reading.evidence)
            received = datetime.fromisoformat(next(reading.of(DETAILED)).received_at)
            fill(row, _metadata(setting, described.key_info[name], received))
        elif tree.detailed:
            tree.secrets[id] = light
            continue
        else:
            row = _without_versions(setting, tree, id, light.evidence)
        tally.described += 1
        yield from setting.explained(row, [light, tree.root])
    if tree.operation in reading.failures:
        tree.whole = False
        anchor = Secret(**setting.bookkeeping(folder, ()))
        yield setting.rows_missing(anchor, "secret", "", tree.operation, reading.failures[tree.operation])
    tally.count(light)


def _asked_row(setting: Setting, tree: _Tree, id: str, reading: Reading, tally: Tally) -> Iterator[Row]:
    """A secret that was asked about by itself."""
    listing = tree.secrets.pop(id)
    row = _versioned(setting, tree, id, [*listing.evidence, *reading.evidence])
    answer = told(reading, METADATA, SecretMetadataAnswer)
    if answer is not None:
        received = datetime.fromisoformat(next(reading.of(METADATA)).received_at)
        fill(row, _metadata(setting, answer.data, received))
        tally.described += 1
    yield from setting.explained(row, [reading, listing, tree.root])
    tally.count(reading)


def _row(setting: Setting, tree: _Tree, id: str, evidence: list[str]) -> Secret:
    """What is so of every secret: Vault changes none by itself, and encrypts all with a barrier key."""
    return setting.secret(
        id,
        id.removeprefix(setting.id(setting.mount)),
        evidence,
        content_type="",
        rotatable=False,
        rotation_enabled=False,
        rotation_period_days=0,
        rotation_schedule="",
        rotation_next_at=NEVER,
        rotation_result=RotationResult.NONE,
        keys=tree.keys,
    )


def _without_versions(setting: Setting, tree: _Tree, id: str, evidence: list[str]) -> Secret:
    row = _row(setting, tree, id, evidence)
    row.kind = "KV secret without versions"
    row.state = State.ACTIVE
    row.expires_at = NEVER
    row.expiry_settable = False
    return row


def _versioned(setting: Setting, tree: _Tree, id: str, evidence: list[str]) -> Secret:
    row = _row(setting, tree, id, evidence)
    row.kind = "KV secret"
    row.expiry_settable = True
    return row


def _metadata(setting: Setting, metadata: SecretMetadata, received: datetime) -> dict[str, Any]:
    """The columns that the metadata fills, as they were when it was received."""
    current = metadata.versions.get(metadata.current_version)
    ends = current.deletion_time if current else None
    if current is None:
        state = State.PRE_ACTIVE
    elif current.destroyed:
        state = State.DESTROYED
    else:
        state = State.SUSPENDED if ends is not None and ends <= received else State.ACTIVE
    return {
        "created_at": metadata.created_time,
        "last_rotated_at": current.created_time if current else metadata.created_time,
        "state": state,
        "expires_at": ends or NEVER,
        **asdict(tag_facts(metadata.custom_metadata, "", setting.settings)),
    }
