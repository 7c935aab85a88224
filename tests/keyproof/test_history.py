"""What the runs of a store remember of those before them, and what controls make of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from golden_pack import RECORDED
from pyarrow import parquet

from controls.catalogue import Catalogue, load_catalogue
from controls.register import AttestationRecord
from evidence.history import HISTORY
from evidence.inventory import InventoryWriter
from evidence.model import NEVER, TABLES, Gap, GapKind, Key, Row, Scope, columns
from evidence.recording import SUFFIX
from evidence.store import PackRecord, Run, RunRecord, SourceRecord, Store
from keyproof.assessment import AssessmentInputs, assess_run, read_catalogue_documents
from keyproof.configuration import Configuration
from keyproof.history import write_history
from keyproof.pack import build_pack
from keyproof.run import assess
from keyproof.verification import verify

NOW = datetime(2026, 6, 30, tzinfo=UTC)
MONTH = timedelta(days=30)
SCOPE = "prod/1/eu-west-1/kms"


def _row(model: type[Row], **facts: Any) -> Any:
    blank = {"boolean": False, "integer": 0, "timestamp": NEVER, "list of string": [], "string": ""}
    values: dict[str, Any] = {"source": "prod", "scope": SCOPE, "evidence": ["OBS-1"]}
    for column in columns(model):
        values.setdefault(column.name, column.values[0] if column.values else blank[column.type])
    return model(**{**values, **facts})


def _scope(at: datetime, **facts: Any) -> Scope:
    given = {"asked": True, "reached": True, "complete": True, "provider": "aws", **facts}
    row: Scope = _row(Scope, **{"id": SCOPE, "collected_at": at, **given})
    return row


def _key(name: str, **facts: Any) -> Key:
    given = {"manager": "customer", "state": "active", "created_at": NOW - 12 * MONTH, **facts}
    rotated = given.get("last_rotated_at", given["created_at"])
    given |= {"last_rotated_at": rotated, "material_known_at": rotated, "key_type": "symmetric data encryption"}
    row: Key = _row(Key, id=name, name=name, **given)
    return row


def _unread(*names: str) -> Gap:
    """A call that was refused, and left these facts of keys unread."""
    told = {"operation": "kms:DescribeKey", "kind": GapKind.REFUSED, "of_table": "key", "columns": sorted(names)}
    gap: Gap = _row(Gap, id=f"GAP-{'-'.join(names)}", **told)
    return gap


def _run(store: Store, months_ago: int, rows: Iterable[Row], pack: PackRecord | None = None, **facts: Any) -> Run:
    """A collected run of so many months ago, with an inventory of these rows and of a scope read at that time."""
    at = NOW - months_ago * MONTH
    run = Run(store.root / "runs" / f"{at:%Y%m%dT%H%M%SZ}-000000")
    run.write_record(
        RunRecord(
            id=run.folder.name,
            tool_version="0",
            organization="Example Ltd",
            configuration_sha256="",
            started_at=at,
            finished_at=at,
            state="collected",
            host="host",
            sources=[],
            tag_names={},
            organization_accounts=[],
        )
    )
    with InventoryWriter(run.inventory) as writer:
        for row in (_scope(at, **facts), *rows):
            writer.add(row)
    if pack:
        run.write_pack_record(pack)
    return run


def _history(run: Run, store: Store, name: str) -> list[dict[str, Any]]:
    write_history(run, store, run.assessment / "history", NOW - 12 * MONTH, NOW)
    assert {path.stem for path in (run.assessment / "history").iterdir()} == set(HISTORY)
    return list(parquet.read_table(run.assessment / "history" / f"{name}.parquet").to_pylist())


def _findings(run: Run, store: Store, control: str, *attested: AttestationRecord) -> dict[str, dict[str, Any]]:
    """Findings of a control by subject, over the year before NOW."""
    write_history(run, store, run.assessment / "history", NOW - 12 * MONTH, NOW)
    inputs = AssessmentInputs(
        as_of=NOW,
        period_start=NOW - 12 * MONTH,
        period_end=NOW,
        frameworks=[],
        overrides={},
        exceptions=[],
        attestations=list(attested),
    )
    whole = load_catalogue()
    only = replace(whole, controls={control: whole.controls[control]}, frameworks={})
    assess_run(run, inputs, only, run.assessment / "history")
    found = parquet.read_table(run.assessment / "findings.parquet").to_pylist()
    return {finding["subject"]: finding for finding in found if finding["control"] == control}


def _attestation(topic: str, subject: str, day: date) -> AttestationRecord:
    return AttestationRecord.model_validate(
        {
            "id": f"ATT-{subject}",
            "topic": topic,
            "requirements": [],
            "subjects": [subject],
            "statement": "Approved.",
            "document": "ticket.pdf",
            "sha256": "0" * 64,
            "document_problem": "",
            "owner": "Ada",
            "approver": "Grace",
            "date": day,
            "expires": NOW.date() + MONTH,
            "not_applicable": False,
            "occurred": None,
            "target": None,
            "counts": {},
            "principals_sha256": "",
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_the_first_run_of_a_store_has_nothing_before_it_and_says_so(store: Store) -> None:
    run = _run(store, 0, [_key("a")])
    assert _history(run, store, "sighting") == []
    (gap,) = _history(run, store, "gap")
    assert (gap["scope"], gap["of_table"], gap["rows_missing"]) == (SCOPE, "reading", True)
    (finding,) = _findings(run, store, "INV-04").values()
    assert (finding["verdict"], finding["missing"]) == ("inconclusive", [gap["id"]])


def test_what_stays_the_same_is_one_row_and_what_changes_is_another(store: Store) -> None:
    for months, state in ((5, "active"), (4, "active"), (3, "suspended"), (2, "suspended")):
        _run(store, months, [_key("a", state=state), _key("b")])
    last = _run(store, 0, [_key("a"), _key("b")])
    seen = [(row["id"], row["state"], row["seen_from"], row["seen_until"]) for row in _history(last, store, "sighting")]
    assert seen == [
        ("a", "active", NOW - 5 * MONTH, NOW - 4 * MONTH),
        ("a", "suspended", NOW - 3 * MONTH, NOW - 2 * MONTH),
        ("b", "active", NOW - 5 * MONTH, NOW - 2 * MONTH),
    ]


def test_a_run_is_folded_once_and_reads_only_its_own_inventory(store: Store) -> None:
    first = _run(store, 2, [_key("a")])
    second = _run(store, 1, [_key("a")])
    _history(second, store, "sighting")
    for table in TABLES:
        (first.inventory / f"{table}.parquet").unlink()
    last = _run(store, 0, [_key("a")])
    (seen,) = _history(last, store, "sighting")
    assert (seen["seen_from"], seen["seen_until"]) == (NOW - 2 * MONTH, NOW - MONTH)


def test_what_a_run_could_not_read_is_not_what_another_told(store: Store) -> None:
    """The run between them proves neither that the key was in use then, nor that nothing of it had changed."""
    rotated = NOW - 9 * MONTH
    _run(store, 6, [_key("a", last_rotated_at=rotated)])
    _run(store, 3, [_key("a", state=None, last_rotated_at=None), _unread("state", "last_rotated_at")], complete=None)
    last = _run(store, 0, [_key("a", last_rotated_at=rotated)])
    before, between = _history(last, store, "sighting")
    assert (before["seen_until"], before["untold"]) == (NOW - 6 * MONTH, [])
    assert (between["state"], between["untold"]) == (None, ["last_rotated_at", "state"])
    assert set(_findings(last, store, "INV-04")) == {SCOPE}, "the first run and this one tell the same"


def test_what_no_earlier_run_could_read_may_have_changed(store: Store) -> None:
    _run(store, 3, [_key("a", state=None), _unread("state")], complete=None)
    last = _run(store, 0, [_key("a")])
    finding = _findings(last, store, "INV-04")["a"]
    assert finding["verdict"] == "inconclusive"
    (gap,) = [gap for gap in _history(last, store, "gap") if gap["id"] in finding["missing"]]
    assert gap["error"] == "the run 20260401T000000Z-000000 did not read all of it"


def test_what_a_provider_does_not_tell_leaves_nothing_open(store: Store) -> None:
    not_told = replace(_unread("last_rotated_at"), kind=GapKind.NOT_OFFERED)
    _run(store, 3, [_key("a", last_rotated_at=None), not_told])
    last = _run(store, 0, [_key("a", last_rotated_at=None), not_told])
    assert "a" not in _findings(last, store, "INV-04")


def test_what_was_away_for_a_while_was_removed_and_created(store: Store) -> None:
    _run(store, 3, [_key("a")])
    _run(store, 2, [])
    last = _run(store, 0, [_key("a")])
    told = _findings(last, store, "INV-04")
    assert [subject for subject in told if " " in subject] == [
        "key a creation 2026-06-30T00:00:00Z",
        "key a removal 2026-05-01T00:00:00Z",
    ]


def test_a_list_that_broke_off_shows_neither_what_went_nor_what_came(store: Store) -> None:
    refused = _row(Gap, id="GAP-1", operation="kms:ListKeys", kind=GapKind.REFUSED, of_table="key", rows_missing=True)
    _run(store, 3, [_key("a")])
    _run(store, 2, [refused], complete=None)
    last = _run(store, 0, [_key("a")])
    assert set(_findings(last, store, "INV-04")) == {SCOPE}


def test_the_first_list_that_was_whole_is_what_others_are_compared_with(store: Store) -> None:
    refused = _row(Gap, id="GAP-1", operation="kms:ListKeys", kind=GapKind.REFUSED, of_table="key", rows_missing=True)
    _run(store, 3, [refused], complete=None)
    between = _run(store, 2, [_key("a")])
    finding = _findings(between, store, "INV-04")[SCOPE]
    assert (finding["verdict"], len(finding["missing"])) == ("inconclusive", 1)
    last = _run(store, 0, [_key("a")])
    assert {name: f["verdict"] for name, f in _findings(last, store, "INV-04").items()} == {SCOPE: "not_applicable"}


def test_each_fact_is_compared_with_when_it_was_last_told(store: Store) -> None:
    _run(store, 5, [_key("a", public=False)])
    _run(store, 3, [_key("a", public=None, extractable=True), _unread("public")], complete=None)
    last = _run(store, 0, [_key("a", public=True, extractable=True)])
    told = [subject for subject in _findings(last, store, "INV-04") if subject.startswith("key a ")]
    assert told == ["key a settings 2026-04-01T00:00:00Z", "key a settings 2026-06-30T00:00:00Z"]


def test_a_scope_that_was_read_and_is_no_more_leaves_its_changes_open(store: Store) -> None:
    gone = _scope(NOW - MONTH, id="prod/2/eu-west-1/kms", scope="prod/2/eu-west-1/kms")
    _run(store, 1, [_key("a"), gone])
    last = _run(store, 0, [_key("a")])
    finding = _findings(last, store, "INV-04")[gone.id]
    assert (finding["verdict"], len(finding["missing"])) == ("inconclusive", 1)


def test_a_run_that_comes_late_is_folded_in_its_place(store: Store) -> None:
    _run(store, 6, [_key("a")])
    _run(store, 2, [_key("a")])
    last = _run(store, 0, [_key("a")])
    assert len(_history(last, store, "sighting")) == 1
    _run(store, 4, [_key("a", state="suspended")])
    assert [row["state"] for row in _history(last, store, "sighting")] == ["active", "suspended", "active"]


def test_a_run_that_cannot_be_read_is_left_out_and_said(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    broken = _run(store, 6, [_key("a")])
    (broken.inventory / "key.parquet").unlink()
    broken.observations.mkdir()
    (broken.observations / f"scope{SUFFIX}").write_bytes(b"no observations")
    _run(store, 2, [_key("a")])
    last = _run(store, 0, [_key("a")])
    (seen,) = _history(last, store, "sighting")
    assert seen["seen_from"] == NOW - 2 * MONTH
    assert broken.folder.name in caplog.text


def test_runs_after_it_and_unfinished_ones_are_none_of_its_past(store: Store) -> None:
    run = _run(store, 3, [_key("a")])
    _run(store, 1, [_key("a", state="suspended")])
    unfinished = _run(store, 5, [_key("b")])
    unfinished.write_record(unfinished.record().model_copy(update={"state": "collecting"}))
    assert _history(run, store, "sighting") == []
    assert _history(run, store, "past_run") == []


def test_each_change_is_told_with_the_runs_between_which_it_happened(store: Store) -> None:
    _run(store, 3, [_key("stays"), _key("off"), _key("goes"), _key("opens"), _key("turns")])
    last = _run(
        store,
        0,
        [
            _key("stays"),
            _key("off", state="suspended"),
            _key("opens", external_accounts=["999999999999"], public=True),
            _key("turns", last_rotated_at=NOW - MONTH),
            _key("new", created_at=NOW - MONTH),
        ],
    )
    told = _findings(last, store, "INV-04")
    changes = {subject.split(" ")[1]: finding for subject, finding in told.items() if " " in subject}
    judged = {name: finding["verdict"] for name, finding in changes.items()}
    assert judged == {
        "off": "inconclusive",
        "opens": "inconclusive",
        "new": "inconclusive",
        "turns": "not_applicable",
        "goes": "not_applicable",
    }
    assert {name: finding["awaits"] for name, finding in changes.items() if finding["awaits"]} == {
        "off": ["change"],
        "opens": ["change"],
        "new": ["change"],
    }
    assert told[SCOPE]["verdict"] == "not_applicable", "it was compared"
    destroyed = _findings(last, store, "DES-02")
    (gone,) = [finding for finding in destroyed.values() if finding["verdict"] == "inconclusive"]
    assert gone["subject"].startswith("key goes removal")
    assert gone["awaits"] == ["destruction"]


@pytest.mark.parametrize(
    ("day", "verdict"),
    [
        (NOW - 95 * timedelta(days=1), "pass"),
        (NOW - timedelta(days=3), "pass"),
        (NOW + timedelta(days=0), "pass"),
        (NOW - timedelta(days=400), "inconclusive"),
    ],
)
def test_a_destruction_is_approved_by_an_attestation_of_its_time(store: Store, day: datetime, verdict: str) -> None:
    _run(store, 1, [_key("goes")])
    last = _run(store, 0, [])
    approved = _attestation("destruction", "go*", day.date())
    (finding,) = [f for f in _findings(last, store, "DES-02", approved).values() if f["observed"] != "{}"][:1]
    told = [f for f in _findings(last, store, "DES-02", approved).values() if f["subject"].startswith("key goes")]
    assert [f["verdict"] for f in told] == [verdict], finding


def test_a_list_that_was_refused_leaves_open_what_is_gone(store: Store) -> None:
    _run(store, 1, [_key("goes")])
    refused = _row(Gap, id="GAP-1", operation="kms:ListKeys", kind=GapKind.REFUSED, of_table="key", rows_missing=True)
    last = _run(store, 0, [refused], complete=None)
    told = _findings(last, store, "DES-02")
    assert set(told) == {SCOPE}, "what is gone is not said to be removed"
    rows = parquet.read_table(last.assessment / "findings.parquet").to_pylist()
    assert sorted(row["verdict"] for row in rows) == ["inconclusive", "not_applicable"]
    assert [row["missing"] for row in rows if row["verdict"] == "inconclusive"] == [["GAP-1"]]


def test_a_fact_that_is_no_longer_told_may_have_changed(store: Store) -> None:
    _run(store, 1, [_key("a", public=False)])
    refused = _row(
        Gap, id="GAP-1", operation="kms:GetKeyPolicy", kind=GapKind.REFUSED, of_table="key", columns=["public"]
    )
    last = _run(store, 0, [_key("a", public=None), refused])
    finding = _findings(last, store, "INV-04")["a"]
    assert (finding["verdict"], finding["missing"]) == ("inconclusive", ["GAP-1"])


def test_a_pack_that_was_swapped_breaks_the_chain(store: Store) -> None:
    one, two, other = "1" * 64, "2" * 64, "3" * 64
    _run(store, 4, [], PackRecord(place="p", manifest_sha256=two, replaced=[one]))
    named = _run(store, 3, [], PackRecord(place="p", manifest_sha256=other, previous=one))
    _run(store, 2, [])
    swapped = _run(store, 1, [], PackRecord(place="p", manifest_sha256="4" * 64, previous="5" * 64))
    last = _run(store, 0, [])
    told = {name: finding["verdict"] for name, finding in _findings(last, store, "EVD-01").items()}
    assert told.pop(named.folder.name) == "pass", "it names the pack that stood there when it was written"
    assert told.pop(swapped.folder.name) == "fail"
    assert sorted(told.values()) == ["not_applicable", "pass"]


@pytest.mark.parametrize(
    ("then", "verdict"), [({"regions": ["eu-west-1"]}, "pass"), ({"regions": ["us-east-1"]}, "inconclusive")]
)
def test_a_scope_that_is_new_was_covered_by_runs_that_were_configured_alike(
    store: Store, then: dict[str, Any], verdict: str
) -> None:
    """An account that was not there then has no reading; nor has one that was left out."""
    for month in range(12, -1, -1):
        last = _run(store, month, [_key("a")])
        own = then if month else {"regions": ["eu-west-1"]}
        source = SourceRecord(name="prod", type="aws", configuration=own, operations=[])
        last.write_record(last.record().model_copy(update={"sources": [source]}))
    new = _scope(NOW, id="prod/2/eu-west-1/kms", scope="prod/2/eu-west-1/kms")
    with InventoryWriter(last.inventory) as writer:
        for row in (_scope(NOW), new, _key("a")):
            writer.add(row)
    finding = _findings(last, store, "EVD-03")["audit period"]
    assert (finding["verdict"], bool(finding["missing"])) == (verdict, verdict == "inconclusive")


@pytest.mark.parametrize(
    ("months", "incomplete", "verdict"),
    [(range(12), (), "pass"), ((0, 6), (), "fail"), (range(12), (5,), "inconclusive")],
)
def test_the_period_is_covered_by_runs_that_read_everything(
    store: Store, months: Iterable[int], incomplete: tuple[int, ...], verdict: str
) -> None:
    for month in sorted(months, reverse=True):
        last = _run(store, month, [_key("a")], complete=None if month in incomplete else True)
    finding = _findings(last, store, "EVD-03")["audit period"]
    assert finding["verdict"] == verdict
    assert bool(finding["missing"]) is (verdict == "inconclusive"), "what is open is explained"


def test_a_pack_carries_what_earlier_runs_show_and_verifies_with_it(
    collected: tuple[Configuration, Run], tmp_path: Path
) -> None:
    """The same run recorded a month later, over a store that holds the earlier one."""
    configuration, run = collected
    store = Store(tmp_path / "store")
    first = store.root / "runs" / "20260530T000000Z-000000"
    second = store.root / "runs" / "20260629T000000Z-000000"
    for folder in (first, second):
        shutil.copytree(run.folder, folder)
        copy = Run(folder)
        copy.write_record(copy.record().model_copy(update={"id": folder.name}))
    last = Run(second)
    catalogue = Catalogue.from_documents(read_catalogue_documents(RECORDED / "catalogue"))
    assess(last, store, configuration, catalogue, NOW)
    readings = parquet.read_table(last.assessment / "history" / "reading.parquet").to_pylist()
    assert {reading["run"] for reading in readings} == {first.name}
    build_pack(last, tmp_path / "pack", formats=("findings-json",))
    result = verify(tmp_path / "pack")
    assert result.problems == []
    assert any("earlier runs" in note for note in result.notes)
    reading = tmp_path / "pack" / "inputs" / "history" / "reading.parquet"
    parquet.write_table(parquet.read_table(reading).slice(1), reading)
    assert [problem.path for problem in verify(tmp_path / "pack").problems] == ["inputs/history/reading.parquet"]
