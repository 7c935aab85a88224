"""From a collected run to its pack, the summary that people read, and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from controls.catalogue import Catalogue
from evidence.findings import Assessment, ControlResult, Severity, Status
from evidence.store import Run, Store
from keyproof.accepted import AcceptedGap, OpenGaps, open_gaps
from keyproof.configuration import Configuration
from keyproof.exits import Exit
from keyproof.registers import documents_of
from keyproof.run import assess, normalize, write_pack
from keyproof.terminal import print_json, print_line, print_table, steps

STATUS_WORDS = {
    Status.SUPPORTED: "supported",
    Status.NEEDS_ATTESTATION: "needs attestation",
    Status.INCONCLUSIVE: "inconclusive",
    Status.NOT_SUPPORTED: "not supported",
    Status.NOT_APPLICABLE: "not applicable",
}


def conclude(
    run: Run,
    configuration: Configuration,
    catalogue: Catalogue,
    store: Store,
    *,
    as_of: datetime | None,
    out: Path | None,
    formats: Sequence[str] | None,
    with_documents: bool = False,
    fail_on: str | None,
    accepted: Sequence[AcceptedGap],
    as_json: bool,
    quiet: bool,
) -> int:
    """Normalize, assess and, unless `formats` is None, write the pack; print the summary and give the exit code.

    `with_documents` puts what attestations and exceptions name into the pack.
    """
    pack = None
    with steps(not quiet) as on_step:
        on_step("making the inventory")
        normalize(run)
        on_step("judging it")
        assessment = assess(run, store, configuration, catalogue, as_of)
        gaps = open_gaps(run.inventory, accepted, assessment.as_of)
        if formats is not None:
            documents = documents_of(run, configuration) if with_documents else {}
            pack = write_pack(run, store, out=out, formats=formats, documents=documents, on_step=on_step)
    failing = _failing(assessment, fail_on)
    code = Exit.INCOMPLETE if gaps else Exit.FINDINGS if failing else Exit.DONE
    if as_json:
        print_json(_as_json(assessment, gaps, failing, pack, code))
    else:
        _print(assessment, gaps, failing, fail_on, pack)
    return code


def _failing(assessment: Assessment, fail_on: str | None) -> list[ControlResult]:
    """The controls at or above that severity with a failure that no valid exception covers, worst first."""
    least = Severity(fail_on).rank if fail_on else len(Severity)
    found = [c for c in assessment.controls if c.severity.rank >= least and c.counts.failed > c.counts.excepted]
    return sorted(found, key=lambda c: (-c.severity.rank, c.id, c.variant))


def _statuses(assessment: Assessment) -> dict[str, Counter[Status]]:
    return {f.id: Counter(requirement.status for requirement in f.requirements) for f in assessment.frameworks}


def _as_json(
    assessment: Assessment, gaps: OpenGaps, failing: Sequence[ControlResult], pack: Path | None, code: Exit
) -> dict[str, Any]:
    return {
        "run": assessment.run,
        "as_of": assessment.as_of.isoformat(),
        "pack": str(pack) if pack else None,
        "controls": [
            {"id": c.id, "variant": c.variant, "severity": c.severity, **c.counts.model_dump()}
            for c in assessment.controls
        ],
        "frameworks": {
            name: {status.value: counts[status] for status in Status} for name, counts in _statuses(assessment).items()
        },
        "failing": [{"id": c.id, "variant": c.variant} for c in failing],
        "gaps": [
            {"operation": operation, "kind": kind, "count": count}
            for (operation, kind), count in sorted(gaps.open.items())
        ],
        "accepted_gaps": gaps.accepted,
        "exit_code": int(code),
    }


def _print(
    assessment: Assessment, gaps: OpenGaps, failing: Sequence[ControlResult], fail_on: str | None, pack: Path | None
) -> None:
    shown = [c for c in assessment.controls if c.variant == "default"]
    failed = sorted((c for c in shown if c.counts.failed), key=lambda c: (-c.severity.rank, -c.counts.failed, c.id))
    print_line(f"run {assessment.run}, judged as of {assessment.as_of:%Y-%m-%d %H:%M} UTC")
    print_table(
        ["framework", *STATUS_WORDS.values()],
        [
            [name, *(str(counts[status] or "–") for status in STATUS_WORDS)]
            for name, counts in _statuses(assessment).items()
        ],
        right=list(STATUS_WORDS.values()),
    )
    if failed:
        print_table(
            ["severity", "control", "fails", "of", "inconclusive", "true when all is well"],
            [
                [
                    c.severity,
                    c.id,
                    f"{c.counts.failed:,}",
                    f"{c.counts.judged:,}",
                    f"{c.counts.inconclusive or '–'}",
                    c.title,
                ]
                for c in failed
            ],
            right=["fails", "of", "inconclusive"],
        )
    if gaps:
        print_line("the evidence is incomplete; a permission, another try or another source could close these gaps:")
        print_table(
            ["operation", "", "gaps"],
            [
                [operation or "no call", kind.replace("_", " "), f"{count:,}"]
                for (operation, kind), count in sorted(gaps.open.items())
            ],
            right=["gaps"],
        )
    if gaps.accepted:
        print_line(f"{gaps.accepted:,} gaps are known and agreed")
    if failing:
        print_line(f"failures at or above {fail_on}: {', '.join(dict.fromkeys(c.id for c in failing))}")
    if pack:
        print_line(f"the pack is in {pack}; `keyproof verify {pack}` checks it")
