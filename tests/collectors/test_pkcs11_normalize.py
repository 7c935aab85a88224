"""The normalize half: from what a module told to rows, and why what is not known is not known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from collected import Collected
from hypothesis import given, settings
from hypothesis import strategies as st
from pkcs11_runs import collected, failures, named, of, rows
from small_certificates import certificate
from small_pkcs11 import served

from collectors.pkcs11.normalize import normalize
from collectors.pkcs11.objects import read_contents
from collectors.source import Settings
from evidence.model import (
    NEVER,
    Access,
    Capability,
    Certificate,
    Gap,
    GapKind,
    Key,
    KeyStore,
    KeyType,
    KeyVersion,
    Origin,
    PrincipalKind,
    ProtectionLevel,
    Row,
    Scope,
    State,
    Usage,
    VersionCause,
)
from evidence.observation import Observation, Status, body_digest, canonical_json, observation_id
from evidence.reading import Reading, group_by_subject
from evidence.recording import ScopeHeader

FIND = "pkcs11:C_FindObjects"
READ = "pkcs11:C_GetAttributeValue"
HEADER = ScopeHeader(
    id="hsm/0123/token", source="hsm", type="pkcs11", service="token", account="0123", account_name="vault"
)
TOKEN = "pkcs11:token=vault;serial=0123"
AT = "2026-06-30T12:00:00.000000Z"
MISSING = {"rv": "CKR_ATTRIBUTE_TYPE_INVALID"}
UNAVAILABLE = (1 << 64) - 1

INFO = {
    "label": "vault",
    "manufacturer_id": "Example HSMs",
    "model": "EX-1",
    "serial_number": "0123",
    "flags": ["CKF_LOGIN_REQUIRED", "CKF_TOKEN_INITIALIZED", "CKF_USER_PIN_INITIALIZED"],
    "max_pin_len": 64,
    "min_pin_len": 4,
    "hardware_version": "1.0",
    "firmware_version": "7.4",
}
SLOT = {
    "slot_description": "a slot",
    "manufacturer_id": "Example HSMs",
    "flags": ["CKF_HW_SLOT", "CKF_TOKEN_PRESENT"],
    "hardware_version": "1.0",
    "firmware_version": "7.4",
}
MECHANISMS = {
    "CKM_AES_GCM": (0x1087, "ENCRYPT DECRYPT"),
    "CKM_SHA256_RSA_PKCS": (0x40, "SIGN VERIFY"),
    "CKM_RSA_PKCS": (0x01, "SIGN VERIFY ENCRYPT DECRYPT"),
}

SECRET, PRIVATE, PUBLIC, CERTIFICATE, VALIDATION = 4, 3, 2, 1, 10
AES, RSA, EC, DES2, GENERIC, ML_DSA, VENDOR = 0x1F, 0, 3, 0x14, 0x10, 0x4A, 0x80000001

_FLAGS = ("ENCRYPT", "DECRYPT", "WRAP", "UNWRAP", "SIGN", "VERIFY", "DERIVE", "SIGN_RECOVER", "VERIFY_RECOVER")
_PLAIN: Mapping[str, Any] = {
    **{f"CKA_{flag}": False for flag in (*_FLAGS, "WRAP_WITH_TRUSTED", "EXTRACTABLE", "TRUSTED")},
    **{f"CKA_{flag}": True for flag in ("TOKEN", "PRIVATE", "MODIFIABLE", "COPYABLE", "DESTROYABLE", "SENSITIVE")},
    **{f"CKA_{flag}": True for flag in ("ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "LOCAL")},
    **{f"CKA_{name}": MISSING for name in ("UNIQUE_ID", "OBJECT_VALIDATION_FLAGS", "ENCAPSULATE", "DECAPSULATE")},
    "CKA_START_DATE": "",
    "CKA_END_DATE": "",
    "CKA_KEY_GEN_MECHANISM": 0x1080,
    "CKA_ALLOWED_MECHANISMS": [],
    "CKA_CHECK_VALUE": "a1b2c3",
    "CKA_VALUE_LEN": 32,
    "CKA_MODULUS": 3072,
    "CKA_EC_PARAMS": "06082a8648ce3d030107",
    "CKA_PARAMETER_SET": 2,
    "CKA_ALWAYS_AUTHENTICATE": False,
}


class Told:
    """A token's scope as a module told of it."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {
            "pkcs11:C_GetSlotInfo": SLOT,
            "pkcs11:C_GetTokenInfo": INFO,
            "pkcs11:C_GetMechanismList": {"mechanisms": [number for number, _ in MECHANISMS.values()]},
            "pkcs11:C_GetMechanismInfo": {
                str(number): {"flags": [f"CKF_{flag}" for flag in flags.split()]}
                for number, flags in MECHANISMS.values()
            },
            "pkcs11:C_Login": {"user": 1},
            **{f"pkcs11:{name}": answer for name, answer in answers.items()},
        }
        self.objects: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def add(self, object_class: int, key_type: Any, id: Any = "01", label: Any = "a key", **attributes: Any) -> None:
        """One object; its attributes are those of a good key but for what is given."""
        identity = {"CKA_CLASS": object_class, "CKA_KEY_TYPE": key_type, "CKA_ID": id, "CKA_LABEL": label}
        nth = sum(one == identity for one, _ in self.objects)
        told = {**_PLAIN, **{f"CKA_{name}": value for name, value in attributes.items()}}
        self.objects.append((identity, {"nth": nth, **told}))

    def scope(self) -> list[Observation]:
        """The observations."""
        found = [{**identity, "nth": told["nth"]} for identity, told in self.objects]
        self.answers[FIND] = self.answers.get(FIND, {"total": len(found), "objects": found})
        made = [self._made("", operation, {}, answer) for operation, answer in self.answers.items() if answer]
        things = read_contents(TOKEN, Reading("", [o for o in made if o.operation == FIND])).things
        by_identity = {canonical_json({**identity, "nth": told["nth"]}): told for identity, told in self.objects}
        for thing in things.values():
            for one in thing.objects:
                told = {name: v for name, v in by_identity[canonical_json(dict(one.identity))].items() if name != "nth"}
                made.append(self._made(thing.uri, READ, dict(one.identity), told))
        return made

    def rows(self, **options: Any) -> list[Row]:
        """What the normalize half makes of it."""
        return list(normalize(HEADER, group_by_subject(iter(self.scope())), Settings(**options)))

    def _made(self, subject: str, operation: str, parameters: dict[str, Any], answer: Any) -> Observation:
        error = answer if isinstance(answer, str) else ""
        body = "" if error else canonical_json(answer)
        return Observation(
            id=observation_id(HEADER.id, operation, parameters),
            source=HEADER.source,
            scope=HEADER.id,
            subject=subject,
            operation=operation,
            parameters=parameters,
            requested_at=AT,
            received_at=AT,
            status=Status.FAILED if error else Status.OK,
            error=error,
            request_id="",
            attempts=1,
            identity="",
            body=body,
            sha256=body_digest(body),
        )


