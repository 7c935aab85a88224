"""Frameworks about some kinds of source alone: what they judge, what they leave to others, and what stays unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from controls.catalogue import Catalogue, CatalogueError
from evidence.model import Row

CONTROL = """
[[control]]
id = "ACME-01"
title = "Keys cannot be extracted"
stage = "storage"
severity = "low"
meaning = "A pass shows that. It does not show more."
over = "key"
population = "manager = 'customer'"
test = "NOT extractable"
population_words = "Customer-managed keys"
test_words = "It cannot be extracted"
remediation = { aws = "Create another.", azure = "Create another.", gcp = "Create another." }
examples = [
    { verdict = "pass", row = { manager = "customer", extractable = false } },
    { verdict = "fail", row = { manager = "customer", extractable = true } },
    { verdict = "inconclusive", row = { manager = "customer" } },
    { verdict = "not_applicable", row = { manager = "provider" } },
]
"""

FRAMEWORK = """
id = "cloud-1"
name = "Rules of one cloud"
edition = "1"
note = "n"
about = ["azure"]

[[requirement]]
id = "1"
text = "Keep keys where they are."
decided = "automatically"
metadata = "Whether keys can be extracted"
remains = ""
controls = ["ACME-01"]
"""

EVERYWHERE = FRAMEWORK.replace("cloud-1", "all-1").replace('about = ["azure"]\n', "")


def _catalogue(framework: str = FRAMEWORK) -> Catalogue:
    documents = {
        "catalog/acme.toml": CONTROL,
        "frameworks/cloud.toml": framework,
        "frameworks/all.toml": EVERYWHERE,
    }
    return Catalogue.from_documents(documents)


Judge = Callable[[Sequence[Row]], Any]


@pytest.fixture
def judge(tmp_path: Path, estate: ModuleType) -> Judge:
    """Assess rows by both frameworks."""
    return lambda rows: estate.judge(tmp_path, _catalogue(), rows, frameworks=["cloud-1", "all-1"])


def _key(estate: ModuleType, provider: str | None, number: int = 1, **facts: Any) -> tuple[Row, Row]:
    """A key and its scope, of an account of its own."""
    account = f"{number:012}"
    return estate.scope(account, provider=provider), estate.key(number, account, **facts)


def _result(judged: Any, variant: str) -> Any:
    (result,) = [result for result in judged.assessment.controls if result.variant == variant]
    return result


def test_it_judges_the_rows_of_its_own_kinds_of_source_and_no_others(estate: ModuleType, judge: Judge) -> None:
    azure, aws = _key(estate, "azure", 1, extractable=False), _key(estate, "aws", 2, extractable=True)
    judged = judge([*azure, *aws])
    assert [finding["subject"] for finding in judged.of("ACME-01", variant="cloud-1")] == [azure[1].id]
    assert {finding["subject"] for finding in judged.of("ACME-01")} == {azure[1].id, aws[1].id}
    assert judged.status("cloud-1", "1") == "supported"
    assert judged.status("all-1", "1") == "not_supported"
    assert _result(judged, "cloud-1").counts.judged == 1


def test_what_was_refused_elsewhere_leaves_it_complete(estate: ModuleType, judge: Judge) -> None:
    azure, aws = _key(estate, "azure", 1), _key(estate, "aws", 2)
    judged = judge([*azure, *aws, estate.rows_gap(aws[0].id, "key")])
    assert _result(judged, "cloud-1").population_complete
    assert not _result(judged, "default").population_complete
    assert judged.status("cloud-1", "1") == "supported"
    assert judged.status("all-1", "1") == "inconclusive"


def test_what_was_refused_in_its_own_sources_leaves_it_open(estate: ModuleType, judge: Judge) -> None:
    azure = _key(estate, "azure")
    judged = judge([*azure, estate.rows_gap(azure[0].id, "key")])
    assert not _result(judged, "cloud-1").population_complete
    assert judged.status("cloud-1", "1") == "inconclusive"


@pytest.mark.parametrize(("manager", "verdict"), [("customer", "inconclusive"), ("provider", "not_applicable")])
def test_a_row_of_nobody_knows_which_kind_of_source_is_open_unless_the_population_leaves_it_out(
    estate: ModuleType, judge: Judge, manager: str, verdict: str
) -> None:
    scope, key = _key(estate, None, manager=manager, extractable=True)
    gap, beside = estate.column_gap(scope, "provider"), estate.column_gap(scope, "account_name")
    judged = judge([scope, key, gap, beside])
    (finding,) = judged.of("ACME-01", variant="cloud-1")
    assert finding["verdict"] == verdict
    assert finding["missing"] == ([gap.id] if verdict == "inconclusive" else [])


def test_rows_missing_in_a_scope_of_unknown_kind_may_be_its_own(estate: ModuleType, judge: Judge) -> None:
    scope, key = _key(estate, None)
    judged = judge([scope, key, *_key(estate, "azure", 2), estate.rows_gap(scope.id, "key")])
    assert not _result(judged, "cloud-1").population_complete


def test_without_a_source_of_its_kind_nothing_was_found_to_judge(estate: ModuleType, judge: Judge) -> None:
    judged = judge(_key(estate, "aws", extractable=False))
    (result,) = judged.assessment.frameworks[0].requirements
    assert result.status == "inconclusive"
    assert "the inventory has no row of key from sources of the kind azure" in result.reason


def test_its_failures_are_findings_beside_those_of_all(tmp_path: Path, estate: ModuleType) -> None:
    rows = _key(estate, "azure", extractable=True)
    judged = estate.judge(tmp_path, _catalogue(), rows, frameworks=["cloud-1"])
    assert judged.status("cloud-1", "1") == "not_supported"
    assert {finding["variant"] for finding in judged.findings} == {"default", "cloud-1"}
    assert len({finding["id"] for finding in judged.findings}) == 2, "each verdict is cited by an id of its own"


def test_the_result_says_whose_rows_it_judged(estate: ModuleType, judge: Judge) -> None:
    judged = judge(_key(estate, "azure"))
    result = _result(judged, "cloud-1")
    assert result.population == "(manager = 'customer') AND provider IN ('azure')"
    assert result.population_words == "Customer-managed keys; from sources of the kind azure alone"
    assert [(ref.framework, ref.requirement) for ref in result.requirements] == [("cloud-1", "1")]
    assert [(ref.framework, ref.requirement) for ref in _result(judged, "default").requirements] == [("all-1", "1")]


def test_it_leaves_a_control_that_it_does_not_name_to_the_catalogue(tmp_path: Path, estate: ModuleType) -> None:
    catalogue = _catalogue(FRAMEWORK.replace('"ACME-01"', '"LATER-02"'))
    judged = estate.judge(tmp_path, catalogue, _key(estate, "azure"), frameworks=["cloud-1"])
    assert {result.variant for result in judged.assessment.controls} == {"default"}


def test_scopes_are_rows_that_it_judges_as_well(tmp_path: Path, estate: ModuleType) -> None:
    control = CONTROL.replace('over = "key"', 'over = "scope"').replace("manager = 'customer'", "asked")
    control = control.replace("NOT extractable", "complete").replace("manager = ", "asked = ")
    control = control.replace('asked = "customer"', "asked = true").replace('asked = "provider"', "asked = false")
    control = control.replace("extractable = false", "complete = true").replace(
        "extractable = true", "complete = false"
    )
    catalogue = Catalogue.from_documents({"catalog/acme.toml": control, "frameworks/cloud.toml": FRAMEWORK})
    azure, aws = estate.scope("1", provider="azure"), estate.scope("2", provider="aws", complete=False)
    unknown = estate.scope("3", provider=None)
    gap = estate.column_gap(unknown, "provider")
    judged = estate.judge(tmp_path, catalogue, [azure, aws, unknown, gap], frameworks=["cloud-1"])
    findings = {f["subject"]: (f["verdict"], f["missing"]) for f in judged.of("ACME-01", variant="cloud-1")}
    assert findings == {azure.id: ("pass", []), unknown.id: ("inconclusive", [gap.id])}


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ('["azur"]', 'about: no control knows this kind of source; did you mean "azure"?'),
        ('["azure", "azure"]', "two entries of about have the id 'azure'"),
        ('"azure"', "about: "),
    ],
)
def test_kinds_of_source_that_there_are_not_are_refused(about: str, why: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        _catalogue(FRAMEWORK.replace('["azure"]', about))
    assert "frameworks/cloud.toml: " in str(refused.value)
    assert why in str(refused.value)


def test_it_is_judged_apart_with_or_without_parameters_of_its_own() -> None:
    catalogue = _catalogue()
    assert catalogue.frameworks["cloud-1"].judges_apart("ACME-01")
    assert not catalogue.frameworks["cloud-1"].judges_apart("ACME-02")
    assert not catalogue.frameworks["all-1"].judges_apart("ACME-01")
    assert not replace(catalogue.frameworks["cloud-1"], about=()).judges_apart("ACME-01")


def test_what_comes_from_no_source_is_judged_for_it_as_for_all(
    tmp_path: Path, estate: ModuleType, catalogue: Catalogue
) -> None:
    framework = _catalogue(FRAMEWORK.replace('"ACME-01"', '"GOV-01"')).frameworks["cloud-1"]
    policy = replace(catalogue, controls={"GOV-01": catalogue.controls["GOV-01"]}, frameworks={"cloud-1": framework})
    judged = estate.judge(tmp_path, policy, _key(estate, "aws"), frameworks=["cloud-1"])
    verdicts = {finding["subject"]: finding["verdict"] for finding in judged.of("GOV-01")}
    assert "inconclusive" in verdicts.values(), "nobody attests a policy"
    assert {f["subject"]: f["verdict"] for f in judged.of("GOV-01", variant="cloud-1")} == verdicts
    assert _result(judged, "cloud-1").population == catalogue.controls["GOV-01"].population
