"""From the newest snapshot of a subject into the database, in one transaction.

Rows are written by key; what the subject lost goes when no other subject has it. Of a book or an
author that two subjects share, the database says what the subject that was loaded last says.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, TypedDict

from sqlalchemy import Connection, Table, and_, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from include.errors import PermanentError
from include.first.lake import Lake
from include.subject_books.database import POSTGRESQL, BooksDb
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
from include.subject_books.versions import KEYS, Version, newest

log = logging.getLogger(__name__)
Row = dict[str, Any]


class OtherSource(PermanentError):
    """Made-up and real data never mix."""


class Loaded(TypedDict):
    """What the database holds afterwards."""

    where: str
    version: int
    outcome: str  # loaded, or left alone
    rows: dict[str, int]  # by table, of all subjects
    before: dict[str, int]


def load(lake: Lake, database: BooksDb, subject: str) -> Loaded:
    """Bring the subject to its newest version, whole or not at all."""
    head = newest(lake, subject)
    if not head.number:
        raise PermanentError(
            f"the lake has no version of {subject}; run the DAG without `dry_run` first"
        )
    folder = head.receipt["folder"]
    authors, books, links = (
        lake.read_parquet(KEYS.file_of(folder, table.name, PARQUET)).to_pylist()
        for table in PUBLISHED
    )
    with database.loading() as connection:
        before = _sizes(connection)
        _refuse_other_source(connection, database, head)
        outcome = "loaded"
        if _is_newer_there(connection, head):
            outcome = "left alone"
            log.warning("%s holds a newer read of %s; it is left alone", database.where, subject)
        else:
            _bring(connection, head, authors, books, links)
        return Loaded(
            where=database.where,
            version=head.number,
            outcome=outcome,
            rows=_sizes(connection),
            before=before,
        )


def _bring(
    connection: Connection,
    head: Version,
    authors: Sequence[Row],
    books: Sequence[Row],
    links: Sequence[Row],
) -> None:
    told = ("token", "source", "observed_at")
    state = {"subject": head.subject, "version": head.number}
    _upsert(connection, SUBJECTS, [state | {name: head.receipt[name] for name in told}])
    _upsert(connection, AUTHORS, authors)
    _upsert(connection, BOOKS, books)
    works = [book["work_key"] for book in books]
    # Not by key: two authors of a book may change places, which its unique places forbid.
    connection.execute(delete(AUTHORS_BOOKS).where(AUTHORS_BOOKS.c.work_key.in_(works)))
    _insert(connection, AUTHORS_BOOKS, links)
    connection.execute(delete(SUBJECTS_BOOKS).where(SUBJECTS_BOOKS.c.subject == head.subject))
    _insert(
        connection, SUBJECTS_BOOKS, [{"subject": head.subject, "work_key": key} for key in works]
    )
    _remove_what_nobody_has(connection)


def _remove_what_nobody_has(connection: Connection) -> None:
    in_a_subject = select(SUBJECTS_BOOKS.c.work_key)
    connection.execute(delete(AUTHORS_BOOKS).where(AUTHORS_BOOKS.c.work_key.not_in(in_a_subject)))
    connection.execute(delete(BOOKS).where(BOOKS.c.work_key.not_in(in_a_subject)))
    of_a_book = select(AUTHORS_BOOKS.c.author_key)
    connection.execute(delete(AUTHORS).where(AUTHORS.c.author_key.not_in(of_a_book)))


def _upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    dialect = postgresql if connection.dialect.name == POSTGRESQL else sqlite
    new = dialect.insert(table)
    key = key_of(table)
    values = {c.name: new.excluded[c.name] for c in table.columns if c.name not in key}
    if rows:
        connection.execute(new.on_conflict_do_update(index_elements=key, set_=values), rows)


def _insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _refuse_other_source(connection: Connection, database: BooksDb, head: Version) -> None:
    source = head.receipt["source"]
    others = connection.scalars(select(SUBJECTS.c.source).where(SUBJECTS.c.source != source))
    if other := others.first():
        raise OtherSource(
            f"{database.where} holds books from {other}, and these are from {source}; nothing was "
            "loaded. Use another database for another source"
        )


def _is_newer_there(connection: Connection, head: Version) -> bool:
    newer = and_(
        SUBJECTS.c.subject == head.subject,
        SUBJECTS.c.observed_at > head.receipt["observed_at"],
    )
    return connection.scalar(select(func.count()).where(newer)) != 0


def _sizes(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in MODEL.sorted_tables
    }
