"""What the views' derived columns say, and when they say nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from controls.catalogue import Catalogue
from controls.views import VIEWS
from controls.views.custody import KEEPS_EVERYTHING, KEEPS_WHAT_IT_MADE
from evidence.inventory import UNREAD_KEY
from evidence.model import NEVER, TABLES, Key, ProtectedResource, Row, Secret, columns
from evidence.observation import short_id

ROOT = Path(__file__).resolve().parents[2]

Observe = Callable[[str, Sequence[Row]], dict[str, Any]]


@pytest.fixture
def observe(tmp_path: Path, estate: ModuleType, catalogue: Catalogue) -> Observe:
    """`observe(control, rows)`: the observed facts of each row, and under `missing` the gaps, by the row's id."""

    def _observe(control: str, rows: Sequence[Row]) -> dict[str, Any]:
        judged = estate.judge(tmp_path, estate.only(catalogue, control), rows)
        return {
            finding["subject"]: json.loads(finding["observed"]) | {"missing": finding["missing"]}
            for finding in judged.of(control)
            if finding["observed"] != "{}"
        }

    return _observe


def test_every_table_but_those_that_grow_as_knowledge_falls_can_be_judged() -> None:
    assert set(TABLES) - set(VIEWS) == {"gap", "observation"}


def test_what_keys_and_secrets_share_means_the_same_in_both() -> None:
    shared = {c.name: (c.type, c.values) for c in columns(Key)}.items() & {
        c.name: (c.type, c.values) for c in columns(Secret)
    }.items()
    asset = {c.name: (c.type, c.values) for c in VIEWS["asset"].columns.values()}
    assert asset.pop("kind") == ("string", ("key", "secret"))
    assert asset.items() <= shared


# --- asset_deletion -------------------------------------------------------------------------------------------------


def _azure(estate: ModuleType, **facts: Any) -> Any:
    scope = estate.scope(provider="azure", service="vault")
    return scope, estate.key(scope=scope.id, deletion_window_set=True, deletion_window_days=90, **facts)


@pytest.mark.parametrize("on", [True, False])
def test_what_a_store_protects_it_protects_in_each_of_its_keys_and_secrets(
    estate: ModuleType, observe: Observe, on: bool
) -> None:
    scope, key = _azure(estate)
    secret = estate.secret(scope=scope.id, key_store=key.key_store, deletion_window_set=True)
    elsewhere = estate.key(2, scope=scope.id, key_store="another", deletion_window_set=True)
    stores = [estate.store(key, purge_protection=on), estate.store(elsewhere, purge_protection=not on)]
    told = observe("STO-01", [scope, key, secret, elsewhere, *stores])
    assert (told[key.id]["purge_protection"], told[key.id]["purge_protection_settable"]) == (on, True)
    assert told[secret.id]["purge_protection"] is on
    assert told[elsewhere.id]["purge_protection"] is not on


@pytest.mark.parametrize("provider", ["aws", "gcp"])
def test_where_no_setting_protects_from_purging_none_is_asked_for(
    estate: ModuleType, tmp_path: Path, catalogue: Catalogue, provider: str
) -> None:
    secret = estate.secret(deletion_window_set=True, deletion_window_days=30)
    scope = estate.scope(provider=provider, service="secretsmanager")
    rows = [scope, secret, estate.store(secret, purge_protection=False)]
    assert estate.judge(tmp_path, estate.only(catalogue, "STO-01"), rows).verdict("STO-01", secret.id) == "pass"


def test_a_store_that_was_not_read_protects_nobody_knows_what(estate: ModuleType, observe: Observe) -> None:
    scope, key = _azure(estate)
    gap = estate.rows_gap(scope.id, "key_store", operation="arm:Vaults_Get")
    beside = estate.column_gap(estate.store(key), "purge_protection")
    told = observe("STO-01", [scope, key, gap, beside])[key.id]
    assert (told["purge_protection"], told["missing"]) == (None, [gap.id])


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_setting_that_was_not_read_says_which_gap(estate: ModuleType, observe: Observe, everywhere: bool) -> None:
    scope, key = _azure(estate)
    store = estate.store(key, purge_protection=None)
    gap = estate.column_gap(store, "purge_protection", everywhere=everywhere)
    beside = [estate.column_gap(store, "network_public"), estate.column_gap(estate.key(9, scope=scope.id), "key_store")]
    told = observe("STO-01", [scope, key, store, gap, *beside])[key.id]
    assert (told["purge_protection"], told["missing"]) == (None, [gap.id])


def test_a_key_whose_store_is_not_known_is_protected_nobody_knows_how(estate: ModuleType, observe: Observe) -> None:
    scope, key = _azure(estate, key_store=None)
    gap = estate.column_gap(key, "key_store")
    told = observe("STO-01", [scope, key, gap, estate.store(estate.key(), scope=scope.id)])[key.id]
    assert (told["purge_protection"], told["missing"]) == (None, [gap.id])


@pytest.mark.parametrize(
    ("control", "column"), [("STO-01", "purge_protection_settable"), ("DES-01", "resources_counted")]
)
def test_what_a_provider_offers_is_not_known_without_the_provider(
    estate: ModuleType, observe: Observe, control: str, column: str
) -> None:
    scope = estate.scope(provider=None)
    key = estate.key(
        state="pending_deletion", deletion_window_set=True, used=True, last_used_at=estate.days_before(200)
    )
    gap = estate.column_gap(scope, "provider")
    told = observe(control, [scope, key, estate.store(key), gap])[key.id]
    assert told[column] is None
    assert gap.id in told["missing"]


# --- key_duty -------------------------------------------------------------------------------------------------------


def _duty(estate: ModuleType, observe: Observe, *access: Row, extra: Sequence[Row] = ()) -> Any:
    key = estate.key()
    return observe("USE-03", [estate.scope(), key, *access, *extra])[key.id]


def test_whoever_may_administer_and_use_a_key_is_named(estate: ModuleType, observe: Observe) -> None:
    key = estate.key()
    told = _duty(
        estate,
        observe,
        estate.access(key, "role/b", "administer"),
        estate.access(key, "role/b", "decrypt"),
        estate.access(key, "role/a", "use"),
        estate.access(key, "role/a", "administer"),
        estate.access(key, "role/admin", "administer"),
        estate.access(key, "role/app", "use"),
        estate.access(key, "role/granter", "grant"),
    )
    assert told["administrators_who_use"] == ["role/a", "role/b"]


