"""What the embedded AWS holds: accounts, and the facts about keys and secrets that moto has no place for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from keyproof.demo.aws.faults import Rule
from keyproof.demo.aws.wire import AwsError, Request
from keyproof.demo.names import stable_hex, stable_id

T = TypeVar("T")

TRACKED_SINCE = datetime(2026, 4, 23, tzinfo=UTC)
"""Since when AWS KMS records the last use of keys that are older."""
_QUICK_SPEC = "ECC_NIST_P256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An AWS account of the world."""

    id: str
    name: str
    created_at: datetime
    email: str = "aws@example.com"
    regions: frozenset[str] = frozenset({"eu-west-1", "eu-central-1", "us-east-1"})
    """The regions that are switched on."""
    known_regions: frozenset[str] = frozenset()
    """Regions that account:ListRegions names as switched off."""
    opted_in: frozenset[str] = frozenset()
    """Of `regions`, those that the account had to opt into."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose access key it is."""

    account: str
    arn: str
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One piece of key material."""

    at: datetime
    """When it came into use; for imported material that waits for its rotation, when it was imported."""
    rotation: str = ""
    """AUTOMATIC or ON_DEMAND; empty for the first."""
    pending: bool = False
    """Imported, and waiting for the rotation that brings it into use."""
    imported: bool = True
    """False where imported material has been deleted or has expired."""
    valid_to: datetime | None = None
    description: str = ""


@dataclass(slots=True, kw_only=True)
class KeyRecord:
    """What moto does not know of a key."""

    created_at: datetime
    materials: list[Material]
    """In the order in which they came into use."""
    rotation_period_days: int = 365
    rotation_counts_from: datetime | None = None
    """When automatic rotation was switched on or last happened; None for the newest automatic rotation or creation."""
    on_demand_started_at: datetime | None = None
    deletion_window_days: int | None = None
    """The window of a primary key that waits for its replicas' deletion."""
    custom_key_store: str = ""
    cloudhsm_cluster: str = ""
    xks_key: str = ""
    last_usage: tuple[str, datetime] | None = None
    """The operation and its time."""
    grants: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Grant id → members of ListGrants' entries that moto has not."""


@dataclass(slots=True, kw_only=True)
class SecretRecord:
    """What moto does not know of a secret: members of DescribeSecret's answer, and of its versions' by version."""

    members: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """An access key of a user."""

    id: str
    created_at: datetime
    status: str = "Active"
    last_used: tuple[datetime, str] | None = None
    """When, and with which service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of IAM."""

    name: str
    created_at: datetime
    keys: Sequence[AccessKey] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate in ACM: DescribeCertificate's answer, and its tags."""

    members: Mapping[str, Any]
    exported: bool | None = None
    """Of a certificate of a private authority alone."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Alerts:
    """What watches over an account and region, as EventBridge, CloudWatch Logs and CloudWatch list it."""

    rules: list[dict[str, Any]] = field(default_factory=list)
    targets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Name of a rule → its targets."""
    filters: list[dict[str, Any]] = field(default_factory=list)
    metric_alarms: list[dict[str, Any]] = field(default_factory=list)
    composite_alarms: list[dict[str, Any]] = field(default_factory=list)


