"""By what keyproof shows a KMIP server who it is, and knows the server: certificates, and perhaps a password."""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
from pathlib import Path
from typing import Any

from collectors.certificates import check_ca_file
from collectors.credentials import configured_secret
from collectors.kmip.configuration import KmipConfiguration
from collectors.source import CredentialError

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class Seat:
    """One identity from which one server is asked. Each thread has a connection of its own."""

    def __init__(
        self, configuration: KmipConfiguration, context: ssl.SSLContext, fingerprint: str, password: str
    ) -> None:
        self.configuration = configuration
        self.context = context
        self.fingerprint = fingerprint
        """SHA-256 of the client's certificate, in hexadecimal."""
        self.password = password
        """Of the configured user; "" where there is none."""
        self.own: Any = threading.local()
        """What each thread keeps for itself; see `collectors.kmip.wire`."""

    @property
    def identity(self) -> str:
        """Whom the server takes keyproof for: a user, or else a certificate."""
        return self.configuration.username or f"certificate SHA-256 {self.fingerprint}"


def open_seat(configuration: KmipConfiguration) -> Seat:
    """The seat of the configured certificate. Raises CredentialError, with the file or variable that is no good."""
    where = f"source {configuration.name!r}"
    phrase = _secret(where, "key_password", configuration.key_password_env, configuration.key_password_file)
    password = _secret(where, "password", configuration.password_env, configuration.password_file)
    fingerprint = _fingerprint(where, configuration.client_certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if configuration.ca_file:
        check_ca_file(where, configuration.ca_file)
        context.load_verify_locations(configuration.ca_file)
    else:
        context.load_default_certs()
    key = configuration.client_key or configuration.client_certificate
    try:
        # Without a pass phrase OpenSSL would ask the terminal for one.
        context.load_cert_chain(configuration.client_certificate, key, password=lambda: phrase)
    except ssl.SSLError as error:
        hint = "its pass phrase (key_password_env or key_password_file)" if not phrase else "its pass phrase"
        raise CredentialError(
            f"{where}: client_key {key!r} is no private key of client_certificate "
            f"{configuration.client_certificate!r}, or {hint} is wrong ({error.reason or error})"
        ) from error
    except OSError as error:
        raise CredentialError(f"{where}: client_key {key!r}: {error.strerror}") from error
    return Seat(configuration, context, fingerprint, password)


def _secret(where: str, setting: str, variable: str | None, file: str | None) -> str:
    """A configured secret, which both KMIP and OpenSSL take as UTF-8."""
    secret = configured_secret(where, setting, variable, file)
    try:
        secret.encode()
    except UnicodeEncodeError as error:
        named = f"{setting}_file {file!r}" if file else f"{setting}_env {variable}"
        raise CredentialError(f"{where}: {named} is no text in UTF-8") from error
    return secret


def _fingerprint(where: str, file: str) -> str:
    try:
        found = _CERTIFICATE.search(Path(file).read_text(encoding="utf-8", errors="replace"))
        certificate = ssl.PEM_cert_to_DER_cert(found[0]) if found else b""
    except OSError as error:
        raise CredentialError(f"{where}: client_certificate {file!r}: {error.strerror}") from error
    except ValueError:
        certificate = b""
    if not certificate:
        raise CredentialError(f"{where}: client_certificate {file!r}: it holds no certificate in PEM")
    return hashlib.sha256(certificate).hexdigest()
