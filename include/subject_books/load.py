"""Load the current books of a subject into the database, in one transaction.

Rows are written by key; a book that the subject lost is removed when no other subject has it. Of a
book or an author that two subjects share, the database has what was loaded last.
"""

from collections.abc import Sequence
from typing import Any, TypedDict

from sqlalchemy import Connection, Table, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from include.errors import PermanentError
from include.lake.keys import Keys
from include.lake.reads import SourceMismatch
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.lake.table import load_version
from include.subject_books.contract import SUBJECT_BOOKS
from include.subject_books.database import (
    AUTHORS,
    AUTHORS_BOOKS,
    BOOKS,
    MODEL,
    POSTGRESQL,
    SUBJECTS,
    SUBJECTS_BOOKS,
    BooksDatabase,
)
from include.subject_books.tables import tables_of

Row = dict[str, Any]


class Loaded(TypedDict):
    """What the database holds after a load, of all subjects."""

    where: str
    version: int
    rows: dict[str, int]  # by table
    rows_before: dict[str, int]


def load(store: Store, database: BooksDatabase, subject: str) -> Loaded:
    """Bring the subject to the current version of the lake, or change nothing."""
    with database.load() as connection:
        # Looked up while no other load runs, so that an older version never follows a newer one.
        current = load_version(store, Keys(SUBJECT_BOOKS.name).table)
        part = current.parts.get(subject)
        if part is None:
            raise PermanentError(
                f"the lake has no books of {subject} yet; run the DAG without `dry_run` first"
            )
        state: Row = {
            "subject": subject,
            "version": current.receipt_number,
            "read_id": part["path"].partition("/")[0],
            "publisher": current.receipt["source"]["publisher"],
            "observed_at": part["moment"]["answered_at"],
        }
        others = select(SUBJECTS.c.publisher).where(SUBJECTS.c.publisher != state["publisher"])
        if other := connection.scalars(others).first():
            raise SourceMismatch(
                f"{database.where} holds books of another source ({other}), these are "
                f"{state['publisher']}; nothing was loaded. Use another database for another source"
            )
        tables = tables_of(read_table_file(store, SUBJECT_BOOKS, part["path"]))
        before = _sizes(connection)
        rows = {name: table.to_pylist() for name, table in tables.items()}
        write_subject(connection, state, rows)
        after = _sizes(connection)
    return Loaded(where=database.where, version=state["version"], rows=after, rows_before=before)


def write_subject(connection: Connection, state: Row, rows: dict[str, list[Row]]) -> None:
    _upsert(connection, SUBJECTS, [state])
    _upsert(connection, AUTHORS, rows["authors"])
    _upsert(connection, BOOKS, rows["books"])
    subject, works = state["subject"], [book["work_key"] for book in rows["books"]]
    # Not by key: two authors of a book may swap positions, which are unique.
    connection.execute(delete(AUTHORS_BOOKS).where(AUTHORS_BOOKS.c.work_key.in_(works)))
    connection.execute(delete(SUBJECTS_BOOKS).where(SUBJECTS_BOOKS.c.subject == subject))
    links = [{"subject": subject, "work_key": key} for key in works]
    for table, new in ((AUTHORS_BOOKS, rows["authors_books"]), (SUBJECTS_BOOKS, links)):
        if new:
            connection.execute(insert(table), new)
    _remove_unused(connection)


def _remove_unused(connection: Connection) -> None:
    in_a_subject = select(SUBJECTS_BOOKS.c.work_key)
    connection.execute(delete(AUTHORS_BOOKS).where(AUTHORS_BOOKS.c.work_key.not_in(in_a_subject)))
    connection.execute(delete(BOOKS).where(BOOKS.c.work_key.not_in(in_a_subject)))
    of_a_book = select(AUTHORS_BOOKS.c.author_key)
    connection.execute(delete(AUTHORS).where(AUTHORS.c.author_key.not_in(of_a_book)))


def _upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    dialect = postgresql if connection.dialect.name == POSTGRESQL else sqlite
    new = dialect.insert(table)
    values = {c.name: new.excluded[c.name] for c in table.columns if not c.primary_key}
    if rows:
        statement = new.on_conflict_do_update(index_elements=table.primary_key, set_=values)
        connection.execute(statement, rows)


def _sizes(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in MODEL.sorted_tables
    }
