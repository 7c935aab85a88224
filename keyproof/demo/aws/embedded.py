"""An AWS endpoint over HTTP on the loopback interface: moto's, with AWS's answers where moto's are missing or wrong.

moto's server takes what is not answered here. What is answered here is checked against botocore's own description of
AWS, so that it cannot say what AWS could not.
"""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

from keyproof.demo.aws import (
    account_answers,
    alert_answers,
    certificate_answers,
    cluster_answers,
    credential_answers,
    datastore_answers,
    kms_answers,
    secret_answers,
)
from keyproof.demo.aws.faults import FaultPlan, Rule, error_of, without_token
from keyproof.demo.aws.wire import AwsError, Request, read_request, write_answer, write_error
from keyproof.demo.aws.world import World
from keyproof.demo.faults import Choice, Fault, spoil
from keyproof.demo.http import HttpRequest, HttpResponse, HttpServer
from keyproof.demo.names import stable_id

ACCESS_KEY = "AKIAKEYPROOFDEMO0000"
"""The access key with which clients come, unless a world has others."""

Answer = Callable[[World, Request], Mapping[str, Any] | None]
"""The answer to a request, with times as datetimes; None leaves it to moto. Raises AwsError."""

OPERATIONS: Mapping[str, Answer] = {
    **kms_answers.OPERATIONS,
    **secret_answers.OPERATIONS,
    **account_answers.OPERATIONS,
    **cluster_answers.OPERATIONS,
    **credential_answers.OPERATIONS,
    **certificate_answers.OPERATIONS,
    **datastore_answers.OPERATIONS,
    **alert_answers.OPERATIONS,
}
"""Everything that is answered here, by the operation's name in permissions."""

_REGIONLESS = ("sts", "account", "organizations", "iam")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was received."""

    operation: str
    subject: str
    account: str
    region: str


class EmbeddedAws:
    """A context manager that serves a world; one at a time in a process, as moto's state belongs to the process.

    `faults` and `latency` (seconds a request) may be changed while it runs.
    """

    _running: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, world: World, *, faults: FaultPlan = (), latency: float = 0.0) -> None:
        self.world = world
        self.faults: FaultPlan = faults
        self.latency = latency
        self.calls: list[Call] = []
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._choice: Choice[Request, Rule] = Choice()
        self._identical: Counter[str] = Counter()
        self._server = HttpServer(self.answer)
        self._port = 0

    def __enter__(self) -> EmbeddedAws:
        if not self._running.acquire(blocking=False):
            raise RuntimeError("another embedded AWS runs in this process, and they would share moto's state")
        self._port = self._server.listen()
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        self._server.close()
        self.world.forget_everything()
        self._running.release()
        if self._server.defects:
            raise self._server.defects[0]

    @property
    def url(self) -> str:
        """Where it listens, for `endpoint_url`."""
        assert self._port, "not entered"  # noqa: S101
        return f"http://127.0.0.1:{self._port}"

    @property
    def credentials(self) -> dict[str, str]:
        """The environment in which the AWS SDK uses this world's credentials and nothing of the machine's own."""
        return credentials_environment()

    @property
    def requests(self) -> Counter[str]:
        """How many requests were received, by operation, those included that went wrong."""
        with self._lock:
            return Counter(call.operation for call in self.calls)

    def answer(self, http: HttpRequest) -> HttpResponse | None:
        """The answer to an HTTP request; None where the connection is to be closed without one."""
        self._closing.wait(self.latency)
        request = read_request(http)
        if request is None:
            return self._ask_moto(http, "")
        caller = self.world.callers.get(request.access_key)
        request = replace(request, account=caller.account if caller else "")
        request_id = self._request_id(request)
        rule = self._rule(request)
        if rule is not None and rule.fault in (Fault.HANG, Fault.CLOSE):
            if rule.fault is Fault.HANG:
                self._closing.wait()
            return None
        try:
            if caller is None or not self._switched_on(request):
                raise _unknown_token(request)
            if rule is not None and (error := error_of(rule, request, caller.arn)):
                raise error
            answer = OPERATIONS.get(request.name, _ask_moto)(self.world, request)
        except AwsError as error:
            return write_error(request, error, request_id)
        if answer is None:
            response = _with_id(self._ask_moto(http, request.account), request_id)
        else:
            response = write_answer(request, answer, request_id)
        return spoil(rule.fault, response, without_token) if rule else response

    def _request_id(self, request: Request) -> str:
        """The same for the same request, so that two collections of one world differ in nothing but their times."""
        with self._lock:
            self.calls.append(Call(request.name, request.subject, request.account, request.region))
            content = json.dumps(request.parameters, sort_keys=True)
            identity = "/".join([request.account, request.region, request.name, content])
            self._identical[identity] += 1
            return stable_id("request", identity, str(self._identical[identity]))

    def _rule(self, request: Request) -> Rule | None:
        return self._choice.of(self.faults, self.world.refusals, request, lambda rule: rule.fits(request))

    def _switched_on(self, request: Request) -> bool:
        account = self.world.accounts.get(request.account)
        return request.service in _REGIONLESS or account is None or request.region in account.regions

    @cached_property
    def _moto(self) -> Any:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        return DomainDispatcherApplication(create_backend_app)

    def _ask_moto(self, http: HttpRequest, account: str) -> HttpResponse:
        started: list[Any] = []
        body = b"".join(self._moto(_environ(http, account), lambda *start: started.extend(start)))
        return HttpResponse(int(started[0].split()[0]), dict(started[1]), body)


def credentials_environment() -> dict[str, str]:
    """Environment variables for the embedded AWS's credentials, which keep the SDK from looking for any others."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_SESSION_TOKEN": "",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }


def _ask_moto(world: World, request: Request) -> None:
    """An operation that moto answers as AWS does."""


def _unknown_token(request: Request) -> AwsError:
    message = "The security token included in the request is invalid."
    if request.protocol == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if request.protocol == "query":
        return AwsError("InvalidClientTokenId", message, 403)
    return AwsError("UnrecognizedClientException", message, 400 if request.protocol == "json" else 403)


def _with_id(response: HttpResponse, request_id: str) -> HttpResponse:
    """moto's request ids are random."""
    headers = {name: value for name, value in response.headers.items() if name.lower() != "x-amzn-requestid"}
    return HttpResponse(response.status, {**headers, "x-amzn-RequestId": request_id}, response.body)


def _environ(http: HttpRequest, account: str) -> dict[str, Any]:
    """The request as WSGI has it. The account's id stands in a header of moto's."""
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in http.headers.items()}
    if account:
        headers["HTTP_X_MOTO_ACCOUNT_ID"] = account
    return {
        **headers,
        "REQUEST_METHOD": http.method,
        "PATH_INFO": http.path,
        "QUERY_STRING": http.query,
        "CONTENT_TYPE": http.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(http.body)),
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(http.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
