"""Every kind of source. A new one is its own folder, and one entry here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collectors.source import Collector, Parts, Source


def _aws() -> Parts:
    from collectors.aws import configuration, normalize, operations, permissions

    return Parts(
        operations=operations.OPERATIONS,
        not_offered=operations.NOT_OFFERED,
        configuration=configuration.AwsConfiguration,
        normalize=normalize.normalize,
        policy=permissions.policy,
    )


def _aws_collector() -> Callable[[Any, int | None], Collector]:
    from collectors.aws.collect import AwsCollector

    return AwsCollector


def _azure() -> Parts:
    from collectors.azure import configuration, normalize, operations, permissions

    return Parts(
        operations=operations.OPERATIONS,
        not_offered=operations.NOT_OFFERED,
        configuration=configuration.AzureConfiguration,
        normalize=normalize.normalize,
        policy=permissions.policy,
    )


def _azure_collector() -> Callable[[Any, int | None], Collector]:
    from collectors.azure.collect import AzureCollector

    return AzureCollector


def _gcp() -> Parts:
    from collectors.gcp import configuration, normalize, operations, permissions

    return Parts(
        operations=operations.OPERATIONS,
        not_offered=operations.NOT_OFFERED,
        configuration=configuration.GcpConfiguration,
        normalize=normalize.normalize,
        policy=permissions.policy,
    )


def _gcp_collector() -> Callable[[Any, int | None], Collector]:
    from collectors.gcp.collect import GcpCollector

    return GcpCollector


def _vault() -> Parts:
    from collectors.vault import configuration, normalize, operations, permissions

    return Parts(
        operations=operations.OPERATIONS,
        not_offered=operations.NOT_OFFERED,
        configuration=configuration.VaultConfiguration,
        normalize=normalize.normalize,
        policy=permissions.policy,
    )


def _vault_collector() -> Callable[[Any, int | None], Collector]:
    from collectors.vault.collect import VaultCollector

    return VaultCollector


SOURCES: dict[str, Source] = {
    "aws": Source(
        type="aws",
        title="AWS KMS, Secrets Manager and SSM SecureString parameters",
        extra="aws",
        parts=_aws,
        collector=_aws_collector,
    ),
    "azure": Source(
        type="azure",
        title="Azure Key Vault and Managed HSM",
        extra="azure",
        parts=_azure,
        collector=_azure_collector,
    ),
    "gcp": Source(
        type="gcp",
        title="Google Cloud KMS and Secret Manager",
        extra="gcp",
        parts=_gcp,
        collector=_gcp_collector,
    ),
    "vault": Source(
        type="vault",
        title="HashiCorp Vault and OpenBao",
        extra="vault",
        undated=True,
        parts=_vault,
        collector=_vault_collector,
    ),
}
"""By the `type` of a `[[source]]`."""
