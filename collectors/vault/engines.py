"""What is asked about PKI, SSH and database mounts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from collectors.questions import Questions
from collectors.sampling import sampled
from collectors.source import Task
from collectors.vault.engine_answers import SshIssuers
from collectors.vault.places import Place, names_in, read


def ask_about_pki(place: Place, ask: Questions) -> Iterable[Task]:
    """Keys, issuers and roles at once, and a task for each certificate."""
    _each(place, ask, "pki:ListKeys", "pki:ReadKey")
    _each(place, ask, "pki:ListIssuers", "pki:ReadIssuer")
    _each(place, ask, "pki:ListRoles", "pki:ReadRole")
    ask.one("pki:ReadCrlConfig", place.parameters())
    ask.one("pki:ReadAutoTidy", place.parameters())
    serials = names_in(ask.one("pki:ListCertificates", place.parameters()))[: place.seat.configuration.certificates]
    tasks = [place.task(f"cert/{serial}", partial(_ask_about_certificate, place, serial)) for serial in serials]
    return sampled(tasks, place.sample)


def _ask_about_certificate(place: Place, serial: str, ask: Questions) -> Iterable[Task]:
    ask.one("pki:ReadCertificate", place.parameters(name=serial))
    return ()


def ask_about_ssh(place: Place, ask: Questions) -> Iterable[Task]:
    """The certification authorities, by their list where the server has one, and the roles."""
    issuers = read(ask.one("ssh:ListIssuers", place.parameters()), SshIssuers)
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
    for name in names_in(ask.one(list_operation, place.parameters()))[: place.limit]:
        ask.one(operation, place.parameters(name=name))
