"""A batch of validated rows, staged: what publish needs to know, and candidate files.

All of it depends on what was landed; the current version only saves work, because a partition
whose content it has already needs no new file.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from include.data.contract import Dataset
from include.data.tables import (
    content_hash,
    from_ipc,
    from_parquet,
    not_in,
    null_counts,
    split_by_partition,
    to_ipc,
    to_parquet,
)
from include.lake.keys import Keys, table_path
from include.lake.landing import RawPages
from include.lake.reads import Moment
from include.lake.store import Store, parallel_map
from include.lake.table import get_file, load_version

KEYS_SCHEMA = pa.schema([("key", pa.string()), ("partition", pa.string())])
MAX_ODD = 20


class Part(TypedDict):
    """A partition as a batch brought it, or as a version has it."""

    rows: int
    content: str  # hash of the business columns
    nulls: dict[str, int]
    path: str  # in the table; empty while no file has this content
    etag: str
    size: int
    moment: NotRequired[Moment]  # of the read that a version has it from


class StagedBatch(TypedDict):
    """One batch as it is handed from task to task: references and counts."""

    label: str
    moment: Moment
    landed: int
    valid: int
    parts: dict[str, Part]
    changed: list[str]  # partitions whose rows are under `rows_key`, one record batch each
    rows_key: str | None
    keys_key: str
    quarantine_key: str | None
    new_values: dict[str, list[str]]  # of columns whose values are known, or have a shape
    facts: dict[str, Any]


def stage(
    store: Store,
    dataset: Dataset,
    raw: RawPages,
    rows: pa.Table,
    quarantined: pa.Table,
    facts: Mapping[str, Any] | None = None,
) -> StagedBatch:
    """Split the rows by partition and stage those that the current version has differently."""
    current = load_version(store, Keys(dataset.name).table)
    rows = rows.cast(dataset.schema)
    valid = rows.num_rows
    keys = pa.table([dataset.keys(rows), dataset.partitions(rows)], schema=KEYS_SCHEMA)
    by_partition = split_by_partition(dataset, rows)
    del rows  # the sorted rows are in `by_partition`
    parts: dict[str, Part] = {}
    for name in sorted({*raw["partitions"], *by_partition}):
        part = describe(dataset, by_partition.get(name, dataset.schema.empty_table()))
        known: Part | None = current.parts.get(name)
        if known and known["content"] == part["content"] and not raw["read"]["replay_of"]:
            part = known
        parts[name] = part
    changed = [name for name, part in parts.items() if part["rows"] and not part["path"]]
    changed_rows = [by_partition[name] for name in changed]

    def put(name: str, tables: Sequence[pa.Table], schema: pa.Schema) -> str:
        return put_staged(store, dataset, raw, name, to_ipc(tables, schema))

    return StagedBatch(
        label=raw["label"],
        moment=raw["moment"],
        landed=valid + quarantined.num_rows,
        valid=valid,
        parts=parts,
        changed=changed,
        rows_key=put("rows", changed_rows, dataset.schema) if changed else None,
        keys_key=put("keys", [keys], KEYS_SCHEMA),
        quarantine_key=put("quarantine", [quarantined], quarantined.schema)
        if quarantined.num_rows
        else None,
        new_values=_new_values(dataset, changed_rows),
        facts={**raw["facts"], **(facts or {})},
    )


def put_staged(store: Store, dataset: Dataset, raw: RawPages, name: str, body: bytes) -> str:
    """Hand bytes to a later task. A retry may find another current version, and stage otherwise."""
    digest = hashlib.sha256(body).hexdigest()[:16]
    key = Keys(dataset.name).staging(
        raw["read"]["read_id"], f"{raw['label']}-{name}-{digest}.arrow"
    )
    store.put(key, body)
    return key


def write_candidates(
    store: Store, dataset: Dataset, read_id: str, batch: StagedBatch
) -> StagedBatch:
    """Write a table file for each changed partition; no version names it yet."""
    if batch["rows_key"] is None:
        return batch
    tables = from_ipc(store.get(batch["rows_key"]))
    written = parallel_map(
        lambda item: write_part(store, dataset, read_id, item[0], batch["parts"][item[0]], item[1]),
        zip(batch["changed"], tables, strict=True),
    )
    parts = batch["parts"] | dict(zip(batch["changed"], written, strict=True))
    return StagedBatch(**{**batch, "parts": parts})


def write_part(
    store: Store, dataset: Dataset, read_id: str, partition: str, part: Part, rows: pa.Table
) -> Part:
    """Write the rows that `part` describes into the table's folder."""
    body = to_parquet(rows, dataset)
    path = table_path(read_id, partition, hashlib.sha256(body).hexdigest())
    etag = store.put(Keys(dataset.name).table_file(path), body)
    return Part(**{**part, "path": path, "etag": etag, "size": len(body)})


def describe(dataset: Dataset, rows: pa.Table) -> Part:
    return Part(
        rows=rows.num_rows,
        content=content_hash(dataset, rows),
        nulls=null_counts(rows),
        path="",
        etag="",
        size=0,
    )


def staged_rows(store: Store, dataset: Dataset, batch: StagedBatch, partition: str) -> pa.Table:
    """The valid rows that a batch brought of one partition."""
    part = batch["parts"][partition]
    if not part["rows"]:
        return dataset.schema.empty_table()
    if partition in batch["changed"] and batch["rows_key"]:
        tables = from_ipc(store.get(batch["rows_key"]))
        return tables[batch["changed"].index(partition)].cast(dataset.schema)
    return read_table_file(store, dataset, part["path"])


def read_table_file(
    store: Store, dataset: Dataset, path: str, columns: Iterable[str] | None = None
) -> pa.Table:
    body = get_file(store, Keys(dataset.name).table_file(path))
    return from_parquet(body, None if columns is None else list(columns))


def _new_values(dataset: Dataset, tables: Sequence[pa.Table]) -> dict[str, list[str]]:
    """Values that the contract does not know, and values of another shape, by column."""
    found = {}
    for column in dataset.columns:
        if not (column.known or column.shape):
            continue
        values = pa.chunked_array(
            [chunk for rows in tables for chunk in rows[column.name].chunks], pa.string()
        )
        odd = values.unique().drop_null()
        if column.known:
            odd = odd.filter(not_in(odd, column.known))
        else:
            odd = odd.filter(pc.invert(pc.match_substring_regex(odd, f"^(?:{column.shape})$")))
        found[column.name] = sorted(odd.to_pylist())[:MAX_ODD]
    return found
