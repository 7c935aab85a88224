"""Each way to log in, against a real OpenBao: what is exchanged for a token, and what happens where it is not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from vault_runs import collected, configuration, gaps, of_table, rows

from collectors.source import CredentialError
from collectors.vault.credentials import ambient_seat
from evidence.observation import Status
from keyproof.demo.http import HttpRequest, HttpResponse, HttpServer
from keyproof.demo.vault.embedded import POLICY, EmbeddedVault
from keyproof.demo.vault.faults import Rule, answered
from keyproof.demo.vault.server import Server

ACCOUNT = "system:serviceaccount:audit:keyproof"
SECRET_ID = "a-secret-id-that-nobody-may-see"
REFUSED = "1 error occurred:\n\t* permission denied\n\n"
"""What a server says where a token's policies admit too little; of a token that it does not know it says less."""
KEY = rsa.generate_private_key(65537, 2048)


def _token(**more: object) -> str:
    """A JSON Web Token as Kubernetes gives it to a service account."""
    now = int(time.time())
    claims = {
        "iss": "kubernetes/serviceaccount",
        "sub": ACCOUNT,
        "iat": now - 10,
        "nbf": now - 10,
        "exp": now + 600,
        "kubernetes.io/serviceaccount/namespace": "audit",
        **{f"kubernetes.io/serviceaccount/service-account.{n}": v for n, v in (("name", "keyproof"), ("uid", "uid-1"))},
    }
    signed = b".".join(_coded(part) for part in ({"alg": "RS256", "typ": "JWT"}, {**claims, **more}))
    signature = KEY.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def _coded(part: dict[str, object]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")


def _review(request: HttpRequest) -> HttpResponse:
    """A Kubernetes that reviews tokens, and knows the one service account."""
    user = {"username": ACCOUNT, "uid": "uid-1", "groups": ["system:serviceaccounts"]}
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
    return answered(201, {**review, "status": {"authenticated": True, "user": user}})


@pytest.fixture(scope="module")
def vault() -> Iterator[EmbeddedVault]:
    kubernetes = HttpServer(_review)
    host = f"http://127.0.0.1:{kubernetes.listen()}"
    kubernetes.start()
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def seed(server: Server) -> None:
        policies = {"token_policies": [POLICY], "token_ttl": "3600s"}
        for method in ("approle", "kubernetes", "jwt"):
            server.write(f"sys/auth/{method}", {"type": method})
        server.write("auth/approle/role/keyproof", policies)
        server.write("auth/approle/role/keyproof/role-id", {"role_id": "keyproof"})
        server.write("auth/approle/role/keyproof/custom-secret-id", {"secret_id": SECRET_ID})
        certificate = trustme.CA().cert_pem.bytes().decode()
        server.write(
            "auth/kubernetes/config",
            {"kubernetes_host": host, "kubernetes_ca_cert": certificate, "disable_local_ca_jwt": True},
        )
        bound = {"bound_service_account_names": ["keyproof"], "bound_service_account_namespaces": ["audit"]}
        server.write("auth/kubernetes/role/keyproof", {**bound, **policies})
        server.write("auth/jwt/config", {"jwt_validation_pubkeys": [public.decode()]})
        role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], **policies}
        server.write("auth/jwt/role/keyproof", role)

    with EmbeddedVault(seed) as embedded:
        yield embedded
    kubernetes.close()


