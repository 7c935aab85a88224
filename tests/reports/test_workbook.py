"""workbook.xlsx: complete or saying where the rest is, filterable, printable, and deaf to what its content asks for."""

from __future__ import annotations

import json
import re
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pytest
from pyarrow import parquet

from evidence.findings import findings_schema
from evidence.model import NEVER, TABLES, arrow_schema
from reports.content.bounds import SHEETS
from reports.content.period import Unseen, unseen_changes
from reports.display import PROVIDER_WORDS
from reports.material import Material, MaterialError
from reports.period_sheets import changes_sheet
from reports.sampling import repeat
from reports.sheets import MOST_CELLS, fact, observed
from reports.workbook import CELL_UNITS, fitted, write_workbook

NAMES = [
    "Read me", "Requirements", "Crosswalk", "Controls", "Sources", "Scopes", "Populations", "Exceptions", "Register",
    "Runs", "Changes", "Samples", "Gaps", "Keys", "Secrets", "Certificates", "Key stores", "Resources", "Credentials",
    "Access", "Operations",
]  # fmt: skip

INVENTORY = [
    ("Keys", "key"), ("Secrets", "secret"), ("Certificates", "certificate"), ("Key stores", "key_store"),
    ("Resources", "protected_resource"),
]  # fmt: skip

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@dataclass(frozen=True)
class Page:
    """One sheet as a spreadsheet reads it."""

    xml: ElementTree.Element
    said: str
    titles: list[str]
    rows: list[dict[str, Any]]
    """By title; a cell that is not there is missing from it."""


@dataclass(frozen=True)
class Book:
    path: Path
    pages: dict[str, Page]

    def rows(self, name: str) -> list[dict[str, Any]]:
        return self.pages[name].rows


