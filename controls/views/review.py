"""Key stores, with who may do what there and who that was when people reviewed it."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.views.view import UNKNOWN, extended, stated, texts
from evidence.findings import Topic
from evidence.model import Column, Manager, State

HELD_IN_OTHER_SCOPES = ("vault",)
"""Kinds of source whose stores are read in one scope, and what these hold in others. Vault and OpenBao: the mounts of a
namespace are listed at once, and each is then read by itself."""

# Whose policy the provider keeps, and what is destroyed or waits for it, is nobody's to review.
_ASSET = " UNION ALL ".join(
    f"SELECT '{table}' AS of_table, source, scope, id, key_store, "
    f"manager = '{Manager.CUSTOMER}' AND state NOT IN ('{State.PENDING_DELETION}', '{State.DESTROYED}') AS reviewed "
    f"FROM {table}"
    for table in ("key", "secret")
)

_STORE = """
SELECT
    k.source, k.scope, k.id, s.provider,
    coalesce(k.account, s.account) AS account, coalesce(k.region, s.region) AS region
FROM key_store AS k LEFT JOIN scope AS s ON s.id = k.scope
"""

_HELD = """
SELECT scope, id, source, id AS subject FROM store
UNION
SELECT s.scope, s.id, s.source, a.id
FROM store AS s JOIN asset AS a ON a.source = s.source AND a.key_store = s.id
WHERE a.reviewed
"""
"""Whose access is a store's: its own, and that of the keys and secrets that name it."""

# What is in the place `d` may be something that the store `s` holds.
_NEAR = f"""
    d.source = s.source AND (d.scope = s.scope OR (
        coalesce(s.provider IN ({texts(HELD_IN_OTHER_SCOPES)}), true)
        AND coalesce(d.account = s.account, true)
        AND coalesce(d.region IN (s.region, 'global', '') OR s.region IN ('global', ''), true)))
"""

# Rows that are missing of one store are none of another's.
_CONCERNS = f"{_NEAR} AND (d.subject IN ('', s.id) OR d.subject NOT IN (SELECT id FROM key_store))"

PRINCIPALS_SQL = f"""
WITH store AS ({_STORE}),
asset AS ({_ASSET}),
held AS ({_HELD}),
doubted AS (
    SELECT doubt.source, doubt.scope, doubt.subject, t.account, t.region
    FROM (
        SELECT source, scope, subject FROM gap
        WHERE rows_missing AND (of_table IN ('key', 'secret', 'scope') OR (of_table = 'access' AND subject = ''))
        UNION
        SELECT source, scope, '' FROM asset WHERE key_store IS NULL AND coalesce(reviewed, true)
        UNION
        SELECT source, scope, '' FROM access WHERE subject IS NULL
    ) AS doubt
    LEFT JOIN scope AS t ON t.id = doubt.scope
),
unknown AS (
    SELECT s.scope, s.id FROM store AS s JOIN doubted AS d ON {_CONCERNS}
    UNION
    SELECT s.scope, s.id FROM store AS s JOIN asset AS a ON a.source = s.source AND a.key_store = s.id
    WHERE a.reviewed IS NULL
    UNION
    SELECT h.scope, h.id FROM held AS h JOIN gap ON gap.source = h.source AND gap.subject = h.subject
    WHERE gap.rows_missing AND gap.of_table = 'access'
    UNION
    SELECT h.scope, h.id FROM held AS h JOIN access AS a ON a.source = h.source AND a.subject = h.subject
    WHERE a.principal IS NULL OR a.capability IS NULL
),
admitted AS (
    SELECT DISTINCT h.scope, h.id, a.principal, a.capability
    FROM held AS h JOIN access AS a ON a.source = h.source AND a.subject = h.subject
),
written AS (
    SELECT
        scope, id,
        string_agg(json_array(principal, capability)::VARCHAR, chr(10) ORDER BY principal, capability) AS text
    FROM admitted GROUP BY scope, id
)
SELECT
    s.scope, s.id, CASE WHEN u.id IS NULL THEN sha256(coalesce(w.text, '')) END AS principals_sha256
FROM store AS s
LEFT JOIN unknown AS u ON u.scope = s.scope AND u.id = s.id
LEFT JOIN written AS w ON w.scope = s.scope AND w.id = s.id
"""
"""SELECT of `scope`, `id` and `principals_sha256` for every key store: the digest of who may do what with it or with
the customer's keys and secrets that it holds and that are not destroyed or about to be; NULL where that was not read as
a whole. Reads key_store, key, secret, access, scope and gap.

The digest is SHA-256 over lines of JSON, `["PRINCIPAL","CAPABILITY"]`, each once and sorted, without a last line feed.
"""

