"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

configuration = click.option(
    "-c",
    "--config",
    "config",
    type=click.Path(path_type=Path),
    default=Path("keyproof.toml"),
    show_default=True,
    help="The configuration file.",
)
catalog = click.option(
    "--catalog",
    "catalogs",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A folder with catalog/*.toml, frameworks/*.toml or standards/*.toml of your own.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the pack goes: a folder, or a file that ends in .zip. By default beside the run in the store.",
)
formats = click.option(
    "--format", "formats", multiple=True, metavar="NAME", help="Only this output; may be given several times."
)
with_documents = click.option(
    "--with-documents",
    is_flag=True,
    help="Put the documents of attestations and exceptions that count into the pack, not their digests alone.",
)
wait = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="How long to wait for another run that holds the store.",
)
anew = click.option("--new", "anew", is_flag=True, help="Start anew, even where an interrupted run could go on.")


class Moment(click.ParamType[datetime]):
    """A date (its last second, UTC) or a time with its zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time in UTC; a usage error where the text is none."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither a date (2026-06-30) nor a time (2026-06-30T12:00:00Z)", param, ctx)
        if len(value) == len("2026-06-30"):
            return datetime.combine(moment.date(), time(23, 59, 59), UTC)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no time zone; add Z for UTC", param, ctx)
        return moment.astimezone(UTC)


class Day(click.ParamType[date]):
    """A date in the form of ISO 8601."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date; a usage error where the text is none."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date; write it as 2026-06-30", param, ctx)


class Counted(click.ParamType[tuple[str, int]]):
    """What was counted, and how many."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """The two; a usage error where the text is not of that form."""
        if isinstance(value, tuple):
            return value
        name, separator, number = value.partition("=")
        if not separator or not number.isascii() or not number.isdecimal():
            self.fail(f"{value!r} is no count; write it as key=12", param, ctx)
        return name.strip(), int(number)


as_of = click.option(
    "--as-of",
    type=Moment(),
    metavar="TIME",
    help="Judge as of this date or time (UTC). By default the end of the collection.",
)


def logging(command: Command) -> Command:
    """`-v`, `--quiet` and `--log-format`, applied before the command runs."""

    def apply(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        ctx.meta[f"keyproof.{param.name}"] = value
        if {"keyproof.verbose", "keyproof.log_format"} <= set(ctx.meta):
            from keyproof.terminal import configure_logging

            configure_logging(ctx.meta["keyproof.log_format"], ctx.meta["keyproof.verbose"])
        return value

    for option in (
        click.option("-v", "--verbose", count=True, expose_value=False, callback=apply, help="Log steps; -vv for all."),
        click.option(
            "--log-format",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            expose_value=False,
            callback=apply,
            help="How logs and errors are written to standard error.",
        ),
    ):
        command = option(command)
    return command


quiet = click.option("-q", "--quiet", is_flag=True, help="No progress display.")


def judgement(command: Command) -> Command:
    """`--fail-on` and `--accept-gaps`, which decide the exit code."""
    for option in (
        click.option(
            "--fail-on",
            type=click.Choice(["low", "medium", "high", "critical"]),
            metavar="SEVERITY",
            help="Exit with 1 where a control of this severity or above fails without a valid exception: "
            "low, medium, high or critical.",
        ),
        click.option(
            "--accept-gaps",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Gaps that are known and agreed (TOML); they no longer make the exit code 3.",
        ),
    ):
        command = option(command)
    return command
