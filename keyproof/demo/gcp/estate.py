"""Northwind Payments' part of Google Cloud: the wallet, whose keys are mostly in order and in places are not.

Everything follows from names and from the `now` it is seeded with, so that two seedings give the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from google.cloud import kms_v1

from keyproof.demo.faults import Fault
from keyproof.demo.gcp.faults import Rule
from keyproof.demo.gcp.wire import message
from keyproof.demo.gcp.world import LOCATIONS, SecretVersion, Version, World
from keyproof.demo.names import days, stable_bytes

ESTATE_NOW = datetime(2026, 6, 30, tzinfo=UTC)
"""When the demo's estate is looked at."""
DOMAIN = "northwind.example"
ORGANIZATION = "604418837215"
WALLET, TREASURY, SANDBOX = "northwind-wallet", "northwind-treasury", "northwind-sandbox"
"""Projects: production, one whose key rings may not be listed, and one without Cloud KMS."""
GLOBAL, EUROPE, MAIN, RECOVERY, EDGE = "global", "europe", "europe-west1", "europe-west3", "us-east1"
_UNUSED = "us-central1"
"""A location that the projects have and do not use."""
ACQUIRER = "acquirer.example"
"""The domain of another company, which processes card payments for Northwind."""

_USE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
_ADMINISTER = "roles/cloudkms.admin"
_DECRYPT = "roles/cloudkms.cryptoKeyDecrypter"
_CUSTODIANS = f"group:key-custodians@{DOMAIN}"


def estate(now: datetime = ESTATE_NOW) -> World:
    """A world that holds the company as it is at `now`."""
    world = World(now)
    world.caller = f"keyproof@{WALLET}.iam.gserviceaccount.com"
    world.places = [place for place in LOCATIONS if place.id in (GLOBAL, EUROPE, MAIN, RECOVERY, EDGE, _UNUSED)]
    organization, folder = _add_projects(world)
    keys = _Keys(world)
    _add_ordinary_keys(keys)
    for add in _PARTICULAR_KEYS:
        add(keys)
    _add_autokey(keys, folder)
    _add_secrets(_Secrets(world, keys))
    _add_credentials(world)
    _add_grants_above(world, organization)
    _add_refusals(world)
    return world


def _add_projects(world: World) -> tuple[str, str]:
    """The names of the organization and of its folder."""
    organization = world.add_organization(DOMAIN, number=ORGANIZATION, created_at=world.now - days(2900))
    folder = world.add_folder("production", organization, created_at=world.now - days(2100))
    kms = "cloudkms.googleapis.com"
    for project, parent, age, off in (
        (WALLET, folder, 1900, ()),
        (TREASURY, folder, 1500, ()),
        (SANDBOX, organization, 700, (kms, "kmsinventory.googleapis.com")),
    ):
        labels = {"environment": "dev" if project == SANDBOX else "prod"}
        world.add_project(project, parent, created_at=world.now - days(age), labels=labels, off=off)
    return organization, folder


def _number(low: int, high: int, *parts: str) -> int:
    """A number of the range, both ends included, that follows from names alone."""
    return low + int.from_bytes(stable_bytes(6, *parts)) % (high - low + 1)


def _labels(name: str, data_class: str) -> dict[str, str]:
    """The labels that the company asks for."""
    owners = ("wallet-platform", "risk", "data-platform", "treasury", "site-reliability")
    return {
        "owner": owners[_number(0, 4, "owner", name)],
        "application": name,
        "environment": "prod",
        "data-classification": data_class,
    }


def _runtime(service: str, project: str = WALLET) -> str:
    """The service account as which a service runs."""
    return f"serviceAccount:{service}@{project}.iam.gserviceaccount.com"


# Keys


