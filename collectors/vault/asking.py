"""What is asked about policies and those who have them, for one mount or for the server, namespace by namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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
from collectors.vault.answers import Listing, Mounts
from collectors.vault.methods import ROLLS
from evidence.observation import JSON, Observation
from evidence.reading import AnswerT, Reading


def namespaces_down_to(first: str, namespace: str) -> list[str]:
    """The namespaces from the one that the source begins with down to this one: the policies of each count here."""
    parts = namespace.removeprefix(first).split("/")[:-1]
    return [first + "".join(f"{part}/" for part in parts[:depth]) for depth in range(len(parts) + 1)]


def ask_about_access(ask: Questions, namespaces: Iterable[str], most: int) -> None:
    """Policies, and who has them. Of each list at most so many are asked about."""
    for namespace in namespaces:
        here: dict[str, JSON] = {"namespace": namespace} if namespace else {}
        detailed = _read(ask.one(LIST_DETAILED, here), DetailedPolicies)
        if detailed is None or not detailed.offered:
            for name in _listed(ask, LIST_POLICIES, here)[:most]:
                ask.one(READ_POLICY, {**here, "name": name})
        for operation, parameters in _rolls(ask, here):
            for name in _listed(ask, operation[0], parameters)[:most]:
                ask.one(operation[1], {**parameters, "name": name})


def _rolls(ask: Questions, here: dict[str, JSON]) -> Iterator[tuple[tuple[str, str], dict[str, JSON]]]:
    """What is listed and read, and with which parameters."""
    methods = _read(ask.one(LIST_METHODS, here), Mounts)
    for path, method in sorted((methods.data if methods else {}).items()):
        for roll in ROLLS.get(method.type, ()):
            yield (roll.list, roll.read), {**here, "mount": path}
    yield (LIST_ENTITIES, READ_ENTITY), here
    yield (LIST_GROUPS, READ_GROUP), here


def _listed(ask: Questions, operation: str, parameters: dict[str, JSON]) -> Sequence[str]:
    listing = _read(ask.one(operation, parameters), Listing)
    return listing.names if listing else ()


def _read(observation: Observation, model: type[AnswerT]) -> AnswerT | None:
    """What could be read of an exchange; why it could not is for normalize to say."""
    return Reading("", [observation]).answer(observation.operation, model)
