"""Answers of EC2, RDS, EFS and CloudTrail about data stores and their encryption."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keyproof.demo.aws.wire import Request
from keyproof.demo.aws.world import World


def get_ebs_encryption_by_default(world: World, request: Request) -> Mapping[str, Any]:
    return {"EbsEncryptionByDefault": (request.account, request.region) in world.volume_keys}


def get_ebs_default_kms_key_id(world: World, request: Request) -> Mapping[str, Any]:
    return {"KmsKeyId": world.volume_keys.get((request.account, request.region), "alias/aws/ebs")}


def _listing(
    member: str, *, limit: str, most: int, marker: str, names: str
) -> Callable[[World, Request], Mapping[str, Any]]:
    def answer(world: World, request: Request) -> Mapping[str, Any]:
        entries = world.datastores.get((request.account, request.region, request.name), [])
        page, following = world.page(request, entries, limit=limit, marker=marker, default=most, most=most)
        return {member: page, names: following or None}

    return answer


def describe_trails(world: World, request: Request) -> Mapping[str, Any]:
    """Trails of all regions show in each, unless only those are asked for that were made in this one."""
    if request.parameters.get("includeShadowTrails", True):
        trails = [
            trail
            for (account, region, operation), of_region in world.datastores.items()
            if account == request.account and operation == request.name
            for trail in of_region
            if region == request.region or trail["IsMultiRegionTrail"]
        ]
    else:
        trails = world.datastores.get((request.account, request.region, request.name), [])
    return {"trailList": trails}


OPERATIONS = {
    "cloudtrail:DescribeTrails": describe_trails,
    "ec2:DescribeVolumes": _listing("Volumes", limit="MaxResults", most=1000, marker="NextToken", names="NextToken"),
    "ec2:GetEbsDefaultKmsKeyId": get_ebs_default_kms_key_id,
    "ec2:GetEbsEncryptionByDefault": get_ebs_encryption_by_default,
    "elasticfilesystem:DescribeFileSystems": _listing(
        "FileSystems", limit="MaxItems", most=100, marker="Marker", names="NextMarker"
    ),
    "rds:DescribeDBClusters": _listing("DBClusters", limit="MaxRecords", most=100, marker="Marker", names="Marker"),
    "rds:DescribeDBInstances": _listing("DBInstances", limit="MaxRecords", most=100, marker="Marker", names="Marker"),
}
