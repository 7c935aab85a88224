"""Answers of Cloud Asset Inventory: everything in an organization, folder or project, and who may do what with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.cloud import asset_v1
from google.protobuf import field_mask_pb2, json_format

from keyproof.demo.gcp.faults import denied
from keyproof.demo.gcp.wire import GoogleError, Request
from keyproof.demo.gcp.world import World

_RESOURCE, _IAM_POLICY = 1, 2
"""Content types that are answered; 0 gives names only."""

_KMS, _SECRETS, _RESOURCES = (
    "cloudkms.googleapis.com",
    "secretmanager.googleapis.com",
    "cloudresourcemanager.googleapis.com",
)


@dataclass(frozen=True, slots=True)
class _Thing:
    """Something in the inventory."""

    type: str
    """The asset type: `cloudkms.googleapis.com/CryptoKey`."""
    name: str
    """The resource's name, without the API before it."""
    resource: Any
    """The message that its own API answers, or a mapping of what that API's JSON has."""
    owner: str
    """The project, folder or organization that it is in or is, projects by number."""
    place: str = ""
    """Its location, where its name does not tell."""
    key: str = ""
    """The customer's key that encrypts it, where it tells that."""

    @property
    def full_name(self) -> str:
        """The name by which the inventory knows it."""
        return f"//{self.type.partition('/')[0]}/{self.name}"

    @property
    def location(self) -> str:
        """Empty for what is in no location."""
        if self.place:
            return self.place
        parts = self.name.split("/")
        if "locations" in parts:
            return parts[parts.index("locations") + 1]
        return "global" if self.type.startswith(_SECRETS) else ""


