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


def _kmip() -> Parts:
    from collectors.kmip import configuration, normalize, operations, permissions

    return Parts(
        operations=operations.OPERATIONS,
        not_offered=operations.NOT_OFFERED,
        configuration=configuration.KmipConfiguration,
        normalize=normalize.normalize,
        policy=permissions.policy,
    )


def _kmip_collector() -> Callable[[Any, int | None], Collector]:
    from collectors.kmip.collect import KmipCollector

    return KmipCollector


def _pkcs11() -> Parts:
    from collectors.pkcs11 import configuration, normalize, operations, permissions

    return Parts(
        operations=operations.OPERATIONS,
        not_offered=operations.NOT_OFFERED,
        configuration=configuration.Pkcs11Configuration,
        normalize=normalize.normalize,
        policy=permissions.policy,
    )


def _pkcs11_collector() -> Callable[[Any, int | None], Collector]:
    from collectors.pkcs11.collect import Pkcs11Collector

    return Pkcs11Collector


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
        title="AWS KMS, CloudHSM, Secrets Manager, SSM SecureString parameters, IAM access keys, ACM, data stores",
        extra="aws",
        parts=_aws,
        collector=_aws_collector,
    ),
    "azure": Source(
        type="azure",
        title="Azure Key Vault, Managed HSM and storage accounts",
        extra="azure",
        parts=_azure,
        collector=_azure_collector,
    ),
    "gcp": Source(
        type="gcp",
        title="Google Cloud KMS, Secret Manager and long-lived credentials",
        extra="gcp",
        parts=_gcp,
        collector=_gcp_collector,
    ),
    "kmip": Source(
        type="kmip",
        title="Key managers and HSMs that speak KMIP",
        extra="",
        undated=True,
        parts=_kmip,
        collector=_kmip_collector,
    ),
    "pkcs11": Source(
        type="pkcs11",
        title="HSMs and other tokens over PKCS#11",
        extra="",
        parts=_pkcs11,
        collector=_pkcs11_collector,
        undated=True,
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
