"""The golden pack: what a recorded run came to, byte for byte, kept beside the tests.

`golden/recorded` is a run's record, its observations and a small catalogue; `golden/pack` is the text of the pack that
they make. Run as a program it makes that text anew, which is right only where the change that it shows was meant:

    make golden && git diff --stat tests/keyproof/golden
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

GOLDEN = Path(__file__).with_name("golden")
RECORDED, EXPECTED = GOLDEN / "recorded", GOLDEN / "pack"

AS_OF = datetime(2026, 6, 30, tzinfo=UTC)
START = datetime(2025, 7, 1, tzinfo=UTC)


def make(folder: Path) -> Path:
    """Make the pack in `folder` from the recorded run, as the command does; gives the pack."""
    from controls.catalogue import Catalogue
    from evidence.history import FOLDER, write_empty
    from evidence.store import RUN_RECORD, Run
    from keyproof.assessment import AssessmentInputs, assess_run, read_catalogue_documents
    from keyproof.pack import build_pack
    from keyproof.replay import normalize_run
    from keyproof.run import settings_of

    run = Run(folder / "run")
    shutil.copytree(RECORDED / "observations", run.observations)
    shutil.copyfile(RECORDED / RUN_RECORD, run.folder / RUN_RECORD)
    inputs = AssessmentInputs(
        as_of=AS_OF,
        period_start=START,
        period_end=AS_OF,
        frameworks=["example"],
        overrides={},
        exceptions=[],
        attestations=[],
    )
    normalize_run(run.observations, run.inventory, settings_of(run.record()))
    history = run.assessment / FOLDER
    write_empty(history)
    assess_run(run, inputs, Catalogue.from_documents(read_catalogue_documents(RECORDED / "catalogue")), history)
    build_pack(run, folder / "pack", formats=("findings-json", "findings", "inventory"))
    return folder / "pack"


def texts(pack: Path) -> dict[str, bytes]:
    """The files that are kept: what people and programs can read without a library, and the digests of all."""
    kept = [pack / "manifest.json", pack / "findings.json", *(pack / "inventory").glob("*.csv")]
    return {path.relative_to(pack).as_posix(): path.read_bytes() for path in kept}


def record() -> None:
    """Collect the run anew over HTTP, with one operation refused."""
    from small_aws import served, write_configuration

    from evidence.store import Run, Store
    from keyproof.configuration import load_configuration
    from keyproof.demo.aws.faults import Fault, Rule
    from keyproof.run import collect

    with (
        tempfile.TemporaryDirectory() as work,
        served([Rule(fault=Fault.REFUSE, operation="kms:ListGrants", account="444455556666")]) as aws,
    ):
        run, _ = collect(load_configuration(write_configuration(Path(work), aws.url)), Store(Path(work) / "store"))
        shutil.copytree(run.observations, RECORDED / "observations")
        Run(RECORDED).write_record(run.record().model_copy(update={"host": "collector.example"}))


def main() -> None:
    sys.path[:0] = [str(GOLDEN.parents[2]), str(GOLDEN.parents[1] / "estates")]
    if not (RECORDED / "observations").exists():
        record()
    with tempfile.TemporaryDirectory() as work:
        made = texts(make(Path(work)))
    shutil.rmtree(EXPECTED, ignore_errors=True)
    for name, content in made.items():
        (EXPECTED / name).parent.mkdir(parents=True, exist_ok=True)
        (EXPECTED / name).write_bytes(content)


if __name__ == "__main__":
    main()
