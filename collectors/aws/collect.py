"""The collect half: asks AWS account by account and region by region, and judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from collectors.aws.configuration import GLOBAL_SERVICES, AwsConfiguration, account_of_role
from collectors.aws.credentials import Seat, ambient_seat
from collectors.aws.service_readings import READINGS
from collectors.aws.wire import Inquiry
from collectors.questions import Questions
from collectors.source import Batch, Task
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
        services = self._configuration.services
        regional = [(region, name) for region in regions for name in services if name not in GLOBAL_SERVICES]
        for region, service in [*(("global", name) for name in services if name in GLOBAL_SERVICES), *regional]:
            header = replace(account, id=f"{account.id}/{region}/{service}", service=service, region=region)
            endpoint = seat.home_region if region == "global" else region
            inquiry = Inquiry(seat, header, region=endpoint, identity=account.identity)
            yield Task(header, "", READINGS[service](inquiry, self._sample, self._configuration.alerts).run)


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
