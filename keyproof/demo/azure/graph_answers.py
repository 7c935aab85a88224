"""What Azure Resource Graph answers to queries of a few words: a table, `where`, `project` and `order by`."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from keyproof.demo.azure.shapes import model
from keyproof.demo.azure.vault_answers import managed_hsm, vault
from keyproof.demo.azure.wire import AzureError, Request
from keyproof.demo.azure.world import VAULT, Operation, Store, World

Row: TypeAlias = "Mapping[str, Any]"

_EQUAL = re.compile(r"where\s+([\w.]+)\s*(=~|==)\s*['\"]([^'\"]*)['\"]")
_AMONG = re.compile(r"where\s+([\w.]+)\s+in(~?)\s*\(([^)]*)\)")


def resources(world: World, request: Request) -> Mapping[str, Any]:
    document = request.document
    options = document.get("options") or {}
    rows: Sequence[Row] = _table(world, document)
    _, *steps = [step.strip() for step in str(document.get("query", "")).split("|")]
    for step in steps:
        rows = _apply(step, rows)
    start = _start(options.get("$skipToken"))
    top = min(int(options.get("$top", 1000)), 1000, world.page_sizes.get(request.name, 1000))
    page = rows[start : start + top]
    more = start + top < len(rows)
    answer = {"totalRecords": len(rows), "count": len(page), "resultTruncated": "true" if more else "false"}
    token = base64.urlsafe_b64encode(f"from {start + top}".encode()).decode()
    return {**answer, "data": list(page), "facets": [], **({"$skipToken": token} if more else {})}


def _table(world: World, document: Mapping[str, Any]) -> list[Row]:
    wanted = {str(one).lower() for one in document.get("subscriptions") or world.subscriptions}
    name = str(document.get("query", "")).partition("|")[0].strip().lower()
    if name == "resources":
        stores = [store for _, store in sorted(world.stores.items()) if store.deleted_at is None]
        return [_resource(world, store) for store in stores if store.subscription in wanted]
    if name == "resourcecontainers":
        found = [one for one in world.subscriptions.values() if one.id in wanted]
        kind = "microsoft.resources/subscriptions"
        return [
            {
                "id": f"/subscriptions/{one.id}",
                "name": one.name,
                "type": kind,
                "tenantId": world.tenant,
                "subscriptionId": one.id,
                "properties": {"state": one.state},
            }
            for one in found
        ]
    raise _invalid(f"Failed to resolve table or column: {name!r}")


def _resource(world: World, store: Store) -> Row:
    described = vault(world, store) if store.kind == VAULT else managed_hsm(world, store)
    return {
        "id": store.id,
        "name": store.name,
        "type": described["type"].lower(),
        "tenantId": world.tenant,
        "kind": "",
        "location": store.location,
        "resourceGroup": store.group.lower(),
        "subscriptionId": store.subscription,
        "managedBy": "",
        "sku": described.get("sku"),
        "plan": None,
        "properties": described["properties"],
        "tags": described["tags"],
        "identity": None,
        "zones": None,
        "extendedLocation": None,
    }


def _apply(step: str, rows: Sequence[Row]) -> Sequence[Row]:
    for word, applied in _STEPS.items():
        if step.lower().startswith(word):
            return applied(step, rows)
    raise _invalid(f"Query is invalid near {step!r}")


def _where(step: str, rows: Sequence[Row]) -> Sequence[Row]:
    equal, among = _EQUAL.fullmatch(step), _AMONG.fullmatch(step)
    if equal is not None:
        column, loose, values = equal[1], equal[2] == "=~", [equal[3]]
    elif among is not None:
        column, loose = among[1], bool(among[2])
        values = [value.strip().strip("'\"") for value in among[3].split(",")]
    else:
        raise _invalid(f"Query is invalid near {step!r}")
    wanted = {value.lower() if loose else value for value in values}
    return [row for row in rows if _compared(_value(row, column), loose) in wanted]


def _compared(value: Any, loose: bool) -> str:
    return str(value).lower() if loose else str(value)


def _value(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = row.get(name) if isinstance(row, Mapping) else None
    return row


def _project(step: str, rows: Sequence[Row]) -> Sequence[Row]:
    columns = [part.strip() for part in step[len("project") :].split(",")]
    named = [(part.partition("=")[0].strip(), (part.partition("=")[2] or part).strip()) for part in columns]
    return [{name.replace(".", "_"): _value(row, path) for name, path in named} for row in rows]


def _order(step: str, rows: Sequence[Row]) -> Sequence[Row]:
    words = step.split()
    return sorted(rows, key=lambda row: str(_value(row, words[2])), reverse=words[-1] == "desc")


_STEPS: Mapping[str, Callable[[str, Sequence[Row]], Sequence[Row]]] = {
    "where": _where,
    "project": _project,
    "order by": _order,
    "sort by": _order,
}


def _start(token: object) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(str(token)).decode().removeprefix("from "))
    except ValueError as error:
        raise _invalid("The skip token is not valid.") from error


def _invalid(text: str) -> AzureError:
    return AzureError(400, "BadRequest", f"Please provide below info when asking for support. {text}")


OPERATIONS = {
    "graph:Resources": Operation(resources, model("graph:QueryResponse"), "Microsoft.ResourceGraph/resources/read")
}
