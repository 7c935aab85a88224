"""The small Google Cloud as a stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from small_gcp import HOME, NOW, OTHER, served, shared_world, small_world
from staging import Faults, Served, Stage

from keyproof.demo.faults import Fault
from keyproof.demo.gcp.faults import Rule
from keyproof.demo.gcp.world import World


@contextmanager
def serve(faults: Faults, world: World | None = None, **more: Any) -> Iterator[Served]:
    """Serves the estate with faults. `more` are further settings of the source; None takes one away."""
    rules = [Rule(fault=Fault(fault), operation=operation) for operation, fault in faults]
    with served(rules, world or shared_world()) as cloud:
        table = {**cloud.source("prod"), "attempts": 1, "timeout_seconds": 5, **more}
        del table["type"]  # it has chosen the source
        yield Served({name: value for name, value in table.items() if value is not None}, lambda: cloud.requests)


def serve_one_by_one(faults: Faults) -> AbstractContextManager[Served]:
    """The same, with everything asked for one by one, so that nothing tells what a custom role permits."""
    world = small_world()
    for policy in world.policies.values():
        for binding in [binding for binding in policy.bindings if binding.role in world.roles]:
            policy.bindings.remove(binding)
    return serve(faults, world, organization=None, projects=[HOME, OTHER], asset_inventory=False)


_WALKED = frozenset(
    {
        "kms:ListLocations",
        "kms:ListKeyRings",
        "kms:ListCryptoKeys",
        "kms:ListImportJobs",
        "kms:ListEkmConnections",
        "kms:GetIamPolicy",
        "secretmanager:ListSecrets",
        "secretmanager:ListSecretVersions",
        "secretmanager:GetIamPolicy",
        "iam:ListServiceAccounts",
        "iam:ListServiceAccountKeys",
        "apikeys:ListKeys",
    }
)
"""What is asked thing by thing where Cloud Asset Inventory is not read."""

_BELOW = frozenset({"resourcemanager:ListProjects", "resourcemanager:ListFolders"})
_ABOVE = frozenset({"resourcemanager:GetProject", "resourcemanager:GetFolder"})

_WITH_SIZE = frozenset(
    {
        "kms:ListKeyRings",
        "kms:ListCryptoKeys",
        "kms:ListCryptoKeyVersions",
        "kms:ListImportJobs",
        "kms:ListEkmConnections",
        "secretmanager:ListSecrets",
        "secretmanager:ListSecretVersions",
    }
)
"""Lists that say how much they have."""

STAGE = Stage(
    type="gcp",
    now=NOW,
    opening=("/organization", "/folder", "/project"),
    serve=serve,
    paged=_WITH_SIZE,
    opened_by=dict.fromkeys(_WALKED | _BELOW | {"kms:ListCryptoKeyVersions"}, "asset:ListAssets"),
    left_out=_ABOVE,
)

ONE_BY_ONE = Stage(
    type="gcp",
    now=NOW,
    opening=("/organization", "/folder", "/project"),
    serve=serve_one_by_one,
    paged=_WITH_SIZE,
    opened_by={},
    left_out=_BELOW | {"asset:ListAssets", "asset:SearchAllResources"},
)
"""The same, project by project and without Cloud Asset Inventory."""
