"""Keys and the stores that hold them."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from dataclasses import replace

from controls.views.view import UNKNOWN, agreed, explained_by_own, extended, stated, texts
from evidence.findings import Topic
from evidence.model import Column, KeyStore, Origin, columns

KEEPS_WHAT_IT_MADE = ("AWS KMS", "Cloud KMS key ring")
"""Kinds of store whose provider keeps the key material that it generated, through losses of its own. AWS: offline HSMs
and redundant storage protect it, and imported material is not included (AWS KMS Cryptographic Details, "Durability
protection"). Google Cloud: the datastore of Cloud KMS is replicated and durable (Google Cloud, "Cloud Key Management
Service deep dive"); who imported material keeps the original."""

KEEPS_EVERYTHING = ("Azure Key Vault",)
"""Kinds of store whose provider keeps all key material so, wherever it came from. Azure: the contents of a vault are
replicated within its region, and to the paired one where there is one (Microsoft Learn, "Reliability in Azure Key
Vault"). A managed HSM is not among them: it is recovered from its security domain and a backup, which are its owner's
("Managed HSM disaster recovery"). Nor is a cluster of AWS CloudHSM, whose daily backup misses the keys made since."""

_OF_STORE = ("validation_standard", "kek_security_bits", "kek_apart")
_STORE_COLUMNS = {column.name: column for column in columns(KeyStore) if column.name in _OF_STORE}


# A key names its store by id, within its own source. What a store has from another, such as a key store of AWS KMS from
# a cluster of AWS CloudHSM, is as good as that other one, which any source may have read.
def _custody_sql() -> str:
    each = ", ".join(agreed(name) for name in _OF_STORE)
    told = ", ".join(
        f"CASE WHEN own.backed_by = '' THEN own.{name} WHEN own.backed_by <> '' THEN backing.{name} END AS {name}"
        for name in _OF_STORE
    )
    return f"""
        WITH
        own AS (SELECT source, id, {agreed("backed_by")}, {each} FROM key_store GROUP BY source, id),
        backing AS (SELECT id, {each} FROM key_store GROUP BY id)
        SELECT key.scope, key.id, {told}
        FROM key
        LEFT JOIN own ON own.source = key.source AND own.id = key.key_store
        LEFT JOIN backing ON backing.id = own.backed_by
    """


# One gap stands for all stores that one operation left unread in one scope.
_STORES_SQL = f"""
    placed AS (
        SELECT u.scope, u.id, key.source, key.key_store, coalesce(key.account, s.account) AS account,
            coalesce(key.region, s.region) AS region
        FROM {UNKNOWN} AS u JOIN key ON key.scope = u.scope AND key.id = u.id LEFT JOIN scope AS s ON s.id = u.scope
    ),
    own AS (
        SELECT p.scope, p.id, p.region, store.scope AS store_scope, store.id AS store, store.backed_by
        FROM placed AS p JOIN key_store AS store ON store.source = p.source AND store.id = p.key_store
    ),
    unread AS (
        SELECT
            min(gap.id) AS gap, gap.source, any_value(s.account) AS account,
            nullif(nullif(any_value(s.region), 'global'), '') AS region
        FROM gap LEFT JOIN scope AS s ON s.id = gap.scope
        WHERE gap.rows_missing AND gap.of_table IN ('key_store', 'scope')
        GROUP BY gap.source, gap.scope, gap.operation, gap.of_table
    )
"""


def _key_and_store_explained(of_key: tuple[str, ...], of_store: str) -> str:
    """Gaps about columns of the key, about its store, by an expression of SQL over `own`, or about stores unread."""
    return f"""
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
        JOIN gap ON gap.scope = u.scope AND gap.of_table = 'key' AND gap.subject IN (u.id, '')
        WHERE list_has_any(gap.columns, [{texts(of_key)}])
        UNION ALL
        SELECT p.scope, p.id, unread.gap FROM placed AS p
        ANTI JOIN own ON own.scope = p.scope AND own.id = p.id
        JOIN unread
            ON unread.source = p.source
            AND coalesce(unread.account = p.account, true)
            AND coalesce(p.region IN (unread.region, 'global', ''), true)
        WHERE p.key_store IS NOT NULL
        UNION ALL
        SELECT o.scope, o.id, gap.id FROM own AS o
        JOIN gap ON gap.scope = o.store_scope AND gap.of_table = 'key_store' AND gap.subject IN (o.store, '')
        WHERE list_contains(gap.columns, {of_store})
    """


def _custody_explained(name: str) -> str:
    """Gaps about the key's store, the store behind it, or, where one of them was not found, about stores unread."""
    of_store = f"CASE WHEN o.backed_by = '' THEN '{name}' ELSE 'backed_by' END"
    return f"""
        WITH {_STORES_SQL},
        backing AS (
            SELECT o.scope, o.id, store.scope AS store_scope, store.id AS store
            FROM own AS o JOIN key_store AS store ON store.id = o.backed_by
        )
        {_key_and_store_explained(("key_store",), of_store)}
        UNION ALL
        SELECT o.scope, o.id, unread.gap FROM own AS o
        ANTI JOIN backing ON backing.scope = o.scope AND backing.id = o.id
        JOIN unread ON coalesce(o.region IN (unread.region, 'global', ''), true)
        WHERE o.backed_by <> ''
        UNION ALL
        SELECT b.scope, b.id, gap.id FROM backing AS b
        JOIN gap ON gap.scope = b.store_scope AND gap.of_table = 'key_store' AND gap.subject IN (b.store, '')
        WHERE list_has_any(gap.columns, ['{name}'])
    """


KEY_CUSTODY = extended(
    "key_custody",
    "Keys, with what is known of the store that holds their material, or of the one behind it",
    "key",
    _custody_sql(),
    {name: (column, _custody_explained(name)) for name, column in _STORE_COLUMNS.items()},
)


# An attestation may be about the store, so a key whose store is not known may have a newer one than it seems.
_KEY_RECOVERY_SQL = f"""
WITH
own AS (SELECT source, id, {agreed("kind")} FROM key_store GROUP BY source, id),
attested AS (
    SELECT scope, id, max(dated_at) AS dated_at
    FROM ({stated("key", [Topic.BACKUP], ("id", "key_store"))}) GROUP BY scope, id
)
SELECT
    key.scope, key.id,
    CASE
        WHEN own.kind IN ({texts(KEEPS_EVERYTHING)}) THEN true
        WHEN own.kind NOT IN ({texts(KEEPS_WHAT_IT_MADE)}) THEN false
        WHEN own.kind IS NOT NULL THEN key.origin = '{Origin.GENERATED}'
    END AS kept_by_provider,
    CASE WHEN key.key_store IS NOT NULL THEN attested.dated_at END AS backup_attested_at
FROM key
LEFT JOIN own ON own.source = key.source AND own.id = key.key_store
LEFT JOIN attested ON attested.scope = key.scope AND attested.id = key.id
"""

KEY_RECOVERY = replace(
    extended(
        "key_recovery",
        "Keys, with what brings their material back when it is lost",
        "key",
        _KEY_RECOVERY_SQL,
        {
            "kept_by_provider": (
                Column(
                    "kept_by_provider",
                    "boolean",
                    (),
                    "By the documentation of its provider, its material outlasts the loss of the HSMs and disks that "
                    "hold it",
                ),
                f"WITH {_STORES_SQL} {_key_and_store_explained(('key_store', 'origin'), texts(('kind',)))}",
            ),
            "backup_attested_at": (
                Column(
                    "backup_attested_at",
                    "timestamp",
                    (),
                    "The day of the newest attestation that it, or all that its key store holds, can be recovered from "
                    "a backup",
                ),
                explained_by_own("key", ("key_store",)),
            ),
        },
    ),
    awaiting={"backup_attested_at": f"CASE WHEN key_store IS NOT NULL THEN '{Topic.BACKUP}' END"},
)
