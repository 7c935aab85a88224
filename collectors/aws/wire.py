"""Exchanges with AWS: each request guarded before it is sent, each answer kept as it came, each error told apart."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore import __version__ as botocore_version
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from collectors import questions
from collectors.aws.credentials import Seat
from collectors.aws.operations import NOT_IN_REGION, OPERATIONS, WITHHELD
from collectors.aws.paging import PAGING
from collectors.exchange import Check, Outcome, one_line, problem
from collectors.paging import Ask
from collectors.source import UndeclaredOperation
from evidence.observation import JSON, Observation, Status, body_text, canonical_json
from evidence.recording import ScopeHeader

BOTOCORE_NAMES = {"tag": "resourcegroupstaggingapi", "cloudhsm": "cloudhsmv2", "elasticfilesystem": "efs"}
"""botocore's name of a service where permissions call it otherwise."""

ENABLED_BY_DEFAULT = frozenset(
    [
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "ca-central-1",
        "sa-east-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
    ]
)
"""Regions that no account can switch off. Source: AWS Account Management, "Regions available by default"."""

REGIONAL = frozenset(["cloudhsm"])
"""Services that AWS has in some regions only."""

REFUSED = frozenset(
    [
        "AccessDenied",
        "AccessDeniedException",
        "AccessDeniedForDependencyException",
        "AuthorizationError",
        "CloudHsmAccessDeniedException",
        "NotAuthorized",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
        "UnauthorizedException",
    ]
)
SWITCHED_OFF = frozenset(
    ["AWSOrganizationsNotInUseException", "OptInRequired", "RegionDisabledException", "SubscriptionRequiredException"]
)
_UNKNOWN_CALLER = frozenset(["AuthFailure", "UnrecognizedClientException", "InvalidClientTokenId"])
"""How a region answers that the account has not enabled: it does not know the caller."""
_EXPIRED = frozenset(["ExpiredToken", "ExpiredTokenException", "RequestExpired"])


@dataclass(slots=True)
class _Underway:
    """What a thread's request has seen so far."""

    attempts: int = 0
    body: bytes = b""


class _Client:
    """A botocore client that sends declared operations only, and keeps the bytes of each answer."""

    def __init__(self, seat: Seat, prefix: str, region: str) -> None:
        service = BOTOCORE_NAMES.get(prefix, prefix)
        self._client = seat.client(service, region)
        self._prefix = prefix
        self._underway = threading.local()
        self._methods = {name: method for method, name in self._client.meta.method_to_api_mapping.items()}
        events = self._client.meta.events
        events.register_first("provide-client-params", self._guard)
        events.register_first("before-call", self._guard)
        events.register("before-send", self._count)
        events.register("before-parse", self._keep)

    @property
    def json(self) -> bool:
        """Answers are JSON on the wire."""
        return "json" in self._client.meta.service_model.resolved_protocol

    def call(self, action: str, parameters: Mapping[str, JSON]) -> tuple[dict[str, Any] | Exception, _Underway]:
        """The parsed answer, or the error; and what was seen of the exchange.

        OSError goes through: it is this machine's, not AWS's. So does UndeclaredOperation.
        """
        underway = self._underway.value = _Underway()
        try:
            return getattr(self._client, self._methods[action])(**parameters), underway
        except (ClientError, BotoCoreError) as error:  # some of these are OSErrors too, and yet the network's
            return error, underway
        except (OSError, MemoryError, UndeclaredOperation):
            raise
        except Exception as error:  # noqa: BLE001 - whatever an answer does to botocore becomes a failed observation
            return error, underway

    def _guard(self, model: Any, **_: Any) -> None:
        operation = f"{self._prefix}:{model.name}"
        if operation not in OPERATIONS:
            raise UndeclaredOperation(f"{operation} is not declared by this collector, so it is not called")

    def _count(self, **_: Any) -> None:
        self._underway.value.attempts += 1

    def _keep(self, response_dict: Mapping[str, Any], **_: Any) -> None:
        self._underway.value.body = response_dict["body"]


