"""What a collection recorded, read back from its files."""

from __future__ import annotations

from pathlib import Path

from collectors.source import Normalize, Settings
from evidence.model import Row
from evidence.observation import Observation, Status
from evidence.reading import group_by_subject
from evidence.recording import ScopeHeader, read_scope, scope_files
from keyproof.collection import Progress


class Collected:
    """The scopes of a collection."""

    def __init__(self, folder: Path, progress: Progress | None = None) -> None:
        self.progress = progress or Progress()
        self.headers: dict[str, ScopeHeader] = {}
        self.scopes: dict[str, list[Observation]] = {}
        for path in scope_files(folder):
            header, observations = read_scope(path)
            self.headers[header.id] = header
            self.scopes[header.id] = list(observations)

    @property
    def observations(self) -> list[Observation]:
        return [observation for observations in self.scopes.values() for observation in observations]

    def of(self, operation: str, scope: str = "") -> list[Observation]:
        found = self.scopes[scope] if scope else self.observations
        return [observation for observation in found if observation.operation == operation]

    def normalized(self, normalize: Normalize, settings: Settings) -> list[Row]:
        """What a normalize half makes of it."""
        return [
            row
            for scope, header in self.headers.items()
            for row in normalize(header, group_by_subject(iter(self.scopes[scope])), settings)
        ]

    def statuses(self) -> set[Status]:
        return {observation.status for observation in self.observations}
