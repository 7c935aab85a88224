"""Readings of a KMIP server without one: answers written as bytes, read and recorded as collection does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import kmip_wire as wire
from kmip_runs import SETTINGS, Rows
from kmip_wire import Item, link
from normalizing import Recordings, Scope

from collectors.kmip import ttlv
from collectors.kmip.identifiers import object_id
from collectors.kmip.normalize import SERVICES, normalize
from collectors.source import Settings
from evidence.observation import Observation, Status, body_digest, canonical_json, observation_id
from evidence.reading import group_by_subject
from evidence.recording import ScopeHeader

ADDRESS = "kmip.example.net:5696"
SCOPE = f"prod/{ADDRESS}/global/kmip"
HEADER = ScopeHeader(
    id=SCOPE, source="prod", type="kmip", service="kmip", account=ADDRESS, account_name="", identity="auditor"
)
OBSERVED = "2026-06-30T12:00:00.000000Z"
OPERATIONS = {"kmip:DiscoverVersions": 0x1E, "kmip:Query": 0x18, "kmip:Locate": 0x08, "kmip:GetAttributes": 0x0B}

Failed = tuple[Status, str]
"""How an exchange went wrong."""

REFUSED: Failed = (Status.REFUSED, "Permission Denied: no")

# Attributes by their tags
NAME, ALGORITHM, LENGTH, MASK, TYPE, STATE = 0x420053, 0x420028, 0x42002A, 0x42002C, 0x420057, 0x42008D
INITIAL, CHANGED, ACTIVATED, DEACTIVATED = 0x420039, 0x420048, 0x420001, 0x42002F
PROTECT_STOP, DESTROYED, COMPROMISED, ORIGINAL = 0x420068, 0x420033, 0x420020, 0x4200BC

SYMMETRIC, PUBLIC, PRIVATE, SECRET, OPAQUE, CERTIFICATE = 2, 3, 4, 7, 8, 1
PRE_ACTIVE, ACTIVE, DEACTIVATED_STATE, COMPROMISED_STATE, DESTROYED_STATE, DESTROYED_COMPROMISED = range(1, 7)


def day(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def on(tag: int, moment: datetime) -> Item:
    """A date."""
    return wire.date(tag, int(moment.timestamp()))


def dates(made: datetime, activated: datetime | None = None) -> list[Item]:
    """Those that every object has, and the activation date."""
    return [on(INITIAL, made), on(CHANGED, made), *([on(ACTIVATED, activated)] if activated else [])]


def thing(kind: int, state: int | None, *items: Item) -> list[Item]:
    """The attributes of an object."""
    return [wire.enumeration(TYPE, kind), *([wire.enumeration(STATE, state)] if state else []), *items]


def aes(state: int = ACTIVE, *items: Item) -> list[Item]:
    return thing(
        SYMMETRIC, state, wire.enumeration(ALGORITHM, 3), wire.integer(LENGTH, 256), wire.integer(MASK, 12), *items
    )


def observation(
    operation: str, subject: str, parameters: dict[str, Any], answer: Sequence[Item] | Failed
) -> Observation:
    """An exchange and how it ended."""
    status, error, body = Status.OK, "", ""
    if answer and isinstance(answer, tuple):
        status, error = answer
    else:
        item = wire.structure(
            0x42000F,
            wire.enumeration(0x42005C, OPERATIONS[operation]),
            wire.enumeration(0x42007F, 0),
            wire.structure(0x42007C, *answer),
        )
        body = canonical_json(ttlv.read(wire.structure(0x42007B, item).encoded()))
    return Observation(
        id=observation_id(SCOPE, operation, parameters),
        source="prod",
        scope=SCOPE,
        subject=subject,
        operation=operation,
        parameters=parameters,
        requested_at=OBSERVED,
        received_at=OBSERVED,
        status=status,
        error=error,
        request_id="",
        attempts=1,
        identity="auditor",
        body=body,
        sha256=body_digest(body),
    )


def recorded(
    objects: Mapping[str, Sequence[Item] | Failed | None],
    *,
    general: Sequence[Item] | Failed = (),
    assurances: Sequence[Item] | Failed | None = (),
    legacy: bool = False,
    located: Failed | None = None,
) -> Iterator[Observation]:
    """What collection records of such a server; an object of None was listed and not asked about.

    `legacy` is a server that speaks KMIP 1.4, and without `assurances` 1.2, which knows no such question.
    """
    version = "1.2" if assurances is None else "1.4" if legacy else "2.0"
    spoken = wire.structure(0x420069, wire.integer(0x42006A, 2), wire.integer(0x42006B, 0))
    yield observation("kmip:DiscoverVersions", "", {}, [spoken])
    query = {"protocol_version": version, "functions": ["Query Operations"]}
    yield observation("kmip:Query", "", query, general)
    if assurances is not None:
        yield observation("kmip:Query", "", {**query, "functions": ["Query Validations"]}, assurances)
    pages: list[list[str]] = [list(objects), []] if objects else [[]]
    for offset, page in zip((0, len(objects)), pages, strict=False):
        parameters = {"protocol_version": version, "maximum_items": 1000, "offset_items": offset}
        if version == "1.2":
            parameters = {"protocol_version": version}
            if offset:
                break  # everything is told at once
        names = [wire.text(0x420094, name) for name in page]
        yield observation("kmip:Locate", "", parameters, located or names)
    for name, items in objects.items():
        if items is not None:
            parameters = {"protocol_version": version, "unique_identifier": name}
            answer = items if isinstance(items, tuple) else _attributes(name, items, legacy)
            yield observation("kmip:GetAttributes", object_id(ADDRESS, name), parameters, answer)


def _attributes(name: str, items: Sequence[Item], legacy: bool) -> list[Item]:
    if not legacy:
        return [wire.text(0x420094, name), wire.structure(0x420125, *items)]
    named = [
        wire.structure(
            0x420008,
            wire.text(0x42000A, ttlv.TAGS[item.tag]),
            Item(0x42000B, item.type, item.value, item.items),
        )
        for item in items
    ]
    return [wire.text(0x420094, name), *named]


def rows(observations: Iterator[Observation], settings: Settings = SETTINGS) -> Rows:
    """What the normalize half makes of them."""
    return Rows(list(normalize(HEADER, group_by_subject(observations), settings)))


def inventory(
    objects: Mapping[str, Sequence[Item] | Failed | None], settings: Settings = SETTINGS, **more: Any
) -> Rows:
    """The rows of a server with these objects."""
    return rows(recorded(objects, **more), settings)


def id_of(name: str) -> str:
    return object_id(ADDRESS, name)


# --- what every normalize half is tried on ----------------------------------------------------------------------------


def _estate() -> dict[str, list[Item]]:
    """Objects that have to do with one another in every way in which objects can."""
    made, later = day(2024), day(2025)
    whole = [*dates(made, made), wire.boolean(0x420120, True), wire.integer(0x42015E, 2)]
    rsa = [wire.enumeration(ALGORITHM, 4), wire.integer(LENGTH, 3072), *whole]
    return {
        "alone": aes(ACTIVE, *whole, on(DEACTIVATED, later), wire.text(0x420022, "security@example.com")),
        "first": aes(DEACTIVATED_STATE, *dates(made, made), on(DEACTIVATED, later), link("replacement", "second")),
        "second": aes(DEACTIVATED_STATE, *whole, link("replaced", "first"), link("replacement", "third")),
        "third": aes(ACTIVE, *dates(later, later), link("replaced", "second"), link("replacement", "coming")),
        "coming": aes(PRE_ACTIVE, *dates(later), link("replaced", "third")),
        "private": thing(PRIVATE, ACTIVE, *rsa, wire.integer(MASK, 1), link("public", "public")),
        "public": thing(PUBLIC, ACTIVE, *rsa, wire.integer(MASK, 2), link("private", "private")),
        "lonely": thing(PUBLIC, ACTIVE, *rsa, wire.integer(MASK, 2), link("private", "elsewhere")),
        "certificate": thing(
            CERTIFICATE, ACTIVE, *whole, link("private", "private"), link("public", "public"), on(DEACTIVATED, later)
        ),
        "without key": thing(CERTIFICATE, ACTIVE, *whole, link("public", "elsewhere")),
        "old password": thing(SECRET, DEACTIVATED_STATE, *dates(made, made), link("replacement", "password")),
        "password": thing(SECRET, ACTIVE, *dates(later, later), link("replaced", "old password")),
        "blob": thing(OPAQUE, None, *dates(made)),
        "undated": aes(ACTIVE),
        "gone": aes(DESTROYED_STATE, *whole, on(DESTROYED, later)),
    }


_VALIDATION = wire.structure(
    0x4200DF,
    wire.enumeration(0x4200E0, 2),
    wire.integer(0x4200E3, 140),
    wire.integer(0x4200E4, 3),
    wire.enumeration(0x4200E5, 2),
    wire.integer(0x4200E6, 3),
)
_GENERAL = [wire.enumeration(0x42005C, 8), wire.enumeration(0x420057, 2), wire.text(0x42009D, "Example Corp")]


def _scopes(service: str) -> Sequence[Scope]:
    modern = recorded(_estate(), general=_GENERAL, assurances=[_VALIDATION])
    legacy = recorded(_estate(), general=_GENERAL, assurances=[], legacy=True)
    return [Scope(HEADER, list(modern)), Scope(HEADER, list(legacy)), Scope(HEADER, list(recorded({})))]


def _answer(*items: Item) -> str:
    return observation("kmip:Query", "", {}, list(items)).body


RECORDINGS = Recordings(
    type="kmip",
    services=SERVICES,
    settings=SETTINGS,
    header=lambda service: replace(HEADER, service=service),
    recorded=_scopes,
    refusal=(REFUSED[1], '{"tag":"Response Message","type":"Structure","value":[]}'),
    sdk=("kmip", "sqlalchemy", "collectors.kmip.wire", "collectors.kmip.credentials"),
    spoiled=(
        '{"tag":"Response Message","type":"Structure","value":[]}',
        '{"tag":"Request Message","type":"Structure","value":[]}',
        '{"tag":"Response Message","type":"Structure","value":[{"tag":"Batch Item"}]}',
    ),
    plausible=(_answer(),),
    hostile=("0x1000000000000000", "Active", "DateTime", "Structure", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"),
)
