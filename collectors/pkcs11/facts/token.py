"""A token: what it is by its own and its slot's word, the row of it as a key store, and what its roles may do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collectors.pkcs11 import cryptoki
from collectors.pkcs11.answers import LoggedIn, MechanismInfos, Mechanisms, SlotInfo, TokenInfo
from collectors.pkcs11.facts.attributes import READ, Object, first_failure
from collectors.pkcs11.facts.scope import Reasons, Setting
from collectors.pkcs11.names import token_of
from collectors.pkcs11.objects import FIND, Contents, read_contents
from collectors.pkcs11.operations import PUBLIC, USER, user_name
from collectors.scope_rows import expect, without_bodies
from evidence.model import NEVER, Access, Capability, GapKind, KeyStore, PrincipalKind, ProtectionLevel, Row, State
from evidence.observation import canonical_json, short_id
from evidence.reading import Failure, Reading

SLOT_INFO = "pkcs11:C_GetSlotInfo"
TOKEN_INFO = "pkcs11:C_GetTokenInfo"  # noqa: S105 - a name
MECHANISMS = "pkcs11:C_GetMechanismList"
MECHANISM_INFO = "pkcs11:C_GetMechanismInfo"
LOGIN = "pkcs11:C_Login"

_SOFTWARE = frozenset(
    {("IBM", "Soft"), ("IBM Corp.", "IBM SoftTok"), ("SoftHSM project", "SoftHSM v2"), ("Mozilla Foundation", "NSS 3")}
)
"""Maker and model of tokens that keep keys in files, whatever their slots say."""


@dataclass(slots=True)
class Token:
    """All that was read of a token itself."""

    uri: str
    info: TokenInfo | None
    slot: SlotInfo | None
    mechanisms: Mapping[str, frozenset[str]] | None
    """CKM_… → its CKF_…; None where they were not all read."""
    contents: Contents
    found_at: datetime
    """When its objects were found; NEVER where that was not asked."""
    user: int | None
    """The CK_USER_TYPE that logged in; None for nobody."""
    reading: Reading
    """What was asked about the token, without the text of the answers."""

    @property
    def private_seen(self) -> bool:
        """Private objects show: there was a login, or the token requires none."""
        return LOGIN not in self.reading.failures

    @property
    def identity(self) -> str:
        """As whom it was read, in the terms of PKCS#11."""
        return PUBLIC if self.user is None else user_name(self.user)

    @property
    def unseen(self) -> tuple[str, Failure] | None:
        """Why objects may be on the token that were not found, or not recognized; None where there are none."""
        for operation in (FIND, LOGIN):
            if operation in self.reading.failures:
                return operation, self.reading.failures[operation]
        return (READ, self.contents.unread) if self.contents.unread else None

    @property
    def protection_level(self) -> ProtectionLevel | None:
        """Hardware, by the word of the slot; None where the mechanisms contradict it, or something was not read."""
        if self.slot is None or self.info is None:
            return None
        if (self.info.manufacturer_id, self.info.model) in _SOFTWARE:
            return ProtectionLevel.SOFTWARE
        if "CKF_HW_SLOT" in self.slot.flags:
            return ProtectionLevel.HSM
        if self.mechanisms is None or any("CKF_HW" in flags for flags in self.mechanisms.values()):
            return None
        return ProtectionLevel.SOFTWARE


def read_token(setting: Setting, reading: Reading) -> Token:
    """Read what was asked about a token; what is missing is in the failures of `reading`."""
    for operation in (SLOT_INFO, TOKEN_INFO, MECHANISMS, MECHANISM_INFO):
        expect(reading, operation)
    uri = token_of(setting.header)
    info = reading.answer(TOKEN_INFO, TokenInfo)
    slot = reading.answer(SLOT_INFO, SlotInfo)
    if info is None or info.login_required:
        expect(reading, LOGIN)
    login = reading.answer(LOGIN, LoggedIn)
    contents = read_contents(uri, reading)
    user = login.user if login else None
    found_at = min((datetime.fromisoformat(page.received_at) for page in reading.of(FIND)), default=NEVER)
    return Token(uri, info, slot, _mechanisms(reading), contents, found_at, user, without_bodies(reading))


def _mechanisms(reading: Reading) -> Mapping[str, frozenset[str]] | None:
    listed = reading.answer(MECHANISMS, Mechanisms)
    infos = reading.answer(MECHANISM_INFO, MechanismInfos)
    if listed is None or infos is None:
        return None
    found = {}
    for number in listed.mechanisms:
        told = infos.told.get(str(number))
        name = cryptoki.named("CKM", cryptoki.MECHANISMS, number)
        if told is None or told.flags is None:
            why = f"{name}: {told.rv if told else 'the answer does not state it'}"
            reading.fail(MECHANISM_INFO, GapKind.FAILED, why, next(reading.of(MECHANISM_INFO)).id)
            return None
        found[name] = frozenset(told.flags)
    return found


