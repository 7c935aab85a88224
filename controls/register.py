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
from controls.predicate import Predicate, PredicateError, read_predicate
from evidence.findings import RequirementRef, Topic
from evidence.model import Key, columns

_SHA256 = re.compile(r"[0-9a-f]{64}")


class RegisterError(Exception):
    """A register cannot be used. The message names file, entry, key and fix, one problem a line."""


class Record(BaseModel):
    """What travels with the pack."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Approved(Record):
    """What somebody answers for and somebody else approved, with the document that shows it."""

    id: str
    owner: str
    approver: str
    expires: dt.date
    """The last day on which it counts."""
    document: str
    """Path of the document as the register names it; empty for none."""
    sha256: str
    document_problem: str
    """What was wrong with the document when the register was read; empty for nothing. It travels along, so that
    whoever verifies needs no document."""

    @property
    def approved_by_another(self) -> bool:
        """Whoever approved it is not its owner."""
        return not _same_person(self.approver, self.owner)

    def _problem(self, begun: str, start: dt.date, as_of: dt.date) -> str:
        if not self.approved_by_another:
            return f"approved by its owner, {self.owner}; another person has to approve it"
        return self.document_problem or _dates_problem(begun, start, self.expires, as_of)


class ExceptionRecord(Approved):
    """A documented exception: a failure that is known, justified and made up for."""

    control: str
    subjects: list[str]
    """Ids of the rows it covers; `*` within one stands for any text. Empty where `where` says which."""
    where: str
    """Condition on the tags of the rows it covers, in SQL; empty where it names subjects."""
    reason: str
    compensating_control: str
    approved: dt.date

    def problem(self, as_of: dt.date) -> str:
        """Why it counts for nothing on that day; empty where it counts."""
        return self._problem("approved", self.approved, as_of)


class AttestationRecord(Approved):
    """A person's statement about what metadata cannot decide."""

    requirements: list[RequirementRef]
    topic: Topic | None
    subjects: list[str]
    """Ids of what it is about; `*` within one stands for any text."""
    statement: str
    date: dt.date
    not_applicable: bool
    occurred: dt.date | None
    target: dt.date | None
    counts: dict[str, int]
    principals_sha256: str

    def problem(self, as_of: dt.date) -> str:
        """Why it counts for nothing on that day; empty where it counts."""
        return self._problem("dated", self.date, as_of)


