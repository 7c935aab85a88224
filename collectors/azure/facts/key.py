"""One key of a vault or managed HSM: from its readings to its row, its versions, and the gaps of what was not read."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from collectors.azure.answers import (
    ArmKey,
    ArmRotationPolicy,
    ArmVersions,
    Attributes,
    JsonWebKey,
    KeyBundle,
    ListedKeys,
    ReleasePolicy,
    RotationPolicy,
    thing_id,
    thing_name,
    without_port,
)
from collectors.azure.facts.scope import Setting, deletion_window, state_of
from collectors.azure.facts.store import DELETED_KEYS, KEYS, ListedThing, Store
from collectors.azure.key_specs import family, in_hsm, key_spec, key_type, mechanisms, modulus_bits, usages
from collectors.azure.operations import DELETED_KEY_NOT_OFFERED
from collectors.azure.rotation import OFF, RotationSchedule, rotation_schedule
from collectors.scope_rows import NOT_ASKED, expect, fill, listed
from collectors.tags import tag_facts
from evidence.model import (
    NEVER,
    GapKind,
    Key,
    KeyVersion,
    Manager,
    ProtectionLevel,
    Rotatable,
    Row,
    State,
    VersionCause,
)
from evidence.observation import canonical_json
from evidence.reading import Failure, Reading

GET, ATTESTATION, GET_DELETED = "keys:GetKey", "keys:GetKeyAttestation", "keys:GetDeletedKey"
VERSIONS, POLICY = "keys:GetKeyVersions", "keys:GetKeyRotationPolicy"

ATTESTATION_FORM = "Managed HSM key attestation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a key is, whichever API told it."""

    operation: str
    observation: str
    received_at: str
    kty: str
    curve: str | None
    alg: str | None
    bits: int | None
    operations: list[str] | None
    attributes: Attributes
    tags: dict[str, str]
    managed: bool | None
    """A certificate manages it; None where the API does not tell."""
    attested: bool | None
    """An attestation came with it; None where none was asked for."""
    release_policy: ReleasePolicy | None
    deleted_at: datetime | None = None
    purged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a key, as a list tells of it."""

    id: str
    attributes: Attributes
    observation: str


def key_rows(setting: Setting, store: Store, reading: Reading, entry: ListedThing) -> Generator[Row, None, bool]:
    """The rows of one key and their gaps. Returns whether its description was read."""
    id = reading.subject
    by_manager = store.keys_by_manager
    if any(reading.of(GET_DELETED)):
        entry = replace(entry, deleted=True)
    told = _described(reading, entry, f"{by_manager}_Get")
    versions = None if entry.deleted else _versions(reading, entry, f"{by_manager}_ListVersions")
    evidence = [*reading.evidence, *filter(None, [entry.observation])]
    row = Key(
        **setting.bookkeeping(id, evidence),
        name=thing_name(id),
        aliases=[],
        description="",
        account=setting.header.account,
        region=setting.header.region,
        key_store=store.resource,
        manager=Manager.CUSTOMER,
        expiry_settable=True,
        rotation_requested_at=NEVER,
        access_reasons=[],
        regions=store.regions,
        deletion_requested_at=NEVER,
        deletion_at=NEVER,
        account_delegated=store.access.delegated,
    )
    managed = told.managed if told and told.managed is not None else entry.managed
    facts: dict[str, Any] = {"managed_by": None if managed is None else thing_name(id) if managed else ""}
    if told is not None:
        facts |= _material(reading, told, managed, in_store=setting.header.service == "managedhsm")
        facts |= _lifecycle(told, store.retention_days)
    if entry.deleted:
        facts |= _deletion(told, entry)
    elif versions is not None:
        facts |= _history(told, versions)
    facts |= _rotatable(facts.get("state"), managed)
    schedule = _schedule(reading, told, managed, f"{by_manager}_Get", deleted=entry.deleted)
    if schedule is not None:
        facts |= {
            "rotation_enabled": schedule.enabled,
            "rotation_period_days": schedule.period_days,
            "rotation_next_at": schedule.next_at,
        }
    place = f"keys/{thing_name(id)}"
    facts |= store.access.facts(place, store.reading)
    facts |= asdict(tag_facts(told.tags if told else None, "", setting.settings))
    fill(row, facts)
    told_by = [reading, store.reading, *store.access.untold(place, store.reading)]
    yield from setting.explained(row, told_by, DELETED_KEY_NOT_OFFERED if entry.deleted else None)
    yield from _version_rows(setting, store, reading, entry, row, versions)
    return told is not None


def _described(reading: Reading, entry: ListedThing, by_manager: str) -> Description | None:
    """What the key is, by the first answer that tells it."""
    if not any(any(reading.of(operation)) for operation in (GET, ATTESTATION, GET_DELETED, by_manager)):
        expect(reading, GET_DELETED if entry.deleted else by_manager if entry.by_manager else GET)
    for operation in (ATTESTATION, GET, GET_DELETED):
        bundle = reading.answer(operation, KeyBundle)
        observation = next(reading.of(operation), None)
        if bundle is None or observation is None:
            continue
        if thing_id(bundle.key.kid) != reading.subject:
            reading.fail(operation, GapKind.FAILED, "the answer describes another key", observation.id)
            continue
        key = bundle.key
        return Description(
            operation=operation,
            observation=observation.id,
            received_at=observation.received_at,
            kty=key.kty,
            curve=key.crv,
            alg=key.alg,
            bits=_size(reading, key, by_manager),
            operations=key.key_ops,
            attributes=bundle.attributes,
            tags=bundle.tags or {},
            managed=bundle.managed is True,
            attested=bundle.attributes.attestation is not None if operation == ATTESTATION else None,
            release_policy=bundle.release_policy,
            deleted_at=bundle.deletedDate,
            purged_at=bundle.scheduledPurgeDate,
        )
    return _described_by_manager(reading, by_manager)


def _size(reading: Reading, key: JsonWebKey, by_manager: str) -> int | None:
    """Of a symmetric key only Resource Manager tells the size."""
    if key.kty.startswith("RSA"):
        return modulus_bits(key.n)
    answer = reading.answer(by_manager, ArmKey) if key.key_size is None else None
    return answer.properties.keySize if answer else key.key_size


def _described_by_manager(reading: Reading, operation: str) -> Description | None:
    answer = reading.answer(operation, ArmKey)
    observation = next(reading.of(operation), None)
    if answer is None or observation is None:
        return None
    told = answer.properties
    if thing_id(told.keyUri) != reading.subject:
        reading.fail(operation, GapKind.FAILED, "the answer describes another key", observation.id)
        return None
    return Description(
        operation=operation,
        observation=observation.id,
        received_at=observation.received_at,
        kty=told.kty,
        curve=told.curveName,
        alg=None,
        bits=told.keySize,
        operations=told.keyOps,
        attributes=told.attributes,
        tags=answer.tags or {},
        managed=None,
        attested=None,
        release_policy=told.release_policy,
    )


def _material(reading: Reading, told: Description, managed: bool | None, *, in_store: bool) -> dict[str, Any]:
    """What its material is; where a member that decides it has no known value, that is a failure."""
    algorithm = family(told.kty, told.alg)
    spec = key_spec(told.kty, curve=told.curve, bits=told.bits, alg=told.alg)
    purposes = usages(told.operations)
    known = {
        "kty": algorithm is not None,
        "key_ops": purposes is not None,
        "size or curve": spec is not None or algorithm in (None, "AES"),
    }
    unknown = [name for name, is_known in known.items() if not is_known]
    if unknown:
        text = f"the answer has no known {' and '.join(unknown)}"
        reading.fail(told.operation, GapKind.FAILED, text, told.observation)
    extractable = _extractable(told.attributes, managed)
    facts: dict[str, Any] = {
        "usages": purposes,
        "algorithm": algorithm,
        "key_type": key_type(algorithm, purposes),
        "mechanisms": mechanisms(spec, purposes),
        "protection_level": ProtectionLevel.HSM if in_store or in_hsm(told.kty) else ProtectionLevel.SOFTWARE,
        "extractable": extractable,
        "never_extractable": None if extractable is None else not extractable,  # fixed when a version is made
        "key_settings": "{}",
        "release_policy": _release_policy(told.release_policy),
        "attestation": _attestation(told, in_store=in_store),
    }
    if spec is not None:
        facts |= {
            "parameter_set": spec.parameter_set,
            "bits": spec.bits,
            "security_bits": spec.security_bits,
            "pq_category": spec.pq_category,
        }
    elif algorithm == "AES":
        facts["parameter_set"] = ""
    return facts


def _extractable(attributes: Attributes, managed: bool | None) -> bool | None:
    """It may be released or exported. Of a certificate's key the certificate decides."""
    if attributes.exportable is True:
        return True
    return False if managed is False else None


