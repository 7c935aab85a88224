"""What Cloud Asset Inventory tells of an organization, folder or project: keys, secrets, policies, all at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from collectors.gcp.answers import (
    ApiKey,
    Asset,
    CryptoKey,
    EkmConnection,
    ImportJob,
    Message,
    Policy,
    ProjectAsset,
    Role,
    Secret,
    SecretVersion,
    ServiceAccountKey,
    Version,
)
from collectors.gcp.answers import Assets as AssetsPage
from collectors.gcp.names import last, parent, part, relative
from evidence.model import GapKind
from evidence.observation import Observation
from evidence.reading import Reading

LIST = "asset:ListAssets"
MATERIAL_TO_COME = ("PENDING_GENERATION", "PENDING_IMPORT", "IMPORT_FAILED", "GENERATION_FAILED")
"""States of a version without material."""

MessageT = TypeVar("MessageT", bound=Message)


@dataclass(frozen=True, slots=True)
class Found:
    """A resource, and the observation that tells of it."""

    observation: str
    data: Any
    """Its message; None where the asset's data is not what the service documents."""
    project: str
    """The project that holds it, as its ancestors name it: `projects/NUMBER`."""


@dataclass(slots=True)
class Assets:
    """Every resource by its name, as its own service calls it."""

    rings: dict[str, Found] = field(default_factory=dict)
    keys: dict[str, Found] = field(default_factory=dict)
    keys_by_place: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Location of a project → the keys in it."""
    versions: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))
    """Key → its versions."""
    jobs: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))
    """Key ring → its import jobs."""
    connections: dict[str, Found] = field(default_factory=dict)
    secrets: dict[str, Found] = field(default_factory=dict)
    secret_versions: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))
    """Secret → its versions."""
    service_account_keys: dict[str, Found] = field(default_factory=dict)
    api_keys: dict[str, Found] = field(default_factory=dict)
    policies: dict[str, tuple[str, Policy]] = field(default_factory=dict)
    """Resource → the observation that tells its policy, and the policy; what is not in it has none of its own."""
    projects: dict[str, ProjectAsset] = field(default_factory=dict)
    """`projects/NUMBER` → what the project is."""
    roles: dict[str, list[str]] = field(default_factory=dict)
    """Custom role → its permissions."""
    lines: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """`projects/NUMBER` → the folders and the organization above it, nearest first."""
    numbers: dict[str, str] = field(default_factory=dict)
    """Project's id → its `projects/NUMBER`, as far as something in it tells."""

    def lacks_versions(self, key: str) -> bool:
        """The service itself has to be asked for a key's versions.

        It is where none is told, or not the primary one; and where material is in an HSM, as an asset of a version
        need not hold its attestation.
        """
        versions = [found.data for found in self.versions.get(key, ())]
        described = self.keys[key].data
        if described is None or not versions or None in versions:
            return True
        if described.primary is not None and described.primary.name not in {version.name for version in versions}:
            return True
        return any(
            version.protection_level.startswith("HSM")
            and version.attestation is None
            and version.state not in MATERIAL_TO_COME
            for version in versions
        )

    def lacks_secret_versions(self, secret: str) -> bool:
        """The service itself has to be asked for a secret's versions: none is told, or one that cannot be read."""
        versions = [found.data for found in self.secret_versions.get(secret, ())]
        return not versions or None in versions

    def above(self, root: str) -> tuple[str, ...]:
        """What lies above the root that was asked for, as far as anything below it tells."""
        for project, line in self.lines.items():
            whole = (project, self.id_of(project), *line)
            if root in whole:
                return tuple(name for name in whole[whole.index(root) + 1 :] if not name.startswith("projects/"))
        return ()

    def organization_of(self, project: str) -> str:
        """The number of a project's organization, or "" where there is none."""
        line = self.lines.get(self.number_of(project), ())
        return last(line[-1]) if line and line[-1].startswith("organizations/") else ""

    def number_of(self, project: str) -> str:
        """`projects/ID` or `projects/NUMBER` → `projects/NUMBER`."""
        return self.numbers.get(last(project), project)

    def id_of(self, project: str) -> str:
        """`projects/NUMBER` → `projects/ID`, as far as it is known."""
        described = self.projects.get(project)
        return f"projects/{described.project_id}" if described else project


