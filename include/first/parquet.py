"""Rows as the bytes of a Parquet file."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq


def to_parquet(rows: pa.Table, sorting: Sequence[pq.SortingColumn] = ()) -> bytes:
    """The same rows give the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows.combine_chunks(),
        sink,
        compression="zstd",
        write_page_index=True,
        sorting_columns=sorting or None,
    )
    body: bytes = sink.getvalue().to_pybytes()
    return body
