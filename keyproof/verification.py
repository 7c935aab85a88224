"""Verifies a pack offline: every byte against the manifest, then inventory and findings made again and compared."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from evidence.findings import Assessment
from evidence.history import FOLDER, HISTORY, PastRun, Reading, Sighting
from evidence.manifest import (
    FINDINGS,
    INPUTS,
    MANIFEST,
    OBSERVATIONS,
    FileEntry,
    Manifest,
    ManifestError,
    digest_file,
    evidence_digest,
    read_manifest,
)
from evidence.model import TABLES
from evidence.recording import SUFFIX
from evidence.store import RUN_RECORD, Run
from keyproof import __version__
from keyproof import assessment as assessed
from keyproof.archive import ArchiveError, is_zip, unpacked
from keyproof.comparison import UnreadableTable, document_differences, table_differences
from keyproof.pack import (
    ASSESSMENT,
    DOCUMENTS,
    HASHING_THREADS,
    INVENTORY,
    PREVIOUS,
    PackError,
    describe,
    document_name,
    documented,
    material_of,
    read_assessment,
)
from keyproof.replay import ReplayError, reperform
from reports.registry import FORMATS, Format

FINDING_KEY = ("control", "variant", "subject", "scope")
ROW_KEY = ("id", "scope")

MADE_AGAIN = ("findings-json", "inventory")
"""Outputs that are plain data and quick to write, so that every verification writes them again."""


class Kind(StrEnum):
    """What is wrong with a pack."""

    CHANGED = "changed"
    ADDED = "added"
    MISSING = "missing"
    TRUNCATED = "truncated"
    MANIFEST = "manifest"
    """The manifest cannot be read, or says something that the pack's other files do not."""
    REPLAY = "replay"
    """The observations cannot be replayed, or do not give what the pack has made of them."""
    FINDINGS = "findings"
    """A verdict, a count or a status that the observations do not give."""


@dataclass(frozen=True, slots=True)
class Problem:
    kind: Kind
    path: str
    """The file concerned, relative to the pack; "" for the pack as a whole."""
    text: str


@dataclass(slots=True)
class Verification:
    """What was checked, and everything that is not as the pack says."""

    pack: Path
    manifest: Manifest | None = None
    manifest_sha256: str = ""
    files: int = 0
    """Files that are, byte for byte, those of the manifest."""
    bytes: int = 0
    observations: int | None = None
    """Exchanges replayed; None where it did not come to that."""
    verdicts: int | None = None
    """Verdicts made again; None where it did not come to that."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What whoever relies on the pack should know, though it is no problem."""

    def add(self, kind: Kind, path: str, text: str) -> None:
        self.problems.append(Problem(kind, path, text))

    @property
    def verified(self) -> bool:
        """Everything was checked, and all of it is as the pack says."""
        return not self.problems and self.verdicts is not None

    def lines(self) -> Iterator[str]:
        """The result for people, one line a fact. It quotes the pack, so a terminal needs it made harmless."""
        for problem in self.problems:
            yield f"{problem.kind.value:<10}{problem.path or self.pack.name}: {problem.text}"
        for note in self.notes:
            yield f"note: {note}"
        yield f"{self.files:,} files of {self.bytes:,} bytes are as the manifest says"
        if self.verdicts is not None:
            yield f"{self.verdicts:,} verdicts were made again from {self.observations:,} observations"
        if self.manifest:
            yield f"run {self.manifest.run} of {self.manifest.organization}, as of {self.manifest.as_of:%Y-%m-%d}"
            unconfirmed = "" if self.verified else ", as the manifest claims and the files do not confirm"
            yield f"evidence digest  {self.manifest.evidence_digest}{unconfirmed}"
            yield f"manifest SHA-256 {self.manifest_sha256}"
        number = len(self.problems)
        yield "verified" if self.verified else f"NOT VERIFIED: {number:,} problem{'' if number == 1 else 's'}"

    def as_json(self) -> dict[str, Any]:
        """The result for machines."""
        return {
            "pack": str(self.pack),
            "verified": self.verified,
            "run": self.manifest.run if self.manifest else None,
            "evidence_digest": self.manifest.evidence_digest if self.manifest else None,
            "manifest_sha256": self.manifest_sha256 or None,
            "files": self.files,
            "bytes": self.bytes,
            "observations": self.observations,
            "verdicts": self.verdicts,
            "problems": [{"kind": p.kind.value, "path": p.path, "text": p.text} for p in self.problems],
            "notes": self.notes,
        }


