"""Keys, and how long their material was used in the audit period."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.predicate import RANGE
from controls.views.history import SPAN, days
from controls.views.view import explained_by_own, explained_by_rows, extended, unread
from evidence.model import Column

_AT_LEAST = days("b.since", "least(b.until, b.stop)")
_AT_MOST = days("b.since", "least(b.ended, b.stop)")

# Where the versions of a key are all known, they tell exactly how old its material became. Else its current material
# and what earlier runs saw to be its material bound that: each was in use at least until a run last saw it, and at most
# until the next one took over. Whatever came before the first of them is no older than the key.
_KEY_PERIOD_SQL = f"""
WITH unread AS ({unread("key_version")}),
unplaced AS (SELECT DISTINCT scope FROM key_version WHERE key IS NULL),
span AS ({SPAN}),
version AS (
    SELECT
        v.scope, v.key,
        bool_or(v.created_at IS NULL OR v.superseded_at IS NULL) AS unknown,
        max(
            CASE
                WHEN v.created_at < span.stop AND v.superseded_at > span.start
                THEN {days("v.created_at", "least(v.superseded_at, span.stop)")}
                WHEN v.created_at IS NOT NULL AND v.superseded_at IS NOT NULL THEN 0
            END
        ) AS days
    FROM key_version AS v, span GROUP BY v.scope, v.key
),
seen AS (
    SELECT scope, id, last_rotated_at AS since, seen_from, seen_until AS until
    FROM sighting WHERE of_table = 'key' AND last_rotated_at IS NOT NULL
    UNION ALL
    SELECT k.scope, k.id, k.last_rotated_at, s.collected_at, s.collected_at
    FROM key AS k JOIN scope AS s ON s.id = k.scope
    WHERE k.last_rotated_at IS NOT NULL AND s.collected_at IS NOT NULL
),
material AS (
    SELECT scope, id, since, min(seen_from) AS seen_from, max(until) AS until FROM seen GROUP BY scope, id, since
),
turn AS (
    SELECT *, lead(since) OVER w AS next_since, lead(seen_from) OVER w AS next_seen
    FROM material WINDOW w AS (PARTITION BY scope, id ORDER BY until, since)
),
bound AS (
    SELECT *, coalesce(CASE WHEN next_since > since THEN next_since ELSE next_seen END, span.stop) AS ended
    FROM turn, span
),
seen_use AS (
    SELECT
        b.scope, b.id, min(b.since) AS first,
        max(CASE WHEN b.until > b.start AND b.since < b.stop THEN {_AT_LEAST} ELSE 0 END) AS at_least,
        max(CASE WHEN b.ended > b.start AND b.since < b.stop THEN {_AT_MOST} ELSE 0 END) AS at_most
    FROM bound AS b GROUP BY b.scope, b.id
),
counted AS (
    SELECT
        key.scope, key.id, span.start < span.stop AS begun,
        CASE
            WHEN unread.subject IS NULL AND everywhere.scope IS NULL AND unplaced.scope IS NULL AND NOT version.unknown
            THEN version.days
        END AS exact,
        greatest(
            coalesce(version.days, 0), coalesce(seen_use.at_least, 0),
            coalesce(
                CASE
                    WHEN key.material_known_at < least(s.collected_at, span.stop)
                    THEN {days("key.material_known_at", "least(s.collected_at, span.stop)")}
                END,
                0
            )
        ) AS at_least,
        greatest(
            seen_use.at_most,
            CASE
                WHEN seen_use.first <= span.start OR key.created_at >= seen_use.first THEN 0
                ELSE {days("key.created_at", "seen_use.first")}
            END
        ) AS at_most,
        seen_use.first IS NULL OR (seen_use.first > span.start AND key.created_at IS NULL) AS unbounded
    FROM key
    CROSS JOIN span
    LEFT JOIN scope AS s ON s.id = key.scope
    LEFT JOIN unread ON unread.scope = key.scope AND unread.subject = key.id
    LEFT JOIN (SELECT scope FROM unread WHERE subject = '') AS everywhere ON everywhere.scope = key.scope
    LEFT JOIN unplaced ON unplaced.scope = key.scope
    LEFT JOIN version ON version.scope = key.scope AND version.key = key.id
    LEFT JOIN seen_use ON seen_use.scope = key.scope AND seen_use.id = key.id
)
SELECT
    scope, id,
    CASE
        WHEN NOT begun THEN NULL
        WHEN exact IS NOT NULL THEN {{'at_least': exact, 'at_most': exact}}
        WHEN unbounded THEN {{'at_least': at_least, 'at_most': NULL}}
        ELSE {{'at_least': at_least, 'at_most': greatest(at_most, at_least)}}
    END AS longest_use_days
FROM counted
"""

_EXPLAINED = f"""
    {explained_by_rows("key_version", "key", ("created_at", "superseded_at"))}
    UNION ALL {explained_by_own("key", ("last_rotated_at", "created_at", "material_known_at"))}
"""

KEY_PERIOD = extended(
    "key_period",
    "Keys, with the greatest age that their material reached in the audit period",
    "key",
    _KEY_PERIOD_SQL,
    {
        "longest_use_days": (
            Column(
                "longest_use_days",
                RANGE,
                (),
                "The greatest age, in days begun, that any material reached while it was in use in the audit period, "
                "up to the date of the assessment: at least what is shown, and at most what is possible",
            ),
            _EXPLAINED,
        ),
    },
)
