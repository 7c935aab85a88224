"""What the report says, built once for paper and screen: bounded, ordered, and deciding nothing by itself."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from evidence.findings import (
    ControlResult,
    FrameworkResult,
    RequirementResult,
    Stage,
    Status,
    Verdict,
)
from reports.display import day, plural, value, visible
from reports.material import Material, Queries
from reports.sampling import METHOD, SIZE, Sample, draw

WORKBOOK = "workbook.xlsx"
"""Where the report points for what it does not list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How many rows of each list are shown, whatever the estate's size."""

    failures: int
    """Failures of one control listed one by one; where there are more, they are grouped first."""
    first: int
    """Failures listed one by one beneath their groups."""
    groups: int
    withheld: int
    """Reasons for inconclusive verdicts, a control."""
    scopes: int
    gaps: int
    register: int
    """Exceptions, and attestations."""
    identities: int
    findings_of_note: int
    regions: int
    """Columns of the coverage matrix; with more regions it is told a service and account at a time."""


PAPER = Bounds(
    failures=8, first=2, groups=6, withheld=4, scopes=24, gaps=30, register=30, identities=20,
    findings_of_note=8, regions=7,
)  # fmt: skip
SCREEN = Bounds(
    failures=150, first=100, groups=30, withheld=20, scopes=200, gaps=200, register=200, identities=100,
    findings_of_note=20, regions=12,
)  # fmt: skip


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    result: RequirementResult
    controls: tuple[Judged, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkPart:
    result: FrameworkResult
    statuses: tuple[tuple[str, int], ...]
    """(status, requirements), every status in order."""
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A control to look at first."""

    control: Judged
    share: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRow:
    id: str
    state: str
    word: str
    account: str
    account_name: str
    region: str
    service: str
    listed: int | None
    described: int | None
    refused: int
    failed: int
    error: str
    gap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Accounts and services down, regions across; each cell is the scope's state and its counts."""

    regions: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[ScopeRow | None, ...]], ...]
    """(account, service, one cell a region)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRow:
    """One account and service, over all regions."""

    account: str
    service: str
    states: tuple[tuple[str, int], ...]
    listed: int | None
    described: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    sources: tuple[tuple[str, str, str], ...]
    """(name, type, configuration as JSON)."""
    states: tuple[tuple[str, str, int], ...]
    """(state, its meaning, scopes)."""
    total: int
    matrix: Matrix | None
    rows: tuple[CoverageRow, ...]
    rows_more: int
    incomplete: tuple[ScopeRow, ...]
    incomplete_more: int
    populations: tuple[tuple[str, str, int], ...]
    """(what, of which kind, rows)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapGroup:
    operation: str
    kind: str
    error: str
    scopes: int
    example_scope: str
    gaps: int
    example: str
    table: str
    leaves: tuple[str, ...]
    """Columns left unknown."""
    rows_missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRow:
    name: str
    permission: str
    why: str
    statuses: Mapping[str, int]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    identities: tuple[tuple[str, str, int], ...]
    """(account, identity, exchanges)."""
    identities_more: int
    operations: tuple[OperationRow, ...]
    unasked: tuple[OperationRow, ...]
    first_at: datetime | None
    last_at: datetime | None
    exchanges: int
    retried: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRow:
    control: str
    variant: str
    name: str
    value: str
    source: str
    set_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAge:
    """The age of material in use, in quarters of a year."""

    series: tuple[tuple[str, tuple[int, ...]], ...]
    """(judgement, keys by full quarters since their material came into use); the last number is all that are older."""
    unknown: int
    cryptoperiods: tuple[int, ...]
    """The cryptoperiods in days that are set, whatever the type of key."""

    @property
    def totals(self) -> tuple[int, ...]:
        """Keys by quarters."""
        return tuple(sum(counts) for counts in zip(*(counts for _, counts in self.series), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    months: tuple[str, ...]
    causes: tuple[tuple[str, tuple[int, ...]], ...]
    """(cause, rotations a month)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageVerdicts:
    stages: tuple[tuple[str, tuple[int, int, int, int]], ...]
    """(stage, (passed, failed without exception, failed with exception, inconclusive))."""


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
    coverage: Coverage
    chapters: tuple[Chapter, ...]
    gaps: tuple[GapGroup, ...]
    gaps_more: int
    gap_count: int
    collection: Collection
    parameters: tuple[ParameterRow, ...]
    key_age: KeyAge
    timeline: Timeline
    stage_verdicts: StageVerdicts
    sampling_method: str
    sample_size: int

    @property
    def digest(self) -> str:
        """The evidence digest, short enough for a footer."""
        return self.material.evidence_digest[:16]

    @property
    def controls(self) -> tuple[Control, ...]:
        return tuple(control for chapter in self.chapters for control in chapter.controls)


SCOPE_STATES: dict[str, tuple[str, str]] = {
    "read": ("read", "Everything was read"),
    "empty": ("empty", "Everything was read, and there is nothing in it"),
    "partly": ("in part", "Something in it was refused or failed, so verdicts are withheld"),
    "refused": ("refused", "The provider refused the list, so nothing is known about what is in it"),
    "failed": ("failed", "The list got no usable answer, so nothing is known about what is in it"),
    "off": ("switched off", "Not enabled for the account"),
    "unasked": ("not asked", "Not part of the configuration"),
}
"""State of a scope → its word and what it means, in the order of the report."""


def build(material: Material, bounds: Bounds) -> Narrative:
    """Everything that the report says about one material, within `bounds`."""
    with material.connection() as queries:
        judged = _judged(material, queries, bounds)
        chapters = _chapters(material, judged)
        notes = _notes(judged.values())
        groups = _gap_groups(queries)
        verdicts = {
            row["verdict"]: row["n"]
            for row in queries.rows("SELECT verdict, count(*) AS n FROM finding GROUP BY verdict ORDER BY verdict")
        }
        return Narrative(
            material=material,
            bounds=bounds,
            verdicts={verdict: verdicts.get(verdict, 0) for verdict in Verdict},
            excepted=sum(one.result.counts.excepted for one in judged.values()),
            frameworks=tuple(_framework(framework, judged) for framework in material.assessment.frameworks),
            notes=tuple(notes[: bounds.findings_of_note]),
            notes_more=max(0, len(notes) - bounds.findings_of_note),
            blind_spots=tuple(
                group for group in groups if group.kind in ("refused", "failed") and group.table != "scope"
            )[:6],
            coverage=_coverage(material, queries, bounds),
            chapters=chapters,
            gaps=tuple(groups[: bounds.gaps]),
            gaps_more=max(0, len(groups) - bounds.gaps),
            gap_count=sum(group.gaps for group in groups),
            collection=_collection(material, queries, bounds),
            parameters=tuple(_parameters(material)),
            key_age=_key_age(material, queries),
            timeline=_timeline(material, queries),
            stage_verdicts=_stage_verdicts(material),
            sampling_method=METHOD,
            sample_size=SIZE,
        )


# The controls


def _judged(material: Material, queries: Queries, bounds: Bounds) -> dict[tuple[str, str], Judged]:
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
                kind=_kind(row["kind"]),
                error=visible(row["error"] or "", 200),
                verdicts=row["verdicts"],
            )
        )
    return withheld


def _kind(kind: str | None) -> str:
    return (kind or "").replace("_", " ")


def _chapters(material: Material, judged: Mapping[tuple[str, str], Judged]) -> tuple[Chapter, ...]:
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


def _notes(judged: Iterable[Judged]) -> list[Note]:
    failing = [one for one in judged if one.open_failures]
    failing.sort(key=lambda one: (-one.result.severity.rank, -one.open_failures, one.result.id, one.result.variant))
    return [Note(control=one, share=f"{one.open_failures:,} of {one.result.counts.judged:,}") for one in failing]


# The frameworks


def _framework(framework: FrameworkResult, judged: Mapping[tuple[str, str], Judged]) -> FrameworkPart:
    counted = Counter(requirement.status for requirement in framework.requirements)
    return FrameworkPart(
        result=framework,
        statuses=tuple((status, counted[status]) for status in Status),
        requirements=tuple(
            Requirement(
                result=requirement,
                controls=tuple(judged[control] for control in requirement.controls if control in judged),
            )
            for requirement in framework.requirements
        ),
    )


# Scope and coverage


def _coverage(material: Material, queries: Queries, bounds: Bounds) -> Coverage:
    scopes = [_scope(row) for row in queries.rows(_SCOPES)]
    shown = [scope for scope in scopes if scope.service != "account"]
    counted = Counter(scope.state for scope in scopes)
    incomplete = [scope for scope in scopes if scope.state in ("partly", "refused", "failed")]
    regions = sorted({scope.region for scope in shown}, key=lambda region: (region == "global", region))
    pairs = sorted({(scope.account, scope.account_name, scope.service) for scope in shown})
    fits = len(regions) <= bounds.regions and len(pairs) <= bounds.scopes
    rows = [] if fits else sorted(_coverage_rows(shown), key=_incomplete_first)
    return Coverage(
        sources=tuple(
            (source.name, source.type, visible(json.dumps(source.configuration, sort_keys=True), 600))
            for source in material.run.sources
        ),
        states=tuple((word, meaning, counted[state]) for state, (word, meaning) in SCOPE_STATES.items()),
        total=len(scopes),
        matrix=_matrix(shown, regions, pairs) if fits else None,
        rows=tuple(rows[: bounds.scopes]),
        rows_more=max(0, len(rows) - bounds.scopes),
        incomplete=tuple(incomplete[: bounds.scopes]),
        incomplete_more=max(0, len(incomplete) - bounds.scopes),
        populations=tuple(_populations(queries)),
    )


_SCOPES = """
    SELECT scope.*, told.error, told.id AS gap
    FROM scope LEFT JOIN (
        SELECT scope, any_value(error ORDER BY rank, id) AS error, any_value(id ORDER BY rank, id) AS id
        FROM (
            SELECT scope, id, error,
                CASE WHEN rows_missing THEN 0 WHEN of_table = 'scope' THEN 1 ELSE 2 END AS rank
            FROM gap WHERE kind IN ('refused', 'failed')
        ) GROUP BY scope
    ) AS told ON told.scope = scope.id
    ORDER BY scope.source, scope.account, scope.region, scope.service, scope.id
"""


def _scope(row: Mapping[str, Any]) -> ScopeRow:
    state = _state(row)
    return ScopeRow(
        id=visible(row["id"], 120),
        state=state,
        word=SCOPE_STATES[state][0],
        account=visible(row["account"] or row["source"], 60),
        account_name=visible(row["account_name"] or "", 60),
        region=visible(row["region"] or "", 40),
        service=visible(row["service"] or "", 40),
        listed=row["listed"],
        described=row["described"],
        refused=row["refused"] or 0,
        failed=row["failed"] or 0,
        error=visible(row["error"] or "", 200),
        gap=row["gap"] or "",
    )


def _state(row: Mapping[str, Any]) -> str:
    if row["asked"] is False:
        return "unasked"
    if row["reached"] is False and not row["refused"] and not row["failed"]:
        return "off"
    if row["complete"]:
        return "empty" if row["listed"] == 0 and row["service"] != "account" else "read"
    if row["listed"] is None and not row["described"]:
        return "refused" if row["refused"] else "failed"
    return "partly"


def _matrix(scopes: Iterable[ScopeRow], regions: Sequence[str], pairs: Sequence[tuple[str, str, str]]) -> Matrix:
    cells = {(scope.account, scope.service, scope.region): scope for scope in scopes}
    return Matrix(
        regions=tuple(regions),
        rows=tuple(
            (
                f"{account} {name}".strip(),
                service,
                tuple(cells.get((account, service, region)) for region in regions),
            )
            for account, name, service in pairs
        ),
    )


def _coverage_rows(scopes: Iterable[ScopeRow]) -> Iterator[CoverageRow]:
    grouped: dict[tuple[str, str], list[ScopeRow]] = defaultdict(list)
    for scope in scopes:
        grouped[f"{scope.account} {scope.account_name}".strip(), scope.service].append(scope)
    for (account, service), members in grouped.items():
        states = Counter(scope.word for scope in members)
        known = [scope.listed for scope in members if scope.state in ("read", "empty", "partly")]
        yield CoverageRow(
            account=account,
            service=service,
            states=tuple((word, states[word]) for word, _ in SCOPE_STATES.values() if states[word]),
            listed=sum(number for number in known if number is not None),
            described=sum(scope.described or 0 for scope in members),
        )


def _incomplete_first(row: CoverageRow) -> tuple[int, str, str]:
    words = {word for word, _ in row.states}
    rank = 0 if words & {"refused", "failed"} else 1 if "in part" in words else 2
    return rank, row.account, row.service


def _populations(queries: Queries) -> Iterator[tuple[str, str, int]]:
    for table, what in (("key", "Keys"), ("secret", "Secrets")):
        for row in queries.rows(
            f"""
            SELECT coalesce(manager, 'manager not observed') AS manager, coalesce(state, 'state not observed') AS state,
                count(*) AS n
            FROM {table} GROUP BY ALL ORDER BY n DESC, manager, state LIMIT 8
            """  # noqa: S608 - a table of ours
        ):
            manager = {"customer": "customer-managed", "provider": "provider-managed"}.get(
                row["manager"], row["manager"]
            )
            yield what, f"{manager}, {_kind(row['state'])}", row["n"]


# The gaps


def _gap_groups(queries: Queries) -> list[GapGroup]:
    return [
        GapGroup(
            operation=row["operation"] or "",
            kind=_kind(row["kind"]),
            error=visible(row["error"] or "", 240),
            scopes=row["scopes"],
            example_scope=visible(row["example_scope"], 100),
            gaps=row["gaps"],
            example=row["example"],
            table=row["of_table"] or "",
            leaves=tuple(row["leaves"]),
            rows_missing=row["rows_missing"],
        )
        for row in queries.rows(
            """
            SELECT operation, kind, error, of_table, count(DISTINCT scope) AS scopes, min(scope) AS example_scope,
                count(*) AS gaps, min(id) AS example, bool_or(rows_missing) AS rows_missing,
                coalesce(list_sort(list_distinct(flatten(list(columns)))), []) AS leaves
            FROM gap GROUP BY operation, kind, error, of_table
            ORDER BY rows_missing DESC, kind = 'not_offered', kind = 'switched_off', gaps DESC,
                operation, kind, error, of_table
            """
        )
    ]


# How it was collected


def _collection(material: Material, queries: Queries, bounds: Bounds) -> Collection:
    identities = [
        (visible(row["account"] or "", 60), visible(row["identity"], 160), row["exchanges"])
        for row in queries.rows(
            """
            SELECT scope.account, observation.identity, count(*) AS exchanges
            FROM observation LEFT JOIN scope ON scope.id = observation.scope
            GROUP BY scope.account, observation.identity
            ORDER BY scope.account, observation.identity
            """
        )
    ]
    whole = next(
        queries.rows(
            """
            SELECT min(requested_at) AS first_at, max(received_at) AS last_at, count(*) AS exchanges,
                count(*) FILTER (attempts > 1) AS retried, coalesce(sum(bytes), 0)::BIGINT AS bytes
            FROM observation
            """
        )
    )
    operations = _operations(material, queries)
    return Collection(
        identities=tuple(identities[: bounds.identities]),
        identities_more=max(0, len(identities) - bounds.identities),
        operations=tuple(operation for operation in operations if operation.total),
        unasked=tuple(operation for operation in operations if not operation.total),
        first_at=whole["first_at"],
        last_at=whole["last_at"],
        exchanges=whole["exchanges"],
        retried=whole["retried"],
        bytes=whole["bytes"],
    )


def _operations(material: Material, queries: Queries) -> list[OperationRow]:
    counted: dict[str, dict[str, int]] = defaultdict(dict)
    for row in queries.rows(
        "SELECT operation, status, count(*) AS n FROM observation GROUP BY operation, status ORDER BY operation, status"
    ):
        counted[row["operation"] or ""][row["status"] or ""] = row["n"]
    declared = {operation.name: operation for source in material.run.sources for operation in source.operations}
    rows = []
    for name in sorted({*declared, *counted}):
        operation = declared.get(name)
        rows.append(
            OperationRow(
                name=name,
                permission=operation.permission if operation else "",
                why=operation.why if operation else "",
                statuses=counted[name],
                total=sum(counted[name].values()),
            )
        )
    return rows


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


# The charts' numbers

OLDEST_QUARTER = 12
"""Material older than so many quarters of a year is counted together."""

QUARTER_DAYS = 365 / 4

CRYPTOPERIOD = "ROT-02"
"""The control that judges the age of material in use; its parameters in days are the cryptoperiods."""

JUDGED_AGE = {"pass": "within its cryptoperiod", "fail": "beyond its cryptoperiod"}
"""Verdict of that control → what it says of a key; any other verdict says that the age is not judged."""

UNJUDGED_AGE = "not judged"


def _key_age(material: Material, queries: Queries) -> KeyAge:
    counted: dict[str, Counter[int]] = defaultdict(Counter)
    unknown = 0
    for row in queries.rows(
        """
        SELECT finding.verdict, count(*) AS n,
            least(floor(date_diff('second', last_rotated_at, $as_of) / 86400 / $quarter), $oldest)::INTEGER AS quarter
        FROM key LEFT JOIN finding ON finding.control = $control AND finding.variant = 'default'
            AND finding.subject = key.id AND finding.scope = key.scope
        WHERE manager = 'customer' AND state = 'active' GROUP BY finding.verdict, quarter
        ORDER BY finding.verdict, quarter
        """,
        {
            "as_of": material.assessment.as_of,
            "quarter": QUARTER_DAYS,
            "oldest": OLDEST_QUARTER,
            "control": CRYPTOPERIOD,
        },
    ):
        if row["quarter"] is None:
            unknown += row["n"]
        else:
            counted[JUDGED_AGE.get(row["verdict"], UNJUDGED_AGE)][max(0, row["quarter"])] += row["n"]
    set_days = {
        parameter.value
        for result in material.assessment.controls
        if (result.id, result.variant) == (CRYPTOPERIOD, "default")
        for parameter in result.parameters
        if parameter.name.endswith("_days") and isinstance(parameter.value, int)
    }
    return KeyAge(
        series=tuple(
            (label, tuple(counted[label][quarter] for quarter in range(OLDEST_QUARTER + 1)))
            for label in (*JUDGED_AGE.values(), UNJUDGED_AGE)
        ),
        unknown=unknown,
        cryptoperiods=tuple(sorted(set_days)),
    )


LONGEST_MONTHS = 36
"""The timeline shows so many months at the end of a longer period."""


def _timeline(material: Material, queries: Queries) -> Timeline:
    start, end = material.assessment.period_start, material.assessment.period_end
    first, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
    months = [f"{month // 12}-{month % 12 + 1:02d}" for month in range(max(first, last - LONGEST_MONTHS + 1), last + 1)]
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for row in queries.rows(
        """
        SELECT coalesce(replace(cause, '_', ' '), 'cause not observed') AS cause,
            strftime(created_at, '%Y-%m') AS month, count(*) AS n
        FROM key_version
        WHERE created_at BETWEEN $start AND $end AND (cause IS NULL OR cause <> 'initial')
        GROUP BY ALL ORDER BY cause, month
        """,
        {"start": start, "end": end},
    ):
        counted[row["cause"]][row["month"]] += row["n"]
    return Timeline(
        months=tuple(months),
        causes=tuple((cause, tuple(counts[month] for month in months)) for cause, counts in sorted(counted.items())),
    )


def _stage_verdicts(material: Material) -> StageVerdicts:
    stages = []
    for stage in Stage:
        counts = [result.counts for result in material.assessment.controls if result.stage is stage]
        if counts:
            excepted = sum(count.excepted for count in counts)
            stages.append(
                (
                    stage.value,
                    (
                        sum(count.passed for count in counts),
                        sum(count.failed for count in counts) - excepted,
                        excepted,
                        sum(count.inconclusive for count in counts),
                    ),
                )
            )
    return StageVerdicts(stages=tuple(stages))


def title(material: Material) -> str:
    """The document's title."""
    organization, as_of = visible(material.assessment.organization, 120), day(material.assessment.as_of)
    return f"Key-management evidence: {organization}, as of {as_of}"


def subtitle(narrative: Narrative) -> str:
    """One line for lists of documents."""
    sources = plural(len(narrative.material.run.sources), "source")
    return f"{plural(sum(narrative.verdicts.values()), 'verdict')} on {sources}, run {narrative.material.run.id}"