def read_assets(reading: Reading) -> Assets | None:
    """What the lists of resources and policies tell; None where either was not asked for or is not whole.

    What is missing is in `reading.failures`.
    """
    resources, policies = _list(reading, "RESOURCE"), _list(reading, "IAM_POLICY")
    if LIST in reading.failures or resources is None or policies is None:
        return None
    assets = Assets()
    names = {asset.name: _keep(assets, asset, observation) for observation, asset in resources}
    for observation, asset in policies:
        if asset.iam_policy is not None:
            assets.policies[names.get(asset.name, relative(asset.name))] = (observation, asset.iam_policy)
    for key in assets.keys:
        assets.keys_by_place[parent(parent(key))].append(key)
    for number, project in assets.projects.items():
        assets.numbers[project.project_id] = number
    return assets


def _list(reading: Reading, content: str) -> list[tuple[str, Asset]] | None:
    """The assets of one list, each with its observation; None where it was not asked for."""
    found: list[tuple[str, Asset]] = []
    more: bool | None = None
    for observation in list(reading.of(LIST)):
        if observation.parameters.get("content_type") == content:
            page = _page(reading, observation)
            more = True if page is None else page.more
            found += [(observation.id, asset) for asset in page.assets] if page else []
    if more:
        reading.fail(LIST, GapKind.FAILED, "the list ends before its last page")
    return None if more is None else found


def _page(reading: Reading, observation: Observation) -> AssetsPage | None:
    single = Reading(reading.subject, [observation])
    page = single.answer(LIST, AssetsPage)
    for failure in single.failures.values():
        reading.failures.setdefault(LIST, failure)
    return page


def _keep(assets: Assets, asset: Asset, observation: str) -> str:
    """Put an asset where it belongs, and give the name that its own service has for it."""
    data: Mapping[str, Any] = asset.resource.data if asset.resource else {}
    told = data.get("name")
    name = told if isinstance(told, str) and "/" in told else relative(asset.name)
    project = next((above for above in asset.ancestors if above.startswith("projects/")), "")
    if project:
        assets.lines.setdefault(project, tuple(a for a in asset.ancestors if not a.startswith("projects/")))
        if part(name, "projects"):
            assets.numbers.setdefault(part(name, "projects"), project)
    kind = asset.asset_type.rpartition("/")[2]

    if kind == "KeyRing":
        assets.rings[name] = Found(observation, name, project)
    elif kind in _SINGLE:
        where, model = _SINGLE[kind]
        getattr(assets, where)[name] = Found(observation, _read(data, model), project)
    elif kind in _BY_PARENT:
        where, model = _BY_PARENT[kind]
        getattr(assets, where)[parent(name)].append(Found(observation, _read(data, model), project))
    else:
        _keep_above(assets, asset, kind, data)
        return relative(asset.name)
    return name


_SINGLE: Mapping[str, tuple[str, type[Message]]] = {
    "CryptoKey": ("keys", CryptoKey),
    "EkmConnection": ("connections", EkmConnection),
    "Secret": ("secrets", Secret),
    "ServiceAccountKey": ("service_account_keys", ServiceAccountKey),
    "Key": ("api_keys", ApiKey),
}
_BY_PARENT: Mapping[str, tuple[str, type[Message]]] = {
    "CryptoKeyVersion": ("versions", Version),
    "ImportJob": ("jobs", ImportJob),
    "SecretVersion": ("secret_versions", SecretVersion),
}
"""Last part of the asset's type → the member of `Assets` that holds it, and its message."""


def _keep_above(assets: Assets, asset: Asset, kind: str, data: Mapping[str, Any]) -> None:
    if kind == "Project":
        project = _read(data, ProjectAsset)
        if project is not None:
            assets.projects[relative(asset.name)] = project
    elif kind == "Role":
        role = _read(data, Role)
        if role is not None:
            assets.roles[role.name] = role.included_permissions


def _read(data: Mapping[str, Any], model: type[MessageT]) -> MessageT | None:
    try:
        return model.model_validate(dict(data))
    except ValidationError:
        return None
