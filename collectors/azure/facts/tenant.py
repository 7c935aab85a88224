"""The scopes of a tenant and of a subscription: what subscriptions and stores there are, deleted ones too."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.azure.answers import (
    DeletedStore,
    DeletedStores,
    ListedHsms,
    ListedVaults,
    Page,
    Subscription,
    Subscriptions,
)
from collectors.azure.facts.scope import Setting
from collectors.azure.operations import DELETED_STORE_NOT_OFFERED
from collectors.scope_rows import Tally, expect, listed
from evidence.model import GapKind, KeyStore, Row, Scope, State
from evidence.reading import Reading

_LISTS: dict[str, type[Page]] = {
    "arm:Vaults_ListBySubscription": ListedVaults,
    "arm:ManagedHsms_ListBySubscription": ListedHsms,
}
_NO_SUBSCRIPTION = "the list names no subscription: the caller holds no role in any"
_DELETED = {"arm:Vaults_ListDeleted": "Azure Key Vault", "arm:ManagedHsms_ListDeleted": "Azure Managed HSM"}


def normalize_tenant(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The scope's row, and a gap where subscriptions may be missing."""
    operation = "arm:Subscriptions_List"
    tally = Tally(setting.operations)
    tenants: set[str] = set()
    for reading in readings:
        named = 0
        for _, page in listed(reading, operation, Subscriptions, lambda page: page.more):
            named += len(page.value)
            tenants.update(subscription.tenantId for subscription in page.value if subscription.tenantId)
        if not named:
            last = next((o.id for o in reversed(reading.observations)), "")
            reading.fail(operation, GapKind.FAILED, _NO_SUBSCRIPTION, last)
        yield from _missing(setting, reading, operation, "scope")
        tally.count(reading)
    account = setting.header.organization or (min(tenants) if len(tenants) == 1 else "")
    yield from tally.rows(setting, account=account, account_name="")


def normalize_subscription(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The scope's row, the rows of deleted stores, and gaps where stores may be missing."""
    tally = Tally(setting.operations)
    facts: dict[str, str | None] = {}
    for reading in readings:
        expect(reading, "arm:Subscriptions_Get")
        named = reading.answer("arm:Subscriptions_Get", Subscription)
        facts["account_name"] = named.displayName if named else None
        for operation, model in _LISTS.items():
            list(listed(reading, operation, model, lambda page: page.more))
            yield from _missing(setting, reading, operation, "scope")
        found = 0
        for operation, kind in _DELETED.items():
            for observation, page in listed(reading, operation, DeletedStores, lambda page: page.more):
                for store in page.value:
                    found += 1
                    row = _deleted_store(setting, kind, store, observation)
                    yield from setting.explained(row, [reading], DELETED_STORE_NOT_OFFERED)
            yield from _missing(setting, reading, operation, "key_store")
        tally.listed = None if reading.failures.keys() & _DELETED.keys() else found
        tally.described = found
        tally.count(reading)
    yield from tally.rows(setting, **facts)


def _missing(setting: Setting, reading: Reading, operation: str, table: str) -> Iterator[Row]:
    if operation in reading.failures:
        anchor = Scope(**setting.bookkeeping(setting.header.id, ()))
        yield setting.rows_missing(anchor, table, "", operation, reading.failures[operation])


def _deleted_store(setting: Setting, kind: str, store: DeletedStore, observation: str) -> KeyStore:
    told = store.properties
    id = told.vaultId or told.mhsmId or store.id
    return KeyStore(
        **setting.bookkeeping(id, [observation]),
        kind=kind,
        name=id.rpartition("/")[2],
        account=setting.header.account,
        region=told.location,
        validation="",
        backed_by="",
        soft_delete=True,
        purge_protection=told.purgeProtectionEnabled is True,
        recovery_days=max((told.scheduledPurgeDate - told.deletionDate).days, 0),
        activated=False,
        state=State.PENDING_DELETION,
        deletion_at=told.scheduledPurgeDate,
    )
