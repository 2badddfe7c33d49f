"""Loads into PostgreSQL and SQLite are complete or change nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import URL, Table, create_engine, inspect, select, text

from fakes.control import Control
from include.errors import PermanentError
from include.lake.reads import SourceMismatch
from include.lake.store import Store
from include.subject_books import pipeline
from include.subject_books.client import Record
from include.subject_books.contract import SUBJECT_BOOKS
from include.subject_books.database import (
    AUTHORS,
    AUTHORS_BOOKS,
    BOOKS,
    MODEL,
    SUBJECTS,
    SUBJECTS_BOOKS,
    BooksDatabase,
    DatabaseRefused,
)
from include.subject_books.pipeline import load
from include.subject_books.report import report
from tests.clock import wait_for_a_later_moment
from tests.pipelines.subject_books.conftest import plain_tables

Run = Callable[..., Any]
SHARED = {"/works/OL2001W", "/works/OL2002W"}  # books of both subjects


def rows(database: BooksDatabase, table: Table) -> list[dict[str, Any]]:
    with database.load() as connection:
        found = connection.execute(select(table).order_by(*table.primary_key))
        return [dict(row._mapping) for row in found]


def everything(database: BooksDatabase) -> dict[str, list[dict[str, Any]]]:
    return {table.name: rows(database, table) for table in MODEL.sorted_tables}


def table_names(database: BooksDatabase) -> list[str]:
    engine = create_engine(database.url)
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()


def file_rows(store: Store, subject: str) -> dict[str, list[dict[str, Any]]]:
    return {name: table.to_pylist() for name, table in plain_tables(store, subject).items()}


def test_load_inserts_the_rows_of_the_files_once(
    run_once: Run, store: Store, database: BooksDatabase
) -> None:
    receipt, loaded = run_once("curiosities", database=database)
    for name, expected in file_rows(store, "curiosities").items():
        assert rows(database, MODEL.tables[name]) == expected
    assert loaded["rows"] == {
        "authors": 17,
        "books": 32,
        "authors_books": 35,
        "subjects": 1,
        "subjects_books": 32,
    }
    assert set(loaded["rows_before"].values()) == {0}
    screen = report(store, receipt, loaded)
    assert f"- database: {database.where}: loaded, version 1\n" in screen
    assert "- rows in the database: authors 17 (+17), books 32 (+32), subjects 1 (+1), " in screen
    before = everything(database)
    again = load(store, database, "curiosities")
    assert again["rows"] == again["rows_before"] == loaded["rows"]
    assert everything(database) == before


def test_load_of_the_next_day_replaces_changed_rows(
    run_once: Run, store: Store, database: BooksDatabase, replica: Control
) -> None:
    run_once("data_mining", 1000, database=database)
    replica.day = 2
    run_once("data_mining", 1000, database=database)
    for name, expected in file_rows(store, "data_mining").items():
        assert rows(database, MODEL.tables[name]) == expected
    assert rows(database, SUBJECTS)[0]["version"] == 2


def test_load_keeps_shared_book_until_both_subjects_lose_it(
    run_once: Run, store: Store, database: BooksDatabase, replica: Control
) -> None:
    run_once("love")
    run_once("data_mining", 1000, database=database)
    replica.day = 2
    run_once("data_mining", 1000, database=database)
    (lost,) = SHARED - {row["work_key"] for row in file_rows(store, "data_mining")["books"]}
    (kept,) = SHARED - {lost}
    assert lost in {row["work_key"] for row in rows(database, AUTHORS_BOOKS)}
    assert lost in {row["work_key"] for row in rows(database, BOOKS)}
    links = {(row["subject"], row["work_key"]) for row in rows(database, SUBJECTS_BOOKS)}
    assert [link for link in sorted(links) if link[1] in SHARED] == sorted(
        [("love", lost), ("love", kept), ("data_mining", kept)]
    )


def test_load_takes_shared_book_from_the_latest_read(
    run_once: Run, store: Store, database: BooksDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of loads does not matter; authors without books are not loaded."""
    books_of = pipeline.books_of

    def edited(subject: str, works: list[Record], records: dict[str, Record]) -> Any:
        edits = {"title": "Later", "authors": []}
        return books_of(subject, [work | edits for work in works], records)

    run_once("data_mining")
    wait_for_a_later_moment(store, SUBJECT_BOOKS)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "books_of", edited)
        run_once("love", waive={"authors with a record": "they have none"})
    load(store, database, "data_mining")
    later = {row["work_key"] for row in rows(database, BOOKS) if row["title"] == "Later"}
    assert later == {row["work_key"] for row in file_rows(store, "love")["books"]}
    assert later >= SHARED
    links = rows(database, AUTHORS_BOOKS)
    assert not later & {row["work_key"] for row in links}
    credited = {row["author_key"] for row in links}
    assert {row["author_key"] for row in rows(database, AUTHORS)} == credited


