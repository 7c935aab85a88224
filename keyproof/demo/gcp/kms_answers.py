"""Answers of Cloud KMS, its EKM, HSM and Autokey services, and of KMS Inventory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from google.cloud import kms_inventory_v1, kms_v1
from google.cloud.location import locations_pb2

from keyproof.demo.gcp.wire import GoogleError, Request
from keyproof.demo.gcp.world import World

_FULL = kms_v1.CryptoKeyVersion.CryptoKeyVersionView.FULL


def _listed(world: World, request: Request, response: Any, member: str, entries: list[Any]) -> Any:
    """A page of a list, with the list's size."""
    if request.message.filter or request.message.order_by:
        raise GoogleError("UNIMPLEMENTED", "The embedded Cloud KMS neither filters nor sorts.")
    page, token = world.page(request, entries, default=100, most=1000)
    return response.pb()(**{member: page}, next_page_token=token, total_size=len(entries))


def _children(world: World, request: Request, resources: Mapping[str, Any], collection: str) -> list[Any]:
    """The resources of a collection below the request's parent, by name."""
    prefix = f"{world.canonical(request.message.parent)}/{collection}/"
    return [resources[name] for name in sorted(resources) if name.startswith(prefix) and "/" not in name[len(prefix) :]]


def _named(world: World, request: Request, resources: Mapping[str, Any], kind: str) -> Any:
    return _found(resources, world.canonical(request.message.name), kind)


def _found(resources: Mapping[str, Any], name: str, kind: str) -> Any:
    if name not in resources:
        raise GoogleError("NOT_FOUND", f"{kind} {name} not found.")
    return resources[name]


def _place(world: World, request: Request) -> None:
    """Raises NOT_FOUND for a location that there is not; Cloud KMS knows none for all of them."""
    location = request.part("locations")
    if location not in {place.id for place in world.places}:
        raise GoogleError("NOT_FOUND", f"The request was for location '{location}', which does not exist.")


def list_locations(world: World, request: Request) -> Any:
    project = world.project_id(request.part("projects"))
    entries = world.locations(project)
    page, token = world.page(request, entries, default=100, most=1000)
    return locations_pb2.ListLocationsResponse(locations=page, next_page_token=token)


def get_location(world: World, request: Request) -> Any:
    _place(world, request)
    project = world.project_id(request.part("projects"))
    return next(place for place in world.locations(project) if place.location_id == request.part("locations"))


def list_key_rings(world: World, request: Request) -> Any:
    _place(world, request)
    entries = _children(world, request, world.key_rings, "keyRings")
    return _listed(world, request, kms_v1.ListKeyRingsResponse, "key_rings", entries)


def get_key_ring(world: World, request: Request) -> Any:
    return _named(world, request, world.key_rings, "KeyRing")


def list_crypto_keys(world: World, request: Request) -> Any:
    _found(world.key_rings, world.canonical(request.message.parent), "KeyRing")
    entries = _children(world, request, world.keys, "cryptoKeys")
    answer = _listed(world, request, kms_v1.ListCryptoKeysResponse, "crypto_keys", entries)
    if request.message.version_view != _FULL:
        for key in answer.crypto_keys:
            if key.HasField("primary"):
                key.primary.ClearField("attestation")
    return answer


def get_crypto_key(world: World, request: Request) -> Any:
    return _named(world, request, world.keys, "CryptoKey")


def list_crypto_key_versions(world: World, request: Request) -> Any:
    key = world.canonical(request.message.parent)
    entries = _found(world.versions, key, "CryptoKey")
    answer = _listed(world, request, kms_v1.ListCryptoKeyVersionsResponse, "crypto_key_versions", entries)
    if request.message.view != _FULL:
        for version in answer.crypto_key_versions:
            version.ClearField("attestation")
    return answer


def get_crypto_key_version(world: World, request: Request) -> Any:
    name = world.canonical(request.message.name)
    versions = {version.name: version for version in world.versions.get(name.rpartition("/cryptoKeyVersions/")[0], ())}
    return _found(versions, name, "CryptoKeyVersion")


def list_import_jobs(world: World, request: Request) -> Any:
    _found(world.key_rings, world.canonical(request.message.parent), "KeyRing")
    entries = _children(world, request, world.import_jobs, "importJobs")
    return _listed(world, request, kms_v1.ListImportJobsResponse, "import_jobs", entries)


def get_import_job(world: World, request: Request) -> Any:
    return _named(world, request, world.import_jobs, "ImportJob")


def list_retired_resources(world: World, request: Request) -> Any:
    _place(world, request)
    entries = _children(world, request, world.retired, "retiredResources")
    page, token = world.page(request, entries, default=100, most=1000)
    return kms_v1.ListRetiredResourcesResponse.pb()(
        retired_resources=page, next_page_token=token, total_size=len(entries)
    )


def list_ekm_connections(world: World, request: Request) -> Any:
    _place(world, request)
    entries = _children(world, request, world.ekm_connections, "ekmConnections")
    return _listed(world, request, kms_v1.ListEkmConnectionsResponse, "ekm_connections", entries)


def get_ekm_connection(world: World, request: Request) -> Any:
    return _named(world, request, world.ekm_connections, "EkmConnection")


def get_ekm_config(world: World, request: Request) -> Any:
    """Every location has one, which names no connection unless somebody has set it."""
    _place(world, request)
    name = world.canonical(request.message.name)
    return world.ekm_configs.get(name) or kms_v1.EkmConfig.pb()(name=name)


def list_hsm_instances(world: World, request: Request) -> Any:
    _place(world, request)
    entries = _children(world, request, world.hsm_instances, "singleTenantHsmInstances")
    response = kms_v1.ListSingleTenantHsmInstancesResponse
    return _listed(world, request, response, "single_tenant_hsm_instances", entries)


