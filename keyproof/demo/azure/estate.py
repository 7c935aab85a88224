"""Northwind Payments in Azure: points of sale, loyalty and the workplace, mostly in order and in places not.

Everything follows from names and from the `now` it is seeded with, so that two seedings give the same answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from keyproof.demo.aws.estate import ESTATE_NOW
from keyproof.demo.azure.faults import Rule
from keyproof.demo.azure.roles import Role, built_in
from keyproof.demo.azure.vault_answers import ARM_KEYS
from keyproof.demo.azure.world import (
    MANAGED_HSM,
    AccessPolicy,
    Assignment,
    Certificate,
    Key,
    LogSetting,
    RotationPolicy,
    Secret,
    StorageAccount,
    Store,
    Subscription,
    Version,
    World,
)
from keyproof.demo.faults import Fault
from keyproof.demo.names import days, stable_id

RETAIL = stable_id("subscription", "northwind-retail")
WORKPLACE = stable_id("subscription", "northwind-workplace")
AUDITOR = stable_id("application", "keyproof")
ACQUIRER_TENANT = stable_id("tenant", "acquirer")
"""The directory of another company, which processes card payments for Northwind."""
PRIVATE, REFUSED = "nw-settlement-prod", "nw-harbour-tickets"
"""A vault whose data plane only a private link reaches, and one that lets the auditor read nothing."""

_WORKSPACE = (
    f"/subscriptions/{WORKPLACE}/resourceGroups/monitoring/providers/Microsoft.OperationalInsights/workspaces/nw-audit"
)
_ENCLAVE = (
    '{"anyOf":[{"allOf":[{"claim":"x-ms-isolation-tee.x-ms-attestation-type","equals":"sevsnpvm"},'
    '{"claim":"x-ms-isolation-tee.x-ms-compliance-status","equals":"azure-compliant-cvm"}],'
    '"authority":"https://nwattest.weu.attest.azure.net"}],"version":"1.0.0"}'
)


def estate(now: datetime = ESTATE_NOW) -> World:
    """A world that holds the company's part in Azure as it is at `now`."""
    world = World(now, tenant=stable_id("tenant", "northwind"))
    world.clients[AUDITOR] = _principal("keyproof")
    world.add_subscription(Subscription(id=RETAIL, name="northwind-retail"))
    world.add_subscription(Subscription(id=WORKPLACE, name="northwind-workplace"))
    stores = _Stores(world)
    for fill in (
        _fill_points_of_sale,
        _fill_points_of_sale_development,
        _fill_loyalty,
        _fill_gateway,
        _fill_settlement,
        _fill_planning,
        _fill_workplace,
        _fill_harbour,
        _fill_hsm,
    ):
        fill(stores)
    _add_deleted_vault(stores)
    _add_storage_accounts(stores)
    _assign(world)
    world.refusals.append(Rule(fault=Fault.REFUSE, store=REFUSED))
    world.empty_pages = {"arm:Vaults_ListBySubscription"}
    return world


def _principal(name: str) -> str:
    return stable_id("principal", name)


