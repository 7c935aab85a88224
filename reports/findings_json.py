"""findings.json: an assessment for other programs, in the form that docs/schema/findings.schema.json states."""

from __future__ import annotations

import ast
import inspect
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

from evidence import findings
from evidence.findings import FINDINGS_VERSION, Assessment, Severity, Verdict, findings_schema
from evidence.model import BOOKKEEPING, TABLES, Column, Row, columns
from evidence.observation import iso
from evidence.reading import LONE_SURROGATE
from reports.material import Material, Queries
from reports.sampling import draw

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_ID = f"urn:keyproof:schema:findings:{FINDINGS_VERSION}"
"""The `$id` of the schema. It is a name and no address: whoever checks a file needs no network."""

LISTED = (Verdict.FAIL, Verdict.INCONCLUSIVE)
"""Verdicts listed one by one. The others are counted, and stand in findings.parquet."""

_FINDINGS = """
    SELECT * FROM finding WHERE list_contains($verdicts, verdict) ORDER BY control, variant, subject, scope, id
"""


def write_findings_json(material: Material, path: Path) -> None:
    """Write the assessment to `path`: one line an element of each list, so that files of two runs compare well.

    Raises MaterialError where the material is damaged, OSError where writing fails.
    """
    with material.connection() as queries, path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("{\n")
        for place, (name, value) in enumerate(_members(material, queries)):
            file.write(",\n" if place else "")
            file.write(f"{_text(name)}: ")
            if isinstance(value, Iterator):
                _write_list(file, value)
            else:
                file.write(_text(value))
        file.write("\n}\n")


def _members(material: Material, queries: Queries) -> Iterator[tuple[str, Any]]:
    """The members in their order; those that grow with the estate as iterators, read while they are written."""
    told = material.assessment
    plain = told.model_dump(mode="json", include={"frameworks", "controls", "exceptions", "attestations"})
    yield "$schema", SCHEMA_ID
    yield "version", FINDINGS_VERSION
    yield "run", material.run.id
    yield "organization", told.organization
    yield "tool", {"name": "keyproof", "version": told.tool_version, "catalogue_sha256": told.catalogue_sha256}
    yield "as_of", told.as_of
    yield "period", {"start": told.period_start, "end": told.period_end}
    yield "evidence_sha256", material.evidence_digest
    yield "verdicts", _verdicts(queries)
    yield "frameworks", iter(plain["frameworks"])
    yield "controls", iter(plain["controls"])
    yield "exceptions", iter(plain["exceptions"])
    yield "attestations", iter(plain["attestations"])
    yield "sampling", told.sampling.model_dump(mode="json")
    yield "samples", map(asdict, draw(material, queries))
    yield "coverage", queries.rows("SELECT * FROM scope ORDER BY id")
    yield "gaps", queries.rows("SELECT * FROM gap ORDER BY id, scope")
    yield "findings", map(_finding, queries.rows(_FINDINGS, {"verdicts": [str(verdict) for verdict in LISTED]}))


def _verdicts(queries: Queries) -> dict[str, int]:
    counted = {
        row["verdict"]: row["n"]
        for row in queries.rows("SELECT verdict, count(*) AS n FROM finding GROUP BY verdict ORDER BY verdict")
    }
    return {verdict.value: counted.get(verdict.value, 0) for verdict in Verdict}


def _finding(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "observed": json.loads(row["observed"])}


def _write_list(file: IO[str], items: Iterator[Any]) -> None:
    file.write("[")
    for place, item in enumerate(items):
        file.write(",\n  " if place else "\n  ")
        file.write(_text(item))
    file.write("]")


def _text(value: Any) -> str:
    return json.dumps(_storable(value), ensure_ascii=False, allow_nan=False)


