"""The certificates by which a private endpoint's servers are known."""

from __future__ import annotations

import ssl

from collectors.source import CredentialError


def check_ca_file(where: str, ca_file: str) -> None:
    """Raises CredentialError, with `where` and the path, where a file cannot be read or is no PEM of any."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_file)
    except ssl.SSLError as error:
        raise CredentialError(f"{where}: ca_file {ca_file!r}: it holds no certificates in PEM") from error
    except OSError as error:
        raise CredentialError(f"{where}: ca_file {ca_file!r}: {error.strerror}") from error
