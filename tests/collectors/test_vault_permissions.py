"""The generated policy is what is declared, gives no value away, and is enough to read everything."""

import re

import pytest
from small_vault import served
from vault_runs import collected, gaps, rows

from collectors.vault.operations import OPERATIONS
from collectors.vault.permissions import policy
from collectors.vault.routes import ROUTES
from evidence.observation import Status
from keyproof.demo.vault.server import Refused

BLOCK = re.compile(r'path "([^"]+)" \{\n  capabilities = \[([^\]]+)\]\n\}\n')
VALUES = re.compile(r"/(data|export|backup|creds|decrypt|encrypt|sign|hmac|datakey|wrapping_key|issue)(/|$)|^sys/raw")


def _granted() -> dict[str, set[str]]:
    return {path: set(re.findall(r'"(\w+)"', capabilities)) for path, capabilities in BLOCK.findall(policy())}


def test_the_policy_changes_nothing_and_reads_no_value() -> None:
    granted = _granted()
    assert BLOCK.sub("", policy()).strip().startswith("#")
    assert len(granted) >= 20
    for path, capabilities in granted.items():
        assert capabilities <= {"read", "list", "sudo"}, path
        assert not VALUES.search(path), path
    assert {path for path, capabilities in granted.items() if "sudo" in capabilities} == {"sys/audit"}


def test_nothing_is_read_of_a_mount_without_versions() -> None:
    assert _granted()["kv/*"] == {"list"}


def test_every_operation_has_its_place_in_the_policy() -> None:
    for name, operation in OPERATIONS.items():
        verb, path = ROUTES[name].verb, ROUTES[name].path
        start = path.partition("{")[0]
        for grant in filter(None, operation.grants.split(", ")):
            capability, _, where = grant.partition(" ")
            assert where.startswith(start), name
            assert capability in {"GET": ("read", "sudo"), "LIST": ("list",)}[verb], name


def test_a_token_with_this_policy_alone_reads_everything() -> None:
    """The token has nothing else: without the policy that each token has by default it may not even ask who it is."""
    with served() as vault:
        token, vault.token = (
            vault.token,
            vault.server.write("auth/token/create", {"policies": ["keyproof"], "no_default_policy": True})["auth"][
                "client_token"
            ],
        )
        try:
            run = collected(vault)
        finally:
            vault.token = token
    assert run.statuses() == {Status.OK}
    assert gaps(rows(run)) == []


@pytest.mark.parametrize(
    "path",
    ["secret/data/plain", "kv/top", "transit/export/encryption-key/exportable", "transit/backup/backup"],
)
def test_a_token_with_this_policy_reads_no_value(path: str) -> None:
    with served() as vault:
        root, vault.server.root_token = vault.server.root_token, vault.token
        try:
            with pytest.raises(Refused, match="403"):
                vault.server.ask("GET", path)
        finally:
            vault.server.root_token = root
        assert vault.server.ask("GET", path)["data"]
