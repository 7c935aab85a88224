"""How Google Cloud tells that something went wrong, and for which requests it shall."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from google.protobuf import duration_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2

from keyproof.demo.faults import Fault
from keyproof.demo.gcp.permissions import permission
from keyproof.demo.gcp.wire import APIS, GoogleError, Request, error_info, texts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """A fault, and the requests that it befalls. What is left out holds for any. Each rule counts for itself."""

    fault: Fault
    operation: str = "*"
    """As permissions name it, with `*` for any text: `kms:ListKeyRings`, `kms:*`."""
    subject: str = ""
    """A part of the resource's name that the request is about."""
    project: str = ""
    """The id of the project that the resource is in."""
    location: str = ""
    permission: str = ""
    """The permission that the request needs: tells methods apart that need one or another."""
    calls: Collection[int] | None = None
    """Which of the requests that fit, counted from 1 for each rule; None for all."""
    because: str = ""
    """For a refusal, what it says on top."""
    code: str = "INTERNAL"
    """For a service that breaks, the canonical code with which it answers: UNAVAILABLE, DEADLINE_EXCEEDED, …"""
    retry_after: float = 0.1
    """For a throttled request, the seconds that its RetryInfo asks to wait."""

    def fits(self, request: Request, project: str) -> bool:
        """The request, about a resource of a project, is one that the rule is for, whichever call it is."""
        return (
            fnmatchcase(request.name, self.operation)
            and self.subject in request.subject
            and self.project in ("", project)
            and self.location in ("", request.part("locations"))
            and self.permission in ("", permission(request))
        )


FaultPlan: TypeAlias = "Sequence[Rule] | Callable[[Request], Rule | None]"
"""The rules in the order in which they are tried, or a function that gives the rule for a request."""

_BROKEN = {
    "INTERNAL": "Internal error encountered.",
    "UNAVAILABLE": "The service is currently unavailable.",
    "DEADLINE_EXCEEDED": "Deadline expired before operation could complete.",
    "UNIMPLEMENTED": "Operation is not implemented, or supported, or enabled.",
    "FAILED_PRECONDITION": "Precondition check failed.",
}


def error_of(rule: Rule, request: Request) -> GoogleError | None:
    """The error with which Google answers the request, or None where the fault is not of that kind."""
    if rule.fault is Fault.REFUSE:
        return denied(request, rule.because)
    if rule.fault is Fault.THROTTLE:
        return throttled(request, rule.retry_after)
    if rule.fault is Fault.BREAK:
        return GoogleError(rule.code, _BROKEN.get(rule.code, rule.code))
    if rule.fault is Fault.EXPIRE:
        return unauthenticated("ACCESS_TOKEN_EXPIRED", APIS[request.method.service], request.method.path)
    return None


def denied(request: Request, because: str = "") -> GoogleError:
    """The caller lacks a permission; Google does not say whether the resource exists."""
    needed = permission(request)
    resource = f"//{APIS[request.method.service]}/{request.subject}"
    return GoogleError(
        "PERMISSION_DENIED",
        f"Permission '{needed}' denied on resource '{resource}' (or it may not exist).{because}",
        error_info("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=needed, resource=resource),
    )


def throttled(request: Request, retry_after: float) -> GoogleError:
    """A quota is used up."""
    api = APIS[request.method.service]
    wait = duration_pb2.Duration()
    wait.FromMilliseconds(round(retry_after * 1000))
    metric = f"{api}/read_requests"
    return GoogleError(
        "RESOURCE_EXHAUSTED",
        f"Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute' of service '{api}'.",
        error_info("RATE_LIMIT_EXCEEDED", "googleapis.com", service=api, quota_metric=metric),
        error_details_pb2.RetryInfo(retry_delay=wait),
    )


def switched_off(api: str, project: str) -> GoogleError:
    """The project has not switched the API on. `project` is its resource name."""
    console = f"https://console.developers.google.com/apis/api/{api}/overview?project={project.partition('/')[2]}"
    text = (
        f"{api} has not been used in project {project.partition('/')[2]} before or it is disabled. Enable it by "
        f"visiting {console} then retry."
    )
    link = error_details_pb2.Help.Link(description="Google developers console API activation", url=console)
    return GoogleError(
        "PERMISSION_DENIED",
        text,
        error_details_pb2.Help(links=[link]),
        error_info("SERVICE_DISABLED", "googleapis.com", service=api, consumer=project),
    )


def unauthenticated(reason: str, api: str, path: str) -> GoogleError:
    """The request has no token, or none that is good: CREDENTIALS_MISSING, ACCESS_TOKEN_EXPIRED, …"""
    text = "Request is missing required authentication credential."
    if reason != "CREDENTIALS_MISSING":
        text = "Request had invalid authentication credentials."
    method = path.lstrip("/").replace("/", ".")
    return GoogleError(
        "UNAUTHENTICATED",
        f"{text} Expected OAuth 2 access token, login cookie or other valid authentication credential.",
        error_info(reason, "googleapis.com", service=api, method=method),
    )


def without_next_page(answer: Any) -> None:
    """Lose the token of the next page, where the total size lets a client see that it is lost."""
    if "total_size" in answer.DESCRIPTOR.fields_by_name:
        answer.ClearField("next_page_token")


# Over gRPC a connection carries all requests of a client, and a message is framed by its length: what HTTP calls a
# proxy's page or a broken connection reaches the client as a status of its own library, which is answered here.

_LIBRARY_STATUS = {
    Fault.HTML: ("UNKNOWN", "Received http2 header with status: 500"),
    Fault.STOP: ("UNAVAILABLE", "recvmsg:Connection reset by peer"),
    Fault.CLOSE: ("UNAVAILABLE", "Socket closed"),
}

_MARK, _SURROGATE = "\u0fff", b"\xed\xa0\x80"
"""Three bytes of UTF-8 each, so that one can stand for the other without changing a length."""


def library_status(fault: Fault) -> GoogleError | None:
    """What the client's gRPC library says where no answer came, or None where the fault is of another kind."""
    return GoogleError(*_LIBRARY_STATUS[fault]) if fault in _LIBRARY_STATUS else None


def spoil_message(fault: Fault, answer: Any) -> bytes:
    """The bytes of a good answer as the fault leaves them; unchanged by faults that leave no answer or another one."""
    if fault is Fault.LOSE_PAGE:
        without_next_page(answer)
    if fault is Fault.SURROGATES:
        texts(answer, lambda text: _MARK + text)
        return bytes(answer.SerializeToString().replace(_MARK.encode(), _SURROGATE))
    content = bytes(answer.SerializeToString())
    if fault is Fault.CUT:
        return _cut(content, type(answer))
    if fault is Fault.WRONG_TYPES:
        return _ill_typed(answer)
    return content


def _cut(content: bytes, kind: Any) -> bytes:
    """About the first half, ending within a field: protobuf takes an end between two for the whole."""
    for end in range(len(content) // 2, 0, -1):
        with suppress(DecodeError):
            kind.FromString(content[:end])
            continue
        return content[:end]
    return b"\x0a"


def _ill_typed(answer: Any) -> bytes:
    """Every text and message of the answer holds bytes that are neither.

    A field of another wire type would not be noticed: protobuf skips it as one that it does not know.
    """
    numbers = [descriptor.number for descriptor in answer.DESCRIPTOR.fields if descriptor.type in (9, 11)]
    return b"".join(_tag(number) + b"\x01\xff" for number in numbers)


def _tag(number: int) -> bytes:
    """The tag of a length-delimited field."""
    value = number << 3 | 2
    return bytes([value]) if value < 128 else bytes([value & 127 | 128, value >> 7])
