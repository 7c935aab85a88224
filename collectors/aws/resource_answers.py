"""What is read of AWS's answers about credentials, certificates and data stores, with the names that AWS gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import Field, model_validator

from collectors.aws.answers import Tag, TokenPage
from evidence.reading import Answer, Flag, Text, Time, Whole


class MarkedPage(Answer):
    """A page of a list of IAM."""

    IsTruncated: Flag | None = None

    @property
    def more(self) -> bool:
        """Another page follows."""
        return self.IsTruncated is True


class AccountSummary(Answer):
    """iam:GetAccountSummary."""

    SummaryMap: dict[Text, Whole]


class User(Answer):
    Arn: Text
    UserName: Text


class Users(MarkedPage):
    """iam:ListUsers."""

    Users: list[User]


class AccessKey(Answer):
    AccessKeyId: Text
    Status: Text
    CreateDate: Time | None = None


class AccessKeys(MarkedPage):
    """iam:ListAccessKeys."""

    AccessKeyMetadata: list[AccessKey]


class LastUse(Answer):
    """Of a key without a use on record, AWS tells no date and names the service `N/A`."""

    ServiceName: Text
    LastUsedDate: Time | None = None


class AccessKeyLastUsed(Answer):
    """iam:GetAccessKeyLastUsed."""

    AccessKeyLastUsed: LastUse


class ListedServerCertificate(Answer):
    Arn: Text
    ServerCertificateName: Text
    UploadDate: Time | None = None
    Expiration: Time | None = None


class ServerCertificates(MarkedPage):
    """iam:ListServerCertificates."""

    ServerCertificateMetadataList: list[ListedServerCertificate]


class ServerCertificateBody(Answer):
    CertificateBody: Text
    ServerCertificateMetadata: ListedServerCertificate
    Tags: list[Tag] = Field(default_factory=list)


class ServerCertificate(Answer):
    """iam:GetServerCertificate."""

    ServerCertificate: ServerCertificateBody


class ListedCertificate(Answer):
    CertificateArn: Text
    DomainName: Text | None = None
    Exported: Flag | None = None


class Certificates(TokenPage):
    """acm:ListCertificates."""

    CertificateSummaryList: list[ListedCertificate]


class CertificateOptions(Answer):
    Export: Text | None = None


class CertificateDetail(Answer):
    """AWS leaves out what a certificate has not, such as the dates of one that was not issued."""

    CertificateArn: Text
    Status: Text
    Type: Text
    DomainName: Text | None = None
    ManagedBy: Text | None = None
    Subject: Text | None = None
    Issuer: Text | None = None
    CreatedAt: Time | None = None
    ImportedAt: Time | None = None
    RevocationReason: Text | None = None
    NotBefore: Time | None = None
    NotAfter: Time | None = None
    KeyAlgorithm: Text | None = None
    InUseBy: list[Text] | None = None
    RenewalEligibility: Text | None = None
    Options: CertificateOptions | None = None


class DescribedCertificate(Answer):
    """acm:DescribeCertificate."""

    Certificate: CertificateDetail


class EncryptionByDefault(Answer):
    """ec2:GetEbsEncryptionByDefault."""

    EbsEncryptionByDefault: Flag


class DefaultKey(Answer):
    """ec2:GetEbsDefaultKmsKeyId."""

    KmsKeyId: Text


class Volume(Answer):
    VolumeId: Text
    Encrypted: Flag
    KmsKeyId: Text | None = None
    CreateTime: Time | None = None


class Volumes(TokenPage):
    """ec2:DescribeVolumes."""

    Volumes: list[Volume]


class DatabasePage(Answer):
    """A page of a list of RDS."""

    Marker: Text | None = None

    @property
    def more(self) -> bool:
        """Another page follows."""
        return bool(self.Marker)


class Database(Answer):
    """What database instances and clusters have in common."""

    StorageEncrypted: Flag
    StorageEncryptionType: Text | None = None
    KmsKeyId: Text | None = None


class DatabaseInstance(Database):
    DBInstanceArn: Text
    DBClusterIdentifier: Text = ""
    InstanceCreateTime: Time | None = None


class DatabaseInstances(DatabasePage):
    """rds:DescribeDBInstances."""

    DBInstances: list[DatabaseInstance]


class DatabaseCluster(Database):
    DBClusterArn: Text
    ClusterCreateTime: Time | None = None


class DatabaseClusters(DatabasePage):
    """rds:DescribeDBClusters."""

    DBClusters: list[DatabaseCluster]


class FileSystem(Answer):
    FileSystemId: Text
    FileSystemArn: Text | None = None
    Encrypted: Flag | None = None
    KmsKeyId: Text | None = None
    CreationTime: Time | None = None


class FileSystems(Answer):
    """elasticfilesystem:DescribeFileSystems."""

    FileSystems: list[FileSystem]
    NextMarker: Text | None = None

    @property
    def more(self) -> bool:
        """Another page follows."""
        return bool(self.NextMarker)


class Trail(Answer):
    TrailARN: Text
    KmsKeyId: Text = ""
    CloudWatchLogsLogGroupArn: Text = ""
    HasCustomEventSelectors: Flag | None = None


class Trails(Answer):
    """cloudtrail:DescribeTrails."""

    trailList: list[Trail]


class TrailStatus(Answer):
    """cloudtrail:GetTrailStatus."""

    IsLogging: Flag


class EventSelector(Answer):
    ReadWriteType: Text
    IncludeManagementEvents: Flag
    ExcludeManagementEventSources: list[Text] = Field(default_factory=list)


class FieldSelector(Answer):
    Field: Text
    Equals: list[Text] | None = None
    StartsWith: list[Text] | None = None
    EndsWith: list[Text] | None = None
    NotEquals: list[Text] | None = None
    NotStartsWith: list[Text] | None = None
    NotEndsWith: list[Text] | None = None

    @property
    def operators(self) -> Mapping[str, Sequence[str]]:
        """Those that are used, each with its texts."""
        return self.model_dump(exclude={"Field"}, exclude_none=True)


class AdvancedEventSelector(Answer):
    FieldSelectors: list[FieldSelector]


class EventSelectors(Answer):
    """cloudtrail:GetEventSelectors; a trail has those of one kind."""

    EventSelectors: list[EventSelector] | None = None
    AdvancedEventSelectors: list[AdvancedEventSelector] | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.EventSelectors is None and self.AdvancedEventSelectors is None:
            raise ValueError("neither kind of selectors is there")
        return self


class Rule(Answer):
    """AWS leaves the pattern out of a rule that runs by a schedule."""

    Name: Text
    State: Text
    EventPattern: Text | None = None
    ManagedBy: Text = ""


class Rules(TokenPage):
    """events:ListRules."""

    Rules: list[Rule]


class RuleTarget(Answer):
    Arn: Text


class RuleTargets(TokenPage):
    """events:ListTargetsByRule."""

    Targets: list[RuleTarget]


class Metric(Answer):
    metricName: Text
    metricNamespace: Text


class MetricFilter(Answer):
    filterPattern: Text
    fieldSelectionCriteria: Text = ""
    metricTransformations: list[Metric]


class MetricFilters(Answer):
    """logs:DescribeMetricFilters."""

    metricFilters: list[MetricFilter]
    nextToken: Text | None = None

    @property
    def more(self) -> bool:
        """Another page follows."""
        return bool(self.nextToken)


class WatchedMetric(Answer):
    Namespace: Text
    MetricName: Text


class WatchedStatistic(Answer):
    Metric: WatchedMetric


class AlarmQuery(Answer):
    MetricStat: WatchedStatistic | None = None


class MetricAlarm(Answer):
    """It watches one metric, or what is computed of several."""

    AlarmName: Text
    ActionsEnabled: Flag
    AlarmActions: list[Text] = Field(default_factory=list)
    Namespace: Text | None = None
    MetricName: Text | None = None
    Metrics: list[AlarmQuery] = Field(default_factory=list)


class CompositeAlarm(Answer):
    """It watches other alarms, which its rule names."""

    AlarmRule: Text
    ActionsEnabled: Flag
    AlarmActions: list[Text] = Field(default_factory=list)


class Alarms(TokenPage):
    """cloudwatch:DescribeAlarms."""

    MetricAlarms: list[MetricAlarm]
    CompositeAlarms: list[CompositeAlarm]
