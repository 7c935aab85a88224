"""The engine: judges every row of an inventory by SQL alone, and writes each verdict with what explains it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controls.catalogue import DEFAULT, Catalogue, Control, arguments
from controls.documents import nearest
from controls.predicate import MACROS, RANGE, verdict_sql
from controls.register import COUNTED, AttestationRecord, ExceptionRecord, check_condition, subject_pattern
from controls.requirements import roll_up
from controls.views import INVENTORY, VIEWS
from controls.views.view import CONFIGURED, EXCEPTION, MOMENT, STATEMENT, UNKNOWN, View
from controls.workers import side_by_side
from evidence.database import confine, literal, opened, parquet_file
from evidence.findings import (
    Assessment,
    AttestationUsed,
    ControlResult,
    Counts,
    ExceptionUsed,
    ParameterValue,
    RequirementRef,
    SamplingPlan,
    Verdict,
    findings_schema,
)
from evidence.history import HISTORY
from evidence.store import write_atomically

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# ruff: noqa: S608 - what is put into SQL are names of this package, quoted texts, and expressions that were admitted

FINDINGS = "findings.parquet"
ASSESSMENT = "assessment.json"

MEMORY_LIMIT = "1200MB"
"""What DuckDB may hold before it spills to disk."""

GROUP_ROWS = 50_000
"""Findings of one row group of findings.parquet."""

BATCH_ROWS = 10_000
"""Findings that a worker hands on at a time."""

WORKERS = 2
"""Controls that are judged at the same time."""

EXPLAINED = "explained"
"""Rows whose facts were not all observed, with the gaps that say why; a variant that has any makes one of its own."""

HELD = ("scope", "key", "secret", "gap")
"""The tables that many controls read; DuckDB holds them, or spills them. The others are read from their files."""

COMPRESS = "CHECKPOINT"
"""Makes the tables that DuckDB holds a tenth of what they are when they have just been made."""

DICTIONARIES = ["control", "variant", "severity", "verdict", "subject_table", "source", "scope", "account", "region"]
"""Columns of few values, which the file keeps as dictionaries."""


class AssessmentError(Exception):
    """The inventory cannot be judged. The message names the control or the file, and the next step."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A control with one set of parameters, for the sources that it is about."""

    control: Control
    name: str
    parameters: Mapping[str, ParameterValue]
    about: tuple[str, ...] = ()
    """The kinds of source whose rows it judges; empty for all, and for rows that come from no source."""

    @property
    def place(self) -> str:
        """How messages name it."""
        return self.control.id if self.name == DEFAULT else f"{self.control.id} as {self.name} has it"


def assess(
    *,
    inventory: Path,
    history: Path,
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
    configurations: Mapping[str, str],
    sampling: SamplingPlan | None = None,
) -> Assessment:
    """Judge an inventory and write `findings.parquet` and `assessment.json` into the folder `out`.

    `inventory` is a folder with one Parquet file a table, `history` one with what earlier runs show; `frameworks` and
    the keys of `overrides` are known to the catalogue; all times are aware; `configurations` has the digest of each
    source's configuration; `sampling` is handed on to the reports.
    Pure: the same arguments give the same bytes. Raises AssessmentError.
    """
    variants = list(_variants(catalogue, frameworks, overrides))
    excepted = [used_exception(record, catalogue, as_of) for record in exceptions]
    attested = [used_attestation(record, catalogue, as_of) for record in attestations]
    valid = [record for record, used in zip(attestations, attested, strict=True) if used.valid]
    moments = {"as_of": as_of, "period_start": period[0], "period_end": period[1]}
    out.mkdir(parents=True, exist_ok=True)
    views = [
        view for view in VIEWS.values() if any(control.over == view.name for control in catalogue.controls.values())
    ]
    with _database(inventory, history, moments, configurations, views, valid, exceptions) as database:
        judging = _Judging(database, moments, excepted)
        _write(out / FINDINGS, judging.findings(variants))
    results = {
        (v.control.id, v.name): _control_result(v, judging.tallies[v.control.id, v.name], catalogue, frameworks)
        for v in sorted(variants, key=lambda v: (list(catalogue.controls).index(v.control.id), *_order(v)))
    }
    covered = judging.covered
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
        exceptions=[used.model_copy(update={"covers": covered[used.id]}) for used in excepted],
        attestations=attested,
        sampling=sampling or SamplingPlan(),
    )
    write_atomically(out / ASSESSMENT, assessment.model_dump_json(indent=2).encode() + b"\n")
    return assessment


