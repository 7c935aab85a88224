"""What is told of scope and coverage: what was asked, reached, refused and found."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.content.bounds import Bounds
from reports.display import kind, visible
from reports.material import Material, Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRow:
    id: str
    source: str
    state: str
    word: str
    account: str
    account_name: str
    region: str
    service: str
    listed: int | None
    described: int | None
    refused: int
    failed: int
    error: str
    gap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Accounts and services down, regions across; each cell is the one scope there, its state and its counts."""

    regions: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[ScopeRow | None, ...]], ...]
    """(account, service, one cell a region)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRow:
    """One account and service, over all regions, vaults or locations."""

    source: str
    account: str
    account_name: str
    service: str
    states: tuple[tuple[str, int], ...]
    listed: int | None
    described: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    sources: tuple[tuple[str, str, str], ...]
    """(name, type, configuration as JSON)."""
    states: tuple[tuple[str, str, int], ...]
    """(state, its meaning, scopes)."""
    total: int
    matrix: Matrix | None
    rows: tuple[CoverageRow, ...]
    rows_more: int
    incomplete: tuple[ScopeRow, ...]
    incomplete_more: int
    populations: tuple[tuple[str, str, int], ...]
    """(what, of which kind, rows)."""


ORGANIZATIONS = ("tenant", "organization", "module")
"""Services whose scope lists accounts or tokens, and so is of none of them."""

LISTING = ("account", "subscription", "project", *ORGANIZATIONS)
"""Services whose scope lists what is to be read, and holds no keys and secrets itself."""

SCOPE_STATES: dict[str, tuple[str, str]] = {
    "read": ("read", "Everything was read"),
    "empty": ("empty", "Everything was read, and there is nothing in it"),
    "partly": ("in part", "Something in it was refused or failed, so verdicts are withheld"),
    "refused": ("refused", "The provider refused the list, so nothing is known about what is in it"),
    "failed": ("failed", "The list got no usable answer, so nothing is known about what is in it"),
    "off": ("switched off", "Not enabled for the account"),
    "unasked": ("not asked", "Not part of the configuration"),
}
"""State of a scope → its word and what it means, in the order of the report."""


def coverage(material: Material, queries: Queries, bounds: Bounds) -> Coverage:
    """How far every scope was read, as a matrix where it fits and by account and service where it does not."""
    scopes = [_scope(row) for row in queries.rows(_SCOPES)]
    shown = [scope for scope in scopes if scope.service not in LISTING]
    counted = Counter(scope.state for scope in scopes)
    incomplete = [scope for scope in scopes if scope.state in ("partly", "refused", "failed")]
    regions = sorted({scope.region for scope in shown}, key=lambda region: (region == "global", region))
    pairs = sorted({(scope.account, scope.account_name, scope.service) for scope in shown})
    alone = len({(scope.account, scope.service, scope.region) for scope in shown}) == len(shown)
    fits = alone and len(regions) <= bounds.regions and len(pairs) <= bounds.scopes
    rows = [] if fits else sorted(_coverage_rows(shown), key=_incomplete_first)
    return Coverage(
        sources=tuple(
            (source.name, source.type, visible(json.dumps(source.configuration, sort_keys=True), 600))
            for source in material.run.sources
        ),
        states=tuple((word, meaning, counted[state]) for state, (word, meaning) in SCOPE_STATES.items()),
        total=len(scopes),
        matrix=_matrix(shown, regions, pairs) if fits else None,
        rows=tuple(rows[: bounds.scopes]),
        rows_more=max(0, len(rows) - bounds.scopes),
        incomplete=tuple(incomplete[: bounds.scopes]),
        incomplete_more=max(0, len(incomplete) - bounds.scopes),
        populations=tuple(_populations(queries)),
    )


_SCOPES = """
    SELECT scope.*, told.error, told.id AS gap
    FROM scope LEFT JOIN (
        SELECT scope, any_value(error ORDER BY rank, id) AS error, any_value(id ORDER BY rank, id) AS id
        FROM (
            SELECT scope, id, error,
                CASE WHEN rows_missing THEN 0 WHEN of_table = 'scope' THEN 1 ELSE 2 END AS rank
            FROM gap WHERE kind IN ('refused', 'failed')
        ) GROUP BY scope
    ) AS told ON told.scope = scope.id
    ORDER BY scope.source, scope.account, scope.region, scope.service, scope.id
