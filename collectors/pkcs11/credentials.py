"""What a source needs before anything can be asked: its module, and the PIN that the configuration names."""

from __future__ import annotations

from pathlib import Path

from collectors.credentials import configured_secret
from collectors.pkcs11.configuration import Pkcs11Configuration
from collectors.source import CredentialError


def pin_of(configuration: Pkcs11Configuration) -> str:
    """The PIN that the configuration names; "" where it names none. Raises CredentialError where it is not there."""
    return configured_secret(f"source {configuration.name!r}", "pin", configuration.pin_env, configuration.pin_file)


def check_module(configuration: Pkcs11Configuration) -> None:
    """Raises CredentialError where the module's file is not there or cannot be read."""
    try:
        with Path(configuration.module).open("rb"):
            return
    except OSError as error:
        where = f"source {configuration.name!r}: module {configuration.module!r}"
        raise CredentialError(f"{where}: {error.strerror}; install the vendor's client or correct the path") from error
