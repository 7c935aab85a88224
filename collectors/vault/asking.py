"""What is asked about policies and those who have them, for one mount or for the server, namespace by namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collectors.questions import Questions
from collectors.vault.access_answers import DetailedPolicies
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
from collectors.vault.answers import Mounts
from collectors.vault.methods import ROLLS
from collectors.vault.places import names_in, read, within
from evidence.observation import JSON


def namespaces_down_to(first: str, namespace: str) -> list[str]:
    """The namespaces from the one that the source begins with down to this one: the policies of each count here."""
    parts = namespace.removeprefix(first).split("/")[:-1]
    return [first + "".join(f"{part}/" for part in parts[:depth]) for depth in range(len(parts) + 1)]


def ask_about_access(ask: Questions, namespaces: Iterable[str], most: int) -> None:
    """Policies, and who has them. Of each list at most so many are asked about."""
    for namespace in namespaces:
        here = within(namespace)
        detailed = read(ask.one(LIST_DETAILED, here), DetailedPolicies)
        if detailed is None or not detailed.offered:
            for name in names_in(ask.one(LIST_POLICIES, here))[:most]:
                ask.one(READ_POLICY, {**here, "name": name})
        for list_operation, operation, parameters in _rolls(ask, here):
            for name in names_in(ask.one(list_operation, parameters))[:most]:
                ask.one(operation, {**parameters, "name": name})


def _rolls(ask: Questions, here: dict[str, JSON]) -> Iterator[tuple[str, str, dict[str, JSON]]]:
    """By which operations lists, and what they name, are read, and with which parameters."""
    methods = read(ask.one(LIST_METHODS, here), Mounts)
    for path, method in sorted((methods.data if methods else {}).items()):
        for roll in ROLLS.get(method.type, ()):
            yield roll.list, roll.read, {**here, "mount": path}
    yield LIST_ENTITIES, READ_ENTITY, here
    yield LIST_GROUPS, READ_GROUP, here
