"""A pack as one .zip: written so that equal packs give equal bytes, and read as if it came from an enemy."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from evidence.manifest import MANIFEST, path_problem

COMPRESSED = (".gz", ".parquet", ".pdf", ".xlsx", ".png")
"""Suffixes of files that compression would not make smaller."""

ENTRY_LIMIT = 1_000_000
RATIO_LIMIT = 200
"""How many times its own size an archive may unpack to, beyond the allowance. A pack's text shrinks to a tenth."""
ALLOWANCE = 256 << 20
"""Bytes that any archive may unpack to."""

_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
_ENCRYPTED = 0x1


class ArchiveError(Exception):
    """An archive that cannot be unpacked, or must not be. `path` is the member concerned, "" for the archive."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}" if path else what)
        self.path = path
        self.what = what


def write_zip(folder: Path, target: Path) -> None:
    """Write all files of `folder` to `target`, sorted, with one time and one permission. Raises OSError."""
    with zipfile.ZipFile(target, "w", allowZip64=True) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _TIME)
            info.create_system = 3  # Unix, on whatever system
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_STORED if path.suffix in COMPRESSED else zipfile.ZIP_DEFLATED
            info.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(info, "w") as member:
                shutil.copyfileobj(source, member, _CHUNK)


def is_zip(path: Path) -> bool:
    """Whether a pack of that name is one .zip."""
    return path.suffix.lower() == ".zip"


def zip_holds_pack(path: Path) -> bool:
    """Whether the archive has a manifest where a pack has it. Reads the list of members only."""
    try:
        with zipfile.ZipFile(path) as archive:
            return MANIFEST in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The pack's folder, unpacked for a time. Raises ArchiveError where the archive is damaged or not harmless.

    Nothing is written outside of a temporary folder, links and encrypted members are refused, and what comes out is
    bounded by ENTRY_LIMIT, RATIO_LIMIT and ALLOWANCE, counted as it comes rather than as it is announced.
    """
    with tempfile.TemporaryDirectory(prefix="keyproof-pack-") as temporary:
        folder = Path(temporary)
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                _check(members)
                _unpack(archive, members, folder, ALLOWANCE + RATIO_LIMIT * path.stat().st_size)
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
            raise ArchiveError("", f"the archive is damaged: {error}") from error
        yield _top(folder)


def _check(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > ENTRY_LIMIT:
        raise ArchiveError("", f"it has more than {ENTRY_LIMIT:,} members, which keyproof never writes")
    seen: set[str] = set()
    for member in members:
        name = member.filename.removesuffix("/") if member.is_dir() else member.filename
        problem = path_problem(name)
        if problem:
            raise ArchiveError(ascii(member.filename), problem)
        if name in seen:
            raise ArchiveError(name, "stands in the archive twice")
        if member.flag_bits & _ENCRYPTED:
            raise ArchiveError(name, "is encrypted")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveError(name, "is a link or a device, not a file")
        seen.add(name)
    files = {member.filename for member in members if not member.is_dir()}
    for name in seen:
        for parent in PurePosixPath(name).parents:
            if str(parent) in files:
                raise ArchiveError(name, f"stands below {str(parent)!r}, which is a file")


def _unpack(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path, limit: int) -> None:
    left = limit
    for member in members:
        if member.is_dir():
            continue
        target = folder / member.filename
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, target.open("xb") as file:
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise ArchiveError("", f"it unpacks to more than {limit >> 20:,} MiB, far beyond what a pack does")
                file.write(chunk)


def _top(folder: Path) -> Path:
    """Where the pack stands: at the top, or in the one folder there, as common tools make archives."""
    entries = list(folder.iterdir())
    if len(entries) == 1 and (entries[0] / MANIFEST).is_file():
        return entries[0]
    return folder
