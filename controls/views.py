"""What controls can be about: tables of the inventory, and views whose columns tell of several rows.

SQL would let the unknown slip where it looks at several rows: an aggregate skips NULLs, and a list that was never read
looks empty. So a derived column is NULL wherever a gap, or a NULL in one of its rows, leaves open what it would say;
and for each there is a query that finds the gaps which explain such a NULL.
"""

# ruff: noqa: S608 - every name put into SQL here is this module's own

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evidence.model import TABLES, Capability, Column, Key, KeyStore, Manager, columns

MOMENT = "moment"
"""A table of one row that the engine makes: `as_of`, `period_start`, `period_end`."""

UNKNOWN = "unknown_row"
"""A table that the engine makes for the explaining queries: `scope` and `id` of the rows to be explained."""

DEFAULT_KEY_BITS = {"aws": 256, "azure": 256, "gcp": 256, "vault": 256}
"""Security strength of the key a provider encrypts secrets with when nobody chooses one. AWS: an AWS managed key is a
symmetric encryption key, 256-bit AES-GCM (AWS KMS Developer Guide, "SYMMETRIC_DEFAULT key spec"). Azure: data at rest
is encrypted with 256-bit AES (Microsoft Learn, "Azure data encryption at rest"). Google Cloud: AES-256 (Secret Manager
documentation, "Encryption of secrets"). Vault and OpenBao: the barrier encrypts all that is stored, 256-bit AES-GCM
(their documentation, "Security model"). PKCS#11 and KMIP say nothing of it."""

WITHOUT_KEYS_OF_SECRETS = ("azure", "pkcs11", "kmip", "vault")
"""Kinds of source whose secrets are never encrypted with a key that their owner chooses among those of the inventory.
A Vault encrypts all its secrets with its barrier key, a token and a KMIP server theirs with a key of their own."""

RUN_BY_THE_CUSTOMER = ("pkcs11", "kmip", "vault")
"""Kinds of source whose own key, by which they encrypt what they hold, is the customer's, for there is no provider."""

WITH_PURGE_PROTECTION = ("azure",)
"""Providers whose stores can be set to let nobody purge what was deleted before its waiting period is over. Azure: a
vault or managed HSM has the setting (Microsoft Learn, "Azure Key Vault soft-delete overview"). AWS and Google Cloud
have none: where their services let the period be cut short, no setting prevents it. PKCS#11, KMIP and Vault know no
waiting period."""

WITH_RESOURCES_COUNTED = ("gcp",)
"""Providers that count the resources which their services encrypt with a key. Google Cloud: Cloud KMS Inventory API,
`getProtectedResourcesSummary`. HSMs and Vault know only who calls them."""


@dataclass(frozen=True, slots=True)
class View:
    """A table or view that a control may be `over`."""

    name: str
    doc: str
    tables: tuple[str, ...]
    """Tables whose rows are judged: where a gap says that rows of one may be missing, the population is incomplete."""
    columns: Mapping[str, Column]
    sql: str = ""
    """Its SELECT, with the columns and `subject_table`; empty where it is a table, or one table and derived columns."""
    derived: str = ""
    """SELECT of `scope`, `id` and the derived columns for every row of its table; empty where there are none."""
    explanations: Mapping[str, str] = field(default_factory=dict)
    """Derived column → SELECT of `scope`, `id` and `gap`: which gaps explain a NULL in the rows of UNKNOWN."""


def _table(name: str) -> View:
    table = TABLES[name]
    return View(name, table.doc, (name,), {column.name: column for column in columns(table)})


