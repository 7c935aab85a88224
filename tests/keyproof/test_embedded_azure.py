"""The embedded Azure, as Microsoft's own clients see it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    IncompleteReadError,
    ResourceNotFoundError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.identity import DefaultAzureCredential
from azure.keyvault.administration import KeyVaultAccessControlClient, KeyVaultSettingsClient
from azure.keyvault.certificates import CertificateClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.secrets import SecretClient
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions
from azure.mgmt.subscription import SubscriptionClient
from hostile import hostile_texts
from hostile_azure import SUBSCRIPTION, hostile_world
from small_azure import ANNA, CLIENT, MAIN, OTHER, PARTNER_TENANT, TENANT, served, small_world

from collectors.x509 import logged_publicly, read_certificate
from keyproof.demo.azure import shapes, wire
from keyproof.demo.azure.embedded import CHALLENGE, OPERATIONS, EmbeddedAzure
from keyproof.demo.azure.faults import Rule
from keyproof.demo.azure.roles import BUILT_IN, LOCAL
from keyproof.demo.azure.world import Key, Store, Version, World
from keyproof.demo.faults import Fault
from keyproof.demo.names import days

ARM_SCOPE = "https://management.azure.com/.default"


class Clients:
    """Microsoft's clients of a served world, none of which tries anything twice unless it is told to."""

    def __init__(self, azure: EmbeddedAzure, *, retries: int = 0, timeout: float = 10) -> None:
        self.azure = azure
        self.options: dict[str, Any] = {
            "connection_verify": azure.ca_file,
            "retry_total": retries,
            "retry_backoff_factor": 0,
            "read_timeout": timeout,
        }
        self.credential = DefaultAzureCredential(disable_instance_discovery=True, **self.options)

    def management(self, client: Callable[..., Any], *arguments: str) -> Any:
        scopes = {"base_url": self.azure.url, "credential_scopes": [ARM_SCOPE]}
        return client(self.credential, *arguments, **scopes, **self.options)

    def vaults(self, subscription: str = MAIN) -> Any:
        return self.management(KeyVaultManagementClient, subscription)

    def data(self, client: Callable[..., Any], store: str = "small-main") -> Any:
        url = self.azure.world.addresses[store]
        return client(url, self.credential, verify_challenge_resource=False, **self.options)

    def get(self, path: str, store: str = "", *, scope: str = "", **query: str) -> requests.Response:
        """The text itself, with a token for the store or for another scope."""
        world = self.azure.world
        of = world.stores[store] if store else None
        token = self.credential.get_token(scope or f"{world.audience(of)}/.default").token
        headers = {"Authorization": f"Bearer {token}"}
        url = world.addresses[store] + path
        asked = {"api-version": "2025-07-01", **query}
        return requests.get(url, asked, headers=headers, verify=self.azure.ca_file, timeout=10)


@pytest.fixture
def clients() -> Iterator[Clients]:
    with served() as azure:
        yield Clients(azure)


def test_subscriptions_come_page_by_page(clients: Clients) -> None:
    found = list(clients.management(SubscriptionClient).subscriptions.list())
    assert [(one.subscription_id, one.display_name) for one in found] == [
        (MAIN, "example-main"),
        (OTHER, "example-other"),
    ]
    assert clients.azure.requests["arm:Subscriptions_List"] == 2
    assert clients.management(SubscriptionClient).subscriptions.get(MAIN).state == "Enabled"


def test_a_vault_tells_how_it_is_protected(clients: Clients) -> None:
    (vault,) = clients.vaults().vaults.list_by_subscription()
    properties = vault.properties
    assert clients.azure.requests["arm:Vaults_ListBySubscription"] == 2, "the first page is empty"
    assert (vault.name, vault.location, properties.sku.name) == ("small-main", "westeurope", "premium")
    assert properties.vault_uri == clients.azure.world.addresses["small-main"] + "/"
    assert (properties.enable_rbac_authorization, properties.enable_purge_protection) == (True, True)
    assert (properties.network_acls.default_action, properties.network_acls.ip_rules[0].value) == (
        "Deny",
        "198.51.100.0/24",
    )
    assert properties.private_endpoint_connections is None
    assert clients.vaults().vaults.get("app", "small-main").as_dict() == vault.as_dict()


