"""The table of an Azure source is taken whole or refused with the reason, and says to whom a token may go."""

import pytest
from pydantic import ValidationError

from collectors.azure.configuration import CLOUDS, AzureConfiguration

ID = "11111111-2222-4333-8444-555555555555"


def _made(**table: object) -> AzureConfiguration:
    return AzureConfiguration.model_validate({"name": "prod", "subscriptions": "all", **table})


def test_the_least_table_reads_everything() -> None:
    made = _made()
    assert made.services == ["vault", "managedhsm", "storage"]
    assert made.resource_manager == "https://management.azure.com"
    assert made.authority == "", "the environment may name another"


def test_subscriptions_are_told_apart_whatever_their_case() -> None:
    assert _made(subscriptions=[ID.upper()]).subscriptions == [ID]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_sovereign_cloud_is_found_by_its_name(cloud: str) -> None:
    made = _made(cloud=cloud)
    assert made.resource_manager == CLOUDS[cloud].resource_manager
    assert made.authority in ("", CLOUDS[cloud].authority)
    for suffix in CLOUDS[cloud].vault_suffixes:
        assert made.trusts(f"https://cards.{suffix}/")


@pytest.mark.parametrize(
    "address",
    [
        "https://cards.vault.azure.net.evil.example",
        "https://vault.azure.net.evil.example",
        "https://evilvault.azure.net",
        "https://cards.vault.azure.net@evil.example/",
        "https://evil.example\\.vault.azure.net",
        "https://user:word@cards.vault.azure.net",
        "http://cards.vault.azure.net",
        "https://cards.vault.azure.net:8443",
        "https://cards.vault.azure.net/path",
        "https://cards.vault.azure.cn",
        "https://[",
        "",
    ],
)
def test_a_vault_elsewhere_is_not_trusted(address: str) -> None:
    assert not _made().trusts(address)


def test_a_private_cloud_names_where_its_vaults_are() -> None:
    made = _made(endpoints={"resource_manager": "https://management.local:444/", "vault_suffix": "vault.local"})
    assert made.resource_manager == "https://management.local:444"
    assert made.trusts("https://cards.vault.local:8443/")
    assert made.trusts("https://vault.local:8443")
    assert not made.trusts("https://cards.vault.azure.net")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"name": "a/b"}, "name"),
        ({"subscriptions": []}, 'expected a list of subscription ids, or "all"'),
        ({"subscriptions": "production"}, "expected a list of subscription ids"),
        ({"subscriptions": ["production"]}, "'production' is no subscription id"),
        ({"subscriptions": [1]}, "1 is no subscription id"),
        ({"subscriptions": [ID, ID.upper()]}, "named twice"),
        ({"cloud": "AzureGermanCloud"}, "AzureChinaCloud"),
        ({"services": []}, "at least 1"),
        ({"services": ["network"]}, "managedhsm"),
        ({"endpoints": {"resource_manager": "http://127.0.0.1"}}, "TLS only"),
        ({"endpoints": {"authority": "https://user:word@127.0.0.1"}}, "must not hold credentials"),
        ({"endpoints": {"authority": "https://127.0.0.1/tenant"}}, "more than a host"),
        ({"endpoints": {"vault_suffix": "https://vault.local"}}, "no end of a host name"),
        ({"endpoints": {"graph": "https://127.0.0.1"}}, "Extra inputs"),
        ({"client_secret": "x"}, "Extra inputs"),
        ({"attempts": 0}, "attempts"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
    ],
)
def test_what_makes_no_sense_is_refused(table: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _made(**table)
    assert says in str(refused.value)