def _texts(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _agreed(name: str) -> str:
    """What a row that was read more than once tells: what all readings tell, and nothing where they differ."""
    return f"CASE WHEN count({name}) = count(*) AND min({name}) = max({name}) THEN min({name}) END AS {name}"


def _explained_by_scope(*names: str) -> str:
    """Gaps about columns of the scope's own row."""
    return f"""
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
        JOIN gap ON gap.scope = u.scope AND gap.of_table = 'scope'
        WHERE list_has_any(gap.columns, [{_texts(names)}])
    """


# --- asset: keys and secrets, as far as they have columns in common -------------------------------------------------

_ASSET_COLUMNS = (
    "name",
    "account",
    "region",
    "key_store",
    "manager",
    "state",
    "owner",
    "business_purpose",
    "data_class",
    "environment",
    "external_accounts",
    "public",
    "wildcard_access",
    "regions",
    "deletion_window_set",
    "deletion_window_days",
    "expiry_settable",
    "expires_at",
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
    s.provider IN ({_texts(WITH_PURGE_PROTECTION)}) AS purge_protection_settable
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
            settable.name: _explained_by_scope("provider"),
        },
    )


# --- rows that belong to a key: its access rows, its versions -------------------------------------------------------


def _unread(table: str) -> str:
    """Subjects whose rows in `table` may be missing; the empty subject stands for all of the scope."""
    return f"SELECT DISTINCT scope, subject FROM gap WHERE of_table = '{table}' AND rows_missing"


def _explained_by_rows(table: str, link: str, names: tuple[str, ...], *, of_store: bool = False) -> str:
    """Gaps about the rows of `table` whose column `link` names the subject: rows missing, or one of `names` unknown.

    With `of_store`, the rows of a key's store count as its own.
    """
    listed = _texts((link, *names))
    about = f"gap.scope = u.scope AND gap.of_table = '{table}'"
    held = f"SELECT scope, id, id AS subject FROM {UNKNOWN}"
    if of_store:
        held += f"""
            UNION
            SELECT u.scope, u.id, key.key_store FROM {UNKNOWN} AS u JOIN key ON key.scope = u.scope AND key.id = u.id
            WHERE key.key_store IS NOT NULL
        """
    return f"""
        WITH held AS ({held})
        SELECT u.scope, u.id, gap.id AS gap FROM held AS u JOIN gap ON {about} AND gap.subject = u.subject
        WHERE gap.rows_missing
        UNION ALL
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u JOIN gap ON {about} AND gap.subject = ''
        WHERE gap.rows_missing OR list_has_any(gap.columns, [{listed}])
        UNION ALL
        SELECT u.scope, u.id, gap.id AS gap FROM held AS u
        JOIN {table} AS r ON r.scope = u.scope AND r.{link} = u.subject
        JOIN gap ON {about} AND gap.subject = r.id
        WHERE list_has_any(gap.columns, [{listed}])
        UNION ALL
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
        JOIN {table} AS r ON r.scope = u.scope AND r.{link} IS NULL
        JOIN gap ON {about} AND gap.subject = r.id
        WHERE list_has_any(gap.columns, ['{link}'])
    """


# Whoever takes a key's material out can use it wherever they like.
_USES = _texts((Capability.USE, Capability.DECRYPT, Capability.EXPORT))

