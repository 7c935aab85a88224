"""Attestations and exceptions by command: what is added, what is refused, what counts for nothing, and what travels."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from golden_pack import RECORDED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from controls.catalogue import Catalogue, load_catalogue
from evidence.manifest import Manifest, read_manifest
from evidence.store import Run, Store
from keyproof.__main__ import run as run_command
from keyproof.assessment import read_catalogue_documents
from keyproof.configuration import Configuration, load_configuration
from keyproof.registers import ATTESTATIONS, _appended, _toml_text, add_entry
from keyproof.run import assess
from keyproof.verification import Kind, verify

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = """
[organization]
name = "Example Ltd"
[store]
url = "store"
[audit]
frameworks = ["soc2"]
period = { start = 2025-07-01, end = 2026-06-30 }
exceptions = "exceptions.toml"
attestations = "attestations.toml"
[[source]]
type = "aws"
name = "prod"
regions = ["eu-west-1"]
"""
PEOPLE = {"--owner": "Ada", "--approver": "Grace", "--expires": "2099-12-31"}
ATTESTATION = {
    "--id": "AT-1",
    "--topic": "policy",
    "--statement": "The policy is approved.",
    "--document": "policy.txt",
    "--date": "2026-01-01",
    **PEOPLE,
}
EXCEPTION = {
    "--id": "EX-1",
    "--control": "ROT-02",
    "--subject": "arn:aws:kms:*",
    "--reason": "The appliance cannot follow.",
    "--compensating-control": "Each use is reviewed.",
    "--approved": "2026-01-01",
    **PEOPLE,
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Keyproof = Callable[..., Told]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration that names registers, which are not there yet, and a document."""
    (tmp_path / "keyproof.toml").write_text(CONFIGURATION)
    (tmp_path / "policy.txt").write_text("policy 3.2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def keyproof(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Keyproof:
    """The command, in this process, with standard input that is no terminal."""
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)

        def run(*arguments: str | Path) -> Told:
            capsys.readouterr()
            code = run_command([str(argument) for argument in arguments])
            told = capsys.readouterr()
            return Told(code, told.out, told.err)

        yield run


def _options(fields: Mapping[str, str], **changed: str) -> list[str]:
    """The options of a command; one that is changed to the empty text is left out."""
    names = {f"--{name.strip('_').replace('_', '-')}": value for name, value in changed.items()}
    return [part for name, value in {**fields, **names}.items() if value for part in (name, value)]


def _entries(path: Path) -> list[dict[str, Any]]:
    (tables,) = tomllib.loads(path.read_text("utf-8")).values()
    return list(tables)


# --- an entry is added ----------------------------------------------------------------------------------------------


def test_an_attestation_is_made_listed_and_checked(folder: Path, keyproof: Keyproof) -> None:
    made = keyproof("attest", "new", *_options(ATTESTATION))
    assert (made.code, made.err) == (0, "")
    digest = hashlib.sha256(b"policy 3.2\n").hexdigest()
    assert digest in made.out
    (entry,) = _entries(folder / "attestations.toml")
    assert (entry["document"], entry["sha256"], str(entry["date"])) == ("policy.txt", digest, "2026-01-01")
    listed = keyproof("attest", "list")
    assert [word in listed.out for word in ("AT-1", "policy", "Grace", "2099-12-31", "yes")] == [True] * 5
    (told,) = keyproof("attest", "list", "--json").json
    assert (told["id"], told["valid"], told["problem"], told["warnings"]) == ("AT-1", True, "", [])
    assert told["days_left"] > 365
    assert keyproof("attest", "check").code == 0


