"""One certificate: from what the server tells of it, without the certificate itself, to its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

    rows: Mapping[str, ManagedObject]
    """Object of a key → the one that its row is made from."""
    open: Mapping[str, Sequence[Reading]]
    """Object of which it is not known what row it belongs to, if any → the readings that say why."""
    elsewhere: Sequence[Reading]
    """Those that say why it is not known what else the server has; empty where all is known."""

    def of(self, certificate: ManagedObject) -> tuple[ManagedObject | None, Sequence[Reading]]:
        """The object that the row of its key is made from, if there is one; and why that is not known, if it is not."""
        for name in (*certificate.linked("Private Key Link"), *certificate.linked("Public Key Link")):
            if name in self.rows:
                return self.rows[name], ()
            if why := self.open.get(name, self.elsewhere):
                return None, why
        return None, ()


def certificate_rows(setting: Setting, chain: Chain, keys: KeysOfCertificates) -> Iterator[Row]:
    """The row of one certificate and its gaps."""
    current = chain.current
    attributes = current.told
    found, missing = keys.of(current)
    row = Certificate(
        **setting.bookkeeping(setting.object_id(current.identifier), chain.evidence),
        name=next(iter(names_of(attributes)), current.identifier),
        account=setting.header.account,
        region=setting.header.region,
        key_store=setting.store,
        key=None if missing else setting.object_id(found.identifier) if found else "",
        manager=Manager.CUSTOMER,
        state=state_of(attributes),
        subject=_name(attributes, "subject"),
        issuer=_name(attributes, "issuer"),
        created_at=chain.oldest.initial_date if chain.oldest else None,
        activated_at=attributes.activation_date,
        expires_at=attributes.deactivation_date,
        exportable=_exportable(found),
        versions=len(chain.members) if chain.whole else None,
        **_algorithm(attributes),
        **owned(setting, attributes),
    )
    yield from setting.explained(row, [*chain.readings, *missing])


def _name(attributes: Attributes, of: str) -> str | None:
    """Its subject or issuer, which KMIP 1.x tells as a distinguished name in DER, and 2.x part by part."""
    if of == "subject":
        encoded = attributes.x509_subject.subject_distinguished_name if attributes.x509_subject else None
        told = attributes.distinguished("subject")
    else:
        encoded = attributes.x509_issuer.issuer_distinguished_name if attributes.x509_issuer else None
        told = attributes.distinguished("issuer")
    return told or (distinguished_name(encoded) if encoded else None)


def _exportable(found: ManagedObject | None) -> bool | None:
    if found is None or found.attributes is None or found.type != "Private Key":
        return None
    told: bool | None = extraction(found.attributes)["extractable"]
    return told


def _algorithm(attributes: Attributes) -> dict[str, Any]:
    kind = algorithm_of(attributes)
    if kind is not None:
        return {"algorithm": kind.algorithm, "bits": kind.bits, "security_bits": kind.security_bits}
    name = attributes.cryptographic_algorithm
    return {"algorithm": family(name), "bits": attributes.cryptographic_length} if name else {}
