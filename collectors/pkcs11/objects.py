"""What the objects of a token are together: a private and a public key are one, and everything has a URI."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from collectors.pkcs11 import cryptoki
from collectors.pkcs11.answers import FoundObject, FoundObjects, Unread
from collectors.pkcs11.names import LONGEST_PART, every_byte
from collectors.scope_rows import listed
from evidence.model import GapKind
from evidence.observation import JSON, canonical_json
from evidence.reading import Failure, Reading

FIND = "pkcs11:C_FindObjects"

SECRET_KEYS = ("CKO_SECRET_KEY", "CKO_OTP_KEY")
_TYPES = {"CKO_CERTIFICATE": "cert", "CKO_PRIVATE_KEY": "private", "CKO_PUBLIC_KEY": "public"}
"""RFC 7512 names the types of objects so."""

MISSING = "CKR_ATTRIBUTE_TYPE_INVALID"
"""The module or the object has no such attribute."""

_REFUSED = ("CKR_ATTRIBUTE_SENSITIVE", "CKR_USER_NOT_LOGGED_IN", "CKR_FUNCTION_REJECTED", "CKR_ACTION_PROHIBITED")


@dataclass(frozen=True, slots=True)
class Found:
    """One object of a token."""

    object_class: str
    """CKO_…; "" where it was not read."""
    key_type: str
    """CKK_…; "" for what is no key, or where it was not read."""
    id: bytes
    label: bytes
    nth: int
    identity: Mapping[str, JSON]
    observation: str
    """Id of the exchange that found it."""
    unread: Failure | None
    """Why it was not read what it is and what it is called."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A logical thing on a token, with the objects that make it up."""

    uri: str
    object_class: str
    """Of a pair, CKO_PRIVATE_KEY, whether that half was found or not."""
    objects: tuple[Found, ...]
    """Of a pair, the private key first."""

    def of(self, object_class: str) -> Found | None:
        """Its object of that class."""
        return next((one for one in self.objects if one.object_class == object_class), None)


@dataclass(slots=True)
class Contents:
    """What a token holds, as far as it was found."""

    things: dict[str, Thing] = field(default_factory=dict)
    by_id: dict[bytes, list[Thing]] = field(default_factory=dict)
    """By CKA_ID, where there is one."""
    unread: Failure | None = None
    """Why objects were found of which it was not read what they are and what they are called."""


def read_contents(token: str, reading: Reading) -> Contents:
    """What C_FindObjects told of a token; what is missing is in `reading.failures`."""
    found: list[Found] = []
    total = 0
    for observation, page in listed(reading, FIND, FoundObjects, lambda page: page.next is not None):
        total = page.total
        found += [_found(one, observation) for one in page.objects]
    if FIND not in reading.failures and len(found) != total:
        reading.fail(FIND, GapKind.FAILED, f"{total} objects were found, of which {len(found)} were told")
    contents = Contents(unread=next((one.unread for one in found if one.unread), None))
    for thing in _apart(_things(token, [one for one in found if not one.unread])):
        contents.things[thing.uri] = thing
        if thing.objects[0].id:
            contents.by_id.setdefault(thing.objects[0].id, []).append(thing)
    return contents


def _is_read(found: Found) -> bool:
    return found.object_class in (*SECRET_KEYS, *_TYPES, "CKO_VALIDATION")


def _found(one: FoundObject, observation: str) -> Found:
    object_class = _named("CKO", cryptoki.CLASSES, one.CKA_CLASS)
    key_type = _named("CKK", cryptoki.KEY_TYPES, one.CKA_KEY_TYPE)
    is_key = object_class in (*SECRET_KEYS, "CKO_PRIVATE_KEY", "CKO_PUBLIC_KEY")
    needed: list[tuple[str, object]] = [("CKA_CLASS", one.CKA_CLASS)]
    needed += [("CKA_KEY_TYPE", one.CKA_KEY_TYPE)] if is_key else []
    optional = (("CKA_ID", one.CKA_ID), ("CKA_LABEL", one.CKA_LABEL))
    needed += [(name, value) for name, value in optional if isinstance(value, Unread) and _went_wrong(value)]
    unread = next((unread_failure(n, v, observation) for n, v in needed if isinstance(v, Unread)), None)
    return Found(
        object_class,
        key_type if is_key else "",
        _bytes(one.CKA_ID, hexadecimal=True),
        _bytes(one.CKA_LABEL, hexadecimal=False),
        one.nth,
        one.identity,
        observation,
        unread,
    )


def _named(prefix: str, names: Mapping[int, str], value: int | Unread) -> str:
    return "" if isinstance(value, Unread) else cryptoki.named(prefix, names, value)


def _went_wrong(value: Unread) -> bool:
    """It is not that an object has no id or label, nor that the label is no UTF-8."""
    return value.rv not in ("", MISSING)


def unread_failure(name: str, told: Unread, observation: str) -> Failure:
    """Why an attribute is not known."""
    if told.rv == MISSING:
        return Failure(GapKind.NOT_OFFERED, f"the object has no {name} ({MISSING})", observation)
    kind = GapKind.REFUSED if told.rv in _REFUSED else GapKind.FAILED
    return Failure(kind, f"{name}: {told.rv or 'its value is not of the kind that it must be'}", observation)


