"""Two versions of a dataset side by side: what was published, edited, retracted, as events."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.data.contract import TIMESTAMP, Dataset
from include.data.tables import concat, is_in, not_in

PUBLISHED, EDITED, RETRACTED, REPUBLISHED = "published", "edited", "retracted", "republished"
EVENTS = (PUBLISHED, EDITED, RETRACTED, REPUBLISHED)


class Diff(NamedTuple):
    """What differs, by key."""

    published: pa.Table  # rows that only the newer version has
    retracted: pa.Table  # rows that only the older version has
    edits: pa.Table  # an event for each field that differs
    edited: int  # rows with an edit
    unchanged: int


def ledger_schema(dataset: Dataset) -> pa.Schema:
    return pa.schema(
        [
            _field("version", pa.int64(), "The version of the table that brought the change."),
            _field("observed_at", TIMESTAMP, "When the source was read, by the source's clock."),
            *_identity(dataset),
            _field(
                "event",
                pa.string(),
                "published, edited, retracted, or republished: published again after a retraction.",
            ),
            _field("field", pa.string(), "The column that changed; an edit names only these."),
            _field("old", pa.string(), "The value before, as text; null: none.", nullable=True),
            _field("new", pa.string(), "The value now, as text; null: none.", nullable=True),
        ]
    )


def _identity(dataset: Dataset) -> list[pa.Field]:
    """The columns that tell whose event it is: the key, and the partition."""
    types = dataset.table_schema
    key = _field(dataset.key, types.field(dataset.key).type, "The key of the row that changed.")
    if dataset.partition_by in {"", dataset.key}:
        return [key]
    partition = dataset.partition_by
    return [key, _field(partition, types.field(partition).type, "The row's partition.")]


def _field(name: str, kind: pa.DataType, sentence: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"comment": sentence})


def compared_columns(dataset: Dataset) -> list[str]:
    """The business columns, and the partition where it is not one of them."""
    names = dataset.business_columns
    return [*names, *([dataset.partition_by] if dataset.adds_partition_column else [])]


def compared_schema(dataset: Dataset) -> pa.Schema:
    return pa.schema([dataset.table_schema.field(name) for name in compared_columns(dataset)])


def compare(dataset: Dataset, old: pa.Table, new: pa.Table) -> Diff:
    """Both tables have the compared columns; a key is unique in each."""
    old_keys, new_keys = dataset.keys(old), dataset.keys(new)
    at = pc.index_in(new_keys.combine_chunks(), value_set=old_keys.combine_chunks())
    old_both, new_both = old.take(at.drop_null()), new.filter(at.is_valid())
    edited = np.zeros(new_both.num_rows, bool)
    edits = [_no_events(dataset)]
    for name in dataset.business_columns:
        before, after = as_text(old_both[name]), as_text(new_both[name])
        differs = _differs(before, after)
        edited |= differs.to_numpy(zero_copy_only=False)
        rows = pa.array(np.flatnonzero(differs))
        if len(rows):
            edits.append(
                _events(dataset, new_both.take(rows), name, before.take(rows), after.take(rows))
            )
    return Diff(
        published=new.filter(at.is_null()),
        retracted=old.filter(not_in(old_keys, new_keys)),
        edits=concat(edits),
        edited=int(edited.sum()),
        unchanged=int((~edited).sum()),
    )


def events_of(
    dataset: Dataset, diff: Diff, version: int, observed_at: object, retracted_before: list[str]
) -> pa.Table:
    """The rows of the ledger for one version: one for each field, in order."""
    returned = is_in(dataset.keys(diff.published), retracted_before)
    events = concat(
        [
            _labelled(diff.edits, EDITED),
            _whole_rows(dataset, diff.published.filter(pc.invert(returned)), PUBLISHED),
            _whole_rows(dataset, diff.published.filter(returned), REPUBLISHED),
            _whole_rows(dataset, diff.retracted, RETRACTED),
        ]
    )
    columns = {name: events[name] for name in events.schema.names}
    columns["version"] = pa.array([version] * events.num_rows, pa.int64())
    columns["observed_at"] = pa.array([observed_at] * events.num_rows, TIMESTAMP)
    schema = ledger_schema(dataset)
    ordered = pa.table(columns).select(schema.names).cast(schema)
    return ordered.sort_by([(dataset.key, "ascending"), ("field", "ascending")])


def as_text(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Values as text that can be read back; a null stays a null, an empty text an empty text."""
    texts = values.cast(pa.string())
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _differs(before: pa.Array, after: pa.Array) -> pa.Array:
    one_is_null = pc.xor(before.is_null(), after.is_null())
    return pc.or_(one_is_null, pc.not_equal(before, after).fill_null(False))


def _whole_rows(dataset: Dataset, rows: pa.Table, event: str) -> pa.Table:
    """An event for each field of a row that is not null."""
    parts = [_no_events(dataset)]
    for name in dataset.business_columns:
        some = rows.filter(pc.is_valid(rows[name]))
        texts, nothing = as_text(some[name]), pa.nulls(some.num_rows, pa.string())
        old, new = (texts, nothing) if event == RETRACTED else (nothing, texts)
        parts.append(_events(dataset, some, name, old, new))
    return _labelled(concat(parts), event)


def _events(dataset: Dataset, rows: pa.Table, name: str, old: pa.Array, new: pa.Array) -> pa.Table:
    columns = {field.name: rows[field.name] for field in _identity(dataset)}
    columns["field"] = pa.array([name] * rows.num_rows, pa.string())
    return pa.table({**columns, "old": old, "new": new}).cast(_no_events(dataset).schema)


def _no_events(dataset: Dataset) -> pa.Table:
    texts = [(name, pa.string()) for name in ("field", "old", "new")]
    identity = [(field.name, field.type) for field in _identity(dataset)]
    return pa.schema([*identity, *texts]).empty_table()


def _labelled(events: pa.Table, event: str) -> pa.Table:
    return events.append_column("event", pa.array([event] * events.num_rows, pa.string()))
