"""Principals to which keys, secrets and stores are entrusted."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.views.view import UNKNOWN, View, bookkeeping, stated, texts
from evidence.findings import Topic
from evidence.model import Access, Capability, Column, columns

_ENTRUSTED = texts((Capability.ADMINISTER, Capability.EXPORT))

# Within a scope, what a principal is follows from its name: a scope grants access in one way. One row of those that
# grant it something stands for all as evidence, for an administrator may have thousands.
_CUSTODIAN_SQL = f"""
WITH custodian AS (
    SELECT
        principal AS id, source, scope, arg_min(evidence, id) AS evidence,
        CASE WHEN min(principal_kind) = max(principal_kind) THEN min(principal_kind) END AS principal_kind
    FROM access WHERE principal IS NOT NULL AND capability IN ({_ENTRUSTED}) GROUP BY source, scope, principal
),
principal AS (SELECT DISTINCT '' AS scope, id FROM custodian),
acknowledged AS (
    SELECT id, max(dated_at) AS acknowledged_at FROM ({stated("principal", (Topic.ACKNOWLEDGEMENT,))}) GROUP BY id
)
SELECT c.*, a.acknowledged_at FROM custodian AS c LEFT JOIN acknowledged AS a ON a.id = c.id
"""

_KIND_EXPLAINED = f"""
    SELECT u.scope, u.id, min(gap.id) AS gap FROM {UNKNOWN} AS u
    JOIN access AS a ON a.scope = u.scope AND a.principal = u.id AND a.capability IN ({_ENTRUSTED})
    JOIN gap ON gap.scope = a.scope AND gap.of_table = 'access' AND gap.subject = a.id
    WHERE a.principal_kind IS NULL AND list_contains(gap.columns, 'principal_kind')
    GROUP BY u.scope, u.id, gap.operation
"""

CUSTODIAN = View(
    "custodian",
    "Principals that may administer a key, a secret or a store, or take material out, one row each in a scope",
    ("access",),
    {
        **bookkeeping(),
        "principal_kind": {column.name: column for column in columns(Access)}["principal_kind"],
        "acknowledged_at": Column(
            "acknowledged_at", "timestamp", (), "The day of the newest attestation that it acknowledges its duties"
        ),
    },
    _CUSTODIAN_SQL,
    explanations={"principal_kind": _KIND_EXPLAINED},
    made_of={"access": ("principal", "capability")},
    awaiting={"acknowledged_at": f"'{Topic.ACKNOWLEDGEMENT}'"},
)
