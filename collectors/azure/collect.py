"""The collect half: asks Azure subscription by subscription, vault by vault and key by key, and judges nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from collectors.azure.answers import (
    Assignment,
    Assignments,
    DeletedKeys,
    DiagnosticSettings,
    KeyBundle,
    ListedArmKeys,
    ListedCertificates,
    ListedHsm,
    ListedHsms,
    ListedKeys,
    ListedSecrets,
    ListedVault,
    ListedVaults,
    Settings,
    Subscription,
    Subscriptions,
    thing_id,
    thing_name,
    thing_version,
)
from collectors.azure.configuration import AzureConfiguration
from collectors.azure.credentials import Seat, ambient_seat
from collectors.azure.roles import BUILT_IN, placed, role_id
from collectors.azure.routes import ROUTES
from collectors.azure.wire import Inquiry
from collectors.questions import Questions, answered
from collectors.sampling import sampled
from collectors.source import Batch, Task
from evidence.observation import JSON
from evidence.recording import ScopeHeader

_GONE = "Deleted"
"""The state of a subscription that has no resources any more. Source: Azure's "Azure subscription states"."""


class AzureCollector:
    """Collects one Azure source. `sample`, if any, is how many keys and secrets of each scope to describe."""

    def __init__(self, configuration: AzureConfiguration, sample: int | None = None) -> None:
        self._configuration = configuration
        self._sample = sample

    def start(self) -> Iterable[Task]:
        """One task a subscription, or one of the tenant. Raises CredentialError where no credential can be used."""
        seat, identity, tenant = ambient_seat(self._configuration)
        header = ScopeHeader(
            id=f"{self._configuration.name}/{tenant or 'self'}/global/tenant",
            source=self._configuration.name,
            type="azure",
            service="tenant",
            identity=identity,
            organization=tenant,
        )
        if self._configuration.subscriptions == "all":
            return [Task(header, "", partial(self._list_subscriptions, seat, header))]
        return [self._subscription_task(seat, header, id) for id in self._configuration.subscriptions]

    def _list_subscriptions(self, seat: Seat, header: ScopeHeader, batch: Batch) -> Iterator[Task]:
        operation = "arm:Subscriptions_List"
        Questions(Inquiry(seat, header), batch).all(operation, {})
        listed = [page.value for page in batch.reading.pages(operation, Subscriptions)]
        present = {s.subscriptionId.lower() for page in listed for s in page if s.state != _GONE}
        for id in sorted(present):
            yield self._subscription_task(seat, header, id)

    def _subscription_task(self, seat: Seat, tenant: ScopeHeader, id: str) -> Task:
        name = f"{tenant.source}/{id}/global/subscription"
        header = replace(tenant, id=name, service="subscription", account=id, account_name=None)
        return Task(header, "", partial(self._read_subscription, seat, header))

    def _read_subscription(self, seat: Seat, header: ScopeHeader, batch: Batch) -> Iterator[Task]:
        ask = Questions(Inquiry(seat, header), batch)
        parameters: dict[str, JSON] = {"subscriptionId": header.account}
        ask.one("arm:Subscriptions_Get", parameters)
        for operation in _SUBSCRIPTION_LISTS:
            ask.all(operation, parameters)
        reading = batch.reading
        named = reading.answer("arm:Subscriptions_Get", Subscription)
        known = replace(header, account_name=named.displayName if named else None)
        vaults = reading.pages("arm:Vaults_ListBySubscription", ListedVaults)
        hsms = reading.pages("arm:ManagedHsms_ListBySubscription", ListedHsms)
        found: dict[str, list[ListedVault | ListedHsm]] = {
            "vault": [vault for page in vaults for vault in page.value],
            "managedhsm": [hsm for page in hsms for hsm in page.value],
        }
        for service in self._configuration.services:
            for store in {store.name.lower(): store for store in found.get(service, ())}.values():
                yield self._store_task(seat, known, service, store)
        if "storage" in self._configuration.services:
            storage = replace(known, id=f"{known.source}/{known.account}/global/storage", service="storage")
            yield Task(storage, "", partial(_list_storage_accounts, seat, storage))

    def _store_task(self, seat: Seat, subscription: ScopeHeader, service: str, store: ListedVault | ListedHsm) -> Task:
        id = f"{subscription.source}/{subscription.account}/{service}/{store.name}"
        header = replace(subscription, id=id, service=service, region=store.location)
        inquiry = Inquiry(seat, header, store.address.rstrip("/"))
        reading = {"vault": _VaultReading, "managedhsm": _HsmReading}[service]
        return Task(header, "", reading(inquiry, store.id, self._sample).run)


def _list_storage_accounts(seat: Seat, header: ScopeHeader, batch: Batch) -> Iterable[Task]:
    Questions(Inquiry(seat, header), batch).all("arm:StorageAccounts_List", {"subscriptionId": header.account})
    return ()


