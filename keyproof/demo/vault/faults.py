"""How a Vault tells that something went wrong, and for which requests it shall."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeAlias

from keyproof.demo.faults import Fault
from keyproof.demo.http import HttpResponse


@dataclass(frozen=True, slots=True)
class Request:
    """A request as rules look at it."""

    operation: str
    """As permissions name it; "" for one that no collector declares."""
    namespace: str
    """With a slash at its end; "" for the root."""
    path: str
    """Below `/v1/`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """A fault, and the requests that it befalls. What is left out holds for any. Each rule counts for itself."""

    fault: Fault
    operation: str = "*"
    """As permissions name it, with `*` for any text: `transit:ReadKey`, `kv:*`."""
    path: str = ""
    """A part of the path."""
    namespace: str | None = None
    calls: Collection[int] | None = None
    """Which of the requests that fit, counted from 1 for each rule; None for all."""

    def fits(self, request: Request) -> bool:
        """The request is one that the rule is for, whichever call it is."""
        return (
            fnmatchcase(request.operation, self.operation)
            and self.path in request.path
            and self.namespace in (None, request.namespace)
        )


FaultPlan: TypeAlias = "Sequence[Rule] | Callable[[Request], Rule | None]"
"""The rules in the order in which they are tried, or a function that gives the rule for a request."""


def error_of(fault: Fault) -> HttpResponse | None:
    """The error with which a Vault answers, or None where the fault is not of that kind."""
    known = _ERRORS.get(fault)
    if known is None:
        return None
    status, error, headers = known
    body = json.dumps({"errors": [error]}).encode() + b"\n"
    return HttpResponse(status, {"Content-Type": "application/json", **headers}, body)


_DENIED = "1 error occurred:\n\t* permission denied\n\n"
_ERRORS = {
    Fault.REFUSE: (403, _DENIED, {}),
    Fault.EXPIRE: (403, "permission denied", {}),
    Fault.THROTTLE: (429, 'request path "": rate limit quota exceeded', {"Retry-After": "1"}),
    Fault.BREAK: (500, "internal error", {}),
}
