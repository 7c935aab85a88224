"""findings.json: as its schema has it, verbatim, streamed, and readable by any JSON parser."""

from __future__ import annotations

import copy
import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from jsonschema import Draft202012Validator
from pyarrow import parquet

from evidence.findings import ParameterValue, Verdict, findings_schema
from evidence.model import TABLES
from reports.findings_json import SCHEMA_ID, schema, schema_text, write_findings_json
from reports.material import Material, MaterialError

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "findings.schema.json"


@pytest.fixture(scope="module")
def document(material: Material, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return _written(material, tmp_path_factory.mktemp("json"))


def _written(material: Material, folder: Path) -> dict[str, Any]:
    path = folder / "findings.json"
    write_findings_json(material, path)
    read: dict[str, Any] = json.loads(path.read_bytes().decode("utf-8"), parse_constant=_no_constant)
    return read


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def _findings(material: Material) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(material.findings).to_pylist()
    return rows


def _closed(part: Any) -> Any:
    """The schema with every object closed, which shows members that it does not name."""
    if isinstance(part, list):
        return [_closed(item) for item in part]
    if not isinstance(part, dict):
        return part
    closed = {name: _closed(item) for name, item in part.items()}
    if part.get("type") == "object" and isinstance(part.get("properties"), dict):
        closed["additionalProperties"] = False
    return closed


def test_the_published_schema_is_what_the_models_give() -> None:
    again = """python -c 'from reports.findings_json import schema_text; print(schema_text(), end="")'"""
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), f"make it again: {again} > {SCHEMA}"


def test_the_schema_is_one_and_says_what_it_is() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema()["$id"] == SCHEMA_ID
    assert all("description" in member for member in schema()["properties"].values())
    for table in ("Gap", "Scope", "Finding"):
        assert all(member["description"] for member in schema()["$defs"][table]["properties"].values())


def test_it_follows_the_schema_and_has_no_member_that_the_schema_lacks(document: dict[str, Any]) -> None:
    Draft202012Validator(schema()).validate(document)
    Draft202012Validator(_closed(schema())).validate(document)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("gaps"),
        lambda d: d.update(version="0"),
        lambda d: d["findings"][0].update(verdict="pass"),
        lambda d: d["findings"][0].update(evidence=None),
        lambda d: d["gaps"][0].update(kind="forgotten"),
        lambda d: d["coverage"][0].update(listed="7"),
        lambda d: d["controls"][0]["counts"].pop("inconclusive"),
        lambda d: d["frameworks"][0]["requirements"][0].update(status="compliant"),
    ],
)
def test_the_schema_notices_what_is_wrong(document: dict[str, Any], spoil: Callable[[dict[str, Any]], None]) -> None:
    spoilt = copy.deepcopy(document)
    spoil(spoilt)
    assert not Draft202012Validator(schema()).is_valid(spoilt)


def test_every_verdict_is_counted_and_those_that_need_somebody_are_listed(
    document: dict[str, Any], material: Material
) -> None:
    every = _findings(material)
    assert document["verdicts"] == {v.value: sum(f["verdict"] == v for f in every) for v in Verdict}
    assert all(document["verdicts"].values())
    listed = [f for f in every if f["verdict"] in ("fail", "inconclusive")]
    assert document["findings"] == [{**f, "observed": json.loads(f["observed"])} for f in listed]


def test_it_says_which_run_and_what_was_covered(document: dict[str, Any], material: Material) -> None:
    told = material.assessment
    assert document["$schema"] == SCHEMA_ID
    assert document["run"] == material.run.id
    assert document["evidence_sha256"] == material.evidence_digest
    assert document["as_of"] == "2026-06-30T00:00:00.000000Z"
    assert document["period"]["start"] == "2025-07-01T00:00:00.000000Z"
    assert document["controls"] == [control.model_dump(mode="json") for control in told.controls]
    assert document["frameworks"] == [framework.model_dump(mode="json") for framework in told.frameworks]
    assert [one["id"] for one in document["exceptions"]] == ["EXC-7", "EXC-8"]
    assert [one["id"] for one in document["attestations"]] == ["ATT-1", "ATT-2"]
    for member, table in (("coverage", "scope"), ("gaps", "gap")):
        rows = parquet.read_table(material.inventory / f"{table}.parquet").to_pylist()
        assert [row["id"] for row in document[member]] == [row["id"] for row in rows]
        assert list(document[member][0]) == [field.name for field in parquet.read_schema(material.tables[table])]


