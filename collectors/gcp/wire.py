"""Exchanges with Google Cloud: each request guarded before it is sent, each answer kept, each error told apart."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import grpc
import requests
from google.api_core import exceptions
from google.api_core.retry import Retry
from google.api_core.timeout import ConstantTimeout
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.protobuf.json_format import MessageToDict

from collectors import questions
from collectors.exchange import Check, Outcome, one_line, problem
from collectors.gcp.credentials import Guard, Seat
from collectors.gcp.methods import PATHS, may_be_asked, method_of
from collectors.gcp.paging import pages
from collectors.https import TrustingAdapter, read_bounded
from collectors.paging import Ask
from collectors.source import UndeclaredOperation
from evidence.observation import JSON, Observation, Status, body_text, canonical_json
from evidence.recording import ScopeHeader

SERVICE_DISABLED = "SERVICE_DISABLED"
"""The reason by which Google says that a project has not switched an API on."""

_PASSING = (
    exceptions.ServiceUnavailable,
    exceptions.TooManyRequests,
    exceptions.DeadlineExceeded,
    exceptions.GatewayTimeout,
    exceptions.BadGateway,
    exceptions.InternalServerError,
    requests.ConnectionError,
    requests.Timeout,
)
"""What another try may mend. Refusals are not among them."""

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
"""Seconds between tries; each wait is twice the one before, at random up to that."""


_NAME = re.compile(r"[\w.~:@%+/-]*", re.ASCII)
"""What names of Google's resources consist of. Another character could make an URL ask for something else."""

_ELSEWHERE = frozenset({".", ".."})
"""Parts of an URL's path that lead to another."""

_NAMING = ("resource", "name", "parent", "scope", "crypto_key")
"""Members of a request that name a resource."""


class _Underway(threading.local):
    """What a thread's request has seen so far."""

    attempts = 0
    body = b""
    request_id = ""

    def begin(self) -> None:
        self.attempts, self.body, self.request_id = 0, b"", ""


_underway = _Underway()


