"""The evidence store: one folder a run, a lock, and a record of what each run was."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from evidence.observation import canonical_json
from evidence.remote import Remote

RUN_RECORD = "run.json"
PACK_RECORD = "pack.json"


class StoreError(Exception):
    """The store cannot be used as asked. The message names the path and the next step."""


class StoreLocked(StoreError):
    """Another run holds the store."""


class OperationRecord(BaseModel):
    """A declared operation, as the run's collectors had it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    why: str
    permission: str
    facts: list[str]


class SourceRecord(BaseModel):
    """A configured source, without anything secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    type: str
    configuration: dict[str, Any]
    operations: list[OperationRecord]


class RunRecord(BaseModel):
    """What a run was: written when it starts, and once more when its collection ends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    tool_version: str
    organization: str
    configuration_sha256: str
    started_at: datetime
    finished_at: datetime | None
    """When its collection ended; None while it is being collected. It is the default `as_of`."""
    state: Literal["collecting", "collected"]
    host: str
    sources: list[SourceRecord]
    tag_names: dict[str, list[str]]
    organization_accounts: list[str]
    first_seen: dict[str, dict[str, datetime]] = {}
    """What earlier runs of the store show: source → id of a key whose store tells no dates → when it was first seen."""

    @property
    def configurations(self) -> dict[str, str]:
        """Source → SHA-256 of how it was configured; the same for the same."""
        return {s.name: hashlib.sha256(canonical_json(s.configuration).encode()).hexdigest() for s in self.sources}


class PackRecord(BaseModel):
    """Where the newest pack of a run went, so that the pack of the next run can name it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: str
    manifest_sha256: str
    previous: str = ""
    """Digest of the manifest of the pack before it, which it names; empty for the first."""
    replaced: list[str] = []
    """Digests of the manifests of the packs of this run that it took the place of, which later packs may name."""


@dataclass(frozen=True, slots=True)
class Run:
    """The folder of one run."""

    folder: Path

    @property
    def observations(self) -> Path:
        return self.folder / "observations"

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory"

    @property
    def assessment(self) -> Path:
        return self.folder / "assessment"

    def record(self) -> RunRecord:
        """Its record. Raises StoreError where it is missing or damaged."""
        path = self.folder / RUN_RECORD
        try:
            return RunRecord.model_validate_json(path.read_bytes())
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}; is this the folder of a run?") from error
        except ValidationError as error:
            raise StoreError(f"{path} is damaged: {error.errors()[0]['msg']}") from error

    def pack_record(self) -> PackRecord | None:
        """What is recorded of its pack; None where it has none. Raises StoreError where the record is damaged."""
        path = self.folder / PACK_RECORD
        try:
            return PackRecord.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise StoreError(f"{path} cannot be read; `keyproof report` writes it anew") from error

    def write_pack_record(self, record: PackRecord) -> None:
        write_atomically(self.folder / PACK_RECORD, record.model_dump_json(indent=2).encode() + b"\n")

    def write_record(self, record: RunRecord) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / RUN_RECORD, record.model_dump_json(indent=2).encode() + b"\n")


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside and rename, with the mode that the file has: a reader sees the old file or the new one."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of runs. A remote store has a local folder too: what this machine wrote to it or asked of it."""

    root: Path
    remote: Remote | None = None

    def runs(self) -> list[Run]:
        """All runs that are here, oldest first."""
        return [Run(path.parent) for path in sorted(self.root.glob(f"runs/*/{RUN_RECORD}"))]

    def publish(self, run: Run, paths: Iterable[Path]) -> None:
        """Copy files of a run to the remote side, if there is one. Raises RemoteError."""
        if self.remote is not None:
            for path in paths:
                self.remote.put(path, path.relative_to(self.root).as_posix())

    def refresh(self) -> None:
        """Learn of the runs that other machines recorded, and of their packs. Raises RemoteError.

        The newest pack may have been written anew: its record is brought again, since the next pack names it.
        """
        if self.remote is not None:
            of_runs = [name for name in self.remote.names("runs") if name.count("/") == 2]
            self._get(self.remote, (name for name in of_runs if name.endswith(f"/{RUN_RECORD}")))
            packs = sorted(name for name in of_runs if name.endswith(f"/{PACK_RECORD}"))
            self._get(self.remote, packs)
            if packs:
                self.remote.get(packs[-1], self.root / packs[-1])

    def fetch(self, run: Run) -> None:
        """Bring here what the remote side has of a run. Raises RemoteError."""
        if self.remote is not None:
            self._get(self.remote, self.remote.names(run.folder.relative_to(self.root).as_posix()))

    def _get(self, remote: Remote, names: Iterable[str]) -> None:
        for name in names:
            if not (self.root / name).exists():
                remote.get(name, self.root / name)

    def run(self, wanted: str) -> Run:
        """The run of that id or unambiguous prefix; `latest` for the newest. Raises StoreError where there is none."""
        runs = self.runs()
        if wanted == "latest" and runs:
            return runs[-1]
        found = [run for run in runs if run.folder.name.startswith(wanted)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(run.folder.name for run in (found or runs)[-5:]) or "none"
        what = "more than one run matches" if found else "no run matches"
        raise StoreError(f"{what} {wanted!r} in {self.root}; runs there: {known}")

    def new_run(self, now: datetime) -> Run:
        """A folder for a run that starts now; its record is the caller's to write."""
        return Run(self.root / "runs" / f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}")

    @contextmanager
    def locked(self, wait_seconds: float) -> Iterator[None]:
        """Hold the store for one run. Raises StoreLocked, naming the holder, when it is not free in time."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.root / ".lock", timeout=wait_seconds)
        holder = self.root / ".lock.holder"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        except Timeout as error:
            raise StoreLocked(
                f"{self.root} is held by {_holder(holder)}; wait for it, or pass --wait SECONDS"
            ) from error
        except OSError as error:
            lock.release()
            raise StoreError(f"{self.root} cannot be written: {error.strerror}; check [store] url") from error
        try:
            yield
        finally:
            lock.release()


def open_store(url: str, mirrors: Path) -> Store:
    """The store at a local path or at an fsspec URL, whose local side then is a folder of its own in `mirrors`.

    Raises RemoteError where no file system for that URL is installed.
    """
    if "://" not in url:
        return Store(Path(url))
    return Store(mirrors / quote(url, safe=""), Remote(url))


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text())
        return f"process {held['pid']} on {held['host']}"
    except (OSError, ValueError, KeyError):
        return "another run"


def unfinished(runs: Sequence[Run], configuration_sha256: str) -> Run | None:
    """The newest run of that configuration whose collection did not end."""
    for run in reversed(runs):
        record = run.record()
        if record.state == "collecting" and record.configuration_sha256 == configuration_sha256:
            return run
    return None