def _attestation(told: Description, *, in_store: bool) -> str | None:
    if told.attested is not None:
        return ATTESTATION_FORM if told.attested else ""
    return None if in_store or in_hsm(told.kty) else ""


def _release_policy(policy: ReleasePolicy | None) -> str:
    """The policy's document as canonical JSON; as it is where it is none."""
    if policy is None or not policy.data:
        return ""
    try:
        return canonical_json(json.loads(base64.urlsafe_b64decode(policy.data + "=" * (-len(policy.data) % 4))))
    except (ValueError, RecursionError):
        return policy.data


def _lifecycle(told: Description, retention: int | None) -> dict[str, Any]:
    attributes = told.attributes
    days = deletion_window(attributes, retention)
    return {
        "state": state_of(attributes, told.received_at),
        "expires_at": attributes.exp or NEVER,
        "updated_at": attributes.updated,
        "recovery_level": attributes.recoveryLevel,
        "suspended_at": NEVER if attributes.enabled else None,
        "deletion_window_set": None if days is None else days > 0,
        "deletion_window_days": days,
    }


def _deletion(told: Description | None, entry: ListedThing) -> dict[str, Any]:
    """When it was deleted and when it will be gone, by the key's own answer or else by the list."""
    deleted_at = (told.deleted_at if told else None) or (entry.item.deletedDate if entry.item else None)
    purged_at = (told.purged_at if told else None) or (entry.item.scheduledPurgeDate if entry.item else None)
    return {"state": State.PENDING_DELETION, "deletion_requested_at": deleted_at, "deletion_at": purged_at}


