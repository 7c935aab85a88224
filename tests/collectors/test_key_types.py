"""The order in which the purposes of a key decide its type."""

from typing import Any

import pytest

from collectors.key_types import PRIVATE, PUBLIC, SYMMETRIC, Rows, key_type
from controls.catalogue import load_catalogue
from evidence.model import Usage


def _periods() -> dict[str, int]:
    """Key type → the cryptoperiod that the catalogue takes for it, in days."""
    (control,) = (control for control in load_catalogue().controls.values() if control.id == "ROT-02")
    days: Any = {name.split("_")[1]: parameter.value for name, parameter in control.parameters.items()}
    return {
        "master": days["master"],
        "agreement": days["agreement"],
        "encryption": days["encryption"],
        "wrapping": days["encryption"],
        "authentication": days["authentication"],
        "transport": days["transport"],
        "signature": days["signature"],
    }


@pytest.mark.parametrize("rows", [SYMMETRIC, PRIVATE, PUBLIC], ids=["symmetric", "private", "public"])
def test_the_shortest_cryptoperiod_comes_first(rows: Rows) -> None:
    periods = _periods()
    days = [next(days for word, days in periods.items() if word in kind.value) for kind in rows.values()]
    assert days == sorted(days)


def test_a_purpose_that_a_kind_of_key_cannot_have_decides_nothing() -> None:
    assert key_type(PRIVATE, [Usage.MAC]) is None
    assert key_type(SYMMETRIC, [Usage.SIGN]) is None
    assert key_type(PUBLIC, []) is None
