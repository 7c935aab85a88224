"""The scope of an organization, folder or project: what it is, and all that Cloud Asset Inventory tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from collectors.gcp.answers import Folder, Folders, Locations, Message, Organization, Page, Policy, Project, Projects
from collectors.gcp.assets import LIST, Assets, Found, read_assets
from collectors.gcp.facts.access import INHERITED, Level, access_rows, inherited_levels, level_of, read_level
from collectors.gcp.facts.credential import CREDENTIALS, CredentialReading, CredentialRows
from collectors.gcp.facts.data_store import Known, data_store_rows
from collectors.gcp.facts.key import AUTOKEY_RING, KeyReading, key_rows, not_covered
from collectors.gcp.facts.scope import Setting, each, listed
from collectors.gcp.facts.secret import VERSIONS, SecretReading, secret_rows
from collectors.gcp.facts.store import Autokey, ekm_connection, key_project, key_ring, secrets_store
from collectors.gcp.names import last, location_of, parent, part
from collectors.gcp.operations import CONNECTIONS_NOT_OFFERED
from collectors.gcp.roles import Service
from collectors.scope_rows import NOT_ASKED, Tally, without_bodies
from evidence.model import GapKind, Key, Row, Scope
from evidence.reading import Failure, Reading

_DESCRIBED: Mapping[str, type[Message]] = {
    "resourcemanager:GetProject": Project,
    "resourcemanager:GetFolder": Folder,
    "resourcemanager:GetOrganization": Organization,
}
_WALKED = ("resourcemanager:ListFolders", "resourcemanager:ListProjects")
_LISTS: Mapping[str, type[Page]] = {
    "resourcemanager:ListFolders": Folders,
    "resourcemanager:ListProjects": Projects,
    "kms:ListLocations": Locations,
}
_NOT_TOLD = "something in it is told of, but it is not itself"
_UNREADABLE = "the asset's data is not what its service documents"


def normalize_root(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The scope's row, and where Cloud Asset Inventory was read, the rows of all that it tells.

    The scope's own reading comes first, then those of projects with key rings, of their locations and of their keys,
    each after what leads to it, and those of secrets whose versions the inventory does not tell.
    """
    tally = Tally(setting.operations)
    facts: dict[str, str | None] = {}
    inventory: _Inventory | None = None
    for reading in readings:
        if reading.subject == "" and inventory is None:
            assets = read_assets(reading)
            facts, setting = _described(setting, reading, assets)
            yield from _incomplete_lists(setting, reading)
            if any(any(reading.of(operation)) for operation in _DESCRIBED):  # it was not opened by another scope
                yield from data_store_rows(setting, reading, _known(setting, reading, assets))
            if assets is not None:
                inventory = _Inventory.read(setting, reading, assets)
                reading = inventory.reading
                yield from _first_rows(setting, inventory, tally)
        elif inventory is not None:
            yield from _subject_rows(setting, inventory, reading, tally)
        tally.count(reading)
    if inventory is not None:
        unread_projects = [name for name, found in inventory.projects.items() if found is None]
        for name in [*unread_projects, *inventory.places, *inventory.secrets, *inventory.assets.keys]:
            unread = Reading(name, [])
            yield from _subject_rows(setting, inventory, unread, tally)
            tally.count(unread)
    yield from tally.rows(setting, **facts)


def _described(setting: Setting, reading: Reading, assets: Assets | None) -> tuple[dict[str, str | None], Setting]:
    """What the scope is called, and the setting with what is the organization's own."""
    header = setting.header
    facts: dict[str, str | None] = {}
    own: set[str] = set(header.organization_accounts)
    organization = header.organization
    root = f"{header.service}s/{header.account}"
    for operation, model in _DESCRIBED.items():
        for asked, _, answer in each(reading, operation, model):
            if asked == root:
                facts["account_name"] = getattr(answer, "display_name", "")
            if isinstance(answer, Organization):
                organization = last(answer.name)
                own.add(answer.display_name.lower())
            if isinstance(answer, Project):
                own |= {answer.project_id, last(answer.name)}
    if not header.account_name and "account_name" not in facts:
        facts["account_name"] = None
    if assets is not None:
        own |= {project.project_id for project in assets.projects.values()}
        own |= {last(number) for number in assets.projects}
        organization = organization or next(iter(_organizations(assets)), "")
        if header.service == "organization":
            own.add(root)
    known = header.organization_known and not reading.failures.keys() & set(_DESCRIBED)
    knowing = replace(
        header, organization=organization, organization_accounts=tuple(sorted(own)), organization_known=known
    )
    return facts, Setting(knowing, setting.settings, own_roles=assets.roles if assets else {})


