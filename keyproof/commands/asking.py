"""What a command still has to know: asked for on a terminal, refused elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

Answers = Mapping[str, Any]


def completed(
    given: Answers, lacking: Callable[[Answers], Sequence[str]], types: Mapping[str, click.ParamType[Any]]
) -> Answers:
    """`given` with the options that `lacking` names, each asked for by its help. `types` narrows what some may be.

    Questions go to standard error. Raises click.UsageError, which names every option that lacks, where standard input
    is no terminal: a script is never kept waiting.
    """
    options = {option.name: option for option in click.get_current_context().command.params if option.name}
    names = lacking(given)
    if names and not sys.stdin.isatty():
        told = ", ".join(options[name].opts[0] for name in names)
        raise click.UsageError(f"missing: {told}; on a terminal they are asked for")
    answers = dict(given)
    while names:
        option = options[names[0]]
        assert isinstance(option, click.Option)  # noqa: S101 - for the type checker: none of these is an argument
        answers[names[0]] = _answer(option, types.get(names[0], option.type))
        names = lacking(answers)
    return answers


def _answer(option: click.Option, kind: click.ParamType[Any]) -> Any:
    text = (option.help or option.opts[0]).split(";")[0].rstrip(".")
    shown = isinstance(kind, click.Choice) and len(kind.choices) <= MOST_SHOWN
    if not option.multiple:
        return click.prompt(text, type=kind, err=True, show_choices=shown)
    answers = [click.prompt(text, type=kind, err=True, show_choices=shown)]
    while (more := _another(kind, option)) is not None:
        answers.append(more)
    return tuple(answers)


def _another(kind: click.ParamType[Any], option: click.Option) -> Any:
    """One more answer, asked for again where it is none of that kind; None for no more."""

    def read(text: str) -> Any:
        return kind.convert(text, option, None) if text else None

    return click.prompt("  another; Enter for none", default="", show_default=False, err=True, value_proc=read)


MOST_SHOWN = 20
"""Choices that a question names; of more, a wrong answer names them all."""
