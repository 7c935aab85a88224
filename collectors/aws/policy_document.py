"""Policy documents as AWS stores them: from JSON text to statements, or an error where the text is no policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collectors.wildcards import matches
from evidence.observation import canonical_json
from evidence.reading import tidy

_ELEMENTS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_PRINCIPAL_TYPES = ("AWS", "Service", "Federated", "CanonicalUser")
_QUALIFIERS = ("forallvalues", "foranyvalue")


class PolicyError(ValueError):
    """The text is not a policy document of a resource. The message says why."""


@dataclass(frozen=True, slots=True)
class Principal:
    """One principal as a policy names it."""

    type: str
    """`AWS`, `Service`, `Federated` or `CanonicalUser`."""
    name: str


ANYONE = Principal("AWS", "*")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: an operator on one key. Operators and keys are in lower case, since AWS ignores their case."""

    operator: str
    """Without its qualifier, its `IfExists` and its `Not`: `stringequals`, `arnlike`, `bool`, …"""
    negated: bool
    if_exists: bool
    qualifier: str
    """`forallvalues`, `foranyvalue`, or empty."""
    key: str
    values: tuple[str, ...]

    @property
    def true_without_key(self) -> bool:
        """It is met by a request that does not carry the key.

        Source: IAM User Guide, condition operators and multivalued context keys.
        """
        if self.if_exists or self.qualifier == "forallvalues":
            return True
        return self.negated and self.qualifier != "foranyvalue"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a resource's policy."""

    allow: bool
    principals: tuple[Principal, ...]
    everyone_else: bool
    """`principals` are those that it leaves out (NotPrincipal)."""
    actions: tuple[str, ...]
    actions_left_out: bool
    resources: tuple[str, ...]
    resources_left_out: bool
    conditions: tuple[Condition, ...]
    text: str
    """Its conditions as canonical JSON, with the principals that it leaves out; `{}` for none."""

    def concerns(self, resource: str) -> bool | None:
        """It applies to the resource of that ARN; None where a policy variable decides."""
        if any("${" in pattern for pattern in self.resources):
            return None
        return any(matches(pattern, resource) for pattern in self.resources) is not self.resources_left_out


def parse_policy(text: str) -> tuple[Statement, ...]:
    """The statements of a policy document. Raises PolicyError where it is none, or is not of a form that is known.

    Source: IAM User Guide, grammar of the IAM JSON policy language.
    """
    try:
        document = json.loads(text, object_pairs_hook=_unique)
        if "\\ud" in text or "\\uD" in text:
            document = json.loads(tidy(text))
    except RecursionError as error:
        raise PolicyError("it is nested too deeply") from error
    except PolicyError:
        raise
    except ValueError as error:
        raise PolicyError(f"it is not JSON: {error}") from error
    if not isinstance(document, dict) or not set(document) <= {"Version", "Id", "Statement"}:
        raise PolicyError("it is not an object of Version, Id and Statement")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list):
        raise PolicyError("Statement is not a list")
    return tuple(_statement(statement) for statement in statements)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise PolicyError("an object names a member twice")
    return dict(pairs)


def _statement(statement: Any) -> Statement:
    if not isinstance(statement, dict) or not set(statement) <= _ELEMENTS:
        raise PolicyError("a statement has an element that is not known")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("a statement's Effect is neither Allow nor Deny")
    principal, principals = _either(statement, "Principal", "NotPrincipal")
    action, actions = _either(statement, "Action", "NotAction")
    if "Resource" not in statement and "NotResource" not in statement:
        statement = {**statement, "Resource": "*"}
    resource, resources = _either(statement, "Resource", "NotResource")
    raw = statement.get("Condition", {})
    left_out = {"NotPrincipal": principals} if principal == "NotPrincipal" else {}
    return Statement(
        allow=statement["Effect"] == "Allow",
        principals=_principals(principals),
        everyone_else=principal == "NotPrincipal",
        actions=_strings(action, actions),
        actions_left_out=action == "NotAction",
        resources=_strings(resource, resources),
        resources_left_out=resource == "NotResource",
        conditions=_conditions(raw),
        text=canonical_json({**raw, **left_out}),
    )


def _either(statement: Mapping[str, Any], name: str, other: str) -> tuple[str, Any]:
    if (name in statement) is (other in statement):
        raise PolicyError(f"a statement needs either {name} or {other}")
    chosen = name if name in statement else other
    return chosen, statement[chosen]


def _strings(name: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in values):
        raise PolicyError(f"{name} holds something that is no text")
    return tuple(values)


def _principals(value: Any) -> tuple[Principal, ...]:
    if value == "*":
        return (ANYONE,)
    if not isinstance(value, dict) or not set(value) <= set(_PRINCIPAL_TYPES):
        raise PolicyError("Principal is of a form that is not known")
    return tuple(Principal(kind, name) for kind, names in value.items() for name in _strings("Principal", names))


def _conditions(value: Any) -> tuple[Condition, ...]:
    if not isinstance(value, dict) or not all(isinstance(keys, dict) for keys in value.values()):
        raise PolicyError("Condition is not an object of objects")
    return tuple(_condition(operator, key, values) for operator, keys in value.items() for key, values in keys.items())


def _condition(operator: str, key: str, values: Any) -> Condition:
    qualifier, colon, plain = operator.lower().partition(":")
    if not colon:
        qualifier, plain = "", qualifier
    elif qualifier not in _QUALIFIERS:
        raise PolicyError(f"the condition operator {operator!r} is not known")
    if_exists = plain.endswith("ifexists")
    plain = plain.removesuffix("ifexists")
    negated = "not" in plain
    return Condition(
        operator=plain.replace("not", "", 1),
        negated=negated,
        if_exists=if_exists,
        qualifier=qualifier,
        key=key.lower(),
        values=tuple(_text(item) for item in (values if isinstance(values, list) else [values])),
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise PolicyError("a condition's value is neither text nor a number nor a boolean")
