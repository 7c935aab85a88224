"""What standards say in figures: cryptoperiods, strengths, categories, suites and end dates, with where each stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

ROOM = Path(__file__).parent
"""The folder of the data files, each named as its `id`."""

Value = int | str | list[str]
"""What a fact of an entry can be where a parameter of a control takes it."""


class StandardError(ValueError):
    """A data file cannot be used, or does not hold what is asked of it. The message names file, place and reason."""


class Status(StrEnum):
    """Whether a document is in force."""

    FINAL = "final"
    DRAFT = "draft"


class Use(StrEnum):
    """What an algorithm is for."""

    SIGNATURE = "signature"
    ESTABLISHMENT = "establishment"
    """Key establishment, and encryption with a public key: whatever keeps a secret between two parties."""
    ENCRYPTION = "encryption"
    """Encryption with a secret key, and message authentication."""


class Effect(StrEnum):
    """What happens to an algorithm at a date."""

    DEPRECATED = "deprecated"
    """It may be used at one's own risk."""
    DISALLOWED = "disallowed"
    REPLACED = "replaced"
    """Post-quantum algorithms are to have taken its place."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Document(_Model):
    """A publication that figures are taken from."""

    id: str
    name: str = Field(min_length=1)
    """Publisher, number and revision, as one cites it."""
    edition: str = Field(min_length=1)
    """When it was published, and as what."""
    status: Status = Field(strict=False)
    url: str = Field(pattern=r"^https://\S+$")

    @property
    def citation(self) -> str:
        """Its name, with what one must know of a draft."""
        return f"{self.name} (draft, not in force: {self.edition})" if self.status is Status.DRAFT else self.name


class Entry(_Model):
    """One row: figures, and where they stand."""

    name: str = Field(min_length=1)
    document: str
    place: str = Field(min_length=1)
    """Section or table of the document."""
    says: str = Field(min_length=1)
    """The row in our own words."""


class Cryptoperiod(Entry):
    """A type of key and how long it may be used. The names are those of KMIP's NIST Key Type enumeration."""

    originator: str
    """How long its owner may protect data with it."""
    recipient: str
    """How long what it protects may be processed; empty where the table sets one period for both."""
    originator_days: int | None = Field(default=None, gt=0)
    """The longest originator-usage period, a year taken as 365 days; None where the table sets no number."""


class Strength(Entry):
    """A kind of key and its classical security strength."""

    algorithm: str
    parameter_set: str = ""
    bits: int = Field(ge=0)
    """Size of the key; where an algorithm has rows by size, the smallest that reaches the row."""
    security_bits: int = Field(ge=0)


class Category(Entry):
    """An algorithm that is in a post-quantum category of NIST."""

    algorithm: str
    use: Use = Field(strict=False)
    bits: int = Field(ge=0)
    """Size of the key; 0 where the parameter set says all."""
    category: int | None = Field(ge=1, le=5, default=None)
    """None for a family whose parameter sets are in different categories."""
    security_bits: int | None = Field(ge=0, default=None)
    """Classical security strength; None where the category is."""


class Suite(Entry):
    """A list of algorithms that somebody admits, and no other.

    Each is named by its parameter set (`ML-KEM-1024`, `P-384`; of HMAC by its hash, `SHA-384`), by family and size
    (`AES-256`) or, where any of the family will do, by the family (`LMS`).
    """

    algorithms: list[str] = Field(min_length=1)
    binds: str
    """Whom it is for."""


class Transition(Entry):
    """What ends, or is to have been replaced, and when."""

    effect: Effect = Field(strict=False)
    uses: list[Literal["signature", "establishment", "encryption"]] = Field(min_length=1)
    algorithms: list[str] = Field(min_length=1)
    """Families, or `quantum-vulnerable` for each that a quantum computer breaks."""
    binds: str
    """Whom it is for; empty for whoever follows the document."""
    last_day: date | None = None
    """The last day before; None for what was never allowed."""
    below_bits: int | None = Field(default=None, gt=0)
    """It concerns only keys with less strength than this; None for every strength."""

    def concerns(self, use: Use, security_bits: int) -> bool:
        """It ends this use of a quantum-vulnerable key of that strength."""
        of_this_strength = self.below_bits is None or security_bits < self.below_bits
        return QUANTUM_VULNERABLE in self.algorithms and use in self.uses and of_this_strength


