"""The pack: a run's observations, inputs, findings and reports in one folder or .zip that needs nothing beside it."""

from __future__ import annotations

import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from evidence.findings import Assessment, AttestationUsed, ExceptionUsed
from evidence.history import FOLDER, HISTORY
from evidence.manifest import (
    FINDINGS,
    INPUTS,
    MANIFEST,
    OBSERVATIONS,
    CollectedBy,
    FileEntry,
    Manifest,
    ManifestError,
    Sha256,
    digest_file,
    evidence_digest,
    read_manifest,
)
from evidence.recording import read_header, scope_files
from evidence.store import RUN_RECORD, Run, RunRecord, write_atomically
from keyproof import assessment as assessed
from keyproof.archive import is_zip, write_zip, zip_holds_pack
from reports.material import Material
from reports.registry import FORMATS, Format

ASSESSMENT = "assessment.json"
PREVIOUS = "previous.json"
INVENTORY = "inventory"
DOCUMENTS = "documents"
"""Folder in the pack's inputs with what attestations and exceptions name, where that was asked for."""

OWN_NAME_LIMIT = 100
"""Characters of a document's own name that its name in the pack keeps: the last, where a suffix tells what it is."""

_ODD = re.compile(r"[^A-Za-z0-9._-]")

HASHING_THREADS = min(4, os.cpu_count() or 1)
"""Files digested at once: SHA-256 lets other threads run."""


ModelT = TypeVar("ModelT", bound=BaseModel)


class PackError(Exception):
    """A pack cannot be written or found. The message names the path and the next step."""


