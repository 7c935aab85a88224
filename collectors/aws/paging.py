"""How each of AWS's lists goes from page to page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from collectors.paging import Ask, pages
from evidence.observation import JSON, Observation


@dataclass(frozen=True, slots=True)
class Paging:
    """The parameter that asks for a page, the member of the answer that names the next, and the size of a page."""

    asks: str
    names: str
    size: dict[str, JSON] = field(default_factory=dict)
    truncated: str = ""
    """The member of the answer that says whether there is a next page; "" where none does."""

    def following(self, answer: dict[str, Any]) -> str:
        """The token of the next page; "" where this is the last."""
        if self.truncated and answer.get(self.truncated) is not True:
            return ""
        token = answer.get(self.names)
        return token if isinstance(token, str) else ""

    def pages(self, parameters: dict[str, JSON], ask: Ask) -> Iterator[Observation]:
        """Page after page until the last, or the first without a usable answer."""
        return pages(ask, {**parameters, **self.size}, self.asks, self.following)


def _kms(size: int) -> Paging:
    return Paging("Marker", "NextMarker", {"Limit": size}, truncated="Truncated")


def _iam() -> Paging:
    return Paging("Marker", "Marker", {"MaxItems": 1000}, truncated="IsTruncated")


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
    "cloudhsm:DescribeClusters": _token(25),
    "cloudhsm:DescribeBackups": _token(50),
    "iam:ListUsers": _iam(),
    "iam:ListAccessKeys": _iam(),
    "iam:ListServerCertificates": _iam(),
    "events:ListRules": Paging("NextToken", "NextToken", {"Limit": 100}),
    "events:ListTargetsByRule": Paging("NextToken", "NextToken", {"Limit": 100}),
    "logs:DescribeMetricFilters": Paging("nextToken", "nextToken", {"limit": 50}),
    "cloudwatch:DescribeAlarms": Paging("NextToken", "NextToken", {"MaxRecords": 100}),
    "acm:ListCertificates": Paging("NextToken", "NextToken", {"MaxItems": 1000}),
    "ec2:DescribeVolumes": _token(500),
    "rds:DescribeDBInstances": Paging("Marker", "Marker", {"MaxRecords": 100}),
    "rds:DescribeDBClusters": Paging("Marker", "Marker", {"MaxRecords": 100}),
    "elasticfilesystem:DescribeFileSystems": Paging("Marker", "NextMarker", {"MaxItems": 100}),
}
"""By operation, with the largest page that AWS documents."""
