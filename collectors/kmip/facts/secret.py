"""One secret: a password or seed, or something opaque to the server, as its row. Its value is never asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from collectors.kmip.facts.managed_object import Chain, describing, expiry, names_of, owned, state_of
from collectors.kmip.facts.scope import Setting
from collectors.periods import days_begun
from evidence.model import NEVER, Manager, Row, Secret, State


def secret_rows(setting: Setting, chain: Chain) -> Iterator[Row]:
    """The row of one secret and its gaps."""
    current = chain.current
    attributes = current.told
    row = Secret(
        **setting.bookkeeping(setting.object_id(current.identifier), chain.evidence),
        name=next(iter(names_of(attributes)), current.identifier),
        kind=" ".join(filter(None, [attributes.object_type, attributes.secret_data_type])),
        content_type="",
        description=describing(attributes),
        account=setting.header.account,
        region=setting.header.region,
        key_store=setting.store,
        managed_by="",
        manager=Manager.CUSTOMER,
        state=state_of(attributes),
        created_at=chain.oldest.initial_date if chain.oldest else None,
        last_rotated_at=attributes.initial_date,
        deletion_window_set=False,
        deletion_window_days=0,
        **expiry(attributes),
        **_rotation(attributes.rotate_automatic, attributes.rotate_interval, state_of(attributes)),
        **owned(setting, attributes),
    )
    yield from setting.explained(row, chain.readings)


def _rotation(automatic: bool | None, interval: int | None, state: State | None) -> dict[str, Any]:
    """Whether the server rotates it by itself, which only servers tell that can."""
    if automatic is None and interval is None:
        return {}
    facts: dict[str, Any] = {"rotatable": state is State.ACTIVE, "rotation_enabled": automatic}
    if automatic is False:
        return facts | {"rotation_period_days": 0, "rotation_next_at": NEVER, "rotation_schedule": ""}
    if automatic and interval is not None:
        facts |= {"rotation_period_days": days_begun(interval), "rotation_schedule": f"every {interval:,} seconds"}
    return facts
