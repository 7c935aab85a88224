"""The charts, drawn by matplotlib as SVG: legible without colour, and the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.content.bounds import SHEETS
from reports.content.figures import (
    JUDGED_AGE,
    OLDEST_QUARTER,
    QUARTER_DAYS,
    UNJUDGED_AGE,
    KeyAge,
    StageVerdicts,
    Timeline,
)
from reports.content.period import Period
from reports.display import day, plural
from reports.narrative import Narrative

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONTS = Path(__file__).resolve().parent.parent / "templates" / "fonts"

INK = "#1d2327"
QUIET = "#5a646b"
RULE = "#c9cfd3"
ACCENT = "#0f5257"
MIDDLE = "#7fa3a6"
PALE = "#dfe8e8"

WIDTH = 6.7
"""Inches between the margins of an A4 page."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and what it shows, for who cannot see it; the numbers themselves stand in the caption's table."""

    name: str
    svg: bytes
    alternative: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    rows_more: int = 0
    noun: str = ""
    """What one of the rows is that are not here; empty where all are."""
    sheet: str = ""
    """Sheet of the workbook that has them all."""


def draw_charts(narrative: Narrative) -> Mapping[str, Chart]:
    """All charts by name. A chart without any number in it is left out."""
    charts = [
        _verdicts_by_stage(narrative.stage_verdicts),
        _key_ages(narrative.key_age),
        _rotations(narrative.timeline),
        _period(narrative.period),
    ]
    return {chart.name: chart for chart in charts if chart is not None}


