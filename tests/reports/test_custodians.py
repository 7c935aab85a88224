"""Who holds keys, as the report tells it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from evidence.model import Access, PrincipalKind, arrow_schema
from reports.content.bounds import PAPER
from reports.content.custodians import Custodian, Custodians, custodians
from reports.html import write_html
from reports.material import Material

GRANTED = {
    ("user/ada", PrincipalKind.HUMAN): {
        "key/1": ("administer", "decrypt"),
        "key/2": ("administer",),
        "key/3": ("grant",),
    },
    ("role/<b>app", PrincipalKind.MACHINE): {"key/1": ("use", "decrypt"), "key/2": ("use",)},
    ("root", PrincipalKind.ACCOUNT): {"key/1": ("administer",)},
    ("group/admins", PrincipalKind.GROUP): {"key/1": ("administer", "export")},
}


@pytest.fixture
def granted(material: Material, tmp_path: Path) -> Material:
    """The material, with these access rows."""
    inventory = Path(shutil.copytree(material.inventory, tmp_path / "inventory"))
    rows = [
        Access(
            id=f"{principal}-{subject}-{capability}",
            source="prod",
            scope="prod/1",
            evidence=[],
            subject=subject,
            principal=principal,
            principal_kind=kind,
            capability=capability,
            external=False,
            public=False,
        )
        for (principal, kind), things in GRANTED.items()
        for subject, capabilities in things.items()
        for capability in capabilities
    ]
    schema = arrow_schema(Access)
    columns = [pa.array([getattr(row, field.name) for row in rows], field.type) for field in schema]
    parquet.write_table(pa.Table.from_arrays(columns, schema=schema), inventory / "access.parquet")
    return replace(material, inventory=inventory)


def _told(material: Material, most: int = PAPER.custodians) -> Custodians:
    with material.connection() as queries:
        return custodians(queries, replace(PAPER, custodians=most))


def test_whoever_administers_most_is_told_first_and_both_duties_are_counted(granted: Material) -> None:
    ada, admins, app = _told(granted).rows
    of_prod = {"source": "prod", "external": False}
    assert ada == Custodian(name="user/ada", kind="person", administers=2, uses=1, both=1, grants=1, **of_prod)
    assert admins == Custodian(name="group/admins", kind="group", administers=1, uses=1, both=1, grants=0, **of_prod)
    assert app == Custodian(name="role/<b>app", kind="machine", administers=0, uses=2, both=0, grants=0, **of_prod)


def test_a_bounded_list_says_how_many_more_there_are(granted: Material) -> None:
    told = _told(granted, most=1)
    assert [row.name for row in told.rows] == ["user/ada"]
    assert told.more == 2


def test_every_kind_of_principal_is_counted(granted: Material) -> None:
    kinds = {kind: (administering, using) for kind, administering, using in _told(granted).kinds}
    assert kinds == {"person": (1, 1), "machine": (0, 1), "group": (1, 1), "whole account": (1, 0)}


def test_the_chapter_shows_names_as_text(granted: Material, tmp_path: Path) -> None:
    write_html(granted, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "role/&lt;b&gt;app" in page
    assert "role/<b>app" not in page


def test_an_estate_that_tells_of_no_access_says_so(material: Material, tmp_path: Path) -> None:
    told = _told(material)
    assert (told.rows, told.more, told.kinds) == ((), 0, ())
    write_html(material, tmp_path / "report.html")
    assert "No source told who may do what." in (tmp_path / "report.html").read_text("utf-8")
