"""What the built-in catalogue and frameworks say, beyond being well formed."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from collectors.registry import SOURCES
from controls.catalogue import EXAMPLE_MOMENTS, Catalogue, load_catalogue
from controls.predicate import MACROS, SQL_TYPES
from controls.views import VIEWS
from evidence.findings import Decided
from evidence.model import KeyType, Rotatable


def _ids(text: str) -> list[str]:
    return text.split()


ROOM = Path(__file__).resolve().parents[2] / "controls"

CONTROLS = _ids(
    "INV-01 INV-02 INV-03 INV-04 GOV-01 GOV-02 GOV-03 GOV-04 GOV-05 GEN-01 GEN-02 GEN-03 GEN-04 GEN-05 DST-01 DST-02 "
    "DST-03 DST-04 STO-01 STO-02 STO-03 STO-04 STO-05 USE-01 USE-02 USE-03 USE-04 USE-05 USE-06 USE-07 USE-08 ROT-01 "
    "ROT-02 ROT-03 ROT-04 ROT-05 ROT-06 ROT-07 DES-01 DES-02 DES-03 DES-04 SEC-01 SEC-02 SEC-03 SEC-04 SEC-05 SEC-06 "
    "SEC-07 CRT-01 CRT-02 CRT-03 ALG-01 ALG-02 ALG-03 PQC-01 PQC-02 EVD-01 EVD-02 EVD-03"
)

PLANNED: list[str] = []
"""Controls that frameworks may name before they are written."""

REQUIREMENTS = {
    "pci-dss-4.0.1": _ids(
        "2.3.2 3.3.2 3.3.3 3.5.1 3.5.1.1 3.5.1.2 3.5.1.3 3.6.1 3.6.1.1 3.6.1.2 3.6.1.3 3.6.1.4 3.7.1 3.7.2 3.7.3 3.7.4 "
        "3.7.5 3.7.6 3.7.7 3.7.8 3.7.9 4.2.1 4.2.1.1 7.2.4 7.2.5.1 8.2.2 8.3.2 8.6.2 8.6.3 10.2.1 10.2.1.2 10.2.1.5 "
        "10.3.2 10.5.1 12.3.1 12.3.3 12.5.1"
    ),
    "soc2": _ids(
        "CC2.1 CC4.1 CC5.2 CC6.1 CC6.2 CC6.3 CC6.5 CC6.6 CC6.7 CC7.1 CC7.2 CC7.4 CC8.1 CC9.2 A1.2 A1.3 C1.1 C1.2"
    ),
    "iso27001-2022": _ids(
        "A.5.3 A.5.9 A.5.15 A.5.17 A.5.18 A.5.23 A.5.26 A.5.28 A.5.30 A.5.31 A.5.33 A.5.36 A.5.37 A.8.2 A.8.3 A.8.4 "
        "A.8.5 A.8.9 A.8.10 A.8.13 A.8.15 A.8.16 A.8.20 A.8.24 A.8.31 A.8.32"
    ),
    "hipaa": _ids(
        "164.308(a)(1)(ii)(A) 164.308(a)(1)(ii)(D) 164.308(a)(3)(ii)(C) 164.308(a)(4) 164.308(a)(5)(ii)(D) "
        "164.308(a)(6)(ii) 164.308(a)(7)(ii)(A) 164.308(a)(7)(ii)(D) 164.308(a)(8) 164.310(d)(2)(i) "
        "164.312(a)(1) 164.312(a)(2)(iv) 164.312(b) 164.312(c)(1) 164.312(d) 164.312(e)(1) 164.312(e)(2)(ii) "
        "164.316(b)(1) 164.316(b)(2)(i)"
    ),
    "gdpr": _ids(
        "Art.5(1)(f) Art.5(2) Art.25(1) Art.28(3)(c) Art.32(1)(a) Art.32(1)(b) Art.32(1)(c) Art.32(1)(d) "
        "Art.34(3)(a) Art.46(1)"
    ),
    "cis-aws-7.0.0": _ids("2.4 2.11 2.12 2.17 2.21 3.2.1 3.3.1 4.5 4.6 5.7 6.1.1"),
    "cis-azure-6.0.0": _ids(
        "2.1.8 6.1.1.3 6.1.1.4 8.3.1 8.3.2 8.3.3 8.3.4 8.3.5 8.3.6 8.3.7 8.3.8 8.3.9 8.3.10 8.3.11 9.3.1.1 9.3.1.2 "
        "9.3.1.3"
    ),
    "cis-gcp-5.0.0": _ids("1.5 1.8 1.10 1.11 1.12 1.13 1.14 1.15 1.16 1.18 2.1 4.7 7.2 7.3 8.1"),
    "dora": _ids(
        "Art.9(4)(d) RTS-6(1) RTS-6(2) RTS-6(3) RTS-6(4) RTS-6(5) RTS-7(1) RTS-7(2) RTS-7(3) RTS-7(4) RTS-7(5) "
        "RTS-12(2) RTS-21(1)(a) RTS-21(1)(b)"
    ),
    "nis2": _ids(
        "Art.21(2)(h) IR-9.1 IR-9.2(a) IR-9.2(b) IR-9.2(c)(i) IR-9.2(c)(ii) IR-9.2(c)(iii) IR-9.2(c)(iv) IR-9.2(c)(v) "
        "IR-9.2(c)(vi) IR-9.2(c)(vii) IR-9.2(c)(viii) IR-9.2(c)(ix) IR-9.2(c)(x) IR-9.2(c)(xi) IR-9.2(c)(xii) IR-9.3"
    ),
    "nist-800-53r5": _ids(
        "AC-2(3) AC-3 AC-5 AC-6 AC-6(7) AU-2 AU-9(3) AU-11 AU-12 CA-7 CM-3 CM-3(6) CM-8 CM-8(2) CM-8(3) CM-8(4) CP-4 "
        "CP-9 CP-9(8) IA-5 IA-5(2) IA-5(6) IA-5(7) IA-7 MP-6 PL-4 PS-4 RA-7 SA-9(5) SA-9(6) SC-1 SC-7 SC-8(1) SC-12 "
        "SC-12(1) SC-12(2) SC-12(3) SC-12(6) SC-13 SC-17 SC-28 SC-28(1) SC-28(3) SI-4"
    ),
    "nist-800-171": _ids(
        "3.1.1 3.1.2 3.1.4 3.1.5 3.1.7 3.3.1 3.4.1 3.4.3 3.5.2 3.5.10 3.8.3 3.8.9 3.9.2 3.11.1 3.12.1 3.12.2 3.12.3 "
        "3.13.1 3.13.8 3.13.10 3.13.11 3.13.16 3.14.6 03.05.12 03.15.01"
    ),
    "csa-ccm": _ids(
        "CEK-01 CEK-02 CEK-03 CEK-04 CEK-05 CEK-06 CEK-07 CEK-08 CEK-09 CEK-10 CEK-11 CEK-12 CEK-13 CEK-14 CEK-15 "
        "CEK-16 CEK-17 CEK-18 CEK-19 CEK-20 CEK-21 DSP-19 GRC-04 IAM-04 IAM-05 IAM-08 IAM-14 LOG-02 LOG-11 LOG-12"
    ),
    "fedramp-20x": _ids(
        "CMU-CSO-CMD CMU-CSO-UVM KSI-CMT-LMC KSI-CNA-MAT KSI-CNA-RNT KSI-IAM-ELP KSI-IAM-JIT KSI-IAM-SNU KSI-MLA-EVC "
        "KSI-MLA-LET KSI-PIY-GIV KSI-RPL-ABO KSI-RPL-TRC KSI-SVC-ACM KSI-SVC-ASM KSI-SVC-SIN"
    ),
    "algorithm-transitions": _ids(
        "SP800-131Ar2.strength SP800-131Ar2.algorithms SP800-131Ar3-draft IR8547-draft.2030 IR8547-draft.2035 "
        "EO-2026-06-22.establishment EO-2026-06-22.signatures EO-2026-06-22.inventory FIPS-140-3 "
        "SP800-57pt1r5.purpose SP800-57pt1r5.cryptoperiod SP800-57pt1r5.recipient-usage SP800-57pt1r5.key-protection "
        "CABF-SC-081v3"
    ),
    "cnsa-2.0": _ids("CNSA2.algorithms CNSA2.code-signing CNSA2.2027-01-01 CNSA2.2030-12-31 CNSA2.2031-12-31"),
}

ABOUT = {"cis-aws-7.0.0": ["aws"], "cis-azure-6.0.0": ["azure"], "cis-gcp-5.0.0": ["gcp"]}
"""Framework → the kinds of source that it is about; any other is about all."""

AUTHORITIES = ("NIST SP ", "FIPS ", "PCI DSS ", "AWS Security Hub control ", "ISO/IEC ", "CA/Browser Forum ")


def _documents(folder: str) -> dict[str, dict[str, Any]]:
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted((ROOM / folder).glob("*.toml"))}


CATALOG: dict[str, dict[str, Any]] = {
    control["id"]: control for document in _documents("catalog").values() for control in document["control"]
}
FRAMEWORKS = _documents("frameworks")

BUILT_IN = load_catalogue()
for _table, _parameters in (  # what a parameter refers to, as auditors read it
    *((CATALOG[control.id], control.parameters) for control in BUILT_IN.controls.values()),
    *(
        (FRAMEWORKS[framework.id]["parameters"][control], parameters)
        for framework in BUILT_IN.frameworks.values()
        for control, parameters in framework.parameters.items()
    ),
):
    _resolved = {
        name: {"value": parameter.value, "source": parameter.source} for name, parameter in _parameters.items()
    }
    if "id" in _table:
        _table["parameters"] = _resolved
    else:
        _table |= _resolved


def _prose() -> dict[str, str]:
    """Every sentence that an auditor reads, by where it stands."""
    said: dict[str, str] = {}
    for control_id, control in CATALOG.items():
        for key in ("title", "meaning", "population_words", "test_words"):
            said[f"{control_id} {key}"] = control[key]
        for provider, step in control["remediation"].items():
            said[f"{control_id} remediation {provider}"] = step
        for name, parameter in control.get("parameters", {}).items():
            said[f"{control_id} {name}"] = parameter["source"]
    for framework_id, framework in FRAMEWORKS.items():
        said[f"{framework_id} note"] = framework["note"]
        for requirement in framework["requirement"]:
            for key in ("text", "metadata", "remains"):
                said[f"{framework_id} {requirement['id']} {key}"] = requirement[key]
    return said


def _literals(expression: str) -> dict[str, set[str]]:
    """Column → the texts that an expression compares it with."""
    found: dict[str, set[str]] = {}
    for match in re.finditer(r"(\w+)\s*(?:=|<>|IN)\s*(\((?:\s*'[^']*'\s*,?)+\)|'[^']*')", expression):
        found.setdefault(match[1], set()).update(re.findall(r"'([^']*)'", match[2]))
    return found


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_the_catalogue_holds_exactly_these_controls(catalogue: Catalogue) -> None:
    assert set(catalogue.controls) == set(CONTROLS)


def test_each_stage_has_its_own_file() -> None:
    for stage, document in _documents("catalog").items():
        assert {control["stage"] for control in document["control"]} == {stage}


@pytest.mark.parametrize("framework", REQUIREMENTS)
def test_a_framework_holds_every_requirement_in_its_own_order(catalogue: Catalogue, framework: str) -> None:
    assert [requirement.id for requirement in catalogue.frameworks[framework].requirements] == REQUIREMENTS[framework]


def test_there_is_no_framework_beyond_these(catalogue: Catalogue) -> None:
    assert set(catalogue.frameworks) == set(REQUIREMENTS)


def test_no_two_requirements_are_paraphrased_alike() -> None:
    texts = Counter(r["text"].casefold() for framework in FRAMEWORKS.values() for r in framework["requirement"])
    assert [text for text, count in texts.items() if count > 1] == []


def test_a_paraphrase_is_one_line() -> None:
    for framework in FRAMEWORKS.values():
        for requirement in framework["requirement"]:
            assert "\n" not in requirement["text"]
            assert 20 < len(requirement["text"]) <= 180, requirement["id"]


def test_every_control_is_evidence_for_some_requirement() -> None:
    named = {c for framework in FRAMEWORKS.values() for r in framework["requirement"] for c in r["controls"]}
    assert {*CONTROLS, *PLANNED} - named == set()


def test_every_requirement_has_a_control_or_says_what_stays_for_people() -> None:
    for framework_id, framework in FRAMEWORKS.items():
        for requirement in framework["requirement"]:
            assert requirement["controls"] or requirement["remains"], f"{framework_id} {requirement['id']}"


def test_a_benchmark_of_one_cloud_is_about_its_sources_alone() -> None:
    assert {name: f["about"] for name, f in FRAMEWORKS.items() if f.get("about")} == ABOUT
    assert {kind for kinds in ABOUT.values() for kind in kinds} <= set(SOURCES)


def test_frameworks_name_only_controls_that_exist_or_are_planned() -> None:
    named = {c for framework in FRAMEWORKS.values() for r in framework["requirement"] for c in r["controls"]}
    assert named - set(CONTROLS) - set(PLANNED) == set()


def test_what_people_decide_rests_on_what_they_attest_and_what_metadata_decides_on_some_control() -> None:
    attested = {control.id for control in load_catalogue().controls.values() if control.decided is Decided.MANUALLY}
    for framework in FRAMEWORKS.values():
        for requirement in framework["requirement"]:
            judged = set(requirement["controls"]) & set(CONTROLS)
            if requirement["decided"] == "manually":
                assert judged <= attested, requirement["id"]
                assert requirement["metadata"] == ""
            else:
                assert requirement["controls"], requirement["id"]
                assert requirement["metadata"]
            if requirement["decided"] != "automatically":
                assert requirement["remains"], requirement["id"]


def test_each_note_leaves_the_judgment_to_people() -> None:
    for framework in FRAMEWORKS.values():
        assert "judgment and never says" in framework["note"]


def test_every_parameter_names_who_sets_its_value() -> None:
    parameters = [
        (control_id, name, parameter)
        for control_id, control in CATALOG.items()
        for name, parameter in control.get("parameters", {}).items()
    ]
    assert parameters
    for control_id, name, parameter in parameters:
        source = parameter["source"]
        assert source.startswith(AUTHORITIES) or (
            source.startswith("keyproof default: ") and "set by the organization" in source
        ), f"{control_id} {name}"


def test_a_frameworks_own_parameters_exist_and_cite_it() -> None:
    for framework in FRAMEWORKS.values():
        supporting = {c for r in framework["requirement"] for c in r["controls"]}
        for control_id, parameters in framework.get("parameters", {}).items():
            assert control_id in supporting
            for name, parameter in parameters.items():
                own = CATALOG[control_id]["parameters"][name]
                assert type(parameter["value"]) is type(own["value"])
                assert parameter["source"].startswith(framework["name"].removesuffix(" Annex A"))


def test_the_words_mention_every_parameter_and_nothing_is_set_in_vain() -> None:
    for control_id, control in CATALOG.items():
        expressions = control["population"] + control["test"]
        words = control["population_words"] + control["test_words"]
        for name in control.get("parameters", {}):
            assert re.search(rf"\${name}\b", expressions), f"{control_id} does not use {name}"
            assert re.search(rf"\b{name}\b", words), f"{control_id} does not say what {name} is"


def test_every_control_has_an_example_of_each_verdict() -> None:
    for control_id, control in CATALOG.items():
        verdicts = {example["verdict"] for example in control["examples"]}
        never = {"not_applicable"} if control["population"] == "true" else set()
        assert verdicts == {"pass", "fail", "inconclusive", "not_applicable"} - never, control_id


DUCKDB_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "list of string": "VARCHAR[]",
    "range of integers": SQL_TYPES["range of integers"],
}
FACTS = {column.name: DUCKDB_TYPES[column.type] for view in VIEWS.values() for column in view.columns.values()}
"""Columns of the tables and views that controls are about."""


@cache
def _sql() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")  # a day before is a day of UTC, not of the machine's summer time
    for macro in MACROS:
        connection.execute(macro)
    return connection


def _value(value: Any) -> Any:
    """A text that is a date is the time at which that day begins."""
    is_day = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if is_day else value


def _verdict(control: dict[str, Any], row: dict[str, Any], given: dict[str, Any]) -> str:
    """The verdict by nothing but SQL's three values, so that an error of the engine cannot hide one of the content.

    `given` are parameters of the example.
    """
    values = {name: _value(parameter["value"]) for name, parameter in control.get("parameters", {}).items()}
    values |= EXAMPLE_MOMENTS | given
    expressions = re.sub(
        r"\$(\w+)",
        lambda name: f"${name[1]}::VARCHAR[]" if isinstance(values[name[1]], list) else name[0],
        f"({control['population']}), ({control['test']})",
    )
    facts = ", ".join(f"$row_{name}::{kind} AS {name}" for name, kind in FACTS.items())
    bounded = {name: {"at_most": None, **value} if isinstance(value, dict) else value for name, value in row.items()}
    asked = {f"row_{name}": bounded.get(name) for name in FACTS} | {
        name: value for name, value in values.items() if f"${name}" in expressions
    }
    answer = _sql().execute(f"SELECT {expressions} FROM (SELECT {facts})", asked).fetchone()
    assert answer is not None
    population, test = answer
    if population is False:
        return "not_applicable"
    if population is None or test is None:
        return "inconclusive"
    return "pass" if test else "fail"


@pytest.mark.parametrize("control_id", CONTROLS)
def test_every_example_has_its_verdict(control_id: str) -> None:
    control = CATALOG[control_id]
    for example in control["examples"]:
        assert set(example["row"]) <= set(FACTS)
        verdict = _verdict(control, example["row"], example.get("parameters", {}))
        assert verdict == example["verdict"], example["row"]


@pytest.mark.parametrize("control_id", CONTROLS)
def test_knowing_less_withholds_a_verdict_and_never_turns_it(control_id: str) -> None:
    control = CATALOG[control_id]
    for example in control["examples"]:
        for fact in example["row"]:
            less = {name: value for name, value in example["row"].items() if name != fact}
            verdict = _verdict(control, less, example.get("parameters", {}))
            assert verdict in (example["verdict"], "inconclusive"), f"without {fact}: {example['row']}"


def test_expressions_and_examples_use_only_values_that_exist() -> None:
    for control_id, control in CATALOG.items():
        enumerated = {c.name: set(c.values) for c in VIEWS[control["over"]].columns.values() if c.values}
        for expression in (control["population"], control["test"]):
            for column, texts in _literals(expression).items():
                assert texts <= enumerated.get(column, texts), f"{control_id} {column}"
        for example in control["examples"]:
            for column, value in example["row"].items():
                if column in enumerated:
                    values = set(value) if isinstance(value, list) else {value}
                    assert values <= enumerated[column], f"{control_id} {column}"


@pytest.mark.parametrize("control_id", ["ROT-02", "ROT-07"])
def test_every_type_of_key_has_a_cryptoperiod_or_is_left_out_by_name(control_id: str) -> None:
    control = CATALOG[control_id]
    judged = _literals(control["population"])["key_type"]
    assert judged == set(KeyType) - {KeyType.PUBLIC_SIGNATURE_VERIFICATION}
    assert _literals(control["test"])["key_type"] == judged
    assert "except public keys that only verify signatures" in control["population_words"]


def test_the_cryptoperiods_of_today_and_of_the_period_are_the_same() -> None:
    of_the_period = dict(CATALOG["ROT-07"]["parameters"])
    of_the_period.pop("grace_days")
    assert of_the_period == CATALOG["ROT-02"]["parameters"]


@pytest.mark.parametrize("control_id", ["ROT-02", "ROT-07"])
def test_a_cryptoperiod_is_that_of_each_type_of_key_that_it_judges(control_id: str) -> None:
    (raw,) = [c for c in _documents("catalog")["rotation"]["control"] if c["id"] == control_id]
    of_types = re.findall(r"key_type (?:IN \(([^)]*)\)|= ('[^']*'))\s*AND.*?\$(max_\w+)", raw["test"], re.DOTALL)
    judged = {name: set(re.findall(r"'([^']*)'", several or one)) for several, one, name in of_types}
    assert judged
    assert {name: set(p["entries"]) for name, p in raw["parameters"].items() if "entries" in p} == judged


def test_a_date_of_a_draft_is_marked_as_one() -> None:
    drafts = {
        f"{control_id} {name}"
        for control_id, control in CATALOG.items()
        for name, parameter in control["parameters"].items()
        if "draft" in parameter["source"]
    }
    assert drafts == {"ALG-03 last_day", "ALG-03 min_security_bits"}
    assert "drafts" in CATALOG["ALG-03"]["meaning"]


def test_no_key_fails_for_a_rotation_that_its_store_cannot_do() -> None:
    verdicts: dict[str, set[str]] = {}
    for example in CATALOG["ROT-01"]["examples"]:
        if "rotatable_reason" in example["row"]:
            verdicts.setdefault(example["row"]["rotatable_reason"], set()).add(example["verdict"])
    assert verdicts.pop(Rotatable.YES) == {"pass", "fail", "inconclusive"}
    assert verdicts == {reason: {"not_applicable"} for reason in Rotatable if reason is not Rotatable.YES}


def test_every_control_says_what_a_pass_shows_and_what_it_does_not() -> None:
    limits = re.compile(r"\b(does not|do not|not shown|not seen|not covered|not what|not by|nothing|can still)\b")
    for control_id, control in CATALOG.items():
        sentences = re.split(r"(?<=[.])\s(?=[A-Z])", control["meaning"])
        assert "pass shows" in sentences[0], control_id
        assert 2 <= len(sentences) <= 5, control_id
        assert any(limits.search(sentence) for sentence in sentences), control_id


KMIP_OPERATIONS = [
    *_ids("Create Register Re-key Archive Revoke Destroy Query Get Encrypt Decrypt Sign"),
    *("Create Key Pair", "Re-key Key Pair", "Get Attributes", "Add Attribute", "Modify Attribute", "Set Attribute"),
]
COMMANDS = {
    "aws": ("aws ", "keyproof "),
    "azure": ("az ", "keyproof "),
    "gcp": ("gcloud ", "keyproof "),
    "pkcs11": ("pkcs11-tool ", "keyproof "),
    "kmip": (*KMIP_OPERATIONS, "keyproof "),
    "vault": ("vault ", "bao ", "keyproof "),
}
"""Kind of source → how the commands begin that its next steps name. No control does without one of them: where a
provider cannot have the failure, the text says so and what to do about the store that can. KMIP has no command of its
own: its clients differ, and the operations that they send are those of the standard."""


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_control_has_a_next_step_for_every_kind_of_source(kind: str) -> None:
    for control_id, control in CATALOG.items():
        step = control["remediation"][kind]
        commands = re.findall(r"`([^`]+)`", step)
        assert step.count("`") == 2 * len(commands), f"{control_id} {kind}: a backtick without its other"
        assert any(command.startswith(COMMANDS[kind]) for command in commands), f"{control_id} {kind}"
        others = tuple(start for other in COMMANDS if other not in (kind, "kmip") for start in COMMANDS[other][:1])
        assert not [command for command in commands if command.startswith(others)], f"{control_id} {kind}"
        assert step.endswith("."), f"{control_id} {kind}"


def test_a_next_step_for_kmip_names_operations_of_the_standard() -> None:
    for control_id, control in CATALOG.items():
        commands = re.findall(r"`([^`]+)`", control["remediation"]["kmip"])
        odd = [c for c in commands if c not in KMIP_OPERATIONS and not c.startswith("keyproof ")]
        assert set(odd) <= set(control.get("parameters", {})), control_id


def test_a_next_step_is_for_a_kind_of_source_that_there_is() -> None:
    named = {kind for control in CATALOG.values() for kind in control["remediation"]}
    assert named == set(COMMANDS)
    assert set(SOURCES) <= named


def test_what_one_provider_alone_does_is_told_of_it_by_name() -> None:
    """A reader of another cloud must not take a limit of one provider's answers for one of the control."""
    for control_id in ("DES-01", "DES-04", "USE-06", "SEC-03"):
        assert "Azure" in CATALOG[control_id]["meaning"], control_id
        assert "Google" in CATALOG[control_id]["meaning"], control_id


def test_no_location_that_stands_for_several_regions_is_a_region_of_a_provider() -> None:
    several = CATALOG["DST-04"]["parameters"]["multi_regions"]["value"]
    assert len(several) == len(set(several))
    assert not {"us-east-1", "eu-west-1", "europe-west3", "us-central1", "westeurope", "eastus"} & set(several)


def test_nothing_promises_more_than_evidence_can() -> None:
    promises = re.compile(r"complian|ensur|guarantee|certif(y|ies)|fully secure|best.in.class|seamless", re.IGNORECASE)
    said = {where: text for where, text in _prose().items() if not where.startswith("iso27001-2022 A.5.36")}
    assert {where: text for where, text in said.items() if promises.search(text)} == {}


def test_prose_is_in_american_english() -> None:
    british = re.compile(
        r"[a-z]isation|(?<!prom)(?<!exerc)ised\b|organis|behaviour|judgement|licence|defence|\bcentre", re.IGNORECASE
    )
    assert {where: text for where, text in _prose().items() if british.search(text)} == {}
    assert british.search("an organisation's judgement")


def test_prose_has_no_stray_space_or_line_break() -> None:
    for where, text in _prose().items():
        assert text == " ".join(text.split()), where