def verify(
    pack: Path, on_step: Callable[[str], None] = lambda text: None, *, all_reports: bool = False
) -> Verification:
    """Check a pack, a folder or a .zip, whoever made it. Needs no network and no source's SDK.

    With `all_reports`, PDF, HTML and workbook are written again too and compared byte for byte, which takes the
    libraries of the machine that wrote them. Raises PackError where there is nothing at `pack`.
    """
    result = Verification(pack)
    if not pack.exists():
        raise PackError(f"{pack} does not exist; name the folder or the .zip of a pack")
    if not pack.is_dir() and not is_zip(pack):
        raise PackError(f"{pack} is neither a folder nor a .zip")
    try:
        with _opened(pack, on_step) as folder:
            _verify(folder, result, on_step, all_reports)
    except ArchiveError as error:
        result.add(Kind.CHANGED, error.path, error.what)
    return result


@contextmanager
def _opened(pack: Path, on_step: Callable[[str], None]) -> Iterator[Path]:
    if pack.is_dir():
        yield pack
    else:
        on_step("unpacking")
        with unpacked(pack) as folder:
            yield folder


def _verify(folder: Path, result: Verification, on_step: Callable[[str], None], all_reports: bool) -> None:
    try:
        result.manifest = manifest = read_manifest(folder)
        result.manifest_sha256 = digest_file(folder / MANIFEST).sha256
    except (ManifestError, OSError) as error:
        result.add(Kind.MANIFEST, MANIFEST, str(error))
        return
    on_step("comparing every byte with the manifest")
    _check_files(folder, manifest, result)
    if result.problems:
        result.notes.append("the findings were not made again, since the files are not those of the manifest")
        return
    if not _check_manifest(folder, manifest, result):
        return
    on_step("making inventory and findings again")
    with tempfile.TemporaryDirectory(prefix="keyproof-verify-") as work:
        if _reperform(folder, Path(work), manifest, result, on_step):
            _check_outputs(folder, Path(work), manifest, result, on_step, all_reports)


# --- files ------------------------------------------------------------------------------------------------------


def _check_files(folder: Path, manifest: Manifest, result: Verification) -> None:
    """Every file of the manifest is there as it says, and nothing else is."""
    there = dict(_walk(folder))
    for name, trouble in there.items():
        if name not in manifest.files and name != MANIFEST:
            result.add(Kind.ADDED, name, trouble or "is not in the manifest")
        elif trouble:
            result.add(Kind.CHANGED, name, trouble)
    for name in manifest.files:
        if name not in there:
            result.add(Kind.MISSING, name, "is in the manifest, but not in the pack")
    wanted = [name for name in manifest.files if there.get(name) == ""]
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        for name, problem in zip(
            wanted, pool.map(lambda name: _file_problem(folder / name, name, manifest.files[name]), wanted), strict=True
        ):
            if problem:
                result.problems.append(problem)
            else:
                result.files += 1
                result.bytes += manifest.files[name].bytes


def _walk(folder: Path) -> Iterator[tuple[str, str]]:
    """Everything in a pack that is no folder, with what makes it no plain file: links are named and not followed."""
    folders = [""]
    while folders:
        below = folders.pop()
        try:
            with os.scandir(folder / below) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield below, f"cannot be listed: {error.strerror}"
            continue
        for entry in found:
            name = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(name + "/")
            else:
                yield os.fsencode(name).decode("utf-8", "backslashreplace"), _oddity(entry)


