"""The least-privilege custom role that collection needs, made from the declared operations."""

from __future__ import annotations

from collectors.gcp.operations import OPERATIONS

_HEAD = """\
title: keyproof
description: Reads metadata of keys, secrets and credentials, and who may use them. Changes nothing and reads no secret.
stage: GA
includedPermissions:
"""


def permissions() -> list[str]:
    """Every permission that a declared operation needs, sorted."""
    return sorted({name for operation in OPERATIONS.values() for name in operation.grants.split(", ")} - {""})


def policy() -> str:
    """A custom role as `gcloud iam roles create --file` takes it, with a newline at its end.

    Some of its permissions exist for organizations only; a role of a project is made without those that begin with
    `resourcemanager.folders` and `resourcemanager.organizations`.
    """
    return _HEAD + "".join(f"- {name}\n" for name in permissions())
