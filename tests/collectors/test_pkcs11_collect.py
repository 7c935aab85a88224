"""The collect half against SoftHSM: what is asked and recorded, what is never sent, and modules that go wrong."""

from __future__ import annotations

import base64
import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest
from collected import Collected
from pkcs11_runs import collect, collected, collector, failures, named, of, rows
from small_pkcs11 import AES_VALUE, LABEL, NOTE, PIN, SHOWN_VALUE, SO_PIN, TDEA_VALUE, served

from collectors.pkcs11 import module
from collectors.pkcs11.attributes import NUMBERS, OF_CLASS, asked
from collectors.pkcs11.operations import OPERATIONS
from collectors.pkcs11.wire import MOST_STARTS
from collectors.source import CredentialError
from evidence.model import GapKind, Key, KeyStore, Scope
from evidence.observation import Status, body_digest
from keyproof.collection import Collection
from keyproof.configuration import load_configuration
from keyproof.examination import examine

READ = "pkcs11:C_GetAttributeValue"
LOGIN = "pkcs11:C_Login"


@pytest.fixture(scope="module")
def run() -> Collected:
    with served() as token:
        return collected(token.source("hsm"))


def test_every_exchange_is_recorded_whole(run: Collected) -> None:
    assert run.statuses() == {Status.OK}
    assert len({o.id for o in run.observations}) == len(run.observations)
    assert {o.operation for o in run.observations} == set(OPERATIONS)
    for observation in run.observations:
        assert observation.sha256 == body_digest(observation.body)
        assert isinstance(json.loads(observation.body), dict)
        assert observation.attempts == 1


def test_each_exchange_says_as_whom_it_was_made(run: Collected) -> None:
    assert {o.identity for o in run.of(READ)} == {"CKU_USER"}
    assert {o.identity for o in run.of("pkcs11:C_GetSlotList")} == {"public session"}


def test_a_module_and_each_token_have_a_scope(run: Collected) -> None:
    module_scope, token_scope = sorted(run.headers, key=lambda id: id.endswith("/token"))
    assert module_scope == "hsm/module"
    header = run.headers[token_scope]
    assert (header.service, header.account_name, header.type) == ("token", LABEL, "pkcs11")
    assert token_scope == f"hsm/{header.account}/token", "a token is known by its serial number"


def test_an_object_is_one_exchange_whatever_its_attributes(run: Collected) -> None:
    found = json.loads(run.of("pkcs11:C_FindObjects")[0].body)
    read = [one for one in found["objects"] if one["CKA_CLASS"] != 0]
    assert len(run.of(READ)) == len(read) == found["total"] - 1, "data objects are counted and not read"


def test_a_value_is_asked_of_certificates_alone() -> None:
    assert [name for name, attributes in OF_CLASS.items() if "CKA_VALUE" in attributes] == ["CKO_CERTIFICATE"]
    private = {0x11, *range(0x123, 0x129), 0x131, 0x132}  # the value, RSA's private parts and primes, DSA's subprime
    for object_class in ("CKO_PRIVATE_KEY", "CKO_PUBLIC_KEY", "CKO_SECRET_KEY", "CKO_OTP_KEY"):
        for key_type in ("CKK_RSA", "CKK_EC", "CKK_DSA", "CKK_DH", "CKK_AES", "CKK_ML_DSA"):
            assert private.isdisjoint(NUMBERS[name] for name in asked(object_class, key_type))
    assert "CKA_PRIME" not in asked("CKO_PRIVATE_KEY", "CKK_DSA")


def test_no_function_is_called_that_changes_or_uses_an_object() -> None:
    reading = {"Initialize", "Finalize", "Login", "Logout", "OpenSession", "CloseSession"}
    assert {name for name in module._ARGUMENTS if not name.startswith(("Get", "Find"))} == reading


