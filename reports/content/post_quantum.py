"""What is told of keys and quantum computers: what these would break, by use and deadline, and what they would not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from evidence.model import KeyType
from evidence.standards import Category, Standard, Status, Transition, Use, standards
from reports.content.bounds import Bounds
from reports.display import kind, plural, visible
from reports.material import Material, Queries

# ruff: noqa: S608 - what is put into SQL are constants of this module


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRow:
    """The keys of one use."""

    label: str
    vulnerable: int
    """In no category: broken by a quantum computer, or of keys with a secret too short for any."""
    resistant: int
    """In a category."""
    unknown: int
    """Nothing tells the category."""

    @property
    def keys(self) -> int:
        return self.vulnerable + self.resistant + self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmRow:
    """A kind of key that a quantum computer breaks."""

    name: str
    strength: str
    establishment: int
    signature: int

    @property
    def keys(self) -> int:
        return self.establishment + self.signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """One end date, and the keys of today that it concerns."""

    last_day: date
    passed: bool
    """It lies before the date of the assessment."""
    says: str
    source: str
    draft: str
    """Edition of a document that is not in force; empty for one that is."""
    binds: str
    establishment: int | None
    """None where it does not end this use."""
    signature: int | None
    outliving: int
    """Of these keys, the ones that expire after that day or never."""
    open: int
    """Keys of which their strength, or of those concerned their expiry, was not observed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRow:
    """A family of post-quantum algorithms."""

    name: str
    standard: str
    draft: bool
    use: str
    sets: tuple[tuple[str, str, int], ...]
    """(parameter set, its category, keys), those with keys only."""
    keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRow:
    """Keys with a secret, by category."""

    label: str
    keys: int
    algorithms: tuple[tuple[str, int], ...]
    """(family, keys), the most first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """One reason why keys are counted as not told."""

    kind: str
    error: str
    keys: int
    gap: str
    """Id of one gap of the kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostQuantum:
    uses: tuple[UseRow, ...]
    algorithms: tuple[AlgorithmRow, ...]
    algorithms_more: int
    deadlines: tuple[Deadline, ...]
    families: tuple[FamilyRow, ...]
    categories: tuple[CategoryRow, ...]
    untold: tuple[Untold, ...]
    untold_more: int
    unlisted: int
    """Scopes in which rows of keys may be missing."""
    checked: date
    """When categories and dates were last checked."""

    @property
    def keys(self) -> int:
        return sum(row.keys for row in self.uses)

    @property
    def unknown(self) -> int:
        """Keys of which the use or the category is not told."""
        return sum(row.keys if row.label == USE_UNKNOWN else row.unknown for row in self.uses)


USES: Mapping[KeyType, Use] = {
    KeyType.PRIVATE_SIGNATURE: Use.SIGNATURE,
    KeyType.PUBLIC_SIGNATURE_VERIFICATION: Use.SIGNATURE,
    KeyType.PRIVATE_AUTHENTICATION: Use.SIGNATURE,
    KeyType.PRIVATE_KEY_TRANSPORT: Use.ESTABLISHMENT,
    KeyType.PUBLIC_KEY_TRANSPORT: Use.ESTABLISHMENT,
    KeyType.PRIVATE_STATIC_KEY_AGREEMENT: Use.ESTABLISHMENT,
    KeyType.PUBLIC_STATIC_KEY_AGREEMENT: Use.ESTABLISHMENT,
    KeyType.SYMMETRIC_AUTHENTICATION: Use.ENCRYPTION,
    KeyType.SYMMETRIC_DATA_ENCRYPTION: Use.ENCRYPTION,
    KeyType.SYMMETRIC_KEY_WRAPPING: Use.ENCRYPTION,
    KeyType.SYMMETRIC_MASTER: Use.ENCRYPTION,
    KeyType.SYMMETRIC_KEY_AGREEMENT: Use.ENCRYPTION,
}
"""Type of a key → what it is for."""

USE_LABELS = {
    Use.ESTABLISHMENT: "Key establishment, encryption with a public key",
    Use.SIGNATURE: "Signature",
    Use.ENCRYPTION: "Encryption and authentication with a secret key",
}
USE_UNKNOWN = "Use not observed"

POST_QUANTUM = "post-quantum"
TRANSITIONS = "transitions"

_COUNTED = (
    """manager IS DISTINCT FROM 'provider' AND (state IS NULL OR state IN ('pre_active', 'active', 'suspended'))"""
)
"""The keys that are counted: those that can protect data and are not the provider's, and those that may be."""