def test_whoever_may_take_a_key_out_can_use_it(estate: ModuleType, observe: Observe) -> None:
    key = estate.key()
    told = _duty(
        estate,
        observe,
        estate.access(key, "role/backup", "export"),
        estate.access(key, "role/both", "export"),
        estate.access(key, "role/both", "administer"),
    )
    assert told["administrators_who_use"] == ["role/both"]


def test_whole_accounts_and_services_are_left_out(estate: ModuleType, observe: Observe) -> None:
    key = estate.key()
    access = [
        estate.access(key, principal, capability, principal_kind=principal)
        for principal in ("account", "service")
        for capability in ("administer", "use")
    ]
    assert _duty(estate, observe, *access)["administrators_who_use"] == []


def test_what_anyone_may_do_an_administrator_may_do(estate: ModuleType, observe: Observe) -> None:
    key = estate.key()
    anyone = estate.access(key, "*", "decrypt", principal_kind="anyone", public=True)
    told = _duty(estate, observe, estate.access(key, "role/admin", "administer"), anyone)
    assert told["administrators_who_use"] == ["role/admin"]


def test_a_key_that_nobody_has_access_to_has_no_such_administrator(estate: ModuleType, observe: Observe) -> None:
    assert _duty(estate, observe)["administrators_who_use"] == []


@pytest.mark.parametrize("column", ["principal", "principal_kind", "capability", "public"])
def test_a_grant_that_is_half_known_withholds_the_list(estate: ModuleType, observe: Observe, column: str) -> None:
    access = replace(estate.access(estate.key(), "role/admin", "administer"), **{column: None})
    gap = estate.column_gap(access, column)
    told = _duty(estate, observe, access, extra=[gap])
    assert told["administrators_who_use"] is None
    assert told["missing"] == [gap.id]


@pytest.mark.parametrize("subject", ["key", ""])
def test_access_that_was_not_read_is_not_access_that_nobody_has(
    estate: ModuleType, observe: Observe, subject: str
) -> None:
    key, other = estate.key(1), estate.key(2)
    gap = estate.rows_gap(key.scope, "access", key.id if subject else "")
    told = observe("USE-03", [estate.scope(), key, other, gap])
    assert told[key.id]["administrators_who_use"] is None
    assert told[key.id]["missing"] == [gap.id]
    assert told[other.id]["administrators_who_use"] == ([] if subject else None)


def test_access_to_nobody_knows_which_key_withholds_all_of_the_scope(estate: ModuleType, observe: Observe) -> None:
    access = estate.access(estate.key(), "role/admin", "administer", subject=None)
    gap = estate.column_gap(access, "subject")
    told = observe("USE-03", [estate.scope(), estate.key(1), estate.key(2), access, gap])
    assert {facts["administrators_who_use"] for facts in told.values()} == {None}
    assert [facts["missing"] for facts in told.values()] == [[gap.id], [gap.id]]


def test_what_is_granted_on_a_store_holds_for_its_keys(estate: ModuleType, observe: Observe) -> None:
    plain, named = estate.key(1), estate.key(2)
    elsewhere = estate.key(3, key_store="arn:aws:kms:another")
    told = observe(
        "USE-03",
        [
            estate.scope(),
            *(plain, named, elsewhere),
            estate.access(plain, "role/vault", "administer", store=True),
            estate.access(plain, "role/both", "administer", store=True),
            estate.access(plain, "role/both", "use", store=True),
            estate.access(named, "role/vault", "decrypt"),
        ],
    )
    assert told[plain.id]["administrators_who_use"] == ["role/both"]
    assert told[named.id]["administrators_who_use"] == ["role/both", "role/vault"]
    assert told[elsewhere.id]["administrators_who_use"] == []


def test_access_to_a_store_that_was_not_read_withholds_the_list_of_its_keys(
    estate: ModuleType, observe: Observe
) -> None:
    key, elsewhere = estate.key(1), estate.key(2, key_store="arn:aws:kms:another")
    gap = estate.rows_gap(key.scope, "access", key.key_store)
    told = observe("USE-03", [estate.scope(), key, elsewhere, gap])
    assert (told[key.id]["administrators_who_use"], told[key.id]["missing"]) == (None, [gap.id])
    assert told[elsewhere.id]["administrators_who_use"] == []


def test_a_half_known_grant_on_a_store_withholds_the_list_of_its_keys(estate: ModuleType, observe: Observe) -> None:
    key = estate.key()
    access = estate.access(key, "role/admin", "administer", store=True, principal_kind=None)
    gap = estate.column_gap(access, "principal_kind")
    told = observe("USE-03", [estate.scope(), key, access, gap, estate.access(key, "role/app", "use")])
    assert (told[key.id]["administrators_who_use"], told[key.id]["missing"]) == (None, [gap.id])


def test_a_key_whose_store_is_not_known_may_be_under_any_grant(estate: ModuleType, observe: Observe) -> None:
    key = estate.key(key_store=None)
    gap = estate.column_gap(key, "key_store")
    told = observe("USE-03", [estate.scope(), key, gap])
    assert (told[key.id]["administrators_who_use"], told[key.id]["missing"]) == (None, [gap.id])


def _administered(estate: ModuleType, observe: Observe, *access: Row, extra: Sequence[Row] = ()) -> Any:
    key = estate.key()
    return observe("USE-01", [estate.scope(), key, *access, *extra])[key.id]


def test_administrators_are_those_who_may_administer_a_key_or_its_store(estate: ModuleType, observe: Observe) -> None:
    key = estate.key()
    told = _administered(
        estate,
        observe,
        estate.access(key, "role/b", "administer"),
        estate.access(key, "role/a", "administer", store=True),
        estate.access(key, "role/a", "decrypt"),
        estate.access(key, "role/app", "use"),
        estate.access(key, "role/pipeline", "administer", principal_kind="machine"),
        estate.access(key, "s3", "administer", principal_kind="service"),
    )
    assert (told["administrators"], told["administrators_told"]) == (["role/a", "role/b"], True)


@pytest.mark.parametrize("kind", ["account", "group"])
def test_who_is_behind_an_account_or_a_group_is_not_told(estate: ModuleType, observe: Observe, kind: str) -> None:
    access = estate.access(estate.key(), "many", "administer", principal_kind=kind)
    told = _administered(estate, observe, access)
    assert (told["administrators"], told["administrators_told"]) == (["many"], None)
    assert told["missing"] == [], "no gap, since everything was read"


def test_an_account_or_a_group_that_may_only_use_a_key_leaves_nothing_open(
    estate: ModuleType, observe: Observe
) -> None:
    access = estate.access(estate.key(), "many", "use", principal_kind="group")
    assert _administered(estate, observe, access)["administrators_told"] is True


