"""Who may use a vault's keys and secrets: from roles assigned and access policies to access rows and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from collectors.azure.answers import (
    AccessPolicy,
    Assignment,
    AssignmentProperties,
    Assignments,
    Permission,
    RoleDefinition,
    RoleDefinitions,
)
from collectors.azure.answers import Vault as VaultAnswer
from collectors.azure.facts.scope import Setting
from collectors.azure.roles import (
    BUILT_IN,
    GRANTS_BY_POLICIES,
    GRANTS_BY_ROLES,
    HSM_KEYS,
    POLICY_KEYS,
    POLICY_SECRETS,
    VAULT_KEYS,
    VAULT_SECRETS,
    Duties,
    allows,
    granted_at,
    permits_all,
    placed,
    policy_capabilities,
    policy_permits_all,
    role_id,
)
from collectors.scope_rows import expect, listed
from evidence.model import Access, Capability, GapKind, PrincipalKind, Row
from evidence.observation import canonical_json, short_id
from evidence.reading import Failure, Reading

ASSIGNMENTS = "arm:RoleAssignments_ListForScope"
DEFINITIONS = "arm:RoleDefinitions_Get"
LOCAL_ASSIGNMENTS = "administration:RoleAssignments_ListForScope"
LOCAL_DEFINITIONS = "administration:RoleDefinitions_List"

_NOBODY = "the list names no assignment, not even the one by which the caller reads the store"

_KINDS = {
    "User": PrincipalKind.HUMAN,
    "Group": PrincipalKind.GROUP,
    "ForeignGroup": PrincipalKind.GROUP,
    "ServicePrincipal": PrincipalKind.MACHINE,
    "Device": PrincipalKind.MACHINE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one role assignment or access policy gives its principal."""

    id: str
    place: str
    """"" for the whole store; `keys/NAME` or `secrets/NAME` for one thing in it."""
    principal: str
    kind: PrincipalKind = PrincipalKind.UNDECIDED
    outsider: str | None = ""
    """The tenant or group outside the organization that the principal is of, or ""; None where that is not told."""
    via: str
    conditions: str = "{}"
    on: Mapping[str, tuple[Capability, ...]]
    """`keys` and `secrets` → what it may do with them."""
    everything_on: frozenset[str] = frozenset()
    """Those of `keys` and `secrets` on which it gives every operation."""
    evidence: tuple[str, ...] = ()

    @property
    def untold(self) -> Reading:
        """Why it is not known where its principal is from, if it is not."""
        failures = {}
        if self.outsider is None:
            error = "the answer names no known type of a principal"
            failures[ASSIGNMENTS] = Failure(GapKind.FAILED, error, self.evidence[0])
        return Reading("", [], failures)

    def concerns(self, place: str) -> bool:
        """It gives something on that thing."""
        whole = self.place == ""
        return bool(self.on.get(place.partition("/")[0])) and (whole or self.place.lower() == place.lower())


@dataclass(slots=True)
class StoreAccess:
    """All that is granted on one store and on what it holds."""

    grants: list[Grant] = field(default_factory=list)
    delegated: bool | None = None
    """Whoever assigns roles above the store decides who may use it."""
    operations: tuple[str, ...] = ()
    """What tells of it; where one of them failed, not all grants are known."""

    def complete(self, reading: Reading) -> bool:
        """Every grant was read."""
        return not set(self.operations) & reading.failures.keys()

    def facts(self, place: str, reading: Reading) -> dict[str, Any]:
        """The columns of a key or secret at that place. No principal of Azure is anyone at all."""
        grants = [grant for grant in self.grants if grant.concerns(place)]
        kind = place.partition("/")[0]
        everything = any(kind in grant.everything_on for grant in grants)
        if not self.complete(reading):
            return {"wildcard_access": True} if everything else {}
        outsiders = [grant.outsider for grant in grants if grant.outsider is not None]
        return {
            "public": False,
            "external_accounts": sorted({*outsiders} - {""}) if len(outsiders) == len(grants) else None,
            "wildcard_access": everything,
        }

    def untold(self, place: str, reading: Reading) -> list[Reading]:
        """Why it is not known where the principals are from who may use the key or secret at that place."""
        unknown = [grant for grant in self.grants if grant.outsider is None and grant.concerns(place)]
        return [grant.untold for grant in unknown] if self.complete(reading) else []


