"""The sizes of samples: set by the configuration, checked, and kept with the evidence so that they can be repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.findings import SamplingPlan
from keyproof.assessment import AssessmentInputs
from keyproof.configuration import Configuration, ConfigurationError, load_configuration
from keyproof.run import load_catalogue_for

CONFIGURATION = """
[organization]
name = "Example Ltd"

[audit]
frameworks = ["soc2"]
period = { start = 2025-12-01, end = 2026-11-30 }

[[source]]
type = "aws"
name = "prod"
regions = ["eu-west-1"]
"""


def configured(folder: Path, sampling: str) -> Configuration:
    path = folder / "keyproof.toml"
    path.write_text(f"{sampling}\n{CONFIGURATION}")
    return load_configuration(path)


def test_without_a_section_one_item_is_drawn_of_each_population(tmp_path: Path) -> None:
    assert configured(tmp_path, "").sampling == SamplingPlan(size=1, sizes={}, seed="")


def test_the_auditor_sets_sizes_and_a_text(tmp_path: Path) -> None:
    plan = configured(tmp_path, '[sampling]\nsize = 3\nseed = "interim"\nsizes = { ROT-02 = 25, SEC-02 = 0 }').sampling
    assert (plan.of("ROT-02"), plan.of("SEC-02"), plan.of("GEN-01"), plan.seed) == (25, 0, 3, "interim")


@pytest.mark.parametrize(
    ("sampling", "told"),
    [
        ("[sampling]\nsise = 1", 'sampling.sise: unknown key; did you mean "size"?'),
        ("[sampling]\nsize = -1", "sampling.size: "),
        ("[sampling]\nsize = 100000", "sampling.size: "),
        ("[sampling]\nsizes = { ROT-02 = 501 }", "sampling.sizes.ROT-02: "),
        ('[sampling]\nsizes = { ROT-02 = "all" }', "sampling.sizes.ROT-02: "),
        ('[sampling]\nseed = "one\\ntwo"', "sampling.seed: "),
        ('[sampling]\nseed = "ключ"', "sampling.seed: "),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_its_place(sampling: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        configured(tmp_path, sampling)
    assert told in str(refused.value)


def test_a_control_that_is_not_in_the_catalogue_is_refused_with_the_nearest(tmp_path: Path) -> None:
    configuration = configured(tmp_path, "[sampling]\nsizes = { ROT-20 = 5 }")
    with pytest.raises(ConfigurationError, match=r'sampling\.sizes\.ROT-20: no such control; did you mean "ROT-0'):
        load_catalogue_for(configuration, ())


def test_inputs_of_a_pack_that_knew_no_plan_are_read_as_its_default() -> None:
    inputs = AssessmentInputs.model_validate(
        {
            "as_of": "2026-06-30T00:00:00Z",
            "period_start": "2025-07-01T00:00:00Z",
            "period_end": "2026-06-30T00:00:00Z",
            "frameworks": [],
            "overrides": {},
            "exceptions": [],
            "attestations": [],
        }
    )
    assert inputs.sampling == SamplingPlan()
