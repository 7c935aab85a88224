"""The scope of IAM, one an account: what the account holds, its access keys and its server certificates."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from collectors.aws.facts.certificate import state_by_dates
from collectors.aws.facts.scope import Setting
from collectors.aws.operations import UNKNOWN_CERTIFICATE_KEY_NOT_OFFERED
from collectors.aws.resource_answers import (
    AccessKey,
    AccessKeyLastUsed,
    AccessKeys,
    AccountSummary,
    ListedServerCertificate,
    ServerCertificate,
    ServerCertificateBody,
    ServerCertificates,
    Users,
)
from collectors.aws.resource_operations import ROOT_KEYS_NOT_TOLD
from collectors.scope_rows import Tally, expect, fill, listed
from collectors.tags import tag_facts
from collectors.x509 import read_certificate
from evidence.inventory import explain
from evidence.model import NEVER, Account, Certificate, Credential, CredentialKind, GapKind, Manager, Row, State
from evidence.observation import Observation
from evidence.reading import Failure, Reading

SUMMARY = "iam:GetAccountSummary"
USERS = "iam:ListUsers"
KEYS = "iam:ListAccessKeys"
LAST_USED = "iam:GetAccessKeyLastUsed"
CERTIFICATES = "iam:ListServerCertificates"
CERTIFICATE = "iam:GetServerCertificate"
ROOT_KEYS = "AccountAccessKeysPresent"
"""1 where there are any, else 0. Source: AWS Security Blog, determining the presence of AWS account access keys."""

_LISTS = (USERS, KEYS, CERTIFICATES)

_TRACKED_SINCE = datetime(2015, 4, 22, tzinfo=UTC)
"""Since when IAM knows of the use of access keys. Source: IAM User Guide, finding unused credentials."""

_STATES = {"Active": State.ACTIVE, "Inactive": State.SUSPENDED, "Expired": State.DEACTIVATED}
"""By the status of an access key."""


@dataclass(slots=True)
class _Listed:
    """What is listed of an account at once; each is taken out once it is read."""

    users: set[str] = field(default_factory=set)
    """ARNs."""
    certificates: dict[str, tuple[str, ListedServerCertificate]] = field(default_factory=dict)
    """ARN → the observation that lists it, and what it says."""


def normalize_iam(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: the account's own reading comes first, then one a user and one a certificate."""
    tally = Tally(setting.operations)
    found = 0
    account: _Listed | None = None
    for reading in readings:
        if account is None:
            account = yield from _account_rows(setting, reading if reading.subject == "" else Reading("", []), tally)
        if reading.subject:
            found += yield from _rows_of(setting, reading, account, tally)
    if account is None:
        account = yield from _account_rows(setting, Reading("", []), tally)
    for arn in [*account.users, *account.certificates]:
        found += yield from _rows_of(setting, Reading(arn, []), account, tally)
    tally.listed = None if tally.failures.keys() & set(_LISTS) else found
    for operation, table in ((USERS, "credential"), (KEYS, "credential"), (CERTIFICATES, "certificate")):
        if operation in tally.failures:
            anchor = Account(**setting.bookkeeping(setting.header.id, ()))
            yield setting.rows_missing(anchor, table, "", operation, tally.failures[operation])
    yield from tally.rows(setting)


def _account_rows(setting: Setting, reading: Reading, tally: Tally) -> Generator[Row, None, _Listed]:
    account = _Listed()
    for _, page in listed(reading, USERS, Users, lambda page: page.more):
        account.users.update(user.Arn for user in page.Users)
    for observation, certificates in listed(reading, CERTIFICATES, ServerCertificates, lambda page: page.more):
        for certificate in certificates.ServerCertificateMetadataList:
            account.certificates[certificate.Arn] = observation, certificate
    expect(reading, SUMMARY)
    summary = reading.answer(SUMMARY, AccountSummary)
    present = summary.SummaryMap.get(ROOT_KEYS) if summary else None
    if summary is not None and present is None:
        reading.fail(SUMMARY, GapKind.FAILED, f"the answer does not state {ROOT_KEYS}", next(reading.of(SUMMARY)).id)
    row = Account(
        **setting.bookkeeping(setting.header.account or setting.header.id, (o.id for o in reading.of(SUMMARY))),
        name=setting.header.account_name,
        root_credentials=present,
    )
    yield row
    yield from explain(row, [reading], setting.operations, setting.declared.not_offered)
    if row.root_credentials != 0:
        untold = Failure(GapKind.NOT_OFFERED, ROOT_KEYS_NOT_TOLD, "")
        yield setting.rows_missing(row, "credential", "", SUMMARY, reading.failures.get(SUMMARY, untold))
    tally.count(reading)
    return account


