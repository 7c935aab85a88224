"""The versions of KMIP that keyproof speaks, and what they have that the ones before had not."""

from __future__ import annotations

SPOKEN = ("2.1", "2.0", "1.4", "1.3", "1.2")
"""The best first."""

LOWEST = SPOKEN[-1]
"""The version in which a server is asked which ones it knows. Source: KMIP Specification 1.2, Discover Versions."""


def is_paged(version: str) -> bool:
    """Locate can begin after so many objects; before, it tells everything at once. Source: KMIP Specification 1.3."""
    return version != LOWEST


def tells_assurances(version: str) -> bool:
    """A server can be asked by what it is validated. Source: KMIP Specification 1.3, Query."""
    return version != LOWEST


def keeps_destroyed(version: str) -> bool:
    """Locate can tell what was destroyed, too. Source: KMIP Specification 2.0, Storage Status Mask."""
    return version.startswith("2.")
