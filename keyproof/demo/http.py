"""HTTP as the embedded providers speak it: requests, answers, and the server between, on the loopback interface."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came. Names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    port: int = 0
    """The port at which it came, where a server has several."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer as it goes."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    missing: int = 0
    """Bytes of the body that are announced and never sent."""


def certified(ca_file: Path) -> ssl.SSLContext:
    """TLS for this machine, by an authority made for this time, whose certificate is written to the file."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(tls)
    return tls


HttpAnswer: TypeAlias = "Callable[[HttpRequest], HttpResponse | None]"
"""Answers a request; None closes the connection without an answer."""


class HttpServer:
    """A server at any number of ports of 127.0.0.1, a thread for each connection, with TLS where a context is given."""

    def __init__(self, answer: HttpAnswer, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.tls = tls
        self.defects: list[Exception] = []
        """What went wrong in `answer`."""
        self._listening: list[socket.socket] = []
        self._connections: set[socket.socket] = set()
        self._awake, self._asleep = socket.socketpair()

    def listen(self) -> int:
        """Open one more port, before `start`; gives its number."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listening.append(listening)
        return int(listening.getsockname()[1])

    def start(self) -> None:
        """Accept connections, until `close`."""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept nothing more, and end every connection."""
        self._awake.close()
        for listening in self._listening:
            listening.close()
        for connection in list(self._connections):
            shut(connection)

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector, self._asleep, suppress(OSError, ValueError):  # closed meanwhile
            for listening in (*self._listening, self._asleep):
                selector.register(listening, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._asleep:
                        return
                    connection, address = key.fileobj.accept()  # type: ignore[union-attr]
                    threading.Thread(target=self._converse, args=(connection, address), daemon=True).start()

    def _converse(self, connection: socket.socket, address: Any) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):  # the client may have gone, or refuse the certificate
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self._connections.add(connection)
            try:
                _Conversation(connection, address, self)  # type: ignore[arg-type]
            finally:
                self._connections.discard(connection)
        with suppress(OSError):
            connection.close()


def shut(connection: socket.socket) -> None:
    """End a connection for both sides."""
    with suppress(OSError):  # its client may have been faster
        connection.shutdown(socket.SHUT_RDWR)


class _Conversation(BaseHTTPRequestHandler):
    """Requests of one connection, each answered in a single write: two would wait for each other's acknowledgement."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: HttpServer  # type: ignore[assignment]

    def finish(self) -> None:
        with suppress(OSError):  # the client may have gone
            super().finish()

    def handle(self) -> None:
        with suppress(OSError):  # the client may have gone
            super().handle()

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        port = int(self.connection.getsockname()[1])
        try:
            response = self.server.answer(HttpRequest(self.command, path, query, headers, body, port))
        except Exception as error:  # noqa: BLE001 - whatever is wrong in here comes out where the server is closed
            self.server.defects.append(error)
            response = None
        if response is None:
            self.close_connection = True
            shut(self.connection)
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            if name.lower() not in ("content-length", "date", "server", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body) + response.missing))
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()
        if response.missing:
            self.close_connection = True
            shut(self.connection)

    do_GET = do_LIST = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged: the embedded provider's `calls` has it all."""