class _Keys:
    """Adds keys to a world, with what keys of the company have in common."""

    def __init__(self, world: World) -> None:
        self.world = world

    def ago(self, number: float) -> datetime:
        """So many days before now."""
        return self.world.now - days(number)

    def ring(self, location: str, ring: str = "prod", project: str = WALLET) -> str:
        """The name of a key ring, which is added when it is first asked for."""
        name = f"projects/{project}/locations/{location}/keyRings/{ring}"
        if name not in self.world.key_rings:
            self.world.add_key_ring(project, location, ring, created_at=self.ago(_number(1300, 1450, name)))
        return name

    def versions(self, *ages: float, **more: Any) -> list[Version]:
        """Versions that were created so many days ago."""
        return [Version(at=self.ago(age), **more) for age in ages]

    def add(
        self,
        ring: str,
        name: str,
        versions: Sequence[Version],
        *,
        data_class: str = "confidential",
        user: str = "",
        role: str = _USE,
        labels: Mapping[str, str] | None = None,
        **more: Any,
    ) -> str:
        """Add a key that custodians administer and one service uses."""
        given = _labels(name, data_class) if labels is None else labels
        key = self.world.add_key(ring, name, versions, labels=given, **more)
        self.world.grant(key, _ADMINISTER, _CUSTODIANS)
        self.world.grant(key, role, user or _runtime(name, ring.split("/")[1]))
        return key

    def rotating(self, ring: str, name: str, *, age: float, every: int = 90, **more: Any) -> str:
        """Add a key that was created `age` days ago and has rotated every `every` days since."""
        ages = [age - every * n for n in range(int(age // every) + 1)]
        due = self.ago(ages[-1] - every)
        return self.add(ring, name, self.versions(*ages), rotation_period=days(every), next_rotation_at=due, **more)


_SERVICES = {
    "wallet-api": ("cardholder", "sqladmin.googleapis.com/Instance"),
    "card-tokens": ("cardholder", "spanner.googleapis.com/Database"),
    "device-pay": ("cardholder", "sqladmin.googleapis.com/Instance"),
    "transfers": ("confidential", "spanner.googleapis.com/Database"),
    "statements": ("personal", "storage.googleapis.com/Bucket"),
    "identity": ("personal", "sqladmin.googleapis.com/Instance"),
    "loyalty": ("internal", "storage.googleapis.com/Bucket"),
    "risk-scoring": ("confidential", "bigquery.googleapis.com/Dataset"),
    "event-bus": ("confidential", "pubsub.googleapis.com/Topic"),
    "support-desk": ("personal", "storage.googleapis.com/Bucket"),
}
"""Service → the class of its data, and what its key protects."""


def _add_ordinary_keys(keys: _Keys) -> None:
    for location, services in (
        (MAIN, list(_SERVICES)),
        (RECOVERY, ["wallet-api", "card-tokens", "transfers", "identity"]),
        (EDGE, ["wallet-api", "device-pay", "event-bus"]),
        (EUROPE, ["statements", "risk-scoring"]),
    ):
        for service in services:
            data_class, kind = _SERVICES[service]
            age = _number(200, 1250, "key age", location, service)
            key = keys.rotating(keys.ring(location), service, age=age, data_class=data_class)
            for n in range(_number(1, 3, "protected", location, service)):
                resource = f"//{kind.partition('/')[0]}/projects/{WALLET}/{location}-{service}-{n}"
                keys.world.protect(key, kind, resource, project=WALLET, at=keys.ago(age - 5 - n))
    for service in ("liquidity", "payouts", "bank-files", "hedging"):
        age = _number(150, 900, "key age", TREASURY, service)
        keys.rotating(keys.ring(MAIN, "treasury", TREASURY), service, age=age)


def _add_rotation_cases(keys: _Keys) -> None:
    ring = keys.ring(MAIN)
    every = days(90)
    keys.add(ring, "archive", keys.versions(640, 550), rotation_period=every, next_rotation_at=keys.ago(460))
    keys.add(ring, "partner-files", keys.versions(1180), data_class="personal")
    keys.add(keys.ring(EDGE), "web-sessions", keys.versions(770))
    keys.add(ring, "batch-exports", keys.versions(1100, 730, 365, 28))
    keys.rotating(keys.ring(RECOVERY), "backups", age=1000, every=365)
    keys.add(keys.ring(GLOBAL), "ci-artifacts", keys.versions(900), labels={})
    late = [Version(at=keys.ago(700), state="DISABLED"), *keys.versions(350, 5)]
    keys.add(ring, "reconciliation", late)


def _add_signing_keys(keys: _Keys) -> None:
    def signing(location: str, name: str, algorithm: str, *ages: float, **more: Any) -> None:
        keys.add(
            keys.ring(location, "signing"),
            name,
            keys.versions(*ages),
            purpose="ASYMMETRIC_SIGN",
            algorithm=algorithm,
            role="roles/cloudkms.signer",
            **more,
        )

    signing(GLOBAL, "access-tokens", "EC_SIGN_P256_SHA256", 800, 420, 55)
    signing(GLOBAL, "webhooks", "RSA_SIGN_PSS_2048_SHA256", 1240)
    signing(GLOBAL, "app-attestation", "EC_SIGN_P384_SHA384", 330, protection_level="HSM")
    signing(MAIN, "receipts", "PQ_SIGN_ML_DSA_65", 120)
    signing(EDGE, "legacy-receipts", "RSA_SIGN_PKCS1_2048_SHA256", 1210)
    keys.add(
        keys.ring(MAIN, "signing"),
        "key-exchange",
        keys.versions(95),
        purpose="KEY_ENCAPSULATION",
        algorithm="ML_KEM_768",
        role="roles/cloudkms.decapsulator",
    )
    keys.add(
        keys.ring(MAIN, "signing"),
        "bank-mailbox",
        keys.versions(610),
        purpose="ASYMMETRIC_DECRYPT",
        algorithm="RSA_DECRYPT_OAEP_3072_SHA256",
        role=_DECRYPT,
    )
    keys.add(
        keys.ring(RECOVERY, "signing"),
        "request-mac",
        keys.versions(480, 110),
        purpose="MAC",
        algorithm="HMAC_SHA256",
        role="roles/cloudkms.signerVerifier",
    )


def _add_hardware_keys(keys: _Keys) -> None:
    world, ring = keys.world, keys.ring(MAIN, "hsm")
    keys.rotating(
        ring,
        "card-master",
        age=860,
        data_class="cardholder",
        protection_level="HSM",
        justifications=["CUSTOMER_INITIATED_ACCESS", "CUSTOMER_INITIATED_SUPPORT"],
    )
    keys.rotating(keys.ring(EUROPE, "hsm"), "pin-blocks", age=240, data_class="cardholder", protection_level="HSM")
    instance = world.add_hsm_instance(WALLET, MAIN, "northwind-own", created_at=keys.ago(310))
    keys.rotating(
        ring,
        "issuer-root",
        age=300,
        data_class="cardholder",
        protection_level="HSM_SINGLE_TENANT",
        backend=instance,
    )
    job = world.add_import_job(ring, "ceremony-2024", created_at=keys.ago(702))
    world.add_import_job(ring, "ceremony-2026", created_at=keys.ago(1))
    keys.add(
        ring,
        "scheme-zone-key",
        keys.versions(701, import_job=job),
        data_class="cardholder",
        protection_level="HSM",
        import_only=True,
    )


def _add_external_keys(keys: _Keys) -> None:
    connection = keys.world.add_ekm_connection(
        WALLET, RECOVERY, "datacenter", hostname=f"ekm.{DOMAIN}", created_at=keys.ago(520)
    )
    keys.add(
        keys.ring(RECOVERY, "external"),
        "sovereign-ledger",
        keys.versions(510, 140, external_path="v0/northwind/ledger"),
        algorithm="EXTERNAL_SYMMETRIC_ENCRYPTION",
        protection_level="EXTERNAL_VPC",
        backend=connection,
    )
    keys.add(
        keys.ring(EUROPE, "external"),
        "regulator-archive",
        keys.versions(265, external_uri=f"https://ekm.{DOMAIN}/v0/northwind/archive"),
        algorithm="EXTERNAL_SYMMETRIC_ENCRYPTION",
        protection_level="EXTERNAL",
    )


def _add_ending_keys(keys: _Keys) -> None:
    ring = keys.ring(MAIN)
    ending = keys.versions(980, 610, state="DESTROY_SCHEDULED", destroy_at=keys.world.now + days(11))
    keys.add(ring, "old-wallet", ending)
    gone = keys.versions(1150, state="DESTROYED", destroy_at=keys.ago(80), destroyed_at=keys.ago(80))
    keys.add(ring, "pilot", gone)
    keys.add(keys.ring(EDGE), "black-friday", keys.versions(230, state="DISABLED"))
    keys.rotating(ring, "scratch-space", age=170, destroy_scheduled_duration=days(1), data_class="internal")


def _add_shared_keys(keys: _Keys) -> None:
    world, ring = keys.world, keys.ring(MAIN, "shared")
    widget = keys.rotating(ring, "public-widget", age=400)
    world.grant(widget, _DECRYPT, "allUsers")
    operator = f"user:grace@{DOMAIN}"
    one_person = keys.rotating(ring, "refunds", age=290, data_class="cardholder")
    world.grant(one_person, _ADMINISTER, operator)
    world.grant(one_person, _USE, operator)
    settlement = keys.rotating(ring, "acquirer-files", age=330)
    world.grant(
        settlement,
        _DECRYPT,
        f"user:operations@{ACQUIRER}",
        "serviceAccount:import@acquirer-prod.iam.gserviceaccount.com",
    )
    incident = keys.rotating(ring, "incident-access", age=210)
    past = ("incident 4711", f'request.time < timestamp("{keys.ago(90):%Y-%m-%dT%H:%M:%SZ}")')
    world.grant(incident, _DECRYPT, f"user:alan@{DOMAIN}", condition=past)
    office = "accessPolicies/314159265358/accessLevels/office"
    world.grant(
        incident,
        _USE,
        f"user:edsger@{DOMAIN}",
        condition=("only from the office", f'"{office}" in request.auth.access_levels'),
    )
    pipelines = keys.rotating(ring, "pipelines", age=150)
    pool = f"iam.googleapis.com/{world.project_number(WALLET)}/locations/global/workloadIdentityPools/ci"
    world.grant(pipelines, _USE, f"principalSet://{pool}/attribute.repository/northwind/wallet")
    world.grant(pipelines, _USE, f"deleted:{_runtime('old-runner')}?uid=107322108731522038541")
    keys.rotating(ring, "payroll", age=700, data_class="personal")


_PARTICULAR_KEYS: tuple[Callable[[_Keys], None], ...] = (
    _add_rotation_cases,
    _add_signing_keys,
    _add_hardware_keys,
    _add_external_keys,
    _add_ending_keys,
    _add_shared_keys,
)


def _add_autokey(keys: _Keys, folder: str) -> None:
    """Keys that Autokey made in the wallet's project for whoever asked with a handle."""
    world = keys.world
    name = f"{folder}/autokeyConfig"
    world.autokey_configs[name] = message(
        kms_v1.AutokeyConfig,
        name=name,
        key_project=f"projects/{WALLET}",
        state="ACTIVE",
        key_project_resolution_mode="DEDICATED_KEY_PROJECT",
    )
    number = world.project_number(WALLET).partition("/")[2]
    for order, (location, kind, agent) in enumerate(
        (
            (MAIN, "storage.googleapis.com/Bucket", f"service-{number}@gs-project-accounts"),
            (MAIN, "bigquery.googleapis.com/Dataset", f"bq-{number}@bigquery-encryption"),
            (EDGE, "compute.googleapis.com/Disk", f"service-{number}@compute-system"),
        ),
        start=1,
    ):
        title, age = kind.partition(".")[0], 60 * order
        ring = keys.ring(location, "autokey")
        key = world.add_key(
            ring,
            f"{WALLET}-{title}-{order:04}",
            keys.versions(age),
            protection_level="HSM",
            rotation_period=days(365),
            next_rotation_at=world.now + days(365 - age),
        )
        world.grant(key, _USE, f"serviceAccount:{agent}.iam.gserviceaccount.com")
        world.add_key_handle(WALLET, location, f"{title}-{order}", key=key, resource_type=kind)
        resource = f"//{kind.partition('/')[0]}/projects/{WALLET}/autokey-{title}"
        world.protect(key, kind, resource, project=WALLET, at=keys.ago(age - 1))


# Secrets


class _Secrets:
    """Adds secrets to a world, with what secrets of the company have in common."""

    def __init__(self, world: World, keys: _Keys) -> None:
        self.world = world
        self.keys = keys

    def add(
        self,
        name: str,
        *ages: float,
        project: str = WALLET,
        key: str = "",
        replicas: Mapping[str, str] | None = None,
        every: int = 0,
        overdue: float = 0,
        labels: Mapping[str, str] | None = None,
        versions: Sequence[SecretVersion] | None = None,
        **more: Any,
    ) -> str:
        """Add a secret with versions so many days old, which is to be rotated every `every` days, if at all."""
        used = {"": key} if key else {place: name for place, name in (replicas or {}).items() if name}
        newest = {place: self.world.versions[name][-1].name for place, name in used.items()}
        made = [SecretVersion(at=self.keys.ago(age), kms_key_versions=newest) for age in ages]
        schedule: dict[str, Any] = {}
        if every:
            due = self.keys.ago(overdue) if overdue else self.keys.ago(ages[-1] - every)
            topic = f"projects/{project}/topics/secret-rotation"
            schedule = {"rotation_period": days(every), "next_rotation_at": due, "topics": [topic]}
        secret = self.world.add_secret(
            project,
            name,
            made if versions is None else versions,
            key=key,
            replicas=replicas,
            labels=_labels(name.rpartition("-")[0] or name, "confidential") if labels is None else labels,
            **schedule,
            **more,
        )
        self.world.grant(secret, "roles/secretmanager.secretAccessor", _runtime(name.split("-")[0], project))
        return secret


def _add_secrets(secrets: _Secrets) -> None:
    keys, world = secrets.keys, secrets.world

    def named(location: str, name: str, ring: str = "prod") -> str:
        return f"{keys.ring(location, ring)}/cryptoKeys/{name}"

    two = {MAIN: named(MAIN, "wallet-api"), RECOVERY: named(RECOVERY, "wallet-api")}
    for service in ("transfers", "identity", "loyalty"):
        last = _number(1, 28, "secret", service)
        secrets.add(f"{service}-database", last + 60, last + 30, last, replicas={MAIN: named(MAIN, service)}, every=30)
    secrets.add("wallet-database", 65, 35, 5, replicas=two, every=30)
    secrets.add("acquirer-token", 700, 44, replicas=two)
    secrets.add("device-certificates", 500, 190, replicas={**two, EDGE: named(EDGE, "device-pay")})
    secrets.add("scheme-sftp", 1300, 820)
    secrets.add("risk-bureau", 420, 330, every=90, overdue=240)
    secrets.add("push-gateway", 250, 20, replicas={MAIN: "", RECOVERY: ""}, aliases={"stable": 1})
    secrets.add("bank-login", 90, replicas={RECOVERY: named(RECOVERY, "sovereign-ledger", "external")})
    secrets.add("archive-password", 600, replicas={MAIN: named(MAIN, "old-wallet")})
    secrets.add("campaign-token", 40, expires_at=world.now + days(9))
    secrets.add("partner-tls-passphrase", 200, expires_at=world.now + days(165), version_destroy_ttl=days(7))
    secrets.add("support-crm", 900, 30, labels={})
    ended = [
        SecretVersion(at=keys.ago(800), state="DESTROYED", destroyed_at=keys.ago(500)),
        SecretVersion(at=keys.ago(500), state="DISABLED"),
        SecretVersion(at=keys.ago(300), state="DISABLED", scheduled_destroy_at=world.now + days(5)),
    ]
    secrets.add("voucher-provider", versions=ended, version_destroy_ttl=days(30))
    public = secrets.add("widget-api", 130, replicas=two)
    world.grant(public, "roles/secretmanager.secretAccessor", "allAuthenticatedUsers")
    secrets.add("liquidity-feed", 300, 12, project=TREASURY, every=30)
    secrets.add("payouts-bank", 410, 180, project=TREASURY, every=60, overdue=120)
    secrets.add(
        "hedging-broker",
        75,
        project=TREASURY,
        replicas={MAIN: f"{keys.ring(MAIN, 'treasury', TREASURY)}/cryptoKeys/hedging"},
    )
    secrets.add("playground", 610, project=SANDBOX, labels={})


# Long-lived credentials


def _add_credentials(world: World) -> None:
    """Most services run without a key of their own; some have one, and some of those are old."""

    def ago(number: float) -> datetime:
        return world.now - days(number)

    for account in ("wallet", "transfers", "deployer"):
        world.add_service_account(WALLET, account)
    partner = world.add_service_account(WALLET, "partner-sync")
    world.add_service_account_key(partner, at=ago(34), ends=ago(34) + days(1095))
    legacy = world.add_service_account(WALLET, "legacy-batch")
    world.add_service_account_key(legacy, at=ago(1420))
    world.add_service_account_key(legacy, at=ago(610), disabled=True)
    sync = world.add_service_account(WALLET, "ledger-sync")
    world.add_service_account_key(sync, at=ago(230), ends=ago(230) + days(1095), uploaded=True)
    world.add_service_account(TREASURY, "payouts")
    intern = world.add_service_account(SANDBOX, "experiments")
    world.add_service_account_key(intern, at=ago(480))
    maps = ["maps-backend.googleapis.com", "places-backend.googleapis.com"]
    shops = {"browser_key_restrictions": {"allowed_referrers": [f"https://*.{DOMAIN}/*"]}}
    world.add_api_key(WALLET, "Shop finder", at=ago(55), services=maps, restrictions=shops)
    phones = {"android_key_restrictions": {"allowed_applications": [{"package_name": "example.northwind.wallet"}]}}
    world.add_api_key(WALLET, "Wallet app", at=ago(870), services=["fcm.googleapis.com"], restrictions=phones)
    everywhere = {"server_key_restrictions": {"allowed_ips": ["0.0.0.0/0"]}}
    world.add_api_key(WALLET, "Translation batch", at=ago(300), restrictions=everywhere)
    world.add_api_key(WALLET, "Old campaign", at=ago(900), deleted_at=ago(4))
    world.add_api_key(SANDBOX, "API key 1", at=ago(690))


# Access from above, and what may not be read


def _add_grants_above(world: World, organization: str) -> None:
    auditor = f"serviceAccount:{world.caller}"
    for role in ("roles/cloudkms.viewer", "roles/secretmanager.viewer", "roles/iam.securityReviewer"):
        world.grant(organization, role, auditor)
    world.grant(organization, "roles/resourcemanager.organizationAdmin", f"group:cloud-platform@{DOMAIN}")
    custodian = f"{organization}/roles/keyCustodian"
    world.roles[custodian] = {
        "name": custodian,
        "title": "Key custodian",
        "stage": "GA",
        "includedPermissions": ["cloudkms.cryptoKeys.setIamPolicy", "cloudkms.cryptoKeys.update"],
    }
    world.grant(f"projects/{WALLET}/locations/{EUROPE}/keyRings/external", custodian, _CUSTODIANS)
    world.grant(world.project_number(WALLET), "roles/editor", _runtime("deployer"))
    world.grant(world.project_number(TREASURY), "roles/owner", f"group:treasury-leads@{DOMAIN}")
    world.grant(world.project_number(SANDBOX), "roles/owner", f"domain:{DOMAIN}")
    ring = f"projects/{WALLET}/locations/{MAIN}/keyRings/hsm"
    world.grant(ring, "roles/cloudkms.importer", f"group:ceremony@{DOMAIN}")


def _add_refusals(world: World) -> None:
    """The auditor may not read the inventory of assets, the treasury's key rings, and the policy of one key."""
    world.refusals += [
        Rule(fault=Fault.REFUSE, operation="asset:*"),
        Rule(fault=Fault.REFUSE, operation="kms:ListKeyRings", project=TREASURY),
        Rule(fault=Fault.REFUSE, operation="kms:GetIamPolicy", subject="/cryptoKeys/payroll"),
    ]
