"""What is read of each answer of Google Cloud: the members that facts come from, with the names of Google's messages.

An answer over gRPC spells them as the messages do (`create_time`), one over REST and an asset's data in camel case
(`createTime`); both are read. Protocol Buffers leave out what is empty, zero or false, so that a member is required
only where Google never leaves it so. Source: the API references of Cloud KMS, KMS Inventory, Secret Manager, Cloud
Asset Inventory, Resource Manager, IAM and API Keys.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from evidence.reading import Answer, Flag, Text, Time, Whole

_INTEGER = re.compile(r"-?\d{1,19}")
_DURATION = re.compile(r"(\d{1,12})(\.\d{1,9})?s")
_LONGEST = 36_525 * 86_400
"""Seconds, a hundred years: more than any service takes for a duration, and little enough to reckon with dates."""


def _integer(value: object) -> object:
    """64-bit integers are texts in JSON. Source: Protocol Buffers documentation, ProtoJSON format."""
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value


def _seconds(value: object) -> object:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("is no duration in seconds, such as 86400s")
    seconds = int(match[1])
    if seconds > _LONGEST:
        raise ValueError("is a duration of more than 36,525 days")
    return seconds


def _name(value: object) -> object:
    """A value of an enumeration; one that the client does not know comes as its number."""
    return str(value) if type(value) is int else value


Count = Annotated[Whole, BeforeValidator(_integer), Field(ge=0)]
Seconds = Annotated[Whole, BeforeValidator(_seconds)]
Name = Annotated[Text, BeforeValidator(_name)]
Labels = dict[Text, Text]


class Message(Answer):
    """A message of Google's, in either spelling."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Page(Message):
    """A page of a list."""

    next_page_token: Text = ""
    total_size: Count = 0
    """How much the whole list has, where a service says so."""

    @property
    def more(self) -> bool:
        """Another page follows."""
        return bool(self.next_page_token)


# --- Resource Manager -----------------------------------------------------------------------------------------------


class Project(Message):
    """resourcemanager:GetProject."""

    name: Text
    """`projects/NUMBER`."""
    project_id: Text
    parent: Text = ""
    display_name: Text = ""
    state: Name = ""


class Projects(Page):
    """resourcemanager:ListProjects."""

    projects: list[Project] = Field(default_factory=list)


class Folder(Message):
    """resourcemanager:GetFolder."""

    name: Text
    parent: Text
    display_name: Text = ""
    state: Name = ""


class Folders(Page):
    """resourcemanager:ListFolders."""

    folders: list[Folder] = Field(default_factory=list)


class Organization(Message):
    """resourcemanager:GetOrganization."""

    name: Text
    display_name: Text
    """Its primary domain."""


# --- IAM ------------------------------------------------------------------------------------------------------------


class Binding(Message):
    role: Text
    members: list[Text] = Field(default_factory=list)
    condition: dict[Text, Any] | None = None


class AuditLogConfig(Message):
    log_type: Name = ""
    exempted_members: list[Text] = Field(default_factory=list)


class AuditConfig(Message):
    service: Text = ""
    audit_log_configs: list[AuditLogConfig] = Field(default_factory=list)


class Policy(Message):
    """GetIamPolicy of any service."""

    bindings: list[Binding] = Field(default_factory=list)
    audit_configs: list[AuditConfig] = Field(default_factory=list)


# --- Cloud KMS ------------------------------------------------------------------------------------------------------


class Location(Message):
    name: Text
    location_id: Text


class Locations(Page):
    """kms:ListLocations."""

    locations: list[Location] = Field(default_factory=list)


class KeyRing(Message):
    name: Text


class KeyRings(Page):
    """kms:ListKeyRings."""

    key_rings: list[KeyRing] = Field(default_factory=list)


class Attestation(Message):
    format: Name = ""


class ExternalOptions(Message):
    external_key_uri: Text = ""
    ekm_connection_key_path: Text = ""


class Version(Message):
    """A CryptoKeyVersion."""

    name: Text
    state: Name
    protection_level: Name
    algorithm: Name
    create_time: Time
    generate_time: Time | None = None
    destroy_time: Time | None = None
    destroy_event_time: Time | None = None
    import_job: Text = ""
    import_time: Time | None = None
    attestation: Attestation | None = None
    external_protection_level_options: ExternalOptions | None = None


class Versions(Page):
    """kms:ListCryptoKeyVersions."""

    crypto_key_versions: list[Version] = Field(default_factory=list)


class VersionTemplate(Message):
    protection_level: Name
    algorithm: Name


class JustificationsPolicy(Message):
    allowed_access_reasons: list[Name] = Field(default_factory=list)


class CryptoKey(Message):
    name: Text
    purpose: Name
    create_time: Time
    primary: Version | None = None
    next_rotation_time: Time | None = None
    rotation_period: Seconds | None = None
    version_template: VersionTemplate
    labels: Labels = Field(default_factory=dict)
    import_only: Flag = False
    destroy_scheduled_duration: Seconds | None = None
    crypto_key_backend: Text = ""
    key_access_justifications_policy: JustificationsPolicy | None = None


class CryptoKeys(Page):
    """kms:ListCryptoKeys."""

    crypto_keys: list[CryptoKey] = Field(default_factory=list)


class ImportJob(Message):
    name: Text
    import_method: Name
    protection_level: Name
    state: Name


class ImportJobs(Page):
    """kms:ListImportJobs."""

    import_jobs: list[ImportJob] = Field(default_factory=list)


class ServiceResolver(Message):
    hostname: Text = ""
    service_directory_service: Text = ""


class EkmConnection(Message):
    name: Text
    service_resolvers: list[ServiceResolver] = Field(default_factory=list)
    key_management_mode: Name = ""
    crypto_space_path: Text = ""


