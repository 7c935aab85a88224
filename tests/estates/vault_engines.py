"""Mounts that sign, mounts that change passwords of databases, and keys from elsewhere, for the tests of Vault."""

from __future__ import annotations

import base64
import os

from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from keyproof.demo.vault.server import Server

PASSWORD = "planted-root-password"


def add_pki(server: Server) -> None:
    """An authority, two keys that wait for one, and two certificates of which one is revoked."""
    server.write("sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "87600h"}})
    server.write(
        "pki/root/generate/internal",
        {
            "common_name": "Example Root",
            "ttl": "87600h",
            "key_type": "ec",
            "key_bits": 384,
            "issuer_name": "root",
            "key_name": "root-key",
        },
    )
    server.write("pki/keys/generate/internal", {"key_type": "rsa", "key_bits": 2048, "key_name": "waiting"})
    server.write("pki/keys/generate/internal", {"key_type": "ed25519", "key_name": "waiting-too"})
    server.write(
        "pki/roles/web",
        {"allow_any_name": True, "max_ttl": "720h", "key_type": "rsa", "key_bits": 2048, "enforce_hostnames": False},
    )
    for name in ("a.example.com", "b.example.com"):
        issued = server.write("pki/issue/web", {"common_name": name, "ttl": "240h"})["data"]
        if name.startswith("b"):
            server.write("pki/revoke", {"serial_number": issued["serial_number"]})
    server.write("pki/config/auto-tidy", {"enabled": True, "tidy_cert_store": True})


def add_ssh(server: Server) -> None:
    """An authority, and a role of each kind."""
    server.write("sys/mounts/ssh", {"type": "ssh"})
    server.write("ssh/config/ca", {"generate_signing_key": True, "key_type": "ed25519"})
    server.write(
        "ssh/roles/ops", {"key_type": "ca", "allow_user_certificates": True, "allowed_users": "*", "ttl": "30m"}
    )
    server.write("ssh/roles/once", {"key_type": "otp", "default_user": "root", "cidr_list": "0.0.0.0/0"})


def add_database(server: Server, port: int) -> None:
    """Two connections, of which the one to the Redis server at that port has a static role."""
    server.write("sys/mounts/database", {"type": "database"})
    server.write(
        "database/config/orders",
        {
            "plugin_name": "redis-database-plugin",
            "host": "127.0.0.1",
            "port": port,
            "username": "root",
            "password": PASSWORD,
            "tls": False,
            "allowed_roles": ["app"],
        },
    )
    server.write(
        "database/config/ledger",
        {
            "plugin_name": "postgresql-database-plugin",
            "connection_url": f"postgresql://root@127.0.0.1:1/ledger?password={PASSWORD}",
            "verify_connection": False,
        },
    )
    server.write("database/static-roles/app", {"db_name": "orders", "username": "app", "rotation_period": "36h"})
    server.write("database/roles/short", {"db_name": "orders", "creation_statements": '["+@read"]', "max_ttl": "1h"})


def import_material(server: Server, name: str, material: bytes) -> None:
    """Bring a key in as OpenBao documents it: RSA-OAEP for an AES key, which wraps the material by AES-KWP."""
    public = load_pem_public_key(server.ask("GET", "transit/wrapping_key")["data"]["public_key"].encode())
    assert isinstance(public, rsa.RSAPublicKey)
    ephemeral = os.urandom(32)
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    wrapped = public.encrypt(ephemeral, oaep) + keywrap.aes_key_wrap_with_padding(ephemeral, material)
    body = {"ciphertext": base64.b64encode(wrapped).decode(), "type": "aes256-gcm96", "hash_function": "SHA256"}
    server.write(f"transit/keys/{name}/import", {**body, "exportable": True, "allow_rotation": True})