class _Stores:
    """Adds vaults and managed HSMs and what is in them, with what those of the company have in common."""

    def __init__(self, world: World) -> None:
        self.world = world

    def ago(self, number: float) -> datetime:
        """So many days before now."""
        return self.world.now - days(number)

    def tags(self, name: str, environment: str = "prod", data_class: str = "confidential") -> dict[str, str]:
        """The tags that the company asks for."""
        owner = "workplace" if data_class == "internal" else "retail-platform"
        return {
            "Owner": f"{owner}@northwind.example",
            "Application": name,
            "Environment": environment,
            "DataClassification": data_class,
        }

    def add(self, name: str, purpose: str, *, age: float, subscription: str = RETAIL, **more: Any) -> Store:
        """Add a vault or a managed HSM that is `age` days old and writes its log to the company's workspace."""
        settings = {
            "group": "security" if subscription == WORKPLACE else "points-of-sale",
            "tags": self.tags(purpose, "dev" if name.endswith("dev") else "prod"),
            "log_settings": [LogSetting(name="to-workspace", workspace=_WORKSPACE, groups={"audit": True})],
        }
        created = self.ago(age)
        return self.world.add_store(
            Store(name=name, subscription=subscription, created_at=created, **(settings | more))
        )

    def versions(
        self,
        *ages: float,
        expires_in: float | None = None,
        enabled: bool = True,
        changed: float | None = None,
        starts_in: float | None = None,
    ) -> list[Version]:
        """Versions so many days old, oldest first. The newest may expire, begin, or have been changed `changed` ago."""
        now = self.world.now
        newest = Version(
            at=self.ago(ages[-1]),
            enabled=enabled,
            not_before=now + days(starts_in) if starts_in is not None else None,
            expires_at=now + days(expires_in) if expires_in is not None else None,
            updated_at=self.ago(changed) if changed is not None else None,
        )
        return [*(Version(at=self.ago(age)) for age in ages[:-1]), newest]

    def rotated(self, age: float, period: float, *, lifetime: float | None = None) -> list[Version]:
        """The first version and one for each period that has passed; each lives `lifetime` days."""
        ages = [age - period * number for number in range(int(age // period) + 1)]
        ends = days(lifetime) if lifetime is not None else None
        return [
            Version(at=self.ago(one), expires_at=self.ago(one) + ends if ends is not None else None) for one in ages
        ]

    def policy(self, age: float, **triggers: str) -> RotationPolicy:
        """A rotation policy of that age."""
        return RotationPolicy(at=self.ago(age), **triggers)

    def key(self, store: Store, name: str, versions: Sequence[Version], **more: Any) -> Key:
        """Add a key with the company's tags, unless others are given."""
        environment = "dev" if store.name.endswith("dev") else "prod"
        return store.add_key(Key(name=name, versions=versions, **{"tags": self.tags(name, environment)} | more))

    def secret(self, store: Store, name: str, *ages: float, expires_in: float | None = None, **more: Any) -> Secret:
        """Add a secret whose value was set so many days ago, newest last."""
        given = {
            "tags": self.tags(name, data_class="internal"),
            "versions": self.versions(*ages, expires_in=expires_in),
        }
        return store.add_secret(Secret(name=name, **given | more))


def _fill_points_of_sale(stores: _Stores) -> None:
    """The vault of production: HSM-backed keys, one of each way in which rotation is set up."""
    vault = stores.add(
        "nw-pos-prod",
        "points-of-sale",
        age=1700,
        sku="premium",
        default_action="Deny",
        ip_rules=["198.51.100.0/24"],
        subnets=[
            f"/subscriptions/{RETAIL}/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/pos/subnets/app"
        ],
    )
    yearly = stores.policy(1650, rotate_after="P1Y", notify_before_expiry="P30D", expiry_time="P2Y")
    half_yearly = stores.policy(800, rotate_after="P6M")
    before_expiry = stores.policy(700, rotate_before_expiry="P30D", expiry_time="P1Y")
    notice = stores.policy(1200, notify_before_expiry="P30D", expiry_time="P2Y")
    stalled = stores.policy(600, rotate_after="P90D")
    key, hsm = stores.key, {"kty": "RSA-HSM", "size": 3072}
    key(vault, "terminal-data", stores.rotated(1640, 365, lifetime=730), policy=yearly, **hsm)
    key(vault, "card-tokens", stores.rotated(790, 182), policy=half_yearly, kty="RSA-HSM", size=4096)
    key(vault, "pin-block-transport", stores.rotated(690, 335, lifetime=365), policy=before_expiry, **hsm)
    key(vault, "kiosk-sessions", stores.versions(1190, 460, expires_in=270), policy=notice)
    key(vault, "refunds", stores.versions(590, 230), policy=stalled, **hsm)
    key(vault, "receipt-archive", stores.versions(1680))
    key(vault, "till-backup", stores.versions(1100, 750, expires_in=-19), **hsm)
    key(vault, "update-signing", stores.versions(980, 410, expires_in=320), kty="EC-HSM", curve="P-256")
    key(vault, "crypto-till", stores.versions(640), kty="EC", curve="P-256K")
    key(
        vault,
        "tap-to-pay-enclave",
        stores.versions(310, expires_in=420),
        exportable=True,
        release_policy=_ENCLAVE,
        **hsm,
    )
    key(vault, "gift-cards-2027", stores.versions(6, starts_in=185, expires_in=915), **hsm)
    key(vault, "voucher-2022", stores.versions(1500), deleted_at=stores.ago(41))
    stores.secret(vault, "acquirer-api-token", 930, content_type="text/plain")
    stores.secret(vault, "terminal-enrolment", 400, 70, expires_in=20)
    stores.secret(vault, "pos-database", 800, 410, 45, expires_in=45)
    stores.secret(vault, "kiosk-bootstrap", 1300, expires_in=-200)


def _fill_points_of_sale_development(stores: _Stores) -> None:
    """The vault of developers: no purge protection, no log, and what nobody tidies up."""
    vault = stores.add(
        "nw-pos-dev", "points-of-sale", age=1300, purge_protection=False, retention_days=7, log_settings=[]
    )
    stores.key(vault, "terminal-data", stores.versions(1290))
    stores.key(vault, "card-tokens", stores.versions(640), tags={})
    stores.key(vault, "till-prototype", stores.versions(1250, enabled=False, changed=840), tags={})
    stores.key(vault, "load-test", stores.versions(90), tags={"CostCenter": "4711"})
    stores.key(vault, "sdk-samples", stores.versions(520), kty="EC", curve="P-384", tags={})
    stores.secret(vault, "sandbox-acquirer", 700, tags={})
    stores.secret(vault, "test-card-numbers", 340, tags={})
    vault.add_secret(Secret(name="shared-login", versions=stores.versions(900), deleted_at=stores.ago(4)))


def _fill_loyalty(stores: _Stores) -> None:
    vault = stores.add("nw-loyalty-prod", "loyalty", age=1100, group="loyalty", sku="premium")
    yearly = stores.policy(1000, rotate_after="P365D", expiry_time="P400D")
    for name, age in (("members", 1050), ("points-ledger", 900), ("campaigns", 430)):
        stores.key(vault, name, stores.rotated(age, 365, lifetime=400), policy=yearly)
    stores.key(vault, "member-cards", stores.versions(870, 620, 200, expires_in=165), kty="RSA-HSM", size=4096)
    stores.key(vault, "partner-offers", stores.versions(740, expires_in=12))
    stores.key(vault, "offer-signing", stores.versions(330), kty="EC-HSM", curve="P-521")
    stores.secret(vault, "loyalty-database", 600, 58, expires_in=32)
    stores.secret(vault, "mail-provider", 820)
    stores.secret(vault, "push-notifications", 410, 100, content_type="application/json")
    stores.secret(vault, "partner-feed", 260, 80, expires_in=100)
    stores.secret(vault, "airline-miles-login", 1020, 30, expires_in=60)


def _fill_gateway(stores: _Stores) -> None:
    """The vault of certificates: renewed by themselves, by hand, too late, and one that may leave the vault."""
    vault = stores.add("nw-gateway-prod", "gateway", age=1400, group="edge", location="northeurope", sku="premium")

    def certificate(name: str, *ages: float, expires_in: float, **more: Any) -> None:
        host = f"{name}.northwind.example"
        given: dict[str, Any] = {"subject": f"CN={host}", "dns_names": [host], "issuer": "DigiCert"}
        versions = stores.versions(*ages, expires_in=expires_in)
        vault.add_certificate(Certificate(name=name, versions=versions, tags=stores.tags(name), **given | more))

    certificate("pay", 780, 415, 50, expires_in=315)
    certificate("api", 720, 355, expires_in=10, days_before_expiry=30, renew_at_percentage=None)
    certificate("terminals", 540, 175, expires_in=190, kty="EC", curve="P-256", exportable=False)
    certificate("admin", 360, expires_in=5, renew_at_percentage=None, issuer="Unknown", size=4096)
    certificate("status", 420, expires_in=-55, renew_at_percentage=None, issuer="Unknown")
    certificate("mtls-acquirer", 300, expires_in=430, kty="RSA-HSM", size=3072, exportable=False, validity_months=24)
    certificate("intranet", 900, 200, expires_in=165, issuer="Self", reuse_key=True)
    certificate("beta", 500, expires_in=-130, deleted_at=stores.ago(60))
    stores.key(vault, "edge-logs", stores.rotated(700, 365), policy=stores.policy(700, rotate_after="P1Y"))
    stores.key(vault, "session-tickets", stores.versions(400))
    stores.secret(vault, "waf-licence", 380, expires_in=350)


def _fill_settlement(stores: _Stores) -> None:
    """Reached by its private endpoint only, from a network in which the auditor is not."""
    endpoint = f"/subscriptions/{RETAIL}/resourceGroups/network/providers/Microsoft.Network/privateEndpoints/settlement"
    vault = stores.add(
        PRIVATE,
        "settlement",
        age=1250,
        sku="premium",
        public=False,
        default_action="Deny",
        bypass="None",
        private_endpoints=[endpoint],
    )
    yearly = stores.policy(1200, rotate_after="P1Y", expiry_time="P2Y")
    stores.key(
        vault, "settlement-files", stores.rotated(1200, 365, lifetime=730), policy=yearly, kty="RSA-HSM", size=3072
    )
    stores.key(vault, "acquirer-exchange", stores.versions(880), kty="RSA-HSM")
    stores.key(vault, "clearing-signing", stores.versions(500, expires_in=230), kty="EC-HSM", curve="P-384")
    stores.key(vault, "batch-archive", stores.versions(1240), kty="RSA")
    stores.secret(vault, "scheme-sftp", 1100, 790)
    stores.secret(vault, "clearing-house", 90, expires_in=90)


def _fill_planning(stores: _Stores) -> None:
    """The oldest vault: access policies, one of which grants everything, and one to another company."""
    planners = AccessPolicy(
        object_id=_principal("erp-consultants"), keys=["all"], secrets=["all"], certificates=["all"]
    )
    runtime = AccessPolicy(
        object_id=_principal("erp-runtime"), keys=["get", "list", "wrapKey", "unwrapKey"], secrets=["get", "list"]
    )
    acquirer = AccessPolicy(
        object_id=_principal("acquirer-import"), keys=["get", "decrypt", "unwrapKey"], tenant=ACQUIRER_TENANT
    )
    auditor = AccessPolicy(
        object_id=_principal("keyproof"),
        keys=["get", "list", "getrotationpolicy"],
        secrets=["list"],
        certificates=["get", "list"],
    )
    vault = stores.add(
        "nw-erp-legacy",
        "erp",
        age=2900,
        subscription=WORKPLACE,
        rbac=False,
        purge_protection=False,
        retention_days=30,
        access_policies=[planners, runtime, acquirer, auditor],
    )
    stores.key(vault, "erp-database", stores.versions(2850, 1500))
    stores.key(vault, "invoice-signing", stores.versions(2100), kty="RSA")
    stores.key(vault, "acquirer-statements", stores.versions(760))
    stores.key(vault, "scanner-gateway", stores.versions(2700, enabled=False, changed=1900), tags={})
    stores.secret(vault, "erp-admin", 2800)
    stores.secret(vault, "bank-interface", 1700, 900)
    stores.secret(vault, "print-service", 640, tags={})
    stores.secret(vault, "edi-partner", 420, expires_in=-3)


def _fill_workplace(stores: _Stores) -> None:
    vault = stores.add("nw-workplace", "workplace", age=1500, subscription=WORKPLACE)
    yearly = stores.policy(1450, rotate_after="P1Y")
    for name, age in (("mailbox-archive", 1450), ("device-backup", 1000)):
        stores.key(vault, name, stores.rotated(age, 365), policy=yearly, size=3072)
    stores.key(vault, "hr-documents", stores.versions(1480))
    stores.key(vault, "disk-encryption", stores.versions(800, 430, 65), size=4096)
    stores.secret(vault, "scim-token", 500, 160, expires_in=20)
    stores.secret(vault, "directory-sync", 1400)
    stores.secret(vault, "vpn-radius", 330, 30, expires_in=60)
    stores.secret(vault, "badge-printer", 770, expires_in=-400)
    stores.secret(vault, "wiki-integration", 75)
    vault.add_certificate(
        Certificate(
            name="sso-signing",
            versions=stores.versions(1000, 300, expires_in=795),
            subject="CN=sso.northwind.example",
            validity_months=36,
            tags=stores.tags("sso", data_class="internal"),
        )
    )
    vault.add_certificate(
        Certificate(
            name="wifi-radius",
            versions=stores.versions(340, expires_in=25),
            subject="CN=radius.northwind.example",
            exportable=False,
            tags=stores.tags("wifi", data_class="internal"),
        )
    )


def _fill_harbour(stores: _Stores) -> None:
    """Of a company that was bought and has not been taken over yet."""
    vault = stores.add(REFUSED, "tickets", age=820, subscription=WORKPLACE, group="harbour", tags={})
    stores.key(vault, "tickets", stores.versions(800), tags={})
    stores.key(vault, "gate-signing", stores.versions(810), kty="EC", curve="P-256", tags={})
    stores.secret(vault, "ferry-operator", 700, tags={})


def _fill_hsm(stores: _Stores) -> None:
    """The managed HSM of card issuing, the pilot of post-quantum signatures in it."""
    administrator = _principal("platform-admin")
    hsm = stores.add(
        "nw-issuing-hsm",
        "issuing",
        age=940,
        kind=MANAGED_HSM,
        sku="Standard_B1",
        group="issuing",
        regions=["northeurope"],
        external_key_manager="ekm.northwind.example",
        administrators=[administrator, _principal("custodian-one"), _principal("custodian-two")],
        settings={ARM_KEYS: True},
        assignments=[
            Assignment(scope="/", role=built_in("Managed HSM Administrator"), principal=administrator),
            Assignment(scope="/", role=built_in("Managed HSM Crypto Officer"), principal=_principal("custodian-one")),
            Assignment(scope="/", role=built_in("Managed HSM Crypto Auditor"), principal=_principal("keyproof")),
            Assignment(scope="/", role=built_in("Managed HSM Backup"), principal=_principal("backup")),
            Assignment(
                scope="/keys", role=built_in("Managed HSM Crypto User"), principal=_principal("issuing-runtime")
            ),
            Assignment(
                scope="/keys/issuing-master",
                role=built_in("Managed HSM Crypto User"),
                principal=_principal("custodian-one"),
            ),
            Assignment(
                scope="/keys/storage-encryption",
                role=built_in("Managed HSM Crypto Service Encryption User"),
                principal=_principal("storage"),
            ),
        ],
    )
    yearly = stores.policy(930, rotate_after="P1Y")
    key = stores.key
    key(hsm, "issuing-master", stores.rotated(930, 365), kty="oct-HSM", size=256, policy=yearly, attested=True)
    key(hsm, "scheme-zone-master", stores.versions(690, 325), kty="oct-HSM", size=256, attested=True)
    key(hsm, "card-personalisation", stores.versions(920), kty="oct-HSM", size=128, attested=True)
    key(hsm, "storage-encryption", stores.versions(400, 35), kty="RSA-HSM", size=4096, attested=True)
    key(hsm, "issuer-root", stores.versions(925), kty="EC-HSM", curve="P-521", attested=True)
    key(hsm, "terminal-firmware-pq", stores.versions(75), kty="AKP-HSM", algorithm="ML-DSA-65", attested=True)
    key(hsm, "statement-signing-pq", stores.versions(30), kty="AKP-HSM", algorithm="ML-DSA-87", attested=True)
    key(hsm, "emv-test", stores.versions(900), kty="RSA-HSM", deleted_at=stores.ago(62))


def _add_deleted_vault(stores: _Stores) -> None:
    """Deleted with what was in it, and waiting to be purged."""
    vault = stores.add("nw-kiosk-pilot", "kiosk", age=1600, deleted_at=stores.ago(33), location="northeurope")
    stores.key(vault, "pilot", stores.versions(1590))


def _add_storage_accounts(stores: _Stores) -> None:
    """The younger ones take no shared keys; of the rest one is rotated by hand, and the others were forgotten."""
    world = stores.world
    receipts = f"{world.public_name(world.stores['nw-loyalty-prod'])}/keys/members"
    for name, subscription, group, age, rotated, more in (
        ("nwreceipts", RETAIL, "pos", 1500, (70, 20), {"remind_after_days": 90, "default_action": "Deny"}),
        ("nwloyaltydata", RETAIL, "loyalty", 800, (800, 800), {"shared_keys": False, "key": receipts}),
        ("nwkioskmedia", RETAIL, "kiosk", 1300, (640, 1300), {}),
        ("nwplanning", WORKPLACE, "planning", 2600, (None, None), {"location": "northeurope"}),
        ("nwaudit", WORKPLACE, "monitoring", 900, (310, 310), {"public": "Disabled"}),
    ):
        world.storage_accounts.append(
            StorageAccount(
                name=name,
                subscription=subscription,
                group=group,
                created_at=stores.ago(age),
                rotated=[None if days_ago is None else stores.ago(days_ago) for days_ago in rotated],
                **more,
            )
        )


def _assign(world: World) -> None:
    retail, workplace = f"/subscriptions/{RETAIL}", f"/subscriptions/{WORKPLACE}"
    root = f"/providers/Microsoft.Management/managementGroups/{world.tenant}"
    stores = {name: store.id for name, store in world.stores.items()}
    janitor = Role(
        id=stable_id("role", "Northwind Key Operator"),
        name="Northwind Key Operator",
        description="Rotates and restores keys of points of sale.",
        custom=True,
        actions=("Microsoft.KeyVault/vaults/read",),
        data_actions=(
            "Microsoft.KeyVault/vaults/keys/read",
            "Microsoft.KeyVault/vaults/keys/rotate/action",
            "Microsoft.KeyVault/vaults/keys/restore/action",
        ),
        scopes=(retail,),
    )
    user = Role(
        id=stable_id("role", "Northwind Key User"),
        name="Northwind Key User",
        description="Uses keys, and cannot change them as Key Vault Crypto User can.",
        custom=True,
        actions=(),
        data_actions=tuple(
            f"Microsoft.KeyVault/vaults/keys/{name}"
            for name in (
                "read",
                *(f"{use}/action" for use in ("encrypt", "decrypt", "wrap", "unwrap", "sign", "verify")),
            )
        ),
        scopes=(retail,),
    )
    everything = Role(
        id=stable_id("role", "Northwind Emergency"),
        name="Northwind Emergency",
        description="Everything, for the two accounts in the safe.",
        custom=True,
        actions=("*",),
        data_actions=("*",),
        scopes=(retail, workplace),
    )
    world.roles = [janitor, user, everything]
    for scope, role, principal, kind in (
        (root, built_in("Reader"), "keyproof", "ServicePrincipal"),
        (root, built_in("Key Vault Reader"), "keyproof", "ServicePrincipal"),
        (root, built_in("User Access Administrator"), "platform-admin", "User"),
        (retail, built_in("Owner"), "platform-admins", "Group"),
        (stores["nw-loyalty-prod"], everything, "emergency-one", "User"),
        (workplace, built_in("Contributor"), "workplace-admins", "Group"),
        (stores["nw-workplace"], built_in("Key Vault Administrator"), "workplace-admins", "Group"),
        (stores["nw-pos-prod"], janitor, "operations", "Group"),
        (stores["nw-pos-prod"], user, "pos-runtime", "ServicePrincipal"),
        (stores["nw-pos-prod"], built_in("Key Vault Secrets User"), "pos-runtime", "ServicePrincipal"),
        (f"{stores['nw-pos-prod']}/keys/refunds", built_in("Key Vault Crypto User"), "incident-4711", "User"),
        (
            f"{stores['nw-pos-prod']}/keys/tap-to-pay-enclave",
            built_in("Key Vault Crypto Service Release User"),
            "enclave",
            "ServicePrincipal",
        ),
        (
            f"{stores['nw-pos-prod']}/secrets/acquirer-api-token",
            built_in("Key Vault Secrets User"),
            "acquirer",
            "ForeignGroup",
        ),
        (stores["nw-pos-dev"], built_in("Key Vault Administrator"), "developers", "Group"),
        (stores["nw-loyalty-prod"], built_in("Key Vault Crypto Officer"), "ci", "ServicePrincipal"),
        (stores["nw-loyalty-prod"], built_in("Key Vault Crypto User"), "ci", "ServicePrincipal"),
        (
            stores["nw-loyalty-prod"],
            built_in("Key Vault Crypto Service Encryption User"),
            "loyalty-storage",
            "ServicePrincipal",
        ),
        (stores["nw-gateway-prod"], built_in("Key Vault Certificates Officer"), "edge", "Group"),
        (stores["nw-gateway-prod"], built_in("Key Vault Certificate User"), "edge-gateway", "ServicePrincipal"),
        (stores[PRIVATE], user, "settlement-runtime", "ServicePrincipal"),
        (stores["nw-workplace"], built_in("Key Vault Secrets Officer"), "helpdesk", "Group"),
        (stores["nw-issuing-hsm"], built_in("Managed HSM contributor"), "platform-admins", "Group"),
    ):
        world.assignments.append(
            Assignment(scope=scope, role=role, principal=_principal(principal), kind=kind, at=world.now - days(500))
        )
    world.assignments.append(
        Assignment(
            scope=stores["nw-loyalty-prod"],
            role=built_in("Key Vault Data Access Administrator"),
            principal=_principal("loyalty-leads"),
            kind="Group",
            condition=(
                "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR"
                " (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals"
                " {12338af0-0e69-4776-bea7-57ae8d297424, 4633458b-17de-408a-b874-0445c86b69e6}))"
            ),
            at=world.now - days(210),
        )
    )