def test_access_policies_keep_their_tenants(clients: Clients) -> None:
    (vault,) = clients.vaults(OTHER).vaults.list_by_subscription()
    first, _, last = vault.properties.access_policies
    assert vault.properties.enable_purge_protection is None, "what was never switched on is not told"
    assert (first.object_id, first.permissions.keys_property) == (ANNA, ["all"])
    assert (first.tenant_id, last.tenant_id) == (TENANT, PARTNER_TENANT)


def test_deleted_vaults_tell_when_they_will_be_purged(clients: Clients) -> None:
    (gone,) = clients.vaults().vaults.list_deleted()
    assert gone.properties.vault_id.endswith("/vaults/small-gone")
    assert (gone.properties.scheduled_purge_date - gone.properties.deletion_date).days == 90
    assert clients.vaults().vaults.get_deleted("small-gone", "westeurope").as_dict() == gone.as_dict()
    with pytest.raises(ResourceNotFoundError):
        clients.vaults().vaults.get("app", "small-gone")


def test_a_managed_hsm_tells_of_its_security_domain_and_regions(clients: Clients) -> None:
    (hsm,) = clients.vaults().managed_hsms.list_by_subscription()
    assert (hsm.sku.name, hsm.properties.security_domain_properties.activation_status) == ("Standard_B1", "Active")
    regions = clients.vaults().mhsm_regions.list_by_resource("app", "small-hsm")
    assert [(one.name, one.is_primary) for one in regions] == [("westeurope", True), ("northeurope", False)]
    assert list(clients.vaults().managed_hsms.list_deleted()) == []


def test_keys_are_read_back(clients: Clients) -> None:
    client = clients.data(KeyClient)
    listed = {key.name: key for key in client.list_properties_of_keys()}
    assert len(listed) == 12, "two of them belong to certificates, one is deleted"
    assert clients.azure.requests["keys:GetKeys"] == 4
    assert listed["gateway"].managed
    assert listed["expired"].expires_on == clients.azure.world.now - days(20)
    assert not listed["disabled"].enabled
    assert listed["early"].not_before == clients.azure.world.now + days(20)
    assert (listed["strong"].recoverable_days, listed["strong"].recovery_level) == (90, "Recoverable")
    rotated = client.get_key("rotated")
    assert rotated.id.startswith("https://small-main.vault.azure.net/keys/rotated/")
    assert (rotated.key_type, len(rotated.key.n), rotated.properties.tags["purpose"]) == ("RSA", 256, "cards")
    assert (client.get_key("signing").key.crv, len(client.get_key("signing").key.x)) == ("P-256", 32)
    assert len(client.get_key("strong").key.n) == 512


def test_versions_are_read_back(clients: Clients) -> None:
    client = clients.data(KeyClient)
    found = list(client.list_properties_of_key_versions("rotated"))
    assert clients.azure.requests["keys:GetKeyVersions"] == 2
    assert sorted((clients.azure.world.now - one.created_on).days for one in found) == [300, 700, 900]
    oldest = min(found, key=lambda one: one.created_on)
    assert client.get_key("rotated", oldest.version).properties.created_on == oldest.created_on
    assert client.get_key("rotated").properties.version != oldest.version


@pytest.mark.parametrize(
    ("name", "expected", "expiry"),
    [
        ("rotated", [("Rotate", "P12M", None)], "P2Y"),
        ("before-expiry", [("Rotate", None, "P30D")], "P1Y"),
        ("notice-only", [("Notify", None, "P30D")], None),
        ("never-rotated", [], None),
    ],
)
def test_rotation_policies_are_read_back(clients: Clients, name: str, expected: Any, expiry: str | None) -> None:
    policy = clients.data(KeyClient).get_key_rotation_policy(name)
    found = [(one.action, one.time_after_create, one.time_before_expiry) for one in policy.lifetime_actions]
    assert (found, policy.expires_in) == (expected, expiry)