_ACCESS_REVIEW_SQL = f"""
WITH reviewed AS (
    SELECT
        scope, id, max(dated_at) AS reviewed_at,
        arg_max_null(principals_sha256, (dated_at, statement)) AS reviewed_principals_sha256
    FROM ({stated("key_store", (Topic.ACCESS_REVIEW,))}) GROUP BY scope, id
)
SELECT p.*, r.reviewed_at, r.reviewed_principals_sha256
FROM ({PRINCIPALS_SQL}) AS p LEFT JOIN reviewed AS r ON r.scope = p.scope AND r.id = p.id
"""

# One gap stands for all that one operation left open in one scope, else a store would carry those of all its keys.
_PRINCIPALS_EXPLAINED = f"""
    WITH store AS (
        SELECT s.* FROM ({_STORE}) AS s JOIN {UNKNOWN} AS u ON u.scope = s.scope AND u.id = s.id
    ),
    asset AS ({_ASSET}),
    held AS ({_HELD}),
    d AS (SELECT gap.*, t.account, t.region FROM gap LEFT JOIN scope AS t ON t.id = gap.scope),
    explained AS (
        SELECT s.scope, s.id, d.id AS gap, d.scope AS place, d.operation, d.of_table
        FROM store AS s JOIN d ON {_CONCERNS}
        WHERE d.rows_missing
            AND (d.of_table IN ('key', 'secret', 'scope') OR (d.of_table = 'access' AND d.subject = ''))
        UNION ALL
        SELECT s.scope, s.id, d.id, d.scope, d.operation, d.of_table
        FROM store AS s
        JOIN asset AS a ON a.source = s.source AND coalesce(a.key_store = s.id, true)
        JOIN d ON {_NEAR} AND d.scope = a.scope
        WHERE d.of_table = a.of_table AND d.subject IN (a.id, '')
            AND list_has_any(d.columns, ['key_store', 'manager', 'state'])
            AND (a.key_store IS NULL OR a.reviewed IS NULL)
        UNION ALL
        SELECT s.scope, s.id, d.id, d.scope, d.operation, d.of_table
        FROM store AS s JOIN d ON {_NEAR}
        WHERE d.of_table = 'access' AND list_contains(d.columns, 'subject')
        UNION ALL
        SELECT h.scope, h.id, d.id, d.scope, d.operation, d.of_table
        FROM held AS h JOIN d ON d.source = h.source AND d.subject = h.subject
        WHERE d.of_table = 'access' AND d.rows_missing
        UNION ALL
        SELECT h.scope, h.id, d.id, d.scope, d.operation, d.of_table
        FROM held AS h
        JOIN access AS a ON a.source = h.source AND a.subject = h.subject
        JOIN d ON d.scope = a.scope AND d.subject IN (a.id, '')
        WHERE d.of_table = 'access' AND list_has_any(d.columns, ['principal', 'capability'])
            AND (a.principal IS NULL OR a.capability IS NULL)
    )
    SELECT scope, id, min(gap) AS gap FROM explained GROUP BY scope, id, place, operation, of_table
"""

ACCESS_REVIEW = extended(
    "access_review",
    "Key stores, with who may do what there, as a digest, and who that was when people reviewed it",
    "key_store",
    _ACCESS_REVIEW_SQL,
    {
        "principals_sha256": (
            Column(
                "principals_sha256",
                "string",
                (),
                "Digest of who may do what with it or with the customer's keys and secrets that it holds",
            ),
            _PRINCIPALS_EXPLAINED,
        ),
        "reviewed_at": (Column("reviewed_at", "timestamp", (), "The day of the newest review of that"), ""),
        "reviewed_principals_sha256": (
            Column("reviewed_principals_sha256", "string", (), "The digest for which that review was made"),
            "",
        ),
    },
    awaiting=dict.fromkeys(("reviewed_at", "reviewed_principals_sha256"), f"'{Topic.ACCESS_REVIEW}'"),
)
