"""A real OpenBao behind an address with TLS on the loopback interface, where what goes wrong can be chosen."""

from __future__ import annotations

import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import trustme

from collectors.vault.collect import mount_service
from collectors.vault.operations import SERVICES
from collectors.vault.permissions import policy
from collectors.vault.routes import ROUTES
from keyproof.demo.faults import Choice, Fault, spoil
from keyproof.demo.http import HttpRequest, HttpResponse, HttpServer
from keyproof.demo.vault.faults import FaultPlan, Request, Rule, error_of
from keyproof.demo.vault.server import Refused, Server

TOKEN_VARIABLE = "KEYPROOF_DEMO_VAULT_TOKEN"  # noqa: S105 - a name
POLICY = "keyproof"
"""The name of the policy with which the token reads, as `keyproof permissions vault` prints it."""


class EmbeddedVault:
    """A context manager: the server, filled by `seed`. `faults` and `latency` (seconds) may be changed meanwhile."""

    def __init__(
        self,
        seed: Callable[[Server], None],
        *,
        server: Server | None = None,
        faults: FaultPlan = (),
        latency: float = 0.0,
        amend: Callable[[HttpRequest, HttpResponse], HttpResponse] = lambda request, answer: answer,
    ) -> None:
        self.server = server or Server()
        self.faults: FaultPlan = faults
        self.latency = latency
        self.amend = amend
        """Makes of the server's answer to a request what another kind of server would say."""
        self.calls: list[Request] = []
        self.defects: list[Exception] = []
        """What went wrong in here; `__exit__` raises the first."""
        self.token = ""
        """What `source` logs in with."""
        self._seed = seed
        self._services: dict[str, dict[str, str]] = {}
        """Namespace → mount → service."""
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._choice: Choice[Request, Rule] = Choice()
        self._running = ExitStack()
        self._folder = Path()
        self._port = 0

    def __enter__(self) -> EmbeddedVault:
        with ExitStack() as starting:
            self._folder = Path(starting.enter_context(tempfile.TemporaryDirectory(prefix="keyproof-vault-")))
            starting.enter_context(self.server)
            self._seed(self.server)
            self.server.write(f"sys/policies/acl/{POLICY}", {"policy": policy()})
            self.token = self.new_token()
            tls = self._certified()
            front = HttpServer(self._answer, tls)
            front.defects = self.defects
            self._port = front.listen()
            front.start()
            starting.callback(front.close)
            starting.callback(self._closing.set)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._running.close()
        if self.defects:
            raise self.defects[0]

    def _certified(self) -> ssl.SSLContext:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(tls)
        return tls

    # What clients need to know

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def ca_file(self) -> Path:
        """The certificate by which clients know the server."""
        return self._folder / "ca.pem"

    @property
    def credentials(self) -> dict[str, str]:
        """The environment in which `source` finds its token."""
        return {TOKEN_VARIABLE: self.token}

    def source(self, name: str) -> dict[str, Any]:
        """The configuration's table for a source of this name that reads all of it."""
        return {
            "type": "vault",
            "name": name,
            "url": self.url,
            "ca_file": str(self.ca_file),
            "auth": {"method": "token", "token_env": TOKEN_VARIABLE},
        }

    def new_token(self, *policies: str) -> str:
        """A further token with these policies; without any, with the one for collection."""
        made = self.server.write("auth/token/create", {"policies": policies or [POLICY], "display_name": "keyproof"})
        return str(made["auth"]["client_token"])

    @property
    def requests(self) -> Counter[str]:
        """How many requests were received, by operation, those included that went wrong."""
        with self._lock:
            return Counter(call.operation for call in self.calls)

    # What goes through

    def _answer(self, http: HttpRequest) -> HttpResponse | None:
        """The answer to a request; None where the connection is to be closed without one."""
        request = self._request(http)
        with self._lock:
            self.calls.append(request)
        self._closing.wait(self.latency)
        rule = self._choice.of(self.faults, (), request, lambda rule: rule.fits(request))
        if rule is None:
            return self._forward(http)
        if rule.fault in (Fault.HANG, Fault.CLOSE):
            if rule.fault is Fault.HANG:
                self._closing.wait()
            return None
        instead = error_of(rule)
        if instead is not None or rule.fault is None:
            return instead
        return spoil(rule.fault, self._forward(http), lambda document: document)

    def _forward(self, http: HttpRequest) -> HttpResponse:
        return self.amend(http, self.server.forward(http))

    def _request(self, http: HttpRequest) -> Request:
        path = http.path.removeprefix("/v1/")
        namespace = http.headers.get("x-vault-namespace", "")
        return Request(self._operation(http.method, path, namespace), namespace, unquote(path))

    def _operation(self, method: str, path: str, namespace: str) -> str:
        """The declared operation that a request is, by its verb, its path and the mount that it goes to."""
        if path.startswith(("sys/", "auth/", "identity/")):
            names = [name for name in ROUTES if name.startswith(("sys:", "auth:", "identity:"))]
        else:
            services = self._services_of(namespace)
            mounts = [mount for mount in services if unquote(path).startswith(mount) or f"{unquote(path)}/" == mount]
            service = services[max(mounts, key=len)] if mounts else ""
            names = list(SERVICES[service].operations) if service in SERVICES else []
        fitting = [name for name in names if ROUTES[name].verb == method and ROUTES[name].admits(path)]
        return next(iter(fitting), "")

    def _services_of(self, namespace: str) -> dict[str, str]:
        with self._lock:
            if namespace not in self._services:
                try:
                    mounts = self.server.ask("GET", "sys/mounts", namespace=namespace)["data"]
                except Refused:  # it is sealed, or there is no such namespace
                    return {}
                self._services[namespace] = {
                    path: mount_service(mount["type"], mount["options"] or {}) for path, mount in mounts.items()
                }
            return self._services[namespace]
