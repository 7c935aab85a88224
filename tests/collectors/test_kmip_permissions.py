"""The printed policy is enough for collection, and for nothing else, on a server that enforces it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kmip.core import enums
from kmip.core.policy import read_policy_from_file
from kmip.pie.exceptions import KmipOperationFailure
from kmip.pie.objects import ManagedObject
from kmip_runs import collected, pykmip_client
from kmip_server import AUDITOR, Engine, KmipServer, serving
from small_kmip import fill

from collectors.kmip.operations import OPERATIONS
from collectors.kmip.permissions import permissions, policy
from evidence.observation import Status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KmipServer]:
    """The estate in other hands: keyproof is in a group, and each object's policy is the printed one."""
    file = tmp_path_factory.mktemp("policy") / "keyproof.json"
    file.write_text(policy())

    def fill_for_others(engine: Engine) -> None:
        fill(engine)
        engine._operation_policies |= read_policy_from_file(str(file))
        with engine._data_store_session_factory() as session:
            for managed in session.query(ManagedObject):
                managed._owner = "somebody else"
                managed.operation_policy_name = "keyproof-readable"
            session.commit()

    with serving(fill_for_others) as running:
        plain = running.engine.process_request

        def as_member(request: Any, credential: Any = None) -> Any:
            assert credential == (AUDITOR, None)
            return plain(request, (AUDITOR, ["keyproof"]))

        running.engine.process_request = as_member  # type: ignore[method-assign]
        yield running


def test_it_is_enough(server: KmipServer) -> None:
    run = collected(server)
    assert run.statuses() == {Status.OK}
    assert len(run.of("kmip:GetAttributes")) == 16


@pytest.mark.parametrize("change", ["get", "destroy", "activate", "revoke", "get_attribute_list"])
def test_it_is_enough_for_nothing_else(server: KmipServer, tmp_path: Path, change: str) -> None:
    client = pykmip_client(server, tmp_path)
    arguments: tuple[Any, ...] = (enums.RevocationReasonCode.KEY_COMPROMISE, "1") if change == "revoke" else ("1",)
    with client, pytest.raises(KmipOperationFailure) as failure:
        getattr(client, change)(*arguments)
    assert failure.value.reason is enums.ResultReason.PERMISSION_DENIED


def test_it_names_what_is_declared() -> None:
    assert permissions() == ["Discover Versions", "Get Attributes", "Locate", "Query"]
    assert {operation.grants for operation in OPERATIONS.values()} - {""} == set(permissions())
    (rules,) = json.loads(policy()).values()
    assert {name for of_type in rules["groups"]["keyproof"].values() for name in of_type} == {
        "GET_ATTRIBUTES",
        "LOCATE",
    }
