"""The collect half: asks Cloud Asset Inventory for all at once, or else location by location, and judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from collectors.gcp.answers import (
    CryptoKeys,
    Folder,
    Folders,
    KeyRings,
    Locations,
    Message,
    Organization,
    Page,
    Project,
    Projects,
    ProtectedSummary,
    Secrets,
    ServiceAccounts,
)
from collectors.gcp.assets import Assets, read_assets
from collectors.gcp.configuration import GcpConfiguration
from collectors.gcp.credentials import Seat, ambient_seat
from collectors.gcp.names import last, parent, part
from collectors.gcp.wire import Inquiry
from collectors.questions import Questions
from collectors.sampling import sampled
from collectors.source import Batch, Task
from evidence.observation import JSON, Observation
from evidence.reading import Reading
from evidence.recording import ScopeHeader

CONDITIONS: dict[str, JSON] = {"requested_policy_version": 3}
"""Only this version of a policy shows its conditions. Source: IAM documentation, policy versions."""

LONGEST_LINE = 12
"""Folders above a project, at most: ten, an organization, and one to see that there are more.

Source: Resource Manager, quotas and limits.
"""

_ENDED = "DELETE_REQUESTED"
"""State of a project or folder that is being deleted, whose keys and secrets nobody reaches. Any other is read."""

ASSET_TYPES: Mapping[str, tuple[str, ...]] = {
    "kms": tuple(
        f"cloudkms.googleapis.com/{kind}"
        for kind in ("KeyRing", "CryptoKey", "CryptoKeyVersion", "ImportJob", "EkmConnection")
    ),
    "secretmanager": ("secretmanager.googleapis.com/Secret", "secretmanager.googleapis.com/SecretVersion"),
    "iam": ("iam.googleapis.com/ServiceAccountKey",),
    "apikeys": ("apikeys.googleapis.com/Key",),
}
"""By service. An asset of an API key does not hold its value, which `GetKeyString` alone tells.

Source: API Keys reference, Key.keyString.
"""
HIERARCHY_TYPES = (
    "cloudresourcemanager.googleapis.com/Folder",
    "cloudresourcemanager.googleapis.com/Organization",
    "cloudresourcemanager.googleapis.com/Project",
)
ROLE_TYPE = "iam.googleapis.com/Role"
DATA_STORES = (
    "bigquery.googleapis.com/Dataset",
    "sqladmin.googleapis.com/Instance",
    "storage.googleapis.com/Bucket",
)
"""Asset types of what holds data and tells which key encrypts it.

