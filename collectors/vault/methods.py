"""Auth methods of Vault: where each keeps what gives policies to whoever logs in, and whether people log in by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evidence.model import PrincipalKind


@dataclass(frozen=True, slots=True)
class Roll:
    """A list of roles, users or groups that a method keeps."""

    list: str
    """The operation that lists it."""
    read: str
    """The operation that reads one of it."""
    path: str
    """Where it stands below the method's mount."""
    kind: PrincipalKind


_ROLES = "auth:ListRoles", "auth:ReadRole", "role"
_USERS = Roll("auth:ListUsers", "auth:ReadUser", "users", PrincipalKind.UNDECIDED)
_GROUPS = Roll("auth:ListUserGroups", "auth:ReadUserGroup", "groups", PrincipalKind.GROUP)
_CERTIFICATES = Roll("auth:ListCertificates", "auth:ReadCertificate", "certs", PrincipalKind.UNDECIDED)
_TOKEN_ROLES = Roll("auth:ListTokenRoles", "auth:ReadTokenRole", "roles", PrincipalKind.UNDECIDED)
_OF_MACHINES = Roll(*_ROLES, PrincipalKind.MACHINE)
_OF_ANYBODY = Roll(*_ROLES, PrincipalKind.UNDECIDED)

ROLLS: Mapping[str, tuple[Roll, ...]] = {
    "approle": (_OF_MACHINES,),
    "kubernetes": (_OF_MACHINES,),
    "jwt": (_OF_ANYBODY,),
    "oidc": (_OF_ANYBODY,),
    "userpass": (_USERS,),
    "ldap": (_USERS, _GROUPS),
    "cert": (_CERTIFICATES,),
    "token": (_TOKEN_ROLES,),
    "ns_token": (_TOKEN_ROLES,),
}
"""By the type of the method. Of methods of other types, who has which policies is not read."""

WITH_USERS = frozenset(["userpass", "ldap"])
"""Types of methods whose aliases are called like their users, so that an entity and its user are known to be one."""

INTERACTIVE = "oidc"
"""The type of a role by which one logs in with a browser."""

KINDS: Mapping[str, PrincipalKind] = {
    "approle": PrincipalKind.MACHINE,
    "kubernetes": PrincipalKind.MACHINE,
    "aws": PrincipalKind.MACHINE,
    "azure": PrincipalKind.MACHINE,
    "gcp": PrincipalKind.MACHINE,
    "alicloud": PrincipalKind.MACHINE,
    "oci": PrincipalKind.MACHINE,
    "cf": PrincipalKind.MACHINE,
    "oidc": PrincipalKind.HUMAN,
    "okta": PrincipalKind.HUMAN,
}
"""Who logs in by a method, by its type; of any other it is undecided: service accounts have passwords too."""