class Previous(BaseModel):
    """`inputs/previous.json`: the pack before this one, told within the evidence so that its digest covers it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manifest_sha256: Sha256


def build_pack(
    run: Run,
    out: Path,
    *,
    formats: Sequence[str] = tuple(FORMATS),
    previous: str = "",
    documents: Mapping[str, Path] = MappingProxyType({}),
    on_step: Callable[[str], None] = lambda text: None,
) -> Manifest:
    """Write the pack of an assessed run to `out`, a folder or a file that ends in `.zip`, and give its manifest.

    Observations, inputs and findings are always in it; `formats` names what else is made from them. `previous` is
    the SHA-256 of the manifest of the pack before this one; `documents` are put into it under the names that
    `document_name` gives. It is written beside as `….part` and renamed; an older
    pack at `out` is replaced, anything else there is left alone. Raises PackError, and OSError for a full disk.
    """
    outputs = [_format(name) for name in formats]
    out = out.resolve()
    _check_assessed(run)
    _check_place(out)
    part = out.with_name(out.name + ".part")
    _clear(part)
    try:
        manifest = _build(run, part, outputs, previous, documents, on_step)
        if is_zip(out):
            on_step("packing it into one file")
            _replace_file(part, out)
        else:
            _replace_folder(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def _build(
    run: Run,
    part: Path,
    outputs: Sequence[Format],
    previous: str,
    documents: Mapping[str, Path],
    on_step: Callable[[str], None],
) -> Manifest:
    on_step("copying the evidence")
    _lay_down_evidence(run, part, previous)
    _lay_down_documents(documents, part)
    evidence = digest_files(part, _files(part))
    material = material_of(part, inventory=run.inventory, digest=evidence_digest(evidence))
    for output in outputs:
        if output.file in evidence:
            continue  # findings.parquet is evidence itself, and stands there already
        on_step(f"writing {output.file}")
        target = part / output.file
        (target if output.file.endswith("/") else target.parent).mkdir(parents=True, exist_ok=True)
        output.write()(material, target)
    on_step("writing the manifest")
    made = digest_files(part, [name for name in _files(part) if name not in evidence])
    manifest = describe(part, {**evidence, **made})
    write_atomically(part / MANIFEST, manifest.to_bytes())
    return manifest


def _lay_down_evidence(run: Run, part: Path, previous: str) -> None:
    for path in scope_files(run.observations):
        _copy(path, part / OBSERVATIONS / path.relative_to(run.observations))
    inputs = part / INPUTS
    _copy(run.folder / RUN_RECORD, inputs / RUN_RECORD)
    _copy(run.assessment / ASSESSMENT, inputs / ASSESSMENT)
    _copy(run.assessment / assessed.INPUTS, inputs / assessed.INPUTS)
    for name in assessed.read_catalogue_documents(run.assessment / assessed.CATALOGUE):
        _copy(run.assessment / assessed.CATALOGUE / name, inputs / assessed.CATALOGUE / name)
    for table in HISTORY:
        _copy(run.assessment / FOLDER / f"{table}.parquet", inputs / FOLDER / f"{table}.parquet")
    if previous:
        told = Previous(manifest_sha256=previous).model_dump_json(indent=2)
        (inputs / PREVIOUS).write_text(told + "\n", encoding="ascii")
    _copy(run.assessment / FINDINGS, part / FINDINGS)


def _lay_down_documents(documents: Mapping[str, Path], part: Path) -> None:
    for name, path in documents.items():
        target = part / INPUTS / name
        try:
            if not path.is_file():
                raise PackError(f"{path}: is no file, or is gone; assess the run again, which tells what counts")
            _copy(path, target)
        except OSError as error:
            raise PackError(f"{path}: cannot be put into the pack: {error.strerror}") from error
        # The copy is what travels: the document may be rewritten at any moment.
        if digest_file(target).sha256 != attested_sha256(name):
            raise PackError(f"{path}: is not the document attested; assess the run again, which tells what counts")


def documented(assessment: Assessment) -> Sequence[AttestationUsed | ExceptionUsed]:
    """The attestations and exceptions that count and name a document."""
    used: list[AttestationUsed | ExceptionUsed] = [*assessment.attestations, *assessment.exceptions]
    return [entry for entry in used if entry.valid and entry.document]


def document_name(entry: AttestationUsed | ExceptionUsed) -> str:
    """What the document of an entry is called below the pack's inputs.

    Its SHA-256 comes first, then what is harmless of its own name, for that comes from outside.
    """
    own = entry.document.replace("\\", "/").rpartition("/")[2]
    return f"{DOCUMENTS}/" + _ODD.sub("_", f"{entry.sha256}-{own[-OWN_NAME_LIMIT:]}")


def attested_sha256(name: str) -> str:
    """The SHA-256 that the name of a document in the pack states."""
    return name.removeprefix(f"{DOCUMENTS}/").partition("-")[0]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def material_of(pack: Path, *, inventory: Path, digest: str) -> Material:
    """What the reports of a pack are made of, read from its evidence and the tables in `inventory`.

    Raises ManifestError where the inputs cannot be read.
    """
    return Material(
        run=_read(pack / INPUTS / RUN_RECORD, RunRecord),
        assessment=read_assessment(pack),
        inventory=inventory,
        history=pack / INPUTS / FOLDER,
        findings=pack / FINDINGS,
        observations=pack / OBSERVATIONS,
        evidence_digest=digest,
    )


def read_assessment(pack: Path) -> Assessment:
    """The assessment as a pack's folder states it. Raises ManifestError."""
    return _read(pack / INPUTS / ASSESSMENT, Assessment)


def describe(pack: Path, files: Mapping[str, FileEntry]) -> Manifest:
    """The manifest that the content of a pack's folder calls for, given its files but the manifest.

    Raises ManifestError where the evidence cannot be read or a path cannot be in a pack.
    """
    record = _read(pack / INPUTS / RUN_RECORD, RunRecord)
    assessment = read_assessment(pack)
    told = pack / INPUTS / PREVIOUS
    try:
        return Manifest(
            run=record.id,
            organization=record.organization,
            as_of=assessment.as_of,
            period_start=assessment.period_start,
            period_end=assessment.period_end,
            tool_version=assessment.tool_version,
            catalogue_sha256=assessment.catalogue_sha256,
            configuration_sha256=record.configuration_sha256,
            evidence_digest=evidence_digest(files),
            previous=_read(told, Previous).manifest_sha256 if told.is_file() else "",
            collected_by=_collected_by(pack / OBSERVATIONS, record),
            files=dict(sorted(files.items())),
        )
    except ValidationError as error:
        raise ManifestError(f"the pack cannot be described: {_first(error)}") from error


