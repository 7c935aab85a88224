"""How Azure's lists go from page to page, and how a page without end, or one elsewhere, is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from collectors.azure.routes import ROUTES, same_place
from evidence.observation import JSON, Observation, Status
from evidence.reading import tidy

MOST_PAGES = 10_000
"""The most pages that are read of one list: a quarter of a million keys, at 25 a page."""

Ask = Callable[[dict[str, JSON], Callable[[dict[str, Any]], str]], Observation]
"""Makes the observation of a page from its parameters, and from what tells what is wrong with its answer."""


def next_link(answer: Mapping[str, Any]) -> str:
    """Where the next page is; "" where this is the last. A page may be empty and yet not the last."""
    link = answer.get("nextLink")
    return link if isinstance(link, str) else ""


def pages(operation: str, parameters: dict[str, JSON], address: str, ask: Ask) -> Iterator[Observation]:
    """Page after page until the last, or the first without a usable answer. `address` is the URL of the host asked."""
    seen: set[str] = set()

    def check(answer: dict[str, Any]) -> str:
        link = next_link(answer)
        if not link:
            return ""
        if not same_place(link, address) or not ROUTES[operation].admits(urlsplit(link).path):
            return "ForeignLink: the page names a next page that is elsewhere"
        if len(seen) + 1 >= MOST_PAGES:
            return f"EndlessList: the list goes on after {MOST_PAGES:,} pages"
        return "RepeatedLink: the page names a next page that was read before" if link in seen else ""

    link = ""
    while True:
        page = ask({**parameters, **({"nextLink": link} if link else {})}, check)
        yield page
        link = next_link(json.loads(tidy(page.body))) if page.status is Status.OK else ""
        if not link:
            return
        seen.add(link)
