"""The store: one run at a time, every run found again, and nothing in it half written."""

from __future__ import annotations

import json
import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from evidence.store import (
    RUN_RECORD,
    Run,
    RunRecord,
    Store,
    StoreError,
    StoreLocked,
    open_store,
    unfinished,
    write_atomically,
)

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


def _record(run: Run, **members: Any) -> RunRecord:
    values: dict[str, Any] = {
        "id": run.folder.name,
        "tool_version": "1",
        "organization": "Example Ltd",
        "configuration_sha256": "a",
        "started_at": NOW,
        "finished_at": None,
        "state": "collecting",
        "host": "h",
        "sources": [],
        "tag_names": {},
        "organization_accounts": [],
    }
    return RunRecord(**{**values, **members})


def _run(store: Store, days: int = 0, **members: Any) -> Run:
    run = store.new_run(NOW + timedelta(days=days))
    run.write_record(_record(run, **members))
    return run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_a_record_is_read_as_it_was_written(store: Store) -> None:
    run = _run(store, state="collected", finished_at=NOW)
    assert run.record() == _record(run, state="collected", finished_at=NOW)
    assert [path.name for path in run.folder.iterdir()] == [RUN_RECORD]


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"id": 1}', b"[]"])
def test_a_damaged_record_is_named(store: Store, content: bytes) -> None:
    run = _run(store)
    (run.folder / RUN_RECORD).write_bytes(content)
    with pytest.raises(StoreError, match=r"run\.json is damaged"):
        run.record()


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is this the folder of a run"):
        Run(tmp_path).record()


def test_runs_stand_in_the_order_of_their_times(store: Store) -> None:
    runs = [_run(store, days) for days in (3, 1, 2)]
    (store.root / "runs" / "holiday").mkdir()
    assert store.runs() == [runs[1], runs[2], runs[0]]
    assert store.run("latest") == runs[0]


def test_two_runs_of_the_same_second_have_folders_of_their_own(store: Store) -> None:
    assert len({store.new_run(NOW).folder for _ in range(50)}) == 50


def test_a_run_is_named_by_the_beginning_of_its_id(store: Store) -> None:
    one, other = _run(store, 0), _run(store, 1)
    assert store.run("20260701") == other
    assert store.run(one.folder.name) == one
    with pytest.raises(StoreError, match="more than one run matches '2026'") as caught:
        store.run("2026")
    assert one.folder.name in str(caught.value)
    with pytest.raises(StoreError, match=f"no run matches '1999'.*{other.folder.name}"):
        store.run("1999")


def test_an_empty_store_has_no_latest_run(store: Store) -> None:
    assert store.runs() == []
    with pytest.raises(StoreError, match="runs there: none"):
        store.run("latest")


def test_only_a_run_of_the_same_configuration_that_did_not_end_is_taken_up(store: Store) -> None:
    older = _run(store, 0)
    newer = _run(store, 1)
    _run(store, 2, state="collected")
    _run(store, 3, configuration_sha256="b")
    assert unfinished(store.runs(), "a") == newer
    assert unfinished(store.runs()[:1], "a") == older
    assert unfinished(store.runs(), "c") is None


def test_writing_beside_leaves_the_old_file_where_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


# --- the lock -------------------------------------------------------------------------------------------------------


def _hold(root: Path, pipe: Connection) -> None:
    with Store(root).locked(5):
        pipe.send(os.getpid())
        pipe.recv()


def _start_holder(store: Store) -> tuple[Any, Connection]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_hold, args=(store.root, there))
    process.start()
    assert here.recv() == process.pid
    return process, here


def test_a_store_is_held_by_one_process_which_is_named(store: Store) -> None:
    process, pipe = _start_holder(store)
    try:
        with pytest.raises(StoreLocked, match=rf"held by process {process.pid} on .*--wait SECONDS"), store.locked(0):
            pass
        (store.root / ".lock.holder").write_text("{}")
        with pytest.raises(StoreLocked, match="held by another run"), store.locked(0):
            pass
    finally:
        pipe.send("go")
        process.join()
    with store.locked(0):
        assert json.loads((store.root / ".lock.holder").read_text())["pid"] == os.getpid()


def test_a_store_is_free_once_its_holder_was_killed(store: Store) -> None:
    process, _ = _start_holder(store)
    process.kill()
    process.join()
    with store.locked(5):
        pass


def test_a_store_is_free_after_an_error(store: Store) -> None:
    def fail() -> None:
        with store.locked(0):
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    with store.locked(0):
        pass


@pytest.mark.parametrize("place", ["/proc/keyproof", "file/store"])
def test_a_store_that_cannot_be_made_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(StoreError, match=r"cannot be written: .*; check \[store\] url"),
        Store(tmp_path / place).locked(0),
    ):
        pass


# --- the far side ---------------------------------------------------------------------------------------------------


def test_a_url_has_a_local_side_of_its_own(tmp_path: Path) -> None:
    assert open_store("evidence", tmp_path) == Store(Path("evidence"))
    one, other = (open_store(f"memory://{name}", tmp_path) for name in ("a/b", "a%2Fb"))
    assert one.root.parent == other.root.parent == tmp_path
    assert one.root != other.root
