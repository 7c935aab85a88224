"""`python -m benchmarks [NAME…]`: runs the benchmarks, each on the real command, and prints the figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import assess, clouds, collect, help, pdf, verify
from benchmarks.measure import Figure

BENCHMARKS: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "help": help.run,
    "collect": collect.run,
    "collect-azure": clouds.azure,
    "collect-gcp": clouds.gcp,
    "assess": assess.run,
    "assess-million": assess.million,
    "pdf": pdf.run,
    "verify": verify.run,
}
"""By name: what runs in an empty folder and gives figures."""


def _table(name: str, figures: list[Figure]) -> Table:
    table = Table(title=name, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("", min_width=50)
    table.add_column("measured", justify="right", no_wrap=True, min_width=10)
    table.add_column("aim", justify="right", no_wrap=True, min_width=9)
    table.add_column("", no_wrap=True)
    for figure in figures:
        aim = "" if figure.aim is None else f"≤ {_number(figure.aim)} {figure.unit}"
        met = "" if figure.aim is None else "met" if figure.met else "MISSED"
        table.add_row(figure.what, f"{_number(figure.value)} {figure.unit}", aim, met)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2g}" if value < 1 else f"{value:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; by default all")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    console = Console(highlight=False)
    missed = 0
    for name in names:
        with tempfile.TemporaryDirectory(prefix="keyproof-benchmark-") as folder:
            figures = list(BENCHMARKS[name](Path(folder)))
        console.print(_table(name, figures), "")
        missed += sum(not figure.met for figure in figures)
    console.print(f"{missed} aims were missed" if missed else "all aims were met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
