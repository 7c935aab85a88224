"""The small token as a stage: a module of its own stands between it and its caller, and goes wrong as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from small_pkcs11 import NOW, served
from staging import Faults, Served, Stage

_LYING = frozenset(
    {"pkcs11:C_GetSlotList", "pkcs11:C_GetMechanismList", "pkcs11:C_FindObjects", "pkcs11:C_GetAttributeValue"}
)
"""Functions whose answers can be told from good ones: lists without end, values of no kind."""

_AS = {
    "refuse": "refuse",
    "throttle": "hang",
    "break": "break",
    "lose_page": "removed",
    "cut": "exit",
    "html": "unknown",
    "close": "crash",
}
"""What a fault is in a library: one that does not answer hangs, and one that breaks off ends its process."""


def _plan(operation: str, fault: str) -> str:
    ways = {**_AS, "wrong_types": "lie" if operation in _LYING else "unknown"}
    return f"{operation.removeprefix('pkcs11:')}={ways[fault]}"


@contextmanager
def serve(faults: Faults) -> Iterator[Served]:
    """Serves the token with faults."""
    with served(" ".join(_plan(operation, fault) for operation, fault in faults)) as token:
        yield Served(token.source("hsm", timeout_seconds=3), token.requests)


STAGE = Stage(
    type="pkcs11",
    now=NOW,
    opening=("/module",),
    serve=serve,
    paged=frozenset(),
    opened_by={},
    answered=frozenset({"wrong_types"}),
)
