"""ministack, an AWS written by others, in a process and a Python environment of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".tools" / "ministack" / "bin" / "ministack"
ACCOUNT, REGION = "111122223333", "eu-west-1"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCOUNT,  # ministack takes twelve digits for the account itself
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def installed() -> Path:
    """The program; `make` installs it, if it is not there, by the versions of ministack.txt."""
    done = subprocess.run(["make", "--silent", "ministack"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ministack cannot be installed: {done.stdout}{done.stderr}")
    return PROGRAM


@contextmanager
def ministack(folder: Path) -> Iterator[str]:
    """Its URL while it runs on the loopback interface; what it writes goes to `folder`."""
    port = _free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "BIND_HOST": "127.0.0.1",  # else it listens on every interface
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
    }
    url = f"http://127.0.0.1:{port}"
    log = folder / "ministack.log"
    with (
        log.open("wb") as told,
        subprocess.Popen([installed()], cwd=folder, env=environment, stdout=told, stderr=subprocess.STDOUT) as process,
    ):
        try:
            _wait(url, process, log)
            yield url
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"ministack does not answer: {log.read_text(errors='replace')[-2000:]}")
