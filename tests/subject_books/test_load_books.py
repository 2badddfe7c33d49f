"""The database after a load: PostgreSQL and SQLite alike, whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import URL, Table, create_engine, inspect, select, text

from fakes.control import Control
from include.errors import PermanentError
from include.first.lake import Lake
from include.subject_books import load as loading
from include.subject_books.database import BooksDb, DatabaseRefuses, DatabaseTrouble
from include.subject_books.load import OtherSource, load
from include.subject_books.snapshot import PARQUET
from include.subject_books.tables import (
    AUTHORS,
    AUTHORS_BOOKS,
    BOOKS,
    MODEL,
    PUBLISHED,
    SUBJECTS,
    SUBJECTS_BOOKS,
    key_of,
)
from include.subject_books.versions import KEYS, Version

Run = Callable[..., Any]
SHARED = {"/works/OL2001W", "/works/OL2002W"}  # books of both subjects of the replica


def rows(database: BooksDb, table: Table) -> list[dict[str, Any]]:
    with database.reading() as connection:
        found = connection.execute(select(table).order_by(*table.primary_key))
        return [dict(row._mapping) for row in found]


def everything(database: BooksDb) -> dict[str, list[dict[str, Any]]]:
    return {table.name: rows(database, table) for table in MODEL.sorted_tables}


def published_rows(lake: Lake, subject: str, table: Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.read_parquet(
        KEYS.plain(subject, table.name, PARQUET)
    ).to_pylist()
    return found


def test_the_database_holds_what_the_files_hold(
    run_once: Run, lake: Lake, database: BooksDb
) -> None:
    """Every value of every row, awkward texts included."""
    _, loaded = run_once("curiosities", database=database)
    for table in PUBLISHED:
        assert rows(database, table) == published_rows(lake, "curiosities", table)
    assert loaded["rows"] == {
        "authors": 17,
        "books": 32,
        "authors_books": 35,
        "subjects": 1,
        "subjects_books": 32,
    }
    assert set(loaded["before"].values()) == {0}


def test_a_second_load_changes_nothing(run_once: Run, lake: Lake, database: BooksDb) -> None:
    """The same version loaded again leaves the same rows."""
    run_once("love", database=database)
    before = everything(database)
    loaded = load(lake, database, "love")
    assert loaded["outcome"] == "loaded"
    assert everything(database) == before


def test_the_next_day_replaces_what_changed(
    run_once: Run, lake: Lake, database: BooksDb, replica: Control
) -> None:
    """New books come, changed ones change, lost ones go, with authors whom nobody else has."""
    run_once("data_mining", 1000, database=database)
    for day in (2, 3):
        replica.day = day
        run_once("data_mining", 1000, database=database)
        for table in PUBLISHED:
            assert rows(database, table) == published_rows(lake, "data_mining", table)
    assert rows(database, SUBJECTS)[0]["version"] == 3


def test_what_two_subjects_share_stays_until_both_lost_it(
    run_once: Run, lake: Lake, database: BooksDb, replica: Control
) -> None:
    """A book goes, and its authors with it, when no subject has it any more, not before."""
    run_once("data_mining", 1000, database=database)
    run_once("love", database=database)
    (lost,) = SHARED - _books_of_day(run_once, lake, replica, 2, database, "data_mining")
    of_lost = [
        row["author_key"] for row in rows(database, AUTHORS_BOOKS) if row["work_key"] == lost
    ]
    assert of_lost
    assert lost in {row["work_key"] for row in rows(database, BOOKS)}
    assert _subjects_of(database, lost) == {"love"}

    _without(lake, database, "love", lost)
    assert lost not in {row["work_key"] for row in rows(database, BOOKS)}
    still = {row["author_key"] for row in rows(database, AUTHORS_BOOKS)}
    assert {row["author_key"] for row in rows(database, AUTHORS)} == still
    (kept,) = SHARED - {lost}
    assert _subjects_of(database, kept) == {"love", "data_mining"}


def _books_of_day(
    run_once: Run, lake: Lake, replica: Control, day: int, database: BooksDb, subject: str
) -> set[str]:
    replica.day = day
    run_once(subject, 1000, database=database)
    return {row["work_key"] for row in published_rows(lake, subject, BOOKS)}


def _subjects_of(database: BooksDb, work: str) -> set[str]:
    return {row["subject"] for row in rows(database, SUBJECTS_BOOKS) if row["work_key"] == work}


def _without(lake: Lake, database: BooksDb, subject: str, work: str) -> None:
    """Load the subject as if it had lost this book."""
    authors, books, links = (published_rows(lake, subject, table) for table in PUBLISHED)
    head = Version(subject, 9, {"token": "t", "source": "made-up:7", "observed_at": "9"})
    with database.loading() as connection:
        loading._bring(
            connection,
            head,
            authors,
            [row for row in books if row["work_key"] != work],
            [row for row in links if row["work_key"] != work],
        )


def test_authors_may_change_places(run_once: Run, lake: Lake, database: BooksDb) -> None:
    """Two authors of a book swap, although no two may have one place."""
    run_once("curiosities", database=database)
    work = "/works/OL7000011W"
    links = published_rows(lake, "curiosities", AUTHORS_BOOKS)
    swapped = [
        row | {"position": 3 - row["position"]} if row["work_key"] == work else row for row in links
    ]
    authors, books = (published_rows(lake, "curiosities", table) for table in (AUTHORS, BOOKS))
    head = Version("curiosities", 2, {"token": "t", "source": "made-up:7", "observed_at": "9"})
    with database.loading() as connection:
        loading._bring(connection, head, authors, books, swapped)
    assert rows(database, AUTHORS_BOOKS) == sorted(
        swapped, key=lambda row: (row["work_key"], row["author_key"])
    )


def test_two_subjects_at_a_time(run_once: Run, lake: Lake, database: BooksDb) -> None:
    """Loads that start together, into a database without tables, leave what one by one leaves."""
    subjects = ["love", "data_mining", "curiosities"] * 2
    for subject in subjects[:3]:
        run_once(subject)
    together = Barrier(len(subjects))

    def load_it(subject: str) -> str:
        together.wait()
        return load(lake, database, subject)["outcome"]

    with ThreadPoolExecutor(len(subjects)) as pool:
        assert set(pool.map(load_it, subjects)) == {"loaded"}
    both = everything(database)
    for subject in subjects:
        load(lake, database, subject)
    assert everything(database) == both
    wanted = {
        (subject, row["work_key"])
        for subject in subjects
        for row in published_rows(lake, subject, BOOKS)
    }
    assert {(row["subject"], row["work_key"]) for row in both["subjects_books"]} == wanted


def test_readers_see_a_load_whole_or_not_at_all(
    run_once: Run, lake: Lake, database: BooksDb, monkeypatch: pytest.MonkeyPatch, replica: Control
) -> None:
    """What fails in its last step has changed nothing, whatever it wrote before."""
    run_once("data_mining", database=database)
    before = everything(database)
    replica.day = 2
    run_once("data_mining")

    def fail(_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(loading, "_remove_what_nobody_has", fail)
    with pytest.raises(MemoryError):
        load(lake, database, "data_mining")
    assert everything(database) == before


def test_a_first_load_that_fails_leaves_no_tables(
    run_once: Run, lake: Lake, database: BooksDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even the tables are made in the same transaction."""
    run_once("love")

    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(loading, "_bring", fail)
    with pytest.raises(MemoryError):
        load(lake, database, "love")
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == []


