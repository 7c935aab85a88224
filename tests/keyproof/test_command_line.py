"""The command line as people and schedulers meet it: a process with streams and an exit code."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from small_aws import served, small_world, write_configuration

from keyproof.demo.aws.embedded import EmbeddedAws, credentials_environment
from keyproof.demo.aws.faults import Rule
from keyproof.demo.faults import Fault

QUICK = ("--format", "findings-json")
"""Without the PDF, which takes seconds."""
AS_OF = ("--as-of", "2026-06-30T00:00:00Z")


def keyproof(
    *arguments: str | Path, cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "keyproof", *map(str, arguments)],
        cwd=cwd,
        env={**_environment(), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    root = str(Path(__file__).resolve().parents[2])
    return {**own, **credentials_environment(), "PYTHONPATH": root}


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with served() as running:
        yield running


Ran = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def first_run(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A folder with a configuration, a store of one run, and its pack; and the process that made them."""
    folder = tmp_path_factory.mktemp("ran")
    write_configuration(folder, aws.url)
    done = keyproof("run", *AS_OF, *QUICK, "--out", "pack", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture(scope="module")
def ran(first_run: Ran) -> Path:
    """Its folder."""
    return first_run[0]


@pytest.fixture
def faulty(aws: EmbeddedAws) -> Iterator[EmbeddedAws]:
    yield aws
    aws.faults = ()
    aws.latency = 0


def test_a_run_tells_people_what_came_of_it(first_run: Ran) -> None:
    _, done = first_run
    assert "STO-02" in done.stdout
    assert "needs attestation" in done.stdout
    assert "the pack is in" in done.stdout
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_a_run_tells_machines_the_same(ran: Path) -> None:
    told = json.loads(keyproof("assess", *AS_OF, "--json", cwd=ran).stdout)
    assert told["exit_code"] == 0
    assert told["as_of"] == "2026-06-30T00:00:00+00:00"
    assert {"pci-dss-4.0.1", "soc2"} == set(told["frameworks"])
    assert any(control["id"] == "STO-02" and control["failed"] for control in told["controls"])


def test_what_fails_is_the_exit_code_only_where_it_is_asked_for(ran: Path) -> None:
    assert keyproof("assess", *AS_OF, "--fail-on", "critical", cwd=ran).returncode == 1
    assert keyproof("assess", *AS_OF, cwd=ran).returncode == 0


def test_the_pack_verifies_and_any_change_is_named(ran: Path, tmp_path: Path) -> None:
    done = keyproof("verify", "pack", cwd=ran)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copytree(ran / "pack", tmp_path / "pack")
    findings = tmp_path / "pack" / "findings.json"
    findings.write_text(findings.read_text().replace('"fail"', '"pass"', 1))
    changed = keyproof("verify", "pack", cwd=tmp_path)
    assert changed.returncode == 4
    assert "findings.json" in changed.stdout
    told = json.loads(keyproof("verify", "pack", "--json", cwd=tmp_path).stdout)
    assert any(problem["path"] == "findings.json" for problem in told["problems"])


def test_every_finding_has_an_id_of_its_own(ran: Path) -> None:
    ids = [finding["id"] for finding in json.loads((ran / "pack" / "findings.json").read_bytes())["findings"]]
    assert ids
    assert len(set(ids)) == len(ids)


def test_a_pack_verifies_as_one_file_without_any_sdk(ran: Path, tmp_path: Path) -> None:
    assert keyproof("report", *QUICK, "--out", tmp_path / "pack.zip", cwd=ran).returncode == 0
    blocker = "import sys; sys.modules['boto3'] = sys.modules['botocore'] = None; "
    done = subprocess.run(
        [sys.executable, "-c", blocker + "from keyproof.__main__ import main; main(['verify', 'pack.zip'])"],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_runs_are_listed(ran: Path) -> None:
    told = json.loads(keyproof("runs", "--json", cwd=ran).stdout)
    assert [run["state"] for run in told] == ["reported"]
    assert told[0]["run"] in keyproof("runs", cwd=ran).stdout


def test_a_run_is_named_by_its_beginning_and_an_unknown_one_is_refused(ran: Path) -> None:
    name = json.loads(keyproof("runs", "--json", cwd=ran).stdout)[0]["run"]
    assert keyproof("assess", name[:12], *AS_OF, cwd=ran).returncode == 0
    unknown = keyproof("assess", "1999", cwd=ran)
    assert unknown.returncode == 2
    assert name in unknown.stderr


def test_a_refusal_makes_the_evidence_incomplete_until_it_is_agreed(faulty: EmbeddedAws, tmp_path: Path) -> None:
    faulty.faults = [Rule(fault=Fault.REFUSE, operation="kms:GetKeyPolicy")]
    write_configuration(tmp_path, faulty.url)
    done = keyproof("run", *AS_OF, *QUICK, "--fail-on", "low", cwd=tmp_path)
    assert done.returncode == 3, "3 outranks 1"
    assert "kms:GetKeyPolicy" in done.stdout
    (tmp_path / "gaps.toml").write_text(
        '[[gap]]\noperation = "kms:GetKeyPolicy"\nreason = "known"\napprover = "CISO"\nexpires = 2027-01-01\n'
    )
    agreed = keyproof("assess", *AS_OF, "--accept-gaps", "gaps.toml", cwd=tmp_path)
    assert agreed.returncode == 0, agreed.stdout
    (tmp_path / "gaps.toml").write_text((tmp_path / "gaps.toml").read_text().replace("2027", "2025"))
    assert keyproof("assess", *AS_OF, "--accept-gaps", "gaps.toml", cwd=tmp_path).returncode == 3


def test_accepting_every_gap_is_refused(ran: Path, tmp_path: Path) -> None:
    gaps = tmp_path / "gaps.toml"
    gaps.write_text('[[gap]]\nreason = "x"\napprover = "y"\nexpires = 2027-01-01\n')
    done = keyproof("assess", "--accept-gaps", gaps, cwd=ran)
    assert done.returncode == 2
    assert str(gaps) in done.stderr


def test_no_permission_at_all_is_an_incomplete_pack_and_no_error(faulty: EmbeddedAws, tmp_path: Path) -> None:
    faulty.faults = [Rule(fault=Fault.REFUSE)]
    write_configuration(tmp_path, faulty.url)
    done = keyproof("run", *AS_OF, *QUICK, "--out", "pack", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert json.loads((tmp_path / "pack" / "findings.json").read_text())["gaps"]
    assert keyproof("verify", "pack", cwd=tmp_path).returncode == 0


def test_an_endpoint_that_is_not_there_is_an_incomplete_pack(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        write_configuration(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}")
        done = keyproof("run", *AS_OF, *QUICK, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "sts:GetCallerIdentity" in done.stdout


def test_expired_credentials_are_named(faulty: EmbeddedAws, tmp_path: Path) -> None:
    faulty.faults = [Rule(fault=Fault.EXPIRE)]
    write_configuration(tmp_path, faulty.url)
    done = keyproof("run", *AS_OF, *QUICK, "--out", "pack", cwd=tmp_path)
    assert done.returncode in (2, 3)
    told = done.stderr + (tmp_path / "pack" / "findings.json").read_text() if done.returncode == 3 else done.stderr
    assert "xpired" in told


def test_without_credentials_nothing_is_recorded(aws: EmbeddedAws, tmp_path: Path) -> None:
    write_configuration(tmp_path, aws.url)
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    done = keyproof("run", cwd=tmp_path, environment=none)
    assert done.returncode == 2
    assert "prod" in done.stderr
    assert not list((tmp_path / "store").glob("runs/*"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[organization\n", "keyproof.toml: not valid TOML"),
        ('[organization]\nnam = "x"\n', 'unknown key; did you mean "name"?'),
        ('[organization]\nname = "x"\n', "audit: is missing"),
    ],
)
def test_a_wrong_configuration_names_file_key_and_fix(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "keyproof.toml").write_text(text)
    done = keyproof("run", cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert "keyproof.toml" in done.stderr
    assert done.stdout == ""


def test_an_unknown_framework_is_refused_before_anything_is_asked(aws: EmbeddedAws, tmp_path: Path) -> None:
    path = write_configuration(tmp_path, aws.url)
    path.write_text(path.read_text().replace("soc2", "soc22"))
    before = sum(aws.requests.values())
    done = keyproof("run", cwd=tmp_path)
    assert done.returncode == 2
    assert 'did you mean "soc2"?' in done.stderr
    assert sum(aws.requests.values()) == before


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("chattr") is None, reason="root writes everywhere")
def test_a_store_that_cannot_be_written_is_named(aws: EmbeddedAws, tmp_path: Path) -> None:
    path = write_configuration(tmp_path, aws.url)
    path.write_text(path.read_text().replace('url = "store"', 'url = "/proc/keyproof"'))
    done = keyproof("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "/proc/keyproof" in done.stderr
    assert "[store] url" in done.stderr


def test_a_full_disk_loses_nothing(faulty: EmbeddedAws, tmp_path: Path) -> None:
    """Once a run has begun its files may grow to a few kilobytes only; the next run may write again, and goes on."""
    write_configuration(tmp_path, faulty.url)
    faulty.latency = 0.05
    command = [sys.executable, "-m", "keyproof", "collect"]
    with subprocess.Popen(command, cwd=tmp_path, env=_environment(), stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob("store/runs/*/run.json")):
            time.sleep(0.005)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (6000, 6000))
        _, told = process.communicate(timeout=60)
    assert process.returncode == 70, told
    assert "no assessment was made" in told
    faulty.latency = 0
    done = keyproof("collect", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["from_record"] > 0
    assert len(list((tmp_path / "store" / "runs").iterdir())) == 1


def test_a_killed_run_goes_on_without_asking_again(faulty: EmbeddedAws, tmp_path: Path) -> None:
    write_configuration(tmp_path, faulty.url)
    faulty.latency = 0.02
    command = [sys.executable, "-m", "keyproof", "collect"]
    begun = sum(faulty.requests.values())
    with subprocess.Popen(command, cwd=tmp_path, env=_environment()) as process:
        while sum(faulty.requests.values()) < begun + 60:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    faulty.latency = 0
    time.sleep(0.5)  # what was under way arrives still
    first = sum(faulty.requests.values()) - begun
    told = json.loads(keyproof("collect", "--json", cwd=tmp_path).stdout)
    second = sum(faulty.requests.values()) - begun - first
    roles = 2  # each member account is entered anew: what a role's credentials are is recorded nowhere
    assert told["from_record"] > 0
    assert told["requests"] + told["from_record"] >= first
    assert second <= told["requests"] + roles
    assert keyproof("assess", *AS_OF, cwd=tmp_path).returncode == 0


def test_a_second_run_says_who_holds_the_store(faulty: EmbeddedAws, tmp_path: Path) -> None:
    write_configuration(tmp_path, faulty.url)
    faulty.latency = 0.2
    command = [sys.executable, "-m", "keyproof", "collect"]
    with subprocess.Popen(command, cwd=tmp_path, env=_environment()) as process:
        holder = tmp_path / "store" / ".lock.holder"
        while not holder.exists():
            time.sleep(0.02)
        refused = keyproof("collect", cwd=tmp_path)
        process.kill()
    assert refused.returncode == 2
    assert str(process.pid) in refused.stderr
    assert "--wait" in refused.stderr


def test_logs_for_a_scheduler_are_one_json_object_a_line(aws: EmbeddedAws, tmp_path: Path) -> None:
    write_configuration(tmp_path, aws.url)
    done = keyproof("run", *AS_OF, *QUICK, "--log-format", "json", cwd=tmp_path)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"time", "level", "logger", "message"} <= set(lines[0])
    assert any("complete" in line["message"] for line in lines)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "--log-format", "json", "--json"), "keyproof.toml: No such file or directory"),
        (("run", "--log-format=json", "--jsn"), "No such option"),
        (("verify", "--log-format", "json", "nothing"), "nothing"),
    ],
)
def test_an_error_is_a_log_line_where_logs_are_json(arguments: Sequence[str], told: str, tmp_path: Path) -> None:
    done = keyproof(*arguments, cwd=tmp_path)
    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == line["exit_code"] == 2
    assert (line["level"], line["logger"]) == ("ERROR", "keyproof")
    assert told in line["message"]
    assert done.stdout == ""


def test_the_doctor_says_what_is_missing(faulty: EmbeddedAws, tmp_path: Path) -> None:
    write_configuration(tmp_path, faulty.url)
    well = keyproof("doctor", cwd=tmp_path)
    assert well.returncode == 0, well.stdout
    faulty.faults = [Rule(fault=Fault.REFUSE, operation="kms:ListGrants")]
    ill = keyproof("doctor", cwd=tmp_path)
    assert ill.returncode == 3
    assert "missing permissions: kms:ListGrants" in ill.stdout
    assert json.loads(keyproof("doctor", "--json", cwd=tmp_path).stdout)["missing"] == ["kms:ListGrants"]
    assert not (tmp_path / "store").exists()


def test_the_doctor_names_every_source_that_cannot_be_read_before_anything_is_asked(
    aws: EmbeddedAws, tmp_path: Path
) -> None:
    more = """
[[source]]
type = "aws"
name = "spare"
regions = "all"
profile = "nobody"

[[source]]
type = "gcp"
name = "cloud"
projects = ["example-payments"]
"""
    write_configuration(tmp_path, aws.url, source=more)
    before = sum(aws.requests.values())
    blocker = "import sys; sys.modules['google.auth'] = None; "
    done = subprocess.run(
        [sys.executable, "-c", blocker + "from keyproof.__main__ import main; main(['doctor'])"],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    spare, cloud = done.stderr.splitlines()
    assert spare.startswith("keyproof: source 'spare': ")
    assert "nobody" in spare
    assert cloud.startswith("keyproof: source 'cloud': it needs the extra `gcp`")
    assert done.stdout == ""
    assert sum(aws.requests.values()) == before


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_elsewhere(ran: Path, tmp_path: Path) -> None:
    elsewhere = {"TZ": "Pacific/Auckland", "LC_ALL": "C", "PYTHONHASHSEED": "7", "HOME": str(tmp_path)}
    formats = ("--format", "html", "--format", "workbook", "--format", "findings-json", "--format", "inventory")
    assert keyproof("report", *formats, "--out", tmp_path / "a", cwd=ran).returncode == 0
    shutil.copytree(ran, tmp_path / "copy")
    done = keyproof("report", *formats, "--out", tmp_path / "b", cwd=tmp_path / "copy", environment=elsewhere)
    assert done.returncode == 0, done.stderr
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "b") for path in (tmp_path / "b").rglob("*") if path.is_file())
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


@pytest.mark.parametrize("moment", ["yesterday", "2026-06-30T12:00:00", "2026-13-01"])
def test_a_time_that_is_none_is_refused(moment: str, ran: Path) -> None:
    done = keyproof("assess", "--as-of", moment, cwd=ran)
    assert done.returncode == 2
    assert moment in done.stderr


def test_the_help_needs_nothing_heavy() -> None:
    script = (
        "import sys; from keyproof.__main__ import run; run(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_environment()
    )
    loaded = set(done.stderr.replace("'", "").strip("[]\n").split(", "))
    heavy = {"boto3", "botocore", "pandas", "pyarrow", "duckdb", "weasyprint", "pydantic", "rich", "jinja2", "fsspec"}
    assert loaded & heavy == set()


def test_the_small_world_is_what_the_tests_take_it_for() -> None:
    assert len(small_world().keys) == 11


def test_a_second_run_waits_where_it_is_told_to(faulty: EmbeddedAws, tmp_path: Path) -> None:
    write_configuration(tmp_path, faulty.url)
    faulty.latency = 0.05
    command = [sys.executable, "-m", "keyproof", "collect"]
    with subprocess.Popen(command, cwd=tmp_path, env=_environment(), stdout=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "store" / ".lock.holder").exists():
            time.sleep(0.02)
        second = keyproof("collect", "--wait", "120", "--json", cwd=tmp_path)
        first, _ = process.communicate()
    assert second.returncode == process.returncode == 0, second.stderr
    assert json.loads(second.stdout)["run"] not in first
    assert len(list((tmp_path / "store" / "runs").iterdir())) == 2


def test_a_terminal_is_shown_progress_and_a_pipe_is_not(faulty: EmbeddedAws, tmp_path: Path) -> None:
    write_configuration(tmp_path, faulty.url)
    faulty.latency = 0.02
    ours, theirs = pty.openpty()
    shown = b""
    command = [sys.executable, "-m", "keyproof", "collect", "--json"]
    environment = {**_environment(), "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
        except OSError:  # what Linux says when the other side of a terminal is closed
            os.close(ours)
        assert process.stdout is not None
        told = json.loads(process.stdout.read())
    assert process.returncode == 0
    assert re.search(rb"\d+/\d+ scopes, \d+ requests", shown)
    assert told["requests"] > 0, "results are not mixed with progress"
    assert keyproof("collect", cwd=tmp_path).stderr == ""


def test_what_keyproof_knows_is_listed_and_explained(tmp_path: Path) -> None:
    for what, known in (("sources", "aws"), ("controls", "ROT-02"), ("frameworks", "soc2"), ("formats", "report.pdf")):
        listed = keyproof("list", what, cwd=tmp_path)
        assert listed.returncode == 0
        assert known in listed.stdout
        assert len(json.loads(keyproof("list", what, "--json", cwd=tmp_path).stdout)) >= 1
    told = keyproof("explain", "rot-02", cwd=tmp_path)
    assert told.returncode == 0
    assert "last_rotated_at" in told.stdout
    unknown = keyproof("explain", "ROT-2", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "ROT-02" in unknown.stderr


def test_a_catalogue_that_turns_the_unknown_into_a_verdict_is_refused(ran: Path, tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    own = (Path(__file__).with_name("golden") / "recorded/catalogue/catalog/example.toml").read_text("utf-8")
    spoilt = own.replace("len(administrators_who_use) = 0", "coalesce(len(administrators_who_use), 0) = 0")
    (tmp_path / "catalog" / "own.toml").write_text(spoilt, "utf-8")
    done = keyproof("assess", *AS_OF, "--catalog", tmp_path, cwd=ran)
    assert done.returncode == 2
    assert "own.toml: control EX-02: test" in done.stderr
    assert "coalesce" in done.stderr


@pytest.mark.slow
def test_the_demo_needs_nothing_and_says_what_to_look_at(tmp_path: Path) -> None:
    done = keyproof("demo", "--out", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(Path("demo") / "pack") in done.stdout
    assert keyproof("verify", "demo/pack", cwd=tmp_path).returncode == 0
    told = json.loads((tmp_path / "demo" / "pack" / "findings.json").read_bytes())
    assert {"pci-dss-4.0.1", "soc2", "iso27001-2022", "hipaa", "gdpr"} == {f["id"] for f in told["frameworks"]}
    assert {"refused", "not_offered"} <= {gap["kind"] for gap in told["gaps"]}
    stated = {entry["id"]: entry["problem"] for kind in ("attestations", "exceptions") for entry in told[kind]}
    assert {name for name, problem in stated.items() if problem} == {"AT-001", "EX-018"}
    assert {e["id"]: e["covers"] > 0 for e in told["exceptions"]} == {"EX-014": True, "EX-017": True, "EX-018": False}
    for command, of_entry in (("attest", "AT-001"), ("except", "EX-018")):
        checked = keyproof(command, "check", "--config", "demo/config.toml", "--json", cwd=tmp_path)
        assert checked.returncode == 1
        entries = json.loads(checked.stdout)["entries"]
        assert [entry["id"] for entry in entries if not entry["valid"]] == [of_entry]
        assert not any(entry["warnings"] for entry in entries), "each names something that is there"