# What is granted on a key store holds for its keys. Keys without rows of their own share the answer of their store, so
# that a store of many keys is looked at once.
_KEY_DUTY_SQL = f"""
WITH unread AS ({_unread("access")}),
unplaced AS (SELECT DISTINCT scope FROM access WHERE subject IS NULL),
principal AS (
    SELECT
        scope, subject, principal,
        bool_or(capability = 'administer') AS administers,
        bool_or(capability IN ({_USES})) AS uses,
        bool_or(public AND capability = 'administer') AS anyone_administers,
        bool_or(public AND capability IN ({_USES})) AS anyone_uses,
        bool_and(principal_kind NOT IN ('account', 'service')) AS counted,
        bool_or(principal IS NULL OR principal_kind IS NULL OR capability IS NULL OR public IS NULL) AS unknown
    FROM access GROUP BY scope, subject, principal
),
named AS (SELECT DISTINCT scope, subject FROM access),
decided AS (
    SELECT key.scope, key.id, key.key_store, named.subject AS own, coalesce(named.subject, key.key_store) AS decider
    FROM key LEFT JOIN named ON named.scope = key.scope AND named.subject = key.id
),
part AS (
    SELECT DISTINCT scope, decider, own AS subject FROM decided
    UNION
    SELECT DISTINCT scope, decider, key_store AS subject FROM decided
),
admitted AS (
    SELECT
        part.scope, part.decider, p.principal,
        bool_or(p.administers) AS administers, bool_or(p.uses) AS uses,
        bool_or(p.anyone_administers) AS anyone_administers, bool_or(p.anyone_uses) AS anyone_uses,
        bool_and(p.counted) AS counted, bool_or(p.unknown) AS unknown
    FROM part JOIN principal AS p ON p.scope = part.scope AND p.subject = part.subject
    GROUP BY part.scope, part.decider, p.principal
),
open_to_anyone AS (
    SELECT
        scope, decider, bool_or(unknown) AS unknown,
        bool_or(anyone_administers) AS administers, bool_or(anyone_uses) AS uses
    FROM admitted GROUP BY scope, decider
),
both_duties AS (
    SELECT p.scope, p.decider, list(p.principal ORDER BY p.principal) AS principals
    FROM admitted AS p JOIN open_to_anyone AS o ON o.scope = p.scope AND o.decider = p.decider
    WHERE p.counted AND (p.administers OR o.administers) AND (p.uses OR o.uses)
    GROUP BY p.scope, p.decider
)
SELECT
    key.scope, key.id,
    CASE
        WHEN key.key_store IS NOT NULL AND of_key.subject IS NULL AND of_store.subject IS NULL
            AND everywhere.scope IS NULL AND unplaced.scope IS NULL AND NOT coalesce(o.unknown, false)
        THEN coalesce(b.principals, []::VARCHAR[])
    END AS administrators_who_use
FROM decided AS key
LEFT JOIN unread AS of_key ON of_key.scope = key.scope AND of_key.subject = key.id
LEFT JOIN unread AS of_store ON of_store.scope = key.scope AND of_store.subject = key.key_store
LEFT JOIN (SELECT scope FROM unread WHERE subject = '') AS everywhere ON everywhere.scope = key.scope
LEFT JOIN unplaced ON unplaced.scope = key.scope
LEFT JOIN open_to_anyone AS o ON o.scope = key.scope AND o.decider = key.decider
LEFT JOIN both_duties AS b ON b.scope = key.scope AND b.decider = key.decider
"""

_KEY_PERIOD_SQL = f"""
WITH unread AS ({_unread("key_version")}),
unplaced AS (SELECT DISTINCT scope FROM key_version WHERE key IS NULL),
span AS (SELECT period_start AS start, least(period_end, as_of) AS stop FROM {MOMENT}),
used AS (
    SELECT
        v.scope, v.key,
        bool_or(v.created_at IS NULL OR v.superseded_at IS NULL) AS unknown,
        max(
            CASE
                WHEN v.created_at < span.stop AND v.superseded_at > span.start THEN
                    -- Whole days, begun ones counted: 730 days and an hour is more than 730 days.
                    (epoch_us(least(v.superseded_at, span.stop)) - epoch_us(v.created_at) + 86399999999) // 86400000000
                ELSE 0
            END
        ) AS days
    FROM key_version AS v, span GROUP BY v.scope, v.key
)
SELECT
    key.scope, key.id,
    CASE
        WHEN unread.subject IS NULL AND everywhere.scope IS NULL AND unplaced.scope IS NULL
            AND NOT used.unknown AND span.start < span.stop
        THEN used.days
    END AS longest_use_days
FROM key
CROSS JOIN span
LEFT JOIN unread ON unread.scope = key.scope AND unread.subject = key.id
LEFT JOIN (SELECT scope FROM unread WHERE subject = '') AS everywhere ON everywhere.scope = key.scope
LEFT JOIN unplaced ON unplaced.scope = key.scope
LEFT JOIN used ON used.scope = key.scope AND used.key = key.id
"""


# --- secrets and the keys that encrypt them -------------------------------------------------------------------------