def test_a_key_without_a_rotation_policy_has_not_even_its_id(clients: Clients) -> None:
    assert clients.get("/keys/never-rotated/rotationpolicy", "small-main").json() == {"attributes": None}
    described = clients.vaults().keys.get("app", "small-main", "never-rotated")
    assert described.properties.rotation_policy is None


def test_management_tells_a_rotation_policy_without_the_data_plane(clients: Clients) -> None:
    listed = {key.name: key for key in clients.vaults().keys.list("app", "small-main")}
    assert (listed["rotated"].properties.kty, listed["rotated"].properties.rotation_policy) == (None, None)
    key = clients.vaults().keys.get("app", "small-main", "rotated").properties
    assert (key.kty, key.key_size, key.key_uri) == (
        "RSA",
        2048,
        "https://small-main.vault.azure.net:443/keys/rotated",
    )
    (action,) = key.rotation_policy.lifetime_actions
    assert (action.action.type, action.trigger.time_after_create) == ("rotate", "P12M")
    assert len(list(clients.vaults().keys.list_versions("app", "small-main", "rotated"))) == 3
    assert {one.name for one in clients.vaults().secrets.list("app", "small-main")} >= {"api", "db-main"}
    assert clients.azure.requests[CHALLENGE] == 0


def test_an_exportable_key_has_its_release_policy(clients: Clients) -> None:
    key = clients.data(KeyClient).get_key("released")
    assert key.properties.exportable
    assert b"sevsnpvm" in key.properties.release_policy.encoded_policy
    assert not clients.data(KeyClient).get_key("strong").properties.exportable


def test_post_quantum_keys_have_plain_names(clients: Clients) -> None:
    key = clients.data(KeyClient, "small-hsm").get_key("firmware")
    assert key.key_type == "AKP-HSM"
    text = clients.get("/keys/firmware", "small-hsm").json()["key"]
    assert text["alg"] == "ML-DSA-65"
    assert len(base64.urlsafe_b64decode(text["pub"] + "==")) == 1952


def test_only_some_keys_are_attested(clients: Clients) -> None:
    client = clients.data(KeyClient, "small-hsm")
    assert client.get_key_attestation("root").properties.attestation.private_key_attestation
    with pytest.raises(HttpResponseError) as refused:
        clients.data(KeyClient).get_key_attestation("never-rotated")
    assert refused.value.status_code == 400


def test_deleted_keys_wait_for_their_purge(clients: Clients) -> None:
    ending, retired = clients.data(KeyClient).list_deleted_keys()
    assert (ending.name, retired.name) == ("ending", "retired"), "one of them went with its certificate"
    assert (ending.scheduled_purge_date - ending.deleted_date).days == 90
    assert clients.data(KeyClient).get_deleted_key("ending").recovery_id == ending.recovery_id
    with pytest.raises(ResourceNotFoundError):
        clients.data(KeyClient).get_key("ending")


def test_secrets_are_read_back_but_for_their_values(clients: Clients) -> None:
    client = clients.data(SecretClient)
    listed = {one.name: one for one in client.list_properties_of_secrets()}
    assert set(listed) == {"api", "db-main", "gateway", "internal", "past"}
    assert clients.azure.requests["secrets:GetSecrets"] == 4
    assert listed["db-main"].content_type == "text/plain"
    assert (listed["past"].expires_on, listed["api"].expires_on) == (clients.azure.world.now - days(10), None)
    assert len(list(client.list_properties_of_secret_versions("db-main"))) == 2
    assert [one.name for one in client.list_deleted_secrets()] == ["dropped", "retired"]
    with pytest.raises(HttpResponseError, match="not authorized"):
        client.get_secret("api")
    assert clients.azure.requests["secrets:GetSecret"] == 1


