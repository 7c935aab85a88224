"""A small OpenBao in which every operation has something to tell, and every control has something to judge."""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from redis_server import serving as serving_redis
from vault_access import add_principals, with_ldap
from vault_engines import add_database, add_pki, add_ssh

from keyproof.demo.vault.embedded import EmbeddedVault
from keyproof.demo.vault.faults import FaultPlan
from keyproof.demo.vault.history import make_key
from keyproof.demo.vault.server import Server

NOW = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
"""The server makes secrets when they are asked for, so that the estate is looked at today."""

TENANT, SEALABLE = "team-a/", "own/"
"""Namespaces; the second has a seal of its own."""
LABELS = {"owner": "payments", "application": "cards", "data-classification": "secret", "environment": "prod"}


def ago(*days: float) -> list[datetime]:
    """Times so many days ago."""
    return [NOW - timedelta(days=number) for number in days]


def seed(server: Server) -> None:
    """Fill a server that has just been unsealed."""
    _add_namespaces(server)
    for namespace in ("", TENANT, SEALABLE):
        server.write("sys/mounts/transit", {"type": "transit", "description": "Payments"}, namespace=namespace)
        server.write("sys/mounts/secret", {"type": "kv", "options": {"version": "2"}}, namespace=namespace)
        server.write("sys/mounts/kv", {"type": "kv"}, namespace=namespace)
        _add_keys(server, namespace)
        _add_secrets(server, namespace)
    _add_particular_keys(server)
    server.write("sys/rotate/config", {"interval": "2160h"})


def _add_namespaces(server: Server) -> None:
    server.write("sys/namespaces/team-a", {"custom_metadata": {"owner": "team-a"}})
    seal = 'seal "shamir" {\n  shares = 2\n  threshold = 2\n}'
    made = server.write("sys/namespaces/own", {"seal": seal})
    for share in made["data"]["key_shares"]:
        server.write("sys/namespaces/own/unseal", {"key": share})


def _add_keys(server: Server, namespace: str) -> None:
    make_key(server, "transit", "rotated", ago(300, 200, 10), namespace=namespace, auto_rotate_period="2400h")
    make_key(server, "transit", "old", ago(900), namespace=namespace)


def _add_particular_keys(server: Server) -> None:
    make_key(server, "transit", "exportable", ago(20), exportable=True)
    make_key(
        server,
        "transit",
        "backup",
        ago(20),
        exportable=True,
        allow_plaintext_backup=True,
        deletion_allowed=True,
    )
    make_key(server, "transit", "imported", ago(100), imported=True)
    make_key(server, "transit", "derived", ago(30), type="chacha20-poly1305", derived=True)
    make_key(server, "transit", "trimmed", ago(400, 300, 50), min_decryption_version=2)
    make_key(server, "transit", "signing", ago(800, 40), type="ed25519")
    make_key(server, "transit", "signing-ec", ago(40), type="ecdsa-p384")
    make_key(server, "transit", "signing-pq", ago(5), type="mldsa-65")
    make_key(server, "transit", "both", ago(60), type="rsa-2048")
    make_key(server, "transit", "mac", ago(30), type="hmac")
    make_key(server, "transit", "mac-rotated", ago(30, 10), type="hmac")
    make_key(server, "transit", "gone", ago(200))
    server.ask("DELETE", "transit/keys/gone/soft-delete")
    _add_external_key(server)


def _add_external_key(server: Server) -> None:
    """A key whose material is in another transit mount, as it could be in an HSM."""
    make_key(server, "transit", "root", ago(50), namespace=TENANT, type="ed25519")
    configuration = {
        "plugin": "transit",
        "address": f"unix://{server.socket}",
        "token": server.root_token,
        "namespace": TENANT,
        "verify": False,
    }
    server.write("sys/external-keys/configs/other", configuration)
    server.write("sys/external-keys/configs/other/keys/root", {"name": "root", "version": "1"})
    server.write("sys/external-keys/configs/other/keys/root/grants/transit", {})
    server.write("transit/keys/external", {"type": "external-key", "external_key_ref": "other:root"})


def _add_secrets(server: Server, namespace: str) -> None:
    def secret(path: str, *, versions: int = 1, **metadata: object) -> None:
        for number in range(versions):
            server.write(f"secret/data/{path}", {"data": {"value": f"{path}-{number}"}}, namespace=namespace)
        if metadata:
            server.write(f"secret/metadata/{path}", metadata, namespace=namespace)

    secret("app/database", versions=3, custom_metadata=LABELS)
    secret("app/deep/er/token", custom_metadata={"owner": "team-a"})
    secret("plain")
    server.write("secret/metadata/short-lived", {"delete_version_after": "720h"}, namespace=namespace)
    secret("short-lived")
    secret("deleted", versions=2)
    server.ask("DELETE", "secret/data/deleted", namespace=namespace)
    secret("destroyed")
    server.write("secret/destroy/destroyed", {"versions": [1]}, namespace=namespace)
    server.write("secret/metadata/empty", {"custom_metadata": LABELS}, namespace=namespace)
    server.write("kv/legacy/password", {"value": "legacy"}, namespace=namespace)
    server.write("kv/top", {"value": "top"}, namespace=namespace)


@cache
def running() -> EmbeddedVault:
    """The estate while it is served: once for all tests of a process, which only read it."""
    serving = ExitStack()
    redis = serving.enter_context(serving_redis())

    def filled(server: Server) -> None:
        seed(server)
        add_pki(server)
        add_ssh(server)
        add_database(server, redis.port)
        add_principals(server)

    vault = serving.enter_context(EmbeddedVault(filled, amend=with_ldap))
    atexit.register(serving.close)
    return vault


@contextmanager
def served(faults: FaultPlan = ()) -> Iterator[EmbeddedVault]:
    """The estate, with only its credentials in the environment."""
    vault = running()
    before = {name: value for name, value in os.environ.items() if name.startswith(("VAULT_", "BAO_"))}
    for name in before:
        del os.environ[name]
    vault.faults = faults
    vault.calls.clear()
    ours = vault.credentials
    os.environ.update(ours)
    try:
        yield vault
    finally:
        vault.faults = ()
        for name in ours:
            os.environ.pop(name, None)
        os.environ.update(before)
        defects, vault.defects[:] = list(vault.defects), []
        if defects:
            raise defects[0]


def write_configuration(folder: Path, vault: EmbeddedVault, lines: Sequence[str] = ()) -> Path:
    """A configuration file for the estate; `lines` are further ones of its source."""
    table = vault.source("prod")
    auth = "{ " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in table.pop("auth").items()) + " }"
    told = [
        *(f"{name} = {json.dumps(value)}" for name, value in table.items()),
        f"auth = {auth}",
        "attempts = 1",
        *lines,
    ]
    text = '[organization]\nname = "Example Ltd"\n\n[store]\nurl = "store"\n\n'
    text += '[audit]\nframeworks = ["pci-dss-4.0.1"]\nperiod = { start = 2025-07-01, end = 2026-06-30 }\n\n'
    path = folder / "keyproof.toml"
    path.write_text(f"{text}[[source]]\n" + "\n".join(told) + "\n", encoding="utf-8")
    return path
