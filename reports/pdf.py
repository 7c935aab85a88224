"""report.pdf: the report on paper, tagged for assistive technology, and the same bytes for the same run."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from reports.charts import FONTS, Chart, draw_charts
from reports.content.bounds import PAPER
from reports.material import Material
from reports.narrative import build
from reports.templating import TEMPLATES, render

if TYPE_CHECKING:
    from weasyprint.urls import URLFetcher

SCHEME = "keyproof:"
"""Addresses of what the report may load: its style sheet and its charts, and nothing else."""

log = logging.getLogger("keyproof.reports")


class RefusedAddress(ValueError):
    """Content tried to load something; nothing was fetched."""


def write_pdf(material: Material, path: Path) -> None:
    """Write the report to `path`. Raises MaterialError where the material is damaged, OSError where writing fails."""
    told = build(material, PAPER)
    charts = draw_charts(told)
    html = render("report.print.html", told, lambda chart: f"{SCHEME}{chart.name}.svg", charts=charts, screen=False)
    path.write_bytes(_pdf(printable(html), charts, identifier=f"{material.run.id}:{material.evidence_digest}".encode()))


def _pdf(html: str, charts: Mapping[str, Chart], identifier: bytes) -> bytes:
    with packaged_fonts():
        from weasyprint import HTML
        from weasyprint.text.fonts import FontConfiguration

        document = HTML(string=html, base_url=SCHEME, url_fetcher=packaged_assets(charts))
        data: bytes = document.write_pdf(
            font_config=FontConfiguration(), pdf_variant="pdf/ua-1", pdf_identifier=identifier, cache={}
        )
    return data


def printable(text: str) -> str:
    """`text` with every character that the packaged fonts lack written out as `[U+9375]`: an empty box tells nothing.

    Latin, Greek, Cyrillic, Arabic, Armenian and Georgian are there; Chinese, Japanese, Korean and emoji are not.
    """
    drawn = _drawn_characters()
    return "".join(c if c in drawn else f"[U+{ord(c):04X}]" for c in text)


@cache
def _drawn_characters() -> frozenset[str]:
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # it comes with WeasyPrint

    drawn = {"\n"}
    for path in FONTS.glob("*.ttf"):
        with TTFont(path, lazy=True) as font:
            drawn.update(map(chr, font.getBestCmap()))
    return frozenset(drawn)


def packaged_assets(charts: Mapping[str, Chart]) -> URLFetcher:
    """A fetcher that gives the style sheet and the charts, and refuses every other address with RefusedAddress."""
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    style = (TEMPLATES / "print.css").read_bytes()
    assets = {f"{SCHEME}{chart.name}.svg": (chart.svg, "image/svg+xml") for chart in charts.values()}
    assets[f"{SCHEME}print.css"] = (style, "text/css; charset=utf-8")

    class PackagedAssets(URLFetcher):  # type: ignore[misc]  # WeasyPrint carries no types
        def fetch(self, url: str, headers: Any = None) -> Any:
            if url not in assets:
                raise RefusedAddress(f"{url[:80]} is not part of the report, so it is not loaded")
            body, kind = assets[url]
            return URLFetcherResponse(url, body, {"Content-Type": kind})

    return PackagedAssets()


_FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{fonts}</dir>
  <cachedir>{cache}</cachedir>
  <alias binding="strong"><family>sans-serif</family><prefer><family>IBM Plex Sans</family></prefer></alias>
  <alias binding="strong"><family>monospace</family><prefer><family>IBM Plex Mono</family></prefer></alias>
  <match target="font"><edit name="hinting" mode="assign"><bool>false</bool></edit></match>
</fontconfig>
"""


@contextmanager
def packaged_fonts() -> Iterator[None]:
    """Show Pango the packaged fonts and no other, so that every machine sets the same lines."""
    before = os.environ.get("FONTCONFIG_FILE")
    with tempfile.TemporaryDirectory(prefix="keyproof-fonts-") as folder:
        configuration = Path(folder) / "fonts.conf"
        configuration.write_text(
            _FONTCONFIG.format(fonts=escape(str(FONTS)), cache=escape(str(Path(folder) / "cache"))), encoding="utf-8"
        )
        os.environ["FONTCONFIG_FILE"] = str(configuration)
        try:
            yield
        finally:
            if before is None:
                del os.environ["FONTCONFIG_FILE"]
            else:
                os.environ["FONTCONFIG_FILE"] = before
