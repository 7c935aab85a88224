"""What a managed HSM answers about its own role-based access control and its settings."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from keyproof.demo.azure.roles import Role
from keyproof.demo.azure.shapes import EXTERNAL_KEY_MANAGER, model, page_of
from keyproof.demo.azure.wire import AzureError, Request
from keyproof.demo.azure.world import MANAGED_HSM, Assignment, Operation, Store, World
from keyproof.demo.names import stable_bytes, stable_id

_ROLES = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions"


def _hsm(world: World, request: Request) -> Store:
    store = world.asked(request)
    if store.kind != MANAGED_HSM:
        raise AzureError(404, "NotFound", "The operation is not supported by this resource.")
    return store


def _scope(request: Request) -> str:
    return request.parameters["scope"] or "/"


def list_role_assignments(world: World, request: Request) -> Mapping[str, Any]:
    """Those that hold at the scope, and, unless the filter is `atScope()`, those below it."""
    store, scope = _hsm(world, request), _scope(request)
    below = "atScope()" not in request.query.get("$filter", "")
    found = [one for one in store.assignments if _covers(one.scope, scope) or (below and _covers(scope, one.scope))]
    return world.listing(request, found, lambda one: _assignment(store, one))


def _covers(above: str, below: str) -> bool:
    return f"{below.rstrip('/')}/".startswith(f"{above.rstrip('/')}/")


def _assignment(store: Store, one: Assignment) -> dict[str, Any]:
    name = stable_id(store.name, one.scope, one.principal, one.role.id)
    place = one.scope.rstrip("/")
    return {
        "id": f"{place}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "name": name,
        "properties": {
            "principalId": one.principal,
            "roleDefinitionId": f"{_ROLES}/{one.role.id}",
            "scope": one.scope,
        },
        "type": "Microsoft.Authorization/roleAssignments",
    }


def list_role_definitions(world: World, request: Request) -> Mapping[str, Any]:
    store = _hsm(world, request)
    return world.listing(request, world.role_definitions(store), lambda role: _definition(role))


def _definition(role: Role) -> dict[str, Any]:
    return {
        "id": f"{_ROLES}/{role.id}",
        "name": role.id,
        "properties": {
            "assignableScopes": list(role.scopes),
            "description": role.description,
            "permissions": [
                {
                    "actions": list(role.actions),
                    "dataActions": list(role.data_actions),
                    "notActions": list(role.not_actions),
                    "notDataActions": list(role.not_data_actions),
                }
            ],
            "roleName": role.name,
            "type": "CustomRole" if role.custom else "AKVBuiltInRole",
        },
        "type": "Microsoft.Authorization/roleDefinitions",
    }


def get_settings(world: World, request: Request) -> Mapping[str, Any]:
    store = _hsm(world, request)
    return {"settings": [_setting(name, value) for name, value in store.settings.items()]}


def get_setting(world: World, request: Request) -> Mapping[str, Any]:
    store, name = _hsm(world, request), request.parameters["setting"]
    if name not in store.settings:
        raise AzureError(404, "SettingNotFound", f"Setting {name} was not found.")
    return _setting(name, store.settings[name])


def _setting(name: str, value: bool) -> dict[str, Any]:
    return {"name": name, "value": "true" if value else "false", "type": "boolean"}


def get_ekm_connection(world: World, request: Request) -> Mapping[str, Any]:
    """Raises AzureError where the managed HSM reaches no external key manager."""
    store = _hsm(world, request)
    if not store.external_key_manager:
        raise AzureError(404, "NotFound", "The EKM connection does not exist.")
    certificate = stable_bytes(600, store.name, "external key manager")
    return {
        "host": store.external_key_manager,
        "path_prefix": "/api/v1",
        "server_ca_certificates": [base64.b64encode(b"\x30\x82\x02\x58" + certificate).decode()],
        "server_subject_common_name": store.external_key_manager,
    }


_LOCAL = "Microsoft.KeyVault/managedHsm"
OPERATIONS = {
    "administration:RoleAssignments_ListForScope": Operation(
        list_role_assignments, page_of(model("administration:RoleAssignment")), f"{_LOCAL}/roleAssignments/read/action"
    ),
    "administration:RoleDefinitions_List": Operation(
        list_role_definitions, page_of(model("administration:RoleDefinition")), f"{_LOCAL}/roleDefinitions/read/action"
    ),
    "administration:GetSettings": Operation(
        get_settings, model("administration:SettingsListResult"), f"{_LOCAL}/settings/read/action"
    ),
    "administration:GetSetting": Operation(
        get_setting, model("administration:Setting"), f"{_LOCAL}/settings/read/action"
    ),
    "administration:GetEkmConnection": Operation(get_ekm_connection, EXTERNAL_KEY_MANAGER, f"{_LOCAL}/ekm/read"),
}