def _oddity(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "is a symbolic link, not a file"
    return "" if entry.is_file() else "is a device, a pipe or a socket, not a file"


def _file_problem(path: Path, name: str, entry: FileEntry) -> Problem | None:
    try:
        size = path.stat().st_size
        if size < entry.bytes:
            return Problem(Kind.TRUNCATED, name, f"has {size:,} bytes; the manifest says {entry.bytes:,}")
        if size > entry.bytes:
            return Problem(Kind.CHANGED, name, f"has {size:,} bytes; the manifest says {entry.bytes:,}")
        found = digest_file(path)
    except OSError as error:
        return Problem(Kind.CHANGED, name, f"cannot be read: {error.strerror}")
    if found != entry:
        return Problem(Kind.CHANGED, name, "its SHA-256 is not the one in the manifest")
    return None


# --- the manifest -------------------------------------------------------------------------------------------------


def _check_manifest(folder: Path, manifest: Manifest, result: Verification) -> bool:
    """The manifest says what the files say of themselves, and names nothing that is no part of a pack.

    Gives whether the inputs can be read at all.
    """
    try:
        said = manifest.model_dump(mode="json", exclude={"files"})
        follows = describe(folder, manifest.files).model_dump(mode="json", exclude={"files"})
    except ManifestError as error:
        result.add(Kind.MANIFEST, "", str(error))
        return False
    for text in document_differences(said, follows, "its files give"):
        result.add(Kind.MANIFEST, MANIFEST, text)
    if manifest.tool_version != __version__:
        result.notes.append(f"keyproof {manifest.tool_version} made the pack, and keyproof {__version__} checked it")
    for name in manifest.files:
        if not _belongs(name):
            result.add(Kind.ADDED, name, f"is no part of a pack that keyproof {__version__} knows")
    return True


def _belongs(name: str) -> bool:
    top, _, rest = name.partition("/")
    if not rest:
        return name == FINDINGS or any(output.file == name for output in FORMATS.values())
    if top == OBSERVATIONS:
        return name.endswith(SUFFIX)
    if top == INPUTS:
        fixed = (RUN_RECORD, ASSESSMENT, assessed.INPUTS, PREVIOUS)
        if rest in {f"{FOLDER}/{table}.parquet" for table in HISTORY} or rest.startswith(f"{DOCUMENTS}/"):
            return True  # a document that nobody attests is found once it is known what counts
        return rest in fixed or (rest.startswith(f"{assessed.CATALOGUE}/") and rest.endswith(".toml"))
    if top == INVENTORY:
        return rest in {f"{table}{suffix}" for table in TABLES for suffix in (".parquet", ".csv")}
    return any(output.file == f"{top}/" for output in FORMATS.values())


# --- replay -------------------------------------------------------------------------------------------------------


def _reperform(
    folder: Path, work: Path, manifest: Manifest, result: Verification, on_step: Callable[[str], None]
) -> bool:
    """Make inventory and findings again and compare them. Gives whether there is something to make reports from."""
    try:
        run, assessment = reperform(folder / OBSERVATIONS, folder / INPUTS, work)
    except ReplayError as error:
        result.add(Kind.REPLAY, error.path, error.what)
        return False
    except Exception as error:  # noqa: BLE001 - whatever a forged pack makes fail, it has failed, and is told
        result.add(Kind.REPLAY, "", f"inventory and findings cannot be made again: {type(error).__name__}: {error}")
        return False
    on_step("comparing them with the pack's")
    result.observations = _rows(run.inventory / "observation.parquet")
    result.verdicts = _rows(run.assessment / FINDINGS)
    _check_inventory(folder, run, manifest, result)
    _compare_tables(Kind.FINDINGS, folder, FINDINGS, run.assessment / FINDINGS, FINDING_KEY, result)
    claimed = read_assessment(folder).model_dump(mode="json", exclude={"tool_version"})
    for text in document_differences(claimed, assessment.model_dump(mode="json", exclude={"tool_version"})):
        result.add(Kind.FINDINGS, f"{INPUTS}/{ASSESSMENT}", text)
    _check_documents(assessment, manifest, result)
    _note_catalogue(folder, result)
    if any(_rows(folder / INPUTS / FOLDER / f"{table.table}.parquet") for table in (PastRun, Reading, Sighting)):
        result.notes.append(
            "what earlier runs show is taken from the pack and was not made again; the packs of those runs show it"
        )
    return True


def _check_documents(assessment: Assessment, manifest: Manifest, result: Verification) -> None:
    """The documents in the pack are those that what counts names, each with the digest that was attested."""
    there = {name for name in manifest.files if name.startswith(f"{INPUTS}/{DOCUMENTS}/")}
    if not there:
        return
    attested = {f"{INPUTS}/{document_name(entry)}": entry for entry in documented(assessment)}
    for name in sorted(there - attested.keys()):
        result.add(Kind.ADDED, name, "is no document of an attestation or exception that counts")
    for name, entry in attested.items():
        if name not in there:
            result.add(Kind.MISSING, name, f"the pack has other documents, but not that of {entry.id}")
        elif manifest.files[name].sha256 != entry.sha256:
            result.add(Kind.CHANGED, name, f"is not the document that {entry.id} names: its SHA-256 is another")


def _rows(path: Path) -> int:
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_rows)


