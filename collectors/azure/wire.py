"""Exchanges with Azure: each request guarded before it is sent, each answer kept as it came, each error told apart."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.rest import HttpRequest

from collectors import questions
from collectors.azure.credentials import Seat
from collectors.azure.operations import OPERATIONS
from collectors.azure.paging import pages
from collectors.azure.routes import ROUTES, same_place
from collectors.exchange import Check, Outcome, one_line, problem
from collectors.paging import Ask
from collectors.source import UndeclaredOperation
from evidence.observation import JSON, Observation, Status, body_text
from evidence.recording import ScopeHeader

_OPTION = "keyproof_underway"

_REFUSED = frozenset([401, 403])
_SWITCHED_OFF = frozenset(["SubscriptionNotRegistered", "MissingSubscriptionRegistration", "DisabledSubscription"])
"""Codes by which Resource Manager says that a subscription has not enabled what is asked."""


@dataclass(slots=True)
class _Underway:
    """One exchange on its way through a client's pipeline."""

    operation: str
    attempts: int = 0


class _Guard(SansIOHTTPPolicy[Any, Any]):
    """Lets nothing out but what is declared, at the path where it is declared, and to the host it is meant for.

    It stands before the policy that asks for a token: what is refused gets none.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Raises UndeclaredOperation for any other request."""
        options = request.context.options
        if _OPTION in options:
            request.context[_OPTION] = options.pop(_OPTION)
        underway: _Underway | None = request.context.get(_OPTION)
        asked = f"{request.http_request.method} {request.http_request.url}"
        if underway is None or underway.operation not in OPERATIONS:
            raise UndeclaredOperation(f"{asked} is no operation that this collector declares, so it is not called")
        admitted = ROUTES[underway.operation].admits(urlsplit(request.http_request.url).path)
        here = same_place(request.http_request.url, self._address)
        if request.http_request.method != "GET" or not admitted or not here:
            raise UndeclaredOperation(f"{asked} is not {underway.operation}, so it is not called")
        underway.attempts += 1


class Inquiry(questions.Inquiry):
    """Asks Azure for one scope. Its clients live as long as the scope is being read."""

    def __init__(self, seat: Seat, header: ScopeHeader, address: str = "") -> None:
        super().__init__(header, header.identity)
        self._seat = seat
        self._address = address
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def address(self, operation: str) -> str:
        """The URL of the host that is asked."""
        return self._seat.configuration.resource_manager if operation.startswith("arm:") else self._address

    def pages(self, operation: str, parameters: dict[str, JSON], ask: Ask) -> Iterator[Observation]:
        """Page after page of a list, all of the host that is asked."""
        return pages(operation, parameters, self.address(operation), ask)

    def exchange(self, operation: str, parameters: dict[str, JSON], check: Check) -> Outcome:
        """Ask once; a store whose address is not of the configured cloud is not asked."""
        prefix = operation.partition(":")[0]
        if prefix != "arm" and not self._seat.configuration.trusts(self._address):
            error = f"ForeignAddress: {self._address!r} is no address of the configured cloud, so nothing is sent there"
            return Outcome(status=Status.FAILED, error=one_line(error))
        underway = _Underway(operation)
        return replace(self._send(prefix, underway, parameters, check), attempts=underway.attempts)

    def _send(
        self,
        prefix: str,
        underway: _Underway,
        parameters: Mapping[str, JSON],
        check: Check,
    ) -> Outcome:
        """The request goes through the official client's pipeline as it is, and its answer is taken as text.

        The client's models would lose what they do not know, refuse what they do not expect, and hide pages from the
        record. OSError goes through: it is this machine's, not Azure's. So does UndeclaredOperation.
        """
        try:
            request = HttpRequest("GET", ROUTES[underway.operation].target(parameters))
            response = self._client(prefix).send_request(request, **{_OPTION: underway})
            body = body_text(response.read())
        except AzureError as error:
            return Outcome(status=Status.FAILED, error=_described(error), body=_body_of(error))
        except (OSError, MemoryError, UndeclaredOperation):
            raise
        except Exception as error:  # noqa: BLE001 - whatever an answer does to the SDK becomes a failed observation
            return Outcome(status=Status.FAILED, error=_described(error))
        request_id = str(response.headers.get("x-ms-request-id", ""))
        if response.status_code != 200 and not _tells_of_none(response.status_code, body, underway.operation):
            return _error(response.status_code, body, request_id)
        wrong = problem(body, check)
        status = Status.FAILED if wrong else Status.OK
        return Outcome(status=status, error=wrong, request_id=request_id, body=body)

    def _client(self, prefix: str) -> Any:
        with self._lock:
            if prefix not in self._clients:
                guard = _Guard(self.address(f"{prefix}:"))
                self._clients[prefix] = self._seat.client(prefix, self._address, guard)
            return self._clients[prefix]


def _described(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}")


def _body_of(error: AzureError) -> str:
    """The answer that the SDK could not read, where it has kept it."""
    response = getattr(error, "response", None)
    try:
        return body_text(response.body()) if response is not None else ""
    except (AzureError, AttributeError):
        return ""


def _tells_of_none(status: int, body: str, operation: str) -> bool:
    """The error is an answer: what was asked for does not exist."""
    return status == 404 and ROUTES[operation].absent != "" and _error_members(body)[0] == ROUTES[operation].absent


def _error(status: int, body: str, request_id: str) -> Outcome:
    code, message = _error_members(body)
    text = one_line(f"{code or status}: {message}" if message else f"{code or status}")
    kind = Status.REFUSED if status in _REFUSED else Status.FAILED
    if code in _SWITCHED_OFF:
        kind = Status.SWITCHED_OFF
    return Outcome(status=kind, error=text, request_id=request_id, body=body)


def _error_members(body: str) -> tuple[str, str]:
    """The code and message of an error; a vault's firewall has a code of its own inside the first."""
    try:
        error = json.loads(body)["error"]
        inner = error.get("innererror")
        code = (inner.get("code") if isinstance(inner, dict) else None) or error.get("code")
        return str(code or ""), str(error.get("message") or "")
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return "", ""
