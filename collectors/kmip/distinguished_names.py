"""Distinguished names of X.509 in DER, as KMIP 1.x tells them, in words."""

from __future__ import annotations

from collections.abc import Iterator

_SEQUENCE, _SET, _OBJECT_IDENTIFIER = 0x30, 0x31, 0x06
_TEXTS = {0x0C: "utf-8", 0x12: "ascii", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
"""Types of strings → how their bytes are read. Source: ITU-T X.690, section 8.23."""

_TYPES = {
    "550403": "CN",
    "550406": "C",
    "550407": "L",
    "550408": "ST",
    "550409": "STREET",
    "55040a": "O",
    "55040b": "OU",
    "550405": "serialNumber",
    "0992268993f22c640101": "UID",
    "0992268993f22c640119": "DC",
    "2a864886f70d010901": "emailAddress",
}
"""Attribute types by their object identifiers in DER. Source: RFC 4514, section 3, and RFC 5280, appendix A."""

_ESCAPED = set(',+"\\<>;')


def distinguished_name(encoded: str) -> str | None:
    """A name in hexadecimal DER as RFC 4514 writes it, the most specific part first; None where it is none.

    A part of an unknown type, or whose value is no text, is told by its bytes.
    """
    try:
        data = bytes.fromhex(encoded)
        ((kind, sequence),) = _values(data)
        if kind != _SEQUENCE:
            return None
        return ",".join(reversed([_relative(part) for _, part in _values(sequence)]))
    except ValueError:
        return None


def _relative(data: bytes) -> str:
    parts = []
    for _, pair in _values(data):
        (_, identifier), (kind, value) = _values(pair)
        name = _TYPES.get(identifier.hex())
        if name is None or kind not in _TEXTS:
            parts.append(f"{identifier.hex()}=#{value.hex()}")
        else:
            parts.append(f"{name}={_escaped(value.decode(_TEXTS[kind]))}")
    return "+".join(parts)


def _escaped(text: str) -> str:
    return "".join(f"\\{character}" if character in _ESCAPED else character for character in text)


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The values that stand one after the other, with their types. Raises ValueError where they do not fill `data`."""
    at = 0
    while at < len(data):
        if len(data) - at < 2:
            raise ValueError("a value without a length")
        kind, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 3 or at + size > len(data):
                raise ValueError("a length that is none")
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise ValueError("a value longer than what holds it")
        yield kind, data[at : at + length]
        at += length
