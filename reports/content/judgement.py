"""What is told of each control: its counts, failures, samples, and what withholds its verdicts."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evidence.findings import ControlResult, Counts, Stage
from reports.content.bounds import Bounds
from reports.content.sides import NOTHING, ControlCounts, Side
from reports.display import kind, provider_word, value, visible, within
from reports.material import Material, Queries
from reports.sampling import Sample


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
    name: str
    """What people call its subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """One reason why verdicts of a control are withheld."""

    example: str
    """Id of one gap of the kind; of one finding, where an attestation is awaited."""
    operation: str
    """Empty where an attestation is awaited."""
    kind: str
    error: str
    verdicts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One control with one set of parameters."""

    result: ControlResult
    sides: tuple[Counts, ...]
    """Its counts, one a side of the report."""
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
    citable: tuple[str, ...]
    """Ids of the first findings that fail without a valid exception, else of failures, else of inconclusive ones."""
    awaits: tuple[str, ...]
    """Topics whose attestation some verdict waits for."""
    sample: Sample | None

    @property
    def anchor(self) -> str:
        return f"control-{self.result.id}-{self.result.variant}"

    @property
    def quiet(self) -> bool:
        """Nothing failed and nothing is open, so there is little to tell."""
        return not self.result.counts.failed and not self.withheld

    @property
    def open_failures(self) -> int:
        """Failures that no valid exception covers."""
        return self.result.counts.failed - self.result.counts.excepted

    def by_side(self, shown: Sequence[Side]) -> Iterator[tuple[Side, Counts]]:
        """Each side with its counts."""
        return zip(shown, self.sides, strict=True)

    @property
    def spread(self) -> float:
        """How far apart the sides are: the difference between their highest and lowest share of passes, 0 to 1."""
        shares = [counts.passed / counts.judged for counts in self.sides if counts.judged]
        return max(shares) - min(shares) if shares else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A control, with each of its sets of parameters."""

    id: str
    judged: tuple[Judged, ...]
    remedies: tuple[tuple[str, str], ...]
    """(provider, what to do), for the first of the providers where something fails."""
    remedies_more: tuple[str, ...]
    """The others of these providers."""
    requirements: tuple[tuple[str, tuple[str, ...]], ...]
    """(framework's name, its requirements)."""

    @property
    def result(self) -> ControlResult:
        return self.judged[0].result

    @property
    def quiet(self) -> bool:
        """There is little to tell of any set of its parameters."""
        return all(one.quiet for one in self.judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """The controls of one stage of a key's life."""

    stage: Stage
    controls: tuple[Control, ...]


def judged_controls(
    material: Material,
    queries: Queries,
    shown: Sequence[Side],
    by_side: ControlCounts,
    samples: Sequence[Sample],
    bounds: Bounds,
) -> dict[tuple[str, str], Judged]:
    """Every control and variant by their names, in the order of the assessment."""
    names = {framework.id: framework.name for framework in material.assessment.frameworks}
    places = Places(queries)
    listed = _failures(queries, places, bounds)
    withheld = _withheld(queries)
    awaited = _awaited(queries)
    citable = _citable(queries, bounds)
    drawn = {(sample.control, sample.variant): sample for sample in samples}
    judged = {}
    for result in material.assessment.controls:
        key = (result.id, result.variant)
        many = result.counts.failed > bounds.failures
        common, groups, groups_more = _groups(queries, places, result, bounds.groups) if many else ((), [], 0)
        failures = [_without(common, failure) for failure in listed[key][: bounds.first if many else bounds.failures]]
        reasons = [*awaited[key], *withheld[key]]
        judged[key] = Judged(
            result=result,
            sides=by_side.get(key, (NOTHING,) * len(shown)),
            framework="" if result.variant == "default" else names.get(result.variant, result.variant),
            failures=tuple(failures),
            failures_more=result.counts.failed - len(failures),
            common=common,
            groups=tuple(groups),
            groups_more=groups_more,
            withheld=tuple(reasons[: bounds.withheld]),
            withheld_more=max(0, len(reasons) - bounds.withheld),
            citable=citable.get(key, ()),
            awaits=tuple(reason.error for reason in awaited[key]),
            sample=drawn.get(key),
        )
    return judged


_EXHIBIT = "id, control, variant, subject, subject_name, source, account, region, observed, exception, evidence"


def _exhibit(row: Mapping[str, Any], places: Places) -> Exhibit:
    evidence = row["evidence"]
    return Exhibit(
        finding=row["id"],
        name=visible(_name(row), 90),
        subject=visible(row["subject"], 200),
        where=places.of(row),
        observed=_facts(json.loads(row["observed"])),
        evidence=tuple(evidence[:2]),
        evidence_more=max(0, len(evidence) - 2),
        exception=row["exception"],
    )


def _name(row: Mapping[str, Any]) -> str:
    """What people call a thing, with the vault or key ring that holds it where the provider's own name tells that."""
    name, told = row["subject_name"] or row["subject"], within(row["subject"], row["account"], row["region"])
    return told if told.endswith(f"/{name}") and len(told) <= 90 else name


LONGEST_ACCOUNT = 30
"""An account whose id is longer goes by its name, if no other account of its source has the same."""


class Places:
    """Where things are, as a reader finds it again."""

    def __init__(self, queries: Queries) -> None:
        self._names = {
            (row["source"], row["account"]): row["name"]
            for row in queries.rows(
                """
                SELECT source, name, min(account) AS account FROM (
                    SELECT DISTINCT source, account, account_name AS name FROM scope
                    WHERE len(account) > $longest AND account_name <> ''
                ) GROUP BY source, name HAVING count(*) = 1 ORDER BY source, account, name
                """,
                {"longest": LONGEST_ACCOUNT},
            )
        }

    def of(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """Account and region of a finding, or its source where neither is known."""
        account = self._names.get((row["source"], row["account"]), row["account"])
        return tuple(visible(part, 40) for part in (account, row["region"]) if part) or (visible(row["source"], 40),)


def _facts(observed: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((visible(name, 60), value(fact, 80)) for name, fact in observed.items())


def _failures(queries: Queries, places: Places, bounds: Bounds) -> dict[tuple[str, str], list[Exhibit]]:
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
        listed[row["control"], row["variant"]].append(_exhibit(row, places))
    return listed


GROUPING_VALUES = 4
"""A fact with at most so many different values tells groups of failures apart; any other is shown as a range."""


def _without(common: Sequence[tuple[str, str]], exhibit: Exhibit) -> Exhibit:
    told = {name for name, _ in common}
    return replace(exhibit, observed=tuple(fact for fact in exhibit.observed if fact[0] not in told))


def _groups(
    queries: Queries, places: Places, result: ControlResult, most: int
) -> tuple[tuple[tuple[str, str], ...], list[Group], int]:
    """What all failures of one control share, the failures by place and by the facts that take few values, and how many
    more such groups there are than `most`."""
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
    selected += ["arg_min(subject, id) AS subject", "arg_min(subject_name, id) AS subject_name"]
    selected += ["count(*) FILTER (exception <> '') AS excepted"]
    selected += [f"any_value({alias}) AS {alias}" for alias in few]
    for alias in ranged:
        order = f"({alias}, (TRY_CAST({alias} AS BIGINT), {alias}))"  # numbers by value, times as text
        selected += [f"arg_min{order} AS {alias}_least", f"arg_max{order} AS {alias}_most"]
    by = ", ".join(["source", "account", "region", *few])
    rows, more = queries.first(
        f"""
        SELECT {", ".join(selected)}
        FROM ({failed}) GROUP BY {by} ORDER BY failures DESC, example
        """,  # noqa: S608 - aliases of ours
        most,
        {**mine, **paths},
    )
    groups = [
        Group(
            where=places.of(row),
            observed=tuple(_ranges(row, facts, few)),
            count=row["failures"],
            excepted=row["excepted"],
            example=row["example"],
            name=visible(_name(row), 70),
        )
        for row in rows
    ]
    return common, groups, more


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
                example=row["example"],
                operation=row["operation"],
                kind=kind(row["kind"]),
                error=visible(row["error"] or "", 200),
                verdicts=row["verdicts"],
            )
        )
    return withheld


AWAITED = "awaits people"
"""Why a verdict is withheld that lacks an attestation; what is lacking is its topic."""


def _awaited(queries: Queries) -> dict[tuple[str, str], list[Withheld]]:
    """The topics that verdicts wait for, those of most verdicts first."""
    awaited: dict[tuple[str, str], list[Withheld]] = defaultdict(list)
    for row in queries.rows(
        """
        SELECT control, variant, topic, count(*) AS verdicts, min(id) AS example
        FROM (SELECT control, variant, id, unnest(awaits) AS topic FROM finding WHERE verdict = 'inconclusive')
        GROUP BY control, variant, topic ORDER BY control, variant, verdicts DESC, topic
        """
    ):
        awaited[row["control"], row["variant"]].append(
            Withheld(
                example=row["example"],
                operation="",
                kind=AWAITED,
                error=visible(row["topic"], 60),
                verdicts=row["verdicts"],
            )
        )
    return awaited


def _citable(queries: Queries, bounds: Bounds) -> dict[tuple[str, str], tuple[str, ...]]:
    cited: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in queries.rows(
        """
        SELECT control, variant, id FROM (
            SELECT control, variant, id, verdict, row_number() OVER (
                PARTITION BY control, variant ORDER BY verdict, exception, source, account, region, subject, id
            ) AS place, min(verdict) OVER (PARTITION BY control, variant) AS worst
            FROM finding WHERE verdict IN ('fail', 'inconclusive')
        ) WHERE place <= $most AND verdict = worst ORDER BY control, variant, place
        """,
        {"most": bounds.citations},
    ):
        cited[row["control"], row["variant"]].append(row["id"])
    return {key: tuple(ids) for key, ids in cited.items()}


def chapters(
    material: Material, shown: Sequence[Side], judged: Mapping[tuple[str, str], Judged], bounds: Bounds
) -> tuple[Chapter, ...]:
    """The controls by stage of life, in the order of the stages."""
    by_id: dict[str, list[Judged]] = defaultdict(list)
    for one in judged.values():
        by_id[one.result.id].append(one)
    names = {framework.id: framework.name for framework in material.assessment.frameworks}
    controls = [
        _control(control, variants, names, shown, bounds.remedies) for control, variants in sorted(by_id.items())
    ]
    return tuple(
        Chapter(stage=stage, controls=chosen)
        for stage in Stage
        if (chosen := tuple(control for control in controls if control.result.stage is stage))
    )


def _control(
    control: str, variants: list[Judged], names: Mapping[str, str], shown: Sequence[Side], most_remedies: int
) -> Control:
    ordered = sorted(variants, key=lambda one: (one.result.variant != "default", one.result.variant))
    refs = {(ref.framework, ref.requirement) for one in ordered for ref in one.result.requirements}
    failing = {
        provider
        for one in ordered
        for side, counts in zip(shown, one.sides, strict=True)
        for provider in side.providers
        if counts.failed
    }
    remediation = [
        (provider_word(provider), text)
        for provider, text in sorted(ordered[0].result.remediation.items())
        if provider in failing
    ]
    return Control(
        id=control,
        judged=tuple(ordered),
        remedies=tuple(remediation[:most_remedies]),
        remedies_more=tuple(provider for provider, _ in remediation[most_remedies:]),
        requirements=tuple(
            (name, tuple(sorted(requirement for framework, requirement in refs if framework == identifier)))
            for identifier, name in names.items()
            if any(framework == identifier for framework, _ in refs)
        ),
    )