_KEYS = f"""
    SELECT key_type, algorithm, parameter_set, bits, security_bits, pq_category, count(*) AS n,
        count(*) FILTER (expires_at IS NULL) AS expiry_unknown, {{outliving}}
    FROM key WHERE {_COUNTED}
    GROUP BY key_type, algorithm, parameter_set, bits, security_bits, pq_category
    ORDER BY n DESC, key_type, algorithm, parameter_set, bits, security_bits, pq_category
"""

_UNTOLD = f"""
    WITH open_key AS (
        SELECT scope, id FROM key WHERE {_COUNTED} AND (pq_category IS NULL OR key_type IS NULL)
    )
    SELECT gap.kind, gap.error, count(DISTINCT (k.scope, k.id)) AS n, min(gap.id) AS example
    FROM open_key AS k JOIN gap ON gap.scope = k.scope AND gap.of_table = 'key' AND gap.subject IN (k.id, '')
    WHERE list_has_any(gap.columns, ['pq_category', 'key_type'])
    GROUP BY gap.kind, gap.error ORDER BY n DESC, gap.kind, gap.error
"""

_UNLISTED = "SELECT count(DISTINCT scope) AS n FROM gap WHERE of_table = 'key' AND rows_missing"


@dataclass(frozen=True, slots=True)
class _Kind:
    """Keys that are alike in all that is told here."""

    use: Use | None
    algorithm: str
    name: str
    """Its parameter set, or its family and size."""
    security_bits: int | None
    category: int | None
    keys: int
    expiry_unknown: int
    outliving: Mapping[date, int] = field(default_factory=dict)
    """Last day → keys that expire after it, or never."""

    @property
    def vulnerable(self) -> bool:
        return self.category == 0 and self.use in (Use.SIGNATURE, Use.ESTABLISHMENT)


def post_quantum(material: Material, queries: Queries, bounds: Bounds) -> PostQuantum:
    """Everything that is told of the keys that can protect data and are not the provider's."""
    ends = standards()[TRANSITIONS]
    concerning = [row for row in ends.transition if row.last_day and any(row.concerns(use, 0) for use in Use)]
    kinds = list(_kinds(queries, sorted({row.last_day for row in concerning if row.last_day})))
    algorithms = _algorithms(kinds)
    untold, untold_more = queries.first(_UNTOLD, bounds.withheld)
    return PostQuantum(
        uses=tuple(_uses(kinds)),
        algorithms=tuple(algorithms[: bounds.algorithms]),
        algorithms_more=max(0, len(algorithms) - bounds.algorithms),
        deadlines=tuple(_deadlines(ends, concerning, kinds, material.assessment.as_of.date())),
        families=tuple(_families(kinds)),
        categories=tuple(_categories(kinds)),
        untold=tuple(
            Untold(kind=kind(row["kind"]), error=visible(row["error"] or "", 200), keys=row["n"], gap=row["example"])
            for row in untold
        ),
        untold_more=untold_more,
        unlisted=queries.value(_UNLISTED),
        checked=min(standards()[name].version for name in (POST_QUANTUM, TRANSITIONS)),
    )


def _kinds(queries: Queries, days: Sequence[date]) -> Iterator[_Kind]:
    outliving = ", ".join(f"count(*) FILTER (expires_at >= $day{place}) AS after{place}" for place in range(len(days)))
    moments = {f"day{place}": day + timedelta(days=1) for place, day in enumerate(days)}
    for row in queries.rows(_KEYS.format(outliving=outliving), moments):
        yield _Kind(
            use=USES.get(row["key_type"]),
            algorithm=visible(row["algorithm"] or "", 40),
            name=_name(row),
            security_bits=row["security_bits"],
            category=row["pq_category"],
            keys=row["n"],
            expiry_unknown=row["expiry_unknown"],
            outliving={day: row[f"after{place}"] for place, day in enumerate(days)},
        )


def _name(row: Mapping[str, Any]) -> str:
    if row["parameter_set"]:
        return visible(row["parameter_set"], 40)
    family = visible(row["algorithm"] or "algorithm not observed", 40)
    if row["bits"] is None:
        return f"{family}, size not observed"
    return f"{family}-{row['bits']}" if row["bits"] else family


def _uses(kinds: Iterable[_Kind]) -> Iterator[UseRow]:
    counted: Counter[tuple[Use | None, str]] = Counter()
    for one in kinds:
        told = "unknown" if one.category is None else "resistant" if one.category else "vulnerable"
        counted[one.use, told] += one.keys
    for use, label in (*USE_LABELS.items(), (None, USE_UNKNOWN)):
        row = UseRow(
            label=label,
            vulnerable=counted[use, "vulnerable"],
            resistant=counted[use, "resistant"],
            unknown=counted[use, "unknown"],
        )
        if use or row.keys:
            yield row


