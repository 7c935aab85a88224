"""A vault or managed HSM: its own row, and what is listed in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from collectors.azure.answers import (
    ArmSecrets,
    DeletedKey,
    DeletedKeys,
    DiagnosticSettings,
    EkmConnection,
    Hsm,
    HsmProperties,
    ListedArmKeys,
    ListedCertificate,
    ListedCertificates,
    ListedKeys,
    ListedSecret,
    ListedSecrets,
    NetworkRules,
    PrivateEndpoint,
    Regions,
    Settings,
    Vault,
    VaultProperties,
    Workspace,
    thing_id,
)
from collectors.azure.facts.access import StoreAccess, hsm_access, vault_access
from collectors.azure.facts.scope import Setting
from collectors.scope_rows import expect, listed, without_bodies
from evidence.model import NEVER, GapKind, KeyStore, ProtectionLevel, State
from evidence.observation import canonical_json
from evidence.reading import Reading

VAULT = "arm:Vaults_Get"
HSM = "arm:ManagedHsms_Get"
REGIONS = "arm:MHSMRegions_ListByResource"
DIAGNOSTICS = "arm:DiagnosticSettings_List"
WORKSPACE = "arm:Workspaces_Get"
SETTINGS = "administration:GetSettings"
EKM = "administration:GetEkmConnection"
KEYS, DELETED_KEYS = "keys:GetKeys", "keys:GetDeletedKeys"
SECRETS, DELETED_SECRETS, ARM_SECRETS = "secrets:GetSecrets", "secrets:GetDeletedSecrets", "arm:Secrets_List"
CERTIFICATES, DELETED_CERTIFICATES = "certificates:GetCertificates", "certificates:GetDeletedCertificates"

AnswerT = TypeVar("AnswerT", Vault, Hsm)

_AUDIT_CATEGORIES = ("AuditEvent",)
_AUDIT_GROUPS = ("audit", "allLogs")
_EVERYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(slots=True)
class ListedThing:
    """A key, secret or certificate as it is listed."""

    observation: str
    by_manager: bool = False
    """Resource Manager lists it, since the data plane did not."""
    managed: bool | None = None
    """A certificate manages it; None where that is not told."""
    deleted: bool = False
    item: Any = None
    """What the list tells of it."""


@dataclass(slots=True)
class Store:
    """What a scope's own reading tells: the store, who may use it, and what it holds."""

    reading: Reading
    """With its failures, without the bodies of its answers."""
    resource: str
    """Its id in Resource Manager."""
    keys_by_manager: str
    """Resource Manager's operations on its keys: `arm:Keys` or `arm:ManagedHsmKeys`."""
    row: KeyStore
    access: StoreAccess
    retention_days: int | None
    regions: list[str] | None
    keys: dict[str, ListedThing] = field(default_factory=dict)
    """By id; what is read is taken out."""
    secrets: dict[str, ListedThing] = field(default_factory=dict)
    certificates: dict[str, ListedThing] = field(default_factory=dict)
    external: KeyStore | None = None
    """The key manager outside Azure that a managed HSM is connected to, if it is."""

    @property
    def things(self) -> dict[str, str]:
        """The ids of its keys and secrets by their place, such as `keys/NAME`, in lower case."""
        return {urlsplit(id).path.strip("/").lower(): id for id in (*self.keys, *self.secrets)}

    def incomplete(self, *lists: str) -> list[str]:
        """Those of the lists that were not read whole, and that no other list stands in for."""
        stand_in = {KEYS: f"{self.keys_by_manager}_List", SECRETS: ARM_SECRETS}
        failures = self.reading.failures
        return [name for name in lists if name in failures and not self._read(stand_in.get(name, ""))]

    def _read(self, operation: str) -> bool:
        return operation not in self.reading.failures and any(self.reading.of(operation))


