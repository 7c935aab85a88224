"""The small Google Cloud as a stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from small_gcp import served
from staging import Faults, Served, Stage

from keyproof.demo.faults import Fault
from keyproof.demo.gcp.faults import Rule


@contextmanager
def serve(faults: Faults) -> Iterator[Served]:
    """Serves the estate with faults."""
    with served([Rule(fault=Fault(fault), operation=operation) for operation, fault in faults]) as cloud:
        configuration = {**cloud.source("prod"), "attempts": 1, "timeout_seconds": 5}
        del configuration["type"]  # it has chosen the source
        yield Served(configuration, lambda: cloud.requests)


_WALKED = (
    "kms:ListLocations",
    "kms:ListKeyRings",
    "kms:ListCryptoKeys",
    "kms:ListCryptoKeyVersions",
    "kms:ListImportJobs",
    "kms:ListEkmConnections",
    "kms:GetIamPolicy",
    "secretmanager:ListSecrets",
    "secretmanager:ListSecretVersions",
    "secretmanager:GetIamPolicy",
    "resourcemanager:ListProjects",
    "resourcemanager:ListFolders",
)
"""What is asked thing by thing where Cloud Asset Inventory may not be read."""

STAGE = Stage(
    type="gcp",
    serve=serve,
    paged=frozenset(
        {
            "kms:ListKeyRings",
            "kms:ListCryptoKeys",
            "kms:ListCryptoKeyVersions",
            "kms:ListImportJobs",
            "kms:ListEkmConnections",
            "secretmanager:ListSecrets",
            "secretmanager:ListSecretVersions",
        }
    ),
    opened_by=dict.fromkeys(_WALKED, "asset:ListAssets"),
)
