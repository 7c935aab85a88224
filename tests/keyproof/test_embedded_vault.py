"""The embedded OpenBao: a real server that starts, answers as told, and ends; and what the company keeps in it."""

from __future__ import annotations

import json
import os
import ssl
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError

import pytest
import tomli_w
from click.testing import CliRunner, Result
from small_vault import served, write_configuration

from keyproof.__main__ import cli
from keyproof.demo.faults import Fault
from keyproof.demo.pkcs11.embedded import EmbeddedToken
from keyproof.demo.pkcs11.estate import estate as token_estate
from keyproof.demo.vault.embedded import EmbeddedVault
from keyproof.demo.vault.estate import NAME, PARTNERS, TREASURY, estate
from keyproof.demo.vault.faults import Rule, answered
from keyproof.demo.vault.history import make_key
from keyproof.demo.vault.server import Refused, Server

NOW = datetime(2026, 6, 30, tzinfo=UTC)


def _get(vault: EmbeddedVault, path: str, token: str = "") -> dict[str, object]:
    """Ask through the front, with its certificate checked."""
    trust = ssl.create_default_context(cafile=str(vault.ca_file))
    request = urllib.request.Request(f"{vault.url}/v1/{path}", headers={"X-Vault-Token": token or vault.token})
    with urllib.request.urlopen(request, context=trust, timeout=10) as answer:
        told: dict[str, object] = json.loads(answer.read())
        return told


# --- the server and its front ---------------------------------------------------------------------------------------


def test_requests_go_through_to_a_real_server_and_are_counted() -> None:
    with served() as vault:
        status = _get(vault, "sys/seal-status")
        assert (status["type"], status["t"], status["n"], status["sealed"]) == ("shamir", 3, 5, False)
        assert str(status["version"]).startswith("2.")
        _get(vault, "transit/keys/old")
        assert dict(vault.requests) == {"sys:ReadSealStatus": 1, "transit:ReadKey": 1}
        assert vault.calls[-1].path == "transit/keys/old"


def test_the_token_may_what_the_policy_says() -> None:
    with served() as vault:
        with pytest.raises(HTTPError, match="403"):
            _get(vault, "secret/data/plain")
        assert _get(vault, "secret/data/plain", vault.server.root_token)["data"]


@pytest.mark.parametrize(("fault", "status"), [(Fault.REFUSE, 403), (Fault.THROTTLE, 429), (Fault.BREAK, 500)])
def test_faults_are_told_as_a_vault_tells_them(fault: Fault, status: int) -> None:
    with served([Rule(fault=fault, operation="transit:ReadKey", path="old", calls={2})]) as vault:
        _get(vault, "transit/keys/old")
        _get(vault, "transit/keys/rotated")
        with pytest.raises(HTTPError) as raised:
            _get(vault, "transit/keys/old")
        assert raised.value.code == status
        assert json.loads(raised.value.read())["errors"]
        _get(vault, "transit/keys/old")


def test_a_connection_can_end_without_an_answer() -> None:
    with served([Rule(fault=Fault.CLOSE)]) as vault, pytest.raises(OSError, match=r"closed|reset|EOF"):
        _get(vault, "sys/health")


def test_the_server_ends_and_leaves_nothing() -> None:
    with Server() as server:
        folder = server.socket.parent
        assert (folder / "audit.log").exists()
        assert server.ask("GET", "sys/key-status")["data"]["term"] == 1
    assert not folder.exists()
    with pytest.raises(OSError, match="No such file"):
        server.ask("GET", "sys/health")


def test_a_configuration_that_the_server_does_not_take_is_told() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keyproof.demo.vault.server._PATIENCE", 0.5)
        with pytest.raises(TimeoutError, match="did not start"), Server(further="seal {"):
            pass


def test_nobodys_environment_reaches_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAO_SEAL_TYPE", "awskms")
    with Server(audited=False) as server:
        assert server.ask("GET", "sys/seal-status")["type"] == "shamir"
        assert server.ask("GET", "sys/audit")["data"] == {}


def test_a_key_can_be_given_a_past() -> None:
    made = [NOW - timedelta(days=number) for number in (700, 30)]
    with Server(audited=False) as server:
        server.write("sys/mounts/transit", {"type": "transit"})
        for kind in ("aes256-gcm96", "ecdsa-p256", "hmac"):
            make_key(server, "transit", kind, made, type=kind, deletion_allowed=True)
            key = server.ask("GET", f"transit/keys/{kind}")["data"]
            assert (key["exportable"], key["allow_plaintext_backup"], key["deletion_allowed"]) == (False, False, True)
            assert key["latest_version"] == 2
        symmetric = server.ask("GET", "transit/keys/aes256-gcm96")["data"]
        assert symmetric["keys"] == {str(n): int(moment.timestamp()) for n, moment in enumerate(made, 1)}
        with pytest.raises(Refused):
            server.ask("GET", "transit/export/encryption-key/aes256-gcm96")
        told = server.write("transit/encrypt/aes256-gcm96", {"plaintext": "AAAA"})["data"]["ciphertext"]
        assert told.startswith("vault:v2:")
        assert server.write("transit/decrypt/aes256-gcm96", {"ciphertext": told})["data"]["plaintext"] == "AAAA"


