"""ACL policies as Vault and OpenBao store them: from text to rules on paths, or an error where it is no policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from collectors.vault.hcl import HclError, Item, Number, Object, Value, read_hcl
from evidence.observation import JSON, canonical_json

DENY = "deny"

CAPABILITIES = frozenset(
    {DENY, "create", "read", "update", "delete", "list", "sudo", "patch", "scan", "subscribe", "recover"}
)
"""`scan` is OpenBao's; `subscribe` and `recover` are Vault's."""

OLD_POLICIES: Mapping[str, frozenset[str]] = {
    "deny": frozenset({DENY}),
    "read": frozenset({"read", "list"}),
    "write": frozenset({"create", "read", "update", "delete", "list"}),
    "sudo": frozenset({"create", "read", "update", "delete", "list", "sudo"}),
}
"""What `policy = "…"` stood for before there were capabilities; servers still read it."""

_RESTRICTIONS = (
    "allowed_parameters",
    "denied_parameters",
    "required_parameters",
    "min_wrapping_ttl",
    "max_wrapping_ttl",
    "mfa_methods",
    "control_group",
)
"""What narrows requests that the capabilities allow."""

_WITHOUT_EFFECT = (
    "comment",
    "pagination_limit",
    "list_scan_response_keys_filter_path",
    "subscribe_event_types",
)
"""What changes nothing about who may use a key or a secret."""

_ATTRIBUTES = frozenset({"capabilities", "policy", "expiration", *_RESTRICTIONS, *_WITHOUT_EFFECT})

_SECONDS = re.compile(r"-?\d{1,12}")


class PolicyError(ValueError):
    """The text is not an ACL policy. The message says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a policy says about the paths that one pattern describes."""

    path: str
    """As the policy writes it, without a slash at its beginning; templates stand in it as they are."""
    capabilities: frozenset[str]
    """`deny` stands alone; none is as good as `deny` where no other rule on the same path adds any."""
    restrictions: str
    """What narrows it, as canonical JSON; `{}` for nothing."""
    expires_at: datetime | None = None
    """From when on it counts for nothing (OpenBao); None for never."""

    @property
    def templated(self) -> bool:
        """What it describes depends on who asks."""
        return "{{" in self.path


@lru_cache(maxsize=4096)
def parse_policy(text: str) -> tuple[Rule, ...]:
    """The rules of a policy. Raises PolicyError where it is none, or has a part whose meaning is not known.

    What it says is kept, since each mount of a namespace is under the same policies.
    Source: HashiCorp Vault documentation, Policies; OpenBao documentation, Policies.
    """
    try:
        document = read_hcl(text)
    except HclError as error:
        raise PolicyError(str(error)) from error
    of_paths = _json_paths if text.lstrip().startswith("{") else _paths
    for item in document.items:
        if item.keys[0] not in ("path", "name"):
            raise PolicyError(f"{item.keys[0][:50]!r} is neither path nor name")
    return tuple(
        _rule(path, body) for item in document.items if item.keys[0] == "path" for path, body in of_paths(item)
    )


def _paths(item: Item) -> Iterator[tuple[str, Value]]:
    """A block without a path is read as one about the path `path`; of two paths the first counts."""
    yield (item.keys[1] if len(item.keys) > 1 else "path"), item.value


def _json_paths(item: Item) -> Iterator[tuple[str, Value]]:
    blocks = item.value if isinstance(item.value, tuple) else (item.value,)
    for block in blocks:
        if not isinstance(block, Object):
            raise PolicyError("path is no object")
        for inner in block.items:
            yield inner.keys[0], inner.value


def _rule(path: str, body: Value) -> Rule:
    if not isinstance(body, Object):
        raise PolicyError(f"path {path[:50]!r} is no object")
    told: dict[str, list[Value]] = {}
    for item in body.items:
        name, value = item.keys[0], item.value
        if name not in _ATTRIBUTES:
            raise PolicyError(f"path {path[:50]!r} has an attribute that is not known: {name[:50]!r}")
        for key in reversed(item.keys[1:]):
            value = Object((Item((key,), value),))
        told.setdefault(name, []).append(value)
    if "+*" in path:
        raise PolicyError(f"path {path[:50]!r} joins + and *")
    _check_templates(path)
    restrictions = {name: _restriction(name, told[name]) for name in _RESTRICTIONS if name in told}
    return Rule(
        path=path.removeprefix("/"),
        capabilities=_capabilities(path, told),
        restrictions=canonical_json({name: value for name, value in restrictions.items() if value is not None}),
        expires_at=_expiration(told.get("expiration", [])),
    )


def _check_templates(path: str) -> None:
    """Raises PolicyError where `{{` and `}}` do not take turns."""
    expected = "{{"
    for brace in re.findall(r"\{\{|\}\}", path):
        if brace != expected:
            break
        expected = "}}" if brace == "{{" else "{{"
    else:
        if expected == "{{":
            return
    raise PolicyError(f"path {path[:50]!r} has a template that does not begin or end")


def _capabilities(path: str, told: Mapping[str, list[Value]]) -> frozenset[str]:
    found: set[str] = set()
    for value in told.get("capabilities", []):
        if not isinstance(value, tuple):
            raise PolicyError(f"the capabilities of path {path[:50]!r} are no list")
        for name in value:
            if not isinstance(name, str) or name not in CAPABILITIES:
                raise PolicyError(f"path {path[:50]!r} has a capability that is not known")
            found.add(name)
    for old in told.get("policy", [])[-1:]:
        if old == "":
            continue
        if not isinstance(old, str) or old not in OLD_POLICIES:
            raise PolicyError(f"path {path[:50]!r} has a policy that is not known")
        found |= OLD_POLICIES[old]
    return frozenset({DENY}) if DENY in found else frozenset(found)


def _restriction(name: str, values: list[Value]) -> JSON | None:
    """What an attribute says, or None where it narrows nothing. One that is given twice adds up, as servers read it."""
    return _READERS.get(name, _last)(values)


def _parameters(values: list[Value]) -> JSON | None:
    """Names in lower case, each with the values that it may have; none for any."""
    parameters: dict[str, JSON] = {}
    for value in values:
        for item in value.items if isinstance(value, Object) else ():
            listed = item.value if isinstance(item.value, tuple) else (item.value,)
            name = item.keys[0].lower()
            known = parameters.get(name, [])
            parameters[name] = [*(known if isinstance(known, list) else []), *map(_json, listed)]
    return parameters or None


def _names(values: list[Value]) -> JSON | None:
    names = [_json(name) for value in values for name in (value if isinstance(value, tuple) else (value,))]
    return list(dict.fromkeys(map(str, names))) or None


def _last(values: list[Value]) -> JSON | None:
    value = _json(values[-1])
    return None if value in ("", "0", "0s") else value


_READERS: Mapping[str, Callable[[list[Value]], JSON | None]] = {
    "allowed_parameters": _parameters,
    "denied_parameters": _parameters,
    "required_parameters": _names,
    "mfa_methods": _names,
}


def _json(value: Value) -> JSON:
    if isinstance(value, Number):
        return value.text
    if isinstance(value, tuple):
        return [_json(member) for member in value]
    if isinstance(value, Object):
        return [{" ".join(item.keys): _json(item.value)} for item in value.items]
    return value


def _expiration(values: list[Value]) -> datetime | None:
    """A time in RFC 3339 or in seconds since 1970; "" for never."""
    value = values[-1] if values else ""
    text = value.text if isinstance(value, Number) else value
    if text == "":
        return None
    try:
        if isinstance(text, str) and _SECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(str(text))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise PolicyError("an expiration is no time")
