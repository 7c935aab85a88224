"""The workbook's sheets of the audit period: the runs that covered it, and each change of a key or secret in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.content.bounds import SHEETS
from reports.content.period import (
    CHANGE_WORDS,
    CHANGED,
    DESTROYED,
    Unseen,
    judge_of,
    period_runs,
    unseen_changes,
)
from reports.display import VERDICT_SYMBOLS, VERDICT_WORDS, plural, read_time
from reports.material import Material, Queries
from reports.sheet import Cell, Column, Sheet, every


def runs_sheet(material: Material, queries: Queries) -> Sheet:
    """The runs of the store up to this one."""
    runs = period_runs(material, queries)

    def rows() -> Iterator[Sequence[Cell]]:
        for run in runs:
            yield (
                run.id,
                run.read_at,
                "yes" if run.inside else "no",
                run.days if run.inside else "",
                run.scopes,
                run.complete,
                "yes" if run.whole else "no",
                run.tool_version,
                "this one" if run.linked is None else run.pack_sha256 or "none",
                "" if run.linked is None else "yes" if run.linked else "no",
            )

    return Sheet(
        name=SHEETS["runs"],
        holds="The runs of the evidence store up to this one, by the time of their last answer.",
        extent=every(len(runs)),
        columns=(
            Column("Run", 28),
            Column("Last answer", 17, "time"),
            Column("In the audit period", 12),
            Column("Days since the run before", 14, "number"),
            Column("Scopes", 10, "number"),
            Column("Read completely", 12, "number"),
            Column("Read everything", 12),
            Column("Made by keyproof", 14),
            Column("Pack (SHA-256 of its manifest)", 40, "wrapped"),
            Column("Names the pack before it", 14),
        ),
        rows=rows,
    )


_CHANGES = """
    SELECT *, json_extract_string(observed, '$.change') AS change,
        json_extract_string(observed, '$.changed_by') AS changed_by
    FROM finding WHERE control IN ($changed, $destroyed) AND variant = 'default' AND subject_table IN ('key', 'secret')
"""


def changes_sheet(queries: Queries, most_cells: int) -> Sheet:
    """Each change of a key or secret that the runs of the period show."""
    columns = (
        Column("Change", 26),
        Column("Seen by the run of", 17, "time"),
        Column("Kind", 10),
        Column("Name", 30),
        Column("What changed, and when", 60),
        Column("Source", 14),
        Column("Account", 16),
        Column("Region", 14),
        Column("Judged by", 10),
        Column("Verdict", 16, "mark"),
        Column("Awaits", 18),
        Column("Finding", 18),
    )
    judged = {change: judge_of(change) for change in CHANGE_WORDS}
    told = {
        "changed": CHANGED,
        "destroyed": DESTROYED,
        "changes": list(judged),
        "judges": list(judged.values()),
    }
    judges = "SELECT unnest($changes) AS change, unnest($judges) AS control"
    admitted = f"FROM ({_CHANGES}) JOIN ({judges}) USING (change, control)"
    count: int = queries.value(f"SELECT count(*) AS n {admitted}", told)
    most = most_cells // len(columns)

    def rows() -> Iterator[Sequence[Cell]]:
        for row in queries.rows(f"SELECT * {admitted} ORDER BY changed_by, subject, id LIMIT {most}", told):
            yield (
                CHANGE_WORDS[row["change"]],
                read_time(row["changed_by"]) or row["changed_by"],
                row["subject_table"],
                row["subject_name"],
                row["subject"],
                row["source"],
                row["account"],
                row["region"],
                row["control"],
                f"{VERDICT_SYMBOLS[row['verdict']]} {VERDICT_WORDS[row['verdict']]}",
                ", ".join(row["awaits"]),
                row["id"],
            )

    return Sheet(
        name=SHEETS["changes"],
        holds="What changed of keys and secrets between the runs of the audit period, and what was attested of it.",
        extent=_extent(count, most, unseen_changes(queries)),
        columns=columns,
        rows=rows,
    )


def _extent(count: int, most: int, unseen: Unseen) -> str:
    """That all changes stand in the sheet can be said only where none could go unseen."""
    if count > most:
        told = f"{most:,} of {plural(count, 'row')}, the oldest. The others stand in findings.parquet only."
    else:
        told = f"{plural(count, 'row')}: all that are known." if unseen else every(count)
    if not unseen:
        return told
    each = (
        (unseen.unread, "key or secret", "keys and secrets", "of which something is not told now or was not before"),
        (unseen.uncompared, "scope", "scopes", "that could not be compared with an earlier run"),
        (unseen.incomplete, "scope", "scopes", "in which keys or secrets may be missing"),
    )
    names = "; ".join(f"{plural(number, one, many)} {why}" for number, one, many, why in each if number)
    return f"{told} Not known is what changed of {names}. Inconclusive findings of {CHANGED} name them."
