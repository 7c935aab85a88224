"""The collect half against an Azure over HTTPS: what is asked, what is recorded, and what is never sent."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from collected import Collected
from small_azure import MAIN, NOW, OTHER, TENANT, served, small_world

from collectors.azure.collect import AzureCollector
from collectors.azure.configuration import AzureConfiguration
from collectors.azure.credentials import LARGEST_ANSWER, ambient_seat
from collectors.azure.operations import OPERATIONS
from collectors.azure.paging import pages
from collectors.azure.routes import ROUTES
from collectors.azure.wire import _Guard
from collectors.paging import MOST_PAGES
from collectors.source import CredentialError, UndeclaredOperation
from evidence.observation import Observation, Status, body_digest
from evidence.recording import scope_files
from keyproof.collection import Collection
from keyproof.demo.azure.embedded import CHALLENGE, EmbeddedAzure
from keyproof.demo.azure.faults import Rule
from keyproof.demo.azure.wire import AzureError, Request
from keyproof.demo.azure.world import Key, Store, Subscription, Version, World
from keyproof.demo.faults import Fault
from keyproof.demo.http import HttpResponse
from keyproof.demo.names import days

TENANT_SCOPE = f"prod/{TENANT}/global/tenant"
VAULT = f"prod/{MAIN}/vault/small-main"
LEGACY = f"prod/{OTHER}/vault/small-legacy"
HSM = f"prod/{MAIN}/managedhsm/small-hsm"
WITHOUT_OBSERVATION = ("entra:", CHALLENGE)
"""Requests by which the SDK gets its tokens."""


def _configuration(azure: EmbeddedAzure, **table: Any) -> AzureConfiguration:
    table = {**azure.source("prod"), "attempts": 1, "timeout_seconds": 5, **table}
    del table["type"]
    return AzureConfiguration.model_validate(table)


def _collect(azure: EmbeddedAzure, folder: Path, *, sample: int | None = None, **table: Any) -> Collected:
    collector = AzureCollector(_configuration(azure, **table), sample)
    return Collected(folder, Collection(folder, {"azure": OPERATIONS}, concurrency=4).run(collector.start()))


def _asked(azure: EmbeddedAzure) -> Counter[str]:
    return Counter({n: count for n, count in azure.requests.items() if not n.startswith(WITHOUT_OBSERVATION)})


def _faulty(folder: Path, *rules: Rule, **table: Any) -> Collected:
    with served(rules) as azure:
        return _collect(azure, folder, **table)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Collected, Counter[str]]:
    """A collection that nothing disturbed, and how often Azure was asked what."""
    with served() as azure:
        return _collect(azure, tmp_path_factory.mktemp("clean")), _asked(azure)


def test_scopes_say_whose_they_are(clean: tuple[Collected, Counter[str]]) -> None:
    collected, _ = clean
    subscriptions = {f"prod/{id}/global/{service}" for id in (MAIN, OTHER) for service in ("subscription", "storage")}
    assert set(collected.scopes) == {TENANT_SCOPE, *subscriptions, VAULT, LEGACY, HSM}
    header = collected.headers[VAULT]
    assert (header.account, header.region, header.service, header.type) == (MAIN, "westeurope", "vault", "azure")
    assert (header.account_name, header.organization) == ("example-main", TENANT)
    assert header.identity
    assert {o.identity for o in collected.observations} == {header.identity}


def test_every_exchange_is_recorded_once_and_whole(clean: tuple[Collected, Counter[str]]) -> None:
    collected, requests = clean
    assert Counter(o.operation for o in collected.observations) == requests
    assert collected.statuses() == {Status.OK}
    assert len({o.id for o in collected.observations}) == len(collected.observations)
    for observation in collected.observations:
        assert observation.sha256 == body_digest(observation.body)
        assert isinstance(json.loads(observation.body), dict)
        assert observation.request_id
        assert observation.attempts == 1


def test_the_body_is_the_text_of_the_wire(clean: tuple[Collected, Counter[str]]) -> None:
    """A key type that the SDK does not know, and a policy that says nothing, come through as they are."""
    collected, _ = clean
    bodies = [o.body for o in collected.observations]
    assert any('"kty":"AKP-HSM"' in body and '"alg":"ML-DSA-65"' in body for body in bodies)
    assert '{"attributes":null}' in {o.body for o in collected.of("keys:GetKeyRotationPolicy")}


def test_empty_pages_are_followed_and_each_stands_alone(clean: tuple[Collected, Counter[str]]) -> None:
    collected, _ = clean
    listed = collected.of("keys:GetKeys", VAULT)
    assert json.loads(listed[0].body)["value"] == []
    links = [json.loads(page.body).get("nextLink") for page in listed]
    assert [page.parameters.get("nextLink") for page in listed] == [None, *links[:-1]]
    assert links[-1] is None
    assert sum(len(json.loads(page.body)["value"]) for page in listed) == 12


def test_one_subject_stands_together_and_the_lists_stand_first(clean: tuple[Collected, Counter[str]]) -> None:
    collected, _ = clean
    for observations in collected.scopes.values():
        order = [o.subject for o in observations]
        runs = [subject for at, subject in enumerate(order) if at == 0 or order[at - 1] != subject]
        assert len(runs) == len(set(runs))
        assert runs[0] == ""


def test_three_requests_tell_a_key_besides_further_pages(clean: tuple[Collected, Counter[str]]) -> None:
    collected, _ = clean
    asked: dict[str, list[str]] = {}
    for scope in (VAULT, LEGACY, HSM):
        for observation in collected.scopes[scope]:
            if "/keys/" in observation.subject and "nextLink" not in observation.parameters:
                asked.setdefault(observation.subject, []).append(observation.operation)
    assert len(asked) == 20
    assert max(len(operations) for operations in asked.values()) == 3
    managed = asked["https://small-main.vault.azure.net/keys/gateway"]
    assert "keys:GetKeyRotationPolicy" not in managed, "the certificate renews it"
    assert asked["https://small-main.vault.azure.net/keys/ending"] == ["keys:GetDeletedKey"]


def test_only_roles_that_are_not_known_are_asked_for(clean: tuple[Collected, Counter[str]]) -> None:
    collected, _ = clean
    for observation in collected.of("arm:RoleDefinitions_Get"):
        assert json.loads(observation.body)["properties"]["roleName"] == "Key Janitor"


def test_secrets_give_metadata_only(clean: tuple[Collected, Counter[str]]) -> None:
    collected, requests = clean
    assert len({o.subject for o in collected.of("secrets:GetSecretVersions")}) == 6
    assert not [name for name in requests if re.search(r"GetSecret$|Backup|Decrypt|Sign|Unwrap", name)]


@pytest.mark.parametrize("subscriptions", [[OTHER], [OTHER.upper(), MAIN]])
def test_only_the_subscriptions_named_are_read(subscriptions: list[str], tmp_path: Path) -> None:
    with served() as azure:
        collected = _collect(azure, tmp_path, subscriptions=subscriptions, services=["vault"])
    assert {header.account for header in collected.headers.values()} == {id.lower() for id in subscriptions}
    assert not collected.of("arm:Subscriptions_List")
    assert not [name for name in collected.scopes if "managedhsm" in name]


def test_a_sample_describes_so_many_keys_and_secrets(tmp_path: Path) -> None:
    with served() as azure:
        collected = _collect(azure, tmp_path, sample=1)
    assert len(collected.of("keys:GetKey", VAULT)) == 1
    assert len({o.subject for o in collected.of("secrets:GetSecretVersions", VAULT)}) == 1
    assert len(collected.of("certificates:GetCertificate", VAULT)) == 1


def test_a_private_vault_is_told_by_resource_manager(tmp_path: Path) -> None:
    world = small_world()
    world.stores["small-main"].public = False
    with served(world=world) as azure:
        collected = _collect(azure, tmp_path)
    refused = {o.operation: o for o in collected.scopes[VAULT] if o.status is Status.REFUSED}
    assert set(refused) == {
        *("keys:GetKeys", "keys:GetDeletedKeys", "secrets:GetSecrets", "secrets:GetDeletedSecrets"),
        *("certificates:GetCertificates", "certificates:GetDeletedCertificates"),
    }
    assert all(o.error.startswith("ForbiddenByConnection: ") for o in refused.values())
    assert len(collected.of("arm:Keys_Get", VAULT)) == len({o.subject for o in collected.of("arm:Keys_ListVersions")})
    assert not collected.of("keys:GetKey", VAULT), "what refused its list is not asked key by key"
    assert collected.of("arm:Secrets_List", VAULT)


@pytest.mark.parametrize(
    ("operation", "stands_in"),
    [
        ("keys:GetKey", "arm:Keys_Get"),
        ("keys:GetKeyRotationPolicy", "arm:Keys_Get"),
        ("keys:GetKeyVersions", "arm:Keys_ListVersions"),
    ],
)
def test_what_is_refused_of_one_key_is_asked_of_resource_manager(
    operation: str, stands_in: str, tmp_path: Path
) -> None:
    rule = Rule(fault=Fault.REFUSE, operation=operation, subject="/keys/rotated")
    collected = _faulty(tmp_path, rule, services=["vault"])
    assert {o.subject for o in collected.of(stands_in)} == {"https://small-main.vault.azure.net/keys/rotated"}


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        (Fault.REFUSE, Status.REFUSED, "ForbiddenByRbac: Caller is not authorized"),
        (Fault.THROTTLE, Status.FAILED, "Throttled: "),
        (Fault.BREAK, Status.FAILED, "InternalServerError: "),
        (Fault.EXPIRE, Status.REFUSED, "Unauthorized: AKV10046"),
        (Fault.CUT, Status.FAILED, "DecodeError|InvalidAnswer"),
        (Fault.HTML, Status.FAILED, "50[0-9]|InvalidAnswer|DecodeError"),
        (Fault.CLOSE, Status.FAILED, "ServiceRe(quest|sponse)Error"),
        (Fault.HANG, Status.FAILED, "ServiceResponse(Timeout)?Error|ServiceRequestError"),
    ],
)
def test_what_goes_wrong_is_recorded_as_what_it_is(fault: Fault, status: Status, says: str, tmp_path: Path) -> None:
    rule = Rule(fault=fault, operation="keys:GetKeyRotationPolicy", subject="/keys/rotated")
    with served([rule]) as azure:
        collected = _collect(azure, tmp_path, services=["vault"], timeout_seconds=1)
    [spoiled] = [o for o in collected.observations if o.status is not Status.OK]
    assert spoiled.operation == "keys:GetKeyRotationPolicy"
    assert spoiled.status is status
    assert re.search(says, spoiled.error), spoiled.error
    assert "\n" not in spoiled.error
    if fault in (Fault.REFUSE, Fault.CUT, Fault.HTML):
        assert spoiled.body, "what was answered is kept, readable or not"


def test_a_refusal_is_never_tried_again(tmp_path: Path) -> None:
    with served([Rule(fault=Fault.REFUSE, operation="arm:Vaults_Get")]) as azure:
        collected = _collect(azure, tmp_path, attempts=4, services=["vault"])
        assert azure.requests["arm:Vaults_Get"] == 2
    assert {(o.status, o.attempts) for o in collected.of("arm:Vaults_Get")} == {(Status.REFUSED, 1)}


def test_a_throttled_request_is_tried_again_and_the_tries_are_counted(tmp_path: Path) -> None:
    rule = Rule(fault=Fault.THROTTLE, operation="arm:Subscriptions_List", calls={1}, retry_after=1)
    collected = _faulty(tmp_path, rule, services=["vault"], attempts=3)
    assert collected.of("arm:Subscriptions_List")[0].attempts == 2
    assert collected.statuses() == {Status.OK}


def _page(body: dict[str, Any], problem: str) -> Observation:
    texts = dict.fromkeys(
        ("id", "source", "scope", "subject", "operation", "requested_at", "received_at", "request_id", "identity"), ""
    )
    text = json.dumps(body)
    status = Status.FAILED if problem else Status.OK
    return Observation(
        **texts, parameters={}, status=status, error=problem, attempts=1, body=text, sha256=body_digest(text)
    )


def _asking(*answers: dict[str, Any]) -> tuple[list[dict[str, Any]], Callable[..., Observation]]:
    asked: list[dict[str, Any]] = []
    left = iter(answers)

    def ask(parameters: dict[str, Any], check: Callable[[dict[str, Any]], str]) -> Observation:
        asked.append(parameters)
        answer = next(left)
        return _page(answer, check(answer))

    return asked, ask


HOST = "https://small.vault.azure.net"


def test_a_list_that_goes_in_circles_ends() -> None:
    first, second = f"{HOST}/keys?$skiptoken=a", f"{HOST}:443/keys?$skiptoken=b"
    asked, ask = _asking({"nextLink": first}, {"nextLink": second}, {"nextLink": first})
    found = list(pages("keys:GetKeys", {}, HOST, ask))
    assert asked == [{}, {"nextLink": first}, {"nextLink": second}]
    assert [page.status for page in found] == [Status.OK, Status.OK, Status.FAILED]
    assert "RepeatedPage" in found[-1].error


@pytest.mark.parametrize(("length", "last"), [(MOST_PAGES, Status.OK), (MOST_PAGES + 1, Status.FAILED)])
def test_a_list_that_goes_on_and_on_ends(length: int, last: Status) -> None:
    answers = [{"nextLink": f"{HOST}/keys?$skiptoken={number}"} for number in range(1, length)]
    asked, ask = _asking(*answers, {"nextLink": None})
    found = list(pages("keys:GetKeys", {}, HOST, ask))
    assert len(asked) == MOST_PAGES
    assert {page.status for page in found[:-1]} == {Status.OK}
    assert found[-1].status is last
    assert found[-1].error.startswith("EndlessList: ") is (last is Status.FAILED)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/keys?$skiptoken=a",
        "http://small.vault.azure.net/keys",
        "https://small.vault.azure.net:444/keys",
        "https://small.vault.azure.net@evil.example/keys",
        "https://small.vault.azure.net\\@evil.example/keys",
        f"{HOST}/secrets/db-main/",
        f"{HOST}/keys/one/versions",
        "//evil.example/keys",
        "https://[",
    ],
)
def test_a_next_page_elsewhere_is_not_asked_for(link: str) -> None:
    asked, ask = _asking({"nextLink": link})
    [page] = pages("keys:GetKeys", {}, HOST, ask)
    assert page.status is Status.FAILED
    assert "ForeignLink" in page.error
    assert asked == [{}]


def test_a_vault_elsewhere_gets_no_token(tmp_path: Path) -> None:
    with served() as azure:
        table = azure.source("prod")["endpoints"]
        collected = _collect(azure, tmp_path, endpoints={**table, "vault_suffix": "vault.example"}, services=["vault"])
        assert azure.requests[CHALLENGE] == 0
        assert not azure.requests["keys:GetKeys"]
    for observation in collected.of("keys:GetKeys"):
        assert (observation.status, observation.attempts) == (Status.FAILED, 0)
        assert observation.error.startswith("ForeignAddress: ")
    assert collected.of("arm:Keys_Get", VAULT), "what Resource Manager tells is read all the same"


def test_what_was_recorded_is_not_asked_again(tmp_path: Path) -> None:
    """A killed run leaves parts of files; here, each is cut at some byte."""
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    with served() as azure:
        first = _collect(azure, whole)
        asked = _asked(azure).total()
        shutil.copytree(whole, resumed)
        for path in scope_files(resumed):
            if path.name.startswith("small"):
                data = path.read_bytes()
                path.with_name(path.name + ".part").write_bytes(data[: len(data) * 2 // 3])
                path.unlink()
        second = _collect(azure, resumed)
        again = _asked(azure).total() - asked
    assert 0 < again < len(first.observations)
    assert second.progress.requests == again
    assert second.progress.recorded == asked - again

    def known(collected: Collected) -> set[tuple[str, str, str]]:
        return {(o.scope, o.id, o.body) for o in collected.observations}

    assert known(second) == known(first)


def test_no_value_can_be_asked_for() -> None:
    """Beside the declared operations nothing is sent, whoever asks and however."""
    with served() as azure:
        seat, _, _ = ambient_seat(_configuration(azure))
        before = azure.requests.total()
        address = azure.world.addresses["small-main"]
        guard = _Guard(address)
        keys, secrets = seat.client("keys", address, guard), seat.client("secrets", address, guard)
        certificates = seat.client("certificates", address, guard)
        manager = seat.client("arm", "", _Guard(azure.url))
        for ask in (
            lambda: secrets.get_secret("db-main"),
            lambda: secrets.backup_secret("db-main"),
            lambda: secrets.set_secret("db-main", "x"),
            lambda: keys.get_key("rotated"),
            lambda: keys.backup_key("rotated"),
            lambda: keys.rotate_key("rotated"),
            lambda: keys.begin_delete_key("rotated"),
            lambda: keys.get_random_bytes(8),
            lambda: certificates.purge_deleted_certificate("gateway"),
            lambda: list(manager.vaults.list_by_subscription()),
        ):
            with pytest.raises(UndeclaredOperation, match="so it is not called"):
                ask()
        assert azure.requests.total() == before


def test_only_what_reads_metadata_has_a_route() -> None:
    assert set(ROUTES) == set(OPERATIONS)
    for value in ("/secrets/db-main", "/secrets/db-main/", "/secrets/db-main/4387e9f3", "/deletedsecrets/db-main"):
        assert not [name for name, route in ROUTES.items() if route.admits(value)]
    account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"
    for path in (f"{account}/listKeys", f"{account}/listAccountSas", f"{account}/regenerateKey", account):
        assert not [name for name, route in ROUTES.items() if route.admits(path)]
    for path in ("/keys/a/b/decrypt", "/keys/a/b/sign", "/keys/a/backup", "/keys/a/rotate", "/rng", "/backup"):
        assert not [name for name, route in ROUTES.items() if route.admits(path)]


def test_without_usable_credentials_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    with served() as azure:
        monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
        with pytest.raises(CredentialError) as refused:
            list(AzureCollector(_configuration(azure)).start())
    assert "source 'prod'" in str(refused.value)
    assert "could not be used (EnvironmentCredential: " in str(refused.value)
    assert "az login" in str(refused.value)


def test_without_any_credentials_the_next_step_is_said_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    with served() as azure:
        monkeypatch.delenv("AZURE_CLIENT_SECRET")
        with pytest.raises(CredentialError) as refused:
            list(AzureCollector(_configuration(azure)).start())
        assert not azure.requests
    told = str(refused.value)
    assert told.startswith("source 'prod': no Azure credentials were found; run `az login`, or set AZURE_TENANT_ID")
    assert "troubleshoot" not in told


@pytest.mark.parametrize(("text", "told"), [(None, "No such file"), ("no PEM", "holds no certificates in PEM")])
def test_certificates_that_cannot_be_used_are_named_before_a_token_is_asked_for(
    text: str | None, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with served() as azure:
        with pytest.raises(CredentialError) as refused:
            list(AzureCollector(_configuration(azure, ca_file=str(path))).start())
        assert not azure.requests
    assert str(path) in str(refused.value)
    assert told in str(refused.value)


class _Talkative(EmbeddedAzure):
    """Answers what a vault is with as many bytes as are wanted."""

    length = 0

    def _answered(self, request: Request, *rest: Any) -> HttpResponse:
        response = super()._answered(request, *rest)
        return (
            replace(response, body=response.body.ljust(self.length)) if request.name == "arm:Vaults_Get" else response
        )


@pytest.mark.parametrize(("length", "status"), [(LARGEST_ANSWER, Status.OK), (LARGEST_ANSWER + 1, Status.FAILED)])
def test_an_answer_that_goes_on_and_on_is_not_read_to_its_end(
    length: int, status: Status, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _Talkative(_large_world(vaults=1, keys=0)) as azure:
        azure.length = length
        for name, value in azure.credentials.items():
            monkeypatch.setenv(name, value)
        collected = _collect(azure, tmp_path, services=["vault"], attempts=3)
    [told] = collected.of("arm:Vaults_Get")
    assert (told.status, told.attempts) == (status, 1)
    assert len(told.body) == (length if status is Status.OK else 0)
    assert told.error.startswith("OversizedAnswer: ") is (status is Status.FAILED)


class _Unregistered(EmbeddedAzure):
    """Says that the subscription has not enabled Key Vault, which makes the SDK's own policy register it."""

    def _answered(self, request: Request, *rest: Any) -> HttpResponse:
        if request.name == "arm:Vaults_ListBySubscription":
            text = "The subscription is not registered to use namespace 'Microsoft.KeyVault'."
            raise AzureError(409, "MissingSubscriptionRegistration", text)
        return super()._answered(request, *rest)