def test_certificates_are_read_back(clients: Clients) -> None:
    client = clients.data(CertificateClient)
    assert [one.name for one in client.list_properties_of_certificates()] == ["gateway", "internal"]
    assert len(list(client.list_properties_of_certificate_versions("gateway"))) == 2
    gateway = client.get_certificate("gateway")
    assert (gateway.policy.issuer_name, gateway.policy.subject, gateway.policy.key_size) == (
        "DigiCert",
        "CN=gateway.example.com",
        2048,
    )
    assert gateway.policy.lifetime_actions[0].action == "AutoRenew"
    content = {name: bytes(client.get_certificate(name).cer) for name in ("gateway", "internal")}
    read = {name: read_certificate(made) for name, made in content.items()}
    assert {name: facts.issuer == facts.subject for name, facts in read.items()} == {"gateway": False, "internal": True}
    assert {name: logged_publicly(made) for name, made in content.items()} == {"gateway": True, "internal": False}
    assert gateway.key_id.rpartition("/")[2] == gateway.properties.version
    assert clients.data(KeyClient).get_key("gateway", gateway.properties.version).properties.managed
    policy = client.get_certificate_policy("internal")
    assert (policy.key_curve_name, policy.exportable, policy.lifetime_actions[0].action) == (
        "P-384",
        False,
        "EmailContacts",
    )
    assert [one.name for one in client.list_deleted_certificates()] == ["retired"]
    assert [one.name for one in client.list_properties_of_issuers()] == ["DigiCert"]


def test_role_assignments_hold_at_a_scope_and_below(clients: Clients) -> None:
    client = clients.management(AuthorizationManagementClient, MAIN)
    everything = list(client.role_assignments.list_for_scope(f"/subscriptions/{MAIN}"))
    above = list(client.role_assignments.list_for_scope(f"/subscriptions/{MAIN}", filter="atScope()"))
    assert (len(everything), len(above)) == (9, 4)
    assert clients.azure.requests["arm:RoleAssignments_ListForScope"] == 5
    on_key = next(one for one in everything if one.scope.endswith("/keys/rotated"))
    assert on_key.role_definition_id.endswith("/12338af0-0e69-4776-bea7-57ae8d297424")
    assert {one.principal_type for one in everything} == {"User", "Group", "ServicePrincipal", "ForeignGroup"}
    assert [one.condition_version for one in everything if one.condition] == ["2.0"]
    assert list(client.deny_assignments.list_for_scope(f"/subscriptions/{MAIN}")) == []


def test_role_definitions_tell_their_permissions(clients: Clients) -> None:
    client = clients.management(AuthorizationManagementClient, MAIN)
    defined = {role.name: role for role in client.role_definitions.list(f"/subscriptions/{MAIN}")}
    assert set(defined) > {role.id for role in BUILT_IN}
    officer = defined["14b46e9e-c2b7-41b4-b07b-48a6ebf60603"]
    assert "Microsoft.KeyVault/vaults/keys/*" in officer.permissions[0].data_actions
    (custom,) = client.role_definitions.list(f"/subscriptions/{MAIN}", filter="type eq 'CustomRole'")
    assert (custom.role_name, custom.role_type) == ("Key Janitor", "CustomRole")
    assert client.role_definitions.get(f"/subscriptions/{MAIN}", custom.name).id == custom.id
    assert list(client.role_definitions.list(f"/subscriptions/{OTHER}", filter="type eq 'CustomRole'")) == []


