"""The small OpenBao as a stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from small_vault import NOW, served
from staging import Faults, Served, Stage

from keyproof.demo.faults import Fault
from keyproof.demo.vault.faults import Rule


@contextmanager
def serve(faults: Faults) -> Iterator[Served]:
    """Serves the estate with faults."""
    with served([Rule(fault=Fault(fault), operation=operation) for operation, fault in faults]) as vault:
        configuration = {**vault.source("prod"), "attempts": 1, "timeout_seconds": 5}
        del configuration["type"]
        yield Served(configuration, lambda: vault.requests)


STAGE = Stage(
    type="vault",
    now=NOW,
    serve=serve,
    paged=frozenset(),
    opened_by={
        **dict.fromkeys(["kv:ListMetadata", "kv:ReadMetadata"], "kv:ListDetailedMetadata"),
        "ssh:ReadCa": "ssh:ListIssuers",
        **dict.fromkeys(["sys:ListPolicies", "sys:ReadPolicy"], "sys:ListDetailedPolicies"),
    },
    opening=("/vault", "/namespace"),
)
