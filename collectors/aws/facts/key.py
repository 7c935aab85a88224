"""One KMS key: from its readings to its row, its material, its access rows, and the gaps of what was not read."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from collectors.aws.answers import (
    DescribedKey,
    Grants,
    KeyPolicy,
    KeyTags,
    LastUsage,
    Metadata,
    Rotation,
    Rotations,
    RotationStatus,
)
from collectors.aws.callers import Owner
from collectors.aws.facts.access import (
    GrantFacts,
    access_missing,
    grant_facts,
    grant_rows,
    key_outsiders,
    policy_rows,
    read_policies,
)
from collectors.aws.facts.scope import Setting
from collectors.aws.key_specs import key_spec, key_type, mechanisms_member, usage
from collectors.aws.operations import AWS_MANAGED_KEYS_NOT_OFFERED
from collectors.aws.policy import PolicyFacts
from collectors.aws.rotation import RotationRule, rotation_rule
from collectors.scope_rows import NOT_ASKED, expect, fill, listed
from collectors.tags import tag_facts
from evidence.model import (
    NEVER,
    GapKind,
    Key,
    KeyVersion,
    Manager,
    Origin,
    ProtectionLevel,
    Row,
    State,
    VersionCause,
)
from evidence.reading import Failure, Reading

DESCRIBE = "kms:DescribeKey"
HISTORY = "kms:ListKeyRotations"

_MANAGERS = {"AWS": Manager.PROVIDER, "CUSTOMER": Manager.CUSTOMER}
_ORIGINS = {
    "AWS_KMS": Origin.GENERATED,
    "AWS_CLOUDHSM": Origin.GENERATED,
    "EXTERNAL": Origin.IMPORTED,
    "EXTERNAL_KEY_STORE": Origin.EXTERNAL,
}
_STATES = {
    "Creating": State.PRE_ACTIVE,
    "PendingImport": State.PRE_ACTIVE,
    "Enabled": State.ACTIVE,
    "Updating": State.ACTIVE,
    "Disabled": State.SUSPENDED,
    "Unavailable": State.SUSPENDED,
    "PendingDeletion": State.PENDING_DELETION,
    "PendingReplicaDeletion": State.PENDING_DELETION,
}
"""Source: AWS KMS Developer Guide, key states. A key that is Updating still works; one that is Unavailable does not."""

_PENDING_MATERIAL = ("PENDING_ROTATION", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION")
_CAUSES = {"AUTOMATIC": VersionCause.AUTOMATIC, "ON_DEMAND": VersionCause.ON_DEMAND}


@dataclass(slots=True, kw_only=True)
class KeyReading:
    """All that was read about one key."""

    reading: Reading
    region_reading: Reading
    """The lists of its region, for the reasons why they do not tell."""
    aliases: list[str] | None
    tags: Mapping[str, str] | None
    """By the tags of all keys; None where these were not read."""
    evidence: list[str]

    @property
    def arn(self) -> str:
        return self.reading.subject

    @property
    def place(self) -> tuple[str | None, str | None]:
        """Region and account, as the ARN names them."""
        parts = self.arn.split(":")
        return (parts[3], parts[4]) if len(parts) >= 6 else (None, None)


def key_rows(setting: Setting, key: KeyReading) -> Generator[Row, None, bool]:
    """The rows of one key and their gaps. Returns whether its description was read."""
    reading = key.reading
    metadata = _described(reading)
    region, account = key.place
    customer = metadata is not None and metadata.KeyManager == "CUSTOMER"
    rule = _rule(reading, metadata, region)
    rotations = list(_rotations(reading)) if customer and rule and rule.history else []
    owner = setting.owner(account or setting.header.account)
    policy, grants = (_policy(reading, owner), _grants(reading, owner)) if customer else (None, None)
    row = Key(
        **setting.bookkeeping(key.arn, key.evidence),
        name=None if key.aliases is None else next(iter(key.aliases), key.arn.rpartition("/")[2]),
        aliases=key.aliases,
        account=account,
        region=region,
    )
    facts: dict[str, Any] = {}
    tags = _tags(key, customer)
    description = metadata.Description if metadata else None
    if metadata is not None:
        facts |= _description(setting, metadata, region)
        facts |= _lifecycle(metadata)
        facts |= _material(metadata, rule)
    if customer and metadata is not None:
        facts |= _rotation_setting(reading, rule)
        facts |= _rotation_history(reading, metadata, rule, rotations)
        facts |= _use(reading, metadata)
        facts["public"] = policy.public if policy else None
        facts["wildcard_access"] = policy.wildcard_access if policy else None
        facts["account_delegated"] = policy.account_delegated if policy else None
        facts["external_accounts"] = key_outsiders(policy, grants)
    facts |= asdict(tag_facts(tags, description, setting.settings))
    fill(row, facts)
    provider = metadata is not None and not customer and row.manager is Manager.PROVIDER
    not_offered = AWS_MANAGED_KEYS_NOT_OFFERED if provider else {}
    yield from setting.explained(row, [reading, key.region_reading], not_offered)
    yield from _version_rows(setting, key, row, metadata, rule, rotations)
    yield from _access_rows(setting, key, row, policy, grants, owner)
    return metadata is not None


def _described(reading: Reading) -> Metadata | None:
    expect(reading, DESCRIBE)
    answer = reading.answer(DESCRIBE, DescribedKey)
    if answer is not None and answer.KeyMetadata.Arn != reading.subject:
        reading.fail(DESCRIBE, GapKind.FAILED, "the answer describes another key", _observation(reading, DESCRIBE))
        return None
    return answer.KeyMetadata if answer else None


def _observation(reading: Reading, operation: str) -> str:
    return next((observation.id for observation in reading.of(operation)), "")


def _rule(reading: Reading, metadata: Metadata | None, region: str | None) -> RotationRule | None:
    """Its rotation rule; where a member that decides what a key is has no known value, that is a failure."""
    if metadata is None:
        return None
    known = {
        "KeyManager": metadata.KeyManager in _MANAGERS,
        "KeyState": metadata.KeyState in _STATES,
        "Origin": metadata.Origin in _ORIGINS,
        "KeyUsage": usage(metadata.KeyUsage) is not None,
        "KeySpec": key_spec(metadata.KeySpec, region) is not None,
    }
    unknown = [name for name, is_known in known.items() if not is_known]
    if unknown:
        text = f"the answer has no known {' and '.join(unknown)}"
        reading.fail(DESCRIBE, GapKind.FAILED, text, _observation(reading, DESCRIBE))
    related = metadata.MultiRegionConfiguration
    return rotation_rule(
        manager=metadata.KeyManager if known["KeyManager"] else None,
        spec=metadata.KeySpec,
        origin=metadata.Origin,
        state=metadata.KeyState if known["KeyState"] else None,
        multi_region=related.MultiRegionKeyType if related else None,
    )


def _description(setting: Setting, metadata: Metadata, region: str | None) -> dict[str, Any]:
    """What the key is and what it is for."""
    spec = key_spec(metadata.KeySpec, region)
    purpose = usage(metadata.KeyUsage)
    member = mechanisms_member(metadata.KeyUsage)
    mechanisms = getattr(metadata, member) if member else None
    held = metadata.Origin in ("AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM")
    facts: dict[str, Any] = {
        "description": metadata.Description,
        "key_store": metadata.CustomKeyStoreId or _service_store(setting, metadata),
        "manager": _MANAGERS.get(metadata.KeyManager or ""),
        "managed_by": {"AWS": "AWS", "CUSTOMER": ""}.get(metadata.KeyManager or ""),
        "origin": _ORIGINS.get(metadata.Origin or ""),
        "usages": None if purpose is None else [purpose],
        "key_type": key_type(metadata.KeySpec, metadata.KeyUsage) if spec else None,
        "mechanisms": None if mechanisms is None else sorted(set(mechanisms)),
        "protection_level": _protection(metadata.Origin),
        "extractable": False if held else None,
        "never_extractable": held or None,
        "key_settings": "{}",
        "release_policy": "",
        "recovery_level": "",
        "attestation": "",
        "access_reasons": [],
        "regions": _regions(metadata, region),
    }
    if spec is not None:
        facts |= {
            "algorithm": spec.algorithm,
            "parameter_set": spec.parameter_set,
            "bits": spec.bits,
            "security_bits": spec.security_bits,
            "pq_category": spec.pq_category,
        }
    return facts


def _service_store(setting: Setting, metadata: Metadata) -> str | None:
    return setting.store() if metadata.Origin in ("AWS_KMS", "EXTERNAL") else None


def _protection(origin: str | None) -> ProtectionLevel | None:
    if origin == "EXTERNAL_KEY_STORE":
        return ProtectionLevel.EXTERNAL
    return ProtectionLevel.HSM if origin in _ORIGINS else None


def _regions(metadata: Metadata, region: str | None) -> list[str] | None:
    """Regions that hold its material. The id of a multi-Region key, and of no other, begins with mrk-.

    Source: AWS KMS Developer Guide, how multi-Region keys work.
    """
    related = metadata.MultiRegionConfiguration
    if related is not None:
        return sorted({related.PrimaryKey.Region, *(replica.Region for replica in related.ReplicaKeys)})
    multi_region = metadata.MultiRegion
    if multi_region is None:
        multi_region = metadata.Arn.rpartition("/")[2].startswith("mrk-")
    return None if multi_region or region is None else [region]


def _lifecycle(metadata: Metadata) -> dict[str, Any]:
    """Its state and the dates that follow from it."""
    state = _STATES.get(metadata.KeyState or "")
    facts: dict[str, Any] = {"state": state, "created_at": metadata.CreationDate}
    if state is None:
        return facts
    doomed = state is State.PENDING_DELETION
    return facts | {
        "suspended_at": None if state is State.SUSPENDED else NEVER,
        "deletion_window_set": doomed,
        "deletion_window_days": metadata.PendingDeletionWindowInDays if doomed else 0,
        "deletion_requested_at": None if doomed else NEVER,
        "deletion_at": metadata.DeletionDate if doomed else NEVER,
    }


def _material(metadata: Metadata, rule: RotationRule | None) -> dict[str, Any]:
    """From when and until when its material can be used, and whether KMS can rotate it."""
    facts: dict[str, Any] = {}
    if rule is not None:
        facts |= {"rotatable": rule.rotatable, "rotatable_reason": rule.reason}
    if metadata.Origin not in _ORIGINS:
        return facts
    imported = metadata.Origin == "EXTERNAL"
    facts["expiry_settable"] = imported
    facts["expires_at"] = _expiry(metadata) if imported else NEVER
    if metadata.KeyState in _STATES and not imported:
        facts["activated_at"] = NEVER if metadata.KeyState == "Creating" else metadata.CreationDate
    return facts


def _expiry(metadata: Metadata | Rotation) -> datetime | None:
    if metadata.ExpirationModel == "KEY_MATERIAL_EXPIRES":
        return metadata.ValidTo
    if metadata.ExpirationModel == "KEY_MATERIAL_DOES_NOT_EXPIRE":
        return NEVER
    without_material = isinstance(metadata, Metadata) and metadata.KeyState in ("PendingImport", "Creating")
    return NEVER if without_material else None


def _rotation_setting(reading: Reading, rule: RotationRule | None) -> dict[str, Any]:
    off = {"rotation_enabled": False, "rotation_period_days": 0, "rotation_next_at": NEVER}
    if rule is None:
        return {}
    if not rule.status:
        return off | {"rotation_requested_at": NEVER}
    expect(reading, "kms:GetKeyRotationStatus")
    status = reading.answer("kms:GetKeyRotationStatus", RotationStatus)
    if status is None:
        return {}
    under_way = {"rotation_requested_at": status.OnDemandRotationStartDate or NEVER}
    if not status.KeyRotationEnabled:
        return off | under_way
    return under_way | {
        "rotation_enabled": True,
        "rotation_period_days": status.RotationPeriodInDays,
        "rotation_next_at": status.NextRotationDate,
    }


def _rotations(reading: Reading) -> Iterator[Rotation]:
    for _, page in listed(reading, HISTORY, Rotations, lambda page: page.more):
        yield from page.Rotations


def _rotation_history(
    reading: Reading, metadata: Metadata, rule: RotationRule | None, rotations: list[Rotation]
) -> dict[str, Any]:
    if rule is None or HISTORY in reading.failures or metadata.Origin == "EXTERNAL_KEY_STORE":
        return {}
    dates = [rotation.RotationDate for rotation in rotations if rotation.RotationDate is not None]
    return {"rotations": len(dates), "last_rotated_at": max(dates, default=metadata.CreationDate)}


def _use(reading: Reading, metadata: Metadata) -> dict[str, Any]:
    """When it was last used. Without a use on record it is unused only if it is no older than the record.

    Source: AWS KMS API reference, GetKeyLastUsage.
    """
    expect(reading, "kms:GetKeyLastUsage")
    usage = reading.answer("kms:GetKeyLastUsage", LastUsage)
    if usage is None:
        return {}
    tracked = {"usage_tracked_since": usage.TrackingStartDate}
    if usage.KeyLastUsage.Timestamp is not None:
        return {**tracked, "used": True, "last_used_at": usage.KeyLastUsage.Timestamp}
    created = usage.KeyCreationDate or metadata.CreationDate
    if created is not None and created >= usage.TrackingStartDate:
        return {**tracked, "used": False, "last_used_at": metadata.CreationDate}
    return tracked


def _tags(key: KeyReading, customer: bool) -> Mapping[str, str] | None:
    if key.tags is not None or not customer:
        return key.tags
    operation = "kms:ListResourceTags"
    pages = [page for _, page in listed(key.reading, operation, KeyTags, lambda page: page.more)]
    if operation in key.reading.failures:
        return None
    return {tag.TagKey: tag.TagValue for page in pages for tag in page.Tags}


def _policy(reading: Reading, owner: Owner) -> PolicyFacts | None:
    operation = "kms:GetKeyPolicy"
    expect(reading, operation)
    answer = reading.answer(operation, KeyPolicy)
    return read_policies(reading, operation, [answer.Policy], reading.subject, "kms", owner) if answer else None


def _grants(reading: Reading, owner: Owner) -> GrantFacts | None:
    """What its grants admit; None where not all were read."""
    grants = [
        grant for _, page in listed(reading, "kms:ListGrants", Grants, lambda page: page.more) for grant in page.Grants
    ]
    return None if "kms:ListGrants" in reading.failures else grant_facts(grants, owner)


def _access_rows(
    setting: Setting, key: KeyReading, row: Key, policy: PolicyFacts | None, grants: GrantFacts | None, owner: Owner
) -> Iterator[Row]:
    reading = key.reading
    if row.manager is Manager.CUSTOMER:
        failures = {n: f for n, f in reading.failures.items() if n in ("kms:GetKeyPolicy", "kms:ListGrants")}
    else:
        failures = _not_asked(reading, row, "kms:GetKeyPolicy", "AWS manages this key and its policy")
    yield from access_missing(setting, key.arn, failures)
    if policy is not None:
        yield from policy_rows(setting, key.arn, reading, "kms:GetKeyPolicy", "key policy", policy)
    if grants is not None:
        yield from grant_rows(setting, key.arn, reading, grants, owner)


def _not_asked(reading: Reading, row: Key, operation: str, by_design: str) -> dict[str, Failure]:
    """Why an operation was not asked: the key is AWS's own, or its description was not read."""
    if row.manager is Manager.PROVIDER:
        return {operation: Failure(GapKind.NOT_OFFERED, by_design, "")}
    return {DESCRIBE: reading.failures.get(DESCRIBE, Failure(GapKind.FAILED, NOT_ASKED, ""))}


