"""Exchanges with Vault: each request guarded before it is sent, each answer kept as it came, each error told apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from collectors import questions
from collectors.exchange import Check, Outcome, one_line, problem
from collectors.paging import Ask
from collectors.source import CredentialError, UndeclaredOperation
from collectors.vault.credentials import Reply, Seat, Unanswered
from collectors.vault.redaction import REDACTIONS
from collectors.vault.routes import ROUTES, Route, UnusableName, check_namespace
from evidence.observation import JSON, Observation, Status
from evidence.recording import ScopeHeader

WITHOUT_TOKEN = frozenset(["sys:ReadSealStatus", "sys:ReadHealth"])
"""Operations that a Vault answers whoever asks, so that they are told even where nobody could log in."""

_REFUSED = frozenset([401, 403])


class Inquiry(questions.Inquiry):
    """Asks a Vault for one scope."""

    def __init__(self, seat: Seat, header: ScopeHeader) -> None:
        super().__init__(header, seat.identity)
        self._seat = seat

    def pages(self, operation: str, parameters: dict[str, JSON], ask: Ask) -> Iterator[Observation]:
        """A list's one page: Vault answers it at once."""
        yield ask(dict(parameters), lambda answer: "")

    def exchange(self, operation: str, parameters: dict[str, JSON], check: Check) -> Outcome:
        """Ask once; a name that would lead elsewhere than to what the operation is about is not sent."""
        route = ROUTES.get(operation)
        if route is None:
            raise UndeclaredOperation(f"{operation} is not declared by this collector, so it is not called")
        try:
            reply = self._reply(operation, route, parameters)
        except (UnusableName, UndeclaredOperation) as error:  # the operation is declared: a name would lead elsewhere
            return _failure(f"NotSent: {error}")
        except (Unanswered, CredentialError) as error:
            return replace(_failure(str(error)), attempts=getattr(error, "attempts", 0))
        outcome = _outcome(route, reply, check)
        redact = REDACTIONS.get(operation)
        return replace(outcome, body=redact(outcome.body)) if redact else outcome

    def _reply(self, operation: str, route: Route, parameters: Mapping[str, JSON]) -> Reply:
        namespace = str(parameters.get("namespace", ""))
        check_namespace(namespace)
        path = route.target(parameters)
        if not route.admits(path):
            raise UnusableName(f"{path!r} is no path of {operation}")
        return self._seat.ask(
            route.verb, path, route.query, namespace=namespace, with_token=operation not in WITHOUT_TOKEN
        )


def _outcome(route: Route, reply: Reply, check: Check) -> Outcome:
    """How an exchange ended that was answered. Nothing below a folder is an answer, with status 404 and no error."""
    if reply.status == 200 or _tells_of_none(route, reply):
        wrong = problem(reply.body, check)
        status = Status.FAILED if wrong else Status.OK
        return Outcome(status=status, error=wrong, body=reply.body, attempts=reply.attempts)
    error = reply.error
    if 300 <= reply.status < 400:
        error = f"{reply.status}: this is no active node, and it leads to {reply.location}: name that one's address"
    status = Status.REFUSED if reply.status in _REFUSED else Status.FAILED
    return Outcome(status=status, error=one_line(error), body=reply.body, attempts=reply.attempts)


def _tells_of_none(route: Route, reply: Reply) -> bool:
    if reply.status not in (400, 404):
        return False
    try:
        errors = json.loads(reply.body)["errors"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return False
    if route.verb == "LIST" and errors == [] and reply.status == 404:
        return True
    return isinstance(errors, list) and any(text in str(error) for error in errors for text in route.absent)


def _failure(error: str) -> Outcome:
    return Outcome(status=Status.FAILED, error=one_line(error))
