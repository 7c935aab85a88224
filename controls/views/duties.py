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
principal AS (
    SELECT
        scope, subject, principal,
        bool_or(capability = 'administer') AS administers,
        bool_or(capability IN ({_USES})) AS uses,
        bool_or(public AND capability = 'administer') AS anyone_administers,
        bool_or(public AND capability IN ({_USES})) AS anyone_uses,
        bool_and(principal_kind NOT IN ('account', 'service')) AS counted,
        bool_and(principal_kind IN ('machine', 'service')) AS machine,
        bool_or(capability = 'administer' AND principal_kind IN ('account', 'group')) AS stands_for_others,
        bool_or(principal IS NULL OR principal_kind IS NULL OR capability IS NULL OR public IS NULL) AS unknown
    FROM access GROUP BY scope, subject, principal
),
named AS (SELECT DISTINCT scope, subject FROM access),
decided AS (
    SELECT key.scope, key.id, key.key_store, named.subject AS own, coalesce(named.subject, key.key_store) AS decider
    FROM key LEFT JOIN named ON named.scope = key.scope AND named.subject = key.id
),
part AS (
    SELECT DISTINCT scope, decider, own AS subject FROM decided
    UNION
    SELECT DISTINCT scope, decider, key_store AS subject FROM decided
),
admitted AS (
    SELECT
        part.scope, part.decider, p.principal,
        bool_or(p.administers) AS administers, bool_or(p.uses) AS uses,
        bool_or(p.anyone_administers) AS anyone_administers, bool_or(p.anyone_uses) AS anyone_uses,
        bool_and(p.counted) AS counted, bool_and(p.machine) AS machine,
        bool_or(p.stands_for_others) AS stands_for_others, bool_or(p.unknown) AS unknown
    FROM part JOIN principal AS p ON p.scope = part.scope AND p.subject = part.subject
    GROUP BY part.scope, part.decider, p.principal
),
open_to_anyone AS (
    SELECT
        scope, decider, bool_or(unknown) AS unknown,
        bool_or(anyone_administers) AS administers, bool_or(anyone_uses) AS uses
    FROM admitted GROUP BY scope, decider
),
both_duties AS (
    SELECT p.scope, p.decider, list(p.principal ORDER BY p.principal) AS principals
    FROM admitted AS p JOIN open_to_anyone AS o ON o.scope = p.scope AND o.decider = p.decider
    WHERE p.counted AND (p.administers OR o.administers) AND (p.uses OR o.uses)
    GROUP BY p.scope, p.decider
),
administrators AS (
    SELECT
        scope, decider,
        list_sort(list_distinct(list(CASE WHEN anyone_administers THEN '*' ELSE principal END))) AS principals,
        bool_or(stands_for_others) AS stand_for_others
    FROM admitted WHERE administers AND NOT machine GROUP BY scope, decider
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
    LEFT JOIN open_to_anyone AS o ON o.scope = key.scope AND o.decider = key.decider
)
SELECT
    read.scope, read.id,
    CASE WHEN read.whole THEN coalesce(b.principals, []::VARCHAR[]) END AS administrators_who_use,
    CASE WHEN read.whole THEN coalesce(a.principals, []::VARCHAR[]) END AS administrators,
    CASE
        WHEN read.whole AND (NOT coalesce(a.stand_for_others, false) OR reviewed.id IS NOT NULL) THEN true
    END AS administrators_told
FROM read
LEFT JOIN both_duties AS b ON b.scope = read.scope AND b.decider = read.decider
LEFT JOIN administrators AS a ON a.scope = read.scope AND a.decider = read.decider
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