def test_a_managed_hsm_has_roles_and_settings_of_its_own(clients: Clients) -> None:
    access = clients.data(KeyVaultAccessControlClient, "small-hsm")
    assert len(list(access.list_role_assignments("/"))) == 4
    on_keys = [one.properties.scope for one in access.list_role_assignments("/keys")]
    assert on_keys == ["/", "/", "/keys", "/keys/master"]
    defined = {role.id: role.role_name for role in access.list_role_definitions("/")}
    assert set(defined.values()) == {role.name for role in LOCAL}
    assert {one.properties.role_definition_id for one in access.list_role_assignments("/")} < set(defined)
    (setting,) = clients.data(KeyVaultSettingsClient, "small-hsm").list_settings()
    assert (setting.name, setting.getboolean()) == ("AllowKeyManagementOperationsThroughARM", True)


def test_a_managed_hsm_may_reach_an_external_key_manager(clients: Clients) -> None:
    connection = clients.get("/ekm", "small-hsm", **{"api-version": "2026-04-01"}).json()
    assert connection["host"] == "ekm.example.com"
    clients.azure.world.stores["small-hsm"].external_key_manager = ""
    assert clients.get("/ekm", "small-hsm").status_code == 404
    assert clients.get("/ekm", "small-main").status_code == 404


def test_versions_are_told_apart_however_many_there_are(clients: Clients) -> None:
    vault, now = clients.azure.world.stores["small-legacy"], clients.azure.world.now
    clients.azure.world.page_sizes = {}
    vault.add_key(Key(name="busy", versions=[Version(at=now)] * 600))
    found = list(clients.data(KeyClient, "small-legacy").list_properties_of_key_versions("busy"))
    assert len({one.version for one in found}) == 600
    assert clients.azure.requests["keys:GetKeyVersions"] == 24
    last = clients.data(KeyClient, "small-legacy").get_key("busy", found[-1].version)
    assert last.properties.version == found[-1].version


def test_management_is_told_of_an_hsms_keys_only_where_a_setting_allows_it(clients: Clients) -> None:
    (key,) = (one for one in clients.vaults().managed_hsm_keys.list("app", "small-hsm") if one.name == "master")
    assert clients.vaults().managed_hsm_keys.get("app", "small-hsm", key.name).properties.key_size == 256
    clients.azure.world.stores["small-hsm"].settings = {}
    with pytest.raises(HttpResponseError) as refused:
        list(clients.vaults().managed_hsm_keys.list("app", "small-hsm"))
    assert refused.value.status_code == 403


def test_diagnostic_settings_are_listed(clients: Clients) -> None:
    store = clients.azure.world.stores["small-hsm"]
    listed = clients.get(f"{store.id}/providers/Microsoft.Insights/diagnosticSettings").json()["value"]
    assert listed[0]["properties"]["logs"] == [
        {"category": "AuditEvent", "enabled": True, "retentionPolicy": {"enabled": True, "days": 400}}
    ]
    legacy = clients.azure.world.stores["small-legacy"]
    assert clients.get(f"{legacy.id}/providers/Microsoft.Insights/diagnosticSettings").json() == {"value": []}


def test_the_graph_answers_simple_queries(clients: Clients) -> None:
    client = clients.management(ResourceGraphClient)
    query = "Resources | where type in~ ('microsoft.keyvault/vaults') | project id, name | order by name desc"
    first = client.resources(QueryRequest(query=query))
    assert (first.total_records, first.result_truncated, first.data[0]["name"]) == (2, "true", "small-main")
    options = QueryRequestOptions(skip_token=first.skip_token)
    second = client.resources(QueryRequest(query=query, options=options))
    assert (second.result_truncated, second.data[0]["name"]) == ("false", "small-legacy")
    with pytest.raises(HttpResponseError) as refused:
        client.resources(QueryRequest(query="resources | evaluate everything"))
    assert refused.value.status_code == 400


def test_the_data_plane_says_where_to_get_a_token(clients: Clients) -> None:
    url = clients.azure.world.addresses["small-hsm"] + "/keys?api-version=7.4"
    answer = requests.get(url, verify=clients.azure.ca_file, timeout=5)
    authority = f"{clients.azure.url}/{TENANT}"
    challenge = f'Bearer authorization="{authority}", resource="https://managedhsm.azure.net"'
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, challenge)
    assert clients.azure.requests == {CHALLENGE: 1}


