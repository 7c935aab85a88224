"""What the runs of the evidence store show over the audit period: how it was covered, and what changed in it."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.predicate import RANGE
from controls.views.view import MOMENT, STATEMENT, UNKNOWN, View, of_row, texts
from evidence.findings import Topic
from evidence.history import SETTINGS, PastRun
from evidence.model import Column, State, columns

WHOLE_DAYS = "(epoch_us({until}) - epoch_us({since}) + 86399999999) // 86400000000"
"""Days between two times, begun ones counted: 730 days and an hour is more than 730 days."""

AUTHORIZED_BEFORE_DAYS = 90
"""How long before a change its authorization may be dated."""


def days(since: str, until: str) -> str:
    """SQL for the days between two times, begun ones counted."""
    return WHOLE_DAYS.format(since=since, until=until)


SPAN = f"SELECT period_start AS start, least(period_end, as_of) AS stop FROM {MOMENT}"
"""The audit period as far as it lies before the moment of the assessment."""

# --- runs ------------------------------------------------------------------------------------------------------------

PAST_RUN = View(
    PastRun.table,
    PastRun.doc,
    (),
    {column.name: column for column in columns(PastRun)},
)

# A run stands for the moment of its last answer. Whether a run that left something unread covers the period as well is
# open, so that the longest stretch without a run has a lower and an upper bound.
_AUDIT_PERIOD_SQL = f"""
WITH
span AS ({SPAN}),
run AS (
    SELECT
        run AS name, max(collected_at) AS read_at, count(*) = count(*) FILTER (complete) AS complete, false AS undated
    FROM reading WHERE coalesce(asked, true) GROUP BY run
    UNION ALL
    SELECT '', max(collected_at), count(*) = count(*) FILTER (complete), bool_or(collected_at IS NULL)
    FROM scope WHERE coalesce(asked, true)
),
inside AS (SELECT run.* FROM run, span WHERE run.read_at BETWEEN span.start AND span.stop),
point AS (
    SELECT start AS read_at, true AS complete FROM span
    UNION ALL SELECT stop, true FROM span
    UNION ALL SELECT read_at, complete FROM inside
),
every AS (SELECT read_at, lead(read_at) OVER (ORDER BY read_at) AS next FROM point),
whole AS (SELECT read_at, lead(read_at) OVER (ORDER BY read_at) AS next FROM point WHERE complete),
stretch AS (
    SELECT
        (SELECT max({days("read_at", "next")}) FROM every) AS every_days,
        (SELECT max({days("read_at", "next")}) FROM whole) AS whole_days,
        (SELECT coalesce(bool_or(undated), false) FROM run)
            OR EXISTS (SELECT 1 FROM gap WHERE of_table = 'scope' AND rows_missing) AS undated
)
SELECT
    'audit period' AS id, '' AS source, '' AS scope, []::VARCHAR[] AS evidence,
    (SELECT count(*) FROM inside) AS runs,
    (SELECT count(*) FROM inside WHERE complete) AS complete_runs,
    span.start < span.stop AS begun,
    {{'at_least': CASE WHEN undated THEN 0 ELSE every_days END, 'at_most': whole_days}} AS longest_gap_days
FROM span, stretch
"""

# One gap stands for all that left one scope incomplete in one run.
_READ_INCOMPLETELY = f"""
    SELECT u.scope, u.id, far.gap FROM {UNKNOWN} AS u
    CROSS JOIN (
        SELECT min(id) AS gap FROM gap
        WHERE of_table = 'reading' AND list_contains(columns, 'complete')
            OR of_table = 'scope' AND (rows_missing OR list_has_any(columns, ['complete', 'collected_at']))
        GROUP BY scope, of_table, subject
    ) AS far
