"""All cached vehicles as one Parquet file, made while it is sent; no Python object a row.

SQLite lays the VINs of a batch and the ids of their kinds end to end, pyarrow takes the bytes as
they are; the next batch is read while this one is written.
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from include.vin_service.cache import Cache, source_of

KIND = ("make", "model", "model_year", "body_class")
# VINs do not repeat: to try a dictionary on them costs time and space.
WRITER: dict[str, Any] = {"compression": "zstd", "use_dictionary": list(KIND)}
SCHEMA = pa.schema(
    [pa.field("vin", pa.string(), nullable=False)]
    + [pa.field(name, pa.dictionary(pa.int32(), pa.string()), nullable=False) for name in KIND]
)
BATCH = 65_536  # vehicles in a row group, and in memory
VIN_BYTES = 17
# Added to a kind's id, it makes each as many digits.
KINDS_FROM, DIGITS = 1_000_000, 7
PLACES = 10 ** np.arange(DIGITS - 1, -1, -1, dtype=np.int32)

FIRST = f"SELECT kind + {KINDS_FROM} FROM vehicles WHERE vin > ? ORDER BY vin LIMIT 1"
LAST = "SELECT vin FROM vehicles WHERE vin > ? ORDER BY vin LIMIT 1 OFFSET ?"
# The separator of each VIN is its own kind, and stands before it; the first VIN's is left out.
# In the order of the primary key, the one way there is through this table; sorting takes longer.
BYTES = f"""
    SELECT CAST(group_concat(vin, kind + {KINDS_FROM}) AS BLOB) FROM vehicles
    WHERE vin > ? AND vin <= ?
"""


def export(cache: Cache) -> Generator[bytes]:
    """The file in pieces: the vehicles of this moment, by VIN, whatever is written meanwhile."""
    with cache.snapshot() as connection, ThreadPoolExecutor(1, "export-reader") as ahead:
        pieces = _Pieces()
        # Without the Arrow schema the four columns are the plain strings that they are to readers.
        with pq.ParquetWriter(pieces, SCHEMA, store_schema=False, **WRITER) as writer:
            yield pieces.taken()  # the first bytes go out before the first row is read
            if source := source_of(connection):
                writer.add_key_value_metadata({"source": source})
            kinds, batches = _Kinds(connection), _batches(connection)
            reading = ahead.submit(next, batches, None)
            while (batch := reading.result()) is not None:
                reading = ahead.submit(next, batches, None)
                writer.write_table(_table(batch, kinds))
                yield pieces.taken()
        yield pieces.taken()


def _batches(connection: sqlite3.Connection) -> Iterator[npt.NDArray[np.uint8]]:
    """A row a vehicle: the digits of its kind, then its VIN."""
    (end,) = connection.execute("SELECT max(vin) FROM vehicles").fetchone()
    after = ""
    while end is not None and after != end:
        (first,) = connection.execute(FIRST, (after,)).fetchone()
        (last,) = connection.execute(LAST, (after, BATCH - 1)).fetchone() or (end,)
        (rest,) = connection.execute(BYTES, (after, last)).fetchone()
        joined = b"%d%b" % (first, rest)
        yield np.frombuffer(joined, np.uint8).reshape(-1, DIGITS + VIN_BYTES)
        after = last


class _Kinds:
    """Each kind's make, model, year and body class, as places in the four dictionaries."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute(f"SELECT id, {', '.join(KIND)} FROM kinds").fetchall()
        ids, *columns = zip(*rows, strict=True) if rows else ((),) * (1 + len(KIND))
        self._place = np.zeros(max(ids, default=0) + 1, np.int32)
        self._place[list(ids)] = np.arange(len(ids))
        self._columns = [pa.array(column, pa.string()).dictionary_encode() for column in columns]

    def of(self, ids: npt.NDArray[np.int32]) -> list[pa.Array]:
        places = pa.array(self._place[ids])
        return [
            pa.DictionaryArray.from_arrays(column.indices.take(places), column.dictionary)
            for column in self._columns
        ]


def _table(batch: npt.NDArray[np.uint8], kinds: _Kinds) -> pa.Table:
    ids = (batch[:, :DIGITS] - ord("0")).astype(np.int32) @ PLACES - KINDS_FROM
    vins = np.ascontiguousarray(batch[:, DIGITS:])
    offsets = np.arange(0, vins.size + 1, VIN_BYTES, dtype=np.int32)
    vin = pa.StringArray.from_buffers(len(batch), pa.py_buffer(offsets), pa.py_buffer(vins))
    return pa.Table.from_arrays([vin, *kinds.of(ids)], schema=SCHEMA)


class _Pieces(io.RawIOBase):
    """What the writer has written since somebody took it."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._written.append(bytes(piece))
        self._position += len(self._written[-1])
        return len(self._written[-1])

    def tell(self) -> int:
        return self._position

    def taken(self) -> bytes:
        piece = b"".join(self._written)
        self._written.clear()
        return piece
