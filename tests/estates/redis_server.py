"""A database whose passwords a Vault can change: as much of the Redis protocol as OpenBao's plugin speaks."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Connection(socketserver.StreamRequestHandler):
    server: RedisServer

    def handle(self) -> None:
        while header := self.rfile.readline():
            parts = [self._part() for _ in range(int(header[1:]))]
            self.wfile.write(self.server.answer([part.decode() for part in parts]))

    def _part(self) -> bytes:
        length = int(self.rfile.readline()[1:])
        return self.rfile.read(length + 2)[:length]


class RedisServer(socketserver.ThreadingTCPServer):
    """Knows its users and their last passwords, and lets everybody in."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.passwords: dict[str, str] = {}

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def answer(self, command: list[str]) -> bytes:
        """Source: Redis documentation, RESP protocol, ACL GETUSER and ACL SETUSER."""
        name, *arguments = command
        if name.upper() == "PING":
            return b"+PONG\r\n"
        if name.upper() == "ACL" and arguments[0].upper() == "GETUSER":
            return b"*2\r\n$5\r\nflags\r\n*1\r\n$2\r\non\r\n"
        if name.upper() == "ACL" and arguments[0].upper() == "SETUSER":
            for rule in (rule for rule in arguments[2:] if rule.startswith(">")):
                self.passwords[arguments[1]] = rule[1:]
        return b"+OK\r\n"


@contextmanager
def serving() -> Iterator[RedisServer]:
    """The server, on a free port of this machine."""
    with RedisServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
