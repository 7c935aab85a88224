"""Google Cloud's methods as the client packages know them, and their requests and answers over gRPC and REST."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

import grpc
from google.cloud.location import locations_pb2
from google.iam.v1 import iam_policy_pb2
from google.longrunning import operations_pb2
from google.protobuf import any_pb2, json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2

from keyproof.demo.http import HttpRequest, HttpResponse

_SERVICES = (
    ("kms", "kms_v1", "key_management_service"),
    ("kms", "kms_v1", "ekm_service"),
    ("kms", "kms_v1", "hsm_management"),
    ("autokey", "kms_v1", "autokey"),
    ("autokey", "kms_v1", "autokey_admin"),
    ("kmsinventory", "kms_inventory_v1", "key_dashboard_service"),
    ("kmsinventory", "kms_inventory_v1", "key_tracking_service"),
    ("secretmanager", "secretmanager_v1", "secret_manager_service"),
    ("asset", "asset_v1", "asset_service"),
    ("resourcemanager", "resourcemanager_v3", "projects"),
    ("resourcemanager", "resourcemanager_v3", "folders"),
    ("resourcemanager", "resourcemanager_v3", "organizations"),
    ("iam", "iam_admin_v1", "iam"),
    ("apikeys", "api_keys_v2", "api_keys"),
)
"""Operations' prefix, package and module. All share one endpoint here, so that a method that several of them have in
common (IAM policies of keys, locations) is the first one's."""

APIS = {
    "kms": "cloudkms.googleapis.com",
    "autokey": "cloudkms.googleapis.com",
    "kmsinventory": "kmsinventory.googleapis.com",
    "secretmanager": "secretmanager.googleapis.com",
    "asset": "cloudasset.googleapis.com",
    "resourcemanager": "cloudresourcemanager.googleapis.com",
    "iam": "iam.googleapis.com",
    "apikeys": "apikeys.googleapis.com",
}
"""An operation's prefix → the API that a project has switched on or not."""

HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""The HTTP status of a canonical code. Source: the comments of google.rpc.Code."""


@dataclass(frozen=True, slots=True)
class Route:
    """How a method is asked over REST."""

    verb: str
    path: re.Pattern[str]
    variables: Sequence[str]
    """The request's fields that the path holds, in the order of the pattern's groups."""
    body: str
    """The field that the body holds, `*` for the whole request, empty for none."""


@dataclass(frozen=True, eq=False)
class Method:
    """A method of Google's APIs, with the types that the client packages have for it."""

    operation: str
    """As permissions and fault rules name it: `kms:ListKeyRings`."""
    path: str
    """Its path over gRPC."""
    request_type: Any
    """The protobuf class of its request."""
    response_type: Any
    routes: list[Route] = field(default_factory=list)

    @property
    def service(self) -> str:
        """The operation's prefix."""
        return self.operation.partition(":")[0]


@dataclass(frozen=True)
class Request:
    """A request that was received: a protobuf message, whatever it came over."""

    method: Method
    message: Any

    @property
    def name(self) -> str:
        """The operation, as permissions and fault rules name it."""
        return self.method.operation

    @cached_property
    def subject(self) -> str:
        """The name of what the request is about; for a search, where it searches."""
        members = (getattr(self.message, member, "") for member in _SUBJECTS)
        return next((str(member) for member in members if member), "")

    def part(self, collection: str) -> str:
        """The id that follows a collection's name in the subject, such as `projects`; empty where there is none."""
        parts = self.subject.split("/")
        return parts[parts.index(collection) + 1] if collection in parts[:-1] else ""


_SUBJECTS = ("crypto_key", "resource", "name", "parent", "scope", "project", "query")


class GoogleError(Exception):
    """An error as Google Cloud answers it: a canonical code, a text, and details of Google's own types."""

    def __init__(self, code: str, message: str, *details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    @property
    def status(self) -> status_pb2.Status:
        """The error as google.rpc.Status."""
        packed = []
        for detail in self.details:
            packed.append(any_pb2.Any())
            packed[-1].Pack(detail)
        return status_pb2.Status(code=code_pb2.Code.Value(self.code), message=self.message, details=packed)


def error_info(reason: str, domain: str, **metadata: str) -> Any:
    """The detail by which programs tell errors apart."""
    return error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)


