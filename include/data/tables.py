"""Arrow tables in the form in which they are published: sorted, split, hashed, as Parquet."""

import hashlib
from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from include.data.contract import Dataset
from include.errors import PermanentError


def concat(tables: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables(list(tables))


def is_in(values: pa.ChunkedArray, collection: Any) -> pa.ChunkedArray:
    if isinstance(collection, pa.ChunkedArray):
        collection = collection.combine_chunks()
    elif not isinstance(collection, pa.Array):
        collection = pa.array(list(collection), values.type)
    return pc.is_in(values, value_set=collection)


def not_in(values: pa.ChunkedArray, collection: Any) -> pa.ChunkedArray:
    return pc.invert(is_in(values, collection))


def split_by_partition(dataset: Dataset, rows: pa.Table) -> dict[str, pa.Table]:
    """The rows of each partition, in the order of published files."""
    if not rows.num_rows:
        return {}
    rows = rows.sort_by(dataset.order).combine_chunks()
    names = pa.chunked_array(dataset.partitions(rows)).combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy(zero_copy_only=False)
    if (np.diff(codes) < 0).any():
        order = np.argsort(codes, kind="stable")
        rows, codes = rows.take(pa.array(order)), codes[order]
    starts = [0, *(np.flatnonzero(np.diff(codes)) + 1), len(codes)]
    dictionary = names.dictionary.to_pylist()
    return {
        dictionary[codes[start]]: rows.slice(start, end - start) for start, end in pairwise(starts)
    }


def content_hash(dataset: Dataset, rows: pa.Table) -> str:
    """A hash of the business columns; the same on every machine and version of Arrow."""
    digest = hashlib.sha256()
    for name in dataset.business_columns:
        column = rows[name].combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # no rows
            column = pa.array([], column.type)
        digest.update(np.packbits(_is_valid(column)).tobytes())
        digest.update(_value_bytes(column))
    return digest.hexdigest()


def _is_valid(column: pa.Array) -> Any:
    # Most columns lack no value, and Arrow's calls cost more than these few rows.
    if not column.null_count:
        return np.ones(len(column), bool)
    return column.is_valid().to_numpy(zero_copy_only=False)


def _value_bytes(column: pa.Array) -> bytes:
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif pa.types.is_temporal(kind):
        column = column.cast(f"int{kind.bit_width}")
    elif not pa.types.is_integer(kind) and not pa.types.is_floating(kind):
        texts = column if pa.types.is_string(kind) else column.cast(pa.string())
        texts = texts.fill_null("") if texts.null_count else texts
        _, starts, characters = texts.buffers()
        bounds = np.frombuffer(starts, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        joined = bytes(memoryview(characters or b"")[bounds[0] : bounds[-1]])
        return np.diff(bounds).tobytes() + joined
    values = column.fill_null(0) if column.null_count else column
    return bytes(values.to_numpy(zero_copy_only=False).tobytes())


def null_counts(rows: pa.Table) -> dict[str, int]:
    return {name: rows[name].null_count for name in rows.schema.names if rows[name].null_count}


def to_parquet(rows: pa.Table, dataset: Dataset | None = None) -> bytes:
    """The same rows give the same bytes."""
    sorting = None
    if dataset is not None:
        rows = rows.cast(dataset.schema)
        sorting = pq.SortingColumn.from_ordering(dataset.schema, dataset.order)
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows.combine_chunks(),
        sink,
        compression="zstd",
        write_page_index=True,
        sorting_columns=sorting,
    )
    return bytes(sink.getvalue())


def from_parquet(body: bytes, columns: Collection[str] | None = None) -> pa.Table:
    # Not pq.read_table: with files this small its dataset layer costs more than the reading. Nor
    # Arrow's threads, which may outlive the interpreter.
    file = pq.ParquetFile(pa.BufferReader(body))
    return file.read(None if columns is None else list(columns), use_threads=False)


def to_csv(rows: pa.Table) -> bytes:
    """CSV as RFC 4180 has it, checked by reading it back.

    Every value is quoted and a null is nothing at all, so that it differs from an empty text.
    """
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(rows, sink, pa.csv.WriteOptions(eol="\r\n", quoting_style="all_valid"))
    body = bytes(sink.getvalue())
    found = pa.csv.read_csv(
        pa.BufferReader(body),
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=len(body) + 1),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=rows.schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    if not found.cast(rows.schema).equals(rows):
        raise PermanentError(
            "the CSV does not read back as the rows that it was written from; nothing was "
            "replaced. Report this defect of Headwaters with the read id"
        )
    return body


def to_ipc(tables: Iterable[pa.Table], schema: pa.Schema) -> bytes:
    """Tables of one schema, one record batch each; an empty one too."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        for table in tables:
            batches = table.combine_chunks().to_batches()
            writer.write_batch(batches[0] if batches else pa.RecordBatch.from_pylist([], schema))
    return bytes(sink.getvalue())


def from_ipc(body: bytes) -> list[pa.Table]:
    with pa.ipc.open_stream(pa.BufferReader(body)) as reader:
        return [pa.Table.from_batches([batch]) for batch in reader]