Disks are none: a search does not tell one under a key that its owner brings each time from one under Google's own.
"""
_OF_DATA_STORES = ("name", "asset_type", "project", "location", "create_time", "kms_keys")
GUARDED_TYPES = (
    "cloudkms.googleapis.com/KeyRing",
    "cloudkms.googleapis.com/CryptoKey",
    "secretmanager.googleapis.com/Secret",
)
"""Those of the asset types that have a policy of their own."""


def _ask_for_policies(ask: Questions, resources: Iterable[str]) -> None:
    """The policies of project, folders and organization."""
    for resource in resources:
        ask.one("resourcemanager:GetIamPolicy", {"resource": resource, "options": CONDITIONS})


def _read(observations: Iterable[Observation], model: type[Message]) -> Iterator[Any]:
    """What could be read of some exchanges of one operation; why not of the rest is for normalize to say."""
    for observation in observations:
        answer = Reading("", [observation]).answer(observation.operation, model)
        if answer is not None:
            yield answer


@dataclass(frozen=True, slots=True)
class _Line:
    """What a project or folder is part of, as far as it is known."""

    above: tuple[str, ...] = ()
    """Names of folders and organization, nearest first."""
    domain: str = ""
    """Of the organization; "" where it is not known."""
    projects: tuple[str, ...] = ()
    """Ids and numbers of the projects that are known to belong to the same."""
    known: bool = True
    """All that was asked about it was answered."""

    @property
    def organization(self) -> str:
        """The number of the organization, or "" where it is not known or there is none."""
        return last(self.above[-1]) if self.above and self.above[-1].startswith("organizations/") else ""

    @property
    def accounts(self) -> tuple[str, ...]:
        """What is known to be the organization's own, as a scope's header keeps it."""
        return tuple(sorted({*self.projects, *filter(None, [self.domain])}))


class GcpCollector:
    """Collects one Google Cloud source. `sample`, if any, is how many keys and secrets of each scope to describe."""

    def __init__(self, configuration: GcpConfiguration, sample: int | None = None) -> None:
        self._configuration = configuration
        self._sample = sample

    def start(self) -> Iterable[Task]:
        """One task for each project, folder or organization. Raises CredentialError where nobody could ask."""
        seat = ambient_seat(self._configuration)
        configuration = self._configuration
        if configuration.organization is not None:
            return [self._root_task(seat, "organization", f"organizations/{configuration.organization}")]
        if configuration.folders is not None:
            return [self._root_task(seat, "folder", f"folders/{number}") for number in configuration.folders]
        return [self._root_task(seat, "project", f"projects/{id}") for id in configuration.projects or ()]

    def _root_task(self, seat: Seat, service: str, resource: str) -> Task:
        header = ScopeHeader(
            id=f"{self._configuration.name}/{last(resource)}/global/{service}",
            source=self._configuration.name,
            type="gcp",
            service=service,
            account=last(resource),
            identity=seat.identity,
        )
        return Task(header, "", _RootReading(self._configuration, seat, header, resource, self._sample).run)


@dataclass(frozen=True, slots=True)
class _RootReading:
    """Reads what is configured, by Cloud Asset Inventory where that may be read, else by walking through it."""

    configuration: GcpConfiguration
    seat: Seat
    header: ScopeHeader
    resource: str
    """Its name: `organizations/123456789012`."""
    sample: int | None

    def run(self, batch: Batch) -> Iterator[Task]:
        """What it opens does not depend on whether the answers are new or a killed run's."""
        ask = Questions(Inquiry(self.seat, self.header), batch)
        project, line = self._line(ask)
        if self.configuration.asset_inventory:
            self._ask_for_assets(ask)
            if "kms" in self.configuration.services:
                self._ask_for_data_stores(ask)
        assets = read_assets(batch.reading)
        if assets is not None:
            _ask_for_policies(ask, dict.fromkeys([self.resource, *line.above, *assets.above(self.resource)]))
            yield from self._asset_tasks(assets, line)
        elif project is not None or self.header.service == "project":
            yield from self._walk_project(ask, project, line)
        else:
            yield from self._walk_below(ask, line)

    def _line(self, ask: Questions) -> tuple[Project | None, _Line]:
        """The project that is asked about, if it is one, and what lies above."""
        above: list[str] = []
        project: Project | None = None
        domain, known, at = "", True, self.resource
        while known and at:
            if at != self.resource:
                above.append(at)
            kind = at.partition("/")[0]
            operation, model = _DESCRIBED.get(kind, ("", Message))
            if not operation or len(above) > LONGEST_LINE:
                return project, _Line(tuple(above), known=False)
            answer = next(_read([ask.one(operation, {"name": at})], model), None)
            known = answer is not None
            at = getattr(answer, "parent", "")
            if isinstance(answer, Organization):
                domain = answer.display_name.lower()
            if isinstance(answer, Project):
                project = answer
        named = {*(self.configuration.projects or ()), *([project.project_id, last(project.name)] if project else ())}
        return project, _Line(tuple(above), domain, tuple(named), known)

    def _ask_for_assets(self, ask: Questions) -> None:
        """Ask for all resources at once, and for all policies where that was answered whole."""
        kinds = [kind for service in self.configuration.services for kind in ASSET_TYPES[service]]
        resources: dict[str, JSON] = {
            "parent": self.resource,
            "content_type": "RESOURCE",
            "asset_types": [*kinds, *HIERARCHY_TYPES, ROLE_TYPE],
        }
        if _whole(ask.all("asset:ListAssets", resources)):
            guarded = [kind for kind in kinds if kind in GUARDED_TYPES]
            policies: dict[str, JSON] = {
                "parent": self.resource,
                "content_type": "IAM_POLICY",
                "asset_types": [*guarded, *HIERARCHY_TYPES],
            }
            ask.all("asset:ListAssets", policies)

    def _ask_for_data_stores(self, ask: Questions) -> None:
        """A search names the keys of each, and needs no more of it than that."""
        stores: dict[str, JSON] = {
            "scope": self.resource,
            "asset_types": list(DATA_STORES),
            "read_mask": {"paths": list(_OF_DATA_STORES)},
        }
        ask.all("asset:SearchAllResources", stores)

    def _asset_tasks(self, assets: Assets, line: _Line) -> Iterator[Task]:
        """One task a project that holds key rings, from which those of its locations and keys follow, and one a secret
        whose versions are not told.
        """
        places: dict[str, list[str]] = {}
        for place in sorted({*map(parent, assets.rings), *assets.keys_by_place}):
            places.setdefault(parent(place), []).append(place)
        for project, of_project in places.items():
            yield self._task(project, partial(self._asset_project, assets, line, project, of_project))
        lacking = [name for name in assets.secrets if assets.lacks_secret_versions(name)]
        yield from sampled([self._task(name, partial(self._asset_secret, name)) for name in lacking], self.sample)

    def _asset_project(
        self, assets: Assets, line: _Line, project: str, places: Iterable[str], batch: Batch
    ) -> Iterable[Task]:
        ask = Questions(Inquiry(self.seat, self.header), batch)
        ask.one("autokey:ShowEffectiveAutokeyConfig", {"parent": project})
        return [self._task(place, partial(self._asset_location, assets, line, place)) for place in places]

    def _asset_location(self, assets: Assets, line: _Line, place: str, batch: Batch) -> Iterable[Task]:
        ask = Questions(Inquiry(self.seat, self.header), batch)
        ask.all("autokey:ListKeyHandles", {"parent": place})
        organization = assets.organization_of(parent(place)) or line.organization
        keys = assets.keys_by_place.get(place, ())
        tasks = [self._task(name, partial(self._asset_key, assets, organization, name)) for name in keys]
        return sampled(tasks, self.sample)

    def _asset_key(self, assets: Assets, organization: str, name: str, batch: Batch) -> Iterable[Task]:
        ask = Questions(Inquiry(self.seat, self.header), batch)
        if assets.lacks_versions(name):
            ask.all("kms:ListCryptoKeyVersions", {"parent": name, "view": "FULL"})
        _ask_about_use(name, organization, ask)
        return ()

    def _asset_secret(self, name: str, batch: Batch) -> Iterable[Task]:
        ask = Questions(Inquiry(self.seat, self.header, region=part(name, "locations")), batch)
        ask.all("secretmanager:ListSecretVersions", {"parent": name})
        return ()

    def _task(self, subject: str, run: Callable[[Batch], Iterable[Task]]) -> Task:
        return Task(self.header, subject, run)

    def _walk_below(self, ask: Questions, line: _Line) -> Iterator[Task]:
        """The projects of an organization or folder, folder by folder."""
        above = {self.resource: line.above}
        waiting, found = [self.resource], dict[str, tuple[Project, str]]()
        whole = line.known
        while waiting:
            folder = waiting.pop()
            listed = ask.all("resourcemanager:ListProjects", {"parent": folder})
            projects = [project for page in _read(listed, Projects) for project in page.projects]
            found |= {p.project_id: (p, folder) for p in projects if p.state != _ENDED}
            below = ask.all("resourcemanager:ListFolders", {"parent": folder})
            whole = whole and _whole(listed) and _whole(below)
            for page in _read(below, Folders):
                for child in page.folders:
                    if child.state != _ENDED and child.name not in above:
                        above[child.name] = (folder, *above[folder])
                        waiting.append(child.name)
        names = {name for project, _ in found.values() for name in (project.project_id, last(project.name))}
        if self.header.service == "organization" and whole:
            names.add(self.resource)  # these are all that the organization has
        for _, (project, folder) in sorted(found.items()):
            line_of_project = replace(line, above=(folder, *above[folder]), projects=tuple(names), known=whole)
            header = self._header_of(project, line_of_project)
            walking = _RootReading(self.configuration, self.seat, header, project.name, self.sample)
            yield Task(header, "", partial(walking.locations, project, line_of_project))

    def _header_of(self, project: Project, line: _Line) -> ScopeHeader:
        return ScopeHeader(
            id=f"{self.configuration.name}/{project.project_id}/global/project",
            source=self.configuration.name,
            type="gcp",
            service="project",
            account=project.project_id,
            account_name=project.display_name,
            identity=self.seat.identity,
            organization=line.organization,
            organization_accounts=line.accounts,
            organization_known=line.known,
        )

    def locations(self, project: Project, line: _Line, batch: Batch) -> Iterable[Task]:
        """The scopes of a project that is part of what is walked through."""
        return self._walk_project(Questions(Inquiry(self.seat, self.header), batch), project, line)

    def _walk_project(self, ask: Questions, project: Project | None, line: _Line) -> Iterator[Task]:
        id = project.project_id if project else self.header.account
        known = replace(
            self.header,
            id=f"{self.configuration.name}/{id}",
            account=id,
            account_name=project.display_name if project else None,
            organization=line.organization,
            organization_accounts=line.accounts,
            organization_known=line.known,
        )
        policies = (f"projects/{id}", *line.above)
        if "kms" in self.configuration.services:
            listed = ask.all("kms:ListLocations", {"name": f"projects/{id}"})
            places = {location.location_id for page in _read(listed, Locations) for location in page.locations}
            for place in sorted(places):
                header = replace(known, id=f"{known.id}/{place}/kms", service="kms", region=place)
                reading = _KmsReading(self.seat, header, policies, self.sample)
                yield Task(header, "", reading.run)
        if "secretmanager" in self.configuration.services:
            for place in ("global", *self.configuration.secret_locations):
                header = replace(known, id=f"{known.id}/{place}/secretmanager", service="secretmanager", region=place)
                yield Task(header, "", _SecretsReading(self.seat, header, policies, self.sample).run)
        for service, of_credentials in _CREDENTIALS.items():
            if service in self.configuration.services:
                header = replace(known, id=f"{known.id}/global/{service}", service=service, region="global")
                yield Task(header, "", of_credentials(self.seat, header, policies, self.sample).run)