# --- what is judged with which parameters ---------------------------------------------------------------------------


def _variants(
    catalogue: Catalogue, frameworks: Sequence[str], overrides: Mapping[str, Mapping[str, ParameterValue]]
) -> Iterator[Variant]:
    """Every control as the catalogue has it, and once for each chosen framework that judges it apart from others.

    What the organization sets holds for all variants: it knows its own risk better than a catalogue or a framework.
    """
    for control in catalogue.controls.values():
        own = overrides.get(control.id, {})
        yield Variant(control, DEFAULT, {**control.parameters, **own})
        for name in frameworks:
            framework = catalogue.frameworks[name]
            if framework.judges_apart(control.id):
                parameters = {**control.parameters, **framework.parameters.get(control.id, {}), **own}
                yield Variant(control, name, parameters, framework.about if control.view.tables else ())


def _order(variant: Variant) -> tuple[bool, str]:
    return variant.name != DEFAULT, variant.name


def used_exception(record: ExceptionRecord, catalogue: Catalogue, as_of: datetime) -> ExceptionUsed:
    """The exception as an assessment at `as_of` uses it, before any failure was seen."""
    problem = record.problem(as_of.date()) or _unusable_condition(record, catalogue)
    if record.control not in catalogue.controls:
        problem = f"no such control: {record.control}{nearest(record.control, catalogue.controls)}"
    fields = record.model_dump(exclude={"document_problem"})
    return ExceptionUsed(**fields, valid=not problem, problem=problem, covers=0)


def _unusable_condition(record: ExceptionRecord, catalogue: Catalogue) -> str:
    """Why its condition on tags says nothing of the rows that its control judges; a pack's may come from anybody."""
    if not record.where or record.control not in catalogue.controls:
        return ""
    try:
        condition = check_condition(record.where)
    except ValueError as error:
        return str(error)
    over = catalogue.controls[record.control].view
    unknown = [name for name in condition.facts if name not in over.columns]
    return f"where: {record.control} judges rows of {over.name}, which have no {unknown[0]}" if unknown else ""