def _known(setting: Setting, reading: Reading, assets: Assets | None) -> Known:
    """The projects and keys below the root, as far as the scope's own reading tells."""
    projects = _project_ids(reading, assets)
    if assets is not None:
        return Known(projects, assets.keys, None)
    telling = ["resourcemanager:GetProject"] if setting.header.service == "project" else list(_WALKED)
    missed = next((name for name in telling if name in reading.failures or not any(reading.of(name))), None)
    if missed is None:
        return Known(projects, (), None)
    asked = missed if missed in reading.failures else LIST
    return Known(projects, (), (asked, reading.failures.get(asked, Failure(GapKind.FAILED, NOT_ASKED, ""))))


def _project_ids(reading: Reading, assets: Assets | None) -> Mapping[str, str]:
    """`projects/NUMBER` → id, as far as the scope's own reading tells."""
    told = {number: project.project_id for number, project in (assets.projects if assets else {}).items()}
    for _, _, project in each(reading, "resourcemanager:GetProject", Project):
        told[project.name] = project.project_id
    for _, _, page in each(reading, "resourcemanager:ListProjects", Projects):
        told |= {project.name: project.project_id for project in page.projects}
    return told


def _organizations(assets: Assets) -> Iterator[str]:
    return (last(name) for line in assets.lines.values() for name in line if name.startswith("organizations/"))


def _incomplete_lists(setting: Setting, reading: Reading) -> Iterator[Row]:
    """Gaps where projects, folders or locations may be missing. Each folder's list has an end of its own."""
    anchor = Scope(**setting.bookkeeping(setting.header.id, ()))
    for operation, model in _LISTS.items():
        parents: dict[str, list[int]] = {}
        for position, observation in enumerate(reading.of(operation)):
            parents.setdefault(str(observation.parameters.get("parent", "")), []).append(position)
        observations = list(reading.of(operation))
        for positions in parents.values():
            single = Reading(reading.subject, [observations[position] for position in positions])
            list(listed(single, operation, model))
            for failure in single.failures.values():
                reading.failures.setdefault(operation, failure)
        if operation in reading.failures:
            yield setting.rows_missing(anchor, "scope", "", operation, reading.failures[operation])


@dataclass(slots=True)
class _Inventory:
    """What Cloud Asset Inventory tells, until it is made into rows."""

    assets: Assets
    reading: Reading
    """The scope's own, without the bodies of its answers."""
    received: datetime | None
    root: str
    asked: Mapping[Service, Mapping[str, Level]]
    """The policies of the root and of what is above it, which were asked for one by one, by their names."""
    setting: Setting
    projects: dict[str, tuple[Reading, str | None] | None] = field(default_factory=dict)
    """Project that holds key rings → what was asked about it, and where Autokey makes its keys; None until read."""
    places: dict[str, list[str]] = field(default_factory=dict)
    """Location → its key rings; it is taken out once it is read."""
    read_places: dict[str, tuple[Reading, Autokey]] = field(default_factory=dict)
    secrets: dict[str, Found] = field(default_factory=dict)
    """Secrets whose versions Secret Manager itself is asked for; each is taken out once it is read."""
    handed_down: dict[tuple[str, Service], list[Level]] = field(default_factory=dict)

    @classmethod
    def read(cls, setting: Setting, reading: Reading, assets: Assets) -> _Inventory:
        """Read what was asked for once."""
        header = setting.header
        received = max((o.received_at for o in reading.of(LIST)), default="")
        asked: dict[Service, dict[str, Level]] = {
            "kms": _asked(setting, reading, assets, "kms"),
            "secretmanager": _asked(setting, reading, assets, "secretmanager"),
        }
        inventory = cls(
            assets,
            without_bodies(reading),
            datetime.fromisoformat(received) if received else None,
            assets.number_of(f"{header.service}s/{header.account}"),
            asked,
            setting,
        )
        for ring in assets.rings:
            inventory.places.setdefault(parent(ring), []).append(ring)
        for place in assets.keys_by_place:
            inventory.places.setdefault(place, [])
        for place in inventory.places:
            inventory.projects[parent(place)] = None
        lacking = {name: found for name, found in assets.secrets.items() if assets.lacks_secret_versions(name)}
        inventory.secrets.update(lacking)
        for found in (*assets.rings.values(), *assets.keys.values()):
            inventory.above(found, "kms")  # what is missing belongs to the scope before its first row is made
        return inventory

    def account(self, name: str) -> str:
        """The id of the project that holds a resource, as far as it is known."""
        return last(self.assets.id_of(self.assets.number_of(f"projects/{part(name, 'projects')}")))

    def of_ring(self, name: str, holder: Found) -> Level:
        """The policy of the key ring of a key; where the ring is not told of, only a policy that is."""
        via = "IAM policy of the key ring"
        if name not in self.assets.rings and name not in self.assets.policies:
            return Level(via, LIST, None, failure=Failure(GapKind.FAILED, _NOT_TOLD, holder.observation))
        return self._told(name, self.assets.rings.get(name, holder), via, "kms")

    def own(self, name: str, found: Found, kind: str, service: Service) -> Level:
        """The policy of a key ring, key or secret; one that is not told of is empty."""
        return self._told(name, found, f"IAM policy of the {kind}", service)

    def _told(self, name: str, found: Found, via: str, service: Service) -> Level:
        observation, policy = self.assets.policies.get(name, (found.observation, Policy()))
        return read_level(self.setting, via, LIST, policy, observation, service)

    def above(self, found: Found, service: Service) -> list[Level]:
        """The policies that a project hands down, nearest first; one that is unknown where it is not below the root."""
        key = (found.project, service)
        if key not in self.handed_down:
            line = (found.project, *self.assets.lines.get(found.project, ()))
            if self.root in line:
                below = line[: line.index(self.root)]
                self.handed_down[key] = [self._level(name, found, service, name in below) for name in line]
            else:
                self.reading.fail(
                    INHERITED, GapKind.FAILED, "an asset does not tell what it is part of", found.observation
                )
                unknown = Level("IAM policies above", INHERITED, None, failure=self.reading.failures[INHERITED])
                self.handed_down[key] = [unknown]
        return self.handed_down[key]

    def _level(self, name: str, found: Found, service: Service, below: bool) -> Level:
        via = level_of(self.assets.id_of(name))
        if below:
            return self._told(name, found, via, service)
        return self.asked[service].get(name) or Level(via, INHERITED, None)


