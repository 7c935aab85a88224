"""What is read of the answers about policies and about those who have them.

Source: the API documentation of OpenBao and HashiCorp Vault, and what a server of OpenBao 2.7 answers.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from collectors.vault.answers import Listing
from collectors.vault.answers import Names as ListedNames
from evidence.reading import Answer, Flag, Text


def _list(value: object) -> object:
    """Older servers write names in one text with commas, and a list that was never filled as null."""
    if value is None:
        return []
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


Names = Annotated[list[Text], BeforeValidator(_list)]


class Policy(Answer):
    policy: Text
    """Empty for `root` alone."""


class ListedPolicies(ListedNames):
    key_info: dict[Text, Policy]

    @model_validator(mode="after")
    def _all_described(self) -> ListedPolicies:
        if any(name and name not in self.key_info for name in self.keys):
            raise ValueError("it names a policy that it does not describe")
        return self


class DetailedPolicies(Listing):
    """sys:ListDetailedPolicies."""

    data: ListedPolicies | None = None


class PolicyAnswer(Answer):
    """sys:ReadPolicy."""

    data: Policy


class Role(Answer):
    """A role, user, group or certificate: what it gives to whoever logs in."""

    token_policies: Names = Field(default_factory=list)
    policies: Names = Field(default_factory=list)
    """The former name of the same."""
    token_no_default_policy: Flag = False
    role_type: Text = ""
    """Of roles of JWT and OIDC: by which of both one logs in."""
    token_policies_template_claims: Flag = False
    """OpenBao: the names of the policies are made from what the caller's token says."""


class RoleAnswer(Answer):
    """auth:ReadRole, auth:ReadUser, auth:ReadUserGroup and auth:ReadCertificate."""

    data: Role


class TokenRole(Answer):
    allowed_policies: Names = Field(default_factory=list)
    allowed_policies_glob: Names = Field(default_factory=list)
    disallowed_policies: Names = Field(default_factory=list)
    disallowed_policies_glob: Names = Field(default_factory=list)
    token_no_default_policy: Flag = False


class TokenRoleAnswer(Answer):
    """auth:ReadTokenRole."""

    data: TokenRole


class Alias(Answer):
    name: Text
    mount_type: Text
    mount_path: Text


def _aliases(value: object) -> object:
    return [] if value is None else value


class Entity(Answer):
    id: Text
    name: Text
    policies: Names = Field(default_factory=list)
    disabled: Flag = False
    group_ids: Names = Field(default_factory=list)
    """Of the groups that it belongs to itself, and of those that these belong to."""
    aliases: Annotated[list[Alias], BeforeValidator(_aliases)] = Field(default_factory=list)


class EntityAnswer(Answer):
    """identity:ReadEntity."""

    data: Entity


class Group(Answer):
    id: Text
    name: Text
    type: Text
    policies: Names = Field(default_factory=list)


class GroupAnswer(Answer):
    """identity:ReadGroup."""

    data: Group
