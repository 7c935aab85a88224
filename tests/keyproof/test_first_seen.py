"""What the runs of a store show of keys whose own stores tell no dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from collectors.source import Settings
from evidence.inventory import InventoryWriter
from evidence.model import Key
from evidence.store import Run, RunRecord
from keyproof.first_seen import first_seen

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
