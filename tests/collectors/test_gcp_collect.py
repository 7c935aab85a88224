"""The collect half against a Google Cloud over gRPC and REST: what is asked and recorded, and what is never sent."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gcp_runs import BY_PROJECT, ONE_BY_ONE, Collected, asked, collected, configuration, gaps, told
from small_gcp import HOME, NOW, ORGANIZATION, OTHER, REGION, RING, SECOND, served, small_world

from collectors.gcp.collect import GcpCollector
from collectors.gcp.credentials import ambient_seat
from collectors.gcp.methods import METHODS
from collectors.gcp.operations import OPERATIONS
from collectors.gcp.paging import PAGE_SIZES, pages
from collectors.gcp.wire import GUARD
from collectors.paging import MOST_PAGES
from collectors.source import CredentialError, UndeclaredOperation
from evidence.observation import Observation, Status, body_digest
from keyproof.collection import Collection, Progress
from keyproof.demo.faults import Fault
from keyproof.demo.gcp.embedded import TOKEN_OPERATION
from keyproof.demo.gcp.faults import Rule
from keyproof.demo.gcp.world import Place, Version, World
from keyproof.demo.http import HttpResponse
from keyproof.demo.names import days

ROOT = f"prod/{ORGANIZATION}/global/organization"
KMS = f"prod/{HOME}/{REGION}/kms"
SECRETS = f"prod/{HOME}/global/secretmanager"
TRANSPORTS = ("grpc", "rest")

Run = tuple[Collected, Counter[str]]


@pytest.fixture(scope="module")
def at_once() -> Run:
    with served() as cloud:
        return collected(cloud), asked(cloud)


@pytest.fixture(scope="module")
def walked() -> Run:
    with served() as cloud:
        return collected(cloud, **ONE_BY_ONE), asked(cloud)


def test_an_organization_is_read_at_once_in_one_scope(at_once: Run) -> None:
    run, requests = at_once
    assert set(run.scopes) == {ROOT}
    keys = len(small_world().keys)
    assert requests["kmsinventory:GetProtectedResourcesSummary"] == keys
    few = requests.total() - requests["kmsinventory:GetProtectedResourcesSummary"]
    assert few < keys + 10, "lists of everything, and pages"
    assert not [name for name in requests if name.startswith("kms:")]
    asked_alone = {o.subject for o in run.of("secretmanager:ListSecretVersions")}
    assert asked_alone == {small_world().by_number(f"projects/{HOME}/secrets/empty")}, "no version of it is told"
    assert not {"secretmanager:ListSecrets", "secretmanager:GetIamPolicy"} & set(requests)


def test_scopes_say_whose_they_are(walked: Run) -> None:
    run, _ = walked
    services = ("kms", "secretmanager", "iam", "apikeys", "project")
    places = {f"{REGION}/kms", f"{SECOND}/kms", *(f"global/{service}" for service in services)}
    assert set(run.scopes) == {ROOT, *(f"prod/{project}/{place}" for project in (HOME, OTHER) for place in places)}
    header = run.headers[KMS]
    assert (header.account, header.region, header.service, header.type) == (HOME, REGION, "kms", "gcp")
    assert header.organization == ORGANIZATION
    assert {"example.com", HOME, OTHER, f"organizations/{ORGANIZATION}"} <= set(header.organization_accounts)
    assert header.identity == small_world().caller
    assert {o.identity for o in run.observations} == {header.identity}


@pytest.mark.parametrize("more", [{}, ONE_BY_ONE], ids=["at once", "one by one"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_exchange_is_recorded_once_and_whole(transport: str, more: dict[str, Any]) -> None:
    with served() as cloud:
        run = collected(cloud, transport=transport, **more)
        assert Counter(o.operation for o in run.observations) == asked(cloud)
        assert {call.transport for call in cloud.calls if call.operation != TOKEN_OPERATION} == {transport}
    assert {o.status for o in run.observations} == {Status.OK}
    assert len({o.id for o in run.observations}) == len(run.observations)
    for observation in run.observations:
        assert observation.sha256 == body_digest(observation.body)
        assert isinstance(json.loads(observation.body), dict)
        assert observation.attempts == 1


@pytest.mark.parametrize("more", [{}, ONE_BY_ONE, BY_PROJECT], ids=["at once", "one by one", "by project"])
def test_both_transports_come_to_the_same_rows(more: dict[str, Any]) -> None:
    with served() as cloud:
        grpc, rest = (collected(cloud, transport=transport, **more) for transport in TRANSPORTS)
    assert [o.id for o in sorted(grpc.observations, key=_id)] == [o.id for o in sorted(rest.observations, key=_id)]
    [over_grpc], [over_rest] = (run.of("resourcemanager:GetOrganization")[:1] for run in (grpc, rest))
    assert '"display_name":"example.com"' in over_grpc.body, "canonical JSON with the protocol's own names"
    assert '"displayName": "example.com"' in over_rest.body, "the very text of the answer"
    rows = [run.rows() for run in (grpc, rest)]
    for table in ("key_store", "key", "key_version", "secret", "access", "protected_resource", "gap"):
        one, other = (told(found, table) for found in rows)
        assert one == other, table
        assert one


def _id(observation: Observation) -> str:
    return observation.id


def test_at_once_and_one_by_one_come_to_the_same_rows(at_once: Run, walked: Run) -> None:
    """But for what the permissions of a custom role are and what Google's own keys encrypt: only Cloud Asset Inventory
    tells that."""
    once, by_one = at_once[0].rows(), walked[0].rows()
    for table in ("key_store", "key", "key_version", "secret", "credential"):
        left_out = ("wildcard_access",) if table in ("key", "secret") else ()
        assert told(once, table, *left_out) == told(by_one, table, *left_out), table
    protected = told(once, "protected_resource")
    assert {id: row for id, row in protected.items() if row["key"]} == told(by_one, "protected_resource")
    custodians = {id for id, row in told(once, "access").items() if "folder" in row["via"]}
    assert custodians
    assert {id: row for id, row in told(once, "access").items() if id not in custodians} == told(by_one, "access")


def test_all_pages_are_asked_and_each_stands_alone(walked: Run) -> None:
    run, _ = walked
    of_ring = [o for o in run.of("kms:ListCryptoKeys", KMS) if o.subject == RING]
    assert len(of_ring) > 2
    assert of_ring[0].parameters == {"parent": RING, "page_size": 1000}
    tokens = [json.loads(page.body).get("next_page_token") for page in of_ring]
    assert [page.parameters.get("page_token") for page in of_ring] == [None, *tokens[:-1]]


def test_one_subject_stands_together_after_what_leads_to_it(walked: Run) -> None:
    run, _ = walked
    for observations in run.scopes.values():
        order = [o.subject for o in observations]
        runs = [subject for at, subject in enumerate(order) if at == 0 or order[at - 1] != subject]
        assert len(runs) == len(set(runs))
        assert runs[0] == ""
        for key in (subject for subject in runs if "/cryptoKeys/" in subject):
            assert runs.index(key.rpartition("/cryptoKeys/")[0]) < runs.index(key)


@pytest.mark.parametrize("more", [{}, ONE_BY_ONE], ids=["at once", "one by one"])
def test_a_key_costs_three_requests_and_pages(more: dict[str, Any]) -> None:
    with served() as cloud:
        run = collected(cloud, **more)
    by_key: dict[str, list[Observation]] = defaultdict(list)
    for observation in run.observations:
        if "/cryptoKeys/" in observation.subject:
            by_key[observation.subject].append(observation)
    assert set(by_key) == set(small_world().keys)
    for observations in by_key.values():
        single = [o for o in observations if o.operation not in PAGE_SIZES]
        lists = {o.operation for o in observations} - {o.operation for o in single}
        assert len(single) + len(lists - {"kmsinventory:SearchProtectedResources"}) <= 3


def test_what_a_key_protects_is_searched_only_where_there_is_something(walked: Run) -> None:
    run, _ = walked
    searched = {o.subject for o in run.of("kmsinventory:SearchProtectedResources")}
    assert searched == set(small_world().protected)
    scopes = {o.parameters["scope"] for o in run.of("kmsinventory:SearchProtectedResources")}
    assert scopes == {f"organizations/{ORGANIZATION}"}


def test_a_location_without_key_rings_costs_one_request(walked: Run) -> None:
    run, _ = walked
    [only] = run.scopes[f"prod/{HOME}/global/kms"]
    assert only.operation == "kms:ListKeyRings"
    assert json.loads(only.body) == {}


def test_a_project_is_asked_what_it_is_part_of() -> None:
    with served() as cloud:
        run = collected(cloud, **BY_PROJECT)
    root = run.scopes[f"prod/{HOME}/global/project"]
    assert [o.operation.partition(":")[2] for o in root[:3]] == ["GetProject", "GetFolder", "GetOrganization"]
    inherited = [o.parameters["resource"] for o in run.of("resourcemanager:GetIamPolicy", KMS)]
    assert [str(name).partition("/")[0] for name in inherited] == ["projects", "folders", "organizations"]
    for observation in run.of("resourcemanager:GetIamPolicy", KMS):
        assert observation.parameters["options"] == {"requested_policy_version": 3}


@pytest.mark.parametrize(("state", "read"), [(0, True), (1, True), (77, True), (2, False)])
def test_only_what_is_being_deleted_is_left_out(state: int, read: bool) -> None:
    world = small_world()
    [folder] = world.folders
    world.folders[folder].state = world.projects[OTHER].state = state
    with served(world=world) as cloud:
        run = collected(cloud, **ONE_BY_ONE)
    assert (KMS in run.scopes, f"prod/{OTHER}/{REGION}/kms" in run.scopes) == (read, read)


def test_folders_are_read_with_all_below() -> None:
    world = small_world()
    [folder] = world.folders
    with served(world=world) as cloud:
        run = collected(cloud, organization=None, folders=[folder.partition("/")[2]], **ONE_BY_ONE)
        at_once = collected(cloud, organization=None, folders=[folder.partition("/")[2]])
    accounts = {header.account for header in run.headers.values()}
    assert accounts == {folder.partition("/")[2], HOME}
    assert told(at_once.rows(), "key_version") == told(run.rows(), "key_version")


@pytest.mark.parametrize(
    "rule",
    [
        Rule(fault=Fault.REFUSE, operation="asset:ListAssets"),
        Rule(fault=Fault.REFUSE, operation="asset:ListAssets", permission="cloudasset.assets.listIamPolicy"),
        Rule(fault=Fault.BREAK, operation="asset:ListAssets", calls={3}),
        Rule(fault=Fault.CUT, operation="asset:ListAssets", calls={5}),
    ],
    ids=["refused", "policies refused", "a page fails", "a page is cut"],
)
def test_without_the_asset_inventory_all_is_walked_through(rule: Rule) -> None:
    with served([rule]) as cloud:
        run = collected(cloud)
    assert KMS in run.scopes
    rows = run.rows()
    assert set(told(rows, "key")) == set(small_world().keys)
    assert len(told(rows, "secret")) == len(small_world().secrets)
    named = {gap.operation for gap in gaps(rows, "refused" if rule.fault is Fault.REFUSE else "failed")}
    assert "asset:ListAssets" in named


def test_an_api_that_a_project_has_not_switched_on_is_switched_off() -> None:
    world = small_world()
    world.switched_off.add((OTHER, "cloudkms.googleapis.com"))
    with served(world=world) as cloud:
        run = collected(cloud, **ONE_BY_ONE)
    [only] = run.of("kms:ListLocations", f"prod/{OTHER}/global/project")
    assert only.status is Status.SWITCHED_OFF
    assert "SERVICE_DISABLED" in only.error
    assert f"prod/{OTHER}/{REGION}/kms" not in run.scopes
    assert f"prod/{HOME}/{REGION}/kms" in run.scopes


def test_regional_secrets_are_read_where_they_are_named() -> None:
    world = small_world()
    name = world.add_secret(
        HOME, "regional", [], created_at=NOW - days(3), location=REGION, key=f"{RING}/cryptoKeys/mac"
    )
    with served(world=world) as cloud:
        without = collected(cloud, **ONE_BY_ONE).rows()
        run = collected(cloud, secret_locations=[REGION], **ONE_BY_ONE)
        at_once = collected(cloud).rows()
    assert name not in told(without, "secret")
    row = told(run.rows(), "secret")[name]
    assert (row["account"], row["region"], row["regions"]) == (HOME, REGION, [REGION])
    assert row["keys"] == [f"{RING}/cryptoKeys/mac"]
    assert row["key_store"] == f"//secretmanager.googleapis.com/projects/{HOME}/locations/{REGION}"
    assert f"prod/{HOME}/{REGION}/secretmanager" in run.scopes
    assert {**told(at_once, "secret")[name], "wildcard_access": None} == {**row, "wildcard_access": None}


def test_a_regional_endpoint_is_googles_own_for_that_location() -> None:
    from collectors.gcp.credentials import _host

    assert _host("secretmanager.googleapis.com", "") == "secretmanager.googleapis.com"
    assert _host("secretmanager.googleapis.com", "europe-west3") == "secretmanager.europe-west3.rep.googleapis.com"


def test_a_sample_looks_at_few_things_of_each_kind() -> None:
    with served() as cloud:
        run = collected(cloud, sample=1, **ONE_BY_ONE)
    assert len({o.subject for o in run.of("kms:ListCryptoKeyVersions", KMS)}) == 1
    assert len(run.of("secretmanager:GetIamPolicy", SECRETS)) == 1
    assert not [o for o in run.observations if o.status is not Status.OK]


# --- what is never sent ---------------------------------------------------------------------------------------------

_VERSION = f"{RING}/cryptoKeys/rotated/cryptoKeyVersions/1"
_NEVER = [
    ("secretmanager:ListSecrets", "access_secret_version", {"name": f"projects/{HOME}/secrets/database/versions/1"}),
    ("secretmanager:ListSecrets", "get_secret_version", {"name": f"projects/{HOME}/secrets/database/versions/1"}),
    ("secretmanager:ListSecrets", "destroy_secret_version", {"name": f"projects/{HOME}/secrets/database/versions/1"}),
    ("kms:ListKeyRings", "encrypt", {"name": f"{RING}/cryptoKeys/rotated", "plaintext": b"x"}),
    ("kms:ListKeyRings", "decrypt", {"name": f"{RING}/cryptoKeys/rotated", "ciphertext": b"x"}),
    ("kms:ListKeyRings", "get_public_key", {"name": _VERSION}),
    ("kms:ListKeyRings", "asymmetric_sign", {"name": _VERSION}),
    ("kms:ListKeyRings", "destroy_crypto_key_version", {"name": _VERSION}),
    ("kms:ListKeyRings", "set_iam_policy", {"resource": RING}),
]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("operation", "method", "request_"), _NEVER, ids=[name for _, name, _ in _NEVER])
def test_what_is_not_declared_never_leaves(
    transport: str, operation: str, method: str, request_: dict[str, Any]
) -> None:
    with served() as cloud:
        seat = ambient_seat(configuration(cloud, transport))
        client = seat.client(METHODS[operation][0], "", GUARD)
        with pytest.raises(UndeclaredOperation, match="not declared"):
            getattr(client, method)(request=request_)
        assert not asked(cloud)


@pytest.mark.parametrize("address", ["https://elsewhere.example", "http://{host}", "https://{name}:1"])
def test_no_other_server_is_asked(address: str) -> None:
    with served() as cloud:
        made = configuration(cloud, "rest")
        client = ambient_seat(made).client(METHODS["kms:ListKeyRings"][0], "", GUARD)
        host = str(made.endpoint)
        place = address.format(host=host, name=host.partition(":")[0])
        session = client.transport._session
        assert session.get(f"https://{host}/v1/projects/{HOME}/locations/{REGION}/keyRings").ok
        with pytest.raises(UndeclaredOperation, match="not the client's server"):
            session.get(f"{place}/v1/projects/{HOME}/locations/{REGION}/keyRings")


@pytest.mark.parametrize("server", ["", "http://elsewhere.example"])
def test_an_answer_that_leads_elsewhere_is_not_followed(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be it to what may be asked: it is not what was asked."""
    to = f"{server}/v1/projects/{HOME}/locations"
    with served() as cloud:
        leading = HttpResponse(302, {"Location": to}, b"")
        monkeypatch.setattr("keyproof.demo.gcp.embedded.write_http", lambda answer, http: leading)
        run = collected(cloud, transport="rest", **BY_PROJECT)
        assert asked(cloud)["kms:ListLocations"] == 2
    assert {o.status for o in run.observations} == {Status.FAILED}
    assert all(f"leads to {to}" in o.error for o in run.observations)