def test_an_older_read_leaves_a_newer_one_alone(
    run_once: Run, lake: Lake, database: BooksDb
) -> None:
    """A lake that is behind the database, restored from a copy maybe, does not turn it back."""
    run_once("love", database=database)
    with database.loading() as connection:
        connection.execute(text("UPDATE subjects SET observed_at = '2999-01-01T00:00:00Z'"))
        connection.execute(text("UPDATE books SET title = 'newer'"))
    assert load(lake, database, "love")["outcome"] == "left alone"
    assert {row["title"] for row in rows(database, BOOKS)} == {"newer"}


def test_made_up_and_real_never_mix(run_once: Run, database: BooksDb) -> None:
    """A database with one source's books refuses another's, whatever the subject."""
    run_once("love", database=database)
    with database.loading() as connection:
        connection.execute(text("UPDATE subjects SET source = 'official'"))
    before = everything(database)
    with pytest.raises(OtherSource, match=r"from official, and these are from made-up:7"):
        run_once("curiosities", database=database)
    assert everything(database) == before


def test_nothing_to_load_is_said(lake: Lake, database: BooksDb) -> None:
    """A subject without a version is an error, and makes no tables."""
    with pytest.raises(PermanentError, match="no version of love"):
        load(lake, database, "love")


def test_tables_are_what_the_model_says(run_once: Run, database: BooksDb) -> None:
    """Primary keys, foreign keys and indexes are in the database as the model has them."""
    run_once("love", database=database)
    with database.reading() as connection:
        found = inspect(connection)
        assert set(found.get_table_names()) == set(MODEL.tables)
        for name, table in MODEL.tables.items():
            assert found.get_pk_constraint(name)["constrained_columns"] == key_of(table)
            foreign = {
                (tuple(key["constrained_columns"]), key["referred_table"])
                for key in found.get_foreign_keys(name)
            }
            assert foreign == {
                (tuple(key.column_keys), key.referred_table.name)
                for key in table.foreign_key_constraints
            }
            indexes = {index["name"] for index in found.get_indexes(name)}
            assert indexes >= {index.name for index in table.indexes}