def test_anyone_who_may_administer_is_among_the_administrators(estate: ModuleType, observe: Observe) -> None:
    anyone = estate.access(estate.key(), "everybody", "administer", principal_kind="anyone", public=True)
    assert _administered(estate, observe, anyone)["administrators"] == ["*"]


@pytest.mark.parametrize("subject", ["key", "store", "another"])
def test_a_review_of_access_tells_who_is_behind_a_group(
    estate: ModuleType, tmp_path: Path, catalogue: Catalogue, subject: str
) -> None:
    key = estate.key()
    group = estate.access(key, "admins", "administer", principal_kind="group")
    about = {"key": key.id, "store": key.key_store, "another": "arn:aws:kms:another"}[subject]
    judged = estate.judge(
        tmp_path,
        estate.only(catalogue, "USE-01"),
        [estate.scope(), key, group],
        attestations=[estate.attestation("access_review", subjects=[about])],
    )
    (finding,) = judged.of("USE-01", key.id)
    reviewed = subject != "another"
    assert finding["verdict"] == ("pass" if reviewed else "inconclusive")
    assert finding["awaits"] == ([] if reviewed else ["access_review"])


def test_what_was_not_read_awaits_nobody(estate: ModuleType, tmp_path: Path, catalogue: Catalogue) -> None:
    key = estate.key()
    group = estate.access(key, "admins", "administer", principal_kind="group")
    gap = estate.rows_gap(key.scope, "access", key.id)
    attested = [estate.attestation("access_review")]
    judged = estate.judge(
        tmp_path, estate.only(catalogue, "USE-01"), [estate.scope(), key, group, gap], attestations=attested
    )
    (finding,) = judged.of("USE-01", key.id)
    assert (finding["verdict"], finding["awaits"], finding["missing"]) == ("inconclusive", [], [gap.id])


# --- key_period -----------------------------------------------------------------------------------------------------


def _use(
    estate: ModuleType, observe: Observe, *spans: tuple[int, int | None], extra: Sequence[Row] = (), **facts: Any
) -> Any:
    """The longest use of a key whose versions were in use from and until so many days before the assessment."""
    key = estate.key(**facts)
    versions = [
        estate.version(
            key,
            number,
            created_at=estate.days_before(start),
            superseded_at=NEVER if end is None else estate.days_before(end),
        )
        for number, (start, end) in enumerate(spans)
    ]
    return observe("ROT-07", [estate.scope(), key, *versions, *extra])[key.id]


@pytest.mark.parametrize(
    ("spans", "days"),
    [
        ([(100, None)], 100),
        ([(1000, 30), (30, None)], 970),  # rotated last month, nearly three years old then
        ([(1000, 400), (400, None)], 400),  # what ended before the period counts for nothing
        ([(2000, 1000), (1000, 300), (300, 10), (10, None)], 700),
        ([(364, 300), (300, None)], 300),
    ],
)
def test_the_age_of_material_is_that_at_the_end_of_its_use(
    estate: ModuleType, observe: Observe, spans: list[tuple[int, int | None]], days: int
) -> None:
    assert _use(estate, observe, *spans)["longest_use_days"] == str(days)


def test_a_day_begun_is_a_day(estate: ModuleType, observe: Observe) -> None:
    key = estate.key()
    begun = estate.version(key, created_at=estate.days_before(730) - timedelta(microseconds=1))
    assert observe("ROT-07", [estate.scope(), key, begun])[key.id]["longest_use_days"] == "731"


def test_nothing_after_the_date_of_the_assessment_counts(
    estate: ModuleType, tmp_path: Path, catalogue: Catalogue
) -> None:
    key = estate.key()
    rows = [estate.scope(), key, estate.version(key, created_at=estate.days_before(400))]
    period = (estate.START, estate.AS_OF + timedelta(days=900))
    assert (
        estate.judge(tmp_path, estate.only(catalogue, "ROT-07"), rows, period=period).verdict("ROT-07", key.id)
        == "pass"
    )


def test_a_period_that_has_not_begun_shows_nothing(estate: ModuleType, tmp_path: Path, catalogue: Catalogue) -> None:
    key = estate.key()
    rows = [estate.scope(), key, estate.version(key)]
    period = (estate.AS_OF + timedelta(days=1), estate.AS_OF + timedelta(days=366))
    assert (
        estate.judge(tmp_path, estate.only(catalogue, "ROT-07"), rows, period=period).verdict("ROT-07", key.id)
        == "inconclusive"
    )


def test_an_active_key_without_any_version_is_bounded_by_its_own_dates(estate: ModuleType, observe: Observe) -> None:
    assert _use(estate, observe)["longest_use_days"] == "50"
    older = estate.days_before(600)
    assert _use(estate, observe, created_at=older)["longest_use_days"] == "50 to 550"


UNDATED: dict[str, Any] = {"last_rotated_at": None, "material_known_at": None, "created_at": None}


@pytest.mark.parametrize("column", ["created_at", "superseded_at"])
def test_a_version_without_its_dates_leaves_the_age_open(estate: ModuleType, observe: Observe, column: str) -> None:
    dateless = estate.version(estate.key(), 7, **{column: None})
    gap = estate.column_gap(dateless, column, everywhere=True)
    told = _use(estate, observe, (50, None), extra=[dateless, gap], **UNDATED)
    assert told["longest_use_days"] == "at least 50"
    assert told["missing"] == [gap.id]


def test_a_history_that_was_not_read_to_its_end_leaves_the_age_open(estate: ModuleType, observe: Observe) -> None:
    gap = estate.rows_gap(estate.key().scope, "key_version", estate.key().id)
    told = _use(estate, observe, (50, None), extra=[gap], **UNDATED)
    assert told["longest_use_days"] == "at least 50"
    assert told["missing"] == [gap.id]


# --- version_of_key -------------------------------------------------------------------------------------------------


def _superseded(estate: ModuleType, observe: Observe, its_key: Row, *rows: Row, **facts: Any) -> Any:
    version = estate.version(estate.key(), **{"state": "deactivated", "superseded_at": estate.days_before(10), **facts})
    return observe("ROT-06", [estate.scope(), its_key, version, *rows])[version.id]


