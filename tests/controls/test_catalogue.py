"""The loader: what it reads, and how it refuses what it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest

from controls.catalogue import Catalogue, CatalogueError, load_catalogue
from evidence.findings import Stage

CONTROL = """
[[control]]
id = "ACME-01"
title = "Keys are named"
stage = "inventory"
severity = "low"
meaning = "A pass shows a name. It does not show more."
over = "key"
population = "manager = 'customer'"
test = "len(name) >= $min_length"
population_words = "Customer-managed keys"
test_words = "The name has min_length characters"
remediation = { aws = "Name it." }
examples = [
    { verdict = "pass", row = { manager = "customer", name = "payments" } },
    { verdict = "fail", row = { manager = "customer", name = "" } },
    { verdict = "inconclusive", row = { manager = "customer" } },
    { verdict = "not_applicable", row = { manager = "provider" } },
]
[control.parameters]
min_length = { value = 3, source = "Acme naming rules" }
"""

FRAMEWORK = """
id = "acme-1.0"
name = "Acme rules"
edition = "1.0"
note = "n"

[[requirement]]
id = "1"
text = "Name your keys."
decided = "partly"
metadata = "Names"
remains = "Whether they are right"
controls = ["ACME-01", "LATER-02"]

[parameters.ACME-01]
min_length = { value = 5, source = "Acme rules 1.0" }
"""


def _both(control: str = CONTROL, framework: str = FRAMEWORK) -> Catalogue:
    return Catalogue.from_documents({"catalog/acme.toml": control, "frameworks/acme.toml": framework})


def test_a_catalogue_of_ones_own_is_read_whole() -> None:
    catalogue = _both()
    control = catalogue.controls["ACME-01"]
    assert control.facts == ("manager", "name")
    assert control.parameters["min_length"].set_by == "catalogue"
    assert catalogue.frameworks["acme-1.0"].parameters["ACME-01"]["min_length"].value == 5
    assert catalogue.frameworks["acme-1.0"].requirements[0].controls == ("ACME-01", "LATER-02"), "yet to be written"


def test_controls_come_in_the_order_of_their_stages(catalogue: Catalogue) -> None:
    stages = [list(Stage).index(control.stage) for control in catalogue.controls.values()]
    assert stages == sorted(stages)


def test_the_same_documents_give_the_same_catalogue_and_digest(catalogue: Catalogue) -> None:
    again = Catalogue.from_documents(dict(reversed(catalogue.documents.items())))
    assert again == catalogue
    changed = dict(catalogue.documents)
    changed["catalog/usage.toml"] += "\n"
    assert Catalogue.from_documents(changed).sha256 != catalogue.sha256


def _folder(root: Path, control: str = CONTROL, framework: str = FRAMEWORK) -> Path:
    for name, text in (("catalog", control), ("frameworks", framework)):
        if text:
            (root / name).mkdir(parents=True)
            (root / name / "acme.toml").write_text(text, encoding="utf-8")
    return root


def test_folders_of_ones_own_add_to_the_catalogue_and_travel_with_it(tmp_path: Path, catalogue: Catalogue) -> None:
    second = CONTROL.replace("ACME-01", "ACME-02")
    added = load_catalogue([_folder(tmp_path / "one"), _folder(tmp_path / "two", second, "")])
    assert set(added.controls) == {*catalogue.controls, "ACME-01", "ACME-02"}
    assert set(added.documents) - set(catalogue.documents) == {
        "catalog/added-1/acme.toml",
        "catalog/added-2/acme.toml",
        "frameworks/added-1/acme.toml",
    }
    assert Catalogue.from_documents(added.documents) == added


def test_a_control_of_ones_own_may_support_a_built_in_framework_id_only_once(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="there is a framework soc2 already"):
        load_catalogue([_folder(tmp_path, framework=FRAMEWORK.replace("acme-1.0", "soc2"))])
    with pytest.raises(CatalogueError, match=r"acme\.toml: control ROT-01: .*rotation\.toml has a control of that id"):
        load_catalogue([_folder(tmp_path / "more", CONTROL.replace("ACME-01", "ROT-01"), "")])


def test_a_folder_without_a_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"no catalog/\*\.toml, no frameworks/\*\.toml and no standards/\*\.toml"):
        load_catalogue([tmp_path])
    path = _folder(tmp_path / "binary") / "catalog" / "acme.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(CatalogueError, match="not UTF-8"):
        load_catalogue([tmp_path / "binary"])


REFUSED_CONTROLS = [
    ("title =", "titel =", 'titel: unknown key; did you mean "title"?'),
    ('title = "Keys are named"\n', "", "title: is missing"),
    ('stage = "inventory"', 'stage = "inventary"', "stage: unknown value 'inventary'; did you mean \"inventory\"?"),
    ('severity = "low"', 'severity = "tiny"', "severity: unknown value 'tiny'; "),
    ('id = "ACME-01"', 'id = "acme 1"', "id: expected capitals"),
    ('id = "ACME-01"', "id = 1", "control 1: id: "),
    ('over = "key"', 'over = "keys"', "over: no such table or view: 'keys'; did you mean \"key\"?"),
    ('over = "key"', 'over = "gap"', "over: no such table or view"),
    ("len(name) >= $min_length", "name IS NOT NULL", "test: `name IS NOT NULL`: IS NOT NULL turns"),
    ("manager = 'customer'\"", "managr = 'customer'\"", "population: `managr`: no such column; did you mean"),
    ("$min_length", "$min_lenght", "test: `$min_lenght`: no such parameter; did you mean"),
    ("$min_length", "3", "parameters.min_length: neither expression uses $min_length"),
    ("min_length = { value = 3,", 'min_length = { value = "3",', "cannot be compared"),
    ("value = 3", "value = [1, 2]", "parameters.min_length"),
    ("value = 3", "value = 99999999999999999999", "too large"),
    ("value = 3", "value = nan", "no number"),
    (', source = "Acme naming rules"', "", "parameters.min_length.source: is missing"),
    ("source =", "sorce =", 'did you mean "source"?'),
    ("min_length", "as_of", "not a name for a parameter"),
    ("min_length", "Min", "not a name for a parameter"),
    ('{ verdict = "fail", row = { manager = "customer", name = "" } },', "", "none for the verdict fail"),
    ('verdict = "fail", row', 'verdict = "failed", row', "examples.2.verdict"),
    ('name = "payments"', 'name = "ab"', "example 1: the verdict is fail, not pass"),
    ('name = "payments"', 'nam = "payments"', 'example 1: nam: key has no such column; did you mean "name"?'),
    ('name = "payments"', "name = 3", "example 1: name: expected a value of type string"),
    ('name = "payments"', 'name = "p", created_at = 2026-01-01', "example 1: created_at: expected"),
    ('name = "payments"', 'name = "p", created_at = 2026-01-01T00:00:00', "such as 2026-06-30T00:00:00Z"),
    ('name = "payments"', 'name = "p", rotations = true', "expected a value of type integer"),
    ('{ manager = "provider" }', '{ manager = "suplier" }', "example 4: manager: never has the value 'suplier'"),
    ('{ manager = "provider" }', '{ manager = "provider", usages = ["sing"] }', 'did you mean "sign"?'),
    ("[[control]]", "[[controls]]", 'controls: unknown key; did you mean "control"?'),
    ("[[control]]", "[[control]", "not valid TOML: "),
    ('title = "Keys are named"', 'title = "Keys', "at line 4"),
]


@pytest.mark.parametrize(("old", "new", "why"), REFUSED_CONTROLS)
def test_a_control_with_an_error_is_refused_with_file_control_and_part(old: str, new: str, why: str) -> None:
    assert old in CONTROL
    with pytest.raises(CatalogueError) as refused:
        Catalogue.from_documents({"catalog/acme.toml": CONTROL.replace(old, new)})
    assert "catalog/acme.toml: " in str(refused.value)
    assert why in str(refused.value)


def test_two_controls_of_one_id_are_refused() -> None:
    with pytest.raises(CatalogueError, match=r"catalog/acme\.toml has a control of that id"):
        Catalogue.from_documents({"catalog/acme.toml": CONTROL + CONTROL})


def test_a_population_of_every_row_needs_no_example_of_what_is_left_out() -> None:
    everything = CONTROL.replace("manager = 'customer'\"", 'true"').replace(
        '{ verdict = "not_applicable", row = { manager = "provider" } },', ""
    )
    assert Catalogue.from_documents({"catalog/acme.toml": everything}).controls["ACME-01"].facts == ("name",)


STANDARD = """
id = "acme-lengths"
title = "Lengths"
version = 2026-01-31
note = "n"

