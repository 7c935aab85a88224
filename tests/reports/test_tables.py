"""findings.parquet and inventory/: verbatim for programs, harmless and unambiguous for people."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from evidence.model import NEVER, TABLES, Column, arrow_schema, columns
from reports.material import BATCH_ROWS, Material, MaterialError
from reports.tables import LONGEST, NOT_OBSERVED, field, harmless, write_findings, write_inventory

TEXT = Column("name", "string", (), "")
TIME = Column("created_at", "timestamp", (), "")
LIST = Column("aliases", "list of string", (), "")
TRUTH = Column("public", "boolean", (), "")
NUMBER = Column("bits", "integer", (), "")

STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


@pytest.fixture(scope="module")
def inventory(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack") / "inventory"
    write_inventory(material, folder)
    return folder


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_the_findings_are_the_assessed_ones(material: Material, tmp_path: Path) -> None:
    write_findings(material, tmp_path / "findings.parquet")
    assert (tmp_path / "findings.parquet").read_bytes() == material.findings.read_bytes()


def test_findings_that_stand_in_their_place_already_are_left_there(material: Material, tmp_path: Path) -> None:
    path = tmp_path / "findings.parquet"
    path.write_bytes(material.findings.read_bytes())
    write_findings(replace(material, findings=path), path)
    assert path.read_bytes() == material.findings.read_bytes()


def test_each_table_is_there_as_parquet_and_as_csv(material: Material, inventory: Path) -> None:
    wanted = {f"{table}.{kind}" for table in TABLES for kind in ("parquet", "csv")}
    assert {path.name for path in inventory.iterdir()} == wanted
    for table in TABLES:
        assert (inventory / f"{table}.parquet").read_bytes() == material.tables[table].read_bytes()


def test_the_csv_has_every_row_and_column_in_order(material: Material, inventory: Path) -> None:
    for name, table in TABLES.items():
        rows = parquet.read_table(material.tables[name]).to_pylist()
        shown = _read(inventory / f"{name}.csv")
        assert [row["id"] for row in shown] == [harmless(row["id"]) for row in rows]
        with (inventory / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            assert next(csv.reader(file)) == [column.name for column in columns(table)]
        for row, texts in zip(rows, shown, strict=True):
            assert texts == {column.name: field(row[column.name], column) for column in columns(table)}


def test_the_csv_is_as_rfc_4180_has_it_with_a_mark_for_spreadsheets(inventory: Path) -> None:
    data = (inventory / "key.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfid,source,")
    assert data.endswith(b"\r\n")
    assert data.count(b"\n") == data.count(b"\r\n") == 61


def test_unknown_and_empty_are_told_apart(inventory: Path) -> None:
    keys = _read(inventory / "key.csv")
    assert {key["last_used_at"] for key in keys} > {NOT_OBSERVED}
    assert "" in {key["owner"] for key in keys}
    assert NOT_OBSERVED not in {key["owner"] for key in keys}


@pytest.mark.parametrize(
    ("fact", "column", "text"),
    [
        (None, TEXT, "(not observed)"),
        ("", TEXT, ""),
        ("(not observed)", TEXT, "'(not observed)"),
        (None, LIST, "(not observed)"),
        ([], LIST, "[]"),
        (["a", 'b"=c'], LIST, '["a", "b\\"=c"]'),
        (NEVER, TIME, "never"),
        (datetime(2026, 6, 30, 9, 15, tzinfo=UTC), TIME, "2026-06-30T09:15:00.000000Z"),
        (True, TRUTH, "true"),
        (False, TRUTH, "false"),
        (-1, NUMBER, "-1"),
        ("111122223333", TEXT, "111122223333"),
    ],
)
def test_a_fact_as_a_field(fact: Any, column: Column, text: str) -> None:
    assert field(fact, column) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1+1", "'＝1+1"),
        (" =1", "' =1"),
        ('"=1', "'\"=1"),
        ("\t=1", "' =1"),
        ("\r=1", "' =1"),
        ("a;=1", "a;'=1"),
        ("a; =1;-b", "a;' =1;'-b"),
        ("a\r\n=1", "a =1"),
        ("a=b+c-d@e", "a=b+c-d@e"),
        ("\x1b[31m", "[U+001B][31m"),
        ("x\u202ey\x00", "x[U+202E]y[U+0000]"),
    ],
)
def test_no_text_starts_a_formula(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text(alphabet=st.sampled_from("=+-@＝;,'\" \t\r\n\x00\u202eab")))
def test_whatever_separates_fields_no_field_starts_a_formula(text: str) -> None:
    for part in harmless(text).split(";"):
        assert not part.lstrip(" \"'").startswith(STARTS) or part.startswith("'")
        assert not part.startswith(STARTS)


def test_a_long_text_is_cut_and_says_so() -> None:
    shown = harmless("\U000e0001" * 200_000)
    assert shown.endswith("… (200,000 characters)")
    assert len(shown.encode("utf-16-le")) // 2 < 32_767
    assert len(harmless("x" * LONGEST)) == LONGEST


def test_hostile_names_are_harmless_in_the_file(inventory: Path, factory: ModuleType) -> None:
    for name in TABLES:
        for row in _read(inventory / f"{name}.csv"):
            assert not any(text.startswith(STARTS) for text in row.values())
    whole = (inventory / "key.csv").read_text(encoding="utf-8-sig")
    assert not any(sign in whole for sign in ("\x00", "\x1b", "\u202e"))
    assert "alias/=cmd|' /C calc'!A0" in whole
    assert len(factory.MONSTER) > LONGEST
    assert f"({len(factory.MONSTER):,} characters)" in whole


def test_a_table_of_many_batches_is_whole(material: Material, tmp_path: Path) -> None:
    count = 2 * BATCH_ROWS + 17
    rows = [
        {"id": f"sec-{n:06d}", "source": "prod", "scope": "s", "evidence": [], "name": None if n % 3 else f"n{n}"}
        for n in range(count)
    ]
    folder = _copied(material, tmp_path)
    parquet.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(TABLES["secret"])), folder / "secret.parquet")
    write_inventory(replace(material, inventory=folder), tmp_path / "out")
    shown = _read(tmp_path / "out" / "secret.csv")
    assert [row["id"] for row in shown] == [row["id"] for row in rows]
    assert [row["name"] for row in shown] == [row["name"] or NOT_OBSERVED for row in rows]


def _copied(material: Material, folder: Path) -> Path:
    copy = folder / "inventory"
    copy.mkdir()
    for name in TABLES:
        (copy / f"{name}.parquet").write_bytes(material.tables[name].read_bytes())
    return copy


def test_what_is_missing_or_damaged_is_named(make_material: Callable[..., Material], tmp_path: Path) -> None:
    material = make_material(tmp_path, keys=4)
    material.findings.unlink()
    with pytest.raises(MaterialError, match=r"findings\.parquet is missing; run `keyproof assess`"):
        write_findings(material, tmp_path / "out.parquet")
    (material.inventory / "gap.parquet").write_bytes(b"not parquet")
    with pytest.raises(MaterialError, match=r"gap\.parquet cannot be read"):
        write_inventory(material, tmp_path / "out")
    (material.inventory / "gap.parquet").unlink()
    with pytest.raises(MaterialError, match=r"gap\.parquet is missing"):
        write_inventory(material, tmp_path / "out")


def test_lists_in_a_field_are_json(inventory: Path) -> None:
    assert json.loads(_read(inventory / "key.csv")[0]["usages"]) in (["encrypt"], ["sign"])