def one(object_class: int, key_type: int, **attributes: Any) -> tuple[Key, dict[str, Gap]]:
    """The row of a token's only key, and why each of its columns that is not known is not."""
    told = Told()
    told.add(object_class, key_type, **attributes)
    found = told.rows()
    [key] = of(found, Key)
    return key, {column: gap for gap in of(found, Gap) if gap.subject == key.id for column in gap.columns or ()}


# --- what a key is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("object_class", "key_type", "attributes", "expected"),
    [
        (SECRET, AES, {}, ("AES", "", 256, 256, 5)),
        (SECRET, DES2, {"VALUE_LEN": MISSING}, ("2TDEA", "", 112, 80, 0)),
        (SECRET, GENERIC, {"VALUE_LEN": 20}, ("generic secret", "", 160, None, None)),
        (SECRET, VENDOR, {}, (None, "", 256, None, None)),
        (PRIVATE, RSA, {"MODULUS": 1024}, ("RSA", "", 1024, 80, 0)),
        (PRIVATE, EC, {}, ("EC", "P-256", 256, 128, 0)),
        (PRIVATE, EC, {"EC_PARAMS": "0500"}, ("EC", None, None, None, None)),
        (PRIVATE, ML_DSA, {}, ("ML-DSA", "ML-DSA-65", 0, 192, 3)),
        (PRIVATE, ML_DSA, {"PARAMETER_SET": 99}, ("ML-DSA", None, None, None, None)),
        (SECRET, AES, {"VALUE_LEN": UNAVAILABLE}, ("AES", None, None, None, None)),
    ],
)
def test_algorithm_and_strength(
    object_class: int, key_type: int, attributes: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    key, why = one(object_class, key_type, **attributes)
    assert (key.algorithm, key.parameter_set, key.bits, key.security_bits, key.pq_category) == expected
    columns = ("algorithm", "parameter_set", "bits", "security_bits", "pq_category")
    for column, value in zip(columns, expected, strict=True):
        assert (value is None) == (column in why)


@pytest.mark.parametrize(
    ("object_class", "flags", "usages", "key_type"),
    [
        (SECRET, "ENCRYPT DECRYPT", [Usage.ENCRYPT], KeyType.SYMMETRIC_DATA_ENCRYPTION),
        (SECRET, "WRAP UNWRAP", [Usage.WRAP], KeyType.SYMMETRIC_KEY_WRAPPING),
        (SECRET, "SIGN VERIFY", [Usage.MAC], KeyType.SYMMETRIC_AUTHENTICATION),
        (SECRET, "DERIVE", [Usage.DERIVE], KeyType.SYMMETRIC_MASTER),
        (SECRET, "ENCRYPT UNWRAP", [Usage.ENCRYPT, Usage.WRAP], KeyType.SYMMETRIC_DATA_ENCRYPTION),
        (SECRET, "DERIVE SIGN", [Usage.DERIVE, Usage.MAC], KeyType.SYMMETRIC_MASTER),
        (SECRET, "", [], None),
        (PRIVATE, "SIGN", [Usage.SIGN], KeyType.PRIVATE_SIGNATURE),
        (PRIVATE, "SIGN DECRYPT", [Usage.ENCRYPT, Usage.SIGN], KeyType.PRIVATE_KEY_TRANSPORT),
        (PRIVATE, "DERIVE", [Usage.AGREE], KeyType.PRIVATE_STATIC_KEY_AGREEMENT),
        (PUBLIC, "VERIFY", [Usage.SIGN], KeyType.PUBLIC_SIGNATURE_VERIFICATION),
        (PUBLIC, "WRAP", [Usage.WRAP], KeyType.PUBLIC_KEY_TRANSPORT),
    ],
)
def test_purposes(object_class: int, flags: str, usages: list[Usage], key_type: KeyType | None) -> None:
    set_flags = dict.fromkeys(flags.split(), True)
    key, why = one(object_class, AES if object_class == SECRET else RSA, **set_flags)
    assert (key.usages, key.key_type) == (usages, key_type)
    assert (key_type is None) == ("key_type" in why)


def test_a_usage_flag_that_one_key_does_not_have_is_not_set() -> None:
    assert one(SECRET, AES, ENCRYPT=True, DERIVE=MISSING)[0].usages == [Usage.ENCRYPT]
    flags = dict.fromkeys(("ENCRYPT", "DECRYPT", "WRAP", "UNWRAP", "SIGN", "VERIFY", "DERIVE"), MISSING)
    key, why = one(SECRET, AES, **flags)
    assert (key.usages, why["usages"].kind) == (None, GapKind.NOT_OFFERED)


@pytest.mark.parametrize(
    ("attributes", "origin"),
    [
        ({"LOCAL": True}, Origin.GENERATED),
        ({"LOCAL": False, "KEY_GEN_MECHANISM": UNAVAILABLE}, Origin.GENERATED),
        ({"LOCAL": False, "NEVER_EXTRACTABLE": False}, Origin.GENERATED),
        ({"LOCAL": False, "NEVER_EXTRACTABLE": False, "ALWAYS_SENSITIVE": False}, None),
        (
            {"LOCAL": False, "NEVER_EXTRACTABLE": False, "ALWAYS_SENSITIVE": False, "KEY_GEN_MECHANISM": MISSING},
            None,
        ),
        (
            {"LOCAL": False, "NEVER_EXTRACTABLE": False, "ALWAYS_SENSITIVE": False, "KEY_GEN_MECHANISM": UNAVAILABLE},
            Origin.IMPORTED,
        ),
        ({"LOCAL": {"rv": "CKR_GENERAL_ERROR"}}, None),
    ],
)
def test_origin(attributes: dict[str, Any], origin: Origin | None) -> None:
    key, why = one(SECRET, AES, **attributes)
    assert key.origin is origin
    assert (origin is None) == ("origin" in why)


_YES, _NO = True, False


@pytest.mark.parametrize(
    ("extractable", "sensitive", "trusted", "expected"),
    [
        (_NO, _YES, _NO, False),
        (_NO, _NO, _NO, False),
        (_YES, _NO, _NO, True),
        (_YES, _NO, _YES, True),
        (_YES, _YES, _NO, True),
        (_YES, _YES, _YES, False),
        (_YES, _YES, MISSING, True),
        (_YES, {"rv": "CKR_DEVICE_ERROR"}, _NO, None),
        (MISSING, _YES, _NO, None),
    ],
)
def test_extractable(extractable: Any, sensitive: Any, trusted: Any, expected: bool | None) -> None:
    key, why = one(SECRET, AES, EXTRACTABLE=extractable, SENSITIVE=sensitive, WRAP_WITH_TRUSTED=trusted)
    assert key.extractable is expected
    assert (expected is None) == ("extractable" in why)


def test_never_extractable() -> None:
    assert one(SECRET, AES)[0].never_extractable is True
    assert one(SECRET, AES, NEVER_EXTRACTABLE=False)[0].never_extractable is False
    wrapped = {"EXTRACTABLE": True, "WRAP_WITH_TRUSTED": True, "NEVER_EXTRACTABLE": False}
    key, why = one(SECRET, AES, **wrapped)
    assert (key.extractable, key.never_extractable) == (False, None)
    assert why["never_extractable"].kind is GapKind.NOT_OFFERED


def test_whoever_may_use_a_key_may_export_it_where_it_is_extractable() -> None:
    told = Told()
    told.add(SECRET, AES, EXTRACTABLE=True)
    told.add(SECRET, AES, "02", "kept")
    exports = [row for row in of(told.rows(), Access) if row.capability is Capability.EXPORT]
    assert [(row.principal, row.subject) for row in exports] == [
        ("CKU_USER", f"{TOKEN};id=%01;object=a%20key;type=secret-key")
    ]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("", "", (State.ACTIVE, None, NEVER, True)),
        ("20260101", "20261231", (State.ACTIVE, (2026, 1, 1), (2026, 12, 31), True)),
        ("20270101", "", (State.PRE_ACTIVE, (2027, 1, 1), NEVER, True)),
        (MISSING, MISSING, (State.ACTIVE, None, None, False)),
        ({"rv": "CKR_GENERAL_ERROR"}, "20261231", (None, None, (2026, 12, 31), True)),
        ("20261341", "", (None, None, NEVER, True)),
    ],
)
def test_dates(start: Any, end: Any, expected: tuple[Any, ...]) -> None:
    key, why = one(SECRET, AES, START_DATE=start, END_DATE=end)
    state, activated, expires, settable = expected
    assert (key.state, key.expiry_settable) == (state, settable)
    assert _day(key.activated_at) == activated
    assert (key.expires_at if expires in (NEVER, None) else _day(key.expires_at)) == expires
    assert {column for column in ("state", "activated_at", "expires_at") if getattr(key, column) is None} <= set(why)


