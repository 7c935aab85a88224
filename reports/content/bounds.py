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
    """Failures listed one by one beneath their groups, each of which names one anyway."""
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
    remedies: int
    """Providers for which what is to be done stands with the control."""
    runs: int
    """Runs of the store, the newest; also those of the period whose numbers stand with its chart."""
    marks: int
    """Runs that the chart of the period marks one by one; where there are more, a mark stands for those of a day, or
    of as many days as make no more marks than these of a kind."""
    custodians: int
    """Principals, those that administer most."""
    uses: int
    """Keys whose material was in use longest."""
    frameworks: int
    """Columns of the crosswalk."""
    crossing: int
    """Requirements in one cell of it."""
    cited: int
    """Controls of one requirement that are told with what can be cited; the others are named."""
    citations: int
    """Findings that are cited of each."""
    topics: int
    """Topics that await an attestation."""
    awaiting: int
    """Of these, the ones that are named with one control of a requirement."""
    named: int
    """Subjects, controls, attestations or gaps that one line names."""
    covered: int
    """Requirements of one attestation."""
    records: int
    """Sampled items with a record of their own."""
    exchanges: int
    """Observations of one record."""
    excerpt: int
    """Characters of an answer that a record shows."""
    fact: int
    """Characters of a fact that a record shows."""
    reasons: int
    """Reasons why providers do not tell something, over all sides."""
    algorithms: int
    """Kinds of keys that a quantum computer breaks."""


PAPER = Bounds(
    failures=4, first=0, groups=4, withheld=2, scopes=20, gaps=20, blind_spots=5, register=30, identities=20,
    findings_of_note=7, regions=7, sides=6, contrasts=4, facts=20, reasons=18, algorithms=10,
    runs=26, marks=366, uses=3, frameworks=6, crossing=6, cited=6, citations=1, topics=20, awaiting=3, named=6,
    covered=12, records=400, exchanges=3, excerpt=95, fact=110, remedies=2, custodians=12,
)  # fmt: skip
SCREEN = Bounds(
    failures=150, first=100, groups=30, withheld=20, scopes=200, gaps=200, blind_spots=12, register=200, identities=100,
    findings_of_note=20, regions=12, sides=6, contrasts=12, facts=100, reasons=150, algorithms=40,
    runs=120, marks=366, uses=30, frameworks=16, crossing=20, cited=40, citations=5, topics=40, awaiting=3, named=6,
    covered=12, records=1_000, exchanges=8, excerpt=800, fact=400, remedies=9, custodians=100,
)  # fmt: skip


SHEETS = {
    "scopes": "Scopes",
    "controls": "Controls",
    "populations": "Populations",
    "failures": "Exceptions",
    "exceptions": "Register",
    "attestations": "Register",
    "gaps": "Gaps",
    "crosswalk": "Crosswalk",
    "runs": "Runs",
    "changes": "Changes",
    "samples": "Samples",
    "keys": "Keys",
    "access": "Access",
}
"""Sheets of the workbook to which the report points."""
