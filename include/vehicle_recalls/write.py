"""Candidate files: one Parquet file for each changed year, invisible until publish commits it."""

from __future__ import annotations

import hashlib
from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.first.contract import Column
from include.first.keys import Keys
from include.first.lake import Lake
from include.first.parquet import to_parquet
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.partition import Staged, read_ipc

KEYS = Keys(CONTRACT.name)
SORTING = pq.SortingColumn.from_ordering(
    CONTRACT.schema, [(column, "ascending") for column in CONTRACT.sort_by]
)
UNKNOWN_TOLD, LONGEST_TOLD = 5, 60  # values of a column, and characters of each


class Facts(TypedDict):
    """What the bytes of a file say when they are read back, as small as a reference must be."""

    rows: int
    unlike: list[str]  # columns that are not as the contract has them
    nulls: dict[str, int]  # of the columns that have any
    ranges: dict[str, list[str]]  # least and greatest, as text, of the columns with limits
    unknown: dict[str, list[str]]  # a few of the values that the contract does not know


class Candidate(Facts):
    path: str
    sha256: str


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
    return Candidate(path=path, sha256=sha256, **facts_of(body))


def facts_of(body: bytes) -> Facts:
    """What readers will find: the audit holds the file itself to the contract, not its maker."""
    file = pq.ParquetFile(pa.BufferReader(body))
    limited = [c for c in CONTRACT.columns if c.minimum is not None or c.maximum is not None]
    known = [column for column in CONTRACT.columns if column.known]
    names = file.schema_arrow.names
    looked_at = [column.name for column in [*limited, *known] if column.name in names]
    rows = file.read(looked_at, use_threads=False)
    ranges = {c.name: _range(rows[c.name]) for c in limited if c.name in looked_at}
    unknown = {c.name: _unknown(c, rows[c.name]) for c in known if c.name in looked_at}
    return Facts(
        rows=file.metadata.num_rows,
        unlike=_unlike(file.schema_arrow),
        nulls=_nulls(file.metadata),
        ranges={name: ends for name, ends in ranges.items() if ends},
        unknown={name: values for name, values in unknown.items() if values},
    )


def _unlike(schema: pa.Schema) -> list[str]:
    have, wanted = (
        [f"{f.name} {f.type}" + ("" if f.nullable else " not null") for f in fields]
        for fields in (schema, CONTRACT.schema)
    )
    if have == wanted:
        return []
    differ = [
        *(f"has {column}" for column in have if column not in wanted),
        *(f"lacks {column}" for column in wanted if column not in have),
    ]
    return differ or ["has its columns in another order"]


def _nulls(footer: pq.FileMetaData) -> dict[str, int]:
    nulls: dict[str, int] = {}
    for group in (footer.row_group(number) for number in range(footer.num_row_groups)):
        for column in (group.column(number) for number in range(group.num_columns)):
            if missing := column.statistics.null_count:
                nulls[column.path_in_schema] = nulls.get(column.path_in_schema, 0) + missing
    return nulls


def _range(values: pa.ChunkedArray) -> list[str]:
    """Of the values themselves: the footer's least and greatest pass over what is no number."""
    if pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py():
        return ["nan", "nan"]
    ends = pc.min_max(values).as_py()
    return [] if ends["min"] is None else [str(ends["min"]), str(ends["max"])]


def _unknown(column: Column, values: pa.ChunkedArray) -> list[str]:
    found = {value for value in values.unique().to_pylist() if value is not None}
    return [value[:LONGEST_TOLD] for value in sorted(found - {*column.known})[:UNKNOWN_TOLD]]
