"""Runs and packs for the roof's tests: made over the real wire, once, and copied by each test that changes them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evidence.manifest import MANIFEST, Manifest, digest_file
from evidence.store import Run, Store
from keyproof.configuration import Configuration, load_configuration
from keyproof.pack import build_pack, describe

sys.path.insert(0, str(Path(__file__).parent))

QUICK = ("findings-json", "findings", "inventory")
"""The outputs that take no renderer."""

CONFIGURATION = """
[organization]
name = "Example Ltd"

[store]
url = "store"

[audit]
frameworks = ["example"]
period = { start = 2025-07-01, end = 2026-06-30 }

[parameters.EX-01.max_age_days]
value = 300
source = "Key policy 2.1, section 4"

[[source]]
type = "aws"
name = "prod"
regions = "all"
organization = { role = "audit" }
endpoint_url = "URL"
attempts = 1
"""


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Configuration, Run]:
    """A small estate on AWS, collected over HTTP, with one operation refused; normalized and assessed.

    By the golden pack's small catalogue: how a pack is made and verified depends on none of keyproof's own controls.
    """
    from golden_pack import RECORDED
    from small_aws import served

    from controls.catalogue import Catalogue
    from keyproof.assessment import read_catalogue_documents
    from keyproof.demo.aws.faults import Rule
    from keyproof.demo.faults import Fault
    from keyproof.run import assess, collect, normalize

    folder = tmp_path_factory.mktemp("collected")
    refused = [Rule(fault=Fault("refuse"), operation="kms:ListGrants")]
    with served(refused) as aws:
        path = folder / "config.toml"
        path.write_text(CONFIGURATION.replace("URL", aws.url), encoding="utf-8")
        configuration = load_configuration(path)
        store = Store(folder / "store")
        run, _ = collect(configuration, store)
    normalize(run)
    catalogue = Catalogue.from_documents(read_catalogue_documents(RECORDED / "catalogue"))
    assess(run, store, configuration, catalogue, datetime(2026, 6, 30, tzinfo=UTC))
    return configuration, run


@pytest.fixture(scope="session")
def run(collected: tuple[Configuration, Run]) -> Run:
    """The assessed run; not to be changed."""
    return collected[1]


@pytest.fixture(scope="session")
def made_pack(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its pack, without what takes a renderer; not to be changed."""
    out = tmp_path_factory.mktemp("made") / "pack"
    build_pack(run, out, formats=QUICK)
    return out


@pytest.fixture
def pack(made_pack: Path, tmp_path: Path) -> Path:
    """A copy of the pack, to tamper with."""
    return Path(shutil.copytree(made_pack, tmp_path / "pack"))


@pytest.fixture(scope="session")
def remade() -> Callable[[Path], Manifest]:
    """Gives a pack the manifest that fits its files, as a careful forger would."""

    def remake(pack: Path) -> Manifest:
        names = [p.relative_to(pack).as_posix() for p in pack.rglob("*") if p.is_file() and p.name != MANIFEST]
        manifest = describe(pack, {name: digest_file(pack / name) for name in names})
        (pack / MANIFEST).write_bytes(manifest.to_bytes())
        return manifest

    return remake
