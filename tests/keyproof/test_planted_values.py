"""No secret's value, no key's material and no credential gets into a pack, the store or what is said meanwhile."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pypdf
import pytest
import tomli_w
import weasyprint
from planted_values import Planted, serving_all
from pyarrow import parquet

from reports.registry import FORMATS

pytestmark = pytest.mark.timeout(600)

CONFIGURATION = {
    "organization": {"name": "Example Ltd"},
    "store": {"url": "store"},
    "audit": {"frameworks": ["pci-dss-4.0.1"], "period": {"start": date(2025, 7, 1), "end": date(2026, 6, 30)}},
}

# --- how a value can be written down --------------------------------------------------------------------------------

_SHORTEST = 8
"""Bytes of a form; fewer could be there by chance."""


def forms(value: bytes) -> Iterator[tuple[str, bytes]]:
    """As it is, in hexadecimal, in base64 wherever in a longer text it begins, and as a number."""
    yield "raw", value
    yield "Latin-1 in UTF-8", value.decode("latin-1").encode()
    yield "in JSON", json.dumps(value.decode("latin-1"))[1:-1].encode()
    yield "hexadecimal", value.hex().encode()
    yield "upper hexadecimal", value.hex().upper().encode()
    for name, encode in (("base64", base64.b64encode), ("base64 for URLs", base64.urlsafe_b64encode)):
        for offset in range(3):
            coded = encode(b"x" * offset + value)
            yield f"{name} at {offset}", coded[4 if offset else 0 :].rstrip(b"=")[:-1]
    yield "base32", base64.b32encode(value).rstrip(b"=")[:-1]
    for order in ("big", "little"):
        yield f"{order}-endian number", str(int.from_bytes(value, order)).encode()  # type: ignore[arg-type]


# --- where it can be ------------------------------------------------------------------------------------------------


def contents(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """A file as it is, and all that is packed into it."""
    yield name, content
    kind = name.rpartition(".")[2]
    if kind in _INSIDE:
        yield from _INSIDE[kind](name, content)


def _unzipped(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        for member in book.namelist():
            yield from contents(f"{name}/{member}", book.read(member))


def _decompressed(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield from contents(name.removesuffix(".gz"), gzip.decompress(content))


def _columns(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    table = parquet.read_table(io.BytesIO(content))
    yield f"{name}: schema", str(table.schema.to_string()).encode()
    for column in table.column_names:
        yield f"{name}: {column}", "\n".join(map(str, table[column].to_pylist())).encode()


def _objects(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Every object of a PDF file with its stream decoded, and its pages' texts, whose letters are numbers of glyphs."""
    reader = pypdf.PdfReader(io.BytesIO(content))
    numbers = {number for known in reader.xref.values() for number in known} | set(reader.xref_objStm)
    for number in sorted(numbers - {0}):
        found = reader.get_object(number)
        yield f"{name}: object {number}", str(found).encode("utf-8", "replace")
        if isinstance(found, pypdf.generic.StreamObject):
            yield f"{name}: stream {number}", found.get_data()
    for number, page in enumerate(reader.pages, 1):
        yield f"{name}: page {number}", "".join(page.extract_text().split()).encode()


