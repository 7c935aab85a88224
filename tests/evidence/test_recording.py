"""The files of observations: whole after any interruption, safe under any name, never read as more than they are."""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.manifest import path_problem
from evidence.observation import Observation
from evidence.recording import (
    LINE_LIMIT,
    SUFFIX,
    ScopeHeader,
    ScopeRecording,
    find_observations,
    read_header,
    read_scope,
    scope_files,
    scope_path,
)

Make = Callable[..., Observation]
HEADER = ScopeHeader(
    id="prod/111122223333/eu-west-1/kms", source="prod", type="aws", service="kms", organization_accounts=("1", "2")
)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def batches(observation: Make) -> list[list[Observation]]:
    """Three subjects with two exchanges each."""
    operations = ("kms:DescribeKey", "kms:GetKeyPolicy")
    return [[observation(f"key-{n}", op, body=json.dumps({"n": n}) * n) for op in operations] for n in range(1, 4)]


def _record(folder: Path, batches: Sequence[Sequence[Observation]]) -> Path:
    recording = ScopeRecording(folder, HEADER)
    for batch in batches:
        recording.write(batch)
    recording.complete()
    return recording.path


@pytest.fixture(scope="module")
def whole(batches: list[list[Observation]], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a file that was never interrupted."""
    return _record(tmp_path_factory.mktemp("whole"), batches).read_bytes()


def _held(data: bytes) -> list[str]:
    """Ids of the observations whose lines are whole in the beginning of a file."""
    lines = zlib.decompressobj(wbits=31).decompress(data).split(b"\n")[:-1]
    return [json.loads(line)["id"] for line in lines if b'"id"' in line and b'"scope":{' not in line]


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _resume(folder: Path, batches: Sequence[Sequence[Observation]]) -> list[str]:
    """Go on with what is in the folder, as collection does; gives the ids that need not be asked for."""
    recording = ScopeRecording(folder, HEADER)
    known = []
    for batch in batches:
        found = [recording.recorded(wanted.id) for wanted in batch]
        known += [there.id for there in found if there]
        recording.write([there or wanted for there, wanted in zip(found, batch, strict=True)])
    recording.complete()
    return known


def test_a_file_cut_at_any_byte_loses_no_whole_observation(
    batches: list[list[Observation]], whole: bytes, tmp_path: Path
) -> None:
    """And what is recorded again makes the very file that an uninterrupted run would have made."""
    for cut in range(len(whole)):
        folder = tmp_path / str(cut)
        part = folder / (scope_path(HEADER.id) + ".part")
        part.parent.mkdir(parents=True)
        part.write_bytes(whole[:cut])
        assert _resume(folder, batches) == _held(whole[:cut])
        assert _files(folder) == [scope_path(HEADER.id)]
        assert (folder / scope_path(HEADER.id)).read_bytes() == whole
        shutil.rmtree(folder)


@QUICK
@given(data=st.data())
def test_a_run_interrupted_again_and_again_keeps_all_it_ever_recorded(
    data: st.DataObject, batches: list[list[Observation]], whole: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("again")
    place = folder / scope_path(HEADER.id)
    kept: set[str] = set()
    for _ in range(data.draw(st.integers(1, 4))):
        recording = ScopeRecording(folder, HEADER)
        for batch in batches[: data.draw(st.integers(0, len(batches)))]:
            found = [recording.recorded(wanted.id) or wanted for wanted in batch]
            assert kept >= {o.id for o in found if o not in batch}
            recording.write(found)
        recording.abandon()
        part = place.with_name(place.name + ".part")
        size = data.draw(st.integers(0, part.stat().st_size))
        part.write_bytes(part.read_bytes()[:size])
        kept.update(_held(part.read_bytes()))
    assert kept <= set(_resume(folder, batches))
    assert place.read_bytes() == whole
    assert _files(folder) == [scope_path(HEADER.id)]


@QUICK
@given(data=st.data())
def test_what_a_disk_garbled_is_asked_again(
    data: st.DataObject, batches: list[list[Observation]], whole: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No observation is taken up that is not the one that was recorded."""
    folder = tmp_path_factory.mktemp("garbled")
    part = folder / (scope_path(HEADER.id) + ".part")
    part.parent.mkdir(parents=True)
    at = data.draw(st.integers(0, len(whole) - 1))
    part.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :])
    recording = ScopeRecording(folder, HEADER)
    for wanted in (o for batch in batches for o in batch):
        found = recording.recorded(wanted.id)
        assert found is None or found.body == wanted.body
    recording.abandon()


