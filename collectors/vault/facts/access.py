"""Who may administer, use, take out and grant what a mount holds: from policies and their holders to access rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from collectors.vault.access_operations import LIST_DETAILED, LIST_POLICIES, READ_POLICY
from collectors.vault.admissions import Admission, TooManyRules, admissions, everything_on, unplaced
from collectors.vault.duties import ENGINES, GRANTING, SYSTEM, Duty, mounting
from collectors.vault.facts.barrier import own_barrier
from collectors.vault.facts.scope import Setting
from collectors.vault.names import server_id
from collectors.vault.policy import ROOT
from collectors.vault.principals import Directory, directory_of, namespaces_above
from evidence.model import Access, GapKind, Row
from evidence.observation import short_id
from evidence.reading import Failure, Reading

_ABOVE = "policies of the namespaces above the one that the source begins with count here too, and are not read"
_TEMPLATED = "a policy names mounts by a template, so that only a request tells which"


@dataclass(frozen=True, slots=True)
class _Place:
    """What policies are looked at for."""

    subject: str
    """Id of the key store."""
    namespace: str
    """With a slash at its end; "" for the root."""
    mount: str
    """With a slash at its end; "" for the server itself."""
    duties: tuple[Duty, ...]
    """What is done below the mount."""
    around: tuple[Duty, ...]
    """What is done with it from outside."""
    named: Callable[[str], str]
    """The id of what a policy names; "" where that is neither a key nor a secret."""


@dataclass(frozen=True, slots=True)
class PlaceAccess:
    """What the policies of a mount's namespace, and of those above, let their holders do with it."""

    setting: Setting
    place: _Place
    directories: tuple[Directory, ...]
    failures: dict[str, Failure]
    """Why access rows may be missing."""

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of keys and secrets that policies fill. Vault answers nobody who has not logged in."""
        return {"public": False, "external_accounts": [], "wildcard_access": self._wildcard_access()}

    def _wildcard_access(self) -> bool | None:
        """A policy gives every operation on all that the mount holds; `root` counts where somebody has it."""
        for directory in self.directories:
            held = {policy for principal in directory.principals for policy in principal.policies}
            for name in directory.policies.keys() - ({ROOT} - held):
                if everything_on(directory.access_list([name]), self._below(directory) + self.place.mount):
                    return True
        return None if self.failures.keys() & {LIST_DETAILED, LIST_POLICIES, READ_POLICY} else False

    def _below(self, directory: Directory) -> str:
        """The mount's namespace as policies of one above it write it."""
        return self.place.namespace.removeprefix(directory.namespace)

    def rows(self) -> Iterator[Row]:
        """The access rows, and the gaps of those that may be missing."""
        written: set[str] = set()
        for directory in self.directories:
            known: dict[frozenset[str], list[tuple[str, Admission]]] = {}
            for principal in directory.principals:
                if principal.policies not in known:
                    known[principal.policies] = self._known(directory, principal.policies)
                for subject, admission in known[principal.policies]:
                    for policy in admission.policies:
                        row = self._row(subject, f"{directory.namespace}{principal.id}", policy, admission)
                        row.principal_kind = principal.kind
                        row.evidence = [*principal.evidence, directory.observations[policy]]
                        if row.id not in written:
                            written.add(row.id)
                            yield from self.setting.explained(row, ())
        anchor = Access(**self.setting.bookkeeping(self.setting.header.id, ()))
        for operation, failure in self.failures.items():
            yield self.setting.rows_missing(anchor, "access", "", operation, failure)

    def _known(self, directory: Directory, policies: Iterable[str]) -> list[tuple[str, Admission]]:
        """What a set of policies allows; nothing, with a failure, where that takes too long to work out."""
        try:
            return list(self._admissions(directory, policies))
        except TooManyRules as error:
            text = f"what the policies {', '.join(sorted(policies))} say together was not worked out: {error}"
            self.failures.setdefault(READ_POLICY, Failure(GapKind.FAILED, text, ""))
            return []

    def _admissions(self, directory: Directory, policies: Iterable[str]) -> Iterator[tuple[str, Admission]]:
        """What a set of policies allows, each with the id of what it is allowed on."""
        access, below, place = directory.access_list(policies), self._below(directory), self.place
        for admission in admissions(access, below + place.mount, place.duties):
            yield (place.named(admission.names) if admission.single else "") or place.subject, admission
        for admission in admissions(access, below, place.around):
            yield place.subject, admission

    def _row(self, subject: str, principal: str, policy: str, admission: Admission) -> Access:
        via = f"ACL policy {policy}"
        names = "" if subject != self.place.subject else admission.names
        id = short_id("ACC", subject, principal, via, admission.capability, names, admission.conditions)
        return Access(
            **self.setting.bookkeeping(id, ()),
            subject=subject,
            principal=principal,
            capability=admission.capability,
            via=via,
            conditions=admission.conditions,
            external=False,
            public=False,
        )


def mount_access(setting: Setting, reading: Reading, engine: str, folder: str | None = None) -> PlaceAccess:
    """Access to a mount by what its scope's own reading tells.

    `engine` is one of ENGINES. `folder` is where keys or secrets that policies name stand below the mount; None where
    what they name is neither.
    """
    place = _Place(
        subject=setting.id(setting.mount),
        namespace=setting.namespace,
        mount=setting.mount,
        duties=ENGINES[engine],
        around=(*mounting(setting.mount), *GRANTING),
        named=lambda name: "" if folder is None else setting.id(f"{setting.mount}{folder}{name}"),
    )
    return _access(setting, reading, place)


def server_access(setting: Setting, reading: Reading) -> PlaceAccess:
    """Access to the server by what its scope's own reading tells."""
    store = server_id(setting.header.source)
    return _access(setting, reading, _Place(store, "", "", (), (*SYSTEM, *GRANTING), lambda name: ""))


def namespace_access(setting: Setting, reading: Reading) -> PlaceAccess | None:
    """Access to a namespace with a barrier key of its own; None where it has none, or that is not known."""
    own = own_barrier(setting, reading)
    if own is None or own[0] != setting.namespace:
        return None
    store = setting.id("")
    return _access(setting, reading, _Place(store, setting.namespace, "", (), (*SYSTEM, *GRANTING), lambda name: ""))


def _access(setting: Setting, reading: Reading, place: _Place) -> PlaceAccess:
    """The failures of the questions about access become the reading's own too."""
    directories = tuple(directory_of(reading, namespace) for namespace in namespaces_above(reading, place.namespace))
    failures: dict[str, Failure] = {}
    for directory in directories:
        for operation, failure in directory.failures.items():
            failures.setdefault(operation, failure)
        for operation, failure in directory.made_up_for.items():
            reading.failures.setdefault(operation, failure)
    for operation, failure in failures.items():
        if failure.kind is not GapKind.NOT_OFFERED:
            reading.failures.setdefault(operation, failure)
    if directories[0].namespace:
        failures.setdefault(LIST_POLICIES, Failure(GapKind.NOT_OFFERED, _ABOVE, ""))
    if any(_templated(directory, place) for directory in directories):
        failures.setdefault(READ_POLICY, Failure(GapKind.NOT_OFFERED, _TEMPLATED, ""))
    return PlaceAccess(setting, place, directories, failures)


def _templated(directory: Directory, place: _Place) -> bool:
    below = place.namespace.removeprefix(directory.namespace) + place.mount
    return bool(below and unplaced(directory.access_list(directory.policies.keys() - {ROOT}), below))
