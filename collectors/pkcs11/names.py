"""The names of tokens and objects: URIs of RFC 7512."""

from __future__ import annotations

from urllib.parse import quote

from evidence.recording import ScopeHeader

LONGEST_PART = 128
"""Bytes of an object's label or id that stand in its URI; of a longer one stands a digest."""


def part(value: str) -> bytes:
    """The bytes of a text as the module gave it; one that was no UTF-8 is told as `hex:…`."""
    if value.startswith("hex:"):
        try:
            return bytes.fromhex(value[4:])
        except ValueError:
            pass
    return value.encode("utf-8", "surrogatepass")


def token_uri(label: str, serial: str) -> str:
    """`pkcs11:token=LABEL;serial=NUMBER`, without a number where the token has none."""
    numbered = f";serial={quote(part(serial), safe='')}" if serial else ""
    return f"pkcs11:token={quote(part(label), safe='')}{numbered}"


def token_of(header: ScopeHeader) -> str:
    """The URI of the token whose scope this is."""
    return token_uri(header.account_name or "", header.account)


def every_byte(value: bytes) -> str:
    """CKA_ID as RFC 7512 recommends it: each byte in hexadecimal."""
    return "".join(f"%{byte:02X}" for byte in value)
