"""report.pdf: tagged, navigable, repeatable, bounded, and deaf to what its content asks for."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pypdf
import pytest

from reports.material import Material
from reports.pdf import RefusedAddress, packaged_assets, printable, write_pdf

WRITE = """
import logging, pickle, sys
logging.basicConfig(level=logging.WARNING)
from pathlib import Path
from types import ModuleType
from reports.pdf import write_pdf
write_pdf(pickle.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def report(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    write_pdf(material, path)
    return path


@pytest.fixture(scope="module")
def pages(report: Path) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(report).pages]


def _walk(thing: Any, seen: set[int]) -> Iterator[pypdf.generic.DictionaryObject]:
    thing = thing.get_object()
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, dict):
        yield thing
        for value in thing.values():
            yield from _walk(value, seen)
    elif isinstance(thing, list):
        for value in thing:
            yield from _walk(value, seen)


def test_it_is_tagged_and_says_what_it_is(report: Path, material: Material) -> None:
    reader = pypdf.PdfReader(report)
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b'pdfuaid:part="1"' in root["/Metadata"].get_object().get_data()
    assert reader.metadata is not None
    assert reader.metadata.title is not None
    assert reader.metadata.title.startswith("Key-management evidence: ")
    assert reader.metadata.author == f"keyproof {material.assessment.tool_version}"
    assert reader.metadata.creation_date == material.assessment.as_of
    kinds = {element.get("/S") for element in _walk(root["/StructTreeRoot"], set())}
    assert {"/H1", "/H2", "/H3", "/H4", "/Table", "/TH", "/TD", "/Figure", "/Link", "/L"} <= kinds


def test_every_figure_has_an_alternative(report: Path) -> None:
    root = pypdf.PdfReader(report).trailer["/Root"]
    figures = [element for element in _walk(root["/StructTreeRoot"], set()) if element.get("/S") == "/Figure"]
    assert len(figures) == 4
    assert all(len(figure["/Alt"]) > 60 for figure in figures)


def test_bookmarks_lead_to_every_chapter_framework_and_control(report: Path, material: Material) -> None:
    titles: list[str] = []

    def collect(items: list[Any]) -> None:
        for item in items:
            if isinstance(item, list):
                collect(item)
            else:
                titles.append(str(item.title))

    collect(pypdf.PdfReader(report).outline)
    for framework in material.assessment.frameworks:
        assert any(title.startswith(framework.name) for title in titles)
    for control in material.assessment.controls:
        assert any(title.startswith(control.id) for title in titles)
    assert any("Scope and coverage" in title for title in titles)


def test_each_framework_has_work_sheets_of_its_own(report: Path, material: Material) -> None:
    reader = pypdf.PdfReader(report)
    names = [framework.name for framework in material.assessment.frameworks]
    begins: dict[str, int] = {}

    def collect(items: list[Any]) -> None:
        for item in items:
            if isinstance(item, list):
                collect(item)
                continue
            for name in names:
                if str(item.title).startswith(name):
                    begins[name] = reader.get_destination_page_number(item) or 0

    collect(reader.outline)
    assert list(begins) == names
    assert len(set(begins.values())) == len(names)
    for page in begins.values():
        assert reader.pages[page].mediabox.width > reader.pages[page].mediabox.height
        assert "Assessor’s conclusion" in " ".join(reader.pages[page].extract_text().split())


def test_each_page_names_the_run_the_evidence_and_its_number(pages: list[str], material: Material) -> None:
    for number, text in enumerate(pages, 1):
        assert f"Run {material.run.id} · evidence {material.evidence_digest[:16]}" in text
        assert f"{number} / {len(pages)}" in text


def test_the_contents_give_page_numbers(pages: list[str]) -> None:
    contents = next(text for text in pages if text.lstrip().startswith("Contents"))
    scope = next(line for line in contents.splitlines() if "Scope and coverage" in line)
    page = int(scope.split()[-1])
    assert "A scope is the unit of reading" in pages[page - 1]