# A secret names its keys as the provider does: by id, by the last part of the id, or by an alias; the latter two hold
# within one account and region. Where an account or region was not observed, the scope's own stands in.
_NAMES_SQL = """
located_key AS (
    SELECT
        k.scope, k.id, k.aliases, k.protected_resources, s.provider,
        coalesce(k.account, s.account) AS account, coalesce(k.region, s.region) AS region
    FROM key AS k LEFT JOIN scope AS s ON s.id = k.scope
),
located_secret AS (
    SELECT
        t.scope, t.id, t.keys, s.provider,
        coalesce(t.account, s.account) AS account, coalesce(t.region, s.region) AS region
    FROM secret AS t LEFT JOIN scope AS s ON s.id = t.scope
),
secret_key AS (SELECT scope, id, provider, account, region, unnest(list_distinct(keys)) AS key FROM located_secret),
alias AS (SELECT scope, id, account, region, unnest(aliases) AS name FROM located_key),
full_name AS (
    SELECT scope, id, id AS name FROM located_key
    UNION
    SELECT scope, id, id[:length(id) - position(':' IN reverse(id)) + 1] || name FROM alias WHERE contains(id, ':')
),
short_name AS (
    SELECT scope, id, account, region, split_part(id, '/', -1) AS name FROM located_key WHERE contains(id, '/')
    UNION
    SELECT scope, id, account, region, name FROM alias
),
encrypted AS (
    SELECT t.scope, t.id, t.key, k.scope AS key_scope, k.id AS key_id
    FROM secret_key AS t JOIN full_name AS k ON k.name = t.key
    UNION
    SELECT t.scope, t.id, t.key, k.scope AS key_scope, k.id AS key_id
    FROM secret_key AS t
    JOIN short_name AS k ON k.name = t.key AND k.account = t.account AND k.region = t.region
)
"""

# A secret can be encrypted only with a key of the same provider, and where the secret is of one region, of that region:
# AWS KMS is called in the region of the secret. So a secret that was not read leaves open the number for these keys,
# in whatever account, and for no others.
_KEY_DEPENDENTS_SQL = f"""
WITH {_NAMES_SQL},
doubt AS (
    -- Secrets that may be missing, and secrets whose keys were not observed: any key may be theirs.
    SELECT s.provider, s.region, true AS any_key FROM gap LEFT JOIN scope AS s ON s.id = gap.scope
    WHERE gap.rows_missing AND gap.of_table IN ('secret', 'scope')
    UNION ALL
    SELECT provider, region, true FROM located_secret WHERE keys IS NULL
    UNION ALL
    -- Secrets whose key is named by anything but the id of a key that was read: the name may be one of a key whose own
    -- names were not observed, even where another key, or another reading of the same one, has it too.
    SELECT t.provider, t.region, (t.account IS NULL OR t.region IS NULL) AND NOT contains(t.key, ':')
    FROM secret_key AS t ANTI JOIN key AS k ON k.id = t.key
),
placed_doubt AS (
    SELECT provider, nullif(nullif(region, 'global'), '') AS region, bool_or(any_key) AS any_key
    FROM doubt WHERE provider IS NULL OR provider NOT IN ({_texts(WITHOUT_KEYS_OF_SECRETS)}) GROUP BY ALL
),
place AS (SELECT DISTINCT provider, region FROM located_key),
doubted_place AS (
    SELECT p.provider, p.region, bool_or(d.any_key) AS any_key
    FROM place AS p
    JOIN placed_doubt AS d
        ON (d.provider IS NULL OR p.provider IS NULL OR d.provider = p.provider)
        AND (d.region IS NULL OR d.region = p.region OR coalesce(p.region IN ('global', ''), true))
    GROUP BY ALL
),
counted AS (SELECT key_scope, key_id, count(DISTINCT id) AS secrets FROM encrypted GROUP BY key_scope, key_id)
SELECT
    k.scope, k.id,
    CASE
        WHEN d.any_key IS NULL OR NOT (d.any_key OR k.aliases IS NULL OR k.account IS NULL OR k.region IS NULL)
        THEN coalesce(counted.secrets, 0)
    END AS secrets_encrypted,
    CASE
        WHEN k.provider NOT IN ({_texts(WITH_RESOURCES_COUNTED)}) THEN 0
        WHEN k.provider IS NOT NULL THEN k.protected_resources
    END AS resources_counted
FROM located_key AS k
LEFT JOIN doubted_place AS d
    ON d.provider IS NOT DISTINCT FROM k.provider AND d.region IS NOT DISTINCT FROM k.region
LEFT JOIN counted ON counted.key_scope = k.scope AND counted.key_id = k.id
"""

