"""What is taken out of an answer before it is recorded, since it can hold a secret's value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from evidence.observation import canonical_json

WITHHELD = "(withheld)"

_PLAIN_OPTIONS = frozenset(
    [
        "address",
        "elide_list_responses",
        "facility",
        "file_path",
        "format",
        "hmac_accessor",
        "log_raw",
        "mode",
        "prefix",
        "socket_type",
        "tag",
        "write_timeout",
    ]
)
"""Options of audit devices that hold no secret. Headers that a device sends along, for one, can hold a token."""


_PLAIN_DETAILS = frozenset(["host", "max_connection_lifetime", "port", "tls", "username"])
"""Details of a database's connection that hold no secret. The address of one can hold a password anywhere."""


def _withholding(member: str, plain: frozenset[str], body: str) -> str:
    """An answer without the values of any but the plain members of that member; "" where it cannot be read."""
    try:
        return canonical_json(_withheld(json.loads(body), member, plain))
    except (ValueError, RecursionError):
        return ""


def _withheld(value: Any, member: str, plain: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_withheld(item, member, plain) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _plain(item, plain) if name == member else _withheld(item, member, plain) for name, item in value.items()
    }


def _plain(options: Any, plain: frozenset[str]) -> Any:
    if not isinstance(options, dict):
        return WITHHELD if options else options
    return {name: value if name in plain else WITHHELD for name, value in options.items()}


REDACTIONS: Mapping[str, Callable[[str], str]] = {
    "sys:ListAuditDevices": partial(_withholding, "options", _PLAIN_OPTIONS),
    "database:ReadConnection": partial(_withholding, "connection_details", _PLAIN_DETAILS),
}
"""By operation."""