def test_an_exception_is_made_listed_and_checked(folder: Path, keyproof: Keyproof) -> None:
    assert keyproof("except", "new", *_options(EXCEPTION, control="rot-02")).code == 0
    by_tags = _options(EXCEPTION, id="EX-2", subject="", where="environment = 'test'", document="policy.txt")
    assert keyproof("except", "new", *by_tags, "--json").json["entry"]["where"] == "environment = 'test'"
    assert [entry["control"] for entry in _entries(folder / "exceptions.toml")] == ["ROT-02", "ROT-02"]
    listed = keyproof("except", "list")
    assert "ROT-02: arn:aws:kms:*" in listed.out
    assert "ROT-02: environment = 'test'" in listed.out
    assert keyproof("except", "check").code == 0


@pytest.mark.parametrize(
    ("more", "written"),
    [
        (["--topic", "reconciliation", "--subject", "prod/*", "--count", "key=12"], {"counts": {"key": 12}}),
        (["--topic", "reconciliation", "--subject", "*", "--count", "key=0"], {"counts": {"key": 0}}),
        (
            ["--topic", "migration", "--subject", "a", "--subject", "b", "--target", "2030-12-31"],
            {"subjects": ["a", "b"]},
        ),
        (["--topic", "compromise", "--subject", "a", "--occurred", "2025-12-01"], {"topic": "compromise"}),
        (["--topic", "access_review", "--subject", "a", "--principals-sha256", "0" * 64], {"topic": "access_review"}),
        (["--framework", "soc2", "--requirement", "CC6.1", "--not-applicable"], {"not_applicable": True}),
        (["--topic", "policy", "--framework", "soc2", "--requirement", "CC6.1"], {"requirements": ["CC6.1"]}),
    ],
)
def test_whatever_a_topic_or_a_requirement_needs_can_be_said(
    folder: Path, keyproof: Keyproof, more: Sequence[str], written: Mapping[str, Any]
) -> None:
    made = keyproof("attest", "new", *_options(ATTESTATION, topic=""), *more)
    assert made.code == 0, made.err
    (entry,) = _entries(folder / "attestations.toml")
    assert written.items() <= entry.items()


ATTEST_REFUSED = [
    ({"topic": "polcy"}, "topic: unknown value 'polcy'; did you mean \"policy\"?"),
    ({"topic": "migration"}, "missing: --subject, --target"),
    ({"topic": "compromise", "subject": "a"}, "missing: --occurred"),
    ({"topic": "secret_scan"}, "missing: --count"),
    ({"topic": "secret_scan", "count": "key=1"}, "counts.key: not counted here; what is: finding"),
    ({"topic": "secret_scan", "count": "finding=many"}, "'finding=many' is no count"),
    ({"topic": "", "framework": "soc2"}, "missing: --requirement"),
    ({"topic": "", "requirement": "CC6.1"}, "missing: --framework"),
    ({"topic": "", "framework": "soc22", "requirement": "CC6.1"}, 'no such framework: soc22; did you mean "soc2"?'),
    ({"topic": "", "framework": "soc2", "requirement": "CC6.11"}, "soc2 has no requirement CC6.11; did you mean"),
    ({"occurred": "2025-01-01"}, "occurred: goes with"),
    ({"approver": " ADA"}, "approved by its owner, Ada"),
    ({"expires": "2025-01-01"}, "lies before date"),
    ({"date": "2025-01-01", "expires": "2025-06-30"}, "expired on 2025-06-30"),
    ({"date": "2098-01-01"}, "dated 2098-01-01, after"),
    ({"expires": "soon"}, "'soon' is no date; write it as 2026-06-30"),
    ({"document": "nothing.txt"}, "'nothing.txt' does not exist"),
    ({"document": "."}, "is a directory"),
    ({"id": "x" * 101}, "id:"),
    ({"statement": ""}, "missing: --statement"),
    ({"statement": "\udcff"}, "is not UTF-8"),
]


@pytest.mark.parametrize(("changed", "why"), ATTEST_REFUSED)
def test_an_attestation_that_would_not_do_is_refused_and_nothing_is_written(
    folder: Path, keyproof: Keyproof, changed: Mapping[str, str], why: str
) -> None:
    told = keyproof("attest", "new", *_options(ATTESTATION, **changed))
    assert told.code == 2
    assert why in told.err
    assert not (folder / "attestations.toml").exists()


