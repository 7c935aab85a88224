"""Answers about clusters of HSMs and their backups, of which moto has not all that AWS tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keyproof.demo.aws.wire import AwsError, Request
from keyproof.demo.aws.world import World


def describe_clusters(world: World, request: Request) -> Mapping[str, Any]:
    clusters = world.clusters.get((request.account, request.region), [])
    chosen = _filtered(request, clusters, {"clusterIds": "ClusterId", "states": "State", "vpcIds": "VpcId"})
    page, token = world.page(request, chosen, limit="MaxResults", marker="NextToken", default=25, most=25)
    return {"Clusters": page, "NextToken": token or None}


def describe_backups(world: World, request: Request) -> Mapping[str, Any]:
    """Newest first, unless the request asks otherwise."""
    backups = world.backups.get((request.account, request.region), [])
    members = {"backupIds": "BackupId", "clusterIds": "ClusterId", "states": "BackupState"}
    chosen = _filtered(request, backups, {**members, "sourceBackupIds": "SourceBackup"})
    ascending = request.parameters.get("SortAscending", False)
    chosen.sort(key=lambda backup: backup["CreateTimestamp"], reverse=not ascending)
    page, token = world.page(request, chosen, limit="MaxResults", marker="NextToken", default=50, most=50)
    return {"Backups": page, "NextToken": token or None}


def _filtered(request: Request, entries: Sequence[dict[str, Any]], members: Mapping[str, str]) -> list[dict[str, Any]]:
    filters = request.parameters.get("Filters", {})
    unknown = set(filters) - set(members)
    if unknown:
        raise AwsError("CloudHsmInvalidRequestException", f"Filters are not known: {sorted(unknown)}")
    return [e for e in entries if all(e.get(members[name]) in wanted for name, wanted in filters.items())]


OPERATIONS = {
    "cloudhsm:DescribeBackups": describe_backups,
    "cloudhsm:DescribeClusters": describe_clusters,
}
