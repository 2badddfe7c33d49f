"""Where the answer of a command goes: lines for people, or CSV, JSON and Parquet as a stream."""

import io
import json
import shutil
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from include.errors import PermanentError

TABLE = "table"
FORMATS = (TABLE, "csv", "json", "parquet")
WIDTH = 100  # where there is no terminal to ask
MAX_WIDTH = 1_000_000  # of a file: no text is cut
MIN_CELL = 12
ARROW = " -> "


class Output:
    """Standard output and standard error of a command."""

    def __init__(self, out: TextIO, errors: TextIO) -> None:
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(errors="backslashreplace")  # not every terminal has every character
        self._out, self._errors = out, errors

    def line(self, text: str = "") -> None:
        self._out.write(text + "\n")

    def note(self, text: str) -> None:
        """What a person should know and a program should not read."""
        self._out.flush()
        self._errors.write(f"note: {text}\n")

    @property
    def width(self) -> int:
        if not self._out.isatty():
            return MAX_WIDTH
        return shutil.get_terminal_size((WIDTH, 24)).columns

    def aligned(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns under their heads, numbers to the right; the last one is cut at the width."""
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        numbers = [
            all(not r[at].strip("-+0123456789.,%") for r in rows) for at in range(len(heads))
        ]
        for row in [heads, *rows]:
            cells = zip(row, widths, numbers, strict=True)
            text = "  ".join(t.rjust(w) if number else t.ljust(w) for t, w, number in cells)
            self.line(fitted(text.rstrip(), self.width))

    def rows(self, form: str, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
        """Stream tables of one schema as csv, json or parquet."""
        if form == "json":
            comma = "["
            for table in tables:
                for row in table.to_pylist():
                    self.line(comma + json.dumps(row, default=as_json))
                    comma = ","
            self.line("]" if comma == "," else "[]")
            return
        if form == "parquet" and self._out.isatty():
            raise PermanentError(
                "Parquet is not for a terminal; send it to a file: --format parquet > FILE"
            )
        sink = self._out.buffer
        if form == "parquet":
            with pq.ParquetWriter(sink, schema, compression="zstd") as parquet:
                for table in tables:
                    parquet.write_table(table)
            return
        texts = pa.schema([(f.name, pa.string() if _is_time(f) else f.type) for f in schema])
        # Quotes tell an empty text from a null, which has none.
        options = pyarrow.csv.WriteOptions(quoting_style="all_valid")
        with pyarrow.csv.CSVWriter(sink, texts, write_options=options) as csv:
            for table in tables:
                csv.write_table(_with_time_texts(table))


def fitted(text: str, width: int) -> str:
    width = max(width, MIN_CELL)
    return text if len(text) <= width else text[: width - 3] + "..."


def as_json(value: Any) -> str:
    """A date or a point in time, as receipts write them."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def minute(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M}"


def _is_time(field: pa.Field) -> bool:
    return bool(pa.types.is_timestamp(field.type))


def _with_time_texts(table: pa.Table) -> pa.Table:
    for at, field in enumerate(table.schema):
        if _is_time(field):
            texts = [None if v is None else as_json(v) for v in table[field.name].to_pylist()]
            table = table.set_column(at, field.name, pa.array(texts, pa.string()))
    return table