# --- the commands ---------------------------------------------------------------------------------------------------


def _invoked(*arguments: str) -> Result:
    """A command, whose exit code is its `return_value`."""
    return CliRunner().invoke(cli, list(arguments), standalone_mode=False)


def test_doctor_finds_that_the_policy_suffices(tmp_path: Path) -> None:
    with served() as vault:
        done = _invoked("doctor", "-c", str(write_configuration(tmp_path, vault)))
    assert done.return_value == 0, done.output


def test_doctor_names_what_is_refused(tmp_path: Path) -> None:
    with served([Rule(fault=Fault.REFUSE, operation="transit:ListKeys")]) as vault:
        done = CliRunner().invoke(cli, ["doctor", "-c", str(write_configuration(tmp_path, vault))])
    assert "missing permissions: list {mount}keys" in done.output
    assert "prod/team-a/transit/transit: transit:ListKeys: 403" in done.output


def test_doctor_names_the_policies_of_those_sources_alone_that_miss_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = [Rule(fault=Fault.REFUSE, operation="transit:ListKeys")]
    with served(refused) as vault, EmbeddedToken(token_estate()) as token:
        for name, value in token.credentials.items():
            monkeypatch.setenv(name, value)
        path = write_configuration(tmp_path, vault)
        path.write_text(path.read_text() + tomli_w.dumps({"source": [token.source("hsm")]}))
        done = CliRunner().invoke(cli, ["doctor", "-c", str(path)])
    assert "`keyproof permissions vault` prints the whole policy" in done.output
    assert "hsm (pkcs11)" in done.output, "it was looked at"
    assert "keyproof permissions pkcs11" not in done.output


def test_doctor_tells_once_why_several_operations_failed_and_ends_alike_for_machines(tmp_path: Path) -> None:
    with served([Rule(answer=answered(400, {"errors": ["not now"]}))]) as vault:
        path = str(write_configuration(tmp_path, vault))
        told, machine = (_invoked("doctor", "-q", "-c", path, *more) for more in ([], ["--json"]))
    [line] = [line for line in told.output.splitlines() if line.startswith("prod/root/vault: ")]
    assert line.startswith("prod/root/vault: sys:ReadSealStatus, sys:ReadHealth, sys:ReadSealBackends and ")
    assert line.endswith(" more: 400: not now")
    assert (told.return_value, machine.return_value) == (3, 3), (
        "what failed is incomplete, though no permission is missing"
    )


def test_permissions_prints_the_policy() -> None:
    done = CliRunner().invoke(cli, ["permissions", "vault"])
    assert done.exit_code == 0
    assert 'path "transit/keys/+" {' in done.output


# --- the company ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def company() -> Iterator[EmbeddedVault]:
    with EmbeddedVault(estate(NOW), server=Server(NAME)) as vault:
        os.environ.update(vault.credentials)
        yield vault
        for name in vault.credentials:
            del os.environ[name]


def _keys(vault: EmbeddedVault, mount: str, namespace: str = "") -> dict[str, dict[str, object]]:
    names = vault.server.ask("LIST", f"{mount}/keys", namespace=namespace)["data"]["keys"]
    return {name: vault.server.ask("GET", f"{mount}/keys/{name}", namespace=namespace)["data"] for name in names}


def test_the_company_has_keys_in_order_and_out_of_order(company: EmbeddedVault) -> None:
    keys = _keys(company, "transit")
    assert {key["type"] for key in keys.values()} >= {"aes256-gcm96", "rsa-2048", "ed25519", "hmac", "mldsa-65"}
    assert len([key for key in keys.values() if key["auto_rotate_period"]]) >= 7
    assert {name for name, key in keys.items() if key["exportable"]} == {"partner-files", "escrow"}
    assert [name for name, key in keys.items() if key["imported_key"]] == ["terminal-master"]
    assert [name for name, key in keys.items() if key["soft_deleted"]] == ["old-gateway"]
    oldest = keys["archive"]["keys"]
    assert oldest == {
        "1": int((NOW - timedelta(days=1400)).timestamp()),
        "2": int((NOW - timedelta(days=980)).timestamp()),
    }
    assert set(_keys(company, "transit", TREASURY)) == {"bank-files", "liquidity", "payouts"}


def test_the_auditor_is_refused_one_mount(company: EmbeddedVault) -> None:
    assert _get(company, "sys/mounts")["data"]
    with pytest.raises(HTTPError, match="403"):
        _get(company, f"{PARTNERS}/keys/acquirer-link")
    assert company.server.ask("GET", f"{PARTNERS}/keys/acquirer-link")["data"]
