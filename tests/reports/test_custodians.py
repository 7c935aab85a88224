"""Who holds keys, as the report tells it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from evidence.model import Access, Capability, PrincipalKind, arrow_schema
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
    rows = [
        _access(subject, principal, kind, capability)
        for (principal, kind), things in GRANTED.items()
        for subject, capabilities in things.items()
        for capability in capabilities
    ]
    return _with_access(material, tmp_path, rows)


def _access(
    subject: str,
    principal: str | None,
    kind: PrincipalKind | None,
    capability: str | None,
    external: bool | None = False,
) -> Access:
    return Access(
        id=f"{principal}-{subject}-{capability}",
        source="prod",
        scope="prod/1",
        evidence=[],
        subject=subject,
        principal=principal,
        principal_kind=kind,
        capability=None if capability is None else Capability(capability),
        external=external,
        public=False,
    )


def _with_access(material: Material, folder: Path, rows: list[Access]) -> Material:
    inventory = Path(shutil.copytree(material.inventory, folder / "inventory"))
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


@pytest.mark.parametrize(
    ("rows", "external"),
    [
        ((False, False), False),
        ((False, None), None),
        ((None, None), None),
        ((None, True), True),
        ((False, True), True),
    ],
)
@pytest.mark.parametrize("subjects", [("key/1", "key/1"), ("key/1", "key/2")], ids=["one thing", "two things"])
def test_who_is_not_known_to_be_inside_is_not_told_as_if(
    material: Material,
    tmp_path: Path,
    rows: tuple[bool | None, ...],
    external: bool | None,
    subjects: tuple[str, str],
) -> None:
    made = [
        _access(subject, "ada", PrincipalKind.HUMAN, capability, one)
        for subject, capability, one in zip(subjects, ("use", "administer"), rows, strict=True)
    ]
    assert [row.external for row in _told(_with_access(material, tmp_path, made)).rows] == [external]


def test_the_chapter_says_what_was_not_observed_of_access(material: Material, tmp_path: Path) -> None:
    """Whether a principal is outside, whom a row admits, and to what."""
    rows = [
        _access("key/1", "ada", PrincipalKind.HUMAN, "use", external=None),
        _access("key/1", "bob", PrincipalKind.HUMAN, "use"),
        _access("key/1", "eve", PrincipalKind.HUMAN, "use", external=True),
        _access("key/2", None, PrincipalKind.HUMAN, "use"),
        _access("key/2", "bob", PrincipalKind.HUMAN, None),
    ]
    told = _with_access(material, tmp_path, rows)
    assert _told(told).untold == 2
    write_html(told, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    said = {name: page[page.index(f'"path">{name}</span>') :].split("</th>")[0] for name in ("ada", "bob", "eve")}
    assert "not observed whether outside" in said["ada"]
    assert said["bob"] == '"path">bob</span>'
    assert "<b>outside the organization</b>" in said["eve"]
    assert "of 2 rows of access it was not observed whom they admit, or to what</b>: there may be more" in page


def test_an_estate_that_tells_of_no_access_says_so(material: Material, tmp_path: Path) -> None:
    told = _told(material)
    assert (told.rows, told.more, told.kinds, told.untold) == ((), 0, (), 0)
    write_html(material, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "No source told who may do what." in page
    assert "it was not observed whom" not in page
