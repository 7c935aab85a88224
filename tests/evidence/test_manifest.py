"""The manifest: exactly what keyproof writes, and no path that leads out of a pack."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.manifest import (
    MANIFEST,
    CollectedBy,
    FileEntry,
    Manifest,
    ManifestError,
    digest_file,
    evidence_digest,
    parse_manifest,
    path_problem,
    read_manifest,
)

NOW = datetime(2026, 6, 30, tzinfo=UTC)
ENTRY = FileEntry(sha256="a" * 64, bytes=1)


def _manifest(**members: Any) -> Manifest:
    values: dict[str, Any] = {
        "run": "r",
        "organization": "Example Ltd \u202e",
        "as_of": NOW,
        "period_start": NOW,
        "period_end": NOW,
        "tool_version": "1",
        "catalogue_sha256": "b" * 64,
        "configuration_sha256": "c" * 64,
        "evidence_digest": "d" * 64,
        "previous": "",
        "collected_by": [CollectedBy(source="prod", type="aws", identities=[], operations=["x"], permissions=[])],
        "files": {"findings.parquet": ENTRY, "observations/prod/%2E%2E/kms.jsonl.gz": ENTRY},
    }
    return Manifest(**{**values, **members})


def test_a_manifest_is_read_as_it_was_written() -> None:
    made = _manifest()
    assert parse_manifest(made.to_bytes()) == made
    assert made.to_bytes().isascii()


@given(st.data())
def test_no_other_bytes_are_taken_for_it(data: st.DataObject) -> None:
    whole = _manifest().to_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    for other in (whole[:at], whole[:at] + b" " + whole[at:], changed):
        try:
            read = parse_manifest(other)
        except ManifestError:
            continue
        assert read.to_bytes() == other, "another value, and still a manifest as keyproof writes it"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"run": 1, "run": 2}', "stands in it twice"),
        (b'{"version": "2"}', "has version '2'"),
        (b"[]", "is not a manifest"),
        (b"{}", "is not a manifest"),
        (_manifest().to_bytes() + b"\n", "was changed after"),
        (json.dumps(_manifest().model_dump(mode="json")).encode(), "was changed after"),
    ],
)
def test_what_is_wrong_is_told(data: bytes, told: str) -> None:
    with pytest.raises(ManifestError, match=told):
        parse_manifest(data)


@pytest.mark.parametrize("member", [name for name in Manifest.model_fields if name != "version"])
def test_no_member_may_be_missing(member: str) -> None:
    document = _manifest().model_dump(mode="json")
    del document[member]
    with pytest.raises(ManifestError, match=member):
        parse_manifest(json.dumps(document).encode())


# --- paths ----------------------------------------------------------------------------------------------------------

OUTSIDE = [
    "",
    "/etc/passwd",
    "//server/share",
    "C:/x",
    "c:x",
    "../x",
    "a/../../x",
    "a/./b",
    "a//b",
    "a/",
    "./a",
    "a\\b",
    "..\\x",
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "a\ud800",
    "x" * 256,
    "é" * 128,
    "/".join(["x" * 200] * 6),
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_that_is_none_of_a_pack_is_refused(path: str) -> None:
    assert path_problem(path)
    with pytest.raises(ValueError, match=r".+"):
        _manifest(files={path: ENTRY})


@pytest.mark.parametrize("path", ["a", "a/b.c", "é", "=cmd <script>.toml", "a b", "...", ".hidden", "x" * 255])
def test_a_plain_path_is_taken(path: str) -> None:
    assert path_problem(path) == ""


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_no_path_that_is_taken_leads_out(path: str) -> None:
    if path_problem(path) == "":
        root = Path("/pack")
        assert (root / path).relative_to(root).parts
        assert ".." not in (root / path).parts


def test_the_manifest_does_not_name_itself() -> None:
    with pytest.raises(ValueError, match="names itself"):
        _manifest(files={MANIFEST: ENTRY})


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_manifest_that_is_missing_a_link_or_too_large_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ManifestError, match="is missing"):
        read_manifest(tmp_path)
    (tmp_path / "elsewhere").write_bytes(_manifest().to_bytes())
    (tmp_path / MANIFEST).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ManifestError, match="is missing"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).unlink()
    (tmp_path / MANIFEST).write_bytes(_manifest().to_bytes())
    assert read_manifest(tmp_path) == _manifest()
    monkeypatch.setattr("evidence.manifest.MANIFEST_LIMIT", 100)
    with pytest.raises(ManifestError, match="is larger than"):
        read_manifest(tmp_path)


def test_a_file_is_digested_whole(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * 3_000_000)
    assert digest_file(tmp_path / "x") == FileEntry(
        sha256="e55b8bdf621ddaa8f462c74745db9680d3bb7536a9cf854f8d6668b34a287890", bytes=3_000_000
    )


def test_the_evidence_digest_covers_the_evidence_and_nothing_made_from_it() -> None:
    files = {"findings.parquet": ENTRY, "inputs/run.json": ENTRY, "observations/a.jsonl.gz": ENTRY}
    digest = evidence_digest(files)
    assert evidence_digest({**files, "report.pdf": ENTRY, "inventory/key.csv": ENTRY}) == digest
    other = FileEntry(sha256="b" * 64, bytes=1)
    assert len({evidence_digest({**files, name: other}) for name in files} | {digest}) == 4
    assert evidence_digest(dict(reversed(files.items()))) == digest
