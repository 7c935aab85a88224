"""What the runs before one run show, folded run by run, so that each reads only its own inventory."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.database import opened, parquet_file
from evidence.history import FOLDER, LISTED, SETTINGS, PastRun, Reading, Sighting, followed_sql, write_empty
from evidence.model import Gap, GapKind, Row, arrow_schema
from evidence.observation import short_id
from evidence.remote import RemoteError
from evidence.store import PackRecord, Run, Store
from keyproof.replay import ReplayError
from keyproof.run import normalize

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# ruff: noqa: S608 - what is put into SQL are names of this program, and paths that are quoted

NO_EARLIER_READING = "no earlier run of the evidence store has read it"
NO_EARLIER_LIST = "no earlier run of the evidence store has read its lists to their ends"
NOT_READ_NOW = "earlier runs read it, and this one did not"

FOLDED = (Reading, Sighting)
"""What is kept beside each run."""

FOLDED_BY = b"keyproof.folded"
"""Name, in the metadata of a file, of the digest of what it was folded from."""

_VERSION = "1"
"""Changes where the same runs are folded into something else."""

log = logging.getLogger("keyproof.history")


def write_history(run: Run, store: Store, out: Path, since: datetime, until: datetime) -> None:
    """Write to `out` what the runs of the store that were collected before `run` show.

    `run` has an inventory. What the runs before it show is kept beside each of them. Whatever was read between `since`
    and `until`, the bounds of the audit period, and is not read by `run` is a gap.
    """
    earlier = [other for other in store.runs() if _before(other, run) and other.record().state == "collected"]
    folded = _folded(earlier, store)
    if folded is None:
        write_empty(out)
    else:
        out.mkdir(parents=True, exist_ok=True)
        for table in FOLDED:
            shutil.copyfile(folded / f"{table.table}.parquet", out / f"{table.table}.parquet")
    _write(out, PastRun, list(_past_runs(earlier)))
    _write(out, Gap, list(_gaps(run, out, since, until)))


def _before(one: Run, other: Run) -> bool:
    return one.folder.name < other.folder.name


@dataclass(frozen=True, slots=True)
class _Fold:
    """What a run and those before it show: its folder, and the digest of what it was folded from."""

    folder: Path
    digest: str

    @property
    def is_whole(self) -> bool:
        """Both files are there, and were folded from just these runs by this program."""
        return all(_folded_by(self.folder / f"{table.table}.parquet") == self.digest for table in FOLDED)


def _folded_by(path: Path) -> str:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return ((parquet.read_schema(path).metadata or {}).get(FOLDED_BY) or b"").decode()
    except (OSError, pa.ArrowInvalid):
        return ""


def _folded(runs: Sequence[Run], store: Store) -> Path | None:
    """The folder of what these runs show, the oldest first; None where there are none."""
    last: _Fold | None = None
    for run in runs:
        try:
            last = _fold_of(run, last, store)
        except ReplayError as error:
            log.warning("run %s is left out of the history: %s", run.folder.name, error)
    return last.folder if last else None


def _fold_of(run: Run, before: _Fold | None, store: Store) -> _Fold:
    fold = _Fold(run.folder / FOLDER, _digest(run, before))
    if not fold.is_whole:
        store.fetch(run)
    if not fold.is_whole:
        normalize(run)
        _fold(before, run, fold)
        try:
            store.publish(run, sorted(fold.folder.glob("*.parquet")))
        except RemoteError as error:
            log.warning("other machines will have to fold run %s themselves: %s", run.folder.name, error)
    return fold


def _digest(run: Run, before: _Fold | None) -> str:
    """It names all that a fold depends on: a run that comes late, between two others, makes those after it anew."""
    schemas = "\n".join(f"{field.name} {field.type}" for table in FOLDED for field in arrow_schema(table))
    parts = (_VERSION, schemas, before.digest if before else "", run.folder.name)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _fold(before: _Fold | None, run: Run, fold: _Fold) -> None:
    """What a run adds to what was known before it."""
    with opened() as database:
        for table in ("scope", "key", "secret", "gap"):
            database.execute(f"CREATE VIEW {table} AS FROM {parquet_file(run.inventory / f'{table}.parquet')}")
        for known in FOLDED:
            if before is None:
                database.register(f"{known.table}_before", arrow_schema(known).empty_table())
            else:
                path = before.folder / f"{known.table}.parquet"
                database.execute(f"CREATE VIEW {known.table}_before AS FROM {parquet_file(path)}")
        database.register("configured", _configured(run))
        fold.folder.mkdir(parents=True, exist_ok=True)
        for known, sql in ((Reading, _READINGS), (Sighting, _SIGHTINGS)):
            _stream(database.sql(sql, params={"run": run.folder.name}), fold, known)


_READINGS = f"""
    FROM reading_before
    UNION ALL
    SELECT
        id || '@' || $run, source, id AS scope, []::VARCHAR[], $run, coalesce(c.digest, ''), asked, complete,
        CASE WHEN {LISTED} THEN true END, collected_at
    FROM scope LEFT JOIN configured AS c USING (source)
    ORDER BY scope, run
