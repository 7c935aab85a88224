"""Collections from a Vault, and the rows that they come to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collected import Collected

from collectors.registry import SOURCES
from collectors.source import Settings
from collectors.vault.collect import VaultCollector
from collectors.vault.configuration import VaultConfiguration
from collectors.vault.normalize import normalize
from evidence.model import Access, Row
from evidence.reading import group_by_subject
from keyproof.collection import Collection
from keyproof.demo.vault.embedded import EmbeddedVault
from keyproof.demo.vault.faults import FaultPlan


@contextmanager
def logged_in(vault: EmbeddedVault) -> Iterator[EmbeddedVault]:
    """The environment holds the token of a running server."""
    with vault:
        before = {name: os.environ.get(name) for name in vault.credentials}
        os.environ.update(vault.credentials)
        try:
            yield vault
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


class Inventory:
    """The rows of one collection."""

    def __init__(
        self,
        vault: EmbeddedVault,
        folder: Path,
        faults: FaultPlan = (),
        settings: Settings | None = None,
        **more: Any,
    ) -> None:
        table = {**vault.source("prod"), "attempts": 1, "timeout_seconds": 5, **more}
        del table["type"]  # it has chosen the source
        vault.faults = faults
        before = vault.requests
        collection = Collection(folder, {"vault": SOURCES["vault"].operations()}, concurrency=4)
        progress = collection.run(VaultCollector(VaultConfiguration(**table)).start())
        self.requests = vault.requests - before
        vault.faults = ()
        self.collected = Collected(folder, progress)
        self.rows: list[Row] = []
        for id, header in self.collected.headers.items():
            readings = group_by_subject(iter(self.collected.scopes[id]))
            self.rows += normalize(header, readings, settings or Settings())

    def of(self, table: type[Row], /, **facts: Any) -> list[Any]:
        """The rows of a table that have these facts."""
        rows = [row for row in self.rows if isinstance(row, table)]
        return [row for row in rows if all(getattr(row, name) == value for name, value in facts.items())]

    def may(self, subject: str) -> set[tuple[str, str, str]]:
        """Principal, capability and policy of each access row of a subject."""
        found = self.of(Access, subject=subject)
        return {(row.principal, row.capability, row.via.removeprefix("ACL policy ")) for row in found}
