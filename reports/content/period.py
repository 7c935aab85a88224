"""What is told of the audit period: the runs that covered it, what changed in it, and how long keys were in use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from reports.content.bounds import Bounds
from reports.content.judgement import Places
from reports.display import value, visible
from reports.material import Material, Queries
from reports.sampling import POPULATION

# ruff: noqa: S608 - what is put into SQL are constants of this module

COVERAGE, CHANGED, DESTROYED, USE = "EVD-03", "INV-04", "DES-02", "ROT-07"
"""The controls that judge the period; their findings tell what is shown here."""

CHANGE_WORDS: Mapping[str, str] = {
    "creation": "Created",
    "state": "State changed",
    "settings": "Settings changed",
    "rotation": "Material replaced",
    "destruction": "Marked for deletion or destroyed",
    "removal": "Gone",
}
"""What changed, as the view `change` names it → in words, in the order of a key's life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run of the store, this one included, by the time of its last answer."""

    id: str
    read_at: datetime | None
    scopes: int
    complete: int
    """Scopes that were read completely."""
    tool_version: str
    pack_sha256: str
    linked: bool | None
    """Its pack names the one before it; None for this run, whose pack is being made."""
    inside: bool
    days: int
    """Days begun since the run before it in the period, or since its start; 0 outside."""

    @property
    def whole(self) -> bool:
        """It read all that it was to read."""
        return self.complete == self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of the period without a run."""

    start: datetime
    stop: datetime

    @property
    def days(self) -> int:
        """Days begun, as the controls count them."""
        return -(-(self.stop - self.start) // timedelta(days=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What was judged of how runs covered the period, for each source and scope apart."""

    finding: str
    verdict: str
    days: str
    """The longest stretch without a run, as the finding shows it; empty where it shows none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Where the time line of the period has its marks."""

    days: int
    """Days for whose runs of one kind a mark stands; 0 where each run has its own."""
    whole: tuple[datetime, ...]
    """Of runs that read everything."""
    partial: tuple[datetime, ...]
    """Of runs that left something unread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One kind of change of keys and of secrets, and what was attested of it."""

    word: str
    keys: int
    secrets: int
    control: str
    """The control that judges it; empty for none."""
    passed: int
    failed: int
    awaiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Where it is not known what changed."""

    unread: int
    """Keys and secrets that may have changed, since what was told of them before was not told now."""
    uncompared: int
    """Scopes of which it is not known that an earlier run read them."""
    incomplete: int
    """Scopes in which rows of keys and secrets may be missing, compared or not."""

    def __bool__(self) -> bool:
        return bool(self.unread or self.uncompared or self.incomplete)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How long the material of one key was in use within the period."""

    finding: str
    name: str
    where: str
    days: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    start: datetime
    stop: datetime
    """Its end, or the moment of the assessment where that comes first."""
    runs: tuple[RunRow, ...]
    """The newest of the store's runs, the oldest of these first."""
    runs_more: int
    inside: tuple[RunRow, ...]
    """The newest of the runs in the period, the oldest of these first."""
    runs_inside: int
    """All of them."""
    runs_whole: int
    """Of these, the ones that read everything."""
    marks: Marks
    longest: Stretch | None
    """The longest part without any run; None for a period that has not begun."""
    longest_whole: Stretch | None
    """The same where only runs that read everything count."""
    judged: Coverage | None
    """None where it was not judged."""
    changes: tuple[ChangeRow, ...]
    compared: int
    """Scopes that an earlier run had read."""
    unseen: Unseen
    created: tuple[tuple[str, int, int], ...]
    """(what, created in the period by the provider's own dates, date not observed)."""
    uses: tuple[Use, ...]
    uses_more: int

    @property
    def inside_more(self) -> int:
        return self.runs_inside - len(self.inside)

    @property
    def longer_whole(self) -> Stretch | None:
        """The longest part without a run that read everything, where it has other days than that without any run."""
        if self.longest is None or self.longest_whole is None or self.longest_whole.days == self.longest.days:
            return None
        return self.longest_whole


