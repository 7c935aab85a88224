"""What every collector owes: whatever goes wrong, no verdict turns, nothing vanishes unseen, and a gap names it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from math import ceil
from pathlib import Path

import aws_stage
import azure_stage
import gcp_stage
import kmip_stage
import pkcs11_stage
import pytest
import vault_stage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from staging import FAULTS, Faults, Outcome, Stage, differences, excused, perform, unexplained_doubts, unexplained_nulls

from collectors.registry import SOURCES
from evidence.inventory import UNREAD_KEY
from evidence.model import GapKind

STAGES: dict[str, Stage] = {
    "aws": aws_stage.STAGE,
    "azure": azure_stage.STAGE,
    "gcp": gcp_stage.STAGE,
    "gcp one by one": gcp_stage.ONE_BY_ONE,
    "kmip": kmip_stage.STAGE,
    "pkcs11": pkcs11_stage.STAGE,
    "vault": vault_stage.STAGE,
}
"""By a name of their own: a source that can be configured in ways that ask for other things has a stage for each."""


def test_every_source_has_a_stage() -> None:
    assert {stage.type for stage in STAGES.values()} == set(SOURCES)


@pytest.mark.parametrize("kind", SOURCES)
def test_every_operation_is_asked_on_some_stage(kind: str) -> None:
    assert set(SOURCES[kind].operations()) == {
        name for stage in STAGES.values() if stage.type == kind for name in _operations(stage)
    }


def _operations(stage: Stage) -> list[str]:
    return [name for name in SOURCES[stage.type].operations() if name not in stage.left_out]


@cache
def _clean(kind: str) -> Outcome:
    return perform(STAGES[kind], (), Path(tempfile.mkdtemp(prefix="keyproof-clean-")))


PROMPT = {"refuse": 4, "throttle": 1, "lose_page": 1}
"""About how many operations of a source go wrong on every change, by fault.

All others, and all other faults, are tried with the slow tests.
"""


def _cases() -> Iterator[object]:
    prompt = {(source, fault): _spread(source, fault) for source in SOURCES for fault in PROMPT}
    for kind, stage in STAGES.items():
        for operation in _operations(stage):
            for fault in FAULTS:
                if _can_befall(stage, operation, fault):
                    now = (kind, operation) in prompt.get((stage.type, fault), ())
                    yield pytest.param(kind, operation, fault, marks=() if now else (pytest.mark.slow,))


def _can_befall(stage: Stage, operation: str, fault: str) -> bool:
    return fault != "lose_page" or operation in stage.paged


def _spread(source: str, fault: str) -> list[tuple[str, str]]:
    """About as many operations of a source as PROMPT says, spread over all of them, each with its stage."""
    found = [(_foremost(source, operation), operation) for operation in SOURCES[source].operations()]
    can_befall = [case for case in found if _can_befall(STAGES[case[0]], case[1], fault)]
    return can_befall[:: ceil(len(can_befall) / PROMPT[fault]) or 1]


def _foremost(source: str, operation: str) -> str:
    """The stage on which an operation goes wrong on every change: if it can be, one that asks it without another fault.

    The other stages of the source ask it by the same code, and are tried with the slow tests.
    """
    asking = [kind for kind, stage in STAGES.items() if stage.type == source and operation in _operations(stage)]
    return min(asking, key=lambda kind: operation in STAGES[kind].opened_by)


@pytest.mark.parametrize("kind", STAGES)
def test_the_stage_shows_something(kind: str) -> None:
    clean = _clean(kind)
    assert set(clean.verdicts()) == {"pass", "fail", "inconclusive", "not_applicable"}
    assert len({control for control, _, _ in clean.findings}) >= 20
    assert unexplained_nulls(clean.folder) == []
    stage = STAGES[kind]
    never_asked = {name for name in _operations(stage) if not clean.requests[name]}
    assert never_asked <= set(stage.opened_by), "the stage has nothing that needs this operation"
    asked = [gap for gap in clean.gaps if gap["error"] != UNREAD_KEY]
    assert {gap["kind"] for gap in asked} <= {GapKind.NOT_OFFERED}, "without faults nothing is missing"
    assert unexplained_doubts(clean.folder) == []


@pytest.mark.parametrize(("kind", "operation", "fault"), list(_cases()))
def test_one_operation_goes_wrong(kind: str, operation: str, fault: str, tmp_path: Path) -> None:
    stage = STAGES[kind]
    faults: list[tuple[str, str]] = [(operation, fault)]
    if operation in stage.opened_by:
        faults.append((stage.opened_by[operation], "refuse"))
    spoiled = perform(stage, faults, tmp_path)
    assert differences(stage, _clean(kind), spoiled) == []
    assert unexplained_nulls(tmp_path) == []
    if fault not in stage.answered:
        assert excused(operation, _clean(kind).folder, tmp_path) == []
    assert spoiled.requests[operation], "the fault befell nothing"
    named = {gap["operation"] for gap in spoiled.gaps if gap["kind"] != GapKind.NOT_OFFERED}
    assert named & {operation, stage.opened_by.get(operation)}


def _pairs(kind: str) -> st.SearchStrategy[Faults]:
    one = st.tuples(st.sampled_from(sorted(_operations(STAGES[kind]))), st.sampled_from(FAULTS))
    return st.lists(one, min_size=2, max_size=2, unique_by=lambda fault: fault[0])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", STAGES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_two_operations_go_wrong(kind: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory(prefix="keyproof-pair-") as folder:
        spoiled = perform(STAGES[kind], data.draw(_pairs(kind)), Path(folder))
        assert differences(STAGES[kind], _clean(kind), spoiled) == []
        assert unexplained_nulls(Path(folder)) == []
