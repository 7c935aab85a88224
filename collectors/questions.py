"""What a task asks about its subject, one exchange after the other, each recorded in its batch."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from collectors.exchange import Check, Outcome
from collectors.paging import Ask
from collectors.source import Batch
from evidence.observation import JSON, Observation, body_digest, iso
from evidence.reading import tidy
from evidence.recording import ScopeHeader


class Inquiry(ABC):
    """Asks a provider for one scope, as one caller. Each source has its own."""

    def __init__(self, header: ScopeHeader, identity: str) -> None:
        self.header = header
        self.identity = identity
        """The caller as the provider names it; "" where that is not known."""

    @abstractmethod
    def exchange(self, operation: str, parameters: dict[str, JSON], check: Check) -> Outcome:
        """Ask once, and tell how that ended. `check` tells what is wrong with an answer.

        OSError goes through: it is this machine's, not the provider's. So does UndeclaredOperation.
        """

    @abstractmethod
    def pages(self, operation: str, parameters: dict[str, JSON], ask: Ask) -> Iterator[Observation]:
        """Page after page of a list until the last, or the first without a usable answer."""


@dataclass(frozen=True, slots=True)
class Questions:
    """Asks for a batch. What a killed run recorded is not asked again."""

    inquiry: Inquiry
    batch: Batch

    def one(self, operation: str, parameters: dict[str, JSON]) -> Observation:
        """One exchange."""
        return self._observe(operation, parameters, lambda answer: "")

    def all(self, operation: str, parameters: dict[str, JSON], *, first: bool = False) -> list[Observation]:
        """Every page of a list, or, with `first`, those up to the first that lists anything."""
        read = []
        for page in self.inquiry.pages(
            operation, parameters, lambda asked, check: self._observe(operation, asked, check)
        ):
            read.append(page)
            if first and _lists_something(page):
                break
        return read

    def _observe(self, operation: str, parameters: dict[str, JSON], check: Check) -> Observation:
        """The exchange, timed and kept as it came."""

        def make(id: str) -> Observation:
            requested = datetime.now(UTC)
            outcome = self.inquiry.exchange(operation, parameters, check)
            received = datetime.now(UTC)
            return Observation(
                id=id,
                source=self.inquiry.header.source,
                scope=self.inquiry.header.id,
                subject=self.batch.subject,
                operation=operation,
                parameters=dict(parameters),
                requested_at=iso(requested),
                received_at=iso(received),
                status=outcome.status,
                error=outcome.error,
                request_id=outcome.request_id,
                attempts=outcome.attempts,
                identity=self.inquiry.identity,
                body=outcome.body,
                sha256=body_digest(outcome.body),
            )

        return self.batch.observe(operation, parameters, make)


def answered(exchanges: Sequence[Observation]) -> bool:
    """Something was asked, and every exchange was answered."""
    return bool(exchanges) and all(exchange.ok for exchange in exchanges)


def _lists_something(page: Observation) -> bool:
    return page.ok and any(isinstance(value, list) and value for value in json.loads(tidy(page.body)).values())
