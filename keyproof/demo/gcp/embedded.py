"""Google Cloud on the loopback interface: one gRPC server for all services, and the same methods over REST, with TLS.

What is answered are the client packages' own messages, so that nothing can be said that Google could not say.
"""

from __future__ import annotations

import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import grpc
import trustme
from google.protobuf.message import DecodeError
from grpc_status import rpc_status  # type: ignore[import-untyped]

from keyproof.demo.faults import Choice, Fault, spoil
from keyproof.demo.gcp import asset_answers, credential_answers, kms_answers, resource_answers, secret_answers
from keyproof.demo.gcp.faults import (
    FaultPlan,
    Rule,
    denied,
    error_of,
    library_status,
    spoil_message,
    switched_off,
    unauthenticated,
    without_next_page,
)
from keyproof.demo.gcp.service_account import ServiceAccount, refused_grant
from keyproof.demo.gcp.wire import (
    APIS,
    GoogleError,
    Method,
    Request,
    methods,
    read_http,
    write_http,
    write_http_error,
)
from keyproof.demo.gcp.world import World
from keyproof.demo.http import HttpRequest, HttpResponse, HttpServer

Answer = Callable[[World, Request], Any]
"""The answer to a request: a protobuf message. Raises GoogleError."""

OPERATIONS: Mapping[str, Answer] = {
    **kms_answers.OPERATIONS,
    **secret_answers.OPERATIONS,
    **resource_answers.OPERATIONS,
    **asset_answers.OPERATIONS,
    **credential_answers.OPERATIONS,
}
"""Everything that is answered here; other methods of the client packages are UNIMPLEMENTED."""

TOKEN_OPERATION = "oauth2:Token"  # noqa: S105 - a name
"""A request for an access token, as it is counted and fault rules name it."""

_WORKERS = 64
_PATIENCE = 0.02
"""Seconds after which a request without an answer looks whether its client has gone."""
_GRACE = 2.0
"""Seconds that requests have to end when the servers close: those that hang end within their patience."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was received."""

    operation: str
    subject: str
    transport: str
    """grpc or rest."""


