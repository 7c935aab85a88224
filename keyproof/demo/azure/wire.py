"""Azure's requests and answers as they stand on the wire: which operation a request is, and how answers are written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from keyproof.demo.azure.shapes import Shape, check
from keyproof.demo.http import HttpRequest, HttpResponse

API_VERSION = re.compile(r"(\d\d\d\d-\d\d-\d\d|\d\.\d)(-preview(\.\d)?)?")


class AzureError(Exception):
    """An error that Azure answers with, in the form `{"error": {"code": …, "message": …}}`."""

    def __init__(
        self, status: int, code: str, message: str, *, inner: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.inner = inner
        """The code of the error within, which the data plane tells."""
        self.headers = dict(headers or {})


class EntraError(Exception):
    """An error that the token endpoint answers with."""

    def __init__(self, status: int, code: str, description: str, number: int) -> None:
        super().__init__(f"{code}: {description}")
        self.status = status
        self.code = code
        self.description = description
        self.number = number


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as the operation that it is."""

    name: str
    """The operation: `arm:Vaults_Get`, `keys:GetKeys`; empty for none that is known here."""
    parameters: Mapping[str, str]
    """What its path says, by the names of the route."""
    query: Mapping[str, str]
    store: str
    """The vault or managed HSM that it is about or was sent to; empty for none."""
    host: str
    http: HttpRequest

    @property
    def service(self) -> str:
        """`arm`, `graph`, `entra`, `keys`, `secrets`, `certificates` or `administration`."""
        return self.name.partition(":")[0]

    @property
    def operation(self) -> str:
        """The operation's name without its service."""
        return self.name.partition(":")[2]

    @property
    def subject(self) -> str:
        """The path, which names what it is about."""
        return self.http.path

    @property
    def subscription(self) -> str:
        """The subscription that it is about; empty for none."""
        return self.parameters.get("subscription", "")

    @property
    def document(self) -> Any:
        """The body, from JSON."""
        return json.loads(self.http.body or b"{}")

    @property
    def bearer(self) -> str:
        """The access token that it carries; empty for none."""
        kind, _, token = self.http.headers.get("authorization", "").partition(" ")
        return token if kind.lower() == "bearer" else ""


def _route(template: str) -> re.Pattern[str]:
    """`{name}` is one segment of a path, `{name+}` any number of them."""
    escaped = re.escape(template).replace(r"\{", "{").replace(r"\}", "}").replace(r"\+}", "+}")
    pattern = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.*?)", escaped)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern), re.IGNORECASE)


_KEYVAULT = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
_STORAGE = "/subscriptions/{subscription}/providers/Microsoft.Storage"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault"

