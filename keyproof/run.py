"""The run: collect, normalize, assess and report, each step on the run's folder in the store."""

from __future__ import annotations

import hashlib
import json
import logging
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collectors.registry import SOURCES
from collectors.source import Settings
from controls.catalogue import Catalogue, load_catalogue
from controls.register import AttestationRecord, ExceptionRecord, load_attestations, load_exceptions
from evidence.findings import Assessment
from evidence.history import FOLDER
from evidence.manifest import Manifest
from evidence.model import TABLES
from evidence.operation import Operation
from evidence.store import (
    PACK_RECORD,
    OperationRecord,
    PackRecord,
    Run,
    RunRecord,
    SourceRecord,
    Store,
    StoreError,
    open_store,
    unfinished,
)
from keyproof import __version__
from keyproof.assessment import INPUTS, AssessmentInputs, assess_run
from keyproof.collection import Collection, Progress, first_tasks
from keyproof.configuration import Configuration, ConfigurationError, suggestion
from keyproof.first_seen import FirstSeen, first_seen

PACK = "pack"
"""Folder of a run's pack when nobody says where it goes."""

log = logging.getLogger("keyproof.run")


def opened_store(configuration: Configuration) -> Store:
    """The configured store. Raises RemoteError where no file system for its URL is installed."""
    from platformdirs import user_state_path

    return open_store(configuration.store_url, user_state_path("keyproof") / "stores")


def load_catalogue_for(configuration: Configuration, catalogs: Sequence[Path]) -> Catalogue:
    """The catalogue, checked against what the configuration says of it before anything is asked of a provider.

    Raises CatalogueError or ConfigurationError.
    """
    catalogue = load_catalogue(catalogs)
    _check(configuration, catalogue)
    return catalogue


def settings_of(record: RunRecord) -> Settings:
    """The settings that normalize depends on, as the run recorded them."""
    names = {fact: tuple(tags) for fact, tags in record.tag_names.items()}
    return Settings(
        tag_names=names,
        organization_accounts=tuple(record.organization_accounts),
        keys_read_by={store: reader for s in record.sources for store, reader in _keys_read_by(s.configuration)},
        first_seen=record.first_seen,
    )