def vault_access(
    setting: Setting, reading: Reading, vault: VaultAnswer | None, resource: str, observation: str
) -> StoreAccess:
    """What is granted on a vault; `observation` is that of the vault's own answer."""
    access = StoreAccess(operations=(ASSIGNMENTS, DEFINITIONS))
    assigned = list(_assigned(reading, resource))
    if vault is None:
        access.operations = ("arm:Vaults_Get", *access.operations)
        return access
    by_roles = vault.properties.enableRbacAuthorization is True
    access.delegated = by_roles
    for observations, assignment, permissions, place in assigned:
        on = {
            "keys": _by_role(permissions, VAULT_KEYS, place, by_roles),
            "secrets": _by_role(permissions, VAULT_SECRETS, place, by_roles),
        }
        every = {
            "keys": by_roles and permits_all(permissions, VAULT_KEYS.data),
            "secrets": by_roles and permits_all(permissions, VAULT_SECRETS.data),
        }
        access.grants.append(_assignment_grant(assignment, place, on, every, observations))
    if not by_roles:
        for policy in vault.properties.accessPolicies or ():
            access.grants.append(_policy_grant(setting, policy, vault.properties.tenantId, resource, observation))
    return access


def hsm_access(reading: Reading, resource: str) -> StoreAccess:
    """What is granted on a managed HSM: its own roles give the use of keys, those of Azure the HSM as a resource."""
    access = StoreAccess(delegated=False, operations=(ASSIGNMENTS, DEFINITIONS, LOCAL_ASSIGNMENTS, LOCAL_DEFINITIONS))
    for observations, assignment, permissions, place in _assigned(reading, resource):
        on = {"keys": _capabilities(permissions, HSM_KEYS.control, data=False) if place == "" else ()}
        access.grants.append(_assignment_grant(assignment, place, on, {}, observations))
    roles: dict[str, tuple[str, tuple[Permission, ...]]] = {}
    for observation, page in listed(reading, LOCAL_DEFINITIONS, RoleDefinitions, lambda page: page.more):
        roles.update({role_id(r.id): (observation, tuple(r.properties.permissions)) for r in page.value})
    for observation, local in listed(reading, LOCAL_ASSIGNMENTS, Assignments, lambda page: page.more):
        for assignment in local.value:
            known = roles.get(role_id(assignment.properties.roleDefinitionId))
            if known is None:
                reading.fail(LOCAL_DEFINITIONS, GapKind.FAILED, "a role that is assigned is not among them")
                continue
            defined, permissions = known
            place = assignment.properties.scope.strip("/")
            place = place if place.startswith("keys/") else ""
            on = {"keys": _capabilities(permissions, HSM_KEYS.data, data=True)}
            every = {"keys": permits_all(permissions, HSM_KEYS.data)}
            access.grants.append(_assignment_grant(assignment, place, on, every, (observation, defined), local=True))
    return access


def _assigned(
    reading: Reading, resource: str
) -> Iterator[tuple[tuple[str, ...], Assignment, tuple[Permission, ...], str]]:
    """The assignments that concern a store, each with what its role allows and the place where it does."""
    asked: dict[str, tuple[str, tuple[Permission, ...]]] = {}
    if any(reading.of(DEFINITIONS)):
        for observation, definition in listed(reading, DEFINITIONS, RoleDefinition, lambda answer: False):
            asked[role_id(definition.id)] = (observation, tuple(definition.properties.permissions))
    found = False
    for observation, page in listed(reading, ASSIGNMENTS, Assignments, lambda page: page.more):
        for assignment in page.value:
            found = True
            place = placed(assignment.properties.scope, resource)
            if place is None:
                continue
            id = role_id(assignment.properties.roleDefinitionId)
            defined, permissions = asked.get(id) or ("", BUILT_IN.get(id))
            if permissions is None:
                expect(reading, DEFINITIONS)
                reading.fail(DEFINITIONS, GapKind.FAILED, "the role that is assigned was not told")
                continue
            yield tuple(filter(None, (observation, defined))), assignment, permissions, place
    if not found:
        last = list(reading.of(ASSIGNMENTS))[-1:]
        reading.fail(ASSIGNMENTS, GapKind.FAILED, _NOBODY, last[0].id if last else "")


def _by_role(permissions: Iterable[Permission], duties: Duties, place: str, by_roles: bool) -> tuple[Capability, ...]:
    permissions = tuple(permissions)
    found = set(_capabilities(permissions, duties.data, data=True)) if by_roles else set()
    if place == "":
        found |= set(_capabilities(permissions, duties.control, data=False))
    granting = GRANTS_BY_ROLES if by_roles else GRANTS_BY_POLICIES
    if (by_roles or place == "") and any(allows(permissions, action, data=False) for action in granting):
        found.add(Capability.GRANT)
    return tuple(capability for capability in Capability if capability in found)


