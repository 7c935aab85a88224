"""Tokens that hold what nobody expects: hostile names, and very many objects."""

from __future__ import annotations

import os
import resource
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest
from pkcs11_runs import collect, collected, failures, of, rows
from small_pkcs11 import softhsm

from evidence.model import Key, Scope
from evidence.observation import Status
from keyproof.demo.pkcs11.softhsm import Planted, Token, created, initialize

PIN = "1234"
HOSTILE = (
    b"\x1b[2J\x1b[31mred\x07",
    b"<script>alert(1)</script>&amp;",
    b'=HYPERLINK("http://example.com")',
    b"a\n\tb\r\0c",
    b"\xff\xfe\x80 no UTF-8",
    b"\xed\xa0\x80 a lone surrogate",
    "\u202eright to left".encode(),
    b"../../etc/passwd",
    b"%00;type=private?pin-value=1234",
    b"x" * 65_536,
    b"",
)


def _key(label: bytes, id: bytes) -> Planted:
    return created(
        CLASS="SECRET_KEY",
        KEY_TYPE="AES",
        VALUE={"hex": "5a" * 16},
        LABEL={"hex": label.hex()},
        ID={"hex": id.hex()},
        PRIVATE=False,
    )


def _source(token: Token, **more: object) -> Mapping[str, object]:
    return {"name": "hsm", "module": str(softhsm()), "token": token.label, "pin_env": "HSM_PIN", **more}


@pytest.fixture
def _pin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "HSM_PIN", PIN)


@pytest.mark.usefixtures("_pin")
def test_hostile_names_are_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label = "<b>\u202e\x1b[31m'\"%;=?"
    token = Token(label, PIN, "12345678", [_key(name, name[:64]) for name in HOSTILE])
    for name, value in initialize(tmp_path, [token]).items():
        monkeypatch.setitem(os.environ, name, value)
    run = collected(_source(token))
    assert run.statuses() == {Status.OK}
    found = rows(run)
    keys = of(found, Key)
    assert len({key.id for key in keys}) == len(HOSTILE)
    assert all(key.id.isascii() and key.id.isprintable() and " " not in key.id for key in keys)
    assert {key.name for key in keys} >= {"../../etc/passwd", "without a label", "x" * 65_536}
    assert failures(found) == []


MANY = 10_000


def _many(folder: Path) -> Mapping[str, str]:
    """A token with so many objects. SoftHSM takes longer for each one that it has: the first is made by it, and the
    others are copies of its file."""
    mark = b"00000"
    environment = initialize(folder, [Token("many", PIN, "12345678", [_key(b"key " + mark, mark)])])
    [path] = [path for path in (folder / "tokens").rglob("*.object") if b"key 00000" in path.read_bytes()]
    first = path.read_bytes()
    for number in range(1, MANY):
        copy = path.with_name(f"{uuid.UUID(int=number)}.object")
        copy.write_bytes(first.replace(mark, b"%05d" % number))
    return environment


def _seconds() -> float:
    """Of the processor, which this process and those that it waited for have taken: other work does not count."""
    own, waited = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + waited.ru_utime + waited.ru_stime


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.usefixtures("_pin")
def test_ten_thousand_objects_are_read_in_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _many(tmp_path).items():
        monkeypatch.setitem(os.environ, name, value)
    began = _seconds()
    run = collect(_source(Token("many", PIN, ""), timeout_seconds=120), tmp_path / "observations", concurrency=8)
    assert _seconds() - began < 60
    assert run.statuses() == {Status.OK}
    assert len(run.of("pkcs11:C_GetAttributeValue")) == MANY, "one exchange an object"
    assert len(run.of("pkcs11:C_FindObjects")) == MANY // 500
    found = rows(run)
    assert len({key.id for key in of(found, Key)}) == MANY
    [scope] = [row for row in of(found, Scope) if row.service == "token"]
    assert (scope.complete, scope.listed) == (True, MANY + 1)
