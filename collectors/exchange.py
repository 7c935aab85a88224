"""One exchange with a provider, on its way to an observation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from evidence.observation import JSON, Observation, Status, body_digest, iso
from evidence.recording import ScopeHeader

ERROR_LIMIT = 500
"""Characters of an error that an observation keeps beside the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an exchange ended, in the terms of an observation."""

    status: Status
    error: str = ""
    request_id: str = ""
    body: str = ""
    attempts: int = 0
    """How often a request was sent; 0 where none was."""


def observing(
    header: ScopeHeader,
    subject: str,
    operation: str,
    parameters: Mapping[str, JSON],
    *,
    identity: str,
    exchange: Callable[[], Outcome],
) -> Callable[[str], Observation]:
    """What makes the observation of an exchange, given its id: it is timed, and kept as it came."""

    def observe(id: str) -> Observation:
        requested = datetime.now(UTC)
        outcome = exchange()
        received = datetime.now(UTC)
        return Observation(
            id=id,
            source=header.source,
            scope=header.id,
            subject=subject,
            operation=operation,
            parameters=dict(parameters),
            requested_at=iso(requested),
            received_at=iso(received),
            status=outcome.status,
            error=outcome.error,
            request_id=outcome.request_id,
            attempts=outcome.attempts,
            identity=identity,
            body=outcome.body,
            sha256=body_digest(outcome.body),
        )

    return observe


def one_line(error: str) -> str:
    """An error as one line, since a proxy's may be a page of HTML; all of it stands in the body."""
    return " ".join(error.split())[:ERROR_LIMIT]