@pytest.fixture(autouse=True)
def _without_faults(vault: EmbeddedVault) -> Iterator[None]:
    vault.calls.clear()
    yield
    vault.faults = ()


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with what can be exchanged; the environment holds the same."""
    monkeypatch.setenv("SECRET_ID", SECRET_ID)
    monkeypatch.setenv("JWT", _token(aud="vault"))
    (tmp_path / "secret-id").write_text(f"{SECRET_ID}\n")
    (tmp_path / "jwt").write_text(_token(aud="vault"))
    (tmp_path / "service-account").write_text(_token())
    return tmp_path


METHODS: dict[str, dict[str, Any]] = {
    "approle by environment": {"method": "approle", "role_id": "keyproof", "secret_id_env": "SECRET_ID"},
    "approle by file": {"method": "approle", "role_id": "keyproof", "secret_id_file": "{}/secret-id"},
    "kubernetes": {"method": "kubernetes", "role": "keyproof", "jwt_file": "{}/service-account"},
    "jwt by environment": {"method": "jwt", "role": "keyproof", "jwt_env": "JWT"},
    "jwt by file": {"method": "jwt", "role": "keyproof", "jwt_file": "{}/jwt"},
}


@pytest.mark.parametrize("name", METHODS)
def test_every_login_reads_everything(vault: EmbeddedVault, given: Path, name: str) -> None:
    auth = {setting: value.format(given) for setting, value in METHODS[name].items()}
    run = collected(vault, auth=auth)
    assert run.statuses() == {Status.OK}, {observation.error for observation in run.observations}
    assert gaps(rows(run)) == []
    kind = auth["method"]
    assert f"(auth/{kind}/login)" in run.headers["prod/root/vault"].identity
    logins = [call.path for call in vault.calls if call.path.endswith("/login")]
    assert logins == [f"auth/{kind}/login"], "once, however much is read"
    recorded = json.dumps([observation.to_line() for observation in run.observations])
    assert SECRET_ID not in recorded
    assert "client_token" not in recorded


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ({"method": "approle", "role_id": "nobody", "secret_id_env": "SECRET_ID"}, "invalid role or secret ID"),
        ({"method": "approle", "role_id": "keyproof", "secret_id_env": "JWT"}, "invalid role or secret ID"),
        ({"method": "kubernetes", "role": "nobody", "jwt_file": "{}/jwt"}, "nobody"),
        ({"method": "jwt", "role": "keyproof", "jwt_env": "SECRET_ID"}, "not accepted"),
        ({"method": "jwt", "role": "keyproof", "jwt_env": "UNSET"}, "jwt_env names UNSET"),
        ({"method": "jwt", "role": "keyproof", "jwt_file": "{}/none"}, "No such file"),
        ({"method": "jwt", "role": "keyproof", "jwt_env": "JWT", "mount": "elsewhere"}, "auth/elsewhere/login"),
    ],
)
def test_a_login_that_is_refused_stops_the_source(
    vault: EmbeddedVault, given: Path, auth: dict[str, str], says: str
) -> None:
    told = {setting: value.format(given) for setting, value in auth.items()}
    with pytest.raises(CredentialError, match=says) as raised:
        ambient_seat(configuration(vault, auth=told))
    assert str(raised.value).startswith("source 'prod': ")
    assert SECRET_ID not in str(raised.value)


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_cannot_log_anybody_in_now_is_a_gap(vault: EmbeddedVault, given: Path, status: int) -> None:
    vault.faults = [Rule(path="auth/approle/login", answer=answered(status, {"errors": ["Vault is sealed"]}))]
    run = collected(vault, auth=METHODS["approle by environment"])
    assert {o.operation for o in run.observations if o.ok} == {"sys:ReadSealStatus", "sys:ReadHealth"}
    assert {o.status for o in run.observations} == {Status.OK, Status.FAILED}
    assert all("the login was answered with status" in o.error for o in run.observations if not o.ok)
    found = rows(run)
    assert of_table(found, "key_store")["vault://prod/"].name == "vault"
    assert [gap for gap in gaps(found) if gap.rows_missing]


def test_an_answer_to_a_login_is_kept_nowhere(vault: EmbeddedVault, given: Path) -> None:
    """It holds a token, though not where one is looked for."""
    vault.faults = [Rule(path="auth/approle/login", answer=answered(200, {"token": "s.a-token-that-nobody-may-see"}))]
    run = collected(vault, auth=METHODS["approle by environment"])
    assert "nobody-may-see" not in json.dumps([observation.to_line() for observation in run.observations])


def test_a_token_that_ends_soon_is_replaced(vault: EmbeddedVault, given: Path) -> None:
    vault.server.write("auth/approle/role/brief", {"token_policies": [POLICY], "token_ttl": "1s"})
    vault.server.write("auth/approle/role/brief/role-id", {"role_id": "brief"})
    vault.server.write("auth/approle/role/brief/custom-secret-id", {"secret_id": f"{SECRET_ID}-2"})
    (given / "secret-id").write_text(f"{SECRET_ID}-2")
    auth = {"method": "approle", "role_id": "brief", "secret_id_file": str(given / "secret-id")}
    seat = ambient_seat(configuration(vault, auth=auth))
    time.sleep(1.1)
    assert seat.ask("GET", "sys/mounts").status == 200
    assert [call.path for call in vault.calls].count("auth/approle/login") == 2


def test_a_token_that_the_server_does_not_know_stops_the_run(
    vault: EmbeddedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(next(iter(vault.credentials)), "s.of-yesterday")
    with pytest.raises(
        CredentialError, match=r"source 'prod': the server does not know the token .*: it has expired"
    ) as e:
        ambient_seat(configuration(vault))
    assert "of-yesterday" not in str(e.value)


def test_a_token_that_tells_no_name_is_used_all_the_same(vault: EmbeddedVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(next(iter(vault.credentials)), vault.token)
    vault.faults = [Rule(path="lookup-self", answer=answered(403, {"errors": [REFUSED]}))]
    run = collected(vault)
    assert run.statuses() == {Status.OK}
    [scope] = [row for row in of_table(rows(run), "scope").values() if row.service == "vault"]
    assert (scope.identity, scope.complete) == (None, True)