@pytest.mark.parametrize(
    ("store", "scope", "code"),
    [
        ("small-main", ARM_SCOPE, "Unauthorized"),
        ("small-main", "https://managedhsm.azure.net/.default", "Unauthorized"),
        ("", "https://vault.azure.net/.default", "InvalidAuthenticationTokenAudience"),
    ],
)
def test_a_token_is_good_for_its_audience_only(clients: Clients, store: str, scope: str, code: str) -> None:
    answer = clients.get("/keys" if store else "/subscriptions", store, scope=scope)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


def test_a_token_is_not_made_up(clients: Clients) -> None:
    headers = {"Authorization": "Bearer e30.e30.AAAA"}
    url = clients.azure.url + "/subscriptions?api-version=2021-01-01"
    assert requests.get(url, headers=headers, verify=clients.azure.ca_file, timeout=5).status_code == 401


def test_only_the_worlds_applications_get_tokens(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        list(Clients(clients.azure).vaults().vaults.list_by_subscription())
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT[::-1])
    with pytest.raises(ClientAuthenticationError, match="AADSTS700016"):
        list(Clients(clients.azure).vaults().vaults.list_by_subscription())


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"api-version": ""}, "MissingApiVersionParameter"),
        ({"api-version": "newest"}, "InvalidApiVersionParameter"),
        ({"maxresults": "26"}, "BadParameter"),
        ({"$skiptoken": "AAAA"}, "BadParameter"),
    ],
)
def test_wrong_parameters_are_refused(clients: Clients, query: dict[str, str], code: str) -> None:
    answer = clients.get("/keys", "small-main", **query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_a_page_of_the_data_plane_has_25_entries() -> None:
    world = small_world()
    world.page_sizes, world.empty_pages = {}, set()
    vault = world.stores["small-legacy"]
    for number in range(70):
        vault.add_key(Key(name=f"key-{number}", versions=[Version(at=world.now)]))
    with served(world=world) as azure:
        assert len(list(Clients(azure).data(KeyClient, "small-legacy").list_properties_of_keys())) == 72
        assert azure.requests["keys:GetKeys"] == 3


def test_a_private_vault_refuses_its_data_plane_and_tells_of_itself_elsewhere() -> None:
    world = small_world()
    world.stores["small-main"].public = False
    with served(world=world) as azure:
        clients = Clients(azure)
        with pytest.raises(HttpResponseError) as refused:
            clients.data(KeyClient).get_key("rotated")
        assert refused.value.status_code == 403
        assert refused.value.error.innererror["code"] == "ForbiddenByConnection"
        assert clients.vaults().keys.get("app", "small-main", "rotated").properties.rotation_policy
        (vault,) = clients.vaults().vaults.list_by_subscription()
        assert vault.properties.public_network_access == "Disabled"


@pytest.mark.parametrize(
    ("store", "inner", "permission"),
    [
        ("small-main", "ForbiddenByRbac", "Microsoft.KeyVault/vaults/keys/read"),
        ("small-legacy", "ForbiddenByPolicy", "does not have keys list permission"),
        ("small-hsm", "AccessDenied", "Microsoft.KeyVault/managedHsm/keys/read/action"),
    ],
)
def test_each_kind_of_access_control_refuses_in_its_own_words(store: str, inner: str, permission: str) -> None:
    with served([Rule(fault=Fault.REFUSE, operation="keys:*")]) as azure:
        with pytest.raises(HttpResponseError) as refused:
            list(Clients(azure).data(KeyClient, store).list_properties_of_keys())
        assert refused.value.error.innererror["code"] == inner
        assert permission in refused.value.error.message


def _of_keys(clients: Clients) -> list[Any]:
    return list(clients.data(KeyClient).list_properties_of_keys())


def _of_vaults(clients: Clients) -> list[Any]:
    return list(clients.vaults().vaults.list_by_subscription())


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        (Fault.REFUSE, HttpResponseError, 403),
        (Fault.THROTTLE, HttpResponseError, 429),
        (Fault.BREAK, HttpResponseError, 500),
        (Fault.EXPIRE, ClientAuthenticationError, 401),
        (Fault.LOSE_PAGE, HttpResponseError, 400),
        (Fault.HTML, HttpResponseError, 500),
        (Fault.CUT, DecodeError, 200),
    ],
)
@pytest.mark.parametrize(("ask", "operation"), [(_of_keys, "keys:GetKeys"), (_of_vaults, "arm:Vaults_List*")])
def test_a_fault_comes_out_of_the_client(
    ask: Callable[[Clients], Any], operation: str, fault: Fault, error: type[HttpResponseError], status: int
) -> None:
    with served([Rule(fault=fault, operation=operation)]) as azure:
        with pytest.raises(error) as raised:
            ask(Clients(azure))
        assert raised.value.status_code == status
        if fault is Fault.THROTTLE:
            assert raised.value.response is not None
            assert raised.value.response.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.STOP, IncompleteReadError),
        (Fault.CLOSE, ServiceResponseError),
        (Fault.HANG, ServiceResponseTimeoutError),
    ],
)
def test_a_broken_connection_comes_out_of_the_client(fault: Fault, error: type[Exception]) -> None:
    with served([Rule(fault=fault, operation="keys:GetKeys")]) as azure, pytest.raises(error):
        _of_keys(Clients(azure, timeout=0.5))


