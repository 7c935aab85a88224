"""The registry of outputs: everything written is registered, tested, and the same wherever it is written."""

from __future__ import annotations

import importlib
import inspect
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from reports.material import Material
from reports.registry import FORMATS, Format

ROOT = Path(__file__).parents[2]

WRITE = """
import pickle, sys
from pathlib import Path
from reports.registry import FORMATS
FORMATS[sys.argv[1]].write()(pickle.loads(Path(sys.argv[2]).read_bytes()), Path(sys.argv[3]))
"""

QUICK = [name for name in FORMATS if name != "pdf"]
"""The PDF takes its time; its own tests hold it to the same."""


def _writers() -> dict[str, str]:
    """Every function of the room that writes a material, by its module."""
    found = {}
    for path in sorted((ROOT / "reports").glob("*.py")):
        module = importlib.import_module(f"reports.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("write_") and function.__module__ == module.__name__:
                found[f"{module.__name__}.{name}"] = path.stem
    return found


def test_every_writer_is_registered_and_every_registered_one_exists() -> None:
    registered = [f"{output.write().__module__}.{output.write().__name__}" for output in FORMATS.values()]
    assert sorted(registered) == sorted(_writers())


@pytest.mark.parametrize("output", FORMATS.values(), ids=FORMATS)
def test_a_writer_takes_a_material_and_a_place_and_names_its_file(output: Format) -> None:
    write = output.write()
    material, place, *others = inspect.signature(write).parameters.values()
    assert (material.annotation, place.annotation) == ("Material", "Path")
    assert all(other.default is not inspect.Parameter.empty for other in others)
    assert output.file in (sys.modules[write.__module__].__doc__ or "")
    assert "Raises" in (write.__doc__ or "")


@pytest.mark.parametrize("output", FORMATS.values(), ids=FORMATS)
def test_each_output_has_a_test(output: Format) -> None:
    module = output.write().__module__.removeprefix("reports.")
    tests = Path(__file__).with_name(f"test_{module}.py")
    assert tests.is_file()
    assert output.write().__name__ in tests.read_text(encoding="utf-8")


def test_the_pack_has_the_files_that_are_promised() -> None:
    assert {output.file for output in FORMATS.values()} == {
        "report.pdf",
        "report.html",
        "workbook.xlsx",
        "findings.json",
        "findings.parquet",
        "inventory/",
    }


def _files(place: Path) -> dict[str, bytes]:
    if place.is_file():
        return {"": place.read_bytes()}
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in sorted(place.rglob("*"))}


@pytest.mark.parametrize("name", QUICK)
def test_the_same_material_gives_the_same_bytes_in_another_process_and_place(
    name: str, material: Material, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    FORMATS[name].write()(material, here)
    pickled = tmp_path / "material.pickle"
    pickled.write_bytes(pickle.dumps(material))
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "77",
        "TZ": "Pacific/Auckland",
        "LANG": "C",
        "LC_ALL": "C",
        "HOME": str(tmp_path),
        "SOURCE_DATE_EPOCH": "86400",
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run([sys.executable, "-c", WRITE, name, pickled, there], cwd=tmp_path, env=environment, check=True)
    assert _files(here)
    assert _files(here) == _files(there)