def _forms(value: bytes) -> set[bytes]:
    """A value as it could stand in a text: raw, in hexadecimal, and in base64 wherever it begins."""
    forms = {value, value.hex().encode(), value.hex().upper().encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms |= {encode(b"\0" * shift + value)[4:-4] for shift in range(3)}
    return forms


def test_no_value_and_no_pin_is_in_the_observations(run: Collected) -> None:
    told = "\n".join(o.to_line() for o in run.observations).encode()
    for secret in (AES_VALUE, TDEA_VALUE, SHOWN_VALUE, NOTE, PIN.encode(), SO_PIN.encode()):
        for form in _forms(secret):
            assert form not in told
    assert b"CKA_LABEL" in told


def test_the_module_s_process_does_not_have_the_pin_in_its_environment() -> None:
    with served("C_GetAttributeValue=hang@5") as token:
        collection = collector(token.source("hsm", timeout_seconds=1))
        [task] = collection.start()
        seat = task.run.__self__.seat  # type: ignore[attr-defined]
        seat.ask({"do": "load"})
        environment = Path(f"/proc/{seat._process._process.pid}/environ").read_bytes()
        assert b"SOFTHSM2_CONF" in environment
        assert PIN.encode() not in environment
        assert os.environ["HSM_PIN"] == PIN


# --- the PIN ---------------------------------------------------------------------------------------------------------


def test_without_a_pin_what_is_public_is_read() -> None:
    with served() as token:
        run = collected(token.source("hsm", pin_env=None))
        assert token.requests()[LOGIN] == 0
    [login] = run.of(LOGIN)
    assert (login.status, login.attempts) == (Status.SWITCHED_OFF, 0)
    found = rows(run)
    assert {key.name for key in of(found, Key)} == {"shown without login", "issuing", "short", "signing", "partner"}
    public = named(found, Key, "issuing")
    assert (public.bits, public.security_bits, public.extractable, public.usages) == (2048, 112, None, None)
    alone = named(found, Key, "partner")
    assert alone.usages is None, "its private key might be on the token and not show"
    assert {gap.operation for gap in failures(found)} == {LOGIN}
    assert {gap.of_table for gap in failures(found) if gap.rows_missing} == {
        "key",
        "key_version",
        "certificate",
        "access",
    }
    scope = next(row for row in of(found, Scope) if row.service == "token")
    assert (scope.identity, scope.complete, scope.listed) == ("public session", None, None)


def test_the_same_key_has_the_same_id_with_and_without_a_pin(run: Collected) -> None:
    with served() as token:
        shown = of(rows(collected(token.source("hsm", pin_env=None))), Key)
    assert {key.id for key in shown} <= {key.id for key in of(rows(run), Key)}


def test_a_wrong_pin_is_tried_once(tmp_path: Path) -> None:
    with served(pin="wrong") as token:
        run = collect(token.source("hsm"), tmp_path)
        assert token.requests()[LOGIN] == 1
        [login] = run.of(LOGIN)
        assert login.status is Status.REFUSED
        assert login.error.startswith("CKR_PIN_INCORRECT (C_Login): the PIN is wrong: correct it")
        again = collect(token.source("hsm"), tmp_path)
        assert token.requests()[LOGIN] == 1, "a run that is taken up again knows that it was refused"
        assert again.progress.requests == 0
        anew = collected(token.source("hsm"))
        assert token.requests()[LOGIN] == 1, "a new run sees by the token's flags that a wrong one was entered"
    assert "CKF_USER_PIN_COUNT_LOW" in anew.of(LOGIN)[0].error
    for one in (run, anew):
        assert {gap.operation for gap in failures(rows(one))} == {LOGIN}


@pytest.mark.parametrize(
    ("flag", "name", "status"),
    [
        (0x10000, "CKF_USER_PIN_COUNT_LOW", Status.FAILED),
        (0x20000, "CKF_USER_PIN_FINAL_TRY", Status.FAILED),
        (0x40000, "CKF_USER_PIN_LOCKED", Status.REFUSED),
    ],
)
def test_no_pin_is_sent_to_a_token_that_could_lock(flag: int, name: str, status: Status) -> None:
    with served(flags=flag) as token:
        run = collected(token.source("hsm"))
        assert token.requests()[LOGIN] == 0
    [login] = run.of(LOGIN)
    assert login.status is status
    assert name in login.error
    found = rows(run)
    assert name in str(next(store.store_settings for store in of(found, KeyStore)))
    assert {gap.operation for gap in failures(found)} == {LOGIN}


def test_the_examination_sends_no_pin_that_could_lock_the_token(tmp_path: Path) -> None:
    with served(flags=0x10000) as token:
        path = tmp_path / "config.toml"
        path.write_text(
            '[organization]\nname = "Example"\n[audit]\nframeworks = ["soc2"]\n'
            "period = { start = 2026-01-01, end = 2026-06-30 }\n"
            f'[[source]]\ntype = "pkcs11"\nname = "hsm"\nmodule = "{token.module}"\ntoken = "{LABEL}"\n'
            'pin_env = "HSM_PIN"\n'
        )
        examined = examine(load_configuration(path))
        assert token.requests()[LOGIN] == 0
        assert token.requests()[READ] < 50, "one thing is described, not all"
    [trouble] = examined.troubles
    assert (trouble.operation, "log in once by hand" in trouble.error) == (LOGIN, True)


def test_the_pin_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "pin").write_text(f"{PIN}\n")
    with served() as token:
        run = collected(token.source("hsm", pin_env=None, pin_file=str(tmp_path / "pin")))
    assert run.statuses() == {Status.OK}