def _day(moment: datetime | None) -> tuple[int, int, int] | None:
    return None if moment is None else (moment.year, moment.month, moment.day)


def test_an_attribute_that_failed_names_itself_and_the_others_stay() -> None:
    told = Told()
    told.add(SECRET, AES, START_DATE={"rv": "CKR_GENERAL_ERROR"})
    found = told.rows()
    [key] = of(found, Key)
    assert (key.state, key.bits, key.extractable) == (None, 256, False)
    assert {(gap.error, gap.kind, gap.operation) for gap in failures(found)} == {
        ("CKA_START_DATE: CKR_GENERAL_ERROR", GapKind.FAILED, READ)
    }
    [scope] = of(found, Scope)
    assert (scope.complete, scope.failed) == (None, 1)


def test_a_key_is_one_piece_of_material_of_which_nobody_tells_since_when_it_is_used() -> None:
    told = Told()
    told.add(SECRET, AES, START_DATE="20240101", END_DATE="20301231")
    found = told.rows()
    [key], [version] = of(found, Key), of(found, KeyVersion)
    assert (version.id, version.key, version.state, version.superseded_at) == (key.id, key.id, key.state, NEVER)
    assert (version.origin, version.cause, version.algorithm) == (Origin.GENERATED, VersionCause.INITIAL, "AES")
    assert (version.expires_at, version.destroyed_at) == (key.expires_at, NEVER)
    [why] = [gap for gap in of(found, Gap) if gap.of_table == "key_version"]
    assert (why.columns, why.kind) == (["created_at"], GapKind.NOT_OFFERED)


