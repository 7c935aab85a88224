"""Exchanges with a module: each one guarded, timed by the clock of another process, and told apart from a crash."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, TypeAlias, cast

from collectors import paging, questions
from collectors.exchange import Check, Outcome, one_line, problem
from collectors.paging import Ask
from collectors.pkcs11.configuration import Pkcs11Configuration
from collectors.pkcs11.operations import PUBLIC, user_name
from evidence.observation import JSON, Observation, Status, canonical_json
from evidence.recording import ScopeHeader

MOST_STARTS = 4
"""How often the module's process is started: once, and again after as many crashes and hangs as are left."""

OBJECTS_AT_ONCE = 500
"""Objects on a page of C_FindObjects."""

LONGEST_LINE = 256 << 20
"""Bytes of the longest answer that is taken."""

_GRACE = 2.0
"""Seconds beyond its limit that an answer may take on its way, and a process its end."""

_REFUSED = frozenset(
    f"CKR_{name}"
    for name in (
        "ACTION_PROHIBITED",
        "FUNCTION_REJECTED",
        "PIN_EXPIRED",
        "PIN_INCORRECT",
        "PIN_INVALID",
        "PIN_LEN_RANGE",
        "PIN_LOCKED",
        "USER_NOT_LOGGED_IN",
        "USER_PIN_NOT_INITIALIZED",
        "USER_TYPE_INVALID",
    )
)
"""Return values that say that this caller may not. Any other than CKR_OK says that the module or token failed."""

_NEXT_STEPS = {
    "CKF_USER_PIN_LOCKED": "its user PIN is locked: have the security officer set it anew",
    "CKF_USER_PIN_FINAL_TRY": "one try is left before its user PIN locks: log in once by hand with the right PIN",
    "CKF_USER_PIN_COUNT_LOW": "a wrong user PIN was entered before: log in once by hand with the right PIN",
}

_ADVICE = {
    ("C_Login", "CKR_PIN_INCORRECT"): "the PIN is wrong: correct it, and log in once by hand with the right one",
    ("C_Login", "CKR_PIN_LOCKED"): "the user PIN is locked: have the security officer set it anew",
    ("C_Initialize", ""): "see the module's own settings: its files, its environment variables, and `parameters`",
}
"""The next step, by the function and what it returned; by the function alone whatever it returned."""


Request: TypeAlias = Mapping[str, JSON]
Answer: TypeAlias = dict[str, Any]
"""What is asked of a worker, and what it answers: see `worker`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a token is: its slot, and what tells that it is still the same one."""

    slot: int
    serial: str
    label: str


class Broken(Exception):
    """The process of a module gave no usable answer: it crashed, hangs, or is not started any more."""


