"""The secrets of a project: how they are kept, rotate and expire, and who may read them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from collectors.gcp.answers import Secret as SecretMessage
from collectors.gcp.answers import Secrets, SecretVersion, SecretVersions
from collectors.gcp.facts.access import Level, access_rows, admitted, inherited_levels, of_roles, own_level
from collectors.gcp.facts.scope import Setting, listed
from collectors.gcp.facts.store import secrets_store
from collectors.gcp.names import last, location_of, secret_store
from collectors.periods import DAY, days_begun
from collectors.scope_rows import Tally, fill, without_bodies
from collectors.tags import tag_facts
from evidence.model import NEVER, GapKind, Manager, RotationResult, Row, Secret, State
from evidence.reading import Reading

LIST = "secretmanager:ListSecrets"
VERSIONS = "secretmanager:ListSecretVersions"
POLICY = "secretmanager:GetIamPolicy"

_STATES = ("ENABLED", "DISABLED", "DESTROYED")
_NOBODY_ASKED = {"key_store.logging_enabled": "there is no secret, so that no policy was asked for"}


@dataclass(slots=True, kw_only=True)
class SecretReading:
    """All that was read about one secret."""

    name: str
    secret: SecretMessage | None
    reading: Reading
    """What was asked about it alone."""
    versions: Sequence[SecretVersion] | None = None
    """Those that something else than `reading` tells of, as far as it does."""
    versions_by: str = VERSIONS
    """The operation that tells of its versions."""
    policy: Level | None
    """Its policy, where something else than `reading` tells it."""
    above: Sequence[Level]
    context: Sequence[Reading]
    """The lists that it is part of, for the reasons why they do not tell."""
    evidence: Sequence[str]
    account: str
    received: datetime | None
    """When it was described."""


def normalize_secrets(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: the list comes first, then one reading a secret."""
    tally = Tally(setting.operations)
    found: _Listed | None = None
    for reading in readings:
        if found is None:
            found = _Listed.read(setting, reading if reading.subject == "" else Reading("", []))
            yield from _list_rows(setting, found, tally)
        if reading.subject in found.secrets:
            tally.described += yield from _listed_rows(setting, found, reading)
            tally.count(reading)
    if found is None:
        found = _Listed.read(setting, Reading("", []))
        yield from _list_rows(setting, found, tally)
    for name in list(found.secrets):
        unread = Reading(name, [])
        yield from _listed_rows(setting, found, unread)
        tally.count(unread)
    yield from tally.rows(setting)


@dataclass(slots=True)
class _Listed:
    """What is listed of a project at once."""

    reading: Reading
    """With its failures, without the bodies of its answers."""
    secrets: dict[str, tuple[str, SecretMessage]]
    """Secret → the observation that lists it, and what it says; it is taken out once it is read."""
    answered: bool
    inherited: list[Level] | None
    """None where there is no secret, so that nobody asked."""

    @classmethod
    def read(cls, setting: Setting, reading: Reading) -> _Listed:
        secrets: dict[str, tuple[str, SecretMessage]] = {}
        answered = False
        for observation, page in listed(reading, LIST, Secrets):
            secrets.update({secret.name: (observation, secret) for secret in page.secrets})
            answered = True
        inherited = list(inherited_levels(setting, reading, "secretmanager").values()) if secrets else None
        return cls(reading, secrets, answered, inherited)


def _list_rows(setting: Setting, found: _Listed, tally: Tally) -> Iterator[Row]:
    header = setting.header
    failures = found.reading.failures
    tally.listed = None if LIST in failures else len(found.secrets)
    tally.count(found.reading)
    anchor = Secret(**setting.bookkeeping(header.id, ()))
    if found.answered:
        evidence = found.reading.evidence
        store = secrets_store(setting, header.account, header.region, evidence, found.inherited)
        yield from setting.explained(store, [found.reading], {} if found.secrets else _NOBODY_ASKED)
        yield from access_rows(setting, store.id, found.inherited or (), found.reading)
    else:
        yield setting.rows_missing(anchor, "key_store", "", *tally.why(LIST))
    if LIST in failures:
        for table in ("secret", "access"):
            yield setting.rows_missing(anchor, table, "", *tally.why(LIST))
    found.reading = without_bodies(found.reading)


def _listed_rows(setting: Setting, found: _Listed, reading: Reading) -> Generator[Row, None, bool]:
    observation, described = found.secrets.pop(reading.subject)
    received = max((o.received_at for o in reading.observations), default="")
    return (
        yield from secret_rows(
            setting,
            SecretReading(
                name=reading.subject,
                secret=described,
                reading=reading,
                policy=None,
                above=found.inherited or (),
                context=[found.reading],
                evidence=[observation],
                account=setting.header.account,
                received=datetime.fromisoformat(received) if received else None,
            ),
        )
    )


def secret_rows(setting: Setting, found: SecretReading) -> Generator[Row, None, bool]:
    """The rows of one secret and their gaps. Returns whether its versions were read."""
    reading = found.reading
    versions = _versions(found)
    policy = found.policy or own_level(setting, reading, POLICY, "secret", "secretmanager")
    levels = [policy, *found.above]
    facts = admitted(levels)
    location = location_of(found.name)
    row = Secret(
        **setting.bookkeeping(found.name, [*found.evidence, *reading.evidence]),
        name=last(found.name),
        description="",
        account=found.account,
        region=location,
        key_store=secret_store(found.account, location),
        managed_by="",
        manager=Manager.CUSTOMER,
        rotatable=True,
        expiry_settable=True,
        key_settable=True,
        public=facts.public,
        external_accounts=None if facts.outsiders is None else list(facts.outsiders),
        wildcard_access=facts.wildcard_access,
    )
    fill(row, _described(setting, found, versions))
    yield from setting.explained(row, [reading, *found.context, of_roles(levels)])
    yield from access_rows(setting, found.name, [policy], reading, found.context)
    return versions is not None


