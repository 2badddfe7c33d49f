"""The answers of vPIC in one SQLite file, and all its vehicles as Parquet."""

import io
import json
import sqlite3
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from fastapi import HTTPException

from include.errors import PermanentError
from include.vin_service.vpic import Verdict

BUSY_S = 5.0  # how long a write waits for the write of another process
APPLICATION_ID = 0x48575633  # in the header of the file: "HWV3", this service and this layout
# `detail` is empty for a vehicle. `vehicle` is its export columns as one text: SQLite reads one
# column faster than five, and Arrow cuts it. No value has a control character (`vpic._text`).
SCHEMA = f"""
    PRAGMA journal_mode = WAL;
    BEGIN IMMEDIATE;
    PRAGMA application_id = {APPLICATION_ID};
    CREATE TABLE IF NOT EXISTS answers (
        vin TEXT PRIMARY KEY, source TEXT NOT NULL, decoded_at INTEGER NOT NULL,
        detail TEXT NOT NULL, check_digit_wrong INTEGER NOT NULL, vehicle TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TRIGGER IF NOT EXISTS one_source BEFORE INSERT ON answers
        WHEN NEW.source != (SELECT source FROM answers LIMIT 1)
        BEGIN SELECT RAISE(ABORT, 'its answers come from another source'); END;
    COMMIT;
"""
GET = """
    SELECT decoded_at, detail, check_digit_wrong, vehicle FROM answers
    WHERE vin IN (SELECT value FROM json_each(?))
"""
PUT = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)"
REMOVE = "DELETE FROM answers WHERE vin = ? RETURNING detail = ''"
VEHICLES = "SELECT vehicle FROM answers WHERE detail = '' ORDER BY vin"
BETWEEN = "\x1f"
EXPORT_COLUMNS = ("vin", "make", "model", "model_year", "body_class")
EXPORT = pa.schema([pa.field(name, pa.string(), nullable=False) for name in EXPORT_COLUMNS])
# VINs do not repeat: to try a dictionary on them costs time and space.
WRITER: dict[str, Any] = {"compression": "zstd", "use_dictionary": list(EXPORT_COLUMNS[1:])}
ROW_GROUP = 65_536  # vehicles in memory at a time


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
        found = {}
        for decoded_at, detail, wrong, vehicle in rows:
            vin, *names = vehicle.split(BETWEEN)
            found[vin] = Verdict._make((vin, detail, *names, bool(wrong))), decoded_at
        return found

    def put(self, verdicts: Mapping[str, Verdict], source: str, decoded_at: int) -> None:
        """Keep all of these verdicts or none; each replaces what was there for its VIN."""
        rows = []
        for vin, verdict in verdicts.items():
            vehicle = BETWEEN.join(getattr(verdict, name) for name in EXPORT_COLUMNS)
            row = (vin, source, decoded_at, verdict.detail, verdict.check_digit_wrong, vehicle)
            rows.append(row)
        with self._transaction() as connection:
            connection.executemany(PUT, rows)

    def remove(self, vin: str) -> bool:
        """True if a vehicle was cached; a cached "not known" goes too."""
        with self._transaction() as connection:
            return connection.execute(REMOVE, (vin,)).fetchall() == [(1,)]

    def source(self) -> str | None:
        """Where all answers come from; None for an empty cache."""
        with self._transaction() as connection:
            return _source_of(connection)

    def export(self) -> Generator[bytes]:
        """The Parquet file in pieces: the vehicles by VIN, unaffected by later writes."""
        with _explained(), closing(_connect(self.path)) as connection:
            connection.execute("BEGIN")
            source = _source_of(connection)  # SQLite takes the snapshot at the first read
            written = io.BytesIO()
            with pq.ParquetWriter(written, EXPORT, store_schema=False, **WRITER) as writer:
                yield _take(written)  # the first bytes go out before the first row is read
                if source:
                    writer.add_key_value_metadata({"source": source})
                connection.text_factory = bytes
                vehicles = connection.execute(VEHICLES)
                while rows := vehicles.fetchmany(ROW_GROUP):
                    writer.write_table(_table([vehicle for (vehicle,) in rows]))
                    yield _take(written)
            yield _take(written)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _explained(), self._connection:
            yield self._connection


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


def _source_of(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT source FROM answers LIMIT 1").fetchone()
    return row[0] if row else None


def _take(written: io.BytesIO) -> bytes:
    """What was written since the last piece; Arrow counts the position by itself."""
    piece = written.getvalue()
    written.seek(0)
    written.truncate()
    return piece


def _table(vehicles: list[bytes]) -> pa.Table:
    return pyarrow.csv.read_csv(
        pa.BufferReader(b"\n".join(vehicles) + b"\n"),
        read_options=pyarrow.csv.ReadOptions(column_names=EXPORT_COLUMNS, block_size=1 << 24),
        parse_options=pyarrow.csv.ParseOptions(delimiter=BETWEEN, quote_char=False),
        convert_options=pyarrow.csv.ConvertOptions(column_types=EXPORT),
    ).cast(EXPORT)