class EmbeddedGoogleCloud:
    """A context manager that serves a world. `faults` and `latency` (seconds a request) may be changed meanwhile."""

    def __init__(self, world: World, *, faults: FaultPlan = (), latency: float = 0.0) -> None:
        self.world = world
        self.faults: FaultPlan = faults
        self.latency = latency
        self.calls: list[Call] = []
        self.defects: list[Exception] = []
        """What went wrong in here; `__exit__` raises the first."""
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._choice: Choice[Request, Rule] = Choice()
        self._running = ExitStack()
        self._folder = Path()
        self._grpc_port = self._rest_port = 0

    def __enter__(self) -> EmbeddedGoogleCloud:
        with ExitStack() as starting:
            self._folder = Path(starting.enter_context(tempfile.TemporaryDirectory(prefix="keyproof-google-cloud-")))
            authority = trustme.CA()
            certificate = authority.issue_cert("127.0.0.1", "localhost")
            authority.cert_pem.write_to_path(str(self.ca_file))
            self._serve_rest(starting, certificate)
            self._serve_grpc(starting, certificate)
            starting.callback(self._closing.set)
            self._account = ServiceAccount(self.world.caller, self.token_uri)
            self._account.write(self.credentials_file)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._running.close()
        if self.defects:
            raise self.defects[0]

    def _serve_rest(self, starting: ExitStack, certificate: trustme.LeafCert) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(tls)
        server = HttpServer(self._answer_http, tls)
        server.defects = self.defects
        self._rest_port = server.listen()
        server.start()
        starting.callback(server.close)

    def _serve_grpc(self, starting: ExitStack, certificate: trustme.LeafCert) -> None:
        executor = starting.enter_context(ThreadPoolExecutor(_WORKERS, thread_name_prefix="google-cloud"))
        server = grpc.server(executor, options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((_Services(self._answer_grpc),))
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        tls = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
        self._grpc_port = server.add_secure_port("127.0.0.1:0", tls)
        server.start()
        starting.callback(lambda: server.stop(_GRACE).wait())

    # What clients need to know

    @property
    def endpoint(self) -> str:
        """Where all services listen for gRPC: host and port."""
        return f"127.0.0.1:{self._grpc_port}"

    @property
    def rest_endpoint(self) -> str:
        """Where all services listen for REST, and tokens are given out: host and port."""
        return f"127.0.0.1:{self._rest_port}"

    @property
    def token_uri(self) -> str:
        """Where the service account's assertion is exchanged for an access token."""
        return f"https://{self.rest_endpoint}/token"

    @property
    def ca_file(self) -> Path:
        """The certificate by which clients know the servers."""
        return self._folder / "ca.pem"

    @property
    def credentials_file(self) -> Path:
        """The service account's key, made for this one run."""
        return self._folder / "service-account.json"

    @property
    def credentials(self) -> dict[str, str]:
        """The environment in which Google's libraries use this world's credentials and look for no others."""
        return {
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.credentials_file),
            "GOOGLE_API_USE_CLIENT_CERTIFICATE": "false",
            "NO_GCE_CHECK": "true",
        }

    def source(self, name: str, transport: str = "grpc") -> dict[str, Any]:
        """The configuration's table for a source of this name that reads the whole world."""
        organization = next(iter(self.world.organizations), "").removeprefix("organizations/")
        return {
            "type": "gcp",
            "name": name,
            **({"organization": organization} if organization else {"projects": sorted(self.world.projects)}),
            "transport": transport,
            "endpoint": self.endpoint if transport == "grpc" else self.rest_endpoint,
            "ca_file": str(self.ca_file),
        }

    @property
    def requests(self) -> Counter[str]:
        """How many requests were received, by operation, those included that went wrong."""
        with self._lock:
            return Counter(call.operation for call in self.calls)

    # What both transports do

    def _receive(self, operation: str, subject: str, transport: str) -> None:
        with self._lock:
            self.calls.append(Call(operation, subject, transport))
        self._closing.wait(self.latency)

    def _rule(self, request: Request) -> Rule | None:
        project = self.world.project_id(request.part("projects"))
        return self._choice.of(self.faults, self.world.refusals, request, lambda rule: rule.fits(request, project))

    def _answer(self, request: Request, rule: Rule | None, authorization: str) -> Any:
        """A message of the caller's own. Raises GoogleError."""
        api = APIS[request.method.service]
        objection = self._account.objection(authorization)
        if objection:
            raise unauthenticated(objection, api, request.method.path)
        asked = request.part("projects")
        project = self.world.project_id(asked)
        if asked and not project:
            raise denied(request)
        if (project, api) in self.world.switched_off:
            raise switched_off(api, self.world.project_number(project))
        if rule is not None and (error := error_of(rule, request)):
            raise error
        answer = OPERATIONS.get(request.name)
        if answer is None:
            raise GoogleError("UNIMPLEMENTED", f"{request.name} is not answered here.")
        message = request.method.response_type()
        message.CopyFrom(answer(self.world, request))
        if rule is not None and rule.fault is Fault.LOSE_PAGE:
            without_next_page(message)
        return message

    # gRPC

    def _answer_grpc(self, method: Method, content: bytes, context: grpc.ServicerContext) -> bytes:
        """The bytes of an answer; without one, the call ends with a status."""
        try:
            return self._message(method, content, context)
        except GoogleError as error:
            _abort(context, error)
        except Exception as error:  # noqa: BLE001 - whatever is wrong in here comes out where the servers are closed
            self.defects.append(error)
            _abort(context, GoogleError("INTERNAL", "The embedded Google Cloud has a defect."))

    def _message(self, method: Method, content: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            request = Request(method, method.request_type.FromString(content))
        except DecodeError as error:
            raise GoogleError("INTERNAL", "Error deserializing request.") from error
        self._receive(request.name, request.subject, "grpc")
        rule = self._rule(request)
        if rule is not None and rule.fault is Fault.HANG:
            while context.is_active() and not self._closing.wait(_PATIENCE):
                continue
        if rule is not None and (status := library_status(rule.fault)):
            raise status
        metadata = {str(name): str(value) for name, value in context.invocation_metadata()}
        answer = self._answer(request, rule, metadata.get("authorization", ""))
        return bytes(answer.SerializeToString()) if rule is None else spoil_message(rule.fault, answer)

    # REST

    def _answer_http(self, http: HttpRequest) -> HttpResponse | None:
        """The answer to an HTTP request; None where the connection is to be closed without one."""
        if http.path == "/token":
            return self._exchange(http)
        try:
            request = read_http(http)
        except GoogleError as error:
            return write_http_error(error)
        if request is None:
            return HttpResponse(
                404, {"Content-Type": "text/html"}, b"<html><title>Error 404 (Not Found)</title></html>"
            )
        self._receive(request.name, request.subject, "rest")
        rule = self._rule(request)
        if rule is not None and rule.fault in (Fault.HANG, Fault.CLOSE):
            if rule.fault is Fault.HANG:
                self._closing.wait()
            return None
        try:
            answer = self._answer(request, rule, http.headers.get("authorization", ""))
        except GoogleError as error:
            return write_http_error(error)
        response = write_http(answer, http)
        return spoil(rule.fault, response, _unchanged) if rule else response

    def _exchange(self, http: HttpRequest) -> HttpResponse | None:
        """An access token, for which only rules that name it are looked at."""
        self._receive(TOKEN_OPERATION, "", "rest")
        rules = [] if callable(self.faults) else [rule for rule in self.faults if rule.operation == TOKEN_OPERATION]
        if not rules:
            return self._account.exchange(http.body)
        return None if rules[0].fault is Fault.CLOSE else refused_grant()


def _abort(context: grpc.ServicerContext, error: GoogleError) -> NoReturn:
    context.abort_with_status(rpc_status.to_status(error.status))
    raise AssertionError("abort_with_status raises") from error


def _unchanged(document: Any) -> Any:
    """The next page has been lost before the message became JSON."""
    return document


class _Services(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Finds the handler of a method by its path, for the methods of all services."""

    def __init__(self, answer: Callable[[Method, bytes, grpc.ServicerContext], bytes]) -> None:
        self._handlers = {path: _handler(answer, method) for path, method in methods().items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return self._handlers.get(handler_call_details.method)


def _handler(answer: Callable[[Method, bytes, grpc.ServicerContext], bytes], method: Method) -> grpc.RpcMethodHandler:
    """A handler that takes and gives bytes: what is undecodable must be sent, too."""
    return grpc.unary_unary_rpc_method_handler(lambda content, context: answer(method, content, context))
