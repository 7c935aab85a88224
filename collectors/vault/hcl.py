"""HCL of the first version, the language of ACL policies: from text to items of keys and values, or an error.

Vault and OpenBao read policies with the first version of HCL, which accepts what the second refuses: attributes beside
one another on a line, commas between them, quoted names of attributes, attributes given twice. A reader of the second
version would call policies unreadable that a server enforces. Source: the grammar and scanner of
github.com/hashicorp/hcl, version 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

DEEPEST = 32
"""Objects and lists within one another; a policy has no more than five."""

LONGEST = 4 << 20
"""Characters; a server's storage takes no entry of more than 1 MiB unless it is told to."""


class HclError(ValueError):
    """The text is not HCL. The message says where and why."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written: `30`, `1.5`, `0x1f`."""

    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """Keys and what they lead to: `path "secret/*" { … }` has two keys."""

    keys: tuple[str, ...]
    value: Value


Value: TypeAlias = "str | bool | Number | tuple[Value, ...] | Object | None"


@dataclass(frozen=True, slots=True)
class Object:
    """Items in their order; the same keys may come again."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


_TOKENS = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<comment>\#[^\n]*|//[^\n]*|/\*.*?\*/)
  | (?P<heredoc><<-?\w+\r?\n)
  | (?P<number>-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|-?\.\d+(?:[eE][+-]?\d+)?)
  | (?P<name>[^\W\d][\w.-]*)
  | (?P<mark>[{}\[\],=])
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r'[^"\\$\n\x00]+')
_ESCAPE = re.compile(r"\\(?:([abfnrtv\\\"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")
_SINGLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


def read_hcl(text: str) -> Object:
    """The items of a text in HCL, or in JSON where it begins with `{`. Raises HclError where it is neither."""
    if len(text) > LONGEST:
        raise HclError(f"it is longer than {LONGEST} characters")
    if text.lstrip().startswith("{"):
        return _read_json(text)
    return _Reader(text).document()


class _Reader:
    """Reads one text from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._token = next(self._tokens)

    def document(self) -> Object:
        items = []
        while self._token.kind != "end":
            items.append(self._item(0))
            self._skip(",")
        return Object(tuple(items))

    def _next(self) -> _Token:
        token, self._token = self._token, next(self._tokens, self._token)
        return token

    def _skip(self, mark: str) -> bool:
        found = self._token.kind == mark
        if found:
            self._next()
        return found

    def _item(self, depth: int) -> Item:
        keys = []
        while self._token.kind in ("name", "text", "bool"):
            keys.append(self._next().text)
        if not keys:
            raise _unexpected(self._token, "a name")
        if self._token.kind == "=" and len(keys) == 1:
            self._next()
            return Item(tuple(keys), self._value(depth))
        if self._token.kind == "{":
            return Item(tuple(keys), self._value(depth))
        raise _unexpected(self._token, "{ or =" if len(keys) == 1 else "{")

    def _value(self, depth: int) -> Value:
        token = self._next()
        if depth > DEEPEST:
            raise HclError("it is nested too deeply")
        if token.kind == "{":
            return self._object(depth + 1)
        if token.kind == "[":
            return self._list(depth + 1)
        if token.kind in ("text", "heredoc"):
            return token.text
        if token.kind == "number":
            return Number(token.text)
        if token.kind == "bool":
            return token.text == "true"
        raise _unexpected(token, "a value")

    def _object(self, depth: int) -> Object:
        items = []
        while not self._skip("}"):
            items.append(self._item(depth))
            self._skip(",")
        return Object(tuple(items))

    def _list(self, depth: int) -> tuple[Value, ...]:
        values: list[Value] = []
        needs_comma = False
        while not self._skip("]"):
            if self._skip(","):
                needs_comma = False
            elif needs_comma:
                raise _unexpected(self._token, ", or ]")
            else:
                values.append(self._value(depth))
                needs_comma = True
        return tuple(values)


