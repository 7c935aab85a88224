"""What every normalize half owes: whatever was answered, every NULL is explained, and less known is never more said."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import aws_recordings
import azure_recordings
import gcp_runs
import kmip_recordings
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from normalizing import Recordings, Scope, answered, contradictions, excused, repeated, table, unexplained, vanished

from collectors.registry import SOURCES
from evidence.inventory import InventoryWriter
from evidence.model import GapKind, Row
from evidence.observation import Observation, Status

RECORDINGS: dict[str, Recordings] = {
    recordings.type: recordings
    for recordings in (
        aws_recordings.RECORDINGS,
        azure_recordings.RECORDINGS,
        gcp_runs.RECORDINGS,
        kmip_recordings.RECORDINGS,
    )
}
SERVICES = [(kind, service) for kind, recordings in RECORDINGS.items() for service in recordings.services]

of_every_source = pytest.mark.parametrize("kind", RECORDINGS)
of_every_service = pytest.mark.parametrize(("kind", "service"), SERVICES)


BY_THEMSELVES = {"pkcs11", "vault"}
"""Sources whose normalize half is tried by tests of its own alone; what they record has still to be described here."""


def test_every_source_has_its_recordings() -> None:
    assert set(RECORDINGS) == set(SOURCES) - BY_THEMSELVES


@of_every_service
def test_every_service_is_recorded(kind: str, service: str) -> None:
    scopes = _scopes(kind, service)
    assert scopes
    assert {(scope.header.type, scope.header.service) for scope in scopes} == {(kind, service)}
    assert all(scope.observations for scope in scopes)
    assert {one.status for scope in scopes for one in scope.observations} == {Status.OK}


@cache
def _scopes(kind: str, service: str) -> Sequence[Scope]:
    return RECORDINGS[kind].recorded(service)


@cache
def _whole(kind: str, service: str) -> Sequence[tuple[Scope, list[Row]]]:
    """The scopes of a service, each with the rows that it comes to where nothing is missing."""
    recordings = RECORDINGS[kind]
    return [(scope, recordings.rows(scope.header, scope.observations)) for scope in _scopes(kind, service)]


@of_every_service
def test_every_unknown_is_explained_and_no_id_comes_twice(kind: str, service: str) -> None:
    for _, rows in _whole(kind, service):
        assert unexplained(rows) == []
        assert repeated(rows) == []
        missed = [gap for gap in table(rows, "gap").values() if gap.error not in RECORDINGS[kind].left_open]
        assert {gap.kind for gap in missed} <= {GapKind.NOT_OFFERED}
        (scope,) = table(rows, "scope").values()
        assert (scope.reached, scope.complete) == (True, True)


@of_every_service
def test_the_same_readings_give_the_same_rows(kind: str, service: str) -> None:
    for scope, rows in _whole(kind, service):
        assert RECORDINGS[kind].rows(scope.header, scope.observations) == rows


@of_every_service
def test_the_rows_can_be_written(kind: str, service: str, tmp_path: Path) -> None:
    for number, (_, rows) in enumerate(_whole(kind, service)):
        _write(rows, tmp_path / str(number))


def _write(rows: Sequence[Row], folder: Path) -> None:
    with InventoryWriter(folder) as inventory:
        for row in rows:
            inventory.add(row)


@of_every_service
@pytest.mark.parametrize("status", [Status.REFUSED, Status.FAILED, Status.SWITCHED_OFF])
def test_a_scope_that_cannot_be_entered_says_so(kind: str, service: str, status: Status) -> None:
    for recorded in _scopes(kind, service):
        first = replace(recorded.observations[0], status=status, error="no", body="")
        rows = RECORDINGS[kind].rows(recorded.header, [first])
        (scope,) = table(rows, "scope").values()
        assert (scope.reached, scope.complete) == (False, None)
        missed = {gap.kind for gap in table(rows, "gap").values() if gap.rows_missing}
        expected = GapKind.FAILED if service in RECORDINGS[kind].opened else GapKind(status)
        assert expected in missed or service in RECORDINGS[kind].opening
        assert unexplained(rows) == []


@of_every_service
def test_a_scope_without_any_observation_is_no_empty_scope(kind: str, service: str) -> None:
    headers = [RECORDINGS[kind].header(service), *(scope.header for scope in _scopes(kind, service))]
    for header in headers:
        rows = RECORDINGS[kind].rows(header, [])
        (scope,) = table(rows, "scope").values()
        assert (scope.reached, scope.complete, scope.collected_at) == (False, None, None)
        assert unexplained(rows) == []


@of_every_source
def test_an_unknown_service_is_an_error(kind: str) -> None:
    header = RECORDINGS[kind].header("nothing")
    assert header.service == "nothing"
    with pytest.raises(ValueError, match="'nothing' is no service that is read of"):
        RECORDINGS[kind].rows(header, [])


SPOILED = ("null", "{}", "[]", "<html>", "[[[")


@of_every_service
def test_knowing_less_withholds_and_never_changes(kind: str, service: str, subtests: pytest.Subtests) -> None:
    recordings = RECORDINGS[kind]
    for scope, whole in _whole(kind, service):
        for number, one in enumerate(scope.observations):
            for what, spoiled in _spoiled(recordings, scope.observations, number):
                with subtests.test(scope=scope.header.id, number=number, operation=one.operation, spoiled=what):
                    rows = recordings.rows(scope.header, spoiled)
                    assert unexplained(rows) == []
                    assert repeated(rows) == []
                    if what in recordings.plausible:
                        continue
                    assert contradictions(rows, whole) == []
                    assert one.operation in recordings.told_at_once or vanished(rows, whole) == []
                    (row,) = table(rows, "scope").values()
                    assert row.complete is None or (what == "left out" and one.operation in recordings.spare)
                    assert row.refused == (what == "refused")
                    assert what != "refused" or excused(rows, whole) == []


def _spoiled(
    recordings: Recordings, made: Sequence[Observation], number: int
) -> Iterator[tuple[str, Sequence[Observation]]]:
    """What becomes of a scope's observations where one exchange goes wrong, by how it does."""
    before, one, after = made[:number], made[number], made[number + 1 :]
    yield "refused", [*before, recordings.refused(one), *after]
    # No collector records a list that lacks a page before its last.
    if one.operation not in recordings.always_asked and not any(_list(other) == _list(one) for other in after):
        yield "left out", [*before, *after]
    for body in (*SPOILED, *recordings.spoiled):
        yield body, [*before, answered(one, body), *after]


