"""KMIP's encoding on the wire, tag, type, length and value: requests into bytes, and answers into JSON.

An answer becomes the structure of KMIP's JSON encoding, each item an object of `tag`, `type` and `value`, with names as
the specification writes them: `{"tag": "State", "type": "Enumeration", "value": "Active"}`. What has no name is its
number in hexadecimal. Source: OASIS KMIP Specification 2.1, TTLV Encoding, and KMIP Profiles 2.1, JSON Encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from collectors.kmip.names import ENUMERATIONS, MASKS, TAG_NUMBERS, TAGS, number
from evidence.observation import JSON

Item: TypeAlias = "dict[str, JSON]"

HEADER = 8
"""Bytes of tag, type and length before each value."""

DEEPEST = 32
"""Structures within structures: KMIP's own are not a quarter as deep."""

MOST_ITEMS = 200_000
"""Items of one message: as many as a page of 10,000 identifiers and their frame, twenty times over."""

TYPES = {
    0x01: "Structure",
    0x02: "Integer",
    0x03: "LongInteger",
    0x04: "BigInteger",
    0x05: "Enumeration",
    0x06: "Boolean",
    0x07: "TextString",
    0x08: "ByteString",
    0x09: "DateTime",
    0x0A: "Interval",
    0x0B: "DateTimeExtended",
}
_TYPE_NUMBERS = {name: type for type, name in TYPES.items()}
_LENGTHS = {"Integer": 4, "Enumeration": 4, "Interval": 4}
_LENGTHS |= dict.fromkeys(("LongInteger", "Boolean", "DateTime", "DateTimeExtended"), 8)

_EXACT_IN_JSON = 1 << 53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

WITHHELD = frozenset(
    {
        "Credential Value",
        "Data",
        "Digest Value",
        "Hashed Password",
        "Key Block",
        "Key Material",
        "Key Value",
        "One Time Password",
        "Opaque Data Value",
        "Password",
        "Server Hashed Password",
        "Ticket Value",
    }
)
"""What may be a key, a secret, or a digest by which a weak one is guessed. None of it is asked for; a server that sends
it nevertheless finds only its length kept."""

_KEPT_BYTES = frozenset(
    {
        "Asynchronous Correlation Value",
        "Certificate Serial Number",
        "Correlation Value",
        "Issuer Alternative Name",
        "Issuer Distinguished Name",
        "Short Unique Identifier",
        "Subject Alternative Name",
        "Subject Distinguished Name",
        "Unique Batch Item ID",
    }
)
"""Byte strings that name things. Any other, such as an attribute of the owner's own, could hold a key."""


class Garbled(ValueError):
    """Bytes that are no KMIP message."""


# --- writing --------------------------------------------------------------------------------------------------------


def _written(tag: str, kind: str, value: bytes) -> bytes:
    head = TAG_NUMBERS[tag].to_bytes(3, "big") + bytes([_TYPE_NUMBERS[kind]]) + len(value).to_bytes(4, "big")
    return head + value + bytes(-len(value) % 8)


def structure(tag: str, *items: bytes) -> bytes:
    """A structure of items that have been written."""
    return _written(tag, "Structure", b"".join(items))


def integer(tag: str, value: int) -> bytes:
    """A number of 32 bits, or a mask."""
    return _written(tag, "Integer", struct.pack(">i", value))


def enumeration(tag: str, name: str) -> bytes:
    """A value of an enumeration by its name."""
    return _written(tag, "Enumeration", struct.pack(">I", number(tag, name)))


