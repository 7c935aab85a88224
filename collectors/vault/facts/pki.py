"""The scope of a PKI mount: the keys by which it signs, and the certificates that it keeps."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collectors.algorithms import CURVES, KeyAlgorithm
from collectors.scope_rows import Tally, without_bodies
from collectors.vault.engine_answers import (
    AutoTidyAnswer,
    CrlConfigAnswer,
    Issuer,
    IssuerAnswer,
    Issuers,
    PkiKey,
    PkiKeyAnswer,
    PkiRoleAnswer,
    StoredCertificateAnswer,
)
from collectors.vault.facts.members import members
from collectors.vault.facts.scope import Setting, names, told
from collectors.vault.facts.signing_key import key_and_version, observed_at, signing_key
from collectors.x509 import X509Facts, key_of_certificate, read_certificate, serial_of_certificate
from evidence.model import Certificate, GapKind, Key, Manager, Row, State
from evidence.observation import canonical_json
from evidence.reading import Failure, Reading

LIST_KEYS, KEY = "pki:ListKeys", "pki:ReadKey"
LIST_ISSUERS, ISSUER = "pki:ListIssuers", "pki:ReadIssuer"
LIST_ROLES, ROLE = "pki:ListRoles", "pki:ReadRole"
CRL, TIDY = "pki:ReadCrlConfig", "pki:ReadAutoTidy"
LIST_CERTIFICATES, CERTIFICATE = "pki:ListCertificates", "pki:ReadCertificate"

_TYPES: Mapping[str, KeyAlgorithm] = {"ed25519": CURVES["edwards25519"]}
"""Types of keys that leave no size open."""

_FAMILIES: Mapping[str, str] = {"rsa": "RSA", "ec": "EC"}


@dataclass(frozen=True, slots=True)
class _Authority:
    """An issuer whose certificate could be read."""

    issuer: Issuer
    facts: X509Facts
    algorithm: KeyAlgorithm | None
    serial: str
    evidence: tuple[str, ...]


@dataclass(slots=True)
class _Mount:
    """What the scope's own reading tells."""

    reading: Reading
    """Without the bodies of its answers."""
    authorities: list[_Authority] = field(default_factory=list)
    default: str = ""
    """Id of the issuer that roles mean by `default`."""
    certificates: dict[str, str] = field(default_factory=dict)
    """Id of a certificate that is still to be read → its serial number."""

    @property
    def all_issuers(self) -> bool:
        """Every issuer is known."""
        return not self.reading.failures.keys() & {LIST_ISSUERS, ISSUER}


