"""An Azure over HTTPS on the loopback interface: Entra's tokens, the management plane, and each store's data plane.

Every answer is checked against the SDK's own models, so that it cannot say what Azure could not. Management has one
port, each vault and managed HSM has its own; what they hold is named as in the real cloud, by names that nobody
resolves: `https://NAME.vault.azure.net/keys/KEY`.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyproof.demo.azure import (
    administration_answers,
    authorization_answers,
    certificate_answers,
    entra_answers,
    graph_answers,
    key_answers,
    secret_answers,
    storage_answers,
    vault_answers,
)
from keyproof.demo.azure.entra_answers import CLIENT_SECRET, claims_of
from keyproof.demo.azure.faults import Caller, FaultPlan, Rule, error_of, expired_token, refusal, without_token
from keyproof.demo.azure.wire import (
    API_VERSION,
    AzureError,
    EntraError,
    Request,
    read_request,
    write_answer,
    write_entra_error,
    write_error,
)
from keyproof.demo.azure.world import MANAGED_HSM, Operation, Store, World, iso
from keyproof.demo.faults import Choice, Fault, spoil
from keyproof.demo.http import HttpRequest, HttpResponse, HttpServer, certified
from keyproof.demo.names import stable_id

OPERATIONS: Mapping[str, Operation] = {
    **entra_answers.OPERATIONS,
    **vault_answers.OPERATIONS,
    **storage_answers.OPERATIONS,
    **authorization_answers.OPERATIONS,
    **graph_answers.OPERATIONS,
    **key_answers.OPERATIONS,
    **secret_answers.OPERATIONS,
    **certificate_answers.OPERATIONS,
    **administration_answers.OPERATIONS,
}
"""Everything that is answered here."""

CHALLENGE = "data:Challenge"
"""How a request to a data plane is counted that carries no token yet, and is answered with where to get one."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was received."""

    operation: str
    subject: str
    store: str
    subscription: str


