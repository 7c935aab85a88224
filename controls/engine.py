"""The engine: judges every row of an inventory by SQL alone, and writes each verdict with what explains it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from controls.catalogue import DEFAULT, Catalogue, Control, arguments
from controls.documents import nearest
from controls.predicate import verdict_sql
from controls.register import AttestationRecord, ExceptionRecord
from controls.requirements import roll_up
from controls.views import INVENTORY, MOMENT, UNKNOWN, VIEWS, View
from evidence.findings import (
    Assessment,
    AttestationUsed,
    ControlResult,
    Counts,
    ExceptionUsed,
    ParameterValue,
    RequirementRef,
    Verdict,
    findings_schema,
)
from evidence.store import write_atomically

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# ruff: noqa: S608 - what is put into SQL are names of this package, quoted texts, and expressions that were admitted

FINDINGS = "findings.parquet"
ASSESSMENT = "assessment.json"

MEMORY_LIMIT = "1GB"
"""What DuckDB may hold before it spills to disk."""

GROUP_ROWS = 50_000
"""Findings of one row group of findings.parquet, and the most that are held in Python at a time."""


class AssessmentError(Exception):
    """The inventory cannot be judged. The message names the control or the file, and the next step."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A control with one set of parameters."""

    control: Control
    name: str
    parameters: Mapping[str, ParameterValue]

    @property
    def place(self) -> str:
        """How messages name it."""
        return self.control.id if self.name == DEFAULT else f"{self.control.id} as {self.name} has it"


def assess(
    *,
    inventory: Path,
    out: Path,
    catalogue: Catalogue,
    frameworks: Sequence[str],
    run: str,
    organization: str,
    tool_version: str,
    as_of: datetime,
    period: tuple[datetime, datetime],
    overrides: Mapping[str, Mapping[str, ParameterValue]],
    exceptions: Sequence[ExceptionRecord],
    attestations: Sequence[AttestationRecord],
) -> Assessment:
    """Judge an inventory and write `findings.parquet` and `assessment.json` into the folder `out`.

    `inventory` is a folder with one Parquet file a table; `frameworks` and the keys of `overrides` are known to the
    catalogue; all times are aware. Pure: the same arguments give the same bytes. Raises AssessmentError.
    """
    variants = list(_variants(catalogue, frameworks, overrides))
    excepted = [_exception(record, catalogue, as_of) for record in exceptions]
    attested = [_attestation(record, catalogue, as_of) for record in attestations]
    valid = [record for record, used in zip(attestations, attested, strict=True) if used.valid]
    moments = {"as_of": as_of, "period_start": period[0], "period_end": period[1]}
    out.mkdir(parents=True, exist_ok=True)
    with _database(inventory, moments) as database:
        judging = _Judging(database, moments, excepted)
        _write(out / FINDINGS, judging.findings(variants))
    results = {
        (v.control.id, v.name): _control_result(v, judging.tallies[v.control.id, v.name], catalogue, frameworks)
        for v in sorted(variants, key=lambda v: (list(catalogue.controls).index(v.control.id), *_order(v)))
    }
    assessment = Assessment(
        run=run,
        organization=organization,
        tool_version=tool_version,
        catalogue_sha256=catalogue.sha256,
        as_of=as_of,
        period_start=period[0],
        period_end=period[1],
        controls=list(results.values()),
        frameworks=[roll_up(catalogue.frameworks[name], results, valid) for name in frameworks],
        exceptions=[used.model_copy(update={"covers": judging.covered.get(used.id, 0)}) for used in excepted],
        attestations=attested,
    )
    write_atomically(out / ASSESSMENT, assessment.model_dump_json(indent=2).encode() + b"\n")
    return assessment


# --- what is judged with which parameters ---------------------------------------------------------------------------


def _variants(
    catalogue: Catalogue, frameworks: Sequence[str], overrides: Mapping[str, Mapping[str, ParameterValue]]
) -> Iterator[Variant]:
    """Every control as the catalogue has it, and once for each chosen framework with parameters of its own.

    What the organization sets holds for all variants: it knows its own risk better than a catalogue or a framework.
    """
    for control in catalogue.controls.values():
        own = overrides.get(control.id, {})
        yield Variant(control, DEFAULT, {**control.parameters, **own})
        for name in frameworks:
            of_framework = catalogue.frameworks[name].parameters.get(control.id)
            if of_framework:
                yield Variant(control, name, {**control.parameters, **of_framework, **own})


def _order(variant: Variant) -> tuple[bool, str]:
    return variant.name != DEFAULT, variant.name


