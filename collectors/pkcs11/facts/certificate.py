"""One certificate of a token: from its attributes and its own bytes to its row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from collectors.algorithms import CURVES, KeyAlgorithm, rsa
from collectors.pkcs11.facts.attributes import READ, Object, first_failure, note_failures, read_objects
from collectors.pkcs11.facts.scope import Setting
from collectors.pkcs11.facts.token import Token
from collectors.pkcs11.objects import Found, Thing
from evidence.model import Certificate, GapKind, Manager, Row, State
from evidence.reading import Failure, Reading

VALUE = "CKA_VALUE"

_CURVES: Mapping[str, str] = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
"""What X.509's library calls the curves of NIST."""

_OF_VALUE = ("subject", "issuer", "fingerprint", "algorithm", "bits", "security_bits", "activated_at", "expires_at")
"""Columns that the certificate itself tells."""

Exportable = Mapping[str, tuple[bool | None, tuple[str, Failure] | None]]
"""URI of a key → whether it can be extracted, and why that is not known."""


def certificate_rows(setting: Setting, token: Token, thing: Thing, reading: Reading, keys: Exportable) -> Iterator[Row]:
    """The row of one certificate and its gaps."""
    objects = read_objects(reading, thing)
    label = thing.objects[0].label.decode("utf-8", "replace")
    key = _key(token, thing.objects[0])
    row = Certificate(
        **setting.bookkeeping(thing.uri, [*reading.evidence, thing.objects[0].observation]),
        name=label or thing.objects[0].id.hex() or "without a label",
        account=setting.header.account,
        region="",
        key_store=token.uri,
        key=key,
        manager=Manager.CUSTOMER,
        renewal_enabled=False,
        renewal_days=0,
        versions=1,
    )
    reasons: dict[str, tuple[str, Failure]] = {}
    if objects:
        row.state = State.ACTIVE
        facts, failure = _by_value(objects[0])
        for name, value in facts.items():
            setattr(row, name, value)
        if failure:
            reading.failures.setdefault(READ, failure)
            reasons |= dict.fromkeys(_OF_VALUE, (READ, failure))
    if key is None:
        reasons |= dict.fromkeys(("key", "exportable"), _why_no_key(token))
    else:
        row.exportable, why = keys.get(key, (None, None)) if key else (False, None)
        if why:
            reasons["exportable"] = why
    yield from setting.told(row, [reading, token.reading], reasons)
    note_failures(reading, objects)


def _key(token: Token, found: Found) -> str | None:
    """The key with the same CKA_ID, "" where none is on the token; None where that cannot be told."""
    with_id = [thing.uri for thing in token.contents.by_id.get(found.id, ()) if thing.object_class == "CKO_PRIVATE_KEY"]
    if not found.id or not with_id:
        return "" if token.unseen is None else None
    return with_id[0] if len(with_id) == 1 else None


def _why_no_key(token: Token) -> tuple[str, Failure]:
    several = Failure(GapKind.NOT_OFFERED, "several keys have the CKA_ID of the certificate", "")
    return token.unseen or ("", several)


def _by_value(one: Object) -> tuple[dict[str, Any], Failure | None]:
    """What the certificate states, or why it does not."""
    value = one.text(VALUE)
    if value is None:
        return {}, first_failure([one], [VALUE])
    try:
        return _stated(bytes.fromhex(value)), None
    except ValueError as error:
        return {}, Failure(GapKind.FAILED, f"{VALUE} is no X.509 certificate: {error}", one.observation.id)


def _stated(der: bytes) -> dict[str, Any]:
    """The columns that the bytes of a certificate fill. Raises ValueError where they are none."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        certificate = x509.load_der_x509_certificate(der)
        spec = _spec(certificate.public_key())
        return {
            "subject": certificate.subject.rfc4514_string(),
            "issuer": certificate.issuer.rfc4514_string(),
            "fingerprint": hashlib.sha1(der, usedforsecurity=False).hexdigest(),
            "activated_at": certificate.not_valid_before_utc,
            "expires_at": certificate.not_valid_after_utc,
            "algorithm": spec.algorithm,
            "bits": spec.bits,
            "security_bits": spec.security_bits,
        }
    except (UnsupportedAlgorithm, x509.InvalidVersion, TypeError) as error:
        raise ValueError(str(error)) from error


def _spec(key: Any) -> KeyAlgorithm:
    """What the key of a certificate is. Raises ValueError for a kind that is not known here."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if isinstance(key, RSAPublicKey):
        return rsa(key.key_size)
    if isinstance(key, dsa.DSAPublicKey):
        return KeyAlgorithm("DSA", "", key.key_size, rsa(key.key_size).security_bits, 0)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return CURVES["edwards25519"]
    if isinstance(key, ed448.Ed448PublicKey):
        return KeyAlgorithm("EC", "edwards448", 448, 224, 0)
    if isinstance(key, ec.EllipticCurvePublicKey):
        known = CURVES.get(_CURVES.get(key.curve.name, key.curve.name))
        return known or KeyAlgorithm("EC", key.curve.name, key.key_size, key.key_size // 2, 0)
    raise ValueError(f"its key is {type(key).__name__}, which is not known here")
