"""Verifying a pack, against what reading and digesting the same bytes takes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import KEYPROOF, Figure, measured
from benchmarks.runs import assessed_run

KEYS = 3_000

VERIFICATION_FAILED = 4
"""keyproof's exit code."""


def run(folder: Path) -> Iterator[Figure]:
    """A pack of which one byte was changed is compared with its manifest, and nothing is made again from it."""
    configuration, _ = assessed_run(folder, KEYS)
    pack, changed = folder / "pack", folder / "changed"
    measured([KEYPROOF, "report", "-c", str(configuration), "--out", str(pack), "--quiet"])
    shutil.copytree(pack, changed)
    _change_a_byte(changed / "report.pdf")
    files = sorted(str(path) for path in pack.rglob("*") if path.is_file())
    digested = measured(["sha256sum", "--", *files])
    compared = measured([KEYPROOF, "verify", str(changed), "--quiet"], expect=VERIFICATION_FAILED)
    verified = measured([KEYPROOF, "verify", str(pack), "--quiet"])
    size = sum(Path(file).stat().st_size for file in files)
    yield Figure(f"the pack of {KEYS:,} keys", size / 1e6, "MB")
    yield Figure("sha256sum of its files", digested.seconds, "s")
    yield Figure("verify, every byte against the manifest", compared.seconds, "s")
    yield Figure("verify, inventory and findings made again too", verified.seconds, "s")
    yield Figure("ratio to sha256sum, the bytes alone", compared.seconds / digested.seconds, "×")
    yield Figure("ratio to sha256sum, all of it", verified.seconds / digested.seconds, "×")
    yield Figure("peak memory", verified.peak_mib, "MiB")


def _change_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
