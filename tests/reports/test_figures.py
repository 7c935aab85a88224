"""The figures of the report: what was not observed is in none of their classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from reports.content.figures import key_age
from reports.material import Material


def test_a_key_whose_age_is_not_observed_is_not_old(make_material: Callable[..., Material], tmp_path: Path) -> None:
    material = make_material(tmp_path, keys=40)
    with material.connection() as queries:
        before = key_age(material, queries)
    table = material.inventory / "key.parquet"
    keys = pq.read_table(table)
    column = keys.schema.get_field_index("last_rotated_at")
    pq.write_table(keys.set_column(column, keys.field(column), pa.nulls(len(keys), keys.field(column).type)), table)
    with material.connection() as queries:
        after = key_age(material, queries)
    assert sum(before.totals) > 0
    assert (sum(after.totals), after.unknown) == (0, sum(before.totals) + before.unknown)