def test_it_says_what_an_auditor_asks_for(pages: list[str], material: Material) -> None:
    text = " ".join(" ".join(page.split()) for page in pages)
    for said in (
        "manager = 'customer' AND state = 'active'",
        "last_rotated_at >= $as_of - to_days($max_age_days)",
        "max_age_days = 365",
        "NIST SP 800-57 Part 1 Rev. 5",
        "kms:GetKeyPolicy",
        "KeyproofReader",
        "keyproof verify PACK",
        "tamper-evident, not tamper-proof",
        "What remains for people",
        "Assessor’s conclusion",
        "EXC-8: ✗ does not count: It expired on 2026-01-31",
        "approval-7.pdf",
        "The longest stretch without a run: 151 days",
        "an attestation of topic policy, which nobody gives",
        "Assessor’s test and result",
        material.evidence_digest,
    ):
        assert said in text, said
    assert "compliant" not in text.lower().replace("non-compliant", "")


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_in_another_process_and_place(
    material: Material, report: Path, tmp_path: Path
) -> None:
    pickled = tmp_path / "material.pickle"
    pickled.write_bytes(pickle.dumps(material))
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "77",
        "TZ": "Pacific/Auckland",
        "LANG": "C",
        "HOME": str(tmp_path),
        "SOURCE_DATE_EPOCH": "86400",
        "PYTHONPATH": str(Path.cwd()),
    }
    again = tmp_path / "again.pdf"
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(pickled), str(again)],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "weasyprint" not in done.stderr, "the renderer warns: a style it does not know, or a glyph that is missing"
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(report.read_bytes()).digest()


def test_only_packaged_fonts_are_used_and_all_are_embedded(report: Path) -> None:
    names = set()
    for page in pypdf.PdfReader(report).pages:
        for font in page["/Resources"]["/Font"].values():
            descendant = font.get_object()["/DescendantFonts"][0].get_object()
            assert descendant["/FontDescriptor"].get_object().get("/FontFile2") is not None
            names.add(str(descendant["/BaseFont"]).split("+")[-1])
    assert names
    assert all(name.startswith(("IBM-Plex-", "DejaVu-Sans")) for name in names), names


def test_nothing_in_it_acts_or_leads_outside(report: Path) -> None:
    reader = pypdf.PdfReader(report)
    root = reader.trailer["/Root"]
    assert "/OpenAction" not in root
    assert "/AcroForm" not in root
    for page in reader.pages:
        for annotation in page.get("/Annots", []):
            link = annotation.get_object()
            assert link["/Subtype"] == "/Link"
            assert link.get("/A", {}).get("/S") in (None, "/GoTo")


@pytest.mark.parametrize(
    "address", ["http://evil.example/x.png", "file:///etc/passwd", "data:image/png;base64,AAAA", "keyproof:../pdf.py"]
)
def test_the_renderer_loads_packaged_assets_only(address: str) -> None:
    with pytest.raises(RefusedAddress):
        packaged_assets({}).fetch(address)
    assert packaged_assets({}).fetch("keyproof:print.css").read()


def test_hostile_text_stands_there_as_text(pages: list[str]) -> None:
    text = "".join(pages)
    assert "<script>alert" in text
    assert "[U+202E]" in text
    assert "\u202e" not in text
    assert "{{ 7 * 7 }}" in text.replace("\n", "")


def test_a_character_without_a_glyph_is_written_out() -> None:
    assert printable("Ümlaut ключ مفتاح ✓ ✗ 鍵 🔑\n") == "Ümlaut ключ مفتاح ✓ ✗ [U+9375] [U+1F511]\n"


@pytest.mark.slow
def test_it_hardly_grows_with_the_estate(make_material: Callable[..., Material], tmp_path: Path) -> None:
    paths = [tmp_path / "small.pdf", tmp_path / "large.pdf"]
    for keys, path in zip((500, 4_000), paths, strict=True):
        write_pdf(make_material(tmp_path / str(keys), keys=keys), path)
    small, large = paths
    assert len(pypdf.PdfReader(large).pages) <= len(pypdf.PdfReader(small).pages) + 3
    assert large.stat().st_size <= 1.15 * small.stat().st_size


def test_the_providers_side_by_side_take_one_page(pages: list[str], factory: ModuleType) -> None:
    (page,) = [text for text in pages if "The providers side by side" in text and "Contents" not in text]
    text = " ".join(page.split())
    for said in ("AWS", "Azure", "Google Cloud", *factory.PROVIDERS.values(), "Not offered by the provider"):
        assert said in text, said
    assert "Controls on which they differ most" in text
    assert "Rotation" in text


def test_it_tells_what_a_provider_does_not_offer(pages: list[str], factory: ModuleType) -> None:
    text = " ".join(" ".join(page.split()) for page in pages)
    assert "What a provider does not tell" in text
    for provider in ("azure", "gcp"):
        for _, reason in factory.NOT_OFFERED[provider]:
            assert reason in text, reason


def test_the_environment_is_left_as_it_was(material: Material, report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reports.pdf import packaged_fonts

    monkeypatch.setenv("FONTCONFIG_FILE", "/somewhere/fonts.conf")
    with packaged_fonts():
        assert os.environ["FONTCONFIG_FILE"] != "/somewhere/fonts.conf"
    assert os.environ["FONTCONFIG_FILE"] == "/somewhere/fonts.conf"