def test_every_declared_operation_has_its_method_and_no_other_has() -> None:
    assert set(METHODS) == set(OPERATIONS)
    assert set(PAGE_SIZES) == {name for name, operation in OPERATIONS.items() if operation.paged}
    reads = re.compile(r":(Get|List|Show|Search)[A-Za-z]+")
    assert all(reads.search(name) for name in METHODS)


@pytest.mark.parametrize("name", ["a:getIamPolicy?x=", ".."])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_name_that_leads_elsewhere_is_not_followed(transport: str, name: str) -> None:
    """A ring's name is Google's to choose, so it is nobody's word that it is one."""
    world = small_world()
    ring = world.add_key_ring(HOME, REGION, name, created_at=NOW - days(9))
    with served(world=world) as cloud:
        run = collected(cloud, transport=transport, **ONE_BY_ONE)
    of_ring = [o for o in run.observations if o.subject == ring]
    assert {o.operation for o in of_ring} == {"kms:ListCryptoKeys", "kms:ListImportJobs", "kms:GetIamPolicy"}
    assert {(o.status, o.attempts) for o in of_ring} == {(Status.FAILED, 0)}
    assert all(o.error.startswith("NotSent: ") for o in of_ring)
    assert not [call for call in cloud.calls if "getIamPolicy" in call.subject]