def test_concurrent_loads_equal_sequential_loads(
    run_once: Run, store: Store, database: BooksDatabase
) -> None:
    subjects = ["love", "curiosities"] * 2
    for subject in subjects[:2]:
        run_once(subject)
    together = Barrier(len(subjects))

    def load_it(subject: str) -> int:
        together.wait()
        return load(store, database, subject)["version"]

    with ThreadPoolExecutor(len(subjects)) as pool:
        assert set(pool.map(load_it, subjects)) == {2}
    both = everything(database)
    load(store, database, "love")
    assert everything(database) == both


def test_failed_load_changes_nothing(
    run_once: Run,
    store: Store,
    database: BooksDatabase,
    monkeypatch: pytest.MonkeyPatch,
    replica: Control,
) -> None:
    def fail(_: Any) -> None:
        raise MemoryError

    database.check_access()  # creates no tables either
    run_once("data_mining")
    with monkeypatch.context() as failing:
        failing.setattr(pipeline, "insert", fail)
        with pytest.raises(MemoryError):
            load(store, database, "data_mining")
    assert table_names(database) == []
    load(store, database, "data_mining")
    before = everything(database)
    replica.day = 2
    run_once("data_mining")
    monkeypatch.setattr(pipeline, "insert", fail)
    with pytest.raises(MemoryError):
        load(store, database, "data_mining")
    assert everything(database) == before


def test_load_of_other_source_is_refused(run_once: Run, database: BooksDatabase) -> None:
    run_once("love", database=database)
    with database.load() as connection:
        connection.execute(text("UPDATE subjects SET publisher = 'official'"))
    before = everything(database)
    with pytest.raises(SourceMismatch, match=r"another source \(official\), these are made-up:7"):
        run_once("curiosities", database=database)
    assert everything(database) == before


def test_load_of_unpublished_subject_is_refused(store: Store, database: BooksDatabase) -> None:
    with pytest.raises(PermanentError, match="no books of love yet"):
        load(store, database, "love")


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"database": "nowhere"}], ids=str)
def test_database_with_wrong_password_or_name_is_refused(
    postgres_url: URL, change: dict[str, str]
) -> None:
    with pytest.raises(DatabaseRefused, match="refused") as refused:
        BooksDatabase(postgres_url.set(**change)).check_access()
    assert str(postgres_url.password) not in str(refused.value)
    assert "wrong" not in str(refused.value)


def test_invalid_sqlite_files_are_refused(tmp_path: Any) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, " * 100)
    for name in ("", "no/books.db", "letter.txt"):
        database = BooksDatabase(URL.create("sqlite", database=str(tmp_path / name)))
        with pytest.raises(DatabaseRefused):
            database.check_access()
    assert (tmp_path / "letter.txt").read_text().startswith("Dear Sir")


def test_database_with_other_tables_is_refused(postgres_url: URL, run_once: Run) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE books (isbn text)"))
    engine.dispose()
    with pytest.raises(DatabaseRefused, match="holds nothing else"):
        run_once("love", database=BooksDatabase(postgres_url))
    assert table_names(BooksDatabase(postgres_url)) == ["books"]