def test_the_database_itself_refuses_what_cannot_be(run_once: Run, database: BooksDb) -> None:
    """A link to nobody breaks a foreign key, in SQLite too."""
    run_once("love", database=database)
    with pytest.raises(DatabaseRefuses, match=r"(?i)foreign key"), database.loading() as connection:
        connection.execute(text("INSERT INTO subjects_books VALUES ('love', '/works/none')"))


def test_loads_into_a_file_take_turns(tmp_path: Any) -> None:
    """A second load waits before it reads, not when it writes: it would see what is about to go."""
    database = BooksDb(URL.create("sqlite", database=str(tmp_path / "books.db")))
    with database.loading():
        pass  # the tables are there: what follows writes nothing
    with (
        database.loading(),
        closing(sqlite3.connect(tmp_path / "books.db", timeout=0, isolation_level=None)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_a_database_that_is_not_there_is_told_without_its_password() -> None:
    """Where, why and what to do, in one line; the next try may find it."""
    url = URL.create("postgresql+psycopg2", "me", "s3cret", "127.0.0.1", 1, "books")
    with pytest.raises(DatabaseTrouble, match=r"PostgreSQL at 127.0.0.1:1/books could not") as told:
        BooksDb(url).try_out()
    assert not isinstance(told.value, PermanentError)
    assert "s3cret" not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"database": "nowhere"}], ids=str)
def test_what_waiting_does_not_mend_is_refused(postgres_url: URL, change: dict[str, str]) -> None:
    """A wrong password or database fails at once, and no password is shown."""
    with pytest.raises(DatabaseRefuses, match="refuses") as told:
        BooksDb(postgres_url.set(**change)).try_out()
    assert str(postgres_url.password) not in str(told.value)
    assert "wrong" not in str(told.value)


def test_files_that_are_no_database_are_refused(tmp_path: Any) -> None:
    """A folder, a folder that is not there, a file of something else."""
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, " * 100)
    for name in ("", "no/books.db", "letter.txt"):
        database = BooksDb(URL.create("sqlite", database=str(tmp_path / name)))
        with pytest.raises(DatabaseRefuses):
            database.try_out()
    assert (tmp_path / "letter.txt").read_text().startswith("Dear Sir")


def test_another_kind_of_database_is_refused() -> None:
    """Only those two are tried."""
    with pytest.raises(PermanentError, match="not mysql"):
        BooksDb(URL.create("mysql", host="127.0.0.1"))


def test_trying_out_leaves_nothing(database: BooksDb) -> None:
    """The test of a connection makes no table."""
    database.try_out()
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == []


def test_tables_of_somebody_else_are_refused(postgres_url: URL, run_once: Run) -> None:
    """A database that has a table `books` of another shape keeps it as it is."""
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE books (isbn text)"))
    engine.dispose()
    with pytest.raises(DatabaseRefuses, match="holds nothing else"):
        run_once("love", database=BooksDb(postgres_url))
    with BooksDb(postgres_url).reading() as connection:
        assert inspect(connection).get_table_names() == ["books"]
