"""Work done side by side whose results come in order, with no more than a few of them waiting at any time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

WAITING = 4
"""Results of one job that wait to be taken; a job that is further ahead rests."""


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


_END = object()


@dataclass(slots=True)
class _Job(Generic[T]):
    work: Callable[[], Iterable[T]]
    results: queue.Queue[object] = field(default_factory=lambda: queue.Queue(WAITING))

    def run(self, stop: threading.Event) -> None:
        """Put all results and an end into the queue, or the error that was met."""
        try:
            for result in self.work():
                if not self._put(result, stop):
                    return
            self._put(_END, stop)
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread, which raises it
            self._put(_Failure(error), stop)

    def _put(self, result: object, stop: threading.Event) -> bool:
        """Wait until there is room. False where nobody wants results any more."""
        while not stop.is_set():
            try:
                self.results.put(result, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False


def side_by_side(jobs: Sequence[Callable[[], Iterable[T]]], workers: int) -> Iterator[T]:
    """The results of all jobs, first those of the first job, in the order in which each gives them.

    Jobs run on `workers` threads, the earlier ones first, so the one whose turn it is always runs. Raises the error of
    the first job that fails, once the results before it were taken; the others stop.
    """
    waiting = [_Job(job) for job in jobs]
    stop = threading.Event()
    with ThreadPoolExecutor(workers, thread_name_prefix="keyproof-judge") as pool:
        try:
            for job in waiting:
                pool.submit(job.run, stop)
            for job in waiting:
                while (result := job.results.get()) is not _END:
                    if isinstance(result, _Failure):
                        raise result.error
                    yield result  # type: ignore[misc]  # the job puts nothing else
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
