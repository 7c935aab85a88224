"""What the runs of the evidence store show over the audit period: how it was covered, and what changed in it."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.predicate import RANGE
from controls.views.view import CONFIGURED, MOMENT, UNKNOWN, View, of_row, stated, texts
from evidence.findings import Topic
from evidence.history import FOLLOWED, LISTED, SETTING_FACTS, SETTINGS, PastRun, followed_sql
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

# A run stands, for each source, for the moment of its last answer of it. Whether a run that left something of a scope
# unread covers the period as well is open, so that the longest stretch without a run has a lower and an upper bound. A
# scope that an earlier run does not have was not there, if that run read all of a source that was configured as today.
# Where not all times of today's answers are known, the last of them may be later: what follows it may be no stretch.
_AUDIT_PERIOD_SQL = f"""
WITH
span AS ({SPAN}),
asked AS (
    SELECT id AS scope, source, '' AS run, complete, collected_at FROM scope WHERE coalesce(asked, true)
),
every AS (
    SELECT scope, source, run, configuration, complete, collected_at FROM reading WHERE coalesce(asked, true)
    UNION ALL
    SELECT a.scope, a.source, a.run, c.configuration, a.complete, a.collected_at
    FROM asked AS a LEFT JOIN {CONFIGURED} AS c USING (source)
),
run AS (
    SELECT run, max(collected_at) AS read_at, count(*) = count(*) FILTER (complete) AS complete
    FROM every GROUP BY run
),
inside AS (SELECT run.* FROM run, span WHERE run.read_at BETWEEN span.start AND span.stop),
of_source AS (
    SELECT
        e.source, e.run, max(e.collected_at) AS read_at,
        count(*) = count(*) FILTER (e.complete AND e.configuration = c.configuration) AS all_of_it
    FROM every AS e LEFT JOIN {CONFIGURED} AS c USING (source)
    GROUP BY e.source, e.run
),
of_scope AS (
    SELECT a.scope, s.read_at
    FROM asked AS a
    JOIN of_source AS s USING (source)
    LEFT JOIN reading AS r ON r.scope = a.scope AND r.run = s.run
    WHERE CASE
        WHEN s.run = '' THEN a.complete
        WHEN r.id IS NOT NULL THEN r.complete AND coalesce(r.asked, true)
        ELSE s.all_of_it
    END
),
point AS (
    SELECT 'source' AS per, source AS name, read_at FROM of_source SEMI JOIN asked USING (source)
    UNION ALL SELECT 'scope', scope, read_at FROM of_scope
    UNION ALL
    SELECT own.per, own.name, unnest([span.start, span.stop])
    FROM (
        SELECT DISTINCT 'source' AS per, source AS name FROM asked
        UNION ALL SELECT DISTINCT 'scope', scope FROM asked
        UNION ALL VALUES ('', '')
    ) AS own, span
),
unlisted AS (SELECT DISTINCT source FROM gap WHERE of_table = 'scope' AND rows_missing),
stretch AS (
    SELECT
        point.per, {days("point.read_at", "lead(point.read_at) OVER w")} AS days,
        lead(point.read_at, 2) OVER w IS NULL AND point.per = 'source' AND point.name IN (
            SELECT source FROM unlisted UNION ALL SELECT source FROM asked WHERE collected_at IS NULL
        ) AS is_open
    FROM point, span WHERE point.read_at BETWEEN span.start AND span.stop
    WINDOW w AS (PARTITION BY point.per, point.name ORDER BY point.read_at)
),
longest AS (
    SELECT
        max(days) AS whole, max(days) FILTER (per = 'scope') AS of_scope,
        coalesce(max(days) FILTER (per = 'source' AND NOT is_open), 0) AS of_source,
        EXISTS (FROM unlisted) AS unlisted, NOT EXISTS (FROM asked) AS unasked
    FROM stretch
)
SELECT
    'audit period' AS id, '' AS source, '' AS scope, []::VARCHAR[] AS evidence,
    (SELECT count(*) FROM inside) AS runs,
    (SELECT count(*) FROM inside WHERE complete) AS complete_runs,
    span.start < span.stop AS begun,
    {{
        'at_least': CASE WHEN unasked AND NOT unlisted THEN whole ELSE of_source END,
        'at_most': CASE WHEN NOT unlisted THEN coalesce(of_scope, whole) END
    }} AS longest_gap_days
FROM span, longest
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

NOW = "~"
"""Id of the run that is judged among those of earlier runs, which are times: it comes after all of them."""

