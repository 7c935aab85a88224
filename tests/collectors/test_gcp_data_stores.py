"""Data stores of Google Cloud that no customer's key encrypts: which are told, and what is missed without a search."""

from __future__ import annotations

from typing import Any

import pytest
from gcp_runs import BY_PROJECT, ONE_BY_ONE, asked, collected, told
from small_gcp import ELSEWHERE, HOME, NOW, OTHER, served, shared_world

from evidence.model import Gap, Row
from keyproof.demo.faults import Fault
from keyproof.demo.gcp.faults import Rule
from keyproof.demo.names import days

LOGS = "//storage.googleapis.com/example-logs"
DATASET = f"//bigquery.googleapis.com/projects/{OTHER}/datasets/warehouse"
SEARCH = "asset:SearchAllResources"


def _googles(rows: list[Row]) -> dict[str, dict[str, Any]]:
    return {id: row for id, row in told(rows, "protected_resource").items() if row["key"] == ""}


def _missed(rows: list[Row]) -> list[tuple[str, str]]:
    gaps: list[Any] = [row for row in rows if row.table == "gap"]
    return [(gap.scope, gap.kind) for gap in gaps if gap.rows_missing and gap.operation == SEARCH]


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_what_no_customers_key_encrypts_is_told_by_a_search(transport: str) -> None:
    with served() as cloud:
        rows = collected(cloud, transport=transport).rows()
        requests = asked(cloud)
    found = _googles(rows)
    assert set(found) == {LOGS, DATASET}
    assert (found[LOGS]["account"], found[LOGS]["region"], found[LOGS]["encrypted"]) == (HOME, "eu", True)
    assert (found[LOGS]["kind"], found[LOGS]["service"]) == ("storage.googleapis.com/Bucket", "storage.googleapis.com")
    assert found[DATASET]["created_at"] == NOW - days(90)
    assert requests[SEARCH] == 2
    assert _missed(rows) == []


def test_what_a_customers_key_encrypts_is_told_once() -> None:
    with served() as cloud:
        rows = collected(cloud).rows()
    named = [row["name"] for row in told(rows, "protected_resource").values()]
    assert named.count("//storage.googleapis.com/example-cards-0") == 1


def test_what_a_key_encrypts_that_is_read_nowhere_is_told_with_its_name() -> None:
    with served(world=shared_world()) as cloud:
        rows = collected(cloud).rows()
        of_projects = collected(cloud, **{**BY_PROJECT, "asset_inventory": True}).rows()
    id = f"//storage.googleapis.com/example-shared#{ELSEWHERE}"
    shared = told(rows, "protected_resource")[id]
    assert (shared["name"], shared["key"]) == ("//storage.googleapis.com/example-shared", ELSEWHERE)
    assert (shared["encrypted"], shared["account"]) == (True, HOME)
    assert id in told(of_projects, "protected_resource")


@pytest.mark.parametrize("operation", ["resourcemanager:ListProjects", "resourcemanager:ListFolders"])
def test_whose_key_it_is_stays_open_where_projects_may_be_missing(operation: str) -> None:
    refused = [Rule(fault=Fault.REFUSE, operation=name) for name in ("asset:ListAssets", operation)]
    with served(refused, shared_world()) as cloud:
        rows = collected(cloud).rows()
    assert f"//storage.googleapis.com/example-shared#{ELSEWHERE}" not in told(rows, "protected_resource")
    about = {(gap.operation, gap.kind) for gap in rows if isinstance(gap, Gap) and gap.subject == ELSEWHERE}
    assert about == {(operation, "refused")}


def test_a_search_that_is_refused_leaves_rows_missing() -> None:
    with served([Rule(fault=Fault.REFUSE, operation=SEARCH)]) as cloud:
        rows = collected(cloud).rows()
    assert not _googles(rows)
    assert [kind for _, kind in _missed(rows)] == ["refused"]


def test_a_walk_searches_once_for_all() -> None:
    with served([Rule(fault=Fault.REFUSE, operation="asset:ListAssets")]) as cloud:
        rows = collected(cloud).rows()
    assert {row["account"] for row in _googles(rows).values()} == {HOME, OTHER}
    assert _missed(rows) == []


@pytest.mark.parametrize("more", [ONE_BY_ONE, BY_PROJECT], ids=["organization", "projects"])
def test_without_the_inventory_rows_are_missed_where_the_reading_began(more: dict[str, Any]) -> None:
    with served() as cloud:
        rows = collected(cloud, **more).rows()
    assert not _googles(rows)
    begun = 2 if "projects" in more else 1
    assert [kind for _, kind in _missed(rows)] == ["not_offered"] * begun


def test_nothing_is_searched_where_keys_are_not_read() -> None:
    with served() as cloud:
        collected(cloud, services=["secretmanager"])
        assert not asked(cloud)[SEARCH]
