"""What every row of an AWS scope is made with: besides what all sources share, who owns what is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from collectors import scope_rows
from collectors.aws.callers import Owner
from collectors.aws.operations import OPERATIONS, SERVICES
from collectors.declaration import ServiceDeclaration
from evidence.model import NEVER, AlertedEvent, KeyStore, ProtectionLevel, State
from evidence.operation import Operation


@dataclass(frozen=True, slots=True)
class Setting(scope_rows.Setting):
    """What every row of a scope is made with."""

    provider: ClassVar[str] = "aws"
    services: ClassVar[Mapping[str, ServiceDeclaration]] = SERVICES
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS

    _owners: dict[str, Owner] = field(default_factory=dict, compare=False)

    @property
    def partition(self) -> str:
        """The partition of AWS that the caller is in."""
        return self.header.identity.split(":")[1] if self.header.identity.startswith("arn:") else "aws"

    def owner(self, account: str) -> Owner:
        """The account that owns a thing, and its kin.

        Without an organization, the accounts that the configuration names are all there are. With one, they are all
        only where its list of accounts was read.
        """
        if account not in self._owners:
            header = self.header
            listed = header.organization_accounts
            self._owners[account] = Owner(
                account,
                header.organization,
                frozenset({account, *listed, *self.settings.organization_accounts}),
                accounts_known=header.organization_known and (bool(listed) or not header.organization),
            )
        return self._owners[account]

    def account_of(self, arn: str) -> str | None:
        """The account that an ARN names, else the one that is read; None where neither is known."""
        return (arn.split(":") + [""] * 5)[4] or self.header.account or None

    def store(self) -> str:
        """The id of the service of this account and region as a store of keys or secrets: what its ARNs begin with."""
        return f"arn:{self.partition}:{self.header.service}:{self.header.region}:{self.header.account}"

    def service_store(
        self,
        evidence: Iterable[str],
        *,
        kind: str,
        name: str,
        protection_level: ProtectionLevel,
        soft_delete: bool,
        purge_protection: bool,
        recovery_days: int,
        access_model: str,
        alerted_events: list[AlertedEvent] | None = None,
    ) -> KeyStore:
        """The service of this account and region as a store, which AWS runs: always there, with nothing to set."""
        return KeyStore(
            **self.bookkeeping(self.store(), evidence),
            kind=kind,
            name=f"{name} in {self.header.region}",
            account=self.header.account,
            region=self.header.region,
            protection_level=protection_level,
            validation="",
            backed_by="",
            soft_delete=soft_delete,
            purge_protection=purge_protection,
            recovery_days=recovery_days,
            alerted_events=alerted_events,
            access_model=access_model,
            activated=True,
            state=State.ACTIVE,
            deletion_at=NEVER,
            regions=[self.header.region],
            store_settings="{}",
            connection_state="none",
        )
