"""What the report says, built once for paper and screen: bounded, ordered, and deciding nothing by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from evidence.findings import SamplingPlan, Verdict
from reports.content.bounds import Bounds
from reports.content.collection import Collection, GapGroup, collection, gap_groups
from reports.content.coverage import Coverage, coverage
from reports.content.crosswalk import Crosswalk, crosswalk
from reports.content.custodians import Custodians, custodians
from reports.content.figures import KeyAge, StageVerdicts, Timeline, key_age, stage_verdicts, timeline
from reports.content.frameworks import FrameworkPart, framework_part
from reports.content.judgement import Chapter, Control, Judged, chapters, judged_controls
from reports.content.period import Period, period
from reports.content.post_quantum import PostQuantum, post_quantum
from reports.content.providers import SideBySide, side_by_side
from reports.content.registers import Register, register
from reports.content.samples import Samples, drawn_samples
from reports.content.sides import Side, control_counts, sides
from reports.display import day, plural, value, visible
from reports.material import Material
from reports.sampling import METHOD, draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A control to look at first."""

    control: Judged
    share: str
    sides: tuple[str, ...]
    """The share on each side; empty where nothing was judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRow:
    control: str
    variant: str
    name: str
    value: str
    source: str
    set_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrative:
    """The whole report, before it takes a form."""

    material: Material
    bounds: Bounds
    verdicts: Mapping[str, int]
    excepted: int
    frameworks: tuple[FrameworkPart, ...]
    notes: tuple[Note, ...]
    notes_more: int
    blind_spots: tuple[GapGroup, ...]
    blind_spots_more: int
    sides: tuple[Side, ...]
    providers: SideBySide
    contrasts: tuple[Judged, ...]
    """Controls on which the sides differ most."""
    coverage: Coverage
    chapters: tuple[Chapter, ...]
    post_quantum: PostQuantum
    gaps: tuple[GapGroup, ...]
    gaps_more: int
    gap_count: int
    """All of them, those that nobody can close included."""
    collection: Collection
    parameters: tuple[ParameterRow, ...]
    key_age: KeyAge
    timeline: Timeline
    stage_verdicts: StageVerdicts
    period: Period
    custodians: Custodians
    crosswalk: Crosswalk
    register: Register
    samples: Samples
    sampling: SamplingPlan
    sampling_method: str

    @property
    def without_control(self) -> int:
        """Inconclusive requirements of which the catalogue has no control, over all frameworks."""
        return sum(part.without_control for part in self.frameworks)

    @property
    def digest(self) -> str:
        """The evidence digest, short enough for a footer."""
        return self.material.evidence_digest[:16]

    @property
    def controls(self) -> tuple[Control, ...]:
        return tuple(control for chapter in self.chapters for control in chapter.controls)


def build(material: Material, bounds: Bounds) -> Narrative:
    """Everything that the report says about one material, within `bounds`."""
    with material.connection() as queries:
        shown = sides(material, bounds)
        by_side = control_counts(queries, shown)
        samples = list(draw(material, queries))
        judged = judged_controls(material, queries, shown, by_side, samples, bounds)
        told = chapters(material, shown, judged, bounds)
        notes = _notes(judged.values())
        groups = gap_groups(queries)
        blind = _blind_spots(groups)
        verdicts = {
            row["verdict"]: row["n"]
            for row in queries.rows("SELECT verdict, count(*) AS n FROM finding GROUP BY verdict ORDER BY verdict")
        }
        return Narrative(
            material=material,
            bounds=bounds,
            verdicts={verdict: verdicts.get(verdict, 0) for verdict in Verdict},
            excepted=sum(one.result.counts.excepted for one in judged.values()),
            frameworks=tuple(framework_part(one, judged, bounds) for one in material.assessment.frameworks),
            notes=tuple(notes[: bounds.findings_of_note]),
            notes_more=max(0, len(notes) - bounds.findings_of_note),
            blind_spots=tuple(blind[: bounds.blind_spots]),
            blind_spots_more=max(0, len(blind) - bounds.blind_spots),
            sides=shown,
            providers=side_by_side(material, queries, shown, by_side, bounds),
            contrasts=tuple(_contrasts(judged.values())[: bounds.contrasts]),
            coverage=coverage(material, queries, bounds),
            chapters=told,
            post_quantum=post_quantum(material, queries, bounds),
            gaps=tuple(groups[: bounds.gaps]),
            gaps_more=max(0, len(groups) - bounds.gaps),
            gap_count=queries.value("SELECT count(*) FROM gap"),
            collection=collection(material, queries, bounds),
            parameters=tuple(_parameters(material)),
            key_age=key_age(material, queries),
            timeline=timeline(material, queries),
            stage_verdicts=stage_verdicts(material),
            period=period(material, queries, bounds),
            custodians=custodians(queries, bounds),
            crosswalk=crosswalk(material.assessment.frameworks, told, bounds),
            register=register(material, queries, bounds),
            samples=drawn_samples(material, queries, samples, bounds),
            sampling=material.assessment.sampling,
            sampling_method=METHOD,
        )


CONTRAST = 0.25
"""Sides whose shares of passes are so far apart differ enough to be pointed out."""


def _contrasts(judged: Iterable[Judged]) -> list[Judged]:
    far = [one for one in judged if one.spread >= CONTRAST]
    return sorted(far, key=lambda one: (-one.spread, -one.result.severity.rank, one.result.id, one.result.variant))


def _blind_spots(groups: Iterable[GapGroup]) -> list[GapGroup]:
    """What could be closed, an operation a line and the largest first, from one provider after the other."""
    closable: dict[str, dict[tuple[str, str], list[GapGroup]]] = {}
    for group in groups:
        if group.kind in ("refused", "failed") and group.table != "scope":
            closable.setdefault(group.provider, {}).setdefault((group.operation, group.kind), []).append(group)
    merged = [
        sorted((_together(of_one) for of_one in of_provider.values()), key=lambda g: (not g.rows_missing, -g.gaps))
        for of_provider in closable.values()
    ]
    return [group for one_each in zip_longest(*merged) for group in one_each if group is not None]


def _together(groups: Sequence[GapGroup]) -> GapGroup:
    """The gaps of one operation as one, whatever the message and the table; the scopes are those of the widest."""
    hiding = [group for group in groups if group.rows_missing]
    return replace(
        groups[0],
        gaps=sum(group.gaps for group in groups),
        scopes=_scopes(groups),
        table=", ".join(dict.fromkeys(group.table for group in hiding or groups)),
        leaves=tuple(sorted({name for group in groups for name in group.leaves})),
        rows_missing=bool(hiding),
    )


def _scopes(groups: Sequence[GapGroup]) -> int:
    """Scopes that say different things are different scopes; those of one message stand in it once a table."""
    widest: dict[str, int] = {}
    for group in groups:
        widest[group.error] = max(widest.get(group.error, 0), group.scopes)
    return sum(widest.values())


def _notes(judged: Iterable[Judged]) -> list[Note]:
    failing = [one for one in judged if one.open_failures]
    failing.sort(key=lambda one: (-one.result.severity.rank, -one.open_failures, one.result.id, one.result.variant))
    return [
        Note(
            control=one,
            share=f"{one.open_failures:,} of {one.result.counts.judged:,}",
            sides=tuple(
                f"{counts.failed - counts.excepted:,} of {counts.judged:,}" if counts.judged else ""
                for counts in one.sides
            ),
        )
        for one in failing
    ]


def _parameters(material: Material) -> Iterator[ParameterRow]:
    for result in sorted(material.assessment.controls, key=lambda one: (one.id, one.variant != "default", one.variant)):
        for parameter in result.parameters:
            yield ParameterRow(
                control=result.id,
                variant=result.variant,
                name=parameter.name,
                value=_whole(parameter.value),
                source=parameter.source,
                set_by=parameter.set_by,
            )


def _whole(parameter: bool | int | float | str | list[str]) -> str:
    """A parameter is shown whole, however long its list: verdicts depend on every item."""
    return value(", ".join(parameter) if isinstance(parameter, list) else parameter, 1_500)


def title(material: Material) -> str:
    """The document's title."""
    organization, as_of = visible(material.assessment.organization, 120), day(material.assessment.as_of)
    return f"Key-management evidence: {organization}, as of {as_of}"


def subtitle(narrative: Narrative) -> str:
    """One line for lists of documents."""
    sources = plural(len(narrative.material.run.sources), "source")
    return f"{plural(sum(narrative.verdicts.values()), 'verdict')} on {sources}, run {narrative.material.run.id}"
