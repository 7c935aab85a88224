"""The command line: the one place that reads the clock, writes to the terminal and exits."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from keyproof import __version__
from keyproof.commands import COMMANDS
from keyproof.commands.in_order import InOrder
from keyproof.exits import Exit

log = logging.getLogger("keyproof")


@click.group(
    cls=InOrder,
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit codes: 0 done; 1 findings at or above --fail-on, or entries of a register that count for nothing; "
        "2 usage or configuration; 3 the evidence is incomplete; 4 verification failed; 70 internal error. "
        "3 outranks 1."
    ),
)
@click.version_option(__version__, prog_name="keyproof")
def cli() -> None:
    """Key-management evidence that an auditor can read, verify and re-perform.

    keyproof collects what clouds, HSMs and secrets managers say about keys and secrets, checks it against control
    frameworks, and writes an evidence pack. It only reads, and never asks for a secret's value.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit with its code; every expected error becomes a message with a next step."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a command line."""
    from keyproof.ownership import ForeignPackage, check_ownership

    as_json = _logs_as_json(sys.argv[1:] if arguments is None else arguments)
    try:
        check_ownership()
        outcome = cli.main(arguments, prog_name="keyproof", standalone_mode=False)
    except ForeignPackage as error:
        return _failed(str(error), Exit.USAGE, as_json)
    except click.exceptions.Abort:
        return _failed("interrupted; what was recorded stays, and the next run goes on from it", Exit.INTERNAL, as_json)
    except click.ClickException as error:
        if as_json:
            return _failed(error.format_message(), Exit.USAGE, as_json)
        error.show()
        return Exit.USAGE
    except BrokenPipeError:
        sys.stderr.close()
        return Exit.INTERNAL
    except Exception as error:  # noqa: BLE001 - the last place: it is told, and the exit code says that nothing was judged
        return _failed(*_explained(error), as_json)
    return int(outcome) if isinstance(outcome, int) else Exit.DONE


def _logs_as_json(arguments: Sequence[str]) -> bool:
    """Whether logs are to be JSON, as far as that is known before the command line is read: reading it can fail."""
    joined = " ".join(arguments)
    return "--log-format json" in joined or "--log-format=json" in joined


def _explained(error: Exception) -> tuple[str, int]:
    """What an error says to people, and the exit code."""
    from keyproof.exits import expected_errors

    if isinstance(error, expected_errors()):
        return str(error), Exit.USAGE
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        what = f"{where}{error.strerror or error}"
        return f"{what}; no assessment was made, what was recorded stays, and the next run goes on", Exit.INTERNAL
    log.debug("internal error", exc_info=error)
    what = f"{type(error).__name__}: {error}"
    told = f"internal error, no assessment was made: {what}\nRun again with -vv to see where it arose."
    return told, Exit.INTERNAL


def _failed(message: str, code: int, as_json: bool) -> int:
    from keyproof.terminal import configure_logging, harmless

    if as_json:
        configure_logging("json", 0)
        log.error("%s", message, extra={"exit_code": int(code)})
        return code
    for line in message.splitlines():
        click.echo(f"keyproof: {harmless(line)}", err=True)
    return code


if __name__ == "__main__":
    main()
