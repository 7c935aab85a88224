"""The permissions that Google's methods need, by which it says what is refused."""

from __future__ import annotations

from keyproof.demo.gcp.wire import Request

_PERMISSIONS = {
    "kms:ListLocations": "cloudkms.locations.list",
    "kms:GetLocation": "cloudkms.locations.get",
    "kms:ListKeyRings": "cloudkms.keyRings.list",
    "kms:GetKeyRing": "cloudkms.keyRings.get",
    "kms:ListCryptoKeys": "cloudkms.cryptoKeys.list",
    "kms:GetCryptoKey": "cloudkms.cryptoKeys.get",
    "kms:ListCryptoKeyVersions": "cloudkms.cryptoKeyVersions.list",
    "kms:GetCryptoKeyVersion": "cloudkms.cryptoKeyVersions.get",
    "kms:ListImportJobs": "cloudkms.importJobs.list",
    "kms:GetImportJob": "cloudkms.importJobs.get",
    "kms:ListRetiredResources": "cloudkms.retiredResources.list",
    "kms:ListEkmConnections": "cloudkms.ekmConnections.list",
    "kms:GetEkmConnection": "cloudkms.ekmConnections.get",
    "kms:GetEkmConfig": "cloudkms.ekmConfigs.get",
    "kms:ListSingleTenantHsmInstances": "cloudkms.singleTenantHsmInstances.list",
    "kms:GetSingleTenantHsmInstance": "cloudkms.singleTenantHsmInstances.get",
    "autokey:ListKeyHandles": "cloudkms.keyHandles.list",
    "autokey:GetKeyHandle": "cloudkms.keyHandles.get",
    "autokey:GetAutokeyConfig": "cloudkms.autokeyConfigs.get",
    "autokey:ShowEffectiveAutokeyConfig": "cloudkms.projects.showEffectiveAutokeyConfig",
    "kmsinventory:ListCryptoKeys": "cloudkms.cryptoKeys.list",
    "kmsinventory:GetProtectedResourcesSummary": "cloudkms.protectedResources.search",
    "kmsinventory:SearchProtectedResources": "cloudkms.protectedResources.search",
    "secretmanager:ListSecrets": "secretmanager.secrets.list",
    "secretmanager:GetSecret": "secretmanager.secrets.get",
    "secretmanager:ListSecretVersions": "secretmanager.versions.list",
    "secretmanager:GetSecretVersion": "secretmanager.versions.get",
    "secretmanager:GetIamPolicy": "secretmanager.secrets.getIamPolicy",
    "iam:ListServiceAccounts": "iam.serviceAccounts.list",
    "iam:ListServiceAccountKeys": "iam.serviceAccountKeys.list",
    "apikeys:ListKeys": "apikeys.keys.list",
    "asset:SearchAllResources": "cloudasset.assets.searchAllResources",
    "asset:SearchAllIamPolicies": "cloudasset.assets.searchAllIamPolicies",
    "resourcemanager:ListProjects": "resourcemanager.projects.list",
    "resourcemanager:SearchProjects": "resourcemanager.projects.get",
    "resourcemanager:GetProject": "resourcemanager.projects.get",
    "resourcemanager:ListFolders": "resourcemanager.folders.list",
    "resourcemanager:SearchFolders": "resourcemanager.folders.get",
    "resourcemanager:GetFolder": "resourcemanager.folders.get",
    "resourcemanager:GetOrganization": "resourcemanager.organizations.get",
    "resourcemanager:SearchOrganizations": "resourcemanager.organizations.get",
}

_KMS_COLLECTIONS = ("cryptoKeys", "importJobs", "keyRings", "ekmConnections")
_ASSET_CONTENTS = {1: "cloudasset.assets.listResource", 2: "cloudasset.assets.listIamPolicy"}


def permission(request: Request) -> str:
    """The permission that a request needs; made up from the method's name for one that is not answered here."""
    if request.name == "kms:GetIamPolicy":
        named = (name for name in _KMS_COLLECTIONS if request.part(name))
        return f"cloudkms.{next(named, 'ekmConfigs')}.getIamPolicy"
    if request.name == "resourcemanager:GetIamPolicy":
        return f"resourcemanager.{request.subject.partition('/')[0]}.getIamPolicy"
    if request.name == "asset:ListAssets":
        return _ASSET_CONTENTS.get(request.message.content_type, "cloudasset.assets.listResource")
    return _PERMISSIONS.get(request.name, request.name.replace(":", "."))
