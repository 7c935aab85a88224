"""A PKCS#11 module in this process, through its C interface: the functions that read, and no others."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, byref, c_char, c_ubyte, c_ulong, c_void_p
from dataclasses import dataclass
from typing import Any

from collectors.pkcs11 import cryptoki

_READ_ONLY_SESSION = 0x4
"""CKF_SERIAL_SESSION without CKF_RW_SESSION."""

LARGEST_VALUE = 1 << 20
"""Bytes of the longest value of an attribute that is read."""

_MOST_HANDLES = 1_000_000
_HANDLES_AT_ONCE = 1_000
_SMALLEST_BUFFER = 64
"""Bytes: more than is asked for, so that a module that writes past the end of a number harms nobody."""

_BUFFER_TOO_SMALL = 0x150
_MOST_ENTRIES = 4_096
"""Slots or mechanisms in one list, at most: far above any module's, and bounded for a broken one."""


class CryptokiError(Exception):
    """A function returned something else than CKR_OK."""

    def __init__(self, function: str, rv: int) -> None:
        super().__init__(f"{function}: {cryptoki.named('CKR', cryptoki.RETURN_VALUES, rv)}")
        self.rv = cryptoki.named("CKR", cryptoki.RETURN_VALUES, rv)


class _Version(Structure):
    _fields_ = [("major", c_ubyte), ("minor", c_ubyte)]

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


class _Info(Structure):
    _fields_ = [
        ("cryptokiVersion", _Version),
        ("manufacturerID", c_char * 32),
        ("flags", c_ulong),
        ("libraryDescription", c_char * 32),
        ("libraryVersion", _Version),
    ]


class _InitializeArguments(Structure):
    _fields_ = [
        ("CreateMutex", c_void_p),
        ("DestroyMutex", c_void_p),
        ("LockMutex", c_void_p),
        ("UnlockMutex", c_void_p),
        ("flags", c_ulong),
        ("pReserved", c_void_p),
    ]


class _SlotInfo(Structure):
    _fields_ = [
        ("slotDescription", c_char * 64),
        ("manufacturerID", c_char * 32),
        ("flags", c_ulong),
        ("hardwareVersion", _Version),
        ("firmwareVersion", _Version),
    ]


class _TokenInfo(Structure):
    _fields_ = [
        ("label", c_char * 32),
        ("manufacturerID", c_char * 32),
        ("model", c_char * 16),
        ("serialNumber", c_char * 16),
        ("flags", c_ulong),
        ("ulMaxSessionCount", c_ulong),
        ("ulSessionCount", c_ulong),
        ("ulMaxRwSessionCount", c_ulong),
        ("ulRwSessionCount", c_ulong),
        ("ulMaxPinLen", c_ulong),
        ("ulMinPinLen", c_ulong),
        ("ulTotalPublicMemory", c_ulong),
        ("ulFreePublicMemory", c_ulong),
        ("ulTotalPrivateMemory", c_ulong),
        ("ulFreePrivateMemory", c_ulong),
        ("hardwareVersion", _Version),
        ("firmwareVersion", _Version),
        ("utcTime", c_char * 16),
    ]


class _MechanismInfo(Structure):
    _fields_ = [("ulMinKeySize", c_ulong), ("ulMaxKeySize", c_ulong), ("flags", c_ulong)]


class _Attribute(Structure):
    _fields_ = [("type", c_ulong), ("pValue", c_void_p), ("ulValueLen", c_ulong)]


_LIST = (
    *("Initialize", "Finalize", "GetInfo", "GetFunctionList", "GetSlotList", "GetSlotInfo", "GetTokenInfo"),
    *("GetMechanismList", "GetMechanismInfo", "InitToken", "InitPIN", "SetPIN", "OpenSession", "CloseSession"),
    *("CloseAllSessions", "GetSessionInfo", "GetOperationState", "SetOperationState", "Login", "Logout"),
    *("CreateObject", "CopyObject", "DestroyObject", "GetObjectSize", "GetAttributeValue", "SetAttributeValue"),
    *("FindObjectsInit", "FindObjects", "FindObjectsFinal"),
)
"""The beginning of CK_FUNCTION_LIST, in its order."""


class _FunctionList(Structure):
    _fields_ = [("version", _Version), *((f"C_{name}", c_void_p) for name in _LIST)]


