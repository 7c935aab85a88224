"""The normalize half: from a scope's readings to its rows and gaps, purely, without an SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from collectors.azure.facts.scope import Setting
from collectors.azure.facts.storage import normalize_storage
from collectors.azure.facts.tenant import normalize_subscription, normalize_tenant
from collectors.azure.facts.vault import normalize_hsm, normalize_vault
from collectors.source import Settings
from evidence.model import Row
from evidence.reading import Reading
from evidence.recording import ScopeHeader

SERVICES: Mapping[str, Callable[[Setting, Iterator[Reading]], Iterator[Row]]] = {
    "tenant": normalize_tenant,
    "subscription": normalize_subscription,
    "vault": normalize_vault,
    "managedhsm": normalize_hsm,
    "storage": normalize_storage,
}
"""By the service of a scope."""


def normalize(header: ScopeHeader, readings: Iterator[Reading], settings: Settings) -> Iterator[Row]:
    """The rows of one scope, each followed by the gaps of what it does not know; the `scope` row comes last.

    Readings are taken one by one: only what the scope's own reading tells is kept. Raises ValueError where the header
    names a service that is not Azure's.
    """
    if header.service not in SERVICES:
        raise ValueError(f"{header.id}: {header.service!r} is no service that is read of Azure")
    yield from SERVICES[header.service](Setting(header, settings), readings)
