"""A PyKMIP server on the loopback interface, over mutual TLS, that tells what PyKMIP leaves out, and can go wrong."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from kmip.core import enums, exceptions, objects, policy
from kmip.core.messages import payloads
from kmip.services.server.engine import KmipEngine
from kmip.services.server.session import KmipSession
from kmip_wire import (
    ATTRIBUTE,
    ATTRIBUTE_NAME,
    ATTRIBUTE_VALUE,
    ATTRIBUTES,
    OPERATION,
    RESPONSE_PAYLOAD,
    UNIQUE_IDENTIFIER,
    VENDOR_IDENTIFICATION,
    Item,
    date,
    decoded,
    enumeration,
    integer,
    structure,
    text,
    wrong_types,
)

AUDITOR = "keyproof"
"""The common name of the client's certificate, by which PyKMIP knows who owns an object."""

OPERATIONS = {
    enums.Operation.DISCOVER_VERSIONS.value: "kmip:DiscoverVersions",
    enums.Operation.QUERY.value: "kmip:Query",
    enums.Operation.LOCATE.value: "kmip:Locate",
    enums.Operation.GET_ATTRIBUTES.value: "kmip:GetAttributes",
}
_DATES = {
    "Activation Date",
    "Process Start Date",
    "Protect Stop Date",
    "Deactivation Date",
    "Destroy Date",
    "Compromise Occurrence Date",
    "Compromise Date",
    "Archive Date",
    "Last Change Date",
}

logging.getLogger("kmip").setLevel(logging.CRITICAL + 1)


@dataclass
class Told:
    """What the server tells of an object beyond what PyKMIP does."""

    dates: dict[str, int] = field(default_factory=dict)
    """By the attribute, seconds since 1970; PyKMIP knows how they are written, and tells none."""
    items: list[Item] = field(default_factory=list)
    """Attributes that PyKMIP does not know, as KMIP 2.x has them."""
    only_before_2: list[Item] = field(default_factory=list)
    """Those that KMIP 1.x has alone."""
    own: dict[str, str] = field(default_factory=dict)
    state: enums.State | None = None


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong."""

    operation: str
    kind: str
    identifier: str = ""
    """Only where this object is asked about."""
    because: str = ""
    """What the server says of it, where it says anything."""


class Engine(KmipEngine):
    """PyKMIP's engine with lifecycle dates, pages of a size of its own, and validations."""

    def __init__(self, database: str) -> None:
        policies = {name: dict(one) for name, one in policy.policies.items()}
        super().__init__(policies=policies, database_path=database)
        self.told: dict[str, Told] = {}
        self.page_size = 1000
        self.validations: list[objects.ValidationInformation] = []
        self.profiles: list[objects.ProfileInformation] = []

    def add(self, managed: Any, told: Told | None = None, owner: str = AUDITOR) -> str:
        """Put an object in; gives its identifier."""
        (identifier,) = self.add_all([managed], owner)
        self.told[identifier] = told or Told()
        return identifier

    def add_all(self, objects: Sequence[Any], owner: str = AUDITOR) -> list[str]:
        """Put objects in of which the server tells what PyKMIP does; gives their identifiers."""
        with self._data_store_session_factory() as session:
            for managed in objects:
                managed._owner = owner
                managed.operation_policy_name = "default"
            session.add_all(objects)
            session.commit()
            return [str(managed.unique_identifier) for managed in objects]

    def _get_attribute_from_managed_object(self, managed_object: Any, attr_name: str) -> Any:
        told = self.told.get(str(managed_object.unique_identifier), Told())
        if attr_name in _DATES and attr_name in told.dates:
            return told.dates[attr_name]
        if attr_name == "State" and told.state is not None:
            return told.state
        return super()._get_attribute_from_managed_object(managed_object, attr_name)

    def _process_locate(self, payload: Any) -> Any:
        if payload.maximum_items is not None:
            payload.maximum_items = min(payload.maximum_items, self.page_size)
        answer = super()._process_locate(payload)
        everything = super()._process_locate(payloads.LocateRequestPayload())
        answer.located_items = len(everything.unique_identifiers)
        return answer

    def _process_query(self, payload: Any) -> Any:
        answer = super()._process_query(payload)
        if enums.QueryFunction.QUERY_OBJECTS in payload.query_functions:
            answer.object_types = [enums.ObjectType.SYMMETRIC_KEY, enums.ObjectType.SECRET_DATA]
        if enums.QueryFunction.QUERY_VALIDATIONS in payload.query_functions:
            answer.validation_information = self.validations
        if enums.QueryFunction.QUERY_PROFILES in payload.query_functions:
            answer.profile_information = self.profiles
        return answer


