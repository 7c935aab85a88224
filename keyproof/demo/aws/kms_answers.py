"""AWS KMS's answers where moto has none, or another than AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from keyproof.demo.aws.wire import AwsError, Request
from keyproof.demo.aws.world import TRACKED_SINCE, KeyRecord, Material, World
from keyproof.demo.names import days, stable_hex, stable_id

_OLD_SPECS = ("RSA_", "ECC_NIST_P", "ECC_SECG_", "SYMMETRIC_DEFAULT", "HMAC_", "SM2")
_RSA_SIGNING = tuple(f"RSASSA_{padding}_SHA_{n}" for padding in ("PKCS1_V1_5", "PSS") for n in (256, 384, 512))
_SIGNING = {
    "ECC_NIST_P256": ("ECDSA_SHA_256",),
    "ECC_SECG_P256K1": ("ECDSA_SHA_256",),
    "ECC_NIST_P384": ("ECDSA_SHA_384",),
    "ECC_NIST_P521": ("ECDSA_SHA_512",),
    "ECC_NIST_EDWARDS25519": ("ED25519_PH_SHA_512", "ED25519_SHA_512"),
    "SM2": ("SM2DSA",),
}
_CUSTOM_STORES = ("AWS_CLOUDHSM", "EXTERNAL_KEY_STORE")


def metadata(key: Any, record: KeyRecord) -> dict[str, Any]:
    """DescribeKey's KeyMetadata of one of moto's keys."""
    replicated = dict(key.multi_region_configuration) if key.multi_region else None
    if replicated:
        replicated["MultiRegionKeyType"] = "PRIMARY" if replicated["PrimaryKey"]["Arn"] == key.arn else "REPLICA"
    return {
        "AWSAccountId": key.account_id,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": record.created_at,
        "Enabled": _state(key, record) == "Enabled",
        "Description": key.description,
        "KeyUsage": key.key_usage,
        "KeyState": _state(key, record),
        "DeletionDate": _utc(key.deletion_date) if key.key_state == "PendingDeletion" else None,
        "PendingDeletionWindowInDays": record.deletion_window_days,
        "Origin": key.origin,
        "KeyManager": key.key_manager,
        "CustomerMasterKeySpec": key.key_spec if key.key_spec.startswith(_OLD_SPECS) else None,
        "KeySpec": key.key_spec,
        "MultiRegion": key.multi_region,
        "MultiRegionConfiguration": replicated,
        "CustomKeyStoreId": record.custom_key_store or None,
        "CloudHsmClusterId": record.cloudhsm_cluster or None,
        "XksKeyConfiguration": {"Id": record.xks_key} if record.xks_key else None,
        **_algorithms(key.key_spec, key.key_usage),
        **_imported(key, record),
        "CurrentKeyMaterialId": _current_material(key, record),
    }


def _state(key: Any, record: KeyRecord) -> str:
    if key.origin == "EXTERNAL" and key.key_state in ("Enabled", "Disabled") and _current(record) is None:
        return "PendingImport"
    return str(key.key_state)


def _current(record: KeyRecord) -> Material | None:
    """The material in use, unless it has been deleted or has expired."""
    used = [material for material in record.materials if not material.pending]
    return used[-1] if used and used[-1].imported else None


def _algorithms(spec: str, usage: str) -> dict[str, Any]:
    if usage == "GENERATE_VERIFY_MAC":
        return {"MacAlgorithms": [spec.replace("HMAC_", "HMAC_SHA_")]}
    if usage == "KEY_AGREEMENT":
        return {"KeyAgreementAlgorithms": ["ECDH"]}
    if usage == "SIGN_VERIFY":
        default = ("ML_DSA_SHAKE_256",) if spec.startswith("ML_DSA") else _RSA_SIGNING
        return {"SigningAlgorithms": list(_SIGNING.get(spec, default))}
    if usage == "ENCRYPT_DECRYPT":
        symmetric = spec == "SYMMETRIC_DEFAULT"
        return {
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"] if symmetric else ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
        }
    return {}


def _imported(key: Any, record: KeyRecord) -> dict[str, Any]:
    material = _current(record)
    if key.origin != "EXTERNAL" or material is None:
        return {}
    return _expiry(material)


def _expiry(material: Material) -> dict[str, Any]:
    expires = material.valid_to is not None
    model = "KEY_MATERIAL_EXPIRES" if expires else "KEY_MATERIAL_DOES_NOT_EXPIRE"
    return {"ExpirationModel": model, "ValidTo": material.valid_to}


def _current_material(key: Any, record: KeyRecord) -> str | None:
    symmetric = key.key_spec == "SYMMETRIC_DEFAULT" and key.origin not in _CUSTOM_STORES
    material = _current(record)
    return _material_id(key, record.materials.index(material)) if symmetric and material else None


def _material_id(key: Any, index: int) -> str:
    """The same in every region, as replicas have their primary's material."""
    return stable_hex(64, key.account_id, key.id, str(index))


