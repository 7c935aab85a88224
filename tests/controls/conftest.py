"""Inventories for the tests of controls, made row by row and written as every inventory is."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from controls.catalogue import Catalogue, load_catalogue


def _estate() -> ModuleType:
    name = "controls_estate"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("estate.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def estate() -> ModuleType:
    """The module `estate`: rows with every fact observed, and what assesses them."""
    return _estate()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()
