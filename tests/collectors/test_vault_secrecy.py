"""No secret's value is in anything that is recorded or told, wherever it is planted in a real OpenBao."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from hostile import hostile_texts
from vault_engines import import_material
from vault_runs import collected, gaps, of_table, rows

from collectors.vault.redaction import REDACTIONS, WITHHELD
from keyproof.demo.http import HttpResponse, HttpServer
from keyproof.demo.vault.embedded import TOKEN_VARIABLE, EmbeddedVault
from keyproof.demo.vault.faults import UNSUPPORTED, Rule
from keyproof.demo.vault.server import Refused, Server

PLANTED = {name: f"planted-{name}-{'0123456789' * 3}".encode() for name in ("kv2", "kv1", "header", "old version")}
MATERIAL = bytes(range(100, 132))
"""Of a transit key that was made elsewhere."""


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return hostile_texts("http://127.0.0.1:9", tmp_path_factory.mktemp("texts") / "secret.txt")


@pytest.fixture(scope="module")
def vault(texts: dict[str, str]) -> Iterator[EmbeddedVault]:
    def seed(server: Server) -> None:
        server.write("sys/mounts/transit", {"type": "transit"})
        server.write("sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        server.write("sys/mounts/kv", {"type": "kv"})
        for value in (PLANTED["old version"], PLANTED["kv2"]):
            server.write("secret/data/planted", {"data": {"password": value.decode()}})
        server.write("kv/planted", {"password": PLANTED["kv1"].decode()})
        import_material(server, "planted", MATERIAL)
        for name, text in texts.items():
            _hostile(server, name, text)

    listening = HttpServer(lambda request: HttpResponse(200, {}, b""))
    uri = f"http://127.0.0.1:{listening.listen()}/"
    listening.start()
    headers = json.dumps(json.dumps({"Authorization": [f"Bearer {PLANTED['header'].decode()}"]}))
    device = f'audit "http" "siem" {{\n  options {{\n    uri = "{uri}"\n    headers = {headers}\n  }}\n}}\n'
    with EmbeddedVault(seed, server=Server(further=device)) as embedded, pytest.MonkeyPatch.context() as patch:
        patch.setenv(TOKEN_VARIABLE, embedded.token)
        yield embedded
    listening.close()


def _hostile(server: Server, name: str, text: str) -> None:
    """A secret whose metadata means harm, and one whose path does, as far as OpenBao takes them."""
    value = text[:500].encode("utf-8", "replace").decode()
    path = "".join(f"%{byte:02X}" for byte in value[:100].replace("/", "|").encode())
    for where, body in (
        (f"metadata/hostile/{name.replace(' ', '-')}", {"custom_metadata": {"owner": value}}),
        (f"data/paths/{path}", {"data": {"x": "y"}}),
    ):
        with suppress(Refused):  # it takes what can be printed
            server.write(f"secret/{where}", body)


def _forms(value: bytes) -> list[bytes]:
    """As it could be written down: as it is, in hexadecimal, and in base64, wherever in a longer text it begins."""
    forms = [value, value.hex().encode(), value.hex().upper().encode()]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            coded = encode(b"x" * offset + value)
            forms.append(coded[4 if offset else 0 :].rstrip(b"=")[:-1])
    return forms


@pytest.mark.parametrize("faults", [[], [Rule(operation="kv:ListDetailedMetadata", answer=UNSUPPORTED)]])
def test_no_planted_value_is_recorded(vault: EmbeddedVault, faults: list[Rule], tmp_path: Path) -> None:
    vault.faults = faults
    run = collected(vault, tmp_path)
    told = "\n".join([*(o.to_line() for o in run.observations), *(str(asdict(row)) for row in rows(run))])
    everything = told.encode("utf-8", "surrogatepass")
    assert b"planted" in everything, "the secrets' names are there"
    token, root = vault.token.encode(), vault.server.root_token.encode()
    for value in (*PLANTED.values(), MATERIAL, token, root):
        for form in _forms(value):
            assert form not in everything, value


def test_the_planted_material_is_really_there(vault: EmbeddedVault) -> None:
    told = vault.server.ask("GET", "transit/export/encryption-key/planted")["data"]["keys"]["1"]
    assert base64.b64decode(told) == MATERIAL
    assert vault.server.ask("GET", "secret/data/planted")["data"]["data"]["password"] == PLANTED["kv2"].decode()
    assert PLANTED["header"].decode() in json.dumps(vault.server.ask("GET", "sys/audit"))
    found = rows(collected(vault))
    key = of_table(found, "key")["vault://prod/transit/keys/planted"]
    assert (key.origin, key.rotatable, key.extractable) == ("imported", True, True)
    [version] = [row for row in of_table(found, "key_version").values() if row.key == key.id]
    assert version.cause == "import"


def test_settings_of_audit_devices_that_are_not_known_are_withheld(vault: EmbeddedVault) -> None:
    run = collected(vault, mounts=["nothing"])
    [observation] = run.of("sys:ListAuditDevices", "prod/root/vault")
    told = json.loads(observation.body)["data"]
    assert told["siem/"]["options"] == {"headers": WITHHELD, "uri": WITHHELD}
    assert told["to-file/"]["options"]["file_path"].endswith("audit.log")
    store = of_table(rows(run), "key_store")["vault://prod/"]
    assert store.logging_targets == ["file at to-file/", "http at siem/"]


DEEP = "{}".join(['{"a":' * 700, "}" * 700])


@pytest.mark.parametrize(
    "body", ["", "{", "[" * 100_000, DEEP, "<html>", '{"data":{"a/":{"options":"Bearer x"}}}', "[1]"]
)
def test_whatever_is_answered_about_audit_devices_no_option_is_kept(body: str) -> None:
    assert "Bearer" not in REDACTIONS["sys:ListAuditDevices"](body)


def test_hostile_metadata_and_paths_are_told_as_they_are(vault: EmbeddedVault, texts: dict[str, str]) -> None:
    vault.faults = []
    run = collected(vault)
    found = rows(run)
    assert [(gap.subject, gap.error) for gap in gaps(found)] == []
    secrets = of_table(found, "secret")
    hostile = {id: row for id, row in secrets.items() if id.startswith("vault://prod/secret/hostile/")}
    assert len(hostile) >= len(texts) // 2, "OpenBao takes what can be printed"
    script = secrets["vault://prod/secret/hostile/script"]
    assert script.owner == texts["script"]
    assert len([id for id in secrets if id.startswith("vault://prod/secret/paths/")]) > 15


def test_hostile_paths_are_read_one_by_one_too(vault: EmbeddedVault) -> None:
    vault.faults = []
    at_once = of_table(rows(collected(vault)), "secret")
    vault.faults = [Rule(operation="kv:ListDetailedMetadata", answer=UNSUPPORTED)]
    found = rows(collected(vault))
    assert set(of_table(found, "secret")) == set(at_once)
    assert {gap.error.partition(":")[0] for gap in gaps(found)} <= {"NotSent"}
