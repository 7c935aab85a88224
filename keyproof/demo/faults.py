"""What can go wrong between a client and a provider."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from keyproof.demo.http import HttpResponse


class Fault(StrEnum):
    """One way in which a request goes wrong."""

    REFUSE = "refuse"
    """The caller may not do that."""
    THROTTLE = "throttle"
    """Too many requests."""
    BREAK = "break"
    """The service fails inside and says so, in its protocol."""
    EXPIRE = "expire"
    """The caller's session token has expired."""
    LOSE_PAGE = "lose_page"
    """The answer says that there is more, but not how to get it; where it cannot say so, nothing changes."""
    CUT = "cut"
    """Half of the body is missing, and nothing in the protocol tells."""
    STOP = "stop"
    """The connection ends in the middle of the body."""
    HTML = "html"
    """A proxy's page with status 500 stands in place of the answer."""
    WRONG_TYPES = "wrong_types"
    """Every value of the answer is of another type."""
    SURROGATES = "surrogates"
    """Every text of the answer holds a lone surrogate, which no UTF-8 can carry."""
    HANG = "hang"
    """No answer comes, and the connection stays open."""
    CLOSE = "close"
    """The connection is closed without an answer."""


class Limited(Protocol):
    """A rule of any provider."""

    @property
    def calls(self) -> Collection[int] | None:
        """Which of the requests that fit it befalls, counted from 1 for each rule; None for all."""
        ...


RuleT = TypeVar("RuleT", bound=Limited)
RequestT = TypeVar("RequestT")


class Choice(Generic[RequestT, RuleT]):
    """Chooses the rule that befalls a request, and counts for each rule the requests that fit it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fitting: Counter[RuleT] = Counter()

    def of(
        self,
        plan: Sequence[RuleT] | Callable[[RequestT], RuleT | None],
        refusals: Sequence[RuleT],
        request: RequestT,
        fits: Callable[[RuleT], bool],
    ) -> RuleT | None:
        """The first rule of the plan, then of what the world refuses anyway, that fits and whose turn it is."""
        if callable(plan):
            rule = plan(request)
            if rule is not None:
                return rule
            rules = refusals
        else:
            rules = [*plan, *refusals]
        with self._lock:
            for rule in rules:
                if fits(rule):
                    self._fitting[rule] += 1
                    if rule.calls is None or self._fitting[rule] in rule.calls:
                        return rule
        return None


def spoil(fault: Fault, response: HttpResponse, without_token: Callable[[Any], Any]) -> HttpResponse:
    """A good answer as the fault leaves it; unchanged by faults that leave no answer or another one.

    `without_token` gives a page's document as it is where the way to the next page is lost.
    """
    if fault is Fault.HTML:
        page = b"<html><head><title>Internal Server Error</title></head><body>proxy</body></html>"
        return HttpResponse(500, {"Content-Type": "text/html"}, page)
    if fault is Fault.CUT:
        return replace(response, body=response.body[: len(response.body) // 2])
    if fault is Fault.STOP:
        half = len(response.body) // 2
        return replace(response, body=response.body[:half], missing=len(response.body) - half)
    changes = {Fault.LOSE_PAGE: without_token, Fault.WRONG_TYPES: _wrong_types, Fault.SURROGATES: _with_surrogates}
    change = changes.get(fault)
    if change is None:
        return response
    return replace(response, body=_changed(response.body, change))


def _changed(body: bytes, change: Callable[[Any], Any]) -> bytes:
    try:
        return json.dumps(change(json.loads(body))).encode()
    except ValueError:
        return b"<Unexpected/>"  # the protocol is XML, where a wrong root is what wrong types are in JSON


def _wrong_types(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _wrong_types(member) for name, member in value.items()} if value else []
    if isinstance(value, list):
        return {"unexpected": [_wrong_types(item) for item in value]}
    if isinstance(value, str):
        return {"unexpected": value}
    return [value]


def _with_surrogates(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_surrogates(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_surrogates(item) for item in value]
    return f"\ud800{value}" if isinstance(value, str) else value