def _keys_read_by(configuration: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Key stores whose keys another source reads, as a recorded source states. The record may come from anybody."""
    stated = configuration.get("keys_read_by", {})
    if isinstance(stated, dict):
        yield from ((store, reader) for store, reader in stated.items() if isinstance(reader, str))


def collect(
    configuration: Configuration,
    store: Store,
    *,
    anew: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Run, Progress]:
    """Collect all sources into a new run, or into the one of this configuration that was interrupted.

    Raises UnusableSource before anything is recorded where a source cannot be used, and OSError where the store cannot
    be written; what was recorded until then is taken up again by the next call.
    """
    tasks = first_tasks(configuration.sources)
    run = None if anew else unfinished(store.runs(), configuration.sha256)
    if run is None:
        run = begin(configuration, store)
    else:
        log.info("going on with run %s, which was interrupted", run.folder.name)
    operations = {s.type: SOURCES[s.type].operations() for s in configuration.sources}
    collection = Collection(
        run.observations,
        operations,
        concurrency=configuration.concurrency,
        on_progress=on_progress,
        on_scope=lambda path: store.publish(run, [path]),
    )
    progress = collection.run(tasks)
    finished = run.record().model_copy(update={"state": "collected", "finished_at": datetime.now(UTC)})
    run.write_record(finished)
    store.publish(run, [run.folder / "run.json"])
    return run, progress


def begin(configuration: Configuration, store: Store) -> Run:
    """A new run of a configuration, of which nothing is collected yet. Raises OSError."""
    run = store.new_run(datetime.now(UTC))
    run.write_record(_record(configuration, run, _first_seen(configuration, store)))
    return run


def _first_seen(configuration: Configuration, store: Store) -> FirstSeen:
    """What earlier runs show of the keys of those configured sources whose key stores may tell no dates.

    The newest run that read a source tells what all before it show of it.
    """
    wanted = {source.name for source in configuration.sources if SOURCES[source.type].undated}
    seen: FirstSeen = {}
    for run in reversed(store.runs()) if wanted else ():
        record = run.record()
        here = wanted & {source.name for source in record.sources}
        if record.state == "collected" and here:
            store.fetch(run)
            normalize(run)
            seen |= first_seen(run, here)
            wanted -= here
    return seen


def _record(configuration: Configuration, run: Run, seen: FirstSeen) -> RunRecord:
    return RunRecord(
        id=run.folder.name,
        tool_version=__version__,
        organization=configuration.organization.name,
        configuration_sha256=configuration.sha256,
        started_at=datetime.now(UTC),
        finished_at=None,
        state="collecting",
        host=socket.gethostname(),
        sources=[
            SourceRecord(
                name=source.name,
                type=source.type,
                configuration=source.configuration.model_dump(mode="json"),
                operations=_operations(SOURCES[source.type].operations()),
            )
            for source in configuration.sources
        ],
        tag_names=configuration.tags,
        organization_accounts=configuration.organization.accounts,
        first_seen=seen,
    )


def _operations(operations: Mapping[str, Operation]) -> list[OperationRecord]:
    return [
        OperationRecord(name=o.name, why=o.why, permission=o.grants, facts=list(o.facts)) for o in operations.values()
    ]


def collected_run(configuration: Configuration, store: Store, wanted: str) -> Run:
    """The run of that id or prefix, or the `latest`, with all that the store has of it.

    Raises StoreError where there is none, or where its collection did not end.
    """
    store.refresh()
    run = store.run(wanted)
    store.fetch(run)
    if run.record().state != "collected":
        raise StoreError(
            f"{run.folder}: its collection did not end; `keyproof collect -c {configuration.path}` goes on with it"
        )
    return run


def normalize(run: Run) -> None:
    """Make the inventory of a collected run from its observations, unless that is done."""
    from keyproof.replay import normalize_run

    if not all((run.inventory / f"{table}.parquet").exists() for table in TABLES):
        normalize_run(run.observations, run.inventory, settings_of(run.record()))


def load_registers(configuration: Configuration) -> tuple[list[ExceptionRecord], list[AttestationRecord]]:
    """The configured exceptions and attestations. Raises RegisterError where one cannot be read."""
    audit = configuration.audit
    exceptions = load_exceptions(audit.exceptions) if audit.exceptions else []
    return exceptions, load_attestations(audit.attestations) if audit.attestations else []


def assess(
    run: Run, store: Store, configuration: Configuration, catalogue: Catalogue, as_of: datetime | None
) -> Assessment:
    """Judge the run's inventory at `as_of`, by default the end of its collection, with what earlier runs show.

    Raises RegisterError where the exceptions or attestations cannot be read.
    """
    from controls.engine import ASSESSMENT
    from keyproof.history import write_history

    record = run.record()
    audit = configuration.audit
    start, end = configuration.period
    exceptions, attestations = load_registers(configuration)
    inputs = AssessmentInputs(
        as_of=as_of or record.finished_at or record.started_at,
        period_start=start,
        period_end=end,
        frameworks=audit.frameworks,
        overrides={control: dict(values) for control, values in configuration.parameters.items()},
        exceptions=exceptions,
        attestations=attestations,
        sampling=configuration.sampling,
    )
    history = run.assessment / FOLDER
    # What judged another history is no assessment of this one, should this step be the last.
    (run.assessment / ASSESSMENT).unlink(missing_ok=True)
    write_history(run, store, history, start, end)
    return assess_run(run, inputs, catalogue, history)


def _check(configuration: Configuration, catalogue: Catalogue) -> None:
    for index, framework in enumerate(configuration.audit.frameworks):
        if framework not in catalogue.frameworks:
            what = f"unknown framework {framework!r}{suggestion(framework, catalogue.frameworks)}"
            raise ConfigurationError(f"{configuration.path}: audit.frameworks.{index}: {what}")
    for control in configuration.sampling.sizes:
        if control not in catalogue.controls:
            what = f"no such control{suggestion(control, catalogue.controls)}"
            raise ConfigurationError(f"{configuration.path}: sampling.sizes.{control}: {what}")
    for control, values in configuration.parameters.items():
        place = f"{configuration.path}: parameters.{control}"
        if control not in catalogue.controls:
            raise ConfigurationError(f"{place}: no such control{suggestion(control, catalogue.controls)}")
        known = catalogue.controls[control].parameters
        for name, value in values.items():
            if name not in known:
                raise ConfigurationError(f"{place}.{name}: unknown parameter{suggestion(name, known)}")
            if type(value.value) is not type(known[name].value):
                wanted = type(known[name].value).__name__
                raise ConfigurationError(f"{place}.{name}: expected {wanted}, as the catalogue has it")


def write_pack(
    run: Run,
    store: Store,
    *,
    out: Path | None,
    formats: Sequence[str],
    documents: Mapping[str, Path] | None = None,
    on_step: Callable[[str], None] = lambda text: None,
) -> Path:
    """Write the pack of an assessed run to `out`, by default beside the run, with the `documents` that are asked for.

    Raises ConfigurationError and PackError.
    """
    from keyproof.pack import build_pack
    from reports.registry import FORMATS

    for name in formats:
        if name not in FORMATS:
            raise ConfigurationError(f"--format {name}: no such output{suggestion(name, FORMATS)}")
    place = out or run.folder / PACK
    previous = _previous(store, run)
    manifest = build_pack(
        run, place, formats=formats or list(FORMATS), previous=previous, documents=documents or {}, on_step=on_step
    )
    if out is None:
        store.publish(run, sorted(path for path in place.rglob("*") if path.is_file()))
    older = run.pack_record()
    run.write_pack_record(
        PackRecord(
            place=str(place.resolve()),
            manifest_sha256=_digest(manifest),
            previous=previous,
            replaced=[*older.replaced, older.manifest_sha256] if older else [],
        )
    )
    store.publish(run, [run.folder / PACK_RECORD])
    return place


def _digest(manifest: Manifest) -> str:
    return hashlib.sha256(manifest.to_bytes()).hexdigest()


def _previous(store: Store, run: Run) -> str:
    """Digest of the manifest of the newest earlier run that has a pack in the store; "" where there is none."""
    earlier = [other for other in store.runs() if other.folder.name < run.folder.name]
    records = (other.pack_record() for other in reversed(earlier))
    return next((record.manifest_sha256 for record in records if record is not None), "")


def summaries(store: Store) -> Iterator[dict[str, Any]]:
    """What there is to say of each run, oldest first."""
    for run in store.runs():
        record = run.record()
        inputs = run.assessment / INPUTS
        pack = run.pack_record()
        yield {
            "run": record.id,
            "folder": str(run.folder),
            "started_at": record.started_at.isoformat(timespec="seconds"),
            "finished_at": record.finished_at.isoformat(timespec="seconds") if record.finished_at else None,
            "state": "reported" if pack else "assessed" if inputs.is_file() else record.state,
            "sources": [source.name for source in record.sources],
            "as_of": json.loads(inputs.read_text())["as_of"] if inputs.is_file() else None,
            "pack": pack.place if pack else None,
        }
