"""From observations to inventory and findings, offline: what a run does once, and a verifier does again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from collectors.registry import SOURCES
from collectors.source import Settings
from controls.catalogue import Catalogue
from evidence.findings import Assessment
from evidence.history import FOLDER, HISTORY
from evidence.inventory import InventoryWriter
from evidence.manifest import INPUTS as PACKED_INPUTS
from evidence.manifest import OBSERVATIONS
from evidence.model import ObservationIndex
from evidence.observation import Observation, body_digest, canonical_json, observation_id
from evidence.reading import group_by_subject
from evidence.recording import ScopeHeader, read_scope, scope_files, scope_path
from evidence.store import RUN_RECORD, Run
from keyproof.assessment import CATALOGUE, INPUTS, AssessmentInputs, assess_run, read_catalogue_documents


class ReplayError(Exception):
    """Observations or inputs that are not what keyproof records. The message names the file and what is wrong."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        """The file, relative to the run's folder or the pack."""
        self.what = what


def normalize_run(observations: Path, inventory: Path, settings: Settings) -> None:
    """Write the inventory's tables from the scope files below `observations`, one scope at a time.

    Each exchange becomes a row of the table `observation`; everything else is what the sources' normalizers make of
    them. Raises ReplayError where a file is damaged, or an observation is not the one that its id and digest name.
    """
    with InventoryWriter(inventory) as writer:
        for path in scope_files(observations):
            _normalize_scope(path, path.relative_to(observations).as_posix(), writer, settings)


def _normalize_scope(path: Path, name: str, writer: InventoryWriter, settings: Settings) -> None:
    place = f"{OBSERVATIONS}/{name}"
    try:
        header, recorded = read_scope(path)
    except (OSError, ValueError) as error:
        raise ReplayError(place, str(error)) from error
    if name != scope_path(header.id):
        raise ReplayError(place, f"holds the scope {header.id!r}, whose file is {scope_path(header.id)}")
    if header.type not in SOURCES:
        raise ReplayError(
            place, f"this keyproof knows no source of type {header.type!r}; it knows {', '.join(SOURCES)}"
        )
    indexed = _indexed(recorded, header, name, writer)
    for row in SOURCES[header.type].normalize()(header, group_by_subject(indexed), settings):
        writer.add(row)
    for _ in indexed:  # a normalizer may leave the rest of a scope unread
        pass


def _indexed(
    recorded: Iterator[Observation], header: ScopeHeader, name: str, writer: InventoryWriter
) -> Iterator[Observation]:
    """The observations on their way to the normalizer, each checked and entered into the index."""
    while True:
        try:
            observation = next(recorded, None)
            if observation is None:
                return
            _check(observation, header)
            row = _index_row(observation, name)
        except (OSError, ValueError) as error:
            raise ReplayError(f"{OBSERVATIONS}/{name}", str(error)) from error
        writer.add(row)
        yield observation


def _check(observation: Observation, header: ScopeHeader) -> None:
    if (observation.scope, observation.source) != (header.id, header.source):
        raise ValueError(f"{observation.id} belongs to the scope {observation.scope!r} of {observation.source!r}")
    if observation.id != observation_id(header.id, observation.operation, observation.parameters):
        raise ValueError(f"{observation.id} is not the id of what was asked: {observation.operation}")
    if observation.sha256 != body_digest(observation.body):
        raise ValueError(f"{observation.id} states a SHA-256 that is not that of its body")


def _index_row(observation: Observation, name: str) -> ObservationIndex:
    return ObservationIndex(
        id=observation.id,
        source=observation.source,
        scope=observation.scope,
        evidence=[observation.id],
        subject=observation.subject,
        operation=observation.operation,
        parameters=canonical_json(observation.parameters),
        requested_at=_time(observation.requested_at),
        received_at=_time(observation.received_at),
        status=observation.status,
        error=observation.error,
        request_id=observation.request_id,
        attempts=observation.attempts,
        identity=observation.identity,
        sha256=observation.sha256,
        bytes=len(observation.body.encode("utf-8", "surrogatepass")),
        file=name,
    )


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the time {text!r} has no zone")
    return moment


def reperform(observations: Path, inputs: Path, work: Path) -> tuple[Run, Assessment]:
    """Make inventory and findings again, in the empty folder `work`, from a pack's observations and inputs alone.

    Gives the run that now stands in `work`, with `inventory/` and `assessment/`. Raises ReplayError, and StoreError
    or CatalogueError where the run's record or the catalogue in the pack cannot be used.
    """
    from keyproof.run import settings_of

    run = Run(work)
    assessment_inputs = read_inputs(inputs)
    catalogue = Catalogue.from_documents(read_catalogue_documents(inputs / CATALOGUE))
    shutil.copyfile(inputs / RUN_RECORD, work / RUN_RECORD)
    normalize_run(observations, run.inventory, settings_of(run.record()))
    history = inputs / FOLDER
    for table in HISTORY:
        if not (history / f"{table}.parquet").is_file():
            raise ReplayError(f"{PACKED_INPUTS}/{FOLDER}/{table}.parquet", "is missing")
    return run, assess_run(run, assessment_inputs, catalogue, history)


def read_inputs(folder: Path) -> AssessmentInputs:
    """What the findings depend on besides inventory and catalogue. Raises ReplayError."""
    try:
        return AssessmentInputs.model_validate_json((folder / INPUTS).read_bytes())
    except OSError as error:
        raise ReplayError(f"{PACKED_INPUTS}/{INPUTS}", f"cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ReplayError(f"{PACKED_INPUTS}/{INPUTS}", f"{where}: {first['msg']}") from error
