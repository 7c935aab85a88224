"""Refuses to run where another distribution has put files into keyproof's top-level packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGES = ("collectors", "controls", "evidence", "keyproof", "reports", "templates")

HOME = Path(__file__).resolve().parent.parent
"""The folder that holds the packages of this program."""

_FIX = "Install keyproof into an environment of its own: `uv tool install keyproof` or `pipx install keyproof`."


class ForeignPackage(Exception):
    """A top-level package of keyproof is not only keyproof's."""


def check_ownership(home: Path = HOME) -> None:
    """Raise ForeignPackage where a package comes from elsewhere or belongs to another distribution too.

    Plain top-level names are the price of a root that explains itself: installing another distribution with a
    `reports/` of its own would overwrite ours without a word. So the program looks before it trusts what it imports.
    It reads the installed files' lists itself: importlib.metadata.packages_distributions takes 200 ms for 150
    distributions, this 10 ms.
    """
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        places = {Path(place).resolve().parent for place in (spec.submodule_search_locations or [])} if spec else set()
        if places != {home}:
            found = ", ".join(map(str, sorted(places))) or "nowhere"
            raise ForeignPackage(f"the package {package!r} should be in {home}, but is found in {found}. {_FIX}")
    for record in sorted(home.glob("*.dist-info/RECORD")):
        owner = record.parent.name.removesuffix(".dist-info").rsplit("-", 1)[0]
        if owner == "keyproof":
            continue
        content = b"\n" + record.read_bytes()
        for package in PACKAGES:
            if f"\n{package}/".encode() in content:
                raise ForeignPackage(f"the package {package!r} also belongs to the distribution {owner!r}. {_FIX}")
