"""How Locate goes from page to page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from collectors.kmip.answers import Located
from collectors.kmip.versions import is_paged
from collectors.paging import MOST_PAGES, Ask
from evidence.observation import JSON, Observation
from evidence.reading import tidy

PAGE_SIZE = 1000
"""Objects that are asked for at once; a server may tell fewer."""


def pages(parameters: dict[str, JSON], ask: Ask, version: str) -> Iterator[Observation]:
    """Page after page until one without any object, or the first without a usable answer.

    A page that tells an object again, or that ends the list before all were told that the server counts, is no usable
    answer: either what the server holds changed meanwhile, or it does not do pages.
    """
    seen: set[str] = set()
    counted = 0

    def check(answer: dict[str, Any]) -> str:
        try:
            located = Located.model_validate(answer)
        except ValidationError as error:
            return f"InvalidAnswer: {error.errors(include_url=False)[0]['msg']}"
        told = located.unique_identifier
        if len(set(told)) < len(told) or not seen.isdisjoint(told):
            return "RepeatedObject: the page tells an object that was told before"
        there_are = max(counted, located.located_items or 0)
        if not (told and is_paged(version)) and len(seen) + len(told) < there_are:
            return f"LostObjects: the server counts {there_are:,} objects, and told {len(seen) + len(told):,}"
        return ""

    if not is_paged(version):
        yield ask(parameters, check)
        return
    for _ in range(MOST_PAGES):
        page = ask({**parameters, "maximum_items": PAGE_SIZE, "offset_items": len(seen)}, check)
        yield page
        if not page.ok:
            return
        located = Located.model_validate(json.loads(tidy(page.body)))
        if not located.unique_identifier:
            return
        seen.update(located.unique_identifier)
        counted = max(counted, located.located_items or 0)
