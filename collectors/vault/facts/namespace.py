"""The scope of a namespace: its mounts, each of which holds keys or secrets, and a seal of its own where it has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collectors.scope_rows import Tally, expect, fill
from collectors.vault.answers import KeyTerm, Listing, Mount, Mounts, NamespaceSeal, RotationConfig, Seal, SealStatus
from collectors.vault.facts.barrier import KEY, ROTATION, barrier_rows, kek, own_barrier
from collectors.vault.facts.scope import Setting, names, told
from collectors.vault.facts.server import ACCESS_MODEL, SEAL, logging
from collectors.vault.names import path_id, server_id
from evidence.model import NEVER, KeyStore, ProtectionLevel, Row, State
from evidence.observation import canonical_json
from evidence.reading import Reading

MOUNTS = "sys:ListMounts"
NAMESPACES = "sys:ListNamespaces"
OWN_SEAL = "sys:ReadNamespaceSeal"
CONFIGS = "sys:ListExternalKeyConfigs"
EXTERNAL = "sys:ListExternalKeys"
MANAGED = "sys:ListManagedKeys"

HOLDING = frozenset(["transit", "kv", "generic", "pki", "ssh", "database"])
"""Types of mounts that hold keys or secrets."""

TABLES = ("key_store", "key", "key_version", "secret", "certificate", "access")
"""What may be missing where mounts or namespaces were not listed."""

_LEADING_TO: Mapping[str, tuple[str, ...]] = {
    CONFIGS: ("key_store",),
    MANAGED: ("key_store",),
    KEY: ("key_store", "key", "key_version"),
    MOUNTS: TABLES,
    NAMESPACES: TABLES,
}
"""Operation → the tables in which rows may be missing where it was not answered."""

_EVERY_STORE: Mapping[str, Any] = {
    "protection_level": ProtectionLevel.SOFTWARE,
    "validation": "",
    "validation_standard": "",
    "purge_protection": False,
    "recovery_days": 0,
    "access_model": ACCESS_MODEL,
    "activated": True,
    "state": State.ACTIVE,
    "deletion_at": NEVER,
    "connection_state": "none",
}


def normalize_namespace(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: all stands in its one reading."""
    reading = next(readings, Reading("", []))
    tally = Tally(setting.operations)
    mounts = told(reading, MOUNTS, Mounts)
    told(reading, NAMESPACES, Listing)
    own, seal = _seal(setting, reading)
    shared = {**logging(reading), **(kek(seal) if seal else {})}
    backing = path_id(setting.header.source, own[0], "") if own else server_id(setting.header.source)
    backed_by = None if KEY in reading.failures else backing
    stores = {path: mount for path, mount in (mounts.data if mounts else {}).items() if mount.type in HOLDING}
    for path, mount in stores.items():
        facts = {**_EVERY_STORE, **shared, **_of_mount(mount), "name": path.rstrip("/"), "backed_by": backed_by}
        yield from _store_rows(setting, setting.id(path), facts, reading)
    for path, name, keys in _other_stores(reading):
        yield from _store_rows(setting, setting.id(path), _elsewhere(name, keys, logging(reading)), reading)
    if own is not None and own[0] == setting.namespace:
        yield from _own_rows(setting, own[1], seal, shared, reading)
    anchor = KeyStore(**setting.bookkeeping(setting.header.id, ()))
    for operation, tables in _LEADING_TO.items():
        if operation in reading.failures:
            for table in tables:
                yield setting.rows_missing(anchor, table, "", operation, reading.failures[operation])
    tally.listed = None if MOUNTS in reading.failures else len(stores)
    tally.described = len(stores)
    tally.count(reading)
    yield from tally.rows(setting)


def _seal(setting: Setting, reading: Reading) -> tuple[tuple[str, KeyTerm] | None, Seal | None]:
    """The namespace whose own barrier key encrypts what is here, if any, and the seal that keeps this key."""
    own = own_barrier(setting, reading)
    server = told(reading, SEAL, SealStatus)
    if own is not None:
        answer = told(reading, OWN_SEAL, NamespaceSeal)
        return own, answer.data if answer else None
    return None, None if KEY in reading.failures else server


def _own_rows(
    setting: Setting, term: KeyTerm, seal: Seal | None, shared: Mapping[str, Any], reading: Reading
) -> Iterator[Row]:
    """The namespace as a place that holds a barrier key of its own, and this key."""
    settings = {"seal": seal.type, "seal_shares": seal.n, "seal_threshold": seal.t} if seal else {}
    facts = {
        **_EVERY_STORE,
        **shared,
        "kind": "Vault namespace",
        "name": setting.header.account,
        "soft_delete": False,
        "backed_by": "",
        "store_settings": canonical_json(settings),
    }
    yield from _store_rows(setting, setting.id(""), facts, reading)
    yield from barrier_rows(setting, setting.namespace, term, told(reading, ROTATION, RotationConfig), reading)


def _other_stores(reading: Reading) -> Iterator[tuple[str, str, list[str] | None]]:
    """Other key stores whose keys are used here: path, name, and the keys, or None where those were not read."""
    keys = {observation.parameters.get("name"): listing for observation, listing in reading.answers(EXTERNAL, Listing)}
    for name in names(reading, CONFIGS):
        listing = keys.get(name)
        if listing is None:
            expect(reading, EXTERNAL)
        yield f"sys/external-keys/configs/{name}", name, listing.names if listing else None
    expect(reading, MANAGED)
    for observation, listing in reading.answers(MANAGED, Listing):
        kind = str(observation.parameters.get("name", ""))
        if listing is not None and listing.names:
            yield f"sys/managed-keys/{kind}", kind, listing.names


def _elsewhere(name: str, keys: list[str] | None, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Another key store, as far as it is known here: its uses are logged here."""
    return {
        **shared,
        "kind": "key store of external keys",
        "name": name,
        "protection_level": ProtectionLevel.EXTERNAL,
        "state": State.ACTIVE,
        "deletion_at": NEVER,
        "store_settings": None if keys is None else canonical_json({"keys": sorted(keys)}),
    }


def _store_rows(setting: Setting, id: str, facts: Mapping[str, Any], reading: Reading) -> Iterator[Row]:
    row = KeyStore(
        **setting.bookkeeping(id, reading.evidence), account=setting.header.account, region=setting.header.region
    )
    fill(row, facts)
    yield from setting.explained(row, [reading])


def _of_mount(mount: Mount) -> dict[str, Any]:
    """What is deleted can be brought back in a KV mount with versions alone, for as long as nobody destroys it."""
    return {
        "kind": f"{'KV' if mount.type in ('kv', 'generic') else mount.type} mount",
        "soft_delete": mount.type == "kv" and mount.options.get("version") == "2",
        "store_settings": canonical_json(
            {
                "type": mount.type,
                "description": mount.description,
                "options": dict(mount.options),
                "local": mount.local,
                "seal_wrap": mount.seal_wrap,
                "plugin_version": mount.running_plugin_version or mount.plugin_version,
            }
        ),
    }
