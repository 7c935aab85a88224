"""The normalize half: from a scope's readings to its rows and gaps, purely, without a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from collectors.pkcs11.facts.contents import normalize_token
from collectors.pkcs11.facts.module import normalize_module
from collectors.pkcs11.facts.scope import Setting
from collectors.source import Settings
from evidence.model import Row
from evidence.reading import Reading
from evidence.recording import ScopeHeader

SERVICES: Mapping[str, Callable[[Setting, Iterator[Reading]], Iterator[Row]]] = {
    "module": normalize_module,
    "token": normalize_token,
}
"""By the service of a scope."""


def normalize(header: ScopeHeader, readings: Iterator[Reading], settings: Settings) -> Iterator[Row]:
    """The rows of one scope, each followed by the gaps of what it does not know; the `scope` row comes last.

    Raises ValueError where the header names a service that PKCS#11 does not have.
    """
    if header.service not in SERVICES:
        raise ValueError(f"{header.id}: {header.service!r} is nothing that is read through PKCS#11")
    yield from SERVICES[header.service](Setting(header, settings), readings)
