"""Work side by side: its results in order, its errors where they belong, and nobody left working."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from controls.workers import side_by_side


def _count(start: int, stop: int) -> Iterator[int]:
    yield from range(start, stop)


def test_results_come_in_the_order_of_the_jobs() -> None:
    jobs = [partial(_count, 100 * n, 100 * n + size) for n, size in enumerate((50, 0, 3, 90, 1))]
    assert list(side_by_side(jobs, 3)) == [number for job in jobs for number in job()]


def test_no_jobs_have_no_results() -> None:
    assert list(side_by_side([], 2)) == []


def test_an_error_comes_after_the_results_before_it_and_ends_all() -> None:
    def fails() -> Iterator[int]:
        yield 7
        raise ValueError("the disk is full")

    results = side_by_side([partial(_count, 0, 3), fails, partial(_count, 0, 10_000)], 2)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 7]
    with pytest.raises(ValueError, match="the disk is full"):
        next(results)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("keyproof-judge")]


def test_whoever_stops_taking_leaves_nobody_working() -> None:
    results = side_by_side([partial(_count, 0, 10_000), partial(_count, 0, 10_000)], 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("keyproof-judge")]


def test_a_job_that_is_ahead_rests() -> None:
    made: list[int] = []

    def eager() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    first = threading.Event()

    def slow() -> Iterator[int]:
        first.wait(5)
        yield -1

    results = side_by_side([slow, eager], 2)
    first.set()
    assert next(results) == -1
    assert len(made) < 20
    results.close()  # type: ignore[attr-defined]
