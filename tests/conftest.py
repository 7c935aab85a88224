"""What tests of every room share: observations to be read, one folder for what they make, and kept byte code.

The hundreds of processes that tests start keep what they compile; else each would compile all it imports.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import pytest

from evidence.observation import Observation, Status, body_digest, observation_id

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Everything temporary goes into one folder, which goes away with the tests; pytest's own stays where it was."""
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    folder = tempfile.TemporaryDirectory(prefix="keyproof-tests-", ignore_cleanup_errors=True)
    config.stash[_FOLDER] = folder
    os.environ["TMPDIR"] = tempfile.tempdir = folder.name


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leaves nothing behind."""
    tempfile.tempdir = None
    os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"]
    config.stash[_FOLDER].cleanup()


SCOPE = "prod/111122223333/eu-west-1/kms"


@pytest.fixture(scope="session")
def observation() -> Callable[..., Observation]:
    """`observation(subject, operation, body, **members)`: one of the scope SCOPE."""

    def make(subject: str = "key-1", operation: str = "kms:DescribeKey", body: str = "{}", **members: Any) -> Any:
        parameters = members.pop("parameters", {"KeyId": subject})
        values: dict[str, Any] = {
            "id": observation_id(SCOPE, operation, parameters),
            "source": "prod",
            "scope": SCOPE,
            "subject": subject,
            "operation": operation,
            "parameters": parameters,
            "requested_at": "2026-06-30T00:00:00.000000Z",
            "received_at": "2026-06-30T00:00:01.000000Z",
            "status": Status.OK,
            "error": "",
            "request_id": "r-1",
            "attempts": 1,
            "identity": "arn:aws:iam::111122223333:role/audit",
            "body": body,
            "sha256": body_digest(body),
        }
        return Observation(**{**values, **members})

    return make
