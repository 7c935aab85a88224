"""How Azure's lists go from page to page, and how a page elsewhere is noticed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from collectors import paging
from collectors.azure.routes import ROUTES, same_place
from collectors.paging import Ask
from evidence.observation import JSON, Observation


def next_link(answer: Mapping[str, Any]) -> str:
    """Where the next page is; "" where this is the last. A page may be empty and yet not the last."""
    link = answer.get("nextLink")
    return link if isinstance(link, str) else ""


def pages(operation: str, parameters: dict[str, JSON], address: str, ask: Ask) -> Iterator[Observation]:
    """Page after page until the last, or the first without a usable answer. `address` is the URL of the host asked."""

    def elsewhere(answer: dict[str, Any]) -> str:
        link = next_link(answer)
        if not link or (same_place(link, address) and ROUTES[operation].admits(urlsplit(link).path)):
            return ""
        return "ForeignLink: the page names a next page that is elsewhere"

    return paging.pages(ask, parameters, "nextLink", next_link, elsewhere)
