"""Periods as the inventory counts them: in days."""

from __future__ import annotations

DAY = 86_400
"""Seconds."""


def days_begun(seconds: int) -> int:
    """A period in days, of which one that has begun counts: 12 hours are a day, and not none."""
    return -(-seconds // DAY)
