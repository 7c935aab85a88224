"""What the runs of a store before one run show: when they read what, and every state of a key or secret they saw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.model import Gap, Row, State, arrow_schema, bookkeeping, column

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "history"

KEY_SETTINGS = (
    "origin",
    "protection_level",
    "extractable",
    "mechanisms",
    "rotation_enabled",
    "rotation_period_days",
    "expires_at",
    "deletion_window_days",
    "public",
    "external_accounts",
    "wildcard_access",
    "owner",
)
SECRET_SETTINGS = (
    "rotation_enabled",
    "rotation_period_days",
    "expires_at",
    "deletion_window_days",
    "keys",
    "public",
    "external_accounts",
    "wildcard_access",
    "owner",
)
SETTINGS: Mapping[str, tuple[str, ...]] = {"key": KEY_SETTINGS, "secret": SECRET_SETTINGS}
"""Table → the columns whose changes are followed from run to run, beside the state and the material."""


@dataclass(slots=True, kw_only=True)
class PastRun(Row):
    table = "past_run"
    doc = "A run of the evidence store before this one"

    started_at: datetime | None = column("When its collection began, by the clock of the machine that collected")
    finished_at: datetime | None = column("When its collection ended")
    tool_version: str | None = column("Version of keyproof that collected")
    pack_sha256: str | None = column("SHA-256 of the manifest of its newest pack; empty where it has none")
    linked: bool | None = column("Its pack names the pack before it by a digest that pack had; true for the first")


@dataclass(slots=True, kw_only=True)
class Reading(Row):
    table = "reading"
    doc = "One scope as one earlier run read it"

    run: str = bookkeeping("Id of the run")
    asked: bool | None = column("The configuration of that run asked for it")
    complete: bool | None = column("Everything in it was read; not observed where any call was refused or failed")
    collected_at: datetime | None = column("When the last exchange was received")


@dataclass(slots=True, kw_only=True)
class Sighting(Row):
    table = "sighting"
    doc = (
        "A key or secret as earlier runs saw it, one row for each stretch of time in which nothing of it differed; "
        "what a run could not read stays as it was last told"
    )

    of_table: str = bookkeeping("key or secret")
    seen_from: datetime = bookkeeping("When a run first saw it so")
    seen_until: datetime = bookkeeping("When a run last saw it so")
    name: str | None = column("Its name")
    state: State | None = column("Its state")
    created_at: datetime | None = column("When it was created")
    last_rotated_at: datetime | None = column("When the material or value then in use began to be used")
    material_until: datetime | None = column("When a run last saw that material or value to be the one in use")
    settings: str | None = column("Its settings whose changes are followed, as a JSON object of those that were told")


HISTORY: Mapping[str, type[Row]] = {table.table: table for table in (PastRun, Reading, Sighting, Gap)}
"""Every table of a history by name. Its gaps tell what no earlier run shows."""


def write_empty(folder: Path) -> None:
    """The history of a store's first run."""
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    for name, table in HISTORY.items():
        parquet.write_table(arrow_schema(table).empty_table(), folder / f"{name}.parquet", compression="zstd")
