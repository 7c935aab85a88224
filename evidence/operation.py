"""What a collector declares about each operation it may call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A read-only operation of a provider, and the facts that it yields.

    From these declarations come the guard that refuses every other call, the least-privilege policy, the table of
    facts in the documentation, the gaps that explain each NULL, and the contract test.
    """

    name: str
    """`service:Operation` as the provider's permissions name it."""
    facts: tuple[str, ...] = ()
    """`table.column` for each column that needs it; `table.*` where it lists the rows themselves."""
    permission: str = ""
    """The permission it needs, where that is not its own name; `-` where it needs none."""
    why: str
    """What it is asked for, in one line, for whoever grants the permission."""
    paged: bool = False
    """It answers page by page."""

    @property
    def grants(self) -> str:
        """The permission it needs, or "" where it needs none."""
        return {"": self.name, "-": ""}.get(self.permission, self.permission)


def by_name(operations: Iterable[Operation]) -> Mapping[str, Operation]:
    """Operations by their name. Raises ValueError where one is declared twice."""
    declared: dict[str, Operation] = {}
    for operation in operations:
        if operation.name in declared:
            raise ValueError(f"{operation.name} is declared twice")
        declared[operation.name] = operation
    return declared
