"""Who may administer keys, secrets and their stores, and who may use them, over all sources."""

# ruff: noqa: S608 - what is put into SQL are constants of this module

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evidence.model import PrincipalKind
from reports.content.bounds import Bounds
from reports.display import visible
from reports.material import Queries

KIND_WORDS = {
    PrincipalKind.HUMAN: "person",
    PrincipalKind.MACHINE: "machine",
    PrincipalKind.UNDECIDED: "person or machine",
    PrincipalKind.GROUP: "group",
    PrincipalKind.ACCOUNT: "whole account",
    PrincipalKind.SERVICE: "service of the provider",
    PrincipalKind.ANYONE: "anyone",
}
"""What a principal is, in words, in the order in which they are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Custodian:
    """A principal of one source, and of how many things it may do what."""

    name: str
    kind: str
    source: str
    administers: int
    uses: int
    """Use, decrypt or take out."""
    both: int
    """Things of which it may do both."""
    grants: int
    external: bool | None
    """Outside the organization; None where some row does not tell and no other says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Custodians:
    rows: tuple[Custodian, ...]
    """Those that administer most, first."""
    more: int
    kinds: tuple[tuple[str, int, int], ...]
    """(what they are, how many may administer something, how many may use something)."""
    unread: int
    """Scopes in which access was not read completely."""
    untold: int
    """Rows of access that do not tell whom they admit, or to what; they count for nobody."""


_EXTERNAL = "CASE WHEN bool_or(external) THEN true WHEN count(external) = count(*) THEN false END AS external"
"""Whether any of several rows says that a principal is outside; NULL where none does and not all tell."""

_PRINCIPALS = f"""
WITH duty AS (
    SELECT
        principal, principal_kind, source, scope, subject,
        bool_or(capability = 'administer') AS administers,
        bool_or(capability IN ('use', 'decrypt', 'export')) AS uses,
        bool_or(capability = 'grant') AS grants,
        {_EXTERNAL}
    FROM access WHERE principal IS NOT NULL GROUP BY ALL
),
custodian AS (
    SELECT
        principal, coalesce(principal_kind, '') AS kind, source,
        count(*) FILTER (administers) AS administered, count(*) FILTER (uses) AS used,
        count(*) FILTER (administers AND uses) AS held_both, count(*) FILTER (grants) AS granted,
        {_EXTERNAL}
    FROM duty GROUP BY ALL
)
"""


def custodians(queries: Queries, bounds: Bounds) -> Custodians:
    """What the access rows of all sources tell of who holds keys."""
    every: int = queries.value(f"{_PRINCIPALS} SELECT count(*) FROM custodian WHERE kind NOT IN ('service', 'account')")
    return Custodians(
        rows=tuple(_rows(queries, bounds.custodians)),
        more=max(0, every - bounds.custodians),
        kinds=tuple(_kinds(queries)),
        unread=queries.value("SELECT count(DISTINCT scope) FROM gap WHERE of_table = 'access' AND rows_missing"),
        untold=queries.value("SELECT count(*) FROM access WHERE principal IS NULL OR capability IS NULL"),
    )


def _rows(queries: Queries, most: int) -> Iterator[Custodian]:
    for row in queries.rows(
        f"""
        {_PRINCIPALS}
        SELECT * FROM custodian WHERE kind NOT IN ('service', 'account')
        ORDER BY administered DESC, held_both DESC, used DESC, principal, source, kind LIMIT $most
        """,
        {"most": most},
    ):
        yield Custodian(
            name=visible(row["principal"], 110),
            kind=KIND_WORDS.get(row["kind"], "not observed"),
            source=visible(row["source"], 40),
            administers=row["administered"],
            uses=row["used"],
            both=row["held_both"],
            grants=row["granted"],
            external=row["external"],
        )


def _kinds(queries: Queries) -> Iterator[tuple[str, int, int]]:
    counted = {
        row["kind"]: (row["holders"], row["users"])
        for row in queries.rows(
            f"""
            {_PRINCIPALS}
            SELECT kind, count(*) FILTER (administered > 0) AS holders, count(*) FILTER (used > 0) AS users
            FROM custodian GROUP BY kind ORDER BY kind
            """
        )
    }
    words = {**{kind.value: word for kind, word in KIND_WORDS.items()}, "": "not observed"}
    yield from ((word, *counted[kind]) for kind, word in words.items() if kind in counted)
