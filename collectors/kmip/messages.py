"""The requests that keyproof sends to a KMIP server. There is none that could change anything or take a key out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from collectors.kmip import ttlv
from collectors.kmip.answers import items_of
from collectors.kmip.names import MASKS
from collectors.source import UndeclaredOperation
from evidence.observation import JSON

Parameters = Mapping[str, JSON]

LARGEST_ANSWER = 8 << 20
"""Bytes of an answer: far above a page of identifiers or the attributes of an object, and bounded."""


def _discover(parameters: Parameters) -> list[bytes]:
    return []


def _query(parameters: Parameters) -> list[bytes]:
    functions = parameters["functions"]
    if not isinstance(functions, list):
        raise TypeError("functions are a list")
    return [ttlv.enumeration("Query Function", str(name)) for name in functions]


def _locate(parameters: Parameters) -> list[bytes]:
    items = []
    for name, tag in (("maximum_items", "Maximum Items"), ("offset_items", "Offset Items")):
        if name in parameters:
            items.append(ttlv.integer(tag, int(str(parameters[name]))))
    bits = {name: bit for bit, name in MASKS["Storage Status Mask"].items()}
    statuses = parameters["storage_statuses"]
    if not isinstance(statuses, list):
        raise TypeError("storage statuses are a list")
    items.append(ttlv.integer("Storage Status Mask", sum(bits[str(name)] for name in statuses)))
    return items


def _get_attributes(parameters: Parameters) -> list[bytes]:
    """Without names of attributes all are told. Source: KMIP Specification 2.1, Get Attributes."""
    return [ttlv.text("Unique Identifier", str(parameters["unique_identifier"]))]


_PAYLOADS: Mapping[str, tuple[str, Callable[[Parameters], list[bytes]]]] = {
    "kmip:DiscoverVersions": ("Discover Versions", _discover),
    "kmip:Query": ("Query", _query),
    "kmip:Locate": ("Locate", _locate),
    "kmip:GetAttributes": ("Get Attributes", _get_attributes),
}

ALLOWED = {operation for operation, _ in _PAYLOADS.values()}
"""The only operations of KMIP that may stand in a request."""


def operation_of(name: str) -> str:
    """What KMIP calls a declared operation: `Get Attributes`."""
    return _PAYLOADS[name][0]


def request(name: str, parameters: Parameters, version: str, username: str = "", password: str = "") -> bytes:
    """A message that asks for one operation. Raises UndeclaredOperation where keyproof does not ask for that."""
    if name not in _PAYLOADS:
        raise UndeclaredOperation(f"{name} is not declared by this collector, so it is not called")
    operation, payload = _PAYLOADS[name]
    major, minor = map(int, version.split("."))
    header = [
        ttlv.structure(
            "Protocol Version",
            ttlv.integer("Protocol Version Major", major),
            ttlv.integer("Protocol Version Minor", minor),
        ),
        ttlv.integer("Maximum Response Size", LARGEST_ANSWER),
    ]
    if username:
        credential = ttlv.structure(
            "Credential",
            ttlv.enumeration("Credential Type", "Username and Password"),
            ttlv.structure("Credential Value", ttlv.text("Username", username), ttlv.text("Password", password)),
        )
        header.append(ttlv.structure("Authentication", credential))
    header.append(ttlv.integer("Batch Count", 1))
    return ttlv.structure(
        "Request Message",
        ttlv.structure("Request Header", *header),
        ttlv.structure(
            "Batch Item",
            ttlv.enumeration("Operation", operation),
            ttlv.structure("Request Payload", *payload(parameters)),
        ),
    )


def check_request(message: bytes) -> None:
    """Raises UndeclaredOperation where a message asks for anything but what keyproof declares."""
    asked: list[Any] = []
    for item in items_of(ttlv.read(message)):
        if item["tag"] == "Batch Item":
            asked += [one.get("value") for one in items_of(item) if one["tag"] == "Operation"]
    if len(asked) != 1 or not ALLOWED.issuperset(asked):
        raise UndeclaredOperation(
            f"{', '.join(map(str, asked)) or 'nothing'} is not declared by this collector: not sent"
        )