MANAGEMENT = [
    (method, _route(template), name)
    for method, template, name in (
        ("GET", "/{tenant}/v2.0/.well-known/openid-configuration", "entra:GetOpenIdConfiguration"),
        ("POST", "/{tenant}/oauth2/v2.0/token", "entra:GetToken"),
        ("GET", "/tenants", "arm:Tenants_List"),
        ("GET", "/subscriptions", "arm:Subscriptions_List"),
        ("GET", "/subscriptions/{subscription}", "arm:Subscriptions_Get"),
        ("GET", _KEYVAULT + "/vaults", "arm:Vaults_ListBySubscription"),
        ("GET", _KEYVAULT + "/deletedVaults", "arm:Vaults_ListDeleted"),
        ("GET", _KEYVAULT + "/locations/{location}/deletedVaults/{store}", "arm:Vaults_GetDeleted"),
        ("GET", _KEYVAULT + "/managedHSMs", "arm:ManagedHsms_ListBySubscription"),
        ("GET", _KEYVAULT + "/deletedManagedHSMs", "arm:ManagedHsms_ListDeleted"),
        ("GET", _KEYVAULT + "/locations/{location}/deletedManagedHSMs/{store}", "arm:ManagedHsms_GetDeleted"),
        ("GET", _STORAGE + "/storageAccounts", "arm:StorageAccounts_List"),
        ("GET", _GROUP + "/vaults", "arm:Vaults_ListByResourceGroup"),
        ("GET", _GROUP + "/vaults/{store}", "arm:Vaults_Get"),
        ("GET", _GROUP + "/vaults/{store}/keys", "arm:Keys_List"),
        ("GET", _GROUP + "/vaults/{store}/keys/{key}", "arm:Keys_Get"),
        ("GET", _GROUP + "/vaults/{store}/keys/{key}/versions", "arm:Keys_ListVersions"),
        ("GET", _GROUP + "/vaults/{store}/keys/{key}/versions/{version}", "arm:Keys_GetVersion"),
        ("GET", _GROUP + "/vaults/{store}/secrets", "arm:Secrets_List"),
        ("GET", _GROUP + "/vaults/{store}/secrets/{secret}", "arm:Secrets_Get"),
        (
            "GET",
            _GROUP + "/vaults/{store}/privateEndpointConnections",
            "arm:PrivateEndpointConnections_ListByResource",
        ),
        ("GET", _GROUP + "/managedHSMs", "arm:ManagedHsms_ListByResourceGroup"),
        ("GET", _GROUP + "/managedHSMs/{store}", "arm:ManagedHsms_Get"),
        ("GET", _GROUP + "/managedHSMs/{store}/regions", "arm:MHSMRegions_ListByResource"),
        (
            "GET",
            _GROUP + "/managedHSMs/{store}/privateEndpointConnections",
            "arm:MHSMPrivateEndpointConnections_ListByResource",
        ),
        ("GET", _GROUP + "/managedHSMs/{store}/keys", "arm:ManagedHsmKeys_List"),
        ("GET", _GROUP + "/managedHSMs/{store}/keys/{key}", "arm:ManagedHsmKeys_Get"),
        ("GET", _GROUP + "/managedHSMs/{store}/keys/{key}/versions", "arm:ManagedHsmKeys_ListVersions"),
        ("GET", _GROUP + "/managedHSMs/{store}/keys/{key}/versions/{version}", "arm:ManagedHsmKeys_GetVersion"),
        ("POST", "/providers/Microsoft.ResourceGraph/resources", "graph:Resources"),
        (
            "GET",
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.OperationalInsights"
            "/workspaces/{workspace}",
            "arm:Workspaces_Get",
        ),
        ("GET", "{scope+}/providers/Microsoft.Insights/diagnosticSettings", "arm:DiagnosticSettings_List"),
        ("GET", "{scope+}/providers/Microsoft.Authorization/roleAssignments", "arm:RoleAssignments_ListForScope"),
        ("GET", "{scope+}/providers/Microsoft.Authorization/roleDefinitions", "arm:RoleDefinitions_List"),
        ("GET", "{scope+}/providers/Microsoft.Authorization/roleDefinitions/{role}", "arm:RoleDefinitions_Get"),
        ("GET", "{scope+}/providers/Microsoft.Authorization/denyAssignments", "arm:DenyAssignments_ListForScope"),
    )
]
"""The first that fits is it. A list at a scope has one name, whatever kind of scope it is."""

