"""The small AWS as a stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from small_aws import NOW, ROLE, served
from staging import Faults, Served, Stage

from keyproof.demo.aws.faults import Rule
from keyproof.demo.faults import Fault


@contextmanager
def serve(faults: Faults) -> Iterator[Served]:
    """Serves the estate with faults."""
    with served([Rule(fault=Fault(fault), operation=operation) for operation, fault in faults]) as aws:
        configuration = {
            "name": "prod",
            "regions": "all",
            "organization": {"role": ROLE},
            "endpoint_url": aws.url,
            "attempts": 1,
            "timeout_seconds": 5,
        }
        yield Served(configuration, lambda: aws.requests)


STAGE = Stage(
    type="aws",
    now=NOW,
    serve=serve,
    paged=frozenset({"kms:ListKeys", "kms:ListAliases", "kms:ListKeyRotations", "kms:ListGrants"}),
    opened_by={"kms:ListResourceTags": "tag:GetResources", "ssm:ListTagsForResource": "tag:GetResources"},
    opening=("/account",),
    unnamed="/self/",
)
