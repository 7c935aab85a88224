"""Answers are facts only where they are what the operation documents; everything else is a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.model import GapKind
from evidence.observation import Observation, Status
from evidence.reading import Answer, Flag, Reading, Text, Time, Whole, group_by_subject, tidy, without_surrogates

Make = Callable[..., Observation]
OPERATION = "kms:DescribeKey"
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


class Described(Answer):
    Name: Text
    Enabled: Flag
    Days: Whole = 0
    At: Time | None = None


def _told(observation: Make, body: str, **members: Any) -> tuple[Described | None, Reading]:
    reading = Reading("key-1", [observation(body=body, **members)])
    return reading.answer(OPERATION, Described), reading


def test_an_answer_as_documented_is_read_and_the_rest_of_it_left(observation: Make) -> None:
    body = '{"Name": "x", "Enabled": false, "Days": 7, "At": "2026-06-30T02:00:00+02:00", "New": {}}'
    told, reading = _told(observation, body)
    assert told is not None
    assert (told.Name, told.Enabled, told.Days) == ("x", False, 7)
    assert told.At is not None
    assert told.At.isoformat() == "2026-06-30T00:00:00+00:00"
    assert reading.failures == {}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "<html>",
        '{"Name": "x"}',
        '{"Name": "x", "Enabled": "true"}',
        '{"Name": "x", "Enabled": 1}',
        '{"Name": null, "Enabled": true}',
        '{"Name": ["x"], "Enabled": true}',
        '{"Name": "x", "Enabled": true, "Days": "7"}',
        '{"Name": "x", "Enabled": true, "Days": 7.5}',
        '{"Name": "x", "Enabled": true, "Days": true}',
        '{"Name": "x", "Enabled": true, "Days": 9223372036854775808}',
        '{"Name": "x", "Enabled": true, "At": "2026-06-30T00:00:00"}',
        '{"Name": "x", "Enabled": true, "At": "9999-12-31T23:59:59-14:00"}',
        '{"Name": "x", "Enabled": true',
        '{"Name": "x", "Enabled": true} {}',
        "[" * 50_000,
    ],
)
def test_an_answer_of_another_kind_tells_nothing_and_says_why(observation: Make, body: str) -> None:
    told, reading = _told(observation, body)
    assert told is None
    failure = reading.failures[OPERATION]
    assert failure.kind is GapKind.FAILED
    assert failure.error.startswith("the answer is not what the operation documents: ")
    assert failure.observation == reading.observations[0].id


@given(value=ANY_JSON)
def test_no_answer_is_too_strange(observation: Make, value: object) -> None:
    told, reading = _told(observation, json.dumps(value))
    assert (told is None) == bool(reading.failures)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_a_body_that_came_with_an_error_is_no_answer(observation: Make, status: Status) -> None:
    told, reading = _told(observation, '{"Name": "x", "Enabled": true}', status=status, error="Denied: no")
    assert told is None
    assert (reading.failures[OPERATION].kind, reading.failures[OPERATION].error) == (GapKind(status), "Denied: no")


def test_what_was_never_asked_is_no_failure_of_its_own() -> None:
    reading = Reading("key-1", [])
    assert reading.answer(OPERATION, Described) is None
    assert list(reading.pages(OPERATION, Described)) == []
    assert reading.failures == {}


def test_the_first_reason_stands() -> None:
    reading = Reading("key-1", [])
    reading.fail(OPERATION, GapKind.REFUSED, "first")
    reading.fail(OPERATION, GapKind.FAILED, "second")
    assert reading.failures[OPERATION].error == "first"


def test_each_of_several_answers_is_read_and_the_first_that_cannot_be_is_the_reason(observation: Make) -> None:
    bodies = ['{"Name": "a", "Enabled": true}', "{}", '{"Name": "b", "Enabled": true}', "[]"]
    reading = Reading("", [observation(body=body, parameters={"n": n}) for n, body in enumerate(bodies)])
    found = [(one.parameters["n"], told.Name if told else None) for one, told in reading.answers(OPERATION, Described)]
    assert found == [(0, "a"), (1, None), (2, "b"), (3, None)]
    assert [page.Name for page in reading.pages(OPERATION, Described)] == ["a", "b"]
    (failure,) = reading.failures.values()
    assert failure.observation == reading.observations[1].id


@given(value=ANY_JSON)
def test_tidying_takes_lone_surrogates_and_nothing_else(value: Any) -> None:
    body = json.dumps(value)
    tidied = json.loads(tidy(body))
    assert tidied == without_surrogates(json.loads(body))
    json.dumps(tidied, ensure_ascii=False).encode()
    if not any(0xD800 <= ord(c) <= 0xDFFF for c in json.dumps(json.loads(body), ensure_ascii=False)):
        assert tidy(body) == body or tidied == value


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert json.loads(tidy('"\\ud83d\\ude00 \\ud83d"')) == "\U0001f600 \ufffd"
    assert tidy('{"broken": "\\ud800"') == '{"broken": "\\ud800"', "what is no JSON stays as it came"


def test_subjects_that_stand_apart_are_read_apart(observation: Make) -> None:
    order = ["", "a", "a", "b"]
    readings = list(group_by_subject(iter([observation(s, parameters={"n": n}) for n, s in enumerate(order)])))
    assert [(reading.subject, len(reading.observations)) for reading in readings] == [("", 1), ("a", 2), ("b", 1)]
