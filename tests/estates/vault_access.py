"""Policies and those who have them, for the tests of Vault."""

from __future__ import annotations

import json

from keyproof.demo.http import HttpRequest, HttpResponse
from keyproof.demo.vault.server import Server

POLICIES = {
    "app": 'path "transit/encrypt/rotated" { capabilities = ["update"] }',
    "operator": 'path "transit/keys/*" { capabilities = ["create", "update", "delete"] }',
    "super": 'path "*" { capabilities = ["create", "read", "update", "delete", "list"] }',
}
"""Small, since they are read for each mount."""


def add_principals(server: Server) -> None:
    """One of each kind of principal that an OpenBao knows."""
    for name, text in POLICIES.items():
        server.write(f"sys/policies/acl/{name}", {"policy": text})
    for method in ("approle", "userpass", "cert"):
        server.write(f"sys/auth/{method}", {"type": method})
    server.write("auth/approle/role/web", {"token_policies": ["app"]})
    server.write("auth/userpass/users/bob", {"password": "none of these", "token_policies": ["operator"]})
    authority = server.ask("GET", "pki/issuer/default")["data"]["certificate"]
    server.write("auth/cert/certs/proxy", {"certificate": authority, "token_policies": ["app"]})
    server.write("auth/token/roles/batch", {"allowed_policies": ["operator"]})
    alice = server.write("identity/entity", {"name": "alice", "policies": ["app"]})["data"]["id"]
    server.write("identity/group", {"name": "admins", "policies": ["super"], "member_entity_ids": [alice]})


_LDAP = {
    ("LIST", "auth/ldap/users"): {"keys": []},
    ("LIST", "auth/ldap/groups"): {"keys": ["engineers"]},
    ("GET", "auth/ldap/groups/engineers"): {"policies": ["operator"]},
}
"""Source: HashiCorp Vault documentation, LDAP auth method API: list and read groups."""


def with_ldap(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """What a server with the LDAP method says in the root namespace; the one that is served here has none."""
    if request.headers.get("x-vault-namespace"):
        return answer
    path = request.path.removeprefix("/v1/")
    if (request.method, path) in _LDAP:
        body = json.dumps({"data": _LDAP[request.method, path]}).encode()
        return HttpResponse(200, {"Content-Type": "application/json"}, body)
    if (request.method, path) == ("GET", "sys/auth") and answer.status == 200:
        told = json.loads(answer.body)
        told["data"]["ldap/"] = {**told["data"]["token/"], "type": "ldap", "accessor": "auth_ldap_1"}
        return HttpResponse(200, {"Content-Type": "application/json"}, json.dumps(told).encode())
    return answer
