"""Versions of keys, and what is known of the keys that they belong to."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.views.view import UNKNOWN, extended
from evidence.model import Column, Key, columns

_OF_KEY = {"key_manager": "manager", "key_state": "state", "key_type": "key_type"}
"""Column of the view → the key's own."""

_VERSION_OF_KEY_SQL = f"""
SELECT v.scope, v.id, {", ".join(f"key.{own} AS {name}" for name, own in _OF_KEY.items())}
FROM key_version AS v LEFT JOIN key ON key.scope = v.scope AND key.id = v.key
"""


def _key_explained(own: str) -> str:
    """Gaps about which key it is of, about that key's own column, or, where it was not found, about keys unread."""
    return f"""
        WITH of AS (
            SELECT u.scope, u.id, v.key, key.id IS NOT NULL AS found
            FROM {UNKNOWN} AS u JOIN key_version AS v ON v.scope = u.scope AND v.id = u.id
            LEFT JOIN key ON key.scope = v.scope AND key.id = v.key
        )
        SELECT of.scope, of.id, gap.id AS gap FROM of
        JOIN gap ON gap.scope = of.scope AND gap.of_table = 'key_version' AND gap.subject IN (of.id, '')
        WHERE of.key IS NULL AND list_contains(gap.columns, 'key')
        UNION ALL
        SELECT of.scope, of.id, gap.id FROM of
        JOIN gap ON gap.scope = of.scope AND gap.of_table = 'key' AND gap.subject IN (of.key, '')
        WHERE CASE WHEN of.found THEN list_contains(gap.columns, '{own}') ELSE gap.rows_missing END
    """


def _column(name: str, own: str) -> Column:
    of_key = {column.name: column for column in columns(Key)}[own]
    return Column(name, of_key.type, of_key.values, f"Of its key: {of_key.doc[0].lower()}{of_key.doc[1:]}")


VERSION_OF_KEY = extended(
    "version_of_key",
    "Versions of keys, with what is known of their key",
    "key_version",
    _VERSION_OF_KEY_SQL,
    {name: (_column(name, own), _key_explained(own)) for name, own in _OF_KEY.items()},
    beside=("key",),
)