"""

AUDIT_PERIOD = View(
    "audit_period",
    "The audit period as far as it lies before the assessment, in one row, with the runs of the store that covered it",
    (),
    {
        **of_row(),
        "begun": Column("begun", "boolean", (), "It has begun by the date of the assessment"),
        "runs": Column("runs", "integer", (), "Runs of the store in the period, this one included"),
        "complete_runs": Column("complete_runs", "integer", (), "Of those, the ones that read all they were to read"),
        "longest_gap_days": Column(
            "longest_gap_days",
            RANGE,
            (),
            "The longest stretch of the period without a run, in days begun, from its start and to its end as well: at "
            "least so long, if runs that left something unread count, and at most so long, if they do not",
        ),
    },
    _AUDIT_PERIOD_SQL,
    explanations={"longest_gap_days": _READ_INCOMPLETELY},
)

# --- changes ---------------------------------------------------------------------------------------------------------

CHANGES = ("none", "creation", "state", "settings", "rotation", "destruction", "removal")

_ENDED = texts((State.PENDING_DELETION, State.DESTROYED))


def _now(table: str) -> str:
    settings = ", ".join(f"'{name}', {name}" for name in SETTINGS[table])
    unread = " OR ".join(f"t.{name} IS NULL" for name in ("state", "last_rotated_at", *SETTINGS[table]))
    return f"""
        SELECT
            t.id, t.source, t.scope, t.evidence, '{table}' AS of_table, s.collected_at AS read_at, t.name, t.state,
            t.last_rotated_at, json_merge_patch('{{}}', json_object({settings})) AS settings, {unread} AS unread,
            t.manager IS NULL AS unmanaged
        FROM {table} AS t JOIN scope AS s ON s.id = t.scope
        WHERE coalesce(t.manager, 'customer') = 'customer'
    """


_FOLLOWED = tuple(dict.fromkeys(name for names in SETTINGS.values() for name in names))

_CHANGED_FACTS = ", ".join(
    f"CASE WHEN json_extract_string(before, '{name}') <> json_extract_string(after, '{name}') THEN '{name}' END"
    for name in _FOLLOWED
)

# What was told before and is not told now may have changed: such a row stands here as well, and does not say how.
_CHANGE_SQL = f"""
WITH
span AS ({SPAN}),
now AS ({" UNION ALL ".join(_now(table) for table in SETTINGS)}),
last AS (
    FROM sighting
    QUALIFY row_number() OVER (PARTITION BY scope, of_table, id ORDER BY seen_until DESC, seen_from DESC) = 1
),
seen AS (
    SELECT
        id, source, scope, evidence, of_table, seen_from, seen_until, name, state, last_rotated_at,
        settings::JSON AS settings, true AS past
    FROM sighting
    UNION ALL
    SELECT
        n.id, n.source, n.scope, n.evidence, n.of_table,
        n.read_at, n.read_at,
        coalesce(n.name, l.name), coalesce(n.state, l.state), coalesce(n.last_rotated_at, l.last_rotated_at),
        json_merge_patch(l.settings::JSON, n.settings), false
    FROM now AS n JOIN last AS l USING (scope, of_table, id) WHERE n.read_at IS NOT NULL
),
step AS (
    SELECT
        *,
        lag(seen_until) OVER w AS since, lag(state) OVER w AS state_before,
        lag(last_rotated_at) OVER w AS rotated_before, lag(settings) OVER w AS before, settings AS after,
        row_number() OVER w AS place
    FROM seen WINDOW w AS (PARTITION BY scope, of_table, id ORDER BY seen_from, seen_until, past DESC)
),
first_reading AS (SELECT scope, min(collected_at) AS read_at FROM reading GROUP BY scope),
appeared AS (
    SELECT id, source, scope, evidence, of_table, name, seen_from AS read_at FROM step WHERE place = 1
    UNION ALL
    SELECT n.id, n.source, n.scope, n.evidence, n.of_table, n.name, n.read_at
    FROM now AS n ANTI JOIN last AS l ON l.scope = n.scope AND l.of_table = n.of_table AND l.id = n.id
    WHERE NOT n.unmanaged
),
event AS (
    SELECT
        id, source, scope, evidence, of_table, name, since, seen_from AS until,
        CASE WHEN state IN ({_ENDED}) THEN 'destruction' ELSE 'state' END AS change, []::VARCHAR[] AS facts,
        state_before, state
    FROM step WHERE state_before <> state
    UNION ALL
    SELECT id, source, scope, evidence, of_table, name, since, seen_from, 'rotation', [], state_before, state
    FROM step WHERE rotated_before <> last_rotated_at
    UNION ALL
    SELECT
        id, source, scope, evidence, of_table, name, since, seen_from, 'settings',
        list_filter([{_CHANGED_FACTS}]::VARCHAR[], lambda fact: fact IS NOT NULL), state_before, state
    FROM step WHERE before <> after
    UNION ALL
    SELECT a.id, a.source, a.scope, a.evidence, a.of_table, a.name, r.read_at, a.read_at, 'creation', [], '', ''
    FROM appeared AS a JOIN first_reading AS r ON r.scope = a.scope AND r.read_at < a.read_at
    UNION ALL
    SELECT
        l.id, l.source, l.scope, s.evidence, l.of_table, l.name, l.seen_until, s.collected_at,
        'removal', [], l.state, ''
    FROM last AS l
    JOIN scope AS s ON s.id = l.scope
    ANTI JOIN now AS n ON n.scope = l.scope AND n.of_table = l.of_table AND n.id = l.id
    ANTI JOIN gap ON gap.scope = l.scope AND gap.rows_missing AND gap.of_table IN (l.of_table, 'scope')
    WHERE s.collected_at IS NOT NULL
),
told AS (
    SELECT
        of_table || ' ' || id || ' ' || change || ' ' || strftime(until, '%Y-%m-%dT%H:%M:%SZ') AS id,
        source, scope, evidence, of_table, id AS subject, name, change, since AS changed_after, until AS changed_by,
        facts, state_before, state AS state_after
    FROM event, span WHERE until >= span.start AND since <= span.stop AND (change <> 'settings' OR len(facts) > 0)
    UNION ALL
    SELECT n.id, n.source, n.scope, n.evidence, n.of_table, n.id, n.name, NULL, l.seen_until, n.read_at, [], '', ''
    FROM now AS n LEFT JOIN last AS l USING (scope, of_table, id)
    WHERE n.read_at IS NULL OR (n.unmanaged AND l.id IS NULL) OR n.unread AND (
        (n.state IS NULL AND l.state IS NOT NULL)
        OR (n.last_rotated_at IS NULL AND l.last_rotated_at IS NOT NULL)
        OR len(list_filter(json_keys(l.settings), lambda fact: NOT list_contains(json_keys(n.settings), fact))) > 0
    )
    UNION ALL
    SELECT
        s.id, s.source, s.id, s.evidence, 'scope', s.id, s.id, CASE WHEN r.read_at IS NOT NULL THEN 'none' END,
        r.read_at, s.collected_at, [], '', ''
    FROM scope AS s LEFT JOIN first_reading AS r ON r.scope = s.id
),
covered AS (
    SELECT
        t.scope, t.id,
        min(s.dated_at) FILTER (s.topic = '{Topic.CHANGE}') AS authorized_at,
        min(s.dated_at) FILTER (s.topic = '{Topic.DESTRUCTION}') AS approved_at
    FROM told AS t
    JOIN {STATEMENT} AS s
        ON s.topic IN ('{Topic.CHANGE}', '{Topic.DESTRUCTION}') AND t.subject LIKE s.pattern ESCAPE '\\'
        AND s.dated_at >= t.changed_after - to_days({AUTHORIZED_BEFORE_DAYS})
    GROUP BY t.scope, t.id
)
SELECT told.*, told.of_table AS subject_table, covered.authorized_at, covered.approved_at
FROM told LEFT JOIN covered USING (scope, id)
"""

_CHANGE_EXPLAINED = f"""
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN gap ON gap.scope = u.scope AND gap.of_table = 'reading' AND gap.rows_missing AND u.id = u.scope
    UNION ALL
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN gap ON gap.scope = u.scope AND gap.of_table IN ({texts(tuple(SETTINGS))}) AND gap.subject = u.id
    WHERE list_has_any(gap.columns, [{texts(("manager", "state", "last_rotated_at", *_FOLLOWED))}])
    UNION ALL
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN gap ON gap.scope = u.scope AND gap.of_table IN ({texts(tuple(SETTINGS))}) AND gap.subject = ''
    WHERE list_has_any(gap.columns, [{texts(("manager", "state", "last_rotated_at", *_FOLLOWED))}]) AND u.id <> u.scope
    UNION ALL
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN gap ON gap.scope = u.scope AND gap.of_table = 'scope' AND list_contains(gap.columns, 'collected_at')
"""

CHANGE = View(
    "change",
    "What changed of keys and secrets in the audit period, between the runs of the store up to this one; and one row a "
    "scope that says whether an earlier run read it",
    tuple(SETTINGS),
    {
        **of_row(),
        "subject": Column(
            "subject", "string", (), "Id of the key or secret that changed; of the scope, where none did"
        ),
        "name": Column("name", "string", (), "Its name"),
        "of_table": Column("of_table", "string", (*SETTINGS, "scope"), "Whether it is a key, a secret or a scope"),
        "change": Column("change", "string", CHANGES, "What changed; none where a scope was compared"),
        "changed_after": Column("changed_after", "timestamp", (), "When a run last saw it as it was before"),
        "changed_by": Column("changed_by", "timestamp", (), "When a run first saw it as it is after"),
        "facts": Column("facts", "list of string", (), "The settings that differ, sorted as the inventory has them"),
        "state_before": Column("state_before", "string", (), "Its state before; empty for none"),
        "state_after": Column("state_after", "string", (), "Its state after; empty for none"),
        "authorized_at": Column(
            "authorized_at",
            "timestamp",
            (),
            f"The day of the earliest attestation that authorizes it, from {AUTHORIZED_BEFORE_DAYS} days before it on",
        ),
        "approved_at": Column(
            "approved_at",
            "timestamp",
            (),
            f"The day of the earliest attestation that approves the destruction, from {AUTHORIZED_BEFORE_DAYS} days "
            "before it on",
        ),
    },
    _CHANGE_SQL,
    explanations=dict.fromkeys(("change", "changed_after", "changed_by"), _CHANGE_EXPLAINED),
    awaiting={"authorized_at": f"'{Topic.CHANGE}'", "approved_at": f"'{Topic.DESTRUCTION}'"},
    kept=True,
    of_scopes=True,
)
