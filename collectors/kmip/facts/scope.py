"""What every row of a KMIP server is made with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from collectors import scope_rows
from collectors.declaration import ServiceDeclaration
from collectors.kmip.identifiers import object_id, server_id
from collectors.kmip.operations import OPERATIONS, SERVICES
from evidence.model import Row
from evidence.operation import Operation
from evidence.reading import Reading


@dataclass(frozen=True, slots=True)
class Setting(scope_rows.Setting):
    """What every row of a scope is made with."""

    provider: ClassVar[str] = "kmip"
    services: ClassVar[Mapping[str, ServiceDeclaration]] = SERVICES
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS

    of_server: Reading = field(default_factory=lambda: Reading("", []))
    """What was asked of the server once and tells facts of every object, with its failures."""

    def explained(
        self, row: Row, readings: Iterable[Reading], not_offered: Mapping[str, str] | None = None
    ) -> Iterator[Row]:
        """The row, and the gaps of what it does not know."""
        return scope_rows.Setting.explained(self, row, [*readings, self.of_server], not_offered)

    @property
    def store(self) -> str:
        """The id of the server."""
        return server_id(self.header.account)

    def object_id(self, identifier: str) -> str:
        """The id of the object that the server knows by that identifier."""
        return object_id(self.header.account, identifier)
