"""A Google Cloud whose every text was written by somebody who means harm to whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping

from google.cloud import kms_v1
from google.iam.v1 import policy_pb2
from hostile import FORGED_NAME, NOW, writable

from keyproof.demo.faults import Fault
from keyproof.demo.gcp.faults import Rule
from keyproof.demo.gcp.wire import message
from keyproof.demo.gcp.world import DataStore, Place, SecretVersion, Version, World
from keyproof.demo.names import days

ORGANIZATION = "123456789012"
HOME, WALKED = "example-payments", "example-data"
REGION = "europe-west1"
FORGED_LOCATIONS = ("../../../../tmp/keyproof-was-here", "<script>x</script>", "europe-west1@127.0.0.1", "r" * 700)
TOLD_FOLDER, WALKED_FOLDER = "told at once", "walked through"
RING = f"projects/{HOME}/locations/{REGION}/keyRings/payments"

_DECRYPTER = "roles/cloudkms.cryptoKeyDecrypter"
_PLACED = ("script", "formula", "ansi", "direction", "path", "long")
"""Texts that are a key's ring and a secret's location, too."""


def hostile_world(texts: Mapping[str, str]) -> World:
    """The estate: each text stands as name, label, annotation, member, condition and use of something.

    One folder is for Cloud Asset Inventory to tell of, the other to be walked through. A text that protobuf cannot
    carry lacks what it cannot.
    """
    texts = {kind: writable(text) for kind, text in texts.items()}
    everything = " ".join(texts.values())[:4_000]
    world = World(NOW)
    world.places = tuple(Place(id=id, name=everything) for id in ("global", REGION, *FORGED_LOCATIONS))
    organization = world.add_organization(everything, number=ORGANIZATION, created_at=NOW - days(3000))
    told = world.add_folder(TOLD_FOLDER, organization, created_at=NOW - days(2000))
    walked = world.add_folder(WALKED_FOLDER, organization, created_at=NOW - days(2000))
    for folder in world.folders.values():
        folder.display_name = texts["ansi"] + texts["formula"]
    for project, parent in ((HOME, told), (WALKED, walked), (FORGED_NAME, walked)):
        world.add_project(project, parent, created_at=NOW - days(1000), labels=dict.fromkeys(texts.values(), "x"))
        world.projects[project].display_name = everything
    _fill(world, HOME, texts)
    _fill(world, WALKED, texts)
    _assign(world, [organization, told, walked, world.project_number(HOME), RING], texts)
    summary = "kmsinventory:GetProtectedResourcesSummary"
    world.refusals = [
        Rule(fault=Fault.REFUSE, operation=summary, subject="labels-script", because=_told(texts)),
        Rule(fault=Fault.REFUSE, operation=summary, subject="labels-ansi", because=texts["long"]),
        Rule(fault=Fault.REFUSE, operation="kms:GetIamPolicy", subject="external-path", because=_told(texts)),
    ]
    world.page_sizes = {"asset:ListAssets": 50, "kms:ListCryptoKeys": 20, "secretmanager:ListSecrets": 20}
    return world


def _told(texts: Mapping[str, str]) -> str:
    return f"{texts['script']}{texts['ansi']}{texts['control']}{texts['formula']}{texts['direction']}"


def folder_number(world: World, walked: bool) -> str:
    """The number of the folder that is walked through, or of the one that is told at once."""
    return list(world.folders)[walked].partition("/")[2]


def _fill(world: World, project: str, texts: Mapping[str, str]) -> None:
    ring = world.add_key_ring(project, REGION, "payments", created_at=NOW - days(900))
    for kind, text in texts.items():
        slug = kind.replace(" ", "-")
        _add_keys(world, ring, slug, text)
        _add_secrets(world, project, slug, text)
        _add_credentials(world, project, slug, text)
        _add_data_store(world, project, text)
        named = world.add_key_ring(project, REGION, text, created_at=NOW - days(900))
        if kind in _PLACED:
            world.add_key(named, slug, [Version(at=NOW - days(400))])
            _add_replicated(world, project, slug, text)
        world.add_import_job(ring, text, created_at=NOW - days(1))
        world.add_ekm_connection(project, REGION, text, hostname=text[:1_000], created_at=NOW - days(10))
        handled = f"{ring}/cryptoKeys/labels-{slug}"
        world.add_key_handle(project, REGION, f"handle-{slug}", key=handled, resource_type=text)
    name = f"projects/{project}/autokeyConfig"
    world.autokey_configs[name] = message(kms_v1.AutokeyConfig, name=name, key_project=texts["link"], state="ACTIVE")


def _add_keys(world: World, ring: str, slug: str, text: str) -> None:
    made = [Version(at=NOW - days(900)), Version(at=NOW - days(400))]
    project = ring.split("/")[1]
    labels = {"owner": text, "purpose": text, "data-class": text, "environment": text, text: text}
    labelled = world.add_key(ring, f"labels-{slug}", made, labels=labels)
    world.protect(labelled, text, text, project=project, at=NOW - days(5))
    world.grant(labelled, _DECRYPTER, text, f"user:{text}", f"serviceAccount:{text}", f"principal:{text}")
    world.grant(labelled, text, "allUsers", condition=(text, text))
    world.policies[labelled].bindings[-1].condition.description = text
    world.grant(labelled, _DECRYPTER, "user:ada@example.com", condition=(slug, f"resource.name.startsWith({text!r})"))
    external = [Version(at=NOW - days(30), external_uri=text, external_path=text, import_job=text)]
    kind = {"algorithm": "EXTERNAL_SYMMETRIC_ENCRYPTION", "protection_level": "EXTERNAL"}
    world.add_key(ring, f"external-{slug}", external, backend=text, **kind)  # type: ignore[arg-type]
    named = world.add_key(ring, text, made)
    world.protect(named, "storage.googleapis.com/Bucket", f"//{text}", project=project, at=NOW - days(5))


def _add_secrets(world: World, project: str, slug: str, text: str) -> None:
    made = [SecretVersion(at=NOW - days(300), kms_key_versions={"": text, text: text})]
    labels = {"owner": text, "purpose": text, text: text}
    rotation = {"rotation_period": days(30), "next_rotation_at": NOW - days(10)}
    annotated = world.add_secret(
        project,
        f"annotated-{slug}",
        made,
        labels=labels,
        annotations={text: text},
        topics=[text],
        key=text,
        **rotation,  # type: ignore[arg-type]
    )
    world.grant(annotated, "roles/secretmanager.secretAccessor", text, condition=(text, text))
    world.add_secret(project, text, made)


def _add_credentials(world: World, project: str, slug: str, text: str) -> None:
    account = world.add_service_account(project, f"runner-{slug}")
    world.add_service_account_key(account, at=NOW - days(400))
    world.add_service_account_key(world.add_service_account(project, text), at=NOW - days(400))
    limits = {"browser_key_restrictions": {"allowed_referrers": [text]}}
    world.add_api_key(project, text, at=NOW - days(400), services=[text], restrictions=limits)


def _add_data_store(world: World, project: str, text: str) -> None:
    kind = "storage.googleapis.com/Bucket"
    world.data_stores[f"{project} {text}"] = DataStore(kind=kind, project=project, location=text, at=NOW - days(9))


def _add_replicated(world: World, project: str, slug: str, text: str) -> None:
    made = [SecretVersion(at=NOW - days(300), kms_key_versions={text: text})]
    world.add_secret(project, f"replicated-{slug}", made, replicas={text: text, REGION: ""})


def _assign(world: World, resources: list[str], texts: Mapping[str, str]) -> None:
    """Policies, custom roles and audit settings above the keys."""
    for kind, text in texts.items():
        role = f"projects/{HOME}/roles/{kind.replace(' ', '_')}"
        world.roles[role] = {
            "name": role,
            "title": text,
            "description": text,
            "stage": text,
            "includedPermissions": [text, "cloudkms.cryptoKeys.update"],
        }
        for resource in resources:
            world.grant(resource, role, text, f"group:{text}", condition=(text, text))
    for resource in resources:
        logged = [policy_pb2.AuditLogConfig(log_type="DATA_READ", exempted_members=texts.values())]
        for text in texts.values():
            world.policies[resource].audit_configs.add(service=text, audit_log_configs=logged[:1])
