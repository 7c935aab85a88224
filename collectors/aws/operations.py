"""What is asked of AWS, which facts come of it, and which facts AWS does not offer."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.aws.resource_operations import (
    ACM,
    ACM_NOT_OFFERED,
    ALERTS,
    ALERTS_NOT_OFFERED,
    DATASTORES,
    DATASTORES_NOT_OFFERED,
    IAM,
    IAM_NOT_OFFERED,
)
from collectors.declaration import ServiceDeclaration, all_not_offered, all_operations, declare, facts, whole
from collectors.tags import TAG_FACTS
from evidence.operation import Operation

_POLICY_FACTS = "public external_accounts wildcard_access"
_ROTATION_FACTS = "rotation_enabled rotation_period_days rotation_next_at"
_KEY_ROTATION_FACTS = f"{_ROTATION_FACTS} rotation_requested_at"
_KEY_DESCRIBED = """description account region key_store manager managed_by origin usages key_type algorithm
    parameter_set bits security_bits pq_category mechanisms protection_level state created_at activated_at expires_at
    expiry_settable suspended_at rotatable rotatable_reason deletion_window_set deletion_window_days
    deletion_requested_at deletion_at
    extractable never_extractable key_settings recovery_level release_policy attestation access_reasons regions"""
_KEY_USE = "used last_used_at usage_tracked_since"
_LISTED = """name kind description account region key_store managed_by manager state keys created_at
    last_rotated_at expires_at expiry_settable"""
_DESCRIBED = f"""{_LISTED} used last_used_at {_ROTATION_FACTS} rotation_schedule rotation_result
    deletion_window_set deletion_window_days regions {TAG_FACTS}"""

_CLUSTER_DESCRIBED = """kind name protection_level validation validation_standard network_public private_endpoints
    activated state deletion_at recovery_days"""
_CERTIFICATE_FACTS = f"""state subject issuer authority fingerprint algorithm bits security_bits created_at activated_at
    expires_at {TAG_FACTS}"""

ACCOUNT = (
    Operation(
        name="sts:GetCallerIdentity",
        facts=facts("scope", "account identity"),
        permission="-",
        why="Who collects, and in which account",
    ),
    Operation(
        name="account:GetAccountInformation",
        facts=("scope.account_name", "account.name"),
        why="The account's name, so that people recognize it",
    ),
    Operation(
        name="account:ListRegions",
        paged=True,
        facts=("scope.*",),
        why="Which regions the account has enabled: all of them are read, and the report says which are off",
    ),
    Operation(
        name="organizations:DescribeOrganization",
        facts=(*facts("key", "external_accounts"), *facts("secret", "external_accounts"), "access.external"),
        why="The organization's id, which tells an outside principal from one of its own",
    ),
    Operation(
        name="organizations:ListAccounts",
        paged=True,
        facts=(
            "scope.*",
            *facts("key", "external_accounts"),
            *facts("secret", "external_accounts"),
            "access.external",
        ),
        why="The organization's accounts: each is read, and each is no outsider in a policy",
    ),
)
"""Asked in the scope of an account."""

_GET_RESOURCES = Operation(
    name="tag:GetResources",
    paged=True,
    facts=(*facts("key", TAG_FACTS), *facts("secret", TAG_FACTS)),
    why="Tags of all keys, parameters and certificates, a hundred an answer",
)

KMS = (
    Operation(
        name="kms:ListKeys",
        paged=True,
        facts=("key.*", "scope.listed"),
        why="Every key of the account and region",
    ),
    Operation(
        name="kms:ListAliases",
        paged=True,
        facts=facts("key", "name aliases"),
        why="What people call the keys",
    ),
    _GET_RESOURCES,
    Operation(
        name="kms:DescribeCustomKeyStores",
        paged=True,
        facts=(
            "key_store.*",
            *facts("key_store", "kind name protection_level backed_by network_public activated connection_state"),
            "scope.listed",
        ),
        why="Key stores in CloudHSM clusters and outside AWS",
    ),
    Operation(
        name="kms:DescribeKey",
        facts=(
            *facts("key", _KEY_DESCRIBED),
            *facts("key", f"{_KEY_ROTATION_FACTS} rotations last_rotated_at {_KEY_USE}"),
            *facts("key", f"{_POLICY_FACTS} account_delegated business_purpose"),
            "key_version.*",
            *whole("key_version"),
            "access.*",
        ),
        why="What a key is: its manager, origin, purpose, state and dates; whatever else is asked follows from it",
    ),
    Operation(
        name="kms:GetKeyRotationStatus",
        facts=facts("key", _KEY_ROTATION_FACTS),
        why="Whether automatic rotation is on, how often, and when next",
    ),
    Operation(
        name="kms:ListKeyRotations",
        paged=True,
        facts=(
            *facts("key", "rotations last_rotated_at expires_at"),
            "key_version.*",
            *whole("key_version"),
        ),
        why="When key material was in fact rotated, and how",
    ),
    Operation(
        name="kms:GetKeyLastUsage",
        facts=facts("key", _KEY_USE),
        why="When a key was last used, and since when use is tracked",
    ),
    Operation(
        name="kms:GetKeyPolicy",
        facts=(
            *facts("key", f"{_POLICY_FACTS} account_delegated"),
            "access.*",
            *whole("access"),
        ),
        why="Who may administer and use a key",
    ),
    Operation(
        name="kms:ListGrants",
        paged=True,
        facts=(*facts("key", _POLICY_FACTS), "access.*", *whole("access")),
        why="Who else may use a key, by grants",
    ),
    Operation(
        name="kms:ListResourceTags",
        paged=True,
        facts=facts("key", TAG_FACTS),
        why="Tags of one key, where those of all could not be read at once",
    ),
)
"""Asked in the scope of KMS in one account and region."""

SECRETS_MANAGER = (
    Operation(
        name="secretsmanager:ListSecrets",
        paged=True,
        facts=("secret.*", "scope.listed"),
        why="Every secret of the account and region, those scheduled for deletion included",
    ),
    Operation(
        name="secretsmanager:DescribeSecret",
        facts=facts("secret", _DESCRIBED),
        why="What a secret is, how it rotates and which key encrypts it; never its value",
    ),
    Operation(
        name="secretsmanager:ListSecretVersionIds",
        paged=True,
        facts=facts("secret", "last_rotated_at rotation_result"),
        why="When the current version of a secret was made",
    ),
    Operation(
        name="secretsmanager:GetResourcePolicy",
        facts=(*facts("secret", _POLICY_FACTS), "access.*", *whole("access")),
        why="Who outside the account may read a secret",
    ),
)
"""Asked in the scope of Secrets Manager in one account and region."""

SSM = (
    Operation(
        name="ssm:DescribeParameters",
        paged=True,
        facts=(
            "secret.*",
            *facts("secret", f"{_LISTED} {_POLICY_FACTS}"),
            "scope.listed",
        ),
        why="Every SecureString parameter of the account and region; never its value",
    ),
    _GET_RESOURCES,
    Operation(
        name="ssm:ListTagsForResource",
        facts=facts("secret", TAG_FACTS),
        why="Tags of one parameter, where those of all could not be read at once",
    ),
    Operation(
        name="ssm:GetResourcePolicies",
        paged=True,
        facts=(*facts("secret", _POLICY_FACTS), "access.*", *whole("access")),
        why="Who outside the account may read a parameter; only the advanced tier can be shared",
    ),
)
"""Asked in the scope of SSM in one account and region."""

CLOUDHSM = (
    Operation(
        name="cloudhsm:DescribeClusters",
        paged=True,
        facts=(
            "key_store.*",
            *facts("key_store", _CLUSTER_DESCRIBED),
            *facts("key_store", "store_settings"),
            "certificate.*",
            *facts("certificate", _CERTIFICATE_FACTS),
            "scope.listed",
        ),
        why="Clusters of HSMs: their HSMs, mode, backup retention and certificates",
    ),
    Operation(
        name="cloudhsm:DescribeBackups",
        paged=True,
        facts=("key_store.*", *facts("key_store", "store_settings state deletion_at"), "scope.listed"),
        why="Backups of clusters, which hold a copy of their keys: how old, how many, from which region",
    ),
)
"""Asked in the scope of CloudHSM in one account and region."""

WITHHELD = {"cloudhsm:DescribeClusters": "PreCoPassword"}
"""Operation → the member of its answer whose value is left out before anything is kept: a password."""

NOT_IN_REGION = "NotOfferedInRegion"
"""How the error of an exchange begins that found a region without the service."""

_UNDECIDED = "a condition in the policy depends on more than the policy says"

KMS_NOT_OFFERED = {
    "key.activated_at": "KMS does not tell when imported material was first imported",
    "key.updated_at": "KMS does not tell when a key was last changed",
    "key.suspended_at": "KMS does not tell since when a key is disabled",
    "key.rotation_next_at": "KMS states no next date for a key that is not in use",
    "key.rotations": "KMS does not see rotations that happen outside it, in an external key manager",
    "key.last_rotated_at": "KMS does not tell when the first material was imported, nor of rotations outside it",
    "key.used": "KMS knows of use only since it began to track it, after this key was created",
    "key.last_used_at": "KMS knows of use only since it began to track it, after this key was created",
    "key.deletion_at": "KMS sets the date of a multi-Region primary's deletion once its last replica is gone",
    "key.deletion_window_days": "KMS tells when a key will be destroyed, not when that was asked for",
    "key.deletion_requested_at": "KMS tells when a key will be destroyed, not when that was asked for",
    "key.protection_level": "the protection of a key outside AWS is its key manager's to state",
    "key.extractable": "whether a key outside AWS can be extracted is its key manager's to state",
    "key.never_extractable": "whether a key outside AWS could be extracted is its key manager's to state",
    "key.public": _UNDECIDED,
    "key.external_accounts": _UNDECIDED,
    "key.wildcard_access": _UNDECIDED,
    "key.account_delegated": _UNDECIDED,
    "key_version.destroyed_at": "KMS sets the date of a multi-Region primary's deletion once its last replica is gone",
    "key.protected_resources": "KMS does not tell what its keys protect",
    "key_version.state": "KMS does not tell the state of material in an external key manager",
    "key_version.created_at": "KMS does not tell when the first material was imported",
    "key_version.superseded_at": "KMS does not tell when the first material was imported",
    "key_version.cause": "KMS does not tell how material in an external key manager came about",
    "key_version.expires_at": "KMS does not tell when material in an external key manager expires",
    "key_store.validation": "the KMS API does not state a FIPS 140 validation",
    "key_store.validation_standard": "the KMS API does not state a FIPS 140 validation",
    "key_store.kek_security_bits": "the KMS API does not tell what encrypts the keys of its modules",
    "key_store.kek_apart": "the KMS API does not tell what encrypts the keys of its modules",
    "key_store.network_public": "the KMS API does not tell whether only private endpoints are used",
    "key_store.logging_enabled": "the KMS API does not tell whether a trail keeps the log of key operations",
    "key_store.logging_targets": "the KMS API does not tell whether a trail keeps the log of key operations",
    "key_store.logging_retention_days": "the KMS API does not tell whether a trail keeps the log of key operations",
    "key_store.private_endpoints": "the KMS API does not tell whether only private endpoints are used",
    "key_store.backed_by": "the key store outside AWS is its proxy's to know",
    "key_store.protection_level": "the protection of a store outside AWS is its key manager's to state",
    "access.external": "the provider's answer names the principal by an id that does not tell its account",
    "access.public": _UNDECIDED,
    "access.principal_kind": "the provider's answer names the principal by an id that does not tell its kind",
}
"""Facts of the scopes of KMS that AWS does not tell for every key."""

AWS_MANAGED_KEYS_NOT_OFFERED = dict.fromkeys(
    facts(
        "key",
        f"{_KEY_ROTATION_FACTS} rotations last_rotated_at {_KEY_USE} {_POLICY_FACTS} account_delegated {TAG_FACTS}",
    ),
    "AWS manages this key and its life; it is described, and no more is asked",
)
"""Facts that are not asked of keys that AWS manages; they come on top of `KMS_NOT_OFFERED`."""

SECRETS_MANAGER_NOT_OFFERED = {
    "secret.rotation_result": "Secrets Manager does not tell how the last rotation ended",
    "secret.rotation_period_days": "Secrets Manager tells the days of a cron schedule only after a rotation",
    "secret.rotation_next_at": "Secrets Manager states no next date for this secret",
    "secret.regions": "Secrets Manager does not tell a replica's other replicas",
    "secret.deletion_window_days": "Secrets Manager does not tell when the deletion was asked for",
    "secret.last_rotated_at": "Secrets Manager states no date for the version in use",
    "secret.last_used_at": "Secrets Manager states no date of last access for this secret",
    "secret.used": "Secrets Manager states no date of last access for this secret",
    "secret.public": _UNDECIDED,
    "secret.external_accounts": _UNDECIDED,
    "secret.wildcard_access": _UNDECIDED,
    "key_store.validation": "the Secrets Manager API does not state a FIPS 140 validation",
    "key_store.validation_standard": "the Secrets Manager API does not state a FIPS 140 validation",
    "key_store.kek_security_bits": "each secret names the key that encrypts it",
    "key_store.kek_apart": "each secret names the key that encrypts it",
    "key_store.network_public": "the Secrets Manager API does not tell whether only private endpoints are used",
    "key_store.logging_enabled": "the Secrets Manager API does not tell whether a trail logs its use",
    "key_store.logging_targets": "the Secrets Manager API does not tell whether a trail logs its use",
    "key_store.logging_retention_days": "the Secrets Manager API does not tell whether a trail logs its use",
    "key_store.private_endpoints": "the Secrets Manager API does not tell whether only private endpoints are used",
    "access.external": "the provider's answer names the principal by an id that does not tell its account",
    "access.public": _UNDECIDED,
    "access.principal_kind": "the provider's answer names the principal by an id that does not tell its kind",
}
"""Facts of the scopes of Secrets Manager that AWS does not tell for every secret."""

SSM_NOT_OFFERED = {
    "secret.created_at": "SSM tells when a parameter was last modified, not when it was created",
    "secret.used": "SSM does not tell whether a parameter was read",
    "secret.last_used_at": "SSM does not tell when a parameter was last read",
    "secret.last_rotated_at": "SSM states no date of the last modification for this parameter",
    "secret.public": _UNDECIDED,
    "secret.external_accounts": _UNDECIDED,
    "secret.wildcard_access": _UNDECIDED,
    "key_store.validation": "the SSM API does not state a FIPS 140 validation",
    "key_store.validation_standard": "the SSM API does not state a FIPS 140 validation",
    "key_store.kek_security_bits": "each parameter names the key that encrypts it",
    "key_store.kek_apart": "each parameter names the key that encrypts it",
    "key_store.network_public": "the SSM API does not tell whether only private endpoints are used",
    "key_store.logging_enabled": "the SSM API does not tell whether a trail keeps the log of its use",
    "key_store.logging_targets": "the SSM API does not tell whether a trail keeps the log of its use",
    "key_store.logging_retention_days": "the SSM API does not tell whether a trail keeps the log of its use",
    "key_store.private_endpoints": "the SSM API does not tell whether only private endpoints are used",
    "access.external": "the provider's answer names the principal by an id that does not tell its account",
    "access.public": _UNDECIDED,
    "access.principal_kind": "the provider's answer names the principal by an id that does not tell its kind",
}
"""Facts of the scopes of SSM that AWS does not tell for every parameter."""

_LOG_OF_CLUSTER = "CloudHSM does not tell whether the audit log of a cluster's HSMs is kept in CloudWatch Logs"

HELD_IN_CLUSTER = "what a cluster holds is read by PKCS#11, with a user of the cluster"

CLOUDHSM_NOT_OFFERED = {
    "key_store.validation": "AWS names no validation for HSMs of this type and mode",
    "key_store.validation_standard": "AWS names no validation for HSMs of this type and mode",
    "key_store.kek_security_bits": "CloudHSM does not tell what encrypts the keys in its HSMs and backups",
    "key_store.kek_apart": "CloudHSM does not tell what encrypts the keys in its HSMs and backups",
    "key_store.network_public": "CloudHSM does not tell whether the VPC lets IPv6 from the internet to the HSMs",
    "key_store.recovery_days": "without a retention policy backups are kept without end",
    "key_store.activated": "CloudHSM does not tell whether a cluster that is being changed was activated before",
    "key_store.deletion_at": "CloudHSM does not tell when a cluster was deleted",
    "key_store.regions": "copies of a cluster's backups are told only by the region and account that holds them",
    "key_store.logging_enabled": _LOG_OF_CLUSTER,
    "key_store.logging_targets": _LOG_OF_CLUSTER,
    "key_store.logging_retention_days": _LOG_OF_CLUSTER,
    "certificate.created_at": "CloudHSM does not tell when a certificate was made",
}
"""Facts of the scopes of CloudHSM that AWS does not tell for every cluster."""

UNKNOWN_CERTIFICATE_KEY_NOT_OFFERED = dict.fromkeys(
    facts("certificate", "algorithm bits security_bits"), "the certificate's key is of a kind that is not known here"
)
"""Facts that a certificate does not tell by itself; they come on top of `CLOUDHSM_NOT_OFFERED`."""

SERVICES: Mapping[str, ServiceDeclaration] = {
    "account": declare(ACCOUNT, {}),
    "kms": declare((*KMS, *ALERTS), {**KMS_NOT_OFFERED, **ALERTS_NOT_OFFERED}),
    "secretsmanager": declare((*SECRETS_MANAGER, *ALERTS), {**SECRETS_MANAGER_NOT_OFFERED, **ALERTS_NOT_OFFERED}),
    "ssm": declare(SSM, SSM_NOT_OFFERED),
    "cloudhsm": declare(CLOUDHSM, CLOUDHSM_NOT_OFFERED),
    "iam": declare(IAM, IAM_NOT_OFFERED),
    "acm": declare(ACM, ACM_NOT_OFFERED),
    "datastores": declare(DATASTORES, DATASTORES_NOT_OFFERED),
}
"""By the `service` of a scope."""

OPERATIONS = all_operations(SERVICES)
"""Every operation that may be called, by name."""

NOT_OFFERED = all_not_offered(SERVICES)
"""`table.column` → why AWS has no such fact, over all services."""
