"""How a list goes from page to page, and how one without end is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from collectors.exchange import Check
from evidence.observation import JSON, Observation
from evidence.reading import tidy

MOST_PAGES = 10_000
"""The most pages that are read of one list: a quarter of a million things at 25 a page, and bounded."""

Ask: TypeAlias = Callable[[dict[str, JSON], Check], Observation]
"""Makes the observation of a page from its parameters."""


def pages(
    ask: Ask,
    parameters: dict[str, JSON],
    asks: str,
    following: Callable[[dict[str, Any]], str],
    check: Check = lambda answer: "",
) -> Iterator[Observation]:
    """Page after page until the last, or the first without a usable answer.

    `following` tells what a page names the next one by, "" where it is the last; the parameter `asks` takes that. A
    page that names one that was read before, or one too many, counts as no usable answer.
    """
    seen: set[str] = set()

    def checked(answer: dict[str, Any]) -> str:
        name = following(answer)
        if name in seen:
            return "RepeatedPage: the page names a next page that was read before"
        if name and len(seen) + 1 >= MOST_PAGES:
            return f"EndlessList: the list goes on after {MOST_PAGES:,} pages"
        return check(answer)

    name = ""
    while True:
        page = ask({**parameters, **({asks: name} if name else {})}, checked)
        yield page
        name = following(json.loads(tidy(page.body))) if page.ok else ""
        if not name:
            return
        seen.add(name)
