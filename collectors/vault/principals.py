"""Who has which ACL policies in a namespace, as far as roles, users, entities and groups tell.

A token has the policies of what it was logged in with, those of its entity and of the entity's groups, and `default`.
Tokens that somebody made without a role are in no list: a policy that nobody is known to have stands for whoever has
a token with it. Source: HashiCorp Vault documentation, Identity secrets engine, and Tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from collectors.scope_rows import NOT_ASKED
from collectors.vault.access_answers import (
    DetailedPolicies,
    Entity,
    EntityAnswer,
    GroupAnswer,
    Policy,
    PolicyAnswer,
    Role,
    RoleAnswer,
    TokenRole,
    TokenRoleAnswer,
)
from collectors.vault.access_operations import (
    LIST_DETAILED,
    LIST_ENTITIES,
    LIST_GROUPS,
    LIST_METHODS,
    LIST_POLICIES,
    READ_ENTITY,
    READ_GROUP,
    READ_POLICY,
)
from collectors.vault.answers import Listing, Mounts
from collectors.vault.methods import INTERACTIVE, KINDS, ROLLS, WITH_USERS, Roll
from collectors.vault.policy import DEFAULT, ROOT, AccessList
from collectors.vault.policy_document import PolicyError, Rule, parse_policy
from collectors.wildcards import matches
from evidence.model import GapKind, PrincipalKind
from evidence.observation import Observation
from evidence.reading import Answer, AnswerT, Failure, Reading

_CLAIMED = "what a caller's token says decides which policies a role gives"
_JOINED = "an entity has the policies of the role that it logs in with too, and which role that is is not told"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who has policies."""

    id: str
    """The path at which Vault tells of it: `auth/approle/role/web`."""
    kind: PrincipalKind
    policies: frozenset[str]
    evidence: tuple[str, ...]
    """Ids of the observations that tell which policies it has."""


@dataclass(slots=True)
class Directory:
    """The policies of one namespace and who has them."""

    namespace: str
    """Its path with a slash at its end; "" for the root."""
    policies: dict[str, tuple[Rule, ...]] = field(default_factory=dict)
    """Those that could be read."""
    observations: dict[str, str] = field(default_factory=dict)
    """Policy → the observation that tells its text."""
    principals: list[Principal] = field(default_factory=list)
    at: datetime = datetime(1, 1, 1, tzinfo=UTC)
    """When the policies were read: rules that had expired then count for nothing."""
    failures: dict[str, Failure] = field(default_factory=dict)
    """Operation → why principals or policies may be missing."""
    made_up_for: dict[str, Failure] = field(default_factory=dict)
    """Operation → why it told nothing, where another told the same."""

    def access_list(self, policies: Iterable[str]) -> AccessList:
        """What these policies say together, as far as they could be read."""
        return AccessList({name: self.policies[name] for name in sorted(policies) if name in self.policies}, self.at)

    def fail(self, operation: str, kind: GapKind, error: str, observation: str = "") -> None:
        """Remember why something is missing; the first reason stands."""
        self.failures.setdefault(operation, Failure(kind, error, observation))


def namespaces_above(reading: Reading, namespace: str) -> list[str]:
    """The namespaces whose policies were asked for, from the highest to this one, which is always among them."""
    asked = {str(o.parameters.get("namespace", "")) for o in reading.of(LIST_DETAILED)}
    return sorted({*(name for name in asked if namespace.startswith(name)), namespace}, key=len)


def directory_of(reading: Reading, namespace: str) -> Directory:
    """The policies and principals of a namespace by its observations in a reading."""
    own = [o for o in reading.observations if str(o.parameters.get("namespace", "")) == namespace]
    directory = Directory(namespace)
    answers = _Answers(directory, own)
    _read_policies(answers)
    groups = _groups(answers)
    by_method = list(_of_methods(answers))
    principals = [*by_method, *groups.values(), *_entities(answers, groups, by_method)]
    held = {policy for principal in principals for policy in principal.policies}
    principals += [
        Principal(f"sys/policies/acl/{name}", PrincipalKind.GROUP, frozenset({name}), (observation,))
        for name, observation in directory.observations.items()
        if name not in {ROOT, *held}
    ]
    directory.principals = [principal for principal in principals if principal.policies]
    return directory


