"""The `[[source]]` table of a Google Cloud source."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from collectors.configuration import Attempts, Named, SourceName, Timeout

Service = Literal["kms", "secretmanager", "iam", "apikeys"]
Transport = Literal["grpc", "rest"]

_ENDPOINT = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\]):\d{1,5}")


def _checked_endpoint(endpoint: str) -> str:
    if not _ENDPOINT.fullmatch(endpoint):
        raise ValueError(f"{endpoint!r} is no host and port, such as 127.0.0.1:8443")
    return endpoint


def _without_repetition(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("one is named twice")
    return names


def _named(what: str, pattern: str, example: str) -> BeforeValidator:
    """Accepts a text of that pattern; else says what it is not, and what it looks like."""

    def check(value: object) -> object:
        if isinstance(value, int):
            raise ValueError(f"{value!r} is a number: put it in quotation marks")
        if not (isinstance(value, str) and re.fullmatch(pattern, value)):
            raise ValueError(f"{value!r} is no {what}, such as {example}")
        return value

    return BeforeValidator(check)


ProjectId = Annotated[
    str, _named("id of a project", r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "example-payments")
]
"""Source: Resource Manager, creating and managing projects; those of a domain carry it before a colon."""

Folder = Annotated[str, _named("number of a folder", "[0-9]{1,20}", '"345678901234"')]
OrganizationNumber = Annotated[str, _named("number of an organization", "[0-9]{1,20}", '"123456789012"')]
Location = Annotated[str, _named("location", "[a-z]+(-[a-z0-9]+)*", "europe-west3")]


class GcpConfiguration(BaseModel):
    """Credentials come from Application Default Credentials, never from here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: SourceName
    """Stands in the ids of scopes."""
    projects: Annotated[list[ProjectId], Field(min_length=1), AfterValidator(_without_repetition)] | None = None
    folders: Annotated[list[Folder], Field(min_length=1), AfterValidator(_without_repetition)] | None = None
    """Each with all that is below it."""
    organization: OrganizationNumber | None = None
    services: Annotated[list[Service], Field(min_length=1)] = ["kms", "secretmanager", "iam", "apikeys"]
    secret_locations: Annotated[list[Location], AfterValidator(_without_repetition)] = []
    """Locations whose regional secrets are read too, where Cloud Asset Inventory does not tell of them."""
    asset_inventory: bool = True
    """Ask Cloud Asset Inventory first; without it, or where it may not be read, everything is asked one by one."""
    transport: Transport = "grpc"
    endpoint: Annotated[str, AfterValidator(_checked_endpoint)] | None = None
    """Host and port of every service, such as a private endpoint; Google's own where it is left out."""
    ca_file: Named | None = None
    """Certificates, in PEM, that alone vouch for the endpoint."""
    timeout_seconds: Timeout = 30
    """How long to wait for an answer."""
    attempts: Attempts = 6
    """How often a request is tried that is throttled or lost."""

    @model_validator(mode="after")
    def _consistent(self) -> GcpConfiguration:
        named = [name for name in ("projects", "folders", "organization") if getattr(self, name) is not None]
        if len(named) != 1:
            raise ValueError("expected exactly one of projects, folders and organization")
        if self.ca_file is not None and self.endpoint is None:
            raise ValueError("ca_file is of use only with endpoint")
        return self
