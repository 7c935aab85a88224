"""The catalogue: controls and frameworks from TOML documents, each checked whole before any of them is used."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field

from controls.documents import (
    DocumentError,
    Entry,
    entries,
    nearest,
    parse,
    read_text,
    refuse_duplicates,
    validated,
)
from controls.predicate import (
    INTEGER,
    RANGE,
    SQL_TYPES,
    Predicate,
    PredicateError,
    is_name,
    parameter_kind,
    read_predicate,
    scratch,
    verdict_sql,
)
from controls.views import VIEWS
from controls.views.view import View
from evidence.findings import Decided, ParameterValue, Severity, Stage, Verdict
from evidence.model import Column
from evidence.observation import canonical_json
from evidence.standards import ROOM as STANDARDS_ROOM
from evidence.standards import Standard, StandardError, read_standard

ROOM = Path(__file__).parent
CATALOG, FRAMEWORKS, STANDARDS = "catalog", "frameworks", "standards"
PARTS = (CATALOG, FRAMEWORKS, STANDARDS)
DEFAULT = "default"
"""The variant of a control with the catalogue's own parameters."""

EXAMPLE_MOMENTS = {
    "as_of": datetime(2026, 6, 30, tzinfo=UTC),
    "period_start": datetime(2025, 7, 1, tzinfo=UTC),
    "period_end": datetime(2026, 6, 30, tzinfo=UTC),
}
"""The date of the assessment, and the audit period, for which the examples of controls hold."""

_CONTROL_ID = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)+")
_FRAMEWORK_ID = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")


class CatalogueError(Exception):
    """The catalogue cannot be used. The message names file, control, part and reason, one problem a line."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row and the verdict that it must get."""

    verdict: Verdict
    row: Mapping[str, Any]
    parameters: Mapping[str, Any]
    """Values that hold instead of the control's own, where these leave nothing to show."""


@dataclass(frozen=True, slots=True)
class Control:
    """One control of the catalogue, with its expressions admitted."""

    id: str
    title: str
    stage: Stage
    severity: Severity
    meaning: str
    over: str
    population: str
    test: str
    population_words: str
    test_words: str
    parameters: Mapping[str, ParameterValue]
    remediation: Mapping[str, str]
    examples: tuple[Example, ...]
    facts: tuple[str, ...]
    """Columns that the two expressions read, in the order of their first mention."""
    predicates: tuple[Predicate, Predicate]
    """Population and test as they were admitted."""

    @property
    def view(self) -> View:
        """What it judges the rows of."""
        return VIEWS[self.over]

    @property
    def decided(self) -> Decided:
        """How much of it metadata can decide; people attest the rest, or all that its test reads."""
        awaiting = self.view.awaiting
        if not any(fact in awaiting for fact in self.facts):
            return Decided.AUTOMATICALLY
        return Decided.MANUALLY if all(fact in awaiting for fact in self.predicates[1].facts) else Decided.PARTLY


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a framework, in keyproof's own words."""

    id: str
    text: str
    decided: Decided
    metadata: str
    remains: str
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework: its requirements in its own order, and its own parameters for some controls."""

    id: str
    name: str
    edition: str
    note: str
    about: tuple[str, ...]
    """The kinds of source that it is about; empty for all."""
    requirements: tuple[Requirement, ...]
    parameters: Mapping[str, Mapping[str, ParameterValue]]

    def judges_apart(self, control: str) -> bool:
        """It names the control, and judges it with parameters of its own or for its kinds of source alone."""
        named = any(control in requirement.controls for requirement in self.requirements)
        return named and bool(self.about or self.parameters.get(control))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All controls by id, in the order of their stages, all frameworks by id, and the standards they cite by id."""

    controls: Mapping[str, Control]
    frameworks: Mapping[str, Framework]
    standards: Mapping[str, Standard]
    documents: Mapping[str, str]
    """The files it was made from by name, such as `catalog/rotation.toml`; they travel with the pack."""
    sha256: str
    """Digest over names and texts of the documents."""

    @classmethod
    def from_documents(cls, documents: Mapping[str, str]) -> Catalogue:
        """The catalogue of documents as `Catalogue.documents` has them. Raises CatalogueError."""
        return _catalogue(_Document(name, name, text) for name, text in documents.items())