def _versions(reading: Reading, entry: ListedThing, by_manager: str) -> list[Version] | None:
    """Its versions, oldest first; None where they were not all read."""
    found: list[Version] = []
    if any(reading.of(VERSIONS)) or not (entry.by_manager or any(reading.of(by_manager))):
        for observation, page in listed(reading, VERSIONS, ListedKeys, lambda page: page.more):
            found.extend(Version(version.kid, version.attributes, observation) for version in page.value)
        if VERSIONS not in reading.failures:
            return _sorted(reading, VERSIONS, found)
    if any(reading.of(by_manager)) or entry.by_manager:
        found = []
        for observation, arm in listed(reading, by_manager, ArmVersions, lambda page: page.more):
            told = (version.properties for version in arm.value)
            found.extend(Version(without_port(v.keyUriWithVersion), v.attributes, observation) for v in told)
        if by_manager not in reading.failures:
            return _sorted(reading, by_manager, found)
    return None


def _sorted(reading: Reading, operation: str, versions: list[Version]) -> list[Version] | None:
    if not versions:
        reading.fail(operation, GapKind.FAILED, "the answer lists no version of the key")
        return None
    return sorted(versions, key=lambda version: (version.attributes.created, version.id))


def _history(told: Description | None, versions: list[Version]) -> dict[str, Any]:
    """What the versions tell: every version after the first is a rotation, whatever made it."""
    first, newest = versions[0].attributes, versions[-1].attributes
    facts: dict[str, Any] = {
        "created_at": first.created,
        "rotations": len(versions) - 1,
        "last_rotated_at": newest.created,
    }
    if told is not None:
        begun = first.nbf is None or len(versions) > 1 or first.nbf <= datetime.fromisoformat(told.received_at)
        facts["activated_at"] = (first.nbf or first.created) if begun else NEVER
    return facts


