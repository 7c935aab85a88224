"""The small KMIP server as a stage."""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
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


def serve(faults: Faults) -> AbstractContextManager[Served]:
    """Serves the estate with faults."""
    return serve_with([Fault(operation, kind) for operation, kind in faults])


@contextmanager
def serve_with(faults: Sequence[Fault]) -> Iterator[Served]:
    """Serves the estate with faults that may befall single objects."""
    server = _server()
    before = server.requests
    server.faults = list(faults)
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
