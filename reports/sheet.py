"""One sheet of the workbook before it takes a form: its columns, and its rows as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from reports.display import plural

Cell = str | list[str] | int | datetime | date | None
"""Text, lines of text, a number, a time or a day; None for what was not observed."""


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    width: int
    """In characters."""
    form: Literal["text", "wrapped", "number", "time", "day", "mark", "note"] = "text"
    """`mark` is a symbol and a word; `note` is empty, for the assessor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    name: str
    holds: str
    """What it holds, in a sentence."""
    extent: str
    """How many rows, and where those are that it does not hold."""
    columns: tuple[Column, ...]
    rows: Callable[[], Iterator[Sequence[Cell]]]
    """Its rows, from a query that runs when they are asked for."""


def every(count: int) -> str:
    """The extent of a sheet that holds all rows there are."""
    return f"{plural(count, 'row')}: all there are."
