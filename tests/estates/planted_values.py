"""All six kinds of sources at once, with values planted in them that keyproof must never see, let alone write."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import grpc
import pytest
import small_aws
import small_azure
import small_gcp
import small_kmip
import small_pkcs11
from azure.identity import EnvironmentCredential
from azure.keyvault.secrets import SecretClient
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from google.cloud.api_keys_v2 import ApiKeysClient, GetKeyStringResponse
from google.cloud.secretmanager_v1 import AccessSecretVersionResponse, SecretManagerServiceClient
from google.oauth2 import service_account
from kmip.core import enums
from kmip.core.factories.attributes import AttributeFactory
from kmip.pie import objects as pie
from kmip.pie.client import ProxyKmipClient
from kmip_server import Engine, KmipServer, serving
from vault_engines import import_material

from keyproof.demo.aws.embedded import EmbeddedAws
from keyproof.demo.azure import embedded as azure_embedded
from keyproof.demo.azure import entra_answers
from keyproof.demo.gcp import embedded as gcp_embedded
from keyproof.demo.gcp.wire import message
from keyproof.demo.http import HttpRequest, HttpResponse, HttpServer
from keyproof.demo.vault.embedded import POLICY, EmbeddedVault
from keyproof.demo.vault.server import Server

LINE = 48
"""Bytes that come to a line of PEM."""

_SECRET_ID = "PLANTED_SECRET_ID"
_PASSWORD, _PASS_PHRASE = "PLANTED_KMIP_PASSWORD", "PLANTED_KMIP_PASS_PHRASE"


def _text(name: str) -> str:
    """A value that looks like one, is as long as many are, and is like no other."""
    return f"planted-{base64.b32encode(name.encode()).decode().rstrip('=').lower()}-9c4e1f"


def _material(name: str) -> bytes:
    """32 bytes, always the same."""
    made = hashes.Hash(hashes.SHA256())
    made.update(name.encode())
    return made.finalize()


@dataclass
class Planted:
    """What is served, and what of it must be found nowhere."""

    tables: list[dict[str, Any]] = field(default_factory=list)
    """The `[[source]]` tables."""
    values: dict[str, bytes] = field(default_factory=dict)
    """By what they are. Tokens that are given out join them while keyproof runs."""
    asked: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    """Value → asks the server for it, as somebody who may have it: on the clouds, as keyproof itself."""

    def text(self, name: str) -> str:
        """A planted text, to be put somewhere."""
        self.values[name] = _text(name).encode()
        return _text(name)

    def material(self, name: str) -> bytes:
        """Planted bytes."""
        self.values[name] = _material(name)
        return _material(name)

    def private_key(self, name: str, key: Any) -> None:
        """The secret part of a private key: as a number, and as it stands in the lines of PEM of its usual formats."""
        if isinstance(key, ed25519.Ed25519PrivateKey):
            self.values[name] = key.private_bytes_raw()
            return
        numbers = key.private_numbers()
        secret = numbers.d if isinstance(numbers, rsa.RSAPrivateNumbers) else numbers.private_value
        content = secret.to_bytes((secret.bit_length() + 7) // 8, "big")
        self.values[f"{name}, the number"] = content[:LINE]
        self.values[f"{name}, in decimal"] = str(secret)[:LINE].encode()
        if len(content) >= 2 * LINE:
            for form, of in (("PKCS 8", PrivateFormat.PKCS8), ("PKCS 1", PrivateFormat.TraditionalOpenSSL)):
                coded = key.private_bytes(Encoding.DER, of, NoEncryption())
                line = -(-coded.index(content) // LINE) * LINE
                self.values[f"{name}, {form}"] = coded[line : line + LINE]


def _watched(planted: Planted, server: HttpServer, source: str, secret: re.Pattern[bytes]) -> None:
    """Take up the tokens with which a server is asked, and what it answers that is secret."""
    plain = server.answer

    def answer(request: HttpRequest) -> HttpResponse | None:
        answered = plain(request)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind == "Bearer":
            _take_token(planted, source, token)
        for found in secret.findall(answered.body) if answered else ():
            _take_token(planted, source, found.decode())
        return answered

    server.answer = answer  # type: ignore[method-assign]


def _take_token(planted: Planted, source: str, token: str) -> None:
    """The whole token, and the signature that makes it one."""
    planted.values[f"{source}: token {token[-8:]}"] = token.encode()
    planted.values[f"{source}: signature {token[-8:]}"] = token.rpartition(".")[2].encode()


# --- the clouds -----------------------------------------------------------------------------------------------------


def _add_aws(planted: Planted, running: ExitStack, patch: pytest.MonkeyPatch) -> None:
    world = small_aws.small_world()
    planted.values["aws: first password of a cluster"] = small_aws.FIRST_PASSWORD.encode()
    secrets = world.secret_backend(small_aws.HOME, small_aws.REGION).secrets
    for name, secret in secrets.items():
        for number, version in enumerate(secret.versions.values()):
            version["secret_string"] = planted.text(f"aws: secret {name} {number}")
    [[parameter], *_] = world.parameter_backend(small_aws.HOME, small_aws.REGION)._parameters.values()
    parameter.value = parameter.encrypt(planted.text("aws: parameter"))
    keys = world.key_backend(small_aws.HOME, small_aws.REGION).keys
    imported = next(key for key in keys.values() if key.key_usage == "ENCRYPT_DECRYPT")
    imported.origin = "EXTERNAL"
    imported.key_material = planted.material("aws: imported material")
    for key in keys.values():
        planted.values[f"aws: material of {key.id}"] = key.key_material
    aws: EmbeddedAws = running.enter_context(small_aws.served(world=world))
    patch.setenv("AWS_SECRET_ACCESS_KEY", planted.text("aws: secret access key"))
    at = {"endpoint_url": aws.url, "region_name": small_aws.REGION}
    planted.asked["aws: secret db/main 1"] = lambda: (
        boto3.client("secretsmanager", **at).get_secret_value(SecretId="db/main")["SecretString"].encode()
    )
    planted.asked["aws: parameter"] = lambda: (
        boto3.client("ssm", **at).get_parameter(Name=parameter.name, WithDecryption=True)["Parameter"]["Value"].encode()
    )
    _watched(planted, aws._server, "aws", re.compile(rb"<(?:SecretAccessKey|SessionToken)>([^<]+)"))
    planted.tables.append(
        {"type": "aws", "name": "aws", "regions": "all", "organization": {"role": "audit"}, "endpoint_url": aws.url}
    )


def _add_azure(planted: Planted, running: ExitStack, patch: pytest.MonkeyPatch) -> None:
    """Whoever asks for a secret is given it."""
    client_secret, value = planted.text("azure: client secret"), planted.text("azure: secret")
    for module in (entra_answers, azure_embedded):
        patch.setattr(module, "CLIENT_SECRET", client_secret)
    plain = azure_embedded.OPERATIONS["secrets:GetSecret"]
    asked = replace(plain, answer=lambda world, request: {"value": value})
    patch.setitem(azure_embedded.OPERATIONS, "secrets:GetSecret", asked)  # type: ignore[arg-type]
    azure = running.enter_context(small_azure.served())
    _watched(planted, azure._server, "azure", re.compile(rb'"access_token": *"([^"]+)"'))
    planted.tables.append(azure.source("azure"))

    def secret() -> bytes:
        trust = {"connection_verify": azure.ca_file}
        credential = EnvironmentCredential(disable_instance_discovery=True, **trust)
        vault = azure.world.addresses["small-main"]
        client = SecretClient(vault, credential, verify_challenge_resource=False, **trust)  # type: ignore[arg-type]
        return str(client.get_secret("api").value).encode()

    planted.asked["azure: secret"] = secret


def _add_google(planted: Planted, running: ExitStack, patch: pytest.MonkeyPatch) -> None:
    """Whoever asks for a version of a secret is given it."""
    payload = {"data": planted.text("gcp: secret").encode()}
    told = message(AccessSecretVersionResponse, payload=payload)
    operation = "secretmanager:AccessSecretVersion"
    patch.setitem(gcp_embedded.OPERATIONS, operation, lambda world, request: told)  # type: ignore[arg-type]
    key = message(GetKeyStringResponse, key_string=planted.text("gcp: API key"))
    patch.setitem(gcp_embedded.OPERATIONS, "apikeys:GetKeyString", lambda world, request: key)  # type: ignore[arg-type]
    cloud = running.enter_context(small_gcp.served())
    account = cloud._account
    planted.private_key("gcp: key of the service account", account._key)
    plain = account.objection

    def objection(authorization: str) -> str:
        _take_token(planted, "gcp", authorization.partition(" ")[2])
        return plain(authorization)

    patch.setattr(account, "objection", objection)
    planted.tables.append(cloud.source("gcp"))

    def client(kind: Any) -> Any:
        credentials = service_account.Credentials.from_service_account_file(str(cloud.credentials_file))
        transport = kind.get_transport_class("grpc")(
            host=cloud.endpoint,
            credentials=credentials,
            ssl_channel_credentials=grpc.ssl_channel_credentials(cloud.ca_file.read_bytes()),
            always_use_jwt_access=True,
        )
        return kind(transport=transport)

    def secret() -> bytes:
        name = f"projects/{small_gcp.HOME}/secrets/database/versions/latest"
        return bytes(client(SecretManagerServiceClient).access_secret_version(name=name).payload.data)

    def api_key() -> bytes:
        name = next(iter(cloud.world.api_keys))
        return str(client(ApiKeysClient).get_key_string(name=name).key_string).encode()

    planted.asked["gcp: secret"] = secret
    planted.asked["gcp: API key"] = api_key


# --- the Vault ------------------------------------------------------------------------------------------------------


def _fill_vault(planted: Planted, server: Server) -> None:
    for path, kind, version in (("transit", "transit", ""), ("secret", "kv", "2"), ("kv", "kv", "")):
        server.write(f"sys/mounts/{path}", {"type": kind, **({"options": {"version": version}} if version else {})})
    for kind in ("pki", "ssh", "database"):
        server.write(f"sys/mounts/{kind}", {"type": kind})
    for name in ("old version", "new version"):
        server.write("secret/data/planted", {"data": {"password": planted.text(f"vault: kv 2, {name}")}})
    server.write("kv/planted", {"password": planted.text("vault: kv 1")})
    import_material(server, "planted", planted.material("vault: imported key"))
    server.write("transit/keys/exportable", {"exportable": True})
    told = server.ask("GET", "transit/export/encryption-key/exportable")["data"]["keys"]["1"]
    planted.values["vault: exportable key"] = base64.b64decode(told)
    root = server.write("pki/root/generate/exported", {"common_name": "Example Root", "ttl": "8760h", "key_type": "ec"})
    planted.private_key("vault: authority", load_pem_private_key(root["data"]["private_key"].encode(), None))
    signing = ed25519.Ed25519PrivateKey.generate()
    planted.private_key("vault: ssh authority", signing)
    pem = signing.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = signing.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    server.write("ssh/config/ca", {"generate_signing_key": False, "private_key": pem, "public_key": public})
    password = planted.text("vault: database password")
    url = f"postgresql://root@127.0.0.1:1/ledger?password={password}"
    connection = {"plugin_name": "postgresql-database-plugin", "connection_url": url, "verify_connection": False}
    server.write("database/config/ledger", connection)
    _add_logins(planted, server)


def _add_logins(planted: Planted, server: Server) -> None:
    for method in ("approle", "userpass"):
        server.write(f"sys/auth/{method}", {"type": method})
    server.write("auth/userpass/users/bob", {"password": planted.text("vault: user's password")})
    server.write("auth/approle/role/keyproof", {"token_policies": [POLICY]})
    planted.values["vault: root token"] = server.root_token.encode()
    for number, key in enumerate(server.unseal_keys):
        planted.values[f"vault: unseal key {number}"] = base64.b64decode(key)


def _add_vault(planted: Planted, running: ExitStack, patch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("VAULT_", "BAO_"))]:
        patch.delenv(name)
    collector = HttpServer(lambda request: HttpResponse(200, {}, b""))
    uri = f"http://127.0.0.1:{collector.listen()}/"
    collector.start()
    running.callback(collector.close)
    bearer = f"Bearer {planted.text('vault: header of an audit device')}"
    headers = json.dumps(json.dumps({"Authorization": [bearer]}))
    device = f'audit "http" "siem" {{\n  options {{\n    uri = "{uri}"\n    headers = {headers}\n  }}\n}}\n'

    def amend(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
        if token := request.headers.get("x-vault-token", ""):
            planted.values["vault: token that it gave out"] = token.encode()
        return answer

    embedded = EmbeddedVault(lambda server: _fill_vault(planted, server), server=Server(further=device), amend=amend)
    vault = running.enter_context(embedded)
    role = vault.server.ask("GET", "auth/approle/role/keyproof/role-id")["data"]["role_id"]
    secret_id = vault.server.write("auth/approle/role/keyproof/secret-id", {})["data"]["secret_id"]
    planted.values["vault: secret id"] = secret_id.encode()
    planted.values["vault: another's token"] = vault.token.encode()
    patch.setenv(_SECRET_ID, secret_id)
    auth = {"method": "approle", "role_id": role, "secret_id_env": _SECRET_ID}
    planted.tables.append({**vault.source("vault"), "auth": auth})

    def exported() -> bytes:
        keys = vault.server.ask("GET", "transit/export/encryption-key/planted")["data"]["keys"]
        return base64.b64decode(keys["1"])

    planted.asked["vault: imported key"] = exported


# --- the HSMs -------------------------------------------------------------------------------------------------------


def _fill_kmip(planted: Planted, engine: Engine) -> None:
    small_kmip.fill(engine)
    private = rsa.generate_private_key(65537, 2048)
    planted.private_key("kmip: private key", private)
    coded = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    value = planted.text("kmip: secret").encode()
    opaque = planted.text("kmip: opaque object").encode()
    masks = [enums.CryptographicUsageMask.SIGN]
    for managed in (
        small_kmip.symmetric("planted", 10, value=planted.material("kmip: key")),
        pie.SecretData(value, enums.SecretDataType.PASSWORD, name="planted-secret"),
        pie.OpaqueObject(opaque, enums.OpaqueDataType.NONE, name="planted-object"),
        pie.PrivateKey(small_kmip.RSA, 2048, coded, enums.KeyFormatType.PKCS_8, masks=masks, name="planted-private"),
    ):
        managed.initial_date = int(small_kmip.ago(10).timestamp())
        engine.add(managed, small_kmip.told(enums.State.ACTIVE, 10))


def _registered(server: KmipServer, name: str) -> bytes:
    """The value of the key of that name, which KMIP's Get gives to every client."""
    settings = server.folder / "client.conf"
    settings.write_text("[client]\n")
    files = {"cert": "client.pem", "key": "client.key", "ca": "ca.pem"}
    client = ProxyKmipClient(
        hostname="127.0.0.1",
        port=server.port,
        ssl_version="PROTOCOL_TLSv1_2",
        config_file=str(settings),
        **{of: str(server.folder / file) for of, file in files.items()},
    )
    with client:
        [found] = client.locate(attributes=[AttributeFactory().create_attribute(enums.AttributeType.NAME, name)])
        return bytes(client.get(found).value)


