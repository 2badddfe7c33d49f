"""From the bytes of a page to typed rows, and rows that break the contract with the reasons."""

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from include.data.formatting import printable
from include.data.validate import QUARANTINE, Reasons, quarantine, validate
from include.lake.reads import SchemaMismatch
from include.vehicle_recalls.contract import DATE, RECALLS
from include.vehicle_recalls.page_rows import row_ids, split_rows

LINK = "recall_link"
FIELDS = [column.field for column in RECALLS.columns]
NUMBERS = {c.field for c in RECALLS.columns if c.type in (pa.int64(), pa.float64())}
TEXTS = pa.schema([(field, pa.string()) for field in FIELDS])
SHAPE = pa.schema(
    [(f, pa.struct([("url", pa.string())]) if f == LINK else pa.string()) for f in FIELDS]
)
PARSE = pyarrow.json.ParseOptions(explicit_schema=SHAPE, unexpected_field_behavior="ignore")
READ = pyarrow.json.ReadOptions(block_size=8 << 20, use_threads=False)  # a row is 3.3 kB at most


class TypedPage(NamedTuple):
    rows: pa.Table
    quarantined: pa.Table


# Not `empty_table()`, with which Arrow imports pandas in every task.
EMPTY = TypedPage(
    pa.Table.from_batches([], pa.schema([pa.field(c.name, c.type) for c in RECALLS.columns])),
    pa.Table.from_batches([], QUARANTINE),
)


def typed_page(body: bytes, latest_day: datetime) -> TypedPage:
    raw = split_rows(body)
    texts, problems = page_texts(raw)
    validated = validate(RECALLS, texts)
    for row, reasons in problems.items():
        validated.reasons.setdefault(row, []).extend(reasons)
    latest = pa.scalar((latest_day + timedelta(days=1)).date())
    future = pc.greater(validated.rows[DATE], latest).fill_null(False)
    for late in np.flatnonzero(future.to_numpy()):
        validated.reasons.setdefault(int(late), []).append(f"{DATE}: is in the future")
    return TypedPage(*quarantine(validated, lambda row: _text(raw[row])))


def raw_by_row_id(body: bytes) -> dict[str, str]:
    """The raw text of each row by its `:id`."""
    return dict(zip(row_ids(body), map(_text, split_rows(body)), strict=True))


def page_texts(raw: Sequence[bytes]) -> tuple[pa.Table, Reasons]:
    """A text column for each field; and for rows with a value that is not text, what is wrong."""
    if not raw:
        return TEXTS.empty_table(), {}
    try:
        table = pyarrow.json.read_json(pa.BufferReader(b"\n".join(raw)), READ, PARSE)
        table.validate(full=True)  # the JSON reader takes any bytes for text
    except pa.ArrowInvalid:
        return _one_by_one(raw)
    if table.num_rows != len(raw):
        return _one_by_one(raw)
    return table.set_column(FIELDS.index(LINK), LINK, pc.struct_field(table[LINK], "url")), {}


def _one_by_one(raw: Sequence[bytes]) -> tuple[pa.Table, Reasons]:
    """Slower, and tolerant: a link may be plain text, a number may be a number."""
    rows: list[dict[str, str | None]] = []
    problems: Reasons = {}
    for number, text in enumerate(raw):
        row, found = _row_texts(text)
        rows.append(row)
        if found:
            problems[number] = found
    return pa.Table.from_pylist(rows, schema=TEXTS), problems


def _row_texts(raw: bytes) -> tuple[dict[str, str | None], list[str]]:
    try:
        fields = json.loads(raw)  # which takes half a character, unlike faster readers
    except (ValueError, RecursionError):
        key = re.search(rb'"nhtsa_id"\s*:\s*"([^"\\]*)"', raw)
        row = {"nhtsa_id": key[1].decode(errors="replace")} if key else {}
        return dict(row), ["the row is not valid JSON, or is nested too deeply"]
    if not isinstance(fields, dict):
        return {}, ["the row is not an object"]
    row, problems = {}, []
    for field, value in fields.items():
        if field not in FIELDS:
            continue
        text: Any = value.get("url") if field == LINK and isinstance(value, dict) else value
        if field in NUMBERS and isinstance(text, int | float) and not isinstance(text, bool):
            text = str(text)
        if isinstance(text, str) and re.search("[\ud800-\udfff]", text):
            problems.append(f"{field}: has half a character")
        elif text is None or isinstance(text, str):
            row[field] = text
        else:
            problems.append(f"{field}: {printable(str(text)[:60])} is not text")
    return row, problems


def _text(raw: bytes) -> str:
    return raw.strip().decode(errors="backslashreplace")


def check_columns(declared: dict[str, str]) -> list[str]:
    """Hold the declared columns against the contract; returns those that it does not know."""
    problems = [
        f"`{column.field}` is {printable(declared.get(column.field, 'missing'))}"
        for column in RECALLS.columns
        if not column.field.startswith(":")
        and declared.get(column.field) not in column.source_types
    ]
    if problems:
        raise SchemaMismatch(
            f"the source's columns changed: {'; '.join(problems)}. If that is meant, change the "
            "contract of vehicle_recalls"
        )
    known = {column.field for column in RECALLS.columns}
    return sorted(printable(n) for n in declared if n not in known and not n.startswith(":"))