def _utc(value: datetime | None) -> datetime | None:
    """moto keeps times in UTC without saying so."""
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def describe_key(world: World, request: Request) -> Mapping[str, Any]:
    return {"KeyMetadata": metadata(*world.key(request))}


def list_keys(world: World, request: Request) -> Mapping[str, Any]:
    keys = sorted(world.key_backend(request.account, request.region).keys.values(), key=lambda key: str(key.id))
    page, marker = world.page(request, keys, limit="Limit", marker="Marker", default=100, most=1000)
    return _truncated({"Keys": [{"KeyId": key.id, "KeyArn": key.arn} for key in page]}, marker)


def list_aliases(world: World, request: Request) -> Mapping[str, Any]:
    backend = world.key_backend(request.account, request.region)
    keys = [world.key(request)[0]] if "KeyId" in request.parameters else list(backend.keys.values())
    entries = [_alias(alias, world.record(key)) for key in keys for alias in key.aliases.values()]
    if "KeyId" not in request.parameters:
        names = world.predefined_aliases.get((request.account, request.region), [])
        place = f"arn:aws:kms:{request.region}:{request.account}:"
        entries += [{"AliasName": name, "AliasArn": place + name} for name in names]
    entries.sort(key=lambda entry: str(entry["AliasName"]))
    page, marker = world.page(request, entries, limit="Limit", marker="Marker", default=50, most=100)
    return _truncated({"Aliases": page}, marker)


def _alias(alias: Any, record: KeyRecord) -> dict[str, Any]:
    return {
        "AliasName": alias.alias_name,
        "AliasArn": alias.alias_arn,
        "TargetKeyId": alias.target_key_id,
        "CreationDate": record.created_at,
        "LastUpdatedDate": record.created_at,
    }


def list_grants(world: World, request: Request) -> Mapping[str, Any]:
    key, record = world.key(request)
    wanted = {name: request.parameters[name] for name in _GRANT_FILTERS if name in request.parameters}
    entries = [_grant(key, grant, record) for grant in key.grants.values()]
    chosen = [entry for entry in entries if all(entry.get(name) == value for name, value in wanted.items())]
    page, marker = world.page(request, chosen, limit="Limit", marker="Marker", default=50, most=100)
    return _truncated({"Grants": page}, marker)


_GRANT_FILTERS = ("GrantId", "GranteePrincipal", "GranteeServicePrincipal")


def _grant(key: Any, grant: Any, record: KeyRecord) -> dict[str, Any]:
    known = record.grants.get(grant.id, {})
    return {
        "KeyId": key.arn,
        "GrantId": grant.id,
        "Name": grant.name or None,
        "GranteePrincipal": None if "GranteeServicePrincipal" in known else grant.grantee_principal,
        "RetiringPrincipal": grant.retiring_principal or None,
        "IssuingAccount": f"arn:aws:iam::{key.account_id}:root",
        "Operations": list(grant.operations),
        "Constraints": grant.constraints or None,
        "CreationDate": record.created_at,
        **known,
    }


def list_resource_tags(world: World, request: Request) -> Mapping[str, Any]:
    key, _ = world.key(request)
    tags = world.key_backend(request.account, request.region).tagger.list_tags_for_resource(key.id)["Tags"]
    page, marker = world.page(request, tags, limit="Limit", marker="Marker", default=50, most=50)
    return _truncated({"Tags": page}, marker)


def get_key_policy(world: World, request: Request) -> Mapping[str, Any]:
    return {"Policy": world.key(request)[0].policy, "PolicyName": "default"}


def get_key_rotation_status(world: World, request: Request) -> Mapping[str, Any]:
    """Asymmetric and HMAC keys just answer false; keys whose material is not KMS's own refuse the question.

    Source: errors and answers that users of terraform, ansible and steampipe report, as the API reference does not
    say which keys the UnsupportedOperationException is for.
    """
    key, record = world.key(request)
    if key.origin != "AWS_KMS":
        raise _unsupported(f"{key.arn} origin is {key.origin} which is not valid for this operation.")
    if key.key_manager == "AWS":
        return {"KeyId": key.arn, "KeyRotationEnabled": True}
    doomed = key.key_state in ("PendingDeletion", "PendingReplicaDeletion")
    enabled = _primary_of(world, key).key_rotation_status and key.key_spec == "SYMMETRIC_DEFAULT" and not doomed
    if not enabled:
        return {
            "KeyId": key.arn,
            "KeyRotationEnabled": False,
            "OnDemandRotationStartDate": record.on_demand_started_at,
        }
    return {
        "KeyId": key.arn,
        "KeyRotationEnabled": True,
        "RotationPeriodInDays": record.rotation_period_days,
        "NextRotationDate": _next_rotation(record),
        "OnDemandRotationStartDate": record.on_demand_started_at,
    }


