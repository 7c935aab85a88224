"""Who may use a key, secret or parameter: from its policies and grants to access rows and the facts drawn from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from collectors.aws.actions import KMS
from collectors.aws.answers import Grant
from collectors.aws.callers import Owner
from collectors.aws.facts.scope import Setting
from collectors.aws.policy import (
    PolicyFacts,
    all_outsiders,
    merged,
    outsiders_among,
    policy_facts,
    principal_kind,
    principal_outside,
    principal_place,
)
from collectors.aws.policy_document import PolicyError
from evidence.model import Access, Capability, GapKind, PrincipalKind, Row
from evidence.observation import canonical_json, short_id
from evidence.reading import Failure, Reading


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """What the grants of a key admit."""

    outsiders: tuple[str, ...] | None
    rows: tuple[tuple[Grant, str, tuple[Capability, ...]], ...]
    """Each grant with its principal and what it allows."""
    complete: bool
    """No grant allows an operation that is not known."""


def read_policies(
    reading: Reading, operation: str, texts: Iterable[str], resource: str, service: str, owner: Owner
) -> PolicyFacts | None:
    """What the policies that `operation` answered admit; None, with a failure, where one is no policy."""
    try:
        return merged([policy_facts(text, resource, service, owner) for text in texts])
    except PolicyError as error:
        observation = next((o.id for o in reading.of(operation)), "")
        reading.fail(operation, GapKind.FAILED, f"the policy cannot be read: {error}", observation)
        return None


def grant_facts(grants: Iterable[Grant], owner: Owner) -> GrantFacts:
    """What grants admit; one to a service admits nobody outside, as its statement in a policy would not."""
    outsiders: list[tuple[str, ...] | None] = []
    rows = []
    complete = True
    for grant in grants:
        principal = grant.GranteePrincipal or grant.GranteeServicePrincipal or ""
        place = "" if grant.GranteeServicePrincipal else principal_place(principal)
        outsiders.append(None if place is None else outsiders_among({place} - {""}, owner))
        allowed = frozenset(grant.Operations)
        complete = complete and allowed <= KMS.all
        rows.append((grant, principal, tuple(c for c, names in KMS.capabilities.items() if names & allowed)))
    return GrantFacts(all_outsiders(outsiders), tuple(rows), complete)


def key_outsiders(policy: PolicyFacts | None, grants: GrantFacts | None) -> list[str] | None:
    """The outsiders that a key's policy and grants admit together."""
    found = all_outsiders([policy.outsiders if policy else None, grants.outsiders if grants else None])
    return None if found is None else list(found)


def policy_rows(
    setting: Setting, subject: str, reading: Reading, operation: str, via: str, facts: PolicyFacts
) -> Iterator[Row]:
    """The access rows of a policy, with their gaps; a gap for the subject where the policy leaves some in doubt."""
    for admission in facts.admissions:
        for capability in admission.capabilities:
            id = short_id("ACC", subject, via, admission.principal, capability, admission.conditions)
            row = Access(
                **setting.bookkeeping(id, (o.id for o in reading.of(operation))),
                subject=subject,
                principal=admission.principal,
                principal_kind=admission.kind,
                capability=capability,
                via=via,
                conditions=admission.conditions,
                external=admission.outside,
                public=admission.public,
            )
            yield from setting.explained(row, [_only(reading, operation)])
    if not facts.complete:
        doubt = Failure(
            GapKind.NOT_OFFERED, "whether a Deny statement applies depends on more than the policy says", ""
        )
        yield setting.rows_missing(_anchor(setting, subject), "access", subject, operation, doubt)


def grant_rows(setting: Setting, subject: str, reading: Reading, facts: GrantFacts, owner: Owner) -> Iterator[Row]:
    """The access rows of a key's grants, with their gaps."""
    operation = "kms:ListGrants"
    for grant, principal, capabilities in facts.rows:
        for capability in capabilities:
            id = short_id("ACC", subject, "grant", grant.GrantId, capability)
            row = Access(
                **setting.bookkeeping(id, (o.id for o in reading.of(operation))),
                subject=subject,
                principal=principal or None,
                principal_kind=_grantee_kind(grant, principal),
                capability=capability,
                via="grant",
                conditions=canonical_json(grant.Constraints or {}),
                external=False if grant.GranteeServicePrincipal else principal_outside(principal, owner),
                public=False,
            )
            yield from setting.explained(row, [_only(reading, operation)])
    if not facts.complete:
        unknown = Failure(GapKind.FAILED, "a grant allows an operation that is not known", "")
        yield setting.rows_missing(_anchor(setting, subject), "access", subject, operation, unknown)


def access_missing(setting: Setting, subject: str, failures: Mapping[str, Failure]) -> Iterator[Row]:
    """The gaps that access rows of `subject` may be missing, by what was not read."""
    for operation, failure in failures.items():
        yield setting.rows_missing(_anchor(setting, subject), "access", subject, operation, failure)


def _grantee_kind(grant: Grant, principal: str) -> PrincipalKind:
    return PrincipalKind.SERVICE if grant.GranteeServicePrincipal else principal_kind(principal)


def _anchor(setting: Setting, subject: str) -> Row:
    return Access(**setting.bookkeeping(subject, ()))


def _only(reading: Reading, operation: str) -> Reading:
    failures = {name: failure for name, failure in reading.failures.items() if name == operation}
    return Reading(reading.subject, list(reading.of(operation)), failures)