def used_attestation(record: AttestationRecord, catalogue: Catalogue, as_of: datetime) -> AttestationUsed:
    """The attestation as an assessment at `as_of` uses it."""
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
def _database(
    inventory: Path,
    history: Path,
    moments: Mapping[str, datetime],
    configurations: Mapping[str, str],
    views: Iterable[View],
    attested: Iterable[AttestationRecord],
    exceptions: Iterable[ExceptionRecord],
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that sees the inventory's files and its own spill folder, and nothing else of the machine."""
    import duckdb

    with opened(MEMORY_LIMIT) as database:
        for table in INVENTORY:
            path = inventory / f"{table}.parquet"
            kind = "TABLE" if table in HELD else "VIEW"
            try:
                database.execute(f"CREATE {kind} {table} AS FROM {parquet_file(path)}")
            except duckdb.Error as error:
                raise AssessmentError(f"{path} cannot be read: {error}; normalize this run again") from error
        for table in HISTORY:
            path = history / f"{table}.parquet"
            what = "INSERT INTO gap BY NAME" if table in INVENTORY else f"CREATE TABLE {table} AS"
            try:
                database.execute(f"{what} FROM {parquet_file(path)}")
            except duckdb.Error as error:
                raise AssessmentError(f"{path} cannot be read: {error}; assess this run again") from error
        database.execute(COMPRESS)
        confine(database, folders=[inventory])
        names = ", ".join(f"${name}::TIMESTAMPTZ AS {name}" for name in moments)
        database.execute(f"CREATE TABLE {MOMENT} AS SELECT {names}", dict(moments))
        for macro in MACROS:
            database.execute(macro)
        database.execute(f"CREATE TABLE {EXPLAINED} (scope VARCHAR, id VARCHAR, missing VARCHAR[])")
        database.execute(f"CREATE TABLE {CONFIGURED} (source VARCHAR, configuration VARCHAR)")
        _fill(database, CONFIGURED, list(configurations.items()))
        make_statements(database, attested)
        make_exceptions(database, exceptions)
        for view in views:
            _make(database, view)
            database.execute(COMPRESS)
        yield database


def make_statements(database: duckdb.DuckDBPyConnection, attested: Iterable[AttestationRecord]) -> None:
    """The table of statements: what valid attestations say of a topic, once for each of their subjects.

    `subject` is an id, and NULL where `*` stands for some of it; `pattern` is then what ids are held against.
    """
    counted = sorted({name for names in COUNTED.values() for name in names})
    database.execute(
        f"""
        CREATE TABLE {STATEMENT} (
            id VARCHAR, topic VARCHAR, subject VARCHAR, pattern VARCHAR, dated_at TIMESTAMPTZ, expires_at TIMESTAMPTZ,
            occurred_at TIMESTAMPTZ, target_at TIMESTAMPTZ, principals_sha256 VARCHAR,
            {", ".join(f"{name}_count BIGINT" for name in counted)}
        )
        """
    )
    rows = [
        [
            *(record.id, str(record.topic), None if "*" in subject else subject, subject_pattern(subject)),
            *(_midnight(record.date), _midnight(record.expires)),
            *(_midnight(record.occurred), _midnight(record.target), record.principals_sha256 or None),
            *(record.counts.get(name) for name in counted),
        ]
        for record in attested
        if record.topic
        for subject in record.subjects
    ]
    _fill(database, STATEMENT, rows)


def make_exceptions(database: duckdb.DuckDBPyConnection, exceptions: Iterable[ExceptionRecord]) -> None:
    """The table of exceptions: what the register says of each, whether it counts or not."""
    database.execute(
        f"""
        CREATE TABLE {EXCEPTION} (
            id VARCHAR, control VARCHAR, owner VARCHAR, approver VARCHAR, approved_by_another BOOLEAN,
            document_as_recorded BOOLEAN, approved_at TIMESTAMPTZ, expires_at TIMESTAMPTZ
        )
        """
    )
    rows = [
        [
            *(record.id, record.control, record.owner, record.approver, record.approved_by_another),
            *(not record.document_problem, _midnight(record.approved), _midnight(record.expires)),
        ]
        for record in exceptions
    ]
    _fill(database, EXCEPTION, rows)


def _fill(database: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[object]]) -> None:
    if rows:
        database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, UTC) if day else None


def _make(database: duckdb.DuckDBPyConnection, view: View) -> None:
    if view.sql:
        kind = "VIEW" if view.tables and not view.kept else "TABLE"
        database.execute(f"CREATE {kind} {view.name} AS {view.sql}")
    if view.derived:
        database.execute(f"CREATE TABLE {view.name}_derived AS {view.derived}")
        database.execute(
            f"""
            CREATE VIEW {view.name} AS
            SELECT t.*, d.* EXCLUDE (scope, id)
            FROM {view.tables[0]} AS t JOIN {view.name}_derived AS d ON d.scope = t.scope AND d.id = t.id
            """
        )