class Process:
    """A worker: one process with the module, asked by one request at a time."""

    def __init__(self, configuration: Pkcs11Configuration) -> None:
        """Starts it. Raises OSError where the machine cannot."""
        self._limit = configuration.timeout_seconds
        environment = {name: value for name, value in os.environ.items() if name != configuration.pin_env}
        command = [sys.executable, "-P", "-m", "collectors.pkcs11.worker", str(self._limit + _GRACE)]
        self._process = subprocess.Popen(  # noqa: S603 - this program's own worker
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._requests = cast("IO[bytes]", self._process.stdin)  # a pipe, as asked for
        self._answers = cast("IO[bytes]", self._process.stdout)
        self.end = weakref.finalize(self, _end, self._process)
        """Ends the process, gently where it obeys."""

    def ask(self, request: Request) -> Answer:
        """The answer to a request. Raises Broken, after which the process has ended."""
        limit = self._limit + (_GRACE if request["do"] == "load" else 0)  # Python itself has to start
        try:
            self._requests.write(json.dumps(request).encode("ascii") + b"\n")
            self._requests.flush()
            line = self._line(time.monotonic() + limit)
            answer = json.loads(line)
        except (BrokenPipeError, EOFError):
            raise Broken(self._last_words()) from None
        except TimeoutError:
            self._kill()
            raise Broken(f"Timeout: no answer within {self._limit:g} seconds; the module's process was ended") from None
        except ValueError:
            self._kill()
            raise Broken("InvalidAnswer: the module's process wrote no JSON and was ended") from None
        if not isinstance(answer, dict):
            self._kill()
            raise Broken("InvalidAnswer: the module's process wrote no JSON object and was ended")
        return answer

    def _line(self, deadline: float) -> bytes:
        output = self._answers.fileno()
        waiting = select.poll()
        waiting.register(output, select.POLLIN)
        chunks = []
        size = 0
        while True:
            if not waiting.poll(1_000 * max(deadline - time.monotonic(), 0)):
                raise TimeoutError
            chunk = os.read(output, 1 << 20)
            if not chunk:
                raise EOFError
            chunks.append(chunk)
            size += len(chunk)
            if chunk.endswith(b"\n"):
                return b"".join(chunks)
            if size > LONGEST_LINE:
                raise ValueError("a line is too long")

    def _last_words(self) -> str:
        try:
            code = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._kill()
            return "InvalidAnswer: the module's process closed its output and was ended"
        if code == -signal.SIGALRM:
            return f"Timeout: no answer within {self._limit:g} seconds; the module's process was ended"
        if code < 0:
            return f"Crash: the module ended its process by {signal.Signals(-code).name}"
        return f"Crash: the module ended its process with exit code {code}"

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a worker: its input ends, so that it finalizes the module; one that does not is killed."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Seat:
    """One module and one PIN. Its process is started when it is first needed, and anew after a crash, a few times."""

    def __init__(self, configuration: Pkcs11Configuration, pin: str) -> None:
        self.configuration = configuration
        self.has_pin = bool(pin)
        self._pin = pin
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._starts = 0
        self._initialized: Answer | None = None
        """How the module answered C_Initialize in the process that runs."""
        self._opened: set[int] = set()
        self._listed: set[int] = set()
        """Slots with an open session, and those whose objects have all been found, in the process that runs."""
        self._answers: dict[int, Answer] = {}
        """How slots answered the PIN, which is sent once."""
        self._accepted: set[int] = set()
        """Slots that accepted the PIN. A process that is started anew gives it to them again, …"""
        self._lost: dict[int, Answer] = {}
        """… unless one does not accept it any more. Then nothing is asked there again."""

    def ask(self, request: Request, place: Place | None = None) -> Answer:
        """The answer to a request, in the state that it needs; one about a token's objects needs its `place`.

        Raises Broken.
        """
        with self._lock:
            initialized = self._started()
            if "told" not in initialized or request["do"] == "load":
                return initialized
            return (self._ready(request, place) if place else None) or self._ask(request)

    def log_in(self, place: Place) -> Answer:
        """C_Login with the PIN, once a slot however often it is called. Raises Broken."""
        with self._lock:
            if place.slot not in self._answers:
                initialized = self._started()
                unready = self._open(place) if "told" in initialized else initialized
                if unready is not None:
                    return unready
                self._answers[place.slot] = {"broken": "the module's process ended while it was given the PIN"}
                self._answers[place.slot] = answer = self._log_in(place)
                if _accepts(answer):
                    self._accepted.add(place.slot)
            return self._answers[place.slot]

    def logged_in_before(self, place: Place) -> None:
        """An earlier, killed run was told that the PIN is right: it is given where objects are asked for."""
        with self._lock:
            if place.slot not in self._answers:
                self._accepted.add(place.slot)

    def _log_in(self, place: Place) -> Answer:
        return self._ask({"do": "login", "slot": place.slot, "user": self.configuration.user_type, "pin": self._pin})

    def _started(self) -> Answer:
        if self._process is None:
            if self._starts >= MOST_STARTS:
                raise Broken(f"NotSent: the module's process ended {MOST_STARTS} times and is not started again")
            self._starts += 1
            self._process = Process(self.configuration)
            self._initialized = None
            self._opened, self._listed = set(), set()
        if self._initialized is None:
            parameters = self.configuration.parameters or ""
            load: Request = {"do": "load", "path": self.configuration.module, "parameters": parameters}
            self._initialized = self._ask(load)
        return self._initialized

    def _ready(self, request: Request, place: Place) -> Answer | None:
        """Bring the process to where the request can be answered; what stands in the way, if anything does."""
        unready = self._open(place)
        if unready is None and request["do"] == "read" and place.slot not in self._listed:
            unready = self._list_again(place.slot)
        return unready

    def _open(self, place: Place) -> Answer | None:
        if place.slot in self._opened or place.slot in self._lost:
            return self._lost.get(place.slot)
        answer = self._ask({"do": "open_session", "slot": place.slot, "serial": place.serial, "label": place.label})
        if "told" not in answer:
            return answer
        if place.slot in self._accepted:
            self._lost[place.slot] = {"broken": "the module's process ended while it was given the PIN again"}
            answer = self._log_in(place)
            if not _accepts(answer):
                self._lost[place.slot] = answer
                return answer
            del self._lost[place.slot]
        self._opened.add(place.slot)
        return None

    def _list_again(self, slot: int) -> Answer | None:
        """Find a token's objects again in a new process, page by page, so that no page takes too long."""
        first = 0
        while slot not in self._listed:
            answer = self._ask({"do": "find", "slot": slot, "first": first, "most": OBJECTS_AT_ONCE})
            if "told" not in answer:
                return answer
            first += OBJECTS_AT_ONCE
        return None

    def _ask(self, request: Request) -> Answer:
        if self._process is None:
            raise Broken("NotSent: the module's process has ended")
        try:
            answer = self._process.ask(request)
        except Broken:
            self._process = None
            raise
        if request["do"] == "find" and "next" not in answer.get("told", {"next": ""}):
            self._listed.add(int(str(request["slot"])))
        return answer


def _accepts(answer: Answer) -> bool:
    """The PIN was given, and is right."""
    return "told" in answer and "withheld" not in answer["told"]


_MODULE_REQUESTS = {
    "C_Initialize": "load",
    "C_GetSlotList": "slots",
    "C_GetSlotInfo": "slot_info",
    "C_GetTokenInfo": "token_info",
    "C_GetMechanismList": "mechanisms",
    "C_GetMechanismInfo": "mechanism_infos",
}
"""What is asked of the worker for operations that need no session."""


class Inquiry(questions.Inquiry):
    """Asks a module for one scope."""

    def __init__(
        self, seat: Seat, header: ScopeHeader, place: Place | None = None, pin_withheld: str = "", absent: str = ""
    ) -> None:
        """`place` is that of the scope's token; without one the module itself is asked. `pin_withheld` tells why the
        PIN is not sent, "" where it is; `absent` why there is no token whose objects could be asked for."""
        super().__init__(header, PUBLIC)
        self._seat = seat
        self._place = place
        self._pin_withheld = pin_withheld
        self._absent = absent

    def logged_in(self) -> None:
        """The PIN is right, as this run was told or a killed one recorded: what follows is asked as its user."""
        self.identity = user_name(self._seat.configuration.user_type)
        if self._place is not None and not self._pin_withheld:
            self._seat.logged_in_before(self._place)

    def pages(self, operation: str, parameters: dict[str, JSON], ask: Ask) -> Iterator[Observation]:
        """Page after page of a token's objects."""
        return paging.pages(ask, parameters, "first", lambda answer: str(answer.get("next", "")))

    def exchange(self, operation: str, parameters: dict[str, JSON], check: Check) -> Outcome:
        """Ask once. What the module returned beside CKR_OK is told in the error."""
        if operation == "pkcs11:C_Login" and self._pin_withheld:
            return Outcome(status=Status.SWITCHED_OFF, error=self._pin_withheld)
        if self._absent:
            return Outcome(status=Status.FAILED, error=one_line(self._absent))
        try:
            answer = self._answer(operation.removeprefix("pkcs11:"), parameters)
        except Broken as error:
            return Outcome(status=Status.FAILED, error=one_line(str(error)), attempts=1)
        return _outcome(answer, check)

    def _answer(self, function: str, parameters: Mapping[str, JSON]) -> Answer:
        if function in _MODULE_REQUESTS:
            of_module = function in ("C_Initialize", "C_GetSlotList")
            slot = self._place.slot if self._place else parameters.get("slot", -1)
            return self._seat.ask({"do": _MODULE_REQUESTS[function], **({} if of_module else {"slot": slot})})
        if self._place is None:
            raise Broken(f"NotSent: {function} is asked of a token")
        if function == "C_Login":
            return self._seat.log_in(self._place)
        of_slot: Request = {"slot": self._place.slot}
        if function == "C_FindObjects":
            first = int(str(parameters.get("first", 0)))
            return self._seat.ask({"do": "find", **of_slot, "first": first, "most": OBJECTS_AT_ONCE}, self._place)
        return self._seat.ask({"do": "read", **of_slot, "identity": dict(parameters)}, self._place)


def _outcome(answer: Answer, check: Check) -> Outcome:
    if "broken" in answer:
        error = one_line(f"InvalidAnswer: {answer['broken']}")
        return Outcome(status=Status.FAILED, error=error, body=canonical_json(answer), attempts=1)
    if "rv" in answer:
        status = Status.REFUSED if answer["rv"] in _REFUSED else Status.FAILED
        advice = _ADVICE.get((answer["function"], answer["rv"]), _ADVICE.get((answer["function"], ""), ""))
        error = f"{answer['rv']} ({answer['function']})" + (f": {advice}" if advice else "")
        return Outcome(status=status, error=error, body=canonical_json(answer), attempts=1)
    told = answer["told"]
    if "withheld" in told:
        flag = told["withheld"]
        status = Status.REFUSED if flag == "CKF_USER_PIN_LOCKED" else Status.FAILED
        return Outcome(status=status, error=f"NotSent: the token has {flag}: {_NEXT_STEPS[flag]}")
    body = canonical_json(told)
    wrong = problem(body, check)
    return Outcome(status=Status.FAILED if wrong else Status.OK, error=wrong, body=body, attempts=1)