def test_a_damaged_line_costs_that_line(batches: list[list[Observation]], tmp_path: Path) -> None:
    part = tmp_path / (scope_path(HEADER.id) + ".part")
    part.parent.mkdir(parents=True)
    (one, other), *_ = batches
    spoilt = one.to_line().replace('"body":"', '"body":" ')
    lines = [HEADER.to_line(), spoilt, "{}\n", "\x00\n", other.to_line()]
    part.write_bytes(gzip.compress("".join(lines).encode()))
    recording = ScopeRecording(tmp_path, HEADER)
    assert recording.recorded(one.id) is None
    assert recording.recorded(other.id) == other
    recording.abandon()


def test_a_name_is_a_promise(batches: list[list[Observation]], tmp_path: Path) -> None:
    recording = ScopeRecording(tmp_path, HEADER)
    recording.write(batches[0])
    assert scope_files(tmp_path) == []
    recording.complete()
    assert scope_files(tmp_path) == [recording.path]


def test_a_complete_file_taken_up_again_is_the_same(
    batches: list[list[Observation]], whole: bytes, tmp_path: Path
) -> None:
    _record(tmp_path, batches)
    assert len(_resume(tmp_path, batches)) == 6
    assert (tmp_path / scope_path(HEADER.id)).read_bytes() == whole


def test_each_batch_is_on_disk_when_it_is_written(batches: list[list[Observation]], tmp_path: Path) -> None:
    recording = ScopeRecording(tmp_path, HEADER)
    part = recording.path.with_name(recording.path.name + ".part")
    written: list[str] = []
    for batch in batches:
        recording.write(batch)
        written += [o.id for o in batch]
        assert _held(part.read_bytes()) == written
    recording.abandon()


# --- reading --------------------------------------------------------------------------------------------------------


def test_what_is_read_is_what_was_recorded(batches: list[list[Observation]], tmp_path: Path) -> None:
    header, observations = read_scope(_record(tmp_path, batches))
    assert header == HEADER
    assert list(observations) == [o for batch in batches for o in batch]


def test_observations_are_found_by_their_ids_and_not_by_what_answers_say(observation: Make, tmp_path: Path) -> None:
    wanted = observation("key-2", "kms:DescribeKey")
    deceiving = observation("key-1", "kms:DescribeKey", body=f'{{"id":"{wanted.id}"}}', error=f'"id":"{wanted.id}"')
    path = _record(tmp_path, [[deceiving], [wanted], [observation("key-3", "kms:DescribeKey")]])
    assert find_observations(path, {wanted.id, "OBS-000000000000"}) == {wanted.id: wanted}
    assert find_observations(path, set()) == {}