# --- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "over_grpc", "over_rest"),
    [
        (Fault.REFUSE, Status.REFUSED, "PERMISSION_DENIED: Permission 'cloudkms", None),
        (Fault.THROTTLE, Status.FAILED, "RESOURCE_EXHAUSTED: Quota exceeded", None),
        (Fault.BREAK, Status.FAILED, "INTERNAL: Internal error", None),
        (Fault.EXPIRE, Status.FAILED, "UNAUTHENTICATED: .*renew them", None),
        (Fault.CUT, Status.FAILED, "INTERNAL: Exception deserializing", "InvalidAnswer"),
        (Fault.WRONG_TYPES, Status.FAILED, "INTERNAL: Exception deserializing", "InvalidAnswer"),
        (Fault.HTML, Status.FAILED, "UNKNOWN: .*500", "500|INTERNAL"),
        (Fault.STOP, Status.FAILED, "UNAVAILABLE", "ConnectionError"),
        (Fault.CLOSE, Status.FAILED, "UNAVAILABLE", "ConnectionError"),
        (Fault.HANG, Status.FAILED, "DEADLINE_EXCEEDED", "Timeout"),
    ],
)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_goes_wrong_is_recorded_as_what_it_is(
    fault: Fault, status: Status, over_grpc: str, over_rest: str | None, transport: str
) -> None:
    rule = Rule(fault=fault, operation="kms:GetIamPolicy", subject="cryptoKeys/rotated")
    with served([rule]) as cloud:
        run = collected(cloud, transport=transport, timeout_seconds=1, **ONE_BY_ONE)
    [spoiled] = [o for o in run.observations if o.status is not Status.OK]
    assert spoiled.operation == "kms:GetIamPolicy"
    assert spoiled.status is status
    says = over_grpc if transport == "grpc" else over_rest or over_grpc
    assert re.search(says, spoiled.error), spoiled.error
    assert "\n" not in spoiled.error
    rest = {o.operation for o in run.observations if o.subject == spoiled.subject}
    assert "kmsinventory:GetProtectedResourcesSummary" in rest, "the next question is asked all the same"


