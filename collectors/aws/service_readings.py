"""What is asked in the scopes of each service of AWS: its lists first, then thing by thing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from collectors.aws.alert_patterns import events_of, filter_may_match, local_log_group, rule_may_match
from collectors.aws.configuration import Service
from collectors.aws.key_specs import CERTIFICATE_KEYS
from collectors.aws.rotation import DescribedKey
from collectors.aws.wire import Inquiry
from collectors.questions import Questions, answered
from collectors.sampling import sampled
from collectors.source import Batch, Task
from evidence.observation import JSON, Observation, Status
from evidence.reading import Answer, Flag, Text


class _ListedKey(Answer):
    KeyArn: Text


class _Keys(Answer):
    Keys: list[_ListedKey]


class _ListedSecret(Answer):
    ARN: Text


class _Secrets(Answer):
    SecretList: list[_ListedSecret]


class _DescribedSecret(Answer):
    DeletedDate: Any = None


class _ListedParameter(Answer):
    Name: Text
    ARN: Text | None = None
    Tier: Text | None = None


class _Parameters(Answer):
    Parameters: list[_ListedParameter]


class _User(Answer):
    Arn: Text
    UserName: Text


class _Users(Answer):
    Users: list[_User]


class _AccessKey(Answer):
    AccessKeyId: Text


class _AccessKeys(Answer):
    AccessKeyMetadata: list[_AccessKey]


class _ServerCertificate(Answer):
    Arn: Text
    ServerCertificateName: Text


class _ServerCertificates(Answer):
    ServerCertificateMetadataList: list[_ServerCertificate]


class _Certificate(Answer):
    CertificateArn: Text


class _Certificates(Answer):
    CertificateSummaryList: list[_Certificate]


class _Trail(Answer):
    TrailARN: Text
    CloudWatchLogsLogGroupArn: Text = ""
    HasCustomEventSelectors: Flag | None = None


class _Trails(Answer):
    trailList: list[_Trail]


class _Rule(Answer):
    Name: Text
    State: Text
    EventPattern: Text | None = None


class _Rules(Answer):
    Rules: list[_Rule]


class _MetricFilter(Answer):
    filterPattern: Text


class _MetricFilters(Answer):
    metricFilters: list[_MetricFilter]


@dataclass(frozen=True, slots=True)
class ServiceReading(ABC):
    """Reads one service of one account and region: its lists first, then thing by thing."""

    inquiry: Inquiry
    sample: int | None
    alerts: bool
    """Ask who is alerted to what happens in it."""

    @abstractmethod
    def run(self, batch: Batch) -> Iterable[Task]:
        """Ask for the lists, and give the tasks of what they name."""

    def list_all(self, ask: Questions, operation: str, parameters: dict[str, JSON]) -> list[Observation]:
        """Every page of a list; for a sample, no more than needed."""
        return ask.all(operation, parameters, first=self.sample is not None)

    def task(self, subject: str, run: Callable[[Questions], None]) -> Task:
        """The task of one thing."""

        def of_subject(batch: Batch) -> Iterable[Task]:
            run(Questions(self.inquiry, batch))
            return ()

        return Task(self.inquiry.header, subject, of_subject)


class _KmsReading(ServiceReading):
    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        self.list_all(ask, "kms:ListKeys", {})
        if batch.observations[-1].status is Status.SWITCHED_OFF:
            return []
        pages = batch.reading.pages("kms:ListKeys", _Keys)
        keys = list(dict.fromkeys(key.KeyArn for page in pages for key in page.Keys))
        tagged = False
        if keys:
            self.list_all(ask, "kms:ListAliases", {})
            tagged = answered(self.list_all(ask, "tag:GetResources", {"ResourceTypeFilters": ["kms:key"]}))
        self.list_all(ask, "kms:DescribeCustomKeyStores", {})
        if self.alerts:
            _ask_what_alerts(ask)
        tasks = [self.task(arn, partial(_ask_about_key, arn, tagged)) for arn in keys]
        return sampled(tasks, self.sample, lambda of_key: len(of_key.observations) > 1)


def _ask_about_key(arn: str, tagged: bool, ask: Questions) -> None:
    ask.one("kms:DescribeKey", {"KeyId": arn})
    key = ask.batch.reading.answer("kms:DescribeKey", DescribedKey)
    if key is None or not key.customer:
        return
    rule = key.rule
    if rule and rule.status:
        ask.one("kms:GetKeyRotationStatus", {"KeyId": arn})
    if rule and rule.history:
        ask.all("kms:ListKeyRotations", {"KeyId": arn, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"})
    ask.one("kms:GetKeyLastUsage", {"KeyId": arn})
    ask.one("kms:GetKeyPolicy", {"KeyId": arn, "PolicyName": "default"})
    ask.all("kms:ListGrants", {"KeyId": arn})
    if not tagged:
        ask.all("kms:ListResourceTags", {"KeyId": arn})


class _SecretsReading(ServiceReading):
    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        self.list_all(ask, "secretsmanager:ListSecrets", {"IncludePlannedDeletion": True})
        if batch.observations[0].status is not Status.OK:
            return []
        if self.alerts:
            _ask_what_alerts(ask)
        pages = batch.reading.pages("secretsmanager:ListSecrets", _Secrets)
        secrets = dict.fromkeys(secret.ARN for page in pages for secret in page.SecretList)
        tasks = [self.task(arn, partial(_ask_about_secret, arn)) for arn in secrets]
        return sampled(tasks, self.sample)


def _ask_about_secret(arn: str, ask: Questions) -> None:
    ask.one("secretsmanager:DescribeSecret", {"SecretId": arn})
    ask.all("secretsmanager:ListSecretVersionIds", {"SecretId": arn})
    secret = ask.batch.reading.answer("secretsmanager:DescribeSecret", _DescribedSecret)
    if secret is None or secret.DeletedDate is None:  # a secret that waits for its deletion does not tell its policy
        ask.one("secretsmanager:GetResourcePolicy", {"SecretId": arn})


class _ParametersReading(ServiceReading):
    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        secure: dict[str, JSON] = {"Key": "Type", "Option": "Equals", "Values": ["SecureString"]}
        self.list_all(ask, "ssm:DescribeParameters", {"ParameterFilters": [secure]})
        pages = batch.reading.pages("ssm:DescribeParameters", _Parameters)
        parameters = [parameter for page in pages for parameter in page.Parameters]
        tagged = False
        if parameters:
            tagged = answered(self.list_all(ask, "tag:GetResources", {"ResourceTypeFilters": ["ssm:parameter"]}))
        asked_about = [p for p in parameters if not tagged or p.Tier != "Standard"]
        tasks = [self.task(self._arn(p), partial(_ask_about_parameter, p, self._arn(p), tagged)) for p in asked_about]
        return sampled(tasks, self.sample)

    def _arn(self, parameter: _ListedParameter) -> str:
        header = self.inquiry.header
        partition = header.identity.split(":")[1] if header.identity else "aws"
        name = parameter.Name.lstrip("/")
        return parameter.ARN or f"arn:{partition}:ssm:{header.region}:{header.account}:parameter/{name}"


def _ask_about_parameter(parameter: _ListedParameter, arn: str, tagged: bool, ask: Questions) -> None:
    if not tagged:
        ask.one("ssm:ListTagsForResource", {"ResourceType": "Parameter", "ResourceId": parameter.Name})
    if parameter.Tier != "Standard":  # no other tier can be shared with another account
        ask.all("ssm:GetResourcePolicies", {"ResourceArn": arn})


class _ClustersReading(ServiceReading):
    """Both lists describe what they list. Backups outlive their clusters, so they are asked for where there is none."""

    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        self.list_all(ask, "cloudhsm:DescribeClusters", {})
        if batch.observations[-1].status is not Status.SWITCHED_OFF:
            self.list_all(ask, "cloudhsm:DescribeBackups", {})
        return []


class _IamReading(ServiceReading):
    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        ask.one("iam:GetAccountSummary", {})
        self.list_all(ask, "iam:ListUsers", {})
        self.list_all(ask, "iam:ListServerCertificates", {})
        users = {
            user.Arn: user.UserName for page in batch.reading.pages("iam:ListUsers", _Users) for user in page.Users
        }
        pages = batch.reading.pages("iam:ListServerCertificates", _ServerCertificates)
        certificates = {c.Arn: c.ServerCertificateName for page in pages for c in page.ServerCertificateMetadataList}
        of_users = [self.task(arn, partial(_ask_about_user, name)) for arn, name in users.items()]
        return [
            *sampled(of_users, self.sample, lambda of_user: len(of_user.observations) > 1),
            *sampled(
                [self.task(arn, partial(_ask_about_server_certificate, name)) for arn, name in certificates.items()],
                self.sample,
            ),
        ]


def _ask_about_user(name: str, ask: Questions) -> None:
    ask.all("iam:ListAccessKeys", {"UserName": name})
    pages = ask.batch.reading.pages("iam:ListAccessKeys", _AccessKeys)
    for key in dict.fromkeys(key.AccessKeyId for page in pages for key in page.AccessKeyMetadata):
        ask.one("iam:GetAccessKeyLastUsed", {"AccessKeyId": key})


def _ask_about_server_certificate(name: str, ask: Questions) -> None:
    ask.one("iam:GetServerCertificate", {"ServerCertificateName": name})


class _CertificatesReading(ServiceReading):
    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        self.list_all(ask, "acm:ListCertificates", dict(_ALL_CERTIFICATES))
        pages = batch.reading.pages("acm:ListCertificates", _Certificates)
        certificates = dict.fromkeys(c.CertificateArn for page in pages for c in page.CertificateSummaryList)
        if certificates:
            self.list_all(ask, "tag:GetResources", {"ResourceTypeFilters": ["acm:certificate"]})
        return sampled([self.task(arn, partial(_ask_about_certificate, arn)) for arn in certificates], self.sample)


_ALL_CERTIFICATES: Mapping[str, JSON] = {
    "CertificateKeyPairOrigins": ["AWS_MANAGED", "ACME", "CUSTOMER_PROVIDED"],
    "Includes": {"keyTypes": list(CERTIFICATE_KEYS)},
}
"""By default, ACM lists those with a key of RSA of 1024 or 2048 bits alone, and none that was asked for over ACME.

