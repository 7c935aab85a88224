"""What a set of ACL policies lets their holder do with what one mount holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.vault.duties import Duty
from collectors.vault.policy import ROOT, AccessList, Decision, Pattern
from evidence.model import Capability
from evidence.observation import canonical_json

ALL = "*"
"""Names everything that a mount holds."""

UNNAMED = "\x00"
"""A name that no rule can hold: what is said about it is said about everything that no rule names."""

EVERYTHING = frozenset({"create", "read", "update", "delete"})
"""Whoever has these on all paths of a mount may do everything there that needs no `sudo`."""


@dataclass(frozen=True, slots=True, order=True)
class Admission:
    """One capability, on what, by which policies."""

    capability: Capability
    names: str
    """What it is given on: one name, a pattern with `*`, `+` or a template, or `*` for all that the mount holds."""
    single: bool
    """`names` is one name."""
    conditions: str
    """What narrows it, as canonical JSON; `{}` for nothing."""
    policies: tuple[str, ...]


MOST_COMPARED = 100_000
"""Pairs of rules, one that gives and one that takes back, that are compared for one duty: policies are untrusted."""


class TooManyRules(ValueError):
    """What policies say together is not worked out, since that would take too long."""


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Where the pattern of a rule and the paths of a duty meet."""

    pattern: Pattern
    decision: Decision
    names: str
    others: tuple[str, ...]
    """What stands for each `{any:}` of the duty, written as names are."""

    named: Pattern
    """The names as a pattern."""
    weight: tuple[bool, Any]
    """Of the rules on a path the one with the greatest decides."""

    @property
    def single(self) -> bool:
        return not self.names.endswith("*") and "{{" not in self.names and "+" not in self.names.split("/")

    def takes_from(self, wide: _Meeting) -> bool:
        """It decides on some of the names of the other, whatever else varies in the path."""
        if self.weight <= wide.weight or not _overlap(self.named, wide.named):
            return False
        return all(_includes(own, other) for own, other in zip(self.others, wide.others, strict=True))


def admissions(access: AccessList, mount: str, duties: Iterable[Duty]) -> tuple[Admission, ...]:
    """What the policies allow below a mount, sorted. The mount's path ends with a slash; "" is the namespace itself.

    Raises TooManyRules.
    """
    if access.root:
        return tuple(Admission(capability, ALL, False, "{}", (ROOT,)) for capability in sorted(Capability))
    concerned = [(pattern, decision) for pattern, decision in access.patterns() if _concerns(pattern, mount)]
    found = {admission for duty in duties for admission in _of_duty(concerned, mount, duty)}
    return tuple(sorted(found))


def everything_on(access: AccessList, mount: str) -> bool:
    """The policies allow all that can be asked anywhere below the mount, by one rule and without conditions."""
    said = access.decision(f"{mount}{UNNAMED}/{UNNAMED}")
    by_one_rule = any(decision is said and _covers_all(pattern, mount) for pattern, decision in access.patterns())
    return access.root or (by_one_rule and said.capabilities >= EVERYTHING and not said.restrictions)


def unplaced(access: AccessList, mount: str) -> list[str]:
    """The patterns, sorted, of which only a request would tell whether they name the mount: a template does."""
    return sorted(pattern.path for pattern, _ in access.patterns() if _may_name(pattern, mount))


def _parts(mount: str) -> list[str]:
    return mount.split("/")[:-1]


def _concerns(pattern: Pattern, mount: str) -> bool:
    """Some path below the mount is one that the pattern describes."""
    for at, part in enumerate(_parts(mount)):
        if pattern.open and at == len(pattern.segments) - 1:
            return part.startswith(pattern.segments[at])
        if at >= len(pattern.segments) or not _is(pattern, at, part):
            return False
    return True


def _covers_all(pattern: Pattern, mount: str) -> bool:
    """All that stands below the mount, but perhaps its first levels, is described by the pattern."""
    if not pattern.open:
        return False
    parts = _parts(mount)
    if len(pattern.segments) > len(parts) + 1:
        extra = pattern.segments[len(parts) : -1]
        if not (pattern.segmented and all(segment == "+" for segment in extra)):
            return False
    return _concerns(pattern, mount) and (len(pattern.segments) <= len(parts) or pattern.segments[-1] == "")


