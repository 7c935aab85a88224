"""The registers of exceptions and attestations: an entry added, and all of them beside what the newest run shows.

An entry is appended as text: every byte that stands in the file stays as it is, comments and order included, without a
library that would have to write it all anew. What is appended is known to be well formed because the whole file is read
as an assessment reads it, before it takes the place of the old one.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from controls.catalogue import Catalogue
from controls.engine import used_attestation, used_exception
from controls.register import (
    AttestationRecord,
    ExceptionRecord,
    RegisterError,
    read_attestations,
    read_exceptions,
    read_register,
    subject_pattern,
)
from evidence.database import literal, opened, parquet_file
from evidence.findings import Assessment, AttestationUsed, ExceptionUsed
from evidence.manifest import FINDINGS, digest_file
from evidence.model import TABLES
from evidence.store import Run, Store, write_atomically
from keyproof.configuration import Configuration
from keyproof.pack import ASSESSMENT, document_name, documented

# ruff: noqa: S608 - what is put into SQL are columns and tables of this package

SOON_DAYS = 30
"""Days before its end from which on an entry is warned of."""

LOCK_SECONDS = 10.0
"""How long an entry waits for another that is being added to the same folder."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

RecordT = TypeVar("RecordT", ExceptionRecord, AttestationRecord)
UsedT = TypeVar("UsedT", ExceptionUsed, AttestationUsed)
Value = str | bool | int | date | Sequence[str] | Mapping[str, int]
"""What an entry's key may hold."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[RecordT, UsedT]):
    """One of the two kinds of register."""

    name: str
    """What an entry is, as the table of the file is called."""
    setting: str
    """The key in `[audit]` that names the file."""
    read: Callable[[Path, str], list[RecordT]]
    used: Callable[[RecordT, Catalogue, datetime], UsedT]
    unmatched: Callable[[UsedT, Run], Sequence[str]]
    """Patterns of its subjects that nothing in a run matches."""

    def register(self, configuration: Configuration) -> Register:
        """Where its entries stand, or are to stand where the configuration names no file."""
        configured: Path | None = getattr(configuration.audit, self.setting)
        default = configuration.path.resolve().parent / f"{self.setting}.toml"
        return Register(configured or default, configured is not None)

    def entries(self, register: Register) -> list[RecordT]:
        """The entries of a configured register; none where none is configured. Raises RegisterError."""
        return self.read(register.path, read_register(register.path)) if register.configured else []


@dataclass(frozen=True, slots=True)
class Register:
    """A file of entries."""

    path: Path
    configured: bool


@dataclass(frozen=True, slots=True)
class Standing(Generic[UsedT]):
    """An entry, and what there is to say of it."""

    used: UsedT
    days_left: int
    """Days from the day asked about to the last on which it counts; negative once it has expired."""
    covers: int | None
    """Failures that an exception covers in the newest assessment; None where that did not see the entry as it is."""
    warnings: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        told = {**self.used.model_dump(mode="json"), "days_left": self.days_left, "warnings": list(self.warnings)}
        return {**told, "covers": self.covers} if "covers" in told else told


# --- an entry is added --------------------------------------------------------------------------------------------


def add_entry(
    kind: Kind[RecordT, UsedT], path: Path, fields: Mapping[str, Value], catalogue: Catalogue, now: datetime
) -> UsedT:
    """Append an entry to the register at `path`, which is made where it is missing.

    Several may do so at once. Raises RegisterError, and leaves the file as it is, where the file could not be read
    with the entry in it, where the entry would count for nothing at `now`, or where the file cannot be written.
    """
    try:
        file = path.resolve()
        file.parent.mkdir(parents=True, exist_ok=True)
        with _held(file.parent):
            before = read_register(path) if path.exists() else ""
            kind.read(path, before)  # what is wrong with it already is not the new entry's fault
            after = before + _appended(before, kind.name, fields)
            used = kind.used(kind.read(path, after)[-1], catalogue, now)
            if not used.valid:
                raise RegisterError(f"{path}: {kind.name} {used.id} would count for nothing: {used.problem}")
            write_atomically(file, after.encode("utf-8"))
    except OSError as error:
        raise RegisterError(f"{path}: cannot be written: {error.strerror}; nothing was added") from error
    return used


def document_fields(register: Path, document: Path) -> Mapping[str, Value]:
    """The keys that name a document: its path as seen from the register, and its SHA-256. Raises RegisterError."""
    try:
        if not document.is_file():
            raise RegisterError(f"{document}: is no file; name the document itself")
        digest = digest_file(document).sha256
    except OSError as error:
        raise RegisterError(f"{document}: cannot be read: {error.strerror}") from error
    return {"document": Path(os.path.relpath(document, register.parent)).as_posix(), "sha256": digest}


def _appended(before: str, name: str, fields: Mapping[str, Value]) -> str:
    lines = [f"[[{name}]]", *(f"{key} = {_toml(value)}" for key, value in fields.items())]
    end = "\r\n" if "\r\n" in before else "\n"
    apart = (end if not before.endswith("\n") else "") + end if before else ""
    return apart + "".join(line + end for line in lines)


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _toml_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        members = (f"{_toml_key(name)} = {number}" for name, number in value.items())
        return f"{{ {', '.join(members)} }}"
    return f"[{', '.join(_toml_text(text) for text in value)}]"


def _toml_key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _toml_text(name)


def _toml_text(text: str) -> str:
    """A basic string. TOML knows all escapes of JSON, and one more character that has to be escaped."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RegisterError(f"{text!r}: is not UTF-8, which a register has to be; rename or reword it") from error
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder against other keyproofs that add entries, without a file of a lock that would stay behind."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        until = time.monotonic() + LOCK_SECONDS
        while not _taken(descriptor):
            if time.monotonic() > until:
                raise RegisterError(f"{folder}: another keyproof is adding an entry there; try again")
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# --- entries beside what a run shows ------------------------------------------------------------------------------


