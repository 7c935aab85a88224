"""What the rows of every scope share: how they are made, how far reading came, and the gaps of what was not read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, TypedDict, TypeVar

from collectors.declaration import ServiceDeclaration, with_followers
from collectors.source import Settings
from evidence.inventory import explain, gap
from evidence.model import NEVER, GapKind, Key, Row, Scope
from evidence.observation import Observation, Status
from evidence.operation import Operation
from evidence.reading import Answer, Failure, Reading
from evidence.recording import ScopeHeader

NOT_ASKED = "it was not asked"

PageT = TypeVar("PageT", bound=Answer)


class Bookkeeping(TypedDict):
    """The columns that every row has, as a row's class takes them."""

    id: str
    source: str
    scope: str
    evidence: list[str]


@dataclass(frozen=True, slots=True)
class Setting:
    """What every row of a scope is made with. Each source has its own, which names its declarations."""

    provider: ClassVar[str]
    services: ClassVar[Mapping[str, ServiceDeclaration]]
    """By the service of a scope."""
    operations: ClassVar[Mapping[str, Operation]]
    """All of the source, by name."""

    header: ScopeHeader
    settings: Settings

    @property
    def declared(self) -> ServiceDeclaration:
        """What is asked in the scopes of this service, and what it does not tell."""
        return self.services[self.header.service]

    def bookkeeping(self, id: str, evidence: Iterable[str]) -> Bookkeeping:
        """The columns that every row has."""
        return {
            "id": id,
            "source": self.header.source,
            "scope": self.header.id,
            "evidence": list(dict.fromkeys(evidence)),
        }

    def explained(
        self, row: Row, readings: Iterable[Reading], not_offered: Mapping[str, str] | None = None
    ) -> Iterator[Row]:
        """The row, and the gaps of what it does not know."""
        if isinstance(row, Key) and row.material_known_at is None:
            row.material_known_at = row.last_rotated_at
        yield row
        reasons = {**self.declared.not_offered, **with_followers(not_offered or {})}
        yield from explain(row, readings, self.declared.operations, reasons)

    def rows_missing(self, row: Row, table: str, subject: str, operation: str, failure: Failure) -> Row:
        """The gap that rows of `table` may be missing: of `subject`, or of the scope where that is empty."""
        return gap(row, operation, failure, of_table=table, subject=subject, rows_missing=True)


def fill(row: Row, facts: Mapping[str, Any]) -> None:
    """Put facts into the columns that they are named by."""
    for name, value in facts.items():
        setattr(row, name, value)


def expect(reading: Reading, operation: str) -> None:
    """Remember it where an operation that should have been asked was not."""
    if operation not in reading.failures and not any(reading.of(operation)):
        reading.fail(operation, GapKind.FAILED, NOT_ASKED)


def listed(
    reading: Reading, operation: str, model: type[PageT], more: Callable[[PageT], bool]
) -> Iterator[tuple[str, PageT]]:
    """Every readable page of a list with the id of its observation; what is missing is in `reading.failures`."""
    last: PageT | None = None
    for observation, page in reading.answers(operation, model):
        if page is not None:
            last = page
            yield observation.id, page
    if last is not None and more(last):
        reading.fail(operation, GapKind.FAILED, "the list ends before its last page")
    expect(reading, operation)


def without_bodies(reading: Reading) -> Reading:
    """The reading with its failures but without the text of its answers, to be kept for a whole scope."""
    light = [replace(observation, body="") for observation in reading.observations]
    return Reading(reading.subject, light, dict(reading.failures))


@dataclass(slots=True)
class Tally:
    """How far the reading of a scope came."""

    operations: Mapping[str, Operation]
    """All of the source."""
    calls: int = 0
    pages: int = 0
    answered: int = 0
    refused: int = 0
    failed: int = 0
    listed: int | None = 0
    described: int = 0
    last: str = ""
    evidence: list[str] = field(default_factory=list)
    failures: dict[str, Failure] = field(default_factory=dict)
    """The first of each operation."""

    def count(self, reading: Reading) -> None:
        """Count a reading from which all facts have been made, so that its failures are complete."""
        unusable = {failure.observation for failure in reading.failures.values()}
        for observation in reading.observations:
            self._count(observation, unusable)
        for operation, failure in reading.failures.items():
            self.failures.setdefault(operation, failure)
        if reading.subject == "":
            self.evidence.extend(reading.evidence)

    def _count(self, observation: Observation, unusable: set[str]) -> None:
        operation = self.operations.get(observation.operation)
        self.calls += 1
        self.pages += operation is not None and operation.paged
        self.answered += observation.status is Status.OK
        self.refused += observation.status is Status.REFUSED
        self.failed += observation.status is Status.FAILED
        self.failed += observation.status is Status.OK and observation.id in unusable
        self.last = max(self.last, observation.received_at)

    def why(self, operation: str) -> tuple[str, Failure]:
        """Why a list is incomplete: its own failure, or else the first of the scope, which led to it."""
        if operation in self.failures and self.failures[operation].error != NOT_ASKED:
            return operation, self.failures[operation]
        for name, failure in self.failures.items():
            if failure.observation:
                return name, failure
        return operation, self.failures.get(operation, Failure(GapKind.FAILED, NOT_ASKED, ""))

    def rows(self, setting: Setting, **facts: str | None) -> Iterator[Row]:
        """The scope's row, with its gaps. `facts` are what the scope itself read of account, name and identity."""
        header = setting.header
        complete = not self.failures and self.calls > 0
        row = Scope(
            **setting.bookkeeping(header.id, self.evidence),
            provider=setting.provider,
            account=facts.get("account") or header.account or None,
            account_name=facts.get("account_name", header.account_name),
            region=header.region,
            service=header.service,
            identity=facts.get("identity") or header.identity or None,
            asked=True,
            reached=self.answered > 0,
            complete=True if complete else None,
            calls=self.calls,
            pages=self.pages,
            listed=self.listed,
            described=self.described,
            refused=self.refused,
            failed=self.failed,
            collected_at=datetime.fromisoformat(self.last) if self.last else None,
        )
        yield row
        if not self.calls:
            unknown = [name for name in ("complete", "listed", "collected_at") if getattr(row, name) is None]
            nothing = Failure(GapKind.FAILED, "nothing was recorded", "")
            yield gap(row, "", nothing, of_table=row.table, subject=row.id, names=unknown)
            row = replace(row, complete=True, listed=0, collected_at=NEVER)
        yield from explain(row, [Reading("", [], self.failures)], setting.operations, setting.declared.not_offered)
