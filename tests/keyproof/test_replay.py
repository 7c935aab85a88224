"""Replay: from the files of observations to the same tables each time, and from nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyarrow import parquet

from collectors.source import Settings
from evidence.model import BOOKKEEPING, TABLES, arrow_schema, columns
from evidence.recording import ScopeHeader, ScopeRecording, read_scope, scope_files
from evidence.store import Run
from keyproof.replay import ReplayError, normalize_run, read_inputs, reperform
from keyproof.run import settings_of


def test_the_same_observations_give_the_same_bytes(run: Run, tmp_path: Path) -> None:
    normalize_run(run.observations, tmp_path, settings_of(run.record()))
    for table in TABLES:
        assert (tmp_path / f"{table}.parquet").read_bytes() == (run.inventory / f"{table}.parquet").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {f"{table}.parquet" for table in TABLES}


def test_every_exchange_is_in_the_index_and_points_to_its_file(run: Run) -> None:
    rows = parquet.read_table(run.inventory / "observation.parquet").to_pylist()
    recorded = {}
    for path in scope_files(run.observations):
        for observation in read_scope(path)[1]:
            recorded[observation.id] = (path.relative_to(run.observations).as_posix(), observation)
    assert {row["id"] for row in rows} == set(recorded)
    for row in rows:
        file, observation = recorded[row["id"]]
        assert row["file"] == file
        assert row["sha256"] == observation.sha256
        assert row["bytes"] == len(observation.body.encode())
        assert json.loads(row["parameters"]) == observation.parameters
        assert row["evidence"] == [row["id"]]
    assert {row["status"] for row in rows} >= {"ok", "refused"}


def test_tables_keep_the_two_rules(run: Run) -> None:
    """Every NULL has a gap, and every piece of evidence is an observation."""
    tables = {name: parquet.read_table(run.inventory / f"{name}.parquet") for name in TABLES}
    known = set(tables["observation"].column("id").to_pylist())
    gaps = tables["gap"].to_pylist()
    explained = {(g["of_table"], g["scope"], g["subject"], column) for g in gaps for column in g["columns"]}
    nulls = 0
    for name, model in TABLES.items():
        assert tables[name].schema.equals(arrow_schema(model))
        for row in tables[name].to_pylist():
            assert set(row["evidence"]) <= known
            for column in columns(model):
                if column.name not in BOOKKEEPING and row[column.name] is None:
                    nulls += 1
                    assert (name, row["scope"], row["id"], column.name) in explained
    assert nulls


def test_replay_imports_no_sdk(run: Run, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from keyproof.replay import normalize_run; from keyproof.run import settings_of\n"
        "from evidence.store import Run\n"
        "run = Run(Path(sys.argv[1]))\n"
        "normalize_run(run.observations, Path(sys.argv[2]), settings_of(run.record()))\n"
        "assert not {'boto3', 'botocore', 'moto'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(run.folder), str(tmp_path)], check=True)


def test_reperform_needs_the_pack_alone(made_pack: Path, run: Run, tmp_path: Path) -> None:
    again, assessment = reperform(made_pack / "observations", made_pack / "inputs", tmp_path)
    assert assessment.run == run.record().id
    assert (again.assessment / "findings.parquet").read_bytes() == (made_pack / "findings.parquet").read_bytes()


def test_no_observations_make_empty_tables(tmp_path: Path) -> None:
    (tmp_path / "observations").mkdir()
    normalize_run(tmp_path / "observations", tmp_path / "inventory", Settings())
    for table in TABLES:
        assert parquet.read_metadata(tmp_path / "inventory" / f"{table}.parquet").num_rows == 0


def test_a_scope_of_which_nothing_was_read_is_still_there(tmp_path: Path) -> None:
    header = ScopeHeader(id="prod/1/eu-west-1/kms", source="prod", type="aws", service="kms", account="1")
    ScopeRecording(tmp_path / "observations", header).complete()
    normalize_run(tmp_path / "observations", tmp_path / "inventory", Settings())
    (row,) = parquet.read_table(tmp_path / "inventory" / "scope.parquet").to_pylist()
    assert row["id"] == header.id
    assert row["complete"] is not True


def test_what_a_killed_collection_leaves_is_not_read(run: Run, tmp_path: Path) -> None:
    observations = Path(shutil.copytree(run.observations, tmp_path / "observations"))
    some = scope_files(observations)[0]
    for suffix in (".part", ".left", ".merging"):
        shutil.copyfile(some, some.with_name(some.name + suffix))
    normalize_run(observations, tmp_path / "inventory", settings_of(run.record()))
    written = (tmp_path / "inventory" / "observation.parquet").read_bytes()
    assert written == (run.inventory / "observation.parquet").read_bytes()


@pytest.mark.parametrize("content", [b"", b"not gzip", b"\x1f\x8b\x08\x00"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "prod").mkdir()
    (tmp_path / "prod" / "kms.jsonl.gz").write_bytes(content)
    with pytest.raises(ReplayError, match=r"observations/prod/kms\.jsonl\.gz"):
        normalize_run(tmp_path, tmp_path / "inventory", Settings())
    assert not list((tmp_path / "inventory").glob("*.parquet"))


def test_text_that_no_table_can_hold_is_made_harmless(tmp_path: Path) -> None:
    from evidence.observation import Observation, Status, body_digest, iso, observation_id

    header = ScopeHeader(id="prod/1/eu-west-1/kms", source="prod", type="aws", service="kms", account="1")
    recording = ScopeRecording(tmp_path / "observations", header)
    moment = iso(datetime(2026, 1, 1, tzinfo=UTC))
    recording.write(
        [
            Observation(
                id=observation_id(header.id, "kms:ListKeys", {}),
                source="prod",
                scope=header.id,
                subject="",
                operation="kms:ListKeys",
                parameters={},
                requested_at=moment,
                received_at=moment,
                status=Status.REFUSED,
                error="AccessDeniedException: \ud800",
                request_id="\udfff",
                attempts=1,
                identity="",
                body="\ud800",
                sha256=body_digest("\ud800"),
            )
        ]
    )
    recording.complete()
    normalize_run(tmp_path / "observations", tmp_path / "inventory", Settings())
    (row,) = parquet.read_table(tmp_path / "inventory" / "observation.parquet").to_pylist()
    assert row["error"] == "AccessDeniedException: \ufffd"
    assert row["request_id"] == "\ufffd"


def test_inputs_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"inputs/inputs\.json: cannot be read"):
        read_inputs(tmp_path)
    (tmp_path / "inputs.json").write_text("{}")
    with pytest.raises(ReplayError, match=r"inputs/inputs\.json: as_of: Field required"):
        read_inputs(tmp_path)
