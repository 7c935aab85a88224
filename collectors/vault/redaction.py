"""What is taken out of an answer before it is recorded, since it can hold a secret's value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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


def _audit_devices(body: str) -> str:
    """The list of audit devices without the values of any other option; "" where it cannot be read."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return canonical_json(_without_options(answer))


def _without_options(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_options(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _plain(item) if name == "options" else _without_options(item) for name, item in value.items()}


def _plain(options: Any) -> Any:
    if not isinstance(options, dict):
        return WITHHELD if options else options
    return {name: value if name in _PLAIN_OPTIONS else WITHHELD for name, value in options.items()}


REDACTIONS: Mapping[str, Callable[[str], str]] = {"sys:ListAuditDevices": _audit_devices}
"""By operation."""