def _unexpected(token: _Token, wanted: str) -> HclError:
    found = "the end" if token.kind == "end" else repr(token.text or token.kind)
    return HclError(f"at character {token.at + 1}: {wanted} is expected, not {found[:50]}")


def _tokens(text: str) -> Iterator[_Token]:
    """The tokens of a text, and one of the kind `end`."""
    at = 0
    while at < len(text):
        if text[at] == '"':
            value, end = _string(text, at)
            yield _Token("text", value, at)
            at = end
            continue
        match = _TOKENS.match(text, at)
        if match is None:
            raise HclError(f"at character {at + 1}: {text[at]!r} is not expected")
        kind, found = str(match.lastgroup), match.group()
        start, at = at, match.end()
        if kind == "heredoc":
            found, at = _heredoc(text, found, at)
        if kind in ("space", "comment"):
            continue
        if kind == "name" and found in ("true", "false"):
            kind = "bool"
        yield _Token(found if kind == "mark" else kind, found, start)
    yield _Token("end", "", len(text))


def _string(text: str, start: int) -> tuple[str, int]:
    """A quoted text and where it ends. Between `${` and its `}` quotes and line ends are like any character."""
    parts: list[str] = []
    at, braces = start + 1, 0
    while at < len(text):
        character = text[at]
        if braces:
            braces += {"{": 1, "}": -1}.get(character, 0)
            parts.append(character)
            at += 1
        elif character == '"':
            return "".join(parts), at + 1
        elif text.startswith("${", at):
            braces = 1
            parts.append("${")
            at += 2
        elif character == "\\":
            value, at = _escape(text, at)
            parts.append(value)
        elif character in "\n\x00":
            break
        else:
            match = _PLAIN.match(text, at)
            found = match.group() if match else character
            parts.append(found)
            at += len(found)
    raise HclError(f"at character {start + 1}: the text in quotes does not end")


def _escape(text: str, at: int) -> tuple[str, int]:
    match = _ESCAPE.match(text, at)
    if match is None:
        raise HclError(f"at character {at + 1}: an escape that is not known")
    single, octal, *hexadecimal = match.groups()
    if single:
        return _SINGLE[single], match.end()
    code = int(octal, 8) if octal else int(next(digits for digits in hexadecimal if digits), 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise HclError(f"at character {at + 1}: an escape of no character")
    return chr(code), match.end()


def _heredoc(text: str, opening: str, at: int) -> tuple[str, int]:
    """The lines up to the one that holds the anchor alone; with `<<-` without their common indentation."""
    indented = opening.startswith("<<-")
    anchor = opening.strip()[3 if indented else 2 :]
    closing = re.compile(rf"^[ \t\r\f\v]*{re.escape(anchor)}\r*(?=\n)", re.MULTILINE).search(text, at)
    if closing is None:
        raise HclError(f"at character {at + 1}: the text after <<{anchor} does not end")
    lines = text[at : closing.start()].splitlines(keepends=True)
    if indented:
        margin = min((len(line) - len(line.lstrip(" \t")) for line in lines), default=0)
        lines = [line[margin:] for line in lines]
    return "".join(lines), closing.end()


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON with members in their order, which may come twice."""


def _read_json(text: str) -> Object:
    try:
        document = json.loads(text, object_pairs_hook=_Pairs, parse_float=Number, parse_int=Number)
        value = _of_json(document, 0)
    except HclError:
        raise
    except RecursionError as error:
        raise HclError("it is nested too deeply") from error
    except ValueError as error:
        raise HclError(f"it is not JSON: {error}") from error
    if not isinstance(value, Object):
        raise HclError("it is no object")
    return value


def _of_json(value: Any, depth: int) -> Value:
    if depth > DEEPEST:
        raise HclError("it is nested too deeply")
    if isinstance(value, _Pairs):
        return Object(tuple(Item((key,), _of_json(member, depth + 1)) for key, member in value))
    if isinstance(value, list):
        return tuple(_of_json(member, depth + 1) for member in value)
    if value is None or isinstance(value, str | bool | Number):
        return value
    raise HclError("it holds a number that is none")