def period(material: Material, queries: Queries, bounds: Bounds) -> Period:
    """The audit period as far as it lies before the assessment."""
    told = material.assessment
    start, stop = told.period_start, min(told.period_end, told.as_of)
    runs = period_runs(material, queries)
    inside = tuple(run for run in runs if run.inside)
    uses = list(_uses(queries, bounds.uses))
    return Period(
        start=start,
        stop=stop,
        runs=tuple(runs[-bounds.runs :]),
        runs_more=max(0, len(runs) - bounds.runs),
        inside=inside[-bounds.runs :],
        runs_inside=len(inside),
        runs_whole=sum(run.whole for run in inside),
        marks=_marks(start, stop, inside, bounds.marks),
        longest=_longest(start, stop, inside),
        longest_whole=_longest(start, stop, [run for run in inside if run.whole]),
        judged=_judged(queries),
        changes=tuple(_changes(queries)),
        compared=queries.value(
            f"{_CHANGED} SELECT count(*) AS n FROM changed WHERE subject_table = 'scope' AND change = 'none'",
            {"control": CHANGED},
        ),
        unseen=unseen_changes(queries),
        created=tuple(_created(queries, start, stop)),
        uses=tuple(uses),
        uses_more=max(0, queries.value(f"SELECT count(*) AS n FROM ({_USES})", {"control": USE}) - len(uses)),
    )


def period_runs(material: Material, queries: Queries) -> list[RunRow]:
    """Every run that the history tells of, and this one, the oldest first."""
    told = material.assessment
    runs = _store_runs(material, queries)
    return _with_days(runs, told.period_start, min(told.period_end, told.as_of))


def _store_runs(material: Material, queries: Queries) -> list[RunRow]:
    """The runs, before their days in the period are counted."""
    rows = queries.rows(
        """
        SELECT past_run.id AS run, past_run.tool_version, past_run.pack_sha256, past_run.linked,
            max(collected_at) AS read_at, count(reading.id) AS scopes, count(*) FILTER (complete) AS complete
        FROM past_run LEFT JOIN reading ON reading.run = past_run.id AND coalesce(reading.asked, true)
        GROUP BY ALL
        UNION ALL
        SELECT '', '', '', NULL, max(collected_at), count(*), count(*) FILTER (complete)
        FROM scope WHERE coalesce(asked, true)
        ORDER BY run = '', read_at, run
        """
    )
    return [
        RunRow(
            id=row["run"] or material.run.id,
            read_at=row["read_at"],
            scopes=row["scopes"],
            complete=row["complete"],
            tool_version=visible(row["tool_version"] or material.run.tool_version, 30),
            pack_sha256=row["pack_sha256"] or "",
            linked=row["linked"],
            inside=False,
            days=0,
        )
        for row in rows
    ]


def _with_days(runs: Iterable[RunRow], start: datetime, stop: datetime) -> list[RunRow]:
    counted = []
    before = start
    for run in runs:
        if run.read_at is not None and start <= run.read_at <= stop:
            days = Stretch(start=before, stop=run.read_at).days
            counted.append(replace(run, inside=True, days=max(0, days)))
            before = max(before, run.read_at)
        else:
            counted.append(run)
    return counted


def _longest(start: datetime, stop: datetime, runs: Sequence[RunRow]) -> Stretch | None:
    if stop <= start:
        return None
    points = sorted([start, *(run.read_at for run in runs if run.read_at), stop])
    return max((Stretch(start=one, stop=other) for one, other in pairwise(points)), key=lambda s: s.stop - s.start)