def _add_kmip(planted: Planted, running: ExitStack, patch: pytest.MonkeyPatch) -> None:
    server = running.enter_context(serving(lambda engine: _fill_kmip(planted, engine)))
    pass_phrase = planted.text("kmip: pass phrase")
    key = load_pem_private_key((server.folder / "client.key").read_bytes(), None)
    planted.private_key("kmip: client's key", key)
    encrypted = BestAvailableEncryption(pass_phrase.encode())
    locked: Path = server.folder / "locked.key"
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted))
    patch.setenv(_PASS_PHRASE, pass_phrase)
    patch.setenv(_PASSWORD, planted.text("kmip: password"))
    more = {"username": "auditor", "password_env": _PASSWORD, "key_password_env": _PASS_PHRASE}
    planted.asked["kmip: key"] = lambda: _registered(server, "planted")
    planted.tables.append({"type": "kmip", **server.source(name="kmip", client_key=str(locked), **more)})


def _add_token(planted: Planted, running: ExitStack, patch: pytest.MonkeyPatch) -> None:
    token = running.enter_context(small_pkcs11.served())
    planted.values |= {
        "pkcs11: PIN": small_pkcs11.PIN.encode(),
        "pkcs11: PIN of the security officer": small_pkcs11.SO_PIN.encode(),
        "pkcs11: imported key": small_pkcs11.AES_VALUE,
        "pkcs11: extractable key": small_pkcs11.TDEA_VALUE,
        "pkcs11: key that shows without login": small_pkcs11.SHOWN_VALUE,
        "pkcs11: data object": small_pkcs11.NOTE,
    }
    planted.tables.append({"type": "pkcs11", **token.source("pkcs11")})


@contextmanager
def serving_all() -> Iterator[Planted]:
    """Everything at once, with the credentials of all in the environment."""
    planted = Planted()
    with ExitStack() as running, pytest.MonkeyPatch.context() as patch:
        for add in (_add_aws, _add_azure, _add_google, _add_vault, _add_kmip, _add_token):
            add(planted, running, patch)
        yield planted