def load_catalogue(extra: Sequence[Path] = ()) -> Catalogue:
    """The built-in catalogue and that of each folder in `extra`, which holds `catalog/`, `frameworks/` or `standards/`.

    Raises CatalogueError.
    """
    try:
        documents = {document.name: document for document in _built_in()}
        for number, folder in enumerate(extra, 1):
            found = {document.name: document for document in _read_folder(folder, f"added-{number}/")}
            if not found:
                raise DocumentError(
                    f"{folder}: no catalog/*.toml, no frameworks/*.toml and no standards/*.toml in this folder"
                )
            documents |= found
    except DocumentError as error:
        raise CatalogueError(str(error)) from error
    return _catalogue(documents.values())


@dataclass(frozen=True, slots=True)
class _Document:
    name: str
    where: str = field(compare=False)
    """The file as messages name it."""
    text: str


def _built_in() -> Iterator[_Document]:
    yield from _read_folder(ROOM, "")
    for path in sorted(STANDARDS_ROOM.glob("*.toml")):
        yield _Document(f"{STANDARDS}/{path.name}", str(path), read_text(path))


def _read_folder(folder: Path, prefix: str) -> Iterator[_Document]:
    for part in PARTS:
        for path in sorted((folder / part).glob("*.toml")):
            yield _Document(f"{part}/{prefix}{path.name}", str(path), read_text(path))


def _catalogue(documents: Iterable[_Document]) -> Catalogue:
    return _checked(tuple(sorted(documents, key=lambda document: document.name)))


@lru_cache(maxsize=4)
def _checked(in_order: tuple[_Document, ...]) -> Catalogue:
    """The catalogue of these texts, wherever they stand: that of a pack is nearly always the built-in one."""
    documents = {document.name: document for document in in_order}
    try:
        standards = _standards(_of(documents, STANDARDS))
        controls: dict[str, tuple[Control, str]] = {}
        for document in _of(documents, CATALOG):
            for where, table in entries(document.where, parse(document.where, document.text), "control"):
                control = _control(where, table, standards)
                if control.id in controls:
                    raise DocumentError(f"{where}: {controls[control.id][1]} has a control of that id; give it its own")
                controls[control.id] = (control, document.where)
        ordered = sorted(
            (control for control, _ in controls.values()), key=lambda c: (list(Stage).index(c.stage), c.id)
        )
        by_id = {control.id: control for control in ordered}
        frameworks: dict[str, Framework] = {}
        for document in _of(documents, FRAMEWORKS):
            framework = _framework(document, by_id, standards)
            if framework.id in frameworks:
                raise DocumentError(f"{document.where}: id: there is a framework {framework.id} already; rename it")
            frameworks[framework.id] = framework
        for name in documents:
            if name.split("/")[0] not in PARTS:
                raise DocumentError(f"{name}: a catalogue has only {CATALOG}/, {FRAMEWORKS}/ and {STANDARDS}/")
    except DocumentError as error:
        raise CatalogueError(str(error)) from error
    texts = {name: documents[name].text for name in sorted(documents)}
    return Catalogue(by_id, frameworks, standards, texts, hashlib.sha256(canonical_json(texts).encode()).hexdigest())


def _of(documents: Mapping[str, _Document], part: str) -> Iterable[_Document]:
    """The built-in ones first, so that what is wrong between two is told of the one that was added."""
    names = sorted(
        (name for name in documents if name.startswith(f"{part}/")), key=lambda name: (name.count("/"), name)
    )
    return [documents[name] for name in names]


# --- standards, and parameters that take their value from them ------------------------------------------------------


class _ReferenceEntry(Entry):
    standard: str
    entries: list[str] = Field(min_length=1)
    fact: str
    source: str = ""
    """Who else asks for the value."""


def _standards(documents: Iterable[_Document]) -> dict[str, Standard]:
    found: dict[str, Standard] = {}
    for document in documents:
        try:
            standard = read_standard(document.where, document.text)
        except StandardError as error:
            raise DocumentError(str(error)) from error
        if standard.id in found:
            raise DocumentError(f"{document.where}: id: there is a standard {standard.id} already; rename it")
        found[standard.id] = standard
    return found


