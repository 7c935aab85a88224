"""Secrets and the keys that encrypt them."""

# ruff: noqa: S608 - every name put into SQL here is this package's own

from __future__ import annotations

from controls.views.view import (
    UNKNOWN,
    agreed,
    explained_by_own,
    explained_elsewhere,
    extended,
    texts,
)
from evidence.model import Column, Manager

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

WITH_RESOURCES_COUNTED = ("gcp",)
"""Providers that count the resources which their services encrypt with a key. Google Cloud: Cloud KMS Inventory API,
`getProtectedResourcesSummary`. HSMs and Vault know only who calls them."""

# A secret names its keys as the provider does: by id, by the last part of the id, or by an alias; the latter two hold
# within one account and region. Where an account or region was not observed, the scope's own stands in.
_NAMES_SQL = """
located_key AS (
    SELECT
        k.scope, k.id, k.aliases, k.protected_resources, k.environment, s.provider,
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
    FROM doubt WHERE provider IS NULL OR provider NOT IN ({texts(WITHOUT_KEYS_OF_SECRETS)}) GROUP BY ALL
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
counted AS (
    SELECT
        e.key_scope, e.key_id, count(DISTINCT e.id) AS secrets,
        list(lower(trim(t.environment))) AS environments, bool_or(t.environment IS NULL) AS unplaced
    FROM encrypted AS e JOIN secret AS t ON t.scope = e.scope AND t.id = e.id GROUP BY e.key_scope, e.key_id
),
told AS (
    SELECT
        k.*, counted.secrets, counted.environments, counted.unplaced,
        d.any_key IS NULL
            OR NOT (d.any_key OR k.aliases IS NULL OR k.account IS NULL OR k.region IS NULL) AS all_secrets
    FROM located_key AS k
    LEFT JOIN doubted_place AS d
        ON d.provider IS NOT DISTINCT FROM k.provider AND d.region IS NOT DISTINCT FROM k.region
    LEFT JOIN counted ON counted.key_scope = k.scope AND counted.key_id = k.id
)
SELECT
    k.scope, k.id,
    CASE WHEN k.all_secrets THEN coalesce(k.secrets, 0) END AS secrets_encrypted,
    CASE
        WHEN k.all_secrets AND NOT coalesce(k.unplaced, false) AND k.environment IS NOT NULL
        THEN list_sort(list_filter(
            list_distinct(list_append(k.environments, lower(trim(k.environment)))), lambda name: name <> ''
        ))
    END AS environments,
    CASE
        WHEN k.provider NOT IN ({texts(WITH_RESOURCES_COUNTED)}) THEN 0
        WHEN k.provider IS NOT NULL THEN k.protected_resources
    END AS resources_counted
FROM told AS k
"""

_DEFAULT_BITS = " ".join(f"WHEN '{provider}' THEN {bits}" for provider, bits in DEFAULT_KEY_BITS.items())

# A secret with several keys is as well kept as the weakest of them keeps it: 'provider' comes after 'customer'.
_SECRET_ENCRYPTION_SQL = f"""
WITH {_NAMES_SQL},
found AS (
    SELECT e.scope, e.id, e.key, {agreed("manager")}, {agreed("security_bits")}
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
        WHEN s.provider IN ({texts(RUN_BY_THE_CUSTOMER)}) THEN '{Manager.CUSTOMER}'
        ELSE '{Manager.PROVIDER}'
    END AS key_manager,
    CASE
        WHEN len(secret.keys) = 0 THEN CASE s.provider {_DEFAULT_BITS} END ELSE used.security_bits
    END AS key_security_bits
FROM secret
LEFT JOIN scope AS s ON s.id = secret.scope
LEFT JOIN used ON used.scope = secret.scope AND used.id = secret.id
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
        FROM ({explained_elsewhere("secret", "key", ("aliases", "account", "region"))}) AS far
        JOIN secret_key AS t ON t.scope = far.scope AND t.id = far.id
        ANTI JOIN encrypted AS e ON e.scope = t.scope AND e.id = t.id AND e.key = t.key
        UNION ALL
        {explained_by_own("secret", ("keys", "account", "region"))}
    """


