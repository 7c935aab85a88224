"""The pack: whole, repeatable, independent, and never in the place of something else."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from golden_pack import RECORDED

from controls.catalogue import Catalogue, load_catalogue
from evidence.history import HISTORY
from evidence.manifest import MANIFEST, Manifest, parse_manifest, read_manifest
from evidence.model import TABLES
from evidence.recording import scope_files
from evidence.store import Run, Store
from keyproof.archive import COMPRESSED
from keyproof.assessment import read_catalogue_documents
from keyproof.configuration import Configuration
from keyproof.pack import PackError, build_pack
from keyproof.run import assess, summaries, write_pack
from keyproof.verification import verify
from reports.registry import FORMATS

QUICK = ("findings-json", "findings", "inventory")
AS_OF = datetime(2026, 6, 30, tzinfo=UTC)
HAND = Path(__file__).resolve().parents[2] / "docs" / "pack.md"


def _contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_it_holds_the_evidence_the_inputs_and_what_was_asked_for(made_pack: Path, run: Run) -> None:
    names = set(_contents(made_pack))
    observed = {
        f"observations/{path.relative_to(run.observations).as_posix()}" for path in scope_files(run.observations)
    }
    catalogue = {f"inputs/{p.relative_to(run.assessment)}" for p in (run.assessment / "catalogue").rglob("*.toml")}
    tables = {f"inventory/{table}.{suffix}" for table in TABLES for suffix in ("parquet", "csv")}
    inputs = {f"inputs/{name}.json" for name in ("run", "inputs", "assessment")}
    inputs |= {f"inputs/history/{table}.parquet" for table in HISTORY}
    assert observed
    assert catalogue
    assert names == {*observed, *catalogue, *tables, *inputs, "findings.json", "findings.parquet", MANIFEST}
    assert (made_pack / "inputs" / "run.json").read_bytes() == (run.folder / "run.json").read_bytes()
    for name in observed:
        assert (made_pack / name).read_bytes() == (run.folder / name).read_bytes()
        assert (made_pack / name).stat().st_ino != (run.folder / name).stat().st_ino


def test_the_manifest_says_who_collected_with_which_rights(made_pack: Path, run: Run) -> None:
    manifest = read_manifest(made_pack)
    record = run.record()
    assert (manifest.run, manifest.organization) == (record.id, "Example Ltd")
    assert manifest.configuration_sha256 == record.configuration_sha256
    (collected,) = manifest.collected_by
    assert (collected.source, collected.type) == ("prod", "aws")
    assert any("assumed-role/audit" in identity for identity in collected.identities)
    assert "kms:DescribeKey" in collected.operations
    assert "kms:DescribeKey" in collected.permissions
    assert not any("Secret" in name and "Value" in name for name in collected.permissions)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "formats", [[name for name in FORMATS if name != "pdf"], pytest.param([*FORMATS], marks=pytest.mark.slow)]
)
def test_the_same_run_gives_the_same_bytes_in_every_output(run: Run, tmp_path: Path, formats: list[str]) -> None:
    """The PDF takes its time; what writes it is held to the same by tests of its own."""
    manifest = build_pack(run, tmp_path / "pack", formats=formats)
    files = [FORMATS[name].file for name in formats]
    assert {file for file in files if not file.endswith("/")} <= set(manifest.files)
    assert manifest.evidence_digest in (tmp_path / "pack" / "report.html").read_text("utf-8")
    result = verify(tmp_path / "pack", all_reports=True)
    assert result.problems == []
    assert not any("not written again" in note for note in result.notes)


def test_a_report_changed_with_its_manifest_is_found_by_writing_it_again(
    run: Run, tmp_path: Path, remade: Callable[[Path], Manifest]
) -> None:
    pack = tmp_path / "pack"
    build_pack(run, pack, formats=["html"])
    text = (pack / "report.html").read_text("utf-8")
    (pack / "report.html").write_text(text.replace("Example Ltd", "Another Ltd"), "utf-8")
    remade(pack)
    assert verify(pack).problems == []
    assert [problem.path for problem in verify(pack, all_reports=True).problems] == ["report.html"]


def test_an_archive_has_the_same_files_and_the_same_bytes_each_time(run: Run, made_pack: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.zip", tmp_path / "other.zip"
    build_pack(run, one, formats=QUICK)
    build_pack(run, other, formats=QUICK)
    assert one.read_bytes() == other.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert {info.filename: archive.read(info) for info in archive.infolist()} == _contents(made_pack)
        assert [info.filename for info in archive.infolist()] == sorted(_contents(made_pack))
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.external_attr >> 16 == 0o100644
            stored = info.compress_type == zipfile.ZIP_STORED
            assert stored == info.filename.endswith(COMPRESSED)
    assert {path.name for path in tmp_path.iterdir()} == {"one.zip", "other.zip"}


def test_without_outputs_it_still_holds_what_verification_needs(run: Run, tmp_path: Path) -> None:
    build_pack(run, tmp_path / "pack", formats=())
    result = verify(tmp_path / "pack")
    assert result.verified
    assert any("no inventory tables" in note for note in result.notes)


def test_of_the_catalogues_that_a_run_was_assessed_by_it_holds_the_last(
    collected: tuple[Configuration, Run], tmp_path: Path
) -> None:
    configuration, run = collected
    copy = Run(Path(shutil.copytree(run.folder, tmp_path / "run")))
    shutil.copytree(copy.assessment / "catalogue", tmp_path / "mine")
    assess(copy, Store(tmp_path / "store"), configuration, load_catalogue([tmp_path / "mine"]), AS_OF)
    mine = Catalogue.from_documents(read_catalogue_documents(tmp_path / "mine"))
    assess(copy, Store(tmp_path / "store"), configuration, mine, AS_OF)
    build_pack(copy, tmp_path / "pack", formats=())
    assert set(read_catalogue_documents(tmp_path / "pack" / "inputs" / "catalogue")) == set(mine.documents)
    assert verify(tmp_path / "pack").problems == []


def test_a_catalogue_with_any_ends_of_lines_is_verified(collected: tuple[Configuration, Run], tmp_path: Path) -> None:
    """A catalogue that was written on Windows goes into the pack to the byte, or its digest would not come out."""
    own = shutil.copytree(RECORDED / "catalogue", tmp_path / "mine") / "catalog" / "example.toml"
    own.write_bytes(own.read_text("utf-8").replace("\n", "\r\n").encode())
    configuration, run = collected
    copy = Run(Path(shutil.copytree(run.folder, tmp_path / "run")))
    assess(copy, Store(tmp_path / "store"), configuration, load_catalogue([tmp_path / "mine"]), AS_OF)
    build_pack(copy, tmp_path / "pack", formats=())
    assert b"\r\n" in (tmp_path / "pack" / "inputs" / "catalogue" / "catalog" / "added-1" / "example.toml").read_bytes()
    assert verify(tmp_path / "pack").problems == []


def test_the_pack_before_is_told_and_covered_by_the_evidence_digest(run: Run, tmp_path: Path) -> None:
    before = build_pack(run, tmp_path / "a", formats=())
    after = build_pack(run, tmp_path / "b", formats=(), previous="a" * 64)
    assert (before.previous, after.previous) == ("", "a" * 64)
    assert before.evidence_digest != after.evidence_digest
    assert verify(tmp_path / "b").verified


def test_an_older_pack_is_replaced(run: Run, pack: Path) -> None:
    (pack / "report.pdf").write_bytes(b"of an older version")
    build_pack(run, pack, formats=QUICK)
    assert verify(pack).verified
    assert [path.name for path in pack.parent.iterdir()] == ["pack"]


def test_an_older_archive_is_replaced_and_another_is_not(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "pack.zip"
    for _ in range(2):
        build_pack(run, out, formats=())
    assert verify(out).verified
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("holiday.jpg", b"x")
    before = out.read_bytes()
    with pytest.raises(PackError, match="exists and is no pack"):
        build_pack(run, out, formats=())
    assert out.read_bytes() == before


def test_an_empty_folder_and_a_link_to_one_are_taken(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    build_pack(run, tmp_path / "link", formats=())
    assert verify(tmp_path / "empty").verified
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("name", ["out", "out.part", "out.old"])
def test_a_folder_with_something_else_is_left_alone(run: Run, tmp_path: Path, name: str, made_pack: Path) -> None:
    if name != "out":
        shutil.copytree(made_pack, tmp_path / "out")
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.tex").write_text("mine")
    with pytest.raises(PackError, match=rf"{re.escape(name)}\b"):
        build_pack(run, tmp_path / "out", formats=())
    assert (tmp_path / name / "thesis.tex").read_text() == "mine"
    if name != "out":
        assert verify(tmp_path / "out").verified


def test_a_file_in_the_place_of_the_folder_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(PackError, match="exists and is no folder"):
        build_pack(run, tmp_path / "out", formats=())


def test_what_a_killed_build_left_is_cleared_away(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out.part" / "inputs").mkdir(parents=True)
    (tmp_path / "out.part" / "inputs" / "run.json").write_text("half")
    build_pack(run, tmp_path / "out", formats=())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert verify(tmp_path / "out").verified


def test_an_output_that_fails_leaves_the_older_pack(run: Run, pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(table: object, source: Path, path: Path) -> None:
        raise OSError(28, "No space left on device")

    before = _contents(pack)
    monkeypatch.setattr("reports.tables._write_csv", no_space)
    with pytest.raises(OSError, match="No space"):
        build_pack(run, pack, formats=QUICK)
    assert _contents(pack) == before
    assert [path.name for path in pack.parent.iterdir()] == ["pack"]


def test_an_unknown_output_is_named_with_the_known_ones(run: Run, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"'docx'; known outputs: pdf, html"):
        build_pack(run, tmp_path / "out", formats=["docx"])


def test_a_run_that_is_not_assessed_or_not_collected_makes_no_pack(run: Run, tmp_path: Path) -> None:
    copy = Run(Path(shutil.copytree(run.folder, tmp_path / "run")))
    (copy.assessment / "assessment.json").unlink()
    with pytest.raises(PackError, match="keyproof assess"):
        build_pack(copy, tmp_path / "out", formats=())
    copy.write_record(copy.record().model_copy(update={"state": "collecting"}))
    with pytest.raises(PackError, match="has not ended"):
        build_pack(copy, tmp_path / "out", formats=())
    assert not (tmp_path / "out").exists()


# --- by hand ----------------------------------------------------------------------------------------------------------


def _commands(containing: str) -> str:
    """The indented block of the document that contains some text."""
    blocks = re.findall(r"(?:^    .*\n)+", HAND.read_text("utf-8"), re.MULTILINE)
    (block,) = [block for block in blocks if containing in block]
    return "".join(line[4:] for line in block.splitlines(keepends=True))


def _shell(commands: str, pack: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", commands], cwd=pack, capture_output=True, text=True, check=False)


def test_the_evidence_digest_can_be_made_by_hand(made_pack: Path) -> None:
    done = _shell(_commands("xargs -0 sha256sum"), made_pack)
    assert done.stdout.split()[0] == read_manifest(made_pack).evidence_digest


def test_the_files_can_be_checked_by_hand(pack: Path) -> None:
    check = _commands("paste - -")
    count = _shell(check.replace("--check --quiet", "--check"), pack)
    assert count.stdout.count(": OK") == len(parse_manifest((pack / MANIFEST).read_bytes()).files)
    assert _shell(check, pack).returncode == 0
    with (pack / "findings.parquet").open("ab") as file:
        file.write(b"x")
    done = _shell(check, pack)
    assert done.returncode == 1
    assert "findings.parquet: FAILED" in done.stdout


def test_added_files_can_be_found_by_hand(pack: Path) -> None:
    commands = _commands("added: ")
    assert _shell(commands, pack).stdout == ""
    (pack / "inputs" / "extra").write_text("x")
    assert _shell(commands, pack).stdout == "added: inputs/extra\n"


def test_the_next_pack_names_the_one_before_wherever_that_went(run: Run, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    names = ("20260101T000000Z-000001", "20260201T000000Z-000002")
    first, second = (Run(Path(shutil.copytree(run.folder, store.root / "runs" / name))) for name in names)
    assert {told["state"] for told in summaries(store)} == {"assessed"}
    elsewhere = write_pack(first, store, out=tmp_path / "elsewhere", formats=QUICK)
    inside = write_pack(second, store, out=None, formats=QUICK)
    previous = json.loads((inside / MANIFEST).read_bytes())["previous"]
    assert previous == hashlib.sha256((elsewhere / MANIFEST).read_bytes()).hexdigest()
    assert [(told["state"], told["pack"]) for told in summaries(store)] == [
        ("reported", str(elsewhere.resolve())),
        ("reported", str(inside.resolve())),
    ]
