"""The small KMIP server as a stage."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from kmip_server import Fault, KmipServer
from small_kmip import NOW, served
from staging import Faults, Served, Stage


@cache
def _server() -> KmipServer:
    """One for all runs, since its address stands in the names of all that it holds."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(served())


@contextmanager
def serve(faults: Faults) -> Iterator[Served]:
    """Serves the estate with faults."""
    server = _server()
    before = server.requests
    server.faults = [Fault(operation, kind) for operation, kind in faults]
    try:
        yield Served(server.source(), lambda: server.requests - before)
    finally:
        server.faults = []


STAGE = Stage(
    type="kmip",
    now=NOW,
    serve=serve,
    paged=frozenset({"kmip:Locate"}),
    opened_by={},
    opening=("/kmip",),
)
