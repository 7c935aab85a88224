"""Answers of IAM about users, their access keys and server certificates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keyproof.demo.aws.wire import AwsError, Request
from keyproof.demo.aws.world import AccessKey, User, World
from keyproof.demo.names import stable_hex


def get_account_summary(world: World, request: Request) -> Mapping[str, Any]:
    users = world.users.get(request.account, [])
    return {
        "SummaryMap": {
            "Users": len(users),
            "UsersQuota": 5000,
            "AccessKeysPerUserQuota": 2,
            "AccountAccessKeysPresent": world.root_keys.get(request.account, 0),
            "AccountMFAEnabled": 1,
            "ServerCertificates": len(world.server_certificates.get(request.account, [])),
        }
    }


def list_users(world: World, request: Request) -> Mapping[str, Any]:
    users = world.users.get(request.account, [])
    entries = [
        {
            "Path": "/",
            "UserName": user.name,
            "UserId": "AIDA" + stable_hex(16, request.account, user.name).upper(),
            "Arn": f"arn:aws:iam::{request.account}:user/{user.name}",
            "CreateDate": user.created_at,
        }
        for user in users
    ]
    return _page(world, request, "Users", entries)


def list_access_keys(world: World, request: Request) -> Mapping[str, Any]:
    user = _user(world, request)
    entries = [
        {"UserName": user.name, "AccessKeyId": key.id, "Status": key.status, "CreateDate": key.created_at}
        for key in user.keys
    ]
    return _page(world, request, "AccessKeyMetadata", entries)


def get_access_key_last_used(world: World, request: Request) -> Mapping[str, Any]:
    user, key = _access_key(world, request)
    if key.last_used is None:
        return {"UserName": user.name, "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
    at, service = key.last_used
    used = {"LastUsedDate": at, "ServiceName": service, "Region": "eu-west-1"}
    return {"UserName": user.name, "AccessKeyLastUsed": used}


def list_server_certificates(world: World, request: Request) -> Mapping[str, Any]:
    certificates = world.server_certificates.get(request.account, [])
    entries = [certificate["ServerCertificateMetadata"] for certificate in certificates]
    return _page(world, request, "ServerCertificateMetadataList", entries)


def get_server_certificate(world: World, request: Request) -> Mapping[str, Any]:
    name = request.parameters["ServerCertificateName"]
    for certificate in world.server_certificates.get(request.account, []):
        if certificate["ServerCertificateMetadata"]["ServerCertificateName"] == name:
            return {"ServerCertificate": certificate}
    raise AwsError("NoSuchEntity", f"The Server Certificate with name {name} cannot be found.", 404)


def _user(world: World, request: Request) -> User:
    name = request.parameters["UserName"]
    for user in world.users.get(request.account, []):
        if user.name == name:
            return user
    raise AwsError("NoSuchEntity", f"The user with name {name} cannot be found.", 404)


def _access_key(world: World, request: Request) -> tuple[User, AccessKey]:
    wanted = request.parameters["AccessKeyId"]
    for user in world.users.get(request.account, []):
        for key in user.keys:
            if key.id == wanted:
                return user, key
    raise AwsError("AccessDenied", f"The access key {wanted} is not one of this account", 403)


def _page(world: World, request: Request, member: str, entries: Sequence[Any]) -> Mapping[str, Any]:
    page, marker = world.page(request, entries, limit="MaxItems", marker="Marker", default=100, most=1000)
    return {member: page, "IsTruncated": bool(marker), "Marker": marker or None}


OPERATIONS = {
    "iam:GetAccessKeyLastUsed": get_access_key_last_used,
    "iam:GetAccountSummary": get_account_summary,
    "iam:GetServerCertificate": get_server_certificate,
    "iam:ListAccessKeys": list_access_keys,
    "iam:ListServerCertificates": list_server_certificates,
    "iam:ListUsers": list_users,
}
