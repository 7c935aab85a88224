"""What an assessment is made from besides the inventory, and the step that makes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from controls.catalogue import Catalogue
from controls.register import AttestationRecord, ExceptionRecord
from evidence.findings import Assessment, ParameterValue, SamplingPlan
from evidence.store import Run, write_atomically
from keyproof import __version__

INPUTS = "inputs.json"
CATALOGUE = "catalogue"


class AssessmentInputs(BaseModel):
    """Everything besides inventory and catalogue that findings depend on; it travels with the pack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: datetime
    period_start: datetime
    period_end: datetime
    frameworks: list[str]
    overrides: dict[str, dict[str, ParameterValue]]
    exceptions: list[ExceptionRecord]
    attestations: list[AttestationRecord]
    sampling: SamplingPlan = SamplingPlan()


def assess_run(
    run: Run, inputs: AssessmentInputs, catalogue: Catalogue, history: Path, out: Path | None = None
) -> Assessment:
    """Judge a run's inventory and write `assessment/`, its inputs and its catalogue included.

    `history` is the folder of what earlier runs show.
    """
    from controls.engine import assess

    out = out or run.assessment
    record = run.record()
    out.mkdir(parents=True, exist_ok=True)
    assessment = assess(
        inventory=run.inventory,
        history=history,
        out=out,
        catalogue=catalogue,
        frameworks=inputs.frameworks,
        run=record.id,
        organization=record.organization,
        tool_version=__version__,
        as_of=inputs.as_of,
        period=(inputs.period_start, inputs.period_end),
        overrides=inputs.overrides,
        exceptions=inputs.exceptions,
        attestations=inputs.attestations,
        configurations=record.configurations,
        sampling=inputs.sampling,
    )
    write_atomically(out / INPUTS, inputs.model_dump_json(indent=2).encode() + b"\n")
    _write_catalogue(out / CATALOGUE, catalogue)
    return assessment


def _write_catalogue(folder: Path, catalogue: Catalogue) -> None:
    """Write the catalogue's files, and remove those of another catalogue that the run was assessed by before."""
    for path in _files(folder):
        if path.relative_to(folder).as_posix() not in catalogue.documents:
            path.unlink()
    for name, text in catalogue.documents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())


def read_catalogue_documents(folder: Path) -> dict[str, str]:
    """The catalogue's files below a folder that `assess_run` wrote, by their relative names.

    To the byte, ends of lines included: the catalogue's digest depends on them.
    """
    return {path.relative_to(folder).as_posix(): path.read_bytes().decode("utf-8") for path in _files(folder)}


def _files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*.toml") if path.is_file())
