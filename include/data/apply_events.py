"""The ledger applied: a version of a dataset plus its events gives the later version."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.data.contract import Dataset
from include.data.diff import as_text, compared_columns, compared_schema
from include.data.tables import concat, is_in
from include.errors import PermanentError

Fields = dict[str, str | None]  # of one row, as the ledger spells them


class LedgerBroken(PermanentError):
    """The ledger does not say how one version became the other."""


def apply_events(dataset: Dataset, rows: pa.Table, events: pa.Table) -> pa.Table:
    """The rows after these events, which are in order of versions.

    Every event is checked: the value before it must be what the event says.
    """
    touched = is_in(dataset.keys(rows), dataset.keys(events))
    known = _fields_by_key(dataset, rows.filter(touched))
    for event in events.to_pylist():
        fields = known.setdefault(event[dataset.key], dict.fromkeys(compared_columns(dataset)))
        name = event["field"]
        if name not in dataset.business_columns or fields[name] != event["old"]:
            raise LedgerBroken(
                f"the ledger of {dataset.name} does not replay: in version {event['version']} "
                f"{event[dataset.key]} is {event['event']}, but its {name} was not "
                f"{event['old']!r}; restore the ledger from a copy"
            )
        fields[name] = event["new"]
        if dataset.adds_partition_column:
            fields[dataset.partition_by] = str(event[dataset.partition_by])
    untouched = rows.filter(pc.invert(touched)).select(compared_columns(dataset))
    return concat([untouched.cast(compared_schema(dataset)), _table(dataset, known)])


def _fields_by_key(dataset: Dataset, rows: pa.Table) -> dict[Any, Fields]:
    texts = pa.table({name: as_text(rows[name]) for name in compared_columns(dataset)})
    return dict(zip(rows[dataset.key].to_pylist(), texts.to_pylist(), strict=True))


def _table(dataset: Dataset, known: dict[Any, Fields]) -> pa.Table:
    """The rows that have a value left; a retraction leaves none."""
    present = [
        fields
        for fields in known.values()
        if any(fields[name] is not None for name in dataset.business_columns)
    ]
    schema = compared_schema(dataset)
    columns = [
        pa.array([fields[field.name] for fields in present], pa.string()).cast(field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