[[document]]
id = "rules"
name = "Acme naming rules"
edition = "second draft"
status = "draft"
url = "https://acme.example/rules"

[[strength]]
name = "short"
document = "rules"
place = "page 1"
says = "a short name"
algorithm = "NAME"
bits = 3
security_bits = 0

[[strength]]
name = "long"
document = "rules"
place = "page 2"
says = "a long name"
algorithm = "NAME"
bits = 9
security_bits = 0
"""
REFERENCE = 'min_length = { standard = "acme-lengths", entries = ["short"], fact = "bits" }'
REFERRING = CONTROL.replace('min_length = { value = 3, source = "Acme naming rules" }', REFERENCE)


def _with_standard(control: str = REFERRING, framework: str = FRAMEWORK, standard: str = STANDARD) -> Catalogue:
    documents = {"catalog/a.toml": control, "frameworks/a.toml": framework, "standards/a.toml": standard}
    return Catalogue.from_documents(documents)


def test_a_parameter_takes_value_and_source_from_a_standard_and_marks_a_draft() -> None:
    framework = FRAMEWORK.replace('{ value = 5, source = "Acme rules 1.0" }', REFERENCE.partition("= ")[2])
    catalogue = _with_standard(framework=framework.replace('"short"', '"long"'))
    own = catalogue.controls["ACME-01"].parameters["min_length"]
    assert own.value == 3
    assert own.source == "Acme naming rules (draft, not in force: second draft), page 1: a short name"
    assert catalogue.frameworks["acme-1.0"].parameters["ACME-01"]["min_length"].value == 9


def test_a_control_is_judged_by_the_standards_that_travel_with_it() -> None:
    """Not by those that are installed: whoever verifies a pack has another version of them."""
    assert (
        _with_standard(standard=STANDARD.replace("bits = 3", "bits = 4"))
        .controls["ACME-01"]
        .parameters["min_length"]
        .value
        == 4
    )
    with pytest.raises(CatalogueError, match="no such standard: 'acme-lengths'"):
        _both(control=REFERRING)


def test_standards_of_ones_own_travel_with_the_catalogue(tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "standards").mkdir()
    (tmp_path / "standards" / "lengths.toml").write_text(STANDARD)
    added = load_catalogue([tmp_path])
    assert set(added.documents) - set(catalogue.documents) == {"standards/added-1/lengths.toml"}
    assert added.standards["acme-lengths"].value(["long"], "bits")[0] == 9


REFUSED_REFERENCES = [
    ('entries = ["short"]', 'entries = ["shrot"]', "acme-lengths: no such entry: 'shrot'; known here: short, long"),
    ('entries = ["short"]', 'entries = ["short", "long"]', "short, long have different values of bits"),
    ('entries = ["short"]', "entries = []", "entries: "),
    ('fact = "bits"', 'fact = "says"', "short: it has no says"),
    ('fact = "bits"', 'fact = "nothing"', "short: it has no nothing"),
    ('fact = "bits"', 'fakt = "bits"', 'fakt: unknown key; did you mean "fact"?'),
    ('"acme-lengths"', '"acme-length"', "no such standard: 'acme-length'; did you mean \"acme-lengths\"?"),
]


@pytest.mark.parametrize(("old", "new", "why"), REFUSED_REFERENCES)
def test_a_reference_with_an_error_is_refused_with_file_control_and_parameter(old: str, new: str, why: str) -> None:
    assert old in REFERRING
    with pytest.raises(CatalogueError) as refused:
        _with_standard(REFERRING.replace(old, new))
    assert "catalog/a.toml: control ACME-01: parameters.min_length" in str(refused.value)
    assert why in str(refused.value)


def test_two_standards_of_one_id_are_refused(tmp_path: Path) -> None:
    (tmp_path / "standards").mkdir()
    (tmp_path / "standards" / "mine.toml").write_text(STANDARD.replace("acme-lengths", "strengths"))
    with pytest.raises(CatalogueError, match=r"mine\.toml: id: there is a standard strengths already"):
        load_catalogue([tmp_path])


def test_an_example_may_have_parameters_of_its_own() -> None:
    shorter = '{ verdict = "pass", parameters = { min_length = 0 }, row = { manager = "customer", name = "" } },'
    extended = CONTROL.replace("examples = [", f"examples = [\n    {shorter}")
    assert (
        Catalogue.from_documents({"catalog/acme.toml": extended}).controls["ACME-01"].parameters["min_length"].value
        == 3
    )
    for old, new, why in (
        ("min_length = 0", "max_length = 0", "example 1: parameters.max_length: unknown parameter"),
        ("min_length = 0", 'min_length = "0"', "example 1: parameters.min_length: expected a value of type integer"),
        ("min_length = 0", "min_length = 1", "example 1: the verdict is fail, not pass"),
    ):
        with pytest.raises(CatalogueError) as refused:
            Catalogue.from_documents({"catalog/acme.toml": extended.replace(old, new)})
        assert why in str(refused.value)


REFUSED_FRAMEWORKS = [
    ('id = "acme-1.0"', 'id = "Acme 1"', "id: expected small letters"),
    ('id = "acme-1.0"', 'id = "default"', "id: expected small letters"),
    ("edition =", "editon =", 'editon: unknown key; did you mean "edition"?'),
    ('text = "Name your keys."', "", "requirement.1.text: is missing"),
    ("remains =", "remain =", 'did you mean "remains"?'),
    ('decided = "partly"', 'decided = "mostly"', "requirement.1.decided"),
    ('["ACME-01", "LATER-02"]', "[]", "requirement 1: controls: name the controls"),
    ('["ACME-01", "LATER-02"]', '["ACME-01", "ACME-01"]', "have the id 'ACME-01'"),
    ('["ACME-01", "LATER-02"]', '["ACME-01", "later"]', "not the id of a control: 'later'"),
    ("[parameters.ACME-01]", "[parameters.ACME-1]", 'parameters.ACME-1: no such control; did you mean "ACME-01"?'),
    ("[parameters.ACME-01]", "[parameters.LATER-02]", "parameters.LATER-02: no such control"),
    ('["ACME-01", "LATER-02"]', '["LATER-02"]', "no requirement of this framework names this control"),
    ("min_length =", "min_lenght =", 'unknown parameter; did you mean "min_length"?'),
    ("value = 5", 'value = "5"', "expected a value of type integer"),
    ("[[requirement]]", "[requirement]", "requirement"),
]


@pytest.mark.parametrize(("old", "new", "why"), REFUSED_FRAMEWORKS)
def test_a_framework_with_an_error_is_refused_with_file_and_part(old: str, new: str, why: str) -> None:
    assert old in FRAMEWORK
    with pytest.raises(CatalogueError) as refused:
        _both(framework=FRAMEWORK.replace(old, new))
    assert "frameworks/acme.toml: " in str(refused.value)
    assert why in str(refused.value)


def test_two_requirements_of_one_id_are_refused() -> None:
    requirement = FRAMEWORK[FRAMEWORK.index("[[requirement]]") : FRAMEWORK.index("[parameters")]
    with pytest.raises(CatalogueError, match="two entries of requirement have the id '1'"):
        _both(framework=FRAMEWORK.replace(requirement, requirement * 2))


def test_a_document_of_no_known_kind_is_refused() -> None:
    with pytest.raises(CatalogueError, match=r"notes\.toml: a catalogue has only catalog/, frameworks/ and standards/"):
        Catalogue.from_documents({"catalog/acme.toml": CONTROL, "notes.toml": ""})
