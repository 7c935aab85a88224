"""What is asked of AWS about credentials, certificates and data stores, and which of their facts AWS does not offer."""

from __future__ import annotations

from collectors.declaration import facts, whole
from collectors.tags import TAG_FACTS
from evidence.operation import Operation

_CREDENTIAL_LISTED = """name kind account principal of_root manager state created_at last_rotated_at expires_at
    reminder_days"""
_CERTIFICATE_FACTS = """manager state subject issuer algorithm bits security_bits created_at activated_at expires_at
    renewal_enabled renewal_days exportable versions"""
_STORES = ("protected_resource.*", *whole("protected_resource"), "scope.listed")

_TRAILS_WHY = "Trails: the keys that encrypt their log files, and whether anything can be alerted by what they log"


IAM = (
    Operation(
        name="iam:GetAccountSummary",
        facts=("account.root_credentials", "credential.*"),
        why="Whether the root user has access keys",
    ),
    Operation(
        name="iam:ListUsers",
        paged=True,
        facts=("credential.*", "scope.listed"),
        why="The users of the account, who may have access keys",
    ),
    Operation(
        name="iam:ListAccessKeys",
        paged=True,
        facts=("credential.*", *facts("credential", _CREDENTIAL_LISTED), "scope.listed"),
        why="The access keys of a user: since when, and whether they are active; never their secrets",
    ),
    Operation(
        name="iam:GetAccessKeyLastUsed",
        facts=facts("credential", "used last_used_at"),
        why="When an access key was last used",
    ),
    Operation(
        name="iam:ListServerCertificates",
        paged=True,
        facts=("certificate.*", *facts("certificate", "name account created_at expires_at"), "scope.listed"),
        why="The certificates that are kept in IAM, and until when they are valid",
    ),
    Operation(
        name="iam:GetServerCertificate",
        facts=facts("certificate", f"{_CERTIFICATE_FACTS} authority fingerprint {TAG_FACTS}"),
        why="A certificate that is kept in IAM, which is public; never its private key",
    ),
)
"""Asked in the scope of IAM, of which an account has one."""

ACM = (
    Operation(
        name="acm:ListCertificates",
        paged=True,
        facts=("certificate.*", *facts("certificate", "name account in_use"), "scope.listed"),
        why="Every certificate of the account and region, whatever its kind of key",
    ),
    Operation(
        name="tag:GetResources",
        paged=True,
        facts=facts("certificate", TAG_FACTS),
        why="Tags of all keys, parameters and certificates, a hundred an answer",
    ),
    Operation(
        name="acm:DescribeCertificate",
        facts=facts("certificate", f"{_CERTIFICATE_FACTS} name publicly_trusted in_use"),
        why="What a certificate is, who issued it, until when, what presents it and whether it is renewed",
    ),
)
"""Asked in the scope of ACM in one account and region."""

DATASTORES = (
    Operation(
        name="ec2:GetEbsEncryptionByDefault",
        facts=_STORES[:-1],
        why="Whether new volumes are encrypted without being asked",
    ),
    Operation(
        name="ec2:GetEbsDefaultKmsKeyId",
        facts=("protected_resource.key",),
        why="The key that encrypts them",
    ),
    Operation(name="ec2:DescribeVolumes", paged=True, facts=_STORES, why="Volumes, and the keys that encrypt them"),
    Operation(
        name="rds:DescribeDBInstances",
        paged=True,
        facts=_STORES,
        why="Database instances, and the keys that encrypt them",
    ),
    Operation(
        name="rds:DescribeDBClusters",
        paged=True,
        facts=_STORES,
        why="Database clusters, and the keys that encrypt them",
    ),
    Operation(
        name="elasticfilesystem:DescribeFileSystems",
        paged=True,
        facts=_STORES,
        why="File systems, and the keys that encrypt them",
    ),
    Operation(name="cloudtrail:DescribeTrails", facts=_STORES, why=_TRAILS_WHY),
)
"""Asked in the scope of data stores in one account and region."""

_ALERTED = ("key_store.alerted_events",)

ALERTS = (
    Operation(name="cloudtrail:DescribeTrails", facts=_ALERTED, why=_TRAILS_WHY),
    Operation(name="cloudtrail:GetTrailStatus", facts=_ALERTED, why="Whether a trail logs at all"),
    Operation(
        name="cloudtrail:GetEventSelectors",
        facts=_ALERTED,
        why="Which calls a trail leaves out, where it does not log all",
    ),
    Operation(
        name="events:ListRules",
        paged=True,
        facts=_ALERTED,
        why="Rules that match what is done to keys and secrets",
    ),
    Operation(
        name="events:ListTargetsByRule",
        paged=True,
        facts=_ALERTED,
        why="Whether such a rule sends what it matches anywhere",
    ),
    Operation(
        name="logs:DescribeMetricFilters",
        paged=True,
        facts=_ALERTED,
        why="Metric filters of a trail's log that count what is done to keys and secrets",
    ),
    Operation(
        name="cloudwatch:DescribeAlarms",
        paged=True,
        facts=_ALERTED,
        why="Alarms that watch the metric of such a filter, and whether they do anything",
    ),
)
"""Asked in the scopes of KMS and of Secrets Manager."""

ALERTS_NOT_OFFERED = {
    "key_store.alerted_events": (
        "whether all of it reaches somebody depends on more than the rules, metric filters and alarms of this account "
        "and region tell"
    )
}
"""They come on top of what KMS and Secrets Manager do not tell."""

ALERTS_NOT_ASKED = dict.fromkeys(_ALERTED, "this run did not ask which events somebody is alerted to")
"""Why that is unknown where nothing about alerts was asked."""

ROOT_KEYS_NOT_TOLD = "IAM tells that the root user has access keys, and neither which nor how many"

_BY_POLICY = "what an access key is limited to, the policies of its user decide, which are not read"

IAM_NOT_OFFERED = {
    "credential.used": "IAM knows of use only since it began to track it, after this access key was created",
    "credential.last_used_at": "IAM knows of use only since it began to track it, after this access key was created",
    "credential.services_restricted": _BY_POLICY,
    "credential.clients_restricted": _BY_POLICY,
}
"""Facts of the scopes of IAM that AWS does not tell for every access key."""

_NOT_ISSUED = "ACM states that only of a certificate that was issued"
_BODY = "ACM tells the fingerprint with the certificate alone, which is not asked for"

ACM_NOT_OFFERED = {
    "certificate.publicly_trusted": "ACM does not tell who trusts the issuer of an imported certificate",
    "certificate.in_use": "ACM does not tell what presents a certificate that may have been exported",
    "certificate.renewal_days": "ACM does not tell how many days before its end it renews a certificate",
    "certificate.fingerprint": _BODY,
    "certificate.subject": _NOT_ISSUED,
    "certificate.issuer": _NOT_ISSUED,
}
"""Facts of the scopes of ACM that AWS does not tell for every certificate."""

DATASTORES_NOT_OFFERED = {
    "protected_resource.created_at": "AWS does not tell since when there is a trail, or a default for volumes",
    "protected_resource.key": "AWS names no key, or one by an alias, which does not tell the key",
}
"""Facts of the scopes of data stores that AWS does not tell for every data store."""
