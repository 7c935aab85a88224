"""The collect half: asks AWS account by account, region by region and key by key, and judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from collectors.aws.configuration import AwsConfiguration, Service, account_of_role
from collectors.aws.credentials import Seat, ambient_seat
from collectors.aws.rotation import DescribedKey
from collectors.aws.wire import Inquiry
from collectors.questions import Questions, answered
from collectors.sampling import sampled
from collectors.source import Batch, Task
from evidence.observation import JSON, Observation, Status
from evidence.reading import Answer, Text
from evidence.recording import ScopeHeader

_UNREADABLE = ("SUSPENDED", "CLOSED", "PENDING_ACTIVATION")
"""States of an organization's account in which nobody can enter it."""


class _Caller(Answer):
    Account: Text
    Arn: Text


class _AccountInformation(Answer):
    AccountName: Text


class _Region(Answer):
    RegionName: Text
    RegionOptStatus: Text


class _Regions(Answer):
    Regions: list[_Region]


class _Organization(Answer):
    Id: Text


class _DescribedOrganization(Answer):
    Organization: _Organization


class _Member(Answer):
    Id: Text
    State: Text | None = None
    Status: Text | None = None


class _Members(Answer):
    Accounts: list[_Member]


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


@dataclass(frozen=True, slots=True)
class _Membership:
    """The organization that an account belongs to, as far as it is known."""

    organization: str = ""
    accounts: tuple[str, ...] = ()
    known: bool = True
    """All that was asked about it was answered."""


class AwsCollector:
    """Collects one AWS source. `sample`, if any, is how many keys and secrets of each scope to describe."""

    def __init__(self, configuration: AwsConfiguration, sample: int | None = None) -> None:
        self._configuration = configuration
        self._sample = sample

    def start(self) -> Iterable[Task]:
        """One task an account. Raises CredentialError where the standard AWS chain has no usable credentials."""
        seat = ambient_seat(self._configuration)
        roles = self._configuration.roles
        if not roles:
            return [self._account_task(seat, "self", "", walk=self._configuration.organization is not None)]
        walk = self._configuration.organization is not None
        accounts = [(account_of_role(role), role) for role in roles]
        return [self._account_task(seat.assuming(role), account, account, walk=walk) for account, role in accounts]

    def _account_task(
        self, seat: Seat, name: str, account: str, *, walk: bool = False, membership: _Membership | None = None
    ) -> Task:
        membership = membership or _Membership()
        header = ScopeHeader(
            id=f"{self._configuration.name}/{name}/global/account",
            source=self._configuration.name,
            type="aws",
            service="account",
            account=account,
            organization=membership.organization,
            organization_accounts=membership.accounts,
            organization_known=membership.known,
        )
        return Task(header, "", _AccountReading(self, seat, header, name, membership, walk).run)

    def member_task(self, seat: Seat, account: str, role: str, membership: _Membership) -> Task:
        """The task of an organization's account, entered by a role from `seat`."""
        return self._account_task(seat.assuming(role), account, account, membership=membership)

    def service_tasks(self, seat: Seat, account: ScopeHeader, regions: Iterable[str]) -> Iterator[Task]:
        """The first task of each service and region of an account; `account` says what is known of it."""
        for region in regions:
            for service in self._configuration.services:
                header = replace(account, id=f"{account.id}/{region}/{service}", service=service, region=region)
                inquiry = Inquiry(seat, header, region=region, identity=account.identity)
                yield Task(header, "", _READINGS[service](inquiry, self._sample).run)