_DESCRIBED: Mapping[str, tuple[str, type[Message]]] = {
    "projects": ("resourcemanager:GetProject", Project),
    "folders": ("resourcemanager:GetFolder", Folder),
    "organizations": ("resourcemanager:GetOrganization", Organization),
}


def _whole(observations: Iterable[Observation]) -> bool:
    """Each page of a list was answered, and can be read as one."""
    observations = list(observations)
    return bool(observations) and len(list(_read(observations, Page))) == len(observations)


def _ask_about_use(name: str, organization: str, ask: Questions) -> None:
    """What a key protects. The summary says whether a search would find anything.

    Without an organization only the key's own project can be searched.
    """
    summary: dict[str, JSON] = {"name": name, "fallback_scope": "FALLBACK_SCOPE_PROJECT"}
    answered = _read([ask.one("kmsinventory:GetProtectedResourcesSummary", summary)], ProtectedSummary)
    if any(answer.resource_count for answer in answered):
        place = f"organizations/{organization}" if organization else f"projects/{part(name, 'projects')}"
        ask.all("kmsinventory:SearchProtectedResources", {"scope": place, "crypto_key": name})


@dataclass(frozen=True, slots=True)
class _ServiceReading:
    """Reads one service of one project and location: its lists first, then thing by thing."""

    seat: Seat
    header: ScopeHeader
    policies: tuple[str, ...]
    """The project and what is above it, whose policies its keys and secrets inherit."""
    sample: int | None

    def questions(self, batch: Batch) -> Questions:
        """Asks at Google's global endpoint."""
        return Questions(Inquiry(self.seat, self.header), batch)

    def list_all(self, ask: Questions, operation: str, parameters: dict[str, JSON]) -> list[Observation]:
        """Every page of a list; for a sample, no more than needed."""
        return ask.all(operation, parameters, first=self.sample is not None)

    def task(self, subject: str, run: Callable[[Questions], Iterable[Task]]) -> Task:
        """The task of one thing."""
        return Task(self.header, subject, lambda batch: run(self.questions(batch)))


