"""What is told of each sampled item: the facts that its verdict rests on, and the exchanges that tell them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evidence.observation import Observation
from evidence.recording import find_observations, scope_path
from reports.content.bounds import Bounds
from reports.display import listed, read_time, value, visible, within
from reports.material import Material, MaterialError, Queries
from reports.sampling import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One observation of a sampled item, with as much of the answer as a reader needs to find it again."""

    id: str
    operation: str
    parameters: str
    received_at: datetime | None
    status: str
    error: str
    request_id: str
    sha256: str
    file: str
    """Its file within the pack."""
    excerpt: str
    extent: str
    """Which part of the answer the excerpt is; empty where it is the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One sampled item."""

    sample: str
    place: int
    finding: str
    control: str
    variant: str
    verdict: str
    table: str
    name: str
    subject: str
    where: str
    scope: str
    observed: tuple[tuple[str, str], ...]
    """(fact, what was observed)."""
    missing: tuple[str, ...]
    missing_more: int
    awaits: tuple[str, ...]
    exception: str
    exchanges: tuple[Exchange, ...]
    exchanges_more: int

    @property
    def anchor(self) -> str:
        return f"{self.sample}-{self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One sample with the records of its items."""

    sample: Sample
    title: str
    severity: str
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    drawn: tuple[Drawn, ...]
    """Every sample; `records_more` of their items have no record here."""
    records_more: int
    populations: int
    """Controls and variants that judged anything, so that there is something to draw from."""

    @property
    def size(self) -> int:
        """Items drawn in all."""
        return sum(len(one.sample.findings) for one in self.drawn)


def drawn_samples(material: Material, queries: Queries, samples: Sequence[Sample], bounds: Bounds) -> Samples:
    """The samples, with the records of as many of their items as `bounds` admits.

    Raises MaterialError where an observation cannot be read.
    """
    told = {(result.id, result.variant): result for result in material.assessment.controls}
    chosen = _chosen(samples, bounds.records)
    rows = {
        row["id"]: row
        for row in queries.rows(
            "SELECT * FROM finding SEMI JOIN (SELECT unnest($ids) AS id) USING (id) ORDER BY id",
            {"ids": sorted({name for names in chosen.values() for name in names})},
        )
    }
    wanted = {name: row["evidence"][: bounds.exchanges] for name, row in rows.items()}
    found = _observations(material, queries, {one for ids in wanted.values() for one in ids})
    drawn = tuple(
        Drawn(
            sample=sample,
            title=told[sample.control, sample.variant].title,
            severity=told[sample.control, sample.variant].severity,
            records=tuple(
                _record(sample, place, rows[name], [found[one] for one in wanted[name] if one in found], bounds)
                for place, name in enumerate(chosen[sample.id], 1)
            ),
        )
        for sample in samples
    )
    return Samples(
        drawn=drawn,
        records_more=sum(len(one.sample.findings) - len(one.records) for one in drawn),
        populations=sum(result.counts.judged > 0 for result in told.values()),
    )


def _chosen(samples: Iterable[Sample], most: int) -> dict[str, tuple[str, ...]]:
    """Sample → the items that get a record: the first of each sample, as long as there is room."""
    chosen = {}
    for sample in samples:
        chosen[sample.id] = sample.findings[:most]
        most -= len(chosen[sample.id])
    return chosen


def _observations(material: Material, queries: Queries, ids: Iterable[str]) -> dict[str, Observation]:
    """These observations, from the files of their scopes."""
    by_scope: dict[str, set[str]] = defaultdict(set)
    for row in queries.rows(
        "SELECT id, scope FROM observation SEMI JOIN (SELECT unnest($ids) AS id) USING (id) ORDER BY id, scope",
        {"ids": sorted(ids)},
    ):
        by_scope[row["scope"]].add(row["id"])
    found: dict[str, Observation] = {}
    for scope, wanted in by_scope.items():
        path = material.observations / scope_path(scope)
        try:
            found |= find_observations(path, wanted)
        except (OSError, ValueError) as error:
            raise MaterialError(f"{path} cannot be read: {error}; collect again, or take the pack anew") from error
    return found


def _record(
    sample: Sample, place: int, row: Mapping[str, Any], exchanges: Sequence[Observation], bounds: Bounds
) -> Record:
    facts = json.loads(row["observed"])
    missing, missing_more = listed(row["missing"], bounds.named)
    return Record(
        sample=sample.id,
        place=place,
        finding=row["id"],
        control=row["control"],
        variant=row["variant"],
        verdict=row["verdict"],
        table=row["subject_table"].replace("_", " "),
        name=visible(row["subject_name"], 120),
        subject=visible(row["subject"], 240),
        where=visible(" · ".join(part for part in (row["source"], row["account"], row["region"]) if part), 120),
        scope=visible(row["scope"], 160),
        observed=tuple((visible(name, 60), value(fact, bounds.fact)) for name, fact in facts.items()),
        missing=tuple(missing),
        missing_more=missing_more,
        awaits=tuple(row["awaits"]),
        exception=row["exception"],
        exchanges=tuple(_exchange(one, row, bounds.excerpt) for one in exchanges),
        exchanges_more=len(row["evidence"]) - len(exchanges),
    )


def _exchange(told: Observation, row: Mapping[str, Any], limit: int) -> Exchange:
    excerpt, extent = cut_out(told.body, _names(row), limit)
    return Exchange(
        id=told.id,
        operation=visible(told.operation, 80),
        parameters=visible(json.dumps(told.parameters, ensure_ascii=False, sort_keys=True), 120),
        received_at=read_time(told.received_at),
        status=told.status.value,
        error=visible(told.error, 200),
        request_id=visible(told.request_id, 80),
        sha256=told.sha256,
        file=f"observations/{scope_path(told.scope)}",
        excerpt=excerpt,
        extent=extent,
    )


SHORTEST_NAME = 4
"""A shorter name stands in an answer for other reasons too often."""


def _names(row: Mapping[str, Any]) -> Iterator[str]:
    """What an answer may call the subject, the surest first."""
    last = within(row["subject"], row["account"], row["region"]).rsplit("/", 1)[-1]
    yield from (name for name in (row["subject"], last, row["subject_name"]) if len(name) >= SHORTEST_NAME)


def cut_out(body: str, names: Iterable[str], limit: int) -> tuple[str, str]:
    """At most `limit` characters of an answer from where it first names its subject, and which these are."""
    if len(body) <= limit:
        return visible(body, limit), ""
    places = (body.find(name) for name in names)
    place = next((place for place in places if place >= 0), 0)
    start = max(0, min(place - limit // 4, len(body) - limit))
    cut = body[start : start + limit]
    return visible(cut, limit), f"characters {start + 1:,} to {start + len(cut):,} of {len(body):,}"
