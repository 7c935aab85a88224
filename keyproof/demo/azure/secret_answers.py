"""What the data plane answers about secrets: everything but a value, which no secret of the world has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from keyproof.demo.azure.shapes import model, page_of
from keyproof.demo.azure.wire import AzureError, Request
from keyproof.demo.azure.world import (
    Operation,
    Secret,
    Store,
    World,
    attributes,
    deletion,
    newest,
    newest_first,
    recovery,
)


def secret_url(world: World, store: Store, secret: Secret, number: int | None = None) -> str:
    """A secret's name, with the version's where one is given."""
    url = f"{world.public_name(store)}/secrets/{secret.name}"
    return url if number is None else f"{url}/{store.version_id(secret.name, number)}"


def _item(world: World, store: Store, secret: Secret, number: int, *, versioned: bool) -> dict[str, Any]:
    members = {
        "id": secret_url(world, store, secret, number if versioned else None),
        "attributes": {**attributes(secret.versions[number]), **recovery(store)},
        "tags": dict(secret.tags) or None,
        "contentType": secret.content_type or None,
        "managed": True if secret.managed else None,
    }
    return {name: value for name, value in members.items() if value is not None}


def get_secrets(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    secrets = [secret for _, secret in sorted(store.secrets.items()) if secret.deleted_at is None]
    return world.data_listing(
        request, secrets, lambda one: _item(world, store, one, newest(one.versions), versioned=False)
    )


def get_secret_versions(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    secret = store.secrets.get(request.parameters["secret"])
    if secret is None or secret.deleted_at is not None:
        raise _not_found(request)
    return world.data_listing(
        request, newest_first(secret.versions), partial(_item, world, store, secret, versioned=True)
    )


def get_deleted_secrets(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    secrets = [secret for _, secret in sorted(store.secrets.items()) if secret.deleted_at is not None]
    return world.data_listing(request, secrets, lambda secret: _deleted(world, store, secret))


def get_deleted_secret(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    secret = store.secrets.get(request.parameters["secret"])
    if secret is None or secret.deleted_at is None:
        raise _not_found(request)
    return _deleted(world, store, secret)


def _deleted(world: World, store: Store, secret: Secret) -> dict[str, Any]:
    item = _item(world, store, secret, newest(secret.versions), versioned=False)
    if secret.deleted_at is None:
        return item
    return {**item, **deletion(store, secret.deleted_at, f"{world.public_name(store)}/deletedsecrets/{secret.name}")}


def _not_found(request: Request) -> AzureError:
    text = f"A secret with (name/id) {request.parameters['secret']} was not found in this key vault."
    return AzureError(404, "SecretNotFound", text)


def _read(world: World, request: Request) -> Mapping[str, Any]:
    """No caller of this world may read a value."""
    world.asked(request)
    text = "Caller is not authorized to perform action on resource."
    raise AzureError(403, "Forbidden", text, inner="ForbiddenByRbac")


_METADATA = "Microsoft.KeyVault/vaults/secrets/readMetadata/action"
_BUNDLE = model("secrets:SecretBundle")
OPERATIONS = {
    "secrets:GetSecrets": Operation(get_secrets, page_of(model("secrets:SecretItem")), _METADATA),
    "secrets:GetSecretVersions": Operation(get_secret_versions, page_of(model("secrets:SecretItem")), _METADATA),
    "secrets:GetDeletedSecrets": Operation(get_deleted_secrets, page_of(model("secrets:DeletedSecretItem")), _METADATA),
    "secrets:GetDeletedSecret": Operation(get_deleted_secret, model("secrets:DeletedSecretBundle"), _METADATA),
    "secrets:GetSecret": Operation(_read, _BUNDLE, "Microsoft.KeyVault/vaults/secrets/getSecret/action"),
    "secrets:BackupSecret": Operation(_read, _BUNDLE, "Microsoft.KeyVault/vaults/secrets/backup/action"),
}