class _KmsReading(_ServiceReading):
    def run(self, batch: Batch) -> Iterable[Task]:
        """Where a location has no key rings, which is where it never had one, nothing else is asked."""
        ask = self.questions(batch)
        place = f"projects/{self.header.account}/locations/{self.header.region}"
        listed = self.list_all(ask, "kms:ListKeyRings", {"parent": place})
        rings = list(dict.fromkeys(ring.name for page in _read(listed, KeyRings) for ring in page.key_rings))
        if not rings:
            return []
        self.list_all(ask, "kms:ListEkmConnections", {"parent": place})
        _ask_for_policies(ask, self.policies)
        self.list_all(ask, "autokey:ListKeyHandles", {"parent": place})
        ask.one("autokey:ShowEffectiveAutokeyConfig", {"parent": f"projects/{self.header.account}"})
        tasks = [self.task(ring, partial(self._ask_about_ring, ring)) for ring in rings]
        return sampled(tasks, self.sample)

    def _ask_about_ring(self, ring: str, ask: Questions) -> Iterable[Task]:
        listed = self.list_all(ask, "kms:ListCryptoKeys", {"parent": ring})
        self.list_all(ask, "kms:ListImportJobs", {"parent": ring})
        ask.one("kms:GetIamPolicy", {"resource": ring, "options": CONDITIONS})
        keys = dict.fromkeys(key.name for page in _read(listed, CryptoKeys) for key in page.crypto_keys)
        return sampled([self.task(key, partial(self._ask_about_key, key)) for key in keys], self.sample)

    def _ask_about_key(self, key: str, ask: Questions) -> Iterable[Task]:
        self.list_all(ask, "kms:ListCryptoKeyVersions", {"parent": key, "view": "FULL"})
        ask.one("kms:GetIamPolicy", {"resource": key, "options": CONDITIONS})
        _ask_about_use(key, self.header.organization, ask)
        return ()


