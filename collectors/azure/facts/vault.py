"""The scopes of a vault and of a managed HSM: the store, its keys, secrets and certificates, and who may use them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from urllib.parse import urlsplit

from collectors.azure.facts.access import access_rows
from collectors.azure.facts.certificate import certificate_rows
from collectors.azure.facts.key import key_rows
from collectors.azure.facts.scope import Setting
from collectors.azure.facts.secret import secret_rows
from collectors.azure.facts.store import (
    CERTIFICATES,
    DELETED_CERTIFICATES,
    DELETED_KEYS,
    DELETED_SECRETS,
    EKM,
    HSM,
    KEYS,
    SECRETS,
    VAULT,
    ListedThing,
    Store,
    read_hsm,
    read_vault,
)
from collectors.azure.operations import EKM_NOT_OFFERED
from collectors.scope_rows import Tally
from evidence.model import Row, Scope
from evidence.reading import Reading

_KEY_LISTS: Mapping[str, tuple[str, ...]] = {KEYS: ("key", "key_version"), DELETED_KEYS: ("key", "key_version")}
_VAULT_LISTS: Mapping[str, tuple[str, ...]] = {
    **_KEY_LISTS,
    SECRETS: ("secret",),
    DELETED_SECRETS: ("secret",),
    CERTIFICATES: ("certificate",),
    DELETED_CERTIFICATES: ("certificate",),
}
"""The lists of a store, with the tables whose rows they name."""


def normalize_vault(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope of a vault: its own reading comes first, then one a key, secret and certificate."""
    return _normalize(setting, readings, read_vault, _VAULT_LISTS, VAULT)


def normalize_hsm(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope of a managed HSM: its own reading comes first, then one a key."""
    return _normalize(setting, readings, read_hsm, _KEY_LISTS, HSM)


def _normalize(
    setting: Setting,
    readings: Iterator[Reading],
    read: Callable[[Setting, Reading], Store],
    lists: Mapping[str, tuple[str, ...]],
    description: str,
) -> Iterator[Row]:
    tally = Tally(setting.operations)
    store: Store | None = None
    for reading in readings:
        if store is None:
            first = reading if reading.subject == "" else Reading("", [])
            store = read(setting, first)
            yield from _store_rows(setting, store, tally, lists, description)
            tally.count(first)
        if reading.subject:
            tally.described += yield from _thing_rows(setting, store, reading)
            tally.count(reading)
    if store is None:
        nothing = Reading("", [])
        store = read(setting, nothing)
        yield from _store_rows(setting, store, tally, lists, description)
        tally.count(nothing)
    for id in (*store.keys, *store.secrets, *store.certificates):
        unread = Reading(id, [])
        tally.described += yield from _thing_rows(setting, store, unread)
        tally.count(unread)
    yield from tally.rows(setting)


def _store_rows(
    setting: Setting, store: Store, tally: Tally, lists: Mapping[str, tuple[str, ...]], description: str
) -> Iterator[Row]:
    incomplete = store.incomplete(*lists)
    things = len(store.keys) + len(store.secrets) + len(store.certificates)
    tally.listed = None if incomplete else things + 1
    tally.described = int(description not in store.reading.failures)
    yield from setting.explained(store.row, [store.reading])
    if store.external is not None:
        yield from setting.explained(store.external, [store.reading], EKM_NOT_OFFERED)
    anchor = Scope(**setting.bookkeeping(setting.header.id, ()))
    if EKM in store.reading.failures:
        yield setting.rows_missing(anchor, "key_store", "", EKM, store.reading.failures[EKM])
    for operation in incomplete:
        for table in lists[operation]:
            yield setting.rows_missing(anchor, table, "", operation, store.reading.failures[operation])
    yield from access_rows(setting, store.access, store.reading, store.resource, store.things)


def _thing_rows(setting: Setting, store: Store, reading: Reading) -> Generator[Row, None, bool]:
    """The rows of a key, secret or certificate, which is taken out of what is still to be read."""
    kind = urlsplit(reading.subject).path.split("/")[1:2]
    if kind == ["keys"]:
        entry = store.keys.pop(reading.subject, ListedThing(""))
        return (yield from key_rows(setting, store, reading, entry))
    if kind == ["secrets"]:
        entry = store.secrets.pop(reading.subject, ListedThing(""))
        yield from secret_rows(setting, store, reading, entry)
        return entry.item is not None
    entry = store.certificates.pop(reading.subject, ListedThing(""))
    return (yield from certificate_rows(setting, store, reading, entry))
