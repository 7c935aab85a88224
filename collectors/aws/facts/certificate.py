"""The scope of ACM in one account and region: its certificates, what presents them and whether they are renewed."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from collectors.aws.facts.scope import Setting
from collectors.aws.facts.tags import tags_of_all
from collectors.aws.key_specs import CERTIFICATE_KEYS
from collectors.aws.operations import UNKNOWN_CERTIFICATE_KEY_NOT_OFFERED
from collectors.aws.resource_answers import CertificateDetail, Certificates, DescribedCertificate, ListedCertificate
from collectors.scope_rows import Tally, expect, fill, listed, without_bodies
from collectors.tags import tag_facts
from evidence.model import NEVER, Certificate, GapKind, Manager, Row, State
from evidence.reading import Reading

LIST = "acm:ListCertificates"
DESCRIBE = "acm:DescribeCertificate"

_TRUSTED = {"AMAZON_ISSUED": True, "PRIVATE": False}
"""By the type of a certificate: browsers trust its issuer. Whoever imports one may have it from anyone."""

_STATES = {
    "PENDING_VALIDATION": State.PRE_ACTIVE,
    "INACTIVE": State.SUSPENDED,
    "EXPIRED": State.DEACTIVATED,
    "REVOKED": State.DEACTIVATED,
    "VALIDATION_TIMED_OUT": State.DEACTIVATED,
    "FAILED": State.DEACTIVATED,
}
"""By its status, but for those that are issued: their dates decide."""

_NEVER_ISSUED = frozenset(["PENDING_VALIDATION", "VALIDATION_TIMED_OUT", "FAILED"])

_COMPROMISED = frozenset(["KEY_COMPROMISE", "CA_COMPROMISE", "A_A_COMPROMISE"])
"""Reasons of a revocation. Source: RFC 5280, section 5.3.1."""


def state_by_dates(activated_at: datetime, expires_at: datetime, received: str) -> State:
    """The state of an issued certificate when the answer was received that tells it."""
    at = datetime.fromisoformat(received)
    if at < activated_at:
        return State.PRE_ACTIVE
    return State.ACTIVE if at <= expires_at else State.DEACTIVATED


@dataclass(slots=True)
class _Listed:
    """What is listed at once: the certificates and their tags."""

    reading: Reading
    certificates: dict[str, tuple[str, ListedCertificate]] = field(default_factory=dict)
    """ARN → the observation that lists it, and what it says; taken out once its row is made."""
    tags: Mapping[str, Mapping[str, str]] | None = None


def normalize_certificates(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: the list comes first, then one reading a certificate."""
    tally = Tally(setting.operations)
    region: _Listed | None = None
    for reading in readings:
        if region is None:
            region = _read_lists(reading if reading.subject == "" else Reading("", []), tally)
        if reading.subject:
            tally.described += yield from _certificate_rows(setting, region, reading)
            tally.count(reading)
    if region is None:
        region = _read_lists(Reading("", []), tally)
    for arn in list(region.certificates):
        unread = Reading(arn, [])
        yield from _certificate_rows(setting, region, unread)
        tally.count(unread)
    if LIST in region.reading.failures:
        anchor = Certificate(**setting.bookkeeping(setting.header.id, ()))
        yield setting.rows_missing(anchor, "certificate", "", *tally.why(LIST))
    yield from tally.rows(setting)


def _read_lists(reading: Reading, tally: Tally) -> _Listed:
    region = _Listed(reading)
    for observation, page in listed(reading, LIST, Certificates, lambda page: page.more):
        region.certificates.update({c.CertificateArn: (observation, c) for c in page.CertificateSummaryList})
    if region.certificates:
        region.tags, _ = tags_of_all(reading)
    tally.listed = None if LIST in reading.failures else len(region.certificates)
    tally.count(reading)
    region.reading = without_bodies(reading)
    return region