def _resolved(where: str, parameters: object, standards: Mapping[str, Standard]) -> object:
    """The parameters with value and source in place of each reference to a standard.

    What is no table of tables stays as it is, for its reader to refuse.
    """
    if not isinstance(parameters, dict):
        return parameters
    return {
        name: _referred(f"{where}.{name}", table, standards)
        if isinstance(table, dict) and "standard" in table
        else table
        for name, table in parameters.items()
    }


def _referred(where: str, table: dict[str, Any], standards: Mapping[str, Standard]) -> dict[str, Any]:
    entry = validated(where, _ReferenceEntry, table)
    if entry.standard not in standards:
        raise DocumentError(f"{where}: no such standard: {entry.standard!r}{nearest(entry.standard, standards)}")
    try:
        value, source = standards[entry.standard].value(entry.entries, entry.fact)
    except StandardError as error:
        raise DocumentError(f"{where}: {error}") from error
    return {"value": value, "source": f"{source}; {entry.source}" if entry.source else source}


# --- controls -------------------------------------------------------------------------------------------------------


class _ParameterEntry(Entry):
    value: bool | int | float | str | list[str]
    source: str = Field(min_length=1)


class _ExampleEntry(Entry):
    verdict: Verdict = Field(strict=False)
    row: dict[str, Any]
    parameters: dict[str, bool | int | float | str | list[str]] = Field(default_factory=dict)


class _ControlEntry(Entry):
    id: str
    title: str = Field(min_length=1)
    stage: Stage = Field(strict=False)
    severity: Severity = Field(strict=False)
    meaning: str = Field(min_length=1)
    over: str
    population: str
    test: str
    population_words: str = Field(min_length=1)
    test_words: str = Field(min_length=1)
    parameters: dict[str, _ParameterEntry] = Field(default_factory=dict)
    remediation: dict[str, str] = Field(default_factory=dict)
    examples: list[_ExampleEntry]


def _control(where: str, table: dict[str, Any], standards: Mapping[str, Standard]) -> Control:
    entry = validated(where, _ControlEntry, _with_parameters(where, table, standards))
    if not _CONTROL_ID.fullmatch(entry.id) or len(entry.id) > 40:
        raise DocumentError(f"{where}: id: expected capitals, digits and hyphens, such as ROT-01 or ACME-KEYS-07")
    if entry.over not in VIEWS:
        raise DocumentError(f"{where}: over: no such table or view: {entry.over!r}{nearest(entry.over, VIEWS)}")
    columns = VIEWS[entry.over].columns
    kinds = {
        name: _parameter_kind(f"{where}: parameters.{name}", name, p.value) for name, p in entry.parameters.items()
    }
    population = _predicate(f"{where}: population", entry.population, columns, kinds)
    test = _predicate(f"{where}: test", entry.test, columns, kinds)
    for name in kinds:
        if name not in population.parameters + test.parameters:
            raise DocumentError(f"{where}: parameters.{name}: neither expression uses ${name}; take it out")
    control = Control(
        id=entry.id,
        title=entry.title,
        stage=entry.stage,
        severity=entry.severity,
        meaning=entry.meaning.strip(),
        over=entry.over,
        population=entry.population.strip(),
        test=entry.test.strip(),
        population_words=entry.population_words.strip(),
        test_words=entry.test_words.strip(),
        parameters={name: _value(name, p, "catalogue") for name, p in entry.parameters.items()},
        remediation=entry.remediation,
        examples=tuple(Example(example.verdict, example.row, example.parameters) for example in entry.examples),
        facts=tuple(dict.fromkeys(population.facts + test.facts)),
        predicates=(population, test),
    )
    _check_examples(where, control)
    return control


def _with_parameters(where: str, table: dict[str, Any], standards: Mapping[str, Standard]) -> dict[str, Any]:
    if "parameters" not in table:
        return table
    return table | {"parameters": _resolved(f"{where}: parameters", table["parameters"], standards)}


def _predicate(where: str, text: str, columns: Mapping[str, Column], kinds: Mapping[str, str]) -> Predicate:
    try:
        return read_predicate(text, columns, kinds)
    except PredicateError as error:
        raise DocumentError(f"{where}: {error}") from error


def _parameter_kind(where: str, name: str, value: object) -> str:
    if not is_name(name):
        raise DocumentError(
            f"{where}: not a name for a parameter; use small letters, digits and _; as_of and period_… are taken"
        )
    kind = parameter_kind(value)
    if kind is None:
        raise DocumentError(f"{where}: a value that is too large, or no number")
    return kind