def _of_page(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield f"{name}: text", html.unescape(content.decode()).encode()
    for number, coded in enumerate(re.findall(rb"data:[^,\"']*;base64,([A-Za-z0-9+/=]+)", content)):
        yield f"{name}: image {number}", base64.b64decode(coded)


_INSIDE: dict[str, Callable[[str, bytes], Iterator[tuple[str, bytes]]]] = {
    "gz": _decompressed,
    "xlsx": _unzipped,
    "zip": _unzipped,
    "parquet": _columns,
    "pdf": _objects,
    "html": _of_page,
}


def found(folder: Path, values: dict[str, bytes]) -> set[tuple[str, str, str]]:
    """(place, value, form) of every value that is somewhere in a folder. Files that are alike are looked at once."""
    sought = {form: (value, how) for value, content in values.items() for how, form in forms(content)}
    assert min(map(len, sought)) >= _SHORTEST
    seen: set[bytes] = set()
    places = set()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest = hashlib.sha256(content).digest()
        if digest not in seen:
            seen.add(digest)
            for place, inside in contents(path.relative_to(folder).as_posix(), content):
                places |= {(place, *named) for form, named in sought.items() if form in inside}
    return places


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """The folder in which keyproof ran, with all that it wrote and said, and what was planted."""

    folder: Path
    planted: Planted
    done: subprocess.CompletedProcess[bytes]

    @property
    def pack(self) -> Path:
        return self.folder / "pack"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run over all sources, by the command, that writes every format and logs all it does."""
    folder = tmp_path_factory.mktemp("planted")
    with serving_all() as planted:
        document = {**CONFIGURATION, "source": planted.tables}
        (folder / "keyproof.toml").write_text(tomli_w.dumps(document), encoding="utf-8")
        command = [sys.executable, "-m", "keyproof", "run", "-vv", "--log-format", "json", "--out", "pack"]
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=300, check=False)
        told = {name: ask() for name, ask in planted.asked.items()}
    assert told == {name: planted.values[name] for name in told}, "the servers hand them out to whoever asks"
    (folder / "stdout").write_bytes(done.stdout)
    (folder / "stderr").write_bytes(done.stderr)
    return Ran(folder, planted, done)


@pytest.mark.slow
def test_the_run_shows_all_sources_in_all_formats(ran: Ran) -> None:
    """Else there would be nothing to search."""
    assert ran.done.returncode == 0, ran.done.stderr[-2000:]
    assert all((ran.pack / entry.file).exists() for entry in FORMATS.values())
    assert all(f'"message": "scope {source}/'.encode() in ran.done.stderr for source in SHOWN)
    scopes = parquet.read_table(ran.pack / "inventory" / "scope.parquet").to_pylist()
    sources = {table["name"] for table in ran.planted.tables}
    assert {scope["source"] for scope in scopes if scope["complete"]} == sources == set(SHOWN)
    for table in ("key", "secret"):
        names = parquet.read_table(ran.pack / "inventory" / f"{table}.parquet")["id"].to_pylist()
        for source, ids in SHOWN.items():
            assert all(any(id in name for name in names) for kind, id in ids if kind == table), (source, ids)


SHOWN = {
    "aws": [("secret", "secret:db/main"), ("secret", "parameter/app/token")],
    "azure": [("secret", "/secrets/api")],
    "gcp": [("secret", "/secrets/database")],
    "vault": [("secret", "secret/planted"), ("key", "transit/keys/planted")],
    "kmip": [("key", "kmip")],
    "pkcs11": [("key", "object=imported")],
}
"""Source → parts of ids of what holds the values, by the table in which it is."""


@pytest.mark.slow
def test_no_value_is_in_what_was_written_or_said(ran: Ran) -> None:
    kinds = {name.partition(":")[0] for name in ran.planted.values}
    assert kinds == set(SHOWN)
    assert len(ran.planted.values) > 50
    assert found(ran.folder, ran.planted.values) == set()


# --- the search -----------------------------------------------------------------------------------------------------

VALUE = hashlib.sha256(b"a key that is nowhere").digest()
"""Planted into what is searched."""


def _into_observations(pack: Path, text: bytes) -> str:
    path = next(iter(sorted((pack / "observations").rglob("*.gz"))))
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + text))
    return path.relative_to(pack).as_posix().removesuffix(".gz")


def _into_workbook(pack: Path, text: bytes) -> str:
    path = pack / "workbook.xlsx"
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = next(name for name in parts if name.startswith("xl/worksheets/"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, part in parts.items():
            book.writestr(name, part.replace(b"</worksheet>", text + b"</worksheet>") if name == sheet else part)
    return f"workbook.xlsx/{sheet}"


def _into_parquet(pack: Path, text: bytes) -> str:
    path = pack / "inventory" / "key.parquet"
    table = parquet.read_table(path)
    names = [text.decode("latin-1"), *table["name"].to_pylist()[1:]]
    place = table.schema.get_field_index("name")
    changed = table.set_column(place, table.schema.field(place), pa.array(names, table["name"].type))
    parquet.write_table(changed, path, compression="zstd")
    return "inventory/key.parquet: name"


def _into_page_of_pdf(pack: Path, text: bytes) -> str:
    written = f"<p style='font-size: 4pt'>{html.escape(text.decode('latin-1'))}"
    added = pypdf.PdfReader(io.BytesIO(weasyprint.HTML(string=written).write_pdf()))
    return _written(pack / "report.pdf", lambda writer: writer.add_page(added.pages[0])) + "page"


def _into_stream_of_pdf(pack: Path, text: bytes) -> str:
    def add(writer: pypdf.PdfWriter) -> None:
        stream = pypdf.generic.DecodedStreamObject()
        stream.set_data(text)
        writer._add_object(stream.flate_encode())

    return _written(pack / "report.pdf", add) + "stream"


def _written(path: Path, change: Callable[[pypdf.PdfWriter], object]) -> str:
    writer = pypdf.PdfWriter(clone_from=path)
    change(writer)
    writer.write(path)
    return f"{path.name}: "


def _into_html(pack: Path, text: bytes) -> str:
    escaped = "".join(f"&#{byte};" for byte in text).encode()
    (pack / "report.html").write_bytes((pack / "report.html").read_bytes() + escaped)
    return "report.html: text"


def _into_image(pack: Path, text: bytes) -> str:
    image = b'<img src="data:image/svg+xml;base64,' + base64.b64encode(b"<svg>" + text + b"</svg>") + b'">'
    (pack / "report.html").write_bytes((pack / "report.html").read_bytes() + image)
    return "report.html: image"


def _into_file(pack: Path, text: bytes) -> str:
    path = pack / "inventory" / "secret.csv"
    path.write_bytes(path.read_bytes() + text)
    return "inventory/secret.csv"


_PLACES = (
    _into_observations,
    _into_workbook,
    _into_parquet,
    _into_page_of_pdf,
    _into_stream_of_pdf,
    _into_html,
    _into_image,
    _into_file,
)


@pytest.mark.slow
def test_a_value_is_found_wherever_it_is(ran: Ran, tmp_path: Path) -> None:
    """Else the search above would show nothing."""
    pack = Path(shutil.copytree(ran.pack, tmp_path / "pack"))
    values = {plant.__name__: hashlib.sha256(plant.__name__.encode()).digest() for plant in _PLACES}
    expected = {plant.__name__: plant(pack, values[plant.__name__].hex().encode()) for plant in _PLACES}
    places = found(pack, values)
    assert {form for _, _, form in places} == {"hexadecimal"}
    for name, place in expected.items():
        assert [where for where, value, _ in places if value == name and where.startswith(place)], name


@pytest.mark.parametrize(
    "write",
    [
        bytes,
        bytes.hex,
        lambda value: value.hex().upper(),
        *(lambda value, n=n: base64.b64encode(b"token: "[:n] + value + b", and more") for n in (3, 4, 5)),
        lambda value: base64.urlsafe_b64encode(value + b"\xff"),
        lambda value: base64.b32encode(value),
        lambda value: json.dumps(value.decode("latin-1")),
        lambda value: value.decode("latin-1"),
        lambda value: f"{int.from_bytes(value, 'big')}",
        lambda value: f"{int.from_bytes(value, 'little')}",
    ],
)
def test_a_value_is_found_however_it_is_written(tmp_path: Path, write: Callable[[bytes], bytes | str]) -> None:
    written = write(VALUE)
    content = written if isinstance(written, bytes) else written.encode()
    (tmp_path / "log").write_bytes(b"before it " + content + b" and after it")
    assert {value for _, value, _ in found(tmp_path, {"it": VALUE, "another": VALUE[::-1] + b"x"})} == {"it"}
