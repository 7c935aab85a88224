"""Answers of IAM and API Keys about the long-lived credentials of a project, never their values."""

from __future__ import annotations

from typing import Any

from google.cloud import api_keys_v2, iam_admin_v1

from keyproof.demo.gcp.wire import GoogleError, Request
from keyproof.demo.gcp.world import World


def list_service_accounts(world: World, request: Request) -> Any:
    """The service accounts of a project."""
    prefix = f"{world.canonical(request.message.name)}/serviceAccounts/"
    entries = [world.service_accounts[name] for name in sorted(world.service_accounts) if name.startswith(prefix)]
    page, token = world.page(request, entries, default=20, most=100)
    return iam_admin_v1.ListServiceAccountsResponse.pb()(accounts=page, next_page_token=token)


def list_service_account_keys(world: World, request: Request) -> Any:
    """All keys of a service account; there are no pages."""
    account = world.canonical(request.message.name)
    if account not in world.service_accounts:
        raise GoogleError("NOT_FOUND", f"Service account {account} does not exist.")
    if request.message.key_types:
        raise GoogleError("UNIMPLEMENTED", "The embedded IAM does not filter.")
    keys = [key for name, key in sorted(world.service_account_keys.items()) if name.startswith(f"{account}/keys/")]
    return iam_admin_v1.ListServiceAccountKeysResponse.pb()(keys=keys)


def list_api_keys(world: World, request: Request) -> Any:
    """The API keys of a project, and those that were deleted where they are asked for."""
    prefix = f"{world.by_number(request.message.parent)}/keys/"
    entries = [key for name, key in sorted(world.api_keys.items()) if name.startswith(prefix)]
    entries = [key for key in entries if request.message.show_deleted or not key.HasField("delete_time")]
    page, token = world.page(request, entries, default=50, most=300)
    return api_keys_v2.ListKeysResponse.pb()(keys=page, next_page_token=token)


OPERATIONS = {
    "iam:ListServiceAccounts": list_service_accounts,
    "iam:ListServiceAccountKeys": list_service_account_keys,
    "apikeys:ListKeys": list_api_keys,
}