def _same_person(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _dates_problem(begun: str, start: dt.date, end: dt.date, as_of: dt.date) -> str:
    if start > as_of:
        return f"{begun} {start}, after the date of the assessment"
    return f"expired on {end}" if end < as_of else ""


# --- reading --------------------------------------------------------------------------------------------------------


COUNTED = {
    Topic.RECONCILIATION: ("key", "secret", "certificate"),
    Topic.SECRET_SCAN: ("finding",),
}
"""Topic → what its attestation counts."""

OCCURRED = (Topic.COMPROMISE, Topic.DEPARTURE)
"""Topics about something that happened, whose attestation says when."""

SUBJECTS = {
    Topic.ACKNOWLEDGEMENT: "principals",
    Topic.RECOVERY_EXERCISE: "key stores",
    Topic.KEY_TRANSFER: "imported keys",
    Topic.BACKUP: "key stores or keys",
    Topic.ACCESS_REVIEW: "key stores",
    Topic.COLLECTOR_RIGHTS: "scopes",
    Topic.RECONCILIATION: "scopes",
    Topic.CHANGE: "keys and secrets",
    Topic.DESTRUCTION: "keys and secrets",
    Topic.COMPROMISE: "keys",
    Topic.DEPARTURE: "keys",
    Topic.MIGRATION: "keys",
    Topic.CERTIFICATE_REGISTER: "certificates",
}
"""Topic → whose ids its subjects are; the other topics are about the organization as a whole."""


def subject_pattern(subject: str) -> str:
    """A LIKE pattern, with `\\` as its escape, in which `*` alone stands for any text."""
    for special in ("\\", "%", "_"):
        subject = subject.replace(special, f"\\{special}")
    return subject.replace("*", "%")


class _ApprovedEntry(Entry):
    id: str = Field(min_length=1, max_length=100)
    owner: str = Field(min_length=1)
    approver: str = Field(min_length=1)
    expires: dt.date
    sha256: str = ""

    @model_validator(mode="after")
    def _digest(self) -> _ApprovedEntry:
        if self.sha256 and not _SHA256.fullmatch(self.sha256.lower()):
            raise ValueError("sha256: expected 64 hexadecimal digits; `sha256sum DOCUMENT` prints them")
        return self


class _ExceptionEntry(_ApprovedEntry):
    control: str = Field(min_length=1)
    subjects: list[str] = Field(default_factory=list)
    where: str = ""
    reason: str = Field(min_length=1)
    compensating_control: str = Field(min_length=1)
    approved: dt.date
    document: str = ""

    @model_validator(mode="after")
    def _plausible(self) -> _ExceptionEntry:
        _in_order("approved", self.approved, self.expires)
        if bool(self.subjects) == bool(self.where):
            raise ValueError("subjects: name the subjects, or give a condition on their tags as `where`; not both")
        if bool(self.document) != bool(self.sha256):
            raise ValueError("sha256: a document and its SHA-256 come together; `sha256sum DOCUMENT` prints it")
        if self.where:
            check_condition(self.where)
        return self


class _AttestationEntry(_ApprovedEntry):
    framework: str = ""
    requirements: list[str] = Field(default_factory=list)
    topic: Topic | None = Field(default=None, strict=False)
    subjects: list[str] = Field(default_factory=lambda: ["*"], min_length=1)
    statement: str = Field(min_length=1)
    document: str = Field(min_length=1)
    sha256: str
    date: dt.date
    not_applicable: bool = False
    occurred: dt.date | None = None
    target: dt.date | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    principals_sha256: str = ""

    @model_validator(mode="after")
    def _plausible(self) -> _AttestationEntry:
        _in_order("date", self.date, self.expires)
        if not self.sha256:
            raise ValueError("sha256: expected 64 hexadecimal digits; `sha256sum DOCUMENT` prints them")
        if bool(self.framework) != bool(self.requirements):
            raise ValueError("requirements: a framework and its requirements come together")
        if not self.topic and not self.requirements:
            raise ValueError("topic: say what it is about, by a topic or by a framework and its requirements")
        if not self.requirements and self.not_applicable:
            raise ValueError("not_applicable: only requirements can be said not to apply; name them")
        for problem in self._problems_of_topic():
            raise ValueError(problem)
        return self

    def _problems_of_topic(self) -> Iterator[str]:
        """What does not go with its topic."""
        counted = COUNTED.get(self.topic, ()) if self.topic else ()
        if unknown := sorted(set(self.counts) - set(counted)):
            yield f"counts.{unknown[0]}: not counted here; what is: {', '.join(counted) or 'nothing'}"
        if self.topic in COUNTED and not self.counts:
            yield f"counts: say how many there are: {', '.join(counted)}"
        if any(count < 0 for count in self.counts.values()):
            yield "counts: a number of 0 or more is wanted"
        if (self.topic in OCCURRED) != (self.occurred is not None):
            yield "occurred: goes with " + " and ".join(f"topic {topic}" for topic in OCCURRED) + ", which need it"
        if self.occurred and self.occurred > self.date:
            yield f"occurred: {self.occurred} lies after date, {self.date}; correct one of them"
        if (self.topic is Topic.MIGRATION) != (self.target is not None):
            yield f"target: goes with topic {Topic.MIGRATION}, which needs it"
        if self.principals_sha256 and self.topic is not Topic.ACCESS_REVIEW:
            yield f"principals_sha256: goes with topic {Topic.ACCESS_REVIEW} alone"
        if self.principals_sha256 and not _SHA256.fullmatch(self.principals_sha256):
            yield "principals_sha256: expected 64 hexadecimal digits in small letters"


def _in_order(begun: str, start: dt.date, expires: dt.date) -> None:
    if expires < start:
        raise ValueError(f"expires: {expires} lies before {begun}, {start}; correct one of them")


CONDITION_COLUMNS = {
    column.name: column
    for column in columns(Key)
    if column.name in ("name", "account", "region", "owner", "business_purpose", "data_class", "environment", "tags")
}
"""What the condition of an exception may be about: what its owner calls a key or secret, and its place."""


def check_condition(text: str) -> Predicate:
    """The condition of an exception. Raises ValueError where it is none."""
    try:
        return read_predicate(text, CONDITION_COLUMNS, {})
    except PredicateError as error:
        raise ValueError(f"where: {error}") from error


def load_exceptions(path: Path) -> list[ExceptionRecord]:
    """The `[[exception]]` entries of a register, in their order, each with its document checked, if it names one.

    Raises RegisterError.
    """
    return read_exceptions(path, read_register(path))


def read_exceptions(path: Path, text: str) -> list[ExceptionRecord]:
    """The entries of a register that reads `text`, whatever stands at `path`. Raises RegisterError."""
    try:
        found = [validated(where, _ExceptionEntry, table) for where, table in _entries(path, text, "exception")]
        refuse_duplicates(str(path), "[[exception]]", [entry.id for entry in found])
    except DocumentError as error:
        raise RegisterError(str(error)) from error
    return [
        ExceptionRecord(
            **entry.model_dump(exclude={"sha256"}),
            sha256=entry.sha256.lower(),
            document_problem=_document_problem(path, entry.document, entry.sha256.lower()) if entry.document else "",
        )
        for entry in found
    ]


def load_attestations(path: Path) -> list[AttestationRecord]:
    """The `[[attestation]]` entries of a register, in their order, each with its document checked.

    A document that is missing or differs makes no error: the attestation says so and counts for nothing. Raises
    RegisterError.
    """
    return read_attestations(path, read_register(path))


def read_attestations(path: Path, text: str) -> list[AttestationRecord]:
    """The entries of a register that reads `text`, whatever stands at `path`. Raises RegisterError."""
    try:
        found = [validated(where, _AttestationEntry, table) for where, table in _entries(path, text, "attestation")]
        refuse_duplicates(str(path), "[[attestation]]", [entry.id for entry in found])
    except DocumentError as error:
        raise RegisterError(str(error)) from error
    return [_attestation(path, entry) for entry in found]


def read_register(path: Path) -> str:
    """The text of a register, its ends of lines as they are. Raises RegisterError."""
    try:
        return read_text(path)
    except DocumentError as error:
        raise RegisterError(str(error)) from error


def _entries(path: Path, text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    document = parse(str(path), text)
    return entries(str(path), document, name) if document else iter(())


def _attestation(path: Path, entry: _AttestationEntry) -> AttestationRecord:
    fields = entry.model_dump(exclude={"framework", "requirements", "sha256"})
    return AttestationRecord(
        **fields,
        requirements=[RequirementRef(framework=entry.framework, requirement=name) for name in entry.requirements],
        sha256=entry.sha256.lower(),
        document_problem=_document_problem(path, entry.document, entry.sha256.lower()),
    )


def _document_problem(register: Path, name: str, sha256: str) -> str:
    try:
        with (register.parent / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"its document {name} cannot be read: {error.strerror}"
    except ValueError:  # a NUL
        return f"its document {name} cannot be read: that is no name of a file"
    return "" if digest == sha256 else f"its document {name} is not the one attested: its SHA-256 is {digest}"
