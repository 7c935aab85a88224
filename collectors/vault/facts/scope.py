"""What every row of a Vault scope is made with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from collectors import scope_rows
from collectors.declaration import ServiceDeclaration
from collectors.scope_rows import expect
from collectors.vault.answers import Listing
from collectors.vault.names import mount_of, namespace_of, path_id
from collectors.vault.operations import OPERATIONS, SERVICES
from evidence.model import Key, Row, Secret
from evidence.operation import Operation
from evidence.reading import AnswerT, Reading


@dataclass(frozen=True, slots=True)
class Setting(scope_rows.Setting):
    """What every row of a scope is made with."""

    provider: ClassVar[str] = "vault"
    services: ClassVar[Mapping[str, ServiceDeclaration]] = SERVICES
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS

    by_policies: Mapping[str, Any] = field(default_factory=dict)
    """The columns of every key and secret of the scope that its policies fill."""

    @property
    def namespace(self) -> str:
        """The namespace's path with a slash at its end; "" for the root."""
        return namespace_of(self.header.account)

    @property
    def mount(self) -> str:
        """The path, with a slash at its end, of the mount that this scope reads."""
        return mount_of(self.header.id)

    def explained(
        self, row: Row, readings: Iterable[Reading], not_offered: Mapping[str, str] | None = None
    ) -> Iterator[Row]:
        """The row, with what policies say of it, and the gaps of what it does not know."""
        if isinstance(row, Key | Secret):
            for name, value in self.by_policies.items():
                setattr(row, name, value)
        yield from scope_rows.Setting.explained(self, row, readings, not_offered)

    def id(self, path: str) -> str:
        """The id of what stands at a path of this namespace."""
        return path_id(self.header.source, self.namespace, path)


def told(reading: Reading, operation: str, model: type[AnswerT]) -> AnswerT | None:
    """The one answer of an operation that should have been asked; None with a failure."""
    expect(reading, operation)
    return reading.answer(operation, model)


def names(reading: Reading, operation: str) -> list[str]:
    """What a list tells; nothing, with a failure, where it could not be read."""
    listing = told(reading, operation, Listing)
    return listing.names if listing else []
