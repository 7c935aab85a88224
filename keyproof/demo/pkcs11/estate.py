"""Northwind Payments' hardware security module: the keys of its card vault, mostly in order and in places not.

Each key is there for something that a report should show: it says so beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from keyproof.demo.names import days, stable_bytes
from keyproof.demo.pkcs11.softhsm import Planted, Token, created, key, pair

ESTATE_NOW = datetime(2026, 6, 30, tzinfo=UTC)
"""When the demo's estate is looked at."""

LABEL = "northwind-cards"
PIN, SO_PIN = "northwind-4711", "northwind-so-4711"

_KEPT = {"SENSITIVE": True, "EXTRACTABLE": False}
_PURPOSES = ("ENCRYPT", "DECRYPT", "WRAP", "UNWRAP", "SIGN", "VERIFY", "DERIVE")


def _for(*purposes: str) -> Mapping[str, bool]:
    """Usage flags of a secret key."""
    return {name: name in purposes for name in _PURPOSES}


def _named(number: int, label: str) -> Mapping[str, Any]:
    return {"LABEL": label, "ID": {"hex": f"{number:04x}"}}


def _value(length: int, name: str) -> Mapping[str, str]:
    return {"hex": stable_bytes(length, "pkcs11", name).hex()}


_SOUND_SIGNATURES = {"hex": b"".join(number.to_bytes(8, sys.byteorder) for number in (0x40, 0x41, 0x43)).hex()}
"""CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS and CKM_SHA256_RSA_PKCS_PSS: without a limit the token offers SHA-1 too."""


def _signing(**private: Any) -> Mapping[str, Any]:
    """Usage flags of the halves of a pair that signs."""
    return {
        "public": {"VERIFY": True, "VERIFY_RECOVER": False, "ENCRYPT": False, "WRAP": False, "DERIVE": False},
        "private": {
            **_KEPT,
            "SIGN": True,
            "SIGN_RECOVER": False,
            "DECRYPT": False,
            "UNWRAP": False,
            "DERIVE": False,
            **private,
        },
    }


def _imported(number: int, label: str, key_type: str, length: int, **template: Any) -> Planted:
    identity = _named(number, label)
    return created(CLASS="SECRET_KEY", KEY_TYPE=key_type, VALUE=_value(length, label), **identity, **template)


def estate(now: datetime = ESTATE_NOW) -> Token:
    """The token as it is at `now`."""
    start, end = now - days(90), now + days(275)
    return Token(
        LABEL,
        PIN,
        SO_PIN,
        (
            # In order: made in the module, for one purpose, and never to leave it.
            key("AES", 256, **_named(1, "card-vault-data"), **_KEPT, **_for("ENCRYPT", "DECRYPT")),
            key("AES", 256, **_named(2, "card-vault-kek"), **_KEPT, **_for("WRAP", "UNWRAP")),
            pair("EC", curve="secp384r1", both=_named(3, "card-issuing"), **_signing()),
            pair("RSA", 3072, both=_named(4, "settlement-signing"), **_signing(ALLOWED_MECHANISMS=_SOUND_SIGNATURES)),
            # A certificate, with the key that it is for.
            created(CLASS="CERTIFICATE", **_certificate(now), **_named(3, "card-issuing")),
            # Brought in from an acquirer, for which nobody can say where else it is.
            _imported(5, "acquirer-zone-master", "AES", 32, **_KEPT, **_for("WRAP", "UNWRAP")),
            # Two-key Triple DES, of which one reading shows its age: withdrawn, and imported besides.
            _imported(6, "terminal-master", "DES2", 16, **_KEPT, **_for("ENCRYPT", "DECRYPT")),
            # For everything at once, and wrapped by whoever brings a key to wrap with.
            key("AES", 256, **_named(7, "backup"), SENSITIVE=True, EXTRACTABLE=True, **_for(*_PURPOSES[:6])),
            # Its value can simply be read.
            _imported(8, "loyalty-test", "AES", 16, SENSITIVE=False, EXTRACTABLE=True, **_for("ENCRYPT", "DECRYPT")),
            # Too short for any signature that is made today.
            pair("RSA", 1024, both=_named(9, "terminal-signing"), **_signing()),
            # Used by whoever reaches the token, without login.
            _imported(10, "statement-mac", "SHA256_HMAC", 32, **_KEPT, PRIVATE=False, **_for("SIGN", "VERIFY")),
            # Has dates, which this module fails to tell of private keys: two gaps, and the rest is known.
            key("AES", 256, **_named(11, "disputes"), **_dates(start, end), **_KEPT, **_for("ENCRYPT", "DECRYPT")),
        ),
    )


def _dates(start: datetime, end: datetime) -> Mapping[str, Any]:
    return {"START_DATE": {"date": start.date().isoformat()}, "END_DATE": {"date": end.date().isoformat()}}


def _certificate(now: datetime) -> Mapping[str, Any]:
    """The attributes of a certificate of the company's own authority, which ends in a month."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    scalar = int.from_bytes(stable_bytes(40, "pkcs11", "card-issuing"))
    private = ec.derive_private_key(scalar, ec.SECP384R1())
    company = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Northwind Payments")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([company, x509.NameAttribute(NameOID.COMMON_NAME, "Card issuing")]))
        .issuer_name(x509.Name([company, x509.NameAttribute(NameOID.COMMON_NAME, "Northwind root 2")]))
        .public_key(private.public_key())
        .serial_number(7)
        .not_valid_before(now - days(335))
        .not_valid_after(now + days(30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA384(), ecdsa_deterministic=True)
    )
    return {
        "CERTIFICATE_TYPE": {"hex": "00" * 8},
        "SUBJECT": {"hex": certificate.subject.public_bytes().hex()},
        "VALUE": {"hex": certificate.public_bytes(serialization.Encoding.DER).hex()},
    }