def _check_inventory(folder: Path, run: Run, manifest: Manifest, result: Verification) -> None:
    tables = {table: f"{INVENTORY}/{table}.parquet" for table in TABLES}
    if not any(name in manifest.files for name in tables.values()):
        result.notes.append("the pack holds no inventory tables; the findings were made from the observations")
        return
    for table, name in tables.items():
        if name not in manifest.files:
            result.add(Kind.MISSING, name, "the pack has other tables of the inventory, but not this one")
        else:
            _compare_tables(Kind.REPLAY, folder, name, run.inventory / f"{table}.parquet", ROW_KEY, result)


def _compare_tables(kind: Kind, folder: Path, name: str, again: Path, key: Sequence[str], result: Verification) -> None:
    claimed = folder / name
    if digest_file(claimed) == digest_file(again):
        return
    try:
        differences = table_differences(claimed, again, key)
    except UnreadableTable as error:
        differences = [f"cannot be read as a table: {error}"]
    for text in differences:
        result.add(kind, name, text)


def _note_catalogue(folder: Path, result: Verification) -> None:
    """Tell which controls and frameworks are not those that come with keyproof: their author set the yardstick."""
    from controls.catalogue import load_catalogue

    ours: Mapping[str, str] = load_catalogue().documents
    for name, text in assessed.read_catalogue_documents(folder / INPUTS / assessed.CATALOGUE).items():
        if name not in ours:
            result.notes.append(f"the catalogue holds {name}, which does not come with keyproof {__version__}")
        elif text != ours[name]:
            result.notes.append(f"the catalogue's {name} is not the one that comes with keyproof {__version__}")


# --- what was made from the findings --------------------------------------------------------------------------------


def _check_outputs(
    folder: Path,
    work: Path,
    manifest: Manifest,
    result: Verification,
    on_step: Callable[[str], None],
    all_reports: bool,
) -> None:
    """Write outputs again from what was made again, and compare them byte for byte."""
    there = [output for output in FORMATS.values() if output.file != FINDINGS and _has(manifest, output)]
    if manifest.tool_version != __version__:
        result.notes.append("the reports were not written again, which takes the keyproof that made them")
        return
    wanted = [output for output in there if all_reports or output.name in MADE_AGAIN]
    rest = [output.file for output in there if output not in wanted]
    if rest:
        result.notes.append(f"checked against the manifest only, not written again: {', '.join(rest)}")
    run = Run(work)
    material = replace(
        material_of(folder, inventory=run.inventory, digest=evidence_digest(manifest.files)),
        findings=run.assessment / FINDINGS,
    )
    for output in wanted:
        on_step(f"writing {output.file} again")
        target = work / "again" / output.file
        (target if output.file.endswith("/") else target.parent).mkdir(parents=True, exist_ok=True)
        try:
            output.write()(material, target)
        except Exception as error:  # noqa: BLE001 - whatever a forged pack makes fail, it has failed, and is told
            result.add(Kind.REPLAY, output.file, f"cannot be written again: {type(error).__name__}: {error}")
            continue
        for name in manifest.files:
            if name == output.file or (output.file.endswith("/") and name.startswith(output.file)):
                _compare_bytes(name, folder, work / "again", result)


def _has(manifest: Manifest, output: Format) -> bool:
    return any(n == output.file or (output.file.endswith("/") and n.startswith(output.file)) for n in manifest.files)


def _compare_bytes(name: str, folder: Path, again: Path, result: Verification) -> None:
    if name.endswith(".parquet"):
        return  # compared row by row
    if not (again / name).is_file():
        result.add(Kind.ADDED, name, "is not among what keyproof writes from these findings")
    elif digest_file(folder / name) != digest_file(again / name):
        result.add(Kind.REPLAY, name, "written again from the observations, it is not the same")
