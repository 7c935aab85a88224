"""The rows of a module's scope: what is missing where the module, its slots or a token were not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collectors.pkcs11.answers import Info, Slots, TokenInfo
from collectors.pkcs11.facts.scope import Setting
from collectors.pkcs11.facts.token import TOKEN_INFO
from collectors.pkcs11.operations import PUBLIC
from collectors.scope_rows import Tally, expect
from evidence.model import GapKind, Key, Row
from evidence.observation import JSON
from evidence.reading import Reading

INITIALIZE = "pkcs11:C_Initialize"
SLOTS = "pkcs11:C_GetSlotList"

_TABLES = ("key_store", "key", "key_version", "certificate", "access")
"""Tables whose rows the scopes of tokens hold."""


def normalize_module(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope. A token that the configuration names and that is not there is a gap, too."""
    tally = Tally(setting.operations)
    reading = next(readings, Reading("", []))
    expect(reading, INITIALIZE)
    expect(reading, SLOTS)
    reading.answer(INITIALIZE, Info)
    listed = reading.answer(SLOTS, Slots)
    tokens = _tokens(reading, listed)
    chosen = next((o.parameters for o in reading.of(SLOTS)), {})
    if listed is not None and TOKEN_INFO not in reading.failures and not any(_fits(t, chosen) for t in tokens):
        reading.fail(SLOTS, GapKind.FAILED, _not_there(chosen), next(reading.of(SLOTS)).id)
    tally.count(reading)
    tally.listed = None if reading.failures else 0
    anchor = Key(**setting.bookkeeping(setting.header.id, ()))
    for operation, failure in list(reading.failures.items())[:1]:  # what follows from it is no further reason
        for table in _TABLES:
            yield setting.rows_missing(anchor, table, "", operation, failure)
    yield from tally.rows(setting, account_name="", identity=PUBLIC)


def _tokens(reading: Reading, listed: Slots | None) -> list[tuple[int, TokenInfo]]:
    """The tokens that can hold keys, with their slots. A slot that was listed and not asked counts as not read."""
    tokens = []
    asked = set()
    for observation, info in reading.answers(TOKEN_INFO, TokenInfo):
        slot = observation.parameters.get("slot")
        asked.add(slot)
        if info is not None and info.initialized and isinstance(slot, int):
            tokens.append((slot, info))
    wanted = next((o.parameters.get("slot") for o in reading.of(SLOTS)), None)
    if listed is not None and {slot for slot in listed.slots if wanted in (None, slot)} - asked:
        expect(reading, TOKEN_INFO)
        reading.fail(TOKEN_INFO, GapKind.FAILED, "a slot was not asked for its token")
    return tokens


def _fits(token: tuple[int, TokenInfo], chosen: Mapping[str, JSON]) -> bool:
    slot, info = token
    told: dict[str, JSON] = {"slot": slot, "serial": info.serial_number, "token": info.label}
    return all(told.get(name) == value for name, value in chosen.items())


def _not_there(chosen: Mapping[str, JSON]) -> str:
    if not chosen:
        return "the module has no token that is set up"
    return "the module has no token with " + ", ".join(f"{name} {value!r}" for name, value in chosen.items())