@pytest.mark.parametrize(("code", "status"), [("UNIMPLEMENTED", Status.FAILED), ("DEADLINE_EXCEEDED", Status.FAILED)])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_service_that_cannot_is_no_refusal(code: str, status: Status, transport: str) -> None:
    rule = Rule(fault=Fault.BREAK, operation="kms:ListEkmConnections", code=code)
    with served([rule]) as cloud:
        run = collected(cloud, transport=transport, **ONE_BY_ONE)
    spoiled = [o for o in run.observations if o.status is not Status.OK]
    assert {(o.operation, o.status) for o in spoiled} == {("kms:ListEkmConnections", status)}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.EXPIRE])
def test_a_refusal_is_never_tried_again(fault: Fault, transport: str) -> None:
    rule = Rule(fault=fault, operation="secretmanager:ListSecrets", project=HOME)
    with served([rule]) as cloud:
        run = collected(cloud, transport=transport, attempts=4, services=["secretmanager"], **ONE_BY_ONE)
        tried = [call for call in cloud.calls if call.operation == "secretmanager:ListSecrets" and HOME in call.subject]
    assert len(tried) == 1
    [refused] = run.scopes[SECRETS]
    assert refused.attempts == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_throttled_request_is_tried_again_and_the_tries_are_counted(transport: str) -> None:
    rule = Rule(fault=Fault.THROTTLE, operation="secretmanager:ListSecrets", project=HOME, calls={1, 2})
    with served([rule]) as cloud:
        run = collected(cloud, transport=transport, attempts=4, services=["secretmanager"], **ONE_BY_ONE)
    assert run.of("secretmanager:ListSecrets", SECRETS)[0].attempts == 3
    assert {o.status for o in run.observations} == {Status.OK}


