"""When a key rotates by itself, by its rotation policy."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from collectors.azure.answers import RotationPolicy
from evidence.model import NEVER

_DURATION = re.compile(r"P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?")


@dataclass(frozen=True, slots=True)
class Duration:
    """An ISO 8601 duration of years, months and days, as rotation policies state it."""

    months: int
    days: int

    @property
    def longest_days(self) -> int:
        """Its length in days: a year counts as 365, months as that part of it, begun days as whole ones."""
        return -(-self.months * 365 // 12) + self.days

    def after(self, moment: datetime) -> datetime:
        """The time that is this much later. Raises OverflowError beyond what a calendar holds."""
        return self._moved(moment, 1)

    def before(self, moment: datetime) -> datetime:
        """The time that is this much earlier. Raises OverflowError beyond what a calendar holds."""
        return self._moved(moment, -1)

    def _moved(self, moment: datetime, sign: int) -> datetime:
        year, month = divmod(moment.year * 12 + moment.month - 1 + sign * self.months, 12)
        if not 1 <= year <= 9999:
            raise OverflowError("beyond the calendar")
        day = min(moment.day, monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day) + sign * timedelta(days=self.days)


def duration(text: str) -> Duration:
    """Raises ValueError where the text is no duration of whole days."""
    match = _DURATION.fullmatch(text)
    if match is None or text == "P":
        raise ValueError(f"{text[:40]!r} is no duration of years, months and days")
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    return Duration(years * 12 + months, weeks * 7 + days)


@dataclass(frozen=True, slots=True)
class RotationSchedule:
    """What automatic rotation of a key comes to."""

    enabled: bool
    period_days: int
    next_at: datetime


OFF = RotationSchedule(enabled=False, period_days=0, next_at=NEVER)


def rotation_schedule(
    policy: RotationPolicy, created: datetime, expires: datetime | None, *, suspended: bool
) -> RotationSchedule:
    """The schedule by a policy, for a version in use that was created and expires then.

    A policy that only notifies rotates nothing, and neither does one that rotates before the expiry of a version that
    does not expire. A disabled key is not rotated on any date. Raises ValueError for a duration that is none.

    Source: Azure's "Configure cryptographic key auto-rotation in Azure Key Vault" and "… in Azure Managed HSM":
    renewal before expiry needs an expiry time in the policy and an expiration date on the key.
    """
    lifetime = policy.attributes.expiryTime if policy.attributes else None
    for action in policy.lifetimeActions or ():
        if action.action.type.lower() != "rotate":
            continue
        if action.trigger.timeAfterCreate:
            wait = duration(action.trigger.timeAfterCreate)
            return RotationSchedule(True, wait.longest_days, NEVER if suspended else _moment(wait.after, created))
        if action.trigger.timeBeforeExpiry and lifetime and expires is not None:
            lead = duration(action.trigger.timeBeforeExpiry)
            period = max(duration(lifetime).longest_days - lead.longest_days, 0)
            return RotationSchedule(True, period, NEVER if suspended else _moment(lead.before, expires))
    return OFF


def _moment(move: Callable[[datetime], datetime], start: datetime) -> datetime:
    try:
        return move(start)
    except OverflowError as error:
        raise ValueError("the duration leads beyond the calendar") from error
