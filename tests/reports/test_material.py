"""The material: streaming, read-only, and blind to everything but its own files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import duckdb
import pytest

from evidence.model import TABLES
from reports.material import BATCH_ROWS, Material, MaterialError
from reports.registry import FORMATS


def test_every_table_and_the_findings_can_be_queried(material: Material) -> None:
    with material.connection() as queries:
        for table in [*TABLES, "finding"]:
            assert queries.value(f"SELECT count(*) FROM {table}") is not None
        assert queries.value("SELECT count(*) FROM key") == 60


def test_times_are_aware_and_in_utc(material: Material) -> None:
    with material.connection() as queries:
        created = queries.value("SELECT created_at FROM key ORDER BY id LIMIT 1")
    assert created.utcoffset() == UTC.utcoffset(None)


def test_rows_come_in_batches(make_material: Callable[..., Material], tmp_path: Path) -> None:
    material = make_material(tmp_path, keys=600, hostile=False)
    with material.connection() as queries:
        sizes = [batch.num_rows for batch in queries.batches("SELECT id FROM finding ORDER BY id")]
    assert len(sizes) > 1
    assert max(sizes) <= BATCH_ROWS


def test_queries_reach_no_other_file_and_cannot_be_unlocked(material: Material, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")
    with material.connection() as queries:
        with pytest.raises(duckdb.PermissionException):
            list(queries.rows(f"SELECT * FROM read_csv('{other}')"))
        with pytest.raises(duckdb.Error):
            queries.database.execute("SET enable_external_access = true")


def test_a_missing_table_is_named_with_the_next_step(make_material: Callable[..., Material], tmp_path: Path) -> None:
    material = make_material(tmp_path, keys=4)
    (material.inventory / "secret.parquet").unlink()
    with (
        pytest.raises(MaterialError, match=r"secret\.parquet is missing; run `keyproof assess`"),
        material.connection(),
    ):
        pass


def test_a_damaged_table_is_named(make_material: Callable[..., Material], tmp_path: Path) -> None:
    material = make_material(tmp_path, keys=4)
    (material.inventory / "gap.parquet").write_bytes(b"not parquet")
    with pytest.raises(MaterialError, match=r"gap\.parquet cannot be read"), material.connection():
        pass


def test_a_quote_in_a_folder_name_is_no_sql(make_material: Callable[..., Material], tmp_path: Path) -> None:
    material = make_material(tmp_path / "o'neill; --", keys=4)
    with material.connection() as queries:
        assert queries.value("SELECT count(*) FROM key") == 4


def test_the_registry_names_each_output_once() -> None:
    assert list(FORMATS) == [output.name for output in FORMATS.values()]
    assert len({output.file for output in FORMATS.values()}) == len(FORMATS)


def test_what_is_beyond_the_first_rows_is_counted(material: Material) -> None:
    with material.connection() as queries:
        count = queries.value("SELECT count(*) FROM key WHERE source = $source", {"source": "prod"})
        sql = "SELECT id FROM key WHERE source = $source ORDER BY id"
        few, more = queries.first(sql, 3, {"source": "prod"})
        every = list(queries.rows(sql, {"source": "prod"}))
        assert (few, more) == (every[:3], count - 3)
        assert queries.first(sql, count, {"source": "prod"}) == (every, 0)
        assert queries.first(sql, 0, {"source": "prod"}) == ([], count)
        assert queries.first("SELECT id FROM key WHERE false ORDER BY id", 3) == ([], 0)
