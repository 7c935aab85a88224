"""The manifest of a pack: the digest of every file in it, and what it is evidence of, collected by whom."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

MANIFEST = "manifest.json"
MANIFEST_VERSION = "1"
"""Raised when a member changes its meaning or goes away."""

OBSERVATIONS = "observations"
INPUTS = "inputs"
FINDINGS = "findings.parquet"
"""The evidence proper: two folders and a file. Everything else in a pack is made from these."""

MANIFEST_LIMIT = 64 << 20
"""Bytes of the largest manifest that is read: about 400,000 files."""

PATH_LIMIT = 1024
"""Bytes of the longest path below a pack."""

_CHUNK = 1 << 20
_CONTROL = re.compile("[\x00-\x1f\x7f\\\\\ud800-\udfff]")

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ManifestError(Exception):
    """The manifest is missing, damaged or names a path outside the pack. The message says which and what to do."""


class FileEntry(BaseModel):
    """One file of the pack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Sha256
    bytes: int = Field(ge=0)


class CollectedBy(BaseModel):
    """Who read one source, and with which rights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    type: str
    identities: list[str]
    """The callers as the provider named them, sorted; empty where none could be read."""
    operations: list[str]
    """Every operation that the collector could have called, sorted. It refuses all others."""
    permissions: list[str]
    """The permissions that these need, sorted."""


class Manifest(BaseModel):
    """Everything in it follows from the pack's other files, so that a verifier can make it again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal["1"] = "1"
    run: str
    organization: str
    as_of: datetime
    period_start: datetime
    period_end: datetime
    tool_version: str
    """The keyproof that assessed the run."""
    catalogue_sha256: Sha256
    configuration_sha256: Sha256
    """Digest of what collection depended on, without anything secret."""
    evidence_digest: Sha256
    previous: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]
    """SHA-256 of the manifest of the pack before this one; empty where none is known."""
    collected_by: list[CollectedBy]
    files: dict[str, FileEntry]
    """Every file of the pack but the manifest itself, by its path in POSIX form, sorted."""

    @field_validator("files")
    @classmethod
    def _inside(cls, files: dict[str, FileEntry]) -> dict[str, FileEntry]:
        for path in files:
            problem = path_problem(path)
            if problem:
                raise ValueError(f"{path!r} {problem}")
            if path == MANIFEST:
                raise ValueError("the manifest names itself")
        return files

    def to_bytes(self) -> bytes:
        """The manifest as it stands in the pack: equal manifests give equal bytes."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True).encode("ascii") + b"\n"


def path_problem(path: str) -> str:
    """Why `path` cannot be that of a file in a pack; empty where it can.

    A path is relative, in POSIX form and normal, and one line of `sha256sum` can show it: no backslash, no control
    character.
    """
    if not path or path.startswith("/") or re.match("[A-Za-z]:", path):
        return "is not a relative path"
    if _CONTROL.search(path):
        return "holds a backslash, a control character or a lone surrogate"
    if any(part in ("", ".", "..") for part in path.split("/")):
        return "is not a plain path below the pack"
    if len(path.encode()) > PATH_LIMIT or any(len(part.encode()) > 255 for part in path.split("/")):
        return "is too long"
    return ""


def digest_file(path: Path) -> FileEntry:
    """SHA-256 and size of a file, read in chunks. Raises OSError."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileEntry(sha256=digest.hexdigest(), bytes=size)


def evidence_digest(files: Mapping[str, FileEntry]) -> str:
    """One SHA-256 that names the evidence as a whole, in hexadecimal.

    It is that of the lines which `sha256sum` prints for the files of the evidence, in the byte order of their paths;
    `files` may hold any other file of the pack too.
    """
    lines = [f"{files[path].sha256}  {path}\n" for path in _in_byte_order(files) if _is_evidence(path)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _is_evidence(path: str) -> bool:
    return path == FINDINGS or path.startswith((f"{OBSERVATIONS}/", f"{INPUTS}/"))


def _in_byte_order(paths: Iterable[str]) -> list[str]:
    return sorted(paths, key=lambda path: path.encode())


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the pack in `folder`. Raises ManifestError."""
    path = folder / MANIFEST
    try:
        if path.is_symlink() or not path.is_file():
            raise ManifestError(f"{MANIFEST} is missing in {folder}: it is no pack, or not the whole of one")
        if path.stat().st_size > MANIFEST_LIMIT:
            raise ManifestError(f"{MANIFEST} is larger than {MANIFEST_LIMIT >> 20} MiB, which keyproof never writes")
        return parse_manifest(path.read_bytes())
    except OSError as error:
        raise ManifestError(f"{MANIFEST} cannot be read: {error.strerror}") from error


def parse_manifest(data: bytes) -> Manifest:
    """The manifest of these bytes, which must be exactly those that `to_bytes` gives. Raises ManifestError."""
    try:
        document = json.loads(data, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{MANIFEST} is not JSON: {error}") from error
    if isinstance(document, dict) and document.get("version", MANIFEST_VERSION) != MANIFEST_VERSION:
        found = document["version"]
        raise ManifestError(f"{MANIFEST} has version {found!r}; this keyproof reads {MANIFEST_VERSION}: use another")
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ManifestError(f"{MANIFEST} is not a manifest: {where}: {first['msg']}") from error
    if manifest.to_bytes() != data:
        raise ManifestError(f"{MANIFEST} is not as keyproof writes it: it was changed after the pack was made")
    return manifest


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"{name!r} stands in it twice")
        members[name] = value
    return members