def _value(name: str, entry: _ParameterEntry, set_by: Any) -> ParameterValue:
    return ParameterValue(name=name, value=entry.value, source=entry.source, set_by=set_by)


# --- examples: a control's own tests, run whenever it is loaded -----------------------------------------------------


def _check_examples(where: str, control: Control) -> None:
    population = control.predicates[0]
    wanted = set(Verdict) - (set() if population.facts else {Verdict.NOT_APPLICABLE})
    for verdict in Verdict:
        if verdict in wanted and verdict not in {example.verdict for example in control.examples}:
            raise DocumentError(f"{where}: examples: none for the verdict {verdict}; give at least one")
    for number, example in enumerate(control.examples, 1):
        for name, value in example.row.items():
            _check_fact(f"{where}: example {number}: {name}", control, name, value)
        for name, value in example.parameters.items():
            _check_parameter(f"{where}: example {number}: parameters.{name}", control.parameters, name, value)
    for number, (example, verdict) in enumerate(zip(control.examples, judge_examples(where, control), strict=True), 1):
        if verdict != example.verdict:
            raise DocumentError(
                f"{where}: example {number}: the verdict is {verdict}, not {example.verdict}; "
                f"correct the row, the verdict or the expressions"
            )


def _check_fact(where: str, control: Control, name: str, value: object) -> None:
    columns = control.view.columns
    if name not in columns:
        raise DocumentError(f"{where}: {control.over} has no such column{nearest(name, columns)}")
    column = columns[name]
    fits = isinstance(value, datetime) and value.tzinfo is not None
    if column.type == "string":
        fits = isinstance(value, str)
    elif column.type == RANGE:
        bounds = value if isinstance(value, dict) else {}
        fits = set(bounds) in ({"at_least"}, {"at_least", "at_most"})
        fits = fits and all(parameter_kind(bound) == INTEGER for bound in bounds.values())
    elif column.type != "timestamp":
        fits = parameter_kind(value) == column.type
    if not fits:
        hint = ", such as 2026-06-30T00:00:00Z" if column.type == "timestamp" else ""
        raise DocumentError(f"{where}: expected a value of type {column.type}{hint}")
    for item in value if isinstance(value, list) else [value]:
        if column.values and item not in column.values:
            raise DocumentError(f"{where}: never has the value {item!r}{nearest(str(item), column.values)}")


def judge_examples(where: str, control: Control) -> list[Verdict]:
    """The verdicts of a control's examples, in their order, by their parameters or its own, and EXAMPLE_MOMENTS."""
    alike: dict[str, list[int]] = {}
    for number, example in enumerate(control.examples):
        alike.setdefault(canonical_json(example.parameters), []).append(number)
    verdicts: dict[int, Verdict] = {}
    for numbers in alike.values():
        verdicts |= zip(numbers, _judged(where, control, [control.examples[number] for number in numbers]), strict=True)
    return [verdicts[number] for number in range(len(control.examples))]


def _judged(where: str, control: Control, examples: Sequence[Example]) -> list[Verdict]:
    """The verdicts of examples that have the same parameters."""
    import duckdb

    columns = control.view.columns
    bound: dict[str, Any] = {}
    rows = []
    for number, example in enumerate(examples):
        cells = [str(number)]
        for place, name in enumerate(control.facts):
            bound[f"example_{number}_{place}"] = _bound(columns[name], example.row.get(name))
            cells.append(f"$example_{number}_{place}::{SQL_TYPES[columns[name].type]}")
        rows.append(f"({', '.join(cells)})")
    names = ", ".join(["_number", *control.facts])
    sql = f"SELECT {verdict_sql(*control.predicates)} FROM (VALUES {', '.join(rows)}) AS t({names}) ORDER BY _number"  # noqa: S608 - names of columns of ours, and admitted expressions
    values = {name: parameter.value for name, parameter in control.parameters.items()} | dict(examples[0].parameters)
    try:
        judged = scratch().execute(sql, bound | arguments(control, values, EXAMPLE_MOMENTS)).fetchall()
    except duckdb.Error as error:
        raise DocumentError(f"{where}: examples: the expressions cannot be evaluated: {error}") from error
    return [Verdict(verdict) for (verdict,) in judged]


