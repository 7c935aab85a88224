"""How Google Cloud's lists go from page to page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from collectors import paging
from collectors.paging import Ask
from evidence.observation import JSON, Observation

PAGE_SIZES = {
    "resourcemanager:ListFolders": 100,
    "resourcemanager:ListProjects": 100,
    "asset:ListAssets": 1000,
    "asset:SearchAllResources": 500,
    "kms:ListLocations": 500,
    "kms:ListKeyRings": 1000,
    "kms:ListCryptoKeys": 1000,
    "kms:ListCryptoKeyVersions": 1000,
    "kms:ListImportJobs": 1000,
    "kms:ListEkmConnections": 1000,
    "autokey:ListKeyHandles": 1000,
    "kmsinventory:SearchProtectedResources": 500,
    "secretmanager:ListSecrets": 1000,
    "secretmanager:ListSecretVersions": 1000,
    "iam:ListServiceAccounts": 100,
    "apikeys:ListKeys": 300,
}
"""By operation, how much is asked for at once; a service may answer less."""


def following(answer: dict[str, Any]) -> str:
    """The token of the next page; "" where this is the last."""
    token = answer.get("next_page_token", answer.get("nextPageToken"))
    return token if isinstance(token, str) else ""


def pages(operation: str, parameters: dict[str, JSON], ask: Ask) -> Iterator[Observation]:
    """Page after page until the last, or the first without a usable answer."""
    return paging.pages(ask, {**parameters, "page_size": PAGE_SIZES[operation]}, "page_token", following)