def _may_name(pattern: Pattern, mount: str) -> bool:
    parts = _parts(mount)
    templated = ["{{" in segment for segment in pattern.segments[: len(parts)]]
    return any(templated) and all(
        of_template or _is(pattern, at, part) or (pattern.open and at == len(pattern.segments) - 1)
        for at, (part, of_template) in enumerate(zip(parts, templated, strict=False))
    )


def _is(pattern: Pattern, at: int, part: str) -> bool:
    own = pattern.segments[at]
    return own == part or (own == "+" and pattern.segmented)


def _of_duty(patterns: Sequence[tuple[Pattern, Decision]], mount: str, duty: Duty) -> Iterator[Admission]:
    """A rule gives what it says on the paths on which it decides: on all that it describes but those that a weightier
    rule, which does not give it, describes too.
    """
    segments = (*_parts(mount), *duty.segments)
    if not any(said.allows(duty.wanted, sudo=duty.sudo) for _, said in patterns):
        return
    met = [one for one in (_meeting(pattern, said, segments) for pattern, said in patterns) if one]
    giving = [one for one in met if one.decision.allows(duty.wanted, sudo=duty.sudo)]
    refusing = [one for one in met if not one.decision.allows(duty.wanted, sudo=duty.sudo)]
    if len(giving) * len(refusing) > MOST_COMPARED:
        raise TooManyRules(f"{len(giving)} rules give it and {len(refusing)} take it back")
    for one in giving:
        taking = [other for other in refusing if other.takes_from(one)]
        if any(_includes(other.names, one.names) for other in taking):
            continue
        conditions = dict(one.decision.restrictions)
        if taking:
            conditions["except"] = [*sorted({other.names for other in taking})]
        if not one.single and one.names != ALL:
            conditions["names"] = one.names
        policies = tuple(one.decision.granting(duty.wanted))
        yield Admission(duty.capability, one.names, one.single, canonical_json(conditions), policies)


def _includes(wide: str, narrow: str) -> bool:
    """Whatever the narrow one names, the wide one names too."""
    one, other = Pattern.of(wide), Pattern.of(narrow)
    return (one.open or not other.open) and one.describes(other.segments)


def _overlap(one: Pattern, other: Pattern) -> bool:
    """Some path is described by both."""
    for at in range(max(len(one.segments), len(other.segments))):
        begun = [pattern for pattern in (one, other) if pattern.open and at == len(pattern.segments) - 1]
        if any(at >= len(pattern.segments) for pattern in (one, other)):
            return False
        mine, theirs = one.segments[at], other.segments[at]
        wild = any(pattern.segmented and pattern.segments[at] == "+" for pattern in (one, other))
        if begun and (wild or all(_begins(p.segments[at], (mine, theirs)) for p in begun)):
            return True
        if begun or not (wild or mine == theirs):
            return False
    return True


def _begins(part: str, parts: Iterable[str]) -> bool:
    """Each of the parts begins with this one, or the other way round where both are but beginnings."""
    return all(other.startswith(part) or part.startswith(other) for other in parts)


def _meeting(pattern: Pattern, decision: Decision, segments: Sequence[str]) -> _Meeting | None:
    """Where the pattern meets the paths of a duty; None where it does not."""
    names = ALL
    others: list[str] = []
    for at, segment in enumerate(segments):
        if at >= len(pattern.segments):
            return None
        if segment == "{path}":
            rest = "/".join(pattern.segments[at:]) + ("*" if pattern.open else "")
            return _met(pattern, decision, rest, others) if rest else None
        begun = pattern.open and at == len(pattern.segments) - 1
        part = pattern.segments[at]
        found = f"{part}*" if begun else ALL if pattern.segmented and part == "+" else part
        if segment == "{name}":
            names = found
        elif segment == "{any}":
            others.append(found)
        elif not (segment.startswith(part) if begun else _is(pattern, at, segment)):
            return None
        if not begun and segment.startswith("{") and (not part or (part != "+" and part.endswith("*"))):
            return None  # nothing is called so
        if begun:
            others += [ALL for left in segments[at + 1 :] if left == "{any}"]
            return _met(pattern, decision, names, others)
    return _met(pattern, decision, names, others) if len(pattern.segments) == len(segments) else None


def _met(pattern: Pattern, decision: Decision, names: str, others: Iterable[str]) -> _Meeting:
    return _Meeting(pattern, decision, names, tuple(others), Pattern.of(names), (not pattern.wild, pattern.rank))