def _versions(found: SecretReading) -> list[SecretVersion] | None:
    reading = found.reading
    versions = list(found.versions or ())
    if found.versions_by == VERSIONS:
        for _, page in listed(reading, VERSIONS, SecretVersions):
            versions.extend(page.versions)
    unknown = sorted({v.state for v in versions if v.state not in _STATES})
    if unknown:
        text = f"the answer has a version in no known state: {', '.join(unknown)}"
        reading.fail(found.versions_by, GapKind.FAILED, text)
    return None if found.versions_by in reading.failures else sorted(versions, key=lambda version: version.create_time)


def _described(setting: Setting, found: SecretReading, versions: list[SecretVersion] | None) -> dict[str, Any]:
    secret = found.secret
    if secret is None:
        return {}
    kind = secret.secret_type.removeprefix("SECRET_TYPE_UNSPECIFIED")
    facts: dict[str, Any] = {
        "kind": "secret",
        "content_type": kind,
        "created_at": secret.create_time,
        "expires_at": secret.expire_time or NEVER,
        "deletion_window_set": bool(secret.version_destroy_ttl),
        "deletion_window_days": (secret.version_destroy_ttl or 0) // DAY,
        "keys": _keys(secret),
        "regions": _regions(secret),
        **_rotation(secret),
        **asdict(tag_facts(secret.labels, "", setting.settings)),
    }
    if versions is not None:
        facts["state"] = _state(versions)
        facts["last_rotated_at"] = _last_rotated(secret, versions)
        facts["rotation_result"] = _rotation_result(secret, facts["last_rotated_at"], found.received)
    return facts


def _keys(secret: SecretMessage) -> list[str]:
    """The keys that encrypt it: one, or one for each place that holds a copy."""
    replication = secret.replication
    holders = [secret.customer_managed_encryption]
    if replication is not None and replication.automatic is not None:
        holders.append(replication.automatic.customer_managed_encryption)
    if replication is not None and replication.user_managed is not None:
        holders += [replica.customer_managed_encryption for replica in replication.user_managed.replicas]
    return sorted({holder.kms_key_name for holder in holders if holder is not None and holder.kms_key_name})


def _regions(secret: SecretMessage) -> list[str] | None:
    """The places that hold a copy, where its owner chose them."""
    location = location_of(secret.name)
    if location != "global":
        return [location]
    chosen = secret.replication.user_managed if secret.replication else None
    return None if chosen is None else sorted({replica.location for replica in chosen.replicas})


def _rotation(secret: SecretMessage) -> dict[str, Any]:
    """Its schedule, on which Secret Manager announces to topics that it is time for a new version."""
    rotation = secret.rotation
    if rotation is None or rotation.next_rotation_time is None or rotation.rotation_period is None:
        return {
            "rotation_enabled": False,
            "rotation_period_days": 0,
            "rotation_schedule": "",
            "rotation_next_at": NEVER,
        }
    topics = ", ".join(sorted(topic.name for topic in secret.topics))
    return {
        "rotation_enabled": True,
        "rotation_period_days": days_begun(rotation.rotation_period),
        "rotation_schedule": f"every {rotation.rotation_period}s" + (f", announced to {topics}" if topics else ""),
        "rotation_next_at": rotation.next_rotation_time,
    }


def _state(versions: Sequence[SecretVersion]) -> State:
    states = {version.state for version in versions}
    if not states:
        return State.PRE_ACTIVE
    if "ENABLED" in states:
        return State.ACTIVE
    return State.SUSPENDED if "DISABLED" in states else State.DESTROYED


def _last_rotated(secret: SecretMessage, versions: Sequence[SecretVersion]) -> datetime:
    """When the newest version was made that can be read, else the newest; its own creation where it has none."""
    enabled = [version for version in versions if version.state == "ENABLED"]
    return max((version.create_time for version in enabled or versions), default=secret.create_time)


def _rotation_result(secret: SecretMessage, last_rotated: datetime, received: datetime | None) -> RotationResult | None:
    """Whether a version was made since a rotation was last due; None where nobody tells whether one was due.

    Secret Manager announces a rotation at its time and sets the next one; the value is changed by whoever listens.
    Since when the schedule stands is not told, so that a secret without a new version has failed for certain only
    where a due date has passed that is still the next one. Source: Secret Manager documentation, rotation schedules.
    """
    rotation = secret.rotation
    if rotation is None or rotation.next_rotation_time is None or rotation.rotation_period is None:
        return RotationResult.NONE
    due = rotation.next_rotation_time
    if received is not None and due < received:
        return RotationResult.SUCCEEDED if last_rotated >= due else RotationResult.FAILED
    try:
        due -= timedelta(seconds=rotation.rotation_period)
    except OverflowError:
        return RotationResult.NONE
    if due < secret.create_time:
        return RotationResult.NONE
    return RotationResult.SUCCEEDED if last_rotated >= due else None
