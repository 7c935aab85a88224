"""Keys, and how their material was used in the audit period."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.views.view import MOMENT, explained_by_rows, extended, unread
from evidence.model import Column

_KEY_PERIOD_SQL = f"""
WITH unread AS ({unread("key_version")}),
unplaced AS (SELECT DISTINCT scope FROM key_version WHERE key IS NULL),
span AS (SELECT period_start AS start, least(period_end, as_of) AS stop FROM {MOMENT}),
used AS (
    SELECT
        v.scope, v.key,
        bool_or(v.created_at IS NULL OR v.superseded_at IS NULL) AS unknown,
        max(
            CASE
                WHEN v.created_at < span.stop AND v.superseded_at > span.start THEN
                    -- Whole days, begun ones counted: 730 days and an hour is more than 730 days.
                    (epoch_us(least(v.superseded_at, span.stop)) - epoch_us(v.created_at) + 86399999999) // 86400000000
                ELSE 0
            END
        ) AS days
    FROM key_version AS v, span GROUP BY v.scope, v.key
)
SELECT
    key.scope, key.id,
    CASE
        WHEN unread.subject IS NULL AND everywhere.scope IS NULL AND unplaced.scope IS NULL
            AND NOT used.unknown AND span.start < span.stop
        THEN used.days
    END AS longest_use_days
FROM key
CROSS JOIN span
LEFT JOIN unread ON unread.scope = key.scope AND unread.subject = key.id
LEFT JOIN (SELECT scope FROM unread WHERE subject = '') AS everywhere ON everywhere.scope = key.scope
LEFT JOIN unplaced ON unplaced.scope = key.scope
LEFT JOIN used ON used.scope = key.scope AND used.key = key.id
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
                "integer",
                (),
                "The greatest age, in days begun, that any material reached while it was in use in the audit "
                "period, up to the date of the assessment",
            ),
            explained_by_rows("key_version", "key", ("created_at", "superseded_at")),
        )
    },
)
