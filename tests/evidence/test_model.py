"""The inventory's schema: every column documented and typed, and nothing nullable that identifies a row."""

from __future__ import annotations

from dataclasses import MISSING, fields
from enum import StrEnum

import pyarrow as pa
import pytest

from evidence import model
from evidence.model import BOOKKEEPING, NEVER, SCHEMA_VERSION, TABLES, arrow_schema, columns

TYPES = {"string", "list of string", "integer", "boolean", "timestamp"}
ENUMERATIONS = [
    thing
    for thing in vars(model).values()
    if isinstance(thing, type) and issubclass(thing, StrEnum) and thing is not StrEnum
]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_and_column_says_what_it_means(name: str) -> None:
    table = TABLES[name]
    assert table.table == name
    assert table.doc
    assert len({column.doc for column in columns(table)}) == len(columns(table)), "two columns with one meaning"
    for column in columns(table):
        assert column.type in TYPES
        assert len(column.doc) > 6
        assert not column.doc.endswith("."), "a phrase in a table"


@pytest.mark.parametrize("name", TABLES)
def test_every_fact_may_be_unknown_and_what_identifies_a_row_may_not(name: str) -> None:
    table = TABLES[name]
    schema = arrow_schema(table)
    for member in fields(table):
        known = member.name in BOOKKEEPING
        assert schema.field(member.name).nullable is not known
        assert (member.default is MISSING) is known
        assert known or member.default is None, "a fact that is not observed is NULL"
    assert schema.names == [column.name for column in columns(table)]
    assert schema.metadata == {b"keyproof.table": name.encode(), b"keyproof.schema_version": SCHEMA_VERSION.encode()}


@pytest.mark.parametrize("name", TABLES)
def test_names_say_the_type(name: str) -> None:
    for column in columns(TABLES[name]):
        assert column.name.endswith("_at") <= (column.type == "timestamp"), column.name
        assert column.name.endswith("_days") <= (column.type == "integer"), column.name
        if column.type == "timestamp":
            assert column.name.endswith(("_at", "_since")), column.name


@pytest.mark.parametrize("enumeration", ENUMERATIONS, ids=lambda e: e.__name__)
def test_every_enumeration_is_the_type_of_a_column_whose_values_it_lists(enumeration: type[StrEnum]) -> None:
    values = tuple(member.value for member in enumeration)
    assert any(column.values == values for table in TABLES.values() for column in columns(table))


def test_never_survives_a_table() -> None:
    assert pa.array([NEVER], arrow_schema(TABLES["key"]).field("expires_at").type).to_pylist() == [NEVER]
