"""The organization's registers: what is read, what is refused, and what counts for nothing."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from controls.register import (
    SUBJECTS,
    AttestationRecord,
    ExceptionRecord,
    RegisterError,
    load_attestations,
    load_exceptions,
)
from controls.views.statements import OF_THE_ORGANIZATION
from evidence.findings import Topic

AS_OF = date(2026, 6, 30)

EXCEPTION = """
[[exception]]
id = "EXC-1"
control = "ROT-02"
subjects = ["arn:aws:kms:*:key/0001"]
reason = "The vendor's appliance cannot follow a rotation."
owner = "Ada"
approver = "Grace"
compensating_control = "Each use is reviewed weekly."
approved = 2026-01-01
expires = 2026-12-31
"""

ATTESTATION = """
[[attestation]]
id = "ATT-1"
framework = "soc2"
requirements = ["CC6.1", "CC6.2"]
statement = "Access is reviewed every quarter."
document = "reviews/2026.txt"
sha256 = "{sha256}"
owner = "Ada"
approver = "Grace"
date = 2026-01-01
expires = 2026-12-31
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "register.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _document(folder: Path, text: str = "all good") -> str:
    (folder / "reviews").mkdir(exist_ok=True)
    (folder / "reviews" / "2026.txt").write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


def test_an_exception_is_read_as_it_stands_and_counts(tmp_path: Path) -> None:
    (record,) = load_exceptions(_file(tmp_path, EXCEPTION))
    assert (record.id, record.control, record.subjects) == ("EXC-1", "ROT-02", ["arn:aws:kms:*:key/0001"])
    assert record.problem(AS_OF) == ""
    assert ExceptionRecord.model_validate_json(record.model_dump_json()) == record


def test_an_empty_register_holds_nothing(tmp_path: Path) -> None:
    assert load_exceptions(_file(tmp_path, "# none yet\n")) == []
    assert load_attestations(_file(tmp_path, "")) == []


@pytest.mark.parametrize(
    ("day", "problem"),
    [
        (date(2025, 12, 31), "after the date of the assessment"),
        (date(2026, 1, 1), ""),
        (date(2026, 12, 31), ""),
        (date(2027, 1, 1), "expired on 2026-12-31"),
    ],
)
def test_an_exception_counts_from_its_approval_to_its_last_day(tmp_path: Path, day: date, problem: str) -> None:
    (record,) = load_exceptions(_file(tmp_path, EXCEPTION))
    assert problem in record.problem(day)
    assert bool(problem) is bool(record.problem(day))


@pytest.mark.parametrize("approver", ["Ada", "ADA", "  ada "])
def test_nobody_approves_an_exception_of_their_own(tmp_path: Path, approver: str) -> None:
    (record,) = load_exceptions(_file(tmp_path, EXCEPTION.replace('"Grace"', f'"{approver}"')))
    assert "approved by its owner" in record.problem(AS_OF)


