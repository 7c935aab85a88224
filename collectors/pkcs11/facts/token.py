"""A token: what it is by its own and its slot's word, the row of it as a key store, and what its roles may do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.pkcs11 import cryptoki
from collectors.pkcs11.answers import LoggedIn, MechanismInfos, Mechanisms, SlotInfo, TokenInfo
from collectors.pkcs11.facts.attributes import READ, Object, first_failure
from collectors.pkcs11.facts.scope import Reasons, Setting
from collectors.pkcs11.names import token_of
from collectors.pkcs11.objects import FIND, Contents, read_contents
from collectors.scope_rows import expect, without_bodies
from evidence.model import NEVER, Access, Capability, GapKind, KeyStore, PrincipalKind, ProtectionLevel, Row, State
from evidence.observation import canonical_json, short_id
from evidence.reading import Failure, Reading

SLOT_INFO = "pkcs11:C_GetSlotInfo"
TOKEN_INFO = "pkcs11:C_GetTokenInfo"  # noqa: S105 - a name
MECHANISMS = "pkcs11:C_GetMechanismList"
MECHANISM_INFO = "pkcs11:C_GetMechanismInfo"
LOGIN = "pkcs11:C_Login"

_SOFTWARE = frozenset({("IBM", "Soft"), ("SoftHSM project", "SoftHSM v2"), ("Mozilla Foundation", "NSS 3")})
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
    reading: Reading
    """What was asked about the token, without the text of the answers."""

    @property
    def private_seen(self) -> bool:
        """Private objects show: there was a login, or the token requires none."""
        return LOGIN not in self.reading.failures

    @property
    def logged_in(self) -> bool:
        """The PIN was given and accepted."""
        return any(login.ok for login in self.reading.of(LOGIN))

    @property
    def unseen(self) -> tuple[str, Failure]:
        """Why private objects do not show."""
        return LOGIN, self.reading.failures[LOGIN]

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
        reading.answer(LOGIN, LoggedIn)
    return Token(uri, info, slot, _mechanisms(reading), read_contents(uri, reading), without_bodies(reading))


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
    validation, why = _validation(validations)
    failure = unread or why
    row = KeyStore(
        **setting.bookkeeping(token.uri, token.reading.evidence),
        kind="PKCS #11 token",
        name=setting.header.account_name or setting.header.account,
        account=setting.header.account,
        region="",
        protection_level=token.protection_level,
        validation=None if failure or not _found(token) else validation,
        soft_delete=False,
        purge_protection=False,
        recovery_days=0,
        access_model="PKCS #11 roles",
        activated=None if token.info is None else _activated(token.info),
        state=State.ACTIVE,
        deletion_at=NEVER,
        store_settings=_settings(token),
        connection_state="none",
    )
    reasons: Reasons = {"validation": (READ, failure)} if failure else {}
    yield from setting.told(row, [token.reading], reasons)
    yield from _access_rows(setting, token)


def _found(token: Token) -> bool:
    return FIND not in token.reading.failures and not token.contents.unread


def _activated(info: TokenInfo) -> bool:
    """It has been set up and has a user who can log in, where that is needed."""
    return info.initialized and (not info.login_required or "CKF_USER_PIN_INITIALIZED" in info.flags)


def _settings(token: Token) -> str | None:
    """What has no column of its own, as canonical JSON; None where a part of it was not read."""
    if token.info is None or token.slot is None or not _found(token):
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
            "other_objects": token.contents.others,
        }
    )


_AUTHORITIES = {1: "NIST CMVP", 2: "Common Criteria"}


def _validation(objects: Iterable[Object]) -> tuple[str, Failure | None]:
    """What the validation objects of PKCS #11 3.2 state, "" where there are none; else why they do not tell."""
    stated = []
    asked = (
        "CKA_VALIDATION_AUTHORITY_TYPE",
        "CKA_VALIDATION_LEVEL",
        "CKA_VALIDATION_VERSION",
        "CKA_VALIDATION_CERTIFICATE_IDENTIFIER",
        "CKA_VALIDATION_MODULE_ID",
    )
    for one in objects:
        authority = one.number(asked[0])
        level = one.number(asked[1])
        version = _version(one.text(asked[2]))
        certificate = one.text(asked[3])
        module = one.text(asked[4])
        failure = first_failure([one], asked)
        if failure:
            return "", failure
        name = f"FIPS 140-{version}" if authority == 1 else _AUTHORITIES.get(authority or 0, "unknown authority")
        stated.append(f"{name} level {level}, certificate {certificate}, {module}")
    return "; ".join(sorted(stated)), None


def _version(digits: str | None) -> str:
    """The major number of a CK_VERSION in hexadecimal."""
    return str(int(digits[:2], 16)) if digits and re.fullmatch("[0-9a-f]{4}", digits) else ""


_ROLES: tuple[tuple[str, tuple[Capability, ...]], ...] = (
    ("CKU_USER", (Capability.ADMINISTER, Capability.USE, Capability.DECRYPT)),
    ("CKU_SO", (Capability.ADMINISTER, Capability.GRANT)),
)
"""The normal user makes, changes, uses and destroys objects; the security officer sets the normal user's PIN, and
initializes the token, which destroys all objects. Source: PKCS #11 Specification, users and sessions."""


def _access_rows(setting: Setting, token: Token) -> Iterator[Row]:
    """What the roles of a token may do with all that is on it. Anyone is the user where no login is required."""
    if token.info is None:
        anchor = Access(**setting.bookkeeping(token.uri, ()))
        failure = token.reading.failures[TOKEN_INFO]
        yield setting.rows_missing(anchor, "access", token.uri, TOKEN_INFO, failure)
        return
    for role, capabilities in _ROLES:
        open_to_all = role == "CKU_USER" and not token.info.login_required
        for capability in capabilities:
            facts: dict[str, Any] = {
                "principal": "*" if open_to_all else role,
                "principal_kind": PrincipalKind.ANYONE if open_to_all else PrincipalKind.GROUP,
                "public": None if open_to_all else False,
                "via": "no login is required" if open_to_all else "C_Login",
            }
            row = Access(
                **setting.bookkeeping(
                    short_id("ACC", token.uri, role, capability), [o.id for o in token.reading.of(TOKEN_INFO)]
                ),
                subject=token.uri,
                capability=capability,
                conditions="{}",
                **facts,
            )
            yield from setting.told(row, [token.reading], {})
