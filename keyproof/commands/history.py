"""The runs of a store."""

from __future__ import annotations

from pathlib import Path

import click

from keyproof.commands import options


@click.command(name="runs")
@options.configuration
@options.as_json
@options.logging
def runs(config: Path, as_json: bool) -> int:
    """List the runs of the store, oldest first."""
    from keyproof.configuration import load_configuration
    from keyproof.run import opened_store, summaries
    from keyproof.terminal import harmless, print_json, print_line, print_table

    store = opened_store(load_configuration(config))
    store.refresh()
    told = list(summaries(store))
    if as_json:
        print_json(told)
        return 0
    if not told:
        print_line(f"no runs yet in {store.root}; `keyproof run -c {config}` makes one")
        return 0
    print_table(
        ["run", "started", "state", "sources", "assessed as of", "pack"],
        [
            [
                summary["run"],
                summary["started_at"][:16].replace("T", " "),
                summary["state"],
                ", ".join(summary["sources"]),
                (summary["as_of"] or "–")[:16].replace("T", " "),
                harmless(summary["pack"] or "–"),
            ]
            for summary in told
        ],
    )
    return 0