def test_a_damaged_file_is_named_where_an_observation_is_looked_for(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"damaged{SUFFIX}"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged"):
        find_observations(path, {"OBS-000000000000"})


def test_a_complete_file_cut_at_any_byte_is_damaged_and_never_shorter(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scope.jsonl.gz"
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"damaged|not the header"):
            list(read_scope(path)[1])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"plain text",
        gzip.compress(b"", mtime=0),
        gzip.compress(b"{}\n", mtime=0),
        gzip.compress(b'{"scope": 1}\n', mtime=0),
        gzip.compress(b'{"scope": {"id": "x"}}\n', mtime=0),
        gzip.compress(b"[" * 100_000 + b"\n", mtime=0),
        gzip.compress("é\n".encode(), mtime=0),
    ],
)
def test_a_file_without_a_header_is_refused_at_once(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scope.jsonl.gz"
    path.write_bytes(content)
    for read in (read_scope, read_header):
        with pytest.raises(ValueError, match=r".+"):
            read(path)


def test_a_line_without_an_end_is_not_held_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert LINE_LIMIT == 256 << 20
    monkeypatch.setattr("evidence.recording.LINE_LIMIT", 1000)
    path = tmp_path / "scope.jsonl.gz"
    path.write_bytes(gzip.compress(HEADER.to_line().encode() + b"x" * 2000 + b"\n"))
    with pytest.raises(ValueError, match="too long"):
        list(read_scope(path)[1])


# --- headers --------------------------------------------------------------------------------------------------------


@given(texts=st.lists(ANY_TEXT, min_size=7, max_size=7), accounts=st.lists(ANY_TEXT, max_size=3), known=st.booleans())
def test_a_header_gives_back_what_it_was_made_from(texts: list[str], accounts: list[str], known: bool) -> None:
    scope, source, kind, service, account, region, identity = texts
    header = ScopeHeader(
        id=scope,
        source=source,
        type=kind,
        service=service,
        account=account,
        account_name=None if known else account,
        region=region,
        identity=identity,
        organization_accounts=tuple(accounts),
        organization_known=known,
    )
    assert ScopeHeader.from_line(header.to_line()) == header
    assert header.to_line().isascii()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", 1),
        ("account", None),
        ("account_name", 1),
        ("region", ["x"]),
        ("organization_accounts", [1]),
        ("organization_accounts", {"a": 1}),
        ("organization_accounts", "12"),
        ("organization_known", 1),
        ("organization_known", "true"),
        ("extra", "x"),
    ],
)
def test_a_header_of_other_types_is_refused(member: str, value: object) -> None:
    whole = json.loads(HEADER.to_line())["scope"]
    with pytest.raises(ValueError, match="not the header"):
        ScopeHeader.from_line(json.dumps({"scope": {**whole, member: value}}))


# --- names ----------------------------------------------------------------------------------------------------------

SCOPE_IDS = st.lists(
    ANY_TEXT | st.sampled_from(["", ".", "..", "kms", "kms.jsonl.gz", "kms.jsonl.gz.part", "CON", "x" * 700, "é" * 90]),
    min_size=1,
    max_size=8,
).map("/".join)


@settings(max_examples=400)
@given(scope=SCOPE_IDS)
def test_the_file_of_a_scope_is_below_its_folder_whatever_it_is_called(scope: str) -> None:
    path = scope_path(scope)
    assert path.isascii()
    assert path_problem(f"observations/{path}") == ""
    assert PurePosixPath(path).name.endswith(SUFFIX)
    for part in path.split("/"):
        assert len(f"{part}.left.merging") <= 255


@settings(max_examples=400)
@given(one=SCOPE_IDS, end=st.sampled_from(["", "/", ".jsonl.gz/", ".jsonl.gz.part/", "~"]), more=SCOPE_IDS)
def test_no_two_scopes_stand_in_each_others_way(one: str, end: str, more: str) -> None:
    """Neither do they share a file, nor is the file of one, whole or in the making, a folder of the other."""
    for other in {more, one + end + more} - {one}:
        for end in ("", ".part", ".left", ".merging"):
            assert scope_path(one) + end != scope_path(other)
            assert not scope_path(other).startswith(f"{scope_path(one)}{end}/")


def test_a_region_called_like_a_file_stops_no_collection(batches: list[list[Observation]], tmp_path: Path) -> None:
    for region in ("eu-west-1", "eu-west-1/kms.jsonl.gz", "eu-west-1/kms.jsonl.gz.part", "../..", "/etc"):
        scope = f"prod/111122223333/{region}/kms"
        recording = ScopeRecording(tmp_path, ScopeHeader(id=scope, source="prod", type="aws", service="kms"))
        recording.write(batches[0])
        recording.complete()
    assert {read_header(path).id.split("/", 2)[2] for path in scope_files(tmp_path)} == {
        f"{region}/kms"
        for region in ("eu-west-1", "eu-west-1/kms.jsonl.gz", "eu-west-1/kms.jsonl.gz.part", "../..", "/etc")
    }
