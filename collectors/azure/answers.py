"""What is read of each answer of Azure: the members that facts come from, with the names that Azure gives them.

A member that Azure always sends is required, so that an answer which lacks it counts as none; a member that Azure
leaves out, or sends as null, to say something is optional.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from collectors.azure.routes import ROUTES
from evidence.reading import Answer, Flag, Text, Time, Whole

_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
_KINDS = frozenset(["keys", "secrets", "certificates", "deletedkeys", "deletedsecrets", "deletedcertificates"])


def _epoch(value: object) -> object:
    """Seconds since 1970, as the Key Vault APIs give times."""
    if type(value) is not int:
        return value
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError("is beyond the times that can be compared") from error


def _only_a_time(value: object) -> object:
    if value is not None and not isinstance(value, datetime):
        raise ValueError("is no number of seconds")
    return value


Epoch = Annotated[Time, BeforeValidator(_only_a_time), BeforeValidator(_epoch)]
Days = Annotated[Whole, Field(ge=0, le=36_525)]


def _thing(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError("is no URL of a key, secret or certificate") from error
    path = parts.path.split("/")[1:]
    if not (parts.scheme == "https" and parts.hostname and 2 <= len(path) <= 3 and path[0] in _KINDS):
        raise ValueError("is no URL of a key, secret or certificate")
    if not all(_NAME.fullmatch(part) for part in path[1:]):
        raise ValueError("is no URL of a key, secret or certificate")
    return url


ThingUrl = Annotated[Text, AfterValidator(_thing)]
"""The URL of a key, secret or certificate, or of a version of one."""


def thing_id(url: str) -> str:
    """Its URL without version and without the port that https has anyway; a deleted thing's is that of the living."""
    parts = urlsplit(url)
    host = (parts.hostname or "") + ("" if parts.port in (None, 443) else f":{parts.port}")
    kind, name = parts.path.split("/")[1:3]
    return f"https://{host}/{kind.removeprefix('deleted')}/{name}"


def without_port(url: str) -> str:
    """A URL without the port that https has anyway."""
    return url.replace(":443/", "/", 1)


def thing_url(store: str, kind: str, name: str) -> str | None:
    """The id of a thing by its store's URL, its kind and its name; None where they do not make one."""
    try:
        return thing_id(_thing(f"{store.rstrip('/')}/{kind}/{name}"))
    except ValueError:
        return None


def thing_name(url: str) -> str:
    """Its name."""
    return urlsplit(url).path.split("/")[2]


def thing_version(url: str) -> str:
    """The version that the URL names, or ""."""
    return "".join(urlsplit(url).path.split("/")[3:4])


def _store(id: str) -> str:
    if not ROUTES["arm:Vaults_Get"].takes("resourceId", id):
        raise ValueError("is no id of a vault or managed HSM")
    return id


StoreId = Annotated[Text, AfterValidator(_store)]


class Page(Answer):
    """A page of any list."""

    nextLink: Text | None = None

    @property
    def more(self) -> bool:
        """Another page follows."""
        return bool(self.nextLink)


class Subscription(Answer):
    """arm:Subscriptions_Get, and one of arm:Subscriptions_List."""

    subscriptionId: Annotated[Text, Field(pattern=r"^[0-9a-fA-F-]{36}$")]
    displayName: Text
    state: Text
    tenantId: Text | None = None


class Subscriptions(Page):
    """arm:Subscriptions_List."""

    value: list[Subscription]


class _ListedVaultProperties(Answer):
    vaultUri: Text


class ListedVault(Answer):
    id: StoreId
    name: Annotated[Text, Field(pattern=r"^[0-9A-Za-z-]{1,127}$")]
    location: Text
    properties: _ListedVaultProperties

    @property
    def address(self) -> str:
        """The URL of its data plane."""
        return self.properties.vaultUri


class ListedVaults(Page):
    """arm:Vaults_ListBySubscription."""

    value: list[ListedVault]


class _ListedHsmProperties(Answer):
    hsmUri: Text


class ListedHsm(Answer):
    id: StoreId
    name: Annotated[Text, Field(pattern=r"^[0-9A-Za-z-]{1,127}$")]
    location: Text
    properties: _ListedHsmProperties

    @property
    def address(self) -> str:
        """The URL of its data plane."""
        return self.properties.hsmUri


