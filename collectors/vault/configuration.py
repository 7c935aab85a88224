"""The `[[source]]` table of a Vault or OpenBao source."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

_LOOPBACK = frozenset(["127.0.0.1", "::1", "localhost"])

Named = Annotated[str, StringConstraints(min_length=1)]


_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?((/[\w~-]+(\.[\w~-]+)*)*)/?", re.ASCII)
_PATH = re.compile(r"[\x21-\x2e\x30-\x7e]+(/[\x21-\x2e\x30-\x7e]+)*")
"""Of a namespace, as a header can carry it."""


def _checked_url(url: str) -> str:
    if not _URL.fullmatch(url):
        raise ValueError(f"{url!r} is no address of a Vault, such as https://vault.example.com:8200")
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("expected https: over http everybody on the way would see the token")
    return url.rstrip("/")


def _checked_namespace(namespace: str) -> str:
    path = namespace.strip("/")
    if path and not _PATH.fullmatch(path):
        raise ValueError(f"{namespace!r} is no path of a namespace, such as admin/team-a")
    return "" if path in ("", "root") else f"{path}/"


def _checked_mount(mount: str) -> str:
    path = mount.strip("/")
    if not path:
        raise ValueError("is no path of a mount, such as transit")
    return f"{path}/"


Mount = Annotated[str, AfterValidator(_checked_mount)]


class _Method(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TokenMethod(_Method):
    """A token that somebody else has obtained."""

    method: Literal["token"] = "token"
    token_env: Named = "VAULT_TOKEN"  # noqa: S105 - a name
    """The environment variable that holds it."""
    token_file: Named | None = None
    """A file that holds it, such as one that an agent renews; counts before the variable."""


class AppRoleMethod(_Method):
    method: Literal["approle"]
    mount: Mount = "approle/"
    role_id: Named
    secret_id_env: Named | None = None
    secret_id_file: Named | None = None

    @model_validator(mode="after")
    def _one_secret_id(self) -> AppRoleMethod:
        if (self.secret_id_env is None) == (self.secret_id_file is None):
            raise ValueError("expected exactly one of secret_id_env and secret_id_file")
        return self


class KubernetesMethod(_Method):
    method: Literal["kubernetes"]
    mount: Mount = "kubernetes/"
    role: Named
    jwt_file: Named = "/var/run/secrets/kubernetes.io/serviceaccount/token"


class JwtMethod(_Method):
    method: Literal["jwt"]
    mount: Mount = "jwt/"
    role: Named
    jwt_env: Named | None = None
    jwt_file: Named | None = None

    @model_validator(mode="after")
    def _one_jwt(self) -> JwtMethod:
        if (self.jwt_env is None) == (self.jwt_file is None):
            raise ValueError("expected exactly one of jwt_env and jwt_file")
        return self


Method = Annotated[TokenMethod | AppRoleMethod | KubernetesMethod | JwtMethod, Field(discriminator="method")]


class VaultConfiguration(BaseModel):
    """Neither a token nor what is exchanged for one stands here: only where it is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    """Stands in the ids of scopes, keys and secrets."""
    url: Annotated[str, AfterValidator(_checked_url)]
    """The address of the API, without `/v1`."""
    namespace: Annotated[str, AfterValidator(_checked_namespace)] = ""
    """Where to log in and begin; those below it are read too. Left out, the root namespace."""
    ca_file: Named | None = None
    """Certificates, in PEM, that alone vouch for the address."""
    auth: Method = TokenMethod()
    mounts: Annotated[list[Mount], Field(min_length=1)] | None = None
    """Paths, from `namespace` on, of the mounts whose keys and secrets are read; left out, all."""
    list_limit: Annotated[int, Field(ge=1)] = 2_000
    """How many of each list of policies, roles, users, entities, groups, issuers and connections are read, at most."""
    certificates: Annotated[int, Field(ge=1)] = 10_000
    """How many certificates of each PKI mount are read, at most."""
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 30
    """How long to wait for an answer."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 6
    """How often a request is tried that is throttled or lost."""