class _Session(KmipSession):
    """PyKMIP's session, whose answers are completed and spoiled on their way out."""

    def __init__(self, server: KmipServer, connection: ssl.SSLSocket, address: Any) -> None:
        super().__init__(server.engine, connection, address, name=f"kmip-{id(connection)}")
        self.daemon = True
        self._server = server
        self._request = Item(0, 0)

    def run(self) -> None:
        with suppress(OSError, ValueError):
            super().run()
        self._server.sessions.discard(self)

    def _receive_request(self) -> Any:
        try:
            stream = super()._receive_request()
        except OSError as error:  # PyKMIP would try again for ever
            raise exceptions.ConnectionClosed() from error
        self._request = decoded(bytes(stream.buffer))
        return stream

    def _send_response(self, data: Any) -> None:
        operation = int.from_bytes(self._request.find(OPERATION)[0].value, "big")
        name = OPERATIONS.get(operation, enums.Operation(operation).name)
        asked = [item.value.decode() for item in self._request.find(UNIQUE_IDENTIFIER)]
        self._server.count(name)
        message = self._completed(decoded(bytes(data)), name)
        fault = self._server.fault(name, asked)
        answer = message.encoded()
        if fault is not None and fault.kind in _REASONS:
            reason, why = _REASONS[fault.kind]
            answer = _refusal(reason, fault.because or why)
        elif fault is not None:
            answer = _SPOILS[fault.kind](self, message, answer)
        try:
            super()._send_response(answer)
        except OSError as error:
            raise exceptions.ConnectionClosed() from error

    def _completed(self, message: Item, operation: str) -> Item:
        payload = message.find(RESPONSE_PAYLOAD)
        if operation != "kmip:GetAttributes" or not payload:
            return message
        identifier = payload[0].items[0].value.decode()
        told = self._server.engine.told.get(identifier, Told())
        modern = [item for item in payload[0].items if item.tag == ATTRIBUTES]
        replaced = {item.tag for item in told.items}
        if modern:
            kept = [item for item in modern[0].items if item.tag not in replaced]
            modern[0].items = [*kept, *told.items, *(_vendor(name, value) for name, value in told.own.items())]
        else:
            old = [item for item in told.items if not _since_2(item.tag)] + told.only_before_2
            names = {_name(item) for item in old}
            payload[0].items = [item for item in payload[0].items if _named_so(item) not in names]
            payload[0].items += [_custom(name, text(ATTRIBUTE_VALUE, value)) for name, value in told.own.items()]
            payload[0].items += [_named(item) for item in old]
        return message


def _vendor(name: str, value: str) -> Item:
    return structure(
        ATTRIBUTE, text(VENDOR_IDENTIFICATION, "x"), text(ATTRIBUTE_NAME, name), text(ATTRIBUTE_VALUE, value)
    )


def _custom(name: str, value: Item) -> Item:
    return structure(ATTRIBUTE, text(ATTRIBUTE_NAME, name), value)


def _named(item: Item) -> Item:
    """An attribute of KMIP 2.x as 1.x has it."""
    return _custom(_name(item), Item(ATTRIBUTE_VALUE, item.type, item.value, item.items))


_SPELLED = {0x4200B6: "X.509 Certificate Issuer", 0x4200B7: "X.509 Certificate Subject"}


def _name(item: Item) -> str:
    known = {tag.value: tag.name.replace("_", " ").title() for tag in enums.Tags}
    return _SPELLED.get(item.tag) or known.get(item.tag, f"y-{item.tag:06x}")


def _since_2(tag: int) -> bool:
    """The names of certificates part by part, and what KMIP 2.0 added."""
    return 0x420108 <= tag <= 0x42011F or tag >= 0x420125


def _named_so(item: Item) -> str:
    return "".join(one.value.decode() for one in item.items if one.tag == ATTRIBUTE_NAME)


# --- what goes wrong ------------------------------------------------------------------------------------------------


def _refusal(reason: enums.ResultReason, why: str) -> bytes:
    """An answer that the operation failed; PyKMIP itself could write none with a letter beyond ASCII."""
    version = structure(0x420069, integer(0x42006A, 1), integer(0x42006B, 2))
    header = structure(0x42007A, version, date(0x420092, 0), integer(0x42000D, 1))
    failed = structure(0x42000F, enumeration(0x42007F, 1), enumeration(0x42007E, reason.value), text(0x42007D, why))
    return structure(0x42007B, header, failed).encoded()


_REASONS = {
    "refuse": (enums.ResultReason.PERMISSION_DENIED, "you may not"),
    "unauthenticated": (enums.ResultReason.AUTHENTICATION_NOT_SUCCESSFUL, "who are you?"),
    "unsupported": (enums.ResultReason.OPERATION_NOT_SUPPORTED, "what is that?"),
    "throttle": (enums.ResultReason.SERVER_LIMIT_EXCEEDED, "too busy"),
    "break": (enums.ResultReason.GENERAL_FAILURE, "something broke"),
}


def _close(session: _Session, message: Item, answer: bytes) -> bytes:
    raise exceptions.ConnectionClosed