def normalize_pki(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: all but the certificates stands in its first reading, and each of them in its own."""
    tally = Tally(setting.operations)
    first = next(readings, Reading("", []))
    mount = yield from _own_rows(setting, first if first.subject == "" else Reading("", []), tally)
    for reading in readings if first.subject == "" else iter([first, *readings]):
        serial = mount.certificates.pop(reading.subject, None)
        if serial is not None:
            yield from _certificate_rows(setting, mount, serial, reading, tally)
    if mount.certificates:
        text = f"{len(mount.certificates)} certificates are kept beyond those that were to be read"
        failure = Failure(GapKind.FAILED, text, "")
        tally.failures.setdefault(CERTIFICATE, failure)
        anchor = Certificate(**setting.bookkeeping(setting.header.id, ()))
        yield setting.rows_missing(anchor, "certificate", "", CERTIFICATE, failure)
    yield from tally.rows(setting)


def _own_rows(setting: Setting, reading: Reading, tally: Tally) -> Generator[Row, None, _Mount]:
    """The rows of the keys, and of issuers whose certificates are not listed."""
    mount = _Mount(reading)
    issuers = told(reading, LIST_ISSUERS, Issuers)
    mount.default = issuers.default if issuers else ""
    for member in members(reading, LIST_ISSUERS, ISSUER, IssuerAnswer):
        if member.answer is not None:
            mount.authorities += _authority(member.answer.data, member.reading, reading)
    keys = list(members(reading, LIST_KEYS, KEY, PkiKeyAnswer))
    settings = _mount_settings(reading)
    serials = names(reading, LIST_CERTIFICATES)
    mount.certificates = {setting.id(f"{setting.mount}cert/{serial}"): serial for serial in serials}
    mount.reading = without_bodies(reading)
    tally.listed = None if reading.failures.keys() & {LIST_KEYS, LIST_CERTIFICATES} else len(keys) + len(serials)
    for key in keys:
        yield from _key_rows(setting, mount, key.name, key.answer, key.reading, settings)
        tally.described += key.answer is not None
    for authority in mount.authorities:
        if setting.id(f"{setting.mount}cert/{authority.serial}") not in mount.certificates:
            row = _row(setting, mount, authority.serial, [*authority.evidence])
            _state(row, authority.facts, authority.issuer.revoked, observed_at(reading))
            yield from setting.explained(row, [mount.reading])
    yield from _lists_missing(setting, reading)
    tally.count(mount.reading)
    return mount


def _lists_missing(setting: Setting, reading: Reading) -> Iterator[Row]:
    """The gaps of what lists did not tell, and of issuers that were not read, whose certificates may not be listed."""
    anchor = Key(**setting.bookkeeping(setting.header.id, ()))
    for operation, tables in (
        (LIST_KEYS, ("key", "key_version")),
        (LIST_ISSUERS, ("certificate",)),
        (ISSUER, ("certificate",)),
        (LIST_CERTIFICATES, ("certificate",)),
    ):
        for table in tables if operation in reading.failures else ():
            yield setting.rows_missing(anchor, table, "", operation, reading.failures[operation])


def _authority(issuer: Issuer, own: Reading, reading: Reading) -> Iterator[_Authority]:
    """The issuer, unless its certificate is none, which is a failure of the reading."""
    try:
        facts = read_certificate(issuer.certificate)
        algorithm = key_of_certificate(issuer.certificate)
        serial = _serial(serial_of_certificate(issuer.certificate))
    except ValueError as error:
        observation = own.evidence[0]
        reading.fail(ISSUER, GapKind.FAILED, f"the certificate of an issuer cannot be read: {error}", observation)
        return
    yield _Authority(issuer, facts, algorithm, serial, tuple(own.evidence))


def _serial(number: int) -> str:
    """A serial number as Vault writes it: `1f:a0:03`."""
    digits = f"{number:x}"
    digits = digits.zfill(len(digits) + len(digits) % 2)
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _mount_settings(reading: Reading) -> Mapping[str, Any]:
    """The roles of the mount and how it publishes revocations and removes certificates, as far as they were read."""
    roles = members(reading, LIST_ROLES, ROLE, PkiRoleAnswer)
    crl, tidy = told(reading, CRL, CrlConfigAnswer), told(reading, TIDY, AutoTidyAnswer)
    return {
        "roles": {role.name: role.answer.data.model_dump() for role in roles if role.answer},
        "crl": crl.data.model_dump() if crl else None,
        "auto_tidy": tidy.data.model_dump() if tidy else None,
    }


def _key_rows(
    setting: Setting,
    mount: _Mount,
    id: str,
    answer: PkiKeyAnswer | None,
    reading: Reading,
    settings: Mapping[str, Any],
) -> Iterator[Row]:
    key = answer.data if answer else None
    own = [authority for authority in mount.authorities if authority.issuer.key_id == id]
    algorithm = next((authority.algorithm for authority in own if authority.algorithm), None)
    evidence = [*reading.evidence, *(one for authority in own for one in authority.evidence)]
    row = signing_key(setting, f"key/{id}", (key.key_name if key else "") or id, algorithm, evidence)
    if key is not None:
        _by_type(row, key)
    else:
        row.name = row.protection_level = row.extractable = row.mechanisms = None
    if mount.all_issuers:
        row.material_known_at = _known_at(setting, row.id, own, mount.reading)
    if not mount.reading.failures.keys() & {LIST_ROLES, ROLE, CRL, TIDY, LIST_ISSUERS, ISSUER}:
        row.key_settings = canonical_json(_key_settings(mount, own, settings))
    yield from key_and_version(setting, row, [reading, mount.reading])


def _by_type(row: Key, key: PkiKey) -> None:
    """What its type tells where no certificate does; of a managed key, Vault holds nothing."""
    row.mechanisms = [key.key_type]
    if row.algorithm is None:
        known = _TYPES.get(key.key_type)
        row.algorithm = known.algorithm if known else _FAMILIES.get(key.key_type)
        row.parameter_set = known.parameter_set if known else None
        row.bits = known.bits if known else None
        row.security_bits = known.security_bits if known else None
        row.pq_category = known.pq_category if known else 0 if key.key_type in _FAMILIES else None
    if key.managed_key_id:
        row.protection_level = row.extractable = None


def _known_at(setting: Setting, id: str, own: list[_Authority], reading: Reading) -> datetime:
    """Since when, at the latest, the key is in use: since the first certificate of its own, or an earlier run."""
    known = min((authority.facts.activated_at for authority in own), default=observed_at(reading))
    return setting.settings.in_use_by(setting.header.source, id, min(known, observed_at(reading)))


def _key_settings(mount: _Mount, own: list[_Authority], settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The issuers that sign with the key, and the roles that issue by them."""
    named = {name for authority in own for name in (authority.issuer.issuer_id, authority.issuer.issuer_name) if name}
    if mount.default in named:
        named.add("default")
    return {
        "issuers": [
            {"name": one.issuer.issuer_name, "usage": one.issuer.usage, "revoked": one.issuer.revoked} for one in own
        ],
        "roles": {name: role for name, role in settings["roles"].items() if role["issuer_ref"] in named},
        "crl": settings["crl"],
        "auto_tidy": settings["auto_tidy"],
    }


# --- certificates ---------------------------------------------------------------------------------------------------


def _row(setting: Setting, mount: _Mount, serial: str, evidence: list[str]) -> Certificate:
    """What is so of every certificate: Vault renews none, and keeps no private key but those of its issuers."""
    authority = next((one for one in mount.authorities if one.serial == serial), None)
    key: str | None = "" if mount.all_issuers else None
    if authority is not None:
        key = setting.id(f"{setting.mount}key/{authority.issuer.key_id}") if authority.issuer.key_id else ""
    return Certificate(
        **setting.bookkeeping(
            setting.id(f"{setting.mount}cert/{serial}"), [*evidence, *(authority.evidence if authority else ())]
        ),
        account=setting.header.account,
        region=setting.header.region,
        key_store=setting.id(setting.mount),
        key=key,
        manager=Manager.CUSTOMER,
        renewal_enabled=False,
        renewal_days=0,
        exportable=False,
        versions=1,
    )


def _state(row: Certificate, facts: X509Facts, revoked: bool, received: datetime) -> None:
    """What a certificate states of itself, and its state at that time."""
    row.name = facts.subject or row.id
    row.subject, row.issuer, row.fingerprint = facts.subject, facts.issuer, facts.fingerprint
    row.authority = facts.authority
    row.algorithm, row.bits, row.security_bits = facts.algorithm, facts.bits, facts.security_bits
    row.activated_at, row.expires_at = facts.activated_at, facts.expires_at
    if revoked or facts.expires_at < received:
        row.state = State.DEACTIVATED
    else:
        row.state = State.PRE_ACTIVE if facts.activated_at > received else State.ACTIVE


def _certificate_rows(setting: Setting, mount: _Mount, serial: str, reading: Reading, tally: Tally) -> Iterator[Row]:
    row = _row(setting, mount, serial, reading.evidence)
    answer = told(reading, CERTIFICATE, StoredCertificateAnswer)
    if answer is not None:
        try:
            stated = read_certificate(answer.data.certificate)
            _state(row, stated, _revoked(mount, serial, answer), observed_at(reading))
            tally.described += 1
        except ValueError as error:
            reading.fail(CERTIFICATE, GapKind.FAILED, f"it cannot be read: {error}", next(reading.of(CERTIFICATE)).id)
    yield from setting.explained(row, [reading, mount.reading])
    tally.count(reading)


def _revoked(mount: _Mount, serial: str, answer: StoredCertificateAnswer) -> bool:
    of_issuer = any(one.issuer.revoked for one in mount.authorities if one.serial == serial)
    return answer.data.revocation_time is not None or of_issuer