class _Recorder(grpc.Channel):  # type: ignore[misc]
    """A channel that sends nothing and notes which methods it was asked for."""

    def __init__(self) -> None:
        self.methods: dict[str, tuple[Any, Any]] = {}

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool = False,
    ) -> Any:
        self.methods[method] = (request_serializer, response_deserializer)
        return _Unsent()

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _Unsent()

    stream_unary = stream_stream = unary_stream

    def subscribe(self, callback: Any, try_to_connect: bool = False) -> None:
        """Nothing ever changes."""

    def unsubscribe(self, callback: Any) -> None:
        """Nothing ever changes."""

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> _Recorder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Unsent:
    def with_call(self, *args: Any, **kwargs: Any) -> tuple[None, None]:
        return None, None


_ROUTES: Mapping[str, dict[str, list[dict[str, str]]]] = {
    "iam": {
        "ListServiceAccounts": [{"method": "get", "uri": "/v1/{name=projects/*}/serviceAccounts"}],
        "ListServiceAccountKeys": [{"method": "get", "uri": "/v1/{name=projects/*/serviceAccounts/*}/keys"}],
    }
}
"""How those are asked over REST whose client packages do not know. Source: google/iam/admin/v1/iam.proto."""

_PLAIN_REQUESTS = {
    "GetLocation": locations_pb2.GetLocationRequest,
    "ListLocations": locations_pb2.ListLocationsRequest,
    "GetOperation": operations_pb2.GetOperationRequest,
    "GetIamPolicy": iam_policy_pb2.GetIamPolicyRequest,
    "SetIamPolicy": iam_policy_pb2.SetIamPolicyRequest,
    "TestIamPermissions": iam_policy_pb2.TestIamPermissionsRequest,
}
"""Requests that are no proto-plus classes: their serializer is one for all messages and does not tell the class."""


@cache
def methods() -> Mapping[str, Method]:
    """Path over gRPC → method, for every method of the client packages that are served here."""
    found: dict[str, Method] = {}
    for prefix, package, module in _SERVICES:
        transports = f"google.cloud.{package}.services.{module}.transports"
        options = _ROUTES.get(prefix) or _http_options(f"{transports}.rest_base")
        for path, (request_type, response_type) in _recorded(transports).items():
            name = path.rpartition("/")[2]
            method = found.setdefault(path, Method(f"{prefix}:{name}", path, request_type, response_type))
            known = {(route.verb, route.path.pattern) for route in method.routes}
            routes = [_route(option) for option in options.get(name, ())]
            method.routes.extend(route for route in routes if (route.verb, route.path.pattern) not in known)
    return found


def _recorded(transports: str) -> dict[str, tuple[Any, Any]]:
    """Path → the protobuf classes of request and answer, as a client's transport hands them to its channel."""
    named = inspect.getmembers(importlib.import_module(transports), inspect.isclass)
    transport_class: Any = next(cls for name, cls in named if name.endswith("GrpcTransport"))
    recorder = _Recorder()
    transport = transport_class(channel=recorder)
    for name, _ in inspect.getmembers(transport_class, lambda member: isinstance(member, property)):
        stub = getattr(transport, name)
        if callable(stub):
            stub(None)
    return {
        path: (_PLAIN_REQUESTS.get(path.rpartition("/")[2]) or _class_of(send), _class_of(receive))
        for path, (send, receive) in recorder.methods.items()
    }


def _class_of(codec: Any) -> Any:
    """The protobuf class whose (de)serializer this is: a proto-plus class's, or protobuf's own."""
    owner = codec.__self__
    return owner.pb() if hasattr(owner, "pb") else owner


def _http_options(module: str) -> dict[str, list[dict[str, str]]]:
    classes = [cls for _, cls in inspect.getmembers(importlib.import_module(module), inspect.isclass)]
    found: dict[str, list[dict[str, str]]] = {}
    for transport in classes:
        for name, member in vars(transport).items():
            if name.startswith("_Base") and hasattr(member, "_get_http_options"):
                found[name.removeprefix("_Base")] = member._get_http_options()
    return found


def _route(option: Mapping[str, str]) -> Route:
    """From an annotation such as `/v1/{parent=projects/*/locations/*}/keyRings`."""
    variables: list[str] = []

    def group(match: re.Match[str]) -> str:
        variables.append(match[1])
        pattern = re.escape(match[2] or "*").replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
        return f"({pattern})"

    pieces = re.split(r"(\{[^}]+\})", option["uri"])
    pattern = "".join(
        re.sub(r"\{([\w.]+)(?:=([^}]+))?\}", group, piece) if piece.startswith("{") else re.escape(piece)
        for piece in pieces
    )
    return Route(option["method"].upper(), re.compile(pattern), tuple(variables), option.get("body", ""))


