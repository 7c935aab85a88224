"""report.html: the report as one page that needs no network, no script and no other file."""

from __future__ import annotations

from pathlib import Path

from reports.content.bounds import SCREEN
from reports.material import Material
from reports.narrative import build
from reports.templating import TEMPLATES, data_address, render, trusted


def write_html(material: Material, path: Path) -> None:
    """Write the report to `path`. Raises MaterialError where the material is damaged, OSError where writing fails."""
    style = trusted((TEMPLATES / "screen.css").read_text(encoding="utf-8"))
    page = render("report.screen.html", build(material, SCREEN), data_address, screen=True, stylesheet=style)
    path.write_text(page, encoding="utf-8", newline="\n")
