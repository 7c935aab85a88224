"""Buckets, datasets and databases that no key of what is read encrypts, as a search of Cloud Asset Inventory tells."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from collectors.gcp.answers import FoundResource, FoundResources
from collectors.gcp.facts.scope import Setting, listed
from collectors.gcp.names import key_of, part
from evidence.model import GapKind, ProtectedResource, Row
from evidence.reading import Failure, Reading

SEARCH = "asset:SearchAllResources"

_NOT_SEARCHED = "only Cloud Asset Inventory tells what Google's own keys encrypt, and it was not searched for that"


@dataclass(frozen=True, slots=True)
class Known:
    """Whose keys are read, so that KMS Inventory is asked what they encrypt."""

    projects: Mapping[str, str]
    """`projects/NUMBER` → id, of those below the root that are known."""
    keys: Container[str]
    """Names of keys that are listed at once."""
    open: tuple[str, Failure] | None
    """The operation that would tell of more projects, and why it did not; None where these are all."""

    def reads(self, key: str, setting: Setting) -> bool:
        """The key is listed, or its project is one of those whose keys are."""
        project = part(key, "projects")
        header = setting.header
        named = {header.account, *header.organization_accounts, *self.projects.values()}
        return key in self.keys or project in named or f"projects/{project}" in self.projects


def data_store_rows(setting: Setting, reading: Reading, known: Known) -> Iterator[Row]:
    """The rows of those that name no key or one that is read nowhere, and gaps where some may be missing.

    Those that name a key that is read are told by KMS Inventory, key by key. Google encrypts whatever it keeps.
    Source: Google Cloud documentation, default encryption at rest.
    """
    anchor = ProtectedResource(**setting.bookkeeping(setting.header.id, ()))
    if not any(reading.of(SEARCH)):
        failure = Failure(GapKind.NOT_OFFERED, _NOT_SEARCHED, "")
        yield setting.rows_missing(anchor, "protected_resource", "", SEARCH, failure)
        return
    told: set[str] = set()
    undecided: set[str] = set()
    for observation, page in listed(reading, SEARCH, FoundResources):
        for found in page.results:
            for key in map(key_of, found.kms_keys or [""]):
                id = f"{found.name}#{key}" if key else found.name
                if id in told or (key and known.reads(key, setting)):
                    continue
                if key and known.open is not None:
                    undecided.add(key)
                    continue
                told.add(id)
                yield from setting.explained(_row(setting, id, found, key, known, observation), [reading])
    if known.open is not None:
        for key in sorted(undecided):
            yield setting.rows_missing(anchor, "protected_resource", key, *known.open)
    if SEARCH in reading.failures:
        yield setting.rows_missing(anchor, "protected_resource", "", SEARCH, reading.failures[SEARCH])


def _row(
    setting: Setting, id: str, found: FoundResource, key: str, known: Known, observation: str
) -> ProtectedResource:
    return ProtectedResource(
        **setting.bookkeeping(id, [observation]),
        name=found.name,
        kind=found.asset_type,
        service=found.asset_type.partition("/")[0],
        account=known.projects.get(found.project),
        region=found.location or None,
        encrypted=True,
        key=key,
        created_at=found.create_time,
    )