_ARGUMENTS: dict[str, list[Any]] = {
    "Initialize": [c_void_p],
    "Finalize": [c_void_p],
    "GetInfo": [POINTER(_Info)],
    "GetSlotList": [c_ubyte, c_void_p, POINTER(c_ulong)],
    "GetSlotInfo": [c_ulong, POINTER(_SlotInfo)],
    "GetTokenInfo": [c_ulong, POINTER(_TokenInfo)],
    "GetMechanismList": [c_ulong, c_void_p, POINTER(c_ulong)],
    "GetMechanismInfo": [c_ulong, c_ulong, POINTER(_MechanismInfo)],
    "OpenSession": [c_ulong, c_ulong, c_void_p, c_void_p, POINTER(c_ulong)],
    "CloseSession": [c_ulong],
    "Login": [c_ulong, c_ulong, c_void_p, c_ulong],
    "Logout": [c_ulong],
    "GetAttributeValue": [c_ulong, c_ulong, POINTER(_Attribute), c_ulong],
    "FindObjectsInit": [c_ulong, POINTER(_Attribute), c_ulong],
    "FindObjects": [c_ulong, POINTER(c_ulong), c_ulong, POINTER(c_ulong)],
    "FindObjectsFinal": [c_ulong],
}
"""The functions that are called. None of them creates, changes, copies, destroys, wraps, or uses an object."""


def text(field: bytes) -> str:
    """A field padded with blanks, as text; what is no UTF-8 is told as `hex:…`."""
    padded = field.rstrip(b"\0 ")
    try:
        return padded.decode()
    except UnicodeDecodeError:
        return f"hex:{padded.hex()}"


@dataclass(frozen=True, slots=True)
class Value:
    """An attribute as the module gave it: its bytes, or the return value with which it did not."""

    data: bytes
    rv: str = ""


_TOO_SMALL = Value(b"", "CKR_BUFFER_TOO_SMALL")


