"""Collection from a PyKMIP server over mutual TLS: what is asked, what goes wrong, and what never leaves the server."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kmip_wire
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from kmip.core import enums
from kmip.pie import objects as pie
from kmip_runs import Rows, collected, pykmip_client, rows_of
from kmip_server import Engine, Fault, KmipServer, Told, serving
from small_kmip import fill, symmetric

from collectors.kmip.collect import KmipCollector
from collectors.kmip.configuration import KmipConfiguration
from collectors.source import CredentialError
from evidence.observation import Status

OBJECTS = 16
GET = "kmip:GetAttributes"


@pytest.fixture(scope="module")
def running() -> Iterator[KmipServer]:
    with serving(fill) as server:
        yield server


@pytest.fixture
def server(running: KmipServer) -> Iterator[KmipServer]:
    """The estate without faults; what a test sets is taken back."""
    page_size = running.engine.page_size
    yield running
    running.faults = []
    running.engine.page_size = page_size


# --- what is asked --------------------------------------------------------------------------------------------------


def test_the_best_common_version_is_spoken(server: KmipServer) -> None:
    run = collected(server)
    assert run.statuses() == {Status.OK}
    assert {o.parameters.get("protocol_version", "") for o in run.observations} == {"", "2.0"}
    assert run.progress.requests == 1 + 2 + 5 + OBJECTS
    (scope,) = run.headers.values()
    assert scope.account == f"127.0.0.1:{server.port}"
    assert scope.id == f"prod/127.0.0.1:{server.port}/global/kmip"
    assert scope.identity.startswith("certificate SHA-256 ")


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4", "2.0"])
def test_every_version_tells_the_same(server: KmipServer, version: str) -> None:
    rows = Rows(rows_of(collected(server, protocol_version=version)))
    assert [row.name for row in rows.of("key")] == [
        "payments-data",
        "everything",
        "signing",
        "orders",
        "cards-legacy",
        "next-year",
        "leaked",
        "gone",
        "tokens",
    ]
    assert rows.named("key", "payments-data").owner == "payments"
    assert rows.named("key", "orders").rotations == 2
    assert rows.named("key", "tokens").rotation_period_days == (90 if version == "2.0" else None)
    assert rows.only("certificate").subject == "CN=kmip.example.com"
    assert rows.only("key_store").validation_standard == (None if version == "1.2" else "FIPS 140-3")


def test_before_kmip_1_3_everything_is_located_at_once(server: KmipServer) -> None:
    run = collected(server, protocol_version="1.2")
    (page,) = run.of("kmip:Locate")
    assert page.parameters == {
        "protocol_version": "1.2",
        "storage_statuses": ["On-line Storage", "Archival Storage"],
    }
    assert len(run.of("kmip:Query")) == 1


@pytest.mark.parametrize("size", [1, 7, OBJECTS, 1000])
def test_pages_of_any_size_tell_every_object_once(server: KmipServer, size: int) -> None:
    server.engine.page_size = size
    run = collected(server)
    assert len({o.subject for o in run.of(GET)}) == len(run.of(GET)) == OBJECTS
    assert len(run.of("kmip:Locate")) == -(-OBJECTS // size) + 1


def test_a_sample_describes_as_many_as_it_says(server: KmipServer) -> None:
    assert len(collected(server, sample=2).of(GET)) == 2


def test_what_was_recorded_is_not_asked_again(server: KmipServer, tmp_path: Path) -> None:
    first = collected(server, tmp_path)
    before = server.requests
    second = collected(server, tmp_path)
    assert server.requests == before
    assert second.progress.recorded == len(first.observations)
    assert sorted(o.to_line() for o in second.observations) == sorted(o.to_line() for o in first.observations)


# --- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("refuse", Status.REFUSED, "Permission Denied: you may not"),
        ("unauthenticated", Status.REFUSED, "Authentication Not Successful: who are you?"),
        ("unsupported", Status.SWITCHED_OFF, "Operation Not Supported: what is that?"),
        ("throttle", Status.FAILED, "Server Limit Exceeded: too busy"),
        ("break", Status.FAILED, "General Failure: something broke"),
        ("close", Status.FAILED, "ConnectionEnded: the server closed the connection after 0 of 8 bytes"),
        ("stop", Status.FAILED, "ConnectionEnded: the server closed the connection after"),
        ("html", Status.FAILED, "InvalidAnswer: it begins with 485454502f312e31, which is no response message"),
        ("giant", Status.FAILED, "InvalidAnswer: it claims 4,294,967,295 bytes, more than the 8,388,608"),
        ("overlong", Status.FAILED, "InvalidAnswer: Response Header claims 2,147,483,640 bytes"),
        ("deep", Status.FAILED, "InvalidAnswer: structures stand in one another 32 deep"),
        ("cut", Status.FAILED, "InvalidAnswer: "),
        ("noise", Status.FAILED, "InvalidAnswer: "),
        ("no_text", Status.FAILED, "InvalidAnswer: Name Value is no text in UTF-8"),
    ],
)
def test_every_end_of_an_exchange_is_told_apart(server: KmipServer, kind: str, status: Status, error: str) -> None:
    server.faults = [Fault(GET, kind, "1")]
    run = collected(server)
    (spoiled,) = [o for o in run.of(GET) if o.parameters["unique_identifier"] == "1"]
    assert (spoiled.status, spoiled.error[: len(error)]) == (status, error)
    assert {o.status for o in run.observations if o is not spoiled} == {Status.OK}


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_whoever_keeps_us_waiting_is_left(server: KmipServer, kind: str) -> None:
    server.faults = [Fault(GET, kind, "1")]
    run = collected(server, timeout_seconds=0.5)
    (spoiled,) = [o for o in run.of(GET) if o.parameters["unique_identifier"] == "1"]
    assert (spoiled.status, spoiled.error) in [
        (Status.FAILED, "TimeoutError: timed out"),
        (Status.FAILED, "TimeoutError: The read operation timed out"),
    ]


def test_what_was_lost_is_asked_for_again(server: KmipServer) -> None:
    for kind, requests in (("throttle", 3), ("close", 4), ("refuse", 1), ("unsupported", 1), ("noise", 1)):
        server.faults = [Fault("kmip:Query", kind)]
        run = collected(server, attempts=3, sample=0)
        assert run.of("kmip:Query")[0].attempts == requests, kind


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(server: KmipServer) -> None:
    server.faults = [Fault(GET, "farewell"), Fault("kmip:Locate", "farewell")]
    run = collected(server)
    assert run.statuses() == {Status.OK}
    assert max(observation.attempts for observation in run.observations) == 2


def test_an_answer_about_another_object_is_no_answer(server: KmipServer) -> None:
    server.faults = [Fault(GET, "another", "1")]
    rows = Rows(rows_of(collected(server)))
    assert {gap.error for gap in rows.of("gap") if gap.kind == "failed"} == {"the answer describes another object"}
    assert "payments-data" not in [row.name for row in rows.of("key")]


def test_a_lost_page_leaves_the_list_open(server: KmipServer) -> None:
    server.faults = [Fault("kmip:Locate", "lose_page")]
    run = collected(server)
    assert [page.status for page in run.of("kmip:Locate")] == [Status.OK, Status.FAILED]
    assert run.of("kmip:Locate")[-1].error == "LostObjects: the server counts 16 objects, and told 5"
    rows = Rows(rows_of(run))
    assert rows.only("scope").listed is None
    assert {gap.of_table for gap in rows.of("gap") if gap.rows_missing and gap.kind == "failed"} == {
        "key",
        "key_version",
        "certificate",
        "secret",
    }


def test_a_server_that_does_no_pages_is_noticed(server: KmipServer) -> None:
    plain = Engine._process_locate

    def without_offset(self: Engine, payload: Any) -> Any:
        payload.offset_items = None
        return plain(self, payload)

    server.engine._process_locate = without_offset.__get__(server.engine)  # type: ignore[method-assign]
    try:
        run = collected(server)
    finally:
        del server.engine._process_locate
    assert run.of("kmip:Locate")[-1].error == "RepeatedObject: the page tells an object that was told before"


def test_an_object_that_comes_while_pages_are_read_is_noticed() -> None:
    with serving(fill) as server:
        plain = server.engine._process_locate

        def meanwhile(payload: Any) -> Any:
            if payload.offset_items == 5:
                key = symmetric("new", -1)
                server.engine.add(key)
            return plain(payload)

        server.engine._process_locate = meanwhile  # type: ignore[method-assign]
        run = collected(server)
    assert run.of("kmip:Locate")[-1].status is Status.FAILED


def test_a_version_that_is_not_understood_is_not_asked_in(server: KmipServer) -> None:
    """A server that knows 2.0 alone refuses the first question, and answers the next."""
    known = server.engine._protocol_versions
    server.engine._protocol_versions = [version for version in known if version.major == 2]
    try:
        run = collected(server)
    finally:
        server.engine._protocol_versions = known
    assert run.statuses() == {Status.OK}
    assert run.of("kmip:DiscoverVersions")[0].attempts == 3
    assert {o.parameters["protocol_version"] for o in run.of(GET)} == {"2.0"}


# --- who we are, and whom we believe ---------------------------------------------------------------------------------


def test_another_authority_s_server_is_not_believed(server: KmipServer, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    run = collected(server, ca_file=str(other))
    assert run.statuses() == {Status.FAILED}
    assert run.observations[0].error.startswith("SSLCertVerificationError: the server's certificate is not accepted")
    assert run.observations[0].attempts == 1


def test_a_server_of_another_name_is_not_believed(server: KmipServer) -> None:
    run = collected(server, server_name="kmip.example.com")
    assert "Hostname mismatch" in run.observations[0].error
    assert collected(server, host="localhost", server_name="127.0.0.1", sample=0).statuses() == {Status.OK}


def test_a_client_of_another_authority_is_refused(server: KmipServer, tmp_path: Path) -> None:
    stranger = trustme.CA().issue_cert("stranger.example.com")
    stranger.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "stranger.pem"))
    run = collected(server, client_certificate=str(tmp_path / "stranger.pem"), client_key=None)
    assert run.statuses() == {Status.REFUSED}
    assert "the server does not accept the client's certificate" in run.observations[0].error


def test_nobody_listening_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused, serving(lambda engine: None) as server:
        port = unused.getsockname()[1]
        unused.close()
        run = collected(server, port=port)
    assert run.statuses() == {Status.FAILED}
    assert "ConnectionRefusedError" in run.observations[0].error


def _encrypted(server: KmipServer, folder: Path) -> str:
    key = load_pem_private_key((server.folder / "client.key").read_bytes(), None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame"))
    (folder / "sealed.key").write_bytes(sealed)
    return str(folder / "sealed.key")


def test_a_key_s_pass_phrase_comes_from_the_environment_or_a_file(
    server: KmipServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = _encrypted(server, tmp_path)
    monkeypatch.setenv("KMIP_PHRASE", "open sesame")
    (tmp_path / "phrase").write_text("open sesame\n")
    for setting in ({"key_password_env": "KMIP_PHRASE"}, {"key_password_file": str(tmp_path / "phrase")}):
        assert collected(server, client_key=sealed, sample=0, **setting).statuses() == {Status.OK}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"client_certificate": "/nowhere.pem"}, "client_certificate '/nowhere.pem': No such file or directory"),
        ({"client_certificate": "ca.key"}, "it holds no certificate in PEM"),
        ({"client_key": "/nowhere.key"}, "client_key '/nowhere.key': No such file or directory"),
        ({"client_key": "other.key"}, "is no private key of client_certificate"),
        ({"client_key": "sealed.key"}, "or its pass phrase (key_password_env or key_password_file) is wrong"),
        ({"client_key": "sealed.key", "key_password_env": "KMIP_WRONG"}, "or its pass phrase is wrong"),
        ({"key_password_env": "KMIP_UNSET"}, "key_password_env names KMIP_UNSET, which is not set"),
        ({"key_password_env": "KMIP_BYTES"}, "key_password_env KMIP_BYTES is no text in UTF-8"),
        ({"key_password_file": "/nowhere"}, "key_password_file '/nowhere': No such file or directory"),
        ({"username": "auditor", "password_env": "KMIP_UNSET"}, "password_env names KMIP_UNSET, which is not set"),
        ({"ca_file": "/nowhere.pem"}, "ca_file '/nowhere.pem': No such file or directory"),
        ({"ca_file": "ca.key"}, "it holds no certificates in PEM"),
    ],
)
def test_what_is_wrong_with_credentials_is_said_before_anything_is_asked(
    server: KmipServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: dict[str, str], message: str
) -> None:
    monkeypatch.delenv("KMIP_UNSET", raising=False)
    monkeypatch.setenv("KMIP_WRONG", "open barley")
    monkeypatch.setenv("KMIP_BYTES", "\udcff")
    _encrypted(server, tmp_path)
    (tmp_path / "ca.key").write_text("no PEM at all")
    trustme.CA().issue_cert("other").private_key_pem.write_to_path(str(tmp_path / "other.key"))
    here = {name: str(tmp_path / value) if (tmp_path / value).exists() else value for name, value in setting.items()}
    before = server.requests
    with pytest.raises(CredentialError, match="source 'prod'") as error:
        KmipCollector(KmipConfiguration.model_validate(server.source(**here))).start()
    assert message in str(error.value)
    assert server.requests == before
    assert "open barley" not in str(error.value)


def test_a_user_and_a_password_are_sent_and_never_kept(
    server: KmipServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KMIP_PASSWORD", "correct horse battery")
    seen: list[Any] = []
    plain = server.engine.process_request

    def watched(request: Any, credential: Any = None) -> Any:
        seen.append(request.request_header.authentication.credentials[0].credential_value)
        return plain(request, credential)

    server.engine.process_request = watched  # type: ignore[method-assign]
    try:
        run = collected(server, tmp_path, username="auditor", password_env="KMIP_PASSWORD")
    finally:
        del server.engine.process_request
    assert {(one.username, one.password) for one in seen} == {("auditor", "correct horse battery")}
    assert {observation.identity for observation in run.observations} == {"auditor"}
    assert all("correct horse" not in observation.to_line() for observation in run.observations)


def test_nothing_but_tls_1_2_and_better_is_spoken(server: KmipServer) -> None:
    (task,) = KmipCollector(KmipConfiguration.model_validate(server.source())).start()
    context = task.run.__self__.seat.context  # type: ignore[attr-defined]
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


# --- what never leaves the server -------------------------------------------------------------------------------------

PLANTED = {
    "symmetric": bytes(range(32, 64)),
    "password": b"planted-password-3f9a1c2b",
    "opaque": b"planted-opaque-77e0aa41",
}


def _spellings(value: bytes) -> list[str]:
    return [
        value.decode("latin-1"),
        value.hex(),
        value.hex().upper(),
        base64.b64encode(value).decode().rstrip("="),
        base64.urlsafe_b64encode(value).decode().rstrip("="),
        base64.b32encode(value).decode().rstrip("="),
    ]


@pytest.mark.parametrize("version", ["1.4", "2.0"])
def test_no_value_that_was_registered_is_found_in_anything_recorded(tmp_path: Path, version: str) -> None:
    with serving(lambda engine: None) as server:
        client = pykmip_client(server, tmp_path)
        mask = enums.CryptographicUsageMask
        planted = [
            pie.SymmetricKey(enums.CryptographicAlgorithm.AES, 256, PLANTED["symmetric"], masks=[mask.ENCRYPT]),
            pie.SecretData(PLANTED["password"], enums.SecretDataType.PASSWORD),
            pie.OpaqueObject(PLANTED["opaque"], enums.OpaqueDataType.NONE),
        ]
        with client:
            names = [client.register(one) for one in planted]
            assert client.get(names[0]).value == PLANTED["symmetric"], "the server would hand it out"
        # A server that tells more than it is asked for: the value as an attribute, and a digest of it.
        value, digest = PLANTED["password"], hashlib.sha256(PLANTED["password"]).digest()
        server.engine.told[names[1]] = Told(
            items=[
                kmip_wire.structure(0x420034, kmip_wire.octets(0x420035, digest)),
                kmip_wire.structure(0x420040, kmip_wire.octets(0x420043, value)),
                kmip_wire.octets(0x540001, value),
            ]
        )
        run = collected(server, tmp_path / "run", protocol_version=version)
        asked = set(server.requests)
    assert run.statuses() == {Status.OK}
    assert len(run.of(GET)) == 3
    assert {name for name in asked if name.startswith("kmip:")} == {
        "kmip:DiscoverVersions",
        "kmip:Query",
        "kmip:Locate",
        "kmip:GetAttributes",
    }
    recorded = "\n".join(observation.to_line() for observation in run.observations)
    rows = "\n".join(map(str, rows_of(run)))
    for value in (*PLANTED.values(), digest):
        for spelled in _spellings(value):
            assert spelled not in recorded
            assert spelled not in rows


# --- many -------------------------------------------------------------------------------------------------------------

MANY = 2_000


@pytest.mark.slow
def test_thousands_of_objects_are_read_and_come_to_as_many_rows() -> None:
    def fill_many(engine: Engine) -> None:
        engine.add_all([symmetric(f"key-{number}", number % 900) for number in range(MANY)])

    with serving(fill_many) as server:
        run = collected(server, timeout_seconds=60)
    assert run.statuses() == {Status.OK}
    assert len(run.of(GET)) == MANY
    rows = Rows(rows_of(run))
    assert len({row.id for row in rows.of("key")}) == MANY
    assert (rows.only("scope").listed, rows.only("scope").described) == (MANY, MANY)
