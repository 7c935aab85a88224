"""The scope of a namespace: its mounts, each of which holds keys or secrets, and a seal of its own where it has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collectors.scope_rows import Tally
from collectors.vault.answers import KeyTerm, Listing, Mount, Mounts, NamespaceSeal, RotationConfig, Seal, SealStatus
from collectors.vault.facts.barrier import KEY, ROTATION, barrier_rows, kek, own_barrier
from collectors.vault.facts.scope import Setting, told
from collectors.vault.facts.server import ACCESS_MODEL, SEAL, logging
from collectors.vault.names import path_id, server_id
from evidence.model import NEVER, KeyStore, ProtectionLevel, Row, State
from evidence.observation import canonical_json
from evidence.reading import Reading

MOUNTS = "sys:ListMounts"
NAMESPACES = "sys:ListNamespaces"
OWN_SEAL = "sys:ReadNamespaceSeal"

HOLDING = frozenset(["transit", "kv", "generic", "pki", "ssh", "database"])
"""Types of mounts that hold keys or secrets."""

TABLES = ("key_store", "key", "key_version", "secret")
"""What may be missing where mounts or namespaces were not listed."""

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
    stores = {path: mount for path, mount in (mounts.data if mounts else {}).items() if mount.type in HOLDING}
    for path, mount in stores.items():
        backed_by = path_id(setting.header.source, own[0], "") if own else server_id(setting.header.source)
        facts = {**_EVERY_STORE, **shared, **_of_mount(mount), "name": path.rstrip("/"), "backed_by": backed_by}
        yield from _store_rows(setting, setting.id(path), facts, reading)
    if own is not None and own[0] == setting.namespace:
        yield from _own_rows(setting, own[1], seal, shared, reading)
    anchor = KeyStore(**setting.bookkeeping(setting.header.id, ()))
    for operation in (MOUNTS, NAMESPACES):
        if operation in reading.failures:
            for table in TABLES:
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


def _store_rows(setting: Setting, id: str, facts: Mapping[str, Any], reading: Reading) -> Iterator[Row]:
    row = KeyStore(
        **setting.bookkeeping(id, reading.evidence), account=setting.header.account, region=setting.header.region
    )
    for name, value in facts.items():
        setattr(row, name, value)
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
