"""One API exchange, recorded verbatim before anything interprets it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

_MEMBER_TYPES = {"parameters": dict, "attempts": int}
"""Members of an observation that are no text."""

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"


class Status(StrEnum):
    """How an exchange ended. Everything but `ok` becomes a gap."""

    OK = "ok"
    REFUSED = "refused"
    """The provider answered that the caller may not read this."""
    FAILED = "failed"
    """No usable answer: a throttle given up, a timeout, a server error, an answer that is not JSON."""
    SWITCHED_OFF = "switched_off"
    """The thing asked is not enabled (a region that the account has not opted into)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One exchange with a source, refused ones too.

    `body` is the answer as it came. Where the wire is JSON that is its very text; where it is not (CBOR, XML, gRPC,
    PKCS#11) it is the message's canonical JSON. Bytes that are no UTF-8 are kept as `base64:…`.
    Times are ISO 8601 in UTC with microseconds.
    """

    id: str
    source: str
    scope: str
    subject: str
    """What it is about: a key's ARN, or "" for the scope itself. One subject's observations stand together."""
    operation: str
    """`service:Operation` as the provider's permissions name it."""
    parameters: dict[str, JSON]
    requested_at: str
    received_at: str
    status: Status
    error: str
    """The provider's error code and message, or "" where `status` is ok."""
    request_id: str
    attempts: int
    identity: str
    """Who asked, as the provider names the caller; "" where that is not known."""
    body: str
    sha256: str
    """SHA-256 of `body` in UTF-8, in hexadecimal."""

    @property
    def ok(self) -> bool:
        """The provider answered."""
        return self.status is Status.OK

    def to_line(self) -> str:
        """This observation as one line of JSON, newline included."""
        told = {name: getattr(self, name) for name in self.__slots__}  # asdict copies: three times as slow
        return json.dumps(told, ensure_ascii=True, separators=(",", ":"), sort_keys=True) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Observation:
        """The observation of one line. Raises ValueError where the line is none."""
        try:
            values = json.loads(line)
            observation = cls(**{**values, "status": Status(values["status"])})
        except (TypeError, KeyError, RecursionError, json.JSONDecodeError) as error:
            raise ValueError(f"not an observation: {error}") from error
        for name, value in values.items():
            if type(value) is not _MEMBER_TYPES.get(name, str):
                raise ValueError(f"not an observation: {name} is {type(value).__name__}")
        return observation


def canonical_json(value: Any) -> str:
    """`value` as JSON with sorted keys and no spaces, so that equal values give equal text."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)


def short_id(prefix: str, *parts: str) -> str:
    """A stable id of 12 hexadecimal digits that an assessor can cite, such as `OBS-3f9a1c2b4d5e`."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
    return f"{prefix}-{digest[:12]}"


def observation_id(scope: str, operation: str, parameters: Mapping[str, JSON]) -> str:
    """The id of an exchange: it depends on what was asked where, so a repeated run cites the same ids."""
    return short_id("OBS", scope, operation, canonical_json(dict(parameters)))


def body_text(data: bytes) -> str:
    """Wire bytes as the text that `Observation.body` keeps."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(data).decode("ascii")


def body_digest(body: str) -> str:
    """SHA-256 of a body, in hexadecimal."""
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def iso(moment: datetime) -> str:
    """A UTC time as observations write it."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
