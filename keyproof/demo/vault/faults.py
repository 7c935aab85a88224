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

    fault: Fault | None = None
    answer: HttpResponse | None = None
    """What is answered in place of the server, such as what another version of it, or Vault Enterprise, would."""
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


def answered(status: int, document: object, **headers: str) -> HttpResponse:
    """An answer of the API."""
    return HttpResponse(status, {"Content-Type": "application/json", **headers}, json.dumps(document).encode() + b"\n")


UNSUPPORTED = answered(404, {"errors": ["1 error occurred:\n\t* unsupported path\n\n"]})
"""What a server says of an operation that it does not have."""


def error_of(rule: Rule) -> HttpResponse | None:
    """What is answered in place of the server, or None where the rule does something else."""
    if rule.answer is not None or rule.fault is None:
        return rule.answer
    return _ERRORS.get(rule.fault)


_DENIED = "1 error occurred:\n\t* permission denied\n\n"
_ERRORS = {
    Fault.REFUSE: answered(403, {"errors": [_DENIED]}),
    Fault.EXPIRE: answered(403, {"errors": ["permission denied"]}),
    Fault.THROTTLE: answered(429, {"errors": ["rate limit quota exceeded"]}, **{"Retry-After": "1"}),
    Fault.BREAK: answered(500, {"errors": ["internal error"]}),
}