# One gap stands for all secrets that one operation left without their tags in one scope.
_ENVIRONMENTS_EXPLAINED = f"""
    {explained_by_own("key", ("aliases", "account", "region", "environment"))}
    UNION ALL {explained_elsewhere("key", "secret", ("keys", "account", "region"))}
    UNION ALL
    SELECT * FROM (
        WITH {_NAMES_SQL}
        SELECT u.scope, u.id, min(gap.id) AS gap
        FROM {UNKNOWN} AS u
        JOIN encrypted AS e ON e.key_scope = u.scope AND e.key_id = u.id
        JOIN secret AS t ON t.scope = e.scope AND t.id = e.id AND t.environment IS NULL
        JOIN gap ON gap.scope = t.scope AND gap.of_table = 'secret' AND gap.subject IN (t.id, '')
        WHERE list_contains(gap.columns, 'environment')
        GROUP BY u.scope, u.id, gap.scope, gap.operation
    )
"""

KEY_DEPENDENTS = extended(
    "key_dependents",
    "Keys, with the secrets and resources that are known to depend on them",
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
            f"{explained_by_own('key', ('aliases', 'account', 'region'))} "
            f"UNION ALL {explained_elsewhere('key', 'secret', ('keys', 'account', 'region'))}",
        ),
        "environments": (
            Column(
                "environments",
                "list of string",
                (),
                "Environments, by its own tags and by those of the secrets encrypted with it, in small letters, "
                "sorted; none for what no tag tells; not observed where a secret may be missing",
            ),
            _ENVIRONMENTS_EXPLAINED,
        ),
        "resources_counted": (
            Column(
                "resources_counted",
                "integer",
                (),
                "Resources that its provider counts as encrypted with it; 0 also where the provider counts none",
            ),
            explained_by_own("key", ("protected_resources",)),
        ),
    },
)


SECRET_ENCRYPTION = extended(
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
)


# A data store names its key by id. One that is encrypted and names none has a key of its provider's own.
_RESOURCE_ENCRYPTION_SQL = f"""
WITH known AS (SELECT id, {agreed("manager")} FROM key GROUP BY id)
SELECT
    r.scope, r.id,
    CASE
        WHEN r.key <> '' THEN known.manager
        WHEN r.key = '' AND r.encrypted THEN '{Manager.PROVIDER}'
    END AS key_manager
FROM protected_resource AS r LEFT JOIN known ON known.id = r.key
"""

# Gaps about its own columns, about the key found, or, where none was found, about keys unread.
_RESOURCE_EXPLAINED = f"""
    {explained_by_own("protected_resource", ("key", "encrypted"))}
    UNION ALL
    SELECT u.scope, u.id, gap.id AS gap FROM {UNKNOWN} AS u
    JOIN protected_resource AS r ON r.scope = u.scope AND r.id = u.id
    JOIN key ON key.id = r.key
    JOIN gap ON gap.scope = key.scope AND gap.of_table = 'key' AND gap.subject IN (key.id, '')
    WHERE list_contains(gap.columns, 'manager')
    UNION ALL
    SELECT far.scope, far.id, far.gap FROM ({explained_elsewhere("protected_resource", "key", ())}) AS far
    JOIN protected_resource AS r ON r.scope = far.scope AND r.id = far.id
    ANTI JOIN key ON key.id = r.key
    WHERE r.key <> ''
"""

RESOURCE_ENCRYPTION = extended(
    "resource_encryption",
    "Data stores, with who decides over the key that encrypts them",
    "protected_resource",
    _RESOURCE_ENCRYPTION_SQL,
    {
        "key_manager": (
            Column(
                "key_manager",
                "string",
                tuple(Manager),
                "Who decides over the key that encrypts it; not observed where that key was not read",
            ),
            _RESOURCE_EXPLAINED,
        )
    },
)
