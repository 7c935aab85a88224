"""What the controls' results, and what people attest, say about each requirement of a framework.

A control of a requirement has come to one of six ends, and the worst of them decides:

* it *fails* for a row that no valid exception covers;
* it is *open*: a verdict is inconclusive, or a gap leaves rows unseen;
* it *awaits* people: nothing but an attestation is lacking for a verdict;
* it *passes*: all rows of its population pass, or fail with a valid exception;
* its population is *empty*: rows were read, and none belongs to the population;
* *nothing* was found: its table has no row at all, so nothing shows that anything was there to be read. What the
  organization states is known whole, so that there an empty table is an empty population.

Beyond what the five statuses say of themselves: A valid statement that a requirement does not apply decides, whatever
the controls say, for they judge everything and not only what the requirement is about; the reason tells of failures
beside it. A control that the catalogue does not have leaves to people what it would have told; where it has none of a
requirement's controls, nothing was judged, and no attestation alone makes up for that. Where metadata decides only a
part, an empty population leaves the other part to people, so that such a requirement becomes not applicable only by
statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from controls.catalogue import DEFAULT, Framework, Requirement
from controls.register import AttestationRecord
from controls.views import VIEWS
from evidence.findings import ControlResult, Decided, FrameworkResult, RequirementResult, Status


class End(IntEnum):
    """What a control has come to, the worst first."""

    FAILS = 0
    OPEN = 1
    AWAITS = 2
    PASSES = 3
    EMPTY = 4
    NOTHING = 5


def end_of(result: ControlResult) -> End:
    """What a control has come to."""
    counts = result.counts
    if counts.failed > counts.excepted:
        return End.FAILS
    if counts.inconclusive > counts.awaiting or not result.population_complete:
        return End.OPEN
    if counts.awaiting:
        return End.AWAITS
    if counts.judged:
        return End.PASSES
    return End.EMPTY if counts.not_applicable or not VIEWS[result.over].tables else End.NOTHING


@dataclass(frozen=True, slots=True)
class _Case:
    """All that bears on one requirement."""

    requirement: Requirement
    about: Sequence[str]
    """The kinds of source that the framework is about; empty for all."""
    controls: Sequence[ControlResult]
    unavailable: Sequence[str]
    attested: Sequence[AttestationRecord]
    """Valid attestations that what remains for people is done."""
    stated: Sequence[AttestationRecord]
    """Valid attestations that the requirement does not apply."""

    def at(self, end: End) -> list[ControlResult]:
        return [result for result in self.controls if end_of(result) is end]


def roll_up(
    framework: Framework, results: Mapping[tuple[str, str], ControlResult], valid: Sequence[AttestationRecord]
) -> FrameworkResult:
    """The results of a framework, from those of the controls by (control, variant) and the valid attestations."""
    return FrameworkResult(
        id=framework.id,
        name=framework.name,
        edition=framework.edition,
        note=framework.note,
        requirements=[_result(_case(framework, requirement, results, valid)) for requirement in framework.requirements],
    )


def _case(
    framework: Framework,
    requirement: Requirement,
    results: Mapping[tuple[str, str], ControlResult],
    valid: Sequence[AttestationRecord],
) -> _Case:
    found = [results.get((name, framework.id)) or results.get((name, DEFAULT)) for name in requirement.controls]
    about = [
        record
        for record in valid
        if any(ref.framework == framework.id and ref.requirement == requirement.id for ref in record.requirements)
    ]
    return _Case(
        requirement,
        framework.about,
        controls=[result for result in found if result is not None],
        unavailable=[name for name, result in zip(requirement.controls, found, strict=True) if result is None],
        attested=[record for record in about if not record.not_applicable],
        stated=[record for record in about if record.not_applicable],
    )


def _result(case: _Case) -> RequirementResult:
    status, reason = _status(case)
    used = {Status.NOT_APPLICABLE: case.stated, Status.SUPPORTED: case.attested}.get(status, [])
    requirement = case.requirement
    return RequirementResult(
        id=requirement.id,
        text=requirement.text,
        decided=requirement.decided,
        metadata=requirement.metadata,
        remains=requirement.remains,
        controls=[(result.id, result.variant) for result in case.controls],
        unavailable=list(case.unavailable),
        status=status,
        reason=reason,
        attestations=[record.id for record in used],
    )


def _status(case: _Case) -> tuple[Status, str]:
    if case.stated:
        return Status.NOT_APPLICABLE, _stated(case)
    if failing := case.at(End.FAILS):
        return Status.NOT_SUPPORTED, f"{_failures(failing)} without a valid exception."
    if unsettled := case.at(End.OPEN):
        return Status.INCONCLUSIVE, f"{_names(unsettled)} cannot be decided: {_withheld(unsettled)}."
    if case.requirement.decided is not Decided.MANUALLY and not case.controls:
        names = ", ".join(case.unavailable)
        what = "are" if len(case.unavailable) > 1 else "is"
        return Status.INCONCLUSIVE, f"Nothing was judged: {names} {what} not in the catalogue."
    if case.controls and not case.at(End.PASSES) and not case.at(End.AWAITS) and case.at(End.NOTHING):
        tables = ", ".join(dict.fromkeys(result.over for result in case.at(End.NOTHING)))
        where = f" from sources of the kind {' or '.join(case.about)}" if case.about else ""
        return Status.INCONCLUSIVE, f"Nothing was found to judge: the inventory has no row of {tables}{where}."
    return _people(case)


def _people(case: _Case) -> tuple[Status, str]:
    """The status once all that metadata can decide is in order."""
    judged = _judged(case)
    awaiting = case.at(End.AWAITS)
    left_to_people = case.requirement.decided is not Decided.AUTOMATICALLY or bool(case.unavailable or awaiting)
    if not left_to_people:
        if case.at(End.PASSES):
            return Status.SUPPORTED, f"{judged}."
        return Status.NOT_APPLICABLE, f"{judged}, and all of them were observed."
    if case.attested:
        attested = ", ".join(record.id for record in case.attested)
        said = f"what people decide is attested ({attested})"
        return Status.SUPPORTED, (f"{judged}, and {said}." if judged else f"{said[0].upper()}{said[1:]}.")
    missing = "what people decide has no current attestation"
    if case.unavailable and case.requirement.decided is not Decided.MANUALLY:
        missing += f", nor has what {', '.join(case.unavailable)} would tell, which the catalogue does not have"
    if awaiting:
        missing += f"; {_names(awaiting)} {'await' if len(awaiting) > 1 else 'awaits'} one"
    return Status.NEEDS_ATTESTATION, (f"{judged}; {missing}." if judged else f"{missing[0].upper()}{missing[1:]}.")


def _judged(case: _Case) -> str:
    """What metadata decided, in words; empty where no control judged anything."""
    if passing := case.at(End.PASSES):
        excepted = sum(result.counts.excepted for result in passing)
        also = f", {_number(excepted, 'failure')} being covered by valid exceptions" if excepted else ""
        verb, they = ("pass", "they judge") if len(passing) > 1 else ("passes", "it judges")
        return f"{_names(passing)} {verb} for all that {they}{also}"
    if empty := case.at(End.EMPTY):
        return f"Nothing that was read belongs to the population of {_names(empty)}"
    return ""


def _stated(case: _Case) -> str:
    stated = f"The organization states that it does not apply ({', '.join(record.id for record in case.stated)})"
    if failing := case.at(End.FAILS):
        return f"{stated}; beside that statement {_failures(failing)} without a valid exception."
    return f"{stated}."


def _failures(failing: Sequence[ControlResult]) -> str:
    uncovered = {result.id: result.counts.failed - result.counts.excepted for result in failing}
    return _joined([f"{name} fails {_number(count, 'time')}" for name, count in uncovered.items()])


def _withheld(results: Sequence[ControlResult]) -> str:
    verdicts = sum(result.counts.inconclusive for result in results)
    unseen = any(not result.population_complete for result in results)
    said = f"{_number(verdicts, 'verdict')} {'is' if verdicts == 1 else 'are'} inconclusive"
    return said + (", and rows may be missing" if unseen else "")


def _names(results: Sequence[ControlResult]) -> str:
    return _joined([result.id for result in results])


def _joined(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
