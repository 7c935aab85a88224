"""Every kind of source. A new one is its own file or folder, and one entry here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from collectors.source import Source


def _part(module: str, name: str) -> Callable[[], Any]:
    """What gives `name` of a module below `collectors`, and imports the module only then."""
    return lambda: getattr(import_module(f"collectors.{module}"), name)


def _source(type: str, title: str, *, configuration: str, collector: str) -> Source:
    """A source whose folder is laid out as all are; its configuration's model and its collector go by these names."""
    return Source(
        type=type,
        title=title,
        extra=type,
        operations=_part(f"{type}.operations", "OPERATIONS"),
        configuration=_part(f"{type}.configuration", configuration),
        collector=_part(f"{type}.collect", collector),
        normalize=_part(f"{type}.normalize", "normalize"),
        not_offered=_part(f"{type}.operations", "NOT_OFFERED"),
        policy=lambda: _part(f"{type}.permissions", "policy")()(),
    )


SOURCES: dict[str, Source] = {
    source.type: source
    for source in (
        _source(
            "aws",
            "AWS KMS, Secrets Manager and SSM SecureString parameters",
            configuration="AwsConfiguration",
            collector="AwsCollector",
        ),
        _source(
            "azure",
            "Azure Key Vault and Managed HSM",
            configuration="AzureConfiguration",
            collector="AzureCollector",
        ),
    )
}
"""By the `type` of a `[[source]]`."""
