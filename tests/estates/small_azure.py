"""A small Azure: two subscriptions with a few telling vaults, a managed HSM, and who may do what in them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from keyproof.demo.azure.embedded import EmbeddedAzure
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
from keyproof.demo.names import days, stable_id

NOW = datetime(2026, 6, 30, tzinfo=UTC)

MAIN, OTHER = "11111111-2222-4333-8444-555555555555", "66666666-7777-4888-8999-aaaaaaaaaaaa"
TENANT = "0c0ffee0-0000-4000-8000-000000000001"
CLIENT, CLIENT_OBJECT = "c11e0000-0000-4000-8000-000000000001", "0b1ec700-0000-4000-8000-000000000001"
ANNA, OPERATORS, PAYMENTS = stable_id("anna"), stable_id("operators"), stable_id("payments")
PARTNER, PARTNER_TENANT = stable_id("partner"), stable_id("partner tenant")
TAGS = {"owner": "payments", "purpose": "cards", "data-class": "restricted"}
RELEASE_POLICY = '{"anyOf":[{"allOf":[{"claim":"x-ms-attestation-type","equals":"sevsnpvm"}]}],"version":"1.0.0"}'


def versions(*ages: float, expires_in: float | None = None, enabled: bool = True) -> list[Version]:
    """Versions so many days old, oldest first; only the newest expires or is disabled."""
    newest = NOW + days(expires_in) if expires_in is not None else None
    return [
        *(Version(at=NOW - days(age)) for age in ages[:-1]),
        Version(at=NOW - days(ages[-1]), expires_at=newest, enabled=enabled),
    ]


def policy(age: float, **triggers: str) -> RotationPolicy:
    """A rotation policy so many days old."""
    return RotationPolicy(at=NOW - days(age), **triggers)


def small_world() -> World:
    """The estate; always the same. Nothing in it is refused."""
    world = World(NOW, tenant=TENANT)
    world.clients[CLIENT] = CLIENT_OBJECT
    world.add_subscription(Subscription(id=MAIN, name="example-main"))
    world.add_subscription(Subscription(id=OTHER, name="example-other"))
    _fill_main_vault(world.add_store(_main_vault()))
    _fill_legacy_vault(world.add_store(_legacy_vault()))
    _fill_hsm(world.add_store(_hsm()))
    world.add_store(
        Store(name="small-gone", subscription=MAIN, group="app", created_at=NOW - days(800), deleted_at=NOW - days(9))
    )
    _add_storage_accounts(world)
    _assign(world)
    world.page_sizes = {
        "arm:Subscriptions_List": 1,
        "arm:Vaults_ListBySubscription": 1,
        "arm:StorageAccounts_List": 2,
        "arm:RoleAssignments_ListForScope": 3,
        "keys:GetKeys": 4,
        "keys:GetKeyVersions": 2,
        "secrets:GetSecrets": 2,
        "secrets:GetSecretVersions": 1,
        "certificates:GetCertificates": 1,
        "graph:Resources": 1,
    }
    world.empty_pages = {"arm:Vaults_ListBySubscription", "keys:GetKeys", "secrets:GetSecrets"}
    return world


def _main_vault() -> Store:
    workspace = f"/subscriptions/{MAIN}/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/audit"
    return Store(
        name="small-main",
        subscription=MAIN,
        group="app",
        created_at=NOW - days(1500),
        sku="premium",
        tags={"owner": "payments"},
        default_action="Deny",
        ip_rules=["198.51.100.0/24"],
        log_settings=[LogSetting(name="audit", workspace=workspace)],
    )


def _fill_main_vault(vault: Store) -> None:
    rotating = policy(900, rotate_after="P12M", expiry_time="P2Y")
    before = policy(400, rotate_before_expiry="P30D", expiry_time="P1Y")
    notice = policy(1500, notify_before_expiry="P30D")
    for key in (
        Key(name="rotated", versions=versions(900, 700, 300, expires_in=430), policy=rotating, tags=TAGS),
        Key(name="before-expiry", versions=versions(400, 60, expires_in=305), policy=before, tags=TAGS),
        Key(name="never-rotated", versions=versions(1500), tags=TAGS),
        Key(name="notice-only", versions=versions(1200), policy=notice, tags=TAGS),
        Key(name="expired", versions=versions(800, expires_in=-20), tags=TAGS),
        Key(name="disabled", versions=versions(600, enabled=False)),
        Key(name="signing", versions=versions(1200, expires_in=100), kty="EC", curve="P-256", tags=TAGS),
        Key(name="strong", versions=versions(100), kty="RSA-HSM", size=4096, tags=TAGS),
        Key(
            name="released",
            versions=versions(200),
            kty="RSA-HSM",
            size=3072,
            exportable=True,
            release_policy=RELEASE_POLICY,
            tags=TAGS,
        ),
        Key(name="early", versions=[Version(at=NOW - days(2), not_before=NOW + days(20))], tags=TAGS),
        Key(name="ending", versions=versions(600), deleted_at=NOW - days(30), tags=TAGS),
    ):
        vault.add_key(key)
    vault.add_secret(Secret(name="db-main", versions=versions(500, 40, expires_in=50), content_type="text/plain"))
    vault.add_secret(Secret(name="api", versions=versions(700), tags=TAGS))
    vault.add_secret(Secret(name="past", versions=versions(700, expires_in=-10), tags=TAGS))
    vault.add_secret(Secret(name="dropped", versions=versions(700), deleted_at=NOW - days(3)))
    vault.add_certificate(
        Certificate(
            name="gateway",
            versions=versions(370, 20, expires_in=345),
            subject="CN=gateway.example.com",
            dns_names=["gateway.example.com"],
            issuer="DigiCert",
            tags=TAGS,
        )
    )
    vault.add_certificate(
        Certificate(
            name="internal",
            versions=versions(350, expires_in=15),
            subject="CN=internal.example.com",
            kty="EC",
            curve="P-384",
            exportable=False,
            renew_at_percentage=None,
        )
    )
    vault.add_certificate(
        Certificate(name="retired", versions=versions(900), subject="CN=old", deleted_at=NOW - days(5))
    )


def _legacy_vault() -> Store:
    own = AccessPolicy(object_id=ANNA, keys=["all"], secrets=["all"], certificates=["all"])
    app = AccessPolicy(object_id=PAYMENTS, keys=["get", "list", "unwrapKey", "wrapKey"], secrets=["get", "list"])
    partner = AccessPolicy(object_id=PARTNER, keys=["get", "decrypt"], tenant=PARTNER_TENANT)
    return Store(
        name="small-legacy",
        subscription=OTHER,
        group="old",
        created_at=NOW - days(2500),
        location="northeurope",
        rbac=False,
        purge_protection=False,
        retention_days=7,
        access_policies=[own, app, partner],
    )


def _fill_legacy_vault(vault: Store) -> None:
    vault.add_key(Key(name="old-wrapping", versions=versions(2000, 900), tags=TAGS))
    vault.add_key(Key(name="coin", versions=versions(300), kty="EC", curve="P-256K"))
    vault.add_secret(Secret(name="smtp", versions=versions(1900)))


def _hsm() -> Store:
    roles = {name: built_in(f"Managed HSM {name}") for name in ("Administrator", "Crypto Officer", "Crypto User")}
    return Store(
        name="small-hsm",
        kind=MANAGED_HSM,
        subscription=MAIN,
        group="app",
        created_at=NOW - days(700),
        sku="Standard_B1",
        administrators=[ANNA],
        settings={ARM_KEYS: True},
        regions=["northeurope"],
        external_key_manager="ekm.example.com",
        assignments=[
            Assignment(scope="/", role=roles["Administrator"], principal=ANNA),
            Assignment(scope="/", role=roles["Crypto Officer"], principal=ANNA),
            Assignment(scope="/keys", role=roles["Crypto User"], principal=PAYMENTS),
            Assignment(scope="/keys/master", role=roles["Crypto User"], principal=OPERATORS),
        ],
        log_settings=[LogSetting(name="audit", storage_account="/subscriptions/x", retention_days=400)],
    )


def _fill_hsm(hsm: Store) -> None:
    rotating = policy(700, rotate_after="P6M")
    hsm.add_key(
        Key(name="master", versions=versions(700, 200), kty="oct-HSM", size=256, policy=rotating, attested=True)
    )
    hsm.add_key(
        Key(name="firmware", versions=versions(90), kty="AKP-HSM", algorithm="ML-DSA-65", tags=TAGS, attested=True)
    )
    hsm.add_key(Key(name="root", versions=versions(690), kty="EC-HSM", curve="P-521", tags=TAGS, attested=True))
    hsm.add_key(Key(name="forgotten", versions=versions(650), kty="RSA-HSM", deleted_at=NOW - days(60)))


def _add_storage_accounts(world: World) -> None:
    """One whose keys are rotated, one that takes none, one that is forgotten, one whose keys are of unknown age."""
    key = f"{world.public_name(world.stores['small-main'])}/keys/rotated"
    for name, rotated, more in (
        ("smallcards", (20, 700), {"remind_after_days": 60, "default_action": "Deny", "key": key}),
        ("smallclosed", (900, 900), {"shared_keys": False, "public": "Disabled"}),
        ("smallold", (None, None), {"public": "SecuredByPerimeter"}),
    ):
        world.storage_accounts.append(
            StorageAccount(
                name=name,
                subscription=MAIN,
                group="app",
                created_at=NOW - days(1000),
                rotated=[None if age is None else NOW - days(age) for age in rotated],
                **more,  # type: ignore[arg-type]
            )
        )


def _assign(world: World) -> None:
    main, vault = f"/subscriptions/{MAIN}", f"/subscriptions/{MAIN}/resourceGroups/app/providers/Microsoft.KeyVault"
    custom = Role(
        id=stable_id("role", "key janitor"),
        name="Key Janitor",
        custom=True,
        actions=("Microsoft.KeyVault/vaults/read",),
        data_actions=("Microsoft.KeyVault/vaults/keys/delete", "Microsoft.KeyVault/vaults/keys/purge/action"),
        scopes=(main,),
    )
    world.roles = [custom]
    world.assignments = [
        Assignment(scope="/", role=built_in("User Access Administrator"), principal=ANNA, kind="User"),
        Assignment(scope=main, role=built_in("Owner"), principal=ANNA, kind="User"),
        Assignment(scope=main, role=built_in("Reader"), principal=CLIENT_OBJECT),
        Assignment(scope=main, role=built_in("Key Vault Reader"), principal=CLIENT_OBJECT),
        Assignment(scope=main + "/resourceGroups/app", role=custom, principal=OPERATORS, kind="Group"),
        Assignment(
            scope=f"{vault}/vaults/small-main",
            role=built_in("Key Vault Crypto Officer"),
            principal=OPERATORS,
            kind="Group",
        ),
        Assignment(
            scope=f"{vault}/vaults/small-main/keys/rotated",
            role=built_in("Key Vault Crypto User"),
            principal=PAYMENTS,
        ),
        Assignment(
            scope=f"{vault}/vaults/small-main/secrets/api",
            role=built_in("Key Vault Secrets User"),
            principal=PARTNER,
            kind="ForeignGroup",
        ),
        Assignment(
            scope=f"{vault}/vaults/small-main",
            role=built_in("Key Vault Data Access Administrator"),
            principal=PAYMENTS,
            condition=(
                "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR"
                " (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals"
                " {12338af0-0e69-4776-bea7-57ae8d297424}))"
            ),
        ),
        Assignment(scope=f"/subscriptions/{OTHER}", role=built_in("Contributor"), principal=OPERATORS, kind="Group"),
    ]


_CHALLENGES = (
    "azure.keyvault.keys._shared",
    "azure.keyvault.secrets._shared",
    "azure.keyvault.certificates._shared",
    "azure.keyvault.administration._internal",
)


def _forget_challenges() -> None:
    """The clients remember by host and port where a store sends them for a token; here, ports come back as others."""
    for package in _CHALLENGES:
        importlib.import_module(f"{package}.http_challenge_cache").clear()


@contextmanager
def served(rules: Sequence[Rule] = (), world: World | None = None) -> Iterator[EmbeddedAzure]:
    """The estate while it is served, with only its credentials in the environment."""
    before = {name: value for name, value in os.environ.items() if name.startswith("AZURE_")}
    for name in before:
        del os.environ[name]
    _forget_challenges()
    try:
        with EmbeddedAzure(world or small_world(), faults=list(rules)) as azure:
            os.environ.update(azure.credentials)
            yield azure
    finally:
        for name in [name for name in os.environ if name.startswith("AZURE_")]:
            del os.environ[name]
        os.environ.update(before)