def store_rows(setting: Setting, token: Token, validations: Sequence[Object], unread: Failure | None) -> Iterator[Row]:
    """The row of the token as a key store. `validations` are its validation objects, `unread` why some are missing."""
    validation, standard, why = _validation(validations)
    failure = unread or why
    stated = failure is None and token.unseen is None
    row = KeyStore(
        **setting.bookkeeping(token.uri, token.reading.evidence),
        kind="PKCS#11 token",
        name=setting.header.account_name or setting.header.account,
        account=setting.header.account,
        region="",
        protection_level=token.protection_level,
        validation=validation if stated else None,
        validation_standard=standard if stated else None,
        backed_by="",
        soft_delete=False,
        purge_protection=False,
        recovery_days=0,
        access_model="PKCS#11 roles",
        activated=None if token.info is None else _activated(token.info),
        state=State.ACTIVE,
        deletion_at=NEVER,
        store_settings=_settings(token),
        connection_state="none",
    )
    why_not = (READ, failure) if failure else token.unseen
    reasons: Reasons = dict.fromkeys(("validation", "validation_standard"), why_not) if why_not else {}
    yield from setting.told(row, [token.reading], reasons)
    yield from _access_rows(setting, token)


def _activated(info: TokenInfo) -> bool:
    """It has been set up and has a user who can log in, where that is needed."""
    return info.initialized and (not info.login_required or "CKF_USER_PIN_INITIALIZED" in info.flags)


def _settings(token: Token) -> str | None:
    """What has no column of its own, as canonical JSON; None where a part of it was not read."""
    if token.info is None or token.slot is None:
        return None
    info, slot = token.info, token.slot
    return canonical_json(
        {
            "manufacturer": info.manufacturer_id,
            "model": info.model,
            "serial": info.serial_number,
            "hardware_version": info.hardware_version,
            "firmware_version": info.firmware_version,
            "flags": sorted(info.flags),
            "pin_length": [info.min_pin_len, info.max_pin_len],
            "slot": slot.slot_description,
            "slot_manufacturer": slot.manufacturer_id,
            "slot_flags": sorted(slot.flags),
            "slot_firmware_version": slot.firmware_version,
        }
    )


_CMVP = 1
"""CKV_AUTHORITY_TYPE_NIST_CMVP."""

_STATED = (
    *("CKA_VALIDATION_AUTHORITY_TYPE", "CKA_VALIDATION_LEVEL", "CKA_VALIDATION_VERSION"),
    *("CKA_VALIDATION_CERTIFICATE_IDENTIFIER", "CKA_VALIDATION_MODULE_ID"),
)


def _validation(objects: Sequence[Object]) -> tuple[str, str | None, Failure | None]:
    """What the validation objects of PKCS#11 3.2 state, the best standard among them, and why they do not tell.

    A standard is "" where what they state is of none; None where there are no such objects, which says nothing.
    """
    stated, standards = [], []
    for one in objects:
        authority, level = one.number(_STATED[0]), one.number(_STATED[1])
        version, certificate, module = (one.text(name) for name in _STATED[2:])
        failure = first_failure([one], _STATED)
        if failure:
            return "", None, failure
        standard = f"FIPS 140-{_major(version)}" if authority == _CMVP else f"authority {authority}"
        standards += [standard] if standard in ("FIPS 140-2", "FIPS 140-3") else []
        stated.append(f"{standard} level {level}, certificate {certificate}, {module}")
    return "; ".join(sorted(stated)), max(standards, default="") if objects else None, None


def _major(digits: str | None) -> str:
    """The major number of a CK_VERSION in hexadecimal."""
    return str(int(digits[:2], 16)) if digits and re.fullmatch("[0-9a-f]{4}", digits) else ""


_ROLES: tuple[tuple[str, tuple[Capability, ...]], ...] = (
    (USER, (Capability.ADMINISTER, Capability.USE, Capability.DECRYPT)),
    ("CKU_SO", (Capability.ADMINISTER, Capability.GRANT)),
)
"""The normal user makes, changes, uses and destroys objects; the security officer sets the normal user's PIN, and
initializes the token, which destroys all objects. Source: PKCS#11 Specification, users and sessions."""


def _access_rows(setting: Setting, token: Token) -> Iterator[Row]:
    """What the roles of a token may do with all that is on it. Anyone is the user where no login is required."""
    if token.info is None:
        anchor = Access(**setting.bookkeeping(token.uri, ()))
        failure = token.reading.failures[TOKEN_INFO]
        yield setting.rows_missing(anchor, "access", token.uri, TOKEN_INFO, failure)
        return
    evidence = [observation.id for observation in token.reading.of(TOKEN_INFO)]
    for role, capabilities in _ROLES:
        for capability in capabilities:
            yield from access_row(setting, token, token.uri, role, capability, "C_Login", evidence)


def access_row(
    setting: Setting,
    token: Token,
    subject: str,
    role: str,
    capability: Capability,
    via: str,
    evidence: Sequence[str],
) -> Iterator[Row]:
    """What a role may do with a token, or with a key on it. Anyone is the user where no login is required."""
    open_to_all = role == USER and not (token.info is not None and token.info.login_required)
    row = Access(
        **setting.bookkeeping(short_id("ACC", subject, role, capability), evidence),
        subject=subject,
        principal="*" if open_to_all else role,
        principal_kind=PrincipalKind.ANYONE if open_to_all else PrincipalKind.GROUP,
        capability=capability,
        via=f"{via}, without login" if open_to_all else via,
        conditions="{}",
        public=None if open_to_all else False,
    )
    yield from setting.told(row, [token.reading], {})
