"""Draws from the controls' populations that anyone can repeat: the same evidence and text give the same sample."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from evidence.observation import short_id
from reports.material import Material, Queries

METHOD = (
    "Order the ids of the control's findings that are pass, fail or inconclusive by the SHA-256 of the seed, a colon "
    "and the id, in hexadecimal; take the first n."
)
"""The draw in words. A larger n only adds to a smaller one."""

# An auditor tests whether the verdicts on a population can be relied on, so the sample is of the population and not of
# what passed: it stands for the number of rows that the control says it judged, and its errors can be projected on it.
# Failures need no draw to be seen, since they are listed one by one as well.
POPULATION = "verdict <> 'not_applicable'"


@dataclass(frozen=True, slots=True)
class Sample:
    """Findings of one control and variant, drawn for an auditor to test by hand."""

    id: str
    control: str
    variant: str
    seed: str
    population: int
    """Findings from which it is drawn."""
    population_sha256: str
    """SHA-256 over their ids in rising order, one a line, without a line feed at the end."""
    findings: tuple[str, ...]
    """Ids drawn, in the order of the draw."""


def seed(material: Material, control: str, variant: str) -> str:
    """The seed of a control's draw: evidence digest, control and variant, and the auditor's text where there is one."""
    told = [material.evidence_digest, control, variant, material.assessment.sampling.seed]
    return ":".join(part for part in told if part)


def draw(material: Material, queries: Queries) -> Iterator[Sample]:
    """A sample of each control and variant that judges anything, by the sizes of the plan, in the order of names."""
    plan = material.assessment.sampling
    sizes = {result.id: plan.of(result.id) for result in material.assessment.controls}
    drawn: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in queries.rows(
        f"""
        SELECT control, variant, id FROM (
            SELECT control, variant, id, row_number() OVER (
                PARTITION BY control, variant
                ORDER BY sha256($digest || ':' || control || ':' || variant || $text || ':' || id)
            ) AS place
            FROM finding WHERE {POPULATION}
        )
        JOIN (SELECT unnest($controls::VARCHAR[]) AS control, unnest($sizes::INTEGER[]) AS size) USING (control)
        WHERE place <= size ORDER BY control, variant, place
        """,  # noqa: S608 - a constant of this module
        {
            "digest": material.evidence_digest,
            "text": f":{plan.seed}" if plan.seed else "",
            "controls": list(sizes),
            "sizes": list(sizes.values()),
        },
    ):
        drawn[row["control"], row["variant"]].append(row["id"])
    for row in queries.rows(
        f"""
        SELECT control, variant, count(*) AS population,
            sha256(string_agg(id, chr(10) ORDER BY id)) AS population_sha256
        FROM finding WHERE {POPULATION} GROUP BY control, variant ORDER BY control, variant
        """  # noqa: S608 - a constant of this module
    ):
        control, variant = row["control"], row["variant"]
        if ids := tuple(drawn[control, variant]):
            chosen = seed(material, control, variant)
            yield Sample(
                id=short_id("SMP", chosen, str(sizes[control])),
                control=control,
                variant=variant,
                seed=chosen,
                population=row["population"],
                population_sha256=row["population_sha256"],
                findings=ids,
            )


def repeat(sample_seed: str, ids: list[str], size: int) -> list[str]:
    """The same draw from a plain list of ids, for whoever checks one: no database needed."""
    return sorted(ids, key=lambda name: hashlib.sha256(f"{sample_seed}:{name}".encode()).hexdigest())[:size]
