"""What the runs before one run show, folded run by run, so that each reads only its own inventory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.history import FOLDER, SETTINGS, PastRun, Reading, Sighting, write_empty
from evidence.model import Gap, GapKind, Row, arrow_schema
from evidence.observation import short_id
from evidence.store import PackRecord, Run, Store
from keyproof.run import normalize

if TYPE_CHECKING:
    import duckdb

# ruff: noqa: S608 - what is put into SQL are names of this program, and paths that are quoted

NO_EARLIER_READING = "no earlier run of the evidence store has read it"


def write_history(run: Run, store: Store, out: Path) -> None:
    """Write to `out` what the runs of the store that were collected before `run` show.

    `run` has an inventory. What the runs before it show is kept beside each of them.
    """
    earlier = [other for other in store.runs() if _before(other, run) and other.record().state == "collected"]
    folded = _folded(earlier, store)
    if folded is None:
        write_empty(out)
    else:
        out.mkdir(parents=True, exist_ok=True)
        for table in (Reading, Sighting):
            (out / f"{table.table}.parquet").write_bytes((folded / f"{table.table}.parquet").read_bytes())
    _write(out, PastRun, list(_past_runs(earlier)))
    _write(out, Gap, list(_gaps(run, out)))


def _before(one: Run, other: Run) -> bool:
    return one.folder.name < other.folder.name


def _folded(runs: Sequence[Run], store: Store) -> Path | None:
    """The folder of what these runs show, the oldest first; None where there are none."""
    last: Path | None = None
    for run in runs:
        folder = run.folder / FOLDER
        if not _is_whole(folder):
            store.fetch(run)
        if not _is_whole(folder):
            normalize(run)
            _fold(last, run, folder)
            store.publish(run, sorted(folder.glob("*.parquet")))
        last = folder
    return last


def _is_whole(folder: Path) -> bool:
    return all((folder / f"{table.table}.parquet").is_file() for table in (Reading, Sighting))


def _fold(before: Path | None, run: Run, out: Path) -> None:
    """What a run adds to what was known before it."""
    import duckdb

    with duckdb.connect(":memory:", config={"threads": "2", "memory_limit": "1GB"}) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute("SET enable_progress_bar = false")
        for table in ("scope", "key", "secret"):
            path = run.inventory / f"{table}.parquet"
            database.execute(f"CREATE VIEW {table} AS FROM read_parquet({_text(path)})")
        for known in (Reading, Sighting):
            if before is None:
                database.register(f"{known.table}_before", arrow_schema(known).empty_table())
            else:
                path = before / f"{known.table}.parquet"
                database.execute(f"CREATE VIEW {known.table}_before AS FROM read_parquet({_text(path)})")
        out.mkdir(parents=True, exist_ok=True)
        _stream(database, _readings(run.folder.name), out, Reading)
        _stream(database, _SIGHTINGS, out, Sighting)


def _readings(run: str) -> str:
    return f"""
        FROM reading_before
        UNION ALL
        SELECT id || '@' || '{run}', source, id AS scope, []::VARCHAR[], '{run}', asked, complete, collected_at
        FROM scope
        ORDER BY scope, run
    """


def _seen(table: str) -> str:
    settings = ", ".join(f"'{name}', {name}" for name in SETTINGS[table])
    # A merge patch drops what is null: only what was told is kept.
    return f"""
        SELECT
            t.id, t.source, t.scope, '{table}' AS of_table, s.collected_at AS read_at, t.name, t.state, t.created_at,
            t.last_rotated_at, json_merge_patch('{{}}', json_object({settings})) AS settings
        FROM {table} AS t JOIN scope AS s ON s.id = t.scope
        WHERE coalesce(t.manager, 'customer') = 'customer' AND s.collected_at IS NOT NULL
    """


_FOLLOWED = tuple(dict.fromkeys(name for names in SETTINGS.values() for name in names))


def _merged(before: str, now: str) -> str:
    """Settings as they were last told, in one order of their names, so that what is the same has the same text."""
    told = ", ".join(
        f"'{name}', coalesce(json_extract({now}, '{name}'), json_extract({before}, '{name}'))" for name in _FOLLOWED
    )
    return f"json_merge_patch('{{}}', json_object({told}))"


# A run whose clock was behind may have seen a key before what was already known to be its last sighting.
_SIGHTINGS = f"""
WITH
told AS ({" UNION ALL ".join(_seen(table) for table in SETTINGS)}),
last AS (
    FROM sighting_before
    QUALIFY row_number() OVER (PARTITION BY scope, of_table, id ORDER BY seen_until DESC, seen_from DESC) = 1
),
seen AS (
    SELECT
        t.id, t.source, t.scope, t.of_table, t.read_at,
        coalesce(t.name, l.name) AS name, coalesce(t.state, l.state) AS state,
        coalesce(t.created_at, l.created_at) AS created_at,
        coalesce(t.last_rotated_at, l.last_rotated_at) AS last_rotated_at,
        CASE WHEN t.last_rotated_at IS NOT NULL THEN t.read_at END AS material_at,
        {_merged("l.settings", "t.settings")}::VARCHAR AS settings,
        l.seen_from AS last_from,
        l.name IS NOT DISTINCT FROM coalesce(t.name, l.name)
            AND l.state IS NOT DISTINCT FROM coalesce(t.state, l.state)
            AND l.created_at IS NOT DISTINCT FROM coalesce(t.created_at, l.created_at)
            AND l.last_rotated_at IS NOT DISTINCT FROM coalesce(t.last_rotated_at, l.last_rotated_at)
            AND l.settings IS NOT DISTINCT FROM {_merged("l.settings", "t.settings")}::VARCHAR
            AND l.id IS NOT NULL AS same
    FROM told AS t LEFT JOIN last AS l USING (scope, of_table, id)
)
SELECT
    b.id, b.source, b.scope, b.evidence, b.of_table,
    least(b.seen_from, s.read_at) AS seen_from, greatest(b.seen_until, s.read_at) AS seen_until,
    b.name, b.state, b.created_at, b.last_rotated_at, greatest(b.material_until, s.material_at), b.settings
