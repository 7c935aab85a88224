"""Which control is evidence for which requirement of each framework."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evidence.findings import FrameworkResult, Stage
from reports.content.bounds import Bounds
from reports.content.judgement import Chapter, Judged
from reports.display import listed


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A requirement for which a control is evidence."""

    requirement: str
    own: bool
    """The framework judges the control with parameters of its own, or for some sources alone."""


def evidence_for(frameworks: Sequence[FrameworkResult]) -> Mapping[tuple[str, str], Sequence[Support]]:
    """(control, framework) → what the control is evidence for in it, in its order; nothing for any other pair."""
    supported: dict[tuple[str, str], list[Support]] = defaultdict(list)
    for framework in frameworks:
        for requirement in framework.requirements:
            for control, variant in requirement.controls:
                supported[control, framework.id].append(Support(requirement=requirement.id, own=variant != "default"))
    return supported


def crosswalk(frameworks: Sequence[FrameworkResult], chapters: Sequence[Chapter], bounds: Bounds) -> Crosswalk:
    """Controls down, in the order of the chapters, and frameworks across."""
    shown = tuple(frameworks[: bounds.frameworks])
    supported = evidence_for(shown)
    return Crosswalk(
        frameworks=shown,
        frameworks_more=len(frameworks) - len(shown),
        stages=tuple(
            (
                chapter.stage,
                tuple(
                    Line(
                        judged=control.judged[0],
                        cells=tuple(_cell(supported[control.id, one.id], bounds.crossing) for one in shown),
                    )
                    for control in chapter.controls
                ),
            )
            for chapter in chapters
        ),
        uncontrolled=tuple(sum(not requirement.controls for requirement in one.requirements) for one in shown),
    )


def _cell(supported: Sequence[Support], most: int) -> Cell:
    few, more = listed(supported, most)
    return Cell(requirements=tuple(one.requirement for one in few), more=more, own=any(one.own for one in supported))