def _version_rows(
    setting: Setting,
    key: KeyReading,
    row: Key,
    metadata: Metadata | None,
    rule: RotationRule | None,
    rotations: list[Rotation],
) -> Iterator[Row]:
    reading = key.reading
    missing: dict[str, Failure] = {}
    if metadata is None or rule is None or row.manager is not Manager.CUSTOMER:
        missing = _not_asked(reading, row, HISTORY, "AWS manages this key and its material")
    elif metadata.Origin == "EXTERNAL_KEY_STORE":
        outside = "the material is in an external key manager, which KMS does not see"
        missing = {HISTORY: Failure(GapKind.NOT_OFFERED, outside, "")}
    elif HISTORY in reading.failures:
        missing = {HISTORY: reading.failures[HISTORY]}
    for operation, failure in missing.items():
        yield setting.rows_missing(row, "key_version", key.arn, operation, failure)
    if missing or metadata is None:
        return
    evidence = [o.id for operation in (DESCRIBE, HISTORY) for o in reading.of(operation)]
    for version in _versions(setting, key.arn, metadata, row.state, rotations, evidence):
        version.origin, version.algorithm, version.protection_level = row.origin, row.algorithm, row.protection_level
        version.external_key = version.attestation = ""
        version.destroyed_at = row.deletion_at
        yield from setting.explained(version, [reading])


