"""What the data plane answers about certificates."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID

from keyproof.demo.azure.shapes import model, page_of
from keyproof.demo.azure.wire import AzureError, Request
from keyproof.demo.azure.world import (
    Certificate,
    Operation,
    Store,
    World,
    attributes,
    deletion,
    newest,
    newest_first,
    number_of,
    recovery,
)
from keyproof.demo.names import stable_bytes


def _url(world: World, store: Store, of: Certificate, number: int | None, kind: str = "certificates") -> str:
    url = f"{world.public_name(store)}/{kind}/{of.name}"
    return url if number is None else f"{url}/{store.version_id(of.name, number)}"


def _content(world: World, store: Store, of: Certificate, number: int) -> bytes:
    """A certificate of its issuer, or of its own. An RSA key is a public half alone, which takes no time to make."""
    url = _url(world, store, of, number)
    version = of.versions[number]
    ordered = of.issuer not in ("Self", "Unknown")
    subject = _named(of.subject.removeprefix("CN=") or of.name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if of.issuer == "Self" else _named("Example TLS authority"))
        .public_key(_public_key(of, url))
        .serial_number(int.from_bytes(stable_bytes(8, url, "serial")) | 1)
        .not_valid_before(_VALID[0])
        .not_valid_after(_VALID[1])
    )
    if ordered:
        made = made.add_extension(x509.UnrecognizedExtension(_TIMESTAMPS, _timestamps(version.at, url)), critical=False)
    signed = made.sign(Ed25519PrivateKey.from_private_bytes(stable_bytes(32, of.issuer)), None)
    return signed.public_bytes(Encoding.DER)


_VALID = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC))
"""The dates that count are those of the version's attributes, whatever they are."""
_CURVES: Mapping[str, Callable[[], ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
    "P-256K": ec.SECP256K1,
}
_TIMESTAMPS = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS


def _shortened(name: str) -> str:
    """What a common name can hold: 64 bytes, and no half of a pair of surrogates."""
    return name.encode(errors="replace")[:64].decode(errors="ignore")


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _shortened(name))])


