"""Answers about accounts, organization, callers and tags where moto has none, or another than AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from keyproof.demo.aws.wire import AwsError, Request
from keyproof.demo.aws.world import Account, World, parameter_arn
from keyproof.demo.names import stable_hex


def get_caller_identity(world: World, request: Request) -> Mapping[str, Any]:
    caller = world.callers[request.access_key]
    return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}


def assume_role(world: World, request: Request) -> Mapping[str, Any]:
    """Only the end of the session is not the same each time: clients compare it with their own clock."""
    role, session = request.parameters["RoleArn"], request.parameters["RoleSessionName"]
    if role not in world.roles:
        asking = world.callers[request.access_key].arn
        text = f"User: {asking} is not authorized to perform: sts:AssumeRole on resource: {role}"
        raise AwsError("AccessDenied", text, 403)
    key, caller = world.assume(role, session)
    return {
        "Credentials": {
            "AccessKeyId": key,
            "SecretAccessKey": stable_hex(40, key, "secret"),
            "SessionToken": stable_hex(64, key, "token"),
            "Expiration": datetime.now(UTC) + timedelta(hours=1),
        },
        "AssumedRoleUser": {"AssumedRoleId": caller.user_id, "Arn": caller.arn},
    }


def get_account_information(world: World, request: Request) -> Mapping[str, Any]:
    account = _account(world, request)
    return {
        "AccountId": account.id,
        "AccountName": account.name,
        "AccountCreatedDate": account.created_at,
        "AccountState": "ACTIVE",
    }


def list_regions(world: World, request: Request) -> Mapping[str, Any]:
    account = _account(world, request)
    regions = [{"RegionName": name, "RegionOptStatus": _opt_status(account, name)} for name in _names(account)]
    wanted = request.parameters.get("RegionOptStatusContains")
    chosen = [region for region in regions if not wanted or region["RegionOptStatus"] in wanted]
    page, token = world.page(request, chosen, limit="MaxResults", marker="NextToken", default=20, most=50)
    return {"Regions": page, "NextToken": token or None}


def _names(account: Account) -> list[str]:
    return sorted(account.regions | account.known_regions)


def _opt_status(account: Account, region: str) -> str:
    if region not in account.regions:
        return "DISABLED"
    return "ENABLED" if region in account.opted_in else "ENABLED_BY_DEFAULT"


def _account(world: World, request: Request) -> Account:
    """The caller's account, or the one asked for, which only the managing account may ask."""
    wanted = request.parameters.get("AccountId", request.account)
    if wanted != request.account and request.account != _managing(world).id:
        raise AwsError("AccessDeniedException", "Only the management account may ask about another account", 403)
    if wanted not in world.accounts:
        raise AwsError("ValidationException", "The account does not belong to the organization")
    return world.accounts[wanted]


def _managing(world: World) -> Account:
    return next(iter(world.accounts.values()))


def describe_organization(world: World, request: Request) -> Mapping[str, Any]:
    _require_organization(world)
    managing = _managing(world)
    place = f"arn:aws:organizations::{managing.id}"
    return {
        "Organization": {
            "Id": world.organization,
            "Arn": f"{place}:organization/{world.organization}",
            "FeatureSet": "ALL",
            "MasterAccountArn": f"{place}:account/{world.organization}/{managing.id}",
            "MasterAccountId": managing.id,
            "MasterAccountEmail": managing.email,
            "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
        }
    }


def list_accounts(world: World, request: Request) -> Mapping[str, Any]:
    _require_organization(world)
    managing = _managing(world)
    if request.account != managing.id:
        raise AwsError("AccessDeniedException", "You don't have permissions to access this resource.")
    accounts = list(world.accounts.values())
    page, token = world.page(request, accounts, limit="MaxResults", marker="NextToken", default=20, most=20)
    entries = [
        {
            "Id": account.id,
            "Arn": f"arn:aws:organizations::{managing.id}:account/{world.organization}/{account.id}",
            "Email": account.email,
            "Name": account.name,
            "Status": "ACTIVE",
            "State": "ACTIVE",
            "JoinedMethod": "INVITED" if account is managing else "CREATED",
            "JoinedTimestamp": account.created_at,
        }
        for account in page
    ]
    return {"Accounts": entries, "NextToken": token or None}


def _require_organization(world: World) -> None:
    if not world.organization:
        text = "Your account is not a member of an organization."
        raise AwsError("AWSOrganizationsNotInUseException", text)


def get_resources(world: World, request: Request) -> Mapping[str, Any] | None:
    """Resources that have tags, as AWS lists those only that have, or once had, a tag."""
    kinds = request.parameters.get("ResourceTypeFilters", [])
    if not kinds or request.parameters.get("TagFilters") or not set(kinds) <= set(_TAGGED):
        return None
    found = [(arn, tags) for kind in kinds for arn, tags in _TAGGED[kind](world, request) if tags]
    found.sort(key=lambda entry: entry[0])
    page, token = world.page(request, found, limit="ResourcesPerPage", marker="PaginationToken", default=50, most=100)
    entries = [
        {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        for arn, tags in page
    ]
    return {"ResourceTagMappingList": entries, "PaginationToken": token}


def _tagged_keys(world: World, request: Request) -> Iterator[tuple[str, dict[str, str]]]:
    backend = world.key_backend(request.account, request.region)
    for key in backend.keys.values():
        yield key.arn, backend.tagger.get_tag_dict_for_resource(key.id)


def _tagged_secrets(world: World, request: Request) -> Iterator[tuple[str, dict[str, str]]]:
    for secret in world.secret_backend(request.account, request.region).secrets.values():
        yield secret.arn, {tag["Key"]: tag["Value"] for tag in secret.tags or []}


def _tagged_parameters(world: World, request: Request) -> Iterator[tuple[str, dict[str, str]]]:
    backend = world.parameter_backend(request.account, request.region)
    for name in list(backend._parameters):
        yield parameter_arn(request.account, request.region, name), backend.list_tags_for_resource("Parameter", name)


def _tagged_certificates(world: World, request: Request) -> Iterator[tuple[str, dict[str, str]]]:
    for record in world.certificates.get((request.account, request.region), []):
        yield record.members["CertificateArn"], dict(record.tags)


_TAGGED = {
    "kms": _tagged_keys,
    "kms:key": _tagged_keys,
    "secretsmanager": _tagged_secrets,
    "secretsmanager:secret": _tagged_secrets,
    "ssm:parameter": _tagged_parameters,
    "acm:certificate": _tagged_certificates,
}

OPERATIONS = {
    "account:GetAccountInformation": get_account_information,
    "account:ListRegions": list_regions,
    "organizations:DescribeOrganization": describe_organization,
    "organizations:ListAccounts": list_accounts,
    "sts:AssumeRole": assume_role,
    "sts:GetCallerIdentity": get_caller_identity,
    "tag:GetResources": get_resources,
}