EXCEPT_REFUSED = [
    ({"control": "ROT-2"}, 'no such control: ROT-2; did you mean "ROT-02"?'),
    ({"subject": "", "where": "enviroment = 'test'"}, 'no such column; did you mean "environment"?'),
    ({"subject": "", "where": "coalesce(environment, '') = ''"}, "where:"),
    ({"subject": "", "where": "environment = 'test'", "control": "INV-01"}, "INV-01 judges rows of scope"),
    ({"where": "environment = 'test'"}, "subjects: name the subjects, or give a condition"),
    ({"subject": ""}, "missing: --subject"),
    ({"compensating_control": ""}, "missing: --compensating-control"),
    ({"approver": "ada"}, "approved by its owner, Ada"),
    ({"approved": "2098-01-01"}, "approved 2098-01-01, after"),
]


@pytest.mark.parametrize(("changed", "why"), EXCEPT_REFUSED)
def test_an_exception_that_would_not_do_is_refused_and_nothing_is_written(
    folder: Path, keyproof: Keyproof, changed: Mapping[str, str], why: str
) -> None:
    told = keyproof("except", "new", *_options(EXCEPTION, **changed))
    assert told.code == 2
    assert why in told.err
    assert not (folder / "exceptions.toml").exists()


def test_a_script_is_told_of_everything_that_lacks_and_never_waits(folder: Path, keyproof: Keyproof) -> None:
    told = keyproof("except", "new")
    assert told.code == 2
    lacking = "--id, --control, --subject, --reason, --compensating-control, --owner, --approver, --expires"
    assert f"missing: {lacking}" in told.err


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n", "\n# the end"])
def test_everything_that_stands_in_a_register_stays(folder: Path, keyproof: Keyproof, end: str, last: str) -> None:
    assert keyproof("attest", "new", *_options(ATTESTATION)).code == 0
    register = folder / "attestations.toml"
    before = f"# Ours, since 2020.\n\n{register.read_text().rstrip()}   # the first one{last}".replace("\n", end)
    register.write_bytes(before.encode())
    register.chmod(0o640)
    assert keyproof("attest", "new", *_options(ATTESTATION, id="AT-2")).code == 0
    after = register.read_bytes().decode()
    assert after.startswith(before)
    assert [entry["id"] for entry in _entries(register)] == ["AT-1", "AT-2"]
    assert ("\r\n" in after[len(before) :]) is (end == "\r\n")
    assert register.stat().st_mode & 0o777 == 0o640
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("attestation = []\n[oter]\n", "oter: unknown key"),
        ("[[attestation]\n", "not valid TOML"),
        ('attestation = [{ id = "AT-0" }]\n', "attestation AT-0: owner: is missing"),
    ],
)
def test_a_register_that_cannot_be_read_is_left_alone(folder: Path, keyproof: Keyproof, text: str, why: str) -> None:
    register = folder / "attestations.toml"
    register.write_text(text)
    for command in (("new", *_options(ATTESTATION)), ("list",), ("check",)):
        told = keyproof("attest", *command)
        assert told.code == 2
        assert "attestations.toml" in told.err
        assert why in told.err
    assert register.read_text() == text


def test_an_id_is_given_once(folder: Path, keyproof: Keyproof) -> None:
    assert keyproof("attest", "new", *_options(ATTESTATION)).code == 0
    before = (folder / "attestations.toml").read_bytes()
    again = keyproof("attest", "new", *_options(ATTESTATION))
    assert again.code == 2
    assert "'AT-1'; give each its own" in again.err
    assert (folder / "attestations.toml").read_bytes() == before


