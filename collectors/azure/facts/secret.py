"""One secret of a vault: from what is listed of it to its row, and the gaps of what was not read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from collectors.azure.answers import ListedSecret, ListedSecrets, thing_name
from collectors.azure.facts.scope import Setting, deletion_window, state_of
from collectors.azure.facts.store import ListedThing, Store
from collectors.scope_rows import fill, listed
from collectors.tags import tag_facts
from evidence.model import NEVER, GapKind, Manager, RotationResult, Row, Secret, State
from evidence.reading import Reading

VERSIONS = "secrets:GetSecretVersions"


def secret_rows(setting: Setting, store: Store, reading: Reading, entry: ListedThing) -> Iterator[Row]:
    """The row of one secret and its gaps."""
    id, item = reading.subject, entry.item
    row = Secret(
        **setting.bookkeeping(id, [*reading.evidence, *filter(None, [entry.observation])]),
        name=thing_name(id),
        description="",
        account=setting.header.account,
        region=setting.header.region,
        key_store=store.resource,
        manager=Manager.CUSTOMER,
        rotatable=False,
        rotation_enabled=False,
        rotation_period_days=0,
        rotation_schedule="",
        rotation_next_at=NEVER,
        rotation_result=RotationResult.NONE,
        expiry_settable=True,
        keys=[],
        key_settable=False,
    )
    place = f"secrets/{thing_name(id)}"
    facts: dict[str, Any] = store.access.facts(place, store.reading)
    if item is not None:
        facts |= _listed(setting, store, entry, item)
    if not (entry.deleted or entry.by_manager):
        facts |= _history(reading)
    fill(row, facts)
    yield from setting.explained(row, [reading, store.reading, *store.access.untold(place, store.reading)])


def _listed(setting: Setting, store: Store, entry: ListedThing, item: ListedSecret) -> dict[str, Any]:
    attributes = item.attributes
    days = deletion_window(attributes, store.retention_days)
    received = next((o.received_at for o in store.reading.observations if o.id == entry.observation), "")
    facts: dict[str, Any] = {
        "content_type": item.contentType or "",
        "state": State.PENDING_DELETION if entry.deleted else state_of(attributes, received),
        "expires_at": attributes.exp or NEVER,
        "deletion_window_set": None if days is None else days > 0,
        "deletion_window_days": days,
        **asdict(tag_facts(item.tags or {}, "", setting.settings)),
    }
    if entry.managed is not None:
        facts["kind"] = "certificate's secret" if entry.managed else "secret"
        facts["managed_by"] = thing_name(item.id) if entry.managed else ""
    return facts


def _history(reading: Reading) -> dict[str, Any]:
    """When its first and its present value were set."""
    pages = [page for _, page in listed(reading, VERSIONS, ListedSecrets, lambda page: page.more)]
    created = [version.attributes.created for page in pages for version in page.value]
    if VERSIONS not in reading.failures and not created:
        reading.fail(VERSIONS, GapKind.FAILED, "the answer lists no version of the secret")
    if VERSIONS in reading.failures:
        return {}
    return {"created_at": min(created), "last_rotated_at": max(created)}
