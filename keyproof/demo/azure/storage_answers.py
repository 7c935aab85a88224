"""What the management plane answers about storage accounts, never the values of their keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyproof.demo.azure.shapes import STORAGE_ACCOUNT, page_of
from keyproof.demo.azure.wire import AzureError, Request
from keyproof.demo.azure.world import Operation, StorageAccount, World, iso


def list_storage_accounts(world: World, request: Request) -> Mapping[str, Any]:
    """The storage accounts of a subscription."""
    subscription = request.subscription.lower()
    if subscription not in world.subscriptions:
        text = f"The subscription '{request.subscription}' could not be found."
        raise AzureError(404, "SubscriptionNotFound", text)
    found = [account for account in world.storage_accounts if account.subscription == subscription]
    return world.listing(request, found, _account)


def _account(account: StorageAccount) -> dict[str, Any]:
    made = {name: iso(at) for name, at in zip(("key1", "key2"), account.rotated, strict=True) if at is not None}
    properties: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "creationTime": iso(account.created_at),
        "publicNetworkAccess": account.public,
        "networkAcls": {
            "bypass": "AzureServices",
            "defaultAction": account.default_action,
            "ipRules": [],
            "virtualNetworkRules": [],
        },
        "encryption": _encryption(account),
        "keyCreationTime": {"key1": None, "key2": None, **made},
    }
    if account.shared_keys is not None:
        properties["allowSharedKeyAccess"] = account.shared_keys
    if account.remind_after_days:
        properties["keyPolicy"] = {"keyExpirationPeriodInDays": account.remind_after_days}
    return {
        "id": account.id,
        "name": account.name,
        "type": "Microsoft.Storage/storageAccounts",
        "location": account.location,
        "kind": "StorageV2",
        "sku": {"name": "Standard_ZRS", "tier": "Standard"},
        "tags": {},
        "properties": properties,
    }


def _encryption(account: StorageAccount) -> dict[str, Any]:
    services = {
        name: {"keyType": "Account", "enabled": True, "lastEnabledTime": iso(account.created_at)}
        for name in ("blob", "file")
    }
    if not account.key:
        return {"keySource": "Microsoft.Storage", "services": services}
    vault, _, name = account.key.partition("/keys/")
    named = {"keyname": name, "keyversion": "", "keyvaulturi": f"{vault}/"}
    return {"keySource": "Microsoft.Keyvault", "keyvaultproperties": named, "services": services}


OPERATIONS = {
    "arm:StorageAccounts_List": Operation(
        list_storage_accounts, page_of(STORAGE_ACCOUNT), "Microsoft.Storage/storageAccounts/read"
    )
}
