"""The model in the documents is the model in the code."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, inspect, text

from include.subject_books.ddl import ddl
from include.subject_books.tables import MODEL

ROOT = Path(__file__).resolve().parents[2]
DDL = ROOT / "docs" / "ddl" / "subject_books.sql"
PICTURE = ROOT / "docs" / "subject-books-model.svg"


def test_the_ddl_is_current() -> None:
    """The committed DDL is what the tables give today."""
    assert DDL.read_text(encoding="utf-8") == ddl() + "\n", (
        "write it again: .venv/bin/python -m include.subject_books.ddl > docs/ddl/subject_books.sql"
    )


def test_the_ddl_makes_the_tables(postgres_url: URL) -> None:
    """PostgreSQL takes the file as it is, and every table and column has its sentence."""
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text(DDL.read_text(encoding="utf-8").replace(":", r"\:")))
        found = inspect(connection)
        for name, table in MODEL.tables.items():
            assert found.get_table_comment(name)["text"] == table.comment
            comments = {column["name"]: column["comment"] for column in found.get_columns(name)}
            assert comments == {column.name: column.comment for column in table.columns}
            assert all(comments.values())
    engine.dispose()


@pytest.mark.parametrize("name", sorted(MODEL.tables))
def test_the_picture_has_every_column(name: str) -> None:
    """Each table is a group of the picture, and each of its columns stands in it."""
    picture = ET.parse(PICTURE).getroot()  # noqa: S314 - our own file
    (group,) = (part for part in picture.iter() if part.get("id") == name)
    said = " ".join(part.strip() for part in group.itertext()).split()
    assert name in said
    assert {column.name for column in MODEL.tables[name].columns} <= set(said)


def test_the_picture_has_no_other_table() -> None:
    """A table that is gone is gone from the picture."""
    picture = ET.parse(PICTURE).getroot()  # noqa: S314 - our own file
    assert {part.get("id") for part in picture.iter() if part.get("id")} == set(MODEL.tables)
