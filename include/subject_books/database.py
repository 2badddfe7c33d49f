"""The database of the books: PostgreSQL or SQLite, one load at a time, errors in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from include.errors import PermanentError
from include.subject_books.model import MODEL

POSTGRESQL, SQLITE = "postgresql", "sqlite"
CONNECT_TIMEOUT_S = 10
LOCK_TIMEOUT_S = 120  # another load takes seconds
LOAD_LOCK = 0x5B_B00C5  # any number, the same for every load
# What a retry cannot fix, in the words of the databases.
REFUSALS = re.compile(
    r"authentication failed|no password supplied|does not exist|permission denied|"
    r"unable to open|readonly|not a database"
)


class DatabaseError(Exception):
    """The database could not do what was asked; a retry may help."""


class DatabaseRefused(DatabaseError, PermanentError):
    """The database refuses until a right, a name or a table is corrected."""


class BooksDatabase:
    """Connected anew for each use, so that nothing is held between tasks."""

    def __init__(self, url: URL) -> None:
        if url.get_backend_name() not in {POSTGRESQL, SQLITE}:
            raise PermanentError(
                f"books are loaded into PostgreSQL or SQLite, not {url.get_backend_name()}; "
                "correct the connection `books_db`"
            )
        self.url = url
        self._is_postgresql = url.get_backend_name() == POSTGRESQL
        timeout = (
            {"connect_timeout": CONNECT_TIMEOUT_S}
            if self._is_postgresql
            else {"timeout": LOCK_TIMEOUT_S}
        )
        self._engine = create_engine(
            url, poolclass=NullPool, hide_parameters=True, connect_args=timeout
        )
        if not self._is_postgresql:
            event.listen(self._engine, "connect", _check_foreign_keys)
            event.listen(self._engine, "begin", _begin_alone)

    @property
    def where(self) -> str:
        """The database for people: without user and password."""
        if not self._is_postgresql:
            return f"the SQLite file {self.url.database}"
        port = f":{self.url.port}" if self.url.port else ""
        return f"PostgreSQL at {self.url.host}{port}/{self.url.database}"

    @contextmanager
    def load(self) -> Iterator[Connection]:
        """One transaction with the tables made, while no other load runs; undone if it fails."""
        with self._explaining(), self._engine.begin() as connection:
            if self._is_postgresql:
                connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({LOAD_LOCK})"))
            MODEL.create_all(connection)
            yield connection

    def check_access(self) -> None:
        """Do what a load begins with, and undo it."""
        with self.load() as connection:
            connection.rollback()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
            is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
            may_pass = isinstance(error, OperationalError | InterfaceError)
            if is_lost or (may_pass and not REFUSALS.search(reason)):
                raise DatabaseError(
                    f"{self.where} could not be used: {reason}; nothing was loaded. Check that it "
                    "is up, then run again"
                ) from None
            raise DatabaseRefused(
                f"{self.where} refused: {reason}; nothing was loaded. Correct the connection "
                "`books_db`, or give it a database that holds nothing else"
            ) from None


def _check_foreign_keys(connection: Any, _: object) -> None:
    # The driver's own transactions do not hold a CREATE TABLE; ours begin with BEGIN IMMEDIATE.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_alone(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
