"""Where each operation of Vault is asked: its verb and its path, as the API's documentation gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from evidence.observation import JSON

_PLACE = re.compile(r"\{(\w+)\}")
_ELSEWHERE = frozenset(["", ".", ".."])
"""Parts of a path that lead to another one."""
_NAMESPACE = re.compile(r"([\x21-\x2e\x30-\x7e]+/)*")
"""What a header can carry of a namespace's path."""


class UnusableName(Exception):
    """A name would lead elsewhere than to what the operation is about."""


@dataclass(frozen=True, slots=True)
class Route:
    """How one operation is asked."""

    verb: str
    """GET or LIST: a list is asked with a verb of its own, which no server can take for the reading of a value."""
    path: str
    """With `{mount}`, which ends with a slash, `{name}`, which is one part, and `{path}`, which is any number."""
    query: str = ""
    absent: tuple[str, ...] = ()
    """What an error says where there is nothing to be told, or this server offers no such operation: answers too."""

    def target(self, parameters: Mapping[str, JSON]) -> str:
        """The path below `/v1/` for these parameters, quoted. Raises UnusableName."""
        return _PLACE.sub(lambda place: _quoted(place[1], str(parameters[place[1]])), self.path).rstrip("/")

    def admits(self, path: str) -> bool:
        """That quoted path is one at which this operation is asked."""
        return any(re.fullmatch(self._pattern(), asked) for asked in (path, f"{path}/"))

    def _pattern(self) -> str:
        parts = _PLACE.split(self.path)
        texts = [_PARTS[part] if at % 2 else re.escape(part) for at, part in enumerate(parts)]
        return "".join(texts)


_PART = r"[\w.~%-]+"
_PARTS = {"mount": rf"({_PART}/)+", "name": _PART, "path": rf"({_PART}(/{_PART})*)?"}


def _quoted(place: str, value: str) -> str:
    parts = value.removesuffix("/").split("/") if place != "name" else [value]
    if place == "path" and not value:
        return ""
    if not _ELSEWHERE.isdisjoint(parts) or (place == "name" and "/" in value) or _unlike(parts):
        raise UnusableName(f"{value!r} is no {place} that can be asked about")
    return "/".join(quote(part, safe="") for part in parts) + ("/" if place == "mount" else "")


def _unlike(parts: list[str]) -> bool:
    """A part cannot be put into an URL and taken out of it again."""
    try:
        return any(unquote(quote(part, safe="")) != part for part in parts)
    except UnicodeEncodeError:
        return True


def check_namespace(namespace: str) -> None:
    """Raises UnusableName where a header could not carry the path of the namespace."""
    if not _NAMESPACE.fullmatch(namespace):
        raise UnusableName(f"{namespace!r} is no namespace that can be asked")


_UNSUPPORTED = ("unsupported path",)
_NO_OWN_BARRIER = ("namespace is not sealable", *_UNSUPPORTED)
_NO_SSH_CA = ("no default issuer currently configured", "keys haven't been configured yet")