def test_what_is_known_of_a_key_is_known_of_its_versions(estate: ModuleType, observe: Observe) -> None:
    key = estate.key(state="suspended", manager="provider", key_type="symmetric master")
    elsewhere = estate.key(scope="prod/444455556666/eu-west-1/kms")
    told = _superseded(estate, observe, key, elsewhere)
    assert (told["key_manager"], told["key_state"], told["key_type"]) == ("provider", "suspended", "symmetric master")


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_half_read_key_leaves_open_what_it_does_not_tell_of_its_versions(
    estate: ModuleType, observe: Observe, everywhere: bool
) -> None:
    key = estate.key(state=None)
    gap = estate.column_gap(key, "state", everywhere=everywhere)
    beside = [estate.column_gap(key, "manager"), estate.rows_gap(key.scope, "key")]
    told = _superseded(estate, observe, key, gap, *beside)
    assert (told["key_manager"], told["key_state"], told["missing"]) == ("customer", None, [gap.id])


def test_a_version_whose_key_was_not_read_may_be_of_any_key(estate: ModuleType, observe: Observe) -> None:
    missing = estate.rows_gap(estate.key().scope, "key")
    told = _superseded(estate, observe, estate.key(2), missing)
    assert (told["key_manager"], told["missing"]) == (None, [missing.id])
    unnamed = estate.column_gap(estate.version(estate.key()), "key")
    told = _superseded(estate, observe, estate.key(), unnamed, key=None)
    assert (told["key_manager"], told["missing"]) == (None, [unnamed.id])


# --- key_dependents ---------------------------------------------------------------------------------------------------


def _scopes(estate: ModuleType, *regions: str) -> list[Row]:
    return [estate.scope(region=r, service=s) for r in regions or (estate.REGION,) for s in ("kms", "secretsmanager")]


def _dependents(estate: ModuleType, observe: Observe, *rows: Row, **facts: Any) -> Any:
    key = estate.key(state="pending_deletion", last_used_at=estate.days_before(200), used=True, **facts)
    return observe("DES-01", [*_scopes(estate, estate.REGION, "us-east-1"), key, *rows])[key.id]


@pytest.mark.parametrize(
    "name",
    [
        "arn:aws:kms:eu-west-1:111122223333:key/0001",
        "arn:aws:kms:eu-west-1:111122223333:alias/service-1",
        "alias/service-1",
        "0001",
    ],
)
def test_a_secret_depends_on_its_key_by_whatever_name(estate: ModuleType, observe: Observe, name: str) -> None:
    rows = [estate.secret(1, keys=[name]), estate.secret(2, keys=[name]), estate.secret(3, keys=[])]
    assert _dependents(estate, observe, *rows)["secrets_encrypted"] == 2


def test_short_names_hold_within_account_and_region_and_full_ones_everywhere(
    estate: ModuleType, observe: Observe
) -> None:
    other = {"account": "444455556666"}
    rows = [
        estate.scope(service="secretsmanager", **other),
        estate.secret(1, keys=["alias/service-1"], **other),
        estate.secret(2, keys=["alias/service-1"], region="us-east-1"),
        estate.secret(3, keys=[estate.key().id], **other),
    ]
    assert _dependents(estate, observe, *rows)["secrets_encrypted"] == 1


def test_a_secret_read_by_two_sources_counts_once(estate: ModuleType, observe: Observe) -> None:
    once = estate.secret(1, keys=[estate.key().id])
    again = estate.secret(1, keys=[estate.key().id], source="audit", scope="audit/1/eu-west-1/secretsmanager")
    assert _dependents(estate, observe, once, again)["secrets_encrypted"] == 1


def test_secrets_of_its_region_that_may_be_missing_withhold_the_number(estate: ModuleType, observe: Observe) -> None:
    gap = estate.rows_gap("prod/444455556666/eu-west-1/secretsmanager", "secret")
    refused = estate.scope(account="444455556666", service="secretsmanager")
    told = _dependents(estate, observe, refused, gap)
    assert told["secrets_encrypted"] is None, "a secret of another account may use the key"
    assert told["missing"] == [gap.id]


def test_secrets_of_another_region_cannot_depend_on_it(estate: ModuleType, observe: Observe) -> None:
    gap = estate.rows_gap(f"prod/{estate.ACCOUNT}/us-east-1/secretsmanager", "secret")
    assert _dependents(estate, observe, gap)["secrets_encrypted"] == 0


def test_scopes_that_are_not_known_withhold_the_number(estate: ModuleType, observe: Observe) -> None:
    account = estate.scope(region="global", service="account")
    gap = estate.rows_gap(account.id, "scope", operation="organizations:ListAccounts")
    told = _dependents(estate, observe, account, gap)
    assert told["secrets_encrypted"] is None
    assert told["missing"] == [gap.id]


def test_a_secret_that_does_not_tell_its_key_withholds_the_number(estate: ModuleType, observe: Observe) -> None:
    secret = estate.secret(keys=None)
    gap = estate.column_gap(secret, "keys")
    told = _dependents(estate, observe, secret, gap)
    assert told["secrets_encrypted"] is None
    assert told["missing"] == [gap.id]


def test_a_name_that_nobody_knows_withholds_the_number_for_keys_whose_names_were_not_read(
    estate: ModuleType, observe: Observe
) -> None:
    secret = estate.secret(keys=["alias/service-1"])
    key = estate.key()
    gap = estate.column_gap(key, "aliases")
    assert _dependents(estate, observe, secret, gap, aliases=None)["secrets_encrypted"] is None
    assert _dependents(estate, observe, estate.secret(keys=["alias/gone"]))["secrets_encrypted"] == 0


def test_secrets_of_another_provider_cannot_depend_on_it(estate: ModuleType, observe: Observe) -> None:
    names = {"id": "google/p/global/secretmanager", "scope": "google/p/global/secretmanager"}
    elsewhere = estate.scope(**names, provider="gcp", region="global")
    gap = estate.rows_gap(elsewhere.id, "secret", operation="secretmanager:ListSecrets")
    assert _dependents(estate, observe, elsewhere, gap)["secrets_encrypted"] == 0


def test_a_secret_with_several_keys_depends_on_each(estate: ModuleType, observe: Observe) -> None:
    secret = estate.secret(keys=["alias/gone", "alias/service-1", estate.key().id])
    assert _dependents(estate, observe, secret)["secrets_encrypted"] == 1


