"""What vPIC has answered: one table in one SQLite file, which one process serves."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from fastapi import HTTPException

from include.errors import PermanentError
from include.vin_service.vpic import Decoded, Unknown, Vehicle

BUSY_S = 5.0  # how long a writer waits for another one
APPLICATION_ID = 0x48575632  # in the header of the file: "HWV2", this service and this layout
# A vehicle has an empty detail; a VIN that vPIC does not know has nothing else. In the order of
# the VINs, as the export wants them.
SCHEMA = f"""
    BEGIN IMMEDIATE;
    PRAGMA application_id = {APPLICATION_ID};
    CREATE TABLE IF NOT EXISTS answers (
        vin TEXT PRIMARY KEY,
        source TEXT NOT NULL,
        decoded_at INTEGER NOT NULL,
        detail TEXT NOT NULL,
        make TEXT NOT NULL,
        model TEXT NOT NULL,
        model_year TEXT NOT NULL,
        body_class TEXT NOT NULL,
        check_digit_wrong INTEGER NOT NULL
    ) WITHOUT ROWID;
    COMMIT;
"""
GET = "SELECT * FROM answers WHERE vin IN (SELECT value FROM json_each(?))"
PUT = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


class CacheError(HTTPException):
    """The cache cannot be used now; answers are as good without it, only slower."""


class SourceMismatch(PermanentError):
    """Real and made-up answers never share a cache."""


class CachedAnswer(NamedTuple):
    answer: Vehicle | Unknown
    decoded_at: int


class Cache:
    """Use it from any thread. A read waits for no write."""

    def __init__(self, path: Path) -> None:
        """Open the cache in this file, made if missing."""
        self.path = path
        self._reading, self._writing = threading.Lock(), threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _prepare(path)
            self._reader, self._writer = _connect(path), _connect(path)
        except (OSError, sqlite3.Error) as error:
            raise PermanentError(
                f"the cache {path} cannot be opened: {error}; delete it if it is damaged, or set "
                "VIN_DB to a file that this user may write, on a disk with space"
            ) from None

    def get(self, vins: Sequence[str]) -> dict[str, CachedAnswer]:
        with self._reading, self._explaining():
            rows = self._reader.execute(GET, (json.dumps(vins),)).fetchall()
        return {
            vin: CachedAnswer(
                Unknown(vin, detail) if detail else Vehicle._make((vin, *texts, bool(wrong))),
                decoded_at,
            )
            for vin, _, decoded_at, detail, *texts, wrong in rows
        }

    def source(self) -> str | None:
        """Where all answers come from; None for an empty cache."""
        with self._reading, self._explaining():
            return source_of(self._reader)

    def put(self, decoded: Decoded, decoded_at: int) -> None:
        """Keep all of these answers or none; each replaces what was there for its VIN."""
        rows = [
            (answer.vin, decoded.source, decoded_at)
            + (("", *answer[1:]) if isinstance(answer, Vehicle) else (answer.detail, *NOTHING))
            for answer in decoded.answers.values()
        ]
        with self._transaction() as connection:
            refuse_other_source(source_of(connection), decoded.source)
            connection.executemany(PUT, rows)

    def remove(self, vin: str) -> bool:
        """True if a vehicle was cached; a cached "not known" goes too."""
        query = "DELETE FROM answers WHERE vin = ? RETURNING detail = ''"
        with self._transaction() as connection:
            return bool(connection.execute(query, (vin,)).fetchone() == (1,))

    def forget_unknown(self, before: int) -> None:
        """Drop what is too old to count; old vehicles stay for when vPIC is down."""
        query = "DELETE FROM answers WHERE detail != '' AND decoded_at < ?"
        with self._transaction() as connection:
            connection.execute(query, (before,))

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees the cache as it is now, until the block ends."""
        with self._explaining(), closing(_connect(self.path)) as connection:
            connection.execute("BEGIN")
            source_of(connection)  # SQLite takes the snapshot at the first read
            yield connection

    def close(self) -> None:
        """Wait for what is under way; later uses raise CacheError."""
        with self._reading, self._writing:
            self._reader.close()
            self._writer.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing, self._explaining():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:  # SQLite ends it by itself when a disk is full
                    self._writer.execute("ROLLBACK")

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise CacheError(503, f"the cache cannot be used: {error}", RETRY) from error


RETRY = {"Retry-After": "30"}
NOTHING = ("", "", "", "", False)


def source_of(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT source FROM answers LIMIT 1").fetchone()
    return row[0] if row else None


def refuse_other_source(cached: str | None, given: str) -> None:
    if cached not in {None, given}:
        raise SourceMismatch(
            f"the cache holds answers that are {cached}, and vPIC's are {given}; correct VPIC_URL, "
            "or set VIN_DB to another file"
        )


def _connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    url = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        url, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    # A killed process loses nothing that it committed; a power cut may lose the last moments.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _prepare(path: Path) -> None:
    """Check that the file is ours, intact and can be written; make what is missing."""
    if path.exists() and path.stat().st_size:
        # Read only, so that SQLite changes nothing in the file of another program.
        with closing(_connect(path, "ro")) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
        if application != APPLICATION_ID:
            raise PermanentError(
                f"the cache {path} was made by another program or an older version; "
                "delete it, or set VIN_DB to another file"
            )
    with closing(_connect(path, "rwc")) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(" ".join(found.split()))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA)