def read_vault(setting: Setting, reading: Reading) -> Store:
    """What the scope of a vault tells of it. What could not be read is in the failures of the store's reading."""
    resource = _resource(setting, reading)
    expect(reading, VAULT)
    answer = _own(reading, VAULT, resource, reading.answer(VAULT, Vault))
    observation = next((o.id for o in reading.of(VAULT)), "")
    access = vault_access(setting, reading, answer, resource, observation)
    row = _row(setting, reading, resource, "Azure Key Vault")
    row.connection_state = "none"
    if answer is not None:
        told = answer.properties
        row.protection_level = ProtectionLevel.SOFTWARE if told.sku.name.lower() == "standard" else None
        row.activated = True
        row.access_model = "roles" if told.enableRbacAuthorization is True else "access policies"
        row.store_settings = canonical_json(_vault_settings(told))
        _protection(row, told)
        row.network_public = _public(reading, VAULT, told)
    keys = _keys(reading, "arm:Keys_List")
    store = Store(reading, resource, "arm:Keys", row, access, row.recovery_days, None, keys)
    store.secrets = _secrets(reading)
    store.certificates = _certificates(reading)
    _logging(row, reading)
    store.reading = without_bodies(reading)
    return store


def read_hsm(setting: Setting, reading: Reading) -> Store:
    """What the scope of a managed HSM tells of it. Source of its protection: Azure's "What is Azure Managed HSM?"."""
    resource = _resource(setting, reading)
    expect(reading, HSM)
    answer = _own(reading, HSM, resource, reading.answer(HSM, Hsm))
    access = hsm_access(reading, resource)
    row = _row(setting, reading, resource, "Azure Managed HSM")
    row.protection_level = ProtectionLevel.HSM
    row.access_model = "local roles"
    settings = _hsm_settings(reading)
    if answer is not None:
        told = answer.properties
        status = told.securityDomainProperties.activationStatus if told.securityDomainProperties else None
        row.activated = None if status is None else status == "Active"
        _protection(row, told)
        row.network_public = _public(reading, HSM, told)
        if settings is not None:
            row.store_settings = canonical_json({"sku": answer.sku.name, **settings})
    pages = [page for _, page in listed(reading, REGIONS, Regions, lambda page: page.more)]
    if REGIONS not in reading.failures:
        row.regions = sorted({setting.header.region, *(region.name for page in pages for region in page.value)})
    keys = _keys(reading, "arm:ManagedHsmKeys_List")
    store = Store(reading, resource, "arm:ManagedHsmKeys", row, access, row.recovery_days, row.regions, keys)
    _connection(setting, reading, store)
    _logging(row, reading)
    store.reading = without_bodies(reading)
    return store


def _own(reading: Reading, operation: str, resource: str, answer: AnswerT | None) -> AnswerT | None:
    """The answer, where it is about the store that was asked about."""
    if answer is not None and answer.id.lower() != resource.lower():
        observation = next((o.id for o in reading.of(operation)), "")
        reading.fail(operation, GapKind.FAILED, "the answer describes another store", observation)
        return None
    return answer


def _resource(setting: Setting, reading: Reading) -> str:
    """The id by which the store was asked about."""
    asked = (o.parameters.get("resourceId") for o in reading.observations)
    return next((id for id in asked if isinstance(id, str)), setting.header.id)


def _row(setting: Setting, reading: Reading, resource: str, kind: str) -> KeyStore:
    own = (VAULT, HSM, REGIONS, DIAGNOSTICS, WORKSPACE, SETTINGS)
    evidence = [o.id for o in reading.observations if o.operation in own]
    return KeyStore(
        **setting.bookkeeping(resource, evidence),
        kind=kind,
        name=resource.rpartition("/")[2],
        account=setting.header.account,
        region=setting.header.region,
        validation="",
        backed_by="",
        state=State.ACTIVE,
        deletion_at=NEVER,
    )


