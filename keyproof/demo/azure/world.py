"""What the embedded Azure holds: subscriptions, vaults and managed HSMs, what is in them, and who may do what."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from keyproof.demo.azure.faults import Rule
from keyproof.demo.azure.roles import BUILT_IN, LOCAL, Role
from keyproof.demo.azure.shapes import Shape
from keyproof.demo.azure.wire import AzureError, Request
from keyproof.demo.names import days, stable_hex, stable_id

T = TypeVar("T")

VAULT, MANAGED_HSM = "vault", "managedhsm"
DATA_PAGE = 25
"""The most entries of a data-plane page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """The names of one of Microsoft's clouds."""

    management: str = "https://management.azure.com"
    vault_suffix: str = "vault.azure.net"
    hsm_suffix: str = "managedhsm.azure.net"

    @property
    def vault_audience(self) -> str:
        """What tokens for vaults are for."""
        return f"https://{self.vault_suffix}"

    @property
    def hsm_audience(self) -> str:
        """What tokens for managed HSMs are for."""
        return f"https://{self.hsm_suffix}"


CLOUDS: Mapping[str, Cloud] = {
    "AzureCloud": Cloud(),
    "AzureUSGovernment": Cloud(
        management="https://management.usgovcloudapi.net",
        vault_suffix="vault.usgovcloudapi.net",
        hsm_suffix="managedhsm.usgovcloudapi.net",
    ),
    "AzureChinaCloud": Cloud(
        management="https://management.chinacloudapi.cn",
        vault_suffix="vault.azure.cn",
        hsm_suffix="managedhsm.azure.cn",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription that the caller sees."""

    id: str
    name: str
    state: str = "Enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a key, secret or certificate."""

    at: datetime
    enabled: bool = True
    not_before: datetime | None = None
    expires_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationPolicy:
    """A key's rotation policy; durations in ISO 8601, and an empty one for none."""

    rotate_after: str = ""
    rotate_before_expiry: str = ""
    notify_before_expiry: str = ""
    expiry_time: str = ""
    at: datetime


@dataclass(slots=True, kw_only=True)
class Key:
    """A key and its versions, oldest first."""

    name: str
    versions: Sequence[Version]
    kty: str = "RSA"
    size: int = 2048
    """Of RSA and oct keys, in bits."""
    curve: str = ""
    algorithm: str = ""
    """Of AKP keys: `ML-DSA-65`."""
    operations: Sequence[str] = ()
    """Empty for all that its type allows."""
    policy: RotationPolicy | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    managed: bool = False
    exportable: bool = False
    release_policy: str = ""
    """Its JSON, for an exportable key."""
    attested: bool = False
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageAccount:
    """A storage account, without the values of its keys."""

    name: str
    subscription: str
    group: str
    created_at: datetime
    rotated: Sequence[datetime | None]
    """When each of its two keys was made; None for one that is older than Azure's record of that."""
    location: str = "westeurope"
    shared_keys: bool | None = None
    """Whether the account takes them; None where nobody has said."""
    remind_after_days: int = 0
    default_action: str = "Allow"
    public: str = "Enabled"
    key: str = ""
    """URL of the key that encrypts it; empty for one of Azure's own."""

    @property
    def id(self) -> str:
        """Its name in Resource Manager."""
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
        return f"{group}/providers/Microsoft.Storage/storageAccounts/{self.name}"


@dataclass(slots=True, kw_only=True)
class Secret:
    """A secret without a value, and its versions, oldest first."""

    name: str
    versions: Sequence[Version]
    content_type: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    managed: bool = False
    deleted_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Certificate:
    """A certificate and its versions, oldest first; its key and its secret have the same name."""

    name: str
    versions: Sequence[Version]
    subject: str
    dns_names: Sequence[str] = ()
    issuer: str = "Self"
    kty: str = "RSA"
    size: int = 2048
    curve: str = ""
    exportable: bool = True
    reuse_key: bool = False
    validity_months: int = 12
    content_type: str = "application/x-pkcs12"
    renew_at_percentage: int | None = 80
    """None for a notice by mail instead of a renewal."""
    days_before_expiry: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """An entry of a vault's access policies."""

    object_id: str
    keys: Sequence[str] = ()
    secrets: Sequence[str] = ()
    certificates: Sequence[str] = ()
    tenant: str = ""
    """Empty for the vault's own."""
    application: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A role assignment, in Azure or in a managed HSM."""

    scope: str
    role: Role
    principal: str
    kind: str = "ServicePrincipal"
    """User, Group, ServicePrincipal, ForeignGroup or Device; a managed HSM does not tell it."""
    condition: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSetting:
    """A diagnostic setting."""

    name: str
    workspace: str = ""
    storage_account: str = ""
    categories: Mapping[str, bool] = field(default_factory=lambda: {"AuditEvent": True})
    groups: Mapping[str, bool] = field(default_factory=dict)
    retention_days: int = 0
    """For which the setting itself asks a storage account to keep the log."""
    workspace_days: int = 365
    """For which the workspace keeps what it takes."""


@dataclass(slots=True, kw_only=True)
class Store:
    """A vault or a managed HSM."""

    name: str
    subscription: str
    group: str
    created_at: datetime
    kind: str = VAULT
    location: str = "westeurope"
    sku: str = "standard"
    tags: Mapping[str, str] = field(default_factory=dict)
    rbac: bool = True
    retention_days: int = 90
    purge_protection: bool = True
    access_policies: Sequence[AccessPolicy] = ()
    public: bool = True
    """Its data plane can be reached from public networks; where it cannot, it refuses every caller of this world."""
    default_action: str = "Allow"
    bypass: str = "AzureServices"
    ip_rules: Sequence[str] = ()
    subnets: Sequence[str] = ()
    private_endpoints: Sequence[str] = ()
    """Resource ids of private endpoints that are approved."""
    log_settings: Sequence[LogSetting] = ()
    listens_at: str = ""
    """Where it says that it listens, if that is not the truth; without the last slash."""
    deleted_at: datetime | None = None
    keys: dict[str, Key] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    administrators: Sequence[str] = ()
    """Of a managed HSM: object ids of its first administrators."""
    activation: str = "Active"
    """Of a managed HSM's security domain: Active, NotActivated, Unknown or Failed."""
    settings: Mapping[str, bool] = field(default_factory=dict)
    regions: Sequence[str] = ()
    """Of a managed HSM: the regions beside its own."""
    assignments: Sequence[Assignment] = ()
    """Of a managed HSM: its local role assignments."""
    roles: Sequence[Role] = ()
    """Of a managed HSM: its own role definitions, beside the built-in ones."""
    external_key_manager: str = ""
    """Of a managed HSM: the host of the proxy by which it reaches keys outside."""

    @property
    def id(self) -> str:
        """Its resource id."""
        provider = "vaults" if self.kind == VAULT else "managedHSMs"
        return f"{self.group_id}/providers/Microsoft.KeyVault/{provider}/{self.name}"

    @property
    def group_id(self) -> str:
        """The resource id of its resource group."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"

    def add_key(self, key: Key) -> Key:
        """Put a key into it."""
        self.keys[key.name] = key
        return key

    def add_secret(self, secret: Secret) -> Secret:
        """Put a secret into it."""
        self.secrets[secret.name] = secret
        return secret

    def add_certificate(self, certificate: Certificate) -> Certificate:
        """Put a certificate into it, and the key and the secret that belong to it."""
        self.certificates[certificate.name] = certificate
        self.add_key(
            Key(
                name=certificate.name,
                versions=certificate.versions,
                kty=certificate.kty,
                size=certificate.size,
                curve=certificate.curve,
                exportable=certificate.exportable,
                tags=certificate.tags,
                managed=True,
                deleted_at=certificate.deleted_at,
            )
        )
        self.add_secret(
            Secret(
                name=certificate.name,
                versions=certificate.versions,
                content_type=certificate.content_type,
                tags=certificate.tags,
                managed=True,
                deleted_at=certificate.deleted_at,
            )
        )
        return certificate

    def version_id(self, name: str, number: int) -> str:
        """The name of a version, counted from 0; the same for a certificate, its key and its secret."""
        return stable_hex(32, self.name, name, str(number))


class World:
    """All state of the embedded Azure."""

    def __init__(self, now: datetime | None = None, *, cloud: str = "AzureCloud", tenant: str = "") -> None:
        self.now = now or datetime.now(UTC).replace(microsecond=0)
        self.cloud_name = cloud
        self.cloud = CLOUDS[cloud]
        self.tenant = tenant or stable_id("tenant")
        self.subscriptions: dict[str, Subscription] = {}
        self.stores: dict[str, Store] = {}
        """By name in lower case: names of vaults are unique in the world."""
        self.storage_accounts: list[StorageAccount] = []
        self.assignments: list[Assignment] = []
        self.roles: list[Role] = []
        """Custom roles."""
        self.deny_assignments: list[Mapping[str, Any]] = []
        self.clients: dict[str, str] = {}
        """Application id → object id of its service principal."""
        self.refusals: list[Rule] = []
        """What this world's roles refuse, on top of any fault plan."""
        self.page_sizes: dict[str, int] = {}
        """Operation → entries a page, whatever larger number the client asks for."""
        self.empty_pages: set[str] = set()
        """Operations whose first page is empty and says that there is more."""
        self.addresses: dict[str, str] = {}
        """Where stores listen, by name in lower case, while they are served; management is the empty name."""

    def add_subscription(self, subscription: Subscription) -> Subscription:
        """Add a subscription."""
        self.subscriptions[subscription.id] = subscription
        return subscription

    def add_store(self, store: Store) -> Store:
        """Add a vault or a managed HSM."""
        self.stores[store.name.lower()] = store
        return store

    def asked(self, request: Request) -> Store:
        """The vault or managed HSM that a request is about. Raises AzureError where there is none."""
        store = self.stores.get(request.store)
        if store is None or store.deleted_at is not None:
            text = f"The Resource 'Microsoft.KeyVault/{request.store}' was not found."
            raise AzureError(404, "ResourceNotFound", text)
        return store

    def address(self, store: Store) -> str:
        """Where clients reach a store: what Azure answers as `vaultUri` and `hsmUri`, without the last slash."""
        return store.listens_at or self.addresses.get(store.name.lower(), self.public_name(store))

    def public_name(self, store: Store) -> str:
        """The URL by which a store's keys, secrets and certificates are named."""
        suffix = self.cloud.vault_suffix if store.kind == VAULT else self.cloud.hsm_suffix
        return f"https://{store.name.lower()}.{suffix}"

    def audience(self, store: Store | None) -> str:
        """What tokens for a store, or for management, are for."""
        if store is None:
            return self.cloud.management
        return self.cloud.vault_audience if store.kind == VAULT else self.cloud.hsm_audience

    def role_definitions(self, store: Store | None = None) -> list[Role]:
        """The roles of Azure, or of a managed HSM."""
        return [*LOCAL, *store.roles] if store else [*BUILT_IN, *self.roles]

    def listing(self, request: Request, entries: Sequence[T], entry: Callable[[T], Any]) -> dict[str, Any]:
        """The answer to a request for a list of the management plane, or of a managed HSM's roles."""
        page, link = self.page(request, entries, limit="$top", most=1000)
        return {"value": [entry(one) for one in page], "nextLink": link}

    def data_listing(self, request: Request, entries: Sequence[T], entry: Callable[[T], Any]) -> dict[str, Any]:
        """The answer to a request for a list of a data plane."""
        page, link = self.page(request, entries, limit="maxresults", most=DATA_PAGE)
        return {"value": [entry(one) for one in page], "nextLink": link}

    def page(self, request: Request, entries: Sequence[T], *, limit: str, most: int) -> tuple[list[T], str | None]:
        """The page of `entries` that a request asks for by its parameters, and the link to the next page.

        Raises AzureError where the page's size or its token is not valid.
        """
        size = _size(request, limit, most)
        size = min(size, self.page_sizes.get(request.name, size))
        start = _start(request)
        if start is None and request.name in self.empty_pages:
            return [], _next_link(request, 0)
        start = start or 0
        end = start + size
        return list(entries[start:end]), _next_link(request, end) if end < len(entries) else None


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that is answered."""

    answer: Callable[[World, Request], Mapping[str, Any]]
    """Raises AzureError."""
    shape: Shape
    permission: str
    """The provider's permission, for a refusal to name."""


def newest(versions: Sequence[Version]) -> int:
    """The number of the newest version."""
    return len(versions) - 1


def number_of(store: Store, name: str, versions: Sequence[Version], asked: str | None) -> int | None:
    """The number of the version that a request asks for by name, or of the newest; None where there is none."""
    if not asked:
        return newest(versions)
    return next((n for n in reversed(range(len(versions))) if store.version_id(name, n) == asked), None)


def newest_first(versions: Sequence[Version]) -> range:
    """The numbers of all versions, in the order in which Azure lists them."""
    return range(len(versions) - 1, -1, -1)


def recovery(store: Store) -> dict[str, Any]:
    """Members of attributes that follow from how a store protects what is deleted."""
    level = "Recoverable" if store.purge_protection else "Recoverable+Purgeable"
    if store.retention_days < 90:
        level = "Customized" + level
    return {"recoveryLevel": level, "recoverableDays": store.retention_days}


def deletion(store: Store, deleted_at: datetime, recovery_id: str) -> dict[str, Any]:
    """Members of what is soft-deleted."""
    return {
        "recoveryId": recovery_id,
        "deletedDate": int(deleted_at.timestamp()),
        "scheduledPurgeDate": int((deleted_at + days(store.retention_days)).timestamp()),
    }


def attributes(version: Version) -> dict[str, Any]:
    """Members of the attributes of any version, in seconds since 1970."""
    times = {
        "nbf": version.not_before,
        "exp": version.expires_at,
        "created": version.at,
        "updated": version.updated_at or version.at,
    }
    known = {name: int(time.timestamp()) for name, time in times.items() if time is not None}
    return {"enabled": version.enabled, **known}


def iso(time: datetime) -> str:
    """A time as the management plane writes it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _size(request: Request, limit: str, most: int) -> int:
    asked = request.query.get(limit, str(most))
    if not asked.isdigit() or not 1 <= int(asked) <= most:
        raise AzureError(400, "BadParameter", f"Invalid {limit}: {asked}. It must be between 1 and {most}.")
    return int(asked)


def _next_link(request: Request, position: int) -> str:
    token = base64.urlsafe_b64encode(f"from {position}".encode()).decode()
    query = {name: value for name, value in request.query.items() if name != "$skiptoken"} | {"$skiptoken": token}
    return f"https://{request.host}{quote(request.http.path, safe='/%')}?{urlencode(query)}"


def _start(request: Request) -> int | None:
    marker = request.query.get("$skiptoken")
    if marker is None:
        return None
    try:
        word, _, position = base64.urlsafe_b64decode(marker).decode().partition(" ")
        if word == "from":
            return int(position)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise AzureError(400, "BadParameter", "The skip token is not valid.")
