"""The charts' numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from evidence.findings import Stage
from reports.material import Material, Queries


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAge:
    """The age of material in use, in quarters of a year."""

    series: tuple[tuple[str, tuple[int, ...]], ...]
    """(judgement, keys by full quarters since their material came into use); the last number is all that are older."""
    unknown: int
    cryptoperiods: tuple[int, ...]
    """The cryptoperiods in days that are set, whatever the type of key."""

    @property
    def totals(self) -> tuple[int, ...]:
        """Keys by quarters."""
        return tuple(sum(counts) for counts in zip(*(counts for _, counts in self.series), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    months: tuple[str, ...]
    causes: tuple[tuple[str, tuple[int, ...]], ...]
    """(cause, rotations a month)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageVerdicts:
    stages: tuple[tuple[str, tuple[int, int, int, int]], ...]
    """(stage, (passed, failed without exception, failed with exception, inconclusive))."""


OLDEST_QUARTER = 12
"""Material older than so many quarters of a year is counted together."""

QUARTER_DAYS = 365 / 4

CRYPTOPERIOD = "ROT-02"
"""The control that judges the age of material in use; its parameters in days are the cryptoperiods."""

JUDGED_AGE = {"pass": "within its cryptoperiod", "fail": "beyond its cryptoperiod"}
"""Verdict of that control → what it says of a key; any other verdict says that the age is not judged."""

UNJUDGED_AGE = "not judged"


def key_age(material: Material, queries: Queries) -> KeyAge:
    """The ages of active customer keys at `as_of`."""
    counted: dict[str, Counter[int]] = defaultdict(Counter)
    unknown = 0
    for row in queries.rows(
        """
        SELECT finding.verdict, count(*) AS n,
            CASE WHEN last_rotated_at IS NOT NULL  -- least() passes over NULL, and would make it the oldest
                THEN least(floor(date_diff('second', last_rotated_at, $as_of) / 86400 / $quarter), $oldest)::INTEGER
            END AS quarter
        FROM key LEFT JOIN finding ON finding.control = $control AND finding.variant = 'default'
            AND finding.subject = key.id AND finding.scope = key.scope
        WHERE manager = 'customer' AND state = 'active' GROUP BY finding.verdict, quarter
        ORDER BY finding.verdict, quarter
        """,
        {
            "as_of": material.assessment.as_of,
            "quarter": QUARTER_DAYS,
            "oldest": OLDEST_QUARTER,
            "control": CRYPTOPERIOD,
        },
    ):
        if row["quarter"] is None:
            unknown += row["n"]
        else:
            counted[JUDGED_AGE.get(row["verdict"], UNJUDGED_AGE)][max(0, row["quarter"])] += row["n"]
    set_days = {
        parameter.value
        for result in material.assessment.controls
        if (result.id, result.variant) == (CRYPTOPERIOD, "default")
        for parameter in result.parameters
        if parameter.name.endswith("_days") and isinstance(parameter.value, int)
    }
    return KeyAge(
        series=tuple(
            (label, tuple(counted[label][quarter] for quarter in range(OLDEST_QUARTER + 1)))
            for label in (*JUDGED_AGE.values(), UNJUDGED_AGE)
        ),
        unknown=unknown,
        cryptoperiods=tuple(sorted(set_days)),
    )


LONGEST_MONTHS = 36
"""The timeline shows so many months at the end of a longer period."""


def timeline(material: Material, queries: Queries) -> Timeline:
    """Completed rotations a month within the audit period."""
    start, end = material.assessment.period_start, material.assessment.period_end
    first, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
    months = [f"{month // 12}-{month % 12 + 1:02d}" for month in range(max(first, last - LONGEST_MONTHS + 1), last + 1)]
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for row in queries.rows(
        """
        SELECT coalesce(replace(cause, '_', ' '), 'cause not observed') AS cause,
            strftime(created_at, '%Y-%m') AS month, count(*) AS n
        FROM key_version
        WHERE created_at BETWEEN $start AND $end AND (cause IS NULL OR cause <> 'initial')
        GROUP BY ALL ORDER BY cause, month
        """,
        {"start": start, "end": end},
    ):
        counted[row["cause"]][row["month"]] += row["n"]
    return Timeline(
        months=tuple(months),
        causes=tuple((cause, tuple(counts[month] for month in months)) for cause, counts in sorted(counted.items())),
    )


def stage_verdicts(material: Material) -> StageVerdicts:
    """Verdicts on what is in the populations, by stage of life."""
    stages = []
    for stage in Stage:
        counts = [result.counts for result in material.assessment.controls if result.stage is stage]
        if counts:
            excepted = sum(count.excepted for count in counts)
            stages.append(
                (
                    stage.value,
                    (
                        sum(count.passed for count in counts),
                        sum(count.failed for count in counts) - excepted,
                        excepted,
                        sum(count.inconclusive for count in counts),
                    ),
                )
            )
    return StageVerdicts(stages=tuple(stages))