def _collected_by(observations: Path, record: RunRecord) -> list[CollectedBy]:
    identities: dict[str, set[str]] = defaultdict(set)
    for path in scope_files(observations):
        try:
            header = read_header(path)
        except (OSError, ValueError) as error:
            name = path.relative_to(observations).as_posix()
            raise ManifestError(f"{OBSERVATIONS}/{name} cannot be read: {error}") from error
        identities[header.source].add(header.identity)
    return [
        CollectedBy(
            source=source.name,
            type=source.type,
            identities=sorted(identities[source.name] - {""}),
            operations=sorted(operation.name for operation in source.operations),
            permissions=sorted({operation.permission for operation in source.operations} - {""}),
        )
        for source in record.sources
    ]


def _read(path: Path, model: type[ModelT]) -> ModelT:
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ManifestError(f"{INPUTS}/{path.name} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ManifestError(f"{INPUTS}/{path.name} is damaged: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{where}: {first['msg']}"


def digest_files(folder: Path, names: Sequence[str]) -> dict[str, FileEntry]:
    """Digest and size of files below `folder`, several at once. Raises OSError."""
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        return dict(zip(names, pool.map(lambda name: digest_file(folder / name), names), strict=True))


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise PackError(f"no output is named {name!r}; known outputs: {', '.join(FORMATS)}")
    return FORMATS[name]


def _check_assessed(run: Run) -> None:
    if run.record().state != "collected":
        raise PackError(f"the collection of {run.folder} has not ended: go on with it, with `keyproof collect`")
    wanted = [run.assessment / FINDINGS, run.assessment / ASSESSMENT, run.assessment / assessed.INPUTS]
    for path in wanted:
        if not path.is_file():
            raise PackError(f"{path} is missing: assess the run first, with `keyproof assess`")


def _check_place(out: Path) -> None:
    """Raise PackError where something is at `out` that is not a pack."""
    if not out.exists() and not out.is_symlink():
        out.parent.mkdir(parents=True, exist_ok=True)
    elif is_zip(out):
        if not (out.is_file() and zip_holds_pack(out)):
            raise PackError(f"{out} exists and is no pack; name another file, or move it away")
    elif not out.is_dir():
        raise PackError(f"{out} exists and is no folder; name a folder, or a file that ends in .zip")
    elif any(out.iterdir()) and not _is_pack(out):
        raise PackError(f"{out} is a folder with something else than a pack in it; name another, or empty it")


def _is_pack(folder: Path) -> bool:
    try:
        read_manifest(folder)
    except ManifestError:
        return False
    return True


def _clear(part: Path) -> None:
    """Make `part` an empty folder, where nothing is there or what a killed build left."""
    known = {OBSERVATIONS, INPUTS, MANIFEST, f"{MANIFEST}.part", *(f.file.removesuffix("/") for f in FORMATS.values())}
    if part.is_dir() and not part.is_symlink() and {path.name for path in part.iterdir()} <= known:
        shutil.rmtree(part)
    elif part.exists() or part.is_symlink():
        raise PackError(f"{part}, where the pack is made, exists and is not a pack half made; move it away")
    part.mkdir()


def _replace_file(part: Path, out: Path) -> None:
    written = out.with_name(out.name + ".new")
    try:
        write_zip(part, written)
        written.replace(out)
    finally:
        written.unlink(missing_ok=True)


def _replace_folder(part: Path, out: Path) -> None:
    """Put `part` in the place of `out`: for a moment there is none, but never half of one."""
    if not out.exists():
        part.rename(out)
        return
    old = out.with_name(out.name + ".old")
    _clear(old)
    out.rename(old)  # onto an empty folder
    try:
        part.rename(out)
    except OSError:
        old.rename(out)
        raise
    shutil.rmtree(old)
