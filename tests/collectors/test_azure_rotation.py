"""When a key rotates by itself, by its policy."""

from datetime import UTC, datetime

import pytest

from collectors.azure.answers import RotationPolicy
from collectors.azure.rotation import OFF, Duration, duration, rotation_schedule
from evidence.model import NEVER


def on(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "months", "days", "longest"),
    [
        ("P90D", 0, 90, 90),
        ("P1Y", 12, 0, 365),
        ("P12M", 12, 0, 365),
        ("P2Y", 24, 0, 730),
        ("P18M", 18, 0, 548),
        ("P3M", 3, 0, 92),
        ("P1M", 1, 0, 31),
        ("P1Y2M3W4D", 14, 25, 451),
    ],
)
def test_a_duration_in_days_is_never_too_short(text: str, months: int, days: int, longest: int) -> None:
    assert duration(text) == Duration(months, days)
    assert duration(text).longest_days == longest


@pytest.mark.parametrize("text", ["", "P", "90", "PT12H", "P1.5Y", "-P1D", "P1D ", "P99999999D", "1Y"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        duration(text)


def test_months_are_those_of_the_calendar() -> None:
    assert duration("P1M").after(on("2026-01-31")) == on("2026-02-28")
    assert duration("P1M").before(on("2024-03-31")) == on("2024-02-29")
    assert duration("P13M").after(on("2026-12-15")) == on("2028-01-15")
    with pytest.raises(OverflowError):
        duration("P9999Y").after(on("2026-01-01"))


def _policy(expiry: str | None = None, **triggers: dict[str, str]) -> RotationPolicy:
    actions = [{"trigger": trigger, "action": {"type": name}} for name, trigger in triggers.items()]
    return RotationPolicy.model_validate({"lifetimeActions": actions, "attributes": {"expiryTime": expiry}})


CREATED, EXPIRES = on("2026-01-01"), on("2027-01-01")


def test_time_after_creation() -> None:
    made = rotation_schedule(_policy(Rotate={"timeAfterCreate": "P6M"}), CREATED, None, suspended=False)
    assert (made.enabled, made.period_days, made.next_at) == (True, 183, on("2026-07-01"))


def test_time_before_expiry() -> None:
    policy = _policy("P1Y", Rotate={"timeBeforeExpiry": "P30D"})
    made = rotation_schedule(policy, CREATED, EXPIRES, suspended=False)
    assert (made.enabled, made.period_days, made.next_at) == (True, 335, on("2026-12-02"))
    assert rotation_schedule(policy, CREATED, None, suspended=False) == OFF, "a version that does not expire"


@pytest.mark.parametrize(
    "policy",
    [
        RotationPolicy(attributes=None),
        _policy(),
        _policy("P1Y", Notify={"timeBeforeExpiry": "P30D"}),
        _policy("P1Y", Notify={"timeAfterCreate": "P30D"}),
        _policy(None, Rotate={"timeBeforeExpiry": "P30D"}),
        _policy("P1Y", Rotate={}),
    ],
)
def test_what_does_not_rotate(policy: RotationPolicy) -> None:
    assert rotation_schedule(policy, CREATED, EXPIRES, suspended=False) == OFF


def test_resource_manager_writes_the_action_in_lower_case() -> None:
    assert rotation_schedule(_policy(rotate={"timeAfterCreate": "P1Y"}), CREATED, None, suspended=False).enabled


def test_a_disabled_key_is_rotated_on_no_date() -> None:
    made = rotation_schedule(_policy(Rotate={"timeAfterCreate": "P6M"}), CREATED, None, suspended=True)
    assert (made.enabled, made.next_at) == (True, NEVER)


@pytest.mark.parametrize(
    "policy", [_policy(Rotate={"timeAfterCreate": "P9999Y"}), _policy(Rotate={"timeAfterCreate": "x"})]
)
def test_a_policy_that_makes_no_sense_is_refused(policy: RotationPolicy) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - either reason will do
        rotation_schedule(policy, CREATED, None, suspended=False)
