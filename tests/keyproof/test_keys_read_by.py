"""A key store whose keys another source reads, by the configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from small_aws import CLUSTER

from evidence.store import RunRecord, SourceRecord
from keyproof.configuration import ConfigurationError, load_configuration
from keyproof.run import settings_of

NOW = datetime(2026, 6, 30, tzinfo=UTC)


def _written(folder: Path, reader: str) -> Path:
    path = folder / "keyproof.toml"
    path.write_text(
        f"""
[organization]
name = "Example Ltd"

[audit]
frameworks = ["soc2"]
period = {{ start = 2025-07-01, end = 2026-06-30 }}

[[source]]
type = "aws"
name = "prod"
regions = ["eu-west-1"]
keys_read_by = {{ "{CLUSTER}" = "{reader}" }}

[[source]]
type = "aws"
name = "hsm-1"
regions = ["eu-west-1"]
""",
        encoding="utf-8",
    )
    return path


def test_another_source_is_named(tmp_path: Path) -> None:
    prod, _ = load_configuration(_written(tmp_path, "hsm-1")).sources
    assert prod.configuration.keys_read_by == {CLUSTER: "hsm-1"}


@pytest.mark.parametrize(("reader", "says"), [("hsm-2", 'did you mean "hsm-1"'), ("prod", "known here: hsm-1")])
def test_no_source_of_that_name_is_an_error(reader: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=f"keys_read_by.{CLUSTER}: no other source is named '{reader}'.*{says}"
    ):
        load_configuration(_written(tmp_path, reader))


@pytest.mark.parametrize(
    ("recorded", "known"),
    [({CLUSTER: "hsm-1"}, {CLUSTER: "hsm-1"}), ({CLUSTER: 1}, {}), ([CLUSTER], {}), (None, {})],
)
def test_a_run_remembers_it_and_a_forged_record_says_nothing(recorded: Any, known: dict[str, str]) -> None:
    source = SourceRecord(name="prod", type="aws", configuration={"keys_read_by": recorded}, operations=[])
    record = RunRecord(
        id="run",
        tool_version="0",
        organization="Example Ltd",
        configuration_sha256="",
        started_at=NOW,
        finished_at=NOW,
        state="collected",
        host="host",
        sources=[source],
        tag_names={},
        organization_accounts=[],
    )
    assert settings_of(record).keys_read_by == known
