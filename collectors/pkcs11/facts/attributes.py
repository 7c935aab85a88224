"""The attributes of one object: each one's value, or why it is not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

from collectors.pkcs11.answers import Attributes, Told, Unread
from collectors.pkcs11.attributes import KINDS, Kind
from collectors.pkcs11.objects import MISSING, Found, Thing, unread_failure
from collectors.scope_rows import expect
from evidence.model import NEVER, GapKind
from evidence.observation import Observation
from evidence.reading import Failure, Reading

READ = "pkcs11:C_GetAttributeValue"

ValueT = TypeVar("ValueT")


@dataclass(slots=True)
class Object:
    """One object as far as it was read. Asking for an attribute that is not known leaves the reason in `failures`."""

    found: Found
    attributes: Attributes
    observation: Observation
    failures: dict[str, Failure] = field(default_factory=dict)
    """By the attribute's name."""

    @property
    def read_at(self) -> datetime:
        """When it was read."""
        return datetime.fromisoformat(self.observation.received_at)

    def flag(self, name: str, *, absent: bool | None = None) -> bool | None:
        """A flag; `absent` is what it means that the module has no such attribute."""
        return self._value(name, bool, absent)

    def number(self, name: str) -> int | None:
        """A number."""
        return self._value(name, int, None)

    def numbers(self, name: str, *, absent: Sequence[int] | None = None) -> Sequence[int] | None:
        """A list of numbers."""
        found = self._value(name, list, None)
        return absent if found is None and self.missing(name) else found

    def text(self, name: str) -> str | None:
        """A text, or bytes in hexadecimal."""
        return self._value(name, str, None)

    def day(self, name: str, *, end: bool) -> datetime | None:
        """A date, as its first moment, or with `end` as its last second; NEVER where it is empty."""
        digits = self.text(name)
        if not digits:
            return None if digits is None else NEVER
        try:
            on = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
        except ValueError:
            self._fail(name, f"{name}: {digits} is no date")
            return None
        return datetime.combine(on, time(23, 59, 59) if end else time.min, UTC)

    def plain(self, name: str) -> Any:
        """A value of whatever kind."""
        kind: type[Any] = {Kind.FLAG: bool, Kind.NUMBER: int, Kind.NUMBERS: list}.get(KINDS[name], str)
        return self._value(name, kind, None)

    def missing(self, name: str) -> bool:
        """The module says that there is no such attribute."""
        told = self.attributes.told.get(name)
        return isinstance(told, Unread) and told.rv == MISSING

    def _value(self, name: str, kind: type[ValueT], absent: ValueT | None) -> ValueT | None:
        told: Told | None = self.attributes.told.get(name)
        if isinstance(told, kind) and type(told) is kind:
            return told
        if isinstance(told, Unread):
            if told.rv == MISSING and absent is not None:
                return absent
            self.failures.setdefault(name, unread_failure(name, told, self.observation.id))
        else:
            self._fail(name, f"{name}: the answer does not state it")
        return None

    def _fail(self, name: str, error: str) -> None:
        self.failures.setdefault(name, Failure(GapKind.FAILED, error, self.observation.id))


def read_objects(reading: Reading, thing: Thing) -> list[Object]:
    """The objects of a thing that could be read, in its order; why the others could not is in `reading.failures`."""
    objects = []
    unread = list(thing.objects)
    for observation, attributes in reading.answers(READ, Attributes):
        found = next((one for one in unread if one.identity == observation.parameters), None)
        if found is not None and attributes is not None:
            unread.remove(found)
            objects.append(Object(found, attributes, observation))
    if unread:
        expect(reading, READ)
        reading.fail(READ, GapKind.FAILED, "an object was not read")
    return sorted(objects, key=lambda one: thing.objects.index(one.found))


def first_failure(objects: Iterable[Object], names: Iterable[str]) -> Failure | None:
    """Why one of these attributes is not known; a failure before what is merely not offered."""
    named = list(names)
    failures = [one.failures[name] for one in objects for name in named if name in one.failures]
    return min(failures, key=lambda failure: failure.kind is GapKind.NOT_OFFERED, default=None)


def note_failures(reading: Reading, objects: Iterable[Object]) -> None:
    """Remember in the reading the first attribute that failed, so that the scope does not count as complete."""
    for one in objects:
        for failure in one.failures.values():
            if failure.kind is not GapKind.NOT_OFFERED:
                reading.failures.setdefault(READ, failure)
