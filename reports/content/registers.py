"""What is told of the registers: what verdicts still wait for people to attest."""

from __future__ import annotations

from dataclasses import dataclass

from reports.display import visible
from reports.material import Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A topic that nobody attests as yet."""

    topic: str
    verdicts: int
    controls: tuple[str, ...]
    """Ids of the controls whose verdicts wait for it."""
    example: str
    """Id of one finding that waits."""
    subject: str
    """What that one is about."""


def awaited(queries: Queries) -> list[Awaited]:
    """Every topic that some verdict waits for, in the order of their names."""
    return [
        Awaited(
            topic=visible(row["topic"], 60),
            verdicts=row["verdicts"],
            controls=tuple(row["controls"]),
            example=row["example"],
            subject=visible(row["subject"], 120),
        )
        for row in queries.rows(
            """
            SELECT topic, count(*) AS verdicts, list_sort(list_distinct(list(control))) AS controls,
                min(id) AS example, arg_min(subject, id) AS subject
            FROM (SELECT id, control, subject, unnest(awaits) AS topic FROM finding WHERE verdict = 'inconclusive')
            GROUP BY topic ORDER BY topic
            """
        )
    ]
