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

_SIGNED_AS = {
    "tagging": "resourcegroupstaggingapi",
    "cloudhsm": "cloudhsmv2",
    "elasticfilesystem": "efs",
    "monitoring": "cloudwatch",
}
_PERMISSION_PREFIX = {"resourcegroupstaggingapi": "tag", "cloudhsmv2": "cloudhsm", "efs": "elasticfilesystem"}
_SUBJECTS = (
    "KeyId",
    "SecretId",
    "ResourceArn",
    "ResourceId",
    "RoleArn",
    "AccountId",
    "UserName",
    "AccessKeyId",
    "ServerCertificateName",
    "CertificateArn",
)
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
        """The key, secret, role or whatever else it is about; empty for none."""
        return next((str(self.parameters[name]) for name in _SUBJECTS if name in self.parameters), "")

    @property
    def protocol(self) -> str:
        """The protocol in which the SDK talks to the service: `json`, `rest-json`, `query` or `ec2`."""
        return str(service_model(self.service).resolved_protocol)

    @property
    def xml(self) -> bool:
        """Answers are XML on the wire."""
        return self.protocol in ("query", "ec2")


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
        operation = form.pop("Action", "")
        return operation, _numbered(service, operation, form)
    if service in ("account", "efs"):
        operation = _operations_by_path(service).get((http.method, http.path), "")
        asked = _numbered(service, operation, dict(parse_qsl(http.query)))
        return operation, {**asked, **_json_object(http.body)}
    return "", {}


def _numbered(service: str, operation: str, form: Mapping[str, str]) -> Mapping[str, Any]:
    """The form's members, with numbers where the operation takes numbers."""
    model = service_model(service)
    shape = model.operation_model(operation).input_shape if operation in model.operation_names else None
    members = shape.members if shape else {}
    whole = {name for name in form if name in members and members[name].type_name == "integer"}
    return {name: int(value) if name in whole and value.isdecimal() else value for name, value in form.items()}


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
    members = _members(shape, document) if request.xml else ""
    if request.protocol == "query":
        result = f"{request.operation}Result"
        metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        return _xml(200, f"{request.operation}Response", f"<{result}>{members}</{result}>{metadata}", request_id)
    if request.protocol == "ec2":
        content = f"<requestId>{request_id}</requestId>{members}"
        return _xml(200, f"{request.operation}Response", content, request_id)
    return _json(request, 200, document, request_id)


def write_error(request: Request, error: AwsError, request_id: str) -> HttpResponse:
    """The HTTP answer that carries an error, in the form of the request's protocol."""
    protocol = request.protocol
    told = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    if protocol == "query":
        kind = "Sender" if error.status < 500 else "Receiver"
        detail = f"<Error><Type>{kind}</Type>{told}</Error><RequestId>{request_id}</RequestId>"
        return _xml(error.status, "ErrorResponse", detail, request_id)
    if protocol == "ec2":
        detail = f"<Errors><Error>{told}</Error></Errors><RequestID>{request_id}</RequestID>"
        return _xml(error.status, "Response", detail, request_id)
    if protocol == "rest-json":
        answer = _json(request, error.status, {"message": error.message}, request_id)
        return HttpResponse(answer.status, {**answer.headers, "x-amzn-ErrorType": error.code}, answer.body)
    member = "Message" if error.code == "AccessDeniedException" else "message"
    return _json(request, error.status, {"__type": error.code, member: error.message}, request_id)


def _json(request: Request, status: int, document: Any, request_id: str) -> HttpResponse:
    version = "json" if request.protocol == "rest-json" else "x-amz-json-1.1"
    headers = {"Content-Type": f"application/{version}", "x-amzn-RequestId": request_id}
    return HttpResponse(status, headers, json.dumps(document, separators=(",", ":")).encode())


def _xml(status: int, root: str, content: str, request_id: str) -> HttpResponse:
    body = f'<{root} xmlns="https://aws.amazon.com/doc/">{content}</{root}>'
    return HttpResponse(status, {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}, body.encode())


def _members(shape: Any, document: Mapping[str, Any]) -> str:
    """The members of a structure as XML elements, in whose names botocore's description of the shape has a say."""
    return "".join(
        _element(shape.members[name].serialization.get("name", name), shape.members[name], value)
        for name, value in document.items()
    )


def _element(name: str, shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        return f"<{name}>{_members(shape, value)}</{name}>"
    if shape.type_name == "list":
        entry = shape.member.serialization.get("name", "member")
        return f"<{name}>{''.join(_element(entry, shape.member, item) for item in value)}</{name}>"
    if shape.type_name == "map":
        entries = (
            _element("key", shape.key, key) + _element("value", shape.value, item) for key, item in value.items()
        )
        return f"<{name}>{''.join(f'<entry>{entry}</entry>' for entry in entries)}</{name}>"
    if shape.type_name == "timestamp":
        value = datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if shape.type_name == "boolean":
        value = str(value).lower()
    return f"<{name}>{escape(str(value))}</{name}>"


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
