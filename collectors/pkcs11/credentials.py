"""What a source needs before anything can be asked: its module, and the PIN that the configuration names."""

from __future__ import annotations

import os
from pathlib import Path

from collectors.pkcs11.configuration import Pkcs11Configuration
from collectors.source import CredentialError


def pin_of(configuration: Pkcs11Configuration) -> str | None:
    """The PIN that the configuration names; None where it names none. Raises CredentialError where it is not there."""
    where = f"source {configuration.name!r}"
    if configuration.pin_env is not None:
        pin = os.environ.get(configuration.pin_env, "")
        if not pin:
            raise CredentialError(f"{where}: pin_env: the environment variable {configuration.pin_env} is not set")
        return pin
    if configuration.pin_file is not None:
        try:
            with Path(configuration.pin_file).open(encoding="utf-8", errors="surrogateescape") as file:
                pin = file.readline().rstrip("\r\n")
        except OSError as error:
            raise CredentialError(f"{where}: pin_file {configuration.pin_file!r}: {error.strerror}") from error
        if not pin:
            raise CredentialError(f"{where}: pin_file {configuration.pin_file!r}: its first line is empty")
        return pin
    return None


def check_module(configuration: Pkcs11Configuration) -> None:
    """Raises CredentialError where the module's file is not there or cannot be read."""
    try:
        with Path(configuration.module).open("rb"):
            return
    except OSError as error:
        where = f"source {configuration.name!r}: module {configuration.module!r}"
        raise CredentialError(f"{where}: {error.strerror}; install the vendor's client or correct the path") from error
