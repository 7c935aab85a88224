"""Where each operation of Azure is asked: its path, as Microsoft's REST specifications give it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from evidence.observation import JSON

_GROUP = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers"
_PART = {
    "resourceId": _GROUP + r"/Microsoft\.KeyVault/(vaults|managedHSMs)/[^/]+",
    "workspaceId": _GROUP + r"/Microsoft\.OperationalInsights/workspaces/[^/]+",
    "roleDefinitionId": r"(/subscriptions/[^/]+)?/providers/Microsoft\.Authorization/roleDefinitions/[^/]+",
}
"""Parameters that are more than one part of a path."""


@dataclass(frozen=True, slots=True)
class Route:
    """How one operation is asked. All are GET."""

    path: str
    """With `{name}` where a parameter stands."""
    query: str = ""
    """What stands after `?`, always the same; a vault's clients know their API version themselves."""
    continues: tuple[str, ...] = ()
    """Other paths at which Azure continues the list."""
    absent: str = ""
    """The code of the error by which Azure answers that there is none."""

    def target(self, parameters: Mapping[str, JSON]) -> str:
        """Path and query for these parameters; a `nextLink` among them is asked as it is."""
        if "nextLink" in parameters:
            return str(parameters["nextLink"])
        quoted = {name: quote(str(value), safe="/()") for name, value in parameters.items()}
        return self.path.format_map(quoted) + (f"?{self.query}" if self.query else "")

    def takes(self, parameter: str, value: str) -> bool:
        """The value is one that the parameter may have; what a provider names must be one before it is asked about."""
        return re.fullmatch(_PART.get(parameter, "[^/]+"), value, re.IGNORECASE) is not None

    def admits(self, path: str) -> bool:
        """That path is one at which this operation is asked."""
        return any(re.fullmatch(_pattern(p), path, re.IGNORECASE) for p in (self.path, *self.continues))


def _pattern(path: str) -> str:
    parts = re.split(r"\{(\w+)\}", path)
    return "".join(_PART.get(part, "[^/]+") if at % 2 else re.escape(part) for at, part in enumerate(parts))


def same_place(link: str, address: str) -> bool:
    """A link leads to the host that gave it."""
    try:
        return _place(link) == _place(address)
    except ValueError:
        return False


def _place(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    if "\\" in url or parts.username is not None or parts.password is not None:
        raise ValueError("no plain URL")
    return parts.scheme, parts.hostname or "", parts.port or 443


_VAULT_API = "api-version=2025-05-01"
_ROLE_API = "api-version=2022-04-01"
_SUBSCRIPTION = "/subscriptions/{subscriptionId}"
_KEYVAULT = _SUBSCRIPTION + "/providers/Microsoft.KeyVault"

ROUTES: Mapping[str, Route] = {
    "arm:Subscriptions_List": Route("/subscriptions", "api-version=2022-12-01"),
    "arm:Subscriptions_Get": Route(_SUBSCRIPTION, "api-version=2022-12-01"),
    "arm:Vaults_ListBySubscription": Route(
        f"{_KEYVAULT}/vaults", _VAULT_API, continues=(f"{_SUBSCRIPTION}/resources",)
    ),
    "arm:Vaults_ListDeleted": Route(f"{_KEYVAULT}/deletedVaults", _VAULT_API),
    "arm:ManagedHsms_ListBySubscription": Route(f"{_KEYVAULT}/managedHSMs", _VAULT_API),
    "arm:ManagedHsms_ListDeleted": Route(f"{_KEYVAULT}/deletedManagedHSMs", _VAULT_API),
    "arm:StorageAccounts_List": Route(
        f"{_SUBSCRIPTION}/providers/Microsoft.Storage/storageAccounts", "api-version=2023-05-01"
    ),
    "arm:Vaults_Get": Route("{resourceId}", _VAULT_API),
    "arm:ManagedHsms_Get": Route("{resourceId}", _VAULT_API),
    "arm:MHSMRegions_ListByResource": Route("{resourceId}/regions", _VAULT_API),
    "arm:DiagnosticSettings_List": Route(
        "{resourceId}/providers/Microsoft.Insights/diagnosticSettings", "api-version=2021-05-01-preview"
    ),
    "arm:Workspaces_Get": Route("{workspaceId}", "api-version=2023-09-01"),
    "arm:RoleAssignments_ListForScope": Route(
        "{resourceId}/providers/Microsoft.Authorization/roleAssignments", _ROLE_API
    ),
    "arm:RoleDefinitions_Get": Route("{roleDefinitionId}", _ROLE_API),
    "arm:Keys_List": Route("{resourceId}/keys", _VAULT_API),
    "arm:Keys_Get": Route("{resourceId}/keys/{key}", _VAULT_API),
    "arm:Keys_ListVersions": Route("{resourceId}/keys/{key}/versions", _VAULT_API),
    "arm:ManagedHsmKeys_List": Route("{resourceId}/keys", _VAULT_API),
    "arm:ManagedHsmKeys_Get": Route("{resourceId}/keys/{key}", _VAULT_API),
    "arm:ManagedHsmKeys_ListVersions": Route("{resourceId}/keys/{key}/versions", _VAULT_API),
    "arm:Secrets_List": Route("{resourceId}/secrets", _VAULT_API),
    "keys:GetKeys": Route("/keys"),
    "keys:GetKey": Route("/keys/{key}/"),
    "keys:GetKeyAttestation": Route("/keys/{key}/{version}/attestation"),
    "keys:GetKeyVersions": Route("/keys/{key}/versions"),
    "keys:GetKeyRotationPolicy": Route("/keys/{key}/rotationpolicy"),
    "keys:GetDeletedKeys": Route("/deletedkeys"),
    "keys:GetDeletedKey": Route("/deletedkeys/{key}"),
    "secrets:GetSecrets": Route("/secrets"),
    "secrets:GetSecretVersions": Route("/secrets/{secret}/versions"),
    "secrets:GetDeletedSecrets": Route("/deletedsecrets"),
    "certificates:GetCertificates": Route("/certificates"),
    "certificates:GetCertificate": Route("/certificates/{certificate}/"),
    "certificates:GetCertificateVersions": Route("/certificates/{certificate}/versions"),
    "certificates:GetDeletedCertificates": Route("/deletedcertificates"),
    "administration:RoleAssignments_ListForScope": Route("/providers/Microsoft.Authorization/roleAssignments"),
    "administration:RoleDefinitions_List": Route("/providers/Microsoft.Authorization/roleDefinitions"),
    "administration:GetSettings": Route("/settings"),
    "administration:GetEkmConnection": Route("/ekm", "api-version=2026-04-01", absent="NotFound"),
}
"""By operation."""