class ListedHsms(Page):
    """arm:ManagedHsms_ListBySubscription."""

    value: list[ListedHsm]


class _DeletedStoreProperties(Answer):
    vaultId: Text | None = None
    mhsmId: Text | None = None
    location: Text
    deletionDate: Time
    scheduledPurgeDate: Time
    purgeProtectionEnabled: Flag | None = None


class DeletedStore(Answer):
    id: Text
    name: Text
    properties: _DeletedStoreProperties


class DeletedStores(Page):
    """arm:Vaults_ListDeleted and arm:ManagedHsms_ListDeleted."""

    value: list[DeletedStore]


class _Sku(Answer):
    name: Text


class _IpRule(Answer):
    value: Text


class NetworkRules(Answer):
    bypass: Text | None = None
    defaultAction: Text | None = None
    ipRules: list[_IpRule] | None = None
    virtualNetworkRules: list[Any] | None = None


class _ConnectionState(Answer):
    status: Text | None = None


class _ConnectionProperties(Answer):
    privateLinkServiceConnectionState: _ConnectionState | None = None


class PrivateEndpoint(Answer):
    properties: _ConnectionProperties | None = None

    @property
    def approved(self) -> bool:
        """Traffic comes through it."""
        state = self.properties.privateLinkServiceConnectionState if self.properties else None
        return state is not None and state.status == "Approved"


class _Permissions(Answer):
    keys: list[Text] | None = None
    secrets: list[Text] | None = None
    certificates: list[Text] | None = None


class AccessPolicy(Answer):
    tenantId: Text
    objectId: Text
    applicationId: Text | None = None
    permissions: _Permissions


class VaultProperties(Answer):
    tenantId: Text
    sku: _Sku
    vaultUri: Text
    enableSoftDelete: Flag | None = None
    enablePurgeProtection: Flag | None = None
    softDeleteRetentionInDays: Days | None = None
    enableRbacAuthorization: Flag | None = None
    accessPolicies: list[AccessPolicy] | None = None
    publicNetworkAccess: Text | None = None
    networkAcls: NetworkRules | None = None
    privateEndpointConnections: list[PrivateEndpoint] | None = None
    enabledForDeployment: Flag | None = None
    enabledForDiskEncryption: Flag | None = None
    enabledForTemplateDeployment: Flag | None = None


class Vault(Answer):
    """arm:Vaults_Get."""

    id: StoreId
    name: Text
    location: Text
    tags: dict[str, Text] | None = None
    properties: VaultProperties


class _SecurityDomain(Answer):
    activationStatus: Text | None = None


class HsmProperties(Answer):
    hsmUri: Text
    enableSoftDelete: Flag | None = None
    enablePurgeProtection: Flag | None = None
    softDeleteRetentionInDays: Days | None = None
    publicNetworkAccess: Text | None = None
    networkAcls: NetworkRules | None = None
    privateEndpointConnections: list[PrivateEndpoint] | None = None
    securityDomainProperties: _SecurityDomain | None = None


class Hsm(Answer):
    """arm:ManagedHsms_Get."""

    id: StoreId
    name: Text
    location: Text
    sku: _Sku
    tags: dict[str, Text] | None = None
    properties: HsmProperties


class _Region(Answer):
    name: Text


class Regions(Page):
    """arm:MHSMRegions_ListByResource."""

    value: list[_Region]


class LogSetting(Answer):
    category: Text | None = None
    categoryGroup: Text | None = None
    enabled: Flag


class DiagnosticProperties(Answer):
    workspaceId: Text | None = None
    storageAccountId: Text | None = None
    eventHubAuthorizationRuleId: Text | None = None
    marketplacePartnerId: Text | None = None
    logs: list[LogSetting] | None = None


class DiagnosticSetting(Answer):
    properties: DiagnosticProperties


class DiagnosticSettings(Answer):
    """arm:DiagnosticSettings_List."""

    value: list[DiagnosticSetting]


class _WorkspaceProperties(Answer):
    retentionInDays: Annotated[Whole, Field(ge=-1, le=36_525)]


class Workspace(Answer):
    """arm:Workspaces_Get."""

    id: Text
    properties: _WorkspaceProperties


