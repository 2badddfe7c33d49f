"""The database of the books: PostgreSQL or SQLite, one loader at a time, failures in a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from include.errors import PermanentError
from include.subject_books.tables import MODEL

POSTGRESQL, SQLITE = "postgresql", "sqlite"
CONNECT_TIMEOUT_S = 10
WAIT_S = 120  # for another load to end, which takes seconds
# Any number will do, if all who load use the same.
LOAD_LOCK = 0x5B_B00C5
# What waiting does not mend, in the words of the databases.
REFUSALS = re.compile(
    r"authentication failed|no password supplied|does not exist|permission denied|"
    r"unable to open|readonly|not a database"
)


class DatabaseTrouble(Exception):
    """The database could not do what was asked, and may in a minute."""


class DatabaseRefuses(DatabaseTrouble, PermanentError):
    """The database will not do what was asked until somebody changes something."""


class BooksDb:
    """Opened anew for each use, so that nothing is held between tasks."""

    def __init__(self, url: URL) -> None:
        if url.get_backend_name() not in {POSTGRESQL, SQLITE}:
            raise PermanentError(
                f"the books can be loaded into PostgreSQL or SQLite, not {url.get_backend_name()}; "
                "correct the connection `books_db`"
            )
        self.url = url

    @property
    def where(self) -> str:
        """The database for people: without user and password."""
        if self.url.get_backend_name() == SQLITE:
            return f"the SQLite file {self.url.database}"
        port = f":{self.url.port}" if self.url.port else ""
        return f"PostgreSQL at {self.url.host}{port}/{self.url.database}"

    @contextmanager
    def loading(self) -> Iterator[Connection]:
        """One transaction, alone among loaders, with the tables there; undone when it fails."""
        with self._told(), self._engine() as engine, engine.begin() as connection:
            if engine.dialect.name == POSTGRESQL:
                connection.execute(text(f"SET LOCAL lock_timeout = '{WAIT_S}s'"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({LOAD_LOCK})"))
            MODEL.create_all(connection)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._told(), self._engine() as engine, engine.connect() as connection:
            yield connection

    def try_out(self) -> None:
        """Do what a load begins with, and undo it."""
        with self.loading() as connection:
            connection.rollback()

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        engine = create_engine(
            self.url,
            poolclass=NullPool,
            hide_parameters=True,
            isolation_level="READ COMMITTED" if self._is_postgresql else None,
            connect_args=(
                {"connect_timeout": CONNECT_TIMEOUT_S}
                if self._is_postgresql
                else {"timeout": WAIT_S}
            ),
        )
        if not self._is_postgresql:
            event.listen(engine, "connect", _obey_foreign_keys)
            event.listen(engine, "begin", _begin_alone)
        try:
            yield engine
        finally:
            engine.dispose()

    @property
    def _is_postgresql(self) -> bool:
        return self.url.get_backend_name() == POSTGRESQL

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
            may_pass = isinstance(error, OperationalError | InterfaceError) and (
                not REFUSALS.search(reason)
            )
            lost = isinstance(error, DBAPIError) and error.connection_invalidated
            if may_pass or lost:
                raise DatabaseTrouble(
                    f"{self.where} could not be used: {reason}; nothing was loaded. Is it up? "
                    "Then run again"
                ) from None
            raise DatabaseRefuses(
                f"{self.where} refuses: {reason}; nothing was loaded. Correct the connection "
                "`books_db`, or give it a database that holds nothing else"
            ) from None


def _obey_foreign_keys(connection: Any, _: object) -> None:
    # The driver's own transactions do not hold a CREATE TABLE; ours begin with BEGIN IMMEDIATE.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_alone(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