def test_a_throttle_that_does_not_end_is_given_up() -> None:
    with served([Rule(fault=Fault.THROTTLE, operation="secretmanager:ListSecrets", project=HOME)]) as cloud:
        run = collected(cloud, attempts=2, services=["secretmanager"], **ONE_BY_ONE)
    [given_up] = run.scopes[SECRETS]
    assert (given_up.status, given_up.attempts) == (Status.FAILED, 2)


def _pages_of(answers: Iterator[dict[str, Any]]) -> tuple[list[Observation], list[Any]]:
    """What is made of a list that is answered so, and the tokens that it is asked with."""
    wanted: list[Any] = []

    def ask(parameters: dict[str, Any], check: Any) -> Observation:
        wanted.append(parameters.get("page_token"))
        answer = next(answers)
        problem = check(answer)
        names = ("id", "source", "scope", "subject", "operation", "requested_at", "received_at", "request_id")
        body = json.dumps(answer)
        return Observation(
            **dict.fromkeys(names, ""),  # type: ignore[arg-type]
            identity="",
            parameters={},
            status=Status.FAILED if problem else Status.OK,
            error=problem,
            attempts=1,
            body=body,
            sha256=body_digest(body),
        )

    return list(pages("kms:ListKeyRings", {}, ask)), wanted


