"""Verification of a pack."""

from __future__ import annotations

from pathlib import Path

import click

from keyproof.commands import options
from keyproof.exits import Exit


@click.command(name="verify")
@click.argument("pack", type=click.Path(path_type=Path))
@options.as_json
@options.quiet
@options.logging
def verify(pack: Path, as_json: bool, quiet: bool) -> int:
    """Check a pack offline, and judge it once more.

    PACK is a folder or a .zip. Every byte is checked against the manifest; then the inventory is made again from the
    observations, and the findings from the inventory, and both are compared with what the pack says.

    Exit code 4 names each file that was changed, added, removed or cut short, and each verdict that the evidence does
    not bear out.
    """
    from keyproof.terminal import harmless, print_json, print_line, steps
    from keyproof.verification import verify as verify_pack

    with steps(not quiet) as on_step:
        verification = verify_pack(pack, on_step=on_step)
    if as_json:
        print_json(verification.as_json())
    else:
        for line in verification.lines():
            print_line(harmless(line))
    return Exit.UNVERIFIED if verification.problems else Exit.DONE
