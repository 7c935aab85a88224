"""What the management plane answers about role assignments, role definitions and deny assignments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from keyproof.demo.azure.roles import Role
from keyproof.demo.azure.shapes import model, page_of
from keyproof.demo.azure.wire import AzureError, Request
from keyproof.demo.azure.world import Assignment, Operation, World, iso
from keyproof.demo.names import days, stable_id

_PROVIDER = "providers/Microsoft.Authorization"


def list_role_assignments(world: World, request: Request) -> Mapping[str, Any]:
    """Those that hold at the scope, and, unless the filter is `atScope()`, those below it."""
    scope, wanted = request.parameters["scope"], request.query.get("$filter", "")
    principal = re.search(r"(?:principalId eq |assignedTo\()'([^']*)'", wanted)
    found = [
        one
        for one in world.assignments
        if (_covers(one.scope, scope) or ("atScope()" not in wanted and _covers(scope, one.scope)))
        and (principal is None or principal[1].lower() == one.principal)
    ]
    return world.listing(request, found, lambda one: _assignment(world, one))


def _covers(above: str, below: str) -> bool:
    """A scope is another or above it. Management groups are above every subscription of this world."""
    above = above.rstrip("/").lower()
    management_group = above.startswith("/providers/microsoft.management/") and not below.startswith("/providers/")
    return management_group or f"{below.rstrip('/').lower()}/".startswith(f"{above}/")


def _assignment(world: World, one: Assignment) -> dict[str, Any]:
    name = stable_id(one.scope, one.principal, one.role.id)
    at = iso(one.at or world.now - days(700))
    return {
        "id": f"{one.scope.rstrip('/')}/{_PROVIDER}/roleAssignments/{name}",
        "name": name,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": _definition_id(one.role, one.scope),
            "principalId": one.principal,
            "principalType": one.kind,
            "scope": one.scope,
            "condition": one.condition or None,
            "conditionVersion": "2.0" if one.condition else None,
            "createdOn": at,
            "updatedOn": at,
            "createdBy": stable_id("administrator"),
            "updatedBy": stable_id("administrator"),
            "delegatedManagedIdentityResourceId": None,
            "description": None,
        },
    }


def _definition_id(role: Role, scope: str) -> str:
    """Within a subscription, even a built-in role's id has the subscription before it."""
    found = re.match("/subscriptions/[^/]+", scope, re.IGNORECASE)
    return f"{found[0] if found else ''}/{_PROVIDER}/roleDefinitions/{role.id}"


def list_role_definitions(world: World, request: Request) -> Mapping[str, Any]:
    scope, wanted = request.parameters["scope"], request.query.get("$filter", "").lower()
    kind = re.search(r"type eq '(\w+)'", wanted)
    found = [
        role
        for role in world.role_definitions()
        if any(_covers(place, scope) or _covers(scope, place) for place in role.scopes)
        and (kind is None or kind[1] == _kind(role).lower())
    ]
    return world.listing(request, found, lambda role: _definition(world, role, scope))


def get_role_definition(world: World, request: Request) -> Mapping[str, Any]:
    for role in world.role_definitions():
        if role.id == request.parameters["role"].lower():
            return _definition(world, role, request.parameters["scope"])
    text = f"The specified role definition with ID '{request.parameters['role']}' does not exist."
    raise AzureError(404, "RoleDefinitionDoesNotExist", text)


def _kind(role: Role) -> str:
    return "CustomRole" if role.custom else "BuiltInRole"


def _definition(world: World, role: Role, scope: str) -> dict[str, Any]:
    at = iso(world.now - days(1500))
    return {
        "id": _definition_id(role, scope),
        "name": role.id,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": _kind(role),
            "description": role.description,
            "assignableScopes": list(role.scopes),
            "permissions": [
                {
                    "actions": list(role.actions),
                    "notActions": list(role.not_actions),
                    "dataActions": list(role.data_actions),
                    "notDataActions": list(role.not_data_actions),
                }
            ],
            "createdOn": at,
            "updatedOn": at,
            "createdBy": None,
            "updatedBy": None,
        },
    }


def list_deny_assignments(world: World, request: Request) -> Mapping[str, Any]:
    scope = request.parameters["scope"]
    found = [one for one in world.deny_assignments if _covers(str(one["properties"]["scope"]), scope)]
    return world.listing(request, found, lambda one: one)


OPERATIONS = {
    "arm:RoleAssignments_ListForScope": Operation(
        list_role_assignments,
        page_of(model("authorization:RoleAssignment")),
        "Microsoft.Authorization/roleAssignments/read",
    ),
    "arm:RoleDefinitions_List": Operation(
        list_role_definitions,
        page_of(model("authorization:RoleDefinition")),
        "Microsoft.Authorization/roleDefinitions/read",
    ),
    "arm:RoleDefinitions_Get": Operation(
        get_role_definition,
        model("authorization:RoleDefinition"),
        "Microsoft.Authorization/roleDefinitions/read",
    ),
    "arm:DenyAssignments_ListForScope": Operation(
        list_deny_assignments,
        page_of(model("authorization:DenyAssignment")),
        "Microsoft.Authorization/denyAssignments/read",
    ),
}
