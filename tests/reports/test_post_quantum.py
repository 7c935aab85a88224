"""Keys and quantum computers: each key counted once, nothing unknown taken for safe, and drafts marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from evidence.model import NEVER, TABLES, KeyType, arrow_schema
from evidence.standards import standards
from reports.content.bounds import PAPER, SCREEN, Bounds
from reports.content.post_quantum import USES, PostQuantum, post_quantum
from reports.html import write_html
from reports.material import Material

RSA: dict[str, Any] = {
    "manager": "customer",
    "state": "active",
    "key_type": "private key transport",
    "algorithm": "RSA",
    "parameter_set": "",
    "bits": 2048,
    "security_bits": 112,
    "pq_category": 0,
    "expires_at": NEVER,
}
EC = {
    **RSA,
    "key_type": "private signature",
    "algorithm": "EC",
    "parameter_set": "P-384",
    "bits": 384,
    "security_bits": 192,
}
AES = {
    **RSA,
    "key_type": "symmetric data encryption",
    "algorithm": "AES",
    "bits": 256,
    "security_bits": 256,
    "pq_category": 5,
}
ML_DSA = {
    **RSA, "key_type": "private signature", "algorithm": "ML-DSA", "parameter_set": "ML-DSA-65", "bits": 0,
    "security_bits": 192, "pq_category": 3,
}  # fmt: skip


@pytest.fixture
def with_keys(material: Material, tmp_path: Path) -> Callable[..., Material]:
    """The material with these keys instead of its own, and these gaps."""

    def made(*keys: dict[str, Any], gaps: tuple[dict[str, Any], ...] = ()) -> Material:
        for name in TABLES:
            (tmp_path / f"{name}.parquet").write_bytes(material.tables[name].read_bytes())
        known = {"source": "prod", "scope": "prod/1/r/kms", "evidence": []}
        rows = [{**known, "id": f"key/{number}", **key} for number, key in enumerate(keys)]
        _write(tmp_path, "key", rows)
        open_to = {"operation": "", "of_table": "key", "subject": "", "rows_missing": False, "columns": []}
        _write(tmp_path, "gap", [{**known, "id": f"GAP-{n:012d}", **open_to, **gap} for n, gap in enumerate(gaps)])
        return replace(material, inventory=tmp_path)

    return made


def _write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    schema = arrow_schema(TABLES[name])
    told = [{column: row.get(column) for column in schema.names} for row in rows]
    parquet.write_table(pa.Table.from_pylist(told, schema), folder / f"{name}.parquet")


def _told(material: Material, bounds: Bounds = PAPER) -> PostQuantum:
    with material.connection() as queries:
        return post_quantum(material, queries, bounds)


def test_every_type_of_key_has_a_use() -> None:
    assert set(USES) == set(KeyType)


def test_each_key_is_counted_once_by_its_use(with_keys: Callable[..., Material]) -> None:
    weak = {**AES, "algorithm": "3TDEA", "bits": 168, "security_bits": 112, "pq_category": 0}
    told = _told(with_keys(RSA, RSA, EC, AES, AES, AES, weak, ML_DSA, {**AES, "key_type": None}))
    assert [(row.label.split(",")[0], row.vulnerable, row.resistant, row.unknown) for row in told.uses] == [
        ("Key establishment", 2, 0, 0),
        ("Signature", 1, 1, 0),
        ("Encryption and authentication with a secret key", 1, 3, 0),
        ("Use not observed", 0, 1, 0),
    ]
    assert (told.keys, told.unknown) == (9, 1)
    assert [(row.name, row.strength, row.establishment, row.signature) for row in told.algorithms] == [
        ("RSA-2048", "112 bits", 2, 0),
        ("P-384", "192 bits", 0, 1),
    ]


def test_keys_that_protect_nothing_new_and_those_of_a_provider_are_left_out(with_keys: Callable[..., Material]) -> None:
    others = [{**RSA, "state": state} for state in ("deactivated", "compromised", "pending_deletion", "destroyed")]
    counted = [{**RSA, "state": state} for state in ("pre_active", "suspended", None)]
    told = _told(with_keys(*others, *counted, {**RSA, "manager": "provider"}, {**RSA, "manager": None}))
    assert told.keys == len(counted) + 1


def test_a_deadline_concerns_the_keys_of_its_use_and_strength(with_keys: Callable[..., Material]) -> None:
    ending = {**RSA, "expires_at": datetime(2030, 12, 31, 12, tzinfo=UTC)}
    told = _told(with_keys(RSA, ending, {**RSA, "expires_at": None}, EC, ML_DSA, AES))
    rows = {(row.last_day.isoformat(), row.source): row for row in told.deadlines}
    draft = rows["2030-12-31", "NIST IR 8547"]
    assert draft.draft.startswith("initial public draft")
    assert (draft.establishment, draft.signature, draft.outliving, draft.open) == (3, 0, 1, 1)
    order = rows["2030-12-31", "Executive Order 14412"]
    assert (order.draft, order.establishment, order.signature) == ("", 3, None)
    assert rows["2035-12-31", "NIST IR 8547"].signature == 1
    assert [row.last_day for row in told.deadlines] == sorted(row.last_day for row in told.deadlines)


def test_an_end_that_is_past_is_told_only_where_it_concerns_a_key(with_keys: Callable[..., Material]) -> None:
    assert not any(row.passed for row in _told(with_keys(RSA)).deadlines)
    short = {**RSA, "bits": 1024, "security_bits": 80}
    (past,) = [row for row in _told(with_keys(RSA, short)).deadlines if row.passed]
    assert (past.last_day.year, past.establishment) == (2013, 1)


def test_a_key_of_unknown_strength_is_open_and_no_key_that_a_deadline_spares(
    with_keys: Callable[..., Material],
) -> None:
    told = _told(with_keys({**RSA, "bits": None, "security_bits": None}))
    rows = {(row.last_day.year, row.source): row for row in told.deadlines}
    assert (rows[2030, "NIST IR 8547"].establishment, rows[2030, "NIST IR 8547"].open) == (0, 1)
    assert rows[2035, "NIST IR 8547"].establishment == 1
    assert told.algorithms[0].name == "RSA, size not observed"


def test_what_follows_no_post_quantum_standard_yet_is_told_as_well(with_keys: Callable[..., Material]) -> None:
    x_wing = {**ML_DSA, "algorithm": "X-Wing", "parameter_set": "X25519 and ML-KEM-768"}
    families = {row.name: row for row in _told(with_keys(ML_DSA, ML_DSA, x_wing)).families}
    assert list(families) == ["ML-KEM", "ML-DSA", "SLH-DSA", "X-Wing"]
    assert families["ML-DSA"].sets == (("ML-DSA-65", "category 3", 2),)
    assert (families["ML-KEM"].keys, families["ML-KEM"].sets) == (0, ())
    assert families["X-Wing"].draft
    assert not families["SLH-DSA"].draft


def test_keys_with_a_secret_stand_by_category_the_unknown_last(with_keys: Callable[..., Material]) -> None:
    small = {**AES, "bits": 128, "security_bits": 128, "pq_category": 1}
    mac = {**AES, "key_type": "symmetric authentication", "algorithm": "HMAC", "parameter_set": "SHA-256"}
    told = _told(with_keys(AES, AES, mac, small, {**AES, "pq_category": None, "bits": None}))
    assert [(row.label, row.keys, row.algorithms) for row in told.categories] == [
        ("category 5", 3, (("AES", 2), ("HMAC", 1))),
        ("category 1", 1, (("AES", 1),)),
        ("not told", 1, (("AES", 1),)),
    ]


def test_what_could_not_be_told_has_its_reason(with_keys: Callable[..., Material]) -> None:
    unread = {**RSA, "pq_category": None, "security_bits": None}
    gaps = (
        {"subject": "key/0", "kind": "refused", "error": "AccessDenied", "columns": ["pq_category"]},
        {"subject": "key/1", "kind": "not_offered", "error": "no size", "columns": ["bits", "pq_category"]},
        {"subject": "key/2", "kind": "not_offered", "error": "no owner", "columns": ["owner"]},
        {"subject": "", "kind": "refused", "error": "no list", "rows_missing": True},
    )
    told = _told(with_keys(unread, unread, RSA, gaps=gaps))
    assert told.unknown == 2
    assert {(row.kind, row.error, row.keys, row.gap) for row in told.untold} == {
        ("refused", "AccessDenied", 1, "GAP-000000000000"),
        ("not offered", "no size", 1, "GAP-000000000001"),
    }
    assert told.unlisted == 1


@pytest.mark.parametrize("bounds", [PAPER, SCREEN], ids=["paper", "screen"])
def test_the_section_stays_within_its_bounds(with_keys: Callable[..., Material], bounds: Bounds) -> None:
    keys = [{**RSA, "parameter_set": f"curve {number}" * 20} for number in range(300)]
    unread = [{**AES, "pq_category": None, "algorithm": f"cipher {number}"} for number in range(60)]
    gaps = [
        {"subject": f"key/{300 + n}", "kind": "failed", "error": f"error {n}", "columns": ["pq_category"]}
        for n in range(60)
    ]
    told = _told(with_keys(*keys, *unread, gaps=tuple(gaps)), bounds)
    assert (len(told.algorithms), told.algorithms_more) == (bounds.algorithms, 300 - bounds.algorithms)
    assert all(len(row.name) < 80 for row in told.algorithms)
    assert (len(told.untold), told.untold_more) == (bounds.withheld, 60 - bounds.withheld)
    assert len(told.categories[0].algorithms) < 10
    assert len(told.deadlines) <= len(standards()["transitions"].transition)


def test_the_page_marks_drafts_and_shows_no_unknown_as_none(with_keys: Callable[..., Material], tmp_path: Path) -> None:
    unread = {**RSA, "key_type": None, "pq_category": None}
    few = with_keys(RSA, EC, ML_DSA, unread)
    write_html(few, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    section = page[page.index('id="post_quantum"') : page.index('id="register"')]
    drafts = [row for row in _told(few).deadlines if row.draft]
    assert drafts
    assert section.count("<b>Draft:</b>") == len(drafts)
    assert "Of 1 key the use or the category was not observed." in section
    assert "Use not observed" in section
