"""What policies are and what they allow, as a real OpenBao says it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from test_vault_policy import ACCEPTED, REFUSED

from collectors.vault.duties import TRANSIT, Duty
from collectors.vault.policy import AccessList
from collectors.vault.policy_document import PolicyError, parse_policy
from keyproof.demo.vault.server import Refused, Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(audited=False) as running:
        yield running


class Asking:
    """Asks the server what a policy allows."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def accepts(self, text: str) -> bool:
        """It takes the text for a policy, which replaces the one before."""
        try:
            self._server.write("sys/policies/acl/tried", {"policy": text})
        except Refused as refused:
            if ": 400 " not in str(refused):
                raise
            return False
        return True

    def capabilities(self, paths: list[str], *policies: str) -> dict[str, set[str]]:
        """What a token with the policies may do on each of the paths."""
        made = self._server.write(
            "auth/token/create", {"policies": policies or ["tried"], "no_default_policy": True, "type": "batch"}
        )
        told: dict[str, Any] = self._server.write(
            "sys/capabilities", {"token": made["auth"]["client_token"], "paths": paths}
        )["data"]
        return {path: set(told[path]) for path in paths}


@pytest.fixture(scope="module")
def asking(server: Server) -> Asking:
    return Asking(server)


def _allowed(access: AccessList, path: str) -> set[str]:
    return set(access.decision(path).capabilities) or {"deny"}


@pytest.mark.parametrize(("text", "path", "capabilities"), ACCEPTED.values(), ids=ACCEPTED)
def test_the_server_reads_a_policy_so(asking: Asking, text: str, path: str, capabilities: set[str]) -> None:
    assert asking.accepts(text)
    assert asking.capabilities([path])[path] == capabilities


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_the_server_takes_no_other_text_for_a_policy(asking: Asking, text: str) -> None:
    assert not asking.accepts(text)


SEGMENTS = ("a", "b", "ab", "+", "a+", "+a", "*", "a*", "", "é")
NAMES = ("a", "b", "ab", "abc", "+", "+a", "a+", "é")
CAPABILITIES = ("create", "read", "update", "delete", "list", "sudo", "patch", "scan")


def _policy(chance: random.Random) -> str:
    blocks = []
    for _ in range(chance.randint(1, 6)):
        path = "/".join(chance.choices(SEGMENTS, k=chance.randint(1, 4))) + chance.choice(("", "", "*"))
        capabilities = chance.choices(CAPABILITIES, k=chance.randint(1, 3)) if chance.random() < 0.85 else ["deny"]
        blocks.append(f"path {json.dumps(path, ensure_ascii=False)} {{ capabilities = {json.dumps(capabilities)} }}")
    return "\n".join(blocks)


@pytest.mark.parametrize("seed", range(4))
def test_the_server_decides_so_on_any_path(asking: Asking, seed: int) -> None:
    """Some ten thousand pairs of policies and paths, told by `sys/capabilities`."""
    chance = random.Random(seed)
    compared = 0
    for _ in range(100):
        text = _policy(chance)
        try:
            rules = parse_policy(text)
        except PolicyError:
            assert not asking.accepts(text)
            continue
        assert asking.accepts(text)
        paths = sorted({"/".join(chance.choices(NAMES, k=chance.randint(1, 4))) for _ in range(30)})
        access = AccessList({"tried": rules}, datetime.now(UTC))
        assert asking.capabilities(paths) == {path: _allowed(access, path) for path in paths}, text
        compared += len(paths)
    assert compared > 1_000


@pytest.mark.parametrize("seed", range(2))
def test_the_server_decides_so_by_several_policies(server: Server, asking: Asking, seed: int) -> None:
    chance = random.Random(seed)
    tried = 0
    while tried < 40:
        texts = {f"p{number}": _policy(chance) for number in range(3)}
        try:
            rules = {name: parse_policy(text) for name, text in texts.items()}
        except PolicyError:
            continue
        tried += 1
        for name, text in texts.items():
            server.write(f"sys/policies/acl/{name}", {"policy": text})
        paths = sorted({"/".join(chance.choices(NAMES, k=chance.randint(1, 3))) for _ in range(20)})
        access = AccessList(rules, datetime.now(UTC))
        told = asking.capabilities(paths, *texts)
        assert told == {path: _allowed(access, path) for path in paths}, texts


def test_the_paths_of_transit_are_where_the_server_has_them(server: Server) -> None:
    """Each path by which a key is administered, used or taken out is one that the server knows."""
    server.write("sys/mounts/transit", {"type": "transit"})
    server.write("transit/keys/k", {"exportable": True, "allow_plaintext_backup": True})
    unknown = [duty for duty in TRANSIT if not _known(server, duty)]
    newer = {"cmac/{name}"}  # HashiCorp Vault Enterprise's alone
    assert {"/".join(duty.segments) for duty in unknown} == newer


_EXAMPLES = {"export": "encryption-key", "byok-export": "other"}
"""What stands first for `{any}`; elsewhere it is a hash, or the version last."""


def _known(server: Server, duty: Duty) -> bool:
    first = _EXAMPLES.get(duty.segments[0], "sha2-256")
    path = "/".join(duty.segments).replace("{name}", "k").replace("{any}", first, 1).replace("{any}", "latest")
    try:
        server.ask("GET", f"transit/{path}?help=1")
    except Refused as refused:
        return "unsupported path" not in str(refused)
    return True
