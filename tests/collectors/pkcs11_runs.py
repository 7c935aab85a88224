"""Collections from tokens, and the rows that they come to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from collected import Collected

from collectors.pkcs11.collect import Pkcs11Collector
from collectors.pkcs11.configuration import Pkcs11Configuration
from collectors.pkcs11.normalize import normalize
from collectors.pkcs11.operations import OPERATIONS
from collectors.source import Settings
from evidence.model import Gap, GapKind, Row
from keyproof.collection import Collection

RowT = TypeVar("RowT", bound=Row)


def collector(source: Mapping[str, Any], sample: int | None = None) -> Pkcs11Collector:
    """The collect half of a `[[source]]` table."""
    return Pkcs11Collector(Pkcs11Configuration.model_validate(dict(source)), sample)


def collect(source: Mapping[str, Any], folder: Path, *, concurrency: int = 4, sample: int | None = None) -> Collected:
    """Collect into a folder, which may hold what a killed run left."""
    collection = Collection(folder, {"pkcs11": OPERATIONS}, concurrency=concurrency)
    return Collected(folder, collection.run(collector(source, sample).start()))


def collected(source: Mapping[str, Any], **options: Any) -> Collected:
    """Collect, and read the scopes back."""
    with tempfile.TemporaryDirectory(prefix="keyproof-pkcs11-run-") as folder:
        return collect(source, Path(folder), **options)


def rows(run: Collected, settings: Settings | None = None) -> list[Row]:
    """What the normalize half makes of a collection."""
    return run.normalized(normalize, settings or Settings())


def of(found: Iterable[Row], kind: type[RowT]) -> list[RowT]:
    """The rows of a table."""
    return [row for row in found if isinstance(row, kind)]


def named(found: Iterable[Row], kind: type[RowT], name: str) -> RowT:
    """The one row of a table that has that name."""
    [row] = [row for row in of(found, kind) if getattr(row, "name", None) == name]
    return row


def failures(found: Iterable[Row]) -> list[Gap]:
    """The gaps that a permission or another try could close."""
    return [gap for gap in of(found, Gap) if gap.kind is not GapKind.NOT_OFFERED]
