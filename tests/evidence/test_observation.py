"""Observations: one line each, read back as they were, and nothing else taken for one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.observation import Observation, Status, body_digest, body_text, observation_id, short_id

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
"""Lone surrogates, controls and line separators too: what JSON can say."""
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)

Make = Callable[..., Observation]


@given(body=ANY_TEXT, error=ANY_TEXT, subject=ANY_TEXT, status=st.sampled_from(Status), attempts=st.integers())
def test_a_line_gives_back_what_was_recorded(
    observation: Make, body: str, error: str, subject: str, status: Status, attempts: int
) -> None:
    made = observation(subject, body=body, error=error, status=status, attempts=attempts)
    line = made.to_line()
    assert line.isascii()
    assert line.count("\n") == 1
    assert "\r" not in line
    assert Observation.from_line(line) == made


@given(changed=st.sampled_from(Observation.__slots__), value=ANY_JSON)
def test_a_member_of_another_type_is_refused(observation: Make, changed: str, value: object) -> None:
    whole = json.loads(observation().to_line())
    line = json.dumps({**whole, changed: value})
    known = {"parameters": dict, "attempts": int}.get(changed, str)
    if type(value) is known and (changed != "status" or value in set(Status)):
        assert getattr(Observation.from_line(line), changed) == value
    else:
        with pytest.raises(ValueError, match=r"not an observation|not a valid Status"):
            Observation.from_line(line)


@given(value=ANY_JSON)
def test_other_json_is_no_observation(value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Observation.from_line(json.dumps(value))


@pytest.mark.parametrize("line", ["", "{", "[" * 100_000, '{"id": "x"}', "\x00", "null"])
def test_a_line_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not an observation"):
        Observation.from_line(line)


def test_a_member_more_or_less_is_refused(observation: Make) -> None:
    whole = json.loads(observation().to_line())
    with pytest.raises(ValueError, match="not an observation"):
        Observation.from_line(json.dumps({**whole, "note": "x"}))
    for name in whole:
        with pytest.raises(ValueError, match="not an observation"):
            Observation.from_line(json.dumps({key: value for key, value in whole.items() if key != name}))


def test_the_id_follows_from_what_was_asked_where_and_from_nothing_else(observation: Make) -> None:
    made = observation_id("a", "kms:ListKeys", {"Limit": 1, "Marker": "x"})
    assert made == observation_id("a", "kms:ListKeys", {"Marker": "x", "Limit": 1})
    others = [
        observation_id("b", "kms:ListKeys", {"Limit": 1, "Marker": "x"}),
        observation_id("a", "kms:ListAliases", {"Limit": 1, "Marker": "x"}),
        observation_id("a", "kms:ListKeys", {"Limit": 1}),
    ]
    assert len({made, *others}) == 4
    assert replace(observation(), body="x").id == observation().id


def test_parts_of_an_id_do_not_run_together() -> None:
    assert short_id("OBS", "a", "bc") != short_id("OBS", "ab", "c")
    assert short_id("OBS", "\ud800").startswith("OBS-"), "half of a pair has an id too"


@given(data=st.binary(max_size=50))
def test_the_bytes_of_an_answer_can_be_told_from_its_text(data: bytes) -> None:
    text = body_text(data)
    try:
        assert text.encode() == data
    except (AssertionError, UnicodeEncodeError):
        assert base64.b64decode(text.removeprefix("base64:")) == data
    assert len(body_digest(text)) == 64
