"""One partition of the next version: the current file, a candidate, or a file rebuilt now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from include.data.contract import Dataset
from include.data.tables import concat, is_in, split_by_partition
from include.lake.reads import NEVER, Read
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


class KeySets(NamedTuple):
    """Keys with their partitions: rows as they came, valid rows, current rows that stay."""

    brought: pa.Table
    valid: pa.Table
    carried: pa.Table

    def of(self, partition: str) -> KeySets:
        return KeySets(*(keys.filter(pc.equal(keys["partition"], partition)) for keys in self))

    def counts(self) -> dict[str, list[int]]:
        """How many keys each set has, by partition."""
        found = defaultdict[str, list[int]](lambda: [0, 0, 0])
        for number, keys in enumerate(self):
            for each in keys["partition"].value_counts().to_pylist():
                found[each["values"]][number] = each["counts"]
        return found


def next_part(
    store: Store,
    dataset: Dataset,
    current: Version,
    read: Read,
    keys: KeySets,
    counts: Sequence[int],
    name: str,
    batch: StagedBatch | None,
) -> Part:
    known: Part | None = current.parts.get(name)
    brought, valid, carried = counts
    moment = batch["moment"] if batch else known["moment"] if known else NEVER
    if batch and not carried and valid == brought:
        part = batch["parts"][name]  # exactly what the batch brought
        has_file = part["path"].startswith(f"{read['read_id']}/")
        rows = None if has_file else lambda: staged_rows(store, dataset, batch, name)
    elif known and not valid and carried == known["rows"]:
        part, rows = known, None
    else:
        table = _rebuilt(store, dataset, keys.of(name), name, batch, known)
        part, rows = describe(dataset, table), lambda: table
    if known and known["content"] == part["content"]:
        part = known
    elif part["rows"] and rows is not None:
        part = write_part(store, dataset, read["read_id"], name, part, rows())
    return Part(**{**part, "moment": moment})


def _rebuilt(
    store: Store,
    dataset: Dataset,
    keys: KeySets,
    name: str,
    batch: StagedBatch | None,
    known: Part | None,
) -> pa.Table:
    """Valid rows of the batch and current rows that are carried over, in published order."""
    tables = [dataset.schema.empty_table()]
    if batch and keys.valid.num_rows:
        new = staged_rows(store, dataset, batch, name)
        tables.append(new.filter(is_in(dataset.keys(new), keys.valid["key"])))
    if known and keys.carried.num_rows:
        old = read_table_file(store, dataset, known["path"])
        tables.append(old.filter(is_in(dataset.keys(old), keys.carried["key"])))
    rows = concat(table.cast(dataset.schema) for table in tables)
    return split_by_partition(dataset, rows).get(name, dataset.schema.empty_table())


def current_keys(
    store: Store,
    dataset: Dataset,
    current: Version,
    names: Sequence[str],
    covers: Mapping[str, Sequence[object]] | None,
) -> tuple[pa.Table, pa.ChunkedArray]:
    """Key and partition of the current rows, and whether the read covers each."""
    columns = {dataset.key, *(covers or {})}

    def look(name: str) -> tuple[pa.Table, pa.Array]:
        rows = read_table_file(store, dataset, current.parts[name]["path"], columns)
        partition = pa.array([name] * rows.num_rows, pa.string())
        covered = pa.array([covers is not None] * rows.num_rows, pa.bool_())
        for column, values in (covers or {}).items():
            of_row = is_in(rows[column], values).combine_chunks()
            covered = pc.and_(covered, of_row)
        return pa.table([dataset.keys(rows), partition], schema=KEYS_SCHEMA), covered

    found = parallel_map(look, names)
    keys = concat([KEYS_SCHEMA.empty_table(), *(table for table, _ in found)])
    return keys, pa.chunked_array([covered for _, covered in found], pa.bool_())