FROM sighting_before AS b
LEFT JOIN seen AS s
    ON s.same AND s.scope = b.scope AND s.of_table = b.of_table AND s.id = b.id AND s.last_from = b.seen_from
UNION ALL
SELECT
    id, source, scope, []::VARCHAR[], of_table, read_at, read_at,
    name, state, created_at, last_rotated_at, material_at, settings
FROM seen WHERE NOT same
ORDER BY of_table, id, scope, seen_from
"""


def _past_runs(runs: Sequence[Run]) -> Iterator[PastRun]:
    before: PackRecord | None = None
    for run in runs:
        record, pack = run.record(), run.pack_record()
        known = {before.manifest_sha256, *before.replaced} if before else {""}
        yield PastRun(
            id=record.id,
            source="",
            scope="",
            evidence=[],
            started_at=record.started_at,
            finished_at=record.finished_at,
            tool_version=record.tool_version,
            pack_sha256=pack.manifest_sha256 if pack else "",
            linked=pack.previous in known if pack else True,
        )
        before = pack or before


def _gaps(run: Run, history: Path) -> Iterator[Gap]:
    """One for each scope of the run that no run before it has read, and one for each reading that was incomplete."""
    from pyarrow import parquet

    scopes = parquet.read_table(run.inventory / "scope.parquet", columns=["id", "source"]).to_pylist()
    readings = parquet.read_table(history / "reading.parquet").to_pylist()
    read = {reading["scope"] for reading in readings}
    for scope in scopes:
        if scope["id"] not in read:
            yield _gap(scope["source"], scope["id"], "", NO_EARLIER_READING)
    for reading in readings:
        if reading["asked"] is not False and not reading["complete"]:
            what = f"the run {reading['run']} did not read all of it"
            yield _gap(reading["source"], reading["scope"], reading["id"], what)


def _gap(source: str, scope: str, reading: str, error: str) -> Gap:
    """What a reading leaves open; with none named, the reading itself is missing."""
    return Gap(
        id=short_id("GAP", FOLDER, scope, reading),
        source=source,
        scope=scope,
        evidence=[],
        operation="",
        kind=GapKind.NOT_OFFERED,
        error=error,
        of_table=Reading.table,
        subject=reading,
        columns=["complete"] if reading else [],
        rows_missing=not reading,
    )


def _write(folder: Path, table: type[Row], rows: Sequence[Row]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = arrow_schema(table)
    columns = [pa.array([getattr(row, field.name) for row in rows], field.type) for field in schema]
    parquet.write_table(
        pa.Table.from_arrays(columns, schema=schema), folder / f"{table.table}.parquet", compression="zstd"
    )


def _stream(database: duckdb.DuckDBPyConnection, sql: str, folder: Path, table: type[Row]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = arrow_schema(table)
    path = folder / f"{table.table}.parquet"
    part = path.with_name(path.name + ".part")
    with parquet.ParquetWriter(part, schema, compression="zstd") as writer:
        for batch in database.sql(sql).to_arrow_reader(50_000):
            writer.write_table(pa.Table.from_batches([batch]).rename_columns(schema.names).cast(schema))
    part.rename(path)


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
