"""A recorded run gives the pack that it always gave, byte for byte; `make golden` where a change to it is meant."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from golden_frameworks import ESTATE, answers, assess_estate
from golden_frameworks import EXPECTED as FRAMEWORKS
from golden_pack import EXPECTED, RECORDED, make, texts

from collectors.registry import SOURCES
from controls.catalogue import load_catalogue
from keyproof.pack import build_pack
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
    assert sum(p.stat().st_size for kept in (EXPECTED, RECORDED) for p in kept.rglob("*") if p.is_file()) < 200_000


def test_every_framework_says_of_the_small_estate_what_it_always_said(tmp_path: Path) -> None:
    told = answers(assess_estate(tmp_path, list(load_catalogue().frameworks)))
    kept = {path.stem: path.read_text("utf-8") for path in FRAMEWORKS.glob("*.txt")}
    assert told.keys() == kept.keys()
    for name in sorted(kept):
        assert told[name] == kept[name], f"{name} has changed; if that is meant: make golden"


def test_the_small_estate_has_every_kind_of_source_and_every_status(tmp_path: Path) -> None:
    record = json.loads((ESTATE / "run.json").read_bytes())
    assert {source["type"] for source in record["sources"]} == set(SOURCES)
    text = "".join(path.read_text("utf-8") for path in FRAMEWORKS.glob("*.txt"))
    for status in ("not_supported", "inconclusive", "needs_attestation"):
        assert f": {status}. " in text, status


@pytest.mark.slow
@pytest.mark.parametrize("framework", load_catalogue().frameworks)
def test_a_pack_in_any_framework_verifies_and_says_the_same(tmp_path: Path, framework: str) -> None:
    run = assess_estate(tmp_path, [framework])
    assert answers(run) == {framework: (FRAMEWORKS / f"{framework}.txt").read_text("utf-8")}
    build_pack(run, tmp_path / "pack", formats=("findings-json", "findings", "inventory", "html"))
    assert verify(tmp_path / "pack").problems == []