REFUSED = [
    (EXCEPTION.replace("reason =", "raeson ="), 'EXC-1: raeson: unknown key; did you mean "reason"?'),
    (EXCEPTION.replace('owner = "Ada"\n', ""), "EXC-1: owner: is missing"),
    (EXCEPTION.replace('"Ada"', '""'), "EXC-1: owner:"),
    (EXCEPTION.replace('"Ada"', "7"), "EXC-1: owner:"),
    (EXCEPTION.replace("2026-12-31", '"2026-12-31"'), "EXC-1: expires:"),
    (EXCEPTION.replace("2026-12-31", "2026-12-31T00:00:00Z"), "EXC-1: expires:"),
    (EXCEPTION.replace("2026-12-31", "2025-12-31"), "lies before approved"),
    (EXCEPTION + EXCEPTION, "'EXC-1'; give each its own"),
    (EXCEPTION.replace("[[exception]]", "[[exemption]]"), 'exemption: unknown key; did you mean "exception"?'),
    (EXCEPTION.replace("[[exception]]", "[exception]"), "at least one [[exception]]"),
    (EXCEPTION.replace('id = "EXC-1"\n', ""), "exception 1: id: is missing"),
    ("[[exception]\n", "at line 1"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_a_register_with_an_error_is_refused_with_file_entry_and_key(tmp_path: Path, text: str, why: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(RegisterError) as refused:
        load_exceptions(path)
    assert str(path) in str(refused.value)
    assert why in str(refused.value)


def test_every_problem_of_an_entry_is_told_at_once(tmp_path: Path) -> None:
    text = EXCEPTION.replace("reason =", "raeson =").replace('owner = "Ada"\n', "")
    with pytest.raises(RegisterError) as refused:
        load_exceptions(_file(tmp_path, text))
    assert len(str(refused.value).splitlines()) == 3


def test_a_missing_or_binary_register_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match=r"nowhere\.toml: cannot be read"):
        load_exceptions(tmp_path / "nowhere.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RegisterError, match="not UTF-8"):
        load_attestations(tmp_path / "binary.toml")


def test_an_attestation_counts_while_its_document_is_the_one_attested(tmp_path: Path) -> None:
    (record,) = load_attestations(_file(tmp_path, ATTESTATION.format(sha256=_document(tmp_path).upper())))
    assert [(ref.framework, ref.requirement) for ref in record.requirements] == [("soc2", "CC6.1"), ("soc2", "CC6.2")]
    assert record.problem(AS_OF) == ""
    assert not record.not_applicable
    assert record.problem(date(2027, 1, 1)) == "expired on 2026-12-31"
    assert "after the date" in record.problem(date(2025, 1, 1))


def test_a_document_that_differs_or_is_missing_makes_the_attestation_void_and_is_remembered(tmp_path: Path) -> None:
    path = _file(tmp_path, ATTESTATION.format(sha256=_document(tmp_path)))
    _document(tmp_path, "rewritten")
    (record,) = load_attestations(path)
    assert "is not the one attested" in record.problem(AS_OF)
    (tmp_path / "reviews" / "2026.txt").unlink()
    (record,) = load_attestations(path)
    assert "reviews/2026.txt cannot be read" in record.problem(AS_OF)
    travelled = AttestationRecord.model_validate_json(record.model_dump_json())
    assert travelled.problem(AS_OF) == record.problem(AS_OF), "verifying needs no document"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"{sha256}"', '"abc"', "64 hexadecimal digits"),
        ('["CC6.1", "CC6.2"]', "[]", "requirements:"),
        ('["CC6.1", "CC6.2"]', '"CC6.1"', "requirements:"),
        ("statement =", "statment =", 'did you mean "statement"?'),
        ("expires = 2026-12-31", "expires = 2025-12-31", "lies before date"),
        ("expires = 2026-12-31", 'expires = 2026-12-31\nnot_applicable = "yes"', "not_applicable:"),
    ],
)
def test_an_attestation_with_an_error_is_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    text = ATTESTATION.replace(old, new).replace("{sha256}", "0" * 64)
    with pytest.raises(RegisterError) as refused:
        load_attestations(_file(tmp_path, text))
    assert "ATT-1" in str(refused.value)
    assert why in str(refused.value)


TOPIC = """
[[attestation]]
id = "ATT-9"
topic = "reconciliation"
subjects = ["prod/*"]
statement = "Counted in the configuration database."
document = "count.csv"
sha256 = "{sha256}"
owner = "Ada"
approver = "Grace"
date = 2026-01-01
expires = 2026-12-31
counts = {{ key = 12 }}
"""


def test_an_attestation_may_be_about_a_topic_alone(tmp_path: Path) -> None:
    (record,) = load_attestations(_file(tmp_path, TOPIC.format(sha256="0" * 64)))
    assert (record.topic, record.subjects, record.counts) == ("reconciliation", ["prod/*"], {"key": 12})
    assert AttestationRecord.model_validate_json(record.model_dump_json()) == record


def test_a_topic_is_about_subjects_or_about_the_organization() -> None:
    assert set(Topic) - set(SUBJECTS) == set(OF_THE_ORGANIZATION)


@pytest.mark.parametrize("approver", ["Ada", " ADA"])
def test_nobody_attests_what_is_their_own(tmp_path: Path, approver: str) -> None:
    text = ATTESTATION.format(sha256=_document(tmp_path)).replace('"Grace"', f'"{approver}"')
    (record,) = load_attestations(_file(tmp_path, text))
    assert "approved by its owner" in record.problem(AS_OF)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"reconciliation"', '"reconcilation"', "topic:"),
        ('topic = "reconciliation"\n', "", "topic: say what it is about"),
        ("counts = { key = 12 }", "", "counts: say how many"),
        ("key = 12", "keys = 12", "counts.keys: not counted here; what is: key, secret, certificate"),
        ("key = 12", "key = -1", "counts: a number of 0 or more"),
        ('"reconciliation"', '"policy"', "counts.key: not counted here; what is: nothing"),
        ('"reconciliation"', '"compromise"', "counts.key: not counted here"),
        ("counts = { key = 12 }", "counts = { key = 12 }\noccurred = 2025-12-01", "occurred: goes with"),
        ("counts = { key = 12 }", "counts = { key = 12 }\ntarget = 2030-12-31", "target: goes with topic migration"),
        ("counts = { key = 12 }", "counts = { key = 12 }\nnot_applicable = true", "not_applicable:"),
        ("counts = { key = 12 }", 'counts = { key = 12 }\nframework = "soc2"', "requirements: a framework"),
        ('["prod/*"]', "[]", "subjects:"),
    ],
)
def test_what_does_not_go_with_a_topic_is_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    text = TOPIC.format(sha256="0" * 64)
    assert old in text
    with pytest.raises(RegisterError) as refused:
        load_attestations(_file(tmp_path, text.replace(old, new)))
    assert "ATT-9" in str(refused.value)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("environment = 'test'", ""),
        ("tag(tags, 'cost-center') = '42' AND data_class <> 'secret'", ""),
        ("enviroment = 'test'", "no such column"),
        ("rotation_enabled", "no such column"),
        ("coalesce(environment, '') = ''", "where:"),
        ("environment", "where:"),
    ],
)
def test_an_exception_may_name_its_subjects_by_their_tags(tmp_path: Path, where: str, why: str) -> None:
    text = EXCEPTION.replace('subjects = ["arn:aws:kms:*:key/0001"]', f'where = "{where}"')
    if not why:
        (record,) = load_exceptions(_file(tmp_path, text))
        assert (record.subjects, record.where, record.problem(AS_OF)) == ([], where, "")
        return
    with pytest.raises(RegisterError) as refused:
        load_exceptions(_file(tmp_path, text))
    assert why in str(refused.value)


def test_an_exception_names_subjects_or_a_condition_and_may_name_a_document(tmp_path: Path) -> None:
    both = EXCEPTION.replace("reason =", "where = \"environment = 'test'\"\nreason =")
    with pytest.raises(RegisterError, match="subjects: name the subjects"):
        load_exceptions(_file(tmp_path, both))
    with pytest.raises(RegisterError, match="come together"):
        load_exceptions(_file(tmp_path, EXCEPTION + 'document = "reviews/2026.txt"\n'))
    digest = _document(tmp_path)
    path = _file(tmp_path, EXCEPTION + f'document = "reviews/2026.txt"\nsha256 = "{digest}"\n')
    assert load_exceptions(path)[0].problem(AS_OF) == ""
    _document(tmp_path, "rewritten")
    assert "is not the one attested" in load_exceptions(path)[0].problem(AS_OF)