def _versions(
    setting: Setting, arn: str, metadata: Metadata, state: State | None, rotations: list[Rotation], evidence: list[str]
) -> Iterator[KeyVersion]:
    """The material of a key, oldest first. The first has no rotation date, and is there even if it is not listed."""
    imported = metadata.Origin == "EXTERNAL"
    pending = [rotation for rotation in rotations if rotation.KeyMaterialState in _PENDING_MATERIAL]
    undated = [rotation for rotation in rotations if rotation.RotationDate is None and rotation not in pending]
    first: list[Rotation | None] = [undated[0] if undated else None]
    dated = [rotation for rotation in rotations if rotation.RotationDate is not None]
    later = sorted(dated, key=lambda rotation: rotation.RotationDate or NEVER)
    starts = [*(rotation.RotationDate for rotation in later), NEVER]
    has_material = not (imported and metadata.KeyState == "PendingImport" and not rotations)
    for number, rotation in enumerate([*first, *later] if has_material else []):
        yield KeyVersion(
            **setting.bookkeeping(_version_id(arn, rotation, number), evidence),
            key=arn,
            state=state if starts[number] == NEVER else State.DEACTIVATED,
            created_at=_start(rotation, metadata, imported),
            superseded_at=starts[number],
            cause=_cause(rotation, imported),
            expires_at=_version_expiry(rotation, metadata, imported),
        )
    for number, rotation in enumerate(pending):
        yield KeyVersion(
            **setting.bookkeeping(_version_id(arn, rotation, -1 - number), evidence),
            key=arn,
            state=State.PRE_ACTIVE,
            created_at=NEVER,
            superseded_at=NEVER,
            cause=VersionCause.IMPORT,
            expires_at=_expiry(rotation),
        )


def _version_id(arn: str, rotation: Rotation | None, number: int) -> str:
    return f"{arn}#{(rotation.KeyMaterialId if rotation else None) or number}"


def _start(rotation: Rotation | None, metadata: Metadata, imported: bool) -> datetime | None:
    if rotation is not None and rotation.RotationDate is not None:
        return rotation.RotationDate
    return None if imported else metadata.CreationDate


def _cause(rotation: Rotation | None, imported: bool) -> VersionCause | None:
    if rotation is None or rotation.RotationDate is None:
        return VersionCause.IMPORT if imported else VersionCause.INITIAL
    return _CAUSES.get(rotation.RotationType or "")


def _version_expiry(rotation: Rotation | None, metadata: Metadata, imported: bool) -> datetime | None:
    if not imported:
        return NEVER
    return _expiry(metadata if rotation is None else rotation)