QUANTUM_VULNERABLE = "quantum-vulnerable"
"""Stands for RSA, finite-field and elliptic-curve algorithms together."""

EntryT = TypeVar("EntryT", bound=Entry)


class Standard(_Model):
    """One data file."""

    id: str = Field(pattern=r"^[a-z]+(-[a-z]+)*$")
    title: str = Field(min_length=1)
    version: date
    """When it was last checked, and so which state of it this is."""
    note: str = Field(min_length=1)
    document: list[Document] = Field(min_length=1)
    cryptoperiod: list[Cryptoperiod] = []
    strength: list[Strength] = []
    category: list[Category] = []
    suite: list[Suite] = []
    transition: list[Transition] = []

    @model_validator(mode="after")
    def _consistent(self) -> Standard:
        documents = [document.id for document in self.document]
        names = [entry.name for entry in self.entries]
        for what, found in (("documents", documents), ("entries", names)):
            if len(set(found)) < len(found):
                raise ValueError(f"two {what} have the same name")
        if not names:
            raise ValueError("it has no entries")
        for entry in self.entries:
            if entry.document not in documents:
                raise ValueError(f"{entry.name}: no such document: {entry.document}")
        if unused := set(documents) - {entry.document for entry in self.entries}:
            raise ValueError(f"no entry is taken from {', '.join(sorted(unused))}")
        return self

    @property
    def entries(self) -> Sequence[Entry]:
        """All rows, of whatever kind, in their order."""
        return [*self.cryptoperiod, *self.strength, *self.category, *self.suite, *self.transition]

    def source(self, entry: Entry) -> Document:
        """The document that an entry is taken from."""
        return next(document for document in self.document if document.id == entry.document)

    def value(self, names: Sequence[str], fact: str) -> tuple[Value, str]:
        """What the named entries agree on, and its source as one line; lists are joined.

        Raises StandardError where there is no such entry or fact, or the entries differ.
        """
        found = [self._entry(name) for name in names]
        values = [_value(entry, fact) for entry in found]
        if all(isinstance(value, list) for value in values):
            joined: Value = [item for value in values if isinstance(value, list) for item in value]
        elif any(value != values[0] for value in values):
            raise StandardError(f"{self.id}: {', '.join(names)} have different values of {fact}")
        else:
            joined = values[0]
        return joined, "; ".join(self._citations(found))

    def _entry(self, name: str) -> Entry:
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.entries)
        raise StandardError(f"{self.id}: no such entry: {name!r}; known here: {known}")

    def _citations(self, entries: Sequence[Entry]) -> Iterator[str]:
        """One text a place of a document, with all that is taken from there."""
        places: dict[str, list[str]] = {}
        for entry in entries:
            places.setdefault(f"{self.source(entry).citation}, {entry.place}", []).append(entry.says)
        for place, said in places.items():
            yield f"{place}: {', '.join(dict.fromkeys(said))}"


_TEXTS = {*Entry.model_fields}


def _value(entry: Entry, fact: str) -> Value:
    value = getattr(entry, fact, None) if fact in type(entry).model_fields.keys() - _TEXTS else None
    if value is None:
        raise StandardError(f"{entry.name}: it has no {fact}")
    return value.isoformat() if isinstance(value, date) else value


def read_standard(where: str, text: str) -> Standard:
    """The data file of that text; `where` is its name in messages. Raises StandardError."""
    try:
        return Standard.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise StandardError(f"{where}: not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
        raise StandardError(f"{where}: {place + ': ' if place else ''}{first['msg']}") from error


@cache
def standards() -> Mapping[str, Standard]:
    """The data files that come with keyproof, by id. They are read when first asked for."""
    read = [read_standard(path.name, path.read_text("utf-8")) for path in sorted(ROOM.glob("*.toml"))]
    return {standard.id: standard for standard in read}