def test_what_is_unknown_of_a_key_is_unknown_of_its_material_for_the_same_reason() -> None:
    told = Told()
    failed = {"rv": "CKR_GENERAL_ERROR"}
    told.add(SECRET, VENDOR, START_DATE=failed, LOCAL=failed)
    found = told.rows()
    of_key = {c: (gap.operation, gap.kind, gap.error) for gap in _gaps(found, "key") for c in gap.columns or ()}
    of_version = {c: (g.operation, g.kind, g.error) for g in _gaps(found, "key_version") for c in g.columns or ()}
    assert set(of_version) == {"created_at", "state", "origin", "cause", "algorithm"}
    assert {name: of_version[name] for name in ("state", "origin", "algorithm")}.items() <= of_key.items()
    assert of_version["cause"] == of_key["origin"]


def _gaps(found: list[Row], table: str) -> list[Gap]:
    return [gap for gap in of(found, Gap) if gap.of_table == table and not gap.rows_missing]


def test_since_when_a_key_is_known() -> None:
    observed = datetime.fromisoformat(AT)
    earlier = observed - timedelta(days=800)
    told = Told()
    told.add(SECRET, AES)
    [key] = of(told.rows(), Key)
    assert (key.material_known_at, key.created_at, key.last_rotated_at) == (observed, None, None)
    [known] = of(told.rows(first_seen={"hsm": {key.id: earlier}}), Key)
    assert known.material_known_at == earlier


