"""The rooms know one another only as the house allows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "evidence": set(),
    "collectors": {"evidence"},
    "controls": {"evidence"},
    "reports": {"evidence"},
    "keyproof": {"evidence", "collectors", "controls", "reports"},
}
SDKS = {"boto3", "botocore", "moto", "azure", "google", "hvac"}
HEAVY = {*SDKS, "pandas", "weasyprint", "duckdb", "pyarrow", "matplotlib", "jinja2", "rich", "xlsxwriter", "fsspec"}
MODULES = sorted(path for room in ALLOWED for path in (ROOT / room).rglob("*.py"))


def _imported(path: Path, top_level_only: bool = False) -> Iterator[tuple[str, int]]:
    """Top-level names of the packages that a module imports, with the line; type checkers' imports left out."""
    tree = ast.parse(path.read_text("utf-8"))
    stack: list[ast.AST] = list(tree.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node.lineno
        elif not (top_level_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            stack.extend(ast.iter_child_nodes(node))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_room_imports_only_what_it_stands_on(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    forbidden = set(ALLOWED) - ALLOWED[room] - {room}
    assert [(name, line) for name, line in _imported(path) if name in forbidden] == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_nothing_imports_the_tests_or_the_benchmarks(path: Path) -> None:
    assert [name for name, _ in _imported(path) if name in {"tests", "benchmarks", "docs"}] == []


COLLECT_HALVES = {
    *(f"collectors/aws/{name}.py" for name in ("collect", "callers", "credentials", "wire")),
    *(f"collectors/gcp/{name}.py" for name in ("collect", "credentials", "iam_rest", "wire")),
    *(f"collectors/azure/{name}.py" for name in ("collect", "credentials", "wire")),
    *(f"collectors/vault/{name}.py" for name in ("collect", "credentials", "guard", "wire")),
}
"""Modules whose whole purpose is to talk to a provider: the registry imports them when a collection starts."""


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_what_is_heavy_is_imported_where_it_is_used(path: Path) -> None:
    if _name(path) in COLLECT_HALVES or _name(path).startswith(("reports/", "keyproof/demo/")):
        pytest.skip("imported when a collection, a report or the demo begins")
    assert [(name, line) for name, line in _imported(path, top_level_only=True) if name in HEAVY] == []


@pytest.mark.parametrize("path", [p for p in MODULES if "demo" not in p.parts], ids=_name)
def test_only_collect_halves_and_the_demo_know_an_sdk(path: Path) -> None:
    if _name(path) not in COLLECT_HALVES:
        assert [(name, line) for name, line in _imported(path) if name in SDKS] == []


def test_the_names_in_this_test_exist() -> None:
    """A renamed module must not slip out of the lists above."""
    assert [name for name in COLLECT_HALVES if not (ROOT / name).is_file()] == []


FORBIDDEN_CALLS = {"now", "utcnow", "today", "getenv"}
MAY_SET_THE_ENVIRONMENT = {"reports/pdf.py"}
"""It points the font library, which can be told no other way, to the packaged fonts, and puts all back."""


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES if p.relative_to(ROOT).parts[0] in {"controls", "reports", "evidence"}],
    ids=_name,
)
def test_the_pure_rooms_read_neither_clock_nor_environment(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            where = f"{_name(path)}:{node.lineno}"
            assert node.attr != "environ" or _name(path) in MAY_SET_THE_ENVIRONMENT, where
            assert node.attr not in FORBIDDEN_CALLS, where
