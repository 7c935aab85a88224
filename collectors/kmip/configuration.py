"""The `[[source]]` table of a KMIP server."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from collectors.configuration import Attempts, Named, SourceName, Timeout

ProtocolVersion = Literal["1.2", "1.3", "1.4", "2.0", "2.1"]

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of an environment variable."""


def _checked_host(host: str) -> str:
    named = len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.split("."))
    if not (named or _is_address(host)):
        raise ValueError(f"{host!r} is no host, such as kmip.example.net or 192.0.2.7; the port has a key of its own")
    return host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


Host = Annotated[str, AfterValidator(_checked_host)]


class KmipConfiguration(BaseModel):
    """Pass phrases and passwords come from the environment or from files, never from here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: SourceName
    """Stands in the ids of scopes."""
    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] = 5696
    client_certificate: Named
    """The certificate by which the server knows keyproof, in PEM, followed by those between it and its authority."""
    client_key: Named | None = None
    """Its private key, in PEM; it may stand in the same file."""
    key_password_env: Variable | None = None
    """The variable that holds the pass phrase of the private key."""
    key_password_file: Named | None = None
    """The file whose first line it is."""
    ca_file: Named | None = None
    """The authorities, in PEM, that alone vouch for the server; the system's where it is left out."""
    server_name: Host | None = None
    """The name in the server's certificate, where it is not `host`."""
    username: Named | None = None
    """For servers that ask for a user and a password beside the certificate."""
    password_env: Variable | None = None
    """The variable that holds the password."""
    password_file: Named | None = None
    """The file whose first line it is."""
    protocol_version: ProtocolVersion | None = None
    """The version of KMIP that is spoken; the highest that both sides know where it is left out."""
    timeout_seconds: Timeout = 30
    """How long to wait for a connection, and for an answer."""
    attempts: Attempts = 3
    """How often a request is tried that is lost, or that the server was too busy for."""

    @property
    def address(self) -> str:
        """Host and port, as URLs write them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @model_validator(mode="after")
    def _consistent(self) -> KmipConfiguration:
        if self.key_password_env and self.key_password_file:
            raise ValueError("expected one of key_password_env and key_password_file")
        if self.password_env and self.password_file:
            raise ValueError("expected one of password_env and password_file")
        if bool(self.username) != bool(self.password_env or self.password_file):
            raise ValueError("username and its password (password_env or password_file) are of use only together")
        return self
