"""Buckets, datasets and databases that Google's own keys encrypt, as a search of Cloud Asset Inventory tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collectors.gcp.answers import FoundResources
from collectors.gcp.facts.scope import Setting, listed
from evidence.model import GapKind, ProtectedResource, Row
from evidence.reading import Failure, Reading

SEARCH = "asset:SearchAllResources"

_NOT_SEARCHED = "only Cloud Asset Inventory tells what Google's own keys encrypt, and it was not searched for that"


def data_store_rows(setting: Setting, reading: Reading, projects: Mapping[str, str]) -> Iterator[Row]:
    """The rows of those that name no key of the customer's, and a gap where some may be missing.

    Those that name one are told by KMS Inventory, key by key. `projects` are the ids of projects by `projects/NUMBER`.
    Google encrypts whatever it keeps. Source: Google Cloud documentation, default encryption at rest.
    """
    anchor = ProtectedResource(**setting.bookkeeping(setting.header.id, ()))
    if not any(reading.of(SEARCH)):
        failure = Failure(GapKind.NOT_OFFERED, _NOT_SEARCHED, "")
        yield setting.rows_missing(anchor, "protected_resource", "", SEARCH, failure)
        return
    told: set[str] = set()
    for observation, page in listed(reading, SEARCH, FoundResources):
        for found in page.results:
            if found.kms_keys or found.name in told:
                continue
            told.add(found.name)
            row = ProtectedResource(
                **setting.bookkeeping(found.name, [observation]),
                name=found.name,
                kind=found.asset_type,
                service=found.asset_type.partition("/")[0],
                account=projects.get(found.project),
                region=found.location or None,
                encrypted=True,
                key="",
                created_at=found.create_time,
            )
            yield from setting.explained(row, [reading])
    if SEARCH in reading.failures:
        yield setting.rows_missing(anchor, "protected_resource", "", SEARCH, reading.failures[SEARCH])
