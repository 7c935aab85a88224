"""What a command costs: time on the clock, time on the processors, and the most memory it held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KEYPROOF = str(Path(sys.executable).with_name("keyproof"))
"""The command as it is installed beside this interpreter."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command took."""

    seconds: float
    """On the clock."""
    cpu_seconds: float
    """On all processors together."""
    peak_mib: float
    """The largest resident set of its process; of its children's, if one had a larger."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, and what it aims at: to be no larger than `aim`."""

    what: str
    value: float
    unit: str = ""
    aim: float | None = None

    @property
    def met(self) -> bool:
        return self.aim is None or self.value <= self.aim


class CommandFailed(Exception):
    """A command that was to be measured ended otherwise than expected. The message is what it said."""


def measured(
    command: Sequence[str], *, folder: Path | None = None, environment: Mapping[str, str] | None = None, expect: int = 0
) -> Cost:
    """Run a command, in `folder`, and give what it cost. Raises CommandFailed where its exit code is not `expect`.

    The kernel counts the memory of the process that starts another to the other's peak, so a small one starts it.
    """
    with tempfile.TemporaryFile("w+") as said, tempfile.NamedTemporaryFile("r") as told:
        starter = [sys.executable, "-I", "-S", __file__, told.name]
        subprocess.run(
            [*starter, *command],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=said,
            stderr=subprocess.STDOUT,
            check=True,
        )
        code, *cost = json.load(told)
        if code != expect:
            said.seek(0)
            raise CommandFailed(f"{' '.join(command)} ended with {code}:\n{said.read()}")
    return Cost(*cost)


def _start(told: str, command: list[str]) -> None:
    """Run a command, and write into the file `told` its exit code and the parts of its cost."""
    started = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - started
    with open(told, "w") as file:  # noqa: PTH123 - this process stays small
        cost = (seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
        json.dump((os.waitstatus_to_exitcode(status), *cost), file)


if __name__ == "__main__":
    _start(sys.argv[1], sys.argv[2:])
