"""The `[[source]]` table of an Azure source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from collectors.configuration import Attempts, Named, SourceName, Timeout

Service = Literal["vault", "managedhsm", "storage"]

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where a cloud of Azure is found."""

    resource_manager: str
    authority: str
    vault_suffixes: tuple[str, ...]
    """What the host of every vault and managed HSM ends with."""


CLOUDS = {
    "AzureCloud": Cloud(
        "https://management.azure.com",
        "https://login.microsoftonline.com",
        ("vault.azure.net", "managedhsm.azure.net"),
    ),
    "AzureUSGovernment": Cloud(
        "https://management.usgovcloudapi.net",
        "https://login.microsoftonline.us",
        ("vault.usgovcloudapi.net", "managedhsm.usgovcloudapi.net"),
    ),
    "AzureChinaCloud": Cloud(
        "https://management.chinacloudapi.cn",
        "https://login.chinacloudapi.cn",
        ("vault.azure.cn", "managedhsm.azure.cn"),
    ),
}
"""By the names that Azure's own command line gives them."""


def _checked_subscriptions(value: object) -> object:
    if value == "all":
        return value
    if not isinstance(value, list) or not value:
        raise ValueError('expected a list of subscription ids, or "all"')
    for id in value:
        if not (isinstance(id, str) and _GUID.fullmatch(id.lower())):
            raise ValueError(f"{id!r} is no subscription id, such as 00000000-0000-0000-0000-000000000000")
    ids = [id.lower() for id in value]
    if len(set(ids)) < len(ids):
        raise ValueError("a subscription is named twice")
    return ids


def _checked_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError(f"{url!r} is no https URL; tokens are sent over TLS only")
    if parts.username or parts.password:
        raise ValueError("a URL must not hold credentials: they come from Azure's environment and sign-in")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{url!r} names more than a host")
    return url.rstrip("/")


def _checked_suffix(suffix: str) -> str:
    if not _HOST.fullmatch(suffix):
        raise ValueError(f"{suffix!r} is no end of a host name, such as vault.example.net")
    return suffix


Endpoint = Annotated[str, AfterValidator(_checked_endpoint)]
Suffix = Annotated[str, AfterValidator(_checked_suffix)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EndpointsConfiguration(_Table):
    """Where a private cloud is found; what is left out is that of `cloud`."""

    resource_manager: Endpoint | None = None
    authority: Endpoint | None = None
    vault_suffix: Suffix | None = None
    """What the hosts of its vaults end with, or the host on whose ports they all are."""
    managedhsm_suffix: Suffix | None = None


class AzureConfiguration(_Table):
    """Credentials come from DefaultAzureCredential (environment, workload or managed identity, sign-in), never here."""

    name: SourceName
    """Stands in the ids of scopes."""
    subscriptions: Annotated[Literal["all"] | list[str], BeforeValidator(_checked_subscriptions)]
    """`"all"` reads every subscription that the credential sees."""
    cloud: Literal["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"] = "AzureCloud"
    endpoints: EndpointsConfiguration = EndpointsConfiguration()
    ca_file: Named | None = None
    """Certificates of the authorities that a private cloud's servers are trusted by; the system's where left out."""
    services: Annotated[list[Service], Field(min_length=1)] = ["vault", "managedhsm", "storage"]
    timeout_seconds: Timeout = 30
    """How long to wait for an answer; a connection is waited for 10 s at most."""
    attempts: Attempts = 6
    """How often a request is tried that is throttled or lost."""

    @property
    def resource_manager(self) -> str:
        """The endpoint of Azure Resource Manager."""
        return self.endpoints.resource_manager or CLOUDS[self.cloud].resource_manager

    @property
    def authority(self) -> str:
        """The authority that gives tokens, where one is configured or the cloud is not the public one.

        Empty for the public cloud, whose authority the environment may name otherwise.
        """
        named = "" if self.cloud == "AzureCloud" else CLOUDS[self.cloud].authority
        return self.endpoints.authority or named

    @property
    def vault_suffixes(self) -> tuple[str, ...]:
        """What the host of a vault or managed HSM must end with, for a token to be sent there."""
        own = (self.endpoints.vault_suffix, self.endpoints.managedhsm_suffix)
        return tuple(suffix for suffix in own if suffix) or CLOUDS[self.cloud].vault_suffixes

    @property
    def own_vaults(self) -> bool:
        """Its vaults are named by the configuration, so that what they call themselves need not fit their host."""
        return self.endpoints.vault_suffix is not None

    def trusts(self, address: str) -> bool:
        """A token may be sent to a vault or managed HSM of that URL."""
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:
            return False
        plain = parts.username is None and parts.password is None and not parts.path.strip("/") and "\\" not in address
        return parts.scheme == "https" and plain and self._names_vaults(parts.hostname or "", port)

    def _names_vaults(self, host: str, port: int | None) -> bool:
        """A suffix of a private cloud may be a whole host, and then any of its ports is meant."""
        if not self.own_vaults and port not in (None, 443):
            return False
        return any(host == suffix or host.endswith(f".{suffix}") for suffix in self.vault_suffixes)
