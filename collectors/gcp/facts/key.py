"""One key of Cloud KMS: from its message and its versions to its row, its material, and what was not read of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

from collectors.gcp.answers import CryptoKey, EkmConnection, ProtectedResources, ProtectedSummary, Version, Versions
from collectors.gcp.assets import MATERIAL_TO_COME
from collectors.gcp.facts.access import Level, access_rows, admitted, of_roles, own_level
from collectors.gcp.facts.scope import Setting, listed
from collectors.gcp.key_specs import ALGORITHMS, COORDINATED, ROTATED, key_type, protection, rotatable, usage
from collectors.gcp.names import last, location_of, parent
from collectors.gcp.operations import EXTERNAL_KEYS_NOT_OFFERED
from collectors.periods import DAY, days_begun
from collectors.scope_rows import NOT_ASKED, expect, fill
from collectors.tags import tag_facts
from evidence.model import (
    NEVER,
    GapKind,
    Key,
    KeyVersion,
    Manager,
    Origin,
    ProtectedResource,
    ProtectionLevel,
    Rotatable,
    Row,
    State,
    VersionCause,
)
from evidence.reading import Failure, Reading

VERSIONS = "kms:ListCryptoKeyVersions"
SUMMARY = "kmsinventory:GetProtectedResourcesSummary"
SEARCH = "kmsinventory:SearchProtectedResources"
POLICY = "kms:GetIamPolicy"
AUTOKEY = "Cloud KMS Autokey"
AUTOKEY_RING = "autokey"
"""Autokey makes its keys in a key ring of this name. Source: Cloud KMS documentation, Autokey overview."""

_LEFT_TO_OTHERS = ("PENDING_EXTERNAL_DESTRUCTION", "EXTERNAL_DESTRUCTION_FAILED")
_GONE = ("DESTROYED", *_LEFT_TO_OTHERS)
_FAILED = ("IMPORT_FAILED", "GENERATION_FAILED")
_STATES = {
    "PENDING_GENERATION": State.PRE_ACTIVE,
    "PENDING_IMPORT": State.PRE_ACTIVE,
    "ENABLED": State.ACTIVE,
    "DISABLED": State.SUSPENDED,
    "DESTROY_SCHEDULED": State.PENDING_DELETION,
    **dict.fromkeys((*_GONE, *_FAILED), State.DESTROYED),
}
"""Source: Cloud KMS documentation, key states. A version that failed holds no material and never will."""


@dataclass(slots=True, kw_only=True)
class KeyReading:
    """All that was read about one key."""

    name: str
    key: CryptoKey | None
    reading: Reading
    """What was asked about it alone."""
    versions: Sequence[Version] | None
    """Those that something else than `reading` tells of, or None."""
    policy: Level | None
    """Its policy, where something else than `reading` tells it."""
    above: Sequence[Level]
    """The policies that it inherits: of its key ring, project, folders, organization."""
    context: Sequence[Reading]
    """The lists that it is part of, for the reasons why they do not tell."""
    evidence: Sequence[str]
    account: str
    connection: EkmConnection | None
    """The one to its external key manager, where it names one and that was read."""
    autokey: bool | None
    """Autokey made it; None where that was not read."""


def key_rows(setting: Setting, key: KeyReading) -> Generator[Row, None, bool]:
    """The rows of one key and their gaps. Returns whether its versions were read."""
    reading = key.reading
    versions = _versions(key)
    policy = key.policy or own_level(setting, reading, POLICY, "key", "kms")
    levels = [policy, *key.above]
    facts = admitted(levels)
    row = Key(
        **setting.bookkeeping(key.name, [*key.evidence, *reading.evidence]),
        name=last(key.name),
        aliases=[],
        description="",
        account=key.account,
        region=location_of(key.name),
        key_store=parent(key.name),
        manager=Manager.CUSTOMER,
        managed_by=None if key.autokey is None else AUTOKEY if key.autokey else "",
        expires_at=NEVER,
        expiry_settable=False,
        rotation_requested_at=NEVER,
        recovery_level="",
        key_settings="{}",
        release_policy="",
        account_delegated=False,
        regions=[location_of(key.name)],
        protected_resources=_protected_count(reading),
        public=facts.public,
        external_accounts=None if facts.outsiders is None else list(facts.outsiders),
        wildcard_access=facts.wildcard_access,
    )
    fill(row, _described(setting, key, versions))
    external = row.protection_level is ProtectionLevel.EXTERNAL
    not_offered = EXTERNAL_KEYS_NOT_OFFERED if external else {}
    yield from setting.explained(row, [reading, *key.context, of_roles(levels)], not_offered)
    yield from _version_rows(setting, key, row, versions)
    yield from access_rows(setting, key.name, [policy], reading, key.context)
    yield from _resource_rows(setting, key, row)
    return versions is not None


def _versions(key: KeyReading) -> list[Version] | None:
    """Its versions by their numbers; its own service's answer counts before an asset's."""
    reading = key.reading
    if key.versions is None or any(reading.of(VERSIONS)):
        pages = [page for _, page in listed(reading, VERSIONS, Versions)]
        found = [version for page in pages for version in page.crypto_key_versions]
    else:
        found = list(key.versions)
    unknown = sorted({v.state for v in found if v.state not in _STATES})
    if unknown:
        reading.fail(VERSIONS, GapKind.FAILED, f"the answer has a version in no known state: {', '.join(unknown)}")
    if VERSIONS in reading.failures:
        return None
    return sorted(found, key=_number)


def _number(version: Version) -> tuple[int, str]:
    id = last(version.name)
    return (int(id), "") if id.isascii() and id.isdecimal() and len(id) < 19 else (0, id)


def _described(setting: Setting, about: KeyReading, versions: list[Version] | None) -> dict[str, Any]:
    """The columns that the key's message and its versions fill."""
    key = about.key
    if key is None:
        return {}
    facts: dict[str, Any] = {
        "usages": None if usage(key.purpose) is None else [usage(key.purpose)],
        "key_type": key_type(key.purpose),
        "created_at": key.create_time,
        "access_reasons": _reasons(key),
        **_deletion_window(key),
        **asdict(tag_facts(key.labels, "", setting.settings)),
    }
    if versions is None:
        return facts | _without_versions(key)
    used = in_use(key, versions)
    state = _state(key, versions)
    told = used.protection_level if used else key.version_template.protection_level
    level = protection(told)
    facts |= _material(key, used, level)
    facts |= _lifecycle(key, versions, state)
    facts |= _history(key, versions, used, level)
    facts |= _rotation(key, level, active=state is State.ACTIVE, coordinated=_coordinated(told, about.connection))
    facts["attestation"] = used.attestation.format if used and used.attestation else ""
    return facts