def assessed_run(store: Store) -> Run | None:
    """The newest run of the store that was assessed on this machine; None where there is none."""
    wanted = (ASSESSMENT, FINDINGS)
    runs = (run for run in reversed(store.runs()) if all((run.assessment / name).is_file() for name in wanted))
    return next(runs, None)


def standings(
    kind: Kind[RecordT, UsedT], records: Sequence[RecordT], catalogue: Catalogue, as_of: datetime, run: Run | None
) -> list[Standing[UsedT]]:
    """Each entry as it counts at `as_of`, beside what `run` shows. Raises RegisterError where that is damaged."""
    judged = _judged(run) if run else {}
    return [_standing(kind, kind.used(record, catalogue, as_of), as_of.date(), run, judged) for record in records]


def _judged(run: Run) -> Mapping[str, ExceptionUsed]:
    """The exceptions that a run was assessed with, by id."""
    return {used.id: used for used in _assessment(run).exceptions}


def _assessment(run: Run) -> Assessment:
    path = run.assessment / ASSESSMENT
    try:
        return Assessment.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RegisterError(f"{path}: cannot be read; `keyproof assess` writes it anew") from error


def _standing(
    kind: Kind[RecordT, UsedT], used: UsedT, day: date, run: Run | None, judged: Mapping[str, ExceptionUsed]
) -> Standing[UsedT]:
    covers = _covers(used, judged)
    left = (used.expires - day).days
    warnings = []
    if used.valid and left < SOON_DAYS:
        warnings.append(f"expires within {SOON_DAYS} days, on {used.expires}")
    if run and used.valid:
        unmatched = kind.unmatched(used, run)
        warnings += [f"nothing in run {run.folder.name} is named {pattern}" for pattern in unmatched]
        if covers == 0 and not unmatched:
            warnings.append(f"covers no failure in run {run.folder.name}")
    return Standing(used, left, covers, warnings)


def _covers(used: ExceptionUsed | AttestationUsed, judged: Mapping[str, ExceptionUsed]) -> int | None:
    """Failures that it covered, where that assessment saw the same entry and found it valid."""
    before = judged.get(used.id)
    if before is None or not (before.valid and used.valid):
        return None
    return before.covers if before.model_copy(update={"covers": 0}) == used else None


