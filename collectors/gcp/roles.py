"""What roles of IAM let their members do with keys and secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from evidence.model import Capability

Service = Literal["kms", "secretmanager"]

_ADMINISTER, _USE, _DECRYPT, _GRANT = (
    Capability.ADMINISTER,
    Capability.USE,
    Capability.DECRYPT,
    Capability.GRANT,
)


@dataclass(frozen=True, slots=True)
class Grants:
    """What a role gives on keys, or on secrets."""

    capabilities: frozenset[Capability] = frozenset()
    everything: bool = False
    """Every permission that there is on them."""
    concerned: bool = False
    """It gives some permission on them, be it only to look."""


NOTHING = Grants()
_LOOKS = Grants(concerned=True)


def _grants(*capabilities: Capability, everything: bool = False) -> Grants:
    return Grants(frozenset(capabilities), everything, concerned=True)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ALL = _grants(_ADMINISTER, _USE, _DECRYPT, _GRANT, everything=True)
_POLICIES = _grants(_ADMINISTER, _GRANT)
"""Whoever sets the policy of what is above a key can give anybody, and himself, every right to it."""

_EVERY_SERVICE = {
    "roles/owner": _ALL,
    "roles/admin": _ALL,
    "roles/viewer": _LOOKS,
    "roles/reader": _LOOKS,
    "roles/browser": _LOOKS,
    "roles/iam.securityAdmin": _POLICIES,
    "roles/iam.securityReviewer": _LOOKS,
    "roles/resourcemanager.projectIamAdmin": _POLICIES,
    "roles/resourcemanager.folderAdmin": _POLICIES,
    "roles/resourcemanager.folderIamAdmin": _POLICIES,
    "roles/resourcemanager.organizationAdmin": _POLICIES,
}

_KMS_LOOKS = """autokeyAdmin autokeyUser ekmConnectionsAdmin expertRawAesCbc expertRawAesCtr expertRawPKCS1 importer
    kajPolicyAdmin orgServiceAgent protectedResourcesViewer publicKeyViewer serviceAgent viewer"""

_KMS = {
    "roles/editor": _grants(_ADMINISTER),
    "roles/writer": _grants(_ADMINISTER),
    **{f"roles/cloudkms.{name}": _LOOKS for name in _KMS_LOOKS.split()},
    "roles/cloudkms.admin": _POLICIES,
    "roles/cloudkms.cryptoKeyEncrypter": _grants(_USE),
    "roles/cloudkms.cryptoKeyEncrypterViaDelegation": _grants(_USE),
    "roles/cloudkms.cryptoKeyDecrypter": _grants(_DECRYPT),
    "roles/cloudkms.cryptoKeyDecrypterViaDelegation": _grants(_DECRYPT),
    "roles/cloudkms.cryptoKeyEncrypterDecrypter": _grants(_USE, _DECRYPT),
    "roles/cloudkms.cryptoKeyEncrypterDecrypterViaDelegation": _grants(_USE, _DECRYPT),
    "roles/cloudkms.cryptoOperator": _grants(_USE, _DECRYPT),
    "roles/cloudkms.decapsulator": _grants(_DECRYPT),
    "roles/cloudkms.signer": _grants(_USE),
    "roles/cloudkms.signerVerifier": _grants(_USE),
    "roles/cloudkms.verifier": _grants(_USE),
}
"""Source: IAM documentation, Cloud Key Management Service roles and permissions, and basic roles.

Cloud KMS Admin has the permissions of use by delegation besides, which let a service of Google's use the key when its
own agent may; Google calls it a role without cryptographic operations, and so it is counted.
"""

_SECRET_MANAGER = {
    "roles/editor": _grants(_ADMINISTER, _USE),
    "roles/writer": _grants(_ADMINISTER, _USE),
    "roles/secretmanager.admin": _ALL,
    "roles/secretmanager.editor": _grants(_ADMINISTER, _USE),
    "roles/secretmanager.secretAccessor": _grants(_DECRYPT),
    "roles/secretmanager.secretVersionAdder": _grants(_USE),
    "roles/secretmanager.secretVersionManager": _grants(_ADMINISTER, _USE),
    "roles/secretmanager.viewer": _LOOKS,
}
"""To use a secret without reading it is to give it a new value.