def _verdicts_by_stage(verdicts: StageVerdicts) -> Chart | None:
    stages = [(stage, counts) for stage, counts in verdicts.stages if sum(counts)]
    if not stages:
        return None
    names = [stage.replace("_", " ").capitalize() for stage, _ in stages]
    series = (
        ("pass", PALE, ""),
        ("fail", ACCENT, ""),
        ("fail, excepted", MIDDLE, "xxxx"),
        ("inconclusive", "#ffffff", "////"),
    )

    def paint(axes: Axes) -> None:
        places = range(len(stages))
        left = [0.0] * len(stages)
        for index, (label, colour, hatch) in enumerate(series):
            shares = [100 * counts[index] / sum(counts) for _, counts in stages]
            axes.barh(
                places,
                shares,
                left=left,
                height=0.62,
                label=label,
                color=colour,
                hatch=hatch,
                edgecolor=INK,
                linewidth=0.6,
            )
            left = [start + share for start, share in zip(left, shares, strict=True)]
        for place, (_, (passed, failed, excepted, inconclusive)) in zip(places, stages, strict=True):
            axes.text(102, place, f"{passed:,} / {failed + excepted:,} / {inconclusive:,}", va="center", color=INK)
        axes.text(102, -0.95, "pass / fail / inconclusive", va="center", color=QUIET)
        axes.set_yticks(list(places), names)
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xticks([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        axes.spines[["left", "top", "right", "bottom"]].set_visible(False)
        axes.tick_params(length=0)
        axes.legend(
            ncols=4,
            loc="upper left",
            bbox_to_anchor=(0, -0.06 - 0.22 / len(stages)),
            handlelength=1.6,
            columnspacing=1.6,
        )

    worst, verdicts_there = max(stages, key=lambda stage: (stage[1][1] + stage[1][2]) / sum(stage[1]))
    return Chart(
        name="verdicts-by-stage",
        svg=_svg(paint, height=0.8 + 0.2 * len(stages), margins=(0.15, 0.79), bottom=0.55, top=0.25),
        alternative="Bar chart of the share of verdicts by stage of a key's life. The largest share of failures is in "
        f"the stage {worst.replace('_', ' ')}: {verdicts_there[1] + verdicts_there[2]:,} of {sum(verdicts_there):,}.",
        columns=("Stage", "Pass", "Fail", "Fail, excepted", "Inconclusive"),
        rows=tuple((name, *(f"{n:,}" for n in counts)) for name, (_, counts) in zip(names, stages, strict=True)),
    )


def _key_ages(ages: KeyAge) -> Chart | None:
    totals = ages.totals
    total = sum(totals) + ages.unknown
    if not total:
        return None
    series = [(label, counts) for label, counts in ages.series if sum(counts)]
    styles = {JUDGED_AGE["pass"]: (PALE, ""), JUDGED_AGE["fail"]: (ACCENT, ""), UNJUDGED_AGE: ("#ffffff", "////")}

    def paint(axes: Axes) -> None:
        last = len(totals)
        places = [quarter + 0.5 for quarter in range(last)]
        _stack(axes, places, [(label, counts, styles[label]) for label, counts in series], width=0.8)
        ticks = [0.0, 4.0, 8.0, last - 0.5]
        labels = ["new", "1 year", "2 years", "3 years\nor more"]
        if ages.unknown:
            _stack(axes, [last + 1.0], [("", (ages.unknown,), ("#ffffff", "xxxx"))], width=0.8)
            ticks.append(last + 1)
            labels.append("not\nobserved")
        top = 1.22 * max([*totals, ages.unknown])
        for days in ages.cryptoperiods:
            if days / QUARTER_DAYS < OLDEST_QUARTER:
                axes.axvline(days / QUARTER_DAYS, color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
                axes.text(days / QUARTER_DAYS + 0.1, top, f"{days} days", va="top", color=INK)
        axes.set_xticks(ticks, labels)
        axes.set_xlim(0, last + (1.6 if ages.unknown else 0.1))
        axes.set_ylim(0, top)
        axes.set_yticks([])
        axes.spines[["left", "top", "right"]].set_visible(False)
        if series:
            _legend(axes, len(series))

    rows = [
        (_quarter(quarter), *(f"{counts[quarter]:,}" for _, counts in series))
        for quarter, count in enumerate(totals)
        if count
    ]
    if ages.unknown:
        rows.append(("not observed", *("0" for _ in series[1:]), f"{ages.unknown:,}"))
    told = ", ".join(f"{sum(counts):,} {label}" for label, counts in series)
    return Chart(
        name="key-ages",
        svg=_svg(paint, height=2.25, margins=(0.03, 0.99), bottom=0.42, top=0.3),
        alternative="Histogram of the age of the material in use, by quarter of a year, of "
        f"{plural(total, 'active customer key')}: {told}. For {ages.unknown:,} the age was not observed.",
        columns=("Age of the material", *(label for label, _ in series)) if series else ("Age", "Keys"),
        rows=tuple(rows),
    )


def _stack(
    axes: Axes,
    places: Sequence[float],
    layers: Sequence[tuple[str, Sequence[int], tuple[str, str]]],
    width: float,
    zeros: bool = False,
) -> None:
    """Stacked bars, each layer with its colour and hatch, and the sum written above."""
    bottom = [0] * len(places)
    for label, counts, (colour, hatch) in layers:
        axes.bar(
            places,
            counts,
            bottom=bottom,
            width=width,
            label=label,
            color=colour,
            hatch=hatch,
            edgecolor=INK,
            linewidth=0.6,
        )
        bottom = [start + count for start, count in zip(bottom, counts, strict=True)]
    for place, total in zip(places, bottom, strict=True):
        if total or zeros:
            colour = INK if total else QUIET
            axes.annotate(f"{total:,}", (place, total), (0, 2), textcoords="offset points", ha="center", color=colour)


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(ncols=columns, loc="lower left", bbox_to_anchor=(0, 1.0), handlelength=1.6, columnspacing=1.6)


def _quarter(quarter: int) -> str:
    if quarter == OLDEST_QUARTER:
        return "3 years and more"
    return f"{3 * quarter} to {3 * quarter + 3} months"


def _rotations(timeline: Timeline) -> Chart | None:
    if not timeline.causes or not timeline.months:
        return None
    styles = ((ACCENT, ""), ("#ffffff", "////"), (MIDDLE, ""), (PALE, "...."), ("#ffffff", "xxxx"))
    totals = [sum(counts[place] for _, counts in timeline.causes) for place in range(len(timeline.months))]

    def paint(axes: Axes) -> None:
        places = range(len(timeline.months))
        layers = [(cause, counts, styles[place % len(styles)]) for place, (cause, counts) in enumerate(timeline.causes)]
        _stack(axes, places, layers, width=0.7, zeros=True)
        step = 1 if len(timeline.months) <= 14 else 3
        axes.set_xticks(list(places)[::step], [_month(month) for month in timeline.months][::step])
        axes.set_xlim(-0.6, len(timeline.months) - 0.4)
        axes.set_ylim(0, 1.18 * max(totals) if any(totals) else 1)
        axes.set_yticks([])
        axes.spines[["left", "top", "right"]].set_visible(False)
        _legend(axes, len(timeline.causes))

    return Chart(
        name="rotations",
        svg=_svg(paint, height=2.1, margins=(0.03, 0.99), bottom=0.42, top=0.3),
        alternative=f"Bar chart of rotations a month within the period: {sum(totals):,} in all, "
        f"{sum(1 for total in totals if not total)} of {plural(len(totals), 'month')} without any.",
        columns=("Month", *(cause for cause, _ in timeline.causes)),
        rows=tuple(
            (month, *(f"{counts[place]:,}" for _, counts in timeline.causes))
            for place, month in enumerate(timeline.months)
            if totals[place]
        ),
    )


def _period(period: Period) -> Chart | None:
    longest = period.longest
    if longest is None:
        return None
    span = period.stop - period.start
    marks = period.marks
    marked = {0: "a run", 1: "a day with a run"}.get(marks.days, f"{marks.days} days with a run")
    stretch = f"{plural(longest.days, 'day')}, from {day(longest.start)} to {day(longest.stop)}"

    def place(moment: datetime) -> float:
        return (moment - period.start) / span

    def paint(axes: Axes) -> None:
        axes.barh([0], [1], height=0.32, color=PALE, edgecolor=INK, linewidth=0.6)
        left, width = place(longest.start), place(longest.stop) - place(longest.start)
        axes.barh([0], [width], left=[left], height=0.32, color="#ffffff", hatch="////", edgecolor=INK, linewidth=0.6)
        label = plural(longest.days, "day")
        axes.text(min(max(left + width / 2, 0.06), 0.94), -0.3, label, ha="center", va="top", color=INK)
        for moments, word, colour, marker in (
            (marks.whole, "read everything", ACCENT, "v"),
            (marks.partial, "left something unread", "#ffffff", "o"),
        ):
            if moments:
                axes.plot(
                    [place(moment) for moment in moments],
                    [0.5] * len(moments),
                    linestyle="none",
                    marker=marker,
                    markersize=5,
                    markerfacecolor=colour,
                    markeredgecolor=INK,
                    markeredgewidth=0.7,
                    label=f"{marked} that {word}",
                )
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.75, 0.8)
        axes.set_yticks([])
        ticks = [(place(moment), label) for moment, label in month_ticks(period.start, period.stop)]
        axes.set_xticks([at for at, _ in ticks], [label for _, label in ticks])
        axes.spines[["left", "top", "right"]].set_visible(False)
        if period.runs_inside:
            _legend(axes, 2)

    return Chart(
        name="period",
        svg=_svg(paint, height=1.3, margins=(0.03, 0.97), bottom=0.42, top=0.28),
        alternative=f"Time line of the audit period from {day(period.start)} to {day(period.stop)} with "
        f"{plural(period.runs_inside, 'run')} of the evidence store, {period.runs_whole:,} of which read everything. "
        f"The longest stretch without a run is {stretch}.",
        columns=("Last answer", "Run", "Read everything"),
        rows=tuple(
            (day(run.read_at), run.id, "yes" if run.whole else "no") for run in period.inside if run.read_at is not None
        ),
        rows_more=period.inside_more,
        noun="run",
        sheet=SHEETS["runs"],
    )


MOST_TICKS = 14
MONTHS_A_TICK = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 6_000, 12_000)
"""How far ticks may be apart; the last is enough for all years that a calendar here has."""


def month_ticks(start: datetime, stop: datetime) -> Iterator[tuple[datetime, str]]:
    """The first of each month between two times; of every third, sixth or twelfth, or of every second, fifth or tenth
    year and so on, where they are too many."""
    first, last = (12 * moment.year + moment.month - 1 for moment in (start, stop))
    step = next(step for step in MONTHS_A_TICK if last - first <= MOST_TICKS * step)
    for month in range(-(-first // step) * step, last + 1, step):
        moment = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if moment >= start:
            yield moment, _month(f"{moment:%Y-%m}")


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _month(month: str) -> str:
    year, number = month.split("-")
    name = MONTHS[int(number) - 1]
    return f"{name}\n{year}" if number == "01" else name


def _svg(
    paint: Callable[[Axes], None], *, height: float, margins: tuple[float, float], bottom: float, top: float
) -> bytes:
    """One chart: `height`, `bottom` and `top` in inches, `margins` as shares of the width. Text becomes outlines."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager

    family = "IBM Plex Sans"
    if family not in {font.name for font in fontManager.ttflist if font.fname.startswith(str(FONTS))}:
        fontManager.addfont(FONTS / "IBMPlexSans-Regular.ttf")
    settings: dict[Any, Any] = {
        "font.family": [family],
        "font.size": 7.5,
        "text.color": INK,
        "xtick.color": QUIET,
        "ytick.color": INK,
        "axes.edgecolor": QUIET,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "hatch.linewidth": 0.5,
        "hatch.color": INK,
        "legend.frameon": False,
        "legend.fontsize": 7.5,
        "svg.hashsalt": "keyproof",
        "svg.fonttype": "path",
        "text.parse_math": False,
        "path.simplify": False,
    }
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the machine's matplotlibrc says
        mpl.rcParams.update(settings)
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasSVG(figure)
        axes = figure.add_axes((margins[0], bottom / height, margins[1] - margins[0], 1 - (bottom + top) / height))
        axes.patch.set_visible(False)
        paint(axes)
        data = BytesIO()
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return data.getvalue()
