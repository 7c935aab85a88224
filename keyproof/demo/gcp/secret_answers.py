"""Answers of Secret Manager: what secrets are, never what they hold."""

from __future__ import annotations

from typing import Any

from google.cloud import secretmanager_v1

from keyproof.demo.gcp.wire import GoogleError, Request
from keyproof.demo.gcp.world import World

_MOST = 25000
"""Entries a page, asked for or not. Source: ListSecretsRequest.page_size's documentation."""


def list_secrets(world: World, request: Request) -> Any:
    """The secrets of a project, or the regional ones of a location."""
    _unfiltered(request)
    prefix = f"{world.by_number(request.message.parent)}/secrets/"
    entries = [world.secrets[name] for name in sorted(world.secrets) if name.startswith(prefix)]
    page, token = world.page(request, entries, default=_MOST, most=_MOST)
    return secretmanager_v1.ListSecretsResponse.pb()(secrets=page, next_page_token=token, total_size=len(entries))


def get_secret(world: World, request: Request) -> Any:
    return world.secrets[_secret(world, request.message.name)]


def list_secret_versions(world: World, request: Request) -> Any:
    """The versions of a secret, newest first."""
    _unfiltered(request)
    entries = world.secret_versions[_secret(world, request.message.parent)][::-1]
    page, token = world.page(request, entries, default=_MOST, most=_MOST)
    return secretmanager_v1.ListSecretVersionsResponse.pb()(
        versions=page, next_page_token=token, total_size=len(entries)
    )


def get_secret_version(world: World, request: Request) -> Any:
    """A version by its number, or the newest as `latest`."""
    name, _, number = request.message.name.partition("/versions/")
    versions = world.secret_versions[_secret(world, name)]
    if number == "latest" and versions:
        return versions[-1]
    found = next((version for version in versions if version.name.endswith(f"/versions/{number}")), None)
    if found is None:
        raise GoogleError("NOT_FOUND", f"Secret Version [{request.message.name}] not found.")
    return found


def get_iam_policy(world: World, request: Request) -> Any:
    name = _secret(world, request.message.resource)
    return world.policy(name, request.message.options.requested_policy_version)


def _secret(world: World, name: str) -> str:
    found = world.by_number(name)
    if found not in world.secrets:
        raise GoogleError("NOT_FOUND", f"Secret [{name}] not found or has no versions.")
    return found


def _unfiltered(request: Request) -> None:
    if request.message.filter:
        raise GoogleError("UNIMPLEMENTED", "The embedded Secret Manager does not filter.")


OPERATIONS = {
    "secretmanager:ListSecrets": list_secrets,
    "secretmanager:GetSecret": get_secret,
    "secretmanager:ListSecretVersions": list_secret_versions,
    "secretmanager:GetSecretVersion": get_secret_version,
    "secretmanager:GetIamPolicy": get_iam_policy,
}