def test_a_source_without_its_pin_or_module_says_so(tmp_path: Path) -> None:
    with served(pin="") as token:
        for more, expected in (
            ({}, "pin_env names HSM_PIN, which is not set"),
            ({"pin_env": None, "pin_file": str(tmp_path / "none")}, "none': No such file or directory"),
            ({"module": "/nowhere/module.so"}, "module '/nowhere/module.so': No such file or directory"),
        ):
            with pytest.raises(CredentialError, match="source 'hsm'") as error:
                collector(token.source("hsm", **more)).start()
            assert expected in str(error.value)


# --- tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{"token": "elsewhere"}, {"token": None, "serial": "0"}, {"token": None, "slot": 77}])
def test_a_token_that_is_not_there_is_a_gap(more: dict[str, object]) -> None:
    with served() as token:
        run = collected(token.source("hsm", **more))
    found = rows(run)
    (unasked,) = run.of("pkcs11:C_FindObjects")
    assert (unasked.status, unasked.attempts) == (Status.FAILED, 0), "`keyproof doctor` tells it, too"
    assert "the module has no token with" in unasked.error
    assert ("it has token 'payments', serial" in unasked.error) is ("slot" not in more)
    assert {gap.of_table for gap in failures(found) if gap.rows_missing} == {
        "key_store",
        "key",
        "key_version",
        "certificate",
        "access",
    }
    assert all("the module has no token with" in str(gap.error) for gap in failures(found) if gap.rows_missing)


def test_a_token_is_chosen_by_serial_number_or_slot(run: Collected) -> None:
    serial = next(header.account for header in run.headers.values() if header.service == "token")
    slot = next(o.parameters["slot"] for o in run.of("pkcs11:C_GetTokenInfo") if o.parameters and serial in o.body)
    with served() as token:
        for more in ({"serial": serial}, {"slot": slot}, {}):
            again = collected(token.source("hsm", token=None, **more))
            assert set(again.scopes) == set(run.scopes)
            assert again.statuses() == {Status.OK}


# --- modules that go wrong -------------------------------------------------------------------------------------------


def test_a_crash_costs_one_object_and_the_rest_is_read() -> None:
    with served("C_GetAttributeValue=crash@100") as token:
        run = collected(token.source("hsm"), concurrency=1)
        calls = token.requests()
    lost = [o for o in run.observations if o.status is not Status.OK]
    assert [o.error for o in lost] == ["Crash: the module ended its process by SIGSEGV"] * len(lost)
    assert 1 <= len(lost) == calls["pkcs11:C_Initialize"] - 1 < MOST_STARTS
    assert calls[LOGIN] == calls["pkcs11:C_Initialize"], "a PIN that was accepted is given to each new process"
    found = rows(run)
    assert {gap.operation for gap in failures(found)} == {READ}


def test_a_module_that_always_crashes_is_not_started_without_end() -> None:
    with served("C_GetAttributeValue=crash") as token:
        run = collected(token.source("hsm"))
        assert token.requests()["pkcs11:C_Initialize"] == MOST_STARTS
    errors = Counter(o.error.partition(":")[0] for o in run.of(READ))
    assert errors == {"Crash": MOST_STARTS, "NotSent": len(run.of(READ)) - MOST_STARTS}
    assert {key.name for key in of(rows(run), Key)} >= {"data", "issuing"}, "they were found, and that is known"


