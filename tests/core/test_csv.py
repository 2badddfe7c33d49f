import csv
import io

import pyarrow as pa
import pytest

from include.data.tables import to_csv
from include.errors import PermanentError
from include.lake.keys import RESERVED_FOLDERS, Keys

ROWS = pa.table(
    {
        "text": ["plain", "a\rb", 'a "b", c', "\r\n", "", None, "=1+1", "ä\u2028数"],
        "number": pa.array([1, None, -3, 4, 5, 6, 7, 8], pa.int64()),
        "flag": [True, False, None, True, True, True, True, True],
    }
)


def test_to_csv_writes_any_text_as_one_row() -> None:
    text = to_csv(ROWS).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ROWS.schema.names
    assert [row[0] for row in rows[1:]] == [each or "" for each in ROWS["text"].to_pylist()]
    assert text.endswith('"ä\u2028数","8","true"\r\n')


def test_to_csv_distinguishes_null_from_empty_text() -> None:
    lines = to_csv(ROWS.slice(4, 2)).decode().split("\r\n")
    assert lines[1:3] == ['"","5","true"', ',"6","true"']


def test_to_csv_without_rows_writes_the_header() -> None:
    assert to_csv(ROWS.slice(0, 0)) == b'"text","number","flag"\r\n'


def test_to_csv_refuses_text_that_does_not_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    read = pa.csv.read_csv
    monkeypatch.setattr(pa.csv, "read_csv", lambda *a, **k: read(*a, **k).slice(1))
    with pytest.raises(PermanentError, match="does not read back"):
        to_csv(ROWS)


def test_reserved_folders_are_those_that_the_core_uses() -> None:
    keys = Keys("places")
    used = [keys.table, keys.ledger, keys.raw_page("r", "all", 0), keys.manifest("r", "all")]
    used += [keys.staging("r", "x"), keys.quarantine("r"), keys.report(1)]
    assert {key.split("/")[1] for key in used} | {"deliveries"} == RESERVED_FOLDERS