def test_mechanisms() -> None:
    assert one(SECRET, AES, ENCRYPT=True)[0].mechanisms == ["CKM_AES_GCM"]
    assert one(SECRET, AES, WRAP=True)[0].mechanisms == [], "the token offers none that wraps"
    assert one(PRIVATE, RSA, SIGN=True)[0].mechanisms == ["CKM_RSA_PKCS", "CKM_SHA256_RSA_PKCS"]
    assert one(PRIVATE, RSA, DECRYPT=True)[0].mechanisms == ["CKM_RSA_PKCS", "RSAES_PKCS1_V1_5"]
    assert one(PRIVATE, RSA, UNWRAP=True)[0].mechanisms == [], "the token unwraps nothing by it"
    both = one(PRIVATE, RSA, SIGN=True, UNWRAP=True)[0]
    assert both.mechanisms == ["CKM_RSA_PKCS", "CKM_SHA256_RSA_PKCS"]
    limited = one(PRIVATE, RSA, SIGN=True, ALLOWED_MECHANISMS=[0x0D, 0x80001234])[0]
    assert limited.mechanisms == ["CKM_0x80001234", "CKM_RSA_PKCS_PSS"]
    # The mechanism of that name signs or encrypts, which only a purpose tells apart.
    assert one(PRIVATE, RSA, SIGN=True, ALLOWED_MECHANISMS=[1])[0].mechanisms == ["CKM_RSA_PKCS"]
    for purpose in ("DECRYPT", "UNWRAP"):
        decrypts = one(PRIVATE, RSA, ALLOWED_MECHANISMS=[1, 9], **{purpose: True})[0]
        assert decrypts.mechanisms == ["CKM_RSA_PKCS", "CKM_RSA_PKCS_OAEP", "RSAES_PKCS1_V1_5"]
    key, why = one(SECRET, VENDOR, ENCRYPT=True)
    assert (key.mechanisms, why["mechanisms"].kind) == (None, GapKind.NOT_OFFERED)


