"""The exceptions of the organization's register, which is known whole."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.views.view import EXCEPTION, View, of_row
from evidence.model import Column

_EXCEPTION_SQL = f"""
SELECT
    e.id, '' AS source, '' AS scope, []::VARCHAR[] AS evidence,
    e.* EXCLUDE (id), date_diff('day', e.approved_at, e.expires_at) AS lasts_days
FROM {EXCEPTION} AS e
"""

_COLUMNS = (
    Column("control", "string", (), "The control from which it excepts"),
    Column("owner", "string", (), "Who answers for it"),
    Column("approver", "string", (), "Who approved it"),
    Column("approved_by_another", "boolean", (), "Whoever approved it is not its owner"),
    Column(
        "document_as_recorded", "boolean", (), "Its document has the digest that the register records, or it names none"
    ),
    Column("approved_at", "timestamp", (), "The day on which it was approved"),
    Column("expires_at", "timestamp", (), "The last day on which it counts"),
    Column("lasts_days", "integer", (), "Days from its approval to its last day"),
)

EXCEPTIONS = View(
    "exception",
    "Exceptions of the organization's register, whether they count or not",
    (),
    {**of_row(), **{column.name: column for column in _COLUMNS}},
    _EXCEPTION_SQL,
)