@pytest.mark.parametrize(("name", "unknown"), [("alias/service-1", ["aliases"]), ("0001", ["aliases", "account"])])
def test_a_name_that_was_found_elsewhere_withholds_the_number_too(
    estate: ModuleType, catalogue: Catalogue, tmp_path: Path, name: str, unknown: list[str]
) -> None:
    """Two sources may read one account: what the first could not read is not made up for by the second's row."""
    elsewhere = estate.scope(id="audit/self/eu-west-1/kms", scope="audit/self/eu-west-1/kms", account=None)
    facts = dict.fromkeys(unknown)
    half = estate.key(source="audit", scope=elsewhere.id, **facts)
    gap = estate.column_gap(half, *unknown)
    judged = estate.judge(
        tmp_path,
        estate.only(catalogue, "DES-01"),
        [*_scopes(estate), elsewhere, half, gap, estate.key(), estate.secret(keys=[name])],
    )
    told = {finding["scope"]: json.loads(finding["observed"]) for finding in judged.of("DES-01")}
    assert told[estate.key().scope]["secrets_encrypted"] == 1
    assert told[half.scope]["secrets_encrypted"] is None


@pytest.mark.parametrize(
    ("provider", "resources", "verdict"),
    [
        ("aws", None, "pass"),  # nobody counts them there, so their number is not asked for
        ("azure", None, "pass"),
        ("gcp", None, "inconclusive"),
        ("gcp", 0, "pass"),
        ("gcp", 4, "fail"),
    ],
)
def test_resources_are_asked_for_where_the_provider_counts_them(
    estate: ModuleType, tmp_path: Path, catalogue: Catalogue, provider: str, resources: int | None, verdict: str
) -> None:
    key = estate.key(
        state="pending_deletion", used=True, last_used_at=estate.days_before(200), protected_resources=resources
    )
    gaps = [] if resources is not None else [estate.column_gap(key, "protected_resources")]
    rows = [estate.scope(provider=provider), key, *gaps]
    assert estate.judge(tmp_path, estate.only(catalogue, "DES-01"), rows).verdict("DES-01", key.id) == verdict


@pytest.mark.parametrize(
    ("provider", "resources", "verdict"),
    [("aws", None, "fail"), ("aws", 3, "fail"), ("gcp", 3, "pass"), ("gcp", 0, "fail"), ("gcp", None, "inconclusive")],
)
def test_a_key_that_encrypts_what_is_counted_is_not_idle(
    estate: ModuleType, tmp_path: Path, catalogue: Catalogue, provider: str, resources: int | None, verdict: str
) -> None:
    old = estate.days_before(900)
    key = estate.key(created_at=old, last_used_at=old, protected_resources=resources)
    gaps = [] if resources is not None else [estate.column_gap(key, "protected_resources")]
    rows = [estate.scope(provider=provider), key, *gaps]
    judged = estate.judge(tmp_path, estate.only(catalogue, "USE-06"), rows)
    assert judged.verdict("USE-06", key.id) == verdict


def _environments(estate: ModuleType, observe: Observe, *rows: Row, **facts: Any) -> Any:
    key = estate.key(**{"environment": "Production", **facts})
    return observe("GEN-04", [*_scopes(estate), key, *rows])[key.id]


def test_the_environments_of_a_key_are_its_own_and_those_of_its_secrets(estate: ModuleType, observe: Observe) -> None:
    secrets = [
        estate.secret(1, keys=["alias/service-1"], environment="production "),
        estate.secret(2, keys=["alias/service-1"], environment="test"),
        estate.secret(3, keys=["alias/service-1"], environment=""),
        estate.secret(4, keys=["alias/other"], environment="staging"),
    ]
    assert _environments(estate, observe, *secrets)["environments"] == ["production", "test"]
    assert _environments(estate, observe)["environments"] == ["production"]
    assert _environments(estate, observe, environment="")["environments"] == []


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_secret_whose_tags_were_not_read_may_be_of_any_environment(
    estate: ModuleType, observe: Observe, everywhere: bool
) -> None:
    secret = estate.secret(1, keys=["alias/service-1"], environment=None)
    gap = estate.column_gap(secret, "environment", everywhere=everywhere)
    beside = estate.column_gap(estate.secret(2), "environment", operation="beside")
    told = _environments(estate, observe, secret, gap, beside, estate.secret(2, environment=None))
    assert (told["environments"], told["missing"]) == (None, [gap.id])


def test_secrets_and_tags_that_were_not_read_withhold_the_environments(estate: ModuleType, observe: Observe) -> None:
    missing = estate.rows_gap(f"prod/{estate.ACCOUNT}/{estate.REGION}/secretsmanager", "secret")
    told = _environments(estate, observe, missing)
    assert (told["environments"], told["missing"]) == (None, [missing.id])
    untagged = estate.column_gap(estate.key(), "environment")
    told = _environments(estate, observe, untagged, environment=None)
    assert (told["environments"], told["missing"]) == (None, [untagged.id])


# --- key_custody ----------------------------------------------------------------------------------------------------


def _custody(estate: ModuleType, observe: Observe, *rows: Row, **facts: Any) -> Any:
    key = estate.key(protection_level="software", **facts)
    return observe("GEN-02", [estate.scope(), key, *rows])[key.id] | {"id": key.id}


def _kek(estate: ModuleType, observe: Observe, *rows: Row, **facts: Any) -> Any:
    key = estate.key(protection_level="software", **facts)
    return observe("STO-04", [estate.scope(), key, *rows])[key.id]


def _cluster(estate: ModuleType, **facts: Any) -> Any:
    """A store behind that of the key, read in a scope of its own."""
    scope = f"prod/{estate.ACCOUNT}/{estate.REGION}/cloudhsm"
    return estate.store(estate.key(), id="cluster-1", scope=scope, **facts)


def test_a_key_is_as_validated_as_its_store(estate: ModuleType, observe: Observe) -> None:
    own = estate.store(estate.key(), validation_standard="FIPS 140-3")
    other = estate.store(estate.key(), id="another", validation_standard="FIPS 140-2")
    assert _custody(estate, observe, own, other)["validation_standard"] == "FIPS 140-3"


def test_a_store_may_stand_in_another_scope_of_its_source_and_not_in_another_source(
    estate: ModuleType, observe: Observe
) -> None:
    mount = estate.store(estate.key(), scope="prod/root/namespace", validation_standard="FIPS 140-3")
    stranger = replace(mount, source="audit", scope="audit/root/namespace", validation_standard="FIPS 140-2")
    assert _custody(estate, observe, mount, stranger)["validation_standard"] == "FIPS 140-3"
    assert _custody(estate, observe, stranger)["validation_standard"] is None


