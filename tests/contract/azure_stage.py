"""The small Azure as a stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from small_azure import NOW, served
from staging import Faults, Served, Stage

from keyproof.demo.azure.faults import Rule
from keyproof.demo.faults import Fault


@contextmanager
def serve(faults: Faults) -> Iterator[Served]:
    """Serves the estate with faults."""
    with served([Rule(fault=Fault(fault), operation=operation) for operation, fault in faults]) as azure:
        configuration = {**azure.source("prod"), "attempts": 1, "timeout_seconds": 5}
        del configuration["type"]
        yield Served(configuration, lambda: azure.requests)


STAGE = Stage(
    type="azure",
    now=NOW,
    serve=serve,
    paged=frozenset(
        {
            "arm:Subscriptions_List",
            "arm:Vaults_ListBySubscription",
            "arm:RoleAssignments_ListForScope",
            "arm:StorageAccounts_List",
            "keys:GetKeys",
            "keys:GetKeyVersions",
            "secrets:GetSecrets",
            "secrets:GetSecretVersions",
            "certificates:GetCertificates",
        }
    ),
    opened_by={
        "arm:Keys_List": "keys:GetKeys",
        "arm:Keys_Get": "keys:GetKeys",
        "arm:Keys_ListVersions": "keys:GetKeys",
        "arm:Secrets_List": "secrets:GetSecrets",
        "arm:ManagedHsmKeys_List": "keys:GetKeys",
        "arm:ManagedHsmKeys_ListVersions": "keys:GetKeys",
    },
    opening=("/tenant", "/subscription"),
)