class EkmConnections(Page):
    """kms:ListEkmConnections."""

    ekm_connections: list[EkmConnection] = Field(default_factory=list)


class KeyHandle(Message):
    name: Text
    kms_key: Text = ""
    resource_type_selector: Text = ""


class KeyHandles(Page):
    """autokey:ListKeyHandles."""

    key_handles: list[KeyHandle] = Field(default_factory=list)


class EffectiveAutokey(Message):
    """autokey:ShowEffectiveAutokeyConfig."""

    key_project: Text = ""


# --- KMS Inventory --------------------------------------------------------------------------------------------------


class UsageWarning(Message):
    warning_code: Name = ""
    display_message: Text = ""


class ProtectedSummary(Message):
    """kmsinventory:GetProtectedResourcesSummary."""

    name: Text
    resource_count: Count = 0
    warnings: list[UsageWarning] = Field(default_factory=list)


class Protected(Message):
    name: Text
    project: Text = ""
    project_id: Text = ""
    cloud_product: Text = ""
    resource_type: Text
    location: Text = ""
    create_time: Time | None = None


class ProtectedResources(Page):
    """kmsinventory:SearchProtectedResources."""

    protected_resources: list[Protected] = Field(default_factory=list)


# --- Secret Manager -------------------------------------------------------------------------------------------------


class Encryption(Message):
    kms_key_name: Text = ""


class Automatic(Message):
    customer_managed_encryption: Encryption | None = None


class Replica(Message):
    location: Text
    customer_managed_encryption: Encryption | None = None


class UserManaged(Message):
    replicas: list[Replica] = Field(default_factory=list)


class Replication(Message):
    automatic: Automatic | None = None
    user_managed: UserManaged | None = None


class Topic(Message):
    name: Text


class SecretRotation(Message):
    next_rotation_time: Time | None = None
    rotation_period: Seconds | None = None


class Secret(Message):
    name: Text
    create_time: Time
    replication: Replication | None = None
    labels: Labels = Field(default_factory=dict)
    topics: list[Topic] = Field(default_factory=list)
    expire_time: Time | None = None
    rotation: SecretRotation | None = None
    version_destroy_ttl: Seconds | None = None
    customer_managed_encryption: Encryption | None = None
    secret_type: Name = ""


class Secrets(Page):
    """secretmanager:ListSecrets."""

    secrets: list[Secret] = Field(default_factory=list)


class SecretVersion(Message):
    name: Text
    create_time: Time
    state: Name


class SecretVersions(Page):
    """secretmanager:ListSecretVersions."""

    versions: list[SecretVersion] = Field(default_factory=list)


# --- IAM's service accounts, and API Keys ---------------------------------------------------------------------------


class ServiceAccount(Message):
    name: Text
    """`projects/ID/serviceAccounts/EMAIL`."""


class ServiceAccounts(Page):
    """iam:ListServiceAccounts."""

    accounts: list[ServiceAccount] = Field(default_factory=list)


class ServiceAccountKey(Message):
    name: Text
    """`projects/ID/serviceAccounts/EMAIL/keys/ID`."""
    key_type: Name = ""
    key_origin: Name = ""
    valid_after_time: Time
    valid_before_time: Time
    disabled: Flag = False


class ServiceAccountKeys(Message):
    """iam:ListServiceAccountKeys, which has no pages."""

    keys: list[ServiceAccountKey] = Field(default_factory=list)


class BrowserRestrictions(Message):
    allowed_referrers: list[Text] = Field(default_factory=list)


class ServerRestrictions(Message):
    allowed_ips: list[Text] = Field(default_factory=list)


class AndroidRestrictions(Message):
    allowed_applications: list[dict[Text, Any]] = Field(default_factory=list)


class IosRestrictions(Message):
    allowed_bundle_ids: list[Text] = Field(default_factory=list)


class ApiKeyRestrictions(Message):
    browser_key_restrictions: BrowserRestrictions | None = None
    server_key_restrictions: ServerRestrictions | None = None
    android_key_restrictions: AndroidRestrictions | None = None
    ios_key_restrictions: IosRestrictions | None = None
    api_targets: list[dict[Text, Any]] = Field(default_factory=list)


class ApiKey(Message):
    name: Text
    """`projects/NUMBER/locations/global/keys/ID`."""
    display_name: Text = ""
    create_time: Time
    delete_time: Time | None = None
    service_account_email: Text = ""
    restrictions: ApiKeyRestrictions | None = None


class ApiKeys(Page):
    """apikeys:ListKeys."""

    keys: list[ApiKey] = Field(default_factory=list)


# --- Cloud Asset Inventory ------------------------------------------------------------------------------------------


class AssetResource(Message):
    data: dict[Text, Any]


class Asset(Message):
    name: Text
    asset_type: Text
    ancestors: list[Text] = Field(default_factory=list)
    resource: AssetResource | None = None
    iam_policy: Policy | None = None


class Assets(Page):
    """asset:ListAssets."""

    assets: list[Asset] = Field(default_factory=list)


class FoundResource(Message):
    name: Text
    asset_type: Text
    project: Text = ""
    """`projects/NUMBER`."""
    location: Text = ""
    create_time: Time | None = None
    kms_keys: list[Text] = Field(default_factory=list)


class FoundResources(Page):
    """asset:SearchAllResources."""

    results: list[FoundResource] = Field(default_factory=list)


class ProjectAsset(Message):
    """The data of an asset that is a project. Its number stands in the asset's name."""

    project_id: Text
    name: Text = ""
    """What people call it, or its resource name: versions of the API differ."""
    display_name: Text = ""


class Role(Message):
    """The data of an asset that is a custom role."""

    name: Text
    included_permissions: list[Text] = Field(default_factory=list)
    stage: Name = ""
    deleted: Flag = False