@pytest.mark.parametrize("source", ["prod", "hsm"])
def test_what_a_store_has_from_another_is_as_good_as_that_one(
    estate: ModuleType, observe: Observe, source: str
) -> None:
    own = estate.store(estate.key(), backed_by="cluster-1", validation_standard=None, kek_security_bits=0)
    cluster = _cluster(estate, source=source, validation_standard="FIPS 140-2", kek_security_bits=256, kek_apart=True)
    gap = estate.column_gap(own, "validation_standard")
    assert _custody(estate, observe, own, cluster, gap)["validation_standard"] == "FIPS 140-2"
    told = _kek(estate, observe, own, cluster)
    assert (told["kek_security_bits"], told["kek_apart"]) == (256, True)


def test_a_store_that_was_read_twice_tells_what_both_readings_tell(estate: ModuleType, observe: Observe) -> None:
    own = estate.store(estate.key(), backed_by="cluster-1")
    once = _cluster(estate, validation_standard="FIPS 140-3")
    again = replace(once, source="audit", scope="audit/1/eu-west-1/cloudhsm")
    assert _custody(estate, observe, own, once, again)["validation_standard"] == "FIPS 140-3"
    differing = replace(again, validation_standard="FIPS 140-2")
    assert _custody(estate, observe, own, once, differing)["validation_standard"] is None
    half, gap = replace(again, validation_standard=None), estate.column_gap(again, "validation_standard")
    told = _custody(estate, observe, own, once, half, gap)
    assert (told["validation_standard"], told["missing"]) == (None, [gap.id])


def test_a_custodian_that_was_not_read_holds_nobody_knows_how(estate: ModuleType, observe: Observe) -> None:
    gap = estate.rows_gap(estate.key().scope, "key_store")
    beside = [
        estate.rows_gap("prod/444455556666/us-east-1/kms", "key_store"),
        estate.column_gap(estate.store(estate.key()), "validation_standard"),
        estate.scope("444455556666", "us-east-1"),
    ]
    told = _custody(estate, observe, gap, *beside)
    assert (told["validation_standard"], told["missing"]) == (None, [gap.id])


def test_a_store_behind_that_was_not_read_says_which_gap(estate: ModuleType, observe: Observe) -> None:
    own = estate.store(estate.key(), backed_by="cluster-1", validation_standard="FIPS 140-3")
    scope = estate.scope(service="cloudhsm")
    gap = estate.rows_gap(scope.id, "key_store", operation="cloudhsm:DescribeClusters")
    told = _custody(estate, observe, own, scope, gap)
    assert (told["validation_standard"], told["missing"]) == (None, [gap.id]), "it may be worse than its front"


@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize("column", ["backed_by", "validation_standard"])
def test_a_half_read_store_leaves_open_what_it_does_not_tell_of_its_keys(
    estate: ModuleType, observe: Observe, column: str, everywhere: bool
) -> None:
    own = replace(estate.store(estate.key(), validation_standard="FIPS 140-3"), **{column: None})
    gap = estate.column_gap(own, column, everywhere=everywhere)
    beside = estate.column_gap(own, "kek_apart")
    told = _custody(estate, observe, own, gap, beside)
    assert (told["validation_standard"], told["missing"]) == (None, [gap.id])


def test_a_half_read_store_behind_leaves_open_what_it_does_not_tell(estate: ModuleType, observe: Observe) -> None:
    own = estate.store(estate.key(), backed_by="cluster-1", kek_security_bits=256)
    cluster = _cluster(estate, kek_security_bits=None, kek_apart=True)
    gap = estate.column_gap(cluster, "kek_security_bits")
    told = _kek(estate, observe, own, cluster, gap, estate.column_gap(own, "kek_security_bits"))
    assert (told["kek_security_bits"], told["kek_apart"], told["missing"]) == (None, True, [gap.id])


def test_a_key_whose_store_is_not_known_is_held_nobody_knows_where(estate: ModuleType, observe: Observe) -> None:
    gap = estate.column_gap(estate.key(), "key_store")
    store = estate.store(estate.key(), validation_standard="FIPS 140-3")
    told = _custody(estate, observe, store, gap, key_store=None)
    assert (told["validation_standard"], told["missing"]) == (None, [gap.id])


# --- key_recovery ---------------------------------------------------------------------------------------------------


def _recovery(estate: ModuleType, observe: Observe, *rows: Row, **facts: Any) -> Any:
    key = estate.key(**facts)
    return observe("STO-05", [estate.scope(), key, *rows])[key.id]


@pytest.mark.parametrize(
    ("kind", "origin", "kept"),
    [
        ("AWS KMS", "generated", True),
        ("AWS KMS", "imported", False),
        ("AWS KMS", "external", False),
        ("AWS CloudHSM key store", "generated", False),
        ("Cloud KMS key ring", "generated", True),
        ("Cloud KMS key ring", "imported", False),
        ("Azure Key Vault", "imported", True),
        ("Azure Key Vault", None, True),  # Azure does not tell where a key was generated
        ("Azure Managed HSM", None, False),
        ("PKCS#11 token", None, False),
        ("AWS KMS", None, None),
        (None, "generated", None),
    ],
)
def test_a_provider_keeps_what_it_documents_to_keep(
    estate: ModuleType, observe: Observe, kind: str | None, origin: str | None, kept: bool | None
) -> None:
    told = _recovery(estate, observe, estate.store(estate.key(), kind=kind), origin=origin)
    assert told["kept_by_provider"] is kept


def test_the_kinds_of_store_that_keep_keys_are_those_that_sources_tell() -> None:
    told = "".join(path.read_text("utf-8") for path in (ROOT / "collectors").rglob("*.py"))
    assert [kind for kind in (*KEEPS_WHAT_IT_MADE, *KEEPS_EVERYTHING) if f'"{kind}"' not in told] == []


@pytest.mark.parametrize(
    ("column", "of"), [("kind", "store"), ("origin", "key"), ("key_store", "key"), ("name", "neither")]
)
def test_what_leaves_open_whether_a_key_is_kept_is_told(
    estate: ModuleType, observe: Observe, column: str, of: str
) -> None:
    key = estate.key(**({column: None} if of == "key" else {}))
    store = estate.store(estate.key(), kind=None if of == "store" else "AWS KMS")
    gap = estate.column_gap(store if of == "store" else key, column)
    told = observe("STO-05", [estate.scope(), key, store, gap])[key.id]
    assert (told["kept_by_provider"], told["missing"]) == ((True, []) if of == "neither" else (None, [gap.id]))


def test_a_store_that_was_not_read_keeps_nobody_knows_what(estate: ModuleType, observe: Observe) -> None:
    gap = estate.rows_gap(estate.key().scope, "key_store")
    beside = estate.rows_gap(f"prod/{estate.ACCOUNT}/us-east-1/kms", "key_store")
    told = _recovery(estate, observe, estate.scope(region="us-east-1"), gap, beside)
    assert (told["kept_by_provider"], told["missing"]) == (None, [gap.id])


