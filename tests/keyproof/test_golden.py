"""A recorded run gives the pack that it always gave, byte for byte; `make golden` where a change to it is meant."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from golden_pack import EXPECTED, GOLDEN, make, texts

from keyproof.verification import verify


def test_the_recorded_run_gives_the_golden_pack(tmp_path: Path) -> None:
    made = texts(make(tmp_path))
    kept = {path.relative_to(EXPECTED).as_posix(): path.read_bytes() for path in EXPECTED.rglob("*") if path.is_file()}
    assert made.keys() == kept.keys()
    for name in sorted(kept.keys() - {"manifest.json"}):
        assert made[name].decode() == kept[name].decode(), f"{name} has changed; if that is meant: make golden"
    assert json.loads(made["manifest.json"]) == json.loads(kept["manifest.json"]), "a table has changed: make golden"
    assert made["manifest.json"] == kept["manifest.json"]
    assert verify(tmp_path / "pack").problems == []


def test_it_is_worth_keeping() -> None:
    """It holds every verdict, gaps and rows of every table that AWS fills, and is small."""
    findings = json.loads((EXPECTED / "findings.json").read_bytes())
    counts = [control["counts"] for control in findings["controls"]]
    for verdict in ("passed", "failed", "inconclusive", "not_applicable"):
        assert sum(count[verdict] for count in counts), verdict
    assert findings["gaps"]
    for table in ("access", "gap", "key", "key_store", "key_version", "observation", "scope", "secret"):
        with (EXPECTED / "inventory" / f"{table}.csv").open(encoding="utf-8-sig", newline="") as file:
            assert len(list(csv.reader(file))) > 1, table
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file()) < 200_000
