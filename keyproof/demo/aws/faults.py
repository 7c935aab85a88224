"""How AWS tells that something went wrong, and for which requests it shall."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from keyproof.demo.aws.wire import AwsError, Request
from keyproof.demo.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """A fault, and the requests that it befalls. What is left out holds for any. Each rule counts for itself."""

    fault: Fault
    operation: str = "*"
    """As permissions name it, with `*` for any text: `kms:GetKeyPolicy`, `kms:*`."""
    subject: str = ""
    """A part of the ARN, id or name that the request is about."""
    account: str = ""
    region: str = ""
    calls: Collection[int] | None = None
    """Which of the requests that fit, counted from 1 for each rule; None for all."""
    because: str = "no identity-based policy allows it"
    """For a refusal, the reason that AWS states."""

    def fits(self, request: Request) -> bool:
        """The request is one of those that the rule is for, whichever call it is."""
        return (
            fnmatchcase(request.name, self.operation)
            and self.subject in request.subject
            and self.account in ("", request.account)
            and self.region in ("", request.region)
        )


FaultPlan: TypeAlias = "Sequence[Rule] | Callable[[Request], Rule | None]"
"""The rules in the order in which they are tried, or a function that gives the rule for a request."""

_THROTTLED = {
    "account": AwsError("TooManyRequestsException", "Too Many Requests", 429),
    "organizations": AwsError("TooManyRequestsException", "Rate exceeded"),
    "resourcegroupstaggingapi": AwsError("ThrottledException", "Rate exceeded"),
    "sts": AwsError("Throttling", "Rate exceeded"),
    "iam": AwsError("Throttling", "Rate exceeded"),
    "rds": AwsError("Throttling", "Rate exceeded"),
    "ec2": AwsError("RequestLimitExceeded", "Request limit exceeded.", 503),
}


def error_of(rule: Rule, request: Request, caller: str) -> AwsError | None:
    """The error with which AWS answers the request, or None where the fault is not of that kind."""
    plain = request.xml
    if rule.fault is Fault.REFUSE:
        on = f" on resource: {request.subject}" if request.subject else ""
        text = f"User: {caller} is not authorized to perform: {request.name}{on} because {rule.because}"
        denied = 403 if request.protocol != "json" else 400
        code = "UnauthorizedOperation" if request.service == "ec2" else "AccessDenied"
        return AwsError(code if plain else "AccessDeniedException", text, denied)
    if rule.fault is Fault.THROTTLE:
        return _THROTTLED.get(request.service, AwsError("ThrottlingException", "Rate exceeded"))
    if rule.fault is Fault.BREAK:
        return AwsError("InternalFailure", "The request processing has failed because of an unknown error.", 500)
    if rule.fault is Fault.EXPIRE:
        code = "ExpiredToken" if plain else "ExpiredTokenException"
        return AwsError(code, "The security token included in the request is expired", 403 if plain else 400)
    return None


def without_token(document: Any) -> Any:
    """Only where a flag of its own says that there is more can a client see that the token is lost."""
    if isinstance(document, dict) and "Truncated" in document:
        return {name: value for name, value in document.items() if name != "NextMarker"} | {"Truncated": True}
    return document
