"""Where the answer of a command goes: lines for people, or CSV, JSON and Parquet for programs."""

import argparse
import json
import shutil
import sys
from datetime import datetime
from typing import Any

import pyarrow as pa

from include.cli.questions import whole_number
from include.data.formatting import count, printable
from include.data.tables import to_csv, to_parquet
from include.errors import PermanentError

TABLE = "table"
MAX_WIDTH = 1_000_000  # of a file: no text is cut


def add_format_and_limit(parser: argparse.ArgumentParser, rows: str) -> None:
    parser.add_argument(
        "--format",
        choices=(TABLE, "csv", "json", "parquet"),
        default=TABLE,
        help="table, for people, is the default; the others do not escape the publisher's text",
    )
    parser.add_argument("--limit", type=whole_number, metavar="N", help=f"show at most N {rows}")


def width() -> int:
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else MAX_WIDTH


def print_table(rows: pa.Table) -> None:
    """Columns under their names, the last one cut at the width."""
    texts = [[_cell(value) for value in row.values()] for row in rows.to_pylist()]
    lines = [rows.column_names, *texts]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for *cells, last in lines:
        start = "".join(f"{c:>{w}}  " for c, w in zip(cells, widths[:-1], strict=True))
        print(fitted(start + last, width()))


def print_rows(form: str, rows: pa.Table) -> None:
    if form == "json":
        texts = [json.dumps(row, default=_as_json) for row in rows.to_pylist()]
        print("[" + ",\n".join(texts) + "]")
    elif form == "parquet" and sys.stdout.isatty():
        raise PermanentError(
            "Parquet is not for a terminal; send it to a file: --format parquet > FILE"
        )
    else:
        sys.stdout.buffer.write(to_csv(rows) if form == "csv" else to_parquet(rows))


def note_left_out(rows: int) -> None:
    if rows > 0:
        sys.stdout.flush()
        left_out = count(rows, "more row")
        print(f"note: {left_out} not shown; raise --limit to see them", file=sys.stderr)


def fitted(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def minute(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M}"


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return minute(value)
        case float():
            return f"{value:.2f}"
        case _:
            return printable(value)


def _as_json(value: Any) -> str:
    """A point in time as receipts write it."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
