"""AWS requests and answers as they stand on the wire: what was asked, and how each protocol writes what is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from keyproof.demo.http import HttpRequest, HttpResponse

_SIGNED_AS = {"tagging": "resourcegroupstaggingapi", "cloudhsm": "cloudhsmv2"}
_PERMISSION_PREFIX = {"resourcegroupstaggingapi": "tag", "cloudhsmv2": "cloudhsm"}
_SUBJECTS = ("KeyId", "SecretId", "ResourceArn", "ResourceId", "RoleArn", "AccountId")
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


class InventedAnswer(Exception):
    """An answer that AWS could not give: it does not fit the operation's output shape. An error in this package."""


class AwsError(Exception):
    """An error that AWS answers with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """What an AWS client asks: of which service, about what, and with whose access key."""

    service: str
    """As the SDK names it: `kms`, `resourcegroupstaggingapi`, …"""
    operation: str
    """Empty where it is not one of the services' known operations."""
    parameters: Mapping[str, Any]
    region: str
    access_key: str
    http: HttpRequest = field(repr=False)
    account: str = ""
    """The account of the access key; empty until that is known."""

    @property
    def name(self) -> str:
        """The operation as permissions name it: `kms:ListKeys`, `tag:GetResources`."""
        return f"{_PERMISSION_PREFIX.get(self.service, self.service)}:{self.operation}"

    @property
    def subject(self) -> str:
        """The key, secret, parameter, role or account that it is about; empty for none."""
        return next((str(self.parameters[name]) for name in _SUBJECTS if name in self.parameters), "")

    @property
    def protocol(self) -> str:
        """The protocol in which the SDK talks to the service: `json`, `rest-json` or `query`."""
        return str(service_model(self.service).resolved_protocol)


@cache
def service_model(service: str) -> Any:
    """botocore's own description of a service."""
    import botocore.session

    return botocore.session.get_session().get_service_model(service)


def read_request(http: HttpRequest) -> Request | None:
    """The AWS request within an HTTP request, or None where it carries no signature of version 4."""
    credential = _CREDENTIAL.search(http.headers.get("authorization", ""))
    if credential is None:
        return None
    service = _SIGNED_AS.get(credential["service"], credential["service"])
    operation, parameters = _content(service, http)
    return Request(service, operation, parameters, credential["region"], credential["key"], http)


def _content(service: str, http: HttpRequest) -> tuple[str, Mapping[str, Any]]:
    target = http.headers.get("x-amz-target", "")
    if target:
        return target.rpartition(".")[2], _json_object(http.body)
    if http.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(http.body.decode()))
        return form.pop("Action", ""), form
    if service == "account":
        return _operations_by_path(service).get((http.method, http.path), ""), _json_object(http.body)
    return "", {}


def _json_object(body: bytes) -> Mapping[str, Any]:
    document = json.loads(body or b"{}")
    return document if isinstance(document, dict) else {}


@cache
def _operations_by_path(service: str) -> Mapping[tuple[str, str], str]:
    model = service_model(service)
    https = {name: model.operation_model(name).http for name in model.operation_names}
    return {(http["method"], http["requestUri"]): name for name, http in https.items()}


def write_answer(request: Request, answer: Mapping[str, Any], request_id: str) -> HttpResponse:
    """The HTTP answer that carries `answer`, whose members are named as in the SDK and whose times are datetimes.

    Raises InventedAnswer where it does not fit botocore's output shape of the operation.
    """
    shape = service_model(request.service).operation_model(request.operation).output_shape
    if shape is None and not answer:
        return HttpResponse(200, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": request_id}, b"")
    document = _checked(shape, answer, request.name)
    if request.protocol == "query":
        return _xml(200, f"{request.operation}Response", {f"{request.operation}Result": document}, request_id)
    return _json(request, 200, document, request_id)


def write_error(request: Request, error: AwsError, request_id: str) -> HttpResponse:
    """The HTTP answer that carries an error, in the form of the request's protocol."""
    protocol = request.protocol
    if protocol == "query":
        kind = "Sender" if error.status < 500 else "Receiver"
        detail = {"Error": {"Type": kind, "Code": error.code, "Message": error.message}, "RequestId": request_id}
        return _xml(error.status, "ErrorResponse", detail, request_id, metadata=False)
    if protocol == "rest-json":
        answer = _json(request, error.status, {"message": error.message}, request_id)
        return HttpResponse(answer.status, {**answer.headers, "x-amzn-ErrorType": error.code}, answer.body)
    member = "Message" if error.code == "AccessDeniedException" else "message"
    return _json(request, error.status, {"__type": error.code, member: error.message}, request_id)


def _json(request: Request, status: int, document: Any, request_id: str) -> HttpResponse:
    version = "json" if request.protocol == "rest-json" else "x-amz-json-1.1"
    headers = {"Content-Type": f"application/{version}", "x-amzn-RequestId": request_id}
    return HttpResponse(status, headers, json.dumps(document, separators=(",", ":")).encode())


def _xml(status: int, root: str, document: Any, request_id: str, *, metadata: bool = True) -> HttpResponse:
    if metadata:
        document = {**document, "ResponseMetadata": {"RequestId": request_id}}
    body = f'<{root} xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{_elements(document)}</{root}>'
    return HttpResponse(status, {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}, body.encode())


def _elements(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_elements(member)}</{name}>" for name, member in value.items())
    if isinstance(value, float | int) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return escape(str(value))


def _checked(shape: Any, value: Any, place: str) -> Any:
    check = _CHECKS.get(shape.type_name)
    if check is None:
        raise InventedAnswer(f"{place}: a {shape.type_name} is not written here")
    return check(shape, value, place)


def _structure(shape: Any, value: Any, place: str) -> dict[str, Any]:
    present = {name: member for name, member in value.items() if member is not None}
    unknown = set(present) - set(shape.members)
    missing = set(shape.required_members) - set(present)
    if unknown or missing:
        raise InventedAnswer(f"{place}: unknown members {sorted(unknown)}, missing members {sorted(missing)}")
    return {name: _checked(shape.members[name], member, f"{place}.{name}") for name, member in present.items()}


def _list(shape: Any, value: Any, place: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise InventedAnswer(f"{place}: {value!r} is no list")
    return [_checked(shape.member, item, f"{place}[{index}]") for index, item in enumerate(value)]


def _map(shape: Any, value: Any, place: str) -> dict[str, Any]:
    return {name: _checked(shape.value, item, f"{place}.{name}") for name, item in value.items()}


def _string(shape: Any, value: Any, place: str) -> str:
    if not isinstance(value, str) or (shape.enum and value not in shape.enum):
        raise InventedAnswer(f"{place}: {value!r} is not one of {shape.enum or 'all texts'}")
    return str(value)


def _integer(shape: Any, value: Any, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InventedAnswer(f"{place}: {value!r} is no integer")
    return value


def _boolean(shape: Any, value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise InventedAnswer(f"{place}: {value!r} is no boolean")
    return value


def _timestamp(shape: Any, value: Any, place: str) -> float:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InventedAnswer(f"{place}: {value!r} is no time with a zone")
    seconds = round(value.timestamp(), 3)
    return int(seconds) if seconds.is_integer() else seconds


_CHECKS = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "boolean": _boolean,
    "timestamp": _timestamp,
}
