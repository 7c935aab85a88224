"""The long-lived credentials of a project: the keys of its service accounts, and its API keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from collectors.gcp.answers import (
    ApiKey,
    ApiKeyRestrictions,
    ApiKeys,
    ServiceAccountKey,
    ServiceAccountKeys,
    ServiceAccounts,
)
from collectors.gcp.facts.scope import Setting, listed
from collectors.gcp.names import last, parent
from collectors.gcp.operations import UPLOADED_KEYS_NOT_OFFERED
from collectors.scope_rows import Tally, expect, fill
from evidence.model import NEVER, Credential, CredentialKind, Manager, Row, State
from evidence.reading import Failure, Reading

ACCOUNTS = "iam:ListServiceAccounts"
ACCOUNT_KEYS = "iam:ListServiceAccountKeys"
API_KEYS = "apikeys:ListKeys"

_MANAGERS = {"USER_MANAGED": Manager.CUSTOMER, "SYSTEM_MANAGED": Manager.PROVIDER}
_MADE_BY_GOOGLE, _UPLOADED = "GOOGLE_PROVIDED", "USER_PROVIDED"
"""Where the key pair of a service account's key was made."""

_ENDLESS = 9999
"""The year in which a service account's key ends that does not. Source: IAM API reference, ServiceAccountKey."""

_ANY_REFERRER = frozenset({"*", ".*", "*/*", "*://*", "*://*/*", "http://*", "https://*", "http://*/*", "https://*/*"})


@dataclass(frozen=True, slots=True)
class CredentialReading:
    """What was read of one credential."""

    name: str
    told: Any
    """Its message; None where what is told of it is not what its service documents."""
    account: str
    """The project's id."""
    received: datetime | None
    """When it was told."""
    evidence: Sequence[str]


CredentialRows = Callable[[Setting, CredentialReading, Sequence[Reading]], Iterator[Row]]
"""Makes the row of one credential, and the gaps that its readings explain."""


