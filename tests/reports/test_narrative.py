"""What the report says: bounded, repeatable, and true to the assessment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reports.content.bounds import PAPER, SCREEN, Bounds
from reports.content.judgement import Judged
from reports.material import Material
from reports.narrative import Narrative, build
from reports.sampling import draw, repeat, seed


@pytest.fixture(scope="module")
def told(material: Material) -> Narrative:
    return build(material, PAPER)


@pytest.fixture(scope="module")
def large(make_material: Callable[..., Material], tmp_path_factory: pytest.TempPathFactory) -> Material:
    return make_material(tmp_path_factory.mktemp("large"), keys=1500, hostile=False)


def judged(told: Narrative, control: str, variant: str = "default") -> Judged:
    return next(j for c in told.controls for j in c.judged if (j.result.id, j.result.variant) == (control, variant))


def test_every_control_requirement_and_verdict_is_told(told: Narrative) -> None:
    assessment = told.material.assessment
    assert {(j.result.id, j.result.variant) for c in told.controls for j in c.judged} == {
        (result.id, result.variant) for result in assessment.controls
    }
    assert [part.result for part in told.frameworks] == assessment.frameworks
    assert told.verdicts["fail"] == sum(result.counts.failed for result in assessment.controls)
    assert told.verdicts["pass"] == sum(result.counts.passed for result in assessment.controls)
    for part in told.frameworks:
        assert sum(count for _, count in part.statuses) == len(part.requirements)


def test_a_requirement_without_a_control_is_told_apart_from_one_that_was_not_observed(
    told: Narrative, factory: ModuleType
) -> None:
    assert {part.result.id for part in told.frameworks if part.without_control} == set(factory.WITHOUT_CONTROL)
    assert told.without_control == len(factory.WITHOUT_CONTROL)
    assert told.without_control < sum(dict(part.statuses)["inconclusive"] for part in told.frameworks)


def test_building_twice_gives_the_same(material: Material, told: Narrative) -> None:
    assert build(material, PAPER) == told


@pytest.mark.parametrize("bounds", [PAPER, SCREEN], ids=["paper", "screen"])
def test_lists_stay_within_their_bounds_and_lose_nothing(large: Material, bounds: Bounds) -> None:
    told = build(large, bounds)
    grouped = 0
    for control in told.controls:
        for one in control.judged:
            assert len(one.failures) <= bounds.failures
            assert len(one.failures) + one.failures_more == one.result.counts.failed
            assert len(one.groups) <= bounds.groups
            assert len(one.drawn) <= told.sample_size
            if one.groups:
                grouped += 1
                if not one.groups_more:
                    assert sum(group.count for group in one.groups) == one.result.counts.failed
    assert grouped
    assert len(told.gaps) <= bounds.gaps


def test_groups_show_ranges_of_what_differs(large: Material) -> None:
    one = judged(build(large, PAPER), "ROT-02")
    assert ("manager", "customer") in one.common
    assert not {name for name, _ in one.common} & {name for name, _ in one.failures[0].observed}
    observed = dict(one.groups[0].observed)
    least, most = observed["last_rotated_at"].split(" to ")
    assert least < most <= "2025-06-30"


def test_a_failure_carries_what_was_observed_and_its_evidence(told: Narrative) -> None:
    failure = judged(told, "GEN-05").failures[0]
    assert ("security_bits", "80") in failure.observed
    assert failure.evidence
    assert failure.evidence[0].startswith("OBS-")
    assert failure.finding.startswith("FND-")


def test_an_excepted_failure_stays_a_failure_and_is_marked(told: Narrative) -> None:
    one = judged(told, "ROT-02")
    assert one.result.counts.excepted == 1
    assert one.open_failures == one.result.counts.failed - 1
    screen = judged(build(told.material, SCREEN), "ROT-02")
    assert [failure.exception for failure in screen.failures if failure.exception] == ["EXC-7"]


def test_withheld_verdicts_name_the_refused_operation(told: Narrative) -> None:
    reasons = {(reason.operation, reason.kind) for reason in judged(told, "USE-03").withheld}
    assert reasons == {("kms:GetKeyPolicy", "refused"), ("kms:ListKeys", "refused"), ("keys:GetKeys", "refused")}
    assert all(reason.gap.startswith("GAP-") for reason in judged(told, "USE-03").withheld)


def test_what_to_look_at_first_goes_by_severity_and_leaves_excepted_failures_out(told: Narrative) -> None:
    ranks = [note.control.result.severity.rank for note in told.notes]
    assert ranks == sorted(ranks, reverse=True)
    assert told.notes[0].control.result.id == "USE-03"
    assert all(note.control.open_failures for note in told.notes)
    assert {group.kind for group in told.blind_spots} <= {"refused", "failed"}


def test_scopes_are_told_apart(make_material: Callable[..., Material], tmp_path: Path) -> None:
    told = build(make_material(tmp_path, providers=("aws",)), PAPER)
    counted = {word: count for word, _, count in told.coverage.states}
    assert counted["switched off"] == 6
    assert counted["refused"] == 1
    assert counted["in part"] == 2
    assert sum(counted.values()) == told.coverage.total
    assert told.coverage.matrix is not None
    cells = [cell for _, _, row in told.coverage.matrix.rows for cell in row]
    assert {cell.state for cell in cells if cell} == {"read", "empty", "partly", "refused", "off"}
    refused = next(scope for scope in told.coverage.incomplete if scope.state == "refused")
    assert refused.listed is None
    assert "AccessDenied" in refused.error


def test_with_many_regions_coverage_is_told_by_account_and_service(
    make_material: Callable[..., Material], tmp_path: Path
) -> None:
    material = make_material(tmp_path, providers=("aws",))
    coverage = build(material, replace(PAPER, regions=2)).coverage
    assert coverage.matrix is None
    assert len(coverage.rows) == 6
    assert "refused" in dict(coverage.rows[0].states)
    assert build(material, PAPER).coverage.matrix is not None
    assert sum(count for row in coverage.rows for _, count in row.states) == 24


def test_several_scopes_of_one_place_are_counted_and_none_hides_another(told: Narrative, factory: ModuleType) -> None:
    assert told.coverage.matrix is None
    vaults = {row.account: dict(row.states) for row in told.coverage.rows if row.service == "vault"}
    assert set(vaults) == set(factory.SUBSCRIPTIONS)
    assert sum(sum(states.values()) for states in vaults.values()) == 4
    assert sum(states.get("refused", 0) for states in vaults.values()) == 1


def test_the_charts_numbers_add_up(told: Narrative) -> None:
    with told.material.connection() as queries:
        active = queries.value("SELECT count(*) FROM key WHERE manager = 'customer' AND state = 'active'")
        rotated = queries.value(
            "SELECT count(*) FROM key_version WHERE cause <> 'initial' AND created_at BETWEEN "
            "TIMESTAMPTZ '2025-07-01 00:00:00Z' AND TIMESTAMPTZ '2026-06-30 00:00:00Z'"
        )
    assert sum(told.key_age.totals) + told.key_age.unknown == active
    counts = judged(told, "ROT-02").result.counts
    ages = {label: sum(keys) for label, keys in told.key_age.series}
    assert ages == {"within its cryptoperiod": counts.passed, "beyond its cryptoperiod": counts.failed, "not judged": 0}
    assert told.key_age.cryptoperiods == (365,)
    assert sum(sum(counts) for _, counts in told.timeline.causes) == rotated
    assert len(told.timeline.months) == 12


def test_a_sample_can_be_drawn_again_by_hand(material: Material) -> None:
    with material.connection() as queries:
        ids = [
            row["id"]
            for row in queries.rows("SELECT id FROM finding WHERE control = 'ROT-02' AND verdict = 'pass' ORDER BY id")
        ]
        sample = next(s for s in draw(material, queries, 5) if s.control == "ROT-02")
    assert list(sample.findings) == repeat(seed(material, "ROT-02", "default"), ids, 5)
    assert sample.population == len(ids)
    assert sample.population_sha256 == hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def test_a_larger_sample_only_adds(material: Material) -> None:
    with material.connection() as queries:
        small = {(s.control, s.variant): s.findings for s in draw(material, queries, 3)}
        wide = {(s.control, s.variant): s.findings for s in draw(material, queries, 7)}
    assert small
    assert all(wide[control][: len(drawn)] == drawn for control, drawn in small.items())


def test_other_evidence_draws_another_sample(material: Material) -> None:
    with material.connection() as queries:
        ours = [s.findings for s in draw(material, queries, 5)]
        others = [s.findings for s in draw(replace(material, evidence_digest="f" * 64), queries, 5)]
    assert ours != others


def test_no_text_of_a_provider_reaches_the_report_unseen_or_endless(told: Narrative, factory: ModuleType) -> None:
    texts = list(_texts([told.chapters, told.gaps, told.coverage, told.collection]))
    shown = [text for text in texts if "[U+202E]" in text]
    assert shown
    assert not [text for text in texts if "\u202e" in text or "\x1b" in text or "\x00" in text]
    assert max(map(len, texts)) < len(factory.MONSTER) / 10


def _texts(thing: Any) -> list[str]:
    if isinstance(thing, str):
        return [thing]
    if isinstance(thing, tuple | list):
        return [text for item in thing for text in _texts(item)]
    if hasattr(thing, "__dataclass_fields__") and not isinstance(thing, Material):
        return [text for field in fields(thing) for text in _texts(getattr(thing, field.name))]
    return []


def test_an_estate_without_any_key_is_told_too(make_material: Callable[..., Material], tmp_path: Path) -> None:
    told = build(make_material(tmp_path, keys=0), PAPER)
    assert told.key_age.unknown == 0
    assert not sum(told.key_age.totals)
    assert told.timeline.causes == ()
