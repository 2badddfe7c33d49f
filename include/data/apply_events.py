"""The ledger applied: a version of a dataset plus its events gives the later version."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.data.contract import Dataset
from include.data.diff import (
    EDITED,
    EVENTS,
    PUBLISHED,
    RETRACTED,
    as_text,
    compared_columns,
    compared_schema,
)
from include.data.tables import concat, is_in
from include.errors import PermanentError

Fields = dict[str, Any]
Step = list[dict[str, Any]]


class LedgerBroken(PermanentError):
    """The ledger does not say how one version became the other."""


def apply_events(dataset: Dataset, rows: pa.Table, events: pa.Table) -> pa.Table:
    """The rows after these events, which are in order of versions.

    Every step is checked: what is edited or retracted must be as the event says it was.
    """
    known = pc.and_(
        is_in(events["field"], dataset.business_columns), is_in(events["event"], EVENTS)
    )
    for event in events.filter(pc.invert(known)).slice(length=1).to_pylist():
        raise _broken(dataset, event, "is not a column of the contract, or its event is unknown")
    touched = is_in(dataset.keys(rows), dataset.keys(events))
    state = _state(dataset, rows.filter(touched))
    retracted: set[Any] = set()
    for step in _steps(dataset, events):
        _apply(dataset, state, retracted, step)
    untouched = rows.filter(pc.invert(touched)).select(compared_columns(dataset))
    return concat([untouched.cast(compared_schema(dataset)), _rows(dataset, state)])


def _state(dataset: Dataset, rows: pa.Table) -> dict[Any, Fields]:
    """The fields of each row as the ledger spells them, by key; without nulls."""
    texts = {name: as_text(rows[name]).to_pylist() for name in dataset.business_columns}
    if dataset.adds_partition_column:
        texts[dataset.partition_by] = rows[dataset.partition_by].to_pylist()
    return {
        key: {name: values[at] for name, values in texts.items() if values[at] is not None}
        for at, key in enumerate(rows[dataset.key].to_pylist())
    }


def _steps(dataset: Dataset, events: pa.Table) -> Iterable[Step]:
    """The events of one version and one key together, in order of versions."""
    steps: dict[tuple[int, Any], Step] = {}
    for event in events.to_pylist():
        steps.setdefault((event["version"], event[dataset.key]), []).append(event)
    return (steps[at] for at in sorted(steps, key=lambda at: at[0]))


def _apply(dataset: Dataset, state: dict[Any, Fields], retracted: set[Any], step: Step) -> None:
    key, events = step[0][dataset.key], {event["event"] for event in step}
    fields = state.get(key, {})
    if len({event["field"] for event in step}) != len(step) or len(events) != 1:
        raise _broken(dataset, step[0], "is there twice")
    for event in step:
        if fields.get(event["field"]) != event["old"]:
            was = f"was {fields.get(event['field'])!r}, not {event['old']!r}"
            raise _broken(dataset, event, was)
    (kind,) = events
    if (kind in {EDITED, RETRACTED}) != bool(fields):
        raise _broken(dataset, step[0], "already exists" if fields else "does not exist")
    # A row retracted before these events began may return, too.
    if kind == PUBLISHED and key in retracted:
        raise _broken(dataset, step[0], "was retracted before")
    if kind == RETRACTED:
        _retract(dataset, state, step)
        retracted.add(key)
        return
    retracted.discard(key)
    after = fields | {event["field"]: event["new"] for event in step}
    if dataset.adds_partition_column:
        after[dataset.partition_by] = step[0][dataset.partition_by]
    state[key] = {name: value for name, value in after.items() if value is not None}


def _retract(dataset: Dataset, state: dict[Any, Fields], step: Step) -> None:
    key = step[0][dataset.key]
    fields = state[key].keys() & set(dataset.business_columns)
    if len(step) != len(fields):
        what = f"has {len(fields)} fields, of which {len(step)} are retracted"
        raise _broken(dataset, step[0], what)
    del state[key]


def _broken(dataset: Dataset, event: dict[str, Any], what: str) -> LedgerBroken:
    return LedgerBroken(
        f"the ledger of {dataset.name} does not replay: in version {event['version']} "
        f"{event[dataset.key]} is {event['event']}, but its {event['field']} {what}; "
        "restore the ledger from a copy"
    )


def _rows(dataset: Dataset, state: dict[Any, Fields]) -> pa.Table:
    columns = []
    schema = compared_schema(dataset)
    for field in schema:
        values = [fields.get(field.name) for fields in state.values()]
        is_partition = dataset.adds_partition_column and field.name == dataset.partition_by
        columns.append(
            pa.array(values, field.type)
            if is_partition
            else pa.array(values, pa.string()).cast(field.type)
        )
    return pa.table(columns, schema=schema)