class Inquiry(questions.Inquiry):
    """Asks AWS for one scope. Its clients live as long as the scope is being read."""

    def __init__(self, seat: Seat, header: ScopeHeader, *, region: str, identity: str = "") -> None:
        super().__init__(header, identity)  # known means that the credentials are valid
        self.region = region
        self._seat = seat
        self._clients: dict[str, _Client] = {}
        self._lock = threading.Lock()

    def pages(self, operation: str, parameters: dict[str, JSON], ask: Ask) -> Iterator[Observation]:
        """Page after page of a list."""
        return PAGING[operation].pages(parameters, ask)

    def exchange(self, operation: str, parameters: dict[str, JSON], check: Check) -> Outcome:
        """Ask once; as nobody may enter an account whose role was refused, not even that."""
        if self._seat.refusal is not None:
            return self._entry_refused(self._seat.refusal)
        prefix, action = operation.split(":")
        try:
            client = self._client(prefix)
        except BotoCoreError as error:  # there is no such endpoint, say
            return Outcome(status=Status.FAILED, error=f"{type(error).__name__}: {error}")
        result, underway = client.call(action, parameters)
        if isinstance(result, EndpointConnectionError) and not self._offered(prefix, result):
            outcome = Outcome(status=Status.SWITCHED_OFF, error=_not_in_region(prefix, self.region))
        else:
            outcome = self._answer(client, result, underway, check)
        return replace(_withholding(operation, outcome), attempts=underway.attempts)

    def _client(self, prefix: str) -> _Client:
        with self._lock:
            if prefix not in self._clients:
                self._clients[prefix] = _Client(self._seat, prefix, self.region)
            return self._clients[prefix]

    def _answer(
        self,
        client: _Client,
        result: dict[str, Any] | Exception,
        underway: _Underway,
        check: Check,
    ) -> Outcome:
        if isinstance(result, ClientError):
            if result.operation_name == "AssumeRole":
                return self._entry_refused(result)
            body = _body(client, result.response, underway)
            return self._client_error(result, body)
        if isinstance(result, Exception):
            error = one_line(f"{type(result).__name__}: {result}")
            return Outcome(status=Status.FAILED, error=error, body=body_text(underway.body))
        request_id = str(result["ResponseMetadata"].get("RequestId", ""))
        body = _body(client, result, underway)
        wrong = problem(body, check)
        status = Status.FAILED if wrong else Status.OK
        return Outcome(status=status, error=wrong, request_id=request_id, body=body)

    def _offered(self, prefix: str, error: EndpointConnectionError) -> bool:
        """The region may have the service: AWS lists it there, or what could not be reached was not AWS's own name."""
        service = BOTOCORE_NAMES.get(prefix, prefix)
        asked = str(error.kwargs.get("endpoint_url", ""))
        return (
            prefix not in REGIONAL
            or not asked.startswith(f"https://{service}.{self.region}.")
            or not _no_such_name(error)
            or self._seat.lists(service, self.region)
        )

    def _client_error(self, error: ClientError, body: str) -> Outcome:
        details = error.response.get("Error", {})
        code, message = str(details.get("Code", "")), str(details.get("Message", ""))
        text = one_line(f"{code}: {message}")
        status = Status.FAILED
        if code in REFUSED:
            status = Status.REFUSED
        elif code in SWITCHED_OFF:
            status = Status.SWITCHED_OFF
        elif code in _UNKNOWN_CALLER and self.identity and self.region not in ENABLED_BY_DEFAULT:
            status = Status.SWITCHED_OFF
            text = f"{text} (the credentials are valid, so the account has not enabled {self.region})"
        elif code in _EXPIRED:
            text = f"{text} (the credentials expired while collecting: renew them and collect again)"
        request_id = str(error.response.get("ResponseMetadata", {}).get("RequestId", ""))
        return Outcome(status=status, error=text, request_id=request_id, body=body)

    def _entry_refused(self, error: ClientError) -> Outcome:
        answer = self._client_error(error, "")
        if answer.status is Status.REFUSED:
            self._seat.refusal = error
        return Outcome(
            status=answer.status,
            error=f"{answer.error} (sts:AssumeRole of {self._seat.role})",
            request_id=answer.request_id,
        )


def _body(client: _Client, parsed: Mapping[str, Any], underway: _Underway) -> str:
    if client.json:
        return body_text(underway.body)
    message = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
    return canonical_json(json.loads(json.dumps(message, default=str)))


def _no_such_name(error: BaseException) -> bool:
    """The name of the endpoint does not exist, which is more than that nobody could be asked about it."""
    cause: BaseException | None = error.kwargs.get("error") if isinstance(error, EndpointConnectionError) else None
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return cause.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
        cause = cause.__cause__ or cause.__context__
    return False


def _not_in_region(prefix: str, region: str) -> str:
    service = BOTOCORE_NAMES.get(prefix, prefix)
    return (
        f"{NOT_IN_REGION}: AWS lists no endpoint of {service} in {region} (botocore {botocore_version}), "
        "and the name that it would have does not exist"
    )


def _withholding(operation: str, outcome: Outcome) -> Outcome:
    """The outcome without the value of a member that is not to be kept, wherever the text of the answer stands."""
    member = WITHHELD.get(operation)
    if member is None:
        return outcome
    value = re.compile(rf'("{member}"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?$)')
    withheld = r'\1"withheld"'
    return replace(outcome, body=value.sub(withheld, outcome.body), error=value.sub(withheld, outcome.error))
