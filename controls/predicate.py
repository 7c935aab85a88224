"""The SQL expressions of controls: parsed by DuckDB, and admitted only where an unknown fact stays unknown.

An expression is admitted when knowing less can withhold its value but never change it. That holds for functions and
comparisons that give NULL for a NULL argument, for AND, OR and NOT of three-valued logic, and for everything built of
these alone. So there is a list of what is allowed and no list of what is not: whatever the parser gives that is not on
it, down to a single member of a node, is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from controls.documents import nearest
from evidence.model import Column

if TYPE_CHECKING:
    import duckdb

BOOLEAN, INTEGER, NUMBER, STRING = "boolean", "integer", "number", "string"
TIMESTAMP, INTERVAL, STRINGS, RANGE = "timestamp", "interval", "list of string", "range of integers"

SQL_TYPES = {
    BOOLEAN: "BOOLEAN",
    INTEGER: "BIGINT",
    NUMBER: "DOUBLE",
    STRING: "VARCHAR",
    TIMESTAMP: "TIMESTAMPTZ",
    STRINGS: "VARCHAR[]",
    RANGE: "STRUCT(at_least BIGINT, at_most BIGINT)",
}
"""The types of columns and parameters as DuckDB names them."""

GIVEN = {"as_of": TIMESTAMP, "period_start": TIMESTAMP, "period_end": TIMESTAMP}
"""Parameters that every expression may use without declaring them."""

FUNCTIONS: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "len": (((STRINGS,), INTEGER), ((STRING,), INTEGER)),
    "list_contains": (((STRINGS, STRING), BOOLEAN),),
    "list_has_any": (((STRINGS, STRINGS), BOOLEAN),),
    "list_has_all": (((STRINGS, STRINGS), BOOLEAN),),
    "contains": (((STRINGS, STRING), BOOLEAN), ((STRING, STRING), BOOLEAN)),
    "starts_with": (((STRING, STRING), BOOLEAN),),
    "ends_with": (((STRING, STRING), BOOLEAN),),
    "lower": (((STRING,), STRING),),
    "upper": (((STRING,), STRING),),
    "to_days": (((INTEGER,), INTERVAL),),
    "tag": (((STRING, STRING), STRING),),
    "at_most": (((RANGE, INTEGER), BOOLEAN),),
}
"""The functions admitted, with the types they take and give. Each gives NULL where any argument is NULL."""

AT_MOST = """
CREATE MACRO at_most(range, most) AS CASE WHEN range.at_most <= most THEN true WHEN range.at_least > most THEN false END
"""
"""`at_most(longest_use_days, 730)`: whether a number of which only bounds are known is at most that; NULL where they
leave it open. Knowing less widens a range, so nothing else may be asked of one."""

TAG = """
CREATE MACRO tag(tags, name) AS CASE
    WHEN name IS NOT NULL AND tags IS NOT NULL
    THEN coalesce(
        CASE WHEN json_valid(tags)
        THEN json_extract_string(tags, '/' || replace(replace(name, '~', '~0'), '/', '~1')) END, '')
