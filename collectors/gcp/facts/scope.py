"""What every row of a Google Cloud scope is made with, and how lists and answers of Google are gone through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from collectors import scope_rows
from collectors.declaration import ServiceDeclaration
from collectors.gcp.answers import Page
from collectors.gcp.members import Own
from collectors.gcp.operations import OPERATIONS, SERVICES
from evidence.model import GapKind
from evidence.operation import Operation
from evidence.reading import Answer, Reading

AnswerT = TypeVar("AnswerT", bound=Answer)
PageT = TypeVar("PageT", bound=Page)


@dataclass(frozen=True, slots=True)
class Setting(scope_rows.Setting):
    """What every row of a scope is made with."""

    provider: ClassVar[str] = "gcp"
    services: ClassVar[Mapping[str, ServiceDeclaration]] = SERVICES
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS

    own: Own = field(init=False)
    """What is known to belong to the organization, as the scope's header says."""
    own_roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Custom roles → their permissions, as far as they are known."""

    def __post_init__(self) -> None:
        header = self.header
        object.__setattr__(
            self,
            "own",
            own_of(
                {header.account, *header.organization_accounts},
                header.organization,
                known=header.organization_known,
                stated=self.settings.organization_accounts,
            ),
        )

    @property
    def line_known(self) -> bool:
        """It is known what lies above the project, so that all policies that it inherits were asked for."""
        return bool(self.header.organization) or self.header.organization_known


def own_of(accounts: Iterable[str], organization: str, *, known: bool, stated: Iterable[str] = ()) -> Own:
    """What is the organization's own, of domains, projects' ids and numbers, and `organizations/NUMBER`.

    The last stands for "these are all of its projects". Without an organization, what the configuration names is all
    there is. `known` is false where what was asked about the organization was not answered whole. Google tells the
    primary domain alone, so that only where the configuration has `stated` domains these are all.
    """
    accounts = {*accounts, *stated} - {""}
    domains = _domains(accounts)
    whole = {name for name in accounts if name.startswith("organizations/")}
    projects = accounts - domains - whole
    return Own(
        domains=domains,
        all_domains=known and bool(_domains(stated)),
        projects=frozenset(projects),
        organization=organization,
        all_projects=known and (not organization or f"organizations/{organization}" in whole),
    )


def _domains(accounts: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in accounts if "." in name and ":" not in name)


def listed(reading: Reading, operation: str, model: type[PageT]) -> Iterator[tuple[str, PageT]]:
    """Every readable page of a list with the id of its observation; what is missing is in `reading.failures`.

    Where a service says how much there is, the pages must hold as much.
    """
    count = total = 0
    for observation, page in scope_rows.listed(reading, operation, model, lambda page: page.more):
        count += sum(len(value) for value in vars(page).values() if isinstance(value, list))
        total = page.total_size
        yield observation, page
    if count < total:
        reading.fail(operation, GapKind.FAILED, f"the list has {total} entries, of which {count} were told")


def each(reading: Reading, operation: str, model: type[AnswerT]) -> Iterator[tuple[str, str, AnswerT]]:
    """What was asked about, the observation and the answer, for each exchange of an operation that could be read.

    What could not is in `reading.failures`.
    """
    for observation, answer in reading.answers(operation, model):
        if answer is not None:
            yield _asked_about(observation.parameters), observation.id, answer


def _asked_about(parameters: Mapping[str, object]) -> str:
    return str(next((parameters[name] for name in ("resource", "name", "parent") if name in parameters), ""))


def only(reading: Reading, *operations: str) -> Reading:
    """The reading as far as it is that of some operations."""
    failures = {name: failure for name, failure in reading.failures.items() if name in operations}
    return Reading(reading.subject, [o for o in reading.observations if o.operation in operations], failures)
