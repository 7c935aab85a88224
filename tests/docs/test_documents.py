"""The documents say what the program does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from controls.register import AttestationRecord, ExceptionRecord

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = runpy.run_path(str(ROOT / "docs" / "generate.py"))
DOCUMENTS: list[Path] = [*GENERATOR["documents"](), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_generated_parts_are_what_the_program_says(path: Path) -> None:
    text = path.read_text("utf-8")
    assert GENERATOR["generated"](text) == text, "run `make documents`"


def test_every_generated_part_stands_somewhere() -> None:
    placed = set(re.findall(r"<!-- begin ([\w -]+) -->", "".join(path.read_text("utf-8") for path in DOCUMENTS)))
    assert placed == set(GENERATOR["BLOCKS"])


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text("utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_every_document_is_reached_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8") + (ROOT / "docs" / "decisions" / "README.md").read_text("utf-8")
    for path in (ROOT / "docs").rglob("*.md"):
        assert path.name in readme, _name(path)


FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _code() -> str:
    """What the documents show for a shell: in blocks, and between backticks within a line."""
    text = "\n".join(path.read_text("utf-8") for path in DOCUMENTS)
    blocks = [block for language, block in FENCED.findall(text) if language in ("", "sh")]
    prose = FENCED.sub("", text)
    indented = re.findall(r"^    (\S.*)$", prose, re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", prose)
    return "\n".join([*blocks, *indented, *spans])


def test_commands_in_the_documents_exist() -> None:
    from keyproof.commands import COMMANDS

    named = set(re.findall(r"^keyproof ([a-z]+)\b", _code(), re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)


def test_every_key_of_a_register_is_documented() -> None:
    told = (ROOT / "docs" / "registers.md").read_text("utf-8").partition("## Accepted gaps")[0]
    of_attestations, of_exceptions = told.partition("## Exceptions")[::2]
    for record, text in ((AttestationRecord, of_attestations), (ExceptionRecord, of_exceptions)):
        rows = " ".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
        assert {name for name in record.model_fields if f"`{name}`" not in rows} == {"document_problem"}


def test_make_targets_in_the_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make ([a-z-]+)", _code(), re.MULTILINE):
        assert re.search(rf"^{target}:|^{target} |\.PHONY:.*\b{target}\b", makefile, re.MULTILINE), target


def test_ci_calls_the_test_command_of_the_readme() -> None:
    first_screen = (ROOT / "README.md").read_text("utf-8").split("\n## ")[0]
    ci = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert re.search(r"^make test\b", first_screen, re.MULTILINE)
    assert re.search(r"^make demo\b", first_screen, re.MULTILINE)
    assert "make test" in ci


def test_figures_are_not_older_than_a_rename() -> None:
    """Every module that the documents name is there."""
    for path in DOCUMENTS:
        if path.name == "CONTRIBUTING.md" or path.parent.name == "decisions":
            for name in re.findall(r"`((?:\w+/)+[\w.-]+\.(?:py|toml|md))`", path.read_text("utf-8")):
                if name.upper() == name or "NAME" in name or "ID" in name or "STAGE" in name:
                    continue
                assert (ROOT / name).exists(), f"{_name(path)} names {name}"
