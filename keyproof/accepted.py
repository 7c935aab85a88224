"""Gaps that the organization knows and has agreed to, and the gaps that remain open without them."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evidence.model import GapKind


class AcceptedGapsError(Exception):
    """The file of accepted gaps cannot be used. The message names the file, the entry and the fix."""


class AcceptedGap(BaseModel):
    """Gaps that are known and agreed, until a date. `*` stands for any text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str = "*"
    scope: str = "*"
    subject: str = "*"
    reason: str = Field(min_length=1)
    approver: str = Field(min_length=1)
    expires: date

    def covers(self, operation: str, scope: str, subject: str, on: date) -> bool:
        """It names this gap, and has not expired on that day."""
        return (
            on <= self.expires
            and fnmatchcase(operation, self.operation)
            and fnmatchcase(scope, self.scope)
            and fnmatchcase(subject, self.subject)
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    gap: list[AcceptedGap]


def load_accepted_gaps(path: Path) -> list[AcceptedGap]:
    """The entries of a file. Raises AcceptedGapsError."""
    try:
        accepted = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).gap
    except OSError as error:
        raise AcceptedGapsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AcceptedGapsError(f"{path}: not valid TOML: {error}") from error
    except ValidationError as error:
        problems = [
            f"{path}: {'.'.join(map(str, details['loc']))}: {_word(details['type'], details['msg'])}"
            for details in error.errors(include_url=False)
        ]
        raise AcceptedGapsError("\n".join(problems)) from error
    for index, gap in enumerate(accepted):
        if gap.operation == gap.scope == gap.subject == "*":
            raise AcceptedGapsError(f"{path}: gap.{index}: accepts every gap; name an operation, a scope or a subject")
    return accepted


def _word(kind: str, message: str) -> str:
    known = ", ".join(AcceptedGap.model_fields)
    return {"extra_forbidden": f"unknown key; known: {known}", "missing": "is missing"}.get(kind, message)


@dataclass(frozen=True, slots=True)
class OpenGaps:
    """Gaps that a permission, another try or another source could close."""

    open: Counter[tuple[str, str]]
    """(operation, kind) → how many."""
    accepted: int
    """Gaps left out because they are known and agreed."""

    def __bool__(self) -> bool:
        return bool(self.open)


def open_gaps(inventory: Path, accepted: Sequence[AcceptedGap], as_of: datetime) -> OpenGaps:
    """What `inventory/gap.parquet` holds beyond facts that the provider does not offer, and beyond what is accepted."""
    from pyarrow import parquet

    counts: Counter[tuple[str, str]] = Counter()
    agreed = 0
    file = parquet.ParquetFile(inventory / "gap.parquet")
    for batch in file.iter_batches(columns=["operation", "kind", "scope", "subject"]):
        for gap in batch.to_pylist():
            if gap["kind"] == GapKind.NOT_OFFERED:
                continue
            where = (gap["operation"], gap["scope"], gap["subject"])
            if any(known.covers(*where, as_of.date()) for known in accepted):
                agreed += 1
            else:
                counts[gap["operation"], gap["kind"]] += 1
    return OpenGaps(counts, agreed)
