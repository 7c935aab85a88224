"""The files of `deploy/` do what they say, as far as that can be seen without the systems they are for."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from keyproof.commands.flow import run
from keyproof.configuration import load_configuration

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"


def _options_of_run() -> set[str]:
    return {name for parameter in run.params for name in parameter.opts}


def _unit(name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / name)
    return parser


def _commands() -> dict[str, str]:
    """Every keyproof command line of the folder, by its file."""
    cron = next(line for line in (DEPLOY / "keyproof.cron").read_text().splitlines() if re.match(r"\d", line))
    job = _kubernetes()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    steps = yaml.safe_load((DEPLOY / "github-actions.yml").read_text())["jobs"]["audit"]["steps"]
    return {
        "keyproof.service": _unit("keyproof.service")["Service"]["ExecStart"],
        "keyproof.cron": cron.split("&&")[1].split(">>")[0],
        "kubernetes.yaml": job["args"][0].split(";")[0],
        "github-actions.yml": next(step["run"] for step in steps if step.get("name") == "Audit"),
    }


def _kubernetes() -> dict[str, Any]:
    return {document["kind"]: document for document in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}


@pytest.mark.parametrize("name", ["keyproof.service", "keyproof.cron", "kubernetes.yaml", "github-actions.yml"])
def test_it_calls_the_program_as_it_is(name: str) -> None:
    words = shlex.split(_commands()[name])
    assert Path(words[0]).name == "keyproof"
    assert words[1] == "run"
    run.make_parser(run.make_context("run", ["--help"], resilient_parsing=True)).parse_args(words[2:])
    assert {word for word in words if word.startswith("--")} <= _options_of_run()


def test_the_timer_starts_the_service_on_a_schedule_that_systemd_reads() -> None:
    timer = _unit("keyproof.timer")["Timer"]
    assert (DEPLOY / "keyproof.service").exists()
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    subprocess.run(["systemd-analyze", "calendar", timer["OnCalendar"]], check=True, capture_output=True)


def test_the_unit_treats_findings_and_gaps_as_success_and_does_not_retry_a_bad_configuration() -> None:
    service = _unit("keyproof.service")["Service"]
    assert service["SuccessExitStatus"].split() == ["1", "3"]
    assert service["RestartPreventExitStatus"] == "2"


def test_the_cron_line_has_a_schedule_and_a_user() -> None:
    line = next(line for line in (DEPLOY / "keyproof.cron").read_text().splitlines() if re.match(r"\d", line))
    *schedule, user = line.split()[:6]
    assert all(re.fullmatch(r"[\d*/,-]+", part) for part in schedule)
    assert user == "keyproof"
    assert "%" not in line, "cron takes a bare percent sign for a line break"


def test_the_configuration_in_the_cluster_is_one_that_keyproof_accepts(tmp_path: Path) -> None:
    path = tmp_path / "keyproof.toml"
    path.write_text(_kubernetes()["ConfigMap"]["data"]["keyproof.toml"])
    assert load_configuration(path).sources[0].type == "aws"


def test_the_cluster_mounts_what_it_names() -> None:
    pod = _kubernetes()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == volumes
    claim = next(v for v in pod["volumes"] if "persistentVolumeClaim" in v)["persistentVolumeClaim"]["claimName"]
    assert _kubernetes()["PersistentVolumeClaim"]["metadata"]["name"] == claim
    assert _kubernetes()["CronJob"]["spec"]["schedule"] == "30 2 * * *"


def test_the_workflow_keeps_the_pack_whatever_the_verdict() -> None:
    steps = yaml.safe_load((DEPLOY / "github-actions.yml").read_text())["jobs"]["audit"]["steps"]
    keep = next(step for step in steps if "upload-artifact" in step.get("uses", ""))
    audit = next(step for step in steps if step.get("name") == "Audit")
    assert keep["with"]["path"] in audit["run"]
    assert "cancelled" in keep["if"]
