"""A small token of SoftHSM with one of each thing, and a module that reaches it and can be told to go wrong."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import small_certificates

from keyproof.demo.pkcs11.softhsm import Token, created, find_module, initialize, key, pair, settings_in

NOW = datetime(2026, 6, 30, tzinfo=UTC)
PIN, SO_PIN = "4711-secret", "so-4711-secret"
LABEL = "payments"

AES_VALUE = hashlib.sha256(b"imported").digest()
"""The value of an imported key."""
TDEA_VALUE = bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")
"""The value of a key that can be extracted."""
SHOWN_VALUE = hashlib.sha256(b"shown").digest()
"""The value of a key that shows without login."""
NOTE = b"what the note says"
"""The value of an object that holds data."""

_PRIVATE = {"SENSITIVE": True, "EXTRACTABLE": False}


def _usage(**flags: bool) -> Mapping[str, bool]:
    names = ("ENCRYPT", "DECRYPT", "WRAP", "UNWRAP", "SIGN", "VERIFY")
    return {name: flags.get(name, False) for name in names}


def _halves(*, sign: bool) -> Mapping[str, Any]:
    """Usage flags of a pair that signs or decrypts, and does nothing else."""
    return {
        "public": {"ENCRYPT": not sign, "WRAP": False, "VERIFY": sign, "VERIFY_RECOVER": False},
        "private": {**_PRIVATE, "DECRYPT": not sign, "UNWRAP": False, "SIGN": sign, "SIGN_RECOVER": False},
    }


def _id(number: int) -> Mapping[str, str]:
    return {"hex": f"{number:02x}"}


def payments() -> Token:
    """The token: good keys and bad ones, a pair with its certificate, a public key and a certificate alone."""
    good, alone = small_certificates.certificate("issuing"), small_certificates.certificate("partner")
    return Token(
        LABEL,
        PIN,
        SO_PIN,
        (
            key("AES", 256, LABEL="data", ID=_id(1), **_PRIVATE, **_usage(ENCRYPT=True, DECRYPT=True)),
            key("AES", 256, LABEL="unlimited", ID=_id(2), **_PRIVATE, **_usage(ENCRYPT=True, SIGN=True, WRAP=True)),
            created(
                CLASS="SECRET_KEY",
                KEY_TYPE="AES",
                VALUE={"hex": AES_VALUE.hex()},
                LABEL="imported",
                ID=_id(3),
                **_PRIVATE,
                **_usage(WRAP=True, UNWRAP=True),
            ),
            created(
                CLASS="SECRET_KEY",
                KEY_TYPE="DES3",
                VALUE={"hex": TDEA_VALUE.hex()},
                LABEL="old",
                ID=_id(4),
                SENSITIVE=False,
                EXTRACTABLE=True,
                **_usage(ENCRYPT=True, DECRYPT=True),
            ),
            created(
                CLASS="SECRET_KEY",
                KEY_TYPE="GENERIC_SECRET",
                VALUE={"hex": SHOWN_VALUE.hex()},
                LABEL="shown without login",
                ID=_id(5),
                PRIVATE=False,
                **_PRIVATE,
                **_usage(SIGN=True, VERIFY=True),
            ),
            pair("RSA", 2048, both={"LABEL": "issuing", "ID": _id(6)}, **_halves(sign=True)),
            pair("RSA", 1024, both={"LABEL": "short", "ID": _id(7)}, **_halves(sign=False)),
            pair("EC", curve="secp256r1", both={"LABEL": "signing", "ID": _id(8)}, **_halves(sign=True)),
            created(CLASS="PUBLIC_KEY", **small_certificates.public_rsa_template(), LABEL="partner", ID=_id(9)),
            created(CLASS="CERTIFICATE", **good, LABEL="issuing", ID=_id(6)),
            created(CLASS="CERTIFICATE", **alone, LABEL="partner's issuer", ID=_id(10)),
            created(CLASS="DATA", LABEL="a note", VALUE={"hex": NOTE.hex()}),
        ),
    )


@dataclass
class Served:
    """A token that can be read."""

    module: Path
    environment: Mapping[str, str]
    calls: Path | None = field(default=None)

    def source(self, name: str, **more: Any) -> dict[str, Any]:
        """The `[[source]]` table."""
        return {"name": name, "module": str(self.module), "token": LABEL, "pin_env": "HSM_PIN", **more}

    def requests(self) -> Counter[str]:
        """How often each function of the module was called."""
        text = self.calls.read_text() if self.calls and self.calls.exists() else ""
        return Counter(f"pkcs11:{name}" for name in text.split())


@cache
def folder() -> Path:
    """A folder of this process's own, until it ends."""
    made = Path(tempfile.mkdtemp(prefix="keyproof-pkcs11-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@cache
def softhsm() -> Path:
    """SoftHSM's module."""
    module = find_module()
    assert module is not None, "SoftHSM is not installed: `make test` installs it"
    return module


@cache
def faulty_module() -> Path:
    """The module that goes wrong where it is told to, compiled."""
    compiler = shutil.which("tcc") or shutil.which("cc")
    assert compiler is not None, "no C compiler is installed: `make test` installs one"
    made = folder() / "faulty.so"
    source = Path(__file__).with_name("faulty_module.c")
    subprocess.run([compiler, "-nostdlib", "-shared", "-fPIC", "-o", made, source], check=True)
    return made


@cache
def environment() -> Mapping[str, str]:
    """The environment in which SoftHSM has the token."""
    return initialize(folder(), [payments()])


@contextmanager
def served(plan: str = "", *, flags: int = 0, pin: str = PIN) -> Iterator[Served]:
    """Lets a module go by a plan (see `faulty_module.c`), with these flags of the token besides its own."""
    with tempfile.TemporaryDirectory(prefix="keyproof-calls-") as calls:
        settings = {
            **(environment() if pin == PIN else _copied(Path(calls))),
            "HSM_PIN": pin,
            "FAULTY_REAL": str(softhsm()),
            "FAULTY_PLAN": plan,
            "FAULTY_FLAGS": hex(flags),
            "FAULTY_CALLS": str(Path(calls) / "calls"),
        }
        with _environment(settings):
            yield Served(faulty_module(), settings, Path(calls) / "calls")


def _copied(into: Path) -> Mapping[str, str]:
    """The same token in another folder, since one remembers that a wrong PIN was entered."""
    environment()
    shutil.copytree(folder() / "tokens", into / "tokens")
    return settings_in(into)


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
