"""What the data plane answers about keys."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from keyproof.demo.azure.shapes import model, page_of
from keyproof.demo.azure.wire import AzureError, Request
from keyproof.demo.azure.world import (
    VAULT,
    Key,
    Operation,
    RotationPolicy,
    Store,
    Version,
    World,
    attributes,
    deletion,
    newest,
    newest_first,
    number_of,
    recovery,
)
from keyproof.demo.names import stable_bytes

_CURVE_BYTES = {"P-256": 32, "P-256K": 32, "P-384": 48, "P-521": 66}
_OPERATIONS: Mapping[str, Sequence[str]] = {
    "RSA": ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"),
    "EC": ("sign", "verify"),
    "oct": ("encrypt", "decrypt", "wrapKey", "unwrapKey"),
    "AKP": ("sign", "verify"),
}
_PUBLIC_BYTES = {"ML-DSA-44": 1312, "ML-DSA-65": 1952, "ML-DSA-87": 2592}


def operations_of(key: Key) -> list[str]:
    """What a key may be used for, as Azure names it."""
    return list(key.operations or _OPERATIONS[key.kty.removesuffix("-HSM")])


def key_url(world: World, store: Store, key: Key, number: int | None = None) -> str:
    """A key's name, with the version's where one is given."""
    url = f"{world.public_name(store)}/keys/{key.name}"
    return url if number is None else f"{url}/{store.version_id(key.name, number)}"


def key_attributes(store: Store, key: Key, version: Version) -> dict[str, Any]:
    """Attributes of a key's version."""
    hsm = key.kty.endswith("-HSM")
    members = {**attributes(version), **recovery(store), "exportable": key.exportable}
    return {**members, "hsmPlatform": "2" if hsm else "0"}