def _unmatched_in_findings(used: ExceptionUsed, run: Run) -> list[str]:
    """Patterns that match no row that its control judged."""
    path = run.assessment / FINDINGS
    return _unmatched(used.subjects, [(path, "subject", f"control = {literal(used.control)}")])


def reviewed_principals(run: Run, subjects: Sequence[str]) -> str:
    """The digest of who may do what with one key store and what it holds, as the run's inventory shows it.

    Raises RegisterError where that is not one store, or where the run does not show all of it.
    """

    from controls.views.review import PRINCIPALS_SQL

    with opened() as database:
        for table in ("key_store", "key", "secret", "access", "scope", "gap"):
            path = run.inventory / f"{table}.parquet"
            database.execute(f"CREATE VIEW {table} AS FROM {parquet_file(path)}")
        found = database.execute(
            f"SELECT principals_sha256 FROM ({PRINCIPALS_SQL}) WHERE list_contains($subjects, id)",
            {"subjects": list(subjects)},
        ).fetchall()
    name = run.folder.name
    if len(subjects) != 1 or len(found) != 1:
        raise RegisterError(
            f"--subject: a digest is of one key store, which {name} shows {len(found)} times for {', '.join(subjects)};"
            " give its id as the inventory has it, and one entry for each store"
        )
    ((digest,),) = found
    if digest is None:
        raise RegisterError(f"{name} does not show all principals of {subjects[0]}; the gaps of its report say why")
    return str(digest)


def _unmatched_in_inventory(used: AttestationUsed, run: Run) -> list[str]:
    """Patterns that match no row of the inventory, and no principal in it."""
    tables = [table for table in TABLES if table not in ("gap", "observation")]
    places = [(run.inventory / f"{table}.parquet", "id", "true") for table in tables]
    return _unmatched(used.subjects, [*places, (run.inventory / "access.parquet", "principal", "true")])


def _unmatched(patterns: Sequence[str], places: Sequence[tuple[Path, str, str]]) -> list[str]:
    """The patterns that no value matches. `places`: a Parquet file, its column, and which of its rows count.

    Raises RegisterError where a file cannot be read.
    """
    import duckdb

    wanted = [pattern for pattern in patterns if pattern.strip("*")]
    if not wanted:
        return []
    with opened() as database:
        for path, column, condition in places:
            like = (
                f"SELECT 1 FROM {parquet_file(path)} WHERE ({condition}) AND {column} LIKE $pattern ESCAPE '\\' LIMIT 1"
            )
            try:
                found = {p for p in wanted if database.execute(like, {"pattern": subject_pattern(p)}).fetchall()}
            except duckdb.Error as error:
                raise RegisterError(f"{path}: cannot be read: {error}; `keyproof assess` writes it anew") from error
            wanted = [pattern for pattern in wanted if pattern not in found]
    return wanted


# --- documents that travel with a pack --------------------------------------------------------------------------


def documents_of(run: Run, configuration: Configuration) -> Mapping[str, Path]:
    """The documents of what counts in a run's assessment: what a pack calls them, and where they stand here.

    Raises RegisterError where the assessment cannot be read, or the configuration no longer names a register.
    """
    documents = {}
    for entry in documented(_assessment(run)):
        kind = EXCEPTIONS if isinstance(entry, ExceptionUsed) else ATTESTATIONS
        register = kind.register(configuration)
        if not register.configured:
            place = f"{configuration.path}: audit.{kind.setting}"
            raise RegisterError(f"{place}: is missing, but run {run.folder.name} was assessed with {entry.id} of it")
        documents[document_name(entry)] = register.path.parent / entry.document
    return documents


EXCEPTIONS: Kind[ExceptionRecord, ExceptionUsed] = Kind(
    "exception", "exceptions", read_exceptions, used_exception, _unmatched_in_findings
)
ATTESTATIONS: Kind[AttestationRecord, AttestationUsed] = Kind(
    "attestation", "attestations", read_attestations, used_attestation, _unmatched_in_inventory
)
