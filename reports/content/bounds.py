"""How much of each list the report shows, and where the rest is."""

from __future__ import annotations

from dataclasses import dataclass

WORKBOOK = "workbook.xlsx"
"""Where the report points for what it does not list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How many rows of each list are shown, whatever the estate's size."""

    failures: int
    """Failures of one control listed one by one; where there are more, they are grouped first."""
    first: int
    """Failures listed one by one beneath their groups."""
    groups: int
    withheld: int
    """Reasons for inconclusive verdicts, a control."""
    scopes: int
    gaps: int
    blind_spots: int
    """Operations of which the first page says that they were refused or failed."""
    register: int
    """Exceptions, and attestations."""
    identities: int
    findings_of_note: int
    regions: int
    """Columns of the coverage matrix; with more regions it is told a service and account at a time."""
    sides: int
    """Sources shown side by side; where there are more, they are shown by provider."""
    contrasts: int
    """Controls on which the sides differ most."""
    facts: int
    """Groups of facts that some side lacks."""
    reasons: int
    """Reasons why providers do not tell something, over all sides."""
    algorithms: int
    """Kinds of keys that a quantum computer breaks."""


PAPER = Bounds(
    failures=8, first=2, groups=6, withheld=4, scopes=24, gaps=30, blind_spots=6, register=30, identities=20,
    findings_of_note=7, regions=7, sides=6, contrasts=4, facts=24, reasons=24, algorithms=10,
)  # fmt: skip
SCREEN = Bounds(
    failures=150, first=100, groups=30, withheld=20, scopes=200, gaps=200, blind_spots=12, register=200, identities=100,
    findings_of_note=20, regions=12, sides=6, contrasts=12, facts=100, reasons=150, algorithms=40,
)  # fmt: skip


SHEETS = {
    "scopes": "Scopes",
    "failures": "Exceptions",
    "exceptions": "Register",
    "attestations": "Register",
    "gaps": "Gaps",
    "keys": "Keys",
}
"""Sheets of the workbook to which the report points."""