@dataclass(slots=True)
class _Tally:
    """What came of one variant."""

    verdicts: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)
    """Id of an exception → failures that it covers."""
    awaiting: int = 0
    """Verdicts that lack nothing but an attestation."""
    incomplete: bool = False
    """Rows of the population may be missing."""

    @property
    def counts(self) -> Counts:
        return Counts(
            passed=self.verdicts[Verdict.PASS],
            failed=self.verdicts[Verdict.FAIL],
            inconclusive=self.verdicts[Verdict.INCONCLUSIVE],
            not_applicable=self.verdicts[Verdict.NOT_APPLICABLE],
            excepted=self.covered.total(),
            awaiting=self.awaiting,
        )


class _Judging:
    """The findings of all variants in their order; the tallies are full once all findings were read."""

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        moments: Mapping[str, datetime],
        exceptions: Sequence[ExceptionUsed],
    ) -> None:
        self.tallies: dict[tuple[str, str], _Tally] = {}
        self._database = database
        self._moments = moments
        self._exceptions = [exception for exception in exceptions if exception.valid]

    @property
    def covered(self) -> Counter[str]:
        """Id of an exception → failures that it covers, over all variants."""
        return sum((tally.covered for tally in self.tallies.values()), Counter())

    def findings(self, variants: Sequence[Variant]) -> Iterator[pa.RecordBatch]:
        """Batches of rows of findings.parquet, in its order."""
        in_order = sorted(variants, key=lambda v: (v.control.id, v.name))
        yield from side_by_side([partial(self._judge, variant) for variant in in_order], WORKERS)

    def _judge(self, variant: Variant) -> Iterator[pa.RecordBatch]:
        import duckdb

        tally = self.tallies.setdefault((variant.control.id, variant.name), _Tally())
        try:
            with self._database.cursor() as cursor:
                tally.incomplete = _make_incomplete(cursor, variant)
                _make_explained(cursor, variant, self._arguments(variant))
                covering = [e for e in self._exceptions if e.control == variant.control.id]
                patterns = {
                    f"exception_{number}_{place}": subject_pattern(subject)
                    for number, exception in enumerate(covering)
                    for place, subject in enumerate(exception.subjects)
                }
                sql = _findings_sql(variant, covering)
                bound = self._arguments(variant) | patterns
                for batch in cursor.sql(sql, params=bound).to_arrow_reader(BATCH_ROWS):
                    _count(tally, batch)
                    yield batch
        except duckdb.Error as error:
            raise AssessmentError(f"{variant.place} cannot be judged: {error}; check its parameters") from error

    def _arguments(self, variant: Variant) -> dict[str, Any]:
        values = {name: parameter.value for name, parameter in variant.parameters.items()}
        return arguments(variant.control, values, self._moments)


def _count(tally: _Tally, batch: pa.RecordBatch) -> None:
    for name, counter in (("verdict", tally.verdicts), ("exception", tally.covered)):
        for entry in batch.column(name).value_counts().to_pylist():
            if entry["values"]:
                counter[entry["values"]] += entry["counts"]
    tally.awaiting += _nothing_but_awaiting(batch)


def _nothing_but_awaiting(batch: pa.RecordBatch) -> int:
    from pyarrow import compute

    awaits = compute.greater(compute.list_value_length(batch.column("awaits")), 0)
    explained = compute.greater(compute.list_value_length(batch.column("missing")), 0)
    return compute.sum(compute.and_not(awaits, explained)).as_py() or 0


def _kinds(variant: Variant) -> str:
    return ", ".join(literal(kind) for kind in variant.about)


def _near(variant: Variant, scope: str) -> str:
    """The condition that a scope is not known to be of another kind of source than the variant is about."""
    return (
        f"{scope} NOT IN (SELECT id FROM scope WHERE provider NOT IN ({_kinds(variant)}))" if variant.about else "true"
    )


def _rows(variant: Variant) -> str:
    """The rows that a variant judges. `is_about` is NULL where nobody knows of which kind of source a row is."""
    over = variant.control.over
    if not variant.about:
        return over
    return f"""(
            SELECT v.*, s.provider IN ({_kinds(variant)}) AS is_about
            FROM {over} AS v LEFT JOIN scope AS s ON s.id = v.scope WHERE {_near(variant, "v.scope")}
        )"""


