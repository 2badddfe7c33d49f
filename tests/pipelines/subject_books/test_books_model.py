"""The model in the documents is the model in the code."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, create_engine, inspect, text

from include.data.dictionary import dictionary
from include.subject_books.contract import SUBJECT_BOOKS
from include.subject_books.model import MODEL, ddl

ROOT = Path(__file__).resolve().parents[3]
DDL = ROOT / "docs" / "ddl" / "subject_books.sql"


def test_the_ddl_is_current() -> None:
    """The committed DDL is what the tables give today."""
    assert DDL.read_text(encoding="utf-8") == ddl() + "\n", (
        "write it again: .venv/bin/python -m include.subject_books.model > docs/ddl/subject_books.sql"
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


def test_dictionary_describes_every_column_of_the_derived_tables() -> None:
    text = dictionary()
    for table in SUBJECT_BOOKS.derived:
        section = text.partition(f"### {table.name}\n")[2].partition("\n#")[0]
        assert table.grain in section
        for column in table.columns:
            assert f"| `{column.name}` |" in section
            assert column.sentence in section
