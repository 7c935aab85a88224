"""What a source of the type kmip may say, and what is wrong with what it may not."""

from typing import Any

import pytest
from pydantic import ValidationError

from collectors.kmip.configuration import KmipConfiguration

LEAST = {"name": "hsm", "host": "kmip.example.net", "client_certificate": "client.pem"}


def configured(**more: Any) -> KmipConfiguration:
    return KmipConfiguration.model_validate({**LEAST, **more})


def test_what_is_left_out_has_a_sound_value() -> None:
    found = configured()
    assert (found.port, found.timeout_seconds, found.attempts, found.protocol_version) == (5696, 30, 3, None)
    assert found.address == "kmip.example.net:5696"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7:5696"),
        ("2001:db8::7", "[2001:db8::7]:5696"),
        ("localhost", "localhost:5696"),
        ("kmip_1.example-net", "kmip_1.example-net:5696"),
    ],
)
def test_hosts(host: str, address: str) -> None:
    assert configured(host=host).address == address


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"host": "https://kmip.example.net"}, "is no host, such as kmip.example.net"),
        ({"host": "kmip.example.net:5696"}, "the port has a key of its own"),
        ({"host": ""}, "is no host"),
        ({"host": "a/b"}, "is no host"),
        ({"host": "-x"}, "is no host"),
        ({"host": "x" * 64}, "is no host"),
        ({"host": "[2001:db8::7]"}, "is no host"),
        ({"server_name": "two words"}, "is no host"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"port": 65536}, "less than or equal to 65535"),
        ({"protocol_version": "1.1"}, "Input should be '1.2', '1.3', '1.4', '2.0' or '2.1'"),
        ({"protocol_version": 2.0}, "Input should be '1.2'"),
        ({"key_password": "open sesame"}, "Extra inputs are not permitted"),
        ({"password": "open sesame"}, "Extra inputs are not permitted"),
        ({"key_password_env": "not a name"}, "String should match pattern"),
        ({"key_password_env": "A", "key_password_file": "b"}, "expected one of key_password_env and key_password_file"),
        (
            {"username": "u", "password_env": "A", "password_file": "b"},
            "expected one of password_env and password_file",
        ),
        ({"username": "u"}, "are of use only together"),
        ({"password_env": "A"}, "are of use only together"),
        ({"name": "a/b"}, "String should match pattern"),
        ({"client_certificate": ""}, "at least 1 character"),
        ({"timeout_seconds": 0}, "greater than 0"),
        ({"attempts": 11}, "less than or equal to 10"),
    ],
)
def test_what_is_wrong_is_said(more: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError) as error:
        configured(**more)
    assert wrong in str(error.value)


@pytest.mark.parametrize("missing", LEAST)
def test_what_has_to_be_there(missing: str) -> None:
    with pytest.raises(ValidationError, match="Field required"):
        KmipConfiguration.model_validate({name: value for name, value in LEAST.items() if name != missing})
