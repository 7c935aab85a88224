"""What is told of how the evidence was collected, and of what could not be."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reports.content.bounds import Bounds
from reports.display import kind, provider_word, visible
from reports.material import Material, Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class GapGroup:
    provider: str
    operation: str
    kind: str
    error: str
    scopes: int
    example_scope: str
    gaps: int
    example: str
    table: str
    leaves: tuple[str, ...]
    """Columns left unknown."""
    rows_missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRow:
    provider: str
    name: str
    permission: str
    why: str
    statuses: Mapping[str, int]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    identities: tuple[tuple[str, str, int], ...]
    """(account, identity, exchanges)."""
    identities_more: int
    operations: tuple[OperationRow, ...]
    unasked: tuple[OperationRow, ...]
    first_at: datetime | None
    last_at: datetime | None
    exchanges: int
    retried: int
    bytes: int


def gap_groups(queries: Queries) -> list[GapGroup]:
    """The gaps by operation, kind, error and table, those that hide rows first.

    What a provider does not offer is left out: nobody can close such a gap, and `known.reasons` tells of it.
    """
    return [
        GapGroup(
            provider=provider_word(row["provider"] or ""),
            operation=row["operation"] or "no call",
            kind=kind(row["kind"]),
            error=visible(row["error"] or "", 240),
            scopes=row["scopes"],
            example_scope=visible(row["example_scope"], 100),
            gaps=row["gaps"],
            example=row["example"],
            table=row["of_table"] or "",
            leaves=tuple(row["leaves"]),
            rows_missing=row["rows_missing"],
        )
        for row in queries.rows(
            """
            SELECT scope.provider, operation, kind, gap.error, of_table, count(DISTINCT gap.scope) AS scopes,
                min(gap.scope) AS example_scope, count(*) AS gaps, min(gap.id) AS example,
                bool_or(rows_missing) AS rows_missing,
                coalesce(list_sort(list_distinct(flatten(list(columns)))), []) AS leaves
            FROM gap LEFT JOIN scope ON scope.id = gap.scope
            WHERE kind IS DISTINCT FROM 'not_offered'
            GROUP BY scope.provider, operation, kind, gap.error, of_table
            ORDER BY rows_missing DESC, kind = 'switched_off', gaps DESC,
                scope.provider, operation, kind, gap.error, of_table
            """
        )
    ]


def collection(material: Material, queries: Queries, bounds: Bounds) -> Collection:
    """Who asked what, and how it was answered."""
    identities = [
        (visible(row["account"] or "", 60), visible(row["identity"], 160), row["exchanges"])
        for row in queries.rows(
            """
            SELECT scope.account, observation.identity, count(*) AS exchanges
            FROM observation LEFT JOIN scope ON scope.id = observation.scope
            GROUP BY scope.account, observation.identity
            ORDER BY scope.account, observation.identity
            """
        )
    ]
    whole = next(
        queries.rows(
            """
            SELECT min(requested_at) AS first_at, max(received_at) AS last_at, count(*) AS exchanges,
                count(*) FILTER (attempts > 1) AS retried, coalesce(sum(bytes), 0)::BIGINT AS bytes
            FROM observation
            """
        )
    )
    operations = _operations(material, queries)
    return Collection(
        identities=tuple(identities[: bounds.identities]),
        identities_more=max(0, len(identities) - bounds.identities),
        operations=tuple(operation for operation in operations if operation.total),
        unasked=tuple(operation for operation in operations if not operation.total),
        first_at=whole["first_at"],
        last_at=whole["last_at"],
        exchanges=whole["exchanges"],
        retried=whole["retried"],
        bytes=whole["bytes"],
    )


def _operations(material: Material, queries: Queries) -> list[OperationRow]:
    types = {source.name: source.type for source in material.run.sources}
    counted: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in queries.rows(
        """
        SELECT source, operation, status, count(*) AS n FROM observation
        GROUP BY source, operation, status ORDER BY source, operation, status
        """
    ):
        counted[types.get(row["source"], ""), row["operation"] or ""][row["status"] or ""] += row["n"]
    declared = {
        (source.type, operation.name): operation for source in material.run.sources for operation in source.operations
    }
    rows = []
    for provider, name in sorted({*declared, *counted}):
        operation = declared.get((provider, name))
        statuses = counted[provider, name]
        rows.append(
            OperationRow(
                provider=provider_word(provider),
                name=name,
                permission=operation.permission if operation else "",
                why=operation.why if operation else "",
                statuses=dict(statuses),
                total=statuses.total(),
            )
        )
    return rows