def _public_key(of: Certificate, url: str) -> RSAPublicKey | ec.EllipticCurvePublicKey:
    if of.curve:
        curve = _CURVES[of.curve]()
        return ec.derive_private_key(int.from_bytes(stable_bytes(16, url)) | 1, curve).public_key()
    modulus = int.from_bytes(stable_bytes(of.size // 8, url)) | 1 << (of.size - 1) | 1
    return RSAPublicNumbers(65537, modulus).public_key()


def _timestamps(at: datetime, url: str) -> bytes:
    """What one log of Certificate Transparency signed, as RFC 6962 section 3.3 has it in a certificate."""
    signature = stable_bytes(64, url, "log")
    one = b"\x00" + stable_bytes(32, "log") + int(at.timestamp() * 1000).to_bytes(8) + b"\x00\x00"
    one += b"\x04\x03" + len(signature).to_bytes(2) + signature
    entries = len(one).to_bytes(2) + one
    content = len(entries).to_bytes(2) + entries
    return b"\x04" + len(content).to_bytes(1) + content


def _item(world: World, store: Store, of: Certificate, number: int, *, versioned: bool) -> dict[str, Any]:
    digest = hashlib.sha1(_content(world, store, of, number), usedforsecurity=False).digest()
    members = {
        "id": _url(world, store, of, number if versioned else None),
        "attributes": {**attributes(of.versions[number]), **recovery(store)},
        "tags": dict(of.tags) or None,
        "x5t": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
    }
    return {name: value for name, value in members.items() if value is not None}


def get_certificates(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    found = [one for _, one in sorted(store.certificates.items()) if one.deleted_at is None]
    return world.data_listing(
        request, found, lambda one: _item(world, store, one, newest(one.versions), versioned=False)
    )


def get_certificate_versions(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    of = _certificate(store, request)
    return world.data_listing(request, newest_first(of.versions), partial(_item, world, store, of, versioned=True))


def get_certificate(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    of = _certificate(store, request)
    number = _number(store, of, request)
    return {
        **_item(world, store, of, number, versioned=True),
        "kid": _url(world, store, of, number, "keys"),
        "sid": _url(world, store, of, number, "secrets"),
        "cer": base64.b64encode(_content(world, store, of, number)).decode(),
        "policy": _policy(world, store, of),
    }


def get_certificate_policy(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    return _policy(world, store, _certificate(store, request))


def _policy(world: World, store: Store, of: Certificate) -> dict[str, Any]:
    first = of.versions[0]
    key = {"exportable": of.exportable, "kty": of.kty, "reuse_key": of.reuse_key}
    return {
        "id": f"{_url(world, store, of, None)}/policy",
        "key_props": {**key, **({"crv": of.curve} if of.curve else {"key_size": of.size})},
        "secret_props": {"contentType": of.content_type},
        "x509_props": {
            "subject": of.subject,
            "sans": {"dns_names": list(of.dns_names)},
            "ekus": ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
            "key_usage": ["digitalSignature", "keyEncipherment"],
            "validity_months": of.validity_months,
        },
        "lifetime_actions": [_lifetime_action(of)],
        "issuer": {"name": of.issuer},
        "attributes": {"enabled": True, "created": int(first.at.timestamp()), "updated": int(first.at.timestamp())},
    }


def _lifetime_action(of: Certificate) -> dict[str, Any]:
    action = "EmailContacts" if of.renew_at_percentage is None and of.days_before_expiry is None else "AutoRenew"
    if of.days_before_expiry is not None:
        return {"trigger": {"days_before_expiry": of.days_before_expiry}, "action": {"action_type": action}}
    percentage = of.renew_at_percentage or 80
    return {"trigger": {"lifetime_percentage": percentage}, "action": {"action_type": action}}


def get_deleted_certificates(world: World, request: Request) -> Mapping[str, Any]:
    store = world.asked(request)
    found = [one for _, one in sorted(store.certificates.items()) if one.deleted_at is not None]
    return world.data_listing(request, found, lambda one: _deleted(world, store, one))


def _deleted(world: World, store: Store, of: Certificate) -> dict[str, Any]:
    item = _item(world, store, of, newest(of.versions), versioned=False)
    if of.deleted_at is None:
        return item
    return {**item, **deletion(store, of.deleted_at, _url(world, store, of, None, "deletedcertificates"))}


def get_certificate_issuers(world: World, request: Request) -> Mapping[str, Any]:
    """The issuers that certificates name, but for the two words that stand for no issuer."""
    store = world.asked(request)
    names = sorted({one.issuer for one in store.certificates.values()} - {"Self", "Unknown"})
    place = f"{world.public_name(store)}/certificates/issuers"
    return world.data_listing(request, names, lambda name: {"id": f"{place}/{name}", "provider": name})


def _certificate(store: Store, request: Request) -> Certificate:
    found = store.certificates.get(request.parameters["certificate"])
    if found is None or found.deleted_at is not None:
        raise _not_found(request)
    return found


def _number(store: Store, of: Certificate, request: Request) -> int:
    number = number_of(store, of.name, of.versions, request.parameters.get("version"))
    if number is None:
        raise _not_found(request)
    return number


def _not_found(request: Request) -> AzureError:
    text = f"A certificate with (name/id) {request.parameters['certificate']} was not found in this key vault."
    return AzureError(404, "CertificateNotFound", text)


_READ = "Microsoft.KeyVault/vaults/certificates/read"
_ITEMS = page_of(model("certificates:CertificateItem"))
OPERATIONS = {
    "certificates:GetCertificates": Operation(get_certificates, _ITEMS, _READ),
    "certificates:GetCertificateVersions": Operation(get_certificate_versions, _ITEMS, _READ),
    "certificates:GetCertificate": Operation(get_certificate, model("certificates:CertificateBundle"), _READ),
    "certificates:GetCertificatePolicy": Operation(
        get_certificate_policy, model("certificates:CertificatePolicy"), _READ
    ),
    "certificates:GetDeletedCertificates": Operation(
        get_deleted_certificates, page_of(model("certificates:DeletedCertificateItem")), _READ
    ),
    "certificates:GetCertificateIssuers": Operation(
        get_certificate_issuers,
        page_of(model("certificates:CertificateIssuerItem")),
        "Microsoft.KeyVault/vaults/certificatecas/read",
    ),
}
