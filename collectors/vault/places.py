"""Where questions are asked, a namespace or a mount in it, and what is read of an answer before the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from collectors.questions import Questions
from collectors.source import Batch, Task
from collectors.vault.answers import Listing
from collectors.vault.credentials import Seat
from collectors.vault.names import path_id
from collectors.vault.wire import Inquiry
from evidence.observation import JSON, Observation
from evidence.reading import AnswerT, Reading
from evidence.recording import ScopeHeader


def within(namespace: str) -> dict[str, JSON]:
    """The parameters of an operation that is asked in a namespace, whose path ends with a slash; "" for the root."""
    return {"namespace": namespace} if namespace else {}


def read(observation: Observation, model: type[AnswerT]) -> AnswerT | None:
    """What could be read of an exchange; why it could not is for normalize to say."""
    return Reading("", [observation]).answer(observation.operation, model)


def names_in(observation: Observation) -> list[str]:
    """What a list names; nothing where it could not be read."""
    listing = read(observation, Listing)
    return listing.names if listing else []


@dataclass(frozen=True, slots=True)
class Place:
    """A mount, where its scope reads."""

    seat: Seat
    header: ScopeHeader
    namespace: str
    mount: str
    """With a slash at its end."""
    sample: int | None

    def parameters(self, **more: JSON) -> dict[str, JSON]:
        """What an operation on this mount is asked with."""
        return {**within(self.namespace), "mount": self.mount, **more}

    @property
    def limit(self) -> int:
        """How many of each list are asked about, at most."""
        return self.seat.configuration.list_limit if self.sample is None else self.sample

    def id(self, path: str) -> str:
        """The id of what stands at a path of this mount."""
        return path_id(self.header.source, self.namespace, self.mount + path)

    def task(self, path: str, run: Callable[[Questions], Iterable[Task]]) -> Task:
        """The task of what stands at a path of this mount; of the scope itself where that is empty."""

        def of_subject(batch: Batch) -> Iterable[Task]:
            return run(Questions(Inquiry(self.seat, self.header), batch))

        return Task(self.header, self.id(path) if path else "", of_subject)
