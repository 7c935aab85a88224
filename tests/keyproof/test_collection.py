"""Collection: one flat queue that cannot lock up, and files that survive whatever ends it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from ledger_source import DETAILS, OPERATIONS, Ledger, header

from collectors.source import Batch, Task, UndeclaredOperation
from evidence.observation import Observation
from evidence.recording import read_scope, scope_files
from keyproof.collection import Collection, Progress

ROOT = Path(__file__).resolve().parents[2]
SHELVES, BOOKS, PAGE = 3, 40, 7


class Library(ThreadingHTTPServer):
    """Answers the ledger's questions and counts them; calls `on_request` with the number of each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.on_request: Callable[[int], None] = lambda number: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def count(self, question: str) -> None:
        with self.lock:
            self.asked[question] += 1
            number = self.asked.total()
        self.on_request(number)

    def handle_error(self, request: object, address: object) -> None:
        """A client that was killed is expected here."""


class _Desk(BaseHTTPRequestHandler):
    server: Library

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        operation, parameters = path.path.strip("/"), unquote(path.query)
        self.server.count(f"{operation} {parameters}")
        body = json.dumps(self._answer(operation, json.loads(parameters))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, operation: str, parameters: dict[str, object]) -> object:
        if operation == "Shelves":
            return [f"shelf-{number}" for number in range(SHELVES)]
        if operation == "Books":
            books = [f"{parameters['shelf']}/book-{number}" for number in range(BOOKS)]
            start = PAGE * int(str(parameters["page"]))
            return {"books": books[start : start + PAGE], "more": start + PAGE < BOOKS}
        return {operation: random.Random(str(parameters)).randbytes(300).hex()}

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def library() -> Iterator[Library]:
    with Library() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _collect(folder: Path, library: Library, concurrency: int = 4) -> Progress:
    return Collection(folder, {"ledger": OPERATIONS}, concurrency=concurrency).run(Ledger(library.url).start())


