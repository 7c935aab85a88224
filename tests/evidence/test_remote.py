"""A store on an object store: what one machine published another one fetches, over the real wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer

from evidence.remote import Remote, RemoteError
from evidence.store import PACK_RECORD, RUN_RECORD, PackRecord, Run, Store


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A store's URL in a bucket of S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    credentials = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in credentials.items():
            patch.setenv(name, value)
        url = f"http://{host}:{port}"
        with closing(boto3.Session(region_name="us-east-1").client("s3", endpoint_url=url)) as s3:
            s3.create_bucket(Bucket="evidence")
        yield f"s3://evidence/keyproof?endpoint_override={host}:{port}&scheme=http&region=us-east-1"
    server.stop()


@pytest.fixture(params=["file", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "s3":
        return str(request.getfixturevalue("bucket"))
    return f"file://{tmp_path}/far" if request.param == "file" else f"memory://{tmp_path.name}/far"


def _publish(store: Store, name: str) -> Run:
    run = Run(store.root / "runs" / name)
    scope = run.observations / "prod" / "%2E%2E" / "kms.jsonl.gz"
    scope.parent.mkdir(parents=True)
    scope.write_bytes(b"scope " + name.encode())
    (run.folder / RUN_RECORD).write_bytes(b"record " + name.encode())
    store.publish(run, [scope, run.folder / RUN_RECORD])
    return run


def test_what_one_machine_published_another_fetches(url: str, tmp_path: Path) -> None:
    here, there = Store(tmp_path / "here", Remote(url)), Store(tmp_path / "there", Remote(url))
    there.refresh()
    assert there.runs() == [], "nothing was published yet"
    run = _publish(here, "20260630T000000Z-abcdef")
    there.refresh()
    [found] = there.runs()
    assert found.folder.name == run.folder.name
    assert not found.observations.exists(), "the records tell which runs there are; the rest comes when it is asked for"
    there.fetch(found)
    files = {path.relative_to(here.root) for path in here.root.rglob("*") if path.is_file()}
    assert {path.relative_to(there.root) for path in there.root.rglob("*") if path.is_file()} == files
    for name in files:
        assert (there.root / name).read_bytes() == (here.root / name).read_bytes()


def test_what_is_here_is_not_fetched_again(url: str, tmp_path: Path) -> None:
    here, there = Store(tmp_path / "here", Remote(url)), Store(tmp_path / "there", Remote(url))
    run = _publish(here, "20260630T000001Z-abcdef")
    own = there.root / "runs" / run.folder.name / RUN_RECORD
    own.parent.mkdir(parents=True)
    own.write_bytes(b"own")
    there.refresh()
    assert own.read_bytes() == b"own"


def test_the_record_of_a_pack_that_another_machine_wrote_is_learnt_of(url: str, tmp_path: Path) -> None:
    """Also where the newest was written anew: the next pack names it."""
    here, there = Store(tmp_path / "here", Remote(url)), Store(tmp_path / "there", Remote(url))
    runs = [_publish(here, f"2027010{day}T000000Z-abcdef") for day in (1, 2)]
    for run in runs:
        run.write_pack_record(PackRecord(place="pack", manifest_sha256="1" * 64))
        here.publish(run, [run.folder / PACK_RECORD])
    there.refresh()
    anew = PackRecord(place="pack", manifest_sha256="2" * 64, replaced=["1" * 64])
    runs[1].write_pack_record(anew)
    here.publish(runs[1], [runs[1].folder / PACK_RECORD])
    there.refresh()
    assert [run.pack_record() for run in there.runs()[-2:]] == [run.pack_record() for run in runs]


def test_a_file_that_is_not_there_is_an_error_that_names_the_url(url: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=r"check \[store\] url"):
        Remote(url).get("runs/none/run.json", tmp_path / "x" / "run.json")
    assert not (tmp_path / "x" / "run.json").exists()


@pytest.mark.parametrize("name", ["../../../stolen", "a\\b", "x" * 300])
def test_a_name_that_leads_out_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    files = fsspec.filesystem("memory")
    files.pipe(f"/{tmp_path.name}/far/runs/20260630T000000Z-abcdef/{name}", b"x")
    store = Store(tmp_path / "store", Remote(f"memory://{tmp_path.name}/far"))
    with pytest.raises(RemoteError, match="remove the file"):
        store.fetch(Run(store.root / "runs" / "20260630T000000Z-abcdef"))
    assert list(tmp_path.iterdir()) == []


def test_a_kind_of_url_that_nobody_knows_is_named() -> None:
    with pytest.raises(RemoteError, match="nowhere://x"):
        Remote("nowhere://x")


def test_a_store_that_does_not_answer_is_named() -> None:
    with pytest.raises(RemoteError, match=r"s3://evidence.*check \[store\] url"):
        list(Remote("s3://evidence/x?endpoint_override=127.0.0.1:9&scheme=http&region=us-east-1").names("runs"))
