"""Draws of passed findings that anyone can repeat: the same evidence, control and size give the same sample."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from evidence.observation import short_id
from reports.material import Material, Queries

METHOD = (
    "Order the ids of the control's passed findings by the SHA-256 of the seed, a colon and the id, in hexadecimal; "
    "take the first n."
)
"""The draw in words. A larger n only adds to a smaller one."""

SIZE = 5
"""Findings in each sample that is shown. No standard fixes a size; each control was tested on its whole population."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Passed findings of one control and variant, drawn for an auditor to test by hand."""

    id: str
    control: str
    variant: str
    seed: str
    population: int
    """Passed findings from which it is drawn."""
    population_sha256: str
    """SHA-256 over their ids in rising order, one a line, without a line feed at the end."""
    findings: tuple[str, ...]
    """Ids drawn, in the order of the draw."""


def seed(material: Material, control: str, variant: str) -> str:
    """The seed of a control's draw: it is fixed by the evidence, so nobody can choose it."""
    return f"{material.evidence_digest}:{control}:{variant}"


def draw(material: Material, queries: Queries, size: int) -> Iterator[Sample]:
    """A sample of at most `size` of each control and variant that passes anything, in the order of their names."""
    drawn: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in queries.rows(
        """
        SELECT control, variant, id FROM (
            SELECT control, variant, id, row_number() OVER (
                PARTITION BY control, variant
                ORDER BY sha256($digest || ':' || control || ':' || variant || ':' || id)
            ) AS place
            FROM finding WHERE verdict = 'pass'
        ) WHERE place <= $size ORDER BY control, variant, place
        """,
        {"digest": material.evidence_digest, "size": size},
    ):
        drawn[row["control"], row["variant"]].append(row["id"])
    for row in queries.rows(
        """
        SELECT control, variant, count(*) AS population,
            sha256(string_agg(id, chr(10) ORDER BY id)) AS population_sha256
        FROM finding WHERE verdict = 'pass' GROUP BY control, variant ORDER BY control, variant
        """
    ):
        control, variant = row["control"], row["variant"]
        chosen = seed(material, control, variant)
        ids = tuple(drawn[control, variant])
        yield Sample(
            id=short_id("SMP", chosen, str(size)),
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