def text(tag: str, value: str) -> bytes:
    """A text. Raises UnicodeEncodeError where it holds what UTF-8 has no bytes for."""
    return _written(tag, "TextString", value.encode())


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reader:
    """Goes through one message. What it is told of lengths is believed only within the bytes that are there."""

    data: bytes
    items: int = 0

    def item(self, start: int, end: int, depth: int, names: Mapping[str, str]) -> tuple[Item, int]:
        """The item at `start`, and where the next one begins. `names` are enumerations by tag for this place."""
        if end - start < HEADER:
            raise Garbled(f"{end - start} bytes stand where a tag, a type and a length should")
        self.items += 1
        if self.items > MOST_ITEMS:
            raise Garbled(f"it has more than {MOST_ITEMS:,} items")
        tag = _tag(self.data[start : start + 3])
        kind = TYPES.get(self.data[start + 3])
        length = int.from_bytes(self.data[start + 4 : start + HEADER], "big")
        first = start + HEADER
        last = first + length
        following = last if kind == "Structure" else last + -length % 8
        if kind is None:
            raise Garbled(f"{tag} is of the unknown type {self.data[start + 3]:#04x}")
        if following > end:
            raise Garbled(f"{tag} claims {length:,} bytes, of which {end - first:,} are there")
        if _LENGTHS.get(kind, length) != length:
            raise Garbled(f"{tag} is a value of type {kind} of {length:,} bytes")
        item: Item = {"tag": tag, "type": kind}
        if tag in WITHHELD or (kind in ("ByteString", "BigInteger") and tag not in _KEPT_BYTES):
            return item | {"withheld": length}, following
        if kind == "Structure":
            item["value"] = list(self.items_of(first, last, depth + 1))
        else:
            item["value"] = _value(names.get(tag, tag), kind, self.data[first:last])
        return item, following

    def items_of(self, start: int, end: int, depth: int) -> Iterator[JSON]:
        """The items of a structure. The value of an attribute of KMIP 1.x is named by the attribute before it."""
        if depth > DEEPEST:
            raise Garbled(f"structures stand in one another {DEEPEST} deep")
        names: dict[str, str] = {}
        own = False
        while start < end:
            item, start = self.item(start, end, depth, names)
            own = own or item["tag"] == "Vendor Identification"
            if item["tag"] == "Attribute Name" and not own:
                names["Attribute Value"] = str(item.get("value"))
            yield item


def _tag(data: bytes) -> str:
    tag = int.from_bytes(data, "big")
    return TAGS.get(tag, f"{tag:#08x}")


def _value(tag: str, kind: str, data: bytes) -> JSON:
    if kind == "TextString":
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise Garbled(f"{tag} is no text in UTF-8") from error
    if kind in ("ByteString", "BigInteger"):
        return data.hex()
    whole = int.from_bytes(data, "big", signed=kind not in ("Enumeration", "Interval", "Boolean"))
    if kind == "Boolean":
        if whole > 1:
            raise Garbled(f"{tag} is neither true nor false")
        return bool(whole)
    if kind == "Enumeration":
        return _enumerations(tag).get(whole, f"{whole:#010x}")
    if kind == "Integer" and tag in MASKS:
        return _mask(tag, whole)
    if kind.startswith("DateTime"):
        return _time(whole, extended=kind == "DateTimeExtended")
    return whole if abs(whole) < _EXACT_IN_JSON else f"{whole & (1 << 64) - 1:#018x}"


def _enumerations(tag: str) -> Mapping[int, str]:
    return ENUMERATIONS.get("Hashing Algorithm" if tag.endswith(" Hashing Algorithm") else tag, {})


def _mask(tag: str, bits: int) -> str:
    """The names of its bits, those without one as numbers: `Encrypt|Decrypt|0x40000000`."""
    unsigned = bits & 0xFFFFFFFF
    ones = (1 << place for place in range(32) if unsigned >> place & 1)
    return "|".join(MASKS[tag].get(bit, f"{bit:#010x}") for bit in ones)


def _time(count: int, *, extended: bool) -> str:
    """Seconds, or with `extended` microseconds, since 1970; as a number where no calendar has that time."""
    try:
        moment = _EPOCH + (timedelta(microseconds=count) if extended else timedelta(seconds=count))
    except OverflowError:
        return f"{count & (1 << 64) - 1:#018x}"
    return moment.isoformat(timespec="microseconds" if extended else "seconds").replace("+00:00", "Z")


def read(data: bytes) -> Item:
    """A message. Raises Garbled where the bytes are none, are cut off, or go on after it."""
    item, following = _Reader(data).item(0, len(data), 0, {})
    if following != len(data):
        raise Garbled(f"{len(data) - following:,} bytes follow the message")
    return item