def _stop(session: _Session, message: Item, answer: bytes) -> bytes:
    session._connection.sendall(answer[: len(answer) // 2])
    raise exceptions.ConnectionClosed


def _farewell(session: _Session, message: Item, answer: bytes) -> bytes:
    """The whole answer, and then the end of the connection."""
    session._connection.sendall(answer)
    raise exceptions.ConnectionClosed


def _hang(session: _Session, message: Item, answer: bytes) -> bytes:
    session._server.closing.wait(30)
    raise exceptions.ConnectionClosed


def _drip(session: _Session, message: Item, answer: bytes) -> bytes:
    for byte in answer:
        session._connection.sendall(bytes([byte]))
        if session._server.closing.wait(0.05):
            break
    raise exceptions.ConnectionClosed


def _cut(session: _Session, message: Item, answer: bytes) -> bytes:
    """Half of the message, whose own length says that this is all."""
    half = len(answer) // 16 * 8
    return answer[:4] + struct.pack(">I", half - 8) + answer[8:half]


def _lose_page(session: _Session, message: Item, answer: bytes) -> bytes:
    """A page after the first without anything on it."""
    for payload in message.find(RESPONSE_PAYLOAD):
        if session._request.find(0x4200D4) and int.from_bytes(session._request.find(0x4200D4)[0].value, "big"):
            payload.items = [item for item in payload.items if item.tag != UNIQUE_IDENTIFIER]
    return message.encoded()


def _wrong_types(session: _Session, message: Item, answer: bytes) -> bytes:
    for payload in message.find(RESPONSE_PAYLOAD):
        payload.items = [wrong_types(item) for item in payload.items]
    return message.encoded()


def _another(session: _Session, message: Item, answer: bytes) -> bytes:
    """An answer about another object."""
    for item in message.find(UNIQUE_IDENTIFIER):
        item.value = b"another"
    return message.encoded()


_SPOILS = {
    "close": _close,
    "stop": _stop,
    "farewell": _farewell,
    "hang": _hang,
    "drip": _drip,
    "cut": _cut,
    "html": lambda session, message, answer: b"HTTP/1.1 500 Internal Server Error\r\n\r\n<html>proxy</html>",
    "lose_page": _lose_page,
    "wrong_types": _wrong_types,
    "another": _another,
    "giant": lambda session, message, answer: answer[:4] + b"\xff\xff\xff\xff" + answer[8:],
    "overlong": lambda session, message, answer: answer[:12] + b"\x7f\xff\xff\xf8" + answer[16:],
    "deep": lambda session, message, answer: _nested(5000),
    "noise": lambda session, message, answer: answer[:8] + os.urandom(len(answer) - 8),
    "no_text": lambda session, message, answer: answer.replace(b"payments", b"pay\xffents"),
}


def _nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = b"\x42\x00\x7c\x01" + struct.pack(">I", len(inner)) + inner
    return b"\x42\x00\x7b\x01" + struct.pack(">I", len(inner)) + inner


class KmipServer:
    """Listens on a free port until it is closed."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.faults: list[Fault] = []
        self.sessions: set[_Session] = set()
        self.closing = threading.Event()
        self.refuse_clients = False
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        client = self._authority.issue_cert(f"{AUDITOR}.example.com", common_name=AUDITOR)
        client.cert_chain_pems[0].write_to_path(str(folder / "client.pem"))
        client.private_key_pem.write_to_path(str(folder / "client.key"))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1", "localhost").configure_cert(self._context)
        self._authority.configure_trust(self._context)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def requests(self) -> Counter[str]:
        with self._lock:
            return Counter(self._requests)

    def count(self, operation: str) -> None:
        with self._lock:
            self._requests[operation] += 1

    def fault(self, operation: str, asked: Sequence[str]) -> Fault | None:
        """The first that befalls a request."""
        fitting = (f for f in self.faults if f.operation == operation and (not f.identifier or f.identifier in asked))
        return next(fitting, None)

    def source(self, **more: Any) -> dict[str, Any]:
        """The settings of a `[[source]]` that reads it. None takes one away."""
        table: dict[str, Any] = {
            "name": "prod",
            "host": "127.0.0.1",
            "port": self.port,
            "client_certificate": str(self.folder / "client.pem"),
            "client_key": str(self.folder / "client.key"),
            "ca_file": str(self.folder / "ca.pem"),
            "attempts": 1,
            "timeout_seconds": 5,
            **more,
        }
        return {name: value for name, value in table.items() if value is not None}

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                plain, address = self._listener.accept()
            except OSError:
                return
            plain.settimeout(30)
            connection = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            session = _Session(self, connection, address)
            self.sessions.add(session)
            session.start()

    def close(self) -> None:
        self.closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for session in list(self.sessions):
            with suppress(OSError):
                session._connection.close()
        self._thread.join(5)
        deadline = time.monotonic() + 5
        for session in list(self.sessions):
            session.join(max(0.0, deadline - time.monotonic()))


@contextmanager
def serving(fill: Any, faults: Sequence[Fault] = ()) -> Iterator[KmipServer]:
    """A server that `fill` has put objects into."""
    with tempfile.TemporaryDirectory(prefix="keyproof-kmip-") as folder:
        engine = Engine(f"{folder}/kmip.sqlite")
        fill(engine)
        server = KmipServer(engine, Path(folder))
        server.faults = list(faults)
        try:
            yield server
        finally:
            server.close()
            engine._data_store.dispose()


def seconds(dates: Mapping[str, Any]) -> dict[str, int]:
    """Dates by their attributes as KMIP counts them."""
    return {name: int(moment.timestamp()) for name, moment in dates.items()}
