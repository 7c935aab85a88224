"""Who has which policies, by answers that the server of the tests does not give or that leave something open."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from collectors.vault.principals import Directory, Principal, directory_of
from evidence.model import GapKind, PrincipalKind
from evidence.observation import Observation, Status, body_digest, iso
from evidence.reading import Reading

NOW = iso(datetime(2026, 6, 30, tzinfo=UTC))
_NUMBERS = count()


def _told(operation: str, data: object, **parameters: str) -> Observation:
    body = json.dumps({"data": data} if data is not None else {"errors": []})
    return Observation(
        id=f"OBS-{next(_NUMBERS)}",
        source="prod",
        scope="prod/root/transit/transit",
        subject="",
        operation=operation,
        parameters=dict(parameters),
        requested_at=NOW,
        received_at=NOW,
        status=Status.OK,
        error="",
        request_id="",
        attempts=1,
        identity="",
        body=body,
        sha256=body_digest(body),
    )


def _policies(**texts: str) -> Observation:
    info = {name: {"policy": text} for name, text in texts.items()}
    return _told("sys:ListDetailedPolicies", {"keys": list(info), "key_info": info})


def _methods(**types: str) -> Observation:
    return _told("sys:ListAuthMethods", {f"{path}/": {"type": type} for path, type in types.items()})


def _list(operation: str, *names: str, **parameters: str) -> Observation:
    return _told(operation, {"keys": list(names)} if names else None, **parameters)


NO_IDENTITIES = (_list("identity:ListEntities"), _list("identity:ListGroups"))
READ = 'path "a" { capabilities = ["read"] }'


def _directory(*observations: Observation) -> Directory:
    return directory_of(Reading("", list(observations)), "")


def _by_id(directory: Directory) -> dict[str, Principal]:
    return {principal.id: principal for principal in directory.principals}


def _role(**facts: Any) -> tuple[Observation, ...]:
    return (
        _policies(app=READ, default=READ),
        _methods(login="jwt"),
        _list("auth:ListRoles", "web", mount="login/"),
        _told("auth:ReadRole", facts, mount="login/", name="web"),
        *NO_IDENTITIES,
    )


@pytest.mark.parametrize(
    ("facts", "kind", "policies"),
    [
        ({"role_type": "oidc", "token_policies": ["app"]}, PrincipalKind.HUMAN, {"app", "default"}),
        ({"role_type": "jwt", "token_policies": ["app"]}, PrincipalKind.UNDECIDED, {"app", "default"}),
        ({"policies": "app, other"}, PrincipalKind.UNDECIDED, {"app", "other", "default"}),
        ({"token_policies": ["app"], "token_no_default_policy": True}, PrincipalKind.UNDECIDED, {"app"}),
        ({"token_policies": ["root"]}, PrincipalKind.UNDECIDED, {"root"}),
    ],
)
def test_a_role_gives_its_policies_and_the_default_one(
    facts: dict[str, Any], kind: PrincipalKind, policies: set[str]
) -> None:
    directory = _directory(*_role(**facts))
    role = _by_id(directory)["auth/login/role/web"]
    assert (role.kind, set(role.policies)) == (kind, policies)
    assert directory.failures == {}


def test_a_role_without_policies_is_no_principal() -> None:
    assert "auth/login/role/web" not in _by_id(_directory(*_role(token_policies=None)))


def test_policies_that_a_callers_token_names_leave_access_open() -> None:
    directory = _directory(*_role(token_policies=["{{claims.team}}"], token_policies_template_claims=True))
    assert directory.failures["auth:ReadRole"].kind is GapKind.NOT_OFFERED


def test_a_method_whose_roles_are_not_read_leaves_access_open() -> None:
    directory = _directory(_policies(app=READ), _methods(hub="github"), *NO_IDENTITIES)
    assert "type github" in directory.failures["sys:ListAuthMethods"].error
    assert _by_id(directory)["sys/policies/acl/app"].kind is PrincipalKind.GROUP


def _entity(alias: dict[str, str], **facts: Any) -> tuple[Observation, ...]:
    told = {"id": "1", "name": "ada", "policies": ["app"], "aliases": [alias], **facts}
    return (
        _policies(app=READ, other=READ),
        _methods(web="approle", people="userpass"),
        _list("auth:ListRoles", "batch", mount="web/"),
        _told("auth:ReadRole", {"token_policies": ["other"]}, mount="web/", name="batch"),
        _list("auth:ListUsers", "ada", mount="people/"),
        _told("auth:ReadUser", {"token_policies": ["other"]}, mount="people/", name="ada"),
        _list("identity:ListEntities", "1"),
        _told("identity:ReadEntity", told, name="1"),
        _list("identity:ListGroups"),
    )


USER = {"name": "ada", "mount_type": "userpass", "mount_path": "auth/people/"}
ROLE_ID = {"name": "7f3c", "mount_type": "approle", "mount_path": "auth/web/"}


def test_an_entity_has_the_policies_of_the_user_that_it_is() -> None:
    directory = _directory(*_entity(USER))
    assert _by_id(directory)["identity/entity/name/ada"].policies == {"app", "other", "default"}
    assert directory.failures == {}


def test_an_entity_that_logs_in_with_some_role_leaves_access_open() -> None:
    directory = _directory(*_entity(ROLE_ID))
    entity = _by_id(directory)["identity/entity/name/ada"]
    assert (entity.kind, set(entity.policies)) == (PrincipalKind.MACHINE, {"app", "default"})
    assert directory.failures["identity:ReadEntity"].kind is GapKind.NOT_OFFERED


@pytest.mark.parametrize("facts", [{"disabled": True}, {"policies": None}])
def test_an_entity_that_is_disabled_or_has_no_policies_is_no_principal(facts: dict[str, Any]) -> None:
    assert "identity/entity/name/ada" not in _by_id(_directory(*_entity(ROLE_ID, **facts)))


@pytest.mark.parametrize(
    ("role", "policies"),
    [
        ({"allowed_policies": ["app"]}, {"app", "default"}),
        ({"allowed_policies_glob": ["a*"]}, {"app", "default"}),
        ({"allowed_policies": ["app", "other"], "disallowed_policies": ["other"]}, {"app", "default"}),
        ({"allowed_policies": ["app", "other"], "disallowed_policies_glob": ["o*"]}, {"app", "default"}),
        ({"allowed_policies": ["app"], "disallowed_policies": ["default"]}, {"app"}),
    ],
)
def test_a_token_role_gives_at_most_what_it_allows(role: dict[str, Any], policies: set[str]) -> None:
    directory = _directory(
        _policies(app=READ, other=READ),
        _methods(token="token"),
        _list("auth:ListTokenRoles", "r", mount="token/"),
        _told("auth:ReadTokenRole", role, mount="token/", name="r"),
        *NO_IDENTITIES,
    )
    assert set(_by_id(directory)["auth/token/roles/r"].policies) == policies


def test_a_policy_that_cannot_be_read_is_a_failure_and_the_others_stay() -> None:
    directory = _directory(_policies(app=READ, broken="path {"), _methods(), *NO_IDENTITIES)
    assert set(directory.policies) == {"app"}
    assert "the policy broken cannot be read" in directory.failures["sys:ListDetailedPolicies"].error


@pytest.mark.parametrize(
    "spoiled",
    [
        {"keys": ["app"], "key_info": {}},
        {"keys": ["app"], "key_info": {"app": {"policy": None}}},
        {"keys": "app", "key_info": {}},
        [],
    ],
)
def test_a_list_that_does_not_tell_what_it_names_counts_for_nothing(spoiled: object) -> None:
    directory = _directory(_told("sys:ListDetailedPolicies", spoiled), _methods(), *NO_IDENTITIES)
    assert directory.policies == {}
    assert {"sys:ListPolicies", "sys:ReadPolicy"} & directory.failures.keys()
    assert "sys:ListDetailedPolicies" in directory.made_up_for


def test_what_was_never_asked_is_a_failure() -> None:
    assert set(_directory().failures) == {
        "sys:ListPolicies",
        "sys:ListAuthMethods",
        "identity:ListEntities",
        "identity:ListGroups",
    }
