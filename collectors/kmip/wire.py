"""Exchanges with a KMIP server: each request guarded before it is sent, each answer bounded, each error told apart."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from collectors import questions
from collectors.exchange import Check, Outcome, next_wait, one_line, problem
from collectors.kmip import ttlv
from collectors.kmip.answers import BatchItem, Message
from collectors.kmip.credentials import Seat
from collectors.kmip.messages import LARGEST_ANSWER, check_request, operation_of, request
from collectors.kmip.names import TAG_NUMBERS
from collectors.kmip.paging import pages
from collectors.kmip.versions import LOWEST
from collectors.paging import Ask
from evidence.observation import JSON, Observation, Status, canonical_json
from evidence.recording import ScopeHeader

_OPENING_VERSIONS = (LOWEST, "2.1", "2.0")
"""The versions in which it is asked, until it understands one: some servers know nothing before 2.0."""

_NOT_UNDERSTOOD = ("Invalid Message", "Unsupported Protocol Version", "Codec Error", "Unknown Tag")

_REFUSED = frozenset({"Permission Denied", "Authentication Not Successful", "Not Authorised", "Attestation Required"})
_NOT_SUPPORTED = frozenset({"Operation Not Supported", "Feature Not Supported"})
_PASSING = frozenset({"General Failure", "Internal Server Error", "Server Limit Exceeded"})
"""Reasons that another try may mend."""

_CERTIFICATE_ALERTS = (
    "ACCESS_DENIED",
    "BAD_CERTIFICATE",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REQUIRED",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
    "UNSUPPORTED_CERTIFICATE",
)
"""TLS alerts by which a server refuses the client's certificate. Source: RFC 8446, section 6.2."""

_HEADER_START = TAG_NUMBERS["Response Message"].to_bytes(3, "big") + b"\x01"

_FIRST_WAIT, _LONGEST_WAIT = 0.25, 8.0
"""Seconds between tries."""


class ConnectionEnded(ConnectionError):
    """The server closed the connection before it had answered."""


