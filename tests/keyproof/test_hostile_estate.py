"""The whole flow on three clouds whose every text means harm: all outputs hold the texts, and none obeys one."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import hostile_aws
import hostile_azure
import hostile_gcp
import hostile_kmip
import jsonschema
import openpyxl
import pypdf
import pytest
import small_aws
import small_azure
import small_gcp
from hostile import FORGED_FILE, FORGED_NAME, LONG, hostile_texts, writable, write_files
from pyarrow import parquet

from evidence.inventory import LONGEST_ERROR
from evidence.model import TABLES
from evidence.observation import Observation, Status
from evidence.recording import read_scope, scope_path
from reports.registry import FORMATS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
AS_OF = ("--as-of", "2026-06-30T00:00:00Z")
CATALOG = ("--catalog", "catalog")
SOURCES = ("prod", "azure", "google", "google-rest", "kmip")
TOLD = "the file that nobody may read"


class Stranger(ThreadingHTTPServer):
    """The server that nobody may ask; it remembers who did."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Ear)
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Ear(BaseHTTPRequestHandler):
    server: Stranger

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def stranger() -> Iterator[Stranger]:
    with Stranger() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@dataclass(frozen=True)
class Estate:
    """A folder in which the flow ran, what stood there before, and what the commands wrote."""

    folder: Path
    texts: Mapping[str, str]
    told: Mapping[str, subprocess.CompletedProcess[bytes]]

    @property
    def pack(self) -> Path:
        return self.folder / "pack"


