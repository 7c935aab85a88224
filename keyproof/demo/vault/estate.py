"""Northwind Payments' Vault: what its own data centres encrypt and sign, in order for the most part and in places not.

Everything but the material follows from names and from the `now` it is seeded with. Secrets are as old as the server,
which alone dates them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from keyproof.demo.names import days, stable_bytes
from keyproof.demo.vault.access import add_access, add_authorities
from keyproof.demo.vault.history import make_key
from keyproof.demo.vault.server import Server

NAME = "northwind"
"""Of the cluster."""
TREASURY = "treasury/"
"""A namespace of its own."""
PARTNERS = "partners"
"""A mount that the auditor's policy forgets."""

_OWNERS = ("payments-platform", "risk", "data-platform", "treasury", "site-reliability")
_SERVICES = {
    "authorization": 40,
    "clearing": 75,
    "disputes": 20,
    "fraud-signals": 61,
    "ledger": 12,
    "merchant-portal": 83,
    "settlement": 33,
}
"""Service → days since its key was last rotated; each rotates every 90 days."""


def estate(now: datetime) -> Callable[[Server], None]:
    """What fills a server with the company as it is at `now`."""

    def seed(server: Server) -> None:
        _add_mounts(server)
        _add_keys(_Keys(server, now))
        _add_secrets(server)
        add_authorities(server)
        add_access(server, _SERVICES)
        server.write("sys/rotate/config", {"interval": "8760h"})

    return seed


def _add_mounts(server: Server) -> None:
    server.write(f"sys/namespaces/{TREASURY.rstrip('/')}", {"custom_metadata": {"owner": "treasury"}})
    for namespace in ("", TREASURY):
        engine = {"type": "transit", "description": "Encryption as a service"}
        server.write("sys/mounts/transit", engine, namespace=namespace)
        versioned = {"type": "kv", "options": {"version": "2"}, "description": "Credentials of services"}
        server.write("sys/mounts/secret", versioned, namespace=namespace)
    server.write("sys/mounts/kv", {"type": "kv", "description": "Before 2021; to be moved to secret"})
    server.write(f"sys/mounts/{PARTNERS}", {"type": "transit", "description": "Keys shared with acquirers"})


class _Keys:
    """Adds keys to a server."""

    def __init__(self, server: Server, now: datetime) -> None:
        self.server = server
        self.now = now

    def add(self, name: str, *ages: float, mount: str = "transit", namespace: str = "", **more: Any) -> None:
        """Add a key whose versions were made so many days ago."""
        made = [self.now - days(age) for age in ages]
        make_key(self.server, mount, name, made, namespace=namespace, **more)

    def rotating(self, name: str, last: float, *, times: int = 3, every: int = 90, **more: Any) -> None:
        """Add a key that has rotated so many times, every `every` days, and does so by itself."""
        ages = [last + every * number for number in range(times, -1, -1)]
        self.add(name, *ages, auto_rotate_period=f"{every * 24}h", **more)


def _add_keys(keys: _Keys) -> None:
    for service, last in _SERVICES.items():
        keys.rotating(service, last)
    for service, last in (("liquidity", 15), ("payouts", 70)):
        keys.rotating(service, last, times=2, namespace=TREASURY)
    keys.add("archive", 1400, 980)
    keys.add("batch-exports", 730, 365, 28, min_decryption_version=2)
    keys.add("partner-files", 410, exportable=True)
    keys.add("escrow", 300, exportable=True, allow_plaintext_backup=True, deletion_allowed=True)
    keys.add("terminal-master", 520, imported=True)
    keys.add("card-hash", 640, 260, type="aes256-gcm96", derived=True)
    keys.add("receipts", 700, 90, type="ecdsa-p256")
    keys.add("webhooks", 1210, type="ed25519")
    keys.add("bank-mailbox", 505, type="rsa-2048")
    keys.add("audit-log", 60, type="mldsa-65")
    keys.add("request-mac", 150, type="hmac")
    keys.add("old-gateway", 1350, 1000)
    keys.server.ask("DELETE", "transit/keys/old-gateway/soft-delete")
    keys.add("bank-files", 820, namespace=TREASURY)
    keys.add("acquirer-link", 430, mount=PARTNERS)


def _labels(service: str, data_class: str = "confidential") -> dict[str, str]:
    """The custom metadata that the company asks for."""
    owner = _OWNERS[stable_bytes(1, "vault owner", service)[0] % len(_OWNERS)]
    return {"owner": owner, "application": service, "environment": "prod", "data-classification": data_class}


def _add_secrets(server: Server) -> None:
    def secret(path: str, *, namespace: str = "", versions: int = 1, labelled: bool = True, **metadata: object) -> None:
        described = {**metadata, **({"custom_metadata": _labels(path.split("/")[0])} if labelled else {})}
        if described:
            server.write(f"secret/metadata/{path}", described, namespace=namespace)
        for number in range(versions):
            server.write(f"secret/data/{path}", {"data": {"value": f"demo-{number}"}}, namespace=namespace)

    for service in _SERVICES:
        secret(f"{service}/database", versions=2, delete_version_after="2160h")
    secret("settlement/scheme-sftp", max_versions=5)
    secret("fraud-signals/bureau-token")
    secret("clearing/bank-login", labelled=False)
    secret("merchant-portal/oauth-client", delete_version_after="8760h")
    secret("disputes/mail-relay", versions=2)
    server.ask("DELETE", "secret/data/disputes/mail-relay")
    secret("ledger/old-replica")
    server.write("secret/destroy/ledger/old-replica", {"versions": [1]})
    secret("liquidity/feed", namespace=TREASURY)
    secret("payouts/bank", namespace=TREASURY, delete_version_after="720h")
    for path in ("gateway/merchant-key", "gateway/terminal-pin", "monitoring"):
        server.write(f"kv/{path}", {"value": "demo"})
