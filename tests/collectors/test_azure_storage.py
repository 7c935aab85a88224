"""Storage accounts of Azure: what their keys' rows say, what encrypts them, and what leaves that open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from azure_recordings import SETTINGS, SUBSCRIPTION, VAULT_HOST, header, page, recorded, storage_account
from normalizing import table, unexplained

from collectors.azure.normalize import normalize
from evidence.model import NEVER, Row
from evidence.reading import group_by_subject


def _rows(*accounts: Any) -> list[Row]:
    exchanges = [("", "arm:StorageAccounts_List", page(*accounts))] if accounts else None
    observations = recorded("storage", exchanges)
    return list(normalize(header("storage"), group_by_subject(iter(observations)), SETTINGS))


def _keys(*accounts: Any) -> list[Any]:
    """The rows of all keys, those of an account beside each other."""
    return [row for _, row in sorted(table(_rows(*accounts), "credential").items())]


def _one(**properties: Any) -> Any:
    """The row of the first key of an account."""
    return _keys(storage_account("one", **properties))[0]


def test_an_account_has_two_keys_each_with_its_age() -> None:
    first, second = _keys()[:2]
    assert (first.name, second.name) == ("cards/key1", "cards/key2")
    assert first.last_rotated_at == datetime(2026, 9, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert second.last_rotated_at == datetime(2025, 1, 1, tzinfo=UTC)
    assert first.created_at == second.created_at == datetime(2024, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert (first.kind, first.state, first.manager, first.account) == (
        "account_key",
        "active",
        "customer",
        SUBSCRIPTION,
    )
    assert (first.reminder_days, first.expires_at, first.clients_restricted) == (90, NEVER, True)


def test_keys_that_the_account_does_not_take_are_suspended() -> None:
    assert [row.state for row in _keys()[2:]] == ["suspended", "suspended"]
    assert _one().state == "active"


def test_the_age_of_keys_that_azure_has_no_record_of_is_not_offered() -> None:
    assert _one(keyCreationTime={"key1": None, "key2": "2026-01-01T00:00:00Z"}).last_rotated_at is None
    rows = _rows(storage_account("one"))
    (gap,) = [
        row for row in table(rows, "gap").values() if row.columns == ["last_rotated_at"] and "key1" in row.subject
    ]
    assert gap.kind == "not_offered"


@pytest.mark.parametrize(
    ("properties", "restricted"),
    [
        ({"publicNetworkAccess": "Disabled"}, True),
        ({"publicNetworkAccess": "Enabled"}, False),
        ({"publicNetworkAccess": None}, False),
        ({"publicNetworkAccess": "Enabled", "networkAcls": {"defaultAction": "Allow"}}, False),
        ({"publicNetworkAccess": None, "networkAcls": {"defaultAction": "Deny"}}, True),
        ({"publicNetworkAccess": "SecuredByPerimeter"}, None),
    ],
)
def test_the_network_limits_who_can_present_a_key(properties: dict[str, Any], restricted: bool | None) -> None:
    assert _one(**properties).clients_restricted is restricted


def _encrypting(**encryption: Any) -> str | None:
    (row,) = table(_rows(storage_account("one", encryption=encryption)), "protected_resource").values()
    assert row.encrypted
    return row.key


def test_what_encrypts_an_account() -> None:
    named = {"keyname": "rotating", "keyvaulturi": f"{VAULT_HOST}:443/", "keyversion": "v9"}
    assert _encrypting(keySource="Microsoft.Keyvault", keyvaultproperties=named) == f"{VAULT_HOST}/keys/rotating"
    assert _encrypting(keySource="Microsoft.Storage") == ""


@pytest.mark.parametrize(
    "encryption",
    [
        {"keySource": "Microsoft.Keyvault"},
        {"keySource": "Microsoft.Keyvault", "keyvaultproperties": {"keyname": "a", "keyvaulturi": "http://x"}},
        {"keySource": "Microsoft.Keyvault", "keyvaultproperties": {"keyname": "../a", "keyvaulturi": VAULT_HOST}},
        {"keySource": "Microsoft.Keyvault", "keyvaultproperties": {"keyname": "a", "keyvaulturi": "https://[/"}},
        {"keySource": "Somebody.Else"},
    ],
)
def test_a_key_that_is_not_named_as_azure_names_keys_is_not_known(encryption: dict[str, Any]) -> None:
    assert _encrypting(**encryption) is None


@pytest.mark.parametrize("left_out", ["creationTime", "encryption", "keySource"])
def test_what_is_left_out_of_one_account_is_unknown_of_that_one_alone(left_out: str) -> None:
    encryption = {} if left_out == "keySource" else {"keySource": "Microsoft.Storage"}
    lacking = storage_account("lacking", encryption=encryption)
    lacking["properties"].pop(left_out, None)
    rows = _rows(storage_account("one"), lacking)
    assert unexplained(rows) == []
    stores = table(rows, "protected_resource")
    assert [(row.key, row.encrypted) for row in stores.values()] == [
        ("", True),
        ("" if left_out == "creationTime" else None, True),
    ]
    unknown = {column for gap in table(rows, "gap").values() for column in gap.columns if "lacking" in gap.subject}
    assert unknown >= ({"created_at"} if left_out == "creationTime" else {"key"})


def test_an_account_that_is_listed_twice_is_one() -> None:
    account = storage_account("one")
    assert len(_keys(account, {**account, "id": account["id"].upper()})) == 2
