"""The process in which a PKCS#11 module is loaded, so that one that crashes or hangs ends this process alone.

It reads one request a line from its standard input and writes one answer a line to its standard output, both JSON. A
request `{"do": NAME, …}` is answered by `{"told": …}`, by `{"function": NAME, "rv": "CKR_…"}` where the module returned
that, or by `{"broken": WHY}` where the module is none or answers what no module may. It holds no more than reading
needs: the functions of `module` and the attributes of `attributes`.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

from collectors.pkcs11 import cryptoki
from collectors.pkcs11.attributes import IDENTITY, KINDS, NUMBERS, Kind, asked
from collectors.pkcs11.module import CryptokiError, Module, Value

WITHHELD = ("CKF_USER_PIN_COUNT_LOW", "CKF_USER_PIN_FINAL_TRY", "CKF_USER_PIN_LOCKED")
"""Flags of a token to which no PIN is sent: a wrong one has been entered, and another could lock it."""

GONE = frozenset(
    f"CKR_{name}"
    for name in (
        "DEVICE_REMOVED",
        "TOKEN_NOT_PRESENT",
        "SESSION_HANDLE_INVALID",
        "SESSION_CLOSED",
        "CRYPTOKI_NOT_INITIALIZED",
        "SLOT_ID_INVALID",
        "OBJECT_HANDLE_INVALID",
    )
)
"""Return values after which no other attribute of the object can be read."""

_WORD = 8
"""Bytes of a CK_ULONG."""

_SIZES = {Kind.FLAG: 1, Kind.NUMBER: _WORD}
"""Bytes of the kinds that have one size."""


def told(attribute: str, value: Value) -> Any:
    """An attribute's value as an observation keeps it: of its kind, or `{"hex": …}` or `{"rv": …}`."""
    if value.rv:
        return {"rv": value.rv}
    kind, data = KINDS[attribute], value.data
    with contextlib.suppress(ValueError):
        return _READ[kind](data)
    return {"hex": data.hex()}


def _flag(data: bytes) -> bool:
    if data not in (b"\0", b"\1"):
        raise ValueError
    return data == b"\1"


def _number(data: bytes) -> int:
    if len(data) != _WORD:
        raise ValueError
    return int.from_bytes(data, sys.byteorder)


def _numbers(data: bytes) -> list[int]:
    if len(data) % _WORD:
        raise ValueError
    return [_number(data[at : at + _WORD]) for at in range(0, len(data), _WORD)]


def _date(data: bytes) -> str:
    digits = data.strip(b"\0 ").decode("ascii")
    if digits and not (len(digits) == 8 and digits.isdecimal()):
        raise ValueError
    return digits


_READ: dict[Kind, Callable[[bytes], Any]] = {
    Kind.FLAG: _flag,
    Kind.NUMBER: _number,
    Kind.NUMBERS: _numbers,
    Kind.TEXT: bytes.decode,
    Kind.DATE: _date,
    Kind.BYTES: bytes.hex,
    Kind.COUNTED: lambda data: int.from_bytes(data).bit_length(),
}