def _capabilities(
    permissions: tuple[Permission, ...], duties: Mapping[Capability, tuple[str, ...]], *, data: bool
) -> tuple[Capability, ...]:
    return tuple(
        capability
        for capability, actions in duties.items()
        if any(allows(permissions, action, data=data) for action in actions)
    )


def _assignment_grant(
    assignment: Assignment,
    place: str,
    on: Mapping[str, tuple[Capability, ...]],
    every: Mapping[str, bool],
    evidence: tuple[str, ...],
    *,
    local: bool = False,
) -> Grant:
    told = assignment.properties
    condition = {"condition": told.condition, "version": told.conditionVersion or ""} if told.condition else {}
    level = ("key" if place else "managed HSM") if local else granted_at(told.scope)
    return Grant(
        id=assignment.id,
        place=place,
        principal=told.principalId,
        kind=_KINDS.get(told.principalType or "", PrincipalKind.UNDECIDED),
        outsider=_outsider(told, local=local),
        via=f"{'local ' if local else ''}role assignment at {level}",
        conditions=canonical_json(condition),
        on=on,
        everything_on=frozenset(name for name, all_of_it in every.items() if all_of_it),
        evidence=evidence,
    )


def _outsider(told: AssignmentProperties, *, local: bool) -> str | None:
    """Only the type of a principal tells a group of another tenant; local roles are assigned without one."""
    if told.principalType == "ForeignGroup":
        return told.principalId
    return "" if local or told.principalType in _KINDS else None


def _policy_grant(setting: Setting, policy: AccessPolicy, home: str, resource: str, observation: str) -> Grant:
    """An access policy; with an application, it is for users of just that application."""
    permissions = policy.permissions
    on = {
        "keys": tuple(policy_capabilities(permissions.keys, POLICY_KEYS)),
        "secrets": tuple(policy_capabilities(permissions.secrets, POLICY_SECRETS)),
    }
    every = {
        "keys": policy_permits_all(permissions.keys, POLICY_KEYS),
        "secrets": policy_permits_all(permissions.secrets, POLICY_SECRETS),
    }
    own = {home.lower(), *(account.lower() for account in setting.settings.organization_accounts)}
    return Grant(
        id=canonical_json([resource, policy.tenantId, policy.objectId, policy.applicationId or ""]),
        place="",
        principal=policy.objectId,
        outsider="" if policy.tenantId.lower() in own else policy.tenantId,
        via="access policy",
        conditions=canonical_json({"applicationId": policy.applicationId} if policy.applicationId else {}),
        on=on,
        everything_on=frozenset(name for name, all_of_it in every.items() if all_of_it),
        evidence=(observation,),
    )


def access_rows(
    setting: Setting, access: StoreAccess, reading: Reading, resource: str, things: Mapping[str, str]
) -> Iterator[Row]:
    """The access rows of a store and of what it holds, with their gaps.

    What is granted on all of a store is one row about it, not one about each key: for secrets its subject is the
    store's collection of them. `things` gives the id of a thing by its place, in lower case.
    """
    for grant in access.grants:
        for kind, capabilities in grant.on.items():
            subject = _subject(grant, kind, resource, things)
            for capability in capabilities if subject else ():
                row = Access(
                    **setting.bookkeeping(short_id("ACC", subject, grant.id, capability), grant.evidence),
                    subject=subject,
                    principal=grant.principal,
                    principal_kind=grant.kind,
                    capability=capability,
                    via=grant.via,
                    conditions=grant.conditions,
                    external=None if grant.outsider is None else grant.outsider != "",
                    public=False,
                )
                yield from setting.explained(row, [grant.untold, reading])
    anchor = Access(**setting.bookkeeping(setting.header.id, ()))
    for operation in (*access.operations, *_unlisted(access, things)):
        if operation in reading.failures:
            yield setting.rows_missing(anchor, "access", "", operation, reading.failures[operation])


def _unlisted(access: StoreAccess, things: Mapping[str, str]) -> list[str]:
    """The lists that would name the things on which something is granted, and that are not among those listed.

    Where the list was read whole, the grant has outlived its thing.
    """
    places = {grant.place.lower() for grant in access.grants} - {"", *things}
    return [name for name in ("keys:GetKeys", "secrets:GetSecrets") if any(p.startswith(_kind(name)) for p in places)]


def _kind(operation: str) -> str:
    return f"{operation.partition(':')[0]}/"


def _subject(grant: Grant, kind: str, resource: str, things: Mapping[str, str]) -> str:
    if grant.place == "":
        return f"{resource}/secrets" if kind == "secrets" else resource
    return things.get(grant.place.lower(), "") if grant.place.lower().startswith(f"{kind}/") else ""