def _bound(column: Column, value: Any) -> Any:
    """A value of an example as it is handed to the database; a range has both of its bounds."""
    return {"at_least": None, "at_most": None, **value} if column.type == RANGE and value is not None else value


def arguments(control: Control, values: Mapping[str, Any], moments: Mapping[str, datetime]) -> dict[str, Any]:
    """What the two expressions of a control ask for by name."""
    used = dict.fromkeys(control.predicates[0].parameters + control.predicates[1].parameters)
    return {name: values[name] if name in values else moments[name] for name in used}


# --- frameworks -----------------------------------------------------------------------------------------------------


class _RequirementEntry(Entry):
    id: str = Field(min_length=1)
    text: str = Field(min_length=1)
    decided: Decided = Field(strict=False)
    metadata: str
    remains: str
    controls: list[str]


class _FrameworkEntry(Entry):
    id: str
    name: str = Field(min_length=1)
    edition: str = Field(min_length=1)
    note: str
    about: list[str] = Field(default_factory=list)
    requirement: list[_RequirementEntry] = Field(min_length=1)
    parameters: dict[str, dict[str, _ParameterEntry]] = Field(default_factory=dict)


def _framework(document: _Document, controls: Mapping[str, Control], standards: Mapping[str, Standard]) -> Framework:
    table = parse(document.where, document.text)
    if isinstance(table.get("parameters"), dict):
        own = table["parameters"]
        table["parameters"] = {
            control: _resolved(f"{document.where}: parameters.{control}", own[control], standards) for control in own
        }
    entry = validated(document.where, _FrameworkEntry, table)
    if not _FRAMEWORK_ID.fullmatch(entry.id) or entry.id == DEFAULT:
        raise DocumentError(f"{document.where}: id: expected small letters, digits, dots and hyphens, such as soc2")
    refuse_duplicates(document.where, "about", entry.about)
    known = sorted({kind for control in controls.values() for kind in control.remediation})
    for kind in entry.about:
        if kind not in known:
            raise DocumentError(f"{document.where}: about: no control knows this kind of source{nearest(kind, known)}")
    refuse_duplicates(document.where, "requirement", [requirement.id for requirement in entry.requirement])
    for requirement in entry.requirement:
        where = f"{document.where}: requirement {requirement.id}: controls"
        refuse_duplicates(where, "controls", requirement.controls)
        for control in requirement.controls:
            if not _CONTROL_ID.fullmatch(control):
                raise DocumentError(f"{where}: not the id of a control: {control!r}")
        if requirement.decided is not Decided.MANUALLY and not requirement.controls:
            raise DocumentError(f"{where}: name the controls that decide it, or let people decide it: manually")
    return Framework(
        id=entry.id,
        name=entry.name,
        edition=entry.edition,
        note=entry.note.strip(),
        about=tuple(entry.about),
        requirements=tuple(
            Requirement(r.id, r.text, r.decided, r.metadata, r.remains, tuple(r.controls)) for r in entry.requirement
        ),
        parameters={
            control: _own_parameters(f"{document.where}: parameters.{control}", entry, control, own, controls)
            for control, own in entry.parameters.items()
        },
    )


def _own_parameters(
    where: str,
    framework: _FrameworkEntry,
    control: str,
    own: Mapping[str, _ParameterEntry],
    controls: Mapping[str, Control],
) -> dict[str, ParameterValue]:
    if control not in controls:
        raise DocumentError(f"{where}: no such control{nearest(control, controls)}")
    if not any(control in requirement.controls for requirement in framework.requirement):
        raise DocumentError(
            f"{where}: no requirement of this framework names this control; add it to one, or take it out"
        )
    for name, parameter in own.items():
        _check_parameter(f"{where}.{name}", controls[control].parameters, name, parameter.value)
    return {name: _value(name, parameter, "framework") for name, parameter in own.items()}


def _check_parameter(where: str, known: Mapping[str, ParameterValue], name: str, value: object) -> None:
    if name not in known:
        raise DocumentError(f"{where}: unknown parameter{nearest(name, known)}")
    if parameter_kind(value) != parameter_kind(known[name].value):
        raise DocumentError(f"{where}: expected a value of type {parameter_kind(known[name].value)}")