_SUBSCRIPTION_LISTS = (
    "arm:Vaults_ListBySubscription",
    "arm:Vaults_ListDeleted",
    "arm:ManagedHsms_ListBySubscription",
    "arm:ManagedHsms_ListDeleted",
)


@dataclass(frozen=True, slots=True)
class _StoreReading(ABC):
    """Reads one vault or managed HSM: itself and its lists first, then thing by thing."""

    inquiry: Inquiry
    resource: str
    """Its id in Resource Manager."""
    sample: int | None

    keys_by_manager: ClassVar[str]
    """Resource Manager's operations on its keys."""

    @abstractmethod
    def run(self, batch: Batch) -> Iterable[Task]:
        """Ask about the store and for its lists, and give the tasks of what they name."""

    def _ask_about_access(self, ask: Questions) -> None:
        """The roles assigned on it, and what those allow that are not known."""
        operation = "arm:RoleAssignments_ListForScope"
        ask.all(operation, {"resourceId": self.resource})
        assigned = ask.batch.reading.pages(operation, Assignments)
        concerning = (a.properties for page in assigned for a in page.value if _concerns(a, self.resource))
        definitions = sorted({assignment.roleDefinitionId for assignment in concerning})
        for id in definitions:
            if role_id(id) not in BUILT_IN and ROUTES["arm:RoleDefinitions_Get"].takes("roleDefinitionId", id):
                ask.one("arm:RoleDefinitions_Get", {"roleDefinitionId": id})

    def _ask_about_logging(self, ask: Questions) -> None:
        """Where its log goes, and for how long that is kept."""
        operation = "arm:DiagnosticSettings_List"
        ask.one(operation, {"resourceId": self.resource})
        settings = ask.batch.reading.answer(operation, DiagnosticSettings)
        named = {setting.properties.workspaceId for setting in settings.value} if settings else set()
        for id in sorted(id for id in named if id):
            if ROUTES["arm:Workspaces_Get"].takes("workspaceId", id):
                ask.one("arm:Workspaces_Get", {"workspaceId": id})

    def _list(self, ask: Questions, operation: str, parameters: dict[str, JSON]) -> bool:
        """Every page of a list, or enough for a sample; whether it was answered."""
        return answered(ask.all(operation, parameters, first=self.sample is not None))

    def _key_tasks(self, ask: Questions) -> Iterator[Task]:
        """The tasks of its keys, by its own list or, where that is refused, by Resource Manager's."""
        by_itself = self._list(ask, "keys:GetKeys", {})
        self._list(ask, "keys:GetDeletedKeys", {})
        if not by_itself:
            self._list(ask, f"{self.keys_by_manager}_List", {"resourceId": self.resource})
        reading = ask.batch.reading
        listed = [k for page in reading.pages("keys:GetKeys", ListedKeys) for k in page.value]
        managed = {thing_id(key.kid): key.managed is True for key in listed}
        for page in reading.pages(f"{self.keys_by_manager}_List", ListedArmKeys):
            managed.update({thing_id(key.properties.keyUri): False for key in page.value})
        for id, by_certificate in managed.items():
            if by_itself:
                run = partial(self._ask_about_key, thing_name(id), by_certificate, self.manager_tells(ask))
            else:
                run = partial(self._ask_manager_about_key, thing_name(id))
            yield self._task(id, run)
        pages = reading.pages("keys:GetDeletedKeys", DeletedKeys)
        deleted = dict.fromkeys(thing_id(key.kid) for page in pages for key in page.value)
        for id in (id for id in deleted if id not in managed):
            yield self._task(id, _deleted_key(thing_name(id)))

    def _ask_about_key(self, name: str, by_certificate: bool, manager_tells: bool, ask: Questions) -> None:
        """Three requests: its versions, what it is, its rotation policy; Resource Manager tells what is refused.

        Resource Manager's answer has the rotation policy too, and alone tells the size of a symmetric key. A
        certificate's key is renewed with the certificate and has no rotation policy to ask for.
        """
        key: dict[str, JSON] = {"key": name}
        of_manager: dict[str, JSON] = {"resourceId": self.resource, **key}
        versions = answered(ask.all("keys:GetKeyVersions", key))
        told = self.ask_what_it_is(name, ask)
        if not told or (manager_tells and _of_unknown_size(ask)):
            by_manager = ask.one(f"{self.keys_by_manager}_Get", of_manager)
            if not by_manager.ok and told and not by_certificate:
                ask.one("keys:GetKeyRotationPolicy", key)
        elif not by_certificate and not ask.one("keys:GetKeyRotationPolicy", key).ok:
            ask.one(f"{self.keys_by_manager}_Get", of_manager)
        if not versions:
            ask.all(f"{self.keys_by_manager}_ListVersions", of_manager)

    def ask_what_it_is(self, name: str, ask: Questions) -> bool:
        """One request, and whether it was answered."""
        return ask.one("keys:GetKey", {"key": name}).ok

    def manager_tells(self, ask: Questions) -> bool:
        """Resource Manager may be asked for what the data plane does not tell of keys."""
        return False

    def _ask_manager_about_key(self, name: str, ask: Questions) -> None:
        ask.one(f"{self.keys_by_manager}_Get", {"resourceId": self.resource, "key": name})
        ask.all(f"{self.keys_by_manager}_ListVersions", {"resourceId": self.resource, "key": name})

    def _task(self, subject: str, run: Callable[[Questions], object]) -> Task:
        def of_subject(batch: Batch) -> Iterable[Task]:
            run(Questions(self.inquiry, batch))
            return ()

        return Task(self.inquiry.header, subject, of_subject)