class EmbeddedAzure:
    """A context manager that serves a world. `faults` and `latency` (seconds a request) may be changed meanwhile."""

    def __init__(self, world: World, *, faults: FaultPlan = (), latency: float = 0.0) -> None:
        self.world = world
        self.faults: FaultPlan = faults
        self.latency = latency
        self.calls: list[Call] = []
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._choice: Choice[Request, Rule] = Choice()
        self._identical: Counter[str] = Counter()
        self._folder = tempfile.TemporaryDirectory(prefix="keyproof-azure-")
        self._server = HttpServer(self.answer, certified(Path(self._folder.name) / "ca.pem"))
        self._stores: dict[int, str] = {}
        """Port → name of the store that listens there; empty for management."""

    def __enter__(self) -> EmbeddedAzure:
        for name in ("", *self.world.stores):
            port = self._server.listen()
            self._stores[port] = name
            self.world.addresses[name] = f"https://127.0.0.1:{port}"
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        self._server.close()
        self.world.addresses.clear()
        self._folder.cleanup()
        if self._server.defects:
            raise self._server.defects[0]

    @property
    def url(self) -> str:
        """Where management and Entra listen."""
        return self.world.addresses[""]

    @property
    def ca_file(self) -> str:
        """The certificate by which clients trust what listens here, in PEM."""
        return str(Path(self._folder.name, "ca.pem"))

    @property
    def credentials(self) -> dict[str, str]:
        """The environment in which azure-identity uses this world's first application and nothing of the machine's."""
        return {
            "AZURE_TENANT_ID": self.world.tenant,
            "AZURE_CLIENT_ID": next(iter(self.world.clients), ""),
            "AZURE_CLIENT_SECRET": CLIENT_SECRET,
            "AZURE_AUTHORITY_HOST": self.url,
            "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        }

    def source(self, name: str) -> dict[str, Any]:
        """The `[[source]]` table with which keyproof reads this world."""
        return {
            "type": "azure",
            "name": name,
            "subscriptions": "all",
            "cloud": self.world.cloud_name,
            "endpoints": {"resource_manager": self.url, "authority": self.url, "vault_suffix": "127.0.0.1"},
            "ca_file": self.ca_file,
        }

    @property
    def requests(self) -> Counter[str]:
        """How many requests were received, by operation, those included that went wrong."""
        with self._lock:
            return Counter(call.operation for call in self.calls)

    def answer(self, http: HttpRequest) -> HttpResponse | None:
        """The answer to an HTTP request; None where the connection is to be closed without one."""
        self._closing.wait(self.latency)
        store = self.world.stores.get(self._stores[http.port])
        request = read_request(http, store.name.lower() if store else "")
        challenged = store is not None and not request.bearer
        name = CHALLENGE if challenged else request.name or f"unknown:{http.method} {http.path}"
        request_id = self._request_id(name, request)
        rule = None if challenged else self._rule(request)
        if rule is not None and rule.fault in (Fault.HANG, Fault.CLOSE):
            if rule.fault is Fault.HANG:
                self._closing.wait()
            return None
        headers = _headers(request, request_id, store)
        try:
            response = self._answered(request, store, rule, headers)
        except EntraError as error:
            return write_entra_error(error, request_id, iso(self.world.now))
        except AzureError as error:
            if error.status == 401:
                headers["WWW-Authenticate"] = self._challenge(store)
            return write_error(request, error, headers)
        return spoil(rule.fault, response, without_token) if rule else response

    def _answered(
        self, request: Request, store: Store | None, rule: Rule | None, headers: Mapping[str, str]
    ) -> HttpResponse:
        operation = OPERATIONS.get(request.name)
        permission = _permission(operation, store)
        if request.service != "entra":
            caller = self._caller(request, store)
            _require_api_version(request)
        else:
            caller = Caller(application="", object_id="", issuer="")
        if store is not None and not store.public:
            raise refusal(request, caller, permission, "ForbiddenByConnection")
        if rule is not None and (error := error_of(rule, request, caller, permission)):
            raise error
        if operation is None:
            text = f"No HTTP resource was found that matches the request URI '{request.http.path}'."
            raise AzureError(404, "NotFound", text)
        return write_answer(request, operation.shape, operation.answer(self.world, request), headers)

    def _caller(self, request: Request, store: Store | None) -> Caller:
        """Raises AzureError where the request carries no token, or one for somebody else, or too old a one."""
        if not request.bearer:
            if store is not None:
                raise AzureError(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.")
            text = "Authentication failed. The 'Authorization' header is missing."
            raise AzureError(401, "AuthenticationFailed", text)
        claims = claims_of(request.bearer)
        if claims is None:
            raise AzureError(401, "InvalidAuthenticationToken", "The access token is invalid.")
        expected = self.world.audience(store)
        if claims["aud"] not in ({expected} if store else entra_answers.management_audiences(self.world)):
            if store is not None:
                text = f"AKV10022: Invalid audience. Expected {expected}, found: {claims['aud']}."
                raise AzureError(401, "Unauthorized", text)
            text = f"The access token has been obtained for wrong audience or resource '{claims['aud']}'."
            raise AzureError(401, "InvalidAuthenticationTokenAudience", text)
        if claims["exp"] < time.time():
            raise expired_token(store is not None)
        return Caller(
            application=claims["appid"],
            object_id=claims["oid"],
            issuer=claims["iss"],
            location=store.location if store else "",
            refused_as=_refused_as(store),
        )

    def _challenge(self, store: Store | None) -> str:
        authority = f"{self.url}/{self.world.tenant}"
        if store is not None:
            return f'Bearer authorization="{authority}", resource="{self.world.audience(store)}"'
        described = "The authentication failed because of missing or invalid 'Authorization' header."
        return f'Bearer authorization_uri="{authority}", error="invalid_token", error_description="{described}"'

    def _request_id(self, name: str, request: Request) -> str:
        """The same for the same request, so that two collections of one world differ in nothing but their times."""
        with self._lock:
            self.calls.append(Call(name, request.subject, request.store, request.subscription))
            http = request.http
            identity = "/".join([request.store, name, http.path, http.query, http.body.decode("latin-1")])
            self._identical[identity] += 1
            return stable_id("request", identity, str(self._identical[identity]))

    def _rule(self, request: Request) -> Rule | None:
        return self._choice.of(self.faults, self.world.refusals, request, lambda rule: rule.fits(request))


def _permission(operation: Operation | None, store: Store | None) -> str:
    """The permission that the operation needs. A managed HSM names its own, all of which are actions."""
    permission = operation.permission if operation else ""
    if store is None or store.kind != MANAGED_HSM:
        return permission
    return permission.replace("/vaults/", "/managedHsm/").removesuffix("/action") + "/action"


def _refused_as(store: Store | None) -> str:
    if store is None:
        return ""
    if store.kind == MANAGED_HSM:
        return "AccessDenied"
    return "ForbiddenByRbac" if store.rbac else "ForbiddenByPolicy"


def _require_api_version(request: Request) -> None:
    version = request.query.get("api-version", "")
    if not version:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise AzureError(400, "MissingApiVersionParameter", text)
    if not API_VERSION.fullmatch(version):
        raise AzureError(400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid.")


def _headers(request: Request, request_id: str, store: Store | None) -> dict[str, str]:
    headers = {
        "Cache-Control": "no-cache",
        "x-ms-request-id": request_id,
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
    }
    echoed = request.http.headers.get("x-ms-client-request-id")
    if echoed:
        headers["x-ms-client-request-id"] = echoed
    if store is not None:
        headers["x-ms-keyvault-region"] = store.location
        headers["x-ms-keyvault-network-info"] = "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;"
    elif request.service != "entra":
        headers["x-ms-correlation-request-id"] = request_id
        headers["x-ms-ratelimit-remaining-subscription-reads"] = "11999"
    return headers