class AssignmentProperties(Answer):
    scope: Text
    roleDefinitionId: Text
    principalId: Text
    principalType: Text | None = None
    condition: Text | None = None
    conditionVersion: Text | None = None


class Assignment(Answer):
    id: Text
    name: Text
    properties: AssignmentProperties


class Assignments(Page):
    """arm:RoleAssignments_ListForScope and administration:RoleAssignments_ListForScope."""

    value: list[Assignment]


class Permission(Answer):
    actions: list[Text] | None = None
    notActions: list[Text] | None = None
    dataActions: list[Text] | None = None
    notDataActions: list[Text] | None = None


class _RoleProperties(Answer):
    roleName: Text
    permissions: list[Permission]


class RoleDefinition(Answer):
    """arm:RoleDefinitions_Get."""

    id: Text
    properties: _RoleProperties


class RoleDefinitions(Page):
    """administration:RoleDefinitions_List."""

    value: list[RoleDefinition]


class Settings(Answer):
    """administration:GetSettings."""

    class Setting(Answer):
        name: Text
        value: Text

    settings: list[Setting]


class EkmConnection(Answer):
    """administration:GetEkmConnection: the connection, or the error that says there is none."""

    class Absence(Answer):
        code: Literal["NotFound"]

    host: Text | None = None
    path_prefix: Text = ""
    server_subject_common_name: Text = ""
    error: Absence | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> EkmConnection:
        if (self.host is None) == (self.error is None):
            raise ValueError("neither a connection nor the statement that there is none")
        return self


class Attributes(Answer):
    """What Key Vault and Resource Manager tell of any key, secret or certificate."""

    enabled: Flag
    created: Epoch
    updated: Epoch | None = None
    nbf: Epoch | None = None
    exp: Epoch | None = None
    recoveryLevel: Text | None = None
    recoverableDays: Days | None = None
    exportable: Flag | None = None
    attestation: Any = None


class ListedKey(Answer):
    kid: ThingUrl
    attributes: Attributes
    tags: dict[str, Text] | None = None
    managed: Flag | None = None


class ListedKeys(Page):
    """keys:GetKeys and keys:GetKeyVersions."""

    value: list[ListedKey]


class DeletedKey(ListedKey):
    deletedDate: Epoch | None = None
    scheduledPurgeDate: Epoch | None = None


class DeletedKeys(Page):
    """keys:GetDeletedKeys."""

    value: list[DeletedKey]


class JsonWebKey(Answer):
    """The public half of a key; its type is whatever text it is."""

    kid: ThingUrl
    kty: Text
    key_ops: list[Text] | None = None
    crv: Text | None = None
    alg: Text | None = None
    n: Text | None = None
    key_size: Whole | None = None


class ReleasePolicy(Answer):
    contentType: Text | None = None
    data: Text | None = None
    immutable: Flag | None = None


class KeyBundle(Answer):
    """keys:GetKey, keys:GetKeyAttestation and keys:GetDeletedKey."""

    key: JsonWebKey
    attributes: Attributes
    tags: dict[str, Text] | None = None
    managed: Flag | None = None
    release_policy: ReleasePolicy | None = None
    deletedDate: Epoch | None = None
    scheduledPurgeDate: Epoch | None = None


class Trigger(Answer):
    timeAfterCreate: Text | None = None
    timeBeforeExpiry: Text | None = None


class RotationAction(Answer):
    type: Text


class LifetimeAction(Answer):
    trigger: Trigger
    action: RotationAction


class PolicyAttributes(Answer):
    expiryTime: Text | None = None


class RotationPolicy(Answer):
    """keys:GetKeyRotationPolicy. Attributes that are null say that there is no policy."""

    lifetimeActions: list[LifetimeAction] | None = None
    attributes: PolicyAttributes | None


class ArmRotationPolicy(RotationPolicy):
    """The member `rotationPolicy` of arm:Keys_Get, which is left out where there is no policy."""

    attributes: PolicyAttributes | None = None


class _ListedArmKeyProperties(Answer):
    keyUri: ThingUrl
    attributes: Attributes | None = None


class ListedArmKey(Answer):
    name: Text
    properties: _ListedArmKeyProperties
    tags: dict[str, Text] | None = None


