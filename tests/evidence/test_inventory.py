"""Rows on their way to disk: no NULL without a gap, and no table that is half written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from evidence.inventory import LONGEST_ERROR, UNREAD_KEY, InventoryWriter, UnexplainedNull, explain, gap
from evidence.model import (
    BOOKKEEPING,
    NEVER,
    TABLES,
    Gap,
    GapKind,
    Key,
    KeyVersion,
    ProtectedResource,
    Secret,
    State,
    columns,
)
from evidence.observation import Observation, Status
from evidence.operation import Operation, by_name
from evidence.reading import Answer, Failure, Reading, Text

Make = Callable[..., Observation]

OPERATIONS = by_name(
    [
        Operation(name="kms:One", facts=("key_version.key", "key_version.state"), why="x"),
        Operation(name="kms:Two", facts=("key_version.state", "key_version.created_at"), why="x"),
        Operation(name="kms:Three", facts=("key_version.expires_at",), why="x"),
    ]
)
VALUES = {"timestamp": NEVER, "boolean": False, "integer": 0, "list of string": []}
WHOLE = {c.name: VALUES.get(c.type, "x") for c in columns(KeyVersion) if c.name not in BOOKKEEPING} | {
    "state": State.ACTIVE
}


class Anything(Answer):
    Needed: Text


def _row(*unknown: str) -> KeyVersion:
    facts = {name: value for name, value in WHOLE.items() if name not in unknown}
    return KeyVersion(id="v1", source="prod", scope="prod/1/r/kms", evidence=["OBS-1"], **facts)  # type: ignore[arg-type]


def _gaps(row: KeyVersion, *readings: Reading, not_offered: dict[str, str] | None = None) -> list[Gap]:
    return list(explain(row, readings, OPERATIONS, not_offered or {}))


def _reading(observation: Make, operation: str, status: Status = Status.OK, error: str = "") -> Reading:
    reading = Reading("key-1", [observation("key-1", operation, status=status, error=error)])
    reading.answer(operation, Anything)
    return reading


def test_the_row_of_the_tests_has_every_fact() -> None:
    assert _gaps(_row()) == []


def test_a_null_is_explained_by_the_operation_that_was_refused(observation: Make) -> None:
    refused = _reading(observation, "kms:Three", Status.REFUSED, "AccessDenied: no")
    [told] = _gaps(_row("expires_at"), refused)
    assert (told.operation, told.kind, told.error) == ("kms:Three", GapKind.REFUSED, "AccessDenied: no")
    assert (told.of_table, told.subject, told.columns) == ("key_version", "v1", ["expires_at"])
    assert (told.source, told.scope, told.evidence) == ("prod", "prod/1/r/kms", [refused.observations[0].id])
    assert told.rows_missing is False


def test_one_reason_makes_one_gap_and_two_make_two(observation: Make) -> None:
    refused = _reading(observation, "kms:One", Status.REFUSED, "no")
    failed = _reading(observation, "kms:Three", Status.FAILED, "late")
    told = {gap.operation: gap for gap in _gaps(_row("state", "key", "expires_at"), refused, failed)}
    assert told["kms:One"].columns == ["key", "state"]
    assert told["kms:Three"].columns == ["expires_at"]
    assert len({gap.id for gap in told.values()}) == 2


def test_what_failed_comes_before_what_is_not_offered(observation: Make) -> None:
    not_offered = {"key_version.expires_at": "it has none", "key_version.cause": "nobody says"}
    told = _gaps(
        _row("expires_at", "cause"), _reading(observation, "kms:Three", Status.FAILED, "late"), not_offered=not_offered
    )
    assert {(g.kind, g.error) for g in told} == {(GapKind.FAILED, "late"), (GapKind.NOT_OFFERED, "nobody says")}
    [told_none] = _gaps(_row("expires_at"), not_offered=not_offered)
    assert (told_none.operation, told_none.kind, told_none.error) == ("kms:Three", GapKind.NOT_OFFERED, "it has none")


def test_an_answer_that_does_not_state_it_and_one_never_asked_for_are_told_apart(observation: Make) -> None:
    answered = Reading("key-1", [observation("key-1", "kms:Three", body='{"Needed": "x"}')])
    [told] = _gaps(_row("expires_at"), answered)
    assert (told.kind, told.error) == (GapKind.FAILED, "the answer does not state it")
    assert told.evidence == [answered.observations[0].id]
    [told] = _gaps(_row("expires_at"))
    assert (told.kind, told.evidence) == (GapKind.FAILED, [])
    assert told.error.startswith("it was not asked")


def test_a_null_that_nothing_explains_is_an_error_of_ours() -> None:
    with pytest.raises(UnexplainedNull, match=r"key_version\.superseded_at is NULL"):
        _gaps(_row("superseded_at"))


def test_the_id_of_a_gap_is_that_of_what_is_unknown_and_not_of_the_error() -> None:
    def made(error: str, *names: str) -> str:
        failure = Failure(GapKind.FAILED, error, "")
        return gap(_row(), "kms:One", failure, of_table="key", subject="k", names=names).id

    assert made("a", "x", "y") == made("b", "y", "x")
    assert made("a", "x") != made("a", "y")


def test_a_gap_tells_no_more_of_an_error_than_somebody_would_read() -> None:
    def told(error: str) -> str | None:
        return gap(_row(), "kms:One", Failure(GapKind.FAILED, error, ""), of_table="key", subject="k").error

    assert told("e" * LONGEST_ERROR) == "e" * LONGEST_ERROR
    assert told("e" * 100_000) == "e" * (LONGEST_ERROR - 1) + "…"


# --- writing --------------------------------------------------------------------------------------------------------


def _versions(count: int) -> Iterator[KeyVersion]:
    for number in reversed(range(count)):
        row = _row("state") if number % 2 else _row()
        row.id = f"v{number:05}"
        yield row


@pytest.mark.parametrize("batch", [1, 3, 10_000])
def test_tables_are_sorted_and_the_same_however_much_is_held(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evidence.inventory.BATCH_ROWS", batch)
    with InventoryWriter(tmp_path) as writer:
        for row in _versions(10):
            writer.add(row)
    assert {path.name for path in tmp_path.iterdir()} == {f"{table}.parquet" for table in TABLES}
    rows = parquet.read_table(tmp_path / "key_version.parquet").to_pylist()
    assert [row["id"] for row in rows] == [f"v{number:05}" for number in range(10)]
    assert [row["state"] for row in rows] == ["active", None] * 5
    assert rows[0]["expires_at"] == NEVER
    monkeypatch.undo()
    with InventoryWriter(tmp_path / "again") as writer:
        for row in sorted(_versions(10), key=lambda row: row.id):
            writer.add(row)
    assert (tmp_path / "again" / "key_version.parquet").read_bytes() == (tmp_path / "key_version.parquet").read_bytes()


def test_an_error_on_the_way_leaves_no_table(tmp_path: Path) -> None:
    def write() -> None:
        with InventoryWriter(tmp_path) as writer:
            writer.add(_row())
            raise KeyError("x")

    with pytest.raises(KeyError):
        write()
    assert list(tmp_path.iterdir()) == []


def test_half_of_a_pair_does_not_stop_a_table(tmp_path: Path) -> None:
    row = _row()
    row.key = "half \ud800"
    row.evidence = ["\udfff", "OBS-1"]
    with InventoryWriter(tmp_path) as writer:
        writer.add(row)
    [told] = parquet.read_table(tmp_path / "key_version.parquet").to_pylist()
    assert (told["key"], told["evidence"]) == ("half \ufffd", ["\ufffd", "OBS-1"])


def test_a_key_that_is_named_and_was_not_read_is_a_gap(tmp_path: Path) -> None:
    """Nothing was refused: it is another account's, which no source reads."""
    place: dict[str, Any] = {"source": "prod", "scope": "prod/1/r/kms", "evidence": ["OBS-1"]}
    own, other = (f"arn:aws:kms:r:{account}:key/0" for account in (1, 2))
    with InventoryWriter(tmp_path) as writer:
        writer.add(Key(id=own, **place))
        for name, key in (("own", own), ("other", other), ("provider's", ""), ("unknown", None)):
            writer.add(ProtectedResource(id=name, key=key, **place))
        for name, keys in (("both", [own, other]), ("alias", ["alias/aws/secretsmanager", "0"]), ("unknown", None)):
            writer.add(Secret(id=name, keys=keys, **place))
    gaps = parquet.read_table(tmp_path / "gap.parquet").to_pylist()
    told = sorted((gap["of_table"], gap["subject"], gap["columns"], gap["kind"], gap["error"]) for gap in gaps)
    assert told == [
        ("protected_resource", "other", ["key"], "switched_off", UNREAD_KEY),
        ("secret", "both", ["keys"], "switched_off", UNREAD_KEY),
    ]
    assert {(gap["scope"], *gap["evidence"]) for gap in gaps} == {("prod/1/r/kms", "OBS-1")}
