"""What every row of an Azure scope is made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from collectors import scope_rows
from collectors.azure.answers import Attributes
from collectors.azure.operations import OPERATIONS, SERVICES
from collectors.declaration import ServiceDeclaration
from evidence.model import State
from evidence.operation import Operation


@dataclass(frozen=True, slots=True)
class Setting(scope_rows.Setting):
    """What every row of a scope is made with."""

    provider: ClassVar[str] = "azure"
    services: ClassVar[Mapping[str, ServiceDeclaration]] = SERVICES
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS


def state_of(attributes: Attributes, received_at: str) -> State:
    """The state of a living key, secret or certificate when its answer was received.

    One that has expired stays active: whether that is right is for a control to say.
    """
    if not attributes.enabled:
        return State.SUSPENDED
    begun = attributes.nbf is None or attributes.nbf <= datetime.fromisoformat(received_at)
    return State.ACTIVE if begun else State.PRE_ACTIVE


_STANDARD_DAYS = 90


def deletion_window(attributes: Attributes, retention: int | None) -> int | None:
    """Days for which a deletion can be undone, 0 for none; `retention` is what the store says, where it was read.

    Source: Azure's REST reference, DeletionRecoveryLevel: what is not customized is kept for 90 days.
    """
    if attributes.recoverableDays is not None:
        return attributes.recoverableDays
    level = attributes.recoveryLevel
    if level is None or level.startswith("Customized"):
        return retention
    return 0 if level == "Purgeable" else _STANDARD_DAYS
