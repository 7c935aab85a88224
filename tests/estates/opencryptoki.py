"""opencryptoki's software token, in namespaces of its own: `python opencryptoki.py FOLDER` collects from it there.

Its daemon and its tokens have fixed places on a machine. Here each of these places is an empty one that ends with the
process, and so does the daemon: nothing that the machine may have of it is touched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keyproof.demo.pkcs11.softhsm import Token, created, key, pair, seed

MODULES = tuple(
    Path(folder) / "libopencryptoki.so"
    for folder in ("/usr/lib/x86_64-linux-gnu/pkcs11", "/usr/lib/aarch64-linux-gnu/pkcs11", "/usr/lib64/pkcs11")
)
LABEL, PIN, SO_PIN = "keyproof", "01234567", "76543210"
FIRST_SO_PIN, FIRST_PIN = "87654321", "12345670"
"""The one that every new token has, and one that its owner has to change."""

IMPORTED = bytes(range(0x80, 0xA0))
_PRIVATE = {"SENSITIVE": True, "EXTRACTABLE": False}

TOKEN = Token(
    LABEL,
    PIN,
    SO_PIN,
    (
        key("AES", 256, LABEL="generated", ID={"hex": "01"}, **_PRIVATE),
        created(CLASS="SECRET_KEY", KEY_TYPE="AES", VALUE={"hex": IMPORTED.hex()}, LABEL="imported", ID={"hex": "02"}),
        pair("RSA", 2048, both={"LABEL": "issuing", "ID": {"hex": "03"}}, public={}, private=_PRIVATE),
    ),
)


def module() -> Path:
    """opencryptoki's module."""
    found = next((path for path in MODULES if path.exists()), None)
    assert found is not None, "opencryptoki is not installed: `make test` installs it"
    return found


def source(name: str) -> Mapping[str, Any]:
    """The `[[source]]` table."""
    return {"name": name, "module": str(module()), "token": LABEL, "pin_env": "HSM_PIN"}


def collect_in_namespaces(folder: Path) -> None:
    """Run this file where it can do no harm; what is collected stands in the folder afterwards. Needs root."""
    command = ["unshare", "--mount", "--ipc", "--pid", "--fork", "--kill-child", sys.executable, __file__, str(folder)]
    paths = [str(Path(__file__).parents[1] / "collectors"), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "HSM_PIN": PIN}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def _run(*command: str, told: str = "") -> None:
    subprocess.run(command, input=told, text=True, check=True, capture_output=True)


def _prepare() -> None:
    for place in ("/var/lib/opencryptoki", "/run", "/etc/opencryptoki"):
        _run("mount", "-t", "tmpfs", "tmpfs", place)
    for place in (
        "/var/lib/opencryptoki/swtok/TOK_OBJ",
        "/run/lock/opencryptoki/swtok",
        "/var/lock/opencryptoki/swtok",
    ):
        Path(place).mkdir(parents=True, exist_ok=True)
    _run("sh", "-c", "chgrp -R pkcs11 /var/lib/opencryptoki /var/lock/opencryptoki")
    _run("sh", "-c", "chmod -R 770 /var/lib/opencryptoki /var/lock/opencryptoki")
    settings = "version opencryptoki-3.1\nslot 3\n{\nstdll = libpkcs11_sw.so\n}\n"
    Path("/etc/opencryptoki/opencryptoki.conf").write_text(settings)


def _initialize() -> None:
    slot = ("-c", "3")
    _run("pkcsconf", "-I", *slot, "-S", FIRST_SO_PIN, told=f"{LABEL}\n")
    _run("pkcsconf", "-P", *slot, "-S", FIRST_SO_PIN, "-n", SO_PIN)
    _run("pkcsconf", "-u", *slot, "-S", SO_PIN, "-n", FIRST_PIN)
    _run("pkcsconf", "-p", *slot, "-U", FIRST_PIN, "-n", PIN)


def _main(folder: Path) -> None:
    from pkcs11_runs import collect

    _prepare()
    daemon = subprocess.Popen(["pkcsslotd", "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if Path("/run/pkcsslotd.socket").exists():
                break
            time.sleep(0.05)
        _initialize()
        seed(str(module()), {}, TOKEN)
        collect(source("hsm"), folder)
    finally:
        daemon.terminate()
        daemon.wait(10)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