def _primary_of(world: World, key: Any) -> Any:
    """The key itself, or the primary whose rotation a replica shares."""
    if not key.multi_region:
        return key
    primary = key.multi_region_configuration["PrimaryKey"]
    return world.key_backend(key.account_id, primary["Region"]).keys.get(key.id, key)


def _next_rotation(record: KeyRecord) -> datetime:
    automatic = [m.at for m in record.materials if m.rotation == "AUTOMATIC"]
    start = record.rotation_counts_from or max([record.created_at, *automatic])
    return start + days(record.rotation_period_days)


def list_key_rotations(world: World, request: Request) -> Mapping[str, Any]:
    key, record = world.key(request)
    if key.key_manager == "AWS" or key.key_spec != "SYMMETRIC_DEFAULT":
        raise _unsupported(f"{key.arn} is not a key whose material can be rotated.")
    if key.origin in _CUSTOM_STORES:
        raise _unsupported(f"{key.arn} origin is {key.origin} which is not valid for this operation.")
    everything = request.parameters.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL"
    entries = [
        _rotation(key, record, index)
        for index, material in enumerate(record.materials)
        if everything or material.rotation
    ]
    page, marker = world.page(request, entries, limit="Limit", marker="Marker", default=100, most=1000)
    return _truncated({"Rotations": page}, marker)


def _rotation(key: Any, record: KeyRecord, index: int) -> dict[str, Any]:
    material = record.materials[index]
    last = max((i for i, m in enumerate(record.materials) if not m.pending), default=-1)
    state = "PENDING_ROTATION" if material.pending else "CURRENT" if index == last else "NON_CURRENT"
    entry: dict[str, Any] = {
        "KeyId": key.id,
        "KeyMaterialId": _material_id(key, index),
        "KeyMaterialState": state,
    }
    if material.rotation and not material.pending:
        entry |= {"RotationDate": material.at, "RotationType": material.rotation}
    if key.origin == "EXTERNAL":
        entry |= {
            "KeyMaterialDescription": material.description or None,
            "ImportState": "IMPORTED" if material.imported else "PENDING_IMPORT",
            **(_expiry(material) if material.imported else {}),
        }
    return entry


def get_key_last_usage(world: World, request: Request) -> Mapping[str, Any]:
    key, record = world.key(request)
    usage: dict[str, Any] = {}
    if record.last_usage:
        operation, at = record.last_usage
        event = stable_id(key.arn, at.isoformat())
        usage = {"Operation": operation, "Timestamp": at, "CloudTrailEventId": event}
        usage["KmsRequestId"] = stable_id(event)
    return {
        "KeyId": key.arn,
        "KeyLastUsage": usage,
        "TrackingStartDate": max(TRACKED_SINCE, record.created_at),
        "KeyCreationDate": record.created_at,
    }


def describe_custom_key_stores(world: World, request: Request) -> Mapping[str, Any]:
    stores = world.key_stores.get((request.account, request.region), [])
    wanted = {n: request.parameters[n] for n in ("CustomKeyStoreId", "CustomKeyStoreName") if n in request.parameters}
    chosen = [store for store in stores if all(store.get(name) == value for name, value in wanted.items())]
    if wanted and not chosen:
        raise AwsError("CustomKeyStoreNotFoundException", "The custom key store does not exist.")
    page, marker = world.page(request, chosen, limit="Limit", marker="Marker", default=100, most=1000)
    return _truncated({"CustomKeyStores": page}, marker)


def create_key(world: World, request: Request) -> Mapping[str, Any]:
    asked = request.parameters
    spec = asked.get("KeySpec") or asked.get("CustomerMasterKeySpec") or "SYMMETRIC_DEFAULT"
    origin, multi_region = asked.get("Origin", "AWS_KMS"), asked.get("MultiRegion", False)
    number = str(len(world.key_backend(request.account, request.region).keys))
    name = stable_id("created", request.account, request.region, number)
    key = world.add_key(
        request.account,
        request.region,
        key_id=f"mrk-{name.replace('-', '')}" if multi_region else name,
        record=KeyRecord(
            created_at=world.now,
            materials=[] if origin == "EXTERNAL" else [Material(at=world.now)],
            custom_key_store=asked.get("CustomKeyStoreId", ""),
            xks_key=asked.get("XksKeyId", ""),
        ),
        spec=spec,
        usage=asked.get("KeyUsage", "ENCRYPT_DECRYPT"),
        origin=origin,
        description=asked.get("Description", ""),
        policy=asked.get("Policy"),
        tags={tag["TagKey"]: tag["TagValue"] for tag in asked.get("Tags", [])},
        multi_region=multi_region,
    )
    _give_private_key(key)
    return {"KeyMetadata": metadata(key, world.record(key))}


