"""All cached vehicles as one Parquet file, made while it is sent."""

import io
from collections.abc import Generator
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from include.vin_service.cache import Cache, source_of

COLUMNS = ("vin", "make", "model", "model_year", "body_class")
SCHEMA = pa.schema([pa.field(name, pa.string(), nullable=False) for name in COLUMNS])
# VINs do not repeat: to try a dictionary on them costs time and space.
WRITER: dict[str, Any] = {"compression": "zstd", "use_dictionary": list(COLUMNS[1:])}
BATCH = 65_536  # vehicles in a row group, and in memory
# SQLite joins a batch to one text and Arrow cuts it: far fewer objects than a row each. No value
# has a control character (`vpic._text`).
ROWS = f"""
    SELECT count(*), max(vin), group_concat({" || char(31) || ".join(COLUMNS)}, char(10))
    FROM (SELECT * FROM answers WHERE vin > ? AND detail = '' ORDER BY vin LIMIT {{}})
"""


def export(cache: Cache) -> Generator[bytes]:
    """The file in pieces: the vehicles of this moment by VIN, whatever is written meanwhile."""
    with cache.snapshot() as connection:
        written = io.BytesIO()

        def take() -> bytes:
            """What was written since the last piece; Arrow counts the position by itself."""
            piece = written.getvalue()
            written.seek(0)
            written.truncate()
            return piece

        with pq.ParquetWriter(written, SCHEMA, store_schema=False, **WRITER) as writer:
            yield take()  # the first bytes go out before the first row is read
            if source := source_of(connection):
                writer.add_key_value_metadata({"source": source})
            rows, last = BATCH, ""
            while rows == BATCH:
                rows, last, text = connection.execute(ROWS.format(BATCH), (last,)).fetchone()
                if rows:
                    writer.write_table(_table(text))
                    yield take()
        yield take()


def _table(text: str) -> pa.Table:
    return pyarrow.csv.read_csv(
        pa.BufferReader(f"{text}\n".encode()),
        read_options=pyarrow.csv.ReadOptions(column_names=list(COLUMNS), block_size=1 << 24),
        parse_options=pyarrow.csv.ParseOptions(delimiter="\x1f", quote_char=False),
        convert_options=pyarrow.csv.ConvertOptions(column_types=SCHEMA),
    ).cast(SCHEMA)
