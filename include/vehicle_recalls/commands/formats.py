"""Where a command's findings go: lines for people, or CSV, JSON and Parquet, streamed."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from include.errors import PermanentError

TABLE = "table"
FORMATS = (TABLE, "csv", "json", "parquet")
WIDTH = (100, 24)  # where there is no terminal to ask
# Parquet wants rows by the thousand, and a version of the ledger has a few.
ROWS_AT_ONCE = 50_000


class Output:
    """Standard output and standard error of a command; called with a line, it says it."""

    def __init__(self, out: TextIO, aside: TextIO) -> None:
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(errors="backslashreplace")  # not every terminal knows every character
        self._out, self._aside = out, aside

    def __call__(self, line: str = "") -> None:
        self._out.write(line + "\n")

    def note(self, line: str) -> None:
        """What a person should know and a program should not read."""
        self._out.flush()
        self._aside.write(f"note: {line}\n")

    @property
    def width(self) -> int:
        return shutil.get_terminal_size(WIDTH).columns

    def write(self, form: str, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
        """Send tables on one by one, as csv, json or parquet; none give the head alone."""
        if form == "json":
            for line in as_json(tables):
                self(line)
            return
        if form == "parquet" and self._out.isatty():
            raise PermanentError(
                "Parquet is not for a terminal; send it to a file: --format parquet > FILE"
            )
        sink = self._out.buffer
        if form == "parquet":
            with pq.ParquetWriter(sink, schema, compression="zstd") as parquet:
                for table in _together(tables):
                    parquet.write_table(table)
            return
        spelled = pa.schema([(f.name, pa.string() if _is_time(f) else f.type) for f in schema])
        # Quotes tell an empty text from a null, which has none.
        options = pyarrow.csv.WriteOptions(quoting_style="all_valid")
        with pyarrow.csv.CSVWriter(sink, spelled, write_options=options) as csv:
            for table in tables:
                csv.write_table(_spelled(table))


def as_json(tables: Iterable[pa.Table]) -> Iterator[str]:
    """One array, with one object a line."""
    comma = "["
    for table in tables:
        for row in table.to_pylist():
            yield comma + json.dumps(row, default=told)
            comma = ","
    yield "]" if comma == "," else "[]"


def told(value: Any) -> str:
    """A date or an instant, as receipts spell them."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no spelling")


def _is_time(field: pa.Field) -> bool:
    return bool(pa.types.is_timestamp(field.type))


def _spelled(table: pa.Table) -> pa.Table:
    for at, field in enumerate(table.schema):
        if _is_time(field):
            times = [time and told(time) for time in table[field.name].to_pylist()]
            table = table.set_column(at, field.name, pa.array(times, pa.string()))
    return table


def _together(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(part.num_rows for part in waiting) >= ROWS_AT_ONCE:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
