"""What members Azure's answers have, as its SDK's own models and Microsoft's REST documentation name them."""

from __future__ import annotations

import importlib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeAlias, Union

_PACKAGES = {
    "keys": "azure.keyvault.keys._generated.models",
    "secrets": "azure.keyvault.secrets._generated.models",
    "certificates": "azure.keyvault.certificates._generated.models",
    "administration": "azure.keyvault.administration._generated.models",
    "keyvault": "azure.mgmt.keyvault.models",
    "authorization": "azure.mgmt.authorization.v2022_04_01.models",
    "subscription": "azure.mgmt.subscription.models",
    "graph": "azure.mgmt.resourcegraph.models",
}

Shape: TypeAlias = "Structure | ListOf | MapOf | type"
"""What a value may be: members, entries, or one of str, int, bool and object, which is anything."""


class InventedAnswer(Exception):
    """An answer that Azure could not give: it does not fit the operation's shape. An error in this package."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, and what its entries are."""

    item: Shape


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose members have any name."""

    value: Shape


@dataclass(frozen=True, slots=True)
class Structure:
    """An object whose members have these names, each of which may be missing."""

    members: Mapping[str, Shape]


def page_of(item: Shape) -> Structure:
    """A page of a list."""
    return Structure({"value": ListOf(item), "nextLink": str})


@cache
def model(name: str) -> Structure:
    """The shape of a model of the SDK, named by its package and class: `keys:KeyBundle`."""
    package, _, class_name = name.partition(":")
    found = getattr(importlib.import_module(_PACKAGES[package]), class_name)
    members = _flat_members(package, found) if hasattr(found, "_attribute_map") else _members(package, found)
    return Structure({**members, **_DOCUMENTED.get(name, {})})


def _members(package: str, of: Any) -> dict[str, Shape]:
    """Of a model that declares its members by annotations."""
    models = importlib.import_module(_PACKAGES[package])
    hints = typing.get_type_hints(of, localns={"_models": models})
    of({})  # the SDK fills in its members' names with the first instance
    fields = of._attr_to_rest_field
    return {field._rest_name: _annotated(package, hints[name], field._format) for name, field in fields.items()}


def _annotated(package: str, hint: Any, written_as: str | None) -> Shape:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        kinds = [argument for argument in arguments if argument is not type(None)]
        return str if str in kinds else _annotated(package, kinds[0], written_as)
    if origin is list:
        return ListOf(_annotated(package, arguments[0], written_as))
    if origin is dict:
        return MapOf(_annotated(package, arguments[1], written_as))
    if hint is datetime:
        return int if written_as == "unix-timestamp" else str
    if hint in (bytes, timedelta) or (isinstance(hint, type) and issubclass(hint, Enum)):
        return str
    if hint in (str, int, bool):
        return typing.cast("type", hint)
    return model(f"{package}:{hint.__name__}") if hint.__module__.startswith(_PACKAGES[package]) else object


def _flat_members(package: str, of: Any) -> dict[str, Shape]:
    """Of a model that maps its attributes to paths within the answer, such as `properties.roleName`."""
    members: dict[str, Any] = {}
    for attribute in of._attribute_map.values():
        *parents, last = attribute["key"].replace("\\.", "\0").split(".")
        inner = members
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last.replace("\0", ".")] = _named(package, attribute["type"])
    return {name: _nested(member) for name, member in members.items()}


def _nested(member: Any) -> Shape:
    if isinstance(member, dict):
        return Structure({name: _nested(inner) for name, inner in member.items()})
    return typing.cast("Shape", member)


def _named(package: str, kind: str) -> Shape:
    if kind.startswith("["):
        return ListOf(_named(package, kind[1:-1]))
    if kind.startswith("{"):
        return MapOf(_named(package, kind[1:-1]))
    plain: Mapping[str, type] = {"str": str, "iso-8601": str, "int": int, "bool": bool, "object": object}
    if kind in plain:
        return plain[kind]
    found = getattr(importlib.import_module(_PACKAGES[package]), kind)
    return str if issubclass(found, Enum) else model(f"{package}:{kind}")


_DOCUMENTED: Mapping[str, Mapping[str, Shape]] = {
    # Keys of ML-DSA, from API version 2026-07-01-preview.
    "keys:JsonWebKey": {"alg": str, "pub": str},
    "subscription:Subscription": {"tenantId": str, "tags": MapOf(str), "managedByTenants": ListOf(MapOf(str))},
}
"""Members that Microsoft's REST reference names and the SDK's models do not have yet."""

DIAGNOSTIC_SETTINGS = Structure(
    {
        "id": str,
        "name": str,
        "type": str,
        "location": str,
        "kind": str,
        "identity": object,
        "tags": object,
        "properties": Structure(
            {
                "storageAccountId": str,
                "serviceBusRuleId": str,
                "workspaceId": str,
                "eventHubAuthorizationRuleId": str,
                "eventHubName": str,
                "marketplacePartnerId": str,
                "logAnalyticsDestinationType": str,
                **{
                    name: ListOf(
                        Structure(
                            {
                                "category": str,
                                "categoryGroup": str,
                                "enabled": bool,
                                "timeGrain": str,
                                "retentionPolicy": Structure({"enabled": bool, "days": int}),
                            }
                        )
                    )
                    for name in ("logs", "metrics")
                },
            }
        ),
    }
)
"""An entry of DiagnosticSettings_List of Microsoft.Insights, API version 2021-05-01-preview."""

WORKSPACE = Structure(
    {
        "id": str,
        "name": str,
        "type": str,
        "location": str,
        "properties": Structure(
            {
                "customerId": str,
                "provisioningState": str,
                "retentionInDays": int,
                "sku": Structure({"name": str}),
                "publicNetworkAccessForIngestion": str,
                "publicNetworkAccessForQuery": str,
            }
        ),
    }
)
"""What Workspaces_Get of Microsoft.OperationalInsights answers, API version 2023-09-01, as far as it is told here."""

STORAGE_ACCOUNT = Structure(
    {
        "id": str,
        "name": str,
        "type": str,
        "location": str,
        "kind": str,
        "sku": Structure({"name": str, "tier": str}),
        "tags": MapOf(str),
        "properties": Structure(
            {
                "provisioningState": str,
                "creationTime": str,
                "keyCreationTime": Structure({"key1": str, "key2": str}),
                "keyPolicy": Structure({"keyExpirationPeriodInDays": int}),
                "allowSharedKeyAccess": bool,
                "publicNetworkAccess": str,
                "networkAcls": Structure(
                    {
                        "bypass": str,
                        "defaultAction": str,
                        "ipRules": ListOf(Structure({"value": str, "action": str})),
                        "virtualNetworkRules": ListOf(Structure({"id": str, "action": str, "state": str})),
                    }
                ),
                "encryption": Structure(
                    {
                        "keySource": str,
                        "keyvaultproperties": Structure(
                            {
                                "keyname": str,
                                "keyversion": str,
                                "keyvaulturi": str,
                                "currentVersionedKeyIdentifier": str,
                            }
                        ),
                        "services": MapOf(Structure({"keyType": str, "enabled": bool, "lastEnabledTime": str})),
                    }
                ),
            }
        ),
    }
)
"""What StorageAccounts_List of Microsoft.Storage answers, API version 2023-05-01, as far as it is told here."""

OPENID_CONFIGURATION = Structure(
    {
        "issuer": str,
        "authorization_endpoint": str,
        "token_endpoint": str,
        "jwks_uri": str,
        "tenant_region_scope": str,
        "cloud_instance_name": str,
        "token_endpoint_auth_methods_supported": ListOf(str),
    }
)
EXTERNAL_KEY_MANAGER = Structure(
    {
        "host": str,
        "path_prefix": str,
        "server_ca_certificates": ListOf(str),
        "server_subject_common_name": str,
        "connectivity_mode": str,
    }
)
"""The answer of GetEkmConnection of a managed HSM, from API version 2026-04-01 on."""
TOKEN = Structure({"token_type": str, "expires_in": int, "ext_expires_in": int, "access_token": str})


def check(shape: Shape, value: Any, place: str) -> None:
    """Raises InventedAnswer where a value does not fit its shape. A null is a missing member that is written."""
    if value is None or shape is object:
        return
    if isinstance(shape, Structure):
        _check_members(shape, value, place)
    elif isinstance(shape, ListOf):
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise InventedAnswer(f"{place}: {value!r} is no list")
        for index, item in enumerate(value):
            check(shape.item, item, f"{place}[{index}]")
    elif isinstance(shape, MapOf):
        for name, item in value.items():
            check(shape.value, item, f"{place}.{name}")
    elif type(value) is not shape:
        raise InventedAnswer(f"{place}: {value!r} is no {shape.__name__}")


def _check_members(shape: Structure, value: Any, place: str) -> None:
    if not isinstance(value, Mapping):
        raise InventedAnswer(f"{place}: {value!r} is no object")
    unknown = set(value) - set(shape.members)
    if unknown:
        raise InventedAnswer(f"{place}: unknown members {sorted(unknown)}")
    for name, member in value.items():
        check(shape.members[name], member, f"{place}.{name}")
