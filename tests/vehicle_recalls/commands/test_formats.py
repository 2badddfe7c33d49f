"""What programs read: each format read back, and told apart what must be."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from include.first.contract import TIMESTAMP
from include.vehicle_recalls.commands.formats import Output

SCHEMA = pa.schema([("at", TIMESTAMP), ("text", pa.string()), ("number", pa.int64())])
MOMENT = datetime(2026, 6, 28, 9, 30, 43, tzinfo=UTC)
ROWS = [
    {"at": MOMENT, "text": None, "number": 1},
    {"at": MOMENT, "text": "", "number": None},
    {"at": MOMENT, "text": 'a "quoted", bell \x07\nline', "number": -3},
    {"at": MOMENT.replace(microsecond=5), "text": "Citroën", "number": 4},
]


def written(form: str, rows: list[dict[str, object]]) -> bytes:
    """One row a table, as the ledger comes in many."""
    sink = io.BytesIO()
    output = Output(io.TextIOWrapper(sink, encoding="utf-8", write_through=True), io.StringIO())
    tables = (pa.Table.from_pylist([row], schema=SCHEMA) for row in rows)
    output.write(form, tables, SCHEMA)
    return sink.getvalue()


def test_json_is_one_array():
    """One object a line; null is null, and an instant is spelled as in the receipts."""
    body = written("json", ROWS)
    instants = [{"at": "2026-06-28T09:30:43Z"}] * 3 + [{"at": "2026-06-28T09:30:43.000005Z"}]
    assert json.loads(body) == [row | at for row, at in zip(ROWS, instants, strict=True)]
    assert body.count(b"\n") == len(ROWS) + 1
    assert b"\x07" not in body


def test_csv_tells_null_from_empty():
    """A null has no quotes and an empty text has; everything comes back as it was."""
    body = written("csv", ROWS)
    assert body.splitlines()[0] == b'"at","text","number"'
    read = pyarrow.csv.read_csv(
        io.BytesIO(body),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=SCHEMA, strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    assert read.to_pylist() == ROWS


def test_parquet_comes_back_as_it_was():
    """Schema and rows; the many small tables are few row groups."""
    file = pq.ParquetFile(io.BytesIO(written("parquet", ROWS)))
    assert file.schema_arrow.equals(SCHEMA)
    assert file.read().to_pylist() == ROWS
    assert file.num_row_groups == 1


def test_nothing_has_a_shape_too():
    """No rows are an empty array, a head, and a file with the schema."""
    assert written("json", []) == b"[]\n"
    assert written("csv", []) == b'"at","text","number"\n'
    assert pq.read_table(io.BytesIO(written("parquet", []))).schema.equals(SCHEMA)


@pytest.mark.parametrize("form", ["json", "csv"])
def test_rows_leave_as_they_come(form: str):
    """The first rows are written before the last are made: nothing is collected."""
    sink = io.BytesIO()
    output = Output(io.TextIOWrapper(sink, encoding="utf-8", write_through=True), io.StringIO())
    seen = []

    def tables() -> Iterator[pa.Table]:
        for row in ROWS:
            seen.append(sink.tell())
            yield pa.Table.from_pylist([row], schema=SCHEMA)

    output.write(form, tables(), SCHEMA)
    assert seen[1:] == sorted(set(seen[1:]))
    assert seen[-1] > seen[0]


def test_a_terminal_that_does_not_know_a_character():
    """It gets the character spelled out, and no error."""
    sink = io.BytesIO()
    output = Output(io.TextIOWrapper(sink, encoding="ascii", write_through=True), io.StringIO())
    output("Citroën")
    assert sink.getvalue() == b"Citro\\xebn\n"


def test_a_note_is_set_apart():
    """It goes to standard error, so that a file of findings holds nothing else."""
    out, aside = io.StringIO(), io.StringIO()
    output = Output(out, aside)
    output("found")
    output.note("the ledger is behind")
    assert (out.getvalue(), aside.getvalue()) == ("found\n", "note: the ledger is behind\n")
