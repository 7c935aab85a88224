"""Keys and secrets together."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.views.view import UNKNOWN, View, explained_by_scope, texts
from evidence.model import Column, Key, KeyStore, columns

WITH_PURGE_PROTECTION = ("azure",)
"""Providers whose stores can be set to let nobody purge what was deleted before its waiting period is over. Azure: a
vault or managed HSM has the setting (Microsoft Learn, "Azure Key Vault soft-delete overview"). AWS and Google Cloud
have none: where their services let the period be cut short, no setting prevents it. PKCS#11, KMIP and Vault know no
waiting period."""

_ASSET_COLUMNS = (
    "name",
    "account",
    "region",
    "key_store",
    "manager",
    "managed_by",
    "state",
    "owner",
    "business_purpose",
    "data_class",
    "environment",
    "tags",
    "external_accounts",
    "public",
    "wildcard_access",
    "regions",
    "deletion_window_set",
    "deletion_window_days",
    "expiry_settable",
    "expires_at",
    "rotation_enabled",
    "rotation_next_at",
    "last_rotated_at",
    "used",
    "last_used_at",
    "created_at",
)

_ASSET_SQL = " UNION ALL ".join(
    f"SELECT '{table}' AS kind, '{table}' AS subject_table, id, source, scope, evidence, {', '.join(_ASSET_COLUMNS)} "
    f"FROM {table}"
    for table in ("key", "secret")
)


def _asset() -> View:
    of_key = {column.name: column for column in columns(Key)}
    kind = Column("kind", "string", ("key", "secret"), "Whether it is a key or a secret")
    shared = [of_key[name] for name in ("id", "source", "scope", "evidence", *_ASSET_COLUMNS)]
    return View(
        "asset",
        "Keys and secrets together, with the columns that both have",
        ("key", "secret"),
        {column.name: column for column in (kind, *shared)},
        _ASSET_SQL,
    )


# A key or secret is looked for among the stores of its own scope, where what is granted on its store stands as well.
_ASSET_DELETION_SQL = f"""
SELECT
    a.*,
    store.purge_protection,
    s.provider IN ({texts(WITH_PURGE_PROTECTION)}) AS purge_protection_settable
FROM ({_ASSET_SQL}) AS a
LEFT JOIN key_store AS store ON store.scope = a.scope AND store.id = a.key_store
LEFT JOIN scope AS s ON s.id = a.scope
"""

_PURGE_PROTECTION_EXPLAINED = f"""
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN gap ON gap.scope = u.scope AND gap.of_table IN ('key', 'secret') AND gap.subject IN (u.id, '')
    WHERE list_has_any(gap.columns, ['key_store'])
    UNION ALL
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN ({_ASSET_SQL}) AS a ON a.scope = u.scope AND a.id = u.id
    LEFT JOIN key_store AS store ON store.scope = a.scope AND store.id = a.key_store
    JOIN gap ON gap.scope = u.scope AND gap.of_table = 'key_store'
    WHERE CASE
        WHEN store.id IS NULL THEN gap.rows_missing
        ELSE gap.subject IN (store.id, '') AND list_has_any(gap.columns, ['purge_protection'])
    END
"""


def _asset_deletion() -> View:
    asset = _asset()
    protection = {column.name: column for column in columns(KeyStore)}["purge_protection"]
    settable = Column(
        "purge_protection_settable", "boolean", (), "Its provider offers a setting that lets nobody shorten that time"
    )
    return View(
        "asset_deletion",
        "Keys and secrets together, with what their store lets happen to them once they are deleted",
        asset.tables,
        {**asset.columns, protection.name: protection, settable.name: settable},
        _ASSET_DELETION_SQL,
        explanations={
            protection.name: _PURGE_PROTECTION_EXPLAINED,
            settable.name: explained_by_scope("provider"),
        },
    )


ASSET = _asset()
ASSET_DELETION = _asset_deletion()