@pytest.fixture(scope="module")
def estate(stranger: Stranger, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """Collected over HTTP, assessed, packed in every format, verified: each by the command, as people do it."""
    folder = tmp_path_factory.mktemp("hostile") / "estate"
    folder.mkdir()
    secret = folder.parent / "secret.txt"
    secret.write_text(TOLD)
    texts = hostile_texts(stranger.address, secret)
    FORGED_FILE.unlink(missing_ok=True)
    told = {}
    with ExitStack() as clouds:
        write_files(folder, _served(clouds, stranger.address, texts), texts)
        told["run"] = _keyproof(folder, "run", *AS_OF, *CATALOG, "--out", "pack")
    told["assess"] = _keyproof(folder, "assess", *AS_OF, *CATALOG)
    told["verify"] = _keyproof(folder, "verify", "pack")
    told["runs"] = _keyproof(folder, "runs")
    told["list controls"] = _keyproof(folder, "list", "controls", *CATALOG)
    told["list frameworks"] = _keyproof(folder, "list", "frameworks", *CATALOG)
    told["explain"] = _keyproof(folder, "explain", "EVIL-1", *CATALOG)
    (folder / "changed").mkdir()
    shutil.copytree(folder / "pack", folder / "changed" / "pack")
    (folder / "changed" / "pack" / "=cmd\x1b[31m\u202e<script>.txt").write_text("added")
    told["verify a change"] = _keyproof(folder, "verify", "changed/pack")
    shutil.rmtree(folder / "changed")
    return Estate(folder, texts, told)


def _served(clouds: ExitStack, address: str, texts: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """The sources' tables of the three clouds; of Google Cloud, one folder is told at once, one walked through."""
    aws = clouds.enter_context(small_aws.served(world=hostile_aws.hostile_world(texts)))
    azure = clouds.enter_context(small_azure.served(world=hostile_azure.hostile_world(texts, address)))
    google = clouds.enter_context(small_gcp.served(world=hostile_gcp.hostile_world(texts)))
    organization = {"role": hostile_aws.ROLE}
    told, walked = (hostile_gcp.folder_number(google.world, walked) for walked in (False, True))
    over_grpc, over_rest = google.source("google"), google.source("google-rest", transport="rest")
    del over_grpc["organization"], over_rest["organization"]
    return [
        {"type": "aws", "name": "prod", "regions": "all", "organization": organization, "endpoint_url": aws.url},
        azure.source("azure"),
        {**over_grpc, "folders": [told]},
        {**over_rest, "folders": [walked], "asset_inventory": False},
        hostile_kmip.source(clouds.enter_context(hostile_kmip.served(texts)), "kmip"),
    ]


def _keyproof(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "keyproof", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=400, check=False)


# --- the flow -------------------------------------------------------------------------------------------------------


def test_the_flow_ends_as_for_any_estate(estate: Estate) -> None:
    codes = {name: done.returncode for name, done in estate.told.items()}
    changed = codes.pop("verify a change")
    assert changed == 4
    assert codes.pop("run") == codes.pop("assess") == 3, "some lists are refused, and some answers are none"
    assert set(codes.values()) == {0}, {name: done.stderr[-2000:] for name, done in estate.told.items()}
    files = {path.relative_to(estate.pack).as_posix() for path in estate.pack.rglob("*")}
    assert {entry.file.rstrip("/") for entry in FORMATS.values()} <= files


def test_nothing_is_written_outside(estate: Estate) -> None:
    assert {path.name for path in estate.folder.parent.iterdir()} == {"estate", "secret.txt"}
    given = {"attestations.toml", "catalog", "exceptions.toml", "keyproof.toml"}
    assert {path.name for path in estate.folder.iterdir()} == {*given, "pack", "store"}
    assert FORGED_NAME.endswith(str(FORGED_FILE))
    assert not FORGED_FILE.exists()
    assert not [path for path in estate.folder.rglob("*") if path.is_symlink()]


def test_nobody_was_asked_and_no_file_was_taken_in(estate: Estate, stranger: Stranger) -> None:
    assert stranger.asked == []
    for path in estate.pack.rglob("*"):
        if path.is_file():
            assert TOLD.encode() not in path.read_bytes(), path
    with zipfile.ZipFile(estate.pack / "workbook.xlsx") as book:
        assert not [name for name in book.namelist() if TOLD.encode() in book.read(name)]


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_what_the_clouds_said_is_kept_to_the_letter(estate: Estate) -> None:
    described = {
        json.loads(observation.body)["KeyMetadata"]["Description"]
        for observation in _said(estate, f"prod/{hostile_aws.HOME}/{hostile_aws.REGION}/kms", "kms:DescribeKey")
    }
    assert set(estate.texts.values()) <= described
    vault = f"azure/{hostile_azure.SUBSCRIPTION}/vault/hostile"
    tagged = [json.loads(observation.body) for observation in _said(estate, vault, "keys:GetKey")]
    assert set(estate.texts.values()) <= {key.get("tags", {}).get("owner") for key in tagged}
    walked = f"google-rest/{hostile_gcp.WALKED}/{hostile_gcp.REGION}/kms"
    policies = [json.loads(observation.body) for observation in _said(estate, walked, "kms:GetIamPolicy")]
    bindings = [binding for policy in policies for binding in policy.get("bindings", ())]
    assert _over_protobuf(estate) <= {
        binding["condition"]["expression"] for binding in bindings if "condition" in binding
    }


def _said(estate: Estate, scope: str, operation: str) -> list[Observation]:
    """The observations of an operation that was answered, in a scope."""
    _, observations = read_scope(estate.pack / "observations" / scope_path(scope))
    return [o for o in observations if o.operation == operation and o.status is Status.OK]


def _over_protobuf(estate: Estate) -> set[str]:
    return {writable(text) for text in estate.texts.values()}


def test_the_inventory_holds_every_text_but_what_is_no_text(estate: Estate) -> None:
    """UTF-8 has no half of a pair, so no table can hold one: it is replaced where everything else stays."""
    keys = parquet.read_table(estate.pack / "inventory" / "key.parquet").to_pylist()
    descriptions = [key["description"] for key in keys]
    wanted = {**estate.texts, "surrogate": "half \ufffd and \ufffd of a pair"}
    assert set(wanted.values()) <= set(descriptions)
    assert max(len(text) for text in descriptions if text is not None) == LONG
    owners = {source: {key["owner"] for key in keys if key["source"] == source} for source in SOURCES}
    assert set(wanted.values()) <= owners["azure"]
    assert _over_protobuf(estate) <= owners["google"]
    assert _over_protobuf(estate) <= owners["google-rest"]
    assert _over_protobuf(estate) <= owners["kmip"], "KMIP's texts are UTF-8 as well"


def test_a_gap_repeats_no_text_without_end(estate: Estate) -> None:
    errors = parquet.read_table(estate.pack / "inventory" / "gap.parquet")["error"].to_pylist()
    assert max(len(error) for error in errors) == LONGEST_ERROR, "there is a longer one, which is shortened"


def test_findings_json_is_what_its_schema_says(estate: Estate) -> None:
    document = json.loads((estate.pack / "findings.json").read_bytes())
    schema = json.loads((ROOT / "docs" / "schema" / "findings.schema.json").read_bytes())
    jsonschema.Draft202012Validator(schema).validate(document)


# --- where people look ------------------------------------------------------------------------------------------------


def _unseen(text: str) -> set[str]:
    """Characters that act without being seen: controls, directions, halves of pairs, line separators."""
    return {
        f"U+{ord(c):04X}" for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n"
    }


def test_a_terminal_is_sent_no_code(estate: Estate) -> None:
    for name, done in estate.told.items():
        for stream in (done.stdout, done.stderr):
            assert not _unseen(stream.decode("utf-8")), name
    assert b"<script>" in estate.told["explain"].stdout, "what is harmless there is shown"
    assert b"[U+001B]" in estate.told["explain"].stdout
    assert b"=cmd[U+001B][31m[U+202E]<script>.txt" in estate.told["verify a change"].stdout


def test_logs_say_in_a_line_what_went_wrong(estate: Estate) -> None:
    """A provider's answer that cannot be parsed is an observation with its error; it is no reason for a traceback."""
    for name, done in estate.told.items():
        assert b"Traceback" not in done.stderr, name


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: set[str] = set()
        self.title = ""
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.addresses.update(value or "" for name, value in attrs if name in ("href", "src", "srcset", "action"))

    def handle_data(self, data: str) -> None:
        if self._within == "title":
            self.title += data
            self._within = ""


ACTIVE = {"script", "iframe", "frame", "object", "embed", "link", "base", "form", "svg", "audio", "video", "template"}


OWN_HYPHENS = re.compile("incon\u00adclusive|estab\u00adlishment")


def _browse(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    switches = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
    return subprocess.run(
        ["chromium", *switches, f"--user-data-dir={folder}", "--enable-logging=stderr", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )


def test_a_browser_shows_the_report_and_does_nothing_else(estate: Estate, stranger: Stranger, tmp_path: Path) -> None:
    done = _browse(estate.pack / "report.html", tmp_path)
    page = _Page(done.stdout)
    assert "EVIL-1" in done.stdout
    assert not [source for source in SOURCES if f"{source}/" not in done.stdout]
    assert page.title.startswith("Key-management evidence")
    assert not page.tags & ACTIVE
    assert not [name for name in page.attributes if name.startswith("on")]
    assert not [a for a in page.addresses if not a.startswith(("#", "data:image/svg+xml;base64,"))]
    assert not _unseen(OWN_HYPHENS.sub("", done.stdout)), "but for the soft hyphens of the report's own headings"
    assert "Content Security Policy" not in done.stderr, "nothing even tries what the policy forbids"
    assert stranger.asked == []


def test_the_same_texts_do_harm_in_a_page_that_trusts_them(estate: Estate, stranger: Stranger, tmp_path: Path) -> None:
    """Else the test above would show nothing."""
    page = tmp_path / "page.html"
    page.write_text("<title>x</title>" + estate.texts["script"] + estate.texts["image"] + estate.texts["style"])
    done = _browse(page, tmp_path / "profile")
    assert "owned" in _Page(done.stdout).title
    assert {"/script", "/image", "/link"} <= set(stranger.asked)
    stranger.asked.clear()


def _objects(thing: Any, seen: set[tuple[int, int]]) -> Iterator[Mapping[str, Any]]:
    """Every dictionary that can be reached in a PDF file."""
    waiting = [thing]
    while waiting:
        found = waiting.pop()
        if isinstance(found, pypdf.generic.IndirectObject):
            if (found.idnum, found.generation) in seen:
                continue
            seen.add((found.idnum, found.generation))
            found = found.get_object()
        if isinstance(found, dict):
            yield found
            waiting += [found.raw_get(name) for name in found]
        elif isinstance(found, list):
            waiting += list(found)


def test_the_pdf_leads_nowhere_and_carries_nothing(estate: Estate) -> None:
    reader = pypdf.PdfReader(estate.pack / "report.pdf")
    forbidden = {"/OpenAction", "/AA", "/AcroForm", "/JS", "/JavaScript", "/EmbeddedFiles", "/EF", "/URI", "/XFA", "/F"}
    count = 0
    for found in _objects(reader.trailer["/Root"], set()):
        count += 1
        kind = found.get("/S") if found.get("/Type") in (None, "/Action") else None
        assert kind not in ("/URI", "/Launch", "/GoToR", "/GoToE", "/JavaScript", "/SubmitForm", "/ImportData"), found
        if found.get("/Type") != "/StructElem":
            assert not forbidden - {"/F"} & set(found), found
        assert found.get("/Subtype") not in ("/FileAttachment", "/RichMedia", "/Movie", "/Screen")
        assert found.get("/Type") not in ("/Filespec", "/EmbeddedFile")
    assert count > 1000
    text = "".join(page.extract_text() for page in reader.pages)
    assert not _unseen(re.sub(r"[\r\t]", "", text))
    assert "<script>fetch" in text.replace("\n", "")


def test_no_cell_of_the_workbook_is_a_formula_or_a_link(estate: Estate) -> None:
    path = estate.pack / "workbook.xlsx"
    with zipfile.ZipFile(path) as book:
        names = book.namelist()
        assert not [name for name in names if re.search("external|vba|embed|activeX|connection|query", name, re.I)]
        for name in names:
            part = book.read(name)
            if name.startswith("xl/worksheets/sheet"):
                assert not re.search(rb"<f[ >]", part), name
                assert b"<hyperlink" not in part
            if name.endswith(".rels"):
                assert b'TargetMode="External"' not in part
    book = openpyxl.load_workbook(path, read_only=True)
    kinds: set[str] = set()
    formulas = 0
    named: set[str] = set()
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                kinds.add(cell.data_type)
                if isinstance(cell.value, str):
                    assert not _unseen(cell.value), cell.coordinate
                    assert len(cell.value.encode("utf-16-le")) <= 2 * 32_767
                    formulas += "=cmd|" in cell.value
                    named |= {source for source in SOURCES if cell.value == source}
    assert kinds <= {"s", "n", "d", "inlineStr"}
    assert formulas, "the texts are there, as texts"
    assert named == set(SOURCES)


@pytest.mark.parametrize("table", TABLES)
def test_no_field_of_a_csv_file_begins_a_formula(estate: Estate, table: str) -> None:
    path = estate.pack / "inventory" / f"{table}.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows) - 1 == parquet.read_metadata(path.with_suffix(".parquet")).num_rows
    for row in rows:
        for field in row:
            assert not _unseen(field)
            for part in field.split(";"):
                bare = part.lstrip(" \"'") if not part.lstrip(' "').startswith("'") else "'"
                number = re.fullmatch(r"-?\d+", part)
                assert number or bare[:1] not in tuple("=+-@＝＋－＠"), field[:200]
