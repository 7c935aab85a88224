"""report.html: one page, no network, no script, and reachable by everybody."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jinja2 import UndefinedError

from evidence.findings import SamplingPlan
from reports.charts import draw_charts
from reports.content.bounds import PAPER, SCREEN, SHEETS
from reports.content.samples import Record
from reports.html import write_html
from reports.material import Material
from reports.narrative import Narrative, build
from reports.templating import SECTIONS, TEMPLATES, data_address, render

VOID = {"meta", "link", "img", "br", "col", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page in their order, with their attributes, and all its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.unbalanced: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.unbalanced += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def path(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("html") / "report.html"
    write_html(material, path)
    return path


@pytest.fixture(scope="module")
def page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_a_framework_about_some_sources_says_whose_rows_it_judged(
    material: Material, page: Page, tmp_path: Path
) -> None:
    words = "Customer-managed and active; from sources of the kind aws alone"
    narrowed = {"population": "(state = 'active') AND provider IN ('aws')", "population_words": words}
    controls = [
        result if result.variant == "default" else result.model_copy(update=narrowed)
        for result in material.assessment.controls
    ]
    apart = replace(material, assessment=material.assessment.model_copy(update={"controls": controls}))
    write_html(apart, tmp_path / "report.html")
    assert words in Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert words not in page.text


def test_it_forbids_everything_but_its_own_style_and_drawings(page: Page) -> None:
    policy = next(m["content"] for m in page.of("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


def test_nothing_in_it_acts_or_loads(page: Page) -> None:
    assert not {tag for tag, _ in page.elements} & {
        "script",
        "iframe",
        "object",
        "embed",
        "link",
        "base",
        "form",
        "svg",
    }
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name == "href":
                assert value.startswith("#")
            if name == "src":
                assert value.startswith("data:image/svg+xml;base64,")
            if name == "style":
                assert value.startswith("width:")


def test_hostile_text_stands_there_as_text(page: Page) -> None:
    assert "<script>alert('owned')</script>" in page.text
    assert '<img src="http://evil.example/x.png">' in page.text
    assert "[U+202E]gnp.exe[U+200F]" in page.text
    assert "[U+0000]" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert not [c for c in page.text if c in "\u202e\u200f\x00\x1b"]


def test_it_is_well_formed_and_its_links_lead_somewhere(page: Page) -> None:
    assert page.unbalanced == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"][1:] for attributes in page.of("a")}
    assert targets <= set(ids)
    named = {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a}
    assert named <= set(ids)


def test_assistive_technology_finds_its_way(page: Page) -> None:
    assert page.of("html") == [{"lang": "en"}]
    tags = [tag for tag, _ in page.elements]
    assert {"main", "nav", "header", "footer"} <= set(tags)
    assert tags.count("main") == tags.count("h1") == 1
    assert page.elements[tags.index("body") + 1] == ("a", {"class": "skip", "href": "#content"})
    levels = [int(tag[1]) for tag in tags if tag in ("h1", "h2", "h3", "h4", "h5")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert tags.count("table") == tags.count("caption")
    assert all(attributes.get("scope") in ("row", "col", "rowgroup") for attributes in page.of("th"))
    assert all(len(attributes["alt"]) > 60 for attributes in page.of("img"))
    assert len(page.of("img")) == 4


def test_each_provider_stands_beside_the_others(page: Page, factory: ModuleType) -> None:
    text = " ".join(page.text.split())
    for words in ("2 of 2 accounts", "2 of 2 subscriptions", "2 of 2 projects"):
        assert words in text
    for head in ("AWS prod", "Azure azure-corp", "Google Cloud gcp-org"):
        assert text.count(head) >= 3, head
    for _, reason in factory.NOT_OFFERED["azure"]:
        assert reason in text


def test_a_requirement_without_a_control_is_said_to_need_no_permission(page: Page) -> None:
    text = " ".join(page.text.split())
    assert "2 of the inconclusive requirements have no control in this catalogue: nothing was judged for them" in text
    assert text.count("1 of the inconclusive requirements has no control in this catalogue") == 2


def test_what_people_state_names_its_subjects_and_documents(page: Page) -> None:
    told = " ".join(page.text.split())
    assert f"approval-7.pdf sha256 {'e' * 64}" in told
    assert "reconciliation, for prod/*; counted: 60 keys" in told
    assert "soc2 9.9.9" in told
    assert f"custodians-2026.pdf sha256 {'d' * 64}" in told
    assert "compromise, for arn:aws:kms:*:key/leaked-*" in told
    assert "does not count: approved by its owner, Security" in told


def test_long_lists_are_folded_and_bounded(make_material: Callable[..., Material], tmp_path: Path) -> None:
    large = tmp_path / "large.html"
    write_html(make_material(tmp_path, keys=2000, hostile=False), large)
    text = large.read_text(encoding="utf-8")
    assert "<details><summary>100 failures one by one</summary>" in text
    assert "more: <span" in text
    assert large.stat().st_size < 3_000_000


def test_the_same_run_gives_the_same_bytes(material: Material, path: Path, tmp_path: Path) -> None:
    write_html(material, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == path.read_bytes()


def test_it_says_what_the_paper_says(material: Material, page: Page) -> None:
    told = build(material, PAPER)
    paper = Page(render("report.print.html", told, data_address, screen=False))
    headings = [
        [attributes.get("id") for tag, attributes in one.elements if tag in ("h2", "h3", "h4", "h5")]
        for one in (paper, page)
    ]
    assert [heading for heading in headings[0] if heading != "contents-title"] == headings[1]


def test_an_estate_without_any_key_is_shown_too(make_material: Callable[..., Material], tmp_path: Path) -> None:
    material = make_material(tmp_path, keys=0)
    write_html(material, tmp_path / "empty.html")
    assert Page((tmp_path / "empty.html").read_text(encoding="utf-8")).unbalanced == []
    assert "Nothing was found to judge." in render(
        "report.print.html", build(material, PAPER), data_address, screen=False
    )


def planned(material: Material, **plan: Any) -> Material:
    """The material with another plan of sampling."""
    return replace(material, assessment=material.assessment.model_copy(update={"sampling": SamplingPlan(**plan)}))


def section(told: Narrative, name: str, screen: bool = False) -> str:
    """The text of one chapter."""
    return Page(render(f"sections/{name}.html", told, data_address, screen=screen, charts={"none": None})).text


def test_what_is_awaited_is_told_with_how_much_more_there_is(material: Material) -> None:
    told = build(material, PAPER)
    told = replace(told, register=replace(told.register, awaited_more=3))
    assert "and 3 topics more. The chapter" in section(told, "first")
    assert "3 topics more: workbook.xlsx, sheet “Populations”." in section(told, "register")


def test_without_a_sample_it_says_why(make_material: Callable[..., Material], tmp_path: Path) -> None:
    material = make_material(tmp_path, keys=4, providers=("aws",))
    drawn, asked_none = build(material, PAPER), build(planned(material, size=0), PAPER)
    assert "The seed is evidence digest" in section(drawn, "samples")
    assert "No sample was drawn" not in section(drawn, "samples")
    assert "has a record of each item" in section(drawn, "cover")
    some = replace(drawn, samples=replace(drawn.samples, records_more=2))
    assert "has a record of the first items" in section(some, "cover")

    count = asked_none.samples.populations
    told = section(asked_none, "samples")
    assert count == sum(result.counts.judged > 0 for result in material.assessment.controls) > 1
    assert f"No sample was drawn: the configuration sets n to 0 for each of the {count} populations" in told
    assert "every row was judged" not in told
    assert "No sample was drawn for your own testing" in section(asked_none, "cover")

    nothing = replace(asked_none, samples=replace(asked_none.samples, populations=0))
    assert "No sample was drawn: no control judged anything" in section(nothing, "samples")


def test_a_record_without_an_observation_says_why(material: Material) -> None:
    told = build(material, PAPER)
    drawn = next(one for one in told.samples.drawn if one.sample.control == "ROT-02")
    record = replace(drawn.records[0], exchanges=(), exchanges_more=0, missing=(), observed=())

    def of(record: Record) -> str:
        samples = replace(told.samples, drawn=(replace(drawn, records=(record,)),))
        return section(replace(told, samples=samples), "samples")

    assert "it rests on what the organization states" in of(record)
    assert "the control reads no fact" in of(record)
    unanswered = of(replace(record, missing=("GAP-1",)))
    assert "no answer tells of it, and the gaps named above say why" in unanswered
    assert "rows may be missing in this scope" in unanswered
    assert "what the organization states" not in unanswered
    earlier = of(replace(record, exchanges_more=2))
    assert "Its 2 observations are not among the recordings of this run; findings.parquet names them." in earlier
    assert "No observation" not in earlier


def test_every_section_has_a_template_and_every_template_a_section() -> None:
    templates = {path.stem for path in (TEMPLATES / "sections").glob("*.html")}
    assert templates == {section.id for section in SECTIONS} | {"cover"}


def test_a_name_that_templates_do_not_know_is_an_error(material: Material) -> None:
    told = build(material, SCREEN)
    with pytest.raises(UndefinedError):
        render("report.screen.html", told, data_address, screen=True)  # no style sheet given


def test_a_value_that_may_be_missing_is_never_shown_as_none(material: Material) -> None:
    told = build(material, SCREEN)
    charts = draw_charts(told)
    with pytest.raises(TypeError, match="may be missing"):
        render("report.screen.html", told, data_address, screen=True, stylesheet=None, charts=charts)


def test_the_sheets_it_points_to_are_in_the_workbook(page: Page) -> None:
    assert set(SHEETS.values()) >= {name for name in SHEETS.values() if f"sheet “{name}”" in page.text}


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_a_browser_shows_it_and_runs_nothing(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            f"--user-data-dir={tmp_path}",
            "--enable-logging=stderr",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "The controls" in done.stdout
    shown = Page(done.stdout)
    assert "script" not in {tag for tag, _ in shown.elements}
    assert "Content Security Policy" not in done.stderr