def test_settings_tell_what_has_no_column() -> None:
    key, _ = one(SECRET, AES, MODIFIABLE=False, UNIQUE_ID="0b-1c")
    told = json.loads(str(key.key_settings))
    assert (told["CKA_MODIFIABLE"], told["CKA_UNIQUE_ID"], told["CKA_CHECK_VALUE"]) == (False, "0b-1c", "a1b2c3")
    assert told["CKA_KEY_GEN_MECHANISM"] == "CKM_AES_KEY_GEN"
    assert "CKA_OBJECT_VALIDATION_FLAGS" not in told


# --- pairs ----------------------------------------------------------------------------------------------------------


def _keys(told: Told) -> dict[str, Key]:
    return {key.id.removeprefix(f"{TOKEN};"): key for key in of(told.rows(), Key)}


def test_a_private_key_and_its_public_key_are_one() -> None:
    told = Told()
    told.add(PUBLIC, RSA, label="the public one", VERIFY=True)
    told.add(PRIVATE, RSA, label="the private one", SIGN=True)
    [(id, key)] = _keys(told).items()
    assert (id, key.name, key.aliases) == ("id=%01", "the private one", ["the private one", "the public one"])
    assert key.key_type is KeyType.PRIVATE_SIGNATURE


def test_what_no_id_ties_together_stays_apart() -> None:
    told = Told()
    told.add(PUBLIC, RSA, id="", label="")
    told.add(PRIVATE, RSA, id="", label="")
    told.add(PRIVATE, RSA, id="", label="")
    assert set(_keys(told)) == {"type=public", "type=private", "type=private;x-nth=1"}


def test_pairs_of_one_id_are_told_apart_by_label_or_type() -> None:
    told = Told()
    for label in ("first", "second"):
        told.add(PUBLIC, RSA, label=label)
        told.add(PRIVATE, RSA, label=label)
    told.add(PRIVATE, EC, label="third")
    told.add(SECRET, AES, label="fourth")
    assert set(_keys(told)) == {
        "id=%01;object=first;x-key-type=RSA",
        "id=%01;object=second;x-key-type=RSA",
        "id=%01;x-key-type=EC",
        "id=%01;object=fourth;type=secret-key",
    }


def test_a_public_key_alone_gives_nobody_a_secret() -> None:
    key, why = one(PUBLIC, RSA, VERIFY=True, PRIVATE=False)
    assert (key.extractable, key.never_extractable, key.public) == (False, True, False)
    assert {gap.kind for gap in why.values()} == {GapKind.NOT_OFFERED}


def test_a_public_key_whose_private_key_does_not_show_tells_its_size_alone() -> None:
    told = Told(C_Login="CKR_PIN_INCORRECT (C_Login)")
    told.add(PUBLIC, RSA, VERIFY=True)
    [key] = _keys(told).values()
    assert (key.bits, key.security_bits, key.algorithm) == (3072, 128, "RSA")
    assert (key.usages, key.extractable, key.state, key.origin, key.public) == (None,) * 5


# --- certificates ---------------------------------------------------------------------------------------------------


def _with_certificate(value: Any, **answers: Any) -> list[Row]:
    told = Told(**answers)
    told.add(PRIVATE, RSA, EXTRACTABLE=True)
    told.add(CERTIFICATE, MISSING, VALUE=value)
    return told.rows()


def test_a_certificate_states_itself_and_belongs_to_the_key_of_its_id() -> None:
    [row] = of(_with_certificate(certificate("issuing")["VALUE"]["hex"]), Certificate)
    assert (row.subject, row.issuer, row.algorithm, row.bits) == ("CN=issuing", "CN=Example root", "EC", 256)
    assert (row.activated_at, row.expires_at) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert (row.key, row.exportable, row.authority) == (f"{TOKEN};id=%01", True, False)


@pytest.mark.parametrize("value", ["", "00", "30820000", {"rv": "CKR_DEVICE_ERROR"}, {"hex": "zz"}])
def test_what_is_no_certificate_is_a_gap(value: Any) -> None:
    found = _with_certificate(value)
    [row] = of(found, Certificate)
    assert (row.subject, row.expires_at, row.state) == (None, None, State.ACTIVE)
    assert {gap.of_table for gap in failures(found)} == {"certificate", "scope"}