def test_a_subscription_without_key_vault_is_not_registered_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _Unregistered(small_world()) as azure:
        for name, value in azure.credentials.items():
            monkeypatch.setenv(name, value)
        collected = _collect(azure, tmp_path)
        assert not [name for name in azure.requests if name.startswith("unknown:")]
    listed = collected.of("arm:Vaults_ListBySubscription")
    assert {o.status for o in listed} == {Status.SWITCHED_OFF}
    assert HSM in collected.scopes


@pytest.mark.parametrize("state", ["Disabled", "Deleted"])
def test_a_subscription_is_left_out_only_when_it_is_gone(state: str, tmp_path: Path) -> None:
    world = small_world()
    world.subscriptions[OTHER] = replace(world.subscriptions[OTHER], state=state)
    with served(world=world) as azure:
        collected = _collect(azure, tmp_path)
    assert (LEGACY in collected.scopes) == (state == "Disabled")


def _large_world(vaults: int, keys: int, versions: int = 1) -> World:
    world = World(NOW, tenant=TENANT)
    world.clients["c11e0000-0000-4000-8000-000000000001"] = "0b1ec700-0000-4000-8000-000000000001"
    world.add_subscription(Subscription(id=MAIN, name="large"))
    for number in range(vaults):
        vault = world.add_store(
            Store(name=f"vault-{number:02}", subscription=MAIN, group="app", created_at=NOW - days(900))
        )
        for key in range(keys):
            made = [Version(at=NOW - days(900) + timedelta(hours=hour)) for hour in range(versions)]
            vault.add_key(Key(name=f"key-{key:03}", versions=made))
    return world


def test_many_vaults_are_read_side_by_side(tmp_path: Path) -> None:
    with served(world=_large_world(vaults=25, keys=3)) as azure:
        collected = _collect(azure, tmp_path, services=["vault"])
        requests = _asked(azure)
    assert collected.statuses() == {Status.OK}
    assert len([name for name in collected.scopes if "/vault/" in name]) == 25
    assert requests["keys:GetKey"] == 75
    assert sum(count for name, count in requests.items() if name.startswith("keys:GetKey")) == 25 * (1 + 3 * 3)


def test_a_key_of_five_thousand_versions_is_read_whole(tmp_path: Path) -> None:
    with served(world=_large_world(vaults=1, keys=1, versions=5000)) as azure:
        collected = _collect(azure, tmp_path, services=["vault"])
    listed = collected.of("keys:GetKeyVersions")
    assert len(listed) == 200
    assert len({v["kid"] for page in listed for v in json.loads(page.body)["value"]}) == 5000