def test_a_register_that_is_not_configured_is_made_and_the_line_is_told(folder: Path, keyproof: Keyproof) -> None:
    path = folder / "keyproof.toml"
    path.write_text("".join(line for line in CONFIGURATION.splitlines(True) if "attestations" not in line))
    none = keyproof("attest", "check")
    assert (none.code, "no attestations configured" in none.out) == (0, True)
    made = keyproof("attest", "new", *_options(ATTESTATION))
    assert made.out.splitlines()[-1] == 'attestations = "attestations.toml"'
    path.write_text(CONFIGURATION)
    assert [entry["id"] for entry in keyproof("attest", "list", "--json").json] == ["AT-1"]


def test_a_register_that_is_a_link_or_in_another_folder_is_written_where_it_is(
    folder: Path, keyproof: Keyproof
) -> None:
    (folder / "audit").mkdir()
    (folder / "audit" / "real.toml").write_text("# none yet\n")
    (folder / "attestations.toml").symlink_to("audit/real.toml")
    assert keyproof("attest", "new", *_options(ATTESTATION)).code == 0
    assert (folder / "attestations.toml").is_symlink()
    assert (folder / "audit" / "real.toml").read_text().startswith("# none yet\n\n[[attestation]]")
    path = folder / "keyproof.toml"
    path.write_text(CONFIGURATION.replace('"exceptions.toml"', '"registers/2026/exceptions.toml"'))
    assert keyproof("except", "new", *_options(EXCEPTION, document="policy.txt")).code == 0
    (entry,) = _entries(folder / "registers" / "2026" / "exceptions.toml")
    assert entry["document"] == "../../policy.txt"
    assert keyproof("except", "check").code == 0


def test_entries_that_are_added_at_once_are_all_there(folder: Path, keyproof: Keyproof) -> None:
    assert keyproof("attest", "new", *_options(ATTESTATION)).code == 0
    register = folder / "attestations.toml"
    (entry,) = _entries(register)
    catalogue = load_catalogue()
    names = [f"AT-{number}" for number in range(2, 40)]
    with ThreadPoolExecutor(8) as pool:
        add = partial(add_entry, ATTESTATIONS, register, catalogue=catalogue, now=datetime.now(UTC))
        assert [used.id for used in pool.map(lambda name: add({**entry, "id": name}), names)] == names
    assert {entry["id"] for entry in _entries(register)} == {"AT-1", *names}