DATA = [
    (method, _route(template), name)
    for method, template, name in (
        ("GET", "/keys", "keys:GetKeys"),
        ("GET", "/deletedkeys", "keys:GetDeletedKeys"),
        ("GET", "/deletedkeys/{key}", "keys:GetDeletedKey"),
        ("GET", "/keys/{key}/versions", "keys:GetKeyVersions"),
        ("GET", "/keys/{key}/rotationpolicy", "keys:GetKeyRotationPolicy"),
        ("GET", "/keys/{key}/attestation", "keys:GetKeyAttestation"),
        ("GET", "/keys/{key}/{version}/attestation", "keys:GetKeyAttestation"),
        ("GET", "/keys/{key}", "keys:GetKey"),
        ("GET", "/keys/{key}/{version}", "keys:GetKey"),
        ("POST", "/keys/{key}/{version}/encrypt", "keys:Encrypt"),
        ("POST", "/keys/{key}/{version}/decrypt", "keys:Decrypt"),
        ("POST", "/keys/{key}/{version}/sign", "keys:Sign"),
        ("POST", "/keys/{key}/{version}/unwrapkey", "keys:UnwrapKey"),
        ("POST", "/keys/{key}/backup", "keys:BackupKey"),
        ("GET", "/secrets", "secrets:GetSecrets"),
        ("GET", "/deletedsecrets", "secrets:GetDeletedSecrets"),
        ("GET", "/deletedsecrets/{secret}", "secrets:GetDeletedSecret"),
        ("GET", "/secrets/{secret}/versions", "secrets:GetSecretVersions"),
        ("GET", "/secrets/{secret}", "secrets:GetSecret"),
        ("GET", "/secrets/{secret}/{version}", "secrets:GetSecret"),
        ("POST", "/secrets/{secret}/backup", "secrets:BackupSecret"),
        ("GET", "/certificates", "certificates:GetCertificates"),
        ("GET", "/deletedcertificates", "certificates:GetDeletedCertificates"),
        ("GET", "/certificates/issuers", "certificates:GetCertificateIssuers"),
        ("GET", "/certificates/{certificate}/versions", "certificates:GetCertificateVersions"),
        ("GET", "/certificates/{certificate}/policy", "certificates:GetCertificatePolicy"),
        ("GET", "/certificates/{certificate}", "certificates:GetCertificate"),
        ("GET", "/certificates/{certificate}/{version}", "certificates:GetCertificate"),
        (
            "GET",
            "{scope+}/providers/Microsoft.Authorization/roleAssignments",
            "administration:RoleAssignments_ListForScope",
        ),
        ("GET", "{scope+}/providers/Microsoft.Authorization/roleDefinitions", "administration:RoleDefinitions_List"),
        ("GET", "/ekm", "administration:GetEkmConnection"),
        ("GET", "/settings", "administration:GetSettings"),
        ("GET", "/settings/{setting}", "administration:GetSetting"),
    )
]


def read_request(http: HttpRequest, store: str) -> Request:
    """The operation that an HTTP request is, sent to a store's own endpoint or, where that is empty, to management."""
    path = re.sub("/+", "/", unquote(http.path)).rstrip("/") or "/"
    query = dict(parse_qsl(http.query, keep_blank_values=True))
    host = http.headers.get("host", "")
    for method, pattern, name in DATA if store else MANAGEMENT:
        found = pattern.fullmatch(path) if method == http.method else None
        if found is not None:
            parameters = found.groupdict()
            about = store or parameters.get("store", "") or _store_within(parameters.get("scope", ""))
            if "subscription" not in parameters and "scope" in parameters:
                parameters["subscription"] = _segment_after("subscriptions", parameters["scope"])
            return Request(name, parameters, query, about.lower(), host, http)
    return Request("", {}, query, store, host, http)


def _store_within(scope: str) -> str:
    return _segment_after("vaults", scope) or _segment_after("managedHSMs", scope)


def _segment_after(word: str, path: str) -> str:
    segments = path.lower().split("/")
    place = segments.index(word.lower()) + 1 if word.lower() in segments else len(segments)
    return path.split("/")[place] if place < len(segments) else ""


def write_answer(request: Request, shape: Shape, answer: Mapping[str, Any], headers: Mapping[str, str]) -> HttpResponse:
    """The HTTP answer. Raises InventedAnswer where it does not fit the operation's shape."""
    check(shape, answer, request.name)
    return _json(200, answer, headers)


def write_error(request: Request, error: AzureError, headers: Mapping[str, str]) -> HttpResponse:
    """The HTTP answer that carries an error of the management or the data plane."""
    document: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.inner:
        document["innererror"] = {"code": error.inner}
    return _json(error.status, {"error": document}, {**headers, **error.headers})


def write_entra_error(error: EntraError, request_id: str, at: str) -> HttpResponse:
    """The HTTP answer that carries an error of the token endpoint."""
    document = {
        "error": error.code,
        "error_description": f"AADSTS{error.number}: {error.description} Trace ID: {request_id} Timestamp: {at}",
        "error_codes": [error.number],
        "timestamp": at,
        "trace_id": request_id,
        "correlation_id": request_id,
    }
    return _json(error.status, document, {"x-ms-request-id": request_id})


def _json(status: int, document: Any, headers: Mapping[str, str]) -> HttpResponse:
    body = json.dumps(document, separators=(",", ":")).encode()
    return HttpResponse(status, {"Content-Type": "application/json; charset=utf-8", **headers}, body)
