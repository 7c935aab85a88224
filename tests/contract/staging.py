"""Runs the whole flow against a stage, and compares what two runs say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pyarrow import parquet

from collectors.registry import SOURCES
from collectors.source import Settings
from controls.catalogue import load_catalogue
from controls.engine import assess
from evidence.findings import Verdict
from evidence.history import write_empty
from evidence.model import TABLES, GapKind
from keyproof.collection import Collection
from keyproof.configuration import DEFAULT_TAGS
from keyproof.replay import normalize_run

FAULTS = ("refuse", "throttle", "break", "lose_page", "cut", "html", "wrong_types", "close")
"""Every way in which an operation goes wrong; a stage knows how to bring each about on its wire."""

Faults = Sequence[tuple[str, str]]
"""(operation, fault)."""


@dataclass(frozen=True)
class Served:
    """A stage that is being served."""

    configuration: Mapping[str, Any]
    requests: Callable[[], Counter[str]]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A small estate of one kind of source."""

    type: str
    now: datetime
    """The date of the assessment."""
    serve: Callable[[Faults], AbstractContextManager[Served]]
    """Serves the estate, each time the same, and sets the environment that the collector reads."""
    paged: frozenset[str]
    """Operations whose list has several pages here, and whose answers say that there is more by a flag of its own."""
    opened_by: Mapping[str, str]
    """Operation that is asked only where another one was refused → that other one."""
    opening: tuple[str, ...]
    """How the names of those scopes end in which other scopes are found."""
    unnamed: str = ""
    """What stands in the name of a scope where nobody told whose it is; empty where that cannot be."""
    left_out: frozenset[str] = frozenset()
    """Operations that this configuration of the source never needs; another stage of the same type does."""
    answered: frozenset[str] = frozenset()
    """Faults that are an answer here, with what nobody knows: that it is not known is then a reason of its own."""


@dataclass(frozen=True)
class Outcome:
    """What a run against a stage says."""

    folder: Path
    findings: Mapping[tuple[str, str, str], str]
    """(control, subject, scope) → verdict."""
    tables: Mapping[tuple[str, str, str], str]
    """The same → the table of the subject."""
    gaps: Sequence[Mapping[str, Any]]
    requests: Counter[str]

    def verdicts(self) -> Counter[str]:
        """How often each verdict was given."""
        return Counter(self.findings.values())


def perform(stage: Stage, faults: Faults, folder: Path) -> Outcome:
    """Collect, normalize and assess, with faults."""
    source = SOURCES[stage.type]
    with stage.serve(faults) as served:
        configuration = source.configuration().model_validate(served.configuration)
        collector = source.collector()(configuration, None)
        collection = Collection(folder / "observations", {stage.type: source.operations()}, concurrency=8)
        collection.run(collector.start())
        requests = served.requests()
    settings = Settings(tag_names={fact: tuple(names) for fact, names in DEFAULT_TAGS.items()})
    normalize_run(folder / "observations", folder / "inventory", settings)
    (folder / "assessment").mkdir()
    write_empty(folder / "history")
    assess(
        inventory=folder / "inventory",
        history=folder / "history",
        out=folder / "assessment",
        catalogue=load_catalogue(),
        frameworks=[],
        run="20260630T000000Z-000000",
        organization="Example Ltd",
        tool_version="0",
        as_of=stage.now,
        period=(stage.now - timedelta(days=365), stage.now),
        overrides={},
        exceptions=[],
        attestations=[],
        configurations={},
    )
    rows = parquet.read_table(folder / "assessment" / "findings.parquet").to_pylist()
    keys = [(row["control"], row["subject"], row["scope"]) for row in rows]
    return Outcome(
        folder,
        dict(zip(keys, (row["verdict"] for row in rows), strict=True)),
        dict(zip(keys, (row["subject_table"] for row in rows), strict=True)),
        parquet.read_table(folder / "inventory" / "gap.parquet").to_pylist(),
        requests,
    )


