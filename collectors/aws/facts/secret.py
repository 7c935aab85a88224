"""The scope of Secrets Manager in one account and region: its secrets, how they rotate and who may read them."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from collectors.aws.answers import DescribedSecret, SecretPolicy, Secrets, SecretVersion, SecretVersions
from collectors.aws.facts.access import access_missing, policy_rows, read_policies
from collectors.aws.facts.alert import alerted_events, alerts_not_offered
from collectors.aws.facts.scope import Setting
from collectors.aws.policy import NO_POLICY, PolicyFacts
from collectors.scope_rows import Tally, expect, fill, listed
from collectors.tags import tag_facts
from evidence.model import (
    NEVER,
    GapKind,
    Manager,
    ProtectionLevel,
    RotationResult,
    Row,
    Secret,
    State,
)
from evidence.reading import Failure, Reading

DESCRIBE = "secretsmanager:DescribeSecret"
VERSIONS = "secretsmanager:ListSecretVersionIds"
POLICY = "secretsmanager:GetResourcePolicy"
LIST = "secretsmanager:ListSecrets"

_DEFAULT_KEY = "alias/aws/secretsmanager"
_KEY_ID = re.compile(r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
_RATE = re.compile(r"rate\((\d{1,6}) (hour|day)s?\)")

_LONGEST_ROTATION = timedelta(days=1)
"""A rotation window ends with the UTC day at the latest, so a version that is pending for longer is stuck.

Source: AWS Secrets Manager User Guide, rotation schedules and rotation windows.
"""

_DELETED = "Secrets Manager does not tell the policy of a secret that waits for its deletion"
_DELETED_NOT_OFFERED = {f"secret.{name}": _DELETED for name in ("public", "external_accounts", "wildcard_access")}


def normalize_secrets(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: the list comes first, then one reading a secret."""
    tally = Tally(setting.operations)
    names: dict[str, str | None] | None = None
    for reading in readings:
        if names is None:
            first = reading if reading.subject == "" else Reading("", [])
            names = yield from _list_rows(setting, first, tally)
        if reading.subject:
            tally.described += yield from _secret_rows(setting, reading, names.pop(reading.subject, None))
            tally.count(reading)
    if names is None:
        names = yield from _list_rows(setting, Reading("", []), tally)
    for arn, name in names.items():
        unread = Reading(arn, [])
        yield from _secret_rows(setting, unread, name)
        tally.count(unread)
    yield from tally.rows(setting)


def _list_rows(setting: Setting, reading: Reading, tally: Tally) -> Generator[Row, None, dict[str, str | None]]:
    """The store's row and the gap of an incomplete list. Returns the names of the secrets by their ARNs."""
    pages = [page for _, page in listed(reading, LIST, Secrets, lambda page: page.more)]
    names = {secret.ARN: secret.Name for page in pages for secret in page.SecretList}
    tally.listed = None if LIST in reading.failures else len(names)
    alerted = alerted_events(setting, reading) if pages else None
    tally.count(reading)
    header = setting.header
    if not pages:
        nothing = Secret(**setting.bookkeeping(header.id, ()))
        yield setting.rows_missing(nothing, "key_store", "", *tally.why(LIST))
    else:
        store = setting.service_store(
            (o.id for o in reading.of(LIST)),
            kind="AWS Secrets Manager",
            name="AWS Secrets Manager",
            protection_level=ProtectionLevel.SOFTWARE,
            soft_delete=True,
            purge_protection=False,
            recovery_days=0,
            access_model="IAM policies and resource policy",
            alerted_events=alerted,
        )
        yield from setting.explained(store, [reading], alerts_not_offered(reading))
    if LIST in reading.failures:
        anchor = Secret(**setting.bookkeeping(header.id, ()))
        for table in ("secret", "access"):
            yield setting.rows_missing(anchor, table, "", *tally.why(LIST))
    return names


def _secret_rows(setting: Setting, reading: Reading, name: str | None) -> Generator[Row, None, bool]:
    """The rows of one secret and their gaps. Returns whether its description was read."""
    expect(reading, DESCRIBE)
    secret = reading.answer(DESCRIBE, DescribedSecret)
    if secret is not None and reading.subject != secret.ARN:
        reading.fail(DESCRIBE, GapKind.FAILED, "the answer describes another secret", next(reading.of(DESCRIBE)).id)
        secret = None
    versions = _versions(reading)
    deleted = secret is not None and secret.DeletedDate is not None
    policy = _policy(setting, reading, deleted)
    region, account = (reading.subject.split(":") + [""] * 5)[3:5]
    row = Secret(
        **setting.bookkeeping(reading.subject, reading.evidence),
        name=name,
        kind="secret",
        content_type="",
        account=account or setting.header.account or None,
        region=region or setting.header.region,
        key_store=setting.store(),
        expires_at=NEVER,
        expiry_settable=False,
        rotatable=True,
        key_settable=True,
        public=policy.public if policy else None,
        external_accounts=list(policy.outsiders) if policy and policy.outsiders is not None else None,
        wildcard_access=policy.wildcard_access if policy else None,
    )
    if secret is not None:
        received = max((o.received_at for o in reading.of(DESCRIBE)), default="")
        facts = _description(setting, secret, row.region or "") | _rotation(secret)
        facts["last_rotated_at"] = _last_rotated(secret, versions)
        facts["rotation_result"] = _rotation_result(secret, versions, datetime.fromisoformat(received))
        facts |= asdict(tag_facts({tag.Key: tag.Value for tag in secret.Tags}, secret.Description, setting.settings))
        fill(row, facts)
    not_offered = _DELETED_NOT_OFFERED if deleted and policy is None else {}
    yield from setting.explained(row, [reading], not_offered)
    if policy is not None:
        yield from policy_rows(setting, row.id, reading, POLICY, "resource policy", policy)
    elif not_offered and POLICY not in reading.failures:
        yield from access_missing(setting, row.id, {POLICY: Failure(GapKind.NOT_OFFERED, _DELETED, "")})
    else:
        yield from access_missing(setting, row.id, {POLICY: reading.failures[POLICY]})
    return secret is not None