def _protection(row: KeyStore, told: VaultProperties | HsmProperties) -> None:
    """Purge protection that is not told is off: once on, it is always told. So is soft delete, which is on for all.

    Source: Azure's REST reference, VaultProperties; "Azure Key Vault soft-delete overview".
    """
    row.soft_delete = told.enableSoftDelete is not False
    row.purge_protection = told.enablePurgeProtection is True
    days = told.softDeleteRetentionInDays
    row.recovery_days = 0 if not row.soft_delete else 90 if days is None else days
    row.private_endpoints = _approved(told.privateEndpointConnections)


def _public(reading: Reading, operation: str, told: VaultProperties | HsmProperties) -> bool | None:
    """Anyone on the internet reaches it, if only to be asked for a token; None where a perimeter decides.

    Source: Azure's "Configure network security for Azure Key Vault": without rules all networks are let in, and with
    Deny only the addresses and networks named. Another value, as of a store in a network security perimeter, is a
    failure of `operation`.
    """
    rules = told.networkAcls or NetworkRules()
    access, action = (told.publicNetworkAccess or "Enabled").lower(), (rules.defaultAction or "Allow").lower()
    if access == "disabled":
        return False
    if access != "enabled" or action not in ("allow", "deny"):
        text = f"who reaches it is not told by publicNetworkAccess {access!r} and defaultAction {action!r}"
        reading.fail(operation, GapKind.FAILED, text, next((o.id for o in reading.of(operation)), ""))
        return None
    return action == "allow" or any(rule.value in _EVERYWHERE for rule in rules.ipRules or ())


def _approved(endpoints: list[PrivateEndpoint] | None) -> int:
    return sum(endpoint.approved for endpoint in endpoints or ())


def _vault_settings(told: VaultProperties) -> dict[str, object]:
    return {
        "sku": told.sku.name,
        "enabledForDeployment": told.enabledForDeployment is True,
        "enabledForDiskEncryption": told.enabledForDiskEncryption is True,
        "enabledForTemplateDeployment": told.enabledForTemplateDeployment is True,
        "bypass": (told.networkAcls.bypass if told.networkAcls else None) or "",
    }


def _hsm_settings(reading: Reading) -> dict[str, str] | None:
    expect(reading, SETTINGS)
    answer = reading.answer(SETTINGS, Settings)
    return {setting.name: setting.value for setting in answer.settings} if answer else None


def _connection(setting: Setting, reading: Reading, store: Store) -> None:
    """The key manager outside Azure, with keys that the managed HSM uses and does not hold."""
    expect(reading, EKM)
    answer = reading.answer(EKM, EkmConnection)
    if answer is None:
        return
    if answer.host is None:
        store.row.connection_state = "none"
        return
    told = {"path_prefix": answer.path_prefix, "server_subject_common_name": answer.server_subject_common_name}
    store.external = KeyStore(
        **setting.bookkeeping(f"{store.resource}/ekm", (o.id for o in reading.of(EKM))),
        kind="EKM connection",
        name=answer.host,
        account=setting.header.account,
        region=setting.header.region,
        protection_level=ProtectionLevel.EXTERNAL,
        validation="",
        backed_by="",
        soft_delete=False,
        purge_protection=False,
        recovery_days=0,
        access_model="local roles",
        state=State.ACTIVE,
        deletion_at=NEVER,
        store_settings=canonical_json({"host": answer.host, **told}),
    )