def _verdict(variant: Variant) -> str:
    population, test = variant.control.predicates
    if variant.about:
        population = replace(population, sql=f"({population.sql}\n) AND is_about")
    return verdict_sql(population, test)


def _make_incomplete(cursor: duckdb.DuckDBPyConnection, variant: Variant) -> bool:
    """`incomplete`: the scopes in which rows of the view may be missing, with the gaps that say so. Whether any is."""
    view = variant.control.view
    tables = ", ".join(
        literal(table) for table in sorted({*view.tables, *view.beside, "scope"} if view.tables else {""})
    )
    unmade = "".join(
        f" OR (of_table = {literal(table)} AND list_has_any(columns, [{', '.join(literal(name) for name in names)}]))"
        for table, names in view.made_of.items()
    )
    cursor.execute(
        f"""
        CREATE TEMP TABLE incomplete AS
        SELECT
            scope, min(source) AS source, list(id ORDER BY id) AS missing,
            list_sort(list_distinct(flatten(list(evidence)))) AS evidence
        FROM gap WHERE ((rows_missing AND of_table IN ({tables})){unmade}) AND {_near(variant, "gap.scope")}
        GROUP BY scope
        """
    )
    return bool(cursor.execute("SELECT 1 FROM incomplete LIMIT 1").fetchall())


def _make_explained(cursor: duckdb.DuckDBPyConnection, variant: Variant, bound: Mapping[str, Any]) -> None:
    """`explained`: for each row that is judged and whose facts were not all observed, the gaps that say why."""
    control = variant.control
    unknown_facts = [_unknown(control, name) for name in control.facts]
    any_null = " OR ".join([*unknown_facts, *(["is_about IS NULL"] if variant.about else [])]) or "false"
    cursor.execute(
        f"""
        CREATE TEMP TABLE {UNKNOWN} AS
        SELECT scope, id, {control.view.subject_table} AS subject_table, {_nulls(control)} AS nulls
        FROM {_rows(variant)} WHERE ({any_null}) AND {_verdict(variant)} <> 'not_applicable'
        """,
        bound,
    )
    unknown = {name for (name,) in cursor.execute(f"SELECT DISTINCT unnest(nulls) FROM {UNKNOWN}").fetchall()}
    reasons = list(_reasons(variant, unknown))
    if reasons:
        cursor.execute(
            f"""
            CREATE TEMP TABLE {EXPLAINED} AS
            SELECT scope, id, list(gap ORDER BY gap) AS missing
            FROM (SELECT DISTINCT * FROM ({" UNION ALL ".join(reasons)})) GROUP BY scope, id
            """
        )


def _reasons(variant: Variant, unknown: Collection[str]) -> Iterator[str]:
    """Queries for `scope`, `id` and `gap` of the rows of UNKNOWN, in which some of the `unknown` facts are so."""
    for subject in ("u.id", "''") if unknown else ():
        yield f"""
            SELECT u.scope, u.id, gap.id AS gap
            FROM {UNKNOWN} AS u
            JOIN gap ON gap.scope = u.scope AND gap.of_table = u.subject_table AND gap.subject = {subject}
            WHERE list_has_any(gap.columns, u.nulls)
        """
    if variant.about:
        yield f"""
            SELECT u.scope, u.id, gap.id AS gap
            FROM {UNKNOWN} AS u JOIN gap ON gap.scope = u.scope AND gap.of_table = 'scope'
            WHERE list_contains(gap.columns, 'provider') AND u.scope IN (SELECT id FROM scope WHERE provider IS NULL)
        """
    for name, query in variant.control.view.explanations.items():
        if name in unknown:
            rows = f"SELECT scope, id FROM {UNKNOWN} WHERE list_contains(nulls, '{name}')"
            yield f"SELECT * FROM (WITH {UNKNOWN} AS ({rows}) SELECT scope, id, gap FROM ({query}))"


