"""The files of observations: one gzip'd JSON Lines file a scope, written as the answers come and resumable."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import sqlite3
import tempfile
import threading
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO, get_type_hints
from urllib.parse import quote

from evidence.observation import Observation, body_digest

SUFFIX = ".jsonl.gz"

LINE_LIMIT = 256 << 20
"""Characters of the longest line that is read: far above any provider's answer, and bounded for a hostile file."""

PATH_LIMIT = 500
"""Bytes of the longest path of a scope's file below `observations/`, without suffixes."""

NAME_LIMIT = 200
"""Bytes of the longest name in such a path."""

NAME_CUT = 100
"""How much of a longer one stands before its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeHeader:
    """The first line of a scope's file: what was to be read, and as whom."""

    id: str
    """Unique within a run and stable from run to run, such as `prod/111122223333/eu-west-1/kms`."""
    source: str
    type: str
    """Kind of source: the key of the collectors' registry."""
    service: str
    account: str = ""
    account_name: str | None = None
    """None where it could not be read."""
    region: str = "global"
    identity: str = ""
    """Caller identity, or "" where it could not be read."""
    organization: str = ""
    """Id of the organization that the account belongs to, or "" where that is not known."""
    organization_accounts: tuple[str, ...] = ()
    """Accounts known to belong to the organization; the account itself always does."""
    organization_known: bool = True
    """False where the organization, or its list of accounts, was asked for and could not be read whole."""

    def to_line(self) -> str:
        return json.dumps({"scope": asdict(self)}, ensure_ascii=True, separators=(",", ":"), sort_keys=True) + "\n"

    @classmethod
    def from_line(cls, line: str) -> ScopeHeader:
        """Raises ValueError where the line is no header."""
        try:
            values = json.loads(line)["scope"]
            accounts = values["organization_accounts"]
            if not isinstance(accounts, list):
                raise TypeError("organization_accounts is no list")
            header = cls(**{**values, "organization_accounts": tuple(accounts)})
        except (TypeError, KeyError, RecursionError, json.JSONDecodeError) as error:
            raise ValueError(f"not the header of a scope: {error}") from error
        for name, hint in get_type_hints(cls).items():
            value = getattr(header, name)
            many = isinstance(value, tuple)
            if not (all(isinstance(item, str) for item in value) if many else isinstance(value, hint)):
                raise ValueError(f"not the header of a scope: {name} is {type(value).__name__}")
        return header


def scope_path(scope: str) -> str:
    """The file of a scope, relative to `observations/`. Every part of the id is made harmless as a file name.

    No folder is called like the file of another scope. A path that would be too long for a file system becomes one name
    with the digest of the whole id. No other scope has that name, since the path of each is at least in the folder of
    its source.
    """
    path = "/".join(map(_file_name, scope.split("/")))
    if len(path) > PATH_LIMIT or any(len(part) > NAME_LIMIT for part in path.split("/")):
        digest = hashlib.sha256(scope.encode("utf-8", "surrogatepass")).hexdigest()
        path = f"{_file_name(scope)[:NAME_CUT]}~{digest}"
    return path + SUFFIX


def _file_name(part: str) -> str:
    quoted = quote(part, safe="", errors="surrogatepass")
    return quoted if part.strip(".") and SUFFIX not in part else quoted.replace(".", "%2E") or "%"