def _asked(setting: Setting, reading: Reading, assets: Assets, service: Service) -> dict[str, Level]:
    levels = inherited_levels(setting, reading, service)
    return {assets.number_of(name): level for name, level in levels.items() if name}


def _first_rows(setting: Setting, inventory: _Inventory, tally: Tally) -> Iterator[Row]:
    """The rows of what needs no more than the two lists: connections, and secrets with their stores."""
    assets = inventory.assets
    credentials = [(kind, getattr(assets, where)) for where, kind in CREDENTIALS.items()]
    tally.listed = len(assets.rings) + len(assets.keys) + len(assets.connections) + len(assets.secrets)
    tally.listed += sum(len(found) for _, found in credentials)
    for name, found in assets.connections.items():
        if found.data is None:
            inventory.reading.fail(LIST, GapKind.FAILED, _UNREADABLE, found.observation)
            anchor = Key(**setting.bookkeeping(name, ()))
            yield setting.rows_missing(anchor, "key_store", name, LIST, inventory.reading.failures[LIST])
            continue
        tally.described += 1
        row = ekm_connection(setting, found.data, inventory.account(name), [found.observation])
        yield from setting.explained(row, [inventory.reading], CONNECTIONS_NOT_OFFERED)
    stores: dict[tuple[str, str], tuple[str, Found]] = {}
    for name, found in assets.secrets.items():
        stores.setdefault((inventory.account(name), location_of(name)), (name, found))
    for (account, location), (_, found) in stores.items():
        levels = inventory.above(found, "secretmanager")
        store = secrets_store(setting, account, location, [found.observation], levels)
        yield from setting.explained(store, [inventory.reading])
        yield from access_rows(setting, store.id, levels, inventory.reading)
    for name, found in assets.secrets.items():
        if name not in inventory.secrets:
            own = Reading(name, [])
            yield from _secret(setting, inventory, found, own, tally)
            tally.count(own)
    for rows, every in credentials:
        for name, found in every.items():
            yield from _credential(setting, inventory, name, found, rows, tally)
    yield from _not_told(setting, assets, tally)
    if assets.keys:
        yield not_covered(setting)


def _credential(
    setting: Setting, inventory: _Inventory, name: str, found: Found, rows: CredentialRows, tally: Tally
) -> Iterator[Row]:
    own = Reading(name, [])
    if found.data is None:
        own.fail(LIST, GapKind.FAILED, _UNREADABLE, found.observation)
    else:
        tally.described += 1
    where = CredentialReading(name, found.data, inventory.account(name), inventory.received, [found.observation])
    yield from rows(setting, where, [own, inventory.reading])
    tally.count(own)


