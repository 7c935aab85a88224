"""What the runs of a store show of keys whose own stores tell no dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from pyarrow import parquet

from collectors.source import Settings
from controls.catalogue import load_catalogue
from evidence.inventory import InventoryWriter
from evidence.model import Key
from evidence.store import Run, RunRecord, Store
from keyproof.configuration import Configuration, load_configuration
from keyproof.demo.company import write_configuration
from keyproof.demo.pkcs11.embedded import EmbeddedToken
from keyproof.demo.pkcs11.estate import estate
from keyproof.first_seen import first_seen
from keyproof.run import assess, collect, normalize

Verdicts: TypeAlias = dict[str, str]
"""Key → verdict."""

NOW = datetime(2026, 6, 30, tzinfo=UTC)
EARLIER = NOW - timedelta(days=900)
SOURCE = "hsm-1"


def _run(tmp_path: Path, keys: list[Key], known: dict[str, dict[str, datetime]]) -> Run:
    run = Run(tmp_path / "run")
    run.write_record(
        RunRecord(
            id="run",
            tool_version="0",
            organization="Example Ltd",
            configuration_sha256="",
            started_at=NOW,
            finished_at=NOW,
            state="collected",
            host="host",
            sources=[],
            tag_names={},
            organization_accounts=[],
            first_seen=known,
        )
    )
    with InventoryWriter(run.inventory) as writer:
        for key in keys:
            writer.add(key)
    return run


def _key(name: str, source: str = SOURCE, **facts: datetime | None) -> Key:
    return Key(id=name, source=source, scope=f"{source}/token", evidence=[], **facts)


def test_a_key_without_dates_is_remembered(tmp_path: Path) -> None:
    run = _run(tmp_path, [_key("a", material_known_at=NOW)], {})
    assert first_seen(run, {SOURCE}) == {SOURCE: {"a": NOW}}


def test_what_earlier_runs_show_stands_although_a_run_could_not_read_the_key(tmp_path: Path) -> None:
    run = _run(tmp_path, [], {SOURCE: {"a": EARLIER}})
    assert first_seen(run, {SOURCE}) == {SOURCE: {"a": EARLIER}}


def test_the_earliest_counts(tmp_path: Path) -> None:
    run = _run(tmp_path, [_key("a", material_known_at=NOW)], {SOURCE: {"a": EARLIER}})
    assert first_seen(run, {SOURCE}) == {SOURCE: {"a": EARLIER}}


def test_keys_with_dates_of_their_own_and_other_sources_are_left_out(tmp_path: Path) -> None:
    dated = _key("dated", material_known_at=EARLIER, last_rotated_at=EARLIER)
    unknown = _key("unknown")
    other = _key("other", source="prod", material_known_at=NOW)
    run = _run(tmp_path, [dated, unknown, other], {"prod": {"more": EARLIER}})
    assert first_seen(run, {SOURCE}) == {SOURCE: {}}


def test_two_sources_may_have_keys_of_one_name() -> None:
    settings = Settings(first_seen={SOURCE: {"1": EARLIER}})
    assert settings.in_use_by(SOURCE, "1", NOW) == EARLIER
    assert settings.in_use_by("hsm-2", "1", NOW) == NOW


def test_a_run_that_is_older_than_what_the_store_shows_counts_itself() -> None:
    assert Settings(first_seen={SOURCE: {"1": NOW}}).in_use_by(SOURCE, "1", EARLIER) == EARLIER


def _collect_and_judge(store: Store, configuration: Configuration, as_of: datetime) -> tuple[dict[str, Any], Verdicts]:
    """The keys of a new run by name, and what ROT-02 says of each."""
    run, _ = collect(configuration, store)
    normalize(run)
    assess(run, store, configuration, load_catalogue(), as_of)
    keys = {key["name"]: key for key in parquet.read_table(run.inventory / "key.parquet").to_pylist()}
    names = {key["id"]: name for name, key in keys.items()}
    findings = parquet.read_table(run.assessment / "findings.parquet").to_pylist()
    verdicts = {
        names[finding["subject"]]: finding["verdict"]
        for finding in findings
        if finding["control"] == "ROT-02" and finding["subject"] in names
    }
    return keys, verdicts


def test_a_tokens_keys_grow_old_by_the_runs_that_showed_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run does not see them, since it has no PIN; one before the last is of another source alone."""
    now = datetime.now(UTC)
    later = now + timedelta(days=1200)
    store = Store(tmp_path / "store")
    with EmbeddedToken(estate()) as token:
        for name, value in token.credentials.items():
            monkeypatch.setenv(name, value)
        configuration = load_configuration(write_configuration(tmp_path, [token.source(SOURCE)], now=now))
        first, young = _collect_and_judge(store, configuration, now)
        without_pin = {name: value for name, value in token.source(SOURCE).items() if name != "pin_env"}
        without = load_configuration(write_configuration(tmp_path, [without_pin], now=now))
        second, _ = _collect_and_judge(store, without, now)
        others = {**token.source("hsm-2"), "token": "elsewhere"}
        collect(load_configuration(write_configuration(tmp_path, [others], now=now)), store)
        third, old = _collect_and_judge(store, configuration, later)
    assert set(second) < set(first) == set(third)
    undated = {name for name, key in first.items() if key["last_rotated_at"] is None}
    assert undated == set(first)
    known_at = {name: key["material_known_at"] for name, key in first.items()}
    assert {name: key["material_known_at"] for name, key in third.items()} == known_at
    assert set(young.values()) <= {"inconclusive", "not_applicable"}
    assert {name for name, verdict in young.items() if verdict == "inconclusive"} == {
        name for name, verdict in old.items() if verdict in ("fail", "inconclusive")
    }
    assert list(old.values()).count("fail") >= 5
