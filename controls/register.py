"""The organization's registers: exceptions to controls, and what people attest; read once and then travelling along."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from controls.documents import DocumentError, Entry, entries, parse, read_text, refuse_duplicates, validated
from evidence.findings import RequirementRef

_SHA256 = re.compile(r"[0-9a-f]{64}")


class RegisterError(Exception):
    """A register cannot be used. The message names file, entry, key and fix, one problem a line."""


class Record(BaseModel):
    """What travels with the pack."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ExceptionRecord(Record):
    """A documented exception: a failure that is known, justified and made up for."""

    id: str
    control: str
    subject: str
    """Id of the row it covers; `*` within it stands for any text."""
    reason: str
    owner: str
    approver: str
    compensating_control: str
    approved: dt.date
    expires: dt.date
    """The last day on which it counts."""

    def problem(self, as_of: dt.date) -> str:
        """Why it counts for nothing on that day; empty where it counts."""
        if _same_person(self.approver, self.owner):
            return f"approved by its owner, {self.owner}; another person has to approve it"
        return _dates_problem("approved", self.approved, self.expires, as_of)


class AttestationRecord(Record):
    """A person's statement about what metadata cannot decide."""

    id: str
    requirements: list[RequirementRef]
    statement: str
    document: str
    """Path of the document as the register names it."""
    sha256: str
    approver: str
    date: dt.date
    expires: dt.date
    """The last day on which it counts."""
    not_applicable: bool
    document_problem: str
    """What was wrong with the document when the register was read; empty for nothing. It travels along, so that
    whoever verifies needs no document."""

    def problem(self, as_of: dt.date) -> str:
        """Why it counts for nothing on that day; empty where it counts."""
        return self.document_problem or _dates_problem("dated", self.date, self.expires, as_of)


def _same_person(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _dates_problem(begun: str, start: dt.date, end: dt.date, as_of: dt.date) -> str:
    if start > as_of:
        return f"{begun} {start}, after the date of the assessment"
    return f"expired on {end}" if end < as_of else ""


# --- reading --------------------------------------------------------------------------------------------------------


class _Dated(Entry):
    id: str = Field(min_length=1, max_length=100)
    approver: str = Field(min_length=1)
    expires: dt.date


class _ExceptionEntry(_Dated):
    control: str = Field(min_length=1)
    subject: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    compensating_control: str = Field(min_length=1)
    approved: dt.date

    @model_validator(mode="after")
    def _in_order(self) -> _ExceptionEntry:
        if self.expires < self.approved:
            raise ValueError(f"expires: {self.expires} lies before approved, {self.approved}; correct one of them")
        return self


class _AttestationEntry(_Dated):
    framework: str = Field(min_length=1)
    requirements: list[str] = Field(min_length=1)
    statement: str = Field(min_length=1)
    document: str = Field(min_length=1)
    sha256: str
    date: dt.date
    not_applicable: bool = False

    @model_validator(mode="after")
    def _plausible(self) -> _AttestationEntry:
        if self.expires < self.date:
            raise ValueError(f"expires: {self.expires} lies before date, {self.date}; correct one of them")
        if not _SHA256.fullmatch(self.sha256.lower()):
            raise ValueError("sha256: expected 64 hexadecimal digits; `sha256sum DOCUMENT` prints them")
        return self


def load_exceptions(path: Path) -> list[ExceptionRecord]:
    """The `[[exception]]` entries of a register, in their order. Raises RegisterError."""
    try:
        found = [validated(where, _ExceptionEntry, table) for where, table in _entries(path, "exception")]
        refuse_duplicates(str(path), "[[exception]]", [entry.id for entry in found])
    except DocumentError as error:
        raise RegisterError(str(error)) from error
    return [ExceptionRecord(**entry.model_dump()) for entry in found]


def load_attestations(path: Path) -> list[AttestationRecord]:
    """The `[[attestation]]` entries of a register, in their order, each with its document checked.

    A document that is missing or differs makes no error: the attestation says so and counts for nothing. Raises
    RegisterError.
    """
    try:
        found = [validated(where, _AttestationEntry, table) for where, table in _entries(path, "attestation")]
        refuse_duplicates(str(path), "[[attestation]]", [entry.id for entry in found])
    except DocumentError as error:
        raise RegisterError(str(error)) from error
    return [_attestation(path, entry) for entry in found]


def _entries(path: Path, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    document = parse(str(path), read_text(path))
    return entries(str(path), document, name) if document else iter(())


def _attestation(path: Path, entry: _AttestationEntry) -> AttestationRecord:
    fields = entry.model_dump(exclude={"framework", "requirements", "sha256"})
    return AttestationRecord(
        **fields,
        requirements=[RequirementRef(framework=entry.framework, requirement=name) for name in entry.requirements],
        sha256=entry.sha256.lower(),
        document_problem=_document_problem(path.parent / entry.document, entry.document, entry.sha256.lower()),
    )


def _document_problem(path: Path, name: str, sha256: str) -> str:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"its document {name} cannot be read: {error.strerror}"
    except ValueError:  # a NUL
        return f"its document {name} cannot be read: that is no name of a file"
    return "" if digest == sha256 else f"its document {name} is not the one attested: its SHA-256 is {digest}"
