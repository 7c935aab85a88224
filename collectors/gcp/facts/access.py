"""Who may use keys and secrets: from policies of their own and inherited ones to access rows and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from collectors.gcp.answers import Policy
from collectors.gcp.facts.scope import Setting, each, only
from collectors.gcp.iam import UNKNOWN, PolicyFacts, policy_facts, together
from collectors.gcp.names import last
from collectors.gcp.operations import TELL_WHO_IS_OUTSIDE
from collectors.gcp.roles import Service
from collectors.scope_rows import NOT_ASKED, expect
from evidence.model import Access, GapKind, Row
from evidence.observation import short_id
from evidence.reading import Failure, Reading

INHERITED = "resourcemanager:GetIamPolicy"
ASSETS = "asset:ListAssets"

_PLACES = {"projects": "project", "folders": "folder", "organizations": "organization"}


@dataclass(frozen=True, slots=True)
class Level:
    """A policy that applies to keys or secrets: their own, or that of something above them."""

    via: str
    """Where it stands, in words."""
    operation: str
    policy: Policy | None
    """None where it was not read."""
    facts: PolicyFacts = UNKNOWN
    """What it admits."""
    observation: str = ""
    failure: Failure | None = None

    @property
    def failed(self) -> Failure:
        """Why it was not read."""
        return self.failure or Failure(GapKind.FAILED, NOT_ASKED, "")


def read_level(setting: Setting, via: str, operation: str, policy: Policy, observation: str, service: Service) -> Level:
    """A policy that was read."""
    facts = policy_facts(policy, service, setting.own, setting.own_roles)
    return Level(via, operation, policy, facts, observation)


def level_of(resource: str) -> str:
    """Where a policy stands, in words: `IAM policy of the folder 123456789012`."""
    kind = _PLACES.get(resource.partition("/")[0], "resource")
    return f"IAM policy of the {kind} {last(resource)}"


def own_level(setting: Setting, reading: Reading, operation: str, kind: str, service: Service) -> Level:
    """The policy of a key ring, key or secret itself, by its own service's answer."""
    via = f"IAM policy of the {kind}"
    expect(reading, operation)
    for _, observation, policy in each(reading, operation, Policy):
        return read_level(setting, via, operation, policy, observation, service)
    return Level(via, operation, None, failure=reading.failures.get(operation))


def inherited_levels(setting: Setting, reading: Reading, service: Service) -> dict[str, Level]:
    """The policies of project, folders and organization by their names, nearest first.

    Where some are not known, there is one that is unknown, without a name.
    """
    levels = {}
    for observation in list(reading.of(INHERITED)):
        resource = str(observation.parameters.get("resource", ""))
        via = level_of(resource)
        single = Reading(reading.subject, [observation])
        policy = single.answer(INHERITED, Policy)
        if policy is not None:
            levels[resource] = read_level(setting, via, INHERITED, policy, observation.id, service)
        else:
            failure = single.failures[INHERITED]
            reading.failures.setdefault(INHERITED, failure)
            levels[resource] = Level(via, INHERITED, None, failure=failure)
    expect(reading, INHERITED)
    if not setting.line_known:
        reading.fail(INHERITED, GapKind.FAILED, "what the project is part of was not read, nor the policies there")
    if not levels or not setting.line_known:
        levels[""] = Level("IAM policies above", INHERITED, None, failure=reading.failures[INHERITED])
    return levels


def admitted(levels: Iterable[Level]) -> PolicyFacts:
    """What several policies admit together."""
    return together(level.facts for level in levels)


def of_roles(levels: Iterable[Level]) -> Reading:
    """Why it is not known what some policies admit: the permissions of a role that they grant are not."""
    failures = {one.operation: _unknown_roles(one.facts) for one in levels if one.facts.unknown_roles}
    return Reading("", [], failures)


def _unknown_roles(facts: PolicyFacts) -> Failure:
    roles = ", ".join(facts.unknown_roles)
    return Failure(GapKind.FAILED, f"the permissions of the role {roles} are not known", "")


def access_rows(
    setting: Setting, subject: str, levels: Sequence[Level], reading: Reading, context: Iterable[Reading] = ()
) -> Iterator[Row]:
    """The access rows of a key, secret or store by its policies, with the gaps of those that are not known.

    `context` are the readings that tell, beside `reading`, what is the organization's own.
    """
    own = [only(one, *TELL_WHO_IS_OUTSIDE) for one in (reading, *context)]
    anchor = Access(**setting.bookkeeping(subject, ()))
    written: set[str] = set()
    missing: set[str] = set()
    for level in levels:
        if level.policy is None:
            if level.operation not in missing:
                missing.add(level.operation)
                yield setting.rows_missing(anchor, "access", subject, level.operation, level.failed)
            continue
        for admission in level.facts.admissions:
            member = admission.member
            id = short_id("ACC", subject, level.via, member.principal, admission.capability, admission.conditions)
            if id in written:
                continue
            written.add(id)
            row = Access(
                **setting.bookkeeping(id, [level.observation]),
                subject=subject,
                principal=member.principal,
                principal_kind=member.kind,
                capability=admission.capability,
                via=level.via,
                conditions=admission.conditions,
                external=admission.outside,
                public=admission.public,
            )
            yield from setting.explained(row, [only(reading, level.operation), *own])
        if level.facts.unknown_roles and ASSETS not in missing:
            missing.add(ASSETS)
            yield setting.rows_missing(anchor, "access", subject, ASSETS, _unknown_roles(level.facts))


def logging_enabled(levels: Sequence[Level], service: str) -> bool | None:
    """Uses of keys, or reads of secrets, are written to the audit log by one of the policies.

    These are Data Access logs, which are off unless a policy switches them on: reads of data, and where a service
    writes any, writes too. What the policies switch on for the service and for all services adds up, and so do the
    members whom they exempt: None where any is, or a policy was not read that might. Source: Cloud Audit Logs
    documentation, configure Data Access audit logs; Cloud KMS audit logging.
    """
    policies = [level.policy for level in levels if level.policy is not None]
    configs = [config for policy in policies for config in policy.audit_configs]
    reads = [
        log
        for config in configs
        if config.service in (service, "allServices")
        for log in config.audit_log_configs
        if log.log_type == "DATA_READ"
    ]
    if len(policies) < len(levels) or any(log.exempted_members for log in reads):
        return None
    return bool(reads)