def _deletion_window(key: CryptoKey) -> dict[str, Any]:
    """How long a version waits to be destroyed, which Cloud KMS states of every key."""
    wait = key.destroy_scheduled_duration
    return {} if wait is None else {"deletion_window_set": True, "deletion_window_days": wait // DAY}


def _without_versions(key: CryptoKey) -> dict[str, Any]:
    """What can be said of a key whose versions were not read: all of a purpose that never rotates by itself."""
    reason = rotatable(key.purpose, None, import_only=key.import_only, active=False)
    return {} if reason is None else {"rotatable": False, "rotatable_reason": reason, **_OFF}


_OFF = {"rotation_enabled": False, "rotation_period_days": 0, "rotation_next_at": NEVER}


def in_use(key: CryptoKey, versions: Sequence[Version]) -> Version | None:
    """The version in use: the primary one, or for keys that have none the newest that is enabled, else the newest."""
    by_name = {version.name: version for version in versions}
    if key.purpose == ROTATED and key.primary is not None:
        return by_name.get(key.primary.name, key.primary)
    with_material = [version for version in versions if version.state not in MATERIAL_TO_COME]
    enabled = [version for version in with_material if version.state == "ENABLED"]
    return next(reversed(enabled or with_material or list(versions)), None)


def _state(key: CryptoKey, versions: Sequence[Version]) -> State:
    """A key is as the best of its versions; one whose primary version is not enabled only decrypts."""
    states = {version.state for version in versions}
    if "ENABLED" in states:
        primary = in_use(key, versions)
        return State.ACTIVE if primary is not None and primary.state == "ENABLED" else State.DEACTIVATED
    for name in ("DISABLED", "DESTROY_SCHEDULED", "PENDING_GENERATION", "PENDING_IMPORT"):
        if name in states:
            return _STATES[name]
    return State.DESTROYED if states & {*_GONE} else State.PRE_ACTIVE


def _start(version: Version) -> datetime:
    """From when on a version has its material."""
    return version.import_time or version.generate_time or version.create_time


def _origin(version: Version) -> Origin | None:
    """Where its material comes from; None where it is protected in a way that is not known."""
    level = protection(version.protection_level)
    if level in (None, ProtectionLevel.EXTERNAL):
        return None if level is None else Origin.EXTERNAL
    return Origin.IMPORTED if version.import_job or version.import_time else Origin.GENERATED


def _reasons(key: CryptoKey) -> list[str]:
    """The reasons that its policy of Key Access Justifications allows; a policy without any allows none."""
    policy = key.key_access_justifications_policy
    return [] if policy is None else sorted(set(policy.allowed_access_reasons)) or ["none"]


_ORIGINS: dict[ProtectionLevel | None, Origin] = {
    ProtectionLevel.SOFTWARE: Origin.GENERATED,
    ProtectionLevel.HSM: Origin.GENERATED,
    ProtectionLevel.EXTERNAL: Origin.EXTERNAL,
}
"""Of a key without versions, unless it takes imported material alone."""


def _material(key: CryptoKey, used: Version | None, level: ProtectionLevel | None) -> dict[str, Any]:
    name = used.algorithm if used else key.version_template.algorithm
    origin = _origin(used) if used else _ORIGINS.get(level)
    if key.import_only:
        origin = Origin.IMPORTED
    algorithm = ALGORITHMS.get(name)
    held = level not in (None, ProtectionLevel.EXTERNAL)
    return {
        "origin": origin,
        "protection_level": level,
        "mechanisms": [name],
        "extractable": False if held else None,
        "never_extractable": held or None,
        **(asdict(algorithm) if algorithm else {}),
    }


def _lifecycle(key: CryptoKey, versions: Sequence[Version], state: State) -> dict[str, Any]:
    with_material = [version for version in versions if version.state not in MATERIAL_TO_COME]
    ending = [version.destroy_time for version in versions if version.state == "DESTROY_SCHEDULED"]
    destroyed = [_destroyed_at(version) for version in versions if version.state in _GONE]
    facts: dict[str, Any] = {
        "state": state,
        "activated_at": min(map(_start, with_material), default=NEVER),
        "suspended_at": None if state is State.SUSPENDED else NEVER,
        "deletion_requested_at": NEVER,
        "deletion_at": NEVER,
    }
    if state is State.PENDING_DELETION:
        last_day = None if None in ending else max(day for day in ending if day is not None)
        facts["deletion_at"] = last_day
        facts["deletion_requested_at"] = _requested_at(last_day, key.destroy_scheduled_duration)
    elif state is State.DESTROYED:
        facts["deletion_requested_at"] = None
        facts["deletion_at"] = None if None in destroyed else max(day for day in destroyed if day is not None)
    return facts


def _requested_at(last_day: datetime | None, wait: int | None) -> datetime | None:
    if last_day is None or wait is None:
        return None
    try:
        return last_day - timedelta(seconds=wait)
    except OverflowError:
        return None


def _destroyed_at(version: Version) -> datetime | None:
    """When its material was or will be destroyed; None where that is not told, as of what an external key manager is
    yet to destroy or failed to.
    """
    if version.state in _LEFT_TO_OTHERS:
        return None
    if version.state in _GONE:
        return version.destroy_event_time or version.destroy_time
    return version.destroy_time or (None if version.state == "DESTROY_SCHEDULED" else NEVER)


def _history(
    key: CryptoKey, versions: Sequence[Version], used: Version | None, level: ProtectionLevel | None
) -> dict[str, Any]:
    """How often its material was replaced, by whomever. What an external key manager does is not seen, and what
    happens where material is protected in a way that is not known may not be.
    """
    if level in (None, ProtectionLevel.EXTERNAL):
        return {}
    with_material = [version for version in versions if version.state not in MATERIAL_TO_COME]
    current = used if used in with_material else None
    return {
        "rotations": max(len(with_material) - 1, 0),
        "last_rotated_at": _start(current) if current else key.create_time,
    }


def _coordinated(level: str, connection: EkmConnection | None) -> bool | None:
    """Cloud KMS has the external key manager make material, which it can only through a connection."""
    if level != "EXTERNAL_VPC":
        return False
    return None if connection is None else COORDINATED.get(connection.key_management_mode)


def _rotation(
    key: CryptoKey, level: ProtectionLevel | None, *, active: bool, coordinated: bool | None
) -> dict[str, Any]:
    reason = rotatable(key.purpose, level, import_only=key.import_only, active=active, coordinated=coordinated)
    facts: dict[str, Any] = {} if reason is None else {"rotatable": reason is Rotatable.YES, "rotatable_reason": reason}
    if key.rotation_period is None or key.next_rotation_time is None:
        return facts | _OFF
    return facts | {
        "rotation_enabled": True,
        "rotation_period_days": days_begun(key.rotation_period),
        "rotation_next_at": key.next_rotation_time,
    }


# --- versions -------------------------------------------------------------------------------------------------------


def _version_rows(setting: Setting, key: KeyReading, row: Key, versions: list[Version] | None) -> Iterator[Row]:
    if versions is None or key.key is None:
        failures = [(name, f) for r in (key.reading, *key.context) for name, f in r.failures.items()]
        own = [pair for pair in failures if pair[0] == VERSIONS]
        operation, failure = next(iter(own or failures), (VERSIONS, Failure(GapKind.FAILED, NOT_ASKED, "")))
        yield setting.rows_missing(row, "key_version", key.name, operation, failure)
        return
    evidence = [o.id for o in key.reading.of(VERSIONS)] or list(key.evidence)
    current = in_use(key.key, versions)
    for version, following in zip_longest(versions, versions[1:]):
        facts = _version(key.key, version, following, current, first=version is versions[0])
        made = KeyVersion(
            **setting.bookkeeping(version.name, evidence),
            key=key.name,
            expires_at=NEVER,
            destroyed_at=_destroyed_at(version),
            protection_level=protection(version.protection_level),
            attestation=version.attestation.format if version.attestation else "",
            **facts,
        )
        external = made.protection_level is ProtectionLevel.EXTERNAL
        not_offered = EXTERNAL_KEYS_NOT_OFFERED if external else {}
        yield from setting.explained(made, [key.reading, *key.context], not_offered)


def _version(
    key: CryptoKey, version: Version, following: Version | None, current: Version | None, *, first: bool
) -> dict[str, Any]:
    state = _STATES[version.state]
    has_material = version.state not in MATERIAL_TO_COME
    created_at: datetime = _start(version) if has_material else NEVER
    superseded_at: datetime | None = NEVER
    if key.purpose == ROTATED and current is not None and version.name != current.name:
        if _number(version) > _number(current):
            created_at = NEVER  # it has not become the primary one
            state = State.PRE_ACTIVE if state is State.ACTIVE else state
        else:
            superseded_at = _start(following) if following is not None else NEVER
            state = State.DEACTIVATED if state is State.ACTIVE else state
    elif version.state in _GONE:
        superseded_at = _destroyed_at(version)
    options = version.external_protection_level_options
    algorithm = ALGORITHMS.get(version.algorithm)
    return {
        "state": state,
        "created_at": created_at,
        "superseded_at": superseded_at,
        "cause": _cause(key, version, first=first),
        "origin": _origin(version),
        "algorithm": algorithm.algorithm if algorithm else None,
        "external_key": (options.external_key_uri or options.ekm_connection_key_path) if options else "",
    }


def _cause(key: CryptoKey, version: Version, *, first: bool) -> VersionCause | None:
    """How it came about. Of a key that can rotate by itself nobody tells which versions did."""
    if version.import_job or version.import_time or version.state in ("PENDING_IMPORT", "IMPORT_FAILED"):
        return VersionCause.IMPORT
    if first:
        return VersionCause.INITIAL
    return None if key.purpose == ROTATED else VersionCause.MANUAL


# --- what it protects -----------------------------------------------------------------------------------------------


def _protected_count(reading: Reading) -> int | None:
    """How many resources it protects; None, with the reason, where the answer says that it is not all."""
    expect(reading, SUMMARY)
    summary = reading.answer(SUMMARY, ProtectedSummary)
    if summary is None:
        return None
    if summary.warnings:
        warning = summary.warnings[0]
        text = f"the answer is partial: {warning.warning_code}: {warning.display_message}"
        reading.fail(SUMMARY, GapKind.FAILED, text, next(reading.of(SUMMARY)).id)
        return None
    return summary.resource_count


def _resource_rows(setting: Setting, key: KeyReading, row: Key) -> Iterator[Row]:
    reading = key.reading
    searched = any(reading.of(SEARCH))
    summary = Reading(reading.subject, list(reading.of(SUMMARY))).answer(SUMMARY, ProtectedSummary)
    found = 0
    if searched or (summary is not None and summary.resource_count):
        for observation, page in listed(reading, SEARCH, ProtectedResources):
            for resource in page.protected_resources:
                found += 1
                made = ProtectedResource(
                    **setting.bookkeeping(f"{resource.name}#{key.name}", [observation]),
                    name=resource.name,
                    kind=resource.resource_type,
                    service=resource.cloud_product or resource.resource_type.partition("/")[0],
                    account=resource.project_id or last(resource.project) or None,
                    region=resource.location or None,
                    encrypted=True,
                    key=key.name,
                    created_at=resource.create_time,
                )
                yield from setting.explained(made, [])
    if summary is not None and found < summary.resource_count:
        text = f"the key protects {summary.resource_count} resources, of which {found} were told"
        reading.fail(SEARCH, GapKind.FAILED, text)
    for operation in (SUMMARY, SEARCH):
        if operation in reading.failures:
            failure = reading.failures[operation]
            yield setting.rows_missing(row, "protected_resource", key.name, operation, failure)
            return


def not_covered(setting: Setting) -> Row:
    """The gap of the resources that KMS Inventory does not know of."""
    anchor = Key(**setting.bookkeeping(setting.header.id, ()))
    why = "KMS Inventory tracks the resources of some services only, and of none outside the organization"
    failure = Failure(GapKind.NOT_OFFERED, why, "")
    return setting.rows_missing(anchor, "protected_resource", "", SEARCH, failure)
