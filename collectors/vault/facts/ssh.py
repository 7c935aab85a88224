"""The scope of an SSH mount: the keys of its certification authorities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collectors.scope_rows import Tally, without_bodies
from collectors.vault.engine_answers import SshCaAnswer, SshIssuers, SshRoleAnswer
from collectors.vault.facts.members import members
from collectors.vault.facts.scope import Setting, told
from collectors.vault.facts.signing_key import key_and_version, observed_at, signing_key
from collectors.x509 import key_of_openssh
from evidence.model import GapKind, Key, Row
from evidence.observation import canonical_json
from evidence.reading import Reading

LIST_ISSUERS, CA = "ssh:ListIssuers", "ssh:ReadCa"
LIST_ROLES, ROLE = "ssh:ListRoles", "ssh:ReadRole"


@dataclass(frozen=True, slots=True)
class _Authority:
    path: str
    """Below the mount."""
    name: str
    names: frozenset[str]
    """By which roles refer to it."""
    public_key: str
    operation: str
    """That told its public key."""


def normalize_ssh(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: all stands in its one reading."""
    tally = Tally(setting.operations)
    reading = next(readings, Reading("", []))
    found = _authorities(reading)
    roles = {role.name: role.answer for role in members(reading, LIST_ROLES, ROLE, SshRoleAnswer)}
    missing = [operation for operation in (LIST_ISSUERS, CA) if operation in reading.failures]
    tally.listed = None if missing else len(found)
    for authority in found:
        yield from _key_rows(setting, authority, roles, reading)
    anchor = Key(**setting.bookkeeping(setting.header.id, ()))
    for operation in missing:
        for table in ("key", "key_version"):
            yield setting.rows_missing(anchor, table, "", operation, reading.failures[operation])
    tally.described = len(found)
    tally.count(reading)
    yield from tally.rows(setting)


def _authorities(reading: Reading) -> list[_Authority]:
    """By the list where the server has one; else the one that there can be."""
    issuers = told(reading, LIST_ISSUERS, SshIssuers)
    if issuers is not None and issuers.offered and issuers.data is not None:
        return [
            _Authority(
                f"issuer/{id}",
                issuer.issuer_name or id,
                frozenset([id, issuer.issuer_name, *(["default"] if issuer.is_default else [])]) - {""},
                issuer.public_key,
                LIST_ISSUERS,
            )
            for id, issuer in issuers.data.key_info.items()
        ]
    if issuers is not None and issuers.offered:
        return []
    answer = told(reading, CA, SshCaAnswer)
    if answer is None or answer.data is None:
        return []
    id = answer.data.issuer_id
    path = f"issuer/{id}" if id else "config/ca"
    return [_Authority(path, id or path, frozenset([id, "default"]) - {""}, answer.data.public_key, CA)]


def _key_rows(
    setting: Setting, authority: _Authority, roles: Mapping[str, SshRoleAnswer | None], reading: Reading
) -> Iterator[Row]:
    algorithm = None
    try:
        algorithm = key_of_openssh(authority.public_key)
    except ValueError as error:
        observation = next(reading.of(authority.operation)).id
        reading.fail(authority.operation, GapKind.FAILED, f"a public key cannot be read: {error}", observation)
    light = without_bodies(reading)
    row = signing_key(setting, authority.path, authority.name, algorithm, light.evidence)
    row.mechanisms = [authority.public_key.partition(" ")[0]]
    observed = observed_at(reading)
    row.material_known_at = setting.settings.in_use_by(setting.header.source, row.id, observed)
    if not reading.failures.keys() & {LIST_ROLES, ROLE}:
        row.key_settings = canonical_json({"roles": _signing(authority, roles)})
    yield from key_and_version(setting, row, [light])


def _signing(authority: _Authority, roles: Mapping[str, SshRoleAnswer | None]) -> Mapping[str, Any]:
    """The roles by which the authority signs."""
    return {
        name: role.data.model_dump()
        for name, role in roles.items()
        if role is not None and role.data.key_type == "ca" and role.data.issuer_ref in authority.names
    }
