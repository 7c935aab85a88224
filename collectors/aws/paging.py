"""How AWS's lists go from page to page, and how a page without end is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from evidence.observation import JSON, Observation, Status
from evidence.reading import tidy

Ask = Callable[[dict[str, JSON], Callable[[dict[str, Any]], str]], Observation]
"""Makes the observation of a page from its parameters, and from what tells what is wrong with its answer."""


@dataclass(frozen=True, slots=True)
class Paging:
    """The parameter that asks for a page, the member of the answer that names the next, and the size of a page."""

    asks: str
    names: str
    size: dict[str, JSON] = field(default_factory=dict)
    truncated: bool = False
    """There is a next page only where the answer says `Truncated`."""

    def following(self, answer: dict[str, Any]) -> str:
        """The token of the next page; "" where this is the last."""
        if self.truncated and answer.get("Truncated") is not True:
            return ""
        token = answer.get(self.names)
        return token if isinstance(token, str) else ""

    def pages(self, parameters: dict[str, JSON], ask: Ask) -> Iterator[Observation]:
        """Page after page until the last, or the first without a usable answer."""
        seen: set[str] = set()

        def check(answer: dict[str, Any]) -> str:
            if self.following(answer) in seen:
                return "RepeatedToken: the page names a next page that was read before"
            return ""

        token = ""
        while True:
            page = ask({**parameters, **self.size, **({self.asks: token} if token else {})}, check)
            yield page
            token = self.following(json.loads(tidy(page.body))) if page.status is Status.OK else ""
            if not token:
                return
            seen.add(token)


def _kms(size: int) -> Paging:
    return Paging("Marker", "NextMarker", {"Limit": size}, truncated=True)


def _token(size: int) -> Paging:
    return Paging("NextToken", "NextToken", {"MaxResults": size})


PAGING = {
    "account:ListRegions": _token(50),
    "organizations:ListAccounts": Paging("NextToken", "NextToken"),
    "kms:ListKeys": _kms(1000),
    "kms:ListAliases": _kms(100),
    "kms:DescribeCustomKeyStores": _kms(100),
    "kms:ListKeyRotations": _kms(100),
    "kms:ListGrants": _kms(100),
    "kms:ListResourceTags": _kms(50),
    "tag:GetResources": Paging("PaginationToken", "PaginationToken", {"ResourcesPerPage": 100}),
    "secretsmanager:ListSecrets": _token(100),
    "secretsmanager:ListSecretVersionIds": _token(100),
    "ssm:DescribeParameters": _token(50),
    "ssm:GetResourcePolicies": _token(50),
}
"""By operation, with the largest page that AWS documents."""