def test_a_terminal_is_asked_for_what_is_missing(folder: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "keyproof", "attest", "new", "--owner", "Ada", "--date", "2026-01-01", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(theirs)
        answers = ["AT-1", "migraton", "migration", "key-1", "key-2", "", "someday", "2030-12-31"]
        answers += ["A plan is made.", "nothing.txt", "policy.txt", "Grace", "2099-12-31"]
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
            os.close(ours)
    assert process.returncode == 0, err
    assert json.loads(out)["entry"]["subjects"] == ["key-1", "key-2"], "questions are not mixed with the result"
    assert "'migraton' is not one of" in err
    assert "'someday' is no date" in err
    (entry,) = _entries(folder / "attestations.toml")
    assert (entry["topic"], str(entry["target"]), entry["approver"]) == ("migration", "2030-12-31", "Grace")


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_comes_back_as_it_was_said(text: str) -> None:
    assert tomllib.loads(f"text = {_toml_text(text)}") == {"text": text}
    entry = _appended("", "entry", {"text": text, "texts": [text], "counts": {text: 1}})
    assert tomllib.loads(entry) == {"entry": [{"text": text, "texts": [text], "counts": {text: 1}}]}


# --- what counts for nothing ------------------------------------------------------------------------------------------


def test_a_document_that_was_changed_or_is_gone_is_named(folder: Path, keyproof: Keyproof) -> None:
    assert keyproof("attest", "new", *_options(ATTESTATION)).code == 0
    (folder / "policy.txt").write_text("policy 3.3\n")
    forged = keyproof("attest", "check")
    assert forged.code == 1
    assert "AT-1: counts for nothing: its document policy.txt is not the one attested" in forged.out
    assert hashlib.sha256(b"policy 3.3\n").hexdigest() in forged.out
    (folder / "policy.txt").unlink()
    gone = keyproof("attest", "check", "--json")
    assert (gone.code, gone.json["exit_code"]) == (1, 1)
    assert "cannot be read" in gone.json["entries"][0]["problem"]
    assert keyproof("attest", "list").code == 0


def test_what_expired_or_is_about_to_or_was_approved_by_its_owner_is_named(folder: Path, keyproof: Keyproof) -> None:
    assert keyproof("except", "new", *_options(EXCEPTION)).code == 0
    soon = keyproof("except", "check", "--as-of", "2099-12-25")
    assert (soon.code, "warning: expires within 30 days, on 2099-12-31" in soon.out) == (0, True)
    late = keyproof("except", "check", "--as-of", "2100-01-01")
    assert (late.code, "EX-1: counts for nothing: expired on 2099-12-31" in late.out) == (1, True)
    register = folder / "exceptions.toml"
    register.write_text(register.read_text().replace("Grace", "ADA"))
    own = keyproof("except", "check")
    assert (own.code, "approved by its owner, Ada" in own.out) == (1, True)
    assert "approved by its owner" in keyproof("except", "list").out


def test_an_unknown_control_or_requirement_in_a_file_is_named(folder: Path, keyproof: Keyproof) -> None:
    assert keyproof("except", "new", *_options(EXCEPTION)).code == 0
    register = folder / "exceptions.toml"
    register.write_text(register.read_text().replace("ROT-02", "ROT-22"))
    told = keyproof("except", "check")
    assert (told.code, "no such control: ROT-22; did you mean" in told.out) == (1, True)


# --- beside a run, and in its pack ----------------------------------------------------------------------------------

OWN = ("--catalog", RECORDED / "catalogue")
"""The golden pack's small catalogue, by which the run is assessed."""
OF_EXAMPLE = {**EXCEPTION, "--control": "EX-01"}


@pytest.fixture
def assessed(collected: tuple[Configuration, Run], folder: Path) -> Path:
    """The folder, with the store of a collected run, read by a configuration that names registers."""
    configuration, _ = collected
    shutil.copytree(configuration.path.parent / "store", folder / "store")
    text = configuration.path.read_text("utf-8")
    registers = 'exceptions = "exceptions.toml"\nattestations = "attestations.toml"\n'
    (folder / "keyproof.toml").write_text(text.replace("[audit]\n", f"[audit]\n{registers}"))
    return folder


def _assess(folder: Path) -> None:
    store = Store(folder / "store")
    catalogue = Catalogue.from_documents(read_catalogue_documents(RECORDED / "catalogue"))
    configuration = load_configuration(folder / "keyproof.toml")
    assess(store.run("latest"), store, configuration, catalogue, datetime(2026, 6, 30, tzinfo=UTC))


def test_entries_are_seen_beside_the_newest_run(assessed: Path, keyproof: Keyproof) -> None:
    exceptions: list[dict[str, str]] = [
        {},
        {"id": "EX-2", "subject": "arn:nothing:*"},
        {"id": "EX-3", "subject": "", "where": "environment = 'nowhere' -- of none"},
    ]
    for changed in exceptions:
        assert keyproof("except", "new", *_options(OF_EXAMPLE, **changed), *OWN).code == 0
    attestations: list[dict[str, str]] = [
        {},
        {"id": "AT-2", "topic": "key_transfer", "subject": "arn:aws:kms:*:key/*"},
        {"id": "AT-3", "topic": "key_transfer", "subject": "arn:aws:kms:*:key/no%_such"},
        {"id": "AT-4", "topic": "acknowledgement", "subject": "arn:aws:iam::*"},
    ]
    for changed in attestations:
        assert keyproof("attest", "new", *_options(ATTESTATION, **changed), *OWN).code == 0
    before = keyproof("except", "list", "--json", *OWN).json
    assert [entry["covers"] for entry in before] == [None] * 3, "not judged with them yet"
    _assess(assessed)
    first, second, third = keyproof("except", "list", "--json", *OWN).json
    assert first["covers"] > 0
    assert f" {first['covers']} " in keyproof("except", "list", *OWN).out
    assert (first["warnings"], second["covers"], third["covers"]) == ([], 0, 0)
    assert second["warnings"][0].endswith("is named arn:nothing:*")
    assert third["warnings"][0].startswith("covers no failure")
    warned = {entry["id"]: entry["warnings"] for entry in keyproof("attest", "check", "--json", *OWN).json["entries"]}
    assert [name for name, warnings in warned.items() if warnings] == ["AT-3"]
    assert keyproof("except", "check", *OWN).code == keyproof("attest", "check", *OWN).code == 0
    register = assessed / "exceptions.toml"
    register.write_text(register.read_text().replace("arn:aws:kms:*", "arn:aws:*"))
    assert keyproof("except", "list", "--json", *OWN).json[0]["covers"] is None, "what was judged is another exception"


def test_a_review_of_access_takes_the_principals_from_a_run(assessed: Path, keyproof: Keyproof) -> None:
    """Of Secrets Manager, whose policies were all read; of AWS KMS, whose grants were refused, no list is whole."""
    run = Store(assessed / "store").run("latest")
    stores = parquet.read_table(run.inventory / "key_store.parquet", columns=["id", "kind"]).to_pylist()
    by_kind = {store["kind"]: store["id"] for store in stores}
    reviewed = {"topic": "access_review", "from_run": "latest"}
    whole = _options(ATTESTATION, **reviewed, subject=by_kind["AWS Secrets Manager"])
    assert keyproof("attest", "new", *whole, *OWN).code == 0
    (entry,) = _entries(assessed / "attestations.toml")
    assert re.fullmatch("[0-9a-f]{64}", entry["principals_sha256"])
    for subject, why in (
        (by_kind["AWS KMS"], "does not show all principals"),
        ("arn:nothing", "shows 0 times"),
        ("*", "shows 0 times"),
    ):
        told = keyproof("attest", "new", *_options(ATTESTATION, id="AT-2", **reviewed, subject=subject), *OWN)
        assert (told.code, why in told.err) == (2, True), told.err
    for changed in ({"topic": "policy"}, {"principals_sha256": "0" * 64}):
        options = _options(ATTESTATION, **{**reviewed, "subject": "a", "id": "AT-2", **changed})
        assert keyproof("attest", "new", *options, *OWN).code == 2
    assert len(_entries(assessed / "attestations.toml")) == 1
    run.write_record(run.record().model_copy(update={"state": "collecting"}))
    options = _options(ATTESTATION, **{**reviewed, "subject": by_kind["AWS Secrets Manager"], "id": "AT-2"})
    told = keyproof("attest", "new", *options, *OWN)
    assert (told.code, "its collection did not end" in told.err) == (2, True), told.err


def test_a_damaged_run_is_named(assessed: Path, keyproof: Keyproof) -> None:
    assert keyproof("except", "new", *_options(OF_EXAMPLE), *OWN).code == 0
    (path,) = assessed.glob("store/runs/*/assessment/findings.parquet")
    path.write_bytes(b"")
    told = keyproof("except", "check", *OWN)
    assert (told.code, "findings.parquet: cannot be read" in told.err) == (2, True)
    path.with_name("assessment.json").write_bytes(b"{")
    told = keyproof("except", "list", *OWN)
    assert (told.code, "`keyproof assess` writes it anew" in told.err) == (2, True)


REPORT = ("report", "--format", "findings-json", "--out", "pack", "--quiet")


@pytest.fixture
def packed(assessed: Path, keyproof: Keyproof) -> Path:
    """A pack with documents: of a policy, and of an exception whose document has an odd name."""
    odd = assessed / "..\\..\nEvil né;$(x).txt"
    odd.write_text("approved\n")
    (assessed / "other.txt").write_text("expired\n")
    assert keyproof("attest", "new", *_options(ATTESTATION), *OWN).code == 0
    assert keyproof("except", "new", *_options(OF_EXAMPLE, document=str(odd)), *OWN).code == 0
    assert keyproof("attest", "new", *_options(ATTESTATION, id="AT-2", document="other.txt"), *OWN).code == 0
    register = assessed / "attestations.toml"
    head, _, last = register.read_text().rpartition("2099-12-31")
    register.write_text(f"{head}2026-01-31{last}")
    _assess(assessed)
    told = keyproof(*REPORT, "--with-documents")
    assert told.code == 0, told.err
    return assessed / "pack"


def _documents(pack: Path) -> list[str]:
    return [name for name in read_manifest(pack).files if name.startswith("inputs/documents/")]


def test_documents_travel_where_that_is_asked_for(packed: Path, keyproof: Keyproof) -> None:
    policy, approval = (hashlib.sha256(text).hexdigest() for text in (b"policy 3.2\n", b"approved\n"))
    wanted = {f"inputs/documents/{policy}-policy.txt", f"inputs/documents/{approval}-.._Evil_n____x_.txt"}
    assert set(_documents(packed)) == wanted, "that of what expired stays behind"
    assert verify(packed).verified
    told = keyproof(*REPORT)
    assert told.code == 0
    assert _documents(packed) == [], "without being asked only digests travel"
    used = json.loads((packed / "findings.json").read_bytes())["attestations"]
    assert {entry["sha256"] for entry in used} >= {policy}


def test_a_document_that_changed_since_the_assessment_makes_no_pack(packed: Path, keyproof: Keyproof) -> None:
    before = (packed / "manifest.json").read_bytes()
    (packed.parent / "policy.txt").write_text("rewritten\n")
    told = keyproof(*REPORT, "--with-documents")
    assert (told.code, "policy.txt: is not the document attested" in told.err) == (2, True)
    (packed.parent / "policy.txt").unlink()
    gone = keyproof(*REPORT, "--with-documents")
    assert (gone.code, "policy.txt: is no file, or is gone" in gone.err) == (2, True)
    assert (packed / "manifest.json").read_bytes() == before


def test_documents_of_a_register_that_is_no_longer_named_are_missed(packed: Path, keyproof: Keyproof) -> None:
    path = packed.parent / "keyproof.toml"
    path.write_text(path.read_text().replace('attestations = "attestations.toml"\n', ""))
    told = keyproof(*REPORT, "--with-documents")
    assert (told.code, "audit.attestations: is missing" in told.err) == (2, True)


def _tampered(pack: Path, remade: Callable[[Path], Manifest]) -> dict[str, Kind]:
    """What verification finds wrong, by path, once the manifest fits again and nothing tells of the old digest."""
    (pack / "findings.json").unlink(missing_ok=True)
    remade(pack)
    return {problem.path: problem.kind for problem in verify(pack).problems}


def test_a_forged_document_is_found_even_with_a_manifest_that_fits(
    packed: Path, remade: Callable[[Path], Manifest]
) -> None:
    name = next(name for name in _documents(packed) if name.endswith("policy.txt"))
    (packed / name).write_text("forged\n")
    assert verify(packed).problems[0].path == name
    assert _tampered(packed, remade) == {name: Kind.CHANGED}
    (packed / name).unlink()
    assert _tampered(packed, remade) == {name: Kind.MISSING}


def test_a_document_that_nothing_names_is_found(packed: Path, remade: Callable[[Path], Manifest]) -> None:
    digest = hashlib.sha256(b"more\n").hexdigest()
    added = f"inputs/documents/{digest}-more.txt"
    (packed / added).write_text("more\n")
    assert _tampered(packed, remade) == {added: Kind.ADDED}
