"""Ids that follow from names alone, so that an estate is the same each time."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta

_NAMES = uuid.UUID("5f0c7a52-9a50-4f35-8a5e-2d0f5d9b5c11")


def stable_id(*parts: str) -> str:
    """An id in the form of a UUID that follows from names alone."""
    return str(uuid.uuid5(_NAMES, _joined(parts).decode()))


def stable_hex(length: int, *parts: str) -> str:
    """So many hexadecimal digits that follow from names alone."""
    return stable_bytes((length + 1) // 2, *parts).hex()[:length]


def stable_bytes(length: int, *parts: str) -> bytes:
    """So many bytes that follow from names alone."""
    seed = _joined(parts)
    blocks = [hashlib.sha256(seed).digest()]
    while sum(map(len, blocks)) < length:
        blocks.append(hashlib.sha256(blocks[-1] + seed).digest())
    return b"".join(blocks)[:length]


def _joined(parts: tuple[str, ...]) -> bytes:
    """Names may hold what no UTF-8 can carry: an estate may be a hostile one."""
    return "/".join(parts).encode("utf-8", "backslashreplace")


def days(number: float) -> timedelta:
    """So many days."""
    return timedelta(days=number)
