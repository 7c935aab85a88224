"""What the runs of a store before one run show: when they read what, and every state of a key or secret they saw."""

# ruff: noqa: S608 - what is put into SQL are constants of this module

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.model import Gap, GapKind, Row, State, arrow_schema, bookkeeping, column

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

SETTING_FACTS = tuple(dict.fromkeys((*KEY_SETTINGS, *SECRET_SETTINGS)))
"""The settings of keys and of secrets."""

FOLLOWED = ("state", "last_rotated_at", *SETTING_FACTS)
"""All columns that are followed, of keys and of secrets."""


def followed_sql(table: str, condition: str = "true") -> str:
    """The SELECT of what is followed of each row `t` of `table` that the customer manages, or whoever that is.

    Only rows that fulfil the `condition` are read. It reads the tables `key` or `secret`, `scope` and `gap`.
    `settings` is a JSON object of those that are told; `untold` names, sorted, what of this, and whether the customer
    manages it, the collection could not read though the provider tells it.
    """
    settings = ", ".join(f"'{name}', t.{name}" for name in SETTINGS[table])
    nulls = ", ".join(
        f"CASE WHEN t.{name} IS NULL THEN '{name}' END"
        for name in ("manager", "state", "last_rotated_at", *SETTINGS[table])
    )
    # A merge patch drops what is null: only what was told is kept.
    return f"""
        SELECT
            t.id, t.source, t.scope, t.evidence, '{table}' AS of_table, s.collected_at AS read_at, t.name, t.state,
            t.created_at, t.last_rotated_at,
            json_merge_patch('{{}}', json_object({settings}))::VARCHAR AS settings,
            list_sort(list_intersect(
                [{nulls}]::VARCHAR[], list_concat(coalesce(own.names, []), coalesce(every.names, []))
            )) AS untold
        FROM {table} AS t
        JOIN scope AS s ON s.id = t.scope
        LEFT JOIN ({_unread(table)} AND subject <> '' GROUP BY ALL) AS own
            ON own.scope = t.scope AND own.subject = t.id
        LEFT JOIN ({_unread(table)} AND subject = '' GROUP BY ALL) AS every ON every.scope = t.scope
        WHERE coalesce(t.manager, 'customer') = 'customer' AND ({condition})
    """


def _unread(table: str) -> str:
    return f"""
        SELECT scope, subject, list_distinct(flatten(list(columns))) AS names
        FROM gap WHERE of_table = '{table}' AND kind IS DISTINCT FROM '{GapKind.NOT_OFFERED}' AND len(columns) > 0
    """


LISTED = """
    listed IS NOT NULL AND collected_at IS NOT NULL AND id NOT IN (
        SELECT scope FROM gap WHERE rows_missing AND of_table IN ('scope', 'key_store', 'key', 'secret')
    )
"""
"""The condition on a row of `scope` that its lists are complete: what they do not show was not there."""


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
    configuration: str = bookkeeping("SHA-256 of what that run's configuration says of the source")
    asked: bool | None = column("The configuration of that run asked for it")
    complete: bool | None = column("Everything in it was read; not observed where any call was refused or failed")
    listed: bool | None = column("Its lists of keys and secrets were read to their ends; else not observed")
    collected_at: datetime | None = column("When the last exchange was received")


@dataclass(slots=True, kw_only=True)
class Sighting(Row):
    table = "sighting"
    doc = (
        "A key or secret as earlier runs saw it: one row for each row of runs, each the next one of its scope, that "
        "read the same of it"
    )

    of_table: str = bookkeeping("key or secret")
    first_run: str = bookkeeping("Id of the first of the runs")
    last_run: str = bookkeeping("Id of the last of the runs")
    seen_from: datetime = bookkeeping("When the first one of them saw it so")
    seen_until: datetime = bookkeeping("When the last one of them saw it so")
    name: str | None = column("Its name")
    state: State | None = column("Its state")
    created_at: datetime | None = column("When it was created")
    last_rotated_at: datetime | None = column("When the material or value then in use began to be used")
    settings: str | None = column("Its settings whose changes are followed, as a JSON object of those that were told")
    untold: list[str] = bookkeeping(
        "What is followed, or whether the customer manages it, and these runs could not read, sorted"
    )


HISTORY: Mapping[str, type[Row]] = {table.table: table for table in (PastRun, Reading, Sighting, Gap)}
"""Every table of a history by name. Its gaps tell what no earlier run shows."""


def write_empty(folder: Path) -> None:
    """The history of a store's first run."""
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    for name, table in HISTORY.items():
        parquet.write_table(arrow_schema(table).empty_table(), folder / f"{name}.parquet", compression="zstd")
