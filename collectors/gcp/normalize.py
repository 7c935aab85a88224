"""The normalize half: from a scope's readings to its rows and gaps, purely, without an SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from collectors.gcp.facts.credential import normalize_api_keys, normalize_service_accounts
from collectors.gcp.facts.kms import normalize_kms
from collectors.gcp.facts.root import normalize_root
from collectors.gcp.facts.scope import Setting
from collectors.gcp.facts.secret import normalize_secrets
from collectors.source import Settings
from evidence.model import Row
from evidence.reading import Reading
from evidence.recording import ScopeHeader

SERVICES: Mapping[str, Callable[[Setting, Iterator[Reading]], Iterator[Row]]] = {
    "organization": normalize_root,
    "folder": normalize_root,
    "project": normalize_root,
    "kms": normalize_kms,
    "secretmanager": normalize_secrets,
    "iam": normalize_service_accounts,
    "apikeys": normalize_api_keys,
}
"""By the service of a scope."""


def normalize(header: ScopeHeader, readings: Iterator[Reading], settings: Settings) -> Iterator[Row]:
    """The rows of one scope, each followed by the gaps of what it does not know; the `scope` row comes last.

    Readings are taken one by one: what is kept is what lists tell of what is still to come.
    Raises ValueError where the header names a service that is not Google Cloud's.
    """
    if header.service not in SERVICES:
        raise ValueError(f"{header.id}: {header.service!r} is no service that is read of Google Cloud")
    yield from SERVICES[header.service](Setting(header, settings), readings)