def _observed(control: Control) -> str:
    """The facts as a JSON object, in the order in which the control reads them."""
    members = []
    for name in control.facts:
        value = name
        if control.view.columns[name].type == RANGE:
            value = _range_in_words(name)
        if control.view.columns[name].type == "timestamp":
            value = (
                f"CASE WHEN epoch_us({name}) % 1000000 = 0 THEN strftime({name}, '%Y-%m-%dT%H:%M:%SZ') "
                f"ELSE strftime({name}, '%Y-%m-%dT%H:%M:%S.%fZ') END"
            )
        members.append(f"'{name}', {value}")
    return f"json_object({', '.join(members)})::VARCHAR"


def _range_in_words(name: str) -> str:
    return f"""
        CASE
            WHEN {name}.at_least = {name}.at_most THEN {name}.at_least::VARCHAR
            WHEN {name}.at_most IS NOT NULL THEN {name}.at_least || ' to ' || {name}.at_most
            ELSE 'at least ' || {name}.at_least
        END
    """


def _unknown(control: Control, name: str) -> str:
    """Whether a fact of a row is not known, or not exactly."""
    if control.view.columns[name].type == RANGE:
        return f"({name}.at_least = {name}.at_most) IS NOT TRUE"
    return f"{name} IS NULL"


def _nulls(control: Control) -> str:
    names = ", ".join(f"CASE WHEN {_unknown(control, name)} THEN '{name}' END" for name in control.facts)
    return f"list_filter([{names}]::VARCHAR[], lambda name: name IS NOT NULL)"


def _awaited(control: Control) -> str:
    """The topics whose attestation a row waits for, sorted."""
    awaiting = {name: topic for name, topic in control.view.awaiting.items() if name in control.facts}
    topics = ", ".join(f"CASE WHEN {name} IS NULL THEN {topic} END" for name, topic in awaiting.items())
    return f"list_sort(list_distinct(list_filter([{topics}]::VARCHAR[], lambda topic: topic IS NOT NULL)))"


def _covering(exceptions: Sequence[ExceptionUsed]) -> str:
    """The id of the first exception that covers a failure, else the empty text."""
    whens = [
        f"WHEN j.verdict = 'fail' AND ({_covered(number, exception)}) THEN {literal(exception.id)}"
        for number, exception in enumerate(exceptions)
    ]
    return f"CASE {' '.join(whens)} ELSE '' END" if whens else "''"


def _covered(number: int, exception: ExceptionUsed) -> str:
    if exception.where:
        return f"j.condition_{number}"
    ways = (f"j.id LIKE $exception_{number}_{place} ESCAPE '\\'" for place in range(len(exception.subjects)))
    return " OR ".join(ways)


def _conditions(exceptions: Sequence[ExceptionUsed]) -> str:
    """A column for each exception that names its subjects by a condition on their tags."""
    return "".join(
        f", ({check_condition(exception.where).sql}\n) AS condition_{number}"  # a condition may end in a comment
        for number, exception in enumerate(exceptions)
        if exception.where
    )