def _rows_of(setting: Setting, reading: Reading, account: _Listed, tally: Tally) -> Generator[Row, None, int]:
    """The rows of a user or of a certificate. Returns how many of its things were found."""
    if reading.subject in account.certificates or any(reading.of(CERTIFICATE)):
        listing = account.certificates.pop(reading.subject, None)
        tally.described += yield from _certificate_rows(setting, reading, listing)
        found = 1
    else:
        account.users.discard(reading.subject)
        found, described = yield from _access_key_rows(setting, reading)
        tally.described += described
    tally.count(reading)
    return found


def _access_key_rows(setting: Setting, reading: Reading) -> Generator[Row, None, tuple[int, int]]:
    """The rows of the access keys of one user. Returns how many there are, and of how many the last use was read."""
    keys = {
        key.AccessKeyId: (observation, key)
        for observation, page in listed(reading, KEYS, AccessKeys, lambda page: page.more)
        for key in page.AccessKeyMetadata
    }
    described = 0
    failures: dict[str, Failure] = {}
    uses: dict[str, list[Observation]] = {}
    for use in reading.of(LAST_USED):
        uses.setdefault(str(use.parameters.get("AccessKeyId")), []).append(use)
    for id, (observation, key) in keys.items():
        own = Reading(reading.subject, uses.get(id, []))
        expect(own, LAST_USED)
        last = own.answer(LAST_USED, AccessKeyLastUsed)
        described += last is not None
        row = _credential(setting, reading.subject, [observation, *own.evidence], key)
        if last is not None:
            row.used, row.last_used_at = _use(last, key.CreateDate)
        yield from setting.explained(row, [own, reading])
        failures |= own.failures
    reading.failures |= failures
    return len(keys), described


def _credential(setting: Setting, user: str, evidence: list[str], key: AccessKey) -> Credential:
    """An access key. Its secret never changes and never expires; a new key takes its place."""
    return Credential(
        **setting.bookkeeping(key.AccessKeyId, evidence),
        name=key.AccessKeyId,
        kind=CredentialKind.ACCESS_KEY,
        account=setting.account_of(user),
        principal=user,
        of_root=False,
        manager=Manager.CUSTOMER,
        state=_STATES.get(key.Status),
        created_at=key.CreateDate,
        last_rotated_at=key.CreateDate,
        expires_at=NEVER,
        reminder_days=0,
    )


def _use(answer: AccessKeyLastUsed, created: datetime | None) -> tuple[bool | None, datetime | None]:
    """Whether it was used, and when last; neither is known of an older key without a use on record."""
    last = answer.AccessKeyLastUsed
    if last.LastUsedDate is not None:
        return True, last.LastUsedDate
    if last.ServiceName == "N/A" and created is not None and created >= _TRACKED_SINCE:
        return False, created
    return None, None


def _certificate_rows(
    setting: Setting, reading: Reading, listing: tuple[str, ListedServerCertificate] | None
) -> Generator[Row, None, bool]:
    """The row of one server certificate and its gaps. Returns whether its body was read.

    IAM gives no private key out, and does not renew what it keeps. Source: IAM User Guide, managing server
    certificates in IAM.
    """
    observation, entry = listing or ("", None)
    expect(reading, CERTIFICATE)
    answer = reading.answer(CERTIFICATE, ServerCertificate)
    body = answer.ServerCertificate if answer else None
    entry = entry or (body.ServerCertificateMetadata if body else None)
    row = Certificate(
        **setting.bookkeeping(reading.subject, filter(None, [observation, *reading.evidence])),
        name=entry.ServerCertificateName if entry else reading.subject.rpartition("/")[2],
        account=setting.account_of(reading.subject),
        region=setting.header.region,
        key_store="",
        key="",
        manager=Manager.CUSTOMER,
        created_at=entry.UploadDate if entry else None,
        renewal_enabled=False,
        renewal_days=0,
        exportable=False,
        versions=1,
    )
    read = _body(setting, body, max((o.received_at for o in reading.of(CERTIFICATE)), default="")) if body else {}
    fill(row, read)
    if entry is not None and entry.Expiration is not None:
        row.expires_at = entry.Expiration
    yield from setting.explained(row, [reading], UNKNOWN_CERTIFICATE_KEY_NOT_OFFERED if "subject" in read else None)
    return body is not None


def _body(setting: Setting, body: ServerCertificateBody, received: str) -> dict[str, Any]:
    told: dict[str, Any] = asdict(tag_facts({tag.Key: tag.Value for tag in body.Tags}, "", setting.settings))
    try:
        certificate = read_certificate(body.CertificateBody)
    except ValueError:
        return told
    state = state_by_dates(certificate.activated_at, certificate.expires_at, received)
    return told | asdict(certificate) | {"state": state}
