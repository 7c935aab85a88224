"""The rows of a token's scope: its own reading comes first, then that of each thing on it, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from collectors.pkcs11.facts.attributes import READ, Object, read_objects
from collectors.pkcs11.facts.certificate import certificate_rows
from collectors.pkcs11.facts.key import key_rows
from collectors.pkcs11.facts.scope import Setting
from collectors.pkcs11.facts.token import LOGIN, Token, read_token, store_rows
from collectors.pkcs11.objects import FIND, Thing
from collectors.scope_rows import Tally
from evidence.model import Gap, Key, Row
from evidence.reading import Failure, Reading

_TABLES = ("key", "key_version", "certificate")
"""Tables whose rows are made of objects."""


@dataclass(slots=True)
class _Progress:
    """What is kept of what was read until the end of the scope."""

    waiting: dict[str, Thing]
    """Things whose reading has not come yet."""
    certificates: list[tuple[Thing, Reading]] = field(default_factory=list)
    validations: list[Object] = field(default_factory=list)
    validation_unread: Failure | None = None
    exportable: dict[str, tuple[bool | None, tuple[str, Failure] | None]] = field(default_factory=dict)


def normalize_token(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope. Certificates come after all keys, and the token itself after them."""
    tally = Tally(setting.operations)
    first = next(readings, Reading("", []))
    own = first if first.subject == "" else Reading("", [])
    token = read_token(setting, own)
    progress = _Progress(dict(token.contents.things))
    tally.listed = _listed(token)
    tally.described = int(token.info is not None)
    if token.contents.unread:
        token.reading.failures.setdefault(READ, token.contents.unread)
    tally.count(own)
    yield from _missing(setting, token)
    if first.subject:
        yield from _thing_rows(setting, token, progress, first, tally)
    for reading in readings:
        yield from _thing_rows(setting, token, progress, reading, tally)
    for uri in list(progress.waiting):
        yield from _thing_rows(setting, token, progress, Reading(uri, []), tally)
    for thing, reading in progress.certificates:
        yield from certificate_rows(setting, token, thing, reading, progress.exportable)
        tally.count(reading)
    yield from store_rows(setting, token, progress.validations, progress.validation_unread)
    yield from tally.rows(setting, identity=token.identity)


def _listed(token: Token) -> int | None:
    """The token and its keys and certificates; None where some may not have been found."""
    if token.unseen:
        return None
    return 1 + sum(thing.object_class != "CKO_VALIDATION" for thing in token.contents.things.values())


def _missing(setting: Setting, token: Token) -> Iterator[Row]:
    """The gaps of rows that may be missing, since objects do not show or cannot be told what they are."""
    failures = token.reading.failures
    reasons = [(operation, failures[operation]) for operation in (FIND, LOGIN) if operation in failures]
    reasons += [(READ, token.contents.unread)] if token.contents.unread else []
    anchor = Key(**setting.bookkeeping(setting.header.id, ()))
    for operation, failure in reasons:
        for table in _TABLES:
            yield setting.rows_missing(anchor, table, "", operation, failure)


def _thing_rows(setting: Setting, token: Token, progress: _Progress, reading: Reading, tally: Tally) -> Iterator[Row]:
    """The rows of one thing; what has to wait for others is kept."""
    thing = progress.waiting.pop(reading.subject, None)
    if thing is None:
        tally.count(reading)
    elif thing.object_class == "CKO_CERTIFICATE":
        tally.described += bool(reading.observations)
        progress.certificates.append((thing, reading))
    elif thing.object_class == "CKO_VALIDATION":
        objects = read_objects(reading, thing)
        progress.validations += objects
        progress.validation_unread = progress.validation_unread or reading.failures.get(READ)
        tally.count(reading)
    else:
        tally.described += bool(reading.observations)
        yield from _key_rows(setting, token, thing, reading, progress)
        tally.count(reading)


def _key_rows(setting: Setting, token: Token, thing: Thing, reading: Reading, progress: _Progress) -> Iterator[Row]:
    """A key's rows, of which its certificates will need to know whether it can be extracted."""
    extractable: bool | None = None
    why: tuple[str, Failure] | None = None
    for row in key_rows(setting, token, thing, reading):
        if isinstance(row, Key):
            extractable = row.extractable
        elif isinstance(row, Gap) and row.kind is not None and "extractable" in (row.columns or ()):
            why = (row.operation or "", Failure(row.kind, row.error or "", next(iter(row.evidence), "")))
        yield row
    progress.exportable[thing.uri] = (extractable, why)
