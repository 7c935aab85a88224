"""Jinja as the reports use it: undefined names are errors, and every text is escaped, made visible and bounded."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import display, narrative
from reports.charts import Chart, draw_charts
from reports.content.bounds import SHEETS, WORKBOOK
from reports.narrative import Narrative

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter of the report; its template is `sections/<id>.html`."""

    id: str
    title: str


SECTIONS = (
    Section("first", "What to look at first"),
    Section("providers", "The providers side by side"),
    Section("scope", "Scope and coverage"),
    Section("period", "The audit period"),
    Section("custodians", "Custodians and access"),
    Section("requirements", "The requirements"),
    Section("crosswalk", "Controls and requirements"),
    Section("controls", "The controls"),
    Section("post_quantum", "Quantum computers"),
    Section("register", "Exceptions and attestations"),
    Section("gaps", "The gaps"),
    Section("collection", "How it was collected"),
    Section("parameters", "The parameters"),
    Section("verify", "How to verify, and what this cannot show"),
    Section("samples", "The samples"),
)
"""The chapters in their order."""


def render(template: str, told: Narrative, source: Callable[[Chart], str], **more: Any) -> str:
    """The report's HTML. `source` gives the address of a chart's drawing."""
    environment = _environment(source)
    return environment.get_template(template).render(
        narrative=told,
        material=told.material,
        run=told.material.run,
        assessment=told.material.assessment,
        title=narrative.title(told.material),
        subtitle=narrative.subtitle(told),
        charts=more.pop("charts", None) or draw_charts(told),
        **more,
    )


def data_address(chart: Chart) -> Markup:
    """A chart as part of the page itself."""
    return trusted("data:image/svg+xml;base64," + base64.b64encode(chart.svg).decode("ascii"))


def trusted(text: str) -> Markup:
    """Text of our own making that goes into a page as it is. Never for anything that a provider or a user wrote."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - see above


def prose(text: str) -> Markup:
    """A catalogue's prose, in which `…` between backticks is code. Everything in it is escaped."""
    from markupsafe import Markup, escape

    parts = display.visible(text).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def lines(text: str) -> Markup:
    """An expression with its author's line breaks. Everything in it is escaped."""
    from markupsafe import Markup, escape

    return Markup("<br>").join(escape(display.visible(line)) for line in text.strip().splitlines())


def _environment(source: Callable[[Chart], str]) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        sections=SECTIONS,
        sheets=SHEETS,
        workbook=WORKBOOK,
        verdict_words=_plain(display.VERDICT_WORDS),
        verdict_symbols=_plain(display.VERDICT_SYMBOLS),
        status_words=_plain(display.STATUS_WORDS),
        status_symbols=_plain(display.STATUS_SYMBOLS),
    )
    environment.filters.update(
        day=display.day,
        minute=display.minute,
        moment=_moment,
        number=display.number,
        brief=display.brief,
        percent=display.percent,
        digest=display.digest,
        counted=lambda count: "?" if count is None else display.number(count),
        plural=display.plural,
        short=display.visible,
        value=display.value,
        prose=prose,
        provider=display.provider_word,
        lines=lines,
        flowing=lambda text: " ".join(text.split()),
        sentence=lambda text: text if text.rstrip().endswith((".", "!", "?")) else f"{text.rstrip()}.",
        words=lambda name: str(name).replace("_", " "),
        share=lambda part, whole: f"{part * 10_000 // whole / 100:.2f}",
        source=source,
    )
    return environment


def _finalize(shown: Any) -> Any:
    """The last gate of every expression: text is made visible and bounded, and a missing value is an error."""
    from markupsafe import Markup

    if shown is None:
        raise TypeError("a template shows a value that may be missing; it has to say what is shown instead")
    return display.visible(shown) if isinstance(shown, str) and not isinstance(shown, Markup) else shown


def _moment(moment: datetime) -> str:
    """A time as metadata wants it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _plain(words: Mapping[Any, str]) -> dict[str, str]:
    return {str(key): word for key, word in words.items()}
