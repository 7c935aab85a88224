"""What the management plane answers about subscriptions, vaults, managed HSMs, and the keys and secrets in them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from typing import Any

from keyproof.demo.azure.key_answers import key_url, lifetime_actions, operations_of
from keyproof.demo.azure.secret_answers import secret_url
from keyproof.demo.azure.shapes import DIAGNOSTIC_SETTINGS, WORKSPACE, model, page_of
from keyproof.demo.azure.wire import AzureError, Request
from keyproof.demo.azure.world import (
    MANAGED_HSM,
    VAULT,
    AccessPolicy,
    Key,
    LogSetting,
    Operation,
    Secret,
    Store,
    Subscription,
    World,
    attributes,
    iso,
    newest,
    newest_first,
    number_of,
    recovery,
)
from keyproof.demo.names import days, stable_id

ARM_KEYS = "AllowKeyManagementOperationsThroughARM"
"""The setting of a managed HSM without which the management plane says nothing about its keys."""


def list_tenants(world: World, request: Request) -> Mapping[str, Any]:
    return {"value": [{"id": f"/tenants/{world.tenant}", "tenantId": world.tenant}], "nextLink": None}


def list_subscriptions(world: World, request: Request) -> Mapping[str, Any]:
    return world.listing(request, list(world.subscriptions.values()), partial(_subscription, world))


def get_subscription(world: World, request: Request) -> Mapping[str, Any]:
    found = world.subscriptions.get(request.parameters["subscription"].lower())
    if found is None:
        raise _no_subscription(request)
    return _subscription(world, found)


def _no_subscription(request: Request) -> AzureError:
    text = f"The subscription '{request.subscription}' could not be found."
    return AzureError(404, "SubscriptionNotFound", text)


def _subscription(world: World, one: Subscription) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{one.id}",
        "subscriptionId": one.id,
        "tenantId": world.tenant,
        "displayName": one.name,
        "state": one.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "EnterpriseAgreement_2014-09-01",
            "spendingLimit": "Off",
        },
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }


def _stores(world: World, request: Request, kind: str, *, deleted: bool = False) -> list[Store]:
    if request.subscription.lower() not in world.subscriptions:
        raise _no_subscription(request)
    group = request.parameters.get("group", "").lower()
    return [
        store
        for _, store in sorted(world.stores.items())
        if store.kind == kind
        and store.subscription == request.subscription.lower()
        and (store.deleted_at is not None) is deleted
        and group in ("", store.group.lower())
    ]


def list_vaults(world: World, request: Request) -> Mapping[str, Any]:
    return world.listing(request, _stores(world, request, VAULT), partial(vault, world))


def get_vault(world: World, request: Request) -> Mapping[str, Any]:
    return vault(world, world.asked(request))


def vault(world: World, store: Store) -> dict[str, Any]:
    """A vault as the management plane describes it."""
    return {
        "id": store.id,
        "name": store.name,
        "type": "Microsoft.KeyVault/vaults",
        "location": store.location,
        "tags": dict(store.tags),
        "systemData": _system_data(store),
        "properties": {
            "sku": {"family": "A", "name": store.sku},
            "tenantId": world.tenant,
            "networkAcls": _network_rules(store),
            **_endpoints(store),
            "accessPolicies": [_access_policy(world, policy) for policy in store.access_policies],
            "enabledForDeployment": False,
            "enabledForDiskEncryption": False,
            "enabledForTemplateDeployment": False,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": store.retention_days,
            "enableRbacAuthorization": store.rbac,
            **({"enablePurgeProtection": True} if store.purge_protection else {}),
            "vaultUri": f"{world.address(store)}/",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled" if store.public else "Disabled",
        },
    }


def _system_data(store: Store) -> dict[str, Any]:
    who = {"createdBy": "platform@northwind.example", "createdByType": "User"}
    at = iso(store.created_at)
    return {
        **who,
        "createdAt": at,
        "lastModifiedBy": who["createdBy"],
        "lastModifiedByType": "User",
        "lastModifiedAt": at,
    }


def _network_rules(store: Store) -> dict[str, Any]:
    return {
        "bypass": store.bypass,
        "defaultAction": store.default_action,
        "ipRules": [{"value": rule} for rule in store.ip_rules],
        "virtualNetworkRules": [{"id": subnet.lower()} for subnet in store.subnets],
    }


def _access_policy(world: World, policy: AccessPolicy) -> dict[str, Any]:
    permissions = {"keys": policy.keys, "secrets": policy.secrets, "certificates": policy.certificates}
    return {
        "tenantId": policy.tenant or world.tenant,
        "objectId": policy.object_id,
        **({"applicationId": policy.application} if policy.application else {}),
        "permissions": {name: list(granted) for name, granted in permissions.items()},
    }


def _endpoints(store: Store) -> dict[str, Any]:
    """A vault that has none does not say so."""
    items = [_endpoint_item(store, endpoint) for endpoint in store.private_endpoints]
    return {"privateEndpointConnections": items} if items else {}


def _endpoint_item(store: Store, endpoint: str) -> dict[str, Any]:
    name = endpoint.rpartition("/")[2]
    return {"id": f"{store.id}/privateEndpointConnections/{name}", "properties": _endpoint_properties(endpoint)}


def _endpoint_properties(endpoint: str) -> dict[str, Any]:
    return {
        "provisioningState": "Succeeded",
        "privateEndpoint": {"id": endpoint},
        "privateLinkServiceConnectionState": {"status": "Approved", "description": "", "actionsRequired": "None"},
    }


def list_private_endpoint_connections(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    provider = "vaults" if store.kind == VAULT else "managedHSMs"
    kind = f"Microsoft.KeyVault/{provider}/privateEndpointConnections"
    names = [(endpoint.rpartition("/")[2], endpoint) for endpoint in store.private_endpoints]
    entries = [{**_endpoint_item(store, endpoint), "name": name, "type": kind} for name, endpoint in names]
    return {"value": entries, "nextLink": None}


def list_deleted_vaults(world: World, request: Request) -> Mapping[str, Any]:
    return world.listing(request, _stores(world, request, VAULT, deleted=True), _deleted_vault)


def get_deleted_vault(world: World, request: Request) -> Mapping[str, Any]:
    return _deleted_vault(_deleted(world, request))


def _deleted(world: World, request: Request) -> Store:
    store = world.stores.get(request.store)
    if store is None or store.deleted_at is None:
        raise AzureError(404, "DeletedVaultNotFound", f"The specified deleted vault {request.store} does not exist.")
    return store


def _deleted_vault(store: Store) -> dict[str, Any]:
    return {
        "id": _deleted_id(store, "deletedVaults"),
        "name": store.name,
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": {"vaultId": store.id, **_deletion(store)},
    }


def _deleted_id(store: Store, kind: str) -> str:
    place = f"/subscriptions/{store.subscription}/providers/Microsoft.KeyVault/locations/{store.location}"
    return f"{place}/{kind}/{store.name}"


def _deletion(store: Store) -> dict[str, Any]:
    if store.deleted_at is None:
        return {}
    return {
        "location": store.location,
        "tags": dict(store.tags),
        "deletionDate": iso(store.deleted_at),
        "scheduledPurgeDate": iso(store.deleted_at + days(store.retention_days)),
        **({"purgeProtectionEnabled": True} if store.purge_protection else {}),
    }


def list_managed_hsms(world: World, request: Request) -> Mapping[str, Any]:
    return world.listing(request, _stores(world, request, MANAGED_HSM), partial(managed_hsm, world))


def get_managed_hsm(world: World, request: Request) -> Mapping[str, Any]:
    return managed_hsm(world, world.asked(request))


def managed_hsm(world: World, store: Store) -> dict[str, Any]:
    """A managed HSM as the management plane describes it."""
    active = store.activation == "Active"
    message = "Your HSM has been activated and can be used for cryptographic operations."
    return {
        "id": store.id,
        "name": store.name,
        "type": "Microsoft.KeyVault/managedHSMs",
        "location": store.location,
        "sku": {"family": "B", "name": store.sku},
        "tags": dict(store.tags),
        "systemData": _system_data(store),
        "properties": {
            "tenantId": world.tenant,
            "hsmUri": f"{world.address(store)}/",
            "initialAdminObjectIds": list(store.administrators),
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": store.retention_days,
            "enablePurgeProtection": store.purge_protection,
            "networkAcls": {**_network_rules(store), "serviceTags": []},
            "publicNetworkAccess": "Enabled" if store.public else "Disabled",
            "regions": _regions(store) if store.regions else [],
            "privateEndpointConnections": [_endpoint_item(store, one) for one in store.private_endpoints],
            "provisioningState": "Succeeded",
            "statusMessage": "The Managed HSM is provisioned and ready to use.",
            "securityDomainProperties": {
                "activationStatus": store.activation,
                "activationStatusMessage": message if active else "Your HSM has been provisioned, but not activated.",
            },
        },
    }


def _regions(store: Store) -> list[dict[str, Any]]:
    return [
        {"name": name, "provisioningState": "Succeeded", "isPrimary": name == store.location}
        for name in (store.location, *store.regions)
    ]


def list_regions(world: World, request: Request) -> Mapping[str, Any]:
    return {"value": _regions(world.asked(request)), "nextLink": None}


def list_deleted_managed_hsms(world: World, request: Request) -> Mapping[str, Any]:
    return world.listing(request, _stores(world, request, MANAGED_HSM, deleted=True), _deleted_managed_hsm)


def get_deleted_managed_hsm(world: World, request: Request) -> Mapping[str, Any]:
    return _deleted_managed_hsm(_deleted(world, request))


def _deleted_managed_hsm(store: Store) -> dict[str, Any]:
    return {
        "id": _deleted_id(store, "deletedManagedHSMs"),
        "name": store.name,
        "type": "Microsoft.KeyVault/deletedManagedHSMs",
        "properties": {"mhsmId": store.id, **_deletion(store)},
    }


def list_keys(world: World, request: Request) -> Mapping[str, Any]:
    """A list tells less of a key than its description."""
    store = _keys_of(world, request)
    keys = [key for _, key in sorted(store.keys.items()) if key.deleted_at is None]

    def entry(key: Key) -> dict[str, Any]:
        whole = _key(world, store, key, newest(key.versions))
        return {**whole, "properties": {name: whole["properties"][name] for name in ("attributes", "keyUri")}}

    return world.listing(request, keys, entry)


def get_key(world: World, request: Request) -> Mapping[str, Any]:
    store = _keys_of(world, request)
    key = _asked_key(store, request)
    return _key(world, store, key, newest(key.versions))


def list_key_versions(world: World, request: Request) -> Mapping[str, Any]:
    store = _keys_of(world, request)
    key = _asked_key(store, request)
    return world.listing(request, newest_first(key.versions), lambda number: _key_version(world, store, key, number))


def get_key_version(world: World, request: Request) -> Mapping[str, Any]:
    store = _keys_of(world, request)
    key = _asked_key(store, request)
    number = number_of(store, key.name, key.versions, request.parameters["version"])
    if number is None:
        raise _no_key(request)
    return _key_version(world, store, key, number)


def _keys_of(world: World, request: Request) -> Store:
    store = world.asked(request)
    if store.kind == MANAGED_HSM and not store.settings.get(ARM_KEYS, False):
        text = f"The setting {ARM_KEYS} of this managed HSM does not allow the operation."
        raise AzureError(403, "Forbidden", text)
    return store


def _asked_key(store: Store, request: Request) -> Key:
    key = store.keys.get(request.parameters["key"])
    if key is None or key.deleted_at is not None:
        raise _no_key(request)
    return key


def _no_key(request: Request) -> AzureError:
    return AzureError(404, "KeyNotFound", f"The key {request.parameters['key']} was not found.")


def _key(world: World, store: Store, key: Key, number: int) -> dict[str, Any]:
    vault_only = {"location": store.location} if store.kind == VAULT else {}
    provider = "vaults" if store.kind == VAULT else "managedHSMs"
    return {
        "id": f"{store.id}/keys/{key.name}",
        "name": key.name,
        "type": f"Microsoft.KeyVault/{provider}/keys",
        **vault_only,
        **({"tags": dict(key.tags)} if key.tags else {}),
        "properties": _key_properties(world, store, key, number),
    }


def _key_properties(world: World, store: Store, key: Key, number: int) -> dict[str, Any]:
    recovery_level = recovery(store)["recoveryLevel"]
    told = {**attributes(key.versions[number]), "recoveryLevel": recovery_level, "exportable": key.exportable}
    properties = {
        "attributes": told,
        "kty": key.kty,
        "keyOps": operations_of(key),
        "keySize": None if key.curve or key.algorithm else key.size,
        "curveName": key.curve or None,
        "keyUri": key_url(world, store, key).replace("/keys/", ":443/keys/"),
        "keyUriWithVersion": key_url(world, store, key, number).replace("/keys/", ":443/keys/"),
        "rotationPolicy": _rotation_policy(key),
        "release_policy": _release_policy(key),
    }
    return {name: value for name, value in properties.items() if value is not None}


def _key_version(world: World, store: Store, key: Key, number: int) -> dict[str, Any]:
    entry = _key(world, store, key, number)
    name = store.version_id(key.name, number)
    return {**entry, "id": f"{entry['id']}/versions/{name}", "name": name, "type": entry["type"] + "/versions"}


def _rotation_policy(key: Key) -> dict[str, Any] | None:
    if key.policy is None:
        return None
    at = int(key.policy.at.timestamp())
    return {
        "attributes": {"created": at, "updated": at, "expiryTime": key.policy.expiry_time or None},
        "lifetimeActions": [
            {"trigger": trigger, "action": {"type": action.lower()}} for trigger, action in lifetime_actions(key.policy)
        ],
    }


def _release_policy(key: Key) -> dict[str, Any] | None:
    if not key.release_policy:
        return None
    data = base64.urlsafe_b64encode(key.release_policy.encode("utf-8", "surrogatepass")).rstrip(b"=").decode()
    return {"contentType": "application/json; charset=utf-8", "data": data}


def list_secrets(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    secrets = [secret for _, secret in sorted(store.secrets.items()) if secret.deleted_at is None]
    return world.listing(request, secrets, lambda secret: _secret(world, store, secret))


def get_secret(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    secret = store.secrets.get(request.parameters["secret"])
    if secret is None or secret.deleted_at is not None:
        raise AzureError(404, "SecretNotFound", f"The secret {request.parameters['secret']} was not found.")
    return _secret(world, store, secret)


def _secret(world: World, store: Store, secret: Secret) -> dict[str, Any]:
    """The management plane never tells a value."""
    last = newest(secret.versions)
    return {
        "id": f"{store.id}/secrets/{secret.name}",
        "name": secret.name,
        "type": "Microsoft.KeyVault/vaults/secrets",
        "location": store.location,
        "tags": dict(secret.tags),
        "properties": {
            **({"contentType": secret.content_type} if secret.content_type else {}),
            "attributes": attributes(secret.versions[last]),
            "secretUri": secret_url(world, store, secret),
            "secretUriWithVersion": secret_url(world, store, secret, last),
        },
    }


def list_diagnostic_settings(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    return {"value": [_diagnostic_setting(store, setting) for setting in store.log_settings]}


def _diagnostic_setting(store: Store, setting: LogSetting) -> dict[str, Any]:
    retention = {"enabled": setting.retention_days > 0, "days": setting.retention_days}
    logs = [
        {word: name, "enabled": enabled, "retentionPolicy": retention}
        for word, chosen in (("category", setting.categories), ("categoryGroup", setting.groups))
        for name, enabled in chosen.items()
    ]
    return {
        "id": f"{store.id.lower()}/providers/microsoft.insights/diagnosticSettings/{setting.name}",
        "type": "Microsoft.Insights/diagnosticSettings",
        "name": setting.name,
        "location": None,
        "kind": None,
        "tags": None,
        "identity": None,
        "properties": {
            "storageAccountId": setting.storage_account or None,
            "serviceBusRuleId": None,
            "workspaceId": setting.workspace or None,
            "eventHubAuthorizationRuleId": None,
            "eventHubName": None,
            "metrics": [{"category": "AllMetrics", "enabled": False, "retentionPolicy": {"enabled": False, "days": 0}}],
            "logs": logs,
            "logAnalyticsDestinationType": None,
        },
    }


def get_workspace(world: World, request: Request) -> Mapping[str, Any]:
    """A workspace is there if some setting sends logs to it."""
    asked = request.http.path.lower()
    settings = [setting for store in world.stores.values() for setting in store.log_settings]
    for setting in settings:
        if setting.workspace.lower() == asked:
            return {
                "id": setting.workspace,
                "name": setting.workspace.rpartition("/")[2],
                "type": "Microsoft.OperationalInsights/workspaces",
                "location": "westeurope",
                "properties": {
                    "customerId": stable_id("workspace", asked),
                    "provisioningState": "Succeeded",
                    "retentionInDays": setting.workspace_days,
                    "sku": {"name": "PerGB2018"},
                },
            }
    text = f"The Resource '{request.http.path}' was not found."
    raise AzureError(404, "ResourceNotFound", text)


_KEYVAULT = "Microsoft.KeyVault"
_VAULT, _HSM = model("keyvault:Vault"), model("keyvault:ManagedHsm")
_KEY, _HSM_KEY = model("keyvault:Key"), model("keyvault:ManagedHsmKey")
_SECRET = model("keyvault:Secret")
OPERATIONS = {
    "arm:Tenants_List": Operation(
        list_tenants, page_of(model("subscription:TenantIdDescription")), "Microsoft.Resources/tenants/read"
    ),
    "arm:Subscriptions_List": Operation(
        list_subscriptions, page_of(model("subscription:Subscription")), "Microsoft.Resources/subscriptions/read"
    ),
    "arm:Subscriptions_Get": Operation(
        get_subscription, model("subscription:Subscription"), "Microsoft.Resources/subscriptions/read"
    ),
    "arm:Vaults_ListBySubscription": Operation(list_vaults, page_of(_VAULT), f"{_KEYVAULT}/vaults/read"),
    "arm:Vaults_ListByResourceGroup": Operation(list_vaults, page_of(_VAULT), f"{_KEYVAULT}/vaults/read"),
    "arm:Vaults_Get": Operation(get_vault, _VAULT, f"{_KEYVAULT}/vaults/read"),
    "arm:Vaults_ListDeleted": Operation(
        list_deleted_vaults, page_of(model("keyvault:DeletedVault")), f"{_KEYVAULT}/deletedVaults/read"
    ),
    "arm:Vaults_GetDeleted": Operation(
        get_deleted_vault, model("keyvault:DeletedVault"), f"{_KEYVAULT}/locations/deletedVaults/read"
    ),
    "arm:PrivateEndpointConnections_ListByResource": Operation(
        list_private_endpoint_connections,
        page_of(model("keyvault:PrivateEndpointConnection")),
        f"{_KEYVAULT}/vaults/privateEndpointConnections/read",
    ),
    "arm:Keys_List": Operation(list_keys, page_of(_KEY), f"{_KEYVAULT}/vaults/keys/read"),
    "arm:Keys_Get": Operation(get_key, _KEY, f"{_KEYVAULT}/vaults/keys/read"),
    "arm:Keys_ListVersions": Operation(list_key_versions, page_of(_KEY), f"{_KEYVAULT}/vaults/keys/versions/read"),
    "arm:Keys_GetVersion": Operation(get_key_version, _KEY, f"{_KEYVAULT}/vaults/keys/versions/read"),
    "arm:Secrets_List": Operation(list_secrets, page_of(_SECRET), f"{_KEYVAULT}/vaults/secrets/read"),
    "arm:Secrets_Get": Operation(get_secret, _SECRET, f"{_KEYVAULT}/vaults/secrets/read"),
    "arm:ManagedHsms_ListBySubscription": Operation(list_managed_hsms, page_of(_HSM), f"{_KEYVAULT}/managedHSMs/read"),
    "arm:ManagedHsms_ListByResourceGroup": Operation(list_managed_hsms, page_of(_HSM), f"{_KEYVAULT}/managedHSMs/read"),
    "arm:ManagedHsms_Get": Operation(get_managed_hsm, _HSM, f"{_KEYVAULT}/managedHSMs/read"),
    "arm:ManagedHsms_ListDeleted": Operation(
        list_deleted_managed_hsms, page_of(model("keyvault:DeletedManagedHsm")), f"{_KEYVAULT}/deletedManagedHSMs/read"
    ),
    "arm:ManagedHsms_GetDeleted": Operation(
        get_deleted_managed_hsm,
        model("keyvault:DeletedManagedHsm"),
        f"{_KEYVAULT}/locations/deletedManagedHSMs/read",
    ),
    "arm:MHSMRegions_ListByResource": Operation(
        list_regions, page_of(model("keyvault:MHSMGeoReplicatedRegion")), f"{_KEYVAULT}/managedHSMs/regions/read"
    ),
    "arm:MHSMPrivateEndpointConnections_ListByResource": Operation(
        list_private_endpoint_connections,
        page_of(model("keyvault:MHSMPrivateEndpointConnection")),
        f"{_KEYVAULT}/managedHSMs/privateEndpointConnections/read",
    ),
    "arm:ManagedHsmKeys_List": Operation(list_keys, page_of(_HSM_KEY), f"{_KEYVAULT}/managedHSMs/keys/read"),
    "arm:ManagedHsmKeys_Get": Operation(get_key, _HSM_KEY, f"{_KEYVAULT}/managedHSMs/keys/read"),
    "arm:ManagedHsmKeys_ListVersions": Operation(
        list_key_versions, page_of(_HSM_KEY), f"{_KEYVAULT}/managedHSMs/keys/versions/read"
    ),
    "arm:ManagedHsmKeys_GetVersion": Operation(
        get_key_version, _HSM_KEY, f"{_KEYVAULT}/managedHSMs/keys/versions/read"
    ),
    "arm:Workspaces_Get": Operation(get_workspace, WORKSPACE, "Microsoft.OperationalInsights/workspaces/read"),
    "arm:DiagnosticSettings_List": Operation(
        list_diagnostic_settings, page_of(DIAGNOSTIC_SETTINGS), "Microsoft.Insights/diagnosticSettings/read"
    ),
}
