"""One certificate: from what the server tells of it, without the certificate itself, to its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collectors.kmip.answers import Attributes
from collectors.kmip.distinguished_names import distinguished_name
from collectors.kmip.facts.key import extraction
from collectors.kmip.facts.managed_object import Chain, ManagedObject, algorithm_of, names_of, owned, state_of
from collectors.kmip.facts.scope import Setting
from collectors.kmip.key_specs import family
from evidence.model import Certificate, Manager, Row
from evidence.reading import Reading


@dataclass(frozen=True, slots=True)
class KeysOfCertificates:
    """Where the keys of certificates are found."""

    objects: Mapping[str, ManagedObject]
    rows: Mapping[str, ManagedObject]
    """Object of a key → the one that its row is made from."""

    def of(self, certificate: ManagedObject) -> tuple[list[ManagedObject], list[Reading]]:
        """The objects of its key, and the readings of those that could not be read."""
        named = [*certificate.linked("Private Key Link"), *certificate.linked("Public Key Link")]
        listed = [self.objects[name] for name in named if name in self.objects]
        found = [self.rows[one.identifier] for one in listed if one.identifier in self.rows]
        return found, [one.reading for one in listed if one.attributes is None]


def certificate_rows(setting: Setting, chain: Chain, keys: KeysOfCertificates) -> Iterator[Row]:
    """The row of one certificate and its gaps."""
    current = chain.current
    attributes = current.attributes
    assert attributes is not None  # noqa: S101 - members of a chain were read
    found, unread = keys.of(current)
    oldest = chain.members[0].attributes
    row = Certificate(
        **setting.bookkeeping(setting.object_id(current.identifier), chain.evidence),
        name=next(iter(names_of(attributes)), current.identifier),
        account=setting.header.account,
        region=setting.header.region,
        key_store=setting.store,
        key=setting.object_id(found[0].identifier) if found else None if unread else "",
        manager=Manager.CUSTOMER,
        state=state_of(attributes),
        subject=_name(attributes, "subject"),
        issuer=_name(attributes, "issuer"),
        created_at=oldest.initial_date if oldest is not None and chain.whole else None,
        activated_at=attributes.activation_date,
        expires_at=attributes.deactivation_date,
        exportable=_exportable(found),
        versions=len(chain.members) if chain.whole else None,
        **_algorithm(attributes),
        **owned(setting, attributes),
    )
    yield from setting.explained(row, [*chain.readings, *unread])


def _name(attributes: Attributes, of: str) -> str | None:
    """Its subject or issuer, which KMIP 1.x tells as a distinguished name in DER, and 2.x part by part."""
    if of == "subject":
        encoded = attributes.x509_subject.subject_distinguished_name if attributes.x509_subject else None
        told = attributes.distinguished("subject")
    else:
        encoded = attributes.x509_issuer.issuer_distinguished_name if attributes.x509_issuer else None
        told = attributes.distinguished("issuer")
    return told or (distinguished_name(encoded) if encoded else None)


def _exportable(found: list[ManagedObject]) -> bool | None:
    for one in found:
        if one.attributes is not None and one.type == "Private Key":
            told: bool | None = extraction(one.attributes)["extractable"]
            return told
    return None


def _algorithm(attributes: Attributes) -> dict[str, Any]:
    kind = algorithm_of(attributes)
    if kind is not None:
        return {"algorithm": kind.algorithm, "bits": kind.bits, "security_bits": kind.security_bits}
    name = attributes.cryptographic_algorithm
    return {"algorithm": family(name), "bits": attributes.cryptographic_length} if name else {}
