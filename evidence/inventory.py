"""Inventory rows on their way to disk: each NULL is explained by a gap before its row is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from evidence.database import opened, parquet_file
from evidence.model import BOOKKEEPING, TABLES, Gap, GapKind, Row, arrow_schema, columns
from evidence.observation import short_id
from evidence.operation import Operation
from evidence.reading import Failure, Reading, without_surrogates

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 10_000
"""Rows held in memory for a table before they go to disk."""

GROUP_ROWS = 100_000
"""Rows that whoever reads a table holds of it at once."""

LONGEST_ERROR = 2_000
"""Characters of an error that a gap tells: names that a provider made up may stand in it, and in many gaps."""


UNREAD_KEY = "no source of this run read the key that it names"


class UnexplainedNull(Exception):
    """A row has a NULL that no operation and no missing offer of the provider explains: an error in a normalizer."""


def explain(
    row: Row,
    readings: Iterable[Reading],
    operations: Mapping[str, Operation],
    not_offered: Mapping[str, str],
) -> Iterator[Gap]:
    """The gaps of one row: for each None, why the operations that yield the column did not tell.

    `readings` are all that the row was made from. `not_offered` maps `table.column` to the reason why the provider
    has no such fact. Raises UnexplainedNull where neither explains a None.
    """
    readings = list(readings)
    unknown: dict[tuple[str, Failure], list[str]] = defaultdict(list)
    for name in (column.name for column in columns(type(row)) if column.name not in BOOKKEEPING):
        if getattr(row, name) is None:
            unknown[_reason(f"{row.table}.{name}", readings, operations, not_offered)].append(name)
    for (operation, failure), names in unknown.items():
        yield gap(row, operation, failure, of_table=row.table, subject=row.id, names=names)


def _reason(
    fact: str, readings: Iterable[Reading], operations: Mapping[str, Operation], not_offered: Mapping[str, str]
) -> tuple[str, Failure]:
    yielding = [name for name, operation in operations.items() if fact in operation.facts]
    for name in yielding:
        for reading in readings:
            if name in reading.failures:
                return name, reading.failures[name]
    if fact in not_offered:
        return yielding[0] if yielding else "", Failure(GapKind.NOT_OFFERED, not_offered[fact], "")
    if not yielding:
        raise UnexplainedNull(f"{fact} is NULL, but no operation yields it and it is not declared as not offered")
    answered = [o for name in yielding for reading in readings for o in reading.of(name)]
    if answered:
        return answered[0].operation, Failure(GapKind.FAILED, "the answer does not state it", answered[0].id)
    return yielding[0], Failure(GapKind.FAILED, "it was not asked, because what leads to it was not observed", "")


def gap(
    row: Row,
    operation: str,
    failure: Failure,
    *,
    of_table: str,
    subject: str,
    names: Iterable[str] = (),
    rows_missing: bool = False,
) -> Gap:
    """A gap in the scope of `row`: of the columns `names` of `subject`, or, with `rows_missing`, of rows themselves."""
    names = sorted(names)
    return Gap(
        id=short_id("GAP", row.scope, of_table, subject, operation, *names),
        source=row.source,
        scope=row.scope,
        evidence=[failure.observation] if failure.observation else [],
        operation=operation,
        kind=failure.kind,
        error=_shortened(failure.error),
        of_table=of_table,
        subject=subject,
        columns=names,
        rows_missing=rows_missing,
    )


def _shortened(error: str) -> str:
    return error if len(error) <= LONGEST_ERROR else f"{error[: LONGEST_ERROR - 1]}…"


class InventoryWriter:
    """Writes rows to one Parquet file a table, sorted by id, in a folder that is complete only after `__exit__`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> InventoryWriter:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def add(self, row: Row) -> None:
        """Take one row; every BATCH_ROWS of a table go to disk."""
        rows = self._rows[row.table]
        rows.append(row)
        if len(rows) >= BATCH_ROWS:
            self._flush(row.table)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for table in sorted(TABLES, key=lambda table: table == Gap.table):
            part = self._part(table)
            if kind is None:
                if table == Gap.table:
                    self._rows[table] += unread_keys(self.folder)
                _write_sorted(self._all(table), part)
                part.rename(self.folder / f"{table}.parquet")
            elif table in self._writers:
                self._writers.pop(table).close()
            part.unlink(missing_ok=True)

    def _part(self, table: str) -> Path:
        return self.folder / f"{table}.parquet.part"

    def _all(self, table: str) -> pa.Table:
        """The rows of a table, which are read back only where there are more than are held in memory."""
        from pyarrow import parquet

        if table not in self._writers:
            return self._held(table)
        self._flush(table)
        self._writers.pop(table).close()
        return parquet.read_table(self._part(table), memory_map=True)

    def _flush(self, table: str) -> None:
        from pyarrow import parquet

        if table not in self._writers:
            schema = arrow_schema(TABLES[table])
            self._writers[table] = parquet.ParquetWriter(self._part(table), schema, compression="zstd")
        self._writers[table].write_table(self._held(table))

    def _held(self, table: str) -> pa.Table:
        import pyarrow as pa

        schema = arrow_schema(TABLES[table])
        rows = self._rows.pop(table, [])
        arrays = [_array([getattr(row, f.name) for row in rows], f.type) for f in schema]
        return pa.Table.from_arrays(arrays, schema=schema)


_UNREAD_KEYS = """
    WITH named AS (
        SELECT source, scope, evidence, id, 'protected_resource' AS of_table, 'key' AS name, [key] AS keys
        FROM {protected_resource} WHERE key <> ''
        UNION ALL
        SELECT source, scope, evidence, id, 'secret', 'keys', list_filter(
            keys, lambda key: (contains(key, ':') OR contains(key, '/')) AND NOT contains(key, 'alias/')
        ) FROM {secret}
    )
    SELECT DISTINCT source, scope, evidence, id, of_table, name
    FROM (SELECT * EXCLUDE (keys), unnest(keys) AS key FROM named) AS n ANTI JOIN {key} AS k ON k.id = n.key
    ORDER BY of_table, scope, id
"""


def unread_keys(folder: Path) -> Iterator[Gap]:
    """A gap for each data store and each secret that names a key which no source of the run read.

    `folder` has the tables of keys, data stores and secrets. A secret's key counts where it is named by its id: an
    alias, or a part of an id, names a key within an account and region.
    """
    tables = {table: parquet_file(folder / f"{table}.parquet") for table in ("key", "secret", "protected_resource")}
    with opened() as database:
        for source, scope, evidence, subject, table, name in database.execute(_UNREAD_KEYS.format(**tables)).fetchall():
            yield Gap(
                id=short_id("GAP", scope, table, subject, UNREAD_KEY, name),
                source=source,
                scope=scope,
                evidence=evidence,
                operation="",
                kind=GapKind.SWITCHED_OFF,
                error=UNREAD_KEY,
                of_table=table,
                subject=subject,
                columns=[name],
                rows_missing=False,
            )


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array(without_surrogates(values), kind)


def _write_sorted(rows: pa.Table, path: Path) -> None:
    from pyarrow import parquet

    in_order = rows.sort_by([("id", "ascending"), ("scope", "ascending")])
    parquet.write_table(in_order, path, compression="zstd", row_group_size=GROUP_ROWS)
