"""What ACL policies allow on a path: which of their rules decides, and what it says.

Rules on one and the same path add up, and `deny` among them is all that counts. Of rules on different paths only the
most specific decides, so that a narrow one can take back what a wide one gives. Source: HashiCorp Vault documentation,
Policies, "Priority matching"; OpenBao documentation, Policies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from collectors.vault.policy_document import DENY, Rule
from evidence.observation import JSON, canonical_json

ROOT = "root"
"""The policy without rules that allows everything."""

DEFAULT = "default"
"""The policy that tokens have unless they are told not to."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules on one path say together."""

    path: str
    """As the rules write it."""
    capabilities: frozenset[str]
    restrictions: Mapping[str, JSON] = field(default_factory=dict)
    policies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Capability → names of the policies that give it."""

    def allows(self, wanted: Iterable[str], *, sudo: bool = False) -> bool:
        """One of the wanted capabilities is given, and `sudo` where that is needed."""
        return not self.capabilities.isdisjoint(wanted) and (not sudo or "sudo" in self.capabilities)

    def granting(self, wanted: Iterable[str]) -> list[str]:
        """The policies that give one of them, sorted."""
        return sorted({name for capability in wanted for name in self.policies.get(capability, ())})


NOTHING = Decision("", frozenset({DENY}))
"""What is said about a path that no rule describes."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The paths that a rule describes: segment by segment, `+` for any one, and with a `*` at its end any beginning."""

    path: str
    segments: tuple[str, ...]
    open: bool
    """It ends with `*`: the last segment is the beginning of what may follow, over any number of segments."""

    @classmethod
    def of(cls, path: str) -> Pattern:
        """A `*` anywhere but at the end is a character like any other, and so is a `+` that is no whole segment."""
        open = path.endswith("*")
        return cls(path, tuple((path[:-1] if open else path).split("/")), open)

    @property
    def segmented(self) -> bool:
        """A server compares it segment by segment. Source: `HasSegmentWildcards` in Vault's policies."""
        return self.path == "+" or "/+" in self.path or self.path.startswith("+/")

    @property
    def wild(self) -> bool:
        """It describes more than one path, or is compared as those are that do."""
        return self.open or self.segmented

    def describes(self, parts: Sequence[str]) -> bool:
        """The path of these segments is one of them."""
        if len(parts) < len(self.segments) or (not self.open and len(parts) != len(self.segments)):
            return False
        *whole, last = self.segments
        wild = self.segmented
        if not all((wild and own == "+") or own == part for own, part in zip(whole, parts, strict=False)):
            return False
        part = parts[len(whole)]
        return (wild and last == "+") or last == part or (self.open and part.startswith(last))

    @property
    def rank(self) -> tuple[int, bool, int, int, bytes]:
        """The greatest rank of those that describe a path decides: the later the first wildcard, the greater it is.

        Servers count bytes.
        """
        text = (self.path[:-1] if self.open else self.path).encode("utf-8", "surrogatepass")
        if not self.segmented:
            return len(text), not self.open, 0, len(text), text
        wildcards = sum(segment == "+" for segment in self.segments)
        return text.index(b"+"), not self.open, -wildcards, len(text), text


class AccessList:
    """The rules of one or more policies as a token that has them all is held to."""

    def __init__(self, policies: Mapping[str, Iterable[Rule]], at: datetime) -> None:
        """Rules that have expired by `at` count for nothing. The policy `root` allows everything."""
        self.root = ROOT in policies
        self._exact: dict[str, Decision] = {}
        self._wild: dict[str, tuple[Pattern, Decision]] = {}
        for name, rules in policies.items():
            for rule in rules:
                if rule.expires_at is None or rule.expires_at >= at:
                    self._add(name, rule)

    def _add(self, name: str, rule: Rule) -> None:
        pattern = Pattern.of(rule.path)
        decision = Decision(
            rule.path,
            rule.capabilities,
            json.loads(rule.restrictions),
            {capability: frozenset({name}) for capability in rule.capabilities},
        )
        if pattern.wild:
            known = self._wild.get(rule.path)
            self._wild[rule.path] = (pattern, _both(known[1], decision) if known else decision)
        else:
            known_exact = self._exact.get(rule.path)
            self._exact[rule.path] = _both(known_exact, decision) if known_exact else decision

    def patterns(self) -> Iterator[tuple[Pattern, Decision]]:
        """Every pattern with what is said about the paths for which it decides."""
        for path, decision in self._exact.items():
            yield Pattern(path, tuple(path.split("/")), open=False), decision
        yield from self._wild.values()

    def decision(self, path: str) -> Decision:
        """What is said about one path. Lists, which servers look up in other ways too, are not what it is for."""
        path = path.lstrip("/")
        return self._exact.get(path) or self._decided(path) or NOTHING

    def _decided(self, path: str) -> Decision | None:
        parts = path.split("/")
        described = [(pattern.rank, decision) for pattern, decision in self._wild.values() if pattern.describes(parts)]
        return max(described, key=lambda found: found[0])[1] if described else None


def _both(one: Decision, other: Decision) -> Decision:
    """What two rules on the same path say together."""
    if DENY in one.capabilities or DENY in other.capabilities:
        return Decision(one.path, frozenset({DENY}))
    policies = {
        capability: one.policies.get(capability, frozenset()) | other.policies.get(capability, frozenset())
        for capability in one.capabilities | other.capabilities
    }
    restrictions = dict(one.restrictions)
    for name, value in other.restrictions.items():
        restrictions[name] = _COMBINED[name](restrictions[name], value) if name in restrictions else value
    return Decision(one.path, one.capabilities | other.capabilities, restrictions, policies)


def _together(one: JSON, other: JSON) -> JSON:
    """Two restrictions of which each holds, as a list without repetition."""
    values = [*(one if isinstance(one, list) else [one]), *(other if isinstance(other, list) else [other])]
    return list({canonical_json(value): value for value in values}.values())


def _parameters(one: JSON, other: JSON) -> JSON:
    """Parameters of both; one that may have any value in either may have any."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return _together(one, other)
    joined = dict(one)
    for name, values in other.items():
        known = joined.get(name)
        joined[name] = values if name not in joined else [] if [] in (values, known) else _together(known, values)
    return joined


_COMBINED: Mapping[str, Callable[[JSON, JSON], JSON]] = {
    "allowed_parameters": _parameters,
    "denied_parameters": _parameters,
    "required_parameters": _together,
    "mfa_methods": _together,
    "min_wrapping_ttl": _together,
    "max_wrapping_ttl": _together,
    "control_group": _together,
}
