"""How Azure tells that something went wrong, and for which requests it shall."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from keyproof.demo.azure.wire import AzureError, EntraError, Request
from keyproof.demo.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """A fault, and the requests that it befalls. What is left out holds for any. Each rule counts for itself."""

    fault: Fault
    operation: str = "*"
    """With `*` for any text: `keys:GetKey`, `arm:Vaults_*`."""
    subject: str = ""
    """A part of the path that the request is for."""
    store: str = ""
    """The vault or managed HSM, in lower case."""
    subscription: str = ""
    calls: Collection[int] | None = None
    """Which of the requests that fit, counted from 1 for each rule; None for all."""
    inner: str = ""
    """For a refusal of the data plane, another code than the store's kind of access control brings."""
    because: str = ""
    """For a refusal, what it says on top."""
    retry_after: int = 1
    """Seconds, for a request that is throttled."""

    def fits(self, request: Request) -> bool:
        """The request is one of those that the rule is for, whichever call it is."""
        return (
            fnmatchcase(request.name, self.operation)
            and self.subject in request.subject
            and self.store in ("", request.store)
            and self.subscription in ("", request.subscription)
        )


FaultPlan: TypeAlias = "Sequence[Rule] | Callable[[Request], Rule | None]"
"""The rules in the order in which they are tried, or a function that gives the rule for a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and of whom."""

    application: str
    object_id: str
    issuer: str
    location: str = ""
    """Of the vault or managed HSM; empty for management."""
    refused_as: str = ""
    """The code with which the vault or managed HSM refuses."""

    def __str__(self) -> str:
        """As Azure names it in its refusals."""
        return f"appid={self.application};oid={self.object_id};iss={self.issuer}"


def error_of(rule: Rule, request: Request, caller: Caller, permission: str) -> AzureError | EntraError | None:
    """The error with which Azure answers the request, or None where the fault is not of that kind."""
    tell = _TOLD.get(rule.fault)
    return tell(rule, request, caller, permission) if tell else None


def refusal(request: Request, caller: Caller, permission: str, inner: str) -> AzureError:
    """How the data plane says that the caller may not do something, or may not come from where it does."""
    vault = f"Vault: {request.store};location={caller.location}"
    texts = {
        "ForbiddenByRbac": (
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role"
            " definitions were changed recently, please observe propagation time.\r\n"
            f"Caller: {caller}\r\nAction: '{permission}'\r\nResource: '{request.subject}'\r\n"
            f"Assignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\n{vault}\r\n"
        ),
        "ForbiddenByPolicy": (
            f"The user, group or application '{caller}' does not have {request.service} {_granted_as(request)}"
            f" permission on key vault '{request.store};location={caller.location}'."
        ),
        "ForbiddenByConnection": (
            "Public network access is disabled and request is not from a trusted service nor via an approved private"
            f" link.\r\nCaller: {caller}\r\n{vault}"
        ),
        "ForbiddenByFirewall": (
            "Client address is not authorized and caller is not a trusted service.\r\nClient address: 127.0.0.1\r\n"
            f"Caller: {caller}\r\n{vault}"
        ),
        "AccessDenied": f"User is not authorized to perform this operation: {permission}.",
    }
    return AzureError(403, "Forbidden", texts[inner], inner=inner)


def _granted_as(request: Request) -> str:
    """The word by which an access policy grants the operation."""
    if "RotationPolicy" in request.operation:
        return "getrotationpolicy"
    return "list" if request.operation.endswith("s") else "get"


def _refused(rule: Rule, request: Request, caller: Caller, permission: str) -> AzureError | EntraError:
    if request.service == "entra":
        return EntraError(401, "invalid_client", "Invalid client secret provided.", 7000215)
    if caller.location:
        refused = refusal(request, caller, permission, rule.inner or caller.refused_as)
        refused.message += rule.because
        return refused
    text = (
        f"The client '{caller.application}' with object id '{caller.object_id}' does not have authorization to perform"
        f" action '{permission}' over scope '{request.subject}' or the scope is invalid. If access was recently"
        f" granted, please refresh your credentials.{rule.because}"
    )
    return AzureError(403, "AuthorizationFailed", text)


def _throttled(rule: Rule, request: Request, caller: Caller, permission: str) -> AzureError | EntraError:
    headers = {"Retry-After": str(rule.retry_after)}
    if request.service == "entra":
        return EntraError(429, "temporarily_unavailable", "The server is too busy to handle the request.", 90055)
    if caller.location:
        text = "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"
        return AzureError(429, "Throttled", text, headers=headers)
    if request.service == "graph":
        quota = {"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:05"}
        return AzureError(429, "RateLimiting", "Client application has been throttled.", headers={**headers, **quota})
    text = f"The request for subscription '{request.subscription}' is being throttled. Please try again later."
    left = {"x-ms-ratelimit-remaining-subscription-reads": "0"}
    return AzureError(429, "SubscriptionRequestsThrottled", text, headers={**headers, **left})


def _broken(rule: Rule, request: Request, caller: Caller, permission: str) -> AzureError | EntraError:
    if request.service == "entra":
        return EntraError(500, "server_error", "An internal error occurred.", 90033)
    return AzureError(500, "InternalServerError", "The server encountered an internal error. Please retry the request.")


def _expired(rule: Rule, request: Request, caller: Caller, permission: str) -> AzureError | EntraError:
    if request.service == "entra":
        return EntraError(401, "invalid_client", "The provided client secret keys are expired.", 7000222)
    return expired_token(bool(caller.location))


def expired_token(data_plane: bool) -> AzureError:
    """How Azure says that an access token is too old, but for the challenge that its header carries."""
    if data_plane:
        text = "AKV10046: Unable to resolve the key used for signature validation, or the token's lifetime has passed."
        return AzureError(401, "Unauthorized", text)
    text = "The access token expiry UTC time is earlier than current UTC time."
    return AzureError(401, "ExpiredAuthenticationToken", text)


_TOLD = {
    Fault.REFUSE: _refused,
    Fault.THROTTLE: _throttled,
    Fault.BREAK: _broken,
    Fault.EXPIRE: _expired,
}


def without_token(document: Any) -> Any:
    """A page whose link to the next one has lost most of its token, or a graph's rows without any token.

    Azure answers such a link with an error, and says by a flag that rows are missing.
    """
    if not isinstance(document, dict):
        return document
    if document.get("nextLink"):
        return {**document, "nextLink": re.sub("(skiptoken=....).*", r"\1", document["nextLink"])}
    return {name: value for name, value in document.items() if name != "$skipToken"}
