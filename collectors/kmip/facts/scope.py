"""What every row of a KMIP server is made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from collectors import scope_rows
from collectors.declaration import ServiceDeclaration
from collectors.kmip.identifiers import object_id, server_id
from collectors.kmip.operations import OPERATIONS, SERVICES
from evidence.operation import Operation


@dataclass(frozen=True, slots=True)
class Setting(scope_rows.Setting):
    """What every row of a scope is made with."""

    provider: ClassVar[str] = "kmip"
    services: ClassVar[Mapping[str, ServiceDeclaration]] = SERVICES
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS

    @property
    def store(self) -> str:
        """The id of the server."""
        return server_id(self.header.account)

    def object_id(self, identifier: str) -> str:
        """The id of the object that the server knows by that identifier."""
        return object_id(self.header.account, identifier)