@dataclass(frozen=True, slots=True)
class _AccountReading:
    """Reads what an account is, and opens the scopes of its regions and, walking, of its organization's accounts."""

    collector: AwsCollector
    seat: Seat
    header: ScopeHeader
    name: str
    membership: _Membership
    walk: bool

    def run(self, batch: Batch) -> Iterator[Task]:
        """The scopes that it opens do not depend on whether the answers are new or a killed run's."""
        inquiry = Inquiry(self.seat, self.header, region=self.seat.home_region)
        ask = Questions(inquiry, batch)
        ask.one("sts:GetCallerIdentity", {})
        caller = batch.reading.answer("sts:GetCallerIdentity", _Caller)
        inquiry.identity = caller.Arn if caller else ""
        ask.one("account:GetAccountInformation", {})
        named = batch.reading.answer("account:GetAccountInformation", _AccountInformation)
        account = caller.Account if caller else self.header.account
        membership = self._organization(ask) if self.walk else self.membership
        known = replace(
            self.header,
            id=f"{self.header.source}/{account or self.name}",
            account=account,
            account_name=named.AccountName if named else None,
            identity=inquiry.identity,
            organization=membership.organization,
            organization_accounts=membership.accounts,
            organization_known=membership.known,
        )
        if not self.walk or self._organization_configuration.wants(account):
            yield from self.collector.service_tasks(self.seat, known, self._regions(ask))
        if self.walk:
            partition = caller.Arn.split(":")[1] if caller else "aws"
            yield from self._member_tasks(batch, account, partition, membership)

    @property
    def _organization_configuration(self) -> Any:
        return self.seat.configuration.organization

    def _regions(self, ask: Questions) -> list[str]:
        regions = self.seat.configuration.regions
        if isinstance(regions, list):
            return regions
        ask.all("account:ListRegions", {})
        pages = ask.batch.reading.pages("account:ListRegions", _Regions)
        return [r.RegionName for page in pages for r in page.Regions if r.RegionOptStatus != "DISABLED"]

    def _organization(self, ask: Questions) -> _Membership:
        ask.one("organizations:DescribeOrganization", {})
        ask.all("organizations:ListAccounts", {})
        reading = ask.batch.reading
        described = reading.answer("organizations:DescribeOrganization", _DescribedOrganization)
        pages = reading.pages("organizations:ListAccounts", _Members)
        accounts = sorted(member.Id for page in pages for member in page.Accounts)
        return _Membership(described.Organization.Id if described else "", tuple(accounts), not reading.failures)

    def _member_tasks(self, batch: Batch, own: str, partition: str, membership: _Membership) -> Iterator[Task]:
        organization = self._organization_configuration
        closed = {member.Id for member in _members(batch) if (member.State or member.Status) in _UNREADABLE}
        wanted = {*membership.accounts, *(organization.accounts or [])} - closed - {own}
        for account in sorted(wanted):
            if organization.wants(account):
                role = f"arn:{partition}:iam::{account}:role/{organization.role.lstrip('/')}"
                yield self.collector.member_task(self.seat, account, role, membership)


def _members(batch: Batch) -> list[_Member]:
    pages = batch.reading.pages("organizations:ListAccounts", _Members)
    return [member for page in pages for member in page.Accounts]


@dataclass(frozen=True, slots=True)
class _ServiceReading:
    """Reads one service of one account and region: its lists first, then thing by thing."""

    inquiry: Inquiry
    sample: int | None

    def run(self, batch: Batch) -> Iterable[Task]:
        """Ask for the lists, and give the tasks of what they name."""
        raise NotImplementedError

    def list_all(self, ask: Questions, operation: str, parameters: dict[str, JSON]) -> list[Observation]:
        """Every page of a list; for a sample, no more than needed."""
        return ask.all(operation, parameters, first=self.sample is not None)

    def task(self, subject: str, run: Callable[[Questions], None]) -> Task:
        """The task of one thing."""

        def of_subject(batch: Batch) -> Iterable[Task]:
            run(Questions(self.inquiry, batch))
            return ()

        return Task(self.inquiry.header, subject, of_subject)


class _KmsReading(_ServiceReading):
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


class _SecretsReading(_ServiceReading):
    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        self.list_all(ask, "secretsmanager:ListSecrets", {"IncludePlannedDeletion": True})
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


class _ParametersReading(_ServiceReading):
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


class _ClustersReading(_ServiceReading):
    """Both lists describe what they list. Backups outlive their clusters, so they are asked for where there is none."""

    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        self.list_all(ask, "cloudhsm:DescribeClusters", {})
        if batch.observations[-1].status is not Status.SWITCHED_OFF:
            self.list_all(ask, "cloudhsm:DescribeBackups", {})
        return []


_READINGS: dict[Service, type[_ServiceReading]] = {
    "kms": _KmsReading,
    "secretsmanager": _SecretsReading,
    "ssm": _ParametersReading,
    "cloudhsm": _ClustersReading,
}
