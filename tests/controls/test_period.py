"""What is told of a period: by versions, by what runs saw, and by when runs were, compared with what really was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from types import ModuleType
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controls.views.history import AUDIT_PERIOD
from controls.views.period import KEY_PERIOD
from evidence.history import Reading, Sighting
from evidence.model import NEVER, Row

START = datetime(2024, 1, 1, tzinfo=UTC)
STOP = datetime(2024, 12, 31, tzinfo=UTC)
"""A leap year."""

DAY = timedelta(days=1)

QUICKLY = settings(max_examples=60, deadline=None)


def days_begun(since: datetime, until: datetime) -> int:
    return -((since - until) // DAY)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": "1"}) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def _told(
    database: duckdb.DuckDBPyConnection,
    estate: ModuleType,
    sql: str,
    rows: Sequence[Row],
    start: datetime,
    stop: datetime,
    as_of: datetime,
) -> list[dict[str, Any]]:
    estate.load(database, rows, start, stop, as_of)
    return list(database.sql(sql).to_arrow_table().to_pylist())


# --- how long material was used --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """What really happened to a key, and what was seen of it."""

    turns: tuple[datetime, ...]
    """When each of its materials began to be used; the first is its creation."""
    runs: tuple[datetime, ...]
    """When earlier runs saw it."""
    versions_known: bool
    material_known: bool
    """The run that is judged tells since when the material is in use."""

    def material(self, at: datetime) -> datetime:
        return max(turn for turn in self.turns if turn <= at)

    def longest_use(self, start: datetime, stop: datetime) -> int:
        """The greatest age in days begun, by the definition."""
        ends = [*self.turns[1:], stop]
        used = [
            days_begun(turn, min(end, stop))
            for turn, end in zip(self.turns, ends, strict=True)
            if turn < stop and end > start
        ]
        return max(used, default=0)


moments = st.datetimes(datetime(2021, 1, 1), datetime(2024, 12, 30)).map(lambda moment: moment.replace(tzinfo=UTC))
zones = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@st.composite
def lives(draw: st.DrawFn) -> Life:
    turns = tuple(sorted(set(draw(st.lists(moments, min_size=1, max_size=6)))))
    runs = [run for run in draw(st.lists(moments, max_size=5)) if run >= turns[0]]
    zone = draw(zones)
    return Life(
        tuple(turn.astimezone(zone) for turn in turns), tuple(sorted(runs)), draw(st.booleans()), draw(st.booleans())
    )


def _rows(estate: ModuleType, life: Life, as_of: datetime) -> list[Row]:
    current = life.material(as_of)
    since = current if life.material_known else None
    key = estate.key(created_at=life.turns[0], last_rotated_at=since, material_known_at=since)
    rows: list[Row] = [estate.scope(collected_at=as_of), key]
    ends = [*life.turns[1:], NEVER]
    for number, (turn, end) in enumerate(zip(life.turns, ends, strict=True)):
        if life.versions_known or number % 2:
            rows.append(estate.version(key, number, created_at=turn, superseded_at=end))
    if not life.versions_known:
        rows.append(estate.rows_gap(key.scope, "key_version", key.id))
    return rows + _sightings(key, life)


def _sightings(key: Any, life: Life) -> list[Row]:
    """What the runs saw, one row for each stretch in which they saw the same."""
    stretches: list[tuple[datetime, datetime, datetime]] = []
    for run in life.runs:
        material = life.material(run)
        if stretches and stretches[-1][0] == material:
            stretches[-1] = (material, stretches[-1][1], run)
        else:
            stretches.append((material, run, run))
    return [
        Sighting(
            id=key.id,
            source=key.source,
            scope=key.scope,
            evidence=[],
            of_table="key",
            first_run=f"{first:%Y%m%dT%H%M%S}",
            last_run=f"{last:%Y%m%dT%H%M%S}",
            seen_from=first,
            seen_until=last,
            name=key.name,
            state=key.state,
            created_at=key.created_at,
            last_rotated_at=material,
            settings="{}",
            untold=[],
        )
        for material, first, last in stretches
    ]


def _longest_use(
    database: duckdb.DuckDBPyConnection,
    estate: ModuleType,
    life: Life,
    start: datetime,
    stop: datetime,
    as_of: datetime,
) -> dict[str, Any]:
    (told,) = _told(database, estate, KEY_PERIOD.derived, _rows(estate, life, as_of), start, stop, as_of)
    span: dict[str, Any] = told["longest_use_days"]
    return span


@QUICKLY
@given(life=lives(), later=st.integers(0, 40))
def test_what_is_told_of_the_longest_use_holds_what_really_was(
    life: Life, later: int, database: duckdb.DuckDBPyConnection, estate: ModuleType
) -> None:
    """For whatever was seen of it: the bounds hold, and versions that are all known tell it exactly."""
    as_of = STOP + later * DAY
    told = _longest_use(database, estate, life, START, STOP, as_of)
    really = life.longest_use(START, STOP)
    if life.versions_known:
        assert told == {"at_least": really, "at_most": really}
    else:
        assert told["at_least"] <= really
        assert told["at_most"] is None or told["at_most"] >= really


@QUICKLY
@given(life=lives(), more=moments)
def test_one_more_run_makes_what_is_told_no_vaguer(
    life: Life, more: datetime, database: duckdb.DuckDBPyConnection, estate: ModuleType
) -> None:
    few = _longest_use(database, estate, life, START, STOP, STOP)
    if more < life.turns[0]:
        return
    many = Life(life.turns, tuple(sorted((*life.runs, more))), life.versions_known, life.material_known)
    told = _longest_use(database, estate, many, START, STOP, STOP)
    assert told["at_least"] >= few["at_least"]
    assert few["at_most"] is None or told["at_most"] <= few["at_most"]


def test_the_edges_of_the_period_and_of_a_day_count_as_they_should(
    database: duckdb.DuckDBPyConnection, estate: ModuleType
) -> None:
    second = timedelta(seconds=1)

    def longest(*turns: datetime) -> int:
        told = _longest_use(database, estate, Life(turns, (), True, True), START, STOP, STOP)
        assert told["at_least"] == told["at_most"]
        return int(told["at_least"])

    created = START - 730 * DAY
    assert longest(created, START) == days_begun(START, STOP), "replaced as the period began: not used in it"
    assert longest(created, START + second) == 731, "replaced a second into the period: 730 days and a second"
    assert longest(STOP - 10 * DAY) == 10
    assert longest(datetime(2024, 2, 28, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC), STOP - DAY) == 304
    assert longest(datetime(2024, 2, 28, tzinfo=UTC)) == 307, "with the leap day"


def test_before_the_period_nothing_is_told(database: duckdb.DuckDBPyConnection, estate: ModuleType) -> None:
    life = Life((START - 100 * DAY,), (), True, True)
    assert _longest_use(database, estate, life, START, STOP, START - DAY) is None


def test_what_runs_saw_proves_a_year_without_any_list_of_versions(
    database: duckdb.DuckDBPyConnection, estate: ModuleType
) -> None:
    turns = tuple(datetime(year, month, 1, tzinfo=UTC) for year in (2023, 2024) for month in (1, 7))
    runs = tuple(datetime(2024, month, 15, tzinfo=UTC) for month in range(1, 13))
    told = _longest_use(database, estate, Life(turns, runs, False, True), START, STOP, STOP)
    assert told == {"at_least": 183, "at_most": 183}, "what was replaced as the period began was not used in it"
    alone = _longest_use(database, estate, Life(turns, (), False, True), START, STOP, STOP)
    assert alone == {"at_least": 183, "at_most": 547}, "one run knows nothing of what was before July"


# --- how runs cover the period ----------------------------------------------------------------------------------------


def _reading(run: int, at: datetime | None, complete: bool, scope: str = "s", as_: str = "as today") -> Reading:
    return Reading(
        id=f"{scope}@{run}",
        source="prod",
        scope=scope,
        evidence=[],
        run=f"run-{run}",
        configuration=as_,
        asked=True,
        complete=complete or None,
        listed=complete or None,
        collected_at=at,
    )


def _coverage(
    database: duckdb.DuckDBPyConnection,
    estate: ModuleType,
    rows: Sequence[Row],
    start: datetime = START,
    stop: datetime = STOP,
) -> dict[str, Any]:
    (told,) = _told(database, estate, AUDIT_PERIOD.sql, rows, start, stop, stop)
    return told


def _longest_gap(points: Sequence[datetime]) -> int:
    inside = sorted({START, STOP, *(point for point in points if START <= point <= STOP)})
    return max(days_begun(one, next_) for one, next_ in pairwise(inside))


runs_seen = st.lists(
    st.tuples(
        st.datetimes(datetime(2023, 11, 1), datetime(2025, 2, 1)).map(lambda moment: moment.replace(tzinfo=UTC)),
        st.booleans(),
        zones,
    ),
    max_size=8,
)


@QUICKLY
@given(runs=runs_seen, complete=st.booleans())
def test_the_longest_stretch_without_a_run_is_bounded_by_all_runs_and_by_complete_ones(
    runs: list[tuple[datetime, bool, timezone]],
    complete: bool,
    database: duckdb.DuckDBPyConnection,
    estate: ModuleType,
) -> None:
    rows: list[Row] = [_reading(n, at.astimezone(zone), whole) for n, (at, whole, zone) in enumerate(runs)]
    rows.append(estate.scope(collected_at=STOP, complete=complete or None))
    told = _coverage(database, estate, rows)
    every = _longest_gap([at for at, _, _ in runs])
    whole = _longest_gap([at for at, complete, _ in runs if complete])
    assert told["longest_gap_days"] == {"at_least": every, "at_most": whole}
    assert told["runs"] == 1 + sum(START <= at <= STOP for at, _, _ in runs)


@QUICKLY
@given(runs=runs_seen, skews=st.lists(st.integers(-3600, 3600), min_size=8, max_size=8))
def test_a_clock_that_is_wrong_by_minutes_moves_the_stretch_by_no_more(
    runs: list[tuple[datetime, bool, timezone]],
    skews: list[int],
    database: duckdb.DuckDBPyConnection,
    estate: ModuleType,
) -> None:
    inside = [(at, zone) for at, _, zone in runs if START + DAY < at < STOP - DAY]
    now = estate.scope(collected_at=STOP)
    right = _coverage(database, estate, [now, *(_reading(n, at, True) for n, (at, _) in enumerate(inside))])
    skewed = [at + timedelta(seconds=skew) for (at, _), skew in zip(inside, skews, strict=False)]
    wrong = _coverage(database, estate, [now, *(_reading(n, at, True) for n, at in enumerate(skewed))])
    assert abs(right["longest_gap_days"]["at_least"] - wrong["longest_gap_days"]["at_least"]) <= 1


def test_runs_that_overlap_count_at_the_time_of_their_last_answers(
    database: duckdb.DuckDBPyConnection, estate: ModuleType
) -> None:
    june = datetime(2024, 6, 1, tzinfo=UTC)
    rows: list[Row] = [
        _reading(1, june, True, "one"),
        _reading(1, june + 2 * DAY, True, "two"),
        _reading(2, june + DAY, True, "one"),
        _reading(2, june + DAY, True, "two"),
        estate.scope(collected_at=STOP),
    ]
    told = _coverage(database, estate, rows)
    assert told["runs"] == 3
    assert told["longest_gap_days"]["at_least"] == days_begun(june + 2 * DAY, STOP)


def test_a_run_with_one_scope_unread_is_not_complete(database: duckdb.DuckDBPyConnection, estate: ModuleType) -> None:
    june = datetime(2024, 6, 1, tzinfo=UTC)
    rows: list[Row] = [
        _reading(1, june, True, "one"),
        _reading(1, june, False, "two"),
        estate.scope(collected_at=STOP),
    ]
    told = _coverage(database, estate, rows)
    assert (told["runs"], told["complete_runs"]) == (2, 1)
    assert told["longest_gap_days"] == {"at_least": days_begun(june, STOP), "at_most": days_begun(START, STOP)}


def test_when_a_scope_was_read_is_not_known_no_stretch_is_shown(
    database: duckdb.DuckDBPyConnection, estate: ModuleType
) -> None:
    told = _coverage(database, estate, [estate.scope(collected_at=None)])
    assert told["longest_gap_days"] == {"at_least": 0, "at_most": days_begun(START, STOP)}


def test_scopes_that_were_not_listed_do_not_hide_that_no_run_was_made(
    database: duckdb.DuckDBPyConnection, estate: ModuleType
) -> None:
    """What is known to have been read was not read for so long; the rest may be worse."""
    rows: list[Row] = [
        _reading(1, datetime(2024, 2, 1, tzinfo=UTC), True),
        estate.scope(collected_at=STOP - DAY),
        estate.rows_gap("prod/organization", "scope"),
    ]
    told = _coverage(database, estate, rows)
    since = days_begun(datetime(2024, 2, 1, tzinfo=UTC), STOP - DAY)
    assert told["longest_gap_days"] == {"at_least": since, "at_most": None}
    rows[1] = estate.scope(collected_at=None)
    assert _coverage(database, estate, rows)["longest_gap_days"] == {"at_least": 31, "at_most": None}
