"""The `[[source]]` table of a PKCS#11 source."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from collectors.pkcs11.configuration import Pkcs11Configuration
from collectors.pkcs11.operations import OPERATIONS
from collectors.pkcs11.permissions import policy

MODULE = "/usr/lib/softhsm/libsofthsm2.so"


def _checked(**table: Any) -> Pkcs11Configuration:
    return Pkcs11Configuration.model_validate({"name": "hsm", "module": MODULE, **table})


def test_a_module_is_enough() -> None:
    configuration = _checked()
    assert (configuration.token, configuration.pin_env, configuration.user_type) == (None, None, 1)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"module": "libsofthsm2.so"}, "no absolute path"),
        ({"token": "a", "serial": "b"}, "at most one of token, serial and slot"),
        ({"slot": 1, "serial": "b"}, "at most one of token, serial and slot"),
        ({"pin_env": "A", "pin_file": "/b"}, "at most one of pin_env and pin_file"),
        ({"user_type": 0x80000001}, "only with a PIN"),
        ({"user_type": 0, "pin_env": "A"}, "greater than or equal to 1"),
        ({"pin": "1234"}, "Extra inputs are not permitted"),
        ({"slot": -1}, "greater than or equal to 0"),
        ({"token": ""}, "at least 1 character"),
        ({"name": "../hsm"}, "should match pattern"),
        ({"timeout_seconds": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(table: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        _checked(**table)


def test_the_security_officer_is_no_user_to_log_in_as() -> None:
    """CKU_SO, which is 0, could initialize the token."""
    with pytest.raises(ValidationError):
        _checked(user_type=0, pin_env="A")


def test_what_is_needed_names_every_function() -> None:
    listed = [line.removeprefix("#   ") for line in policy().splitlines() if line.startswith("#   C_")]
    assert listed == [name.removeprefix("pkcs11:") for name in OPERATIONS]