class Connection:
    """A TLS connection to the server, over which one exchange follows the other."""

    def __init__(self, seat: Seat) -> None:
        configuration = seat.configuration
        limit = time.monotonic() + configuration.timeout_seconds
        plain = socket.create_connection((configuration.host, configuration.port), configuration.timeout_seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(_left(limit))
            self._socket = seat.context.wrap_socket(
                plain, server_hostname=configuration.server_name or configuration.host
            )
        except BaseException:
            plain.close()
            raise
        self.used = False
        """It has carried an answer before."""

    def ask(self, message: bytes, seconds: float) -> bytes:
        """Send a request, and give the bytes of its answer.

        Raises UndeclaredOperation, with nothing sent, where the request asks for more than keyproof declares; Garbled
        where what comes is no response message, or one too large; OSError where none comes in so many seconds.
        """
        check_request(message)
        limit = time.monotonic() + seconds
        self._send(message, limit)
        head = self._receive(ttlv.HEADER, limit)
        length = int.from_bytes(head[4:], "big")
        if not head.startswith(_HEADER_START):
            raise ttlv.Garbled(f"it begins with {head.hex()}, which is no response message")
        if length > LARGEST_ANSWER:
            raise ttlv.Garbled(f"it claims {length:,} bytes, more than the {LARGEST_ANSWER:,} that were asked for")
        answer = head + self._receive(length, limit)
        self.used = True
        return answer

    def _send(self, message: bytes, limit: float) -> None:
        """Send a request. A server that hung up has often said why, which is to be read where nothing can be sent."""
        self._socket.settimeout(_left(limit))
        try:
            self._socket.sendall(message)
        except TimeoutError:
            raise
        except OSError as error:
            try:
                self._socket.recv(1)
            except ssl.SSLError as told:
                raise told from error
            raise

    def _receive(self, count: int, limit: float) -> bytes:
        """So many bytes, which are kept only as they come."""
        received = bytearray()
        while len(received) < count:
            self._socket.settimeout(_left(limit))
            part = self._socket.recv(min(count - len(received), 1 << 16))
            if not part:
                raise ConnectionEnded(f"the server closed the connection after {len(received):,} of {count:,} bytes")
            received += part
        return bytes(received)

    def close(self) -> None:
        """Leave without a farewell: whoever is at the other end may be hanging."""
        self._socket.close()


def _left(limit: float) -> float:
    left = limit - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


@dataclass(slots=True)
class _Try:
    """How one try of an exchange ended."""

    outcome: Outcome
    reason: str = ""
    """The result reason, where the server gave one."""
    passing: bool = False
    """Another try may end better."""


@dataclass(slots=True)
class _Tries:
    """How many requests one exchange has sent, over all of its tries."""

    count: int = 0


class Inquiry(questions.Inquiry):
    """Asks one server for one scope, in one version of KMIP."""

    def __init__(self, seat: Seat, header: ScopeHeader, version: str = LOWEST) -> None:
        super().__init__(header, seat.identity)
        self._seat = seat
        self._version = version

    def pages(self, operation: str, parameters: dict[str, JSON], ask: Ask) -> Iterator[Observation]:
        """Page after page of what the server holds."""
        return pages(parameters, ask, self._version)

    def exchange(self, operation: str, parameters: dict[str, JSON], check: Check) -> Outcome:
        """Ask once, and again where an answer was lost or the server too busy."""
        configured = self._seat.configuration.protocol_version
        versions: tuple[str, ...] = (self._version,)
        if operation == "kmip:DiscoverVersions" and configured is None:
            versions = _OPENING_VERSIONS
        tries = _Tries()
        for version in versions:
            done = self._persistently(operation, parameters, version, check, tries)
            if done.reason not in _NOT_UNDERSTOOD:
                break
        return done.outcome

    def _persistently(
        self, operation: str, parameters: dict[str, JSON], version: str, check: Check, tries: _Tries
    ) -> _Try:
        attempts = self._seat.configuration.attempts
        for attempt in range(attempts):
            done = self._once(operation, parameters, version, check, tries)
            if not done.passing or attempt == attempts - 1:
                break
            time.sleep(next_wait(attempt, _FIRST_WAIT, _LONGEST_WAIT))
        return done

    def _once(self, operation: str, parameters: dict[str, JSON], version: str, check: Check, tries: _Tries) -> _Try:
        configuration = self._seat.configuration
        try:
            message = request(operation, parameters, version, configuration.username or "", self._seat.password)
        except UnicodeEncodeError as error:
            return _Try(_failure(f"NotSent: {error}", tries))
        try:
            item = ttlv.read(self._ask(message, tries))
        except ttlv.Garbled as error:
            self._hang_up()
            return _Try(_failure(f"InvalidAnswer: {error}", tries))
        except OSError as error:
            self._hang_up()
            return _lost(error, tries)
        return _judged(item, operation, check, tries)

    def _ask(self, message: bytes, tries: _Tries) -> bytes:
        """Over the connection of this thread. One that the server has closed meanwhile is opened anew."""
        own = self._seat.own
        seconds = self._seat.configuration.timeout_seconds
        connection: Connection | None = getattr(own, "connection", None)
        if connection is not None and connection.used:
            try:
                tries.count += 1
                return connection.ask(message, seconds)
            except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                self._hang_up()
        tries.count += 1
        connection = own.connection = Connection(self._seat)
        return connection.ask(message, seconds)

    def _hang_up(self) -> None:
        connection: Connection | None = getattr(self._seat.own, "connection", None)
        if connection is not None:
            connection.close()
        self._seat.own.connection = None


def _failure(error: str, tries: _Tries, body: str = "") -> Outcome:
    return Outcome(status=Status.FAILED, error=one_line(error), body=body, attempts=tries.count)


def _lost(error: OSError, tries: _Tries) -> _Try:
    """How an exchange ended to which no answer came."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"the server's certificate is not accepted: {error.verify_message} (see ca_file and server_name)"
        return _Try(_failure(f"{type(error).__name__}: {text}", tries))
    reason = getattr(error, "reason", None) or ""
    if isinstance(error, ssl.SSLError) and "ALERT" in reason and reason.endswith(_CERTIFICATE_ALERTS):
        text = f"{reason}: the server does not accept the client's certificate"
        return _Try(Outcome(status=Status.REFUSED, error=one_line(text), attempts=tries.count))
    return _Try(_failure(f"{type(error).__name__}: {error}", tries), passing=True)


def _judged(item: dict[str, Any], operation: str, check: Check, tries: _Tries) -> _Try:
    """How an exchange ended that the server answered."""
    body = canonical_json(item)
    try:
        batch = Message.model_validate(item).only
    except ValidationError as error:
        return _Try(_failure(f"InvalidAnswer: {error.errors(include_url=False)[0]['msg']}", tries, body))
    except ValueError as error:
        return _Try(_failure(f"InvalidAnswer: {error}", tries, body))
    if batch.result_status != "Success":
        return _unsuccessful(batch, body, tries)
    if batch.operation != operation_of(operation):
        wrong = f"InvalidAnswer: the answer is one to {batch.operation or 'no operation'}"
    else:
        wrong = problem(body, check)
    status = Status.FAILED if wrong else Status.OK
    return _Try(Outcome(status=status, error=one_line(wrong), body=body, attempts=tries.count))


def _unsuccessful(batch: BatchItem, body: str, tries: _Tries) -> _Try:
    reason = batch.result_reason or ""
    status = Status.FAILED
    if reason in _REFUSED:
        status = Status.REFUSED
    elif reason in _NOT_SUPPORTED:
        status = Status.SWITCHED_OFF
    text = f"{reason or batch.result_status}: {batch.result_message or 'no reason is given'}"
    outcome = Outcome(status=status, error=one_line(text), body=body, attempts=tries.count)
    return _Try(outcome, reason, passing=reason in _PASSING)
