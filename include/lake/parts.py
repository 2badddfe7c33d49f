"""The partitions of the next version: the current file, a candidate, or a file written now."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from include.data.contract import Dataset
from include.data.tables import concat, is_in
from include.lake.staging import (
    KEYS_SCHEMA,
    Part,
    StagedBatch,
    describe,
    read_table_file,
    staged_rows,
    write_part,
)
from include.lake.store import Store, parallel_map
from include.lake.table import Version


class NextKeys(NamedTuple):
    """Key and partition of the next version's rows: valid ones of the read, and current ones."""

    new: pa.Table
    carried: pa.Table


def next_parts(
    store: Store,
    dataset: Dataset,
    current: Version,
    read_id: str,
    names: Iterable[str],
    batch_of: Mapping[str, StagedBatch],
    keys: NextKeys,
) -> dict[str, Part]:
    """These partitions of the next version, as far as they have rows."""
    new, carried = map(_count_by_partition, keys)

    def rows_of(name: str) -> pa.Table:
        tables = [dataset.schema.empty_table()]
        if new[name]:
            rows = staged_rows(store, dataset, batch_of[name], name)
            tables.append(rows.filter(is_in(dataset.keys(rows), _keys_of(keys.new, name))))
        if carried[name]:
            rows = read_table_file(store, dataset, current.parts[name]["path"])
            tables.append(rows.filter(is_in(dataset.keys(rows), _keys_of(keys.carried, name))))
        return concat(table.cast(dataset.schema) for table in tables).sort_by(dataset.order)

    parts: dict[str, Part] = {}
    for name in sorted(names):
        batch = batch_of.get(name)
        known: Any = current.parts.get(name)
        rows = None
        if batch and not carried[name] and new[name] == batch["parts"][name]["rows"]:
            part = batch["parts"][name]  # exactly what the batch brought
        elif known and not new[name] and carried[name] == known["rows"]:
            part = known
        else:
            rows = rows_of(name)
            part = describe(dataset, rows)
        if known and known["content"] == part["content"]:
            part = known
        elif part["rows"] and not part["path"].startswith(f"{read_id}/"):
            rows = rows_of(name) if rows is None else rows
            part = write_part(store, dataset, read_id, name, part, rows)
        if part["rows"]:
            moment = batch["moment"] if batch else known["moment"]
            parts[name] = Part(**{**part, "moment": moment})
    return parts


def _count_by_partition(keys: pa.Table) -> Counter[str]:
    counts = keys["partition"].value_counts().to_pylist()
    return Counter({each["values"]: each["counts"] for each in counts})


def _keys_of(keys: pa.Table, partition: str) -> pa.ChunkedArray:
    return keys.filter(pc.equal(keys["partition"], partition))["key"]


def current_keys(
    store: Store,
    dataset: Dataset,
    current: Version,
    names: Iterable[str],
    covers: Mapping[str, Sequence[object]] | None,
) -> pa.Table:
    """Key and partition of the current rows, and whether the read covers each."""
    schema = KEYS_SCHEMA.append(pa.field("covered", pa.bool_()))
    columns = {dataset.key, *(covers or {})}

    def look(name: str) -> pa.Table:
        rows = read_table_file(store, dataset, current.parts[name]["path"], columns)
        partition = pa.array([name] * rows.num_rows, pa.string())
        covered = pa.array([covers is not None] * rows.num_rows, pa.bool_())
        for column, values in (covers or {}).items():
            covered = pc.and_(covered, is_in(rows[column], values).combine_chunks())
        return pa.table([dataset.keys(rows), partition, covered], schema=schema)

    return concat([schema.empty_table(), *parallel_map(look, names)])
