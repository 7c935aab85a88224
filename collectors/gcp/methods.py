"""The method of Google's clients that each operation is, and how it looks on the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Method:
    """A method that reads, and nothing else."""

    package: str
    """Below `google.cloud`."""
    client: str
    """Class of the client; that of its transports begins with the same words."""
    name: str
    """Of the client's method."""
    path: str
    """Over gRPC."""
    verb: str
    """Over REST."""
    uri: re.Pattern[str]
    """Of what an URL has behind its host, over REST."""


_KEY_RING = r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+"
_CRYPTO_KEY = rf"{_KEY_RING}/cryptoKeys/[^/]+"
_SECRET = r"projects/[^/]+(/locations/[^/]+)?/secrets/[^/]+"  # noqa: S105 - the pattern of a name
_ANYTHING_ABOVE = r"(projects|folders|organizations)/[^/:]+"


def _method(package: str, client: str, path: str, uri: str, verb: str = "GET") -> Method:
    camel = path.rpartition("/")[2]
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", camel).lower()
    return Method(package, client, snake, f"/{path}", verb, re.compile(uri))


def _kms(name: str, uri: str) -> Method:
    client = "KeyManagementServiceClient"
    return _method("kms_v1", client, f"google.cloud.kms.v1.KeyManagementService/{name}", f"/v1/{uri}")


def _inventory(name: str, uri: str) -> Method:
    path = f"google.cloud.kms.inventory.v1.KeyTrackingService/{name}"
    return _method("kms_inventory_v1", "KeyTrackingServiceClient", path, f"/v1/{uri}")


def _secret_manager(name: str, uri: str) -> Method:
    path = f"google.cloud.secretmanager.v1.SecretManagerService/{name}"
    return _method("secretmanager_v1", "SecretManagerServiceClient", path, f"/v1/{uri}")


def _iam(name: str, uri: str) -> Method:
    return _method("iam_admin_v1", "IAMClient", f"google.iam.admin.v1.IAM/{name}", f"/v1/{uri}")


def _hierarchy(service: str, name: str, uri: str, verb: str = "GET") -> Method:
    path = f"google.cloud.resourcemanager.v3.{service}/{name}"
    return _method("resourcemanager_v3", f"{service}Client", path, f"/v3/{uri}", verb)


