"""The answers about one subject, read from its observations without ever turning a bad one into a fact."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
)

from evidence.model import GapKind
from evidence.observation import Observation, Status

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Answer(BaseModel):
    """The part of an operation's answer that keyproof reads. What else the answer holds stays in the observation."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is beyond the times that can be compared") from error


Text = StrictStr
Flag = StrictBool
Whole = Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
"""What a column of integers can hold."""
Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]

AnswerT = TypeVar("AnswerT", bound=Answer)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an operation told nothing about its subject."""

    kind: GapKind
    error: str
    observation: str
    """Id of the observation that shows it; "" where nothing was recorded."""


@dataclass(slots=True)
class Reading:
    """All observations about one subject of one scope, in the order in which they were made.

    `answer` and `answers` give None where the operation was refused, failed or answered something that is not what it
    documents, and remember the reason in `failures`, from which the gaps are made.
    """

    subject: str
    observations: Sequence[Observation]
    failures: dict[str, Failure] = field(default_factory=dict)

    @property
    def evidence(self) -> list[str]:
        """Ids of the observations."""
        return [observation.id for observation in self.observations]

    def of(self, operation: str) -> Iterator[Observation]:
        """The observations of one operation."""
        return (observation for observation in self.observations if observation.operation == operation)

    def answer(self, operation: str, model: type[AnswerT]) -> AnswerT | None:
        """The one answer of an operation, or None with a failure; never asked is no failure of its own."""
        answers = [answer for _, answer in self.answers(operation, model)]
        return answers[0] if answers else None

    def answers(self, operation: str, model: type[AnswerT]) -> Iterator[tuple[Observation, AnswerT | None]]:
        """Each exchange of an operation that was asked several times, with its answer, or None with a failure."""
        for observation in self.of(operation):
            yield observation, self._parse(observation, model)

    def pages(self, operation: str, model: type[AnswerT]) -> Iterator[AnswerT]:
        """Every page of a list that could be read."""
        return (page for _, page in self.answers(operation, model) if page is not None)

    def fail(self, operation: str, kind: GapKind, error: str, observation: str = "") -> None:
        """Remember why an operation told nothing; the first reason stands."""
        self.failures.setdefault(operation, Failure(kind, error, observation))

    def _parse(self, observation: Observation, model: type[AnswerT]) -> AnswerT | None:
        if observation.status is not Status.OK:
            self.fail(observation.operation, GapKind(observation.status), observation.error, observation.id)
            return None
        try:
            return model.model_validate_json(tidy(observation.body))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the answer"
            text = f"the answer is not what the operation documents: {where}: {first['msg']}"
            self.fail(observation.operation, GapKind.FAILED, text, observation.id)
            return None


def tidy(body: str) -> str:
    """JSON text without lone surrogates, which no output could hold; each becomes U+FFFD."""
    if "\\ud" not in body and "\\uD" not in body:
        return body
    try:
        return json.dumps(without_surrogates(json.loads(body)))
    except (ValueError, RecursionError):
        return body


def without_surrogates(value: Any) -> Any:
    """A JSON value with U+FFFD in place of each lone surrogate."""
    if isinstance(value, str):
        return LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value


def group_by_subject(observations: Iterator[Observation]) -> Iterator[Reading]:
    """Readings of a scope's file: one subject's observations stand together in it."""
    for subject, group in groupby(observations, key=lambda observation: observation.subject):
        yield Reading(subject, list(group))