def test_a_certificate_whose_key_is_not_known_tells_the_rest() -> None:
    value = certificate("issuing")["VALUE"]["hex"].replace("06082a8648ce3d030107", "06082a8648ce3d030177")
    found = _with_certificate(value)
    [row] = of(found, Certificate)
    assert (row.subject, row.algorithm, row.bits, row.security_bits) == ("CN=issuing", None, None, None)
    [why] = [gap for gap in of(found, Gap) if gap.subject == row.id and "algorithm" in gap.columns]
    assert (why.kind, sorted(why.columns)) == (GapKind.NOT_OFFERED, ["algorithm", "bits", "security_bits"])


def test_a_certificate_without_a_key_has_none_only_where_all_keys_show() -> None:
    for answers, expected in (({}, ""), ({"C_Login": "CKR_PIN_INCORRECT (C_Login)"}, None)):
        told = Told(**answers)
        told.add(CERTIFICATE, MISSING, id="77", VALUE=certificate("issuing")["VALUE"]["hex"])
        [row] = of(told.rows(), Certificate)
        assert (row.key, row.exportable) == (expected, None if expected is None else False)


# --- tokens ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slot", "info", "mechanism_flags", "expected"),
    [
        (["CKF_HW_SLOT"], {}, [], ProtectionLevel.HSM),
        (["CKF_HW_SLOT"], {"manufacturer_id": "IBM", "model": "Soft"}, [], ProtectionLevel.SOFTWARE),
        ([], {}, [], ProtectionLevel.SOFTWARE),
        ([], {}, ["CKF_HW"], None),
    ],
)
def test_protection(slot: list[str], info: dict[str, str], mechanism_flags: list[str], expected: Any) -> None:
    told = Told(
        C_GetSlotInfo={**SLOT, "flags": slot},
        C_GetTokenInfo={**INFO, **info},
        C_GetMechanismList={"mechanisms": [1]},
        C_GetMechanismInfo={"1": {"flags": mechanism_flags}},
    )
    told.add(SECRET, AES)
    found = told.rows()
    assert {row.protection_level for row in [*of(found, KeyStore), *of(found, Key)]} == {expected}


@pytest.mark.parametrize(
    ("user", "identity"), [(1, "CKU_USER"), (0x80000001, "CK_USER_TYPE 0x80000001"), (None, "public session")]
)
def test_who_collected(user: int | None, identity: str) -> None:
    login = "CKR_PIN_INCORRECT (C_Login)" if user is None else {"user": user}
    [scope] = of(Told(C_Login=login).rows(), Scope)
    assert scope.identity == identity


def test_roles() -> None:
    found = of(Told().rows(), Access)
    assert {(row.principal, row.capability) for row in found} == {
        ("CKU_USER", Capability.ADMINISTER),
        ("CKU_USER", Capability.USE),
        ("CKU_USER", Capability.DECRYPT),
        ("CKU_SO", Capability.ADMINISTER),
        ("CKU_SO", Capability.GRANT),
    }
    assert {(row.subject, row.principal_kind, row.public, row.external) for row in found} == {
        (TOKEN, PrincipalKind.GROUP, False, None)
    }


def test_without_login_anyone_is_the_user() -> None:
    told = Told(C_GetTokenInfo={**INFO, "flags": ["CKF_TOKEN_INITIALIZED"]}, C_Login=None)
    told.add(SECRET, AES)
    found = told.rows()
    users = [row for row in of(found, Access) if row.principal == "*"]
    assert {(row.principal_kind, row.public) for row in users} == {(PrincipalKind.ANYONE, None)}
    assert failures(found) == []
    assert named(found, Key, "a key").public is None


def test_validation_objects_state_the_standard() -> None:
    told = Told()
    stated = {"AUTHORITY_TYPE": 1, "LEVEL": 3, "VERSION": "0300", "CERTIFICATE_IDENTIFIER": "4711", "MODULE_ID": "EX-1"}
    foreign = {"AUTHORITY_TYPE": 2}
    told.add(VALIDATION, MISSING, MISSING, MISSING, **{f"VALIDATION_{name}": value for name, value in stated.items()})
    [store] = of(told.rows(), KeyStore)
    assert store.validation == "FIPS 140-3 level 3, certificate 4711, EX-1"
    assert store.validation_standard == "FIPS 140-3"
    other = Told()
    other.add(VALIDATION, MISSING, MISSING, MISSING, **{f"VALIDATION_{n}": v for n, v in {**stated, **foreign}.items()})
    [elsewhere] = of(other.rows(), KeyStore)
    assert (elsewhere.validation, elsewhere.validation_standard) == ("authority 2 level 3, certificate 4711, EX-1", "")


