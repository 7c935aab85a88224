"""Which control is evidence for which requirement of each framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence.findings import FrameworkResult, Stage
from reports.content.bounds import Bounds
from reports.content.judgement import Chapter, Control, Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one control is evidence for in one framework."""

    requirements: tuple[str, ...]
    more: int
    own: bool
    """The framework judges it with parameters of its own, or for some sources alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    judged: Judged
    """By the catalogue's own parameters, where it is judged so."""
    cells: tuple[Cell, ...]
    """One a framework."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crosswalk:
    frameworks: tuple[FrameworkResult, ...]
    """Those that have a column."""
    frameworks_more: int
    stages: tuple[tuple[Stage, tuple[Line, ...]], ...]
    uncontrolled: tuple[int, ...]
    """Requirements of each framework for which no control of the catalogue is evidence."""


def crosswalk(frameworks: Sequence[FrameworkResult], chapters: Sequence[Chapter], bounds: Bounds) -> Crosswalk:
    """Controls down, in the order of the chapters, and frameworks across."""
    shown = tuple(frameworks[: bounds.frameworks])
    return Crosswalk(
        frameworks=shown,
        frameworks_more=len(frameworks) - len(shown),
        stages=tuple(
            (
                chapter.stage,
                tuple(
                    Line(judged=control.judged[0], cells=tuple(_cell(control, one, bounds) for one in shown))
                    for control in chapter.controls
                ),
            )
            for chapter in chapters
        ),
        uncontrolled=tuple(sum(not requirement.controls for requirement in one.requirements) for one in shown),
    )


def _cell(control: Control, framework: FrameworkResult, bounds: Bounds) -> Cell:
    supported = [
        (requirement.id, variant)
        for requirement in framework.requirements
        for name, variant in requirement.controls
        if name == control.id
    ]
    few = supported[: bounds.crossing]
    return Cell(
        requirements=tuple(name for name, _ in few),
        more=len(supported) - len(few),
        own=any(variant != "default" for _, variant in supported),
    )
