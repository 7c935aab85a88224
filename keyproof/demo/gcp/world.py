"""What the embedded Google Cloud holds: an organization's projects, keys and secrets, as Google's own messages."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from google.cloud import api_keys_v2, iam_admin_v1, kms_inventory_v1, kms_v1, resourcemanager_v3, secretmanager_v1
from google.cloud.location import locations_pb2
from google.iam.v1 import policy_pb2
from google.type import expr_pb2

from keyproof.demo.gcp.faults import Rule
from keyproof.demo.gcp.wire import GoogleError, Request, message
from keyproof.demo.names import stable_bytes

T = TypeVar("T")

SYMMETRIC = "GOOGLE_SYMMETRIC_ENCRYPTION"


def stable_number(digits: int, *parts: str) -> str:
    """A number of so many digits that follows from names alone."""
    return str(10 ** (digits - 1) + int.from_bytes(stable_bytes(8, *parts)) % (9 * 10 ** (digits - 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A location of Cloud KMS and Secret Manager."""

    id: str
    name: str = ""
    hsm: bool = True
    ekm: bool = True


LOCATIONS = (
    Place(id="global", name="Global", ekm=False),
    Place(id="europe", name="Europe"),
    Place(id="us", name="United States"),
    Place(id="europe-north1", name="Finland"),
    Place(id="europe-west1", name="Belgium"),
    Place(id="europe-west3", name="Frankfurt"),
    Place(id="us-central1", name="Iowa"),
    Place(id="us-east1", name="South Carolina"),
)
"""The locations of a world, unless it has others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a key: its life so far, and where its material is."""

    at: datetime
    """When it was created and, unless imported or not generated yet, its material generated."""
    state: str = "ENABLED"
    destroy_at: datetime | None = None
    """When it is to be destroyed, or was meant to."""
    destroyed_at: datetime | None = None
    import_job: str = ""
    """The import job's name, for material that was imported when the version was created."""
    external_uri: str = ""
    external_path: str = ""
    """The path of the key within an EKM connection."""
    algorithm: str = ""
    """Empty for the key's."""
    protection_level: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretVersion:
    """A version of a secret. It has no value."""

    at: datetime
    state: str = "ENABLED"
    destroyed_at: datetime | None = None
    scheduled_destroy_at: datetime | None = None
    kms_key_versions: Mapping[str, str] = field(default_factory=dict)
    """Location of a replica → the version of the key that encrypts it; under "" for automatic replication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataStore:
    """A bucket, dataset or database, as a search of Cloud Asset Inventory tells of it."""

    kind: str
    """Its asset type."""
    project: str
    location: str
    at: datetime
    key: str = ""
    """The key that encrypts it; empty for one of Google's own."""


