"""workbook.xlsx: populations, exceptions, samples and gaps as sheets that an auditor filters, and none that acts."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from evidence.model import NEVER
from reports.display import minute, visible
from reports.material import Material
from reports.narrative import title
from reports.sheet import Cell, Column, Sheet
from reports.sheets import MOST_CELLS, sheets
from reports.tables import LONGEST

OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}

CELL_UNITS = 32_767
"""UTF-16 units that a cell takes."""

HEADER = 1
"""The row of the column titles; above it stands what the sheet holds, below it its rows."""

FIRST_DAY = date(1900, 3, 1)
"""Before it, spreadsheets do not agree on the calendar."""

EXACT = 2**53
"""Above it, a number in a cell is no longer exact."""

FORMS: dict[str, dict[str, Any]] = {
    "text": {},
    "wrapped": {"text_wrap": True},
    "number": {"num_format": "#,##0"},
    "time": {"num_format": "yyyy-mm-dd hh:mm", "align": "left"},
    "day": {"num_format": "yyyy-mm-dd", "align": "left"},
    "mark": {},
    "note": {"text_wrap": True, "bg_color": "#F7F7F2"},
}

MARKS: dict[str, dict[str, Any]] = {
    "✗": {"bold": True, "font_color": "#9C0006", "bg_color": "#FFD9DC"},
    "?": {"italic": True, "font_color": "#6B4E00", "bg_color": "#FFF2CC"},
    "○": {"italic": True, "font_color": "#1F3864"},
    "✓": {"font_color": "#1E5C2E"},
    "–": {"font_color": "#595959"},
}
"""How the first character of a mark makes its cell look; on paper without color the symbol and the word tell it."""


def write_workbook(material: Material, path: Path, most_cells: int = MOST_CELLS) -> None:
    """Write the workbook to `path`, with at most `most_cells` cells a sheet.

    Raises MaterialError where the material is damaged, OSError where writing fails; then nothing stands at `path`.
    """
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import XlsxWriterException

    part = path.with_name(path.name + ".part")
    try:
        with tempfile.TemporaryDirectory(prefix="keyproof-") as scratch, material.connection() as queries:
            book = Workbook(str(part), {**OPTIONS, "tmpdir": scratch})
            book.use_zip64()
            _describe(book, material)
            look = {name: book.add_format({"valign": "top", **form}) for name, form in FORMS.items()}
            look["header"] = book.add_format(
                {"bold": True, "text_wrap": True, "valign": "vcenter", "bg_color": "#E8E8E8", "bottom": 1}
            )
            look["said"] = book.add_format({"italic": True})
            marks = {symbol: book.add_format(form) for symbol, form in MARKS.items()}
            footer = f"&L&8Run {_plain(material.run.id)} · evidence {material.evidence_digest[:16]}&C&8&A&R&8&P / &N"
            for sheet in sheets(material, queries, most_cells):
                _Page(book.add_worksheet(sheet.name), sheet, look).write(footer, marks)
            book.close()
        part.replace(path)
    except XlsxWriterException as error:
        raise OSError(f"{path} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _describe(book: Any, material: Material) -> None:
    book.set_properties(
        {
            "title": title(material),
            "subject": f"Run {material.run.id}, evidence {material.evidence_digest}",
            "author": f"keyproof {material.assessment.tool_version}",
            "created": material.assessment.as_of.astimezone(UTC).replace(tzinfo=None),
        }
    )


def _plain(text: str) -> str:
    """`text` within a footer, where `&` begins a code."""
    return visible(text, 80).replace("&", "&&")


class _Page:
    """One sheet while it is written, row by row from its top."""

    def __init__(self, worksheet: Any, sheet: Sheet, look: dict[str, Any]) -> None:
        self.worksheet = worksheet
        self.sheet = sheet
        self.look = look

    def write(self, footer: str, marks: dict[str, Any]) -> None:
        columns = self.sheet.columns
        for place, column in enumerate(columns):
            self.worksheet.set_column(place, place, column.width, self.look[column.form])
        self.worksheet.write_string(0, 0, fitted(f"{self.sheet.holds} {self.sheet.extent}".strip()), self.look["said"])
        self.worksheet.set_row(HEADER, 30)
        for place, column in enumerate(columns):
            self.worksheet.write_string(HEADER, place, fitted(column.title), self.look["header"])
        last = HEADER
        for last, row in enumerate(self.sheet.rows(), HEADER + 1):
            self._row(last, row)
        self._set_up(columns, last, footer, marks)

    def _row(self, number: int, row: Sequence[Cell]) -> None:
        for place, cell in enumerate(row):
            match cell:
                case "" | []:
                    continue
                case datetime() | date():
                    self._moment(number, place, cell)
                case int() if abs(cell) <= EXACT:
                    self.worksheet.write_number(number, place, cell)
                case None:
                    self.worksheet.write_string(number, place, "not observed")
                case _:
                    self.worksheet.write_string(number, place, fitted(cell if isinstance(cell, list) else str(cell)))

    def _moment(self, number: int, place: int, moment: datetime | date) -> None:
        if isinstance(moment, datetime):
            moment = moment.astimezone(UTC)
            if moment == NEVER:
                self.worksheet.write_string(number, place, "never")
                return
            if moment.date() < FIRST_DAY:
                self.worksheet.write_string(number, place, minute(moment))
                return
            moment = moment.replace(tzinfo=None)
        self.worksheet.write_datetime(number, place, moment)

    def _set_up(self, columns: Sequence[Column], last: int, footer: str, marks: dict[str, Any]) -> None:
        for place, column in enumerate(columns):
            if column.form == "mark" and last > HEADER:
                for symbol, form in marks.items():
                    rule = {"type": "text", "criteria": "begins with", "value": symbol, "format": form}
                    self.worksheet.conditional_format(HEADER + 1, place, last, place, rule)
        self.worksheet.freeze_panes(HEADER + 1, 1)
        self.worksheet.autofilter(HEADER, 0, last, len(columns) - 1)
        self.worksheet.set_landscape()
        self.worksheet.set_paper(9)  # A4
        self.worksheet.fit_to_pages(1, 0)
        self.worksheet.repeat_rows(0, HEADER)
        self.worksheet.set_footer(footer)


def fitted(text: str | list[str]) -> str:
    """Text, or lines of text, that a cell takes and shows as it is; lines beyond its bound are counted."""
    shown = _line(text) if isinstance(text, str) else _lines(text)
    # The writer takes what stands between these two for its own markup.
    return f"{shown} " if shown.startswith("<r>") and shown.endswith("</r>") else shown


def _line(text: str) -> str:
    harmless = len(text) <= LONGEST and text.isascii() and text.isprintable() and "  " not in text
    return text if harmless else visible(text, LONGEST)


def _lines(texts: list[str]) -> str:
    shown: list[str] = []
    room = CELL_UNITS - len("… and 1,000,000 more")
    for line in map(_line, texts):
        room -= len(line.encode("utf-16-le")) // 2 + 1
        if room < 0:
            shown.append(f"… and {len(texts) - len(shown):,} more")
            break
        shown.append(line)
    return "\n".join(shown)
