"""The long-lived credentials of Google Cloud: what their rows say, and what leaves rows or facts open."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from gcp_runs import BY_PROJECT, ONE_BY_ONE, SETTINGS, asked, collected, told
from small_gcp import HOME, NOW, OTHER, served, small_world

from collectors.gcp.normalize import normalize
from evidence.model import NEVER, Row
from evidence.observation import body_digest
from evidence.reading import group_by_subject
from keyproof.demo.faults import Fault
from keyproof.demo.gcp.faults import Rule
from keyproof.demo.names import days

WORKER, BATCH = (f"{name}@{HOME}.iam.gserviceaccount.com" for name in ("worker", "batch"))
API_KEYS = {key.display_name: name for name, key in small_world().api_keys.items()}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with served() as cloud:
        return collected(cloud).rows()


def _of(rows: list[Row], principal: str) -> list[dict[str, Any]]:
    """What is told of a service account's keys that people manage, the oldest certificate's first."""
    found = [row for row in told(rows, "credential").values() if row["principal"] == principal]
    return sorted((row for row in found if row["manager"] == "customer"), key=lambda row: str(row["created_at"]))


def test_keys_of_service_accounts(rows: list[Row]) -> None:
    old, ended, young = _of(rows, WORKER)
    assert [row["created_at"] for row in (old, ended, young)] == [NOW - days(age) for age in (800, 200, 20)]
    assert [row["state"] for row in (old, ended, young)] == ["active", "deactivated", "active"]
    assert [row["expires_at"] for row in (old, ended, young)] == [NEVER, NOW - days(110), NEVER]
    assert (young["kind"], young["account"], young["of_root"]) == ("service_account_key", HOME, False)
    assert young["last_rotated_at"] == young["created_at"]
    assert (young["used"], young["services_restricted"], young["clients_restricted"]) == (None, None, None)


def test_a_disabled_key_is_suspended_and_an_uploaded_one_of_unknown_age(rows: list[Row]) -> None:
    disabled, uploaded = _of(rows, BATCH)
    assert (disabled["state"], disabled["created_at"]) == ("suspended", NOW - days(500))
    assert (uploaded["created_at"], uploaded["last_rotated_at"]) == (None, None)
    assert (uploaded["state"], uploaded["expires_at"]) == ("active", NOW + days(3650))


def test_keys_that_google_manages_are_the_providers(rows: list[Row]) -> None:
    managers = Counter(
        (row["account"], row["manager"])
        for row in told(rows, "credential").values()
        if row["kind"] == "service_account_key"
    )
    assert managers == {(HOME, "customer"): 5, (HOME, "provider"): 2, (OTHER, "provider"): 1}


@pytest.mark.parametrize(
    ("name", "services", "clients"), [("maps", True, True), ("unlimited", False, False), ("anywhere", False, False)]
)
def test_api_keys(rows: list[Row], name: str, services: bool, clients: bool) -> None:
    row = told(rows, "credential")[API_KEYS[name]]
    assert (row["kind"], row["name"], row["account"], row["state"]) == ("api_key", name, HOME, "active")
    assert (row["services_restricted"], row["clients_restricted"]) == (services, clients)
    assert (row["expires_at"], row["principal"], row["manager"]) == (NEVER, None, "customer")
    assert row["last_rotated_at"] == row["created_at"]


def test_an_api_key_that_was_deleted_is_no_credential(rows: list[Row]) -> None:
    assert API_KEYS["gone"] not in told(rows, "credential")


LIMITS: dict[str, tuple[dict[str, Any], bool]] = {
    "one site": ({"browser_key_restrictions": {"allowed_referrers": ["https://shop.example/*"]}}, True),
    "any site": ({"browser_key_restrictions": {"allowed_referrers": ["https://shop.example/*", "*"]}}, False),
    "no site": ({"browser_key_restrictions": {}}, False),
    "some addresses": ({"server_key_restrictions": {"allowed_ips": ["2001:db8::/32", "192.0.2.7"]}}, True),
    "any address": ({"server_key_restrictions": {"allowed_ips": ["192.0.2.7", "::/0"]}}, False),
    "an app on iOS": ({"ios_key_restrictions": {"allowed_bundle_ids": ["example.app"]}}, True),
    "an app on Android": ({"android_key_restrictions": {"allowed_applications": [{"package_name": "a.b"}]}}, True),
    "no app": ({"android_key_restrictions": {}}, False),
}


def test_a_limit_that_admits_anybody_is_none() -> None:
    world = small_world()
    for name, (limits, _) in LIMITS.items():
        world.add_api_key(OTHER, name, at=NOW - days(1), restrictions=limits)
    with served(world=world) as cloud:
        rows = collected(cloud, organization=None, projects=[OTHER], services=["apikeys"], asset_inventory=False).rows()
    found = {row["name"]: row["clients_restricted"] for row in told(rows, "credential").values()}
    assert found == {name: restricted for name, (_, restricted) in LIMITS.items()}


def test_one_by_one_a_service_account_costs_a_request() -> None:
    with served() as cloud:
        collected(cloud, services=["iam", "apikeys"], **BY_PROJECT)
        requests = asked(cloud)
    assert (requests["iam:ListServiceAccountKeys"], requests["apikeys:ListKeys"]) == (3, 3)
    assert {name for name in requests if not name.startswith("resourcemanager:")} == {
        "iam:ListServiceAccounts",
        "iam:ListServiceAccountKeys",
        "apikeys:ListKeys",
    }


def test_what_is_not_configured_is_not_asked() -> None:
    with served() as cloud:
        rows = collected(cloud, services=["kms"]).rows()
        walked = collected(cloud, services=["kms"], **ONE_BY_ONE).rows()
        requests = asked(cloud)
    assert not told(rows, "credential")
    assert not told(walked, "credential")
    assert not any(name.startswith(("iam:", "apikeys:")) for name in requests)


def test_a_service_account_whose_keys_are_refused_leaves_keys_missing() -> None:
    refused = Rule(fault=Fault.REFUSE, operation="iam:ListServiceAccountKeys", subject="batch@")
    with served([refused]) as cloud:
        rows = collected(cloud, services=["iam"], **BY_PROJECT).rows()
    assert len(_of(rows, WORKER)) == 3
    assert not _of(rows, BATCH)
    missing: list[Any] = [row for row in rows if getattr(row, "rows_missing", False)]
    assert [gap.operation for gap in missing if gap.of_table == "credential"] == ["iam:ListServiceAccountKeys"]
    scopes = {row.account: row for row in rows if row.table == "scope" and row.service == "iam"}  # type: ignore[attr-defined]
    assert (scopes[HOME].complete, scopes[HOME].listed, scopes[HOME].refused) == (None, None, 1)  # type: ignore[attr-defined]
    assert (scopes[OTHER].complete, scopes[OTHER].listed) == (True, 1)  # type: ignore[attr-defined]


def _changed(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The row of an API key and of a key that Cloud Asset Inventory tells of otherwise, by name."""
    with served() as cloud:
        run = collected(cloud)
    (scope,) = [scope for scope in run.scopes if scope.endswith("/organization")]

    def changed(body: str) -> str:
        answer = json.loads(body)
        for asset in answer.get("assets", []):
            change(asset)
        return json.dumps(answer)

    observations = [
        replace(one, body=changed(one.body), sha256=body_digest(changed(one.body)))
        if one.operation == "asset:ListAssets"
        else one
        for one in run.scopes[scope]
    ]
    return told(list(normalize(run.headers[scope], group_by_subject(iter(observations)), SETTINGS)), "credential")


def test_an_asset_that_is_no_credential_as_documented_leaves_its_facts_open() -> None:
    def spoil(asset: dict[str, Any]) -> None:
        if asset["asset_type"] == "apikeys.googleapis.com/Key" and "resource" in asset:
            asset["resource"]["data"]["createTime"] = "yesterday"

    row = _changed(spoil)[API_KEYS["maps"]]
    assert (row["created_at"], row["state"], row["services_restricted"]) == (None, None, None)
    assert (row["kind"], row["account"]) == ("api_key", HOME)


def test_a_key_of_a_kind_and_origin_that_nobody_knows_yet_has_no_manager_and_no_age() -> None:
    def spoil(asset: dict[str, Any]) -> None:
        if asset["asset_type"] == "iam.googleapis.com/ServiceAccountKey" and "resource" in asset:
            asset["resource"]["data"] |= {"keyType": "SHARED", "keyOrigin": "SOMEWHERE"}

    found = [row for row in _changed(spoil).values() if row["kind"] == "service_account_key"]
    assert {(row["manager"], row["created_at"]) for row in found} == {(None, None)}