class World:
    """All state of the embedded Google Cloud: protobuf messages by resource name."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC).replace(microsecond=0)
        self.caller = "keyproof@keyproof-audit.iam.gserviceaccount.com"
        """The service account as which clients come."""
        self.organizations: dict[str, Any] = {}
        self.folders: dict[str, Any] = {}
        self.projects: dict[str, Any] = {}
        """Project id → project."""
        self.places: Sequence[Place] = LOCATIONS
        self.key_rings: dict[str, Any] = {}
        self.keys: dict[str, Any] = {}
        self.versions: dict[str, list[Any]] = {}
        """Key → its versions, oldest first."""
        self.import_jobs: dict[str, Any] = {}
        self.ekm_connections: dict[str, Any] = {}
        self.ekm_configs: dict[str, Any] = {}
        self.hsm_instances: dict[str, Any] = {}
        self.retired: dict[str, Any] = {}
        self.key_handles: dict[str, Any] = {}
        self.autokey_configs: dict[str, Any] = {}
        """`folders/F/autokeyConfig` or `projects/P/autokeyConfig` → configuration."""
        self.protected: dict[str, list[Any]] = {}
        """Key → the resources that it protects; keys that inventory does not cover are missing."""
        self.secrets: dict[str, Any] = {}
        self.secret_versions: dict[str, list[Any]] = {}
        """Secret → its versions, oldest first. Names have the project's number, as Secret Manager's have."""
        self.data_stores: dict[str, DataStore] = {}
        """What holds data, by its name without the API before it."""
        self.service_accounts: dict[str, Any] = {}
        self.service_account_keys: dict[str, Any] = {}
        self.api_keys: dict[str, Any] = {}
        """Names have the project's number, as those of API Keys have."""
        self.policies: dict[str, Any] = {}
        """Resource → IAM policy, in version 3 where it has conditions."""
        self.roles: dict[str, Mapping[str, Any]] = {}
        """Custom role → its resource as Cloud Asset Inventory has it: title, includedPermissions, …"""
        self.switched_off: set[tuple[str, str]] = set()
        """(project id, API): APIs that a project has not switched on."""
        self.refusals: list[Rule] = []
        """What this world's policies refuse, on top of any fault plan."""
        self.page_sizes: dict[str, int] = {}
        """Operation → entries a page, whatever larger number the client asks for."""
        self.empty_pages: set[str] = set()
        """Operations whose first page is empty and says that there is more, as Google is free to do."""

    # Resources above keys and secrets

    def add_organization(self, domain: str, *, number: str = "", created_at: datetime) -> str:
        """Add an organization; gives its name."""
        name = f"organizations/{number or stable_number(12, 'organization', domain)}"
        self.organizations[name] = message(
            resourcemanager_v3.Organization,
            name=name,
            display_name=domain,
            directory_customer_id="C0" + stable_number(7, domain),
            state="ACTIVE",
            create_time=created_at,
            update_time=created_at,
        )
        return name

    def add_folder(self, title: str, parent: str, *, created_at: datetime) -> str:
        """Add a folder; gives its name."""
        name = f"folders/{stable_number(12, 'folder', parent, title)}"
        self.folders[name] = message(
            resourcemanager_v3.Folder,
            name=name,
            parent=parent,
            display_name=title,
            state="ACTIVE",
            create_time=created_at,
            update_time=created_at,
        )
        return name

    def add_project(
        self,
        project: str,
        parent: str = "",
        *,
        created_at: datetime,
        labels: Mapping[str, str] | None = None,
        off: Iterable[str] = (),
    ) -> str:
        """Add a project with APIs that are switched off; gives its name, which has its number."""
        name = f"projects/{stable_number(12, 'project', project)}"
        self.projects[project] = message(
            resourcemanager_v3.Project,
            name=name,
            parent=parent,
            project_id=project,
            display_name=project,
            state="ACTIVE",
            create_time=created_at,
            update_time=created_at,
            labels=dict(labels or {}),
        )
        self.switched_off.update((project, api) for api in off)
        return name

    def project_id(self, project: str) -> str:
        """The id of a project that is given by id or number; empty where there is none."""
        if project in self.projects:
            return project
        return next((known for known, found in self.projects.items() if found.name == f"projects/{project}"), "")

    def project_number(self, project: str) -> str:
        """The name of a project with its number."""
        return str(self.projects[project].name)

    def canonical(self, name: str) -> str:
        """A resource's name with the project's id, whether it was given by id or number."""
        parts = name.split("/")
        if parts[0] == "projects" and len(parts) > 1:
            parts[1] = self.project_id(parts[1]) or parts[1]
        return "/".join(parts)

    def by_number(self, name: str) -> str:
        """A resource's name with the project's number."""
        parts = self.canonical(name).split("/")
        if parts[0] == "projects" and parts[1] in self.projects:
            parts[1] = self.project_number(parts[1]).partition("/")[2]
        return "/".join(parts)

    def ancestors(self, name: str) -> list[str]:
        """From a project or folder to its organization, itself first."""
        found = [name]
        while parent := self._parent(found[-1]):
            found.append(parent)
        return found

    def _parent(self, name: str) -> str:
        if name.startswith("projects/"):
            return str(self.projects[self.project_id(name.partition("/")[2])].parent)
        return str(self.folders[name].parent) if name in self.folders else ""

    def locations(self, project: str) -> list[Any]:
        """The locations that a project has, as Cloud KMS describes them."""
        return [self._location(project, place) for place in self.places]

    def _location(self, project: str, place: Place) -> Any:
        location = locations_pb2.Location(
            name=f"projects/{project}/locations/{place.id}", location_id=place.id, display_name=place.name
        )
        location.metadata.Pack(
            message(kms_v1.LocationMetadata, hsm_available=place.hsm, ekm_available=place.ekm),
        )
        return location

    # Keys

    def add_key_ring(self, project: str, location: str, ring: str, *, created_at: datetime) -> str:
        """Add a key ring; gives its name."""
        name = f"projects/{project}/locations/{location}/keyRings/{ring}"
        self.key_rings[name] = message(kms_v1.KeyRing, name=name, create_time=created_at)
        return name

    def add_key(
        self,
        ring: str,
        key: str,
        versions: Sequence[Version],
        *,
        created_at: datetime | None = None,
        purpose: str = "ENCRYPT_DECRYPT",
        algorithm: str = SYMMETRIC,
        protection_level: str = "SOFTWARE",
        primary: int | None = None,
        rotation_period: timedelta | None = None,
        next_rotation_at: datetime | None = None,
        labels: Mapping[str, str] | None = None,
        import_only: bool = False,
        destroy_scheduled_duration: timedelta = timedelta(days=30),
        backend: str = "",
        justifications: Sequence[str] | None = None,
    ) -> str:
        """Add a key to a key ring; gives its name.

        `primary` is the number of the primary version, if it is not the newest; 0 for none. It stays primary when it
        is disabled or destroyed. Keys for other purposes than symmetric encryption have none.
        """
        name = f"{ring}/cryptoKeys/{key}"
        made = [
            _version(f"{name}/cryptoKeyVersions/{number}", version, algorithm, protection_level)
            for number, version in enumerate(versions, start=1)
        ]
        policy = None if justifications is None else {"allowed_access_reasons": list(justifications)}
        self.keys[name] = message(
            kms_v1.CryptoKey,
            name=name,
            purpose=purpose,
            create_time=created_at or versions[0].at,
            next_rotation_time=next_rotation_at,
            rotation_period=rotation_period,
            version_template={"protection_level": protection_level, "algorithm": algorithm},
            labels=dict(labels or {}),
            import_only=import_only,
            destroy_scheduled_duration=destroy_scheduled_duration,
            crypto_key_backend=backend,
            key_access_justifications_policy=policy,
        )
        self.versions[name] = made
        chosen = len(versions) if primary is None else primary
        if purpose == "ENCRYPT_DECRYPT" and chosen:
            self.keys[name].primary.CopyFrom(made[chosen - 1])
        return name

    def add_import_job(self, ring: str, job: str, *, created_at: datetime, protection_level: str = "HSM") -> str:
        """Add an import job, which lives for three days; gives its name."""
        name = f"{ring}/importJobs/{job}"
        expires_at = created_at + timedelta(days=3)
        expired = expires_at <= self.now
        self.import_jobs[name] = message(
            kms_v1.ImportJob,
            name=name,
            import_method="RSA_OAEP_4096_SHA256_AES_256",
            protection_level=protection_level,
            create_time=created_at,
            generate_time=created_at,
            expire_time=expires_at,
            expire_event_time=expires_at if expired else None,
            state="EXPIRED" if expired else "ACTIVE",
        )
        return name

    def add_ekm_connection(
        self, project: str, location: str, connection: str, *, hostname: str, created_at: datetime
    ) -> str:
        """Add a connection to an external key manager in the organization's network; gives its name."""
        name = f"projects/{project}/locations/{location}/ekmConnections/{connection}"
        certificate = {
            "raw_der": stable_bytes(64, name, "certificate"),
            "parsed": True,
            "issuer": "CN=Example EKM CA",
            "subject": f"CN={hostname}",
            "subject_alternative_dns_names": [hostname],
            "not_before_time": created_at,
            "not_after_time": created_at + timedelta(days=730),
            "serial_number": stable_bytes(8, name).hex(),
            "sha256_fingerprint": stable_bytes(32, name, "fingerprint").hex(),
        }
        directory = f"projects/{project}/locations/{location}/namespaces/ekm/services/{connection}"
        self.ekm_connections[name] = message(
            kms_v1.EkmConnection,
            name=name,
            create_time=created_at,
            service_resolvers=[
                {
                    "service_directory_service": directory,
                    "hostname": hostname,
                    "server_certificates": [certificate],
                }
            ],
            etag=stable_bytes(8, name, "etag").hex(),
            key_management_mode="MANUAL",
        )
        return name

    def add_hsm_instance(self, project: str, location: str, instance: str, *, created_at: datetime) -> str:
        """Add a single-tenant HSM; gives its name."""
        name = f"projects/{project}/locations/{location}/singleTenantHsmInstances/{instance}"
        self.hsm_instances[name] = message(
            kms_v1.SingleTenantHsmInstance,
            name=name,
            create_time=created_at,
            state="ACTIVE",
            quorum_auth={"total_approver_count": 3, "required_approver_count": 2},
            unrefreshed_duration_until_disable=timedelta(days=120),
            disable_time=self.now + timedelta(days=90),
        )
        return name

    def add_key_handle(self, project: str, location: str, handle: str, *, key: str, resource_type: str) -> str:
        """Add a handle by which Autokey gave out a key; gives its name."""
        name = f"projects/{project}/locations/{location}/keyHandles/{handle}"
        self.key_handles[name] = message(kms_v1.KeyHandle, name=name, kms_key=key, resource_type_selector=resource_type)
        return name

    def protect(self, key: str, resource_type: str, resource: str, *, project: str, at: datetime) -> None:
        """Let a key protect a resource, which is named in full: `//storage.googleapis.com/…`."""
        version = self.versions[key][-1].name
        self.protected.setdefault(key, []).append(
            message(
                kms_inventory_v1.ProtectedResource,
                name=resource,
                project=self.project_number(project),
                project_id=project,
                cloud_product=resource_type.partition("/")[0],
                resource_type=resource_type,
                location=key.split("/")[3],
                crypto_key_version=version,
                crypto_key_versions=[version],
                create_time=at,
            )
        )

    # Secrets

    def add_secret(
        self,
        project: str,
        secret: str,
        versions: Sequence[SecretVersion],
        *,
        created_at: datetime | None = None,
        location: str = "",
        key: str = "",
        replicas: Mapping[str, str] | None = None,
        rotation_period: timedelta | None = None,
        next_rotation_at: datetime | None = None,
        expires_at: datetime | None = None,
        topics: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        aliases: Mapping[str, int] | None = None,
        version_destroy_ttl: timedelta | None = None,
    ) -> str:
        """Add a secret without a value; gives its name, which has the project's number.

        Without `replicas` (location → key, or "" for Google's own) Google replicates it where it likes, encrypted with
        `key`. With a `location` it is a regional secret, which has no replicas.
        """
        place = f"/locations/{location}" if location else ""
        name = f"{self.project_number(project)}{place}/secrets/{secret}"
        rotation = {"next_rotation_time": next_rotation_at, "rotation_period": rotation_period}
        rotates = next_rotation_at is not None
        self.secrets[name] = message(
            secretmanager_v1.Secret,
            name=name,
            replication=None if location else _replication(key, replicas),
            customer_managed_encryption=_encryption(key) if location and key else None,
            create_time=created_at or versions[0].at,
            labels=dict(labels or {}),
            annotations=dict(annotations or {}),
            topics=[{"name": topic} for topic in topics],
            expire_time=expires_at,
            rotation={n: value for n, value in rotation.items() if value is not None} if rotates else None,
            version_aliases=dict(aliases or {}),
            version_destroy_ttl=version_destroy_ttl,
            etag=_etag(name),
        )
        self.secret_versions[name] = [
            message(
                secretmanager_v1.SecretVersion,
                name=f"{name}/versions/{number}",
                create_time=version.at,
                destroy_time=version.destroyed_at,
                scheduled_destroy_time=version.scheduled_destroy_at,
                state=version.state,
                replication_status=None if location else _replication_status(version, replicas),
                etag=_etag(name, str(number)),
                client_specified_payload_checksum=True,
            )
            for number, version in enumerate(versions, start=1)
        ]
        return name

    # Long-lived credentials

    def add_service_account(self, project: str, account: str) -> str:
        """Add a service account with a key that Google manages; gives its name."""
        email = f"{account}@{project}.iam.gserviceaccount.com"
        name = f"projects/{project}/serviceAccounts/{email}"
        self.service_accounts[name] = message(
            iam_admin_v1.ServiceAccount,
            name=name,
            project_id=project,
            unique_id=stable_number(21, name),
            email=email,
            display_name=account,
        )
        signed = self.now - timedelta(days=3)
        self.add_service_account_key(name, at=signed, key_type="SYSTEM_MANAGED", ends=signed + timedelta(days=16))
        return name

    def add_service_account_key(
        self,
        account: str,
        *,
        at: datetime,
        ends: datetime | None = None,
        disabled: bool = False,
        uploaded: bool = False,
        key_type: str = "USER_MANAGED",
    ) -> str:
        """Add a key of a service account that has no end unless it is given; gives its name."""
        name = f"{account}/keys/{stable_bytes(20, account, key_type, at.isoformat()).hex()}"
        self.service_account_keys[name] = message(
            iam_admin_v1.ServiceAccountKey,
            name=name,
            key_algorithm="KEY_ALG_RSA_2048",
            valid_after_time=at,
            valid_before_time=ends or datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
            key_origin="USER_PROVIDED" if uploaded else "GOOGLE_PROVIDED",
            key_type=key_type,
            disabled=disabled,
        )
        return name

    def add_api_key(
        self,
        project: str,
        title: str,
        *,
        at: datetime,
        services: Sequence[str] = (),
        restrictions: Mapping[str, Any] | None = None,
        deleted_at: datetime | None = None,
    ) -> str:
        """Add an API key without a value; gives its name. `restrictions` has the one by which clients are limited."""
        uid = str(UUID(bytes=stable_bytes(16, "api key", project, title), version=4))
        name = f"{self.project_number(project)}/locations/global/keys/{uid}"
        targets = [{"service": service} for service in services]
        limits = {**(restrictions or {}), **({"api_targets": targets} if targets else {})}
        self.api_keys[name] = message(
            api_keys_v2.Key,
            name=name,
            uid=uid,
            display_name=title,
            create_time=at,
            update_time=at,
            delete_time=deleted_at,
            restrictions=limits or None,
            etag=_etag(name),
        )
        return name

    # Access

    def grant(self, resource: str, role: str, *members: str, condition: tuple[str, str] | None = None) -> None:
        """Add a binding to a resource's policy; a condition is its title and its expression in CEL."""
        policy = self.policies.setdefault(resource, policy_pb2.Policy(version=1, etag=stable_bytes(8, resource)))
        binding = policy_pb2.Binding(role=role, members=members)
        if condition is not None:
            binding.condition.CopyFrom(expr_pb2.Expr(title=condition[0], expression=condition[1]))
            policy.version = 3
        policy.bindings.append(binding)

    def policy(self, resource: str, version: int) -> Any:
        """A resource's policy in the version that is asked for.

        Below version 3 a condition is left out and the role's name says that there is one.
        Source: https://cloud.google.com/iam/docs/policies#versions
        """
        policy = policy_pb2.Policy(etag=b"\x00 \x01")
        policy.CopyFrom(self.policies.get(resource, policy))
        if version < 3 and policy.version == 3:
            policy.version = 1
            for binding in policy.bindings:
                if binding.HasField("condition"):
                    digest = stable_bytes(10, binding.condition.expression).hex()
                    binding.role = f"{binding.role}_withcond_{digest}"
                    binding.ClearField("condition")
        return policy

    # Pages

    def page(self, request: Request, entries: Sequence[T], *, default: int, most: int) -> tuple[Sequence[T], str]:
        """The page of `entries` that a request asks for, and the next token, which is empty for the last page.

        Raises INVALID_ARGUMENT for a negative size and for a token that was not given out for this list.
        """
        asked = request.message
        if asked.page_size < 0:
            raise GoogleError("INVALID_ARGUMENT", "The page size must not be negative.")
        size = min(asked.page_size or default, most)
        size = min(size, self.page_sizes.get(request.name, size))
        identity = _identity(request)
        start = _start(asked.page_token, identity)
        if start is None:
            if request.name in self.empty_pages:
                return [], _token(0, identity)
            start = 0
        end = start + size
        return entries[start:end], _token(end, identity) if end < len(entries) else ""