def _marks(start: datetime, stop: datetime, runs: Sequence[RunRow], most: int) -> Marks:
    """A mark for each run, or for the first of each kind in so many days that there are at most `most` of a kind."""
    days = 0 if len(runs) <= most else -(-Stretch(start=start, stop=stop).days // most)
    chosen: dict[tuple[bool, int], datetime] = {}
    for place, run in enumerate(runs):
        if run.read_at is not None:
            span = min((run.read_at - start) // timedelta(days=days), most - 1) if days else place
            chosen.setdefault((run.whole, span), run.read_at)
    return Marks(
        days=days,
        whole=tuple(moment for (whole, _), moment in chosen.items() if whole),
        partial=tuple(moment for (whole, _), moment in chosen.items() if not whole),
    )


def _judged(queries: Queries) -> Coverage | None:
    rows = queries.rows(
        """
        SELECT id AS finding, verdict, coalesce(json_extract_string(observed, '$.longest_gap_days'), '') AS days
        FROM finding WHERE control = $control AND variant = 'default' ORDER BY id
        """,
        {"control": COVERAGE},
    )
    return next((Coverage(**row) for row in rows), None)


_CHANGED = """
    WITH changed AS (
        SELECT *, json_extract_string(observed, '$.change') AS change FROM finding
        WHERE control = $control AND variant = 'default'
    )
"""


def unseen_changes(queries: Queries) -> Unseen:
    """What the findings leave open of what changed. One that says where rows may be missing has no fact at all."""
    counted = next(
        queries.rows(
            f"""
            {_CHANGED}
            SELECT count(*) FILTER (subject_table IN ('key', 'secret')) AS unread,
                count(*) FILTER (subject_table = 'scope' AND json_exists(observed, '$.change')) AS uncompared,
                count(*) FILTER (subject_table = 'scope' AND NOT json_exists(observed, '$.change')) AS incomplete
            FROM changed WHERE change IS NULL
            """,
            {"control": CHANGED},
        )
    )
    return Unseen(**counted)


def judge_of(change: str) -> str:
    """The control whose findings tell of a kind of change."""
    return DESTROYED if change in ("destruction", "removal") else CHANGED


def _changes(queries: Queries) -> Iterator[ChangeRow]:
    counted: dict[tuple[str, str], dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for control in (CHANGED, DESTROYED):
        for row in queries.rows(
            f"""
            {_CHANGED}
            SELECT change, subject_table, count(*) AS n, count(*) FILTER (verdict = 'pass') AS passed,
                count(*) FILTER (verdict = 'fail') AS failed, count(*) FILTER (len(awaits) > 0) AS awaiting
            FROM changed WHERE change IS NOT NULL GROUP BY change, subject_table ORDER BY change, subject_table
            """,
            {"control": control},
        ):
            counted[control, row["change"]][row["subject_table"]] = row
    for change, word in CHANGE_WORDS.items():
        judge = judge_of(change)
        tables = counted[judge, change]
        yield ChangeRow(
            word=word,
            keys=tables["key"].get("n", 0),
            secrets=tables["secret"].get("n", 0),
            control="" if change == "rotation" else judge,
            passed=sum(row.get("passed", 0) for row in tables.values()),
            failed=sum(row.get("failed", 0) for row in tables.values()),
            awaiting=sum(row.get("awaiting", 0) for row in tables.values()),
        )


def _created(queries: Queries, start: datetime, stop: datetime) -> Iterator[tuple[str, int, int]]:
    for table, word in (("key", "keys"), ("secret", "secrets")):
        row = next(
            queries.rows(
                f"""
                SELECT count(*) FILTER (created_at BETWEEN $start AND $stop) AS inside,
                    count(*) FILTER (created_at IS NULL) AS unknown
                FROM {table} WHERE coalesce(manager, 'customer') = 'customer'
                """,
                {"start": start, "stop": stop},
            )
        )
        yield word, row["inside"], row["unknown"]


# A number of which only bounds are known, such as `300 to 365` or `at least 300`, is ordered by the lower one.
_USES = f"""
    SELECT id, subject_name, source, account, region, verdict,
        json_extract_string(observed, '$.longest_use_days') AS used,
        TRY_CAST(regexp_extract(json_extract_string(observed, '$.longest_use_days'), '[0-9]+') AS BIGINT) AS least
    FROM finding
    WHERE control = $control AND variant = 'default' AND {POPULATION} AND subject_table <> 'scope'
"""


def _uses(queries: Queries, most: int) -> Iterator[Use]:
    places = Places(queries)
    for row in queries.rows(
        f"SELECT * FROM ({_USES}) WHERE least IS NOT NULL ORDER BY least DESC, id LIMIT {most}",
        {"control": USE},
    ):
        yield Use(
            finding=row["id"],
            name=visible(row["subject_name"], 80),
            where=" · ".join(places.of(row)),
            days=value(row["used"]),
            verdict=row["verdict"],
        )