class _SecretsReading(_ServiceReading):
    def questions(self, batch: Batch) -> Questions:
        """A location's secrets are known at its own endpoint alone."""
        region = "" if self.header.region == "global" else self.header.region
        return Questions(Inquiry(self.seat, self.header, region=region), batch)

    def run(self, batch: Batch) -> Iterable[Task]:
        ask = self.questions(batch)
        region = self.header.region
        place = f"projects/{self.header.account}" + ("" if region == "global" else f"/locations/{region}")
        listed = self.list_all(ask, "secretmanager:ListSecrets", {"parent": place})
        secrets = dict.fromkeys(secret.name for page in _read(listed, Secrets) for secret in page.secrets)
        if secrets:
            _ask_for_policies(ask, self.policies)
        tasks = [self.task(secret, partial(self._ask_about_secret, secret)) for secret in secrets]
        return sampled(tasks, self.sample)

    def _ask_about_secret(self, secret: str, ask: Questions) -> Iterable[Task]:
        self.list_all(ask, "secretmanager:ListSecretVersions", {"parent": secret})
        ask.one("secretmanager:GetIamPolicy", {"resource": secret, "options": CONDITIONS})
        return ()


class _ServiceAccountsReading(_ServiceReading):
    def run(self, batch: Batch) -> Iterable[Task]:
        ask = self.questions(batch)
        listed = self.list_all(ask, "iam:ListServiceAccounts", {"name": f"projects/{self.header.account}"})
        accounts = dict.fromkeys(account.name for page in _read(listed, ServiceAccounts) for account in page.accounts)
        return sampled([self.task(name, partial(self._ask_about_account, name)) for name in accounts], self.sample)

    def _ask_about_account(self, name: str, ask: Questions) -> Iterable[Task]:
        ask.one("iam:ListServiceAccountKeys", {"name": name})
        return ()


class _ApiKeysReading(_ServiceReading):
    def run(self, batch: Batch) -> Iterable[Task]:
        place = f"projects/{self.header.account}/locations/global"
        self.list_all(self.questions(batch), "apikeys:ListKeys", {"parent": place})
        return ()


_CREDENTIALS: Mapping[str, type[_ServiceAccountsReading | _ApiKeysReading]] = {
    "iam": _ServiceAccountsReading,
    "apikeys": _ApiKeysReading,
}
"""Service → what reads the long-lived credentials of a project that are its."""
