"""From the body of a landed page to a table of texts, one column a field of the contract."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from include.vehicle_recalls.contract import CONTRACT

LINK = "recall_link"
FIELDS = [column.source for column in CONTRACT.columns]
NUMBERS = {c.source for c in CONTRACT.columns if c.type in (pa.int64(), pa.float64())}
SHAPE = pa.schema(
    [
        pa.field(field, pa.struct([("url", pa.string())]) if field == LINK else pa.string())
        for field in FIELDS
    ]
)
BLOCK_BYTES = 4 << 20  # a row is 3.3 kB at most; a block must hold at least one


def read_rows(lines: bytes | bytearray) -> tuple[pa.Table, dict[int, list[str]]]:
    """The rows as texts, and for rows with a value that is no text, what is wrong with it."""
    if not lines:
        return _texts([]), {}
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(lines),
            read_options=pyarrow.json.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=SHAPE, unexpected_field_behavior="ignore"
            ),
        )
        table.validate(full=True)  # the JSON reader takes any bytes for text
    except pa.ArrowInvalid:
        return _read_one_by_one(lines)
    link = pc.struct_field(table[LINK], "url")
    return table.set_column(table.schema.get_field_index(LINK), LINK, link), {}


def _read_one_by_one(lines: bytes | bytearray) -> tuple[pa.Table, dict[int, list[str]]]:
    """Slower, and forgiving: a link may be plain text, a number may be a number."""
    rows: list[dict[str, str | None]] = []
    problems: dict[int, list[str]] = {}
    for number, line in enumerate(bytes(lines).split(b"\n")):
        row: dict[str, str | None] = {}
        # What is no UTF-8 becomes half characters, like those that JSON may spell as \ud800.
        for field, value in json.loads(line.decode(errors="surrogateescape")).items():
            if field not in SHAPE.names:
                continue
            text = value.get("url") if field == LINK and isinstance(value, dict) else value
            if field in NUMBERS and isinstance(text, int | float) and not isinstance(text, bool):
                text = str(text)
            if isinstance(text, str) and re.search("[\ud800-\udfff]", text):
                problems.setdefault(number, []).append(f"{field}: holds what is no character")
            elif text is None or isinstance(text, str):
                row[field] = text
            else:
                problems.setdefault(number, []).append(
                    f"{field}: {json.dumps(text)[:60]} is no text"
                )
        rows.append(row)
    return _texts(rows), problems


def _texts(rows: list[dict[str, str | None]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema([(field, pa.string()) for field in FIELDS]))
