"""Which facts are known on which side, and what its provider does not tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evidence.model import BOOKKEEPING, TABLES, GapKind, columns
from reports.content.sides import Side, places
from reports.display import kind, visible
from reports.material import Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRow:
    """Facts of one table that are known, or not, in the same way on every side."""

    table: str
    facts: tuple[str, ...]
    cells: tuple[str, ...]
    """One a side: how many of its rows have the facts, and why the others have not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a provider does not tell something."""

    table: str
    leaves: tuple[str, ...]
    error: str
    gaps: int
    example: str


_OF_CUSTOMERS = ("key", "secret", "certificate")
"""Tables of which only what customers decide over is told: what a provider runs for itself, nobody asks much about."""

_TOLD = ("key_store", "key", "key_version", "certificate", "secret", "access", "protected_resource")


class Known:
    """How many rows of each side have each fact, and why the others have not."""

    def __init__(self, queries: Queries, shown: Sequence[Side]) -> None:
        self.sides = shown
        self._counted: dict[tuple[str, str], list[list[int]]] = {}
        """(table, column) → (rows, rows with the fact), one a side."""
        self._why: dict[tuple[str, str, int], set[str]] = defaultdict(set)
        self.rows_missing: set[tuple[str, int]] = set()
        place_of = places(shown)
        for table in _TOLD:
            self._count(queries, table, place_of)
        for row in queries.rows(
            """
            SELECT DISTINCT source, of_table, unnest(CASE WHEN rows_missing THEN [''] ELSE columns END) AS name, kind
            FROM gap
            ANTI JOIN (
                SELECT scope, id AS subject FROM key WHERE manager = 'provider'
                UNION ALL SELECT scope, id FROM secret WHERE manager = 'provider'
                UNION ALL SELECT scope, id FROM certificate WHERE manager = 'provider'
            ) USING (scope, subject)
            ORDER BY source, of_table, name, kind
            """
        ):
            place = place_of.get(row["source"])
            if place is None:
                continue
            if row["name"] == "" and row["kind"] != GapKind.NOT_OFFERED:
                self.rows_missing.add((row["of_table"], place))
            self._why[row["of_table"], row["name"], place].add(kind(row["kind"]))

    def _count(self, queries: Queries, table: str, place_of: Mapping[str, int]) -> None:
        names = [column.name for column in columns(TABLES[table]) if column.name not in BOOKKEEPING]
        for name in names:
            self._counted[table, name] = [[0, 0] for _ in self.sides]
        condition = "manager IS DISTINCT FROM 'provider'" if table in _OF_CUSTOMERS else "true"
        counts = ", ".join(f"count({name}) AS {name}" for name in names)
        for row in queries.rows(
            f"""
            SELECT source AS source_, count(*) AS rows_, {counts} FROM {table} WHERE {condition}
            GROUP BY source ORDER BY source
            """  # noqa: S608 - names of ours
        ):
            place = place_of.get(row["source_"])
            if place is not None:
                for name in names:
                    of_side = self._counted[table, name][place]
                    of_side[0] += row["rows_"]
                    of_side[1] += row[name]

    def why_not(self, table: str, name: str, place: int) -> str:
        """Why a side lacks a fact, in words."""
        return ", ".join(sorted(self._why[table, name, place])) or "not observed"

    @property
    def everywhere(self) -> int:
        """Facts that are known for every row of every side, where there is any row."""
        return sum(
            any(rows for rows, _ in of_sides) and all(rows == known for rows, known in of_sides)
            for of_sides in self._counted.values()
        )

    def rows(self) -> list[FactRow]:
        """Facts that are not known for every row of every side; what most sides lack comes first."""
        alike: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
        rank: dict[tuple[str, tuple[str, ...]], tuple[int, int]] = {}
        for (table, name), of_sides in self._counted.items():
            if all(rows == known for rows, known in of_sides):
                continue
            cells = tuple(self._cell(table, name, place) for place in range(len(self.sides)))
            alike[table, cells].append(name)
            nowhere = sum(rows > 0 and known == 0 for rows, known in of_sides)
            rank[table, cells] = (-nowhere, _TOLD.index(table))
        return [
            FactRow(table=table, facts=tuple(names), cells=cells)
            for (table, cells), names in sorted(alike.items(), key=lambda item: (rank[item[0]], item[1]))
        ]

    def _cell(self, table: str, name: str, place: int) -> str:
        rows, known = self._counted[table, name][place]
        if not rows:
            return "·"
        if rows == known:
            return "✓"
        why = self.why_not(table, name, place)
        return f"– {why}" if not known else f"{known:,} of {rows:,}; else {why}"


def reasons(queries: Queries, shown: Sequence[Side]) -> list[list[Reason]]:
    """The reasons of each side, the one that explains most gaps first."""
    place_of = places(shown)
    told: list[dict[tuple[str, str], Reason]] = [{} for _ in shown]
    for row in queries.rows(
        """
        SELECT source, of_table, error, count(*) AS gaps, min(id) AS example,
            coalesce(list_sort(list_distinct(flatten(list(columns)))), []) AS leaves
        FROM gap WHERE kind = 'not_offered' GROUP BY source, of_table, error ORDER BY source, of_table, error
        """
    ):
        place = place_of.get(row["source"])
        if place is None:
            continue
        key = (row["of_table"] or "", row["error"] or "")
        before = told[place].get(key)
        told[place][key] = Reason(
            table=key[0],
            leaves=tuple(sorted({*row["leaves"], *(before.leaves if before else ())})),
            error=visible(key[1], 240),
            gaps=row["gaps"] + (before.gaps if before else 0),
            example=min(row["example"], before.example) if before else row["example"],
        )
    return [sorted(of_side.values(), key=lambda one: (-one.gaps, one.table, one.error)) for of_side in told]