def _give_private_key(key: Any) -> None:
    """What a client creates it may also use, so this key gets the private key that seeded ones do without."""
    from moto.kms.utils import KeySpec, generate_private_key

    if key.key_spec in [*KeySpec.rsa_key_specs(), *KeySpec.ecc_key_specs()]:
        key.private_key = generate_private_key(key.key_spec)


def enable_key_rotation(world: World, request: Request) -> Mapping[str, Any]:
    key, record = world.key(request)
    if key.origin != "AWS_KMS" or key.key_spec != "SYMMETRIC_DEFAULT":
        raise _unsupported(f"{key.arn} cannot be rotated automatically.")
    key.key_rotation_status = True
    record.rotation_period_days = request.parameters.get("RotationPeriodInDays", 365)
    record.rotation_counts_from = world.now
    return {}


def rotate_key_on_demand(world: World, request: Request) -> Mapping[str, Any]:
    key, record = world.key(request)
    if key.origin in _CUSTOM_STORES or key.key_spec != "SYMMETRIC_DEFAULT":
        raise _unsupported(f"{key.arn} cannot be rotated on demand.")
    waiting = [material for material in record.materials if material.pending]
    if key.origin == "EXTERNAL" and not waiting:
        raise AwsError("KMSInvalidStateException", f"{key.arn} has no key material pending rotation.")
    held = [material for material in record.materials if not material.pending]
    valid_to = waiting[0].valid_to if waiting else None
    record.materials = [*held, Material(at=world.now, rotation="ON_DEMAND", valid_to=valid_to)]
    return {"KeyId": key.id}


def import_key_material(world: World, request: Request) -> Mapping[str, Any]:
    key, record = world.key(request)
    if key.origin != "EXTERNAL":
        raise _unsupported(f"{key.arn} origin is {key.origin} which is not valid for this operation.")
    valid_to = request.parameters.get("ValidTo")
    world.import_material(key, datetime.fromtimestamp(valid_to, UTC) if valid_to else None)
    return {"KeyId": key.arn, "KeyMaterialId": _material_id(key, len(record.materials) - 1)}


def schedule_key_deletion(world: World, request: Request) -> Mapping[str, Any]:
    key, record = world.key(request)
    window = request.parameters.get("PendingWindowInDays", 30)
    key.enabled = False
    if key.multi_region and _primary_of(world, key) is key and key.multi_region_configuration["ReplicaKeys"]:
        key.key_state, record.deletion_window_days = "PendingReplicaDeletion", window
        return {"KeyId": key.arn, "KeyState": key.key_state, "PendingWindowInDays": window}
    key.key_state, key.deletion_date = "PendingDeletion", world.now + days(window)
    answer = {"KeyId": key.arn, "KeyState": key.key_state, "PendingWindowInDays": window}
    return {**answer, "DeletionDate": key.deletion_date}


def _truncated(answer: dict[str, Sequence[Any]], marker: str) -> Mapping[str, Any]:
    return {**answer, "Truncated": bool(marker), "NextMarker": marker or None}


def _unsupported(message: str) -> AwsError:
    return AwsError("UnsupportedOperationException", message)


OPERATIONS = {
    "kms:CreateKey": create_key,
    "kms:DescribeCustomKeyStores": describe_custom_key_stores,
    "kms:DescribeKey": describe_key,
    "kms:EnableKeyRotation": enable_key_rotation,
    "kms:GetKeyLastUsage": get_key_last_usage,
    "kms:GetKeyPolicy": get_key_policy,
    "kms:GetKeyRotationStatus": get_key_rotation_status,
    "kms:ImportKeyMaterial": import_key_material,
    "kms:ListAliases": list_aliases,
    "kms:ListGrants": list_grants,
    "kms:ListKeyRotations": list_key_rotations,
    "kms:ListKeys": list_keys,
    "kms:ListResourceTags": list_resource_tags,
    "kms:RotateKeyOnDemand": rotate_key_on_demand,
    "kms:ScheduleKeyDeletion": schedule_key_deletion,
}
