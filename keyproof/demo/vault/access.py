"""Who may do what in Northwind Payments' Vault, and its certification authorities."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from keyproof.demo.vault.server import Server

_POLICIES: Mapping[str, Mapping[str, Iterable[str]]] = {
    "crypto-officers": {
        "transit/keys/+": ("create", "update", "delete"),
        "transit/keys/+/+": ("update",),
        "sys/rotate": ("update", "sudo"),
    },
    "batch": {
        "transit/encrypt/batch-exports": ("update",),
        "transit/decrypt/batch-exports": ("update",),
        "transit/keys/batch-exports/rotate": ("update",),
    },
    "escrow-agents": {"transit/export/+/escrow": ("read",), "transit/backup/escrow": ("read",)},
    "platform": {"kv/*": ("create", "read", "update", "delete", "list")},
    "policy-admins": {
        "sys/policies/acl/*": ("create", "read", "update", "delete"),
        "auth/+/role/*": ("create", "update"),
    },
    "own-secrets": {"secret/data/{{identity.entity.name}}/*": ("read",)},
    "web-certificates": {"pki/issue/web": ("update",)},
    "on-call": {"ssh/sign/on-call": ("update",)},
}
"""Policy → path → capabilities. The batch job rotates the key that it uses, and the platform team's gives everything in
the mount that is to be given up."""


def add_access(server: Server, services: Iterable[str]) -> None:
    """Policies, and those who have them: each service its own, people by their groups."""
    for name, rules in _POLICIES.items():
        _add_policy(server, name, rules)
    for method in ("approle", "userpass"):
        server.write(f"sys/auth/{method}", {"type": method})
    for service in services:
        paths = {f"transit/{verb}/{service}": ("update",) for verb in ("encrypt", "decrypt")}
        _add_policy(server, service, {**paths, f"secret/data/{service}/*": ("read",)})
        server.write(f"auth/approle/role/{service}", {"token_policies": [service, "own-secrets"]})
    server.write("auth/approle/role/nightly-batch", {"token_policies": ["batch"]})
    server.write("auth/approle/role/frontend", {"token_policies": ["web-certificates"]})
    for user, policies in (("irene", ["crypto-officers"]), ("tomas", ["crypto-officers"]), ("wei", ["escrow-agents"])):
        server.write(f"auth/userpass/users/{user}", {"password": f"demo-{user}", "token_policies": policies})
    server.write("identity/group", {"name": "platform-team", "policies": ["platform"]})
    server.write("identity/group", {"name": "security-team", "policies": ["policy-admins"]})
    server.write("identity/group", {"name": "on-call", "policies": ["on-call"]})


def _add_policy(server: Server, name: str, rules: Mapping[str, Iterable[str]]) -> None:
    blocks = []
    for path, capabilities in rules.items():
        blocks.append(f'path "{path}" {{\n  capabilities = {json.dumps(list(capabilities))}\n}}\n')
    server.write(f"sys/policies/acl/{name}", {"policy": "\n".join(blocks)})


def add_authorities(server: Server) -> None:
    """An authority for the certificates of servers, with some that it issued, and one for logging in with SSH."""
    server.write("sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "87600h"}})
    root = {"common_name": "Northwind Internal CA", "ttl": "43800h", "key_type": "ec", "key_bits": 384}
    server.write("pki/root/generate/internal", {**root, "issuer_name": "internal-ca", "key_name": "internal-ca"})
    role = {"allowed_domains": ["northwind.example"], "allow_subdomains": True, "max_ttl": "2160h"}
    server.write("pki/roles/web", {**role, "key_type": "ec", "key_bits": 256})
    for host in ("gateway", "portal", "disputes"):
        issued = server.write("pki/issue/web", {"common_name": f"{host}.northwind.example", "ttl": "720h"})
        if host == "disputes":
            server.write("pki/revoke", {"serial_number": issued["data"]["serial_number"]})
    server.write("sys/mounts/ssh", {"type": "ssh"})
    server.write("ssh/config/ca", {"generate_signing_key": True, "key_type": "ed25519"})
    allowed = {"key_type": "ca", "allow_user_certificates": True, "allowed_users": "operator", "ttl": "1h"}
    server.write("ssh/roles/on-call", allowed)