def test_a_list_that_goes_in_circles_ends() -> None:
    answers = [{"next_page_token": "a"}, {"nextPageToken": "b"}, {"next_page_token": "a"}]
    made, wanted = _pages_of(iter(answers))
    assert wanted == [None, "a", "b"]
    assert [page.status for page in made] == [Status.OK, Status.OK, Status.FAILED]


def test_a_list_without_end_is_given_up() -> None:
    made, _ = _pages_of({"next_page_token": str(number)} for number in itertools.count())
    assert len(made) == MOST_PAGES
    assert {page.status for page in made[:-1]} == {Status.OK}
    assert (made[-1].status, made[-1].error.partition(":")[0]) == (Status.FAILED, "EndlessList")


def test_a_list_that_ends_with_the_last_page_is_whole() -> None:
    answers = [*({"next_page_token": str(number)} for number in range(MOST_PAGES - 1)), {}]
    made, _ = _pages_of(iter(answers))
    assert (len(made), made[-1].status) == (MOST_PAGES, Status.OK)


# --- credentials ----------------------------------------------------------------------------------------------------


def test_without_credentials_nothing_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with served() as cloud:
        made = configuration(cloud)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
        with pytest.raises(CredentialError, match=r"source 'prod': no Google Cloud credentials .*gcloud auth"):
            GcpCollector(made).start()
        assert not cloud.requests


def test_credentials_that_are_not_accepted_say_so() -> None:
    refused = Rule(fault=Fault.REFUSE, operation=TOKEN_OPERATION)
    with served([refused]) as cloud, pytest.raises(CredentialError, match="not accepted"):
        GcpCollector(configuration(cloud)).start()


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with served() as cloud, pytest.raises(CredentialError, match=r"ca_file .*No such file"):
        GcpCollector(configuration(cloud, ca_file=str(tmp_path / "none.pem"))).start()