class World:
    """All state of the embedded AWS. What moto models lives in moto's own backends, which are emptied by `close`."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC).replace(microsecond=0)
        self.accounts: dict[str, Account] = {}
        self.callers: dict[str, Caller] = {}
        """Access key → caller. Unknown access keys are refused."""
        self.roles: set[str] = set()
        """ARNs of roles that may be assumed."""
        self.organization: str = ""
        """Its id; empty where the accounts form none. The first account manages it."""
        self.refusals: list[Rule] = []
        """What this world's policies refuse, on top of any fault plan."""
        self.keys: dict[str, KeyRecord] = {}
        self.secrets: dict[str, SecretRecord] = {}
        self.parameter_policies: dict[str, list[dict[str, Any]]] = {}
        """ARN of a parameter → its resource policies."""
        self.key_stores: dict[tuple[str, str], list[dict[str, Any]]] = {}
        """(account, region) → entries of DescribeCustomKeyStores."""
        self.clusters: dict[tuple[str, str], list[dict[str, Any]]] = {}
        """(account, region) → entries of DescribeClusters."""
        self.backups: dict[tuple[str, str], list[dict[str, Any]]] = {}
        """(account, region) → entries of DescribeBackups."""
        self.predefined_aliases: dict[tuple[str, str], list[str]] = {}
        """(account, region) → aliases of AWS that point to no key yet."""
        self.users: dict[str, list[User]] = {}
        """By account."""
        self.root_keys: dict[str, int] = {}
        """Account → how many access keys its root user has."""
        self.server_certificates: dict[str, list[dict[str, Any]]] = {}
        """Account → ServerCertificate of GetServerCertificate's answers."""
        self.certificates: dict[tuple[str, str], list[Certificate]] = {}
        """By account and region."""
        self.volume_keys: dict[tuple[str, str], str] = {}
        """(account, region) → the key that encrypts new volumes, where they are encrypted without being asked."""
        self.datastores: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        """(account, region, operation) → the entries that it lists."""
        self.stopped_trails: set[str] = set()
        """ARNs of trails that log nothing."""
        self.event_selectors: dict[str, dict[str, Any]] = {}
        """ARN of a trail → its event selectors, where it has some of its own."""
        self.alerts: dict[tuple[str, str], Alerts] = {}
        """By account and region."""
        self.page_sizes: dict[str, int] = {}
        """Operation → entries a page, whatever larger number the client asks for."""
        self.empty_pages: set[str] = set()
        """Operations whose first page is empty and says that there is more, as AWS KMS is free to do."""
        self.forget_everything()

    @staticmethod
    def forget_everything() -> None:
        """Empty moto's backends, which all worlds of a process share."""
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()

    # Accounts

    def add_account(self, account: Account, access_key: str = "") -> Account:
        """Add an account, and a user in it for the access key, if one is given."""
        self.accounts[account.id] = account
        if access_key:
            arn = f"arn:aws:iam::{account.id}:user/keyproof"
            self.callers[access_key] = Caller(account.id, arn, "AIDA" + stable_hex(16, arn).upper())
        return account

    def assume(self, role: str, session: str) -> tuple[str, Caller]:
        """The access key of a session of a role, and who that is."""
        account, name = role.split(":")[4], role.rpartition("/")[2]
        key = "ASIA" + stable_hex(16, role, session).upper()
        caller = Caller(
            account,
            f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
            f"AROA{stable_hex(17, role).upper()}:{session}",
        )
        self.callers[key] = caller
        return key, caller

    # Keys

    @staticmethod
    def key_backend(account: str, region: str) -> Any:
        """moto's keys of an account and region."""
        from moto.kms.models import kms_backends

        return kms_backends[account][region]

    def add_key(
        self,
        account: str,
        region: str,
        *,
        key_id: str,
        record: KeyRecord,
        spec: str = "SYMMETRIC_DEFAULT",
        usage: str = "ENCRYPT_DECRYPT",
        origin: str = "AWS_KMS",
        state: str = "Enabled",
        description: str = "",
        policy: str | None = None,
        tags: Mapping[str, str] | None = None,
        aliases: Iterable[str] = (),
        multi_region: bool = False,
        rotation_enabled: bool = False,
        deletion_at: datetime | None = None,
        manager: str = "CUSTOMER",
    ) -> Any:
        """Add a key to moto's state and its record to ours; gives moto's key.

        moto generates an RSA key for every key that is not an elliptic curve's, which takes longer than all else here
        together. So a key is made for a curve and named what it is afterwards: its metadata are true, and a key that
        is not symmetric cannot be used for cryptography.
        """
        from moto.kms import models

        make: Any = models.Key
        key = make(policy, usage, _QUICK_SPEC, description, account, region, multi_region, origin)
        key.id = key_id
        key.arn = f"arn:aws:kms:{region}:{account}:key/{key_id}"
        key.key_spec, key.key_state, key.key_manager = spec, state, manager
        key.enabled = state == "Enabled"
        key.creation_date = record.created_at.timestamp()
        key.key_rotation_status = rotation_enabled
        key.deletion_date = deletion_at
        if multi_region:
            key.multi_region_configuration["PrimaryKey"]["Arn"] = key.arn
        backend = self.key_backend(account, region)
        backend.keys[key_id] = key
        if tags:
            backend.tagger.tag_resource(key_id, [{"TagKey": k, "TagValue": v} for k, v in tags.items()])
        for alias in aliases:
            backend.create_alias(key_id, f"alias/{alias}")
        self.keys[key.arn] = record
        return key

    def add_replica(
        self, primary: Any, region: str, *, record: KeyRecord, tags: Mapping[str, str], aliases: Iterable[str] = ()
    ) -> Any:
        """Add a replica of a multi-Region key, with tags, aliases and a record of its own; gives moto's key."""
        replica = self.key_backend(primary.account_id, primary.region).replicate_key(primary.id, region)
        replica.aliases, replica.grants = {}, {}
        replica.creation_date = record.created_at.timestamp()
        backend = self.key_backend(primary.account_id, region)
        backend.tagger.tag_resource(replica.id, [{"TagKey": k, "TagValue": v} for k, v in tags.items()])
        for alias in aliases:
            backend.create_alias(replica.id, f"alias/{alias}")
        self.keys[replica.arn] = record
        return replica

    def add_grant(
        self,
        key: Any,
        name: str,
        *,
        at: datetime,
        operations: Sequence[str],
        grantee: str = "",
        service: str = "",
        retiring: str = "",
        constraints: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a grant to a key, for a principal or for a service of AWS."""
        grant = key.add_grant(name, grantee or service, list(operations), dict(constraints or {}), retiring)
        del key.grants[grant.id]
        grant.id = stable_hex(64, key.arn, name)
        key.grants[grant.id] = grant
        issuer = {"CreationDate": at, "IssuingAccount": f"arn:aws:iam::{key.account_id}:root"}
        self.keys[key.arn].grants[grant.id] = issuer | ({"GranteeServicePrincipal": service} if service else {})

    def key(self, request: Request) -> tuple[Any, KeyRecord]:
        """moto's key and our record of the key that a request names by id, ARN or alias. Raises NotFoundException."""
        backend = self.key_backend(request.account, request.region)
        name = str(request.parameters.get("KeyId", ""))
        try:
            found = backend.keys[backend.any_id_to_key_id(name)]
        except KeyError as error:
            place = f"arn:aws:kms:{request.region}:{request.account}:key/{name}"
            what = name if name.startswith("arn:") else place
            raise AwsError("NotFoundException", f"Key '{what}' does not exist") from error
        return found, self.record(found)

    def record(self, key: Any) -> KeyRecord:
        """Our record of one of moto's keys; made from moto's facts for a key that moto made by itself."""
        if key.arn not in self.keys:
            created = datetime.fromtimestamp(key.creation_date, UTC)
            first = [] if key.origin == "EXTERNAL" else [Material(at=created)]
            self.keys[key.arn] = KeyRecord(created_at=created, materials=first)
        return self.keys[key.arn]

    def import_material(self, key: Any, valid_to: datetime | None) -> None:
        """Bring material into a key of external origin: the first enables it, a further one waits for its rotation."""
        record = self.record(key)
        held = [m for m in record.materials if not m.pending]
        if not held or not held[-1].imported:
            restored = held[-1:] or [Material(at=self.now)]
            record.materials = [*held[:-1], replace(restored[0], imported=True, valid_to=valid_to)]
            key.key_state, key.enabled = "Enabled", True
        else:
            record.materials = [*held, Material(at=self.now, pending=True, valid_to=valid_to)]

    # Secrets and parameters

    @staticmethod
    def secret_backend(account: str, region: str) -> Any:
        """moto's secrets of an account and region."""
        from moto.secretsmanager.models import secretsmanager_backends

        return secretsmanager_backends[account][region]

    @staticmethod
    def parameter_backend(account: str, region: str) -> Any:
        """moto's parameters of an account and region."""
        from moto.ssm.models import ssm_backends

        return ssm_backends[account][region]

    def add_secret(
        self,
        account: str,
        region: str,
        name: str,
        *,
        created_at: datetime,
        versions: Sequence[tuple[datetime, Sequence[str]]],
        kms_key: str = "",
        description: str = "",
        tags: Mapping[str, str] | None = None,
        policy: Mapping[str, Any] | None = None,
        replicas: Sequence[str] = (),
        members: Mapping[str, Any] | None = None,
    ) -> Any:
        """Add a secret whose versions are (creation, staging labels), oldest first. It has no value. Gives moto's."""
        from moto.secretsmanager import models

        make: Any = models.FakeSecret
        tag_list = [{"Key": k, "Value": v} for k, v in (tags or {}).items()]
        dates = {"created_date": int(created_at.timestamp()), "last_changed_date": int(versions[-1][0].timestamp())}
        secret = make(account, region, name, {}, "", description=description, tags=tag_list or None, **dates)
        secret.kms_key_id = kms_key or None
        secret.arn = f"arn:aws:secretsmanager:{region}:{account}:secret:{name}-{_suffix(account, region, name)}"
        secret.policy = json.dumps(policy) if policy else None
        for index, (at, stages) in enumerate(versions):
            version = stable_id(secret.arn, str(index))
            secret.versions[version] = {
                "version_id": version,
                "version_stages": list(stages),
                "createdate": int(at.timestamp()),
            }
            if "AWSCURRENT" in stages:
                secret.default_version_id = version
        self.secret_backend(account, region).secrets[name] = secret
        secret.replicas = secret.create_replicas([{"Region": region} for region in replicas], False)
        self.secrets[secret.arn] = SecretRecord(members=dict(members or {}))
        return secret

    def add_parameter(
        self,
        account: str,
        region: str,
        name: str,
        *,
        modified_at: datetime,
        version: int = 1,
        kms_key: str = "alias/aws/ssm",
        kind: str = "SecureString",
        tier: str = "Standard",
        description: str = "",
        tags: Mapping[str, str] | None = None,
        policies: Sequence[Mapping[str, Any]] = (),
    ) -> Any:
        """Add a parameter without a value; gives moto's."""
        from moto.ssm import models

        make: Any = models.Parameter
        parameter = make(account, name, "", kind, description, None, kms_key, modified_at, version, "text", tier=tier)
        backend = self.parameter_backend(account, region)
        backend._parameters[name].append(parameter)
        if tags:
            backend.add_tags_to_resource("Parameter", name, dict(tags))
        self.parameter_policies[parameter_arn(account, region, name)] = [dict(p) for p in policies]
        return parameter

    # Pages

    def page(
        self, request: Request, entries: Sequence[T], *, limit: str, marker: str, default: int, most: int
    ) -> tuple[list[T], str]:
        """The page of `entries` that a request asks for by its parameters `limit` and `marker`, and the next marker.

        The marker is empty for the last page. Raises InvalidMarkerException for a marker not given out here, and
        ValidationException for a limit that AWS does not allow.
        """
        size = request.parameters.get(limit, default)
        if not isinstance(size, int) or not 1 <= size <= most:
            message = f"Value '{size}' at '{limit}' failed to satisfy constraint: between 1 and {most}"
            raise AwsError("ValidationException", f"1 validation error detected: {message}")
        size = min(size, self.page_sizes.get(request.name, size))
        start = _start(request.parameters.get(marker))
        if start is None:
            if request.name in self.empty_pages:
                return [], _marker(0)
            start = 0
        end = start + size
        return list(entries[start:end]), _marker(end) if end < len(entries) else ""


def parameter_arn(account: str, region: str, name: str) -> str:
    """The ARN of a parameter, whose path begins with a slash or not."""
    return f"arn:aws:ssm:{region}:{account}:parameter/{name.removeprefix('/')}"


def _suffix(account: str, region: str, name: str) -> str:
    letters = base64.b64encode(hashlib.sha256(f"{account}/{region}/{name}".encode()).digest()).decode()
    return letters.translate(str.maketrans("+/", "xY"))[:6]


def _marker(position: int) -> str:
    return base64.urlsafe_b64encode(f"from {position}".encode()).decode()


def _start(marker: object) -> int | None:
    if not marker:
        return None
    try:
        word, _, position = base64.urlsafe_b64decode(str(marker)).decode().partition(" ")
        if word == "from":
            return int(position)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise AwsError("InvalidMarkerException", "The marker is not valid.")