class _Answers:
    """What was answered to the questions about one namespace; what was not is remembered as a failure."""

    def __init__(self, directory: Directory, observations: Sequence[Observation]) -> None:
        self.directory = directory
        self._by_operation: dict[str, list[Observation]] = {}
        for observation in observations:
            self._by_operation.setdefault(observation.operation, []).append(observation)

    def one(self, operation: str, model: type[AnswerT], mount: str = "") -> tuple[str, AnswerT] | None:
        """The one answer about a method, or about the namespace."""
        found = next(((o, a) for place, _, o, a in self._all(operation, model) if place == mount), None)
        if found is None:
            self.directory.fail(operation, GapKind.FAILED, NOT_ASKED)
        return found

    def detailed(self) -> tuple[str, Mapping[str, Policy]] | None:
        """The observation that tells every policy, and these; None where policies are told one by one."""
        for observation in self._by_operation.get(LIST_DETAILED, ()):
            single = Reading("", [observation])
            answer = single.answer(LIST_DETAILED, DetailedPolicies)
            self.directory.made_up_for.update(single.failures)
            if answer is not None and answer.offered:
                return observation.id, {
                    name: answer.data.key_info[name] for name in answer.names
                } if answer.data else {}
        return None

    def members(
        self, list_operation: str, operation: str, model: type[AnswerT], mount: str = ""
    ) -> Iterator[tuple[str, str, AnswerT]]:
        """Name, observation and answer of each that a list names and that was asked about."""
        listing = self.one(list_operation, Listing, mount)
        listed = listing[1].names if listing else []
        asked = {
            str(o.parameters.get("name", ""))
            for o in self._by_operation.get(operation, ())
            if str(o.parameters.get("mount", "")) == mount
        }
        missing = [name for name in listed if name not in asked]
        if missing:
            text = f"{len(listed)} are listed, and {len(missing)} of them were not asked about"
            self.directory.fail(operation, GapKind.FAILED, text, listing[0] if listing else "")
        for place, name, observation, answer in self._all(operation, model):
            if place == mount:
                yield name, observation, answer

    def _all(self, operation: str, model: type[AnswerT]) -> Iterator[tuple[str, str, str, AnswerT]]:
        for observation in self._by_operation.get(operation, ()):
            single = Reading("", [observation])
            answer = single.answer(operation, model)
            for name, failure in single.failures.items():
                self.directory.failures.setdefault(name, failure)
            if answer is not None:
                parameters = observation.parameters
                yield str(parameters.get("mount", "")), str(parameters.get("name", "")), observation.id, answer

    def received(self, operation: str) -> datetime:
        """When the last answer to an operation came."""
        times = (datetime.fromisoformat(o.received_at) for o in self._by_operation.get(operation, ()))
        return max(times, default=self.directory.at)


def _read_policies(answers: _Answers) -> None:
    """By the list that tells them all, or else one by one."""
    directory = answers.directory
    detailed = answers.detailed()
    if detailed is not None:
        observation, told = detailed
        for name, policy in told.items():
            _read_policy(directory, LIST_DETAILED, name, policy.policy, observation)
        directory.at = answers.received(LIST_DETAILED)
        return
    for name, observation, answer in answers.members(LIST_POLICIES, READ_POLICY, PolicyAnswer):
        _read_policy(directory, READ_POLICY, name, answer.data.policy, observation)
    directory.at = answers.received(READ_POLICY)


def _read_policy(directory: Directory, operation: str, name: str, text: str, observation: str) -> None:
    directory.observations[name] = observation
    try:
        directory.policies[name] = () if name == ROOT else parse_policy(text)
    except PolicyError as error:
        directory.fail(operation, GapKind.FAILED, f"the policy {name} cannot be read: {error}", observation)


def _with_default(policies: Iterable[str], without: bool = False) -> frozenset[str]:
    """A token of no policy at all has `default` too, but that it has of being a token."""
    own = frozenset(policies)
    return own if without or ROOT in own or not own else own | {DEFAULT}


def _of_methods(answers: _Answers) -> Iterator[Principal]:
    found = answers.one(LIST_METHODS, Mounts)
    for path, method in sorted((found[1].data if found else {}).items()):
        if method.type not in ROLLS:
            answers.directory.fail(
                LIST_METHODS,
                GapKind.NOT_OFFERED,
                f"who has which policies by an auth method of the type {method.type} is not read",
                found[0] if found else "",
            )
        for roll in ROLLS.get(method.type, ()):
            yield from _of_roll(answers, path, roll)


