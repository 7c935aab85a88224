"""The embedded Google Cloud, asked by Google's own clients over real gRPC and REST."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request as TokenRequest
from google.cloud import (
    api_keys_v2,
    asset_v1,
    iam_admin_v1,
    kms_inventory_v1,
    kms_v1,
    resourcemanager_v3,
    secretmanager_v1,
)
from google.oauth2 import service_account
from google.rpc import error_details_pb2
from requests import Session
from requests.exceptions import RequestException

from keyproof.demo.faults import Fault
from keyproof.demo.gcp.embedded import OPERATIONS, TOKEN_OPERATION, EmbeddedGoogleCloud
from keyproof.demo.gcp.faults import Rule
from keyproof.demo.gcp.permissions import permission
from keyproof.demo.gcp.wire import Request, methods
from keyproof.demo.gcp.world import Place, SecretVersion, Version, World
from keyproof.demo.names import days

NOW = datetime(2026, 6, 30, tzinfo=UTC)
PROJECT, OTHER = "example-payments", "example-data"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
TRANSPORTS = ("grpc", "rest")

CLIENTS = {
    "kms": kms_v1.KeyManagementServiceClient,
    "ekm": kms_v1.EkmServiceClient,
    "hsm": kms_v1.HsmManagementClient,
    "autokey": kms_v1.AutokeyClient,
    "autokey-admin": kms_v1.AutokeyAdminClient,
    "dashboard": kms_inventory_v1.KeyDashboardServiceClient,
    "tracking": kms_inventory_v1.KeyTrackingServiceClient,
    "secrets": secretmanager_v1.SecretManagerServiceClient,
    "assets": asset_v1.AssetServiceClient,
    "projects": resourcemanager_v3.ProjectsClient,
    "folders": resourcemanager_v3.FoldersClient,
    "organizations": resourcemanager_v3.OrganizationsClient,
    "iam": iam_admin_v1.IAMClient,
    "api-keys": api_keys_v2.ApiKeysClient,
}


def client(cloud: EmbeddedGoogleCloud, service: str, transport: str = "grpc", credentials: Any = None) -> Any:
    kind = CLIENTS[service]
    if credentials is None:
        credentials = service_account.Credentials.from_service_account_file(str(cloud.credentials_file), scopes=SCOPES)
    make = kind.get_transport_class(transport)
    if transport == "grpc":
        trust = grpc.ssl_channel_credentials(cloud.ca_file.read_bytes())
        host = cloud.endpoint
        made = make(host=host, credentials=credentials, ssl_channel_credentials=trust, always_use_jwt_access=True)
    else:
        made = make(host=cloud.rest_endpoint, credentials=credentials, always_use_jwt_access=True)
        made._session.trust_env = False  # else the environment's certificates are trusted in place of these
        made._session.verify = str(cloud.ca_file)
    return kind(transport=made)


@pytest.fixture
def world() -> World:
    world = World(NOW)
    world.places = (Place(id="global", ekm=False), Place(id="europe-west1"), Place(id="europe-west3", hsm=False))
    organization = world.add_organization("example.com", number="123456789012", created_at=NOW - days(3000))
    folder = world.add_folder("payments", organization, created_at=NOW - days(2900))
    world.add_project(PROJECT, folder, created_at=NOW - days(2000), labels={"owner": "payments"})
    world.add_project(OTHER, organization, created_at=NOW - days(1500))
    return world


@pytest.fixture
def cloud(world: World) -> Iterator[EmbeddedGoogleCloud]:
    with EmbeddedGoogleCloud(world) as cloud:
        yield cloud


def ring_of(world: World, name: str = "ring", location: str = "europe-west1") -> str:
    return world.add_key_ring(PROJECT, location, name, created_at=NOW - days(900))


def keys_of(world: World, number: int) -> str:
    ring = ring_of(world)
    for n in range(number):
        world.add_key(ring, f"key-{n:03}", [Version(at=NOW - days(800))])
    return ring


# What it is


def test_every_operation_answered_here_exists_at_google() -> None:
    assert set(OPERATIONS) <= {method.operation for method in methods().values()}


_PREFIXES = {"cloudkms", "secretmanager", "cloudasset", "resourcemanager", "iam", "apikeys"}


def test_every_operation_answered_here_has_a_permission_of_google() -> None:
    for method in methods().values():
        if method.operation in OPERATIONS:
            named = permission(Request(method, method.request_type()))
            assert named.partition(".")[0] in _PREFIXES, named


def test_every_method_is_known_with_the_types_of_the_client_packages() -> None:
    method = methods()["/google.cloud.kms.v1.KeyManagementService/ListKeyRings"]
    assert method.operation == "kms:ListKeyRings"
    assert method.request_type is kms_v1.ListKeyRingsRequest.pb()
    assert method.response_type is kms_v1.ListKeyRingsResponse.pb()
    assert all(method.routes for method in methods().values() if method.operation in OPERATIONS)


def test_what_is_not_answered_is_unimplemented(cloud: EmbeddedGoogleCloud, world: World) -> None:
    secret = world.add_secret(PROJECT, "token", [SecretVersion(at=NOW)])
    for transport in TRANSPORTS:
        with pytest.raises(exceptions.MethodNotImplemented):
            client(cloud, "secrets", transport).access_secret_version(name=f"{secret}/versions/1")
    assert cloud.requests["secretmanager:AccessSecretVersion"] == 2


def test_a_defect_in_an_answer_comes_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from keyproof.demo.gcp import embedded

    answers = {**OPERATIONS, "kms:GetKeyRing": lambda world, request: kms_v1.CryptoKey.pb()()}
    monkeypatch.setattr(embedded, "OPERATIONS", answers)
    ring = ring_of(world)
    with (
        pytest.raises(TypeError, match="CryptoKey"),
        EmbeddedGoogleCloud(world) as cloud,
        pytest.raises(exceptions.InternalServerError),
    ):
        client(cloud, "kms").get_key_ring(name=ring, retry=None)


def test_two_run_side_by_side(world: World) -> None:
    ring_of(world)
    with EmbeddedGoogleCloud(world) as one, EmbeddedGoogleCloud(World(NOW)) as two:
        assert one.endpoint != two.endpoint
        with pytest.raises(exceptions.Unauthenticated):
            list(client(two, "projects", credentials=_credentials(one)).search_projects())
        assert len(list(client(one, "projects").search_projects())) == 2


def test_it_closes_and_leaves_nothing(world: World) -> None:
    with EmbeddedGoogleCloud(world) as cloud:
        list(client(cloud, "projects").search_projects())
        ports = [int(where.rpartition(":")[2]) for where in (cloud.endpoint, cloud.rest_endpoint)]
        folder = cloud.ca_file.parent
    for port in ports:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    assert not folder.exists()


def test_its_source_and_credentials(cloud: EmbeddedGoogleCloud, world: World) -> None:
    assert cloud.source("prod") == {
        "type": "gcp",
        "name": "prod",
        "organization": "123456789012",
        "transport": "grpc",
        "endpoint": cloud.endpoint,
        "ca_file": str(cloud.ca_file),
    }
    assert cloud.source("prod", "rest")["endpoint"] == cloud.rest_endpoint
    world.organizations.clear()
    assert cloud.source("prod")["projects"] == [OTHER, PROJECT]
    assert cloud.credentials["GOOGLE_APPLICATION_CREDENTIALS"] == str(cloud.credentials_file)
    assert cloud.credentials_file.stat().st_mode & 0o077 == 0


# Credentials


def _credentials(cloud: EmbeddedGoogleCloud) -> Any:
    return service_account.Credentials.from_service_account_file(str(cloud.credentials_file), scopes=SCOPES)


def _token_request(cloud: EmbeddedGoogleCloud) -> TokenRequest:
    session = Session()
    session.trust_env, session.verify = False, str(cloud.ca_file)
    return TokenRequest(session)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_access_token_of_the_token_endpoint_is_good(cloud: EmbeddedGoogleCloud, transport: str) -> None:
    from google.oauth2.credentials import Credentials

    exchanged = _credentials(cloud)
    exchanged.refresh(_token_request(cloud))
    assert cloud.requests[TOKEN_OPERATION] == 1
    assert exchanged.valid
    projects = client(cloud, "projects", transport, Credentials(exchanged.token))
    assert len(list(projects.search_projects())) == 2


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_another_key_signs_no_good_token(cloud: EmbeddedGoogleCloud, transport: str) -> None:
    with EmbeddedGoogleCloud(World(NOW)) as other:
        projects = client(cloud, "projects", transport, _credentials(other))
    with pytest.raises(exceptions.Unauthorized) as caught:
        projects.get_project(name=f"projects/{PROJECT}")
    assert caught.value.reason == "ACCESS_TOKEN_TYPE_UNSUPPORTED"


def test_without_a_token_nothing_is_answered(cloud: EmbeddedGoogleCloud) -> None:
    from google.auth.credentials import AnonymousCredentials

    with pytest.raises(exceptions.Unauthenticated) as caught:
        client(cloud, "projects", "grpc", AnonymousCredentials()).get_project(name=f"projects/{PROJECT}")
    assert caught.value.reason == "CREDENTIALS_MISSING"


def test_a_token_can_be_refused(cloud: EmbeddedGoogleCloud) -> None:
    cloud.faults = [Rule(fault=Fault.REFUSE, operation=TOKEN_OPERATION)]
    with pytest.raises(RefreshError, match="invalid_grant"):
        _credentials(cloud).refresh(_token_request(cloud))


def test_another_key_gets_no_token(cloud: EmbeddedGoogleCloud) -> None:
    with EmbeddedGoogleCloud(World(NOW)) as other:
        stranger = _credentials(other)
    stranger._token_uri = cloud.token_uri
    with pytest.raises(RefreshError, match="invalid_grant"):
        stranger.refresh(_token_request(cloud))


# Answers


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_everything_of_cloud_kms_reads_back(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    ring = ring_of(world)
    job = world.add_import_job(ring, "ceremony", created_at=NOW - days(100))
    connection = world.add_ekm_connection(
        PROJECT, "europe-west1", "datacenter", hostname="ekm.example.com", created_at=NOW
    )
    hsm = world.add_hsm_instance(PROJECT, "europe-west1", "own", created_at=NOW - days(50))
    key = world.add_key(
        ring,
        "cards",
        [
            Version(at=NOW - days(400), state="DESTROYED", destroyed_at=NOW - days(90)),
            Version(at=NOW - days(200)),
            Version(at=NOW - days(100), import_job=job),
            Version(at=NOW - days(10), state="DISABLED"),
        ],
        protection_level="HSM",
        primary=3,
        rotation_period=days(90),
        next_rotation_at=NOW + days(80),
        labels={"owner": "cards"},
        justifications=["CUSTOMER_INITIATED_ACCESS"],
    )
    kms = client(cloud, "kms", transport)
    assert [found.name for found in kms.list_key_rings(parent=f"projects/{PROJECT}/locations/europe-west1")] == [ring]
    (found,) = kms.list_crypto_keys(parent=ring)
    assert kms.get_crypto_key(name=key).name == found.name == key
    assert found.rotation_period == timedelta(days=90)
    assert found.next_rotation_time == NOW + days(80)
    assert found.primary.name == f"{key}/cryptoKeyVersions/3"
    assert found.labels == {"owner": "cards"}
    assert found.destroy_scheduled_duration == timedelta(days=30)
    assert found.key_access_justifications_policy.allowed_access_reasons == [5]
    versions = list(kms.list_crypto_key_versions(parent=key))
    assert [version.state.name for version in versions] == ["DESTROYED", "ENABLED", "ENABLED", "DISABLED"]
    assert versions[0].destroy_event_time == NOW - days(90)
    assert versions[2].import_job == job
    assert not versions[2].generate_time
    assert versions[2].import_time == NOW - days(100)
    assert kms.get_crypto_key_version(name=versions[1].name).generate_time == NOW - days(200)
    assert [found.state.name for found in kms.list_import_jobs(parent=ring)] == ["EXPIRED"]
    place = f"projects/{PROJECT}/locations/europe-west1"
    (external,) = client(cloud, "ekm", transport).list_ekm_connections(parent=place)
    assert external.name == connection
    assert external.service_resolvers[0].hostname == "ekm.example.com"
    assert client(cloud, "ekm", transport).get_ekm_config(name=f"{place}/ekmConfig").default_ekm_connection == ""
    (instance,) = client(cloud, "hsm", transport).list_single_tenant_hsm_instances(parent=place)
    assert (instance.name, instance.quorum_auth.required_approver_count) == (hsm, 2)


def test_attestations_come_with_the_full_view_only(cloud: EmbeddedGoogleCloud, world: World) -> None:
    key = world.add_key(ring_of(world), "hsm", [Version(at=NOW)], protection_level="HSM")
    kms = client(cloud, "kms")
    full = kms_v1.CryptoKeyVersion.CryptoKeyVersionView.FULL
    (plain,) = kms.list_crypto_key_versions(request={"parent": key})
    (whole,) = kms.list_crypto_key_versions(request={"parent": key, "view": full})
    assert not plain.attestation.content
    assert whole.attestation.format.name == "CAVIUM_V2_COMPRESSED"
    assert kms.get_crypto_key_version(name=whole.name).attestation.content


def test_only_keys_for_symmetric_encryption_have_a_primary(cloud: EmbeddedGoogleCloud, world: World) -> None:
    ring = ring_of(world)
    at = NOW - days(10)
    signing = {"purpose": "ASYMMETRIC_SIGN", "algorithm": "PQ_SIGN_ML_DSA_65"}
    world.add_key(ring, "signing", [Version(at=at)], **signing)  # type: ignore[arg-type]
    world.add_key(ring, "ended", [Version(at=at, state="DESTROY_SCHEDULED", destroy_at=NOW + days(20))])
    found = {key.name.rpartition("/")[2]: key for key in client(cloud, "kms").list_crypto_keys(parent=ring)}
    assert not found["signing"].primary.name
    assert found["ended"].primary.state.name == "DESTROY_SCHEDULED"
    assert found["signing"].version_template.algorithm.name == "PQ_SIGN_ML_DSA_65"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_locations(cloud: EmbeddedGoogleCloud, transport: str) -> None:
    listed = client(cloud, "kms", transport).list_locations({"name": f"projects/{PROJECT}"}).locations
    assert [place.location_id for place in listed] == ["global", "europe-west1", "europe-west3"]
    facts = kms_v1.LocationMetadata.pb()()
    assert listed[0].metadata.Unpack(facts)
    assert (facts.hsm_available, facts.ekm_available) == (True, False)
    with pytest.raises(exceptions.NotFound):
        list(client(cloud, "kms", transport).list_key_rings(parent=f"projects/{PROJECT}/locations/-"))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_lists_come_in_pages(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    ring = keys_of(world, 23)
    kms = client(cloud, "kms", transport)
    pages = list(kms.list_crypto_keys(request={"parent": ring, "page_size": 10}).pages)
    assert [len(page.crypto_keys) for page in pages] == [10, 10, 3]
    assert [page.total_size for page in pages] == [23, 23, 23]
    assert [bool(page.next_page_token) for page in pages] == [True, True, False]
    assert len({key.name for page in pages for key in page.crypto_keys}) == 23
    world.page_sizes["kms:ListCryptoKeys"] = 7
    assert [len(page.crypto_keys) for page in kms.list_crypto_keys(parent=ring).pages] == [7, 7, 7, 2]
    foreign = pages[0].next_page_token
    with pytest.raises(exceptions.InvalidArgument if transport == "grpc" else exceptions.BadRequest):
        kms.list_key_rings({"parent": f"projects/{PROJECT}/locations/global", "page_token": foreign})
    with pytest.raises(exceptions.InvalidArgument if transport == "grpc" else exceptions.BadRequest):
        kms.list_crypto_keys({"parent": ring, "page_size": -1})


def test_a_page_may_be_empty_and_not_the_last(cloud: EmbeddedGoogleCloud, world: World) -> None:
    ring = keys_of(world, 3)
    world.empty_pages.add("kms:ListCryptoKeys")
    world.page_sizes["kms:ListCryptoKeys"] = 2
    pages = list(client(cloud, "kms").list_crypto_keys(parent=ring).pages)
    assert [len(page.crypto_keys) for page in pages] == [0, 2, 1]
    assert pages[0].next_page_token


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_policies(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    ring = ring_of(world)
    key = world.add_key(ring, "key", [Version(at=NOW)])
    until = ("until summer", 'request.time < timestamp("2026-08-01T00:00:00Z")')
    world.grant(key, "roles/cloudkms.admin", "user:ada@example.com")
    world.grant(key, "roles/cloudkms.cryptoKeyDecrypter", "group:ops@example.com", condition=until)
    kms = client(cloud, "kms", transport)
    old = kms.get_iam_policy({"resource": key})
    assert old.version == 1
    assert "_withcond_" in old.bindings[1].role
    assert not old.bindings[1].HasField("condition")
    new = kms.get_iam_policy({"resource": key, "options": {"requested_policy_version": 3}})
    assert new.version == 3
    assert new.bindings[1].condition.expression == until[1]
    none = kms.get_iam_policy({"resource": ring, "options": {"requested_policy_version": 3}})
    assert (list(none.bindings), none.version, bool(none.etag)) == ([], 0, True)
    with pytest.raises(exceptions.NotFound):
        kms.get_iam_policy({"resource": f"{ring}x"})


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_secrets(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    ring = ring_of(world)
    key = world.add_key(ring, "secrets", [Version(at=NOW - days(500))])
    used = f"{key}/cryptoKeyVersions/1"
    versions = [
        SecretVersion(at=NOW - days(300), state="DESTROYED", destroyed_at=NOW - days(200)),
        SecretVersion(at=NOW - days(200), state="DISABLED"),
        SecretVersion(at=NOW - days(20), kms_key_versions={"europe-west1": used}),
    ]
    world.add_secret(
        PROJECT,
        "database",
        versions,
        replicas={"europe-west1": key, "europe-west3": ""},
        rotation_period=days(30),
        next_rotation_at=NOW + days(10),
        expires_at=NOW + days(300),
        topics=[f"projects/{PROJECT}/topics/rotate"],
        labels={"owner": "ledger"},
        annotations={"ticket": "OPS-1"},
        aliases={"stable": 3},
    )
    world.add_secret(PROJECT, "automatic", [SecretVersion(at=NOW)], key=key)
    world.add_secret(PROJECT, "regional", [SecretVersion(at=NOW)], location="europe-west3", key=key)
    world.grant(world.by_number(f"projects/{PROJECT}/secrets/database"), "roles/owner", "allUsers")
    secrets = client(cloud, "secrets", transport)
    automatic, database = secrets.list_secrets(parent=f"projects/{PROJECT}")
    number = world.project_number(PROJECT)
    assert database.name == f"{number}/secrets/database"
    assert [replica.location for replica in database.replication.user_managed.replicas] == [
        "europe-west1",
        "europe-west3",
    ]
    assert automatic.replication.automatic.customer_managed_encryption.kms_key_name == key
    assert database.rotation.next_rotation_time == NOW + days(10)
    assert not automatic.rotation.next_rotation_time
    assert (database.expire_time, database.version_aliases) == (NOW + days(300), {"stable": 3})
    listed = list(secrets.list_secret_versions(parent=f"projects/{PROJECT}/secrets/database"))
    assert [version.state.name for version in listed] == ["ENABLED", "DISABLED", "DESTROYED"]
    replicas = listed[0].replication_status.user_managed.replicas
    assert replicas[0].customer_managed_encryption.kms_key_version_name == used
    assert secrets.get_secret_version(name=f"{database.name}/versions/latest").name == listed[0].name
    assert secrets.get_secret(name=automatic.name).name == automatic.name
    (regional,) = secrets.list_secrets(parent=f"projects/{PROJECT}/locations/europe-west3")
    assert regional.customer_managed_encryption.kms_key_name == key
    policy = secrets.get_iam_policy({"resource": database.name, "options": {"requested_policy_version": 3}})
    assert list(policy.bindings[0].members) == ["allUsers"]
    with pytest.raises(exceptions.NotFound):
        secrets.get_secret(name=f"projects/{PROJECT}/secrets/none")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_organization_folders_and_projects(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    projects, folders = client(cloud, "projects", transport), client(cloud, "folders", transport)
    (organization,) = client(cloud, "organizations", transport).search_organizations()
    assert organization.display_name == "example.com"
    (folder,) = folders.list_folders(parent=organization.name)
    (inner,) = projects.list_projects(parent=folder.name)
    (outer,) = projects.list_projects(parent=organization.name)
    assert (inner.project_id, outer.project_id) == (PROJECT, OTHER)
    assert projects.get_project(name=f"projects/{PROJECT}").name == inner.name
    assert inner.name == world.project_number(PROJECT)
    assert [found.project_id for found in projects.search_projects(query=f"parent:{folder.name}")] == [PROJECT]
    world.grant(folder.name, "roles/viewer", "domain:example.com")
    assert folders.get_iam_policy({"resource": folder.name}).bindings[0].role == "roles/viewer"
    assert not projects.get_iam_policy({"resource": f"projects/{PROJECT}"}).bindings
    with pytest.raises(exceptions.PermissionDenied if transport == "grpc" else exceptions.Forbidden):
        folders.get_folder(name="folders/1")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_inventory_of_assets(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    ring = keys_of(world, 2)
    key = f"{ring}/cryptoKeys/key-000"
    secret = world.add_secret(PROJECT, "token", [SecretVersion(at=NOW)])
    world.grant(key, "roles/owner", "user:ada@example.com", condition=("never", "false"))
    world.grant(secret, "roles/viewer", "user:ada@example.com")
    role = "organizations/123456789012/roles/keyReader"
    world.roles[role] = {"name": role, "title": "Key reader", "includedPermissions": ["cloudkms.cryptoKeys.get"]}
    assets = client(cloud, "assets", transport)
    organization = "organizations/123456789012"
    kinds = ["cloudkms.googleapis.com/CryptoKey", "secretmanager.googleapis.com/Secret", "iam.googleapis.com/Role"]
    request = {"parent": organization, "asset_types": kinds, "content_type": asset_v1.ContentType.RESOURCE}
    found = {asset.name: asset for asset in assets.list_assets(request={**request, "page_size": 2})}
    assert len(found) == 4
    asset = found[f"//cloudkms.googleapis.com/{key}"]
    assert asset.resource.data["purpose"] == "ENCRYPT_DECRYPT"
    assert asset.resource.location == "europe-west1"
    assert asset.resource.parent == f"//cloudkms.googleapis.com/{ring}"
    assert asset.ancestors[0] == world.project_number(PROJECT)
    assert asset.ancestors[-1] == organization
    assert found[f"//secretmanager.googleapis.com/{secret}"].resource.data["name"] == secret
    assert list(found[f"//iam.googleapis.com/{role}"].resource.data["includedPermissions"]) == [
        "cloudkms.cryptoKeys.get"
    ]
    request["content_type"] = asset_v1.ContentType.IAM_POLICY
    policies = {asset.name: asset.iam_policy for asset in assets.list_assets(request=request)}
    assert len(policies) == 2
    assert policies[f"//cloudkms.googleapis.com/{key}"].bindings[0].condition.expression == "false"
    searched = assets.search_all_resources(scope=f"projects/{PROJECT}", query="", asset_types=kinds[:1])
    assert [result.name for result in searched] == [
        f"//cloudkms.googleapis.com/{ring}/cryptoKeys/key-00{n}" for n in (0, 1)
    ]
    owned = assets.search_all_iam_policies(scope=organization, query="")
    assert {result.asset_type for result in owned} == set(kinds[:2])
    with pytest.raises(exceptions.PermissionDenied if transport == "grpc" else exceptions.Forbidden):
        list(assets.list_assets(parent="organizations/1"))


def test_keys_of_service_accounts(cloud: EmbeddedGoogleCloud, world: World) -> None:
    account = world.add_service_account(PROJECT, "worker")
    made = world.add_service_account_key(account, at=NOW - days(9), disabled=True)
    reader = client(cloud, "iam")
    assert [found.name for found in reader.list_service_accounts(name=f"projects/{PROJECT}")] == [account]
    found = {key.name: key for key in reader.list_service_account_keys(name=account).keys}
    assert sorted(key.key_type.name for key in found.values()) == ["SYSTEM_MANAGED", "USER_MANAGED"]
    assert (found[made].disabled, found[made].valid_before_time.year) == (True, 9999)
    with pytest.raises(exceptions.NotFound):
        reader.list_service_account_keys(name=f"projects/{PROJECT}/serviceAccounts/nobody")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_api_keys(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    made = world.add_api_key(PROJECT, "maps", at=NOW - days(9), services=["maps.example"])
    world.add_api_key(PROJECT, "gone", at=NOW - days(9), deleted_at=NOW)
    reader = client(cloud, "api-keys", transport)
    place = f"projects/{PROJECT}/locations/global"
    (found,) = reader.list_keys(parent=place)
    assert (found.name, found.key_string) == (made, "")
    assert [target.service for target in found.restrictions.api_targets] == ["maps.example"]
    assert len(list(reader.list_keys({"parent": place, "show_deleted": True}))) == 2


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_keys_protect(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    ring = keys_of(world, 2)
    key = f"{ring}/cryptoKeys/key-000"
    for n, project in enumerate((PROJECT, PROJECT, OTHER)):
        bucket = f"//storage.googleapis.com/bucket-{n}"
        world.protect(key, "storage.googleapis.com/Bucket", bucket, project=project, at=NOW)
    tracking = client(cloud, "tracking", transport)
    summary = tracking.get_protected_resources_summary(name=key)
    assert (summary.resource_count, summary.project_count) == (3, 2)
    assert summary.resource_types == {"storage.googleapis.com/Bucket": 3}
    assert tracking.get_protected_resources_summary(name=f"{ring}/cryptoKeys/key-001").resource_count == 0
    for scope, number in (("organizations/123456789012", 3), (f"projects/{PROJECT}", 2)):
        found = list(tracking.search_protected_resources(request={"scope": scope, "crypto_key": key, "page_size": 2}))
        assert len(found) == number
    assert len(list(client(cloud, "dashboard", transport).list_crypto_keys(parent=f"projects/{PROJECT}"))) == 2


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_autokey(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    ring = keys_of(world, 1)
    place = f"projects/{OTHER}/locations/europe-west1"
    handle = world.add_key_handle(
        OTHER,
        "europe-west1",
        "bucket",
        key=f"{ring}/cryptoKeys/key-000",
        resource_type="storage.googleapis.com/Bucket",
    )
    folder = next(iter(world.folders))
    name = f"{folder}/autokeyConfig"
    config = kms_v1.AutokeyConfig(name=name, key_project=f"projects/{PROJECT}", state="ACTIVE")
    world.autokey_configs[name] = kms_v1.AutokeyConfig.pb(config)
    (found,) = client(cloud, "autokey", transport).list_key_handles(parent=place)
    assert (found.name, found.kms_key) == (handle, f"{ring}/cryptoKeys/key-000")
    admin = client(cloud, "autokey-admin", transport)
    assert admin.get_autokey_config(name=name).state.name == "ACTIVE"
    assert admin.show_effective_autokey_config(parent=f"projects/{PROJECT}").key_project == f"projects/{PROJECT}"
    assert admin.show_effective_autokey_config(parent=f"projects/{OTHER}").key_project == ""


def test_numbers_of_projects_name_them_too(cloud: EmbeddedGoogleCloud, world: World) -> None:
    ring = ring_of(world)
    parent = f"{world.project_number(PROJECT)}/locations/europe-west1"
    assert [found.name for found in client(cloud, "kms").list_key_rings(parent=parent)] == [ring]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_api_that_is_switched_off(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    world.switched_off.add((PROJECT, "cloudkms.googleapis.com"))
    with pytest.raises(exceptions.Forbidden) as caught:
        list(client(cloud, "kms", transport).list_key_rings(parent=f"projects/{PROJECT}/locations/global"))
    assert caught.value.reason == "SERVICE_DISABLED"
    assert caught.value.metadata["consumer"] == world.project_number(PROJECT)
    assert list(client(cloud, "kms", transport).list_key_rings(parent=f"projects/{OTHER}/locations/global")) == []


# Faults


def asked(cloud: EmbeddedGoogleCloud, transport: str, **more: Any) -> Any:
    """The answer to one request, which the client does not repeat."""
    parent = f"projects/{PROJECT}/locations/europe-west1"
    return client(cloud, "kms", transport).list_key_rings(request={"parent": parent}, retry=None, **more)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_refusal(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    ring_of(world)
    cloud.faults = [Rule(fault=Fault.REFUSE, operation="kms:List*", project=PROJECT, location="europe-west1")]
    with pytest.raises(exceptions.Forbidden) as caught:
        asked(cloud, transport)
    assert caught.value.reason == "IAM_PERMISSION_DENIED"
    assert caught.value.metadata["permission"] == "cloudkms.keyRings.list"
    assert list(client(cloud, "kms", transport).list_key_rings(parent=f"projects/{OTHER}/locations/europe-west1")) == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_throttled_request_says_when_to_come_again(cloud: EmbeddedGoogleCloud, transport: str) -> None:
    cloud.faults = [Rule(fault=Fault.THROTTLE, calls={1}, retry_after=1.5)]
    with pytest.raises(exceptions.TooManyRequests) as caught:
        asked(cloud, transport)
    details = caught.value.details
    if transport == "grpc":
        (wait,) = (detail for detail in details if isinstance(detail, error_details_pb2.RetryInfo))
        assert wait.retry_delay.ToTimedelta() == timedelta(seconds=1.5)
    else:
        (wait,) = (detail for detail in details if detail["@type"].endswith("RetryInfo"))
        assert wait["retryDelay"] == "1.500s"
    assert list(asked(cloud, transport)) == []


BROKEN: Mapping[str, type[exceptions.GoogleAPICallError]] = {
    "INTERNAL": exceptions.InternalServerError,
    "UNAVAILABLE": exceptions.ServiceUnavailable,
    "DEADLINE_EXCEEDED": exceptions.GatewayTimeout,
    "UNIMPLEMENTED": exceptions.MethodNotImplemented,
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("code", BROKEN)
def test_a_service_that_fails(cloud: EmbeddedGoogleCloud, transport: str, code: str) -> None:
    cloud.faults = [Rule(fault=Fault.BREAK, code=code)]
    with pytest.raises(BROKEN[code]):
        asked(cloud, transport)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_expired_token(cloud: EmbeddedGoogleCloud, transport: str) -> None:
    cloud.faults = [Rule(fault=Fault.EXPIRE)]
    with pytest.raises(exceptions.Unauthorized) as caught:
        asked(cloud, transport)
    assert caught.value.reason == "ACCESS_TOKEN_EXPIRED"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_lost_page_shows_in_the_total_size(cloud: EmbeddedGoogleCloud, world: World, transport: str) -> None:
    ring = keys_of(world, 5)
    world.page_sizes = {"kms:ListCryptoKeys": 2, "kmsinventory:ListCryptoKeys": 2}
    cloud.faults = [Rule(fault=Fault.LOSE_PAGE)]
    (page,) = client(cloud, "kms", transport).list_crypto_keys(parent=ring).pages
    assert (len(page.crypto_keys), page.total_size, page.next_page_token) == (2, 5, "")
    unsized = client(cloud, "dashboard", transport).list_crypto_keys(parent=f"projects/{PROJECT}")
    assert len(list(unsized)) == 5


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.WRONG_TYPES, Fault.SURROGATES])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_undecodable_answer(cloud: EmbeddedGoogleCloud, world: World, transport: str, fault: Fault) -> None:
    for n in range(4):
        ring_of(world, f"ring-{n}")
    cloud.faults = [Rule(fault=fault)]
    if transport == "grpc":
        with pytest.raises(exceptions.InternalServerError, match="deserializing"):
            asked(cloud, transport)
    else:
        with pytest.raises(Exception, match=r"(?i)parse|json|utf|surrogate|field"):
            asked(cloud, transport)


def test_a_surrogate_stands_in_maps_and_nested_texts_too(cloud: EmbeddedGoogleCloud, world: World) -> None:
    world.add_secret(PROJECT, "token", [SecretVersion(at=NOW)], labels={"owner": "payments"})
    resources = {"parent": f"projects/{PROJECT}", "content_type": asset_v1.ContentType.RESOURCE}
    cloud.faults = [Rule(fault=Fault.SURROGATES)]
    with pytest.raises(exceptions.InternalServerError, match="deserializing"):
        client(cloud, "assets").list_assets(resources, retry=None)
    with pytest.raises(exceptions.InternalServerError, match="deserializing"):
        client(cloud, "kms").list_locations({"name": f"projects/{PROJECT}"}, retry=None)


@pytest.mark.parametrize(
    "path", ["v1/projects/example-payments/colours", "v1/projects/example-payments/secrets?hue=red"]
)
def test_a_path_that_google_does_not_have(cloud: EmbeddedGoogleCloud, path: str) -> None:
    session = Session()
    session.trust_env = False
    answer = session.get(f"https://{cloud.rest_endpoint}/{path}", verify=str(cloud.ca_file), timeout=5)
    assert answer.status_code == (400 if "?" in path else 404)


def test_even_an_empty_answer_can_be_undecodable(cloud: EmbeddedGoogleCloud) -> None:
    for fault in (Fault.CUT, Fault.WRONG_TYPES):
        cloud.faults = [Rule(fault=fault)]
        with pytest.raises(exceptions.InternalServerError, match="deserializing"):
            asked(cloud, "grpc")


def test_what_the_library_makes_of_a_broken_connection(cloud: EmbeddedGoogleCloud) -> None:
    for fault, error in (
        (Fault.HTML, exceptions.Unknown),
        (Fault.STOP, exceptions.ServiceUnavailable),
        (Fault.CLOSE, exceptions.ServiceUnavailable),
    ):
        cloud.faults = [Rule(fault=fault)]
        with pytest.raises(error):
            asked(cloud, "grpc")
        error_over_rest = exceptions.InternalServerError if fault is Fault.HTML else RequestException
        with pytest.raises(error_over_rest):
            asked(cloud, "rest")


def test_no_answer_at_all(cloud: EmbeddedGoogleCloud) -> None:
    cloud.faults = [Rule(fault=Fault.HANG)]
    started = time.monotonic()
    with pytest.raises(exceptions.DeadlineExceeded):
        asked(cloud, "grpc", timeout=0.2)
    with pytest.raises(Exception, match="timed out"):
        asked(cloud, "rest", timeout=0.2)
    assert time.monotonic() - started < 5


def test_a_plan_can_be_a_function(cloud: EmbeddedGoogleCloud) -> None:
    def first_of_each(request: Request) -> Rule | None:
        return Rule(fault=Fault.THROTTLE) if cloud.requests[request.name] == 1 else None

    cloud.faults = first_of_each
    with pytest.raises(exceptions.ResourceExhausted):
        asked(cloud, "grpc")
    assert list(asked(cloud, "grpc")) == []


def test_requests_are_counted_and_wait(cloud: EmbeddedGoogleCloud) -> None:
    cloud.latency = 0.05
    started = time.monotonic()
    asked(cloud, "grpc")
    assert time.monotonic() - started >= 0.05
    cloud.faults = [Rule(fault=Fault.REFUSE)]
    with pytest.raises(exceptions.PermissionDenied):
        asked(cloud, "grpc")
    assert cloud.requests == {"kms:ListKeyRings": 2}
    assert cloud.calls[0].subject == f"projects/{PROJECT}/locations/europe-west1"
