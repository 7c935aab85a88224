"""What is read of each answer of AWS: the members that facts come from, with the names that AWS gives them.

A member that AWS always sends is required, so that an answer which lacks it counts as none; a member that AWS leaves
out to say something is optional.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from evidence.reading import Answer, Flag, Text, Time, Whole

Days = Annotated[Whole, Field(ge=1, le=36_525)]


class Page(Answer):
    """A page of a list of KMS."""

    Truncated: Flag | None = None

    @property
    def more(self) -> bool:
        """Another page follows."""
        return self.Truncated is True


class TokenPage(Answer):
    """A page of a list of any other service."""

    NextToken: Text | None = None

    @property
    def more(self) -> bool:
        """Another page follows."""
        return bool(self.NextToken)


class CallerIdentity(Answer):
    """sts:GetCallerIdentity."""

    Account: Text
    Arn: Text


class AccountInformation(Answer):
    """account:GetAccountInformation."""

    AccountName: Text


class Region(Answer):
    RegionName: Text


class Regions(TokenPage):
    """account:ListRegions."""

    Regions: list[Region]


class OrganizationId(Answer):
    Id: Text


class DescribedOrganization(Answer):
    """organizations:DescribeOrganization."""

    Organization: OrganizationId


class Member(Answer):
    Id: Text


class Members(TokenPage):
    """organizations:ListAccounts."""

    Accounts: list[Member]


class ListedKey(Answer):
    KeyArn: Text


class Keys(Page):
    """kms:ListKeys."""

    Keys: list[ListedKey]


class Alias(Answer):
    AliasName: Text
    TargetKeyId: Text | None = None


class Aliases(Page):
    """kms:ListAliases."""

    Aliases: list[Alias]


class Tag(Answer):
    Key: Text
    Value: Text = ""


class TaggedResource(Answer):
    ResourceARN: Text
    Tags: list[Tag]


class TaggedResources(Answer):
    """tag:GetResources."""

    ResourceTagMappingList: list[TaggedResource]
    PaginationToken: Text | None = None

    @property
    def more(self) -> bool:
        """Another page follows."""
        return bool(self.PaginationToken)


class KeyTag(Answer):
    TagKey: Text
    TagValue: Text


class KeyTags(Page):
    """kms:ListResourceTags."""

    Tags: list[KeyTag]


class ExternalProxy(Answer):
    Connectivity: Text | None = None


class CustomKeyStore(Answer):
    CustomKeyStoreId: Text
    CustomKeyStoreName: Text | None = None
    CustomKeyStoreType: Text | None = None
    CloudHsmClusterId: Text | None = None
    ConnectionState: Text | None = None
    XksProxyConfiguration: ExternalProxy | None = None


class CustomKeyStores(Page):
    """kms:DescribeCustomKeyStores."""

    CustomKeyStores: list[CustomKeyStore]


class RelatedKey(Answer):
    Region: Text


class RelatedKeys(Answer):
    MultiRegionKeyType: Text | None = None
    PrimaryKey: RelatedKey
    ReplicaKeys: list[RelatedKey]


class Metadata(Answer):
    Arn: Text
    KeyManager: Text | None = None
    CreationDate: Time | None = None
    Description: Text | None = None
    KeyUsage: Text | None = None
    KeyState: Text | None = None
    DeletionDate: Time | None = None
    PendingDeletionWindowInDays: Days | None = None
    Origin: Text | None = None
    ExpirationModel: Text | None = None
    ValidTo: Time | None = None
    KeySpec: Text | None = None
    CustomKeyStoreId: Text | None = None
    MultiRegion: Flag | None = None
    MultiRegionConfiguration: RelatedKeys | None = None
    EncryptionAlgorithms: list[Text] | None = None
    SigningAlgorithms: list[Text] | None = None
    MacAlgorithms: list[Text] | None = None
    KeyAgreementAlgorithms: list[Text] | None = None
    EncapsulationAlgorithms: list[Text] | None = None


class DescribedKey(Answer):
    """kms:DescribeKey."""

    KeyMetadata: Metadata


class RotationStatus(Answer):
    """kms:GetKeyRotationStatus."""

    KeyRotationEnabled: Flag
    RotationPeriodInDays: Days | None = None
    NextRotationDate: Time | None = None
    OnDemandRotationStartDate: Time | None = None


class Rotation(Answer):
    KeyMaterialId: Text | None = None
    KeyMaterialState: Text | None = None
    ExpirationModel: Text | None = None
    ValidTo: Time | None = None
    RotationDate: Time | None = None
    RotationType: Text | None = None


class Rotations(Page):
    """kms:ListKeyRotations."""

    Rotations: list[Rotation]


class Usage(Answer):
    Timestamp: Time | None = None


class LastUsage(Answer):
    """kms:GetKeyLastUsage; an empty KeyLastUsage says that no use is on record."""

    KeyLastUsage: Usage
    TrackingStartDate: Time
    KeyCreationDate: Time | None = None


class KeyPolicy(Answer):
    """kms:GetKeyPolicy."""

    Policy: Text


class Grant(Answer):
    GrantId: Text
    GranteePrincipal: Text | None = None
    GranteeServicePrincipal: Text | None = None
    Operations: list[Text]
    Constraints: dict[str, dict[str, Text] | Text] | None = None


class Grants(Page):
    """kms:ListGrants."""

    Grants: list[Grant]


class ListedSecret(Answer):
    ARN: Text
    Name: Text | None = None


class Secrets(TokenPage):
    """secretsmanager:ListSecrets."""

    SecretList: list[ListedSecret]


class Schedule(Answer):
    AutomaticallyAfterDays: Days | None = None
    ScheduleExpression: Text | None = None


class Replica(Answer):
    Region: Text
    Status: Text | None = None


class CrossAccountReplica(Answer):
    ReplicaSecretARN: Text


class DescribedSecret(Answer):
    """secretsmanager:DescribeSecret; AWS leaves out each member that has no value."""

    ARN: Text
    Name: Text
    Description: Text = ""
    KmsKeyId: Text = ""
    RotationEnabled: Flag | None = None
    RotationRules: Schedule | None = None
    LastRotatedDate: Time | None = None
    LastAccessedDate: Time | None = None
    DeletedDate: Time | None = None
    NextRotationDate: Time | None = None
    CreatedDate: Time | None = None
    OwningService: Text = ""
    PrimaryRegion: Text = ""
    ReplicationStatus: list[Replica] = Field(default_factory=list)
    CrossAccountReplicas: list[CrossAccountReplica] = Field(default_factory=list)
    CrossAccountPrimary: dict[str, object] | None = None
    Tags: list[Tag] = Field(default_factory=list)
    VersionIdsToStages: dict[Text, list[Text]] = Field(default_factory=dict)


class SecretVersion(Answer):
    VersionId: Text
    VersionStages: list[Text] = Field(default_factory=list)
    CreatedDate: Time | None = None


class SecretVersions(TokenPage):
    """secretsmanager:ListSecretVersionIds."""

    ARN: Text
    Versions: list[SecretVersion] = Field(default_factory=list)


class SecretPolicy(Answer):
    """secretsmanager:GetResourcePolicy; a secret without a policy has no ResourcePolicy."""

    ARN: Text
    ResourcePolicy: Text | None = None


class ParameterPolicy(Answer):
    PolicyText: Text
    PolicyType: Text


class Parameter(Answer):
    Name: Text
    ARN: Text | None = None
    Type: Text | None = None
    KeyId: Text | None = None
    LastModifiedDate: Time | None = None
    Description: Text = ""
    Version: Whole | None = None
    Tier: Text | None = None
    Policies: list[ParameterPolicy] = Field(default_factory=list)


class Parameters(TokenPage):
    """ssm:DescribeParameters."""

    Parameters: list[Parameter]


class ParameterTags(Answer):
    """ssm:ListTagsForResource."""

    TagList: list[Tag]


class ResourcePolicyText(Answer):
    Policy: Text


class ResourcePolicies(TokenPage):
    """ssm:GetResourcePolicies."""

    Policies: list[ResourcePolicyText]


class BackupRetention(Answer):
    Type: Text | None = None
    Value: Annotated[Text, Field(pattern=r"^[0-9]{1,3}$")]


class Hsm(Answer):
    HsmId: Text
    AvailabilityZone: Text | None = None
    EniId: Text | None = None
    HsmType: Text | None = None
    State: Text | None = None


class ClusterCertificates(Answer):
    """In PEM; AWS leaves out each that the cluster's state does not allow."""

    ClusterCsr: Text = ""
    HsmCertificate: Text = ""
    AwsHardwareCertificate: Text = ""
    ManufacturerHardwareCertificate: Text = ""
    ClusterCertificate: Text = ""


