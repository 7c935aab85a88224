"""The examination before a run: one key and one secret of each scope are read, and nothing is kept."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from collectors.registry import SOURCES
from evidence.observation import Status
from evidence.recording import read_scope, scope_files
from keyproof.collection import Collection, Progress, first_tasks
from keyproof.configuration import Configuration

SAMPLE = 1
"""Keys and secrets of each scope that are described."""


@dataclass(slots=True)
class OperationReach:
    """How one operation was answered, over all scopes of a source."""

    operation: str
    permission: str
    why: str
    answered: int = 0
    refused: int = 0
    failed: int = 0
    switched_off: int = 0


@dataclass(slots=True)
class SourceReach:
    """What a source's credentials reach."""

    name: str
    type: str
    operations: list[OperationReach]
    identities: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trouble:
    """The first exchange of an operation and scope that was not answered."""

    scope: str
    operation: str
    error: str


@dataclass(frozen=True, slots=True)
class Examination:
    """What a run would reach, and what it would miss."""

    sources: list[SourceReach]
    troubles: list[Trouble]
    missing: list[str]
    """Permissions of the operations that were refused somewhere, sorted."""
    lacking: list[str]
    """The kinds of source that miss them, sorted."""

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        return asdict(self)


def examine(
    configuration: Configuration, on_progress: Callable[[Progress], None] = lambda progress: None
) -> Examination:
    """Try every operation that a run needs. Raises UnusableSource where a source cannot be used at all."""
    tasks = first_tasks(configuration.sources, SAMPLE)
    operations = {s.type: SOURCES[s.type].operations() for s in configuration.sources}
    with tempfile.TemporaryDirectory(prefix="keyproof-") as folder:
        Collection(Path(folder), operations, concurrency=configuration.concurrency, on_progress=on_progress).run(tasks)
        return _told(configuration, Path(folder))


def _told(configuration: Configuration, folder: Path) -> Examination:
    sources = {
        s.name: SourceReach(
            s.name,
            s.type,
            [OperationReach(o.name, o.grants, o.why) for o in SOURCES[s.type].operations().values()],
        )
        for s in configuration.sources
    }
    statuses: Counter[tuple[str, str, Status]] = Counter()
    troubles: dict[tuple[str, str], Trouble] = {}
    for observation in _observations(folder):
        statuses[observation.source, observation.operation, observation.status] += 1
        identities = sources[observation.source].identities
        if observation.identity and observation.identity not in identities:
            identities.append(observation.identity)
        if observation.status is not Status.OK:
            trouble = Trouble(observation.scope, observation.operation, observation.error)
            troubles.setdefault((observation.scope, observation.operation), trouble)
    missing: set[str] = set()
    lacking: set[str] = set()
    for source in sources.values():
        for reach in source.operations:
            counted = [statuses[source.name, reach.operation, status] for status in Status]
            reach.answered, reach.refused, reach.failed, reach.switched_off = counted
            if reach.refused and reach.permission:
                missing.add(reach.permission)
                lacking.add(source.type)
    return Examination(list(sources.values()), list(troubles.values()), sorted(missing), sorted(lacking))


def _observations(folder: Path) -> Iterator[Any]:
    for path in scope_files(folder):
        yield from read_scope(path)[1]
