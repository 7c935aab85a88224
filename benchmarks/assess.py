"""Judging a large inventory by all frameworks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.estate import Account
from benchmarks.measure import KEYPROOF, Figure, measured
from benchmarks.runs import recorded_run, write_configuration

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = 100_000
COPIES = 50
"""An inventory of fewer keys is made from observations, and copied for as many accounts: that takes less time."""


def run(folder: Path) -> Iterator[Figure]:
    """The inventory is there before the command starts, so the command does nothing but judge."""
    configuration = write_configuration(folder)
    account = Account(KEYS // COPIES)
    run = recorded_run(folder, [account])
    command = [KEYPROOF, "assess", "-c", str(configuration), "--quiet"]
    measured(command)
    subprocess.run([sys.executable, "-m", "benchmarks.assess", str(run.inventory), account.id], check=True)
    cost = measured(command)
    yield Figure(f"time for {KEYS:,} keys", cost.seconds, "s", aim=5)
    yield Figure("time on the processors", cost.cpu_seconds, "s")
    yield Figure("peak memory", cost.peak_mib, "MiB")


def _multiply(inventory: Path, account: str) -> None:
    """Make each table hold every row COPIES times, each for another account."""
    from pyarrow import concat_tables, parquet

    for path in sorted(inventory.glob("*.parquet")):
        table = parquet.read_table(path)
        copies = [_of_account(table, account, f"{int(account) + number:012}") for number in range(COPIES)]
        whole = concat_tables(copies).sort_by([("id", "ascending"), ("scope", "ascending")])
        parquet.write_table(whole, path, compression="zstd")


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
    _multiply(Path(sys.argv[1]), sys.argv[2])
