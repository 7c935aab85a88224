"""Who may administer, use, take out and grant what a mount holds: from policies and their holders to access rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from collectors.scope_rows import NOT_ASKED
from collectors.vault.access_operations import LIST_POLICIES, READ_POLICY
from collectors.vault.admissions import Admission, admissions, everything_on, unplaced
from collectors.vault.duties import GRANTING, SYSTEM, Duty, mounting
from collectors.vault.facts.scope import Setting
from collectors.vault.policy import ROOT
from collectors.vault.principals import Directory, directory_of
from evidence.model import Access, GapKind, Row
from evidence.observation import short_id
from evidence.reading import Failure, Reading

_ABOVE = "the source begins in this namespace: policies of those above it, which count here too, are not read"
_TEMPLATED = "a policy names a mount by a template, so that only a request tells which"


@dataclass(slots=True)
class MountAccess:
    """What the policies let their holders do with a mount, or with the server."""

    setting: Setting
    subject: str
    """Id of the mount's key store."""
    directories: Sequence[Directory]
    """Of the mount's namespace and of those above it."""
    path: str
    """Of the mount below the root, with a slash at its end; "" for the server."""
    duties: tuple[Duty, ...]
    named: Callable[[str], str]
    """The id of a key or secret by the name that policies give it; "" where a name is none of a key or secret."""
    failures: dict[str, Failure] = field(default_factory=dict)
    """Why access rows may be missing."""

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of keys and secrets that policies fill. Vault answers nobody who has not logged in."""
        return {"public": False, "external_accounts": [], "wildcard_access": self._wildcard_access()}

    def _wildcard_access(self) -> bool | None:
        for directory in self.directories:
            held = {ROOT for principal in directory.principals if ROOT in principal.policies}
            names = [name for name in directory.policies if name != ROOT or held]
            if any(everything_on(directory.access_list([name]), self._below(directory)) for name in names):
                return True
        return None if self.failures.keys() & {LIST_POLICIES, READ_POLICY} else False

    def _below(self, directory: Directory) -> str:
        """The mount's path as policies of a namespace write it."""
        return self.path.removeprefix(directory.namespace)

    def rows(self) -> Iterator[Row]:
        """The access rows, and the gaps of those that may be missing."""
        written: set[str] = set()
        for directory in self.directories:
            known: dict[frozenset[str], tuple[Admission, ...]] = {}
            for principal in directory.principals:
                if principal.policies not in known:
                    known[principal.policies] = self._admissions(directory, principal.policies)
                for admission in known[principal.policies]:
                    for policy in admission.policies:
                        evidence = [*principal.evidence, directory.observations.get(policy, "")]
                        row = self._row(directory.namespace + principal.id, policy, admission, evidence)
                        row.principal_kind = principal.kind
                        if row.id not in written:
                            written.add(row.id)
                            yield from self.setting.explained(row, ())
        anchor = Access(**self.setting.bookkeeping(self.setting.header.id, ()))
        for operation, failure in self.failures.items():
            yield self.setting.rows_missing(anchor, "access", "", operation, failure)

    def _admissions(self, directory: Directory, policies: Iterable[str]) -> tuple[Admission, ...]:
        access, below = directory.access_list(policies), self._below(directory)
        if below and unplaced(access, below):
            self.failures.setdefault(READ_POLICY, Failure(GapKind.NOT_OFFERED, _TEMPLATED, ""))
        return tuple(dict.fromkeys([*admissions(access, below, self.duties), *self._around(directory, access, below)]))

    def _around(self, directory: Directory, access: Any, below: str) -> Iterator[Admission]:
        """What policies let their holders do with the mount itself, and with who has which policy."""
        namespace, _, mount = below.rpartition("/")[0].rpartition("/") if False else ("", "", below)
        yield from admissions(access, namespace, (*mounting(mount), *GRANTING))

    def _row(self, principal: str, policy: str, admission: Admission, evidence: Iterable[str]) -> Access:
        subject = (self.named(admission.names) if admission.single else "") or self.subject
        via = f"ACL policy {policy}"
        id = short_id("ACC", subject, principal, via, admission.capability, admission.names, admission.conditions)
        return Access(
            **self.setting.bookkeeping(id, filter(None, evidence)),
            subject=subject,
            principal=principal,
            capability=admission.capability,
            via=via,
            conditions=admission.conditions,
            external=False,
            public=False,
        )