_DEFAULT_BITS = " ".join(f"WHEN '{provider}' THEN {bits}" for provider, bits in DEFAULT_KEY_BITS.items())

# A secret with several keys is as well kept as the weakest of them keeps it: 'provider' comes after 'customer'.
_SECRET_ENCRYPTION_SQL = f"""
WITH {_NAMES_SQL},
found AS (
    SELECT e.scope, e.id, e.key, {_agreed("manager")}, {_agreed("security_bits")}
    FROM encrypted AS e JOIN key AS k ON k.scope = e.key_scope AND k.id = e.key_id
    GROUP BY e.scope, e.id, e.key
),
used AS (
    SELECT
        t.scope, t.id,
        CASE WHEN count(f.manager) = count(*) THEN max(f.manager) END AS manager,
        CASE WHEN count(f.security_bits) = count(*) THEN min(f.security_bits) END AS security_bits
    FROM secret_key AS t LEFT JOIN found AS f ON f.scope = t.scope AND f.id = t.id AND f.key = t.key
    GROUP BY t.scope, t.id
)
SELECT
    secret.scope, secret.id,
    CASE
        WHEN len(secret.keys) > 0 THEN used.manager
        WHEN secret.keys IS NULL OR s.provider IS NULL THEN NULL
        WHEN s.provider IN ({_texts(RUN_BY_THE_CUSTOMER)}) THEN '{Manager.CUSTOMER}'
        ELSE '{Manager.PROVIDER}'
    END AS key_manager,
    CASE
        WHEN len(secret.keys) = 0 THEN CASE s.provider {_DEFAULT_BITS} END ELSE used.security_bits
    END AS key_security_bits
FROM secret
LEFT JOIN scope AS s ON s.id = secret.scope
LEFT JOIN used ON used.scope = secret.scope AND used.id = secret.id
"""


def _explained_elsewhere(table: str, rows_of: str, names: tuple[str, ...]) -> str:
    """Gaps of any scope of the provider and region about the far side: rows of `rows_of` missing, or `names` unknown.

    One gap stands for all that one operation left open in one scope, else each row would carry thousands.
    """
    listed = _texts(names)
    return f"""
        SELECT u.scope, u.id, far.gap
        FROM {UNKNOWN} AS u
        JOIN {table} AS r ON r.scope = u.scope AND r.id = u.id
        LEFT JOIN scope AS s ON s.id = u.scope
        JOIN (
            SELECT
                min(gap.id) AS gap, any_value(t.provider) AS provider,
                nullif(nullif(any_value(t.region), 'global'), '') AS region
            FROM gap LEFT JOIN scope AS t ON t.id = gap.scope
            WHERE (gap.rows_missing AND gap.of_table IN ('{rows_of}', 'scope'))
                OR (gap.of_table = '{rows_of}' AND list_has_any(gap.columns, [{listed}]))
            GROUP BY gap.scope, gap.operation, gap.of_table, gap.rows_missing
        ) AS far
        ON (far.provider IS NULL OR coalesce(s.provider, far.provider) = far.provider)
            AND (far.region IS NULL OR coalesce(r.region, s.region, 'global') IN (far.region, 'global', ''))
    """


def _explained_by_own(table: str, names: tuple[str, ...]) -> str:
    """Gaps about columns of the row itself, or of its scope's row, that a derived column rests on."""
    listed = _texts(names)
    return f"""
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
        JOIN gap ON gap.scope = u.scope AND gap.of_table = '{table}' AND gap.subject = u.id
        WHERE list_has_any(gap.columns, [{listed}])
        UNION ALL
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
        JOIN gap ON gap.scope = u.scope AND gap.of_table = '{table}' AND gap.subject = ''
        WHERE list_has_any(gap.columns, [{listed}])
        UNION ALL
        {_explained_by_scope("provider", "account", "region")}
    """