def _algorithms(kinds: Iterable[_Kind]) -> list[AlgorithmRow]:
    """The most frequent first."""
    counted: dict[tuple[str, int | None], Counter[Use]] = {}
    for one in kinds:
        if one.vulnerable and one.use:
            counted.setdefault((one.name, one.security_bits), Counter())[one.use] += one.keys
    rows = [
        AlgorithmRow(
            name=name,
            strength="not observed" if bits is None else plural(bits, "bit"),
            establishment=by_use[Use.ESTABLISHMENT],
            signature=by_use[Use.SIGNATURE],
        )
        for (name, bits), by_use in counted.items()
    ]
    return sorted(rows, key=lambda row: (-row.keys, row.name, row.strength))


def _deadlines(
    ends: Standard, concerning: Iterable[Transition], kinds: Sequence[_Kind], as_of: date
) -> Iterator[Deadline]:
    """The earliest first. One that is past and concerns no key is left out."""
    vulnerable = [one for one in kinds if one.vulnerable]
    for row in sorted(concerning, key=lambda row: (row.last_day, row.below_bits is None, row.name)):
        if row.last_day is None:
            continue
        mine = [one for one in vulnerable if one.use in row.uses]
        open_strength = [one for one in mine if row.below_bits is not None and one.security_bits is None]
        concerned = [one for one in mine if one not in open_strength and _concerns(row, one)]
        if row.last_day < as_of and not concerned and not open_strength:
            continue
        document = ends.source(row)
        yield Deadline(
            last_day=row.last_day,
            passed=row.last_day < as_of,
            says=row.says[:1].upper() + row.says[1:],
            source=document.name,
            draft=document.edition if document.status is Status.DRAFT else "",
            binds=row.binds,
            establishment=_of_use(row, concerned, Use.ESTABLISHMENT),
            signature=_of_use(row, concerned, Use.SIGNATURE),
            outliving=sum(one.outliving[row.last_day] for one in concerned),
            open=sum(one.keys for one in open_strength) + sum(one.expiry_unknown for one in concerned),
        )


def _concerns(row: Transition, one: _Kind) -> bool:
    """A transition of every strength concerns a key whose strength is not known, too."""
    return one.use is not None and row.concerns(one.use, one.security_bits or 0)


def _of_use(row: Transition, concerned: Iterable[_Kind], use: Use) -> int | None:
    return sum(one.keys for one in concerned if one.use is use) if use in row.uses else None


def _families(kinds: Iterable[_Kind]) -> Iterator[FamilyRow]:
    """Each family of the data file that is no cipher with a secret key, whether there are keys of it or not."""
    data = standards()[POST_QUANTUM]
    rows: dict[str, list[Category]] = {}
    for entry in data.category:
        if entry.use is not Use.ENCRYPTION:
            rows.setdefault(entry.algorithm, []).append(entry)
    counted: dict[str, Counter[tuple[str, int | None]]] = {name: Counter() for name in rows}
    for one in kinds:
        if one.algorithm in counted:
            counted[one.algorithm][one.name, one.category] += one.keys
    for name, entries in rows.items():
        document = data.source(entries[0])
        keys = counted[name].total()
        if not keys and document.name not in _ALWAYS_SHOWN:
            continue
        yield FamilyRow(
            name=name,
            standard=document.name,
            draft=document.status is Status.DRAFT,
            use=USE_LABELS[entries[0].use],
            sets=tuple(
                (set_, "category not told" if category is None else f"category {category}", n)
                for (set_, category), n in sorted(counted[name].items(), key=lambda item: (-item[1], str(item[0])))
            ),
            keys=keys,
        )


_ALWAYS_SHOWN = ("FIPS 203", "FIPS 204", "FIPS 205")
"""The standards of which a reader wants to know even that nothing follows them yet."""


def _categories(kinds: Iterable[_Kind]) -> Iterator[CategoryRow]:
    counted: dict[int | None, Counter[str]] = {}
    for one in kinds:
        if one.use is Use.ENCRYPTION:
            counted.setdefault(one.category, Counter())[one.algorithm or "algorithm not observed"] += one.keys
    for category in sorted(counted, key=lambda category: -1 if category is None else category, reverse=True):
        families = counted[category]
        label = {None: "not told", 0: "none: too short, or of no known strength"}.get(category, f"category {category}")
        ordered = sorted(families.items(), key=lambda item: (-item[1], item[0]))
        shown, rest = ordered[:_FAMILIES], ordered[_FAMILIES:]
        if rest:
            shown.append((f"{len(rest)} more", sum(keys for _, keys in rest)))
        yield CategoryRow(label=label, keys=families.total(), algorithms=tuple(shown))


_FAMILIES = 8
"""Families of ciphers that are named in one line."""