def test_what_was_not_observed_is_null_and_has_a_gap(document: dict[str, Any]) -> None:
    gaps = {gap["id"] for gap in document["gaps"]}
    withheld = [f for f in document["findings"] if f["verdict"] == "inconclusive"]
    assert any(None in finding["observed"].values() for finding in withheld)
    assert all(finding["missing"] or finding["awaits"] for finding in withheld)
    assert all(set(finding["missing"]) <= gaps for finding in withheld)


def test_one_line_an_element(material: Material, tmp_path: Path) -> None:
    document = _written(material, tmp_path)
    lines = (tmp_path / "findings.json").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith('  {"id": "FND-') for line in lines) == len(document["findings"])
    assert sum(line.startswith('  {"id": "GAP-') for line in lines) == len(document["gaps"])


def test_text_stands_verbatim_and_no_half_character_gets_out(material: Material, tmp_path: Path) -> None:
    hostile = "=1+1 <script> \u202e \x00 🔑 \ud83d"
    finding = {**_findings(material)[0], "id": "FND-0", "verdict": "fail", "subject_name": "=1 \x1b[31m\u202e"}
    finding["observed"] = '{"owner": "half \\ud800 \\u0000", "limit": NaN}'
    parquet.write_table(pa.Table.from_pylist([finding], schema=findings_schema()), tmp_path / "findings.parquet")
    assessment = material.assessment.model_copy(
        update={"organization": hostile, "controls": [_with_parameter(material, float("inf"))]}
    )
    document = _written(replace(material, assessment=assessment, findings=tmp_path / "findings.parquet"), tmp_path)
    Draft202012Validator(schema()).validate(document)
    assert document["organization"] == hostile.replace("\ud83d", "\ufffd")
    assert document["findings"][0]["subject_name"] == "=1 \x1b[31m\u202e"
    assert document["findings"][0]["observed"] == {"owner": "half \ufffd \x00", "limit": "nan"}
    assert document["controls"][0]["parameters"][0]["value"] == "inf"


def _with_parameter(material: Material, value: float) -> Any:
    parameter = ParameterValue(name="limit", value=value, source="", set_by="organization")
    return material.assessment.controls[0].model_copy(update={"parameters": [parameter]})


@pytest.mark.slow
def test_the_same_findings_of_a_small_and_a_large_estate_take_the_same_memory(
    material: Material, tmp_path: Path
) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.parquet"
        pattern = next(f for f in _findings(material) if f["verdict"] == "fail")
        rows = [{**pattern, "id": f"FND-{number:012d}"} for number in range(count)]
        parquet.write_table(pa.Table.from_pylist(rows, schema=findings_schema()), path)
        del rows
        tracemalloc.start()
        try:
            write_findings_json(replace(material, findings=path), tmp_path / f"{count}.json")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(12_000) < 1.5 * peak(3_000)  # either is more than is read at once
    assert (tmp_path / "12000.json").stat().st_size > 3.5 * (tmp_path / "3000.json").stat().st_size


def test_an_empty_estate_gives_empty_lists(material: Material, tmp_path: Path) -> None:
    folder = tmp_path / "inventory"
    folder.mkdir()
    for name, path in _empty(material, folder):
        parquet.write_table(parquet.read_schema(material.tables[name]).empty_table(), path)
    document = _written(replace(material, inventory=folder, findings=folder / "findings.parquet"), tmp_path)
    Draft202012Validator(schema()).validate(document)
    assert document["findings"] == document["gaps"] == document["coverage"] == []
    assert set(document["verdicts"].values()) == {0}


def _empty(material: Material, folder: Path) -> Iterator[tuple[str, Path]]:
    for name in TABLES:
        yield name, folder / f"{name}.parquet"
    yield "finding", folder / "findings.parquet"


def test_a_damaged_material_is_named(make_material: Callable[..., Material], tmp_path: Path) -> None:
    material = make_material(tmp_path, keys=4)
    material.findings.write_bytes(b"not parquet")
    with pytest.raises(MaterialError, match=r"findings\.parquet cannot be read"):
        write_findings_json(material, tmp_path / "findings.json")
    assert not (tmp_path / "findings.json").exists()
