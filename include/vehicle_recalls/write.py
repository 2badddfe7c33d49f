"""Candidate files: one Parquet file for each changed year, invisible until publish commits it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypedDict

import pyarrow as pa
import pyarrow.parquet as pq

from include.lake import Keys, Lake
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.partition import Staged, read_ipc

KEYS = Keys(CONTRACT.name)
SORTING = pq.SortingColumn.from_ordering(
    CONTRACT.schema, [(column, "ascending") for column in CONTRACT.sort_by]
)


class Candidate(TypedDict):
    path: str
    sha256: str
    rows: int


class Written(TypedDict):
    staged: Staged
    candidates: dict[str, Candidate]  # by year; a year that lost its last row has none


def write_parquet(lake: Lake, staged: Staged) -> Written:
    candidates: dict[str, Candidate] = {}
    if staged["rows_key"]:
        tables = read_ipc(lake, staged["rows_key"])
        years = [year for year in staged["changed"] if staged["years"][str(year)]["rows"]]
        written = lake.at_once(
            lambda item: write_candidate(lake, staged["read"]["token"], *item),
            zip(years, tables, strict=True),
        )
        candidates = {str(year): found for year, found in zip(years, written, strict=True)}
    return Written(staged=staged, candidates=candidates)


def write_candidate(lake: Lake, token: str, year: int, rows: pa.Table) -> Candidate:
    body = to_parquet(rows.select(CONTRACT.schema.names).cast(CONTRACT.schema), SORTING)
    sha256 = hashlib.sha256(body).hexdigest()
    path = KEYS.candidate(year, token, sha256)
    lake.put(f"{KEYS.table}/{path}", body)
    return Candidate(path=path, sha256=sha256, rows=rows.num_rows)


def to_parquet(rows: pa.Table, sorting: Sequence[pq.SortingColumn] = ()) -> bytes:
    """The same rows give the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows, sink, compression="zstd", write_page_index=True, sorting_columns=sorting or None
    )
    body: bytes = sink.getvalue().to_pybytes()
    return body
