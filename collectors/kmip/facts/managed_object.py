"""One object of a server as it was read, and the chains in which one object replaces the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from collectors.algorithms import KeyAlgorithm
from collectors.kmip.answers import Attributes
from collectors.kmip.facts.scope import Setting
from collectors.kmip.key_specs import STATES, key_algorithm
from collectors.scope_rows import expect, without_bodies
from collectors.tags import tag_facts
from evidence.model import NEVER, GapKind, State
from evidence.reading import Reading

ATTRIBUTES = "kmip:GetAttributes"

KEYS = frozenset({"Symmetric Key", "Private Key", "Public Key", "Split Key", "PGP Key"})
SECRETS = frozenset({"Secret Data", "Opaque Object"})
CERTIFICATE = "Certificate"
_WITHOUT_MATERIAL = frozenset({"Template", "Certificate Request"})
"""Objects that hold nothing to be kept secret, and no key."""

KNOWN_TYPES = KEYS | SECRETS | {CERTIFICATE} | _WITHOUT_MATERIAL

_DATES_OF_STATE = {
    "Active": ("activation_date",),
    "Deactivated": ("deactivation_date",),
    "Compromised": ("compromise_date",),
    "Destroyed": ("destroy_date",),
    "Destroyed Compromised": ("compromise_date", "destroy_date"),
}
"""The dates that an object in that state must have. Source: KMIP Specification 2.1, the attribute State."""

_PREFIXES = ("x-", "y-")
"""Of custom attributes: a client's, and a server's. Source: KMIP Specification 1.4, Custom Attribute."""


@dataclass(slots=True, eq=False)
class ManagedObject:
    """An object, as far as it was read."""

    identifier: str
    reading: Reading
    """With its failures, without the bodies of its answers."""
    attributes: Attributes | None
    """None where they were not read."""
    received_at: str = ""

    @classmethod
    def read(cls, reading: Reading, identifier: str) -> ManagedObject:
        """Read it. What could not be read is in the failures of `reading`."""
        expect(reading, ATTRIBUTES)
        attributes = reading.answer(ATTRIBUTES, Attributes)
        last = next(iter(reading.of(ATTRIBUTES)), None)
        wrong = "" if attributes is None else _wrong(attributes, identifier)
        if wrong:
            reading.fail(ATTRIBUTES, GapKind.FAILED, wrong, last.id if last else "")
            attributes = None
        return cls(identifier, without_bodies(reading), attributes, last.received_at if last else "")

    @property
    def told(self) -> Attributes:
        """The attributes of an object that was read. Raises ValueError for one that was not."""
        if self.attributes is None:
            raise ValueError(f"{self.identifier} was not read")
        return self.attributes

    @property
    def type(self) -> str:
        """Its object type; "" where that was not read."""
        return self.attributes.object_type if self.attributes else ""

    def linked(self, kind: str) -> list[str]:
        """The identifiers of the objects that a kind of link names."""
        links = self.attributes.link if self.attributes else []
        return [link.linked_object_identifier for link in links if link.link_type == kind]


def _wrong(attributes: Attributes, identifier: str) -> str:
    if set(attributes.unique_identifier) - {identifier}:
        return "the answer describes another object"
    if attributes.object_type not in KNOWN_TYPES:
        return f"the object is of the unknown type {attributes.object_type}"
    if attributes.state is not None and attributes.state not in STATES:
        return f"the object is in the unknown state {attributes.state}"
    return ""


def tells_dates(attributes: Attributes) -> bool:
    """The server tells every date that KMIP requires of an object in its state, so that any other is not set.

    KMIP requires the initial date and that of the last change of every object. Source: KMIP Specification 2.1, the
    attributes Initial Date and Last Change Date.
    """
    required = ("initial_date", "last_change_date", *_DATES_OF_STATE.get(attributes.state or "", ()))
    return all(getattr(attributes, name) is not None for name in required)


def state_of(attributes: Attributes) -> State | None:
    """Its state. KMIP gives opaque objects none: while one is there, it is in use."""
    if attributes.state is None:
        return State.ACTIVE if attributes.object_type == "Opaque Object" else None
    return STATES[attributes.state]


def came_into_use(attributes: Attributes) -> datetime | None:
    """When its material came into use here: when it was activated, or else when the server got it."""
    begun = state_of(attributes) is not State.PRE_ACTIVE
    return (attributes.activation_date if begun else None) or attributes.initial_date


def expiry(attributes: Attributes) -> dict[str, Any]:
    """Until when it may protect something, as columns. What is told of neither end is only known of servers that tell
    dates.
    """
    ends = [date for date in (attributes.protect_stop_date, attributes.deactivation_date) if date is not None]
    told = tells_dates(attributes)
    return {
        "expires_at": min(ends) if ends else NEVER if told else None,
        "expiry_settable": True if told or ends else None,
    }


def algorithm_of(attributes: Attributes) -> KeyAlgorithm | None:
    """What kind of key it is, or belongs to."""
    if attributes.cryptographic_algorithm is None:
        return None
    domain = attributes.cryptographic_domain_parameters
    length = attributes.cryptographic_length or (domain.qlength if domain else None)
    return key_algorithm(attributes.cryptographic_algorithm, length, domain.recommended_curve if domain else None)


def names_of(attributes: Attributes) -> list[str]:
    """All of its names, as the server tells them."""
    alternative = [name.alternative_name_value for name in attributes.alternative_name]
    return [*(name.name_value for name in attributes.name), *alternative]


def describing(attributes: Attributes) -> str:
    """What its owner says of it; "" for nothing."""
    return attributes.description or attributes.comment or ""


def owned(setting: Setting, attributes: Attributes) -> dict[str, Any]:
    """The columns that the owner's own attributes fill. Contact information tells the owner where no attribute does."""
    tags: dict[str, str] = {}
    plain: dict[str, str] = {}
    for own in attributes.own:
        value = own.told
        if value is None:
            continue
        name = own.attribute_name
        plain[name[2:] if name.startswith(_PREFIXES) else name] = value
        vendor = own.vendor_identification
        tags[f"{vendor}/{name}" if vendor and vendor != "x" else name] = value
    facts = asdict(tag_facts(plain, describing(attributes), setting.settings))
    facts["owner"] = facts["owner"] or attributes.contact_information or ""
    facts["tags"] = tag_facts(tags, "", setting.settings).tags
    return facts


