"""What a list names and what each of it is: from a scope's own reading, with what was not read as failures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic

from collectors.scope_rows import NOT_ASKED
from collectors.vault.facts.scope import names
from evidence.model import GapKind
from evidence.observation import Observation
from evidence.reading import AnswerT, Failure, Reading


@dataclass(frozen=True, slots=True)
class Member(Generic[AnswerT]):
    """One thing that a list names."""

    name: str
    reading: Reading
    """What was asked about it alone, with why that told nothing."""
    answer: AnswerT | None


def members(reading: Reading, list_operation: str, operation: str, model: type[AnswerT]) -> Iterator[Member[AnswerT]]:
    """Each thing that a list names, whether it could be read or not.

    What the list does not tell is in `reading.failures`, and so is the first of what could not be read.
    """
    asked: dict[str, list[Observation]] = {}
    for observation in reading.of(operation):
        asked.setdefault(str(observation.parameters.get("name", "")), []).append(observation)
    listed = names(reading, list_operation)
    unasked = sum(name not in asked for name in listed)
    for name in listed:
        single = Reading(reading.subject, asked.get(name, []))
        answer = single.answer(operation, model)
        if name not in asked:
            text = f"{NOT_ASKED}: {len(listed)} are listed, and {unasked} of them are beyond what was to be read"
            single.failures[operation] = Failure(GapKind.FAILED, text, "")
        for failed, failure in single.failures.items():
            reading.failures.setdefault(failed, failure)
        yield Member(name, single, answer)