def _logging(row: KeyStore, reading: Reading) -> None:
    """Whether operations on keys and secrets are logged, where to and for how long.

    A setting's own retention policy is no longer applied. Sources: Azure's "Enable Key Vault logging": the category
    AuditEvent and the groups that hold it; "Migrate from diagnostic settings storage retention".
    """
    expect(reading, DIAGNOSTICS)
    answer = reading.answer(DIAGNOSTICS, DiagnosticSettings)
    workspaces: dict[str, int] = {}
    if any(reading.of(WORKSPACE)):
        for _, workspace in listed(reading, WORKSPACE, Workspace, lambda answer: False):
            workspaces[workspace.id.lower()] = max(workspace.properties.retentionInDays, 0)
    if answer is None:
        return
    if any(setting.properties.workspaceId for setting in answer.value):
        expect(reading, WORKSPACE)
    targets: set[str] = set()
    kept: list[int | None] = []
    for properties in (setting.properties for setting in answer.value):
        audits = [
            log
            for log in properties.logs or ()
            if log.enabled and (log.category in _AUDIT_CATEGORIES or log.categoryGroup in _AUDIT_GROUPS)
        ]
        places = (
            properties.workspaceId,
            properties.storageAccountId,
            properties.eventHubAuthorizationRuleId,
            properties.marketplacePartnerId,
        )
        targets.update(place for place in places if place and audits)
        if audits and properties.workspaceId:
            kept.append(workspaces.get(properties.workspaceId.lower()))
        kept.extend(None for place in places[1:] if place and audits)
    row.logging_enabled = bool(targets)
    row.logging_targets = sorted(targets)
    row.logging_retention_days = _longest(kept) if targets else 0


def _longest(kept: list[int | None]) -> int | None:
    """The longest that any place keeps the log, 0 for no end; None where a place does not tell, or none does."""
    days = [number for number in kept if number is not None]
    if not days or len(days) < len(kept):
        return None
    return 0 if 0 in days else max(days)


def _keys(reading: Reading, by_manager: str) -> dict[str, ListedThing]:
    found: dict[str, ListedThing] = {}
    for observation, page in listed(reading, KEYS, ListedKeys, lambda page: page.more):
        for key in page.value:
            found[thing_id(key.kid)] = ListedThing(observation, managed=key.managed is True)
    if any(reading.of(by_manager)):
        for observation, arm in listed(reading, by_manager, ListedArmKeys, lambda page: page.more):
            for item in arm.value:
                found.setdefault(thing_id(item.properties.keyUri), ListedThing(observation, by_manager=True))
    for observation, deleted in listed(reading, DELETED_KEYS, DeletedKeys, lambda page: page.more):
        for gone in deleted.value:
            entry = ListedThing(observation, managed=gone.managed is True, deleted=True, item=_light(gone))
            found.setdefault(thing_id(gone.kid), entry)
    return found


def _light(key: DeletedKey) -> DeletedKey:
    return key.model_copy(update={"tags": None})


def _secrets(reading: Reading) -> dict[str, ListedThing]:
    found: dict[str, ListedThing] = {}
    for observation, page in listed(reading, SECRETS, ListedSecrets, lambda page: page.more):
        for secret in page.value:
            found[thing_id(secret.id)] = ListedThing(observation, managed=secret.managed is True, item=secret)
    if any(reading.of(ARM_SECRETS)):
        for observation, arm in listed(reading, ARM_SECRETS, ArmSecrets, lambda page: page.more):
            for told in arm.value:
                item = ListedSecret(
                    id=told.properties.secretUri,
                    attributes=told.properties.attributes,
                    contentType=told.properties.contentType,
                    tags=told.tags,
                )
                found.setdefault(thing_id(item.id), ListedThing(observation, by_manager=True, item=item))
    for observation, page in listed(reading, DELETED_SECRETS, ListedSecrets, lambda page: page.more):
        for secret in page.value:
            entry = ListedThing(observation, managed=secret.managed is True, deleted=True, item=secret)
            found.setdefault(thing_id(secret.id), entry)
    return found


def _certificates(reading: Reading) -> dict[str, ListedThing]:
    found: dict[str, ListedThing] = {}
    for operation in (CERTIFICATES, DELETED_CERTIFICATES):
        for observation, certificate in _listed_certificates(reading, operation):
            entry = ListedThing(observation, deleted=operation == DELETED_CERTIFICATES, item=certificate)
            found.setdefault(thing_id(certificate.id), entry)
    return found


def _listed_certificates(reading: Reading, operation: str) -> Iterator[tuple[str, ListedCertificate]]:
    for observation, page in listed(reading, operation, ListedCertificates, lambda page: page.more):
        for certificate in page.value:
            yield observation, certificate
