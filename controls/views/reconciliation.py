"""What was read of each scope, beside what people counted there by other means."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.views.view import UNKNOWN, View, explained_by_scope, of_row, stated, texts
from evidence.findings import Topic
from evidence.model import Column, Scope, columns

RECONCILED = ("key", "secret", "certificate")
"""Tables whose rows are counted."""

_COUNTS = " UNION ALL ".join(
    f"SELECT scope, '{table}' AS counted_table, count(*) AS rows FROM {table} GROUP BY scope" for table in RECONCILED
)

_NUMBERS = " UNION ALL ".join(
    f"SELECT scope, statement, dated_at, '{table}' AS counted_table, {table}_count AS number FROM said "
    f"WHERE {table}_count IS NOT NULL"
    for table in RECONCILED
)

# Where no call was answered, nothing shows that what no gap speaks of was looked for.
_RECONCILIATION_SQL = f"""
WITH place AS (
    SELECT
        s.id || '#' || t.counted_table AS id, s.source, s.id AS scope, s.evidence, t.counted_table, s.asked, s.reached
    FROM scope AS s, (SELECT unnest([{texts(RECONCILED)}]) AS counted_table) AS t
),
said AS ({stated("scope", (Topic.RECONCILIATION,))}),
told AS (
    SELECT scope, counted_table, arg_max(number, (dated_at, statement)) AS number, max(dated_at) AS dated_at
    FROM ({_NUMBERS}) GROUP BY scope, counted_table
),
unread AS (SELECT DISTINCT scope, of_table FROM gap WHERE rows_missing)
SELECT
    p.* EXCLUDE (reached),
    CASE WHEN p.reached AND unread.scope IS NULL THEN coalesce(c.rows, 0) END AS counted,
    told.scope IS NOT NULL AS stated,
    told.number AS stated_count,
    told.dated_at AS stated_at
FROM place AS p
LEFT JOIN ({_COUNTS}) AS c ON c.scope = p.scope AND c.counted_table = p.counted_table
LEFT JOIN unread ON unread.scope = p.scope AND unread.of_table = p.counted_table
LEFT JOIN told ON told.scope = p.scope AND told.counted_table = p.counted_table
"""

_ROWS_EXPLAINED = f"""
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN gap ON gap.scope = u.scope AND u.id = gap.scope || '#' || gap.of_table
    WHERE gap.rows_missing
    UNION ALL
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN scope AS s ON s.id = u.scope
    JOIN gap ON gap.scope = u.scope
    WHERE NOT coalesce(s.reached, false)
        AND (gap.rows_missing OR (gap.of_table = 'scope' AND list_contains(gap.columns, 'reached')))
"""

RECONCILIATION = View(
    "reconciliation",
    "Scopes and what may be in them, with how many were read and how many people counted by other means",
    ("scope",),
    {
        **of_row(),
        "counted_table": Column("counted_table", "string", RECONCILED, "What is counted"),
        "asked": {column.name: column for column in columns(Scope)}["asked"],
        "counted": Column("counted", "integer", (), "How many were read, whoever manages them and in whatever state"),
        "stated": Column("stated", "boolean", (), "People attest how many there are"),
        "stated_count": Column("stated_count", "integer", (), "How many there are, by the newest count"),
        "stated_at": Column("stated_at", "timestamp", (), "The day of that count"),
    },
    _RECONCILIATION_SQL,
    explanations={"counted": _ROWS_EXPLAINED, "asked": explained_by_scope("asked")},
    awaiting=dict.fromkeys(("stated_count", "stated_at"), f"'{Topic.RECONCILIATION}'"),
)