def _storable(value: Any) -> Any:
    """`value` as every JSON parser takes it: a lone surrogate becomes U+FFFD, a number that is none its name."""
    if isinstance(value, str):
        return LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        return iso(value.astimezone(UTC))
    if isinstance(value, Mapping):
        return {_storable(str(name)): _storable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value


class _Untitled(GenerateJsonSchema):
    """A title that only repeats the name of its member is left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of findings.json, made from the models that it is written from.

    It admits members that it does not name, since a later file of the same version may have more of them.
    """
    generated = Assessment.model_json_schema(mode="serialization", schema_generator=_Untitled)
    definitions = generated["$defs"]
    for name, definition in definitions.items():
        definition.pop("additionalProperties", None)
        for member, text in _attribute_docstrings(getattr(findings, name)):
            if member in definition.get("properties", {}):
                definition["properties"][member]["description"] = text
    definitions |= {"Sample": _sample()}
    definitions |= {"Scope": _table(TABLES["scope"]), "Gap": _table(TABLES["gap"]), "Finding": _finding_schema()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "keyproof findings",
        "description": "What one assessment found: every requirement and control, every verdict that is neither pass "
        "nor not_applicable, what was read, and what could not be. null means not observed, and nothing else.",
        **_object(_document(generated["properties"])),
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """The schema as it stands in docs/schema/findings.schema.json."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _document(generated: Mapping[str, Any]) -> dict[str, Any]:
    def listed(name: str, description: str) -> dict[str, Any]:
        return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}, "description": description}

    catalogue = _string("SHA-256 over the catalogue of controls and frameworks")
    tool = {"name": {"const": "keyproof"}, "version": _string("Its version"), "catalogue_sha256": catalogue}
    period = {"start": _time("Its first moment"), "end": _time("Its last moment")}
    counts = {verdict.value: {"type": "integer", "minimum": 0} for verdict in Verdict}
    return {
        "$schema": {"const": SCHEMA_ID, "description": "The schema that this file follows"},
        "version": {
            "const": FINDINGS_VERSION,
            "description": "Raised when a member changes its meaning or goes away; a new member does not raise it",
        },
        "run": _string("Id of the run"),
        "organization": _string("Whose keys these are"),
        "tool": {"description": "What made this file", **_object(tool)},
        "as_of": _time("The moment for which everything is judged"),
        "period": {"description": "The audit period", **_object(period)},
        "evidence_sha256": _string("The evidence digest, which names all that the reports are made from"),
        "verdicts": {"description": "All verdicts, those not listed included", **_object(counts)},
        "frameworks": {**generated["frameworks"], "description": "Requirements with their status, by framework"},
        "controls": {**generated["controls"], "description": "Controls with the parameters used, and their counts"},
        "exceptions": {**generated["exceptions"], "description": "The organization's register of exceptions"},
        "attestations": {**generated["attestations"], "description": "What people state"},
        "sampling": {**generated["sampling"], "description": "How many items are drawn of each population"},
        "samples": listed("Sample", "What was drawn of each control's population for an auditor to test by hand"),
        "coverage": listed("Scope", "What was to be read, and how far it was"),
        "gaps": listed("Gap", "What was not observed, and why; each null has one"),
        "findings": listed("Finding", "Every verdict that is fail or inconclusive"),
    }


def _finding_schema() -> dict[str, Any]:
    described = {
        "id": "Stable for control, variant, scope and subject",
        "control": "Id of the control",
        "variant": "`default`, or the framework whose parameters were used",
        "severity": "Severity of the control",
        "verdict": "An excepted failure stays a failure",
        "subject": "Id of the row judged; the scope's id where rows may be missing",
        "subject_table": "Table of that row",
        "subject_name": "What people call it",
        "source": "Name of the configured source",
        "scope": "Id of the scope in which it was read",
        "account": "Account, subscription or project; empty where not known",
        "region": "Region or location; empty where not known",
        "observed": "Each fact that the control reads, as observed; null where it was not",
        "missing": "Ids of the gaps that explain the nulls",
        "awaits": "Topics that nobody attests yet and that the verdict waits for",
        "exception": "Id of the valid exception that covers the failure; empty for none",
        "evidence": "Ids of the observations",
    }
    exact: dict[str, Any] = {
        "severity": {"enum": [severity.value for severity in Severity]},
        "verdict": {"enum": [verdict.value for verdict in LISTED]},
        "observed": {"type": "object"},
    }
    return {
        "description": "One verdict on one subject",
        **_object(
            {
                arrow.name: {"description": described[arrow.name], **exact.get(arrow.name, _arrow(arrow.type))}
                for arrow in findings_schema()
            }
        ),
    }


def _sample() -> dict[str, Any]:
    numbers = {"population": {"type": "integer", "minimum": 1, "description": "Findings from which it is drawn"}}
    return {
        "description": "Findings of one control and variant; reports/sampling.py draws them and docs/pack.md says how",
        **_object(
            {
                "id": _string("SMP-…: it depends on the seed and the size"),
                "control": _string("Id of the control"),
                "variant": _string("`default`, or the framework whose parameters were used"),
                "seed": _string("Evidence digest, control, variant and the auditor's text, joined by colons"),
                **numbers,
                "population_sha256": _string("SHA-256 over their ids in rising order, one a line"),
                "findings": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Ids drawn, in the order of the draw",
                },
            }
        ),
    }


def _arrow(kind: pa.DataType) -> dict[str, Any]:
    import pyarrow as pa

    return {"type": "array", "items": {"type": "string"}} if pa.types.is_list(kind) else {"type": "string"}


def _table(table: type[Row]) -> dict[str, Any]:
    return {"description": table.doc, **_object({column.name: _column(column) for column in columns(table)})}


def _column(column: Column) -> dict[str, Any]:
    kinds = {"timestamp": "string", "list of string": "array"}
    kind = kinds.get(column.type, column.type)
    known = column.name in BOOKKEEPING
    made: dict[str, Any] = {"type": kind if known else [kind, "null"], "description": column.doc}
    if column.type == "timestamp":
        made["format"] = "date-time"
    if column.type == "list of string":
        made["items"] = {"type": "string"}
    if column.values:
        made["enum"] = [*column.values, None]
    return made


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _string(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _time(description: str) -> dict[str, Any]:
    return {"type": "string", "format": "date-time", "description": description}


def _attribute_docstrings(model: type[Any]) -> Iterator[tuple[str, str]]:
    """(attribute, the docstring beneath it), for each attribute of a class that has one."""
    (definition,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - the source of a class is one
    for attribute, told in pairwise(definition.body):
        match attribute, told:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
