"""The normalize half: from a server's readings to its rows and gaps, purely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from collectors.kmip.facts.certificate import KeysOfCertificates, certificate_rows
from collectors.kmip.facts.key import key_rows
from collectors.kmip.facts.managed_object import ATTRIBUTES, CERTIFICATE, KEYS, SECRETS, Chain, ManagedObject, chains
from collectors.kmip.facts.scope import Setting
from collectors.kmip.facts.secret import secret_rows
from collectors.kmip.facts.server import LOCATE, ServerReading, store_rows
from collectors.kmip.operations import NOT_COVERED
from collectors.scope_rows import Tally
from collectors.source import Settings
from evidence.model import GapKind, Key, Row
from evidence.reading import Failure, Reading
from evidence.recording import ScopeHeader

SERVICES = ("kmip",)
"""Those of the scopes of a server."""

TABLES = ("key", "key_version", "certificate", "secret")
"""What an object may come to."""


def normalize(header: ScopeHeader, readings: Iterator[Reading], settings: Settings) -> Iterator[Row]:
    """The rows of one server, each followed by the gaps of what it does not know; the `scope` row comes last.

    Objects name one another by links, in any order, so that what is told of each is kept until all were read.
    Raises ValueError where the header names a service that is not KMIP.
    """
    if header.service not in SERVICES:
        raise ValueError(f"{header.id}: {header.service!r} is no service that is read of a KMIP server")
    setting = Setting(header, settings)
    tally = Tally(setting.operations)
    first = next(readings, Reading("", []))
    rest = iter([first]) if first.subject else iter(())
    own = Reading("", []) if first.subject else first
    server = ServerReading.read(own)
    tally.count(own)
    yield from store_rows(setting, server)
    setting = replace(setting, of_server=server.of_objects)
    yield from _not_covered(setting)
    if not server.whole:
        yield from _rows_missing(setting, "", *tally.why(LOCATE))
    objects = dict(_objects(setting, server, _chained(rest, readings), tally))
    yield from _object_rows(setting, server, objects)
    tally.listed = len(server.objects) if server.whole else None
    tally.described = sum(one.attributes is not None for one in objects.values())
    yield from tally.rows(setting)


def _chained(*parts: Iterable[Reading]) -> Iterator[Reading]:
    for part in parts:
        yield from part


def _objects(
    setting: Setting, server: ServerReading, readings: Iterator[Reading], tally: Tally
) -> Iterator[tuple[str, ManagedObject]]:
    """Every object that is listed, read or not."""
    waiting = {setting.object_id(identifier): identifier for identifier in server.objects}
    for reading in readings:
        if reading.subject in waiting:
            identifier = waiting.pop(reading.subject)
            yield identifier, ManagedObject.read(reading, identifier)
            tally.count(reading)
    for subject, identifier in waiting.items():
        unread = Reading(subject, [])
        yield identifier, ManagedObject.read(unread, identifier)
        tally.count(unread)


def _object_rows(setting: Setting, server: ServerReading, objects: Mapping[str, ManagedObject]) -> Iterator[Row]:
    for identifier, one in objects.items():
        if one.attributes is None:
            yield from _rows_missing(
                setting, setting.object_id(identifier), ATTRIBUTES, one.reading.failures[ATTRIBUTES]
            )
    paired = _public_halves(objects, listed=server.whole)
    found = list(chains({name: one for name, one in objects.items() if name not in paired}, listed=server.whole))
    keys = _keys_of_certificates(server, found, objects, paired)
    for chain in found:
        kind = chain.current.type
        if not chain.current_known:
            yield from _undecided(setting, server, chain)
        elif kind in KEYS:
            yield from key_rows(setting, chain, server.protection_level)
        elif kind == CERTIFICATE:
            yield from certificate_rows(setting, chain, keys)
        elif kind in SECRETS:
            yield from secret_rows(setting, chain)


def _undecided(setting: Setting, server: ServerReading, chain: Chain) -> Iterator[Row]:
    """The gaps of objects of which it is not known which one is in use, because another was not read."""
    unread = [(ATTRIBUTES, one.reading.failures[ATTRIBUTES]) for one in chain.unread]
    operation, failure = next(iter(unread), (LOCATE, server.reading.failures.get(LOCATE)))
    if failure is not None:
        for one in chain.members:
            yield from _rows_missing(setting, setting.object_id(one.identifier), operation, failure)


def _public_halves(objects: Mapping[str, ManagedObject], *, listed: bool) -> dict[str, str]:
    """Public key → the private key that it belongs to, by the links of either.

    One whose private key is not on the server is none of them; where that is not known it is.
    """
    paired = {}
    for identifier, one in objects.items():
        if one.type == "Public Key":
            for private in one.linked("Private Key Link"):
                if objects[private].type in ("Private Key", "") if private in objects else not listed:
                    paired[identifier] = private
        elif one.type == "Private Key":
            for public in one.linked("Public Key Link"):
                if public in objects and objects[public].type == "Public Key":
                    paired[public] = identifier
    return paired


def _keys_of_certificates(
    server: ServerReading, found: Iterable[Chain], objects: Mapping[str, ManagedObject], paired: Mapping[str, str]
) -> KeysOfCertificates:
    rows: dict[str, ManagedObject] = {}
    why: dict[str, list[Reading]] = {name: [one.reading] for name, one in objects.items() if one.attributes is None}
    for chain in found:
        names = [one.identifier for one in chain.members]
        if not chain.current_known:
            readings = [*(one.reading for one in chain.unread), server.reading]
            why |= dict.fromkeys(names, readings)
        elif chain.current.type in KEYS:
            rows |= dict.fromkeys(names, chain.current)
    for public, private in paired.items():
        if private in rows:
            rows[public] = rows[private]
        else:
            why[public] = why.get(private, [server.reading])
    return KeysOfCertificates(rows, why, [] if server.whole else [server.reading])


def _rows_missing(setting: Setting, subject: str, operation: str, failure: Failure) -> Iterator[Row]:
    anchor = Key(**setting.bookkeeping(setting.header.id, ()))
    for table in TABLES:
        yield setting.rows_missing(anchor, table, subject, operation, failure)


def _not_covered(setting: Setting) -> Iterator[Row]:
    anchor = Key(**setting.bookkeeping(setting.header.id, ()))
    for table, why in NOT_COVERED.items():
        yield setting.rows_missing(anchor, table, "", "", Failure(GapKind.NOT_OFFERED, why, ""))
