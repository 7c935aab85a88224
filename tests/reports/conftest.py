"""Materials for the reports' tests: made once, and never changed by a test."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from reports.material import Material


def _factory() -> ModuleType:
    name = "material_factory"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("material_factory.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def factory() -> ModuleType:
    """The module `material_factory`, for its constants."""
    return _factory()


@pytest.fixture(scope="session")
def make_material() -> Callable[..., Material]:
    """`make_material(folder, keys=60, hostile=True)`."""
    return _factory().make_material


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Sixty keys with hostile names, refusals, exceptions and gaps."""
    return _factory().make_material(tmp_path_factory.mktemp("material"))