def _of_roll(answers: _Answers, mount: str, roll: Roll) -> Iterator[Principal]:
    model: type[Answer] = TokenRoleAnswer if roll.read == "auth:ReadTokenRole" else RoleAnswer
    for name, observation, answer in answers.members(roll.list, roll.read, model, mount):
        kind, policies = roll.kind, frozenset[str]()
        if isinstance(answer, TokenRoleAnswer):
            policies = _of_token_role(answers.directory, answer.data)
        elif isinstance(answer, RoleAnswer):
            policies = _of_role(answers.directory, roll, answer.data, observation)
            kind = PrincipalKind.HUMAN if answer.data.role_type == INTERACTIVE else kind
        yield Principal(f"auth/{mount}{roll.path}/{name}", kind, policies, (observation,))


def _of_role(directory: Directory, roll: Roll, role: Role, observation: str) -> frozenset[str]:
    if role.token_policies_template_claims:
        directory.fail(roll.read, GapKind.NOT_OFFERED, _CLAIMED, observation)
    return _with_default([*role.token_policies, *role.policies], role.token_no_default_policy)


def _of_token_role(directory: Directory, role: TokenRole) -> frozenset[str]:
    """The most that tokens made by a role can have; without a list they have what their maker asks for and has."""
    allowed = {*role.allowed_policies}
    allowed |= {name for name in directory.observations for glob in role.allowed_policies_glob if _named(glob, name)}
    denied = {*role.disallowed_policies}
    denied |= {name for name in allowed for glob in role.disallowed_policies_glob if _named(glob, name)}
    return _with_default(allowed - denied, role.token_no_default_policy or DEFAULT in denied)


def _named(glob: str, name: str) -> bool:
    """Only `*` stands for anything else. Source: HashiCorp Vault documentation, token auth method API."""
    return "?" not in glob and matches(glob, name)


def _groups(answers: _Answers) -> dict[str, Principal]:
    """Groups by their ids."""
    return {
        group.data.id: Principal(
            f"identity/group/name/{group.data.name}",
            PrincipalKind.GROUP,
            _with_default(group.data.policies),
            (observation,),
        )
        for _, observation, group in answers.members(LIST_GROUPS, READ_GROUP, GroupAnswer)
    }


def _entities(
    answers: _Answers, groups: Mapping[str, Principal], by_method: Sequence[Principal]
) -> Iterator[Principal]:
    known = {principal.id: principal for principal in by_method}
    for _, observation, answer in answers.members(LIST_ENTITIES, READ_ENTITY, EntityAnswer):
        entity = answer.data
        if entity.disabled:
            continue
        joined = [groups[id] for id in entity.group_ids if id in groups]
        own = frozenset(entity.policies).union(*(group.policies for group in joined))
        if not own:
            continue
        users = [known[id] for id in _users(entity) if id in known]
        _tell_of_roles(answers.directory, entity, by_method, observation)
        yield Principal(
            f"identity/entity/name/{entity.name}",
            _kind(entity),
            _with_default(own.union(*(user.policies for user in users))),
            (observation, *(id for one in (*joined, *users) for id in one.evidence)),
        )


def _users(entity: Entity) -> list[str]:
    """The users that an entity is, by the names of its aliases."""
    return [f"{alias.mount_path}users/{alias.name}" for alias in entity.aliases if alias.mount_type in WITH_USERS]


def _tell_of_roles(directory: Directory, entity: Entity, by_method: Sequence[Principal], observation: str) -> None:
    """What an entity may is not known whole where it may log in with roles that give more."""
    places = tuple(alias.mount_path for alias in entity.aliases if alias.mount_type not in WITH_USERS)
    if any(principal.policies and principal.id.startswith(places) for principal in by_method):
        directory.fail(READ_ENTITY, GapKind.NOT_OFFERED, _JOINED, observation)


def _kind(entity: Entity) -> PrincipalKind:
    """A person or a machine, where all ways in which it logs in are for the one or the other."""
    kinds = {KINDS.get(alias.mount_type, PrincipalKind.UNDECIDED) for alias in entity.aliases}
    return kinds.pop() if len(kinds) == 1 else PrincipalKind.UNDECIDED
