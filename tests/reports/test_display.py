"""Untrusted text as a reader sees it."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.display import brief, day, percent, plural, read_time, value, visible


@given(st.text(alphabet=st.characters(), max_size=300))
def test_nothing_unseen_is_left(text: str) -> None:
    shown = visible(text, 100)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in KEPT]
    assert len(shown) <= 100 * len("[U+10FFFF]") + len(" … (300 characters)")


KEPT = {chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Cf"} - {
    *map(chr, range(0x200B, 0x2010)),
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2060, 0x2070)),
    *map(chr, range(0xE0000, 0xE0080)),
    "\xad",
    "\ufeff",
    "\u061c",
}
"""Format characters that show as something, or that no renderer acts on."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invoice\u202egnp.exe", "invoice[U+202E]gnp.exe"),
        ("a\u200fb\u2066c", "a[U+200F]b[U+2066]c"),
        ("nul\x00", "nul[U+0000]"),
        ("\x1b[31mred", "[U+001B][31mred"),
        ("half \ud800", "half [U+D800]"),
        ("two\r\n lines\tone", "two lines one"),
        ("ключ 鍵 🔑", "ключ 鍵 🔑"),
    ],
)
def test_what_acts_unseen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_monstrous_text_is_cut_and_says_how_long_it_is() -> None:
    assert visible("x" * 100_000, 20) == "x" * 20 + " … (100,000 characters)"


@pytest.mark.parametrize(
    ("fact", "shown"),
    [
        (None, "not observed"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        ("", "none"),
        ([], "none"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
        ("2026-06-30T00:00:00Z", "2026-06-30"),
        ("9999-12-31T00:00:00+00:00", "never"),
        ("2026-06-30T00:00:00Z and more", "2026-06-30T00:00:00Z and more"),
    ],
)
def test_not_observed_none_and_never_are_told_apart(fact: object, shown: str) -> None:
    assert value(fact) == shown


def test_words() -> None:
    from evidence.model import NEVER

    assert day(NEVER) == "never"
    assert plural(1, "key") == "1 key"
    assert plural(1200, "pass", "passes") == "1,200 passes"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (999, "999"), (1_000, "1.0k"), (1_299, "1.2k"), (9_999, "9.9k"), (12_345, "12k")]
)
def test_a_brief_number_is_never_more_than_it_is(count: int, text: str) -> None:
    assert brief(count) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 7, "0 %"), (1, 7, "14 %"), (1, 900, "<1 %"), (899, 900, "99 %"), (900, 900, "100 %")],
)
def test_a_share_is_all_or_none_only_where_it_is(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-30T09:15:00Z", datetime(2026, 6, 30, 9, 15, tzinfo=UTC)),
        ("", None),
        (None, None),
        ("some time ago", None),
    ],
)
def test_a_text_is_read_as_a_time_or_as_none(text: str | None, moment: datetime | None) -> None:
    assert read_time(text) == moment