class ScopeRecording:
    """One scope's file while it is being written.

    It grows as `….part` and takes its name when the scope is complete, so a name without `.part` is a promise. The
    batch of one subject is one write, flushed through to the file. What is found at the start is what a killed run
    left: its observations answer `recorded` and are written again with the batch that asks for them, so a resumed
    file is like one that was never interrupted. Until that is done they stand in `….left`.
    """

    def __init__(self, folder: Path, header: ScopeHeader) -> None:
        self.header = header
        self.path = folder / scope_path(header.id)
        self._part = self.path.with_name(self.path.name + ".part")
        self._left = self.path.with_name(self.path.name + ".left")
        self._lock = threading.Lock()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._recorded = self._recover()
        self._file = self._part.open("wb")
        self._gzip = gzip.GzipFile(filename="", fileobj=self._file, mode="wb", compresslevel=6, mtime=0)
        self._write(header.to_line())

    def recorded(self, observation: str) -> Observation | None:
        """The observation of that id which an earlier, killed run recorded."""
        if self._recorded is None:
            return None
        with self._lock:
            row = self._recorded.execute("SELECT line FROM recorded WHERE id = ?", (observation,)).fetchone()
        return Observation.from_line(row[0]) if row else None

    def write(self, batch: Sequence[Observation]) -> None:
        """Record the observations of one subject. Raises OSError, with the file still valid, where the disk is full."""
        if batch:
            with self._lock:
                self._write("".join(observation.to_line() for observation in batch))

    def complete(self) -> None:
        """Close the file and give it its name."""
        with self._lock:
            self._gzip.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.rename(self.path)
            self._forget()

    def abandon(self) -> None:
        """Close the file as it is, to be taken up again by the next run."""
        with self._lock:
            if not self._file.closed:
                try:
                    self._gzip.close()
                    self._file.close()
                except OSError:
                    pass  # the disk is full: what was flushed before stands

    def _write(self, text: str) -> None:
        self._gzip.write(text.encode("ascii"))
        self._gzip.flush(zlib.Z_SYNC_FLUSH)
        self._file.flush()

    def _recover(self) -> sqlite3.Connection | None:
        leftovers = [path for path in (self._left, self._part, self.path) if path.exists()]
        if not leftovers:
            return None
        descriptor, name = tempfile.mkstemp(suffix=".sqlite", dir=self.path.parent)
        os.close(descriptor)
        index = sqlite3.connect(name, check_same_thread=False, isolation_level=None)
        Path(name).unlink()  # it lives as long as it is open, and a kill leaves nothing
        index.execute("PRAGMA journal_mode = OFF")
        index.execute("CREATE TABLE recorded (id TEXT PRIMARY KEY, line TEXT) WITHOUT ROWID")
        merged = self._left.with_suffix(".merging")
        with merged.open("wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as copy:
            copy.write(self.header.to_line().encode("ascii"))
            for path in leftovers:
                for line, observation in _whole_observations(path):
                    known = index.execute("INSERT OR IGNORE INTO recorded VALUES (?, ?)", (observation.id, line))
                    if known.rowcount:
                        copy.write(line.encode("ascii"))
        merged.rename(self._left)
        self._part.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        return index

    def _forget(self) -> None:
        self._left.unlink(missing_ok=True)
        if self._recorded is not None:
            self._recorded.close()
            self._recorded = None


def _whole_observations(path: Path) -> Iterator[tuple[str, Observation]]:
    """The observations of a file that was cut off at any byte, with their lines; what is damaged is left out."""
    for line in _whole_lines(path):
        try:
            text = line.decode("ascii") + "\n"
            observation = Observation.from_line(text)
        except ValueError:
            continue  # it will be asked again
        if observation.sha256 == body_digest(observation.body):
            yield text, observation


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The lines below the header, without their ends."""
    buffer = b""
    inflate = zlib.decompressobj(wbits=31)
    with path.open("rb") as file:
        while chunk := file.read(1 << 16):
            try:
                buffer += inflate.decompress(chunk)
            except zlib.error:
                break
            *lines, buffer = buffer.split(b"\n")
            yield from (line for line in lines if not line.startswith(b'{"scope"'))


def read_scope(path: Path) -> tuple[ScopeHeader, Iterator[Observation]]:
    """The header of a complete file and its observations, read as they are asked for.

    Raises ValueError where the file is damaged or not what `ScopeRecording` writes, and OSError where it cannot be
    read; both at once for the header, and while they are asked for with the observations.
    """
    file = gzip.open(path, "rt", encoding="ascii", newline="\n")  # noqa: SIM115 - the generator closes it
    try:
        header = ScopeHeader.from_line(_line(file))
    except BaseException:
        file.close()
        raise

    def observations() -> Iterator[Observation]:
        with file:
            while line := _line(file):
                yield Observation.from_line(line)

    return header, observations()


_ID = re.compile(r'"id":"([^"]*)"')
"""The id in the line of an observation: what comes before it are texts, in which quotes are escaped, and a number."""


def find_observations(path: Path, ids: Collection[str]) -> dict[str, Observation]:
    """The observations of these ids in a complete file, which is read until all are found. Raises as `read_scope`."""
    found: dict[str, Observation] = {}
    with gzip.open(path, "rt", encoding="ascii", newline="\n") as file:
        _line(file)
        while len(found) < len(ids) and (line := _line(file)):
            match = _ID.search(line)
            if match and match[1] in ids:
                found[match[1]] = Observation.from_line(line)
    return found


def read_header(path: Path) -> ScopeHeader:
    """The header of a complete file alone. Raises as `read_scope` does."""
    with gzip.open(path, "rt", encoding="ascii", newline="\n") as file:
        return ScopeHeader.from_line(_line(file))


def _line(file: TextIO) -> str:
    """The next line with its end, or "" after the last."""
    try:
        line = file.readline(LINE_LIMIT)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"damaged: {error}") from error
    if line and not line.endswith("\n"):
        raise ValueError("damaged: a line is too long, or the last one has no end")
    return line


def scope_files(folder: Path) -> list[Path]:
    """The complete scope files below `folder`, in the order of their paths."""
    return sorted(folder.rglob(f"*{SUFFIX}"))
