"""What a source is: declared operations, a collect half and a normalize half."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from evidence.model import Row
from evidence.observation import JSON, Observation, observation_id
from evidence.operation import Operation
from evidence.reading import Reading
from evidence.recording import ScopeHeader, ScopeRecording


class UndeclaredOperation(Exception):
    """A collector tried an operation that it does not declare. Nothing was sent."""


class Batch:
    """The observations about one subject while a task makes them; written together when the task ends."""

    def __init__(self, recording: ScopeRecording, subject: str, operations: Mapping[str, Operation]) -> None:
        self.subject = subject
        self.observations: list[Observation] = []
        self.answered_from_record = 0
        self._recording = recording
        self._operations = operations

    @property
    def header(self) -> ScopeHeader:
        """The scope that is being read."""
        return self._recording.header

    def observe(self, operation: str, parameters: Mapping[str, JSON], ask: Callable[[str], Observation]) -> Observation:
        """The observation of one exchange: a killed run's, where it recorded one, else `ask(id)`'s.

        Raises UndeclaredOperation, before anything is sent, where the collector does not declare `operation`.
        """
        if operation not in self._operations:
            raise UndeclaredOperation(f"{operation} is not declared by this collector, so it is not called")
        wanted = observation_id(self.header.id, operation, parameters)
        observation = self._recording.recorded(wanted)
        if observation is None:
            observation = ask(wanted)
        else:
            self.answered_from_record += 1
        self.observations.append(observation)
        return observation

    @property
    def reading(self) -> Reading:
        """What has been observed so far, as normalize will read it."""
        return Reading(self.subject, self.observations)


@dataclass(frozen=True, slots=True)
class Task:
    """Everything to be asked about one subject of a scope, one exchange after the other.

    `run` gives the tasks that follow from the answers: of the same scope, or of scopes that it opens. A task never
    waits for another, so any number of workers can take tasks from one flat queue.
    """

    scope: ScopeHeader
    subject: str
    run: Callable[[Batch], Iterable[Task]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings that normalize depends on, recorded with the run so that it can be replayed."""

    tag_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For `owner`, `business_purpose`, `data_class`, `environment`: the tags that carry it, of which the first
    that is there counts. Case and what stands between words make no difference."""
    organization_accounts: tuple[str, ...] = ()
    """Accounts that the organization calls its own beside those the provider names."""
    keys_read_by: Mapping[str, str] = field(default_factory=dict)
    """Id of a key store whose provider does not tell its keys → the source that reads them, by the configuration."""
    first_seen: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    """Source → id of a key whose store tells no dates → when a run of the evidence store first showed it."""

    def in_use_by(self, source: str, key: str, observed: datetime) -> datetime:
        """When, at the latest, a key whose material never changes came into use: first seen, or else `observed`."""
        return min(self.first_seen.get(source, {}).get(key, observed), observed)


class Collector(Protocol):
    """The collect half of one configured source."""

    def start(self) -> Iterable[Task]:
        """The first tasks. May read the environment and credentials; raises CredentialError where there are none."""
        ...


class UnusableSource(Exception):
    """Sources that cannot be read at all. The message names each with the next step, one a line."""


class MissingExtra(UnusableSource):
    """The SDK of a kind of source is not installed. The message names the source and the extra that brings it."""


class CredentialError(UnusableSource):
    """A source has no usable credentials. The message names the source and the next step."""


ConfigurationModel: TypeAlias = type[Any]
"""The pydantic model of a kind of source's `[[source]]` table."""

Normalize = Callable[[ScopeHeader, Iterator[Reading], Settings], Iterator[Row]]
"""From a scope's readings to its rows: the `scope` row, the facts, and the gaps of every NULL. Pure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All of a kind of source but its collect half: what works where its SDK is not installed."""

    operations: Mapping[str, Operation]
    not_offered: Mapping[str, str]
    """`table.column` → why the provider has no such fact."""
    configuration: ConfigurationModel
    normalize: Normalize
    policy: Callable[[], str]
    """The least-privilege policy for collection, as text ready to be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One kind of source, as the registry holds it. Its parts are imported when they are first used."""

    type: str
    title: str
    extra: str
    """The extra of the package that brings its SDK; "" where it needs none."""
    parts: Callable[[], Parts]
    undated: bool = False
    """Its key stores may tell no dates, so that it counts when a run of the evidence store first showed a key."""
    collector: Callable[[], Callable[[Any, int | None], Collector]]
    """Builds the collect half from its configuration. Imports the SDK. The number, if any, is how many keys and secrets
    of each scope to describe: `doctor` reads one of each, a run reads all."""

    def collecting(self, name: str, configuration: Any, sample: int | None = None) -> Collector:
        """The collect half of the source of that name. Raises MissingExtra where its SDK is not installed."""
        try:
            return self.collector()(configuration, sample)
        except ModuleNotFoundError as error:
            if not self.extra:
                raise
            needed = f"it needs the extra `{self.extra}`, which is not installed"
            fix = f"uv tool install '{self.requirement}'"
            raise MissingExtra(f"source {name!r}: {needed} (no module {error.name!r}); `{fix}`") from error

    @property
    def requirement(self) -> str:
        """What is installed to read it, as installers take it: `keyproof[aws]`."""
        return f"keyproof[{self.extra}]" if self.extra else "keyproof"

    def operations(self) -> Mapping[str, Operation]:
        """Everything that its collector may ask, by name."""
        return self.parts().operations

    def not_offered(self) -> Mapping[str, str]:
        """`table.column` → why the provider has no such fact."""
        return self.parts().not_offered

    def configuration(self) -> ConfigurationModel:
        """The pydantic model of its `[[source]]` table."""
        return self.parts().configuration

    def normalize(self) -> Normalize:
        """The normalize half. Imports no SDK."""
        return self.parts().normalize

    def policy(self) -> str:
        """The least-privilege policy for collection, as text ready to be used."""
        return self.parts().policy()
