"""What is told of changes between runs, compared with what really happened and what of it each run saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import ModuleType
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controls.engine import make_statements
from controls.views.history import CHANGE
from controls.views.view import UNKNOWN
from evidence.model import Row

START = datetime(2026, 1, 1, tzinfo=UTC)
MONTH = timedelta(days=30)

THOROUGH = settings(max_examples=120, deadline=None)


@dataclass(frozen=True)
class Key:
    """A key as one run saw it; a fact is None where the run could not read it."""

    state: str | None
    public: bool | None
    rotated: int | None
    """In which month its material began to be used."""

    @property
    def told(self) -> dict[str, Any]:
        return {"state": self.state, "settings": self.public, "rotation": self.rotated}


@dataclass(frozen=True)
class Run:
    """What a run saw of a scope with one key: the last of them is the one that is judged."""

    key: Key | None
    """None where the list does not have it."""
    listed: bool
    """Its list was read to its end."""


keys = st.builds(
    Key,
    state=st.sampled_from(["active", "suspended", None]),
    public=st.sampled_from([True, False, None]),
    rotated=st.sampled_from([-5, 0, None]),
)
histories = st.lists(
    st.builds(Run, key=st.none() | keys, listed=st.sampled_from([True, True, False])), min_size=1, max_size=6
)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": "1"}) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        make_statements(opened, [])
        yield opened


def _at(run: int) -> datetime:
    return START + (run + 1) * MONTH


def _rows(estate: ModuleType, history: Sequence[Run]) -> list[Row]:
    """The tables that tell this: today's inventory, and what the runs before it show."""
    scope = estate.scope(collected_at=_at(len(history) - 1))
    rows: list[Row] = [scope]
    if not any(run.listed for run in history[:-1]):
        rows.append(estate.rows_gap(scope.id, "reading"))
    for number, run in enumerate(history):
        at = _at(number)
        now = number == len(history) - 1
        if not now:
            rows.append(estate.reading(at, scope.id, complete=_is_whole(run) or None, listed=run.listed or None))
            if not _is_whole(run):
                gap = estate.rows_gap(scope.id, "reading", operation=str(number))
                rows.append(replace(gap, subject=f"{scope.id}@{at:%Y%m%dT%H%M%SZ}", rows_missing=False))
        elif not run.listed:
            rows.append(estate.rows_gap(scope.id, "key"))
        if run.key is None:
            continue
        key = estate.key(
            state=run.key.state,
            public=run.key.public,
            created_at=START + timedelta(days=1),
            last_rotated_at=None if run.key.rotated is None else START + run.key.rotated * MONTH,
        )
        untold = sorted(_COLUMNS[fact] for fact, value in run.key.told.items() if value is None)
        if now:
            rows.append(key)
            rows += [estate.column_gap(key, name, operation=f"kms:{name}") for name in untold]
        else:
            rows.append(estate.sighting(key, at, untold=untold))
    return rows


_COLUMNS = {"state": "state", "settings": "public", "rotation": "last_rotated_at"}


def _is_whole(run: Run) -> bool:
    return run.listed and (run.key is None or None not in run.key.told.values())


def _events(history: Sequence[Run]) -> set[tuple[str, int, int]]:
    """(change, run that last saw it as before, run that first saw it as after), by the definition."""
    events: set[tuple[str, int, int]] = set()
    seen = [(number, run.key) for number, run in enumerate(history) if run.key]
    for fact in _COLUMNS:
        told = [(number, key.told[fact]) for number, key in seen if key.told[fact] is not None]
        events |= {(fact, one, other) for (one, before), (other, after) in pairwise(told) if before != after}
    listed = [number for number, run in enumerate(history) if run.listed and not run.key]
    for last, first in pairwise([-1, *(number for number, _ in seen), len(history)]):
        between = [number for number in listed if last < number < first]
        if between and last >= 0:
            events.add(("removal", last, between[0]))
        if between and first < len(history):
            events.add(("creation", between[-1], first))
    return events


