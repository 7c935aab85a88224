"""The start of the command, against that of Python itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.measure import KEYPROOF, Figure, measured

TIMES = 15


def run(folder: Path) -> Iterator[Figure]:
    """Both in turn, so that what else the machine does strikes both; of each the median counts."""
    python, keyproof = [], []
    for _ in range(TIMES):
        python.append(measured([sys.executable, "-c", "pass"], folder=folder).seconds)
        keyproof.append(measured([KEYPROOF, "--help"], folder=folder).seconds)
    yield Figure("keyproof --help", median(keyproof), "s", aim=0.3)
    yield Figure("python -c pass", median(python), "s")
    yield Figure("ratio", median(keyproof) / median(python), "×")