ROUTES: Mapping[str, Route] = {
    "sys:ReadSealStatus": Route("GET", "sys/seal-status"),
    "sys:ReadHealth": Route(
        "GET",
        "sys/health",
        query="standbyok=true&perfstandbyok=true&drsecondarycode=200&performancestandbycode=200&sealedcode=200&uninitcode=200",
    ),
    "sys:ReadSealBackends": Route("GET", "sys/seal-backend-status", absent=_UNSUPPORTED),
    "sys:ReadKeyStatus": Route("GET", "sys/key-status", absent=_NO_OWN_BARRIER),
    "sys:ReadNamespaceSeal": Route("GET", "sys/namespaces/{name}/seal-status"),
    "sys:ReadRotationConfig": Route("GET", "sys/rotate/config"),
    "sys:ListAuditDevices": Route("GET", "sys/audit"),
    "sys:ListMounts": Route("GET", "sys/mounts"),
    "sys:ListAuthMethods": Route("GET", "sys/auth"),
    "sys:ListNamespaces": Route("LIST", "sys/namespaces", absent=_UNSUPPORTED),
    "sys:ListExternalKeyConfigs": Route("LIST", "sys/external-keys/configs", absent=_UNSUPPORTED),
    "sys:ListExternalKeys": Route("LIST", "sys/external-keys/configs/{name}/keys"),
    "sys:ListManagedKeys": Route("LIST", "sys/managed-keys/{name}", absent=_UNSUPPORTED),
    "transit:ListKeys": Route("LIST", "{mount}keys"),
    "transit:ReadKey": Route("GET", "{mount}keys/{name}"),
    "kv:ListDetailedMetadata": Route("LIST", "{mount}detailed-metadata/{path}", absent=_UNSUPPORTED),
    "kv:ListMetadata": Route("LIST", "{mount}metadata/{path}"),
    "kv:ReadMetadata": Route("GET", "{mount}metadata/{path}"),
    "kv:ListSecrets": Route("LIST", "{mount}{path}"),
    "pki:ListKeys": Route("LIST", "{mount}keys"),
    "pki:ReadKey": Route("GET", "{mount}key/{name}"),
    "pki:ListIssuers": Route("LIST", "{mount}issuers"),
    "pki:ReadIssuer": Route("GET", "{mount}issuer/{name}"),
    "pki:ListRoles": Route("LIST", "{mount}roles"),
    "pki:ReadRole": Route("GET", "{mount}roles/{name}"),
    "pki:ReadCrlConfig": Route("GET", "{mount}config/crl"),
    "pki:ReadAutoTidy": Route("GET", "{mount}config/auto-tidy"),
    "pki:ListCertificates": Route("LIST", "{mount}certs"),
    "pki:ReadCertificate": Route("GET", "{mount}cert/{name}"),
    "ssh:ListIssuers": Route("LIST", "{mount}issuers", absent=_UNSUPPORTED),
    "ssh:ReadCa": Route("GET", "{mount}config/ca", absent=_NO_SSH_CA),
    "ssh:ListRoles": Route("LIST", "{mount}roles"),
    "ssh:ReadRole": Route("GET", "{mount}roles/{name}"),
    "database:ListConnections": Route("LIST", "{mount}config"),
    "database:ReadConnection": Route("GET", "{mount}config/{name}"),
    "database:ListStaticRoles": Route("LIST", "{mount}static-roles"),
    "database:ReadStaticRole": Route("GET", "{mount}static-roles/{name}"),
    "sys:ListDetailedPolicies": Route("LIST", "sys/policies/detailed/acl", absent=_UNSUPPORTED),
    "sys:ListPolicies": Route("LIST", "sys/policies/acl"),
    "sys:ReadPolicy": Route("GET", "sys/policies/acl/{name}"),
    "auth:ListRoles": Route("LIST", "auth/{mount}role"),
    "auth:ReadRole": Route("GET", "auth/{mount}role/{name}"),
    "auth:ListUsers": Route("LIST", "auth/{mount}users"),
    "auth:ReadUser": Route("GET", "auth/{mount}users/{name}"),
    "auth:ListUserGroups": Route("LIST", "auth/{mount}groups"),
    "auth:ReadUserGroup": Route("GET", "auth/{mount}groups/{name}"),
    "auth:ListCertificates": Route("LIST", "auth/{mount}certs"),
    "auth:ReadCertificate": Route("GET", "auth/{mount}certs/{name}"),
    "auth:ListTokenRoles": Route("LIST", "auth/{mount}roles"),
    "auth:ReadTokenRole": Route("GET", "auth/{mount}roles/{name}"),
    "identity:ListEntities": Route("LIST", "identity/entity/id"),
    "identity:ReadEntity": Route("GET", "identity/entity/id/{name}"),
    "identity:ListGroups": Route("LIST", "identity/group/id"),
    "identity:ReadGroup": Route("GET", "identity/group/id/{name}"),
}
"""By the operation's name."""
