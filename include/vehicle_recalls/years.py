"""Typed rows cut into years, and one hash that says whether a year is what it was."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.vehicle_recalls.contract import CONTRACT, DATE

KEPT = "_kept"  # True: the row's last published state, because this read has no sound one
STAGED_SCHEMA = CONTRACT.schema.append(pa.field(KEPT, pa.bool_()))


def flagged(rows: pa.Table, kept: pa.ChunkedArray | bool) -> pa.Table:
    if isinstance(kept, bool):
        kept = pa.array(np.full(rows.num_rows, kept))
    return rows.append_column(KEPT, kept).cast(STAGED_SCHEMA)


def split_by_year(rows: pa.Table) -> dict[int, pa.Table]:
    """The rows of each year, in the order that the published files have."""
    rows = rows.sort_by([(column, "ascending") for column in CONTRACT.sort_by]).combine_chunks()
    years = pc.year(rows[DATE]).to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(years)) + 1)] if len(years) else []
    ends = [*starts[1:], len(years)]
    return {
        int(years[start]): rows.slice(start, end - start)
        for start, end in zip(starts, ends, strict=False)
    }


def content_hash(rows: pa.Table) -> str:
    """A hash over the business columns alone, the same on every machine and pyarrow version."""
    digest = hashlib.sha256()
    for name in CONTRACT.business_columns:
        column = rows[name].combine_chunks()
        digest.update(np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).tobytes())
        if pa.types.is_string(column.type):
            texts = column.fill_null("")
            _, offsets_buffer, text_buffer = texts.buffers()
            if not len(texts):
                continue
            offsets = np.frombuffer(offsets_buffer, np.int32)[texts.offset :][: len(texts) + 1]
            digest.update(np.diff(offsets).tobytes())
            digest.update(memoryview(text_buffer or b"")[offsets[0] : offsets[-1]])
        else:
            digest.update(_numbers(column).tobytes())
    return digest.hexdigest()


def _numbers(column: pa.Array) -> Any:
    """Values without nulls, bit for bit: a date as its day, an instant as its microsecond."""
    width = {8: pa.int8(), 32: pa.int32(), 64: pa.int64()}
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    elif pa.types.is_temporal(column.type):
        column = column.cast(width[column.type.bit_width])
    return column.fill_null(0).to_numpy(zero_copy_only=False)


NOTHING = content_hash(STAGED_SCHEMA.empty_table())
