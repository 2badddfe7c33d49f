"""The answers of vPIC: one table in one SQLite file, which one process serves."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from fastapi import HTTPException

from include.errors import PermanentError
from include.vin_service.vpic import Verdict

BUSY_S = 5.0  # how long a write waits for the write of another process
APPLICATION_ID = 0x48575632  # in the header of the file: "HWV2", this service and this layout
# In the order of the VINs, as the export needs them. `detail` is empty for a vehicle.
SCHEMA = f"""
    PRAGMA journal_mode = WAL;
    BEGIN IMMEDIATE;
    PRAGMA application_id = {APPLICATION_ID};
    CREATE TABLE IF NOT EXISTS answers (
        vin TEXT PRIMARY KEY, source TEXT NOT NULL, decoded_at INTEGER NOT NULL,
        detail TEXT NOT NULL, make TEXT NOT NULL, model TEXT NOT NULL, model_year TEXT NOT NULL,
        body_class TEXT NOT NULL, check_digit_wrong INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TRIGGER IF NOT EXISTS one_source BEFORE INSERT ON answers
        WHEN NEW.source != (SELECT source FROM answers LIMIT 1)
        BEGIN SELECT RAISE(ABORT, 'its answers come from another source'); END;
    COMMIT;
"""
COLUMNS = ", ".join(("source", "decoded_at", *Verdict._fields))
GET = f"SELECT {COLUMNS} FROM answers WHERE vin IN (SELECT value FROM json_each(?))"
PUT = f"INSERT OR REPLACE INTO answers ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
REMOVE = "DELETE FROM answers WHERE vin = ? RETURNING detail = ''"


class CacheError(HTTPException):
    """The cache cannot be used now; answers are as good without it, only slower."""


class Cache:
    """Use it from any thread."""

    def __init__(self, path: Path) -> None:
        """Open the cache in this file, which is made if it is missing."""
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(path)
            _prepare(self._connection, path)
        except (OSError, sqlite3.Error) as error:
            raise PermanentError(
                f"the cache {path} cannot be opened: {error}; delete it if it is damaged, or set "
                "VIN_DB to a file that this user may write, on a disk with space"
            ) from None

    def get(self, vins: Sequence[str]) -> dict[str, tuple[Verdict, int]]:
        """The cached verdicts by VIN, each with the time at which vPIC gave it."""
        with self._transaction() as connection:
            rows = connection.execute(GET, (json.dumps(vins),)).fetchall()
        verdicts = ((Verdict._make((*texts, bool(wrong))), at) for _, at, *texts, wrong in rows)
        return {verdict.vin: (verdict, at) for verdict, at in verdicts}

    def put(self, verdicts: Mapping[str, Verdict], source: str, decoded_at: int) -> None:
        """Keep all of these verdicts or none; each replaces what was there for its VIN."""
        rows = [(source, decoded_at, *verdict) for verdict in verdicts.values()]
        with self._transaction() as connection:
            connection.executemany(PUT, rows)

    def remove(self, vin: str) -> bool:
        """True if a vehicle was cached; a cached "not known" goes too."""
        with self._transaction() as connection:
            return connection.execute(REMOVE, (vin,)).fetchall() == [(1,)]

    def source(self) -> str | None:
        """Where all answers come from; None for an empty cache."""
        with self._transaction() as connection:
            return source_of(connection)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees the cache as it is now, until the block ends."""
        with _explained(), closing(_connect(self.path)) as connection:
            connection.execute("BEGIN")
            source_of(connection)  # SQLite takes the snapshot at the first read
            yield connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _explained(), self._connection:
            yield self._connection


def source_of(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT source FROM answers LIMIT 1").fetchone()
    return row[0] if row else None


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        retry = {"Retry-After": "30"}
        raise CacheError(503, f"the cache cannot be used: {error}", retry) from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
    # A killed process loses nothing that it committed; a power cut may lose the last moments.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check that the file is ours and intact; make what is missing."""
    tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID and (tables or application):
        raise PermanentError(
            f"the cache {path} was made by another program or an older version; "
            "delete it, or set VIN_DB to another file"
        )
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(" ".join(found.split()))
    connection.executescript(SCHEMA)