def test_wrong_types_are_of_another_type_each() -> None:
    with served([Rule(fault=Fault.WRONG_TYPES, operation="keys:GetKey")]) as azure:
        answer = Clients(azure).get("/keys/rotated", "small-main").json()
        assert isinstance(answer["key"]["kty"], dict)
        assert isinstance(answer["attributes"]["created"], list)


def test_lone_surrogates_arrive() -> None:
    with served([Rule(fault=Fault.SURROGATES, operation="keys:GetKey")]) as azure:
        kind = ascii(Clients(azure).get("/keys/rotated", "small-main").json()["key"]["kty"])
        assert kind == r"'\ud800RSA'"


def test_a_graph_that_loses_its_token_still_says_that_there_is_more() -> None:
    with served([Rule(fault=Fault.LOSE_PAGE, operation="graph:Resources")]) as azure:
        answer = Clients(azure).management(ResourceGraphClient).resources(QueryRequest(query="resources"))
        assert (answer.result_truncated, answer.skip_token) == ("true", None)


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.BREAK, Fault.CLOSE])
def test_the_clients_own_retry_recovers(fault: Fault) -> None:
    with served([Rule(fault=fault, operation="keys:GetKeys", calls={1}, retry_after=0)]) as azure:
        assert len(_of_keys(Clients(azure, retries=2))) == 12
        assert azure.requests["keys:GetKeys"] == 5


def test_a_refused_application_gets_no_token() -> None:
    refused = pytest.raises(ClientAuthenticationError, match="AADSTS7000215")
    with served([Rule(fault=Fault.REFUSE, operation="entra:GetToken")]) as azure, refused:
        _of_keys(Clients(azure))


def test_rules_are_for_stores_subscriptions_and_subjects() -> None:
    rules = [
        Rule(fault=Fault.REFUSE, store="small-legacy"),
        Rule(fault=Fault.REFUSE, operation="arm:*", subscription=OTHER),
        Rule(fault=Fault.REFUSE, operation="keys:GetKey", subject="/keys/expired"),
    ]
    with served(rules) as azure:
        clients = Clients(azure)
        assert clients.data(KeyClient).get_key("rotated")
        for ask in (
            lambda: clients.data(KeyClient).get_key("expired"),
            lambda: clients.data(KeyClient, "small-legacy").get_key("coin"),
            lambda: list(clients.vaults(OTHER).vaults.list_by_subscription()),
        ):
            with pytest.raises(HttpResponseError) as refused:
                ask()
            assert refused.value.status_code == 403
        assert _of_vaults(clients)


