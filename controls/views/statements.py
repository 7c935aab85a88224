"""What people attest, beside what it is about.

A column that comes of an attestation alone is NULL until somebody attests it, and its view says which topic it awaits.
No gap explains such a NULL, for nothing was left unread.
"""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from collections.abc import Mapping

from controls.views.view import STATEMENT, View, of_row, of_table, stated, texts
from evidence.findings import Topic
from evidence.model import Column

OF_THE_ORGANIZATION = (Topic.POLICY, Topic.CRYPTOGRAPHY_REVIEW, Topic.SECRET_SCAN)
"""Topics that are attested once for the whole organization."""


def _newest(topic: str, value: str) -> str:
    """An aggregate over what is stated: what the newest attestation of a topic says."""
    return f"arg_max(s.{value}, (s.dated_at, s.statement)) FILTER (s.topic = '{topic}')"


_TOPIC_SQL = f"""
SELECT
    t.topic AS id, '' AS source, '' AS scope, []::VARCHAR[] AS evidence, t.topic,
    max(s.dated_at) AS attested_at,
    arg_max(s.finding_count, (s.dated_at, s.id)) AS open_findings
FROM (SELECT unnest([{texts(OF_THE_ORGANIZATION)}]) AS topic) AS t
LEFT JOIN {STATEMENT} AS s ON s.topic = t.topic
GROUP BY t.topic
"""

TOPIC = View(
    "topic",
    "Topics that the organization attests as a whole, one row each",
    (),
    {
        **of_row(),
        "topic": Column("topic", "string", tuple(OF_THE_ORGANIZATION), "What is attested"),
        "attested_at": Column("attested_at", "timestamp", (), "The day of the newest attestation of it that counts"),
        "open_findings": Column("open_findings", "integer", (), "Findings of the search for secrets that were open"),
    },
    _TOPIC_SQL,
    awaiting={"attested_at": "topic", "open_findings": "topic"},
)


def _attested(name: str, doc: str, table: str, facts: Mapping[str, tuple[Topic, str, str, str]]) -> View:
    """The view of a table and of what attestations say of its rows.

    `facts`: column → its topic, the column of STATEMENT, its type and its meaning.
    """
    own = of_table(table).columns
    added = {column: Column(column, kind, (), words) for column, (_, _, kind, words) in facts.items()}
    told = ", ".join(f"{_newest(topic, value)} AS {column}" for column, (topic, value, _, _) in facts.items())
    topics = {topic for topic, _, _, _ in facts.values()}
    return View(
        name,
        doc,
        (table,),
        {**own, **added},
        derived=f"""
            WITH told AS (SELECT s.scope, s.id, {told} FROM ({stated(table, topics)}) AS s GROUP BY s.scope, s.id)
            SELECT t.scope, t.id, told.* EXCLUDE (scope, id)
            FROM {table} AS t LEFT JOIN told ON told.scope = t.scope AND told.id = t.id
        """,
        awaiting={column: f"'{topic}'" for column, (topic, _, _, _) in facts.items()},
    )


KEY_STATEMENT = _attested(
    "key_statement",
    "Keys, with what people attest of them",
    "key",
    {
        "transferred_at": (
            Topic.KEY_TRANSFER,
            "dated_at",
            "timestamp",
            "The day of the newest attestation that its material was brought in under dual control",
        ),
        "migration_target_at": (
            Topic.MIGRATION,
            "target_at",
            "timestamp",
            "The day by which its migration to a post-quantum algorithm is to be done, by the newest plan",
        ),
    },
)

CERTIFICATE_STATEMENT = _attested(
    "certificate_statement",
    "Certificates, with what people attest of them",
    "certificate",
    {
        "registered_at": (
            Topic.CERTIFICATE_REGISTER,
            "dated_at",
            "timestamp",
            "The day of the newest comparison of the register, which it is in, with the endpoints",
        ),
    },
)

KEY_STORE_STATEMENT = _attested(
    "key_store_statement",
    "Key stores, with what people attest of them",
    "key_store",
    {
        "exercised_at": (
            Topic.RECOVERY_EXERCISE,
            "dated_at",
            "timestamp",
            "The day of the newest exercise of what to do when its keys are lost or compromised",
        ),
    },
)

SCOPE_STATEMENT = _attested(
    "scope_statement",
    "Scopes, with what people attest of them",
    "scope",
    {
        "rights_reviewed_at": (
            Topic.COLLECTOR_RIGHTS,
            "dated_at",
            "timestamp",
            "The day of the newest review that found the rights of the collecting identity to be read only",
        ),
    },
)