def _key_of_secret_explained(name: str) -> str:
    """Gaps about the secret's own key column, about the key found, or, where none was found, about keys unread."""
    found = "JOIN encrypted AS e ON e.scope = u.scope AND e.id = u.id"
    of_key = "JOIN gap ON gap.scope = e.key_scope AND gap.of_table = 'key'"
    return f"""
        WITH {_NAMES_SQL}
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u {found} {of_key} AND gap.subject = e.key_id
        WHERE list_has_any(gap.columns, ['{name}'])
        UNION ALL
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u {found} {of_key} AND gap.subject = ''
        WHERE list_has_any(gap.columns, ['{name}'])
        UNION ALL
        SELECT far.scope, far.id, far.gap
        FROM ({_explained_elsewhere("secret", "key", ("aliases", "account", "region"))}) AS far
        JOIN secret_key AS t ON t.scope = far.scope AND t.id = far.id
        ANTI JOIN encrypted AS e ON e.scope = t.scope AND e.id = t.id AND e.key = t.key
        UNION ALL
        {_explained_by_own("secret", ("keys", "account", "region"))}
    """


# --- keys and the stores that hold them -----------------------------------------------------------------------------

_OF_STORE = ("validation_standard", "kek_security_bits", "kek_apart")
_STORE_COLUMNS = {column.name: column for column in columns(KeyStore) if column.name in _OF_STORE}


# A key names its store by id, within its own source. What a store has from another, such as a key store of AWS KMS from
# a cluster of AWS CloudHSM, is as good as that other one, which any source may have read.
def _custody_sql() -> str:
    agreed = ", ".join(_agreed(name) for name in _OF_STORE)
    told = ", ".join(
        f"CASE WHEN own.backed_by = '' THEN own.{name} WHEN own.backed_by <> '' THEN backing.{name} END AS {name}"
        for name in _OF_STORE
    )
    return f"""
        WITH
        own AS (SELECT source, id, {_agreed("backed_by")}, {agreed} FROM key_store GROUP BY source, id),
        backing AS (SELECT id, {agreed} FROM key_store GROUP BY id)
        SELECT key.scope, key.id, {told}
        FROM key
        LEFT JOIN own ON own.source = key.source AND own.id = key.key_store
        LEFT JOIN backing ON backing.id = own.backed_by
    """