@pytest.mark.parametrize(
    ("subject", "days", "verdict"),
    [("key", 10, "pass"), ("store", 10, "pass"), ("key", 400, "fail"), ("another", 10, "inconclusive")],
)
def test_a_backup_is_attested_of_a_key_or_of_its_store(
    estate: ModuleType, tmp_path: Path, catalogue: Catalogue, subject: str, days: int, verdict: str
) -> None:
    key = estate.key(origin="imported")
    about = {"key": key.id, "store": key.key_store, "another": estate.key(2).id}[subject]
    attested = estate.attestation("backup", subjects=[about], date=estate.days_before(days).date())
    rows = [estate.scope(), key, estate.store(key, kind="AWS KMS")]
    (finding,) = estate.judge(tmp_path, estate.only(catalogue, "STO-05"), rows, attestations=[attested]).of(
        "STO-05", key.id
    )
    assert finding["verdict"] == verdict
    assert finding["awaits"] == (["backup"] if verdict == "inconclusive" else [])


def test_a_key_whose_store_is_not_known_may_have_a_newer_backup_than_its_own(
    estate: ModuleType, tmp_path: Path, catalogue: Catalogue
) -> None:
    key = estate.key(key_store=None, origin="imported")
    gap = estate.column_gap(key, "key_store")
    old = estate.attestation("backup", subjects=[key.id], date=estate.days_before(400).date())
    judged = estate.judge(tmp_path, estate.only(catalogue, "STO-05"), [estate.scope(), key, gap], attestations=[old])
    (finding,) = judged.of("STO-05", key.id)
    assert (finding["verdict"], finding["missing"], finding["awaits"]) == ("inconclusive", [gap.id], [])


# --- secret_encryption ----------------------------------------------------------------------------------------------


def _encryption(estate: ModuleType, observe: Observe, secret: Row, *rows: Row) -> Any:
    return observe("SEC-04", [*_scopes(estate), secret, *rows])[secret.id]


@pytest.mark.parametrize("name", ["alias/service-1", "0001", "arn:aws:kms:eu-west-1:111122223333:key/0001"])
def test_what_is_known_of_a_key_is_known_of_its_secrets(estate: ModuleType, observe: Observe, name: str) -> None:
    told = _encryption(estate, observe, estate.secret(keys=[name]), estate.key(security_bits=128))
    assert (told["key_manager"], told["key_security_bits"]) == ("customer", 128)


def test_the_providers_default_key_is_the_providers_and_as_strong_as_it_says(
    estate: ModuleType, observe: Observe
) -> None:
    told = _encryption(estate, observe, estate.secret(keys=[]))
    assert (told["key_manager"], told["key_security_bits"]) == ("provider", 256)


@pytest.mark.parametrize(("provider", "bits"), [("vault", 256), ("kmip", None), ("pkcs11", None)])
def test_what_customers_run_encrypts_with_keys_of_theirs(
    estate: ModuleType, observe: Observe, provider: str, bits: int | None
) -> None:
    secret = estate.secret(keys=[], scope="hsm/1/global/own")
    elsewhere = estate.scope(id=secret.scope, scope=secret.scope, provider=provider)
    told = _encryption(estate, observe, secret, elsewhere)
    assert (told["key_manager"], told["key_security_bits"]) == ("customer", bits)


def test_the_strength_of_another_providers_default_key_is_not_assumed(estate: ModuleType, observe: Observe) -> None:
    secret = estate.secret(keys=[], scope="other/1/global/secrets")
    elsewhere = estate.scope(id=secret.scope, scope=secret.scope, provider="other")
    told = _encryption(estate, observe, secret, elsewhere)
    assert (told["key_manager"], told["key_security_bits"]) == ("provider", None)


def test_who_manages_the_default_key_is_not_known_without_the_provider(estate: ModuleType, observe: Observe) -> None:
    secret = estate.secret(keys=[], scope="prod/1/eu-west-1/secretsmanager")
    scope = estate.scope(id=secret.scope, scope=secret.scope, provider=None)
    gap = estate.column_gap(scope, "provider")
    told = _encryption(estate, observe, secret, scope, gap)
    assert (told["key_manager"], told["missing"]) == (None, [gap.id])


def test_a_key_of_an_account_that_was_not_asked_for_is_unknown(estate: ModuleType, observe: Observe) -> None:
    secret = estate.secret(keys=["arn:aws:kms:eu-west-1:999988887777:key/1"])
    told = _encryption(estate, observe, secret, estate.key())
    unread = _unread_key(secret, "keys")
    assert (told["key_manager"], told["key_security_bits"], told["missing"]) == (None, None, [unread])


def _unread_key(row: Secret | ProtectedResource, column: str) -> str:
    """The gap that the inventory has where nobody read the key that a row names."""
    return short_id("GAP", row.scope, row.table, row.id, UNREAD_KEY, column)


def test_an_unread_key_leaves_its_secrets_open_and_says_which_gap(estate: ModuleType, observe: Observe) -> None:
    gap = estate.rows_gap(f"prod/{estate.ACCOUNT}/{estate.REGION}/kms", "key")
    told = _encryption(estate, observe, estate.secret(keys=["alias/service-1"]), gap)
    assert (told["key_manager"], told["missing"]) == (None, [gap.id])


def test_a_half_read_key_leaves_open_what_it_does_not_tell(estate: ModuleType, observe: Observe) -> None:
    key = estate.key(security_bits=None)
    gap = estate.column_gap(key, "security_bits")
    beside = estate.column_gap(estate.key(2), "aliases")
    told = _encryption(estate, observe, estate.secret(keys=[key.id]), key, gap, beside)
    assert (told["key_manager"], told["key_security_bits"]) == ("customer", None)
    assert told["missing"] == [gap.id]


def test_one_gap_stands_for_all_that_an_operation_left_open_in_a_scope(estate: ModuleType, observe: Observe) -> None:
    keys = [estate.key(number, aliases=None) for number in range(20, 40)]
    gaps = [estate.column_gap(key, "aliases", operation="kms:ListAliases") for key in keys]
    told = _encryption(estate, observe, estate.secret(keys=["alias/of-one-of-them"]), *keys, *gaps)
    assert told["missing"] == [min(gap.id for gap in gaps)]