def normalize_service_accounts(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: the list of service accounts comes first, then one reading an account."""
    tally = Tally(setting.operations)
    waiting: dict[str, None] | None = None
    told: set[str] = set()
    unlisted: list[Failure] = []
    whole = True
    for reading in _with_first(readings):
        if waiting is None:
            pages = [page for _, page in listed(reading, ACCOUNTS, ServiceAccounts)]
            waiting = dict.fromkeys(account.name for page in pages for account in page.accounts)
            whole = ACCOUNTS not in reading.failures
            tally.count(reading)
        elif reading.subject in waiting:
            del waiting[reading.subject]
            yield from _account_rows(setting, reading, told, unlisted)
            tally.count(reading)
    for name in waiting or ():
        unread = Reading(name, [])
        yield from _account_rows(setting, unread, told, unlisted)
        tally.count(unread)
    anchor = Credential(**setting.bookkeeping(setting.header.id, ()))
    if not whole:
        yield setting.rows_missing(anchor, "credential", "", *tally.why(ACCOUNTS))
    if unlisted:  # one gap for all accounts: keys that nobody told of are missed of the project as a whole
        evidence = [failure.observation for failure in unlisted if failure.observation]
        gap = setting.rows_missing(anchor, "credential", "", ACCOUNT_KEYS, unlisted[0])
        yield replace(gap, evidence=evidence)
    tally.listed = len(told) if whole and not unlisted else None
    tally.described = len(told)
    yield from tally.rows(setting)


def _with_first(readings: Iterator[Reading]) -> Iterator[Reading]:
    """The readings, before which an empty one of the scope itself stands where its own is missing."""
    first = next(readings, None)
    if first is None or first.subject:
        yield Reading("", [])
    if first is not None:
        yield first
    yield from readings


def _account_rows(setting: Setting, reading: Reading, told: set[str], unlisted: list[Failure]) -> Iterator[Row]:
    """The rows of one service account's keys. `told` are the keys that have a row, and `unlisted` is why others have
    none.
    """
    expect(reading, ACCOUNT_KEYS)
    for observation, answer in reading.answers(ACCOUNT_KEYS, ServiceAccountKeys):
        for key in answer.keys if answer else ():
            if key.name not in told:
                told.add(key.name)
                received = datetime.fromisoformat(observation.received_at)
                found = CredentialReading(key.name, key, setting.header.account, received, [observation.id])
                yield from service_account_key(setting, found, [reading])
    if ACCOUNT_KEYS in reading.failures:
        unlisted.append(reading.failures[ACCOUNT_KEYS])


def normalize_api_keys(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope, which is one list."""
    tally = Tally(setting.operations)
    reading = next(_with_first(readings))
    times = {observation.id: observation.received_at for observation in reading.of(API_KEYS)}
    told: set[str] = set()
    for observation, page in listed(reading, API_KEYS, ApiKeys):
        for key in page.keys:
            if key.name not in told:
                told.add(key.name)
                received = datetime.fromisoformat(times[observation])
                found = CredentialReading(key.name, key, setting.header.account, received, [observation])
                yield from api_key(setting, found, [reading])
    tally.count(reading)
    whole = API_KEYS not in reading.failures
    if not whole:
        anchor = Credential(**setting.bookkeeping(setting.header.id, ()))
        yield setting.rows_missing(anchor, "credential", "", *tally.why(API_KEYS))
    tally.listed = len(told) if whole else None
    tally.described = len(told)
    yield from tally.rows(setting)


def service_account_key(setting: Setting, found: CredentialReading, readings: Sequence[Reading]) -> Iterator[Row]:
    """The row of a service account's key.

    Its own `disabled` decides over its state; a disabled account's key is good again as soon as the account is.
    """
    row = Credential(
        **setting.bookkeeping(found.name, found.evidence),
        name=last(found.name),
        kind=CredentialKind.SERVICE_ACCOUNT_KEY,
        account=found.account,
        principal=last(parent(found.name)),
        of_root=False,
        reminder_days=0,
    )
    key: ServiceAccountKey | None = found.told
    not_offered: Mapping[str, str] = {}
    if key is not None:
        ends = key.valid_before_time
        row.manager = _MANAGERS.get(key.key_type)
        row.expires_at = NEVER if ends.year == _ENDLESS else ends
        row.state = _state(key.disabled, row.expires_at, found.received)
        if key.key_origin == _MADE_BY_GOOGLE:
            row.created_at = row.last_rotated_at = key.valid_after_time
        if key.key_origin == _UPLOADED:
            not_offered = UPLOADED_KEYS_NOT_OFFERED
    yield from setting.explained(row, readings, not_offered)


def _state(disabled: bool, ends: datetime, received: datetime | None) -> State | None:
    if disabled:
        return State.SUSPENDED
    if ends == NEVER:
        return State.ACTIVE
    if received is None:
        return None
    return State.ACTIVE if received < ends else State.DEACTIVATED


def api_key(setting: Setting, found: CredentialReading, readings: Sequence[Reading]) -> Iterator[Row]:
    """The row of an API key. It has no end, and a key that was deleted can be brought back for 30 days.

    Source: API Keys documentation, undeleting an API key.
    """
    row = Credential(
        **setting.bookkeeping(found.name, found.evidence),
        kind=CredentialKind.API_KEY,
        account=found.account,
        of_root=False,
        manager=Manager.CUSTOMER,
        expires_at=NEVER,
        reminder_days=0,
    )
    key: ApiKey | None = found.told
    if key is not None:
        restrictions = key.restrictions or ApiKeyRestrictions()
        facts: dict[str, Any] = {
            "name": key.display_name or last(key.name),
            "principal": key.service_account_email or None,
            "state": State.ACTIVE if key.delete_time is None else State.PENDING_DELETION,
            "created_at": key.create_time,
            "last_rotated_at": key.create_time,
            "services_restricted": bool(restrictions.api_targets),
            "clients_restricted": _clients_restricted(restrictions),
        }
        fill(row, facts)
    yield from setting.explained(row, readings)


def _clients_restricted(restrictions: ApiKeyRestrictions) -> bool:
    """Of the kinds of restriction a key has one at most; one that names nobody, or admits anybody, is none."""
    browser, server = restrictions.browser_key_restrictions, restrictions.server_key_restrictions
    android, ios = restrictions.android_key_restrictions, restrictions.ios_key_restrictions
    if browser is not None:
        return bool(browser.allowed_referrers) and _ANY_REFERRER.isdisjoint(browser.allowed_referrers)
    if server is not None:
        return bool(server.allowed_ips) and not any(_everywhere(address) for address in server.allowed_ips)
    return bool(android and android.allowed_applications) or bool(ios and ios.allowed_bundle_ids)


def _everywhere(address: str) -> bool:
    try:
        return ip_network(address, strict=False).prefixlen == 0
    except ValueError:
        return False


CREDENTIALS: Mapping[str, CredentialRows] = {"service_account_keys": service_account_key, "api_keys": api_key}
"""Member of `collectors.gcp.assets.Assets` → what makes the rows of its credentials."""
