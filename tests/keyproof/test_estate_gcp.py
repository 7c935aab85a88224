"""The demo's company on Google Cloud: the same each time, and with every case that is of interest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import asset_v1, kms_inventory_v1, kms_v1, resourcemanager_v3, secretmanager_v1
from google.oauth2 import service_account
from google.protobuf import timestamp_pb2

from keyproof.demo.gcp.embedded import EmbeddedGoogleCloud
from keyproof.demo.gcp.estate import (
    EDGE,
    ESTATE_NOW,
    EUROPE,
    GLOBAL,
    MAIN,
    ORGANIZATION,
    RECOVERY,
    SANDBOX,
    TREASURY,
    WALLET,
    estate,
)

FULL = kms_v1.CryptoKeyVersion.CryptoKeyVersionView.FULL
POLICY = {"requested_policy_version": 3}


class Reader:
    """Reads the estate as a collector would, where nothing but the services themselves can be asked."""

    def __init__(self, cloud: EmbeddedGoogleCloud) -> None:
        trust = grpc.ssl_channel_credentials(cloud.ca_file.read_bytes())
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        account = service_account.Credentials.from_service_account_file(str(cloud.credentials_file), scopes=scopes)

        def client(kind: Any) -> Any:
            make = kind.get_transport_class("grpc")
            where = {"host": cloud.endpoint, "ssl_channel_credentials": trust, "always_use_jwt_access": True}
            return kind(transport=make(credentials=account, **where))

        self.kms = client(kms_v1.KeyManagementServiceClient)
        self.ekm = client(kms_v1.EkmServiceClient)
        self.autokey = client(kms_v1.AutokeyClient)
        self.tracking = client(kms_inventory_v1.KeyTrackingServiceClient)
        self.secrets = client(secretmanager_v1.SecretManagerServiceClient)
        self.projects = client(resourcemanager_v3.ProjectsClient)
        self.assets = client(asset_v1.AssetServiceClient)

    def rings(self) -> Iterator[str]:
        """The key rings that may be listed."""
        for project in self.projects.search_projects():
            name = f"projects/{project.project_id}"
            try:
                for place in self.kms.list_locations({"name": name}).locations:
                    yield from (ring.name for ring in self.kms.list_key_rings(parent=place.name))
            except exceptions.PermissionDenied:
                continue

    def policy(self, resource: str) -> Any:
        """A key's policy, or the refusal's text."""
        try:
            return self.kms.get_iam_policy({"resource": resource, "options": POLICY}, retry=None)
        except exceptions.PermissionDenied as refused:
            return refused.message

    def everything(self) -> dict[str, Any]:
        """Name → what is known of a key or secret: itself, its versions, its policy, its use."""
        found: dict[str, Any] = {}
        for ring in self.rings():
            for key in self.kms.list_crypto_keys(parent=ring):
                versions = list(self.kms.list_crypto_key_versions(request={"parent": key.name, "view": FULL}))
                summary = self.tracking.get_protected_resources_summary(name=key.name)
                found[key.name] = (key, versions, self.policy(key.name), summary)
        for project in self.projects.search_projects():
            for secret in self.secrets.list_secrets(parent=project.name):
                versions = list(self.secrets.list_secret_versions(parent=secret.name))
                policy = self.secrets.get_iam_policy({"resource": secret.name, "options": POLICY})
                found[secret.name] = (secret, versions, policy, None)
        return found


@pytest.fixture(scope="module")
def cloud() -> Iterator[EmbeddedGoogleCloud]:
    with EmbeddedGoogleCloud(estate()) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def reader(cloud: EmbeddedGoogleCloud) -> Reader:
    return Reader(cloud)


@pytest.fixture(scope="module")
def answers(reader: Reader) -> dict[str, Any]:
    return reader.everything()


@pytest.fixture(scope="module")
def keys(answers: dict[str, Any]) -> dict[str, Any]:
    """Location/name → everything about a key."""
    parts = {name: name.split("/") for name in answers if "/cryptoKeys/" in name}
    return {f"{part[3]}/{part[7]}": answers[name] for name, part in parts.items()}


@pytest.fixture(scope="module")
def secrets(answers: dict[str, Any]) -> dict[str, Any]:
    """Name → everything about a secret."""
    return {name.rpartition("/")[2]: answer for name, answer in answers.items() if "/secrets/" in name}


def test_two_seedings_give_the_same_answers(answers: dict[str, Any]) -> None:
    with EmbeddedGoogleCloud(estate()) as again:
        assert Reader(again).everything() == answers


def test_another_clock_moves_every_date() -> None:
    later = datetime(2026, 9, 30, tzinfo=UTC)
    moved, usual = estate(later), estate()
    assert moved.keys.keys() == usual.keys.keys()
    assert moved.secrets.keys() == usual.secrets.keys()
    for name, key in moved.keys.items():
        assert key.create_time.ToDatetime(UTC) - later == usual.keys[name].create_time.ToDatetime(UTC) - ESTATE_NOW


def test_its_size(keys: dict[str, Any], secrets: dict[str, Any]) -> None:
    assert 45 <= len(keys) <= 60
    assert len(secrets) == 20
    assert {name.partition("/")[0] for name in keys} == {GLOBAL, EUROPE, MAIN, RECOVERY, EDGE}


def test_every_kind_of_key(keys: dict[str, Any]) -> None:
    found = [answer[0] for answer in keys.values()]
    versions = [version for answer in keys.values() for version in answer[1]]
    assert {key.purpose.name for key in found} == {
        "ENCRYPT_DECRYPT",
        "ASYMMETRIC_SIGN",
        "ASYMMETRIC_DECRYPT",
        "KEY_ENCAPSULATION",
        "MAC",
    }
    assert {
        "EC_SIGN_P256_SHA256",
        "RSA_SIGN_PSS_2048_SHA256",
        "PQ_SIGN_ML_DSA_65",
        "ML_KEM_768",
        "HMAC_SHA256",
        "EXTERNAL_SYMMETRIC_ENCRYPTION",
    } <= {version.algorithm.name for version in versions}
    levels = {version.protection_level.name for version in versions}
    assert levels == {"SOFTWARE", "HSM", "HSM_SINGLE_TENANT", "EXTERNAL", "EXTERNAL_VPC"}
    states = {version.state.name for version in versions}
    assert states == {"ENABLED", "DISABLED", "DESTROYED", "DESTROY_SCHEDULED"}
    assert all(version.attestation.content for version in versions if version.protection_level.name.startswith("HSM"))


def test_most_keys_are_in_order(keys: dict[str, Any]) -> None:
    symmetric = [answer[0] for answer in keys.values() if answer[0].purpose.name == "ENCRYPT_DECRYPT"]
    rotating = [key for key in symmetric if key.rotation_period and key.next_rotation_time >= ESTATE_NOW]
    assert len(rotating) / len(symmetric) > 0.6


def test_rotation(keys: dict[str, Any]) -> None:
    overdue, _, _, _ = keys[f"{MAIN}/archive"]
    assert overdue.next_rotation_time < ESTATE_NOW
    never, versions, _, _ = keys[f"{MAIN}/partner-files"]
    assert not never.rotation_period
    assert len(versions) == 1
    by_hand, versions, _, _ = keys[f"{MAIN}/batch-exports"]
    assert not by_hand.rotation_period
    assert len(versions) == 4
    regular, versions, _, _ = keys[f"{MAIN}/wallet-api"]
    times = [version.create_time for version in versions]
    assert {(later - earlier).days for earlier, later in pairwise(times)} == {90}
    assert (regular.next_rotation_time - times[-1]).days == 90
    assert regular.primary.name == versions[-1].name


def test_where_material_comes_from(reader: Reader, keys: dict[str, Any]) -> None:
    imported, versions, _, _ = keys[f"{MAIN}/scheme-zone-key"]
    assert imported.import_only
    jobs = {
        job.name: job.state.name for job in reader.kms.list_import_jobs(parent=imported.name.partition("/cryptoK")[0])
    }
    assert jobs[versions[0].import_job] == "EXPIRED"
    assert set(jobs.values()) == {"EXPIRED", "ACTIVE"}
    external, versions, _, _ = keys[f"{RECOVERY}/sovereign-ledger"]
    (connection,) = reader.ekm.list_ekm_connections(parent=f"projects/{WALLET}/locations/{RECOVERY}")
    assert external.crypto_key_backend == connection.name
    assert versions[0].external_protection_level_options.ekm_connection_key_path
    handles = [
        handle.kms_key
        for place in (MAIN, EDGE)
        for handle in reader.autokey.list_key_handles(parent=f"projects/{WALLET}/locations/{place}")
    ]
    assert len(handles) == 3
    assert set(handles) <= {answer[0].name for answer in keys.values()}


def test_what_ends(keys: dict[str, Any]) -> None:
    assert {version.state.name for version in keys[f"{MAIN}/old-wallet"][1]} == {"DESTROY_SCHEDULED"}
    assert {version.state.name for version in keys[f"{EDGE}/black-friday"][1]} == {"DISABLED"}
    assert keys[f"{MAIN}/scratch-space"][0].destroy_scheduled_duration.days == 1


def test_who_may_do_what(keys: dict[str, Any]) -> None:
    def members(name: str) -> dict[str, set[str]]:
        granted: dict[str, set[str]] = {}
        for binding in keys[name][2].bindings:
            granted.setdefault(binding.role, set()).update(binding.members)
        return granted

    assert "allUsers" in members(f"{MAIN}/public-widget")["roles/cloudkms.cryptoKeyDecrypter"]
    refunds = members(f"{MAIN}/refunds")
    assert refunds["roles/cloudkms.admin"] & refunds["roles/cloudkms.cryptoKeyEncrypterDecrypter"]
    assert any(
        "acquirer.example" in member
        for member in members(f"{MAIN}/acquirer-files")["roles/cloudkms.cryptoKeyDecrypter"]
    )
    conditions = [binding.condition.expression for binding in keys[f"{MAIN}/incident-access"][2].bindings]
    assert any("request.time" in expression for expression in conditions)
    assert any("access_levels" in expression for expression in conditions)


def test_use(keys: dict[str, Any]) -> None:
    used = {name for name, answer in keys.items() if answer[3].resource_count}
    assert f"{MAIN}/wallet-api" in used
    assert 0.3 < len(used) / len(keys) < 0.7


def test_every_kind_of_secret(secrets: dict[str, Any]) -> None:
    found = {name: answer[0] for name, answer in secrets.items()}
    assert len(found["device-certificates"].replication.user_managed.replicas) == 3
    assert found["scheme-sftp"].replication.automatic is not None
    assert not found["scheme-sftp"].rotation
    assert found["risk-bureau"].rotation.next_rotation_time < ESTATE_NOW
    assert found["wallet-database"].rotation.next_rotation_time > ESTATE_NOW
    assert found["campaign-token"].expire_time > ESTATE_NOW
    assert {version.state.name for version in secrets["voucher-provider"][1]} == {"DISABLED", "DESTROYED"}
    assert any("allAuthenticatedUsers" in binding.members for binding in secrets["widget-api"][2].bindings)


def test_a_secret_is_encrypted_with_a_key_that_is_to_be_destroyed(secrets: dict[str, Any]) -> None:
    (replica,) = secrets["archive-password"][0].replication.user_managed.replicas
    assert replica.customer_managed_encryption.kms_key_name.endswith("/cryptoKeys/old-wallet")


def test_keys_of_secrets_are_in_the_replicas_location(secrets: dict[str, Any]) -> None:
    for secret, *_ in secrets.values():
        for replica in secret.replication.user_managed.replicas:
            key = replica.customer_managed_encryption.kms_key_name
            assert not key or key.split("/")[3] == replica.location


def test_every_kind_of_credential() -> None:
    world = estate()
    keys = [key for key in world.service_account_keys.values() if key.key_type == 1]
    ages = [(world.now - key.valid_after_time.ToDatetime(UTC)).days for key in keys]
    assert min(ages) < 90 < 365 < max(ages)
    assert {key.disabled for key in keys} == {False, True}
    assert {key.key_origin for key in keys} == {1, 2}
    limits = {bool(key.restrictions.api_targets) for key in world.api_keys.values()}
    assert limits == {False, True}


def test_what_is_refused(reader: Reader, keys: dict[str, Any]) -> None:
    unread = [name for name, answer in keys.items() if isinstance(answer[2], str)]
    assert unread == [f"{MAIN}/payroll"]
    with pytest.raises(exceptions.PermissionDenied) as refused:
        reader.kms.list_key_rings({"parent": f"projects/{TREASURY}/locations/{MAIN}"}, retry=None)
    assert refused.value.reason == "IAM_PERMISSION_DENIED"
    with pytest.raises(exceptions.PermissionDenied) as refused:
        reader.kms.list_key_rings({"parent": f"projects/{SANDBOX}/locations/{MAIN}"}, retry=None)
    assert refused.value.reason == "SERVICE_DISABLED"
    with pytest.raises(exceptions.PermissionDenied):
        reader.assets.list_assets({"parent": f"organizations/{ORGANIZATION}"}, retry=None)


def test_nothing_lies_in_the_future_but_what_is_planned(answers: dict[str, Any]) -> None:
    planned = {"next_rotation_time", "destroy_time", "expire_time", "scheduled_destroy_time"}

    def check(message: Any) -> None:
        for descriptor, value in message.ListFields():
            members = value if descriptor.is_repeated else [value]
            if descriptor.message_type is None or descriptor.message_type.GetOptions().map_entry:
                continue
            for member in members:
                if isinstance(member, timestamp_pb2.Timestamp):
                    in_future = member.ToDatetime(UTC) > ESTATE_NOW
                    assert not in_future or descriptor.name in planned, (message, descriptor.name)
                else:
                    check(member)

    for subject, versions, _, _ in answers.values():
        for message in (subject, *versions):
            check(type(message).pb(message))
