"""The report on paper: its time and size must not grow with the estate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import KEYPROOF, Cost, Figure, measured
from benchmarks.runs import assessed_run

SMALL, LARGE = 1_000, 10_000


def run(folder: Path) -> Iterator[Figure]:
    """Both estates have the same accounts and regions; only the number of keys differs."""
    costs, sizes = {}, {}
    for keys in (SMALL, LARGE):
        costs[keys], sizes[keys] = _report(folder / str(keys), keys)
    small, large = costs[SMALL], costs[LARGE]
    yield Figure(f"time for {SMALL:,} keys", small.seconds, "s")
    yield Figure(f"time for {LARGE:,} keys", large.seconds, "s", aim=40)
    yield Figure("ratio of these times", large.seconds / small.seconds, "×", aim=1.5)
    yield Figure(f"peak memory for {SMALL:,} keys", small.peak_mib, "MiB")
    yield Figure(f"peak memory for {LARGE:,} keys", large.peak_mib, "MiB")
    yield Figure(f"report.pdf of {LARGE:,} keys", sizes[LARGE] / 1e6, "MB")
    yield Figure("ratio of the files' sizes", sizes[LARGE] / sizes[SMALL], "×")


def _report(folder: Path, keys: int) -> tuple[Cost, int]:
    configuration, _ = assessed_run(folder, keys)
    pack = folder / "pack"
    command = [KEYPROOF, "report", "-c", str(configuration), "--format", "pdf", "--out", str(pack), "--quiet"]
    return measured(command), (pack / "report.pdf").stat().st_size