def _item(world: World, store: Store, key: Key, number: int, *, versioned: bool) -> dict[str, Any]:
    item = {
        "kid": key_url(world, store, key, number if versioned else None),
        "attributes": key_attributes(store, key, key.versions[number]),
        "tags": dict(key.tags) or None,
        "managed": True if key.managed else None,
    }
    return _present(item)


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _public_key(world: World, store: Store, key: Key, number: int) -> dict[str, Any]:
    kid = key_url(world, store, key, number)
    kind = key.kty.removesuffix("-HSM")
    members: dict[str, Any] = {"kid": kid, "kty": key.kty, "key_ops": operations_of(key)}
    if kind == "RSA":
        modulus = bytearray(stable_bytes(key.size // 8, kid, "n"))
        modulus[0] |= 0x80
        modulus[-1] |= 1
        members |= {"n": _base64url(bytes(modulus)), "e": "AQAB"}
    elif kind == "EC":
        length = _CURVE_BYTES[key.curve]
        coordinates = {name: _base64url(stable_bytes(length, kid, name)) for name in ("x", "y")}
        members |= {"crv": key.curve, **coordinates}
    elif kind == "AKP":
        public = stable_bytes(_PUBLIC_BYTES[key.algorithm], kid, "pub")
        members |= {"alg": key.algorithm, "pub": _base64url(public)}
    return members


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bundle(world: World, store: Store, key: Key, number: int) -> dict[str, Any]:
    bundle = {
        "key": _public_key(world, store, key, number),
        "attributes": key_attributes(store, key, key.versions[number]),
        "tags": dict(key.tags) or None,
        "managed": True if key.managed else None,
        "release_policy": _release_policy(key),
    }
    return _present(bundle)


def _release_policy(key: Key) -> dict[str, Any] | None:
    if not key.release_policy:
        return None
    data = _base64url(key.release_policy.encode("utf-8", "surrogatepass"))
    return {"contentType": "application/json; charset=utf-8", "immutable": False, "data": data}


def get_keys(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    keys = [key for _, key in sorted(store.keys.items()) if key.deleted_at is None]
    return world.data_listing(
        request, keys, lambda key: _item(world, store, key, newest(key.versions), versioned=False)
    )


def get_key_versions(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    key = _key(store, request)
    return world.data_listing(request, newest_first(key.versions), partial(_item, world, store, key, versioned=True))


def get_key(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    key = _key(store, request)
    return _bundle(world, store, key, _number(store, key, request))


def get_key_attestation(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    key = _key(store, request)
    number = _number(store, key, request)
    if not key.attested:
        raise AzureError(400, "BadParameter", "Key attestation is not supported for this key.")
    bundle = _bundle(world, store, key, number)
    kid = key_url(world, store, key, number)
    bundle["attributes"]["attestation"] = {
        "certificatePemFile": _base64url(stable_bytes(600, kid, "certificate")),
        "privateKeyAttestation": _base64url(stable_bytes(300, kid, "private")),
        "publicKeyAttestation": _base64url(stable_bytes(300, kid, "public")),
        "version": "1.0",
    }
    return bundle


def get_deleted_keys(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    keys = [key for _, key in sorted(store.keys.items()) if key.deleted_at is not None]

    def deleted(key: Key) -> dict[str, Any]:
        return {**_item(world, store, key, newest(key.versions), versioned=False), **_deletion(world, store, key)}

    return world.data_listing(request, keys, deleted)


def get_deleted_key(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    key = store.keys.get(request.parameters["key"])
    if key is None or key.deleted_at is None:
        raise _not_found(request)
    return {**_bundle(world, store, key, newest(key.versions)), **_deletion(world, store, key)}


def _deletion(world: World, store: Store, key: Key) -> dict[str, Any]:
    if key.deleted_at is None:
        return {}
    return deletion(store, key.deleted_at, f"{world.public_name(store)}/deletedkeys/{key.name}")


def get_key_rotation_policy(world: World, request: Request) -> Mapping[str, Any]:
    """A key that never had a policy is answered with one that says nothing, not even its id."""
    store = world.asked(request)
    key = _key(store, request)
    if key.policy is None:
        return {"attributes": None}
    at = int(key.policy.at.timestamp())
    return {
        "id": f"{key_url(world, store, key)}/rotationpolicy",
        "lifetimeActions": [
            {"trigger": trigger, "action": {"type": action}} for trigger, action in lifetime_actions(key.policy)
        ],
        "attributes": {"expiryTime": key.policy.expiry_time or None, "created": at, "updated": at},
    }


def lifetime_actions(policy: RotationPolicy) -> list[tuple[dict[str, str], str]]:
    """(trigger, action) of a rotation policy; Azure takes one of each action."""
    actions = []
    if policy.rotate_after:
        actions.append(({"timeAfterCreate": policy.rotate_after}, "Rotate"))
    if policy.rotate_before_expiry:
        actions.append(({"timeBeforeExpiry": policy.rotate_before_expiry}, "Rotate"))
    if policy.notify_before_expiry:
        actions.append(({"timeBeforeExpiry": policy.notify_before_expiry}, "Notify"))
    return actions


def _key(store: Store, request: Request) -> Key:
    key = store.keys.get(request.parameters["key"])
    if key is None or key.deleted_at is not None:
        raise _not_found(request)
    return key


def _number(store: Store, key: Key, request: Request) -> int:
    number = number_of(store, key.name, key.versions, request.parameters.get("version"))
    if number is None:
        raise _not_found(request)
    return number


def _not_found(request: Request) -> AzureError:
    text = (
        f"A key with (name/id) {request.parameters['key']} was not found in this key vault. If you recently deleted"
        " this key you may be able to recover it using the correct recovery command."
    )
    return AzureError(404, "KeyNotFound", text)


def _used(world: World, request: Request) -> Mapping[str, Any]:
    """No caller of this world may use a key, and no key of it can be used."""
    store = world.asked(request)
    inner = "ForbiddenByRbac" if store.kind == VAULT else "AccessDenied"
    raise AzureError(403, "Forbidden", "Caller is not authorized to perform action on resource.", inner=inner)


_READ = "Microsoft.KeyVault/vaults/keys/read"
OPERATIONS = {
    "keys:GetKeys": Operation(get_keys, page_of(model("keys:KeyItem")), _READ),
    "keys:GetKeyVersions": Operation(get_key_versions, page_of(model("keys:KeyItem")), _READ),
    "keys:GetKey": Operation(get_key, model("keys:KeyBundle"), _READ),
    "keys:GetKeyAttestation": Operation(get_key_attestation, model("keys:KeyBundle"), _READ),
    "keys:GetDeletedKeys": Operation(get_deleted_keys, page_of(model("keys:DeletedKeyItem")), _READ),
    "keys:GetDeletedKey": Operation(get_deleted_key, model("keys:DeletedKeyBundle"), _READ),
    "keys:GetKeyRotationPolicy": Operation(
        get_key_rotation_policy,
        model("keys:KeyRotationPolicy"),
        "Microsoft.KeyVault/vaults/keyrotationpolicies/read",
    ),
    **{
        f"keys:{name}": Operation(_used, model("keys:KeyOperationResult"), f"Microsoft.KeyVault/vaults/keys/{action}")
        for name, action in (
            ("Encrypt", "encrypt/action"),
            ("Decrypt", "decrypt/action"),
            ("Sign", "sign/action"),
            ("UnwrapKey", "unwrap/action"),
            ("BackupKey", "backup/action"),
        )
    },
}