class Worker:
    """One module, its sessions, and the objects that were found in them."""

    def __init__(self) -> None:
        self._module: Module | None = None
        self._sessions: dict[int, int] = {}
        self._found: dict[int, list[tuple[str, int]]] = {}
        """By slot: each object's identity as canonical JSON, with its handle."""
        self._by_identity: dict[int, dict[str, list[int]]] = {}
        self._identified_until: dict[int, int] = {}

    @property
    def module(self) -> Module:
        """The module. Raises ValueError before it is loaded."""
        if self._module is None:
            raise ValueError("the module is not loaded")
        return self._module

    def load(self, path: str, parameters: str) -> dict[str, Any]:
        """C_Initialize, with what the module tells of itself."""
        self._module = Module(path, parameters)
        return self._module.info()

    def slots(self) -> dict[str, Any]:
        """C_GetSlotList."""
        return {"slots": self.module.slots()}

    def slot_info(self, slot: int) -> dict[str, Any]:
        """C_GetSlotInfo."""
        return self.module.slot_info(slot)

    def token_info(self, slot: int) -> dict[str, Any]:
        """C_GetTokenInfo."""
        return self.module.token_info(slot)

    def mechanisms(self, slot: int) -> dict[str, Any]:
        """C_GetMechanismList."""
        return {"mechanisms": self.module.mechanisms(slot)}

    def mechanism_infos(self, slot: int) -> dict[str, Any]:
        """C_GetMechanismInfo of each mechanism: what is told, or the return value."""
        infos: dict[str, Any] = {}
        for mechanism in self.module.mechanisms(slot):
            try:
                infos[str(mechanism)] = self.module.mechanism_info(slot, mechanism)
            except CryptokiError as error:
                infos[str(mechanism)] = {"rv": error.rv}
        return infos

    def open_session(self, slot: int, serial: str, label: str) -> dict[str, Any]:
        """C_OpenSession, once a slot. Raises ValueError where another token is in it now."""
        now = self.module.token_info(slot)
        if (now["serial_number"], now["label"]) != (serial, label):
            raise ValueError("the slot holds another token now")
        if slot not in self._sessions:
            self._sessions[slot] = self.module.open_session(slot)
        return {}

    def login(self, slot: int, user: int, pin: str) -> dict[str, Any]:
        """C_Login, unless the token says that a wrong PIN was entered before: then `{"withheld": FLAG}`."""
        flags = self.module.token_info(slot)["flags"]
        for flag in WITHHELD:
            if flag in flags:
                return {"withheld": flag}
        try:
            self.module.login(self._sessions[slot], user, pin.encode("utf-8", "surrogateescape"))
        except CryptokiError as error:
            if error.rv != "CKR_USER_ALREADY_LOGGED_IN":
                raise
        self._found.pop(slot, None)
        return {"user": user}

    def find(self, slot: int, first: int, most: int) -> dict[str, Any]:
        """C_FindObjects: `most` of the objects from the `first` on, each by what identifies it."""
        if first == 0:
            self._found.pop(slot, None)
        handles = self._handles(slot)
        page = self._identified(slot, first + most)[first:]
        objects = [{**json.loads(identity), "nth": self._nth(slot, identity, handle)} for identity, handle in page]
        answer: dict[str, Any] = {"total": len(handles), "objects": objects}
        if first + most < len(handles):
            answer["next"] = first + most
        return answer

    def read(self, slot: int, identity: dict[str, Any]) -> dict[str, Any]:
        """C_GetAttributeValue: everything that may be asked of an object, one attribute after the other."""
        nth = identity.pop("nth")
        handle = self._handle(slot, json.dumps(identity, sort_keys=True), nth)
        session = self._sessions[slot]
        values: dict[str, Any] = {}
        now = self._attribute(session, handle, "CKA_CLASS")
        if now.rv:
            raise _Refused("C_GetAttributeValue", now.rv)
        object_class = _name("CKO", cryptoki.CLASSES, told("CKA_CLASS", now))
        key_type = _name("CKK", cryptoki.KEY_TYPES, identity.get("CKA_KEY_TYPE"))
        for attribute in asked(object_class, key_type):
            value = self._attribute(session, handle, attribute)
            if value.rv in GONE:
                raise _Refused("C_GetAttributeValue", value.rv)
            values[attribute] = told(attribute, value)
        return values

    def _attribute(self, session: int, handle: int, name: str) -> Value:
        return self.module.attribute(session, handle, NUMBERS[name], _SIZES.get(KINDS[name], 0))

    def _handles(self, slot: int) -> list[tuple[str, int]]:
        if slot not in self._found:
            handles = self.module.find(self._sessions[slot])
            self._found[slot] = [("", handle) for handle in handles]
            self._by_identity[slot] = {}
            self._identified_until[slot] = 0
        return self._found[slot]

    def _identified(self, slot: int, end: int) -> list[tuple[str, int]]:
        """The first `end` objects. They are identified in their order, also where an earlier process began."""
        found = self._handles(slot)
        session = self._sessions[slot]
        for at in range(self._identified_until.get(slot, 0), min(end, len(found))):
            handle = found[at][1]
            values = {name: self._attribute(session, handle, name) for name in IDENTITY}
            gone = next((value.rv for value in values.values() if value.rv in GONE), "")
            if gone:
                raise _Refused("C_GetAttributeValue", gone)
            identity = json.dumps({name: told(name, value) for name, value in values.items()}, sort_keys=True)
            found[at] = (identity, handle)
            self._by_identity[slot].setdefault(identity, []).append(handle)
            self._identified_until[slot] = at + 1
        return found[:end]

    def _nth(self, slot: int, identity: str, handle: int) -> int:
        """Which of the objects with the same identity it is, from 0."""
        return self._by_identity[slot][identity].index(handle)

    def _handle(self, slot: int, identity: str, nth: int) -> int:
        """The handle of an object that an earlier process may have found."""
        self._identified(slot, len(self._handles(slot)))
        handles = self._by_identity[slot].get(identity, [])
        if nth >= len(handles):
            raise _Refused("C_FindObjects", "CKR_OBJECT_HANDLE_INVALID")
        return handles[nth]


class _Refused(Exception):
    """What was asked cannot be told, for a reason that a function returned."""

    def __init__(self, function: str, rv: str) -> None:
        super().__init__(function, rv)
        self.function = function
        self.rv = rv


def _name(prefix: str, names: Any, number: Any) -> str:
    return cryptoki.named(prefix, names, number) if isinstance(number, int) else ""


_REQUESTS = frozenset(
    {
        *("load", "slots", "slot_info", "token_info", "mechanisms", "mechanism_infos"),
        *("open_session", "login", "find", "read"),
    }
)


def answer(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request."""
    name = request.pop("do")
    if name not in _REQUESTS:
        return {"broken": f"no such request: {name}"}
    try:
        return {"told": getattr(worker, name)(**request)}
    except CryptokiError as error:
        return {"function": str(error).partition(":")[0], "rv": error.rv}
    except _Refused as error:
        return {"function": error.function, "rv": error.rv}
    except (OSError, ValueError, MemoryError) as error:
        return {"broken": f"{type(error).__name__}: {error}"}


def main(patience: float) -> None:
    """Serve until the standard input ends. A request that takes longer than `patience` seconds ends the process.

    What the module itself writes goes nowhere, and a crash leaves no image of the memory, in which a PIN may stand.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    worker = Worker()
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_REAL, patience)
        answers.write(json.dumps(answer(worker, json.loads(line))) + "\n")
        answers.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)
    signal.setitimer(signal.ITIMER_REAL, patience)
    with contextlib.suppress(ValueError):
        worker.module.finalize()


if __name__ == "__main__":
    main(float(sys.argv[1]))
