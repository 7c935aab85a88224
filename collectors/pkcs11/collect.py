"""The collect half: lists a module's tokens, then each token's objects, then each object's attributes, one by one."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from collectors.pkcs11.answers import Slots, TokenInfo
from collectors.pkcs11.configuration import Pkcs11Configuration
from collectors.pkcs11.credentials import check_module, pin_of
from collectors.pkcs11.names import token_of
from collectors.pkcs11.objects import Thing, read_contents
from collectors.pkcs11.wire import Inquiry, Place, Seat
from collectors.questions import Questions
from collectors.sampling import sampled
from collectors.source import Batch, Task
from evidence.observation import JSON
from evidence.reading import Reading
from evidence.recording import ScopeHeader

NO_PIN = "NoPIN: no PIN is configured for this source (pin_env or pin_file), so that only public objects were found"
NO_CHOICE = "NoPIN: the module has several tokens, and a PIN belongs to one: name its token, serial or slot"


class Pkcs11Collector:
    """Collects one PKCS#11 source. `sample`, if any, is how many things on each token to describe."""

    def __init__(self, configuration: Pkcs11Configuration, sample: int | None = None) -> None:
        self._configuration = configuration
        self._sample = sample

    def start(self) -> Iterable[Task]:
        """The task of the module. Raises CredentialError where the module or the PIN is not there."""
        check_module(self._configuration)
        seat = Seat(self._configuration, pin_of(self._configuration))
        header = ScopeHeader(
            id=f"{self._configuration.name}/module",
            source=self._configuration.name,
            type="pkcs11",
            service="module",
            account=self._configuration.module,
        )
        return [Task(header, "", _ModuleReading(self._configuration, seat, header, self._sample).run)]


@dataclass(frozen=True, slots=True)
class _ModuleReading:
    """Finds the tokens that the configuration names."""

    configuration: Pkcs11Configuration
    seat: Seat
    header: ScopeHeader
    sample: int | None

    def run(self, batch: Batch) -> Iterator[Task]:
        ask = Questions(Inquiry(self.seat, self.header), batch)
        ask.one("pkcs11:C_Initialize", {})
        listed = Reading("", [ask.one("pkcs11:C_GetSlotList", self._chosen())]).answer("pkcs11:C_GetSlotList", Slots)
        tokens: list[tuple[int, TokenInfo]] = []
        others: list[tuple[int, TokenInfo | None]] = []
        for slot in listed.slots if listed else ():
            if self.configuration.slot in (None, slot):
                observation = ask.one("pkcs11:C_GetTokenInfo", {"slot": slot})
                info = Reading("", [observation]).answer("pkcs11:C_GetTokenInfo", TokenInfo)
                if info is not None and info.initialized and self._is_chosen(info):
                    tokens.append((slot, info))
                else:
                    others.append((slot, info))
        if listed is not None and not tokens and all(info for _, info in others):
            absent = f"NotSent: {_absence(self._chosen(), others)}"
            Questions(Inquiry(self.seat, self.header, absent=absent), batch).one("pkcs11:C_FindObjects", {})
        taken: set[str] = set()
        for slot, info in tokens:
            header = self._header(slot, info, taken)
            taken.add(header.id)
            yield self._token_task(header, Place(slot, info.serial_number, info.label), len(tokens) > 1)

    def _chosen(self) -> dict[str, JSON]:
        """What the configuration says about the token, which normalize looks for among those that were found."""
        configuration = self.configuration
        return {
            name: value
            for name, value in (("token", configuration.token), ("serial", configuration.serial))
            if value is not None
        } | ({} if configuration.slot is None else {"slot": configuration.slot})

    def _is_chosen(self, info: TokenInfo) -> bool:
        configuration = self.configuration
        return configuration.token in (None, info.label) and configuration.serial in (None, info.serial_number)

    def _header(self, slot: int, info: TokenInfo, taken: Container[str]) -> ScopeHeader:
        """The scope of a token, by its serial number; where that tells it from no other, also by its slot."""
        id = f"{self.configuration.name}/{quote(info.serial_number, safe=' ')}/token"
        if not info.serial_number or id in taken:
            id = f"{self.configuration.name}/{quote(info.serial_number, safe=' ')}~{slot}/token"
        return ScopeHeader(
            id=id,
            source=self.configuration.name,
            type="pkcs11",
            service="token",
            account=info.serial_number,
            account_name=info.label,
        )

    def _token_task(self, header: ScopeHeader, place: Place, several: bool) -> Task:
        withheld = "" if self.seat.has_pin else NO_PIN
        if several and not self._chosen():
            withheld = withheld or NO_CHOICE
        inquiry = Inquiry(self.seat, header, place, withheld)
        return Task(header, "", _TokenReading(inquiry, header, self.sample).run)


def _absence(chosen: Mapping[str, JSON], others: Iterable[tuple[int, TokenInfo | None]]) -> str:
    """That no token is the one that was chosen, and which there are."""
    named = ", ".join(f"{name} {value!r}" for name, value in chosen.items())
    there = "; ".join(
        f"token {info.label!r}, serial {info.serial_number!r}, slot {slot}"
        for slot, info in others
        if info is not None and info.initialized
    )
    told = f"the module has no token with {named}" if named else "the module has no token that is set up"
    return f"{told}; it has {there}" if there else told


@dataclass(frozen=True, slots=True)
class _TokenReading:
    """Reads one token."""

    inquiry: Inquiry
    header: ScopeHeader
    sample: int | None

    def run(self, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        ask.one("pkcs11:C_GetSlotInfo", {})
        ask.one("pkcs11:C_GetTokenInfo", {})
        ask.one("pkcs11:C_GetMechanismList", {})
        ask.one("pkcs11:C_GetMechanismInfo", {})
        info = batch.reading.answer("pkcs11:C_GetTokenInfo", TokenInfo)
        if (info is None or info.login_required) and ask.one("pkcs11:C_Login", {}).ok:
            self.inquiry.logged_in()
        ask.all("pkcs11:C_FindObjects", {})
        contents = read_contents(token_of(self.header), batch.reading)
        tasks = [Task(self.header, thing.uri, partial(self._read, thing)) for thing in contents.things.values()]
        return sampled(tasks, self.sample)

    def _read(self, thing: Thing, batch: Batch) -> Iterable[Task]:
        ask = Questions(self.inquiry, batch)
        for one in thing.objects:
            ask.one("pkcs11:C_GetAttributeValue", dict(one.identity))
        return ()