class ListedArmKeys(Page):
    """arm:Keys_List."""

    value: list[ListedArmKey]


class _ArmKeyProperties(Answer):
    keyUri: ThingUrl
    keyUriWithVersion: ThingUrl | None = None
    attributes: Attributes
    kty: Text
    keyOps: list[Text] | None = None
    keySize: Whole | None = None
    curveName: Text | None = None
    rotationPolicy: ArmRotationPolicy | None = None
    release_policy: ReleasePolicy | None = None


class ArmKey(Answer):
    """arm:Keys_Get."""

    properties: _ArmKeyProperties
    tags: dict[str, Text] | None = None


class _ArmVersionProperties(Answer):
    keyUriWithVersion: ThingUrl
    attributes: Attributes


class ArmVersion(Answer):
    properties: _ArmVersionProperties


class ArmVersions(Page):
    """arm:Keys_ListVersions."""

    value: list[ArmVersion]


class ListedSecret(Answer):
    id: ThingUrl
    attributes: Attributes
    contentType: Text | None = None
    tags: dict[str, Text] | None = None
    managed: Flag | None = None
    deletedDate: Epoch | None = None
    scheduledPurgeDate: Epoch | None = None


class ListedSecrets(Page):
    """secrets:GetSecrets, secrets:GetSecretVersions and secrets:GetDeletedSecrets."""

    value: list[ListedSecret]


class _ArmSecretProperties(Answer):
    secretUri: ThingUrl
    attributes: Attributes
    contentType: Text | None = None


class ArmSecret(Answer):
    properties: _ArmSecretProperties
    tags: dict[str, Text] | None = None


class ArmSecrets(Page):
    """arm:Secrets_List."""

    value: list[ArmSecret]


class ListedCertificate(Answer):
    id: ThingUrl
    attributes: Attributes
    x5t: Text | None = None
    tags: dict[str, Text] | None = None
    deletedDate: Epoch | None = None
    scheduledPurgeDate: Epoch | None = None


class ListedCertificates(Page):
    """certificates:GetCertificates, certificates:GetCertificateVersions and certificates:GetDeletedCertificates."""

    value: list[ListedCertificate]


class _KeyProperties(Answer):
    exportable: Flag | None = None


class _Issuer(Answer):
    name: Text | None = None


class _CertificateTrigger(Answer):
    lifetime_percentage: Annotated[Whole, Field(ge=0, le=100)] | None = None
    days_before_expiry: Days | None = None


class _CertificateAction(Answer):
    action_type: Text | None = None


class CertificateLifetimeAction(Answer):
    trigger: _CertificateTrigger
    action: _CertificateAction


class CertificatePolicy(Answer):
    key_props: _KeyProperties | None = None
    issuer: _Issuer | None = None
    lifetime_actions: list[CertificateLifetimeAction] | None = None


class CertificateBundle(Answer):
    """certificates:GetCertificate."""

    id: ThingUrl
    kid: ThingUrl | None = None
    x5t: Text | None = None
    cer: Text | None = None
    """The certificate, its DER in base64."""
    attributes: Attributes
    policy: CertificatePolicy


class _KeyTimes(Answer):
    key1: Time | None = None
    key2: Time | None = None


class _KeyPolicy(Answer):
    keyExpirationPeriodInDays: Days | None = None


class _EncryptingKey(Answer):
    keyname: Text | None = None
    keyvaulturi: Text | None = None


class _StorageEncryption(Answer):
    keySource: Text | None = None
    keyvaultproperties: _EncryptingKey | None = None


class _StorageRules(Answer):
    defaultAction: Text


class StorageProperties(Answer):
    """Azure's REST reference requires none of them, and what is missing of one account must not hide the others."""

    creationTime: Time | None = None
    keyCreationTime: _KeyTimes | None = None
    keyPolicy: _KeyPolicy | None = None
    allowSharedKeyAccess: Flag | None = None
    encryption: _StorageEncryption | None = None
    networkAcls: _StorageRules | None = None
    publicNetworkAccess: Text | None = None


class StorageAccount(Answer):
    id: Text
    name: Text
    location: Text
    properties: StorageProperties


class StorageAccounts(Page):
    """arm:StorageAccounts_List."""

    value: list[StorageAccount]
