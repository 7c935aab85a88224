"""The normalize half: from a scope's readings to its rows and gaps, purely, without a client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain

from collectors.source import Settings
from collectors.vault.facts.access import PlaceAccess, mount_access, namespace_access, server_access
from collectors.vault.facts.database import normalize_database
from collectors.vault.facts.kv import normalize_kv, normalize_kv1
from collectors.vault.facts.namespace import normalize_namespace
from collectors.vault.facts.pki import normalize_pki
from collectors.vault.facts.scope import Setting
from collectors.vault.facts.server import normalize_server
from collectors.vault.facts.ssh import normalize_ssh
from collectors.vault.facts.transit import normalize_transit
from evidence.model import Row
from evidence.reading import Reading
from evidence.recording import ScopeHeader

SERVICES: Mapping[str, Callable[[Setting, Iterator[Reading]], Iterator[Row]]] = {
    "vault": normalize_server,
    "namespace": normalize_namespace,
    "transit": normalize_transit,
    "kv": normalize_kv,
    "kv-v1": normalize_kv1,
    "pki": normalize_pki,
    "ssh": normalize_ssh,
    "database": normalize_database,
}
"""By the service of a scope."""

ACCESS: Mapping[str, Callable[[Setting, Reading], PlaceAccess | None]] = {
    "vault": server_access,
    "namespace": namespace_access,
    "transit": partial(mount_access, engine="transit", folder="keys/"),
    "kv": partial(mount_access, engine="kv2", folder=""),
    "kv-v1": partial(mount_access, engine="kv1", folder=""),
    "pki": partial(mount_access, engine="pki"),
    "ssh": partial(mount_access, engine="ssh"),
    "database": partial(mount_access, engine="database"),
}
"""What policies say about the place that a scope reads, by its service."""


def normalize(header: ScopeHeader, readings: Iterator[Reading], settings: Settings) -> Iterator[Row]:
    """The rows of one scope, each followed by the gaps of what it does not know; the `scope` row comes last.

    Readings are taken one by one: what is kept is what lists tell of what is still to come.
    Raises ValueError where the header names a service that is not Vault's.
    """
    if header.service not in SERVICES:
        raise ValueError(f"{header.id}: {header.service!r} is no service that is read of a Vault")
    setting = Setting(header, settings)
    if header.service in ACCESS:
        first = next(readings, Reading("", []))
        own, others = (first, [first]) if first.subject == "" else (Reading("", []), [first])
        access = ACCESS[header.service](setting, own)
        if access is not None:
            yield from access.rows()
            setting = replace(setting, by_policies=access.columns)
        readings = chain(others if first.observations else [], readings)
    yield from SERVICES[header.service](setting, readings)