def _version(name: str, facts: Version, algorithm: str, protection_level: str) -> Any:
    level = facts.protection_level or protection_level
    external = {"external_key_uri": facts.external_uri, "ekm_connection_key_path": facts.external_path}
    generated = facts.state not in ("PENDING_GENERATION", "PENDING_IMPORT", "IMPORT_FAILED") and not facts.import_job
    attestation = {"format": "CAVIUM_V2_COMPRESSED", "content": stable_bytes(64, name, "attestation")}
    return message(
        kms_v1.CryptoKeyVersion,
        name=name,
        state=facts.state,
        protection_level=level,
        algorithm=facts.algorithm or algorithm,
        attestation=attestation if level.startswith("HSM") else None,
        create_time=facts.at,
        generate_time=facts.at if generated else None,
        destroy_time=facts.destroy_at,
        destroy_event_time=facts.destroyed_at,
        import_job=facts.import_job,
        import_time=facts.at if facts.import_job and facts.state != "PENDING_IMPORT" else None,
        external_protection_level_options=external if any(external.values()) else None,
        reimport_eligible=bool(facts.import_job) and facts.state == "DESTROYED",
    )


def _encryption(key: str) -> dict[str, str]:
    return {"kms_key_name": key}


def _replication(key: str, replicas: Mapping[str, str] | None) -> dict[str, Any]:
    if replicas is None:
        return {"automatic": {"customer_managed_encryption": _encryption(key)} if key else {}}
    entries = [
        {"location": location, **({"customer_managed_encryption": _encryption(name)} if name else {})}
        for location, name in replicas.items()
    ]
    return {"user_managed": {"replicas": entries}}


