"""What vPIC has answered, in one SQLite file that threads and processes share."""

from __future__ import annotations

import json
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from include.errors import PermanentError
from include.vin_service.cache_file import connected, is_broken, prepare
from include.vin_service.decoding import Unknown, Vehicle

VEHICLE = """
    SELECT vin, make, model, model_year, body_class, check_digit_wrong, decoded_at
    FROM vehicles JOIN kinds ON kinds.id = kind
"""
UNKNOWN = "SELECT vin, detail, decoded_at FROM unknowns"


class CacheTrouble(Exception):
    """The cache cannot be read or written now; answers are as good without it, only slower."""


class OtherSource(PermanentError):
    """Real and made-up answers never share a cache."""


class Kept(NamedTuple):
    answer: Vehicle | Unknown
    decoded_at: int


class _Connection:
    """One thread's. Its lock is contended by `Cache.close` alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sqlite = connected(path)
        self._lock = threading.Lock()

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        return self._sqlite

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise _trouble(self._path, error) from error

    def close(self) -> None:
        with self._lock:
            self._sqlite.close()


class Cache:
    """Use it from any thread: each has a connection of its own, and readers wait for nobody."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mine = threading.local()
        self._all: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._opening = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, path: Path) -> Self:
        """The cache of this file, made when missing; a broken file is kept aside, and said."""
        prepare(path)
        return cls(path)

    def get(self, vin: str) -> Kept | None:
        with self._connection() as connection:
            row = connection.execute(f"{VEHICLE} WHERE vin = ?", (vin,)).fetchone()
            if row:
                return _vehicle(row)
            row = connection.execute(f"{UNKNOWN} WHERE vin = ?", (vin,)).fetchone()
        return _unknown(row) if row else None

    def get_many(self, vins: Sequence[str]) -> dict[str, Kept]:
        asked = (json.dumps(vins),)
        among = "WHERE vin IN (SELECT value FROM json_each(?))"
        with self._connection() as connection:
            vehicles = connection.execute(f"{VEHICLE} {among}", asked).fetchall()
            unknowns = connection.execute(f"{UNKNOWN} {among}", asked).fetchall()
        return {row[0]: _vehicle(row) for row in vehicles} | {
            row[0]: _unknown(row) for row in unknowns
        }

    def put(self, answers: Iterable[Vehicle | Unknown], decoded_at: int, source: str) -> None:
        """Keep all of them or none; each replaces what was kept of its VIN."""
        given = list(answers)
        vehicles = [answer for answer in given if isinstance(answer, Vehicle)]
        unknowns = [answer for answer in given if isinstance(answer, Unknown)]
        if not given:
            return
        with self._transaction() as connection:
            self._claim(connection, source)
            connection.executemany(
                "INSERT INTO kinds (make, model, model_year, body_class) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                {answer[1:5] for answer in vehicles},
            )
            connection.executemany(
                "INSERT OR REPLACE INTO vehicles SELECT ?, id, ?, ? FROM kinds "
                "WHERE (make, model, model_year, body_class) = (?, ?, ?, ?)",
                [(car.vin, car.check_digit_wrong, decoded_at, *car[1:5]) for car in vehicles],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO unknowns VALUES (?, ?, ?)",
                [(answer.vin, answer.detail, decoded_at) for answer in unknowns],
            )
            for table, others in (("unknowns", vehicles), ("vehicles", unknowns)):
                connection.executemany(
                    f"DELETE FROM {table} WHERE vin = ?", [(answer.vin,) for answer in others]
                )

    def remove(self, vin: str) -> bool:
        """True when a vehicle was kept; a kept refusal goes too."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM unknowns WHERE vin = ?", (vin,))
            return connection.execute("DELETE FROM vehicles WHERE vin = ?", (vin,)).rowcount > 0

    def forget_unknowns(self, before: int) -> None:
        """Drop the refusals that are older; vehicles are kept for when vPIC is down."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM unknowns WHERE decoded_at < ?", (before,))

    def source(self) -> str | None:
        """Where all answers come from; written by the first, and kept when the last one goes."""
        with self._connection() as connection:
            return source_of(connection)

    def count(self) -> int:
        """How many vehicles are kept."""
        with self._connection() as connection:
            return int(connection.execute("SELECT count(*) FROM vehicles").fetchone()[0])

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees the cache as it is now until the block ends; for any thread."""
        try:
            with closing(connected(self.path)) as connection:
                connection.execute("PRAGMA query_only = ON")
                connection.execute("BEGIN")
                # SQLite takes the snapshot at the first read.
                connection.execute("SELECT 1 FROM about").fetchone()
                yield connection
        except sqlite3.Error as error:
            raise _trouble(self.path, error) from error

    def close(self) -> None:
        """Wait for what each thread is at, and close; whoever comes later meets CacheTrouble."""
        with self._opening:
            self._closed = True
            connections = list(self._all)
        for connection in connections:
            connection.close()

    def _claim(self, connection: sqlite3.Connection, source: str) -> None:
        connection.execute("INSERT OR IGNORE INTO about VALUES ('source', ?)", (source,))
        held = source_of(connection)
        if held != source:
            raise OtherSource(
                f"the cache {self.path} holds {held} answers, and these are {source}; "
                "set VIN_DB to another file"
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                # SQLite may have rolled back by itself, as when the disk is full.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _connection(self) -> _Connection:
        try:
            connection: _Connection = self._mine.connection
        except AttributeError:
            return self._opened()
        return connection

    def _opened(self) -> _Connection:
        with self._opening:
            if self._closed:
                raise CacheTrouble(f"the cache {self.path} is closed")
            try:
                # Held by its thread alone: it goes when the thread goes.
                mine = self._mine.connection = _Connection(self.path)
            except sqlite3.Error as error:
                raise _trouble(self.path, error) from error
            self._all.add(mine)
        return mine


def _trouble(path: Path, error: sqlite3.Error) -> CacheTrouble:
    cure = "; start the service again: it keeps the broken file aside" if is_broken(error) else ""
    return CacheTrouble(f"the cache {path}: {error}{cure}")


def source_of(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT value FROM about WHERE name = 'source'").fetchone()
    return row[0] if row else None


def _vehicle(row: tuple[str, str, str, str, str, int, int]) -> Kept:
    return Kept(Vehicle(*row[:5], check_digit_wrong=bool(row[5])), row[6])


def _unknown(row: tuple[str, str, int]) -> Kept:
    return Kept(Unknown(row[0], row[1]), row[2])