def test_certificates_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no PEM")
    with served() as cloud, pytest.raises(CredentialError, match=r"ca_file .*none.pem.*no certificates in PEM"):
        GcpCollector(configuration(cloud, ca_file=str(tmp_path / "none.pem"))).start()


def test_a_server_that_nobody_vouches_for_is_not_spoken_to() -> None:
    with served() as cloud:
        seat = ambient_seat(configuration(cloud))
        assert cloud.requests[TOKEN_OPERATION] == 1
        stranger = configuration(cloud, ca_file=None)
        with pytest.raises(CredentialError, match="certificate"):
            GcpCollector(stranger).start()
        assert seat.identity == small_world().caller


# --- kill and resume, and size --------------------------------------------------------------------------------------


class _Killed(Exception):
    pass


@pytest.mark.parametrize("more", [{}, ONE_BY_ONE], ids=["at once", "one by one"])
def test_a_killed_collection_goes_on_where_it_was(more: dict[str, Any], tmp_path: Path) -> None:
    kills = 0

    def kill(progress: Progress) -> None:
        if progress.requests > 10:
            raise _Killed

    with served() as cloud:
        whole = collected(cloud, tmp_path / "whole", **more)
        all_questions = asked(cloud).total()
        cloud.calls.clear()
        cloud.latency = 0.03
        for _ in range(200):
            collector = GcpCollector(configuration(cloud, **more))
            try:
                collection = Collection(tmp_path / "killed", {"gcp": OPERATIONS}, concurrency=4, on_progress=kill)
                collection.run(collector.start())
                break
            except _Killed:
                kills += 1
        resumed = Collected(tmp_path / "killed")
        assert kills
        assert asked(cloud).total() <= all_questions + kills * 4 * 8
    assert {o.id: o.body for o in resumed.observations} == {o.id: o.body for o in whole.observations}
    for table in ("key", "key_version", "secret", "access", "gap"):
        assert told(resumed.rows(), table) == told(whole.rows(), table)


def _large_world(locations: int, rings: int, versions: int) -> World:
    world = World(NOW)
    world.places = tuple(Place(id=f"region-{number}") for number in range(locations))
    organization = world.add_organization("example.com", number=ORGANIZATION, created_at=NOW - days(3000))
    world.add_project(HOME, organization, created_at=NOW - days(2500))
    for place in world.places:
        for number in range(rings):
            ring = world.add_key_ring(HOME, place.id, f"ring-{number}", created_at=NOW - days(900))
            world.add_key(ring, "key", [Version(at=NOW - days(90))])
    ring = world.add_key_ring(HOME, "region-0", "old", created_at=NOW - days(9000))
    made = [Version(at=NOW - days(versions - number)) for number in range(versions)]
    world.add_key(ring, "much-rotated", made)
    return world


@pytest.mark.parametrize(
    ("locations", "rotations"), [(10, 2500), pytest.param(50, 5000, marks=pytest.mark.slow)], ids=["large", "huge"]
)
@pytest.mark.parametrize("more", [{}, ONE_BY_ONE], ids=["at once", "one by one"])
def test_many_locations_of_twenty_key_rings_and_a_key_of_thousands_of_versions(
    more: dict[str, Any], locations: int, rotations: int
) -> None:
    keys = locations * 20 + 1
    with served(world=_large_world(locations, 20, rotations)) as cloud:
        run = collected(cloud, **more)
        requests = asked(cloud)
    rows = run.rows()
    assert not list(gaps(rows, "failed"))
    assert len(told(rows, "key")) == keys
    versions = told(rows, "key_version")
    assert len(versions) == keys - 1 + rotations
    row = told(rows, "key")[f"projects/{HOME}/locations/region-0/keyRings/old/cryptoKeys/much-rotated"]
    assert (row["rotations"], row["last_rotated_at"]) == (rotations - 1, NOW - days(1))
    if more:
        allowed = keys * 3 + keys * 3 + locations * 6 + 20
        assert requests.total() <= allowed, "three a key, three a key ring, six a location"
    else:
        assert requests.total() <= keys + locations * 2 + 20, "one a key, two a location, and pages"


def test_the_collect_half_is_imported_only_when_a_collection_starts() -> None:
    code = "import sys, collectors.gcp.normalize; print('google' in sys.modules, 'grpc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
