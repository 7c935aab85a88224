"""The company's part in Azure: the same each time, and with every case that is of interest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.keyvault.certificates import CertificateClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.secrets import SecretClient
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from small_azure import served

from keyproof.demo.azure.embedded import EmbeddedAzure
from keyproof.demo.azure.estate import PRIVATE, REFUSED, RETAIL, WORKPLACE, estate
from keyproof.demo.azure.world import Store, World


class Auditor:
    """Microsoft's clients, as the company's auditor has them."""

    def __init__(self, azure: EmbeddedAzure) -> None:
        self.azure = azure
        self.options: dict[str, Any] = {"connection_verify": azure.ca_file, "retry_total": 0}
        self.credential = DefaultAzureCredential(disable_instance_discovery=True, **self.options)

    def data(self, client: Any, store: str) -> Any:
        url = self.azure.world.addresses[store]
        return client(url, self.credential, verify_challenge_resource=False, **self.options)

    def management(self, client: Any, subscription: str) -> Any:
        scopes = {"base_url": self.azure.url, "credential_scopes": ["https://management.azure.com/.default"]}
        return client(self.credential, subscription, **scopes, **self.options)


@pytest.fixture(scope="module")
def world() -> World:
    return estate()


@pytest.fixture(scope="module")
def auditor(world: World) -> Iterator[Auditor]:
    with served(world=world) as azure:
        yield Auditor(azure)


def described(auditor: Auditor) -> list[str]:
    """All that a collector could read, store by store, without the addresses at which they happen to be served."""
    found: list[Any] = []
    for subscription in (RETAIL, WORKPLACE):
        vaults = auditor.management(KeyVaultManagementClient, subscription)
        stores = [*vaults.vaults.list_by_subscription(), *vaults.managed_hsms.list_by_subscription()]
        access = auditor.management(AuthorizationManagementClient, subscription)
        found += [one.as_dict() for one in access.role_assignments.list_for_scope(f"/subscriptions/{subscription}")]
        found += [one.as_dict() for one in vaults.vaults.list_deleted()]
        for store in stores:
            found.append([store.name, store.tags, store.location])
            if store.name not in (PRIVATE, REFUSED):
                keys = auditor.data(KeyClient, store.name)
                found += [_text(keys.get_key(key.name)) for key in keys.list_properties_of_keys()]
    return [json.dumps(one, sort_keys=True, default=str) for one in found]


def _text(key: Any) -> list[Any]:
    properties = key.properties
    times = (properties.created_on, properties.updated_on, properties.expires_on, properties.not_before)
    return [key.id, str(key.key_type), key.key_operations, times, properties.tags, properties.exportable]


def test_two_seedings_give_the_same_answers() -> None:
    now = datetime(2026, 6, 30, tzinfo=UTC)
    answers = []
    for _ in range(2):
        with served(world=estate(now)) as azure:
            answers.append(described(Auditor(azure)))
    assert answers[0] == answers[1]
    assert len(answers[0]) > 80


def test_there_is_enough_of_everything(world: World) -> None:
    stores = list(world.stores.values())
    assert len(world.subscriptions) == 2
    assert sum(not key.managed for store in stores for key in store.keys.values()) == 48
    assert sum(not secret.managed for store in stores for secret in store.secrets.values()) == 25
    assert sum(len(store.certificates) for store in stores) == 10


def test_names_are_ones_that_azure_takes(world: World) -> None:
    for store in world.stores.values():
        assert 3 <= len(store.name) <= 24
        for name in (*store.keys, *store.secrets, *store.certificates):
            assert name.replace("-", "").isalnum()
            assert len(name) <= 127


def _every_key(world: World) -> Iterator[tuple[Store, Any]]:
    for store in world.stores.values():
        for key in store.keys.values():
            yield store, key


CASES = {
    "never rotated": lambda store, key: len(key.versions) == 1 and not key.policy,
    "rotates after a time": lambda store, key: key.policy and key.policy.rotate_after,
    "rotates before it expires": lambda store, key: key.policy and key.policy.rotate_before_expiry,
    "notice only": lambda store, key: (
        key.policy and not key.policy.rotate_after and not key.policy.rotate_before_expiry
    ),
    "rotated by hand": lambda store, key: len(key.versions) > 1 and not key.policy,
    "never expires": lambda store, key: key.versions[-1].expires_at is None,
    "disabled": lambda store, key: not key.versions[-1].enabled,
    "not yet active": lambda store, key: key.versions[-1].not_before,
    "weak modulus": lambda store, key: key.kty.startswith("RSA") and key.size == 2048 and not key.managed,
    "curve outside the standards": lambda store, key: key.curve == "P-256K",
    "post-quantum": lambda store, key: key.algorithm.startswith("ML-DSA") and store.kind == "managedhsm",
    "may be released": lambda store, key: key.exportable and key.release_policy,
    "of a certificate": lambda store, key: key.managed,
    "attested": lambda store, key: key.attested,
    "deleted": lambda store, key: key.deleted_at,
    "without tags": lambda store, key: not key.tags,
}


@pytest.mark.parametrize("case", CASES)
def test_the_estate_has_this_case(world: World, case: str) -> None:
    assert any(CASES[case](store, key) for store, key in _every_key(world))


def test_expired_keys_are_still_enabled(world: World, auditor: Auditor) -> None:
    key = auditor.data(KeyClient, "nw-pos-prod").get_key("till-backup").properties
    assert key.enabled
    assert key.expires_on < world.now


def test_a_rotation_is_overdue(world: World, auditor: Auditor) -> None:
    keys = auditor.data(KeyClient, "nw-pos-prod")
    (action,) = keys.get_key_rotation_policy("refunds").lifetime_actions
    assert action.time_after_create == "P90D"
    assert (world.now - keys.get_key("refunds").properties.created_on).days > 90


def test_automatic_rotations_never_lie_in_the_future(world: World) -> None:
    for _, key in _every_key(world):
        ages = [version.at for version in key.versions]
        assert ages == sorted(ages)
        assert ages[-1] <= world.now


def test_one_vault_is_behind_a_private_link(auditor: Auditor) -> None:
    with pytest.raises(HttpResponseError) as refused:
        list(auditor.data(KeyClient, PRIVATE).list_properties_of_keys())
    assert refused.value.error.innererror["code"] == "ForbiddenByConnection"
    vaults = auditor.management(KeyVaultManagementClient, RETAIL)
    assert len(list(vaults.keys.list("points-of-sale", PRIVATE))) == 4


def test_one_vault_refuses_everything(auditor: Auditor) -> None:
    vaults = auditor.management(KeyVaultManagementClient, WORKPLACE)
    assert REFUSED in {vault.name for vault in vaults.vaults.list_by_subscription()}
    for ask in (
        lambda: vaults.vaults.get("harbour", REFUSED),
        lambda: list(vaults.keys.list("harbour", REFUSED)),
        lambda: list(auditor.data(KeyClient, REFUSED).list_properties_of_keys()),
        lambda: list(auditor.data(SecretClient, REFUSED).list_properties_of_secrets()),
        lambda: list(auditor.data(CertificateClient, REFUSED).list_properties_of_certificates()),
    ):
        with pytest.raises(HttpResponseError) as refused:
            ask()
        assert refused.value.status_code == 403


def test_vaults_differ_in_protection(auditor: Auditor) -> None:
    found: dict[str, Any] = {}
    for subscription in (RETAIL, WORKPLACE):
        for vault in auditor.management(KeyVaultManagementClient, subscription).vaults.list_by_subscription():
            found[vault.name] = vault.properties
    assert {name for name, one in found.items() if not one.enable_purge_protection} == {"nw-pos-dev", "nw-erp-legacy"}
    assert {name for name, one in found.items() if not one.enable_rbac_authorization} == {"nw-erp-legacy"}
    assert found["nw-erp-legacy"].access_policies[0].permissions.keys_property == ["all"]
    unlogged = {store.name for store in auditor.azure.world.stores.values() if not store.log_settings}
    assert unlogged == {"nw-pos-dev"}
