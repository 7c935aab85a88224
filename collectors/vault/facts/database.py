"""The scope of a database mount: the passwords that it keeps, of connections and of static roles; never one of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from collectors.scope_rows import Tally, without_bodies
from collectors.vault.engine_answers import Connection, ConnectionAnswer, StaticRole, StaticRoleAnswer
from collectors.vault.facts.barrier import KEY, later, own_barrier
from collectors.vault.facts.members import Member, members
from collectors.vault.facts.scope import Setting
from collectors.vault.names import barrier_id
from evidence.model import NEVER, Manager, Row, Secret, State
from evidence.reading import Reading

LIST_CONNECTIONS, CONNECTION = "database:ListConnections", "database:ReadConnection"
LIST_STATIC_ROLES, STATIC_ROLE = "database:ListStaticRoles", "database:ReadStaticRole"

_DAY = 86_400


def normalize_database(setting: Setting, readings: Iterator[Reading]) -> Iterator[Row]:
    """The rows of the scope: all stands in its one reading."""
    tally = Tally(setting.operations)
    reading = next(readings, Reading("", []))
    own = own_barrier(setting, reading)
    keys = None if KEY in reading.failures else [barrier_id(setting.header.source, own[0] if own else "")]
    connections = list(members(reading, LIST_CONNECTIONS, CONNECTION, ConnectionAnswer))
    roles = list(members(reading, LIST_STATIC_ROLES, STATIC_ROLE, StaticRoleAnswer))
    light = without_bodies(reading)
    for connection in connections:
        row = _row(setting, f"config/{connection.name}", connection, "root password of a database", keys)
        _fill(row, _of_connection(connection.answer.data) if connection.answer else {})
        yield from setting.explained(row, [connection.reading, light])
    for role in roles:
        row = _row(setting, f"static-roles/{role.name}", role, "password of a static role", keys)
        _fill(row, _of_role(role.answer.data) if role.answer else {})
        yield from setting.explained(row, [role.reading, light])
    anchor = Secret(**setting.bookkeeping(setting.header.id, ()))
    missing = [operation for operation in (LIST_CONNECTIONS, LIST_STATIC_ROLES) if operation in reading.failures]
    for operation in missing:
        yield setting.rows_missing(anchor, "secret", "", operation, reading.failures[operation])
    tally.listed = None if missing else len(connections) + len(roles)
    tally.described = sum(one.answer is not None for one in connections) + sum(one.answer is not None for one in roles)
    tally.count(reading)
    yield from tally.rows(setting)


def _row(setting: Setting, path: str, member: Member[Any], kind: str, keys: list[str] | None) -> Secret:
    """What is so of every such password."""
    return Secret(
        **setting.bookkeeping(setting.id(f"{setting.mount}{path}"), member.reading.evidence),
        name=member.name,
        kind=kind,
        description="",
        account=setting.header.account,
        region=setting.header.region,
        key_store=setting.id(setting.mount),
        managed_by="",
        manager=Manager.CUSTOMER,
        rotatable=True,
        expires_at=NEVER,
        expiry_settable=False,
        deletion_window_set=False,
        deletion_window_days=0,
        keys=keys,
        key_settable=False,
    )


def _fill(row: Secret, facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        setattr(row, name, value)


def _of_connection(connection: Connection) -> dict[str, Any]:
    """A root password is rotated on demand, and by itself where the server offers and has been told that."""
    off = connection.disable_automated_rotation
    period = 0 if off else connection.rotation_period
    schedule = "" if off else connection.rotation_schedule
    facts: dict[str, Any] = {
        "content_type": connection.plugin_name,
        "state": State.ACTIVE,
        "rotation_enabled": bool(period or schedule),
        "rotation_schedule": schedule,
    }
    if not schedule:
        facts["rotation_period_days"] = _days(period)
        if not period:
            facts["rotation_next_at"] = NEVER
    return facts


def _of_role(role: StaticRole) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "content_type": role.credential_type,
        "state": State.ACTIVE,
        "last_rotated_at": role.last_vault_rotation,
        "rotation_enabled": bool(role.rotation_period or role.rotation_schedule),
        "rotation_schedule": role.rotation_schedule,
    }
    if not role.rotation_schedule:
        facts["rotation_period_days"] = _days(role.rotation_period)
        facts["rotation_next_at"] = _next(role.last_vault_rotation, role.rotation_period)
    return facts


def _days(seconds: int) -> int:
    """Whole days, of which 12 hours are one and not none."""
    return -(-seconds // _DAY)


def _next(last: datetime | None, period: int) -> datetime | None:
    if not period:
        return NEVER
    return later(last, period) if last is not None else None
