"""The database of the books: its tables, made from the contract, and one load at a time.

`python -m include.subject_books.database > docs/ddl/subject_books.sql` writes the DDL.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.schema import SchemaItem

from include.data.contract import DerivedTable
from include.errors import PermanentError
from include.subject_books import contract

MAX_WAIT_S = 120  # for another load, which takes seconds
LOAD_LOCK = 0x5B_B00C5  # any number, the same for every load
# What a retry cannot fix, in the words of the databases.
REFUSALS = re.compile(
    r"authentication failed|no password supplied|does not exist|permission denied|"
    r"unable to open|readonly|not a database"
)
TYPES = {pa.string(): sa.Text, pa.int64(): sa.BigInteger, pa.bool_(): sa.Boolean}
MODEL = sa.MetaData()


def _table(derived: DerivedTable, *more: SchemaItem, **references: str) -> sa.Table:
    items: list[SchemaItem] = []
    for column in derived.columns:
        options = {"primary_key": column.name in derived.key, "nullable": not column.required}
        kind = TYPES[column.type]
        items.append(sa.Column(column.name, kind, comment=column.sentence, **options))  # type: ignore[arg-type]
        if column.minimum is not None:
            maximum = "" if column.maximum is None else f" AND {column.name} <= {column.maximum}"
            items.append(sa.CheckConstraint(f"{column.name} >= {column.minimum}{maximum}"))
    items += [sa.ForeignKeyConstraint([name], [of]) for name, of in references.items()]
    return sa.Table(derived.name, MODEL, *items, *more, comment=derived.grain)


AUTHORS = _table(contract.AUTHORS)
BOOKS = _table(contract.BOOKS, sa.Index("books_by_first_publish_year", "first_publish_year"))
AUTHORS_BOOKS = _table(
    contract.AUTHORS_BOOKS,
    sa.UniqueConstraint("work_key", "position"),
    sa.Index("authors_books_by_author", "author_key"),
    work_key="books.work_key",
    author_key="authors.author_key",
)
SUBJECTS = _table(contract.SUBJECTS)
SUBJECTS_BOOKS = _table(
    contract.SUBJECTS_BOOKS,
    sa.Index("subjects_books_by_work", "work_key"),
    subject="subjects.subject",
    work_key="books.work_key",
)


class DatabaseError(Exception):
    """The database could not do what was asked; a retry may help."""


class DatabaseRefused(DatabaseError, PermanentError):
    """The database refuses until a right, a name or a table is corrected."""


class BooksDatabase:
    """PostgreSQL or SQLite, connected anew for each use: nothing is held between tasks."""

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        self._is_postgresql = url.get_backend_name() == "postgresql"
        options = {"connect_timeout": 10} if self._is_postgresql else {"timeout": MAX_WAIT_S}
        self._engine = sa.create_engine(
            url, poolclass=NullPool, hide_parameters=True, connect_args=options
        )
        if not self._is_postgresql:
            sa.event.listen(self._engine, "connect", _check_foreign_keys)
            sa.event.listen(self._engine, "begin", _begin_alone)

    @property
    def where(self) -> str:
        """The database for people: without user and password."""
        if not self._is_postgresql:
            return f"the SQLite file {self.url.database}"
        port = f":{self.url.port}" if self.url.port else ""
        return f"PostgreSQL at {self.url.host}{port}/{self.url.database}"

    def sizes(self, connection: sa.Connection) -> dict[str, int]:
        """Rows by table."""
        return {
            name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for name, table in MODEL.tables.items()
        }

    @contextmanager
    def load(self) -> Iterator[sa.Connection]:
        """One transaction with the tables made, while no other load runs; undone if it fails."""
        try:
            with self._engine.begin() as connection:
                if self._is_postgresql:
                    connection.execute(sa.text(f"SET LOCAL lock_timeout = '{MAX_WAIT_S}s'"))
                    connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({LOAD_LOCK})"))
                MODEL.create_all(connection)
                yield connection
        except SQLAlchemyError as error:
            raise self._explained(error) from None

    def check_access(self) -> None:
        """Do what a load begins with, and undo it."""
        with self.load() as connection:
            connection.rollback()

    def _explained(self, error: SQLAlchemyError) -> DatabaseError:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
        may_pass = isinstance(error, OperationalError | InterfaceError)
        if may_pass and not REFUSALS.search(reason):
            return DatabaseError(
                f"{self.where} could not be used: {reason}; nothing was loaded. Check that it is "
                "up, then run again"
            )
        return DatabaseRefused(
            f"{self.where} refused: {reason}; nothing was loaded. Correct the connection "
            "`books_db`, or give it a database that holds nothing else"
        )


def _check_foreign_keys(connection: Any, _: object) -> None:
    # The driver's own transactions do not hold a CREATE TABLE; ours begin with BEGIN IMMEDIATE.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_alone(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def ddl() -> str:
    """Every statement that makes the tables, in order."""
    statements = [
        "-- The books of subjects for PostgreSQL, from include/subject_books/contract.py. The DAG\n"
        "-- makes these tables itself. To write this file again:\n"
        "-- python -m include.subject_books.database > docs/ddl/subject_books.sql"
    ]

    def keep(statement: Any, *_: object, **__: object) -> None:
        compiled = str(statement.compile(dialect=engine.dialect)).strip().expandtabs(4)
        statements.append("\n".join(map(str.rstrip, compiled.splitlines())) + ";")

    engine = sa.create_mock_engine("postgresql+psycopg2://", keep)
    MODEL.create_all(engine, checkfirst=False)
    return "\n\n".join(statements)


if __name__ == "__main__":
    print(ddl())