def _start(folder: Path, library: Library, concurrency: int, file_limit: int = 0) -> subprocess.Popen[str]:
    program = Path(__file__).with_name("ledger_source.py")
    command = [sys.executable, str(program), str(folder), library.url, str(concurrency), str(file_limit)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def _question(observation: Observation) -> str:
    return f"{observation.operation.removeprefix('ledger:')} {json.dumps(observation.parameters)}"


def _recorded(folder: Path) -> set[str]:
    """The questions whose answers stand in any file, however it was cut off."""
    found = set()
    for path in folder.rglob("*.jsonl.gz*"):
        if path.name.endswith(".merging"):
            continue
        inflate = zlib.decompressobj(wbits=31)
        text = inflate.decompress(path.read_bytes())
        for line in text.split(b"\n")[1:-1]:
            found.add(_question(Observation.from_line(line.decode())))
    return found


def _content(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """What the files say but for the times, and for the order of subjects, which workers are free to choose."""
    content = {}
    for path in scope_files(folder):
        scope, observations = read_scope(path)
        rows = [(o.subject, o.id, o.operation, json.dumps(o.parameters), o.body, o.sha256) for o in observations]
        assert [row[0] for row in rows] == sorted((row[0] for row in rows), key=[row[0] for row in rows].index)
        content[path.relative_to(folder).as_posix()] = [(scope,), *sorted(rows, key=lambda row: row[0])]
    return content


def _all_questions() -> int:
    pages = -(-BOOKS // PAGE)
    return 1 + SHELVES * (pages + BOOKS * len(DETAILS))


@pytest.mark.parametrize("concurrency", [1, 2, 16, 64])
def test_everything_is_asked_once_however_many_workers(library: Library, tmp_path: Path, concurrency: int) -> None:
    progress = _collect(tmp_path, library, concurrency)
    assert set(library.asked.values()) == {1}
    assert library.asked.total() == progress.requests == _all_questions()
    assert (progress.tasks, progress.scopes) == (progress.tasks_done, progress.scopes_done)
    assert progress.scopes == 1 + SHELVES
    assert not list(tmp_path.rglob("*.part"))
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {p.name for p in scope_files(tmp_path)}


def test_one_subjects_observations_stand_together_after_the_listing(library: Library, tmp_path: Path) -> None:
    _collect(tmp_path, library, 16)
    for path in scope_files(tmp_path):
        subjects = [observation.subject for observation in read_scope(path)[1]]
        assert subjects[0] == ""
        changes = [after for before, after in pairwise(subjects) if before != after]
        assert len(changes) == len(set(changes))


def test_one_worker_makes_the_same_file_each_time_but_for_the_times(library: Library, tmp_path: Path) -> None:
    for name in ("one", "other"):
        _collect(tmp_path / name, library, 1)
    orders = [
        [[o.id for o in read_scope(path)[1]] for path in scope_files(tmp_path / name)] for name in ("one", "other")
    ]
    assert orders[0] == orders[1]


@pytest.mark.parametrize("seed", [0, 1, 5, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3, 4))])
def test_a_run_killed_again_and_again_asks_nothing_that_is_recorded(
    library: Library, tmp_path: Path, seed: int
) -> None:
    """SIGKILL at the moment of a request, which is any: workers are then listing, describing, writing or closing.

    The seeds that are not slow bring four workers, one and eight.
    """
    chance = random.Random(seed)
    concurrency = chance.choice([1, 4, 8])
    kills = 0
    while True:
        recorded = _recorded(tmp_path)
        before = Counter(library.asked)
        process = _start(tmp_path, library, concurrency)
        moment = library.asked.total() + chance.randint(1, 120)
        library.on_request = lambda number, moment=moment, process=process: (
            process.send_signal(signal.SIGKILL) if number == moment else None
        )
        _, errors = process.communicate()
        library.on_request = lambda number: None
        again = {question for question in recorded if library.asked[question] > before[question]}
        assert again == set()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors
        kills += 1
    batch = max(len(DETAILS), -(-BOOKS // PAGE))
    assert kills
    assert library.asked.total() <= _all_questions() + kills * concurrency * batch
    _collect(tmp_path / "uninterrupted", library)
    whole = _content(tmp_path / "uninterrupted")
    assert {name: rows for name, rows in _content(tmp_path).items() if not name.startswith("un")} == whole
    left = {path.suffix for path in (tmp_path / "library").rglob("*") if path.is_file()}
    assert left == {".gz"}


def test_a_run_killed_before_the_first_answer_starts_anew(library: Library, tmp_path: Path) -> None:
    process = _start(tmp_path, library, 4)
    library.on_request = lambda number: process.send_signal(signal.SIGKILL)
    process.communicate()
    library.on_request = lambda number: None
    assert _recorded(tmp_path) == set()
    _collect(tmp_path, library)
    assert len(_recorded(tmp_path)) == _all_questions()


def test_a_complete_run_taken_up_again_asks_nothing(library: Library, tmp_path: Path) -> None:
    _collect(tmp_path, library)
    before, asked = _content(tmp_path), library.asked.total()
    progress = _collect(tmp_path, library)
    assert library.asked.total() == asked
    assert (progress.requests, progress.recorded) == (0, asked)
    assert _content(tmp_path) == before


@pytest.mark.parametrize("limit", [1, 700, 4_000, 12_000])
def test_a_full_disk_stops_and_loses_nothing(library: Library, tmp_path: Path, limit: int) -> None:
    process = _start(tmp_path, library, 4, file_limit=limit)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "OSError: [Errno 27] File too large" in errors
    recorded, before = _recorded(tmp_path), Counter(library.asked)
    _collect(tmp_path, library)
    assert not {question for question in recorded if library.asked[question] > before[question]}
    assert len(_recorded(tmp_path)) == _all_questions()


def test_a_disk_that_is_full_while_a_killed_run_is_taken_up_loses_nothing(library: Library, tmp_path: Path) -> None:
    process = _start(tmp_path, library, 4)
    library.on_request = lambda number: process.send_signal(signal.SIGKILL) if number == 200 else None
    process.communicate()
    library.on_request = lambda number: None
    recorded, before = _recorded(tmp_path), Counter(library.asked)
    assert recorded
    process = _start(tmp_path, library, 4, file_limit=2_000)
    process.communicate()
    assert process.returncode == 1
    assert recorded <= _recorded(tmp_path)
    _collect(tmp_path, library)
    assert not {question for question in recorded if library.asked[question] > before[question]}


def test_a_store_that_cannot_be_written_is_an_error_before_anything_is_asked(library: Library, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        _collect(tmp_path / "file", library)
    assert not library.asked


def test_an_error_in_a_worker_stops_all_and_can_be_taken_up(library: Library, tmp_path: Path) -> None:
    class Defect(Exception):
        pass

    class Faulty(Ledger):
        def _details(self, batch: Batch) -> list[Task]:
            if batch.subject == "shelf-1/book-20":
                raise Defect(batch.subject)
            return super()._details(batch)

    with pytest.raises(Defect, match="shelf-1/book-20"):
        Collection(tmp_path, {"ledger": OPERATIONS}, concurrency=4).run(Faulty(library.url).start())
    recorded, before = _recorded(tmp_path), Counter(library.asked)
    assert recorded
    _collect(tmp_path, library)
    assert not {question for question in recorded if library.asked[question] > before[question]}
    assert len(_recorded(tmp_path)) == _all_questions()


def test_an_error_in_what_follows_a_scope_is_raised(library: Library, tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise ConnectionError(f"cannot publish {path.name}")

    collection = Collection(tmp_path, {"ledger": OPERATIONS}, concurrency=4, on_scope=refuse)
    with pytest.raises(ConnectionError, match="cannot publish"):
        collection.run(Ledger(library.url).start())


def test_ctrl_c_leaves_a_run_that_can_be_taken_up(library: Library, tmp_path: Path) -> None:
    process = _start(tmp_path, library, 4)

    def interrupt(number: int) -> None:
        if number == 150:
            process.send_signal(signal.SIGINT)
        elif number > 150:
            time.sleep(0.02)  # on a busy machine, all the rest could be answered before the process is told

    library.on_request = interrupt
    _, errors = process.communicate()
    library.on_request = lambda number: None
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors
    recorded, before = _recorded(tmp_path), Counter(library.asked)
    _collect(tmp_path, library)
    assert not {question for question in recorded if library.asked[question] > before[question]}


def test_an_operation_that_is_not_declared_is_not_asked(library: Library, tmp_path: Path) -> None:
    declared = {name: operation for name, operation in OPERATIONS.items() if name != "ledger:Author"}
    with pytest.raises(UndeclaredOperation, match="ledger:Author is not declared"):
        Collection(tmp_path, {"ledger": declared}, concurrency=2).run(Ledger(library.url).start())
    assert not any(question.startswith("Author") for question in library.asked)


def test_each_scope_is_handed_on_once_and_whole(library: Library, tmp_path: Path) -> None:
    seen: list[Path] = []

    def look(path: Path) -> None:
        assert list(read_scope(path)[1])
        seen.append(path)

    Collection(tmp_path, {"ledger": OPERATIONS}, concurrency=8, on_scope=look).run(Ledger(library.url).start())
    assert sorted(seen) == scope_files(tmp_path)


def test_no_tasks_are_done_at_once(tmp_path: Path) -> None:
    progress = Collection(tmp_path, {}, concurrency=4).run([])
    assert progress.tasks == 0


def test_a_task_that_opens_more_tasks_than_there_are_workers_does_not_lock_up(tmp_path: Path) -> None:
    def grow(depth: int) -> Callable[[Batch], list[Task]]:
        return lambda batch: [Task(header("library", "tree"), f"{depth}", grow(depth - 1))] * (3 if depth else 0)

    progress = Collection(tmp_path, {"ledger": OPERATIONS}, concurrency=1).run(
        [Task(header("library", "tree"), "", grow(6))]
    )
    assert progress.tasks_done == sum(3**level for level in range(8)) - 3**7
