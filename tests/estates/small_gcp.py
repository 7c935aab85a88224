"""A small Google Cloud: one organization of two projects with a few telling keys and secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.cloud import kms_v1

from keyproof.demo.gcp.embedded import EmbeddedGoogleCloud
from keyproof.demo.gcp.faults import Rule
from keyproof.demo.gcp.wire import message
from keyproof.demo.gcp.world import DataStore, Place, SecretVersion, Version, World
from keyproof.demo.names import days

NOW = datetime(2026, 6, 30, tzinfo=UTC)

ORGANIZATION, DOMAIN = "123456789012", "example.com"
HOME, OTHER = "example-payments", "example-data"
REGION, SECOND = "europe-west1", "europe-west3"
LABELS = {"owner": "payments", "purpose": "cards", "data-class": "restricted"}
AUDITOR = f"keyproof@{HOME}.iam.gserviceaccount.com"

RING = f"projects/{HOME}/locations/{REGION}/keyRings/payments"
BACKUP_RING = f"projects/{HOME}/locations/{SECOND}/keyRings/backup"
OTHER_RING = f"projects/{OTHER}/locations/global/keyRings/data"

_USE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


def small_world() -> World:
    """The estate; always the same."""
    world = World(NOW)
    world.caller = AUDITOR
    world.places = (Place(id="global", ekm=False), Place(id=REGION), Place(id=SECOND))
    organization = world.add_organization(DOMAIN, number=ORGANIZATION, created_at=NOW - days(3000))
    folder = world.add_folder("production", organization, created_at=NOW - days(2900))
    world.add_project(HOME, folder, created_at=NOW - days(2500), labels=LABELS)
    world.add_project(OTHER, organization, created_at=NOW - days(1500))
    _add_keys(world)
    _add_external_keys(world)
    _add_other_keys(world)
    _add_secrets(world)
    _add_credentials(world)
    _add_data_stores(world)
    _add_grants(world, organization, folder)
    world.page_sizes = {
        "asset:ListAssets": 20,
        "asset:SearchAllResources": 2,
        "kms:ListLocations": 2,
        "kms:ListKeyRings": 1,
        "kms:ListCryptoKeys": 6,
        "kms:ListCryptoKeyVersions": 2,
        "kms:ListImportJobs": 1,
        "kms:ListEkmConnections": 1,
        "autokey:ListKeyHandles": 1,
        "kmsinventory:SearchProtectedResources": 1,
        "secretmanager:ListSecrets": 3,
        "secretmanager:ListSecretVersions": 2,
        "iam:ListServiceAccounts": 1,
        "apikeys:ListKeys": 2,
        "resourcemanager:ListProjects": 1,
    }
    world.empty_pages = {"asset:ListAssets", "resourcemanager:ListProjects"}
    return world


def versions(*ages: float, **more: Any) -> list[Version]:
    """Versions that were created so many days ago."""
    return [Version(at=NOW - days(age), **more) for age in ages]


def _add_keys(world: World) -> None:
    born = NOW - days(2000)
    for project, location, name in ((HOME, REGION, "payments"), (HOME, REGION, "spare"), (HOME, SECOND, "backup")):
        world.add_key_ring(project, location, name, created_at=born)

    def key(name: str, made: Sequence[Version], **more: Any) -> str:
        return world.add_key(RING, name, made, **{"labels": LABELS, **more})

    key("rotated", versions(270, 180, 90, 1), rotation_period=days(90), next_rotation_at=NOW + days(89))
    key("overdue", versions(400, 310), rotation_period=days(90), next_rotation_at=NOW - days(220))
    key("never-rotated", versions(1500))
    key("by-hand", versions(900, 500, 120))
    key("signing", versions(1200), purpose="ASYMMETRIC_SIGN", algorithm="RSA_SIGN_PSS_2048_SHA256")
    key("signing-ec", versions(700, 40), purpose="ASYMMETRIC_SIGN", algorithm="EC_SIGN_P256_SHA256")
    key("signing-pq", versions(60), purpose="ASYMMETRIC_SIGN", algorithm="PQ_SIGN_ML_DSA_65")
    key("encapsulation", versions(50), purpose="KEY_ENCAPSULATION", algorithm="ML_KEM_768")
    key("mac", versions(800), purpose="MAC", algorithm="HMAC_SHA256")
    key(
        "hsm",
        versions(180, 90, 10),
        protection_level="HSM",
        rotation_period=days(90),
        next_rotation_at=NOW + days(80),
        justifications=["CUSTOMER_INITIATED_ACCESS"],
    )
    ending = versions(600, 300, state="DESTROY_SCHEDULED", destroy_at=NOW + days(5))
    key("ending", ending)
    key("destroyed", versions(900, state="DESTROYED", destroy_at=NOW - days(60), destroyed_at=NOW - days(60)))
    key("disabled", versions(600, state="DISABLED"), labels={})
    key("open", versions(100), rotation_period=days(90), next_rotation_at=NOW + days(60))
    key("both", versions(100))
    key("short-window", versions(30), destroy_scheduled_duration=days(1))
    for n in range(2):
        bucket = f"//storage.googleapis.com/example-cards-{n}"
        world.protect(
            f"{RING}/cryptoKeys/rotated", "storage.googleapis.com/Bucket", bucket, project=HOME, at=NOW - days(80)
        )


def _add_external_keys(world: World) -> None:
    """Keys whose material came from, or is, elsewhere."""
    jobs = [world.add_import_job(RING, f"ceremony-{n}", created_at=NOW - days(age)) for n, age in ((1, 700), (2, 1))]
    connection = world.add_ekm_connection(
        HOME, REGION, "datacenter", hostname="ekm.example.com", created_at=NOW - days(500)
    )
    world.add_ekm_connection(HOME, REGION, "standby", hostname="standby.example.com", created_at=NOW - days(400))
    instance = world.add_hsm_instance(HOME, REGION, "own", created_at=NOW - days(300))
    world.add_key(
        RING,
        "imported",
        versions(699, import_job=jobs[0]),
        protection_level="HSM",
        import_only=True,
        labels=LABELS,
    )
    world.add_key(
        RING,
        "external",
        versions(450, external_path="v0/cards/1"),
        algorithm="EXTERNAL_SYMMETRIC_ENCRYPTION",
        protection_level="EXTERNAL_VPC",
        backend=connection,
        labels=LABELS,
    )
    world.add_key(
        BACKUP_RING,
        "elsewhere",
        versions(200, external_uri="https://ekm.example.com/v0/keys/backup"),
        algorithm="EXTERNAL_SYMMETRIC_ENCRYPTION",
        protection_level="EXTERNAL",
        labels=LABELS,
    )
    world.add_key(
        RING,
        "single-tenant",
        versions(120, 30),
        protection_level="HSM_SINGLE_TENANT",
        backend=instance,
        rotation_period=days(90),
        next_rotation_at=NOW + days(60),
        labels=LABELS,
    )


def _add_other_keys(world: World) -> None:
    """A project with a key of its own, and one that Autokey made for it."""
    world.add_key_ring(OTHER, "global", "data", created_at=NOW - days(400))
    every = {"rotation_period": days(365), "next_rotation_at": NOW + days(300)}
    world.add_key(OTHER_RING, "data", versions(65), labels=LABELS, **every)  # type: ignore[arg-type]
    ring = world.add_key_ring(OTHER, REGION, "autokey", created_at=NOW - days(60))
    made = world.add_key(ring, f"{OTHER}-storage-bucket-1", versions(60), protection_level="HSM", **every)  # type: ignore[arg-type]
    kind = "storage.googleapis.com/Bucket"
    for handle in ("exports", "reports"):
        world.add_key_handle(OTHER, REGION, handle, key=made, resource_type=kind)
        world.protect(made, kind, f"//storage.googleapis.com/example-{handle}", project=OTHER, at=NOW - days(50))
    name = f"projects/{OTHER}/autokeyConfig"
    world.autokey_configs[name] = message(
        kms_v1.AutokeyConfig, name=name, key_project=f"projects/{OTHER}", state="ACTIVE"
    )


def _add_secrets(world: World) -> None:
    key = f"{RING}/cryptoKeys/rotated"
    used = f"{key}/cryptoKeyVersions/4"
    topic = f"projects/{HOME}/topics/rotate-secrets"

    def secret(name: str, made: Sequence[SecretVersion], project: str = HOME, **more: Any) -> str:
        return world.add_secret(project, name, made, **{"labels": LABELS, **more})

    def made(*ages: float, keys: Mapping[str, str] | None = None) -> list[SecretVersion]:
        return [SecretVersion(at=NOW - days(age), kms_key_versions=keys or {}) for age in ages]

    every = {"rotation_period": days(30), "topics": [topic]}
    secret("database", made(300, 40, 10, keys={"": used}), key=key, next_rotation_at=NOW + days(20), **every)
    secret("overdue", made(300, 200), next_rotation_at=NOW - days(140), **every)
    secret("by-hand", made(500, 30))
    secret("old", made(900), labels={})
    secret("expiring", made(100), expires_at=NOW + days(10))
    secret("expires-later", made(100), expires_at=NOW + days(200))
    both = {REGION: key, SECOND: f"{BACKUP_RING}/cryptoKeys/elsewhere"}
    secret("replicated", made(50, keys={REGION: used}), replicas=both)
    secret("own-replicas", made(20), replicas={REGION: "", SECOND: ""})
    ended = [
        SecretVersion(at=NOW - days(400), state="DESTROYED", destroyed_at=NOW - days(300)),
        SecretVersion(at=NOW - days(300), state="DISABLED"),
    ]
    secret("disabled", ended)
    secret("empty", [], created_at=NOW - days(5))
    secret("warehouse", made(80), project=OTHER)


def _add_credentials(world: World) -> None:
    """Keys that are young, old, ended, disabled or uploaded, and API keys that are limited in part, or not at all."""
    worker = world.add_service_account(HOME, "worker")
    world.add_service_account_key(worker, at=NOW - days(20))
    world.add_service_account_key(worker, at=NOW - days(800))
    world.add_service_account_key(worker, at=NOW - days(200), ends=NOW - days(110))
    batch = world.add_service_account(HOME, "batch")
    world.add_service_account_key(batch, at=NOW - days(500), disabled=True)
    world.add_service_account_key(batch, at=NOW - days(40), ends=NOW + days(3650), uploaded=True)
    world.add_service_account(OTHER, "idle")
    server = {"server_key_restrictions": {"allowed_ips": ["192.0.2.0/24"]}}
    world.add_api_key(HOME, "maps", at=NOW - days(30), services=["maps.example"], restrictions=server)
    world.add_api_key(HOME, "unlimited", at=NOW - days(700))
    anywhere = {"browser_key_restrictions": {"allowed_referrers": ["*"]}}
    world.add_api_key(HOME, "anywhere", at=NOW - days(100), restrictions=anywhere)
    world.add_api_key(HOME, "gone", at=NOW - days(300), deleted_at=NOW - days(3))


def _add_data_stores(world: World) -> None:
    bucket = "storage.googleapis.com/Bucket"
    for name, kind, project, location, key in (
        ("example-cards-0", bucket, HOME, REGION, f"{RING}/cryptoKeys/rotated"),
        ("example-logs", bucket, HOME, "eu", ""),
        (f"projects/{OTHER}/datasets/warehouse", "bigquery.googleapis.com/Dataset", OTHER, REGION, ""),
    ):
        world.data_stores[name] = DataStore(kind=kind, project=project, location=location, key=key, at=NOW - days(90))


def _add_grants(world: World, organization: str, folder: str) -> None:
    """Who may do what, from the organization down to a secret."""
    role = f"{organization}/roles/keyCustodian"
    world.roles[role] = {
        "name": role,
        "title": "Key custodian",
        "stage": "GA",
        "includedPermissions": ["cloudkms.cryptoKeys.update", "cloudkms.cryptoKeyVersions.create"],
    }
    worker = f"serviceAccount:worker@{HOME}.iam.gserviceaccount.com"
    ada = f"user:ada@{DOMAIN}"
    world.grant(organization, "roles/resourcemanager.organizationAdmin", f"group:platform@{DOMAIN}")
    for viewer in ("roles/cloudkms.viewer", "roles/secretmanager.viewer", "roles/iam.securityReviewer"):
        world.grant(organization, viewer, f"serviceAccount:{AUDITOR}")
    world.grant(folder, role, f"group:custodians@{DOMAIN}")
    world.grant(world.project_number(HOME), "roles/secretmanager.secretAccessor", worker)
    world.grant(world.project_number(OTHER), "roles/owner", ada)
    world.grant(RING, "roles/cloudkms.admin", f"group:custodians@{DOMAIN}")
    world.grant(f"{RING}/cryptoKeys/rotated", _USE, worker)
    world.grant(f"{RING}/cryptoKeys/open", "roles/cloudkms.cryptoKeyDecrypter", "allUsers")
    for granted in ("roles/cloudkms.admin", _USE):
        world.grant(f"{RING}/cryptoKeys/both", granted, ada)
    outsider = "user:eve@elsewhere.example"
    world.grant(f"{RING}/cryptoKeys/by-hand", "roles/cloudkms.cryptoKeyDecrypter", outsider, worker)
    always = ("resources of this ring", f'resource.name.startsWith("{RING}")')
    world.grant(f"{RING}/cryptoKeys/hsm", _USE, worker, condition=always)
    database = world.by_number(f"projects/{HOME}/secrets/database")
    world.grant(database, "roles/secretmanager.secretAccessor", worker)
    world.grant(world.by_number(f"projects/{HOME}/secrets/old"), "roles/secretmanager.admin", ada)


ELSEWHERE = "projects/example-vendor/locations/europe-west1/keyRings/shared/cryptoKeys/buckets"
"""A key that the small Google Cloud does not hold."""


def shared_world() -> World:
    """The small Google Cloud, with a bucket that a key of somebody else encrypts."""
    world = small_world()
    world.data_stores["example-shared"] = DataStore(
        kind="storage.googleapis.com/Bucket",
        project=HOME,
        location=REGION,
        key=f"{ELSEWHERE}/cryptoKeyVersions/3",
        at=NOW - days(90),
    )
    return world


@contextmanager
def served(rules: Sequence[Rule] = (), world: World | None = None) -> Iterator[EmbeddedGoogleCloud]:
    """The estate while it is served, with only its credentials in the environment."""
    before = {name: value for name, value in os.environ.items() if name.startswith(("GOOGLE_", "CLOUDSDK_"))}
    for name in before:
        del os.environ[name]
    with EmbeddedGoogleCloud(world or small_world(), faults=list(rules)) as cloud:
        ours = cloud.credentials
        os.environ.update(ours)
        try:
            yield cloud
        finally:
            for name in ours:
                os.environ.pop(name, None)
            os.environ.update(before)


def write_configuration(folder: Path, cloud: EmbeddedGoogleCloud, **more: str) -> Path:
    """A configuration file for the estate; `more` are further lines of a section, by its name."""
    sections = {
        "organization": 'name = "Example Ltd"',
        "store": 'url = "store"',
        "audit": 'frameworks = ["pci-dss-4.0.1", "soc2"]\nperiod = { start = 2025-07-01, end = 2026-06-30 }',
        **more,
    }
    source = sections.pop("source", "")
    text = "\n\n".join(f"[{name}]\n{lines}" for name, lines in sections.items())
    table = "\n".join(f"{name} = {json.dumps(value)}" for name, value in cloud.source("prod").items())
    text += f"\n\n[[source]]\n{table}\nattempts = 1\ntimeout_seconds = 5\n{source}\n"
    path = folder / "keyproof.toml"
    path.write_text(text, encoding="utf-8")
    return path
