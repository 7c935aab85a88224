"""What is told of each control: its counts, failures, samples, and what withholds its verdicts."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evidence.findings import ControlResult, Stage
from reports.content.bounds import Bounds
from reports.display import kind, value, visible
from reports.material import Material, Queries
from reports.sampling import SIZE, Sample, draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One finding as a row of a list."""

    finding: str
    name: str
    subject: str
    where: tuple[str, ...]
    """Account and region, or the source where neither is known."""
    observed: tuple[tuple[str, str], ...]
    """(fact, what was observed)."""
    evidence: tuple[str, ...]
    evidence_more: int
    exception: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Failures that look the same."""

    where: tuple[str, ...]
    observed: tuple[tuple[str, str], ...]
    """(fact, its value or the range of its values)."""
    count: int
    excepted: int
    example: str
    """Id of one finding of the group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """One reason why verdicts of a control are withheld."""

    gap: str
    """Id of one gap of the kind."""
    operation: str
    kind: str
    error: str
    verdicts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One control with one set of parameters."""

    result: ControlResult
    framework: str
    """Name of the framework whose parameters these are; empty for the catalogue's."""
    failures: tuple[Exhibit, ...]
    failures_more: int
    common: tuple[tuple[str, str], ...]
    """(fact, value) that all failures share, where they are grouped; it is told once and left out of each."""
    groups: tuple[Group, ...]
    groups_more: int
    withheld: tuple[Withheld, ...]
    withheld_more: int
    sample: Sample | None
    drawn: tuple[Exhibit, ...]

    @property
    def anchor(self) -> str:
        return f"control-{self.result.id}-{self.result.variant}"

    @property
    def open_failures(self) -> int:
        """Failures that no valid exception covers."""
        return self.result.counts.failed - self.result.counts.excepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A control, with each of its sets of parameters."""

    id: str
    judged: tuple[Judged, ...]
    remediation: tuple[tuple[str, str], ...]
    """(provider, what to do), for the run's providers; empty where nothing fails."""
    requirements: tuple[tuple[str, tuple[str, ...]], ...]
    """(framework's name, its requirements)."""

    @property
    def result(self) -> ControlResult:
        return self.judged[0].result


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """The controls of one stage of a key's life."""

    stage: Stage
    controls: tuple[Control, ...]


def judged_controls(material: Material, queries: Queries, bounds: Bounds) -> dict[tuple[str, str], Judged]:
    """Every control and variant by their names, in the order of the assessment."""
    names = {framework.id: framework.name for framework in material.assessment.frameworks}
    listed = _failures(queries, bounds)
    withheld = _withheld(queries)
    samples = {(sample.control, sample.variant): sample for sample in draw(material, queries, SIZE)}
    drawn = _drawn(queries, [name for sample in samples.values() for name in sample.findings])
    judged = {}
    for result in material.assessment.controls:
        key = (result.id, result.variant)
        many = result.counts.failed > bounds.failures
        common, groups = _groups(queries, result) if many else ((), [])
        failures = [_without(common, failure) for failure in listed[key][: bounds.first if many else bounds.failures]]
        reasons = withheld[key]
        sample = samples.get(key)
        judged[key] = Judged(
            result=result,
            framework="" if result.variant == "default" else names.get(result.variant, result.variant),
            failures=tuple(failures),
            failures_more=result.counts.failed - len(failures),
            common=common,
            groups=tuple(groups[: bounds.groups]),
            groups_more=max(0, len(groups) - bounds.groups),
            withheld=tuple(reasons[: bounds.withheld]),
            withheld_more=max(0, len(reasons) - bounds.withheld),
            sample=sample,
            drawn=tuple(drawn[name] for name in sample.findings) if sample else (),
        )
    return judged


_EXHIBIT = "id, control, variant, subject, subject_name, source, account, region, observed, exception, evidence"


