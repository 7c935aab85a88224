"""Facts that the owner of a key or secret tells by its tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from collectors.source import Settings
from evidence.observation import canonical_json

_BETWEEN_WORDS = str.maketrans("", "", "-_ ")


@dataclass(frozen=True, slots=True)
class TagFacts:
    """The columns that tags fill; all None where the tags were not observed."""

    owner: str | None = None
    business_purpose: str | None = None
    data_class: str | None = None
    environment: str | None = None
    tags: str | None = None


TAG_FACTS = " ".join(field.name for field in fields(TagFacts))
"""The names of these columns, as declarations take them."""


def tag_facts(tags: Mapping[str, str] | None, description: str | None, settings: Settings) -> TagFacts:
    """What the tags say. The description tells the purpose where no tag does; None where it was not observed."""
    if tags is None:
        return TagFacts()
    spelled = {_word(name): tags[name] for name in sorted(tags, reverse=True)}

    def told(fact: str) -> str:
        names = (_word(name) for name in settings.tag_names.get(fact, ()))
        return next((spelled[name] for name in names if name in spelled), "")

    return TagFacts(
        owner=told("owner"),
        business_purpose=told("business_purpose") or description,
        data_class=told("data_class"),
        environment=told("environment"),
        tags=canonical_json(dict(tags)),
    )


def _word(name: str) -> str:
    """A tag's name as people mean it: `DataClass`, `data-class` and `data_class` are one."""
    return name.casefold().translate(_BETWEEN_WORDS)