def _bytes(value: str | Unread, *, hexadecimal: bool) -> bytes:
    text = value.hex if isinstance(value, Unread) else value
    if hexadecimal or isinstance(value, Unread):
        try:
            return bytes.fromhex(text)
        except ValueError:
            return text.encode("utf-8", "surrogatepass")
    return text.encode("utf-8", "surrogatepass")


def _apart(things: Iterable[Thing]) -> Iterator[Thing]:
    """The same, of which those that would share a URI have their own: a digest of all that is known of them."""
    by_uri: dict[str, list[Thing]] = {}
    for thing in things:
        by_uri.setdefault(thing.uri, []).append(thing)
    for of_uri in by_uri.values():
        for thing in of_uri:
            identity = canonical_json([dict(one.identity) for one in thing.objects])
            digest = hashlib.sha256(identity.encode()).hexdigest()
            yield thing if len(of_uri) == 1 else replace(thing, uri=f"{thing.uri};x-sha256={digest}")


def _things(token: str, found: Iterable[Found]) -> Iterator[Thing]:
    halves: dict[tuple[str, bytes, bytes], list[Found]] = {}
    for one in found:
        if one.object_class in ("CKO_PRIVATE_KEY", "CKO_PUBLIC_KEY"):
            halves.setdefault((one.key_type, one.id, b"" if one.id else one.label), []).append(one)
        elif one.object_class in SECRET_KEYS:
            yield Thing(_uri(token, one, "secret-key"), one.object_class, (one,))
        elif _is_read(one):
            yield Thing(_uri(token, one, _TYPES.get(one.object_class, "validation")), one.object_class, (one,))
    shared: dict[tuple[bytes, bytes], int] = {}
    for _, id, label in halves:
        shared[id, label] = shared.get((id, label), 0) + 1
    for (key_type, id, label), members in halves.items():
        suffix = f";x-key-type={quote(key_type.removeprefix('CKK_'), safe='')}" if shared[id, label] > 1 else ""
        yield from _pairs(token, members, suffix)


def _pairs(token: str, members: list[Found], suffix: str) -> Iterator[Thing]:
    """Of keys of one type with the same CKA_ID, or without one and of the same label, those that belong together.

    CKA_ID ties a private key to its public key. Where it ties several, their labels may tell which; else none is taken
    for another's. Source: PKCS#11 Specification, common key attributes.
    """
    if _is_pair(members):
        yield Thing(f"{token};{_pair_name(members[0])}{suffix}", "CKO_PRIVATE_KEY", _private_first(members))
        return
    by_label: dict[bytes, list[Found]] = {}
    for one in members:
        by_label.setdefault(one.label, []).append(one)
    for label, of_label in by_label.items():
        if label and _is_pair(of_label):
            yield Thing(_uri(token, of_label[0], "") + suffix, "CKO_PRIVATE_KEY", _private_first(of_label))
        else:
            for one in of_label:
                uri = _uri(token, one, _TYPES[one.object_class]) + suffix
                yield Thing(uri, "CKO_PRIVATE_KEY", (one,))


def _is_pair(members: list[Found]) -> bool:
    named = bool(members[0].id or members[0].label)
    return named and len({one.object_class for one in members}) == len(members)


def _pair_name(one: Found) -> str:
    """What a private key and its public key have in common, so that either alone gives the pair its name."""
    if _fits(one.id):
        return f"id={every_byte(one.id)}"
    return _digest(one) if one.id or not _fits(one.label) else f"object={quote(one.label, safe='')}"


def _private_first(members: list[Found]) -> tuple[Found, ...]:
    return tuple(sorted(members, key=lambda one: one.object_class))


def _fits(value: bytes) -> bool:
    return 0 < len(value) <= LONGEST_PART


def _digest(one: Found) -> str:
    """A name for what has none that is short enough: of its id, which a pair has in common, else of its label."""
    told = canonical_json({"id": one.id.hex()} if one.id else {"label": one.label.hex()})
    return f"x-sha256={hashlib.sha256(told.encode()).hexdigest()}"


def _uri(token: str, one: Found, type: str) -> str:
    """The URI of a single object. What RFC 7512 has no attribute for stands in ones that begin with `x-`."""
    parts = [token]
    if len(one.id) > LONGEST_PART or len(one.label) > LONGEST_PART:
        told = canonical_json({"id": one.id.hex(), "label": one.label.hex()})
        parts.append(f"x-sha256={hashlib.sha256(told.encode()).hexdigest()}")
    else:
        parts += [f"id={every_byte(one.id)}"] if one.id else []
        parts += [f"object={quote(one.label, safe='')}"] if one.label else []
    if type in ("cert", "private", "public", "secret-key"):
        parts.append(f"type={type}")
    elif type:
        parts.append(f"x-type={type}")
    parts += [f"x-nth={one.nth}"] if one.nth else []
    return ";".join(parts)
