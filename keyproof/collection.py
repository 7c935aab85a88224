"""Runs the tasks of all sources from one flat queue, and records what they observe."""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from collectors.registry import SOURCES
from collectors.source import Batch, Task, UnusableSource
from evidence.observation import Status
from evidence.operation import Operation
from evidence.recording import ScopeHeader, ScopeRecording
from keyproof.configuration import ConfiguredSource

log = logging.getLogger("keyproof.collection")


def first_tasks(sources: Iterable[ConfiguredSource], sample: int | None = None) -> list[Task]:
    """Where the collection of all sources begins; `sample` is how many keys and secrets of each scope to describe.

    Raises UnusableSource, with all that cannot be read for want of credentials or of an extra.
    """
    tasks: list[Task] = []
    unusable: list[UnusableSource] = []
    for source in sources:
        try:
            tasks += SOURCES[source.type].collecting(source.name, source.configuration, sample).start()
        except UnusableSource as error:
            unusable.append(error)
    if len(unusable) > 1:
        raise UnusableSource("\n".join(" ".join(str(error).split()) for error in unusable))
    if unusable:
        raise unusable[0]
    return tasks


@dataclass(slots=True)
class Progress:
    """How far a collection has come."""

    tasks: int = 0
    tasks_done: int = 0
    scopes: int = 0
    scopes_done: int = 0
    requests: int = 0
    recorded: int = 0
    """Exchanges answered by what an earlier, killed run recorded."""
    statuses: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _OpenScope:
    header: ScopeHeader
    outstanding: int = 0
    recording: ScopeRecording | None = None
    """Opened with the first of its tasks that runs."""


class Collection:
    """One flat queue, a fixed number of workers, one file a scope.

    A task never waits for another, so the queue cannot lock up however few the workers. The first error of a worker
    stops all: it is either the disk or a defect, and both leave what was recorded to be taken up again.
    """

    def __init__(
        self,
        folder: Path,
        operations: Mapping[str, Mapping[str, Operation]],
        *,
        concurrency: int,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_scope: Callable[[Path], None] = lambda path: None,
    ) -> None:
        self.progress = Progress()
        self._folder = folder
        self._operations = operations
        self._concurrency = concurrency
        self._on_progress = on_progress
        self._on_scope = on_scope
        self._queue: queue.LifoQueue[Task | None] = queue.LifoQueue()
        """The last task added is the next one taken, so that a scope is finished before many others are begun."""
        self._lock = threading.Lock()
        self._open: dict[str, _OpenScope] = {}
        self._idle = threading.Event()
        self._error: BaseException | None = None

    def run(self, tasks: Iterable[Task]) -> Progress:
        """Work until no task is left. Raises the first worker's error; Ctrl-C leaves a run that can be resumed."""
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(self._concurrency)]
        try:
            self._add(tasks)
            if not self._open:
                return self.progress
            for worker in workers:
                worker.start()
            while not self._idle.wait(timeout=0.1):
                self._on_progress(self.progress)
        finally:
            self._stop(workers)
        if self._error is not None:
            raise self._error
        self._on_progress(self.progress)
        return self.progress

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            if self._error is None:
                try:
                    self._run(task)
                except BaseException as error:  # noqa: BLE001 - carried to the caller's thread, which raises it
                    self._error = self._error or error
                    self._idle.set()

    def _run(self, task: Task) -> None:
        recording = self._recording(task.scope.id)
        batch = Batch(recording, task.subject, self._operations[task.scope.type])
        children = list(task.run(batch))
        recording.write(batch.observations)
        self._count(batch)
        self._add(children)
        self._finish(task.scope)

    def _recording(self, name: str) -> ScopeRecording:
        with self._lock:
            scope = self._open[name]
            if scope.recording is None:
                scope.recording = ScopeRecording(self._folder, scope.header)
            return scope.recording

    def _count(self, batch: Batch) -> None:
        with self._lock:
            self.progress.tasks_done += 1
            self.progress.requests += len(batch.observations) - batch.answered_from_record
            self.progress.recorded += batch.answered_from_record
            self.progress.statuses.update(o.status for o in batch.observations)
        for observation in batch.observations:
            if observation.status is not Status.OK:
                log.debug("%s %s: %s", observation.operation, observation.status, observation.error)

    def _add(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            with self._lock:
                if task.scope.id not in self._open:
                    self._open[task.scope.id] = _OpenScope(task.scope)
                    self.progress.scopes += 1
                self._open[task.scope.id].outstanding += 1
                self.progress.tasks += 1
            self._queue.put(task)

    def _finish(self, header: ScopeHeader) -> None:
        with self._lock:
            scope = self._open[header.id]
            scope.outstanding -= 1
            if scope.outstanding:
                return
            del self._open[header.id]
            self.progress.scopes_done += 1
            remaining = len(self._open)
            recording = scope.recording
        if recording is not None:
            recording.complete()
            log.info("scope %s is complete", header.id)
            self._on_scope(recording.path)
        if not remaining:
            self._idle.set()

    def _stop(self, workers: Iterable[threading.Thread]) -> None:
        self._error = self._error or (None if self._idle.is_set() else KeyboardInterrupt())
        for _ in range(self._concurrency):
            self._queue.put(None)
        for worker in workers:
            if worker.is_alive():
                worker.join()
        for scope in self._open.values():
            if scope.recording is not None:
                scope.recording.abandon()
