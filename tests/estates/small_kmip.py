"""A small KMIP server with a few telling keys, certificates and secrets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from kmip.core import enums, objects
from kmip.pie import objects as pie
from kmip_server import Engine, Fault, KmipServer, Told, seconds, serving
from kmip_wire import Item, boolean, enumeration, integer, interval, link, long, octets, structure, text

NOW = datetime(2026, 6, 30, tzinfo=UTC)

AES, TRIPLE_DES = enums.CryptographicAlgorithm.AES, enums.CryptographicAlgorithm.TRIPLE_DES
HMAC, RSA = enums.CryptographicAlgorithm.HMAC_SHA256, enums.CryptographicAlgorithm.RSA
_MASK = enums.CryptographicUsageMask
ENCRYPTS = [_MASK.ENCRYPT, _MASK.DECRYPT]
WRAPS = [_MASK.WRAP_KEY, _MASK.UNWRAP_KEY]
OWNER = {"x-owner": "payments", "x-purpose": "cards", "x-environment": "production"}

SENSITIVE = [boolean(0x420120, True), boolean(0x420121, True), boolean(0x420122, False), boolean(0x420123, True)]
"""Sensitive, always so, not extractable, and never."""
IN_CLEAR = [boolean(0x420120, False), boolean(0x420121, False), boolean(0x420122, True), boolean(0x420123, False)]
HARDWARE, SOFTWARE = integer(0x42015E, 2), integer(0x42015E, 1)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def told(
    state: enums.State | None,
    made: float,
    *items: Item,
    changed: float | None = None,
    own: dict[str, str] | None = None,
    **dates: datetime,
) -> Told:
    """An object that was made, and if it is active activated, so many days ago. Names of dates have `_` for a blank."""
    moments = {"Last Change Date": ago(made if changed is None else changed)}
    if state not in (None, enums.State.PRE_ACTIVE):
        moments["Activation Date"] = ago(made)
    moments |= {name.replace("_", " ").title(): moment for name, moment in dates.items()}
    return Told(dates=seconds(moments), items=list(items), own=OWNER if own is None else own, state=state)


def symmetric(
    name: str, made: float, algorithm: Any = AES, bits: int = 256, masks: Sequence[Any] = (), value: bytes = b""
) -> Any:
    material = value or bytes(bits // 8)
    key = pie.SymmetricKey(algorithm, bits, material, masks=list(masks or ENCRYPTS), name=name)
    key.initial_date = int(ago(made).timestamp())
    return key


@cache
def _pair() -> tuple[bytes, bytes, bytes]:
    """An RSA key, its public half, and a certificate of it, in DER."""
    private = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kmip.example.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(7)
        .not_valid_before(ago(30))
        .not_valid_after(ago(-335))
        .sign(private, hashes.SHA256())
    )
    return (
        private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1),
        certificate.public_bytes(Encoding.DER),
    )


def fill(engine: Engine) -> None:
    """Put in the estate; always the same."""
    state = enums.State
    limits = structure(0x420095, long(0x420097, 1000), long(0x420096, 400), enumeration(0x420098, 2))
    engine.add(
        symmetric("payments-data", 100),
        told(
            state.ACTIVE,
            100,
            *SENSITIVE,
            HARDWARE,
            limits,
            interval(0x420049, 3600),
            enumeration(0x42013A, 6),
            deactivation_date=ago(-265),
        ),
    )
    _add_chain(engine)
    engine.add(symmetric("cards-legacy", 900, TRIPLE_DES, 168), told(state.ACTIVE, 900, *IN_CLEAR, SOFTWARE, own={}))
    engine.add(symmetric("next-year", 5, masks=WRAPS), told(state.PRE_ACTIVE, 5, *SENSITIVE, HARDWARE))
    engine.add(
        symmetric("leaked", 500, masks=WRAPS),
        told(state.COMPROMISED, 500, *IN_CLEAR, compromise_date=ago(20), compromise_occurrence_date=ago(25)),
    )
    engine.add(symmetric("gone", 800), told(state.DESTROYED, 800, *SENSITIVE, destroy_date=ago(10)))
    engine.add(
        symmetric("tokens", 200, HMAC, 256, [_MASK.MAC_GENERATE, _MASK.MAC_VERIFY]),
        told(state.ACTIVE, 200, *SENSITIVE, HARDWARE, boolean(0x42016B, True), interval(0x42016A, 90 * 86400), own={}),
    )
    engine.add(symmetric("everything", 50, masks=[*ENCRYPTS, *WRAPS, _MASK.SIGN]), told(state.ACTIVE, 50, SOFTWARE))
    _add_pair(engine)
    _add_secrets(engine)
    engine.page_size = 5
    engine.validations = [validation(enums.ValidationType.HARDWARE, 140, 3)]
    engine.profiles = [objects.ProfileInformation(enums.ProfileName.BASELINE_SERVER_BASIC_KMIPv14)]


def validation(kind: Any, major: int, minor: int) -> Any:
    return objects.ValidationInformation(
        validation_authority_type=enums.ValidationAuthorityType.NIST_CMVP,
        validation_authority_country="US",
        validation_authority_uri="https://csrc.nist.gov",
        validation_version_major=major,
        validation_version_minor=minor,
        validation_type=kind,
        validation_level=3,
        validation_certificate_identifier="4321",
        validation_certificate_uri="https://example.com/4321",
        validation_vendor_uri="https://example.com",
        validation_profiles=["HSM"],
    )


def _add_chain(engine: Engine) -> None:
    """A key that was replaced twice."""
    first = str(_next(engine))
    second, third = (str(int(first) + step) for step in (1, 2))
    deactivated, active = enums.State.DEACTIVATED, enums.State.ACTIVE
    engine.add(
        symmetric("orders-2", 760),
        told(deactivated, 760, *SENSITIVE, HARDWARE, link("replacement", second), deactivation_date=ago(400)),
    )
    engine.add(
        symmetric("orders-1", 400),
        told(
            deactivated,
            400,
            *SENSITIVE,
            HARDWARE,
            link("replaced", first),
            link("replacement", third),
            deactivation_date=ago(40),
        ),
    )
    engine.add(symmetric("orders", 40), told(active, 40, *SENSITIVE, HARDWARE, link("replaced", second)))


def _next(engine: Engine) -> int:
    return max((int(name) for name in engine.told), default=0) + 1


def _add_pair(engine: Engine) -> None:
    private, public, certificate = _pair()
    first = _next(engine)
    names = [str(first + step) for step in range(3)]
    masks = {"private": [_MASK.SIGN], "public": [_MASK.VERIFY]}
    of_private = pie.PrivateKey(RSA, 2048, private, enums.KeyFormatType.PKCS_8, masks=masks["private"], name="signing")
    of_public = pie.PublicKey(RSA, 2048, public, enums.KeyFormatType.PKCS_1, masks=masks["public"], name="signing.pub")
    of_certificate = pie.X509Certificate(certificate, masks=masks["public"], name="signing.crt")
    links = [
        [link("public", names[1]), link("certificate", names[2])],
        [link("private", names[0]), link("certificate", names[2])],
        [link("public", names[1]), link("private", names[0])],
    ]
    extras: list[list[Item]] = [
        [*SENSITIVE, HARDWARE],
        [],
        [text(0x420108, "kmip.example.com"), text(0x420114, "kmip.example.com"), octets(0x4200AF, b"\x07")],
    ]
    for managed, of, extra in zip((of_private, of_public, of_certificate), links, extras, strict=True):
        managed.initial_date = int(ago(30).timestamp())
        what = told(enums.State.ACTIVE, 30, *of, *extra, deactivation_date=ago(-335))
        if managed is of_certificate:
            subject = x509.load_der_x509_certificate(certificate).subject.public_bytes()
            what.only_before_2 = [
                structure(0x4200B7, octets(0x4200B4, subject)),
                structure(0x4200B6, octets(0x4200B2, subject)),
            ]
        engine.add(managed, what)


def _add_secrets(engine: Engine) -> None:
    for name, made, kind in (("db-password", 20, "PASSWORD"), ("old-seed", 700, "SEED")):
        secret = pie.SecretData(b"correct horse", enums.SecretDataType[kind], name=name)
        secret.initial_date = int(ago(made).timestamp())
        engine.add(secret, told(enums.State.ACTIVE, made, deactivation_date=ago(made - 90)))
    opaque = pie.OpaqueObject(b"whatever this is", enums.OpaqueDataType.NONE, name="blob")
    opaque.initial_date = int(ago(10).timestamp())
    engine.add(opaque, told(None, 10, own={}))


def served(faults: Sequence[Fault] = ()) -> AbstractContextManager[KmipServer]:
    """Serves the estate."""
    return serving(fill, faults)
