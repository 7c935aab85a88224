"""Every source is registered, whole, and costs nothing until it is used."""

import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import collectors
from collectors.registry import SOURCES
from collectors.source import MissingExtra
from evidence.model import TABLES, columns

HERE = Path(collectors.__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
SHARED = {
    "algorithms",
    "certificates",
    "configuration",
    "credentials",
    "declaration",
    "exchange",
    "https",
    "key_types",
    "paging",
    "periods",
    "questions",
    "registry",
    "sampling",
    "scope_rows",
    "source",
    "tags",
    "wildcards",
    "x509",
}
"""What all sources stand on."""


def test_the_folder_and_the_registry_agree() -> None:
    rooms = {path.stem for path in HERE.iterdir() if path.name[0] not in "._" and path.suffix in ("", ".py")}
    assert rooms - SHARED == set(SOURCES)


def test_looking_things_up_imports_no_sdk() -> None:
    """All but the collect half has to work where no SDK is installed."""
    code = """
import sys
SDKS = {"boto3", "botocore", "azure", "msal", "google", "grpc", "hvac", "requests", "pandas", "pyarrow", "weasyprint"}
from collectors.registry import SOURCES
for source in SOURCES.values():
    source.operations(), source.configuration(), source.normalize(), source.not_offered(), source.policy()
print({name.partition(".")[0] for name in sys.modules} & SDKS)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_is_whole(kind: str) -> None:
    source = SOURCES[kind]
    assert source.type == kind
    assert source.title
    assert "name" in source.configuration().model_fields
    assert source.policy().endswith("\n")
    assert callable(source.collector())


@pytest.mark.parametrize("kind", SOURCES)
def test_declared_facts_are_columns(kind: str) -> None:
    known = {f"{table}.{column.name}" for table, model in TABLES.items() for column in columns(model)}
    lists = {f"{table}.*" for table in TABLES}
    for operation in SOURCES[kind].operations().values():
        assert operation.why
        assert set(operation.facts) <= known | lists, operation.name
        assert operation.facts, f"{operation.name} yields nothing, so nothing is a reason to call it"
    assert set(SOURCES[kind].not_offered()) <= known


def _absent() -> Any:
    raise ModuleNotFoundError("No module named 'sdk'", name="sdk")


@pytest.mark.parametrize("kind", [kind for kind, source in SOURCES.items() if source.extra])
def test_a_missing_sdk_is_named_with_its_extra(kind: str) -> None:
    with pytest.raises(MissingExtra, match=rf"source 'prod': .*keyproof\[{SOURCES[kind].extra}\]"):
        replace(SOURCES[kind], collector=_absent).collecting("prod", None)


@pytest.mark.parametrize("kind", [kind for kind, source in SOURCES.items() if not source.extra])
def test_a_source_without_an_extra_names_none(kind: str) -> None:
    assert SOURCES[kind].requirement == "keyproof"
    with pytest.raises(ModuleNotFoundError, match="sdk"):
        replace(SOURCES[kind], collector=_absent).collecting("prod", None)


def test_every_extra_is_one_of_the_package_and_brings_something() -> None:
    extras = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["optional-dependencies"]
    assert all(extras[source.extra] for source in SOURCES.values() if source.extra)
