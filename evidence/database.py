"""What every query of a Parquet file needs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def parquet_file(path: Path) -> str:
    """The rows of a Parquet file, as a query names them."""
    return parquet_files([path])


def parquet_files(paths: Iterable[Path]) -> str:
    """The rows of Parquet files of one schema, as a query names them."""
    return f"read_parquet([{', '.join(literal(str(path)) for path in paths)}])"
