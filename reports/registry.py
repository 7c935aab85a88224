"""The registry of outputs: name, file and writer of each, imported when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.material import Material

Write = Callable[["Material", Path], None]
"""Writes one output to the path given: a file, or a folder where the output is several files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of output."""

    name: str
    file: str
    """Its name in the pack; one that ends in `/` is a folder."""
    title: str
    write: Callable[[], Write]


def _pdf() -> Write:
    from reports.pdf import write_pdf

    return write_pdf


def _html() -> Write:
    from reports.html import write_html

    return write_html


def _workbook() -> Write:
    from reports.workbook import write_workbook

    return write_workbook


def _findings_json() -> Write:
    from reports.findings_json import write_findings_json

    return write_findings_json


def _findings() -> Write:
    from reports.tables import write_findings

    return write_findings


def _inventory() -> Write:
    from reports.tables import write_inventory

    return write_inventory


FORMATS: dict[str, Format] = {
    output.name: output
    for output in (
        Format(name="pdf", file="report.pdf", title="The report for the auditor, to read and to print", write=_pdf),
        Format(name="html", file="report.html", title="The same report as one page for a browser", write=_html),
        Format(
            name="workbook", file="workbook.xlsx", title="Populations, exceptions and gaps, to filter", write=_workbook
        ),
        Format(
            name="findings-json", file="findings.json", title="The findings for other programs", write=_findings_json
        ),
        Format(name="findings", file="findings.parquet", title="Every verdict, one row each", write=_findings),
        Format(name="inventory", file="inventory/", title="The inventory as Parquet and CSV", write=_inventory),
    )
}
"""Every output by name, in the order in which a pack lists them."""