def _findings_sql(variant: Variant, exceptions: Sequence[ExceptionUsed]) -> str:
    """The rows of findings.parquet for one variant, from its view, `explained` and `incomplete`."""
    control = variant.control
    view = control.view
    digest = f"'FND-' || substr(sha256({literal(control.id)} || chr(0) || {literal(variant.name)} || chr(0)"
    name, account, region = (column if column in view.columns else "NULL" for column in ("name", "account", "region"))
    # A scope can be a row that is judged and at the same time the place where rows are missing: two findings, two ids.
    rows = "|| chr(0) || 'rows'" if "scope" in view.tables or view.of_scopes else ""
    return f"""
        SELECT
            {digest} || j.scope || chr(0) || j.id), 1, 12) AS id,
            {literal(control.id)} AS control,
            {literal(variant.name)} AS variant,
            {literal(control.severity)} AS severity,
            j.verdict, j.id AS subject, j.subject_table, coalesce(nullif(j.name, ''), j.id) AS subject_name,
            j.source, j.scope,
            coalesce(j.account, s.account, '') AS account, coalesce(j.region, s.region, '') AS region,
            j.observed, coalesce(e.missing, []::VARCHAR[]) AS missing,
            CASE WHEN j.verdict = 'inconclusive' THEN j.awaited ELSE []::VARCHAR[] END AS awaits,
            {_covering(exceptions)} AS exception,
            CASE WHEN j.verdict = 'not_applicable' THEN []::VARCHAR[] ELSE j.evidence END AS evidence
        FROM (
            SELECT
                id, source, scope, evidence, {view.subject_table} AS subject_table,
                {name}::VARCHAR AS name, {account}::VARCHAR AS account, {region}::VARCHAR AS region,
                {_verdict(variant)} AS verdict,
                {_observed(control)} AS observed,
                {_awaited(control)} AS awaited{_conditions(exceptions)}
            FROM {_rows(variant)}
        ) AS j
        LEFT JOIN {EXPLAINED} AS e ON e.scope = j.scope AND e.id = j.id
        LEFT JOIN scope AS s ON s.id = j.scope
        UNION ALL
        SELECT
            {digest} || i.scope || chr(0) || i.scope {rows}), 1, 12),
            {literal(control.id)}, {literal(variant.name)}, {literal(control.severity)},
            'inconclusive', i.scope, 'scope', i.scope, i.source, i.scope,
            coalesce(s.account, ''), coalesce(s.region, ''), '{{}}', i.missing, []::VARCHAR[], '', i.evidence
        FROM incomplete AS i LEFT JOIN scope AS s ON s.id = i.scope
        ORDER BY subject, scope, id
    """


# --- what is written ------------------------------------------------------------------------------------------------


def _write(path: Path, batches: Iterator[pa.RecordBatch]) -> None:
    """Write findings in row groups of one size, whatever the size of the batches: the same findings, the same bytes."""
    from pyarrow import parquet

    part = path.with_name(path.name + ".part")
    schema = findings_schema()
    with parquet.ParquetWriter(part, schema, compression="zstd", use_dictionary=DICTIONARIES) as writer:
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
            yield table.slice(0, GROUP_ROWS).combine_chunks().cast(schema)
            held = table.slice(GROUP_ROWS).to_batches()
            rows -= GROUP_ROWS
    if rows:
        yield pa.Table.from_batches(held).combine_chunks().cast(schema)


def _population(variant: Variant) -> tuple[str, str]:
    """The population that a variant judges, in SQL and in words."""
    control = variant.control
    if not variant.about:
        return control.population, control.population_words
    sources = f"from sources of the kind {' or '.join(variant.about)} alone"
    return f"({control.population}) AND provider IN ({_kinds(variant)})", f"{control.population_words}; {sources}"


def _control_result(variant: Variant, tally: _Tally, catalogue: Catalogue, frameworks: Sequence[str]) -> ControlResult:
    control = variant.control
    population, population_words = _population(variant)
    return ControlResult(
        id=control.id,
        variant=variant.name,
        title=control.title,
        stage=control.stage,
        severity=control.severity,
        decided=control.decided,
        meaning=control.meaning,
        over=control.over,
        population=population,
        test=control.test,
        population_words=population_words,
        test_words=control.test_words,
        facts=list(control.facts),
        parameters=list(variant.parameters.values()),
        remediation=dict(control.remediation),
        counts=tally.counts,
        population_complete=not tally.incomplete,
        requirements=[
            RequirementRef(framework=name, requirement=requirement.id)
            for name in frameworks
            if (name if catalogue.frameworks[name].judges_apart(control.id) else DEFAULT) == variant.name
            for requirement in catalogue.frameworks[name].requirements
            if control.id in requirement.controls
        ],
    )