def _doubtful(history: Sequence[Run]) -> bool:
    """The key may have changed, and nobody can say how."""
    now, past = history[-1].key, [run.key for run in history[:-1] if run.key]
    if not now or not past:
        return False
    return any(now.told[fact] is None or all(key.told[fact] is None for key in past) for fact in _COLUMNS)


def _told(database: duckdb.DuckDBPyConnection, estate: ModuleType, rows: Sequence[Row]) -> list[dict[str, Any]]:
    estate.load(database, rows, START, START + 12 * MONTH, START + 12 * MONTH)
    return list(database.sql(CHANGE.sql).to_arrow_table().to_pylist())


@THOROUGH
@given(history=histories)
def test_every_change_between_runs_is_told_and_every_doubt(
    history: list[Run], database: duckdb.DuckDBPyConnection, estate: ModuleType
) -> None:
    told = _told(database, estate, _rows(estate, history))
    runs = {_at(number): number for number in range(len(history))}
    changes = {
        (row["change"], runs[row["changed_after"]], runs[row["changed_by"]])
        for row in told
        if row["of_table"] == "key" and row["change"]
    }
    assert changes == _events(history)
    doubts = [row for row in told if row["of_table"] == "key" and not row["change"]]
    assert len(doubts) == _doubtful(history)
    (of_scope,) = [row for row in told if row["of_table"] == "scope"]
    assert (of_scope["change"] == "none") is any(run.listed for run in history[:-1])
    assert len({row["id"] for row in told}) == len(told)
    unknown = [[row["scope"], row["id"]] for row in told if row["change"] is None]
    database.execute(f"CREATE OR REPLACE TABLE {UNKNOWN} (scope VARCHAR, id VARCHAR)")
    if unknown:
        database.executemany(f"INSERT INTO {UNKNOWN} VALUES (?, ?)", unknown)
    explained = database.execute(f"SELECT DISTINCT scope, id FROM ({CHANGE.explanations['change']})").fetchall()
    assert sorted(map(list, explained)) == sorted(unknown), "every doubt has its gap"


@THOROUGH
@given(history=histories, place=st.integers(0, 5))
def test_a_run_that_read_nothing_is_as_none(
    history: list[Run], place: int, database: duckdb.DuckDBPyConnection, estate: ModuleType
) -> None:
    """It tells of no change and hides none; that it covers nothing is told of the audit period."""
    number = min(place, len(history) - 1)
    blind = [*history[:number], Run(key=None, listed=False), *history[number:]]
    assert _events(blind) == {
        (change, since + (since >= number), until + (until >= number)) for change, since, until in _events(history)
    }
    told = _told(database, estate, _rows(estate, blind))
    without = _told(database, estate, _rows(estate, history))
    assert sorted(_kind(row) for row in told) == sorted(_kind(row) for row in without)


def _kind(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["subject"], row["of_table"], row["change"] or ""


@THOROUGH
@given(history=histories, unread=st.sampled_from(["state", "public", "rotated", None]))
def test_what_is_not_read_now_takes_no_change_away_unseen(
    history: list[Run], unread: str | None, database: duckdb.DuckDBPyConnection, estate: ModuleType
) -> None:
    """What is told of each change with more knowledge is told with less; or there is a doubt, or a gap in the list."""
    key = history[-1].key
    now = replace(history[-1], key=replace(key, **{unread: None})) if key and unread else Run(None, listed=False)
    less = [*history[:-1], now]
    before = {row["id"] for row in _told(database, estate, _rows(estate, history)) if row["change"]}
    told = _told(database, estate, _rows(estate, less))
    after = {row["id"] for row in told if row["change"]}
    in_doubt = any(row["change"] is None for row in told)
    assert after <= before
    assert after == before or in_doubt or not now.listed
