"""Certificates and a public key for tokens, the same each time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_SCALAR = 0x1D5D2B6F0A4C93E87166F90B2C4D8E1A7B3F5C6092E4D8A1B7C3F5E60912D4A7
_MODULUS_LENGTH = 2048


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(_SCALAR, ec.SECP256R1())


@cache
def certificate(name: str) -> Mapping[str, Any]:
    """The attributes of an X.509 certificate on a token; its validity ends in 2027."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example root")]))
        .public_key(_key().public_key())
        .serial_number(4711)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(_key(), hashes.SHA256(), ecdsa_deterministic=True)
    )
    return {
        "CERTIFICATE_TYPE": {"hex": "00" * 8},
        "SUBJECT": {"hex": made.subject.public_bytes().hex()},
        "VALUE": {"hex": made.public_bytes(serialization.Encoding.DER).hex()},
    }


@cache
def public_rsa_template() -> Mapping[str, Any]:
    """The attributes of a public key whose private key is elsewhere."""
    numbers = rsa.generate_private_key(65537, _MODULUS_LENGTH).public_key().public_numbers()
    return {
        "KEY_TYPE": "RSA",
        "MODULUS": {"hex": numbers.n.to_bytes(_MODULUS_LENGTH // 8).hex()},
        "PUBLIC_EXPONENT": {"hex": "010001"},
        "VERIFY": True,
        "ENCRYPT": False,
        "WRAP": False,
    }
