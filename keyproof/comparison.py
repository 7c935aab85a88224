"""Names the first differences between what a pack says and what its observations give."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.database import confine, opened, parquet_file

if TYPE_CHECKING:
    import duckdb

FIRST = 10
"""Differences of one file that are named; the rest are counted."""

GIVER = "the observations give"

_TEXT_LIMIT = 200
_MEMORY_LIMIT = "512MB"
_ABSENT = object()


class UnreadableTable(Exception):
    """A file that should be Parquet is not, or has columns that cannot be compared."""


def table_differences(claimed: Path, again: Path, key: Sequence[str]) -> list[str]:
    """Where two Parquet files differ as bags of rows, each row named by its `key`; empty where they do not.

    Order and encoding do not count. Raises UnreadableTable where `claimed` cannot be read.
    """
    import duckdb

    with _database(claimed, again) as database:
        try:
            columns = database.execute("DESCRIBE claimed").fetchall()
            expected = database.execute("DESCRIBE again").fetchall()
            if [column[:2] for column in columns] != [column[:2] for column in expected]:
                return ["its columns are not those of the table"]
            return _row_differences(database, key, [column[0] for column in columns])
        except duckdb.Error as error:
            raise UnreadableTable(str(error).splitlines()[0]) from error


def _row_differences(database: duckdb.DuckDBPyConnection, key: Sequence[str], columns: Sequence[str]) -> list[str]:
    same = " AND ".join(f"extra.{name} IS NOT DISTINCT FROM lost.{name}" for name in key)
    order = ", ".join(f"coalesce(extra.{name}, lost.{name})" for name in key)
    found = database.execute(
        f"""
        WITH extra AS (FROM claimed EXCEPT ALL FROM again), lost AS (FROM again EXCEPT ALL FROM claimed)
        SELECT to_json(extra), to_json(lost), count(*) OVER ()
        FROM extra FULL JOIN lost ON {same} ORDER BY {order} LIMIT {FIRST}
        """  # noqa: S608 - column names are this program's own
    ).fetchall()
    texts = [_row_difference(_row(extra), _row(lost), key, columns) for extra, lost, _ in found]
    total = found[0][2] if found else 0
    return texts + _rest(total - len(texts))


def _row(text: str | None) -> dict[str, Any] | None:
    row = json.loads(text) if text else None
    return None if row is None or all(value is None for value in row.values()) else row


def _row_difference(
    claimed: dict[str, Any] | None, again: dict[str, Any] | None, key: Sequence[str], columns: Sequence[str]
) -> str:
    some = claimed or again or {}
    name = ", ".join(f"{column} {_short(some.get(column))}" for column in key)
    if again is None:
        return f"{name}: stands in the pack, but does not follow from the observations"
    if claimed is None:
        return f"{name}: follows from the observations, but does not stand in the pack"
    differing = [column for column in columns if claimed[column] != again[column]]
    return f"{name}: " + "; ".join(_said(column, claimed[column], again[column]) for column in differing)


def document_differences(claimed: Any, again: Any, giver: str = GIVER) -> list[str]:
    """Where two JSON values differ, each place named; empty where they do not. `giver` is what gives the second."""
    found = [_said(*difference, giver) for difference in _differences(claimed, again, "")]
    return found[:FIRST] + _rest(len(found) - FIRST)


def _differences(claimed: Any, again: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(claimed, dict) and isinstance(again, dict):
        for name in [*claimed, *(name for name in again if name not in claimed)]:
            inner = f"{place}.{name}" if place else str(name)
            yield from _differences(claimed.get(name, _ABSENT), again.get(name, _ABSENT), inner)
    elif isinstance(claimed, list) and isinstance(again, list) and (claimed or again):
        left, right = _by_name(claimed), _by_name(again)
        for name in [*left, *(name for name in right if name not in left)]:
            yield from _differences(left.get(name, _ABSENT), right.get(name, _ABSENT), f"{place}[{name}]")
    elif type(claimed) is not type(again) or claimed != again:
        yield place, claimed, again


def _by_name(items: list[Any]) -> dict[str, Any]:
    """Items by what names them, where that tells them apart, else by their place."""
    names = [_name(item) for item in items]
    if "" not in names and len(set(names)) == len(names):
        return dict(zip(names, items, strict=True))
    return {str(index): item for index, item in enumerate(items)}


def _name(item: Any) -> str:
    for members in (("id", "variant"), ("id",), ("name",), ("source",)):
        if isinstance(item, dict) and all(member in item for member in members):
            return " ".join(str(item[member]) for member in members)
    return ""


def _said(place: str, claimed: Any, again: Any, giver: str = GIVER) -> str:
    return f"{place} is {_short(claimed)} in the pack, but {giver} {_short(again)}"


def _short(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…"


def _rest(number: int) -> list[str]:
    return [f"and {number:,} more"] if number > 0 else []


@contextmanager
def _database(claimed: Path, again: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that sees these two files and nothing else of the machine."""
    import duckdb

    with opened(_MEMORY_LIMIT) as database:
        try:
            for name, path in (("claimed", claimed), ("again", again)):
                database.execute(f"CREATE VIEW {name} AS FROM {parquet_file(path)}")
        except duckdb.Error as error:
            raise UnreadableTable(str(error).splitlines()[0]) from error
        confine(database, files=[claimed, again])
        yield database