"""


def _scope(row: Mapping[str, Any]) -> ScopeRow:
    state = scope_state(row)
    return ScopeRow(
        id=visible(row["id"], 160),
        source=visible(row["source"], 40),
        state=state,
        word=SCOPE_STATES[state][0],
        account=visible(row["account"] or row["source"], 60),
        account_name=visible(row["account_name"] or "", 60),
        region=visible(row["region"] or "", 40),
        service=visible(row["service"] or "", 40),
        listed=row["listed"],
        described=row["described"],
        refused=row["refused"] or 0,
        failed=row["failed"] or 0,
        error=visible(row["error"] or "", 200),
        gap=row["gap"] or "",
    )


def scope_state(row: Mapping[str, Any]) -> str:
    """How far a row of the scope table was read: a key of SCOPE_STATES."""
    if row["asked"] is False:
        return "unasked"
    if row["reached"] is False and not row["refused"] and not row["failed"]:
        return "off"
    if row["complete"]:
        return "empty" if row["listed"] == 0 and row["service"] not in LISTING else "read"
    if row["listed"] is None and not row["described"]:
        return "refused" if row["refused"] else "failed"
    return "partly"


def _matrix(scopes: Iterable[ScopeRow], regions: Sequence[str], pairs: Sequence[tuple[str, str, str]]) -> Matrix:
    cells = {(scope.account, scope.service, scope.region): scope for scope in scopes}
    return Matrix(
        regions=tuple(regions),
        rows=tuple(
            (
                f"{account} {name}".strip(),
                service,
                tuple(cells.get((account, service, region)) for region in regions),
            )
            for account, name, service in pairs
        ),
    )


def _coverage_rows(scopes: Iterable[ScopeRow]) -> Iterator[CoverageRow]:
    grouped: dict[tuple[str, str, str, str], list[ScopeRow]] = defaultdict(list)
    for scope in scopes:
        grouped[scope.source, scope.account, scope.account_name, scope.service].append(scope)
    for (source, account, account_name, service), members in grouped.items():
        states = Counter(scope.word for scope in members)
        known = [scope.listed for scope in members if scope.state in ("read", "empty", "partly")]
        yield CoverageRow(
            source=source,
            account=account,
            account_name=account_name,
            service=service,
            states=tuple((word, states[word]) for word, _ in SCOPE_STATES.values() if states[word]),
            listed=sum(number for number in known if number is not None),
            described=sum(scope.described or 0 for scope in members),
        )


def _incomplete_first(row: CoverageRow) -> tuple[int, str, str, str]:
    words = {word for word, _ in row.states}
    rank = 0 if words & {"refused", "failed"} else 1 if "in part" in words else 2
    return rank, row.source, row.account, row.service


def _populations(queries: Queries) -> Iterator[tuple[str, str, int]]:
    for table, what in (("key", "Keys"), ("secret", "Secrets"), ("certificate", "Certificates")):
        for row in queries.rows(
            f"""
            SELECT coalesce(manager, 'manager not observed') AS manager, coalesce(state, 'state not observed') AS state,
                count(*) AS n
            FROM {table} GROUP BY ALL ORDER BY n DESC, manager, state
            """  # noqa: S608 - a table of ours
        ):
            manager = {"customer": "customer-managed", "provider": "provider-managed"}.get(
                row["manager"], row["manager"]
            )
            yield what, f"{manager}, {kind(row['state'])}", row["n"]