def _concerns(assignment: Assignment, resource: str) -> bool:
    return placed(assignment.properties.scope, resource) is not None


def _deleted_key(name: str) -> Callable[[Questions], object]:
    return lambda ask: ask.one("keys:GetDeletedKey", {"key": name})


def _of_unknown_size(ask: Questions) -> bool:
    """The key was described as a symmetric one, whose size the data plane does not tell."""
    reading = ask.batch.reading
    answers = [reading.answer(operation, KeyBundle) for operation in ("keys:GetKeyAttestation", "keys:GetKey")]
    return any(a is not None and a.key.kty.startswith("oct") and a.key.key_size is None for a in answers)


class _VaultReading(_StoreReading):
    keys_by_manager = "arm:Keys"

    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        ask.one("arm:Vaults_Get", {"resourceId": self.resource})
        self._ask_about_logging(ask)
        self._ask_about_access(ask)
        keys = list(self._key_tasks(ask))
        secrets = list(self._secret_tasks(ask))
        certificates = list(self._certificate_tasks(ask))
        return [*sampled(keys, self.sample), *sampled(secrets, self.sample), *sampled(certificates, self.sample)]

    def _secret_tasks(self, ask: Questions) -> Iterator[Task]:
        by_itself = self._list(ask, "secrets:GetSecrets", {})
        self._list(ask, "secrets:GetDeletedSecrets", {})
        if not by_itself:
            self._list(ask, "arm:Secrets_List", {"resourceId": self.resource})
        listed = ask.batch.reading.pages("secrets:GetSecrets", ListedSecrets)
        for id in dict.fromkeys(secret.id for page in listed for secret in page.value):
            yield self._task(thing_id(id), _versions_of("secrets:GetSecretVersions", "secret", id))

    def _certificate_tasks(self, ask: Questions) -> Iterator[Task]:
        self._list(ask, "certificates:GetCertificates", {})
        self._list(ask, "certificates:GetDeletedCertificates", {})
        listed = ask.batch.reading.pages("certificates:GetCertificates", ListedCertificates)
        for id in dict.fromkeys(certificate.id for page in listed for certificate in page.value):
            yield self._task(thing_id(id), partial(_ask_about_certificate, thing_name(id)))


def _versions_of(operation: str, parameter: str, id: str) -> Callable[[Questions], object]:
    return lambda ask: ask.all(operation, {parameter: thing_name(id)})


def _ask_about_certificate(name: str, ask: Questions) -> None:
    ask.one("certificates:GetCertificate", {"certificate": name})
    ask.all("certificates:GetCertificateVersions", {"certificate": name})


class _HsmReading(_StoreReading):
    keys_by_manager = "arm:ManagedHsmKeys"

    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        ask.one("arm:ManagedHsms_Get", {"resourceId": self.resource})
        ask.all("arm:MHSMRegions_ListByResource", {"resourceId": self.resource})
        self._ask_about_logging(ask)
        self._ask_about_access(ask)
        ask.all("administration:RoleAssignments_ListForScope", {})
        ask.all("administration:RoleDefinitions_List", {})
        ask.one("administration:GetSettings", {})
        ask.one("administration:GetEkmConnection", {})
        return sampled(list(self._key_tasks(ask)), self.sample)

    def ask_what_it_is(self, name: str, ask: Questions) -> bool:
        """The newest version with its attestation, which tells all that the key alone would; else the key alone."""
        pages = ask.batch.reading.pages("keys:GetKeyVersions", ListedKeys)
        versions = [version for page in pages for version in page.value if thing_version(version.kid)]
        if versions:
            newest = max(versions, key=lambda version: version.attributes.created)
            if ask.one("keys:GetKeyAttestation", {"key": name, "version": thing_version(newest.kid)}).ok:
                return True
        return super().ask_what_it_is(name, ask)

    def manager_tells(self, ask: Questions) -> bool:
        """Only an HSM that allows it lets Resource Manager tell of its keys."""
        answer = ask.batch.reading.answer("administration:GetSettings", Settings)
        settings = {setting.name: setting.value for setting in answer.settings} if answer else {}
        return settings.get("AllowKeyManagementOperationsThroughARM") == "true"
