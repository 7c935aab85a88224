"""A small source over HTTP for the tests of collection; run as a program it collects, to be killed at any moment."""

from __future__ import annotations

import json
import resource
import signal
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from collectors.source import Batch, Task
from evidence.observation import Observation, Status, body_digest, body_text, iso
from evidence.operation import Operation, by_name
from evidence.recording import ScopeHeader
from keyproof.collection import Collection

OPERATIONS = by_name(
    Operation(name=f"ledger:{name}", why="to test with") for name in ("Shelves", "Books", "Title", "Author", "Year")
)
DETAILS = ("Title", "Author", "Year")


class Ledger:
    """Shelves, the books on each, and three things to ask of each book: one scope a shelf, one subject a book."""

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self) -> list[Task]:
        return [Task(header("library", "index"), "", self._shelves)]

    def _shelves(self, batch: Batch) -> Iterator[Task]:
        for shelf in self._ask(batch, "Shelves", {}):
            yield Task(header("library", shelf), "", self._books)

    def _books(self, batch: Batch) -> Iterator[Task]:
        page, more = 0, True
        while more:
            answer = self._ask(batch, "Books", {"shelf": batch.header.service, "page": page})
            for book in answer["books"]:
                yield Task(batch.header, book, self._details)
            page, more = page + 1, answer["more"]

    def _details(self, batch: Batch) -> list[Task]:
        for detail in DETAILS:
            self._ask(batch, detail, {"book": batch.subject})
        return []

    def _ask(self, batch: Batch, operation: str, parameters: dict[str, object]) -> object:
        def ask(wanted: str) -> Observation:
            asked = datetime.now(UTC)
            request = f"{self.url}/{operation}?{json.dumps(parameters)}".replace(" ", "%20").replace('"', "%22")
            with urllib.request.urlopen(request) as answer:
                body = body_text(answer.read())
            return Observation(
                id=wanted,
                source=batch.header.source,
                scope=batch.header.id,
                subject=batch.subject,
                operation=f"ledger:{operation}",
                parameters=parameters,
                requested_at=iso(asked),
                received_at=iso(datetime.now(UTC)),
                status=Status.OK,
                error="",
                request_id="",
                attempts=1,
                identity="",
                body=body,
                sha256=body_digest(body),
            )

        return json.loads(batch.observe(f"ledger:{operation}", parameters, ask).body)


def header(source: str, service: str) -> ScopeHeader:
    return ScopeHeader(id=f"{source}/{service}", source=source, type="ledger", service=service)


def main(folder: Path, url: str, concurrency: int, file_limit: int) -> None:
    if file_limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    Collection(folder, {"ledger": OPERATIONS}, concurrency=concurrency).run(Ledger(url).start())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