def _open(path: Path) -> Book:
    with zipfile.ZipFile(path) as archive:
        workbook = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        names = [sheet.attrib["name"] for sheet in workbook.iter(f"{MAIN}sheet")]
        pages = {
            name: _page(ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{place}.xml")))
            for place, name in enumerate(names, 1)
        }
    return Book(path, pages)


def _page(xml: ElementTree.Element) -> Page:
    rows = [{_column(cell): _value(cell) for cell in row} for row in xml.iter(f"{MAIN}row")]
    titles = rows[1]
    return Page(
        xml,
        said=rows[0]["A"],
        titles=list(titles.values()),
        rows=[{titles[column]: value for column, value in row.items()} for row in rows[2:]],
    )


def _column(cell: ElementTree.Element) -> str:
    return cell.attrib["r"].rstrip("0123456789")


def _value(cell: ElementTree.Element) -> Any:
    if cell.attrib.get("t") == "inlineStr":
        text = "".join(part.text or "" for part in cell.iter(f"{MAIN}t"))
        return re.sub("_x([0-9A-F]{4})_", lambda match: chr(int(match[1], 16)), text)
    assert cell.attrib.get("t") is None
    value = cell.find(f"{MAIN}v")
    assert value is not None
    return float(value.text or "")


def _moment(serial: float) -> datetime:
    return datetime(1899, 12, 30, tzinfo=UTC) + timedelta(seconds=round(serial * 86_400))


@pytest.fixture(scope="module")
def book(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Book:
    path = tmp_path_factory.mktemp("workbook") / "workbook.xlsx"
    write_workbook(material, path)
    return _open(path)


@pytest.fixture(scope="module")
def findings(material: Material) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(material.findings).to_pylist()
    return rows


def test_the_sheets_are_there_and_the_report_points_to_some_of_them(book: Book) -> None:
    assert list(book.pages) == NAMES
    assert set(SHEETS.values()) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_sheet_says_what_it_holds_can_be_filtered_and_prints(book: Book, material: Material, name: str) -> None:
    page = book.pages[name]
    last = len(page.rows) + 2
    assert len(page.said) > 40
    assert len(set(page.titles)) == len(page.titles)
    pane = page.xml.find(f".//{MAIN}pane")
    assert pane is not None
    assert pane.attrib["ySplit"] == "2"
    assert pane.attrib["state"] == "frozen"
    chosen = page.xml.find(f"{MAIN}autoFilter")
    assert chosen is not None
    assert re.fullmatch(rf"A2:[A-Z]+{last}", chosen.attrib["ref"])
    setup = page.xml.find(f"{MAIN}pageSetup")
    assert setup is not None
    assert setup.attrib["orientation"] == "landscape"
    assert setup.attrib["fitToHeight"] == "0"
    footer = page.xml.find(f".//{MAIN}oddFooter")
    assert footer is not None
    assert footer.text is not None
    assert f"Run {material.run.id} · evidence {material.evidence_digest[:16]}" in footer.text
    widths = [float(column.attrib["width"]) for column in page.xml.iter(f"{MAIN}col")]
    assert all(8 <= width <= 112 for width in widths)


def test_headers_repeat_on_every_printed_page(book: Book) -> None:
    with zipfile.ZipFile(book.path) as archive:
        workbook = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    titles = [name.text for name in workbook.iter(f"{MAIN}definedName") if "Print_Titles" in name.attrib["name"]]
    assert len(titles) == len(NAMES)
    assert all(title is not None and title.endswith("!$1:$2") for title in titles)


def test_it_says_which_run_it_is_of_and_what_its_words_mean(book: Book, material: Material) -> None:
    told = {row["Subject"]: row["What is to be known of it"] for row in book.rows("Read me")}
    assert told["Run"] == material.run.id
    assert told["Organization"] == material.assessment.organization
    assert told["Evidence digest (SHA-256)"] == material.evidence_digest
    assert told["Judged as of"] == "2026-06-30 00:00 UTC"
    for name in NAMES[1:]:
        assert f"{len(book.rows(name)):,} row" in told[f"Sheet: {name}"]
    assert "never counts as passed" in told["Verdict: ? inconclusive"]
    assert "Status: ○ Needs attestation" in told


def test_every_requirement_with_room_for_the_assessor(book: Book, material: Material) -> None:
    rows = book.rows("Requirements")
    wanted = [(f"{f.name} {f.edition}", r.id) for f in material.assessment.frameworks for r in f.requirements]
    assert [(row["Framework"], row["Requirement"]) for row in rows] == wanted
    assert {row["Status"] for row in rows} >= {"✗ Not supported", "○ Needs attestation", "✓ Supported"}
    room = ["Assessor's conclusion", "Workpaper ref"]
    assert book.pages["Requirements"].titles[-2:] == room
    assert not any(title in row for row in rows for title in room)


def test_the_crosswalk_has_every_requirement_of_every_control(book: Book, material: Material) -> None:
    rows = {row["Control"]: row for row in book.rows("Crosswalk")}
    assert list(rows) == list(dict.fromkeys(control.id for control in material.assessment.controls))
    for framework in material.assessment.frameworks:
        title = f"{framework.name} {framework.edition} ({framework.id})"
        told = sorted(
            (control, requirement.removesuffix(" *"))
            for control, row in rows.items()
            for requirement in row.get(title, "").split(", ")
            if requirement
        )
        assert told == sorted((control, one.id) for one in framework.requirements for control, _ in one.controls)
    assert rows["SEC-02"]["PCI DSS 4.0.1 (pci-dss-4.0.1)"] == "8.6.3, 8.6.3 *"


def test_controls_and_populations_agree(book: Book, material: Material, findings: list[dict[str, Any]]) -> None:
    populations = book.rows("Populations")
    judged = [f for f in findings if f["verdict"] != "not_applicable"]
    assert sorted(row["Finding"] for row in populations) == sorted(f["id"] for f in judged)
    counted = Counter((row["Control"], row["Variant"], row["Verdict"]) for row in populations)
    assert len(book.rows("Controls")) == len(material.assessment.controls)
    for row in book.rows("Controls"):
        place = row["Control"], row["Variant"]
        assert row["Passed"] == counted[*place, "✓ pass"]
        assert row["Failed"] == counted[*place, "✗ fail"]
        assert row["Inconclusive"] == counted[*place, "? inconclusive"]
        assert row["In the population"] == row["Passed"] + row["Failed"] + row["Inconclusive"]
        assert row["Population listed in"] == "Populations"
    rotation = next(row for row in book.rows("Controls") if row["Control"] == "ROT-02")
    named = [line.split(": ")[0] for line in rotation["Remediation"].splitlines()]
    assert named == ["AWS", "Azure", "Google Cloud"], "no source of another kind was read"
    assert rotation["Test (SQL)"] == "last_rotated_at >= $as_of - to_days($max_age_days)"
    assert rotation["Parameters"] == (
        "max_age_days = 365, set by the catalogue: NIST SP 800-57 Part 1 Rev. 5, section 5.3.6"
    )


def test_sources_split_the_counts_of_every_control(book: Book, material: Material, factory: ModuleType) -> None:
    rows = book.rows("Sources")
    assert len(rows) == 3 * len(material.assessment.controls)
    assert {row["Provider"] for row in rows} == {"AWS", "Azure", "Google Cloud"}
    for control in book.rows("Controls"):
        if control["Control"] in factory.WITHOUT_SOURCE:
            continue
        mine = [row for row in rows if (row["Control"], row["Variant"]) == (control["Control"], control["Variant"])]
        for title in ("In the population", "Passed", "Failed", "Failed, excepted", "Inconclusive", "Awaiting people"):
            assert sum(row[title] for row in mine) == control[title]


def test_exceptions_are_all_failures_and_name_the_exception_that_covers_them(
    book: Book, findings: list[dict[str, Any]]
) -> None:
    failed = {f["id"]: f for f in findings if f["verdict"] == "fail"}
    rows = book.rows("Exceptions")
    assert {row["Finding"] for row in rows} == set(failed)
    assert all(row.get("Exception", "") == failed[row["Finding"]]["exception"] for row in rows)
    assert "EXC-7" in {row.get("Exception") for row in rows}
    assert all(row["Evidence (observations)"].startswith("OBS-") for row in rows if "Source" in row)


def test_the_register_tells_all_that_people_state(book: Book) -> None:
    rows = {row["Id"]: row for row in book.rows("Register")}
    assert rows["EXC-8"]["Counts"] == "✗ does not count"
    assert rows["EXC-8"]["Why not"] == "It expired on 2026-01-31"
    assert _moment(rows["EXC-7"]["Expires"]).date() == date(2026, 12, 31)
    assert (rows["EXC-7"]["Document"], rows["EXC-7"]["SHA-256 of the document"]) == ("approval-7.pdf", "e" * 64)
    assert (rows["ATT-1"]["Topic"], rows["ATT-1"]["Subjects or condition"]) == ("reconciliation", "prod/*")
    assert rows["ATT-1"]["Control or requirements"] == "soc2 9.9.9"
    assert rows["ATT-1"]["SHA-256 of the document"] == "d" * 64
    assert rows["ATT-1"]["Owner"] == "Key management"
    told = rows["ATT-2"]
    assert told["Topic"] == "compromise"
    assert told["Subjects or condition"].startswith("arn:aws:kms:*:key/leaked-*, ")
    assert told["What else it says"].splitlines() == [
        "occurred: 2026-03-20", f"principals reviewed, sha256: {'f' * 64}", "key counted: 3",
    ]  # fmt: skip


def test_samples_can_be_drawn_again_from_the_sheet_itself(book: Book) -> None:
    judged = book.rows("Populations")
    samples = book.rows("Samples")
    assert samples
    for control, variant in {(row["Control"], row["Variant"]) for row in samples}:
        mine = [row for row in samples if (row["Control"], row["Variant"]) == (control, variant)]
        ids = [row["Finding"] for row in judged if (row["Control"], row["Variant"]) == (control, variant)]
        assert [row["Finding"] for row in mine] == repeat(mine[0]["Seed"], ids, 1)
        assert {row["Judged in all"] for row in mine} == {len(ids)}
    keys = [row for row in samples if row["Kind"] == "key"]
    reads = {"prod": "kms:DescribeKey", "azure-corp": "keys:GetKey", "gcp-org": "kms:ListCryptoKeys"}
    assert all(reads[row["Source"]] in row["Observations"] for row in keys)
    assert all(re.search(r": ok, 2026-06-29 .* request .*, sha256 [0-9a-f]{64}", row["Observations"]) for row in keys)
    assert all(row["Recorded in"].startswith(f"observations/{row['Source']}/") for row in keys)


def test_the_period_has_its_runs_and_its_changes(book: Book, factory: ModuleType, material: Material) -> None:
    runs = book.rows("Runs")
    assert [row["Run"] for row in runs] == [*factory.PAST_RUNS, material.run.id]
    assert [row["Read everything"] for row in runs] == ["yes", "no", "yes", "no"]
    assert runs[2]["Days since the run before"] == factory.LONGEST_GAP_DAYS
    changes = Counter(row["Change"] for row in book.rows("Changes"))
    assert changes == {
        "Created": 2, "State changed": 1, "Settings changed": 1, "Material replaced": 1, "Gone": 1,
        "Marked for deletion or destroyed": 1,
    }  # fmt: skip
    assert {_moment(row["Seen by the run of"]) for row in book.rows("Changes")} == {factory.CHANGED_BY}


def test_all_changes_are_there_only_where_none_could_go_unseen(
    book: Book, material: Material, findings: list[dict[str, Any]], tmp_path: Path
) -> None:
    of_changes = [row for row in findings if row["control"] == "INV-04"]
    unseen = [row for row in of_changes if json.loads(row["observed"])["change"] is None]
    scopes = sum(row["subject_table"] == "scope" for row in unseen)
    told = (
        "7 rows: all that are known. Not known is what changed of 1 key or secret of which something is not told "
        f"now or was not before; {scopes} scopes that could not be compared with an earlier run. "
        "Inconclusive findings of INV-04 name them."
    )
    assert told in book.pages["Changes"].said

    known = [row for row in findings if row not in unseen]
    missing = {**unseen[-1], "id": "FND-rows", "subject_table": "scope", "observed": "{}"}
    for rows, said, compared in (
        (known, "7 rows: all there are.", Unseen(unread=0, uncompared=0, incomplete=0)),
        (
            [*known, missing],
            "7 rows: all that are known. Not known is what changed of 1 scope in which keys or secrets may be missing. "
            "Inconclusive findings of INV-04 name them.",
            Unseen(unread=0, uncompared=0, incomplete=1),
        ),
    ):
        path = tmp_path / "findings.parquet"
        parquet.write_table(pa.Table.from_pylist(rows, schema=findings_schema()), path)
        with replace(material, findings=path).connection() as queries:
            assert changes_sheet(queries, MOST_CELLS).extent == said
            assert unseen_changes(queries) == compared
            few = changes_sheet(queries, 24).extent
    assert few.startswith("2 of 7 rows, the oldest. The others stand in findings.parquet only. Not known is")


def test_what_a_verdict_waits_for_stands_beside_it(book: Book) -> None:
    awaits = {row["Control"]: row.get("Awaits (topics)") for row in book.rows("Populations")}
    assert awaits["GOV-01"] == "policy"
    counted = {row["Control"]: row["Awaiting people"] for row in book.rows("Controls")}
    assert counted["GOV-01"] == 1
    assert counted["ROT-02"] == 0


def test_the_inventory_tells_unknown_from_none_and_dates_are_dates(book: Book, material: Material) -> None:
    for name, table in INVENTORY:
        stored = {fitted(row["id"]): row for row in parquet.read_table(material.tables[table]).to_pylist()}
        rows = book.rows(name)
        assert {row["id"] for row in rows} == set(stored)
        for row in rows:
            real = stored[row["id"]]
            assert set(row) == set(real)
            assert "created_at" not in real or _moment(row["created_at"]) == real["created_at"]
            unknown = {column for column, value in row.items() if value == "not observed"}
            assert unknown == {column for column, value in real.items() if value is None}
    assert {row["owner"] for row in book.rows("Keys")} > {"none"}


def test_times_are_shown_to_the_minute(book: Book) -> None:
    with zipfile.ZipFile(book.path) as archive:
        styles = ElementTree.fromstring(archive.read("xl/styles.xml"))
    formats = {form.attrib["numFmtId"]: form.attrib["formatCode"] for form in styles.iter(f"{MAIN}numFmt")}
    cells = styles.find(f"{MAIN}cellXfs")
    assert cells is not None
    used = [formats.get(cell.attrib["numFmtId"], "") for cell in cells]
    page = book.pages["Keys"]
    row = list(page.xml.iter(f"{MAIN}row"))[2]
    forms = {title: used[int(cell.attrib["s"])] for title, cell in zip(page.titles, row, strict=True)}
    assert forms["created_at"] == forms["last_rotated_at"] == "yyyy-mm-dd hh:mm"
    assert forms["bits"] == "#,##0"
    assert forms["name"] == ""


def test_verdicts_are_marked_by_a_symbol_a_word_and_a_form(book: Book) -> None:
    rules = list(book.pages["Populations"].xml.iter(f"{MAIN}cfRule"))
    assert {rule.attrib["text"] for rule in rules} == {"✗", "?", "○", "✓", "–"}
    forms = [rule.attrib["dxfId"] for rule in rules]
    assert len(set(forms)) == len(forms)
    assert {row["Verdict"] for row in book.rows("Populations")} == {"✓ pass", "✗ fail", "? inconclusive"}


def test_operations_are_those_declared_and_those_asked(book: Book, material: Material) -> None:
    rows = {(row["Provider"], row["Operation"]): row for row in book.rows("Operations")}
    declared = {(PROVIDER_WORDS[source.type], o.name) for source in material.run.sources for o in source.operations}
    assert declared <= set(rows)
    assert rows["AWS", "kms:GetKeyPolicy"]["Refused"] > 0
    assert sum(row["In all"] for row in rows.values()) == parquet.read_metadata(material.tables["observation"]).num_rows


def test_gaps_and_scopes_are_all_there(book: Book, material: Material) -> None:
    for name, table in (("Gaps", "gap"), ("Scopes", "scope")):
        stored = parquet.read_table(material.tables[table], columns=["id"]).column("id").to_pylist()
        assert sorted(row["id"] for row in book.rows(name)) == sorted(stored)
    refused = next(row for row in book.rows("Scopes") if row["State"] == "refused")
    assert refused["listed"] == "not observed"
    off = next(row for row in book.rows("Scopes") if row["State"] == "switched off")
    assert off["listed"] == 0


def test_no_cell_acts_and_nothing_leads_outside(book: Book) -> None:
    with zipfile.ZipFile(book.path) as archive:
        names = archive.namelist()
        relations = "".join(archive.read(name).decode() for name in names if name.endswith(".rels"))
    for page in book.pages.values():
        assert page.xml.find(f".//{MAIN}c/{MAIN}f") is None
        assert page.xml.find(f".//{MAIN}hyperlink") is None
    assert "External" not in relations
    assert not [name for name in names if re.search("vba|external|embed|drawing|connection|query", name, re.I)]


def test_hostile_text_stands_as_text(book: Book, factory: ModuleType) -> None:
    names = {row["name"] for row in book.rows("Keys")}
    assert "alias/<script>alert('owned')</script>" in names
    assert "alias/=cmd|' /C calc'!A0" in names
    assert "alias/invoice[U+202E]gnp.exe[U+200F]" in names
    assert "alias/[U+001B][31mred[U+001B][0m[U+0007]" in names
    assert "alias/ключ-η-ключ مفتاح 鍵 🔑" in names
    monster = next(row for row in book.rows("Keys") if row["description"] not in ("none", "not observed"))
    assert monster["description"].endswith(f"… ({len(factory.MONSTER):,} characters)")


NAMES_OF_SECRETS = [
    "=1+1",
    "+cmd",
    "-1",
    "@SUM(A1)",
    "http://evil.example/",
    "mailto:a@evil.example",
    "internal:Sheet1!A1",
    "<r><t>x</t></r>",
    "<r></t></is></c><c><f>1+1</f></r>",
    "_x0041_",
    "_x003D_1+1",
    "{=1}",
    " =1 ",
    "1e5",
    "00012",
    "]]>",
    "&lt;",
]


@pytest.fixture(scope="module")
def named(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The sheet of secrets that are called so in all that they tell."""
    folder = tmp_path_factory.mktemp("named")
    secrets = [
        {"id": text, "source": text, "scope": text, "evidence": [text], "name": text, "regions": [text]}
        for text in NAMES_OF_SECRETS
    ]
    inventory = _copied(material, folder)
    parquet.write_table(
        pa.Table.from_pylist(secrets, schema=arrow_schema(TABLES["secret"])), inventory / "secret.parquet"
    )
    write_workbook(replace(material, inventory=inventory), folder / "workbook.xlsx")
    return _open(folder / "workbook.xlsx").pages["Secrets"]


@pytest.mark.parametrize("text", NAMES_OF_SECRETS)
def test_whatever_a_name_is_it_comes_out_as_it_was(named: Page, text: str) -> None:
    (row,) = [row for row in named.rows if row["name"].strip() == text.strip()]
    for column in ("id", "source", "scope", "regions", "evidence"):
        assert row[column].strip() == text.strip()


def test_no_name_becomes_a_formula(named: Page) -> None:
    assert named.xml.find(f".//{MAIN}f") is None


def test_halves_of_characters_do_not_break_it(material: Material, tmp_path: Path) -> None:
    assessment = material.assessment.model_copy(update={"organization": "half \ud83d \ufffe"})
    write_workbook(replace(material, assessment=assessment), tmp_path / "workbook.xlsx")
    told = {
        row["Subject"]: row["What is to be known of it"] for row in _open(tmp_path / "workbook.xlsx").rows("Read me")
    }
    assert told["Organization"] == "half [U+D83D] [U+FFFE]"


def test_a_frameworks_name_heads_its_column_as_people_can_read_it(material: Material, tmp_path: Path) -> None:
    """A framework is a file of the user's: its name is as little to be trusted as any value."""
    named = material.assessment.frameworks[0].model_copy(update={"name": "half \ud83d\u202e"})
    assessment = material.assessment.model_copy(update={"frameworks": (named, *material.assessment.frameworks[1:])})
    write_workbook(replace(material, assessment=assessment), tmp_path / "workbook.xlsx")
    titles = _open(tmp_path / "workbook.xlsx").pages["Crosswalk"].titles
    assert any(title.startswith("half [U+D83D][U+202E] ") for title in titles)


def _copied(material: Material, folder: Path) -> Path:
    copy = folder / "inventory"
    copy.mkdir()
    for name in TABLES:
        (copy / f"{name}.parquet").write_bytes(material.tables[name].read_bytes())
    return copy


def test_text_and_lines_fit_their_cell() -> None:
    assert fitted(["a", "b\nc"]) == "a\nb c"
    assert fitted("x\u202ey") == "x[U+202E]y"
    worst = fitted("\U000e0001" * 100_000)
    assert worst.endswith("(100,000 characters)")
    many = fitted([f"OBS-{number:012d}" for number in range(5_000)])
    kept = many.count("\n")
    assert many.endswith(f"\n… and {5_000 - kept:,} more")
    assert all(len(text.encode("utf-16-le")) // 2 <= CELL_UNITS for text in (worst, many, fitted(["🔑" * 3_000] * 40)))


def test_a_value_cannot_pass_for_another_fact() -> None:
    assert observed({"state": "active", "owner": 'x"; public = no', "public": None, "list": []}) == (
        'state = active; owner = "x\\"; public = no"; public = not observed; list = none'
    )


def test_dates_out_of_the_ordinary_are_told_in_words(material: Material, tmp_path: Path) -> None:
    moments = {"created_at": datetime(1890, 5, 1, 12, tzinfo=UTC), "expires_at": NEVER, "last_used_at": None}
    secret = {"id": "s", "source": "prod", "scope": "s", "evidence": [], **moments}
    folder = _copied(material, tmp_path)
    parquet.write_table(
        pa.Table.from_pylist([secret], schema=arrow_schema(TABLES["secret"])), folder / "secret.parquet"
    )
    write_workbook(replace(material, inventory=folder), tmp_path / "workbook.xlsx")
    (row,) = _open(tmp_path / "workbook.xlsx").rows("Secrets")
    assert [row[name] for name in moments] == ["1890-05-01 12:00 UTC", "never", "not observed"]


def test_facts_as_cells() -> None:
    assert [fact(one) for one in (None, True, False, 0, "", " ", [], ["a", "b"])] == [
        None, "yes", "no", 0, "none", "none", "none", "a, b",
    ]  # fmt: skip


def test_a_population_is_listed_whole_or_not_at_all(
    material: Material, findings: list[dict[str, Any]], tmp_path: Path
) -> None:
    write_workbook(material, tmp_path / "workbook.xlsx", most_cells=17 * 150)
    book = _open(tmp_path / "workbook.xlsx")
    listed = Counter((row["Control"], row["Variant"]) for row in book.rows("Populations"))
    whole = Counter((f["control"], f["variant"]) for f in findings if f["verdict"] != "not_applicable")
    assert 0 < len(listed) < len(whole)
    assert sum(listed.values()) <= 150
    assert all(count == whole[place] for place, count in listed.items())
    said = book.pages["Populations"].said
    assert f"{sum(listed.values())} of {sum(whole.values())} rows" in said
    assert "findings.parquet" in said
    for row in (row for row in book.rows("Controls") if row["In the population"]):
        expected = "Populations" if (row["Control"], row["Variant"]) in listed else "findings.parquet"
        assert row["Population listed in"] == expected
    keys = Counter(row["scope"] for row in book.rows("Keys"))
    stored = Counter(parquet.read_table(material.tables["key"], columns=["scope"]).column("scope").to_pylist())
    assert 0 < len(keys) < len(stored)
    assert all(count == stored[scope] for scope, count in keys.items())
    assert "inventory/key.parquet" in book.pages["Keys"].said


@pytest.mark.slow
def test_a_large_estate_takes_the_memory_of_a_small_one(
    material: Material, findings: list[dict[str, Any]], tmp_path: Path
) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.parquet"
        pattern = next(f for f in findings if f["verdict"] == "fail")
        rows = [{**pattern, "id": f"FND-{number:012d}"} for number in range(count)]
        parquet.write_table(pa.Table.from_pylist(rows, schema=findings_schema()), path)
        del rows
        tracemalloc.start()
        try:
            write_workbook(replace(material, findings=path), tmp_path / f"{count}.xlsx")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(9_000) < 1.5 * peak(2_500)
    assert len(_open(tmp_path / "9000.xlsx").rows("Populations")) == 9_000


def test_every_part_of_the_file_has_the_same_fixed_date(book: Book) -> None:
    with zipfile.ZipFile(book.path) as archive:
        assert {part.date_time[:3] for part in archive.infolist()} == {(1980, 1, 31)}
        core = archive.read("docProps/core.xml").decode()
    assert core.count("2026-06-30T00:00:00Z") == 2


def test_what_cannot_be_written_leaves_nothing(
    make_material: Callable[..., Material], material: Material, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match=r"workbook\.xlsx cannot be written"):
        write_workbook(material, tmp_path / "nowhere" / "workbook.xlsx")
    damaged = make_material(tmp_path / "damaged", keys=4)
    (damaged.inventory / "gap.parquet").write_bytes(b"not parquet")
    with pytest.raises(MaterialError, match=r"gap\.parquet cannot be read"):
        write_workbook(damaged, tmp_path / "workbook.xlsx")
    assert [path.name for path in tmp_path.iterdir()] == ["damaged"]