def _not_told(setting: Setting, assets: Assets, tally: Tally) -> Iterator[Row]:
    """Gaps of key rings, keys and secrets that the inventory does not tell of, though it does of something in them."""
    in_rings = {ring: jobs[0] for ring, jobs in assets.jobs.items()}
    in_rings |= {parent(key): found for key, found in assets.keys.items()}
    in_keys = {key: versions[0] for key, versions in assets.versions.items()}
    in_secrets = {secret: versions[0] for secret, versions in assets.secret_versions.items()}
    for tables, known, needed in (
        (("key_store", "access"), assets.rings, in_rings),
        (("key",), assets.keys, in_keys),
        (("secret",), assets.secrets, in_secrets),
    ):
        for name in sorted(needed.keys() - known.keys()):
            failure = Failure(GapKind.FAILED, _NOT_TOLD, needed[name].observation)
            tally.failures.setdefault(LIST, failure)
            anchor = Key(**setting.bookkeeping(name, ()))
            for table in tables:
                yield setting.rows_missing(anchor, table, name, LIST, failure)


def _secret(setting: Setting, inventory: _Inventory, found: Found, own: Reading, tally: Tally) -> Iterator[Row]:
    """A secret. `own` holds its versions where they were asked for."""
    name = own.subject
    asked = inventory.secrets.pop(name, None) is not None
    versions = [version.data for version in inventory.assets.secret_versions.get(name, ())]
    if found.data is None:
        own.fail(LIST, GapKind.FAILED, _UNREADABLE, found.observation)
    tally.described += yield from secret_rows(
        setting,
        SecretReading(
            name=name,
            secret=found.data,
            reading=own,
            versions=None if asked else versions,
            versions_by=VERSIONS if asked else LIST,
            policy=inventory.own(name, found, "secret", "secretmanager"),
            above=inventory.above(found, "secretmanager"),
            context=[inventory.reading],
            evidence=[found.observation],
            account=inventory.account(name),
            received=inventory.received,
        ),
    )


def _subject_rows(setting: Setting, inventory: _Inventory, reading: Reading, tally: Tally) -> Iterator[Row]:
    if reading.subject in inventory.projects:
        inventory.projects[reading.subject] = (reading, key_project(reading))
    elif reading.subject in inventory.places:
        yield from _place_rows(setting, inventory, reading, tally)
    elif reading.subject in inventory.secrets:
        yield from _secret(setting, inventory, inventory.secrets[reading.subject], reading, tally)
    elif reading.subject in inventory.assets.keys:
        yield from _key_rows(setting, inventory, reading, tally)


def _place_rows(setting: Setting, inventory: _Inventory, reading: Reading, tally: Tally) -> Iterator[Row]:
    """The key rings of a location."""
    project, where = inventory.projects[parent(reading.subject)] or (Reading("", []), None)
    autokey = Autokey.read(reading, where)
    inventory.read_places[reading.subject] = (reading, autokey)
    for name in inventory.places.pop(reading.subject):
        found = inventory.assets.rings[name]
        jobs = [job.data for job in inventory.assets.jobs.get(name, ())]
        if None in jobs:
            reading.fail(LIST, GapKind.FAILED, _UNREADABLE, found.observation)
        above = inventory.above(found, "kms")
        levels = [inventory.own(name, found, "key ring", "kms"), *above]
        settings = autokey.told(name, None if None in jobs else jobs)
        evidence = [found.observation, *reading.evidence]
        row = key_ring(setting, name, inventory.account(name), evidence, above, settings)
        tally.described += 1
        yield from setting.explained(row, [reading, project, inventory.reading])
        yield from access_rows(setting, name, levels, reading, [inventory.reading])
    inventory.read_places[reading.subject] = (without_bodies(reading), autokey)


def _key_rows(setting: Setting, inventory: _Inventory, reading: Reading, tally: Tally) -> Iterator[Row]:
    name = reading.subject
    assets = inventory.assets
    asked = assets.lacks_versions(name)
    found = assets.keys.pop(name)
    ring = inventory.of_ring(parent(name), found)
    if ring.failure is not None:
        reading.fail(LIST, ring.failure.kind, ring.failure.error, ring.failure.observation)
    if found.data is None:
        reading.fail(LIST, GapKind.FAILED, _UNREADABLE, found.observation)
    place, autokey = inventory.read_places.get(parent(parent(name)), (Reading("", []), Autokey()))
    connection = assets.connections.get(found.data.crypto_key_backend) if found.data else None
    key = KeyReading(
        name=name,
        key=found.data,
        reading=reading,
        versions=None if asked else [version.data for version in assets.versions.get(name, ())],
        policy=inventory.own(name, found, "key", "kms"),
        above=[ring, *inventory.above(found, "kms")],
        context=[place, inventory.reading],
        evidence=[found.observation],
        account=inventory.account(name),
        connection=connection.data if connection else None,
        autokey=autokey.made(name, parent(name), AUTOKEY_RING),
    )
    tally.described += yield from key_rows(setting, key)
