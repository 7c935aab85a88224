"""What an IAM policy admits: which members may do what, whether anyone may, and which outsiders may.

Every answer has three values. A condition is a program that depends on the request, so what is granted under one is
never certain; a role whose permissions are not known leaves open what its members may do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from collectors.gcp.answers import Binding, Policy
from collectors.gcp.members import Member, Own, member_of
from collectors.gcp.roles import Grants, Service, grants_of
from evidence.model import Capability, PrincipalKind
from evidence.observation import canonical_json


@dataclass(frozen=True, slots=True)
class Admission:
    """A member and what a policy lets it do."""

    member: Member
    capability: Capability
    conditions: str
    """As canonical JSON; `{}` for none."""
    outside: bool | None
    public: bool | None


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """What one policy admits, or several of which each adds to the others. `admissions` are those of one policy."""

    public: bool | None
    outsiders: tuple[str, ...] | None
    """Domains, projects and organizations outside the own one, sorted; `*` for everybody. Who may only look at what
    describes a thing, as auditors may, is not counted among them."""
    wildcard_access: bool | None
    admissions: tuple[Admission, ...] = ()
    unknown_roles: tuple[str, ...] = ()
    """Roles that are granted and whose permissions are not known, sorted."""


UNKNOWN = PolicyFacts(public=None, outsiders=None, wildcard_access=None)
"""What a policy that was not read admits."""


def policy_facts(policy: Policy, service: Service, own: Own, own_roles: Mapping[str, Sequence[str]]) -> PolicyFacts:
    """What a policy admits to keys, or to secrets."""
    every: list[PolicyFacts] = []
    for binding in policy.bindings:
        grants = grants_of(binding.role, service, own_roles)
        if grants is None and _of_agents_alone(binding, own):
            continue
        if grants is None or grants.concerned:
            every.append(_binding_facts(binding, grants, own))
    told = dict.fromkeys(admission for facts in every for admission in facts.admissions)
    return replace(together(every), admissions=tuple(told))


def _of_agents_alone(binding: Binding, own: Own) -> bool:
    """A role made for a service agent, held by service agents of the own projects alone: Google acts for its customer.

    Every project has such bindings. They are in each observation, and who holds them is no one's choice.
    """
    members = [member for member in map(member_of, binding.members) if member is not None]
    agents = (member.kind is PrincipalKind.SERVICE and own.outside(member) is False for member in members)
    return binding.role.startswith("roles/") and binding.role.endswith(".serviceAgent") and all(agents)


def together(every: Iterable[PolicyFacts]) -> PolicyFacts:
    """What several policies admit together, without telling whom."""
    every = list(every)
    return PolicyFacts(
        public=_any_of(facts.public for facts in every),
        outsiders=_all_outsiders([facts.outsiders for facts in every]),
        wildcard_access=_any_of(facts.wildcard_access for facts in every),
        unknown_roles=tuple(sorted({role for facts in every for role in facts.unknown_roles})),
    )


def _binding_facts(binding: Binding, grants: Grants | None, own: Own) -> PolicyFacts:
    members = [member for member in map(member_of, binding.members) if member is not None]
    certain = binding.condition is None and grants is not None
    everything = None if grants is None else grants.everything
    anyone = any(member.anyone for member in members)
    public = _unless_uncertain(anyone, certain)
    looks = grants is not None and not grants.capabilities
    return PolicyFacts(
        public=public,
        outsiders=() if looks and not anyone else _outsiders(members, own, certain),
        wildcard_access=_any_of([public, _unless_uncertain(bool(members) and everything is not False, certain)]),
        admissions=tuple(_admissions(binding, members, grants, own)) if grants else (),
        unknown_roles=() if grants or not members else (binding.role,),
    )


def _unless_uncertain(truth: bool, certain: bool) -> bool | None:
    return None if truth and not certain else truth


def _outsiders(members: Sequence[Member], own: Own, certain: bool) -> tuple[str, ...] | None:
    outside = {member: own.outside(member) for member in members}
    if any(member.anyone for member in members) and certain:
        return ("*",)
    if None in outside.values() or (True in outside.values() and not certain):
        return None
    return tuple(sorted({member.place.name for member in members if outside[member] and member.place}))


def _admissions(binding: Binding, members: Sequence[Member], grants: Grants, own: Own) -> Iterable[Admission]:
    conditions = canonical_json(binding.condition or {})
    for member in members:
        for capability in sorted(grants.capabilities):
            yield Admission(
                member,
                capability,
                conditions,
                outside=own.outside(member),
                public=_unless_uncertain(member.anyone, binding.condition is None),
            )


def _any_of(values: Iterable[bool | None]) -> bool | None:
    values = set(values)
    return True if True in values else None if None in values else False


def _all_outsiders(every: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """Where everybody is admitted nothing is left to be known."""
    known = {name for names in every if names is not None for name in names}
    if "*" in known:
        return ("*",)
    return None if None in every else tuple(sorted(known))
