"""TOML documents of controls, frameworks and registers, read strictly: each refusal names place, reason and fix."""

from __future__ import annotations

import difflib
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class DocumentError(Exception):
    """A document cannot be used; the message has one problem a line, each with file, place, reason and fix."""


class Entry(BaseModel):
    """A table of a document. Nothing is converted: a number in quotes is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


EntryT = TypeVar("EntryT", bound=Entry)


def read_text(path: Path) -> str:
    """A document's text. Raises DocumentError."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}") from error


def parse(where: str, text: str) -> dict[str, Any]:
    """A TOML document. Raises DocumentError, which names line and column."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DocumentError(f"{where}: not valid TOML: {error}") from error
    except RecursionError as error:
        raise DocumentError(f"{where}: not usable TOML: it is nested too deeply") from error


def entries(where: str, document: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tables of `[[name]]`, the document's only key, each with its place. Raises DocumentError."""
    for key in document:
        if key != name:
            raise DocumentError(f"{where}: {key}: unknown key{nearest(key, [name])}")
    tables = document.get(name)
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise DocumentError(f"{where}: {name}: expected at least one [[{name}]]")
    for number, table in enumerate(tables, 1):
        own = table.get("id")
        yield f"{where}: {name} {own if isinstance(own, str) and own else number}", table


def validated(where: str, model: type[EntryT], table: dict[str, Any]) -> EntryT:
    """The table as `model`. Raises DocumentError with every problem in it."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        problems = [_problem(where, model, details) for details in error.errors(include_url=False)]
        raise DocumentError("\n".join(dict.fromkeys(problems))) from error


def refuse_duplicates(where: str, what: str, names: Iterable[str]) -> None:
    """Raises DocumentError where two of the names are one."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DocumentError(f"{where}: two entries of {what} have the id {name!r}; give each its own")
        seen.add(name)


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` where a known word is near, else the known words."""
    names = list(known)
    lowered = {name.lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(word.lower(), lowered, n=1)
    if near:
        return f'; did you mean "{lowered[near[0]]}"?'
    return f"; known here: {', '.join(names)}" if names else ""


def _problem(where: str, model: type[BaseModel], details: Any) -> str:
    loc = [part for part in details["loc"] if part != "[key]"]
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in loc)
    place = f"{where}: {place}" if place else where
    if details["type"] == "extra_forbidden":
        return f"{place}: unknown key{nearest(str(loc[-1]), _fields(model, loc[:-1]))}"
    if details["type"] == "missing":
        return f"{place}: is missing; add it"
    if details["type"] in ("enum", "literal_error"):
        known = re.findall("'([^']*)'", details["ctx"]["expected"])
        return f"{place}: unknown value {details['input']!r}{nearest(str(details['input']), known)}"
    if details["type"] == "value_error":
        return f"{place}: {details['ctx']['error']}"
    return f"{place}: {details['msg'][:1].lower()}{details['msg'][1:]}"


def _fields(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    for part in loc:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        found = next(_models(model.model_fields[part].annotation), None)
        if found is None:
            return []
        model = found
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
    else:
        for argument in typing.get_args(annotation):
            yield from _models(argument)
