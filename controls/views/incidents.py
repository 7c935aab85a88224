"""Keys, and what became of those whose material somebody may know who must not."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.views.view import explained_by_own, extended, stated
from evidence.findings import Topic
from evidence.model import Column, State

# Where several incidents are attested of one key, the one whose material was replaced last tells.
_KEY_INCIDENT_SQL = f"""
WITH incident AS (
    SELECT
        s.scope, s.id,
        bool_or(s.topic = '{Topic.COMPROMISE}') AS compromised,
        bool_or(s.topic = '{Topic.DEPARTURE}') AS departed,
        max(date_diff('day', s.occurred_at, s.dated_at)) FILTER (s.topic = '{Topic.COMPROMISE}') AS compromise_days,
        max(date_diff('day', s.occurred_at, s.dated_at)) FILTER (s.topic = '{Topic.DEPARTURE}') AS departure_days,
        max(s.occurred_at) AS happened_at
    FROM ({stated("key", (Topic.COMPROMISE, Topic.DEPARTURE))}) AS s GROUP BY s.scope, s.id
)
SELECT
    key.scope, key.id,
    key.state = '{State.COMPROMISED}' OR coalesce(i.compromised, false) AS compromised,
    coalesce(i.departed, false) AS departed,
    i.compromise_days,
    coalesce(i.departure_days, 0) AS departure_days,
    i.happened_at
FROM key LEFT JOIN incident AS i ON i.scope = key.scope AND i.id = key.id
"""

KEY_INCIDENT = extended(
    "key_incident",
    "Keys, with the compromises of their material and the departures of people who knew it",
    "key",
    _KEY_INCIDENT_SQL,
    {
        "compromised": (
            Column("compromised", "boolean", (), "Its store says that it is compromised, or people attest it"),
            explained_by_own("key", ("state",)),
        ),
        "departed": (
            Column("departed", "boolean", (), "People attest that somebody left who knew its material"),
            "",
        ),
        "compromise_days": (
            Column(
                "compromise_days",
                "integer",
                (),
                "Days from a compromise to the replacement of its material, the most of any that is attested",
            ),
            "",
        ),
        "departure_days": (
            Column(
                "departure_days",
                "integer",
                (),
                "Days from a departure to the replacement of its material, the most of any that is attested; 0 where "
                "none is",
            ),
            "",
        ),
        "happened_at": (
            Column("happened_at", "timestamp", (), "The day of the newest of them that is attested"),
            "",
        ),
    },
    awaiting=dict.fromkeys(("compromise_days", "happened_at"), f"'{Topic.COMPROMISE}'"),
)
