"""What is told of the sources side by side: what was reached, found, judged, and what each provider does not tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evidence.findings import Counts, Stage
from evidence.model import NEVER
from reports.content.bounds import Bounds
from reports.content.coverage import LISTING, ORGANIZATIONS, scope_state
from reports.content.known import FactRow, Known, Reason, reasons
from reports.content.sides import NOTHING, ControlCounts, Side, added, places
from reports.display import ACCOUNT_WORDS, day, number, plural
from reports.material import Material, Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    label: str
    cells: tuple[str, ...]
    """One a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureGroup:
    title: str
    rows: tuple[FigureRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    stage: str
    counts: tuple[Counts, ...]
    """One a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    figures: tuple[FigureGroup, ...]
    stages: tuple[StageRow, ...]
    facts: tuple[FactRow, ...]
    facts_more: int
    facts_known: int
    """Facts that are observed in every row of every side."""
    reasons: tuple[tuple[Side, tuple[Reason, ...], int], ...]
    """(side, its reasons, how many more there are)."""


def side_by_side(
    material: Material, queries: Queries, shown: Sequence[Side], counts: ControlCounts, bounds: Bounds
) -> SideBySide:
    """Everything that is told of the sides, within `bounds`."""
    known = Known(queries, shown)
    facts = known.rows()
    told = reasons(queries, shown)
    each = max(2, bounds.reasons // max(1, len(shown)))
    return SideBySide(
        figures=tuple(_figures(material, queries, shown, known)),
        stages=tuple(_stages(material, shown, counts)),
        facts=tuple(facts[: bounds.facts]),
        facts_more=max(0, len(facts) - bounds.facts),
        facts_known=known.everywhere,
        reasons=tuple(
            (side, tuple(of_side[:each]), max(0, len(of_side) - each))
            for side, of_side in zip(shown, told, strict=True)
            if of_side
        ),
    )


def _stages(material: Material, shown: Sequence[Side], counts: ControlCounts) -> Iterator[StageRow]:
    nothing = (NOTHING,) * len(shown)
    for stage in Stage:
        of_stage = [
            counts.get((result.id, result.variant), nothing)
            for result in material.assessment.controls
            if result.stage is stage
        ]
        if of_stage:
            yield StageRow(stage=stage.value, counts=tuple(added(column) for column in zip(*of_stage, strict=True)))


ENDS_SOON = 90
"""A certificate that ends within so many days is counted as one that ends soon."""

_STORES = "SELECT source, count(*) AS n FROM key_store GROUP BY source ORDER BY source"

_KEYS = """
    SELECT source,
        count(*) FILTER (manager = 'customer') AS customer, count(*) FILTER (manager = 'provider') AS provider,
        count(*) FILTER (manager IS NULL) AS manager_unknown,
        count(*) FILTER (mine AND protection_level = 'hsm') AS hsm,
        count(*) FILTER (mine AND protection_level = 'software') AS software,
        count(*) FILTER (mine AND protection_level = 'external') AS outside,
        count(*) FILTER (mine AND protection_level IS NULL) AS protection_unknown,
        min(last_rotated_at) FILTER (mine AND state = 'active') AS oldest,
        count(*) FILTER (mine AND state = 'active' AND last_rotated_at IS NULL) AS oldest_unknown,
        count(*) FILTER (mine AND state = 'active') AS active,
        count(*) FILTER (state = 'pending_deletion') AS waiting, count(*) FILTER (state IS NULL) AS waiting_unknown,
        min(deletion_at) FILTER (state = 'pending_deletion') AS first_deletion,
        count(*) FILTER (mine AND public) AS open, count(*) FILTER (mine AND public IS NULL) AS open_unknown,
        count(*) FILTER (mine AND len(external_accounts) > 0) AS shared,
        count(*) FILTER (mine AND external_accounts IS NULL) AS shared_unknown,
        count(*) FILTER (mine AND pq_category = 0) AS quantum,
        count(*) FILTER (mine AND pq_category IS NULL) AS quantum_unknown,
        coalesce(sum(protected_resources) FILTER (mine), 0)::BIGINT AS resources,
        count(*) FILTER (mine AND protected_resources IS NULL) AS resources_unknown,
        count(*) FILTER (mine) AS mine
    FROM (SELECT *, manager IS DISTINCT FROM 'provider' AS mine FROM key) GROUP BY source ORDER BY source
"""

_SECRETS = "SELECT source, count(*) AS n FROM secret GROUP BY source ORDER BY source"

_CERTIFICATES = """
    SELECT source, count(*) AS n, count(*) FILTER (expires_at < $soon) AS ending,
        count(*) FILTER (expires_at IS NULL) AS ending_unknown
    FROM certificate GROUP BY source ORDER BY source
"""

_GAPS = "SELECT source, kind, count(*) AS n FROM gap GROUP BY source, kind ORDER BY source, kind"

_SCOPES = "SELECT * FROM scope ORDER BY source, id"


def _figures(material: Material, queries: Queries, shown: Sequence[Side], known: Known) -> Iterator[FigureGroup]:
    soon = {"soon": material.assessment.as_of + timedelta(days=ENDS_SOON)}
    reach = [_Reach(side) for side in shown]
    place_of = places(shown)
    for row in queries.rows(_SCOPES):
        if row["source"] in place_of:
            reach[place_of[row["source"]]].count(row)
    keys = _gathered(queries.rows(_KEYS), shown)
    stores = _gathered(queries.rows(_STORES), shown)
    secrets = _gathered(queries.rows(_SECRETS), shown)
    certificates = _gathered(queries.rows(_CERTIFICATES, soon), shown)
    gaps = _gathered(({"source": row["source"], row["kind"]: row["n"]} for row in queries.rows(_GAPS)), shown)
    every = range(len(shown))
    read = [_tables_read(material, side) for side in shown]

    def held(rows: Sequence[Mapping[str, Any]], table: str, name: str = "n") -> tuple[str, ...]:
        return tuple(
            _held(rows[place][name], rows[place]["manager_unknown"], (table, place) in known.rows_missing)
            if table in read[place]
            else "not read"
            for place in every
        )

    def fact(name: str, column: str, of: str = "mine") -> tuple[str, ...]:
        return tuple(
            _amount(
                keys[place][name],
                keys[place][f"{name}_unknown"],
                keys[place][of],
                known.why_not("key", column, place),
                (("key", place) in known.rows_missing),
            )
            for place in every
        )

    yield _group(
        "What was read",
        ("Reached", tuple(one.accounts for one in reach)),
        ("Scopes read completely", tuple(one.scopes for one in reach)),
        ("Described, of what was listed", tuple(one.things for one in reach)),
    )
    yield _group(
        "What was not observed: gaps",
        ("Refused or failed: closable", tuple(number(one["refused"] + one["failed"]) for one in gaps)),
        ("Switched off, or not configured to be read", tuple(number(one["switched_off"]) for one in gaps)),
        ("Not offered by the provider", tuple(number(one["not_offered"]) for one in gaps)),
    )
    yield _group(
        "What is there",
        ("Key stores", held(stores, "key_store")),
        ("Keys that the customer manages", held(keys, "key", "customer")),
        ("Keys that the provider manages", held(keys, "key", "provider")),
        ("Secrets", held(secrets, "secret")),
        ("Certificates", held(certificates, "certificate")),
    )
    yield _group(
        "What to know of keys that the customer manages, and of certificates",
        ("In HSM · software · outside", tuple(map(_protection, keys))),
        ("Oldest material in use", tuple(_oldest(one, material.assessment.as_of) for one in keys)),
        ("Open to anyone", fact("open", "public")),
        ("Shared outside the organization", fact("shared", "external_accounts")),
        ("Waiting to be destroyed", tuple(_waiting(keys[at], ("key", at) in known.rows_missing) for at in every)),
        ("Broken by quantum computers", fact("quantum", "pq_category")),
        ("Resources they encrypt", fact("resources", "protected_resources")),
        (
            f"Certificates ending in {ENDS_SOON} days",
            tuple(_ending(certificates[at], ("certificate", at) in known.rows_missing) for at in every),
        ),
    )


def _tables_read(material: Material, side: Side) -> set[str]:
    """Tables of which the operations of a side's sources tell anything."""
    return {
        fact.partition(".")[0]
        for source in material.run.sources
        if source.name in side.sources
        for operation in source.operations
        for fact in operation.facts
    }


def _group(title: str, *rows: tuple[str, tuple[str, ...]]) -> FigureGroup:
    return FigureGroup(title=title, rows=tuple(FigureRow(label=label, cells=cells) for label, cells in rows))


def _gathered(rows: Iterable[Mapping[str, Any]], shown: Sequence[Side]) -> list[Counter[str]]:
    """Numbers added up and times at their earliest, one mapping a side. What no source has is 0."""
    place_of = places(shown)
    gathered: list[Counter[str]] = [Counter() for _ in shown]
    for row in rows:
        place = place_of.get(row["source"])
        for name, told in row.items():
            if place is None or name == "source" or told is None:
                continue
            of_side: dict[str, Any] = gathered[place]
            if isinstance(told, datetime):
                of_side[name] = min(told, of_side.get(name, told))
            else:
                of_side[name] += told
    return gathered


class _Reach:
    """How far the scopes of a side were read."""

    def __init__(self, side: Side) -> None:
        self._noun = ACCOUNT_WORDS.get(side.providers[0], "account") if len(side.providers) == 1 else "account"
        self._accounts: dict[str, bool] = {}
        self._complete = self._asked = self._listed = self._described = self._unknown = 0

    def count(self, row: Mapping[str, Any]) -> None:
        """Count one row of the scope table."""
        state = scope_state(row)
        if state == "unasked":
            return
        if row["account"] and row["service"] not in ORGANIZATIONS:
            self._accounts[row["account"]] = bool(row["reached"]) or self._accounts.get(row["account"], False)
        if state == "off":
            return
        self._asked += 1
        self._complete += state in ("read", "empty")
        if row["service"] not in LISTING:
            self._listed += row["described"] or 0 if row["listed"] is None else row["listed"]
            self._described += row["described"] or 0
            self._unknown += row["listed"] is None

    @property
    def accounts(self) -> str:
        return f"{sum(self._accounts.values()):,} of {plural(len(self._accounts), self._noun)}"

    @property
    def scopes(self) -> str:
        return f"{self._complete:,} of {self._asked:,}"

    @property
    def things(self) -> str:
        return f"{self._described:,} of {'≥ ' if self._unknown else ''}{self._listed:,}"


def _held(count: int, unknown: int, incomplete: bool) -> str:
    """`3`, `3 · ? 2` where two more may be, `≥ 3` where rows may be missing."""
    return f"{'≥ ' if incomplete else ''}{count:,}{f' · ? {unknown:,}' if unknown else ''}"


def _amount(count: int, unknown: int, of: int, why: str, incomplete: bool) -> str:
    """As `_held`, or why the fact is known for none of `of` keys; `·` where there is no key."""
    if not of:
        return "?" if incomplete else "·"
    return why if unknown == of else _held(count, unknown, incomplete)


def _protection(keys: Mapping[str, int]) -> str:
    if not keys["mine"]:
        return "·"
    told = f"{keys['hsm']:,} · {keys['software']:,} · {keys['outside']:,}"
    return f"{told} · ? {keys['protection_unknown']:,}" if keys["protection_unknown"] else told


def _oldest(keys: Mapping[str, Any], as_of: datetime) -> str:
    if not keys["active"]:
        return "·"
    if not keys["oldest"]:
        return "not observed"
    told = f"{max(0, (as_of - keys['oldest']).days):,} days"
    return f"{told} · ? {keys['oldest_unknown']:,}" if keys["oldest_unknown"] else told


def _waiting(keys: Mapping[str, Any], incomplete: bool) -> str:
    told = _held(keys["waiting"], keys["waiting_unknown"], incomplete)
    first = keys["first_deletion"]
    return f"{told}, first {day(first)}" if keys["waiting"] and first and first != NEVER else told


def _ending(certificates: Mapping[str, int], incomplete: bool) -> str:
    if not certificates["n"]:
        return "·"
    return _held(certificates["ending"], certificates["ending_unknown"], incomplete)
