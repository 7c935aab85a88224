"""Answers of Secrets Manager and the parameter store where moto has none, or another than AWS."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from keyproof.demo.aws.wire import AwsError, Request
from keyproof.demo.aws.world import SecretRecord, World, parameter_arn

_DATES = ("LastChangedDate", "LastAccessedDate", "LastRotatedDate", "NextRotationDate", "DeletedDate", "CreatedDate")


def list_secrets(world: World, request: Request) -> Mapping[str, Any] | None:
    if request.parameters.get("Filters"):
        return None
    backend = world.secret_backend(request.account, request.region)
    entries = [_described(world, secret) for secret in backend.secrets.values()]
    if not request.parameters.get("IncludePlannedDeletion"):
        entries = [entry for entry in entries if not entry.get("DeletedDate")]
    page, token = _page(world, request, entries, default=100, most=100)
    return {"SecretList": [_listed(entry) for entry in page], "NextToken": token or None}


def _listed(entry: dict[str, Any]) -> dict[str, Any]:
    """A list's entry has the same members as a description, but for the versions' name and the replicas."""
    other = ("ReplicationStatus", "VersionIdsToStages")
    same = {name: value for name, value in entry.items() if name not in other}
    return {**same, "SecretVersionsToStages": entry.get("VersionIdsToStages")}


def describe_secret(world: World, request: Request) -> Mapping[str, Any]:
    return _described(world, _secret(world, request))


def _described(world: World, secret: Any) -> dict[str, Any]:
    facts = {n: v for n, v in secret.to_dict().items() if v is not None and n != "SecretVersionsToStages"}
    if "VersionIdsToStages" in facts:
        facts["VersionIdsToStages"] = {v: stages for v, stages in facts["VersionIdsToStages"].items() if stages}
    facts |= {name: datetime.fromtimestamp(facts[name], UTC) for name in _DATES if name in facts}
    source = getattr(secret, "source", secret)
    record = world.secrets.get(source.arn, SecretRecord())
    return facts | (_replicated(record.members) if source is not secret else record.members)


def _replicated(members: Mapping[str, Any]) -> dict[str, Any]:
    """A replica is used and encrypted by itself; how it rotates is its primary's."""
    return {n: v for n, v in members.items() if n not in ("LastAccessedDate", "RotationLambdaARN")}


def list_secret_version_ids(world: World, request: Request) -> Mapping[str, Any]:
    secret = _secret(world, request)
    source = getattr(secret, "source", secret)
    known = world.secrets.get(source.arn, SecretRecord()).versions
    everything = request.parameters.get("IncludeDeprecated", False)
    entries = [
        {
            "VersionId": name,
            "VersionStages": version["version_stages"] or None,
            "CreatedDate": datetime.fromtimestamp(version["createdate"], UTC),
            "KmsKeyIds": [source.kms_key_id or "DefaultEncryptionKey"],
            **known.get(name, {}),
        }
        for name, version in source.versions.items()
        if everything or version["version_stages"]
    ]
    page, token = _page(world, request, entries, default=100, most=100)
    return {"ARN": secret.arn, "Name": secret.name, "Versions": page, "NextToken": token or None}


def get_resource_policy(world: World, request: Request) -> Mapping[str, Any]:
    secret = _secret(world, request)
    policy = getattr(getattr(secret, "source", secret), "policy", None)
    return {"ARN": secret.arn, "Name": secret.name, "ResourcePolicy": policy or None}


def _secret(world: World, request: Request) -> Any:
    backend = world.secret_backend(request.account, request.region)
    name = request.parameters.get("SecretId", "")
    for secret in backend.secrets.values():
        if name in (secret.arn, secret.name):
            return secret
    raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")


def describe_parameters(world: World, request: Request) -> Mapping[str, Any]:
    backend = world.parameter_backend(request.account, request.region)
    filters = [request.parameters.get(name, []) for name in ("Filters", "ParameterFilters")]
    found = backend.describe_parameters(*filters)
    page, token = _page(world, request, found, default=10, most=50)
    entries = [_parameter(parameter, request) for parameter in page]
    return {"Parameters": entries, "NextToken": token or None}


def _parameter(parameter: Any, request: Request) -> dict[str, Any]:
    modified = parameter.last_modified_date
    return {
        "Name": parameter.name,
        "ARN": parameter_arn(request.account, request.region, parameter.name),
        "Type": parameter.parameter_type,
        "KeyId": parameter.keyid if parameter.parameter_type == "SecureString" else None,
        "LastModifiedDate": modified if modified.tzinfo else modified.replace(tzinfo=UTC),
        "LastModifiedUser": f"arn:aws:iam::{request.account}:role/deploy",
        "Description": parameter.description or None,
        "AllowedPattern": parameter.allowed_pattern,
        "Version": parameter.version,
        "Tier": parameter.tier or "Standard",
        "Policies": [],
        "DataType": parameter.data_type,
    }


def get_resource_policies(world: World, request: Request) -> Mapping[str, Any]:
    arn = request.parameters.get("ResourceArn", "")
    if arn not in world.parameter_policies:
        raise AwsError("ResourceNotFoundException", f"{arn} was not found.")
    page, token = _page(world, request, world.parameter_policies[arn], default=50, most=50)
    return {"Policies": page, "NextToken": token or None}


def _page(world: World, request: Request, entries: list[Any], *, default: int, most: int) -> tuple[list[Any], str]:
    try:
        return world.page(request, entries, limit="MaxResults", marker="NextToken", default=default, most=most)
    except AwsError as error:
        code = "InvalidNextTokenException" if request.service == "secretsmanager" else "InvalidNextToken"
        raise AwsError(code, "The token is not valid.") from error


OPERATIONS = {
    "secretsmanager:DescribeSecret": describe_secret,
    "secretsmanager:GetResourcePolicy": get_resource_policy,
    "secretsmanager:ListSecretVersionIds": list_secret_version_ids,
    "secretsmanager:ListSecrets": list_secrets,
    "ssm:DescribeParameters": describe_parameters,
    "ssm:GetResourcePolicies": get_resource_policies,
}
