"""What the report says: bounded, repeatable, and true to the assessment."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evidence.findings import RequirementRef, SamplingPlan
from evidence.history import write_empty
from reports.content.bounds import PAPER, SCREEN, Bounds
from reports.content.crosswalk import evidence_for
from reports.content.judgement import Judged
from reports.content.samples import cut_out
from reports.material import Material, MaterialError, Queries
from reports.narrative import Narrative, build
from reports.sampling import draw, repeat


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
            assert one.sample is None or len(one.sample.findings) <= told.sampling.of(one.result.id)
            if one.groups:
                grouped += 1
                assert all(group.name for group in one.groups)
                if not one.groups_more:
                    assert sum(group.count for group in one.groups) == one.result.counts.failed
    assert grouped
    assert len(told.gaps) <= bounds.gaps


def test_groups_show_ranges_of_what_differs(large: Material) -> None:
    one = judged(build(large, replace(PAPER, first=2)), "ROT-02")
    assert ("manager", "customer") in one.common
    assert not {name for name, _ in one.common} & {name for name, _ in one.failures[0].observed}
    observed = dict(one.groups[0].observed)
    least, most = observed["last_rotated_at"].split(" to ")
    assert least < most <= "2025-06-30"


def test_groups_that_are_not_shown_are_counted_and_never_read(large: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = judged(build(large, SCREEN), "ROT-02")
    read: dict[tuple[str, str], int] = Counter()
    rows = Queries.rows

    def counting(self: Queries, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        for row in rows(self, sql, parameters):
            read[sql, (parameters or {}).get("control", "")] += 1
            yield row

    monkeypatch.setattr(Queries, "rows", counting)
    one = judged(build(large, replace(SCREEN, groups=2, failures=4, first=0)), "ROT-02")
    assert one.groups == whole.groups[:2]
    assert one.groups_more == len(whole.groups) - 2 > 0
    assert [count for (sql, control), count in read.items() if "AS failures" in sql and control == "ROT-02"] == [2, 1]


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


def test_withheld_verdicts_name_the_refused_operation(material: Material) -> None:
    withheld = judged(build(material, SCREEN), "USE-03").withheld
    reasons = {(reason.operation, reason.kind) for reason in withheld}
    assert reasons == {("kms:GetKeyPolicy", "refused"), ("kms:ListKeys", "refused"), ("keys:GetKeys", "refused")}
    assert all(reason.example.startswith("GAP-") for reason in withheld)


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


def planned(material: Material, **plan: Any) -> Material:
    """The material with another plan of sampling."""
    return replace(material, assessment=material.assessment.model_copy(update={"sampling": SamplingPlan(**plan)}))


def test_a_sample_can_be_drawn_again_by_hand(material: Material) -> None:
    planning = planned(material, size=5, seed="Audit 2026")
    with planning.connection() as queries:
        ids = [
            row["id"]
            for row in queries.rows(
                "SELECT id FROM finding WHERE control = 'ROT-02' AND verdict <> 'not_applicable' ORDER BY id"
            )
        ]
        sample = next(s for s in draw(planning, queries) if s.control == "ROT-02")
    assert sample.seed == f"{material.evidence_digest}:ROT-02:default:Audit 2026"
    assert list(sample.findings) == repeat(sample.seed, ids, 5)
    assert sample.population == len(ids)
    assert sample.population_sha256 == hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def test_the_documented_shell_commands_repeat_a_draw(material: Material, tmp_path: Path) -> None:
    told = (Path(__file__).resolve().parents[2] / "docs" / "pack.md").read_text(encoding="utf-8")
    commands = told[told.index("    SEED=") :].split("\n\n")[0].replace("head -n 25", "head -n 3")
    planning = planned(material, size=3)
    with planning.connection() as queries:
        sample = next(s for s in draw(planning, queries) if s.control == "ROT-02")
        ids = [
            row["id"]
            for row in queries.rows(
                "SELECT id FROM finding WHERE control = 'ROT-02' AND verdict <> 'not_applicable' ORDER BY id LIMIT 100"
            )
        ]
    (tmp_path / "judged.txt").write_text("\n".join(ids) + "\n")
    environment = {**os.environ, "EVIDENCE_DIGEST": material.evidence_digest}
    done = subprocess.run(
        ["bash", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert len(ids) == sample.population
    assert [line.split()[1] for line in done.stdout.splitlines()] == list(sample.findings)


def test_a_sample_is_of_the_population_and_not_of_what_passed(material: Material, told: Narrative) -> None:
    with material.connection() as queries:
        samples = {(s.control, s.variant): s for s in draw(material, queries)}
    for control in told.controls:
        for one in control.judged:
            sample = samples.get((one.result.id, one.result.variant))
            assert (sample.population if sample else 0) == one.result.counts.judged


def test_the_auditor_sets_the_size_of_each_sample_and_a_larger_one_only_adds(material: Material) -> None:
    plans = (planned(material, size=3), planned(material, size=3, sizes={"ROT-02": 7, "GEN-05": 0}))
    drawn = []
    for one in plans:
        with one.connection() as queries:
            drawn.append({(s.control, s.variant): s.findings for s in draw(one, queries)})
    small, set_by_size = drawn
    assert len(small["ROT-02", "default"]) == 3
    assert set_by_size["ROT-02", "default"][:3] == small["ROT-02", "default"]
    assert len(set_by_size["ROT-02", "default"]) == 7
    assert ("GEN-05", "default") not in set_by_size
    assert set_by_size["SEC-02", "pci-dss-4.0.1"] == small["SEC-02", "pci-dss-4.0.1"]


def test_other_evidence_or_another_text_draws_another_sample(material: Material) -> None:
    others = replace(material, evidence_digest="f" * 64), planned(material, seed="interim"), planned(material)
    drawn = []
    for one in others:
        with one.connection() as queries:
            drawn.append(tuple(s.findings for s in draw(one, queries)))
    assert len(set(drawn)) == len(others)


def test_each_sampled_item_has_a_record_with_its_observations(material: Material) -> None:
    told = build(planned(material, size=2), PAPER).samples
    assert told.records_more == 0
    assert told.size == sum(len(drawn.records) for drawn in told.drawn)
    drawn = next(one for one in told.drawn if one.sample.control == "ROT-02")
    assert [record.finding for record in drawn.records] == list(drawn.sample.findings)
    record = drawn.records[0]
    assert {name for name, _ in record.observed} == {"manager", "state", "last_rotated_at"}
    assert 0 < len(record.exchanges) <= PAPER.exchanges
    exchange = record.exchanges[0]
    assert exchange.id.startswith("OBS-")
    assert exchange.request_id == exchange.id[4:]
    assert len(exchange.sha256) == 64
    assert len(exchange.excerpt) <= PAPER.excerpt + 80
    assert re.fullmatch(r"characters [\d,]+ to [\d,]+ of [\d,]+", exchange.extent)


def test_records_stay_within_their_bound_and_what_has_none_is_counted(material: Material) -> None:
    told = build(planned(material, size=40), replace(PAPER, records=25)).samples
    assert sum(len(drawn.records) for drawn in told.drawn) == 25
    assert told.records_more == told.size - 25


def test_an_observation_that_cannot_be_read_is_named(make_material: Callable[..., Material], tmp_path: Path) -> None:
    damaged = make_material(tmp_path, keys=4, hostile=False, providers=("aws",))
    for path in damaged.observations.rglob("*.gz"):
        path.write_bytes(b"not gzip")
    with pytest.raises(MaterialError, match=r"\.jsonl\.gz cannot be read"):
        build(damaged, PAPER)


@pytest.mark.parametrize(
    ("body", "names", "cut", "extent"),
    [
        ("short", ["short"], "short", ""),
        (
            "a" * 500 + "key/42" + "b" * 500,
            ["key/42"],
            "a" * 25 + "key/42" + "b" * 69,
            "characters 476 to 575 of 1,006",
        ),
        ("x" * 200, ["elsewhere"], "x" * 100, "characters 1 to 100 of 200"),
        ("x" * 200 + "end", ["end"], "x" * 97 + "end", "characters 104 to 203 of 203"),
        ("\x1b\u202e" + "x" * 200, [], "[U+001B][U+202E]" + "x" * 98, "characters 1 to 100 of 202"),
    ],
)
def test_an_excerpt_stands_where_the_answer_names_its_subject(
    body: str, names: list[str], cut: str, extent: str
) -> None:
    assert cut_out(body, names, 100) == (cut, extent)


def test_the_period_is_told_by_its_runs(told: Narrative, factory: ModuleType) -> None:
    period = told.period
    assert [run.id for run in period.runs] == [*factory.PAST_RUNS, told.material.run.id]
    assert [run.whole for run in period.runs] == [True, False, True, False]
    assert [run.days for run in period.runs] == [77, 16, factory.LONGEST_GAP_DAYS, 121]
    assert [run.linked for run in period.runs] == [True, True, False, None]
    assert period.longest is not None
    assert period.longest.days == factory.LONGEST_GAP_DAYS
    assert period.longest_whole is not None
    assert period.longest_whole.days == factory.LONGEST_WHOLE_GAP_DAYS
    assert period.judged is not None
    assert (period.judged.verdict, period.judged.days) == ("fail", "151 to 167")


def test_the_period_is_told_by_what_changed_and_how_long_keys_were_used(told: Narrative) -> None:
    changes = {row.word: row for row in told.period.changes}
    assert {word: row.keys for word, row in changes.items()} == {
        "Created": 2,
        "State changed": 1,
        "Settings changed": 1,
        "Material replaced": 1,
        "Marked for deletion or destroyed": 1,
        "Gone": 1,
    }
    created = changes["Created"]
    assert (created.passed, created.failed, created.awaiting) == (1, 0, 1)
    assert changes["State changed"].failed == 1
    assert changes["Marked for deletion or destroyed"].passed == 1
    assert told.period.unseen.unread == 1
    scopes = told.coverage.total
    assert told.period.compared + told.period.unseen.uncompared == scopes
    days = [int(use.days.split(" to ")[0]) for use in told.period.uses]
    assert days == sorted(days, reverse=True)
    assert any(" to " in use.days for use in told.period.uses)


def test_a_period_without_an_earlier_run_is_one_stretch(make_material: Callable[..., Material], tmp_path: Path) -> None:
    material = make_material(tmp_path, keys=4, providers=("aws",))
    write_empty(material.history)
    period = build(material, PAPER).period
    assert len(period.runs) == 1
    assert period.longest is not None
    assert period.longest.days == 364
    begun_later = material.assessment.model_copy(update={"as_of": datetime(2025, 1, 1, tzinfo=UTC)})
    assert build(replace(material, assessment=begun_later), PAPER).period.longest is None


def test_what_waits_for_people_is_told_apart_from_what_was_not_observed(told: Narrative) -> None:
    waiting = {one.topic: (one.verdicts, one.controls) for one in told.register.awaited}
    assert waiting["policy"] == (1, ("GOV-01",))
    assert waiting["change"][0] == judged(told, "INV-04").result.counts.awaiting
    assert judged(told, "GOV-01").awaits == ("policy",)
    reason = judged(told, "GOV-01").withheld[0]
    assert (reason.kind, reason.error, reason.verdicts) == ("awaits people", "policy", 1)
    assert reason.example.startswith("FND-")


def test_topics_that_have_no_line_are_counted(told: Narrative) -> None:
    few = build(told.material, replace(PAPER, topics=1)).register
    every = told.register.awaited
    assert len(every) > 1
    assert (few.awaited, few.awaited_more) == (every[:1], len(every) - 1)
    assert told.register.awaited_more == 0


def test_what_people_state_stays_within_its_bounds_and_the_rest_is_counted(told: Narrative) -> None:
    assessment = told.material.assessment
    many = {"subjects": [f"subject-{number}" for number in range(9)]}
    refs = [RequirementRef(framework="pci-dss-4.0.1", requirement=f"3.{number}") for number in range(15)]
    exceptions = [one.model_copy(update=many) for one in assessment.exceptions] * 2
    attestations = [one.model_copy(update={**many, "requirements": refs}) for one in assessment.attestations] * 2
    stated = assessment.model_copy(update={"exceptions": exceptions, "attestations": attestations})
    register = build(replace(told.material, assessment=stated), replace(PAPER, register=1)).register
    assert (len(register.exceptions), register.exceptions_more) == (1, len(exceptions) - 1)
    assert (len(register.attestations), register.attestations_more) == (1, len(attestations) - 1)
    assert (len(register.exceptions[0].subjects), register.exceptions[0].subjects_more) == (6, 3)
    (attested,) = register.attestations
    assert (len(attested.subjects), attested.subjects_more) == (6, 3)
    assert (len(attested.requirements), attested.requirements_more) == (12, 3)


def test_topics_and_attestations_that_a_requirement_does_not_name_are_counted(told: Narrative) -> None:
    few = build(told.material, replace(PAPER, awaiting=0, named=0))
    for whole, cut in zip(told.frameworks, few.frameworks, strict=True):
        for one, less in zip(whole.requirements, cut.requirements, strict=True):
            assert (less.attestations, less.attestations_more) == ((), len(one.result.attestations))
            assert [cited.awaits_more for cited in less.cited] == [len(cited.judged.awaits) for cited in one.cited]
    assert any(cited.awaits_more for part in few.frameworks for one in part.requirements for cited in one.cited)


def test_what_is_to_be_done_stands_with_the_first_providers_and_names_the_others(told: Narrative) -> None:
    few, every = (build(told.material, replace(PAPER, remedies=most)) for most in (1, 9))
    for cut, whole in zip(few.controls, every.controls, strict=True):
        assert whole.remedies_more == ()
        assert (*cut.remedies, *cut.remedies_more) == (*whole.remedies[:1], *(name for name, _ in whole.remedies[1:]))
    assert any(control.remedies_more for control in few.controls)


def test_each_requirement_can_be_cited(told: Narrative) -> None:
    for part in told.frameworks:
        for requirement in part.requirements:
            judged_by = [*(cited.judged for cited in requirement.cited), *requirement.cited_more]
            assert {one.anchor for one in judged_by} == {one.anchor for one in requirement.controls}
            for cited in requirement.cited:
                counts = cited.judged.result.counts
                told_of = len(cited.findings) + cited.findings_more
                assert told_of == (0 if cited.gap else counts.failed or counts.inconclusive)
                assert not (cited.gap and counts.failed)
                assert bool(cited.sample) == bool(counts.judged)


def test_the_crosswalk_has_every_control_and_loses_no_requirement(told: Narrative) -> None:
    crosswalk = told.crosswalk
    lines = [line for _, lines in crosswalk.stages for line in lines]
    assert [line.judged.result.id for line in lines] == [control.id for control in told.controls]
    for place, framework in enumerate(crosswalk.frameworks):
        crossings = sum(len(line.cells[place].requirements) + line.cells[place].more for line in lines)
        assert crossings == sum(len(requirement.controls) for requirement in framework.requirements)
    secret = next(line for line in lines if line.judged.result.id == "SEC-02")
    assert [cell.own for cell in secret.cells] == [True, False, False, False, False]
    supported = evidence_for(told.material.assessment.frameworks)
    for line in lines:
        for framework, cell in zip(crosswalk.frameworks, line.cells, strict=True):
            mine = supported[line.judged.result.id, framework.id]
            assert cell.requirements == tuple(one.requirement for one in mine)[: PAPER.crossing]
            assert cell.own == any(one.own for one in mine)
    few = build(told.material, replace(PAPER, frameworks=2)).crosswalk
    assert (len(few.frameworks), few.frameworks_more) == (2, 3)


def test_no_text_of_a_provider_reaches_the_report_unseen_or_endless(told: Narrative, factory: ModuleType) -> None:
    told = build(planned(told.material, size=12), SCREEN)
    parts = [told.chapters, told.gaps, told.coverage, told.collection, told.period, told.samples]
    parts += [told.register.awaited]
    texts = list(_texts(parts))
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
