"""Whichever object of a KMIP server is not read, no verdict on any other turns, and none vanishes unseen."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import kmip_stage
import pytest
from kmip_server import Fault
from staging import Outcome, Stage, differences, perform, unexplained_nulls

OBJECTS = [str(number) for number in range(1, 17)]
PROMPT = {"2": "the oldest of a chain", "4": "the newest of a chain", "11": "a private key"}
"""Objects on which others depend most, tried on every change."""


@cache
def _clean() -> Outcome:
    return perform(kmip_stage.STAGE, (), Path(tempfile.mkdtemp(prefix="keyproof-clean-")))


def _without(identifier: str, kind: str) -> Stage:
    fault = Fault("kmip:GetAttributes", kind, identifier)
    return replace(kmip_stage.STAGE, serve=lambda faults: kmip_stage.serve_with([fault]))


@pytest.mark.parametrize(
    "identifier", [pytest.param(one, marks=() if one in PROMPT else pytest.mark.slow) for one in OBJECTS]
)
def test_one_object_is_not_read(identifier: str, tmp_path: Path) -> None:
    spoiled = perform(_without(identifier, "refuse"), (), tmp_path)
    assert differences(kmip_stage.STAGE, _clean(), spoiled) == []
    assert unexplained_nulls(tmp_path) == []
    assert [gap for gap in spoiled.gaps if gap["kind"] == "refused" and gap["subject"].endswith(f"/{identifier}")]
