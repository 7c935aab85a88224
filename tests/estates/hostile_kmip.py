"""A KMIP server whose every text was written by somebody who means harm to whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import kmip_wire as wire
from hostile import writable
from kmip.core import enums
from kmip.pie import objects as pie
from kmip_server import Engine, Fault, KmipServer, serving
from kmip_wire import Item
from small_kmip import IN_CLEAR, symmetric, told


def fill(engine: Engine, texts: Mapping[str, str]) -> None:
    """The estate: each text stands as name, description, owner, group and attribute of key, secret and certificate.

    KMIP's texts are UTF-8, so that a text lacks what that cannot carry.
    """
    state = enums.State
    for kind, text in texts.items():
        written = writable(text)
        own = {"x-owner": written, f"x-{written}": written, "y-data-class": written}
        key = symmetric(kind, 100)
        engine.add(key, told(state.ACTIVE, 100, *_texts(written), *IN_CLEAR, own=own))
        secret = pie.SecretData(b"correct horse", enums.SecretDataType.PASSWORD, name=kind)
        secret.initial_date = key.initial_date
        engine.add(secret, told(state.ACTIVE, 100, *_texts(written), own=own))
        certificate = pie.X509Certificate(b"not asked for", name=kind)
        certificate.initial_date = key.initial_date
        names = [wire.text(tag, written) for tag in (0x420108, 0x420114)]
        engine.add(certificate, told(state.ACTIVE, 100, *_texts(written), *names, own=own))
    engine.page_size = 50


def _texts(text: str) -> list[Item]:
    return [
        wire.structure(0x420053, wire.text(0x420055, text), wire.enumeration(0x420054, 1)),
        wire.structure(0x42004A, wire.enumeration(0x42004B, 0x104), wire.text(0x42004C, text)),
        wire.text(0x4200FC, text),
        wire.text(0x4200FD, text),
        wire.text(0x420022, text),
        wire.text(0x420056, text),
        wire.structure(0x420004, wire.text(0x420003, text), wire.text(0x420002, text)),
    ]


@contextmanager
def served(texts: Mapping[str, str]) -> Iterator[KmipServer]:
    """Serves the estate, which refuses some of its objects with a text."""
    with serving(lambda engine: fill(engine, texts)) as server:
        refusals = zip(texts, range(1, 3 * len(texts), 3), strict=True)
        server.faults = [
            Fault("kmip:GetAttributes", "refuse", str(number + 1), because=writable(texts[kind]))
            for kind, number in refusals
            if kind in ("script", "ansi", "long", "formula")
        ]
        yield server


def source(server: KmipServer, name: str) -> dict[str, Any]:
    """The settings of a `[[source]]` that reads it."""
    return {"type": "kmip", **server.source(name=name, attempts=None, timeout_seconds=None)}