def _list(one: Observation) -> tuple[object, ...]:
    """What the pages of one list have in common."""
    parameters = {name: value for name, value in one.parameters.items() if name not in ("page", "page_token")}
    return one.subject, one.operation, parameters


@of_every_service
@pytest.mark.parametrize("body", [*SPOILED, "not JSON", "[" * 5000], ids=lambda body: body[:8])
def test_whatever_an_operation_always_answers_comes_to_rows_and_gaps(
    kind: str, service: str, body: str, subtests: pytest.Subtests
) -> None:
    _always(kind, service, body, subtests)


@pytest.mark.parametrize(
    ("kind", "service", "body"),
    [
        (kind, service, body)
        for kind, service in SERVICES
        for body in (*RECORDINGS[kind].spoiled, *RECORDINGS[kind].plausible)
    ],
)
def test_whatever_an_operation_of_this_source_always_answers_comes_to_rows_and_gaps(
    kind: str, service: str, body: str, subtests: pytest.Subtests
) -> None:
    _always(kind, service, body, subtests)


def _always(kind: str, service: str, body: str, subtests: pytest.Subtests) -> None:
    recordings = RECORDINGS[kind]
    for scope, whole in _whole(kind, service):
        for operation in sorted({one.operation for one in scope.observations}):
            with subtests.test(scope=scope.header.id, operation=operation):
                made = [answered(one, body) if one.operation == operation else one for one in scope.observations]
                rows = recordings.rows(scope.header, made)
                assert unexplained(rows) == []
                assert repeated(rows) == []
                if body in recordings.plausible:
                    continue
                assert contradictions(rows, whole) == []
                assert operation in recordings.told_at_once or vanished(rows, whole) == []