END
"""
"""`tag(tags, 'cost-center')`: the value of one tag; the empty text where the thing has none of that name."""

OPERATORS: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "+": (
        ((INTEGER, INTEGER), INTEGER),
        ((TIMESTAMP, INTERVAL), TIMESTAMP),
    ),
    "-": (
        ((INTEGER, INTEGER), INTEGER),
        ((TIMESTAMP, INTERVAL), TIMESTAMP),
        ((TIMESTAMP, TIMESTAMP), INTERVAL),
    ),
    "~~": (((STRING, STRING), BOOLEAN),),
    "!~~": (((STRING, STRING), BOOLEAN),),
    "^@": (((STRING, STRING), BOOLEAN),),
}
"""The operators admitted besides comparisons and logic: `~~` is LIKE, `!~~` NOT LIKE, `^@` starts with."""

MACROS = (TAG, AT_MOST)
"""What a database needs to know before it evaluates an expression."""

EQUALITIES = {"COMPARE_EQUAL": "=", "COMPARE_NOTEQUAL": "<>"}
ORDERS = {
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
}
ORDERED = (INTEGER, NUMBER, TIMESTAMP, INTERVAL)

REASONS = {
    "OPERATOR_IS_NULL": "IS NULL turns the unknown into an answer",
    "OPERATOR_IS_NOT_NULL": "IS NOT NULL turns the unknown into an answer",
    "COMPARE_DISTINCT_FROM": "IS DISTINCT FROM (and IS NOT TRUE) turns the unknown into an answer",
    "COMPARE_NOT_DISTINCT_FROM": "IS NOT DISTINCT FROM (and IS TRUE) turns the unknown into an answer",
    "OPERATOR_COALESCE": "coalesce and ifnull put a value where nothing was observed",
    "OPERATOR_NULLIF": "nullif makes an unknown of what was observed",
    "OPERATOR_TRY": "TRY hides an error",
    "CASE": "CASE reads an unknown condition as false; write it with AND and OR",
    "SUBQUERY": "a subquery reads other rows; a view can bring what they tell as a column",
    "WINDOW": "a window function reads other rows; a view can bring what they tell as a column",
    "LAMBDA": "a lambda may answer for an unknown element",
    "STAR": "* is not a fact; name the column",
    "CAST": "a cast may fail on a value; only TIMESTAMPTZ '2026-01-31T00:00:00Z' is admitted",
    "COLLATE": "a collation changes what equal means",
    "COMPARE_NOT_IN": "write NOT (x IN (…))",
    "ARRAY_CONSTRUCTOR": "write x IN ('a', 'b'), or declare the list as a parameter",
    "list_value": "write x IN ('a', 'b'), or declare the list as a parameter",
    "row": "a comma makes two expressions of it; only one is admitted",
    "try_cast": "TRY_CAST hides an error",
    "if": "if reads an unknown condition as false; write it with AND and OR",
    "greatest": "greatest skips what is unknown",
    "least": "least skips what is unknown",
    "concat": "concat skips what is unknown",
    "concat_ws": "concat_ws skips what is unknown",
    "now": "the clock is no fact; use $as_of",
    "today": "the clock is no fact; use $as_of",
    "get_current_timestamp": "the clock is no fact; use $as_of",
    "current_date": "the clock is no fact; use $as_of",
    "current_timestamp": "the clock is no fact; use $as_of",
}
"""Why some things are refused that authors are likely to try."""

MAX_LENGTH = 10_000
"""Characters of an expression. The longest of the built-in catalogue has about a thousand."""

MAX_DEPTH = 60
"""Levels of a tree; an expression of people has fewer than ten."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PREFIX = "SELECT ("


class PredicateError(Exception):
    """An expression is refused. The message quotes the part and says why."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """An admitted boolean expression."""

    text: str
    """As its author wrote it."""
    facts: tuple[str, ...]
    """The columns it reads, in the order of their first mention."""
    parameters: tuple[str, ...]
    """The parameters it uses, in the order of their first mention."""
    sql: str
    """The text with each parameter cast to its declared type, so that an empty list is a list of text."""


@dataclass(slots=True)
class _Reading:
    """What is known while one expression is read, and what was found in it."""

    source: bytes
    columns: Mapping[str, Column]
    parameters: Mapping[str, str]
    facts: dict[str, None] = field(default_factory=dict)
    used: dict[str, None] = field(default_factory=dict)
    places: list[tuple[int, int, str]] = field(default_factory=list)

    def refuse(self, node: Mapping[str, Any], why: str) -> PredicateError:
        return PredicateError(f"`{self.quote(node)}`: {why}")

    def quote(self, node: Mapping[str, Any]) -> str:
        start, end = _extent(node)
        text = self.source[start:end].decode("utf-8", "replace") if end > start else ""
        text = " ".join(text.split())
        return text if len(text) <= 80 else text[:79] + "…"


def read_predicate(text: str, columns: Mapping[str, Column], parameters: Mapping[str, str]) -> Predicate:
    """Parse and admit one expression over `columns`, with `parameters` by name and type.

    Raises PredicateError, which quotes the refused part and says why.
    """
    root = _parsed(text)
    reading = _Reading((_PREFIX + text).encode(), columns, {**parameters, **GIVEN})
    kind = _kind(reading, root, 0)
    if kind != BOOLEAN:
        raise PredicateError(f"`{_short(text)}`: it is a value of type {kind}; a condition, true or false, is wanted")
    return Predicate(
        text=text,
        facts=tuple(reading.facts),
        parameters=tuple(reading.used),
        sql=_with_casts(text, reading.places),
    )


@cache
def _database() -> duckdb.DuckDBPyConnection:
    import duckdb

    database = duckdb.connect(":memory:", config={"threads": "1", "enable_external_access": "false"})
    database.execute("SET GLOBAL TimeZone = 'UTC'")
    database.execute("SET GLOBAL lock_configuration = true")
    for macro in MACROS:
        database.execute(macro)
    return database


def scratch() -> duckdb.DuckDBPyConnection:
    """A connection to a database without tables, times in UTC, which reaches nothing outside."""
    return _database().cursor()


def _parsed(text: str) -> Mapping[str, Any]:
    if not text.strip():
        raise PredicateError("it is empty; write `true` to take every row")
    if len(text) > MAX_LENGTH:
        raise PredicateError(f"`{_short(text)}`: it has {len(text):,} characters; at most {MAX_LENGTH:,} are admitted")
    if "\0" in text:
        raise PredicateError(f"`{_short(text)}`: it contains a NUL character")
    if text.count("(") > MAX_DEPTH * 2:
        raise PredicateError(f"`{_short(text)}`: it has too many parentheses")
    query = (
        "SELECT json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true, skip_default := true)::VARCHAR"
    )
    ((serialized,),) = scratch().execute(query, [f"{_PREFIX}{text}\n)"]).fetchall()
    try:
        answer = json.loads(serialized)
    except RecursionError as error:
        raise PredicateError(f"`{_short(text)}`: it is nested too deeply") from error
    if answer["error"]:
        raise PredicateError(f"`{_short(text)}`: not an SQL expression: {answer['error_message']}")
    return _only_expression(text, answer["statements"])


def _only_expression(text: str, statements: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The tree of `SELECT (expression)`; anything more than that is refused, whatever it is."""
    more = PredicateError(f"`{_short(text)}`: more than one expression, or a clause after it; only one is admitted")
    if len(statements) != 1 or set(statements[0]) - {"node", "named_param_map"}:
        raise more
    node = dict(statements[0]["node"])
    selected = node.pop("select_list", [])
    bare = {
        "type": "SELECT_NODE",
        "cte_map": {},
        "from_table": {"type": "EMPTY"},
        "aggregate_handling": "STANDARD_HANDLING",
    }
    if node != bare or len(selected) != 1:
        raise more
    expression: Mapping[str, Any] = selected[0]
    return expression


def _kind(reading: _Reading, node: Mapping[str, Any], depth: int) -> str:
    """The type of a node, once it and everything below it is admitted."""
    if depth > MAX_DEPTH:
        raise reading.refuse(node, "it is nested too deeply")
    read = _READERS.get(node["class"])
    if read is None or node.get("alias"):
        raise reading.refuse(node, _why(node["type"], node["class"]))
    return read(reading, node, depth + 1)


def _why(*names: str) -> str:
    for name in names:
        if name in REASONS:
            return REASONS[name]
    return f"{names[0].lower().replace('_', ' ')} is not on the list of what is admitted"


def _members(reading: _Reading, node: Mapping[str, Any], *allowed: str) -> None:
    known = {"class", "type", "query_location", "query_location_length", *allowed}
    if more := sorted(set(node) - known):
        raise reading.refuse(node, f"{more[0].replace('_', ' ')} is not admitted here")


def _column(reading: _Reading, node: Mapping[str, Any], depth: int) -> str:
    _members(reading, node, "column_names")
    names = node["column_names"]
    if len(names) != 1:
        raise reading.refuse(node, "a dot is not admitted; name the column alone")
    name = names[0]
    if name not in reading.columns:
        why = REASONS.get(name.lower(), f"no such column{nearest(name, reading.columns)}")
        raise reading.refuse(node, why)
    reading.facts.setdefault(name)
    return reading.columns[name].type


def _constant(reading: _Reading, node: Mapping[str, Any], depth: int) -> str:
    _members(reading, node, "literal")
    literal = node["literal"]
    if set(literal) - {"kind", "text"}:
        raise reading.refuse(node, "this constant is not admitted")
    if literal["kind"] == "NULL_LITERAL":
        raise reading.refuse(node, "NULL stands for what was not observed; no expression may bring it in")
    kind = {"BOOLEAN": BOOLEAN, "INTEGER": INTEGER, "NUMERIC": NUMBER, "STRING": STRING}.get(literal["kind"])
    if kind is None:
        raise reading.refuse(node, f"a constant of kind {literal['kind'].lower()} is not admitted")
    if kind == INTEGER and not -(2**63) <= int(literal["text"].replace("_", "")) < 2**63:
        raise reading.refuse(node, "the number is too large")
    if kind == NUMBER and not math.isfinite(float(literal["text"].replace("_", ""))):
        raise reading.refuse(node, "the number is too large")
    return kind


def _parameter(reading: _Reading, node: Mapping[str, Any], depth: int) -> str:
    _members(reading, node, "identifier")
    name = node["identifier"]
    if name not in reading.parameters:
        why = "parameters are named, such as $max_age_days" if name.isdigit() else "no such parameter"
        raise reading.refuse(node, why + ("" if name.isdigit() else nearest(name, reading.parameters)))
    start = node["query_location"]
    token = f"${name}".encode()
    if reading.source[start : start + len(token)] != token:
        raise reading.refuse(node, f"write the parameter as ${name}")
    reading.used.setdefault(name)
    reading.places.append((start, start + len(token), reading.parameters[name]))
    return reading.parameters[name]


def _conjunction(reading: _Reading, node: Mapping[str, Any], depth: int) -> str:
    _members(reading, node, "children")
    for child in node["children"]:
        _boolean(reading, child, depth)
    return BOOLEAN


def _boolean(reading: _Reading, node: Mapping[str, Any], depth: int) -> None:
    kind = _kind(reading, node, depth)
    if kind != BOOLEAN:
        raise reading.refuse(node, f"it is a value of type {kind}; a condition, true or false, is wanted")


def _operator(reading: _Reading, node: Mapping[str, Any], depth: int) -> str:
    if node["type"] == "OPERATOR_NOT":
        _members(reading, node, "children")
        _boolean(reading, node["children"][0], depth)
        return BOOLEAN
    if node["type"] == "COMPARE_IN":
        return _in(reading, node, depth)
    raise reading.refuse(node, _why(node["type"]))


def _in(reading: _Reading, node: Mapping[str, Any], depth: int) -> str:
    _members(reading, node, "children")
    wanted, *given = node["children"]
    for value in given:
        if value["class"] not in ("CONSTANT", "PARAMETER"):
            raise reading.refuse(value, "IN admits constants and parameters only")
        _comparable(reading, node, "=", wanted, value, depth)
    return BOOLEAN


def _comparison(reading: _Reading, node: Mapping[str, Any], depth: int) -> str:
    _members(reading, node, "left", "right")
    if node["type"] not in EQUALITIES and node["type"] not in ORDERS:
        raise reading.refuse(node, _why(node["type"]))
    sign = EQUALITIES.get(node["type"]) or ORDERS[node["type"]]
    _comparable(reading, node, sign, node["left"], node["right"], depth)
    return BOOLEAN


def _between(reading: _Reading, node: Mapping[str, Any], depth: int) -> str:
    _members(reading, node, "input", "lower", "upper")
    _comparable(reading, node, ">=", node["input"], node["lower"], depth)
    _comparable(reading, node, "<=", node["input"], node["upper"], depth)
    return BOOLEAN


def _comparable(
    reading: _Reading, node: Mapping[str, Any], sign: str, left: Mapping[str, Any], right: Mapping[str, Any], depth: int
) -> None:
    kinds = _kind(reading, left, depth), _kind(reading, right, depth)
    numeric = set(kinds) <= {INTEGER, NUMBER}
    if (kinds[0] != kinds[1] and not numeric) or STRINGS in kinds:
        raise reading.refuse(node, f"{kinds[0]} and {kinds[1]} cannot be compared with {sign}")
    if sign not in EQUALITIES.values() and kinds[0] not in ORDERED:
        raise reading.refuse(node, f"values of type {kinds[0]} have no order; compare them with = or <>")
    _known_value(reading, left, right)
    _known_value(reading, right, left)


def _known_value(reading: _Reading, column: Mapping[str, Any], constant: Mapping[str, Any]) -> None:
    """A constant that a column can never have is an error of the author, and would quietly judge nothing."""
    if column["class"] != "COLUMN_REF" or constant["class"] != "CONSTANT":
        return
    values = reading.columns[column["column_names"][0]].values
    text = constant["literal"].get("text", "")
    if values and text not in values:
        raise reading.refuse(constant, f"{column['column_names'][0]} never has this value{nearest(text, values)}")


def _function(reading: _Reading, node: Mapping[str, Any], depth: int) -> str:
    name = node["function_name"].lower()
    signatures = (OPERATORS if node.get("is_operator") else FUNCTIONS).get(name)
    if signatures is None:
        known = ", ".join(sorted(FUNCTIONS))
        raise reading.refuse(node, REASONS.get(name, f"{name} is not among the admitted functions ({known})"))
    _members(reading, node, "function_name", "order_bys", "arguments", "qualified_name", "is_operator")
    if node["order_bys"] != {"type": "ORDER_MODIFIER"} or len(node["qualified_name"]["path"]) != 1:
        raise reading.refuse(node, f"{name} takes its arguments and nothing else")
    kinds = tuple(_argument(reading, node, argument, depth) for argument in node.get("arguments", []))
    for wanted, result in signatures:
        if kinds == wanted:
            return result
    ways = " or ".join(f"({', '.join(wanted)})" for wanted, _ in signatures)
    raise reading.refuse(node, f"{name} takes {ways}, not ({', '.join(kinds)})")


def _argument(reading: _Reading, node: Mapping[str, Any], argument: Mapping[str, Any], depth: int) -> str:
    if set(argument) != {"expression"}:
        raise reading.refuse(node, "arguments are not named")
    return _kind(reading, argument["expression"], depth)


def _cast(reading: _Reading, node: Mapping[str, Any], depth: int) -> str:
    """`TIMESTAMPTZ '2026-01-31T00:00:00Z'`, a constant that cannot fail, is the one cast admitted."""
    if node.get("try_cast"):
        raise reading.refuse(node, REASONS["try_cast"])
    _members(reading, node, "child", "type_expr")
    child, kind = node["child"], node["type_expr"]
    named = str(kind.get("type_name")).upper() in ("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")
    literal = child.get("literal", {})
    if (
        not named
        or child["class"] != "CONSTANT"
        or literal.get("kind") != "STRING"
        or not _is_time(literal.get("text", ""))
    ):
        raise reading.refuse(node, REASONS["CAST"])
    _members(reading, child, "literal")
    _members(reading, kind, "type_name", "qualified_name")
    return TIMESTAMP


def _is_time(text: str) -> bool:
    try:
        return _TIME.fullmatch(text) is not None and datetime.fromisoformat(text) is not None
    except ValueError:
        return False


_READERS = {
    "COLUMN_REF": _column,
    "CONSTANT": _constant,
    "PARAMETER": _parameter,
    "CONJUNCTION": _conjunction,
    "OPERATOR": _operator,
    "COMPARISON": _comparison,
    "BETWEEN": _between,
    "FUNCTION": _function,
    "CAST": _cast,
}


def _extent(node: Mapping[str, Any]) -> tuple[int, int]:
    """First and last byte of a node and all below it; the parser gives an operator's own place only."""
    starts, ends = [], []
    for part in _below(node):
        if (start := part.get("query_location")) is not None:
            starts.append(start)
            ends.append(start + part.get("query_location_length", 1))
    return (min(starts), max(ends)) if starts else (0, 0)


def _below(node: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [node]  # no recursion: this quotes trees that were refused for their depth
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _with_casts(text: str, places: Sequence[tuple[int, int, str]]) -> str:
    source = text.encode()
    for start, end, kind in sorted(set(places), reverse=True):
        start, end = start - len(_PREFIX), end - len(_PREFIX)
        source = source[:start] + b"(" + source[start:end] + f"::{SQL_TYPES[kind]})".encode() + source[end:]
    return source.decode()


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:79] + "…"


def is_name(text: str) -> bool:
    """Whether a parameter may have this name."""
    return _NAME.fullmatch(text) is not None and text not in GIVEN


def verdict_sql(population: Predicate, test: Predicate) -> str:
    """The SQL expression of the verdict: SQL's three values are the verdicts, and no code stands between."""
    return f"""
        CASE ({population.sql}
            ) WHEN false THEN 'not_applicable'
            WHEN true THEN CASE ({test.sql}
                ) WHEN true THEN 'pass' WHEN false THEN 'fail' ELSE 'inconclusive' END
            ELSE 'inconclusive'
        END
    """


def parameter_kind(value: object) -> str | None:
    """The type of a parameter's value as expressions know it; None for a value that no parameter may have.

    A text that is a date, such as "2026-09-21", is the time at which that day begins in UTC.
    """
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INTEGER if -(2**63) <= value < 2**63 else None
    if isinstance(value, float):
        return NUMBER if math.isfinite(value) else None
    if isinstance(value, str):
        return TIMESTAMP if _is_day(value) else STRING
    return STRINGS if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


def _is_day(text: str) -> bool:
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