class Cluster(Answer):
    """What else AWS tells of it is the first password of its administrator, which is not kept."""

    ClusterId: Text
    State: Text | None = None
    HsmType: Text | None = None
    Mode: Text | None = None
    NetworkType: Text | None = None
    CreateTimestamp: Time | None = None
    Hsms: list[Hsm] | None = None
    BackupPolicy: Text | None = None
    BackupRetentionPolicy: BackupRetention | None = None
    SourceBackupId: Text = ""
    HsmTypeRollbackExpiration: Time | None = None
    SubnetMapping: dict[Text, Text] | None = None
    VpcId: Text | None = None
    SecurityGroup: Text | None = None
    Certificates: ClusterCertificates = Field(default_factory=ClusterCertificates)
    TagList: list[Tag] = Field(default_factory=list)


class Clusters(TokenPage):
    """cloudhsm:DescribeClusters."""

    Clusters: list[Cluster]


class Backup(Answer):
    """Of a copy from another region, AWS tells the region and the cluster that it was made of."""

    BackupId: Text
    BackupState: Text | None = None
    ClusterId: Text | None = None
    CreateTimestamp: Time | None = None
    NeverExpires: Flag | None = None
    SourceRegion: Text = ""
    SourceCluster: Text = ""
    DeleteTimestamp: Time | None = None


class Backups(TokenPage):
    """cloudhsm:DescribeBackups."""

    Backups: list[Backup]
