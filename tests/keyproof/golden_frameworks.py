"""The golden answers: what every framework says of one small estate of all kinds of source.

`golden/estate` is a run's record and its observations; `golden/frameworks` has a file a framework. Run as a program it
makes these anew, which is right only where the change that it shows was meant:

    make golden && git diff --stat tests/keyproof/golden

The estate is collected anew where it is missing: remove `golden/estate` first where the small estates have changed.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).with_name("golden")
ESTATE, EXPECTED = GOLDEN / "estate", GOLDEN / "frameworks"

AS_OF = datetime(2026, 6, 30, tzinfo=UTC)
START = datetime(2025, 7, 1, tzinfo=UTC)

STAGES = ("aws", "azure", "gcp", "kmip", "pkcs11", "vault")


def assess_estate(folder: Path, frameworks: list[str]) -> Any:
    """Assess the recorded estate by these frameworks in `folder`; gives its run, ready for a pack."""
    from controls.catalogue import load_catalogue
    from evidence.history import FOLDER
    from evidence.store import RUN_RECORD, Run, Store
    from keyproof.assessment import AssessmentInputs, assess_run
    from keyproof.history import write_history
    from keyproof.replay import normalize_run
    from keyproof.run import settings_of

    run = Run(folder / "runs" / "golden")
    shutil.copytree(ESTATE / "observations", run.observations)
    shutil.copyfile(ESTATE / RUN_RECORD, run.folder / RUN_RECORD)
    normalize_run(run.observations, run.inventory, settings_of(run.record()))
    history = run.assessment / FOLDER
    write_history(run, Store(folder), history, START, AS_OF)
    inputs = AssessmentInputs(
        as_of=AS_OF,
        period_start=START,
        period_end=AS_OF,
        frameworks=frameworks,
        overrides={},
        exceptions=[],
        attestations=[_policy()],
    )
    assess_run(run, inputs, load_catalogue(), history)
    return run


def _policy() -> Any:
    from controls.register import AttestationRecord

    return AttestationRecord.model_validate(
        {
            "id": "AT-1",
            "topic": "policy",
            "requirements": [],
            "subjects": ["*"],
            "statement": "The policy is approved.",
            "document": "policy.pdf",
            "sha256": "0" * 64,
            "document_problem": "",
            "owner": "Ada",
            "approver": "Grace",
            "date": date(2026, 2, 1),
            "expires": date(2027, 2, 1),
            "not_applicable": False,
            "occurred": None,
            "target": None,
            "counts": {},
            "principals_sha256": "",
        }
    )


def answers(run: Any) -> dict[str, str]:
    """What each framework says of an assessed run: requirements with status and reason, and controls with counts."""
    assessment = json.loads((run.assessment / "assessment.json").read_bytes())
    told = {}
    for framework in assessment["frameworks"]:
        named = {tuple(control) for requirement in framework["requirements"] for control in requirement["controls"]}
        lines = [f"{framework['name']}, {framework['edition']}", ""]
        for requirement in framework["requirements"]:
            lines.append(f"{requirement['id']}: {requirement['status']}. {requirement['reason']}")
        lines.append("")
        for control in assessment["controls"]:
            if (control["id"], control["variant"]) in named:
                counts = ", ".join(f"{number} {name}" for name, number in control["counts"].items() if number)
                whole = "" if control["population_complete"] else "; rows may be missing"
                lines.append(f"{control['id']} ({control['variant']}): {counts or 'nothing'}{whole}")
        told[framework["id"]] = "\n".join(lines) + "\n"
    return told


def record() -> None:
    """Collect the small estate of every kind of source anew, each over its own protocol."""
    import test_contract

    from collectors.registry import SOURCES
    from evidence.store import Run, RunRecord, SourceRecord
    from keyproof.collection import Collection
    from keyproof.configuration import DEFAULT_TAGS

    sources = []
    for kind in STAGES:
        stage = test_contract.STAGES[kind]
        source = SOURCES[stage.type]
        with stage.serve(()) as served:
            configuration = source.configuration().model_validate({**served.configuration, "name": kind})
            collection = Collection(ESTATE / "observations", {stage.type: source.operations()}, concurrency=4)
            collection.run(source.collector()(configuration, None).start())
        sources.append(SourceRecord(name=configuration.name, type=stage.type, configuration={}, operations=[]))
    Run(ESTATE).write_record(
        RunRecord(
            id="golden",
            tool_version="0",
            organization="Example Ltd",
            configuration_sha256="0" * 64,
            started_at=AS_OF,
            finished_at=AS_OF,
            state="collected",
            host="collector.example",
            sources=sources,
            tag_names={name: list(tags) for name, tags in DEFAULT_TAGS.items()},
            organization_accounts=[],
        )
    )


def main() -> None:
    tests = GOLDEN.parents[1]
    sys.path[:0] = [str(tests.parent), str(tests / "estates"), str(tests / "contract")]
    if not ESTATE.exists():
        record()
    from controls.catalogue import load_catalogue

    with tempfile.TemporaryDirectory() as work:
        told = answers(assess_estate(Path(work), list(load_catalogue().frameworks)))
    shutil.rmtree(EXPECTED, ignore_errors=True)
    EXPECTED.mkdir()
    for name, text in told.items():
        (EXPECTED / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
