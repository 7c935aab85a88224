"""What every report is made of: a run, its assessment, and streaming queries over its tables."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.database import confine, opened, parquet_files
from evidence.findings import Assessment
from evidence.history import HISTORY
from evidence.model import TABLES
from evidence.store import RunRecord

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

FINDING = "finding"
"""The view of findings.parquet: its columns are those of `evidence.findings.findings_schema()`."""

BATCH_ROWS = 2_000
"""Rows that a query hands on at a time."""

MEMORY_LIMIT = "512MB"
"""What DuckDB may hold before it spills to disk, so that a report of a large estate fits on a small machine."""


class MaterialError(Exception):
    """The material of a report is missing or damaged. The message names the file and the next step."""


@dataclass(frozen=True)
class Material:
    """One assessed run, as the reports read it. Nothing in it is ever loaded whole but the assessment itself."""

    run: RunRecord
    assessment: Assessment
    inventory: Path
    """Folder with one Parquet file for each of `evidence.model.TABLES`."""
    history: Path
    """Folder with one Parquet file for each of `evidence.history.HISTORY`: what earlier runs show."""
    findings: Path
    """The file of all verdicts, findings.parquet."""
    observations: Path
    """Folder of the scope files."""
    evidence_digest: str
    """SHA-256, in hexadecimal, over the digests of all observation files: it names the evidence as a whole."""

    @cached_property
    def tables(self) -> Mapping[str, Path]:
        """The views that a query may read: every table of the inventory and of the history, and `finding`."""
        return {name: paths[0] for name, paths in self._files.items()}

    @cached_property
    def _files(self) -> Mapping[str, Sequence[Path]]:
        """The files of each view: what no earlier run shows is as much a gap as what this one could not read."""
        folders = (self.inventory, TABLES), (self.history, HISTORY)
        files: dict[str, list[Path]] = {}
        for folder, tables in folders:
            for name in tables:
                files.setdefault(name, []).append(folder / f"{name}.parquet")
        return {**files, FINDING: [self.findings]}

    @contextmanager
    def connection(self) -> Iterator[Queries]:
        """Queries over the tables, which see these files and nothing else of the machine.

        Raises MaterialError where a file is missing or is no Parquet.
        """
        import duckdb

        for path in itertools.chain.from_iterable(self._files.values()):
            if not path.is_file():
                raise MaterialError(f"{path} is missing; run `keyproof assess` on this run again")
        with opened(MEMORY_LIMIT) as database:
            try:
                for name, paths in self._files.items():
                    database.execute(f"CREATE VIEW {name} AS FROM {parquet_files(paths)}")
            except duckdb.Error as error:
                raise MaterialError(
                    f"{' or '.join(map(str, paths))} cannot be read: {error}; run `keyproof assess` on this run again"
                ) from error
            confine(database, folders={path.parent for path in itertools.chain.from_iterable(self._files.values())})
            yield Queries(database)


@dataclass(frozen=True)
class Queries:
    """SELECT statements of the reports over one material. Times come as aware datetimes in UTC.

    Every statement needs an ORDER BY that leaves no ties: the same material must give the same bytes.
    """

    database: duckdb.DuckDBPyConnection

    def batches(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[pa.RecordBatch]:
        """The result as Arrow batches of at most BATCH_ROWS rows, read as they are asked for."""
        yield from self.database.sql(sql, params=dict(parameters or {})).to_arrow_reader(BATCH_ROWS)

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The result row by row, each a mapping from column to value."""
        for batch in self.batches(sql, parameters):
            yield from batch.to_pylist()

    def first(
        self, sql: str, most: int, parameters: Mapping[str, Any] | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """At most so many rows of the result, and how many more it has: these are counted and not read."""
        few = list(self.rows(f"{sql} LIMIT {most:d}", parameters))
        return few, self.value(f"SELECT count(*) FROM ({sql})", parameters) - len(few)  # noqa: S608 - SQL of ours

    def value(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row; None where there is no row."""
        for row in self.rows(sql, parameters):
            return next(iter(row.values()))
        return None

    def frame(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """A small result for shaping as a table or a chart. Never for a whole population."""
        import pandas as pd

        return pd.DataFrame(list(self.rows(sql, parameters)))
