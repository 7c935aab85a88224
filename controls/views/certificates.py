"""Certificates, where they stand and when they are renewed."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.views.view import explained_by_own, explained_by_scope, extended
from evidence.model import NEVER, Column

RECORDS_WHAT_IT_ISSUED = "vault"
"""The kind of source that keeps a copy of each certificate that it issued, whoever has it since (Vault's and OpenBao's
PKI engine). Only its authorities' own certificates stand there with their keys; the other sources hold what is used."""

LONGEST_RENEWAL_DAYS = 36_500
"""More days than anybody renews a certificate ahead of its end; what a provider says beyond is taken for that."""

_CERTIFICATE_LIFE_SQL = f"""
SELECT
    c.scope, c.id,
    CASE
        WHEN s.provider <> '{RECORDS_WHAT_IT_ISSUED}' THEN true
        WHEN s.provider = '{RECORDS_WHAT_IT_ISSUED}' THEN c.key <> ''
    END AS held,
    CASE
        WHEN NOT c.renewal_enabled THEN TIMESTAMPTZ '{NEVER.isoformat()}'
        WHEN c.renewal_enabled AND c.renewal_days IS NOT NULL
        THEN c.expires_at - to_days(greatest(0, least(c.renewal_days, {LONGEST_RENEWAL_DAYS}))::INTEGER)
    END AS renewal_due_at
FROM certificate AS c LEFT JOIN scope AS s ON s.id = c.scope
"""

CERTIFICATE_LIFE = extended(
    "certificate_life",
    "Certificates, with where they stand and when their renewal is due",
    "certificate",
    _CERTIFICATE_LIFE_SQL,
    {
        "held": (
            Column(
                "held",
                "boolean",
                (),
                "It stands where it is used, or with its key; false for what an authority records of what it issued",
            ),
            f"{explained_by_own('certificate', ('key',))} UNION ALL {explained_by_scope('provider')}",
        ),
        "renewal_due_at": (
            Column(
                "renewal_due_at",
                "timestamp",
                (),
                "When it is renewed automatically at the latest; NEVER where it is not",
            ),
            explained_by_own("certificate", ("renewal_enabled", "renewal_days", "expires_at")),
        ),
    },
)
