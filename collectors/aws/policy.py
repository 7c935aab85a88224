"""What a policy admits: which principals may do what, whether anyone may, and which outsiders may.

Every answer has three values. A statement that certainly admits somebody decides, whatever the others are; a statement
that depends on more than the policy says makes the answer unknown, never a guess.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from collectors.aws.actions import SERVICES as ACTIONS
from collectors.aws.actions import ServiceActions
from collectors.aws.callers import (
    EVERYWHERE,
    FREE,
    NOBODY,
    SERVICES,
    SOMEBODY,
    UNDECIDED,
    Callers,
    Owner,
    Reach,
    Tie,
    any_of,
    either,
    exemption,
    leaves_out,
    tie_of_allow,
    tied_to,
    together,
)
from collectors.aws.policy_document import ANYONE, Condition, Principal, Statement, parse_policy
from evidence.model import Capability, PrincipalKind

_ACCOUNT = re.compile(r"\d{12}")
_ROOT = re.compile(r"arn:[a-z0-9-]+:iam::(\d{12}):root")
_UNIQUE_ID = re.compile(r"(AIDA|AROA|AGPA|ANPA|AIPA|ANVA|ASIA)[A-Z0-9]{12,}")
_SESSION_OF_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")


@dataclass(frozen=True, slots=True)
class Admission:
    """A principal and what one statement allows it."""

    principal: str
    kind: PrincipalKind
    capabilities: tuple[Capability, ...]
    conditions: str
    """As canonical JSON; `{}` for none."""
    outside: bool | None
    public: bool | None


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """What a policy admits."""

    public: bool | None
    outsiders: tuple[str, ...] | None
    """Accounts and organizations outside the own one, sorted; `*` for every account."""
    wildcard_access: bool | None
    account_delegated: bool | None
    admissions: tuple[Admission, ...]
    complete: bool
    """Every principal that is admitted is among `admissions`."""


NO_POLICY = PolicyFacts(
    public=False, outsiders=(), wildcard_access=False, account_delegated=False, admissions=(), complete=True
)
"""What a thing without a policy of its own admits."""


def policy_facts(text: str, resource: str, service: str, owner: Owner) -> PolicyFacts:
    """What the policy `text` of the thing with the ARN `resource` admits, by the actions of `service`.

    Raises PolicyError where the text is no policy document.
    """
    everywhere = all(s.resources == ("*",) and not s.resources_left_out for s in _parsed(text))
    return _facts_of(text, "" if everywhere else resource, service, owner)


_parsed = lru_cache(maxsize=512)(parse_policy)


def merged(every: Sequence[PolicyFacts]) -> PolicyFacts:
    """What several policies of one thing admit together."""
    return PolicyFacts(
        public=any_of(facts.public for facts in every),
        outsiders=all_outsiders([facts.outsiders for facts in every]),
        wildcard_access=any_of(facts.wildcard_access for facts in every),
        account_delegated=any_of(facts.account_delegated for facts in every),
        admissions=tuple(admission for facts in every for admission in facts.admissions),
        complete=all(facts.complete for facts in every),
    )


def all_outsiders(every: Iterable[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """The outsiders of several statements or grants; None where those of one are not known.

    Where every account is admitted nothing is left to be known.
    """
    every = list(every)
    known = set().union(*(names for names in every if names is not None))
    if EVERYWHERE in known:
        return (EVERYWHERE,)
    return None if None in every else tuple(sorted(known))


def outsiders_among(places: Iterable[str], owner: Owner) -> tuple[str, ...] | None:
    """Those of `places` that are outside, sorted; None where that is not known of one."""
    places = set(places)
    outside = {place: owner.outside(place) for place in places}
    return None if None in outside.values() else tuple(sorted(place for place in places if outside[place]))


@dataclass(frozen=True, slots=True)
class _Part:
    """Some actions that a statement allows a principal, and who gets them once the Deny statements are heard."""

    actions: frozenset[str]
    callers: Callers
    doubtful: bool
    """A Deny statement may take them away."""
    partly: bool
    """Some of the callers are left out, so that not each place named need have one."""


@lru_cache(maxsize=512)
def _facts_of(text: str, resource: str, prefix: str, owner: Owner) -> PolicyFacts:
    statements, service = _parsed(text), ACTIONS[prefix]
    denials = [(s, _actions(s, service)) for s in statements if not s.allow and s.concerns(resource) is not False]
    public: list[bool | None] = []
    wildcard: list[bool | None] = []
    delegated: list[bool | None] = []
    outside: list[tuple[str, ...] | None] = []
    admissions: dict[Admission, None] = {}
    complete = True
    for statement in statements:
        if not statement.allow or statement.concerns(resource) is False:
            continue
        allowed = _actions(statement, service)
        if not allowed:
            continue
        for principal in _admitted(statement):
            parts = list(_parts(statement, principal, allowed, denials, resource, owner))
            public.extend(_unless(part.doubtful, part.callers.anyone) for part in parts)
            wildcard.extend(public[len(public) - len(parts) :])
            wildcard.append(_every_operation(principal, parts, service, owner))
            if home_root(principal, owner):
                delegated.extend(_unless(part.doubtful, True) for part in parts)
            outside.extend(_outsiders(part, owner) for part in parts)
            complete = complete and not any(part.doubtful and _capabilities(part.actions, service) for part in parts)
            for admission in _admissions(statement, principal, parts, service, owner):
                admissions[admission] = None
    return PolicyFacts(
        public=any_of(public),
        outsiders=all_outsiders(outside),
        wildcard_access=any_of(wildcard),
        account_delegated=any_of(delegated),
        admissions=tuple(admissions),
        complete=complete,
    )


def _unless(doubtful: bool, truth: bool | None) -> bool | None:
    return None if doubtful and truth else truth


def _actions(statement: Statement, service: ServiceActions) -> frozenset[str]:
    named = service.matching(statement.actions)
    return service.all - named if statement.actions_left_out else named


def _admitted(statement: Statement) -> tuple[Principal, ...]:
    return (ANYONE,) if statement.everyone_else else statement.principals


def _parts(
    statement: Statement,
    principal: Principal,
    allowed: frozenset[str],
    denials: Sequence[tuple[Statement, frozenset[str]]],
    resource: str,
    owner: Owner,
) -> Iterator[_Part]:
    """The allowed actions, by the Deny statements that concern them; those surely denied are left out."""
    ties = [_tie_of(principal), *(tie_of_allow(c, statement.conditions, owner) for c in statement.conditions)]
    partly = any(leaves_out(condition) for condition in statement.conditions)
    groups: dict[tuple[int, ...], set[str]] = defaultdict(set)
    for action in allowed:
        groups[tuple(n for n, (_, denied) in enumerate(denials) if action in denied)].add(action)
    for numbers, actions in sorted(groups.items()):
        spared = [_spared(denials[number][0], principal, resource, owner) for number in numbers]
        fences = [tie for tie in spared if tie.reach is Reach.TIED and not _passes(principal, tie)]
        if NOBODY in fences or _only_services(principal, [*ties[1:], *fences]):
            continue
        callers = together([*ties, *fences], owner)
        if callers.places == frozenset() and not callers.services and not _gone(principal):
            continue
        yield _Part(
            frozenset(actions),
            callers,
            doubtful=statement.concerns(resource) is None or any(tie.reach is Reach.UNDECIDED for tie in spared),
            partly=partly or any(tie.places is None for tie in fences),
        )


def _passes(principal: Principal, tie: Tie) -> bool:
    return principal.type == "Service" and tie.services


def _only_services(principal: Principal, ties: Iterable[Tie]) -> bool:
    """Only services meet these ties, and the principal is none."""
    return principal.type != "Service" and principal.name != "*" and any(tie.services for tie in ties)


def _spared(denial: Statement, principal: Principal, resource: str, owner: Owner) -> Tie:
    """Those of the principal whom a Deny statement spares: FREE for all, an empty tie for none."""
    if denial.concerns(resource) is None:
        return UNDECIDED
    exemptions = [exemption(condition, denial.conditions, owner) for condition in denial.conditions]
    for found in exemptions:
        if found.hits is not None:
            return _spared_by_hits(found.hits, principal, denial, owner)
    if any(found.tie.reach is Reach.FREE for found in exemptions):
        return FREE
    ties = [_spared_by_principals(denial, principal), *(found.tie for found in exemptions)]
    return either(ties)


def _spared_by_hits(hits: Tie, principal: Principal, denial: Statement, owner: Owner) -> Tie:
    if principal.name == "*":
        return FREE
    mine = _tie_of(principal)
    if hits.places is None or mine.places is None:
        return UNDECIDED
    return UNDECIDED if together([mine, replace(hits, source=False)], owner).places else FREE


def _spared_by_principals(denial: Statement, principal: Principal) -> Tie:
    relations = {_relation(named, principal) for named in denial.principals}
    if not denial.everyone_else:
        return NOBODY if relations & {"same", "whole"} else UNDECIDED if "near" in relations else FREE
    if principal.name == "*":
        return either([_tie_of(named) for named in denial.principals])
    return FREE if "same" in relations else UNDECIDED if relations & {"whole", "near"} else NOBODY


def _relation(named: Principal, principal: Principal) -> str:
    """How a principal of a Deny statement relates to an allowed one.

    `same`; `whole`: the account, or everyone, of whom it is a part; `near`: it may be the same; `none`.
    """
    if named == principal:
        return "same"
    if named.name == "*":
        return "whole"
    if principal.name == "*":
        return "none"
    mine, theirs = _tie_of(principal).places, _tie_of(named).places
    if mine is None or theirs is None:
        return "near"
    if not mine or mine != theirs:
        return "none"
    if _account_of(named):
        return "same" if _account_of(principal) else "whole"
    role = _role_of(principal.name)
    return "near" if role and role == _role_of(named.name) else "none"


def _every_operation(
    principal: Principal, parts: Sequence[_Part], service: ServiceActions, owner: Owner
) -> bool | None:
    if home_root(principal, owner) or _gone(principal):
        return False
    if frozenset().union(*(part.actions for part in parts)) != service.all:
        return False
    return None if any(part.doubtful for part in parts) else True


def _outsiders(part: _Part, owner: Owner) -> tuple[str, ...] | None:
    if part.callers.places is None:
        return None
    found = outsiders_among(part.callers.places, owner)
    return None if found and (part.doubtful or (part.partly and found != ("*",))) else found


def _admissions(
    statement: Statement, principal: Principal, parts: Sequence[_Part], service: ServiceActions, owner: Owner
) -> Iterator[Admission]:
    for part in parts:
        capabilities = _capabilities(part.actions, service)
        if part.doubtful or not capabilities:
            continue
        outside = None if _gone(principal) else part.callers.outside(owner)
        yield Admission(
            principal=principal.name,
            kind=_kind(principal, part.callers, statement.conditions),
            capabilities=capabilities,
            conditions=statement.text,
            outside=None if outside and part.partly and part.callers.anyone is False else outside,
            public=part.callers.anyone,
        )


def _capabilities(actions: frozenset[str], service: ServiceActions) -> tuple[Capability, ...]:
    return tuple(capability for capability, names in service.capabilities.items() if names & actions)


def home_root(principal: Principal, owner: Owner) -> bool:
    """The principal is the account that owns the thing: its own policies decide who in it gets what is allowed."""
    return principal.type == "AWS" and _account_of(principal) == owner.account


def _account_of(principal: Principal) -> str:
    """The account that the principal is as a whole, or ""."""
    if principal.type != "AWS":
        return ""
    if _ACCOUNT.fullmatch(principal.name):
        return principal.name
    root = _ROOT.fullmatch(principal.name)
    return root[1] if root else ""


def _role_of(arn: str) -> str:
    """The name of the role that an ARN is, or is a session of; else ""."""
    kind, _, rest = arn.split(":", 5)[-1].partition("/")
    if kind == "assumed-role":
        return rest.split("/", 1)[0]
    return rest.rsplit("/", 1)[-1] if kind == "role" else ""


def _gone(principal: Principal) -> bool:
    """AWS puts the unique id of a user or role in its place once it is deleted; the id comes to nobody again."""
    return principal.type == "AWS" and _UNIQUE_ID.fullmatch(principal.name) is not None


def _tie_of(principal: Principal) -> Tie:
    """Whom a principal names.

    Source: IAM User Guide, AWS JSON policy elements: Principal.
    """
    name = principal.name
    if principal.type == "Service":
        return SERVICES
    if principal.type == "CanonicalUser":
        return SOMEBODY
    if principal.type == "AWS" and name == "*":
        return FREE
    if _gone(principal):
        return tied_to()
    account = _account_of(principal)
    if account:
        return tied_to(account)
    parts = name.split(":", 5)
    if len(parts) == 6 and parts[0] == "arn" and parts[2] in ("iam", "sts") and _ACCOUNT.fullmatch(parts[4]):
        return tied_to(parts[4])
    return UNDECIDED


def principal_kind(name: str) -> PrincipalKind:
    """What the principal of that ARN, account id or service name is, as far as the name tells.

    Source: IAM User Guide, IAM identifiers; roles of IAM Identity Center begin with AWSReservedSSO_, service-linked
    roles stand under aws-service-role, and the session of an EC2 instance bears the instance's id.
    """
    if _account_of(Principal("AWS", name)):
        return PrincipalKind.ACCOUNT
    if ":" not in name:
        return PrincipalKind.SERVICE if name.endswith((".amazonaws.com", ".amazonaws.com.cn")) else _by_unique_id(name)
    kind, _, path = name.split(":", 5)[-1].partition("/")
    role = _role_of(name)
    if kind == "user" or role.startswith("AWSReservedSSO_"):
        return PrincipalKind.HUMAN
    if kind == "role" and path.startswith("aws-service-role/"):
        return PrincipalKind.MACHINE
    if kind == "assumed-role" and _SESSION_OF_INSTANCE.fullmatch(path.rpartition("/")[2]):
        return PrincipalKind.MACHINE
    return PrincipalKind.UNDECIDED


def _by_unique_id(name: str) -> PrincipalKind:
    return PrincipalKind.HUMAN if name.startswith("AIDA") else PrincipalKind.UNDECIDED


def principal_place(name: str) -> str | None:
    """The account of the grantee that is named so; "" for a service or one that is gone, None where it is not told."""
    principal = Principal("AWS", name)
    if principal_kind(name) is PrincipalKind.SERVICE or _gone(principal):
        return ""
    places = _tie_of(principal).places
    return next(iter(places)) if places else None


def principal_outside(name: str, owner: Owner) -> bool | None:
    """The grantee that is named so is outside the organization; None where the name does not tell."""
    place = principal_place(name)
    if place is None or _gone(Principal("AWS", name)):
        return None
    return owner.outside(place) if place else False


def _kind(principal: Principal, callers: Callers, conditions: Iterable[Condition]) -> PrincipalKind:
    if principal.type == "Service":
        return PrincipalKind.SERVICE
    if principal.type != "AWS":
        return PrincipalKind.UNDECIDED
    if principal.name != "*":
        return principal_kind(principal.name)
    if callers.anyone is not False:
        return PrincipalKind.ANYONE if callers.anyone else PrincipalKind.UNDECIDED
    if callers.services:
        return PrincipalKind.SERVICE
    kinds = {
        principal_kind(value)
        for condition in conditions
        if condition.key == "aws:principalarn" and not condition.negated
        for value in condition.values
    }
    if kinds:
        return kinds.pop() if len(kinds) == 1 else PrincipalKind.UNDECIDED
    return PrincipalKind.ACCOUNT if callers.places else PrincipalKind.UNDECIDED
