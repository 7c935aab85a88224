"""SoftHSM: tokens in a folder of their own, with what is put on them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODULES = tuple(
    Path(folder) / "libsofthsm2.so"
    for folder in (
        "/usr/lib/softhsm",
        "/usr/lib/x86_64-linux-gnu/softhsm",
        "/usr/lib/aarch64-linux-gnu/softhsm",
        "/usr/lib64/softhsm",
        "/usr/lib64/pkcs11",
        "/usr/local/lib/softhsm",
        "/opt/homebrew/lib/softhsm",
    )
)
"""Where distributions put SoftHSM's module."""

_PATIENCE = 120
"""Seconds that making a token may take."""


def find_module() -> Path | None:
    """SoftHSM's module, where it and the tool that makes tokens are on this machine."""
    if shutil.which("softhsm2-util") is None:
        return None
    return next((path for path in MODULES if path.is_file()), None)


@dataclass(frozen=True, slots=True)
class Planted:
    """An object, or a pair of keys, to be put on a token: see `seeding`."""

    told: Mapping[str, Any]


def created(**template: Any) -> Planted:
    """An object that is brought in. Names are PKCS#11's without CKA_."""
    return Planted({"do": "create", "template": {"TOKEN": True, **template}})


def key(type: str, bits: int, **template: Any) -> Planted:
    """A secret key that the token generates; `bits` is 0 where its type has one size."""
    return Planted({"do": "key", "type": type, "bits": bits, "template": template})


def pair(
    type: str, bits: int = 0, curve: str = "", *, both: Mapping[str, Any], public: Mapping[str, Any], private: Any
) -> Planted:
    """A private and a public key that the token generates: RSA of so many bits, or EC on a curve."""
    halves = {"public": {**both, **public}, "private": {**both, **private}}
    return Planted({"do": "pair", "type": type, "bits": bits, "curve": curve, **halves})


@dataclass(frozen=True, slots=True)
class Token:
    """A token and what is on it."""

    label: str
    pin: str
    so_pin: str
    objects: Sequence[Planted] = field(default=())


def initialize(folder: Path, tokens: Sequence[Token]) -> Mapping[str, str]:
    """Make tokens in a folder; gives the environment with which the module finds them.

    Raises subprocess.CalledProcessError where the module or its tool fails.
    """
    module = find_module()
    (folder / "tokens").mkdir()
    environment = settings_in(folder)
    for token in tokens:
        pins = ["--so-pin", token.so_pin, "--pin", token.pin]
        _run(["softhsm2-util", "--init-token", "--free", "--label", token.label, *pins], environment, "")
        seed(str(module), environment, token)
    return environment


def settings_in(folder: Path) -> Mapping[str, str]:
    """Write SoftHSM's settings for the tokens of a folder; gives the environment that names them."""
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n", encoding="utf-8")
    return {"SOFTHSM2_CONF": str(settings)}


def seed(module: str, environment: Mapping[str, str], token: Token) -> None:
    """Put a token's objects on it, through any module. Raises subprocess.CalledProcessError where that fails."""
    told = {"module": module, "token": token.label, "pin": token.pin, "objects": [one.told for one in token.objects]}
    _run([sys.executable, "-P", "-m", "keyproof.demo.pkcs11.seeding"], environment, json.dumps(told))


def _run(command: Sequence[str], environment: Mapping[str, str], told: str) -> None:
    subprocess.run(  # noqa: S603 - programs of this machine, with arguments of this program
        command,
        input=told,
        text=True,
        check=True,
        capture_output=True,
        timeout=_PATIENCE,
        env={**os.environ, **environment},
    )
