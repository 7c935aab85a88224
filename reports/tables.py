"""findings.parquet and inventory/: every row, verbatim as Parquet for programs and as CSV for people."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.model import NEVER, TABLES, Column, Row, columns
from evidence.observation import iso
from reports.display import visible
from reports.material import BATCH_ROWS, Material, MaterialError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NOT_OBSERVED = "(not observed)"
"""A NULL in a CSV file; an empty field is a value observed to be empty."""

LONGEST = 3_600
"""Characters of one text in a cell. Even if each has to be written out as `[U+E0001]`, the cell stays below the 32,767
that a spreadsheet takes; what is beyond would spill into the next cell, or the next row."""

_ACTS = re.compile(r"(?:(?<=;)|\A)(?=[\s\"']*[=+\-@＝＋－＠])")
"""Where a spreadsheet could begin a formula: at the start, or after the separator of half of the world's locales."""


def write_findings(material: Material, path: Path) -> None:
    """Copy the assessed findings to `path`, byte by byte. Raises MaterialError where they are missing, and OSError."""
    _copy(material.findings, path)


def write_inventory(material: Material, folder: Path) -> None:
    """Write each table to `folder` as Parquet, byte by byte, and as CSV.

    Raises MaterialError where a table is missing or damaged, and OSError where writing fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in TABLES.items():
        source = material.tables[name]
        _copy(source, folder / f"{name}.parquet")
        _write_csv(table, source, folder / f"{name}.csv")


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise MaterialError(f"{source} is missing; run `keyproof assess` on this run again")
    if not (target.exists() and source.samefile(target)):
        shutil.copyfile(source, target)


def _write_csv(table: type[Row], source: Path, path: Path) -> None:
    """RFC 4180, in UTF-8 with the mark that makes a spreadsheet read it as UTF-8."""
    shown = columns(table)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(",".join(column.name for column in shown) + "\r\n")
        for batch in _batches(source):
            _frame(shown, batch).to_csv(file, index=False, header=False, lineterminator="\r\n")


def _batches(source: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(source) as file:
            yield from file.iter_batches(BATCH_ROWS)
    except pa.ArrowException as error:
        raise MaterialError(f"{source} cannot be read: {error}; run `keyproof assess` on this run again") from error


def _frame(shown: tuple[Column, ...], batch: pa.RecordBatch) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({column.name: _fields(column, batch.column(column.name)) for column in shown})


def _fields(column: Column, facts: pa.Array) -> Any:
    """The fields of one column; each distinct fact is made into text once."""
    import pandas as pd

    if column.type.startswith("list"):
        return [field(fact, column) for fact in facts.to_pylist()]
    encoded = facts.dictionary_encode(null_encoding="encode")
    texts = pd.Series([field(fact, column) for fact in encoded.dictionary.to_pylist()], dtype=object)
    return texts.take(encoded.indices.to_numpy()).to_numpy()


def field(fact: Any, column: Column) -> str:
    """A fact as a field of a CSV file, before it is quoted.

    Times are ISO 8601 in UTC, `never` for one observed to be absent; lists are JSON; a NULL is `(not observed)`.
    """
    if fact is None:
        return NOT_OBSERVED
    if column.type == "timestamp":
        return "never" if fact == NEVER else iso(fact)
    if column.type == "boolean":
        return "true" if fact else "false"
    if column.type == "integer":
        return str(fact)
    if column.type.startswith("list"):
        fact = json.dumps(fact, ensure_ascii=False)
    return harmless(fact)


def harmless(text: str) -> str:
    """`text` made visible, and with an apostrophe before whatever could begin a formula or pass for a NULL.

    An apostrophe goes before `=`, `+`, `-` or `@` (also behind spaces and quotation marks, and in full width) at the
    start and behind each semicolon, which separates fields where the comma is the decimal sign.
    """
    shown = _ACTS.sub("'", visible(text, LONGEST))
    return f"'{shown}" if shown == NOT_OBSERVED else shown
