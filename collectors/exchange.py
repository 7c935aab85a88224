"""One exchange with a provider: how it ended, in the terms of an observation, and what is wrong with its answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from evidence.observation import Status

ERROR_LIMIT = 500
"""Characters of an error that an observation keeps beside the body."""

Check: TypeAlias = Callable[[dict[str, Any]], str]
"""What is wrong with an answer; "" for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an exchange ended."""

    status: Status
    error: str = ""
    request_id: str = ""
    body: str = ""
    attempts: int = 0
    """How often a request was sent; 0 where none was."""


def problem(body: str, check: Check) -> str:
    """What is wrong with the text of an answer that must be a JSON object; "" for nothing."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "InvalidAnswer: the answer is not JSON"
    if not isinstance(answer, dict):
        return "InvalidAnswer: the answer is not a JSON object"
    return check(answer)


def next_wait(tries: int, first: float, longest: float) -> float:
    """Seconds to wait after so many further tries: at random up to twice as long each time, so that callers part."""
    return random.uniform(0, min(first * 2**tries, longest))  # noqa: S311 - no secret


def one_line(error: str) -> str:
    """An error as one line, since a proxy's may be a page of HTML; all of it stands in the body."""
    return " ".join(error.split())[:ERROR_LIMIT]
