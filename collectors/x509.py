"""What an X.509 certificate, or a request for one, says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from collectors.algorithms import CURVES, KeyAlgorithm, finite_field, rsa
from evidence.model import NEVER

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateSigningRequest

_CURVES = {f"secp{bits}r1": f"P-{bits}" for bits in (192, 224, 256, 384, 521)}
"""Elliptic curves by the names of SEC 2, where they are listed by those of NIST."""


@dataclass(frozen=True, slots=True)
class X509Facts:
    """The columns that a certificate fills by itself."""

    subject: str
    """As RFC 4514 writes it."""
    issuer: str
    """Empty for a request, which nobody has issued yet."""
    fingerprint: str
    """SHA-1 over its DER, in hexadecimal; empty for a request."""
    algorithm: str | None
    """Family of its key; None for a kind of key that is not known here. So are the next two."""
    bits: int | None
    security_bits: int | None
    activated_at: datetime
    """From when on it is valid; NEVER for a request."""
    expires_at: datetime
    authority: bool | None
    """Its basic constraints say that it is an authority's; None where its extensions cannot be read."""


def read_certificate(encoded: str | bytes) -> X509Facts:
    """The first certificate of a PEM text, or the one of DER bytes. Raises ValueError where there is none that can be
    read."""
    with _refused():
        return _of_certificate(_certificate(encoded))


def read_request(pem: str) -> X509Facts:
    """A certificate signing request (PKCS #10) in PEM. Raises ValueError where it cannot be read."""
    from cryptography.x509 import load_pem_x509_csr

    with _refused():
        return _of_request(load_pem_x509_csr(pem.encode()))


def key_of_certificate(encoded: str | bytes) -> KeyAlgorithm | None:
    """The kind of the public key of a certificate; None for one that is not known. Raises ValueError as above."""
    with _refused():
        return _key(_certificate(encoded))


def serial_of_certificate(encoded: str | bytes) -> int:
    """The serial number of a certificate. Raises ValueError as above."""
    with _refused():
        return _certificate(encoded).serial_number


def logged_publicly(encoded: str | bytes) -> bool:
    """It carries what a log of Certificate Transparency signed for it (RFC 6962 section 3.3).

    Raises ValueError as above.
    """
    from cryptography.x509 import DuplicateExtension, ExtensionNotFound, UnsupportedGeneralNameType
    from cryptography.x509 import PrecertificateSignedCertificateTimestamps as Timestamps

    with _refused():
        try:
            found = _certificate(encoded).extensions.get_extension_for_class(Timestamps)
        except ExtensionNotFound:
            return False
        except (DuplicateExtension, UnsupportedGeneralNameType) as error:
            raise ValueError(str(error)) from error
    return len(list(found.value)) > 0


def key_of_openssh(text: str) -> KeyAlgorithm | None:
    """The kind of a public key as OpenSSH writes it, in one line; None for one that is not known.

    Raises ValueError where the text is none.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        return _kind(load_ssh_public_key(text.encode()))
    except UnsupportedAlgorithm:
        return None


@contextmanager
def _refused() -> Iterator[None]:
    """Whatever its parser calls what it cannot read, such as a name of a type that names cannot have, is a
    ValueError."""
    from cryptography.x509 import InvalidVersion

    try:
        yield
    except (InvalidVersion, TypeError) as error:
        raise ValueError(str(error)) from error


def _certificate(encoded: str | bytes) -> Certificate:
    from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

    if isinstance(encoded, bytes):
        return load_der_x509_certificate(encoded)
    return load_pem_x509_certificate(encoded.encode())


def _of_certificate(certificate: Certificate) -> X509Facts:
    from cryptography.hazmat.primitives.hashes import SHA1

    key = _key(certificate)
    return X509Facts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        fingerprint=certificate.fingerprint(SHA1()).hex(),  # noqa: S303 - the name by which certificates are cited
        algorithm=key.algorithm if key else None,
        bits=key.bits if key else None,
        security_bits=key.security_bits if key else None,
        activated_at=certificate.not_valid_before_utc,
        expires_at=min(certificate.not_valid_after_utc, NEVER),
        authority=_authority(certificate),
    )


def _authority(certificate: Certificate) -> bool | None:
    """Whether it may issue certificates. Source: RFC 5280, section 4.2.1.9: without basic constraints it may not."""
    from cryptography.x509 import BasicConstraints, DuplicateExtension, ExtensionNotFound, UnsupportedGeneralNameType

    try:
        return certificate.extensions.get_extension_for_class(BasicConstraints).value.ca
    except ExtensionNotFound:
        return False
    except (ValueError, TypeError, DuplicateExtension, UnsupportedGeneralNameType):
        return None


def _of_request(request: CertificateSigningRequest) -> X509Facts:
    key = _key(request)
    return X509Facts(
        subject=request.subject.rfc4514_string(),
        issuer="",
        fingerprint="",
        algorithm=key.algorithm if key else None,
        bits=key.bits if key else None,
        security_bits=key.security_bits if key else None,
        activated_at=NEVER,
        expires_at=NEVER,
        authority=False,
    )


def _key(document: Certificate | CertificateSigningRequest) -> KeyAlgorithm | None:
    """The kind of its public key; None for one that is not known here."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return _kind(document.public_key())
    except UnsupportedAlgorithm:
        return None


def _kind(key: object) -> KeyAlgorithm | None:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if isinstance(key, RSAPublicKey):
        return rsa(key.key_size)
    if isinstance(key, dsa.DSAPublicKey):
        return finite_field("DSA", key.key_size)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return CURVES["edwards25519"]
    if isinstance(key, ed448.Ed448PublicKey):
        return CURVES["edwards448"]
    if isinstance(key, ec.EllipticCurvePublicKey):
        return CURVES.get(_CURVES.get(key.curve.name, key.curve.name))
    return None