def read_http(http: HttpRequest) -> Request | None:
    """The request that an HTTP request stands for; None where no method is asked so. Raises GoogleError."""
    path = unquote(http.path)
    for method, route in _routes():
        match = route.path.fullmatch(path) if route.verb == http.method else None
        if match is not None:
            return Request(method, _transcoded(method, route, match, http))
    return None


@cache
def _routes() -> Sequence[tuple[Method, Route]]:
    """Those with a verb first, as in `:getIamPolicy`, which is no part of the name before it; those with `**` last."""
    pairs = [(method, route) for method in methods().values() for route in method.routes]
    return sorted(pairs, key=lambda pair: (".+" in pair[1].path.pattern, ":" not in pair[1].path.pattern))


def _transcoded(method: Method, route: Route, match: re.Match[str], http: HttpRequest) -> Any:
    message = method.request_type()
    try:
        if route.body:
            document = json.loads(http.body or b"{}")
            json_format.ParseDict(document if route.body == "*" else {route.body: document}, message)
        asked: dict[str, list[str]] = {}
        for name, value in [*parse_qsl(http.query), *zip(route.variables, match.groups(), strict=True)]:
            if not name.startswith("$"):
                asked.setdefault(name, []).append(value)
        for name, values in asked.items():
            json_format.ParseDict(_nested(message.DESCRIPTOR, name.split("."), values), message)
    except (ValueError, json_format.ParseError) as error:
        raise GoogleError("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error
    return message


def _nested(descriptor: Any, names: Sequence[str], values: Sequence[str]) -> dict[str, Any]:
    """A field of a query string, whose name may have several parts, as JSON has it."""
    found = next((f for f in descriptor.fields if names[0] in (f.name, f.json_name)), None)
    if found is None or (len(names) > 1 and found.message_type is None):
        raise ValueError(f'Unknown name "{".".join(names)}": Cannot find field.')
    if len(names) > 1:
        return {names[0]: _nested(found.message_type, names[1:], values)}
    plain: list[Any] = [value == "true" for value in values] if found.type == found.TYPE_BOOL else list(values)
    return {names[0]: plain if found.is_repeated else plain[-1]}


_JSON = {"Content-Type": "application/json; charset=UTF-8"}


def write_http(answer: Any, http: HttpRequest) -> HttpResponse:
    """An answer as JSON, with enumerations by number where the client asks for that."""
    numbers = "enum-encoding=int" in unquote(http.query)
    text = json_format.MessageToJson(answer, use_integers_for_enums=numbers)
    return HttpResponse(200, _JSON, text.encode())


def write_http_error(error: GoogleError) -> HttpResponse:
    """An error as JSON."""
    status = HTTP_STATUS[error.code]
    details = [json_format.MessageToDict(detail) for detail in error.status.details]
    document: dict[str, Any] = {"code": status, "message": error.message, "status": error.code}
    content = {"error": document | ({"details": details} if details else {})}
    return HttpResponse(status, _JSON, json.dumps(content).encode())


def texts(message: Any, change: Callable[[str], str]) -> None:
    """Change every text of a protobuf message in place, the keys of its maps excepted."""
    for descriptor, value in message.ListFields():
        is_map = descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry
        if is_map:
            _change_map(descriptor, value, change)
        elif descriptor.message_type is not None:
            for member in value if descriptor.is_repeated else (value,):
                texts(member, change)
        elif descriptor.type == descriptor.TYPE_STRING:
            changed = [change(text) for text in value] if descriptor.is_repeated else change(value)
            if descriptor.is_repeated:
                value[:] = changed
            else:
                setattr(message, descriptor.name, changed)


def _change_map(descriptor: Any, value: Any, change: Callable[[str], str]) -> None:
    entry = descriptor.message_type.fields_by_name["value"]
    for key in list(value):
        if entry.message_type is not None:
            texts(value[key], change)
        elif entry.type == entry.TYPE_STRING:
            value[key] = change(value[key])


def message(kind: Any, **members: Any) -> Any:
    """A protobuf message of a proto-plus class, with times and durations as Python has them."""
    return kind.pb(kind(**{name: member for name, member in members.items() if member is not None}))
