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
from controls.catalogue import Catalogue, load_catalogue
from controls.views import VIEWS
from evidence.findings import Decided
from evidence.model import KeyType, Rotatable


def _ids(text: str) -> list[str]:
    return text.split()


ROOM = Path(__file__).resolve().parents[2] / "controls"

CONTROLS = _ids(
    "INV-01 INV-02 GOV-01 GEN-01 GEN-02 GEN-03 GEN-05 DST-01 DST-02 DST-04 STO-01 STO-02 STO-04 USE-02 USE-03 USE-04 "
    "USE-06 ROT-01 ROT-02 ROT-03 ROT-04 ROT-07 DES-01 DES-04 SEC-01 SEC-02 SEC-03 SEC-04 ALG-01 ALG-02 "
    "INV-03 GOV-02 GOV-03 GOV-04 GOV-05 DST-03 USE-08 DES-03 SEC-07 CRT-03 PQC-01 EVD-02"
)

PLANNED = _ids(
    "INV-04 GEN-04 STO-03 STO-05 USE-01 USE-05 USE-07 ROT-05 ROT-06 DES-02 SEC-05 SEC-06 CRT-01 CRT-02 ALG-03 PQC-02 "
    "EVD-01 EVD-03"
)
"""Controls that frameworks may name before they are written."""

ASKED_BY_OTHERS = {"GEN-02"}
"""Controls for which none of these frameworks asks: FIPS 140 is asked for by those of United States agencies."""

REQUIREMENTS = {
    "pci-dss-4.0.1": _ids(
        "2.3.2 3.3.2 3.3.3 3.5.1 3.5.1.1 3.5.1.2 3.5.1.3 3.6.1 3.6.1.1 3.6.1.2 3.6.1.3 3.6.1.4 3.7.1 3.7.2 3.7.3 3.7.4 "
        "3.7.5 3.7.6 3.7.7 3.7.8 3.7.9 4.2.1 4.2.1.1 7.2.4 7.2.5.1 8.2.2 8.3.2 8.6.2 8.6.3 10.2.1 10.2.1.2 10.2.1.5 "
        "10.3.2 10.5.1 12.3.1 12.3.3 12.5.1"
    ),
    "soc2": _ids("CC2.1 CC4.1 CC5.2 CC6.1 CC6.2 CC6.3 CC6.5 CC6.6 CC6.7 CC7.1 CC7.2 CC8.1 CC9.2 A1.2 C1.1 C1.2"),
    "iso27001-2022": _ids(
        "A.5.9 A.5.15 A.5.17 A.5.18 A.5.23 A.5.28 A.5.31 A.5.33 A.5.36 A.5.37 A.8.2 A.8.3 A.8.4 A.8.5 A.8.9 A.8.10 "
        "A.8.13 A.8.15 A.8.16 A.8.24 A.8.32"
    ),
    "hipaa": _ids(
        "164.308(a)(1)(ii)(A) 164.308(a)(1)(ii)(D) 164.308(a)(4) 164.308(a)(7)(ii)(A) 164.308(a)(8) 164.310(d)(2)(i) "
        "164.312(a)(1) 164.312(a)(2)(iv) 164.312(b) 164.312(c)(1) 164.312(d) 164.312(e)(1) 164.312(e)(2)(ii) "
        "164.316(b)(1) 164.316(b)(2)(i)"
    ),
    "gdpr": _ids(
        "Art.5(1)(f) Art.5(2) Art.25(1) Art.28(3)(c) Art.32(1)(a) Art.32(1)(b) Art.32(1)(c) Art.32(1)(d) "
        "Art.34(3)(a) Art.46(1)"
    ),
}

AUTHORITIES = ("NIST SP ", "FIPS ", "PCI DSS ", "AWS Security Hub control ", "ISO/IEC ")


def _documents(folder: str) -> dict[str, dict[str, Any]]:
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted((ROOM / folder).glob("*.toml"))}


CATALOG: dict[str, dict[str, Any]] = {
    control["id"]: control for document in _documents("catalog").values() for control in document["control"]
}
FRAMEWORKS = _documents("frameworks")


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
    assert set(CONTROLS) - named == ASKED_BY_OTHERS


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
        assert verdicts == {"pass", "fail", "inconclusive", "not_applicable"}, control_id


DUCKDB_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "list of string": "VARCHAR[]",
}
FACTS = {column.name: DUCKDB_TYPES[column.type] for view in VIEWS.values() for column in view.columns.values()}
"""Columns of the tables and views that controls are about."""


@cache
def _sql() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")  # a day before is a day of UTC, not of the machine's summer time
    return connection


def _value(value: Any) -> Any:
    """A text that is a date is the time at which that day begins."""
    is_day = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if is_day else value


def _verdict(control: dict[str, Any], row: dict[str, Any]) -> str:
    """The verdict by nothing but SQL's three values, so that an error of the engine cannot hide one of the content."""
    values = {name: _value(parameter["value"]) for name, parameter in control.get("parameters", {}).items()} | {
        "as_of": datetime(2026, 6, 30, tzinfo=UTC)
    }
    expressions = re.sub(
        r"\$(\w+)",
        lambda name: f"${name[1]}::VARCHAR[]" if isinstance(values[name[1]], list) else name[0],
        f"({control['population']}), ({control['test']})",
    )
    facts = ", ".join(f"$row_{name}::{kind} AS {name}" for name, kind in FACTS.items())
    asked = {f"row_{name}": row.get(name) for name in FACTS} | {
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
        assert _verdict(control, example["row"]) == example["verdict"], example["row"]


@pytest.mark.parametrize("control_id", CONTROLS)
def test_knowing_less_withholds_a_verdict_and_never_turns_it(control_id: str) -> None:
    control = CATALOG[control_id]
    for example in control["examples"]:
        for fact in example["row"]:
            less = {name: value for name, value in example["row"].items() if name != fact}
            assert _verdict(control, less) in (example["verdict"], "inconclusive"), f"without {fact}: {example['row']}"


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