def _things(world: World) -> Iterator[_Thing]:
    for name, organization in world.organizations.items():
        yield _Thing(f"{_RESOURCES}/Organization", name, organization, name)
    for name, folder in world.folders.items():
        yield _Thing(f"{_RESOURCES}/Folder", name, folder, name)
    for project in world.projects.values():
        yield _Thing(f"{_RESOURCES}/Project", project.name, project, project.name)
    for kind, resources in (
        ("KeyRing", world.key_rings),
        ("CryptoKey", world.keys),
        ("ImportJob", world.import_jobs),
        ("EkmConnection", world.ekm_connections),
        ("CryptoKeyVersion", {version.name: version for made in world.versions.values() for version in made}),
    ):
        for name, resource in resources.items():
            yield _Thing(f"{_KMS}/{kind}", name, resource, world.project_number(name.split("/")[1]))
    versions = {version.name: version for made in world.secret_versions.values() for version in made}
    for kind, resources in (("Secret", world.secrets), ("SecretVersion", versions)):
        for name, resource in resources.items():
            yield _Thing(f"{_SECRETS}/{kind}", name, resource, "/".join(name.split("/")[:2]))
    yield from _credentials(world)
    for name, store in world.data_stores.items():
        made = {"createTime": store.at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        yield _Thing(store.kind, name, made, world.project_number(store.project), store.location, store.key)
    for name, role in world.roles.items():
        yield _Thing("iam.googleapis.com/Role", name, role, world.by_number("/".join(name.split("/")[:2])))


def _credentials(world: World) -> Iterator[_Thing]:
    """Those that have been deleted are not among them."""
    for name, key in world.service_account_keys.items():
        yield _Thing("iam.googleapis.com/ServiceAccountKey", name, key, world.project_number(name.split("/")[1]))
    for name, key in world.api_keys.items():
        if not key.HasField("delete_time"):
            yield _Thing("apikeys.googleapis.com/Key", name, key, "/".join(name.split("/")[:2]))


def _chosen(world: World, request: Request, scope: str, types: Sequence[str]) -> list[_Thing]:
    """What lies in a scope and is of one of the types, or of any where none is given; by type and name."""
    top = world.by_number(scope)
    if top not in {*world.organizations, *world.folders, *(project.name for project in world.projects.values())}:
        raise denied(request)
    within = [thing for thing in _things(world) if top in world.ancestors(thing.owner)]
    return sorted(
        (thing for thing in within if not types or thing.type in types), key=lambda thing: (thing.type, thing.name)
    )


def list_assets(world: World, request: Request) -> Any:
    """Assets with their resources or their policies; only what has a policy comes for policies."""
    asked = request.message
    if asked.HasField("read_time") or asked.relationship_types:
        raise GoogleError("UNIMPLEMENTED", "The embedded inventory knows the present only, and no relationships.")
    if asked.content_type not in _CONTENTS:
        raise GoogleError("UNIMPLEMENTED", "The embedded inventory has resources and IAM policies only.")
    things = _chosen(world, request, asked.parent, asked.asset_types)
    if asked.content_type == _IAM_POLICY:
        things = [thing for thing in things if world.canonical(thing.name) in _policies(world)]
    page, token = world.page(request, things, default=100, most=1000)
    answer = asset_v1.ListAssetsResponse.pb()(next_page_token=token)
    answer.read_time.FromDatetime(world.now)
    for thing in page:
        asset = answer.assets.add(name=thing.full_name, asset_type=thing.type, ancestors=world.ancestors(thing.owner))
        asset.update_time.FromDatetime(world.now)
        _CONTENTS[asked.content_type](world, thing, asset)
    return answer


def _add_nothing(world: World, thing: _Thing, asset: Any) -> None:
    """Names only."""


def _add_resource(world: World, thing: _Thing, asset: Any) -> None:
    api = thing.type.partition("/")[0]
    version = "v3" if api == _RESOURCES else "v1"
    asset.resource.version = version
    asset.resource.discovery_name = thing.type.partition("/")[2]
    asset.resource.discovery_document_uri = f"https://{api}/$discovery/rest?version={version}"
    asset.resource.parent = _parent(thing)
    asset.resource.location = thing.location
    asset.resource.data.update(_document(thing.resource))


def _add_policy(world: World, thing: _Thing, asset: Any) -> None:
    asset.iam_policy.CopyFrom(_policies(world)[world.canonical(thing.name)])


_CONTENTS: Mapping[int, Callable[[World, _Thing, Any], None]] = {
    0: _add_nothing,
    _RESOURCE: _add_resource,
    _IAM_POLICY: _add_policy,
}


def _policies(world: World) -> Mapping[str, Any]:
    """Policies by names that have the project's id."""
    return {world.canonical(name): policy for name, policy in world.policies.items()}


def _document(resource: Any) -> dict[str, Any]:
    if isinstance(resource, Mapping):
        return dict(resource)
    document: dict[str, Any] = json_format.MessageToDict(resource)
    return document


def _parent(thing: _Thing) -> str:
    above = thing.name.split("/")[:-2]
    if "locations" in above[-2:]:
        above = above[:-2]  # a location is no asset
    if len(above) > 2:
        return f"//{thing.type.partition('/')[0]}/{'/'.join(above)}"
    owner = getattr(thing.resource, "parent", "") if not above else thing.owner
    return f"//{_RESOURCES}/{owner}" if owner else ""


def search_all_resources(world: World, request: Request) -> Any:
    """What is found in a scope, with what all resources have in common."""
    asked = request.message
    _unquestioned(asked.query, asked.order_by)
    page, token = world.page(request, _chosen(world, request, asked.scope, asked.asset_types), default=100, most=500)
    answer = asset_v1.SearchAllResourcesResponse.pb()(next_page_token=token)
    for thing in page:
        document = _document(thing.resource)
        folders, organization = _above(world, thing)
        result = asset_v1.ResourceSearchResult.pb()(
            name=thing.full_name,
            asset_type=thing.type,
            project=thing.owner if thing.owner.startswith("projects/") else "",
            folders=folders,
            organization=organization,
            display_name=thing.name.rpartition("/")[2],
            location=thing.location,
            labels=document.get("labels", {}),
            state=document.get("state", ""),
            parent_full_resource_name=_parent(thing),
            kms_keys=[thing.key] if thing.key else [],
        )
        if "createTime" in document:
            result.create_time.FromJsonString(document["createTime"])
        mask = asked.read_mask if asked.read_mask.paths else field_mask_pb2.FieldMask(paths=_DEFAULT_MASK)
        mask.MergeMessage(result, answer.results.add())
    return answer


_DEFAULT_MASK = [field.name for field in asset_v1.ResourceSearchResult.pb().DESCRIPTOR.fields]


def search_all_iam_policies(world: World, request: Request) -> Any:
    """The policies in a scope, each with its conditions."""
    asked = request.message
    _unquestioned(asked.query, asked.order_by)
    policies = _policies(world)
    things = _chosen(world, request, asked.scope, asked.asset_types)
    found = [thing for thing in things if world.canonical(thing.name) in policies]
    page, token = world.page(request, found, default=100, most=500)
    answer = asset_v1.SearchAllIamPoliciesResponse.pb()(next_page_token=token)
    for thing in page:
        folders, organization = _above(world, thing)
        answer.results.add(
            resource=thing.full_name,
            asset_type=thing.type,
            project=thing.owner if thing.owner.startswith("projects/") else "",
            folders=folders,
            organization=organization,
            policy=policies[world.canonical(thing.name)],
        )
    return answer


def _above(world: World, thing: _Thing) -> tuple[list[str], str]:
    ancestors = world.ancestors(thing.owner)
    organization = next((name for name in ancestors if name.startswith("organizations/")), "")
    return [name for name in ancestors if name.startswith("folders/")], organization


def _unquestioned(query: str, order: str) -> None:
    if query or order:
        raise GoogleError("UNIMPLEMENTED", "The embedded inventory neither filters nor sorts, but by asset types.")


OPERATIONS = {
    "asset:ListAssets": list_assets,
    "asset:SearchAllResources": search_all_resources,
    "asset:SearchAllIamPolicies": search_all_iam_policies,
}