# --- chains ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Chain:
    """Objects of which each replaced the one before it. Most chains are of one."""

    line: list[ManagedObject | None]
    """The oldest first; None for one that is not on the server any more, or that keyproof was not told of."""
    contradictory: bool = False
    """Its links name several objects that replaced one, or that one replaced, or go round."""
    listed: bool = True
    """All objects of the server are known, so that None means that it is not there."""

    @property
    def members(self) -> list[ManagedObject]:
        """Those that were read; never empty."""
        return [one for one in self.line if one is not None and one.attributes is not None]

    @property
    def unread(self) -> list[ManagedObject]:
        """Those that are listed, and could not be read."""
        return [one for one in self.line if one is not None and one.attributes is None]

    @property
    def position(self) -> int:
        """Where the object in use stands in the line."""
        return self.line.index(self.current)

    @property
    def current(self) -> ManagedObject:
        """The object in use, as far as that is known: the newest that is active, else the newest that was read."""
        newest_first = self.members[::-1]
        return next(filter(_is_active, newest_first), newest_first[0])

    @property
    def current_known(self) -> bool:
        """None of those that were not read could be in use in its place."""
        position = self.position
        others = self.line[position + 1 :] if _is_active(self.line[position]) else self.line
        return not any(not self.listed if one is None else one.attributes is None for one in others)

    @property
    def oldest(self) -> Attributes | None:
        """What the first object of all says; None where that is not known."""
        return self.members[0].attributes if self.whole else None

    @property
    def whole(self) -> bool:
        """Every object that it ever had was read."""
        return len(self.members) == len(self.line) and not self.contradictory

    @property
    def readings(self) -> list[Reading]:
        """All readings, that of the object in use first."""
        current = self.current
        return [current.reading, *(one.reading for one in self.line if one is not None and one is not current)]

    @property
    def evidence(self) -> list[str]:
        """Ids of the observations of its members."""
        return [id for reading in self.readings for id in reading.evidence]


def _is_active(one: ManagedObject | None) -> bool:
    return one is not None and one.attributes is not None and one.attributes.state == "Active"


def chains(objects: Mapping[str, ManagedObject], *, listed: bool) -> Iterator[Chain]:
    """The chains of all objects that were read. `listed` says that all objects of the server are known."""
    after: dict[str, set[str]] = {}
    before: dict[str, set[str]] = {}
    for identifier, one in objects.items():
        for newer in one.linked("Replacement Object Link"):
            _join(after, before, identifier, newer)
        for older in one.linked("Replaced Object Link"):
            _join(after, before, older, identifier)
    done: set[str] = set()
    for identifier in sorted(objects):
        if identifier not in done:
            connected = _connected(identifier, after, before)
            done |= connected
            yield from _chains_of(sorted(connected), objects, after, before, listed=listed)


def _join(after: dict[str, set[str]], before: dict[str, set[str]], older: str, newer: str) -> None:
    after.setdefault(older, set()).add(newer)
    before.setdefault(newer, set()).add(older)


def _connected(start: str, *neighbours: Mapping[str, set[str]]) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        one = waiting.pop()
        for of in neighbours:
            new = of.get(one, set()) - found
            found |= new
            waiting += new
    return found


def _chains_of(
    connected: Sequence[str],
    objects: Mapping[str, ManagedObject],
    after: Mapping[str, set[str]],
    before: Mapping[str, set[str]],
    *,
    listed: bool,
) -> Iterator[Chain]:
    first = [one for one in connected if not before.get(one)]
    forked = any(len(of.get(one, ())) > 1 for one in connected for of in (after, before))
    if forked or len(first) != 1:
        for one in connected:
            if one in objects and objects[one].attributes is not None:
                yield Chain([objects[one]], contradictory=True, listed=listed)
        return
    line = [first[0]]
    while after.get(line[-1]):
        line.append(next(iter(after[line[-1]])))
    if any(one in objects and objects[one].attributes is not None for one in line):
        yield Chain([objects.get(one) for one in line], listed=listed)
