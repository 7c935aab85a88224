"""What is asked about who may do what: policies, and the roles, users, entities and groups that have them."""

from __future__ import annotations

from collectors.declaration import facts
from evidence.operation import Operation

_ROWS = ("access.*", *facts("access", "subject principal principal_kind capability via conditions external public"))

LIST_DETAILED = "sys:ListDetailedPolicies"
LIST_POLICIES = "sys:ListPolicies"
READ_POLICY = "sys:ReadPolicy"
LIST_METHODS = "sys:ListAuthMethods"
LIST_ENTITIES = "identity:ListEntities"
READ_ENTITY = "identity:ReadEntity"
LIST_GROUPS = "identity:ListGroups"
READ_GROUP = "identity:ReadGroup"

_WILDCARDS = (*facts("key", "wildcard_access"), *facts("secret", "wildcard_access"))


def _holders(name: str, permission: str, why: str) -> Operation:
    return Operation(name=name, facts=_ROWS, permission=permission, why=why)


ACCESS = (
    Operation(
        name=LIST_DETAILED,
        facts=(*_ROWS, *_WILDCARDS),
        permission="list sys/policies/detailed/acl",
        why="Every ACL policy with what it says, in one answer, where the server is an OpenBao",
    ),
    Operation(
        name=LIST_POLICIES,
        facts=(*_ROWS, *_WILDCARDS),
        permission="list sys/policies/acl",
        why="Every ACL policy, where they are not told at once",
    ),
    Operation(
        name=READ_POLICY,
        facts=(*_ROWS, *_WILDCARDS),
        permission="read sys/policies/acl/+",
        why="What each policy lets its holders do with keys and secrets",
    ),
    _holders(LIST_METHODS, "read sys/auth", "How people and machines log in"),
    _holders("auth:ListRoles", "list auth/+/role", "The roles of AppRole, Kubernetes, JWT and OIDC"),
    _holders("auth:ReadRole", "read auth/+/role/+", "Which policies a role gives; never how one logs in with it"),
    _holders("auth:ListUsers", "list auth/+/users", "The users of userpass and LDAP"),
    _holders("auth:ReadUser", "read auth/+/users/+", "Which policies a user has; never the password"),
    _holders("auth:ListUserGroups", "list auth/+/groups", "The groups of LDAP"),
    _holders("auth:ReadUserGroup", "read auth/+/groups/+", "Which policies a group has"),
    _holders("auth:ListCertificates", "list auth/+/certs", "The certificates by which clients of TLS log in"),
    _holders("auth:ReadCertificate", "read auth/+/certs/+", "Which policies such a certificate gives"),
    _holders("auth:ListTokenRoles", "list auth/token/roles", "The roles by which tokens are made"),
    _holders("auth:ReadTokenRole", "read auth/token/roles/+", "Which policies such a token can have"),
    _holders(LIST_ENTITIES, "list identity/entity/id", "Every person or machine that has logged in"),
    _holders(READ_ENTITY, "read identity/entity/id/+", "Which policies it has, and how it logs in"),
    _holders(LIST_GROUPS, "list identity/group/id", "Every group of them"),
    _holders(READ_GROUP, "read identity/group/id/+", "Which policies a group has"),
)
"""Asked in the scope of each mount, and of the server, so that its rows stand beside what they are about."""
