"""One certificate of a vault: from its readings to its row, and the gaps of what was not read."""

from __future__ import annotations

import base64
from collections.abc import Generator
from dataclasses import asdict
from typing import Any

from collectors.azure.answers import (
    Attributes,
    CertificateBundle,
    CertificateLifetimeAction,
    CertificatePolicy,
    ListedCertificate,
    ListedCertificates,
    thing_id,
    thing_name,
)
from collectors.azure.facts.scope import Setting, state_of
from collectors.azure.facts.store import ListedThing, Store
from collectors.azure.operations import DELETED_CERTIFICATE_NOT_OFFERED, PENDING_CERTIFICATE_NOT_OFFERED
from collectors.scope_rows import expect, fill, listed
from collectors.tags import tag_facts
from collectors.x509 import X509Facts, logged_publicly, read_certificate
from evidence.model import NEVER, Certificate, GapKind, Manager, Row, State
from evidence.reading import Reading

GET = "certificates:GetCertificate"
_NOT_ORDERED = ("Self", "Unknown")
"""Names of issuers that stand for the vault itself, and for whoever issues what is brought in."""
VERSIONS = "certificates:GetCertificateVersions"


def certificate_rows(
    setting: Setting, store: Store, reading: Reading, entry: ListedThing
) -> Generator[Row, None, bool]:
    """The row of one certificate and its gaps. Returns whether its description was read."""
    id, item = reading.subject, entry.item
    row = Certificate(
        **setting.bookkeeping(id, [*reading.evidence, *filter(None, [entry.observation])]),
        name=thing_name(id),
        account=setting.header.account,
        region=setting.header.region,
        key_store=store.resource,
        manager=Manager.CUSTOMER,
    )
    facts: dict[str, Any] = {}
    if item is not None:
        facts |= _listed(setting, store, entry, item)
    described = None
    if not entry.deleted:
        described = _described(reading)
        facts |= _history(reading)
    not_offered = DELETED_CERTIFICATE_NOT_OFFERED if entry.deleted else None
    if described is not None:
        facts |= _by_policy(described)
        facts |= _by_itself(reading, described)
        not_offered = None if described.cer else PENDING_CERTIFICATE_NOT_OFFERED
    fill(row, facts)
    yield from setting.explained(row, [reading, store.reading], not_offered)
    return described is not None


def _listed(setting: Setting, store: Store, entry: ListedThing, item: ListedCertificate) -> dict[str, Any]:
    attributes = item.attributes
    received = next((o.received_at for o in store.reading.observations if o.id == entry.observation), "")
    return {
        "state": State.PENDING_DELETION if entry.deleted else state_of(attributes, received),
        "fingerprint": _hexadecimal(item.x5t),
        "activated_at": attributes.nbf or attributes.created,
        "expires_at": attributes.exp or NEVER,
        **asdict(tag_facts(item.tags or {}, "", setting.settings)),
    }


def _hexadecimal(thumbprint: str | None) -> str | None:
    """Key Vault gives the SHA-1 fingerprint in base64url; one that has no certificate yet has none."""
    if thumbprint is None:
        return ""
    try:
        return base64.b64decode(thumbprint + "=" * (-len(thumbprint) % 4), altchars=b"-_", validate=True).hex()
    except ValueError:
        return None


def _described(reading: Reading) -> CertificateBundle | None:
    expect(reading, GET)
    answer = reading.answer(GET, CertificateBundle)
    if answer is not None and thing_id(answer.id) != reading.subject:
        reading.fail(GET, GapKind.FAILED, "the answer describes another certificate", next(reading.of(GET)).id)
        return None
    return answer


def _history(reading: Reading) -> dict[str, Any]:
    pages = [page for _, page in listed(reading, VERSIONS, ListedCertificates, lambda page: page.more)]
    created = [version.attributes.created for page in pages for version in page.value]
    if VERSIONS in reading.failures or not created:
        return {}
    return {"versions": len(created), "created_at": min(created)}


def _by_itself(reading: Reading, bundle: CertificateBundle) -> dict[str, Any]:
    """What the certificate says that is there; its policy says what the next one will be."""
    if not bundle.cer:
        return {}
    try:
        content = base64.b64decode(bundle.cer, validate=True)
        told = read_certificate(content)
    except ValueError:
        reading.fail(GET, GapKind.FAILED, "the certificate in the answer cannot be read", next(reading.of(GET)).id)
        return {}
    return {
        "subject": told.subject,
        "authority": told.authority,
        "publicly_trusted": _publicly_trusted(bundle.policy, content, told),
        "algorithm": told.algorithm,
        "bits": told.bits,
        "security_bits": told.security_bits,
    }


def _by_policy(bundle: CertificateBundle) -> dict[str, Any]:
    """What its policy says: who issues it, and whether it renews itself."""
    policy = bundle.policy
    key = policy.key_props
    renewing = _renewing(policy)
    return {
        "key": thing_id(bundle.kid) if bundle.kid else "",
        "issuer": (policy.issuer.name if policy.issuer else None) or "",
        "renewal_enabled": renewing is not None,
        "renewal_days": _renewal_days(renewing, bundle.attributes) if renewing else 0,
        "exportable": key.exportable if key else None,
    }


def _publicly_trusted(policy: CertificatePolicy, content: bytes, told: X509Facts) -> bool | None:
    """False where the certificate issued itself; True where an authority that Key Vault orders from issued it and it is
    in public logs, which take what comes from an authority that browsers trust.

    Source: Key Vault documentation, integrating with certificate authorities (DigiCert and GlobalSign, for OV and EV
    certificates); RFC 6962, section 3.1. What else it is does not show.
    """
    if told.issuer == told.subject:
        return False
    ordered = policy.issuer is not None and policy.issuer.name not in (None, "", *_NOT_ORDERED)
    try:
        return True if ordered and logged_publicly(content) else None
    except ValueError:
        return None


def _renewing(policy: CertificatePolicy) -> CertificateLifetimeAction | None:
    """The action that renews it. Only an issuer that Key Vault knows can be asked for a new one."""
    if policy.issuer is None or policy.issuer.name in (None, "Unknown"):
        return None
    actions = policy.lifetime_actions or []
    return next((action for action in actions if (action.action.action_type or "").lower() == "autorenew"), None)


def _renewal_days(action: CertificateLifetimeAction, attributes: Attributes) -> int | None:
    if action.trigger.days_before_expiry is not None:
        return action.trigger.days_before_expiry
    percentage = action.trigger.lifetime_percentage
    if percentage is None or attributes.exp is None:
        return None
    whole = (attributes.exp - (attributes.nbf or attributes.created)).days
    return max(-(-whole * (100 - percentage) // 100), 0)
