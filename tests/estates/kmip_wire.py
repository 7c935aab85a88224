"""A second, independent reading and writing of KMIP's encoding, by which test servers add to answers and spoil them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

STRUCTURE, INTEGER, LONG, BIG, ENUMERATION, BOOLEAN, TEXT, BYTES, DATE, INTERVAL = range(1, 11)

RESPONSE_PAYLOAD, UNIQUE_IDENTIFIER, OPERATION = 0x42007C, 0x420094, 0x42005C
ATTRIBUTE, ATTRIBUTE_NAME, ATTRIBUTE_VALUE, ATTRIBUTES = 0x420008, 0x42000A, 0x42000B, 0x420125
VENDOR_IDENTIFICATION = 0x42009D


@dataclass
class Item:
    """A tag, a type and a value; a structure has items in place of a value."""

    tag: int
    type: int
    value: bytes = b""
    items: list[Item] = field(default_factory=list)

    def encoded(self) -> bytes:
        value = b"".join(item.encoded() for item in self.items) if self.type == STRUCTURE else self.value
        return (
            struct.pack(">I", self.tag << 8 | self.type)
            + struct.pack(">I", len(value))
            + value
            + bytes(-len(value) % 8)
        )

    def find(self, tag: int) -> list[Item]:
        """All items of a tag, at whatever depth."""
        here = [item for item in self.items if item.tag == tag]
        return here + [found for item in self.items for found in item.find(tag)]


def decoded(data: bytes) -> Item:
    """The one item that the bytes are."""
    (item,) = _items(data)
    return item


def _items(data: bytes) -> list[Item]:
    found = []
    at = 0
    while at < len(data):
        head, length = struct.unpack(">II", data[at : at + 8])
        value = data[at + 8 : at + 8 + length]
        item = Item(head >> 8, head & 0xFF, value)
        if item.type == STRUCTURE:
            item.items = _items(value)
        found.append(item)
        at += 8 + length + -length % 8
    return found


def text(tag: int, value: str) -> Item:
    return Item(tag, TEXT, value.encode())


def enumeration(tag: int, value: int) -> Item:
    return Item(tag, ENUMERATION, struct.pack(">I", value))


def integer(tag: int, value: int) -> Item:
    return Item(tag, INTEGER, struct.pack(">i", value))


def long(tag: int, value: int) -> Item:
    return Item(tag, LONG, struct.pack(">q", value))


def boolean(tag: int, value: bool) -> Item:
    return Item(tag, BOOLEAN, struct.pack(">Q", value))


def date(tag: int, seconds: int) -> Item:
    return Item(tag, DATE, struct.pack(">q", seconds))


def interval(tag: int, seconds: int) -> Item:
    return Item(tag, INTERVAL, struct.pack(">I", seconds))


def octets(tag: int, value: bytes) -> Item:
    return Item(tag, BYTES, value)


def structure(tag: int, *items: Item) -> Item:
    return Item(tag, STRUCTURE, items=list(items))


LINK_TYPES = {"certificate": 0x101, "public": 0x102, "private": 0x103, "replacement": 0x106, "replaced": 0x107}


def link(kind: str, identifier: str) -> Item:
    return structure(0x42004A, enumeration(0x42004B, LINK_TYPES[kind]), text(0x42004C, identifier))


def wrong_types(item: Item) -> Item:
    """The item with every value of another type, in an encoding without fault; the frame of the message stays."""
    if item.type == STRUCTURE:
        return Item(item.tag, STRUCTURE, items=[wrong_types(one) for one in item.items])
    return boolean(item.tag, True) if item.type != BOOLEAN else text(item.tag, "true")
