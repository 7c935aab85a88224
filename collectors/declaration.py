"""What a source declares: its operations, service by service, and the facts that its provider does not offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

from evidence.model import BOOKKEEPING, TABLES
from evidence.operation import Operation, by_name

_FOLLOWERS = {"key.last_rotated_at": "key.material_known_at"}
"""Fact → the one that is known with it, unless the source says otherwise."""

_UNASKED = {
    "key_store.alerted_events": "keyproof does not ask here which events somebody is alerted to",
    "certificate.publicly_trusted": "what the service tells does not show whether browsers trust the issuer",
    "certificate.authority": "what the service tells does not show whether the certificate may issue others",
    "certificate.in_use": "the service does not tell what presents the certificate",
}
"""Fact → why it stays open, in each service none of whose operations tells it."""


@dataclass(frozen=True, slots=True)
class ServiceDeclaration:
    """What is asked in the scopes of one service, and what that service does not tell."""

    operations: Mapping[str, Operation]
    not_offered: Mapping[str, str]
    """`table.column` → why the service has no such fact."""


def facts(table: str, names: str) -> tuple[str, ...]:
    """`table.column` for each of the names, which spaces separate."""
    return tuple(f"{table}.{name}" for name in names.split())


def whole(table: str) -> tuple[str, ...]:
    """`table.column` for each of its columns, for an operation that tells all there is of a row."""
    return tuple(f"{table}.{field.name}" for field in fields(TABLES[table]) if field.name not in BOOKKEEPING)


def declare(operations: Iterable[Operation], not_offered: Mapping[str, str]) -> ServiceDeclaration:
    """The declaration of a service. A scope is complete when all its operations were answered: each yields that."""
    completing = [
        replace(o, facts=tuple(dict.fromkeys((*_with_followers(o.facts), "scope.complete")))) for o in operations
    ]
    told = {fact for operation in completing for fact in operation.facts}
    tables = {fact.split(".")[0] for fact in (*told, *not_offered)}
    unasked = {fact: why for fact, why in _UNASKED.items() if fact not in told and fact.split(".")[0] in tables}
    return ServiceDeclaration(by_name(completing), {**unasked, **with_followers(not_offered)})


def _with_followers(facts: Iterable[str]) -> Iterator[str]:
    for fact in facts:
        yield fact
        if fact in _FOLLOWERS:
            yield _FOLLOWERS[fact]


def with_followers(not_offered: Mapping[str, str]) -> Mapping[str, str]:
    """Reasons why facts are not offered, with those of the facts that are known with them."""
    following = {_FOLLOWERS[fact]: reason for fact, reason in not_offered.items() if fact in _FOLLOWERS}
    return {**following, **not_offered}


def all_operations(services: Mapping[str, ServiceDeclaration]) -> Mapping[str, Operation]:
    """Every operation of a source by name. One that several services declare yields the facts of all."""
    operations: dict[str, Operation] = {}
    for service in services.values():
        for name, operation in service.operations.items():
            known = operations.get(name)
            facts = (*known.facts, *operation.facts) if known else operation.facts
            operations[name] = replace(operation, facts=tuple(dict.fromkeys(facts)))
    return operations


def all_not_offered(services: Mapping[str, ServiceDeclaration]) -> Mapping[str, str]:
    """`table.column` → why a source has no such fact, over all its services."""
    reasons: dict[str, dict[str, None]] = {}
    for service in services.values():
        for fact, reason in service.not_offered.items():
            reasons.setdefault(fact, {})[reason] = None
    return {fact: "; ".join(of_fact) for fact, of_fact in reasons.items()}
