"""Collections from the embedded OpenBao, and the rows that they come to."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from collected import Collected

from collectors.source import Settings
from collectors.vault.collect import VaultCollector
from collectors.vault.configuration import VaultConfiguration
from collectors.vault.normalize import normalize
from collectors.vault.operations import OPERATIONS
from evidence.model import Row
from evidence.observation import Observation, Status, body_digest, observation_id
from keyproof.collection import Collection
from keyproof.configuration import DEFAULT_TAGS
from keyproof.demo.vault.embedded import EmbeddedVault


def settings(first_seen: Mapping[str, Mapping[str, datetime]] | None = None) -> Settings:
    """Settings with the default names of tags."""
    names = {fact: tuple(names) for fact, names in DEFAULT_TAGS.items()}
    return Settings(tag_names=names, first_seen=first_seen or {})


def configuration(vault: EmbeddedVault, **more: Any) -> VaultConfiguration:
    """A source that reads all of it. `more` are further settings; None takes one away."""
    table = {**vault.source("prod"), "attempts": 1, "timeout_seconds": 5, **more}
    del table["type"]
    return VaultConfiguration.model_validate({name: value for name, value in table.items() if value is not None})


def collected(vault: EmbeddedVault, folder: Path | None = None, sample: int | None = None, **more: Any) -> Collected:
    """Collect, and read back what was recorded."""
    place = folder or Path(tempfile.mkdtemp(prefix="keyproof-vault-"))
    collection = Collection(place, {"vault": OPERATIONS}, concurrency=8)
    return Collected(place, collection.run(VaultCollector(configuration(vault, **more), sample).start()))


def rows(run: Collected, first_seen: Mapping[str, Mapping[str, datetime]] | None = None) -> list[Row]:
    """What the normalize half makes of it."""
    return run.normalized(normalize, settings(first_seen))


def of_table(found: list[Row], table: str) -> dict[str, Any]:
    """The rows of a table by id; where several scopes tell of one, the last."""
    return {row.id: row for row in found if row.table == table}


def gaps(found: list[Row]) -> list[Any]:
    """The gaps that a permission or another try could close."""
    return [row for row in found if row.table == "gap" and row.kind != "not_offered"]  # type: ignore[attr-defined]


def observed(operation: str, body: str, subject: str = "", **parameters: str) -> Observation:
    """An exchange that went well, in the scope of a transit mount."""
    scope = "prod/root/transit/transit"
    return Observation(
        id=observation_id(scope, operation, {**parameters, "subject": subject, "body": body}),
        source="prod",
        scope=scope,
        subject=subject,
        operation=operation,
        parameters=dict(parameters),
        requested_at="2026-06-30T00:00:00.000000Z",
        received_at="2026-06-30T00:00:00.000000Z",
        status=Status.OK,
        error="",
        request_id="",
        attempts=1,
        identity="",
        body=body,
        sha256=body_digest(body),
    )
