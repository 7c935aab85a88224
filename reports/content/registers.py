"""What is told of the registers: what people state, and what verdicts still wait for them to attest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evidence.findings import AttestationUsed, ExceptionUsed, RequirementRef
from reports.content.bounds import Bounds
from reports.display import listed, visible
from reports.material import Material, Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Excepted:
    """An exception, with as many of its subjects as one line names."""

    used: ExceptionUsed
    subjects: tuple[str, ...]
    subjects_more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """An attestation, with as many of its subjects and requirements as one line names."""

    used: AttestationUsed
    subjects: tuple[str, ...]
    subjects_more: int
    requirements: tuple[RequirementRef, ...]
    requirements_more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A topic that nobody attests as yet."""

    topic: str
    verdicts: int
    controls: tuple[str, ...]
    """Ids of the controls whose verdicts wait for it."""
    controls_more: int
    example: str
    """Id of one finding that waits."""
    subject: str
    """What that one is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    exceptions: tuple[Excepted, ...]
    exceptions_more: int
    attestations: tuple[Attested, ...]
    attestations_more: int
    awaited: tuple[Awaited, ...]
    """What verdicts wait for people to attest."""
    awaited_more: int


def register(material: Material, queries: Queries, bounds: Bounds) -> Register:
    """The organization's registers in their own order, and the topics that verdicts wait for by name."""
    exceptions, exceptions_more = listed(material.assessment.exceptions, bounds.register)
    attestations, attestations_more = listed(material.assessment.attestations, bounds.register)
    awaited, awaited_more = listed(_awaited(queries, bounds.named), bounds.topics)
    return Register(
        exceptions=tuple(_excepted(used, bounds) for used in exceptions),
        exceptions_more=exceptions_more,
        attestations=tuple(_attested(used, bounds) for used in attestations),
        attestations_more=attestations_more,
        awaited=tuple(awaited),
        awaited_more=awaited_more,
    )


def _excepted(used: ExceptionUsed, bounds: Bounds) -> Excepted:
    subjects, more = listed(used.subjects, bounds.named)
    return Excepted(used=used, subjects=tuple(subjects), subjects_more=more)


def _attested(used: AttestationUsed, bounds: Bounds) -> Attested:
    subjects, subjects_more = listed(used.subjects, bounds.named)
    requirements, requirements_more = listed(used.requirements, bounds.covered)
    return Attested(
        used=used,
        subjects=tuple(subjects),
        subjects_more=subjects_more,
        requirements=tuple(requirements),
        requirements_more=requirements_more,
    )


def _awaited(queries: Queries, named: int) -> Iterator[Awaited]:
    for row in queries.rows(
        """
        SELECT topic, count(*) AS verdicts, list_sort(list_distinct(list(control))) AS controls,
            min(id) AS example, arg_min(subject, id) AS subject
        FROM (SELECT id, control, subject, unnest(awaits) AS topic FROM finding WHERE verdict = 'inconclusive')
        GROUP BY topic ORDER BY topic
        """
    ):
        controls, more = listed(row["controls"], named)
        yield Awaited(
            topic=visible(row["topic"], 60),
            verdicts=row["verdicts"],
            controls=tuple(controls),
            controls_more=more,
            example=row["example"],
            subject=visible(row["subject"], 120),
        )
