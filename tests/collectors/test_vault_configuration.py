"""The table of a Vault source is taken whole or refused with the reason."""

import pytest
from pydantic import ValidationError

from collectors.vault.configuration import VaultConfiguration

URL = "https://vault.example.com:8200"


def _made(**table: object) -> VaultConfiguration:
    return VaultConfiguration.model_validate({"name": "prod", "url": URL, **table})


def test_the_least_table_reads_everything_with_the_token_of_the_environment() -> None:
    made = _made()
    assert (made.namespace, made.mounts, made.ca_file) == ("", None, None)
    assert made.auth.method == "token"
    assert made.auth.token_env == "VAULT_TOKEN"


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        ({"url": "https://vault.example.com/proxied/"}, "url", "https://vault.example.com/proxied"),
        ({"url": "http://127.0.0.1:8200"}, "url", "http://127.0.0.1:8200"),
        ({"url": "https://[::1]:8200"}, "url", "https://[::1]:8200"),
        ({"namespace": "admin/team-a"}, "namespace", "admin/team-a/"),
        ({"namespace": "root"}, "namespace", ""),
        ({"mounts": ["transit", "apps/secret/"]}, "mounts", ["transit/", "apps/secret/"]),
    ],
)
def test_what_is_meant_is_understood(table: dict[str, object], name: str, value: object) -> None:
    assert getattr(_made(**table), name) == value


@pytest.mark.parametrize(
    "auth",
    [
        {"method": "token", "token_env": "TOKEN"},
        {"method": "token", "token_file": "/run/token"},
        {"method": "approle", "role_id": "keyproof", "secret_id_env": "SECRET_ID"},
        {"method": "approle", "role_id": "keyproof", "secret_id_file": "/run/secret-id", "mount": "machines/"},
        {"method": "kubernetes", "role": "keyproof"},
        {"method": "kubernetes", "role": "keyproof", "jwt_file": "/run/jwt", "mount": "cluster-1/"},
        {"method": "jwt", "role": "keyproof", "jwt_env": "JWT"},
        {"method": "jwt", "role": "keyproof", "jwt_file": "/run/jwt"},
    ],
)
def test_every_login_is_taken(auth: dict[str, object]) -> None:
    made = _made(auth=auth).auth.model_dump()
    assert {name: made[name] for name in auth} == auth


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"name": "a/b"}, "name"),
        ({"url": "vault.example.com"}, "no address of a Vault"),
        ({"url": "https://user:word@vault.example.com"}, "no address of a Vault"),
        ({"url": "https://vault.example.com/?x=1"}, "no address of a Vault"),
        ({"url": "http://vault.example.com:8200"}, "expected https"),
        ({"url": "https://vault.example.com/a/../b"}, "no address of a Vault"),
        ({"url": "https://vaült.example.com"}, "no address of a Vault"),
        ({"url": "https://vault.example.com:port"}, "no address of a Vault"),
        ({"namespace": "team a"}, "no path of a namespace"),
        ({"namespace": "team//a"}, "no path of a namespace"),
        ({"mounts": []}, "mounts"),
        ({"mounts": ["/"]}, "is no path of a mount"),
        ({"token": "s.value"}, "token"),
        ({"auth": {"method": "token", "token": "s.value"}}, "token"),
        ({"auth": {"method": "userpass"}}, "method"),
        ({"auth": {"method": "approle", "role_id": "x"}}, "exactly one of secret_id_env and secret_id_file"),
        ({"auth": {"method": "approle", "role_id": "x", "secret_id": "y"}}, "secret_id"),
        (
            {"auth": {"method": "approle", "role_id": "x", "secret_id_env": "A", "secret_id_file": "b"}},
            "exactly one of secret_id_env and secret_id_file",
        ),
        ({"auth": {"method": "jwt", "role": "x"}}, "exactly one of jwt_env and jwt_file"),
        ({"attempts": 0}, "attempts"),
        ({"timeout_seconds": 1000}, "timeout_seconds"),
    ],
)
def test_what_cannot_be_meant_is_refused(table: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _made(**table)
    assert says in str(raised.value)
