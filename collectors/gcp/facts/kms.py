"""The scope of Cloud KMS in one project and location: its key rings, their keys, and who may use them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from collectors.gcp.answers import CryptoKey, CryptoKeys, EkmConnection, EkmConnections, ImportJobs, KeyRings
from collectors.gcp.facts.access import Level, access_rows, inherited_levels, own_level
from collectors.gcp.facts.key import AUTOKEY_RING, POLICY, KeyReading, key_rows, not_covered
from collectors.gcp.facts.scope import Setting, listed
from collectors.gcp.facts.store import Autokey, ekm_connection, key_project, key_ring
from collectors.gcp.operations import CONNECTIONS_NOT_OFFERED
from collectors.scope_rows import Tally, without_bodies
from evidence.model import Key, Row
from evidence.reading import Failure, Reading

RINGS = "kms:ListKeyRings"
KEYS = "kms:ListCryptoKeys"
JOBS = "kms:ListImportJobs"
CONNECTIONS = "kms:ListEkmConnections"
TABLES_OF_KEYS = ("key", "key_version", "access", "protected_resource")


@dataclass(slots=True)
class _Ring:
    """What was read of a key ring."""

    reading: Reading
    """With its failures, without the bodies of its answers."""
    levels: list[Level]
    """Its own policy, and those that it inherits."""


@dataclass(slots=True)
class Location:
    """What is listed of a location at once, and of each key ring in it, until its keys are read."""

    reading: Reading
    rings: dict[str, str] = field(default_factory=dict)
    """Key ring → the observation that lists it; it is taken out once it is read."""
    connections: dict[str, tuple[str, EkmConnection]] = field(default_factory=dict)
    """EKM connection → the observation that lists it, and what it says."""
    inherited: list[Level] = field(default_factory=list)
    autokey: Autokey = field(default_factory=Autokey)
    read_rings: dict[str, _Ring] = field(default_factory=dict)
    keys: dict[str, tuple[str, CryptoKey, str]] = field(default_factory=dict)
    """Key → the observation that lists it, what it says, and its ring; it is taken out once it is read."""
    listed: int = 0
    whole: bool = True
    """Every list of key rings and connections was read to its end."""
    unlisted: list[Failure] = field(default_factory=list)
    """Of each key ring whose keys were not listed to their end, why."""

    @classmethod
    def read(cls, setting: Setting, reading: Reading) -> Location:
        """Read the lists. What could not be read is in the failures of `reading`."""
        location = cls(reading)
        for observation, page in listed(reading, RINGS, KeyRings):
            location.rings.update(dict.fromkeys((ring.name for ring in page.key_rings), observation))
        location.whole = RINGS not in reading.failures
        if location.rings:
            for observation, found in listed(reading, CONNECTIONS, EkmConnections):
                location.connections.update({one.name: (observation, one) for one in found.ekm_connections})
            location.whole = location.whole and CONNECTIONS not in reading.failures
            location.inherited = list(inherited_levels(setting, reading, "kms").values())
            location.autokey = Autokey.read(reading, key_project(reading))
        location.listed = len(location.rings) + len(location.connections)
        location.reading = without_bodies(reading)
        return location


def normalize_kms(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: the location's own reading comes first, then key rings, each before its keys."""
    tally = Tally(setting.operations)
    location: Location | None = None
    for reading in readings:
        if location is None:
            first = reading if reading.subject == "" else Reading("", [])
            location = Location.read(setting, first)
            tally.count(first)
            yield from _location_rows(setting, location, tally)
        if reading.subject:
            yield from _subject_rows(setting, location, reading, tally)
            tally.count(reading)
    if location is None:
        location = Location.read(setting, Reading("", []))
        yield from _location_rows(setting, location, tally)
    for name in [*location.rings, *location.keys]:
        unread = Reading(name, [])
        yield from _subject_rows(setting, location, unread, tally)
        tally.count(unread)
    if location.unlisted:
        yield from _missing_keys(setting, location.unlisted)
    tally.listed = location.listed if location.whole and not location.unlisted else None
    yield from tally.rows(setting)


def _location_rows(setting: Setting, location: Location, tally: Tally) -> Iterator[Row]:
    failures = location.reading.failures
    anchor = Key(**setting.bookkeeping(setting.header.id, ()))
    if RINGS in failures:
        for table in ("key_store", *TABLES_OF_KEYS):
            yield setting.rows_missing(anchor, table, "", *tally.why(RINGS))
    elif CONNECTIONS in failures:
        yield setting.rows_missing(anchor, "key_store", "", *tally.why(CONNECTIONS))
    for observation, found in location.connections.values():
        tally.described += 1
        row = ekm_connection(setting, found, setting.header.account, [observation])
        yield from setting.explained(row, [location.reading], CONNECTIONS_NOT_OFFERED)
    if location.rings:
        yield not_covered(setting)


def _subject_rows(setting: Setting, location: Location, reading: Reading, tally: Tally) -> Iterator[Row]:
    if reading.subject in location.rings:
        yield from _ring_rows(setting, location, reading, tally)
    elif reading.subject in location.keys:
        yield from _key_rows(setting, location, reading, tally)


def _ring_rows(setting: Setting, location: Location, reading: Reading, tally: Tally) -> Iterator[Row]:
    name = reading.subject
    evidence = [location.rings.pop(name), *reading.evidence]
    for observation, page in listed(reading, KEYS, CryptoKeys):
        location.keys.update({key.name: (observation, key, name) for key in page.crypto_keys})
        location.listed += len(page.crypto_keys)
    jobs = [job for _, page in listed(reading, JOBS, ImportJobs) for job in page.import_jobs]
    levels = [own_level(setting, reading, POLICY, "key ring", "kms"), *location.inherited]
    settings = location.autokey.told(name, None if JOBS in reading.failures else jobs)
    store = key_ring(setting, name, setting.header.account, evidence, location.inherited, settings)
    tally.described += bool(reading.observations)
    yield from setting.explained(store, [reading, location.reading])
    yield from access_rows(setting, name, levels, reading)
    if KEYS in reading.failures:
        location.unlisted.append(reading.failures[KEYS])
    location.read_rings[name] = _Ring(without_bodies(reading), levels)


def _missing_keys(setting: Setting, unlisted: Sequence[Failure]) -> Iterator[Row]:
    """One gap a table for all key rings: rows that nobody told of are missed of the location as a whole."""
    evidence = [failure.observation for failure in unlisted if failure.observation]
    anchor = Key(**setting.bookkeeping(setting.header.id, ()))
    for table in TABLES_OF_KEYS:
        yield replace(setting.rows_missing(anchor, table, "", KEYS, unlisted[0]), evidence=evidence)


def _key_rows(setting: Setting, location: Location, reading: Reading, tally: Tally) -> Iterator[Row]:
    name = reading.subject
    observation, described, holder = location.keys.pop(name)
    ring = location.read_rings[holder]
    _, connection = location.connections.get(described.crypto_key_backend, ("", None))
    key = KeyReading(
        name=name,
        key=described,
        reading=reading,
        versions=None,
        policy=None,
        above=ring.levels,
        context=[ring.reading, location.reading],
        evidence=[observation],
        account=setting.header.account,
        connection=connection,
        autokey=location.autokey.made(name, holder, AUTOKEY_RING),
    )
    tally.described += yield from key_rows(setting, key)