def differences(stage: Stage, clean: Outcome, spoiled: Outcome) -> list[str]:
    """How a spoiled run says more than a clean one, or says less without saying so; empty where all is well."""
    wrong = []
    unsure_scopes: dict[str, set[str]] = {}
    for (control, subject, scope), verdict in spoiled.findings.items():
        if verdict == Verdict.INCONCLUSIVE and subject.partition("#")[0] == scope:  # or what may be in it, by table
            unsure_scopes.setdefault(control, set()).add(scope)
    judged: dict[tuple[str, str], set[str]] = {}  # elsewhere, where a scope has another name
    for (control, subject, _), verdict in spoiled.findings.items():
        judged.setdefault((control, subject), set()).add(verdict)
    known = {(control, subject) for control, subject, _ in clean.findings}
    several = {pair for pair, count in Counter((c, s) for c, s, _ in clean.findings).items() if count > 1}
    for place, verdict in clean.findings.items():
        said = _less_said(stage, place, verdict, spoiled, judged, unsure_scopes, several)
        wrong += [f"{place[0]} {place[1]}: {said}"] if said else []
    scopes = {scope for _, _, scope in clean.findings}
    for (control, subject, scope), verdict in spoiled.findings.items():
        # Where nobody told whose a scope is, or the scope that opens it was not read whole, it has another name.
        unsure = unsure_scopes.get(control, set())
        elsewhere = stage.unnamed in scope if stage.unnamed else any(name.endswith(stage.opening) for name in unsure)
        # So have an account, and data stores whose names are made with that of the account.
        table = spoiled.tables[control, subject, scope]
        own = (subject.startswith(scope) and table in ("scope", "account")) or table == "protected_resource"
        renamed = own and elsewhere
        # A scope that is there only to tell that it was not read has nothing to judge in it.
        empty = scope not in scopes and subject.startswith(scope) and verdict == Verdict.NOT_APPLICABLE
        if (control, subject) not in known and verdict != Verdict.INCONCLUSIVE and not renamed and not empty:
            wrong.append(f"{control} {subject}: appeared as {verdict}")
    return wrong


def _less_said(
    stage: Stage,
    place: tuple[str, str, str],
    verdict: str,
    spoiled: Outcome,
    judged: Mapping[tuple[str, str], set[str]],
    unsure_scopes: Mapping[str, set[str]],
    several: set[tuple[str, str]],
) -> str:
    """What is wrong with what has become of a finding; empty where all is well."""
    control, subject, scope = place
    unsure = unsure_scopes.get(control, set())
    same = spoiled.findings.get(place)
    now = {same} if same else set() if (control, subject) in several else judged.get((control, subject), set())
    if not now:
        # What one scope told at once may have been asked for in the scopes that it opens.
        opened = any(name.endswith(stage.opening) for name in unsure) or (unsure and scope.endswith(stage.opening))
        return "" if scope in unsure or opened else f"vanished, was {verdict}"
    # What a scope would have told at once is asked for, and counted, in the scopes that it opens.
    if "#" in subject and scope.endswith(stage.opening) and now == {Verdict.NOT_APPLICABLE}:
        return ""
    if not now & {verdict, Verdict.INCONCLUSIVE} and (same or scope not in unsure):
        return f"turned from {verdict} to {', '.join(sorted(now))}"
    return ""


def unexplained_nulls(folder: Path) -> list[str]:
    """Facts of an inventory that are NULL without a gap that names them."""
    named: set[tuple[str, str, str, str]] = set()
    for gap in parquet.read_table(folder / "inventory" / "gap.parquet").to_pylist():
        named.update((gap["scope"], gap["of_table"], gap["subject"], column) for column in gap["columns"])
    found = []
    for table in (name for name in TABLES if name not in ("gap", "observation")):
        for row in parquet.read_table(folder / "inventory" / f"{table}.parquet").to_pylist():
            for column, value in row.items():
                if value is None:
                    where = (row["scope"], table, row["id"], column)
                    if where not in named and (row["scope"], table, "", column) not in named:
                        found.append(json.dumps(where))
    return found


def excused(operation: str, clean: Path, spoiled: Path) -> list[str]:
    """Facts that only the operation's going wrong made unknown, and that a gap says the provider does not offer.

    So a fact is explained that the operation tells and does not declare. Looked at are the scopes in which it is asked.
    """
    index = parquet.read_table(spoiled / "inventory" / "observation.parquet").to_pylist()
    scopes = {row["scope"] for row in index if row["operation"] == operation}
    known = {
        (row["scope"], table, row["id"]): row
        for table in TABLES
        if table not in ("gap", "observation")
        for row in parquet.read_table(clean / "inventory" / f"{table}.parquet").to_pylist()
        if row["scope"] in scopes
    }
    return [
        f"{gap['of_table']} {gap['subject']}: {column}: {gap['error']}"
        for gap in parquet.read_table(spoiled / "inventory" / "gap.parquet").to_pylist()
        if gap["kind"] == GapKind.NOT_OFFERED
        for column in gap["columns"]
        if known.get((gap["scope"], gap["of_table"], gap["subject"]), {}).get(column) is not None
    ]


def unexplained_doubts(folder: Path) -> list[str]:
    """Inconclusive findings that name no gap of the inventory, nor what somebody has to attest."""
    gaps = set(parquet.read_table(folder / "inventory" / "gap.parquet")["id"].to_pylist())
    rows = parquet.read_table(folder / "assessment" / "findings.parquet").to_pylist()
    doubts = [row for row in rows if row["verdict"] == Verdict.INCONCLUSIVE]
    explained = [bool(row["missing"] or row["awaits"]) and not set(row["missing"]) - gaps for row in doubts]
    return [f"{row['control']} {row['subject']}" for row, known in zip(doubts, explained, strict=True) if not known]