def test_an_answer_cannot_be_invented() -> None:
    bundle = shapes.model("keys:KeyBundle")
    shapes.check(bundle, {"key": {"kty": "RSA", "key_ops": ["sign"]}, "attributes": {"created": 1}}, "ok")
    for invented in (
        {"keys": {}},
        {"key": {"kty": 5}},
        {"key": {"key_ops": "sign"}},
        {"attributes": {"created": "2026-06-30"}},
        {"attributes": {"enabled": 1}},
        {"tags": {"owner": 7}},
        [],
    ):
        with pytest.raises(shapes.InventedAnswer):
            shapes.check(bundle, invented, "keys:GetKey")
    with pytest.raises(shapes.InventedAnswer):
        shapes.check(shapes.model("authorization:RoleAssignment"), {"properties": {"role": "x"}}, "arm")


def test_what_is_routed_is_answered() -> None:
    routed = {name for _, _, name in (*wire.MANAGEMENT, *wire.DATA)}
    assert routed == set(OPERATIONS)


def test_the_same_world_answers_with_the_same_bytes() -> None:
    def read() -> list[object]:
        with served() as azure:
            clients = Clients(azure)
            paths = ("/keys/rotated", "/certificates/gateway", "/deletedkeys/ending", "/secrets/db-main/versions")
            answers = [clients.get(path, "small-main") for path in paths]
            texts = [answer.text.split('"nextLink"')[0] for answer in answers]
            return [*texts, *(answer.headers["x-ms-request-id"] for answer in answers)]

    assert read() == read()


def test_sovereign_clouds_have_names_of_their_own() -> None:
    world = World(small_world().now, cloud="AzureUSGovernment", tenant=TENANT)
    world.clients[CLIENT] = ANNA
    vault = world.add_store(Store(name="gov", subscription=MAIN, group="app", created_at=world.now))
    vault.add_key(Key(name="key", versions=[Version(at=world.now)]))
    with served(world=world) as azure:
        key = Clients(azure).data(KeyClient, "gov").get_key("key")
        assert key.id.startswith("https://gov.vault.usgovcloudapi.net/keys/key/")
        assert azure.source("gov")["cloud"] == "AzureUSGovernment"


def test_a_hostile_world_is_served_as_it_is(tmp_path: Path) -> None:
    texts = hostile_texts("http://127.0.0.1:9", tmp_path / "secret")
    world = hostile_world(texts, "https://127.0.0.1:9")
    world.page_sizes.clear()
    with served(world=world) as azure:
        clients = Clients(azure)
        vaults = clients.get(f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault/vaults").json()["value"]
        assert {vault["name"] for vault in vaults} >= {texts["path"], "hostile", "elsewhere"}
        elsewhere = next(vault for vault in vaults if vault["name"] == "elsewhere")
        assert elsewhere["properties"]["vaultUri"] == "https://127.0.0.1:9/"
        found: list[Any] = []
        answer = clients.get("/keys", "hostile").json()
        while answer["nextLink"]:
            path, _, query = answer["nextLink"].partition("?")
            answer = clients.get("/keys", "hostile", **dict(parse_qsl(query))).json()
            found += answer["value"]
        assert len(found) > 100
        for path in ("/secrets", "/certificates", "/keys/duration-0/rotationpolicy", "/keys/time-1"):
            assert clients.get(path, "hostile").status_code == 200
        for kind in ("roleAssignments", "roleDefinitions"):
            place = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/{kind}"
            assert clients.get(place).status_code == 200
            assert clients.get(f"/providers/Microsoft.Authorization/{kind}", "hostile-hsm").status_code == 200
        assert clients.get("/ekm", "hostile-hsm").status_code == 200