_VALUES = {
    "state": "state",
    "last_rotated_at": "last_rotated_at::VARCHAR",
    **{fact: f"json_extract_string(settings, '{fact}')" for fact in SETTING_FACTS},
}
_FACTS = ", ".join(f"{{'fact': '{fact}', 'value': {value}}}" for fact, value in _VALUES.items())


def _is_sighted(table: str) -> str:
    return f"EXISTS (FROM sighting AS b WHERE b.scope = t.scope AND b.of_table = '{table}' AND b.id = t.id)"


# What no earlier run saw has nothing to be compared with, so that not much of it is read.
_FRESH = " UNION ALL ".join(
    f"""
    SELECT t.scope, '{table}' AS of_table, t.id, t.source, t.evidence, s.collected_at AS read_at, t.name, t.state
    FROM {table} AS t JOIN scope AS s ON s.id = t.scope WHERE t.manager = 'customer' AND NOT {_is_sighted(table)}
    """
    for table in SETTINGS
)
_FOLLOWED = " UNION ALL ".join(followed_sql(table, f"t.manager IS NULL OR {_is_sighted(table)}") for table in SETTINGS)

# Each key and secret has its rows in the order of the runs that saw it, today's included. What differs between one that
# tells a fact and the next one that does has changed in between; what a run with complete lists does not have between
# two of its rows, or after the last, was not there. What an earlier run could not read is as if it had not looked: how
# far apart those were that did is told by the audit period. Where a fact cannot be compared, since it is not told now
# or never was before, the key or secret may have changed: a row of it stands here as well, and does not say how.
_CHANGE_SQL = f"""
WITH
span AS ({SPAN}),
fresh AS ({_FRESH}),
now AS MATERIALIZED ({_FOLLOWED}),
read AS (
    SELECT scope, run, collected_at, listed FROM reading WHERE collected_at IS NOT NULL
    UNION ALL
    SELECT id, '{NOW}', collected_at, CASE WHEN {LISTED} THEN true END FROM scope WHERE collected_at IS NOT NULL
),
compared AS (
    SELECT scope, min(collected_at) AS first_at, max_by(collected_at, run) AS last_at
    FROM reading WHERE listed GROUP BY scope
),
seen AS (
    SELECT
        scope, of_table, id, source, evidence, first_run, last_run, seen_from, seen_until, name, state, created_at,
        last_rotated_at, settings, untold
    FROM sighting
    UNION ALL
    SELECT
        scope, of_table, id, source, evidence, '{NOW}', '{NOW}', read_at, read_at, name, state, created_at,
        last_rotated_at, settings, untold
    FROM now WHERE read_at IS NOT NULL
),
-- Most were seen by every run of their scope, and nothing of them differs: the others are looked at.
ran AS (
    SELECT scope, min(run) AS first_run, max(run) AS last_run
    FROM reading WHERE collected_at IS NOT NULL GROUP BY scope
),
quiet AS (
    SELECT n.scope, n.of_table, n.id
    FROM now AS n
    JOIN sighting AS s ON s.id = n.id AND s.scope = n.scope AND s.of_table = n.of_table
    JOIN ran ON ran.scope = s.scope AND ran.first_run = s.first_run AND ran.last_run = s.last_run
    WHERE n.read_at IS NOT NULL AND s.settings = n.settings AND s.state IS NOT DISTINCT FROM n.state
        AND s.last_rotated_at IS NOT DISTINCT FROM n.last_rotated_at AND s.untold = [] AND n.untold = []
),
noted AS MATERIALIZED (SELECT seen.* FROM seen ANTI JOIN quiet USING (scope, of_table, id)),
stay AS MATERIALIZED (
    SELECT
        *, coalesce(lag(last_run) OVER w, '') AS after, coalesce(lead(first_run) OVER w, '{NOW}{NOW}') AS before,
        bool_and(list_contains(untold, 'manager')) OVER (PARTITION BY scope, of_table, id) AS unmanaged
    FROM noted WINDOW w AS (PARTITION BY scope, of_table, id ORDER BY first_run)
),
-- facts that changed
fact AS MATERIALIZED (
    SELECT scope, of_table, id, first_run, seen_from, seen_until, unnest([{_FACTS}], recursive := true) FROM noted
),
turn AS (
    SELECT *, lag(value) OVER w AS value_before, lag(seen_until) OVER w AS since
    FROM fact WHERE value IS NOT NULL
    WINDOW w AS (PARTITION BY scope, of_table, id, fact ORDER BY first_run)
),
changed AS (
    SELECT
        scope, of_table, id, min(since) AS since, min(seen_from) AS until,
        CASE
            WHEN fact = 'last_rotated_at' THEN 'rotation'
            WHEN fact <> 'state' THEN 'settings'
            WHEN value IN ({_ENDED}) THEN 'destruction'
            ELSE 'state'
        END AS change,
        list(fact ORDER BY list_position([{texts(SETTING_FACTS)}], fact)) FILTER (change = 'settings') AS facts,
        max(value_before) FILTER (fact = 'state') AS state_before, max(value) FILTER (fact = 'state') AS state_after
    FROM turn WHERE value_before <> value
    GROUP BY scope, of_table, id, first_run, change
),
-- what came and went
came AS (
    SELECT s.scope, s.after, s.first_run, max_by(r.collected_at, r.run) AS read_at
    FROM (SELECT DISTINCT scope, after, first_run FROM stay) AS s
    JOIN read AS r ON r.scope = s.scope AND r.run > s.after AND r.run < s.first_run
    WHERE r.listed
    GROUP BY s.scope, s.after, s.first_run
),
went AS (
    SELECT s.scope, s.last_run, s.before, min_by(r.collected_at, r.run) AS read_at
    FROM (SELECT DISTINCT scope, last_run, before FROM stay) AS s
    JOIN read AS r ON r.scope = s.scope AND r.run > s.last_run AND r.run < s.before
    WHERE r.listed
    GROUP BY s.scope, s.last_run, s.before
),
event AS MATERIALIZED (
    FROM changed
    UNION ALL
    SELECT s.scope, s.of_table, s.id, c.read_at, s.seen_from, 'creation', NULL, NULL, NULL
    FROM stay AS s JOIN came AS c USING (scope, after, first_run)
    WHERE NOT s.unmanaged
    UNION ALL
    SELECT f.scope, f.of_table, f.id, c.last_at, f.read_at, 'creation', NULL, NULL, NULL
    FROM fresh AS f JOIN compared AS c USING (scope) WHERE f.read_at IS NOT NULL
    UNION ALL
    SELECT s.scope, s.of_table, s.id, s.seen_until, w.read_at, 'removal', NULL, s.state, NULL
    FROM stay AS s JOIN went AS w USING (scope, last_run, before)
    WHERE NOT s.unmanaged
),
-- what may have changed
doubtful AS MATERIALIZED (
    SELECT scope, of_table, id FROM now WHERE read_at IS NULL
    UNION
    SELECT scope, of_table, id FROM fresh WHERE read_at IS NULL
    UNION
    SELECT scope, of_table, id FROM stay WHERE first_run = '{NOW}' AND unmanaged
    UNION
    SELECT scope, of_table, id FROM stay WHERE first_run = '{NOW}' AND untold NOT IN ([], ['manager']) AND after <> ''
    UNION
    SELECT scope, of_table, id FROM fact GROUP BY scope, of_table, id, fact
    HAVING bool_or(value IS NOT NULL) AND bool_or(value IS NULL AND first_run = '{NOW}')
    UNION
    SELECT scope, of_table, id
    FROM (SELECT scope, of_table, id, unnest(untold) AS fact FROM sighting) AS s
    SEMI JOIN now USING (scope, of_table, id)
    WHERE s.fact <> 'manager' AND NOT EXISTS (
        FROM sighting AS b
        WHERE b.scope = s.scope AND b.of_table = s.of_table AND b.id = s.id AND NOT list_contains(b.untold, s.fact)
    )
),
known AS (
    SELECT
        scope, of_table, id, any_value(source) AS source, max_by(name, first_run) AS name,
        max(seen_until) FILTER (first_run <> '{NOW}') AS seen_until,
        coalesce(any_value(evidence) FILTER (first_run = '{NOW}'), []) AS evidence
    FROM (
        SELECT scope, of_table, id, source, evidence, first_run, seen_until, name FROM noted
        UNION ALL
        SELECT scope, of_table, id, source, evidence, '{NOW}', NULL, name FROM now WHERE read_at IS NULL
        UNION ALL
        SELECT scope, of_table, id, source, evidence, '{NOW}', NULL, name FROM fresh
    )
    SEMI JOIN (SELECT scope, of_table, id FROM event UNION SELECT * FROM doubtful) USING (scope, of_table, id)
    GROUP BY scope, of_table, id
),
dated AS (
    SELECT * REPLACE (least(since, until) AS since, greatest(since, until) AS until) FROM event
),
told AS (
    SELECT
        of_table || ' ' || e.id || ' ' || e.change || ' ' || strftime(e.until, '%Y-%m-%dT%H:%M:%SZ') AS id,
        k.source, scope, list_concat(k.evidence, s.evidence) AS evidence, of_table, e.id AS subject, k.name, e.change,
        e.since AS changed_after, e.until AS changed_by, coalesce(e.facts, []) AS facts,
        coalesce(e.state_before, '') AS state_before, coalesce(e.state_after, '') AS state_after
    FROM dated AS e
    JOIN known AS k USING (scope, of_table, id)
    LEFT JOIN scope AS s ON s.id = e.scope AND e.change = 'removal'
    CROSS JOIN span
    WHERE e.until >= span.start AND e.since <= span.stop
    UNION ALL
    SELECT k.id, k.source, scope, k.evidence, of_table, k.id, k.name, NULL, k.seen_until, s.collected_at, [], '', ''
    FROM doubtful JOIN known AS k USING (scope, of_table, id) LEFT JOIN scope AS s ON s.id = k.scope
    UNION ALL
    SELECT
        s.id, s.source, s.id, s.evidence, 'scope', s.id, s.id,
        CASE WHEN c.first_at IS NOT NULL AND s.collected_at IS NOT NULL THEN 'none' END,
        c.first_at, s.collected_at, [], '', ''
    FROM scope AS s LEFT JOIN compared AS c ON c.scope = s.id
    UNION ALL
    SELECT scope, any_value(source), scope, [], 'scope', scope, scope, NULL, max(collected_at), NULL, [], '', ''
    FROM reading AS r ANTI JOIN scope AS s ON s.id = r.scope CROSS JOIN span
    WHERE coalesce(asked, true) AND collected_at BETWEEN span.start AND span.stop
    GROUP BY scope
),
covered AS (
    SELECT
        t.scope, t.id,
        min(s.dated_at) FILTER (s.topic = '{Topic.CHANGE}') AS authorized_at,
        min(s.dated_at) FILTER (s.topic = '{Topic.DESTRUCTION}') AS approved_at
    FROM told AS t JOIN ({stated("told", [Topic.CHANGE, Topic.DESTRUCTION], ("subject",))}) AS s USING (scope, id)
    WHERE s.dated_at >= t.changed_after - to_days({AUTHORIZED_BEFORE_DAYS})
    GROUP BY t.scope, t.id
)
SELECT told.*, told.of_table AS subject_table, covered.authorized_at, covered.approved_at
FROM told LEFT JOIN covered USING (scope, id)
"""

