"""The tags of all things of one kind in an account and region, which AWS tells at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from collectors.aws.answers import TaggedResources
from collectors.scope_rows import listed
from evidence.reading import Reading

TAGS = "tag:GetResources"


def tags_of_all(reading: Reading) -> tuple[Mapping[str, Mapping[str, str]] | None, Mapping[str, Sequence[str]]]:
    """By ARN: the tags, None where they were not all read; and the observations that tell them."""
    tags: dict[str, dict[str, str]] = {}
    evidence: dict[str, list[str]] = defaultdict(list)
    for observation, page in listed(reading, TAGS, TaggedResources, lambda page: page.more):
        for resource in page.ResourceTagMappingList:
            tags.setdefault(resource.ResourceARN, {}).update({tag.Key: tag.Value for tag in resource.Tags})
            evidence[resource.ResourceARN].append(observation)
    return None if TAGS in reading.failures else tags, evidence
