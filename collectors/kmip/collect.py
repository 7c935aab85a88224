"""The collect half: what the server says of itself, what it holds, and then object by object. It judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from collectors.kmip.answers import Located, Versions
from collectors.kmip.configuration import KmipConfiguration
from collectors.kmip.credentials import Seat, open_seat
from collectors.kmip.identifiers import object_id
from collectors.kmip.versions import LOWEST, SPOKEN, keeps_destroyed, tells_assurances
from collectors.kmip.wire import Inquiry
from collectors.questions import Questions
from collectors.sampling import sampled
from collectors.source import Batch, Task
from evidence.observation import JSON, Observation
from evidence.reading import Reading
from evidence.recording import ScopeHeader

GENERAL: list[JSON] = ["Query Operations", "Query Objects", "Query Server Information", "Query Application Namespaces"]
"""What every version can be asked of a server."""

ASSURANCES: list[JSON] = ["Query Validations", "Query Profiles"]
"""What it can be asked since KMIP 1.3."""


class KmipCollector:
    """Collects one KMIP server. `sample`, if any, is how many of its objects to describe."""

    def __init__(self, configuration: KmipConfiguration, sample: int | None = None) -> None:
        self._configuration = configuration
        self._sample = sample

    def start(self) -> Iterable[Task]:
        """The task of the server. Raises CredentialError where certificate, key or password are no good."""
        seat = open_seat(self._configuration)
        header = ScopeHeader(
            id=f"{self._configuration.name}/{self._configuration.address}/global/kmip",
            source=self._configuration.name,
            type="kmip",
            service="kmip",
            account=self._configuration.address,
            account_name="",
            identity=seat.identity,
        )
        return [Task(header, "", _ServerReading(seat, header, self._sample).run)]


@dataclass(frozen=True, slots=True)
class _ServerReading:
    seat: Seat
    header: ScopeHeader
    sample: int | None

    def run(self, batch: Batch) -> Iterator[Task]:
        """What is asked does not depend on whether the answers are new or a killed run's."""
        found = Questions(Inquiry(self.seat, self.header), batch).one("kmip:DiscoverVersions", {})
        version = self.seat.configuration.protocol_version or _common(found)
        ask = Questions(Inquiry(self.seat, self.header, version), batch)
        spoken: dict[str, JSON] = {"protocol_version": version}
        ask.one("kmip:Query", {**spoken, "functions": GENERAL})
        if tells_assurances(version):
            ask.one("kmip:Query", {**spoken, "functions": ASSURANCES})
        statuses: list[JSON] = ["On-line Storage", "Archival Storage"]
        if keeps_destroyed(version):
            statuses.append("Destroyed Storage")
        located = ask.all("kmip:Locate", {**spoken, "storage_statuses": statuses}, first=self.sample is not None)
        tasks = [
            Task(self.header, object_id(self.header.account, name), partial(self._object, version, name))
            for name in dict.fromkeys(name for page in located for name in _located(page))
        ]
        yield from sampled(tasks, self.sample)

    def _object(self, version: str, name: str, batch: Batch) -> Iterable[Task]:
        ask = Questions(Inquiry(self.seat, self.header, version), batch)
        ask.one("kmip:GetAttributes", {"protocol_version": version, "unique_identifier": name})
        return ()


def _common(found: Observation) -> str:
    """The best version that both sides speak; the lowest where the server did not say."""
    answer = Reading("", [found]).answer(found.operation, Versions)
    known = {str(version) for version in answer.protocol_version} if answer else set()
    return next((version for version in SPOKEN if version in known), LOWEST)


def _located(page: Observation) -> list[str]:
    answer = Reading("", [page]).answer(page.operation, Located)
    return answer.unique_identifier if answer else []