def get_hsm_instance(world: World, request: Request) -> Any:
    return _named(world, request, world.hsm_instances, "SingleTenantHsmInstance")


def get_iam_policy(world: World, request: Request) -> Any:
    name = world.canonical(request.message.resource)
    for resources in (world.keys, world.key_rings, world.import_jobs, world.ekm_connections):
        if name in resources:
            return world.policy(name, request.message.options.requested_policy_version)
    if name.endswith("/ekmConfig"):
        return world.policy(name, request.message.options.requested_policy_version)
    raise GoogleError("NOT_FOUND", f"Resource {name} not found.")


# Autokey


def list_key_handles(world: World, request: Request) -> Any:
    _place(world, request)
    entries = _children(world, request, world.key_handles, "keyHandles")
    page, token = world.page(request, entries, default=100, most=1000)
    return kms_v1.ListKeyHandlesResponse.pb()(key_handles=page, next_page_token=token)


def get_key_handle(world: World, request: Request) -> Any:
    return _named(world, request, world.key_handles, "KeyHandle")


def get_autokey_config(world: World, request: Request) -> Any:
    """Every folder and project has one, which is not initialized until somebody has set it."""
    name = world.canonical(request.message.name)
    owner = name.removesuffix("/autokeyConfig")
    if owner not in world.folders and owner.removeprefix("projects/") not in world.projects:
        raise GoogleError("NOT_FOUND", f"Resource {owner} not found.")
    unset = kms_v1.AutokeyConfig.pb()(name=name, state=int(kms_v1.AutokeyConfig.State.UNINITIALIZED))
    return world.autokey_configs.get(name) or unset


def show_effective_autokey_config(world: World, request: Request) -> Any:
    """The configuration of the nearest folder that has one."""
    project = world.project_id(request.part("projects"))
    candidates = [f"projects/{project}", *world.ancestors(world.project_number(project))]
    configs = (world.autokey_configs.get(f"{name}/autokeyConfig") for name in candidates)
    effective = next((config.key_project for config in configs if config is not None and config.key_project), "")
    return kms_v1.ShowEffectiveAutokeyConfigResponse.pb()(key_project=effective)


# KMS Inventory


def inventory_keys(world: World, request: Request) -> Any:
    """All keys of a project, wherever they are."""
    prefix = f"{world.canonical(request.message.parent)}/"
    entries = [world.keys[name] for name in sorted(world.keys) if name.startswith(prefix)]
    page, token = world.page(request, entries, default=100, most=1000)
    return kms_inventory_v1.ListCryptoKeysResponse.pb()(crypto_keys=page, next_page_token=token)


def protected_summary(world: World, request: Request) -> Any:
    key = world.canonical(request.message.name).removesuffix("/protectedResourcesSummary")
    _found(world.keys, key, "CryptoKey")
    resources = world.protected.get(key, [])
    return kms_inventory_v1.ProtectedResourcesSummary.pb()(
        name=f"{key}/protectedResourcesSummary",
        resource_count=len(resources),
        project_count=len({resource.project_id for resource in resources}),
        resource_types=Counter(resource.resource_type for resource in resources),
        cloud_products=Counter(resource.cloud_product for resource in resources),
        locations=Counter(resource.location for resource in resources),
    )


def search_protected(world: World, request: Request) -> Any:
    """Resources of an organization or a project that a key, or one of its versions, protects."""
    asked = request.message
    key, _, number = world.canonical(asked.crypto_key).partition("/cryptoKeyVersions/")
    _found(world.keys, key, "CryptoKey")
    scope = world.by_number(asked.scope)
    entries = [
        resource
        for resource in world.protected.get(key, ())
        if scope in world.ancestors(resource.project)
        and (not number or any(name.endswith(f"/{number}") for name in resource.crypto_key_versions))
        and (not asked.resource_types or resource.resource_type in asked.resource_types)
    ]
    page, token = world.page(request, entries, default=100, most=500)
    return kms_inventory_v1.SearchProtectedResourcesResponse.pb()(protected_resources=page, next_page_token=token)


OPERATIONS = {
    "kms:ListLocations": list_locations,
    "kms:GetLocation": get_location,
    "kms:ListKeyRings": list_key_rings,
    "kms:GetKeyRing": get_key_ring,
    "kms:ListCryptoKeys": list_crypto_keys,
    "kms:GetCryptoKey": get_crypto_key,
    "kms:ListCryptoKeyVersions": list_crypto_key_versions,
    "kms:GetCryptoKeyVersion": get_crypto_key_version,
    "kms:ListImportJobs": list_import_jobs,
    "kms:GetImportJob": get_import_job,
    "kms:ListRetiredResources": list_retired_resources,
    "kms:GetIamPolicy": get_iam_policy,
    "kms:ListEkmConnections": list_ekm_connections,
    "kms:GetEkmConnection": get_ekm_connection,
    "kms:GetEkmConfig": get_ekm_config,
    "kms:ListSingleTenantHsmInstances": list_hsm_instances,
    "kms:GetSingleTenantHsmInstance": get_hsm_instance,
    "autokey:ListKeyHandles": list_key_handles,
    "autokey:GetKeyHandle": get_key_handle,
    "autokey:GetAutokeyConfig": get_autokey_config,
    "autokey:ShowEffectiveAutokeyConfig": show_effective_autokey_config,
    "kmsinventory:ListCryptoKeys": inventory_keys,
    "kmsinventory:GetProtectedResourcesSummary": protected_summary,
    "kmsinventory:SearchProtectedResources": search_protected,
}
