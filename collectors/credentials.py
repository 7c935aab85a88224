"""Secrets by which keyproof shows who it is, from the environment variable or the file that a configuration names."""

from __future__ import annotations

import os
from pathlib import Path

from collectors.source import CredentialError


def configured_secret(where: str, setting: str, variable: str | None, file: str | None) -> str:
    """The secret that `{setting}_file` or else `{setting}_env` names; "" where neither is configured.

    Of a file it is the first line, without its end, as OpenSSL takes pass phrases. Bytes that are no UTF-8 stand in it
    as surrogates, as in every variable of the environment. Raises CredentialError, with `where` and the setting, where
    the variable or the file is not there or holds nothing.
    """
    if file is not None:
        return _first_line(f"{where}: {setting}_file {file!r}", file)
    if variable is None:
        return ""
    secret = os.environ.get(variable, "")
    if not secret:
        raise CredentialError(f"{where}: {setting}_env names {variable}, which is not set: set it and run again")
    return secret


def _first_line(named: str, path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8", errors="surrogateescape") as file:
            secret = file.readline().rstrip("\r\n")
    except OSError as error:
        raise CredentialError(f"{named}: {error.strerror}") from error
    if not secret:
        raise CredentialError(f"{named}: its first line is empty")
    return secret
