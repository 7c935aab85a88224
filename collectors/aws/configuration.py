"""The `[[source]]` table of an AWS source."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from collectors.configuration import Attempts, Named, SourceName, Timeout

Service = Literal["kms", "secretsmanager", "ssm", "cloudhsm", "iam", "acm", "datastores"]

GLOBAL_SERVICES = frozenset(["iam"])
"""Those that AWS has once for all regions."""

_REGION = re.compile(
    r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+|cn-[a-z]+-\d+|us-gov-[a-z]+-\d+|eusc-de-[a-z]+-\d+|(us|eu)-iso[a-z]?-[a-z]+-\d+"
)
"""The names of regions in all partitions, as botocore's endpoint data has them."""

_ROLE_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):role/[\w+=,.@/-]+")


def _checked_regions(value: object) -> object:
    if value == "all":
        return value
    if not isinstance(value, list) or not value:
        raise ValueError('expected a list of regions, such as ["eu-west-1"], or "all"')
    for name in value:
        if not (isinstance(name, str) and _REGION.fullmatch(name)):
            raise ValueError(f"{name!r} is no AWS region, such as eu-west-1")
    if len(set(value)) < len(value):
        raise ValueError("a region is named twice")
    return value


def _checked_roles(value: object) -> object:
    arns = value if isinstance(value, list) else [value]
    if not arns:
        raise ValueError("expected at least one role; leave it out to read with the credentials as they are")
    accounts = [account_of_role(arn) for arn in arns]
    if len(set(accounts)) < len(accounts):
        raise ValueError("two roles of one account; an account is read once")
    return value


def _checked_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http or https URL")
    if parts.username or parts.password:
        raise ValueError("a URL must not hold credentials: they come from the AWS environment, profiles and roles")
    return url


ClusterId = Annotated[str, StringConstraints(pattern=r"^cluster-[2-7a-zA-Z]{11,16}$")]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]


def account_of_role(arn: object) -> str:
    """The account that a role belongs to. Raises ValueError where `arn` names no role."""
    match = _ROLE_ARN.fullmatch(arn) if isinstance(arn, str) else None
    if match is None:
        raise ValueError(f"{arn!r} is no ARN of a role, such as arn:aws:iam::111122223333:role/audit")
    return match["account"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrganizationConfiguration(_Table):
    """Reads every account of the organization that the credentials belong to."""

    role: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@/-]+$", max_length=512)]
    """Name of the role, path included, that each account lets the auditor assume."""
    accounts: list[AccountId] | None = None
    """Only these; all of the organization's where it is left out."""
    exclude: list[AccountId] = []

    def wants(self, account: str) -> bool:
        """The account is to be read."""
        return account not in self.exclude and (self.accounts is None or account in self.accounts)


class AwsConfiguration(_Table):
    """Credentials come from the standard AWS chain (environment, profile, SSO, instance role), never from here."""

    name: SourceName
    """Stands in the ids of scopes."""
    regions: Annotated[Literal["all"] | list[str], BeforeValidator(_checked_regions)]
    """`"all"` asks each account which regions it has enabled."""
    profile: Named | None = None
    """Profile of the AWS configuration files; the default chain where it is left out."""
    role_arn: Annotated[str | list[str], BeforeValidator(_checked_roles)] | None = None
    """Role to assume, or one for each account to read."""
    external_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@:/-]+$", max_length=1224)] | None = None
    """External id that the roles ask for."""
    session_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@-]{2,64}$")] = "keyproof"
    """Name of the role sessions, as CloudTrail shows it."""
    organization: OrganizationConfiguration | None = None
    services: Annotated[list[Service], Field(min_length=1)] = list(get_args(Service))
    """`datastores` are volumes, databases, file systems and trails, for the keys that encrypt them."""
    alerts: bool = True
    """Ask which of what happens to keys and secrets somebody is alerted to, with `kms` and `secretsmanager`."""
    keys_read_by: dict[ClusterId, Named] = {}
    """CloudHSM cluster → name of the source that reads what it holds, by PKCS#11."""
    endpoint_url: Annotated[str, AfterValidator(_checked_endpoint)] | None = None
    """Endpoint of every service, such as a private one; AWS's own where it is left out."""
    timeout_seconds: Timeout = 30
    """How long to wait for an answer; a connection is waited for 10 s at most."""
    attempts: Attempts = 6
    """How often a request is tried that is throttled or lost."""

    @model_validator(mode="after")
    def _consistent(self) -> AwsConfiguration:
        if self.organization is not None and len(self.roles) > 1:
            raise ValueError("with organization, role_arn can be only the one role that may list its accounts")
        if self.external_id and not (self.roles or self.organization):
            raise ValueError("external_id is of use only with role_arn or organization")
        return self

    @property
    def roles(self) -> list[str]:
        """The roles of `role_arn`."""
        if self.role_arn is None:
            return []
        return [self.role_arn] if isinstance(self.role_arn, str) else list(self.role_arn)