def _every(kind: str) -> list[tuple[Scope, list[Row]]]:
    return [found for service in RECORDINGS[kind].services for found in _whole(kind, service)]


@of_every_source
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_knowing_less_at_several_places_withholds_and_never_changes(kind: str, data: st.DataObject) -> None:
    scope, whole = data.draw(st.sampled_from(_every(kind)))
    made = list(scope.observations)
    numbers = data.draw(st.sets(st.integers(0, len(made) - 1), max_size=12))
    for number in numbers:
        made[number] = RECORDINGS[kind].refused(made[number])
    rows = RECORDINGS[kind].rows(scope.header, made)
    assert unexplained(rows) == []
    assert contradictions(rows, whole) == []
    if {made[number].operation for number in numbers}.isdisjoint(RECORDINGS[kind].told_at_once):
        assert vanished(rows, whole) == []


HOSTILE = (
    None,
    True,
    -1,
    0,
    10**30,
    253402300800,
    1e308,
    math.nan,
    math.inf,
    "",
    "\ud800",
    "\x00\x1b[31m",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "x" * 100_000,
    [],
    {},
    [[]],
    {"a": {}},
)


def _break(kind: str, data: st.DataObject, folder: Path) -> None:
    scope, _ = data.draw(st.sampled_from(_every(kind)))
    made = list(scope.observations)
    number = data.draw(st.integers(0, len(made) - 1))
    answer = json.loads(made[number].body)
    place = data.draw(st.sampled_from(list(_places(answer)) or [()]))
    value = data.draw(st.sampled_from([*HOSTILE, *RECORDINGS[kind].hostile]))
    made[number] = replace(made[number], body=json.dumps(_changed(answer, place, value)))
    rows = RECORDINGS[kind].rows(scope.header, made)
    assert unexplained(rows) == []
    _write(rows, folder)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all that an answer holds."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _places(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _places(item, (*path, number))
    if path:
        yield path


def _changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _changed(copy[path[0]], path[1:], new)
    return copy


_UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large]


@of_every_source
@settings(max_examples=40, deadline=None, suppress_health_check=_UNHURRIED)
@given(data=st.data())
def test_nothing_that_is_answered_breaks_it(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _break(kind, data, tmp_path_factory.mktemp("inventory"))


@pytest.mark.slow
@of_every_source
@settings(max_examples=500, deadline=None, suppress_health_check=_UNHURRIED)
@given(data=st.data())
def test_nothing_of_much_that_is_answered_breaks_it(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _break(kind, data, tmp_path_factory.mktemp("inventory"))


@of_every_service
@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"x": "\\ud800", "y": ' + "[" * 100_000 + "]" * 100_000 + "}"], ids=["open", "closed"]
)
def test_a_deeply_nested_answer_is_a_failure(kind: str, service: str, body: str) -> None:
    for scope in _scopes(kind, service):
        first, *others = scope.observations
        rows = RECORDINGS[kind].rows(scope.header, [answered(first, body), *others])
        failed = {gap.operation for gap in table(rows, "gap").values() if gap.kind is GapKind.FAILED}
        assert first.operation in failed


@of_every_source
def test_no_sdk_is_imported(kind: str) -> None:
    program = f"import collectors.{kind}.normalize, sys; sys.exit(not {{*sys.argv[1:]}}.isdisjoint(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program, *RECORDINGS[kind].sdk], check=False)
    assert done.returncode == 0
