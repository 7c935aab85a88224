"""What the runs of a store show of keys whose own stores tell no dates: that they are at least so old."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TypeAlias

from evidence.store import Run

FirstSeen: TypeAlias = dict[str, dict[str, datetime]]
"""Source → id of a key → when a run first showed it."""


def first_seen(run: Run, sources: Collection[str]) -> FirstSeen:
    """What a run with an inventory, and the runs before it, show of the keys of some sources.

    Each run records what those before it show, so that a key is not forgotten where a run could not read it. A key
    counts where its store does not tell since when its material is in use.
    """
    from pyarrow import compute, parquet

    known = run.record().first_seen
    seen: FirstSeen = {source: dict(known.get(source, {})) for source in sources}
    of_sources = compute.field("source").isin(sorted(sources))
    undated = compute.field("last_rotated_at").is_null() & compute.field("material_known_at").is_valid()
    keys = parquet.read_table(
        run.inventory / "key.parquet", columns=["source", "id", "material_known_at"], filters=of_sources & undated
    )
    for key in keys.to_pylist():
        of_source = seen[key["source"]]
        of_source[key["id"]] = min(of_source.get(key["id"], key["material_known_at"]), key["material_known_at"])
    return seen