def test_the_weakest_of_several_keys_tells_how_a_secret_is_kept(estate: ModuleType, observe: Observe) -> None:
    keys = [estate.key(1, security_bits=256), estate.key(2, security_bits=112, manager="provider")]
    told = _encryption(estate, observe, estate.secret(keys=[key.id for key in keys]), *keys)
    assert (told["key_manager"], told["key_security_bits"]) == ("provider", 112)


def test_one_unread_key_of_several_leaves_a_secret_open(estate: ModuleType, observe: Observe) -> None:
    key = estate.key()
    gap = estate.rows_gap(f"prod/444455556666/{estate.REGION}/kms", "key")
    elsewhere = estate.scope(account="444455556666")
    unread = "arn:aws:kms:eu-west-1:444455556666:key/1"
    secret = estate.secret(keys=[key.id, unread])
    told = _encryption(estate, observe, secret, key, elsewhere, gap)
    assert (told["key_manager"], told["key_security_bits"]) == (None, None)
    assert told["missing"] == sorted([gap.id, _unread_key(secret, "keys")])


def test_a_gap_of_another_provider_explains_nothing(estate: ModuleType, observe: Observe) -> None:
    names = {"id": "google/p/global/kms", "scope": "google/p/global/kms"}
    elsewhere = estate.scope(**names, provider="gcp", region="global")
    gap = estate.rows_gap(elsewhere.id, "key", operation="kms:ListCryptoKeys")
    told = _encryption(estate, observe, estate.secret(keys=["alias/unknown"]), elsewhere, gap)
    assert (told["key_manager"], told["missing"]) == (None, [])


# --- resource_encryption --------------------------------------------------------------------------------------------


def _encrypted(estate: ModuleType, observe: Observe, *rows: Row, **facts: Any) -> Any:
    resource = estate.resource(**{"key": estate.key().id, **facts})
    places = [estate.scope(), estate.scope(service="datastores"), estate.scope("444455556666")]
    return observe("USE-07", [*places, resource, *rows])[resource.id]


@pytest.mark.parametrize("account", ["111122223333", "444455556666"])
def test_a_data_store_has_the_manager_of_its_key_in_whatever_account(
    estate: ModuleType, observe: Observe, account: str
) -> None:
    key = estate.key(1, account, manager="provider")
    assert _encrypted(estate, observe, key, key=key.id)["key_manager"] == "provider"


def test_a_data_store_that_is_encrypted_and_names_no_key_has_one_of_its_provider(
    estate: ModuleType, observe: Observe
) -> None:
    assert _encrypted(estate, observe, key="")["key_manager"] == "provider"
    assert _encrypted(estate, observe, key="", encrypted=False)["key_manager"] is None


def test_a_key_that_no_reading_has_leaves_its_data_stores_open(estate: ModuleType, observe: Observe) -> None:
    told = _encrypted(estate, observe, estate.key(2))
    unread = _unread_key(estate.resource(key=estate.key().id), "key")
    assert (told["key_manager"], told["missing"]) == (None, [unread])
    missing = estate.rows_gap("prod/444455556666/eu-west-1/kms", "key")
    elsewhere = [estate.scope(region="us-east-1"), estate.rows_gap(f"prod/{estate.ACCOUNT}/us-east-1/kms", "key")]
    told = _encrypted(estate, observe, estate.key(2), missing, *elsewhere)
    assert (told["key_manager"], told["missing"]) == (None, sorted([missing.id, unread]))


@pytest.mark.parametrize(("column", "of"), [("key", "resource"), ("encrypted", "resource"), ("manager", "key")])
def test_what_leaves_open_the_manager_of_a_key_is_told_of_its_data_stores(
    estate: ModuleType, observe: Observe, column: str, of: str
) -> None:
    key = estate.key(**({"manager": None} if of == "key" else {}))
    facts = {"key": "", column: None} if of == "resource" else {}
    gap = estate.column_gap(key if of == "key" else estate.resource(), column)
    told = _encrypted(estate, observe, key, gap, **facts)
    assert (told["key_manager"], told["missing"]) == (None, [gap.id])


def test_two_readings_of_a_key_that_differ_tell_no_manager(estate: ModuleType, observe: Observe) -> None:
    again = estate.key(source="audit", scope="audit/1/eu-west-1/kms", manager="provider")
    assert _encrypted(estate, observe, estate.key(), again)["key_manager"] is None


# --- certificate_life -----------------------------------------------------------------------------------------------


def _life(estate: ModuleType, observe: Observe, *rows: Row, provider: str | None = "aws", **facts: Any) -> Any:
    certificate = estate.certificate(**facts)
    scope = estate.scope(service="acm", provider=provider)
    return observe("CRT-01", [scope, certificate, *rows])[certificate.id]


@pytest.mark.parametrize(
    ("provider", "key", "held"),
    [("aws", "", True), ("azure", None, True), ("vault", "key/1", True), ("vault", "", False), ("vault", None, None)],
)
def test_a_record_of_what_was_issued_is_not_what_was_issued(
    estate: ModuleType, observe: Observe, provider: str, key: str | None, held: bool | None
) -> None:
    assert _life(estate, observe, provider=provider, key=key)["held"] is held


def test_where_a_certificate_stands_is_not_known_without_its_source(estate: ModuleType, observe: Observe) -> None:
    gap = estate.column_gap(estate.scope(service="acm"), "provider")
    told = _life(estate, observe, gap, provider=None)
    assert (told["held"], told["missing"]) == (None, [gap.id])


@pytest.mark.parametrize(
    ("enabled", "days", "due"),
    [
        (True, 60, "2026-08-09T00:00:00Z"),
        (True, 0, "2026-10-08T00:00:00Z"),
        (True, -5, "2026-10-08T00:00:00Z"),
        (True, 2**62, "1926-11-02T00:00:00Z"),
        (True, None, None),
        (None, 60, None),
        (False, 0, "9999-12-31T00:00:00Z"),
        (False, None, "9999-12-31T00:00:00Z"),
    ],
)
def test_a_renewal_is_due_so_many_days_before_the_end(
    estate: ModuleType, observe: Observe, enabled: bool | None, days: int | None, due: str | None
) -> None:
    told = _life(estate, observe, renewal_enabled=enabled, renewal_days=days)
    assert told["renewal_due_at"] == due


@pytest.mark.parametrize("column", ["renewal_enabled", "renewal_days", "expires_at"])
def test_what_leaves_open_when_a_renewal_is_due_is_told(estate: ModuleType, observe: Observe, column: str) -> None:
    gap = estate.column_gap(estate.certificate(), column)
    told = _life(estate, observe, gap, **{"renewal_enabled": True, column: None})
    assert told["renewal_due_at"] is None
    assert gap.id in told["missing"]
