"""What people see: results on standard output; progress and logs on standard error."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keyproof.collection import Progress


def harmless(text: str) -> str:
    """`text` without the control codes that a provider's answer may carry."""
    from reports.display import visible

    return visible(text, limit=4_000)


def print_json(value: Any) -> None:
    """A result for machines."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=True, default=str) + "\n")


def print_line(text: str = "") -> None:
    """A line of a result for people; the text is keyproof's own, or has been made harmless."""
    sys.stdout.write(text + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table of a result. Every cell is made harmless; a terminal wraps it, a pipe gets its whole width."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=False, width=None if sys.stdout.isatty() else 200, highlight=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        print_line(line.rstrip())


def configure_logging(form: str, verbosity: int) -> None:
    """Send logs to standard error, as text or as JSON Lines.

    `verbosity`: 0 for warnings, 1 for keyproof's steps, 2 for all it can tell.
    """
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        from pythonjsonlogger.json import JsonFormatter

        handler.setFormatter(
            JsonFormatter(
                "%(levelname)s %(name)s %(message)s",
                rename_fields={"levelname": "level", "name": "logger"},
                timestamp="time",
                json_ensure_ascii=True,
            )
        )
    else:
        handler.setFormatter(_HarmlessFormatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    for sdk in ("botocore", "azure", "google", "grpc"):  # what they warn of is recorded, with the error
        logging.getLogger(sdk).setLevel(logging.ERROR)
    logging.getLogger("keyproof").setLevel(
        logging.DEBUG if verbosity > 1 else logging.INFO if verbosity or form == "json" else logging.WARNING
    )


class _HarmlessFormatter(logging.Formatter):
    """Lines after the first are indented, so that none of them passes for a record of its own."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n    ".join(map(harmless, super().format(record).splitlines()))


@contextmanager
def collection_progress(shown: bool) -> Iterator[Callable[[Progress], None]]:
    """Shows how a collection comes along, where standard error is a terminal."""
    if not (shown and sys.stderr.isatty()):
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("collecting"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", detail="")

        def show(progress: Any) -> None:
            refused = progress.statuses["refused"] + progress.statuses["failed"]
            detail = f"{progress.scopes_done}/{progress.scopes} scopes, {progress.requests:,} requests"
            if progress.recorded:
                detail += f", {progress.recorded:,} from the record"
            if refused:
                detail += f", {refused:,} refused or failed"
            bar.update(task, completed=progress.tasks_done, total=progress.tasks, detail=detail)

        yield show


@contextmanager
def steps(shown: bool) -> Iterator[Callable[[str], None]]:
    """Shows which step is under way, where standard error is a terminal; else it is logged."""
    log = logging.getLogger("keyproof.run")
    if not (shown and sys.stderr.isatty()):
        yield lambda text: log.info("%s", text)
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:

        def show(text: str) -> None:
            log.info("%s", text)
            status.update(harmless(text))

        yield show
