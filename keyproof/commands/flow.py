"""The flow: collect, assess and report, together and one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from keyproof.commands import options


@click.command(name="run")
@options.configuration
@options.out
@options.as_of
@options.judgement
@options.catalog
@options.formats
@options.with_documents
@options.anew
@options.wait
@options.as_json
@options.quiet
@options.logging
def run(
    config: Path,
    out: Path | None,
    as_of: datetime | None,
    fail_on: str | None,
    accept_gaps: Path | None,
    catalogs: Sequence[Path],
    formats: Sequence[str],
    with_documents: bool,
    anew: bool,
    wait: float,
    as_json: bool,
    quiet: bool,
) -> int:
    """Collect, assess and report: what a scheduler calls.

    A run that was interrupted goes on where it was, without asking again for what was recorded.
    """
    from keyproof.accepted import load_accepted_gaps
    from keyproof.configuration import load_configuration
    from keyproof.run import collect, load_catalogue_for, opened_store

    configuration = load_configuration(config)
    catalogue = load_catalogue_for(configuration, catalogs)
    accepted = load_accepted_gaps(accept_gaps) if accept_gaps else []
    store = opened_store(configuration)
    from keyproof.terminal import collection_progress

    with store.locked(wait):
        store.refresh()
        with collection_progress(not quiet) as on_progress:
            collected, _ = collect(configuration, store, anew=anew, on_progress=on_progress)
        from keyproof.conclusion import conclude

        return conclude(
            collected,
            configuration,
            catalogue,
            store,
            as_of=as_of,
            out=out,
            formats=formats,
            with_documents=with_documents,
            fail_on=fail_on,
            accepted=accepted,
            as_json=as_json,
            quiet=quiet,
        )


@click.command(name="collect")
@options.configuration
@options.anew
@options.wait
@options.as_json
@options.quiet
@options.logging
def collect(config: Path, anew: bool, wait: float, as_json: bool, quiet: bool) -> int:
    """Collect evidence into a run of the store; judge nothing."""
    from keyproof.configuration import load_configuration
    from keyproof.run import collect as collect_run
    from keyproof.run import opened_store
    from keyproof.terminal import collection_progress, print_json, print_line

    configuration = load_configuration(config)
    store = opened_store(configuration)
    with store.locked(wait):
        store.refresh()
        with collection_progress(not quiet) as on_progress:
            collected, progress = collect_run(configuration, store, anew=anew, on_progress=on_progress)
    result = {
        "run": collected.folder.name,
        "folder": str(collected.folder),
        "scopes": progress.scopes,
        "requests": progress.requests,
        "from_record": progress.recorded,
        "refused": progress.statuses["refused"],
        "failed": progress.statuses["failed"],
    }
    if as_json:
        print_json(result)
    else:
        print_line(f"run {result['run']}: {progress.scopes} scopes read with {progress.requests:,} requests")
        if progress.statuses["refused"] or progress.statuses["failed"]:
            print_line(f"{result['refused']:,} requests were refused, {result['failed']:,} failed: they become gaps")
        print_line("next: keyproof assess")
    return 0


@click.command(name="assess")
@click.argument("wanted", metavar="[RUN]", default="latest")
@options.configuration
@options.as_of
@options.judgement
@options.catalog
@options.wait
@options.as_json
@options.quiet
@options.logging
def assess(
    wanted: str,
    config: Path,
    as_of: datetime | None,
    fail_on: str | None,
    accept_gaps: Path | None,
    catalogs: Sequence[Path],
    wait: float,
    as_json: bool,
    quiet: bool,
) -> int:
    """Judge a run of the store.

    RUN is its id or the beginning of it, by default the latest.
    """
    from keyproof.accepted import load_accepted_gaps
    from keyproof.conclusion import conclude
    from keyproof.configuration import load_configuration
    from keyproof.run import collected_run, load_catalogue_for, opened_store

    configuration = load_configuration(config)
    catalogue = load_catalogue_for(configuration, catalogs)
    accepted = load_accepted_gaps(accept_gaps) if accept_gaps else []
    store = opened_store(configuration)
    with store.locked(wait):
        return conclude(
            collected_run(configuration, store, wanted),
            configuration,
            catalogue,
            store,
            as_of=as_of,
            out=None,
            formats=None,
            fail_on=fail_on,
            accepted=accepted,
            as_json=as_json,
            quiet=quiet,
        )


@click.command(name="report")
@click.argument("wanted", metavar="[RUN]", default="latest")
@options.configuration
@options.out
@options.formats
@options.with_documents
@options.wait
@options.as_json
@options.quiet
@options.logging
def report(
    wanted: str,
    config: Path,
    out: Path | None,
    formats: Sequence[str],
    with_documents: bool,
    wait: float,
    as_json: bool,
    quiet: bool,
) -> int:
    """Write the pack of an assessed run."""
    from keyproof.configuration import load_configuration
    from keyproof.registers import documents_of
    from keyproof.run import collected_run, opened_store, write_pack
    from keyproof.terminal import print_json, print_line, steps

    configuration = load_configuration(config)
    store = opened_store(configuration)
    with store.locked(wait), steps(not quiet) as on_step:
        found = collected_run(configuration, store, wanted)
        documents = documents_of(found, configuration) if with_documents else {}
        pack = write_pack(found, store, out=out, formats=formats, documents=documents, on_step=on_step)
    if as_json:
        print_json({"run": found.folder.name, "pack": str(pack)})
    else:
        print_line(f"the pack is in {pack}")
    return 0
