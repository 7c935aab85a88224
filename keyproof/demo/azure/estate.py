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
    things = _Things(world)
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
        fill(things)
    _add_deleted_vault(things)
    _assign(world)
    world.refusals.append(Rule(fault=Fault.REFUSE, store=REFUSED))
    world.empty_pages = {"arm:Vaults_ListBySubscription"}
    return world


def _principal(name: str) -> str:
    return stable_id("principal", name)


class _Things:
    """Adds stores and what is in them, with what those of the company have in common."""

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

    def store(self, name: str, purpose: str, *, age: float, subscription: str = RETAIL, **more: Any) -> Store:
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


def _fill_points_of_sale(things: _Things) -> None:
    """The vault of production: HSM-backed keys, one of each way in which rotation is set up."""
    vault = things.store(
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
    yearly = things.policy(1650, rotate_after="P1Y", notify_before_expiry="P30D", expiry_time="P2Y")
    half_yearly = things.policy(800, rotate_after="P6M")
    before_expiry = things.policy(700, rotate_before_expiry="P30D", expiry_time="P1Y")
    notice = things.policy(1200, notify_before_expiry="P30D", expiry_time="P2Y")
    stalled = things.policy(600, rotate_after="P90D")
    key, hsm = things.key, {"kty": "RSA-HSM", "size": 3072}
    key(vault, "terminal-data", things.rotated(1640, 365, lifetime=730), policy=yearly, **hsm)
    key(vault, "card-tokens", things.rotated(790, 182), policy=half_yearly, kty="RSA-HSM", size=4096)
    key(vault, "pin-block-transport", things.rotated(690, 335, lifetime=365), policy=before_expiry, **hsm)
    key(vault, "kiosk-sessions", things.versions(1190, 460, expires_in=270), policy=notice)
    key(vault, "refunds", things.versions(590, 230), policy=stalled, **hsm)
    key(vault, "receipt-archive", things.versions(1680))
    key(vault, "till-backup", things.versions(1100, 750, expires_in=-19), **hsm)
    key(vault, "update-signing", things.versions(980, 410, expires_in=320), kty="EC-HSM", curve="P-256")
    key(vault, "crypto-till", things.versions(640), kty="EC", curve="P-256K")
    key(
        vault,
        "tap-to-pay-enclave",
        things.versions(310, expires_in=420),
        exportable=True,
        release_policy=_ENCLAVE,
        **hsm,
    )
    key(vault, "gift-cards-2027", things.versions(6, starts_in=185, expires_in=915), **hsm)
    key(vault, "voucher-2022", things.versions(1500), deleted_at=things.ago(41))
    things.secret(vault, "acquirer-api-token", 930, content_type="text/plain")
    things.secret(vault, "terminal-enrolment", 400, 70, expires_in=20)
    things.secret(vault, "pos-database", 800, 410, 45, expires_in=45)
    things.secret(vault, "kiosk-bootstrap", 1300, expires_in=-200)


def _fill_points_of_sale_development(things: _Things) -> None:
    """The vault of developers: no purge protection, no log, and what nobody tidies up."""
    vault = things.store(
        "nw-pos-dev", "points-of-sale", age=1300, purge_protection=False, retention_days=7, log_settings=[]
    )
    things.key(vault, "terminal-data", things.versions(1290))
    things.key(vault, "card-tokens", things.versions(640), tags={})
    things.key(vault, "till-prototype", things.versions(1250, enabled=False, changed=840), tags={})
    things.key(vault, "load-test", things.versions(90), tags={"CostCenter": "4711"})
    things.key(vault, "sdk-samples", things.versions(520), kty="EC", curve="P-384", tags={})
    things.secret(vault, "sandbox-acquirer", 700, tags={})
    things.secret(vault, "test-card-numbers", 340, tags={})
    vault.add_secret(Secret(name="shared-login", versions=things.versions(900), deleted_at=things.ago(4)))


def _fill_loyalty(things: _Things) -> None:
    vault = things.store("nw-loyalty-prod", "loyalty", age=1100, group="loyalty", sku="premium")
    yearly = things.policy(1000, rotate_after="P365D", expiry_time="P400D")
    for name, age in (("members", 1050), ("points-ledger", 900), ("campaigns", 430)):
        things.key(vault, name, things.rotated(age, 365, lifetime=400), policy=yearly)
    things.key(vault, "member-cards", things.versions(870, 620, 200, expires_in=165), kty="RSA-HSM", size=4096)
    things.key(vault, "partner-offers", things.versions(740, expires_in=12))
    things.key(vault, "offer-signing", things.versions(330), kty="EC-HSM", curve="P-521")
    things.secret(vault, "loyalty-database", 600, 58, expires_in=32)
    things.secret(vault, "mail-provider", 820)
    things.secret(vault, "push-notifications", 410, 100, content_type="application/json")
    things.secret(vault, "partner-feed", 260, 80, expires_in=100)
    things.secret(vault, "airline-miles-login", 1020, 30, expires_in=60)


def _fill_gateway(things: _Things) -> None:
    """The vault of certificates: renewed by themselves, by hand, too late, and one that may leave the vault."""
    vault = things.store("nw-gateway-prod", "gateway", age=1400, group="edge", location="northeurope", sku="premium")

    def certificate(name: str, *ages: float, expires_in: float, **more: Any) -> None:
        host = f"{name}.northwind.example"
        given: dict[str, Any] = {"subject": f"CN={host}", "dns_names": [host], "issuer": "DigiCert"}
        versions = things.versions(*ages, expires_in=expires_in)
        vault.add_certificate(Certificate(name=name, versions=versions, tags=things.tags(name), **given | more))

    certificate("pay", 780, 415, 50, expires_in=315)
    certificate("api", 720, 355, expires_in=10, days_before_expiry=30, renew_at_percentage=None)
    certificate("terminals", 540, 175, expires_in=190, kty="EC", curve="P-256", exportable=False)
    certificate("admin", 360, expires_in=5, renew_at_percentage=None, issuer="Unknown", size=4096)
    certificate("status", 420, expires_in=-55, renew_at_percentage=None, issuer="Unknown")
    certificate("mtls-acquirer", 300, expires_in=430, kty="RSA-HSM", size=3072, exportable=False, validity_months=24)
    certificate("intranet", 900, 200, expires_in=165, issuer="Self", reuse_key=True)
    certificate("beta", 500, expires_in=-130, deleted_at=things.ago(60))
    things.key(vault, "edge-logs", things.rotated(700, 365), policy=things.policy(700, rotate_after="P1Y"))
    things.key(vault, "session-tickets", things.versions(400))
    things.secret(vault, "waf-licence", 380, expires_in=350)


def _fill_settlement(things: _Things) -> None:
    """Reached by its private endpoint only, from a network in which the auditor is not."""
    endpoint = f"/subscriptions/{RETAIL}/resourceGroups/network/providers/Microsoft.Network/privateEndpoints/settlement"
    vault = things.store(
        PRIVATE,
        "settlement",
        age=1250,
        sku="premium",
        public=False,
        default_action="Deny",
        bypass="None",
        private_endpoints=[endpoint],
    )
    yearly = things.policy(1200, rotate_after="P1Y", expiry_time="P2Y")
    things.key(
        vault, "settlement-files", things.rotated(1200, 365, lifetime=730), policy=yearly, kty="RSA-HSM", size=3072
    )
    things.key(vault, "acquirer-exchange", things.versions(880), kty="RSA-HSM")
    things.key(vault, "clearing-signing", things.versions(500, expires_in=230), kty="EC-HSM", curve="P-384")
    things.key(vault, "batch-archive", things.versions(1240), kty="RSA")
    things.secret(vault, "scheme-sftp", 1100, 790)
    things.secret(vault, "clearing-house", 90, expires_in=90)


def _fill_planning(things: _Things) -> None:
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
    vault = things.store(
        "nw-erp-legacy",
        "erp",
        age=2900,
        subscription=WORKPLACE,
        rbac=False,
        purge_protection=False,
        retention_days=30,
        access_policies=[planners, runtime, acquirer, auditor],
    )
    things.key(vault, "erp-database", things.versions(2850, 1500))
    things.key(vault, "invoice-signing", things.versions(2100), kty="RSA")
    things.key(vault, "acquirer-statements", things.versions(760))
    things.key(vault, "scanner-gateway", things.versions(2700, enabled=False, changed=1900), tags={})
    things.secret(vault, "erp-admin", 2800)
    things.secret(vault, "bank-interface", 1700, 900)
    things.secret(vault, "print-service", 640, tags={})
    things.secret(vault, "edi-partner", 420, expires_in=-3)


def _fill_workplace(things: _Things) -> None:
    vault = things.store("nw-workplace", "workplace", age=1500, subscription=WORKPLACE)
    yearly = things.policy(1450, rotate_after="P1Y")
    for name, age in (("mailbox-archive", 1450), ("device-backup", 1000)):
        things.key(vault, name, things.rotated(age, 365), policy=yearly, size=3072)
    things.key(vault, "hr-documents", things.versions(1480))
    things.key(vault, "disk-encryption", things.versions(800, 430, 65), size=4096)
    things.secret(vault, "scim-token", 500, 160, expires_in=20)
    things.secret(vault, "directory-sync", 1400)
    things.secret(vault, "vpn-radius", 330, 30, expires_in=60)
    things.secret(vault, "badge-printer", 770, expires_in=-400)
    things.secret(vault, "wiki-integration", 75)
    vault.add_certificate(
        Certificate(
            name="sso-signing",
            versions=things.versions(1000, 300, expires_in=795),
            subject="CN=sso.northwind.example",
            validity_months=36,
            tags=things.tags("sso", data_class="internal"),
        )
    )
    vault.add_certificate(
        Certificate(
            name="wifi-radius",
            versions=things.versions(340, expires_in=25),
            subject="CN=radius.northwind.example",
            exportable=False,
            tags=things.tags("wifi", data_class="internal"),
        )
    )


def _fill_harbour(things: _Things) -> None:
    """Of a company that was bought and has not been taken over yet."""
    vault = things.store(REFUSED, "tickets", age=820, subscription=WORKPLACE, group="harbour", tags={})
    things.key(vault, "tickets", things.versions(800), tags={})
    things.key(vault, "gate-signing", things.versions(810), kty="EC", curve="P-256", tags={})
    things.secret(vault, "ferry-operator", 700, tags={})


def _fill_hsm(things: _Things) -> None:
    """The managed HSM of card issuing, the pilot of post-quantum signatures in it."""
    administrator = _principal("platform-admin")
    hsm = things.store(
        "nw-issuing-hsm",
        "issuing",
        age=940,
        kind=MANAGED_HSM,
        sku="Standard_B1",
        group="issuing",
        regions=["northeurope"],
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
    yearly = things.policy(930, rotate_after="P1Y")
    key = things.key
    key(hsm, "issuing-master", things.rotated(930, 365), kty="oct-HSM", size=256, policy=yearly, attested=True)
    key(hsm, "scheme-zone-master", things.versions(690, 325), kty="oct-HSM", size=256)
    key(hsm, "card-personalisation", things.versions(920), kty="oct-HSM", size=128, attested=True)
    key(hsm, "storage-encryption", things.versions(400, 35), kty="RSA-HSM", size=4096, attested=True)
    key(hsm, "issuer-root", things.versions(925), kty="EC-HSM", curve="P-521", attested=True)
    key(hsm, "terminal-firmware-pq", things.versions(75), kty="AKP-HSM", algorithm="ML-DSA-65", attested=True)
    key(hsm, "statement-signing-pq", things.versions(30), kty="AKP-HSM", algorithm="ML-DSA-87")
    key(hsm, "emv-test", things.versions(900), kty="RSA-HSM", deleted_at=things.ago(62))


def _add_deleted_vault(things: _Things) -> None:
    """Deleted with what was in it, and waiting to be purged."""
    vault = things.store("nw-kiosk-pilot", "kiosk", age=1600, deleted_at=things.ago(33), location="northeurope")
    things.key(vault, "pilot", things.versions(1590))


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
    everything = Role(
        id=stable_id("role", "Northwind Emergency"),
        name="Northwind Emergency",
        description="Everything, for the two accounts in the safe.",
        custom=True,
        actions=("*",),
        data_actions=("*",),
        scopes=(retail, workplace),
    )
    world.roles = [janitor, everything]
    for scope, role, principal, kind in (
        (root, built_in("Reader"), "keyproof", "ServicePrincipal"),
        (root, built_in("Key Vault Reader"), "keyproof", "ServicePrincipal"),
        (root, built_in("User Access Administrator"), "platform-admin", "User"),
        (retail, built_in("Owner"), "platform-admins", "Group"),
        (retail, everything, "emergency-one", "User"),
        (workplace, built_in("Contributor"), "workplace-admins", "Group"),
        (workplace, built_in("Key Vault Administrator"), "workplace-admins", "Group"),
        (stores["nw-pos-prod"], built_in("Key Vault Crypto Officer"), "key-administration", "Group"),
        (stores["nw-pos-prod"], janitor, "operations", "Group"),
        (stores["nw-pos-prod"], built_in("Key Vault Crypto User"), "pos-runtime", "ServicePrincipal"),
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
        (f"{retail}/resourceGroups/points-of-sale", built_in("Key Vault Administrator"), "developers", "Group"),
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
        (stores[PRIVATE], built_in("Key Vault Crypto User"), "settlement-runtime", "ServicePrincipal"),
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
