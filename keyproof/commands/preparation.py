"""Before the first run: which permissions are needed, and which are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyproof.commands import options
from keyproof.exits import Exit

if TYPE_CHECKING:
    from keyproof.examination import Trouble


@click.command(name="permissions")
@click.argument("source")
def permissions(source: str) -> int:
    """Print the least-privilege policy of a kind of source.

    SOURCE is a kind of source, such as `aws`. The policy is made from what the collector
    declares, and holds nothing but read permissions on metadata.
    """
    from collectors.registry import SOURCES
    from keyproof.configuration import suggestion
    from keyproof.terminal import print_line

    if source not in SOURCES:
        raise click.UsageError(f"no kind of source {source!r}{suggestion(source, SOURCES)}")
    print_line(SOURCES[source].policy().rstrip("\n"))
    return 0


MOST_NAMED = 3
"""Operations that are named where all of them failed for one reason; the table counts all."""


def _alike(troubles: Iterable[Trouble]) -> Mapping[tuple[str, str], list[str]]:
    """The operations by the scope and the reason for which they failed, such as a server that is out of reach."""
    alike: dict[tuple[str, str], list[str]] = {}
    for trouble in troubles:
        alike.setdefault((trouble.scope, trouble.error), []).append(trouble.operation)
    return alike


@click.command(name="doctor")
@options.configuration
@options.as_json
@options.quiet
@options.logging
def doctor(config: Path, as_json: bool, quiet: bool) -> int:
    """Tell what is missing before a run.

    It tries credentials, permissions and reach: it reads one key and one secret of each scope, and keeps nothing.
    """
    from keyproof.configuration import load_configuration
    from keyproof.examination import examine
    from keyproof.run import load_catalogue_for, load_registers
    from keyproof.terminal import collection_progress, harmless, print_json, print_line, print_table

    configuration = load_configuration(config)
    load_catalogue_for(configuration, ())
    load_registers(configuration)
    with collection_progress(not quiet) as on_progress:
        examination = examine(configuration, on_progress)
    if as_json:
        print_json(examination.as_json())
        return Exit.INCOMPLETE if examination.troubles else Exit.DONE
    for source in examination.sources:
        print_line(harmless(f"{source.name} ({source.type}), read as {', '.join(source.identities) or 'nobody known'}"))
        print_table(
            ["operation", "answered", "refused", "failed", "switched off", "what it is asked for"],
            [
                [
                    o.operation,
                    f"{o.answered or '–'}",
                    f"{o.refused or '–'}",
                    f"{o.failed or '–'}",
                    f"{o.switched_off or '–'}",
                    o.why,
                ]
                for o in source.operations
            ],
            right=["answered", "refused", "failed", "switched off"],
        )
    for (scope, error), operations in _alike(examination.troubles).items():
        told = ", ".join(operations[:MOST_NAMED])
        others = len(operations) - MOST_NAMED
        told += f" and {others} more" if others > 0 else ""
        print_line(harmless(f"{scope}: {told}: {error}"))
    if examination.missing:
        print_line()
        print_line(f"missing permissions: {', '.join(examination.missing)}")
        for kind in examination.lacking:
            print_line(f"`keyproof permissions {kind}` prints the whole policy")
    if not examination.troubles:
        print_line("everything that a run asks for is answered")
    return Exit.INCOMPLETE if examination.troubles else Exit.DONE