def _versions(reading: Reading) -> list[SecretVersion] | None:
    """Its versions that hold a value; None where they were not all read."""
    pages = [page for _, page in listed(reading, VERSIONS, SecretVersions, lambda page: page.more)]
    if VERSIONS in reading.failures:
        return None
    return [version for page in pages for version in page.Versions]


def _policy(setting: Setting, reading: Reading, deleted: bool) -> PolicyFacts | None:
    if deleted and not any(reading.of(POLICY)):
        return None
    expect(reading, POLICY)
    answer = reading.answer(POLICY, SecretPolicy)
    if answer is None:
        return None
    if not answer.ResourcePolicy:
        return NO_POLICY
    account = (reading.subject.split(":") + [""] * 5)[4] or setting.header.account
    owner = setting.owner(account)
    return read_policies(reading, POLICY, [answer.ResourcePolicy], reading.subject, "secretsmanager", owner)


def _description(setting: Setting, secret: DescribedSecret, region: str) -> dict[str, Any]:
    deleted = secret.DeletedDate is not None
    used = secret.LastAccessedDate is not None
    return {
        "name": secret.Name,
        "description": secret.Description,
        "managed_by": secret.OwningService,
        "manager": Manager.PROVIDER if secret.OwningService else Manager.CUSTOMER,
        "state": State.PENDING_DELETION if deleted else State.ACTIVE,
        "created_at": secret.CreatedDate,
        "used": used,
        "last_used_at": secret.LastAccessedDate or secret.CreatedDate,
        "deletion_window_set": deleted,
        "deletion_window_days": None if deleted else 0,
        "keys": encryption_keys(secret.KmsKeyId, secret.ARN, _DEFAULT_KEY),
        "regions": _regions(secret, region),
    }


def encryption_keys(named: str, arn: str, default: str) -> list[str]:
    """The key that encrypts the thing with the ARN `arn`: its ARN, else its alias; none for the service's default key.

    A bare key id is of the same account and region, as is an alias without them; the ARN of a key is kept as it is.
    """
    _, partition, _, region, account = (arn.split(":") + [""] * 5)[:5]
    home = f"arn:{partition}:kms:{region}:{account}:"
    local = named.removeprefix(home)
    if local in ("", default):
        return []
    if _KEY_ID.fullmatch(local):
        return [f"{home}key/{local}"]
    return [local if local.startswith("alias/") else named]


def _regions(secret: DescribedSecret, region: str) -> list[str] | None:
    """Regions that hold a copy. A replica does not tell of the other replicas."""
    if secret.CrossAccountPrimary is not None or (secret.PrimaryRegion and secret.PrimaryRegion != region):
        return None
    replicas = {replica.Region for replica in secret.ReplicationStatus if replica.Status != "Failed"}
    others = {(other.ReplicaSecretARN.split(":") + [""] * 4)[3] for other in secret.CrossAccountReplicas}
    return sorted({region, *replicas, *others} - {""})


def _rotation(secret: DescribedSecret) -> dict[str, Any]:
    """Its rotation schedule. AWS leaves RotationEnabled out for a secret that never had one."""
    if not secret.RotationEnabled:
        return {
            "rotation_enabled": False,
            "rotation_period_days": 0,
            "rotation_schedule": "",
            "rotation_next_at": NEVER,
        }
    rules = secret.RotationRules
    return {
        "rotation_enabled": True,
        "rotation_period_days": _period_days(secret),
        "rotation_schedule": (rules.ScheduleExpression or "") if rules else "",
        "rotation_next_at": secret.NextRotationDate,
    }


def _period_days(secret: DescribedSecret) -> int | None:
    rules = secret.RotationRules
    if rules is None:
        return None
    rate = _RATE.fullmatch(rules.ScheduleExpression or "")
    if rate is None:
        return rules.AutomaticallyAfterDays
    return int(rate[1]) if rate[2] == "day" else -(-int(rate[1]) // 24)


def _last_rotated(secret: DescribedSecret, versions: list[SecretVersion] | None) -> datetime | None:
    """When the version in use was made; the secret's creation where it never had a value."""
    if versions is None:
        return None
    current = [version for version in versions if "AWSCURRENT" in version.VersionStages]
    if current:
        return current[0].CreatedDate
    labels = {label for stages in secret.VersionIdsToStages.values() for label in stages}
    return None if versions or "AWSCURRENT" in labels else secret.CreatedDate


def _rotation_result(
    secret: DescribedSecret, versions: list[SecretVersion] | None, received: datetime
) -> RotationResult | None:
    """How its last rotation ended, when the description was received.

    A rotation labels its version AWSPENDING, and takes that label away or puts AWSCURRENT beside it when it succeeds.
    Source: AWS Secrets Manager User Guide, how rotation works.
    """
    stages = secret.VersionIdsToStages.items()
    pending = {id for id, labels in stages if "AWSPENDING" in labels and "AWSCURRENT" not in labels}
    if not pending:
        return RotationResult.NONE if secret.LastRotatedDate is None else RotationResult.SUCCEEDED
    if secret.NextRotationDate is not None and secret.NextRotationDate < received:
        return RotationResult.FAILED
    made = [version.CreatedDate for version in versions or () if version.VersionId in pending and version.CreatedDate]
    return RotationResult.FAILED if made and received - max(made) > _LONGEST_ROTATION else None
