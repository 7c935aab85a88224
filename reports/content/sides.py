"""The sources as they are shown side by side, and the verdicts of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evidence.findings import Counts
from reports.content.bounds import Bounds
from reports.display import plural, provider_word, visible
from reports.material import Material, Queries

ControlCounts = Mapping[tuple[str, str], tuple[Counts, ...]]
"""(control, variant) → its counts, one a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One column of what is shown side by side: a source, or all sources of a provider where there are many."""

    name: str
    note: str
    """The source's name, or how many sources it stands for."""
    alone: bool
    """No other side is of the same provider, so its name tells it apart."""
    providers: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def label(self) -> str:
        """The name where one word has to do."""
        return self.name if self.alone else self.note


def sides(material: Material, bounds: Bounds) -> tuple[Side, ...]:
    """The sources in their configured order; by provider where they are too many, and the last of them together."""
    sources = material.run.sources
    by_type: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        by_type[source.type].append(source.name)
    if len(sources) <= bounds.sides:
        return tuple(_side([source.type], [source.name], alone=len(by_type[source.type]) == 1) for source in sources)
    types = list(by_type)
    if len(types) <= bounds.sides:
        return tuple(_side([one], by_type[one]) for one in types)
    first, rest = types[: bounds.sides - 1], types[bounds.sides - 1 :]
    together = _side(rest, [name for one in rest for name in by_type[one]])
    return (*(_side([one], by_type[one]) for one in first), together)


def _side(types: Sequence[str], sources: Sequence[str], alone: bool = True) -> Side:
    words = [provider_word(one) for one in types]
    return Side(
        name=words[0] if len(words) == 1 else plural(len(words), "other provider"),
        note=visible(sources[0], 40) if len(sources) == 1 else plural(len(sources), "source"),
        alone=alone,
        providers=tuple(types),
        sources=tuple(sources),
    )


def control_counts(queries: Queries, shown: Sequence[Side]) -> ControlCounts:
    """The findings of each control and variant by verdict, one `Counts` a side."""
    counted: dict[tuple[str, str], list[Counter[str]]] = defaultdict(lambda: [Counter() for _ in shown])
    place_of = places(shown)
    for row in queries.rows(
        """
        SELECT control, variant, source, verdict, count(*) AS n, count(*) FILTER (exception <> '') AS excepted,
            count(*) FILTER (len(awaits) > 0 AND len(missing) = 0) AS awaiting
        FROM finding GROUP BY control, variant, source, verdict ORDER BY control, variant, source, verdict
        """
    ):
        place = place_of.get(row["source"])
        if place is not None:
            counter = counted[row["control"], row["variant"]][place]
            counter[row["verdict"]] += row["n"]
            counter["excepted"] += row["excepted"] if row["verdict"] == "fail" else 0
            counter["awaiting"] += row["awaiting"]
    return {control: tuple(map(_counts, counters)) for control, counters in counted.items()}


def places(shown: Sequence[Side]) -> dict[str, int]:
    """Source → the place of its side."""
    return {source: place for place, side in enumerate(shown) for source in side.sources}


def _counts(counter: Counter[str]) -> Counts:
    return Counts(
        passed=counter["pass"],
        failed=counter["fail"],
        inconclusive=counter["inconclusive"],
        not_applicable=counter["not_applicable"],
        excepted=counter["excepted"],
        awaiting=counter["awaiting"],
    )


NOTHING = _counts(Counter())
"""The counts where no finding is."""


def added(counts: Iterable[Counts]) -> Counts:
    """Counts of several controls together."""
    every = list(counts)
    return Counts(**{name: sum(getattr(one, name) for one in every) for name in Counts.model_fields})
