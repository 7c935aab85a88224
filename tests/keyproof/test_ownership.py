"""The program runs only where its top-level packages are its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyproof.ownership import HOME, PACKAGES, ForeignPackage, check_ownership


def _installed(home: Path, distribution: str, *files: str) -> None:
    record = home / f"{distribution}-1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("".join(f"{file},sha256=x,1\n" for file in files))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages in which keyproof's are the first to be found."""
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "x.html").touch()
    _installed(tmp_path, "keyproof", *(f"{package}/__init__.py" for package in PACKAGES))
    _installed(tmp_path, "other", "other/__init__.py", "other/reports/__init__.py", "bin/keyproof/x")

    class Found:
        def __init__(self, package: str) -> None:
            self.submodule_search_locations = [str(tmp_path / package)]

    monkeypatch.setattr("importlib.util.find_spec", Found)
    return tmp_path


def test_this_checkout_is_its_own() -> None:
    check_ownership()
    assert {path.name for path in HOME.iterdir()} >= set(PACKAGES)


def test_an_environment_of_its_own_is_accepted(home: Path) -> None:
    check_ownership(home)


@pytest.mark.parametrize("package", PACKAGES)
def test_another_distribution_with_files_in_a_package_is_named(home: Path, package: str) -> None:
    _installed(home, "stranger", "stranger.py", f"{package}/base.py")
    with pytest.raises(
        ForeignPackage, match=rf"'{package}' also belongs to the distribution 'stranger'.*uv tool install"
    ):
        check_ownership(home)


def test_packages_that_come_from_elsewhere_are_named(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ForeignPackage, match="is found in"):
        check_ownership(tmp_path_factory.mktemp("elsewhere"))