METHODS: Mapping[str, tuple[Method, ...]] = {
    "resourcemanager:GetProject": (_hierarchy("Projects", "GetProject", r"projects/[^/:]+"),),
    "resourcemanager:GetFolder": (_hierarchy("Folders", "GetFolder", r"folders/[^/:]+"),),
    "resourcemanager:GetOrganization": (_hierarchy("Organizations", "GetOrganization", r"organizations/[^/:]+"),),
    "resourcemanager:ListFolders": (_hierarchy("Folders", "ListFolders", "folders"),),
    "resourcemanager:ListProjects": (_hierarchy("Projects", "ListProjects", "projects"),),
    "resourcemanager:GetIamPolicy": tuple(
        _hierarchy(service, "GetIamPolicy", rf"{service.lower()}/[^/:]+:getIamPolicy", "POST")
        for service in ("Projects", "Folders", "Organizations")
    ),
    "asset:ListAssets": (
        _method(
            "asset_v1",
            "AssetServiceClient",
            "google.cloud.asset.v1.AssetService/ListAssets",
            rf"/v1/{_ANYTHING_ABOVE}/assets",
        ),
    ),
    "asset:SearchAllResources": (
        _method(
            "asset_v1",
            "AssetServiceClient",
            "google.cloud.asset.v1.AssetService/SearchAllResources",
            rf"/v1/{_ANYTHING_ABOVE}:searchAllResources",
        ),
    ),
    "kms:ListLocations": (
        _method(
            "kms_v1",
            "KeyManagementServiceClient",
            "google.cloud.location.Locations/ListLocations",
            r"/v1/projects/[^/]+/locations",
        ),
    ),
    "kms:ListKeyRings": (_kms("ListKeyRings", r"projects/[^/]+/locations/[^/]+/keyRings"),),
    "kms:ListCryptoKeys": (_kms("ListCryptoKeys", rf"{_KEY_RING}/cryptoKeys"),),
    "kms:ListCryptoKeyVersions": (_kms("ListCryptoKeyVersions", rf"{_CRYPTO_KEY}/cryptoKeyVersions"),),
    "kms:ListImportJobs": (_kms("ListImportJobs", rf"{_KEY_RING}/importJobs"),),
    "kms:GetIamPolicy": (
        _method(
            "kms_v1",
            "KeyManagementServiceClient",
            "google.iam.v1.IAMPolicy/GetIamPolicy",
            rf"/v1/{_KEY_RING}(/cryptoKeys/[^/:]+)?:getIamPolicy",
        ),
    ),
    "kms:ListEkmConnections": (
        _method(
            "kms_v1",
            "EkmServiceClient",
            "google.cloud.kms.v1.EkmService/ListEkmConnections",
            r"/v1/projects/[^/]+/locations/[^/]+/ekmConnections",
        ),
    ),
    "autokey:ListKeyHandles": (
        _method(
            "kms_v1",
            "AutokeyClient",
            "google.cloud.kms.v1.Autokey/ListKeyHandles",
            r"/v1/projects/[^/]+/locations/[^/]+/keyHandles",
        ),
    ),
    "autokey:ShowEffectiveAutokeyConfig": (
        _method(
            "kms_v1",
            "AutokeyAdminClient",
            "google.cloud.kms.v1.AutokeyAdmin/ShowEffectiveAutokeyConfig",
            r"/v1/projects/[^/:]+:showEffectiveAutokeyConfig",
        ),
    ),
    "kmsinventory:GetProtectedResourcesSummary": (
        _inventory("GetProtectedResourcesSummary", rf"{_CRYPTO_KEY}/protectedResourcesSummary"),
    ),
    "kmsinventory:SearchProtectedResources": (
        _inventory("SearchProtectedResources", r"(projects|organizations)/[^/]+/protectedResources:search"),
    ),
    "secretmanager:ListSecrets": (_secret_manager("ListSecrets", r"projects/[^/]+(/locations/[^/]+)?/secrets"),),
    "secretmanager:ListSecretVersions": (_secret_manager("ListSecretVersions", rf"{_SECRET}/versions"),),
    "secretmanager:GetIamPolicy": (_secret_manager("GetIamPolicy", rf"{_SECRET}:getIamPolicy"),),
    "iam:ListServiceAccounts": (_iam("ListServiceAccounts", r"projects/[^/]+/serviceAccounts"),),
    "iam:ListServiceAccountKeys": (_iam("ListServiceAccountKeys", r"projects/[^/]+/serviceAccounts/[^/:]+/keys"),),
    "apikeys:ListKeys": (
        _method(
            "api_keys_v2",
            "ApiKeysClient",
            "google.api.apikeys.v2.ApiKeys/ListKeys",
            r"/v2/projects/[^/]+/locations/global/keys",
        ),
    ),
}
"""Operation → its methods: several clients have one for IAM policies, each for its own kind of resource."""

_EVERY = tuple(method for methods in METHODS.values() for method in methods)
PATHS = frozenset(method.path for method in _EVERY)
"""Every path that may be asked for over gRPC."""


def method_of(operation: str, resource: str) -> Method:
    """The method of a declared operation for a resource of that name. Raises KeyError where there is none."""
    methods = METHODS[operation]
    if len(methods) == 1:
        return methods[0]
    kind = resource.partition("/")[0]
    return {method.uri.pattern.split("/")[2]: method for method in methods}[kind]


def may_be_asked(verb: str, uri: str) -> bool:
    """Whether a request over REST is one of a declared operation."""
    return any(method.verb == verb and method.uri.fullmatch(uri) for method in _EVERY)
