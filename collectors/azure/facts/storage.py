"""The scope of a subscription's storage accounts: their shared keys, never the values, and what encrypts them."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.azure.answers import StorageAccount, StorageAccounts, StorageProperties, thing_url
from collectors.azure.facts.scope import Setting
from collectors.scope_rows import Tally, listed
from evidence.model import NEVER, Credential, CredentialKind, Manager, ProtectedResource, Row, State
from evidence.reading import Reading

LIST = "arm:StorageAccounts_List"
KIND = "Microsoft.Storage/storageAccounts"


def normalize_storage(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope, which is one list."""
    tally = Tally(setting.operations)
    reading = next(readings, None) or Reading("", [])
    accounts: dict[str, tuple[str, StorageAccount]] = {}
    for observation, page in listed(reading, LIST, StorageAccounts, lambda page: page.more):
        for account in page.value:
            accounts.setdefault(account.id.lower(), (observation, account))
    for observation, account in accounts.values():
        yield from setting.explained(_resource(setting, account, observation), [reading])
        for name in ("key1", "key2"):
            yield from setting.explained(_key(setting, account, name, observation), [reading])
    tally.count(reading)
    tally.described = len(accounts)
    tally.listed = len(accounts)
    if LIST in reading.failures:
        tally.listed = None
        anchor = Credential(**setting.bookkeeping(setting.header.id, ()))
        for table in ("credential", "protected_resource"):
            yield setting.rows_missing(anchor, table, "", *tally.why(LIST))
    yield from tally.rows(setting)


def _resource(setting: Setting, account: StorageAccount, observation: str) -> ProtectedResource:
    """Azure Storage encrypts whatever it keeps.

    Source: Azure Storage documentation, encryption for data at rest.
    """
    return ProtectedResource(
        **setting.bookkeeping(account.id, [observation]),
        name=account.id,
        kind=KIND,
        service="Microsoft.Storage",
        account=setting.header.account,
        region=account.location,
        encrypted=True,
        key=_encrypting(account.properties),
        created_at=account.properties.creationTime,
    )


def _encrypting(properties: StorageProperties) -> str | None:
    """The id of the key, which the vault that holds it tells; "" for one of Azure's own, None where none is told."""
    encryption = properties.encryption
    if encryption is None or encryption.keySource is None:
        return None
    source = encryption.keySource.lower()
    if source == "microsoft.storage":
        return ""
    named = encryption.keyvaultproperties
    if source != "microsoft.keyvault" or named is None:
        return None
    return thing_url(named.keyvaulturi or "", "keys", named.keyname or "")


def _key(setting: Setting, account: StorageAccount, name: str, observation: str) -> Credential:
    """A key is made with its account, and made anew when it is rotated. Each account has two, which do not end.

    Where the account takes no shared keys neither of them admits anybody. Source: Azure Storage resource provider,
    REST reference of storage accounts: `allowSharedKeyAccess` that is not set is as good as true.
    """
    properties = account.properties
    policy = properties.keyPolicy
    made = properties.keyCreationTime
    return Credential(
        **setting.bookkeeping(f"{account.id}/keys/{name}", [observation]),
        name=f"{account.name}/{name}",
        kind=CredentialKind.ACCOUNT_KEY,
        account=setting.header.account,
        principal="",
        of_root=False,
        manager=Manager.CUSTOMER,
        state=State.SUSPENDED if properties.allowSharedKeyAccess is False else State.ACTIVE,
        created_at=properties.creationTime,
        last_rotated_at=getattr(made, name) if made else None,
        expires_at=NEVER,
        reminder_days=(policy.keyExpirationPeriodInDays or 0) if policy else 0,
        services_restricted=True,
        clients_restricted=_fenced(properties),
    )


def _fenced(properties: StorageProperties) -> bool | None:
    """Its network rules leave some clients out; None where something else than the account decides."""
    reached = (properties.publicNetworkAccess or "Enabled").lower()
    if reached == "disabled":
        return True
    if reached != "enabled":
        return None
    rules = properties.networkAcls
    return rules is not None and rules.defaultAction.lower() == "deny"