def _exception(record: ExceptionRecord, catalogue: Catalogue, as_of: datetime) -> ExceptionUsed:
    problem = record.problem(as_of.date())
    if record.control not in catalogue.controls:
        problem = f"no such control: {record.control}{nearest(record.control, catalogue.controls)}"
    return ExceptionUsed(**record.model_dump(), valid=not problem, problem=problem, covers=0)


def _attestation(record: AttestationRecord, catalogue: Catalogue, as_of: datetime) -> AttestationUsed:
    problem = _unknown_requirement(record, catalogue) or record.problem(as_of.date())
    fields = record.model_dump(exclude={"document_problem"})
    return AttestationUsed(**fields, valid=not problem, problem=problem)


def _unknown_requirement(record: AttestationRecord, catalogue: Catalogue) -> str:
    for ref in record.requirements:
        framework = catalogue.frameworks.get(ref.framework)
        if framework is None:
            return f"no such framework: {ref.framework}{nearest(ref.framework, catalogue.frameworks)}"
        known = [requirement.id for requirement in framework.requirements]
        if ref.requirement not in known:
            return f"{ref.framework} has no requirement {ref.requirement}{nearest(ref.requirement, known)}"
    return ""


# --- the database ---------------------------------------------------------------------------------------------------


@contextmanager
def _database(inventory: Path, moments: Mapping[str, datetime]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that sees the inventory's files and its own spill folder, and nothing else of the machine."""
    import duckdb

    with (
        tempfile.TemporaryDirectory(prefix="keyproof-") as spill,
        duckdb.connect(
            ":memory:", config={"threads": "2", "memory_limit": MEMORY_LIMIT, "temp_directory": spill}
        ) as database,
    ):
        database.execute("SET TimeZone = 'UTC'")
        for table in INVENTORY:
            path = inventory / f"{table}.parquet"
            try:
                database.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet({_text(str(path))})")
            except duckdb.Error as error:
                raise AssessmentError(f"{path} cannot be read: {error}; normalize this run again") from error
        database.execute(f"SET allowed_directories = [{_text(str(inventory))}]")
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        names = ", ".join(f"${name}::TIMESTAMPTZ AS {name}" for name in moments)
        database.execute(f"CREATE TABLE {MOMENT} AS SELECT {names}", dict(moments))
        for view in VIEWS.values():
            if view.sql:
                database.execute(f"CREATE VIEW {view.name} AS {view.sql}")
        yield database


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@dataclass(slots=True)
class _Tally:
    """What came of one variant."""

    counts: Counts
    population_complete: bool


class _Judging:
    """The findings of all variants, one after the other; tallies and covered failures are full once all are read."""

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        moments: Mapping[str, datetime],
        exceptions: Sequence[ExceptionUsed],
    ) -> None:
        self.tallies: dict[tuple[str, str], _Tally] = {}
        self.covered: dict[str, int] = {}
        """Id of an exception → failures that it covers."""
        self._database = database
        self._moments = moments
        self._exceptions = [exception for exception in exceptions if exception.valid]

    def findings(self, variants: Sequence[Variant]) -> Iterator[pa.RecordBatch]:
        """Batches of rows of findings.parquet, in its order."""
        import duckdb

        for variant in sorted(variants, key=lambda v: (v.control.id, v.name)):
            try:
                yield from self._judge(variant)
            except duckdb.Error as error:
                raise AssessmentError(f"{variant.place} cannot be judged: {error}; check its parameters") from error

    def _judge(self, variant: Variant) -> Iterator[pa.RecordBatch]:
        control = variant.control
        self._make_judged(variant)
        self._make_incomplete(control.view)
        self._make_explained(control)
        self._tally(variant)
        yield from self._database.sql(_findings_sql(variant)).to_arrow_reader(GROUP_ROWS)

    def _make_judged(self, variant: Variant) -> None:
        """`judged`: every row of the view with its verdict, its facts as JSON and those that are NULL."""
        control = variant.control
        values = {name: parameter.value for name, parameter in variant.parameters.items()}
        cover = self._cover(control)
        self._database.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE judged AS
            SELECT *, {cover} AS exception
            FROM (
                SELECT
                    {verdict_sql(*control.predicates)} AS verdict,
                    {_identity(control.view)},
                    {_observed(control)} AS observed,
                    {_nulls(control)} AS nulls
                FROM {control.over}
            )
            """,
            {
                **arguments(control, values, self._moments),
                **{f"exception_{n}": _pattern(e.subject) for n, e in enumerate(self._of(control))},
            },
        )

    def _of(self, control: Control) -> list[ExceptionUsed]:
        return [exception for exception in self._exceptions if exception.control == control.id]

    def _cover(self, control: Control) -> str:
        """The id of the first valid exception that covers a failure, else the empty text."""
        whens = [
            f"WHEN verdict = 'fail' AND id LIKE $exception_{number} ESCAPE '\\' THEN {_text(exception.id)}"
            for number, exception in enumerate(self._of(control))
        ]
        return f"CASE {' '.join(whens)} ELSE '' END" if whens else "''"

    def _make_incomplete(self, view: View) -> None:
        """`incomplete`: the scopes in which rows of the view may be missing, with the gaps that say so."""
        tables = ", ".join(_text(table) for table in {*view.tables, "scope"})
        self._database.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE incomplete AS
            SELECT
                scope, min(source) AS source, list(id ORDER BY id) AS missing,
                list_sort(list_distinct(flatten(list(evidence)))) AS evidence
            FROM gap WHERE rows_missing AND of_table IN ({tables}) GROUP BY scope
            """
        )

    def _make_explained(self, control: Control) -> None:
        """`explained`: for each row judged whose facts were not all observed, the gaps that say why."""
        database = self._database
        database.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE {UNKNOWN} AS
            SELECT scope, id, subject_table, nulls FROM judged WHERE verdict <> 'not_applicable' AND len(nulls) > 0
            """
        )
        database.execute("CREATE OR REPLACE TEMP TABLE reason (scope VARCHAR, id VARCHAR, gap VARCHAR)")
        for subject in ("u.id", "''"):
            database.execute(
                f"""
                INSERT INTO reason SELECT u.scope, u.id, gap.id
                FROM {UNKNOWN} AS u
                JOIN gap ON gap.scope = u.scope AND gap.of_table = u.subject_table AND gap.subject = {subject}
                WHERE list_has_any(gap.columns, u.nulls)
                """
            )
        for name, query in control.view.explanations.items():
            if name in control.facts:
                of_row = f"SELECT scope, id FROM {UNKNOWN} WHERE list_contains(nulls, '{name}')"
                database.execute(
                    f"INSERT INTO reason WITH {UNKNOWN} AS ({of_row}) SELECT scope, id, gap FROM ({query})"
                )
        database.execute(
            """
            CREATE OR REPLACE TEMP TABLE explained AS
            SELECT scope, id, list(gap ORDER BY gap) AS missing FROM (SELECT DISTINCT * FROM reason) GROUP BY scope, id
            """
        )

    def _tally(self, variant: Variant) -> None:
        rows = self._database.sql(
            "SELECT verdict, exception, count(*) FROM judged GROUP BY verdict, exception ORDER BY verdict, exception"
        ).fetchall()
        ((scopes,),) = self._database.sql("SELECT count(*) FROM incomplete").fetchall()
        by_verdict = {verdict: sum(n for v, _, n in rows if v == verdict) for verdict in Verdict}
        covered = {exception: n for _, exception, n in rows if exception}
        for exception, count in covered.items():
            self.covered[exception] = self.covered.get(exception, 0) + count
        counts = Counts(
            passed=by_verdict[Verdict.PASS],
            failed=by_verdict[Verdict.FAIL],
            inconclusive=by_verdict[Verdict.INCONCLUSIVE] + scopes,
            not_applicable=by_verdict[Verdict.NOT_APPLICABLE],
            excepted=sum(covered.values()),
        )
        self.tallies[variant.control.id, variant.name] = _Tally(counts, population_complete=not scopes)


def _identity(view: View) -> str:
    """Columns of `judged` that say what a row is, the same for every table and view."""
    table = "subject_table" if len(view.tables) > 1 else _text(view.tables[0])
    parts = [f"{table} AS subject_table", "id", "source", "scope", "evidence"]
    parts += [
        f"{name if name in view.columns else 'NULL::VARCHAR'} AS {name}" for name in ("name", "account", "region")
    ]
    return ", ".join(parts)


def _observed(control: Control) -> str:
    """The facts as a JSON object, in the order in which the control reads them."""
    members = []
    for name in control.facts:
        value = name
        if control.view.columns[name].type == "timestamp":
            value = (
                f"CASE WHEN epoch_us({name}) % 1000000 = 0 THEN strftime({name}, '%Y-%m-%dT%H:%M:%SZ') "
                f"ELSE strftime({name}, '%Y-%m-%dT%H:%M:%S.%fZ') END"
            )
        members.append(f"'{name}', {value}")
    return f"json_object({', '.join(members)})::VARCHAR"


def _nulls(control: Control) -> str:
    names = ", ".join(f"CASE WHEN {name} IS NULL THEN '{name}' END" for name in control.facts)
    return f"list_filter([{names}]::VARCHAR[], lambda name: name IS NOT NULL)"


def _pattern(subject: str) -> str:
    """A LIKE pattern in which `*` alone stands for any text."""
    for special in ("\\", "%", "_"):
        subject = subject.replace(special, f"\\{special}")
    return subject.replace("*", "%")


def _findings_sql(variant: Variant) -> str:
    """The rows of findings.parquet for one variant, from `judged`, `explained` and `incomplete`."""
    control = variant.control
    prefix = _short_id(control.id, variant.name)
    # A scope can be a row that is judged and at the same time the place where rows are missing: two findings, two ids.
    rows = "|| chr(0) || 'rows'" if "scope" in control.view.tables else ""
    return f"""
        SELECT
            {prefix} || j.scope || chr(0) || j.id), 1, 12) AS id,
            {_text(control.id)} AS control,
            {_text(variant.name)} AS variant,
            {_text(control.severity)} AS severity,
            j.verdict, j.id AS subject, j.subject_table, coalesce(nullif(j.name, ''), j.id) AS subject_name,
            j.source, j.scope,
            coalesce(j.account, s.account, '') AS account, coalesce(j.region, s.region, '') AS region,
            j.observed, coalesce(e.missing, []::VARCHAR[]) AS missing, j.exception,
            CASE WHEN j.verdict = 'not_applicable' THEN []::VARCHAR[] ELSE j.evidence END AS evidence
        FROM judged AS j
        LEFT JOIN explained AS e ON e.scope = j.scope AND e.id = j.id
        LEFT JOIN scope AS s ON s.id = j.scope
        UNION ALL
        SELECT
            {prefix} || i.scope || chr(0) || i.scope {rows}), 1, 12),
            {_text(control.id)}, {_text(variant.name)}, {_text(control.severity)},
            'inconclusive', i.scope, 'scope', i.scope, i.source, i.scope,
            coalesce(s.account, ''), coalesce(s.region, ''), '{{}}', i.missing, '', i.evidence
        FROM incomplete AS i LEFT JOIN scope AS s ON s.id = i.scope
        ORDER BY subject, scope, id
    """


def _short_id(*parts: str) -> str:
    """The beginning of an SQL expression that computes `evidence.observation.short_id`, to be closed by `), 1, 12)`."""
    joined = " || chr(0) || ".join(_text(part) for part in parts)
    return f"'FND-' || substr(sha256({joined} || chr(0)"


# --- what is written ------------------------------------------------------------------------------------------------


def _write(path: Path, batches: Iterator[pa.RecordBatch]) -> None:
    """Write findings in row groups of one size, whatever the size of the batches: the same findings, the same bytes."""
    from pyarrow import parquet

    part = path.with_name(path.name + ".part")
    schema = findings_schema()
    with parquet.ParquetWriter(part, schema, compression="zstd") as writer:
        for group in _groups(batches, schema):
            writer.write_table(group, row_group_size=GROUP_ROWS)
    part.rename(path)


def _groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        while rows >= GROUP_ROWS:
            table = pa.Table.from_batches(held)
            yield table.slice(0, GROUP_ROWS).cast(schema)
            held = table.slice(GROUP_ROWS).to_batches()
            rows -= GROUP_ROWS
    if rows:
        yield pa.Table.from_batches(held).cast(schema)


def _control_result(variant: Variant, tally: _Tally, catalogue: Catalogue, frameworks: Sequence[str]) -> ControlResult:
    control = variant.control
    return ControlResult(
        id=control.id,
        variant=variant.name,
        title=control.title,
        stage=control.stage,
        severity=control.severity,
        meaning=control.meaning,
        over=control.over,
        population=control.population,
        test=control.test,
        population_words=control.population_words,
        test_words=control.test_words,
        facts=list(control.facts),
        parameters=list(variant.parameters.values()),
        remediation=dict(control.remediation),
        counts=tally.counts,
        population_complete=tally.population_complete,
        requirements=[
            RequirementRef(framework=name, requirement=requirement.id)
            for name in frameworks
            if (name if catalogue.frameworks[name].parameters.get(control.id) else DEFAULT) == variant.name
            for requirement in catalogue.frameworks[name].requirements
            if control.id in requirement.controls
        ],
    )
