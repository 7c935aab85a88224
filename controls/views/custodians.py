"""Principals to which keys, secrets and stores are entrusted."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.views.view import UNKNOWN, View, of_row, stated, texts
from evidence.findings import Topic
from evidence.model import Access, Capability, Column, PrincipalKind, columns

_ENTRUSTED = texts((Capability.ADMINISTER, Capability.EXPORT))

TOLD_BY_GRANTS = ("azure",)
"""Kinds of source that tell what a principal is beside its name, and not in every grant. Azure: a role assignment says
the type of its principal; an access policy and a local role of a managed HSM do not."""

TOLD_APART = ("vault",)
"""Kinds of source whose grants may tell different things of one principal. Vault: an entity is known by its aliases, of
which one may be a person's and another a machine's."""

# A grant that was not read may tell what those leave undecided that were. One of the grants stands for all as evidence,
# for an administrator may have thousands.
_CUSTODIAN_SQL = f"""
WITH custodian AS (
    SELECT
        principal AS id, source, scope, arg_min(evidence, id) AS evidence,
        min(principal_kind) FILTER (principal_kind <> '{PrincipalKind.UNDECIDED}') AS told,
        max(principal_kind) FILTER (principal_kind <> '{PrincipalKind.UNDECIDED}') AS told_last,
        count(principal_kind) = count(*) AS all_known
    FROM access WHERE principal IS NOT NULL AND capability IN ({_ENTRUSTED}) GROUP BY source, scope, principal
),
doubted AS (
    SELECT DISTINCT gap.scope, coalesce(s.provider IN ({texts(TOLD_APART)}), true) AS apart
    FROM gap LEFT JOIN scope AS s ON s.id = gap.scope
    WHERE gap.rows_missing AND gap.of_table = 'access'
        AND coalesce(s.provider IN ({texts((*TOLD_BY_GRANTS, *TOLD_APART))}), true)
),
principal AS (SELECT DISTINCT '' AS scope, id FROM custodian),
acknowledged AS (
    SELECT id, max(dated_at) AS acknowledged_at FROM ({stated("principal", (Topic.ACKNOWLEDGEMENT,))}) GROUP BY id
)
SELECT
    c.id, c.source, c.scope, c.evidence,
    CASE
        WHEN d.apart THEN NULL
        WHEN c.told = c.told_last THEN c.told
        WHEN c.told IS NULL AND c.all_known AND d.scope IS NULL THEN '{PrincipalKind.UNDECIDED}'
    END AS principal_kind,
    a.acknowledged_at
FROM custodian AS c
LEFT JOIN doubted AS d ON d.scope = c.scope
LEFT JOIN acknowledged AS a ON a.id = c.id
"""

_KIND_EXPLAINED = f"""
    SELECT u.scope, u.id, min(gap.id) AS gap FROM {UNKNOWN} AS u
    JOIN access AS a ON a.scope = u.scope AND a.principal = u.id AND a.capability IN ({_ENTRUSTED})
    JOIN gap ON gap.scope = a.scope AND gap.of_table = 'access' AND gap.subject = a.id
    WHERE a.principal_kind IS NULL AND list_contains(gap.columns, 'principal_kind')
    GROUP BY u.scope, u.id, gap.operation
    UNION ALL
    SELECT u.scope, u.id, min(gap.id) FROM {UNKNOWN} AS u
    LEFT JOIN scope AS s ON s.id = u.scope
    JOIN gap ON gap.scope = u.scope AND gap.of_table = 'access'
    WHERE gap.rows_missing AND coalesce(s.provider IN ({texts((*TOLD_BY_GRANTS, *TOLD_APART))}), true)
    GROUP BY u.scope, u.id, gap.operation
"""

CUSTODIAN = View(
    "custodian",
    "Principals that may administer a key, a secret or a store, or take material out, one row each in a scope",
    ("access",),
    {
        **of_row(),
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
