"""What is told of each requirement: all that an assessor needs to come to a conclusion of his own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from evidence.findings import FrameworkResult, RequirementResult, Status
from reports.content.bounds import Bounds
from reports.content.judgement import AWAITED, Judged
from reports.display import listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A control that is evidence for a requirement, with the ids that an assessor can cite."""

    judged: Judged
    findings: tuple[str, ...]
    """Of failures; of what is inconclusive, where nothing fails and no gap can be named."""
    findings_more: int
    gap: str
    """One gap that withholds verdicts; empty for none, and where failures speak for themselves."""
    awaits: tuple[str, ...]
    """Topics whose attestation verdicts wait for."""
    awaits_more: int
    sample: str
    """Id of the sample; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    result: RequirementResult
    controls: tuple[Judged, ...]
    cited: tuple[Cited, ...]
    """The controls that speak against it, then those that leave it open, then the others."""
    cited_more: tuple[Judged, ...]
    """Controls that are named only."""
    attestations: tuple[str, ...]
    attestations_more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkPart:
    result: FrameworkResult
    statuses: tuple[tuple[str, int], ...]
    """(status, requirements), every status in order."""
    without_control: int
    """Inconclusive requirements of which the catalogue has no control."""
    requirements: tuple[Requirement, ...]


def framework_part(
    framework: FrameworkResult, judged: Mapping[tuple[str, str], Judged], bounds: Bounds
) -> FrameworkPart:
    """One framework, requirement by requirement."""
    counted = Counter(requirement.status for requirement in framework.requirements)
    return FrameworkPart(
        result=framework,
        statuses=tuple((status, counted[status]) for status in Status),
        without_control=sum(
            requirement.status is Status.INCONCLUSIVE and not requirement.controls
            for requirement in framework.requirements
        ),
        requirements=tuple(_requirement(requirement, judged, bounds) for requirement in framework.requirements),
    )


def _requirement(result: RequirementResult, judged: Mapping[tuple[str, str], Judged], bounds: Bounds) -> Requirement:
    controls = tuple(judged[control] for control in result.controls if control in judged)
    ordered = sorted(controls, key=_weight)
    attestations, attestations_more = listed(result.attestations, bounds.named)
    return Requirement(
        result=result,
        controls=controls,
        cited=tuple(_cited(one, bounds) for one in ordered[: bounds.cited]),
        cited_more=tuple(ordered[bounds.cited :]),
        attestations=tuple(attestations),
        attestations_more=attestations_more,
    )


def _weight(judged: Judged) -> tuple[bool, bool, bool]:
    counts = judged.result.counts
    return not judged.open_failures, not counts.inconclusive, not counts.judged


def _cited(judged: Judged, bounds: Bounds) -> Cited:
    counts = judged.result.counts
    gap = "" if counts.failed else next((one.example for one in judged.withheld if one.kind != AWAITED), "")
    awaits, awaits_more = listed(judged.awaits, bounds.awaiting)
    few = () if gap else judged.citable[: bounds.citations]
    return Cited(
        judged=judged,
        findings=few,
        findings_more=0 if gap else (counts.failed or counts.inconclusive) - len(few),
        gap=gap,
        awaits=tuple(awaits),
        awaits_more=awaits_more,
        sample=judged.sample.id if judged.sample else "",
    )