def _certificate_rows(setting: Setting, region: _Listed, reading: Reading) -> Generator[Row, None, bool]:
    """The row of one certificate and its gaps. Returns whether its description was read."""
    arn = reading.subject
    observation, entry = region.certificates.pop(arn, ("", None))
    detail = _described(reading)
    row = Certificate(
        **setting.bookkeeping(arn, filter(None, [observation, *reading.evidence])),
        name=entry.DomainName if entry else None,
        account=setting.account_of(arn),
        region=setting.header.region,
        key_store="",
        key="",
    )
    if detail is not None:
        row.name = detail.DomainName or arn.rpartition("/")[2]
        received = max(o.received_at for o in reading.of(DESCRIBE))
        fill(row, _description(detail, entry, received))
    tags = None if region.tags is None else region.tags.get(arn, {})
    fill(row, asdict(tag_facts(tags, "", setting.settings)))
    unknown = UNKNOWN_CERTIFICATE_KEY_NOT_OFFERED if detail is not None and detail.KeyAlgorithm else None
    yield from setting.explained(row, [reading, region.reading], unknown)
    return detail is not None


def _described(reading: Reading) -> CertificateDetail | None:
    expect(reading, DESCRIBE)
    answer = reading.answer(DESCRIBE, DescribedCertificate)
    if answer is None:
        return None
    if answer.Certificate.CertificateArn != reading.subject:
        reading.fail(DESCRIBE, GapKind.FAILED, "the answer describes another certificate", reading.evidence[0])
        return None
    return answer.Certificate


def _description(detail: CertificateDetail, entry: ListedCertificate | None, received: str) -> dict[str, Any]:
    key = CERTIFICATE_KEYS.get((detail.KeyAlgorithm or "").replace("-", "_"))
    issued = detail.Status not in _NEVER_ISSUED
    renewed = {"ELIGIBLE": True, "INELIGIBLE": False}.get(detail.RenewalEligibility or "")
    exportable = _exportable(detail)
    return {
        "manager": Manager.PROVIDER if detail.ManagedBy else Manager.CUSTOMER,
        "state": _state(detail, received),
        "subject": detail.Subject,
        "issuer": detail.Issuer,
        "publicly_trusted": _TRUSTED.get(detail.Type),
        "in_use": _in_use(detail, exportable, entry),
        "algorithm": key.algorithm if key else None,
        "bits": key.bits if key else None,
        "security_bits": key.security_bits if key else None,
        "created_at": detail.CreatedAt or detail.ImportedAt,
        "activated_at": detail.NotBefore if issued else NEVER,
        "expires_at": detail.NotAfter if issued else NEVER,
        "renewal_enabled": renewed,
        "renewal_days": 0 if renewed is False else None,
        "exportable": exportable,
        "versions": 1,
    }


def _state(detail: CertificateDetail, received: str) -> State | None:
    if detail.Status == "REVOKED" and detail.RevocationReason in _COMPROMISED:
        return State.COMPROMISED
    if detail.Status != "ISSUED":
        return _STATES.get(detail.Status)
    if detail.NotBefore is None or detail.NotAfter is None:
        return None
    return state_by_dates(detail.NotBefore, detail.NotAfter, received)


def _exportable(detail: CertificateDetail) -> bool | None:
    """Whether ACM gives its private key out. Source: ACM API reference, ExportCertificate.

    It gives out those of a private authority, and public ones that were requested so; none that was imported.
    """
    if detail.Type == "IMPORTED":
        return False
    if detail.Type == "PRIVATE":
        return True
    told = detail.Options.Export if detail.Options else None
    return {"ENABLED": True, "DISABLED": False}.get(told or "")


def _in_use(detail: CertificateDetail, exportable: bool | None, entry: ListedCertificate | None) -> bool | None:
    """Whether a service of AWS presents it; what presents an exported one elsewhere, ACM does not know."""
    if detail.InUseBy is None:
        return None
    if detail.InUseBy:
        return True
    if exportable is False or (entry is not None and entry.Exported is False):
        return False
    return None
