"""What every query of Parquet files needs: a database that spills where it may, and sees what it is to see."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


@contextmanager
def opened(memory: str = "1GB", threads: int = 2) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database, all of whose times are in UTC.

    What goes beyond `memory` is spilled into a folder of its own, and not where the program was started.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="keyproof-") as spill:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": memory,
            "temp_directory": spill,
        }
        with duckdb.connect(":memory:", config=settings) as database:
            database.execute("SET GLOBAL TimeZone = 'UTC'")
            database.execute("SET enable_progress_bar = false")  # it would print into the results
            yield database


def confine(database: duckdb.DuckDBPyConnection, *, folders: Iterable[Path] = (), files: Iterable[Path] = ()) -> None:
    """Let it see what is below these folders, and these files, and nothing else of the machine, from now on."""
    for setting, paths in (("allowed_directories", folders), ("allowed_paths", files)):
        database.execute(f"SET {setting} = [{', '.join(literal(str(path)) for path in paths)}]")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def parquet_file(path: Path) -> str:
    """The rows of a Parquet file, as a query names them."""
    return parquet_files([path])


def parquet_files(paths: Iterable[Path]) -> str:
    """The rows of Parquet files of one schema, as a query names them."""
    return f"read_parquet([{', '.join(literal(str(path)) for path in paths)}])"
