"""The demo's token: SoftHSM and the recording of it show the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from collectors.registry import SOURCES
from collectors.source import Settings
from keyproof.collection import Collection, Progress
from keyproof.demo.pkcs11.embedded import EmbeddedToken
from keyproof.demo.pkcs11.estate import LABEL, PIN, estate
from keyproof.replay import normalize_run

NAME = "northwind-hsm"


@contextmanager
def _environment(token: EmbeddedToken) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in token.credentials.items():
            patch.setitem(os.environ, name, value)
        yield


def _collected(folder: Path, *, recorded: bool) -> tuple[Progress, EmbeddedToken]:
    kind = SOURCES["pkcs11"]
    with EmbeddedToken(estate(), recorded=recorded) as token, _environment(token):
        table = {name: value for name, value in token.source(NAME).items() if name != "type"}
        token.plant(folder / "observations", NAME)
        collector = kind.collector()(kind.configuration().model_validate(table), None)
        collection = Collection(folder / "observations", {"pkcs11": kind.operations()}, concurrency=4)
        progress = collection.run(collector.start())
    normalize_run(folder / "observations", folder / "inventory", Settings())
    return progress, token


def _table(folder: Path, name: str, *left_out: str) -> list[dict[str, Any]]:
    """The rows of a table without what differs from one token, or one day, to another."""
    changing = {"id", "scope", "evidence", "account", "key_store", "store_settings", "material_known_at", *left_out}
    rows = parquet.read_table(folder / "inventory" / f"{name}.parquet").to_pylist()
    told = [{column: value for column, value in row.items() if column not in changing} for row in rows]
    return sorted(told, key=lambda row: str(row["name"]))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("softhsm")
    progress, token = _collected(folder, recorded=False)
    assert not token.recorded
    assert token.told_by.startswith("SoftHSM, /")
    assert set(progress.statuses) == {"ok"}
    return folder


def test_the_recording_shows_what_softhsm_shows(real: Path, tmp_path: Path) -> None:
    """Where this fails because the estate was changed, record it anew: `python -m keyproof.demo.pkcs11.record`."""
    progress, token = _collected(tmp_path, recorded=True)
    assert token.recorded
    assert "recording" in token.told_by
    assert (progress.requests, progress.recorded > 10) == (0, True), "no module is loaded"
    for table, left_out in (("key_store", ()), ("key", ("key_settings",)), ("certificate", ("key",))):
        assert _table(tmp_path, table, *left_out) == _table(real, table, *left_out)


def test_there_is_something_to_see(real: Path) -> None:
    keys = {row["name"]: row for row in _table(real, "key")}
    assert [row["name"] for row in _table(real, "key_store")] == [LABEL]
    assert {name for name, row in keys.items() if row["extractable"]} == {"backup", "loyalty-test"}
    assert {name for name, row in keys.items() if row["origin"] == "imported"} == {
        *("acquirer-zone-master", "terminal-master", "loyalty-test", "statement-mac")
    }
    assert {name for name, row in keys.items() if row["security_bits"] < 112} == {"terminal-master", "terminal-signing"}
    assert {name for name, row in keys.items() if row["state"] is None} == {"disputes"}
    assert "CKM_SHA1_RSA_PKCS" not in keys["settlement-signing"]["mechanisms"]
    assert "CKM_SHA1_RSA_PKCS" in keys["terminal-signing"]["mechanisms"]
    assert {name for name, row in keys.items() if row["public"] is None} == {"statement-mac"}
    assert len(_table(real, "certificate")) == 1


def test_the_pin_is_in_the_environment_alone() -> None:
    with EmbeddedToken(estate(), recorded=True) as token:
        assert PIN not in str(token.source(NAME))
        assert PIN in token.credentials.values()
