"""Every kind of source. A new one is its own file or folder, and one entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from collectors.source import Collector, Normalize, Source
from evidence.operation import Operation


def _aws_operations() -> Mapping[str, Operation]:
    from collectors.aws.operations import OPERATIONS

    return OPERATIONS


def _aws_configuration() -> type[Any]:
    from collectors.aws.configuration import AwsConfiguration

    return AwsConfiguration


def _aws_collector() -> Callable[[Any, int | None], Collector]:
    from collectors.aws.collect import AwsCollector

    return AwsCollector


def _aws_normalize() -> Normalize:
    from collectors.aws.normalize import normalize

    return normalize


def _aws_not_offered() -> Mapping[str, str]:
    from collectors.aws.operations import NOT_OFFERED

    return NOT_OFFERED


def _aws_policy() -> str:
    from collectors.aws.permissions import policy

    return policy()


def _gcp_operations() -> Mapping[str, Operation]:
    from collectors.gcp.operations import OPERATIONS

    return OPERATIONS


def _gcp_configuration() -> type[Any]:
    from collectors.gcp.configuration import GcpConfiguration

    return GcpConfiguration


def _gcp_collector() -> Callable[[Any, int | None], Collector]:
    from collectors.gcp.collect import GcpCollector

    return GcpCollector


def _gcp_normalize() -> Normalize:
    from collectors.gcp.normalize import normalize

    return normalize


def _gcp_not_offered() -> Mapping[str, str]:
    from collectors.gcp.operations import NOT_OFFERED

    return NOT_OFFERED


def _gcp_policy() -> str:
    from collectors.gcp.permissions import policy

    return policy()


SOURCES: dict[str, Source] = {
    "aws": Source(
        type="aws",
        title="AWS KMS, Secrets Manager and SSM SecureString parameters",
        extra="aws",
        operations=_aws_operations,
        configuration=_aws_configuration,
        collector=_aws_collector,
        normalize=_aws_normalize,
        not_offered=_aws_not_offered,
        policy=_aws_policy,
    ),
    "gcp": Source(
        type="gcp",
        title="Google Cloud KMS and Secret Manager",
        extra="gcp",
        operations=_gcp_operations,
        configuration=_gcp_configuration,
        collector=_gcp_collector,
        normalize=_gcp_normalize,
        not_offered=_gcp_not_offered,
        policy=_gcp_policy,
    ),
}
"""By the `type` of a `[[source]]`."""
