"""The whole flow on an embedded estate."""

from __future__ import annotations

from pathlib import Path

import click

from keyproof.commands import options


@click.command(name="demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("keyproof-demo"),
    show_default=True,
    metavar="DIR",
    help="Where the configuration, the store and the pack go.",
)
@options.as_json
@options.quiet
@options.logging
def demo(out: Path, as_json: bool, quiet: bool) -> int:
    """Show the whole flow on an embedded estate.

    It needs no account and no network.
    The real collectors talk to an AWS, an Azure, a Google Cloud, an OpenBao and a token of their own, seeded with
    one invented company.
    """
    from keyproof.demo.showcase import run_demo

    return run_demo(out, as_json=as_json, quiet=quiet)
