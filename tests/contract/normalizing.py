"""What a source's recordings owe, so that its normalize half can be tried on answers that are missing or spoiled."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

from collectors.registry import SOURCES
from collectors.source import Settings
from evidence.model import BOOKKEEPING, GapKind, Row
from evidence.observation import JSON, Observation, Status, body_digest, observation_id
from evidence.reading import group_by_subject
from evidence.recording import ScopeHeader

RECEIVED = "2026-11-20T06:00:00.000000Z"

Exchange = tuple[str, str, Any] | tuple[str, str, Any, Mapping[str, JSON]]
"""(subject, operation, answer), or with the parameters of this exchange; the answer is JSON, or the text of a body."""


@dataclass(frozen=True)
class Scope:
    """One scope as it is recorded."""

    header: ScopeHeader
    observations: Sequence[Observation]


@dataclass(frozen=True, kw_only=True)
class Recordings:
    """What one kind of source answered where nothing went wrong, and what may go wrong with it."""

    type: str
    services: Collection[str]
    """Those of its scopes, as its normalize half knows them."""
    settings: Settings
    header: Callable[[str], ScopeHeader]
    """Of a scope of a service, or of one that nobody knows."""
    recorded: Callable[[str], Sequence[Scope]]
    """The scopes of a service, at least one, each time the same."""
    refusal: tuple[str, str]
    """The error and the body of an exchange that was refused."""
    sdk: Collection[str]
    """The packages that the normalize half does without."""
    spoiled: Sequence[str] = ()
    """Bodies that no operation of this source answers, besides those of every source."""
    plausible: Sequence[str] = ()
    """Bodies that some operation of it may well answer, such as the empty one where what is empty is left out."""
    hostile: Sequence[Any] = ()
    """Values that mean something to this source alone, and that no answer should hold."""
    opening: Collection[str] = ()
    """Services whose scopes need not miss rows: what there is stands in the scopes that they open."""
    opened: Collection[str] = ()
    """Services whose scopes begin with an exchange that lists nothing: without it, no list was asked for."""
    told_at_once: Collection[str] = ()
    """Operations without which what they tell is asked for in scopes of its own, so that it is in this one no more."""
    spare: Collection[str] = ()
    """Operations that a collector may have reason not to ask, so that a scope is complete without them."""
    always_asked: Collection[str] = ()
    """Operations that no collector leaves out; a recording does not tell how often they were to be asked."""
    left_open: Collection[str] = ()
    """Errors of the gaps that are there although everything was answered."""

    def rows(self, header: ScopeHeader, observations: Iterable[Observation]) -> list[Row]:
        """What the normalize half makes of a scope."""
        normalize = SOURCES[self.type].normalize()
        return list(normalize(header, group_by_subject(iter(observations)), self.settings))

    def refused(self, one: Observation) -> Observation:
        """The same exchange, refused."""
        error, body = self.refusal
        return replace(answered(one, body), status=Status.REFUSED, error=error)


def answered(one: Observation, body: str) -> Observation:
    """The same exchange with another answer."""
    return replace(one, body=body, sha256=body_digest(body))


def observation(
    header: ScopeHeader, subject: str, operation: str, answer: Any, *, page: int = 0, **parameters: JSON
) -> Observation:
    """An exchange that went well."""
    told = {"subject": subject, "page": page, **parameters}
    body = answer if isinstance(answer, str) else json.dumps(answer)
    return Observation(
        id=observation_id(header.id, operation, told),
        source=header.source,
        scope=header.id,
        subject=subject,
        operation=operation,
        parameters=told,
        requested_at="2026-11-20T05:59:59.000000Z",
        received_at=RECEIVED,
        status=Status.OK,
        error="",
        request_id="",
        attempts=1,
        identity=header.identity,
        body=body,
        sha256=body_digest(body),
    )


def recorded(
    header: ScopeHeader,
    exchanges: Iterable[Exchange],
    parameters: Callable[[str], Mapping[str, JSON]] = lambda operation: {},
) -> list[Observation]:
    """Observations of a scope, pages of one list after each other. `parameters` are further ones of an operation."""
    pages: Counter[tuple[str, str]] = Counter()
    made = []
    for subject, operation, answer, *own in exchanges:
        page = pages[subject, operation]
        told = {**parameters(operation), **(own[0] if own else {})}
        made.append(observation(header, subject, operation, answer, page=page, **told))
        pages[subject, operation] += 1
    return made


def table(rows: Iterable[Row], name: str) -> dict[str, Any]:
    """The rows of a table by id."""
    return {row.id: row for row in rows if row.table == name}


def unexplained(rows: Iterable[Row]) -> list[str]:
    """Facts that are NULL without a gap that names them, and gaps that do not say all that a gap says."""
    rows = list(rows)
    named = defaultdict(set)
    found = []
    for gap in table(rows, "gap").values():
        named[gap.of_table, gap.subject].update(gap.columns)
        found += [f"gap {gap.id}: no {field.name}" for field in fields(gap) if getattr(gap, field.name) is None]
    for row in rows:
        if row.table != "gap":
            unknown = {name for name in _facts(type(row)) if getattr(row, name) is None}
            found += [f"{row.table} {row.id}: {name}" for name in sorted(unknown - named[row.table, row.id])]
    return found


@cache
def _facts(kind: type[Row]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name not in BOOKKEEPING)


def repeated(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """The tables and ids of rows that come more than once."""
    return [key for key, times in Counter((row.table, row.id) for row in rows).items() if times > 1]


def contradictions(less: Iterable[Row], more: Iterable[Row]) -> list[str]:
    """How rows made of less say what those made of more do not; empty if all is well."""
    known, told = _of_things(less), _of_things(more)
    wrong = [f"{name} {id}: appeared" for name, id in known.keys() - told.keys() if name == "access"]
    for key in known.keys() & told.keys():
        for name in _facts(type(known[key])):
            now, was = getattr(known[key], name), getattr(told[key], name)
            if now is not None and now != was:
                wrong.append(f"{' '.join(key)}: {name} is {now!r}, was {was!r}")
    return wrong


def excused(less: Iterable[Row], more: Iterable[Row]) -> list[str]:
    """Facts that rows made of less lack and that a gap says the provider does not offer, although it does.

    A fact that an operation tells but does not declare is explained so, and nobody hears that it was refused.
    """
    less = list(less)
    known, told = _of_things(less), _of_things(more)
    gaps = [gap for gap in table(less, "gap").values() if gap.kind is GapKind.NOT_OFFERED]
    return [
        f"{gap.of_table} {gap.subject}: {name}: {gap.error}"
        for gap in gaps
        for name in gap.columns
        if (gap.of_table, gap.subject) in known.keys() & told.keys()
        and getattr(told[gap.of_table, gap.subject], name) is not None
    ]


def vanished(less: Iterable[Row], more: Iterable[Row]) -> list[str]:
    """Rows made of more that those made of less lack without a gap that says so."""
    less = list(less)
    missed = {(gap.of_table, gap.subject) for gap in table(less, "gap").values() if gap.rows_missing}
    lost = []
    known, told = _of_things(less), _of_things(more)
    for name, id in told.keys() - known.keys():
        row: Any = told[name, id]
        subject = getattr(row, _ABOUT[name]) if name in _ABOUT else id
        if not missed & {(name, ""), (name, subject or id)}:
            lost.append(f"{name} {id}")
    return lost


_ABOUT = {"access": "subject", "key_version": "key", "protected_resource": "key"}
"""The columns that name what rows of a table are about."""


def _of_things(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    return {(row.table, row.id): row for row in rows if row.table not in ("gap", "scope")}