"""

# Runs are in the order of their ids: by a clock that was behind, a later one may have seen a key earlier.
_SIGHTINGS = f"""
WITH
told AS ({" UNION ALL ".join(followed_sql(table) for table in SETTINGS)}),
newest AS (SELECT scope, max(run) AS run FROM reading_before WHERE collected_at IS NOT NULL GROUP BY scope),
last AS (SELECT b.* FROM sighting_before AS b JOIN newest AS n ON n.scope = b.scope AND n.run = b.last_run),
seen AS (
    SELECT
        t.*, l.first_run,
        l.id IS NOT NULL
            AND l.name IS NOT DISTINCT FROM t.name
            AND l.state IS NOT DISTINCT FROM t.state
            AND l.created_at IS NOT DISTINCT FROM t.created_at
            AND l.last_rotated_at IS NOT DISTINCT FROM t.last_rotated_at
            AND l.settings = t.settings
            AND l.untold = t.untold AS same
    FROM told AS t LEFT JOIN last AS l USING (scope, of_table, id)
    WHERE t.read_at IS NOT NULL
)
SELECT
    b.id, b.source, b.scope, b.evidence, b.of_table, b.first_run, CASE WHEN s.same THEN $run ELSE b.last_run END,
    least(b.seen_from, s.read_at), greatest(b.seen_until, s.read_at),
    b.name, b.state, b.created_at, b.last_rotated_at, b.settings, b.untold
FROM sighting_before AS b
LEFT JOIN seen AS s
    ON s.same AND s.scope = b.scope AND s.of_table = b.of_table AND s.id = b.id AND s.first_run = b.first_run
UNION ALL
SELECT
    id, source, scope, []::VARCHAR[], of_table, $run, $run, read_at, read_at,
    name, state, created_at, last_rotated_at, settings, untold
FROM seen WHERE NOT same
ORDER BY of_table, id, scope, first_run
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


# A scope that an earlier run does not have was not there, if that run read all of a source that was configured as now.
_UNREAD = f"""
    WITH
    asked AS (SELECT * FROM reading WHERE coalesce(asked, true)),
    of_source AS (
        SELECT source, run, bool_and(complete IS TRUE AND a.configuration = c.digest) AS all_of_it
        FROM asked AS a LEFT JOIN configured AS c USING (source) GROUP BY source, run
    )
    SELECT
        source, id AS scope, '' AS reading, true AS rows_missing,
        CASE WHEN id IN (SELECT scope FROM asked WHERE collected_at IS NOT NULL)
            THEN '{NO_EARLIER_LIST}' ELSE '{NO_EARLIER_READING}' END AS error
    FROM scope WHERE id NOT IN (SELECT scope FROM asked WHERE listed)
    UNION ALL
    SELECT any_value(source), scope, '', true, '{NOT_READ_NOW}'
    FROM asked ANTI JOIN scope ON scope.id = asked.scope
    WHERE collected_at BETWEEN $since AND $until GROUP BY scope
    UNION ALL
    SELECT s.source, s.id, '', false, 'earlier runs did not read it, the last of them ' || max(r.run)
    FROM scope AS s JOIN of_source AS r USING (source) ANTI JOIN asked AS a ON a.scope = s.id AND a.run = r.run
    WHERE NOT r.all_of_it GROUP BY s.source, s.id
    UNION ALL
    SELECT source, scope, id, false, 'the run ' || run || ' did not read all of it'
    FROM asked WHERE complete IS NOT TRUE
    ORDER BY scope, reading, rows_missing
"""


def _gaps(run: Run, history: Path, since: datetime, until: datetime) -> Iterator[Gap]:
    """What no reading shows: of scopes that were read now or before, and of readings that were incomplete."""
    with opened() as database:
        database.execute(f"CREATE VIEW scope AS FROM {parquet_file(run.inventory / 'scope.parquet')}")
        database.execute(f"CREATE VIEW reading AS FROM {parquet_file(history / f'{Reading.table}.parquet')}")
        database.register("configured", _configured(run))
        rows = database.execute(_UNREAD, {"since": since, "until": until}).fetchall()
    for source, scope, reading, rows_missing, error in rows:
        yield Gap(
            id=short_id("GAP", FOLDER, scope, reading, *([] if rows_missing else ["complete"])),
            source=source,
            scope=scope,
            evidence=[],
            operation="",
            kind=GapKind.NOT_OFFERED,
            error=error,
            of_table=Reading.table,
            subject=reading,
            columns=[] if rows_missing else ["complete"],
            rows_missing=rows_missing,
        )


def _configured(run: Run) -> pa.Table:
    """Each source of the run, and the digest of its configuration."""
    import pyarrow as pa

    digests = run.record().configurations
    return pa.table({"source": pa.array(digests, pa.string()), "digest": pa.array(digests.values(), pa.string())})


def _write(folder: Path, table: type[Row], rows: Sequence[Row]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = arrow_schema(table)
    columns = [pa.array([getattr(row, field.name) for row in rows], field.type) for field in schema]
    parquet.write_table(
        pa.Table.from_arrays(columns, schema=schema), folder / f"{table.table}.parquet", compression="zstd"
    )


def _stream(rows: duckdb.DuckDBPyRelation, fold: _Fold, table: type[Row]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = arrow_schema(table).with_metadata({FOLDED_BY: fold.digest.encode()})
    path = fold.folder / f"{table.table}.parquet"
    part = path.with_name(path.name + ".part")
    with parquet.ParquetWriter(part, schema, compression="zstd") as writer:
        for batch in rows.to_arrow_reader(50_000):
            writer.write_table(pa.Table.from_batches([batch]).rename_columns(schema.names).cast(schema))
    part.rename(path)