class _Interceptor(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[misc]  # grpc has no types
    grpc.UnaryStreamClientInterceptor,  # type: ignore[misc]
    grpc.StreamUnaryClientInterceptor,  # type: ignore[misc]
    grpc.StreamStreamClientInterceptor,  # type: ignore[misc]
):
    """Refuses whatever is not declared, before it is sent, and counts the rest."""

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        if client_call_details.method not in PATHS:
            raise UndeclaredOperation(f"{client_call_details.method} is not declared by this collector: not called")
        _underway.attempts += 1
        return continuation(client_call_details, request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        raise UndeclaredOperation(f"{client_call_details.method} streams, which no declared operation does")

    intercept_stream_unary = intercept_stream_stream = intercept_unary_stream


class _Adapter(TrustingAdapter):
    """Refuses whatever is not declared, or goes to another server than its client's, before it is sent; counts the
    rest and keeps what is answered. Nothing that Google's services are asked for is answered with another address.
    """

    def __init__(self, host: str, ca_file: str | None, **options: Any) -> None:
        super().__init__(ca_file, **options)
        self._server = _server(f"https://{host}")

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = urlsplit(request.url or "")
        uri = unquote(url.path)
        if _server(request.url or "") != self._server:
            raise UndeclaredOperation(f"{url.scheme}://{url.netloc} is not the client's server, so it is not asked")
        if not may_be_asked(request.method or "", uri):
            raise UndeclaredOperation(f"{request.method} {uri} is not declared by this collector, so it is not called")
        request.url = urlunsplit(url._replace(query=_without_numbers(url.query)))
        _underway.attempts += 1
        _underway.body = b""
        response = super().send(request, *args, **{**kwargs, "stream": True})
        _underway.body = read_bounded(response)
        if response.is_redirect:
            raise requests.RequestException(f"the answer leads to {response.headers['location']}", request=request)
        return response


def _server(address: str) -> tuple[str, str | None, int]:
    url = urlsplit(address)
    return url.scheme, url.hostname, url.port or 443


def _without_numbers(query: str) -> str:
    """A query that does not ask for the numbers of enumerations in place of their names, as some clients do."""
    return "&".join(part for part in query.split("&") if not unquote(part).startswith("$alt="))


class _Guard(Guard):
    def watched_channel(self, channel: Any) -> Any:
        return grpc.intercept_channel(channel, _Interceptor())

    def watch_session(self, session: Any, seat: Seat, host: str) -> None:
        adapter = _Adapter(host, seat.configuration.ca_file, pool_maxsize=64)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        session._auth_request = seat.token_request
        session._refresh_status_codes = ()  # what is refused is not tried again with another token


GUARD = _Guard()


class Inquiry(questions.Inquiry):
    """Asks Google Cloud for one scope."""

    def __init__(self, seat: Seat, header: ScopeHeader, *, region: str = "") -> None:
        super().__init__(header, seat.identity)
        self._seat = seat
        self._region = region
        """Of Secret Manager's regional endpoint; "" for its global one."""

    def pages(self, operation: str, parameters: dict[str, JSON], ask: Ask) -> Iterator[Observation]:
        """Page after page of a list."""
        return pages(operation, parameters, ask)

    def exchange(self, operation: str, parameters: dict[str, JSON], check: Check) -> Outcome:
        """Ask once; a name that would lead elsewhere than to what the operation is about is not sent."""
        _underway.begin()
        try:
            answer = self._call(operation, parameters)
        except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
            return _refusal(error.cause if isinstance(error, exceptions.RetryError) else error)
        except UndeclaredOperation as error:  # the operation is declared, so a name in it would lead elsewhere
            return _failure(f"NotSent: {error}")
        except RefreshError as error:
            return _failure(f"{type(error).__name__}: {error} (renew the credentials and collect again)")
        except (GoogleAuthError, requests.RequestException) as error:
            return _failure(f"{type(error).__name__}: {error}")
        except (OSError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a name or an answer does to a client is a failed observation
            what = "InvalidAnswer" if _underway.attempts else "NotSent"
            return _failure(f"{what}: {type(error).__name__}: {error}")
        body = body_text(_underway.body) if self._rest else _canonical(answer)
        wrong = problem(body, check)
        return Outcome(
            status=Status.FAILED if wrong else Status.OK, error=wrong, body=body, attempts=_underway.attempts
        )

    @property
    def _rest(self) -> bool:
        return self._seat.configuration.transport == "rest"

    def _call(self, operation: str, parameters: Mapping[str, JSON]) -> Any:
        configuration = self._seat.configuration
        names = [str(parameters[name]) for name in _NAMING if name in parameters]
        for name in names:
            if not _NAME.fullmatch(name) or not _ELSEWHERE.isdisjoint(name.split("/")):
                raise UndeclaredOperation(f"{name!r} is no name of a resource of Google's")
        method = method_of(operation, names[0])
        region = self._region if operation.startswith("secretmanager:") else ""
        client = self._seat.client(method, region, GUARD)

        def again(error: Exception) -> bool:
            return isinstance(error, _PASSING) and _underway.attempts < configuration.attempts

        return getattr(client, method.name)(
            request=dict(parameters),
            retry=Retry(
                predicate=again,
                initial=_FIRST_WAIT,
                maximum=_LONGEST_WAIT,
                multiplier=2,
                timeout=configuration.timeout_seconds * configuration.attempts,
            ),
            timeout=ConstantTimeout(configuration.timeout_seconds),  # type: ignore[no-untyped-call]
        )


def _canonical(answer: Any) -> str:
    """A message as canonical JSON, with the names that its fields have in the protocol."""
    page = getattr(answer, "raw_page", answer)
    message = type(page).pb(page) if hasattr(type(page), "pb") else page
    return canonical_json(MessageToDict(message, preserving_proto_field_name=True))


def _failure(error: str) -> Outcome:
    return Outcome(
        status=Status.FAILED, error=one_line(error), body=body_text(_underway.body), attempts=_underway.attempts
    )


def _refusal(error: Any) -> Outcome:
    """How an exchange ended that Google answered with an error."""
    code, message = _told(_underway.body)
    code = code or getattr(error.grpc_status_code, "name", "") or str(error.code)
    reason = error.reason or ""
    text = f"{code}: {message or error.message}" + (f" [{reason}]" if reason else "")
    status = Status.FAILED
    if isinstance(error, exceptions.Forbidden):
        status = Status.SWITCHED_OFF if reason == SERVICE_DISABLED else Status.REFUSED
    elif isinstance(error, exceptions.Unauthorized):
        text = f"{text} (the credentials are not accepted: renew them and collect again)"
    body = body_text(_underway.body) or _error_body(code, error)
    return Outcome(status=status, error=one_line(text), body=body, attempts=_underway.attempts)


def _told(body: bytes) -> tuple[str, str]:
    """Code and message of an error over REST; "" for what the body does not tell."""
    try:
        told = json.loads(body)["error"]
        return str(told["status"]), str(told["message"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return "", ""


def _error_body(code: str, error: Any) -> str:
    """An error over gRPC as canonical JSON: its code, its message and those details whose type is known."""
    details = [MessageToDict(d, preserving_proto_field_name=True) for d in error.details if hasattr(d, "DESCRIPTOR")]
    return canonical_json({"code": code, "message": error.message, "details": details})