def _custody_explained(name: str) -> str:
    """Gaps about the key's store, the store behind it, or, where one of them was not found, about stores unread.

    One gap stands for all stores that one operation left unread in one scope.
    """
    return f"""
        WITH placed AS (
            SELECT u.scope, u.id, key.source, key.key_store, coalesce(key.account, s.account) AS account,
                coalesce(key.region, s.region) AS region
            FROM {UNKNOWN} AS u JOIN key ON key.scope = u.scope AND key.id = u.id LEFT JOIN scope AS s ON s.id = u.scope
        ),
        own AS (
            SELECT p.scope, p.id, p.region, store.scope AS store_scope, store.id AS store, store.backed_by
            FROM placed AS p JOIN key_store AS store ON store.source = p.source AND store.id = p.key_store
        ),
        backing AS (
            SELECT o.scope, o.id, store.scope AS store_scope, store.id AS store
            FROM own AS o JOIN key_store AS store ON store.id = o.backed_by
        ),
        unread AS (
            SELECT
                min(gap.id) AS gap, gap.source, any_value(s.account) AS account,
                nullif(nullif(any_value(s.region), 'global'), '') AS region
            FROM gap LEFT JOIN scope AS s ON s.id = gap.scope
            WHERE gap.rows_missing AND gap.of_table IN ('key_store', 'scope')
            GROUP BY gap.source, gap.scope, gap.operation, gap.of_table
        )
        SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
        JOIN gap ON gap.scope = u.scope AND gap.of_table = 'key' AND gap.subject IN (u.id, '')
        WHERE list_has_any(gap.columns, ['key_store'])
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
        WHERE list_contains(gap.columns, CASE WHEN o.backed_by = '' THEN '{name}' ELSE 'backed_by' END)
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


# --- the registry ---------------------------------------------------------------------------------------------------


def _derived(name: str, doc: str, table: str, sql: str, derived: Mapping[str, tuple[Column, str]]) -> View:
    own = _table(table).columns
    added = {column: definition for column, (definition, _) in derived.items()}
    return View(
        name,
        doc,
        (table,),
        {**own, **added},
        derived=sql,
        explanations={column: query for column, (_, query) in derived.items()},
    )


_VIEWS = (
    *(_table(name) for name in TABLES if name not in ("gap", "observation")),
    _asset(),
    _asset_deletion(),
    _derived(
        "key_duty",
        "Keys, with the principals that may both administer and use them",
        "key",
        _KEY_DUTY_SQL,
        {
            "administrators_who_use": (
                Column(
                    "administrators_who_use",
                    "list of string",
                    (),
                    "Principals that may administer it and also use it, decrypt with it or take its material out, by "
                    "what is granted on it or on its key store, sorted; without whole accounts and services of the "
                    "provider",
                ),
                f"""
                    SELECT * FROM ({
                    _explained_by_rows(
                        "access", "subject", ("principal", "principal_kind", "capability", "public"), of_store=True
                    )
                })
                    UNION ALL {_explained_by_own("key", ("key_store",))}
                """,
            )
        },
    ),
    _derived(
        "key_period",
        "Keys, with the greatest age that their material reached in the audit period",
        "key",
        _KEY_PERIOD_SQL,
        {
            "longest_use_days": (
                Column(
                    "longest_use_days",
                    "integer",
                    (),
                    "The greatest age, in days begun, that any material reached while it was in use in the audit "
                    "period, up to the date of the assessment",
                ),
                _explained_by_rows("key_version", "key", ("created_at", "superseded_at")),
            )
        },
    ),
    _derived(
        "key_dependents",
        "Keys, with the number of secrets and resources that are known to depend on them",
        "key",
        _KEY_DEPENDENTS_SQL,
        {
            "secrets_encrypted": (
                Column(
                    "secrets_encrypted",
                    "integer",
                    (),
                    "Secrets that name it as a key they are encrypted with; not observed where a secret of its "
                    "provider and region, in any account, may be missing or does not tell its keys",
                ),
                f"{_explained_by_own('key', ('aliases', 'account', 'region'))} "
                f"UNION ALL {_explained_elsewhere('key', 'secret', ('keys', 'account', 'region'))}",
            ),
            "resources_counted": (
                Column(
                    "resources_counted",
                    "integer",
                    (),
                    "Resources that its provider counts as encrypted with it; 0 also where the provider counts none",
                ),
                _explained_by_own("key", ("protected_resources",)),
            ),
        },
    ),
    _derived(
        "key_custody",
        "Keys, with what is known of the store that holds their material, or of the one behind it",
        "key",
        _custody_sql(),
        {name: (column, _custody_explained(name)) for name, column in _STORE_COLUMNS.items()},
    ),
    _derived(
        "secret_encryption",
        "Secrets, with what is known of the key that encrypts them",
        "secret",
        _SECRET_ENCRYPTION_SQL,
        {
            "key_manager": (
                Column("key_manager", "string", tuple(Manager), "Who decides over the key that encrypts it"),
                _key_of_secret_explained("manager"),
            ),
            "key_security_bits": (
                Column("key_security_bits", "integer", (), "Security strength, in bits, of the key that encrypts it"),
                _key_of_secret_explained("security_bits"),
            ),
        },
    ),
)

VIEWS: Mapping[str, View] = {view.name: view for view in _VIEWS}
"""Everything that a control may be `over`. Gaps and observations are not: knowing less makes more of them."""

INVENTORY = tuple(TABLES)
"""The tables that the views read."""
