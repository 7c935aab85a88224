"""Tasks one after the other instead of side by side: for `doctor`, which looks at a few things of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from collectors.source import Batch, Task

SAMPLED_FROM = 100
"""Things looked at, at most, to find a sample."""


def sampled(
    tasks: Sequence[Task], sample: int | None, counts: Callable[[Batch], bool] = lambda batch: True
) -> Sequence[Task]:
    """All tasks; with `sample`, as many as that of those whose batch counts, found one after the other."""
    return tasks if sample is None else _chain(tasks[:SAMPLED_FROM], sample, counts)


def _chain(tasks: Sequence[Task], wanted: int, counts: Callable[[Batch], bool]) -> Sequence[Task]:
    if not tasks or wanted < 1:
        return []
    first = tasks[0]

    def run(batch: Batch) -> Iterable[Task]:
        yield from first.run(batch)
        yield from _chain(tasks[1:], wanted - counts(batch), counts)

    return [replace(first, run=run)]
