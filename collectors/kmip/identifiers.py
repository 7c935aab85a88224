"""What things of a KMIP server are called in the inventory: identifiers of KMIP are unique on one server only."""

from __future__ import annotations

from urllib.parse import quote


def server_id(address: str) -> str:
    """The id of a server: `kmip://kmip.example.net:5696`."""
    return f"kmip://{address}"


def object_id(address: str, identifier: str) -> str:
    """The id of an object: that of its server, and its unique identifier, as a URL writes it."""
    return f"{server_id(address)}/{quote(identifier, safe='')}"
