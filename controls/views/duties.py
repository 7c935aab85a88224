"""Keys, and who may do what with them."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from dataclasses import replace

from controls.views.view import explained_by_own, explained_by_rows, extended, stated, texts, unread
from evidence.findings import Topic
from evidence.model import Capability, Column

# Whoever takes a key's material out can use it wherever they like.
_USES = texts((Capability.USE, Capability.DECRYPT, Capability.EXPORT))

# What is granted on a key store holds for its keys. Keys without rows of their own share the answer of their store, so
# that a store of many keys is looked at once.
_KEY_DUTY_SQL = f"""
WITH unread AS ({unread("access")}),
unplaced AS (SELECT DISTINCT scope FROM access WHERE subject IS NULL),
-- Rows are grouped by numbers that stand for subjects and principals: their names are long, and there are millions.
subject AS MATERIALIZED (
    SELECT scope, subject AS name, row_number() OVER () AS number
    FROM (SELECT DISTINCT scope, subject FROM access WHERE subject IS NOT NULL)
),
person AS MATERIALIZED (
    SELECT principal AS name, row_number() OVER () AS number FROM (SELECT DISTINCT principal FROM access)
),
principal AS (
    SELECT
        subject.number AS subject, person.number AS principal,
        bool_or(a.capability = 'administer') AS administers,
        bool_or(a.capability IN ({_USES})) AS uses,
        bool_or(a.public AND a.capability = 'administer') AS anyone_administers,
        bool_or(a.public AND a.capability IN ({_USES})) AS anyone_uses,
        bool_and(a.principal_kind NOT IN ('account', 'service')) AS counted,
        bool_and(a.principal_kind IN ('machine', 'service')) AS machine,
        bool_or(a.capability = 'administer' AND a.principal_kind IN ('account', 'group')) AS stands_for_others,
        bool_or(
            a.principal IS NULL OR a.principal_kind IS NULL OR a.capability IS NULL OR a.public IS NULL
        ) AS unknown
    FROM access AS a
    JOIN subject ON subject.scope = a.scope AND subject.name = a.subject
    JOIN person ON person.name IS NOT DISTINCT FROM a.principal
    GROUP BY subject.number, person.number
),
decided AS MATERIALIZED (
    SELECT
        key.scope, key.id, key.key_store, own.number AS own, store.number AS store,
        coalesce(own.number, store.number) AS decider
    FROM key
    LEFT JOIN subject AS own ON own.scope = key.scope AND own.name = key.id
    LEFT JOIN subject AS store ON store.scope = key.scope AND store.name = key.key_store
),
part AS (
    SELECT own AS decider, own AS subject FROM decided WHERE own IS NOT NULL
    UNION
    SELECT decider, store FROM decided WHERE store IS NOT NULL
),
admitted AS MATERIALIZED (
    SELECT
        part.decider, p.principal,
        bool_or(p.administers) AS administers, bool_or(p.uses) AS uses,
        bool_or(p.anyone_administers) AS anyone_administers, bool_or(p.anyone_uses) AS anyone_uses,
        bool_and(p.counted) AS counted, bool_and(p.machine) AS machine,
        bool_or(p.stands_for_others) AS stands_for_others, bool_or(p.unknown) AS unknown
    FROM part JOIN principal AS p ON p.subject = part.subject
    GROUP BY part.decider, p.principal
),
open_to_anyone AS (
    SELECT
        decider, bool_or(unknown) AS unknown,
        bool_or(anyone_administers) AS administers, bool_or(anyone_uses) AS uses
    FROM admitted GROUP BY decider
),
both_duties AS (
    SELECT p.decider, list(person.name ORDER BY person.name) AS principals
    FROM admitted AS p
    JOIN open_to_anyone AS o ON o.decider = p.decider
    JOIN person ON person.number = p.principal
    WHERE p.counted AND (p.administers OR o.administers) AND (p.uses OR o.uses)
    GROUP BY p.decider
),
administrators AS (
    SELECT
        p.decider,
        list_sort(list_distinct(list(CASE WHEN p.anyone_administers THEN '*' ELSE person.name END))) AS principals,
        bool_or(p.stands_for_others) AS stand_for_others
    FROM admitted AS p JOIN person ON person.number = p.principal
    WHERE p.administers AND NOT p.machine GROUP BY p.decider
),
reviewed AS (
    SELECT DISTINCT scope, id FROM ({stated("key", [Topic.ACCESS_REVIEW], ("id", "key_store"))})
),
read AS (
    SELECT
        key.scope, key.id, key.decider,
        key.key_store IS NOT NULL AND of_key.subject IS NULL AND of_store.subject IS NULL
            AND everywhere.scope IS NULL AND unplaced.scope IS NULL AND NOT coalesce(o.unknown, false) AS whole
    FROM decided AS key
    LEFT JOIN unread AS of_key ON of_key.scope = key.scope AND of_key.subject = key.id
    LEFT JOIN unread AS of_store ON of_store.scope = key.scope AND of_store.subject = key.key_store
    LEFT JOIN (SELECT scope FROM unread WHERE subject = '') AS everywhere ON everywhere.scope = key.scope
    LEFT JOIN unplaced ON unplaced.scope = key.scope
    LEFT JOIN open_to_anyone AS o ON o.decider = key.decider
)
SELECT
    read.scope, read.id,
    CASE WHEN read.whole THEN coalesce(b.principals, []::VARCHAR[]) END AS administrators_who_use,
    CASE WHEN read.whole THEN coalesce(a.principals, []::VARCHAR[]) END AS administrators,
    CASE
        WHEN read.whole AND (NOT coalesce(a.stand_for_others, false) OR reviewed.id IS NOT NULL) THEN true
    END AS administrators_told
FROM read
LEFT JOIN both_duties AS b ON b.decider = read.decider
LEFT JOIN administrators AS a ON a.decider = read.decider
LEFT JOIN reviewed ON reviewed.scope = read.scope AND reviewed.id = read.id
"""

# A NULL that a group or a whole account makes is explained by none of these gaps: it awaits a review.
_EXPLAINED = f"""
    SELECT * FROM ({
    explained_by_rows("access", "subject", ("principal", "principal_kind", "capability", "public"), of_store=True)
})
    UNION ALL {explained_by_own("key", ("key_store",))}
"""

KEY_DUTY = replace(
    extended(
        "key_duty",
        "Keys, with the principals that may administer them, and those that may also use them",
        "key",
        _KEY_DUTY_SQL,
        {
            "administrators_who_use": (
                Column(
                    "administrators_who_use",
                    "list of string",
                    (),
                    "Principals that may administer it and also use it, decrypt with it or take its material out, by "
                    "what is granted on it or on its key store, sorted; without whole accounts and services of the "
                    "provider",
                ),
                _EXPLAINED,
            ),
            "administrators": (
                Column(
                    "administrators",
                    "list of string",
                    (),
                    "Principals that may administer it, by what is granted on it or on its key store, sorted; without "
                    "those known to be machines or services of the provider; `*` for anyone",
                ),
                _EXPLAINED,
            ),
            "administrators_told": (
                Column(
                    "administrators_told",
                    "boolean",
                    (),
                    "None of them is a whole account or a group, or else people attest that they reviewed who is "
                    "behind them; never false",
                ),
                _EXPLAINED,
            ),
        },
    ),
    awaiting={"administrators_told": f"CASE WHEN administrators IS NOT NULL THEN '{Topic.ACCESS_REVIEW}' END"},
)
