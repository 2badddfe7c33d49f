"""The three tables as files, in a folder of their own that no reader knows yet."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import TypedDict

import pyarrow as pa
import pyarrow.csv

from include.first.lake import Lake
from include.first.parquet import to_parquet
from include.subject_books.read import Read, landed_records, landed_works
from include.subject_books.shape import shape
from include.subject_books.versions import KEYS, newest

log = logging.getLogger(__name__)
CSV, PARQUET = "csv", "parquet"
KINDS = (CSV, PARQUET)
# As RFC 4180 has it. A null is nothing at all, an empty text is "": so PostgreSQL's COPY reads it.
RFC_4180 = pa.csv.WriteOptions(eol="\r\n", quoting_style="all_valid")
TOLD = 5


class File(TypedDict):
    """One table's file of one kind."""

    name: str
    kind: str
    rows: int
    size: int
    sha256: str


class Snapshot(TypedDict):
    """The three tables of one read, as files."""

    read: Read
    folder: str
    sha256: str  # of the CSV files together: what the content is known by
    files: list[File]
    oddities: dict[str, int]  # what was odd, and how often
    authors_with_record: int


def write(lake: Lake, read: Read) -> Snapshot:
    """Shape what was landed and write it; the same answers give the same bytes."""
    shaped = shape(landed_works(lake, read), landed_records(lake, read))
    for what, where in sorted(shaped.oddities.items()):
        more = f" and {len(where) - TOLD} more" if len(where) > TOLD else ""
        log.warning("%s: %s%s", what, ", ".join(where[:TOLD]), more)
    bodies = {
        (name, kind): body
        for name, table in shaped.tables.items()
        for kind, body in ((CSV, to_csv(table)), (PARQUET, to_parquet(table)))
    }
    sha256 = _content_of(bodies)
    folder = KEYS.snapshot(read["subject"], read["token"], sha256)
    head = newest(lake, read["subject"])
    if head.receipt.get("sha256") == sha256:
        folder = head.receipt["folder"]  # which holds the same and is never changed
    else:
        for (name, kind), body in bodies.items():
            lake.put(KEYS.file_of(folder, name, kind), body)
    files = [
        File(
            name=name,
            kind=kind,
            rows=shaped.tables[name].num_rows,
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
        )
        for (name, kind), body in bodies.items()
    ]
    return Snapshot(
        read=read,
        folder=folder,
        sha256=sha256,
        files=files,
        oddities={what: len(where) for what, where in sorted(shaped.oddities.items())},
        authors_with_record=shaped.tables["authors"]["trouble"].null_count,
    )


def to_csv(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(table, sink, RFC_4180)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def _content_of(bodies: Mapping[tuple[str, str], bytes]) -> str:
    whole = hashlib.sha256()
    for (name, kind), body in sorted(bodies.items()):
        if kind == CSV:
            whole.update(f"{name} {len(body)}\n".encode())
            whole.update(body)
    return whole.hexdigest()
