"""The data files of standards: that they are read strictly, agree with one another and with the inventory's types."""

from __future__ import annotations

from datetime import date

import pytest

from evidence.model import KeyType
from evidence.standards import (
    ROOM,
    Category,
    Entry,
    Standard,
    StandardError,
    Status,
    Strength,
    Use,
    read_standard,
    standards,
)

TEXT = (ROOM / "suites.toml").read_text("utf-8")


def _entries() -> list[tuple[Standard, Entry]]:
    return [(standard, entry) for standard in standards().values() for entry in standard.entries]


def test_each_file_is_named_as_its_id() -> None:
    assert {path.stem for path in ROOM.glob("*.toml")} == set(standards())


REFUSED = [
    ('id = "suites"', 'id = "Suites"', "id: "),
    ("version = 2026-11-25", 'version = "2026-11-25"', "version: "),
    ('status = "final"', 'status = "finished"', "document.1.status: "),
    ('url = "https:', 'url = "http:', "document.1.url: "),
    ('document = "cnsa2"', 'document = "cnsa3"', "CNSA 2.0: no such document: cnsa3"),
    ("algorithms = [", "algorithm = [", "suite.1.algorithms: "),
    ('"AES-256"', "256", "suite.1.algorithms.1: "),
    ("[[suite]]", "[[suit]]", "suit: "),
    ("[[suite]]", "[[suite]", "not valid TOML: "),
    ('id = "cnsa2"', 'id = "cnsa2"\nnumber = 2', "document.1.number: "),
]


@pytest.mark.parametrize(("old", "new", "why"), REFUSED)
def test_a_file_with_an_error_is_refused_with_file_and_place(old: str, new: str, why: str) -> None:
    assert old in TEXT
    with pytest.raises(StandardError) as refused:
        read_standard("suites.toml", TEXT.replace(old, new))
    assert str(refused.value).startswith("suites.toml: ")
    assert why in str(refused.value)


def test_a_document_without_entries_and_entries_of_one_name_are_refused() -> None:
    document, suite = TEXT.index("[[document]]"), TEXT.index("[[suite]]")
    more = TEXT[document:suite].replace('"cnsa2"', '"cnsa1"')
    for text, why in (
        (TEXT + more, "no entry is taken from cnsa1"),
        (TEXT + TEXT[suite:], "two entries have the same name"),
        (TEXT[:suite], "it has no entries"),
    ):
        with pytest.raises(StandardError, match=why):
            read_standard("suites.toml", text)


def test_every_type_of_key_has_a_row_of_cryptoperiods() -> None:
    rows = {row.name: row for row in standards()["cryptoperiods"].cryptoperiod}
    assert set(KeyType) <= set(rows)
    without_number = {name for name, row in rows.items() if row.originator_days is None}
    assert without_number & set(KeyType) == {KeyType.PUBLIC_SIGNATURE_VERIFICATION}


@pytest.mark.parametrize(("words", "days"), [("1 to 3 years", 1095), ("about 1 year", 365), ("at most 2 years", 730)])
def test_the_days_of_a_cryptoperiod_are_those_of_its_words(words: str, days: int) -> None:
    rows = [row for row in standards()["cryptoperiods"].cryptoperiod if row.originator == words]
    assert rows
    assert {row.originator_days for row in rows} == {days}
    assert all(row.says.startswith(words) for row in rows)


def test_strengths_rise_with_the_size() -> None:
    by_size: dict[str, list[Strength]] = {}
    for row in standards()["strengths"].strength:
        if row.bits and not row.parameter_set:
            by_size.setdefault(row.algorithm, []).append(row)
    assert {"AES", "RSA", "EC"} <= set(by_size)
    for rows in by_size.values():
        rows.sort(key=lambda row: row.bits)
        assert [row.security_bits for row in rows] == sorted({row.security_bits for row in rows})


def test_a_curve_is_as_strong_as_its_size_is_or_has_a_source_of_its_own() -> None:
    rows = standards()["strengths"].strength
    sizes = [(row.bits, row.security_bits) for row in rows if row.name.startswith("EC-")]
    for curve in (row for row in rows if row.algorithm == "EC" and row.parameter_set):
        by_size = max(strength for least, strength in sizes if curve.bits >= least)
        assert curve.security_bits == by_size or curve.document == "rfc7748"


def test_a_category_is_at_least_as_strong_classically_as_the_key_that_it_is_compared_with() -> None:
    compared = {1: 128, 2: 128, 3: 192, 4: 192, 5: 256}
    rows: list[Category] = [row for row in standards()["post-quantum"].category if row.category]
    assert {row.category: row.security_bits for row in rows if row.category} == {
        category: bits for category, bits in compared.items() if category != 4
    }
    assert {row.algorithm for row in rows} == {"AES", "ML-KEM", "ML-DSA", "SLH-DSA", "X-Wing"}


def test_what_a_suite_admits_has_a_row_where_it_is_an_algorithm_of_its_own() -> None:
    known = {entry.name for _, entry in _entries()} | {"SHA-384", "SHA-512"}
    for suite in standards()["suites"].suite:
        assert set(suite.algorithms) <= known


@pytest.mark.parametrize(
    ("use", "bits", "day", "names"),
    [
        (Use.SIGNATURE, 112, date(2030, 12, 31), {"less than 128 bits", "quantum-vulnerable, less than 128 bits"}),
        (Use.ESTABLISHMENT, 128, date(2030, 12, 31), {"federal establishment"}),
        (Use.SIGNATURE, 256, date(2031, 12, 31), {"federal signatures"}),
        (Use.SIGNATURE, 256, date(2035, 12, 31), {"quantum-vulnerable"}),
        (Use.ESTABLISHMENT, 256, date(2035, 12, 31), {"quantum-vulnerable"}),
    ],
)
def test_which_end_dates_concern_a_key(use: Use, bits: int, day: date, names: set[str]) -> None:
    found = {
        row.name for row in standards()["transitions"].transition if row.concerns(use, bits) and row.last_day == day
    }
    assert names <= found


def test_a_draft_says_so_wherever_it_is_cited() -> None:
    transitions = standards()["transitions"]
    for entry in transitions.transition:
        document = transitions.source(entry)
        _, cited = transitions.value([entry.name], "algorithms")
        assert ("draft, not in force" in cited) is (document.status is Status.DRAFT), entry.name
