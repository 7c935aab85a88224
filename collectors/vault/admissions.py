"""What a set of ACL policies lets their holder do with what one mount holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from collectors.vault.duties import Duty
from collectors.vault.policy import ROOT, AccessList, Decision, Pattern
from evidence.model import Capability
from evidence.observation import JSON, canonical_json

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


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Where a pattern of policies and the paths of a duty meet."""

    names: str
    path: str
    """One of the paths that both describe, with UNNAMED where any name would do."""

    @property
    def single(self) -> bool:
        return not self.names.endswith("*") and "{{" not in self.names and "+" not in self.names.split("/")


def admissions(access: AccessList, mount: str, duties: Iterable[Duty]) -> tuple[Admission, ...]:
    """What the policies allow below a mount, sorted. The mount's path ends with a slash; "" is the namespace itself."""
    if access.root:
        return tuple(Admission(capability, ALL, False, "{}", (ROOT,)) for capability in sorted(Capability))
    concerned = [(pattern, decision) for pattern, decision in access.patterns() if _concerns(pattern, mount)]
    found = {admission for duty in duties for admission in _of_duty(access, concerned, mount, duty)}
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


def _of_duty(
    access: AccessList, patterns: Sequence[tuple[Pattern, Decision]], mount: str, duty: Duty
) -> Iterator[Admission]:
    segments = (*_parts(mount), *duty.segments)
    giving = [pattern for pattern, said in patterns if said.allows(duty.wanted, sudo=duty.sudo)]
    for met in filter(None, (_meeting(pattern, segments) for pattern in giving)):
        decision = access.decision(met.path)
        if not decision.allows(duty.wanted, sudo=duty.sudo):
            continue
        left_out = [] if met.single else _left_out(access, patterns, segments, duty, met)
        conditions = dict(decision.restrictions)
        if left_out:
            conditions["except"] = left_out
        if not met.single and met.names != ALL:
            conditions["names"] = met.names
        policies = tuple(decision.granting(duty.wanted))
        yield Admission(duty.capability, met.names, met.single, canonical_json(conditions), policies)


def _left_out(
    access: AccessList,
    patterns: Iterable[tuple[Pattern, Decision]],
    segments: Sequence[str],
    duty: Duty,
    wide: _Meeting,
) -> list[JSON]:
    """What is among the names of a meeting, and what other rules do not allow, sorted."""
    found = {
        met.names
        for met in (_meeting(pattern, segments) for pattern, _ in patterns)
        if met is not None
        and met.names != wide.names
        and _includes(wide, met)
        and not access.decision(met.path).allows(duty.wanted, sudo=duty.sudo)
    }
    return [*sorted(found)]


def _includes(wide: _Meeting, narrow: _Meeting) -> bool:
    """What the narrow one names may be among what the wide one names."""
    return Pattern.of(wide.names).describes(narrow.names.removesuffix("*").split("/"))


def _meeting(pattern: Pattern, segments: Sequence[str]) -> _Meeting | None:
    """Where the pattern meets the paths of a duty; None where it does not."""
    names = ALL
    path: list[str] = []
    for at, segment in enumerate(segments):
        if segment == "{path}":
            rest = _rest(pattern, at)
            return _Meeting(rest, "/".join([*path, _unnamed(rest)])) if rest else None
        if at >= len(pattern.segments):
            return None
        begun = pattern.open and at == len(pattern.segments) - 1
        part = pattern.segments[at]
        if begun:
            return _begun(names, part, path, segments[at:])
        if segment == "{name}" and part and not part.endswith("*"):  # no key, role or connection is called so
            wild = pattern.segmented and part == "+"
            names = ALL if wild else part
            path.append(UNNAMED if wild else part)
        elif segment.startswith("{any:"):
            path.append(_example(segment) if pattern.segmented and part == "+" else part)
        elif _is(pattern, at, segment):
            path.append(segment)
        else:
            return None
    return _Meeting(names, "/".join(path)) if len(pattern.segments) == len(segments) else None


def _begun(names: str, part: str, path: list[str], segments: Sequence[str]) -> _Meeting | None:
    """The pattern ends with the beginning of the first of these segments: whatever follows is described."""
    first, *others = segments
    if first == "{name}":
        names = f"{part}*"
        path = [*path, f"{part}{UNNAMED}"]
    elif first.startswith("{any:"):
        example = _example(first)
        path = [*path, example if example.startswith(part) else f"{part}{UNNAMED}"]
    elif first.startswith(part):
        path = [*path, first]
    else:
        return None
    for segment in others:
        known = not segment.startswith("{")
        path.append(segment if known else _example(segment) if segment.startswith("{any:") else UNNAMED)
    return _Meeting(names, "/".join(path))


def _rest(pattern: Pattern, at: int) -> str:
    """What a pattern says from one segment on; `*` where it says nothing any more."""
    if at >= len(pattern.segments):
        return ALL if pattern.open else ""
    return "/".join(pattern.segments[at:]) + ("*" if pattern.open else "")


def _unnamed(rest: str) -> str:
    """A path that the rest of a pattern describes."""
    parts = [UNNAMED if part == "+" else part for part in rest.removesuffix("*").split("/")]
    return "/".join(parts) + (UNNAMED if rest.endswith("*") else "")


def _example(segment: str) -> str:
    return segment.removeprefix("{any:").removesuffix("}")
