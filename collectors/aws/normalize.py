"""The normalize half: from a scope's readings to its rows and gaps, purely, without an SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from collectors.aws.facts.account import normalize_account
from collectors.aws.facts.certificate import normalize_certificates
from collectors.aws.facts.cloudhsm import normalize_cloudhsm
from collectors.aws.facts.credential import normalize_iam
from collectors.aws.facts.datastore import normalize_datastores
from collectors.aws.facts.kms import normalize_kms
from collectors.aws.facts.parameter import normalize_parameters
from collectors.aws.facts.scope import Setting
from collectors.aws.facts.secret import normalize_secrets
from collectors.source import Settings
from evidence.model import Row
from evidence.reading import Reading
from evidence.recording import ScopeHeader

SERVICES: Mapping[str, Callable[[Setting, Iterator[Reading]], Iterator[Row]]] = {
    "account": normalize_account,
    "kms": normalize_kms,
    "secretsmanager": normalize_secrets,
    "ssm": normalize_parameters,
    "cloudhsm": normalize_cloudhsm,
    "iam": normalize_iam,
    "acm": normalize_certificates,
    "datastores": normalize_datastores,
}
"""By the service of a scope."""


def normalize(header: ScopeHeader, readings: Iterator[Reading], settings: Settings) -> Iterator[Row]:
    """The rows of one scope, each followed by the gaps of what it does not know; the `scope` row comes last.

    Readings are taken one by one: only what the scope's own reading (its lists, aliases and tags) tells is kept.
    Raises ValueError where the header names a service that is not AWS's.
    """
    if header.service not in SERVICES:
        raise ValueError(f"{header.id}: {header.service!r} is no service that is read of AWS")
    yield from SERVICES[header.service](Setting(header, settings), readings)