class Module:
    """A loaded module. Its functions are called from one thread. Every method but `finalize` raises CryptokiError."""

    def __init__(self, path: str, parameters: str = "") -> None:
        """Loads and initializes it, with the parameters that some modules ask for.

        Raises OSError where it cannot be loaded, and ValueError where it is none.
        """
        try:
            self._library = ctypes.CDLL(path)
        except OSError as error:
            raise OSError(f"it cannot be loaded: {error}; name the maker's PKCS#11 library for this machine") from error
        try:
            get_list = self._library.C_GetFunctionList
        except AttributeError as error:
            raise ValueError(
                "it has no function C_GetFunctionList, so it is no PKCS#11 module; name the maker's"
            ) from error
        get_list.restype, get_list.argtypes = c_ulong, [POINTER(POINTER(_FunctionList))]
        listed = POINTER(_FunctionList)()
        _check("C_GetFunctionList", get_list(byref(listed)))
        if not listed:
            raise ValueError("its list of functions is missing")
        self._functions = {
            name: ctypes.CFUNCTYPE(c_ulong, *arguments)(getattr(listed.contents, f"C_{name}") or 0)
            for name, arguments in _ARGUMENTS.items()
        }
        self._parameters = ctypes.create_string_buffer(parameters.encode("utf-8", "surrogateescape"))
        arguments = _InitializeArguments(pReserved=ctypes.addressof(self._parameters))
        self._call("Initialize", byref(arguments) if parameters else None)

    def _call(self, name: str, *arguments: Any) -> None:
        function = self._functions[name]
        if not function:
            raise CryptokiError(f"C_{name}", 0x54)  # CKR_FUNCTION_NOT_SUPPORTED
        _check(f"C_{name}", function(*arguments))

    def finalize(self) -> None:
        """End all sessions."""
        self._functions["Finalize"](None)

    def info(self) -> dict[str, Any]:
        """C_GetInfo: the module itself."""
        info = _Info()
        self._call("GetInfo", byref(info))
        return {
            "cryptoki_version": str(info.cryptokiVersion),
            "manufacturer_id": text(info.manufacturerID),
            "library_description": text(info.libraryDescription),
            "library_version": str(info.libraryVersion),
        }

    def slots(self) -> list[int]:
        """C_GetSlotList: the slots that hold a token."""
        return self._list("GetSlotList", 1)

    def slot_info(self, slot: int) -> dict[str, Any]:
        """C_GetSlotInfo."""
        info = _SlotInfo()
        self._call("GetSlotInfo", slot, byref(info))
        return {
            "slot_description": text(info.slotDescription),
            "manufacturer_id": text(info.manufacturerID),
            "flags": cryptoki.flag_names(cryptoki.SLOT_FLAGS, info.flags),
            "hardware_version": str(info.hardwareVersion),
            "firmware_version": str(info.firmwareVersion),
        }

    def token_info(self, slot: int) -> dict[str, Any]:
        """C_GetTokenInfo, without what changes from moment to moment."""
        info = _TokenInfo()
        self._call("GetTokenInfo", slot, byref(info))
        return {
            "label": text(info.label),
            "manufacturer_id": text(info.manufacturerID),
            "model": text(info.model),
            "serial_number": text(info.serialNumber),
            "flags": cryptoki.flag_names(cryptoki.TOKEN_FLAGS, info.flags),
            "max_pin_len": info.ulMaxPinLen,
            "min_pin_len": info.ulMinPinLen,
            "hardware_version": str(info.hardwareVersion),
            "firmware_version": str(info.firmwareVersion),
        }

    def mechanisms(self, slot: int) -> list[int]:
        """C_GetMechanismList."""
        return self._list("GetMechanismList", slot)

    def mechanism_info(self, slot: int, mechanism: int) -> dict[str, Any]:
        """C_GetMechanismInfo."""
        info = _MechanismInfo()
        self._call("GetMechanismInfo", slot, mechanism, byref(info))
        flags = cryptoki.flag_names(cryptoki.MECHANISM_FLAGS, info.flags)
        return {"min_key_size": info.ulMinKeySize, "max_key_size": info.ulMaxKeySize, "flags": flags}

    def open_session(self, slot: int) -> int:
        """C_OpenSession: one that only reads."""
        session = c_ulong()
        self._call("OpenSession", slot, _READ_ONLY_SESSION, None, None, byref(session))
        return session.value

    def login(self, session: int, user: int, pin: bytes) -> None:
        """C_Login."""
        self._call("Login", session, user, ctypes.create_string_buffer(pin, len(pin)), len(pin))

    def find(self, session: int) -> list[int]:
        """C_FindObjects: the handles of all objects of the token, without those of sessions."""
        on_token = c_ubyte(1)
        template = _Attribute(0x1, ctypes.addressof(on_token), 1)  # CKA_TOKEN
        self._call("FindObjectsInit", session, byref(template), 1)
        handles: list[int] = []
        try:
            while len(handles) < _MOST_HANDLES:
                found, count = (c_ulong * _HANDLES_AT_ONCE)(), c_ulong()
                self._call("FindObjects", session, found, len(found), byref(count))
                if not count.value:
                    return handles
                handles.extend(found[: min(count.value, len(found))])
        finally:
            self._functions["FindObjectsFinal"](session)
        raise ValueError(f"the list goes on after {_MOST_HANDLES:,} objects")

    def attribute(self, session: int, handle: int, type: int, size: int = 0) -> Value:
        """C_GetAttributeValue of one attribute; `size` is what its value has in bytes, where that is fixed.

        A value of another size is asked for its length first: not every module takes a buffer that is larger.
        """
        told = self._read(session, handle, type, size) if size else _TOO_SMALL
        if told is not _TOO_SMALL:
            return told
        asked = _Attribute(type, None, 0)
        rv = self._functions["GetAttributeValue"](session, handle, byref(asked), 1)
        if rv != cryptoki.OK:
            return Value(b"", cryptoki.named("CKR", cryptoki.RETURN_VALUES, rv))
        if asked.ulValueLen == cryptoki.UNAVAILABLE:
            return Value(b"", "CKR_OK without a value")
        if asked.ulValueLen > LARGEST_VALUE:
            return Value(b"", f"longer than {LARGEST_VALUE} bytes")
        return self._read(session, handle, type, asked.ulValueLen)

    def _read(self, session: int, handle: int, type: int, size: int) -> Value:
        buffer = ctypes.create_string_buffer(max(size, _SMALLEST_BUFFER))
        asked = _Attribute(type, ctypes.addressof(buffer), size)
        rv = self._functions["GetAttributeValue"](session, handle, byref(asked), 1)
        if rv == _BUFFER_TOO_SMALL:
            return _TOO_SMALL
        if rv != cryptoki.OK:
            return Value(b"", cryptoki.named("CKR", cryptoki.RETURN_VALUES, rv))
        if asked.ulValueLen > len(buffer):
            return Value(b"", "CKR_OK without a value")
        return Value(buffer.raw[: asked.ulValueLen])

    def _list(self, name: str, first: int) -> list[int]:
        """A list of numbers, whose length is asked for first; it is asked for again where it has grown meanwhile."""
        for attempt in range(3):
            count = c_ulong()
            self._call(name, first, None, byref(count))
            if count.value > _MOST_ENTRIES:
                raise ValueError(f"C_{name} tells of {count.value} entries")
            numbers = (c_ulong * count.value)()
            try:
                self._call(name, first, numbers, byref(count))
            except CryptokiError as error:
                if error.rv != "CKR_BUFFER_TOO_SMALL" or attempt == 2:
                    raise
            else:
                return list(numbers[: min(count.value, len(numbers))])
        raise AssertionError("unreachable")


def _check(function: str, rv: int) -> None:
    if rv != cryptoki.OK:
        raise CryptokiError(function, rv)
