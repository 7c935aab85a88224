"""The least that a KMIP server has to allow, made from the declared operations."""

from __future__ import annotations

import json

from collectors.kmip.operations import OPERATIONS

_OBJECT_TYPES = (
    "CERTIFICATE",
    "OPAQUE_DATA",
    "PGP_KEY",
    "PRIVATE_KEY",
    "PUBLIC_KEY",
    "SECRET_DATA",
    "SPLIT_KEY",
    "SYMMETRIC_KEY",
)
"""PyKMIP's names of the types of managed objects."""

_OF_SERVERS = ("Discover Versions", "Query")
"""Operations that are about the server, so that no object's policy speaks of them."""

POLICY = "keyproof-readable"
"""The name of the policy, which each object has to bear."""


def permissions() -> list[str]:
    """Every operation of KMIP that has to be allowed, sorted."""
    return sorted({operation.grants for operation in OPERATIONS.values()} - {""})


def policy() -> str:
    """An operation policy as a PyKMIP server takes it, with a newline at its end.

    Other servers set up the same in words of their own: the client may do what stands here, and nothing else.
    Source: PyKMIP documentation, server, operation policies.
    """
    allowed = {name.upper().replace(" ", "_"): "ALLOW_ALL" for name in permissions() if name not in _OF_SERVERS}
    return json.dumps({POLICY: {"groups": {"keyproof": dict.fromkeys(_OBJECT_TYPES, allowed)}}}, indent=2) + "\n"
