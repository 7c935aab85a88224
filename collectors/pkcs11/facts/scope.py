"""What every row of a PKCS#11 scope is made with, and why a fact that stands in an attribute is not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from collectors import scope_rows
from collectors.declaration import ServiceDeclaration
from collectors.pkcs11.operations import OPERATIONS, SERVICES
from evidence.inventory import gap
from evidence.model import Row
from evidence.operation import Operation
from evidence.reading import Failure, Reading

Reasons = Mapping[str, tuple[str, Failure]]
"""Column → the operation that would have told it, and why it did not."""

_KNOWN: Any = ""
"""Stands in a column whose gap has been told."""


@dataclass(frozen=True, slots=True)
class Setting(scope_rows.Setting):
    """What every row of a scope is made with."""

    provider: ClassVar[str] = "pkcs11"
    services: ClassVar[Mapping[str, ServiceDeclaration]] = SERVICES
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS

    def told(self, row: Row, readings: Iterable[Reading], reasons: Reasons) -> Iterator[Row]:
        """The row, and the gaps of what it does not know: first those that have a reason of their own."""
        yield row
        unknown: dict[tuple[str, Failure], list[str]] = {}
        for column, reason in reasons.items():
            if getattr(row, column) is None:
                unknown.setdefault(reason, []).append(column)
        for (operation, failure), names in unknown.items():
            yield gap(row, operation, failure, of_table=row.table, subject=row.id, names=names)
        explained = {column: _KNOWN for names in unknown.values() for column in names}
        rest = self.explained(replace(row, **explained), readings)
        next(rest)
        yield from rest
