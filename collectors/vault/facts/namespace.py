"""The scope of a namespace: the mounts in it, each of which is a place that holds keys or secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from collectors.scope_rows import Tally
from collectors.vault.answers import Listing, Mount, Mounts
from collectors.vault.facts.scope import Setting, told
from collectors.vault.facts.server import ACCESS_MODEL, logging
from evidence.model import NEVER, KeyStore, ProtectionLevel, Row, State
from evidence.observation import canonical_json
from evidence.reading import Reading

MOUNTS = "sys:ListMounts"
AUTH = "sys:ListAuthMethods"
NAMESPACES = "sys:ListNamespaces"

HOLDING = frozenset(["transit", "kv", "generic", "pki", "ssh", "database"])
"""Types of mounts that hold keys or secrets."""


def normalize_namespace(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: all stands in its one reading."""
    tally = Tally(setting.operations)
    first: Reading | None = None
    for reading in readings:
        first = first or reading
    reading = first or Reading("", [])
    mounts = told(reading, MOUNTS, Mounts)
    told(reading, AUTH, Mounts)
    told(reading, NAMESPACES, Listing)
    columns = logging(reading)
    if mounts is None:
        anchor = KeyStore(**setting.bookkeeping(setting.header.id, ()))
        for table in ("key_store", "key", "key_version", "secret"):
            yield setting.rows_missing(anchor, table, "", MOUNTS, reading.failures[MOUNTS])
        tally.listed = None
    else:
        stores = {path: mount for path, mount in mounts.data.items() if mount.type in HOLDING}
        for path, mount in stores.items():
            row = KeyStore(
                **setting.bookkeeping(setting.id(path), reading.evidence), **_facts(setting, path, mount), **columns
            )
            yield from setting.explained(row, [reading])
        tally.listed = tally.described = len(stores)
    if NAMESPACES in reading.failures:
        anchor = KeyStore(**setting.bookkeeping(setting.header.id, ()))
        for table in ("key_store", "key", "key_version", "secret"):
            yield setting.rows_missing(anchor, table, "", NAMESPACES, reading.failures[NAMESPACES])
    tally.count(reading)
    yield from tally.rows(setting)


def _facts(setting: Setting, path: str, mount: Mount) -> dict[str, Any]:
    """A mount. What is deleted can be brought back in a KV mount with versions alone, for as long as nobody destroys
    it.
    """
    versioned = mount.type == "kv" and mount.options.get("version") == "2"
    return {
        "kind": f"{'KV' if mount.type in ('kv', 'generic') else mount.type} mount",
        "name": path.rstrip("/"),
        "account": setting.header.account,
        "region": setting.header.region,
        "protection_level": ProtectionLevel.SOFTWARE,
        "validation": "",
        "soft_delete": versioned,
        "purge_protection": False,
        "recovery_days": 0,
        "access_model": ACCESS_MODEL,
        "activated": True,
        "state": State.ACTIVE,
        "deletion_at": NEVER,
        "connection_state": "none",
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
