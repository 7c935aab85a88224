"""Judging a large inventory by all frameworks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.estate import Account
from benchmarks.measure import KEYPROOF, Figure, measured
from benchmarks.runs import FIVE, recorded_run, write_configuration

if TYPE_CHECKING:
    import pyarrow as pa

COPIED = 2_000
"""Keys of the inventory that is made from observations, and copied for as many accounts: that takes less time."""


def run(folder: Path) -> Iterator[Figure]:
    """A large estate by five frameworks."""
    yield from _judged(folder, 100_000, FIVE, seconds=5, mebibytes=None)


def million(folder: Path) -> Iterator[Figure]:
    """A very large estate by the whole catalogue and every framework."""
    from controls.catalogue import load_catalogue

    yield from _judged(folder, 1_000_000, tuple(load_catalogue().frameworks), seconds=30, mebibytes=2048)


def _judged(
    folder: Path, keys: int, frameworks: Sequence[str], *, seconds: float, mebibytes: float | None
) -> Iterator[Figure]:
    """The inventory is there before the command starts, so the command does nothing but judge and write findings."""
    from pyarrow import parquet

    configuration = write_configuration(folder, frameworks=frameworks)
    account = Account(COPIED)
    run = recorded_run(folder, [account])
    command = [KEYPROOF, "assess", "-c", str(configuration), "--quiet"]
    measured(command)
    copies = str(keys // COPIED)
    subprocess.run([sys.executable, "-m", "benchmarks.assess", str(run.inventory), account.id, copies], check=True)
    cost = measured(command)
    findings = parquet.read_metadata(run.assessment / "findings.parquet").num_rows
    yield Figure(f"time for {keys:,} keys and {len(frameworks)} frameworks", cost.seconds, "s", aim=seconds)
    yield Figure("time on the processors", cost.cpu_seconds, "s")
    yield Figure("peak memory", cost.peak_mib, "MiB", aim=mebibytes)
    yield Figure("findings written", findings, "")
    yield Figure("time on the processors for a million findings", cost.cpu_seconds / findings * 1_000_000, "s")


def _multiply(inventory: Path, account: str, copies: int) -> None:
    """Make each table hold every row so many times, each for another account."""
    from pyarrow import concat_tables, parquet

    from evidence.inventory import GROUP_ROWS

    for path in sorted(inventory.glob("*.parquet")):
        table = parquet.read_table(path)
        accounts = [f"{int(account) + number:012}" for number in range(copies)]
        whole = concat_tables([_of_account(table, account, name) for name in accounts])
        in_order = whole.sort_by([("id", "ascending"), ("scope", "ascending")])
        parquet.write_table(in_order, path, compression="zstd", row_group_size=GROUP_ROWS)


def _of_account(table: pa.Table, old: str, new: str) -> pa.Table:
    """The same rows with another account wherever it is named."""
    import pyarrow as pa
    from pyarrow.compute import replace_substring

    arrays = []
    for column in table.columns:
        array = column.combine_chunks()
        if pa.types.is_string(array.type):
            array = replace_substring(array, old, new)
        elif pa.types.is_list(array.type):
            items = replace_substring(array.values, old, new)
            array = pa.ListArray.from_arrays(array.offsets, items, array.type, mask=array.is_null())
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=table.schema)


if __name__ == "__main__":
    _multiply(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