def _rotatable(state: State | None, managed: bool | None) -> dict[str, Any]:
    """Whether a rotation policy can rotate it: any key but a certificate's, which is renewed with the certificate."""
    if managed is None or state is None:
        return {}
    reason = Rotatable.CERTIFICATE if managed else Rotatable.YES if state is State.ACTIVE else Rotatable.NOT_ACTIVE
    return {"rotatable": reason is Rotatable.YES, "rotatable_reason": reason}


def _schedule(
    reading: Reading, told: Description | None, managed: bool | None, by_manager: str, *, deleted: bool
) -> RotationSchedule | None:
    if deleted or managed is True:
        return OFF
    operation = POLICY if any(reading.of(POLICY)) or not any(reading.of(by_manager)) else by_manager
    if operation == POLICY and told is not None:
        expect(reading, POLICY)
    policy = reading.answer(POLICY, RotationPolicy)
    if policy is None:
        key = reading.answer(by_manager, ArmKey)
        policy = (key.properties.rotationPolicy or ArmRotationPolicy()) if key else None
        operation = by_manager if key else operation
    if policy is None or told is None:
        return None
    attributes = told.attributes
    try:
        return rotation_schedule(policy, attributes.created, attributes.exp, suspended=not attributes.enabled)
    except ValueError as error:
        observation = next((o.id for o in reading.of(operation)), "")
        reading.fail(operation, GapKind.FAILED, f"the rotation policy cannot be read: {error}", observation)
        return None


def _version_rows(
    setting: Setting, store: Store, reading: Reading, entry: ListedThing, row: Key, versions: list[Version] | None
) -> Iterator[Row]:
    if versions is None:
        yield setting.rows_missing(row, "key_version", row.id, *_why_no_versions(store, reading, entry))
        return
    starts = [*(version.attributes.created for version in versions[1:]), NEVER]
    for number, (version, superseded_at) in enumerate(zip(versions, starts, strict=True)):
        newest = superseded_at == NEVER
        yield from setting.explained(
            KeyVersion(
                **setting.bookkeeping(version.id, [version.observation]),
                key=row.id,
                state=_version_state(version, row.state, newest=newest),
                created_at=version.attributes.created,
                superseded_at=superseded_at,
                cause=VersionCause.INITIAL if number == 0 else None,
                expires_at=version.attributes.exp or NEVER,
                destroyed_at=NEVER,
                algorithm=row.algorithm,
                protection_level=row.protection_level,
                external_key="",
                attestation=row.attestation if newest or row.attestation == "" else None,
            ),
            [reading, store.reading],
        )


def _version_state(version: Version, state: State | None, *, newest: bool) -> State | None:
    if not version.attributes.enabled:
        return State.SUSPENDED
    return state if newest else State.DEACTIVATED


def _why_no_versions(store: Store, reading: Reading, entry: ListedThing) -> tuple[str, Failure]:
    if entry.deleted:
        return DELETED_KEYS, Failure(GapKind.NOT_OFFERED, "Key Vault does not list the versions of a deleted key", "")
    for operation in (VERSIONS, f"{store.keys_by_manager}_ListVersions"):
        if operation in reading.failures:
            return operation, reading.failures[operation]
    return VERSIONS, store.reading.failures.get(KEYS, Failure(GapKind.FAILED, NOT_ASKED, ""))