def test_without_validation_objects_nobody_says_that_it_is_not_validated() -> None:
    found = Told().rows()
    [bare] = of(found, KeyStore)
    assert (bare.validation, bare.validation_standard) == ("", None)
    [why] = [gap for gap in of(found, Gap) if "validation_standard" in (gap.columns or ())]
    assert (why.kind, why.subject) == (GapKind.NOT_OFFERED, TOKEN)


def test_a_validation_object_that_does_not_tell_leaves_it_open() -> None:
    told = Told()
    told.add(VALIDATION, MISSING, MISSING, MISSING)
    [store] = of(told.rows(), KeyStore)
    assert (store.validation, store.validation_standard) == (None, None)


# --- hostile names --------------------------------------------------------------------------------------------------

HOSTILE = (
    "\x1b[31mred\x07",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://example.com")',
    "a\n\tb\r\0c",
    "x" * 65_536,
    "\u202edrowssap",
    {"hex": "fffe80"},
    {"hex": "eda080"},  # a lone surrogate in UTF-8
    "",
)


def test_names_of_any_bytes_are_names() -> None:
    told = Told()
    for number, label in enumerate(HOSTILE):
        told.add(SECRET, AES, f"{number:02x}", label)
        told.add(PRIVATE, RSA, f"{number:02x}" * 40_000, label)
    found = told.rows()
    keys = of(found, Key)
    assert len({key.id for key in keys}) == len(keys) == 2 * len(HOSTILE)
    assert all(key.id.isascii() and key.id.isprintable() and len(key.id) < 1_000 for key in keys)
    assert failures(found) == []


def test_keys_that_only_their_types_tell_apart_are_all_there() -> None:
    told = Told()
    told.add(SECRET, AES)
    told.add(SECRET, DES2)
    told.add(SECRET, GENERIC, id=MISSING, label=MISSING)
    told.add(SECRET, GENERIC, id="", label="")
    keys = _keys(told)
    assert sorted(str(key.algorithm) for key in keys.values()) == ["2TDEA", "AES", "generic secret", "generic secret"]
    assert all(";x-sha256=" in id for id in keys)


def test_objects_that_nothing_tells_apart_are_counted() -> None:
    told = Told()
    for _ in range(3):
        told.add(SECRET, AES)
    same = "id=%01;object=a%20key;type=secret-key"
    assert set(_keys(told)) == {same, f"{same};x-nth=1", f"{same};x-nth=2"}


# --- whatever a module answers --------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def run() -> Collected:
    with served() as token:
        return collected(token.source("hsm"))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_answer_breaks_it(data: st.DataObject, run: Collected) -> None:
    """Every NULL keeps its gap: a NULL without one raises."""
    scope = data.draw(st.sampled_from(sorted(run.scopes)))
    at = data.draw(st.integers(0, len(run.scopes[scope]) - 1))
    spoiled = list(run.scopes[scope])
    told = json.loads(spoiled[at].body)
    members = sorted(told)
    if members and data.draw(st.booleans()):
        told[data.draw(st.sampled_from(members))] = data.draw(_JSON)
    else:
        told = data.draw(_JSON)
    body = json.dumps(told)
    spoiled[at] = replace(spoiled[at], body=body, sha256=body_digest(body))
    other = copy(run)
    other.scopes = {**run.scopes, scope: spoiled}
    found = rows(other)
    assert sum(isinstance(row, Scope) for row in found) == len(run.scopes)


def test_the_small_token_comes_to_these_rows(run: Collected) -> None:
    found = rows(run)
    assert failures(found) == []
    extractable = {key.name for key in of(found, Key) if key.extractable}
    assert extractable == {"old"}
    assert {key.name for key in of(found, Key) if key.origin is Origin.IMPORTED} == {
        *("imported", "old", "shown without login", "partner")
    }
    issuing = named(found, Certificate, "issuing")
    assert issuing.key == named(found, Key, "issuing").id
    [scope] = [row for row in of(found, Scope) if row.service == "token"]
    assert (scope.complete, scope.listed, scope.described) == (True, 12, 12)