def _replication_status(version: SecretVersion, replicas: Mapping[str, str] | None) -> dict[str, Any]:
    used = {place: {"kms_key_version_name": name} for place, name in version.kms_key_versions.items()}
    if replicas is None:
        return {"automatic": {"customer_managed_encryption": used[""]} if "" in used else {}}
    entries = [
        {"location": place, **({"customer_managed_encryption": used[place]} if place in used else {})}
        for place in replicas
    ]
    return {"user_managed": {"replicas": entries}}


def _etag(*parts: str) -> str:
    return f'"{stable_bytes(7, *parts).hex()}"'


def _identity(request: Request) -> bytes:
    """What a page token is for: the same question, whatever the size of the page."""
    question = type(request.message)()
    question.CopyFrom(request.message)
    question.ClearField("page_token")
    question.ClearField("page_size")
    content = request.method.path.encode() + question.SerializeToString(deterministic=True)
    return hashlib.sha256(content).digest()[:9]


def _token(position: int, identity: bytes) -> str:
    return base64.urlsafe_b64encode(identity + str(position).encode()).decode()


def _start(token: str, identity: bytes) -> int | None:
    if not token:
        return None
    try:
        content = base64.urlsafe_b64decode(token)
        if content.startswith(identity):
            return int(content.removeprefix(identity))
    except (binascii.Error, ValueError):
        pass
    raise GoogleError("INVALID_ARGUMENT", "The page token is not valid.")