_UNREAD_NOW = f"list_has_any(gap.columns, [{texts(('manager', *FOLLOWED))}])"

# One gap stands for all that left one scope incomplete in one run.
_CHANGE_EXPLAINED = f"""
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN gap ON gap.scope = u.scope AND gap.of_table = 'reading' AND gap.rows_missing
    UNION ALL
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN gap ON gap.scope = u.scope AND gap.of_table IN ({texts(tuple(SETTINGS))}) AND gap.subject = u.id
    WHERE {_UNREAD_NOW}
    UNION ALL
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN gap ON gap.scope = u.scope AND gap.of_table IN ({texts(tuple(SETTINGS))}) AND gap.subject = ''
    WHERE {_UNREAD_NOW} AND u.id <> u.scope
    UNION ALL
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN gap ON gap.scope = u.scope AND gap.of_table = 'scope' AND list_contains(gap.columns, 'collected_at')
    UNION ALL
    SELECT u.scope, u.id, min(gap.id) AS gap FROM {UNKNOWN} AS u
    JOIN sighting AS s ON s.scope = u.scope AND s.id = u.id AND len(s.untold) > 0
    JOIN reading AS r ON r.scope = s.scope AND r.run BETWEEN s.first_run AND s.last_run
    JOIN gap ON gap.scope = r.scope AND gap.of_table = 'reading' AND gap.subject = r.id
    GROUP BY u.scope, u.id, s.first_run
"""

CHANGE = View(
    "change",
    "What changed of keys and secrets in the audit period, between the runs of the store up to this one; and one row a "
    "scope that says whether an earlier run read its lists to their ends",
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
        "state_before": Column("state_before", "string", (), "Its state before it; empty where that did not change"),
        "state_after": Column("state_after", "string", (), "Its state after it; empty where that did not change"),
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
