"""What is asked about PKI, SSH and database mounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from collectors.questions import Questions
from collectors.sampling import sampled
from collectors.source import Task
from collectors.vault.answers import Listing
from collectors.vault.engine_answers import SshIssuers
from evidence.reading import AnswerT, Reading

if TYPE_CHECKING:
    from collectors.vault.collect import Place
    from evidence.observation import Observation


def ask_about_pki(place: Place, ask: Questions) -> Iterable[Task]:
    """Keys, issuers and roles at once, and a task for each certificate."""
    _each(place, ask, "pki:ListKeys", "pki:ReadKey")
    _each(place, ask, "pki:ListIssuers", "pki:ReadIssuer")
    _each(place, ask, "pki:ListRoles", "pki:ReadRole")
    ask.one("pki:ReadCrlConfig", place.parameters())
    ask.one("pki:ReadAutoTidy", place.parameters())
    serials = _listed(place, ask, "pki:ListCertificates")[: place.seat.configuration.certificates]
    tasks = [place.task(f"cert/{serial}", partial(_ask_about_certificate, place, serial)) for serial in serials]
    return sampled(tasks, place.sample)


def _ask_about_certificate(place: Place, serial: str, ask: Questions) -> Iterable[Task]:
    ask.one("pki:ReadCertificate", place.parameters(name=serial))
    return ()


def ask_about_ssh(place: Place, ask: Questions) -> Iterable[Task]:
    """The certification authorities, by their list where the server has one, and the roles."""
    issuers = _read(ask.one("ssh:ListIssuers", place.parameters()), SshIssuers)
    if issuers is None or not issuers.offered:
        ask.one("ssh:ReadCa", place.parameters())
    _each(place, ask, "ssh:ListRoles", "ssh:ReadRole")
    return ()


def ask_about_database(place: Place, ask: Questions) -> Iterable[Task]:
    """The connections, and the roles whose passwords are rotated."""
    _each(place, ask, "database:ListConnections", "database:ReadConnection")
    _each(place, ask, "database:ListStaticRoles", "database:ReadStaticRole")
    return ()


def _each(place: Place, ask: Questions, list_operation: str, operation: str) -> None:
    """What a list names, one by one, as far as that is to be read."""
    limit = place.seat.configuration.list_limit if place.sample is None else place.sample
    for name in _listed(place, ask, list_operation)[:limit]:
        ask.one(operation, place.parameters(name=name))


def _listed(place: Place, ask: Questions, operation: str) -> Sequence[str]:
    listing = _read(ask.one(operation, place.parameters()), Listing)
    return listing.names if listing else ()


def _read(observation: Observation, model: type[AnswerT]) -> AnswerT | None:
    """What could be read of an exchange; why it could not is for normalize to say."""
    return Reading("", [observation]).answer(observation.operation, model)