Source: ACM API reference, ListCertificates.
"""


def _ask_about_certificate(arn: str, ask: Questions) -> None:
    ask.one("acm:DescribeCertificate", {"CertificateArn": arn})


class _DatastoresReading(ServiceReading):
    """All lists describe what they list."""

    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        ask.one("ec2:GetEbsEncryptionByDefault", {})
        if batch.observations[-1].status is Status.SWITCHED_OFF:
            return []
        ask.one("ec2:GetEbsDefaultKmsKeyId", {})
        self.list_all(ask, "ec2:DescribeVolumes", {"IncludeManagedResources": True})
        self.list_all(ask, "rds:DescribeDBInstances", {})
        self.list_all(ask, "rds:DescribeDBClusters", {})
        self.list_all(ask, "elasticfilesystem:DescribeFileSystems", {})
        ask.one("cloudtrail:DescribeTrails", {"includeShadowTrails": False})
        return []


def _ask_what_alerts(ask: Questions) -> None:
    """Ask who is told of what happens to keys and secrets: by rules of EventBridge, and by alarms on a trail's log."""
    header, reading = ask.inquiry.header, ask.batch.reading
    ask.one("cloudtrail:DescribeTrails", {"includeShadowTrails": True})
    described = reading.answer("cloudtrail:DescribeTrails", _Trails)
    trails = described.trailList if described else []
    if not trails:  # without a trail nothing is told of
        return
    for arn, trail in {trail.TrailARN: trail for trail in trails}.items():
        ask.one("cloudtrail:GetTrailStatus", {"Name": arn})
        if trail.HasCustomEventSelectors is not False:
            ask.one("cloudtrail:GetEventSelectors", {"TrailName": arn})
    events = events_of(header.service, header.account, header.region).values()
    ask.all("events:ListRules", {})
    rules = {rule.Name: rule for page in reading.pages("events:ListRules", _Rules) for rule in page.Rules}
    for name, rule in rules.items():
        if rule.EventPattern is not None and rule_may_match(rule.State, rule.EventPattern, events):
            ask.all("events:ListTargetsByRule", {"Rule": name})
    groups = {local_log_group(trail.CloudWatchLogsLogGroupArn, header.account, header.region) for trail in trails}
    for group in sorted(groups - {""}):
        ask.all("logs:DescribeMetricFilters", {"logGroupName": group})
    pages = reading.pages("logs:DescribeMetricFilters", _MetricFilters)
    if any(filter_may_match(one.filterPattern, events) for page in pages for one in page.metricFilters):
        ask.all("cloudwatch:DescribeAlarms", {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]})


READINGS: Mapping[Service, type[ServiceReading]] = {
    "kms": _KmsReading,
    "secretsmanager": _SecretsReading,
    "ssm": _ParametersReading,
    "cloudhsm": _ClustersReading,
    "iam": _IamReading,
    "acm": _CertificatesReading,
    "datastores": _DatastoresReading,
}
"""By the service of a scope."""