def _exhibit(row: Mapping[str, Any]) -> Exhibit:
    evidence = row["evidence"]
    return Exhibit(
        finding=row["id"],
        name=visible(row["subject_name"] or row["subject"], 90),
        subject=visible(row["subject"], 200),
        where=_where(row),
        observed=_facts(json.loads(row["observed"])),
        evidence=tuple(evidence[:2]),
        evidence_more=max(0, len(evidence) - 2),
        exception=row["exception"],
    )


def _where(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(visible(part, 40) for part in (row["account"], row["region"]) if part) or (visible(row["source"], 40),)


def _facts(observed: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((visible(name, 60), value(fact, 80)) for name, fact in observed.items())


def _failures(queries: Queries, bounds: Bounds) -> dict[tuple[str, str], list[Exhibit]]:
    listed: dict[tuple[str, str], list[Exhibit]] = defaultdict(list)
    for row in queries.rows(
        f"""
        SELECT * FROM (
            SELECT {_EXHIBIT}, row_number() OVER (
                PARTITION BY control, variant ORDER BY exception, source, account, region, subject_name, subject, id
            ) AS place
            FROM finding WHERE verdict = 'fail'
        ) WHERE place <= $most ORDER BY control, variant, place
        """,  # noqa: S608 - a constant of this module
        {"most": bounds.failures},
    ):
        listed[row["control"], row["variant"]].append(_exhibit(row))
    return listed


def _drawn(queries: Queries, ids: Sequence[str]) -> dict[str, Exhibit]:
    if not ids:
        return {}
    sql = f"SELECT {_EXHIBIT} FROM finding WHERE list_contains($ids, id) ORDER BY id"  # noqa: S608 - a constant of ours
    return {row["id"]: _exhibit(row) for row in queries.rows(sql, {"ids": list(ids)})}


GROUPING_VALUES = 4
"""A fact with at most so many different values tells groups of failures apart; any other is shown as a range."""


def _without(common: Sequence[tuple[str, str]], exhibit: Exhibit) -> Exhibit:
    told = {name for name, _ in common}
    return replace(exhibit, observed=tuple(fact for fact in exhibit.observed if fact[0] not in told))


def _groups(queries: Queries, result: ControlResult) -> tuple[tuple[tuple[str, str], ...], list[Group]]:
    """What all failures of one control share, and the failures by place and by the facts that take few values."""
    facts = {f"fact{place}": name for place, name in enumerate(result.facts)}
    if not facts:
        facts = {"fact0": ""}
    paths = {f"path{place}": f'$."{name}"' for place, name in enumerate(facts.values())}
    mine = {"control": result.id, "variant": result.variant}
    columns = ", ".join(f"json_extract_string(observed, $path{place}) AS {alias}" for place, alias in enumerate(facts))
    failed = f"SELECT *, {columns} FROM finding WHERE control = $control AND variant = $variant AND verdict = 'fail'"  # noqa: S608 - aliases of ours
    distinct = ", ".join(
        f"count(DISTINCT {alias}) + (count({alias}) < count(*))::INTEGER AS {alias}, any_value({alias}) AS {alias}_any"
        for alias in facts
    )
    counted = next(queries.rows(f"SELECT {distinct} FROM ({failed})", {**mine, **paths}))  # noqa: S608 - aliases of ours
    common = tuple((name, _observed(counted[f"{alias}_any"])) for alias, name in facts.items() if counted[alias] == 1)
    few = [alias for alias in facts if 1 < counted[alias] <= GROUPING_VALUES]
    ranged = [alias for alias in facts if counted[alias] > GROUPING_VALUES]
    selected = ["source", "account", "region", "count(*) AS failures", "min(id) AS example"]
    selected += ["count(*) FILTER (exception <> '') AS excepted"]
    selected += [f"any_value({alias}) AS {alias}" for alias in few]
    for alias in ranged:
        order = f"({alias}, (TRY_CAST({alias} AS BIGINT), {alias}))"  # numbers by value, times as text
        selected += [f"arg_min{order} AS {alias}_least", f"arg_max{order} AS {alias}_most"]
    by = ", ".join(["source", "account", "region", *few])
    rows = queries.rows(
        f"""
        SELECT {", ".join(selected)}
        FROM ({failed}) GROUP BY {by} ORDER BY failures DESC, example
        """,  # noqa: S608 - aliases of ours
        {**mine, **paths},
    )
    return common, [
        Group(
            where=_where(row),
            observed=tuple(_ranges(row, facts, few)),
            count=row["failures"],
            excepted=row["excepted"],
            example=row["example"],
        )
        for row in rows
    ]


def _ranges(row: Mapping[str, Any], facts: Mapping[str, str], few: Sequence[str]) -> Iterator[tuple[str, str]]:
    for alias, name in facts.items():
        if alias in few:
            yield name, _observed(row[alias])
        elif f"{alias}_least" in row:
            least, most = row[f"{alias}_least"] or "", row[f"{alias}_most"] or ""
            if not (_ORDERED.fullmatch(least) and _ORDERED.fullmatch(most)):
                yield name, "differs"
            elif _observed(least) == _observed(most):
                yield name, _observed(least)
            else:
                yield name, f"{_observed(least)} to {_observed(most)}"


_ORDERED = re.compile(r"\d{4}-\d\d-\d\dT.*|\d+")
"""Facts that make a range: times, and whole numbers."""


def _observed(text: str | None) -> str:
    """A fact that SQL took out of JSON as text."""
    if text is None:
        return value(None)
    if text in ("true", "false") or text.startswith("["):
        return value(json.loads(text), 60)
    return value(text, 60)


def _withheld(queries: Queries) -> dict[tuple[str, str], list[Withheld]]:
    withheld: dict[tuple[str, str], list[Withheld]] = defaultdict(list)
    for row in queries.rows(
        """
        WITH missing AS (
            SELECT control, variant, unnest(missing) AS gap FROM finding WHERE verdict = 'inconclusive'
        )
        SELECT control, variant, operation, kind, error, count(*) AS verdicts, min(gap.id) AS example
        FROM missing JOIN gap ON gap.id = missing.gap
        GROUP BY control, variant, operation, kind, error
        ORDER BY control, variant, verdicts DESC, operation, kind, error
        """
    ):
        withheld[row["control"], row["variant"]].append(
            Withheld(
                gap=row["example"],
                operation=row["operation"],
                kind=kind(row["kind"]),
                error=visible(row["error"] or "", 200),
                verdicts=row["verdicts"],
            )
        )
    return withheld


def chapters(material: Material, judged: Mapping[tuple[str, str], Judged]) -> tuple[Chapter, ...]:
    """The controls by stage of life, in the order of the stages."""
    by_id: dict[str, list[Judged]] = defaultdict(list)
    for one in judged.values():
        by_id[one.result.id].append(one)
    names = {framework.id: framework.name for framework in material.assessment.frameworks}
    providers = {source.type for source in material.run.sources}
    controls = [_control(control, variants, names, providers) for control, variants in sorted(by_id.items())]
    return tuple(
        Chapter(stage=stage, controls=chosen)
        for stage in Stage
        if (chosen := tuple(control for control in controls if control.result.stage is stage))
    )


def _control(control: str, variants: list[Judged], names: Mapping[str, str], providers: set[str]) -> Control:
    ordered = sorted(variants, key=lambda one: (one.result.variant != "default", one.result.variant))
    refs = {(ref.framework, ref.requirement) for one in ordered for ref in one.result.requirements}
    failing = any(one.result.counts.failed for one in ordered)
    return Control(
        id=control,
        judged=tuple(ordered),
        remediation=tuple(
            (provider, text)
            for provider, text in sorted(ordered[0].result.remediation.items())
            if failing and provider in providers
        ),
        requirements=tuple(
            (name, tuple(sorted(requirement for framework, requirement in refs if framework == identifier)))
            for identifier, name in names.items()
            if any(framework == identifier for framework, _ in refs)
        ),
    )
