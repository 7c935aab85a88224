"""How Google Cloud's lists go from page to page, and how a page without end is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from evidence.observation import JSON, Observation, Status
from evidence.reading import tidy

Ask = Callable[[dict[str, JSON], Callable[[dict[str, Any]], str]], Observation]
"""Makes the observation of a page from its parameters, and from what tells what is wrong with its answer."""

PAGE_SIZES = {
    "resourcemanager:ListFolders": 100,
    "resourcemanager:ListProjects": 100,
    "asset:ListAssets": 1000,
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
}
"""By operation, how much is asked for at once; a service may answer less."""


MOST_PAGES = 10_000
"""Of one list: far above what a project can hold, and bounded."""


def following(answer: dict[str, Any]) -> str:
    """The token of the next page; "" where this is the last."""
    token = answer.get("next_page_token", answer.get("nextPageToken"))
    return token if isinstance(token, str) else ""


def pages(operation: str, parameters: dict[str, JSON], ask: Ask) -> Iterator[Observation]:
    """Page after page until the last, or the first without a usable answer."""
    seen: set[str] = set()

    def check(answer: dict[str, Any]) -> str:
        if following(answer) in seen:
            return "RepeatedToken: the page names a next page that was read before"
        if following(answer) and len(seen) + 1 >= MOST_PAGES:
            return f"TooManyPages: the list does not end within {MOST_PAGES:,} pages"
        return ""

    sized: dict[str, JSON] = {**parameters, "page_size": PAGE_SIZES[operation]}
    token = ""
    while True:
        page = ask({**sized, **({"page_token": token} if token else {})}, check)
        yield page
        token = following(json.loads(tidy(page.body))) if page.status is Status.OK else ""
        if not token:
            return
        seen.add(token)
