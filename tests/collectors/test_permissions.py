"""The generated IAM policy is exactly what is declared, and nothing that reads a value or changes anything."""

import json
import re

import botocore.session

from collectors.aws.operations import OPERATIONS
from collectors.aws.permissions import policy
from collectors.aws.wire import BOTOCORE_NAMES

FORBIDDEN = re.compile(
    r"\*|:(GetSecretValue|BatchGetSecretValue|GetParameter\w*|Decrypt|ReEncrypt|Encrypt|Generate\w+|Sign|GetPublicKey)$"
)
READS = ("Get", "List", "Describe")


def _actions() -> list[str]:
    return [action for statement in json.loads(policy())["Statement"] for action in statement["Action"]]


def test_the_policy_grants_what_is_declared_and_no_more() -> None:
    assert sorted(_actions()) == sorted({o.grants for o in OPERATIONS.values()} - {""})
    assert "sts:GetCallerIdentity" not in _actions(), "AWS lets everybody ask that"


def test_the_policy_is_a_sorted_policy_document() -> None:
    document = json.loads(policy())
    assert document["Version"] == "2012-10-17"
    for statement in document["Statement"]:
        assert set(statement) == {"Sid", "Effect", "Action", "Resource"}
        assert re.fullmatch(r"[A-Za-z0-9]+", statement["Sid"])
        assert statement["Effect"] == "Allow"
        assert statement["Action"] == sorted(statement["Action"])
        assert len({action.split(":")[0] for action in statement["Action"]}) == 1
    assert policy() == policy()


def test_nothing_granted_reads_a_value_or_changes_anything() -> None:
    for action in _actions():
        assert not FORBIDDEN.search(action), action
        assert action.split(":")[1].startswith(READS), action


def test_every_operation_exists_in_aws() -> None:
    session = botocore.session.Session()
    for name in OPERATIONS:
        prefix, action = name.split(":")
        model = session.get_service_model(BOTOCORE_NAMES.get(prefix, prefix))
        assert action in model.operation_names, name
