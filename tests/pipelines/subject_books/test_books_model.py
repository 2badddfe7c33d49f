"""The documented DDL matches the model in the code."""

from pathlib import Path

from sqlalchemy import URL, create_engine, inspect, text

from include.subject_books.database import MODEL, ddl

ROOT = Path(__file__).resolve().parents[3]
DDL = ROOT / "docs" / "ddl" / "subject_books.sql"


def test_ddl_is_current() -> None:
    assert DDL.read_text(encoding="utf-8") == ddl() + "\n", "regenerate it as its first lines say"


def test_ddl_creates_every_table_and_comment_in_postgresql(postgres_url: URL) -> None:
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
