"""The charts: repeatable, self-contained, and told in words."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree.ElementTree import Element

import pyarrow as pa
import pytest
from defusedxml.ElementTree import fromstring
from pyarrow import parquet

from evidence.history import PastRun, Reading
from evidence.model import arrow_schema
from reports.charts import Chart, draw_charts, month_ticks
from reports.content.bounds import PAPER
from reports.content.figures import KeyAge, StageVerdicts, Timeline
from reports.material import Material
from reports.narrative import build

DRAW = """
import hashlib
from reports.charts import _key_ages, _rotations, _verdicts_by_stage
from reports.content.figures import KeyAge, StageVerdicts, Timeline
charts = [
    _key_ages(KeyAge(series=(("not judged", tuple(range(13))),), unknown=4, cryptoperiods=(365,))),
    _rotations(Timeline(months=("2026-01", "2026-02"), causes=(("automatic", (3, 0)), ("import", (1, 2))))),
    _verdicts_by_stage(StageVerdicts(stages=(("rotation", (5, 3, 1, 2)), ("usage", (0, 0, 0, 0))))),
]
print(hashlib.sha256(b"".join(chart.svg for chart in charts)).hexdigest())
"""


@pytest.fixture(scope="module")
def charts(material: Material) -> dict[str, Chart]:
    return dict(draw_charts(build(material, PAPER)))


def test_each_chart_is_told_in_words_and_numbers(charts: dict[str, Chart]) -> None:
    assert list(charts) == ["verdicts-by-stage", "key-ages", "rotations", "period"]
    for chart in charts.values():
        assert len(chart.alternative) > 60
        assert chart.rows
        assert all(len(row) == len(chart.columns) for row in chart.rows)


def test_a_drawing_refers_to_nothing_outside_itself(charts: dict[str, Chart]) -> None:
    for chart in charts.values():
        root: Element = fromstring(chart.svg)
        for element in root.iter():
            assert not element.tag.endswith(("script", "image", "foreignObject"))
            for name, text in element.attrib.items():
                if name.endswith("href"):
                    assert text.startswith("#")
                assert "url(" not in text or "url(#" in text
        assert not list(root.iter("{http://www.w3.org/2000/svg}text"))  # outlines: no font of the machine is needed


def test_the_same_numbers_give_the_same_bytes_anywhere(tmp_path: Path) -> None:
    digests = set()
    (tmp_path / "matplotlibrc").write_text("font.size: 30\naxes.facecolor: red\n")
    for seed, folder in (("1", Path.cwd()), ("2", tmp_path)):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "PYTHONPATH": str(Path.cwd())}
        done = subprocess.run(
            [sys.executable, "-c", DRAW], cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_the_time_line_tells_the_longest_stretch_without_a_run(charts: dict[str, Chart], factory: ModuleType) -> None:
    assert f"is {factory.LONGEST_GAP_DAYS} days, from 2025-10-01 to 2026-03-01." in charts["period"].alternative
    assert [read for _, _, read in charts["period"].rows] == ["yes", "no", "yes", "no"]


@pytest.mark.parametrize(
    ("start", "stop", "ticks"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC), ["Jan\n2026", "Feb", "Mar"]),
        (datetime(2025, 11, 2, tzinfo=UTC), datetime(2025, 11, 30, tzinfo=UTC), []),
        (
            datetime(1990, 1, 1, tzinfo=UTC),
            datetime(2020, 1, 2, tzinfo=UTC),
            [f"Jan\n{year}" for year in range(1990, 2021, 5)],
        ),
        (
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(9999, 12, 31, tzinfo=UTC),
            [f"Jan\n{year:04}" for year in range(1000, 10_000, 1000)],
        ),
    ],
)
def test_the_time_line_names_no_more_months_than_fit(start: datetime, stop: datetime, ticks: list[str]) -> None:
    assert [name for _, name in month_ticks(start, stop)] == ticks


def test_thousands_of_runs_do_not_draw_thousands_of_marks(
    make_material: Callable[..., Material], tmp_path: Path
) -> None:
    material = make_material(tmp_path, keys=4, providers=("aws",))
    drawn = {}
    for runs in (300, 3_000):
        _run_often(material, runs)
        told = build(material, PAPER)
        period, drawn[runs] = told.period, draw_charts(told)["period"]
        assert period.marks.days == (1 if runs > PAPER.marks else 0)
        assert sum(map(len, (period.marks.whole, period.marks.partial))) == (301 if runs == 300 else 364 + 364)
        assert (period.runs_inside, period.runs_whole) == (runs + 1, runs // 2)
        assert f"with {runs + 1:,} runs of the evidence store" in drawn[runs].alternative
        assert len(drawn[runs].rows) == len(period.inside) == PAPER.runs
        assert drawn[runs].rows_more == runs + 1 - PAPER.runs
        assert drawn[runs].sheet == "Runs"
    assert len(drawn[3_000].svg) < 4 * len(drawn[300].svg)


def test_a_mark_stands_for_as_many_days_as_a_long_period_needs(
    make_material: Callable[..., Material], tmp_path: Path
) -> None:
    material = make_material(tmp_path, keys=4, providers=("aws",))
    _run_often(material, 900)
    period = build(material, replace(PAPER, marks=52)).period
    assert period.marks.days == 7
    assert max(len(period.marks.whole), len(period.marks.partial)) <= 52
    told = draw_charts(build(material, replace(PAPER, marks=52)))["period"]
    assert told.svg != draw_charts(build(material, PAPER))["period"].svg


def _run_often(material: Material, runs: int) -> None:
    """Write a history of so many runs, evenly over the period; each second one left its scope unread."""
    start, stop = material.assessment.period_start, material.assessment.as_of
    past, readings = [], []
    for number in range(runs):
        moment = start + (stop - start) * number / runs
        shared: dict[str, Any] = {"source": "", "scope": "", "evidence": []}
        past.append(PastRun(id=f"run-{number:04}", started_at=moment, finished_at=moment, linked=True, **shared))
        complete = None if number % 2 else True
        readings.append(
            Reading(
                id=f"scope@{number}",
                run=past[-1].id,
                configuration="",
                asked=True,
                complete=complete,
                listed=complete,
                collected_at=moment,
                **shared,
            )
        )
    for table, rows in ((PastRun, past), (Reading, readings)):
        made = pa.Table.from_pylist([asdict(row) for row in rows], schema=arrow_schema(table))
        parquet.write_table(made, material.history / f"{table.table}.parquet")


def test_without_numbers_there_is_no_chart() -> None:
    from reports.charts import _key_ages, _rotations, _verdicts_by_stage

    assert _key_ages(KeyAge(series=(("not judged", (0,) * 13),), unknown=0, cryptoperiods=(365,))) is None
    assert _rotations(Timeline(months=("2026-01",), causes=())) is None
    assert _verdicts_by_stage(StageVerdicts(stages=(("usage", (0, 0, 0, 0)),))) is None


def test_unknown_ages_are_drawn_apart_and_told() -> None:
    from reports.charts import _key_ages

    known = _key_ages(KeyAge(series=(("not judged", (1,) * 13),), unknown=0, cryptoperiods=()))
    unknown = _key_ages(KeyAge(series=(("not judged", (1,) * 13),), unknown=9, cryptoperiods=()))
    assert known is not None
    assert unknown is not None
    assert hashlib.sha256(known.svg).digest() != hashlib.sha256(unknown.svg).digest()
    assert ("not observed", "9") in unknown.rows
    assert "For 9 the age was not observed" in unknown.alternative