def test_a_pin_that_a_crash_swallowed_is_not_sent_again() -> None:
    with served("C_Login=crash") as token:
        run = collected(token.source("hsm"))
        assert token.requests()[LOGIN] == 1
    assert [o.status for o in run.of(LOGIN)] == [Status.FAILED]
    assert {o.status for o in run.of(READ)} == {Status.OK}, "what is public is read all the same"


def test_a_module_that_hangs_is_ended() -> None:
    with served("C_GetMechanismList=hang") as token:
        began = time.monotonic()
        run = collected(token.source("hsm", timeout_seconds=1))
        assert time.monotonic() - began < 20
    [lost] = {o.error for o in run.observations if o.status is not Status.OK}
    assert lost == "Timeout: no answer within 1 seconds; the module's process was ended"
    assert {o.status for o in run.of(READ)} == {Status.OK}


def test_a_token_that_is_pulled_between_two_reads_is_a_gap() -> None:
    with served("C_GetAttributeValue=removed@150") as token:
        run = collected(token.source("hsm"))
    lost = [o for o in run.of(READ) if o.status is Status.FAILED]
    assert lost
    assert {o.error for o in lost} == {"CKR_DEVICE_REMOVED (C_GetAttributeValue)"}
    assert {gap.operation for gap in failures(rows(run))} == {READ}


def test_one_attribute_that_cannot_be_read_is_one_gap() -> None:
    with served("C_GetAttributeValue=5@40") as token:  # CKR_GENERAL_ERROR, in the middle of an object
        run = collected(token.source("hsm"), concurrency=1)
    assert {o.status for o in run.of(READ)} == {Status.OK}
    found = failures(rows(run))
    assert {gap.kind for gap in found} == {GapKind.FAILED}
    assert any(gap.error == "CKA_EXTRACTABLE: CKR_GENERAL_ERROR" for gap in found)


def test_objects_that_cannot_be_told_what_they_are_leave_the_token_open() -> None:
    with served("C_Identify=refuse@30") as token:
        found = rows(collected(token.source("hsm")))
    gaps = [gap for gap in failures(found) if gap.rows_missing and gap.subject == ""]
    assert {gap.of_table for gap in gaps} == {"key", "key_version", "certificate"}
    assert {gap.kind for gap in gaps} == {GapKind.REFUSED}


def test_lists_without_end_are_no_answers() -> None:
    for function in ("C_GetSlotList", "C_GetMechanismList", "C_FindObjects"):
        with served(f"{function}=lie") as token:
            run = collected(token.source("hsm"))
        [failed] = {o.error for o in run.of(f"pkcs11:{function}")}
        assert failed.startswith("InvalidAnswer: ValueError: ")


def test_what_is_no_module_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    with served() as token:
        for path in (str(tmp_path / "text.so"), "/lib/x86_64-linux-gnu/libc.so.6"):
            run = collected(token.source("hsm", module=path))
            assert run.statuses() == {Status.FAILED}
            assert {gap.operation for gap in failures(rows(run))} == {"pkcs11:C_Initialize"}


# --- a run that is taken up again ------------------------------------------------------------------------------------


class _Killed(Exception):
    pass


def test_a_killed_run_is_taken_up_where_it_was(tmp_path: Path, run: Collected) -> None:
    left = 6

    class Dying(Collection):
        def _count(self, batch: object) -> None:
            super()._count(batch)  # type: ignore[arg-type]
            if self.progress.tasks_done >= left:
                raise _Killed

    with served() as token:
        with pytest.raises(_Killed):
            Dying(tmp_path, {"pkcs11": OPERATIONS}, concurrency=1).run(collector(token.source("hsm")).start())
        before = token.requests()
        again = collect(token.source("hsm"), tmp_path)
        calls = token.requests()
    assert again.progress.recorded > 10
    assert calls[LOGIN] - before[LOGIN] == 1, "once, since the killed run was told that the PIN is right"
    assert again.statuses() == {Status.OK}
    assert {o.id for o in again.observations} == {o.id for o in run.observations}
