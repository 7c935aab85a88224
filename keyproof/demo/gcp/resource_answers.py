"""Answers of Resource Manager: organizations, folders and projects, and who may do what in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.cloud import resourcemanager_v3

from keyproof.demo.gcp.faults import denied
from keyproof.demo.gcp.wire import GoogleError, Request
from keyproof.demo.gcp.world import World

_DEFAULT, _MOST = 300, 300


def get_project(world: World, request: Request) -> Any:
    return world.projects[world.project_id(request.part("projects"))]


def list_projects(world: World, request: Request) -> Any:
    """The projects directly below an organization or folder."""
    _known(world, request, request.message.parent)
    entries = [world.projects[name] for name in sorted(world.projects)]
    entries = [project for project in entries if project.parent == request.message.parent]
    page, token = world.page(request, entries, default=_DEFAULT, most=_MOST)
    return resourcemanager_v3.ListProjectsResponse.pb()(projects=page, next_page_token=token)


def search_projects(world: World, request: Request) -> Any:
    """All projects that the caller may see and that a query fits."""
    entries = [world.projects[name] for name in sorted(world.projects)]
    page, token = world.page(request, _fitting(request, entries), default=_DEFAULT, most=_MOST)
    return resourcemanager_v3.SearchProjectsResponse.pb()(projects=page, next_page_token=token)


def get_folder(world: World, request: Request) -> Any:
    return _known(world, request, request.message.name)


def list_folders(world: World, request: Request) -> Any:
    """The folders directly below an organization or folder."""
    _known(world, request, request.message.parent)
    entries = [world.folders[name] for name in sorted(world.folders)]
    entries = [folder for folder in entries if folder.parent == request.message.parent]
    page, token = world.page(request, entries, default=_DEFAULT, most=_MOST)
    return resourcemanager_v3.ListFoldersResponse.pb()(folders=page, next_page_token=token)


def search_folders(world: World, request: Request) -> Any:
    """All folders that the caller may see and that a query fits."""
    entries = [world.folders[name] for name in sorted(world.folders)]
    page, token = world.page(request, _fitting(request, entries), default=_DEFAULT, most=_MOST)
    return resourcemanager_v3.SearchFoldersResponse.pb()(folders=page, next_page_token=token)


def get_organization(world: World, request: Request) -> Any:
    return _known(world, request, request.message.name)


def search_organizations(world: World, request: Request) -> Any:
    """All organizations that the caller may see and that a query fits."""
    entries = [world.organizations[name] for name in sorted(world.organizations)]
    page, token = world.page(request, _fitting(request, entries), default=_DEFAULT, most=_MOST)
    return resourcemanager_v3.SearchOrganizationsResponse.pb()(organizations=page, next_page_token=token)


def get_iam_policy(world: World, request: Request) -> Any:
    name = world.by_number(request.message.resource)
    if not name.startswith("projects/"):
        _known(world, request, name)
    return world.policy(name, request.message.options.requested_policy_version)


def _known(world: World, request: Request, name: str) -> Any:
    """A folder or organization. Resource Manager refuses rather than say that there is none."""
    found = world.organizations.get(name) or world.folders.get(name)
    if found is None:
        raise denied(request)
    return found


_FIELDS = {"parent": "parent", "id": "project_id", "projectid": "project_id", "displayname": "display_name"}


def _fitting(request: Request, entries: list[Any]) -> list[Any]:
    """The entries that a query such as `parent:folders/123 state:ACTIVE` fits.

    Raises UNIMPLEMENTED for what else Google can be asked.
    """
    wanted = _conditions(request.message.query)
    return [entry for entry in entries if all(_value(entry, name) == value for name, value in wanted.items())]


def _conditions(query: str) -> Mapping[str, str]:
    conditions: dict[str, str] = {}
    for word in query.replace(" AND ", " ").split():
        name, separator, value = word.replace("=", ":", 1).partition(":")
        if not separator or name.lower() not in (*_FIELDS, "state"):
            raise GoogleError("UNIMPLEMENTED", f"The embedded Resource Manager does not understand {word!r}.")
        conditions[name.lower()] = value
    return conditions


def _value(entry: Any, name: str) -> str:
    if name == "state":
        state = entry.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[entry.state]
        return str(state.name)
    return str(getattr(entry, _FIELDS[name], ""))


OPERATIONS = {
    "resourcemanager:GetProject": get_project,
    "resourcemanager:ListProjects": list_projects,
    "resourcemanager:SearchProjects": search_projects,
    "resourcemanager:GetFolder": get_folder,
    "resourcemanager:ListFolders": list_folders,
    "resourcemanager:SearchFolders": search_folders,
    "resourcemanager:GetOrganization": get_organization,
    "resourcemanager:SearchOrganizations": search_organizations,
    "resourcemanager:GetIamPolicy": get_iam_policy,
}
