"""Verification finds every kind of tampering, and says where."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from golden_pack import RECORDED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from evidence.manifest import MANIFEST, Manifest
from evidence.observation import body_digest
from keyproof import archive
from keyproof.archive import write_zip
from keyproof.assessment import read_catalogue_documents
from keyproof.pack import PackError
from keyproof.verification import Kind, Verification, verify

Remake = Callable[[Path], Manifest]
TAMPERING = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def _kinds(result: Verification) -> set[Kind]:
    return {problem.kind for problem in result.problems}


def _paths(result: Verification) -> set[str]:
    return {problem.path for problem in result.problems}


def _text(result: Verification) -> str:
    return "\n".join(result.lines())


def _files(pack: Path) -> list[str]:
    return sorted(path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_file())


def _change_json(path: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _change_table(path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    table = parquet.read_table(path)
    parquet.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), path)


def _change_observations(pack: Path, operation: str, change: Callable[[dict[str, Any]], None]) -> str:
    """Change the first answered observation of an operation; gives its file."""
    for path in sorted((pack / "observations").rglob("*.jsonl.gz")):
        lines = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)
        for index, line in enumerate(lines[1:], start=1):
            observation = json.loads(line)
            if observation["operation"] == operation and observation["status"] == "ok":
                change(observation)
                lines[index] = json.dumps(observation, sort_keys=True, separators=(",", ":")) + "\n"
                path.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
                return path.relative_to(pack).as_posix()
    raise AssertionError(f"no {operation} in the pack")


# --- an honest pack -------------------------------------------------------------------------------------------------


def test_an_honest_folder_is_verified(made_pack: Path) -> None:
    steps: list[str] = []
    result = verify(made_pack, steps.append)
    assert result.problems == []
    assert result.verified
    assert result.files == len(_files(made_pack)) - 1
    assert result.verdicts
    assert result.observations
    assert steps
    assert _text(result).splitlines()[-1] == "verified"
    assert json.loads(json.dumps(result.as_json()))["verified"] is True


def test_an_honest_archive_is_verified(made_pack: Path, tmp_path: Path) -> None:
    write_zip(made_pack, tmp_path / "pack.zip")
    assert verify(tmp_path / "pack.zip").verified


def test_an_archive_made_by_hand_around_the_folder_is_verified(made_pack: Path, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "by-hand"), "zip", made_pack.parent, made_pack.name)
    assert verify(tmp_path / "by-hand.zip").verified


def test_verification_imports_no_sdk(made_pack: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from keyproof.verification import verify\n"
        "assert verify(Path(sys.argv[1])).verified\n"
        "assert not {'boto3', 'botocore', 'moto', 'weasyprint'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(made_pack)], check=True)


def test_verification_opens_no_connection(made_pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert verify(made_pack).verified


def test_verification_changes_nothing(pack: Path) -> None:
    before = {name: (pack / name).read_bytes() for name in _files(pack)}
    verify(pack)
    assert {name: (pack / name).read_bytes() for name in _files(pack)} == before


def test_empty_folders_do_not_matter(pack: Path) -> None:
    (pack / "empty" / "within").mkdir(parents=True)
    assert verify(pack).verified


def test_what_is_no_pack_at_all_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="does not exist"):
        verify(tmp_path / "nowhere")
    (tmp_path / "pack.tar").write_bytes(b"")
    with pytest.raises(PackError, match="neither a folder nor a"):
        verify(tmp_path / "pack.tar")
    assert _kinds(verify(tmp_path)) == {Kind.MANIFEST}


# --- clumsy tampering: the manifest is as it was ----------------------------------------------------------------------


@contextmanager
def _kept(path: Path) -> Iterator[bytes]:
    """Puts a file back as it was."""
    before = path.read_bytes()
    try:
        yield before
    finally:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(before)


@given(data=st.data())
@TAMPERING
def test_any_changed_byte_is_named(pack: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(_files(pack)))
    with _kept(pack / name) as before:
        position = data.draw(st.integers(0, len(before) - 1))
        flipped = before[position] ^ data.draw(st.integers(1, 255))
        (pack / name).write_bytes(before[:position] + bytes([flipped]) + before[position + 1 :])
        result = verify(pack)
        assert not result.verified
        assert result.problems
        assert name == MANIFEST or _paths(result) == {name}


@given(data=st.data())
@TAMPERING
def test_any_cut_is_named(pack: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(_files(pack)))
    with _kept(pack / name) as before:
        (pack / name).write_bytes(before[: data.draw(st.integers(0, len(before) - 1))])
        result = verify(pack)
        if name == MANIFEST:
            assert _kinds(result) == {Kind.MANIFEST}
        else:
            assert [(p.kind, p.path) for p in result.problems] == [(Kind.TRUNCATED, name)]


@given(data=st.data())
@TAMPERING
def test_any_removed_renamed_or_added_file_is_named(pack: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in _files(pack) if name != MANIFEST]))
    how = data.draw(st.sampled_from(["remove", "rename", "add"]))
    other = name + ".bak"
    with _kept(pack / name):
        if how == "add":
            shutil.copyfile(pack / name, pack / other)
        else:
            (pack / name).rename(pack / other)
            if how == "remove":
                (pack / other).unlink()
        result = verify(pack)
        (pack / other).unlink(missing_ok=True)
    found = {(p.kind, p.path) for p in result.problems}
    expected = {"remove": {(Kind.MISSING, name)}, "add": {(Kind.ADDED, other)}}
    assert found == expected.get(how, {(Kind.MISSING, name), (Kind.ADDED, other)})


@given(data=st.data())
@TAMPERING
def test_two_files_that_changed_places_are_named(pack: Path, data: st.DataObject) -> None:
    names = [name for name in _files(pack) if name != MANIFEST]
    one, other = data.draw(st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True))
    with _kept(pack / one) as first, _kept(pack / other) as second:
        if first == second:
            return
        (pack / one).write_bytes(second)
        (pack / other).write_bytes(first)
        assert _paths(verify(pack)) == {one, other}


def test_an_added_file_anywhere_is_named(pack: Path) -> None:
    for name in ("note.txt", "observations/extra.jsonl.gz", "inputs/catalogue/catalog/mine.toml", "a/b/c"):
        path = pack / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        assert [(p.kind, p.path) for p in verify(pack).problems] == [(Kind.ADDED, name)]
        path.unlink()


def test_links_pipes_and_names_that_are_no_text_are_named_and_not_followed(pack: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    (pack / "folder").symlink_to(outside)
    (pack / "inputs" / "loop").symlink_to(pack)
    os.mkfifo(pack / "pipe")
    Path(os.fsdecode(os.fsencode(pack) + b"/\xff")).write_text("x")
    result = verify(pack)
    assert {(p.kind, p.path) for p in result.problems} == {
        (Kind.ADDED, name) for name in ("folder", "inputs/loop", "pipe", "\\xff")
    }
    json.dumps(result.as_json()).encode()


def test_a_file_replaced_by_a_link_to_the_same_bytes_is_named(pack: Path, tmp_path: Path) -> None:
    (pack / "findings.parquet").rename(tmp_path / "elsewhere")
    (pack / "findings.parquet").symlink_to(tmp_path / "elsewhere")
    assert [(p.kind, p.path) for p in verify(pack).problems] == [(Kind.CHANGED, "findings.parquet")]


# --- careful tampering: the manifest fits the files again -----------------------------------------------------------


def test_a_remade_manifest_alone_changes_nothing(pack: Path, remade: Remake) -> None:
    before = (pack / MANIFEST).read_bytes()
    remade(pack)
    assert (pack / MANIFEST).read_bytes() == before


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
def test_a_verdict_made_better_is_named_with_both(pack: Path, remade: Remake, verdict: str) -> None:
    changed: dict[str, Any] = {}

    def forge(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        row = next(row for row in rows if row["verdict"] == verdict)
        changed.update(row)
        row["verdict"] = "pass"
        return rows

    _change_table(pack / "findings.parquet", forge)
    remade(pack)
    result = verify(pack)
    told = [p.text for p in result.problems if p.kind is Kind.FINDINGS]
    assert len(told) == 1
    for part in (changed["control"], changed["subject"], "pass in the pack", f"give {verdict}"):
        assert part in told[0]


@pytest.mark.parametrize("how", ["removed", "doubled"])
def test_a_finding_more_or_less_is_named(pack: Path, remade: Remake, how: str) -> None:
    change = {"removed": lambda rows: rows[1:], "doubled": lambda rows: [rows[0], *rows]}[how]
    _change_table(pack / "findings.parquet", change)
    remade(pack)
    result = verify(pack)
    assert "findings.parquet" in {p.path for p in result.problems if p.kind is Kind.FINDINGS}


def test_a_row_of_the_inventory_is_held_to_the_observations(pack: Path, remade: Remake) -> None:
    def forge(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        rows[0]["rotation_enabled"] = not rows[0]["rotation_enabled"]
        return rows

    _change_table(pack / "inventory" / "key.parquet", forge)
    remade(pack)
    result = verify(pack)
    assert [(p.kind, p.path) for p in result.problems] == [(Kind.REPLAY, "inventory/key.parquet")]
    assert "rotation_enabled" in result.problems[0].text


def test_another_encoding_and_order_of_the_same_rows_is_no_difference(pack: Path, remade: Remake) -> None:
    path = pack / "inventory" / "key.parquet"
    parquet.write_table(parquet.read_table(path).sort_by([("id", "descending")]), path, compression="none")
    remade(pack)
    assert verify(pack).problems == []


def test_a_table_that_is_none_or_has_other_columns_is_named(pack: Path, remade: Remake) -> None:
    (pack / "inventory" / "key.parquet").write_bytes(b"PAR1 no PAR1")
    secret = pack / "inventory" / "secret.parquet"
    parquet.write_table(parquet.read_table(secret).drop_columns(["public"]), secret)
    (pack / "inventory" / "gap.parquet").unlink()
    remade(pack)
    assert {(p.kind, p.path) for p in verify(pack).problems} == {
        (Kind.REPLAY, "inventory/key.parquet"),
        (Kind.REPLAY, "inventory/secret.parquet"),
        (Kind.MISSING, "inventory/gap.parquet"),
    }


def _rewrite_body(observation: dict[str, Any], old: str, new: str) -> None:
    assert old in observation["body"]
    observation["body"] = observation["body"].replace(old, new)


def test_an_observation_whose_body_is_not_its_digests_is_named(pack: Path, remade: Remake) -> None:
    name = _change_observations(pack, "kms:DescribeKey", lambda o: _rewrite_body(o, "Enabled", "enabled"))
    remade(pack)
    result = verify(pack)
    assert [(p.kind, p.path) for p in result.problems] == [(Kind.REPLAY, name)]
    assert "SHA-256 that is not that of its body" in result.problems[0].text


def test_a_forged_observation_with_every_digest_made_to_fit_does_not_bear_out_the_findings(
    pack: Path, remade: Remake
) -> None:
    def forge(observation: dict[str, Any]) -> None:
        key = json.loads(observation["body"])
        key["KeyMetadata"] |= {"KeyState": "Disabled", "Enabled": False}
        observation["body"] = json.dumps(key)
        observation["sha256"] = body_digest(observation["body"])

    _change_observations(pack, "kms:DescribeKey", forge)
    remade(pack)
    result = verify(pack)
    assert {"findings.parquet", "inventory/key.parquet", "inventory/observation.parquet"} <= _paths(result)
    assert not result.verified


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("identity", "arn:aws:iam::999999999999:user/other"),
        ("request_id", "x"),
        ("received_at", "2026-01-01T00:00:00Z"),
    ],
)
def test_what_surrounds_an_answer_is_held_to_the_index_of_observations(
    pack: Path, remade: Remake, member: str, value: str
) -> None:
    _change_observations(pack, "kms:DescribeKey", lambda o: o.update({member: value}))
    remade(pack)
    result = verify(pack)
    assert "inventory/observation.parquet" in _paths(result)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scope": "prod/elsewhere"}, "belongs to the scope"),
        ({"source": "test"}, "belongs to the scope"),
        ({"id": "OBS-000000000000"}, "is not the id of what was asked"),
        ({"parameters": {"KeyId": "another"}}, "is not the id of what was asked"),
        ({"received_at": "yesterday"}, "yesterday"),
        ({"received_at": "2026-01-01T00:00:00"}, "no zone"),
        ({"attempts": "1"}, "attempts is str"),
        ({"more": "x"}, "not an observation"),
    ],
)
def test_an_observation_out_of_place_is_named(pack: Path, remade: Remake, change: dict[str, Any], told: str) -> None:
    name = _change_observations(pack, "kms:DescribeKey", lambda o: o.update(change))
    remade(pack)
    result = verify(pack)
    assert [(p.kind, p.path) for p in result.problems] == [(Kind.REPLAY, name)]
    assert told in result.problems[0].text


def test_a_scope_under_another_name_and_one_cut_off_within_are_named(pack: Path, remade: Remake) -> None:
    scopes = sorted((pack / "observations").rglob("kms.jsonl.gz"))
    moved = scopes[0].rename(scopes[0].with_name("cms.jsonl.gz"))
    remade(pack)
    result = verify(pack)
    assert (Kind.REPLAY, moved.relative_to(pack).as_posix()) in {(p.kind, p.path) for p in result.problems}
    data = moved.rename(scopes[0]).read_bytes()
    scopes[0].write_bytes(data[: len(data) // 2])
    remade(pack)
    assert "damaged" in _text(verify(pack))


def test_a_scope_left_out_is_missed(pack: Path, remade: Remake) -> None:
    next(iter(sorted((pack / "observations").rglob("kms.jsonl.gz")))).unlink()
    remade(pack)
    result = verify(pack)
    assert {"inventory/scope.parquet", "findings.parquet"} <= _paths(result)


def test_a_source_that_this_version_does_not_know_is_named(pack: Path, remade: Remake) -> None:
    path = next(iter(sorted((pack / "observations").rglob("kms.jsonl.gz"))))
    text = gzip.decompress(path.read_bytes()).replace(b'"type":"aws"', b'"type":"other"', 1)
    path.write_bytes(gzip.compress(text, mtime=0))
    remade(pack)
    assert "knows no source of type 'other'" in _text(verify(pack))


def test_counts_and_status_in_the_assessment_are_made_again(pack: Path, remade: Remake) -> None:
    def forge(document: Any) -> None:
        control = next(c for c in document["controls"] if c["counts"]["failed"])
        control["counts"]["failed"] -= 1
        document["frameworks"][0]["requirements"][0]["status"] = "supported"

    _change_json(pack / "inputs" / "assessment.json", forge)
    remade(pack)
    told = [p.text for p in verify(pack).problems if p.kind is Kind.FINDINGS]
    assert any(".counts.failed is " in text for text in told)
    assert any(".status is supported in the pack" in text for text in told)


def test_a_looser_parameter_in_the_inputs_does_not_give_the_findings(pack: Path, remade: Remake) -> None:
    def forge(document: Any) -> None:
        document["overrides"]["EX-01"]["max_age_days"]["value"] = 100_000

    _change_json(pack / "inputs" / "inputs.json", forge)
    remade(pack)
    result = verify(pack)
    assert Kind.FINDINGS in _kinds(result)
    assert "max_age_days" in _text(result)


def test_other_sizes_of_samples_in_the_inputs_do_not_give_the_assessment(pack: Path, remade: Remake) -> None:
    _change_json(pack / "inputs" / "inputs.json", lambda document: document["sampling"].update(size=7))
    remade(pack)
    result = verify(pack)
    assert Kind.FINDINGS in _kinds(result)
    assert "sampling.size" in _text(result)


def test_a_control_taken_out_of_the_catalogue_does_not_give_the_findings(pack: Path, remade: Remake) -> None:
    path = pack / "inputs" / "catalogue" / "catalog" / "example.toml"
    path.write_text(path.read_text().replace("EX-02", "EX-92"))
    remade(pack)
    result = verify(pack)
    assert not result.verified


@pytest.mark.parametrize("name", ["run.json", "inputs.json", "assessment.json", "catalogue/catalog/example.toml"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"a":' * 100_000])
def test_inputs_that_are_no_such_thing_are_a_problem_and_no_crash(
    pack: Path, name: str, content: bytes, remade: Remake
) -> None:
    (pack / "inputs" / name).write_bytes(content)
    manifest = json.loads((pack / MANIFEST).read_bytes())
    manifest["files"][f"inputs/{name}"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (pack / MANIFEST).write_bytes(Manifest.model_validate(manifest).to_bytes())
    result = verify(pack)
    assert result.problems
    assert not result.verified


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("run", "20200101T000000Z-aaaaaa"),
        ("organization", "Another Ltd"),
        ("as_of", "2020-01-01T00:00:00Z"),
        ("tool_version", "0.0.0"),
        ("catalogue_sha256", "0" * 64),
        ("configuration_sha256", "0" * 64),
        ("evidence_digest", "0" * 64),
        ("previous", "0" * 64),
    ],
)
def test_the_manifest_cannot_say_what_the_files_do_not(pack: Path, member: str, value: str) -> None:
    document = json.loads((pack / MANIFEST).read_bytes())
    document[member] = value
    (pack / MANIFEST).write_bytes(Manifest.model_validate(document).to_bytes())
    result = verify(pack)
    assert (Kind.MANIFEST, MANIFEST) in {(p.kind, p.path) for p in result.problems}
    assert any(p.text.startswith(member) for p in result.problems)


def test_an_identity_cannot_be_struck_from_the_manifest(pack: Path) -> None:
    document = json.loads((pack / MANIFEST).read_bytes())
    assert document["collected_by"][0]["identities"]
    document["collected_by"][0]["identities"] = []
    (pack / MANIFEST).write_bytes(Manifest.model_validate(document).to_bytes())
    assert Kind.MANIFEST in _kinds(verify(pack))


@pytest.mark.parametrize("name", ["read-me.html", "inputs/more.json", "inventory/more.csv", "observations/note.txt"])
def test_a_file_that_belongs_to_no_pack_is_named_even_when_listed(pack: Path, remade: Remake, name: str) -> None:
    (pack / name).write_text("trust me")
    remade(pack)
    assert (Kind.ADDED, name) in {(p.kind, p.path) for p in verify(pack).problems}


@pytest.mark.parametrize("name", ["findings.json", "inventory/key.csv"])
def test_data_for_others_is_written_again_and_compared(pack: Path, remade: Remake, name: str) -> None:
    text = (pack / name).read_text("utf-8")
    (pack / name).write_text(text.replace("never-rotated", "always-rotated"), "utf-8")
    assert (pack / name).read_text("utf-8") != text
    remade(pack)
    assert [(p.kind, p.path) for p in verify(pack).problems] == [(Kind.REPLAY, name)]


def test_a_pack_of_another_version_is_compared_by_content_and_told(
    pack: Path, remade: Remake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keyproof.verification.__version__", "99.0")
    result = verify(pack)
    assert result.problems == []
    assert any("keyproof 99.0 checked it" in note for note in result.notes)


def test_a_catalogue_of_ones_own_is_told(run: Any, made_pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from controls.catalogue import Catalogue

    documents = dict(read_catalogue_documents(RECORDED / "catalogue"))
    documents["catalog/example.toml"] += "\n# a comment\n"
    other = Catalogue.from_documents(documents)
    monkeypatch.setattr("controls.catalogue.load_catalogue", lambda extra=(): other)
    result = verify(made_pack)
    assert result.verified
    assert any("catalog/example.toml is not the one that comes with keyproof" in note for note in result.notes)


# --- archives -------------------------------------------------------------------------------------------------------


def _zip_with(pack: Path, target: Path, add: Callable[[zipfile.ZipFile], None]) -> Verification:
    write_zip(pack, target)
    with zipfile.ZipFile(target, "a") as archive_:
        add(archive_)
    return verify(target)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a//b", "C:evil", "a\\b", "a\x01b", "./x"])
def test_a_member_that_leads_out_is_refused(made_pack: Path, tmp_path: Path, name: str) -> None:
    result = _zip_with(made_pack, tmp_path / "pack.zip", lambda z: z.writestr(name, "x"))
    assert _kinds(result) == {Kind.CHANGED}
    assert not (tmp_path / "evil").exists()
    assert not Path("/etc/evil").exists()


def test_links_in_an_archive_are_refused(made_pack: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("inputs/link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    result = _zip_with(made_pack, tmp_path / "pack.zip", lambda z: z.writestr(link, "/etc/passwd"))
    assert [(p.kind, p.path) for p in result.problems] == [(Kind.CHANGED, "inputs/link")]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_doubled_members_and_files_below_files_are_refused(made_pack: Path, tmp_path: Path) -> None:
    assert "twice" in _text(_zip_with(made_pack, tmp_path / "a.zip", lambda z: z.writestr("findings.json", "x")))
    below = _zip_with(made_pack, tmp_path / "b.zip", lambda z: z.writestr("findings.json/x", "x"))
    assert "stands below 'findings.json', which is a file" in _text(below)


def test_an_encrypted_member_is_refused(made_pack: Path, tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    write_zip(made_pack, path)
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    flags = struct.unpack_from("<H", data, at + 8)[0]
    struct.pack_into("<H", data, at + 8, flags | 1)
    path.write_bytes(data)
    assert "is encrypted" in _text(verify(path))


def test_a_bomb_is_stopped_before_it_fills_the_disk(
    made_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ALLOWANCE", 1 << 20)
    monkeypatch.setattr(archive, "RATIO_LIMIT", 2)

    def bomb(target: zipfile.ZipFile) -> None:
        target.writestr("bomb", bytes(64 << 20), zipfile.ZIP_DEFLATED)

    assert "far beyond what a pack does" in _text(_zip_with(made_pack, tmp_path / "pack.zip", bomb))


def test_too_many_members_are_refused(made_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ENTRY_LIMIT", 3)
    write_zip(made_pack, tmp_path / "pack.zip")
    assert "more than 3 members" in _text(verify(tmp_path / "pack.zip"))


@given(data=st.data())
@TAMPERING
def test_a_damaged_archive_is_a_problem_or_holds_the_very_same_files(
    made_pack: Path, tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "pack.zip"
    if not path.exists():
        write_zip(made_pack, path)
    with _kept(path) as before:
        position = data.draw(st.integers(0, len(before) - 1))
        if data.draw(st.booleans()):
            path.write_bytes(before[:position])
        else:
            changed = bytearray(before)
            changed[position] ^= data.draw(st.integers(1, 255))
            path.write_bytes(changed)
        result = verify(path)
        if not result.problems:
            with archive.unpacked(path) as folder:
                assert {n: (folder / n).read_bytes() for n in _files(folder)} == {
                    n: (made_pack / n).read_bytes() for n in _files(made_pack)
                }
