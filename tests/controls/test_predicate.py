"""The allow-list of expressions: what is refused and why, and that what is admitted passes NULL on."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controls.predicate import (
    BOOLEAN,
    FUNCTIONS,
    INTEGER,
    INTERVAL,
    NUMBER,
    OPERATORS,
    RANGE,
    SQL_TYPES,
    STRING,
    STRINGS,
    TIMESTAMP,
    PredicateError,
    parameter_kind,
    read_predicate,
    scratch,
    verdict_sql,
)
from controls.views import VIEWS
from evidence.model import Column

COLUMNS = VIEWS["key"].columns
PARAMETERS = {"max_days": INTEGER, "allowed": STRINGS, "word": STRING, "share": NUMBER}

REFUSED = [
    # What turns the unknown into an answer.
    ("public IS NULL", "IS NULL"),
    ("public IS NOT NULL", "IS NOT NULL"),
    ("public ISNULL", "IS NULL"),
    ("public NOTNULL", "IS NOT NULL"),
    ("public IS UNKNOWN", "IS NULL"),
    ("public IS NOT UNKNOWN", "IS NOT NULL"),
    ("public IS TRUE", "IS TRUE"),
    ("public IS NOT TRUE", "IS NOT TRUE"),
    ("public IS FALSE", "IS TRUE"),
    ("public IS NOT FALSE", "IS NOT TRUE"),
    ("bits IS DISTINCT FROM 256", "IS DISTINCT FROM"),
    ("bits IS NOT DISTINCT FROM 256", "IS NOT DISTINCT FROM"),
    ("coalesce(public, false)", "coalesce"),
    ("ifnull(public, false)", "ifnull"),
    ("nullif(bits, 0) = 1", "nullif"),
    ("CASE WHEN public THEN true ELSE false END", "CASE"),
    ("if(public, true, false)", "reads an unknown condition as false"),
    ("TRY(bits > 1)", "TRY"),
    ("greatest(bits, 1) = 1", "greatest"),
    ("least(bits, 1) = 1", "least"),
    ("concat(owner, 'x') = 'x'", "concat"),
    ("concat_ws('-', owner) = 'x'", "concat_ws"),
    ("owner = NULL", "NULL stands for"),
    ("state IN ('active', NULL)", "NULL stands for"),
    ("NULL", "NULL stands for"),
    ("list_filter(usages, x -> x = 'encrypt') = usages", "list_filter"),
    ("len(list_filter(usages, lambda x: x = 'encrypt')) = 1", "list_filter"),
    ("list_any_value(usages) = 'encrypt'", "list_any_value"),
    ("list_count(usages) = 1", "list_count"),
    ("list_aggregate(usages, 'count') = 1", "list_aggregate"),
    ("list_concat(usages, $allowed) = usages", "list_concat"),
    ("list_position(usages, 'encrypt') = 1", "list_position"),
    ("array_to_string(usages, ',') = 'encrypt'", "array_to_string"),
    ("hash(owner) = 1", "hash"),
    ("typeof(owner) = 'VARCHAR'", "typeof"),
    ("json_object('a', owner) = 'x'", "json_object"),
    ("error('x')", "error"),
    # What reads other rows, or other things.
    ("(SELECT true)", "subquery"),
    ("EXISTS (SELECT 1 FROM gap)", "subquery"),
    ("bits IN (SELECT 1)", "subquery"),
    ("bits <> ALL ([1])", "subquery"),
    ("bits = ANY (SELECT 1)", "subquery"),
    ("count(*) = 1", "count"),
    ("count(bits) = 1", "count"),
    ("max(bits) = 1", "max"),
    ("bool_and(public)", "bool_and"),
    ("sum(bits) OVER () = 1", "window"),
    ("row_number() OVER (ORDER BY id) = 1", "window"),
    ("bits = 1 AND now() > created_at", "clock"),
    ("created_at < current_date", "clock"),
    ("created_at < current_timestamp", "clock"),
    ("random() < 0.5", "random"),
    ("getenv('HOME') = '/'", "getenv"),
    ("read_text('/etc/passwd') = ''", "read_text"),
    ("current_setting('threads') = '1'", "current_setting"),
    # Structures.
    ("*", "name the column"),
    ("COLUMNS(*)", "name the column"),
    ("key.state = 'active'", "a dot"),
    ("main.key.state = 'active'", "a dot"),
    ("main.len(usages) = 1", "schema is not admitted"),
    ("usages[1] = 'encrypt'", "list of what is admitted"),
    ("usages[1:2] = usages", "list of what is admitted"),
    ("{'a': owner} = {'a': owner}", "struct_pack"),
    ("struct_pack(a := owner) = struct_pack(a := owner)", "struct_pack"),
    ("(public, public)", "only one is admitted"),
    ("public, public", "only one is admitted"),
    ("public AS wanted", "syntax error"),
    ("usages = ['encrypt']", "declare the list as a parameter"),
    ("list_contains(['encrypt'], state)", "declare the list as a parameter"),
    ("list_contains(ARRAY['encrypt'], state)", "declare the list as a parameter"),
    ("len(DISTINCT usages) = 1", "distinct is not admitted"),
    ("len(usages ORDER BY id) = 1", "nothing else"),
    ("len(usages) FILTER (WHERE public) = 1", "filter is not admitted"),
    ("list_contains(list := usages, x := 'encrypt')", "not named"),
    # More than an expression.
    ("true; DROP TABLE key", "syntax error"),
    ("true); DROP TABLE key; SELECT (true", "Only SELECT"),
    ("true) FROM (SELECT 1) AS t WHERE (true", "only one is admitted"),
    ("true) FROM key; --", "syntax error"),
    ("true) UNION SELECT (true", "only one is admitted"),
    ("true) LIMIT (1", "only one is admitted"),
    ("true) ORDER BY (1", "only one is admitted"),
    ("true), (false", "only one is admitted"),
    ("public FROM key", "syntax error"),
    ("public WHERE public", "syntax error"),
    ("public /* and no end", "unterminated"),
    ("", "empty"),
    (" \n ", "empty"),
    ("public AND", "syntax error"),
    ("1 < bits < 3", "Chained comparisons"),
    # Casts, collations, patterns.
    ("bits::VARCHAR = '1'", "a cast may fail"),
    ("CAST(owner AS INTEGER) = 1", "a cast may fail"),
    ("TRY_CAST(owner AS INTEGER) = 1", "TRY_CAST"),
    ("created_at < DATE '2026-01-01'", "a cast may fail"),
    ("created_at < TIMESTAMPTZ '2026-01-01'", "a cast may fail"),
    ("created_at < TIMESTAMPTZ '2026-13-41T00:00:00Z'", "a cast may fail"),
    ("created_at < TIMESTAMP '2026-01-01T00:00:00'", "a cast may fail"),
    ("created_at < TIMESTAMPTZ '2026-01-01T00:00:00+02:00'", "a cast may fail"),
    ("created_at < INTERVAL 3 DAY + created_at", "a cast may fail"),
    ("owner COLLATE nocase = 'x'", "collation"),
    ("owner SIMILAR TO 'x'", "regexp_full_match"),
    ("regexp_matches(owner, 'x')", "regexp_matches"),
    ("owner ~ 'x'", "regexp_matches"),
    ("owner ILIKE 'x'", "~~*"),
    ("owner GLOB 'x'", "~~~"),
    ("owner LIKE 'x' ESCAPE '!'", "like_escape"),
    ("owner || 'x' = 'x'", "||"),
    ("bits * 2 = 4", "*"),
    ("bits / 2 = 4", "/"),
    ("bits % 2 = 0", "%"),
    ("-bits = 4", "takes"),
    # Names.
    ("sate = 'active'", 'did you mean "state"?'),
    ("State = 'active'", 'did you mean "state"?'),
    ("\"State\" = 'active'", 'did you mean "state"?'),
    ("rowid = 1", "no such column"),
    ("bits > $max_day", 'did you mean "max_days"?'),
    ("bits > $MAX_DAYS", 'did you mean "max_days"?'),
    ("bits > $1", "parameters are named"),
    ("bits > ?", "parameters are named"),
    ('bits > $"max_days"', "write the parameter as $max_days"),
    ("state = 'activ'", 'did you mean "active"?'),
    ("state IN ('active', 'gone')", "state never has this value"),
    ("state = ''", "state never has this value"),
    ("'customers' = manager", 'did you mean "customer"?'),
    # Types: no comparison that DuckDB would have to convert a fact for.
    ("state", "a condition, true or false"),
    ("bits", "a condition, true or false"),
    ("NOT bits", "a condition, true or false"),
    ("public AND bits", "a condition, true or false"),
    ("bits = '256'", "cannot be compared"),
    ("owner = 1", "cannot be compared"),
    ("created_at = '2026-01-01'", "cannot be compared"),
    ("usages = $allowed", "cannot be compared"),
    ("public > false", "have no order"),
    ("owner < 'x'", "have no order"),
    ("bits IN ('256')", "cannot be compared"),
    ("bits IN (bits)", "constants and parameters"),
    ("state IN (owner, 'active')", "constants and parameters"),
    ("owner BETWEEN 'a' AND 'b'", "have no order"),
    ("len(bits) = 1", "len takes"),
    ("list_contains(usages, 1)", "list_contains takes"),
    ("to_days($share) < to_days(1)", "to_days takes"),
    ("created_at + $max_days > $as_of", "+ takes"),
    ("bits > 99999999999999999999", "too large"),
    ("bits > 1e999", "too large"),
    ("owner = 'a\0b'", "NUL"),
    ("NOT " * 2000 + "public", "depth"),
    ("NOT " * 80 + "public", "nested too deeply"),
    ("(" * 500 + "public" + ")" * 500, "too many parentheses"),
    ("public OR " * 3000 + "public", "characters"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED, ids=[f"{n}" for n in range(len(REFUSED))])
def test_an_expression_that_could_hide_the_unknown_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(PredicateError) as refused:
        read_predicate(text, COLUMNS, PARAMETERS)
    assert why in str(refused.value)


ADMITTED = [
    "true",
    "public",
    "NOT public",
    "manager = 'customer' AND state IN ('active', 'suspended') AND NOT public",
    "state NOT IN ('active')",
    "bits BETWEEN 112 AND $max_days",
    "bits NOT BETWEEN 1 AND 2",
    "bits + 1 - bits = 1",
    "bits >= 1.5",
    "bits > $share",
    "owner = $word",
    "owner LIKE 'team-%' AND owner NOT LIKE '%x'",
    "owner ^@ 'team'",
    "starts_with(lower(owner), 'team') OR ends_with(upper(owner), 'X') OR contains(owner, 'y')",
    "list_contains($allowed, owner)",
    "owner IN $allowed",
    "'encrypt' IN usages",
    "list_has_any(usages, $allowed) OR list_has_all($allowed, usages)",
    "len(usages) = 1 AND len(owner) < 100 AND LEN($allowed) = 0",
    "last_rotated_at >= $as_of - to_days($max_days)",
    "expires_at - created_at <= to_days(90)",
    "created_at + to_days(1) BETWEEN $period_start AND $period_end",
    "created_at < TIMESTAMPTZ '2026-01-31T00:00:00Z'",
    "\"state\" = 'active'",
    "public -- said once\nAND rotatable /* and twice */",
    "public -- at the end",
]


@pytest.mark.parametrize("text", ADMITTED)
def test_what_is_admitted_runs_as_it_was_read(text: str) -> None:
    predicate = read_predicate(text, COLUMNS, PARAMETERS)
    columns = ", ".join(f"NULL::{SQL_TYPES[c.type]} AS {c.name}" for c in COLUMNS.values())
    given_values: dict[str, Any] = {"max_days": 3, "allowed": [], "word": "w", "share": 0.5}
    moments = dict.fromkeys(("as_of", "period_start", "period_end"), "2026-06-30T00:00:00Z")
    bound = {name: (given_values | moments)[name] for name in predicate.parameters}
    ((kind, value),) = (
        scratch()
        .execute(f"SELECT typeof(v), v FROM (SELECT ({predicate.sql}\n) AS v FROM (SELECT {columns}))", bound)
        .fetchall()
    )
    assert kind == "BOOLEAN"
    assert value is (True if text == "true" else None), "nothing was observed"


def test_facts_and_parameters_come_in_the_order_of_their_first_mention() -> None:
    text = "state = 'active' AND (bits > $max_days OR state = 'suspended') AND owner = $word AND bits < $max_days"
    predicate = read_predicate(text, COLUMNS, PARAMETERS)
    assert predicate.facts == ("state", "bits", "owner")
    assert predicate.parameters == ("max_days", "word")
    assert predicate.text == text


def test_a_parameter_is_cast_where_it_stands_and_nowhere_else() -> None:
    text = "owner = '$max_days é' AND bits > $max_days AND list_contains($allowed, 'ß') AND bits < $max_days"
    predicate = read_predicate(text, COLUMNS, PARAMETERS)
    assert predicate.sql == (
        "owner = '$max_days é' AND bits > ($max_days::BIGINT) "
        "AND list_contains(($allowed::VARCHAR[]), 'ß') AND bits < ($max_days::BIGINT)"
    )


def test_a_refusal_quotes_the_part_it_is_about() -> None:
    with pytest.raises(PredicateError, match=r"^`coalesce\(public, false\)`: "):
        read_predicate("owner = 'ü' AND (bits > 1 OR coalesce(public, false))", COLUMNS, {})


SAMPLES: dict[str, list[str]] = {
    STRINGS: ["[]::VARCHAR[]", "['a']", "['a', 'b']"],
    STRING: ["''", "'a'", "'%'"],
    INTEGER: ["0::BIGINT", "3::BIGINT", "-4::BIGINT"],
    TIMESTAMP: ["TIMESTAMPTZ '2026-01-31T00:00:00Z'", "TIMESTAMPTZ '9999-12-31T00:00:00Z'"],
    INTERVAL: ["to_days(3)", "to_days(0)"],
    BOOLEAN: ["true", "false"],
    NUMBER: ["0.5::DOUBLE"],
    RANGE: ["{'at_least': 3::BIGINT, 'at_most': 3::BIGINT}"],
}
NULLS = {kind: f"NULL::{SQL_TYPES.get(kind, 'INTERVAL')}" for kind in SAMPLES}

CALLS = [
    (f"{name}({', '.join(['{}'] * len(kinds))})", kinds)
    for name, signatures in FUNCTIONS.items()
    for kinds, _ in signatures
] + [(f"{{}} {name} {{}}", kinds) for name, signatures in OPERATORS.items() for kinds, _ in signatures]


@pytest.mark.parametrize(("call", "kinds"), CALLS, ids=[f"{call}-{'-'.join(kinds)}" for call, kinds in CALLS])
def test_each_admitted_function_gives_null_for_any_null_and_a_value_else(call: str, kinds: tuple[str, ...]) -> None:
    for arguments in product(*([*SAMPLES[kind], NULLS[kind]] for kind in kinds)):
        ((value,),) = scratch().execute(f"SELECT ({call.format(*arguments)})::VARCHAR").fetchall()
        unknown = any(argument.startswith("NULL") for argument in arguments)
        assert (value is None) is unknown, call.format(*arguments)


@pytest.mark.parametrize(
    ("least", "most", "limit", "answer"),
    [
        ("3", "5", 5, True),
        ("3", "5", 4, None),
        ("3", "5", 3, None),
        ("3", "5", 2, False),
        ("3", "NULL", 100, None),
        ("3", "NULL", 2, False),
        ("NULL", "5", 5, True),
        ("NULL", "NULL", 5, None),
    ],
)
def test_a_range_answers_only_where_both_of_its_ends_agree(
    least: str, most: str, limit: int, answer: bool | None
) -> None:
    sql = f"SELECT at_most({{'at_least': {least}::BIGINT, 'at_most': {most}::BIGINT}}, {limit})"
    assert scratch().execute(sql).fetchall() == [(answer,)]


@pytest.mark.parametrize(
    "text", ["span = 3", "span <= 3", "span IN (3)", "span + 1 > 2", "at_most(3, 3)", "len(span) = 1"]
)
def test_nothing_else_may_be_asked_of_a_range(text: str) -> None:
    with pytest.raises(PredicateError):
        read_predicate(text, {"span": Column("span", RANGE, (), "")}, {})


def test_comparisons_in_and_between_give_null_for_what_they_cannot_know() -> None:
    for kind in (INTEGER, STRING, TIMESTAMP, INTERVAL, BOOLEAN):
        some, null = SAMPLES[kind][0], NULLS[kind]
        for text in (f"{null} = {some}", f"{some} <> {null}", f"{null} IN ({some})", f"NOT ({null} = {some})"):
            assert scratch().execute(f"SELECT {text}").fetchall() == [(None,)], text


TRUTHS = (True, False, None)


@given(st.sampled_from(TRUTHS), st.sampled_from(TRUTHS))
def test_the_verdict_is_nothing_but_the_two_values(population: bool | None, test: bool | None) -> None:
    columns = {"public": COLUMNS["public"], "used": COLUMNS["used"]}
    sql = verdict_sql(read_predicate("public -- a", columns, {}), read_predicate("used -- b", columns, {}))
    ((verdict,),) = (
        scratch()
        .execute(f"SELECT {sql} FROM (SELECT $p::BOOLEAN AS public, $t::BOOLEAN AS used)", {"p": population, "t": test})
        .fetchall()
    )
    expected = {True: "pass", False: "fail", None: "inconclusive"}[test]
    assert verdict == {True: expected, False: "not_applicable", None: "inconclusive"}[population]


def test_the_scratch_database_reaches_nothing_outside() -> None:
    with pytest.raises(Exception, match="disabled"):
        scratch().execute("SELECT * FROM read_text('/etc/hostname')")
    with pytest.raises(Exception, match="locked"):
        scratch().execute("SET enable_external_access = true")


def test_a_date_is_the_time_at_which_its_day_begins() -> None:
    assert parameter_kind("2026-09-21") == TIMESTAMP
    assert {parameter_kind(text) for text in ("2026-09-31", "2026-9-1", "by 2026-09-21", "20260921")} == {STRING}
    last = {"last": parameter_kind("2026-09-21") or ""}
    predicate = read_predicate("created_at < $last + to_days(1)", COLUMNS, last)
    for moment, expected in (("2026-09-21T23:59:59Z", True), ("2026-09-22T00:00:00Z", False)):
        answer = scratch().execute(
            f"SELECT {predicate.sql} FROM (SELECT $at::TIMESTAMPTZ AS created_at)", {"at": moment, "last": "2026-09-21"}
        )
        assert answer.fetchall() == [(expected,)], moment


@pytest.mark.parametrize("value", [2**63, float("nan"), float("inf"), [1], ["a", 1], None, {"a": 1}])
def test_what_no_parameter_may_be(value: object) -> None:
    assert parameter_kind(value) is None
