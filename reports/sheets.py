"""The workbook's sheets, before they take a form: what each holds, column by column and row by row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from evidence.findings import AttestationUsed, Status, Verdict
from evidence.model import TABLES, columns
from reports.content.bounds import SCREEN, SHEETS
from reports.content.collection import OperationRow, collection
from reports.content.coverage import SCOPE_STATES, scope_state
from reports.content.crosswalk import evidence_for
from reports.content.sides import NOTHING, Side, control_counts
from reports.display import (
    STATUS_SYMBOLS,
    STATUS_WORDS,
    VERDICT_SYMBOLS,
    VERDICT_WORDS,
    kind,
    listed,
    minute,
    plural,
    provider_word,
    value,
)
from reports.material import Material, Queries
from reports.period_sheets import changes_sheet, runs_sheet
from reports.sampling import METHOD, POPULATION, draw
from reports.sheet import Cell, Column, Sheet, every

MOST_CELLS = 2_000_000
"""Cells of one sheet: some 125,000 verdicts or 35,000 keys. It would take eight times as many rows, but then opens and
filters so slowly that nobody works with it."""


def sheets(material: Material, queries: Queries, most_cells: int = MOST_CELLS) -> list[Sheet]:
    """Every sheet in its order. Only one sheet's rows may be read at a time."""
    populations = _portion(queries, "finding", POPULATION, "control || ' ' || variant", most_cells // len(FINDING))
    made = [
        _requirements(material),
        _crosswalk(material),
        _controls(material, populations),
        _sources(material, queries),
        _scopes(queries, most_cells),
        _populations(queries, populations),
        _exceptions(queries, most_cells),
        _register(material),
        runs_sheet(material, queries),
        changes_sheet(queries, most_cells),
        _samples(material, queries),
        _gaps(queries, most_cells),
        _inventory(queries, "key", "Keys", most_cells),
        _inventory(queries, "secret", "Secrets", most_cells),
        _inventory(queries, "certificate", "Certificates", most_cells),
        _inventory(queries, "key_store", "Key stores", most_cells),
        _inventory(queries, "protected_resource", "Resources", most_cells),
        _inventory(queries, "credential", "Credentials", most_cells),
        _inventory(queries, "access", SHEETS["access"], most_cells),
        _operations(material, queries),
    ]
    return [_read_me(material, queries, made), *made]


FAILED = "verdict = 'fail'"
EVERY = "true"

NOTES = Column("Assessor's notes", 30, "note")


@dataclass(frozen=True, slots=True)
class Portion:
    """What of a table a sheet holds. A part of it (a control's population, a scope's keys) is whole or not at all,
    so that whoever counts the rows of one has counted them all."""

    held: Mapping[str, int]
    """Part → rows."""
    left: Mapping[str, int]

    @property
    def parts(self) -> list[str]:
        return sorted(self.held)

    def extent(self, elsewhere: str) -> str:
        """How many rows the sheet holds, and where the others are."""
        held, left = sum(self.held.values()), sum(self.left.values())
        if not left:
            return every(held)
        names, more = listed((f"{part.strip()} ({count:,})" for part, count in sorted(self.left.items())), 6)
        missing = "; ".join(names) + (f"; and {more:,} more" if more else "")
        return (
            f"{held:,} of {plural(held + left, 'row')}. Too many for a sheet, so found in {elsewhere} only: {missing}."
        )


def _portion(queries: Queries, table: str, condition: str, part: str, most: int) -> Portion:
    """The smallest parts first, as long as there is room."""
    held: dict[str, int] = {}
    left: dict[str, int] = {}
    room = most
    for row in queries.rows(
        f"SELECT {part} AS part, count(*) AS n FROM {table} WHERE {condition} GROUP BY part ORDER BY n, part"  # noqa: S608 - expressions of ours
    ):
        chosen = held if row["n"] <= room else left
        chosen[row["part"]] = row["n"]
        room -= row["n"] if chosen is held else 0
    return Portion(held, left)


def _read_me(material: Material, queries: Queries, made: Sequence[Sheet]) -> Sheet:
    told = material.assessment
    rows: list[tuple[str, Cell]] = [
        ("Organization", told.organization),
        ("Run", material.run.id),
        ("Judged as of", minute(told.as_of)),
        ("Audit period", f"{minute(told.period_start)} to {minute(told.period_end)}"),
        ("Collected", _collected(material, queries)),
        ("Evidence digest (SHA-256)", material.evidence_digest),
        ("Catalogue digest (SHA-256)", told.catalogue_sha256),
        ("Made by", f"keyproof {told.tool_version}"),
        *((f"Sheet: {sheet.name}", [sheet.holds, sheet.extent]) for sheet in made),
        *((f"Verdict: {_verdict(verdict)}", VERDICT_MEANINGS[verdict]) for verdict in Verdict),
        *((f"Status: {_status(status)}", STATUS_MEANINGS[status]) for status in Status),
        *READING,
    ]
    return Sheet(
        name="Read me",
        holds="What this workbook is, what each sheet holds, and what its words mean.",
        extent="",
        columns=(Column("Subject", 34), Column("What is to be known of it", 110, "wrapped")),
        rows=lambda: iter(rows),
    )


VERDICT_MEANINGS: dict[str, str] = {
    Verdict.PASS: "The row is in the control's population, and what was observed meets the test.",
    Verdict.FAIL: "The row is in the population, and what was observed does not meet the test. A documented exception "
    "is named beside it; it stays a failure.",
    Verdict.INCONCLUSIVE: "Something that the control reads was not observed, or rows may be missing. It never counts "
    "as passed; the gaps that explain it are named.",
    Verdict.NOT_APPLICABLE: "The row is not in the population. These verdicts are counted here, and stand one by one "
    "in findings.parquet.",
}

STATUS_MEANINGS: dict[str, str] = {
    Status.NOT_SUPPORTED: "A control that decides the requirement fails without a valid exception.",
    Status.INCONCLUSIVE: "A verdict is inconclusive, a scope was not read, or nothing was found to judge.",
    Status.NEEDS_ATTESTATION: "What metadata can decide passes; the rest is for people, and none has attested it.",
    Status.SUPPORTED: "All that decides it passes, and what people decide is attested.",
    Status.NOT_APPLICABLE: "Attested as not applicable, or its population is empty and was completely observed.",
}

READING: tuple[tuple[str, str], ...] = (
    (
        "Exceptions and Register",
        "Exceptions are what auditors call by that name: the failures. What the organization has decided to tolerate, "
        "and until when, stands in the register.",
    ),
    (
        "Not observed",
        "The provider did not tell, or was not allowed to. It is never the same as none (observed to be empty), no, "
        "0 or never (a date observed to be absent). The sheet Gaps says why.",
    ),
    ("Times", "All times and days are in UTC."),
    (
        "Text from providers",
        "Names, tags and messages stand as they were read, as text that starts no formula. White space is folded, "
        "characters that act unseen are written out as [U+202E], and a text of more than 3,600 characters is cut and "
        "says so; findings.parquet and inventory/*.parquet hold it whole.",
    ),
    (
        "Integrity",
        "This file can be changed by whoever holds it: work on a copy. manifest.json in the pack has the SHA-256 of "
        "the file as it was made, and `keyproof verify PACK` performs the whole assessment again from the recorded "
        "answers.",
    ),
)


def _collected(material: Material, queries: Queries) -> str:
    whole = collection(material, queries, SCREEN)
    if whole.first_at is None or whole.last_at is None:
        return "Nothing was asked"
    return f"{minute(whole.first_at)} to {minute(whole.last_at)}, {plural(whole.exchanges, 'exchange')}"


def _status(status: str) -> str:
    return f"{STATUS_SYMBOLS[status]} {STATUS_WORDS[status]}"


def _verdict(verdict: str) -> str:
    return f"{VERDICT_SYMBOLS[verdict]} {VERDICT_WORDS[verdict]}"


def _requirements(material: Material) -> Sheet:
    def rows() -> Iterator[Sequence[Cell]]:
        for framework in material.assessment.frameworks:
            for requirement in framework.requirements:
                yield (
                    f"{framework.name} {framework.edition}",
                    requirement.id,
                    requirement.text,
                    requirement.decided.value,
                    _status(requirement.status),
                    requirement.reason,
                    requirement.metadata,
                    requirement.remains,
                    [f"{control} {variant}" for control, variant in requirement.controls],
                    requirement.unavailable,
                    requirement.attestations,
                    "",
                    "",
                )

    return Sheet(
        name="Requirements",
        holds="Every requirement of the frameworks chosen, what the evidence says about it, and what remains for "
        "people.",
        extent=every(sum(len(framework.requirements) for framework in material.assessment.frameworks)),
        columns=(
            Column("Framework", 24, "wrapped"),
            Column("Requirement", 16),
            Column("In our words", 46, "wrapped"),
            Column("Decided by metadata", 14),
            Column("Status", 21, "mark"),
            Column("Reason", 42, "wrapped"),
            Column("What metadata decides", 36, "wrapped"),
            Column("What remains for people", 46, "wrapped"),
            Column("Controls", 20, "wrapped"),
            Column("Controls not in the catalogue", 18, "wrapped"),
            Column("Attestations", 14, "wrapped"),
            Column("Assessor's conclusion", 30, "note"),
            Column("Workpaper ref", 16, "note"),
        ),
        rows=rows,
    )


def _crosswalk(material: Material) -> Sheet:
    frameworks = material.assessment.frameworks
    supported = evidence_for(frameworks)
    results = {result.id: result for result in reversed(material.assessment.controls)}

    def rows() -> Iterator[Sequence[Cell]]:
        for result in reversed(results.values()):
            yield (
                result.id,
                result.title,
                result.stage.value,
                result.severity.value,
                *(
                    ", ".join(
                        f"{one.requirement}{' *' if one.own else ''}" for one in supported[result.id, framework.id]
                    )
                    for framework in frameworks
                ),
            )

    return Sheet(
        name=SHEETS["crosswalk"],
        holds="Which control is evidence for which requirement; an asterisk: judged with the framework's own "
        "parameters, or for some sources alone.",
        extent=every(len(results)),
        columns=(
            Column("Control", 10),
            Column("Title", 44, "wrapped"),
            Column("Stage", 13),
            Column("Severity", 10),
            *(
                Column(f"{framework.name} {framework.edition} ({framework.id})", 30, "wrapped")
                for framework in frameworks
            ),
        ),
        rows=rows,
    )


def _controls(material: Material, populations: Portion) -> Sheet:
    kinds = {source.type for source in material.run.sources}

    def rows() -> Iterator[Sequence[Cell]]:
        for control in material.assessment.controls:
            yield (
                control.id,
                control.variant,
                control.title,
                control.stage.value,
                control.severity.value,
                control.decided.value,
                control.meaning,
                control.over,
                control.population,
                control.population_words,
                control.test,
                control.test_words,
                control.facts,
                [f"{p.name} = {_whole(p.value)}, set by the {p.set_by}: {p.source}" for p in control.parameters],
                control.counts.judged,
                control.counts.passed,
                control.counts.failed,
                control.counts.excepted,
                control.counts.inconclusive,
                control.counts.awaiting,
                control.counts.not_applicable,
                "yes" if control.population_complete else "no",
                "findings.parquet" if f"{control.id} {control.variant}" in populations.left else SHEETS["populations"],
                [f"{ref.framework} {ref.requirement}" for ref in control.requirements],
                [
                    f"{provider_word(kind)}: {text}"
                    for kind, text in sorted(control.remediation.items())
                    if kind in kinds
                ],
            )

    return Sheet(
        name=SHEETS["controls"],
        holds="Every control with each set of parameters: what it means, how it was tested, and its counts.",
        extent=every(len(material.assessment.controls)),
        columns=(
            Column("Control", 10),
            Column("Variant", 14),
            Column("Title", 34, "wrapped"),
            Column("Stage", 13),
            Column("Severity", 10),
            Column("Decided by metadata", 14),
            Column("Meaning", 60, "wrapped"),
            Column("Rows of", 10),
            Column("Population (SQL)", 36, "wrapped"),
            Column("Population in words", 32, "wrapped"),
            Column("Test (SQL)", 36, "wrapped"),
            Column("Test in words", 32, "wrapped"),
            Column("Facts read", 20, "wrapped"),
            Column("Parameters", 44, "wrapped"),
            Column("In the population", 12, "number"),
            Column("Passed", 10, "number"),
            Column("Failed", 10, "number"),
            Column("Failed, excepted", 11, "number"),
            Column("Inconclusive", 14, "number"),
            Column("Awaiting people", 12, "number"),
            Column("Not applicable", 12, "number"),
            Column("Population complete", 13),
            Column("Population listed in", 18),
            Column("Requirements", 24, "wrapped"),
            Column("Remediation", 50, "wrapped"),
        ),
        rows=rows,
    )


def _whole(parameter: bool | int | float | str | list[str]) -> str:
    return ", ".join(parameter) if isinstance(parameter, list) else value(parameter, len(str(parameter)) + 1)


def _sources(material: Material, queries: Queries) -> Sheet:
    each = [
        Side(
            name=provider_word(source.type),
            note=source.name,
            alone=False,
            providers=(source.type,),
            sources=(source.name,),
        )
        for source in material.run.sources
    ]
    counted = control_counts(queries, each)

    def rows() -> Iterator[Sequence[Cell]]:
        for control in material.assessment.controls:
            of_control = counted.get((control.id, control.variant), (NOTHING,) * len(each))
            for source, counts in zip(each, of_control, strict=True):
                yield (
                    control.id,
                    control.variant,
                    control.title,
                    control.stage.value,
                    control.severity.value,
                    source.name,
                    source.note,
                    counts.judged,
                    counts.passed,
                    counts.failed,
                    counts.excepted,
                    counts.inconclusive,
                    counts.awaiting,
                    counts.not_applicable,
                )

    return Sheet(
        name="Sources",
        holds="The counts of every control source by source, which shows where they differ.",
        extent=every(len(material.assessment.controls) * len(each)),
        columns=(
            Column("Control", 10),
            Column("Variant", 14),
            Column("Title", 44, "wrapped"),
            Column("Stage", 13),
            Column("Severity", 10),
            Column("Provider", 16),
            Column("Source", 20),
            Column("In the population", 12, "number"),
            Column("Passed", 10, "number"),
            Column("Failed", 10, "number"),
            Column("Failed, excepted", 11, "number"),
            Column("Inconclusive", 14, "number"),
            Column("Awaiting people", 12, "number"),
            Column("Not applicable", 12, "number"),
        ),
        rows=rows,
    )


SCOPE_FACTS = [
    "id", "source", "provider", "account", "account_name", "region", "service", "asked", "reached", "complete",
    "calls", "pages", "listed", "described", "refused", "failed", "collected_at", "identity",
]  # fmt: skip


def _scopes(queries: Queries, most_cells: int) -> Sheet:
    portion = _portion(queries, "scope", EVERY, "source", most_cells // len(SCOPE_FACTS))

    def rows() -> Iterator[Sequence[Cell]]:
        for row in queries.rows(
            """
            SELECT * FROM scope WHERE list_contains($parts, source)
            ORDER BY source, account, region, service, id
            """,
            {"parts": portion.parts},
        ):
            word, meaning = SCOPE_STATES[scope_state(row)]
            yield word, meaning, *(fact(row[name]) for name in SCOPE_FACTS)

    return Sheet(
        name=SHEETS["scopes"],
        holds="Everything that was to be read, and how far it was.",
        extent=portion.extent("inventory/scope.parquet"),
        columns=(Column("State", 14), Column("That is", 44, "wrapped"), *_columns("scope", SCOPE_FACTS)),
        rows=rows,
    )


FINDING = (
    Column("Finding", 18),
    Column("Control", 10),
    Column("Variant", 14),
    Column("Verdict", 16, "mark"),
    Column("Severity", 10),
    Column("Kind", 10),
    Column("Name", 30),
    Column("Subject", 52),
    Column("Source", 12),
    Column("Account", 15),
    Column("Region", 14),
    Column("Scope", 36),
    Column("Observed", 60, "wrapped"),
    Column("Missing (gaps)", 20, "wrapped"),
    Column("Awaits (topics)", 16, "wrapped"),
    Column("Exception", 14),
    Column("Evidence (observations)", 34, "wrapped"),
)


def _finding(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (
        row["id"],
        row["control"],
        row["variant"],
        _verdict(row["verdict"]),
        row["severity"],
        row["subject_table"],
        row["subject_name"],
        row["subject"],
        row["source"],
        row["account"],
        row["region"],
        row["scope"],
        observed(json.loads(row["observed"])),
        _ids(row["missing"]),
        _ids(row["awaits"]),
        row["exception"],
        _ids(row["evidence"]),
    )


def _populations(queries: Queries, portion: Portion) -> Sheet:
    def rows() -> Iterator[Sequence[Cell]]:
        for row in queries.rows(
            f"""
            SELECT * FROM finding WHERE {POPULATION} AND list_contains($parts, control || ' ' || variant)
            ORDER BY control, variant, source, account, region, subject, scope, id
            """,  # noqa: S608 - a constant of ours
            {"parts": portion.parts},
        ):
            yield _finding(row)

    return Sheet(
        name=SHEETS["populations"],
        holds="Every verdict on what is in a control's population: pass, fail and inconclusive.",
        extent=portion.extent("findings.parquet"),
        columns=FINDING,
        rows=rows,
    )


def _exceptions(queries: Queries, most_cells: int) -> Sheet:
    portion = _portion(queries, "finding", FAILED, "control || ' ' || variant", most_cells // len(FINDING))

    def rows() -> Iterator[Sequence[Cell]]:
        for row in queries.rows(
            f"""
            SELECT * FROM finding WHERE {FAILED} AND list_contains($parts, control || ' ' || variant)
            ORDER BY control, variant, exception, source, account, region, subject, scope, id
            """,  # noqa: S608 - a constant of ours
            {"parts": portion.parts},
        ):
            yield *_finding(row), ""

    return Sheet(
        name=SHEETS["failures"],
        holds="Every failure; one that a valid exception of the register covers names it and stays a failure.",
        extent=portion.extent("findings.parquet"),
        columns=(*FINDING, NOTES),
        rows=rows,
    )


def _register(material: Material) -> Sheet:
    told = material.assessment

    def rows() -> Iterator[Sequence[Cell]]:
        for used in told.exceptions:
            yield (
                "exception",
                used.id,
                _counts(used.valid),
                used.problem,
                [used.control],
                "",
                f"where {used.where}" if used.where else ", ".join(used.subjects),
                used.reason,
                used.compensating_control,
                used.owner,
                used.approver,
                used.approved,
                used.expires,
                used.covers,
                "",
                used.document,
                used.sha256,
            )
        for attested in told.attestations:
            yield (
                "not applicable" if attested.not_applicable else "attestation",
                attested.id,
                _counts(attested.valid),
                attested.problem,
                [f"{ref.framework} {ref.requirement}" for ref in attested.requirements],
                (attested.topic or "").replace("_", " "),
                ", ".join(attested.subjects) if attested.topic else "",
                attested.statement,
                "",
                attested.owner,
                attested.approver,
                attested.date,
                attested.expires,
                "",
                _said(attested),
                attested.document,
                attested.sha256,
            )

    return Sheet(
        name=SHEETS["exceptions"],
        holds="What people state: documented exceptions, and attestations of what metadata cannot decide.",
        extent=every(len(told.exceptions) + len(told.attestations)),
        columns=(
            Column("Kind", 15),
            Column("Id", 14),
            Column("Counts", 18, "mark"),
            Column("Why not", 30, "wrapped"),
            Column("Control or requirements", 24, "wrapped"),
            Column("Topic", 20),
            Column("Subjects or condition", 36, "wrapped"),
            Column("Reason or statement", 54, "wrapped"),
            Column("Compensating control", 36, "wrapped"),
            Column("Owner", 20, "wrapped"),
            Column("Approver", 20, "wrapped"),
            Column("Approved", 12, "day"),
            Column("Expires", 12, "day"),
            Column("Failures covered", 12, "number"),
            Column("What else it says", 30, "wrapped"),
            Column("Document", 30, "wrapped"),
            Column("SHA-256 of the document", 30, "wrapped"),
        ),
        rows=rows,
    )


def _said(attested: AttestationUsed) -> list[str]:
    """What an attestation says beside its statement."""
    told: list[tuple[str, Any]] = [
        ("occurred", attested.occurred),
        ("to be done by", attested.target),
        ("principals reviewed, sha256", attested.principals_sha256),
        *((f"{what} counted", f"{count:,}") for what, count in sorted(attested.counts.items())),
    ]
    return [f"{name}: {said}" for name, said in told if said]


def _counts(valid: bool) -> str:
    return "✓ counts" if valid else "✗ does not count"


TEST = Column("Assessor's test and result", 30, "note")


def _samples(material: Material, queries: Queries) -> Sheet:
    samples = list(draw(material, queries))
    drawn = {name for sample in samples for name in sample.findings}

    def rows() -> Iterator[Sequence[Cell]]:
        found = {
            row["id"]: row
            for row in queries.rows(
                "SELECT * FROM finding SEMI JOIN (SELECT unnest($ids) AS id) USING (id) ORDER BY id",
                {"ids": sorted(drawn)},
            )
        }
        told = _observations(queries, {name for row in found.values() for name in row["evidence"]})
        for sample in samples:
            for place, name in enumerate(sample.findings, 1):
                row = found[name]
                exchanges = [told[one] for one in row["evidence"] if one in told]
                yield (
                    sample.id,
                    place,
                    sample.population,
                    sample.population_sha256,
                    sample.seed,
                    *_finding(row)[:-1],
                    [_exchange(one) for one in exchanges],
                    sorted({f"observations/{one['file']}" for one in exchanges}),
                    "",
                )

    return Sheet(
        name=SHEETS["samples"],
        holds="Verdicts drawn from the whole population of each control, whatever they are, to test by hand. "
        f"{METHOD} {_sizes(material)}",
        extent=every(len(drawn)),
        columns=(
            Column("Sample", 18),
            Column("Place", 8, "number"),
            Column("Judged in all", 12, "number"),
            Column("SHA-256 of their ids", 30, "wrapped"),
            Column("Seed", 40, "wrapped"),
            *FINDING[:-1],
            Column("Observations", 80, "wrapped"),
            Column("Recorded in", 48, "wrapped"),
            TEST,
        ),
        rows=rows,
    )


def _sizes(material: Material) -> str:
    plan = material.assessment.sampling
    others = ", ".join(f"{size} for {control}" for control, size in sorted(plan.sizes.items()))
    return f"Here n is {plan.size}{f'; {others}' if others else ''}."


def _exchange(row: Mapping[str, Any]) -> str:
    """An observation in one line, with what is needed to find it at the provider and in the pack."""
    when = minute(row["received_at"]) if row["received_at"] else "time not observed"
    request = f", request {row['request_id']}" if row["request_id"] else ""
    status = kind(row["status"])
    return f"{row['id']} {row['operation'] or ''}: {status}, {when}{request}, sha256 {row['sha256'] or 'not observed'}"


def _observations(queries: Queries, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {
        row["id"]: row
        for row in queries.rows(
            """
            SELECT id, operation, file, status, received_at, request_id, sha256 FROM observation
            SEMI JOIN (SELECT unnest($ids) AS id) USING (id)
            ORDER BY id, file
            """,
            {"ids": sorted(ids)},
        )
    }


GAP_FACTS = [
    "id", "source", "scope", "operation", "kind", "error", "of_table", "subject", "columns", "rows_missing",
    "evidence",
]  # fmt: skip


def _gaps(queries: Queries, most_cells: int) -> Sheet:
    portion = _portion(queries, "gap", EVERY, "coalesce(kind, '')", most_cells // len(GAP_FACTS))

    def rows() -> Iterator[Sequence[Cell]]:
        for row in queries.rows(
            """
            SELECT * FROM gap WHERE list_contains($parts, coalesce(kind, ''))
            ORDER BY rows_missing DESC, kind, scope, operation, of_table, subject, id
            """,
            {"parts": portion.parts},
        ):
            yield tuple(kind(row[name]) if name == "kind" else fact(row[name]) for name in GAP_FACTS)

    return Sheet(
        name=SHEETS["gaps"],
        holds="Everything that was not observed, why, and what it leaves unknown. Only refused and failed ones could "
        "be closed by a permission or another try.",
        extent=portion.extent("inventory/gap.parquet"),
        columns=tuple(_columns("gap", GAP_FACTS)),
        rows=rows,
    )


def _inventory(queries: Queries, table: str, name: str, most_cells: int) -> Sheet:
    shown = [column.name for column in columns(TABLES[table]) if column.name != "evidence"] + ["evidence"]
    portion = _portion(queries, table, EVERY, "scope", most_cells // len(shown))

    def rows() -> Iterator[Sequence[Cell]]:
        for row in queries.rows(
            f"SELECT * FROM {table} WHERE list_contains($parts, scope) ORDER BY scope, id",  # noqa: S608 - a table of ours
            {"parts": portion.parts},
        ):
            yield tuple(fact(row[one]) for one in shown)

    return Sheet(
        name=name,
        holds=f"The inventory of {name.lower()}, with every fact under the name that the controls' expressions use.",
        extent=portion.extent(f"inventory/{table}.parquet"),
        columns=tuple(_columns(table, shown)),
        rows=rows,
    )


def _operations(material: Material, queries: Queries) -> Sheet:
    whole = collection(material, queries, SCREEN)
    asked: list[OperationRow] = sorted([*whole.operations, *whole.unasked], key=lambda one: (one.provider, one.name))
    statuses = ("ok", "refused", "failed", "switched_off")
    return Sheet(
        name="Operations",
        holds="Every operation that may be asked for, why, the permission it needs, and how it was answered.",
        extent=every(len(asked)),
        columns=(
            Column("Provider", 14),
            Column("Operation", 36),
            Column("Why", 60, "wrapped"),
            Column("Permission", 36),
            *(Column(kind(status).capitalize(), 13, "number") for status in statuses),
            Column("In all", 12, "number"),
        ),
        rows=lambda: (
            (
                one.provider,
                one.name,
                one.why,
                one.permission,
                *(one.statuses.get(status, 0) for status in statuses),
                one.total,
            )
            for one in asked
        ),
    )


WIDTHS = {"timestamp": 17, "integer": 10, "boolean": 12, "list of string": 24, "string": 20}
WIDE = {"id": 52, "scope": 36, "name": 30, "subject": 52, "error": 54, "description": 36, "identity": 46, "tags": 40}


def _columns(table: str, names: Iterable[str]) -> Iterator[Column]:
    """Columns of the inventory under their own names, which the expressions of the controls use."""
    types = {column.name: column.type for column in columns(TABLES[table])}
    forms: dict[str, Literal["time", "number"]] = {"timestamp": "time", "integer": "number"}
    for name in names:
        width = max(WIDE.get(name, WIDTHS[types[name]]), len(name) + 4)
        wrapped: Literal["wrapped", "text"] = "wrapped" if types[name].startswith("list") or width > 52 else "text"
        yield Column(name, width, forms.get(types[name], wrapped))


def fact(observed_fact: Any) -> Cell:
    """A fact of the inventory as a cell: numbers and times as such, everything else in words."""
    if isinstance(observed_fact, bool):
        return "yes" if observed_fact else "no"
    if observed_fact is None or isinstance(observed_fact, int | datetime):
        return observed_fact
    if isinstance(observed_fact, list):
        return _ids(observed_fact) or "none"
    return str(observed_fact) if str(observed_fact).strip() else "none"


def observed(facts: Mapping[str, Any]) -> str:
    """`state = active; owner = "a; b"`: a value that could pass for another fact stands in quotation marks."""
    return "; ".join(f"{name} = {_quoted(value(one, 400))}" for name, one in facts.items())


_AMBIGUOUS = re.compile('[;="]')


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if _AMBIGUOUS.search(text) else text


LISTED = 40
"""Items of a list that one cell names."""


def _ids(items: Sequence[str]) -> str:
    few, more = listed(items, LISTED)
    return ", ".join(few) + (f" and {more:,} more" if more else "")