Source: IAM documentation, Secret Manager roles and permissions, and basic roles.
"""

_PREDEFINED: Mapping[Service, Mapping[str, Grants]] = {
    "kms": {**_EVERY_SERVICE, **_KMS},
    "secretmanager": {**_EVERY_SERVICE, **_SECRET_MANAGER},
}
_OTHER_SERVICES = _names(
    """artifactregistry bigquery billing cloudkms cloudtrace compute dns errorreporting logging monitoring pubsub
    secretmanager serviceusage storage"""
)
"""Services whose roles give nothing on the keys or secrets of another, but for what their own agents hold.

Source: IAM documentation, the roles and permissions of each.
"""
_ELSEWHERE = _names(
    """roles/iam.serviceAccountTokenCreator roles/iam.serviceAccountUser roles/iam.serviceAccountViewer
    roles/iam.workloadIdentityUser roles/resourcemanager.folderViewer roles/resourcemanager.organizationViewer"""
)
"""Roles that give nothing on keys or secrets, though others of their services do."""

_PREFIXES: Mapping[Service, str] = {"kms": "cloudkms", "secretmanager": "secretmanager"}

_PERMISSIONS: Mapping[Service, Mapping[Capability, frozenset[str]]] = {
    "kms": {
        _ADMINISTER: _names(
            """cloudkms.cryptoKeys.setIamPolicy cloudkms.cryptoKeys.update cloudkms.cryptoKeyVersions.create
            cloudkms.cryptoKeyVersions.destroy cloudkms.cryptoKeyVersions.restore
            cloudkms.cryptoKeyVersions.update cloudkms.keyRings.setIamPolicy"""
        ),
        _USE: _names(
            """cloudkms.cryptoKeyVersions.useToEncrypt cloudkms.cryptoKeyVersions.useToEncryptViaDelegation
            cloudkms.cryptoKeyVersions.useToSign cloudkms.cryptoKeyVersions.useToVerify"""
        ),
        _DECRYPT: _names(
            """cloudkms.cryptoKeyVersions.useToDecapsulate cloudkms.cryptoKeyVersions.useToDecrypt
            cloudkms.cryptoKeyVersions.useToDecryptViaDelegation"""
        ),
        _GRANT: _names(
            """cloudkms.cryptoKeys.setIamPolicy cloudkms.keyRings.setIamPolicy resourcemanager.folders.setIamPolicy
            resourcemanager.organizations.setIamPolicy resourcemanager.projects.setIamPolicy"""
        ),
    },
    "secretmanager": {
        _ADMINISTER: _names(
            """secretmanager.secrets.delete secretmanager.secrets.setIamPolicy secretmanager.secrets.update
            secretmanager.versions.destroy secretmanager.versions.disable secretmanager.versions.enable"""
        ),
        _USE: frozenset({"secretmanager.versions.add"}),
        _DECRYPT: frozenset({"secretmanager.versions.access"}),
        _GRANT: _names(
            """resourcemanager.folders.setIamPolicy resourcemanager.organizations.setIamPolicy
            resourcemanager.projects.setIamPolicy secretmanager.secrets.setIamPolicy"""
        ),
    },
}
"""The permissions of which each one gives the capability."""


def by_permissions(permissions: Iterable[str], service: Service) -> Grants:
    """What a role of one's own with these permissions gives. Everything is what each of the known ones is part of."""
    held = frozenset(permissions)
    named = _PERMISSIONS[service]
    prefix = f"{_PREFIXES[service]}."
    every = {name for names in named.values() for name in names if name.startswith(prefix)}
    return Grants(
        frozenset(capability for capability, names in named.items() if names & held),
        everything=every <= held,
        concerned=any(name.startswith(prefix) for name in held) or bool(named[_GRANT] & held),
    )


def grants_of(role: str, service: Service, own_roles: Mapping[str, Iterable[str]]) -> Grants | None:
    """What a role gives; None where its permissions are not known.

    `own_roles` are the permissions of those roles that the organization defined itself. A predefined role that nobody
    has looked at may carry permissions on keys or secrets, as those of Firebase and of service agents do.
    """
    known = _PREDEFINED[service].get(role)
    if known is not None:
        return known
    if role in own_roles:
        return by_permissions(own_roles[role], service)
    return NOTHING if _elsewhere(role, service) else None


def _elsewhere(role: str, service: Service) -> bool:
    """It is a predefined role that is known to give nothing on keys, or on secrets."""
    if role in _ELSEWHERE or any(role in known for known in _PREDEFINED.values()):
        return True
    of, _, name = role.removeprefix("roles/").partition(".")
    agents = name.lower().endswith("serviceagent")
    return role.startswith("roles/") and name != "" and of in _OTHER_SERVICES - {_PREFIXES[service]} and not agents
