"""The generated custom role is exactly what is declared, and nothing that reads a value or changes anything."""

import re

import yaml

from collectors.gcp.operations import OPERATIONS
from collectors.gcp.permissions import permissions, policy
from keyproof.demo.gcp.permissions import _ASSET_CONTENTS, _PERMISSIONS

FORBIDDEN = re.compile(r"access$|useTo|setIamPolicy|create|update|delete|destroy|restore|add$|viewPublicKey|\*")
READS = re.compile(r"\.(get|list|search|show)[A-Za-z]*$")


def test_the_role_is_one_that_gcloud_takes() -> None:
    role = yaml.safe_load(policy())
    assert set(role) == {"title", "description", "stage", "includedPermissions"}
    assert role["stage"] == "GA"
    assert len(role["description"]) <= 300
    assert role["includedPermissions"] == permissions() == sorted(set(permissions()))


def test_the_role_grants_what_is_declared_and_no_more() -> None:
    declared = {name for operation in OPERATIONS.values() for name in operation.permission.split(", ")}
    assert set(permissions()) == declared
    assert "" not in declared


def test_nothing_granted_reads_a_value_or_changes_anything() -> None:
    for name in permissions():
        assert not FORBIDDEN.search(name), name
        assert READS.search(name), name


def test_declared_permissions_are_those_that_the_methods_need() -> None:
    for name, needed in _PERMISSIONS.items():
        if name in OPERATIONS:
            assert OPERATIONS[name].permission == needed
    assert set(_ASSET_CONTENTS.values()) == set(OPERATIONS["asset:ListAssets"].permission.split(", "))
